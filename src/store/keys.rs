//! The keys of the one tree: a byte for the table, then big-endian fields, so that the order of bytes is the order of facts.
//!
//! | table | key after its byte | value |
//! |---|---|---|
//! | meta | name | see `record` |
//! | account | account | its name |
//! | token | token id | the token |
//! | webhook | account, webhook | the webhook |
//! | webhook id | webhook id | account, webhook |
//! | event | account, seq | the event and, if small, its payload |
//! | chunk | seq, number | 16 KiB of a larger payload |
//! | own event id | account, event id | seq |
//! | reference | account, kind, length, value, seq | – |
//! | type name | account, type number | the type |
//! | idempotency key | account, hash | what was answered |
//! | idempotency end | moment, account, hash | – |
//! | notification | account, seq, webhook | the notification, once it is more than owed (see `apply`) |
//! | attempt | seq, webhook, number | an attempt before the last |
//! | retry | webhook, due, seq | – (owed again: what is due later) |
//! | manual | webhook, since, seq | – (owed by hand) |
//! | by state | account, state, webhook, seq | – (the rare states) |
//! | by response | account, status, webhook, seq | – (the last response, unless it was a 2XX) |
//! | order | webhook, order key, seq | – (unfinished, of a webhook that keeps order) |
//! | health | webhook | how its target does, while it fails |
//! | job | number | a background job |
//! | bulk resend | account, number | a bulk resend, kept for a while after its end |
//!
//! Indexes that name nearly every event, in the order of commit, are **sets**: a row stands for 128 sequence numbers, and its value
//! says which of them are in. What a batch adds to one set is one row rewritten, not a row for each event. Elsewhere an entry of a set
//! is spoken of by the key it would have as a row of its own, and [`in_set`] says which bit that is.
//!
//! | set | key after its byte |
//! |---|---|
//! | type | account, type number, seq / 128 |
//! | by webhook | webhook, seq / 128 |
//! | fresh (owed, never tried: what is due at once) | account, webhook, seq / 128 |

use crate::model::{
    AccountNo, EventId, NotificationKey, OrderKey, Seq, State, Timestamp, TokenId, WebhookId, WebhookNo,
};

const META: u8 = 0x00;
const ACCOUNT: u8 = 0x01;
const TOKEN: u8 = 0x02;
const WEBHOOK: u8 = 0x03;
const WEBHOOK_ID: u8 = 0x04;
const EVENT: u8 = 0x10;
const CHUNK: u8 = 0x11;
const OWN_ID: u8 = 0x12;
const TYPE: u8 = 0x13;
const REFERENCE: u8 = 0x14;
const TYPE_NAME: u8 = 0x15;
const IDEMPOTENCY: u8 = 0x16;
const IDEMPOTENCY_END: u8 = 0x17;
const NOTIFICATION: u8 = 0x20;
const ATTEMPT: u8 = 0x21;
const BY_WEBHOOK: u8 = 0x22;
const FRESH: u8 = 0x23;
const RETRY: u8 = 0x24;
const MANUAL: u8 = 0x25;
const BY_STATE: u8 = 0x26;
const BY_RESPONSE: u8 = 0x27;
const ORDER: u8 = 0x28;
const HEALTH: u8 = 0x29;
const JOB: u8 = 0x30;
const BULK_RESEND: u8 = 0x31;

/// The tables, by the first byte of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Meta,
    Account,
    Token,
    Webhook,
    WebhookId,
    Event,
    Chunk,
    OwnId,
    Type,
    Reference,
    TypeName,
    Idempotency,
    IdempotencyEnd,
    Notification,
    Attempt,
    ByWebhook,
    Fresh,
    Retry,
    Manual,
    ByState,
    ByResponse,
    Order,
    Health,
    Job,
    BulkResend,
}

