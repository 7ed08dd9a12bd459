//! The scheduler, one story each: a model of the store's three queues, scripted targets, a clock set by hand.
//!
//! Pages are read some time after they were asked for and arrive some time after they were read, and outcomes settle
//! late. Stories that nobody wrote are told in `delivery/simulation`.

use super::*;
use crate::delivery::schedule::message::{LaneSettings, Reachability};
use crate::delivery::schedule::pace::MAX_PROBE_INTERVAL;
use crate::model::{
    AccountNo, Attempt, AttemptResult, MAX_AUTOMATIC_ATTEMPTS, Notification, RateLimit, Response, RetryPolicy, State,
    Timings, Trigger, Verdict,
};
use crate::store::Standing;
use std::collections::HashMap;

const START_MS: u64 = 1_795_435_200_000;
const ACCOUNT: AccountNo = AccountNo(1);
/// Rows, aside, by hand, timers and busy ones, each with its own cap.
const MOST_HELD_BY_A_LANE: usize = 6 * 1024;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How a target behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Healthy,
    Failing,
    Dead,
}

struct Hook {
    settings: LaneSettings,
    mood: Mood,
    fresh: BTreeSet<Seq>,
    retries: BTreeSet<Due>,
    manuals: BTreeSet<Due>,
    // What the assertions go by.
    in_flight: usize,
    probing: bool,
    tokens: f64,
    tokens_at: u64,
    /// Since when nothing but the scheduler has kept it from starting what it owes.
    free_since: u64,
    blocked: bool,
}

impl Hook {
    fn burst(&self) -> f64 {
        self.settings.rate_limit.map_or(f64::MAX, |rate| rate.as_f64().max(1.0))
    }
}

/// What will happen.
enum Later {
    Hear(Input<()>),
    Read(Action<()>),
    End { key: NotificationKey, trigger: Trigger, automatic: u8, requested_at: Option<Timestamp> },
    Untried(NotificationKey),
    Settle { key: NotificationKey, trigger: Trigger, verdict: Verdict, requested_at: Option<Timestamp> },
}

struct Sim {
    random: Random,
    scheduler: Scheduler<()>,
    policy: RetryPolicy,
    /// Time that only runs forwards, in ms; the wall clock is `offset` away from it.
    time: u64,
    offset: i64,
    stamp: u64,
    later: BTreeMap<(u64, u64), Later>,
    count: u64,
    told_at: u64,
    seq: u64,
    durable_told: u64,
    hooks: BTreeMap<WebhookNo, Hook>,
    notifications: HashMap<NotificationKey, Notification>,
    in_flight: HashMap<NotificationKey, AttemptKind>,
    max_in_flight: usize,
    stepped_at: u64,
    /// The latest wall time since the clock last jumped.
    peak: u64,
    /// How late pages and words may be.
    lag: u64,
    /// The worst it ever was.
    worst_lag: u64,
    started: Vec<(NotificationKey, Timestamp, AttemptKind)>,
    steps: u64,
}

fn standing_rows(notification: &Notification) -> (Option<Seq>, Option<Due>, Option<Due>) {
    let seq = notification.key.seq;
    let (fresh, retry) = match Standing::from(notification) {
        Standing::Nothing => (None, None),
        Standing::Fresh => (Some(seq), None),
        Standing::Retry(at) => (None, Some(Due { at, seq })),
    };
    (fresh, retry, notification.manual_at.map(|at| Due { at, seq }))
}

impl Sim {
    fn new(seed: u64, policy: RetryPolicy) -> Self {
        let now = Timestamp::from_ms(START_MS);
        Self {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            scheduler: Scheduler::new(now, 512, Seq(0)),
            policy,
            time: START_MS,
            offset: 0,
            stamp: START_MS,
            later: BTreeMap::new(),
            count: 0,
            told_at: 0,
            seq: 0,
            durable_told: 0,
            hooks: BTreeMap::new(),
            notifications: HashMap::new(),
            in_flight: HashMap::new(),
            max_in_flight: 512,
            stepped_at: START_MS,
            peak: START_MS,
            lag: 0,
            worst_lag: 0,
            started: Vec::new(),
            steps: 0,
        }
    }

    fn wall(&self) -> u64 {
        self.time.saturating_add_signed(self.offset)
    }

    fn stamp(&mut self) -> Timestamp {
        self.stamp = self.stamp.max(self.wall());
        Timestamp::from_ms(self.stamp)
    }

