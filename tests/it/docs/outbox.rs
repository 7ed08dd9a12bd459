//! The shop with an outbox: what is in the outbox is recorded, in spite of a worker that dies between the answer and
//! its own commit, of a server that answers nonsense and of a database that somebody holds; what can't be recorded is
//! set aside.

use super::commands;
use super::place::{Place, has};
use super::receivers::example;
use crate::harness::{Daemon, QUICK, eventually, skipped};
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
    let text = example("outbox/shop.py");
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

/// The triggers in SQL and the worker in PHP: the same, whatever program changes an order.
#[test]
fn triggers_fill_the_outbox_and_the_worker_empties_it() {
    let (triggers, text) = (example("outbox/sqlite.sql"), example("outbox/worker.php"));
    if !has(&["bash", "php", "sqlite3", "python3"], "the outbox in SQL of the documents") {
        return;
    }
    let daemon = Daemon::start(QUICK);
    daemon.register("http://127.0.0.1:9/", &["ORDER.*"]);
    let place = Place::beside(&daemon);
    if !place.run("php -m").contains("pdo_sqlite") {
        skipped("the outbox in SQL of the documents", "PHP's pdo_sqlite is not installed");
        return;
    }
    place.write("sqlite.sql", &triggers);
    place.write("worker.php", &text);
    sql(&place, "CREATE TABLE orders (id TEXT PRIMARY KEY, total_cents INTEGER NOT NULL, status TEXT NOT NULL)");
    let [block] = &*commands::of("triggers_fill_the_outbox_and_the_worker_empties_it") else {
        panic!("one block runs the worker");
    };
    let worker = place.start(block);
    eventually("there is an outbox", || {
        (sql(&place, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").trim() == "2").then_some(())
    });
    sql(&place, "INSERT INTO orders VALUES ('pedido-1042', 12990, 'created')");
    sql(&place, "UPDATE orders SET status = 'paid'");
    sql(&place, "UPDATE orders SET status = 'paid'");
    sql(&place, "UPDATE orders SET status = 'no status'");
    eventually("what can be recorded is, and what can't is kept aside", || {
        let left = sql(&place, "SELECT type, refused FROM outbox");
        (left.starts_with("ORDER.NO STATUS") && left.contains("invalid_fields") && left.lines().count() == 1)
            .then_some(())
    });
    worker.await_line("refused");
    let events = daemon.list("/api/events?order=asc");
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["ORDER.CREATED", "ORDER.PAID"]);
    assert_eq!(events[1]["resource_id"], "pedido-1042");
}

/// The same in `PostgreSQL`, in a server of the test's own.
#[test]
fn postgresql_takes_the_triggers() {
    let triggers = example("outbox/postgresql.sql");
    let what = "the outbox in PostgreSQL of the documents";
    if !has(&["bash", "psql", "runuser", "id"], what) {
        return;
    }
    let place = Place::new();
    let found = place
        .run("ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1; id -un; id -un postgres 2>/dev/null || true");
    let [programs, "root", "postgres"] = *found.lines().collect::<Vec<_>>() else {
        skipped(what, "it needs root, and a PostgreSQL server with its user");
        return;
    };
    place.write("postgresql.sql", &triggers);
    let folder = place.path().display().to_string();
    let script = format!(
        "chmod 755 . && install -d -o postgres server && cd server\n\
         runuser -u postgres -- {programs}/initdb -D data > initdb.log\n\
         as_user=\"runuser -u postgres -- {programs}/pg_ctl -D data -w\"\n\
         $as_user -l log -o \"-k {folder}/server -c listen_addresses=''\" start > start.log\n\
         trap '$as_user -m immediate stop > stop.log' EXIT\n\
         sql() {{ runuser -u postgres -- psql -h {folder}/server -v ON_ERROR_STOP=1 -qAt \"$@\"; }}\n\
         sql -c 'CREATE TABLE orders (id text PRIMARY KEY, total_cents bigint NOT NULL, status text NOT NULL)'\n\
         sql < ../postgresql.sql\n\
         sql -c \"INSERT INTO orders VALUES ('pedido-1042', 12990, 'created')\"\n\
         sql -c \"UPDATE orders SET status = 'paid'\" -c \"UPDATE orders SET status = 'paid'\"\n\
         sql -c 'SELECT type, resource FROM outbox ORDER BY seq'"
    );
    let rows = place.run(&script);
    let types: Vec<_> = rows.lines().map(|row| row.split('|').next().unwrap()).collect();
    assert_eq!(types, ["ORDER.CREATED", "ORDER.PAID"], "{rows}");
    let resource: serde_json::Value =
        serde_json::from_str(rows.lines().nth(1).unwrap().split_once('|').unwrap().1).unwrap();
    assert_eq!(resource["order"]["id"], "pedido-1042");
    assert_eq!(resource["order"]["total_cents"], 12990);
}

/// The worker ended on an answer that is no HTTP, and on a database that was locked for longer than it waits.
#[test]
fn the_outbox_tries_everything_else_again() {
    let text = example("outbox/shop.py");
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
