//! One webhook's queue: the heads of its three ranges, its limits, and what it starts next.

use super::message::{Action, AttemptKind, LaneSettings, PageRequest, Reachability, RetryAfterHold, Timer};
use crate::delivery::schedule::wheel::Wheel;
use crate::model::{AccountNo, Seq, Timestamp, WebhookNo, millis, splitmix64};
use crate::store::{Due, Standing};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How far ahead retries are read. Within the wheel's horizon, with room for the time a page takes to come.
const LOOK_AHEAD: Duration = Duration::from_secs(60);

/// How much a lane holds in memory. A field and not a constant, so that a simulation meets every bound with a dozen rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many fresh or by-hand notifications, and how many timers.
    pub(crate) held: usize,
    /// How many attempts may have ended with their outcomes not yet taken in by the store: what holds a lane back if the
    /// committer falls behind.
    pub(crate) settling: usize,
}

impl Bounds {
    /// A few hundred KiB a lane at worst.
    pub(crate) const DEFAULT: Self = Self { held: 1024, settling: 1024 };

    /// When a head has fewer, the next page is read.
    const fn low(self) -> usize {
        self.held / 4
    }

    /// How many rows a page has.
    const fn page(self) -> usize {
        self.held / 2
    }
}

/// The longest a probe waits after the one before it: four attempts a second use up nobody's processor, and find a target that is
/// back within a quarter of one.
pub(crate) const MAX_PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// How long after so many attempts in a row that could not speak to the target the next automatic one leaves. A target that
/// refuses at once would else be asked thousands of times a second by all that it is owed.
///
/// Each lane falls short of it by up to a quarter, drawn from its webhook and the attempt: the probes of fifty targets that are down
/// since the same event would else leave, fail and be taken in at the same instant for ever, and an event that comes just then waits.
fn probe_interval(unreached: u32, no: WebhookNo) -> Duration {
    const FREE: u32 = 3;
    if unreached <= FREE {
        return Duration::ZERO;
    }
    let doublings = (unreached - FREE - 1).min(8);
    let pace = Duration::from_millis(10 << doublings).min(MAX_PROBE_INTERVAL);
    let draw = splitmix64(u64::from(no.0) << 32 | u64::from(unreached)) % 250;
    // Of a thousand parts at most 249 go.
    pace.saturating_sub(pace / 1000 * u32::try_from(draw).unwrap_or(0))
}

/// How long a lane waits after so many attempts in a row that failed for a fault of this machine: the files it may open are used up
/// by all lanes at once, and trying at full speed would keep them used up.
fn local_fault_pause(faults: u32, no: WebhookNo) -> Duration {
    let doublings = faults.saturating_sub(1).min(5);
    let pause = Duration::from_secs(1 << doublings).min(MAX_LOCAL_FAULT_PAUSE);
    let draw = splitmix64(u64::from(no.0) << 32 | u64::from(faults)) % 250;
    // Of a thousand parts at most 249 go, so that not all lanes come back in the same instant.
    pause.saturating_sub(pause / 1000 * u32::try_from(draw).unwrap_or(0))
}

/// The longest such wait.
pub(crate) const MAX_LOCAL_FAULT_PAUSE: Duration = Duration::from_secs(30);

/// How many attempts that a person asked for leave at once, whatever else holds the lane; one more does every [`AT_ONCE_EVERY`]. A
/// script that re-sends thousands one by one can't use this to get around `Retry-After` or the rate limit.
pub(crate) const AT_ONCE_BURST: u64 = 10;
/// See [`AT_ONCE_BURST`].
pub(crate) const AT_ONCE_EVERY: Duration = Duration::from_secs(1);

/// What a lane does with its turn.
pub(crate) enum Pick<H> {
    Start { seq: Seq, kind: AttemptKind, hot: Option<H> },
    NotBefore(Timestamp),
    Nothing,
}

