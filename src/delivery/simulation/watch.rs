//! What the scheduler promises of its lanes at every step, watched from outside: no limit is exceeded, no attempt
//! leaves before its time, and no lane that could start something sits on what has long been due.

use super::ledger::Ledger;
use super::world::ACCOUNT;
use crate::delivery::schedule::message::{AttemptKind, LaneSettings, Reachability, RetryAfterHold};
use crate::delivery::schedule::pacing::{AT_ONCE_BURST, MAX_LOCAL_FAULT_PAUSE};
use crate::delivery::schedule::queue::Bounds;
use crate::model::{NotificationKey, Seq, Timestamp, WebhookNo, millis};
use crate::store::{Due, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A lane as it must be, from the inputs of the scheduler.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of which excludes another")]
struct Lane {
    settings: LaneSettings,
    /// What was started and is not settled; `true` while it is in flight.
    busy: BTreeMap<Seq, bool>,
    in_flight: usize,
    /// Of those, the ones that went to a target that it no longer has; and those that began before it was renewed.
    elsewhere: BTreeSet<Seq>,
    outdated: BTreeSet<Seq>,
    probing: bool,
    /// Whether this machine could not make the last attempt, and until when it may rest.
    ours: bool,
    rests_until: u64,
    /// What a person waits for, since when; and when such attempts started of late.
    at_once: BTreeMap<Seq, u64>,
    started_at_once: Vec<u64>,
    /// Since when nothing keeps it from starting that.
    prompt_since: u64,
    held_until: u64,
    manual_held_until: u64,
    tokens: f64,
    tokens_at: u64,
    in_debt_until: u64,
    /// Since when nothing of its own keeps it from starting something, and since when nothing at all does.
    able_since: u64,
    free_since: u64,
    /// Whether anything of its own, or anything at all, did when it was last looked at: until now, then.
    unable: bool,
    blocked: bool,
    /// What was last settled, and when: that may have become due with it.
    settled_at: BTreeMap<Seq, u64>,
    /// How often another lane was served since this one was able to.
    passed_over: usize,
    looked_at: u64,
}

impl Lane {
    fn burst(&self) -> f64 {
        self.settings.rate_limit.map_or(f64::MAX, |rate| rate.as_f64().max(1.0))
    }

    /// Full again, by so much of the time that has passed.
    fn tokens(&self, wall: u64) -> f64 {
        let Some(rate) = self.settings.rate_limit else {
            return f64::MAX;
        };
        let passed = u32::try_from(wall.saturating_sub(self.tokens_at).min(1 << 30)).expect("at most 2^30");
        (self.tokens + f64::from(passed) / 1000.0 * rate.as_f64() * 1.001).min(self.burst())
    }
}

/// After so long a start has given back its place among [`AT_ONCE_BURST`], even if the clock went back meanwhile by
/// less than a jump.
const AT_ONCE_WINDOW_MS: u64 = 20_000;

impl Lane {
    /// What a person waits for leaves at once, whatever else holds the lane.
    fn check_at_once(&self, no: WebhookNo, now: Moment) {
        let of_late = self.started_at_once.iter().filter(|at| **at + AT_ONCE_WINDOW_MS > now.time).count();
        if (of_late + self.at_once.len()) as u64 > AT_ONCE_BURST {
            return;
        }
        for (seq, since) in self.at_once.iter().filter(|(seq, _)| !self.busy.contains_key(seq)) {
            let settled = self.settled_at.get(seq).copied().unwrap_or(0);
            let since = (*since).max(self.prompt_since).max(settled);
            assert!(now.time <= since + now.longest, "{no:?} keeps a person waiting for {seq:?}: {self:?}");
        }
    }
}

#[derive(Debug)]
pub(super) struct Watch {
    lanes: BTreeMap<WebhookNo, Lane>,
    /// Attempts of removed lanes, too.
    in_flight: usize,
    of_removed_lanes: BTreeMap<NotificationKey, bool>,
    pub(super) max_in_flight: usize,
    bounds: Bounds,
    /// The latest wall time since the clock last jumped.
    pub(super) peak: u64,
    stepped_at: u64,
    /// The last event the scheduler knows to be durable.
    durable_told: Seq,
    /// Erased, and the scheduler was notified: none of these may be sent from memory.
    cancelled: BTreeSet<NotificationKey>,
}

/// The present moment, and how late what is on its way may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: u64,
    pub(super) wall: u64,
    pub(super) longest: u64,
}

