//! Properties of cursors, records and backups: whatever the bytes, an error or a value, and a value survives being
//! written.

use crate::model::Cursor;
use crate::model::{
    AccountNo, Attempt, Event, EventId, NotificationId, NotificationKey, Payload, Seq, Webhook, WebhookNo, tokens,
};
use crate::store::backup::format as backup;
use crate::store::backup::format::{Header, Reader, Writer};
use crate::store::error::StoreError;
use crate::store::format::FORMAT;
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::record::Stored;
use crate::store::schema::references::References;
use crate::store::schema::table::{Table, is_counted};
use crate::store::schema::{keys, record};

const ACCOUNT: AccountNo = AccountNo(7);
const KEY: NotificationKey = NotificationKey { seq: Seq(300), webhook: WebhookNo(9) };

fn references() -> References {
    References::new(&[7; 32])
}

/// Any text is a cursor of ours or none; one of ours prints as it was given.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(cursor) = Cursor::parse(text) {
        assert_eq!(cursor.to_string(), text);
    }
    // Ids are the other opaque texts that a caller hands back.
    if let Some(id) = EventId::parse(text) {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
        assert_eq!(EventId::from_bytes(id.to_bytes()), id);
    }
    if let Some(id) = NotificationId::parse(text) {
        assert_eq!(NotificationId::parse(&id.to_string()), Some(id));
    }
}

/// What decodes is the same after it was written and read again. Two values are compared by their bytes: not all can be
/// otherwise.
fn survives<T>(
    value: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let decoded = decode(value).ok()?;
    let encoded = encode(&decoded);
    let again = decode(&encoded).expect("what was written can be read");
    assert_eq!(encode(&again), encoded);
    Some(decoded)
}

fn event_survives(value: &[u8]) {
    let decode = |value: &[u8]| record::decode_event(ACCOUNT, KEY.seq, value);
    let decoded = survives(value, decode, |(event, stored)| record::encode_event_again(event, stored));
    let head = record::decode_event_head(ACCOUNT, KEY.seq, value);
    if let Some((event, stored)) = decoded {
        assert_eq!(head.expect("an event that decodes has a head"), event);
        if let Stored::Inline(payload) = stored {
            assert!(payload.resource().len() < payload.body().len());
        }
        assert!(!event_rows(&references(), &event, 1).is_empty());
    }
}

/// The first byte names the table. The rest is a value without its checksum: read as it is, when nearly nothing gets
/// past the checksum, and with the right one.
pub fn record(data: &[u8]) {
    let Some((table, value)) = data.split_first() else {
        return;
    };
    // A record that no carteiro wrote may be longer when it is written again.
    if value.len() > record::MAX_VALUE_BYTES / 4 {
        return;
    }
    row(*table, value);
    row(*table, &[value, &crc32fast::hash(value).to_le_bytes()].concat());
}

fn row(table: u8, value: &[u8]) {
    let notification = |value: &[u8]| record::decode_notification(ACCOUNT, KEY, value);
    match table % 32 {
        0 => drop(survives(value, record::decode_head, record::encode_head)),
        1 => drop(survives(value, record::decode_format, record::encode_format)),
        2 => drop(survives(value, record::decode_text, |text| record::encode_text(text))),
        3 => drop(survives(value, record::decode_seq, |seq| record::encode_seq(*seq))),
        4 => drop(survives(value, record::decode_webhook_ref, record::encode_webhook_ref)),
        5 => {
            let decode = |value: &[u8]| record::decode_audit(ACCOUNT, 1, value);
            drop(survives(value, decode, record::encode_audit));
        }
        6 => drop(survives(value, record::decode_token, record::encode_token)),
        7 => event_survives(value),
        8 => {
            let _ = record::decode_chunk(value);
            drop(survives(value, record::decode_clock, record::encode_clock));
        }
        9 => drop(survives(value, record::decode_idempotency, record::encode_idempotency)),
        10 => {
            if let Some(notification) = survives(value, notification, record::encode_notification) {
                assert!(!notification_rows(&notification).is_empty());
            }
        }
        11 => drop(survives(value, record::decode_attempt, record::encode_attempt)),
        12 => drop(survives(value, record::decode_webhook, record::encode_webhook)),
        13 => drop(survives(value, record::decode_health, record::encode_health)),
        14 => {
            let _ = survives(value, record::decode_job, record::encode_job);
            let decode = |value: &[u8]| record::decode_erasure(ACCOUNT, 1, value);
            drop(survives(value, decode, record::encode_erasure));
        }
        15 => drop(survives(value, record::decode_alert, record::encode_alert)),
        16 => drop(survives(value, record::decode_letter, record::encode_letter)),
        17 => drop(survives(value, record::decode_book, record::encode_book)),
        18 => drop(survives(value, record::decode_mute, |until| record::encode_mute(*until))),
        19 => drop(survives(value, record::decode_alert_facts, record::encode_alert_facts)),
        _ => {
            let decode = |value: &[u8]| record::decode_bulk_job(ACCOUNT, 1, value);
            drop(survives(value, decode, record::encode_bulk_job));
        }
    }
    // Keys come from the same file, and are read before their values.
    if let Some(table) = Table::of(value) {
        assert!(!table.name().is_empty());
    }
    is_counted(value);
    assert!(keys::end_of(value).as_slice() > value || value.iter().all(|byte| *byte == 0xff));
}

