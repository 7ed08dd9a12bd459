//! The handle on the open store.

use crate::config::{Config, KeptBytes};
use crate::gather::Gather as _;
use crate::model::{
    AccountNo, EventId, NotificationId, NotificationKey, RetryPolicy, Seq, TargetHealth, Timestamp, WaitReason,
    WebhookNo,
};
use crate::store::backup::live::Piece;
use crate::store::changes::change::{Change, Reply};
use crate::store::changes::notifications::RecordOutcome;
use crate::store::changes::retention::counted_bytes;
use crate::store::commit_queue::CommitSender;
use crate::store::committer::Commit;
use crate::store::directory::Directory;
use crate::store::engine::disk_space::DiskLevel;
use crate::store::engine::room::retention_bytes_for;
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::state::Shared;
use crate::store::store_stats::{FailedBackup, StoreStats};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How many commits may wait for the committer; the next caller waits for a place. Attempts' outcomes take no
/// place: the limit of attempts in flight bounds them.
pub(crate) const MAX_WAITING_COMMITS: usize = 4096;

/// A handle on the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commits: CommitSender<Commit>,
    pub(crate) places: Arc<Semaphore>,
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

    /// Which store this is, among all there are: a restored one is another.
    pub fn id(&self) -> [u8; 16] {
        self.shared.store_id
    }

    /// For how long the committer has been at one and the same round, or the checkpoint at one step; zero while both
    /// wait for work.
    pub fn stuck_for(&self) -> Duration {
        self.shared.committer_stall.stuck_for().max(self.shared.tree.stuck_for())
    }

    /// What may still be written.
    pub fn disk_level(&self) -> DiskLevel {
        self.shared.space.level()
    }

    /// Why nothing that makes the store grow is taken now; `None` when it is.
    pub fn full(&self) -> Option<StoreError> {
        self.shared.full()
    }

    /// Why no attempts may be made, since their outcomes might not be recorded; `None` when they may: the disk has room
    /// for them, and so has the memory that holds what isn't in sled yet.
    pub fn holds_attempts(&self) -> Option<WaitReason> {
        let is_memory_full = self.shared.takes_no_outcomes.load(Ordering::Relaxed);
        if self.disk_level() == DiskLevel::Critical || is_memory_full && self.shared.space.lacking().is_some() {
            return Some(WaitReason::DiskFull);
        }
        is_memory_full.then_some(WaitReason::MemoryFull)
    }

    /// Takes up what a reload may have changed.
    pub fn configure(&self, config: &Config) {
        let mut limits = Limits::of(config);
        if config.store.retention_bytes == KeptBytes::ForDisk {
            limits.retention_bytes = self.retention_bytes_for_disk(limits.min_free);
        }
        self.set_limits(limits);
        self.set_default_retry(config.delivery.retry());
        let envs = config.account.iter().map(|account| (account.name.clone(), account.env.as_str().into()));
        *self.shared.envs.write().unwrap_or_else(PoisonError::into_inner) = envs.collect();
        let extra = config.catalogue.extra.iter().map(|extra| extra.event_type.clone());
        self.shared.catalogue_types.set_extra(extra.gather());
    }

    /// How many bytes the disk has room to keep; never less than is stored now, since another program's files, which
    /// may be gone tomorrow, must not delete a shop's history. `None` where the disk can't be asked.
    fn retention_bytes_for_disk(&self, min_free: u64) -> Option<u64> {
        match retention_bytes_for(self.path(), min_free) {
            Ok(bytes) => {
                let stats = self.stats();
                let stored = counted_bytes(stats.payload_bytes, stats.events, stats.notifications);
                let retention_bytes = bytes.max(stored);
                tracing::info!(
                    retention_bytes,
                    stored,
                    "store.retention_bytes is \"auto\": the disk has room for this"
                );
                Some(retention_bytes)
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    "the size of the data folder's disk can't be read, so nothing bounds the store: set \
                     store.retention_bytes"
                );
                None
            }
        }
    }

    /// How many bytes of events and notifications are kept; `None` without a limit.
    pub fn retention_bytes(&self) -> Option<u64> {
        self.shared.limits().retention_bytes
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        self.shared.space.set_min_free(limits.min_free);
        *self.shared.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// The schedule of webhooks that have none of their own, until the next reload; the built-in one before this was
    /// called.
    pub(crate) fn set_default_retry(&self, retry: RetryPolicy) {
        *self.shared.retry.write().unwrap_or_else(PoisonError::into_inner) = retry;
    }

    /// The time to go by where a wrong clock would do lasting harm: the wall clock's, but no further ahead than it has
    /// stayed for a day. Never after the wall clock.
    pub fn trusted_now(&self) -> Timestamp {
        self.shared.times.trusted_now()
    }

    /// How far the wall clock is ahead of the trusted time; zero where it is trusted. As of the last second.
    pub fn clock_lead(&self) -> Duration {
        self.shared.times.watch().lead()
    }

    /// Figures for the metrics.
    pub fn stats(&self) -> StoreStats {
        let (totals, free) = (&self.shared.totals, self.shared.space.free());
        StoreStats {
            events: totals.events.load(Ordering::Relaxed),
            notifications: totals.notifications.load(Ordering::Relaxed),
            payload_bytes: totals.payload_bytes.load(Ordering::Relaxed),
            retired: totals.retired.load(Ordering::Relaxed),
            commits: totals.commits.load(Ordering::Relaxed),
            last_backup: Some(totals.last_backup_ms.load(Ordering::Relaxed))
                .filter(|ms| *ms > 0)
                .map(Timestamp::from_ms),
            last_backup_bytes: Some(totals.last_backup_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0),
            backups_scheduled: totals.backups_scheduled.load(Ordering::Relaxed),
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

    /// Backups are scheduled from now on, and `last` is the newest there is, with its length in bytes where that is
    /// known.
    pub fn schedule_backups(&self, last: Option<(Timestamp, Option<u64>)>) {
        self.shared.totals.backups_scheduled.store(true, Ordering::Relaxed);
        if let Some((at, bytes)) = last {
            self.note_backup(at, bytes);
        }
    }

    /// A scheduled backup was written, of so many bytes where that is known.
    pub fn note_backup(&self, at: Timestamp, bytes: Option<u64>) {
        let totals = &self.shared.totals;
        totals.last_backup_ms.store(at.as_ms(), Ordering::Relaxed);
        totals.last_backup_bytes.store(bytes.unwrap_or(0), Ordering::Relaxed);
        *totals.failed_backup.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A scheduled backup could not be written.
    pub fn note_failed_backup(&self, failed: FailedBackup) {
        *self.shared.totals.failed_backup.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    }

    /// The last scheduled backup, if it could not be written.
    pub fn failed_backup(&self) -> Option<FailedBackup> {
        self.shared.totals.failed_backup.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a backup of a moment soon after this one; its pieces come through the channel, for
    /// [`write_pieces`](super::write_pieces), from a thread of its own. `None` while another backup is under way.
    pub async fn backup(&self) -> Result<Option<tokio::sync::mpsc::Receiver<Piece>>, StoreError> {
        let Some(begun) = self.send(|reply| Commit::Backup { reply }).await? else {
            return Ok(None);
        };
        let (tree, commits) = (self.shared.tree.clone(), self.commits.clone());
        let close = move || {
            let (done, closed) = std::sync::mpsc::channel();
            commits.send(Commit::CloseSegment { done }, true).map_err(|_| StoreError::Stopped)?;
            closed.recv().map_err(|_| StoreError::Stopped)
        };
        Ok(Some(begun.read(tree, close)?))
    }

    /// What the store takes on disk, in bytes.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(self.shared.tree.size_on_disk()?)
    }

    /// Makes a change; on `Ok` it is durable. See the changes of this module for what each answers.
    pub async fn commit<C: Change>(&self, change: C) -> Result<C::Reply, C::Error> {
        self.send(|reply| Commit::Change(Box::new((change, reply)))).await
    }

    /// Takes in an attempt that has ended. Doesn't wait; it comes back as an update.
    pub fn record_outcome(&self, outcome: RecordOutcome) {
        // A committer that has stopped takes no outcome: the notification stays pending, as after a crash.
        // Nobody waits for it, unless the next one in its order does.
        let is_urgent = self.shared.directory().by_no(outcome.key.webhook).is_some_and(|webhook| webhook.ordered);
        let _ = self.commits.send(Commit::Outcome(Box::new(outcome)), is_urgent);
    }

    /// How the targets that fail do.
    pub fn healths(&self) -> BTreeMap<WebhookNo, TargetHealth> {
        self.shared.healths.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How this webhook's target does, if it fails.
    pub fn health(&self, webhook: WebhookNo) -> Option<TargetHealth> {
        self.shared.health(webhook)
    }

    /// Stops the committer once it has done what is waiting, and waits until all of it is durable. Commits after it
    /// answer [`StoreError::Stopped`].
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.send(|reply| Commit::Stop { reply }).await
    }

    async fn send<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        build: impl FnOnce(Reply<T, E>) -> Commit,
    ) -> Result<T, E> {
        let stopped = || StoreError::Stopped;
        let place = self.places.clone().acquire_owned().await.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let begun = std::time::Instant::now();
        self.commits.send(build(Reply::new(reply, place)), true).map_err(|_| stopped())?;
        let answer = answer.await.map_err(|_| stopped())?;
        self.shared.meters.commits.observe(begun.elapsed());
        answer
    }

    /// The public id of a notification.
    pub fn notification_id(&self, key: NotificationKey) -> NotificationId {
        self.shared.notification_id(key)
    }

    /// The pair behind a notification's public id, if the store gave that id out.
    pub fn notification_key(&self, id: NotificationId) -> Option<NotificationKey> {
        self.shared.notification_key(id)
    }

    /// Where the event with this id stands in the order of commit, if the account has it. Blocks on the disk at worst.
    pub fn event_seq(&self, account: AccountNo, id: EventId) -> Result<Option<Seq>, StoreError> {
        self.shared.event_seq(account, id)
    }
}

impl Store {
    /// Takes note of a read outside a change that failed: counts it, and logs it unless the same place was logged a
    /// moment ago. `what` was read for.
    pub fn note_failed_read(&self, error: &StoreError, what: &'static str) {
        self.shared.note_failed_read(error, what);
    }
}