impl Watch {
    pub(super) fn new(wall: u64, max_in_flight: usize, durable: Seq, bounds: Bounds) -> Self {
        Self {
            lanes: BTreeMap::new(),
            in_flight: 0,
            of_removed_lanes: BTreeMap::new(),
            max_in_flight,
            bounds,
            peak: wall,
            stepped_at: wall,
            durable_told: durable,
            cancelled: BTreeSet::new(),
        }
    }

    // ---- inputs of the scheduler ----

    pub(super) fn lane(&mut self, no: WebhookNo, settings: LaneSettings, time: u64) {
        let lane = self.lanes.entry(no).or_insert_with(|| Lane {
            settings,
            busy: BTreeMap::new(),
            in_flight: 0,
            elsewhere: BTreeSet::new(),
            outdated: BTreeSet::new(),
            probing: false,
            ours: false,
            rests_until: 0,
            at_once: BTreeMap::new(),
            started_at_once: Vec::new(),
            prompt_since: time,
            held_until: 0,
            manual_held_until: 0,
            tokens: f64::MAX,
            tokens_at: 0,
            in_debt_until: 0,
            able_since: time,
            free_since: time,
            unable: false,
            blocked: false,
            settled_at: BTreeMap::new(),
            passed_over: 0,
            looked_at: 0,
        });
        if lane.settings != settings {
            (lane.able_since, lane.free_since) = (time, time);
        }
        if lane.settings.rate_limit != settings.rate_limit {
            // What was started is paid for at the new rate: one, and what left at once beyond the rate.
            let debt = (1.0 - lane.tokens).clamp(1.0, 1000.0);
            let span = settings.rate_limit.map_or(0.0, |rate| debt / rate.as_f64());
            lane.in_debt_until = time + millis(Duration::from_secs_f64(span.max(1.0)));
            lane.tokens = f64::MAX;
        }
        lane.settings = settings;
    }

    /// What was learned of its target holds no more.
    pub(super) fn renewed(&mut self, no: WebhookNo, moved: bool, time: u64) {
        let Some(lane) = self.lanes.get_mut(&no) else {
            return;
        };
        (lane.held_until, lane.manual_held_until, lane.rests_until) = (0, 0, 0);
        (lane.probing, lane.ours) = (false, false);
        let in_flight: Vec<Seq> = lane.busy.iter().filter(|(_, in_flight)| **in_flight).map(|(seq, _)| *seq).collect();
        if moved {
            lane.elsewhere.extend(&in_flight);
        }
        lane.outdated.extend(in_flight);
        (lane.able_since, lane.free_since) = (time, time);
    }

    /// A person waits for a manual attempt.
    pub(super) fn at_once(&mut self, key: NotificationKey, time: u64) {
        if let Some(lane) = self.lanes.get_mut(&key.webhook) {
            // One that finds no place waits its turn with the other manual ones.
            if lane.at_once.len() < self.bounds.held {
                lane.at_once.entry(key.seq).or_insert(time);
            }
        }
    }

    pub(super) fn remove(&mut self, no: WebhookNo) {
        // Its attempts in flight go on, and hold their slots until they end.
        if let Some(lane) = self.lanes.remove(&no) {
            let key = |seq| NotificationKey { seq, webhook: no };
            self.of_removed_lanes.extend(lane.busy.into_iter().map(|(seq, in_flight)| (key(seq), in_flight)));
        }
    }

    pub(super) fn limit(&mut self, max_in_flight: usize, time: u64) {
        self.max_in_flight = max_in_flight;
        for lane in self.lanes.values_mut() {
            lane.free_since = time;
        }
    }

    /// What the store reports is durable, and so is all before it; what is merely visible may not be.
    pub(super) fn durable(&mut self, seq: Seq) {
        self.durable_told = self.durable_told.max(seq);
    }

    pub(super) fn cancelled(&mut self, key: NotificationKey) {
        if let Some(lane) = self.lanes.get_mut(&key.webhook) {
            lane.at_once.remove(&key.seq);
        }
        self.cancelled.insert(key);
    }

    pub(super) fn settled(&mut self, key: NotificationKey, time: u64) {
        self.of_removed_lanes.remove(&key);
        if let Some(lane) = self.lanes.get_mut(&key.webhook) {
            lane.busy.remove(&key.seq);
            lane.settled_at.insert(key.seq, time);
        }
    }

