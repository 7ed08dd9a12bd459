//! The store: sled and bincode, alone in the whole program. It knows rows and their order; it knows no HTTP and no policy.
//!
//! One thread, the committer, makes every change; everybody else reads. A change is visible when it is applied and durable
//! when its group has been synced: whoever asked for it is answered, and the delivery engine told, only then. A change that fails
//! ends the process at once (`ending`); a read that fails costs whoever asked (`reads`).

mod accounts;
mod apply;
mod backup;
mod committer;
mod counts;
mod debts;
mod destination;
mod ending;
mod engine;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hex;
mod idempotency;
mod jobs;
mod keys;
mod list;
mod marker;
mod offline;
mod open;
mod outcomes;
mod owner;
mod pulse;
mod queue;
mod read;
mod reads;
mod record;
mod redo;
mod restore;
#[cfg(test)]
pub(crate) mod rows;
mod sets;
mod sooner;
mod space;
mod syncer;
mod tally;
mod times;
mod txn;
mod types;
mod unfinished;
mod verify;

pub use accounts::{StoredAccount, names_beside};
pub use apply::Standing;
pub use backup::{BackupError, Header, NewFile, Piece, Progress, check, write_pieces};
use committer::Commit;
pub use committer::Told;
pub use debts::Debt;
use engine::Tree;
pub use engine::panic_is_expected;
pub use idempotency::{IdempotencyKey, RegisterRefusal, Registered, Registration};
pub use list::{Cursor, EventQuery, NotificationQuery, Order, Page};
pub use open::{Closed, Opened, StoreSettings};
pub use outcomes::{Gap, MAX_OUTCOMES, Outcome, Place};
pub use queue::Due;
pub use record::Token;
pub use restore::{Phase, RestoreError, Restored, restore};
pub use space::Room;
pub use tally::{Record, Tallied};
pub use verify::Report;

use crate::model::{
    AccountNo, Attempt, BulkResend, DisabledReason, Event, EventId, NewEvent, Notification, NotificationId,
    NotificationKey, Payload, ResendFilter, ResendRefusal, RetryPolicy, Seq, SigningSecret, TargetHealth, Timestamp,
    TokenId, TooManySecrets, TraceContext, Verdict, Webhook, WebhookId, WebhookNo, WebhookPatch,
};
use outcomes::Outcomes;
use pulse::Pulse;
use space::Space;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How many commits may wait for the committer; whoever comes past them waits for a place. Attempts' outcomes take no place:
/// the limit of attempts in flight bounds them.
const MAX_WAITING_COMMITS: usize = 4096;
/// How many bytes of payloads may be held in memory on their way from the commit to their first attempt. Past it an event is
/// read from the store again: slower, never lost.
const HOT_BYTES: usize = 16 * 1024 * 1024;
/// The most webhooks one account can have at a time: each is matched against every type once, and explained in one answer.
pub const MAX_WEBHOOKS: usize = 1000;
/// The most background jobs one account can have under way.
pub const MAX_JOBS: usize = 100;
/// The most distinct event types that one account can record beside those of the catalogue: each has a number, held in memory.
pub const MAX_EVENT_TYPES: usize = 1000;

