//! Counts of the jobs that somebody has begun: bulk resends, backfills, erasures by key.

use crate::model::{CountedJob, JobState};
use std::sync::atomic::{AtomicU64, Ordering};

/// What jobs have done since the start, by kind.
#[derive(Debug, Default)]
pub struct JobMetrics {
    /// Those that have ended as each of [`JobMetrics::ENDS`].
    ended: [[AtomicU64; Self::ENDS.len()]; CountedJob::ALL.len()],
    /// What was re-sent, created or erased, and what was skipped.
    items: [[AtomicU64; 2]; CountedJob::ALL.len()],
}

impl JobMetrics {
    const ENDS: [JobState; 3] = [JobState::Done, JobState::Failed, JobState::Cancelled];

    /// Counts one that has ended; one that goes on is ignored.
    pub fn ended(&self, kind: CountedJob, state: JobState) {
        if let Some(at) = Self::ENDS.iter().position(|end| *end == state) {
            self.ended[kind as usize][at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts notifications that were re-sent or created, or events that were erased, and those that were skipped.
    pub fn handled(&self, kind: CountedJob, made: u64, skipped: u64) {
        for (counter, count) in self.items[kind as usize].iter().zip([made, skipped]) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// How many of each kind have ended how.
    pub fn ends(&self) -> impl Iterator<Item = (CountedJob, JobState, u64)> {
        CountedJob::ALL.into_iter().zip(&self.ended).flat_map(|(kind, ended)| {
            Self::ENDS.into_iter().zip(ended).map(move |(end, count)| (kind, end, count.load(Ordering::Relaxed)))
        })
    }

    /// Of each kind how many were re-sent, created or erased, and how many were skipped. Erasures skip nothing.
    pub fn items(&self) -> impl Iterator<Item = (CountedJob, [u64; 2])> {
        let counts = self.items.iter().map(|items| [0, 1].map(|at: usize| items[at].load(Ordering::Relaxed)));
        CountedJob::ALL.into_iter().zip(counts)
    }
}
