//! Webhooks: registered, changed, deleted, given new secrets.

use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditedField, ExpectedVersion, Fingerprint, Outdated, PrivateKey, Seq,
    SigningSecret, Timestamp, TooManyKeys, TooManySecrets, Webhook, WebhookId, WebhookNo, WebhookPatch, WebhookStatus,
    changed_fields, format_duration,
};
use crate::store::changes::bring_forward::begin_bringing_forward;
use crate::store::changes::change::{AuditedChange, ChangeError, Noted};
use crate::store::changes::idempotency::{IdempotencyKey, Made, answered, forget_key_of, is_in_window, remember};
use crate::store::changes::ledger::{DeletedWebhook, Ledger};
use crate::store::error::StoreError;
use crate::store::limits::MAX_WEBHOOKS;
use crate::store::schema::record::{Job, RegisteredV1, WebhookRefV1};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::sync::Arc;
use std::time::Duration;

/// Registers a webhook, unless its key has registered one already that isn't deleted.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What it is; its number and times are the committer's to give.
    pub webhook: Box<Webhook>,
    /// The idempotency key of the request.
    pub key: Option<IdempotencyKey>,
    /// Its target or its client certificate would not be taken now: nothing is registered, and only a request that was
    /// answered before is answered again.
    pub only_replay: bool,
}

impl AuditedChange for Registration {
    type Reply = Registered;
    type Error = ChangeError<RegisterRefusal>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { mut webhook, key, only_replay } = self;
        let account = webhook.account;
        let known = answered(txn, account, key)?;
        if let (Some(key), Some(known)) = (key, &known)
            && is_in_window(ledger, known)
            && let Some(made) = known.webhook
            && let Some(first) = ledger.shared.directory().by_no(WebhookNo(made.no)).cloned()
        {
            if known.fingerprint != key.fingerprint {
                return Err(ChangeError::Refused(RegisterRefusal::KeyTaken));
            }
            let has_first_secret = mark(&first.secret) == made.secret;
            return Ok((Registered { webhook: first, replayed: true, has_first_secret }, None));
        }
        if only_replay {
            return Err(ChangeError::Refused(RegisterRefusal::NotBefore));
        }
        if ledger.shared.directory().of(account).count() >= MAX_WEBHOOKS {
            return Err(ChangeError::Refused(RegisterRefusal::TooMany));
        }
        ledger.head.webhook_no += 1;
        webhook.no = WebhookNo(ledger.head.webhook_no);
        webhook.registered_after = Seq(ledger.head.seq);
        webhook.inserted_at = now;
        webhook.updated_at = now;
        let by_id = WebhookRefV1 { account: account.0, webhook: webhook.no.0, key: key.map(|key| key.hash) };
        txn.put(keys::webhook_id(webhook.id), record::encode_webhook_ref(&by_id));
        let webhook = put_webhook(ledger, txn, *webhook);
        if let Some(key) = key {
            let made = RegisteredV1 { no: webhook.no.0, secret: mark(&webhook.secret) };
            remember(txn, account, key, known.as_ref(), Made::Webhook(made));
        }
        let note = note_of(&webhook, AuditAction::WebhookRegistered).with(changed_fields(None, Some(&webhook)));
        Ok((Registered { webhook, replayed: false, has_first_secret: true }, Some(note)))
    }
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

/// Changes a webhook. Answers `None` when the account has no such webhook.
#[derive(Debug)]
pub struct ChangeWebhook {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub id: WebhookId,
    /// What is changed.
    pub patch: WebhookPatch,
}

impl AuditedChange for ChangeWebhook {
    type Reply = Option<Arc<Webhook>>;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Some(before) = ledger.shared.directory().by_id(self.account, self.id).cloned() else {
            return Ok((None, None));
        };
        let resumed = self.patch.status == Some(WebhookStatus::Active);
        let webhook = change(ledger, txn, &before, now, |webhook| self.patch.apply(webhook));
        let moved = webhook.target != before.target;
        if moved || resumed {
            ledger.updates.push(StoreUpdate::Renewed { no: webhook.no, moved });
        }
        if moved || resumed || webhook.retry != before.retry {
            begin_bringing_forward(ledger, txn, self.account, webhook.no);
        }
        let fields = changed_fields(Some(&before), Some(&webhook));
        let note = (!fields.is_empty()).then(|| note_of(&webhook, AuditAction::WebhookChanged).with(fields));
        Ok((Some(webhook), note))
    }
}

/// Gives a webhook a new signing secret, by the rules of [`Webhook::rotate_secret`]. Answers `None` when the account
/// has no such webhook.
#[derive(Debug)]
pub struct RotateSecret {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub id: WebhookId,
    /// The new secret.
    pub secret: SigningSecret,
    /// For how long the present one goes on being used as well.
    pub overlap: Duration,
}

impl AuditedChange for RotateSecret {
    type Reply = Option<Arc<Webhook>>;
    type Error = ChangeError<TooManySecrets>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let noted = (AuditAction::SecretRotated, "secret", self.overlap);
        let rotated = rotate(ledger, txn, now, (self.account, self.id), noted, |webhook, wall| {
            webhook.rotate_secret(self.secret, wall, self.overlap)
        });
        Ok(rotated?.unzip())
    }
}

/// Gives a webhook a new key pair, by the rules of [`Webhook::rotate_key`]. Answers `None` when the account has no such
/// webhook.
#[derive(Debug)]
pub struct RotateKey {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub id: WebhookId,
    /// The new key.
    pub key: PrivateKey,
    /// For how long the present one goes on being used as well.
    pub overlap: Duration,
}

