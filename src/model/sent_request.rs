//! What is kept of an attempt's request: enough to build it again from its event and its webhook, and to know whether
//! what is built is what was sent.

use super::Fingerprint;
use http::HeaderName;

/// What an attempt sent, as far as its event and its webhook don't say it. No value of a header but carteiro's own name
/// and version: the others are secrets, or follow from the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The URL, as the webhook had it then.
    pub target: String,
    /// Whether there was a connection to send it over.
    pub sent: bool,
    /// The headers, in the order in which they were sent.
    pub headers: Vec<SentHeader>,
    /// The value of `User-Agent`.
    pub user_agent: String,
    /// Tells the value of `webhook-signature` from others; see [`SentRequest::signature_tag`].
    pub signature_tag: u64,
}

/// A header that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentHeader {
    /// Its name.
    pub name: HeaderName,
    /// Whether it is one of the webhook's own, `Authorization` among them: its value is never shown.
    pub own: bool,
}

impl SentRequest {
    /// Eight bytes of a hash of a signature: nothing can be signed with them, but a signature that is computed again is
    /// known to be the one that was sent.
    pub fn signature_tag(signature: &[u8]) -> u64 {
        Fingerprint::of([signature]).first_u64()
    }
}

/// The head of a response, as far as it is kept: the lines that fit into [`KeptHead::KEPT_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptHead {
    /// Names and values, in the order in which they came; of `Set-Cookie` the cookie's name alone.
    pub headers: Vec<(String, String)>,
    /// Whether there was more.
    pub cut: bool,
}

impl KeptHead {
    /// How much of a response's head is stored, in bytes: names, values and four more for each line.
    pub const KEPT_BYTES: usize = 1024;

    /// What is kept of these lines.
    pub fn of<'a>(lines: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut head = Self::default();
        let mut room = Self::KEPT_BYTES;
        for (name, value) in lines {
            let mut value = text(value);
            if name.eq_ignore_ascii_case("set-cookie") {
                let cookie = value.split(['=', ';']).next().unwrap_or_default().trim();
                value = format!("{cookie}={MASKED}");
            }
            let Some(left) = room.checked_sub(name.len() + 4).filter(|left| *left > 0) else {
                head.cut = true;
                break;
            };
            head.cut = value.len() > left;
            while value.len() > left {
                value.pop();
            }
            room = left - value.len();
            head.headers.push((name.to_owned(), value));
            if head.cut {
                break;
            }
        }
        head
    }
}

/// Stands for a value that isn't shown.
pub const MASKED: &str = "[redacted]";

/// UTF-8, or else latin-1, as older servers write.
fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(lines: &[(&str, &[u8])]) -> KeptHead {
        KeptHead::of(lines.iter().copied())
    }

    #[test]
    fn a_head_is_kept_without_cookies() {
        let head = kept(&[
            ("server", b"nginx"),
            ("set-cookie", b"sid=s3cr3t; Path=/"),
            ("Set-Cookie", b"s3cr3t"),
            ("x", b"N\xe3o"),
        ]);
        let lines: Vec<(&str, &str)> = head.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(lines[..2], [("server", "nginx"), ("set-cookie", "sid=[redacted]")]);
        assert_eq!(lines[3], ("x", "Não"));
        assert!(!head.cut && !lines[1].1.contains("s3cr3t"));
    }

    #[test]
    fn a_head_has_an_end() {
        let long = vec![b'x'; 2000];
        let head = kept(&[("a", b"1"), ("b", &long), ("c", b"3")]);
        assert_eq!((head.headers.len(), head.cut), (2, true));
        let bytes: usize = head.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        assert_eq!(bytes, KeptHead::KEPT_BYTES);
        let many = kept(&vec![("name", b"value".as_slice()); 500]);
        assert!(many.cut && many.headers.len() == KeptHead::KEPT_BYTES / 13 + 1);
        let wide = kept(&[("x", "ã".repeat(900).as_bytes())]);
        assert!(wide.cut && wide.headers[0].1.chars().all(|char| char == 'ã'));
    }
}
