//! Webhooks whose targets fail for too long: warned of, disabled, announced, and enabled again with nothing lost.

use crate::harness::{Daemon, QUICK, eventually};
use crate::receiver::{Receiver, Reply, Request};
use serde_json::{Value, json};

const RULE: &str = "disable_after = \"2s\"\n";

fn config(rule: &str) -> String {
    QUICK.replace("[egress]", &format!("{rule}[egress]"))
}

fn webhook(daemon: &Daemon, id: &Value) -> Value {
    daemon.get(&format!("/api/webhooks/{}", id.as_str().unwrap())).expect(200).data()
}

#[test]
fn what_fails_for_too_long_is_disabled_told_of_and_released_by_one_call() {
    let mut daemon = Daemon::start(&config(RULE));
    let (bad, other) = (Receiver::start(&[Reply::Status(500)]), Receiver::ok());
    let hook = daemon.register_with(json!({
        "target": bad.url, "events": ["*"], "description": "estoque",
        "retry": { "schedule": ["20ms"], "max_attempts": 5 },
    }));
    daemon.register(&other.url, &["WEBHOOK.DISABLED"]);
    let failed = daemon.record("PAYMENT.PAID");
    daemon.await_status(&failed, "FAILED");
    assert_eq!(daemon.metric("carteiro_webhooks_failing"), 1);
    assert!(webhook(&daemon, &hook["id"])["failing_since"].is_string());
    // It is warned of half-way, which survives a crash; it is disabled only after the notice.
    let announced = eventually("it is announced", || {
        Some(webhook(&daemon, &hook["id"])["disables_at"].clone()).filter(Value::is_string)
    });
    assert_eq!((webhook(&daemon, &hook["id"])["status"].clone(), other.count()), (json!("ACTIVE"), 0));
    eventually("the log says so", || daemon.log().contains("it will be disabled").then_some(()));
    assert_eq!(daemon.metric("carteiro_webhooks_disabling"), 1);
    daemon.kill_9();
    daemon.spawn();
    assert_eq!(webhook(&daemon, &hook["id"])["disables_at"], announced);
    // What was down might have been repaired meanwhile: it takes an attempt that fails now.
    let ended = std::time::Duration::from_secs(2);
    std::thread::sleep(ended);
    assert_eq!(webhook(&daemon, &hook["id"])["status"], "ACTIVE");
    daemon.record("PAYMENT.PAID");
    let reported = other.await_count(1).remove(0).json();
    assert_eq!(reported["event"], "WEBHOOK.DISABLED");
    let subject = &reported["resource"]["webhook"];
    assert_eq!(
        (&subject["id"], &subject["description"], &subject["target"]),
        (&hook["id"], &json!("estoque"), &hook["target"])
    );
    let disabled = webhook(&daemon, &hook["id"]);
    assert_eq!((&disabled["status"], &disabled["disables_at"]), (&json!("DISABLED"), &Value::Null));
    assert!(disabled["disabled_reason"].as_str().unwrap().contains("confirmed nothing since"), "{disabled}");
    assert!(disabled["disabled_reason_pt"].as_str().unwrap().contains("não confirma nada desde"), "{disabled}");
    assert_eq!(daemon.metric("carteiro_webhooks_disabled"), 1);
    let word = reported["id"].as_str().unwrap();
    assert_eq!(daemon.history(word).len(), 1, "itself it isn't told");
    let explained = daemon.get(&format!("/api/events/{word}/explain")).expect(200).data();
    let about_itself = explained.as_array().unwrap().iter().find(|it| it["webhook_id"] == hook["id"]).unwrap();
    assert!(about_itself["reason"].as_str().unwrap().contains("tells the other webhooks"), "{explained}");
    // What comes meanwhile is pending and held, and uses no attempt up; one call releases it.
    let before = bad.count();
    let held: Vec<String> = (0..20).map(|_| daemon.record("ORDER.PAID")).collect();
    assert_eq!(daemon.list("/api/notifications?status=HELD").len(), 20);
    bad.now(Reply::Status(200));
    let enabled = daemon.patch(
        &format!("/api/webhooks/{}", hook["id"].as_str().unwrap()),
        &json!({ "webhook": { "status": "ACTIVE" } }),
    );
    let enabled = enabled.expect(200).data();
    assert_eq!((&enabled["disabled_reason"], &enabled["failing_since"]), (&Value::Null, &Value::Null));
    for event in &held {
        let notification = daemon.await_status(event, "DELIVERED");
        assert_eq!(notification["attempts_count"], 1);
    }
    assert_eq!(bad.count(), before + 20);
    assert_eq!(webhook(&daemon, &hook["id"])["status"], "ACTIVE");
}

