//! How fast a lane starts attempts: rate limits, probes of a target that is down, pauses after faults of this machine.

use crate::model::{RateLimit, Timestamp, WebhookNo, millis, splitmix64};
use std::time::Duration;

/// How many attempts that a person waits for leave at once, whatever else holds the lane; one more does every
/// [`AT_ONCE_EVERY`]. A script that re-sends thousands one by one can't use this to get around `Retry-After` or the
/// rate limit.
pub(crate) const AT_ONCE_BURST: u64 = 10;
/// See [`AT_ONCE_BURST`].
pub(crate) const AT_ONCE_EVERY: Duration = Duration::from_secs(1);
/// The longest time between two probes: four attempts a second use up nobody's processor, and find a target that is
/// back within a quarter of one.
pub(crate) const MAX_PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// The longest pause after a fault of this machine.
pub(crate) const MAX_LOCAL_FAULT_PAUSE: Duration = Duration::from_secs(30);

/// One start in each interval, and as many at once as fit into the tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    interval_us: u64,
    tolerance_us: u64,
}

impl Quota {
    /// Of a webhook's rate limit. A burst of one second's worth is allowed.
    pub(crate) fn of(limit: RateLimit) -> Self {
        let interval_us = 1_000_000_000 / u64::from(limit.as_millis());
        Self { interval_us, tolerance_us: 1_000_000_u64.saturating_sub(interval_us) }
    }

    /// Of attempts that a person waits for.
    pub(crate) fn at_once() -> Self {
        let interval_us = millis(AT_ONCE_EVERY) * 1000;
        Self { interval_us, tolerance_us: (AT_ONCE_BURST - 1) * interval_us }
    }
}

/// The generic cell rate algorithm.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gcra {
    theoretical_arrival_us: u64,
}

impl Gcra {
    /// From when on another start is within the quota; it may have passed.
    pub(crate) fn next(self, quota: Quota) -> Timestamp {
        Timestamp::from_ms(self.theoretical_arrival_us.saturating_sub(quota.tolerance_us).div_ceil(1000))
    }

    /// When another start is within the quota, if not at `now`.
    pub(crate) fn limited_until(self, quota: Quota, now: Timestamp) -> Option<Timestamp> {
        Some(self.next(quota)).filter(|at| *at > now)
    }

    /// A start at `now`.
    pub(crate) fn start(&mut self, quota: Quota, now: Timestamp) {
        self.theoretical_arrival_us = self.theoretical_arrival_us.max(now.as_ms() * 1000) + quota.interval_us;
    }

    /// The quota changes: what has started counts by the new interval, and never for longer than it did.
    pub(crate) fn change(&mut self, before: Option<Quota>, after: Option<Quota>, now: Timestamp) {
        if before == after {
            return;
        }
        let now_us = now.as_ms() * 1000;
        let ahead_us = self.theoretical_arrival_us.saturating_sub(now_us);
        self.theoretical_arrival_us = match (before, after) {
            (Some(before), Some(after)) => {
                let scaled =
                    u128::from(ahead_us) * u128::from(after.interval_us) / u128::from(before.interval_us.max(1));
                now_us + ahead_us.min(u64::try_from(scaled).unwrap_or(u64::MAX))
            }
            (None, _) | (_, None) => 0,
        };
    }
}

/// How long after so many attempts in a row that did not reach the target the next one leaves. A target that refuses at
/// once would else get thousands of attempts a second while it is down.
pub(crate) fn probe_interval(unreached: u32, no: WebhookNo) -> Duration {
    const FREE: u32 = 3;
    if unreached <= FREE {
        return Duration::ZERO;
    }
    let doublings = (unreached - FREE - 1).min(8);
    shortened(Duration::from_millis(10 << doublings).min(MAX_PROBE_INTERVAL), unreached, no)
}

/// How long a lane waits after so many attempts in a row that failed for a fault of this machine. All lanes together
/// use up the files it may open, and trying at full speed would keep them used up.
pub(crate) fn local_fault_pause(faults: u32, no: WebhookNo) -> Duration {
    let doublings = faults.saturating_sub(1).min(5);
    shortened(Duration::from_secs(1 << doublings).min(MAX_LOCAL_FAULT_PAUSE), faults, no)
}

/// Shorter by up to a quarter, drawn from the webhook and the count: lanes that began to fail at the same event would
/// else make their attempts in the same instant for ever, and an event that comes just then waits.
fn shortened(wait: Duration, count: u32, no: WebhookNo) -> Duration {
    // Of a thousand parts at most 249 go.
    let draw = splitmix64(u64::from(no.0) << 32 | u64::from(count)) % 250;
    wait.saturating_sub(wait / 1000 * u32::try_from(draw).unwrap_or(0))
}
