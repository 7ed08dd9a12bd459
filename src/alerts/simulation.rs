//! Alerts in a simulated world, all of it from one seed.
//!
//! Real are the task that tells, and the store with its committer, which step in turn. Simulated are the disk below,
//! which loses what a crash may take, targets that fail and recover, a channel that is down now and then, the clock,
//! and a process that dies between any two steps. In the end, what a person has received is held against what the
//! store says has happened: nothing is missed, nothing is told twice, and a crash repeats at most the message that was
//! under way, under its key.
//!
//! `SEEDS=n` tells a tenth as many stories: there is less that can go wrong here than in delivery.

use crate::alerts::core::rules::HOUR;
use crate::alerts::engine::{Alerts, NotSent, Post, Sending, Teller};
use crate::alerts::message::{Kind, Message};
use crate::alerts::seeing::Observer;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::delivery::schedule::engine_status::EngineStatus;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::{
    AccountNo, Condition, NotificationKey, QuietHours, Recipient, State, TimeOfDay, Timestamp, Trigger, Verdict,
    WebhookId, WebhookNo, splitmix64,
};
use crate::store::simulated::{SimulatedDisk, SimulatedStore};
use crate::store::tests::rig::{START, attempt, event, webhook};
use crate::store::{CreateAccount, RecordEvents, RecordOutcome, Registration};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How many stories a run tells without being asked for more.
const SEEDS: u64 = 10;
const TURNS: u64 = 90;
const ACCOUNT: AccountNo = AccountNo(1);

struct Random {
    seed: u64,
    draws: u64,
}

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.draws += 1;
        splitmix64(self.seed.wrapping_mul(0x9e37_79b9) ^ self.draws.rotate_left(32)) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// What a person has received: whole messages, in order.
#[derive(Default)]
struct Mailbox {
    received: Vec<Message>,
    is_down: bool,
}

struct StandIn(Arc<Mutex<Mailbox>>);

impl Post for StandIn {
    fn channels(&self) -> BTreeMap<Recipient, Vec<String>> {
        BTreeMap::from([(Recipient::Operator, vec!["email".to_owned()])])
    }

    fn send(&self, _to: Recipient, _channel: String, message: Message) -> Sending {
        let mut mailbox = self.0.lock().unwrap();
        let is_down = mailbox.is_down;
        if !is_down {
            mailbox.received.push(message);
        }
        Box::pin(async move { if is_down { Err(NotSent::Later(Duration::ZERO)) } else { Ok(()) } })
    }
}

/// One life of the daemon.
struct Process {
    store: SimulatedStore,
    alerts: Arc<Alerts>,
    teller: Teller,
}

struct World {
    random: Random,
    clock: Clock,
    disk: SimulatedDisk,
    runtime: Runtime,
    config: Config,
    mailbox: Arc<Mutex<Mailbox>>,
    hooks: BTreeMap<WebhookNo, WebhookId>,
    /// The targets that answer nothing good.
    down: BTreeSet<WebhookNo>,
    /// When each target has begun to fail.
    episodes: BTreeSet<(WebhookNo, Timestamp)>,
    dies: bool,
    crashes: usize,
}

/// Has something go on until it ends, with the committer beside it; `None` where the process dies before.
fn drive<T>(
    runtime: &Runtime,
    store: &mut SimulatedStore,
    random: &mut Random,
    dies: bool,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    runtime.block_on(poll_fn(|context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        let waiting = store.waiting();
        if waiting > 0 {
            let is_the_end = dies && random.one_in(12);
            store.round(waiting, is_the_end);
            store.take_updates();
            if is_the_end {
                return Poll::Ready(None);
            }
            if random.one_in(20) {
                store.checkpoint(0);
            }
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }))
}

