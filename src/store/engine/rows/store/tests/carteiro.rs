//! carteiro's tables as this crate sees them, and what a group of events writes.

#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use crate::store::engine::rows::layout::Shape;
use crate::store::engine::tree::{RowWrite, Slice};

pub(super) const EVENT: u8 = 0x10;
pub(super) const TYPE: u8 = 0x13;
pub(super) const REFERENCE: u8 = 0x14;
pub(super) const NOTIFICATION: u8 = 0x20;
pub(super) const UNTRIED: u8 = 0x23;
pub(super) const DUE: u8 = 0x24;
pub(super) const BY_STATE: u8 = 0x25;

/// | table | key after its byte | block |
/// |---|---|---|
/// | event | account u32, seq u64 | seq >> 3 |
/// | type | account u32, type u32, seq u64 | seq >> 8 |
/// | reference | account u32, seq >> 16 in 6 bytes, bucket u16, kind u8, token, seq u64 | up to the bucket |
/// | notification | webhook u32, seq u64 | seq >> 7 |
/// | untried | webhook u32, seq u64 | seq >> 8 |
/// | by state | account u32, state u8, webhook u32, seq u64 | seq >> 8 |
///
/// Chunks, own ids, idempotency keys, due rows and all the rest are plain.
pub(super) fn carteiro_layout(table: u8) -> Option<Shape> {
    let bits = match table {
        EVENT => 8 * (1 + 4 + 8) - 3,
        TYPE => 8 * (1 + 4 + 4 + 8) - 8,
        REFERENCE => 8 * (1 + 4 + 6 + 2),
        NOTIFICATION => 8 * (1 + 4 + 8) - 7,
        UNTRIED => 8 * (1 + 4 + 8) - 8,
        BY_STATE => 8 * (1 + 4 + 1 + 4 + 8) - 8,
        _ => return None,
    };
    Some(Shape { bits })
}

pub(super) fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[table], parts.concat().as_slice()].concat()
}

pub(super) fn event(seq: u64) -> Vec<u8> {
    key(EVENT, &[&1_u32.to_be_bytes(), &seq.to_be_bytes()])
}

pub(super) fn webhook(seq: u64) -> u32 {
    (seq % 10) as u32
}

pub(super) fn due(seq: u64) -> Vec<u8> {
    key(DUE, &[&webhook(seq).to_be_bytes(), &seq.to_be_bytes(), &seq.to_be_bytes()])
}

pub(super) fn of_type(seq: u64) -> Vec<u8> {
    key(TYPE, &[&1_u32.to_be_bytes(), &((seq % 7) as u32).to_be_bytes(), &seq.to_be_bytes()])
}

pub(super) fn untried(seq: u64) -> Vec<u8> {
    key(UNTRIED, &[&webhook(seq).to_be_bytes(), &seq.to_be_bytes()])
}

pub(super) fn notification(seq: u64) -> Vec<u8> {
    key(NOTIFICATION, &[&webhook(seq).to_be_bytes(), &seq.to_be_bytes()])
}

/// The references of one token in one partition, or one reference of them.
pub(super) fn reference(partition: u64, token: u64, seq: Option<u64>) -> Vec<u8> {
    let bucket = ((token >> 52) as u16).to_be_bytes();
    let seq = seq.map(u64::to_be_bytes);
    let seq: &[u8] = seq.as_ref().map_or(&[], |seq| seq);
    key(REFERENCE, &[&1_u32.to_be_bytes(), &partition.to_be_bytes()[2..], &bucket, &[0], &token.to_be_bytes(), seq])
}

pub(super) fn token(seq: u64, nth: u64) -> u64 {
    mix(seq * 16 + nth)
}

/// What the group of the events from `first` on writes, with the outcomes of those `lag` before them.
pub(super) fn group(first: u64, count: u64, references: u64, lag: u64) -> Vec<RowWrite> {
    let empty = || Some(Slice::default());
    let mut rows: Vec<RowWrite> = Vec::with_capacity(count as usize * (6 + references as usize));
    for seq in first..first + count {
        rows.push((event(seq).into(), Some(body(seq).into())));
        rows.push((due(seq).into(), empty()));
        rows.push((of_type(seq).into(), empty()));
        rows.push((untried(seq).into(), empty()));
        for nth in 0..references {
            rows.push((reference(seq >> 16, token(seq, nth), Some(seq)).into(), empty()));
        }
        if let Some(seq) = seq.checked_sub(lag) {
            rows.push((notification(seq).into(), Some(vec![7; 60].into())));
            rows.push((due(seq).into(), None));
        }
    }
    rows
}

pub(super) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The prototype's realistic JSON of 1.1 KB.
pub(super) fn body(s: u64) -> Vec<u8> {
    let m = |i: u64| mix(s * 31 + i);
    let payment = format!(
        r#"{{"id":"pay_{:016x}","order_id":"ord_{s}","external_id":"pedido-{s}","method":"PIX","status":"PAID","#,
        m(7)
    );
    let cents = format!(r#""total_cents":{},"fee_cents":{},"installments":1,"#, m(8) % 100_000, m(9) % 999);
    let times = format!(
        r#""inserted_at":"2026-11-28T12:00:{:02}.000Z","updated_at":"2026-11-28T12:01:{:02}.000Z","#,
        m(10) % 60,
        m(11) % 60
    );
    let customer = format!(
        r#""customer":{{"name":"{:x} {:x}","document":"{:011}","email":"cliente{}@exemplo.com","phone":"+55119{}"}},"#,
        m(12),
        m(13),
        m(14) % 99_999_999_999,
        m(15) % 9999,
        m(16) % 99_999_999
    );
    let address = format!(
        r#""address":{{"street":"Rua das Flores","number":"{}","city":"São Paulo","state":"SP","zip":"{:08}"}},"#,
        m(17) % 2000,
        m(18) % 99_999_999
    );
    let pix = format!(
        r#""pix":{{"end_to_end_id":"E{:016x}{:016x}","qr_code":"00020126580014br.gov.bcb.pix0136{:016x}{:016x}"}},"#,
        m(19),
        m(20),
        m(21),
        m(22)
    );
    let items = format!(
        r#""items":[{{"sku":"SKU-{}","quantity":{},"unit_cents":{}}}]}}}}}}"#,
        m(23) % 500,
        m(24) % 5 + 1,
        m(25) % 20000
    );
    let head = format!(
        r#"{{"id":"{:016x}-{:016x}","event":"PAYMENT.PAID","env":"production","date":"2026-11-28T{:02}:{:02}.{:03}","#,
        m(1),
        m(5),
        s / 60 % 60,
        s % 60,
        m(6) % 1000
    );
    [head, r#""resource":{"payment":"#.to_owned(), payment, cents, times, customer, address, pix, items].concat().into()
}
