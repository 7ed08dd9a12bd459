//! kill -9 under load: what was acknowledged is listed once and delivered at least once.
//!
//! The kills fall into load, into starts, into backups, into shutdowns, into retention's sweep and into a migration. A
//! few rounds in CI; `CRASH_ROUNDS=1000 cargo test crash` for a long run.

use super::harness::{self, DEADLINE, Daemon, QUICK, eventually, retrying_after};
use super::receiver::{Receiver, Reply};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Records events over one connection after another until told to stop; writes down what was acknowledged.
fn shop(address: &str, token: &str, name: &str, acknowledged: &Mutex<BTreeSet<String>>, stop: &AtomicBool) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let own = format!("{name}-{n}");
        let body =
            json!({ "event": { "type": "PAYMENT.PAID", "external_id": own, "resource": { "n": n } } }).to_string();
        let request = format!(
            "POST /api/events HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = Vec::new();
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
        if sent.is_ok() && answer.starts_with(b"HTTP/1.1 201") {
            acknowledged.lock().unwrap().insert(own);
        }
    }
}

fn rounds(few: u32) -> u32 {
    std::env::var("CRASH_ROUNDS").ok().map_or(few, |rounds| rounds.parse().unwrap())
}

/// Up to so many milliseconds, another number each time: where in its work a kill meets the daemon.
fn a_moment(round: u32, most_ms: u64) {
    let mixed = (u64::from(round) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    std::thread::sleep(Duration::from_micros(mixed % (most_ms * 1000)));
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let rounds = rounds(8);
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(204)]);
    let mut daemon = Daemon::quick();
    daemon.register(&receiver.url, &["*"]);
    let acknowledged = Mutex::new(BTreeSet::new());
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (address, token, acknowledged, stop) =
                    (daemon.address.clone(), daemon.token.clone(), &acknowledged, &stop);
                scope.spawn(move || shop(&address, &token, &format!("r{round}w{worker}"), acknowledged, stop));
            }
            // At a moment that differs from round to round, in the middle of the load.
            let before = acknowledged.lock().unwrap().len();
            let wanted = 20 + (round as usize * 37) % 150;
            eventually("the load runs", || (acknowledged.lock().unwrap().len() >= before + wanted).then_some(()));
            match round % 4 {
                // In the middle of a backup, of which nothing must be left under its name.
                1 => {
                    let file = daemon.config_file().with_file_name("half.backup");
                    let mut backup = daemon.command();
                    backup.args(["backup", file.to_str().unwrap(), "--config"]).arg(daemon.config_file());
                    let mut backup = backup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                    a_moment(round, 30);
                    daemon.kill_9();
                    if backup.wait().unwrap().success() {
                        std::fs::remove_file(&file).unwrap();
                    }
                    assert!(!file.exists());
                }
                // On its way out.
                2 => {
                    daemon.signal("-TERM");
                    a_moment(round, 30);
                    daemon.kill_9();
                }
                _ => daemon.kill_9(),
            }
            stop.store(true, Ordering::Relaxed);
        });
        if round % 4 == 3 {
            daemon.spawn_and_kill(|| a_moment(round, 40));
        }
        daemon.spawn();
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    let (mut listed, mut cursor): (BTreeMap<String, u32>, _) = (BTreeMap::new(), String::new());
    loop {
        let page = daemon.get(&format!("/api/events?order=asc&limit=500{cursor}")).expect(200).json();
        let events = page["data"].as_array().unwrap();
        if events.is_empty() {
            break;
        }
        for event in events {
            *listed.entry(event["external_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        cursor = format!("&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
    }
    assert!(acknowledged.iter().all(|own| listed.contains_key(own)), "every acknowledged event is listed");
    assert!(listed.values().all(|times| *times == 1), "and once");
    let delivered = eventually("nothing stays pending", || {
        let delivered: BTreeSet<u64> =
            receiver.requests().iter().map(|request| request.json()["resource"]["n"].as_u64().unwrap()).collect();
        let waiting = daemon.list("/api/notifications?status=PENDING&limit=1").len()
            + daemon.list("/api/notifications?status=RETRYING&limit=1").len();
        (waiting == 0).then_some(delivered)
    });
    assert!(!delivered.is_empty());
    let ids: BTreeSet<String> =
        receiver.requests().iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), listed.len(), "every event was delivered, whether its caller got the answer or not");
    let (code, said, _) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
}

