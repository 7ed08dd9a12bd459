//! The store as a model: records and the real index rows in sorted maps, written in batches that a crash can take back.
//!
//! sled's log is sequential: of the batches applied since the last sync, a crash leaves the first few, from none to all.

use crate::model::{
    AccountNo, Event, EventId, EventType, Notification, NotificationKey, Seq, Status, Timestamp, Webhook, WebhookNo,
};
use crate::store::Due;
use crate::store::rows::{self, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const ACCOUNT: AccountNo = AccountNo(1);

/// An event, and what tells it from another that was given its number after a crash.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) event: Event,
    pub(super) uid: u64,
}

/// A background job.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Cancel(WebhookNo),
    BringForward { webhook: WebhookNo, asked: Timestamp, at: Due },
    Resend { webhook: Option<WebhookNo>, status: Option<Status>, event_type: Option<EventType>, at: NotificationKey },
}

/// The counters that outlive a restart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) webhook_no: u32,
    pub(super) job: u64,
    pub(super) time_ms: u64,
}

/// What a write replaced.
enum Was {
    Row(Row, bool),
    Notification(NotificationKey, Option<Box<Notification>>),
    Event(Seq, Option<Box<Recorded>>),
    OwnId(EventId, Option<Seq>),
    Webhook(WebhookNo, Option<Arc<Webhook>>),
    Job(u64, Option<Job>),
}

struct Batch {
    head: Head,
    was: Vec<Was>,
    /// The attempts whose outcomes it took in.
    settled: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Store {
    pub(super) head: Head,
    pub(super) notifications: BTreeMap<NotificationKey, Notification>,
    pub(super) events: BTreeMap<Seq, Recorded>,
    pub(super) own_ids: BTreeMap<EventId, Seq>,
    /// Deleted ones too.
    pub(super) webhooks: BTreeMap<WebhookNo, Arc<Webhook>>,
    pub(super) jobs: BTreeMap<u64, Job>,
    rows: BTreeSet<Row>,
    /// What is applied and not synced, the oldest first.
    unsynced: Vec<Batch>,
    /// The last event that was durable when the store was last synced.
    pub(super) durable: u64,
}

// ---- writing ---------------------------------------------------------------------------------------------------------

impl Store {
    /// What is written from here on stands or falls together.
    pub(super) fn begin(&mut self) {
        self.unsynced.push(Batch { head: self.head, was: Vec::new(), settled: Vec::new() });
    }

    fn note(&mut self, was: Was) {
        self.unsynced.last_mut().expect("every write follows a `begin`").was.push(was);
    }

    pub(super) fn note_settled(&mut self, attempt: u64) {
        self.unsynced.last_mut().expect("every write follows a `begin`").settled.push(attempt);
    }

    fn put_row(&mut self, row: Row) {
        if self.rows.insert(row.clone()) {
            self.note(Was::Row(row, false));
        }
    }

    pub(super) fn delete_row(&mut self, row: Row) {
        if self.rows.remove(&row) {
            self.note(Was::Row(row, true));
        }
    }

    /// As the real store does: the rows of what was go, those of what is come.
    pub(super) fn put_notification(&mut self, before: &[Row], now: Notification) {
        let after = rows::of(&now);
        for row in before.iter().filter(|row| !after.contains(row)) {
            self.delete_row(row.clone());
        }
        for row in after {
            if !before.contains(&row) {
                self.put_row(row);
            }
        }
        let key = now.key;
        let was = self.notifications.insert(key, now);
        self.note(Was::Notification(key, was.map(Box::new)));
    }

    pub(super) fn put_event(&mut self, recorded: Recorded) {
        let seq = recorded.event.seq;
        let was = self.events.insert(seq, recorded);
        self.note(Was::Event(seq, was.map(Box::new)));
    }

    pub(super) fn put_own_id(&mut self, id: EventId, seq: Seq) {
        let was = self.own_ids.insert(id, seq);
        self.note(Was::OwnId(id, was));
    }

    pub(super) fn put_webhook(&mut self, webhook: Arc<Webhook>) {
        let no = webhook.no;
        let was = self.webhooks.insert(no, webhook);
        self.note(Was::Webhook(no, was));
    }

