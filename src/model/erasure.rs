//! An erasure of all events of one order or customer, a few at a time.

use super::words::words;
use super::{AccountNo, ErasureId, JobState, SearchText, Timestamp};

words! {
    /// Whether an erasure goes on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ErasureState {
        /// In progress, oldest events first.
        Running = "RUNNING",
        /// Every event that was meant is erased.
        Done = "DONE",
        /// It met what can't be read and was given up; `carteiro verify` tells what that is.
        Failed = "FAILED",
        /// Cancelled; what was erased until then stays so.
        Cancelled = "CANCELLED",
    }
}

impl From<ErasureState> for JobState {
    fn from(state: ErasureState) -> Self {
        match state {
            ErasureState::Running => Self::Running,
            ErasureState::Done => Self::Done,
            ErasureState::Failed => Self::Failed,
            ErasureState::Cancelled => Self::Cancelled,
        }
    }
}

/// An erasure of all events that have one key, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Its number in the store; numbers rise.
    pub number: u64,
    /// Whose it is.
    pub account: AccountNo,
    /// Its public id.
    pub id: ErasureId,
    /// The key that its events have, whole. `None` once it has ended: it may be a person's, and is forgotten then.
    pub key: Option<SearchText>,
    /// Whether the caller's own id of each event goes as well.
    pub external_id: bool,
    /// Whether it goes on.
    pub state: ErasureState,
    /// How many events had the key when it was requested.
    pub events: u64,
    /// How many are erased so far.
    pub erased: u64,
    /// When it was requested.
    pub inserted_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
    /// When it was done, given up or cancelled.
    pub ended_at: Option<Timestamp>,
}

impl Erasure {
    /// Ends it; its key is forgotten.
    pub fn end(&mut self, state: ErasureState, now: Timestamp) {
        self.key = None;
        self.state = state;
        self.updated_at = now;
        self.ended_at = Some(now);
    }
}

/// What an erasure would erase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasureCount {
    /// How many events have the key.
    pub events: u64,
    /// How many notifications those have.
    pub notifications: u64,
}
