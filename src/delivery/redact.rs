//! Takes a webhook's secrets out of what its target sent back.
//!
//! A target that prints the request it got, as debug pages do, would else put the authorization, which the API never
//! answers, into the history that every `read` token may see. It knows the value as it was sent, and no encoding of it.

use crate::model::{Response, Webhook};
use http::{HeaderMap, HeaderValue};

const REDACTED: &[u8] = b"[redacted]";
/// Shorter values are not looked for: they would be found in words that have nothing to do with them.
const SHORTEST: usize = 6;

/// Replaces every secret in the stored body and `Location` of `response`. One that the end cuts off is found too, if
/// [`SHORTEST`] bytes of it are left.
pub(crate) fn redact(response: &mut Response, webhook: &Webhook) {
    if response.body.is_empty() && response.location.is_none() && response.head.headers.is_empty() {
        return;
    }
    let in_text = |text: &mut String, secret: &[u8]| {
        let mut bytes = std::mem::take(text).into_bytes();
        replace(&mut bytes, secret);
        // ASCII for ASCII: secrets are visible ASCII, which no part of another character's UTF-8 is.
        *text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    };
    for secret in secrets(webhook) {
        replace(&mut response.body, secret);
        response.location.iter_mut().for_each(|location| in_text(location, secret));
        response.head.headers.iter_mut().for_each(|(_, value)| in_text(value, secret));
    }
    response.body.truncate(Response::KEPT_BODY_BYTES);
}

/// The headers of one request that must not be seen in a sentence that quotes what its target sent.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<HeaderValue>);

impl Secrets {
    /// Those that are marked sensitive.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.values().filter(|value| value.is_sensitive()).cloned().collect())
    }

    /// Replaces them in `line`, which must be neither shortened nor escaped yet: what is left of a secret then is not
    /// found any more.
    pub(crate) fn hide(&self, line: &mut Vec<u8>) {
        for secret in self.0.iter().flat_map(|value| forms(value.as_bytes())) {
            replace(line, secret);
        }
    }
}

/// What must not be seen.
fn secrets(webhook: &Webhook) -> impl Iterator<Item = &[u8]> {
    let authorization = webhook.authorization.as_ref().map(|value| value.expose().as_bytes());
    let headers = webhook.headers.iter().map(|(_, value)| value.as_bytes());
    authorization.into_iter().chain(headers).flat_map(forms)
}

/// A value, and then its part: in `Bearer abc` the scheme is no secret, and a target may print what follows it alone.
fn forms(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let credentials = value.split(|byte| *byte == b' ').next_back();
    std::iter::once(value).chain(credentials).filter(|secret| secret.len() >= SHORTEST)
}

/// The end of `text` may be cut off, and a secret with it.
fn replace(text: &mut Vec<u8>, secret: &[u8]) {
    let mut from = 0;
    while let Some(found) = text[from..].windows(secret.len()).position(|window| window == secret) {
        let at = from + found;
        text.splice(at..at + secret.len(), REDACTED.iter().copied());
        from = at + REDACTED.len();
    }
    let longest = text.len().min(secret.len() - 1);
    if let Some(cut) = (SHORTEST..=longest).rev().find(|left| text.ends_with(&secret[..*left])) {
        text.truncate(text.len() - cut);
        text.extend_from_slice(REDACTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, secret: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        replace(&mut bytes, secret.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn secrets_are_found_wherever_they_stand_and_cut_off_too() {
        for (text, becomes) in [
            ("nothing", "nothing"),
            ("s3cret-x", "[redacted]"),
            ("a s3cret-x b s3cret-x", "a [redacted] b [redacted]"),
            ("s3cret-xs3cret-x", "[redacted][redacted]"),
            ("…é s3cret-", "…é [redacted]"),
            ("a s3cret", "a [redacted]"),
            ("a s3cre", "a s3cre"),
            ("", ""),
        ] {
            assert_eq!(replaced(text, "s3cret-x"), becomes);
        }
        assert_eq!(replaced("redacted", "redacted"), "[redacted]", "and what was put in is not looked at again");
    }
}
