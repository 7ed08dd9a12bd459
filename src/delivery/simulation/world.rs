//! The world: time, and what will happen. One process lives in it at a time, and all that is on its way within that
//! process dies with it.

use super::driver::{Sent, Start};
use super::ledger::Ledger;
use super::network::Network;
use super::random::Random;
use super::requests::{New, Open, Request};
use super::watch::{Moment, Watch};
use crate::clock::Clock;
use crate::config::Delivery;
use crate::delivery::schedule::driver::{Driver, DriverEvent};
use crate::delivery::schedule::engine_status::EngineStatus;
use crate::delivery::schedule::message::{Action, Input};
use crate::delivery::schedule::pacing::MAX_PROBE_INTERVAL;
use crate::delivery::schedule::queue::Bounds;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{AccountNo, Seq, Timestamp, millis};
use crate::store::simulated::{SimulatedDisk, SimulatedStore};
use crate::store::{CachedPayload, Due, IdempotencyKey, StoreUpdate};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(super) const ACCOUNT: AccountNo = AccountNo(1);
const START_MS: u64 = 1_795_435_200_000;
/// A driver comes round once a second. Stepping as seldom as a scheduler that sees no jump allows finds the same and is
/// faster.
const LONGEST_NAP_MS: u64 = 25_000;

/// One that makes no attempts; the driver closes its connections.
fn client(clock: Clock) -> Client {
    Client::new(ClientSettings::allowing(&[], Duration::from_secs(15)), clock)
}

/// What will happen within the process.
pub(super) enum Later {
    Committer,
    Synced,
    Updates(Vec<StoreUpdate>),
    /// A page is read from the store.
    Read(Action<Arc<CachedPayload>>),
    Prepare(Box<Start>),
    Ended(Box<Sent>),
    Event(DriverEvent),
    /// The driver comes round by itself.
    Round,
}

