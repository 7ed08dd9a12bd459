//! `/api/notifications`

use super::call::Call;
use super::csv::CsvFormat;
use crate::http::{Answer, Failure};
use crate::model::{
    Attempt, AttemptError, AttemptResult, FilterUse, NotificationId, Timestamp, TlsVersion, Trigger, localized,
};
use crate::service::{CsvList, HeaderText, NotificationDetail, NotificationView, attempt_error, request_as_curl};
use http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;
use std::net::IpAddr;

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let filter = query.filter(FilterUse::List);
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Notifications(filter)));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.notifications(&call.caller, filter, paging.listing).await?;
    Ok(paging.answer(&page, |view| view))
}

pub(super) async fn show(call: &Call, id: NotificationId) -> Result<Answer, Failure> {
    let detail = call.service.notification(&call.caller, id).await?;
    Ok(Answer::data(StatusCode::OK, &DetailShape::of(&detail)))
}

pub(super) async fn resend(call: &Call, id: NotificationId) -> Result<Answer, Failure> {
    let view = call.service.resend(&call.caller, id).await?;
    Ok(Answer::data(StatusCode::ACCEPTED, &view))
}

#[derive(Serialize)]
pub(super) struct DetailShape<'a> {
    #[serde(flatten)]
    notification: &'a NotificationView,
    attempts: Vec<AttemptShape<'a>>,
}

impl<'a> DetailShape<'a> {
    pub(super) fn of(detail: &'a NotificationDetail) -> Self {
        Self { notification: &detail.view, attempts: detail.attempts.iter().map(AttemptShape::of).collect() }
    }
}

#[derive(Serialize)]
pub(super) struct AttemptShape<'a> {
    number: u16,
    trigger: Trigger,
    started_at: Timestamp,
    duration_ms: f64,
    timings: TimingsShape,
    remote_ip: Option<IpAddr>,
    tls_version: Option<TlsVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_headers: Option<Vec<HeaderShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, AttemptError>>,
    next_attempt_at: Option<Timestamp>,
    request: Option<SentShape<'a>>,
}

/// What is kept of a request; [`request`] builds it again.
#[derive(Serialize)]
struct SentShape<'a> {
    target: &'a str,
    sent: bool,
    headers: Vec<&'a str>,
}

#[derive(Serialize)]
struct HeaderShape<'a> {
    name: &'a str,
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<&'static str>,
}

/// The request of an attempt, built again.
pub(super) async fn request(call: &Call, id: NotificationId) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct RequestShape<'a> {
        attempt: u16,
        method: &'static str,
        target: &'a str,
        sent: bool,
        headers: Vec<HeaderShape<'a>>,
        body: Option<Cow<'a, str>>,
        curl: Option<String>,
    }
    let mut query = call.list();
    let attempt = query.optional("attempt", |text| {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| localized!("must be the number of an attempt", "deve ser o número de uma tentativa"))
    });
    query.finish()?;
    let request = call.service.rebuilt_request(&call.caller, id, attempt).await?;
    let headers = request.headers.iter().map(|header| {
        let (value, hidden) = match &header.value {
            HeaderText::Sent(value) => (Some(&**value), None),
            HeaderText::Masked => (None, Some("masked")),
            HeaderText::Lost(why) => (None, Some(why.as_str())),
        };
        HeaderShape { name: header.name.as_str(), value, hidden }
    });
    let shape = RequestShape {
        attempt: request.attempt,
        method: request.method,
        target: &request.target,
        sent: request.sent,
        headers: headers.collect(),
        body: request.body.as_deref().map(String::from_utf8_lossy),
        curl: request_as_curl(&request),
    };
    Ok(Answer::data(StatusCode::OK, &shape))
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
struct TimingsShape {
    dns_ms: Option<f64>,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
    first_byte_ms: Option<f64>,
    total_ms: f64,
}

impl<'a> AttemptShape<'a> {
    pub(super) fn of(attempt: &'a Attempt) -> Self {
        let ms = |us: u32| f64::from(us) / 1000.0;
        let response = match &attempt.result {
            AttemptResult::Response(response) => Some(response),
            AttemptResult::Error(_) => None,
        };
        Self {
            number: attempt.number,
            trigger: attempt.trigger,
            started_at: attempt.started_at,
            duration_ms: ms(attempt.duration_us),
            timings: TimingsShape {
                dns_ms: attempt.timings.dns_us.map(ms),
                connect_ms: attempt.timings.connect_us.map(ms),
                tls_ms: attempt.timings.tls_us.map(ms),
                first_byte_ms: attempt.timings.first_byte_us.map(ms),
                total_ms: ms(attempt.duration_us),
            },
            remote_ip: attempt.remote_ip,
            tls_version: attempt.tls,
            response_status: response.map(|response| response.status),
            response_body: response.map(|response| String::from_utf8_lossy(&response.body)),
            response_headers: response.map(|response| {
                let lines = response.head.headers.iter();
                lines.map(|(name, value)| HeaderShape { name, value: Some(value), hidden: None }).collect()
            }),
            location: response.and_then(|response| response.location.as_deref()),
            error: attempt_error(&attempt.result),
            next_attempt_at: attempt.next_attempt_at,
            request: attempt.request.as_deref().map(|request| SentShape {
                target: &request.target,
                sent: request.sent,
                headers: request.headers.iter().map(|header| header.name.as_str()).collect(),
            }),
        }
    }
}
