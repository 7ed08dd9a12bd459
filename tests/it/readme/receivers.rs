//! The receivers, run as printed against a real daemon: a notification is taken, a wrong `Authorization` and a wrong signature are
//! refused, a repeat is dropped, after a `kill -9` of the receiver too.

use super::blocks::readme;
use super::commands;
use super::place::{Place, Running, await_port, free_port, has, libraries};
use crate::harness::{Daemon, eventually, skipped};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Quick to try again, and slow to give up: an interpreter takes its time on a machine that is busy with everything else.
const PATIENT: &str = "delivery.schedule = [\"20ms\"]\ndelivery.timeout = \"30s\"\negress.allow = [\"127.0.0.0/8\"]\n";

/// A file under `tests/` that the documents print whole.
pub(crate) fn printed(language: &str, file: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file)).unwrap();
    let shown = readme().of(language).iter().any(|block| block.text == text);
    assert!(shown, "the README prints another text than tests/{file}");
    text
}

fn first_attempt_answered(daemon: &Daemon, event: &str) -> Value {
    eventually("a first attempt is answered", || {
        let history = daemon.history(event);
        let status = &history.first()?["attempts"][0]["response_status"];
        (!status.is_null()).then(|| status.clone())
    })
}

/// `blocks` start the receiver, on port 9000 as they are printed.
fn is_good(place: Place, blocks: &[String], daemon: &Daemon) {
    let port = free_port();
    let target = format!("http://127.0.0.1:{port}/");
    let webhook =
        daemon.register_with(json!({ "target": target, "events": ["PAYMENT.*"], "authorization": "token-da-loja" }));
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let place = place.with("SECRET", webhook["secret"].as_str().unwrap()).with("PORT", &port.to_string());
    let start = || {
        let running: Vec<Running> =
            blocks.iter().map(|text| place.start(&text.replace("9000", &port.to_string()))).collect();
        await_port(port);
        running
    };
    let worked = |running: &[Running], id: &str| {
        running.iter().flat_map(Running::lines).filter(|line| line.starts_with(id)).count()
    };
    let running = start();

    let event = daemon.record("PAYMENT.PAID");
    let taken = daemon.await_status(&event, "DELIVERED");
    let id = taken["id"].as_str().unwrap();
    assert_eq!(taken["attempts"][0]["response_status"], 204);
    eventually("the work is done", || (worked(&running, id) == 1).then_some(()));
    let resend = |attempts: usize| {
        daemon.post(&format!("/api/notifications/{id}/resend"), &json!({})).expect(202);
        let last = eventually("it is sent again", || daemon.history(&event)[0]["attempts"].get(attempts).cloned());
        assert_eq!(last["response_status"], 204);
    };
    resend(1);

    daemon.patch(&path, &json!({ "webhook": { "authorization": "token-de-outra-loja" } })).expect(200);
    assert_eq!(first_attempt_answered(daemon, &daemon.record("PAYMENT.SETTLED")), 401, "a wrong Authorization");
    daemon
        .patch(&path, &json!({ "webhook": { "authorization": "token-da-loja", "events": ["PAYMENT.PAID"] } }))
        .expect(200);
    // Signs with a secret of its own.
    daemon.register(&target, &["ORDER.*"]);
    assert_eq!(first_attempt_answered(daemon, &daemon.record("ORDER.PAID")), 401, "a wrong signature");

    let before = worked(&running, id);
    drop(running);
    let running = start();
    resend(2);
    let next = daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
    eventually("the next one's work is done", || (worked(&running, next["id"].as_str().unwrap()) == 1).then_some(()));
    assert_eq!((before, worked(&running, id)), (1, 0), "repeats are dropped");
    assert!(!running.iter().flat_map(Running::lines).any(|line| line.contains("ORDER")), "nothing forged is worked on");
}

#[test]
fn the_receiver_in_python_is_good() {
    let text = printed("python", "receivers/python/receiver.py");
    if !libraries().join("py/bin/python").exists() {
        return skipped("the receiver in Python", "standardwebhooks is not in target/libs; .ci/run installs it");
    }
    let daemon = Daemon::start(PATIENT);
    let place = Place::beside(&daemon);
    place.write("receiver.py", &text);
    symlink(libraries().join("py"), place.path().join("venv")).unwrap();
    is_good(place, &commands::of("the_receiver_in_python_is_good"), &daemon);
}

#[test]
fn the_receiver_in_node_is_good() {
    let text = printed("js", "receivers/node/receiver.mjs");
    if !libraries().join("node_modules/standardwebhooks").exists() {
        return skipped("the receiver in Node", "standardwebhooks is not in target/libs; .ci/run installs it");
    }
    let daemon = Daemon::start(PATIENT);
    let place = Place::beside(&daemon);
    place.write("receiver.mjs", &text);
    symlink(libraries().join("node_modules"), place.path().join("node_modules")).unwrap();
    is_good(place, &commands::of("the_receiver_in_node_is_good"), &daemon);
}

#[test]
fn the_receiver_in_php_is_good() {
    let text = printed("php", "receivers/php/receiver.php");
    if !has(&["php"], "the receiver in PHP") {
        return;
    }
    let daemon = Daemon::start(PATIENT);
    let place = Place::beside(&daemon);
    if !place.run("php -m").contains("pdo_sqlite") {
        return skipped("the receiver in PHP", "its pdo_sqlite is not installed; .ci/run installs php-sqlite3");
    }
    place.write("receiver.php", &text);
    is_good(place, &commands::of("the_receiver_in_php_is_good"), &daemon);
}
