//! Deletes what nothing refers to any more: the rows of deleted webhooks that have no notification left, types without
//! an event, and idempotency keys past their window.
//!
//! A type gets a number when its first event is recorded, and is forgotten when its last event is deleted. Its number
//! may then be given to another type: no index row of the old one is left, and a page that is being read ends at what
//! was durable before the new type's first event.

use crate::model::{AccountNo, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::schema::record::Job;
use crate::store::state::Shared;
use crate::store::txn::Txn;
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

/// How many deleted webhooks one sweep looks at: a few index reads each.
const LOOKED_AT_A_SWEEP: usize = 200;

impl Shared {
    /// Whether a webhook has a notification.
    fn has_notifications(&self, account: AccountNo, no: WebhookNo) -> Result<bool, StoreError> {
        for prefix in [keys::of_webhook(no), keys::untried_of(account, no)] {
            if self.tree.scan(&prefix).next().transpose()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether no event of an account has this type any more.
    fn is_unused(&self, account: AccountNo, type_no: u32) -> Result<bool, StoreError> {
        Ok(self.tree.scan(&keys::events_of_type(account, type_no)).next().transpose()?.is_none())
    }
}

/// Deletes the rows of some deleted webhooks that have no notification any more. Call it when every change so far
/// is applied.
pub(crate) fn sweep_webhooks(ledger: &mut Ledger, txn: &mut Txn<'_>) {
    for _ in 0..ledger.deleted_webhooks.len().min(LOOKED_AT_A_SWEEP) {
        let Some(webhook) = ledger.deleted_webhooks.pop_front() else {
            return;
        };
        let cancels = |job: &Job| matches!(job, Job::Cancel { webhook: of, .. } if *of == webhook.no.0);
        let is_used = ledger.jobs.all().any(|open| cancels(&open.job))
            || catch_sled_panic(|| ledger.shared.has_notifications(webhook.account, webhook.no)).unwrap_or_else(
                |error| {
                    tracing::error!(%error, webhook = %webhook.id, "the index of a deleted webhook could not be read");
                    true
                },
            );
        if is_used {
            ledger.deleted_webhooks.push_back(webhook);
            continue;
        }
        txn.delete(keys::webhook(webhook.account, webhook.no));
        txn.delete(keys::webhook_id(webhook.id));
        txn.delete(keys::health(webhook.no));
        ledger.forget_facts(txn, webhook.no);
    }
}

/// Deletes the types that no event has any more, of those that may have lost their last one. Call it when every
/// change so far is applied.
pub(crate) fn forget_types(ledger: &mut Ledger, txn: &mut Txn<'_>) {
    for (account, name) in std::mem::take(&mut ledger.maybe_unused_types) {
        let number = |types: &HashMap<AccountNo, BTreeMap<String, u32>>| types.get(&account)?.get(&name).copied();
        let Some(no) = number(&ledger.shared.types.read().unwrap_or_else(PoisonError::into_inner)) else {
            continue;
        };
        match catch_sled_panic(|| ledger.shared.is_unused(account, no)) {
            Ok(false) => {}
            Ok(true) => {
                let mut types = ledger.shared.types.write().unwrap_or_else(PoisonError::into_inner);
                types.get_mut(&account).map(|known| known.remove(&name));
                drop(types);
                txn.delete(keys::type_name(account, no));
                ledger.subscribers.retain(|(of, event_type), _| *of != account || event_type.as_str() != name);
                tracing::info!(event_type = name, "no event has this type any more: it is forgotten");
            }
            // It stays known, which harms nobody; the next start asks again.
            Err(error) => tracing::error!(%error, event_type = name, "the index of a type could not be read"),
        }
    }
}

/// Deletes idempotency keys whose window is over; returns how many.
pub(crate) fn sweep_idempotency_keys(txn: &mut Txn<'_>, now_ms: u64, most: usize) -> Result<usize, StoreError> {
    let mut swept = 0;
    let rows: Vec<_> = txn.scan(&keys::idempotency_ends()).take(most).collect::<Result<_, _>>()?;
    for row in rows {
        let fields = (keys::u64_at(&row, 1), keys::u32_at(&row, 9), row.get(13..29).map(<[u8; 16]>::try_from));
        let (Some(until_ms), Some(account), Some(Ok(hash))) = fields else {
            return Err(StoreError::Damaged { table: "idempotency end", what: "has a short key" });
        };
        if until_ms > now_ms {
            break;
        }
        txn.delete(keys::idempotency(AccountNo(account), hash));
        txn.delete(row.to_vec());
        swept += 1;
    }
    Ok(swept)
}
