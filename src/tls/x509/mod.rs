//! What a certificate says of itself (RFC 5280), for the sentence that explains why it was refused.
//!
//! It judges nothing and verifies nothing: whether a certificate is trusted is webpki's business alone. What it reads
//! was sent by a stranger, so each step is bounded, and what can't be read is left out.

use super::der::Der;
use crate::model::Timestamp;
use std::fmt;
use std::net::IpAddr;

/// How long a name in a sentence may be, in characters.
const MAX_NAME_CHARS: usize = 80;
/// How many names of hosts are read.
const MAX_NAMES: usize = 5;
/// How many items of one list are looked at: certificates of large hosters name hundreds of hosts.
const MAX_ITEMS: usize = 2000;

/// The parts of a certificate that decide whether it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// 1 to 3; only those of version 3 have extensions, and so names.
    pub(crate) version: u8,
    /// What it was signed with.
    pub(crate) signed: Signature,
    /// Who signed it: the common name, else the organization; empty where there is neither.
    pub(crate) issuer: String,
    /// Whose it is, likewise.
    pub(crate) subject: String,
    /// Whether issuer and subject are the same.
    pub(crate) is_self_issued: bool,
    /// The last moment of its time.
    pub(crate) not_after: Option<Timestamp>,
    /// The first moment of its time.
    pub(crate) not_before: Option<Timestamp>,
    /// The key it is for.
    pub(crate) key: PublicKey,
    /// The first hosts and addresses of its `subjectAltName`.
    pub(crate) names: Vec<String>,
    /// How many there are besides.
    pub(crate) more_names: usize,
    /// Whether it may sign others.
    pub(crate) is_authority: bool,
    /// Whether its extended key usage, if it has any, takes in servers.
    pub(crate) is_for_servers: bool,
    /// The first extension that is critical and that webpki doesn't know, as numbers with dots.
    pub(crate) unknown_critical: Option<String>,
}

/// The algorithm of a signature, as far as a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    /// MD2, MD4 or MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// Any other.
    Other,
}

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// RSA, with its length in bits.
    Rsa(usize),
    /// RSA for PSS signatures alone.
    RsaPss,
    /// A curve that is known by name.
    Curve(&'static str),
    /// DSA.
    Dsa,
    /// None of these.
    Other,
}

impl PublicKey {
    /// Whether carteiro verifies signatures of such a key (ring's algorithms).
    pub(crate) const fn is_taken(self) -> bool {
        match self {
            Self::Rsa(bits) => 2048 <= bits && bits <= 8192,
            Self::Curve(name) => matches!(name.as_bytes(), b"P-256" | b"P-384" | b"Ed25519"),
            // What can't be named is not blamed.
            Self::Other => true,
            Self::RsaPss | Self::Dsa => false,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits} bits"),
            Self::RsaPss => f.write_str("RSA-PSS"),
            Self::Curve(name) => f.write_str(name),
            Self::Dsa => f.write_str("DSA"),
            Self::Other => f.write_str("?"),
        }
    }
}

/// Reads a certificate in DER; `None` where its frame can't be read.
pub(crate) fn read(certificate: &[u8]) -> Option<Facts> {
    let mut certificate = Der(Der(certificate).of(SEQUENCE)?);
    let mut signed = Der(certificate.of(SEQUENCE)?);
    let version = match signed.of(VERSION) {
        Some(version) => Der(version).of(INTEGER)?.last()?.checked_add(1)?,
        None => 1,
    };
    signed.of(INTEGER)?;
    let signature = Der(signed.of(SEQUENCE)?).of(OID)?;
    let issuer = signed.of(SEQUENCE)?;
    let mut validity = Der(signed.of(SEQUENCE)?);
    let (not_before, not_after) = (validity.next().and_then(time), validity.next().and_then(time));
    let subject = signed.of(SEQUENCE)?;
    let key = key(signed.of(SEQUENCE)?);
    let mut facts = Facts {
        version,
        signed: self::signature(signature),
        issuer: name(issuer),
        subject: name(subject),
        is_self_issued: issuer == subject,
        not_after,
        not_before,
        key,
        names: Vec::new(),
        more_names: 0,
        is_authority: false,
        is_for_servers: true,
        unknown_critical: None,
    };
    // Unique identifiers may stand before the extensions, and no one writes them.
    let extensions = signed.take(MAX_ITEMS).find(|(tag, _)| *tag == EXTENSIONS);
    let mut extensions = Der(extensions.map_or(&[][..], |(_, content)| content));
    for (tag, extension) in Der(extensions.of(SEQUENCE).unwrap_or_default()).take(MAX_ITEMS) {
        if tag == SEQUENCE {
            facts.extension(extension);
        }
    }
    Some(facts)
}

