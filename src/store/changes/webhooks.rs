//! Accounts, tokens and webhooks.

use crate::model::{
    AccountNo, Attempt, DisabledReason, EventType, FAILED_IN_A_ROW, NewEvent, Notice, Seq, SigningSecret, TargetHealth,
    Timestamp, TokenId, TooManySecrets, Trigger, Verdict, Webhook, WebhookId, WebhookNo, WebhookPatch, WebhookStatus,
};
use crate::store::changes::change::{Change, fan_out_bytes};
use crate::store::changes::events::{Matches, Owed};
use crate::store::changes::idempotency::forget_key_of;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::sweep::DeletedWebhook;
use crate::store::error::StoreError;
use crate::store::limits::MAX_WEBHOOKS;
use crate::store::schema::record::{Job, Token, WebhookRefV1};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Gives an account of this name a number, unless it has one. Answers the number.
#[derive(Debug)]
pub struct CreateAccount {
    /// Its name in the config.
    pub name: String,
}

impl Change for CreateAccount {
    type Reply = AccountNo;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.account(txn, &self.name))
    }
}

/// Keeps a token.
#[derive(Debug)]
pub struct AddToken {
    /// The token.
    pub token: Token,
}

impl Change for AddToken {
    type Reply = ();

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        ledger.add_token(txn, self.token);
        Ok(())
    }
}

/// Keeps when tokens last let somebody in.
#[derive(Debug)]
pub struct NoteTokenUses {
    /// Each token with that time.
    pub uses: Vec<(TokenId, Timestamp)>,
}

impl Change for NoteTokenUses {
    type Reply = ();

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        ledger.tokens_used(txn, self.uses);
        Ok(())
    }
}

/// Forgets a token. Answers whether the account had it.
#[derive(Debug)]
pub struct RevokeToken {
    /// Whose it is.
    pub account: AccountNo,
    /// The token.
    pub id: TokenId,
}

impl Change for RevokeToken {
    type Reply = bool;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.revoke_token(txn, self.account, self.id))
    }
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

impl Change for ChangeWebhook {
    type Reply = Option<Arc<Webhook>>;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.change_as_asked(txn, self.account, self.id, self.patch, now))
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

impl Change for RotateSecret {
    type Reply = Result<Option<Arc<Webhook>>, TooManySecrets>;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.rotate_secret(txn, self.account, self.id, self.secret, self.overlap, now))
    }
}

/// Deletes a webhook; a job cancels what is pending. Answers whether the account had it.
#[derive(Debug)]
pub struct DeleteWebhook {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub id: WebhookId,
}

impl Change for DeleteWebhook {
    type Reply = bool;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.delete(txn, self.account, self.id, now))
    }
}

/// Keeps that a target is failing because it confirmed nothing for long, and says so in the log. Answers `false` where
/// it has recovered meanwhile.
#[derive(Debug)]
pub struct MarkFailing {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
}

impl Change for MarkFailing {
    type Reply = bool;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.come_to_fail(txn, self.account, self.webhook))
    }
}

/// Keeps that a webhook will be disabled at a moment, or that it won't. Answers `false` where its target has recovered
/// meanwhile, or the same was kept already.
#[derive(Debug)]
pub struct SetDisableNotice {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
    /// The moment; `None` withdraws the notice.
    pub ends_at: Option<Timestamp>,
}

impl Change for SetDisableNotice {
    type Reply = bool;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.warn(txn, self.account, self.webhook, self.ends_at))
    }
}

/// Disables a webhook and, with it, records an event for the others that subscribe to its type. Answers `None` where
/// the webhook is not active any more, or its target has recovered meanwhile.
pub struct DisableWebhook {
    /// Whose it is.
    pub account: AccountNo,
    /// The webhook.
    pub webhook: WebhookNo,
    /// Why.
    pub reason: DisabledReason,
    /// The event that tells of it.
    pub event: NewEvent,
}

impl Change for DisableWebhook {
    type Reply = Option<Arc<Webhook>>;

