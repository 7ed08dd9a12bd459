//! Why a message was not sent, and whether another try makes sense.

use crate::model::{Localized, localized};
use std::time::Duration;

/// The longest text of a server that a sentence quotes, in characters.
const MAX_QUOTED_CHARS: usize = 200;
/// Shorter secrets are not looked for in a text: they would be found in words that have nothing to do with them.
const SHORTEST_SECRET: usize = 6;

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

    /// Without the secrets, should the server have sent one back.
    pub(super) fn without<'a>(mut self, secrets: impl Iterator<Item = &'a str>) -> Self {
        for secret in secrets.filter(|secret| secret.len() >= SHORTEST_SECRET) {
            for text in [&mut self.sentence.en, &mut self.sentence.pt] {
                if text.contains(secret) {
                    *text = text.replace(secret, "[redacted]");
                }
            }
        }
        self
    }
}

/// What a server said, on one line, without control characters and shortened; empty for nothing, else with a colon in
/// front.
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

/// `server` answered with a status that is no success. `mend` says which key of the config to look at.
pub(super) fn refused(server: &str, status: u16, said: &str, mend: &str, wait: Option<Duration>) -> ChannelError {
    let said = quoted(said);
    match status {
        429 => ChannelError::new(
            localized!(
                "{server} answered 429: too many messages{said}; the message is tried again later.",
                "{server} respondeu 429: mensagens demais{said}; a mensagem será tentada de novo mais tarde."
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
            localized!(
                "{server} answered {status}{said}; the message is tried again later.",
                "{server} respondeu {status}{said}; a mensagem será tentada de novo mais tarde."
            ),
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
    fn what_a_server_says_is_one_short_line_without_secrets() {
        assert_eq!(quoted(" a\r\n\u{1b}[31mb\u{202e}  c "), ": a [31mb c");
        assert_eq!(quoted(" \r\n"), "");
        assert_eq!(quoted(&"é".repeat(201)).chars().count(), 2 + MAX_QUOTED_CHARS);
        let error = refused("Slack", 403, "bad T0/B0/geheim123", "`k`", None).without(["T0/B0/geheim123"].into_iter());
        assert_eq!(error.sentence.en, "Slack answered 403: bad [redacted]; check `k`.");
        assert_eq!(error.sentence.pt, "Slack respondeu 403: bad [redacted]; confira `k`.");
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
        assert_eq!(refused("x", 502, "", "`k`", None).retry, Retry::Yes);
    }
}