impl Facts {
    fn extension(&mut self, extension: &[u8]) {
        let mut extension = Der(extension);
        let Some(id) = extension.of(OID) else { return };
        let is_critical = extension.of(BOOLEAN).is_some_and(|value| value != [0]);
        let Some(value) = extension.of(OCTETS) else { return };
        match id {
            // subjectAltName
            [0x55, 0x1d, 17] => {
                for (tag, name) in Der(Der(value).of(SEQUENCE).unwrap_or_default()).take(MAX_ITEMS) {
                    let Some(name) = general_name(tag, name) else { continue };
                    if self.names.len() < MAX_NAMES {
                        self.names.push(name);
                    } else {
                        self.more_names += 1;
                    }
                }
            }
            // basicConstraints
            [0x55, 0x1d, 19] => {
                let mut constraints = Der(Der(value).of(SEQUENCE).unwrap_or_default());
                self.is_authority = constraints.of(BOOLEAN).is_some_and(|value| value != [0]);
            }
            // extKeyUsage
            [0x55, 0x1d, 37] => {
                let mut purposes = Der(Der(value).of(SEQUENCE).unwrap_or_default()).take(MAX_ITEMS);
                self.is_for_servers = purposes.any(|(_, purpose)| purpose == SERVER_AUTH);
            }
            // keyUsage, nameConstraints, cRLDistributionPoints: what webpki knows besides.
            [0x55, 0x1d, 15 | 30 | 31] => {}
            _ if is_critical && self.unknown_critical.is_none() => self.unknown_critical = Some(dotted(id)),
            _ => {}
        }
    }
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];

fn signature(id: &[u8]) -> Signature {
    match id {
        // md2, md4 and md5WithRSAEncryption
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2..=4] => Signature::Md5,
        // sha1WithRSAEncryption; ecdsa-with-SHA1; dsa-with-sha1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => Signature::Sha1,
        _ => Signature::Other,
    }
}

fn key(info: &[u8]) -> PublicKey {
    let mut info = Der(info);
    let mut algorithm = Der(info.of(SEQUENCE).unwrap_or_default());
    let id = algorithm.of(OID).unwrap_or_default();
    match id {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1] => {
            // The first byte of a bit string counts its unused bits.
            let bits = info.of(BITS).and_then(|bits| bits.get(1..)).unwrap_or_default();
            let modulus = Der(Der(bits).of(SEQUENCE).unwrap_or_default()).of(INTEGER).unwrap_or_default();
            let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
            match modulus.first() {
                Some(first) => PublicKey::Rsa(modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0)),
                None => PublicKey::Other,
            }
        }
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => PublicKey::RsaPss,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => match algorithm.of(OID).unwrap_or_default() {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => PublicKey::Curve("P-256"),
            [0x2b, 0x81, 4, 0, 34] => PublicKey::Curve("P-384"),
            [0x2b, 0x81, 4, 0, 35] => PublicKey::Curve("P-521"),
            [0x2b, 0x81, 4, 0, 33] => PublicKey::Curve("P-224"),
            [0x2b, 0x81, 4, 0, 10] => PublicKey::Curve("secp256k1"),
            [0x2b, 0x24, 3, 3, 2, 8, 1, 1, _] => PublicKey::Curve("Brainpool"),
            _ => PublicKey::Other,
        },
        [0x2b, 0x65, 0x70] => PublicKey::Curve("Ed25519"),
        [0x2b, 0x65, 0x71] => PublicKey::Curve("Ed448"),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => PublicKey::Dsa,
        _ => PublicKey::Other,
    }
}

/// The common name in a distinguished one, else the organization.
fn name(distinguished: &[u8]) -> String {
    let mut organization = None;
    for (_, set) in Der(distinguished).take(MAX_ITEMS).filter(|(tag, _)| *tag == SET) {
        for (_, attribute) in Der(set).take(MAX_ITEMS) {
            let mut attribute = Der(attribute);
            match (attribute.of(OID), attribute.next()) {
                (Some([0x55, 4, 3]), Some(value)) => return text(value),
                (Some([0x55, 4, 10]), Some(value)) => organization = Some(text(value)),
                _ => {}
            }
        }
    }
    organization.unwrap_or_default()
}

fn text((tag, bytes): (u8, &[u8])) -> String {
    const BMP: u8 = 0x1e;
    let text = if tag == BMP {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(bytes)
    };
    shown(&text)
}

/// Without control characters, and cut.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|char| !char.is_control()).take(MAX_NAME_CHARS + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(MAX_NAME_CHARS) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn general_name(tag: u8, name: &[u8]) -> Option<String> {
    const DNS: u8 = 0x82;
    const IP: u8 = 0x87;
    match tag {
        DNS => Some(shown(&String::from_utf8_lossy(name))),
        IP => match name.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(name).ok()?).to_string()),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(name).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// `UTCTime` up to 2049 and `GeneralizedTime` from 2050 on, always in UTC and with seconds (RFC 5280, 4.1.2.5).
fn time((tag, text): (u8, &[u8])) -> Option<Timestamp> {
    const UTC: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    let digits = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let century = match (tag, digits.len()) {
        (UTC, 12) if digits < "50" => "20",
        (UTC, 12) => "19",
        (GENERALIZED, 14) => "",
        _ => return None,
    };
    let all = format!("{century}{digits}");
    let [year, month, day, hour, minute, second] = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14].map(|at| &all[at]);
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// An object identifier as people write it; nothing of one that is odd.
fn dotted(id: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for byte in id.iter().take(MAX_NAME_CHARS) {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let Some(first) = arcs.first().copied() else { return String::new() };
    let top = (first / 40).min(2);
    let rest = arcs.iter().skip(1).map(|arc| format!(".{arc}"));
    std::iter::once(format!("{top}.{}", first - 40 * top)).chain(rest).collect()
}

#[cfg(test)]
pub(crate) mod tests;
