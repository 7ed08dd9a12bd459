//! Events and their payloads.

use crate::model::{
    AccountNo, Event, EventId, EventType, Fingerprint, Payload, ResourceFacts, Seq, Timestamp, TraceContext, Trial,
    fold, is_folded,
};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{CHUNK_BYTES, invalid, open, seal};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
pub(crate) struct EventV1<'a> {
    id: [u8; 16],
    event_type: &'a str,
    external_id: Option<&'a str>,
    resource_id: Option<&'a str>,
    resource_external_id: Option<&'a str>,
    #[serde(borrow)]
    order_id: Option<TextV1<'a>>,
    payment_id: Option<TextV1<'a>>,
    total_cents: Option<i64>,
    keys: Vec<TextV1<'a>>,
    occurred_ms: Option<u64>,
    inserted_ms: u64,
    fingerprint: [u8; 16],
    notifications: u32,
    erased_ms: Option<u64>,
    /// 0 where the payload was erased or never was.
    payload_len: u32,
    resource_at: u32,
    /// 0 where the payload is the record's own tail.
    chunks: u16,
    /// The trace that the event was recorded in.
    trace: Option<Vec<u8>>,
    trial: Option<TrialV1>,
}

/// [`Trial`], as it is stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum TrialV1 {
    Webhook,
    Sample,
}

/// A text that most events have elsewhere in their record; among the keys folded, as those are.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum TextV1<'a> {
    Own(&'a str),
    ExternalId,
    ResourceId,
    ResourceExternalId,
    OrderId,
    PaymentId,
}

/// The texts that another may be the same as.
#[derive(Clone, Copy)]
struct Texts<'a>([Option<&'a str>; 5]);

