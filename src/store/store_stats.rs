//! Figures of the store, for the metrics.

use crate::model::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What is stored, as of the last change.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) events: AtomicU64,
    pub(crate) notifications: AtomicU64,
    pub(crate) payload_bytes: AtomicU64,
    pub(crate) retired: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) last_backup_ms: AtomicU64,
    pub(crate) last_backup_bytes: AtomicU64,
    pub(crate) failed_backup: Mutex<Option<FailedBackup>>,
    pub(crate) backups_scheduled: AtomicBool,
}

/// A scheduled backup that could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBackup {
    /// When.
    pub at: Timestamp,
    /// Why, as the log has it.
    pub error: String,
}

/// Figures of the store, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Events that are stored.
    pub events: u64,
    /// Notifications that are stored.
    pub notifications: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Events that retention has deleted since the start.
    pub retired: u64,
    /// Batches ever written.
    pub commits: u64,
    /// When the last scheduled backup was written; `None` while none is known.
    pub last_backup: Option<Timestamp>,
    /// How long its file is, in bytes; `None` while that isn't known.
    pub last_backup_bytes: Option<u64>,
    /// Whether backups are scheduled, so that none being known is bad news.
    pub backups_scheduled: bool,
    /// Bytes of the data folder's disk that may still be written; `None` before the first look.
    pub free_bytes: Option<u64>,
    /// How many of them must stay free for events to be taken.
    pub min_free_bytes: u64,
    /// Events that were ever recorded.
    pub recorded: u64,
    /// Reads outside a change that have failed since the start.
    pub failed_reads: u64,
}
