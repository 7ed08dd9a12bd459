//! The panel: who gets in, what a form must carry, and all of it in a real browser, with a script and without.
//!
//! The browser is Debian's Chromium, driven by playwright-core, with axe-core's judgement of what it shows. `.ci/run` installs them
//! (the latter two into `target/libs`); where they are not, that is said and the browser's part is left out.

use super::harness::{Answer, Daemon, QUICK, skipped};
use super::receiver::{Receiver, Reply};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The text of a form, as a browser sends it.
fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn get(daemon: &Daemon, path: &str, headers: &str) -> Answer {
    daemon.call_as("", "GET", path, headers, b"")
}

fn post(daemon: &Daemon, path: &str, headers: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
    daemon.call_as("", "POST", path, &headers, form(fields).as_bytes())
}

/// Signs in; the header that a browser then sends, and the token of its forms.
fn sign_in(daemon: &Daemon, token: &str) -> (String, String) {
    let answer = post(daemon, "/sign-in", "", &[("token", token)]).expect(303);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = text(&get(daemon, "/webhooks", &cookie).expect(200));
    let csrf = page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    (cookie, csrf)
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[test]
fn a_session_is_its_tokens_and_forms_are_its_own() {
    let daemon = Daemon::quick();
    let answer = get(&daemon, "/events?type=PAYMENT.*", "").expect(303);
    assert_eq!(answer.header("location"), Some("/sign-in?next=%2Fevents%3Ftype%3DPAYMENT.*"));
    let made = json!({ "token": { "name": "painel", "scopes": ["admin"] } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let (cookie, csrf) = sign_in(&daemon, made["token"].as_str().unwrap());
    let page = get(&daemon, "/", &cookie).expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));

    let webhook = [("target", "http://127.0.0.1:9/x"), ("event", "*")];
    let with = |csrf: &'static str| [webhook.as_slice(), &[("csrf", csrf)]].concat();
    post(&daemon, "/webhooks", &cookie, &webhook).expect(403);
    post(&daemon, "/webhooks", &cookie, &with("wrong")).expect(403);
    let own = [webhook.as_slice(), &[("csrf", csrf.as_str())]].concat();
    for foreign in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        post(&daemon, "/webhooks", &format!("{cookie}{foreign}"), &own).expect(403);
        post(&daemon, "/sign-in", foreign, &[("token", &daemon.token)]).expect(403);
    }
    assert_eq!(daemon.list("/api/webhooks").len(), 0, "nothing was done");
    post(&daemon, "/webhooks", &format!("{cookie}Origin: http://carteiro\r\n"), &own).expect(303);
    assert_eq!(daemon.list("/api/webhooks").len(), 1);

    // Where a link leads after signing in is the panel's own affair.
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let answer = post(&daemon, "/sign-in", "", &[("token", &daemon.token), ("next", next)]).expect(303);
        assert_eq!(answer.header("location"), Some("/"), "{next}");
    }

    daemon.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    let gone = get(&daemon, "/", &cookie).expect(303);
    assert_eq!(gone.header("location"), Some("/sign-in"), "the session died with its token");
}

#[test]
fn what_a_token_allows_is_what_its_owner_can_do() {
    let daemon = Daemon::quick();
    let token = |scope: &str| {
        let body = json!({ "token": { "name": scope, "scopes": [scope] } });
        daemon.post("/api/tokens", &body).expect(201).data()["token"].as_str().unwrap().to_owned()
    };
    post(&daemon, "/sign-in", "", &[("token", &token("ingest"))]).expect(403);
    let (cookie, csrf) = sign_in(&daemon, &token("read"));
    let fields = [("csrf", csrf.as_str()), ("target", "http://127.0.0.1:9/x"), ("event", "*")];
    post(&daemon, "/webhooks", &cookie, &fields).expect(403);
    get(&daemon, "/webhooks/new", &cookie).expect(403);
    assert_eq!(daemon.list("/api/webhooks").len(), 0);
}

#[test]
fn wrong_tokens_are_counted_with_those_of_the_api() {
    let daemon = Daemon::quick();
    let wrong = || post(&daemon, "/sign-in", "", &[("token", "ctr_wrong")]).status;
    assert!((0..20).all(|_| wrong() == 401));
    assert_eq!(wrong(), 429);
    daemon.call_as("ctr_wrong", "GET", "/api/webhooks", "", b"").refused(429, "too_many_wrong_tokens");
    // A right one always passes.
    post(&daemon, "/sign-in", "", &[("token", &daemon.token)]).expect(303);
}

#[test]
fn what_others_wrote_is_text_and_nothing_of_it_acts() {
    let hostile = "</pre><script>alert(1)</script>\"'&";
    let body = format!("HTTP/1.1 500 X\r\nContent-Length: {}\r\n\r\n{hostile}", hostile.len());
    let receiver = Receiver::start(&[Reply::Raw(body.into_bytes())]);
    let daemon = Daemon::start(&QUICK.replace("\"20ms\"", "\"1h\""));
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "description": hostile }));
    let event = daemon.record_with(json!({ "type": "A.B", "external_id": hostile, "resource": { "x": hostile } }));
    daemon.await_status(&event, "RETRYING");
    let (cookie, _) = sign_in(&daemon, &daemon.token);
    for path in [
        &format!("/events/{event}"),
        "/events",
        "/webhooks",
        "/notifications",
        "/",
        "/events?type=%3Cscript%3Ealert(1)",
    ] {
        let page = text(&get(&daemon, path, &cookie).expect(200));
        assert!(!page.contains("<script>alert"), "{path}: {page}");
        assert!(!page.contains("</pre><script"), "{path}");
    }
    let page = text(&get(&daemon, &format!("/events/{event}"), &cookie).expect(200));
    assert!(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)"), "{page}");
}

#[test]
fn the_panel_can_be_off() {
    let daemon = Daemon::start(&format!("panel.enabled = false\n{QUICK}"));
    for path in ["/", "/sign-in", "/panel/panel.css"] {
        get(&daemon, path, "").refused(404, "not_found");
    }
}

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
    let receiver = Receiver::start(&[Reply::Raw(failure.into_bytes()), Reply::Status(200)]);
    let daemon = Daemon::start(&QUICK.replace("\"20ms\"", "\"3s\""));
    let reader = daemon.post("/api/tokens", &json!({ "token": { "name": "leitor", "scopes": ["read"] } })).expect(201);
    let out = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/panel/browser.js"))
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
