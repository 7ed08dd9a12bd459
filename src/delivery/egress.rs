//! The egress guard: which addresses an attempt may dial.
//!
//! A webhook's target is a URL that any user of the API may choose, and the daemon runs in the merchant's own network.
//! Without the guard, a target such as `http://169.254.169.254/` would give access to that network (server-side request
//! forgery). The guard judges the address that is about to be dialled, never a name: a name may resolve differently a
//! moment later. Pure: no resolver, no socket.

use crate::config::AllowRule;
use crate::model::AddressRange;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The guard: a fixed table of what is not public, and what the operator lets through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard<'a> {
    allow: &'a [AllowRule],
    /// Lets everything through.
    is_open: bool,
}

/// The address may not be dialled: in which range it lies, and what would open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The address that was asked about.
    pub(crate) ip: IpAddr,
    /// The address inside it, or itself, that is refused.
    pub(crate) checked: IpAddr,
    pub(crate) port: u16,
    pub(crate) refused: &'static RefusedRange,
}

impl Blocked {
    /// The narrowest entry of `egress.allow` that opens what was refused; `None` where none does.
    pub(crate) fn opened_by(&self) -> Option<String> {
        let Self { checked, port, .. } = self;
        match (self.refused.opens, checked) {
            (Opens::Never, _) => None,
            (Opens::ToAnyEntry | Opens::ToAnEntryInside, IpAddr::V4(_)) => Some(format!("{checked}/32:{port}")),
            (Opens::ToAnyEntry | Opens::ToAnEntryInside, IpAddr::V6(_)) => Some(format!("[{checked}]/128:{port}")),
        }
    }
}

impl<'a> Guard<'a> {
    /// A guard that lets through what is public and what `allow` opens.
    pub fn new(allow: &'a [AllowRule]) -> Self {
        Self { allow, is_open: false }
    }

    /// A guard that lets everything through: for addresses that the operator wrote into the config.
    pub fn open() -> Self {
        Self { allow: &[], is_open: true }
    }

    /// Whether `ip` may be dialled at `port`.
    ///
    /// An address that embeds an IPv4 one is checked by that, see [`Reached`]. Private and reserved ranges open to
    /// every entry that covers the address. Loopback, link-local and metadata addresses, and tunnels that may end
    /// anywhere, open only to an entry that lies inside their own range, so that a hasty `0.0.0.0/0` does not give the
    /// machine itself away. Multicast, broadcast and the unspecified address never open.
    pub fn check(&self, ip: IpAddr, port: u16) -> Result<(), Blocked> {
        let reached = Reached::by(ip);
        let checked = reached.itself.then_some(ip).into_iter().chain(reached.embedded.into_iter().flatten());
        for checked in checked {
            if let Some(refused) = self.refuses(checked, port) {
                return Err(Blocked { ip, checked, port, refused });
            }
        }
        Ok(())
    }

    /// Those of `addresses` that may be dialled, in their order; why the first may not where none may. No address is
    /// admitted of none.
    pub fn admit(&self, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, Blocked> {
        let mut first = None;
        let mut admitted = Vec::with_capacity(addresses.len());
        for address in addresses {
            match self.check(address.ip(), address.port()) {
                Ok(()) => admitted.push(*address),
                Err(blocked) => first = first.or(Some(blocked)),
            }
        }
        first.filter(|_| admitted.is_empty()).map_or(Ok(admitted), Err)
    }

    fn refuses(&self, ip: IpAddr, port: u16) -> Option<&'static RefusedRange> {
        let refused = REFUSED.iter().find(|refused| !self.is_open && refused.net.covers(ip))?;
        let opened = self.allow.iter().any(|rule| {
            rule.covers(ip, port)
                && match refused.opens {
                    Opens::ToAnyEntry => true,
                    Opens::ToAnEntryInside => refused.net.contains(rule.range),
                    Opens::Never => false,
                }
        });
        (!opened).then_some(refused)
    }
}

/// A range that is refused, what it is for, and what opens it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedRange {
    pub(crate) net: AddressRange,
    pub(crate) class: AddressClass,
    pub(crate) opens: Opens,
}

/// What a range of addresses is for; what it is called in a sentence stands in [`super::failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressClass {
    Unspecified,
    Loopback,
    LinkLocal,
    Metadata,
    Broadcast,
    Multicast,
    Private,
    Shared,
    Protocols,
    Documentation,
    Benchmarking,
    DiscardOnly,
    Tunnel,
    Reserved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    ToAnyEntry,
    ToAnEntryInside,
    Never,
}