    fn delay(&mut self) -> u64 {
        if self.lag == 0 { 0 } else { self.random.below(self.lag) }
    }

    fn put(&mut self, at: u64, later: Later) {
        self.count += 1;
        self.later.insert((at, self.count), later);
    }

    /// Word from the store: late, but in the order of commit.
    fn tell(&mut self, input: Input<()>) {
        self.told_at = self.told_at.max(self.time + self.delay());
        self.put(self.told_at, Later::Hear(input));
    }

    fn change(&mut self, key: NotificationKey, change: impl FnOnce(&mut Notification)) {
        let Some(notification) = self.notifications.get_mut(&key) else {
            return;
        };
        let before = standing_rows(notification);
        change(notification);
        let after = standing_rows(notification);
        let Some(hook) = self.hooks.get_mut(&key.webhook) else {
            return;
        };
        before.0.map(|row| hook.fresh.remove(&row));
        before.1.map(|row| hook.retries.remove(&row));
        before.2.map(|row| hook.manuals.remove(&row));
        hook.fresh.extend(after.0);
        hook.retries.extend(after.1);
        hook.manuals.extend(after.2);
    }

    // ---- what people do ----

    fn register(&mut self, max_in_flight: usize, rate: Option<f64>) -> WebhookNo {
        let no = WebhookNo(u32::try_from(self.count).unwrap() + 1);
        let rate_limit = rate.map(|rate| RateLimit::per_second(rate).unwrap());
        let settings = LaneSettings { account: ACCOUNT, active: true, max_in_flight, rate_limit };
        let hook = Hook {
            settings,
            mood: Mood::Healthy,
            fresh: BTreeSet::new(),
            retries: BTreeSet::new(),
            manuals: BTreeSet::new(),
            in_flight: 0,
            probing: false,
            tokens: rate.map_or(f64::MAX, |rate| rate.max(1.0)),
            tokens_at: 0,
            free_since: self.time,
            blocked: false,
        };
        self.hooks.insert(no, hook);
        self.count += 1;
        self.step(vec![Input::LaneChanged { no, settings }]);
        no
    }

    fn record(&mut self, how_many: u64, only: Option<WebhookNo>) {
        let now = self.stamp();
        let hooks: Vec<WebhookNo> =
            self.hooks.keys().copied().filter(|no| only.is_none_or(|only| only == *no)).collect();
        let mut told = Vec::new();
        for _ in 0..how_many {
            self.seq += 1;
            for webhook in &hooks {
                let key = NotificationKey { seq: Seq(self.seq), webhook: *webhook };
                self.notifications.insert(key, Notification::new(key, ACCOUNT, now, false));
                self.change(key, |_| {});
                let hot = (!self.random.one_in(3)).then_some(());
                told.push(Input::Untried { key, hot });
            }
        }
        for input in told {
            self.tell(input);
        }
        self.tell(Input::Durable(Seq(self.seq)));
    }

    fn set(&mut self, no: WebhookNo, change: impl FnOnce(&mut LaneSettings)) {
        if let Some(hook) = self.hooks.get_mut(&no) {
            change(&mut hook.settings);
            hook.free_since = self.time;
            let settings = hook.settings;
            // At once, so that from here on the assertions and the scheduler go by the same settings.
            self.step(vec![Input::LaneChanged { no, settings }]);
        }
    }

    /// The process dies and comes back: what was on its way is gone, but for outcomes that just made it to the disk.
    fn restart(&mut self) {
        for (at, later) in std::mem::take(&mut self.later) {
            if let Later::Settle { .. } = later
                && self.random.one_in(2)
            {
                self.later.insert(at, later);
            }
        }
        let settles = std::mem::take(&mut self.later);
        for settle in settles.into_values() {
            self.happen(settle);
        }
        self.later.clear();
        self.in_flight.clear();
        self.told_at = 0;
        self.durable_told = self.seq;
        self.scheduler = Scheduler::new(Timestamp::from_ms(self.wall()), self.max_in_flight, Seq(self.seq));
        self.jumped();
        for hook in self.hooks.values_mut() {
            hook.in_flight = 0;
            hook.probing = false;
        }
        let lanes: Vec<_> = self.hooks.iter().map(|(no, hook)| (*no, hook.settings)).collect();
        self.step(lanes.into_iter().map(|(no, settings)| Input::LaneChanged { no, settings }).collect());
    }

