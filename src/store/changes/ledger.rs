//! What changes are checked against and keep in memory beside the rows: the committer's own state, as far as changes
//! touch it.

use crate::clock::{Clock, Reading};
use crate::gather::Gather as _;
use crate::model::{
    AccountNo, EventType, FilterSet, NewEvent, OrderKey, Seq, TargetHealth, Timestamp, TokenId, Webhook, WebhookId,
    WebhookNo,
};
use crate::random::Numbers;
use crate::stats::Outcome;
use crate::store::changes::audit_retirement::AuditRetirement;
use crate::store::changes::clock_steps::ClockSteps;
use crate::store::changes::job_queue::{Jobs, Open};
use crate::store::changes::retirement::Retirement;
use crate::store::directory::Directory;
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::record::{ClockV1, HeadV1, Job, Token};
use crate::store::schema::{alert_keys, keys, record};
use crate::store::state::Shared;
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

/// The webhooks that an event matches, and whether each keeps order.
pub(crate) type Matches = Arc<[(WebhookNo, bool)]>;

/// Whom an event goes to, as [`Ledger::matching`] finds it.
#[derive(Clone, Default)]
pub(crate) struct Matching {
    pub(crate) to: Matches,
    /// How many webhooks their filters keep it from.
    pub(crate) filtered: usize,
}

/// The webhooks that subscribe to a type.
pub(crate) struct Subscribers {
    all: Matches,
    /// Where in `all` those stand that have a filter, as the set has their filters.
    filtered: Vec<usize>,
    filters: FilterSet,
}

impl Subscribers {
    fn new<'w>(webhooks: impl Iterator<Item = &'w Arc<Webhook>>) -> Self {
        let webhooks: Vec<&Webhook> = webhooks.map(|webhook| &**webhook).collect();
        let filters = webhooks.iter().enumerate().filter_map(|(at, webhook)| Some((at, webhook.filter.as_ref()?)));
        let (filtered, filters): (Vec<usize>, Vec<_>) = filters.unzip();
        Self {
            all: webhooks.iter().map(|webhook| (webhook.no, webhook.ordered)).collect(),
            filtered,
            filters: filters.into_iter().collect(),
        }
    }

    /// Those whose filter a resource meets, and those that have none.
    pub(crate) fn of_resource(&self, resource: &str) -> Matches {
        if self.filtered.is_empty() {
            return self.all.clone();
        }
        let met = self.filters.matches(resource);
        let unmet = self.filtered.iter().zip(met).filter(|(_, met)| !met).map(|(at, _)| *at);
        let mut unmet = unmet.peekable();
        if unmet.peek().is_none() {
            return self.all.clone();
        }
        self.all.iter().enumerate().filter(|(at, _)| unmet.next_if_eq(at).is_none()).map(|(_, own)| *own).collect()
    }

    /// Whether any of them has a filter.
    pub(crate) fn have_filters(&self) -> bool {
        !self.filtered.is_empty()
    }

    /// All of them, whatever their filters ask for.
    pub(crate) fn all(&self) -> &Matches {
        &self.all
    }
}

/// How much the filters that are ready may weigh together, in the unit of [`FilterSet::weight`]: about 20 MB. One set
/// may weigh more.
const MAX_FILTERS_WEIGHT: usize = 200_000;

/// A deleted webhook whose row stays for the sake of its notifications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeletedWebhook {
    pub(crate) account: AccountNo,
    pub(crate) no: WebhookNo,
    pub(crate) id: WebhookId,
}

impl From<&Webhook> for DeletedWebhook {
    fn from(webhook: &Webhook) -> Self {
        Self { account: webhook.account, no: webhook.no, id: webhook.id }
    }
}

