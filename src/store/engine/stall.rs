//! Whether the committer and the checkpoint make progress, as seen from outside of them.
//!
//! sled has known hangs, and a disk can stop answering. Neither gives an error: the thread just never comes back, and
//! everybody waits behind it. So each of their rounds notes when it began and when it ended, and any thread can see how
//! long it has taken so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The rounds of a thread.
#[derive(Debug)]
pub(crate) struct StallDetector {
    start: Instant,
    /// When the present round began, in milliseconds since `start` and one more; 0 between two rounds.
    since_ms: AtomicU64,
}

impl Default for StallDetector {
    fn default() -> Self {
        Self { start: Instant::now(), since_ms: AtomicU64::new(0) }
    }
}

impl StallDetector {
    /// A round begins.
    pub(crate) fn begin(&self) {
        self.since_ms.store(self.now_ms() + 1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(crate) fn end(&self) {
        self.since_ms.store(0, Ordering::Relaxed);
    }

    /// How long the present round has taken so far.
    pub(crate) fn stuck_for(&self) -> Duration {
        match self.since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis((self.now_ms() + 1).saturating_sub(since)),
        }
    }

    fn now_ms(&self) -> u64 {
        crate::model::millis(self.start.elapsed())
    }
}
