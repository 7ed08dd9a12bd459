//! Reads the parts of a response's head that an attempt keeps.

use crate::model::{KeptHead, Response, Timestamp};
use http::header::{CONNECTION, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode, Version, response};
use std::time::{Duration, UNIX_EPOCH};

/// How much of a `Location` is stored, in bytes as received: enough to recognise the new address.
const KEPT_LOCATION_BYTES: usize = 500;

/// The response as far as its head tells, its body still empty. `now` is what a date in `Retry-After` is measured from.
pub(crate) fn from_head(head: &response::Parts, now: impl FnOnce() -> Timestamp) -> Response {
    let busy = matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    Response {
        status: head.status.as_u16(),
        body: Vec::new(),
        retry_after: if busy { head.headers.get(RETRY_AFTER).and_then(|value| retry_after(value, now)) } else { None },
        head: KeptHead::of(head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))),
        location: if head.status.is_redirection() { head.headers.get(LOCATION).map(location) } else { None },
    }
}

/// Whether the target lets the connection be used again. HTTP/1.0 is never asked for it: its keep-alive was an
/// extension that intermediaries get wrong.
pub(crate) fn allows_reuse(head: &response::Parts) -> bool {
    head.version == Version::HTTP_11 && head.status != StatusCode::SWITCHING_PROTOCOLS && !says_close(&head.headers)
}

fn says_close(headers: &HeaderMap) -> bool {
    let closes = |value: &HeaderValue| {
        value.as_bytes().split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
    };
    headers.get_all(CONNECTION).iter().any(closes)
}

/// Seconds or an HTTP date; a date that has passed is no wait at all, a number too great the greatest there is, and
/// anything else as good as no header.
fn retry_after(value: &HeaderValue, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = UNIX_EPOCH + Duration::from_millis(now().as_ms());
    Some(at.duration_since(now).unwrap_or_default())
}

fn location(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_LOCATION_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, headers: &[(&str, &str)]) -> response::Parts {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn read(status: u16, headers: &[(&str, &str)]) -> Response {
        // 2026-11-23T12:00:00Z
        from_head(&head(status, headers), || Timestamp::from_ms(1_795_435_200_000))
    }

    #[test]
    fn retry_after_has_two_forms_and_two_statuses() {
        for (text, expected) in [
            ("120", Some(Duration::from_secs(120))),
            (" 0 ", Some(Duration::ZERO)),
            ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
            ("Mon, 23 Nov 2026 12:01:30 GMT", Some(Duration::from_secs(90))),
            ("Mon, 23 Nov 2026 11:00:00 GMT", Some(Duration::ZERO)),
            ("Monday, 23-Nov-26 12:00:01 GMT", Some(Duration::from_secs(1))),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("é", None),
        ] {
            assert_eq!(read(429, &[("retry-after", text)]).retry_after, expected, "{text:?}");
            assert_eq!(read(503, &[("retry-after", text)]).retry_after, expected, "{text:?}");
        }
        for status in [200, 301, 408, 500, 504] {
            assert_eq!(read(status, &[("retry-after", "5")]).retry_after, None, "{status}");
        }
    }

    #[test]
    fn location_is_kept_of_redirects_and_cut() {
        assert_eq!(read(302, &[("location", "/novo")]).location.as_deref(), Some("/novo"));
        assert_eq!(read(200, &[("location", "/novo")]).location, None);
        assert_eq!(read(301, &[]).location, None);
        let long = "x".repeat(KEPT_LOCATION_BYTES + 1);
        assert_eq!(read(308, &[("location", &long[1..])]).location.as_deref(), Some(&long[1..]));
        assert_eq!(read(308, &[("location", &long)]).location.as_deref(), Some(&long[1..]));
    }

    #[test]
    fn reuse_is_the_rule_of_http_1_1_unless_closed() {
        assert!(allows_reuse(&head(200, &[])));
        assert!(allows_reuse(&head(500, &[("connection", "keep-alive")])));
        assert!(!allows_reuse(&head(200, &[("connection", "keep-alive, Close")])));
        assert!(!allows_reuse(&head(101, &[])));
        let mut old = head(200, &[("connection", "keep-alive")]);
        old.version = Version::HTTP_10;
        assert!(!allows_reuse(&old));
    }
}
