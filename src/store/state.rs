//! What readers and the committer share.

use crate::clock::Clock;
use crate::config::Account;
use crate::model::{
    AccountNo, AlertFacts, BulkJob, Erasure, Forgotten, JobId, NotificationId, NotificationKey, RetryPolicy,
    TargetHealth, TokenId, WebhookNo,
};
use crate::stats::OutcomeCounter;
use crate::stats::Outcomes;
use crate::store::absent_accounts::AbsentAccounts;
use crate::store::catalogue_types::CatalogueTypes;
use crate::store::directory::Directory;
use crate::store::engine::Tree;
use crate::store::engine::disk_space::{DiskLevel, Space};
use crate::store::engine::failed_reads::FailedReads;
use crate::store::engine::stall::StallDetector;
use crate::store::error::StoreError;
use crate::store::limits::Limits;
use crate::store::schema::keys;
use crate::store::schema::record::{self, ClockV1, FormatV1, HeadV1, Token};
use crate::store::schema::references::References;
use crate::store::store_stats::Totals;
use crate::store::times::Times;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

/// The file of the hourly counts, beside the store's own.
pub(crate) const HISTORY_FILE: &str = "tally";

/// What readers and the committer share.
pub(crate) struct Shared {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) path: PathBuf,
    pub(crate) directory: RwLock<Arc<Directory>>,
    pub(crate) tokens: RwLock<HashMap<TokenId, Token>>,
    /// Type numbers by account and type, for the filters.
    pub(crate) types: RwLock<HashMap<AccountNo, BTreeMap<String, u32>>>,
    pub(crate) times: Times,
    /// The types that the cap doesn't count.
    pub(crate) catalogue_types: CatalogueTypes,
    /// The last event that is durable: nothing past it is shown, since a power cut could still give its number to
    /// another.
    pub(crate) durable: AtomicU64,
    /// Whether the committer lives.
    pub(crate) alive: AtomicBool,
    pub(crate) failed_reads: FailedReads,
    /// Which store this is, in which of its lives.
    pub(crate) store_id: [u8; 16],
    pub(crate) id_key: ring::hmac::Key,
    pub(crate) references: References,
    /// Whether the committer makes progress.
    pub(crate) committer_stall: StallDetector,
    /// Whether nothing that grows is taken, since memory holds all it may of what isn't in sled yet.
    pub(crate) is_busy: AtomicBool,
    /// Whether it holds so much of it that no attempts are made, since each has an outcome.
    pub(crate) takes_no_outcomes: AtomicBool,
    pub(crate) space: Arc<Space>,
    pub(crate) limits: RwLock<Limits>,
    /// The schedule of webhooks that have none of their own.
    pub(crate) retry: RwLock<RetryPolicy>,
    pub(crate) totals: Totals,
    /// How the targets that fail do.
    pub(crate) healths: RwLock<BTreeMap<WebhookNo, TargetHealth>>,
    /// How all of them did of late.
    pub(crate) outcome_counter: OutcomeCounter,
    /// Bulk jobs, by account and number: a bounded number for each account.
    pub(crate) bulk_jobs: Mutex<BTreeMap<(AccountNo, u64), BulkJob>>,
    /// Erasures, likewise.
    pub(crate) erasures: Mutex<BTreeMap<(AccountNo, u64), Erasure>>,
    pub(crate) outcomes: Outcomes,
    pub(crate) meters: crate::stats::StoreMetrics,
    /// The accounts that the config lacks.
    pub(crate) absent_accounts: AbsentAccounts,
    /// What has happened, to webhooks and to the machine, that alerts have not taken in yet.
    alert_facts: Mutex<BTreeMap<WebhookNo, AlertFacts>>,
    /// What alerts hold in memory and must forget; their rows have forgotten it.
    forgotten: Mutex<Vec<Forgotten>>,
    /// What the notifications of each account of the config say as their environment, by the account's name.
    pub(crate) envs: RwLock<HashMap<String, Arc<str>>>,
}

