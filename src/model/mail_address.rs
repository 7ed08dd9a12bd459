//! Addresses of e-mail.

use std::fmt;

/// `name@domain` in ASCII, without quotes, spaces or control characters (the `dot-atom` of RFC 5322, 3.4.1): what can
/// stand in a command of SMTP and in a header field as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// The longest address that is taken, in bytes (RFC 5321, 4.5.3.1.3, without its angle brackets).
    pub const MAX_BYTES: usize = 254;
    /// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
    const MAX_LOCAL_BYTES: usize = 64;

    /// Parses and checks.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let atoms =
            |text: &str, good: fn(u8) -> bool| text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(good));
        let good = text.len() <= Self::MAX_BYTES
            && local.len() <= Self::MAX_LOCAL_BYTES
            && atoms(local, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
            && atoms(domain, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        good.then(|| Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_can_stand_in_a_command_and_in_a_header() {
        for good in ["a@b", "avisos@loja.example", "o'neill+carteiro@loja.example", "a.b@x-y.example"] {
            assert_eq!(MailAddress::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(MailAddress::parse("a@loja.example").unwrap().domain(), "loja.example");
        for bad in [
            "",
            "loja.example",
            "@loja.example",
            "a@",
            "a@b@c",
            "a b@loja.example",
            "Loja <a@loja.example>",
            "\"a\"@loja.example",
            "a..b@loja.example",
            ".a@loja.example",
            "a@loja..example",
            "a@loja.example\r\nRCPT TO:<b@c>",
            "a\r\n@loja.example",
            "joão@loja.example",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(MailAddress::parse(bad), None, "{bad:?}");
        }
        let local = "x".repeat(MailAddress::MAX_LOCAL_BYTES);
        assert!(MailAddress::parse(&format!("{local}@a")).is_some());
        assert_eq!(MailAddress::parse(&format!("{local}x@a")), None);
        let domain = |bytes: usize| format!("a@{}", "x".repeat(bytes - 2));
        assert!(MailAddress::parse(&domain(MailAddress::MAX_BYTES)).is_some());
        assert_eq!(MailAddress::parse(&domain(MailAddress::MAX_BYTES + 1)), None);
    }
}
