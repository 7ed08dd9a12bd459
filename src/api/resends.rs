//! `/api/notifications/resend`: bulk resends.

use super::call::Call;
use super::fields::JsonFields;
use crate::http::{Answer, Failure};
use crate::model::{BulkResend, Filter as _, FilterUse, NotificationFilter, ResendId, ResendState, Timestamp};
use http::{StatusCode, header};
use serde::{Serialize, Serializer};

pub(super) async fn start(call: &Call) -> Result<Answer, Failure> {
    let resend = call.service.resend_many(&call.caller, call.read(filter).await?).await?;
    let location = format!("/api/notifications/resend/{}", resend.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &ResendShape::of(&resend)).with(header::LOCATION, &location))
}

fn filter(body: &[u8]) -> Result<NotificationFilter, Failure> {
    let mut frame = JsonFields::of_body(body)?;
    // `filter` must be there, if only as {}: re-sending everything is asked for in so many words.
    let filter = frame
        .required("filter", |value| if value.is_object() { Ok(value) } else { Err("must be an object".to_owned()) });
    let mut fields = JsonFields::of(frame.finish_with(filter)?, "filter".to_owned());
    let mut filter = NotificationFilter::default();
    for field in NotificationFilter::fields(FilterUse::Resend) {
        fields.optional(field.name, |value| field.set(&mut filter, &value.text()?));
    }
    fields.finish()?;
    Ok(filter)
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let paging = query.paging();
    query.finish()?;
    Ok(paging.answer(&call.service.resends(&call.caller, paging.listing), ResendShape::of))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(call: &Call, id: ResendId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.bulk_resend(&call.caller, id)?)))
}

pub(super) async fn cancel(call: &Call, id: ResendId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.cancel_resend(&call.caller, id).await?)))
}

#[derive(Serialize)]
struct ResendShape<'a> {
    id: ResendId,
    status: ResendState,
    filter: FilterShape<'a>,
    queued: u64,
    resent: u64,
    skipped: u64,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// Every field, `null` where it isn't set.
struct FilterShape<'a>(&'a NotificationFilter);

impl Serialize for FilterShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = NotificationFilter::fields(FilterUse::Resend);
        serializer.collect_map(fields.map(|field| (field.name, field.get(self.0))))
    }
}

impl<'a> ResendShape<'a> {
    fn of(resend: &'a BulkResend) -> Self {
        Self {
            id: resend.id,
            status: resend.state,
            filter: FilterShape(&resend.filter),
            queued: resend.queued,
            resent: resend.resent,
            skipped: resend.skipped,
            inserted_at: resend.inserted_at,
            updated_at: resend.updated_at,
            ended_at: resend.ended_at,
        }
    }
}