/// Why the store could not do what was asked of it.
#[derive(Debug)]
pub enum StoreError {
    /// sled failed, or the disk below it.
    Engine(sled::Error),
    /// The data folder could not be read or written.
    Io(io::Error),
    /// A row isn't what was written.
    Damaged {
        /// What kind of row.
        table: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store has a format that this carteiro doesn't read.
    Format {
        /// Its format number.
        found: u32,
    },
    /// The process runs as root, and the folder is another user's.
    NotRoots {
        /// The data folder.
        folder: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// A file is another user's, and may not be read or written.
    Anothers {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        owner: String,
        /// The data folder.
        folder: PathBuf,
        /// Who this process runs as.
        user: String,
    },
    /// The committer has stopped: the daemon is going down.
    Stopped,
    /// The system's clock shows a time before 1970.
    ClockBefore1970,
    /// sled gave up while opening: the data is damaged.
    OpenFailed(String),
    /// The disk is almost full: nothing that makes the store grow is taken.
    Full {
        /// Bytes that may still be written.
        free: u64,
        /// Bytes that must stay free.
        min_free: u64,
    },
    /// The disk has no room for what opening the store may write; nothing was touched.
    NoRoomToOpen {
        /// The data folder.
        folder: PathBuf,
        /// How many bytes it takes.
        needed: u64,
    },
    /// The store has less than it had acknowledged.
    Behind {
        /// The data folder.
        folder: PathBuf,
        /// The last commit it has; `None` where nothing is left of it.
        found: Option<u64>,
        /// The last commit it had made durable.
        acknowledged: u64,
    },
    /// The marker can't be read, so nothing tells whether the store is whole.
    MarkerDamaged {
        /// The marker.
        marker: PathBuf,
    },
    /// The marker beside the store is another store's.
    AnotherStore {
        /// The marker.
        marker: PathBuf,
    },
    /// There are files of a store and no marker.
    NothingVouches {
        /// The data folder.
        folder: PathBuf,
    },
    /// A restore into the folder was cut off.
    HalfRestored {
        /// The data folder.
        folder: PathBuf,
    },
    /// The last process ended in the middle of a change, which only a start completes.
    Unfinished {
        /// The data folder.
        folder: PathBuf,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(sled::Error::Io(error)) if engine::is_locked(error) => {
                f.write_str(
                    "another process holds this data folder, a `carteiro serve` as a rule: stop it, or let store.path name another folder",
                )
            }
            Self::Engine(sled::Error::Io(error)) if error.kind() == io::ErrorKind::StorageFull => {
                f.write_str("the disk of the data folder is full to its last byte: make room, and start again")
            }
            Self::Engine(error @ sled::Error::Io(_)) => write!(f, "the store failed: {error}"),
            Self::Engine(error) => write!(f, "the store is damaged ({error}): {RESTORE}"),
            Self::Io(error) => write!(f, "the data folder can't be used: {error}"),
            Self::Damaged { table, what } => write!(
                f,
                "the store is damaged: a {table} record {what}; `carteiro verify` tells how far it goes, and {RESTORE}"
            ),
            Self::Format { found } => write!(f, "the store {}", of_another_format(*found)),
            Self::ClockBefore1970 => f.write_str(
                "the clock of this machine is wrong, it shows a time before 1970: set it (`timedatectl`), and start again; the store was \
                 not touched",
            ),
            Self::NotRoots { folder, owner } => write!(
                f,
                "{} belongs to {owner}, and this process runs as root: {owner} could not read what root writes there; run it as \
                 {owner}: `systemctl start carteiro`, or `sudo -u {owner} carteiro ...`",
                folder.display()
            ),
            Self::Anothers { file, owner, folder, user } => write!(
                f,
                "{} belongs to {owner}, and {user} may not use it: run this as {owner} (`sudo -u {owner} carteiro ...`), or, if the \
                 store is {user}'s, give it all of it: `sudo chown -R {user}: {}`",
                file.display(),
                folder.display()
            ),
            Self::Stopped => f.write_str("the store has stopped"),
            Self::OpenFailed(why) => write!(f, "the store can't be opened, it is damaged ({why}): {RESTORE}"),
            Self::Full { free, min_free } => write!(
                f,
                "the disk is almost full: {} MiB are free, and `store.min_free` keeps {} MiB; make room, and the daemon goes on \
                 by itself",
                free >> 20,
                min_free >> 20
            ),
            Self::NoRoomToOpen { folder, needed } => write!(
                f,
                "the disk of {} is full: opening the store takes {} MiB; make room, and start again",
                folder.display(),
                needed >> 20
            ),
            Self::Behind { folder, found, acknowledged } => {
                let left = found.map_or("nothing is left".to_owned(), |found| format!("it stands at {found}"));
                write!(
                    f,
                    "the store in {} has lost what it had acknowledged: it had come to commit {acknowledged}, and {left}. {RESTORE}; \
                     or, to go on with what is left, start once with `carteiro serve --accept-data-loss`",
                    folder.display(),
                )
            }
            Self::MarkerDamaged { marker } => write!(
                f,
                "{} is damaged, so nothing tells whether the store is whole: {RESTORE}; or, if `carteiro verify` finds all well, \
                 start once with `carteiro serve --accept-data-loss`",
                marker.display()
            ),
            Self::AnotherStore { marker } => write!(
                f,
                "{} belongs to another store than the `db` beside it: put back the files that belong together, or {RESTORE}",
                marker.display()
            ),
            Self::NothingVouches { folder } => write!(
                f,
                "{} holds files of a store and no `marker`, so nothing tells whether they are all and whole: if some were copied, copy \
                 all of them; {RESTORE}; or, if what is left is all you want, start once with `carteiro serve --accept-data-loss`",
                folder.display()
            ),
            Self::Unfinished { folder } => write!(
                f,
                "the daemon on {} ended in the middle of a change: start it once, so that it completes the change, then try again",
                folder.display()
            ),
            Self::HalfRestored { folder } => write!(
                f,
                "a restore into {} was cut off: run `carteiro restore FILE` again, to its end",
                folder.display()
            ),
        }
    }
}

/// What helps when data is lost.
const RESTORE: &str =
    "keep a copy of the data folder, then restore the last backup into an empty one with `carteiro restore FILE`";

/// Why a store or a backup of this format can't be used, and what to do.
fn of_another_format(found: u32) -> String {
    let (whose, remedy) = if found > open::FORMAT {
        ("a newer", "install the newer one")
    } else {
        ("an older", "install the one that wrote it, or restore a backup of this format into an empty folder")
    };
    format!("has format {found}, which {whose} carteiro wrote; this one reads format {} alone: {remedy}", open::FORMAT)
}

impl StoreError {
    /// Whether it may well be better in a moment, without anybody mending the store.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine(sled::Error::Io(error)) | Self::Io(error) => error.kind() == io::ErrorKind::StorageFull,
            Self::Full { .. } | Self::NoRoomToOpen { .. } | Self::ClockBefore1970 | Self::Stopped => true,
            Self::Engine(_)
            | Self::Damaged { .. }
            | Self::Format { .. }
            | Self::OpenFailed(_)
            | Self::Behind { .. }
            | Self::MarkerDamaged { .. }
            | Self::AnotherStore { .. }
            | Self::NothingVouches { .. }
            | Self::HalfRestored { .. }
            | Self::Unfinished { .. }
            | Self::NotRoots { .. }
            | Self::Anothers { .. } => false,
        }
    }
}

