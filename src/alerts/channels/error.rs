//! Why a message was not sent, or not to everybody, and whether another try makes sense.

use crate::alerts::message::Kind;
use crate::model::{Localized, localized};
use std::time::Duration;

/// The longest text of a server that a sentence quotes, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// A message that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Which of the receivers didn't get it, and why, without secrets; `None` where all did. It is not sent to them
    /// again: the others would get it twice.
    pub left_out: Option<Localized>,
}

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelError {
    /// What happened and what to do, without secrets.
    pub sentence: Localized,
    /// Whether and when the same message may be tried again.
    pub retry: Retry,
}

/// Whether another try of the same message makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// By the sender's own schedule.
    Yes,
    /// Not before this long from now: the server has asked for it.
    After(Duration),
    /// No: somebody must mend the config or the other side first.
    No,
}

impl ChannelError {
    pub(super) fn new(sentence: Localized, retry: Retry) -> Self {
        Self { sentence, retry }
    }

    /// Of a message that is tried again, the sentence says so. A test is sent once.
    pub(super) fn of_message(mut self, kind: Kind) -> Self {
        if kind != Kind::Test && self.retry != Retry::No {
            self.sentence.en.push_str(" The message is tried again later.");
            self.sentence.pt.push_str(" A mensagem será tentada de novo mais tarde.");
        }
        self
    }
}

/// What a server said, on one line, without control characters and shortened; empty for nothing, else with a colon in
/// front. Secrets are taken out before: of one that was cut off, the beginning would stay.
pub(super) fn quoted(said: &str) -> String {
    let line: String = said.chars().map(|c| if crate::model::is_invisible(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_empty() {
        String::new()
    } else {
        format!(": {}", crate::alerts::message::clipped(&line, MAX_QUOTED_CHARS))
    }
}

/// `server` answered with a status that is no success, and `said` that, without secrets. `mend` says which key of the
/// config to look at.
pub(super) fn refused(server: &str, status: u16, said: &str, mend: &str, wait: Option<Duration>) -> ChannelError {
    let said = quoted(said);
    match status {
        429 => ChannelError::new(
            localized!(
                "{server} answered 429: too many messages{said}.",
                "{server} respondeu 429: mensagens demais{said}."
            ),
            wait.map_or(Retry::Yes, Retry::After),
        ),
        300..400 => ChannelError::new(
            localized!(
                "{server} answered {status}, a redirect, which is not followed; write the final address into {mend}.",
                "{server} respondeu {status}, um redirecionamento, que não é seguido; escreva o endereço final em \
                 {mend}."
            ),
            Retry::No,
        ),
        408 | 425 | 500.. => ChannelError::new(
            localized!("{server} answered {status}{said}.", "{server} respondeu {status}{said}."),
            wait.map_or(Retry::Yes, Retry::After),
        ),
        _ => ChannelError::new(
            localized!(
                "{server} answered {status}{said}; check {mend}.",
                "{server} respondeu {status}{said}; confira {mend}."
            ),
            Retry::No,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(quoted(" a\r\n\u{1b}[31mb\u{202e}  c "), ": a [31mb c");
        assert_eq!(quoted(" \r\n"), "");
        assert_eq!(quoted(&"é".repeat(201)).chars().count(), 2 + MAX_QUOTED_CHARS);
        let error = refused("Slack", 403, "no", "`k`", None);
        assert_eq!(error.sentence.en, "Slack answered 403: no; check `k`.");
        assert_eq!(error.sentence.pt, "Slack respondeu 403: no; confira `k`.");
    }

    #[test]
    fn only_what_is_tried_again_says_so() {
        let told = |status, kind| refused("x", status, "", "`k`", None).of_message(kind).sentence;
        assert_eq!(told(503, Kind::Opened).en, "x answered 503. The message is tried again later.");
        assert_eq!(told(503, Kind::Opened).pt, "x respondeu 503. A mensagem será tentada de novo mais tarde.");
        assert_eq!(
            (told(503, Kind::Test).en.as_str(), told(404, Kind::Opened).en.as_str()),
            ("x answered 503.", "x answered 404; check `k`.")
        );
    }

    #[test]
    fn a_retry_makes_sense_where_the_other_side_may_recover() {
        let retry = |status| refused("x", status, "", "`k`", Some(Duration::from_secs(7))).retry;
        for status in [408, 429, 500, 503] {
            assert_eq!(retry(status), Retry::After(Duration::from_secs(7)), "{status}");
        }
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(retry(status), Retry::No, "{status}");
        }
        for status in [408, 429, 500, 502, 507] {
            assert_eq!(refused("x", status, "", "`k`", None).retry, Retry::Yes, "{status}");
        }
    }
}
