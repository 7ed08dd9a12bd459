//! The committer: the one thread that makes every change, many at a time.
//!
//! It drains whatever waits into one batch, applies it, has it flushed and synced, and only then answered: a **group commit**. While
//! one group is synced, the next one gathers and is applied (see `syncer`), so a lone caller never waits for company and 256 of them
//! share one sync.
//!
//! Nobody waits for outcomes of attempts: they linger for a few milliseconds, so that many share one batch, and are synced with the
//! next group or after [`OUTCOME_SYNC`], whichever comes first. A crash in between repeats a delivery.

use crate::clock::Clock;
use crate::model::{
    AccountNo, Attempt, BulkResend, DisabledReason, Event, EventType, NewEvent, Notification, NotificationKey,
    ResendFilter, ResendRefusal, Seq, SigningSecret, Timestamp, TokenId, TooManySecrets, Verdict, Webhook, WebhookId,
    WebhookNo, WebhookPatch,
};
use crate::store::backup::format as backup;
use crate::store::backup::live::{Hot, Piece, Stepped};
use crate::store::changes::clock_steps::Sooner;
use crate::store::changes::events::{AcceptRefusal, Accepted, Matches};
use crate::store::changes::idempotency::{IdempotencyKey, RegisterRefusal, Registered, Registration};
use crate::store::changes::job_queue::{Jobs, Open};
use crate::store::changes::jobs::sweep_idempotency_keys;
use crate::store::changes::retention::Retirement;
use crate::store::changes::sweep::{Gone, GoneWebhooks};
use crate::store::directory::Directory;
use crate::store::engine::disk_space::{Looks, Room};
use crate::store::engine::ending::or_end;
use crate::store::engine::{catch_sled_panic, ending};
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::recent_outcomes::Outcome;
use crate::store::redo::{Redo, Unsynced};
use crate::store::schema::record::{ClockV1, FormatV1, HeadV1, Token};
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use crate::store::syncer::{Applied, Syncer};
use crate::store::txn::Txn;
use crate::store::updates::Told;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// The most commits in one group: enough to share a sync among everybody, few enough to bound one batch's memory.
const MAX_GROUP: usize = 1024;
/// About how many bytes one group may stage; a commit that is larger by itself is a group of its own.
const MAX_GROUP_BYTES: usize = 32 * 1024 * 1024;
/// How long an outcome may stay applied and not yet durable.
const OUTCOME_SYNC: Duration = Duration::from_millis(100);
/// The longest the committer waits: as often, it looks at the disk.
const IDLE: Duration = Duration::from_secs(1);
/// How soon it looks again whether whoever writes a backup down has caught up.
const BACKUP_AGAIN: Duration = Duration::from_millis(2);
/// How long an outcome waits for company before it is applied: the target has confirmed, and its slot is free already.
const LINGER: Duration = Duration::from_millis(5);
/// How many outcomes wait together at most.
const MAX_LINGERING: usize = 256;
/// How often expired idempotency keys are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// How many expired idempotency keys are swept at a time.
const SWEEP_BATCH: usize = 500;

/// Where an answer goes; the place among the waiting commits is given back with it.
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, StoreError>>,
    _place: OwnedSemaphorePermit,
}

impl<T: Send + 'static> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, StoreError>>, place: OwnedSemaphorePermit) -> Self {
        Self { sender, _place: place }
    }

    /// The answer, to be given once its group is durable. A caller who has gone away loses nothing but the answer.
    fn later(self, value: T) -> Answer {
        self.whichever(Ok(value))
    }

    /// Likewise, for a change that had to read first: see [`Txn::judged`].
    fn whichever(self, result: Result<T, StoreError>) -> Answer {
        Box::new(move || {
            let _ = self.sender.send(result);
        })
    }
}

pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// A change, named after the fact.
pub(crate) enum Commit {
    Account {
        name: String,
        reply: Reply<AccountNo>,
    },
    RemoveAccount {
        name: String,
        reply: Reply<Option<AccountNo>>,
    },
    AddToken {
        token: Token,
        reply: Reply<()>,
    },
    TokensUsed {
        uses: Vec<(TokenId, Timestamp)>,
        reply: Reply<()>,
    },
    RevokeToken {
        account: AccountNo,
        id: TokenId,
        reply: Reply<bool>,
    },
    Register {
        registration: Registration,
        reply: Reply<Result<Registered, RegisterRefusal>>,
    },
    Change {
        account: AccountNo,
        id: WebhookId,
        patch: Box<WebhookPatch>,
        reply: Reply<Option<Arc<Webhook>>>,
    },
    RotateSecret {
        account: AccountNo,
        id: WebhookId,
        secret: SigningSecret,
        overlap: Duration,
        reply: Reply<Result<Option<Arc<Webhook>>, TooManySecrets>>,
    },
    Delete {
        account: AccountNo,
        id: WebhookId,
        reply: Reply<bool>,
    },
    Accept {
        account: AccountNo,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
        reply: Reply<Result<Vec<Accepted>, AcceptRefusal>>,
    },
    Test {
        account: AccountNo,
        webhook: WebhookId,
        event: Box<NewEvent>,
        reply: Reply<Result<Option<(Notification, Event)>, AcceptRefusal>>,
    },
    Settle {
        account: AccountNo,
        key: NotificationKey,
        attempt: Box<Attempt>,
        verdict: Verdict,
        gap: Duration,
        asked_at: Option<Timestamp>,
        seen: Timestamp,
    },
    Resend {
        account: AccountNo,
        key: NotificationKey,
        reply: Reply<Option<Result<Notification, ResendRefusal>>>,
    },
    ResendEvent {
        account: AccountNo,
        seq: Seq,
        reply: Reply<Option<Vec<Notification>>>,
    },
    ResendMany {
        account: AccountNo,
        filter: ResendFilter,
        queued: u64,
        reply: Reply<Option<BulkResend>>,
    },
    CancelResend {
        account: AccountNo,
        number: u64,
        reply: Reply<Option<BulkResend>>,
    },
    ComeToFail {
        account: AccountNo,
        webhook: WebhookNo,
        reply: Reply<bool>,
    },
    Warn {
        account: AccountNo,
        webhook: WebhookNo,
        ends_at: Option<Timestamp>,
        reply: Reply<bool>,
    },
    Disable {
        account: AccountNo,
        webhook: WebhookNo,
        reason: DisabledReason,
        event: Box<NewEvent>,
        reply: Reply<Option<Arc<Webhook>>>,
    },
    Erase {
        account: AccountNo,
        seq: Seq,
        reply: Reply<Option<Event>>,
    },
    Backup {
        reply: Reply<Option<mpsc::Receiver<Piece>>>,
    },
    Stop {
        reply: Reply<()>,
    },
}

