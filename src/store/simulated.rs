//! A store whose threads are a test's to step: the real committer over the real journal and blocks, whose files are in
//! memory and lose what a crash may take.

use super::commit_queue::{CommitReceiver, CommitSender, commit_queue};
use super::committer::{Commit, Committer};
use super::engine::journal::{Identity, Keep, MemoryDisk, Past};
use super::engine::rows::memory::{Fault, MemoryBase};
use super::engine::{JournalWriter, RowWrite, Tree, Writer};
use super::error::EngineError;
use super::format::FORMAT;
use super::handle::{MAX_WAITING_COMMITS, Store};
use super::limits::Limits;
use super::schema::keys;
use super::schema::layout::layout;
use super::schema::record::{self, FormatV1};
use super::schema::table::Table;
use super::state::Shared;
use super::updates::StoreUpdate;
use crate::clock::Clock;
use crate::model::{AccountNo, Attempt, Event, Notification, NotificationKey, Seq, Timestamp, WebhookNo};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What outlives a process: the journal's folder, and the rows of sled.
pub(crate) struct SimulatedDisk {
    base: Arc<MemoryBase>,
    journal: MemoryDisk,
}

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self { base: Arc::default(), journal: MemoryDisk::new() }
    }
}

impl SimulatedDisk {
    /// The process dies. What it wrote is there.
    pub(crate) fn kill(&mut self) {
        self.base.fail_no_more();
        self.journal = self.journal.kill();
    }

    /// The machine does. `choose(n)` chooses among `0..n` what is left of each thing that wasn't synced.
    pub(crate) fn cut_power(&mut self, mut choose: impl FnMut(usize) -> usize) {
        let left = choose(self.base.unsynced() + 1);
        self.base.crash(left);
        self.journal = self.journal.cut_power(choose);
    }
}

type SimulatedWriter = JournalWriter<Arc<MemoryBase>>;

/// A writer that is watched, and whose syncs may be those that a crash cuts off.
struct Watched {
    writer: SimulatedWriter,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// What each commit wrote, since that was last asked for: its number, the rows that it replaced, and those that it
    /// wrote.
    written: Vec<(u64, Vec<RowWrite>, Vec<RowWrite>)>,
    /// The last commit that was synced.
    durable: u64,
    /// Whether there was a sync since that was last asked for.
    synced: bool,
    /// Whether anything was appended since the last sync, or since what passes for one in a process that dies.
    unsynced: bool,
    /// Whether the process dies in its next sync.
    dies: bool,
}

impl Writer for Watched {
    fn last_commit(&self) -> u64 {
        self.writer.last_commit()
    }

    fn first_commit(&self) -> u64 {
        self.writer.first_commit()
    }

    fn append(&mut self, commit: u64, time_ms: u64, rows: Vec<RowWrite>) -> Result<(), EngineError> {
        let before = |(key, _): &RowWrite| Ok((key.clone(), self.writer.engine.get(key)?));
        let replaced = rows.iter().map(before).collect::<Result<_, EngineError>>()?;
        let mut seen = self.seen.lock().unwrap();
        seen.written.push((commit, replaced, rows.clone()));
        seen.unsynced = true;
        drop(seen);
        self.writer.append(commit, time_ms, rows)
    }

    fn sync(&mut self, now: Duration) -> Result<u64, EngineError> {
        let mut seen = self.seen.lock().unwrap();
        seen.unsynced = false;
        if seen.dies {
            // Whatever it does from here on, nobody hears of it.
            self.writer.publish()?;
            return Ok(self.writer.last_commit());
        }
        (seen.durable, seen.synced) = (self.writer.sync(now)?, true);
        Ok(seen.durable)
    }

    fn publish(&mut self) -> Result<(), EngineError> {
        self.writer.publish()
    }

    fn tidy(&mut self, now: Duration) -> Result<(), EngineError> {
        self.writer.tidy(now)
    }

    fn tidy_in(&self, now: Duration) -> Option<Duration> {
        self.writer.tidy_in(now)
    }

    fn close_segment(&mut self) -> Result<(), EngineError> {
        if self.seen.lock().unwrap().dies { Ok(()) } else { self.writer.close_segment() }
    }

    fn forget_deleted(&mut self) -> Result<(), EngineError> {
        if self.seen.lock().unwrap().dies { Ok(()) } else { self.writer.forget_deleted() }
    }

    fn pressure(&self) -> usize {
        self.writer.pressure()
    }

    fn wait_for_room(&mut self, _at_most: Duration) -> bool {
        true
    }

    fn hold(&self) -> Result<Past, EngineError> {
        self.writer.hold()
    }

    fn stop(&mut self) -> Result<(), EngineError> {
        self.writer.stop()
    }
}

