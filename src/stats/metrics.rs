//! Counters and histograms of a running daemon: atomics, a few nanoseconds each, read at any time.
//!
//! The Prometheus text is made elsewhere. A crate would bring registries, labels by string and locks for what is a
//! handful of arrays with known members here.

use super::job_metrics::JobMetrics;
use crate::model::{AlertChannel, AttemptResult, AuditAction, ErrorCode, Status};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long something took, in buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds_us: &'static [u64],
    /// One for each bound, and one for what was longer than the last.
    buckets: Box<[AtomicU64]>,
    sum_us: AtomicU64,
}

/// The present figures of a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Upper bounds, in microseconds, each with how many took no longer.
    pub buckets: Vec<(u64, u64)>,
    /// How many there were in all.
    pub count: u64,
    /// How long all of them took together, in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// From half a millisecond to a minute, in microseconds: commits, attempts.
    pub const SHORT: &[u64] = &[
        500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        15_000_000, 60_000_000,
    ];
    /// From 10 ms to three days, when the last of twenty attempts is made, in microseconds.
    pub const LONG: &[u64] = &[
        10_000,
        50_000,
        100_000,
        500_000,
        1_000_000,
        5_000_000,
        15_000_000,
        60_000_000,
        300_000_000,
        900_000_000,
        3_600_000_000,
        21_600_000_000,
        86_400_000_000,
        259_200_000_000,
    ];

    /// With these bounds, in ascending order.
    pub fn new(bounds_us: &'static [u64]) -> Self {
        let buckets = (0..=bounds_us.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds_us, buckets, sum_us: AtomicU64::new(0) }
    }

    /// Counts something that took `span`.
    pub fn observe(&self, span: Duration) {
        let us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let at = self.bounds_us.partition_point(|bound| *bound < us);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The present figures.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds_us.len());
        for (at, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            buckets.extend(self.bounds_us.get(at).map(|bound| (*bound, count)));
        }
        HistogramSnapshot { buckets, count, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

/// Counts of the attempts that have ended.
#[derive(Debug)]
pub struct AttemptMetrics {
    /// Confirmed ones, then one count for each error code.
    by_outcome: [AtomicU64; 1 + ErrorCode::ALL.len()],
    /// How long they took.
    pub took: Histogram,
}

impl Default for AttemptMetrics {
    fn default() -> Self {
        Self {
            by_outcome: [const { AtomicU64::new(0) }; 1 + ErrorCode::ALL.len()],
            took: Histogram::new(Histogram::SHORT),
        }
    }
}

impl AttemptMetrics {
    /// Counts one that has ended.
    pub fn ended(&self, result: &AttemptResult, took: Duration) {
        let code = ErrorCode::of(result);
        let at = ErrorCode::ALL.iter().position(|other| Some(*other) == code).map_or(0, |at| at + 1);
        self.by_outcome[at].fetch_add(1, Ordering::Relaxed);
        self.took.observe(took);
    }

    /// How many ended how: `None` for those that confirmed.
    pub fn by_outcome(&self) -> impl Iterator<Item = (Option<ErrorCode>, u64)> {
        let outcomes = std::iter::once(None).chain(ErrorCode::ALL.into_iter().map(Some));
        outcomes.zip(&self.by_outcome).map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }
}

/// Counts of the tries to send an alert since the start.
#[derive(Debug, Default)]
pub struct AlertMetrics {
    /// For each channel those that went well, and those that failed.
    sends: [[AtomicU64; 2]; AlertChannel::ALL.len()],
}

impl AlertMetrics {
    /// Counts a try.
    pub fn sent(&self, channel: AlertChannel, went_well: bool) {
        self.sends[channel as usize][usize::from(!went_well)].fetch_add(1, Ordering::Relaxed);
    }

    /// For each channel, how many tries went well, and how many failed.
    pub fn sends(&self) -> impl Iterator<Item = (AlertChannel, [u64; 2])> {
        let counts = self.sends.iter().map(|[ok, error]| [ok.load(Ordering::Relaxed), error.load(Ordering::Relaxed)]);
        AlertChannel::ALL.into_iter().zip(counts)
    }
}

/// What the store has done since the start.
#[derive(Debug)]
pub struct StoreMetrics {
    /// From the submission of a change until it was durable and answered.
    pub commits: Histogram,
    /// From the creation of a notification until its target confirmed.
    pub deliveries: Histogram,
    /// Steps of the wall clock: back, ahead.
    clock_steps: [AtomicU64; 2],
    /// Notifications that ended as `DELIVERED`, `FAILED` and `CANCELLED`.
    ended: [AtomicU64; 3],
    /// Notifications that a filter has left unmade.
    filtered: AtomicU64,
    /// Rows of the audit, by action.
    audited: [AtomicU64; AuditAction::ALL.len()],
    /// Jobs that somebody has begun.
    pub jobs: JobMetrics,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            commits: Histogram::new(Histogram::SHORT),
            deliveries: Histogram::new(Histogram::LONG),
            clock_steps: Default::default(),
            ended: Default::default(),
            filtered: AtomicU64::new(0),
            audited: [const { AtomicU64::new(0) }; AuditAction::ALL.len()],
            jobs: JobMetrics::default(),
        }
    }
}