impl Table {
    /// The table a key belongs to.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        Some(match *key.first()? {
            META => Self::Meta,
            ACCOUNT => Self::Account,
            TOKEN => Self::Token,
            WEBHOOK => Self::Webhook,
            WEBHOOK_ID => Self::WebhookId,
            EVENT => Self::Event,
            CHUNK => Self::Chunk,
            OWN_ID => Self::OwnId,
            TYPE => Self::Type,
            REFERENCE => Self::Reference,
            TYPE_NAME => Self::TypeName,
            IDEMPOTENCY => Self::Idempotency,
            IDEMPOTENCY_END => Self::IdempotencyEnd,
            NOTIFICATION => Self::Notification,
            ATTEMPT => Self::Attempt,
            BY_WEBHOOK => Self::ByWebhook,
            FRESH => Self::Fresh,
            RETRY => Self::Retry,
            MANUAL => Self::Manual,
            BY_STATE => Self::ByState,
            BY_RESPONSE => Self::ByResponse,
            ORDER => Self::Order,
            HEALTH => Self::Health,
            JOB => Self::Job,
            BULK_RESEND => Self::BulkResend,
            _ => return None,
        })
    }

    /// What its rows are, for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Account => "account",
            Self::Token => "token",
            Self::Webhook => "webhook",
            Self::WebhookId => "webhook id",
            Self::Event => "event",
            Self::Chunk => "payload chunk",
            Self::OwnId => "own event id",
            Self::Type => "index by type",
            Self::Reference => "index by reference",
            Self::TypeName => "event type",
            Self::Idempotency => "idempotency key",
            Self::IdempotencyEnd => "idempotency end",
            Self::Notification => "notification",
            Self::Attempt => "attempt",
            Self::ByWebhook => "index by webhook",
            Self::Fresh => "due: fresh",
            Self::Retry => "due: retry",
            Self::Manual => "due: by hand",
            Self::ByState => "index by state",
            Self::ByResponse => "index by response",
            Self::Order => "order",
            Self::Health => "health",
            Self::Job => "job",
            Self::BulkResend => "bulk resend",
        }
    }
}

/// How many sequence numbers one row of a set stands for, as a power of two.
const SET_SHIFT: u32 = 7;

/// Where an entry stands, if its index is a set: the row, and the bit in it.
pub(super) fn in_set(entry: &[u8]) -> Option<(Key, u128)> {
    if !is_set(entry) {
        return None;
    }
    let at = entry.len().checked_sub(8)?;
    let seq = u64_at(entry, at)?;
    Some((set_row(&entry[..at], seq), set_bit(seq)))
}

/// Whether keys that begin like this are rows or entries of a set.
pub(super) fn is_set(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(TYPE | BY_WEBHOOK | FRESH)))
}

/// The row of a set that stands for this sequence number.
pub(super) fn set_row(prefix: &[u8], seq: u64) -> Key {
    [prefix, &(seq >> SET_SHIFT).to_be_bytes()].concat()
}

/// The bit of a sequence number in its row.
pub(super) const fn set_bit(seq: u64) -> u128 {
    1 << (seq & ((1 << SET_SHIFT) - 1))
}

/// The first sequence number that a row of a set stands for; `None` for a key that is too short.
pub(super) fn first_of_row(row: &[u8]) -> Option<u64> {
    let number = u64_at(row, row.len().checked_sub(8)?)?;
    (number <= u64::MAX >> SET_SHIFT).then_some(number << SET_SHIFT)
}

/// The sequence numbers that a row of a set holds, the lowest first.
pub(super) fn seqs_of_row(first: u64, bits: u128) -> impl DoubleEndedIterator<Item = u64> {
    (0..u64::from(u128::BITS)).filter(move |at| bits >> at & 1 == 1).map(move |at| first + at)
}

/// Whether a key's record is one that progress is measured by: an event or a notification.
pub(super) fn is_counted(key: &[u8]) -> bool {
    matches!(Table::of(key), Some(Table::Event | Table::Notification))
}

/// A key, or the beginning that a range of keys shares.
pub(super) type Key = Vec<u8>;

struct Builder(Key);

impl Builder {
    fn new(table: u8) -> Self {
        let mut key = Vec::with_capacity(24);
        key.push(table);
        Self(key)
    }

    fn u8(mut self, n: u8) -> Self {
        self.0.push(n);
        self
    }

    fn u16(mut self, n: u16) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// What an index of references leads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// The event's own `external_id`, or its resource's.
    ExternalId,
    /// The resource's `id`.
    ResourceId,
}