impl<'a> Texts<'a> {
    const PLACES: [TextV1<'static>; 5] =
        [TextV1::ExternalId, TextV1::ResourceId, TextV1::ResourceExternalId, TextV1::OrderId, TextV1::PaymentId];

    fn place_of(&self, text: &'a str, is: impl Fn(&str) -> bool) -> TextV1<'a> {
        let at = self.0.iter().position(|known| known.is_some_and(&is));
        at.map_or(TextV1::Own(text), |at| Self::PLACES[at])
    }

    fn at(&self, place: TextV1<'a>) -> Option<&'a str> {
        let [external_id, resource_id, resource_external_id, order_id, payment_id] = self.0;
        match place {
            TextV1::Own(text) => Some(text),
            TextV1::ExternalId => external_id,
            TextV1::ResourceId => resource_id,
            TextV1::ResourceExternalId => resource_external_id,
            TextV1::OrderId => order_id,
            TextV1::PaymentId => payment_id,
        }
    }
}

/// Where an event's payload stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Behind the event, in the same row.
    Inline(Payload),
    /// In so many rows of [`CHUNK_BYTES`].
    Chunked { len: usize, resource_at: usize, chunks: u16 },
    /// Nowhere any more.
    Erased,
}

impl Stored {
    /// How long the payload is.
    pub(crate) fn payload_bytes(&self) -> u64 {
        match self {
            Self::Inline(payload) => payload.body().len() as u64,
            Self::Chunked { len, .. } => *len as u64,
            Self::Erased => 0,
        }
    }

    /// The payload; `None` for one that was erased. `append` appends one chunk to what there is, and says whether there
    /// was one.
    pub(crate) fn payload(
        &self,
        mut append: impl FnMut(u16, &mut Vec<u8>) -> Result<bool, StoreError>,
    ) -> Result<Option<Payload>, StoreError> {
        let (len, resource_at, chunks) = match self {
            Self::Inline(payload) => return Ok(Some(payload.clone())),
            Self::Erased => return Ok(None),
            Self::Chunked { len, resource_at, chunks } => (*len, *resource_at, *chunks),
        };
        let mut body = Vec::with_capacity(len);
        for number in 0..chunks {
            if !append(number, &mut body)? {
                // Erased between two reads.
                return Ok(None);
            }
        }
        let damaged = StoreError::Damaged { table: "chunk", what: "doesn't add up to its event's payload" };
        if body.len() != len {
            return Err(damaged);
        }
        Payload::new(body.into(), resource_at).map(Some).ok_or(damaged)
    }
}

/// The event's row, and the rows of its payload where that is too large for one.
pub(crate) fn encode_event(event: &Event, payload: Option<&Payload>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let body: &[u8] = payload.map_or(&[], |payload| payload.body());
    let inline = body.len() <= CHUNK_BYTES;
    let chunks: Vec<Vec<u8>> =
        if inline { Vec::new() } else { body.chunks(CHUNK_BYTES).map(|chunk| seal(&(), chunk)).collect() };
    let row = seal(
        &event_record(event, body.len(), payload.map_or(0, Payload::resource_at), chunks.len()),
        if inline { body } else { &[] },
    );
    (row, chunks)
}

/// The event's row again, its payload's place untouched.
pub(crate) fn encode_event_again(event: &Event, stored: &Stored) -> Vec<u8> {
    let (len, resource_at, chunks, tail) = match stored {
        Stored::Inline(payload) => (payload.body().len(), payload.resource_at(), 0, &payload.body()[..]),
        Stored::Chunked { len, resource_at, chunks } => (*len, *resource_at, usize::from(*chunks), &[][..]),
        Stored::Erased => (0, 0, 0, &[][..]),
    };
    seal(&event_record(event, len, resource_at, chunks), tail)
}

pub(crate) fn event_record(event: &Event, payload_len: usize, resource_at: usize, chunks: usize) -> EventV1<'_> {
    const FITS: &str = "a payload is at most 16 MiB";
    let resource = &event.resource;
    let (order_id, payment_id) = (resource.order_id.as_deref(), resource.payment_id.as_deref());
    let ids = [event.external_id.as_deref(), resource.id.as_deref(), resource.external_id.as_deref()];
    let [external_id, resource_id, resource_external_id] = ids;
    let ids = Texts([external_id, resource_id, resource_external_id, None, None]);
    let all = Texts([external_id, resource_id, resource_external_id, order_id, payment_id]);
    EventV1 {
        id: event.id.to_bytes(),
        event_type: event.event_type.as_str(),
        external_id,
        resource_id,
        resource_external_id,
        order_id: order_id.map(|text| ids.place_of(text, |id| id == text)),
        payment_id: payment_id.map(|text| ids.place_of(text, |id| id == text)),
        total_cents: resource.total_cents,
        keys: resource.keys.iter().map(|key| all.place_of(key, |id| is_folded(id, key))).collect(),
        occurred_ms: event.occurred_at.map(Timestamp::as_ms),
        inserted_ms: event.inserted_at.as_ms(),
        fingerprint: event.fingerprint.0,
        notifications: event.notifications,
        erased_ms: event.erased_at.map(Timestamp::as_ms),
        payload_len: u32::try_from(payload_len).expect(FITS),
        resource_at: u32::try_from(resource_at).expect(FITS),
        chunks: u16::try_from(chunks).expect(FITS),
        trace: event.trace.as_ref().map(|trace| trace.to_bytes()),
        trial: event.trial.map(|trial| match trial {
            Trial::Webhook => TrialV1::Webhook,
            Trial::Sample => TrialV1::Sample,
        }),
    }
}

pub(crate) fn decode_event(account: AccountNo, seq: Seq, value: &[u8]) -> Result<(Event, Stored), StoreError> {
    let (record, tail) = open::<EventV1>("event", value)?;
    let stored = if record.payload_len == 0 {
        Stored::Erased
    } else if record.chunks == 0 {
        let body = Bytes::copy_from_slice(tail);
        Stored::Inline(Payload::new(body, record.resource_at as usize).ok_or_else(|| invalid("event"))?)
    } else {
        Stored::Chunked {
            len: record.payload_len as usize,
            resource_at: record.resource_at as usize,
            chunks: record.chunks,
        }
    };
    Ok((event_from(account, seq, &record)?, stored))
}

/// The event alone, its payload not copied: what lists read.
pub(crate) fn decode_event_head(account: AccountNo, seq: Seq, value: &[u8]) -> Result<Event, StoreError> {
    event_from(account, seq, &open("event", value)?.0)
}

fn event_from(account: AccountNo, seq: Seq, record: &EventV1<'_>) -> Result<Event, StoreError> {
    let ids = [record.external_id, record.resource_id, record.resource_external_id];
    let [external_id, resource_id, resource_external_id] = ids;
    let ids = Texts([external_id, resource_id, resource_external_id, None, None]);
    let order_id = record.order_id.and_then(|place| ids.at(place));
    let payment_id = record.payment_id.and_then(|place| ids.at(place));
    let all = Texts([external_id, resource_id, resource_external_id, order_id, payment_id]);
    let keys = record.keys.iter().map(|place| Some(fold(all.at(*place)?)?.into_owned()));
    Ok(Event {
        seq,
        account,
        id: EventId::from_bytes(record.id),
        event_type: EventType::parse(record.event_type).ok_or_else(|| invalid("event"))?,
        external_id: external_id.map(str::to_owned),
        resource: ResourceFacts {
            id: resource_id.map(str::to_owned),
            external_id: resource_external_id.map(str::to_owned),
            order_id: order_id.map(str::to_owned),
            payment_id: payment_id.map(str::to_owned),
            total_cents: record.total_cents,
            keys: keys.collect::<Option<_>>().ok_or_else(|| invalid("event"))?,
        },
        occurred_at: record.occurred_ms.map(Timestamp::from_ms),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        fingerprint: Fingerprint(record.fingerprint),
        notifications: record.notifications,
        erased_at: record.erased_ms.map(Timestamp::from_ms),
        trace: record.trace.as_deref().and_then(TraceContext::from_bytes).map(Arc::new),
        trial: record.trial.map(|trial| match trial {
            TrialV1::Webhook => Trial::Webhook,
            TrialV1::Sample => Trial::Sample,
        }),
    })
}

/// The raw bytes of one chunk.
pub(crate) fn decode_chunk(value: &[u8]) -> Result<&[u8], StoreError> {
    open::<()>("chunk", value).map(|((), tail)| tail)
}
