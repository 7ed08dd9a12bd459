//! One entry of `egress.allow`: which addresses, and on which port.

use crate::model::{AddressRange, Localized, display_in_english, localized};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A range of addresses, on one port or on all. An IPv4 address mapped into IPv6 is the IPv4 address, in the entry as
/// in what is asked: a resolver may hand out either form for the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllowRule {
    /// The addresses.
    pub range: AddressRange,
    /// The only port; every port where `None`.
    pub port: Option<u16>,
}

/// Why an entry was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowRuleError {
    /// It doesn't begin with an IP address.
    Address,
    /// The prefix is no number, or longer than the address.
    Prefix,
    /// The port is not 1 to 65535.
    Port,
    /// An IPv6 address with a port and no brackets.
    Brackets,
    /// Bits beyond the prefix are set. The range that was probably meant.
    HostBits(AllowRule),
}

impl AllowRuleError {
    /// The sentence behind the value.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Address => localized!(
                "it must begin with an IP address, as in \"192.168.0.0/16\", \"127.0.0.1/32:3000\" or \
                 \"[::1]/128:3000\"",
                "o começo deve ser um endereço IP, como em \"192.168.0.0/16\", \"127.0.0.1/32:3000\" ou \
                 \"[::1]/128:3000\""
            ),
            Self::Prefix => localized!(
                "the prefix after `/` must be 0 to 32 for IPv4 and 0 to 128 for IPv6",
                "o prefixo depois de `/` deve ser de 0 a 32 em IPv4 e de 0 a 128 em IPv6"
            ),
            Self::Port => localized!(
                "the port after the last `:` must be 1 to 65535",
                "a porta depois do último `:` deve ser de 1 a 65535"
            ),
            Self::Brackets => localized!(
                "an IPv6 address with a port needs brackets, as in \"[::1]/128:3000\"",
                "um endereço IPv6 com porta precisa de colchetes, como em \"[::1]/128:3000\""
            ),
            Self::HostBits(meant) => localized!(
                "bits beyond the prefix are set; write \"{meant}\" for the whole range",
                "há bits além do prefixo; escreva \"{meant}\" para a faixa inteira"
            ),
        }
    }
}

display_in_english!(AllowRuleError);

impl AllowRule {
    /// Reads `192.168.0.0/16`, `127.0.0.1/32:3000`, `[::1]/128:3000`, `::1/128`. Without a prefix one address is meant.
    pub fn parse(text: &str) -> Result<Self, AllowRuleError> {
        let (address, prefix, port) = split(text)?;
        let net: IpAddr = address.parse().map_err(|_| AllowRuleError::Address)?;
        let bits = AddressRange::bits(net);
        let prefix = match prefix {
            Some(prefix) => number(prefix).filter(|prefix| *prefix <= bits).ok_or(AllowRuleError::Prefix)?,
            None => bits,
        };
        let port = match port {
            Some(digits) => Some(crate::model::port(digits).ok_or(AllowRuleError::Port)?),
            None => None,
        };
        let rule = Self { range: AddressRange::around(net, prefix), port };
        if rule.range.net() == net.to_canonical() { Ok(rule) } else { Err(AllowRuleError::HostBits(rule)) }
    }

    /// Whether it lets a connection to this address and port through.
    pub fn covers(&self, address: IpAddr, port: u16) -> bool {
        self.range.covers(address.to_canonical()) && self.port.is_none_or(|only| only == port)
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { range, port } = self;
        let Some(port) = port else { return range.fmt(f) };
        match (range.net(), range.to_string().split_once('/')) {
            (IpAddr::V6(_), Some((net, prefix))) => write!(f, "[{net}]/{prefix}:{port}"),
            _ => write!(f, "{range}:{port}"),
        }
    }
}

