//! The removal of an account: everything that is kept of it, a little at a time.
//!
//! Events go first and whole, as retention takes them, so that a backup or a crash in the middle finds a sound store.

use crate::model::{AccountNo, NotificationKey, Seq, Timestamp};
use crate::store::absent::REMOVED;
use crate::store::changes::change::Change;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::retention::first_event;
use crate::store::changes::rows::{owed_to, read_event, read_notification};
use crate::store::error::StoreError;
use crate::store::schema::keys::below_webhook;
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::sync::{Arc, PoisonError};

/// About how many rows a turn deletes: one or two milliseconds of the committer's time.
const ROWS_A_TURN: usize = 192;

/// Removes an account with everything that is kept of it, in a background job that survives a restart. Its tokens end
/// at once, and its name is free at once: named again, it is a new, empty account. Answers its number; `None` where the
/// store has no such account. Only for an account whose deliveries are held: nothing of it may be in flight.
#[derive(Debug)]
pub struct RemoveAccount {
    /// Its name.
    pub name: String,
}

impl Change for RemoveAccount {
    type Reply = Option<AccountNo>;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, StoreError> {
        Ok(ledger.remove_account(txn, &self.name))
    }
}

impl Ledger {
    /// Begins the removal: from now on the name is free and no token is good.
    pub(crate) fn remove_account(&mut self, txn: &mut Txn<'_>, name: &str) -> Option<AccountNo> {
        let account = self.accounts.remove(name)?;
        let unnamed = format!("{REMOVED}{}", account.0);
        txn.put(keys::account(account), record::encode_text(&unnamed));
        self.accounts.insert(unnamed, account);
        let mut tokens = self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|id, token| {
            if token.account == account {
                txn.delete(keys::token(*id));
            }
            token.account != account
        });
        drop(tokens);
        let own = |job: &Job| match job {
            Job::Cancel { account: of, .. }
            | Job::Resend { account: of, .. }
            | Job::BringForward { account: of, .. }
            | Job::Remove { account: of } => *of == account.0,
        };
        for number in self.jobs.remove(own) {
            txn.delete(keys::job(number));
        }
        for resend in self.shared.resends_of(account) {
            self.forget_resend(txn, account, resend.number);
        }
        self.add_job(txn, Job::Remove { account: account.0 });
        Some(account)
    }

    /// Removes some of it; returns whether there may be more.
    pub(crate) fn remove_some(
        &mut self,
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
            if let Err(error) = self.remove_event(txn, account, seq) {
                tracing::error!(%error, seq = seq.0, "an event of the account can't be read; its rows are removed one \
                                                      by one");
                self.remove_rows_of(txn, account, seq)?;
            }
        }
        if txn.is_empty() {
            remove_rows(txn, account)?;
        }
        if txn.is_empty() {
            self.remove_webhooks(txn, account, now)?;
        }
        if !txn.is_empty() {
            return Ok(true);
        }
        self.shared.types.write().unwrap_or_else(PoisonError::into_inner).remove(&account);
        self.matches.clear();
        self.shared.tally.forget(account);
        tracing::info!(account = account.0, "the account is removed");
        Ok(false)
    }

    fn remove_event(&mut self, txn: &mut Txn<'_>, account: AccountNo, seq: Seq) -> Result<(), StoreError> {
        let Some((event, stored)) = read_event(txn, account, seq)? else {
            return Ok(());
        };
        let mut notifications = Vec::new();
        for webhook in owed_to(txn, account, seq)? {
            notifications.extend(read_notification(txn, account, NotificationKey { seq, webhook })?);
        }
        self.forget(txn, &event, &stored, &notifications);
        Ok(())
    }

    /// What stands below the number of an event that can't be read; what an index still says of it goes with the
    /// account's rows.
    fn remove_rows_of(&mut self, txn: &mut Txn<'_>, account: AccountNo, seq: Seq) -> Result<(), StoreError> {
        for prefix in [keys::chunks(seq), keys::attempts_of_event(seq), keys::notifications_of(account, seq)] {
            for row in txn.scan(&prefix) {
                txn.delete_row(row?.to_vec());
            }
        }
        txn.delete_row(keys::event(account, seq));
        self.head.events = self.head.events.saturating_sub(1);
        Ok(())
    }

    fn remove_webhooks(&mut self, txn: &mut Txn<'_>, account: AccountNo, now: Timestamp) -> Result<(), StoreError> {
        for row in txn.scan(&keys::webhooks_of(account)) {
            let row = row?;
            let no = keys::u32_at(&row, 5).ok_or(StoreError::Damaged { table: "webhook", what: "has a short key" })?;
            let no = crate::model::WebhookNo(no);
            for prefix in below_webhook(no) {
                for row in txn.scan(&prefix).take(ROWS_A_TURN.saturating_sub(txn.len())) {
                    txn.delete_row(row?.to_vec());
                }
            }
            if txn.len() >= ROWS_A_TURN {
                return Ok(());
            }
            match txn.read(&row, record::decode_webhook) {
                Ok(Some(mut webhook)) => {
                    txn.delete_row(keys::webhook_id(webhook.id));
                    let mut directory = (*self.shared.directory()).clone();
                    directory.remove(&webhook);
                    *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
                    webhook.deleted_at.get_or_insert(now);
                    self.updates.push(StoreUpdate::Webhook(Arc::new(webhook)));
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, webhook = no.0, "a webhook of the account can't be read"),
            }
            self.put_health(txn, no, None);
            self.shared.tally.forget_webhook(no);
            txn.delete_row(row.to_vec());
        }
        Ok(())
    }
}

/// What else stands below the account's number.
fn remove_rows(txn: &mut Txn<'_>, account: AccountNo) -> Result<(), StoreError> {
    let idempotency = keys::idempotency_of(account);
    for row in txn.scan(&idempotency).take(ROWS_A_TURN) {
        let row = row?;
        let until = txn.read(&row, |value| record::decode_idempotency(value).map(|record| record.until_ms));
        let hash = row.get(idempotency.len()..).and_then(|hash| <[u8; 16]>::try_from(hash).ok());
        if let (Ok(Some(until)), Some(hash)) = (until, hash) {
            txn.delete_row(keys::idempotency_end(Timestamp::from_ms(until), account, hash));
        }
        txn.delete_row(row.to_vec());
    }
    for prefix in keys::below_account(account) {
        for row in txn.scan(&prefix).take(ROWS_A_TURN.saturating_sub(txn.len())) {
            txn.delete_row(row?.to_vec());
        }
    }
    Ok(())
}
