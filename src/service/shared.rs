//! The service itself: what all verbs share, who may call, and the figures of the daemon.

use super::caller::{Account, By, Caller, Credential};
use super::error::Error;
use super::followers::Followers;
use super::unused_links::UnusedLinks;
use crate::alerts::channels::Channels;
use crate::alerts::engine::Alerts;
use crate::clock::{Clock, Zone};
use crate::config::{self, Config};
use crate::delivery;
use crate::model::{
    AccountNo, CATALOGUE, CountedJob, EventType, Fingerprint, KnownType, Origin, Scope, Scopes, Timestamp, TokenId,
    catalogue,
};
use crate::stats::{AttemptMetrics, StoreMetrics};
use crate::store::{Backlog, IdempotencyKey, Store, StoreError, StoreStats};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// The verbs. Shared by every request.
pub struct Service {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) delivery: delivery::DeliveryHandle,
    pub(super) channels: Arc<Channels>,
    pub(super) accounts: Vec<Account>,
    /// Replaced on reload.
    pub(super) config: RwLock<Arc<Config>>,
    /// When tokens last let somebody in, as far as it isn't stored yet.
    pub(super) uses: Mutex<HashMap<TokenId, Timestamp>>,
    pub(super) followers: Followers,
    pub(super) panel_links: UnusedLinks,
    pub(super) started_at: Timestamp,
    /// What tells of alerts, once it has begun.
    pub(super) alerts: OnceLock<Arc<Alerts>>,
}

impl Service {
    /// A service over an open store.
    pub fn new(
        store: Store,
        clock: Clock,
        delivery: delivery::DeliveryHandle,
        channels: Arc<Channels>,
        accounts: Vec<Account>,
        config: Config,
    ) -> Self {
        let config = RwLock::new(Arc::new(config));
        let started_at = clock.now();
        let (uses, followers, panel_links) = Default::default();
        Self {
            store,
            clock,
            delivery,
            channels,
            accounts,
            config,
            uses,
            followers,
            panel_links,
            started_at,
            alerts: OnceLock::new(),
        }
    }

    /// The accounts of the config.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Figures of the store, and how many bytes its files take.
    pub async fn figures(&self) -> Result<(StoreStats, u64), Error> {
        self.read(|store| Ok((store.stats(), store.size_on_disk()?))).await
    }

    /// What is pending for every webhook, of all accounts.
    pub async fn backlogs(&self) -> Result<Vec<Backlog>, Error> {
        self.read(|store| Ok(store.backlogs()?)).await
    }

    /// What the store has done since the start.
    pub fn store_metrics(&self) -> &StoreMetrics {
        self.store.meters()
    }

    /// How many bulk jobs and erasures go on, by kind, of one account or of all.
    pub fn running_jobs(&self, of: Option<AccountNo>) -> [(CountedJob, u64); CountedJob::ALL.len()] {
        self.store.running_jobs(of)
    }

    /// The attempts that have ended since the start.
    pub fn attempts(&self) -> &AttemptMetrics {
        &self.delivery.status.attempts
    }

    /// How many attempts are in flight.
    pub fn in_flight(&self) -> usize {
        self.delivery.status.in_flight_now()
    }

    /// How long the change that is being written has taken so far.
    pub fn stalled(&self) -> Duration {
        self.store.stuck_for()
    }

    /// How far the wall clock is ahead of the time that retention goes by; zero where it is trusted.
    pub fn clock_lead(&self) -> Duration {
        self.store.clock_lead()
    }

    /// When the daemon was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The time, as the verbs see it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time zone of the panel: of its charts, and of its pages where no script knows their reader's.
    pub fn time_zone(&self) -> Zone {
        self.config().zone()
    }

