//! What an accepted loss leaves in sled, made whole again.
//!
//! First what is damaged there is given up, so that what isn't there is really gone. Nothing is made of a store that
//! has lost an account or its own numbers.
//!
//! A checkpoint moves rows in the order of their keys, and a crash may cut it off anywhere. Where the journal's end is
//! lost then, the first tables hold rows of commits that are lost, and the others don't: an event without its index
//! rows, an index row without its event. The head stands behind all other tables, so it is never ahead of them.
//!
//! So the rows are read through at that start, and at the next one if it is cut off. What has a higher number than the
//! head says goes; of what is left records count, and their index rows follow from them. What can't be read stays as it
//! is, for `verify` to tell of. Memory is bounded: what is staged is committed by pieces, each of which may be done
//! again.

use crate::gather::Gather as _;
use crate::model::{AccountNo, JobOutcome, Notification, NotificationKey, Noun, Seq, Timestamp, WebhookNo};
use crate::store::engine::{Base, JournalWriter, RowWrite, Tree, Writer as _};
use crate::store::error::StoreError;
use crate::store::lifecycle::verify::jobs::{JobNo, bulk_jobs, job_of};
use crate::store::lifecycle::{counts, readable, verify};
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::keys::{self, Key};
use crate::store::schema::record::{self, HeadV1, Job, WebhookRefV1};
use crate::store::schema::references::References;
use crate::store::schema::table::{ACCOUNT, HEAD, META, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How many rows one commit writes at most, with a few more for the last record.
const ROWS_A_COMMIT: usize = 1000;
/// How often all rows are read, at most: what is deleted can leave something else without what it leads to.
const PASSES: usize = 8;

/// What was done, for the log.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    /// How many rows of sled were damaged, or had lost some, and were given up.
    pub(crate) given_up: u64,
    /// How many rows of each table were dropped.
    pub(crate) dropped: BTreeMap<&'static str, u64>,
    /// How many rows were written anew, or added.
    pub(crate) mended: u64,
    /// How many rows, or ranges of them, couldn't be read in the last pass.
    pub(crate) unreadable: u64,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged in sled and given up: {}; dropped:", Noun::ROWS.counted(self.given_up).en)?;
        for (nth, (table, rows)) in self.dropped.iter().enumerate() {
            write!(f, "{} {rows} of `{table}`", if nth == 0 { "" } else { "," })?;
        }
        if self.dropped.is_empty() {
            write!(f, " nothing")?;
        }
        write!(f, "; mended: {}", Noun::ROWS.counted(self.mended).en)?;
        if self.unreadable > 0 {
            write!(f, "; {} can't be read, `carteiro verify` names them", self.unreadable)?;
        }
        Ok(())
    }
}

/// Makes the rows whole behind the last commit that is there, counts them, and leaves a gap in the numbers. On return
/// all of it is durable in the journal.
pub(crate) fn after_loss<B: Base + 'static>(
    writer: &mut JournalWriter<B>,
    references: &References,
    head: &mut HeadV1,
) -> Result<Repaired, StoreError> {
    let tree = writer.engine.clone();
    let kept = |table| matches!(table, META | ACCOUNT | HEAD);
    let given_up = tree.rows.give_up_damaged(kept, |error| tracing::warn!(%error, "what was there is given up"))?;
    let mut repair = Repair {
        tree: &*tree,
        writer,
        references,
        time_ms: head.time_ms,
        staged: BTreeMap::new(),
        repaired: Repaired { given_up, ..Repaired::default() },
    };
    repair.drop_what_is_above(head)?;
    for _ in 0..PASSES {
        if !repair.pass()? {
            break;
        }
    }
    let with_events = counts::count(&*tree, head)?;
    repair.count_of_jobs()?;
    repair.add_jobs(head, &with_events)?;
    let Repair { writer, mut staged, repaired, .. } = repair;
    // What was lost had numbers, and targets know the ids that come from them.
    head.leap();
    staged.insert(keys::head(), Some(record::encode_head(head)));
    commit(writer, head.time_ms, &mut staged)?;
    writer.note_repaired()?;
    Ok(repaired)
}

type Staged = BTreeMap<Key, Option<Vec<u8>>>;