/// The longest reference that has an index row: its length stands in one byte.
#[cfg(test)]
pub(crate) const MAX_REFERENCE_BYTES: usize = 255;

pub(super) fn meta(name: &str) -> Key {
    Builder::new(META).bytes(name.as_bytes()).0
}

pub(super) fn accounts() -> Key {
    Builder::new(ACCOUNT).0
}

pub(super) fn account(account: AccountNo) -> Key {
    Builder(accounts()).u32(account.0).0
}

pub(super) fn tokens() -> Key {
    Builder::new(TOKEN).0
}

pub(super) fn token(id: TokenId) -> Key {
    Builder(tokens()).bytes(&id.to_bytes()).0
}

pub(super) fn webhooks() -> Key {
    Builder::new(WEBHOOK).0
}

/// The webhooks of an account, deleted ones among them.
pub(super) fn webhooks_of(account: AccountNo) -> Key {
    Builder(webhooks()).u32(account.0).0
}

pub(super) fn webhook(account: AccountNo, webhook: WebhookNo) -> Key {
    Builder(webhooks()).u32(account.0).u32(webhook.0).0
}

pub(super) fn webhook_id(id: WebhookId) -> Key {
    Builder::new(WEBHOOK_ID).bytes(&id.to_bytes()).0
}

pub(super) fn all_events() -> Key {
    Builder::new(EVENT).0
}

pub(super) fn events(account: AccountNo) -> Key {
    Builder::new(EVENT).u32(account.0).0
}

pub(super) fn event(account: AccountNo, seq: Seq) -> Key {
    Builder(events(account)).u64(seq.0).0
}

/// The chunks of one payload.
pub(super) fn chunks(seq: Seq) -> Key {
    Builder::new(CHUNK).u64(seq.0).0
}

pub(super) fn chunk(seq: Seq, number: u16) -> Key {
    Builder::new(CHUNK).u64(seq.0).u16(number).0
}

pub(super) fn own_id(account: AccountNo, id: EventId) -> Key {
    Builder::new(OWN_ID).u32(account.0).bytes(&id.to_bytes()).0
}

pub(super) fn events_of_type(account: AccountNo, type_no: u32) -> Key {
    Builder::new(TYPE).u32(account.0).u32(type_no).0
}

pub(super) fn by_type(account: AccountNo, type_no: u32, seq: Seq) -> Key {
    Builder(events_of_type(account, type_no)).u64(seq.0).0
}

/// `None` for a value longer than 255 bytes, which has no index row.
pub(super) fn events_with(account: AccountNo, kind: Reference, value: &str) -> Option<Key> {
    let length = u8::try_from(value.len()).ok()?;
    let kind = match kind {
        Reference::ExternalId => 0,
        Reference::ResourceId => 1,
    };
    Some(Builder::new(REFERENCE).u32(account.0).u8(kind).u8(length).bytes(value.as_bytes()).0)
}

pub(super) fn by_reference(account: AccountNo, kind: Reference, value: &str, seq: Seq) -> Option<Key> {
    events_with(account, kind, value).map(|prefix| Builder(prefix).u64(seq.0).0)
}

pub(super) fn type_names() -> Key {
    Builder::new(TYPE_NAME).0
}

pub(super) fn type_names_of(account: AccountNo) -> Key {
    Builder(type_names()).u32(account.0).0
}

pub(super) fn type_name(account: AccountNo, type_no: u32) -> Key {
    Builder(type_names()).u32(account.0).u32(type_no).0
}

pub(super) fn idempotency_of(account: AccountNo) -> Key {
    Builder::new(IDEMPOTENCY).u32(account.0).0
}

pub(super) fn idempotency(account: AccountNo, hash: [u8; 16]) -> Key {
    Builder::new(IDEMPOTENCY).u32(account.0).bytes(&hash).0
}

pub(super) fn idempotency_ends() -> Key {
    Builder::new(IDEMPOTENCY_END).0
}

pub(super) fn idempotency_end(at: Timestamp, account: AccountNo, hash: [u8; 16]) -> Key {
    Builder(idempotency_ends()).u64(at.as_ms()).u32(account.0).bytes(&hash).0
}

