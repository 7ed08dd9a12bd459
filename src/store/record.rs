//! The values: `[version u8][bincode 2 body][raw tail][crc32 of all before, little-endian]`.
//!
//! bincode can't decode a changed struct, so each version of a record is a frozen struct of its own, whose golden bytes stand in
//! the tests; a new version is a new struct with `From` the one before it. The tail holds payload bytes, which need no encoding.
//! The checksum is CRC-32 (IEEE), not CRC-32C: it comes from a crate that sled brings along anyway.

use super::StoreError;
use crate::model::{
    AccountNo, Attempt, AttemptError, AttemptResult, ErrorCode, Event, EventId, EventType, Fingerprint, Notification,
    NotificationKey, OrderKey, Payload, ResourceIds, Response, Scopes, Seq, State, Timestamp, Timings, TlsVersion,
    TokenHash, TokenId, TraceContext, Trigger, millis,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

mod clock;
mod jobs;
mod webhooks;

pub(super) use clock::{ClockV1, RunV1, decode_clock, encode_clock};
pub(super) use jobs::{Job, decode_job, decode_resend, encode_job, encode_resend, status_byte, status_from};
pub(super) use webhooks::{decode_health, decode_webhook, encode_health, encode_webhook};

const CRC_LEN: usize = 4;
/// The version that every record has so far.
const V1: u8 = 1;

/// The largest value that is ever written: a leaf full of such rows still fits into a quarter of a segment, past which sled
/// spills into files it never syncs (see `SEGMENT_BYTES`). The largest record is a webhook with every field at its limit.
pub(super) const MAX_VALUE_BYTES: usize = 25 * 1024 - 64;
/// How much of a payload one row holds.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;

fn seal<T: Serialize>(body: &T, tail: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(160 + tail.len());
    value.push(V1);
    bincode::serde::encode_into_std_write(body, &mut value, bincode::config::standard())
        .expect("the frozen structs hold nothing that bincode can't encode, and a Vec takes every write");
    value.extend_from_slice(tail);
    value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    debug_assert!(value.len() <= MAX_VALUE_BYTES, "a value of {} bytes could spill out of the log", value.len());
    value
}

/// What stands between the version and the checksum, both of which are right.
fn checked<'v>(table: &'static str, value: &'v [u8]) -> Result<&'v [u8], StoreError> {
    let damaged = |what: &'static str| StoreError::Damaged { table, what };
    let end = value.len().checked_sub(CRC_LEN).filter(|end| *end > 0).ok_or_else(|| damaged("is too short"))?;
    if crc32fast::hash(&value[..end]).to_le_bytes() != value[end..] {
        return Err(damaged("fails its checksum"));
    }
    match value[0] {
        V1 => Ok(&value[1..end]),
        _ => Err(damaged("has a version this carteiro doesn't know")),
    }
}

/// The decoded body and the raw tail behind it.
fn open<'v, T: Deserialize<'v>>(table: &'static str, value: &'v [u8]) -> Result<(T, &'v [u8]), StoreError> {
    let bytes = checked(table, value)?;
    // With a limit: a length that lies would else be allocated before it is found out, and that aborts the process.
    let config = bincode::config::standard().with_limit::<{ 2 * MAX_VALUE_BYTES }>();
    let (body, length) = bincode::serde::borrow_decode_from_slice(bytes, config)
        .map_err(|_| StoreError::Damaged { table, what: "can't be decoded" })?;
    Ok((body, &bytes[length..]))
}

fn invalid(table: &'static str) -> StoreError {
    StoreError::Damaged { table, what: "holds a value out of its range" }
}

// ---- meta -----------------------------------------------------------------------------------------------------------

/// Where the counters stand; rewritten in every batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadV1 {
    pub(super) seq: u64,
    pub(super) time_ms: u64,
    pub(super) webhook_no: u32,
    pub(super) job: u64,
    /// How many batches were ever written: what the marker beside the store is compared with.
    pub(super) commit: u64,
    /// How many events are kept.
    pub(super) events: u64,
    /// How many notifications are kept.
    pub(super) notifications: u64,
    /// The bytes of all payloads that are kept.
    pub(super) payload_bytes: u64,
}

