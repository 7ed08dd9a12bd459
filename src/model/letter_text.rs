//! What a letter of alerts says, as it is kept until every channel has taken it.

use serde::{Deserialize, Serialize};

/// A message's texts, and its facts for programs. What words stand in `kind`, `severity` and `condition` is the
/// affair of what writes and sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterText {
    /// By which a receiver knows a message that it has seen already.
    pub key: String,
    /// Why it is sent.
    pub kind: String,
    /// How soon somebody should look.
    pub severity: String,
    /// The code of its language.
    pub language: String,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: u64,
    /// What happened, in one line. It never has an id of the shop's.
    pub title: String,
    /// What happened and what to do, in sentences.
    pub paragraphs: Vec<String>,
    /// Labels and URLs.
    pub links: Vec<(String, String)>,
    /// The facts.
    pub conditions: Vec<LetterFact>,
    /// How many facts were left out, since a letter takes no more.
    pub conditions_left_out: u64,
}

/// What a letter is about, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterFact {
    /// Its name.
    pub condition: String,
    /// Whether it has begun, lasts or is over, by name.
    pub kind: String,
    /// The account's name.
    pub account: Option<String>,
    /// The webhook's id and name.
    pub webhook: Option<(String, String)>,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// How many notifications.
    pub count: Option<u64>,
    /// The shop's ids of the events concerned.
    pub external_ids: Vec<String>,
}

impl LetterText {
    /// Reads what [`LetterText::to_json`] has written; `None` for anything else.
    pub fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// As it is kept.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers make JSON")
    }

    /// Forgets the shop's id of an event: a paragraph that names it goes whole, and with it the ids that it names
    /// beside this one. Whether the letter had it.
    pub fn forget_id(&mut self, id: &str) -> bool {
        let before = (self.paragraphs.len(), self.ids());
        self.paragraphs.retain(|text| !names(text, id));
        for fact in &mut self.conditions {
            fact.external_ids.retain(|known| known != id);
        }
        before != (self.paragraphs.len(), self.ids())
    }

    fn ids(&self) -> usize {
        self.conditions.iter().map(|fact| fact.external_ids.len()).sum()
    }

    /// Whether it tells of an account, or may: what was left out of it may have.
    pub fn is_about_account(&self, name: &str) -> bool {
        self.conditions_left_out > 0 || self.conditions.iter().any(|fact| fact.account.as_deref() == Some(name))
    }
}

/// Whether a text has an id that isn't part of a longer word or number.
fn names(text: &str, id: &str) -> bool {
    !id.is_empty()
        && text.match_indices(id).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + id.len()..].chars().next());
            ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> LetterText {
        let fact = |account: &str, ids: &[&str]| LetterFact {
            condition: "NOTIFICATIONS_FAILED".to_owned(),
            kind: "OPENED".to_owned(),
            account: Some(account.to_owned()),
            webhook: None,
            since_ms: 1,
            count: Some(3),
            external_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        LetterText {
            key: "carteiro:1".to_owned(),
            kind: "OPENED".to_owned(),
            severity: "WARNING".to_owned(),
            language: "pt".to_owned(),
            at_ms: 1,
            title: "3 notificações falharam".to_owned(),
            paragraphs: ["3 notificações falharam.", "Pedidos: p-1, p-10.", "Pedidos (ERP): ana souza."]
                .map(str::to_owned)
                .into(),
            links: Vec::new(),
            conditions: vec![fact("shop-a", &["p-1", "p-10"]), fact("shop-b", &["ana souza"])],
            conditions_left_out: 0,
        }
    }

    #[test]
    fn an_id_that_is_forgotten_stands_nowhere_and_others_stay() {
        let mut letter = text();
        assert!(!letter.forget_id("p-100") && !letter.forget_id("p") && !letter.forget_id(""));
        assert_eq!(letter, text());
        assert!(letter.forget_id("ana souza"));
        assert!(!letter.to_json().contains("souza"));
        assert_eq!((letter.paragraphs.len(), letter.conditions[0].external_ids.len()), (2, 2));
        assert!(letter.forget_id("p-1"));
        assert_eq!((letter.paragraphs.len(), &letter.conditions[0].external_ids), (1, &vec!["p-10".to_owned()]));
        assert_eq!(LetterText::parse(&letter.to_json()), Some(letter));
    }

    #[test]
    fn it_tells_of_accounts_that_it_names_and_may_of_any_where_facts_are_left_out() {
        let letter = text();
        assert!(letter.is_about_account("shop-b") && !letter.is_about_account("shop-c"));
        assert!(LetterText { conditions_left_out: 1, ..letter }.is_about_account("shop-c"));
    }
}
