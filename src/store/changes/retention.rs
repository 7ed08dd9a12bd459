//! Retention: what is old enough, or too much, is forgotten a little at a time, and never what is still owed.

use crate::model::{AccountNo, Event, Notification, NotificationKey, Seq, Timestamp, millis};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{read_event, read_notification, with_record};
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::record::{HeadV1, Stored};
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many events a step looks at.
const LOOKED_AT_A_STEP: usize = 64;
/// About how many rows a step deletes: one or two milliseconds of the committer's time.
const ROWS_A_STEP: usize = 192;
/// The least time between two steps, so that whoever records meanwhile waits behind few of them.
const BETWEEN_STEPS: Duration = Duration::from_millis(5);
/// The longest rest between two passes.
const BETWEEN_PASSES: Duration = Duration::from_secs(60);
/// The shortest; a pass that took longer rests twenty times as long as it took, so that what is owed and has to be
/// passed over each time takes a twentieth of the time at most.
const SHORTEST_REST: Duration = Duration::from_secs(2);
const REST_FOR_PASS: u32 = 20;
/// About what the rows of one event, or of one notification, take beside the payload.
const ROWS_BYTES: u64 = 512;

/// Where retention stands; in memory alone, since it finds out again.
#[derive(Debug, Default)]
pub(crate) struct Retirement {
    /// In each account that has any, the next event to look at, by the order of commit over all of them.
    heads: BTreeSet<(Seq, AccountNo)>,
    begun: Option<Duration>,
    next: Option<Duration>,
    /// How long nothing can become old enough of what was looked at and kept.
    keeps_for: Option<Duration>,
    deleted: Deleted,
    /// Whether a step of this pass met what can't be read: from then on each looks at one event.
    careful: bool,
}

/// What a pass has deleted so far.
#[derive(Debug, Default)]
struct Deleted {
    events: u64,
    /// Of those, how many that are not too old: there were too many bytes.
    for_room: u64,
}

impl Deleted {
    /// One line for each pass that deleted anything.
    fn tell(&self, limits: &Limits, now: Timestamp) {
        if self.events == 0 {
            return;
        }
        let Self { events, for_room } = self;
        let span_ms = limits.retention.map_or(0, millis);
        let older_than = limits.retention.map(|_| Timestamp::from_ms(now.as_ms().saturating_sub(span_ms)));
        let older_than = older_than.map(tracing::field::display);
        tracing::info!(events, older_than, for_retention_bytes = for_room, "retention deleted events");
    }
}

impl Retirement {
    /// How long until there is something to do.
    pub(crate) fn due_in(&self, now: Duration) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_sub(now))
    }

    /// Where it stands.
    pub(crate) fn heads(&self) -> BTreeSet<(Seq, AccountNo)> {
        self.heads.clone()
    }

    /// What the step from `heads` on met can't be read, and nothing of the step is applied. It is made again event by
    /// event, and the one that it was is left to `carteiro verify`: what is behind it isn't held up.
    pub(crate) fn step_over(&mut self, heads: BTreeSet<(Seq, AccountNo)>) {
        if !self.careful {
            self.heads = heads;
        }
        self.careful = true;
    }

    /// Ends the pass; the next one begins anew.
    pub(crate) fn rest(&mut self, now: Duration) {
        let took = self.begun.map_or(BETWEEN_PASSES, |begun| now.saturating_sub(begun));
        let span = (took * REST_FOR_PASS).max(self.keeps_for.unwrap_or_default()).max(SHORTEST_REST);
        let (next, deleted) = (now + span.min(BETWEEN_PASSES), std::mem::take(&mut self.deleted));
        *self = Self { next: Some(next), deleted, ..Self::default() };
    }

    fn keep_for(&mut self, span: Duration) {
        self.keeps_for = Some(self.keeps_for.map_or(span, |other| other.min(span)));
    }

    /// Whether the pass is over.
    pub(crate) fn rests(&self) -> bool {
        self.begun.is_none()
    }

    /// Begins anew at once: what is kept for how long has changed.
    pub(crate) fn restart(&mut self) {
        *self = Self { deleted: std::mem::take(&mut self.deleted), ..Self::default() };
    }
}

/// About how many bytes what is kept takes.
pub(crate) fn kept_bytes(head: &HeadV1) -> u64 {
    head.payload_bytes + ROWS_BYTES * (head.events + head.notifications)
}

