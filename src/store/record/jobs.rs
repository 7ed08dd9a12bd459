//! Background jobs, and the bulk resends that some of them are parts of.

use super::{V1, V2, V3, V4, checked, decode, invalid, seal, seal_as, unknown_version};
use crate::model::{
    AccountNo, BulkResend, Pattern, ResendFilter, ResendId, ResendState, ResponseFilter, Status, Timestamp, WebhookNo,
};
use crate::store::StoreError;
use serde::{Deserialize, Serialize};

/// A background job: what touches a whole backlog, done in small batches, and taken up again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) enum JobV3 {
    /// Cancels what a deleted webhook was owed. Needs no cursor: what it has done is gone from the ranges it reads.
    Cancel { account: u32, webhook: u32 },
    /// Owes an attempt by hand to what a filter matches of one webhook, the oldest first.
    Resend {
        account: u32,
        /// The bulk resend it is a part of; none for one that was asked for before there was any record of them.
        resend: Option<u64>,
        /// Of every webhook only in what was asked for before each had a part of its own.
        webhook: Option<u32>,
        status: Option<u8>,
        event_type: Option<String>,
        /// See [`ResponseFilter::code`].
        response: Option<u16>,
        /// The next place to look at, inclusive.
        at_seq: u64,
        at_webhook: u32,
        /// The last place to look at, inclusive.
        last_seq: u64,
        last_webhook: u32,
    },
    /// Brings the due times of what a webhook is owed again forward to the gaps of its schedule. Written as version 4, which earlier
    /// ones don't have.
    BringForward {
        account: u32,
        webhook: u32,
        /// What was attempted after this moment stays as it is.
        asked_ms: u64,
        /// The next row to look at, inclusive.
        at_ms: u64,
        at_seq: u64,
    },
    /// Removes an account. Needs no cursor either. Written as version 4 as well.
    Remove { account: u32 },
}

/// The present version.
pub(in crate::store) type Job = JobV3;

/// What can't name a response: still written where none is named, so that an older carteiro of this format reads it.
#[derive(Serialize, Deserialize)]
enum JobV2 {
    Cancel {
        account: u32,
        webhook: u32,
    },
    Resend {
        account: u32,
        resend: Option<u64>,
        webhook: Option<u32>,
        status: Option<u8>,
        event_type: Option<String>,
        at_seq: u64,
        at_webhook: u32,
        last_seq: u64,
        last_webhook: u32,
    },
}

impl From<JobV2> for JobV3 {
    fn from(old: JobV2) -> Self {
        match old {
            JobV2::Cancel { account, webhook } => Self::Cancel { account, webhook },
            JobV2::Resend {
                account,
                resend,
                webhook,
                status,
                event_type,
                at_seq,
                at_webhook,
                last_seq,
                last_webhook,
            } => Self::Resend {
                account,
                resend,
                webhook,
                status,
                event_type,
                response: None,
                at_seq,
                at_webhook,
                last_seq,
                last_webhook,
            },
        }
    }
}

/// Of formats 1 to 3.
#[derive(Serialize, Deserialize)]
pub(super) enum JobV1 {
    Cancel {
        account: u32,
        webhook: u32,
    },
    /// From the newest at the time of asking down.
    Resend {
        account: u32,
        webhook: Option<u32>,
        status: Option<u8>,
        event_type: Option<String>,
        at_seq: u64,
        at_webhook: u32,
        last_seq: u64,
    },
}

impl From<JobV1> for JobV2 {
    fn from(old: JobV1) -> Self {
        match old {
            JobV1::Cancel { account, webhook } => Self::Cancel { account, webhook },
            // What was left of it, from its other end.
            JobV1::Resend { account, webhook, status, event_type, at_seq, at_webhook, last_seq } => Self::Resend {
                account,
                resend: None,
                webhook,
                status,
                event_type,
                at_seq: last_seq,
                at_webhook: 0,
                last_seq: at_seq,
                last_webhook: at_webhook,
            },
        }
    }
}

pub(in crate::store) fn encode_job(job: &Job) -> Vec<u8> {
    let old = match job.clone() {
        Job::BringForward { .. } | Job::Remove { .. } => return seal_as(V4, job, &[]),
        Job::Resend { response: Some(_), .. } => return seal_as(V3, job, &[]),
        Job::Cancel { account, webhook } => JobV2::Cancel { account, webhook },
        Job::Resend {
            account,
            resend,
            webhook,
            status,
            event_type,
            response: None,
            at_seq,
            at_webhook,
            last_seq,
            last_webhook,
        } => JobV2::Resend { account, resend, webhook, status, event_type, at_seq, at_webhook, last_seq, last_webhook },
    };
    seal_as(V2, &old, &[])
}

