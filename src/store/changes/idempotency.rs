//! Idempotency keys, and what a registration can come with.

use crate::model::{AccountNo, Fingerprint, SigningSecret, Timestamp, Webhook, WebhookNo};
use crate::store::changes::change::Change;
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::schema::record::{IdempotencyV1, RegisteredV1};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::sync::Arc;

/// What the first request with a key made.
pub(crate) enum Made {
    Events(Vec<u64>),
    Webhook(RegisteredV1),
}

/// What is kept of a key, in its window or past it.
pub(crate) fn answered(
    txn: &Txn<'_>,
    account: AccountNo,
    key: Option<IdempotencyKey>,
) -> Result<Option<IdempotencyV1>, StoreError> {
    key.map_or(Ok(None), |key| txn.read(&keys::idempotency(account, key.hash), record::decode_idempotency))
}

/// Keeps what a request made; `earlier` is what [`answered`] found.
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

/// What tells one secret from another, and gives none away.
fn mark(secret: &SigningSecret) -> [u8; 16] {
    Fingerprint::of([secret.expose()]).0
}

impl Change for Registration {
    type Reply = Result<Registered, RegisterRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        ledger.register_once(txn, self, now)
    }
}

impl Ledger {
    /// Whether a key is still recognised: a little longer while the clock is ahead, rather than answered anew.
    pub(crate) fn is_in_window(&self, known: &IdempotencyV1) -> bool {
        known.until_ms > self.shared.times.trusted_now().as_ms()
    }

    /// Registers a webhook, unless its key has registered one already that isn't deleted.
    pub(crate) fn register_once(
        &mut self,
        txn: &mut Txn<'_>,
        registration: Registration,
        now: Timestamp,
    ) -> Result<Result<Registered, RegisterRefusal>, StoreError> {
        let Registration { webhook, key, only_replay } = registration;
        let account = webhook.account;
        let known = answered(txn, account, key)?;
        if let (Some(key), Some(known)) = (key, &known)
            && self.is_in_window(known)
            && let Some(made) = known.webhook
            && let Some(first) = self.shared.directory().by_no(WebhookNo(made.no)).cloned()
        {
            if known.fingerprint != key.fingerprint {
                return Ok(Err(RegisterRefusal::KeyTaken));
            }
            let has_first_secret = mark(&first.secret) == made.secret;
            return Ok(Ok(Registered { webhook: first, replayed: true, has_first_secret }));
        }
        if only_replay {
            return Ok(Err(RegisterRefusal::NotBefore));
        }
        let Some(webhook) = self.register(txn, *webhook, key.map(|key| key.hash), now) else {
            return Ok(Err(RegisterRefusal::TooMany));
        };
        if let Some(key) = key {
            let made = RegisteredV1 { no: webhook.no.0, secret: mark(&webhook.secret) };
            remember(txn, account, key, known.as_ref(), Made::Webhook(made));
        }
        Ok(Ok(Registered { webhook, replayed: false, has_first_secret: true }))
    }
}

/// An idempotency key as the store keeps it.
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

/// A webhook that is to be registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What it is; its number and times are the committer's to give.
    pub webhook: Box<Webhook>,
    /// The idempotency key of the request.
    pub key: Option<IdempotencyKey>,
    /// Its target would not be taken now: nothing is registered, and only a request that was answered before is
    /// answered again.
    pub only_replay: bool,
}

impl From<Webhook> for Registration {
    fn from(webhook: Webhook) -> Self {
        Self { webhook: Box::new(webhook), key: None, only_replay: false }
    }
}

/// What became of a registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The webhook: the new one, or the one registered first under this key, as it is now.
    pub webhook: Arc<Webhook>,
    /// Whether it had been registered before.
    pub replayed: bool,
    /// Whether its secret is still the one that its registration answered.
    pub has_first_secret: bool,
}

/// Why a webhook was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// The account has [`MAX_WEBHOOKS`](crate::store::limits::MAX_WEBHOOKS) already.
    TooMany,
    /// The idempotency key already answered another request.
    KeyTaken,
    /// Only a replay was asked for, and the key has answered nothing.
    NotBefore,
}
