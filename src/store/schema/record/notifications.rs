//! Notifications and their attempts.

use crate::model::{
    AccountNo, Attempt, AttemptError, AttemptResult, ErrorCode, KeptHead, Notification, NotificationKey, OfJob,
    OrderKey, Response, SentHeader, SentRequest, State, Timestamp, Timings, TlsVersion, Trigger, millis,
};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use http::HeaderName;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
pub(crate) struct NotificationV1 {
    pub(crate) state: u8,
    pub(crate) due_ms: Option<u64>,
    pub(crate) test: bool,
    pub(crate) erased: bool,
    pub(crate) automatic: u8,
    pub(crate) attempts: u16,
    pub(crate) manual_ms: Option<u64>,
    pub(crate) inserted_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) delivered_ms: Option<u64>,
    /// Its order, where its webhook keeps one.
    pub(crate) order: Option<u64>,
    /// Whether one before it in that order has to end first.
    pub(crate) awaits_predecessor: bool,
    /// How long after the last automatic attempt the next one was scheduled.
    pub(crate) gap_ms: Option<u64>,
    /// The number of the bulk job that it belongs to, and whether that has counted it.
    pub(crate) job: Option<(u64, bool)>,
    pub(crate) last: Option<AttemptV1>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AttemptV1 {
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
    request: Option<RequestV1>,
    result: ResultV1,
    next_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RequestV1 {
    target: String,
    sent: bool,
    /// A byte for each header: its place in [`KNOWN_HEADERS`], or [`OTHER_HEADER`] for the next of `others`; with
    /// [`OWN_HEADER`] where it is the webhook's own.
    headers: Vec<u8>,
    others: Vec<String>,
    user_agent: String,
    signature_tag: u64,
}

/// The headers that nearly every request has. Part of the format: new ones go to the end.
const KNOWN_HEADERS: [&str; 12] = [
    "host",
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "webhook-timestamp",
    "webhook-signature",
    "carteiro-attempt",
    "webhook-id",
    "traceparent",
    "tracestate",
    "content-length",
];
const OTHER_HEADER: u8 = 0x7f;
const OWN_HEADER: u8 = 0x80;

#[derive(Serialize, Deserialize)]
pub(crate) enum ResultV1 {
    Response {
        status: u16,
        body: Vec<u8>,
        retry_after_ms: Option<u64>,
        location: Option<String>,
        headers: Vec<(String, String)>,
        headers_cut: bool,
    },
    Error {
        code: String,
        message: String,
        message_pt: String,
    },
}

pub(crate) fn encode_notification(notification: &Notification) -> Vec<u8> {
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
        job: notification.job.map(|job| (job.number, job.counted)),
        last: notification.last.as_ref().map(attempt_record),
    };
    seal(&record, &[])
}

pub(crate) fn decode_notification(
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
        job: record.job.map(|(number, counted)| OfJob { number, counted }),
        last: match record.last {
            Some(attempt) => Some(attempt_from(attempt).ok_or_else(|| invalid(TABLE))?),
            None => None,
        },
    })
}

pub(crate) fn encode_attempt(attempt: &Attempt) -> Vec<u8> {
    seal(&attempt_record(attempt), &[])
}

pub(crate) fn decode_attempt(value: &[u8]) -> Result<Attempt, StoreError> {
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
        request: attempt.request.as_deref().map(request_record),
        result: match &attempt.result {
            AttemptResult::Response(response) => ResultV1::Response {
                status: response.status,
                body: response.body.clone(),
                retry_after_ms: response.retry_after.map(millis),
                location: response.location.clone(),
                headers: response.head.headers.clone(),
                headers_cut: response.head.cut,
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

fn request_record(request: &SentRequest) -> RequestV1 {
    let mut others = Vec::new();
    let headers = request.headers.iter().map(|header| {
        let known = (0..).zip(KNOWN_HEADERS).find(|(_, name)| header.name == *name).map(|(at, _)| at);
        let at = known.unwrap_or_else(|| {
            others.push(header.name.as_str().to_owned());
            OTHER_HEADER
        });
        if header.own { at | OWN_HEADER } else { at }
    });
    RequestV1 {
        target: request.target.clone(),
        sent: request.sent,
        headers: headers.collect(),
        others,
        user_agent: request.user_agent.clone(),
        signature_tag: request.signature_tag,
    }
}

/// `None` for names that are none.
fn request_from(record: RequestV1) -> Option<SentRequest> {
    let mut others = record.others.into_iter();
    let headers = record.headers.into_iter().map(|byte| {
        let name = match byte & !OWN_HEADER {
            OTHER_HEADER => HeaderName::try_from(others.next()?).ok()?,
            at => HeaderName::from_static(KNOWN_HEADERS.get(usize::from(at))?),
        };
        Some(SentHeader { name, own: byte & OWN_HEADER != 0 })
    });
    Some(SentRequest {
        target: record.target,
        sent: record.sent,
        headers: headers.collect::<Option<_>>()?,
        user_agent: record.user_agent,
        signature_tag: record.signature_tag,
    })
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
        request: match record.request {
            Some(request) => Some(Box::new(request_from(request)?)),
            None => None,
        },
        result: match record.result {
            ResultV1::Response { status, body, retry_after_ms, location, headers, headers_cut } => {
                AttemptResult::Response(Response {
                    status,
                    body,
                    retry_after: retry_after_ms.map(Duration::from_millis),
                    location,
                    head: KeptHead { headers, cut: headers_cut },
                })
            }
            ResultV1::Error { code, message, message_pt } => {
                AttemptResult::Error(AttemptError { code: ErrorCode::parse(&code)?, message, message_pt })
            }
        },
        next_attempt_at: record.next_ms.map(Timestamp::from_ms),
    })
}
