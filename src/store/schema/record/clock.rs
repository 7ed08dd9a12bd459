//! The steps of the wall clock.

use crate::store::error::StoreError;
use crate::store::schema::record::frame::{open, seal};
use serde::{Deserialize, Serialize};

/// Written when a step is noticed, and now and then while the wall clock isn't trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockV1 {
    /// See [`crate::store::times::Runs`]; none in a store whose clock never went back.
    pub(crate) runs: Vec<RunV1>,
    /// Whether due times may be further ahead than they should be.
    pub(crate) is_bringing_forward: bool,
    /// The trusted time and for how long the wall clock has stayed ahead of it, in milliseconds, where it does.
    pub(crate) trust: Option<(u64, u64)>,
}

/// Sequence numbers whose times rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunV1 {
    /// Its first sequence number; it ends where the next one starts.
    pub(crate) start: u64,
    /// No event of it has an earlier time, in milliseconds.
    pub(crate) first_ms: u64,
    /// No event of it has a later time; `u64::MAX` of the last run.
    pub(crate) last_ms: u64,
    /// By how much a time may stand before one that comes earlier: zero unless runs were joined.
    pub(crate) disorder_ms: u64,
}

pub(crate) fn encode_clock(record: &ClockV1) -> Vec<u8> {
    seal(record, &[])
}

pub(crate) fn decode_clock(value: &[u8]) -> Result<ClockV1, StoreError> {
    open("clock", value).map(|(record, _)| record)
}
