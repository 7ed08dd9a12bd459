//! `/api/notifications`: filters, and re-sending manually.

use super::harness::{Daemon, eventually, retrying_after};
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
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good_hook = daemon.register(&good.url, &["*"]);
    let bad_hook = daemon.register(&bad.url, &["PAYMENT.*"]);
    daemon.register(&format!("http://{closed}/"), &["ORDER.PAID"]);
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
    let daemon = Daemon::start(&retrying_after("1h"));
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
fn resending_an_event_sends_it_to_every_webhook_that_matches_now() {
    let (daemon, first, second) = (Daemon::quick(), Receiver::ok(), Receiver::ok());
    daemon.register(&first.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    daemon.register(&second.url, &["PAYMENT.*"]);
    let pending = daemon.send("POST", &format!("/api/events/{event}/resend"), b"").expect(202).data();
    assert_eq!(pending.as_array().unwrap().len(), 2);
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
    let elsewhere = resend(json!({ "response_status": "404" })).expect(202).data();
    assert_eq!((&elsewhere["queued"], &elsewhere["status"]), (&json!(0), &json!("DONE")));
    let begun = resend(json!({ "type": "PAYMENT.*", "response_status": "5xx" })).expect(202);
    let job = begun.data();
    assert_eq!((&job["queued"], &job["filter"]["type"]), (&json!(10), &json!("PAYMENT.*")));
    assert_eq!(job["filter"]["response_status"], "5xx");
    let path = format!("/api/notifications/resend/{}", id(&job));
    assert_eq!(begun.header("location"), Some(path.as_str()));
    let done = eventually("the job is done, and it is known how each ended", || {
        let job = daemon.get(&path).expect(200).data();
        (job["status"] == "DONE" && job["outcomes"]["pending"] == 0).then_some(job)
    });
    assert_eq!((&done["resent"], &done["skipped"], done["ended_at"].is_string()), (&json!(10), &json!(0), true));
    assert_eq!(daemon.delete(&path).expect(200).data(), done, "what has ended stays as it is");
    eventually("ten are delivered", || {
        (daemon.list("/api/notifications?status=DELIVERED&limit=500").len() == 10).then_some(())
    });
    let all = json!({ "status": "FAILED", "webhook_id": webhook["id"], "from": "2020-01-01T00:00:00Z" });
    assert_eq!(resend(all).expect(202).data()["queued"], 150);
    eventually("all are delivered", || {
        (daemon.list("/api/notifications?status=DELIVERED&limit=500").len() == 160).then_some(())
    });
    assert_eq!(receiver.count(), 160 + 160);
    let nothing = resend(json!({ "status": "FAILED" })).expect(202).data();
    assert_eq!((&nothing["queued"], &nothing["status"]), (&json!(0), &json!("DONE")));
    assert_eq!(daemon.list("/api/notifications/resend").len(), 4);
    assert_eq!(daemon.list("/api/notifications/resend?order=asc&limit=2")[1]["id"], job["id"]);
    daemon.get("/api/notifications/resend/0193a5b0-1111-4222-8333-444455556666").refused(404, "not_found");
    let unknown = json!({ "webhook_id": "0193a5b0-1111-4222-8333-444455556666" });
    resend(unknown).refused(422, "invalid_fields");
    resend(json!({ "status": "DELIVERED" })).refused(422, "invalid_fields");
    let again = |dry_run: bool| {
        let body = json!({ "filter": { "type": "PAYMENT.*" }, "include_delivered": true, "dry_run": dry_run });
        daemon.post("/api/notifications/resend", &body)
    };
    assert_eq!(resend(json!({})).expect(202).data()["queued"], 0, "all are delivered");
    assert_eq!(again(true).expect(200).data(), json!({ "queued": 10 }));
    assert_eq!(receiver.count(), 160 + 160, "counted, and nothing sent");
    let job = again(false).expect(202).data();
    assert_eq!((&job["queued"], &job["include_delivered"]), (&json!(10), &json!(true)));
    receiver.await_count(160 + 160 + 10);
    resend(json!({ "status": "CANCELLED" })).refused(422, "invalid_fields");
    resend(json!({ "response_status": "5x" })).refused(422, "invalid_fields");
    resend(json!({ "nope": 1 })).refused(422, "invalid_fields");
    daemon.post("/api/notifications/resend", &json!({})).refused(422, "invalid_fields");
}

/// Nothing piles up behind a slow target, so that cancelling means something.
#[test]
fn a_bulk_resend_is_seen_in_progress_survives_a_crash_and_can_be_cancelled() {
    let mut daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    let events: Vec<Value> = (0..800).map(|_| json!({ "type": "ORDER.PAID", "resource": {} })).collect();
    daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    eventually("all have failed", || (receiver.count() == 800).then_some(()));
    let slow = json!({ "webhook": { "rate_limit": 50, "retry": { "schedule": ["20ms"], "max_attempts": 1 } } });
    daemon.patch(&format!("/api/webhooks/{}", id(&webhook)), &slow).expect(200);
    receiver.now(Reply::Status(200));
    let filter = json!({ "filter": { "webhook_id": webhook["id"] } });
    let job = daemon.post("/api/notifications/resend", &filter).expect(202).data();
    assert_eq!((&job["status"], &job["queued"]), (&json!("RUNNING"), &json!(800)));
    let path = format!("/api/notifications/resend/{}", id(&job));
    let resent = |daemon: &Daemon| daemon.get(&path).expect(200).data()["resent"].as_u64().unwrap();
    eventually("it gets on", || (resent(&daemon) >= 64).then_some(()));
    daemon.kill_9();
    daemon.spawn();
    assert_eq!(daemon.get(&path).expect(200).data()["status"], "RUNNING");
    eventually("it goes on", || (resent(&daemon) > 150).then_some(()));
    let cancelled = daemon.delete(&path).expect(200).data();
    assert_eq!(cancelled["status"], "CANCELLED");
    let given = cancelled["resent"].as_u64().unwrap();
    assert!((151..600).contains(&given), "{cancelled}");
    daemon.patch(&format!("/api/webhooks/{}", id(&webhook)), &json!({ "webhook": { "rate_limit": null } })).expect(200);
    eventually("what was pending by then is sent", || (receiver.count() as u64 >= 800 + given).then_some(()));
    let again = receiver.count() as u64 - 800 - given;
    assert!(again <= 64, "only what was in flight or not yet synced at the crash is sent again, not {again}");
    let kept = eventually("how all of it ended is known", || {
        Some(daemon.get(&path).expect(200).data()).filter(|job| job["outcomes"]["pending"] == 0)
    });
    assert_eq!(kept["outcomes"]["delivered"], cancelled["resent"], "{kept}");
    for field in ["status", "queued", "resent", "skipped", "skipped_by", "updated_at", "ended_at"] {
        assert_eq!(kept[field], cancelled[field], "{field}");
    }
    // Another account's token, or one that may only read, doesn't reach it.
    let read = daemon.post("/api/tokens", &json!({ "token": { "name": "r", "scopes": ["read"] } })).expect(201).data();
    let read = read["token"].as_str().unwrap();
    daemon.call_as(read, "GET", &path, "", b"").expect(200);
    daemon.call_as(read, "DELETE", &path, "", b"").refused(403, "forbidden");
}

/// What happens to a notification while a bulk resend is on its way to it is told, each reason with how many.
#[test]
fn a_bulk_resend_says_what_it_passed_over() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    let events: Vec<String> = (0..100).map(|_| daemon.record("ORDER.PAID")).collect();
    eventually("all have failed", || {
        (daemon.list("/api/notifications?status=FAILED&limit=500").len() == 100).then_some(())
    });
    let path = format!("/api/webhooks/{}", id(&webhook));
    daemon.patch(&path, &json!({ "webhook": { "rate_limit": 0.01 } })).expect(200);
    let job = daemon.post("/api/notifications/resend", &json!({ "filter": {} })).expect(202).data();
    let job = format!("/api/notifications/resend/{}", id(&job));
    eventually("it gets on", || (daemon.get(&job).expect(200).data()["resent"] == 64).then_some(()));
    daemon.delete(&format!("/api/events/{}/resource", events[99])).expect(204);
    daemon.delete(&path).expect(204);
    let done =
        eventually("it has ended", || Some(daemon.get(&job).expect(200).data()).filter(|job| job["status"] == "DONE"));
    assert_eq!((&done["resent"], &done["skipped"]), (&json!(64), &json!(36)), "{done}");
    assert_eq!(done["skipped_by"], json!({ "webhook_deleted": 36 }), "{done}");
    let ended = eventually("how each of the others ended is known", || {
        Some(daemon.get(&job).expect(200).data()["outcomes"].clone()).filter(|outcomes| outcomes["pending"] == 0)
    });
    let of = |outcome: &str| ended[outcome].as_u64().unwrap();
    assert_eq!(of("failed") + of("cancelled"), 64, "{ended}");
    assert!(of("cancelled") > 0 && of("delivered") + of("replaced") + of("lost") == 0, "{ended}");
}

