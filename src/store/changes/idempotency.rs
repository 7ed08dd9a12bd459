//! Idempotency keys.

use crate::model::{AccountNo, Timestamp, Webhook};
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::schema::record::{IdempotencyV1, RegisteredV1};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;

/// What the first request with a key made.
pub(crate) enum Made {
    Events(Vec<u64>),
    Webhook(RegisteredV1),
}

/// The record of a key, in its window or past it.
pub(crate) fn answered(
    txn: &Txn<'_>,
    account: AccountNo,
    key: Option<IdempotencyKey>,
) -> Result<Option<IdempotencyV1>, StoreError> {
    key.map_or(Ok(None), |key| txn.read(&keys::idempotency(account, key.hash), record::decode_idempotency))
}

/// Stores what a request made; `earlier` is what [`answered`] found.
pub(crate) fn remember(
    txn: &mut Txn<'_>,
    account: AccountNo,
    key: IdempotencyKey,
    earlier: Option<&IdempotencyV1>,
    made: Made,
) {
    // A key used again after its window leaves the sweeper's row of the first time behind; take it along.
    if let Some(old) = earlier {
        txn.delete(keys::idempotency_end(Timestamp::from_ms(old.until_ms), account, key.hash));
    }
    let (seqs, webhook) = match made {
        Made::Events(seqs) => (seqs, None),
        Made::Webhook(webhook) => (Vec::new(), Some(webhook)),
    };
    let record = IdempotencyV1 { fingerprint: key.fingerprint, until_ms: key.until.as_ms(), seqs, webhook };
    txn.put(keys::idempotency(account, key.hash), record::encode_idempotency(&record));
    txn.put(keys::idempotency_end(key.until, account, key.hash), Vec::new());
}

/// Forgets the key that registered a webhook, which is deleted: there is nothing left to answer with.
pub(crate) fn forget_key_of(txn: &mut Txn<'_>, webhook: &Webhook) -> Result<(), StoreError> {
    let by_id = txn.read(&keys::webhook_id(webhook.id), record::decode_webhook_ref)?;
    let Some(hash) = by_id.and_then(|by_id| by_id.key) else {
        return Ok(());
    };
    let row = keys::idempotency(webhook.account, hash);
    // After its window the key may have registered another one.
    let own = |known: &IdempotencyV1| known.webhook.is_some_and(|made| made.no == webhook.no.0);
    if let Some(known) = txn.read(&row, record::decode_idempotency)?.filter(own) {
        txn.delete(keys::idempotency_end(Timestamp::from_ms(known.until_ms), webhook.account, hash));
        txn.delete(row);
    }
    Ok(())
}

/// Whether a key is still recognised: a little longer while the clock is ahead, rather than answered anew.
pub(crate) fn is_in_window(ledger: &Ledger, known: &IdempotencyV1) -> bool {
    known.until_ms > ledger.shared.times.trusted_now().as_ms()
}

/// An idempotency key, hashed.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey {
    /// Sixteen bytes of a SHA-256 of the key. Events and webhooks share one table: those of webhooks are hashed in
    /// another way.
    pub hash: [u8; 16],
    /// Of the whole request.
    pub fingerprint: [u8; 16],
    /// Until when a repetition is recognised.
    pub until: Timestamp,
}