/// The state that changes read and write, in memory. What readers see of it stands in `Shared`. The type is public
/// because the trait `Change` names it; what is in it isn't.
pub struct Ledger {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    /// The counters, as the last change left them.
    pub(crate) head: HeadV1,
    /// The last commit that was appended: what is staged is the next one.
    pub(crate) commit: u64,
    pub(crate) accounts: HashMap<String, AccountNo>,
    /// A cache of [`Ledger::subscribers`]; emptied whenever a webhook changes, and when its filters weigh too much.
    pub(crate) subscribers: HashMap<(AccountNo, EventType), Arc<Subscribers>>,
    /// Deleted webhooks that have a row, in turn.
    pub(crate) deleted_webhooks: VecDeque<DeletedWebhook>,
    /// Types that may have lost their last event.
    pub(crate) maybe_unused_types: BTreeSet<(AccountNo, String)>,
    pub(crate) clock_steps: ClockSteps,
    pub(crate) jobs: Jobs,
    /// By the number of a backfill and by resource: from which event on nobody has looked yet for older ones that are
    /// owed. Emptied whenever a webhook changes, since other events may be owed then, and when it is full.
    pub(crate) not_looked_at: HashMap<(u64, OrderKey), Seq>,
    /// How many bytes of payloads are held in memory.
    pub(crate) cached_bytes: Arc<AtomicUsize>,
    /// What the delivery engine receives once the group is durable.
    pub(crate) updates: Vec<StoreUpdate>,
    /// The outcomes of the group that is staged.
    pub(crate) outcomes: Vec<(AccountNo, Outcome)>,
    /// Whether something that isn't synced yet may leave only once it is durable: the successor of a notification that
    /// kept order, what a job owes, an event that carteiro itself has recorded.
    pub(crate) to_be_durable: bool,
    /// For the ids of events.
    pub(crate) numbers: Numbers,
    /// Whether a payload was erased on request, and may still stand in the journal.
    pub(crate) erased: bool,
    pub(crate) retirement: Retirement,
    pub(crate) audit_retirement: AuditRetirement,
    /// Events that retention has deleted since the start.
    pub(crate) retired: u64,
}

