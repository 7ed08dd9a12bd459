//! `/api/webhooks/{id}/backfill` and `/api/webhooks/backfill`: what a webhook has not received.

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::{JsonFields, JsonValue};
use super::resends::OutcomesShape;
use crate::gather::Gather as _;
use crate::http::{Answer, Failure};
use crate::model::{BulkJob, JobId, JobKind, JobState, Pattern, Timestamp, WebhookId};
use crate::service::{BackfillDraft, CsvList};
use http::{StatusCode, header};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) async fn start(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    // Whose it is comes before what is wrong with the body.
    call.service.webhook(&call.caller, id)?;
    let (draft, dry_run) = call.read(draft).await?;
    if dry_run {
        #[derive(Serialize)]
        struct CountShape {
            matched: u64,
            would_create: u64,
            exact: bool,
        }
        let count = call.service.count_backfill(&call.caller, id, draft).await?;
        let shape = CountShape { matched: count.matched, would_create: count.would_create, exact: count.exact };
        return Ok(Answer::data(StatusCode::OK, &shape));
    }
    let job = call.service.backfill(&call.caller, id, draft).await?;
    let location = format!("/api/webhooks/backfill/{}", job.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &BackfillShape::of(&job)).with(header::LOCATION, &location))
}

fn draft(body: &[u8]) -> Result<(BackfillDraft, bool), Failure> {
    let mut fields = JsonFields::of_body(body)?;
    let from = fields.required("from", JsonValue::time);
    let to = fields.optional("to", JsonValue::time);
    let event_type = fields.optional("type", |value| Pattern::read(&value.text()?));
    let dry_run = fields.optional("dry_run", JsonValue::boolean).unwrap_or(false);
    let from = fields.finish_with(from)?;
    Ok((BackfillDraft { from, to, event_type }, dry_run))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Jobs(JobKind::Backfill)));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.bulk_jobs(&call.caller, JobKind::Backfill, paging.listing);
    Ok(paging.answer(&page, BackfillShape::of))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(call: &Call, id: JobId) -> Result<Answer, Failure> {
    let job = call.service.bulk_job(&call.caller, JobKind::Backfill, id)?;
    Ok(Answer::data(StatusCode::OK, &BackfillShape::of(&job)))
}

pub(super) async fn cancel(call: &Call, id: JobId) -> Result<Answer, Failure> {
    let job = call.service.cancel_job(&call.caller, JobKind::Backfill, id).await?;
    Ok(Answer::data(StatusCode::OK, &BackfillShape::of(&job)))
}

#[derive(Serialize)]
struct BackfillShape {
    id: JobId,
    status: JobState,
    webhook_id: Option<WebhookId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    matched: u64,
    created: u64,
    outcomes: OutcomesShape,
    skipped: u64,
    skipped_by: BTreeMap<&'static str, u64>,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl BackfillShape {
    fn of(job: &BulkJob) -> Self {
        Self {
            id: job.id,
            status: job.state,
            webhook_id: job.filter.webhook_id,
            from: job.filter.from,
            to: job.filter.to,
            event_type: job.filter.event_type.as_ref().map(ToString::to_string),
            matched: job.queued,
            created: job.made,
            outcomes: OutcomesShape::of(job),
            skipped: job.skipped.total(),
            skipped_by: job.skipped.iter().map(|(reason, count)| (reason.as_str(), count)).gather(),
            inserted_at: job.inserted_at,
            updated_at: job.updated_at,
            ended_at: job.ended_at,
        }
    }
}