/// The rows of a large batch's events reach the store before the batch that records them.
#[test]
fn a_kill_in_the_middle_of_a_large_batch_leaves_all_of_it_or_nothing() {
    const EVENTS: usize = 500;
    /// Each round reads all there is: with one store a long run would take days.
    const ROUNDS_A_STORE: u32 = 20;
    let mut daemon = Daemon::quick();
    for round in 0..rounds(6) {
        if round > 0 && round % ROUNDS_A_STORE == 0 {
            daemon = Daemon::quick();
        }
        let event = |n: usize| {
            // Some in one row, some in two.
            let note = "x".repeat(if n.is_multiple_of(3) { 20_000 } else { 12_000 });
            json!({ "type": "PAYMENT.PAID", "external_id": format!("r{round}n{n}"), "resource": { "note": note } })
        };
        let batch = json!({ "events": (0..EVENTS).map(event).collect::<Vec<_>>() }).to_string();
        let request = harness::request(&daemon.token, "POST", "/api/events/batch", "", batch.as_bytes());
        let io = format!("/proc/{}/io", daemon.id());
        let written = || {
            let io = std::fs::read_to_string(&io).unwrap();
            io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse::<u64>().unwrap()
        };
        let before = written();
        let mut stream = TcpStream::connect(&daemon.address).unwrap();
        stream.write_all(&request).unwrap();
        // At a moment that differs from round to round, while sled's log is written.
        let enough = before + (u64::from(round) % 4 + 1) * 2 * 1024 * 1024;
        let start = Instant::now();
        while written() < enough {
            assert!(start.elapsed() < DEADLINE, "the batch is written");
        }
        daemon.kill_9();
        let mut answer = Vec::new();
        let acknowledged = stream.read_to_end(&mut answer).is_ok() && answer.starts_with(b"HTTP/1.1 201");
        let (code, said, _) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "as it was left: {said}");
        // Without its marker nothing vouches for the store, and it must come to the same.
        if round % 3 == 2 {
            std::fs::remove_file(daemon.config_file().with_file_name("data").join("journal/marker")).unwrap();
            daemon.accept();
        }
        daemon.spawn();
        let has = |n: usize| daemon.list(&format!("/api/events?external_id=r{round}n{n}")).len();
        let found: usize = (0..EVENTS).map(has).sum();
        assert!(found == EVENTS || found == 0 && !acknowledged, "{found} of {EVENTS}, acknowledged: {acknowledged}");
        let (code, said, _) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "as the start has left it: {said}");
    }
    let event = json!({ "event": { "type": "PAYMENT.PAID", "resource": { "n": 1 } } });
    daemon.post("/api/events", &event).expect(201);
    let (code, said, _) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_kill_in_the_middle_of_retention_leaves_whole_events_and_all_that_is_pending() {
    let receiver = Receiver::ok();
    // A mebibyte stays; every round records more than that.
    let quick = QUICK.replace("[delivery]", "[delivery]\nidempotency_window = \"1s\"");
    let mut daemon = Daemon::start(&format!("store.retention_bytes = \"1 MiB\"\n{quick}"));
    daemon.register(&receiver.url, &["PAYMENT.*"]);
    let held = daemon.register_with(json!({ "target": receiver.url, "events": ["ORDER.*"], "status": "PAUSED" }));
    let pending: Vec<String> = (0..20).map(|_| daemon.record("ORDER.PAID")).collect();
    let pad = "x".repeat(2000);
    for round in 0..rounds(4) {
        let events = vec![json!({ "type": "PAYMENT.PAID", "resource": { "pad": pad } }); 700];
        daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
        a_moment(round, 200);
        daemon.kill_9();
        let (code, said, _) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "round {round}: {said}");
        daemon.spawn();
    }
    eventually("retention ends its pass", || {
        let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
        let counted = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("carteiro_{name} "))).unwrap();
            line.parse().unwrap()
        };
        let bytes = counted("payload_bytes") + 512 * (counted("events") + counted("notifications"));
        (bytes <= 1 << 20).then_some(())
    });
    eventually("retention says in the log what it has deleted", || {
        daemon
            .log()
            .lines()
            .any(|line| line.contains("INFO") && line.contains("retention deleted events"))
            .then_some(())
    });
    let held = held["id"].as_str().unwrap();
    assert_eq!(daemon.list(&format!("/api/notifications?webhook_id={held}&status=HELD")).len(), pending.len());
    for event in &pending {
        daemon.get(&format!("/api/events/{event}")).expect(200);
    }
}

#[test]
fn a_restart_takes_up_what_is_pending_by_itself() {
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let mut daemon = Daemon::start(&retrying_after("300ms"));
    let webhook = daemon.register(&receiver.url, &["*"]);
    let events: Vec<String> = (0..20).map(|_| daemon.record("PAYMENT.PAID")).collect();
    for event in &events {
        daemon.await_status(event, "RETRYING");
    }
    daemon.kill_9();
    receiver.now(Reply::Status(200));
    daemon.spawn();
    for event in &events {
        daemon.await_status(event, "DELIVERED");
    }
    assert_eq!(daemon.list(&format!("/api/notifications?webhook_id={webhook}")).len(), 20);
}
