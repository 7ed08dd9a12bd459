//! What damage does to records: each that was cut, changed or never written so is refused, and none ends the process.

use super::all;
use super::samples::{ACCOUNT, KEY, bare_event};
use crate::store::error::StoreError;
use crate::store::schema::record::events::event_record;
use crate::store::schema::record::frame::{CRC_LEN, V1, checked, seal};
use crate::store::schema::record::jobs::decode_job;
use crate::store::schema::record::notifications::NotificationV1;
use crate::store::schema::record::webhooks::decode_webhook;
use crate::store::schema::record::{
    decode_attempt, decode_chunk, decode_event, decode_format, decode_head, decode_idempotency, decode_notification,
    decode_seq, decode_text, decode_token,
};
use proptest::prelude::*;

#[test]
fn what_is_short_or_of_another_version_is_refused() {
    for (name, value) in all() {
        for length in 0..value.len() {
            assert!(checked("any", &value[..length]).is_err(), "{name} cut to {length} bytes");
        }
        let mut newer = value[..value.len() - CRC_LEN].to_vec();
        newer[0] = V1 + 1;
        newer.extend_from_slice(&crc32fast::hash(&newer).to_le_bytes());
        let refused = [
            decode_head(&newer).err(),
            decode_notification(ACCOUNT, KEY, &newer).err(),
            decode_text(&newer).err(),
            decode_webhook(&newer).err(),
        ];
        for refused in refused {
            let Some(StoreError::Damaged { what, .. }) = refused else {
                panic!("{name}: an unknown version was read");
            };
            assert!(what.contains("version"), "{what}");
        }
    }
}

/// Sealed rightly and yet no such record: what a bug would have written must be named, not panicked over.
#[test]
fn values_out_of_their_range_are_refused() {
    let notification = |state, due_ms| {
        let record = NotificationV1 {
            state,
            due_ms,
            test: false,
            erased: false,
            automatic: 0,
            attempts: 0,
            manual_ms: None,
            inserted_ms: 0,
            updated_ms: 0,
            delivered_ms: None,
            order: None,
            awaits_predecessor: false,
            gap_ms: None,
            job: None,
            last: None,
        };
        decode_notification(ACCOUNT, KEY, &seal(&record, &[]))
    };
    assert!(notification(0, None).is_ok());
    assert!(notification(1, None).is_err(), "retrying without a due time");
    assert!(notification(5, None).is_err());
    // The payload's length says inline, and there is none.
    let empty = seal(&event_record(&bare_event(), 10, 5, 0), &[]);
    assert!(decode_event(ACCOUNT, KEY.seq, &empty).is_err());
}

proptest! {
    /// One bit anywhere, the checksum's own included.
    #[test]
    fn a_flipped_bit_is_refused(which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let records = all();
        let (name, mut value) = records[which.index(records.len())].clone();
        let bit = bit.index(value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(checked("any", &value).is_err(), "{}, bit {}", name, bit);
    }

    /// Bytes that pass the checksum by design (a forger's backup, a bug's) decode to an error or to a value, never to a
    /// panic. A length of 2^62 once made bincode ask for as many bytes, which aborted the process.
    #[test]
    fn no_bytes_make_a_reader_panic(version in V1..=V1 + 1, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut value = vec![version];
        value.extend_from_slice(&body);
        value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
        let _ = (decode_head(&value), decode_format(&value), decode_text(&value), decode_seq(&value));
        let _ = (decode_token(&value), decode_webhook(&value), decode_event(ACCOUNT, KEY.seq, &value));
        let _ = (decode_chunk(&value), decode_job(&value));
        let _ = (decode_notification(ACCOUNT, KEY, &value), decode_attempt(&value), decode_idempotency(&value));
    }
}