    fn jumped(&mut self) {
        self.peak = self.wall();
        self.stepped_at = self.wall();
        for hook in self.hooks.values_mut() {
            (hook.tokens, hook.tokens_at) = (hook.burst(), self.peak);
            hook.free_since = self.time;
        }
    }

    /// Whether a lane that might start something sits on what has long been due.
    fn check_idle_lanes(&mut self) {
        self.worst_lag = self.worst_lag.max(self.lag);
        let (wall, longest) = (self.wall(), 8 * self.worst_lag + 100 + millis(MAX_PROBE_INTERVAL));
        let full = self.in_flight.len() >= self.max_in_flight;
        for (no, hook) in &mut self.hooks {
            let held = hook.settings.rate_limit.is_some();
            let blocked = full || held || !hook.settings.active || hook.in_flight > 0;
            // What ended since the step before blocked it until now.
            if blocked || hook.blocked {
                hook.free_since = self.time;
            }
            hook.blocked = blocked;
            if self.time < hook.free_since + longest {
                continue;
            }
            let overdue = |due: &Due| wall > due.at.as_ms() + longest;
            let fresh = hook.fresh.first().map(|seq| NotificationKey { seq: *seq, webhook: *no });
            let fresh = fresh.filter(|key| wall > self.notifications[key].inserted_at.as_ms() + longest);
            let retry = hook.retries.first().filter(|due| overdue(due));
            let manual = hook.manuals.first().filter(|due| overdue(due));
            assert!(
                fresh.is_none() && retry.is_none() && manual.is_none(),
                "idle: {no:?} {fresh:?} {retry:?} {manual:?}"
            );
        }
    }

    // ---- what the driver, the store and the targets do ----

    fn step(&mut self, inputs: Vec<Input<()>>) {
        let wall = self.wall();
        if wall + 1000 < self.stepped_at || wall > self.stepped_at + 30_000 {
            self.jumped();
        }
        self.stepped_at = wall;
        self.peak = self.peak.max(wall);
        self.check_idle_lanes();
        for input in &inputs {
            // What is told is durable, and so is all before it; what is merely visible may not be.
            if let Input::Durable(seq) | Input::Untried { key: NotificationKey { seq, .. }, .. } = input {
                self.durable_told = self.durable_told.max(seq.0);
            }
        }
        let mut actions = Vec::new();
        self.scheduler.step(Timestamp::from_ms(wall), inputs, &mut actions);
        self.steps += 1;
        for action in actions {
            match action {
                Action::Start { key, kind, hot, .. } => self.start(key, kind, hot.is_some()),
                Action::Lost(key) => panic!("lost {key:?}: {:?}", self.notifications.get(&key)),
                action => {
                    let at = self.time + self.delay();
                    self.put(at, Later::Read(action));
                }
            }
        }
        assert!(self.scheduler.in_flight() == self.in_flight.len(), "slots are counted");
        let held = self.scheduler.held();
        assert!(held <= self.hooks.len() * MOST_HELD_BY_A_LANE, "{held} held");
        self.check_idle_lanes();
        if let Some(wake) = self.scheduler.next_wake() {
            assert!(wake.as_ms() > wall, "a wake in the past would spin");
        }
    }

