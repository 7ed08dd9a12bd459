//! Bringing due times forward, a few at a time: after a change of a webhook, so that what is pending for it waits no
//! longer than its schedule says; and after the clock was put back, which [`clock_steps`](super::clock_steps) notices.
//!
//! A retry that was scheduled while the clock was a year ahead is due in a year, and one that was scheduled an hour
//! before the clock went back by an hour is due an hour later than it should be. No automatic attempt waits longer than
//! the gap it was scheduled with: whenever the clock goes back, and at a start where it may have, every retry that is
//! not due yet is looked at, a few at a time. Likewise no idempotency key is recognised for longer than its window.

use crate::model::{AccountNo, NotificationKey, Seq, Timestamp, WebhookNo};
use crate::store::changes::clock_steps::At;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, put_notification};
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::record::Job;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::time::Duration;

/// How many rows are looked at in one turn: a millisecond or two of the committer's time.
const BATCH: usize = 128;

/// Begins to bring forward the retries of a webhook, in place of an earlier such job of the same webhook.
pub(crate) fn begin_bringing_forward(ledger: &mut Ledger, txn: &mut Txn<'_>, account: AccountNo, no: WebhookNo) {
    let same = |job: &Job| matches!(job, Job::BringForward { webhook, .. } if *webhook == no.0);
    ledger.remove_jobs(txn, same);
    // What is due by now waits for nothing but its turn.
    let now_ms = ledger.clock.now().as_ms();
    let job = Job::BringForward { account: account.0, webhook: no.0, asked_ms: now_ms, at_ms: now_ms, at_seq: 0 };
    ledger.add_job(txn, job);
}

/// Does a little of that; returns what is left of it.
pub(crate) fn bring_some_forward(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    job: &Job,
    now: Timestamp,
) -> Result<Option<Job>, StoreError> {
    let Job::BringForward { account, webhook: no, asked_ms, at_ms, at_seq } = *job else {
        return Ok(None);
    };
    let (account, no) = (AccountNo(account), WebhookNo(no));
    let directory = ledger.shared.directory();
    let Some(webhook) = directory.by_no(no) else {
        return Ok(None);
    };
    let default = ledger.shared.retry();
    let policy = webhook.retry.as_ref().unwrap_or(&default);
    let prefix = keys::retries_of(no);
    let from = [prefix.as_slice(), &at_ms.to_be_bytes(), &at_seq.to_be_bytes()].concat();
    let mut next = None;
    let mut rows = Vec::with_capacity(BATCH);
    let range = txn.tree().range(&from, Some(&keys::end_of(&prefix))).keys();
    for row in range.take(BATCH + 1) {
        let row = row?;
        let short = || StoreError::Damaged { table: "queue", what: "has a short key" };
        let at_ms = keys::u64_at(&row, prefix.len()).ok_or_else(short)?;
        let at_seq = keys::u64_at(&row, prefix.len() + 8).ok_or_else(short)?;
        if rows.len() == BATCH {
            next = Some(Job::BringForward { account: account.0, webhook: no.0, asked_ms, at_ms, at_seq });
            break;
        }
        rows.push(NotificationKey { seq: Seq(at_seq), webhook: no });
    }
    for key in rows {
        match find_notification(txn, account, key) {
            Ok(Some((mut notification, before))) => {
                let earlier = notification.due_by_schedule(policy, Timestamp::from_ms(asked_ms));
                if let Some(due) = earlier.filter(|due| notification.bring_forward(*due, now)) {
                    put_notification(txn, &before, &notification);
                    ledger.updates.push(StoreUpdate::Rescheduled { key, due });
                }
            }
            Ok(None) => {}
            Err(error) => {
                let notification = ledger.shared.notification_id(key);
                tracing::error!(%error, %notification, "the due time of a notification could not be brought \
                                                        forward");
            }
        }
    }
    Ok(next)
}

/// Brings forward a little of what waits too long since the clock was put back.
pub(crate) fn after_clock_step(ledger: &mut Ledger, txn: &mut Txn<'_>) {
    if !ledger.clock_steps.is_under_way() && !ledger.clock_steps.is_to_be_written {
        return;
    }
    let now = ledger.clock.now();
    ledger.clock_steps.at = match ledger.clock_steps.at.take() {
        None => None,
        Some(At::Retries(from)) => Some(match retries_from(ledger, txn, from, now) {
            Some(next) => At::Retries(next),
            None => At::Windows,
        }),
        Some(At::Windows) => windows(ledger, txn, now).then_some(At::Windows),
    };
    if !ledger.clock_steps.is_under_way() {
        // The next start needn't look again, and runs without an event left are of no use.
        ledger.clock_steps.is_to_be_written = true;
        forget_runs(ledger);
    }
    ledger.clock_steps.write_if_due(&ledger.clock, &ledger.shared, txn);
}

