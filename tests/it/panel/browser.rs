//! The panel in a real browser, with a script and without.
//!
//! The browser is Debian's Chromium, driven by playwright-core (`browser.js`), with axe-core's judgement of what it
//! shows. `.ci/run` installs them (the latter two into `target/libs`); where they are missing, that is said and these
//! tests are skipped.

use super::super::harness::{Daemon, retrying_after, skipped};
use super::super::receiver::{Receiver, Reply};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

fn libraries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libs/node_modules")
}

fn in_a_browser(script: &str) {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].into_iter().find(|path| Path::new(path).exists());
    let missing = if !Command::new("node").arg("--version").output().is_ok_and(|out| out.status.success()) {
        Some("node is not installed")
    } else if chromium.is_none() {
        Some("chromium is not installed")
    } else if !["playwright-core", "axe-core"].iter().all(|name| libraries().join(name).exists()) {
        Some("playwright-core and axe-core are not in target/libs")
    } else {
        None
    };
    let (Some(chromium), None) = (chromium, missing) else {
        return skipped("the panel in a browser", &format!("{}; .ci/run installs it", missing.unwrap_or_default()));
    };
    let hostile = "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'>";
    let failure = format!("HTTP/1.1 500 X\r\nContent-Length: {}\r\n\r\n{hostile}", hostile.len());
    let elsewhere =
        format!("HTTP/1.1 302 X\r\nLocation: https://loja.example/{}\r\nContent-Length: 0\r\n\r\n", "x".repeat(300));
    // The test fails, and the first event's first attempt.
    let replies = [elsewhere, failure].map(|reply| Reply::Raw(reply.into_bytes()));
    let receiver = Receiver::start(&[replies.as_slice(), &[Reply::Status(200)]].concat());
    let daemon = Daemon::start(&retrying_after("3s"));
    let reader = daemon.post("/api/tokens", &json!({ "token": { "name": "leitor", "scopes": ["read"] } })).expect(201);
    let out = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/panel/browser.js"))
        .env("NODE_PATH", libraries())
        .env("ADDRESS", &daemon.address)
        .env("TOKEN", &daemon.token)
        .env("READER", reader.data()["token"].as_str().unwrap())
        .env("TARGET", &receiver.url)
        .env("CHROMIUM", chromium)
        .env("SCRIPT", script)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.trim() == "all well", "{said}\n{}\n{}", String::from_utf8_lossy(&out.stderr), daemon.log());
}

#[test]
fn a_person_finds_their_way_with_a_script() {
    in_a_browser("on");
}

#[test]
fn a_person_finds_their_way_without_a_script() {
    in_a_browser("off");
}
