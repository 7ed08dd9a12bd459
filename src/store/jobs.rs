//! The queue of background jobs: each has a turn, and one that can't get on waits a little longer every time.

use super::record::Job;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a job that can't get on rests the first time, and at most.
const REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// A job that isn't done.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) number: u64,
    pub(super) job: Job,
    rest: Duration,
}

/// Jobs that aren't done, in turn.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    ready: VecDeque<Open>,
    resting: BTreeMap<(Instant, u64), Open>,
}

impl Jobs {
    pub(super) fn add(&mut self, number: u64, job: Job) {
        self.ready.push_back(Open { number, job, rest: REST });
    }

    /// To the back: one long job doesn't hold up a short one.
    pub(super) fn again(&mut self, open: Open) {
        self.ready.push_back(Open { rest: REST, ..open });
    }

    pub(super) fn rest(&mut self, open: Open, now: Instant) {
        let rest = (open.rest * 2).min(LONGEST_REST);
        self.resting.insert((now + open.rest, open.number), Open { rest, ..open });
    }

    /// The one whose turn it is.
    pub(super) fn next(&mut self, now: Instant) -> Option<Open> {
        while let Some(entry) = self.resting.first_entry().filter(|entry| entry.key().0 <= now) {
            self.ready.push_back(entry.remove());
        }
        self.ready.pop_front()
    }

    /// How long until there is one whose turn it is; `None` when there is none at all.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        self.resting.first_key_value().map(|((at, _), _)| at.saturating_duration_since(now))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Open> {
        self.ready.iter().chain(self.resting.values())
    }

    /// Forgets the jobs that `which` means; returns their numbers.
    pub(super) fn remove(&mut self, which: impl Fn(&Job) -> bool) -> Vec<u64> {
        let gone: Vec<u64> = self.all().filter(|open| which(&open.job)).map(|open| open.number).collect();
        self.ready.retain(|open| !which(&open.job));
        self.resting.retain(|_, open| !which(&open.job));
        gone
    }
}