    fn start(&mut self, key: NotificationKey, kind: AttemptKind, hot: bool) {
        let wall = self.wall();
        let notification = &self.notifications[&key];
        assert!(self.in_flight.insert(key, kind).is_none(), "two attempts of {key:?} at once");
        assert!(self.in_flight.len() <= self.max_in_flight, "over the global limit");
        let hook = self.hooks.get_mut(&key.webhook).expect("a deleted lane starts nothing");
        hook.in_flight += 1;
        assert!(hook.in_flight <= hook.settings.max_in_flight, "over the lane's limit");
        assert!(!hook.probing || hook.in_flight == 1, "more than one probe");
        if let Some(rate) = hook.settings.rate_limit {
            let passed = u32::try_from(wall.saturating_sub(hook.tokens_at).min(1 << 30)).unwrap();
            let refilled = hook.tokens + f64::from(passed) / 1000.0 * rate.as_f64() * 1.001;
            hook.tokens = refilled.min(hook.burst()) - 1.0;
            hook.tokens_at = wall;
            assert!(hook.tokens > -0.05, "over the rate limit: {}", hook.tokens);
        }
        assert!(kind == AttemptKind::Manual || hook.settings.active, "an automatic attempt of a paused webhook");
        if let AttemptKind::Retry(due) = kind {
            assert!(self.peak >= due.as_ms(), "{} ms before its time", due.as_ms() - self.peak);
        } else if kind == AttemptKind::Untried {
            assert!(key.seq.0 <= self.durable_told, "attempted before it is known to be durable");
        }
        self.started.push((key, Timestamp::from_ms(wall), kind));
        let still = match kind {
            AttemptKind::Untried => Standing::from(notification) == Standing::Fresh,
            AttemptKind::Retry(due) => Standing::from(notification) == Standing::Retry(due),
            AttemptKind::Manual => notification.manual_at.is_some(),
        };
        if hot {
            let untouched = notification.attempts == 0 || notification.state == State::Cancelled;
            assert!(untouched, "sent from memory, as the first attempt, and it isn't: {notification:?}");
        } else if !still {
            let at = self.time + self.delay();
            return self.put(at, Later::Untried(key));
        }
        let automatic = notification.automatic;
        let trigger = if kind == AttemptKind::Manual { Trigger::Manual } else { Trigger::Automatic };
        assert!(trigger == Trigger::Manual || automatic < self.policy.max_attempts(), "a 21st attempt");
        let span = match hook.mood {
            _ if self.lag == 0 => 0,
            Mood::Healthy => 1 + self.random.below(200),
            Mood::Failing => 1 + self.random.below(2000),
            Mood::Dead => 1000 + self.random.below(15_000),
        };
        let requested_at = notification.manual_at.filter(|_| kind == AttemptKind::Manual);
        self.put(self.time + span, Later::End { key, trigger, automatic, requested_at });
    }

