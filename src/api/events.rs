//! `/api/events`, `/api/event_types`

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::{JsonFields, JsonValue, must_be_object, must_be_uuid};
use super::idempotency::{self, REPLAYED};
use super::notifications::DetailShape;
use super::query::Query;
use crate::gather::Gather as _;
use crate::http::{Answer, Failure, MAX_NAMED_FIELDS};
use crate::model::{About, Event, EventId, EventType, FilterUse, Sentences, Status, Timestamp, WebhookId, localized};
use crate::service::{CsvList, EventDraft, Recorded};
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The largest resource of one event, in bytes.
const MAX_RESOURCE_BYTES: usize = 256 * 1024;
/// The most events of one batch.
const MAX_BATCH: usize = 1000;
/// The longest `external_id`, in bytes.
const MAX_EXTERNAL_ID_BYTES: usize = 255;

pub(super) async fn record(call: &mut Call) -> Result<Answer, Failure> {
    let recorded = taken(call, one, false).await?;
    let Some(event) = recorded.events.first() else {
        // A repetition of a key that answered an empty list can't come from here.
        return Err(Failure::not_found());
    };
    let location = format!("/api/events/{}", event.id);
    let shape = EventShape::of(event);
    Ok(if recorded.replayed {
        Answer::data(StatusCode::OK, &shape).with(REPLAYED, "true")
    } else {
        Answer::data(StatusCode::CREATED, &shape).with(header::LOCATION, &location)
    })
}

pub(super) async fn record_batch(call: &mut Call) -> Result<Answer, Failure> {
    let recorded = taken(call, several, true).await?;
    let shapes: Vec<EventShape> = recorded.events.iter().map(EventShape::of).collect();
    Ok(if recorded.replayed {
        Answer::data(StatusCode::OK, &shapes).with(REPLAYED, "true")
    } else {
        Answer::data(StatusCode::CREATED, &shapes)
    })
}

async fn taken(
    call: &mut Call,
    read: fn(&[u8]) -> Result<Vec<EventDraft<'_>>, Failure>,
    in_batch: bool,
) -> Result<Recorded, Failure> {
    let key = idempotency::key(&call.head.headers)?;
    let trace = call.trace();
    let prepared = call.read(|body| {
        let mut drafts = read(body)?;
        for draft in &mut drafts {
            draft.trace.clone_from(&trace);
        }
        Ok(call.service.prepare_events(&call.caller, drafts, in_batch)?)
    });
    let prepared = prepared.await?;
    // What is recorded was copied out of it.
    call.body.release();
    Ok(call.service.record(&call.caller, prepared, key).await?)
}

/// The one event of a body.
pub(super) fn one(body: &[u8]) -> Result<Vec<EventDraft<'_>>, Failure> {
    let mut fields = JsonFields::within(body, "event")?;
    let draft = draft(&mut fields);
    fields.finish()?;
    Ok(draft.into_iter().collect())
}

/// The events of a batch's body, in their order.
pub(super) fn several(body: &[u8]) -> Result<Vec<EventDraft<'_>>, Failure> {
    let mut frame = JsonFields::of_body(body)?;
    let items = frame.required("events", |value| value.list(MAX_BATCH));
    if let Some(items) = &items
        && !(1..=MAX_BATCH).contains(&items.len())
    {
        frame.problem("events", localized!("must have 1 to {MAX_BATCH} events", "deve ter de 1 a {MAX_BATCH} eventos"));
    }
    frame.finish()?;
    let items = items.unwrap_or_default();
    let mut drafts = Vec::with_capacity(items.len());
    let mut problems = BTreeMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let mut fields = JsonFields::of(item, format!("events[{index}]"));
        drafts.extend(draft(&mut fields));
        problems.extend(fields.into_problems());
        if problems.len() >= MAX_NAMED_FIELDS {
            break;
        }
    }
    if problems.is_empty() { Ok(drafts) } else { Err(Failure::invalid(problems)) }
}

fn draft<'a>(fields: &mut JsonFields<'a>) -> Option<EventDraft<'a>> {
    let event_type = fields.required("type", |value| {
        let text = value.text()?;
        EventType::parse(&text).ok_or_else(|| {
            EventType::too_long(&text).unwrap_or_else(|| {
                localized!(
                    "must be words of A-Z, 0-9 and _ joined by dots, such as `PAYMENT.PAID`",
                    "deve ter palavras de A-Z, 0-9 e _ ligadas por pontos, como `PAYMENT.PAID`"
                )
            })
        })
    });
    let resource = fields.required("resource", |value| {
        if !value.is_object() {
            Err(must_be_object())
        } else if value.raw().len() > MAX_RESOURCE_BYTES {
            Err(localized!(
                "must be at most {MAX_RESOURCE_BYTES} bytes",
                "deve ter no máximo {MAX_RESOURCE_BYTES} bytes"
            ))
        } else {
            Ok(value.raw())
        }
    });
    let id = fields.optional("id", |value| {
        EventId::parse(&value.text()?).ok_or_else(|| {
            localized!(
                "must be a UUID such as 0193a5b0-1111-7222-8333-444455556666",
                "deve ser um UUID como 0193a5b0-1111-7222-8333-444455556666"
            )
        })
    });
    let external_id = fields.optional("external_id", |value| {
        let text = value.text()?.into_owned();
        if (1..=MAX_EXTERNAL_ID_BYTES).contains(&text.len()) {
            Ok(text)
        } else {
            Err(localized!(
                "must be 1 to {MAX_EXTERNAL_ID_BYTES} bytes",
                "deve ter de 1 a {MAX_EXTERNAL_ID_BYTES} bytes"
            ))
        }
    });
    let occurred_at = fields.optional("occurred_at", JsonValue::time);
    Some(EventDraft { id, event_type: event_type?, external_id, occurred_at, resource: resource?, trace: None })
}

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let filter = query.filter(FilterUse::List);
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Events(filter)));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.events(&call.caller, filter, paging.listing).await?;
    Ok(paging.answer(&page, EventShape::of))
}

