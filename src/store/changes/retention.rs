//! Retention: what is old enough, or too much, is deleted a little at a time, and never what is still pending.

use crate::model::{AccountNo, Event, Notification, NotificationKey, Seq};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::retirement::{BETWEEN_PASSES, BETWEEN_STEPS, SHORTEST_REST};
use crate::store::changes::rows::{delete_chunks, read_event, read_notification, with_record};
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::record::{HeadV1, Stored};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::time::Duration;

/// How many events a step looks at.
const LOOKED_AT_A_STEP: usize = 64;
/// About how many rows a step deletes: one or two milliseconds of the committer's time.
const ROWS_A_STEP: usize = 384;
/// About what the rows of one event, or of one notification, take beside the payload.
const ROWS_BYTES: u64 = 512;

/// About how many bytes events and notifications take.
pub(crate) fn counted_bytes(payload_bytes: u64, events: u64, notifications: u64) -> u64 {
    payload_bytes + ROWS_BYTES * (events + notifications)
}

fn stored_bytes(head: &HeadV1) -> u64 {
    counted_bytes(head.payload_bytes, head.events, head.notifications)
}

/// Deletes a little, if it is time to. Stages into `txn` whole events alone: a crash leaves an event or nothing of
/// it.
pub(crate) fn retire(ledger: &mut Ledger, txn: &mut Txn<'_>) -> Result<(), StoreError> {
    let (limits, now) = (ledger.shared.limits(), ledger.clock.pace());
    if (limits.retention.is_none() && limits.retention_bytes.is_none()) || !ledger.retirement.due_in(now).is_zero() {
        return Ok(());
    }
    ledger.retirement.next = Some(now + BETWEEN_STEPS);
    if ledger.retirement.begun.is_none() {
        ledger.retirement.begun = Some(now);
        for account in ledger.accounts.values() {
            ledger.retirement.heads.extend(first_event(txn, *account, Seq(0))?.map(|seq| (seq, *account)));
        }
    }
    let mut rows = 0;
    for _ in 0..if ledger.retirement.careful { 1 } else { LOOKED_AT_A_STEP } {
        if rows >= ROWS_A_STEP {
            return Ok(());
        }
        let Some((seq, account)) = ledger.retirement.heads.pop_first() else {
            break;
        };
        match look_at(ledger, txn, account, seq, &limits) {
            Ok(Look::Keep(span)) => {
                ledger.retirement.stay_for(span);
                let runs = ledger.shared.times.runs();
                if runs.of(seq.0).disorder_ms == 0 {
                    // All behind it are younger, in this account and the others, up to where the clock was put
                    // back.
                    skip_to(ledger, txn, account, runs.next_start(seq.0))?;
                    continue;
                }
                rows += 1;
            }
            Ok(Look::Passed(touched)) => rows += touched,
            // Nothing of it is staged. What is behind it isn't held up.
            Err(error) => {
                txn.failed();
                ledger.shared.note_failed_read(&error, "retention");
            }
        }
        let next = first_event(txn, account, Seq(seq.0 + 1))?;
        ledger.retirement.heads.extend(next.map(|seq| (seq, account)));
    }
    if ledger.retirement.heads.is_empty() {
        let deleted = std::mem::take(&mut ledger.retirement.deleted);
        deleted.log(&limits, ledger.shared.times.trusted_now());
        ledger.retirement.rest(ledger.clock.pace());
    }
    Ok(())
}

/// Goes on in each account with its first event from `next` on; nowhere, without one.
fn skip_to(ledger: &mut Ledger, txn: &Txn<'_>, account: AccountNo, next: Option<u64>) -> Result<(), StoreError> {
    let mut passed = vec![account];
    while let Some((seq, other)) = ledger.retirement.heads.pop_first() {
        if next.is_some_and(|next| seq.0 >= next) {
            ledger.retirement.heads.insert((seq, other));
            break;
        }
        passed.push(other);
    }
    for account in passed.into_iter().filter(|_| next.is_some()) {
        let first = first_event(txn, account, Seq(next.unwrap_or_default()))?;
        ledger.retirement.heads.extend(first.map(|seq| (seq, account)));
    }
    Ok(())
}

