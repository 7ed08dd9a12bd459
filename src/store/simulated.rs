//! A store whose threads are a test's to step: the real committer, and what makes its groups durable, over a tree in
//! memory.

use super::committer::{Commit, Committer};
use super::engine::Tree as _;
use super::engine::marker::Marker;
use super::engine::memory::MemoryTree;
use super::format::FORMAT;
use super::handle::{MAX_WAITING_COMMITS, Store};
use super::limits::Limits;
use super::schema::keys;
use super::schema::record::{self, FormatV1};
use super::schema::table::Table;
use super::schema::unfinished;
use super::state::Shared;
use super::syncer::{Manual, Syncer};
use super::updates::StoreUpdate;
use crate::clock::Clock;
use crate::model::{AccountNo, Attempt, Event, Notification, NotificationKey, Seq, Timestamp, WebhookNo};
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// One life of a store.
pub(crate) struct SimulatedStore {
    pub(crate) handle: Store,
    tree: Arc<MemoryTree>,
    committer: Committer,
    syncer: Manual,
    /// What the handles have sent.
    sent: Receiver<Commit>,
    waiting: VecDeque<Commit>,
    /// What the committer finds.
    given: Sender<Commit>,
    found: Receiver<Commit>,
    updates: Arc<Mutex<Vec<StoreUpdate>>>,
}

/// What one batch of rows has changed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
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
    /// Starts on what a tree holds; all of it is durable then.
    pub(crate) fn start(tree: &Arc<MemoryTree>, clock: Clock) -> Self {
        let made = FormatV1 { format: FORMAT, id_key: [7; 32] };
        let found = tree.get(&keys::meta("format")).unwrap().map(|value| record::decode_format(&value).unwrap());
        let format = found.unwrap_or_else(|| {
            tree.apply(&[(keys::meta("format").into(), Some(record::encode_format(&made).into()))]).unwrap();
            made
        });
        let head = tree.get(&keys::meta("head")).unwrap().map(|value| record::decode_head(&value).unwrap());
        let head = head.unwrap_or_default();
        unfinished::remove(&**tree, Seq(head.seq), true).unwrap();
        tree.sync().unwrap();
        tree.take_written();
        let (shared, clock) =
            Shared::over(tree.clone(), &format, &head, std::env::temp_dir(), Limits::default(), clock).unwrap();
        let shared = Arc::new(shared);
        let updates = Arc::new(Mutex::new(Vec::new()));
        let (taken, disk) = (updates.clone(), tree.clone());
        let tell = Box::new(move |updates: Vec<StoreUpdate>| {
            assert!(!disk.is_syncing(), "told before the sync is over: {updates:?}");
            taken.lock().unwrap().extend(updates);
        });
        let (syncer, manual) = Syncer::manual(shared.clone(), Marker::nowhere().unwrap(), tell);
        let committer = Committer::load(shared.clone(), syncer, &format, clock.as_ref()).unwrap();
        let (commits, sent) = channel();
        let (given, found) = channel();
        Self {
            handle: Store { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) },
            tree: tree.clone(),
            committer,
            syncer: manual,
            sent,
            waiting: VecDeque::new(),
            given,
            found,
            updates,
        }
    }

    /// How many changes wait for the committer.
    pub(crate) fn waiting(&mut self) -> usize {
        self.waiting.extend(self.sent.try_iter());
        self.waiting.len()
    }

    /// Has the committer go round once, on the first `taken` of what waits.
    pub(crate) fn round(&mut self, taken: usize) {
        for commit in self.waiting.drain(..taken.min(self.waiting.len())) {
            self.given.send(commit).unwrap();
        }
        let stopping = self.committer.round(Vec::new(), &self.found);
        assert!(stopping.is_none(), "nobody has asked it to stop");
    }

    /// How long the committer would wait for the next change.
    pub(crate) fn patience(&self) -> Duration {
        self.committer.patience()
    }

    /// Whether it has nothing to do by itself, and no job can get on.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.waiting() == 0 && self.committer.is_idle() && self.tree.unsynced() == 0
    }

    /// Begins to make durable what is applied; says whether that takes a sync. `None` where nothing was applied.
    pub(crate) fn begin_sync(&mut self) -> Option<bool> {
        let needed = self.syncer.begin()?;
        if needed {
            self.tree.begin_sync();
        }
        Some(needed)
    }

    /// Ends it: callers are answered, and updates come.
    pub(crate) fn finish_sync(&mut self) {
        self.syncer.finish();
    }

    /// What the delivery engine hears since the last call.
    pub(crate) fn take_updates(&mut self) -> Vec<StoreUpdate> {
        std::mem::take(&mut self.updates.lock().unwrap())
    }

    /// What each batch has changed since the last call.
    pub(crate) fn take_batches(&mut self, account: AccountNo) -> Vec<Batch> {
        self.tree
            .take_written()
            .into_iter()
            .map(|(replaced, written)| {
                let mut before: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
                for (key, value) in &replaced {
                    before.insert(key, value.as_deref());
                }
                let mut batch = Batch::default();
                for (key, value) in &written {
                    batch.take_in(account, key, before[&key[..]], value.as_deref());
                }
                batch
            })
            .collect()
    }

    // ---- all there is ----

    pub(crate) fn events(&self, account: AccountNo) -> Vec<Event> {
        let rows = self.tree.scan(&keys::events(account)).map(|row| row.unwrap());
        rows.map(|(key, value)| record::decode_event_head(account, seq_at(&key, 5), &value).unwrap()).collect()
    }

    pub(crate) fn notifications(&self, account: AccountNo) -> BTreeMap<NotificationKey, Notification> {
        let mut found = BTreeMap::new();
        for row in self.tree.scan(&keys::all_untried()) {
            let (row, value) = row.unwrap();
            for (key, _) in untried(&row, 0, record::decode_set(&value).unwrap()) {
                found.insert(key, self.handle.shared.notification(account, key).unwrap().unwrap());
            }
        }
        for row in self.tree.scan(&keys::notifications(account)) {
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
                let bits = |value: Option<&[u8]>| value.map_or(0, |value| record::decode_set(value).unwrap());
                for (key, is_in) in untried(key, bits(before), bits(after)) {
                    let implied = Notification::new(key, account, Timestamp::from_ms(0), false);
                    let change = if is_in { (None, Some(implied)) } else { (Some(implied), None) };
                    // A record says more.
                    let entry = self.notifications.entry(key).or_insert_with(|| change.clone());
                    entry.0 = entry.0.take().or(change.0);
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

/// The notifications whose entries differ, and whether each is in the set now.
fn untried(row: &[u8], before: u128, after: u128) -> impl Iterator<Item = (NotificationKey, bool)> {
    let first = keys::first_of_row(row).unwrap();
    let webhook = WebhookNo(keys::u32_at(row, 5).unwrap());
    let changed = keys::seqs_of_row(first, before ^ after);
    changed.map(move |seq| (NotificationKey { seq: Seq(seq), webhook }, after & keys::set_bit(seq) != 0))
}

fn notification_key(row: &[u8]) -> NotificationKey {
    NotificationKey { seq: seq_at(row, 5), webhook: WebhookNo(keys::u32_at(row, 13).unwrap()) }
}

fn seq_at(row: &[u8], at: usize) -> Seq {
    Seq(keys::u64_at(row, at).unwrap())
}
