//! What the disk allows: the limit of every durable answer, on the filesystem the data stands on.

use super::scratch::Scratch;
use super::stats::Spread;
use std::fs::File;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// An event, and three rows of an index beside it.
const EVENT_BYTES: usize = 1024 + 3 * 32;

/// One writer that appends a KiB and syncs, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synced {
    pub(crate) per_s: f64,
    pub(crate) spread: Spread,
}

pub(crate) fn append_and_sync(lasting: Duration) -> Synced {
    let scratch = Scratch::new();
    let mut file = File::create_new(scratch.file("appended")).unwrap();
    let block = [0x5a; 1024];
    let mut samples = Vec::new();
    let start = Instant::now();
    while start.elapsed() < lasting {
        let began = Instant::now();
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        samples.push(began.elapsed().as_micros() as u64);
    }
    Synced { per_s: samples.len() as f64 / start.elapsed().as_secs_f64(), spread: Spread::of(samples) }
}

type Place = Sender<()>;

/// Events a second of so many writers that each wait for one committer, which appends whatever waits and syncs once for
/// all. No store that answers after a sync can be faster; this one keeps nothing that could be found again.
pub(crate) fn group_commit(writers: usize, lasting: Duration) -> f64 {
    let scratch = Scratch::new();
    let mut file = File::create_new(scratch.file("committed")).unwrap();
    let (sender, receiver) = channel::<(Vec<u8>, Place)>();
    std::thread::scope(|scope| {
        let start = Instant::now();
        for _ in 0..writers {
            let sender = sender.clone();
            scope.spawn(move || {
                let (done, wait) = channel();
                while start.elapsed() < lasting && sender.send((vec![0x5a; EVENT_BYTES], done.clone())).is_ok() {
                    let _ = wait.recv();
                }
            });
        }
        drop(sender);
        let committed = commit(&receiver, &mut file);
        committed as f64 / start.elapsed().as_secs_f64()
    })
}

fn commit(waiting: &Receiver<(Vec<u8>, Place)>, file: &mut File) -> u64 {
    let (mut bytes, mut places, mut committed) = (Vec::new(), Vec::new(), 0);
    while let Ok(first) = waiting.recv() {
        for (event, place) in std::iter::once(first).chain(waiting.try_iter()) {
            bytes.extend_from_slice(&event);
            places.push(place);
        }
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        committed += places.len() as u64;
        bytes.clear();
        for place in places.drain(..) {
            let _ = place.send(());
        }
    }
    committed
}
