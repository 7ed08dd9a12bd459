//! The requests that were answered, by what they were for and how they went.

use crate::stats::Histogram;
use http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a request is for: a few classes, whatever ids stand in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Recording events.
    Ingest,
    /// Calls about webhooks.
    Webhooks,
    /// Other calls about events.
    Events,
    /// Calls about notifications.
    Notifications,
    /// The stream of attempts.
    Stream,
    /// Calls about tokens.
    Tokens,
    /// Calls about alerts.
    Alerts,
    /// The metrics.
    Metrics,
    /// Health and readiness.
    Health,
    /// The description of the API.
    Docs,
    /// Everything else, pages among it.
    Other,
}

impl Class {
    /// What the metrics call each, in their order.
    const NAMES: [&str; Self::Other as usize + 1] = [
        "ingest",
        "webhooks",
        "events",
        "notifications",
        "stream",
        "tokens",
        "alerts",
        "metrics",
        "health",
        "docs",
        "other",
    ];
}

/// The statuses that are answered; any other counts as the last.
const STATUSES: [u16; 19] =
    [200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 500, 503, 0];

/// Counters for each class and status.
pub(crate) struct Traffic {
    answered: [[AtomicU64; STATUSES.len()]; Class::NAMES.len()],
    /// How long recording an event or a batch took, from its head to its answer, where it was taken.
    pub(crate) ingest: Histogram,
}

impl Default for Traffic {
    fn default() -> Self {
        let answered = [const { [const { AtomicU64::new(0) }; STATUSES.len()] }; Class::NAMES.len()];
        Self { answered, ingest: Histogram::new(Histogram::SHORT) }
    }
}

impl Traffic {
    pub(crate) fn answered(&self, class: Class, status: StatusCode, took: Duration) {
        let at = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.answered[class as usize][at].fetch_add(1, Ordering::Relaxed);
        if class == Class::Ingest && status.is_success() {
            self.ingest.observe(took);
        }
    }

    /// Class, status and how many, of those that there were.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        let classes = Class::NAMES.into_iter().zip(&self.answered);
        classes
            .flat_map(|(class, counts)| {
                let counts = STATUSES.iter().zip(counts);
                counts.map(move |(status, count)| (class, *status, count.load(Ordering::Relaxed)))
            })
            .filter(|(_, _, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_and_status() {
        let traffic = Traffic::default();
        traffic.answered(Class::Other, StatusCode::IM_A_TEAPOT, Duration::ZERO);
        traffic.answered(Class::Ingest, StatusCode::CREATED, Duration::ZERO);
        traffic.answered(Class::Ingest, StatusCode::CONFLICT, Duration::ZERO);
        let counts: Vec<_> = traffic.counts().collect();
        assert_eq!(counts, [("ingest", 201, 1), ("ingest", 409, 1), ("other", 0, 1)]);
        assert_eq!(traffic.ingest.snapshot().count, 1, "what was refused was not taken in");
    }
}
