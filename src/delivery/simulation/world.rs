//! The world: time, and what will happen. One process lives in it at a time, and all that is on its way within that process
//! dies with it.

use super::changes::{Commit, New, StoreUpdate};
use super::committer::Committer;
use super::driver::{Driver, Fetch, Request};
use super::ledger::Ledger;
use super::network::Network;
use super::random::Random;
use super::store::Store;
use super::watch::Moment;
use crate::delivery::schedule::EngineSettings;
use crate::delivery::schedule::message::{Action, Input};
use crate::delivery::schedule::pace::MAX_PROBE_INTERVAL;
use crate::delivery::schedule::queue::Bounds;
use crate::model::{NotificationKey, RetryPolicy, Webhook, millis};
use crate::store::NextAttempt;
use std::collections::BTreeMap;

const START_MS: u64 = 1_795_435_200_000;
/// A driver comes round once a second. Stepping as seldom as a scheduler that sees no jump allows finds the same and is faster.
const LONGEST_NAP_MS: u64 = 25_000;

/// What a fresh notification brings along: whose payload it is.
pub(super) type CachedPayload = u64;

/// What will happen within the process.
pub(super) enum Later {
    Committer,
    Synced {
        ends_turn: bool,
    },
    StoreUpdate(Vec<StoreUpdate>),
    /// A page is read from the store.
    Read(Action<CachedPayload>),
    Learned(Input<CachedPayload>),
    Fetch(Fetch),
    Ended(Box<Request>),
    Untried(NotificationKey, NextAttempt),
    /// The driver comes round by itself.
    Round,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of which excludes another")]
pub(super) struct World {
    pub(super) random: Random,
    /// Whether its story is printed.
    pub(super) trace: bool,
    /// Time that only runs forwards, in ms; the wall clock is `offset` away from it.
    pub(super) time: u64,
    offset: i64,
    /// Whether nobody ever sets the clock.
    pub(super) steady: bool,
    /// By how much it was set back, in all.
    pub(super) set_back: u64,
    later: BTreeMap<(u64, u64), Later>,
    count: u64,
    /// How late pages and words may be, and how long a sync takes.
    pub(super) lag: u64,
    pub(super) sync_ms: u64,
    pub(super) job_batch: usize,
    pub(super) bounds: Bounds,
    pub(super) settings: EngineSettings,
    pub(super) store: Store,
    pub(super) committer: Committer,
    pub(super) driver: Option<Driver>,
    pub(super) network: Network,
    /// Whether some of what the store has can't be read.
    pub(super) unreadable: bool,
    pub(super) ledger: Ledger,
    pub(super) told_at: u64,
    pub(super) requests: u64,
    /// Events that were handed in under an id of the caller's, and not yet acknowledged.
    pub(super) unanswered: Vec<(u64, Vec<New>)>,
    /// How many more moments at which the process may die pass before it does.
    pub(super) dies_in: Option<u64>,
    dying: bool,
}

impl World {
    pub(super) fn new(random: Random, settings: EngineSettings, bounds: Bounds, trace: bool) -> Self {
        Self {
            random,
            trace,
            time: START_MS,
            offset: 0,
            steady: true,
            set_back: 0,
            later: BTreeMap::new(),
            count: 0,
            lag: 0,
            sync_ms: 1,
            job_batch: 4,
            bounds,
            settings,
            store: Store::default(),
            committer: Committer::default(),
            driver: None,
            network: Network::default(),
            unreadable: false,
            ledger: Ledger::default(),
            told_at: 0,
            requests: 0,
            unanswered: Vec::new(),
            dies_in: None,
            dying: false,
        }
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>10} {}", self.time - START_MS, what());
        }
    }

    pub(super) fn wall(&self) -> u64 {
        self.time.saturating_add_signed(self.offset)
    }

    pub(super) fn delay(&mut self) -> u64 {
        self.random.below(self.lag)
    }

    pub(super) fn put(&mut self, at: u64, later: Later) {
        self.count += 1;
        self.later.insert((at, self.count), later);
    }

    /// How long it may take at most until the scheduler has learned of what is due and asked for its page.
    pub(super) fn moment(&self) -> Moment {
        let longest = 12 * self.lag + 8 * self.sync_ms + 300 + millis(MAX_PROBE_INTERVAL);
        Moment { time: self.time, wall: self.wall(), longest }
    }

    // ---- the process ----

    /// It starts, on what the store has.
    pub(super) fn start(&mut self) {
        let durable = crate::model::Seq(self.store.head.seq);
        self.say(|| format!("starts, durable up to {}", durable.0));
        self.committer.jobs = self.store.jobs.keys().copied().collect();
        if !self.committer.jobs.is_empty() {
            self.wake_committer(self.time);
        }
        let webhooks: Vec<_> = self.store.directory().cloned().collect();
        self.driver = Some(Driver::new(self.wall(), self.settings.max_in_flight, durable, self.bounds));
        for webhook in webhooks {
            self.learn(StoreUpdate::Webhook(webhook));
        }
        self.step();
    }

    /// It dies, and all that was on its way within it.
    pub(super) fn kill(&mut self) {
        self.later.clear();
        self.driver = None;
        self.committer = Committer::default();
        (self.dies_in, self.dying, self.told_at) = (None, false, 0);
        let unsynced = self.store.unsynced();
        // After a power cut nothing is left of what was not synced; where only the process died, any part of it may be.
        let kept = if self.random.one_in(2) { 0 } else { self.random.index(unsynced + 1) };
        self.say(|| format!("dies; of {unsynced} batches not synced {kept} are kept"));
        let kept = self.store.crash(kept);
        self.ledger.kept(&kept);
        self.ledger.crashed();
        self.ledger.check_store(&self.store);
    }

    /// A moment between two steps at which the process may die; returns whether it does.
    pub(super) fn may_die(&mut self, at: &str) -> bool {
        if let Some(left) = &mut self.dies_in {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.say(|| format!("is about to die: {at}"));
                self.dying = true;
            }
        }
        self.dying
    }

    /// It dies, is down for a while, and comes back.
    pub(super) fn revive(&mut self) {
        self.kill();
        self.time += self.random.below(20_000);
        self.start();
        self.ask_again();
    }

    /// Callers who got no answer ask again, under the same ids. Some give up.
    pub(super) fn ask_again(&mut self) {
        for (_, events) in std::mem::take(&mut self.unanswered) {
            if self.random.one_in(2) {
                let number = self.submit(Commit::Accept(events.clone()));
                self.unanswered.push((number, events));
            }
        }
    }

    pub(super) fn policy_of<'a>(&'a self, webhook: &'a Webhook) -> &'a RetryPolicy {
        webhook.retry.as_ref().unwrap_or(&self.settings.retry)
    }

    // ---- time ----

    pub(super) fn set_clock(&mut self, by: i64) {
        self.say(|| format!("the clock is set by {by} ms"));
        self.steady = false;
        self.offset += by;
        self.set_back += u64::try_from(-by).unwrap_or(0);
        let time = self.time;
        self.driver.as_mut().into_iter().for_each(|driver| driver.watch.clock_set(time));
        // The driver naps for a second at most.
        let at = self.time + self.random.below(1000);
        self.put(at, Later::Round);
    }

    /// Runs until `until` has come.
    pub(super) fn run_until(&mut self, until: u64) {
        loop {
            if self.dying {
                self.revive();
            }
            let next = self.later.first_key_value().map(|((at, _), _)| *at);
            let driver = self.driver.as_ref().expect("a process runs");
            let wake = driver.next_wake().map(|wake| wake.as_ms().saturating_add_signed(-self.offset));
            let nap = driver.stepped_at + LONGEST_NAP_MS;
            let round = wake.map_or(nap, |wake| wake.min(nap));
            let at = next.map_or(round, |next| next.min(round));
            if at > until {
                self.time = self.time.max(until);
                return;
            }
            self.time = self.time.max(at);
            match self.later.first_entry().filter(|entry| entry.key().0 <= self.time) {
                Some(entry) => {
                    let later = entry.remove();
                    self.happen(later);
                    // What comes at the same moment is often taken in with one step.
                    let more = self.later.first_key_value().is_some_and(|((at, _), _)| *at <= self.time);
                    let heard = self.driver.as_ref().is_some_and(Driver::has_heard);
                    if heard && !self.dying && !(more && self.random.one_in(2)) {
                        self.step();
                    }
                }
                None => self.step(),
            }
        }
    }

    fn happen(&mut self, later: Later) {
        match later {
            Later::Committer => self.committer_turn(),
            Later::Synced { ends_turn } => self.synced(ends_turn),
            Later::StoreUpdate(told) => told.into_iter().for_each(|told| self.learn(told)),
            Later::Read(action) => self.read_page(&action),
            Later::Learned(input) => self.hear(input),
            Later::Fetch(fetch) => self.fetch(fetch),
            Later::Ended(request) => self.conclude(*request),
            Later::Untried(key, next_attempt) => self.untried(key, next_attempt),
            Later::Round => self.step(),
        }
    }

    /// Whether nothing is owed that could leave, and nothing is on its way.
    pub(super) fn is_done(&self) -> bool {
        let owes = self.store.notifications.values().any(|notification| {
            let active = self.store.webhooks[&notification.key.webhook].is_active();
            notification.manual_at.is_some() || (notification.needs_automatic_attempt() && active)
        });
        let in_flight = self.driver.as_ref().is_some_and(|driver| driver.in_flight() > 0);
        !owes && !in_flight && self.committer.is_idle()
    }
}
