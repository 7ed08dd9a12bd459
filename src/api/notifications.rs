//! `/api/notifications`

use super::call::Call;
use super::query;
use crate::http::{Answer, Failure};
use crate::model::{Attempt, AttemptError, AttemptResult, NotificationFilter, NotificationId, TlsVersion};
use crate::service::attempt_error;
use crate::service::{NotificationDetail, NotificationView};
use http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let filter = query.notification_filter(&NotificationFilter::FIELDS);
    let paging = query.paging();
    query.finish()?;
    let page = call.service.notifications(&call.caller, filter, paging.order, paging.cursor, paging.limit).await?;
    let shapes: Vec<NotificationShape> = page.items.iter().map(NotificationShape::of).collect();
    Ok(Answer::page(&shapes, paging.text_of(page.next), paging.limit))
}

pub(super) async fn show(call: &Call, id: NotificationId) -> Result<Answer, Failure> {
    query::none(call.query())?;
    let detail = call.service.notification(&call.caller, id).await?;
    Ok(Answer::data(StatusCode::OK, &DetailShape::of(&detail)))
}

pub(super) async fn resend(call: &Call, id: NotificationId) -> Result<Answer, Failure> {
    query::none(call.query())?;
    let view = call.service.resend(&call.caller, id).await?;
    Ok(Answer::data(StatusCode::ACCEPTED, &NotificationShape::of(&view)))
}

#[derive(Serialize)]
pub(super) struct NotificationShape<'a> {
    id: String,
    event_id: String,
    webhook_id: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    target: &'a str,
    status: &'static str,
    attempts_count: u16,
    max_attempts: u8,
    next_attempt_at: Option<String>,
    response_status: Option<u16>,
    delivered_at: Option<String>,
    inserted_at: String,
    updated_at: String,
}

impl<'a> NotificationShape<'a> {
    pub(super) fn of(view: &'a NotificationView) -> Self {
        Self {
            id: view.id.to_string(),
            event_id: view.event_id.to_string(),
            webhook_id: view.webhook_id.to_string(),
            event_type: &view.event_type,
            target: &view.target,
            status: view.status.as_str(),
            attempts_count: view.attempts_count,
            max_attempts: view.max_attempts,
            next_attempt_at: view.next_attempt_at.map(|at| at.to_string()),
            response_status: view.response_status,
            delivered_at: view.delivered_at.map(|at| at.to_string()),
            inserted_at: view.inserted_at.to_string(),
            updated_at: view.updated_at.to_string(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct DetailShape<'a> {
    #[serde(flatten)]
    notification: NotificationShape<'a>,
    attempts: Vec<AttemptShape<'a>>,
}

impl<'a> DetailShape<'a> {
    pub(super) fn of(detail: &'a NotificationDetail) -> Self {
        Self {
            notification: NotificationShape::of(&detail.view),
            attempts: detail.attempts.iter().map(AttemptShape::of).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AttemptShape<'a> {
    number: u16,
    trigger: &'static str,
    started_at: String,
    duration_ms: f64,
    timings: TimingsShape,
    remote_ip: Option<String>,
    tls_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorShape<'a>>,
    next_attempt_at: Option<String>,
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

#[derive(Serialize)]
struct ErrorShape<'a> {
    code: &'static str,
    message: Cow<'a, str>,
    message_pt: Cow<'a, str>,
}

impl<'a> ErrorShape<'a> {
    fn of(error: Cow<'a, AttemptError>) -> Self {
        let code = error.code.as_str();
        match error {
            Cow::Borrowed(error) => {
                Self { code, message: Cow::Borrowed(&error.message), message_pt: Cow::Borrowed(&error.message_pt) }
            }
            Cow::Owned(error) => {
                Self { code, message: Cow::Owned(error.message), message_pt: Cow::Owned(error.message_pt) }
            }
        }
    }
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
            trigger: attempt.trigger.as_str(),
            started_at: attempt.started_at.to_string(),
            duration_ms: ms(attempt.duration_us),
            timings: TimingsShape {
                dns_ms: attempt.timings.dns_us.map(ms),
                connect_ms: attempt.timings.connect_us.map(ms),
                tls_ms: attempt.timings.tls_us.map(ms),
                first_byte_ms: attempt.timings.first_byte_us.map(ms),
                total_ms: ms(attempt.duration_us),
            },
            remote_ip: attempt.remote_ip.map(|ip| ip.to_string()),
            tls_version: attempt.tls.map(TlsVersion::as_str),
            response_status: response.map(|response| response.status),
            response_body: response.map(|response| String::from_utf8_lossy(&response.body).into_owned()),
            location: response.and_then(|response| response.location.as_deref()),
            error: attempt_error(&attempt.result).map(ErrorShape::of),
            next_attempt_at: attempt.next_attempt_at.map(|at| at.to_string()),
        }
    }
}
