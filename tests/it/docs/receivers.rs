//! The receivers, run as printed against a real daemon: a notification is taken, a wrong `Authorization` and a wrong
//! signature are refused, a repeat is dropped, after a `kill -9` of the receiver too; and what fails inside them
//! confirms and loses nothing.

use super::blocks::english;
use super::commands;
use super::place::{Place, Running, await_port, free_port, has, libraries};
use crate::harness::{Daemon, eventually, skipped};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// Quick to try again, and slow to give up: an interpreter takes its time on a machine that is busy with everything
/// else.
const PATIENT: &str = "delivery.schedule = [\"20ms\"]\ndelivery.timeout = \"30s\"\negress.allow = [\"127.0.0.0/8\"]\n";

/// A file under `docs/examples/` that the documents link to.
pub(crate) fn example(file: &str) -> String {
    let linked = english().links().contains(&format!("examples/{file}").as_str());
    assert!(linked, "no document links to docs/examples/{file}");
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(file)).unwrap()
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
    // Longer than what the sockets hold, so that it is refused while it is on its way.
    let note = "n".repeat(250_000);
    let long =
        json!({ "event": { "type": "PAYMENT.SETTLED", "resource": { "payment": { "id": "p-2", "note": note } } } });
    let long = daemon.post("/api/events", &long).expect(201).data();
    assert_eq!(
        first_attempt_answered(daemon, long["id"].as_str().unwrap()),
        401,
        "a wrong Authorization, and a long body"
    );
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

/// The folder of the receiver in Python, where its library is there.
fn python(daemon: &Daemon) -> Option<Place> {
    let text = example("receivers/python/receiver.py");
    if !libraries().join("py/bin/python").exists() {
        skipped("the receiver in Python", "standardwebhooks is not in target/libs; .ci/run installs it");
        return None;
    }
    let place = Place::beside(daemon);
    place.write("receiver.py", &text);
    symlink(libraries().join("py"), place.path().join("venv")).unwrap();
    Some(place)
}

fn node(daemon: &Daemon) -> Option<Place> {
    let text = example("receivers/node/receiver.mjs");
    if !libraries().join("node_modules/standardwebhooks").exists() {
        skipped("the receiver in Node", "standardwebhooks is not in target/libs; .ci/run installs it");
        return None;
    }
    let place = Place::beside(daemon);
    place.write("receiver.mjs", &text);
    symlink(libraries().join("node_modules"), place.path().join("node_modules")).unwrap();
    Some(place)
}

fn php(daemon: &Daemon) -> Option<Place> {
    let text = example("receivers/php/receiver.php");
    if !has(&["php"], "the receiver in PHP") {
        return None;
    }
    let place = Place::beside(daemon);
    if !place.run("php -m").contains("pdo_sqlite") {
        skipped("the receiver in PHP", "its pdo_sqlite is not installed; .ci/run installs php-sqlite3");
        return None;
    }
    place.write("receiver.php", &text);
    Some(place)
}

fn go(daemon: &Daemon) -> Option<Place> {
    let text = example("receivers/go/receiver.go");
    if !has(&["go"], "the receiver in Go") {
        return None;
    }
    let place = Place::beside(daemon);
    place.write("receiver.go", &text);
    // Compiled once, so that a start takes no longer than those of the others.
    place.run("go build -o built receiver.go");
    Some(place)
}

fn java(daemon: &Daemon) -> Option<Place> {
    let text = example("receivers/java/Receiver.java");
    if !has(&["java", "javac"], "the receiver in Java") {
        return None;
    }
    let place = Place::beside(daemon);
    place.write("Receiver.java", &text);
    place.run("javac Receiver.java");
    Some(place)
}

/// The blocks of [`go`] and [`java`], with what was compiled in the place of the source.
fn compiled(test: &str) -> Vec<String> {
    let blocks = commands::of(test).into_iter();
    blocks
        .map(|text| text.replace("go run receiver.go", "./built").replace("java Receiver.java", "java Receiver"))
        .collect()
}

#[test]
fn the_secret_is_kept_for_the_receiver() {
    if !has(&["bash", "sed"], "the registration of a receiver in the documents") {
        return;
    }
    let daemon = Daemon::start(PATIENT);
    let [register] = &*commands::of("the_secret_is_kept_for_the_receiver") else {
        panic!("one block registers the receiver");
    };
    let said = Place::beside(&daemon).run(&format!("{register}echo \"$SECRET\""));
    assert!(said.starts_with("whsec_") && said.lines().count() == 1, "{said}");
    assert_eq!(daemon.list("/api/webhooks")[0]["target"], "http://127.0.0.1:9000/");
}