/// Tells whether anything that the committer appended isn't synced yet.
#[derive(Clone)]
pub(crate) struct Unsynced(Arc<Mutex<Seen>>);

impl Unsynced {
    pub(crate) fn any(&self) -> bool {
        self.0.lock().unwrap().unsynced
    }
}

/// One life of a store.
pub(crate) struct SimulatedStore {
    pub(crate) handle: Store,
    /// The last commit that it found.
    pub(crate) found: u64,
    committer: Committer,
    seen: Arc<Mutex<Seen>>,
    checkpoint: Box<dyn FnMut(usize) -> bool + Send>,
    /// What the handles have sent.
    sent: CommitReceiver<Commit>,
    waiting: VecDeque<Commit>,
    /// What the committer finds.
    given: CommitSender<Commit>,
    taken: CommitReceiver<Commit>,
    updates: Arc<Mutex<Vec<StoreUpdate>>>,
}

/// What one batch of rows has changed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Its number.
    pub(crate) commit: u64,
    /// Events that were recorded.
    pub(crate) recorded: Vec<Event>,
    /// Notifications, each as it was and as it is.
    pub(crate) notifications: BTreeMap<NotificationKey, (Option<Notification>, Option<Notification>)>,
    /// Attempts that are no longer the last of their notifications.
    pub(crate) attempts: Vec<Attempt>,
    /// The numbers of the webhooks that were registered, changed or deleted.
    pub(crate) webhooks: Vec<WebhookNo>,
}

impl SimulatedStore {
    /// Starts on what a disk holds; all of it is durable then.
    pub(crate) fn start(disk: &SimulatedDisk, clock: Clock) -> Self {
        let format = FormatV1 { format: FORMAT, id_key: [7; 32], life: [0; 8] };
        let identity = Identity { store: format.store_id(), format: FORMAT };
        let opened = JournalWriter::open(disk.base.clone(), Arc::new(disk.journal.clone()), identity, layout, false);
        let (mut writer, recovered) = opened.unwrap_or_else(|error| panic!("{error:?}"));
        let tree = writer.engine.clone();
        if !tree.contains(&keys::meta("format")).unwrap() {
            let row = (keys::meta("format").into(), Some(record::encode_format(&format).into()));
            writer.append(writer.last_commit() + 1, 0, vec![row]).unwrap();
            writer.sync(Duration::ZERO).unwrap();
        }
        let head = tree.get(&keys::head()).unwrap().map(|value| record::decode_head(&value).unwrap());
        let head = head.unwrap_or_default();
        let (shared, clock) =
            Shared::over(tree.clone(), &format, &head, std::env::temp_dir(), Limits::default(), clock).unwrap();
        let shared = Arc::new(shared);
        let updates = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::new(Mutex::new(Seen { durable: writer.last_commit(), ..Seen::default() }));
        let (taken, watched) = (updates.clone(), seen.clone());
        let tell = Box::new(move |updates: Vec<StoreUpdate>| {
            // Outcomes, and what jobs send again, cancel or bring forward, may be sent before they are durable.
            let waits = |update: &StoreUpdate| {
                use StoreUpdate::{Durable, Renewed, Untried, Webhook};
                matches!(update, Webhook(_) | Untried { .. } | Renewed { .. } | Durable(_))
            };
            let early = watched.lock().unwrap().unsynced && updates.iter().any(waits);
            assert!(!early, "sent before the sync: {updates:?}");
            taken.lock().unwrap().extend(updates);
        });
        let watched = Box::new(Watched { writer, seen: seen.clone() });
        let committer = Committer::load(shared.clone(), watched, tell, &format, clock.as_ref()).unwrap();
        let (commits, sent) = commit_queue();
        let (given, taken) = commit_queue();
        let base = disk.base.clone();
        let checkpoint = Box::new(move |calls: usize| {
            tree.rows.freeze();
            if calls > 0 {
                base.fail_after(calls as u64, if calls.is_multiple_of(2) { Fault::Before } else { Fault::After });
            }
            loop {
                match tree.rows.checkpoint_step() {
                    Ok(step) if step.done => break,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
            tree.closed.retire(tree.rows.synced_position(), Keep::Much).is_ok() && calls == 0
        });
        Self {
            handle: Store { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) },
            found: recovered.last_commit,
            committer,
            seen,
            checkpoint,
            sent,
            waiting: VecDeque::new(),
            given,
            taken,
            updates,
        }
    }

    /// How many changes wait for the committer.
    pub(crate) fn waiting(&mut self) -> usize {
        self.waiting.extend(self.sent.take(|_| true));
        self.waiting.len()
    }

    /// Has the committer go round once, on the first `taken` of what waits. A process that `dies` does so before
    /// anything of it is synced.
    pub(crate) fn round(&mut self, taken: usize, dies: bool) {
        self.seen.lock().unwrap().dies = dies;
        for commit in self.waiting.drain(..taken.min(self.waiting.len())) {
            self.given.send(commit, true).unwrap();
        }
        let stopping = self.committer.round(&self.taken);
        assert!(stopping.is_none(), "nobody has asked it to stop");
    }

    /// How long the committer would wait for the next change.
    pub(crate) fn patience(&self) -> Duration {
        self.committer.patience()
    }

    /// Whether it has nothing to do by itself, and no job can get on.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.waiting() == 0 && self.committer.is_idle()
    }

