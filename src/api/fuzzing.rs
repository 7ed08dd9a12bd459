//! Properties of what callers send: accepted and stored byte for byte, or refused with a 4xx that says why.

mod connection;

pub use connection::connection;
#[cfg(test)]
pub(crate) use connection::end;

use super::call::check_content_type;
use super::query::Query;
use super::webhooks::WebhookShape;
use super::{events, routes, webhooks};
use crate::delivery::fuzzing::can_be_sent;
use crate::http::Failure;
use crate::model::{AccountNo, Event, EventFilter, EventId, Filter as _, FilterUse, Seq, Timestamp, Webhook, members};
use crate::service::{EventDraft, HealthView};
use crate::store::fuzzing::{keeps_event, keeps_webhook};
use http::{HeaderValue, Method};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

const ACCOUNT: AccountNo = AccountNo(7);
const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_123);

/// The longest answer that a mistake gets: errors describe what a caller sent, and do not echo it.
const MAX_ERROR_BYTES: usize = 256 * 1024;

/// The body of a request, taken by each of the calls that have one.
pub fn request(body: &[u8]) {
    for drafts in [events::one(body), events::several(body)] {
        match drafts {
            Ok(drafts) => {
                assert!(!drafts.is_empty());
                for draft in drafts {
                    is_kept(body, draft);
                }
            }
            Err(failure) => names_the_problem(failure),
        }
    }
    match webhooks::registration(body) {
        Ok((draft, _)) => is_taken(&draft.into_webhook(ACCOUNT, NOW)),
        Err(failure) => names_the_problem(failure),
    }
    match webhooks::patch(body) {
        Ok((patch, _)) => {
            let plain = br#"{"webhook": {"target": "https://loja.example/x", "events": ["*"]}}"#;
            let mut webhook = webhooks::registration(plain).expect("a plain webhook").0.into_webhook(ACCOUNT, NOW);
            patch.apply(&mut webhook);
            is_taken(&webhook);
        }
        Err(failure) => names_the_problem(failure),
    }
    if let Err(failure) = webhooks::refuse_registration_by_get(body) {
        names_the_problem(failure);
    }
    if let Ok(value) = HeaderValue::from_bytes(body)
        && let Err(failure) = check_content_type(Some(&value))
    {
        names_the_problem(failure);
    }
}

/// The members of a body, which is one JSON object to its last byte.
fn members_of(body: &[u8]) -> Vec<(Cow<'_, str>, &str)> {
    let whole: &RawValue = serde_json::from_slice(body).expect("a body is JSON");
    members(whole.get(), usize::MAX).expect("a body is a JSON object").parts
}

/// The body that targets will receive is JSON of the contract's shape, and holds the resource byte for byte.
fn is_kept(request: &[u8], draft: EventDraft<'_>) {
    let resource = draft.resource.to_owned();
    let request = std::str::from_utf8(request).expect("what was taken is UTF-8");
    assert!(request.contains(&resource));
    let new = draft.into_new("production", &[]);
    let (length, id) = (new.body.len(), new.id.unwrap_or(EventId::from_bytes([7; 16])));
    let payload = new.body.fill(id, NOW);
    assert_eq!(payload.body().len(), length);
    assert_eq!(payload.resource(), resource.as_bytes());
    let members = members_of(payload.body());
    let shape: Vec<(&str, &str)> = members.iter().map(|(name, value)| (&**name, *value)).collect();
    let quoted = |text: &dyn std::fmt::Display| format!("\"{text}\"");
    let (id_text, type_text, date) = (quoted(&id), quoted(&new.event_type), quoted(&NOW));
    let expected = [
        ("id", &*id_text),
        ("event", &*type_text),
        ("env", "\"production\""),
        ("date", &*date),
        ("resource", &*resource),
    ];
    assert_eq!(shape, expected);
    let event = Event {
        seq: Seq(300),
        account: ACCOUNT,
        id,
        event_type: new.event_type,
        external_id: new.external_id,
        resource: new.resource,
        occurred_at: new.occurred_at,
        inserted_at: NOW,
        fingerprint: new.fingerprint,
        notifications: 0,
        erased_at: None,
        trace: new.trace,
        trial: new.trial,
    };
    keeps_event(&event, &payload);
}

/// The store keeps it, attempts can be made of it, and it is answered as JSON that shows no secret but its own.
fn is_taken(webhook: &Webhook) {
    keeps_webhook(webhook);
    can_be_sent(webhook);
    let shown =
        serde_json::to_value(WebhookShape::with_secret(webhook, HealthView::default())).expect("an answer is JSON");
    assert_eq!(shown["target"], webhook.target.as_str());
    assert_eq!(shown["authorization_set"], webhook.authorization.is_some());
    assert!(shown.get("authorization").is_none());
    if let Some(headers) = shown["headers"].as_object() {
        assert!(headers.values().all(|value| value == "…"));
    }
}

/// A refusal is a 4xx with a code and a sentence, and names fields if and only if it is a 422.
fn names_the_problem(failure: Failure) {
    let (head, body) = failure.into_answer().into_bytes(&HeaderValue::from_static("x"));
    assert!(body.len() <= MAX_ERROR_BYTES, "an answer of {} bytes", body.len());
    let status: u16 = head["HTTP/1.1 ".len()..][..3].parse().expect("a status has three digits");
    assert!((400..500).contains(&status), "{head}");
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("an answer is JSON");
    for field in ["code", "detail"] {
        assert!(answer["errors"][field].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    }
    let fields = answer["errors"].get("fields");
    assert_eq!(fields.is_some(), status == 422, "{answer}");
    if let Some(fields) = fields {
        let fields: BTreeMap<String, Vec<String>> =
            serde_json::from_value(fields.clone()).expect("names and sentences");
        assert!(!fields.is_empty() && fields.values().all(|problems| !problems.is_empty()), "{answer}");
    }
}

/// The path and query of a request: an endpoint or a 404 or 405; filters and paging in their ranges, or a 422.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = text.split_once('?').unwrap_or((text, text));
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
        if let Err(failure) = routes::find(&method, path) {
            names_the_problem(failure);
        }
    }
    let mut read = Query::of_list(7, path, query);
    let filter: EventFilter = read.filter(FilterUse::List);
    let mut again = EventFilter::default();
    for field in EventFilter::FIELDS {
        if let Some(text) = field.get(&filter) {
            field.set(&mut again, &text).expect("it reads what it writes");
        }
    }
    assert_eq!(again, filter);
    let paging = read.paging().listing;
    assert!((1..=500).contains(&paging.limit));
    if let Some(cursor) = paging.cursor {
        assert_eq!(crate::model::Cursor::parse(&cursor.to_string()), Some(cursor));
    }
    if let Err(failure) = read.finish() {
        names_the_problem(failure);
    }
}
