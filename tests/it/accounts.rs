//! Tokens, scopes, and accounts that can't see each other.

use super::harness::{Answer, Daemon};
use super::receiver::Receiver;
use serde_json::json;

pub(crate) const TWO: &str = "
[egress]
allow = [\"127.0.0.0/8\"]
[[account]]
name = \"producao\"
env = \"production\"
[[account]]
name = \"sandbox\"
env = \"sandbox\"
";

#[test]
fn accounts_cant_see_each_other() {
    let (daemon, receiver) = (Daemon::start(TWO), Receiver::ok());
    let token = |name: &str| {
        std::fs::read_to_string(daemon.data().join(format!("admin-token-{name}"))).unwrap().trim().to_owned()
    };
    let (mine, theirs) = (token("producao"), token("sandbox"));
    let json = "Content-Type: application/json\r\n";
    let post = |token: &str, path: &str, body: serde_json::Value| {
        daemon.call_as(token, "POST", path, json, body.to_string().as_bytes())
    };
    let webhook = post(&mine, "/api/webhooks", json!({ "webhook": { "target": receiver.url, "events": ["*"] } }))
        .expect(201)
        .data();
    let own_id = "0193a5b0-1111-7222-8333-444455556666";
    let event = json!({ "event": { "type": "PAYMENT.PAID", "id": own_id, "resource": { "id": "p" } } });
    post(&mine, "/api/events", event.clone()).expect(201);
    let request = receiver.await_count(1).remove(0);
    assert_eq!(request.json()["env"], "production");
    let notification = request.header("webhook-id").unwrap().to_owned();

    let foreign = |method: &str, path: &str| -> Answer {
        daemon.call_as(&theirs, method, path, json, if method == "PATCH" { br#"{"webhook":{}}"# } else { b"" })
    };
    let webhook = webhook["id"].as_str().unwrap();
    for (method, path) in [
        ("GET", format!("/api/webhooks/{webhook}")),
        ("PATCH", format!("/api/webhooks/{webhook}")),
        ("DELETE", format!("/api/webhooks/{webhook}")),
        ("POST", format!("/api/webhooks/{webhook}/test")),
        ("POST", format!("/api/webhooks/{webhook}/rotate_secret")),
        ("GET", format!("/api/events/{own_id}")),
        ("GET", format!("/api/events/{own_id}/notifications")),
        ("GET", format!("/api/events/{own_id}/explain")),
        ("POST", format!("/api/events/{own_id}/resend")),
        ("DELETE", format!("/api/events/{own_id}/resource")),
        ("GET", format!("/api/notifications/{notification}")),
        ("POST", format!("/api/notifications/{notification}/resend")),
    ] {
        foreign(method, &path).refused(404, "not_found");
    }
    for path in ["/api/webhooks", "/api/events", "/api/notifications", "/api/events?resource_id=p"] {
        assert_eq!(foreign("GET", path).expect(200).data(), json!([]), "{path}");
    }
    assert_eq!(foreign("GET", &format!("/api/notifications?webhook_id={webhook}")).expect(200).data(), json!([]));
    // The same id names another event over there, and matches none of this account's webhooks.
    assert_eq!(post(&theirs, "/api/events", event).expect(201).data()["notifications"], 0);
}

#[test]
fn metrics_of_the_daemon_are_for_the_first_account() {
    let daemon = Daemon::start(TWO);
    let admin = |name: &str| {
        std::fs::read_to_string(daemon.data().join(format!("admin-token-{name}"))).unwrap().trim().to_owned()
    };
    let (first, second) = (admin("producao"), admin("sandbox"));
    let json = "Content-Type: application/json\r\n";
    let post = |token: &str, path: &str, body: serde_json::Value| {
        daemon.call_as(token, "POST", path, json, body.to_string().as_bytes()).expect(201).data()
    };
    let of = |account: &str, scope: &str| {
        let made = post(account, "/api/tokens", json!({ "token": { "name": scope, "scopes": [scope] } }));
        made["token"].as_str().unwrap().to_owned()
    };
    for (account, pending) in [(&first, 1), (&second, 2)] {
        let webhook = json!({ "webhook": { "target": "http://127.0.0.1:9/", "events": ["*"], "status": "PAUSED" } });
        post(account, "/api/webhooks", webhook);
        for _ in 0..pending {
            post(account, "/api/events", json!({ "event": { "type": "A.B", "resource": {} } }));
        }
    }
    let figures = |token: &str| {
        let text = String::from_utf8(daemon.call_as(token, "GET", "/metrics", "", b"").expect(200).body).unwrap();
        let held = text.lines().find_map(|line| line.strip_prefix("carteiro_notifications_pending{state=\"HELD\"} "));
        let held: u64 = held.unwrap().parse().unwrap();
        let series = text.matches("\ncarteiro_webhook_notifications_pending{").count();
        (held, series, text.contains("carteiro_http_requests_total"), text.contains("carteiro_events_recorded_total"))
    };
    for token in [&first, &of(&first, "metrics")] {
        assert_eq!(figures(token), (3, 1, true, true));
    }
    assert_eq!(figures(&of(&first, "read")), (1, 1, false, false));
    for token in [&second, &of(&second, "metrics"), &of(&second, "read")] {
        assert_eq!(figures(token), (2, 1, false, false));
    }
    daemon.call_as(&of(&first, "ingest"), "GET", "/metrics", "", b"").refused(403, "forbidden");
    daemon.call_as(&of(&first, "metrics"), "GET", "/api/events", "", b"").refused(403, "forbidden");
}

#[test]
fn scopes_allow_what_they_say() {
    let daemon = Daemon::quick();
    let make = |scope: &str| {
        let body = json!({ "token": { "name": scope, "scopes": [scope], "expires_in": "90d" } });
        daemon.post("/api/tokens", &body).expect(201).data()
    };
    let (read, ingest) = (make("read"), make("ingest"));
    let text = |token: &serde_json::Value| token["token"].as_str().unwrap().to_owned();
    let json = "Content-Type: application/json\r\n";
    let event = br#"{"event":{"type":"A.B","resource":{}}}"#;
    let call =
        |token: &serde_json::Value, method: &str, path: &str| daemon.call_as(&text(token), method, path, json, event);
    call(&read, "POST", "/api/events").refused(403, "forbidden");
    call(&ingest, "POST", "/api/events").expect(201);
    for path in ["/api/webhooks", "/api/events", "/api/notifications", "/api/event_types"] {
        daemon.call_as(&text(&read), "GET", path, "", b"").expect(200);
        daemon.call_as(&text(&ingest), "GET", path, "", b"").refused(403, "forbidden");
    }
    for path in ["/api/webhooks", "/api/notifications/resend", "/api/tokens"] {
        call(&read, "POST", path).refused(403, "forbidden");
        call(&ingest, "POST", path).refused(403, "forbidden");
    }
    daemon.call_as(&text(&read), "GET", "/api/tokens", "", b"").refused(403, "forbidden");
    let listed = daemon.get("/api/tokens").expect(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains("ctr_"));
    daemon.delete(&format!("/api/tokens/{}", read["id"].as_str().unwrap())).expect(204);
    daemon.call_as(&text(&read), "GET", "/api/events", "", b"").refused(401, "unauthorized");
}

#[test]
fn strangers_are_told_how_to_come_in() {
    let daemon = Daemon::quick();
    for token in ["", "wrong", "ctr_AAAA", &format!("{}x", daemon.token)] {
        let answer = daemon.call_as(token, "GET", "/api/webhooks", "", b"");
        answer.refused(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let basic = daemon.call_as("", "GET", "/api/webhooks", "Authorization: Basic eDp5\r\n", b"");
    basic.refused(401, "unauthorized");
    for path in ["/healthz", "/readyz"] {
        daemon.call_as("", "GET", path, "", b"").expect(200);
    }
    // What is stored of a token is its hash, and the log has none of it.
    assert!(!daemon.log().contains(&daemon.token));
}
