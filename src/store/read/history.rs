//! How webhooks' targets have done of late.

use crate::atomic_file;
use crate::model::{AccountNo, Timestamp, WebhookNo};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::hour_counts::{HourCounts, NAME, Past, print};

/// How one webhook's target has done of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Each of the last 24 hours, the present one last.
    pub hours: Vec<HourCounts>,
    /// Each of the last 30 days, in UTC, today last.
    pub days: Vec<HourCounts>,
    /// When a 2XX last came.
    pub confirmed_at: Option<Timestamp>,
}

impl Store {
    /// How a webhook's target has done of late. From memory.
    pub fn record_of(&self, webhook: WebhookNo, now: Timestamp) -> Record {
        let all = self.shared.tally.lock();
        let own = all.webhooks.get(&webhook);
        let (hours, days) = own.map_or_else(|| Past::default().last(now), |own| own.past.last(now));
        Record { hours, days, confirmed_at: own.and_then(|own| own.confirmed_at) }
    }

    /// How the targets of an account's webhooks had done that are deleted now. From memory.
    pub fn record_of_deleted(&self, account: AccountNo, now: Timestamp) -> Record {
        let all = self.shared.tally.lock();
        let gone = all.gone.get(&account);
        let (hours, days) = gone.map_or_else(|| Past::default().last(now), |gone| gone.last(now));
        Record { hours, days, confirmed_at: None }
    }

    /// Writes the figures to their file, for the next start; what attempts that outlived their webhook came to is
    /// dropped. Blocks on the disk.
    pub fn keep_record(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        self.shared.tally.lock().webhooks.retain(|no, _| directory.by_no(*no).is_some());
        let text = print(&self.shared.tally.lock());
        // Not synced: a power cut takes statistics alone.
        Ok(atomic_file::replace_unsynced(&self.path().join(NAME), text.as_bytes())?)
    }
}