impl Ledger {
    /// Reads into memory what a change is checked against: webhooks, tokens, accounts, types, open jobs, the counters.
    pub(crate) fn load(shared: Arc<Shared>, clock_record: Option<&ClockV1>) -> Result<Self, StoreError> {
        let tree = &shared.tree;
        let (mut directory, mut deleted_webhooks) = (Directory::default(), VecDeque::new());
        for row in tree.scan(&keys::webhooks()) {
            let webhook = record::decode_webhook(&row?.1)?;
            match webhook.deleted_at {
                None => directory.put(&Arc::new(webhook)),
                Some(_) => deleted_webhooks.push_back(DeletedWebhook::from(&webhook)),
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
        let mut types: HashMap<AccountNo, BTreeMap<String, u32>> = HashMap::new();
        for row in tree.scan(&keys::type_names()) {
            let (key, value) = row?;
            let short = || StoreError::Damaged { table: "type", what: "has a short key" };
            let account = AccountNo(keys::u32_at(&key, 1).ok_or_else(short)?);
            let number = keys::u32_at(&key, 5).ok_or_else(short)?;
            types.entry(account).or_default().insert(record::decode_text(&value)?, number);
        }
        let mut jobs = Jobs::default();
        for row in tree.scan(&keys::jobs()) {
            let (key, value) = row?;
            let number = keys::u64_at(&key, 1).ok_or(StoreError::Damaged { table: "job", what: "has a short key" })?;
            jobs.add(Open { number, job: record::decode_job(&value)? });
        }
        let mut bulk_jobs = BTreeMap::new();
        for row in tree.scan(&keys::all_bulk_jobs()) {
            let (key, value) = row?;
            let short = || StoreError::Damaged { table: "bulk job", what: "has a short key" };
            let account = AccountNo(keys::u32_at(&key, 1).ok_or_else(short)?);
            let number = keys::u64_at(&key, 5).ok_or_else(short)?;
            match record::decode_bulk_job(account, number, &value) {
                Ok(job) => drop(bulk_jobs.insert((account, number), job)),
                // It is listed no more; the attempts it requested are made.
                Err(error) => tracing::error!(%error, number, "a bulk job can't be read and is passed over"),
            }
        }
        *shared.bulk_jobs() = bulk_jobs;
        let mut erasures = BTreeMap::new();
        for row in tree.scan(&keys::all_erasures()) {
            let (key, value) = row?;
            let short = || StoreError::Damaged { table: "erasure", what: "has a short key" };
            let account = AccountNo(keys::u32_at(&key, 1).ok_or_else(short)?);
            let number = keys::u64_at(&key, 5).ok_or_else(short)?;
            match record::decode_erasure(account, number, &value) {
                Ok(erasure) => drop(erasures.insert((account, number), erasure)),
                // Its key is lost with it: what it has not erased yet has to be asked for again.
                Err(error) => tracing::error!(%error, number, "an erasure can't be read and is given up"),
            }
        }
        *shared.erasures() = erasures;
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
        let mut facts = BTreeMap::new();
        for row in tree.scan(&alert_keys::all_alert_facts()) {
            let (key, value) = row?;
            match (alert_keys::alert_row(&key), record::decode_alert_facts(&value)) {
                (Some(alert_keys::AlertRow::Facts(no)), Ok(found)) => drop(facts.insert(no, found)),
                (_, Err(error)) => {
                    tracing::error!(%error, "what alerts were to tell of can't be read and is forgotten");
                }
                (_, Ok(_)) => {}
            }
        }
        *shared.alert_facts() = facts;
        let head = match tree.get(&keys::head())? {
            Some(value) => record::decode_head(&value)?,
            None => HeadV1::default(),
        };
        // A type may have lost its last event just before the process ended.
        let names = types.iter().flat_map(|(no, known)| known.keys().map(|name| (*no, name.clone())));
        let maybe_unused_types = names.gather();
        *shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        *shared.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        *shared.types.write().unwrap_or_else(PoisonError::into_inner) = types;
        *shared.healths.write().unwrap_or_else(PoisonError::into_inner) = healths;
        shared.durable.store(head.seq, Ordering::Release);
        let clock = shared.times.clock.clone();
        let clock_steps = ClockSteps::at_start(clock_record, head.time_ms > clock.now().as_ms(), clock.pace());
        let loaded = Self {
            shared,
            clock,
            head,
            commit: 0,
            accounts,
            subscribers: HashMap::new(),
            deleted_webhooks,
            maybe_unused_types,
            clock_steps,
            jobs,
            not_looked_at: HashMap::new(),
            cached_bytes: Arc::new(AtomicUsize::new(0)),
            updates: Vec::new(),
            outcomes: Vec::new(),
            to_be_durable: false,
            numbers: Numbers::default(),
            erased: false,
            retirement: Retirement::default(),
            audit_retirement: AuditRetirement::default(),
            retired: 0,
        };
        loaded.publish();
        Ok(loaded)
    }

    /// What is staged erases a payload: it is to go from the journal soon, after a start too.
    pub(crate) fn note_erased(&mut self) {
        self.head.erased_in = self.commit + 1;
        self.erased = true;
    }

    /// Reads the clocks and notices a step of the wall clock.
    pub(crate) fn read_clock(&mut self) -> Reading {
        self.clock_steps.read(&self.clock, &self.shared)
    }

    /// The time of a change: the wall clock's, which is that of the change before it where the clock was put back by
    /// less than a second.
    pub(crate) fn stamp(&mut self) -> Timestamp {
        let now = self.read_clock();
        let (stamp, begins_a_run) = self.shared.times.stamp(now, self.head.time_ms, self.head.seq + 1);
        self.head.time_ms = stamp.as_ms();
        if begins_a_run {
            self.clock_steps.begin();
        }
        stamp
    }

    /// Publishes the figures of the head to readers.
    pub(crate) fn publish(&self) {
        let totals = &self.shared.totals;
        totals.events.store(self.head.events, Ordering::Relaxed);
        totals.notifications.store(self.head.notifications, Ordering::Relaxed);
        totals.payload_bytes.store(self.head.payload_bytes, Ordering::Relaxed);
        totals.retired.store(self.retired, Ordering::Relaxed);
        totals.commits.store(self.commit, Ordering::Relaxed);
    }

    /// Has `work` stage what a background change writes, and reads whatever applying it will read. On an error nothing
    /// is applied, and a row that can't be read, for a moment or for ever, costs this change alone: it is dropped, and
    /// tried again later.
    pub(crate) fn ready<T>(
        &mut self,
        txn: &mut Txn<'_>,
        work: impl FnOnce(&mut Self, &mut Txn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_sled_panic(|| {
            let done = work(self, txn)?;
            txn.failed().map_or(Ok(()), Err)?;
            Ok(done)
        })
    }

    pub(crate) fn tokens_mut(&self) -> RwLockWriteGuard<'_, HashMap<TokenId, Token>> {
        self.shared.tokens.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a changed copy of the directory in place of the present one: readers hold theirs for as long as they like.
    pub(crate) fn change_directory(&self, edit: impl FnOnce(&mut Directory)) {
        let mut directory = (*self.shared.directory()).clone();
        edit(&mut directory);
        *self.shared.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }

    /// Adds a background job.
    pub(crate) fn add_job(&mut self, txn: &mut Txn<'_>, job: Job) {
        self.head.job += 1;
        txn.put(keys::job(self.head.job), record::encode_job(&job));
        self.jobs.add(Open { number: self.head.job, job });
    }

    /// Removes the background jobs that `which` selects.
    pub(crate) fn remove_jobs(&mut self, txn: &mut Txn<'_>, which: impl Fn(&Job) -> bool) {
        for number in self.jobs.remove(which) {
            txn.delete(keys::job(number));
        }
    }

    /// The number of an event type, a new one where no event has it yet.
    pub(crate) fn type_no(&mut self, txn: &mut Txn<'_>, account: AccountNo, event_type: &EventType) -> u32 {
        let mut types = self.shared.types.write().unwrap_or_else(PoisonError::into_inner);
        let own = types.entry(account).or_default();
        if let Some(no) = own.get(event_type.as_str()) {
            return *no;
        }
        // Past the highest in use: those in between may be free again, and stay so.
        let no = own.values().max().map_or(0, |last| last + 1);
        txn.put(keys::type_name(account, no), record::encode_text(event_type.as_str()));
        own.insert(event_type.as_str().to_owned(), no);
        no
    }

    /// The webhooks that subscribe to a type, as they are now.
    pub(crate) fn subscribers(&mut self, account: AccountNo, event_type: &EventType) -> Arc<Subscribers> {
        if let Some(found) = self.subscribers.get(&(account, event_type.clone())) {
            return found.clone();
        }
        let directory = self.shared.directory();
        let own = directory.of(account).filter(|webhook| webhook.subscribes_to(event_type));
        let found = Arc::new(Subscribers::new(own));
        let kept: usize = self.subscribers.values().map(|own| own.filters.weight()).sum();
        if kept + found.filters.weight() > MAX_FILTERS_WEIGHT {
            self.subscribers.clear();
        }
        self.subscribers.insert((account, event_type.clone()), found.clone());
        found
    }

    /// The webhooks that an event goes to, as they are now.
    pub(crate) fn matching(&mut self, account: AccountNo, event: &NewEvent) -> Matching {
        let subscribers = self.subscribers(account, &event.event_type);
        if !subscribers.have_filters() {
            // Without a look at the resource.
            return Matching { to: subscribers.all().clone(), filtered: 0 };
        }
        let to = subscribers.of_resource(event.body.resource());
        let filtered = subscribers.all().len() - to.len();
        Matching { to, filtered }
    }

    /// What the notifications of an account say as their environment.
    pub(crate) fn env_of(&self, account: AccountNo) -> Arc<str> {
        let name = self.accounts.iter().find(|(_, no)| **no == account).map(|(name, _)| name.as_str());
        self.shared.env_of(name.unwrap_or_default())
    }

    /// Stores the health of a webhook's target; `None` where it is well.
    pub(crate) fn put_health(&mut self, txn: &mut Txn<'_>, no: WebhookNo, health: Option<TargetHealth>) {
        let mut healths = self.shared.healths.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = health {
            txn.put(keys::health(no), record::encode_health(&health));
            healths.insert(no, health);
        } else if healths.remove(&no).is_some() {
            txn.delete(keys::health(no));
        }
    }
}