    const GROWS: bool = true;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError> {
        ledger.disable(txn, self.account, self.webhook, self.reason, self.event, now)
    }
}

impl Ledger {
    pub(crate) fn account(&mut self, txn: &mut Txn<'_>, name: &str) -> AccountNo {
        if let Some(no) = self.accounts.get(name) {
            return *no;
        }
        let no = AccountNo(self.accounts.values().map(|no| no.0).max().unwrap_or(0) + 1);
        txn.put(keys::account(no), record::encode_text(name));
        self.accounts.insert(name.to_owned(), no);
        no
    }

    pub(crate) fn add_token(&mut self, txn: &mut Txn<'_>, token: Token) {
        txn.put(keys::token(token.id), record::encode_token(&token));
        self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner).insert(token.id, token);
    }

    /// A token that was revoked meanwhile stays so.
    pub(crate) fn tokens_used(&mut self, txn: &mut Txn<'_>, uses: Vec<(TokenId, Timestamp)>) {
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        for (id, at) in uses {
            if let Some(token) = tokens.get_mut(&id) {
                token.last_used_at = Some(at);
                txn.put(keys::token(id), record::encode_token(token));
            }
        }
    }

    pub(crate) fn revoke_token(&mut self, txn: &mut Txn<'_>, account: AccountNo, id: TokenId) -> bool {
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&id).is_some_and(|token| token.account == account);
        if known {
            tokens.remove(&id);
            txn.delete(keys::token(id));
        }
        known
    }

    /// Registers a webhook; `key` is the hash of the idempotency key that it came with.
    pub(crate) fn register(
        &mut self,
        txn: &mut Txn<'_>,
        mut webhook: Webhook,
        key: Option<[u8; 16]>,
        now: Timestamp,
    ) -> Option<Arc<Webhook>> {
        if self.shared.directory().of(webhook.account).count() >= MAX_WEBHOOKS {
            return None;
        }
        self.head.webhook_no += 1;
        webhook.no = WebhookNo(self.head.webhook_no);
        webhook.registered_after = Seq(self.head.seq);
        webhook.inserted_at = now;
        webhook.updated_at = now;
        let by_id = WebhookRefV1 { account: webhook.account.0, webhook: webhook.no.0, key };
        txn.put(keys::webhook_id(webhook.id), record::encode_webhook_ref(&by_id));
        Some(self.put_webhook(txn, webhook))
    }

    pub(crate) fn change(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        id: WebhookId,
        now: Timestamp,
        change: impl FnOnce(&mut Webhook),
    ) -> Option<Arc<Webhook>> {
        let mut webhook = Webhook::clone(self.shared.directory().by_id(account, id)?);
        let (target, status) = (webhook.target.clone(), webhook.status);
        change(&mut webhook);
        webhook.updated_at = now;
        if webhook.target != target || webhook.status != status || webhook.deleted_at.is_some() {
            // What was known of the target is of another one, or of before somebody looked at it.
            self.put_health(txn, webhook.no, None);
        }
        Some(self.put_webhook(txn, webhook))
    }

    /// Gives a webhook a new secret, by the rules of [`Webhook::rotate_secret`].
    pub(crate) fn rotate_secret(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        id: WebhookId,
        secret: SigningSecret,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Option<Arc<Webhook>>, TooManySecrets> {
        let Some(webhook) = self.shared.directory().by_id(account, id).map(|webhook| Webhook::clone(webhook)) else {
            return Ok(None);
        };
        let mut rotated = webhook;
        // By the wall clock, which will end them.
        rotated.rotate_secret(secret, self.clock.now(), overlap)?;
        rotated.updated_at = now;
        Ok(Some(self.put_webhook(txn, rotated)))
    }

    /// Changes what a patch names. Another target, or a status that is set to ACTIVE (again), ends what the target so
    /// far had asked for.
    pub(crate) fn change_as_asked(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        id: WebhookId,
        patch: WebhookPatch,
        now: Timestamp,
    ) -> Option<Arc<Webhook>> {
        let before = self.shared.directory().by_id(account, id)?.clone();
        let resumed = patch.status == Some(WebhookStatus::Active);
        let webhook = self.change(txn, account, id, now, |webhook| patch.apply(webhook))?;
        let moved = webhook.target != before.target;
        if moved || resumed {
            self.updates.push(StoreUpdate::Renewed { no: webhook.no, moved });
        }
        if moved || resumed || webhook.retry != before.retry {
            self.begin_bringing_forward(txn, account, webhook.no);
        }
        Some(webhook)
    }

    /// Takes in what an attempt says of its target; `seen` is the `updated_at` of the webhook it was made for. Hardly
    /// ever a row: only where a target begins to fail, or no longer does.
    pub(crate) fn note_health(
        &mut self,
        txn: &mut Txn<'_>,
        no: WebhookNo,
        attempt: &Attempt,
        verdict: Verdict,
        seen: Timestamp,
    ) {
        // Of another target, or of before somebody set it to ACTIVE: it says nothing of this one.
        if self.shared.directory().by_no(no).is_none_or(|webhook| webhook.updated_at != seen) {
            return;
        }
        let known = self.shared.health(no);
        let found = match attempt.trigger {
            _ if verdict == Verdict::Confirmed => None,
            // Tests and attempts by hand are made while somebody mends the target: they prove it well, and never ill.
            Trigger::Manual | Trigger::Test => known,
            Trigger::Automatic => {
                // The rule goes by the trusted time, which is never after this.
                let now = self.clock.now();
                let mut health = known.unwrap_or(TargetHealth::first_failure(now));
                health.failing_since = health.failing_since.min(now);
                health.failures = health.failures.saturating_add(1).min(FAILED_IN_A_ROW);
                health.failing |=
                    health.has_come_to_fail(self.shared.times.trusted_now(), verdict != Verdict::Exhausted);
                health.exhausted |= verdict == Verdict::Exhausted;
                health.gone = attempt.result.status() == Some(410);
                health.notice = health.notice.map(|notice| Notice { proven: true, ..notice });
                Some(health)
            }
        };
        self.say_health(no, known, found);
        if found != known {
            self.put_health(txn, no, found);
        }
    }

    /// Nothing was confirmed for long while something is pending: whether the target has come to fail by that.
    pub(crate) fn come_to_fail(&mut self, txn: &mut Txn<'_>, account: AccountNo, no: WebhookNo) -> bool {
        let directory = self.shared.directory();
        let active = directory.by_no(no).is_some_and(|webhook| webhook.account == account && webhook.is_active());
        // A clock that is ahead for a moment has nobody fail.
        let now = self.shared.times.trusted_now();
        let known = self.shared.health(no).filter(|health| active && !health.failing);
        let Some(health) = known.filter(|health| health.has_come_to_fail(now, true)) else {
            return false;
        };
        let found = Some(TargetHealth { failing: true, ..health });
        self.say_health(no, known, found);
        self.put_health(txn, no, found);
        true
    }

    /// Tells the log that a target begins to fail, once, and that it is well again.
    fn say_health(&self, no: WebhookNo, before: Option<TargetHealth>, now: Option<TargetHealth>) {
        let failing = |health: Option<TargetHealth>| health.filter(|health| health.failing);
        let directory = self.shared.directory();
        let Some(webhook) = directory.by_no(no) else {
            return;
        };
        let (webhook, target) = (webhook.id, webhook.target.host_header());
        match (failing(before), failing(now)) {
            (None, Some(health)) => tracing::warn!(
                %webhook, target, since = %health.failing_since, failed_in_a_row = health.failures,
                "the webhook's target is failing: it has confirmed nothing since then; its notifications are retried \
                 by its schedule"
            ),
            (Some(health), None) => tracing::info!(
                %webhook, target, since = %health.failing_since, "the webhook's target is well again: it has confirmed"
            ),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    pub(crate) fn put_health(&mut self, txn: &mut Txn<'_>, no: WebhookNo, health: Option<TargetHealth>) {
        let mut healths = self.shared.healths.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = health {
            txn.put(keys::health(no), record::encode_health(&health));
            healths.insert(no, health);
        } else if healths.remove(&no).is_some() {
            txn.delete(keys::health(no));
        }
    }

    pub(crate) fn warn(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        no: WebhookNo,
        ends_at: Option<Timestamp>,
    ) -> bool {
        let directory = self.shared.directory();
        let active = directory.by_no(no).is_some_and(|webhook| webhook.account == account && webhook.is_active());
        let known = self.shared.health(no).filter(|health| active && health.notice.is_some() != ends_at.is_some());
        let Some(health) = known else {
            return false;
        };
        let notice = ends_at.map(|ends_at| Notice { ends_at, proven: false });
        self.put_health(txn, no, Some(TargetHealth { notice, ..health }));
        true
    }

    pub(crate) fn disable(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        no: WebhookNo,
        reason: DisabledReason,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<Option<Arc<Webhook>>, StoreError> {
        let known = self.shared.health(no);
        // What was judged a moment ago must still hold.
        let holds = known.is_some_and(|health| match reason {
            DisabledReason::Gone => health.gone,
            DisabledReason::Failing { since } => health.failing_since == since && health.exhausted,
        });
        let directory = self.shared.directory();
        let webhook = directory.by_no(no).filter(|webhook| holds && webhook.account == account && webhook.is_active());
        let Some(webhook) = webhook else {
            return Ok(None);
        };
        // First, since it can fail: whoever fails has staged nothing.
        self.record(txn, account, event, &Owed::ToAllBut(no), now)?;
        let status = WebhookStatus::Disabled { reason, at: now };
        Ok(self.change(txn, account, webhook.id, now, |webhook| webhook.status = status))
    }

    pub(crate) fn delete(&mut self, txn: &mut Txn<'_>, account: AccountNo, id: WebhookId, now: Timestamp) -> bool {
        let Some(webhook) = self.change(txn, account, id, now, |webhook| webhook.deleted_at = Some(now)) else {
            return false;
        };
        if let Err(error) = forget_key_of(txn, &webhook) {
            tracing::error!(%error, webhook = %id, "the idempotency key of a deleted webhook could not be read");
        }
        self.add_job(txn, Job::Cancel { account: account.0, webhook: webhook.no.0 });
        self.shared.tally.deleted(account, webhook.no, self.shared.times.trusted_now());
        true
    }

    fn put_webhook(&mut self, txn: &mut Txn<'_>, webhook: Webhook) -> Arc<Webhook> {
        let webhook = Arc::new(webhook);
        txn.put(keys::webhook(webhook.account, webhook.no), record::encode_webhook(&webhook));
        let mut directory = (*self.shared.directory()).clone();
        if webhook.deleted_at.is_some() {
            directory.remove(&webhook);
            self.deleted_webhooks.push_back(DeletedWebhook {
                account: webhook.account,
                no: webhook.no,
                id: webhook.id,
            });
        } else {
            directory.put(&webhook);
        }
        *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        self.matches.clear();
        self.jobs.wake(webhook.no);
        self.updates.push(StoreUpdate::Webhook(webhook.clone()));
        webhook
    }

    /// The webhooks an event of this type is owed to, as they are now.
    pub(crate) fn matching(&mut self, account: AccountNo, event_type: &EventType) -> Matches {
        if let Some(found) = self.matches.get(&(account, event_type.clone())) {
            return found.clone();
        }
        let directory = self.shared.directory();
        let found: Matches = directory
            .of(account)
            .filter(|webhook| webhook.subscribes_to(event_type))
            .map(|webhook| (webhook.no, webhook.ordered))
            .collect();
        self.matches.insert((account, event_type.clone()), found.clone());
        found
    }
}