/// The IANA registries of special-purpose addresses (RFC 6890, RFC 8190), multicast, and where clouds keep their
/// metadata.
///
/// The registries call a few ranges globally reachable: anycast for DNS sinks (AS112), for tunnels (AMT, 6to4 relays)
/// and for finding a NAT (192.0.0.9 and the like). Whichever machine is nearest answers there, perhaps one's own
/// router, and no shop's server ever does, so they are refused with the rest.
///
/// The first row that covers an address decides, so a narrow range stands above the one around it. IPv6 hands out
/// `2000::/3` alone as public: the last rows refuse everything outside it, whatever it may come to mean.
#[rustfmt::skip]
const REFUSED: &[RefusedRange] = &[
    v4([0, 0, 0, 0], 8, AddressClass::Unspecified, Opens::Never),
    v4([127, 0, 0, 0], 8, AddressClass::Loopback, Opens::ToAnEntryInside),
    v4([169, 254, 0, 0], 16, AddressClass::LinkLocal, Opens::ToAnEntryInside),
    v4([100, 100, 100, 200], 32, AddressClass::Metadata, Opens::ToAnEntryInside),
    v4([168, 63, 129, 16], 32, AddressClass::Metadata, Opens::ToAnEntryInside),
    v4([192, 0, 0, 192], 32, AddressClass::Metadata, Opens::ToAnEntryInside),
    v4([255, 255, 255, 255], 32, AddressClass::Broadcast, Opens::Never),
    v4([224, 0, 0, 0], 4, AddressClass::Multicast, Opens::Never),
    v4([10, 0, 0, 0], 8, AddressClass::Private, Opens::ToAnyEntry),
    v4([172, 16, 0, 0], 12, AddressClass::Private, Opens::ToAnyEntry),
    v4([192, 168, 0, 0], 16, AddressClass::Private, Opens::ToAnyEntry),
    v4([100, 64, 0, 0], 10, AddressClass::Shared, Opens::ToAnyEntry),
    v4([192, 0, 0, 0], 24, AddressClass::Protocols, Opens::ToAnyEntry),
    v4([192, 31, 196, 0], 24, AddressClass::Protocols, Opens::ToAnyEntry),
    v4([192, 52, 193, 0], 24, AddressClass::Protocols, Opens::ToAnyEntry),
    v4([192, 88, 99, 0], 24, AddressClass::Protocols, Opens::ToAnyEntry),
    v4([192, 175, 48, 0], 24, AddressClass::Protocols, Opens::ToAnyEntry),
    v4([192, 0, 2, 0], 24, AddressClass::Documentation, Opens::ToAnyEntry),
    v4([198, 51, 100, 0], 24, AddressClass::Documentation, Opens::ToAnyEntry),
    v4([203, 0, 113, 0], 24, AddressClass::Documentation, Opens::ToAnyEntry),
    v4([198, 18, 0, 0], 15, AddressClass::Benchmarking, Opens::ToAnyEntry),
    v4([240, 0, 0, 0], 4, AddressClass::Reserved, Opens::ToAnyEntry),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, AddressClass::Unspecified, Opens::Never),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, AddressClass::Loopback, Opens::ToAnEntryInside),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, AddressClass::Multicast, Opens::Never),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, AddressClass::LinkLocal, Opens::ToAnEntryInside),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, AddressClass::Metadata, Opens::ToAnEntryInside),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128, AddressClass::Metadata, Opens::ToAnEntryInside),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, AddressClass::Metadata, Opens::ToAnEntryInside),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, AddressClass::Metadata, Opens::ToAnEntryInside),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, AddressClass::Private, Opens::ToAnyEntry),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, AddressClass::Documentation, Opens::ToAnyEntry),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, AddressClass::Documentation, Opens::ToAnyEntry),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, AddressClass::Tunnel, Opens::ToAnEntryInside),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, AddressClass::Protocols, Opens::ToAnyEntry),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, AddressClass::Protocols, Opens::ToAnyEntry),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, AddressClass::DiscardOnly, Opens::ToAnyEntry),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, AddressClass::Tunnel, Opens::ToAnEntryInside),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, AddressClass::Tunnel, Opens::ToAnEntryInside),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 3, AddressClass::Reserved, Opens::ToAnyEntry),
    v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, AddressClass::Reserved, Opens::ToAnyEntry),
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, AddressClass::Reserved, Opens::ToAnyEntry),
];

const fn v4(net: [u8; 4], prefix: u8, class: AddressClass, opens: Opens) -> RefusedRange {
    RefusedRange { net: AddressRange::v4(net, prefix), class, opens }
}

const fn v6(net: [u16; 8], prefix: u8, class: AddressClass, opens: Opens) -> RefusedRange {
    RefusedRange { net: AddressRange::v6(net, prefix), class, opens }
}

