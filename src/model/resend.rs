//! A bulk resend: manual attempts for every notification that a filter matches, a few at a time.

use super::words::words;
use super::{AccountNo, NotificationFilter, ResendId, Timestamp};

words! {
    /// Whether a bulk resend goes on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ResendState {
        /// In progress, oldest events first, as fast as each webhook's manual attempts are made.
        Running = "RUNNING",
        /// A manual attempt was requested for everything that matched, or it was skipped.
        Done = "DONE",
        /// It met what can't be read and gave up a part; `carteiro verify` tells what that is.
        Failed = "FAILED",
        /// Cancelled; the attempts requested until then are still made.
        Cancelled = "CANCELLED",
    }
}

/// A bulk resend, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkResend {
    /// Its number in the store; numbers rise.
    pub number: u64,
    /// Whose it is.
    pub account: AccountNo,
    /// Its public id.
    pub id: ResendId,
    /// What it matches.
    pub filter: NotificationFilter,
    /// Whether it goes on.
    pub state: ResendState,
    /// How many notifications matched when it was requested.
    pub queued: u64,
    /// Number of manual attempts requested so far.
    pub resent: u64,
    /// Number of notifications skipped: cancelled, erased, with the maximum number of attempts, or no longer matching
    /// when they were processed.
    pub skipped: u64,
    /// How many webhooks it has not finished.
    pub open: u32,
    /// Whether a part of it was given up.
    pub broken: bool,
    /// When it was requested.
    pub inserted_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
    /// When it was done or cancelled.
    pub ended_at: Option<Timestamp>,
}
