//! How webhooks' attempts ended of late.

use crate::atomic_file;
use crate::model::{AccountNo, Timestamp, WebhookNo};
use crate::stats::{HourCounts, Past};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::state::HISTORY_FILE;

/// How the attempts of one webhook ended of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookHistory {
    /// Each of the last 24 hours, the present one last.
    pub hours: Vec<HourCounts>,
    /// Each of the last 30 days, in UTC, today last.
    pub days: Vec<HourCounts>,
    /// When an attempt was last confirmed.
    pub confirmed_at: Option<Timestamp>,
}

impl Store {
    /// How a webhook's attempts ended of late. From memory.
    pub fn history_of(&self, webhook: WebhookNo, now: Timestamp) -> WebhookHistory {
        let all = self.shared.outcome_counter.lock();
        let own = all.webhooks.get(&webhook);
        let (hours, days) = own.map_or_else(|| Past::default().last(now), |own| own.past.last(now));
        let confirmed_ms = own.and_then(|own| own.confirmed_ms);
        WebhookHistory { hours, days, confirmed_at: confirmed_ms.map(Timestamp::from_ms) }
    }

    /// How the attempts of an account's deleted webhooks ended. From memory.
    pub fn history_of_deleted(&self, account: AccountNo, now: Timestamp) -> WebhookHistory {
        let all = self.shared.outcome_counter.lock();
        let past = all.deleted.get(&account);
        let (hours, days) = past.map_or_else(|| Past::default().last(now), |past| past.last(now));
        WebhookHistory { hours, days, confirmed_at: None }
    }

    /// Writes the counts to their file, for the next start, without those of webhooks that were deleted while an
    /// attempt was in flight. Blocks on the disk.
    pub fn save_history(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        self.shared.outcome_counter.lock().webhooks.retain(|no, _| directory.by_no(*no).is_some());
        let text = self.shared.outcome_counter.to_text();
        // Not synced: a power cut takes statistics alone.
        Ok(atomic_file::replace_unsynced(&self.path().join(HISTORY_FILE), text.as_bytes())?)
    }
}
