//! A message as it is kept until every channel has taken it: JSON, no longer than a row of the store takes.

use crate::alerts::message::{
    ConditionFact, Kind, Link, MAX_EXTERNAL_IDS, Message, MessageKey, Severity, Title, WebhookFact, clipped,
};
use crate::model::{Language, Timestamp, WebhookId};
use serde::{Deserialize, Serialize};

/// The longest text that is kept, in bytes: a letter's row has a few fields beside it.
const MAX_BYTES: usize = 20 * 1024;
/// The longest paragraph, in characters.
const MAX_PARAGRAPH_CHARS: usize = 2000;

#[derive(Serialize, Deserialize)]
struct Stored {
    key: String,
    kind: String,
    severity: String,
    language: String,
    at_ms: u64,
    title: String,
    paragraphs: Vec<String>,
    links: Vec<(String, String)>,
    conditions: Vec<StoredFact>,
}

#[derive(Serialize, Deserialize)]
struct StoredFact {
    condition: String,
    account: Option<String>,
    webhook: Option<(String, String)>,
    since_ms: u64,
    count: Option<u64>,
    external_ids: Vec<String>,
}

/// A message as text. One that is too long loses facts for programs, then paragraphs, from the end.
pub(crate) fn to_text(message: &Message) -> String {
    let mut stored = Stored {
        key: message.key.to_string(),
        kind: message.kind.as_str().to_owned(),
        severity: message.severity.as_str().to_owned(),
        language: message.language.code().to_owned(),
        at_ms: message.at.as_ms(),
        title: message.title.to_string(),
        paragraphs: message.paragraphs.iter().map(|text| clipped(text, MAX_PARAGRAPH_CHARS)).collect(),
        links: message.links.iter().map(|link| (link.label.clone(), link.url.clone())).collect(),
        conditions: message.conditions.iter().map(StoredFact::of).collect(),
    };
    loop {
        let text = serde_json::to_string(&stored).expect("texts and numbers make JSON");
        if text.len() <= MAX_BYTES {
            return text;
        }
        if !stored.conditions.is_empty() {
            stored.conditions.truncate(stored.conditions.len() / 2);
        } else if stored.paragraphs.pop().is_none() {
            stored.links.clear();
        }
    }
}

impl StoredFact {
    fn of(fact: &ConditionFact) -> Self {
        Self {
            condition: fact.condition.clone(),
            account: fact.account.clone(),
            webhook: fact.webhook.as_ref().map(|webhook| (webhook.id.to_string(), webhook.name.clone())),
            since_ms: fact.since.as_ms(),
            count: fact.count,
            external_ids: fact.external_ids.iter().take(MAX_EXTERNAL_IDS).cloned().collect(),
        }
    }
}

/// The message that a text is of; `None` for what no carteiro has written.
pub(crate) fn from_text(text: &str) -> Option<Message> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    let kinds = [Kind::Opened, Kind::Reminder, Kind::Over, Kind::Digest, Kind::Test];
    let severities = [Severity::Info, Severity::Warning, Severity::Critical];
    let fact = |fact: StoredFact| {
        let webhook = fact.webhook.and_then(|(id, name)| Some(WebhookFact { id: WebhookId::parse(&id)?, name }));
        ConditionFact {
            condition: fact.condition,
            account: fact.account,
            webhook,
            since: Timestamp::from_ms(fact.since_ms),
            count: fact.count,
            external_ids: fact.external_ids,
        }
    };
    Some(Message {
        key: MessageKey::parse(&stored.key)?,
        kind: kinds.into_iter().find(|kind| kind.as_str() == stored.kind)?,
        severity: severities.into_iter().find(|severity| severity.as_str() == stored.severity)?,
        language: Language::parse(&stored.language)?,
        at: Timestamp::from_ms(stored.at_ms),
        title: Title::new(&stored.title),
        paragraphs: stored.paragraphs,
        links: stored.links.into_iter().map(|(label, url)| Link { label, url }).collect(),
        conditions: stored.conditions.into_iter().map(fact).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(conditions: usize) -> Message {
        let fact = ConditionFact {
            condition: "NOTIFICATIONS_FAILED".to_owned(),
            account: Some("default".to_owned()),
            webhook: Some(WebhookFact { id: WebhookId::from_bytes([7; 16]), name: "ERP".to_owned() }),
            since: Timestamp::from_ms(1000),
            count: Some(40),
            external_ids: (0..MAX_EXTERNAL_IDS).map(|nth| format!("pedido-{nth}-{}", "x".repeat(200))).collect(),
        };
        Message {
            key: MessageKey::parse("carteiro:00000001:0:1:2").unwrap(),
            kind: Kind::Opened,
            severity: Severity::Warning,
            language: Language::Pt,
            at: Timestamp::from_ms(2000),
            title: Title::new("Uma notificação falhou"),
            paragraphs: vec!["Uma notificação falhou.".to_owned()],
            links: vec![Link { label: "Ver".to_owned(), url: "https://carteiro.example/".to_owned() }],
            conditions: vec![fact; conditions],
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        assert_eq!(from_text(&to_text(&message(1))), Some(message(1)));
        assert_eq!((from_text("{}"), from_text("")), (None, None));
    }

    #[test]
    fn one_about_everything_fits_into_a_row() {
        let text = to_text(&message(1000));
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        let read = from_text(&text).unwrap();
        assert_eq!((read.title, read.paragraphs), (message(1).title, message(1).paragraphs));
        let long = Message { paragraphs: vec!["ã".repeat(100_000); 100], ..message(0) };
        assert!(to_text(&long).len() <= MAX_BYTES);
    }
}
