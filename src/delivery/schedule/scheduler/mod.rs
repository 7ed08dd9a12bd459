//! The scheduler: which webhook gets the next attempt, and when. A pure core: no clock, no socket, no store, no task;
//! `step(now, inputs, actions)`.
//!
//! A **lane** is one webhook's queue, with its own limits, so that a dead or slow target never delays another. The
//! store keeps what is due of a lane in three sorted ranges (untried, retries, manual); a lane holds the beginning of
//! each. So memory doesn't grow with the backlog, and it is harmless to forget everything held at any moment (at a
//! clock that jumps, at a pause): it is read again from the start.
//!
//! A held notification is never in two places that start attempts: an attempt marks it busy until the store has
//! recorded its outcome, and says what is due next.

use super::lane::{Lane, Pick, Standstill};
use super::message::{Action, AttemptKind, Input, Timer};
use super::queue::Bounds;
use super::wheel::Wheel;
use crate::model::{NotificationKey, Seq, Timestamp, WebhookNo, millis};
use crate::store::Due;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How often each lane is checked for overdue rows that nobody holds.
const AUDIT_EVERY: Duration = Duration::from_secs(60);
/// How long a row must be overdue for an audit to count it.
const AUDIT_GRACE: Duration = Duration::from_secs(60);
/// A clock that went back by more, or forward by more between two steps, has jumped (or the machine was suspended).
const JUMP_BACK: Duration = Duration::from_secs(1);
const JUMP_FORWARD: Duration = Duration::from_secs(30);

/// The scheduler's whole state.
#[derive(Debug)]
pub struct Scheduler<H> {
    /// In order, so that whatever goes over all of them does the same in every run.
    lanes: BTreeMap<WebhookNo, Lane<H>>,
    bounds: Bounds,
    wheel: Wheel<Timer>,
    /// Lanes that may have something to start, each once, in turn.
    ring: VecDeque<WebhookNo>,
    /// When lanes are served without any input.
    wakes: BTreeSet<(Timestamp, WebhookNo)>,
    in_flight: usize,
    /// Lanes that have attempts in flight.
    busy_lanes: usize,
    max_in_flight: usize,
    durable: Seq,
    now: Timestamp,
    audited: Timestamp,
    suspects: BTreeSet<Suspect>,
}

/// A row that an audit found overdue and that no lane held then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Suspect {
    key: NotificationKey,
    kind: AttemptKind,
    /// When a manual attempt was requested: one that was requested again since is another row.
    since: Option<Timestamp>,
}

impl Suspect {
    fn of(key: NotificationKey, kind: AttemptKind, due: Due) -> Self {
        Self { key, kind, since: (kind == AttemptKind::Manual).then_some(due.at) }
    }
}

impl<H> Scheduler<H> {
    /// A scheduler without lanes, standing at `now`, for a store whose events are durable up to `durable`.
    pub fn new(now: Timestamp, max_in_flight: usize, durable: Seq) -> Self {
        Self {
            lanes: BTreeMap::new(),
            bounds: Bounds::DEFAULT,
            wheel: Wheel::new(now),
            ring: VecDeque::new(),
            wakes: BTreeSet::new(),
            in_flight: 0,
            busy_lanes: 0,
            max_in_flight,
            durable,
            now,
            audited: now,
            suspects: BTreeSet::new(),
        }
    }

