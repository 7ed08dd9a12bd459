//! The values: `[version u8][bincode 2 body][raw tail][crc32 of all before, little-endian]`.
//!
//! bincode can't decode a changed struct, so each version of a record is a frozen struct of its own, whose golden bytes
//! stand in the tests; a new version is a new struct with `From` the one before it. The tail holds payload bytes, which
//! need no encoding. The checksum is CRC-32 (IEEE), not CRC-32C: it comes from a crate that sled brings along anyway.

use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};

pub(crate) const CRC_LEN: usize = 4;
/// The version that every record has so far.
pub(crate) const V1: u8 = 1;
/// The largest value that is ever written: a leaf full of such rows still fits into a quarter of a segment, past which
/// sled spills into files it never syncs (see `SEGMENT_BYTES`). The largest record is a webhook with every field at its
/// limit.
pub(crate) const MAX_VALUE_BYTES: usize = 25 * 1024 + 348;
/// How much of a payload one row holds.
pub(crate) const CHUNK_BYTES: usize = 16 * 1024;

pub(crate) fn seal<T: Serialize>(body: &T, tail: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(160 + tail.len());
    value.push(V1);
    bincode::serde::encode_into_std_write(body, &mut value, bincode::config::standard())
        .expect("the frozen structs hold nothing that bincode can't encode, and a Vec takes every write");
    value.extend_from_slice(tail);
    value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    debug_assert!(value.len() <= MAX_VALUE_BYTES, "a value of {} bytes could spill out of the log", value.len());
    value
}

/// What stands between the version and the checksum, both of which are right.
pub(crate) fn checked<'v>(table: &'static str, value: &'v [u8]) -> Result<&'v [u8], StoreError> {
    let damaged = |what: &'static str| StoreError::Damaged { table, what };
    let end = value.len().checked_sub(CRC_LEN).filter(|end| *end > 0).ok_or_else(|| damaged("is too short"))?;
    if crc32fast::hash(&value[..end]).to_le_bytes() != value[end..] {
        return Err(damaged("fails its checksum"));
    }
    match value[0] {
        V1 => Ok(&value[1..end]),
        _ => Err(damaged("has a version this carteiro doesn't know")),
    }
}

/// The decoded body and the raw tail behind it.
pub(crate) fn open<'v, T: Deserialize<'v>>(table: &'static str, value: &'v [u8]) -> Result<(T, &'v [u8]), StoreError> {
    let bytes = checked(table, value)?;
    // With a limit: a length that lies would else be allocated before it is found out, and that aborts the process.
    let config = bincode::config::standard().with_limit::<{ 2 * MAX_VALUE_BYTES }>();
    let (body, length) = bincode::serde::borrow_decode_from_slice(bytes, config)
        .map_err(|_| StoreError::Damaged { table, what: "can't be decoded" })?;
    Ok((body, &bytes[length..]))
}

pub(crate) fn invalid(table: &'static str) -> StoreError {
    StoreError::Damaged { table, what: "holds a value out of its range" }
}
