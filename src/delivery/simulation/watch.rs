//! What the scheduler promises of its lanes at every step, watched from outside: no limit is exceeded, no attempt leaves before
//! its time, and no lane that could start something sits on what has long been due.

use super::ledger::Ledger;
use super::store::Store;
use crate::delivery::lane::{Bounds, Settings};
use crate::delivery::scheduler::{Hold, OwedAs, Reach};
use crate::model::{NotificationKey, Seq, Timestamp, WebhookNo};
use crate::store::Due;
use std::collections::{BTreeMap, BTreeSet};

/// A lane as it must be, from what the scheduler was told.
#[derive(Debug)]
struct Lane {
    settings: Settings,
    /// What was started and is not settled; `true` while it is in flight.
    busy: BTreeMap<Seq, bool>,
    in_flight: usize,
    probing: bool,
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

#[derive(Debug)]
pub(super) struct Watch {
    lanes: BTreeMap<WebhookNo, Lane>,
    /// Attempts of lanes that are gone, too.
    in_flight: usize,
    gone: BTreeMap<NotificationKey, bool>,
    pub(super) max_in_flight: usize,
    bounds: Bounds,
    /// The latest wall time since the clock last jumped.
    pub(super) peak: u64,
    stepped_at: u64,
    /// The last event the scheduler knows to be durable.
    durable_told: Seq,
    /// Erased, and the scheduler was told: nothing of these may leave from memory.
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
            gone: BTreeMap::new(),
            max_in_flight,
            bounds,
            peak: wall,
            stepped_at: wall,
            durable_told: durable,
            cancelled: BTreeSet::new(),
        }
    }

    // ---- what the scheduler is told ----

    pub(super) fn lane(&mut self, no: WebhookNo, settings: Settings, time: u64) {
        let lane = self.lanes.entry(no).or_insert_with(|| Lane {
            settings,
            busy: BTreeMap::new(),
            in_flight: 0,
            probing: false,
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
            lane.tokens = f64::MAX;
            // What was started at the old rate is paid for first: at the slowest, one in two seconds.
            lane.in_debt_until = time + 2000;
        }
        lane.settings = settings;
    }

    pub(super) fn remove(&mut self, no: WebhookNo) {
        // Its attempts in flight go on, and hold their slots until they end.
        if let Some(lane) = self.lanes.remove(&no) {
            let key = |seq| NotificationKey { seq, webhook: no };
            self.gone.extend(lane.busy.into_iter().map(|(seq, in_flight)| (key(seq), in_flight)));
        }
    }

    pub(super) fn limit(&mut self, max_in_flight: usize, time: u64) {
        self.max_in_flight = max_in_flight;
        for lane in self.lanes.values_mut() {
            lane.free_since = time;
        }
    }

    /// What is told is durable, and so is all before it; what is merely visible may not be.
    pub(super) fn durable(&mut self, seq: Seq) {
        self.durable_told = self.durable_told.max(seq);
    }

    pub(super) fn cancelled(&mut self, key: NotificationKey) {
        self.cancelled.insert(key);
    }

    pub(super) fn settled(&mut self, key: NotificationKey, time: u64) {
        self.gone.remove(&key);
        if let Some(lane) = self.lanes.get_mut(&key.webhook) {
            lane.busy.remove(&key.seq);
            lane.settled_at.insert(key.seq, time);
        }
    }

    pub(super) fn ended(&mut self, key: NotificationKey, reach: Reach, hold: Option<Hold>) {
        if let Some(in_flight) = self.gone.get_mut(&key) {
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
        match reach {
            Reach::Confirmed => lane.probing = false,
            Reach::Unreachable => lane.probing = true,
            Reach::Answered | Reach::Untried => {}
        }
        if let Some(hold) = hold {
            lane.held_until = lane.held_until.max(hold.until.as_ms());
            if hold.manual {
                lane.manual_held_until = lane.manual_held_until.max(hold.until.as_ms());
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
            self.peak = now.wall;
            self.clock_set(now.time);
            for lane in self.lanes.values_mut() {
                (lane.held_until, lane.manual_held_until) = (0, 0);
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
        owed: OwedAs,
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
        assert!(lane.in_flight <= lane.settings.max_in_flight, "over the lane's limit");
        assert!(!lane.probing || lane.in_flight == 1, "more than one probe");
        assert!(lane.busy.len() - lane.in_flight < self.bounds.settling, "too many not settled");
        if lane.settings.rate_limit.is_some() {
            lane.tokens = lane.tokens(now.wall) - 1.0;
            lane.tokens_at = now.wall;
            assert!(lane.tokens > -0.05, "over the rate limit: {}", lane.tokens);
        }
        if owed == OwedAs::Manual {
            assert!(now.wall >= lane.manual_held_until, "by hand, and before Retry-After has passed");
        } else {
            assert!(lane.settings.active, "an automatic attempt of a paused webhook");
            assert!(now.wall >= lane.held_until, "before Retry-After has passed");
        }
        if let OwedAs::Retry(due) = owed {
            assert!(self.peak >= due.as_ms(), "{} ms before its time", due.as_ms() - self.peak);
        } else if owed == OwedAs::Fresh {
            assert!(key.seq <= self.durable_told, "attempted before it is known to be durable");
        }
        assert!(!hot || !self.cancelled.contains(&key), "sent from memory after its erasure was told");
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
            let width = if lane.probing { 1 } else { lane.settings.max_in_flight };
            // A clock that went back by less than a jump: timers wait until it has caught up.
            let behind = now.wall < self.peak;
            let held = lane.held_until.max(lane.manual_held_until) > now.wall || lane.tokens(now.wall) < 1.0;
            let settling = lane.busy.len() - lane.in_flight >= self.bounds.settling;
            let in_debt = now.time < lane.in_debt_until;
            // Rows by hand of what is busy stay in the head; as many as make it look well filled keep the next page away.
            let filled = lane.busy.len() >= self.bounds.held / 4;
            let unable = held || in_debt || behind || settling || filled || lane.in_flight >= width;
            let blocked = unable || full || (crowded && lane.in_flight > 0);
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

/// What a lane could have started long since.
fn overdue(
    now: Moment,
    no: WebhookNo,
    lane: &Lane,
    store: &Store,
    ledger: &Ledger,
) -> Option<(NotificationKey, OwedAs)> {
    let key = |seq| NotificationKey { seq, webhook: no };
    let idle = |seq: &Seq| {
        let settled = lane.settled_at.get(seq).is_none_or(|at| at + now.longest < now.time);
        !lane.busy.contains_key(seq) && settled && seq.0 <= store.durable
    };
    let long_due = |due: &Due| due.at.as_ms() + now.longest < now.wall && idle(&due.seq);
    let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
    let manual = store.manual_page(no, first).find(long_due).map(|due| (key(due.seq), OwedAs::Manual));
    if manual.is_some() || !lane.settings.active {
        return manual;
    }
    let long_fresh = |seq: &Seq| ledger.due_since(key(*seq)) + now.longest < now.time && idle(seq);
    let fresh = store.fresh_page(no, Seq(0)).find(long_fresh).map(|seq| (key(seq), OwedAs::Fresh));
    let until = Timestamp::from_ms(now.wall.saturating_sub(now.longest));
    let retry = || store.retry_page(no, first, until).find(long_due);
    fresh.or_else(|| retry().map(|due| (key(due.seq), OwedAs::Retry(due.at))))
}
