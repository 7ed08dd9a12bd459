//! Times that don't rise along the sequence, since the wall clock that gives them may be put back.
//!
//! The order of events is that of their sequence numbers alone. Each has the time that the wall clock showed, so that one event of a
//! clock that was ahead dates no other. So that a filter by time needn't read every event all the same, the store remembers the few
//! places where time went back: between two of them, in a *run*, times rise, and a binary search finds where a span of time begins
//! and ends.

use super::list::{Order, Place};
use super::record::{self, ClockV1, RunV1};
use super::{Shared, StoreError, keys};
use crate::clock::{Clock, Reading, Trust, Watch};
use crate::model::{AccountNo, Seq, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// A clock that is put back by less doesn't begin a run: times stand still until it has caught up.
const STANDS_STILL_MS: u64 = 1_000;
/// The most runs that are remembered. Past it two neighbours are joined: a search in them finds a wider span, of which each event's
/// own time is looked at.
pub(super) const MAX_RUNS: usize = 32;

/// The runs, the earliest sequence numbers first; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runs(Vec<RunV1>);

impl Default for Runs {
    fn default() -> Self {
        Self(vec![RunV1 { start: 0, first_ms: 0, last_ms: u64::MAX, disorder_ms: 0 }])
    }
}

impl Runs {
    pub(super) fn from_record(runs: &[RunV1]) -> Self {
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

    /// Forgets the runs that end before `first`, the first event that is kept.
    fn forget_before(&mut self, first: u64) {
        while self.0.get(1).is_some_and(|second| second.start <= first) {
            self.0.remove(0);
        }
    }

    /// The run that a sequence number is in.
    pub(super) fn of(&self, seq: u64) -> RunV1 {
        let after = self.0.partition_point(|run| run.start <= seq);
        self.0[after.saturating_sub(1)]
    }

    /// Where the run behind that of `seq` starts.
    pub(super) fn next_start(&self, seq: u64) -> Option<u64> {
        self.0.iter().map(|run| run.start).find(|start| *start > seq)
    }

    /// Each with the last sequence number that it may have, up to `last`.
    fn until(&self, last: u64) -> impl Iterator<Item = (RunV1, u64)> {
        let ends = self.0.iter().skip(1).map(|next| next.start.saturating_sub(1)).chain([last]);
        self.0.iter().copied().zip(ends.map(move |end| end.min(last)))
    }
}

/// The wall clock as the store goes by it, for everybody to ask.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) clock: Clock,
    watch: Mutex<Watch>,
    runs: RwLock<Arc<Runs>>,
}

impl Times {
    /// Of a store that has kept `record`, and whose last change was stamped `last_ms`; 0 for one that has no change yet.
    pub(super) fn new(clock: Clock, record: Option<&ClockV1>, last_ms: u64) -> Self {
        let kept = record.and_then(|record| record.trust);
        let before = kept
            .map(|(at_ms, ahead_ms)| Trust {
                at: Timestamp::from_ms(at_ms),
                ahead_for: Duration::from_millis(ahead_ms),
            })
            .or((last_ms > 0).then(|| Trust { at: Timestamp::from_ms(last_ms), ahead_for: Duration::ZERO }));
        let watch = Watch::new(clock.read(), before);
        let runs = record.map_or_else(Runs::default, |record| Runs::from_record(&record.runs));
        Self { clock, watch: Mutex::new(watch), runs: RwLock::new(Arc::new(runs)) }
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn runs(&self) -> Arc<Runs> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time to go by where a wrong clock would do lasting harm.
    pub(super) fn trusted_now(&self) -> Timestamp {
        let now = self.clock.read();
        self.watch().trusted(now)
    }

    /// The time of a change at `now`, given that of the one before it. Where the clock was put back, a run begins with the event
    /// `next`; then the second value is `true`.
    pub(super) fn stamp(&self, now: Reading, last_ms: u64, next: u64) -> (Timestamp, bool) {
        let now_ms = now.wall.as_ms();
        if now_ms.saturating_add(STANDS_STILL_MS) > last_ms {
            return (Timestamp::from_ms(now_ms.max(last_ms)), false);
        }
        self.change_runs(|runs| runs.begin(next, now_ms, last_ms));
        (now.wall, true)
    }

    /// Forgets the runs that no event is left of.
    pub(super) fn forget_before(&self, first: u64) {
        if self.runs().0.len() > 1 {
            self.change_runs(|runs| runs.forget_before(first));
        }
    }

    fn change_runs(&self, change: impl FnOnce(&mut Runs)) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut runs));
    }

    /// What the next start must know.
    pub(super) fn record(&self, sooner: bool) -> ClockV1 {
        let now = self.clock.read();
        let trust = self.watch().to_keep(now);
        let trust = trust.map(|trust| (trust.at.as_ms(), crate::model::millis(trust.ahead_for)));
        ClockV1 { runs: self.runs().to_record(), sooner, trust }
    }
}

