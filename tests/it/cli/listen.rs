//! `carteiro listen`: what it checks, answers and hands on.

use super::super::harness::{Daemon, eventually};
use super::super::receiver::{Receiver, Reply};
use super::running::Running;
use super::{keys, text};
use serde_json::json;

#[test]
fn listen_checks_answers_and_drops_repeats() {
    let daemon = Daemon::quick();
    let webhook = daemon.register_with(json!({
        "target": "http://127.0.0.1:9/", "events": ["*"], "authorization": "token-da-loja", "status": "PAUSED",
    }));
    let (id, secret) = (text(&webhook["id"]), text(&webhook["secret"]));
    let mut listener = Running::start(
        &daemon,
        &[
            "listen",
            "--port",
            "0",
            "--authorization",
            "token-da-loja",
            "--secret",
            &secret,
            "--fail-first",
            "2",
            "--json",
        ],
    );
    let url = listener.listening();
    let target = json!({ "webhook": { "target": url, "status": "ACTIVE" } });
    daemon.patch(&format!("/api/webhooks/{id}"), &target).expect(200);
    let event = daemon.record_with(json!({ "type": "ORDER.PAID", "resource": { "n": 1 } }));
    for (attempt, status) in [(1, 500), (2, 500), (3, 200)] {
        let received = listener.line();
        keys(
            &received,
            &[
                "received_at",
                "path",
                "webhook_id",
                "type",
                "attempt",
                "authorization",
                "signature",
                "repeat",
                "status",
                "body",
            ],
        );
        assert_eq!((&received["attempt"], &received["status"]), (&json!(attempt), &json!(status)), "{received}");
        assert_eq!((&received["authorization"], &received["signature"]), (&json!("ok"), &json!("ok")));
        assert_eq!((&received["type"], &received["body"]["id"]), (&json!("ORDER.PAID"), &json!(event)));
    }
    let pending = daemon.await_status(&event, "DELIVERED");
    daemon.post(&format!("/api/notifications/{}/resend", text(&pending["id"])), &json!({})).expect(202);
    let repeat = listener.line();
    assert_eq!((&repeat["repeat"], &repeat["status"]), (&json!(true), &json!(200)), "{repeat}");
    // What is signed with another secret, or unsigned, is reported and refused.
    daemon.patch(&format!("/api/webhooks/{id}"), &json!({ "webhook": { "authorization": "outro" } })).expect(200);
    daemon.record("ORDER.PAID");
    let refused = listener.line();
    assert_eq!((&refused["authorization"], &refused["status"]), (&json!("wrong"), &json!(401)), "{refused}");
    listener.interrupt();
    assert_eq!(listener.wait(), 0);

    let pretty =
        Running::start(&daemon, &["listen", "--port", "0", "--status", "418", "--delay", "50ms", "--count", "1"]);
    let target = json!({ "webhook": { "target": pretty.listening(), "retry": { "schedule": ["1h"] } } });
    daemon.patch(&format!("/api/webhooks/{id}"), &target).expect(200);
    let event = daemon.record("PAYMENT.PAID");
    let attempt = eventually("an attempt is made", || daemon.history(&event)[0]["attempts"].get(0).cloned());
    assert_eq!(attempt["response_status"], 418);
    assert!(attempt["duration_ms"].as_f64().unwrap() >= 50.0, "{attempt}");
    let printed = pretty.everything();
    assert!(printed.contains("PAYMENT.PAID  attempt 1  answered 418"), "{printed}");
    assert!(printed.contains("authorization  not checked") && printed.contains("\"id\": \"p-1\""), "{printed}");
}

#[test]
fn listen_hands_on_what_it_trusts() {
    let daemon = Daemon::quick();
    let behind = Receiver::start(&[Reply::Status(503), Reply::Status(204)]);
    let mut listener = Running::start(&daemon, &["listen", "--port", "0", "--json", "--forward", &behind.url]);
    let webhook =
        daemon.register_with(json!({ "target": listener.listening(), "events": ["*"], "authorization": "abc" }));
    let event = daemon.record("ORDER.PAID");
    assert_eq!([&listener.line()["status"], &listener.line()["status"]], [&json!(503), &json!(204)]);
    daemon.await_status(&event, "DELIVERED");
    let requests = behind.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].head.starts_with("POST /notificacoes HTTP/1.1"), "{}", requests[1].head);
    assert_eq!(requests[1].header("authorization"), Some("abc"));
    assert!(requests[1].header("webhook-signature").is_some());
    assert_eq!(requests[1].json()["id"], json!(event));
    listener.interrupt();
    assert_eq!(listener.wait(), 0);
    // Where nobody listens behind it, the daemon tries again later.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut listener = Running::start(
        &daemon,
        &["listen", "--port", "0", "--json", "--count", "1", "--forward", &format!("http://{closed}/")],
    );
    let target = json!({ "webhook": { "target": listener.listening() } });
    daemon.patch(&format!("/api/webhooks/{}", text(&webhook["id"])), &target).expect(200);
    daemon.record("ORDER.PAID");
    assert_eq!(listener.line()["status"], 502);
    assert_eq!(listener.wait(), 0);
}
