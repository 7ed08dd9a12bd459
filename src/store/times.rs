//! Times that don't rise along the sequence, since the wall clock that gives them may be put back.
//!
//! The order of events is that of their sequence numbers alone. Each has the time that the wall clock showed, so that
//! one event of a clock that was ahead dates no other. So that a filter by time needn't read every event all the same,
//! the store remembers the few places where time went back: between two of them, in a *run*, times rise, and a binary
//! search finds where a span of time begins and ends.

use crate::clock::{Clock, Reading, Trust, Watch};
use crate::model::Timestamp;
use crate::store::schema::record::{ClockV1, RunV1};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// A clock that is put back by less doesn't begin a run: times stand still until it has caught up.
const STANDS_STILL_MS: u64 = 1_000;
/// The most runs that are remembered. Past it two neighbours are joined: a search in them finds a wider span, of which
/// each event's own time is looked at.
pub(crate) const MAX_RUNS: usize = 32;

/// The runs, the earliest sequence numbers first; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs(Vec<RunV1>);

impl Default for Runs {
    fn default() -> Self {
        Self(vec![RunV1 { start: 0, first_ms: 0, last_ms: u64::MAX, disorder_ms: 0 }])
    }
}

impl Runs {
    pub(crate) fn from_record(runs: &[RunV1]) -> Self {
        if runs.is_empty() { Self::default() } else { Self(runs.to_vec()) }
    }

    /// What is kept of them: nothing of a single run, which is what there is without a word.
    fn to_record(&self) -> Vec<RunV1> {
        if self.0.len() > 1 { self.0.clone() } else { Vec::new() }
    }

    /// From `start` on times begin again at `first_ms`; they had come to `last_ms`.
    fn begin(&mut self, start: u64, first_ms: u64, last_ms: u64) {
        if let Some(last) = self.0.last_mut() {
            last.last_ms = last_ms;
        }
        // One without an event says nothing.
        self.0.retain(|run| run.start < start);
        self.0.push(RunV1 { start, first_ms, last_ms: u64::MAX, disorder_ms: 0 });
        while self.0.len() > MAX_RUNS {
            self.join();
        }
    }

    /// Joins two neighbours, of those that have ended: the two that bring the least disorder.
    fn join(&mut self) {
        let joined = |at: usize| {
            let (one, other) = (self.0[at], self.0[at + 1]);
            RunV1 {
                start: one.start,
                first_ms: one.first_ms.min(other.first_ms),
                last_ms: one.last_ms.max(other.last_ms),
                disorder_ms: one.disorder_ms.max(other.disorder_ms).max(one.last_ms.saturating_sub(other.first_ms)),
            }
        };
        let ended = self.0.len().saturating_sub(2);
        if let Some((at, run)) = (0..ended).map(|at| (at, joined(at))).min_by_key(|(_, run)| run.disorder_ms) {
            self.0[at] = run;
            self.0.remove(at + 1);
        }
    }

    /// Forgets the runs that end before `first`, the first event that is left.
    fn forget_before(&mut self, first: u64) {
        while self.0.get(1).is_some_and(|second| second.start <= first) {
            self.0.remove(0);
        }
    }

    /// The run that a sequence number is in.
    pub(crate) fn of(&self, seq: u64) -> RunV1 {
        let after = self.0.partition_point(|run| run.start <= seq);
        self.0[after.saturating_sub(1)]
    }

    /// Where the run behind that of `seq` starts.
    pub(crate) fn next_start(&self, seq: u64) -> Option<u64> {
        self.0.iter().map(|run| run.start).find(|start| *start > seq)
    }

    /// Each with the last sequence number that it may have, up to `last`.
    pub(crate) fn until(&self, last: u64) -> impl Iterator<Item = (RunV1, u64)> {
        let ends = self.0.iter().skip(1).map(|next| next.start.saturating_sub(1)).chain([last]);
        self.0.iter().copied().zip(ends.map(move |end| end.min(last)))
    }
}

/// The wall clock as the store goes by it, for everybody to ask.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) clock: Clock,
    watch: Mutex<Watch>,
    runs: RwLock<Arc<Runs>>,
}