impl AuditedChange for RotateKey {
    type Reply = Option<Arc<Webhook>>;
    type Error = ChangeError<TooManyKeys>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let noted = (AuditAction::KeyRotated, "key", self.overlap);
        let rotated = rotate(ledger, txn, now, (self.account, self.id), noted, |webhook, wall| {
            webhook.rotate_key(self.key, wall, self.overlap)
        });
        Ok(rotated?.unzip())
    }
}

/// Has a webhook, if the account has it, replace what it signs with, at a time of the wall clock, which will end the
/// older ones.
fn rotate<E>(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    now: Timestamp,
    (account, id): (AccountNo, WebhookId),
    (action, field, overlap): (AuditAction, &str, Duration),
    replace: impl FnOnce(&mut Webhook, Timestamp) -> Result<(), E>,
) -> Result<Option<(Arc<Webhook>, AuditNote)>, ChangeError<E>> {
    let directory = ledger.shared.directory();
    let Some(mut rotated) = directory.by_id(account, id).map(|webhook| Webhook::clone(webhook)) else {
        return Ok(None);
    };
    replace(&mut rotated, ledger.clock.now()).map_err(ChangeError::Refused)?;
    rotated.updated_at = now;
    let rotated = put_webhook(ledger, txn, rotated);
    let fields = [AuditedField::set_hidden(field), AuditedField::set("overlap", format_duration(overlap))];
    let note = note_of(&rotated, action).with(fields);
    Ok(Some((rotated, note)))
}

/// Deletes a webhook; a job cancels what is pending. Answers whether the account had it.
#[derive(Debug)]
pub struct DeleteWebhook {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub id: WebhookId,
}

impl AuditedChange for DeleteWebhook {
    type Reply = bool;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Some(known) = ledger.shared.directory().by_id(self.account, self.id).cloned() else {
            return Ok((false, None));
        };
        let webhook = change(ledger, txn, &known, now, |webhook| webhook.deleted_at = Some(now));
        if let Err(error) = forget_key_of(txn, &webhook) {
            let webhook = webhook.id;
            tracing::error!(%error, %webhook, "the idempotency key of a deleted webhook could not be read");
        }
        ledger.add_job(txn, Job::Cancel { account: self.account.0, webhook: webhook.no.0 });
        ledger.shared.outcome_counter.deleted(self.account, webhook.no);
        let note = note_of(&known, AuditAction::WebhookDeleted).with(changed_fields(Some(&known), None));
        Ok((true, Some(note)))
    }
}

/// Changes or deletes a webhook, if it is as its caller expects.
#[derive(Debug)]
pub struct IfExpected<C> {
    /// How it must be.
    pub expected: ExpectedVersion,
    /// What is made of it.
    pub change: C,
}

/// A change of one webhook.
pub trait OfOneWebhook {
    /// Whose it is, and which.
    fn webhook(&self) -> (AccountNo, WebhookId);
}

impl OfOneWebhook for ChangeWebhook {
    fn webhook(&self) -> (AccountNo, WebhookId) {
        (self.account, self.id)
    }
}

impl OfOneWebhook for DeleteWebhook {
    fn webhook(&self) -> (AccountNo, WebhookId) {
        (self.account, self.id)
    }
}

impl<C: OfOneWebhook + AuditedChange<Error = StoreError>> AuditedChange for IfExpected<C> {
    type Reply = C::Reply;
    type Error = ChangeError<Outdated>;

    const GROWS: bool = C::GROWS;

    fn weight(&self, ledger: &Ledger) -> usize {
        self.change.weight(ledger)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let (account, id) = self.change.webhook();
        // One that there isn't is the change's own to answer.
        if ledger.shared.directory().by_id(account, id).is_some_and(|webhook| !self.expected.allows(webhook)) {
            return Err(ChangeError::Refused(Outdated));
        }
        Ok(self.change.apply(ledger, txn, now)?)
    }
}

fn note_of(webhook: &Webhook, action: AuditAction) -> AuditNote {
    AuditNote::new(webhook.account, action).of_webhook(webhook.id, webhook.name())
}

/// Changes a webhook, and begins anew with its target's health where that is another one's by now.
pub(crate) fn change(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    before: &Webhook,
    now: Timestamp,
    change: impl FnOnce(&mut Webhook),
) -> Arc<Webhook> {
    let mut webhook = before.clone();
    change(&mut webhook);
    webhook.updated_at = now;
    if webhook.target != before.target || webhook.status != before.status || webhook.deleted_at.is_some() {
        // What was known of the target is of another one, or of before somebody looked at it.
        ledger.put_health(txn, webhook.no, None);
        if webhook.deleted_at.is_none() {
            ledger.change_facts(txn, webhook.no, |facts| {
                facts.begins_anew = true;
                facts.fell_at = None;
            });
        }
    }
    put_webhook(ledger, txn, webhook)
}

fn put_webhook(ledger: &mut Ledger, txn: &mut Txn<'_>, webhook: Webhook) -> Arc<Webhook> {
    let webhook = Arc::new(webhook);
    txn.put(keys::webhook(webhook.account, webhook.no), record::encode_webhook(&webhook));
    if webhook.deleted_at.is_some() {
        ledger.change_directory(|directory| directory.remove(&webhook));
        ledger.deleted_webhooks.push_back(DeletedWebhook::from(&*webhook));
    } else {
        ledger.change_directory(|directory| directory.put(&webhook));
    }
    ledger.subscribers.clear();
    ledger.not_looked_at.clear();
    ledger.jobs.wake(webhook.no);
    ledger.updates.push(StoreUpdate::Webhook(webhook.clone()));
    webhook
}

/// What tells one secret from another, and gives none away.
fn mark(secret: &SigningSecret) -> [u8; 16] {
    Fingerprint::of([secret.expose()]).0
}
