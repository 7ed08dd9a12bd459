//! How fast an append and its sync are, over plain writes with `fdatasync` of the same bytes on the same disk in the
//! same run. `SPEED_FOLDER=… cargo test --release speed -- --ignored --nocapture`.

use super::model::IDENTITY;
use crate::store::engine::journal::disk::FolderDisk;
use crate::store::engine::journal::frame;
use crate::store::engine::journal::{Journal, Settings};
use crate::store::engine::reached::Held;
use crate::store::engine::tree::RowWrite;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One turn of each is so long; they take turns, so that both meet the same moods of the disk.
const TURN: Duration = Duration::from_millis(250);
const TURNS: usize = 12;

/// Rows as an event has them: one large, six small.
fn group(events: usize) -> Vec<RowWrite> {
    let mut rows: Vec<RowWrite> = Vec::new();
    for event in 0..events as u64 {
        let payload: Vec<u8> = (0..1140_u64).map(|at| (((event + at) * 0x9e37_79b9) >> 11) as u8).collect();
        rows.push(((&event.to_be_bytes()).into(), Some(payload.into())));
        for small in 0..6_u64 {
            let key = [event.to_be_bytes(), small.to_be_bytes(), [7; 8]].concat();
            rows.push((key.as_slice().into(), Some(vec![3; 24].into())));
        }
    }
    rows
}

struct Plain {
    file: File,
    at: u64,
    bytes: Vec<u8>,
}

impl Plain {
    fn new(folder: &Path, bytes: usize) -> Self {
        let file = OpenOptions::new().write(true).create_new(true).open(folder.join("plain")).unwrap();
        Self { file, at: 0, bytes: vec![0x5a; bytes] }
    }

    fn once(&mut self) {
        self.file.write_all_at(&self.bytes, self.at).unwrap();
        self.file.sync_data().unwrap();
        self.at += self.bytes.len() as u64;
    }
}

fn for_a_turn(latencies: &mut Vec<u32>, mut once: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < TURN {
        let one = Instant::now();
        once();
        latencies.push(u32::try_from(one.elapsed().as_micros()).unwrap());
    }
}

fn summary(latencies: &mut [u32]) -> (f64, u32, u32) {
    let total: f64 = latencies.iter().map(|micros| f64::from(*micros)).sum();
    latencies.sort_unstable();
    let at = |share: usize| latencies[latencies.len() * share / 100];
    (latencies.len() as f64 * 1e6 / total, at(50), at(99))
}

#[test]
#[ignore = "it measures"]
fn append_and_sync_over_a_plain_write_and_fdatasync() {
    let folder = std::env::var("SPEED_FOLDER").unwrap_or_else(|_| "/tmp".into());
    for events in [1, 64] {
        let folder = tempfile::tempdir_in(&folder).unwrap();
        let rows = group(events);
        let body = frame::body_bytes(&rows).unwrap() as usize;
        let mut plain = Plain::new(folder.path(), body + frame::HEAD_BYTES + frame::CRC_BYTES);
        let disk = Arc::new(FolderDisk::open(&folder.path().join("journal")).unwrap());
        let random = Box::new(|| 0x1234_5678_9abc_def0);
        let settings = Settings { segment_bytes: 64 << 20, held_bytes: 0, random };
        let (mut journal, _) = Journal::create(disk, IDENTITY, settings, 0).unwrap();
        let (began, mut commit) = (Instant::now(), 0);
        let (mut ours, mut theirs, mut appends) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            for_a_turn(&mut theirs, || plain.once());
            for_a_turn(&mut ours, || {
                commit += 1;
                let one = Instant::now();
                journal.append(commit, 0, &rows).unwrap();
                appends.push(u32::try_from(one.elapsed().as_micros()).unwrap());
                journal.sync(began.elapsed()).unwrap();
                journal.sync_marker(began.elapsed()).unwrap();
            });
        }
        let ((per_second, p50, p99), (plain_per_second, plain_p50, plain_p99)) =
            (summary(&mut ours), summary(&mut theirs));
        let (_, append_p50, append_p99) = summary(&mut appends);
        println!(
            "{events} x 1.5 KiB ({} bytes): journal {per_second:.0}/s (p50 {p50}, p99 {p99} us; append alone p50 \
             {append_p50}, p99 {append_p99} us), plain {plain_per_second:.0}/s (p50 {plain_p50}, p99 {plain_p99} us): \
             {:.2}; median over median {:.2}; segments {}",
            plain.bytes.len(),
            per_second / plain_per_second,
            f64::from(plain_p50) / f64::from(p50),
            journal.closed().segments().len() + 1,
        );
        drop(journal);
        let disk = Arc::new(FolderDisk::open(&folder.path().join("journal")).unwrap());
        let settings = Settings { segment_bytes: 64 << 20, held_bytes: 0, random: Box::new(|| 1) };
        let (began, mut bytes) = (Instant::now(), 0);
        let replay = |frame: frame::Frame| {
            bytes += frame.rows.len();
            Ok(())
        };
        let (journal, recovered) = Journal::open(disk, IDENTITY, settings, Held::at(0), false, replay).unwrap();
        println!(
            "  opened in {} ms: {} commits, {} MiB",
            began.elapsed().as_millis(),
            recovered.replayed,
            journal.closed().bytes() >> 20
        );
    }
}
