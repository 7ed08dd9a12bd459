//! What becomes of a notification, as far as the bulk job that has re-sent or created it is concerned.

use super::words::words;
use super::{Localized, localized};

/// The bulk job that a notification belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfJob {
    /// Its number in the store. It may be forgotten already; no other job gets that number.
    pub number: u64,
    /// Whether it has counted how this notification ended.
    pub counted: bool,
}

words! {
    /// How a notification that a bulk job has re-sent or created ended, as far as that job is concerned. The first end
    /// counts: what becomes of the notification later is another resend's.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum JobOutcome {
        /// A target has confirmed it.
        Delivered = "delivered",
        /// It was attempted in vain, and no other attempt follows by itself.
        Failed = "failed",
        /// It was cancelled before: its webhook was deleted, or its payload erased.
        Cancelled = "cancelled",
        /// Another bulk job has sent it again before, and counts it from then on.
        Replaced = "replaced",
        /// Its record was lost to damage before.
        Lost = "lost",
    }
}

impl JobOutcome {
    /// In a few words, before a number.
    pub fn localized(self) -> Localized {
        match self {
            Self::Delivered => localized!("delivered", "entregues"),
            Self::Failed => localized!("failed", "falharam"),
            Self::Cancelled => localized!("cancelled", "canceladas"),
            Self::Replaced => localized!("taken over by another bulk resend", "assumidas por outro reenvio em massa"),
            Self::Lost => localized!("lost to damage", "perdidas por dano nos dados"),
        }
    }

    /// As [`Self::localized`], of those that have not ended.
    pub fn pending() -> Localized {
        localized!("still trying", "ainda tentando")
    }
}

/// How many notifications ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobOutcomes([u64; JobOutcome::ALL.len()]);

impl JobOutcomes {
    /// So many more.
    pub fn add(&mut self, outcome: JobOutcome, count: u64) {
        self.0[outcome as usize] += count;
    }

    /// How many ended so.
    pub fn of(&self, outcome: JobOutcome) -> u64 {
        self.0[outcome as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each way to end, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (JobOutcome, u64)> {
        JobOutcome::ALL.into_iter().zip(self.0)
    }
}