/// The sequence numbers that a filter by time can mean.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// First and last, the lowest first; none overlaps another.
    ranges: Vec<(u64, u64)>,
    /// What each event's own time must be looked at for, where the ranges may hold others.
    within: Option<(Option<Timestamp>, Option<Timestamp>)>,
}

impl Spans {
    /// The first and the last sequence number; `None` where there is none.
    pub(super) fn ends(&self) -> Option<(u64, u64)> {
        Some((self.ranges.first()?.0, self.ranges.last()?.1))
    }

    /// Whether events' own times have to be looked at.
    pub(super) fn are_wider(&self) -> bool {
        self.within.is_some()
    }

    /// Whether an event of this time is meant, if its number is.
    pub(super) fn mean(&self, at: Timestamp) -> bool {
        self.within.is_none_or(|(from, to)| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to))
    }

    /// The first place at or after `at`, in this order, that is within; `None` where there is none.
    pub(super) fn enter(&self, at: Place, order: Order) -> Option<Place> {
        match order {
            Order::Newest => {
                let (low, high) = *self.ranges.iter().rev().find(|(low, _)| *low <= at.seq)?;
                debug_assert!(low <= high, "an empty range is none");
                Some(if at.seq <= high { at } else { Place { seq: high, webhook: u32::MAX } })
            }
            Order::Oldest => {
                let (low, _) = *self.ranges.iter().find(|(_, high)| *high >= at.seq)?;
                Some(if at.seq >= low { at } else { Place { seq: low, webhook: 0 } })
            }
        }
    }
}

impl Shared {
    /// The sequence numbers of what was recorded from `from` until before `to`, among what is durable. Two binary searches in each
    /// run that holds one of the two moments.
    pub(super) fn spans(
        &self,
        account: AccountNo,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        durable: u64,
    ) -> Result<Spans, StoreError> {
        if from.is_none() && to.is_none() {
            return Ok(Spans { ranges: vec![(1, durable)], within: None });
        }
        let mut spans = Spans { ranges: Vec::new(), within: None };
        // After `durable` was read: an event up to it has no run that isn't here.
        for (run, last) in self.times.runs().until(durable) {
            let (first, disorder) = (run.start.max(1), Duration::from_millis(run.disorder_ms));
            if first > last {
                continue;
            }
            let begins = from.filter(|from| run.first_ms < from.as_ms());
            let ends = to.filter(|to| run.last_ms >= to.as_ms());
            let low = match begins {
                Some(from) => {
                    let earlier = Timestamp::from_ms(from.as_ms().saturating_sub(run.disorder_ms));
                    self.first_seq_at(account, earlier, first, last)?
                }
                None => first,
            };
            let high = match ends {
                Some(to) => self.first_seq_at(account, to.plus(disorder), first, last)?.saturating_sub(1),
                None => last,
            };
            if low > high || begins.is_some_and(|from| run.last_ms < from.as_ms()) {
                continue;
            }
            if run.disorder_ms > 0 && (begins.is_some() || ends.is_some()) {
                spans.within = Some((from, to));
            }
            spans.ranges.push((low, high));
        }
        Ok(spans)
    }

    /// The first sequence number from `first` to `last` whose event was recorded at or after `at`; one past the last where there is
    /// none. A binary search: times rise between the two, or nearly.
    fn first_seq_at(&self, account: AccountNo, at: Timestamp, first: u64, last: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (first, last + 1);
        let end = keys::end_of(&keys::events(account));
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.tree.range(&keys::event(account, Seq(middle)), Some(&end)).next().transpose()?;
            let Some((key, value)) = row else {
                high = middle;
                continue;
            };
            let seq = keys::u64_at(&key, 5).ok_or(StoreError::Damaged { table: "event", what: "has a short key" })?;
            // Past `last` stands what is of another run, or could still be lost: to this search it isn't there.
            if seq > last || record::decode_event_head(account, Seq(seq), &value)?.inserted_at >= at {
                high = middle;
            } else {
                low = seq + 1;
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let place = |seq, webhook| Place { seq, webhook };
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
