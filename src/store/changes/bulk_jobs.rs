//! Bulk jobs as a whole: begun within limits, cancelled, forgotten. What each kind does in its turns stands in
//! [`bulk_resend`](super::bulk_resend) and [`backfill`](super::backfill).

use crate::model::{
    AccountNo, AuditAction, AuditNote, AuditSubject, AuditedField, BulkJob, Filter as _, JobId, JobKind, JobOutcomes,
    JobState, NotificationFilter, Skipped, Timestamp,
};
use crate::store::changes::change::{AuditedChange, Noted};
use crate::store::changes::job_queue::Open;
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::limits::MAX_JOBS;
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::time::Duration;

/// How many bulk jobs that have ended are listed of one account, and how many erasures.
pub(crate) const MAX_ENDED: usize = 1000;
/// How long a bulk job, or an erasure, is listed after its end.
pub(crate) const LISTED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The account has [`MAX_JOBS`] bulk jobs and deletions, or as many erasures, under way already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyJobs;

/// What a bulk job that begins takes the place of: those that ended first, beyond what is listed. Reads alone; refuses
/// where too many are under way.
pub(crate) fn place_for_one(ledger: &Ledger, account: AccountNo) -> Result<Vec<u64>, TooManyJobs> {
    let own = ledger.shared.bulk_jobs_of(account);
    let running = own.iter().filter(|job| job.state == JobState::Running).count();
    let deleting = |open: &&Open| matches!(open.job, Job::Cancel { account: caller, .. } if caller == account.0);
    if running + ledger.jobs.all().filter(deleting).count() >= MAX_JOBS {
        return Err(TooManyJobs);
    }
    let ended = own.iter().filter(|job| job.state != JobState::Running);
    Ok(ended.map(|job| job.number).rev().skip(MAX_ENDED - 1).collect())
}

/// A bulk job that begins: `queued` is how many things it is about, `open` of how many background jobs it consists.
pub(crate) fn begun(
    ledger: &mut Ledger,
    account: AccountNo,
    kind: JobKind,
    filter: NotificationFilter,
    queued: u64,
    open: u32,
    now: Timestamp,
) -> BulkJob {
    ledger.head.job += 1;
    BulkJob {
        number: ledger.head.job,
        account,
        id: JobId::from_random(crate::random::bytes()),
        kind,
        filter,
        state: JobState::Running,
        queued,
        made: 0,
        ahead: 0,
        outcomes: JobOutcomes::default(),
        skipped: Skipped::default(),
        open,
        broken: false,
        inserted_at: now,
        updated_at: now,
        ended_at: None,
    }
}

/// Ends a bulk job where it stands. Answers `None` for one that has ended.
#[derive(Debug)]
pub struct CancelBulkJob {
    /// Whose it is.
    pub account: AccountNo,
    /// The bulk job.
    pub number: u64,
}

impl AuditedChange for CancelBulkJob {
    type Reply = Option<BulkJob>;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self> {
        let Self { account, number } = self;
        let known = ledger.shared.bulk_jobs().get(&(account, number)).cloned();
        let Some(mut job) = known.filter(|job| job.state == JobState::Running) else {
            return Ok((None, None));
        };
        ledger.remove_jobs(
            txn,
            |job| matches!(job, Job::Resend { resend: of, .. } | Job::Backfill { job: of, .. } if *of == number),
        );
        job.state = JobState::Cancelled;
        job.open = 0;
        job.updated_at = now;
        job.ended_at = Some(now);
        tracing::info!(job = %job.id, made = job.made, "bulk job cancelled");
        ledger.shared.meters.jobs.ended(job.kind.into(), job.state);
        put_bulk_job(ledger, txn, job.clone());
        let action = match job.kind {
            JobKind::Resend => AuditAction::BulkResendCancelled,
            JobKind::Backfill => AuditAction::BackfillCancelled,
        };
        let note = note_of(ledger, &job, action);
        Ok((Some(job), Some(note)))
    }
}

/// What the audit has of a bulk job that begins or is cancelled: its filter and how many it is of, or how many were
/// made. What was searched for may be a person's, and is left out.
pub(crate) fn note_of(ledger: &Ledger, job: &BulkJob, action: AuditAction) -> AuditNote {
    // In the words of the API.
    let (subject, prefix, matched, made) = match job.kind {
        JobKind::Resend => (AuditSubject::BulkResend(job.id), "filter.", "queued", "resent"),
        JobKind::Backfill => (AuditSubject::Backfill(job.id), "", "matched", "created"),
    };
    let note = AuditNote::new(job.account, action).about(subject);
    // The row has the webhook itself, and that tests are left out goes without saying.
    let webhook = job.filter.webhook_id;
    let webhook = webhook.and_then(|id| ledger.shared.directory().by_id(job.account, id).cloned());
    let filter = NotificationFilter {
        webhook_id: job.filter.webhook_id.filter(|_| webhook.is_none()),
        test: job.filter.test.filter(|test| *test),
        ..job.filter.clone()
    };
    let fields = NotificationFilter::FIELDS.iter().filter_map(|field| {
        let (name, value) = (format!("{prefix}{}", field.name), field.get(&filter)?);
        Some(if field.name == "q" { AuditedField::set_hidden(&name) } else { AuditedField::set(&name, value) })
    });
    let note = match action {
        AuditAction::BulkResendCancelled | AuditAction::BackfillCancelled => {
            note.with([AuditedField::set(made, job.made)])
        }
        _ => note.with(fields).with([AuditedField::set(matched, job.queued)]),
    };
    match webhook {
        Some(webhook) => note.of_webhook(webhook.id, webhook.name()),
        None => note,
    }
}

pub(crate) fn put_bulk_job(ledger: &mut Ledger, txn: &mut Txn<'_>, job: BulkJob) {
    txn.put(keys::bulk_job(job.account, job.number), record::encode_bulk_job(&job));
    ledger.shared.bulk_jobs().insert((job.account, job.number), job);
}

/// Counts in the rows of bulk jobs how what they have requested or created ended, as this group has it: in the commit
/// of the very notifications. A job that is forgotten counts nothing more.
pub(crate) fn count_outcomes(ledger: &mut Ledger, txn: &mut Txn<'_>) {
    for (of, outcomes) in txn.take_outcomes() {
        let known = ledger.shared.bulk_jobs().get(&of).cloned();
        if let Some(mut job) = known {
            for (outcome, count) in outcomes.iter() {
                job.outcomes.add(outcome, count);
            }
            put_bulk_job(ledger, txn, job);
        }
    }
}

pub(crate) fn forget_bulk_job(ledger: &mut Ledger, txn: &mut Txn<'_>, account: AccountNo, number: u64) {
    txn.delete(keys::bulk_job(account, number));
    ledger.shared.bulk_jobs().remove(&(account, number));
}

/// Forgets bulk jobs that ended long ago.
pub(crate) fn sweep_bulk_jobs(ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) {
    let long_ago = |job: &BulkJob| job.ended_at.is_some_and(|ended| ended.plus(LISTED) < now);
    let old: Vec<(AccountNo, u64)> =
        ledger.shared.bulk_jobs().iter().filter(|(_, job)| long_ago(job)).map(|(key, _)| *key).collect();
    for (account, number) in old {
        forget_bulk_job(ledger, txn, account, number);
    }
}

/// What a turn did for the bulk job or the erasure it belongs to.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// How many were requested, created or erased.
    pub(crate) made: u64,
    /// How many it has met that were created since it began.
    pub(crate) known: u64,
    pub(crate) skipped: Skipped,
}
