//! How webhooks' notifications of late stand.

use crate::atomic_file;
use crate::model::{AccountNo, Timestamp, WebhookNo};
use crate::stats::{HourCounts, ResponseTimes, WebhookHistory};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::state::HISTORY_FILE;

impl Store {
    /// How a webhook's notifications of late stand. From memory.
    pub fn history_of(&self, webhook: WebhookNo, now: Timestamp) -> WebhookHistory {
        self.shared.outcome_counter.of_webhook(webhook, now)
    }

    /// How the notifications of an account stand that were recorded in each of the last 744 hours, the present one
    /// last, and how long the last day's confirmed attempts took. From memory.
    pub fn hours_of(&self, account: AccountNo, now: Timestamp) -> (Vec<HourCounts>, ResponseTimes) {
        self.shared.outcome_counter.of_account(account, now)
    }

    /// Writes the counts to their file, for the next start, without those of webhooks that were deleted while an
    /// attempt was in flight. Blocks on the disk.
    pub fn save_history(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        let text = self.shared.outcome_counter.to_text(|no| directory.by_no(no).is_some());
        // Not synced: a power cut takes statistics alone.
        Ok(atomic_file::replace_unsynced(&self.path().join(HISTORY_FILE), text.as_bytes())?)
    }
}
