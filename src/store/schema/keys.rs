//! The keys of the one tree: a byte for the table, then big-endian fields, so that the order of bytes is the order of
//! facts.
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
//! | reference | account, partition, hash, the rest of seq | – (see `references`) |
//! | type | account, type number, seq | – |
//! | type name | account, type number | the type |
//! | idempotency key | account, hash | what was answered |
//! | idempotency end | moment, account, hash | – |
//! | notification | account, seq, webhook | the notification, once anything has happened to it (see `changes::rows`) |
//! | attempt | seq, webhook, number | an attempt before the last |
//! | by webhook | webhook, seq | – |
//! | untried | account, webhook, seq | – (no attempt yet: due at once) |
//! | retry | webhook, due, seq | – (waits for its next attempt) |
//! | manual | webhook, since, seq | – (a manual attempt is pending) |
//! | by state | account, state, webhook, seq | – (the rare states) |
//! | by response | account, status, webhook, seq | – (the last response, unless it was a 2XX) |
//! | order | webhook, order key, seq | – (unfinished, of a webhook that keeps order) |
//! | health | webhook | how its target does, while it fails |
//! | job | number | a background job |
//! | bulk job | account, number | a bulk resend or a backfill, until a while after its end |
//! | alert | recipient, kind, the rest by kind | see [`alert_keys`](super::alert_keys) |
//! | audit | account, number | a change that somebody has made |
//! | erasure | account, number | an erasure of all events that have one key, until a while after its end |
//! | head | – | where the counters stand |
//!
//! Which rows stand together in a block of sled, [`layout`](super::layout) says.

use crate::model::{
    AccountNo, EventId, NotificationKey, OrderKey, Seq, State, Timestamp, TokenId, WebhookId, WebhookNo,
};
use crate::store::schema::keys;
use crate::store::schema::table::{
    ACCOUNT, ALERT, ATTEMPT, AUDIT, BULK_JOB, BY_RESPONSE, BY_STATE, BY_WEBHOOK, CHUNK, ERASURE, EVENT, HEAD, HEALTH,
    IDEMPOTENCY, IDEMPOTENCY_END, JOB, MANUAL, META, NOTIFICATION, ORDER, OWN_ID, REFERENCE, RETRY, TOKEN, TYPE,
    TYPE_NAME, UNTRIED, WEBHOOK, WEBHOOK_ID,
};

/// The tables whose rows of a webhook stand below its number.
pub(crate) fn below_webhook(webhook: WebhookNo) -> [keys::Key; 4] {
    [keys::retries_of(webhook), keys::manuals_of(webhook), keys::of_webhook(webhook), keys::chains(webhook)]
}

/// A key, or the beginning that a range of keys shares.
pub(crate) type Key = Vec<u8>;

pub(super) struct Builder(pub(super) Key);

impl Builder {
    pub(super) fn new(table: u8) -> Self {
        let mut key = Vec::with_capacity(24);
        key.push(table);
        Self(key)
    }

    pub(super) fn u8(mut self, n: u8) -> Self {
        self.0.push(n);
        self
    }