#[test]
fn the_receiver_in_go_is_good() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = go(&daemon) {
        is_good(place, &compiled("the_receiver_in_go_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_java_is_good() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = java(&daemon) {
        is_good(place, &compiled("the_receiver_in_java_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_go_reads_no_more_than_it_must() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = go(&daemon) {
        reads_no_more_than_it_must(place, &compiled("the_receiver_in_go_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_java_reads_no_more_than_it_must() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = java(&daemon) {
        reads_no_more_than_it_must(place, &compiled("the_receiver_in_java_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_python_is_good() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = python(&daemon) {
        is_good(place, &commands::of("the_receiver_in_python_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_node_is_good() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = node(&daemon) {
        is_good(place, &commands::of("the_receiver_in_node_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_php_is_good() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = php(&daemon) {
        is_good(place, &commands::of("the_receiver_in_php_is_good"), &daemon);
    }
}

/// Registers a receiver at a free port and has the place know its secret.
fn registered(place: Place, daemon: &Daemon) -> (Place, u16) {
    let port = free_port();
    let target = format!("http://127.0.0.1:{port}/");
    let webhook =
        daemon.register_with(json!({ "target": target, "events": ["PAYMENT.*"], "authorization": "token-da-loja" }));
    (place.with("SECRET", webhook["secret"].as_str().unwrap()).with("PORT", &port.to_string()), port)
}

/// With `display_errors`, which PHP's own php.ini-development sets, PHP answers what nobody caught with a 200: carteiro
/// took it for confirmed, and the notification was lost.
#[test]
fn an_error_that_php_displays_confirms_nothing() {
    let daemon = Daemon::start(PATIENT);
    let Some(place) = php(&daemon) else {
        return;
    };
    let (place, port) = registered(place, &daemon);
    let [answers, _] = &*commands::of("the_receiver_in_php_is_good") else {
        panic!("one block answers, another one works");
    };
    let answers = answers.replace("9000", &port.to_string()).replace("php -S", "php -d display_errors=1 -S");
    // One can't be opened, the other one takes no row.
    place.run("php -r '(new PDO(\"sqlite:closed.db\"))->exec(\"CREATE TABLE inbox (id TEXT)\");'");
    for inbox in ["absent/inbox.db", "closed.db"] {
        let running = place.start(&answers.replace("inbox.db", inbox));
        await_port(port);
        assert_eq!(first_attempt_answered(&daemon, &daemon.record("PAYMENT.PAID")), 500, "{inbox}");
        drop(running);
    }
}

/// The inbox of those in Python and PHP, seen by somebody else.
fn sql(place: &Place, statement: &str) -> String {
    place.write("statement.sql", statement);
    place.run(
        "python3 -c 'import sqlite3; db = sqlite3.connect(\"inbox.db\", timeout=10); \
         [print(*row) for row in db.execute(open(\"statement.sql\").read())]; db.commit()'",
    )
}

/// What can't be marked as done is worked on again, by the same process, until it can; `meanwhile` is in between.
fn goes_on_working(place: Place, blocks: &[String], daemon: &Daemon, meanwhile: impl FnOnce(&Place, &[Running])) {
    let (place, port) = registered(place, daemon);
    sql(&place, "CREATE TABLE inbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0)");
    sql(&place, "CREATE TRIGGER never BEFORE UPDATE ON inbox BEGIN SELECT RAISE(ABORT, 'not done yet'); END");
    let running: Vec<Running> =
        blocks.iter().map(|text| place.start(&text.replace("9000", &port.to_string()))).collect();
    await_port(port);
    daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
    eventually("it can't be marked as done", || {
        running.iter().flat_map(Running::lines).any(|line| line.contains("not done yet")).then_some(())
    });
    meanwhile(&place, &running);
    assert_eq!(sql(&place, "SELECT done FROM inbox").trim(), "0");
    sql(&place, "DROP TRIGGER never");
    eventually("it is done again", || (sql(&place, "SELECT done FROM inbox").trim() == "1").then_some(()));
}

/// The thread that works ended on the first error of the database, while the other one went on answering 204.
#[test]
fn the_receiver_in_python_outlives_its_database() {
    let daemon = Daemon::start(PATIENT);
    let Some(place) = python(&daemon) else {
        return;
    };
    let text = example("receivers/python/receiver.py");
    assert!(text.contains("timeout=10"));
    place.write("receiver.py", &text.replace("timeout=10", "timeout=0.1"));
    goes_on_working(place, &commands::of("the_receiver_in_python_is_good"), &daemon, |place, running| {
        let locked = place.start(
            "exec python3 -c 'import sqlite3, time; db = sqlite3.connect(\"inbox.db\", timeout=10); \
             db.execute(\"BEGIN EXCLUSIVE\"); time.sleep(600)'",
        );
        running[0].await_line("database is locked");
        drop(locked);
    });
}

#[test]
fn the_receiver_in_php_outlives_its_database() {
    let daemon = Daemon::start(PATIENT);
    if !has(&["python3"], "errors of the receiver's database in PHP") {
        return;
    }
    if let Some(place) = php(&daemon) {
        goes_on_working(place, &commands::of("the_receiver_in_php_is_good"), &daemon, |_, _| {});
    }
}

/// Neither a body without the right `Authorization` nor one that is too long is read: who sends one has its answer
/// before.
fn reads_no_more_than_it_must(place: Place, blocks: &[String], daemon: &Daemon) {
    let (place, port) = registered(place, daemon);
    let _running: Vec<Running> =
        blocks.iter().map(|text| place.start(&text.replace("9000", &port.to_string()))).collect();
    await_port(port);
    let status = |authorization: &str, length: usize, body: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line[9..]).into_owned()
    };
    let longest = 512 * 1024;
    assert_eq!(status("another", longest, b""), "401");
    assert_eq!(status("token-da-loja", longest + 1, b""), "413");
    assert_eq!(status("token-da-loja", longest, &vec![b'x'; longest]), "401", "it is read, and has no signature");
}

#[test]
fn the_receiver_in_python_reads_no_more_than_it_must() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = python(&daemon) {
        reads_no_more_than_it_must(place, &commands::of("the_receiver_in_python_is_good"), &daemon);
    }
}

#[test]
fn the_receiver_in_node_reads_no_more_than_it_must() {
    let daemon = Daemon::start(PATIENT);
    if let Some(place) = node(&daemon) {
        reads_no_more_than_it_must(place, &commands::of("the_receiver_in_node_is_good"), &daemon);
    }
}
