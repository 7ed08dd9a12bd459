//! Entries of `server.cors_origins`.

use crate::model::Authority;

/// Who a page belongs to, as a browser's `Origin` header says it (RFC 6454); or everyone, `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://loja.example`, `http://localhost:3000` or `*`: lower case, without a path, the scheme's own port
    /// left out, as browsers send it and as it is compared.
    pub fn parse(text: &str) -> Option<Self> {
        let own = Self(text.to_owned());
        if text == "*" {
            return Some(own);
        }
        let (scheme, authority) = text.split_once("://")?;
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let authority = Authority::parse(authority).ok()?;
        // Browsers write a port without zeros in front, and leave the usual one out.
        let port = authority.port().is_none_or(|port| port != usual && text.ends_with(&format!(":{port}")));
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        (lower && port).then_some(own)
    }

    /// Whether it means every page there is.
    pub fn is_everyone(&self) -> bool {
        self.0 == "*"
    }

    /// The host as a certificate has it, where the page is reached over TLS.
    pub fn tls_host(&self) -> Option<String> {
        let authority = Authority::parse(self.0.strip_prefix("https://")?).ok()?;
        Some(authority.bare_host().to_owned())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in ["*", "https://loja.example", "http://localhost:3000", "https://[::1]:8443"] {
            assert_eq!(Origin::parse(good).map(|origin| origin.as_str().to_owned()).as_deref(), Some(good));
        }
        for bad in [
            "",
            "null",
            "loja.example",
            "https://loja.example/",
            "https://loja.example/painel",
            "https://Loja.example",
            "https://loja.example:443",
            "http://loja.example:80",
            "https://*.example",
            "https://a@loja.example",
            "ftp://loja.example",
            "file://",
            "https://loja.example:99999",
            "https://loja.example:x",
            "https://loja.example:0443",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_certified_where_there_is_tls() {
        for (text, host) in [
            ("https://loja.example:8443", Some("loja.example")),
            ("https://[::1]", Some("::1")),
            ("http://loja.example", None),
            ("*", None),
        ] {
            assert_eq!(Origin::parse(text).unwrap().tls_host().as_deref(), host, "{text}");
        }
    }
}
