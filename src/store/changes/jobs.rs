//! Background jobs: what touches a whole backlog, a little at a time.

use crate::model::{AccountNo, ErasureState, JobOutcome, NotificationKey, Seq, Status, Timestamp, WebhookNo};
use crate::stats::StoreMetrics;
use crate::store::changes::accounts::remove_some;
use crate::store::changes::backfill::backfill_some;
use crate::store::changes::bring_forward::bring_some_forward;
use crate::store::changes::bulk_jobs::{Progress, put_bulk_job};
use crate::store::changes::bulk_resend::resend_some;
use crate::store::changes::erasures::{erase_some, note_turn};
use crate::store::changes::job_queue::{Open, Turned};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, put_notification};
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;

/// How many rows a job touches at a time: a few milliseconds of the committer's time, so that nobody waits behind it.
const JOB_BATCH: usize = 128;

/// Stages the result of a job's turn. One that met a damaged row is given up: it would meet it again, for ever.
pub(crate) fn take_turn(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    mut open: Open,
    turned: Result<(Turned, Progress), StoreError>,
    now: Timestamp,
) {
    let number = open.number;
    let (of, erasure) = match open.job {
        Job::Resend { account, resend: job, .. } | Job::Backfill { account, job, .. } => {
            (Some((AccountNo(account), job)), None)
        }
        Job::Erase { account, erasure, .. } => (None, Some((AccountNo(account), erasure))),
        Job::Cancel { .. } | Job::BringForward { .. } | Job::Remove { .. } => (None, None),
    };
    let broken = turned.is_err();
    let (turned, progress) = turned.unwrap_or_else(|error| {
        tracing::error!(%error, job = number, "a background job met a damaged row and is given up");
        (Turned::Over, Progress::default())
    });
    let over = match turned {
        Turned::Blocked(webhook) => return ledger.jobs.block(open, webhook, ledger.clock.pace()),
        Turned::More(rest) => {
            txn.put(keys::job(number), record::encode_job(&rest));
            open.job = rest;
            ledger.jobs.add(open);
            false
        }
        Turned::Over => {
            txn.delete(keys::job(number));
            true
        }
    };
    if let Some(erasure) = erasure {
        let end = if broken { ErasureState::Failed } else { ErasureState::Done };
        note_turn(ledger, txn, erasure, progress.made, over.then_some(end), now);
    }
    let Some(mut job) = of.and_then(|of| ledger.shared.bulk_jobs().get(&of).cloned()) else {
        return;
    };
    let skipped_before = job.skipped.total();
    job.broken |= broken;
    job.made += progress.made;
    job.come_to(progress.known);
    for (reason, count) in progress.skipped.0 {
        job.skipped.add(reason, count);
    }
    job.open -= u32::from(over).min(job.open);
    job.updated_at = now;
    let has_ended = job.end_if_through(now);
    let (meters, kind) = (&ledger.shared.meters.jobs, job.kind.into());
    meters.handled(kind, progress.made, job.skipped.total().saturating_sub(skipped_before));
    if has_ended {
        meters.ended(kind, job.state);
        let (status, skipped) = (job.state.as_str(), job.skipped.total());
        tracing::info!(job = %job.id, made = job.made, skipped, status, "bulk job ended");
    }
    put_bulk_job(ledger, txn, job);
}

/// Does a little of a job.
pub(crate) fn turn_of(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    job: &Job,
    now: Timestamp,
) -> Result<(Turned, Progress), StoreError> {
    let nothing = Progress::default();
    match *job {
        Job::Remove { account } => {
            ledger.note_erased();
            let more = remove_some(ledger, txn, AccountNo(account), now)?;
            Ok((if more { Turned::More(job.clone()) } else { Turned::Over }, nothing))
        }
        Job::Cancel { account, webhook } => {
            let more = cancel_some(txn, AccountNo(account), WebhookNo(webhook), now, &ledger.shared.meters)?;
            Ok((if more { Turned::More(job.clone()) } else { Turned::Over }, nothing))
        }
        Job::BringForward { .. } => {
            Ok((bring_some_forward(ledger, txn, job, now)?.map_or(Turned::Over, Turned::More), nothing))
        }
        Job::Resend { .. } => resend_some(ledger, txn, job, now),
        Job::Backfill { .. } => backfill_some(ledger, txn, job, now),
        Job::Erase { .. } => erase_some(ledger, txn, job, now),
    }
}

/// Cancels some of what is pending for a webhook; returns whether there may be more.
fn cancel_some(
    txn: &mut Txn<'_>,
    account: AccountNo,
    webhook: WebhookNo,
    now: Timestamp,
    meters: &StoreMetrics,
) -> Result<bool, StoreError> {
    let waiting = keys::in_state_of(account, keys::WAITING, webhook);
    let ranges = [keys::untried_of(account, webhook), keys::retries_of(webhook), keys::manuals_of(webhook), waiting];
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
        match find_notification(txn, account, *key) {
            Ok(Some((mut notification, before))) => {
                let was_pending = notification.needs_automatic_attempt();
                if notification.cancel(now) {
                    txn.note_outcome(account, notification.tell_job(JobOutcome::Cancelled));
                    if was_pending {
                        meters.ended(Status::Cancelled);
                    }
                    put_notification(txn, &before, &notification);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a notification of a deleted webhook could not be read"),
        }
        // Deleted already, unless it belonged to nothing: then it would be met again and again.
        txn.delete(row.clone());
    }
    Ok(!found.is_empty())
}
