//! The values: each kind of record as a frozen struct, between a version and a checksum (see `frame`).

mod alerts;
mod audit;
mod clock;
mod events;
mod frame;
mod idempotency;
mod jobs;
mod meta;
mod notifications;
#[cfg(test)]
mod tests;
mod tokens;
mod webhooks;

pub(crate) use alerts::{
    decode_alert, decode_alert_facts, decode_book, decode_letter, decode_mute, encode_alert, encode_alert_facts,
    encode_book, encode_letter, encode_mute,
};
pub(crate) use audit::{decode_audit, encode_audit};
pub(crate) use clock::{ClockV1, RunV1, decode_clock, encode_clock};
pub(crate) use events::{Stored, decode_chunk, decode_event, decode_event_head, encode_event, encode_event_again};
pub(crate) use frame::MAX_VALUE_BYTES;
pub(crate) use idempotency::{IdempotencyV1, RegisteredV1, decode_idempotency, encode_idempotency};
pub(crate) use jobs::{Job, decode_bulk_job, decode_erasure, decode_job, encode_bulk_job, encode_erasure, encode_job};
pub(crate) use meta::{
    FormatV1, HeadV1, WebhookRefV1, decode_format, decode_head, decode_seq, decode_text, decode_webhook_ref,
    encode_format, encode_head, encode_seq, encode_text, encode_webhook_ref,
};
pub(crate) use notifications::{decode_attempt, decode_notification, encode_attempt, encode_notification};
pub use tokens::Token;
pub(crate) use tokens::{decode_token, encode_token};
pub(crate) use webhooks::{decode_health, decode_webhook, encode_health, encode_webhook};