type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn split(text: &str) -> Result<Parts<'_>, AllowRuleError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(AllowRuleError::Address)?;
        // What isn't IPv6 has no business in brackets.
        address.parse::<Ipv6Addr>().map_err(|_| AllowRuleError::Address)?;
        let (rest, port) = split_off(rest, ':');
        return match rest.strip_prefix('/') {
            Some(prefix) => Ok((address, Some(prefix), port)),
            None if rest.is_empty() => Ok((address, None, port)),
            None => Err(AllowRuleError::Address),
        };
    }
    let (address, tail) = split_off(text, '/');
    if address.contains("::") || address.matches(':').count() > 1 {
        return match tail {
            Some(tail) if tail.contains(':') => Err(AllowRuleError::Brackets),
            _ => Ok((address, tail, None)),
        };
    }
    let (last, port) = split_off(tail.unwrap_or(address), ':');
    Ok(if tail.is_some() { (address, Some(last), port) } else { (last, None, port) })
}

fn split_off(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Digits alone: `str::parse` would take a sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(rule: &str, address: &str, port: u16) -> bool {
        AllowRule::parse(rule).unwrap().covers(address.parse().unwrap(), port)
    }

    #[test]
    fn every_form_reads_and_prints() {
        for (text, printed) in [
            ("192.168.0.0/16", "192.168.0.0/16"),
            ("127.0.0.1/32:3000", "127.0.0.1/32:3000"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("127.0.0.1:3000", "127.0.0.1/32:3000"),
            ("[::1]/128:3000", "[::1]/128:3000"),
            ("[::1]:65535", "[::1]/128:65535"),
            ("[::1]", "::1/128"),
            ("::1/128", "::1/128"),
            ("::1", "::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            let rule = AllowRule::parse(text).unwrap();
            assert_eq!(rule.to_string(), printed, "{text}");
            assert_eq!(AllowRule::parse(printed), Ok(rule));
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        use AllowRuleError::{Address, Brackets, Port, Prefix};
        for (text, error) in [
            ("", Address),
            ("localhost", Address),
            ("10.0.0", Address),
            ("10.0.0.0/8/8", Prefix),
            ("10.0.0.0/33", Prefix),
            ("10.0.0.0/+8", Prefix),
            ("10.0.0.0/", Prefix),
            ("::1/129", Prefix),
            ("127.0.0.1:0", Port),
            ("127.0.0.1:65536", Port),
            ("127.0.0.1/32:", Port),
            ("127.0.0.1/32:+80", Port),
            ("::1/128:3000", Brackets),
            ("[127.0.0.1]:80", Address),
            ("[::1", Address),
            ("[::1]x", Address),
            ("fe80::1%eth0", Address),
            (" 127.0.0.1", Address),
        ] {
            assert_eq!(AllowRule::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn host_bits_name_the_range_that_was_meant() {
        for (text, meant) in [
            ("192.168.1.1/16", "192.168.0.0/16"),
            ("10.0.0.1/31:80", "10.0.0.0/31:80"),
            ("::1/127", "::/127"),
            ("0.0.0.1/0", "0.0.0.0/0"),
            ("::ffff:10.0.0.1/104", "10.0.0.0/8"),
        ] {
            let meant = AllowRule::parse(meant).unwrap();
            assert_eq!(AllowRule::parse(text), Err(AllowRuleError::HostBits(meant)), "{text}");
        }
    }

    #[test]
    fn a_rule_covers_its_range_and_its_port() {
        assert!(covers("192.168.0.0/16", "192.168.255.255", 1) && !covers("192.168.0.0/16", "192.169.0.0", 1));
        assert!(covers("127.0.0.1/32:3000", "127.0.0.1", 3000) && !covers("127.0.0.1/32:3000", "127.0.0.1", 3001));
        assert!(!covers("127.0.0.1", "127.0.0.2", 80));
        assert!(covers("fd00::/8", "fdff::1", 80) && !covers("fd00::/8", "fe00::", 80));
        assert!(covers("0.0.0.0/0", "8.8.8.8", 80) && !covers("0.0.0.0/0", "::1", 80));
        assert!(covers("::/0", "::1", 80) && !covers("::/0", "127.0.0.1", 80));
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_ones() {
        assert!(covers("10.0.0.0/8", "::ffff:10.1.2.3", 80));
        assert!(covers("::ffff:10.0.0.0/104", "10.1.2.3", 80) && covers("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", 80));
        assert!(!covers("::/0", "::ffff:10.1.2.3", 80), "no range of IPv6 opens IPv4");
    }
}
