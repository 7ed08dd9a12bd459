//! Where notifications go.

use super::host;
use super::target_error::TargetError;
use http::Uri;
use std::fmt;
use std::str::FromStr;

/// An `http` or `https` URL with a host, without userinfo or fragment, at most 2,048 bytes of ASCII.
///
/// Whether the address behind it may be dialled is the egress guard's business, at every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl {
    text: String,
    uri: Uri,
}

impl TargetUrl {
    /// The longest URL that is taken, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Parses and checks; keeps the text unchanged.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let target = Self::restored(text)?;
        // `Uri` takes a sign before a port. What was once taken with one still loads.
        let signed = target
            .uri
            .authority()
            .and_then(http::uri::Authority::port)
            .is_some_and(|port| super::authority::port(port.as_str()).is_none());
        if signed {
            return Err(TargetError::Port);
        }
        host::check(target.uri.host().unwrap_or_default())?;
        Ok(target)
    }

    /// Parses a stored URL, of which fewer things are checked: attempts to one that was accepted before a check was
    /// added fail, but its webhook must load.
    pub fn restored(text: &str) -> Result<Self, TargetError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TargetError::TooLong);
        }
        if !text.is_ascii() {
            return Err(TargetError::NotAscii);
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(TargetError::Space);
        }
        // `Uri` drops a fragment in silence, so it is looked for here.
        if text.contains('#') {
            return Err(TargetError::Fragment);
        }
        let behind = ["http://", "https://"].iter().find_map(|scheme| {
            let (start, rest) = text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        if behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', ':'])) {
            return Err(TargetError::NoHost);
        }
        let uri = Uri::from_str(text).map_err(|_| TargetError::NotHttp)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(TargetError::NotHttp);
        }
        let authority = uri.authority().ok_or(TargetError::NotHttp)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Userinfo);
        }
        if !authority.host().bytes().all(|byte| is_host_byte(byte) || matches!(byte, b':' | b'[' | b']')) {
            return Err(TargetError::NotHttp);
        }
        let after_host = &authority.as_str()[authority.host().len()..];
        if !after_host.is_empty() && matches!(authority.port_u16(), None | Some(0)) {
            return Err(TargetError::Port);
        }
        Ok(Self { text: text.to_owned(), uri })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The host as a resolver takes it: an IPv6 literal without its brackets.
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, 80 or 443 where none is written.
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// What the `Host` header says: the host, with its brackets around IPv6, and the port unless it is the scheme's
    /// own, as browsers and curl send it (RFC 9110, 4.2.3). A server may know itself by the bare name alone.
    pub fn host_header(&self) -> String {
        let host = self.uri.host().unwrap_or_default();
        let own = if self.is_https() { 443 } else { 80 };
        match self.port() {
            port if port == own => host.to_owned(),
            port => format!("{host}:{port}"),
        }
    }

    /// What the request line says: path and query.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_http_and_https() {
        let target = TargetUrl::parse("https://loja.example:8443/notificacoes?loja=1").unwrap();
        assert_eq!((target.host(), target.port(), target.is_https()), ("loja.example", 8443, true));
        assert_eq!(target.host_header(), "loja.example:8443");
        assert_eq!(target.path_and_query(), "/notificacoes?loja=1");
        let bare = TargetUrl::parse("http://loja.example").unwrap();
        assert_eq!((bare.port(), bare.path_and_query()), (80, "/"));
        assert_eq!(TargetUrl::parse("http://[::1]:3000/x").unwrap().host(), "::1");
    }

    #[test]
    fn the_port_of_the_scheme_does_not_go_out_in_host() {
        for (url, host) in [
            ("http://loja.example/x", "loja.example"),
            ("http://loja.example:80/x", "loja.example"),
            ("http://loja.example:080/x", "loja.example"),
            ("https://loja.example:443", "loja.example"),
            ("https://loja.example:0443", "loja.example"),
            ("http://[::1]:80/", "[::1]"),
            ("http://[::1]:3000/", "[::1]:3000"),
            ("http://loja.example:443/", "loja.example:443"),
            ("https://loja.example:80/", "loja.example:80"),
            ("https://loja.example:08443/", "loja.example:8443"),
        ] {
            assert_eq!(TargetUrl::parse(url).unwrap().host_header(), host, "{url}");
        }
    }

    #[test]
    fn refuses_the_rest_by_name() {
        for (text, error) in [
            ("", TargetError::NotHttp),
            ("loja.example/x", TargetError::NotHttp),
            ("/x", TargetError::NotHttp),
            ("ftp://loja.example", TargetError::NotHttp),
            ("http://", TargetError::NoHost),
            ("https:///x", TargetError::NoHost),
            ("HTTP://?x", TargetError::NoHost),
            ("http://:8080/", TargetError::NoHost),
            ("http:// /x", TargetError::Space),
            (" http://loja.example", TargetError::Space),
            ("http://loja.example/a b", TargetError::Space),
            ("http://loja.example/\n", TargetError::Space),
            // Found by fuzzing: brackets with nothing, or no address, in them were a host.
            ("http://[]", TargetError::NotHttp),
            ("http://[v1.a]/", TargetError::NotHttp),
            ("http://[[::1]]/", TargetError::NotHttp),
            ("http://lo ja.example", TargetError::Space),
            ("http://user:pw@loja.example", TargetError::Userinfo),
            ("http://loja.example/#pix", TargetError::Fragment),
            ("http://lojaé.example", TargetError::NotAscii),
            ("http://loja.example:0/", TargetError::Port),
        ] {
            assert_eq!(TargetUrl::parse(text), Err(error), "{text}");
            // What was once taken still loads.
            let once_taken = ["http://[]", "http://[v1.a]/"].contains(&text);
            assert_eq!(TargetUrl::restored(text).is_ok(), once_taken, "{text}");
        }
        for port in ["99999", "28001x", "-1", "+80", "x", ""] {
            assert_eq!(TargetUrl::parse(&format!("http://loja.example:{port}/")), Err(TargetError::Port), "{port}");
        }
        let longest = format!("http://loja.example/{}", "x".repeat(TargetUrl::MAX_BYTES - 20));
        assert!(TargetUrl::parse(&longest).is_ok());
        assert_eq!(TargetUrl::parse(&format!("{longest}x")), Err(TargetError::TooLong));
    }
}
