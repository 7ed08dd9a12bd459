//! The few statistics that are quoted.

use serde::{Deserialize, Serialize};

/// The middle and the tail of what was timed, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Spread {
    /// By nearest rank; of nothing, zeros.
    pub(crate) fn of(mut samples_us: Vec<u64>) -> Self {
        samples_us.sort_unstable();
        let at = |share: f64| {
            let rank = (share * samples_us.len() as f64).ceil() as usize;
            samples_us.get(rank.saturating_sub(1)).copied().unwrap_or(0) as f64
        };
        Self { p50_us: at(0.5), p99_us: at(0.99) }
    }

    pub(crate) fn p50_ms(self) -> f64 {
        self.p50_us / 1000.0
    }

    pub(crate) fn p99_ms(self) -> f64 {
        self.p99_us / 1000.0
    }
}

/// How many a second, from a first to a last moment.
pub(crate) fn rate(count: u64, first_us: u64, last_us: u64) -> f64 {
    count as f64 * 1e6 / last_us.saturating_sub(first_us).max(1) as f64
}
