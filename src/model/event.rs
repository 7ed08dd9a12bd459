//! An event: something that happened to an order or a payment. Immutable.

use super::business_keys;
use super::{AccountNo, EventId, EventType, OrderKey, Seq, Timestamp, TraceContext, WebhookId};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

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
    /// What was found in the resource, for filters, searches and rows of lists.
    pub resource: ResourceFacts,
    /// When it happened, if the caller gave it.
    pub occurred_at: Option<Timestamp>,
    /// When it was committed. Never runs back along the sequence.
    pub inserted_at: Timestamp,
    /// What a repetition is compared with.
    pub fingerprint: Fingerprint,
    /// Number of notifications created for it so far.
    pub notifications: u32,
    /// When its payload was erased, if it was.
    pub erased_at: Option<Timestamp>,
    /// The trace it was recorded in, for as long as there is a payload to send.
    pub trace: Option<Arc<TraceContext>>,
    /// What it tries out; `None` for business. Its notifications are tests: they have one attempt each, and stand in no
    /// figure.
    pub trial: Option<Trial>,
}

/// What an event tries out that is no business of the shop's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// One webhook, whatever it subscribes to.
    Webhook,
    /// All webhooks that subscribe to its type: it is a sample, sent from the panel.
    Sample,
}

/// What events of one resource have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderName<'e> {
    /// The resource's `id`.
    Resource(&'e str),
    /// The event's `external_id`, or its resource's.
    External(&'e str),
}

impl Event {
    /// What a webhook that keeps order keeps it by: the resource's `id`, else the event's `external_id`, else the
    /// resource's, else the event alone.
    pub fn order_key(&self) -> OrderKey {
        let own = self.id.to_bytes();
        let (kind, bytes) = match self.order_name() {
            None => (0, own.as_slice()),
            Some(OrderName::Resource(id)) => (1, id.as_bytes()),
            Some(OrderName::External(id)) => (2, id.as_bytes()),
        };
        OrderKey(Fingerprint::of([[kind].as_slice(), bytes]).first_u64())
    }

    /// What its [order key](Self::order_key) is made of; `None` where it is in order with itself alone.
    pub fn order_name(&self) -> Option<OrderName<'_>> {
        let resource = self.resource.id.as_deref().map(OrderName::Resource);
        resource.or_else(|| self.external_id().map(OrderName::External))
    }

    /// The caller's own id, else the one inside the resource.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref().or(self.resource.external_id.as_deref())
    }

    /// What a row of a list says of it, from the record alone.
    pub fn about(&self) -> About {
        let resource = &self.resource;
        let of_type = |category| resource.id.clone().filter(|_| self.event_type.category() == category);
        About {
            external_id: self.external_id().map(str::to_owned),
            order_id: resource.order_id.clone().or_else(|| of_type("ORDER")),
            payment_id: resource.payment_id.clone().or_else(|| of_type("PAYMENT")),
            total_cents: resource.total_cents,
        }
    }

    /// Forgets what was found in its resource; of the keys the caller's own `external_id` stays, if that does.
    pub fn forget_resource(&mut self) {
        let mut keys = std::mem::take(&mut self.resource).keys;
        let own = self.external_id.as_deref();
        keys.retain(|key| own.is_some_and(|own| business_keys::is_folded(own, key)));
        self.resource.keys = keys;
        self.trace = None;
    }
}

/// What a resource says of itself: each from the top of the resource or, where it is missing there, from the first
/// object one level down that has it. As an id a number counts as its digits; one of more than 255 bytes counts as
/// missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// The resource's `id`.
    pub id: Option<String>,
    /// The resource's `external_id`.
    pub external_id: Option<String>,
    /// Its `order_id`, or the `id` of the object `order`.
    pub order_id: Option<String>,
    /// Its `payment_id`, or the `id` of the object `payment`.
    pub payment_id: Option<String>,
    /// Its `total_cents`, where that is a whole number.
    pub total_cents: Option<i64>,
    /// What people find the event by, folded: the caller's own `external_id`, and from the resource `id` and whatever
    /// ends in `_id`. At most 8, of at most 128 bytes each.
    pub keys: Vec<String>,
}

/// What a row of a list says of the order behind an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct About {
    /// The caller's own id for the event, else its resource's.
    pub external_id: Option<String>,
    /// The order's id.
    pub order_id: Option<String>,
    /// The payment's id.
    pub payment_id: Option<String>,
    /// The amount, in cents.
    pub total_cents: Option<i64>,
}

/// Sixteen bytes of a SHA-256. Over all fields of an event they are equal for a repetition, and different for another
/// event; other things are told apart by such bytes as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The first eight of them as a number.
    pub(crate) fn first_u64(self) -> u64 {
        let hash = self.0;
        u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    }
}

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

    /// The same as text; empty where damage made it none.
    pub fn resource_text(&self) -> &str {
        std::str::from_utf8(&self.body[self.resource_at..self.body.len() - 1]).unwrap_or_default()
    }

    /// Where the resource starts.
    pub fn resource_at(&self) -> usize {
        self.resource_at
    }
}