/// Where the next turn goes on; `None` at the end.
fn retries_from(ledger: &mut Ledger, txn: &mut Txn<'_>, from: Key, now: Timestamp) -> Option<Key> {
    let end = keys::end_of(&keys::all_retries());
    let mut from = from;
    for _ in 0..BATCH {
        let row = match catch_sled_panic(|| txn.first(&from, &end)) {
            Ok(row) => row?,
            Err(error) => {
                tracing::error!(%error, "a page of retries can't be read; `carteiro verify` tells what it is");
                return None;
            }
        };
        let fields = (keys::u32_at(&row, 1), keys::u64_at(&row, 5), keys::u64_at(&row, 13));
        from = [&row[..], &[0]].concat();
        let (Some(no), Some(due_ms), Some(seq)) = fields else { continue };
        let webhook = ledger.shared.directory().by_no(WebhookNo(no)).map(|webhook| webhook.account);
        let Some(account) = webhook else {
            // Deleted: a job cancels them.
            from = keys::end_of(&keys::retries_of(WebhookNo(no)));
            continue;
        };
        if due_ms <= now.as_ms() {
            let next = NotificationKey { seq: Seq(0), webhook: WebhookNo(no) };
            from = keys::retry(now.plus(Duration::from_millis(1)), next);
            continue;
        }
        let key = NotificationKey { seq: Seq(seq), webhook: WebhookNo(no) };
        match catch_sled_panic(|| find_notification(txn, account, key)) {
            Ok(Some((mut notification, before))) => {
                if let Some(due) = notification.cap_to_gap(now) {
                    put_notification(txn, &before, &notification);
                    ledger.updates.push(StoreUpdate::Rescheduled { key, due });
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, seq, "a notification that waits could not be read"),
        }
    }
    Some(from)
}

/// Ends idempotency keys that would be recognised for longer than their window; returns whether there may be more.
fn windows(ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> bool {
    let window = ledger.shared.limits().keep_at_least;
    if window.is_zero() {
        return false;
    }
    let latest = now.plus(window);
    let from = keys::idempotency_end(latest.plus(Duration::from_millis(1)), AccountNo(0), [0; 16]);
    let end = keys::end_of(&keys::idempotency_ends());
    let brought = catch_sled_panic(|| {
        let mut looked = 0;
        for row in txn.tree().range(&from, Some(&end)).take(BATCH) {
            let row = row?.0;
            looked += 1;
            let (account, hash) = (keys::u32_at(&row, 9), row.get(13..29).map(<[u8; 16]>::try_from));
            let (Some(account), Some(Ok(hash))) = (account.map(AccountNo), hash) else { continue };
            let key = keys::idempotency(account, hash);
            let record = txn.read(&key, record::decode_idempotency)?;
            txn.delete(row.to_vec());
            if let Some(mut record) = record {
                record.until_ms = latest.as_ms();
                txn.put(key, record::encode_idempotency(&record));
                txn.put(keys::idempotency_end(latest, account, hash), Vec::new());
            }
        }
        Ok(looked == BATCH)
    });
    brought.unwrap_or_else(|error: StoreError| {
        tracing::error!(%error, "idempotency keys can't be read; `carteiro verify` tells what it is");
        false
    })
}

fn forget_runs(ledger: &Ledger) {
    let first_of = |account: &AccountNo| {
        let prefix = keys::events(*account);
        let first = ledger.shared.tree.scan(&prefix).keys().next().transpose()?;
        Ok::<_, StoreError>(first.and_then(|key| keys::u64_at(&key, prefix.len())))
    };
    let firsts = catch_sled_panic(|| ledger.accounts.values().map(first_of).collect::<Result<Vec<_>, _>>());
    if let Ok(firsts) = firsts {
        let first = firsts.into_iter().flatten().min().unwrap_or(ledger.head.seq + 1);
        ledger.shared.times.forget_before(first);
    }
}
