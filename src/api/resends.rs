//! `/api/notifications/resend`: bulk resends.

use super::call::Call;
use super::fields::{Fields, Value};
use super::notifications::{response_filter, status, webhook_id};
use super::query;
use crate::http::{Answer, Failure};
use crate::model::{Pattern, ResendId, Status, Timestamp};
use crate::service::{NotificationFilter, ResendView};
use http::{StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;

pub(super) async fn start(call: &Call) -> Result<Answer, Failure> {
    query::none(call.query())?;
    let view = call.service.resend_many(&call.caller, call.read(filter).await?).await?;
    let location = format!("/api/notifications/resend/{}", view.resend.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &ResendShape::of(&view)).with(header::LOCATION, &location))
}

fn filter(body: &[u8]) -> Result<NotificationFilter, Failure> {
    let mut frame = Fields::of_body(body)?;
    // `filter` must be there, if only as {}: re-sending everything is asked for in so many words.
    let filter = frame
        .required("filter", |value| if value.is_object() { Ok(value) } else { Err("must be an object".to_owned()) });
    frame.finish()?;
    let Some(filter) = filter else {
        unreachable!("finish() has answered for the required field that is missing");
    };
    let mut fields = Fields::of(filter, "filter".to_owned());
    let text = |value: Value<'_>| value.text().map(Cow::into_owned);
    let timestamp = |value: Value<'_>| {
        Timestamp::parse(&text(value)?).map_err(|_| "must be an ISO 8601 time such as 2026-11-23T10:00:00Z".to_owned())
    };
    let filter = NotificationFilter {
        webhook_id: fields.optional("webhook_id", |value| webhook_id(&text(value)?)),
        event_id: None,
        status: fields.optional("status", |value| status(&text(value)?)),
        event_type: fields.optional("type", |value| query::pattern(&text(value)?)),
        response: fields.optional("response_status", |value| response_filter(&text(value)?)),
        from: fields.optional("from", timestamp),
        to: fields.optional("to", timestamp),
    };
    fields.finish()?;
    Ok(filter)
}

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let paging = query.paging();
    query.finish()?;
    let page = call.service.resends(&call.caller, paging.order, paging.cursor, paging.limit).await?;
    let shapes: Vec<ResendShape> = page.items.iter().map(ResendShape::of).collect();
    Ok(Answer::page(&shapes, paging.text_of(page.next), paging.limit))
}

pub(super) async fn show(call: &Call, id: ResendId) -> Result<Answer, Failure> {
    query::none(call.query())?;
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.bulk_resend(&call.caller, id).await?)))
}

pub(super) async fn cancel(call: &Call, id: ResendId) -> Result<Answer, Failure> {
    query::none(call.query())?;
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.cancel_resend(&call.caller, id).await?)))
}

#[derive(Serialize)]
struct ResendShape {
    id: String,
    status: &'static str,
    filter: FilterShape,
    queued: u64,
    resent: u64,
    skipped: u64,
    inserted_at: String,
    updated_at: String,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct FilterShape {
    webhook_id: Option<String>,
    status: Option<&'static str>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    response_status: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl ResendShape {
    fn of(view: &ResendView) -> Self {
        let ResendView { resend, webhook_id } = view;
        let filter = &resend.filter;
        Self {
            id: resend.id.to_string(),
            status: resend.state.as_str(),
            filter: FilterShape {
                webhook_id: webhook_id.map(|id| id.to_string()),
                status: filter.status.map(Status::as_str),
                event_type: filter.event_type.as_ref().map(Pattern::to_string),
                response_status: filter.response.map(|response| response.to_string()),
                from: filter.from.map(|at| at.to_string()),
                to: filter.to.map(|at| at.to_string()),
            },
            queued: resend.queued,
            resent: resend.resent,
            skipped: resend.skipped,
            inserted_at: resend.inserted_at.to_string(),
            updated_at: resend.updated_at.to_string(),
            ended_at: resend.ended_at.map(|at| at.to_string()),
        }
    }
}