impl StoreMetrics {
    const ENDS: [Status; 3] = [Status::Delivered, Status::Failed, Status::Cancelled];

    /// Counts a notification that has ended; other statuses are ignored.
    pub fn ended(&self, as_what: Status) {
        if let Some(at) = Self::ENDS.iter().position(|end| *end == as_what) {
            self.ended[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts notifications that were not made because an event did not meet the webhook's filter.
    pub fn filtered(&self, count: usize) {
        if count > 0 {
            self.filtered.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// How many those are.
    pub fn filtered_total(&self) -> u64 {
        self.filtered.load(Ordering::Relaxed)
    }

    /// Counts a row of the audit.
    pub fn audited(&self, action: AuditAction) {
        if let Some(at) = AuditAction::ALL.iter().position(|other| *other == action) {
            self.audited[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many rows of the audit there were of each action.
    pub fn audited_by_action(&self) -> impl Iterator<Item = (AuditAction, u64)> {
        AuditAction::ALL.into_iter().zip(&self.audited).map(|(action, count)| (action, count.load(Ordering::Relaxed)))
    }

    /// Counts a step of the wall clock.
    pub fn clock_stepped(&self, ahead: bool) {
        self.clock_steps[usize::from(ahead)].fetch_add(1, Ordering::Relaxed);
    }

    /// How often the wall clock was put back, and how often forward.
    pub fn clock_steps(&self) -> [u64; 2] {
        [0, 1].map(|at: usize| self.clock_steps[at].load(Ordering::Relaxed))
    }

    /// How many notifications have ended how.
    pub fn ends(&self) -> impl Iterator<Item = (Status, u64)> {
        Self::ENDS.into_iter().zip(&self.ended).map(|(end, count)| (end, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptError, KeptHead, Response};

    #[test]
    fn a_bound_holds_what_takes_just_as_long() {
        let histogram = Histogram::new(&[10, 20]);
        for us in [0, 10, 11, 20, 21, 1_000] {
            histogram.observe(Duration::from_micros(us));
        }
        assert_eq!(
            histogram.snapshot(),
            HistogramSnapshot { buckets: vec![(10, 2), (20, 4)], count: 6, sum_us: 1_062 }
        );
        for bounds in [Histogram::SHORT, Histogram::LONG] {
            assert!(bounds.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn every_outcome_is_counted_as_what_it_is() {
        let attempts = AttemptMetrics::default();
        let response = |status| {
            AttemptResult::Response(Response {
                status,
                body: Vec::new(),
                retry_after: None,
                location: None,
                head: KeptHead::default(),
            })
        };
        let error = AttemptError { code: ErrorCode::Timeout, message: String::new(), message_pt: String::new() };
        let results = [response(204), response(302), response(404), response(503), AttemptResult::Error(error)];
        for result in &results {
            attempts.ended(result, Duration::ZERO);
        }
        let counted: Vec<_> = attempts.by_outcome().filter(|(_, count)| *count == 1).map(|(code, _)| code).collect();
        let codes = [ErrorCode::Timeout, ErrorCode::Redirect, ErrorCode::Http4xx, ErrorCode::Http5xx];
        assert_eq!(counted, [vec![None], codes.map(Some).to_vec()].concat());
        assert_eq!(attempts.took.snapshot().count, 5);
    }
}