fn look_at(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    seq: Seq,
    limits: &Limits,
) -> Result<Look, StoreError> {
    let Some((event, stored)) = read_event(txn, account, seq)? else {
        return Ok(Look::Passed(0));
    };
    // A clock that is ahead for a moment deletes nothing.
    let now = ledger.shared.times.trusted_now();
    let too_old = limits.retention.is_some_and(|span| event.inserted_at.plus(span) <= now);
    // An idempotency key answers for it until then, and callers that poll the feed get to see it.
    let settled = event.inserted_at.plus(limits.keep_at_least);
    let too_much = limits.retention_bytes.is_some_and(|most| stored_bytes(&ledger.head) > most);
    if !too_old && too_much && settled > now {
        return Ok(Look::Keep(settled.since(now).max(SHORTEST_REST)));
    }
    if !too_old && !too_much {
        return Ok(Look::Keep(BETWEEN_PASSES));
    }
    let mut notifications = Vec::new();
    for webhook in with_record(txn, account, seq)? {
        notifications.extend(read_notification(txn, account, NotificationKey { seq, webhook })?);
    }
    if notifications.len() < event.notifications as usize {
        // The others have no record: nothing has happened to them, and they are pending.
        return Ok(Look::Passed(notifications.len()));
    }
    if notifications.iter().any(Notification::is_pending) {
        return Ok(Look::Passed(notifications.len()));
    }
    let before = txn.len();
    delete_event(ledger, txn, &event, &stored, &notifications);
    ledger.retirement.deleted.events += 1;
    ledger.retirement.deleted.for_room += u64::from(!too_old);
    Ok(Look::Passed(txn.len() - before))
}

/// Deletes a whole event with its notifications.
pub(crate) fn delete_event(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    event: &Event,
    stored: &Stored,
    notifications: &[Notification],
) {
    let (account, seq) = (event.account, event.seq);
    for notification in notifications {
        for row in notification_rows(notification) {
            txn.delete(row);
        }
        let earlier = notification.last.as_ref().map_or(0, |last| last.number.saturating_sub(1));
        for number in 1..=earlier {
            txn.delete(keys::attempt(notification.key, number));
        }
        txn.delete(keys::notification(account, notification.key));
    }
    let type_no = ledger.type_no(txn, account, &event.event_type);
    ledger.maybe_unused_types.insert((account, event.event_type.as_str().to_owned()));
    for row in event_rows(&ledger.shared.references, event, type_no) {
        txn.delete(row);
    }
    delete_chunks(txn, seq, stored);
    if event.id.claimed_seq() != Some(seq) {
        txn.delete(keys::own_id(account, event.id));
    } else if let Ok(Some(own)) = txn.read(&keys::own_id(account, event.id), record::decode_seq)
        && own == seq
    {
        // A caller's own id that happens to claim the very number it was given.
        txn.delete(keys::own_id(account, event.id));
    }
    txn.delete(keys::event(account, seq));
    // Saturating: what is left of a damaged store may hold more than was counted.
    ledger.head.events = ledger.head.events.saturating_sub(1);
    ledger.head.notifications = ledger.head.notifications.saturating_sub(notifications.len() as u64);
    ledger.head.payload_bytes = ledger.head.payload_bytes.saturating_sub(stored.payload_bytes());
    ledger.retired += 1;
}

enum Look {
    /// It stays, and so does whatever is younger in its run; for this long at least.
    Keep(Duration),
    /// So many rows were deleted, or read for nothing.
    Passed(usize),
}

/// An account's first event from `from` on, as the tree has them.
pub(crate) fn first_event(txn: &Txn<'_>, account: AccountNo, from: Seq) -> Result<Option<Seq>, StoreError> {
    let Some(key) = txn.first(&keys::event(account, from), &keys::end_of(&keys::events(account)))? else {
        return Ok(None);
    };
    let seq = keys::u64_at(&key, 5).ok_or(StoreError::Damaged { table: "event", what: "has a short key" })?;
    Ok(Some(Seq(seq)))
}