    fn u16(mut self, n: u16) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    pub(super) fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    pub(super) fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// How many bits of a sequence number don't name its partition of the references.
const IN_PARTITION_BITS: u32 = 16;
/// How many bytes do.
const PARTITION_BYTES: usize = 6;

/// What the key of a reference holds of its value.
pub(crate) type ReferenceHash = [u8; 8];

pub(crate) fn meta(name: &str) -> Key {
    Builder::new(META).bytes(name.as_bytes()).0
}

pub(crate) fn head() -> Key {
    Builder::new(HEAD).0
}

pub(crate) fn accounts() -> Key {
    Builder::new(ACCOUNT).0
}

pub(crate) fn account(account: AccountNo) -> Key {
    Builder(accounts()).u32(account.0).0
}

pub(crate) fn tokens() -> Key {
    Builder::new(TOKEN).0
}

pub(crate) fn token(id: TokenId) -> Key {
    Builder(tokens()).bytes(&id.to_bytes()).0
}

pub(crate) fn webhooks() -> Key {
    Builder::new(WEBHOOK).0
}

/// The webhooks of an account, deleted ones among them.
pub(crate) fn webhooks_of(account: AccountNo) -> Key {
    Builder(webhooks()).u32(account.0).0
}

pub(crate) fn webhook(account: AccountNo, webhook: WebhookNo) -> Key {
    Builder(webhooks()).u32(account.0).u32(webhook.0).0
}

pub(crate) fn webhook_id(id: WebhookId) -> Key {
    Builder::new(WEBHOOK_ID).bytes(&id.to_bytes()).0
}

pub(crate) fn all_events() -> Key {
    Builder::new(EVENT).0
}

pub(crate) fn events(account: AccountNo) -> Key {
    Builder::new(EVENT).u32(account.0).0
}

pub(crate) fn event(account: AccountNo, seq: Seq) -> Key {
    Builder(events(account)).u64(seq.0).0
}

/// The chunks of one payload.
pub(crate) fn chunks(seq: Seq) -> Key {
    Builder::new(CHUNK).u64(seq.0).0
}

pub(crate) fn chunk(seq: Seq, number: u16) -> Key {
    Builder::new(CHUNK).u64(seq.0).u16(number).0
}

pub(crate) fn own_id(account: AccountNo, id: EventId) -> Key {
    Builder::new(OWN_ID).u32(account.0).bytes(&id.to_bytes()).0
}

pub(crate) fn events_of_type(account: AccountNo, type_no: u32) -> Key {
    Builder::new(TYPE).u32(account.0).u32(type_no).0
}

pub(crate) fn by_type(account: AccountNo, type_no: u32, seq: Seq) -> Key {
    Builder(events_of_type(account, type_no)).u64(seq.0).0
}

pub(crate) fn references(account: AccountNo) -> Key {
    Builder::new(REFERENCE).u32(account.0).0
}

pub(crate) fn reference(account: AccountNo, hash: ReferenceHash, seq: Seq) -> Key {
    reference_below(&references(account), hash, seq)
}

/// The key of a reference below the prefix of an account's.
pub(crate) fn reference_below(prefix: &[u8], hash: ReferenceHash, seq: Seq) -> Key {
    let partition = (seq.0 >> IN_PARTITION_BITS).to_be_bytes();
    let rest = &seq.0.to_be_bytes()[PARTITION_BYTES..];
    Builder(prefix.to_vec()).bytes(&partition[8 - PARTITION_BYTES..]).bytes(&hash).bytes(rest).0
}

/// The hash and the sequence number that the key of a reference holds; `None` for one of another length.
pub(crate) fn reference_parts(key: &[u8]) -> Option<(ReferenceHash, Seq)> {
    let (partition, key) = key.get(5..)?.split_first_chunk::<PARTITION_BYTES>()?;
    let (hash, rest) = key.split_first_chunk()?;
    let seq = [partition.as_slice(), rest].concat().try_into().ok()?;
    Some((*hash, Seq(u64::from_be_bytes(seq))))
}

/// The first and the last sequence number of the partition that has this one.
pub(crate) const fn partition_of(seq: Seq) -> (Seq, Seq) {
    let within = (1 << IN_PARTITION_BITS) - 1;
    (Seq(seq.0 & !within), Seq(seq.0 | within))
}

pub(crate) fn type_names() -> Key {
    Builder::new(TYPE_NAME).0
}

pub(crate) fn type_names_of(account: AccountNo) -> Key {
    Builder(type_names()).u32(account.0).0
}

pub(crate) fn type_name(account: AccountNo, type_no: u32) -> Key {
    Builder(type_names()).u32(account.0).u32(type_no).0
}

pub(crate) fn idempotency_of(account: AccountNo) -> Key {
    Builder::new(IDEMPOTENCY).u32(account.0).0
}

pub(crate) fn idempotency(account: AccountNo, hash: [u8; 16]) -> Key {
    Builder::new(IDEMPOTENCY).u32(account.0).bytes(&hash).0
}

pub(crate) fn idempotency_ends() -> Key {
    Builder::new(IDEMPOTENCY_END).0
}

pub(crate) fn idempotency_end(at: Timestamp, account: AccountNo, hash: [u8; 16]) -> Key {
    Builder(idempotency_ends()).u64(at.as_ms()).u32(account.0).bytes(&hash).0
}

pub(crate) fn all_notifications() -> Key {
    Builder::new(NOTIFICATION).0
}

pub(crate) fn notifications(account: AccountNo) -> Key {
    Builder::new(NOTIFICATION).u32(account.0).0
}

pub(crate) fn notifications_of(account: AccountNo, seq: Seq) -> Key {
    Builder(notifications(account)).u64(seq.0).0
}

pub(crate) fn notification(account: AccountNo, key: NotificationKey) -> Key {
    Builder(notifications_of(account, key.seq)).u32(key.webhook.0).0
}

/// The attempts of all notifications of an event.
pub(crate) fn attempts_of_event(seq: Seq) -> Key {
    Builder::new(ATTEMPT).u64(seq.0).0
}

pub(crate) fn attempts(key: NotificationKey) -> Key {
    Builder::new(ATTEMPT).u64(key.seq.0).u32(key.webhook.0).0
}

pub(crate) fn attempt(key: NotificationKey, number: u16) -> Key {
    Builder(attempts(key)).u16(number).0
}

pub(crate) fn of_webhook(webhook: WebhookNo) -> Key {
    Builder::new(BY_WEBHOOK).u32(webhook.0).0
}

pub(crate) fn by_webhook(key: NotificationKey) -> Key {
    Builder(of_webhook(key.webhook)).u64(key.seq.0).0
}

pub(crate) fn all_untried() -> Key {
    Builder::new(UNTRIED).0
}

pub(crate) fn untried_of_account(account: AccountNo) -> Key {
    Builder::new(UNTRIED).u32(account.0).0
}

pub(crate) fn untried_of(account: AccountNo, webhook: WebhookNo) -> Key {
    Builder(untried_of_account(account)).u32(webhook.0).0
}

pub(crate) fn untried(account: AccountNo, key: NotificationKey) -> Key {
    Builder(untried_of(account, key.webhook)).u64(key.seq.0).0
}

pub(crate) fn all_retries() -> Key {
    Builder::new(RETRY).0
}

pub(crate) fn retries_of(webhook: WebhookNo) -> Key {
    Builder::new(RETRY).u32(webhook.0).0
}

pub(crate) fn retry(due: Timestamp, key: NotificationKey) -> Key {
    Builder(retries_of(key.webhook)).u64(due.as_ms()).u64(key.seq.0).0
}

pub(crate) fn manuals_of(webhook: WebhookNo) -> Key {
    Builder::new(MANUAL).u32(webhook.0).0
}

pub(crate) fn manual(since: Timestamp, key: NotificationKey) -> Key {
    Builder(manuals_of(key.webhook)).u64(since.as_ms()).u64(key.seq.0).0
}

/// The byte of tests that wait for their one attempt, which no queue of automatic attempts holds.
pub(crate) const PENDING_TEST: u8 = 0;
/// The byte of what waits for its turn in an order: pending, and in no queue.
pub(crate) const WAITING: u8 = 4;
/// The byte of a test that has failed: no notification that anybody has to look after.
pub(crate) const FAILED_TEST: u8 = 5;

/// The byte of a state in the index; `None` for the states that have none: pending ones are found by [`untried`],
/// delivered ones are most of the main order.
pub(crate) fn state_byte(state: State) -> Option<u8> {
    match state {
        State::Pending | State::Delivered => None,
        State::Retrying { .. } => Some(1),
        State::Failed => Some(2),
        State::Cancelled => Some(3),
    }
}

pub(crate) fn in_state(account: AccountNo, state: u8) -> Key {
    Builder::new(BY_STATE).u32(account.0).u8(state).0
}

pub(crate) fn in_state_of(account: AccountNo, state: u8, webhook: WebhookNo) -> Key {
    Builder(in_state(account, state)).u32(webhook.0).0
}

pub(crate) fn by_state(account: AccountNo, state: u8, key: NotificationKey) -> Key {
    Builder(in_state_of(account, state, key.webhook)).u64(key.seq.0).0
}

/// All responses of an account; the status follows. Status 0 stands for "tried, and no response came".
pub(crate) fn responses(account: AccountNo) -> Key {
    Builder::new(BY_RESPONSE).u32(account.0).0
}

pub(crate) fn with_response(account: AccountNo, status: u16) -> Key {
    Builder(responses(account)).u16(status).0
}

pub(crate) fn by_response(account: AccountNo, status: u16, key: NotificationKey) -> Key {
    Builder(with_response(account, status)).u32(key.webhook.0).u64(key.seq.0).0
}

/// All orders of a webhook.
pub(crate) fn chains(webhook: WebhookNo) -> Key {
    Builder::new(ORDER).u32(webhook.0).0
}

/// All unfinished notifications of one resource, of a webhook that keeps order.
pub(crate) fn chain(webhook: WebhookNo, order: OrderKey) -> Key {
    Builder::new(ORDER).u32(webhook.0).u64(order.0).0
}

pub(crate) fn order(order: OrderKey, key: NotificationKey) -> Key {
    Builder(chain(key.webhook, order)).u64(key.seq.0).0
}

pub(crate) fn healths() -> Key {
    Builder::new(HEALTH).0
}

pub(crate) fn health(webhook: WebhookNo) -> Key {
    Builder(healths()).u32(webhook.0).0
}

pub(crate) fn jobs() -> Key {
    Builder::new(JOB).0
}

pub(crate) fn job(number: u64) -> Key {
    Builder(jobs()).u64(number).0
}

pub(crate) fn all_bulk_jobs() -> Key {
    Builder::new(BULK_JOB).0
}

pub(crate) fn bulk_jobs(account: AccountNo) -> Key {
    Builder(all_bulk_jobs()).u32(account.0).0
}

pub(crate) fn bulk_job(account: AccountNo, number: u64) -> Key {
    Builder(bulk_jobs(account)).u64(number).0
}

pub(crate) fn all_audits() -> Key {
    Builder::new(AUDIT).0
}

/// The audit of an account.
pub(crate) fn audits(account: AccountNo) -> Key {
    Builder(all_audits()).u32(account.0).0
}

pub(crate) fn audit(account: AccountNo, number: u64) -> Key {
    Builder(audits(account)).u64(number).0
}

pub(crate) fn all_erasures() -> Key {
    Builder::new(ERASURE).0
}

pub(crate) fn erasure(account: AccountNo, number: u64) -> Key {
    Builder(all_erasures()).u32(account.0).u64(number).0
}

/// The tables whose rows of an account stand below its number, webhooks and idempotency keys left out.
pub(crate) fn below_account(account: AccountNo) -> impl Iterator<Item = Key> {
    let tables = [
        EVENT,
        OWN_ID,
        REFERENCE,
        TYPE,
        TYPE_NAME,
        NOTIFICATION,
        BY_STATE,
        BY_RESPONSE,
        UNTRIED,
        BULK_JOB,
        ALERT,
        AUDIT,
        ERASURE,
    ];
    tables.into_iter().map(move |table| Builder::new(table).u32(account.0).0)
}

/// The first key past every key that starts with `prefix`.
pub(crate) fn end_of(prefix: &[u8]) -> Key {
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
pub(crate) fn u64_at(key: &[u8], at: usize) -> Option<u64> {
    key.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// The big-endian u32 that a key holds at `at`.
pub(crate) fn u32_at(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// The big-endian u16 that a key holds at `at`.
pub(crate) fn u16_at(key: &[u8], at: usize) -> Option<u16> {
    key.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests;
