//! `kill -9` on a real folder: this test runs itself as a process that writes, and kills that at a random moment.

use super::crashes::rounds;
use super::model::{IDENTITY, Random, settings};
use crate::store::engine::journal::Journal;
use crate::store::engine::journal::disk::FolderDisk;
use crate::store::engine::journal::frame::Frame;
use crate::store::engine::reached::Held;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOLDER: &str = "JOURNAL_KILL_FOLDER";
const SEGMENT_BYTES: u64 = 20_000;

/// Commit `n`, whoever writes it.
fn frame(commit: u64) -> Frame {
    let rows = 1 + commit % 5;
    let row = |nth: u64| ((&nth.to_be_bytes()).into(), Some(vec![commit as u8; (commit * 37 % 1500) as usize].into()));
    Frame { commit, time_ms: commit, rows: (0..rows).map(row).collect() }
}

/// Opens the folder and checks that all is replayed that was acknowledged.
fn open(folder: &Path, acknowledged: u64) -> Journal {
    let disk = Arc::new(FolderDisk::open(folder).unwrap());
    let mut next = 1;
    let replay = |replayed: Frame| {
        assert_eq!(replayed, frame(next));
        next += 1;
        Ok(())
    };
    let (journal, recovered) =
        Journal::open(disk, IDENTITY, settings(SEGMENT_BYTES), Held::at(0), false, replay).unwrap();
    assert!(recovered.last_commit >= acknowledged);
    assert_eq!(recovered.last_commit + 1, next);
    journal
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return write(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let disk = Arc::new(FolderDisk::open(&path).unwrap());
    Journal::create(disk, IDENTITY, settings(SEGMENT_BYTES), 0).unwrap();
    let (mut random, mut acknowledged) = (Random(11), 0);
    for _ in 0..rounds(8) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed_at_any_moment", "--nocapture"])
            .env(FOLDER, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut until = None;
        let after = Duration::from_millis(random.next() % 60);
        for line in lines {
            let Some(number) = line.unwrap().strip_prefix("acknowledged ").and_then(|rest| rest.parse().ok()) else {
                continue;
            };
            acknowledged = number;
            if Instant::now() > *until.get_or_insert_with(|| Instant::now() + after) {
                // What it has still written comes out of the pipe.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        open(&path, acknowledged);
    }
    println!("{acknowledged} acknowledged");
    assert!(acknowledged > 0);
}

/// Writes until it is killed.
fn write(folder: &Path) {
    let mut journal = open(folder, 0);
    let began = Instant::now();
    loop {
        for _ in 0..3 {
            let next = frame(journal.last_commit() + 1);
            journal.append(next.commit, next.time_ms, &next.rows).unwrap();
        }
        let acknowledged = journal.sync(began.elapsed()).unwrap();
        println!("acknowledged {acknowledged}");
        std::io::stdout().flush().unwrap();
        journal.sync_marker(began.elapsed()).unwrap();
    }
}