pub(in crate::store) fn decode_job(value: &[u8]) -> Result<Job, StoreError> {
    Ok(match checked("job", value)? {
        (V4 | V3, bytes) => decode::<JobV3>("job", bytes)?.0,
        (V2, bytes) => decode::<JobV2>("job", bytes)?.0.into(),
        (V1, bytes) => JobV2::from(decode::<JobV1>("job", bytes)?.0).into(),
        _ => return Err(unknown_version("job")),
    })
}

/// Its second version is followed by what response is wanted ([`ResponseFilter::code`], two bytes, little-endian); the first is
/// still written where none is.
#[derive(Serialize, Deserialize)]
struct ResendV1 {
    id: [u8; 16],
    webhook: Option<u32>,
    status: Option<u8>,
    event_type: Option<String>,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    state: u8,
    queued: u64,
    resent: u64,
    skipped: u64,
    open: u32,
    broken: bool,
    inserted_ms: u64,
    updated_ms: u64,
    ended_ms: Option<u64>,
}

pub(in crate::store) fn encode_resend(resend: &BulkResend) -> Vec<u8> {
    let filter = &resend.filter;
    let record = ResendV1 {
        id: resend.id.to_bytes(),
        webhook: filter.webhook.map(|no| no.0),
        status: filter.status.map(status_byte),
        event_type: filter.event_type.as_ref().map(ToString::to_string),
        from_ms: filter.from.map(Timestamp::as_ms),
        to_ms: filter.to.map(Timestamp::as_ms),
        state: match resend.state {
            ResendState::Running => 0,
            ResendState::Done => 1,
            ResendState::Cancelled => 2,
            ResendState::Failed => 3,
        },
        queued: resend.queued,
        resent: resend.resent,
        skipped: resend.skipped,
        open: resend.open,
        broken: resend.broken,
        inserted_ms: resend.inserted_at.as_ms(),
        updated_ms: resend.updated_at.as_ms(),
        ended_ms: resend.ended_at.map(Timestamp::as_ms),
    };
    match filter.response {
        None => seal(&record, &[]),
        Some(response) => seal_as(V2, &record, &response.code().to_le_bytes()),
    }
}

pub(in crate::store) fn decode_resend(account: AccountNo, number: u64, value: &[u8]) -> Result<BulkResend, StoreError> {
    const TABLE: &str = "bulk resend";
    let (record, response) = match checked(TABLE, value)? {
        (V2, bytes) => {
            let (record, tail) = decode::<ResendV1>(TABLE, bytes)?;
            let code = tail.try_into().map(u16::from_le_bytes).ok();
            (record, Some(code.and_then(ResponseFilter::from_code).ok_or_else(|| invalid(TABLE))?))
        }
        (V1, bytes) => (decode::<ResendV1>(TABLE, bytes)?.0, None),
        _ => return Err(unknown_version(TABLE)),
    };
    let event_type = match record.event_type {
        Some(text) => Some(Pattern::parse(&text).ok_or_else(|| invalid(TABLE))?),
        None => None,
    };
    let status = match record.status {
        Some(byte) => Some(status_from(byte).ok_or_else(|| invalid(TABLE))?),
        None => None,
    };
    Ok(BulkResend {
        number,
        account,
        id: ResendId::from_bytes(record.id),
        filter: ResendFilter {
            webhook: record.webhook.map(WebhookNo),
            status,
            event_type,
            response,
            from: record.from_ms.map(Timestamp::from_ms),
            to: record.to_ms.map(Timestamp::from_ms),
        },
        state: match record.state {
            0 => ResendState::Running,
            1 => ResendState::Done,
            2 => ResendState::Cancelled,
            3 => ResendState::Failed,
            _ => return Err(invalid(TABLE)),
        },
        queued: record.queued,
        resent: record.resent,
        skipped: record.skipped,
        open: record.open,
        broken: record.broken,
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        updated_at: Timestamp::from_ms(record.updated_ms),
        ended_at: record.ended_ms.map(Timestamp::from_ms),
    })
}

pub(in crate::store) const fn status_byte(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Retrying => 1,
        Status::Held => 2,
        Status::Delivered => 3,
        Status::Failed => 4,
        Status::Cancelled => 5,
    }
}

pub(in crate::store) fn status_from(byte: u8) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status_byte(*status) == byte)
}
