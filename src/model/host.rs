//! Which hosts of a target can exist at all: a name by the rules of DNS (RFC 1035 2.3.4, RFC 1123 2.1), or an address.

use super::target_error::TargetError;
use std::net::Ipv6Addr;

/// The longest part of a name between two dots, and the longest name, in bytes.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// Checks the host of a URL: a name, with one dot at its end or without; an IPv4 address, in any of the spellings that
/// `inet_aton` reads; or an IPv6 address in brackets. A name may hold `_`, which resolvers take.
pub(crate) fn check(host: &str) -> Result<(), TargetError> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().map(drop).map_err(|_| TargetError::NotHttp);
    }
    if host.is_empty() {
        return Err(TargetError::NoHost);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return Err(TargetError::EmptyLabel);
    }
    // No top-level domain is a number: what ends in one is meant as an address (the URL standard, "ends in a number").
    if labels.last().is_some_and(|last| is_number(last)) {
        return match is_ipv4(&labels) {
            false => Err(TargetError::NoAddress),
            true if host.ends_with('.') => Err(TargetError::AddressDot),
            true => Ok(()),
        };
    }
    if labels.iter().any(|label| label.len() > MAX_LABEL) {
        return Err(TargetError::LongLabel);
    }
    if name.len() > MAX_NAME {
        return Err(TargetError::LongName);
    }
    let has_letter = |label: &str| label.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if labels.iter().any(|label| label.starts_with('-') || !has_letter(label)) {
        return Err(TargetError::Hyphen);
    }
    Ok(())
}

/// Whether a label is digits, or `0x` and hexadecimal digits.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether these parts are an address: each but the last a byte, the last as many as are left.
fn is_ipv4(parts: &[&str]) -> bool {
    let Some((last, bytes)) = parts.split_last().filter(|(_, bytes)| bytes.len() <= 3) else {
        return false;
    };
    let left = 4 - bytes.len();
    let fits = |part: &str, most: u64| number(part).is_some_and(|number| number <= most);
    bytes.iter().all(|part| fits(part, 255)) && fits(last, (1 << (8 * left)) - 1)
}

/// Decimal, octal after `0`, hexadecimal after `0x`.
fn number(part: &str) -> Option<u64> {
    if let Some(hex) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    match part.strip_prefix('0').filter(|octal| !octal.is_empty()) {
        Some(octal) => u64::from_str_radix(octal, 8).ok(),
        None => part.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_can_exist() {
        let (label, name) = ("a".repeat(MAX_LABEL), format!("{}a", "a.".repeat(MAX_NAME / 2)));
        for good in [
            "loja.example",
            "loja.example.",
            "localhost",
            "a",
            "xn--nxasmq6b",
            "my_host.internal",
            "r3---sn-4g.example",
            "trailing-.example",
            "3com.example",
            "0x7f.example",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "[::1]",
            &label,
            &name,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, problem) in [
            ("", TargetError::NoHost),
            (".", TargetError::EmptyLabel),
            ("..", TargetError::EmptyLabel),
            ("a..example", TargetError::EmptyLabel),
            (".loja.example", TargetError::EmptyLabel),
            ("loja.example..", TargetError::EmptyLabel),
            ("-", TargetError::Hyphen),
            ("--.example", TargetError::Hyphen),
            ("-a.example", TargetError::Hyphen),
            ("_", TargetError::Hyphen),
            ("0x", TargetError::NoAddress),
            ("127.0.0.256", TargetError::NoAddress),
            ("127.0.0.1.5", TargetError::NoAddress),
            ("127.0.0.09", TargetError::NoAddress),
            ("4294967296", TargetError::NoAddress),
            ("loja.1", TargetError::NoAddress),
            ("127.0.0.1.", TargetError::AddressDot),
            ("[::x]", TargetError::NotHttp),
            (&format!("{label}a.example"), TargetError::LongLabel),
            (&format!("{name}.a"), TargetError::LongName),
        ] {
            assert_eq!(check(bad), Err(problem), "{bad}");
        }
    }
}
