//! What was answered to a request with an idempotency key.

use crate::store::error::StoreError;
use crate::store::schema::record::frame::{open, seal};
use serde::{Deserialize, Serialize};

/// What the first request with an idempotency key recorded or registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdempotencyV1 {
    pub(crate) fingerprint: [u8; 16],
    pub(crate) until_ms: u64,
    pub(crate) seqs: Vec<u64>,
    pub(crate) webhook: Option<RegisteredV1>,
}

/// A webhook that was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegisteredV1 {
    pub(crate) no: u32,
    /// A hash of the secret that was answered.
    pub(crate) secret: [u8; 16],
}

pub(crate) fn encode_idempotency(record: &IdempotencyV1) -> Vec<u8> {
    seal(record, &[])
}

pub(crate) fn decode_idempotency(value: &[u8]) -> Result<IdempotencyV1, StoreError> {
    open("idempotency key", value).map(|(record, _)| record)
}
