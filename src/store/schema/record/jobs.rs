//! Background jobs, and the bulk jobs that some of them are parts of.

use crate::model::{
    AccountNo, BulkJob, Erasure, ErasureId, ErasureState, Filter as _, JobId, JobKind, JobOutcome, JobOutcomes,
    JobState, NotificationFilter, SearchText, SkipReason, Skipped, Timestamp,
};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use serde::{Deserialize, Serialize};

/// A background job: what touches a whole backlog, done in small batches, and taken up again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobV1 {
    /// Cancels what is pending for a deleted webhook. Needs no cursor: it removes rows from the ranges it reads.
    Cancel { account: u32, webhook: u32 },
    /// Requests a manual attempt of what a filter matches of one webhook, the oldest first.
    Resend {
        account: u32,
        /// The bulk resend it is a part of.
        resend: u64,
        webhook: u32,
        /// The next place to look at, inclusive.
        at_seq: u64,
        at_webhook: u32,
        /// The last place to look at, inclusive.
        last_seq: u64,
        last_webhook: u32,
    },
    /// Brings the due times of the retries of a webhook forward to the gaps of its schedule.
    BringForward {
        account: u32,
        webhook: u32,
        /// What was attempted after this moment stays as it is.
        asked_ms: u64,
        /// The next row to look at, inclusive.
        at_ms: u64,
        at_seq: u64,
    },
    /// Removes an account. Needs no cursor either.
    Remove { account: u32 },
    /// Creates the notifications of a webhook that are owed of a span of events, the oldest first.
    Backfill {
        account: u32,
        /// The backfill it is the part of.
        job: u64,
        webhook: u32,
        /// The next event to look at, inclusive.
        at_seq: u64,
        /// The last event to look at, inclusive.
        last_seq: u64,
        /// What was the last event when notifications were last created: later ones wait for those up to it.
        mark_seq: u64,
    },
    /// Erases the events that have the key of an erasure, the oldest first.
    Erase {
        account: u32,
        erasure: u64,
        /// The next event to look at, inclusive.
        at_seq: u64,
        /// The last one, inclusive.
        last_seq: u64,
    },
}

/// The present version.
pub(crate) type Job = JobV1;

pub(crate) fn encode_job(job: &Job) -> Vec<u8> {
    seal(job, &[])
}

pub(crate) fn decode_job(value: &[u8]) -> Result<Job, StoreError> {
    open("job", value).map(|(job, _)| job)
}

#[derive(Serialize, Deserialize)]
struct BulkJobV1 {
    id: [u8; 16],
    kind: u8,
    /// The names and values of its fields.
    filter: Vec<(String, String)>,
    state: u8,
    queued: u64,
    made: u64,
    ahead: u64,
    /// The words of the outcomes, each with how many.
    outcomes: Vec<(String, u64)>,
    /// The words of the reasons, each with how many.
    skipped: Vec<(String, u64)>,
    open: u32,
    broken: bool,
    inserted_ms: u64,
    updated_ms: u64,
    ended_ms: Option<u64>,
}

pub(crate) fn encode_bulk_job(job: &BulkJob) -> Vec<u8> {
    let fields = NotificationFilter::FIELDS.iter();
    let fields = fields.filter_map(|field| Some((field.name.to_owned(), field.get(&job.filter)?)));
    let record = BulkJobV1 {
        id: job.id.to_bytes(),
        kind: match job.kind {
            JobKind::Resend => 0,
            JobKind::Backfill => 1,
        },
        filter: fields.collect(),
        state: match job.state {
            JobState::Running => 0,
            JobState::Done => 1,
            JobState::Cancelled => 2,
            JobState::Failed => 3,
        },
        queued: job.queued,
        made: job.made,
        ahead: job.ahead,
        outcomes: (job.outcomes.iter().filter(|(_, count)| *count > 0))
            .map(|(outcome, count)| (outcome.as_str().to_owned(), count))
            .collect(),
        skipped: job.skipped.0.iter().map(|(reason, count)| (reason.as_str().to_owned(), *count)).collect(),
        open: job.open,
        broken: job.broken,
        inserted_ms: job.inserted_at.as_ms(),
        updated_ms: job.updated_at.as_ms(),
        ended_ms: job.ended_at.map(Timestamp::as_ms),
    };
    seal(&record, &[])
}

