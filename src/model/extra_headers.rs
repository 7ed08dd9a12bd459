//! Headers that a merchant adds to every attempt of a webhook.

use super::{Localized, localized};
use http::{HeaderName, HeaderValue};
use std::fmt;
use std::str::FromStr as _;

/// Up to 20 headers that a merchant adds to every attempt. What frames the message, what carteiro itself sends and what
/// would let one header become two is refused.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraHeaders(Vec<(HeaderName, HeaderValue)>);

impl ExtraHeaders {
    /// The most headers one webhook can add.
    pub const MAX: usize = 20;
    /// The longest value of one header, in bytes.
    pub const MAX_VALUE_BYTES: usize = 1024;
    /// The most bytes that all names and values can have together: a webhook must fit into one row of the store, and
    /// many targets refuse a longer head anyway.
    pub const MAX_TOTAL_BYTES: usize = 3840;

    /// Checks names and values; the error is the sentence a field error shows.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Localized> {
        Self::read(pairs, false)
    }

    /// The same for stored headers. Leaves out names that were reserved later: the webhook must still load.
    pub fn restored<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Localized> {
        Self::read(pairs, true)
    }

    fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, leave_out: bool) -> Result<Self, Localized> {
        let (total, most) = (Self::MAX_TOTAL_BYTES, Self::MAX_VALUE_BYTES);
        let too_long = || {
            localized!(
                "names and values must be at most {total} bytes together",
                "nomes e valores podem ter juntos no máximo {total} bytes"
            )
        };
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name, value) in pairs {
            // Before a name is quoted in a message: it may have a mebibyte.
            if name.len() > Self::MAX_TOTAL_BYTES {
                return Err(too_long());
            }
            let parsed = HeaderName::from_str(name)
                .map_err(|_| localized!("`{name}` is no header name", "`{name}` não é um nome de cabeçalho"))?;
            if is_reserved(parsed.as_str()) {
                if leave_out {
                    continue;
                }
                return Err(localized!(
                    "`{name}` is set by carteiro or by HTTP itself and can't be added",
                    "`{name}` é definido pelo carteiro ou pelo próprio HTTP e não pode ser acrescentado"
                ));
            }
            if value.len() > Self::MAX_VALUE_BYTES || !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
                return Err(localized!(
                    "the value of `{name}` must be visible ASCII of at most {most} bytes",
                    "o valor de `{name}` deve ter só caracteres ASCII visíveis, no máximo {most}"
                ));
            }
            let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
                return Err(localized!(
                    "the value of `{name}` is no header value",
                    "o valor de `{name}` não serve para um cabeçalho"
                ));
            };
            if headers.iter().any(|(other, _)| *other == parsed) {
                return Err(localized!("`{name}` is given twice", "`{name}` aparece duas vezes"));
            }
            value.set_sensitive(true);
            if headers.len() == Self::MAX {
                let most = Self::MAX;
                return Err(localized!("must be at most {most} headers", "podem ser no máximo {most} cabeçalhos"));
            }
            headers.push((parsed, value));
        }
        if headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > Self::MAX_TOTAL_BYTES
        {
            return Err(too_long());
        }
        Ok(Self(headers))
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Many servers (CGI, WSGI, PHP) read `-` and `_` in a name as the same: `Webhook_Signature` could then be taken for
/// ours.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 12] = [
        "authorization",
        "connection",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "carteiro-attempt",
    ];
    let name = name.replace('_', "-");
    RESERVED.contains(&&*name) || ["content-", "proxy-", "webhook-"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_frame_or_sign_are_refused() {
        for name in [
            "Host",
            "Content-Length",
            "content-type",
            "Transfer-Encoding",
            "webhook-id",
            "Connection",
            "TE",
            "Authorization",
            "Carteiro-Attempt",
            "Proxy-Authorization",
            "proxy-status",
            "HTTP2-Settings",
            "Webhook_Signature",
            "content_length",
            "Transfer_Encoding",
            "a b",
            "X-A:",
            "X-A\r\nHost",
            "X-A\0",
            "é",
            "",
        ] {
            assert!(ExtraHeaders::new([(name, "x")]).is_err(), "{name}");
        }
        assert!(ExtraHeaders::new([("X-Shop", "a\r\nEvil: 1")]).is_err());
        for value in ["a\nb", "a\rb", "a\r\n b", "a\0b", "a\tb", "\r\n", "a\u{85}b", "é", "a\x7fb"] {
            assert!(ExtraHeaders::new([("X-Shop", value)]).is_err(), "{value:?}");
        }
        let restored = ExtraHeaders::restored([("X-Shop", "1"), ("Webhook_Signature", "v1,x")]).unwrap();
        assert_eq!(restored.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-shop"]);
        assert!(ExtraHeaders::new([("X-Shop", "a"), ("x-shop", "b")]).is_err());
        assert!(ExtraHeaders::new([("X-Shop", "1")]).is_ok());
        let many: Vec<String> = (0..=ExtraHeaders::MAX).map(|n| format!("x-{n}")).collect();
        assert!(ExtraHeaders::new(many.iter().skip(1).map(|n| (n.as_str(), ""))).is_ok());
        assert!(ExtraHeaders::new(many.iter().map(|n| (n.as_str(), ""))).is_err());
    }

    /// Twenty values of 1 KiB, or one name of 64 KiB (the `http` crate's own limit), made a webhook larger than the
    /// store may write in one row: it spilled into files that are never synced, and stopped a debug build.
    #[test]
    fn all_headers_together_have_an_end() {
        let value = "v".repeat(ExtraHeaders::MAX_VALUE_BYTES);
        let names: Vec<String> = (0..4).map(|n| format!("x-{n}")).collect();
        let three = || names[..3].iter().map(|name| (name.as_str(), value.as_str()));
        let left = ExtraHeaders::MAX_TOTAL_BYTES - 3 * (3 + value.len()) - names[3].len();
        assert!(ExtraHeaders::new(three().chain([(names[3].as_str(), &value[..left])])).is_ok());
        assert!(ExtraHeaders::new(three().chain([(names[3].as_str(), &value[..=left])])).is_err());
        let error = ExtraHeaders::new([("\u{1}".repeat(ExtraHeaders::MAX_TOTAL_BYTES + 1).as_str(), "")]).unwrap_err();
        assert!(error.en.len() < 100, "a name is not quoted whole: {}", error.en.len());
    }
}
