//! `/api/alerts`: what is wrong now, and what nobody is to be told of.

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::JsonFields;
use super::query::Query;
use crate::http::{Answer, Failure};
use crate::model::{Timestamp, WebhookId, localized, parse_duration};
use crate::service::{AlertView, CsvList, MAX_MUTE};
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;

/// The longest key of an alert, in characters: a kind and a name of an account.
const MAX_KEY_CHARS: usize = 200;
/// The shortest time that an alert can be muted for.
const MIN_MUTE: Duration = Duration::from_secs(60);

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = Query::new(call.query());
    let csv = CsvFormat::of_short(&mut query);
    query.finish()?;
    if let Some(csv) = csv {
        return Ok(csv.answer(call, CsvList::Alerts));
    }
    let alerts = call.service.alerts(&call.caller);
    Ok(Answer::data(StatusCode::OK, &alerts.iter().map(AlertShape::of).collect::<Vec<_>>()))
}

pub(super) async fn mute(call: &Call) -> Result<Answer, Failure> {
    let (key, span) = call.read(mute_draft).await?;
    let muted = call.service.mute_alert(&call.caller, &key, span).await?;
    Ok(Answer::data(StatusCode::OK, &AlertShape::of(&muted)))
}

fn mute_draft(body: &[u8]) -> Result<(String, Option<Duration>), Failure> {
    let mut fields = JsonFields::within(body, "mute")?;
    let key = fields.required("key", |value| {
        let key = value.text()?.into_owned();
        let fits = (1..=MAX_KEY_CHARS).contains(&key.chars().count());
        fits.then_some(key).ok_or_else(|| {
            localized!(
                "must be the key of an alert, at most {MAX_KEY_CHARS} characters",
                "deve ser a chave de um aviso, de no máximo {MAX_KEY_CHARS} caracteres"
            )
        })
    });
    let span = fields.optional("for", |value| {
        let span = parse_duration(&value.text()?).filter(|span| (MIN_MUTE..=MAX_MUTE).contains(span));
        span.ok_or_else(|| {
            localized!(
                "must be a span such as \"24h\", from 1m to 366 days",
                "deve ser um prazo como \"24h\", de 1m a 366 dias"
            )
        })
    });
    let key = fields.finish_with(key)?;
    Ok((key, span))
}

pub(super) async fn unmute(call: &Call) -> Result<Answer, Failure> {
    let mut query = Query::new(call.query());
    let key = query.optional("key", |text| Ok(text.to_owned()));
    query.finish()?;
    call.service.unmute_alert(&call.caller, &key.unwrap_or_default()).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
struct AlertShape<'a> {
    key: &'a str,
    condition: &'static str,
    severity: &'static str,
    title: &'a str,
    title_pt: &'a str,
    webhook_id: Option<WebhookId>,
    since: Option<Timestamp>,
    told_at: Option<Timestamp>,
    count: Option<u64>,
    muted: bool,
    muted_until: Option<Timestamp>,
}

impl<'a> AlertShape<'a> {
    fn of(view: &'a AlertView) -> Self {
        Self {
            key: &view.key,
            condition: view.condition.as_str(),
            severity: view.severity().as_str(),
            title: &view.title.en,
            title_pt: &view.title.pt,
            webhook_id: view.webhook,
            since: view.since,
            told_at: view.told_at,
            count: view.count,
            muted: view.muted,
            muted_until: view.muted_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Condition;
    use serde_json::Value;

    #[test]
    fn the_document_names_every_condition() {
        let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let named = &document["components"]["schemas"]["Alert"]["properties"]["condition"]["enum"];
        let all: Vec<&str> = Condition::NAMES.iter().map(|condition| condition.as_str()).collect();
        assert_eq!(named, &serde_json::json!(all));
    }
}
