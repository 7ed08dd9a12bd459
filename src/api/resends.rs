//! `/api/notifications/resend`: bulk resends.

use super::call::Call;
use super::fields::JsonFields;
use crate::http::{Answer, Failure};
use crate::model::{NotificationFilter, ResendId, ResendState, Timestamp};
use crate::service::ResendView;
use http::{StatusCode, header};
use serde::{Serialize, Serializer};

/// What a bulk resend is narrowed by: one event is re-sent by itself.
const RESEND_FIELDS: [&str; 6] = ["webhook_id", "status", "type", "response_status", "from", "to"];

pub(super) async fn start(call: &Call) -> Result<Answer, Failure> {
    let view = call.service.resend_many(&call.caller, call.read(filter).await?).await?;
    let location = format!("/api/notifications/resend/{}", view.resend.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &ResendShape::of(&view)).with(header::LOCATION, &location))
}

fn filter(body: &[u8]) -> Result<NotificationFilter, Failure> {
    let mut frame = JsonFields::of_body(body)?;
    // `filter` must be there, if only as {}: re-sending everything is asked for in so many words.
    let filter = frame
        .required("filter", |value| if value.is_object() { Ok(value) } else { Err("must be an object".to_owned()) });
    frame.finish()?;
    let Some(filter) = filter else {
        unreachable!("finish() has answered for the required field that is missing");
    };
    let mut fields = JsonFields::of(filter, "filter".to_owned());
    let mut filter = NotificationFilter::default();
    for name in RESEND_FIELDS {
        fields.optional(name, |value| filter.set(name, &value.text()?));
    }
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
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.bulk_resend(&call.caller, id).await?)))
}

pub(super) async fn cancel(call: &Call, id: ResendId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.cancel_resend(&call.caller, id).await?)))
}

#[derive(Serialize)]
struct ResendShape {
    id: ResendId,
    status: ResendState,
    filter: FilterShape,
    queued: u64,
    resent: u64,
    skipped: u64,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// Every field, `null` where it isn't set.
struct FilterShape(NotificationFilter);

impl Serialize for FilterShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(RESEND_FIELDS.map(|name| (name, self.0.get(name))))
    }
}

impl ResendShape {
    fn of(view: &ResendView) -> Self {
        let resend = &view.resend;
        Self {
            id: resend.id,
            status: resend.state,
            filter: FilterShape(view.filter()),
            queued: resend.queued,
            resent: resend.resent,
            skipped: resend.skipped,
            inserted_at: resend.inserted_at,
            updated_at: resend.updated_at,
            ended_at: resend.ended_at,
        }
    }
}