struct Repair<'t, B> {
    tree: &'t dyn Tree,
    writer: &'t mut JournalWriter<B>,
    references: &'t References,
    time_ms: u64,
    staged: Staged,
    repaired: Repaired,
}

fn commit<B: Base + 'static>(
    writer: &mut JournalWriter<B>,
    time_ms: u64,
    staged: &mut Staged,
) -> Result<(), StoreError> {
    let rows = std::mem::take(staged).into_iter();
    let rows: Vec<RowWrite> = rows.map(|(key, value)| (key.into(), value.map(Into::into))).collect();
    if !rows.is_empty() {
        writer.append(writer.last_commit() + 1, time_ms, rows)?;
        writer.sync(Duration::ZERO)?;
        writer.make_room()?;
    }
    Ok(())
}

impl<B: Base + 'static> Repair<'_, B> {
    fn delete(&mut self, key: &[u8]) {
        if self.staged.insert(key.to_vec(), None).is_none() {
            *self.repaired.dropped.entry(Table::name_of(key)).or_default() += 1;
        }
    }

    fn put(&mut self, key: Key, value: Vec<u8>) {
        self.repaired.mended += 1;
        self.staged.insert(key, Some(value));
    }

    fn commit_many(&mut self) -> Result<(), StoreError> {
        if self.staged.len() < ROWS_A_COMMIT {
            return Ok(());
        }
        commit(self.writer, self.time_ms, &mut self.staged)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        commit(self.writer, self.time_ms, &mut self.staged)
    }