impl HeadV1 {
    /// Leaves a gap in the sequence numbers, so that none that was ever given out and lost is given out again: more than any shop
    /// records between a backup and its restore, and at random, since one backup may be restored twice, and both may deliver.
    pub(super) fn leap(&mut self) {
        const LEAST: u64 = 1 << 32;
        const MORE_BITS: u32 = 40;
        let more = u64::from_be_bytes(crate::random::bytes()) >> (64 - MORE_BITS);
        self.seq = (self.seq + LEAST + more).min(Seq::END.0 - 1);
    }
}

pub(super) fn encode_head(head: &HeadV1) -> Vec<u8> {
    seal(head, &[])
}

pub(super) fn decode_head(value: &[u8]) -> Result<HeadV1, StoreError> {
    open("head", value).map(|(head, _)| head)
}

/// Written once, when the store is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FormatV1 {
    /// Which keys and records the store holds.
    pub(super) format: u32,
    /// What notification ids are derived with.
    pub(super) id_key: [u8; 32],
}

impl FormatV1 {
    /// Which store this is, among all there are: what its marker must agree with.
    pub(super) fn store_id(&self) -> [u8; 16] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &[b"store id", self.id_key.as_slice()].concat());
        digest.as_ref()[..16].try_into().unwrap_or_default()
    }
}

pub(super) fn encode_format(format: &FormatV1) -> Vec<u8> {
    seal(format, &[])
}

pub(super) fn decode_format(value: &[u8]) -> Result<FormatV1, StoreError> {
    open("format", value).map(|(format, _)| format)
}

/// A text by itself: an account's name, the name of a type.
pub(super) fn encode_text(text: &str) -> Vec<u8> {
    seal(&text, &[])
}

pub(super) fn decode_text(value: &[u8]) -> Result<String, StoreError> {
    open("text", value).map(|(text, _)| text)
}

/// A sequence number by itself.
pub(super) fn encode_seq(seq: Seq) -> Vec<u8> {
    seal(&seq.0, &[])
}

pub(super) fn decode_seq(value: &[u8]) -> Result<Seq, StoreError> {
    open("own event id", value).map(|(seq, _)| Seq(seq))
}

/// Which webhook an id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WebhookRefV1 {
    pub(super) account: u32,
    pub(super) webhook: u32,
    /// The hash of the idempotency key that registered it.
    pub(super) key: Option<[u8; 16]>,
}

pub(super) fn encode_webhook_ref(record: &WebhookRefV1) -> Vec<u8> {
    seal(record, &[])
}

pub(super) fn decode_webhook_ref(value: &[u8]) -> Result<WebhookRefV1, StoreError> {
    open("webhook id", value).map(|(record, _)| record)
}

// ---- sets -----------------------------------------------------------------------------------------------------------

/// A row of a set. Fixed in length and short enough to stand inside sled's own reference to it, without an allocation.
pub(super) fn encode_set(bits: u128) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + size_of::<u128>() + CRC_LEN);
    value.push(V1);
    value.extend_from_slice(&bits.to_le_bytes());
    value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    value
}

pub(super) fn decode_set(value: &[u8]) -> Result<u128, StoreError> {
    checked("set", value)?.try_into().map(u128::from_le_bytes).map_err(|_| invalid("set"))
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

/// An access token as it is kept: its hash, never itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is listed and revoked by.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountNo,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it last let somebody in, to the minute; what came in the last one before a crash is lost.
    pub last_used_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct TokenV1 {
    id: [u8; 16],
    account: u32,
    name: String,
    scopes: u8,
    hash: [u8; 32],
    inserted_ms: u64,
    expires_ms: Option<u64>,
    used_ms: Option<u64>,
}

pub(super) fn encode_token(token: &Token) -> Vec<u8> {
    let record = TokenV1 {
        id: token.id.to_bytes(),
        account: token.account.0,
        name: token.name.clone(),
        scopes: token.scopes.bits(),
        hash: token.hash.to_bytes(),
        inserted_ms: token.inserted_at.as_ms(),
        expires_ms: token.expires_at.map(Timestamp::as_ms),
        used_ms: token.last_used_at.map(Timestamp::as_ms),
    };
    seal(&record, &[])
}

pub(super) fn decode_token(value: &[u8]) -> Result<Token, StoreError> {
    let (record, _) = open::<TokenV1>("token", value)?;
    Ok(Token {
        id: TokenId::from_bytes(record.id),
        account: AccountNo(record.account),
        name: record.name,
        scopes: Scopes::from_bits(record.scopes).ok_or_else(|| invalid("token"))?,
        hash: TokenHash::from_bytes(record.hash),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        expires_at: record.expires_ms.map(Timestamp::from_ms),
        last_used_at: record.used_ms.map(Timestamp::from_ms),
    })
}

// ---- events ---------------------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct EventV1<'a> {
    id: [u8; 16],
    event_type: &'a str,
    external_id: Option<&'a str>,
    resource_id: Option<&'a str>,
    resource_external_id: Option<&'a str>,
    occurred_ms: Option<u64>,
    inserted_ms: u64,
    fingerprint: [u8; 16],
    notifications: u32,
    erased_ms: Option<u64>,
    /// 0 where the payload was erased or never was.
    payload_len: u32,
    resource_at: u32,
    /// 0 where the payload is the record's own tail.
    chunks: u16,
    /// The trace that the event was recorded in.
    trace: Option<Vec<u8>>,
}