    fn happen(&mut self, later: Later) {
        match later {
            Later::Hear(input) => self.step(vec![input]),
            Later::Read(action) => {
                let answer = self.read(&action);
                let at = self.time + self.delay();
                self.put(at, Later::Hear(answer));
            }
            Later::End { key, trigger, automatic, requested_at } => self.end(key, trigger, automatic, requested_at),
            Later::Untried(key) => {
                self.free(key, Reachability::NotAttempted);
                let standing = self.notifications.get(&key).map_or(Standing::Nothing, Standing::from);
                let ended = Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None };
                self.step(vec![ended, Input::OutcomeRecorded { key, standing }]);
            }
            Later::Settle { key, trigger, verdict, requested_at } => {
                let now = self.stamp();
                let status = if verdict == Verdict::Confirmed { 200 } else { 500 };
                let response = Response { status, body: vec![], retry_after: None, location: None };
                let attempt = Attempt {
                    number: 0,
                    trigger,
                    started_at: now,
                    duration_us: 0,
                    timings: Timings::default(),
                    remote_ip: None,
                    tls: None,
                    result: AttemptResult::Response(response),
                    next_attempt_at: None,
                };
                self.change(key, |notification| {
                    notification.record_outcome(attempt, verdict, requested_at, now);
                });
                let standing = self.notifications.get(&key).map_or(Standing::Nothing, Standing::from);
                self.tell(Input::OutcomeRecorded { key, standing });
            }
        }
    }

    fn free(&mut self, key: NotificationKey, reachability: Reachability) {
        self.in_flight.remove(&key);
        if let Some(hook) = self.hooks.get_mut(&key.webhook) {
            hook.in_flight -= 1;
            hook.free_since = self.time;
            match reachability {
                Reachability::Confirmed | Reachability::Answered => hook.probing = false,
                Reachability::Unreachable => hook.probing = true,
                Reachability::Inconclusive | Reachability::LocalFault | Reachability::NotAttempted => {}
            }
        }
    }

    fn end(&mut self, key: NotificationKey, trigger: Trigger, automatic: u8, requested_at: Option<Timestamp>) {
        let now = Timestamp::from_ms(self.wall());
        let mood = self.hooks.get(&key.webhook).map_or(Mood::Healthy, |hook| hook.mood);
        let reachability = match mood {
            Mood::Healthy => Reachability::Confirmed,
            Mood::Failing => Reachability::Answered,
            Mood::Dead => Reachability::Unreachable,
        };
        let verdict = match trigger {
            _ if reachability == Reachability::Confirmed => Verdict::Confirmed,
            Trigger::Manual | Trigger::Test => Verdict::ScheduleUnchanged,
            Trigger::Automatic => match self.policy.next_attempt_at(automatic + 1, key, now, None) {
                Ok(at) => Verdict::RetryAt(at),
                Err(_) => Verdict::Exhausted,
            },
        };
        self.free(key, reachability);
        let at = self.time + self.delay();
        self.put(at, Later::Settle { key, trigger, verdict, requested_at });
        self.step(vec![Input::AttemptEnded { key, reachability, hold: None }]);
    }

    fn read(&self, action: &Action<()>) -> Input<()> {
        let hook = |no: WebhookNo| self.hooks.get(&no);
        match *action {
            Action::LoadUntried(ask) => {
                let rows = hook(ask.lane).map(|hook| hook.fresh.range(ask.from..).take(ask.limit).copied().collect());
                Input::UntriedPage { ask, rows: rows.unwrap_or_default() }
            }
            Action::LoadRetries(ask, until) => {
                let end = Due { at: until, seq: Seq(0) };
                let rows = hook(ask.lane).filter(|_| ask.from < end);
                let rows = rows.map(|hook| hook.retries.range(ask.from..end).take(ask.limit).copied().collect());
                Input::RetryPage { ask, until, rows: rows.unwrap_or_default() }
            }
            Action::LoadManual(ask) => {
                let rows = hook(ask.lane).map(|hook| hook.manuals.range(ask.from..).take(ask.limit).copied().collect());
                Input::ManualPage { ask, rows: rows.unwrap_or_default() }
            }
            Action::Audit { lane, before, .. } => {
                let end = Due { at: before, seq: Seq(0) };
                let retries = hook(lane).map(|hook| hook.retries.range(..end).take(64).copied().collect());
                let fresh = hook(lane).map(|hook| hook.fresh.iter().take(64).copied().collect());
                let manual = hook(lane).map(|hook| hook.manuals.iter().take(64).copied().collect());
                Input::Audited {
                    lane,
                    retries: retries.unwrap_or_default(),
                    fresh: fresh.unwrap_or_default(),
                    manual: manual.unwrap_or_default(),
                }
            }
            Action::Start { .. } | Action::Lost(_) => unreachable!("neither is a question to the store"),
        }
    }

    /// Runs until `until` has come, or nothing more will ever happen.
    fn run_until(&mut self, until: u64) {
        loop {
            let next = self.later.first_key_value().map(|((at, _), _)| *at);
            let wake = self.scheduler.next_wake().map(|wake| wake.as_ms().saturating_add_signed(-self.offset));
            let at = match (next, wake) {
                (Some(a), Some(b)) => a.min(b),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => until,
            };
            if at > until {
                self.time = until;
                return;
            }
            self.time = self.time.max(at);
            match self.later.first_entry().filter(|entry| entry.key().0 <= self.time) {
                Some(entry) => {
                    let later = entry.remove();
                    self.happen(later);
                }
                None if next.is_none() && wake.is_none() => return,
                None => self.step(Vec::new()),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.hooks.values().all(|hook| hook.fresh.is_empty() && hook.retries.is_empty() && hook.manuals.is_empty())
            && self.in_flight.is_empty()
            && !self.later.values().any(|later| matches!(later, Later::Settle { .. }))
    }

    /// Everything is well from here on: whatever is owed must end within the longest wait that the past can have left
    /// behind.
    fn finish(&mut self, longest: Duration) {
        let hooks: Vec<WebhookNo> = self.hooks.keys().copied().collect();
        for no in hooks {
            self.set(no, |settings| (settings.active, settings.max_in_flight) = (true, settings.max_in_flight.max(4)));
            if let Some(hook) = self.hooks.get_mut(&no) {
                hook.mood = Mood::Healthy;
            }
        }
        let deadline = self.time + millis(longest);
        while !self.is_done() {
            let until = (self.time + 60_000).min(deadline);
            self.run_until(until);
            assert!(self.time < deadline || self.is_done(), "stuck: {:?}", self.stuck());
        }
        for notification in self.notifications.values() {
            match notification.state {
                State::Delivered | State::Cancelled => {}
                State::Failed => assert_eq!(notification.automatic, self.policy.max_attempts()),
                State::Pending | State::Retrying { .. } => panic!("left behind: {notification:?}"),
            }
        }
    }

    fn stuck(&self) -> Vec<&Notification> {
        let owed = self.notifications.values().filter(|n| n.needs_automatic_attempt() || n.manual_at.is_some());
        owed.take(3).collect()
    }
}

fn unjittered(gaps_ms: &[u64]) -> RetryPolicy {
    RetryPolicy::new(gaps_ms.iter().copied().map(Duration::from_millis).collect(), 20, 0.0).unwrap()
}

fn default_unjittered() -> RetryPolicy {
    RetryPolicy::new(RetryPolicy::default().schedule().to_vec(), MAX_AUTOMATIC_ATTEMPTS, 0.0).unwrap()
}

/// The wheel's tick: an attempt starts with the first one at or after its due time.
fn tick_at(ms: u64) -> u64 {
    ms.div_ceil(16) * 16
}

// ---- one story each
// --------------------------------------------------------------------------------------------------

#[test]
fn one_notification_has_its_20_attempts_at_the_exact_instants_of_the_schedule() {
    let mut sim = Sim::new(1, default_unjittered());
    let no = sim.register(8, None);
    sim.hooks.get_mut(&no).unwrap().mood = Mood::Failing;
    sim.record(1, None);
    sim.run_until(START_MS + 5 * 24 * 3_600_000);
    let mut expected = vec![START_MS];
    for gap in sim.policy.schedule() {
        expected.push(tick_at(expected.last().unwrap() + millis(*gap)));
    }
    let started: Vec<u64> = sim.started.iter().map(|(_, at, _)| at.as_ms()).collect();
    assert_eq!((started.len(), started), (20, expected));
    assert_eq!(sim.notifications.values().next().unwrap().state, State::Failed);
    assert!(sim.steps < 60_000, "{} steps for three days", sim.steps);
}

#[test]
fn a_clock_that_steps_shifts_the_schedule_and_neither_loses_nor_repeats_an_attempt() {
    let hour = 3_600_000_i64;
    for steps in [[hour, -hour], [-hour, hour], [40_000, -900], [-900, 5000], [50 * hour, -50 * hour], [-2000, -2000]] {
        let mut sim = Sim::new(1, default_unjittered());
        let no = sim.register(8, None);
        sim.hooks.get_mut(&no).unwrap().mood = Mood::Failing;
        sim.record(1, None);
        let mut due = None;
        for (nth, step) in steps.into_iter().enumerate() {
            // Between the fourth attempt and the fifth, and between the tenth and the eleventh.
            while sim.started.len() < [4, 10][nth] {
                let until = sim.time + 500;
                sim.run_until(until);
            }
            let notification = sim.notifications.values().next().unwrap();
            let State::Retrying { due: at } = notification.state else { panic!("{notification:?}") };
            due = Some(at.as_ms());
            sim.offset += step;
            sim.hooks.values_mut().for_each(|hook| hook.free_since = sim.time);
            let before = sim.started.len();
            while sim.started.len() == before {
                let until = sim.time + 500;
                sim.run_until(until);
            }
            let started = sim.started[before].1.as_ms();
            let earliest = tick_at(at.as_ms());
            // By the wall clock, whatever it did: at its due time, or as soon as the clock has been seen past it.
            assert!(started >= earliest, "{steps:?}: {} ms early", earliest - started);
            let seen = earliest.max(sim.peak.min(started));
            assert!(started <= seen.max(earliest) + 1000 || step > 0, "{steps:?}: late");
        }
        assert!(due.is_some());
        sim.run_until(START_MS + 10 * 24 * 3_600_000);
        assert_eq!(sim.started.len(), 20, "{steps:?}");
        assert_eq!(sim.notifications.values().next().unwrap().state, State::Failed);
    }
}

/// A lane that held its fill of timers for later put an earlier one aside until those had fired: with 1,500
/// notifications due in 50 seconds, a new one's second attempt, due in five, came 45 seconds late on an idle lane.
#[test]
fn an_early_retry_is_not_kept_waiting_by_a_thousand_later_ones() {
    let mut sim = Sim::new(1, unjittered(&[50_000]));
    let no = sim.register(64, None);
    sim.hooks.get_mut(&no).unwrap().mood = Mood::Failing;
    sim.record(1500, None);
    sim.run_until(START_MS + 1000);
    sim.policy = unjittered(&[5000, 300_000]);
    sim.record(1, None);
    let late = NotificationKey { seq: Seq(sim.seq), webhook: no };
    sim.run_until(START_MS + 55_000);
    let started: Vec<u64> =
        sim.started.iter().filter(|(key, ..)| *key == late).map(|(_, at, _)| at.as_ms() - START_MS).collect();
    assert_eq!(started, [1000, tick_at(START_MS + 6000) - START_MS]);
    let seconds = sim.notifications.values().filter(|notification| notification.automatic == 2).count();
    assert_eq!(seconds, 1501, "and none of the others is lost by it");
}

#[test]
fn a_backlog_of_100_000_is_worked_off_in_order_and_never_held() {
    let mut sim = Sim::new(1, unjittered(&[1000]));
    let no = sim.register(64, None);
    let other = sim.register(8, None);
    sim.set(no, |settings| settings.active = false);
    sim.run_until(START_MS + 1000);
    sim.record(100_000, Some(no));
    sim.run_until(START_MS + 5000);
    assert_eq!((sim.started.len(), sim.scheduler.held()), (0, 0));
    sim.lag = 40;
    sim.set(no, |settings| settings.active = true);
    sim.record(200, Some(other));
    sim.run_until(START_MS + 60_000);
    let own = |no| sim.started.iter().filter(move |(key, ..)| key.webhook == no);
    assert_eq!(own(other).count(), 200, "a lane with a backlog starves no other");
    assert!(own(no).map(|(key, ..)| key.seq).is_sorted());
    sim.finish(Duration::from_secs(3600));
    assert_eq!(sim.started.len(), 100_200);
}

/// More than can be put aside is told between the reading of a page and its coming: the page says that it ends the
/// range, and doesn't know of them. What had no room must be read again, not taken for held.
#[test]
fn what_found_no_room_beside_a_page_on_its_way_is_read_again() {
    let mut sim = Sim::new(1, unjittered(&[1000]));
    let no = sim.register(64, None);
    sim.set(no, |settings| settings.active = false);
    sim.run_until(START_MS + 1000);
    sim.lag = 3000;
    sim.set(no, |settings| settings.active = true);
    while !sim.later.values().any(|later| matches!(later, Later::Hear(Input::UntriedPage { .. }))) {
        let until = sim.time + 1;
        sim.run_until(until);
    }
    // The page has been read, and is on its way for a while yet.
    let lag = std::mem::replace(&mut sim.lag, 0);
    sim.record(3000, None);
    let now = sim.time;
    sim.run_until(now);
    assert!(sim.later.values().any(|later| matches!(later, Later::Hear(Input::UntriedPage { .. }))));
    sim.lag = lag / 100;
    sim.finish(Duration::from_secs(3600));
    assert_eq!(sim.started.len(), 3000);
}

#[test]
fn a_restart_with_a_backlog_of_retries_loses_none() {
    let mut sim = Sim::new(1, unjittered(&[1000, 60_000]));
    let no = sim.register(64, None);
    sim.hooks.get_mut(&no).unwrap().mood = Mood::Failing;
    sim.lag = 10;
    sim.record(5000, None);
    sim.run_until(START_MS + 120_000);
    sim.restart();
    sim.finish(Duration::from_secs(3600));
}

/// Sixty-four targets that never answer, each with its eight attempts in flight, once held all 512 slots there are: a
/// healthy target's first attempt waited for one of theirs to time out.
#[test]
fn targets_that_hold_all_they_may_leave_room_for_one_that_is_well() {
    let mut sim = Sim::new(1, default_unjittered());
    sim.lag = 1;
    let slow: Vec<WebhookNo> = (0..64).map(|_| sim.register(8, None)).collect();
    sim.record(20, None);
    for no in &slow {
        sim.hooks.get_mut(no).unwrap().mood = Mood::Dead;
    }
    sim.run_until(sim.time + 100);
    assert!(sim.in_flight.len() >= 256, "half of the slots is for whoever comes first: {}", sim.in_flight.len());
    let healthy = sim.register(8, None);
    sim.record(1, Some(healthy));
    let (from, before) = (sim.time, sim.started.len());
    sim.run_until(from + 50);
    let first = sim.started[before..].iter().find(|(key, ..)| key.webhook == healthy);
    assert!(first.is_some_and(|(_, at, _)| at.as_ms() <= from + 50), "{first:?}");
    // One lane by itself has half, whatever it asks for.
    let mut alone = Sim::new(1, default_unjittered());
    alone.lag = 1;
    let no = alone.register(1000, None);
    alone.hooks.get_mut(&no).unwrap().mood = Mood::Dead;
    alone.record(600, None);
    alone.run_until(alone.time + 100);
    assert_eq!(alone.in_flight.len(), 256);
}

/// A manual attempt whose read failed had left the lane, and no audit looked for it: it waited for the next restart.
#[test]
fn an_attempt_by_hand_that_nobody_holds_is_found() {
    let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(START_MS), 512, Seq(0));
    let (no, mut out) = (WebhookNo(1), Vec::new());
    let settings = LaneSettings { account: ACCOUNT, active: false, max_in_flight: 8, rate_limit: None };
    let step = |scheduler: &mut Scheduler<()>, input, out: &mut Vec<_>| {
        out.clear();
        scheduler.step(Timestamp::from_ms(START_MS), [input], out);
    };
    step(&mut scheduler, Input::LaneChanged { no, settings }, &mut out);
    let Some(Action::LoadManual(ask)) = out.pop() else { panic!("{out:?}") };
    step(&mut scheduler, Input::ManualPage { ask, rows: Vec::new() }, &mut out);
    let due = Due { at: Timestamp::from_ms(START_MS), seq: Seq(7) };
    let audited = || Input::Audited { lane: no, retries: vec![due], fresh: vec![Seq(7)], manual: vec![due] };
    step(&mut scheduler, audited(), &mut out);
    assert!(out.is_empty(), "it may have been settled meanwhile: {out:?}");
    step(&mut scheduler, audited(), &mut out);
    let lost = NotificationKey { seq: Seq(7), webhook: no };
    assert!(
        matches!(out[..], [Action::Lost(key), Action::Start { kind: AttemptKind::Manual, .. }] if key == lost),
        "{out:?}"
    );
}

