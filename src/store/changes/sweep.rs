//! What nothing refers to any more: the rows of deleted webhooks whose notifications are gone, and of tokens that ended
//! long ago.

use crate::model::{AccountNo, Timestamp, WebhookId, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::schema::record::Job;
use crate::store::state::Shared;
use crate::store::txn::Txn;
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

/// How many deleted webhooks one sweep looks at: a few index reads each.
const LOOKED_AT_A_SWEEP: usize = 200;
/// How long a token is listed after its end, so that people see why it no longer works.
const EXPIRED_TOKENS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A deleted webhook whose row is kept for the sake of its notifications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeletedWebhook {
    pub(crate) account: AccountNo,
    pub(crate) no: WebhookNo,
    pub(crate) id: WebhookId,
}

/// Deleted webhooks that have a row, in turn.
pub(crate) type DeletedWebhooks = VecDeque<DeletedWebhook>;

impl Shared {
    /// Whether a webhook has a notification.
    fn has_notifications(&self, account: AccountNo, no: WebhookNo) -> Result<bool, StoreError> {
        for prefix in [keys::of_webhook(no), keys::fresh_of(account, no)] {
            if self.tree.scan(&prefix).keys().next().transpose()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Ledger {
    /// Deletes the rows of some deleted webhooks that have no notification any more. Call it when every change so far
    /// is applied.
    pub(crate) fn sweep_webhooks(&mut self, txn: &mut Txn<'_>) {
        for _ in 0..self.deleted_webhooks.len().min(LOOKED_AT_A_SWEEP) {
            let Some(gone) = self.deleted_webhooks.pop_front() else {
                return;
            };
            let cancels = |job: &Job| matches!(job, Job::Cancel { webhook, .. } if *webhook == gone.no.0);
            let is_used = self.jobs.all().any(|open| cancels(&open.job))
                || catch_sled_panic(|| self.shared.has_notifications(gone.account, gone.no)).unwrap_or_else(|error| {
                    tracing::error!(%error, webhook = %gone.id, "the index of a deleted webhook could not be read");
                    true
                });
            if is_used {
                self.deleted_webhooks.push_back(gone);
                continue;
            }
            txn.delete(keys::webhook(gone.account, gone.no));
            txn.delete(keys::webhook_id(gone.id));
            txn.delete(keys::health(gone.no));
        }
    }

    /// Deletes tokens that ended long before `now`.
    pub(crate) fn sweep_tokens(&mut self, txn: &mut Txn<'_>, now: Timestamp) {
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|id, token| {
            let is_kept = token.expires_at.is_none_or(|end| now < end.plus(EXPIRED_TOKENS_KEPT));
            if !is_kept {
                txn.delete(keys::token(*id));
            }
            is_kept
        });
    }
}