/// Where an event's payload stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Behind the event, in the same row.
    Inline(Payload),
    /// In so many rows of [`CHUNK_BYTES`].
    Chunked { len: usize, resource_at: usize, chunks: u16 },
    /// Nowhere any more.
    Erased,
}

impl Stored {
    /// How long the payload is.
    pub(super) fn payload_bytes(&self) -> u64 {
        match self {
            Self::Inline(payload) => payload.body().len() as u64,
            Self::Chunked { len, .. } => *len as u64,
            Self::Erased => 0,
        }
    }
}

/// The event's row, and the rows of its payload where that is too large for one.
pub(super) fn encode_event(event: &Event, payload: Option<&Payload>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let body: &[u8] = payload.map_or(&[], |payload| payload.body());
    let inline = body.len() <= CHUNK_BYTES;
    let chunks: Vec<Vec<u8>> =
        if inline { Vec::new() } else { body.chunks(CHUNK_BYTES).map(|chunk| seal(&(), chunk)).collect() };
    let row = seal(
        &event_record(event, body.len(), payload.map_or(0, Payload::resource_at), chunks.len()),
        if inline { body } else { &[] },
    );
    (row, chunks)
}

/// The event's row again, its payload's place untouched.
pub(super) fn encode_event_again(event: &Event, stored: &Stored) -> Vec<u8> {
    let (len, resource_at, chunks, tail) = match stored {
        Stored::Inline(payload) => (payload.body().len(), payload.resource_at(), 0, &payload.body()[..]),
        Stored::Chunked { len, resource_at, chunks } => (*len, *resource_at, usize::from(*chunks), &[][..]),
        Stored::Erased => (0, 0, 0, &[][..]),
    };
    seal(&event_record(event, len, resource_at, chunks), tail)
}

fn event_record(event: &Event, payload_len: usize, resource_at: usize, chunks: usize) -> EventV1<'_> {
    const FITS: &str = "a payload is at most 16 MiB";
    EventV1 {
        id: event.id.to_bytes(),
        event_type: event.event_type.as_str(),
        external_id: event.external_id.as_deref(),
        resource_id: event.resource.id.as_deref(),
        resource_external_id: event.resource.external_id.as_deref(),
        occurred_ms: event.occurred_at.map(Timestamp::as_ms),
        inserted_ms: event.inserted_at.as_ms(),
        fingerprint: event.fingerprint.0,
        notifications: event.notifications,
        erased_ms: event.erased_at.map(Timestamp::as_ms),
        payload_len: u32::try_from(payload_len).expect(FITS),
        resource_at: u32::try_from(resource_at).expect(FITS),
        chunks: u16::try_from(chunks).expect(FITS),
        trace: event.trace.as_ref().map(|trace| trace.to_bytes()),
    }
}

pub(super) fn decode_event(account: AccountNo, seq: Seq, value: &[u8]) -> Result<(Event, Stored), StoreError> {
    let (record, tail) = open::<EventV1>("event", value)?;
    let stored = if record.payload_len == 0 {
        Stored::Erased
    } else if record.chunks == 0 {
        let body = Bytes::copy_from_slice(tail);
        Stored::Inline(Payload::new(body, record.resource_at as usize).ok_or_else(|| invalid("event"))?)
    } else {
        Stored::Chunked {
            len: record.payload_len as usize,
            resource_at: record.resource_at as usize,
            chunks: record.chunks,
        }
    };
    Ok((event_from(account, seq, &record)?, stored))
}

