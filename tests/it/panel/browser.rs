//! The panel in a real browser, with a script and without.
//!
//! The browser is Debian's Chromium, driven by playwright-core (the scripts beside this file), with axe-core's
//! judgement of what it shows. `.ci/run` installs them (the latter two into `target/libs`); where they are missing,
//! that is said and these tests are skipped.

use super::super::harness::{Daemon, eventually, retrying_after, skipped};
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

/// The rows of three lists were up to 200 pixels high on a phone, and four of them filled its screen.
#[test]
fn every_lists_rows_are_short_on_a_phone() {
    let Some(chromium) = browser("rows on a phone in a browser") else {
        return;
    };
    let why = "o servidor de avisos da loja está em manutenção até as dez horas ".repeat(3);
    let refused = format!("HTTP/1.1 500 X\r\nContent-Length: {}\r\n\r\n{why}", why.len());
    let fails = Receiver::start(&[Reply::Raw(refused.into_bytes())]);
    let works = Receiver::start(&[Reply::Status(200)]);
    let channels =
        format!("[alerts.webhook]\nurl = \"{}\"\n[alerts.ntfy]\nurl = \"{}/avisos\"\n", works.url, fails.url);
    let daemon = Daemon::start(&format!("{}{channels}", retrying_after("1h")));
    let webhook = |name: &str, target: &str, events: &[&str]| {
        let made = daemon.register_with(json!({ "name": name, "target": target, "events": events }));
        made["id"].as_str().unwrap().to_owned()
    };
    let failing = webhook("Transportadora Expresso do Interior Paulista", &fails.url, &["*"]);
    webhook("Estoque", &works.url, &["ORDER.*", "PAYMENT.*"]);
    webhook(
        "Nota fiscal (NFe.io)",
        &format!("{}?conta=loja-do-exemplo", works.url),
        &["ORDER.CREATED", "PAYMENT.PAID"],
    );
    let other = webhook("Planilha de acompanhamento", &works.url, &["ORDER.CREATED", "PAYMENT.PAID", "SHIPMENT.*"]);
    for nth in 1..=8 {
        for event_type in ["ORDER.CREATED", "PAYMENT.PAID", "SHIPMENT.DELAYED_BY_THE_CARRIER"] {
            let resource = json!({ "id": format!("ord_{nth}"), "total_cents": 123_456 });
            let order = format!("pedido-1120{nth}");
            daemon.record_with(json!({ "type": event_type, "external_id": order, "resource": resource }));
        }
    }
    let path = format!("/api/webhooks/{other}");
    let changed = json!({ "status": "PAUSED", "description": "Da Ana", "rate_limit": 2.5, "ordered": true });
    daemon.patch(&path, &json!({ "webhook": changed })).expect(200);
    daemon.post(&format!("{path}/rotate_secret"), &json!({})).expect(200);
    daemon.post(&format!("{path}/backfill"), &json!({ "from": "1970-01-01T00:00:00Z" })).expect(202);
    daemon.post("/api/notifications/resend", &json!({ "filter": { "webhook_id": failing } })).expect(202);
    daemon.post("/api/erasures", &json!({ "q": "ord_8", "external_id": true })).expect(202);
    for name in ["Loja virtual", "Contador externo que só olha os números"] {
        let token = json!({ "name": name, "scopes": ["ingest", "read"], "expires_in": "90d" });
        daemon.post("/api/tokens", &json!({ "token": token })).expect(201);
    }
    eventually("an alert is open", || (!daemon.list("/api/alerts").is_empty()).then_some(()));
    fails.await_count(24);
    let tests = daemon.post("/api/alerts/test", &json!({})).expect(200).data();
    assert!(tests[0]["error_pt"].as_str().is_some_and(|error| error.contains("manutenção")), "{tests}");
    let own = format!("/webhooks/{failing}");
    let paths = [
        "/webhooks",
        &own,
        "/events",
        "/notifications",
        "/search?q=11203",
        "/audit",
        "/event-types",
        "/alerts",
        "/tokens",
        "/erasures",
    ];
    let out = script("narrow.js", &daemon, chromium).env("PATHS", paths.join(" ")).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.trim() == "all well", "{said}\n{}\n{}", String::from_utf8_lossy(&out.stderr), daemon.log());
}