    pub(super) fn ended(
        &mut self,
        key: NotificationKey,
        reachability: Reachability,
        hold: Option<RetryAfterHold>,
        wall: u64,
    ) {
        if let Some(in_flight) = self.of_removed_lanes.get_mut(&key) {
            assert!(std::mem::take(in_flight), "{key:?} ended twice");
            self.in_flight -= 1;
            return;
        }
        let Some(lane) = self.lanes.get_mut(&key.webhook) else {
            return;
        };
        assert_eq!(lane.busy.insert(key.seq, false), Some(true), "{key:?} ended and was not in flight");
        lane.in_flight -= 1;
        self.in_flight -= 1;
        lane.elsewhere.remove(&key.seq);
        if lane.outdated.remove(&key.seq) {
            return;
        }
        match reachability {
            Reachability::Confirmed | Reachability::Answered => {
                (lane.probing, lane.ours, lane.rests_until) = (false, false, 0);
            }
            Reachability::Unreachable => (lane.probing, lane.ours, lane.rests_until) = (true, false, 0),
            Reachability::LocalFault => (lane.ours, lane.rests_until) = (true, wall + millis(MAX_LOCAL_FAULT_PAUSE)),
            Reachability::Inconclusive => lane.ours = false,
            Reachability::NotAttempted => {}
        }
        if let Some(hold) = hold {
            lane.held_until = lane.held_until.max(wall + millis(hold.span));
            if hold.manual {
                lane.manual_held_until = lane.manual_held_until.max(wall + millis(hold.span));
            }
        }
    }

    /// The clock was set, and what had time may be overdue at once.
    pub(super) fn clock_set(&mut self, time: u64) {
        for lane in self.lanes.values_mut() {
            (lane.able_since, lane.free_since) = (time, time);
            // A lane that waits for a moment may have to wait for the clock to catch up.
            (lane.unable, lane.blocked) = (true, true);
        }
    }

    /// Before each step, with the inputs still to be taken in.
    pub(super) fn before(&mut self, now: Moment) {
        if now.wall + 1000 < self.stepped_at || now.wall > self.stepped_at + 30_000 {
            let before = self.stepped_at;
            self.peak = now.wall;
            self.clock_set(now.time);
            for lane in self.lanes.values_mut() {
                // What is left of a hold stays.
                let left = |until: u64| if until > before { now.wall + (until - before) } else { 0 };
                (lane.held_until, lane.manual_held_until) = (left(lane.held_until), left(lane.manual_held_until));
                lane.rests_until = 0;
                (lane.tokens, lane.tokens_at) = (f64::MAX, now.wall);
            }
        }
        self.stepped_at = now.wall;
        self.peak = self.peak.max(now.wall);
    }

    // ---- what it does ----

    pub(super) fn started(
        &mut self,
        now: Moment,
        key: NotificationKey,
        kind: AttemptKind,
        hot: bool,
        store: &Store,
        ledger: &Ledger,
    ) {
        self.in_flight += 1;
        assert!(self.in_flight <= self.max_in_flight, "over the global limit");
        let lane = self.lanes.get_mut(&key.webhook).expect("a deleted lane starts nothing");
        assert_eq!(lane.busy.insert(key.seq, true), None, "two attempts of {key:?} at once");
        lane.in_flight += 1;
        // What is behind it may have to wait for its page: a lane sits only while it starts nothing at all.
        lane.free_since = now.time;
        lane.passed_over = 0;
        let places = lane.in_flight - lane.elsewhere.len();
        assert!(places <= lane.settings.max_in_flight, "over the lane's limit");
        // A person may be waiting for it; how many of those pass whatever holds the lane is checked apart.
        let at_once = kind == AttemptKind::Manual && lane.at_once.remove(&key.seq).is_some();
        if at_once {
            lane.started_at_once.retain(|at| at + AT_ONCE_WINDOW_MS > now.time);
            lane.started_at_once.push(now.time);
        }
        assert!(at_once || !(lane.probing || lane.ours) || places == 1, "more than one probe");
        assert!(lane.busy.len() - lane.in_flight < self.bounds.settling, "too many not settled");
        if lane.settings.rate_limit.is_some() {
            lane.tokens = lane.tokens(now.wall) - 1.0;
            // A clock that went back by less than a jump gives nothing back twice.
            lane.tokens_at = lane.tokens_at.max(now.wall);
            assert!(at_once || lane.tokens > -0.05, "over the rate limit: {}", lane.tokens);
        }
        if kind == AttemptKind::Manual {
            let held = now.wall < lane.manual_held_until;
            assert!(at_once || !held, "a manual attempt before Retry-After has passed");
        } else {
            assert!(lane.settings.active, "an automatic attempt of a paused webhook");
            assert!(now.wall >= lane.held_until, "before Retry-After has passed");
        }
        if let AttemptKind::Retry(due) = kind {
            assert!(self.peak >= due.as_ms(), "{} ms before its time", due.as_ms() - self.peak);
        } else if kind == AttemptKind::Untried {
            assert!(key.seq <= self.durable_told, "attempted before it is known to be durable");
        }
        assert!(!hot || !self.cancelled.contains(&key), "sent from memory after its erasure was reported");
        self.check_turns(now, key.webhook, store, ledger);
    }

