//! Whose a connection or a request is.

use crate::model::AddressRange;
use http::{HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What limits are counted by: an IPv4 address, or the /64 that one customer of IPv6 has at the least.
pub(crate) fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The address of who calls: the peer's, or, where that is a proxy that is trusted, the last address of
/// `X-Forwarded-For` that is none. Everything left of it is the caller's own to invent. `Forwarded` (RFC 7239) is not
/// looked at: a proxy that appends to one of the two headers passes the other on unchanged, so trusting both is
/// trusting the caller.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.covers(address.to_canonical()));
    let mut nearest = peer.to_canonical();
    if !is_trusted(nearest) {
        return nearest;
    }
    let named = headers.get_all(HeaderName::from_static("x-forwarded-for")).iter().rev();
    for hop in named.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')) {
        // What can't be read ends what is known.
        let Some(address) = parse(hop.trim()) else {
            break;
        };
        nearest = address;
        if !is_trusted(nearest) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: with a port or without, IPv6 in brackets or not.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn trusted() -> Vec<AddressRange> {
        let text = "127.0.0.1, 10.0.0.0/8, ::1".to_owned();
        let config = Config::load(None, std::iter::empty(), &[("server.trusted_proxies", text)]).unwrap().config;
        config.server.trusted_proxies
    }

    fn called(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(value));
        }
        client_address(peer.parse().unwrap(), &headers, &trusted()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_about_the_hop_before() {
        for (peer, forwarded, says) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:127.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.7", "203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            ("127.0.0.1", &["10.0.0.9, 10.1.1.1"], "10.0.0.9"),
            ("127.0.0.1", &["198.51.100.7, unknown, 10.1.1.1"], "10.1.1.1"),
            ("127.0.0.1", &["203.0.113.9, "], "127.0.0.1"),
            ("::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("::1", &["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(called(peer, forwarded), says, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_customer_of_ipv6_has_one_address() {
        let same = |a: &str, b: &str| address_key(a.parse().unwrap()) == address_key(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    }
}
