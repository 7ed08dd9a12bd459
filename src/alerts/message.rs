//! One message to people, before a channel gives it its form.

use crate::model::{Alert, Language, Timestamp, WebhookId};
use serde::Serialize;
use std::fmt;

/// Most order ids that one condition names.
pub const MAX_EXTERNAL_IDS: usize = Alert::MAX_IDS;

/// What is told, in one language. Equal keys are the same message: it is sent again only after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// By which a receiver knows a message that it has seen already.
    pub key: MessageKey,
    /// Why it is sent now.
    pub kind: Kind,
    /// How soon somebody should look.
    pub severity: Severity,
    /// In which language the texts are.
    pub language: Language,
    /// When it was written.
    pub at: Timestamp,
    /// What happened, in one line.
    pub title: Title,
    /// What happened and what to do, in sentences.
    pub paragraphs: Vec<String>,
    /// Where to look, the most useful first.
    pub links: Vec<Link>,
    /// The same facts for programs.
    pub conditions: Vec<ConditionFact>,
    /// How many more conditions it tells of, where they are too many to be kept with it.
    pub conditions_left_out: u64,
}

/// 1 to 128 of `a-z`, `0-9`, `:` and `-`: what can stand in a header of HTTP and in a Message-ID.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey(String);

impl MessageKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b':' || byte == b'-';
        let fits = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(good);
        fits.then(|| Self(text.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of at most [`Title::MAX_CHARS`], without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// The longest title, in characters.
    pub const MAX_CHARS: usize = 200;

    /// Replaces line breaks and control characters by spaces, and cuts what is too long, with `…` at its end.
    pub fn new(text: &str) -> Self {
        let printable: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
        Self(clipped(printable.trim(), Self::MAX_CHARS))
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// At most so many characters, the last of them `…` where something is left out.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Why a message is sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Something began.
    Opened,
    /// It still lasts.
    Reminder,
    /// It is over.
    Over,
    /// What happened in a day.
    Digest,
    /// Somebody tries the channel.
    Test,
}

impl Kind {
    /// As JSON and the log name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "OPENED",
            Self::Reminder => "REMINDER",
            Self::Over => "OVER",
            Self::Digest => "DIGEST",
            Self::Test => "TEST",
        }
    }

    /// The kind of a name; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Opened, Self::Reminder, Self::Over, Self::Digest, Self::Test];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing has to be done.
    Info,
    /// Today.
    Warning,
    /// Now: events or data may be lost.
    Critical,
}

impl Severity {
    /// As JSON and the log name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

/// A page that helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it leads to, in the message's language.
    pub label: String,
    /// Its absolute URL.
    pub url: String,
}

/// What a message is about, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionFact {
    /// Its name, such as `WEBHOOK_FAILING`.
    pub condition: String,
    /// Whether it has begun or happened, lasts, or is over; the message's own kind is the most urgent of these.
    pub kind: Kind,
    /// The account's name; `None` for what concerns the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The webhook it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookFact>,
    /// Since when.
    pub since: Timestamp,
    /// How many notifications; `None` for what isn't counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The shop's ids of the events concerned, at most [`MAX_EXTERNAL_IDS`], and none that was erased meanwhile;
    /// `count` says how many notifications there are.
    pub external_ids: Vec<String>,
}

/// The webhook that a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookFact {
    /// Its id.
    pub id: WebhookId,
    /// What people call it.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_stand_in_any_header() {
        for good in ["a", "webhook-failing:1:0", &"x".repeat(MessageKey::MAX_BYTES)] {
            assert_eq!(MessageKey::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a b", "a\r\n", "ã", "a_b", "a.b", &"x".repeat(MessageKey::MAX_BYTES + 1)] {
            assert_eq!(MessageKey::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(Title::new(" Loja\r\nBcc: x@y\u{2028}\u{0}ção ").as_str(), "Loja  Bcc: x@y  ção");
        let longest = "ã".repeat(Title::MAX_CHARS);
        assert_eq!(Title::new(&longest).as_str(), longest);
        let cut = Title::new(&format!("{longest}ã"));
        assert_eq!((cut.as_str().chars().count(), cut.as_str().ends_with("ã…")), (Title::MAX_CHARS, true));
    }
}