impl std::error::Error for StoreError {}

/// What is said of an error that something in a data folder met: a lack of permission names the file, its owner and what to do.
pub fn of_folder(folder: &Path, error: io::Error) -> StoreError {
    owner::named(folder, StoreError::Io(error))
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The most notifications one batch can owe. All of a batch is one atomic write, and 100,000 notifications in one took 2 GiB of
/// memory and three seconds in which nobody else's event was recorded.
pub const MAX_OWED_AT_ONCE: usize = 20_000;

/// Why a batch of events was refused; `index` names the first event at fault. Nothing of the batch was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptRefusal {
    /// The id already names another event.
    IdTaken {
        /// Its place in the batch.
        index: usize,
    },
    /// The idempotency key already answered another request.
    KeyTaken,
    /// The batch would owe more than [`MAX_OWED_AT_ONCE`] notifications.
    TooManyOwed,
    /// [`MAX_EVENT_TYPES`] distinct types outside the catalogue are known already.
    TooManyTypes {
        /// Its place in the batch.
        index: usize,
    },
}

/// What became of recording one event.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The event: the new one, or the one recorded first under this id or key.
    pub event: Event,
    /// Whether it had been recorded before.
    pub replayed: bool,
}

/// The webhooks that exist, by account, id and number: a snapshot that never changes.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "what each map is keyed by is all there is to say of it")]
pub struct Directory {
    by_account: HashMap<AccountNo, BTreeMap<WebhookNo, Arc<Webhook>>>,
    by_id: HashMap<WebhookId, Arc<Webhook>>,
    by_no: HashMap<WebhookNo, Arc<Webhook>>,
}