/// One audit read the row before it was told, the next one before its attempt was settled, and heard of it after: the
/// row had been held all the time in between, and was reported as lost.
#[test]
fn what_was_settled_between_two_audits_was_held() {
    let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(START_MS), 512, Seq(0));
    let (no, mut out) = (WebhookNo(1), Vec::new());
    let key = NotificationKey { seq: Seq(7), webhook: no };
    let now = Timestamp::from_ms(START_MS);
    let settings = LaneSettings { account: ACCOUNT, active: false, max_in_flight: 8, rate_limit: None };
    scheduler.step(now, [Input::LaneChanged { no, settings }], &mut out);
    let Some(Action::LoadManual(ask)) = out.pop() else { panic!("{out:?}") };
    scheduler.step(now, [Input::ManualPage { ask, rows: Vec::new() }], &mut out);
    let due = Due { at: now, seq: key.seq };
    let audited = || Input::Audited { lane: no, retries: vec![], fresh: vec![], manual: vec![due] };
    scheduler.step(now, [audited()], &mut out);
    scheduler.step(now, [Input::Manual { key, since: now, at_once: false }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Manual, .. }]), "{out:?}");
    out.clear();
    let ended = Input::AttemptEnded { key, reachability: Reachability::Answered, hold: None };
    scheduler.step(now, [ended, Input::OutcomeRecorded { key, standing: Standing::Nothing }, audited()], &mut out);
    assert!(out.is_empty(), "{out:?}");
}

