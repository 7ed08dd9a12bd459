//! What waits for a moment that a wrong clock has set: brought forward once the clock is put back.
//!
//! A retry that was scheduled while the clock was a year ahead is due in a year, and one that was scheduled an hour
//! before the clock went back by an hour is due an hour later than it should be. No automatic attempt waits longer than
//! the gap it was scheduled with: whenever the clock goes back, and at a start where it may have, every retry that is
//! not due yet is looked at, a few at a time. Likewise no idempotency key is recognised for longer than its window.

use crate::clock::{Reading, Step};
use crate::model::{AccountNo, NotificationKey, Seq, Timestamp, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, put_notification};
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::record::ClockV1;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::time::Duration;

/// How many rows are looked at in one turn: a millisecond or two of the committer's time.
const ROWS_A_TURN: usize = 128;
/// How far ahead of what is trusted the wall clock must be for people to be told that retention waits: in a running
/// process, and at a start, before which nothing may have happened for long.
const FAR: Duration = Duration::from_secs(60 * 60);
const FAR_AT_START: Duration = Duration::from_secs(24 * 60 * 60);
/// How often what is known of a clock that isn't trusted is written down.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Where the look at what waits stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// The first retry that wasn't looked at.
    Retries(Key),
    Windows,
}

/// What the committer knows of the clock's steps.
#[derive(Debug)]
pub(crate) struct ClockSteps {
    at: Option<At>,
    /// Whether the clock's record is to be written with the next batch.
    is_to_be_kept: bool,
    /// When that was done last while the clock wasn't trusted.
    kept: Option<Duration>,
    /// Whether people know that retention waits.
    is_told: bool,
    started: Duration,
}

impl ClockSteps {
    /// At a start: `is_behind` says whether the clock is behind the store's last change.
    pub(crate) fn at_start(kept: Option<&ClockV1>, is_behind: bool, pace: Duration) -> Self {
        let is_due = is_behind || kept.is_some_and(|kept| kept.sooner);
        Self {
            at: is_due.then(|| At::Retries(keys::all_retries())),
            is_to_be_kept: false,
            kept: kept.and_then(|kept| kept.trust).map(|_| pace),
            is_told: false,
            started: pace,
        }
    }

    /// Looks at everything, from the beginning: the clock was put back.
    pub(crate) fn begin(&mut self) {
        self.at = Some(At::Retries(keys::all_retries()));
        self.is_to_be_kept = true;
    }

    /// Whether there is something left to look at.
    pub(crate) fn is_under_way(&self) -> bool {
        self.at.is_some()
    }
}

impl Ledger {
    /// Reads the clocks and notices a step of the wall clock.
    pub(crate) fn look_at_the_clock(&mut self) -> Reading {
        let now = self.clock.read();
        let (step, lead, trust) = {
            let mut watch = self.shared.times.watch();
            (watch.look(now), watch.lead(), watch.to_keep(now))
        };
        if let Some(Step { by_ms }) = step {
            self.shared.meters.clock_stepped(by_ms > 0);
            let (seconds, now) = (in_seconds(by_ms), now.wall);
            if by_ms < 0 {
                tracing::warn!(%seconds, %now, "the wall clock was put back: what is due is brought forward by as \
                                                much");
                self.clock_steps.begin();
            } else {
                tracing::warn!(%seconds, %now, "the wall clock was put forward, or this machine was suspended");
            }
        }
        let is_due = self.clock_steps.kept.is_none_or(|kept| self.clock.pace().saturating_sub(kept) >= KEEP_EVERY);
        if (trust.is_some() && is_due) || (trust.is_none() && self.clock_steps.kept.is_some()) {
            self.clock_steps.is_to_be_kept = true;
        }
        self.tell_of_lead(lead);
        now
    }

    fn tell_of_lead(&mut self, lead: Duration) {
        let far = if self.clock.pace().saturating_sub(self.clock_steps.started) < Duration::from_secs(2) {
            FAR_AT_START
        } else {
            FAR
        };
        if lead >= far && !self.clock_steps.is_told {
            self.clock_steps.is_told = true;
            tracing::warn!(
                ahead = %humantime::format_duration(Duration::from_secs(lead.as_secs())),
                "the wall clock is far ahead of what this store has seen: until that has lasted 24 hours, retention \
                 goes by the time it knows; if the clock is wrong, put it right"
            );
        } else if lead.is_zero() && self.clock_steps.is_told {
            self.clock_steps.is_told = false;
            tracing::info!("the wall clock is trusted again: retention goes by it");
        }
    }

