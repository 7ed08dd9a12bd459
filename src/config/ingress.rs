//! Entries of `server.trusted_proxies` and `server.cors_origins`.

use super::AllowRule;
use super::raw::{RawValue, ValueError, ValueType, quote};
use crate::model::Authority;
use std::fmt;
use std::net::IpAddr;

/// A range of addresses, on every port. An IPv4 address mapped into IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(AllowRule);

impl AddressRange {
    /// Whether the address is inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        // Without a port of its own, the rule is the same for all.
        self.0.covers(address, 0)
    }
}

/// Who a page belongs to, as a browser's `Origin` header says it (RFC 6454); or everyone, `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://loja.example`, `http://localhost:3000` or `*`: lower case, without a path, the scheme's own port left out, as
    /// browsers send it and as it is compared.
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

    /// Whether it stands for every page there is.
    pub fn is_everyone(&self) -> bool {
        self.0 == "*"
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry of `server.trusted_proxies`.
pub(super) struct Range;

impl ValueType<AddressRange> for Range {
    fn expected(&self) -> String {
        "an address or a range of them, such as \"127.0.0.1\" or \"10.0.0.0/8\"".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<AddressRange, Vec<ValueError>> {
        let text = raw.text().ok_or_else(|| self.refuse(raw, ""))?;
        match AllowRule::parse(text) {
            Ok(rule) if rule.port().is_some() => Err(self.refuse(raw, "; leave the port out")),
            Ok(rule) => Ok(AddressRange(rule)),
            Err(error) => Err(ValueError::one(format!("can't be {}: {error}", raw.describe()))),
        }
    }

    fn show(&self, value: &AddressRange) -> String {
        quote(&value.to_string())
    }
}

/// An entry of `server.cors_origins`.
pub(super) struct OneOrigin;

impl ValueType<Origin> for OneOrigin {
    fn expected(&self) -> String {
        "an origin such as \"https://loja.example\", in lower case and without a path, or \"*\" for every page"
            .to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Origin, Vec<ValueError>> {
        raw.text().and_then(Origin::parse).ok_or_else(|| self.refuse(raw, ""))
    }

    fn show(&self, value: &Origin) -> String {
        quote(value.as_str())
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
    fn a_range_has_no_port() {
        assert!(Range.read(&RawValue::Text("10.0.0.0/8".into())).unwrap().contains("::ffff:10.1.2.3".parse().unwrap()));
        let faults = Range.read(&RawValue::Text("127.0.0.1:80".into())).unwrap_err();
        assert!(faults[0].message.ends_with("; leave the port out"), "{faults:?}");
    }
}
