//! The store's own records, and records of one value.

use crate::model::Seq;
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{open, seal};
use serde::{Deserialize, Serialize};

/// Where the counters stand; rewritten in every batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadV1 {
    pub(crate) seq: u64,
    pub(crate) time_ms: u64,
    pub(crate) webhook_no: u32,
    pub(crate) job: u64,
    /// The number of the last row of the audit.
    pub(crate) audit: u64,
    /// The commit that last erased a payload. Until the journal begins behind it, it may still have that payload.
    pub(crate) erased_in: u64,
    /// How many events there are.
    pub(crate) events: u64,
    /// How many notifications there are.
    pub(crate) notifications: u64,
    /// The bytes of all payloads.
    pub(crate) payload_bytes: u64,
}

impl HeadV1 {
    /// Leaves a gap in the sequence numbers, so that none that was ever given out and lost is given out again: more
    /// than any shop records between a backup and its restore, and at random, since one backup may be restored twice,
    /// and both may deliver.
    pub(crate) fn leap(&mut self) {
        const LEAST: u64 = 1 << 32;
        const MORE_BITS: u32 = 40;
        let more = u64::from_be_bytes(crate::random::bytes()) >> (64 - MORE_BITS);
        self.seq = (self.seq + LEAST + more).min(Seq::END.0 - 1);
        // Who reads the audit by its cursors misses no row that gets a number anew.
        self.audit = (self.audit + LEAST).min(Seq::END.0 - 1);
        // What belongs to a job that is lost belongs to no later one.
        self.job = (self.job + LEAST).min(Seq::END.0 - 1);
    }
}

pub(crate) fn encode_head(head: &HeadV1) -> Vec<u8> {
    seal(head, &[])
}

pub(crate) fn decode_head(value: &[u8]) -> Result<HeadV1, StoreError> {
    open("head", value).map(|(head, _)| head)
}

/// Written once, when the store is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FormatV1 {
    /// Which keys and records the store holds.
    pub(crate) format: u32,
    /// What notification ids are derived with.
    pub(crate) id_key: [u8; 32],
    /// Which of its lives this is: another one begins with each restore. What came after the backup, before the
    /// restore and behind it, has the same numbers of commits.
    pub(crate) life: [u8; 8],
}

impl FormatV1 {
    /// Which store this is, among all there are, and in which life: what its journal must agree with.
    pub(crate) fn store_id(&self) -> [u8; 16] {
        let named = [b"store id", self.id_key.as_slice(), &self.life].concat();
        let digest = ring::digest::digest(&ring::digest::SHA256, &named);
        digest.as_ref()[..16].try_into().unwrap_or_default()
    }
}

pub(crate) fn encode_format(format: &FormatV1) -> Vec<u8> {
    seal(format, &[])
}

pub(crate) fn decode_format(value: &[u8]) -> Result<FormatV1, StoreError> {
    open("format", value).map(|(format, _)| format)
}

/// A text by itself: an account's name, the name of a type.
pub(crate) fn encode_text(text: &str) -> Vec<u8> {
    seal(&text, &[])
}

pub(crate) fn decode_text(value: &[u8]) -> Result<String, StoreError> {
    open("text", value).map(|(text, _)| text)
}

/// A sequence number by itself.
pub(crate) fn encode_seq(seq: Seq) -> Vec<u8> {
    seal(&seq.0, &[])
}

pub(crate) fn decode_seq(value: &[u8]) -> Result<Seq, StoreError> {
    open("own event id", value).map(|(seq, _)| Seq(seq))
}

/// Which webhook an id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebhookRefV1 {
    pub(crate) account: u32,
    pub(crate) webhook: u32,
    /// The hash of the idempotency key that registered it.
    pub(crate) key: Option<[u8; 16]>,
}

pub(crate) fn encode_webhook_ref(record: &WebhookRefV1) -> Vec<u8> {
    seal(record, &[])
}

pub(crate) fn decode_webhook_ref(value: &[u8]) -> Result<WebhookRefV1, StoreError> {
    open("webhook id", value).map(|(record, _)| record)
}