/// Any bytes as a backup, and as the frames of one that is otherwise whole: it is refused, or gives back what was put
/// in.
pub fn backup(data: &[u8]) {
    if let Err(error) = backup::check(data, |_| {}) {
        assert!(!error.to_string().is_empty());
    }
    let header: Header = match data.split(|byte| *byte == b'\n').next().map(serde_json::from_slice) {
        Some(Ok(header)) => header,
        _ => Header::new(FORMAT, &record::HeadV1::default(), crate::model::Timestamp::default()),
    };
    let frames: Vec<&[u8]> = data.split(|byte| *byte == b'\n').skip(1).collect();
    let write = || {
        let mut writer = Writer::new(Vec::new(), &header)?;
        for frame in &frames {
            writer.rows(frame)?;
        }
        writer.finish(7)
    };
    let Ok(file) = write() else {
        return;
    };
    match Reader::new(file.as_slice()) {
        Ok(mut reader) => {
            assert_eq!(reader.header, header);
            let mut body = Vec::new();
            for frame in &frames {
                assert!(reader.next_rows(&mut body).expect("what was written can be read"));
                assert_eq!(body.as_slice(), *frame);
            }
            assert!(!reader.next_rows(&mut body).expect("the end is whole"));
        }
        Err(error) => assert!(matches!(error, backup::BackupError::Format { .. }), "{error}"),
    }
    let whole = frames.iter().all(|frame| backup::rows(frame).all(|row| row.is_ok()));
    assert_eq!(backup::check(file.as_slice(), |_| {}).is_ok(), whole && Reader::new(file.as_slice()).is_ok());
    // Cut anywhere, or followed by anything, it is none.
    let cut = file.len() - 1 - data.len() % (file.len() - 1);
    assert!(backup::check(&file[..cut], |_| {}).is_err());
    assert!(backup::check([file.as_slice(), b"\n"].concat().as_slice(), |_| {}).is_err());
}

/// The store keeps this webhook as it is.
pub(crate) fn keeps_webhook(webhook: &Webhook) {
    let kept = record::decode_webhook(&record::encode_webhook(webhook)).expect("a webhook that was taken can be read");
    assert_eq!(&kept, webhook);
}

/// The store keeps this event and its payload as they are.
pub(crate) fn keeps_event(event: &Event, payload: &Payload) {
    let (row, chunks) = record::encode_event(event, Some(payload));
    let (kept, stored) =
        record::decode_event(event.account, event.seq, &row).expect("an event that was taken can be read");
    assert_eq!(&kept, event);
    match stored {
        Stored::Inline(kept) => assert_eq!(&kept, payload),
        Stored::Chunked { len, .. } => {
            let body =
                chunks.iter().map(|chunk| record::decode_chunk(chunk).expect("a chunk that was written can be read"));
            assert_eq!(body.collect::<Vec<_>>().concat(), payload.body()[..]);
            assert_eq!(len, payload.body().len());
        }
        Stored::Erased => panic!("a payload was lost"),
    }
    // It is found by each of its ids.
    let named = [&event.external_id, &event.resource.external_id, &event.resource.id].into_iter().flatten().count();
    assert_eq!(event_rows(&references(), event, 1).len(), 1 + named + tokens(&event.resource.keys).len());
}

/// The store keeps this attempt as it is.
pub(crate) fn keeps_attempt(attempt: &Attempt) {
    let kept = record::decode_attempt(&record::encode_attempt(attempt)).expect("an attempt that was made can be read");
    assert_eq!(&kept, attempt);
}
