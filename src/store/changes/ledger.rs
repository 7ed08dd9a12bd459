//! What changes are checked against and keep in memory beside the rows: the committer's own state, as far as changes
//! touch it.

use crate::clock::Clock;
use crate::model::{AccountNo, EventType, Timestamp, WebhookNo};
use crate::store::changes::clock_steps::ClockSteps;
use crate::store::changes::events::Matches;
use crate::store::changes::job_queue::{Jobs, Open};
use crate::store::changes::retention::Retirement;
use crate::store::changes::sweep::{DeletedWebhook, DeletedWebhooks};
use crate::store::directory::Directory;
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::recent_outcomes::Outcome;
use crate::store::schema::record::{ClockV1, HeadV1};
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// The state that changes read and write, in memory. What readers see of it stands in `Shared`.
pub struct Ledger {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    /// The counters, as the last change left them.
    pub(crate) head: HeadV1,
    pub(crate) accounts: HashMap<String, AccountNo>,
    /// Which webhooks each type meant when it was last asked; emptied whenever a webhook changes.
    pub(crate) matches: HashMap<(AccountNo, EventType), Matches>,
    /// Deleted webhooks whose rows are kept.
    pub(crate) deleted_webhooks: DeletedWebhooks,
    /// Types that may have lost their last event.
    pub(crate) maybe_unused_types: BTreeSet<(AccountNo, String)>,
    pub(crate) clock_steps: ClockSteps,
    pub(crate) jobs: Jobs,
    /// How many bytes of payloads are held in memory.
    pub(crate) cached_bytes: Arc<AtomicUsize>,
    /// What the delivery engine is told once the group is durable.
    pub(crate) updates: Vec<StoreUpdate>,
    /// The outcomes of the group that is staged.
    pub(crate) outcomes: Vec<(AccountNo, Outcome)>,
    /// Whether a turn was passed on in this group: the next one may leave only once that is durable.
    pub(crate) passed_on: bool,
    pub(crate) retirement: Retirement,
    /// Events that retention has deleted since the start.
    pub(crate) retired: u64,
}

impl Ledger {
    /// Reads into memory what a change is checked against: webhooks, tokens, accounts, types, open jobs, the counters.
    pub(crate) fn load(shared: Arc<Shared>, kept: Option<&ClockV1>) -> Result<Self, StoreError> {
        let tree = &shared.tree;
        let (mut directory, mut gone) = (Directory::default(), DeletedWebhooks::new());
        for row in tree.scan(&keys::webhooks()) {
            let webhook = record::decode_webhook(&row?.1)?;
            match webhook.deleted_at {
                None => directory.put(&Arc::new(webhook)),
                Some(_) => gone.push_back(DeletedWebhook { account: webhook.account, no: webhook.no, id: webhook.id }),
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
            types.entry(account).or_insert_with(BTreeMap::new).insert(record::decode_text(&value)?, number);
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
        *shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        *shared.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        *shared.types.write().unwrap_or_else(PoisonError::into_inner) = types;
        *shared.healths.write().unwrap_or_else(PoisonError::into_inner) = healths;
        shared.durable.store(head.seq, Ordering::Release);
        let maybe_unused_types = Self::all_types(&shared);
        let clock = shared.times.clock.clone();
        let clock_steps = ClockSteps::at_start(kept, head.time_ms > clock.now().as_ms(), clock.pace());
        let loaded = Self {
            shared,
            clock,
            head,
            accounts,
            matches: HashMap::new(),
            deleted_webhooks: gone,
            maybe_unused_types,
            clock_steps,
            jobs,
            cached_bytes: Arc::new(AtomicUsize::new(0)),
            updates: Vec::new(),
            outcomes: Vec::new(),
            passed_on: false,
            retirement: Retirement::default(),
            retired: 0,
        };
        loaded.publish();
        Ok(loaded)
    }

    /// The time of a change: the wall clock's, which is that of the change before it where the clock was put back by
    /// less than a second.
    pub(crate) fn stamp(&mut self) -> Timestamp {
        let now = self.look_at_the_clock();
        let (stamp, begins_a_run) = self.shared.times.stamp(now, self.head.time_ms, self.head.seq + 1);
        self.head.time_ms = stamp.as_ms();
        if begins_a_run {
            self.clock_steps.begin();
        }
        stamp
    }

    /// Shows the figures of the head to whoever asks.
    pub(crate) fn publish(&self) {
        let kept = &self.shared.totals;
        kept.events.store(self.head.events, Ordering::Relaxed);
        kept.notifications.store(self.head.notifications, Ordering::Relaxed);
        kept.payload_bytes.store(self.head.payload_bytes, Ordering::Relaxed);
        kept.retired.store(self.retired, Ordering::Relaxed);
        kept.commits.store(self.head.commit, Ordering::Relaxed);
    }

    /// What came of a change that had to read: see [`Txn::judged`].
    pub(crate) fn judged<T>(&self, txn: &Txn<'_>, moment: u64, change: Result<T, StoreError>) -> Result<T, StoreError> {
        txn.judged(moment, change).inspect_err(|error| self.shared.note_failed_read(error, "a change"))
    }

    /// Has `work` stage what a background change writes, and reads whatever applying it will read. On an error nothing
    /// is applied, and a page that can't be read, for a moment or for ever, costs this change alone: it is dropped, and
    /// tried again later.
    pub(crate) fn ready<T>(
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
}
