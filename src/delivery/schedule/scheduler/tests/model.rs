//! A model of what stands around the scheduler: the store's three queues, scripted targets, a clock that is set.

use super::*;

pub(super) const START_MS: u64 = 1_795_435_200_000;
pub(super) const ACCOUNT: AccountNo = AccountNo(1);
/// Rows, late arrivals, manual ones, timers and busy ones, each with its own cap.
pub(super) const MOST_HELD_BY_A_LANE: usize = 6 * 1024;

pub(super) struct Random(u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How a target behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Healthy,
    Failing,
    Dead,
}

pub(super) struct Hook {
    pub(super) settings: LaneSettings,
    pub(super) mood: Mood,
    pub(super) untried: BTreeSet<Seq>,
    pub(super) retries: BTreeSet<Due>,
    pub(super) manuals: BTreeSet<Due>,
    // What the assertions go by.
    pub(super) in_flight: usize,
    pub(super) probing: bool,
    pub(super) tokens: f64,
    pub(super) tokens_at: u64,
    /// Since when nothing but the scheduler delays its pending attempts.
    pub(super) free_since: u64,
    pub(super) blocked: bool,
}

impl Hook {
    pub(super) fn burst(&self) -> f64 {
        self.settings.rate_limit.map_or(f64::MAX, |rate| rate.as_f64().max(1.0))
    }
}

/// What will happen.
pub(super) enum Later {
    Hear(Input<()>),
    Read(Action<()>),
    End { key: NotificationKey, trigger: Trigger, automatic: u8, requested_at: Option<Timestamp> },
    Untried(NotificationKey),
    Settle { key: NotificationKey, trigger: Trigger, verdict: Verdict, requested_at: Option<Timestamp> },
}

pub(super) struct Sim {
    pub(super) random: Random,
    pub(super) scheduler: Scheduler<()>,
    pub(super) policy: RetryPolicy,
    /// Time that only runs forwards, in ms; the wall clock is `offset` away from it.
    pub(super) time: u64,
    pub(super) offset: i64,
    pub(super) stamp: u64,
    pub(super) later: BTreeMap<(u64, u64), Later>,
    pub(super) count: u64,
    pub(super) told_at: u64,
    pub(super) seq: u64,
    pub(super) durable_told: u64,
    pub(super) hooks: BTreeMap<WebhookNo, Hook>,
    pub(super) notifications: HashMap<NotificationKey, Notification>,
    pub(super) in_flight: HashMap<NotificationKey, AttemptKind>,
    pub(super) max_in_flight: usize,
    pub(super) stepped_at: u64,
    /// The latest wall time since the clock last jumped.
    pub(super) peak: u64,
    /// How late pages and words may be.
    pub(super) lag: u64,
    /// The worst it ever was.
    pub(super) worst_lag: u64,
    pub(super) started: Vec<(NotificationKey, Timestamp, AttemptKind)>,
    pub(super) steps: u64,
}

pub(super) fn standing_rows(notification: &Notification) -> (Option<Seq>, Option<Due>, Option<Due>) {
    let seq = notification.key.seq;
    let (untried, retry) = match NextAttempt::from(notification) {
        NextAttempt::Nothing => (None, None),
        NextAttempt::First => (Some(seq), None),
        NextAttempt::Retry(at) => (None, Some(Due { at, seq })),
    };
    (untried, retry, notification.manual_at.map(|at| Due { at, seq }))
}