/// The event alone, its payload not copied: what lists read.
pub(super) fn decode_event_head(account: AccountNo, seq: Seq, value: &[u8]) -> Result<Event, StoreError> {
    event_from(account, seq, &open("event", value)?.0)
}

fn event_from(account: AccountNo, seq: Seq, record: &EventV1<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        seq,
        account,
        id: EventId::from_bytes(record.id),
        event_type: EventType::parse(record.event_type).ok_or_else(|| invalid("event"))?,
        external_id: record.external_id.map(str::to_owned),
        resource: ResourceIds {
            id: record.resource_id.map(str::to_owned),
            external_id: record.resource_external_id.map(str::to_owned),
        },
        occurred_at: record.occurred_ms.map(Timestamp::from_ms),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        fingerprint: Fingerprint(record.fingerprint),
        notifications: record.notifications,
        erased_at: record.erased_ms.map(Timestamp::from_ms),
        trace: record.trace.as_deref().and_then(TraceContext::from_bytes).map(Arc::new),
    })
}

/// The raw bytes of one chunk.
pub(super) fn decode_chunk(value: &[u8]) -> Result<&[u8], StoreError> {
    open::<()>("chunk", value).map(|((), tail)| tail)
}

// ---- idempotency keys -----------------------------------------------------------------------------------------------

/// What the first request with an idempotency key recorded or registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IdempotencyV1 {
    pub(super) fingerprint: [u8; 16],
    pub(super) until_ms: u64,
    pub(super) seqs: Vec<u64>,
    pub(super) webhook: Option<RegisteredV1>,
}

/// A webhook that was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RegisteredV1 {
    pub(super) no: u32,
    /// A hash of the secret that was answered.
    pub(super) secret: [u8; 16],
}

pub(super) fn encode_idempotency(record: &IdempotencyV1) -> Vec<u8> {
    seal(record, &[])
}

pub(super) fn decode_idempotency(value: &[u8]) -> Result<IdempotencyV1, StoreError> {
    open("idempotency key", value).map(|(record, _)| record)
}

// ---- notifications and attempts -------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct NotificationV1 {
    state: u8,
    due_ms: Option<u64>,
    test: bool,
    erased: bool,
    automatic: u8,
    attempts: u16,
    manual_ms: Option<u64>,
    inserted_ms: u64,
    updated_ms: u64,
    delivered_ms: Option<u64>,
    /// What it is kept in order by, where its webhook is ordered.
    order: Option<u64>,
    /// Whether one before it in that order has to end first.
    awaits_predecessor: bool,
    /// How long after the last automatic attempt the next one was scheduled.
    gap_ms: Option<u64>,
    last: Option<AttemptV1>,
}

