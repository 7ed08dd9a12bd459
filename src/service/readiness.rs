//! Whether the daemon makes progress and takes events.

use super::error::unavailable;
use super::shared::Service;
use crate::model::{Localized, localized};
use crate::store::StoreError;
use std::time::Duration;

/// How long one commit may take before the daemon reports itself as not ready. The process ends only after
/// `store.commit_timeout`.
const SLOW_COMMIT: Duration = Duration::from_secs(10);

impl Service {
    /// Why the daemon can't take events now; `None` when it can.
    pub fn not_ready(&self) -> Option<Localized> {
        self.without_progress(SLOW_COMMIT).or_else(|| unavailable(&self.store.full()?))
    }

    /// What makes no progress, if anything; a commit may take `max_commit`.
    pub fn without_progress(&self, max_commit: Duration) -> Option<Localized> {
        if !self.store.is_alive() {
            return unavailable(&StoreError::Stopped);
        }
        if self.store.stuck_for() > max_commit {
            return Some(localized!(
                "the store makes no progress: its disk does not answer",
                "o armazenamento não avança: o disco não responde"
            ));
        }
        let dead = !self.delivery.status.is_alive();
        dead.then(|| localized!("the delivery engine makes no progress", "o motor de entregas não avança"))
    }
}