/// The notifications that were sent again could not be told from others that the filter found, once they had ended.
#[test]
fn a_job_counts_how_each_ended_and_lists_what_it_was_the_last_to_send() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    for kind in ["ORDER.PAID", "PAYMENT.PAID", "PAYMENT.PAID", "PAYMENT.PAID"] {
        daemon.record(kind);
    }
    let failed = || daemon.list("/api/notifications?status=FAILED").len();
    eventually("all have failed", || (failed() == 4).then_some(()));
    let resend = |filter: Value| {
        let begun = daemon.post("/api/notifications/resend", &json!({ "filter": filter })).expect(202).data();
        let path = format!("/api/notifications/resend/{}", id(&begun));
        eventually("it is known how each ended", || {
            let job = daemon.get(&path).expect(200).data();
            (job["status"] == "DONE" && job["outcomes"]["pending"] == 0).then_some(job)
        })
    };
    let outcomes = |job: &Value| {
        let names = ["pending", "delivered", "failed", "cancelled", "replaced", "lost"];
        names.map(|name| job["outcomes"][name].as_u64().unwrap())
    };
    let refused = resend(json!({ "type": "PAYMENT.*" }));
    assert_eq!((&refused["resent"], outcomes(&refused)), (&json!(3), [0, 0, 3, 0, 0, 0]));
    let listed = |job: &Value, more: &str| daemon.list(&format!("/api/notifications?job_id={}{more}", id(job))).len();
    assert_eq!((listed(&refused, ""), listed(&refused, "&undelivered=true")), (3, 3), "and not the order's");
    // One by hand: the job's figures stay, and its list says what isn't delivered now.
    receiver.now(Reply::Status(200));
    let one = daemon.list(&format!("/api/notifications?job_id={}", id(&refused))).remove(0);
    daemon.send("POST", &format!("/api/notifications/{}/resend", id(&one)), b"").expect(202);
    eventually("it is delivered", || (failed() == 3).then_some(()));
    assert_eq!((listed(&refused, ""), listed(&refused, "&undelivered=true")), (3, 2));
    // What the job has not brought about, another one does, and takes it over.
    let again = resend(json!({ "job_id": refused["id"] }));
    assert_eq!((&again["resent"], outcomes(&again)), (&json!(2), [0, 2, 0, 0, 0, 0]));
    assert_eq!(again["filter"]["job_id"], refused["id"]);
    let path = format!("/api/notifications/resend/{}", id(&refused));
    assert_eq!(daemon.get(&path).expect(200).data(), refused, "each counts as it first ended");
    assert_eq!((listed(&refused, ""), listed(&again, "")), (1, 2));
    assert_eq!(daemon.list("/api/notifications?job_id=0193a5b0-1111-4222-8333-444455556666").len(), 0);
    daemon.get("/api/notifications?job_id=1").refused(422, "invalid_fields");
}

