//! The outbound proxy.

use super::authority::Authority;
use super::secret::Secret;
use super::{Localized, localized};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::fmt;

/// `http://host:port`, with `user:password@` before the host where the proxy asks for them. Those are never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrl {
    host: String,
    port: u16,
    /// `Basic …`, RFC 7617.
    authorization: Option<Secret<String>>,
}

/// A text is no [`ProxyUrl`]. It isn't quoted, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyUrlError;

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ProxyUrl::form().en)
    }
}

impl ProxyUrl {
    /// What is taken, in words that stand after "must be" or "must hold".
    pub fn form() -> Localized {
        localized!(
            "an http:// URL of a host and a port, such as \"http://proxy.example:3128\" or \
             \"http://user:password@proxy.example:3128\", the user and the password percent-encoded",
            "uma URL http:// com host e porta, como \"http://proxy.example:3128\" ou \
             \"http://usuario:senha@proxy.example:3128\", com o usuário e a senha codificados com %"
        )
    }
    /// The longest text that is taken, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Parses and checks.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        Self::read(text).ok_or(ProxyUrlError)
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_BYTES {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (credentials, address) =
            rest.rsplit_once('@').map_or((None, rest), |(credentials, address)| (Some(credentials), address));
        let authority = Authority::parse(address).ok()?;
        let port = authority.port()?;
        let authorization = match credentials {
            Some(credentials) => Some(basic(credentials)?),
            None => None,
        };
        Some(Self { host: authority.bare_host().to_owned(), port, authorization })
    }

    /// The host as a resolver takes it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, marked sensitive.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let value = self.authorization.as_ref()?.expose();
        let mut value = HeaderValue::from_str(value).expect("`Basic ` and base64 make a header value");
        value.set_sensitive(true);
        Some(value)
    }
}

/// Host and port, as messages name it.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// `None` where user or password hold what Basic can't carry: control characters, or a colon in the user.
fn basic(credentials: &str) -> Option<Secret<String>> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let decode = |text| percent_decode_str(text).decode_utf8().ok().map(|text| Secret::new(text.into_owned()));
    let (user, password) = (decode(user)?, decode(password)?);
    let control = |text: &Secret<String>| text.expose().chars().any(char::is_control);
    if user.expose().is_empty() || user.expose().contains(':') || control(&user) || control(&password) {
        return None;
    }
    let pair = Secret::new(format!("{}:{}", user.expose(), password.expose()));
    Some(Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, shown, credentials) in [
            ("http://proxy.example:3128", "proxy.example:3128", None),
            ("HTTP://10.0.0.1:80/", "10.0.0.1:80", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            // RFC 7617's own example.
            ("http://Aladdin:open%20sesame@p:1", "p:1", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("http://loja:p%40%3A@p:1", "p:1", Some("Basic bG9qYTpwQDo=")),
            ("http://loja:p@@p:1", "p:1", Some("Basic bG9qYTpwQA==")),
            ("http://loja@p:1", "p:1", Some("Basic bG9qYTo=")),
        ] {
            let proxy = ProxyUrl::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown);
            let value = proxy.authorization();
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), credentials, "{text}");
            assert!(value.is_none_or(|value| value.is_sensitive()));
            assert!(!format!("{proxy:?}").contains("Basic"), "{proxy:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "proxy.example:3128",
            "https://proxy.example:3128",
            "socks5://proxy.example:1080",
            "http://proxy.example",
            "http://proxy.example:0",
            "http://proxy.example:65536",
            "http://proxy.example:+80",
            "http://proxy.example:3128x",
            "http://:3128",
            "http://proxy.example:3128/path",
            "http://proxy.example:3128?x",
            "http://proxy.example:3128#x",
            "http://pro xy:1",
            "http://:senha@p:1",
            "http://a%3Ab:senha@p:1",
            "http://a:b%0D%0AX-Evil:1@p:1",
            "http://a:%ff@p:1",
            "http://a:b@",
        ] {
            assert_eq!(ProxyUrl::parse(text), Err(ProxyUrlError), "{text}");
        }
        let long = format!("http://{}:1", "x".repeat(ProxyUrl::MAX_BYTES));
        assert!(ProxyUrl::parse(&long).is_err());
    }
}