    /// Takes up what a reload changed.
    pub fn set_config(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Whose token this is, sent from there; `None` for an unknown, revoked or expired one.
    pub fn authenticate(&self, token: &str, origin: Origin) -> Option<Caller> {
        self.admit(&Credential::of(token), origin)
    }

    /// Whose token this was of, if it is still good.
    pub fn admit(&self, credential: &Credential, origin: Origin) -> Option<Caller> {
        let Credential { hash, id } = *credential;
        let configured =
            self.accounts.iter().find(|account| account.admin_token.as_ref().is_some_and(|own| own.matches(&hash)));
        if let Some(account) = configured {
            return Some(Caller {
                account: account.no,
                env: account.env.clone(),
                scopes: Scopes::ADMIN,
                by: By::ConfigToken,
                origin,
            });
        }
        let now = self.clock.now();
        let stored = self.store.token(id?, now)?;
        if !stored.hash.matches(&hash) {
            return None;
        }
        // An account that is no longer in the config keeps its data and lets nobody in.
        let account = self.accounts.iter().find(|account| account.no == stored.account)?;
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(stored.id, now);
        let by = By::Token { id: stored.id, name: stored.name.as_str().into() };
        Some(Caller { account: stored.account, env: account.env.clone(), scopes: stored.scopes, by, origin })
    }

    /// Whether a caller may see the figures of the whole daemon: only the first account of the config, which belongs to
    /// the operator, may see those of other accounts and of the machine.
    pub fn sees_all_figures(&self, caller: &Caller) -> bool {
        self.is_operators(caller) && caller.scopes.allows_all_figures()
    }

    /// Whether a caller is of the first account of the config, which belongs to the operator.
    pub fn is_operators(&self, caller: &Caller) -> bool {
        self.accounts.first().is_some_and(|first| first.no == caller.account)
    }

    /// The catalogue, the guide's types first.
    pub fn event_types(&self) -> Vec<KnownType> {
        catalogue(&self.config().catalogue.extra)
    }

    /// What the config calls the caller's account; `None` where it is the only one.
    pub fn account_name(&self, caller: &Caller) -> Option<&str> {
        let of_several = self.accounts.iter().filter(|_| self.accounts.len() > 1);
        of_several.filter(|account| account.no == caller.account).map(|account| &*account.name).next()
    }

    /// The accounts that the store has and the config lacks: their deliveries are held. For the admin of the config's
    /// first account, who runs the daemon as a rule; nobody else learns what other accounts there are.
    pub async fn absent_accounts(&self, caller: &Caller) -> Result<Vec<String>, Error> {
        if !self.is_operators(caller) || !caller.scopes.allows(Scope::Admin) {
            return Ok(Vec::new());
        }
        self.read(|store| {
            let names = store.account_names()?.into_iter();
            Ok(names.filter(|(no, _)| store.is_absent(*no)).map(|(_, name)| name).collect())
        })
        .await
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An idempotency key that is recognised from now on, of the hashes of the key and of the request.
    pub(super) fn idempotency_key(&self, key: Fingerprint, request: Fingerprint) -> IdempotencyKey {
        let until = self.clock.now().plus(self.config().delivery.idempotency_window);
        IdempotencyKey { hash: key.0, fingerprint: request.0, until }
    }

    /// Runs a read on a thread that may block.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> {
        let store = self.store.clone();
        self.noting_failures(Box::new(move || read(&store)))
    }

    /// Tells of a read that failed.
    async fn noting_failures<T: Send + 'static>(&self, read: Read<T>) -> Result<T, Error> {
        off_the_async_threads(read).await.inspect_err(|error| {
            if let Error::Store(error) = error {
                self.store.note_failed_read(error, "a call");
            }
        })
    }
}

/// A read that is to be run elsewhere. Boxed, as its result is below: tokio's code for a task is several KiB for each
/// type of a closure, and there are dozens of reads.
pub(super) type Read<T> = Box<dyn FnOnce() -> Result<T, Error> + Send>;

pub(super) async fn off_the_async_threads<T: Send + 'static>(read: Read<T>) -> Result<T, Error> {
    let work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> = Box::new(move || Box::new(read()));
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => *result.downcast().expect("it is what the read has answered"),
        // A read that panicked (sled, on damage) costs this request and no more.
        Err(_) => Err(Error::Store(StoreError::Damaged { table: "row", what: "can't be read: sled panicked" })),
    }
}

/// Whether events of this type are accepted.
pub(super) fn allows(catalogue: &config::Catalogue, event_type: &EventType) -> bool {
    !catalogue.strict
        || CATALOGUE.iter().any(|entry| entry.event_type == event_type.as_str())
        || catalogue.extra.iter().any(|extra| extra.event_type == *event_type)
}