pub(crate) fn decode_bulk_job(account: AccountNo, number: u64, value: &[u8]) -> Result<BulkJob, StoreError> {
    const TABLE: &str = "bulk job";
    let (record, _) = open::<BulkJobV1>(TABLE, value)?;
    let mut filter = NotificationFilter::default();
    for (name, value) in record.filter {
        let field = NotificationFilter::FIELDS.iter().find(|field| field.name == name);
        field.and_then(|field| field.set(&mut filter, &value).ok()).ok_or_else(|| invalid(TABLE))?;
    }
    let mut outcomes = JobOutcomes::default();
    for (outcome, count) in record.outcomes {
        outcomes.add(JobOutcome::parse(&outcome).ok_or_else(|| invalid(TABLE))?, count);
    }
    let mut skipped = Skipped::default();
    for (reason, count) in record.skipped {
        skipped.add(SkipReason::parse(&reason).ok_or_else(|| invalid(TABLE))?, count);
    }
    Ok(BulkJob {
        number,
        account,
        id: JobId::from_bytes(record.id),
        kind: match record.kind {
            0 => JobKind::Resend,
            1 => JobKind::Backfill,
            _ => return Err(invalid(TABLE)),
        },
        filter,
        state: match record.state {
            0 => JobState::Running,
            1 => JobState::Done,
            2 => JobState::Cancelled,
            3 => JobState::Failed,
            _ => return Err(invalid(TABLE)),
        },
        queued: record.queued,
        made: record.made,
        ahead: record.ahead,
        outcomes,
        skipped,
        open: record.open,
        broken: record.broken,
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        updated_at: Timestamp::from_ms(record.updated_ms),
        ended_at: record.ended_ms.map(Timestamp::from_ms),
    })
}

#[derive(Serialize, Deserialize)]
struct ErasureV1 {
    id: [u8; 16],
    key: Option<String>,
    external_id: bool,
    state: u8,
    events: u64,
    erased: u64,
    inserted_ms: u64,
    updated_ms: u64,
    ended_ms: Option<u64>,
}

pub(crate) fn encode_erasure(erasure: &Erasure) -> Vec<u8> {
    let record = ErasureV1 {
        id: erasure.id.to_bytes(),
        key: erasure.key.as_ref().map(|key| key.as_str().to_owned()),
        external_id: erasure.external_id,
        state: match erasure.state {
            ErasureState::Running => 0,
            ErasureState::Done => 1,
            ErasureState::Cancelled => 2,
            ErasureState::Failed => 3,
        },
        events: erasure.events,
        erased: erasure.erased,
        inserted_ms: erasure.inserted_at.as_ms(),
        updated_ms: erasure.updated_at.as_ms(),
        ended_ms: erasure.ended_at.map(Timestamp::as_ms),
    };
    seal(&record, &[])
}

pub(crate) fn decode_erasure(account: AccountNo, number: u64, value: &[u8]) -> Result<Erasure, StoreError> {
    const TABLE: &str = "erasure";
    let (record, _) = open::<ErasureV1>(TABLE, value)?;
    let key = record.key.map(|key| SearchText::parse(&key).ok_or_else(|| invalid(TABLE))).transpose()?;
    Ok(Erasure {
        number,
        account,
        id: ErasureId::from_bytes(record.id),
        key,
        external_id: record.external_id,
        state: match record.state {
            0 => ErasureState::Running,
            1 => ErasureState::Done,
            2 => ErasureState::Cancelled,
            3 => ErasureState::Failed,
            _ => return Err(invalid(TABLE)),
        },
        events: record.events,
        erased: record.erased,
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        updated_at: Timestamp::from_ms(record.updated_ms),
        ended_at: record.ended_ms.map(Timestamp::from_ms),
    })
}