/// A lane that was paused with an attempt by hand in flight read the attempt's row again, and started it once more. The
/// read found nothing owed; before that was heard, it became the notification's turn in its order. The word of that
/// came while it was busy and was dropped, and the older word, that nothing was owed, stood: nobody held it until an
/// audit found it, minutes later.
#[test]
fn a_turn_that_comes_while_a_stale_attempt_is_read_is_not_forgotten() {
    let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(START_MS), 512, Seq(6));
    let (no, mut out) = (WebhookNo(1), Vec::new());
    let key = NotificationKey { seq: Seq(7), webhook: no };
    let now = Timestamp::from_ms(START_MS);
    let settings = LaneSettings { account: ACCOUNT, active: true, max_in_flight: 8, rate_limit: None };
    scheduler.step(now, [Input::LaneChanged { no, settings }], &mut out);
    let asked = std::mem::take(&mut out);
    for action in asked {
        let answer = match action {
            Action::LoadUntried(ask) => Input::UntriedPage { ask, rows: Vec::new() },
            Action::LoadManual(ask) => Input::ManualPage { ask, rows: Vec::new() },
            Action::LoadRetries(ask, until) => Input::RetryPage { ask, until, rows: Vec::new() },
            other => panic!("{other:?}"),
        };
        scheduler.step(now, [answer], &mut out);
    }
    scheduler.step(now, [Input::Manual { key, since: now, at_once: false }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Manual, .. }]), "{out:?}");
    out.clear();
    scheduler.step(now, [Input::Untried { key, hot: None }], &mut out);
    assert!(out.is_empty(), "one attempt at a time: {out:?}");
    let ended = Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None };
    scheduler.step(now, [ended, Input::OutcomeRecorded { key, standing: Standing::Nothing }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Untried, .. }]), "{out:?}");
}
