//! Bringing due times forward: what a webhook is owed again waits no longer than its schedule says, once what made it
//! wait longer is gone with the target that asked for it.

use crate::model::{AccountNo, NotificationKey, Seq, Timestamp, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, put_notification};
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::schema::record::Job;
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;

/// How many rows are looked at in one turn.
const BATCH: usize = 128;

impl Ledger {
    /// Begins to bring forward what a webhook is owed again, in place of an earlier such job of the same webhook.
    pub(crate) fn begin_bringing_forward(&mut self, txn: &mut Txn<'_>, account: AccountNo, no: WebhookNo) {
        let same = |job: &Job| matches!(job, Job::BringForward { webhook, .. } if *webhook == no.0);
        for earlier in self.jobs.remove(same) {
            txn.delete(keys::job(earlier));
        }
        // What is due by now waits for nothing but its turn.
        let now_ms = self.clock.now().as_ms();
        let job = Job::BringForward { account: account.0, webhook: no.0, asked_ms: now_ms, at_ms: now_ms, at_seq: 0 };
        self.add_job(txn, job);
    }

    /// Does a little of that; returns what is left of it.
    pub(crate) fn bring_some_forward(
        &mut self,
        txn: &mut Txn<'_>,
        job: &Job,
        now: Timestamp,
    ) -> Result<Option<Job>, StoreError> {
        let Job::BringForward { account, webhook: no, asked_ms, at_ms, at_seq } = *job else {
            return Ok(None);
        };
        let (account, no) = (AccountNo(account), WebhookNo(no));
        let directory = self.shared.directory();
        let Some(webhook) = directory.by_no(no) else {
            return Ok(None);
        };
        let default = self.shared.retry();
        let policy = webhook.retry.as_ref().unwrap_or(&default);
        let prefix = keys::retries_of(no);
        let from = [prefix.as_slice(), &at_ms.to_be_bytes(), &at_seq.to_be_bytes()].concat();
        let mut next = None;
        let mut rows = Vec::with_capacity(BATCH);
        let range = txn.tree().range(&from, Some(&keys::end_of(&prefix))).keys();
        for row in range.take(BATCH + 1) {
            let row = row?;
            let short = || StoreError::Damaged { table: "queue", what: "has a short key" };
            let at_ms = keys::u64_at(&row, prefix.len()).ok_or_else(short)?;
            let at_seq = keys::u64_at(&row, prefix.len() + 8).ok_or_else(short)?;
            if rows.len() == BATCH {
                next = Some(Job::BringForward { account: account.0, webhook: no.0, asked_ms, at_ms, at_seq });
                break;
            }
            rows.push(NotificationKey { seq: Seq(at_seq), webhook: no });
        }
        for key in rows {
            match find_notification(txn, account, key) {
                Ok(Some((mut notification, before))) => {
                    let sooner = notification.due_by_schedule(policy, Timestamp::from_ms(asked_ms));
                    if let Some(due) = sooner.filter(|due| notification.bring_forward(*due, now)) {
                        put_notification(txn, &before, &notification);
                        self.updates.push(StoreUpdate::Rescheduled { key, due });
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let notification = self.shared.notification_id(key);
                    tracing::error!(%error, %notification, "the due time of a notification could not be brought \
                                                            forward");
                }
            }
        }
        Ok(next)
    }
}
