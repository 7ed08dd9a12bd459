//! `/api/notifications/resend`: bulk resends.

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::{JsonFields, JsonValue, must_be_object};
use crate::gather::Gather as _;
use crate::http::{Answer, Failure};
use crate::model::{
    BulkJob, Filter as _, FilterUse, JobId, JobKind, JobOutcomes, JobState, NotificationFilter, Timestamp,
};
use crate::service::CsvList;
use http::{StatusCode, header};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) async fn start(call: &Call) -> Result<Answer, Failure> {
    let BulkRequest { filter, include_delivered, dry_run } = call.read(bulk_request).await?;
    if dry_run {
        #[derive(Serialize)]
        struct CountShape {
            queued: u64,
        }
        let queued = call.service.count_resend(&call.caller, filter, include_delivered).await?;
        return Ok(Answer::data(StatusCode::OK, &CountShape { queued }));
    }
    let resend = call.service.resend_many(&call.caller, filter, include_delivered).await?;
    let location = format!("/api/notifications/resend/{}", resend.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &ResendShape::of(&resend)).with(header::LOCATION, &location))
}

/// How a filter's fields say that their value is true or false.
const BOOL: &str = "BOOL";

/// What a body asks for.
struct BulkRequest {
    filter: NotificationFilter,
    include_delivered: bool,
    dry_run: bool,
}

fn bulk_request(body: &[u8]) -> Result<BulkRequest, Failure> {
    let mut frame = JsonFields::of_body(body)?;
    let include_delivered = frame.optional("include_delivered", JsonValue::boolean).unwrap_or(false);
    let dry_run = frame.optional("dry_run", JsonValue::boolean).unwrap_or(false);
    // `filter` must be there, if only as {}: re-sending everything is asked for in so many words.
    let filter = frame.required("filter", |value| if value.is_object() { Ok(value) } else { Err(must_be_object()) });
    let mut fields = JsonFields::of(frame.finish_with(filter)?, "filter".to_owned());
    let mut filter = NotificationFilter::default();
    for field in NotificationFilter::fields(FilterUse::Resend) {
        fields.optional(field.name, |value| match value.boolean() {
            Ok(yes) if field.value == BOOL => field.set(&mut filter, &yes.to_string()),
            Ok(_) | Err(_) => field.set(&mut filter, &value.text()?),
        });
    }
    fields.finish()?;
    Ok(BulkRequest { filter, include_delivered, dry_run })
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Jobs(JobKind::Resend)));
    }
    let paging = query.paging();
    query.finish()?;
    Ok(paging.answer(&call.service.bulk_jobs(&call.caller, JobKind::Resend, paging.listing), ResendShape::of))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(call: &Call, id: JobId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ResendShape::of(&call.service.bulk_job(&call.caller, JobKind::Resend, id)?)))
}

pub(super) async fn cancel(call: &Call, id: JobId) -> Result<Answer, Failure> {
    Ok(Answer::data(
        StatusCode::OK,
        &ResendShape::of(&call.service.cancel_job(&call.caller, JobKind::Resend, id).await?),
    ))
}

#[derive(Serialize)]
struct ResendShape<'a> {
    id: JobId,
    status: JobState,
    filter: FilterShape<'a>,
    include_delivered: bool,
    queued: u64,
    resent: u64,
    outcomes: OutcomesShape,
    skipped: u64,
    skipped_by: BTreeMap<&'static str, u64>,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// How what a bulk job has requested or created ended, and how much of it has not.
pub(super) struct OutcomesShape {
    pending: u64,
    outcomes: JobOutcomes,
}

impl OutcomesShape {
    pub(super) fn of(job: &BulkJob) -> Self {
        Self { pending: job.pending(), outcomes: job.outcomes }
    }
}

impl Serialize for OutcomesShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ended = self.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), count));
        serializer.collect_map([("pending", self.pending)].into_iter().chain(ended))
    }
}

/// Every field, `null` where it isn't set.
struct FilterShape<'a>(&'a NotificationFilter);

impl Serialize for FilterShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = NotificationFilter::fields(FilterUse::Resend);
        serializer.collect_map(fields.map(|field| {
            let value = field.get(self.0).map(|text| match &*text {
                "true" | "false" if field.value == BOOL => Value::Bool(text == "true"),
                _ => Value::String(text),
            });
            (field.name, value)
        }))
    }
}

impl<'a> ResendShape<'a> {
    fn of(resend: &'a BulkJob) -> Self {
        Self {
            id: resend.id,
            status: resend.state,
            filter: FilterShape(&resend.filter),
            include_delivered: resend.includes_delivered(),
            queued: resend.queued,
            resent: resend.made,
            outcomes: OutcomesShape::of(resend),
            skipped: resend.skipped.total(),
            skipped_by: resend.skipped.iter().map(|(reason, count)| (reason.as_str(), count)).gather(),
            inserted_at: resend.inserted_at,
            updated_at: resend.updated_at,
            ended_at: resend.ended_at,
        }
    }
}
