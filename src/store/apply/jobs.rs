//! Background jobs and sweeps: what touches a whole backlog, a little at a time.

use super::{notification_rows, put_notification, read_notification};
use crate::model::{AccountNo, Notification, NotificationKey, Refusal, Seq, Status, Timestamp, WebhookNo};
use crate::store::committer::Committer;
use crate::store::keys::{self, Key};
use crate::store::list::{NotificationQuery, Order, Place, Walk};
use crate::store::record::{self, JobV1};
use crate::store::txn::Txn;
use crate::store::{MAX_JOBS, StoreError};
use std::sync::atomic::Ordering;

/// How many rows a job touches at a time: a few milliseconds of the committer's time, so that nobody waits behind it.
const JOB_BATCH: usize = 128;

impl Committer {
    pub(super) fn add_job(&mut self, txn: &mut Txn<'_>, job: JobV1) {
        self.head.job += 1;
        txn.put(keys::job(self.head.job), record::encode_job(&job));
        self.jobs.push_back((self.head.job, job));
    }

    pub(in crate::store) fn resend_many(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        query: &NotificationQuery,
    ) -> Result<bool, StoreError> {
        let caller = account.0;
        let own = |job: &JobV1| match job {
            JobV1::Cancel { account, .. } | JobV1::Resend { account, .. } => *account == caller,
        };
        if self.jobs.iter().filter(|(_, job)| own(job)).count() >= MAX_JOBS {
            return Ok(false);
        }
        // The job goes from the newest down, whatever page the caller last looked at.
        let whole = NotificationQuery { order: Order::Newest, cursor: None, ..query.clone() };
        let durable = self.shared.durable.load(Ordering::Acquire);
        let Some((at, last)) = Walk::bounds(&self.shared, account, &whole, durable)? else {
            return Ok(true);
        };
        self.add_job(
            txn,
            JobV1::Resend {
                account: account.0,
                webhook: query.webhook.map(|no| no.0),
                status: query.status.and_then(status_byte),
                event_type: query.event_type.as_ref().map(ToString::to_string),
                at_seq: at.seq,
                at_webhook: at.webhook,
                last_seq: last.seq,
            },
        );
        Ok(true)
    }

    /// Does a little of a job; returns what is left of it.
    pub(in crate::store) fn step(
        &mut self,
        txn: &mut Txn<'_>,
        job: JobV1,
        now: Timestamp,
    ) -> Result<Option<JobV1>, StoreError> {
        match job {
            JobV1::Cancel { account, webhook } => {
                let more = cancel_some(txn, AccountNo(account), WebhookNo(webhook), now)?;
                Ok(more.then_some(job))
            }
            JobV1::Resend { account, webhook, status, ref event_type, at_seq, at_webhook, last_seq } => {
                let query = NotificationQuery {
                    webhook: webhook.map(WebhookNo),
                    status: status.and_then(status_from),
                    event_type: event_type.as_deref().and_then(crate::model::Pattern::parse),
                    limit: JOB_BATCH,
                    ..NotificationQuery::default()
                };
                let account = AccountNo(account);
                let shared = self.shared.clone();
                let mut walk =
                    Walk::resume(&shared, account, &query, Place { seq: at_seq, webhook: at_webhook }, last_seq)?;
                let (found, next) = walk.readable_page(JOB_BATCH)?;
                for notification in found {
                    // What can't be re-sent (cancelled meanwhile, too many attempts, unreadable) is passed over.
                    let _: Result<Option<Result<Notification, Refusal>>, StoreError> =
                        self.resend(txn, account, notification.key, now);
                }
                Ok(next.map(|at| JobV1::Resend {
                    account: account.0,
                    webhook,
                    status,
                    event_type: event_type.clone(),
                    at_seq: at.seq,
                    at_webhook: at.webhook,
                    last_seq,
                }))
            }
        }
    }
}

/// Cancels some of what a webhook was owed; returns whether there may be more.
fn cancel_some(txn: &mut Txn<'_>, account: AccountNo, webhook: WebhookNo, now: Timestamp) -> Result<bool, StoreError> {
    let waiting = keys::in_state_of(account, keys::WAITING, webhook);
    let ranges = [keys::fresh_of(account, webhook), keys::retries_of(webhook), keys::manuals_of(webhook), waiting];
    let mut found: Vec<(Key, NotificationKey)> = Vec::new();
    for prefix in &ranges {
        for row in txn.scan(prefix).take(JOB_BATCH) {
            let row = row?;
            // In each of them, the sequence number comes last.
            let seq = row.len().checked_sub(8).and_then(|at| keys::u64_at(&row, at));
            let seq = seq.ok_or(StoreError::Damaged { table: "queue", what: "has a short key" })?;
            found.push((row.to_vec(), NotificationKey { seq: Seq(seq), webhook }));
        }
    }
    for (row, key) in &found {
        match read_notification(txn, account, *key) {
            Ok(Some(mut notification)) => {
                let before = notification_rows(&notification);
                if notification.cancel(now) {
                    put_notification(txn, &before, &notification);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a notification of a deleted webhook could not be read"),
        }
        // Gone already, unless it belonged to nothing: then it would be met again and again.
        txn.delete(row.clone());
    }
    Ok(!found.is_empty())
}

/// Forgets idempotency keys whose window is over; returns how many.
pub(in crate::store) fn sweep_idempotency_keys(
    txn: &mut Txn<'_>,
    now_ms: u64,
    most: usize,
) -> Result<usize, StoreError> {
    let mut swept = 0;
    for row in txn.scan(&keys::idempotency_ends()).take(most) {
        let row = row?;
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

fn status_byte(status: Status) -> Option<u8> {
    Status::ALL.iter().position(|other| *other == status).and_then(|at| u8::try_from(at).ok())
}

fn status_from(byte: u8) -> Option<Status> {
    Status::ALL.get(usize::from(byte)).copied()
}