/// The beginning of a sorted range of the store, held in memory up to a mark.
#[derive(Debug)]
struct QueueHead<K, V> {
    bounds: Bounds,
    rows: BTreeMap<K, V>,
    /// The first row that may not be held; `None` when all are.
    loaded_until: Option<K>,
    loading: bool,
    /// What came past the mark while a page was being read: the page may have been read before it was there.
    late_arrivals: BTreeMap<K, V>,
    /// The first row that `late_arrivals` had no room for, if more came than it takes: it has to be read.
    overflow: Option<K>,
}

impl<K: Ord + Copy, V> QueueHead<K, V> {
    fn unread(first: K, bounds: Bounds) -> Self {
        Self {
            bounds,
            rows: BTreeMap::new(),
            loaded_until: Some(first),
            loading: false,
            late_arrivals: BTreeMap::new(),
            overflow: None,
        }
    }

    fn offer(&mut self, key: K, value: V) {
        if self.loaded_until.is_some_and(|mark| key >= mark) {
            if self.loading {
                self.late_arrivals.insert(key, value);
                if self.late_arrivals.len() > self.bounds.held {
                    let last = self.late_arrivals.pop_last().map(|(last, _)| last);
                    self.overflow = earlier(self.overflow, last);
                }
            }
            return;
        }
        self.rows.insert(key, value);
        self.trim();
    }

    fn trim(&mut self) {
        while self.rows.len() > self.bounds.held {
            if let Some((last, _)) = self.rows.pop_last() {
                // Never forwards: rows of a page may stand past a mark that an overflow has set.
                self.loaded_until = earlier(self.loaded_until, Some(last));
            }
        }
    }

    /// The first row to read next, if the head runs low.
    fn next_page(&mut self) -> Option<K> {
        let from = self.loaded_until.filter(|_| !self.loading && self.rows.len() < self.bounds.low())?;
        self.loading = true;
        self.overflow = None;
        self.late_arrivals.clear();
        Some(from)
    }

    /// Takes a page in; `next` is the row behind its last where there may be more, `None` where it ends the range.
    fn page(&mut self, rows: impl Iterator<Item = (K, V)>, next: Option<K>) {
        self.loading = false;
        let late_arrivals = std::mem::take(&mut self.late_arrivals);
        for (key, value) in rows {
            self.rows.entry(key).or_insert(value);
        }
        self.loaded_until = earlier(next, self.overflow.take());
        for (key, value) in late_arrivals {
            if self.loaded_until.is_none_or(|mark| key < mark) {
                // What came aside brings its payload along; the page's row for it doesn't.
                self.rows.insert(key, value);
            }
        }
        self.trim();
    }
}

fn earlier<K: Ord>(a: Option<K>, b: Option<K>) -> Option<K> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A notification that is attempted, or was and is not settled yet.
#[derive(Clone, Copy, Debug)]
struct Busy {
    in_flight: bool,
    /// Whether it was said meanwhile that it is fresh. What settles it may be an older word: that of an attempt which found
    /// nothing owed, just before its turn came.
    became_untried: bool,
    /// How often the lane had been renewed when it began: of an attempt before the last time nothing is learned.
    renewals: u32,
    /// Whether it went to a target that the webhook no longer has: it takes up none of the present one's places.
    elsewhere: bool,
}

/// Why a lane starts nothing by itself, and until when. Moments that have passed mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standstill {
    /// The target asked for it, with `Retry-After`.
    pub(crate) held_until: Timestamp,
    /// When the rate limit allows the next attempt.
    pub(crate) rate_limited_until: Timestamp,
    /// This machine could not make the last attempt; when it tries again.
    pub(crate) paused_until: Timestamp,
    /// The target could not be reached, and one attempt at a time finds out when it can.
    pub(crate) unreached: bool,
}

