//! Keys sort as the facts they stand for, and their bytes are part of the file format.

use super::*;
use crate::model::{AccountNo, EventId, NotificationKey, OrderKey, Seq, Timestamp, TokenId, WebhookId, WebhookNo};
use proptest::prelude::*;

const KEY: NotificationKey = NotificationKey { seq: Seq(0x0102_0304), webhook: WebhookNo(0x0a0b) };
const ACCOUNT_7: AccountNo = AccountNo(7);

/// The bytes of every key are part of the file format: a change here is a new format number.
#[test]
fn golden_bytes() {
    let at = Timestamp::from_ms(0x0909);
    let uuid = [0xee; 16];
    let hex = |key: Key| crate::store::hex::hex(&key);
    let cases = [
        (meta("format"), "00666f726d6174".to_owned()),
        (head(), "e0".to_owned()),
        (account(ACCOUNT_7), "0100000007".to_owned()),
        (token(TokenId::from_bytes(uuid)), format!("02{}", "ee".repeat(16))),
        (webhook(ACCOUNT_7, KEY.webhook), "030000000700000a0b".to_owned()),
        (webhook_id(WebhookId::from_bytes(uuid)), format!("04{}", "ee".repeat(16))),
        (event(ACCOUNT_7, KEY.seq), "10000000070000000001020304".to_owned()),
        (chunk(KEY.seq, 3), "1100000000010203040003".to_owned()),
        (own_id(ACCOUNT_7, EventId::from_bytes(uuid)), format!("1200000007{}", "ee".repeat(16))),
        (by_type(ACCOUNT_7, 5, KEY.seq), "1300000007000000050000000001020304".to_owned()),
        (reference(ACCOUNT_7, [0xdd; 8], KEY.seq), "1400000007000000000102dddddddddddddddd0304".to_owned()),
        (type_name(ACCOUNT_7, 5), "150000000700000005".to_owned()),
        (idempotency(ACCOUNT_7, uuid), format!("1600000007{}", "ee".repeat(16))),
        (idempotency_end(at, ACCOUNT_7, uuid), format!("17000000000000090900000007{}", "ee".repeat(16))),
        (notification(ACCOUNT_7, KEY), "2000000007000000000102030400000a0b".to_owned()),
        (attempt(KEY, 2), "21000000000102030400000a0b0002".to_owned()),
        (by_webhook(KEY), "2200000a0b0000000001020304".to_owned()),
        (untried(ACCOUNT_7, KEY), "230000000700000a0b0000000001020304".to_owned()),
        (retry(at, KEY), "2400000a0b00000000000009090000000001020304".to_owned()),
        (manual(at, KEY), "2500000a0b00000000000009090000000001020304".to_owned()),
        (by_state(ACCOUNT_7, 2, KEY), "26000000070200000a0b0000000001020304".to_owned()),
        (by_response(ACCOUNT_7, 503, KEY), "270000000701f700000a0b0000000001020304".to_owned()),
        (order(OrderKey(6), KEY), "2800000a0b00000000000000060000000001020304".to_owned()),
        (health(KEY.webhook), "2900000a0b".to_owned()),
        (job(9), "300000000000000009".to_owned()),
        (bulk_job(ACCOUNT_7, 9), "31000000070000000000000009".to_owned()),
    ];
    for (key, expected) in cases {
        assert_eq!(hex(key), expected);
    }
}

fn key_of(seq: u64, webhook: u32) -> NotificationKey {
    NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) }
}

proptest! {
    #[test]
    fn keys_sort_as_their_facts(a in any::<(u32, u64, u32)>(), b in any::<(u32, u64, u32)>()) {
        let notification = |(account, seq, webhook)| super::notification(AccountNo(account), key_of(seq, webhook));
        prop_assert_eq!(notification(a).cmp(&notification(b)), a.cmp(&b));
        let retry = |(webhook, due, seq): (u32, u64, u32)| {
            retry(Timestamp::from_ms(due >> 20), key_of(seq.into(), webhook))
        };
        let facts = |(webhook, due, seq): (u32, u64, u32)| (webhook, due >> 20, seq);
        prop_assert_eq!(retry(a).cmp(&retry(b)), facts(a).cmp(&facts(b)));
    }

    #[test]
    fn a_prefix_ends_past_all_it_holds(
        prefix in prop::collection::vec(any::<u8>(), 1..6),
        rest in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        prop_assume!(prefix[0] < u8::MAX);
        let key = [prefix.clone(), rest].concat();
        prop_assert!(key < end_of(&prefix));
        prop_assert!(end_of(&prefix) > prefix);
    }

    #[test]
    fn references_say_what_they_hold_and_stand_by_partition_and_hash(
        a in any::<([u8; 8], u64)>(),
        b in any::<([u8; 8], u64)>(),
    ) {
        let key = |(hash, seq)| reference(ACCOUNT_7, hash, Seq(seq));
        prop_assert_eq!(reference_parts(&key(a)), Some((a.0, Seq(a.1))));
        prop_assert_eq!(reference_parts(&key(a)[1..]), None);
        let order = |(hash, seq)| (partition_of(Seq(seq)), hash, seq);
        prop_assert_eq!(key(a).cmp(&key(b)), order(a).cmp(&order(b)));
    }
}
