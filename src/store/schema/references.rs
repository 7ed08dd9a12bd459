//! The index of references: what a shop looks for an event by.
//!
//! A row says that an event has a value, by a keyed hash of it: rows are short, and a search for a value asks each
//! event that a row leads to whether it has it, since two values may have one hash. Rows are partitioned by the upper
//! bits of the sequence number, and within a partition the hash says in which block a row is: what is recorded now
//! changes blocks of the newest partition alone, however many events are kept, and a value is looked for in one block
//! of each partition.

use crate::model::{Event, tokens};
use crate::store::schema::keys::{self, Key, ReferenceHash};
use ring::hmac;

/// What a value is to its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The event's own `external_id`, or its resource's.
    ExternalId,
    /// The resource's `id`.
    ResourceId,
    /// A key of the event, or a number in one.
    Key,
    /// That it tries something out; its value is empty.
    Trial,
}

impl Kind {
    /// What stands in front of its values where they are hashed. It is part of the format.
    const fn name(self) -> &'static [u8] {
        match self {
            Self::ExternalId => b"external_id=",
            Self::ResourceId => b"resource_id=",
            Self::Key => b"key=",
            Self::Trial => b"trial=",
        }
    }
}

/// Makes the keys of the index.
pub(crate) struct References {
    key: hmac::Key,
}

impl References {
    /// Of the store with this key.
    pub(crate) fn new(id_key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, id_key) }
    }

    /// What keys hold of a value.
    pub(crate) fn hash(&self, kind: Kind, value: &str) -> ReferenceHash {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.name());
        context.update(value.as_bytes());
        context.sign().as_ref()[..8].try_into().expect("a SHA-256 has more bytes than that")
    }

    /// The rows of an event; two of its values may have the same one.
    pub(crate) fn rows(&self, event: &Event) -> impl Iterator<Item = Key> {
        values_of(event).map(|(kind, value)| keys::reference(event.account, self.hash(kind, value), event.seq))
    }
}

/// Whether an event has a value, exactly.
pub(crate) fn has(event: &Event, kind: Kind, value: &str) -> bool {
    values_of(event).any(|own| own == (kind, value))
}

/// What an event is found by.
fn values_of(event: &Event) -> impl Iterator<Item = (Kind, &str)> {
    let external = [&event.external_id, &event.resource.external_id].into_iter().flatten();
    let external = external.map(|id| (Kind::ExternalId, id.as_str()));
    let resource = event.resource.id.iter().map(|id| (Kind::ResourceId, id.as_str()));
    // Taken out of the keys only when they are reached: a look for one of the ids above ends before.
    let keys = std::iter::once_with(|| tokens(&event.resource.keys)).flatten().map(|token| (Kind::Key, token));
    let trial = event.trial.iter().map(|_| (Kind::Trial, ""));
    external.chain(resource).chain(trial).chain(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is hashed, and how, is part of the file format.
    #[test]
    fn golden_hashes() {
        let references = References::new(&[9; 32]);
        let hash = |kind, value| u64::from_be_bytes(references.hash(kind, value));
        assert_eq!(hash(Kind::ExternalId, "pedido-1042"), 0xa1de_8138_b5cd_ca49);
        assert_eq!(hash(Kind::ResourceId, "pedido-1042"), 0xd518_aa7c_e39c_3f23);
        assert_eq!(hash(Kind::ResourceId, ""), 0x82cb_f621_363e_a81d);
        assert_eq!(hash(Kind::Key, "1042"), 0xb0e7_4b4f_26c9_8c9e);
        assert_eq!(hash(Kind::Trial, ""), 0x95a2_bfb3_2dc8_4cae);
    }
}