impl Directory {
    /// The webhooks of an account, oldest first.
    pub fn of(&self, account: AccountNo) -> impl DoubleEndedIterator<Item = &Arc<Webhook>> {
        self.by_account.get(&account).into_iter().flat_map(BTreeMap::values)
    }

    /// The webhook with this id, if it is this account's.
    pub fn by_id(&self, account: AccountNo, id: WebhookId) -> Option<&Arc<Webhook>> {
        self.by_id.get(&id).filter(|webhook| webhook.account == account)
    }

    /// The webhook with this number.
    pub fn by_no(&self, no: WebhookNo) -> Option<&Arc<Webhook>> {
        self.by_no.get(&no)
    }

    /// Every webhook there is.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.by_no.values()
    }

    fn put(&mut self, webhook: &Arc<Webhook>) {
        self.by_account.entry(webhook.account).or_default().insert(webhook.no, webhook.clone());
        self.by_id.insert(webhook.id, webhook.clone());
        self.by_no.insert(webhook.no, webhook.clone());
    }

    fn remove(&mut self, webhook: &Webhook) {
        if let Some(own) = self.by_account.get_mut(&webhook.account) {
            own.remove(&webhook.no);
        }
        self.by_id.remove(&webhook.id);
        self.by_no.remove(&webhook.no);
    }
}

/// A payload on its way from the commit to its first attempts, counted against a fixed budget until the last of them drops it.
#[derive(Debug)]
pub struct Hot {
    payload: Payload,
    trace: Option<Arc<TraceContext>>,
    budget: Arc<AtomicUsize>,
}

impl Hot {
    /// The payload.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The trace its event was recorded in.
    pub fn trace(&self) -> Option<&Arc<TraceContext>> {
        self.trace.as_ref()
    }

    fn within(budget: &Arc<AtomicUsize>, payload: Payload, trace: Option<Arc<TraceContext>>) -> Option<Arc<Self>> {
        let len = payload.body().len();
        // Only the committer adds, so a check before adding can't be overtaken by another adder.
        if budget.load(Ordering::Relaxed) + len > HOT_BYTES {
            return None;
        }
        budget.fetch_add(len, Ordering::Relaxed);
        Some(Arc::new(Self { payload, trace, budget: budget.clone() }))
    }
}

impl Drop for Hot {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.payload.body().len(), Ordering::Relaxed);
    }
}

/// What readers and the committer share.
struct Shared {
    tree: Arc<dyn Tree>,
    path: PathBuf,
    directory: RwLock<Arc<Directory>>,
    tokens: RwLock<HashMap<TokenId, Token>>,
    /// Type numbers by account and type, for the filters.
    types: RwLock<HashMap<AccountNo, BTreeMap<String, u32>>>,
    times: times::Times,
    /// The types that the cap doesn't count.
    listed: types::Listed,
    /// The last event that is durable: nothing past it is shown, since a power cut could still give its number to another.
    durable: AtomicU64,
    /// The last commit that is known to be synced.
    synced: AtomicU64,
    /// Whether the committer lives.
    alive: AtomicBool,
    failed_reads: reads::FailedReads,
    id_key: ring::hmac::Key,
    /// Whether the committer makes progress.
    pulse: Pulse,
    /// Whether what makes groups durable beside it does.
    sync_pulse: Pulse,
    space: Space,
    limits: RwLock<Limits>,
    /// The schedule of webhooks that have none of their own.
    retry: RwLock<RetryPolicy>,
    kept: Kept,
    /// How the targets that fail do.
    healths: RwLock<BTreeMap<WebhookNo, TargetHealth>>,
    /// How all of them did of late.
    tally: tally::Tally,
    /// Bulk resends, by account and number: all that are kept, which is a bounded number for each account.
    resends: Mutex<BTreeMap<(AccountNo, u64), BulkResend>>,
    outcomes: Outcomes,
    meters: crate::stats::StoreMetrics,
    /// The accounts that the config lacks.
    absent: accounts::Absent,
}

