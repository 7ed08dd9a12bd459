//! Backfills, and an event to one webhook: over HTTP, through a kill -9.

use super::harness::{Daemon, eventually};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const EVER: &str = "2020-01-01T00:00:00Z";

/// Records so many events in batches; returns their ids, the oldest first.
fn record_many(daemon: &Daemon, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for first in (0..count).step_by(500) {
        let event = |n: usize| json!({ "type": "PAYMENT.PAID", "resource": { "payment": { "id": format!("p-{n}") } } });
        let events: Vec<Value> = (first..count.min(first + 500)).map(event).collect();
        let made = daemon.post("/api/events/batch", &json!({ "events": events })).expect(201).data();
        ids.extend(made.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()));
    }
    ids
}

fn begin(daemon: &Daemon, webhook: &str, body: Value) -> Value {
    daemon.post(&format!("/api/webhooks/{webhook}/backfill"), &body).expect(202).data()
}

fn await_end(daemon: &Daemon, job: &Value) -> Value {
    let path = format!("/api/webhooks/backfill/{}", job["id"].as_str().unwrap());
    eventually("the backfill ends", || {
        Some(daemon.get(&path).expect(200).data()).filter(|job| job["status"] != "RUNNING")
    })
}

#[test]
fn a_new_webhook_receives_what_was_recorded_before_once_and_in_order_through_kill_9() {
    const EVENTS: usize = 1500;
    let (mut daemon, receiver) = (Daemon::quick(), Receiver::ok());
    record_many(&daemon, EVENTS);
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["PAYMENT.*"], "max_in_flight": 1 }));
    let webhook = webhook["id"].as_str().unwrap();
    let path = format!("/api/webhooks/{webhook}/backfill");
    let count = daemon.post(&path, &json!({ "from": EVER, "dry_run": true })).expect(200).data();
    assert_eq!(count, json!({ "matched": EVENTS, "would_create": EVENTS, "exact": true }));
    let job = begin(&daemon, webhook, json!({ "from": EVER }));
    daemon.post(&path, &json!({ "from": EVER })).refused(409, "backfill_under_way");
    receiver.await_count(200);
    let live = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": { "live": true } }));
    daemon.kill_9();
    daemon.spawn();
    let ended = await_end(&daemon, &job);
    assert_eq!((&ended["status"], &ended["created"], &ended["skipped"]), (&json!("DONE"), &json!(EVENTS), &json!(0)));
    daemon.await_status(&live, "DELIVERED");
    eventually("all are delivered", || {
        let pending = daemon.list("/api/notifications?undelivered=true");
        pending.is_empty().then_some(())
    });
    let mut seen = BTreeSet::new();
    let requests = receiver.requests();
    let first_times: Vec<Value> = requests
        .iter()
        .filter(|request| seen.insert(request.header("webhook-id").unwrap().to_owned()))
        .map(|request| request.json()["resource"]["payment"]["id"].clone())
        .collect();
    let expected: Vec<Value> = (0..EVENTS).map(|n| json!(format!("p-{n}"))).collect();
    let backfilled: Vec<&Value> = first_times.iter().filter(|id| !id.is_null()).collect();
    assert_eq!(backfilled, expected.iter().collect::<Vec<_>>(), "each once, the oldest first");
    assert_eq!(seen.len(), EVENTS + 1);
    assert!(requests.len() <= EVENTS + 1 + 64, "a crash repeats no more than what was in flight");
    let mut listed = daemon.list("/api/webhooks/backfill").remove(0);
    assert_eq!(listed["outcomes"]["delivered"], EVENTS, "{listed}");
    listed["outcomes"] = ended["outcomes"].clone();
    assert_eq!(listed, ended);
    let again = await_end(&daemon, &begin(&daemon, webhook, json!({ "from": EVER })));
    assert_eq!((&again["created"], &again["skipped_by"]), (&json!(0), &json!({ "has_notification": EVENTS + 1 })));
    daemon.terminate();
}

