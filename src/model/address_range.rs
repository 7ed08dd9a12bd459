//! Ranges of IP addresses in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses. One within `::ffff:0:0/96` is the range of the IPv4 addresses mapped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    net: IpAddr,
    prefix: u8,
}

impl AddressRange {
    /// The range that has this address in it and a prefix of so many bits; more bits than the address has count as all.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let net: IpAddr = match address {
            // A shift by the whole width has no result: nothing of the address is left.
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        };
        match net.to_canonical() {
            mapped @ IpAddr::V4(_) if net.is_ipv6() && prefix >= 96 => {
                Self { net: mapped, prefix: prefix.min(128) - 96 }
            }
            _ => Self { net, prefix: prefix.min(Self::bits(net)) },
        }
    }

    /// A range of IPv4; bits beyond the prefix must be 0.
    pub const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Self {
        Self { net: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// A range of IPv6; bits beyond the prefix must be 0.
    pub const fn v6(s: [u16; 8], prefix: u8) -> Self {
        Self { net: IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])), prefix }
    }

    /// The first address.
    pub const fn net(self) -> IpAddr {
        self.net
    }

    /// How many bits an address of this kind has: the longest prefix.
    pub const fn bits(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether the address is inside. No range of IPv6 covers an IPv4 address, nor the other way round: an IPv4-mapped
    /// address needs [`IpAddr::to_canonical`].
    pub fn covers(self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.net, address) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => (net.to_bits() ^ ip.to_bits()).leading_zeros() >= prefix,
            (IpAddr::V6(net), IpAddr::V6(ip)) => (net.to_bits() ^ ip.to_bits()).leading_zeros() >= prefix,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether all of the other range is inside.
    pub fn contains(self, inner: Self) -> bool {
        inner.prefix >= self.prefix && self.covers(inner.net)
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.net, self.prefix)
    }
}