/// Takes the sign of life back when the committer's thread ends, by a panic too.
pub(crate) struct Alive(pub(crate) Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Over the tree of an engine; also what it knows of the clock.
    pub(crate) fn over(
        tree: Arc<dyn Tree>,
        format: &FormatV1,
        head: &HeadV1,
        path: PathBuf,
        limits: Limits,
        clock: Clock,
    ) -> Result<(Self, Option<ClockV1>), StoreError> {
        let record = tree.get(&keys::meta("clock"))?.map(|value| record::decode_clock(&value)).transpose()?;
        let times = Times::new(clock, record.as_ref(), head.time_ms);
        let shared = Self {
            tree,
            space: Arc::new(Space::of(&path, limits.min_free)),
            outcome_counter: OutcomeCounter::from_text(
                &std::fs::read_to_string(path.join(HISTORY_FILE)).unwrap_or_default(),
            ),
            path,
            directory: RwLock::default(),
            tokens: RwLock::default(),
            types: RwLock::default(),
            times,
            catalogue_types: CatalogueTypes::default(),
            durable: AtomicU64::new(0),
            alive: AtomicBool::new(true),
            failed_reads: FailedReads::default(),
            store_id: format.store_id(),
            id_key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &format.id_key),
            references: References::new(&format.id_key),
            committer_stall: StallDetector::default(),
            is_busy: AtomicBool::new(false),
            takes_no_outcomes: AtomicBool::new(false),
            retry: RwLock::default(),
            limits: RwLock::new(limits),
            totals: Totals::default(),
            healths: RwLock::default(),
            bulk_jobs: Mutex::default(),
            erasures: Mutex::default(),
            meters: crate::stats::StoreMetrics::default(),
            absent_accounts: AbsentAccounts::default(),
            alert_facts: Mutex::default(),
            forgotten: Mutex::default(),
            envs: RwLock::default(),
            outcomes: Outcomes::new(u64::from_be_bytes(crate::random::bytes())),
        };
        Ok((shared, record))
    }

    pub(crate) fn health(&self, webhook: WebhookNo) -> Option<TargetHealth> {
        self.healths.read().unwrap_or_else(PoisonError::into_inner).get(&webhook).copied()
    }

    pub(crate) fn bulk_jobs(&self) -> MutexGuard<'_, BTreeMap<(AccountNo, u64), BulkJob>> {
        self.bulk_jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's bulk jobs, the oldest first.
    pub(crate) fn bulk_jobs_of(&self, account: AccountNo) -> Vec<BulkJob> {
        self.bulk_jobs().range((account, 0)..=(account, u64::MAX)).map(|(_, job)| job.clone()).collect()
    }

    /// The number of an account's bulk job; `None` where there is none, or it is forgotten.
    pub(crate) fn bulk_job_number(&self, account: AccountNo, id: JobId) -> Option<u64> {
        let jobs = self.bulk_jobs();
        jobs.range((account, 0)..=(account, u64::MAX)).find(|(_, job)| job.id == id).map(|((_, number), _)| *number)
    }

    pub(crate) fn erasures(&self) -> MutexGuard<'_, BTreeMap<(AccountNo, u64), Erasure>> {
        self.erasures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn alert_facts(&self) -> MutexGuard<'_, BTreeMap<WebhookNo, AlertFacts>> {
        self.alert_facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forgotten(&self) -> MutexGuard<'_, Vec<Forgotten>> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's erasures, the oldest first.
    pub(crate) fn erasures_of(&self, account: AccountNo) -> Vec<Erasure> {
        self.erasures().range((account, 0)..=(account, u64::MAX)).map(|(_, erasure)| erasure.clone()).collect()
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        self.retry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the notifications of an account say as their environment: what the config says where it has the account.
    pub(crate) fn env_of(&self, name: &str) -> Arc<str> {
        let envs = self.envs.read().unwrap_or_else(PoisonError::into_inner);
        envs.get(name).cloned().unwrap_or_else(|| Account::default().env.into())
    }

    pub(crate) fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn notification_id(&self, key: NotificationKey) -> NotificationId {
        let bytes = [key.seq.0.to_be_bytes().as_slice(), &key.webhook.0.to_be_bytes()].concat();
        let tag = ring::hmac::sign(&self.id_key, &bytes);
        let check = tag.as_ref()[..8].try_into().map(u64::from_be_bytes).unwrap_or_default();
        NotificationId::compose(key, check)
    }

    /// The pair behind a notification's public id, if the store gave that id out.
    pub(crate) fn notification_key(&self, id: NotificationId) -> Option<NotificationKey> {
        id.claimed_key().filter(|key| self.notification_id(*key) == id)
    }
}

impl Shared {
    /// Why nothing that makes the store grow is taken now; `None` when it is.
    pub(crate) fn full(&self) -> Option<StoreError> {
        let space = &self.space;
        (space.level() != DiskLevel::Enough)
            .then(|| StoreError::Full { free: space.free(), min_free: space.min_free() })
            .or_else(|| {
                let needed = || space.lacking().map(|needed| StoreError::NoRoom { free: space.free(), needed });
                self.is_busy.load(Ordering::Relaxed).then(|| needed().unwrap_or(StoreError::Busy))
            })
    }

    pub(crate) fn note_failed_read(&self, error: &StoreError, what: &'static str) {
        if !error.is_failed_read() {
            return;
        }
        let offset = error.offset();
        if self.failed_reads.note(what, offset, Instant::now()) {
            let file: PathBuf = self.path.join("db");
            tracing::warn!(
                %error,
                file = %file.display(),
                offset,
                "what is stored could not be read for {what}; `carteiro verify` tells how far the damage goes"
            );
        }
    }
}