#[test]
fn a_target_that_is_gone_is_disabled_unless_the_config_says_otherwise() {
    let daemon = Daemon::start(&config("disable_on_gone = false\n"));
    let closed = Receiver::start(&[Reply::Status(410)]);
    let hook = daemon.register_with(json!({
        "target": closed.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "FAILED");
    assert_eq!(webhook(&daemon, &hook["id"])["status"], "ACTIVE");
    // A reload is enough, and what was answered before it counts.
    daemon.configure(QUICK);
    daemon.signal("-HUP");
    eventually("it is disabled", || (webhook(&daemon, &hook["id"])["status"] == "DISABLED").then_some(()));
    assert!(webhook(&daemon, &hook["id"])["disabled_reason"].as_str().unwrap().contains("410 Gone"));
    let path = format!("/api/webhooks/{}", hook["id"].as_str().unwrap());
    daemon.patch(&path, &json!({ "webhook": { "status": "DISABLED" } })).refused(422, "invalid_fields");
    // It isn't another target's word.
    let held = daemon.record("PAYMENT.PAID");
    daemon.patch(&path, &json!({ "webhook": { "description": "outra" } })).expect(200);
    assert_eq!(webhook(&daemon, &hook["id"])["status"], "DISABLED");
    let open = Receiver::ok();
    let patched = json!({ "webhook": { "target": open.url } });
    let tried = daemon.patch(&path, &json!({ "webhook": { "target": open.url }, "dry_run": true })).expect(200).data();
    assert_eq!(tried["webhook"]["status"], "ACTIVE");
    let moved = daemon.patch(&path, &patched).expect(200).data();
    assert_eq!((&moved["status"], &moved["disabled_reason"]), (&json!("ACTIVE"), &Value::Null));
    daemon.await_status(&held, "DELIVERED");
}

#[test]
fn one_that_confirms_now_and_then_or_has_not_used_its_attempts_up_stays() {
    let daemon = Daemon::start(&config("disable_after = \"1s\"\n"));
    let (flaky, patient) =
        (Receiver::start(&[Reply::Status(500), Reply::Status(200)]), Receiver::start(&[Reply::Status(500)]));
    let once = json!({ "schedule": ["20ms"], "max_attempts": 1 });
    let flaky_hook = daemon.register_with(json!({ "target": flaky.url, "events": ["ORDER.*"], "retry": once }));
    let patient_hook = daemon.register_with(json!({
        "target": patient.url, "events": ["PAYMENT.*"], "retry": { "schedule": ["1h"], "max_attempts": 20 },
    }));
    daemon.record("PAYMENT.PAID");
    let failed = daemon.record("ORDER.PAID");
    daemon.await_status(&failed, "FAILED");
    let delivered = daemon.record("ORDER.PAID");
    daemon.await_status(&delivered, "DELIVERED");
    // Another one is disabled by the same rule in the meantime.
    let bad = Receiver::start(&[Reply::Status(500)]);
    let bad_hook = daemon.register_with(json!({ "target": bad.url, "events": ["SHIP.*"], "retry": once }));
    eventually("the bad one is disabled", || {
        daemon.record("SHIP.SENT");
        (webhook(&daemon, &bad_hook["id"])["status"] == "DISABLED").then_some(())
    });
    for hook in [&flaky_hook, &patient_hook] {
        assert_eq!(webhook(&daemon, &hook["id"])["status"], "ACTIVE");
    }
    // One failed attempt, or one now and then, is not failing; `lanes` has what is.
    for hook in [&flaky_hook, &patient_hook] {
        assert_eq!(webhook(&daemon, &hook["id"])["failing_since"], Value::Null);
    }
}

#[test]
fn other_webhooks_are_told_of_one_that_fails_and_recovers() {
    let mut daemon = Daemon::start(QUICK);
    let (bad, other, all) = (Receiver::start(&[Reply::Status(500)]), Receiver::ok(), Receiver::ok());
    let hook = daemon.register_with(json!({
        "target": bad.url, "events": ["ORDER.*"], "retry": { "schedule": ["1ms"], "max_attempts": 5 },
    }));
    daemon.register(&other.url, &["WEBHOOK.*"]);
    daemon.register(&all.url, &["*"]);
    let failed = daemon.post(
        "/api/events",
        &json!({ "event": {
        "type": "ORDER.PAID", "external_id": "pedido-11249", "resource": {},
    } }),
    );
    let failed = failed.expect(201).data()["id"].as_str().unwrap().to_owned();
    eventually("it fails", || (daemon.list("/api/notifications?status=FAILED").len() == 1).then_some(()));
    // What was told is as durable as what it tells of.
    daemon.kill_9();
    daemon.spawn();
    let told = other.await_count(2);
    let of = |name: &str| told.iter().map(Request::json).find(|one| one["event"] == name).unwrap();
    let about = of("WEBHOOK.FAILING");
    assert_eq!(about["resource"]["webhook"]["id"], hook["id"]);
    assert!(about["resource"]["webhook"]["failing_since"].is_string() && about["env"] == "production", "{about}");
    let about = of("WEBHOOK.NOTIFICATION_FAILED");
    let notification = &about["resource"]["notification"];
    assert_eq!((&notification["event_id"], &notification["response_status"]), (&json!(failed), &json!(500)));
    assert_eq!(notification["external_id"], "pedido-11249");
    bad.now(Reply::Status(200));
    daemon.record("ORDER.PAID");
    let last = eventually("it recovers", || {
        let told = other.requests();
        told.iter().map(Request::json).find(|one| one["event"] == "WEBHOOK.RECOVERED")
    });
    assert_eq!(last["resource"]["webhook"]["id"], hook["id"]);
    let events: Vec<Value> = all.requests().iter().map(|one| one.json()["event"].clone()).collect();
    assert!(events.iter().all(|event| event == "ORDER.PAID"), "{events:?}");
}

#[test]
fn callers_record_nothing_of_carteiros_own() {
    let daemon = Daemon::quick();
    for own in ["WEBHOOK.DISABLED", "WEBHOOK.TEST", "WEBHOOK.ANYTHING"] {
        let refused = daemon
            .post("/api/events", &json!({ "event": { "type": own, "resource": {} } }))
            .refused(422, "invalid_fields");
        assert!(refused["type"][0].as_str().unwrap().contains("carteiro's own"), "{refused}");
    }
    daemon.record("WEBHOOKS.ANYTHING");
}