/// The body of an event that is about to be recorded, complete but for its id and date, which only the commit knows.
///
/// Both have a fixed length, so the committer writes them into place: the one copy of the resource is made here, by the
/// caller's own thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyDraft {
    bytes: BytesMut,
    date_at: usize,
    resource_at: usize,
    shares_a_buffer: bool,
}

impl BodyDraft {
    const ID_AT: usize = r#"{"id":""#.len();
    const ID_LEN: usize = 36;
    const DATE_LEN: usize = 24;

    /// Lays out `{"id","event","env","date","resource"}`. `env` must need no JSON escaping; `resource` must be one JSON
    /// object.
    pub fn new(event_type: &EventType, env: &str, resource: &str) -> Self {
        Self { shares_a_buffer: false, ..Self::within(&mut BytesMut::new(), event_type, env, resource) }
    }

    /// Likewise, in what room `buffer` has left: it is freed as a whole, once the last body in it is.
    pub fn within(buffer: &mut BytesMut, event_type: &EventType, env: &str, resource: &str) -> Self {
        let mut bytes = buffer.split_off(buffer.len());
        bytes.reserve(resource.len() + event_type.as_str().len() + env.len() + 120);
        bytes.extend_from_slice(br#"{"id":""#);
        bytes.resize(Self::ID_AT + Self::ID_LEN, b'0');
        for part in [r#"","event":""#, event_type.as_str(), r#"","env":""#, env, r#"","date":""#] {
            bytes.extend_from_slice(part.as_bytes());
        }
        let date_at = bytes.len();
        bytes.resize(date_at + Self::DATE_LEN, b'0');
        bytes.extend_from_slice(br#"","resource":"#);
        let resource_at = bytes.len();
        bytes.extend_from_slice(resource.as_bytes());
        bytes.extend_from_slice(b"}");
        *buffer = bytes.split_off(bytes.len());
        Self { bytes, date_at, resource_at, shares_a_buffer: true }
    }

    /// Writes id and date into place; the bytes never change after.
    pub fn fill(mut self, id: EventId, date: Timestamp) -> Payload {
        self.bytes[Self::ID_AT..Self::ID_AT + Self::ID_LEN].copy_from_slice(id.to_string().as_bytes());
        let date = date.to_string();
        debug_assert_eq!(date.len(), Self::DATE_LEN, "a Timestamp ends with the year 9999");
        self.bytes[self.date_at..self.date_at + Self::DATE_LEN].copy_from_slice(date.as_bytes());
        Payload { body: self.bytes.freeze(), resource_at: self.resource_at }
    }

    /// The resource alone, byte for byte as the caller sent it.
    pub fn resource(&self) -> &str {
        // It was a text before it was copied.
        std::str::from_utf8(&self.bytes[self.resource_at..self.bytes.len() - 1]).unwrap_or_default()
    }

    /// Whether others are freed with it.
    pub fn shares_a_buffer(&self) -> bool {
        self.shares_a_buffer
    }

    /// How long the body will be, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a body has a frame at least.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// An event that is about to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The caller's own id, if one was given.
    pub id: Option<EventId>,
    /// What happened.
    pub event_type: EventType,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What was found in the resource.
    pub resource: ResourceFacts,
    /// When it happened, if the caller gave it.
    pub occurred_at: Option<Timestamp>,
    /// What a repetition is compared with.
    pub fingerprint: Fingerprint,
    /// The body its targets will receive.
    pub body: BodyDraft,
    /// The trace it was recorded in. No part of the fingerprint: a repetition comes with a trace of its own.
    pub trace: Option<Arc<TraceContext>>,
    /// What it tries out; `None` for business.
    pub trial: Option<Trial>,
}

impl Event {
    /// The webhook that it tells the others of; it isn't notified of itself.
    pub fn tells_of_webhook(&self) -> Option<WebhookId> {
        let tells = self.event_type.is_own() && self.event_type.as_str() != EventType::TEST;
        WebhookId::parse(self.resource.id.as_deref().filter(|_| tells)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_the_contract_says_and_gives_the_resource_back() {
        let event_type = EventType::parse("PAYMENT.PAID").unwrap();
        let id = EventId::parse("0193a5b0-1111-7222-8333-444455556666").unwrap();
        let resource = r#"{ "payment": {"total_cents": 1e2} }"#;
        let draft = BodyDraft::new(&event_type, "production", resource);
        let length = draft.len();
        assert_eq!(draft.resource(), resource);
        let payload = draft.fill(id, Timestamp::from_ms(1_795_435_200_123));
        let expected = concat!(
            r#"{"id":"0193a5b0-1111-7222-8333-444455556666","event":"PAYMENT.PAID","env":"production","#,
            r#""date":"2026-11-23T12:00:00.123Z","resource":{ "payment": {"total_cents": 1e2} }}"#,
        );
        assert_eq!((&payload.body()[..], length), (expected.as_bytes(), expected.len()));
        assert_eq!(&payload.resource()[..], resource.as_bytes());
    }
}