pub(super) fn all_notifications() -> Key {
    Builder::new(NOTIFICATION).0
}

pub(super) fn notifications(account: AccountNo) -> Key {
    Builder::new(NOTIFICATION).u32(account.0).0
}

pub(super) fn notifications_of(account: AccountNo, seq: Seq) -> Key {
    Builder(notifications(account)).u64(seq.0).0
}

pub(super) fn notification(account: AccountNo, key: NotificationKey) -> Key {
    Builder(notifications_of(account, key.seq)).u32(key.webhook.0).0
}

/// The attempts of all notifications of an event.
pub(super) fn attempts_of_event(seq: Seq) -> Key {
    Builder::new(ATTEMPT).u64(seq.0).0
}

pub(super) fn attempts(key: NotificationKey) -> Key {
    Builder::new(ATTEMPT).u64(key.seq.0).u32(key.webhook.0).0
}

pub(super) fn attempt(key: NotificationKey, number: u16) -> Key {
    Builder(attempts(key)).u16(number).0
}

pub(super) fn of_webhook(webhook: WebhookNo) -> Key {
    Builder::new(BY_WEBHOOK).u32(webhook.0).0
}

pub(super) fn by_webhook(key: NotificationKey) -> Key {
    Builder(of_webhook(key.webhook)).u64(key.seq.0).0
}

pub(super) fn all_fresh() -> Key {
    Builder::new(FRESH).0
}

pub(super) fn fresh_of_account(account: AccountNo) -> Key {
    Builder::new(FRESH).u32(account.0).0
}

pub(super) fn fresh_of(account: AccountNo, webhook: WebhookNo) -> Key {
    Builder(fresh_of_account(account)).u32(webhook.0).0
}

pub(super) fn fresh(account: AccountNo, key: NotificationKey) -> Key {
    Builder(fresh_of(account, key.webhook)).u64(key.seq.0).0
}

pub(super) fn all_retries() -> Key {
    Builder::new(RETRY).0
}

pub(super) fn retries_of(webhook: WebhookNo) -> Key {
    Builder::new(RETRY).u32(webhook.0).0
}

pub(super) fn retry(due: Timestamp, key: NotificationKey) -> Key {
    Builder(retries_of(key.webhook)).u64(due.as_ms()).u64(key.seq.0).0
}

pub(super) fn manuals_of(webhook: WebhookNo) -> Key {
    Builder::new(MANUAL).u32(webhook.0).0
}

pub(super) fn manual(since: Timestamp, key: NotificationKey) -> Key {
    Builder(manuals_of(key.webhook)).u64(since.as_ms()).u64(key.seq.0).0
}

/// The byte of tests that wait for their one attempt, which no queue of automatic attempts holds.
pub(super) const PENDING_TEST: u8 = 0;

/// The byte of what waits for its turn in an order: pending, and in no queue.
pub(super) const WAITING: u8 = 4;

/// The byte of a state in the index; `None` for the states that have none: pending ones are found by [`fresh`], delivered
/// ones are most of the main order.
pub(super) fn state_byte(state: State) -> Option<u8> {
    match state {
        State::Pending | State::Delivered => None,
        State::Retrying { .. } => Some(1),
        State::Failed => Some(2),
        State::Cancelled => Some(3),
    }
}

pub(super) fn in_state(account: AccountNo, state: u8) -> Key {
    Builder::new(BY_STATE).u32(account.0).u8(state).0
}

pub(super) fn in_state_of(account: AccountNo, state: u8, webhook: WebhookNo) -> Key {
    Builder(in_state(account, state)).u32(webhook.0).0
}

pub(super) fn by_state(account: AccountNo, state: u8, key: NotificationKey) -> Key {
    Builder(in_state_of(account, state, key.webhook)).u64(key.seq.0).0
}

/// All responses of an account; the status follows. Status 0 stands for "tried, and no response came".
pub(super) fn responses(account: AccountNo) -> Key {
    Builder::new(BY_RESPONSE).u32(account.0).0
}

pub(super) fn with_response(account: AccountNo, status: u16) -> Key {
    Builder(responses(account)).u16(status).0
}

