//! What webhooks are owed, for the metrics: counted where the counting costs next to nothing, and no further.

use crate::model::{AccountNo, NotificationKey, Seq, State, Timestamp, WebhookId, WebhookNo};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::schema::keys;

/// How many rows are counted for all webhooks together: about a tenth of a second's worth.
const MAX_ROWS: usize = 500_000;
/// How many are counted for each webhook, however many webhooks there are.
const MIN_ROWS: usize = 100;
/// How many notifications are looked at to find the oldest of a state: more than a backfill has pending at a time.
const MAX_LATE: usize = 256;

/// What one webhook is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookId,
    /// Whether its notifications leave.
    pub active: bool,
    /// How many were never tried.
    pub pending: u64,
    /// How many are owed again.
    pub retrying: u64,
    /// Since when the oldest of them is pending; `None` where nothing is.
    pub oldest: Option<Timestamp>,
    /// Whether there may be more than was counted.
    pub more: bool,
}

impl Store {
    /// What every webhook is owed. Counts up to a bounded number of rows and says where there were more; the oldest is
    /// right in any case, unless more than [`MAX_LATE`] notifications of older events were created later. Blocks on the
    /// disk.
    pub fn backlogs(&self) -> Result<Vec<Backlog>, StoreError> {
        let directory = self.directory();
        let webhooks: Vec<_> = directory.all().collect();
        let mut left = MAX_ROWS;
        let mut backlogs = Vec::with_capacity(webhooks.len());
        for (nth, webhook) in webhooks.iter().enumerate() {
            let (account, no) = (webhook.account, webhook.no);
            // What one has no use for is left to those behind it.
            let most = (left / (webhooks.len() - nth)).max(MIN_ROWS);
            let mut rows = most;
            let mut oldest = None;
            let mut count = |prefix: &[u8]| -> Result<u64, StoreError> {
                let mut count = 0;
                for key in self.shared.tree.scan(prefix).keys().take(rows) {
                    key?;
                    count += 1;
                }
                rows -= count;
                oldest = oldest.into_iter().chain(self.oldest_of(account, no, prefix)?).min();
                Ok(count as u64)
            };
            let retrying = keys::state_byte(State::Retrying { due: Timestamp::from_ms(0) }).unwrap_or_default();
            let untried = count(&keys::untried_of(account, no))?;
            let waiting = count(&keys::in_state_of(account, keys::WAITING, no))?;
            let retried = count(&keys::in_state_of(account, retrying, no))?;
            left = left.saturating_sub(most - rows);
            backlogs.push(Backlog {
                account,
                webhook: webhook.id,
                active: webhook.is_active() && !self.is_absent(account),
                pending: untried + waiting,
                retrying: retried,
                oldest,
                more: rows == 0,
            });
        }
        Ok(backlogs)
    }

    /// Since when the oldest of these notifications is pending. They stand in the order of their events, and one may
    /// have been created long after its event, by a backfill: up to the first that wasn't, each is looked at.
    fn oldest_of(&self, account: AccountNo, no: WebhookNo, prefix: &[u8]) -> Result<Option<Timestamp>, StoreError> {
        let mut oldest: Option<Timestamp> = None;
        for row in self.shared.tree.scan(prefix).keys().take(MAX_LATE) {
            let seq = keys::u64_at(&row?, prefix.len()).map(Seq);
            let seq = seq.ok_or(StoreError::Damaged { table: "index", what: "has a short key" })?;
            let key = NotificationKey { seq, webhook: no };
            // It may have left by now.
            let Some(notification) = self.shared.notification(account, key)? else {
                continue;
            };
            oldest = oldest.into_iter().chain([notification.inserted_at]).min();
            let event = self.shared.event_head(account, seq)?;
            if event.is_none_or(|event| event.inserted_at >= notification.inserted_at) {
                break;
            }
        }
        Ok(oldest)
    }
}