/// How long and how much is kept; replaced on reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long events are kept; for ever where `None`. What is owed is kept in any case.
    pub retention: Option<Duration>,
    /// About how many bytes of events and notifications are kept.
    pub retention_bytes: Option<u64>,
    /// However many bytes that is, nothing goes before it is this old: an idempotency key answers for it until then.
    pub keep_at_least: Duration,
    /// How many bytes of the disk must stay free for events to be taken.
    pub min_free: u64,
}

/// What is kept, as of the last change.
#[derive(Debug, Default)]
struct Kept {
    events: AtomicU64,
    notifications: AtomicU64,
    payload_bytes: AtomicU64,
    retired: AtomicU64,
    commits: AtomicU64,
    last_backup_ms: AtomicU64,
    backups_scheduled: AtomicBool,
}

/// Figures of the store, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Events that are kept.
    pub events: u64,
    /// Notifications that are kept.
    pub notifications: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Events that retention has deleted since the start.
    pub retired: u64,
    /// Batches ever written.
    pub commits: u64,
    /// When the last scheduled backup was written; `None` while none is known.
    pub last_backup: Option<Timestamp>,
    /// Whether backups are scheduled, so that none being known is bad news.
    pub backups_scheduled: bool,
    /// Bytes of the data folder's disk that may still be written; `None` before the first look.
    pub free_bytes: Option<u64>,
    /// How many of them must stay free for events to be taken.
    pub min_free_bytes: u64,
    /// Events that were ever recorded.
    pub recorded: u64,
    /// Reads outside a change that have failed since the start.
    pub failed_reads: u64,
}

/// Takes the sign of life back when the committer's thread ends, by a panic too.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.store(false, Ordering::Release);
    }
}

/// A handle on the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    commits: std::sync::mpsc::Sender<Commit>,
    places: Arc<Semaphore>,
}