impl Commit {
    /// The commit back, unless it makes the store grow: then the answer that there is no room.
    fn unless_it_grows(self, free: u64, min_free: u64) -> Result<Self, Answer> {
        let full = || StoreError::Full { free, min_free };
        match self {
            Self::AddToken { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::RotateSecret { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::Register { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::Disable { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::Accept { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::Test { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::Resend { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::ResendEvent { reply, .. } => Err(reply.whichever(Err(full()))),
            Self::ResendMany { reply, .. } => Err(reply.whichever(Err(full()))),
            other @ (Self::Account { .. }
            | Self::RemoveAccount { .. }
            | Self::TokensUsed { .. }
            | Self::RevokeToken { .. }
            | Self::Change { .. }
            | Self::Delete { .. }
            | Self::Settle { .. }
            | Self::CancelResend { .. }
            | Self::ComeToFail { .. }
            | Self::Warn { .. }
            | Self::Erase { .. }
            | Self::Backup { .. }
            | Self::Stop { .. }) => Ok(other),
        }
    }
}

/// How the engine is told.
pub(crate) type Tell = Box<dyn FnMut(Vec<Told>) + Send>;

pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    syncer: Syncer,
    format: u32,
    pub(crate) clock: Clock,
    pub(crate) head: HeadV1,
    pub(crate) accounts: HashMap<String, AccountNo>,
    /// Which webhooks each type meant when it was last asked; emptied whenever a webhook changes.
    pub(crate) matches: HashMap<(AccountNo, EventType), Matches>,
    /// Deleted webhooks whose rows are kept.
    pub(crate) gone: GoneWebhooks,
    /// Types that may have lost their last event.
    pub(crate) maybe_unused_types: BTreeSet<(AccountNo, String)>,
    pub(crate) sooner: Sooner,
    pub(crate) jobs: Jobs,
    pub(crate) hot_budget: Arc<AtomicUsize>,
    pub(crate) told: Vec<Told>,
    /// The outcomes of the group that is staged.
    pub(crate) outcomes: Vec<(AccountNo, Outcome)>,
    /// Whether a turn was passed on in this group: the next one may leave only once that is durable.
    pub(crate) passed_on: bool,
    /// The first commit of the next group, if it is here already.
    waiting: Option<Commit>,
    /// Since when something is applied and not durable.
    unsynced: Option<Duration>,
    swept: Option<Duration>,
    looks: Looks,
    pub(crate) retirement: Retirement,
    /// Events that retention has deleted since the start.
    pub(crate) retired: u64,
    limits: Limits,
    backup: Option<Hot>,
    backup_blocked: bool,
    /// What is applied and not known to be synced.
    unsynced_rows: Unsynced,
    /// The last event whose group is applied.
    applied_seq: Seq,
    store_id: [u8; 16],
}

impl Committer {
    /// Reads into memory what a change is checked against: webhooks, tokens, accounts, types, open jobs, the counters.
    pub(crate) fn load(
        shared: Arc<Shared>,
        syncer: Syncer,
        format: &FormatV1,
        kept: Option<&ClockV1>,
    ) -> Result<Self, StoreError> {
        let tree = &shared.tree;
        let (mut directory, mut gone) = (Directory::default(), GoneWebhooks::new());
        for row in tree.scan(&keys::webhooks()) {
            let webhook = record::decode_webhook(&row?.1)?;
            match webhook.deleted_at {
                None => directory.put(&Arc::new(webhook)),
                Some(_) => gone.push_back(Gone { account: webhook.account, no: webhook.no, id: webhook.id }),
            }
        }
        let mut tokens = HashMap::new();
        for row in tree.scan(&keys::tokens()) {
            let token = record::decode_token(&row?.1)?;
            tokens.insert(token.id, token);
        }
        let mut accounts = HashMap::new();
        for row in tree.scan(&keys::accounts()) {
            let (key, value) = row?;
            let no = keys::u32_at(&key, 1).ok_or(StoreError::Damaged { table: "account", what: "has a short key" })?;
            accounts.insert(record::decode_text(&value)?, AccountNo(no));
        }
        let mut types: HashMap<AccountNo, _> = HashMap::new();
        for row in tree.scan(&keys::type_names()) {
            let (key, value) = row?;
            let short = || StoreError::Damaged { table: "type", what: "has a short key" };
            let account = AccountNo(keys::u32_at(&key, 1).ok_or_else(short)?);
            let number = keys::u32_at(&key, 5).ok_or_else(short)?;
            types
                .entry(account)
                .or_insert_with(std::collections::BTreeMap::new)
                .insert(record::decode_text(&value)?, number);
        }
        let mut jobs = Jobs::default();
        for row in tree.scan(&keys::jobs()) {
            let (key, value) = row?;
            let number = keys::u64_at(&key, 1).ok_or(StoreError::Damaged { table: "job", what: "has a short key" })?;
            jobs.add(Open { number, job: record::decode_job(&value)? });
        }
        let mut resends = BTreeMap::new();
        for row in tree.scan(&keys::all_resends()) {
            let (key, value) = row?;
            let short = || StoreError::Damaged { table: "bulk resend", what: "has a short key" };
            let account = AccountNo(keys::u32_at(&key, 1).ok_or_else(short)?);
            let number = keys::u64_at(&key, 5).ok_or_else(short)?;
            match record::decode_resend(account, number, &value) {
                Ok(resend) => drop(resends.insert((account, number), resend)),
                // It is told of nobody any more; what it owed is owed.
                Err(error) => tracing::error!(%error, number, "a bulk resend can't be read and is passed over"),
            }
        }
        *shared.resends() = resends;
        let mut healths = BTreeMap::new();
        for row in tree.scan(&keys::healths()) {
            let (key, value) = row?;
            let no = keys::u32_at(&key, 1).ok_or(StoreError::Damaged { table: "health", what: "has a short key" })?;
            match record::decode_health(&value) {
                Ok(health) => drop(healths.insert(WebhookNo(no), health)),
                // It is found out again.
                Err(error) => tracing::error!(%error, webhook = no, "how a target does can't be read and is forgotten"),
            }
        }
        let head = match tree.get(&keys::meta("head"))? {
            Some(value) => record::decode_head(&value)?,
            None => HeadV1::default(),
        };
        *shared.directory.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(directory);
        *shared.tokens.write().unwrap_or_else(std::sync::PoisonError::into_inner) = tokens;
        *shared.types.write().unwrap_or_else(std::sync::PoisonError::into_inner) = types;
        *shared.healths.write().unwrap_or_else(std::sync::PoisonError::into_inner) = healths;
        shared.durable.store(head.seq, Ordering::Release);
        let limits = shared.limits();
        let mut looks = Looks::default();
        looks.look(&shared.space, &shared.path);
        let maybe_unused_types = Self::all_types(&shared);
        let clock = shared.times.clock.clone();
        let sooner = Sooner::at_start(kept, head.time_ms > clock.now().as_ms(), clock.pace());
        let loaded = Self {
            unsynced_rows: Unsynced::default(),
            applied_seq: Seq(head.seq),
            store_id: format.store_id(),
            shared,
            syncer,
            format: format.format,
            clock,
            waiting: None,
            head,
            accounts,
            matches: HashMap::new(),
            gone,
            maybe_unused_types,
            sooner,
            jobs,
            hot_budget: Arc::new(AtomicUsize::new(0)),
            told: Vec::new(),
            outcomes: Vec::new(),
            passed_on: false,
            unsynced: None,
            swept: None,
            looks,
            retirement: Retirement::default(),
            retired: 0,
            limits,
            backup: None,
            backup_blocked: false,
        };
        loaded.publish();
        Ok(loaded)
    }

    /// Makes changes until it is asked to stop, or every handle is gone. A change that fails ends the process.
    pub(crate) fn run(&mut self, commits: &Receiver<Commit>) {
        ending::this_thread_changes();
        loop {
            let mut group = Vec::new();
            match self.waiting.take().map_or_else(|| commits.recv_timeout(self.patience()), Ok) {
                Ok(commit) => group.push(commit),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish(self.unsynced.is_some(), Vec::new(), true);
                    return self.syncer.stop();
                }
            }
            self.linger(&mut group, commits);
            self.shared.pulse.begin();
            let stopping = self.round(group, commits);
            if let Some(answers) = stopping {
                self.finish(self.unsynced.is_some(), Vec::new(), true);
                self.syncer.stop();
                self.shared.pulse.end();
                for answer in answers {
                    answer();
                }
                return;
            }
            self.shared.pulse.end();
        }
    }

    /// Makes the changes of `group` and of whatever else waits by now, then a little of what is done in the background. Waits for
    /// nothing. Returns the answers to a stop, if one was asked for.
    pub(crate) fn round(&mut self, mut group: Vec<Commit>, commits: &Receiver<Commit>) -> Option<Vec<Answer>> {
        self.look_at_the_clock();
        let mut weight: usize = group.iter().map(|commit| self.weight(commit)).sum();
        while group.len() < MAX_GROUP && weight < MAX_GROUP_BYTES {
            match commits.try_recv() {
                Ok(commit) => {
                    weight += self.weight(&commit);
                    group.push(commit);
                }
                Err(_) => break,
            }
        }
        self.looks.look(&self.shared.space, &self.shared.path);
        let stopping = self.commit(group, commits);
        self.sweep();
        self.retire_some();
        self.bring_forward();
        self.work();
        self.back_up();
        // A write that failed beside this thread, where nobody waited for it.
        or_end(self.shared.tree.check());
        let overdue = self.unsynced.is_some_and(|since| self.clock.pace().saturating_sub(since) >= OUTCOME_SYNC);
        if overdue || !self.told.is_empty() {
            self.finish(overdue, Vec::new(), true);
        }
        self.syncer.sync_marker();
        stopping
    }

    /// Lets outcomes gather, unless something comes that somebody waits for.
    fn linger(&self, group: &mut Vec<Commit>, commits: &Receiver<Commit>) {
        let until = Instant::now() + LINGER;
        while group.last().is_some_and(|commit| self.can_wait(commit)) && group.len() < MAX_LINGERING {
            match commits.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(commit) => group.push(commit),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether nobody waits for it: an outcome, unless the next one in its order does.
    fn can_wait(&self, commit: &Commit) -> bool {
        match commit {
            Commit::Settle { key, .. } => {
                !self.shared.directory().by_no(key.webhook).is_some_and(|webhook| webhook.ordered)
            }
            _ => false,
        }
    }

    /// About how many bytes a commit stages: payloads, and three rows for every webhook an event may be owed to.
    fn weight(&self, commit: &Commit) -> usize {
        const ROWS: usize = 1024;
        let fan_out = |account: AccountNo| ROWS * (1 + 3 * self.shared.directory().of(account).count());
        match commit {
            Commit::Accept { account, events, .. } => {
                let each = fan_out(*account);
                events.iter().map(|event| event.body.len() + each).sum()
            }
            Commit::ResendEvent { account, .. }
            | Commit::ResendMany { account, .. }
            | Commit::Disable { account, .. }
            | Commit::Erase { account, .. } => fan_out(*account),
            Commit::Account { .. }
            | Commit::RemoveAccount { .. }
            | Commit::AddToken { .. }
            | Commit::TokensUsed { .. }
            | Commit::RevokeToken { .. }
            | Commit::Register { .. }
            | Commit::Change { .. }
            | Commit::RotateSecret { .. }
            | Commit::Delete { .. }
            | Commit::Test { .. }
            | Commit::Settle { .. }
            | Commit::Resend { .. }
            | Commit::CancelResend { .. }
            | Commit::ComeToFail { .. }
            | Commit::Warn { .. }
            | Commit::Backup { .. }
            | Commit::Stop { .. } => ROWS,
        }
    }

    /// How long there is nothing to do but wait for the next commit.
    pub(crate) fn patience(&self) -> Duration {
        if self.backup.is_some() && !self.backup_blocked {
            return Duration::ZERO;
        }
        if self.sooner.is_under_way() && self.may_retire() {
            return Duration::ZERO;
        }
        let now = self.clock.pace();
        let job = self.jobs.due_in(now).filter(|_| self.may_work_on_jobs());
        let sync = self.unsynced.map(|since| OUTCOME_SYNC.saturating_sub(now.saturating_sub(since)));
        let retiring = (self.limits.retention.is_some() || self.limits.retention_bytes.is_some()) && self.may_retire();
        let retire = retiring.then(|| self.retirement.due_in(now));
        let backup = self.backup.is_some().then_some(BACKUP_AGAIN);
        [job, sync, retire, backup, self.syncer.marker_due_in()].into_iter().flatten().fold(IDLE, Duration::min)
    }

    /// Applies a group; makes it durable and answers if anybody waits for it. Returns the answers to a stop, if one was asked.
    fn commit(&mut self, group: Vec<Commit>, commits: &Receiver<Commit>) -> Option<Vec<Answer>> {
        if group.is_empty() {
            return None;
        }
        let tree = self.shared.tree.clone();
        let mut txn = Txn::new(&*tree);
        let (mut answers, mut stops): (Vec<Answer>, Vec<Answer>) = (Vec::new(), Vec::new());
        let space = &self.shared.space;
        let full = (space.room() != Room::Enough).then(|| (space.free(), space.min_free()));
        for commit in group {
            let (now, moment) = (self.stamp(), txn.moment());
            // Whoever asked was let through when there was room, and it may have gone since.
            let commit = match full {
                Some((free, min_free)) => match commit.unless_it_grows(free, min_free) {
                    Ok(commit) => commit,
                    Err(answer) => {
                        answers.push(answer);
                        continue;
                    }
                },
                None => commit,
            };
            match commit {
                Commit::Account { name, reply } => answers.push(reply.later(self.account(&mut txn, &name))),
                Commit::RemoveAccount { name, reply } => {
                    answers.push(reply.later(self.remove_account(&mut txn, &name)));
                }
                Commit::AddToken { token, reply } => {
                    self.add_token(&mut txn, token);
                    answers.push(reply.later(()));
                }
                Commit::TokensUsed { uses, reply } => {
                    self.tokens_used(&mut txn, uses);
                    answers.push(reply.later(()));
                }
                Commit::RevokeToken { account, id, reply } => {
                    answers.push(reply.later(self.revoke_token(&mut txn, account, id)));
                }
                Commit::Register { registration, reply } => {
                    answers.push(reply.whichever(self.register_once(&mut txn, registration, now)));
                }
                Commit::Change { account, id, patch, reply } => {
                    answers.push(reply.later(self.change_as_asked(&mut txn, account, id, *patch, now)));
                }
                Commit::RotateSecret { account, id, secret, overlap, reply } => {
                    answers.push(reply.later(self.rotate_secret(&mut txn, account, id, secret, overlap, now)));
                }
                Commit::Delete { account, id, reply } => {
                    answers.push(reply.later(self.delete(&mut txn, account, id, now)));
                }
                Commit::Accept { account, events, key, reply } => {
                    let change = self.accept(&mut txn, account, events, key, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::Test { account, webhook, event, reply } => {
                    let change = self.test(&mut txn, account, webhook, *event, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::Settle { account, key, attempt, verdict, gap, asked_at, seen } => {
                    self.settle(&mut txn, account, key, *attempt, verdict, gap, asked_at, seen, now);
                }
                Commit::Resend { account, key, reply } => {
                    let change = self.resend(&mut txn, account, key, true, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::ResendEvent { account, seq, reply } => {
                    let change = self.resend_event(&mut txn, account, seq, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::ResendMany { account, filter, queued, reply } => {
                    let change = self.resend_many(&mut txn, account, filter, queued, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::CancelResend { account, number, reply } => {
                    answers.push(reply.later(self.cancel_resend(&mut txn, account, number, now)));
                }
                Commit::ComeToFail { account, webhook, reply } => {
                    answers.push(reply.later(self.come_to_fail(&mut txn, account, webhook)));
                }
                Commit::Warn { account, webhook, ends_at, reply } => {
                    answers.push(reply.later(self.warn(&mut txn, account, webhook, ends_at)));
                }
                Commit::Disable { account, webhook, reason, event, reply } => {
                    let change = self.disable(&mut txn, account, webhook, reason, *event, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::Erase { account, seq, reply } => {
                    let change = self.erase(&mut txn, account, seq, now);
                    answers.push(reply.whichever(self.judged(&txn, moment, change)));
                }
                Commit::Backup { reply } => {
                    // Of the store as it is once this group is applied, since it is read only then.
                    let begun = self.backup.is_none().then(|| {
                        let (sender, pieces) = Hot::channel();
                        let header = backup::Header::new(self.format, &self.head, self.clock.now());
                        self.backup = Some(Hot::new(sender, header));
                        pieces
                    });
                    self.backup_blocked = false;
                    answers.push(reply.later(begun));
                }
                Commit::Stop { reply } => stops.push(reply.later(())),
            }
        }
        self.apply(txn);
        let passed_on = std::mem::take(&mut self.passed_on);
        if !answers.is_empty() || passed_on {
            // Whoever waits already is served while this one is synced. An outcome isn't worth another thread's wake-up.
            self.waiting = commits.try_recv().ok();
            let alone = self.waiting.as_ref().is_none_or(|commit| self.can_wait(commit));
            self.finish(true, answers, alone);
        }
        (!stops.is_empty()).then_some(stops)
    }

    /// The time of a change: the wall clock's, which is that of the change before it where the clock was put back by less than a
    /// second.
    fn stamp(&mut self) -> Timestamp {
        let now = self.look_at_the_clock();
        let (stamp, begins_a_run) = self.shared.times.stamp(now, self.head.time_ms, self.head.seq + 1);
        self.head.time_ms = stamp.as_ms();
        if begins_a_run {
            self.sooner.begin();
        }
        stamp
    }

    pub(crate) fn apply(&mut self, mut txn: Txn<'_>) {
        if txn.is_empty() {
            return;
        }
        self.keep_the_clock(&mut txn);
        self.head.commit += 1;
        txn.put(keys::meta("head"), record::encode_head(&self.head));
        or_end(txn.resolve());
        self.looks.staged(txn.bytes());
        if let Some(backup) = &mut self.backup {
            backup.note(txn.rows());
        }
        self.publish();
        self.unsynced_rows.forget_up_to(self.shared.synced.load(Ordering::Acquire));
        let redo = Redo { commit: self.head.commit, store: self.store_id, folder: &self.shared.path };
        txn.apply(self.applied_seq, &mut self.unsynced_rows, &redo);
        self.applied_seq = Seq(self.head.seq);
        self.shared.outcomes.publish(&mut self.outcomes);
        self.unsynced.get_or_insert_with(|| self.clock.pace());
    }

    /// Has what is applied made durable, if it must be, then answered and told. Fresh events wait for their sync; outcomes, and what
    /// a job cancels, are facts as soon as they are visible.
    fn finish(&mut self, sync: bool, answers: Vec<Answer>, here: bool) {
        if sync {
            self.unsynced = None;
        }
        let told = std::mem::take(&mut self.told);
        let (commit, seq) = (self.head.commit, self.head.seq);
        self.syncer.finish(Applied { commit, seq, sync, told, answers }, here);
    }

    /// Shows the figures of the head to whoever asks.
    fn publish(&self) {
        let kept = &self.shared.kept;
        kept.events.store(self.head.events, Ordering::Relaxed);
        kept.notifications.store(self.head.notifications, Ordering::Relaxed);
        kept.payload_bytes.store(self.head.payload_bytes, Ordering::Relaxed);
        kept.retired.store(self.retired, Ordering::Relaxed);
        kept.commits.store(self.head.commit, Ordering::Relaxed);
    }

    /// What came of a change that had to read: see [`Txn::judged`].
    fn judged<T>(&self, txn: &Txn<'_>, moment: u64, change: Result<T, StoreError>) -> Result<T, StoreError> {
        txn.judged(moment, change).inspect_err(|error| self.shared.note_failed_read(error, "a change"))
    }

    fn retire_some(&mut self) {
        let limits = self.shared.limits();
        if limits != self.limits {
            self.limits = limits;
            self.retirement.restart();
        }
        // Nothing that only tidies up may grow a store on a disk that is nearly full.
        if !self.may_retire() {
            return;
        }
        let tree = self.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        let before = (self.head, self.retired, self.retirement.heads());
        if let Err(error) = self.ready(&mut txn, Self::retire) {
            self.shared.note_failed_read(&error, "retention");
            (self.head, self.retired) = (before.0, before.1);
            self.retirement.step_over(before.2);
            return;
        }
        self.apply(txn);
        if self.retirement.rests() {
            self.forget_types();
        }
    }

    /// Has `work` stage what a background change writes, and reads whatever applying it will read. On an error nothing is applied,
    /// and a page that can't be read, for a moment or for ever, costs this change alone: it is dropped, and tried again later.
    fn ready<T>(
        &mut self,
        txn: &mut Txn<'_>,
        work: impl FnOnce(&mut Self, &mut Txn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_sled_panic(|| {
            let done = work(self, txn)?;
            txn.failed().map_or(Ok(()), Err)?;
            txn.look_ahead()?;
            Ok(done)
        })
    }

    pub(crate) fn may_retire(&self) -> bool {
        self.shared.space.room() != Room::Critical
    }

    /// Jobs make the store grow: they wait until the disk has room.
    fn may_work_on_jobs(&self) -> bool {
        self.shared.space.room() == Room::Enough
    }

    fn back_up(&mut self) {
        let Some(backup) = &mut self.backup else {
            return;
        };
        match backup.step(&*self.shared.tree) {
            Stepped::More => self.backup_blocked = false,
            Stepped::Blocked => self.backup_blocked = true,
            Stepped::Over => self.backup = None,
        }
    }

    fn sweep(&mut self) {
        if self.swept.is_some_and(|at| self.clock.pace().saturating_sub(at) < SWEEP_EVERY) {
            return;
        }
        let tree = self.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        // What is forgotten can't be had back: not by a clock that is ahead for a moment.
        let now = self.shared.times.trusted_now();
        let sweep = sweep_idempotency_keys;
        let swept = self.ready(&mut txn, |_, txn| sweep(txn, now.as_ms(), SWEEP_BATCH));
        let swept = match swept {
            Ok(swept) => swept,
            Err(error) => {
                self.shared.note_failed_read(&error, "the sweep of idempotency keys");
                self.swept = Some(self.clock.pace());
                return;
            }
        };
        self.sweep_resends(&mut txn, now);
        self.sweep_webhooks(&mut txn);
        self.sweep_tokens(&mut txn, now);
        self.apply(txn);
        self.forget_types();
        // A full batch means there are more: come back with the next group.
        self.swept = (swept < SWEEP_BATCH).then(|| self.clock.pace());
    }

    fn work(&mut self) {
        if !self.may_work_on_jobs() {
            return;
        }
        let now = self.stamp();
        let tree = self.shared.tree.clone();
        let mut txn = Txn::tentative(&*tree);
        let Some(open) = self.jobs.next(self.clock.pace()) else {
            return;
        };
        let (job, told, head) = (open.job.clone(), self.told.len(), self.head);
        let turned = self.ready(&mut txn, |this, txn| this.turn_of(txn, &job, now));
        if let Err(error) = &turned
            && !error.is_damage()
        {
            self.shared.note_failed_read(error, "a background job");
            self.told.truncate(told);
            self.head = head;
            self.jobs.rest(open, self.clock.pace());
            return;
        }
        if turned.is_err() {
            // What it staged goes with it.
            txn = Txn::tentative(&*tree);
            self.told.truncate(told);
            self.head = head;
        }
        self.take_turn(&mut txn, open, turned, now);
        self.apply(txn);
    }
}
