//! `Idempotency-Key`: a call that may be repeated, and what its repetition is answered.

use crate::http::Failure;
use crate::model::{ApiCode, localized};
use http::{HeaderMap, HeaderName};

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// What an answer carries that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a call, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
    let detail = || {
        localized!(
            "the Idempotency-Key header must be 1 to {MAX_KEY_BYTES} bytes of visible ASCII",
            "o cabeçalho Idempotency-Key deve ter de 1 a {MAX_KEY_BYTES} bytes de ASCII visível"
        )
    };
    key.map(Some).ok_or_else(|| Failure::bad_request(ApiCode::BadIdempotencyKey, detail()))
}