impl Ledger {
    /// Forgets a little, if it is time to. Stages into `txn` whole events alone: a crash leaves an event or nothing of
    /// it.
    pub(crate) fn retire(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        let (limits, now) = (self.shared.limits(), self.clock.pace());
        if (limits.retention.is_none() && limits.retention_bytes.is_none()) || !self.retirement.due_in(now).is_zero() {
            return Ok(());
        }
        self.retirement.next = Some(now + BETWEEN_STEPS);
        if self.retirement.begun.is_none() {
            self.retirement.begun = Some(now);
            for account in self.accounts.values() {
                self.retirement.heads.extend(first_event(txn, *account, Seq(0))?.map(|seq| (seq, *account)));
            }
        }
        let mut rows = 0;
        for _ in 0..if self.retirement.careful { 1 } else { LOOKED_AT_A_STEP } {
            if rows >= ROWS_A_STEP {
                return Ok(());
            }
            let Some((seq, account)) = self.retirement.heads.pop_first() else {
                break;
            };
            match self.look_at(txn, account, seq, &limits) {
                Ok(Look::Keep(span)) => {
                    self.retirement.keep_for(span);
                    let runs = self.shared.times.runs();
                    if runs.of(seq.0).disorder_ms == 0 {
                        // All behind it are younger, in this account and the others, up to where the clock was put
                        // back.
                        self.skip_to(txn, account, runs.next_start(seq.0))?;
                        continue;
                    }
                    rows += 1;
                }
                Ok(Look::Passed(touched)) => rows += touched,
                // Nothing of it is staged. What is behind it isn't held up.
                Err(error) => {
                    txn.failed();
                    self.shared.note_failed_read(&error, "retention");
                }
            }
            let next = first_event(txn, account, Seq(seq.0 + 1))?;
            self.retirement.heads.extend(next.map(|seq| (seq, account)));
        }
        if self.retirement.heads.is_empty() {
            let deleted = std::mem::take(&mut self.retirement.deleted);
            deleted.tell(&limits, self.shared.times.trusted_now());
            self.retirement.rest(self.clock.pace());
        }
        Ok(())
    }

    /// Goes on in each account with its first event from `next` on; nowhere, without one.
    fn skip_to(&mut self, txn: &Txn<'_>, account: AccountNo, next: Option<u64>) -> Result<(), StoreError> {
        let mut passed = vec![account];
        while let Some((seq, other)) = self.retirement.heads.pop_first() {
            if next.is_some_and(|next| seq.0 >= next) {
                self.retirement.heads.insert((seq, other));
                break;
            }
            passed.push(other);
        }
        for account in passed.into_iter().filter(|_| next.is_some()) {
            let first = first_event(txn, account, Seq(next.unwrap_or_default()))?;
            self.retirement.heads.extend(first.map(|seq| (seq, account)));
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        txn: &mut Txn<'_>,
        account: AccountNo,
        seq: Seq,
        limits: &Limits,
    ) -> Result<Look, StoreError> {
        let Some((event, stored)) = read_event(txn, account, seq)? else {
            return Ok(Look::Passed(0));
        };
        // A clock that is ahead for a moment deletes nothing.
        let now = self.shared.times.trusted_now();
        let too_old = limits.retention.is_some_and(|span| event.inserted_at.plus(span) <= now);
        // An idempotency key answers for it until then, and whoever polls the feed gets to see it.
        let settled = event.inserted_at.plus(limits.keep_at_least);
        let too_much = limits.retention_bytes.is_some_and(|most| kept_bytes(&self.head) > most);
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
            // The others have no record: nothing has happened to them, and they are owed.
            return Ok(Look::Passed(notifications.len()));
        }
        let owed =
            |notification: &Notification| notification.needs_automatic_attempt() || notification.manual_at.is_some();
        if notifications.iter().any(owed) {
            return Ok(Look::Passed(notifications.len()));
        }
        let before = txn.len();
        self.forget(txn, &event, &stored, &notifications);
        self.retirement.deleted.events += 1;
        self.retirement.deleted.for_room += u64::from(!too_old);
        Ok(Look::Passed(txn.len() - before))
    }

    pub(crate) fn forget(&mut self, txn: &mut Txn<'_>, event: &Event, stored: &Stored, notifications: &[Notification]) {
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
        let type_no = self.type_no(txn, account, &event.event_type);
        self.maybe_unused_types.insert((account, event.event_type.as_str().to_owned()));
        for row in event_rows(event, type_no) {
            txn.delete(row);
        }
        if let Stored::Chunked { chunks, .. } = stored {
            for number in 0..*chunks {
                txn.delete(keys::chunk(seq, number));
            }
        }
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
        self.head.events = self.head.events.saturating_sub(1);
        self.head.notifications = self.head.notifications.saturating_sub(notifications.len() as u64);
        self.head.payload_bytes = self.head.payload_bytes.saturating_sub(stored.payload_bytes());
        self.retired += 1;
    }
}

enum Look {
    /// It stays, and so does whatever is younger in its run; for this long at least.
    Keep(Duration),
    /// So many rows were deleted, or read for nothing.
    Passed(usize),
}

pub(crate) fn first_event(txn: &Txn<'_>, account: AccountNo, from: Seq) -> Result<Option<Seq>, StoreError> {
    let Some(key) = txn.first(&keys::event(account, from), &keys::end_of(&keys::events(account)))? else {
        return Ok(None);
    };
    let seq = keys::u64_at(&key, 5).ok_or(StoreError::Damaged { table: "event", what: "has a short key" })?;
    Ok(Some(Seq(seq)))
}