pub(super) fn by_response(account: AccountNo, status: u16, key: NotificationKey) -> Key {
    Builder(with_response(account, status)).u32(key.webhook.0).u64(key.seq.0).0
}

/// All orders of a webhook.
pub(super) fn chains(webhook: WebhookNo) -> Key {
    Builder::new(ORDER).u32(webhook.0).0
}

/// All unfinished notifications of one resource, of a webhook that keeps order.
pub(super) fn chain(webhook: WebhookNo, order: OrderKey) -> Key {
    Builder::new(ORDER).u32(webhook.0).u64(order.0).0
}

pub(super) fn order(order: OrderKey, key: NotificationKey) -> Key {
    Builder(chain(key.webhook, order)).u64(key.seq.0).0
}

pub(super) fn healths() -> Key {
    Builder::new(HEALTH).0
}

pub(super) fn health(webhook: WebhookNo) -> Key {
    Builder(healths()).u32(webhook.0).0
}

pub(super) fn jobs() -> Key {
    Builder::new(JOB).0
}

pub(super) fn job(number: u64) -> Key {
    Builder(jobs()).u64(number).0
}

pub(super) fn all_resends() -> Key {
    Builder::new(BULK_RESEND).0
}

pub(super) fn resends(account: AccountNo) -> Key {
    Builder(all_resends()).u32(account.0).0
}

pub(super) fn resend(account: AccountNo, number: u64) -> Key {
    Builder(resends(account)).u64(number).0
}

/// The tables whose rows of an account stand below its number, webhooks and idempotency keys left out.
pub(super) fn below_account(account: AccountNo) -> impl Iterator<Item = Key> {
    let tables = [EVENT, OWN_ID, REFERENCE, TYPE, TYPE_NAME, NOTIFICATION, BY_STATE, BY_RESPONSE, FRESH, BULK_RESEND];
    tables.into_iter().map(move |table| Builder::new(table).u32(account.0).0)
}

/// The first key past every key that starts with `prefix`.
pub(super) fn end_of(prefix: &[u8]) -> Key {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // Nothing sorts past a prefix of 0xff alone; no table has such a byte.
    vec![u8::MAX; prefix.len() + 1]
}

