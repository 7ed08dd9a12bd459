//! `/api/notifications`: filters, and re-sending by hand.

use super::harness::{Daemon, QUICK, eventually};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::time::Duration;

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[test]
fn filters_find_each_alone_and_together() {
    let daemon = Daemon::quick();
    let (good, bad) = (Receiver::ok(), Receiver::start(&[Reply::Status(503)]));
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good_hook = daemon.register(&good.url, &["*"]);
    let bad_hook = daemon.register(&bad.url, &["PAYMENT.*"]);
    daemon.register(&format!("http://{gone}/"), &["ORDER.PAID"]);
    let payment = daemon.record("PAYMENT.PAID");
    let order = daemon.record("ORDER.PAID");
    let count = |query: &str| daemon.list(&format!("/api/notifications?{query}")).len();
    eventually("both have failed", || (count("status=FAILED") == 2).then_some(()));
    eventually("both are delivered", || (count("status=DELIVERED") == 2).then_some(()));
    for (query, expected) in [
        (String::new(), 4),
        (format!("webhook_id={good_hook}"), 2),
        (format!("webhook_id={bad_hook}"), 1),
        (format!("event_id={payment}"), 2),
        (format!("event_id={order}&status=FAILED"), 1),
        ("type=PAYMENT.*".to_owned(), 2),
        ("type=PAYMENT.PAID&status=FAILED".to_owned(), 1),
        ("type=REFUND.X".to_owned(), 0),
        ("response_status=503".to_owned(), 1),
        ("response_status=5xx".to_owned(), 1),
        ("response_status=204".to_owned(), 2),
        ("response_status=2xx".to_owned(), 2),
        ("response_status=none".to_owned(), 1),
        ("response_status=404".to_owned(), 0),
        ("status=RETRYING".to_owned(), 0),
        (format!("webhook_id={bad_hook}&status=FAILED&response_status=5xx&type=PAYMENT.PAID&event_id={payment}"), 1),
        ("from=2999-01-01T00:00:00Z".to_owned(), 0),
        ("to=2001-01-01T00:00:00Z".to_owned(), 0),
        ("webhook_id=0193a5b0-1111-4222-8333-444455556666".to_owned(), 0),
    ] {
        assert_eq!(count(&query), expected, "{query}");
        assert_eq!(count(&format!("{query}&order=asc")), expected, "{query}, oldest first");
    }
}

