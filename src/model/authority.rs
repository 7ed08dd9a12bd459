//! A host and a port as URLs and addresses write them: `host`, `host:port`, `[::1]:port`.

use std::fmt;
use std::net::Ipv6Addr;

/// Reads a port: ASCII digits alone, 1 to 65535.
///
/// Everything that takes a port from text uses this. `str::parse` takes a sign, and `http::Uri` leaves a port out that
/// it can't read: the scheme's default is dialled then, and a token goes to whatever listens there.
pub fn port(text: &str) -> Option<u16> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

/// A host, and a port where one is written. No user, no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    host: String,
    port: Option<u16>,
}

/// Why a text is no [`Authority`]; each is a sentence that says what to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityError {
    /// `user:password@` before the host.
    Userinfo,
    /// No host, or characters in it that no host has.
    Host,
    /// An IPv6 address without brackets.
    Brackets,
    /// The port isn't 1 to 65535, in digits.
    Port,
    /// Something after host and port.
    Path,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Userinfo => "it must not contain a user name or password (`…@`)",
            Self::Host => "it must be a host name or an IP address, with a port where needed: host:port",
            Self::Brackets => "an IPv6 address needs brackets, as in [::1]:8080",
            Self::Port => "the port after the last `:` must be a number from 1 to 65535",
            Self::Path => "it must end after host:port, without a path",
        })
    }
}

impl Authority {
    /// Reads `host`, `host:port` and `[::1]:port`. A port that can't be read is an error, never left out.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        if text.contains('@') {
            return Err(AuthorityError::Userinfo);
        }
        if text.contains(['/', '?', '#', '\\']) {
            return Err(AuthorityError::Path);
        }
        let (host, rest) = if let Some(inside) = text.strip_prefix('[') {
            let (address, rest) = inside.split_once(']').ok_or(AuthorityError::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| AuthorityError::Host)?;
            (&text[..address.len() + 2], rest)
        } else {
            if text.parse::<Ipv6Addr>().is_ok() {
                return Err(AuthorityError::Brackets);
            }
            let host = text.split(':').next().unwrap_or_default();
            if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
                return Err(AuthorityError::Host);
            }
            (host, &text[host.len()..])
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits).ok_or(AuthorityError::Port)?),
            None if rest.is_empty() => None,
            None => return Err(AuthorityError::Host),
        };
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host as a `Host` header has it: an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as a resolver and a certificate have it: without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// The port, where one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_digits_within_range_and_nothing_else_ever() {
        for good in ["1", "80", "080", "8080", "65535"] {
            assert_eq!(port(good), good.parse().ok(), "{good}");
        }
        for bad in
            ["", "0", "00", "65536", "99999", "28001x", "x", "-1", "+80", " 80", "80 ", "0x50", "8_0", "٨٠", "1e3"]
        {
            assert_eq!(port(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_form_is_read() {
        for (text, host, bare, port) in [
            ("localhost", "localhost", "localhost", None),
            ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1", Some(8080)),
            ("loja.example:443", "loja.example", "loja.example", Some(443)),
            ("[::1]:8080", "[::1]", "::1", Some(8080)),
            ("[::1]", "[::1]", "::1", None),
        ] {
            let read = Authority::parse(text).unwrap();
            assert_eq!((read.host(), read.bare_host(), read.port()), (host, bare, port), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        use AuthorityError::{Brackets, Host, Path, Port, Userinfo};
        for (text, error) in [
            ("", Host),
            (":8080", Host),
            ("not an address", Host),
            ("127.0.0.1:99999", Port),
            ("127.0.0.1:28001x", Port),
            ("127.0.0.1:-1", Port),
            ("127.0.0.1:+80", Port),
            ("127.0.0.1:0", Port),
            ("127.0.0.1:", Port),
            ("localhost:x", Port),
            ("localhost:80:80", Port),
            ("[::1]:x", Port),
            ("[::1]x", Host),
            ("[::1", Host),
            ("[loja]:80", Host),
            ("::1", Brackets),
            ("fe80::1", Brackets),
            ("admin:senha@localhost:8080", Userinfo),
            ("@localhost", Userinfo),
            ("localhost:8080/carteiro", Path),
            ("localhost?x", Path),
        ] {
            assert_eq!(Authority::parse(text), Err(error), "{text}");
        }
    }
}
