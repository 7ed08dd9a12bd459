//! The key pair that signs a webhook's notifications beside its secret, and which of the two do.

use super::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::fmt;

/// The private half of an Ed25519 key pair: the 32 random bytes that RFC 8032 (5.1.5) derives both halves from. It is
/// never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Secret<[u8; Self::BYTES]>);

impl PrivateKey {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// The key of these bytes, which must be random ones.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The bytes, for the signer and the store alone.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        self.0.expose()
    }

    /// Both halves, ready for signing. To derive the public one takes tens of microseconds.
    pub fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(self.expose()).expect("32 bytes make a key pair, whichever they are")
    }

    /// The half that receivers verify with.
    pub fn public(&self) -> PublicKey {
        let pair = self.pair();
        PublicKey(pair.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes"))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// The public half of an Ed25519 key pair, written `whpk_` and base64 (Standard Webhooks). Displays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; Self::BYTES]);

impl PublicKey {
    /// How many bytes it has.
    pub const BYTES: usize = 32;
    const PREFIX: &str = "whpk_";

    /// Reads `whpk_…`, or the bare base64.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(Self::PREFIX).unwrap_or(text).trim_end_matches('=');
        Some(Self(STANDARD_NO_PAD.decode(encoded).ok()?.try_into().ok()?))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, STANDARD.encode(self.0))
    }
}

/// Which signatures of Standard Webhooks a webhook's notifications carry: at least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// `v1`: HMAC-SHA256 with the webhook's secret. What the published libraries verify.
    #[default]
    Symmetric,
    /// `v1a`: Ed25519 with the webhook's key pair. Whoever can verify it can't forge it.
    Asymmetric,
    /// Both, so that receivers can change from one to the other.
    Both,
}

impl Signatures {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Symmetric, Self::Both, Self::Asymmetric];

    /// The identifiers of the specification.
    pub const fn identifiers(self) -> &'static [&'static str] {
        match self {
            Self::Symmetric => &["v1"],
            Self::Asymmetric => &["v1a"],
            Self::Both => &["v1", "v1a"],
        }
    }

    /// Reads the identifiers, in any order; `None` for none, for one that is given twice, and for others.
    pub fn parse(identifiers: &[&str]) -> Option<Self> {
        let same = |all: &Self| {
            let wanted = all.identifiers();
            wanted.len() == identifiers.len() && wanted.iter().all(|one| identifiers.contains(one))
        };
        Self::ALL.into_iter().find(same)
    }

    /// Whether the secret signs.
    pub const fn symmetric(self) -> bool {
        matches!(self, Self::Symmetric | Self::Both)
    }

    /// Whether the key pair signs.
    pub const fn asymmetric(self) -> bool {
        matches!(self, Self::Asymmetric | Self::Both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, the second vector.
    #[test]
    fn the_public_key_is_that_of_the_private_one() {
        let private = PrivateKey::from_bytes(
            *b"\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f\
            \x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed\x4f\xb8\xa6\xfb",
        );
        let public = private.public();
        assert_eq!(public.to_string(), "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=");
        assert!(!format!("{private:?}").contains("4c"));
        for text in [public.to_string(), public.to_string().replace("whpk_", ""), public.to_string().replace('=', "")] {
            assert_eq!(PublicKey::parse(&text), Some(public), "{text}");
        }
        for bad in ["", "whpk_", "whpk_AAAA", "whsec_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=", "whpk_!"] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn signatures_are_one_or_both() {
        for all in Signatures::ALL {
            assert_eq!(Signatures::parse(all.identifiers()), Some(all));
        }
        assert_eq!(Signatures::parse(&["v1a", "v1"]), Some(Signatures::Both));
        for bad in [&[][..], &["v1", "v1"], &["v2"], &["v1", "v1a", "v1a"], &["V1"]] {
            assert_eq!(Signatures::parse(bad), None, "{bad:?}");
        }
    }
}