    /// Moves what is visible into sled; with a number of calls the process dies at about that call of sled's.
    pub(crate) fn checkpoint(&mut self, dies_after: usize) {
        let lives = (self.checkpoint)(dies_after);
        assert!(lives || dies_after > 0, "a checkpoint fails only where it is made to");
    }

    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced(self.seen.clone())
    }

    /// The last commit that is durable, and whether there was a sync since the last call.
    pub(crate) fn take_synced(&mut self) -> (u64, bool) {
        let mut seen = self.seen.lock().unwrap();
        (seen.durable, std::mem::take(&mut seen.synced))
    }

    /// What the delivery engine hears since the last call.
    pub(crate) fn take_updates(&mut self) -> Vec<StoreUpdate> {
        std::mem::take(&mut self.updates.lock().unwrap())
    }

    /// What each batch has changed since the last call.
    pub(crate) fn take_batches(&mut self, account: AccountNo) -> Vec<Batch> {
        let written = std::mem::take(&mut self.seen.lock().unwrap().written);
        written
            .into_iter()
            .map(|(commit, replaced, written)| {
                let before: BTreeMap<&[u8], Option<&[u8]>> =
                    replaced.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
                let mut batch = Batch { commit, ..Batch::default() };
                for (key, value) in &written {
                    batch.take_in(account, key, before[&key[..]], value.as_deref());
                }
                batch
            })
            .collect()
    }

    // ---- all there is ----

    pub(crate) fn events(&self, account: AccountNo) -> Vec<Event> {
        let rows = self.handle.shared.tree.scan(&keys::events(account)).map(|row| row.unwrap());
        rows.map(|(key, value)| record::decode_event_head(account, seq_at(&key, 5), &value).unwrap()).collect()
    }

    pub(crate) fn notifications(&self, account: AccountNo) -> BTreeMap<NotificationKey, Notification> {
        let mut found = BTreeMap::new();
        for row in self.handle.shared.tree.scan(&keys::all_untried()).keys() {
            let key = untried_key(&row.unwrap());
            found.insert(key, self.handle.shared.notification(account, key).unwrap().unwrap());
        }
        for row in self.handle.shared.tree.scan(&keys::notifications(account)) {
            let (row, value) = row.unwrap();
            let key = notification_key(&row);
            found.insert(key, record::decode_notification(account, key, &value).unwrap());
        }
        found
    }
}

impl Batch {
    fn take_in(&mut self, account: AccountNo, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        match Table::of(key) {
            Some(Table::Event) if before.is_none() => {
                let event = after.map(|value| record::decode_event_head(account, seq_at(key, 5), value).unwrap());
                self.recorded.extend(event);
            }
            Some(Table::Notification) => {
                let key = notification_key(key);
                let decode = |value: &[u8]| record::decode_notification(account, key, value).unwrap();
                let implied = self.notifications.remove(&key).unwrap_or_default();
                let (before, after) = (before.map(decode), after.map(decode));
                self.notifications.insert(key, (before.or(implied.0), after));
            }
            Some(Table::Untried) => {
                let implied = || Notification::new(untried_key(key), account, Timestamp::from_ms(0), false);
                let (before, after) = (before.map(|_| implied()), after.map(|_| implied()));
                if before.is_some() != after.is_some() {
                    // A record says more.
                    let entry = self.notifications.entry(untried_key(key)).or_insert_with(|| (before.clone(), after));
                    entry.0 = entry.0.take().or(before);
                }
            }
            Some(Table::Attempt) => {
                self.attempts.extend(after.map(|value| record::decode_attempt(value).unwrap()));
            }
            Some(Table::Webhook) => self.webhooks.extend(keys::u32_at(key, 5).map(WebhookNo)),
            _ => {}
        }
    }
}

fn untried_key(row: &[u8]) -> NotificationKey {
    NotificationKey { seq: seq_at(row, 9), webhook: WebhookNo(keys::u32_at(row, 5).unwrap()) }
}

fn notification_key(row: &[u8]) -> NotificationKey {
    NotificationKey { seq: seq_at(row, 5), webhook: WebhookNo(keys::u32_at(row, 13).unwrap()) }
}

fn seq_at(row: &[u8], at: usize) -> Seq {
    Seq(keys::u64_at(row, at).unwrap())
}