    /// Writes the clock's record along with whatever changes, if it must be.
    pub(crate) fn keep_the_clock(&mut self, txn: &mut Txn<'_>) {
        if !std::mem::take(&mut self.clock_steps.is_to_be_kept) {
            return;
        }
        let record = self.shared.times.record(self.clock_steps.is_under_way());
        self.clock_steps.kept = record.trust.map(|_| self.clock.pace());
        txn.put(keys::meta("clock"), record::encode_clock(&record));
    }

    /// Brings forward a little of what waits too long.
    pub(crate) fn bring_forward(&mut self, txn: &mut Txn<'_>) {
        if !self.clock_steps.is_under_way() && !self.clock_steps.is_to_be_kept {
            return;
        }
        let now = self.clock.now();
        self.clock_steps.at = match self.clock_steps.at.take() {
            None => None,
            Some(At::Retries(from)) => Some(match self.retries_from(txn, from, now) {
                Some(next) => At::Retries(next),
                None => At::Windows,
            }),
            Some(At::Windows) => self.windows(txn, now).then_some(At::Windows),
        };
        if !self.clock_steps.is_under_way() {
            // The next start needn't look again; and the runs that no event is left of can go.
            self.clock_steps.is_to_be_kept = true;
            self.forget_runs();
        }
        if self.clock_steps.is_to_be_kept {
            self.keep_the_clock(txn);
        }
    }

    /// Where the next turn goes on; `None` at the end.
    fn retries_from(&mut self, txn: &mut Txn<'_>, from: Key, now: Timestamp) -> Option<Key> {
        let end = keys::end_of(&keys::all_retries());
        let mut from = from;
        for _ in 0..ROWS_A_TURN {
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
            let webhook = self.shared.directory().by_no(WebhookNo(no)).map(|webhook| webhook.account);
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
                        self.updates.push(StoreUpdate::Rescheduled { key, due });
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, seq, "a notification that waits could not be read"),
            }
        }
        Some(from)
    }

    /// Ends idempotency keys that would be recognised for longer than their window; returns whether there may be more.
    fn windows(&mut self, txn: &mut Txn<'_>, now: Timestamp) -> bool {
        let window = self.shared.limits().keep_at_least;
        if window.is_zero() {
            return false;
        }
        let latest = now.plus(window);
        let from = keys::idempotency_end(latest.plus(Duration::from_millis(1)), AccountNo(0), [0; 16]);
        let end = keys::end_of(&keys::idempotency_ends());
        let brought = catch_sled_panic(|| {
            let mut looked = 0;
            for row in txn.tree().range(&from, Some(&end)).take(ROWS_A_TURN) {
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
            Ok(looked == ROWS_A_TURN)
        });
        brought.unwrap_or_else(|error: StoreError| {
            tracing::error!(%error, "idempotency keys can't be read; `carteiro verify` tells what it is");
            false
        })
    }

    fn forget_runs(&self) {
        let first_of = |account: &AccountNo| {
            let prefix = keys::events(*account);
            let first = self.shared.tree.scan(&prefix).keys().next().transpose()?;
            Ok::<_, StoreError>(first.and_then(|key| keys::u64_at(&key, prefix.len())))
        };
        let firsts = catch_sled_panic(|| self.accounts.values().map(first_of).collect::<Result<Vec<_>, _>>());
        if let Ok(firsts) = firsts {
            let first = firsts.into_iter().flatten().min().unwrap_or(self.head.seq + 1);
            self.shared.times.forget_before(first);
        }
    }
}

/// Milliseconds as seconds with their sign: `-3600.250`.
fn in_seconds(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {

    #[test]
    fn steps_are_told_in_seconds() {
        let text = [-3_600_250, 500, -1].map(super::in_seconds);
        assert_eq!(text, ["-3600.250", "+0.500", "-0.001"]);
    }
}
