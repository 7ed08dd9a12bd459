//! A disk that is full at a chosen step: as a commit is written, as a segment is begun, in a checkpoint.

use super::super::harness::{Daemon, QUICK, eventually, exchange, request};
use super::shim::Call::{Fdatasync, Open, Pwrite, Rename, Truncate};
use super::shim::{Aim, Call, Fault, Files, Plan, Shim};
use serde_json::json;
use std::collections::BTreeSet;

/// What makes the daemon come to the step.
#[derive(Clone, Copy, Debug)]
enum Act {
    Record,
    /// It closes a segment.
    BackUp,
    /// It is followed by a checkpoint.
    Erase,
}

#[test]
fn a_disk_that_is_full_at_any_step_ends_the_daemon_and_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = Shim::build("a disk that is full at a step", folder.path()) else { return };
    let data = folder.path().canonicalize().unwrap().join("data");
    let mut daemon = Daemon::at(&data, &format!("store.min_free = \"0 B\"\n{QUICK}"));
    for (name, value) in shim.environment(&data) {
        daemon.set_env(name, value.into());
    }
    daemon.spawn();
    let (mut acknowledged, mut erased) = (BTreeSet::new(), BTreeSet::new());
    let event = json!({ "event": { "type": "PAYMENT.PAID", "resource": { "pad": "p".repeat(2000) } } }).to_string();
    let steps: [(&str, Act, Files, Call, u64); 10] = [
        ("a commit is written", Act::Record, Files::Journal, Pwrite, 1),
        ("it is synced", Act::Record, Files::Journal, Fdatasync, 1),
        ("the marker is written", Act::Record, Files::Journal, Pwrite, 2),
        ("a segment is made", Act::BackUp, Files::Journal, Open, 1),
        ("its header is written", Act::BackUp, Files::Journal, Pwrite, 1),
        ("it gets its name", Act::BackUp, Files::Journal, Rename, 1),
        ("the old one is sealed", Act::BackUp, Files::Journal, Pwrite, 2),
        ("a checkpoint writes", Act::Erase, Files::Db, Pwrite, 1),
        ("it writes on", Act::Erase, Files::Db, Pwrite, 2),
        ("it syncs", Act::Erase, Files::Db, Fdatasync, 1),
    ];
    for (step, act, files, call, nth) in steps {
        let first = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": { "n": 1 } }));
        acknowledged.insert(first.clone());
        let aim = Aim::Nth(nth);
        shim.arm(&Plan { calls: vec![call, Truncate], fault: Fault::Full, aim, files, seed: 0 });
        let (address, token) = (daemon.address.clone(), daemon.token.clone());
        let headers = "Content-Type: application/json\r\n";
        match act {
            Act::Record => {
                let answer = exchange(&address, &request(&token, "POST", "/api/events", headers, event.as_bytes()));
                if let Some(answer) = answer.ok().filter(|answer| answer.status == 201) {
                    acknowledged.insert(answer.data()["id"].as_str().unwrap().to_owned());
                }
            }
            Act::BackUp => {
                let file = data.with_file_name("x.backup");
                let (code, said, complaint) = daemon.run(&["backup", file.to_str().unwrap()]);
                assert!(code != Some(0) && !file.exists(), "{step}: {said}{complaint}");
            }
            Act::Erase => {
                let path = format!("/api/events/{first}/resource");
                if exchange(&address, &request(&token, "DELETE", &path, "", b"")).is_ok_and(|it| it.status == 204) {
                    erased.insert(first);
                }
            }
        }
        let status = eventually(&format!("it ends as {step}"), || daemon.ended());
        shim.disarm();
        assert_eq!(shim.injected(), 1, "{step}");
        let log = daemon.log();
        assert!(status.code() == Some(1) && log.contains("the process ends"), "{step}: {status} {log}");
        assert!(log.contains("the disk of the data folder is full") || log.contains("No space left"), "{step}: {log}");
        assert!(!log.contains("is a bug"), "{step}: {log}");
        daemon.forgive();
        let (code, said, complaint) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "{step}: {said}{complaint}");
        daemon.spawn();
        let events = daemon.list("/api/events?limit=500");
        let found: BTreeSet<String> = events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        assert!(acknowledged.is_subset(&found), "{step}: {acknowledged:?} {found:?}");
        for event in &erased {
            let event = daemon.get(&format!("/api/events/{event}")).expect(200).data();
            assert!(event["resource"].is_null() && event["erased_at"].is_string(), "{step}: {event}");
        }
        acknowledged = found;
    }
    assert!(!erased.is_empty());
}