    /// Lanes that hold no more than this each.
    #[cfg(test)]
    pub(crate) fn bounded(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// How many attempts are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many notifications and timers are held in memory: bounded by the number of lanes, not by their backlog.
    /// Those of deleted webhooks, whose last attempts are in flight, are not counted.
    pub fn held(&self) -> usize {
        self.lanes.values().filter(|lane| !lane.removed).map(Lane::held).sum()
    }

    /// Why a lane starts nothing by itself; `None` for one that was removed.
    pub(crate) fn standstill(&self, no: WebhookNo) -> Option<Standstill> {
        self.lanes.get(&no).filter(|lane| !lane.removed).map(Lane::standstill)
    }

    /// Takes in what happened until `now` and says what is to be done.
    pub fn step(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input<H>>, out: &mut Vec<Action<H>>) {
        if now.plus(JUMP_BACK) < self.now || now > self.now.plus(JUMP_FORWARD) {
            self.rebuild(now);
        }
        self.now = now;
        for input in inputs {
            self.apply(input, out);
        }
        self.fire_timers(out);
        self.dispatch(out);
        if self.now < self.audited {
            self.audited = self.now;
        } else if self.now.since(self.audited) >= AUDIT_EVERY {
            self.audited = self.now;
            self.audit(out);
        }
    }

    /// When there is something to do without any input; `None` when never.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let lane = self.wakes.first().map(|(at, _)| *at);
        match (self.wheel.next(), lane) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn apply(&mut self, input: Input<H>, out: &mut Vec<Action<H>>) {
        match input {
            Input::LaneChanged { no, settings } => {
                let lane = self.lanes.entry(no).or_insert_with(|| Lane::new(no, settings, self.bounds));
                lane.change(settings, self.now);
                self.schedule_lane(no, out);
            }
            Input::TargetRenewed { no, moved } => {
                if let Some(lane) = self.lanes.get_mut(&no) {
                    lane.renew(moved);
                    self.schedule_lane(no, out);
                }
            }
            Input::LaneRemoved(no) => {
                // Its attempts in flight end by themselves and hold their slots until then; the lane is dropped with
                // the last of them.
                if let Some(lane) = self.lanes.get_mut(&no) {
                    lane.remove();
                    self.suspects.retain(|suspect| suspect.key.webhook != no);
                    self.drop_if_ended(no);
                }
            }
            Input::Untried { key, payload } => {
                // The store sends durable rows only. A lane that was paused then has forgotten the row, and the page
                // that it reads once it is active again must not leave it out to wait for this message a second time.
                self.durable = self.durable.max(key.seq);
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.offer_untried(key.seq, payload);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::Manual { key, since, at_once } => {
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.offer_manual(Due { at: since, seq: key.seq }, at_once);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::Rescheduled { key, due } => {
                self.suspects.retain(|suspect| suspect.key != key);
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.reschedule(Due { at: due, seq: key.seq }, self.now, &mut self.wheel);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::Unreadable(key) => {
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.unreadable(key.seq);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::AttemptEnded { key, reachability, hold } => {
                if let Some(lane) = self.lanes.get_mut(&key.webhook)
                    && lane.attempt_ended(key.seq, reachability, hold, self.now)
                {
                    self.in_flight -= 1;
                    self.busy_lanes -= usize::from(lane.in_flight() == 0);
                    self.schedule_lane(key.webhook, out);
                    self.drop_if_ended(key.webhook);
                }
            }
            Input::OutcomeRecorded { key, next_attempt } => {
                self.suspects.retain(|suspect| suspect.key != key);
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.outcome_recorded(key.seq, next_attempt, self.now, &mut self.wheel);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::Cancelled(key) => {
                self.suspects.retain(|suspect| suspect.key != key);
                if let Some(lane) = self.lanes.get_mut(&key.webhook) {
                    lane.forget(key.seq);
                    self.schedule_lane(key.webhook, out);
                }
            }
            Input::Durable(seq) => self.durable = self.durable.max(seq),
            Input::UntriedPage { request, rows } => {
                if let Some(lane) = self.lanes.get_mut(&request.lane) {
                    lane.untried_page(&request, &rows, self.durable);
                    self.schedule_lane(request.lane, out);
                }
            }
            Input::RetryPage { request, until, rows } => {
                if let Some(lane) = self.lanes.get_mut(&request.lane) {
                    lane.retry_page(&request, until, rows, self.now, &mut self.wheel);
                    self.schedule_lane(request.lane, out);
                }
            }
            Input::ManualPage { request, rows } => {
                if let Some(lane) = self.lanes.get_mut(&request.lane) {
                    lane.manual_page(&request, &rows);
                    self.schedule_lane(request.lane, out);
                }
            }
            Input::Audited { lane, retries, untried, manual } => {
                self.evaluate_audit(lane, &retries, &untried, &manual, out);
            }
            Input::MaxInFlight(max) => self.max_in_flight = max,
        }
    }

    fn drop_if_ended(&mut self, no: WebhookNo) {
        if self.lanes.get(&no).is_some_and(|lane| lane.removed && lane.in_flight() == 0) {
            self.lanes.remove(&no);
        }
    }

    /// Requests the pages that a lane runs low on, and puts it into the ring if it has something to start.
    fn schedule_lane(&mut self, no: WebhookNo, out: &mut Vec<Action<H>>) {
        let Some(lane) = self.lanes.get_mut(&no) else {
            return;
        };
        lane.refill(self.now, out);
        if let Some(at) = lane.refill_at() {
            set_wake(&mut self.wakes, lane, at);
        }
        if !lane.in_ring && lane.has_work() {
            lane.in_ring = true;
            self.ring.push_back(no);
        }
    }

    fn fire_timers(&mut self, out: &mut Vec<Action<H>>) {
        let mut touched: Vec<WebhookNo> = Vec::new();
        let lanes = &mut self.lanes;
        self.wheel.expire(self.now, |timer| {
            if let Some(lane) = lanes.get_mut(&timer.lane)
                && lane.fired(timer.due)
            {
                touched.push(timer.lane);
            }
        });
        while let Some((at, no)) = self.wakes.first().copied().filter(|(at, _)| *at <= self.now) {
            self.wakes.remove(&(at, no));
            if let Some(lane) = self.lanes.get_mut(&no) {
                lane.wake = None;
                touched.push(no);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for no in touched {
            self.schedule_lane(no, out);
        }
    }

    /// Starts what may start, one attempt of each lane in turn.
    ///
    /// Half of the slots go to the lanes that come first. Of the other half a lane gets no more than its share among
    /// all lanes that have something to do: sixty slow targets with eight attempts in flight each would else hold every
    /// slot there is, and the next target's first attempt would wait for one of theirs to time out.
    fn dispatch(&mut self, out: &mut Vec<Action<H>>) {
        let first_come = self.max_in_flight.div_ceil(2);
        // How many lanes in a row have had their share: once all of them have, none can start.
        let mut crowded = 0;
        while self.in_flight < self.max_in_flight && crowded < self.ring.len() {
            let Some(no) = self.ring.pop_front() else {
                return;
            };
            let Some(lane) = self.lanes.get_mut(&no) else {
                continue;
            };
            if self.in_flight >= first_come {
                let share = (self.max_in_flight - first_come) / self.busy_lanes.max(self.ring.len() + 1);
                if lane.in_flight() >= share.max(1) {
                    self.ring.push_back(no);
                    crowded += 1;
                    continue;
                }
            }
            crowded = 0;
            lane.in_ring = false;
            match lane.pick(self.now) {
                Pick::Start { seq, kind, payload } => {
                    self.in_flight += 1;
                    self.busy_lanes += usize::from(lane.in_flight() == 1);
                    let key = NotificationKey { seq, webhook: no };
                    out.push(Action::Start { key, account: lane.account(), kind, payload });
                    self.schedule_lane(no, out);
                }
                Pick::NotBefore(at) => set_wake(&mut self.wakes, lane, at),
                // Each input that frees a slot or brings a notification schedules the lane again.
                Pick::Nothing => {}
            }
        }
    }

    /// The wall clock has jumped: forgets every timer and reads the retries again.
    fn rebuild(&mut self, now: Timestamp) {
        self.wheel.clear(now);
        self.wakes.clear();
        // Two audits may suspect the same row only if its outcome could have been recorded between them.
        self.suspects.clear();
        self.audited = now;
        for lane in self.lanes.values_mut() {
            lane.reset_clock(self.now, now);
            lane.wake = Some(now);
            self.wakes.insert((now, lane.no));
        }
    }

    fn audit(&mut self, out: &mut Vec<Action<H>>) {
        let before = Timestamp::from_ms(self.now.as_ms().saturating_sub(millis(AUDIT_GRACE)));
        for lane in self.lanes.values().filter(|lane| !lane.removed) {
            out.push(Action::Audit { lane: lane.no, account: lane.account(), before });
        }
    }

    /// A row is lost only if two audits in a row find that no lane holds it, and no outcome of it was recorded in
    /// between: when the page was read, the store may not have sent the row yet, and since then its outcome may have
    /// been recorded.
    fn evaluate_audit(
        &mut self,
        no: WebhookNo,
        retries: &[Due],
        untried: &[Seq],
        manual: &[Due],
        out: &mut Vec<Action<H>>,
    ) {
        let Some(lane) = self.lanes.get_mut(&no).filter(|lane| !lane.removed) else {
            return;
        };
        let mut unheld: Vec<(Due, AttemptKind)> = Vec::new();
        unheld.extend(manual.iter().filter(|due| lane.lacks_manual(**due)).map(|due| (*due, AttemptKind::Manual)));
        // A lane that is paused holds nothing of its schedule, on purpose.
        if lane.is_active() {
            let durable = self.durable;
            let retries = retries.iter().filter(|due| lane.lacks_retry(**due));
            unheld.extend(retries.map(|due| (*due, AttemptKind::Retry(due.at))));
            let untried = untried.iter().filter(|seq| **seq <= durable && lane.lacks_untried(**seq));
            unheld.extend(untried.map(|seq| (Due { at: self.now, seq: *seq }, AttemptKind::Untried)));
        }
        let mut suspects = BTreeSet::new();
        for (due, kind) in unheld {
            let key = NotificationKey { seq: due.seq, webhook: no };
            let suspect = Suspect::of(key, kind, due);
            if !self.suspects.contains(&suspect) {
                suspects.insert(suspect);
                continue;
            }
            match kind {
                AttemptKind::Retry(_) => lane.offer_retry(due, self.now, &mut self.wheel),
                AttemptKind::Untried => lane.offer_untried(due.seq, None),
                AttemptKind::Manual => lane.offer_manual(due, false),
            }
            out.push(Action::Lost(key));
        }
        self.suspects.retain(|suspect| suspect.key.webhook != no);
        self.suspects.extend(suspects);
        self.schedule_lane(no, out);
    }
}

/// A lane has one wake: the earliest that was asked for.
fn set_wake<H>(wakes: &mut BTreeSet<(Timestamp, WebhookNo)>, lane: &mut Lane<H>, at: Timestamp) {
    if let Some(earlier) = lane.wake {
        if earlier <= at {
            return;
        }
        wakes.remove(&(earlier, lane.no));
    }
    lane.wake = Some(at);
    wakes.insert((at, lane.no));
}

#[cfg(test)]
mod tests;
