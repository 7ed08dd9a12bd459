//! Accounts: created, and removed with all they have, a little at a time.
//!
//! At a removal, events go first and whole, as retention takes them, so that a backup or a crash in the middle finds a
//! sound store.

use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditSubject, CountedJob, ErasureState, JobState, NotificationKey, Seq,
    Timestamp, WebhookNo,
};
use crate::store::absent_accounts::REMOVED;
use crate::store::changes::bulk_jobs::forget_bulk_job;
use crate::store::changes::change::{AuditedChange, Noted};
use crate::store::changes::erasures::forget_erasure;
use crate::store::changes::forgetting::{forget_account, letters_about, rows_below};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::retention::{delete_event, first_event};
use crate::store::changes::rows::{read_event, read_notification, recipients_of};
use crate::store::error::StoreError;
use crate::store::schema::keys::below_webhook;
use crate::store::schema::record::Job;
use crate::store::schema::{alert_keys, keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::sync::{Arc, PoisonError};

/// About how many rows a turn deletes: one or two milliseconds of the committer's time.
const ROWS_A_TURN: usize = 192;

/// Gives an account of this name a number, unless it has one. Answers the number.
#[derive(Debug)]
pub struct CreateAccount {
    /// Its name in the config.
    pub name: String,
}

impl AuditedChange for CreateAccount {
    type Reply = AccountNo;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Noted<Self> {
        if let Some(no) = ledger.accounts.get(&self.name) {
            return Ok((*no, None));
        }
        let no = AccountNo(ledger.accounts.values().map(|no| no.0).max().unwrap_or(0) + 1);
        txn.put(keys::account(no), record::encode_text(&self.name));
        let note = AuditNote::new(no, AuditAction::AccountCreated).about(AuditSubject::Account(self.name.clone()));
        ledger.accounts.insert(self.name, no);
        Ok((no, Some(note)))
    }
}

/// Removes an account with everything it has, in a background job that survives a restart. Its tokens end at once, and
/// its name is free at once: named again, it is a new, empty account. Answers its number; `None` where the store has no
/// such account. Only for an account whose deliveries are held: nothing of it may be in flight.
#[derive(Debug)]
pub struct RemoveAccount {
    /// Its name.
    pub name: String,
    /// In whose audit it is told, since its own goes with it: the operator's. Nowhere where `None`.
    pub told_in: Option<AccountNo>,
}

impl AuditedChange for RemoveAccount {
    type Reply = Option<AccountNo>;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Noted<Self> {
        let Some(account) = ledger.accounts.get(&self.name).copied() else {
            return Ok((None, None));
        };
        // First, since it can fail: an error must find nothing staged.
        let mut told = letters_about(txn, account)?;
        told.extend(rows_below(txn, &alert_keys::alerts_of(account))?);
        forget_account(ledger, txn, (account, &self.name), &told);
        // From now on the name is free and no token is good.
        ledger.accounts.remove(&self.name);
        let unnamed = format!("{REMOVED}{}", account.0);
        txn.put(keys::account(account), record::encode_text(&unnamed));
        ledger.accounts.insert(unnamed, account);
        ledger.tokens_mut().retain(|id, token| {
            if token.account == account {
                txn.delete(keys::token(*id));
            }
            token.account != account
        });
        let own = |job: &Job| match job {
            Job::Cancel { account: of, .. }
            | Job::Resend { account: of, .. }
            | Job::BringForward { account: of, .. }
            | Job::Backfill { account: of, .. }
            | Job::Remove { account: of }
            | Job::Erase { account: of, .. } => *of == account.0,
        };
        ledger.remove_jobs(txn, own);
        for job in ledger.shared.bulk_jobs_of(account) {
            if job.state == JobState::Running {
                ledger.shared.meters.jobs.ended(job.kind.into(), JobState::Cancelled);
            }
            forget_bulk_job(ledger, txn, account, job.number);
        }
        for erasure in ledger.shared.erasures_of(account) {
            if erasure.state == ErasureState::Running {
                ledger.shared.meters.jobs.ended(CountedJob::Erasure, JobState::Cancelled);
            }
            forget_erasure(ledger, txn, account, erasure.number);
        }
        ledger.add_job(txn, Job::Remove { account: account.0 });
        let note = self
            .told_in
            .filter(|no| *no != account)
            .map(|no| AuditNote::new(no, AuditAction::AccountRemoved).about(AuditSubject::Account(self.name)));
        Ok((Some(account), note))
    }
}

/// Removes some of it; returns whether there may be more.
pub(crate) fn remove_some(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut from = Seq(0);
    while txn.len() < ROWS_A_TURN {
        let Some(seq) = first_event(txn, account, from)? else {
            break;
        };
        from = Seq(seq.0 + 1);
        if let Err(error) = remove_event(ledger, txn, account, seq) {
            tracing::error!(%error, seq = seq.0, "an event of the account can't be read; its rows are removed one \
                                                  by one");
            remove_rows_of(ledger, txn, account, seq)?;
        }
    }
    if txn.is_empty() {
        remove_rows(txn, account)?;
    }
    if txn.is_empty() {
        remove_webhooks(ledger, txn, account, now)?;
    }
    if !txn.is_empty() {
        return Ok(true);
    }
    ledger.shared.types.write().unwrap_or_else(PoisonError::into_inner).remove(&account);
    ledger.subscribers.clear();
    ledger.shared.outcome_counter.forget(account);
    tracing::info!(account = account.0, "the account is removed");
    Ok(false)
}

fn remove_event(ledger: &mut Ledger, txn: &mut Txn<'_>, account: AccountNo, seq: Seq) -> Result<(), StoreError> {
    let Some((event, stored)) = read_event(txn, account, seq)? else {
        return Ok(());
    };
    let mut notifications = Vec::new();
    for webhook in recipients_of(txn, account, seq)? {
        notifications.extend(read_notification(txn, account, NotificationKey { seq, webhook })?);
    }
    delete_event(ledger, txn, &event, &stored, &notifications);
    Ok(())
}

/// What stands below the number of an event that can't be read; what an index still says of it goes with the
/// account's rows.
fn remove_rows_of(ledger: &mut Ledger, txn: &mut Txn<'_>, account: AccountNo, seq: Seq) -> Result<(), StoreError> {
    for prefix in [keys::chunks(seq), keys::attempts_of_event(seq), keys::notifications_of(account, seq)] {
        for row in txn.scan(&prefix) {
            txn.delete(row?.to_vec());
        }
    }
    txn.delete(keys::event(account, seq));
    ledger.head.events = ledger.head.events.saturating_sub(1);
    Ok(())
}

fn remove_webhooks(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    now: Timestamp,
) -> Result<(), StoreError> {
    for row in txn.scan(&keys::webhooks_of(account)) {
        let row = row?;
        let no = keys::u32_at(&row, 5).ok_or(StoreError::Damaged { table: "webhook", what: "has a short key" })?;
        let no = WebhookNo(no);
        for prefix in below_webhook(no) {
            for row in txn.scan(&prefix).take(ROWS_A_TURN.saturating_sub(txn.len())) {
                txn.delete(row?.to_vec());
            }
        }
        if txn.len() >= ROWS_A_TURN {
            return Ok(());
        }
        match txn.read(&row, record::decode_webhook) {
            Ok(Some(mut webhook)) => {
                txn.delete(keys::webhook_id(webhook.id));
                ledger.change_directory(|directory| directory.remove(&webhook));
                webhook.deleted_at.get_or_insert(now);
                ledger.updates.push(StoreUpdate::Webhook(Arc::new(webhook)));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, webhook = no.0, "a webhook of the account can't be read"),
        }
        ledger.put_health(txn, no, None);
        ledger.forget_facts(txn, no);
        ledger.shared.outcome_counter.forget_webhook(no);
        txn.delete(row.to_vec());
    }
    Ok(())
}

/// What else stands below the account's number.
fn remove_rows(txn: &mut Txn<'_>, account: AccountNo) -> Result<(), StoreError> {
    let idempotency = keys::idempotency_of(account);
    for row in txn.scan(&idempotency).take(ROWS_A_TURN) {
        let row = row?;
        let until = txn.read(&row, |value| record::decode_idempotency(value).map(|record| record.until_ms));
        let hash = row.get(idempotency.len()..).and_then(|hash| <[u8; 16]>::try_from(hash).ok());
        if let (Ok(Some(until)), Some(hash)) = (until, hash) {
            txn.delete(keys::idempotency_end(Timestamp::from_ms(until), account, hash));
        }
        txn.delete(row.to_vec());
    }
    for prefix in keys::below_account(account) {
        for row in txn.scan(&prefix).take(ROWS_A_TURN.saturating_sub(txn.len())) {
            txn.delete(row?.to_vec());
        }
    }
    Ok(())
}
