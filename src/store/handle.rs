//! The handle on the open store.

use crate::model::{
    AccountNo, Attempt, BulkResend, DisabledReason, Event, EventId, NewEvent, Notification, NotificationId,
    NotificationKey, ResendFilter, ResendRefusal, RetryPolicy, Seq, SigningSecret, TargetHealth, Timestamp, TokenId,
    TooManySecrets, Verdict, Webhook, WebhookId, WebhookNo, WebhookPatch,
};
use crate::store::backup::live::Piece;
use crate::store::changes::events::{AcceptRefusal, Accepted};
use crate::store::changes::idempotency::{IdempotencyKey, RegisterRefusal, Registered, Registration};
use crate::store::committer;
use crate::store::committer::Commit;
use crate::store::directory::Directory;
use crate::store::engine::disk_space::Room;
use crate::store::error::StoreError;
use crate::store::figures::Figures;
use crate::store::lifecycle::verify;
use crate::store::lifecycle::verify::Report;
use crate::store::limits::Limits;
use crate::store::schema::record::Token;
use crate::store::state::Shared;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How many commits may wait for the committer; whoever comes past them waits for a place. Attempts' outcomes take no place:
/// the limit of attempts in flight bounds them.
pub(crate) const MAX_WAITING_COMMITS: usize = 4096;

/// A handle on the open store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commits: std::sync::mpsc::Sender<Commit>,
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

    pub(crate) async fn commit<T: Send + 'static>(
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

impl Store {
    /// Takes note of a read outside a change that failed: counts it, and says so in the log unless that was said of the same place
    /// a moment ago. `what` was read for.
    pub fn note_failed_read(&self, error: &StoreError, what: &'static str) {
        self.shared.note_failed_read(error, what);
    }
}