impl Times {
    /// Of a store that has kept `record`, and whose last change was stamped `last_ms`; 0 for one that has no change
    /// yet.
    pub(crate) fn new(clock: Clock, record: Option<&ClockV1>, last_ms: u64) -> Self {
        let stored = record.and_then(|record| record.trust);
        let before = stored
            .map(|(at_ms, ahead_ms)| Trust {
                at: Timestamp::from_ms(at_ms),
                ahead_for: Duration::from_millis(ahead_ms),
            })
            .or((last_ms > 0).then(|| Trust { at: Timestamp::from_ms(last_ms), ahead_for: Duration::ZERO }));
        let watch = Watch::new(clock.read(), before);
        let runs = record.map_or_else(Runs::default, |record| Runs::from_record(&record.runs));
        Self { clock, watch: Mutex::new(watch), runs: RwLock::new(Arc::new(runs)) }
    }

    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn runs(&self) -> Arc<Runs> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time to go by where a wrong clock would do lasting harm.
    pub(crate) fn trusted_now(&self) -> Timestamp {
        let now = self.clock.read();
        self.watch().trusted(now)
    }

    /// The time of a change at `now`, given that of the one before it. Where the clock was put back, a run begins with
    /// the event `next`; then the second value is `true`.
    pub(crate) fn stamp(&self, now: Reading, last_ms: u64, next: u64) -> (Timestamp, bool) {
        let now_ms = now.wall.as_ms();
        if now_ms.saturating_add(STANDS_STILL_MS) > last_ms {
            return (Timestamp::from_ms(now_ms.max(last_ms)), false);
        }
        self.change_runs(|runs| runs.begin(next, now_ms, last_ms));
        (now.wall, true)
    }

    /// Forgets the runs that no event is left of.
    pub(crate) fn forget_before(&self, first: u64) {
        if self.runs().0.len() > 1 {
            self.change_runs(|runs| runs.forget_before(first));
        }
    }

    fn change_runs(&self, change: impl FnOnce(&mut Runs)) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut runs));
    }

    /// What the next start must know.
    pub(crate) fn record(&self, is_bringing_forward: bool) -> ClockV1 {
        let now = self.clock.read();
        let trust = self.watch().to_keep(now);
        let trust = trust.map(|trust| (trust.at.as_ms(), crate::model::millis(trust.ahead_for)));
        ClockV1 { runs: self.runs().to_record(), is_bringing_forward, trust }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Order, Position};
    use crate::store::query::spans::Spans;

    fn starts(runs: &Runs) -> Vec<u64> {
        runs.0.iter().map(|run| run.start).collect()
    }

    #[test]
    fn runs_begin_are_joined_where_that_brings_the_least_disorder_and_are_forgotten() {
        let mut runs = Runs::default();
        runs.begin(10, 500, 1_000);
        // Put back again before anything was recorded.
        runs.begin(10, 400, 500);
        assert_eq!(starts(&runs), [0, 10]);
        assert_eq!((runs.of(9).last_ms, runs.of(10).first_ms, runs.of(99).last_ms), (1_000, 400, u64::MAX));
        assert_eq!((runs.next_start(0), runs.next_start(9), runs.next_start(10)), (Some(10), Some(10), None));
        let mut runs = Runs::default();
        for nth in 1..=MAX_RUNS as u64 {
            // Each time one minute back, but once an hour.
            let back = if nth == 7 { 3_600_000 } else { 60_000 };
            runs.begin(nth * 100, nth * 10_000_000 - back, nth * 10_000_000);
        }
        assert_eq!(runs.0.len(), MAX_RUNS);
        assert_eq!(runs.0.iter().map(|run| run.disorder_ms).max(), Some(60_000));
        runs.forget_before(650);
        assert_eq!(starts(&runs)[..2], [600, 700]);
        runs.forget_before(u64::MAX);
        assert_eq!(runs.0.len(), 1);
    }

    #[test]
    fn places_enter_the_ranges_from_either_end() {
        let spans = Spans { ranges: vec![(3, 5), (9, 9)], within: None };
        let place = |seq, webhook| Position { seq, webhook };
        let newest = |seq| spans.enter(place(seq, 7), Order::Newest);
        assert_eq!(
            [2, 4, 7, 9, 12].map(newest),
            [None, Some(place(4, 7)), Some(place(5, u32::MAX)), Some(place(9, 7)), Some(place(9, u32::MAX))]
        );
        let oldest = |seq| spans.enter(place(seq, 7), Order::Oldest);
        assert_eq!(
            [2, 4, 7, 9, 12].map(oldest),
            [Some(place(3, 0)), Some(place(4, 7)), Some(place(9, 0)), Some(place(9, 7)), None]
        );
    }
}
