//! Whether the daemon makes progress, and what the service asks of the delivery engine.

use crate::delivery::schedule::status::Status;
use crate::delivery::transport::client::Client;
use crate::model::{AttemptError, Localized, NotificationKey, TargetUrl, Timestamp, WaitReason, Webhook};
use crate::stats::AttemptMetrics;
use crate::store::{Store, StoreError};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long one commit may take before the daemon reports itself as not ready. The process ends only after
/// `store.commit_timeout`.
const SLOW_COMMIT: Duration = Duration::from_secs(10);

pub(super) struct Health {
    pub(super) status: Arc<Status>,
    pub(super) store: Store,
    pub(super) client: Client,
}

impl Health {
    /// What makes no progress, if anything; a commit may take `max_commit`.
    pub(super) fn stalled(&self, max_commit: Duration) -> Option<Localized> {
        if !self.store.is_alive() {
            return Some(Localized::new("the store has stopped", "o armazenamento parou"));
        }
        if self.store.stuck_for() > max_commit {
            return Some(Localized::new(
                "the store makes no progress: its disk does not answer",
                "o armazenamento não avança: o disco não responde",
            ));
        }
        let dead = !self.status.is_alive();
        dead.then(|| Localized::new("the delivery engine makes no progress", "o motor de entregas não avança"))
    }
}

impl crate::service::Engine for Health {
    fn is_in_flight(&self, key: NotificationKey, attempts: u16) -> bool {
        self.status.is_in_flight(key, attempts)
    }

    fn wait(&self, webhook: &Webhook, most: usize, now: Timestamp) -> Option<WaitReason> {
        self.status.wait(webhook, most, now)
    }

    fn in_flight(&self) -> usize {
        self.status.in_flight_now()
    }

    fn attempts(&self) -> &AttemptMetrics {
        &self.status.attempts
    }

    fn not_ready(&self) -> Option<Localized> {
        let full = |full: StoreError| Localized {
            en: full.to_string(),
            pt: "o disco está quase cheio: libere espaço, e o daemon continua sozinho".to_owned(),
        };
        self.stalled(SLOW_COMMIT).or_else(|| self.store.full().map(full))
    }

    fn refusal<'a>(&'a self, target: &'a TargetUrl) -> Pin<Box<dyn Future<Output = Option<AttemptError>> + Send + 'a>> {
        Box::pin(async { self.client.refusal(target).await })
    }
}