/// One webhook's queue.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of which excludes another")]
pub(crate) struct Lane<H> {
    pub(crate) no: WebhookNo,
    /// Whether it stands in the scheduler's ring.
    pub(crate) in_ring: bool,
    /// Whether its webhook was deleted: it waits for its attempts in flight and starts no more.
    pub(crate) removed: bool,
    /// When the scheduler looks at it again.
    pub(crate) wake: Option<Timestamp>,
    settings: LaneSettings,
    bounds: Bounds,
    epoch: u64,
    untried: QueueHead<Seq, Option<H>>,
    manual: QueueHead<Due, ()>,
    /// Retries whose time has come.
    ready: BTreeSet<Due>,
    /// Retries in the wheel or ready, by event. A timer that this doesn't know is stale.
    timers: HashMap<Seq, Timestamp>,
    /// The first retry that may not be held.
    retries_loaded_until: Due,
    retries_loading: bool,
    late_retries: Vec<Due>,
    /// Attempts in flight, and those that ended and are not settled yet.
    busy: HashMap<Seq, Busy>,
    in_flight: usize,
    /// How many of those went to a target that the webhook no longer has.
    elsewhere: usize,
    /// How often its webhook was given another target or was set ACTIVE again.
    renewals: u32,
    /// What a person asked for and waits for: it is held by the head of `manual` as well, unless it stands past its mark.
    at_once: BTreeMap<Seq, Due>,
    /// When those started so far are paid for, in microseconds, as [`Lane::theoretical_arrival_us`].
    at_once_theoretical_arrival_us: u64,
    /// How many attempts in a row failed for a fault of this machine.
    local_faults: u32,
    /// How many attempts in a row could not speak to the target; none since it last answered. While there are any, one attempt at a
    /// time finds out when it can.
    unreached: u32,
    /// When the next of them may leave.
    probe_at: Timestamp,
    held_until: Timestamp,
    manual_held_until: Timestamp,
    /// When the attempts started so far are paid for, in microseconds (the generic cell rate algorithm).
    theoretical_arrival_us: u64,
    retry_next: bool,
    /// Whether the last one was by hand, so that the schedule has its turn.
    schedule_next: bool,
}

const FIRST_DUE: Due = Due { at: Timestamp::from_ms(0), seq: Seq(0) };

impl<H> Lane<H> {
    pub(crate) fn new(no: WebhookNo, settings: LaneSettings, bounds: Bounds) -> Self {
        Self {
            no,
            in_ring: false,
            removed: false,
            wake: None,
            settings,
            bounds,
            epoch: 0,
            untried: QueueHead::unread(Seq(0), bounds),
            manual: QueueHead::unread(FIRST_DUE, bounds),
            ready: BTreeSet::new(),
            timers: HashMap::new(),
            retries_loaded_until: FIRST_DUE,
            retries_loading: false,
            late_retries: Vec::new(),
            busy: HashMap::new(),
            in_flight: 0,
            elsewhere: 0,
            renewals: 0,
            at_once: BTreeMap::new(),
            at_once_theoretical_arrival_us: 0,
            local_faults: 0,
            unreached: 0,
            probe_at: Timestamp::from_ms(0),
            held_until: Timestamp::from_ms(0),
            manual_held_until: Timestamp::from_ms(0),
            theoretical_arrival_us: 0,
            retry_next: false,
            schedule_next: false,
        }
    }

    pub(crate) fn account(&self) -> AccountNo {
        self.settings.account
    }