impl World {
    fn new(seed: u64) -> (Self, Process) {
        let mut random = Random { seed, draws: 0 };
        let mut config = Config::default();
        config.alerts.repeat = if random.one_in(2) { vec![HOUR] } else { Vec::new() };
        config.alerts.quiet = random.one_in(2).then(|| QuietHours::parse("12:30-14:00").unwrap());
        config.alerts.digest = random.one_in(4).then(|| TimeOfDay::parse("13:15").unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut world = Self {
            dies: random.one_in(2),
            random,
            clock: Clock::simulated(START),
            disk: SimulatedDisk::default(),
            runtime,
            config,
            mailbox: Arc::default(),
            hooks: BTreeMap::new(),
            down: BTreeSet::new(),
            episodes: BTreeSet::new(),
            crashes: 0,
        };
        let dies = std::mem::take(&mut world.dies);
        let mut process = world.start();
        let store = process.store.handle.clone();
        let account = world.drive(&mut process, store.commit(CreateAccount { name: "main".to_owned() }));
        assert_eq!(account.unwrap().unwrap(), ACCOUNT);
        for _ in 0..=world.random.below(3) {
            let hook = webhook(ACCOUNT, &["*"]);
            let registered = world.drive(&mut process, store.commit(Registration::from(hook))).unwrap();
            let hook = registered.unwrap().webhook;
            world.hooks.insert(hook.no, hook.id);
        }
        world.dies = dies;
        (world, process)
    }

    fn start(&mut self) -> Process {
        let store = SimulatedStore::start(&self.disk, self.clock.clone());
        let client = Client::new(ClientSettings::allowing(&[], Duration::from_secs(1)), self.clock.clone());
        let delivery = DeliveryHandle { status: Arc::new(EngineStatus::new()), client };
        let observer = Observer::new(store.handle.clone(), self.clock.clone(), delivery, Box::new(|| None));
        let post = Arc::new(StandIn(self.mailbox.clone()));
        let accounts = vec![(ACCOUNT, "main".to_owned())];
        let (alerts, teller) = Alerts::open(observer, post, self.config.clone(), accounts).unwrap();
        Process { store, alerts, teller }
    }

    fn drive<T>(&mut self, process: &mut Process, future: impl Future<Output = T>) -> Option<T> {
        drive(&self.runtime, &mut process.store, &mut self.random, self.dies, future)
    }

    /// It dies, and comes back.
    fn revive(&mut self, process: Process) -> Process {
        drop(process);
        self.crashes += 1;
        if self.random.one_in(2) {
            let random = &mut self.random;
            self.disk.cut_power(|count| usize::try_from(random.below(count as u64)).unwrap());
        } else {
            self.disk.kill();
        }
        self.clock.pass(Duration::from_secs(self.random.below(20)));
        self.start()
    }

    /// Something happens, or a look is taken; `None` where the process has died.
    fn turn(&mut self, process: &mut Process) -> Option<()> {
        let all: Vec<WebhookNo> = self.hooks.keys().copied().collect();
        if self.random.one_in(12) {
            let nth = self.random.below(all.len() as u64);
            let no = all[usize::try_from(nth).unwrap()];
            if !self.down.remove(&no) {
                self.down.insert(no);
            }
        }
        self.mailbox.lock().unwrap().is_down = self.random.one_in(4);
        if self.random.one_in(2) {
            self.record(process)?;
        }
        self.attempt(process)?;
        self.look(process)?;
        self.clock.pass(Duration::from_secs(1 + self.random.below(90)));
        Some(())
    }

    fn record(&mut self, process: &mut Process) -> Option<()> {
        let resource = format!(r#"{{"order":{{"external_id":"pedido-{}"}}}}"#, self.random.below(1000));
        let events = vec![event("ORDER.PAID", &resource)];
        let store = process.store.handle.clone();
        self.drive(process, store.commit(RecordEvents { account: ACCOUNT, events, key: None }))?.unwrap();
        Some(())
    }

    /// Every notification that is pending is attempted.
    fn attempt(&mut self, process: &mut Process) -> Option<()> {
        for (key, notification) in process.store.notifications(ACCOUNT) {
            if !matches!(notification.state, State::Pending | State::Retrying { .. }) {
                continue;
            }
            let (status, verdict) = match self.down.contains(&key.webhook) {
                false => (200, Verdict::Confirmed),
                true if notification.automatic >= 7 => (500, Verdict::Exhausted),
                true => (500, Verdict::RetryAt(self.clock.now())),
            };
            self.outcome(process, key, status, verdict)?;
        }
        Some(())
    }

    fn outcome(&mut self, process: &mut Process, key: NotificationKey, status: u16, verdict: Verdict) -> Option<()> {
        let store = process.store.handle.clone();
        let webhook_updated_at = store.directory().by_no(key.webhook).map_or(START, |webhook| webhook.updated_at);
        store.record_outcome(RecordOutcome {
            account: ACCOUNT,
            key,
            attempt: attempt(Trigger::Automatic, Some(status)),
            verdict,
            gap: Duration::ZERO,
            requested_at: None,
            webhook_updated_at,
        });
        // Whatever was sent before is durable once this is.
        self.drive(process, store.commit(CreateAccount { name: "main".to_owned() }))?.unwrap();
        let failing = store.healths().into_iter().filter(|(_, health)| health.failing);
        self.episodes.extend(failing.map(|(no, health)| (no, health.failing_since)));
        Some(())
    }

    fn look(&mut self, process: &mut Process) -> Option<()> {
        let Process { store, teller, .. } = process;
        drive(&self.runtime, store, &mut self.random, self.dies, teller.turn())
    }

    fn live(mut self, mut process: Process) {
        for _ in 0..TURNS {
            if self.turn(&mut process).is_none() {
                process = self.revive(process);
            }
        }
        // In the end all is well, and everything is told.
        self.dies = false;
        self.down.clear();
        self.mailbox.lock().unwrap().is_down = false;
        self.record(&mut process).unwrap();
        self.attempt(&mut process).unwrap();
        let end = self.clock.now().plus(4 * HOUR);
        while self.clock.now() < end {
            self.look(&mut process).unwrap();
            self.clock.pass(Duration::from_secs(240));
        }
        self.check(&process);
    }

    fn check(&self, process: &Process) {
        let seed = self.random.seed;
        let figures = process.alerts.figures();
        assert!(process.alerts.list().is_empty() && figures.pending == 0, "seed {seed}: {:?}", process.alerts.list());
        let received = std::mem::take(&mut self.mailbox.lock().unwrap().received);
        let mut messages: BTreeMap<String, &Message> = BTreeMap::new();
        for message in &received {
            let known = messages.entry(message.key.to_string()).or_insert(message);
            assert_eq!(*known, message, "seed {seed}: a key is of one message");
        }
        let again = received.len() - messages.len();
        assert!(again <= self.crashes, "seed {seed}: {again} sent again, {} crashes", self.crashes);

        let facts = |no: WebhookNo, condition: Condition| {
            let (id, name) = (self.hooks[&no], condition.as_str());
            messages.values().flat_map(move |message| {
                let of_it = move |fact: &&_| is_of(fact, id, name);
                message.conditions.iter().filter(of_it).map(|fact| (message.at, fact))
            })
        };
        let notifications = process.store.notifications(ACCOUNT);
        for no in self.hooks.keys().copied() {
            let failed =
                notifications.iter().filter(|(key, one)| key.webhook == no && one.state == State::Failed).count();
            let told: u64 = facts(no, Condition::NotificationsFailed(no)).filter_map(|(_, fact)| fact.count).sum();
            assert_eq!(told, failed as u64, "seed {seed}: {no:?}: each that failed is counted once");

            let episodes = self.episodes.iter().filter(|(of, _)| *of == no);
            for (_, began) in episodes.clone() {
                let covered =
                    facts(no, Condition::WebhookFailing(no)).any(|(at, fact)| fact.since <= *began && *began <= at);
                assert!(covered, "seed {seed}: {no:?} began to fail at {began} and nobody was told");
            }
            if self.config.alerts.repeat.is_empty() && self.config.alerts.digest.is_none() {
                let (told, most) = (facts(no, Condition::WebhookFailing(no)).count(), 2 * episodes.count());
                assert!(told <= most, "seed {seed}: {no:?} was told of {told} times, of at most {most}");
            }
        }
    }
}

fn is_of(fact: &crate::alerts::message::ConditionFact, webhook: WebhookId, condition: &str) -> bool {
    fact.condition == condition && fact.webhook.as_ref().is_some_and(|of| of.id == webhook)
}

#[test]
fn in_any_story_nothing_is_missed_told_twice_or_lost() {
    let asked_for = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse::<u64>().ok());
    let seeds = asked_for.map_or(SEEDS, |seeds| seeds.div_ceil(10));
    for seed in 0..seeds {
        let (world, process) = World::new(seed);
        world.live(process);
    }
}

/// A store that takes no change is what an alert is needed for most; its letter would wait for the store.
#[test]
fn what_is_critical_is_told_though_nothing_can_be_kept_and_told_once() {
    // Below half of what must be free: outcomes are recorded yet.
    what_is_critical_is_told(
        |free| free * 2,
        |world, process| {
            process.teller.patience = Duration::from_millis(1);
            let mailbox = world.mailbox.clone();
            let mut turn = pin!(process.teller.turn());
            let mut polls_left = 100;
            world.runtime.block_on(poll_fn(|context| {
                assert!(turn.as_mut().poll(context).is_pending(), "nobody makes the change");
                if !mailbox.lock().unwrap().received.is_empty() {
                    // What was sent is taken note of a little later.
                    polls_left -= 1;
                    context.waker().wake_by_ref();
                }
                if polls_left > 0 { Poll::Pending } else { Poll::Ready(()) }
            }));
        },
    );
}

/// A write that finds no room ends the process: the store refuses it.
#[test]
fn a_full_disk_is_told_without_a_write() {
    what_is_critical_is_told(
        |_| u64::MAX / 4,
        |world, process| {
            world.look(process).unwrap();
            let kept = process.store.handle.kept_alerts().unwrap();
            assert!(kept.alerts.is_empty() && kept.letters.is_empty(), "{:?}", kept.alerts);
        },
    );
}

fn what_is_critical_is_told(min_free: fn(u64) -> u64, tell: impl FnOnce(&mut World, &mut Process)) {
    let (mut world, mut process) = World::new(0);
    world.dies = false;
    let mut config = world.config.clone();
    let store = process.store.handle.clone();
    config.store.min_free = min_free(store.stats().free_bytes.unwrap());
    store.configure(&config);
    tell(&mut world, &mut process);
    let told = |world: &World| {
        let received = std::mem::take(&mut world.mailbox.lock().unwrap().received);
        let names = |message: &Message| message.conditions.iter().map(|fact| fact.condition.clone()).collect();
        received.iter().map(|message| (message.kind, names(message))).collect::<Vec<(Kind, Vec<String>)>>()
    };
    let first = told(&world);
    assert!(first.len() == 1 && first[0].0 == Kind::Opened, "{first:?}");
    assert!(first[0].1.contains(&"DISK_LOW".to_owned()), "{first:?}");
    process.teller.patience = HOUR;
    let look_on = |world: &mut World, process: &mut Process| {
        for _ in 0..10 {
            world.look(process).unwrap();
            world.clock.pass(Duration::from_secs(5));
        }
    };
    look_on(&mut world, &mut process);
    assert_eq!(told(&world), [], "what was told ahead isn't told again");
    process.teller.patience = Duration::ZERO;
    world.clock.pass(6 * HOUR);
    look_on(&mut world, &mut process);
    let again = told(&world);
    assert!(again.len() == 1 && again[0].0 == Kind::Reminder, "{again:?}");
    process.teller.patience = HOUR;
    config.store.min_free = 0;
    store.configure(&config);
    look_on(&mut world, &mut process);
    let last = told(&world);
    assert!(last.len() == 1 && last[0].0 == Kind::Over, "{last:?}");
}
