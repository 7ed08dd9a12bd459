//! `/api/erasures`: all events of one order or customer.

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::{JsonFields, JsonValue};
use crate::http::{Answer, Failure};
use crate::model::{Erasure, ErasureId, ErasureState, SearchText, Timestamp};
use crate::service::CsvList;
use http::{StatusCode, header};
use serde::Serialize;

pub(super) async fn start(call: &Call) -> Result<Answer, Failure> {
    let ErasureRequest { key, external_id, dry_run } = call.read(erasure_request).await?;
    if dry_run {
        #[derive(Serialize)]
        struct CountShape {
            events: u64,
            notifications: u64,
        }
        let count = call.service.count_erasure(&call.caller, key, external_id).await?;
        let shape = CountShape { events: count.events, notifications: count.notifications };
        return Ok(Answer::data(StatusCode::OK, &shape));
    }
    let erasure = call.service.begin_erasure(&call.caller, key, external_id).await?;
    let location = format!("/api/erasures/{}", erasure.id);
    Ok(Answer::data(StatusCode::ACCEPTED, &ErasureShape::of(&erasure)).with(header::LOCATION, &location))
}

/// What a body asks for.
struct ErasureRequest {
    key: SearchText,
    external_id: bool,
    dry_run: bool,
}

fn erasure_request(body: &[u8]) -> Result<ErasureRequest, Failure> {
    let mut fields = JsonFields::of_body(body)?;
    let key = fields.required("q", |value| SearchText::parse(&value.text()?).ok_or_else(SearchText::must));
    let external_id = fields.optional("external_id", JsonValue::boolean).unwrap_or(false);
    let dry_run = fields.optional("dry_run", JsonValue::boolean).unwrap_or(false);
    Ok(ErasureRequest { key: fields.finish_with(key)?, external_id, dry_run })
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Erasures));
    }
    let paging = query.paging();
    query.finish()?;
    Ok(paging.answer(&call.service.erasures(&call.caller, paging.listing), ErasureShape::of))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(call: &Call, id: ErasureId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ErasureShape::of(&call.service.erasure(&call.caller, id)?)))
}

pub(super) async fn cancel(call: &Call, id: ErasureId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &ErasureShape::of(&call.service.cancel_erasure(&call.caller, id).await?)))
}

#[derive(Serialize)]
struct ErasureShape<'a> {
    id: ErasureId,
    status: ErasureState,
    q: Option<&'a str>,
    external_id: bool,
    events: u64,
    erased: u64,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl<'a> ErasureShape<'a> {
    fn of(erasure: &'a Erasure) -> Self {
        Self {
            id: erasure.id,
            status: erasure.state,
            q: erasure.key.as_ref().map(SearchText::as_str),
            external_id: erasure.external_id,
            events: erasure.events,
            erased: erasure.erased,
            inserted_at: erasure.inserted_at,
            updated_at: erasure.updated_at,
            ended_at: erasure.ended_at,
        }
    }
}
