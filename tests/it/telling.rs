//! Alerts, from outside: what reaches a channel, what doesn't, and what a crash leaves of it.

use crate::harness::{Daemon, QUICK, eventually};
use crate::panel::{get, post, sign_in, text as text_of};
use crate::receiver::{Receiver, Reply, Request};
use serde_json::{Value, json};
use std::time::Duration;

/// Alerts go to a URL of the test's own.
fn config(alerts: &Receiver, more: &str) -> String {
    format!("{QUICK}[alerts]\n{more}\n[alerts.webhook]\nurl = \"{}\"\n", alerts.url)
}

fn text(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// The first message with this in it.
fn await_message(alerts: &Receiver, part: &str) -> String {
    eventually(part, || alerts.requests().iter().map(text).find(|text| text.contains(part)))
}

fn failing(daemon: &Daemon, target: &Receiver, name: &str) -> Value {
    daemon.register_with(json!({
        "name": name, "target": target.url, "events": ["ORDER.*"],
        "retry": { "schedule": ["1ms"], "max_attempts": 5 },
    }))
}

#[test]
fn a_failing_webhook_is_told_of_over_a_crash_and_so_is_that_it_is_well_again() {
    let (bad, alerts) = (Receiver::start(&[Reply::Status(401)]), Receiver::start(&[Reply::Status(503)]));
    let mut daemon = Daemon::start(&config(&alerts, "repeat = []"));
    let hook = failing(&daemon, &bad, "ERP");
    let event = daemon.record_with(json!({ "type": "ORDER.PAID", "external_id": "pedido-11249", "resource": {} }));
    daemon.await_status(&event, "FAILED");
    let open = eventually("it is open", || {
        let open = daemon.list("/api/alerts");
        open.iter().find(|one| one["condition"] == "WEBHOOK_FAILING").cloned()
    });
    assert_eq!((&open["webhook_id"], &open["muted"]), (&hook["id"], &json!(false)));
    // The channel is down, and the process ends: the message is there still, once.
    let tried = await_message(&alerts, "ERP");
    daemon.kill_9();
    alerts.now(Reply::Status(200));
    let before = alerts.count();
    daemon.spawn();
    eventually("it is sent", || (daemon.metric("carteiro_alert_messages_sent_total") == 1).then_some(()));
    let again: Vec<String> = alerts.requests()[before..].iter().map(text).collect();
    assert_eq!(again.len(), 1);
    let key = |text: &str| serde_json::from_str::<Value>(text).unwrap()["key"].clone();
    assert_eq!(key(&again[0]), key(&tried), "the same message under the same key");
    for part in ["pedido-11249", "401", "está com falhas"] {
        assert!(again[0].contains(part), "{part}: {}", again[0]);
    }
    bad.now(Reply::Status(200));
    daemon.record("ORDER.PAID");
    await_message(&alerts, "voltou ao normal");
    eventually("nothing is open", || daemon.list("/api/alerts").is_empty().then_some(()));
}

#[test]
fn a_stop_waits_for_a_message_under_way_but_not_for_a_channel_that_hangs() {
    let (bad, alerts) = (Receiver::start(&[Reply::Status(500)]), Receiver::start(&[Reply::Silence]));
    let mut daemon = Daemon::start(&config(&alerts, "repeat = []"));
    failing(&daemon, &bad, "ERP");
    daemon.record("ORDER.PAID");
    let key = |request: &Request| request.json()["key"].clone();
    let hanging = key(&alerts.await_count(1)[0]);
    assert!(daemon.terminate().success());
    alerts.now(Reply::Late(Duration::from_millis(500), 200));
    daemon.spawn();
    assert_eq!(key(&alerts.await_count(2)[1]), hanging, "none is lost");
    assert!(daemon.terminate().success());
    bad.now(Reply::Status(200));
    daemon.spawn();
    daemon.record("ORDER.PAID");
    await_message(&alerts, "voltou ao normal");
    assert_eq!(alerts.count(), 3, "what was taken while the daemon stopped is not sent again");
}

#[test]
fn fifty_failing_webhooks_are_one_message() {
    let (bad, alerts) = (Receiver::start(&[Reply::Status(500)]), Receiver::ok());
    let daemon = Daemon::start(&config(&alerts, ""));
    for nth in 0..50 {
        failing(&daemon, &bad, &format!("loja {nth}"));
    }
    daemon.record("ORDER.PAID");
    eventually("all fail", || (daemon.metric("carteiro_webhooks_failing") == 50).then_some(()));
    let message = await_message(&alerts, "50 webhooks");
    assert!(message.contains("e mais 40"), "{message}");
    assert_eq!(alerts.count(), 1);
}

#[test]
fn what_is_muted_is_told_to_nobody() {
    let (bad, alerts) = (Receiver::start(&[Reply::Status(500)]), Receiver::ok());
    let daemon = Daemon::start(&config(&alerts, ""));
    let hook = failing(&daemon, &bad, "ERP");
    let id = hook["id"].as_str().unwrap();
    for kind in ["webhook-failing", "notifications-failed"] {
        let muted = json!({ "mute": { "key": format!("{kind}:{id}"), "for": "24h" } });
        let muted = daemon.post("/api/alerts/mutes", &muted).expect(200).data();
        assert!(muted["muted"] == true && muted["muted_until"].is_string(), "{muted}");
    }
    for (body, field) in [
        (json!({ "mute": {} }), "key"),
        (json!({ "mute": { "key": "disk-low", "for": "1s" } }), "for"),
        (json!({ "mute": { "key": "disk-low", "for": "9000days" } }), "for"),
    ] {
        assert!(daemon.post("/api/alerts/mutes", &body).refused(422, "invalid_fields")[field].is_array(), "{body}");
    }
    for unknown in ["", "x", "disk-low:x", "webhook-failing", "webhook-failing:7", "no-events:nobody"] {
        let body = json!({ "mute": { "key": unknown } });
        let status = daemon.post("/api/alerts/mutes", &body).status;
        assert!(status == 404 || (status == 422 && unknown.is_empty()), "{unknown}: {status}");
    }
    daemon.record("ORDER.PAID");
    eventually("it fails", || (daemon.metric("carteiro_webhooks_failing") == 1).then_some(()));
    let key = format!("webhook-failing:{id}");
    let (code, listed, _) = daemon.run(&["alerts", "list", "--server", &daemon.address]);
    assert!(code == Some(0) && listed.contains(&key) && listed.contains("until "), "{listed}");
    let (code, ..) = daemon.run(&["alerts", "unmute", &key, "--server", &daemon.address]);
    assert_eq!(code, Some(0));
    let message = await_message(&alerts, "ERP");
    assert!(!message.contains("NOTIFICATIONS_FAILED"), "{message}");
}

#[test]
fn the_panel_lists_what_is_wrong_and_mutes_it_without_a_script() {
    let bad = Receiver::start(&[Reply::Status(500)]);
    let daemon = Daemon::quick();
    let hook = failing(&daemon, &bad, "ERP");
    daemon.record("ORDER.PAID");
    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let cookie = format!("{cookie}Accept-Language: pt-BR\r\n");
    let page = || text_of(&get(&daemon, "/alerts", &cookie).expect(200));
    eventually("it is listed", || page().contains("Com falhas: ERP").then_some(()));
    let key = format!("webhook-failing:{}", hook["id"].as_str().unwrap());
    let change = |path: &str, span: &str| {
        let fields = [("csrf", csrf.as_str()), ("back", "/alerts"), ("key", key.as_str()), ("for", span)];
        let answer = post(&daemon, path, &cookie, &fields).expect(303);
        text_of(&get(&daemon, answer.header("location").unwrap(), &cookie).expect(200))
    };
    let muted = change("/alerts/mute", "day");
    assert!(muted.contains("Aviso silenciado") && muted.contains("Silenciado até"), "{muted}");
    let told = change("/alerts/unmute", "");
    assert!(told.contains("Este aviso voltará a ser enviado") && !told.contains("Silenciado"), "{told}");
    daemon.forgive();
}

#[test]
fn a_full_disk_is_told_of_and_another_account_sees_nothing_of_it() {
    let alerts = Receiver::ok();
    let more = "quiet = \"00:00-23:59\"";
    let accounts = "[[account]]\nname = \"default\"\n[[account]]\nname = \"other\"\n";
    let config = format!("{}{accounts}", config(&alerts, more));
    let daemon = Daemon::start(&config);
    daemon.reload(&format!("store.min_free = \"1024 GiB\"\n{config}"));
    let message = await_message(&alerts, "DISK_LOW");
    assert!(message.contains("CRITICAL"), "{message}");
    let is_open = |key: &str| daemon.list("/api/alerts").iter().any(|one| one["key"] == key).then_some(());
    eventually("the store is told of as well", || is_open("store-refusing"));
    let other = std::fs::read_to_string(daemon.data().join("admin-token-other")).unwrap();
    let seen = daemon.call_as(other.trim(), "GET", "/api/alerts", "", b"").expect(200).data();
    assert_eq!(seen, json!([]));
    let mute = br#"{"mute":{"key":"disk-low"}}"#;
    let refused = daemon.call_as(other.trim(), "POST", "/api/alerts/mutes", "Content-Type: application/json\r\n", mute);
    assert_eq!(refused.status, 404);
    daemon.forgive();
}

#[test]
fn a_heartbeat_is_sent_while_events_are_taken_and_not_otherwise() {
    let service = Receiver::ok();
    let beat = format!("{QUICK}[alerts]\nheartbeat = {{ url = \"{}\", every = \"10s\" }}\n", service.url);
    let full = "store.min_free = \"1024 GiB\"\n";
    let daemon = Daemon::quick();
    daemon.reload(&format!("{full}{QUICK}"));
    eventually("it is not ready", || (daemon.get("/readyz").status == 503).then_some(()));
    daemon.reload(&format!("{full}{beat}"));
    assert_eq!(service.count(), 0);
    daemon.reload(&beat);
    let first = service.await_count(1).remove(0);
    assert!(first.head.starts_with("GET ") && first.body.is_empty(), "{}", first.head);
    assert_eq!(first.header("content-length"), None);
    daemon.forgive();
}