#[derive(Serialize, Deserialize)]
struct AttemptV1 {
    number: u16,
    trigger: u8,
    started_ms: u64,
    duration_us: u32,
    dns_us: Option<u32>,
    connect_us: Option<u32>,
    tls_us: Option<u32>,
    first_byte_us: Option<u32>,
    remote_ip: Option<Vec<u8>>,
    /// 12 or 13; 0 where there was no TLS.
    tls_version: u8,
    result: ResultV1,
    next_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
enum ResultV1 {
    Response { status: u16, body: Vec<u8>, retry_after_ms: Option<u64>, location: Option<String> },
    Error { code: String, message: String, message_pt: String },
}

pub(super) fn encode_notification(notification: &Notification) -> Vec<u8> {
    let (state, due_ms) = match notification.state {
        State::Pending => (0, None),
        State::Retrying { due } => (1, Some(due.as_ms())),
        State::Delivered => (2, None),
        State::Failed => (3, None),
        State::Cancelled => (4, None),
    };
    let record = NotificationV1 {
        state,
        due_ms,
        test: notification.test,
        erased: notification.erased,
        automatic: notification.automatic,
        attempts: notification.attempts,
        manual_ms: notification.manual_at.map(Timestamp::as_ms),
        inserted_ms: notification.inserted_at.as_ms(),
        updated_ms: notification.updated_at.as_ms(),
        delivered_ms: notification.delivered_at.map(Timestamp::as_ms),
        order: notification.order.map(|order| order.0),
        awaits_predecessor: notification.awaits_predecessor,
        gap_ms: notification.gap.map(millis),
        last: notification.last.as_ref().map(attempt_record),
    };
    seal(&record, &[])
}

pub(super) fn decode_notification(
    account: AccountNo,
    key: NotificationKey,
    value: &[u8],
) -> Result<Notification, StoreError> {
    const TABLE: &str = "notification";
    let (record, _) = open::<NotificationV1>(TABLE, value)?;
    let state = match (record.state, record.due_ms) {
        (0, _) => State::Pending,
        (1, Some(due)) => State::Retrying { due: Timestamp::from_ms(due) },
        (2, _) => State::Delivered,
        (3, _) => State::Failed,
        (4, _) => State::Cancelled,
        _ => return Err(invalid(TABLE)),
    };
    Ok(Notification {
        key,
        account,
        state,
        test: record.test,
        erased: record.erased,
        automatic: record.automatic,
        attempts: record.attempts,
        manual_at: record.manual_ms.map(Timestamp::from_ms),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        updated_at: Timestamp::from_ms(record.updated_ms),
        delivered_at: record.delivered_ms.map(Timestamp::from_ms),
        order: record.order.map(OrderKey),
        awaits_predecessor: record.awaits_predecessor,
        gap: record.gap_ms.map(Duration::from_millis),
        last: match record.last {
            Some(attempt) => Some(attempt_from(attempt).ok_or_else(|| invalid(TABLE))?),
            None => None,
        },
    })
}

pub(super) fn encode_attempt(attempt: &Attempt) -> Vec<u8> {
    seal(&attempt_record(attempt), &[])
}

pub(super) fn decode_attempt(value: &[u8]) -> Result<Attempt, StoreError> {
    let (record, _) = open("attempt", value)?;
    attempt_from(record).ok_or_else(|| invalid("attempt"))
}

fn attempt_record(attempt: &Attempt) -> AttemptV1 {
    AttemptV1 {
        number: attempt.number,
        trigger: match attempt.trigger {
            Trigger::Automatic => 0,
            Trigger::Manual => 1,
            Trigger::Test => 2,
        },
        started_ms: attempt.started_at.as_ms(),
        duration_us: attempt.duration_us,
        dns_us: attempt.timings.dns_us,
        connect_us: attempt.timings.connect_us,
        tls_us: attempt.timings.tls_us,
        first_byte_us: attempt.timings.first_byte_us,
        remote_ip: attempt.remote_ip.map(|ip| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        }),
        tls_version: match attempt.tls {
            None => 0,
            Some(TlsVersion::V1_2) => 12,
            Some(TlsVersion::V1_3) => 13,
        },
        result: match &attempt.result {
            AttemptResult::Response(response) => ResultV1::Response {
                status: response.status,
                body: response.body.clone(),
                retry_after_ms: response.retry_after.map(millis),
                location: response.location.clone(),
            },
            AttemptResult::Error(error) => ResultV1::Error {
                code: error.code.as_str().to_owned(),
                message: error.message.clone(),
                message_pt: error.message_pt.clone(),
            },
        },
        next_ms: attempt.next_attempt_at.map(Timestamp::as_ms),
    }
}

fn attempt_from(record: AttemptV1) -> Option<Attempt> {
    let remote_ip = match record.remote_ip {
        None => None,
        Some(octets) => Some(match octets.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
            16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
            _ => return None,
        }),
    };
    Some(Attempt {
        number: record.number,
        trigger: match record.trigger {
            0 => Trigger::Automatic,
            1 => Trigger::Manual,
            2 => Trigger::Test,
            _ => return None,
        },
        started_at: Timestamp::from_ms(record.started_ms),
        duration_us: record.duration_us,
        timings: Timings {
            dns_us: record.dns_us,
            connect_us: record.connect_us,
            tls_us: record.tls_us,
            first_byte_us: record.first_byte_us,
        },
        remote_ip,
        tls: match record.tls_version {
            0 => None,
            12 => Some(TlsVersion::V1_2),
            13 => Some(TlsVersion::V1_3),
            _ => return None,
        },
        result: match record.result {
            ResultV1::Response { status, body, retry_after_ms, location } => AttemptResult::Response(Response {
                status,
                body,
                retry_after: retry_after_ms.map(Duration::from_millis),
                location,
            }),
            ResultV1::Error { code, message, message_pt } => {
                AttemptResult::Error(AttemptError { code: ErrorCode::parse(&code)?, message, message_pt })
            }
        },
        next_attempt_at: record.next_ms.map(Timestamp::from_ms),
    })
}

#[cfg(test)]
mod tests;
