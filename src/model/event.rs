//! An event: something that happened to an order or a payment. Immutable.

use super::{AccountNo, EventId, EventType, Seq, Timestamp};
use bytes::Bytes;

/// An event as it was recorded, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the order of commit.
    pub seq: Seq,
    /// Whose it is.
    pub account: AccountNo,
    /// The id the world knows it by.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What was found in the resource, for the filters.
    pub resource: ResourceIds,
    /// When it happened, if the caller said so.
    pub occurred_at: Option<Timestamp>,
    /// When it was committed. Never runs back along the sequence.
    pub inserted_at: Timestamp,
    /// What a repetition is compared with.
    pub fingerprint: Fingerprint,
    /// To how many webhooks it has been owed so far.
    pub notifications: u32,
    /// When its payload was erased, if it was.
    pub erased_at: Option<Timestamp>,
}

/// `id` and `external_id` of the resource: at its top or, where it has none there, of the first object one level down
/// that has one. A number counts as its digits. Longer than 255 bytes is not kept: such an id can't be filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceIds {
    /// The resource's `id`.
    pub id: Option<String>,
    /// The resource's `external_id`.
    pub external_id: Option<String>,
}

/// Sixteen bytes of a SHA-256 over all that a caller said of an event: equal for a repetition, different for another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// The bytes a target receives, fixed when the event was recorded, and where in them the resource stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    body: Bytes,
    resource_at: usize,
}

impl Payload {
    /// `None` unless there is room for a resource from `resource_at` to the body's closing brace.
    pub fn new(body: Bytes, resource_at: usize) -> Option<Self> {
        (resource_at < body.len()).then_some(Self { body, resource_at })
    }

    /// The whole body of a notification.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The resource alone, byte for byte as the caller sent it.
    pub fn resource(&self) -> Bytes {
        self.body.slice(self.resource_at..self.body.len() - 1)
    }

    /// Where the resource starts.
    pub fn resource_at(&self) -> usize {
        self.resource_at
    }
}