    pub(crate) fn is_active(&self) -> bool {
        self.settings.active
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn held(&self) -> usize {
        let manual = self.manual.rows.len() + self.at_once.len();
        self.untried.rows.len() + self.untried.late_arrivals.len() + manual + self.timers.len() + self.busy.len()
    }

    /// Its webhook was deleted: nothing is owed any more, and what is in flight still holds its slots.
    pub(crate) fn remove(&mut self) {
        self.removed = true;
        self.settings.active = false;
        self.at_once.clear();
        self.read_again();
    }

    /// Forgets what it holds of the store's rows and reads them again.
    fn read_again(&mut self) {
        self.untried = QueueHead::unread(Seq(0), self.bounds);
        self.manual = QueueHead::unread(FIRST_DUE, self.bounds);
        self.forget_timers();
        self.epoch += 1;
    }

    pub(crate) fn has_work(&self) -> bool {
        let manual = !(self.manual.rows.is_empty() && self.at_once.is_empty());
        manual || (self.settings.active && !(self.untried.rows.is_empty() && self.ready.is_empty()))
    }

    pub(crate) fn change(&mut self, settings: LaneSettings, now: Timestamp) {
        if self.settings.active && !settings.active {
            // All of it was asked in the epoch before, and so the page by hand must be asked again as well.
            self.read_again();
        }
        let before_us = self.interval_us();
        self.settings = settings;
        let after_us = self.interval_us();
        if before_us == after_us {
            return;
        }
        // What was started is paid for at the new price, and never takes longer for it.
        let now_us = now.as_ms() * 1000;
        let debt_us = self.theoretical_arrival_us.saturating_sub(now_us);
        self.theoretical_arrival_us = match (before_us, after_us) {
            (Some(before), Some(after)) => {
                let anew = u128::from(debt_us) * u128::from(after) / u128::from(before.max(1));
                now_us + debt_us.min(u64::try_from(anew).unwrap_or(u64::MAX))
            }
            (None, _) | (_, None) => 0,
        };
    }

    /// Its webhook has another target, or was set ACTIVE again: what was learned of the target so far holds no more. Attempts that are
    /// in flight say nothing of it either, and those to another target (`moved`) take up none of its places.
    pub(crate) fn renew(&mut self, moved: bool) {
        self.renewals = self.renewals.wrapping_add(1);
        self.held_until = Timestamp::from_ms(0);
        self.manual_held_until = Timestamp::from_ms(0);
        self.probe_at = Timestamp::from_ms(0);
        self.unreached = 0;
        self.local_faults = 0;
        if moved {
            for busy in self.busy.values_mut().filter(|busy| busy.in_flight) {
                busy.elsewhere = true;
            }
            self.elsewhere = self.in_flight;
        }
    }

    /// Why it starts nothing by itself, as far as that is more than a moment's matter.
    pub(crate) fn standstill(&self) -> Standstill {
        let burst_us = self.interval_us().map_or(0, |interval_us| 1_000_000_u64.saturating_sub(interval_us));
        let limited_until_ms = self.theoretical_arrival_us.saturating_sub(burst_us).div_ceil(1000);
        Standstill {
            held_until: self.held_until,
            rate_limited_until: Timestamp::from_ms(if self.interval_us().is_some() { limited_until_ms } else { 0 }),
            paused_until: if self.local_faults > 0 { self.probe_at } else { Timestamp::from_ms(0) },
            unreached: self.unreached > 0,
        }
    }

    pub(crate) fn reset_timers(&mut self) {
        self.forget_timers();
        self.epoch += 1;
        self.untried.loading = false;
        self.manual.loading = false;
        // A hold set by a clock that ran ahead must not outlive it; whoever meant it will say so again.
        self.held_until = Timestamp::from_ms(0);
        self.probe_at = Timestamp::from_ms(0);
        self.manual_held_until = Timestamp::from_ms(0);
        self.theoretical_arrival_us = 0;
        self.at_once_theoretical_arrival_us = 0;
    }

    fn forget_timers(&mut self) {
        self.ready.clear();
        self.timers.clear();
        self.retries_loaded_until = FIRST_DUE;
        self.retries_loading = false;
        self.late_retries.clear();
    }

    // ---- what is owed ----

    pub(crate) fn offer_untried(&mut self, seq: Seq, hot: Option<H>) {
        match self.busy.get_mut(&seq) {
            Some(busy) => busy.became_untried = true,
            None if self.settings.active => self.untried.offer(seq, hot),
            None => {}
        }
    }

    /// An attempt by hand is owed; `at_once` where a person waits for it.
    pub(crate) fn offer_manual(&mut self, due: Due, at_once: bool) {
        if self.removed {
            return;
        }
        self.manual.offer(due, ());
        // One that finds no room waits its turn with the others by hand.
        if at_once && self.at_once.len() < self.bounds.held {
            self.at_once.insert(due.seq, due);
        }
    }

    /// Its due time was changed in the store. What is being attempted is told by its outcome.
    pub(crate) fn reschedule(&mut self, due: Due, now: Timestamp, wheel: &mut Wheel<Timer>) {
        if !self.busy.contains_key(&due.seq) {
            self.forget_retry(due.seq);
            self.offer_retry(due, now, wheel);
        }
    }

    pub(crate) fn offer_retry(&mut self, due: Due, now: Timestamp, wheel: &mut Wheel<Timer>) {
        if !self.settings.active || self.busy.contains_key(&due.seq) {
            return;
        }
        if due >= self.retries_loaded_until {
            if self.retries_loading {
                self.late_retries.push(due);
            }
            return;
        }
        if self.timers.len() >= self.bounds.held && !self.timers.contains_key(&due.seq) {
            // The latest makes room: it stays in the index, and the mark says so. If the new one gave way instead, it would wait
            // until most of the later ones had been attempted. Looking through all of them is rare: the mark falls each time.
            let latest = self.timers.iter().map(|(seq, at)| Due { at: *at, seq: *seq }).max();
            let latest = latest.filter(|latest| *latest > due).unwrap_or(due);
            self.retries_loaded_until = self.retries_loaded_until.min(latest);
            if latest == due {
                return;
            }
            self.forget_retry(latest.seq);
        }
        match self.timers.insert(due.seq, due.at) {
            Some(at) if at == due.at => return,
            Some(at) => {
                self.ready.remove(&Due { at, seq: due.seq });
            }
            None => {}
        }
        if due.at <= now {
            self.ready.insert(due);
        } else if wheel.insert(due.at, Timer { lane: self.no, due }).is_err() {
            // Past the horizon: not for memory yet.
            self.timers.remove(&due.seq);
            self.retries_loaded_until = self.retries_loaded_until.min(due);
        }
    }

    /// A timer has fired; returns whether it meant anything.
    pub(crate) fn fired(&mut self, due: Due) -> bool {
        let meant = self.timers.get(&due.seq) == Some(&due.at);
        meant && self.ready.insert(due)
    }

    pub(crate) fn forget(&mut self, seq: Seq) {
        self.untried.rows.remove(&seq);
        self.untried.late_arrivals.remove(&seq);
        self.manual.rows.retain(|due, ()| due.seq != seq);
        self.manual.late_arrivals.retain(|due, ()| due.seq != seq);
        self.at_once.remove(&seq);
        self.forget_retry(seq);
    }

    fn forget_retry(&mut self, seq: Seq) {
        if let Some(at) = self.timers.remove(&seq) {
            self.ready.remove(&Due { at, seq });
        }
        self.late_retries.retain(|due| due.seq != seq);
    }

    // ---- attempts ----

    pub(crate) fn pick(&mut self, now: Timestamp) -> Pick<H> {
        let in_flight = self.in_flight - self.elsewhere;
        if in_flight >= self.settings.max_in_flight || self.busy.len() - self.in_flight >= self.bounds.settling {
            return Pick::Nothing;
        }
        let mut not_before: Option<Timestamp> = None;
        let mut wait_until = |at: Timestamp| not_before = Some(not_before.map_or(at, |other| other.min(at)));
        if let Some(due) = self.next_at_once() {
            match self.at_once_limited_until(now) {
                None => return self.start_at_once(due, now),
                Some(at) => wait_until(at),
            }
        }
        // One attempt at a time finds out when the target can be spoken to, and when this machine can speak.
        if in_flight > 0 && (self.unreached > 0 || self.local_faults > 0) {
            return not_before.map_or(Pick::Nothing, Pick::NotBefore);
        }
        if let Some(at) = self.rate_limited_until(now) {
            if self.has_work() {
                wait_until(at);
            }
            return not_before.map_or(Pick::Nothing, Pick::NotBefore);
        }
        // A person waits for an answer, and the schedule doesn't; but a bulk resend must not keep it waiting for hours.
        let manual = self.next_manual();
        let manual_from = self.manual_held_until.max(self.probe_at);
        let manual_may = manual.is_some() && now >= manual_from;
        if manual.is_some() && !manual_may {
            wait_until(manual_from);
        }
        if let Some(due) = manual.filter(|_| manual_may && !self.schedule_next) {
            return self.start_manual(due, now);
        }
        if self.settings.active && !(self.untried.rows.is_empty() && self.ready.is_empty()) {
            let held_until = self.held_until.max(self.probe_at);
            if now < held_until {
                wait_until(held_until);
            } else {
                // In turn, so that neither a flood of new events nor one of retries starves the other.
                self.retry_next = !self.retry_next;
                let picked = if self.retry_next {
                    self.pick_retry().or_else(|| self.pick_untried())
                } else {
                    self.pick_untried().or_else(|| self.pick_retry())
                };
                if let Some((seq, kind, hot)) = picked {
                    self.schedule_next = false;
                    return self.start(seq, kind, hot, now);
                }
            }
        }
        if let Some(due) = manual.filter(|_| manual_may) {
            return self.start_manual(due, now);
        }
        not_before.map_or(Pick::Nothing, Pick::NotBefore)
    }

    fn next_manual(&self) -> Option<Due> {
        self.manual.rows.keys().find(|due| !self.busy.contains_key(&due.seq)).copied()
    }

    fn next_at_once(&self) -> Option<Due> {
        self.at_once.values().find(|due| !self.busy.contains_key(&due.seq)).copied()
    }

    /// When another one may leave that a person waits for, if not now.
    fn at_once_limited_until(&self, now: Timestamp) -> Option<Timestamp> {
        let every_us = millis(AT_ONCE_EVERY) * 1000;
        let allowed_us = self.at_once_theoretical_arrival_us.saturating_sub((AT_ONCE_BURST - 1) * every_us);
        (allowed_us > now.as_ms() * 1000).then(|| Timestamp::from_ms(allowed_us.div_ceil(1000)))
    }

    fn start_at_once(&mut self, due: Due, now: Timestamp) -> Pick<H> {
        let every_us = millis(AT_ONCE_EVERY) * 1000;
        self.at_once_theoretical_arrival_us = self.at_once_theoretical_arrival_us.max(now.as_ms() * 1000) + every_us;
        self.start_manual(due, now)
    }

    fn start_manual(&mut self, due: Due, now: Timestamp) -> Pick<H> {
        self.manual.rows.remove(&due);
        self.at_once.remove(&due.seq);
        self.schedule_next = true;
        self.start(due.seq, AttemptKind::Manual, None, now)
    }

    fn pick_retry(&mut self) -> Option<(Seq, AttemptKind, Option<H>)> {
        while let Some(due) = self.ready.pop_first() {
            self.timers.remove(&due.seq);
            // Busy by hand: whatever comes of that, the store will say what is owed next.
            if !self.busy.contains_key(&due.seq) {
                return Some((due.seq, AttemptKind::Retry(due.at), None));
            }
        }
        None
    }

    fn pick_untried(&mut self) -> Option<(Seq, AttemptKind, Option<H>)> {
        while let Some((seq, hot)) = self.untried.rows.pop_first() {
            if !self.busy.contains_key(&seq) {
                return Some((seq, AttemptKind::Untried, hot));
            }
        }
        None
    }

    fn start(&mut self, seq: Seq, kind: AttemptKind, hot: Option<H>, now: Timestamp) -> Pick<H> {
        let busy = Busy { in_flight: true, became_untried: false, renewals: self.renewals, elsewhere: false };
        self.busy.insert(seq, busy);
        self.in_flight += 1;
        if let Some(interval_us) = self.interval_us() {
            self.theoretical_arrival_us = self.theoretical_arrival_us.max(now.as_ms() * 1000) + interval_us;
        }
        Pick::Start { seq, kind, hot }
    }

    fn interval_us(&self) -> Option<u64> {
        self.settings.rate_limit.map(|rate| 1_000_000_000 / u64::from(rate.as_millis()))
    }

    /// When the rate limit allows another attempt, if not now. A burst of one second's worth is allowed.
    fn rate_limited_until(&self, now: Timestamp) -> Option<Timestamp> {
        let burst_us = 1_000_000_u64.saturating_sub(self.interval_us()?);
        let allowed_us = self.theoretical_arrival_us.saturating_sub(burst_us);
        (allowed_us > now.as_ms() * 1000).then(|| Timestamp::from_ms(allowed_us.div_ceil(1000)))
    }

    /// Returns whether a slot came free.
    pub(crate) fn attempt_ended(
        &mut self,
        seq: Seq,
        reachability: Reachability,
        hold: Option<RetryAfterHold>,
        now: Timestamp,
    ) -> bool {
        let Some(busy) = self.busy.get_mut(&seq).filter(|busy| busy.in_flight) else {
            return false;
        };
        busy.in_flight = false;
        self.in_flight -= 1;
        self.elsewhere -= usize::from(std::mem::take(&mut busy.elsewhere));
        if busy.renewals != self.renewals {
            // It says how things stood before.
            return true;
        }
        match reachability {
            // Any complete answer shows that the target can be spoken to.
            Reachability::Confirmed | Reachability::Answered => {
                (self.unreached, self.local_faults) = (0, 0);
                self.probe_at = Timestamp::from_ms(0);
            }
            Reachability::Unreachable => {
                self.local_faults = 0;
                self.unreached = self.unreached.saturating_add(1);
                self.probe_at = now.plus(probe_interval(self.unreached, self.no));
            }
            Reachability::LocalFault => {
                self.local_faults = self.local_faults.saturating_add(1);
                self.probe_at = now.plus(local_fault_pause(self.local_faults, self.no));
            }
            Reachability::Inconclusive => self.local_faults = 0,
            Reachability::NotAttempted => {}
        }
        if let Some(hold) = hold {
            self.held_until = self.held_until.max(hold.until);
            if hold.manual {
                self.manual_held_until = self.manual_held_until.max(hold.until);
            }
        }
        true
    }

    pub(crate) fn outcome_recorded(&mut self, seq: Seq, standing: Standing, now: Timestamp, wheel: &mut Wheel<Timer>) {
        let became_untried = self.busy.remove(&seq).is_some_and(|busy| busy.became_untried);
        // The store has the last word on what the automatic schedule owes; an attempt by hand that waits is its own row.
        self.untried.rows.remove(&seq);
        self.untried.late_arrivals.remove(&seq);
        self.forget_retry(seq);
        match standing {
            // If it isn't fresh after all, the attempt that reads it again finds that out.
            Standing::Nothing if became_untried => self.offer_untried(seq, None),
            Standing::Nothing => {}
            Standing::Fresh => self.offer_untried(seq, None),
            Standing::Retry(at) => self.offer_retry(Due { at, seq }, now, wheel),
        }
    }

    /// It was not attempted, since it could not be read, and a while has passed since. What it is owed is in the store.
    pub(crate) fn unreadable(&mut self, seq: Seq) {
        if self.busy.get(&seq).is_some_and(|busy| !busy.in_flight) {
            self.busy.remove(&seq);
            self.read_again();
        }
    }

    // ---- pages ----

    pub(crate) fn refill(&mut self, now: Timestamp, out: &mut Vec<Action<H>>) {
        if self.removed {
            return;
        }
        let (lane, account, epoch, limit) = (self.no, self.settings.account, self.epoch, self.bounds.page());
        if let Some(from) = self.manual.next_page() {
            out.push(Action::LoadManual(PageRequest { lane, account, epoch, from, limit }));
        }
        if !self.settings.active {
            return;
        }
        if let Some(from) = self.untried.next_page() {
            out.push(Action::LoadUntried(PageRequest { lane, account, epoch, from, limit }));
        }
        if !self.retries_loading
            && self.timers.len() < self.bounds.low()
            && self.retries_loaded_until.at <= now.plus(LOOK_AHEAD / 2)
        {
            self.retries_loading = true;
            self.late_retries.clear();
            let ask = PageRequest { lane, account, epoch, from: self.retries_loaded_until, limit };
            out.push(Action::LoadRetries(ask, now.plus(LOOK_AHEAD)));
        }
    }

    /// When retries have to be read again, as far as time decides that.
    pub(crate) fn refill_at(&self) -> Option<Timestamp> {
        let half_ms = millis(LOOK_AHEAD / 2);
        let waits = self.settings.active && !self.retries_loading && self.timers.len() < self.bounds.low();
        waits.then(|| Timestamp::from_ms(self.retries_loaded_until.at.as_ms().saturating_sub(half_ms)))
    }

    pub(crate) fn untried_page(&mut self, ask: &PageRequest<Seq>, rows: &[Seq], durable: Seq) {
        if ask.epoch != self.epoch {
            return;
        }
        // Eviction may have moved the mark back while the page was read; then it begins too late.
        if self.untried.loaded_until != Some(ask.from) {
            self.untried.loading = false;
            return;
        }
        // A row past what is known to be durable was visible too early; it will be told once it is, and so will all behind it.
        let known = rows.partition_point(|seq| *seq <= durable);
        let ends = known < rows.len() || rows.len() < ask.limit;
        let next = rows.last().filter(|_| !ends).map(|last| Seq(last.0 + 1));
        let busy = &mut self.busy;
        let mut is_busy = |seq: &Seq| busy.get_mut(seq).map(|busy| busy.became_untried = true).is_some();
        let rows = rows[..known].iter().filter(|seq| !is_busy(seq)).map(|seq| (*seq, None));
        self.untried.page(rows, next);
    }

    pub(crate) fn manual_page(&mut self, ask: &PageRequest<Due>, rows: &[Due]) {
        if ask.epoch != self.epoch {
            return;
        }
        if self.manual.loaded_until != Some(ask.from) {
            self.manual.loading = false;
            return;
        }
        let next = rows.last().filter(|_| rows.len() >= ask.limit).map(|last| after(*last));
        self.manual.page(rows.iter().map(|due| (*due, ())), next);
    }

    pub(crate) fn retry_page(
        &mut self,
        ask: &PageRequest<Due>,
        until: Timestamp,
        rows: Vec<Due>,
        now: Timestamp,
        wheel: &mut Wheel<Timer>,
    ) {
        if ask.epoch != self.epoch {
            return;
        }
        self.retries_loading = false;
        if self.retries_loaded_until != ask.from {
            return;
        }
        self.retries_loaded_until = match rows.last() {
            Some(last) if rows.len() >= ask.limit => after(*last),
            _ => Due { at: until, seq: Seq(0) },
        };
        for due in std::mem::take(&mut self.late_retries).into_iter().chain(rows) {
            // What came aside is the newer word on its notification.
            if !self.timers.contains_key(&due.seq) {
                self.offer_retry(due, now, wheel);
            }
        }
    }

    // ---- audit ----

    pub(crate) fn should_hold_retry(&self, due: Due) -> bool {
        due < self.retries_loaded_until && !self.timers.contains_key(&due.seq) && !self.busy.contains_key(&due.seq)
    }

    pub(crate) fn should_hold_manual(&self, due: Due) -> bool {
        let below = self.manual.loaded_until.is_none_or(|mark| due < mark);
        below && !self.manual.rows.contains_key(&due) && !self.busy.contains_key(&due.seq)
    }

    pub(crate) fn should_hold_untried(&self, seq: Seq) -> bool {
        let below = self.untried.loaded_until.is_none_or(|mark| seq < mark);
        below && !self.untried.rows.contains_key(&seq) && !self.busy.contains_key(&seq)
    }
}

fn after(due: Due) -> Due {
    Due { at: due.at, seq: Seq(due.seq.0 + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that came when more had been told beside it than `late_arrivals` takes: the mark stands at the first row that found no
    /// room, the page's rows behind it, and making room must not move the mark past rows that nobody holds.
    #[test]
    fn making_room_never_moves_the_mark_over_rows_that_nobody_holds() {
        let mut head: QueueHead<u64, ()> = QueueHead::unread(0, Bounds::DEFAULT);
        let from = head.next_page().unwrap();
        let told = 1_500_u64;
        (1..=told).for_each(|row| head.offer(row, ()));
        let page = 10_000..10_000 + Bounds::DEFAULT.page() as u64;
        assert_eq!(from, 0);
        head.page(page.clone().map(|row| (row, ())), Some(page.end));
        let mark = head.loaded_until.expect("there is more than fits");
        let unheld = (1..=told).chain(page).find(|row| *row < mark && !head.rows.contains_key(row));
        assert_eq!(unheld, None, "mark {mark}");
        assert!(head.rows.len() <= Bounds::DEFAULT.held);
    }
}
