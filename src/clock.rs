//! The only place that asks the system for the time.
//!
//! Everything that is stored or scheduled runs on a [`Clock`] that is passed by value, so that a three-day schedule takes
//! milliseconds in a test. Spans inside one attempt are measured with tokio's own monotonic clock instead.

use crate::model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock. It may step backwards; whoever stores its times must allow for that.
    #[default]
    System,
    /// A clock that stands until it is set: tests and simulations own it.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicU64::new(start.as_ms())))
    }

    /// The present wall time, to the millisecond. A system clock before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Manual(at) => Timestamp::from_ms(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock, forwards or backwards; a system clock is left alone.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(at) = self {
            at.store(to.as_ms(), Ordering::SeqCst);
        }
    }
}
