//! `POST /api/webhooks` with an `Idempotency-Key`: one webhook for each key, as events have it.

use super::accounts::TWO;
use super::cli::{carteiro, complaint, done, out};
use super::harness::{Answer, Daemon};
use super::receiver::Receiver;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn keyed(daemon: &Daemon, token: &str, key: &str, path: &str, body: &Value) -> Answer {
    let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {key}\r\n");
    daemon.call_as(token, "POST", path, &headers, body.to_string().as_bytes())
}

fn register(daemon: &Daemon, key: &str, webhook: &Value) -> Answer {
    keyed(daemon, &daemon.token, key, "/api/webhooks", &json!({ "webhook": webhook }))
}

fn is_replay_of(answer: &Answer, first: &Value) {
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(answer.header("location"), None);
    assert_eq!(answer.data(), *first);
}

fn is_sound(daemon: &mut Daemon) {
    assert!(daemon.terminate().success());
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
}

#[test]
fn a_repeated_registration_answers_the_first_webhook_as_it_is_now() {
    let mut daemon = Daemon::quick();
    let receiver = Receiver::ok();
    let webhook = json!({ "target": receiver.url, "events": ["*"], "authorization": "Bearer a", "rate_limit": 500 });
    let answer = register(&daemon, "loja-1", &webhook).expect(201);
    assert_eq!(answer.header("idempotent-replayed"), None);
    let first = answer.data();
    assert!(answer.header("location").unwrap().ends_with(first["id"].as_str().unwrap()));
    assert!(first["secret"].as_str().unwrap().starts_with("whsec_"));
    is_replay_of(&register(&daemon, "loja-1", &webhook), &first);
    // What is the default says nothing new; everything else does.
    let mut same = webhook.clone();
    same.as_object_mut().unwrap().extend([
        ("status".to_owned(), json!("ACTIVE")),
        ("ordered".to_owned(), json!(false)),
        ("retry".to_owned(), Value::Null),
    ]);
    is_replay_of(&register(&daemon, "loja-1", &same), &first);
    for (field, value) in [
        ("target", json!("http://127.0.0.1:9/")),
        ("events", json!(["PAYMENT.*"])),
        ("authorization", json!("Bearer b")),
        ("description", json!("caixa")),
        ("status", json!("PAUSED")),
        ("headers", json!({ "X-Loja": "7" })),
        ("max_in_flight", json!(3)),
        ("rate_limit", json!(501)),
        ("ordered", json!(true)),
        ("retry", json!({ "schedule": ["1s"] })),
    ] {
        let mut other = webhook.clone();
        other[field] = value;
        register(&daemon, "loja-1", &other).refused(409, "idempotency_key_taken");
    }
    register(&daemon, &"k".repeat(256), &webhook).refused(400, "bad_idempotency_key");
    assert_eq!(daemon.list("/api/webhooks").len(), 1);

    // An event may have the same key.
    let event = json!({ "event": { "type": "PAYMENT.PAID", "resource": {} } });
    let recorded = keyed(&daemon, &daemon.token, "loja-1", "/api/events", &event).expect(201).data();
    assert_eq!(keyed(&daemon, &daemon.token, "loja-1", "/api/events", &event).expect(200).data(), recorded);
    receiver.await_count(1);
    is_replay_of(&register(&daemon, "loja-1", &webhook), &first);

    daemon.kill_9();
    daemon.spawn();
    is_replay_of(&register(&daemon, "loja-1", &webhook), &first);

    let path = format!("/api/webhooks/{}", first["id"].as_str().unwrap());
    daemon.patch(&path, &json!({ "webhook": { "description": "caixa", "status": "PAUSED" } })).expect(200);
    let changed = register(&daemon, "loja-1", &webhook).expect(200).data();
    assert_eq!((&changed["description"], &changed["status"]), (&json!("caixa"), &json!("PAUSED")));
    assert_eq!((&changed["id"], &changed["secret"]), (&first["id"], &first["secret"]));
    daemon.post(&format!("{path}/rotate_secret"), &json!({ "overlap": "0s" })).expect(200);
    let rotated = register(&daemon, "loja-1", &webhook).expect(200).data();
    assert_eq!((&rotated["id"], rotated.get("secret")), (&first["id"], None), "the new one was shown when it was made");

    // A deleted one answers nothing any more: the key is free, for other content too.
    daemon.delete(&path).expect(204);
    let second = register(&daemon, "loja-1", &json!({ "target": receiver.url, "events": ["A.B"] })).expect(201).data();
    assert_ne!(second["id"], first["id"]);
    is_sound(&mut daemon);
}

#[test]
fn of_calls_at_once_with_one_key_one_registers() {
    let daemon = Daemon::quick();
    let webhook = json!({ "target": "http://127.0.0.1:9/", "events": ["*"] });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..12).map(|_| scope.spawn(|| register(&daemon, "k", &webhook))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 11);
    let same: BTreeSet<String> = answers.iter().map(|answer| answer.data().to_string()).collect();
    assert_eq!(same.len(), 1, "{same:?}");
    assert_eq!(daemon.list("/api/webhooks").len(), 1);
}

#[test]
fn a_key_is_its_account_s_own() {
    let daemon = Daemon::start(TWO);
    let of = |name: &str| {
        std::fs::read_to_string(daemon.data().join(format!("admin-token-{name}"))).unwrap().trim().to_owned()
    };
    let webhook = json!({ "webhook": { "target": "http://127.0.0.1:9/", "events": ["*"] } });
    let [mine, theirs] = ["producao", "sandbox"].map(|name| {
        let token = of(name);
        let made = keyed(&daemon, &token, "k", "/api/webhooks", &webhook).expect(201).data();
        is_replay_of(&keyed(&daemon, &token, "k", "/api/webhooks", &webhook), &made);
        made
    });
    assert!(mine["id"] != theirs["id"] && mine["secret"] != theirs["secret"]);
}

/// A target that is refused by now refuses new registrations; what was registered is answered.
#[test]
fn a_replay_asks_nothing_of_the_target() {
    let mut daemon = Daemon::quick();
    let webhook = json!({ "target": "http://127.0.0.1:9/", "events": ["*"] });
    let first = register(&daemon, "k", &webhook).expect(201).data();
    assert!(daemon.terminate().success());
    daemon.configure("");
    daemon.spawn();
    is_replay_of(&register(&daemon, "k", &webhook), &first);
    register(&daemon, "other", &webhook).refused(422, "invalid_fields");
    daemon.post("/api/webhooks", &json!({ "webhook": webhook })).refused(422, "invalid_fields");
    is_sound(&mut daemon);
}

#[test]
fn the_command_line_registers_once() {
    let daemon = Daemon::quick();
    let create = ["webhooks", "create", "--target", "http://127.0.0.1:9/", "--events", "*", "--idempotency-key", "k"];
    let secret_of = |out: &str| out.lines().find(|line| line.starts_with("secret  ")).map(str::to_owned);
    let first = done(&daemon, &create);
    assert!(secret_of(&first).is_some() && done(&daemon, &create) == first, "{first}");
    let id = daemon.list("/api/webhooks")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(daemon.list("/api/webhooks").len(), 1);
    daemon.send("POST", &format!("/api/webhooks/{id}/rotate_secret"), b"").expect(200);
    let rotated = carteiro(&daemon, &create, "", &[]);
    assert!(rotated.status.success() && secret_of(&out(&rotated)).is_none(), "{}", out(&rotated));
    assert!(complaint(&rotated).contains("rotated since"), "{}", complaint(&rotated));
}