#[test]
fn a_backfill_waits_for_a_paused_webhook_and_can_be_cancelled() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    record_many(&daemon, 300);
    daemon.record("ORDER.PAID");
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "status": "PAUSED" }));
    let webhook = webhook["id"].as_str().unwrap();
    let order = begin(&daemon, webhook, json!({ "from": EVER, "type": "ORDER.*" }));
    assert_eq!((&order["matched"], &order["type"]), (&json!(1), &json!("ORDER.*")));
    std::thread::sleep(Duration::from_millis(100));
    let path = format!("/api/webhooks/backfill/{}", order["id"].as_str().unwrap());
    assert_eq!(daemon.get(&path).expect(200).data()["created"], 0);
    daemon.patch(&format!("/api/webhooks/{webhook}"), &json!({ "webhook": { "status": "ACTIVE" } })).expect(200);
    assert_eq!(await_end(&daemon, &order)["created"], 1);
    receiver.await_count(1);
    receiver.now(Reply::Late(Duration::from_millis(300), 200));
    let all = begin(&daemon, webhook, json!({ "from": EVER, "to": "2999-01-01T00:00:00Z" }));
    let path = format!("/api/webhooks/backfill/{}", all["id"].as_str().unwrap());
    eventually("it has begun", || (daemon.get(&path).expect(200).data()["created"] != 0).then_some(()));
    let cancelled = daemon.delete(&path).expect(200).data();
    assert_eq!(cancelled["status"], "CANCELLED");
    let created = cancelled["created"].as_u64().unwrap();
    assert!((1..=64 + 32).contains(&created), "{cancelled}");
    let again = daemon.delete(&path).expect(200).data();
    assert_eq!((&again["status"], &again["created"]), (&cancelled["status"], &cancelled["created"]));
    let ended = eventually("what it had created is sent", || {
        Some(daemon.get(&path).expect(200).data()).filter(|job| job["outcomes"]["pending"] == 0)
    });
    assert_eq!(ended["outcomes"]["delivered"], ended["created"], "{ended}");
    let owed = daemon.list(&format!("/api/notifications?webhook_id={webhook}&limit=500"));
    assert_eq!(owed.len() as u64, 1 + created);
}

#[test]
fn what_cannot_be_taken_is_refused() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register(&receiver.url, &["*"]);
    let path = format!("/api/webhooks/{webhook}/backfill");
    let fields = |body: Value| daemon.post(&path, &body).refused(422, "invalid_fields");
    for (body, field) in [
        (json!({}), "from"),
        (json!({ "from": "yesterday" }), "from"),
        (json!({ "from": "2999-01-01T00:00:00Z" }), "from"),
        (json!({ "from": EVER, "to": EVER }), "to"),
        (json!({ "from": EVER, "type": "payment" }), "type"),
        (json!({ "from": EVER, "dry_run": 1 }), "dry_run"),
        (json!({ "from": EVER, "until": EVER }), "until"),
    ] {
        let named = fields(body.clone());
        assert!(named[field].is_array(), "{body}: {named}");
    }
    let other = "0193a5b0-1111-4222-8333-444455556666";
    daemon.post(&format!("/api/webhooks/{other}/backfill"), &json!({ "from": EVER })).refused(404, "not_found");
    daemon.get(&format!("/api/webhooks/backfill/{other}")).refused(404, "not_found");
    let resend = daemon.post("/api/notifications/resend", &json!({ "filter": {} })).expect(202).data();
    let of_another_kind = format!("/api/webhooks/backfill/{}", resend["id"].as_str().unwrap());
    daemon.get(&of_another_kind).refused(404, "not_found");
    daemon.delete(&of_another_kind).refused(404, "not_found");
    let event = daemon.record("PAYMENT.PAID");
    let to = |webhook: &str| daemon.post(&format!("/api/events/{event}/resend"), &json!({ "webhook_id": webhook }));
    assert!(to(other).refused(422, "invalid_fields")["webhook_id"].is_array());
    assert!(to("x").refused(422, "invalid_fields")["webhook_id"].is_array());
    // Of a variable that is empty, it was sent to all.
    let nothing = daemon.post(&format!("/api/events/{event}/resend"), &json!({ "webhook_id": null }));
    assert_eq!(
        nothing.refused(422, "invalid_fields")["webhook_id"],
        json!(["can't be null: leave it out to mean all"])
    );
}
