//! The server that takes e-mail.

use super::authority::Authority;
use super::{Localized, localized};
use percent_encoding::percent_decode_str;
use std::fmt;

/// `smtps://user@host:465` or `smtp://user@host:587`, the user percent-encoded and left out where none signs in. It has
/// no place for a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    user: Option<String>,
    implicit_tls: bool,
    text: String,
}

impl SmtpUrl {
    /// What is taken, in words that stand after "must be".
    pub fn form() -> Localized {
        localized!(
            "a URL such as \"smtps://user@smtp.example:465\" (TLS from the first byte) or \
             \"smtp://user@smtp.example:587\" (STARTTLS), with \"@\" in the user as %40 and without a password",
            "uma URL como \"smtps://usuario@smtp.example:465\" (TLS desde o primeiro byte) ou \
             \"smtp://usuario@smtp.example:587\" (STARTTLS), com \"@\" no usuário como %40 e sem senha"
        )
    }
    /// The longest text that is taken, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Parses and checks.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_BYTES {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let implicit_tls = match scheme {
            "smtps" => true,
            "smtp" => false,
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(decoded(user)?), address),
            None => (None, rest),
        };
        let authority = Authority::parse(address).ok()?;
        // RFC 8314, 3.3, and RFC 6409, 3.1.
        let port = authority.port().unwrap_or(if implicit_tls { 465 } else { 587 });
        Some(Self { host: authority.bare_host().to_owned(), port, user, implicit_tls, text: text.to_owned() })
    }

    /// The host as a resolver and a certificate have it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; where none is written, 465 with TLS from the first byte and 587 with STARTTLS.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who signs in; `None` where nobody does.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether TLS begins with the first byte (`smtps`); otherwise by STARTTLS (`smtp`).
    pub const fn has_implicit_tls(&self) -> bool {
        self.implicit_tls
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A user without a colon, which would begin a password, and without control characters.
fn decoded(user: &str) -> Option<String> {
    let plain = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':' && byte != b'@');
    let user = percent_decode_str(user).decode_utf8().ok().filter(|_| plain)?;
    (!user.chars().any(char::is_control)).then(|| user.into_owned())
}

/// Host and port, as messages name it.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (text, shown, user, implicit_tls) in [
            ("smtps://smtp.example", "smtp.example:465", None, true),
            ("smtp://smtp.example", "smtp.example:587", None, false),
            ("smtp://smtp.example:2525/", "smtp.example:2525", None, false),
            ("smtps://loja@smtp.example:465", "smtp.example:465", Some("loja"), true),
            ("smtps://avisos%40loja.example@[::1]:1465", "[::1]:1465", Some("avisos@loja.example"), true),
        ] {
            let url = SmtpUrl::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.user(), url.has_implicit_tls()), (shown, user, implicit_tls));
        }
        assert_eq!(SmtpUrl::parse("smtp://[::1]:25").unwrap().host(), "::1");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "smtp.example",
            "https://smtp.example",
            "smtp://",
            "smtp://user:senha@smtp.example",
            "smtp://@smtp.example",
            "smtp://a@b@smtp.example",
            "smtp://a%0d%0aX@smtp.example",
            "smtp://a%ff@smtp.example",
            "smtp://ã@smtp.example",
            "smtp://smtp.example:0",
            "smtp://smtp.example:x",
            "smtp://smtp.example/path",
            "smtp://smtp.example?x",
            "smtp://::1:25",
        ] {
            assert_eq!(SmtpUrl::parse(text), None, "{text}");
        }
        let host = |bytes: usize| format!("smtp://{}", "x".repeat(bytes - "smtp://".len()));
        assert!(SmtpUrl::parse(&host(SmtpUrl::MAX_BYTES)).is_some());
        assert_eq!(SmtpUrl::parse(&host(SmtpUrl::MAX_BYTES + 1)), None);
    }
}
