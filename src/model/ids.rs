//! Numbers and names: what the store counts with, and what the world sees.
//!
//! Inside, everything is a small ordered number: an event's [`Seq`] is the order of its commit. Outside, everything is
//! a UUID. Event ids are `UUIDv7` whose counter bits *are* the sequence number, so that finding one needs no index row;
//! only an id that the caller chose needs one. A notification's id is a `UUIDv8` that holds the pair (event, webhook)
//! in the same way.

use super::words::serialize_as_text;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The number of an account, given in the order of first appearance. Stable for the life of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountNo(pub u32);

/// The number of a webhook, over all accounts. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WebhookNo(pub u32);

/// The place of an event in the order of commit, over all accounts. Starts at 1; stays below [`Seq::END`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// One past the last sequence number that an id has bits for: 48 of them, 8,900 years at 1,000 events a second.
    pub const END: Self = Self(1 << 48);
}

/// The ordering key of an ordered webhook's notifications: 64 bits of a hash of their resource. Two resources with the
/// same hash are ordered with each other, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(pub u64);

/// A notification's internal key: its event and its webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationKey {
    /// The event.
    pub seq: Seq,
    /// The webhook.
    pub webhook: WebhookNo,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// From the sixteen bytes of a UUID, whatever its version.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The sixteen bytes of the UUID.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }

            /// Reads the hyphenated form alone, in either case; `None` for every other spelling.
            pub fn parse(text: &str) -> Option<Self> {
                // `Uuid::parse_str` would also take braces, "urn:uuid:" and no hyphens: one id, one spelling.
                (text.len() == 36).then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        serialize_as_text!($name);
    };
}

uuid_id! {
    /// The public id of an event: ours (see [`EventId::compose`]) or the caller's own.
    EventId
}
uuid_id! {
    /// The public id of a webhook: a random `UUIDv4`.
    WebhookId
}
uuid_id! {
    /// The public id of a notification, and the `webhook-id` its target sees at every attempt.
    NotificationId
}
uuid_id! {
    /// The public id of an access token. Not secret.
    TokenId
}

uuid_id! {
    /// The public id of a bulk job: a random `UUIDv4`.
    JobId
}

uuid_id! {
    /// The public id of an erasure: a random `UUIDv4`.
    ErasureId
}

const fn random_id(random: [u8; 16]) -> [u8; 16] {
    (u128::from_be_bytes(random) & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62).to_be_bytes()
}

impl WebhookId {
    /// A `UUIDv4` from sixteen random bytes.
    pub const fn from_random(random: [u8; 16]) -> Self {
        Self::from_bytes(random_id(random))
    }
}

impl JobId {
    /// A `UUIDv4` from sixteen random bytes.
    pub const fn from_random(random: [u8; 16]) -> Self {
        Self::from_bytes(random_id(random))
    }
}

impl ErasureId {
    /// A `UUIDv4` from sixteen random bytes.
    pub const fn from_random(random: [u8; 16]) -> Self {
        Self::from_bytes(random_id(random))
    }
}

impl TokenId {
    /// A `UUIDv4` from sixteen random bytes.
    pub const fn from_random(random: [u8; 16]) -> Self {
        Self::from_bytes(random_id(random))
    }
}

impl EventId {
    /// A `UUIDv7` (RFC 9562, 5.7, method 1): 48 bits of milliseconds, the 48 bits of the sequence number as its
    /// counter, 26 random bits. Ids sort in the order of commit.
    pub fn compose(ms: u64, seq: Seq, random: u32) -> Self {
        let (ms, seq) = (u128::from(ms & 0xffff_ffff_ffff), u128::from(seq.0 & 0xffff_ffff_ffff));
        let (high, low) = (seq >> 36, seq & 0xf_ffff_ffff);
        let bits = ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 26 | u128::from(random & 0x03ff_ffff);
        Self::from_bytes(bits.to_be_bytes())
    }

    /// The sequence number this id claims. True only if the record found there carries this very id: a caller's own
    /// `UUIDv7` claims one too.
    pub fn claimed_seq(self) -> Option<Seq> {
        let bits = u128::from_be_bytes(self.to_bytes());
        let version = bits >> 76 & 0xf;
        let seq = (bits >> 64 & 0xfff) << 36 | bits >> 26 & 0xf_ffff_ffff;
        (version == 7).then(|| Seq(u64::try_from(seq).unwrap_or(0)))
    }
}

impl NotificationId {
    /// A `UUIDv8` (RFC 9562, 5.8): the event's 48 bits, the webhook's 32, and 42 bits of `check` that the store derives
    /// with a key of its own, so that ids can't be guessed from one another.
    pub fn compose(key: NotificationKey, check: u64) -> Self {
        let (seq, webhook) = (u128::from(key.seq.0 & 0xffff_ffff_ffff), u128::from(key.webhook.0));
        // 48 bits of seq, the version, the webhook's high 12, the variant, its low 20, the check's 42.
        let (high, low) = (webhook >> 20, webhook & 0xf_ffff);
        let bits = seq << 80 | 0x8 << 76 | high << 64 | 0b10 << 62 | low << 42 | u128::from(check & 0x3ff_ffff_ffff);
        Self::from_bytes(bits.to_be_bytes())
    }

    /// The pair this id claims. True only if composing that pair again gives this very id.
    pub fn claimed_key(self) -> Option<NotificationKey> {
        let bits = u128::from_be_bytes(self.to_bytes());
        let webhook = (bits >> 64 & 0xfff) << 20 | bits >> 42 & 0xf_ffff;
        (bits >> 76 & 0xf == 8).then(|| NotificationKey {
            seq: Seq(u64::try_from(bits >> 80).unwrap_or(0)),
            webhook: WebhookNo(u32::try_from(webhook).unwrap_or(0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_valid_v7_and_give_their_seq_back() {
        for seq in [1, 2, 0xfff, 0x0123_4567_89ab, (1 << 48) - 1] {
            let id = EventId::compose(1_795_435_200_123, Seq(seq), 0x1234_5678);
            assert_eq!(id.claimed_seq(), Some(Seq(seq)));
            let uuid = Uuid::parse_str(&id.to_string()).unwrap();
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
        }
        assert!(EventId::compose(5, Seq(1), u32::MAX) < EventId::compose(5, Seq(2), 0));
    }

    #[test]
    fn notification_ids_are_valid_v8_and_give_their_pair_back() {
        for (seq, webhook) in [(1, 1), (u64::MAX >> 16, u32::MAX), (77, 0xf_ffff), (77, 0x10_0000)] {
            let key = NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) };
            let id = NotificationId::compose(key, u64::MAX);
            assert_eq!(id.claimed_key(), Some(key));
            let uuid = Uuid::parse_str(&id.to_string()).unwrap();
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (8, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn random_ids_are_v4() {
        let uuid = Uuid::from_bytes(WebhookId::from_random([0xff; 16]).to_bytes());
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (4, uuid::Variant::RFC4122));
    }

    #[test]
    fn one_spelling_only() {
        let id = "0193a5b0-1111-7222-8333-444455556666";
        assert!(EventId::parse(id).is_some());
        assert_eq!(EventId::parse(&id.to_uppercase()), EventId::parse(id));
        for text in [
            "",
            "{0193a5b0-1111-7222-8333-444455556666}",
            "0193a5b0111172228333444455556666",
            "urn:uuid:0193a5b0-1111-7222-8333-4444",
        ] {
            assert!(EventId::parse(text).is_none(), "{text}");
        }
    }
}
