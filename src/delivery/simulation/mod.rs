//! The whole of delivery in a simulated world, all of it from one seed.
//!
//! Real are the store (its handle, its changes, the committer's rounds and groups, what follows a sync, every read),
//! the driver (what a result means, what is read again before an attempt), the scheduler and its lanes. Simulated are
//! the disk below the store (a tree in memory that loses what a crash may take), the threads and tasks that would run
//! all of it ([`committer`], [`driver`]), callers ([`requests`]), targets and their network ([`network`]), the clock
//! ([`world`]), and what happens to all of them ([`story`]). Whatever is late or out of step in the real world is worse
//! here: pages come some time after they were read, rows are visible before they are durable, and the process dies
//! between any two steps. Two pairs of eyes follow it: [`watch`] what the scheduler does at every step, [`ledger`] what
//! was promised, what went over the wire, and what has become of it.
//!
//! `SEEDS=n` tells more stories, `FIRST=n` others, `SEED=n` one alone, step by step; a failing one says how to replay
//! it.

mod committer;
mod driver;
mod ledger;
mod network;
mod random;
mod requests;
mod story;
mod watch;
mod world;

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many stories a run tells without being asked for more.
/// Half a minute of CI; the campaigns before a release tell 100,000.
const SEEDS: u64 = 50;
/// As many as CI's machines have processors.
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn in_any_story_every_promise_is_kept() {
    if let Some(seed) = number("SEED") {
        return story::tell(seed, true);
    }
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let tell_on = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            if catch_unwind(|| story::tell(seed, false)).is_err() {
                failed.lock().unwrap().push(seed);
                // One is enough: what is broken in one story is broken in many.
                next.fetch_max(first + seeds, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(tell_on);
        }
    });
    if let Some(seed) = failed.into_inner().unwrap().iter().min() {
        panic!("a promise is broken; replay with SEED={seed} cargo test --lib simulation -- --nocapture");
    }
}