/// What dialling an address may come to: the address itself, and the IPv4 addresses it embeds.
///
/// An IPv4-mapped address, one of the well-known NAT64 prefix and one of 6to4 are nothing but a spelling of the IPv4
/// address, and are checked by that alone. What else carries an IPv4 address is checked by both.
struct Reached {
    itself: bool,
    embedded: [Option<IpAddr>; 2],
}

impl Reached {
    fn by(ip: IpAddr) -> Self {
        let two = |high: u16, low: u16| Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))));
        let spelling = |v4| Self { itself: false, embedded: [v4, None] };
        let carrying = |v4| Self { itself: true, embedded: [v4, None] };
        let IpAddr::V6(v6) = ip else { return carrying(None) };
        match v6.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => carrying(None),
            // RFC 4291, 2.5.5.2; RFC 6052, 2.1; RFC 3056.
            [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                spelling(two(high, low))
            }
            // Teredo, RFC 4380, 4: the server, and the client's address with every bit turned.
            [0x2001, 0, high, low, _, _, client_high, client_low] => {
                Self { itself: true, embedded: [two(high, low), two(!client_high, !client_low)] }
            }
            // IPv4-compatible, RFC 4291, 2.5.5.1; IPv4-translated, RFC 2765, 2.1; ISATAP under any prefix, RFC 5214,
            // 6.1.
            [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => {
                carrying(two(high, low))
            }
            _ => carrying(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn guard(rules: &[&str]) -> Guard<'static> {
        let parse = |rule: &&str| {
            let (net, rest) = rule.split_once('/').unwrap();
            let (prefix, port) = rest.split_once(" port ").map_or((rest, None), |(prefix, port)| (prefix, Some(port)));
            AllowRule {
                range: AddressRange::around(ip(net), prefix.parse().unwrap()),
                port: port.map(|port| port.parse().unwrap()),
            }
        };
        Guard::new(rules.iter().map(parse).collect::<Vec<_>>().leak())
    }

    fn passes(guard: &Guard<'_>, address: &str) -> bool {
        guard.check(ip(address), 443).is_ok()
    }

    #[test]
    fn what_is_public_passes_and_the_rest_does_not() {
        let closed = Guard::default();
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.195.255",
            "192.31.197.0",
            "192.52.192.255",
            "192.52.194.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.175.47.255",
            "192.175.49.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2606:4700::1111",
            "2620:4f:7fff:ffff::1",
            "2620:4f:8001::1",
            "2a00::1",
            "2a00::5efe:8.8.8.8",
            "2a00::100:5efe:7f00:1",
            "3ffe:ffff::",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(passes(&closed, public), "{public}");
        }
        for refused in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.0.9",
            "192.0.0.170",
            "192.0.0.192",
            "192.0.2.1",
            "192.31.196.0",
            "192.52.193.255",
            "192.88.99.2",
            "192.175.48.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "100::1",
            "64:ff9b:1::1",
            "100:0:0:1::1",
            "1fff:ffff::",
            "2001::1",
            // A Teredo client behind 8.8.8.8, by the server 8.8.8.8: the prefix alone is refused.
            "2001:0:808:808::f7f7:f7f7",
            "2001:1::1",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:20::1",
            "2001:30::1",
            "2001:db8::1",
            "2620:4f:8000::1",
            "3fff::1",
            "4000::",
            "5f00::1",
            "8000::",
            "fc00::",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:42::42",
            "fd20:ce::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "::ffff:0:127.0.0.1",
            "2a00::5efe:127.0.0.1",
            "2a00::200:5efe:10.0.0.1",
        ] {
            assert!(!passes(&closed, refused), "{refused}");
        }
    }

    #[test]
    fn private_ranges_open_to_any_entry_that_covers_them() {
        let wide = guard(&["0.0.0.0/0", "::/0"]);
        for opened in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "fc00::1",
            "fec0::1",
            "2001:db8::1",
            "2001:20::1",
            "100::1",
            "5f00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2a00::5efe:10.0.0.1",
        ] {
            assert!(passes(&wide, opened), "{opened}");
        }
        let narrow = guard(&["10.1.0.0/16"]);
        assert!(passes(&narrow, "10.1.255.255") && !passes(&narrow, "10.2.0.0"));
        assert!(passes(&narrow, "2002:a01:1::1") && !passes(&narrow, "2002:a02:1::1"));
    }

    #[test]
    fn the_machine_itself_opens_only_to_an_entry_of_its_own_range() {
        let wide = guard(&["0.0.0.0/0", "::/0", "126.0.0.0/7", "169.0.0.0/8", "fe00::/7"]);
        for closed in [
            "127.0.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "::1",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:42::42",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "2a00::5efe:127.0.0.1",
            "64:ff9b:1::1",
            "2001:0:808:808::f7f7:f7f7",
        ] {
            assert!(!passes(&wide, closed), "{closed}");
        }
        for (rule, address) in [
            ("127.0.0.0/8", "127.9.9.9"),
            ("127.0.0.1/32", "127.0.0.1"),
            ("127.0.0.1/32", "::ffff:127.0.0.1"),
            ("::ffff:127.0.0.0/104", "127.0.0.1"),
            ("169.254.0.0/16", "169.254.169.254"),
            ("169.254.169.254/32", "169.254.169.254"),
            ("100.100.100.200/32", "100.100.100.200"),
            ("::1/128", "::1"),
            ("fe80::/10", "fe80::1"),
            ("fe80::/64", "fe80::1"),
            ("fd00:ec2::254/128", "fd00:ec2::254"),
            ("64:ff9b:1::/48", "64:ff9b:1::1"),
            ("2001::/32", "2001:0:808:808::f7f7:f7f7"),
            ("::/96", "::8.8.8.8"),
        ] {
            assert!(passes(&guard(&[rule]), address), "{rule} {address}");
        }
        assert!(!passes(&guard(&["127.0.0.2/32"]), "127.0.0.1"));
    }

    #[test]
    fn a_tunnel_that_was_opened_still_does_not_end_at_the_machine_itself() {
        // 127.0.0.1 as the Teredo client (every bit turned), and as its server.
        let opened = guard(&["2001::/32", "::/96"]);
        for closed in ["2001:0:808:808::80ff:fffe", "2001:0:7f00:1::f7f7:f7f7", "::127.0.0.1", "::10.0.0.1"] {
            assert!(!passes(&opened, closed), "{closed}");
        }
        let both = guard(&["2001::/32", "127.0.0.0/8"]);
        assert!(passes(&both, "2001:0:808:808::80ff:fffe"));
    }

    #[test]
    fn what_is_refused_names_the_entry_that_opens_it_and_that_one_does() {
        for (address, entry) in [
            ("10.0.0.1", Some("10.0.0.1/32:443")),
            ("::ffff:127.0.0.1", Some("127.0.0.1/32:443")),
            ("2002:7f00:1::", Some("127.0.0.1/32:443")),
            ("::1", Some("[::1]/128:443")),
            ("fd00:ec2::254", Some("[fd00:ec2::254]/128:443")),
            ("64:ff9b:1::1", Some("[64:ff9b:1::1]/128:443")),
            ("224.0.0.1", None),
            ("::", None),
        ] {
            let blocked = Guard::default().check(ip(address), 443).unwrap_err();
            assert_eq!(blocked.opened_by().as_deref(), entry, "{address}");
            let prefix = if blocked.checked.is_ipv4() { 32 } else { 128 };
            let narrowest = [AllowRule { range: AddressRange::around(blocked.checked, prefix), port: Some(443) }];
            let narrowest = Guard::new(&narrowest);
            assert_eq!(narrowest.check(ip(address), 443).is_ok(), entry.is_some(), "{address}");
            assert!(narrowest.check(ip(address), 444).is_err(), "{address}");
        }
    }

    #[test]
    fn nothing_opens_multicast_broadcast_and_unspecified() {
        for (rule, address) in [
            ("0.0.0.0/8", "0.0.0.0"),
            ("0.0.0.0/32", "0.0.0.0"),
            ("224.0.0.0/4", "224.0.0.1"),
            ("255.255.255.255/32", "255.255.255.255"),
            ("::/128", "::"),
            ("ff00::/8", "ff02::1"),
        ] {
            assert!(!passes(&guard(&[rule]), address), "{rule} {address}");
        }
    }

    #[test]
    fn an_entry_with_a_port_opens_that_port_alone() {
        let guard = guard(&["127.0.0.1/32 port 3000", "10.0.0.0/8 port 8080"]);
        assert!(guard.check(ip("127.0.0.1"), 3000).is_ok() && guard.check(ip("127.0.0.1"), 3001).is_err());
        assert!(guard.check(ip("10.0.0.1"), 8080).is_ok() && guard.check(ip("10.0.0.1"), 80).is_err());
    }

    #[test]
    fn a_prefix_beyond_the_address_means_the_address() {
        assert!(passes(&guard(&["10.0.0.1/200"]), "10.0.0.1") && !passes(&guard(&["10.0.0.1/200"]), "10.0.0.2"));
    }
}