    /// With every slot taken, lanes are served in turn.
    fn check_turns(&mut self, now: Moment, served: WebhookNo, store: &Store, ledger: &Ledger) {
        if self.in_flight < self.max_in_flight {
            return;
        }
        let most = 2 * self.lanes.len() + 4;
        for (no, lane) in &mut self.lanes {
            let able = *no != served && lane.in_flight == 0 && now.time >= lane.able_since + now.longest;
            if able && overdue(now, *no, lane, store, ledger).is_some() {
                lane.passed_over += 1;
                assert!(lane.passed_over <= most, "{no:?} is starved: passed over {} times", lane.passed_over);
            }
        }
    }

    /// Whether a lane that might start something sits on what has long been due.
    pub(super) fn check_idle(&mut self, now: Moment, store: &Store, ledger: &Ledger) {
        let full = self.in_flight >= self.max_in_flight;
        let crowded = self.in_flight >= self.max_in_flight.div_ceil(2);
        for (no, lane) in &mut self.lanes {
            let places = lane.in_flight - lane.elsewhere.len();
            let width = if lane.probing || lane.ours { 1 } else { lane.settings.max_in_flight };
            // A clock that went back by less than a jump: timers wait until it has caught up.
            let behind = now.wall < self.peak;
            let until = lane.held_until.max(lane.manual_held_until).max(lane.rests_until);
            let held = until > now.wall || lane.tokens(now.wall) < 1.0;
            let settling = lane.busy.len() - lane.in_flight >= self.bounds.settling;
            let in_debt = now.time < lane.in_debt_until;
            // Manual rows of busy notifications stay in the queue's head; as many as make it look well filled keep the
            // next page away.
            let filled = lane.busy.len() >= self.bounds.held / 4;
            let unable = held || in_debt || behind || settling || filled || places >= width;
            let blocked = unable || full || (crowded && lane.in_flight > 0);
            if full || crowded || settling || places >= lane.settings.max_in_flight {
                lane.prompt_since = now.time;
            }
            lane.check_at_once(*no, now);
            if unable || lane.unable {
                lane.able_since = now.time;
                lane.passed_over = 0;
            }
            if blocked || lane.blocked {
                lane.free_since = now.time;
            }
            (lane.unable, lane.blocked) = (unable, blocked);
            if now.time < lane.free_since + now.longest || now.time < lane.looked_at + now.longest / 4 {
                continue;
            }
            lane.looked_at = now.time;
            let idle = overdue(now, *no, lane, store, ledger);
            assert_eq!(idle, None, "{no:?} sits on what is due: {lane:?}");
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }
}

/// How many rows of a queue are looked at.
const MOST: usize = 256;

/// What a lane could have started long since.
fn overdue(
    now: Moment,
    no: WebhookNo,
    lane: &Lane,
    store: &Store,
    ledger: &Ledger,
) -> Option<(NotificationKey, AttemptKind)> {
    let key = |seq| NotificationKey { seq, webhook: no };
    let idle = |seq: &Seq| {
        let settled = lane.settled_at.get(seq).is_none_or(|at| at + now.longest < now.time);
        !lane.busy.contains_key(seq) && settled && *seq <= store.durable()
    };
    let long_due = |due: &Due| due.at.as_ms() + now.longest < now.wall && idle(&due.seq);
    let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
    let long_ready = |due: &Due| ledger.due_since(key(due.seq)) + now.longest < now.time;
    let manual = store.manual_page(no, first, MOST).expect("it can be read");
    let manual = manual.into_iter().find(long_due).map(|due| (key(due.seq), AttemptKind::Manual));
    if manual.is_some() || !lane.settings.active {
        return manual;
    }
    let long_untried = |seq: &Seq| ledger.due_since(key(*seq)) + now.longest < now.time && idle(seq);
    let untried = store.untried_page(ACCOUNT, no, Seq(0), MOST).expect("it can be read");
    let untried = untried.into_iter().find(long_untried).map(|seq| (key(seq), AttemptKind::Untried));
    let until = Timestamp::from_ms(now.wall.saturating_sub(now.longest));
    let retry = || {
        let retries = store.retry_page(no, first, until, MOST).expect("it can be read");
        retries.into_iter().find(|due| long_due(due) && long_ready(due))
    };
    untried.or_else(|| retry().map(|due| (key(due.seq), AttemptKind::Retry(due.at))))
}
