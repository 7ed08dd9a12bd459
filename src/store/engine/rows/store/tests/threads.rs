//! On real sled: one writer, one checkpoint thread and four readers, killed at random moments and started again.
//!
//! The rows of a commit follow from its number, so the journal is a number in a file: how many commits are durable.
//! `SECONDS=20 ROUNDS=6` runs it for longer.

#![allow(clippy::pedantic, reason = "numbers of a test")]

use super::carteiro::{
    DUE, body, carteiro_layout, due, event, group, key, mix, notification, reference, token, untried,
};
use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::base::SledBase;
use crate::store::engine::rows::store::Limits;
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::Tree;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const GROUP: u64 = 16;
const REFERENCES: u64 = 2;
const LAG: u64 = 1600;
const FOLDER: &str = "CARTEIRO_BLOCKS_FOLDER";

type Store = RowStore<SledBase>;

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn rows(commit: u64) -> Vec<crate::store::engine::tree::RowWrite> {
    group((commit - 1) * GROUP, GROUP, REFERENCES, LAG)
}

fn seq_of(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[key.len() - 8..].try_into().unwrap())
}

/// Opens, replays, and works until it is killed or time is up.
fn child(folder: &Path, time: Duration) {
    let acked =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join("acked")).unwrap();
    let base = SledBase::open(&folder.join("sled"), 8 << 20).unwrap();
    // Small overlays: many checkpoints.
    let limits = Limits { overlay_bytes: 1 << 20 };
    let store: Store = RowStore::open(base, carteiro_layout, [3; 16], limits).unwrap();
    let last = read_acked(&acked);
    let position = store.synced_position();
    assert!(position <= last, "sled has what nobody acknowledged: {position} > {last}");
    let findings = store.verify(|_| ()).unwrap();
    assert!(findings.is_empty(), "after a start, at {position}: {findings:?}");
    for commit in position + 1..=last {
        store.publish(commit, &rows(commit)).unwrap();
        while store.pressure() >= 100 {
            store.checkpoint_step().unwrap();
        }
    }
    println!("position {position}, replayed to {last}");
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let step = store.checkpoint_step().unwrap();
                std::thread::sleep(if step.done { Duration::from_millis(1) } else { step.rest });
            }
        });
        for nth in 0..4 {
            let (store, stop, reads) = (&store, &stop, &reads);
            scope.spawn(move || {
                let mut round = nth << 40;
                while !stop.load(SeqCst) {
                    round += 1;
                    read(store, mix(round));
                    reads.fetch_add(1, SeqCst);
                }
            });
        }
        for commit in last + 1.. {
            if began.elapsed() > time {
                break;
            }
            acked.write_all_at(&commit.to_le_bytes(), 0).unwrap();
            store.publish(commit, &rows(commit)).unwrap();
            while store.pressure() >= 100 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        stop.store(true, SeqCst);
    });
    while store.synced_position() < store.published() {
        store.freeze();
        store.checkpoint_step().unwrap();
    }
    check_all(&store);
    println!(
        "{} commits, {} reads, most between two syncs {} KiB, {} MiB written, blobs {}",
        store.published(),
        reads.load(SeqCst),
        store.syncs().1 >> 10,
        store.base().written_bytes() >> 20,
        std::fs::read_dir(folder.join("sled/blobs")).map_or(0, Iterator::count)
    );
    assert!(store.syncs().1 <= 2 << 20);
}

fn read_acked(acked: &File) -> u64 {
    let mut bytes = [0; 8];
    acked.read_at(&mut bytes, 0).map_or(0, |_| u64::from_le_bytes(bytes))
}