    pub(super) fn put_job(&mut self, number: u64, job: Option<Job>) {
        let was = match job {
            Some(job) => self.jobs.insert(number, job),
            None => self.jobs.remove(&number),
        };
        self.note(Was::Job(number, was));
    }

    /// How many batches a crash could take back.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Makes all that is applied durable. Returns the attempts whose outcomes now are.
    pub(super) fn sync(&mut self) -> Vec<u64> {
        self.durable = self.head.seq;
        self.unsynced.drain(..).flat_map(|batch| batch.settled).collect()
    }

    /// The process dies, and of what was not synced the first `kept` batches are found on the disk all the same. Returns the
    /// attempts whose outcomes are among them.
    pub(super) fn crash(&mut self, kept: usize) -> Vec<u64> {
        while self.unsynced.len() > kept {
            let Some(batch) = self.unsynced.pop() else {
                break;
            };
            for was in batch.was.into_iter().rev() {
                self.take_back(was);
            }
            self.head = batch.head;
        }
        self.sync()
    }

    fn take_back(&mut self, was: Was) {
        match was {
            Was::Row(row, true) => drop(self.rows.insert(row)),
            Was::Row(row, false) => drop(self.rows.remove(&row)),
            Was::Notification(key, was) => put_back(&mut self.notifications, key, was.map(|was| *was)),
            Was::Event(seq, was) => put_back(&mut self.events, seq, was.map(|was| *was)),
            Was::OwnId(id, was) => put_back(&mut self.own_ids, id, was),
            Was::Webhook(no, was) => put_back(&mut self.webhooks, no, was),
            Was::Job(number, was) => put_back(&mut self.jobs, number, was),
        }
    }
}

fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, was: Option<V>) {
    match was {
        Some(was) => drop(map.insert(key, was)),
        None => drop(map.remove(&key)),
    }
}

// ---- reading ---------------------------------------------------------------------------------------------------------

impl Store {
    /// The webhooks there are.
    pub(super) fn directory(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.webhooks.values().filter(|webhook| webhook.deleted_at.is_none())
    }

    pub(super) fn webhook(&self, no: WebhookNo) -> Option<&Arc<Webhook>> {
        self.webhooks.get(&no).filter(|webhook| webhook.deleted_at.is_none())
    }

    pub(super) fn rows_from<'s>(&'s self, from: Row, prefix: &[u8]) -> impl Iterator<Item = &'s Row> + use<'s> {
        let end = rows::end_of(prefix);
        // A range that ends before it starts is none.
        let from = from.min(end.clone());
        self.rows.range(from..end)
    }

    pub(super) fn count(&self, prefix: &[u8]) -> usize {
        self.rows_from(prefix.to_vec(), prefix).count()
    }

    pub(super) fn fresh_page(&self, no: WebhookNo, from: Seq) -> impl Iterator<Item = Seq> + '_ {
        let prefix = rows::fresh_of(ACCOUNT, no);
        let from = [prefix.as_slice(), &from.0.to_be_bytes()].concat();
        self.rows_from(from, &prefix).map(|row| last_seq(row))
    }

    pub(super) fn retry_page(&self, no: WebhookNo, from: Due, until: Timestamp) -> impl Iterator<Item = Due> + '_ {
        self.timed_page(&rows::retries_of(no), from).take_while(move |due| due.at < until)
    }

    pub(super) fn manual_page(&self, no: WebhookNo, from: Due) -> impl Iterator<Item = Due> + '_ {
        self.timed_page(&rows::manuals_of(no), from)
    }

    fn timed_page(&self, prefix: &[u8], from: Due) -> impl Iterator<Item = Due> + use<'_> {
        let from = [prefix, &from.at.as_ms().to_be_bytes(), &from.seq.0.to_be_bytes()].concat();
        let at = prefix.len();
        self.rows_from(from, prefix).map(move |row| Due { at: Timestamp::from_ms(u64_at(row, at)), seq: last_seq(row) })
    }
}

/// Every row ends in an event's number.
pub(super) fn last_seq(row: &[u8]) -> Seq {
    Seq(u64_at(row, row.len() - 8))
}

fn u64_at(row: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(row[at..at + 8].try_into().expect("the slice has eight bytes"))
}