/// One life of the daemon.
pub(super) struct Process {
    /// The first to go: nobody who asked hears that the store is gone.
    pub(super) open: Vec<Open>,
    pub(super) store: SimulatedStore,
    pub(super) driver: Driver,
    /// What the scheduler takes in with the next step.
    pub(super) inputs: Vec<Input<Arc<CachedPayload>>>,
    pub(super) watch: Watch,
    pub(super) stepped_at: u64,
    /// When the committer next checks what waits.
    pub(super) awake_at: Option<u64>,
    pub(super) syncing: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of which excludes another")]
pub(super) struct World {
    pub(super) random: Random,
    /// Whether its story is printed.
    pub(super) trace: bool,
    /// Time that only runs forwards, in ms; the wall clock is `offset` away from it.
    pub(super) time: u64,
    offset: i64,
    clock: Clock,
    /// Whether nobody ever sets the clock.
    pub(super) steady: bool,
    /// By how much it was set back, in all.
    pub(super) set_back: u64,
    later: BTreeMap<(u64, u64), Later>,
    count: u64,
    /// How late pages and words may be, and how long a sync takes.
    pub(super) lag: u64,
    pub(super) sync_ms: u64,
    pub(super) bounds: Bounds,
    pub(super) settings: Delivery,
    /// What the disk has, and what of it a crash may take.
    pub(super) disk: SimulatedDisk,
    /// The commits that aren't synced, and the attempts whose outcomes each took in.
    pub(super) unsynced: VecDeque<(u64, Vec<u64>)>,
    pub(super) process: Option<Process>,
    client: Client,
    pub(super) network: Network,
    /// Whether some of what the store has can't be read.
    pub(super) unreadable: bool,
    pub(super) ledger: Ledger,
    pub(super) told_at: u64,
    pub(super) requests: u64,
    pub(super) uids: u64,
    /// Events that were handed in under an id or a key of the caller's, and not yet acknowledged.
    pub(super) unanswered: Vec<(u64, Vec<New>, Option<IdempotencyKey>)>,
    /// How many more moments at which the process may die pass before it does.
    pub(super) dies_in: Option<u64>,
    dying: bool,
}

impl World {
    pub(super) fn new(random: Random, settings: Delivery, bounds: Bounds, trace: bool) -> Self {
        let clock = Clock::simulated(Timestamp::from_ms(START_MS));
        Self {
            random,
            trace,
            time: START_MS,
            offset: 0,
            client: client(clock.clone()),
            clock,
            steady: true,
            set_back: 0,
            later: BTreeMap::new(),
            count: 0,
            lag: 0,
            sync_ms: 1,
            bounds,
            settings,
            disk: SimulatedDisk::default(),
            unsynced: VecDeque::new(),
            process: None,
            network: Network::default(),
            unreadable: false,
            ledger: Ledger::default(),
            told_at: 0,
            requests: 0,
            uids: 0,
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

    /// Time passes.
    fn advance(&mut self, to: u64) {
        self.clock.pass(Duration::from_millis(to.saturating_sub(self.time)));
        self.time = self.time.max(to);
    }

    // ---- the process ----

    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process runs")
    }

    /// It starts, on what the disk has.
    pub(super) fn start(&mut self) {
        let store = SimulatedStore::start(&self.disk, self.clock.clone());
        // Whatever of the last process is found is durable now, and the rest is lost.
        let unsynced = std::mem::take(&mut self.unsynced);
        let kept = unsynced.iter().filter(|(commit, _)| *commit <= store.found).count();
        self.say(|| format!("of {} commits not synced {kept} are kept", unsynced.len()));
        for (_, settled) in unsynced.into_iter().take(kept) {
            self.ledger.durable(&settled);
        }
        self.ledger.crashed();
        let handle = store.handle.clone();
        handle.set_default_retry(self.settings.retry());
        let (durable, status) = (handle.durable(), Arc::new(EngineStatus::new()));
        self.say(|| format!("starts, durable up to {}", durable.0));
        self.ledger.started(&store);
        let (client, settings, clock) = (self.client.clone(), self.settings.clone(), self.clock.clone());
        let mut driver = Driver::new(handle, client, settings, clock, durable, status).bounded(self.bounds);
        self.process = Some(Process {
            inputs: driver.lanes(),
            store,
            driver,
            watch: Watch::new(self.wall(), self.settings.max_in_flight, durable, self.bounds),
            stepped_at: 0,
            awake_at: None,
            syncing: false,
            open: Vec::new(),
        });
        self.wake_committer(self.time);
        self.step();
    }

    /// It dies, and all that was on its way within it.
    pub(super) fn kill(&mut self) {
        self.later.clear();
        self.process = None;
        (self.dies_in, self.dying, self.told_at) = (None, false, 0);
        // After a power cut anything may be left of what was not synced; where only the process died, all of it is.
        if self.random.one_in(2) {
            let random = &mut self.random;
            self.disk.cut_power(|count| random.index(count));
        } else {
            self.disk.kill();
        }
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

    pub(super) fn is_dying(&self) -> bool {
        self.dying
    }

    /// It dies, is down for a while, and comes back.
    pub(super) fn revive(&mut self) {
        self.kill();
        let down = self.random.below(20_000);
        self.advance(self.time + down);
        self.start();
        self.ask_again();
    }

    /// Callers who got no answer ask again, under the same ids. Some give up.
    pub(super) fn ask_again(&mut self) {
        for (_, events, key) in std::mem::take(&mut self.unanswered) {
            if self.random.one_in(2) {
                let number = self.submit(Request::Accept(events.clone(), key));
                self.unanswered.push((number, events, key));
            }
        }
    }

    // ---- time ----

    pub(super) fn set_clock(&mut self, by: i64) {
        self.say(|| format!("the clock is set by {by} ms"));
        self.steady = false;
        self.ledger.clock_was_set = true;
        self.offset += by;
        self.set_back += u64::try_from(-by).unwrap_or(0);
        self.clock.step_to(Timestamp::from_ms(self.wall()));
        let time = self.time;
        self.process().watch.clock_set(time);
        // The driver and the committer nap for a second at most.
        let (at, then) = (self.time + self.random.below(1000), self.time + self.random.below(1000));
        self.put(at, Later::Round);
        self.wake_committer(then);
    }

    /// Runs until `until` has come.
    pub(super) fn run_until(&mut self, until: u64) {
        loop {
            if self.dying {
                self.revive();
            }
            let next = self.later.first_key_value().map(|((at, _), _)| *at);
            let process = self.process.as_ref().expect("a process runs");
            let wake = process.driver.next_wake().map(|wake| wake.as_ms().saturating_add_signed(-self.offset));
            let nap = process.stepped_at + LONGEST_NAP_MS;
            let round = wake.map_or(nap, |wake| wake.min(nap));
            let at = next.map_or(round, |next| next.min(round));
            if at > until {
                return self.advance(until);
            }
            self.advance(at);
            match self.later.first_entry().filter(|entry| entry.key().0 <= self.time) {
                Some(entry) => {
                    let later = entry.remove();
                    self.happen(later);
                    // What comes at the same moment is often taken in with one step.
                    let more = self.later.first_key_value().is_some_and(|((at, _), _)| *at <= self.time);
                    let has_input = !self.process().inputs.is_empty();
                    if has_input && !self.dying && !(more && self.random.one_in(2)) {
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
            Later::Synced => self.synced(),
            Later::Updates(updates) => updates.into_iter().for_each(|update| self.learn(update)),
            Later::Read(action) => self.read_page(&action),
            Later::Prepare(start) => self.prepare(*start),
            Later::Ended(sent) => self.conclude(*sent),
            Later::Event(event) => self.hear(event),
            Later::Round => self.step(),
        }
    }

    /// Whether nothing is pending that could start, and nothing is under way.
    pub(super) fn is_done(&mut self) -> bool {
        let process = self.process();
        let store = process.store.handle.clone();
        let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
        let owes = store.directory().all().any(|webhook| {
            let automatic =
                webhook.is_active() && store.needs_automatic_attempt(ACCOUNT, webhook.no).expect("it can be read");
            automatic || !store.manual_page(webhook.no, first, 1).expect("it can be read").is_empty()
        });
        !owes && process.driver.in_flight() == 0 && process.store.is_idle()
    }
}