/// One read of some kind, checked against what it may have been between its beginning and its end.
fn read(store: &Store, random: u64) {
    let before = store.published() * GROUP;
    if before < 2 * LAG {
        return std::thread::sleep(Duration::from_millis(1));
    }
    let seq = (random >> 8) % before;
    let near = before - 1 - (random >> 8) % (2 * LAG);
    match random % 7 {
        0 => assert_eq!(store.get(&event(seq)).unwrap().as_deref(), Some(&body(seq)[..]), "event {seq}"),
        1 => {
            let found = store.get(&due(near)).unwrap().is_some();
            let after = store.published() * GROUP;
            assert!(found || near + LAG < after, "due {near} at {before}..{after}");
            assert!(!found || near + LAG >= before, "due {near} at {before}..{after} is back");
        }
        2 => {
            let found = store.contains(&notification(near)).unwrap();
            let after = store.published() * GROUP;
            assert!(found || near + LAG >= before, "notification {near} at {before}");
            assert!(!found || near + LAG < after, "notification {near} at {after} is early");
        }
        3 => {
            let seqs = store.range(&event(seq), Some(&event(u64::MAX))).take(100);
            let seqs: Vec<u64> = seqs
                .map(|row| row.unwrap())
                .inspect(|(key, value)| assert_eq!(**value, body(seq_of(key))))
                .map(|(key, _)| seq_of(&key))
                .collect();
            assert!(seqs.iter().copied().eq(seq..seq + seqs.len() as u64), "from {seq}: {seqs:?}");
            assert!(seqs.len() == 100 || seq + seqs.len() as u64 >= before, "from {seq}: {} of {before}", seqs.len());
        }
        4 => {
            let seqs: Vec<u64> =
                store.range_rev(&event(0), &event(seq)).keys().take(100).map(|key| seq_of(&key.unwrap())).collect();
            assert!(seqs.iter().copied().eq((0..=seq).rev().take(100)), "down from {seq}: {seqs:?}");
        }
        5 => {
            let webhook = seq % 10;
            let prefix = key(DUE, &[&(webhook as u32).to_be_bytes()]);
            let found: Vec<u64> = store.scan(&prefix).keys().map(|key| seq_of(&key.unwrap())).collect();
            let after = store.published() * GROUP;
            let must = (after.saturating_sub(LAG)..before).filter(|seq| seq % 10 == webhook);
            for seq in must {
                assert!(found.binary_search(&seq).is_ok(), "due {seq} of {webhook} at {before}..{after}");
            }
            assert!(found.iter().all(|seq| seq + LAG >= before && *seq < after), "{found:?} at {before}..{after}");
        }
        _ => {
            let token = token(seq, random % REFERENCES);
            let found: Vec<u64> =
                store.scan(&reference(seq >> 16, token, None)).keys().map(|key| seq_of(&key.unwrap())).collect();
            assert_eq!(found, [seq], "reference");
            let last = seq - seq % 10 + 10 * 700;
            let found = store.range(&untried(seq), Some(&untried(last + seq % 10))).count() as u64;
            let expected = (before.saturating_sub(seq)).div_ceil(10).min(700);
            assert!(found >= expected.min(700) - u64::from(expected == 700), "{found} of {expected} memberships");
        }
    }
}

fn check_all(store: &Store) {
    let all = store.published() * GROUP;
    let findings = store.verify(|_| ()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    let events = store.range(&event(0), Some(&event(u64::MAX))).map(Result::unwrap);
    let mut count = 0;
    for (key, value) in events {
        assert_eq!(seq_of(&key), count);
        assert_eq!(*value, body(count));
        count += 1;
    }
    assert_eq!(count, all);
    let dues = store.scan(&[DUE]).count() as u64;
    assert_eq!(dues, all.min(LAG));
    let contents = store.contents();
    assert_eq!(contents.of(super::carteiro::EVENT).rows, all);
    assert_eq!(contents.of(super::carteiro::REFERENCE).rows, all * REFERENCES);
    assert_eq!(contents.of(super::carteiro::TYPE).rows, all);
    assert_eq!(contents.of(super::carteiro::NOTIFICATION).rows, all - all.min(LAG));
}

#[test]
fn it_is_killed_in_the_midst_of_everything_and_goes_on() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return child(Path::new(&folder), Duration::from_millis(env("MILLIS", 2000)));
    }
    let folder = tempfile::tempdir_in(std::env::var("TMPDIR").unwrap_or_else(|_| "/tmp".to_owned())).unwrap();
    let (rounds, seconds) = (env("ROUNDS", 3), env("SECONDS", 2));
    for round in 0..=rounds {
        let is_last = round == rounds;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--nocapture",
                "--exact",
                concat!(module_path!(), "::it_is_killed_in_the_midst_of_everything_and_goes_on")
                    .trim_start_matches("carteiro::"),
            ])
            .env(FOLDER, folder.path())
            .env("MILLIS", if is_last { seconds * 1000 } else { 600_000 }.to_string())
            .spawn()
            .unwrap();
        if is_last {
            assert!(child.wait().unwrap().success());
        } else {
            let nanos = u32::from_be_bytes(crate::random::bytes());
            std::thread::sleep(Duration::from_millis(200 + mix(u64::from(nanos)) % (seconds * 1000)));
            // Whoever finds something wrong has ended by now, and says so by its exit.
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