#[test]
fn a_resend_sends_the_original_to_the_present_target_and_uses_no_attempt_up() {
    let daemon = Daemon::quick();
    let (old, new) = (Receiver::start(&[Reply::Status(500)]), Receiver::ok());
    let webhook = daemon.register(&old.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let failed = daemon.await_status(&event, "FAILED");
    assert_eq!(old.count(), 20);
    let change = json!({ "webhook": { "target": new.url, "authorization": "neu" } });
    daemon.patch(&format!("/api/webhooks/{webhook}"), &change).expect(200);
    daemon.send("POST", &format!("/api/notifications/{}/resend", id(&failed)), b"").expect(202);
    let delivered = daemon.await_status(&event, "DELIVERED");
    assert_eq!((&delivered["attempts_count"], &delivered["max_attempts"]), (&json!(21), &json!(20)));
    assert_eq!(delivered["attempts"][20]["trigger"], "MANUAL");
    let request = new.requests().remove(0);
    assert_eq!(request.body, old.requests()[0].body);
    assert_eq!(request.header("webhook-id"), old.requests()[0].header("webhook-id"));
    assert_eq!((request.header("authorization"), request.header("carteiro-attempt")), (Some("neu"), Some("21")));
    // What was delivered stays delivered, whatever a resend brings.
    new.now(Reply::Status(500));
    daemon.send("POST", &format!("/api/notifications/{}/resend", id(&failed)), b"").expect(202);
    let again = eventually("the resend has failed", || {
        let seen = daemon.history(&event).remove(0);
        (seen["attempts_count"] == 22).then_some(seen)
    });
    assert_eq!((&again["status"], &again["delivered_at"]), (&json!("DELIVERED"), &delivered["delivered_at"]));
}

#[test]
fn a_failed_resend_leaves_the_schedule_and_a_good_one_ends_it() {
    let daemon = Daemon::start(&QUICK.replace("[\"20ms\"]", "[\"1h\"]"));
    let receiver = Receiver::start(&[Reply::Status(500)]);
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let first = daemon.await_status(&event, "RETRYING");
    let path = format!("/api/notifications/{}/resend", id(&first));
    daemon.send("POST", &path, b"").expect(202);
    let second = eventually("the resend has failed", || {
        let seen = daemon.history(&event).remove(0);
        (seen["attempts_count"] == 2).then_some(seen)
    });
    assert_eq!((&second["status"], &second["next_attempt_at"]), (&json!("RETRYING"), &first["next_attempt_at"]));
    receiver.now(Reply::Status(200));
    daemon.send("POST", &path, b"").expect(202);
    let third = daemon.await_status(&event, "DELIVERED");
    assert!(third["next_attempt_at"].is_null());
}

#[test]
fn nothing_is_resent_while_an_attempt_is_in_flight() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Late(Duration::from_millis(600), 200)]);
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    receiver.await_count(1);
    let notification = daemon.history(&event).remove(0);
    daemon.send("POST", &format!("/api/notifications/{}/resend", id(&notification)), b"").refused(409, "in_flight");
    daemon.send("POST", &format!("/api/events/{event}/resend"), b"").refused(409, "in_flight");
    daemon.await_status(&event, "DELIVERED");
}

#[test]
fn resending_an_event_owes_it_to_whoever_matches_now() {
    let (daemon, first, second) = (Daemon::quick(), Receiver::ok(), Receiver::ok());
    daemon.register(&first.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    daemon.register(&second.url, &["PAYMENT.*"]);
    let owed = daemon.send("POST", &format!("/api/events/{event}/resend"), b"").expect(202).data();
    assert_eq!(owed.as_array().unwrap().len(), 2);
    first.await_count(2);
    second.await_count(1);
    assert_eq!(first.requests()[0].body, second.requests()[0].body);
}

#[test]
fn many_are_resent_by_filter_and_cancelled_ones_never() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    for _ in 0..150 {
        daemon.record("ORDER.PAID");
    }
    for _ in 0..10 {
        daemon.record("PAYMENT.PAID");
    }
    eventually("all have failed", || {
        (daemon.list("/api/notifications?status=FAILED&limit=500").len() == 160).then_some(())
    });
    receiver.now(Reply::Status(200));
    let resend = |filter: Value| daemon.post("/api/notifications/resend", &json!({ "filter": filter }));
    assert_eq!(resend(json!({ "type": "PAYMENT.*" })).expect(202).data()["queued"], 10);
    eventually("ten are delivered", || {
        (daemon.list("/api/notifications?status=DELIVERED&limit=500").len() == 10).then_some(())
    });
    let all = json!({ "status": "FAILED", "webhook_id": webhook["id"], "from": "2020-01-01T00:00:00Z" });
    assert_eq!(resend(all).expect(202).data()["queued"], 150);
    eventually("all are delivered", || {
        (daemon.list("/api/notifications?status=DELIVERED&limit=500").len() == 160).then_some(())
    });
    assert_eq!(receiver.count(), 160 + 160);
    assert_eq!(resend(json!({ "status": "FAILED" })).expect(202).data()["queued"], 0);
    resend(json!({ "status": "CANCELLED" })).refused(422, "invalid_fields");
    resend(json!({ "nope": 1 })).refused(422, "invalid_fields");
    daemon.post("/api/notifications/resend", &json!({})).refused(422, "invalid_fields");
}
