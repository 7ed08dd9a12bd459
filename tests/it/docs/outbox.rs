//! The shop with an outbox: what is in the outbox is recorded, in spite of a worker that dies between the answer and
//! its own commit, of a server that answers nonsense and of a database that somebody holds; what can't be recorded is
//! set aside.

use super::commands;
use super::place::{Place, has};
use super::receivers::printed;
use crate::harness::{Daemon, QUICK, eventually};
use crate::receiver::{Receiver, Reply};

/// Runs a statement on the shop's database; its rows, one a line.
fn sql(place: &Place, statement: &str) -> String {
    place.write("statement.sql", statement);
    place.run(
        "python3 -c 'import sqlite3; db = sqlite3.connect(\"shop.db\", timeout=10); \
         [print(*row) for row in db.execute(open(\"statement.sql\").read())]; db.commit()'",
    )
}

#[test]
fn the_outbox_loses_nothing_and_delivers_nothing_twice() {
    let text = printed("python", "outbox/shop.py");
    if !has(&["bash", "python3"], "the outbox of the documents") {
        return;
    }
    let daemon = Daemon::start(QUICK);
    daemon.register("http://127.0.0.1:9/", &["ORDER.*"]);
    let place = Place::beside(&daemon);
    place.write("shop.py", &text);
    let [block] = &*commands::of("the_outbox_loses_nothing_and_delivers_nothing_twice") else {
        panic!("one block runs the shop");
    };
    let (pay, worker) = block.trim_end().rsplit_once('\n').unwrap();
    place.run(pay);
    assert_eq!(sql(&place, "SELECT status FROM orders").trim(), "PAID");
    sql(&place, "CREATE TABLE kept AS SELECT * FROM outbox");
    sql(&place, "INSERT INTO outbox VALUES ('00000000-0000-4000-8000-000000000001', 'no type', '{}', NULL)");
    let token = pay.lines().next().unwrap();
    let drained = |place: &Place| {
        let running = place.start(&format!("{token}\n{worker}"));
        eventually("the outbox is drained", || {
            (sql(place, "SELECT count(*) FROM outbox WHERE refused IS NULL").trim() == "0").then_some(())
        });
        drop(running);
    };
    drained(&place);
    assert!(
        sql(&place, "SELECT refused FROM outbox").contains("invalid_fields"),
        "what can't be recorded is kept aside"
    );
    // The worker died after the answer, before its own commit.
    sql(&place, "INSERT INTO outbox SELECT * FROM kept");
    drained(&place);
    let events = daemon.list("/api/events");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["resource_id"], "pedido-1042");
    assert_eq!(daemon.history(events[0]["id"].as_str().unwrap()).len(), 1);
}

/// The worker ended on an answer that is no HTTP, and on a database that was locked for longer than it waits.
#[test]
fn the_outbox_tries_everything_else_again() {
    let text = printed("python", "outbox/shop.py");
    if !has(&["bash", "python3"], "the outbox of the documents") {
        return;
    }
    let nonsense = Receiver::start(&[Reply::Raw(b"nonsense\r\n\r\n".to_vec()), Reply::Close, Reply::Status(201)]);
    let server = nonsense.url.strip_suffix("/notificacoes").unwrap();
    let place = Place::new().with("CARTEIRO_SERVER", server).with("CARTEIRO_TOKEN", "any");
    assert!(text.contains("timeout=10"));
    place.write("shop.py", &text.replace("timeout=10", "timeout=0.1"));
    let _ = place.run("python3 shop.py pay pedido-1042 12990");
    let locked = place.start(
        "exec python3 -c 'import sqlite3, time; db = sqlite3.connect(\"shop.db\", timeout=10); \
         db.execute(\"BEGIN EXCLUSIVE\"); print(\"locked\", flush=True); time.sleep(600)'",
    );
    locked.await_line("locked");
    let worker = place.start("exec python3 shop.py worker");
    worker.await_line("again in a second: database is locked");
    drop(locked);
    worker.await_line("again in a second: nonsense");
    eventually("the outbox is drained", || (sql(&place, "SELECT count(*) FROM outbox").trim() == "0").then_some(()));
    assert_eq!(nonsense.count(), 3);
}