#[test]
fn tests_are_apart_and_an_icon_is_offered_only_where_it_works() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register(&receiver.url, &["*"]);
    let test = daemon.post(&format!("/api/webhooks/{webhook}/test"), &json!({})).expect(202).data();
    let event = test["event_id"].as_str().unwrap();
    let failed = daemon.await_status(event, "FAILED");
    assert_eq!((&failed["test"], &failed["can_resend"]), (&json!(true), &json!(true)));
    let count = |query: &str| daemon.list(&format!("/api/notifications?{query}")).len();
    for (query, expected) in [
        ("", 0),
        ("status=FAILED", 0),
        ("undelivered=true", 0),
        ("test=true", 1),
        ("test=true&status=FAILED", 1),
        ("test=true&status=DELIVERED", 0),
        ("test=true&undelivered=true", 1),
        ("test=true&undelivered=false", 0),
        ("test=false", 0),
        ("test=true&webhook_deleted=false", 1),
        ("test=true&webhook_deleted=true", 0),
        (&format!("event_id={event}"), 1),
    ] {
        assert_eq!(count(query), expected, "{query}");
    }
    daemon.get("/api/notifications?test=yes").refused(422, "invalid_fields");
    daemon.delete(&format!("/api/events/{event}/resource")).expect(204);
    let said = daemon.get(&format!("/api/notifications/{}", id(&failed))).expect(200).data();
    assert_eq!((&said["can_resend"], &said["resend_refusal"]), (&json!(false), &json!("erased")));
    daemon.post(&format!("/api/notifications/{}/resend", id(&failed)), &json!({})).refused(409, "erased");
}
