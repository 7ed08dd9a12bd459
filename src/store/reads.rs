//! Reads that fail outside a change: a bad sector costs whoever asked for what stands there, and nobody else.
//!
//! The log hears of it once for each place, not once for each call: anybody with a `read` token may ask again and again.

use super::{Store, StoreError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the log says nothing more of reads that fail in one place.
const QUIET: Duration = Duration::from_secs(600);
/// How many places are told apart; past it the log says nothing of new ones.
const MAX_PLACES: usize = 1000;

/// The reads that have failed since the start.
#[derive(Debug, Default)]
pub(super) struct FailedReads {
    count: AtomicU64,
    /// When the log last heard of a place.
    told: Mutex<HashMap<(&'static str, Option<u64>), Instant>>,
}

impl FailedReads {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether the log is to hear of this one.
    fn note(&self, what: &'static str, offset: Option<u64>, now: Instant) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.duration_since(*at) < QUIET);
        if told.contains_key(&(what, offset)) || told.len() >= MAX_PLACES {
            return false;
        }
        told.insert((what, offset), now);
        true
    }
}

impl StoreError {
    /// Whether something that was written could not be read back.
    pub fn is_failed_read(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::Io(_) | Self::Damaged { .. } | Self::OpenFailed(_))
    }

    /// Whether a row was read and isn't what was written: reading it again gives the same.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Where in sled's file it stands, as far as sled says so.
    fn offset(&self) -> Option<u64> {
        match self {
            Self::Engine(sled::Error::Corruption { at: Some(at), .. }) => Some(at.lid()),
            _ => None,
        }
    }
}

impl Store {
    /// Takes note of a read outside a change that failed: counts it, and says so in the log unless that was said of the same place
    /// a moment ago. `what` was read for.
    pub fn note_failed_read(&self, error: &StoreError, what: &'static str) {
        self.shared.note_failed_read(error, what);
    }
}

impl super::Shared {
    pub(super) fn note_failed_read(&self, error: &StoreError, what: &'static str) {
        if !error.is_failed_read() {
            return;
        }
        let offset = error.offset();
        if self.failed_reads.note(what, offset, Instant::now()) {
            let file: PathBuf = self.path.join("db");
            tracing::warn!(
                %error,
                file = %file.display(),
                offset,
                "what is stored could not be read for {what}; `carteiro verify` tells how far the damage goes"
            );
        }
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
