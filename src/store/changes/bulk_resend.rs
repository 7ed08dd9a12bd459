//! Bulk resends: manual attempts of everything that a filter matches, a few at a time.

use crate::model::{
    AccountNo, AuditAction, BulkJob, CountedJob, JobKind, Notification, NotificationFilter, Position, SkipReason,
    Status, Timestamp, WebhookNo,
};
use crate::store::changes::bulk_jobs::{
    Progress, TooManyJobs, begun, forget_bulk_job, note_of, place_for_one, put_bulk_job,
};
use crate::store::changes::change::{AuditedChange, ChangeError, Noted, fan_out_bytes};
use crate::store::changes::job_queue::Turned;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::notifications::resend_one;
use crate::store::error::StoreError;
use crate::store::query::walk::{Scope, Walk};
use crate::store::schema::keys;
use crate::store::schema::record::Job;
use crate::store::txn::Txn;
use std::sync::atomic::Ordering;

/// How many notifications a turn looks at.
const JOB_BATCH: usize = 128;
/// How many manual attempts of one webhook may be pending before a bulk resend waits: enough to keep its lane busy, few
/// enough that cancelling, or pausing the webhook, means something. It goes on once half of them are made, so that it
/// isn't one commit for each.
const MAX_PENDING_MANUAL: usize = 64;

/// Requests a manual attempt of everything that a filter matches and that can be re-sent, in a background job that
/// survives a restart.
#[derive(Debug)]
pub struct BeginBulkResend {
    /// Whose it is.
    pub account: AccountNo,
    /// What is re-sent.
    pub filter: NotificationFilter,
    /// How many notifications that is.
    pub queued: u64,
}

impl AuditedChange for BeginBulkResend {
    type Reply = BulkJob;
    type Error = ChangeError<TooManyJobs>;

    const GROWS: bool = true;

    fn weight(&self, ledger: &Ledger) -> usize {
        fan_out_bytes(ledger, self.account)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, filter, queued } = self;
        let surplus = place_for_one(ledger, account).map_err(ChangeError::Refused)?;
        let durable = ledger.shared.durable.load(Ordering::Acquire);
        let bounds = match Scope::of(&ledger.shared, account, &filter)?.filter(|_| queued > 0) {
            Some(scope) => Walk::bounds(&ledger.shared, &scope, durable)?,
            None => None,
        };
        // Reading is over: from here on things are staged.
        for number in surplus {
            forget_bulk_job(ledger, txn, account, number);
        }
        let directory = ledger.shared.directory();
        let wanted = directory.of(account).filter(|webhook| filter.webhook_id.is_none_or(|only| only == webhook.id));
        let wanted: Vec<WebhookNo> = wanted.filter(|_| bounds.is_some()).map(|webhook| webhook.no).collect();
        let open = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        let mut resend = begun(ledger, account, JobKind::Resend, filter, queued, open, now);
        if let Some((at, last)) = bounds {
            // One for each webhook, so that one that takes nothing holds up no other.
            for no in wanted {
                let job = Job::Resend {
                    account: account.0,
                    resend: resend.number,
                    webhook: no.0,
                    at_seq: at.seq,
                    at_webhook: at.webhook,
                    last_seq: last.seq,
                    last_webhook: last.webhook,
                };
                ledger.add_job(txn, job);
            }
        }
        tracing::info!(job = %resend.id, queued, "bulk resend begun");
        resend.end_if_through(now);
        ledger.shared.meters.jobs.ended(CountedJob::Resend, resend.state);
        put_bulk_job(ledger, txn, resend.clone());
        let note = note_of(ledger, &resend, AuditAction::BulkResendStarted);
        Ok((resend, Some(note)))
    }
}

/// Requests the next few manual attempts of a bulk resend; returns what is left of its job.
pub(crate) fn resend_some(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    job: &Job,
    now: Timestamp,
) -> Result<(Turned, Progress), StoreError> {
    let nothing = Progress::default();
    let Job::Resend { account, resend, webhook, at_seq, at_webhook, last_seq, last_webhook } = *job else {
        return Ok((Turned::Over, nothing));
    };
    let no = WebhookNo(webhook);
    let directory = ledger.shared.directory();
    let Some(known) = directory.by_no(no) else {
        // Deleted meanwhile: nothing of it can be re-sent. How many that is, the end of the whole tells.
        let mut progress = nothing;
        progress.skipped.add(SkipReason::WebhookDeleted, 0);
        return Ok((Turned::Over, progress));
    };
    // One at a time where order is kept: they leave in the order of the requests.
    let (most, go_on_at) = if known.ordered { (1, 0) } else { (MAX_PENDING_MANUAL, MAX_PENDING_MANUAL / 2) };
    let pending = txn.scan(&keys::manuals_of(no)).take(go_on_at + 1).count();
    if !known.is_active() || pending > go_on_at {
        return Ok((Turned::Blocked(no), nothing));
    }
    let account_no = AccountNo(account);
    let Some(of) = ledger.shared.bulk_jobs().get(&(account_no, resend)).cloned() else {
        return Ok((Turned::Over, nothing));
    };
    // Of a job that is forgotten meanwhile nothing is found any more.
    let Some(scope) = Scope::of(&ledger.shared, account_no, &of.filter)? else {
        return Ok((Turned::Over, nothing));
    };
    let scope = Scope { webhook: Some(no), ..scope };
    let (at, last) = (Position { seq: at_seq, webhook: at_webhook }, Position { seq: last_seq, webhook: last_webhook });
    let shared = ledger.shared.clone();
    let (found, next) = Walk::between(&shared, &scope, at, last)?.readable_page(JOB_BATCH, most - pending)?;
    let mut progress = Progress::default();
    // What a backfill has made since of older events wasn't counted, and was sent just now; nor was what has been
    // delivered since, where delivered ones are asked for. A time that is still to come is of a clock that was ahead.
    let is_newer = |at: Timestamp| at > of.inserted_at && at <= now;
    let of_delivered = of.filter.status == Some(Status::Delivered) || of.filter.undelivered == Some(false);
    let came_since = |notification: &Notification| {
        is_newer(notification.inserted_at) || (of_delivered && notification.delivered_at.is_some_and(is_newer))
    };
    for notification in found.into_iter().filter(|notification| !came_since(notification)) {
        if known.ordered && notification.needs_automatic_attempt() {
            // It leaves in its turn anyway.
            progress.skipped.count(SkipReason::InOrder);
            continue;
        }
        // What can't be re-sent is passed over.
        match resend_one(ledger, txn, account_no, notification.key, Some(resend), None, now) {
            Ok(Some(_)) => progress.made += 1,
            Ok(None) => progress.skipped.count(SkipReason::Changed),
            Err(ChangeError::Refused(refusal)) => progress.skipped.count(refusal.into()),
            Err(ChangeError::Store(_)) => progress.skipped.count(SkipReason::Unreadable),
        }
    }
    let rest = next.map(|at| Job::Resend {
        account,
        resend,
        webhook,
        at_seq: at.seq,
        at_webhook: at.webhook,
        last_seq,
        last_webhook,
    });
    Ok((rest.map_or(Turned::Over, Turned::More), progress))
}
