//! Whether the daemon makes progress and takes events.

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
        let full = || {
            let full = self.store.full()?;
            let pt = match full {
                StoreError::Busy => "o disco não está acompanhando o volume, e nada novo é aceito por enquanto",
                _ => "o disco está quase cheio: libere espaço, e o daemon continua sozinho",
            };
            Some(Localized { en: full.to_string(), pt: pt.to_owned() })
        };
        self.without_progress(SLOW_COMMIT).or_else(full)
    }

    /// What makes no progress, if anything; a commit may take `max_commit`.
    pub fn without_progress(&self, max_commit: Duration) -> Option<Localized> {
        if !self.store.is_alive() {
            return Some(localized!("the store has stopped", "o armazenamento parou"));
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