impl Store {
    /// The webhooks as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        self.shared.directory()
    }

    /// The last event that is durable.
    pub fn durable(&self) -> Seq {
        Seq(self.shared.durable.load(Ordering::Acquire))
    }

    /// Whether the committer lives.
    pub fn is_alive(&self) -> bool {
        self.shared.alive.load(Ordering::Acquire)
    }

    /// The data folder.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// For how long the committer has been at one and the same round; zero while it waits for work.
    pub fn stuck_for(&self) -> Duration {
        self.shared.pulse.stuck_for().max(self.shared.sync_pulse.stuck_for())
    }

    /// What may still be written.
    pub fn room(&self) -> Room {
        self.shared.space.room()
    }

    /// Why nothing that makes the store grow is taken now; `None` when it is.
    pub fn full(&self) -> Option<StoreError> {
        let space = &self.shared.space;
        (space.room() != Room::Enough).then(|| StoreError::Full { free: space.free(), min_free: space.min_free() })
    }

    /// Takes up what a reload changed.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.space.set_min_free(limits.min_free);
        *self.shared.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// The schedule of webhooks that have none of their own, until the next reload; the built-in one before this was called.
    pub fn set_default_retry(&self, retry: RetryPolicy) {
        *self.shared.retry.write().unwrap_or_else(PoisonError::into_inner) = retry;
    }

    /// The time to go by where a wrong clock would do lasting harm: the wall clock's, but no further ahead than it has stayed for a
    /// day. Never after the wall clock.
    pub fn trusted_now(&self) -> Timestamp {
        self.shared.times.trusted_now()
    }

    /// How far the wall clock is ahead of the trusted time; zero where it is trusted. As of the last second.
    pub fn clock_lead(&self) -> Duration {
        self.shared.times.watch().lead()
    }

    /// Figures for the metrics.
    pub fn figures(&self) -> Figures {
        let (kept, free) = (&self.shared.kept, self.shared.space.free());
        Figures {
            events: kept.events.load(Ordering::Relaxed),
            notifications: kept.notifications.load(Ordering::Relaxed),
            payload_bytes: kept.payload_bytes.load(Ordering::Relaxed),
            retired: kept.retired.load(Ordering::Relaxed),
            commits: kept.commits.load(Ordering::Relaxed),
            last_backup: Some(kept.last_backup_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0).map(Timestamp::from_ms),
            backups_scheduled: kept.backups_scheduled.load(Ordering::Relaxed),
            free_bytes: (free != u64::MAX).then_some(free),
            min_free_bytes: self.shared.space.min_free(),
            recorded: self.durable().0,
            failed_reads: self.shared.failed_reads.count(),
        }
    }

    /// What has been counted and timed since the start.
    pub fn meters(&self) -> &crate::stats::StoreMetrics {
        &self.shared.meters
    }

    /// Backups are scheduled from now on, and `last` is the newest there is.
    pub fn schedule_backups(&self, last: Option<Timestamp>) {
        self.shared.kept.backups_scheduled.store(true, Ordering::Relaxed);
        if let Some(at) = last {
            self.note_backup(at);
        }
    }

    /// A scheduled backup was written.
    pub fn note_backup(&self, at: Timestamp) {
        self.shared.kept.last_backup_ms.store(at.as_ms(), Ordering::Relaxed);
    }

    /// Begins a backup of this very moment or one soon after it; its pieces come through the channel, for [`write_pieces`].
    /// `None` while another backup is under way.
    pub async fn backup(&self) -> Result<Option<tokio::sync::mpsc::Receiver<Piece>>, StoreError> {
        self.commit(|reply| Commit::Backup { reply }).await
    }

    /// Reads every row and walks every index both ways, beside whatever else goes on. Blocks, for as long as that takes;
    /// `progress` hears how many rows were read.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Report {
        verify::verify(&*self.shared.tree, progress)
    }

    /// What sled holds on disk, in bytes.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.shared.tree.size_on_disk()
    }

    /// The number of the account with this name; a new one for a new name.
    pub async fn account(&self, name: String) -> Result<AccountNo, StoreError> {
        self.commit(|reply| Commit::Account { name, reply }).await
    }

    /// Keeps a token.
    pub async fn add_token(&self, token: Token) -> Result<(), StoreError> {
        self.commit(|reply| Commit::AddToken { token, reply }).await
    }

    /// Keeps when tokens last let somebody in.
    pub async fn tokens_used(&self, uses: Vec<(TokenId, Timestamp)>) -> Result<(), StoreError> {
        self.commit(|reply| Commit::TokensUsed { uses, reply }).await
    }

    /// Forgets a token. Returns whether the account had it.
    pub async fn revoke_token(&self, account: AccountNo, id: TokenId) -> Result<bool, StoreError> {
        self.commit(|reply| Commit::RevokeToken { account, id, reply }).await
    }

    /// Adds a webhook, once for each idempotency key as long as it isn't deleted. On `Ok` it is durable.
    pub async fn register(
        &self,
        registration: impl Into<Registration>,
    ) -> Result<Result<Registered, RegisterRefusal>, StoreError> {
        let registration = registration.into();
        self.commit(|reply| Commit::Register { registration, reply }).await
    }

    /// Changes a webhook; `None` when the account has no such webhook.
    pub async fn change(
        &self,
        account: AccountNo,
        id: WebhookId,
        patch: WebhookPatch,
    ) -> Result<Option<Arc<Webhook>>, StoreError> {
        self.commit(|reply| Commit::Change { account, id, patch: Box::new(patch), reply }).await
    }

    /// Gives a webhook a new signing secret, by the rules of [`Webhook::rotate_secret`]. `None` when the account has no such
    /// webhook.
    pub async fn rotate_secret(
        &self,
        account: AccountNo,
        id: WebhookId,
        secret: SigningSecret,
        overlap: std::time::Duration,
    ) -> Result<Result<Option<Arc<Webhook>>, TooManySecrets>, StoreError> {
        self.commit(|reply| Commit::RotateSecret { account, id, secret, overlap, reply }).await
    }

    /// Deletes a webhook; what it is owed is cancelled by a job. Returns whether the account had it.
    pub async fn delete(&self, account: AccountNo, id: WebhookId) -> Result<bool, StoreError> {
        self.commit(|reply| Commit::Delete { account, id, reply }).await
    }

    /// Records events, all or none, and owes each to every webhook that matches it at that instant. On `Ok` they are durable.
    pub async fn accept(
        &self,
        account: AccountNo,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
    ) -> Result<Result<Vec<Accepted>, AcceptRefusal>, StoreError> {
        self.commit(|reply| Commit::Accept { account, events, key, reply }).await
    }

    /// Records a test event and owes it to one webhook alone; `None` when the account has no such webhook.
    pub async fn test(
        &self,
        account: AccountNo,
        webhook: WebhookId,
        event: NewEvent,
    ) -> Result<Result<Option<(Notification, Event)>, AcceptRefusal>, StoreError> {
        self.commit(|reply| Commit::Test { account, webhook, event: Box::new(event), reply }).await
    }

    /// Takes in an attempt that has ended. Applied soon, durable with the next group: a crash in between repeats a delivery.
    /// Doesn't wait; word of it comes through `tell`.
    ///
    /// `gap` is how long after this attempt the next one is due, where there is one: it never waits longer, whatever becomes of the
    /// clock. `asked_at` is the `manual_at` that an attempt by hand began for; `seen` is the `updated_at` of the webhook as the attempt
    /// knew it: what came of an earlier target says nothing of the present one.
    #[expect(clippy::too_many_arguments, reason = "what a commit says, named; a struct would only repeat the names")]
    pub fn settle(
        &self,
        account: AccountNo,
        key: NotificationKey,
        attempt: Attempt,
        verdict: Verdict,
        gap: Duration,
        asked_at: Option<Timestamp>,
        seen: Timestamp,
    ) {
        let attempt = Box::new(attempt);
        // A committer that is gone takes no outcome: the notification stays owed, as after a crash.
        let _ = self.commits.send(Commit::Settle { account, key, attempt, verdict, gap, asked_at, seen });
    }

    /// Owes one attempt by hand; `None` when the account has no such notification.
    pub async fn resend(
        &self,
        account: AccountNo,
        key: NotificationKey,
    ) -> Result<Option<Result<Notification, ResendRefusal>>, StoreError> {
        self.commit(|reply| Commit::Resend { account, key, reply }).await
    }

    /// Owes an event to every webhook that matches it now: an attempt by hand where it was owed before, a notification with
    /// the whole schedule where it wasn't. Returns all of them; `None` when the account has no such event.
    pub async fn resend_event(&self, account: AccountNo, seq: Seq) -> Result<Option<Vec<Notification>>, StoreError> {
        self.commit(|reply| Commit::ResendEvent { account, seq, reply }).await
    }

    /// Owes an attempt by hand to everything the filter matches and can be re-sent, in a background job that survives a
    /// restart; `queued` says how many that is. Returns once the job is durable; `None` when the account has [`MAX_JOBS`] under
    /// way already.
    pub async fn resend_many(
        &self,
        account: AccountNo,
        filter: ResendFilter,
        queued: u64,
    ) -> Result<Option<BulkResend>, StoreError> {
        self.commit(|reply| Commit::ResendMany { account, filter, queued, reply }).await
    }

    /// Ends a bulk resend where it stands; `None` for one that goes on no more.
    pub async fn cancel_resend(&self, account: AccountNo, number: u64) -> Result<Option<BulkResend>, StoreError> {
        self.commit(|reply| Commit::CancelResend { account, number, reply }).await
    }

    /// How the targets that fail do.
    pub fn healths(&self) -> BTreeMap<WebhookNo, TargetHealth> {
        self.shared.healths.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How this webhook's target does, if it fails.
    pub fn health(&self, webhook: WebhookNo) -> Option<TargetHealth> {
        self.shared.health(webhook)
    }

    /// Keeps that a target has come to fail because it confirmed nothing for long, and says so in the log. `false` where it has
    /// recovered meanwhile.
    pub async fn come_to_fail(&self, account: AccountNo, webhook: WebhookNo) -> Result<bool, StoreError> {
        self.commit(|reply| Commit::ComeToFail { account, webhook, reply }).await
    }

    /// Keeps that a webhook will be disabled at a moment, or that it won't. `false` where its target has recovered meanwhile, or the
    /// same was kept already.
    pub async fn warn(
        &self,
        account: AccountNo,
        webhook: WebhookNo,
        ends_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.commit(|reply| Commit::Warn { account, webhook, ends_at, reply }).await
    }

    /// Disables a webhook and, with it, records `event` for the others that subscribe to its type. `None` where the webhook is not
    /// active any more, or its target has recovered meanwhile.
    pub async fn disable(
        &self,
        account: AccountNo,
        webhook: WebhookNo,
        reason: DisabledReason,
        event: NewEvent,
    ) -> Result<Option<Arc<Webhook>>, StoreError> {
        self.commit(|reply| Commit::Disable { account, webhook, reason, event: Box::new(event), reply }).await
    }

    /// Erases an event's payload and cancels what is still owed of it. `None` when the account has no such event.
    pub async fn erase(&self, account: AccountNo, seq: Seq) -> Result<Option<Event>, StoreError> {
        self.commit(|reply| Commit::Erase { account, seq, reply }).await
    }

    /// Stops the committer once it has done what is waiting, and waits until all of it is durable. Commits after it answer
    /// [`StoreError::Stopped`].
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.commit(|reply| Commit::Stop { reply }).await
    }

    async fn commit<T: Send + 'static>(
        &self,
        build: impl FnOnce(committer::Reply<T>) -> Commit,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Stopped;
        let place = self.places.clone().acquire_owned().await.map_err(|_| gone())?;
        let (reply, answer) = oneshot::channel();
        let begun = std::time::Instant::now();
        self.commits.send(build(committer::Reply::new(reply, place))).map_err(|_| gone())?;
        let answer = answer.await.map_err(|_| gone())?;
        self.shared.meters.commits.observe(begun.elapsed());
        answer
    }

    /// The public id of a notification.
    pub fn notification_id(&self, key: NotificationKey) -> NotificationId {
        self.shared.notification_id(key)
    }

    /// The pair behind a notification's public id, if the store gave that id out.
    pub fn notification_key(&self, id: NotificationId) -> Option<NotificationKey> {
        id.claimed_key().filter(|key| self.notification_id(*key) == id)
    }

    /// Where the event with this id stands in the order of commit, if the account has it. Blocks on the disk at worst.
    pub fn event_seq(&self, account: AccountNo, id: EventId) -> Result<Option<Seq>, StoreError> {
        self.shared.event_seq(account, id)
    }
}

impl Shared {
    fn health(&self, webhook: WebhookNo) -> Option<TargetHealth> {
        self.healths.read().unwrap_or_else(PoisonError::into_inner).get(&webhook).copied()
    }

    fn resends(&self) -> MutexGuard<'_, BTreeMap<(AccountNo, u64), BulkResend>> {
        self.resends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's bulk resends, the oldest first.
    fn resends_of(&self, account: AccountNo) -> Vec<BulkResend> {
        self.resends().range((account, 0)..=(account, u64::MAX)).map(|(_, resend)| resend.clone()).collect()
    }

    fn retry(&self) -> RetryPolicy {
        self.retry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn notification_id(&self, key: NotificationKey) -> NotificationId {
        let bytes = [key.seq.0.to_be_bytes().as_slice(), &key.webhook.0.to_be_bytes()].concat();
        let tag = ring::hmac::sign(&self.id_key, &bytes);
        let check = tag.as_ref()[..8].try_into().map(u64::from_be_bytes).unwrap_or_default();
        NotificationId::compose(key, check)
    }
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod idempotency_tests;
#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
mod tests;
