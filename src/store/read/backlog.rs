//! What webhooks are owed, for the metrics: counted where the counting costs next to nothing, and no further.

use crate::model::{AccountNo, NotificationKey, Seq, State, Timestamp, WebhookId};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::schema::keys;

/// How many rows are counted for all webhooks together: about a tenth of a second's worth.
const MAX_ROWS: usize = 500_000;
/// How many are counted for each webhook, however many webhooks there are.
const MIN_ROWS: usize = 100;

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
    /// When the oldest of them was first owed; `None` where nothing is.
    pub oldest: Option<Timestamp>,
    /// Whether there may be more than was counted.
    pub more: bool,
}

impl Store {
    /// What every webhook is owed. Counts up to a bounded number of rows and says where there were more; the oldest is
    /// right in any case. Blocks on the disk.
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
            let mut count = |prefix: &[u8]| -> Result<(u64, Option<u64>), StoreError> {
                let (mut count, mut first) = (0, None);
                for key in self.shared.tree.scan(prefix).keys() {
                    // The first row is read in any case: it says how old the oldest is.
                    if rows == 0 && first.is_some() {
                        break;
                    }
                    rows = rows.saturating_sub(1);
                    count += 1;
                    first = first.or(keys::u64_at(&key?, prefix.len()));
                }
                Ok((count, first))
            };
            let retrying = keys::state_byte(State::Retrying { due: Timestamp::from_ms(0) }).unwrap_or_default();
            let (untried, oldest_untried) = count(&keys::untried_of(account, no))?;
            let (waiting, oldest_waiting) = count(&keys::in_state_of(account, keys::WAITING, no))?;
            let (retried, oldest_retried) = count(&keys::in_state_of(account, retrying, no))?;
            left = left.saturating_sub(most - rows);
            let oldest = [oldest_untried, oldest_waiting, oldest_retried].into_iter().flatten().min();
            let key = |seq| NotificationKey { seq: Seq(seq), webhook: no };
            let oldest = oldest.map(|seq| self.shared.notification(account, key(seq))).transpose()?.flatten();
            backlogs.push(Backlog {
                account,
                webhook: webhook.id,
                active: webhook.is_active() && !self.is_absent(account),
                pending: untried + waiting,
                retrying: retried,
                oldest: oldest.map(|notification| notification.inserted_at),
                more: rows == 0,
            });
        }
        Ok(backlogs)
    }
}
