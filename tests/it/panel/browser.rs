//! The panel in a real browser, with a script and without.
//!
//! The browser is Debian's Chromium, driven by playwright-core (`browser.js`, `away.js`, `focus.js`), with axe-core's
//! judgement of what it shows. `.ci/run` installs them (the latter two into `target/libs`); where they are missing,
//! that is said and these tests are skipped.

use super::super::harness::{Daemon, retrying_after, skipped};
use super::super::receiver::{Receiver, Reply};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn libraries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libs/node_modules")
}

/// The browser's path; `None` where something is missing, which is said.
fn browser(what: &str) -> Option<&'static str> {
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
    if let Some(missing) = missing {
        skipped(what, &format!("{missing}; .ci/run installs it"));
        return None;
    }
    chromium
}

fn script(name: &str, daemon: &Daemon, chromium: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/panel").join(name))
        .env("NODE_PATH", libraries())
        .env("ADDRESS", &daemon.address)
        .env("TOKEN", &daemon.token)
        .env("CHROMIUM", chromium);
    node
}

fn in_a_browser(javascript: &str) {
    let Some(chromium) = browser("the panel in a browser") else {
        return;
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
    let out = script("browser.js", &daemon, chromium)
        .env("READER", reader.data()["token"].as_str().unwrap())
        .env("TARGET", &receiver.url)
        .env("SCRIPT", javascript)
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

/// A page that is open while the daemon is away, and while others change what it shows.
#[test]
fn an_open_page_outlives_the_daemon_and_two_tabs_lose_nothing() {
    let Some(chromium) = browser("an open page in a browser") else {
        return;
    };
    let mut daemon = Daemon::start(&retrying_after("1h"));
    let mut node = script("away.js", &daemon, chromium);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut answers = node.stdin.take().unwrap();
    let mut last = String::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        last = line.unwrap();
        match last.as_str() {
            "stop" => {
                daemon.terminate();
                writeln!(answers, "stopped").unwrap();
            }
            "start" => {
                daemon.spawn();
                writeln!(answers, "started {}", daemon.address).unwrap();
            }
            _ => {}
        }
    }
    let out = node.wait_with_output().unwrap();
    assert_eq!(last, "all well", "{}\n{}", String::from_utf8_lossy(&out.stderr), daemon.log());
}

/// A line that left a card while an attempt was made had the button behind it taken for it, and made anew: who had
/// tabbed to it pressed Enter, and nothing came.
#[test]
fn the_focus_stays_where_it_is_while_the_page_changes() {
    let Some(chromium) = browser("the focus in a browser") else {
        return;
    };
    let wordy = Reply::Raw(b"HTTP/1.1 401 X\r\nContent-Length: 14\r\n\r\ntoken expirado".to_vec());
    let turns = [Reply::Status(401), wordy.clone()];
    let receiver = Receiver::start(&[vec![wordy; 6], turns.into_iter().cycle().take(40).collect()].concat());
    let daemon = Daemon::start(&retrying_after("1h"));
    let webhook = daemon.register_with(json!({ "name": "ERP", "target": receiver.url, "events": ["*"] }));
    for count in 1..=6 {
        daemon.record_with(json!({ "type": "ORDER.PAID", "resource": {} }));
        receiver.await_count(count);
    }
    let out = script("focus.js", &daemon, chromium).env("WEBHOOK", webhook["id"].as_str().unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.trim() == "all well", "{said}\n{}\n{}", String::from_utf8_lossy(&out.stderr), daemon.log());
}
