//! A message as it is kept until every channel has taken it: JSON, no longer than a row of the store takes.

use crate::alerts::core::State;
use crate::alerts::message::{
    ConditionFact, Kind, Link, MAX_EXTERNAL_IDS, Message, MessageKey, Severity, Title, WebhookFact, clipped,
};
use crate::model::{Language, LetterFact, LetterText, Timestamp, WebhookId};
use crate::store::Store;
use std::collections::BTreeMap;

/// The longest text that is kept, in bytes: a letter's row has a few fields beside it.
const MAX_BYTES: usize = 20 * 1024;
/// The longest paragraph, in characters: the longest list of ids fits whole, since of an id that is cut the rest could
/// not be found when it is to be forgotten.
const MAX_PARAGRAPH_CHARS: usize = 3000;

/// A message as text. One that is too long loses ids of events first, then facts for programs, of each condition as
/// fair a share as can be, then paragraphs, from the end.
pub(crate) fn to_text(message: &Message) -> String {
    let mut stored = LetterText {
        key: message.key.to_string(),
        kind: message.kind.as_str().to_owned(),
        severity: message.severity.as_str().to_owned(),
        language: message.language.code().to_owned(),
        at_ms: message.at.as_ms(),
        title: message.title.to_string(),
        paragraphs: message.paragraphs.iter().map(|text| clipped(text, MAX_PARAGRAPH_CHARS)).collect(),
        links: message.links.iter().map(|link| (link.label.clone(), link.url.clone())).collect(),
        conditions: message.conditions.iter().map(fact_of).collect(),
        conditions_left_out: message.conditions_left_out,
    };
    let (mut ids, mut of_each) = (MAX_EXTERNAL_IDS, stored.conditions.len());
    loop {
        let text = stored.to_json();
        if text.len() <= MAX_BYTES {
            return text;
        }
        if ids > 0 {
            ids /= 2;
            stored.conditions.iter_mut().for_each(|fact| fact.external_ids.truncate(ids));
        } else if of_each > 0 {
            of_each = of_each * 3 / 4;
            cut_each(&mut stored, of_each);
        } else if stored.paragraphs.pop().is_none() {
            stored.links.clear();
        }
    }
}

/// Leaves so many facts of each condition, the first ones.
fn cut_each(stored: &mut LetterText, of_each: usize) {
    let all = stored.conditions.len();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    stored.conditions.retain(|fact| {
        let seen = seen.entry(fact.condition.clone()).or_default();
        *seen += 1;
        *seen <= of_each
    });
    stored.conditions_left_out += (all - stored.conditions.len()) as u64;
}

fn fact_of(fact: &ConditionFact) -> LetterFact {
    LetterFact {
        condition: fact.condition.clone(),
        kind: fact.kind.as_str().to_owned(),
        account: fact.account.clone(),
        webhook: fact.webhook.as_ref().map(|webhook| (webhook.id.to_string(), webhook.name.clone())),
        since_ms: fact.since.as_ms(),
        count: fact.count,
        external_ids: fact.external_ids.iter().take(MAX_EXTERNAL_IDS).cloned().collect(),
    }
}

/// What is told without what was erased since this was asked last; `None` where nothing was. The store's rows lack it
/// already.
pub(crate) fn without_erased(store: &Store, state: &State) -> Option<State> {
    let forgotten = store.take_forgotten();
    let mut left = (!forgotten.is_empty()).then(|| state.clone())?;
    for one in &forgotten {
        one.take_out_of(&mut left.alerts, &mut left.letters);
    }
    Some(left)
}

/// The message that a text is of; `None` for what no carteiro has written.
pub(crate) fn from_text(text: &str) -> Option<Message> {
    let stored = LetterText::parse(text)?;
    let severities = [Severity::Info, Severity::Warning, Severity::Critical];
    let fact = |fact: LetterFact| {
        let webhook = fact.webhook.and_then(|(id, name)| Some(WebhookFact { id: WebhookId::parse(&id)?, name }));
        Some(ConditionFact {
            condition: fact.condition,
            kind: Kind::parse(&fact.kind)?,
            account: fact.account,
            webhook,
            since: Timestamp::from_ms(fact.since_ms),
            count: fact.count,
            external_ids: fact.external_ids,
        })
    };
    Some(Message {
        key: MessageKey::parse(&stored.key)?,
        kind: Kind::parse(&stored.kind)?,
        severity: severities.into_iter().find(|severity| severity.as_str() == stored.severity)?,
        language: Language::parse(&stored.language)?,
        at: Timestamp::from_ms(stored.at_ms),
        title: Title::new(&stored.title),
        paragraphs: stored.paragraphs,
        links: stored.links.into_iter().map(|(label, url)| Link { label, url }).collect(),
        conditions: stored.conditions.into_iter().map(fact).collect::<Option<_>>()?,
        conditions_left_out: stored.conditions_left_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(conditions: usize) -> Message {
        let fact = ConditionFact {
            condition: "NOTIFICATIONS_FAILED".to_owned(),
            kind: Kind::Opened,
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
            conditions_left_out: 0,
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
        assert_eq!(read.conditions.len() as u64 + read.conditions_left_out, 1000);
        assert!(read.conditions.len() > 50, "ids go before facts: {}", read.conditions.len());
        let long = Message { paragraphs: vec!["ã".repeat(100_000); 100], ..message(0) };
        assert!(to_text(&long).len() <= MAX_BYTES);
    }

    /// One kind of trouble doesn't push the others out.
    #[test]
    fn each_condition_has_its_share_and_what_is_left_out_is_counted() {
        let mut much = message(838);
        let other = |name: &str| ConditionFact { condition: name.to_owned(), ..much.conditions[0].clone() };
        let rest = [vec![other("WEBHOOK_FAILING"); 800], vec![other("DISK_LOW")]].concat();
        much.conditions.extend(rest);
        let read = from_text(&to_text(&much)).unwrap();
        let of = |name: &str| read.conditions.iter().filter(|fact| fact.condition == name).count();
        assert_eq!(of("DISK_LOW"), 1);
        assert!(of("WEBHOOK_FAILING") > 10 && of("WEBHOOK_FAILING") == of("NOTIFICATIONS_FAILED"));
        assert_eq!(read.conditions_left_out, 1639 - read.conditions.len() as u64);
    }

    /// What is to be forgotten is found in it: no id is cut.
    #[test]
    fn the_longest_list_of_ids_is_kept_whole() {
        let ids: Vec<String> = (0..10).map(|nth| format!("{nth}{}", "ã".repeat(127))).collect();
        let listed = format!("Pedidos ({}): {} e mais 100000.", "x".repeat(80), ids.join(", "));
        let one = Message { paragraphs: vec![listed.clone(); 5], ..message(0) };
        assert_eq!(from_text(&to_text(&one)).unwrap().paragraphs, one.paragraphs);
        let mut text = LetterText::parse(&to_text(&one)).unwrap();
        assert!(text.forget_id(&ids[9]) && !text.to_json().contains(&ids[9]));
    }
}
