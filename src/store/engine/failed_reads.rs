//! Reads that fail outside a change: a bad sector costs the caller that asked for what stands there, and nobody else.
//!
//! It is logged once for each place, not once for each call: anybody with a `read` token may ask again and
//! again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the log says nothing more of reads that fail in one place.
const QUIET: Duration = Duration::from_secs(600);
/// How many places are distinguished; past it the log says nothing of new ones.
const MAX_PLACES: usize = 1000;

/// The reads that have failed since the start.
#[derive(Debug, Default)]
pub(crate) struct FailedReads {
    count: AtomicU64,
    /// When a place was last logged.
    logged: Mutex<HashMap<(&'static str, Option<u64>), Instant>>,
}

impl FailedReads {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether the log is to hear of this one.
    pub(crate) fn note(&self, what: &'static str, offset: Option<u64>, now: Instant) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|_, at| now.duration_since(*at) < QUIET);
        if logged.contains_key(&(what, offset)) || logged.len() >= MAX_PLACES {
            return false;
        }
        logged.insert((what, offset), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_hears_of_a_place_once_in_a_while_and_all_are_counted() {
        let (reads, start) = (FailedReads::default(), Instant::now());
        assert!(reads.note("a call", None, start));
        assert!(!reads.note("a call", None, start + QUIET / 2));
        assert!(reads.note("a call", Some(4096), start), "another place");
        assert!(reads.note("retention", None, start));
        assert!(reads.note("a call", None, start + QUIET), "it was long ago");
        assert_eq!(reads.count(), 5);
        for at in 0..2 * MAX_PLACES as u64 {
            reads.note("a call", Some(at), start + QUIET);
        }
        assert!(!reads.note("a call", Some(u64::MAX), start + QUIET), "bounded, whatever fails");
    }
}