pub(super) async fn show(call: &Call, id: EventId) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct EventDetailShape<'a> {
        #[serde(flatten)]
        event: EventShape<'a>,
        summary: BTreeMap<&'static str, u32>,
        resource: Option<&'a RawValue>,
    }
    let detail = call.service.event(&call.caller, id).await?;
    let resource = detail.payload.as_ref().map(crate::model::Payload::resource);
    // What was accepted was one JSON object in UTF-8; it comes back byte for byte.
    let resource: Option<&RawValue> = resource.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let count = |status: Status| (status.as_str(), detail.summary.get(&status).copied().unwrap_or(0));
    let summary = Status::ALL.into_iter().map(count).gather();
    Ok(Answer::data(StatusCode::OK, &EventDetailShape { event: EventShape::of(&detail.event), summary, resource }))
}

pub(super) async fn notifications(call: &Call, id: EventId) -> Result<Answer, Failure> {
    let mut query = call.list();
    let paging = query.paging();
    query.finish()?;
    let page = call.service.notifications_of_event(&call.caller, id, paging.listing).await?;
    Ok(paging.answer(&page, DetailShape::of))
}

pub(super) async fn resend(call: &Call, id: EventId) -> Result<Answer, Failure> {
    let resent = match call.read(to_whom).await? {
        ToWhom::All { undelivered } => call.service.resend_event(&call.caller, id, undelivered).await?,
        ToWhom::One(webhook) => vec![call.service.resend_event_to(&call.caller, id, webhook).await?],
    };
    Ok(Answer::data(StatusCode::ACCEPTED, &resent))
}

/// To whom an event is sent again.
enum ToWhom {
    /// To every webhook that matches it, or to those of them that have not confirmed it.
    All { undelivered: bool },
    /// To one alone.
    One(WebhookId),
}

/// To whom; all where the body names nobody.
fn to_whom(body: &[u8]) -> Result<ToWhom, Failure> {
    let mut fields = JsonFields::of_optional_body(body)?;
    let webhook = fields.narrowing("webhook_id", |value| WebhookId::parse(&value.text()?).ok_or_else(must_be_uuid));
    let undelivered = fields.narrowing("undelivered", |value| match value.boolean()? {
        true if webhook.is_some() => Err(localized!(
            "goes without `webhook_id`, which names the one to send to",
            "não combina com `webhook_id`, que indica para qual enviar"
        )),
        undelivered => Ok(undelivered),
    });
    fields.finish()?;
    Ok(webhook.map_or(ToWhom::All { undelivered: undelivered.unwrap_or_default() }, ToWhom::One))
}

pub(super) async fn explain(call: &Call, id: EventId) -> Result<Answer, Failure> {
    Ok(Answer::data(StatusCode::OK, &call.service.explain(&call.caller, id).await?))
}

pub(super) async fn erase(call: &Call, id: EventId) -> Result<Answer, Failure> {
    let mut query = Query::new(call.query());
    let external_id = query.optional("external_id", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(localized!("must be `true` or `false`", "deve ser `true` ou `false`")),
    });
    query.finish()?;
    call.service.erase(&call.caller, id, external_id == Some(true)).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn types(call: &Call) -> Result<Answer, Failure> {
    #[derive(Serialize)]
    struct EventTypeShape {
        #[serde(rename = "type")]
        event_type: String,
        description: Option<Sentences>,
        sample: Box<RawValue>,
    }
    let mut query = Query::new(call.query());
    let csv = CsvFormat::of_short(&mut query);
    query.finish()?;
    if let Some(csv) = csv {
        return Ok(csv.answer(call, CsvList::EventTypes));
    }
    let types = call.service.event_types().into_iter();
    let shapes: Vec<EventTypeShape> = types
        .map(|known| EventTypeShape {
            sample: RawValue::from_string(known.sample)
                .expect("samples are JSON, a shop's own were checked with the config"),
            event_type: known.event_type.to_string(),
            description: known.sentences,
        })
        .collect();
    Ok(Answer::data(StatusCode::OK, &shapes))
}

#[derive(Serialize)]
struct EventShape<'a> {
    id: EventId,
    #[serde(rename = "type")]
    event_type: &'a str,
    external_id: Option<&'a str>,
    resource_id: Option<&'a str>,
    about: About,
    occurred_at: Option<Timestamp>,
    inserted_at: Timestamp,
    notifications: u32,
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl<'a> EventShape<'a> {
    fn of(event: &'a Event) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type.as_str(),
            external_id: event.external_id(),
            resource_id: event.resource.id.as_deref(),
            about: event.about(),
            occurred_at: event.occurred_at,
            inserted_at: event.inserted_at,
            notifications: event.notifications,
            test: event.trial.is_some(),
            erased_at: event.erased_at,
            trace_id: event.trace.as_ref().map(|trace| trace.trace_id().to_string()),
        }
    }
}