/// The big-endian u64 that a key holds at `at`.
pub(super) fn u64_at(key: &[u8], at: usize) -> Option<u64> {
    key.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// The big-endian u32 that a key holds at `at`.
pub(super) fn u32_at(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// The big-endian u16 that a key holds at `at`.
pub(super) fn u16_at(key: &[u8], at: usize) -> Option<u16> {
    key.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
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
            (meta("head"), "0068656164".to_owned()),
            (account(ACCOUNT_7), "0100000007".to_owned()),
            (token(TokenId::from_bytes(uuid)), format!("02{}", "ee".repeat(16))),
            (webhook(ACCOUNT_7, KEY.webhook), "030000000700000a0b".to_owned()),
            (webhook_id(WebhookId::from_bytes(uuid)), format!("04{}", "ee".repeat(16))),
            (event(ACCOUNT_7, KEY.seq), "10000000070000000001020304".to_owned()),
            (chunk(KEY.seq, 3), "1100000000010203040003".to_owned()),
            (own_id(ACCOUNT_7, EventId::from_bytes(uuid)), format!("1200000007{}", "ee".repeat(16))),
            (by_type(ACCOUNT_7, 5, KEY.seq), "1300000007000000050000000001020304".to_owned()),
            (
                by_reference(ACCOUNT_7, Reference::ExternalId, "ab", KEY.seq).unwrap(),
                "1400000007000261620000000001020304".to_owned(),
            ),
            (
                by_reference(ACCOUNT_7, Reference::ResourceId, "ab", KEY.seq).unwrap(),
                "1400000007010261620000000001020304".to_owned(),
            ),
            (type_name(ACCOUNT_7, 5), "150000000700000005".to_owned()),
            (idempotency(ACCOUNT_7, uuid), format!("1600000007{}", "ee".repeat(16))),
            (idempotency_end(at, ACCOUNT_7, uuid), format!("17000000000000090900000007{}", "ee".repeat(16))),
            (notification(ACCOUNT_7, KEY), "2000000007000000000102030400000a0b".to_owned()),
            (attempt(KEY, 2), "21000000000102030400000a0b0002".to_owned()),
            (by_webhook(KEY), "2200000a0b0000000001020304".to_owned()),
            (fresh(ACCOUNT_7, KEY), "230000000700000a0b0000000001020304".to_owned()),
            (retry(at, KEY), "2400000a0b00000000000009090000000001020304".to_owned()),
            (manual(at, KEY), "2500000a0b00000000000009090000000001020304".to_owned()),
            (by_state(ACCOUNT_7, 2, KEY), "26000000070200000a0b0000000001020304".to_owned()),
            (by_response(ACCOUNT_7, 503, KEY), "270000000701f700000a0b0000000001020304".to_owned()),
            (order(OrderKey(6), KEY), "2800000a0b00000000000000060000000001020304".to_owned()),
            (health(KEY.webhook), "2900000a0b".to_owned()),
            (job(9), "300000000000000009".to_owned()),
            (resend(ACCOUNT_7, 9), "31000000070000000000000009".to_owned()),
        ];
        for (key, expected) in cases {
            assert_eq!(hex(key), expected);
        }
    }

    #[test]
    fn an_entry_of_a_set_is_a_bit_of_its_row() {
        let (row, bit) = in_set(&by_webhook(KEY)).unwrap();
        assert_eq!(
            (&row[..], bit),
            ([&of_webhook(KEY.webhook)[..], &(KEY.seq.0 >> 7).to_be_bytes()].concat().as_slice(), 1 << 4)
        );
        assert_eq!(in_set(&retry(Timestamp::from_ms(1), KEY)), None);
        let first = first_of_row(&row).unwrap();
        assert_eq!(seqs_of_row(first, bit | 1 | 1 << 127).collect::<Vec<_>>(), [first, KEY.seq.0, first + 127]);
        assert_eq!(set_row(&of_webhook(KEY.webhook), first + 127), row);
        assert_ne!(set_row(&of_webhook(KEY.webhook), first + 128), row);
    }

    #[test]
    fn references_have_an_end() {
        assert!(events_with(ACCOUNT_7, Reference::ExternalId, &"x".repeat(MAX_REFERENCE_BYTES)).is_some());
        assert!(events_with(ACCOUNT_7, Reference::ExternalId, &"x".repeat(MAX_REFERENCE_BYTES + 1)).is_none());
    }

    fn key_of(seq: u64, webhook: u32) -> NotificationKey {
        NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) }
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_facts(a in any::<(u32, u64, u32)>(), b in any::<(u32, u64, u32)>()) {
            let notification = |(account, seq, webhook)| super::notification(AccountNo(account), key_of(seq, webhook));
            prop_assert_eq!(notification(a).cmp(&notification(b)), a.cmp(&b));
            let retry = |(webhook, due, seq): (u32, u64, u32)| retry(Timestamp::from_ms(due >> 20), key_of(seq.into(), webhook));
            let facts = |(webhook, due, seq): (u32, u64, u32)| (webhook, due >> 20, seq);
            prop_assert_eq!(retry(a).cmp(&retry(b)), facts(a).cmp(&facts(b)));
        }

        #[test]
        fn a_prefix_ends_past_all_it_holds(prefix in prop::collection::vec(any::<u8>(), 1..6), rest in prop::collection::vec(any::<u8>(), 0..6)) {
            prop_assume!(prefix[0] < u8::MAX);
            let key = [prefix.clone(), rest].concat();
            prop_assert!(key < end_of(&prefix));
            prop_assert!(end_of(&prefix) > prefix);
        }

        #[test]
        fn references_never_run_into_each_other(a in "\\PC{0,12}", b in "\\PC{0,12}", seq in any::<u64>()) {
            prop_assume!(a != b);
            let prefix = events_with(AccountNo(1), Reference::ExternalId, &a).unwrap();
            let other = by_reference(AccountNo(1), Reference::ExternalId, &b, Seq(seq)).unwrap();
            prop_assert!(!other.starts_with(&prefix));
        }
    }
}