    /// Rows that can be read; what can't be is counted.
    fn readable<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_lasting() => {
                self.repaired.unreadable += 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Records whose numbers were given by commits that are lost. What belongs to them has nothing to lead to then.
    fn drop_what_is_above(&mut self, head: &HeadV1) -> Result<(), StoreError> {
        let is_above = |key: &[u8]| match Table::of(key) {
            Some(Table::Event) => keys::u64_at(key, 5).is_some_and(|seq| seq > head.seq),
            Some(Table::Webhook) => keys::u32_at(key, 5).is_some_and(|no| no > head.webhook_no),
            Some(Table::Job) => keys::u64_at(key, 1).is_some_and(|number| number > head.job),
            Some(Table::BulkJob | Table::Erasure) => keys::u64_at(key, 5).is_some_and(|number| number > head.job),
            Some(Table::Audit) => keys::u64_at(key, 5).is_some_and(|number| number > head.audit),
            _ => false,
        };
        for prefix in [
            keys::all_events(),
            keys::webhooks(),
            keys::jobs(),
            keys::all_bulk_jobs(),
            keys::all_erasures(),
            keys::all_audits(),
        ] {
            readable::each_readable_of(self.tree, &prefix, |key, _| {
                if is_above(key) {
                    self.delete(key);
                    self.commit_many()?;
                }
                Ok(())
            })?;
        }
        self.commit()
    }

    /// Looks at every row; whether anything was changed.
    fn pass(&mut self) -> Result<bool, StoreError> {
        let (tree, references, before) = (self.tree, self.references, self.changes());
        self.repaired.unreadable = 0;
        let unreadable = readable::each_readable(tree, &[], None, |key, value| {
            let problem = self.readable(verify::problem(tree, references, key, value))?.flatten();
            if problem.is_some()
                && let Some(table) = Table::of(key)
            {
                let mended = self.mend(table, key, value);
                self.readable(mended)?;
                self.commit_many()?;
            }
            Ok(())
        })?;
        self.repaired.unreadable += unreadable;
        self.commit()?;
        Ok(self.changes() > before)
    }

    fn changes(&self) -> u64 {
        self.repaired.mended + self.repaired.dropped.values().sum::<u64>()
    }

    fn mend(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let account = || AccountNo(keys::u32_at(key, 1).unwrap_or_default());
        match table {
            // They lead to nothing, or nothing is known that they could be made to agree with.
            Table::Meta
            | Table::Head
            | Table::Account
            | Table::TypeName
            | Table::Token
            | Table::Health
            | Table::Job
            | Table::BulkJob
            | Table::Alert
            | Table::Audit
            | Table::Erasure => {}
            Table::Webhook => {
                let webhook = record::decode_webhook(value)?;
                let by_id = WebhookRefV1 { account: webhook.account.0, webhook: webhook.no.0, key: None };
                self.put(keys::webhook_id(webhook.id), record::encode_webhook_ref(&by_id));
            }
            Table::Event => self.mend_event(account(), Seq(keys::u64_at(key, 5).unwrap_or_default()), value)?,
            Table::Notification => {
                let webhook = WebhookNo(keys::u32_at(key, 13).unwrap_or_default());
                let of = NotificationKey { seq: Seq(keys::u64_at(key, 5).unwrap_or_default()), webhook };
                self.mend_notification(record::decode_notification(account(), of, value)?)?;
            }
            Table::Idempotency => {
                let known = record::decode_idempotency(value)?;
                let leads = match &known.webhook {
                    Some(made) => self.tree.contains(&keys::webhook(account(), WebhookNo(made.no)))?,
                    None => true,
                };
                match key.get(5..).and_then(|hash| <[u8; 16]>::try_from(hash).ok()).filter(|_| leads) {
                    Some(hash) => {
                        let until = Timestamp::from_ms(known.until_ms);
                        self.put(keys::idempotency_end(until, account(), hash), Vec::new());
                    }
                    None => self.delete(key),
                }
            }
            Table::Order => self.mend_order(key)?,
            Table::WebhookId
            | Table::Chunk
            | Table::OwnId
            | Table::Type
            | Table::Reference
            | Table::IdempotencyEnd
            | Table::Attempt
            | Table::ByWebhook
            | Table::Untried
            | Table::Retry
            | Table::Manual
            | Table::ByState
            | Table::ByResponse => self.delete(key),
        }
        Ok(())
    }

    fn add_missing(&mut self, rows: Vec<Key>) -> Result<(), StoreError> {
        for row in rows {
            if !self.tree.contains(&row)? {
                self.put(row, Vec::new());
            }
        }
        Ok(())
    }

    /// Its index rows follow from it, and it counts the notifications that there are.
    fn mend_event(&mut self, account: AccountNo, seq: Seq, value: &[u8]) -> Result<(), StoreError> {
        let (mut event, stored) = record::decode_event(account, seq, value)?;
        if !verify::payload_is_there(self.tree, seq, &stored)? {
            self.delete(&keys::event(account, seq));
            return Ok(());
        }
        let type_no = match verify::number_of_type(self.tree, account, event.event_type.as_str())? {
            Some(number) => number,
            None => self.give_number(account, event.event_type.as_str())?,
        };
        self.add_missing(event_rows(self.references, &event, type_no))?;
        let own_id = keys::own_id(account, event.id);
        if event.id.claimed_seq() != Some(seq) && !self.tree.contains(&own_id)? {
            self.put(own_id, record::encode_seq(seq));
        }
        let owed = u32::try_from(verify::recipients(self.tree, &event)?.len()).unwrap_or(u32::MAX);
        if owed != event.notifications {
            event.notifications = owed;
            self.put(keys::event(account, seq), record::encode_event_again(&event, &stored));
        }
        Ok(())
    }

    /// A number for a type whose own is lost: it is there on return.
    fn give_number(&mut self, account: AccountNo, name: &str) -> Result<u32, StoreError> {
        let mut last = 0;
        for key in self.tree.scan(&keys::type_names_of(account)).keys() {
            last = last.max(keys::u32_at(&key?, 5).unwrap_or(0));
        }
        let number = last + 1;
        self.put(keys::type_name(account, number), record::encode_text(name));
        self.commit()?;
        Ok(number)
    }

    fn event_is_there(&self, account: AccountNo, seq: Seq) -> Result<bool, StoreError> {
        Ok(self.tree.contains(&keys::event(account, seq))?)
    }

    fn mend_notification(&mut self, mut notification: Notification) -> Result<(), StoreError> {
        let (account, key) = (notification.account, notification.key);
        let own = keys::notification(account, key);
        if !self.event_is_there(account, key.seq)? || !self.tree.contains(&keys::webhook(account, key.webhook))? {
            self.delete(&own);
            return Ok(());
        }
        let before = notification.clone();
        if let Some(last) = &mut notification.last {
            // Attempts that are lost had numbers: those that are left follow on one another.
            let mut number = 1;
            while number < last.number && self.tree.contains(&keys::attempt(key, number))? {
                number += 1;
            }
            last.number = number;
            notification.attempts = number;
        } else {
            notification.attempts = 0;
        }
        notification.awaits_predecessor &= notification.order.is_some();
        if notification != before {
            self.put(own, record::encode_notification(&notification));
        }
        self.add_missing(notification_rows(&notification))
    }

    /// One that waits for its turn where nobody has it; or a row that leads nowhere.
    fn mend_order(&mut self, row: &[u8]) -> Result<(), StoreError> {
        let (Some(webhook), Some(seq)) =
            (keys::u32_at(row, 1), row.len().checked_sub(8).and_then(|at| keys::u64_at(row, at)))
        else {
            return Ok(());
        };
        let key = NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) };
        for account in verify::accounts(self.tree)? {
            let Some(value) = self.tree.get(&keys::notification(account, key))? else { continue };
            let mut notification = record::decode_notification(account, key, &value)?;
            let before = notification_rows(&notification);
            if notification.awaits_predecessor && before.iter().any(|own| own == row) {
                notification.awaits_predecessor = false;
                let after = notification_rows(&notification);
                before.iter().filter(|row| !after.contains(row)).for_each(|row| self.delete(row));
                for row in after.into_iter().filter(|row| !before.contains(row)) {
                    self.put(row, Vec::new());
                }
                self.put(keys::notification(account, key), record::encode_notification(&notification));
                return Ok(());
            }
        }
        self.delete(row);
        Ok(())
    }

    /// What bulk jobs count, taken anew: what is neither counted nor there to be counted was lost.
    fn count_of_jobs(&mut self) -> Result<(), StoreError> {
        let jobs = bulk_jobs(self.tree)?;
        let mut awaited: BTreeMap<JobNo, u64> = BTreeMap::new();
        if !jobs.is_empty() {
            readable::each_readable_of(self.tree, &keys::all_notifications(), |key, value| {
                if let Some(job) = job_of(key, value) {
                    *awaited.entry(job).or_default() += 1;
                }
                Ok(())
            })?;
        }
        for ((account, number), value) in jobs {
            let Some(mut job) = self.readable(record::decode_bulk_job(account, number, &value))? else { continue };
            let awaited = awaited.get(&(account, number)).copied().unwrap_or(0);
            job.made = job.made.max(job.outcomes.total() + awaited);
            job.outcomes.add(JobOutcome::Lost, job.pending() - awaited);
            let mended = record::encode_bulk_job(&job);
            if mended != value {
                self.put(keys::bulk_job(account, number), mended);
            }
        }
        self.commit()
    }

    /// What was to be done in the background by commits that are lost, and has begun: an account that is gone, and
    /// webhooks that are deleted.
    fn add_jobs(&mut self, head: &mut HeadV1, with_events: &BTreeSet<AccountNo>) -> Result<(), StoreError> {
        let known: BTreeSet<AccountNo> = verify::accounts(self.tree)?.into_iter().gather();
        let (mut gone, mut jobs): (BTreeSet<u32>, _) =
            (with_events.difference(&known).map(|account| account.0).gather(), Vec::new());
        readable::each_readable_of(self.tree, &keys::webhooks(), |key, value| {
            let Some(account) = keys::u32_at(key, 1).filter(|account| known.contains(&AccountNo(*account))) else {
                gone.extend(keys::u32_at(key, 1));
                return Ok(());
            };
            if let Some(webhook) = self.readable(record::decode_webhook(value))?
                && webhook.deleted_at.is_some()
            {
                jobs.push(Job::Cancel { account, webhook: webhook.no.0 });
            }
            Ok(())
        })?;
        // An account may stand where nothing can be read: then its events stay.
        if self.repaired.unreadable == 0 {
            jobs.extend(gone.into_iter().map(|account| Job::Remove { account }));
        }
        for job in jobs {
            head.job += 1;
            self.staged.insert(keys::job(head.job), Some(record::encode_job(&job)));
        }
        Ok(())
    }
}