impl Sim {
    pub(super) fn new(seed: u64, policy: RetryPolicy) -> Self {
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

    pub(super) fn wall(&self) -> u64 {
        self.time.saturating_add_signed(self.offset)
    }

    pub(super) fn stamp(&mut self) -> Timestamp {
        self.stamp = self.stamp.max(self.wall());
        Timestamp::from_ms(self.stamp)
    }

    pub(super) fn delay(&mut self) -> u64 {
        if self.lag == 0 { 0 } else { self.random.below(self.lag) }
    }

    pub(super) fn put(&mut self, at: u64, later: Later) {
        self.count += 1;
        self.later.insert((at, self.count), later);
    }

    /// Word from the store: late, but in the order of commit.
    pub(super) fn tell(&mut self, input: Input<()>) {
        self.told_at = self.told_at.max(self.time + self.delay());
        self.put(self.told_at, Later::Hear(input));
    }

    pub(super) fn change(&mut self, key: NotificationKey, change: impl FnOnce(&mut Notification)) {
        let Some(notification) = self.notifications.get_mut(&key) else {
            return;
        };
        let before = standing_rows(notification);
        change(notification);
        let after = standing_rows(notification);
        let Some(hook) = self.hooks.get_mut(&key.webhook) else {
            return;
        };
        before.0.map(|row| hook.untried.remove(&row));
        before.1.map(|row| hook.retries.remove(&row));
        before.2.map(|row| hook.manuals.remove(&row));
        hook.untried.extend(after.0);
        hook.retries.extend(after.1);
        hook.manuals.extend(after.2);
    }

    // ---- what people do ----

    pub(super) fn register(&mut self, max_in_flight: usize, rate: Option<f64>) -> WebhookNo {
        let no = WebhookNo(u32::try_from(self.count).unwrap() + 1);
        let rate_limit = rate.map(|rate| RateLimit::per_second(rate).unwrap());
        let settings = LaneSettings { account: ACCOUNT, active: true, max_in_flight, rate_limit };
        let hook = Hook {
            settings,
            mood: Mood::Healthy,
            untried: BTreeSet::new(),
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

    pub(super) fn record(&mut self, how_many: u64, only: Option<WebhookNo>) {
        let now = self.stamp();
        let hooks: Vec<WebhookNo> =
            self.hooks.keys().copied().filter(|no| only.is_none_or(|only| only == *no)).collect();
        let mut inputs = Vec::new();
        for _ in 0..how_many {
            self.seq += 1;
            for webhook in &hooks {
                let key = NotificationKey { seq: Seq(self.seq), webhook: *webhook };
                self.notifications.insert(key, Notification::new(key, ACCOUNT, now, false));
                self.change(key, |_| {});
                let payload = (!self.random.one_in(3)).then_some(());
                inputs.push(Input::Untried { key, payload });
            }
        }
        for input in inputs {
            self.tell(input);
        }
        self.tell(Input::Durable(Seq(self.seq)));
    }

    pub(super) fn set(&mut self, no: WebhookNo, change: impl FnOnce(&mut LaneSettings)) {
        if let Some(hook) = self.hooks.get_mut(&no) {
            change(&mut hook.settings);
            hook.free_since = self.time;
            let settings = hook.settings;
            // At once, so that from here on the assertions and the scheduler go by the same settings.
            self.step(vec![Input::LaneChanged { no, settings }]);
        }
    }

    /// The process is killed and restarts: everything under way is lost, except outcomes that just reached the disk.
    pub(super) fn restart(&mut self) {
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

    pub(super) fn jumped(&mut self) {
        self.peak = self.wall();
        self.stepped_at = self.wall();
        for hook in self.hooks.values_mut() {
            (hook.tokens, hook.tokens_at) = (hook.burst(), self.peak);
            hook.free_since = self.time;
        }
    }

    /// Whether a lane that might start something sits on what has long been due.
    pub(super) fn check_idle_lanes(&mut self) {
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
            let untried = hook.untried.first().map(|seq| NotificationKey { seq: *seq, webhook: *no });
            let untried = untried.filter(|key| wall > self.notifications[key].inserted_at.as_ms() + longest);
            let retry = hook.retries.first().filter(|due| overdue(due));
            let manual = hook.manuals.first().filter(|due| overdue(due));
            assert!(
                untried.is_none() && retry.is_none() && manual.is_none(),
                "idle: {no:?} {untried:?} {retry:?} {manual:?}"
            );
        }
    }

    // ---- what the driver, the store and the targets do ----

    pub(super) fn step(&mut self, inputs: Vec<Input<()>>) {
        let wall = self.wall();
        if wall + 1000 < self.stepped_at || wall > self.stepped_at + 30_000 {
            self.jumped();
        }
        self.stepped_at = wall;
        self.peak = self.peak.max(wall);
        self.check_idle_lanes();
        for input in &inputs {
            // What the store reports is durable, and so is all before it; what is merely visible may not be.
            if let Input::Durable(seq) | Input::Untried { key: NotificationKey { seq, .. }, .. } = input {
                self.durable_told = self.durable_told.max(seq.0);
            }
        }
        let mut actions = Vec::new();
        self.scheduler.step(Timestamp::from_ms(wall), inputs, &mut actions);
        self.steps += 1;
        for action in actions {
            match action {
                Action::Start { key, kind, payload, .. } => self.start(key, kind, payload.is_some()),
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

    pub(super) fn start(&mut self, key: NotificationKey, kind: AttemptKind, payload: bool) {
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
            AttemptKind::Untried => NextAttempt::from(notification) == NextAttempt::First,
            AttemptKind::Retry(due) => NextAttempt::from(notification) == NextAttempt::Retry(due),
            AttemptKind::Manual => notification.manual_at.is_some(),
        };
        if payload {
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

    pub(super) fn happen(&mut self, later: Later) {
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
                let next_attempt = self.notifications.get(&key).map_or(NextAttempt::Nothing, NextAttempt::from);
                let ended = Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None };
                self.step(vec![ended, Input::OutcomeRecorded { key, next_attempt }]);
            }
            Later::Settle { key, trigger, verdict, requested_at } => {
                let now = self.stamp();
                let status = if verdict == Verdict::Confirmed { 200 } else { 500 };
                let attempt = Attempt::bare(trigger, now, AttemptResult::of_status(status));
                self.change(key, |notification| {
                    notification.record_outcome(attempt, verdict, requested_at, now);
                });
                let next_attempt = self.notifications.get(&key).map_or(NextAttempt::Nothing, NextAttempt::from);
                self.tell(Input::OutcomeRecorded { key, next_attempt });
            }
        }
    }

    pub(super) fn free(&mut self, key: NotificationKey, reachability: Reachability) {
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

    pub(super) fn end(
        &mut self,
        key: NotificationKey,
        trigger: Trigger,
        automatic: u8,
        requested_at: Option<Timestamp>,
    ) {
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

    pub(super) fn read(&self, action: &Action<()>) -> Input<()> {
        let hook = |no: WebhookNo| self.hooks.get(&no);
        match *action {
            Action::LoadUntried(request) => {
                let rows = hook(request.lane)
                    .map(|hook| hook.untried.range(request.from..).take(request.limit).copied().collect());
                Input::UntriedPage { request, rows: rows.unwrap_or_default() }
            }
            Action::LoadRetries(request, until) => {
                let end = Due { at: until, seq: Seq(0) };
                let rows = hook(request.lane).filter(|_| request.from < end);
                let rows =
                    rows.map(|hook| hook.retries.range(request.from..end).take(request.limit).copied().collect());
                Input::RetryPage { request, until, rows: rows.unwrap_or_default() }
            }
            Action::LoadManual(request) => {
                let rows = hook(request.lane)
                    .map(|hook| hook.manuals.range(request.from..).take(request.limit).copied().collect());
                Input::ManualPage { request, rows: rows.unwrap_or_default() }
            }
            Action::Audit { lane, before, .. } => {
                let end = Due { at: before, seq: Seq(0) };
                let retries = hook(lane).map(|hook| hook.retries.range(..end).take(64).copied().collect());
                let untried = hook(lane).map(|hook| hook.untried.iter().take(64).copied().collect());
                let manual = hook(lane).map(|hook| hook.manuals.iter().take(64).copied().collect());
                Input::Audited {
                    lane,
                    retries: retries.unwrap_or_default(),
                    untried: untried.unwrap_or_default(),
                    manual: manual.unwrap_or_default(),
                }
            }
            Action::Start { .. } | Action::Lost(_) => unreachable!("neither is a question to the store"),
        }
    }

    /// Runs until `until` has come, or nothing more will ever happen.
    pub(super) fn run_until(&mut self, until: u64) {
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

    pub(super) fn is_done(&self) -> bool {
        self.hooks.values().all(|hook| hook.untried.is_empty() && hook.retries.is_empty() && hook.manuals.is_empty())
            && self.in_flight.is_empty()
            && !self.later.values().any(|later| matches!(later, Later::Settle { .. }))
    }

    /// No faults from here on: everything pending must end within the longest wait that earlier faults can have caused.
    pub(super) fn finish(&mut self, longest: Duration) {
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

    pub(super) fn stuck(&self) -> Vec<&Notification> {
        let pending = self.notifications.values().filter(|n| n.needs_automatic_attempt() || n.manual_at.is_some());
        pending.take(3).collect()
    }
}
