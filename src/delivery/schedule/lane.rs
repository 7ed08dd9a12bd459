//! One webhook's lane: its three queues, its limits, and what it starts next.

use super::message::{Action, AttemptKind, LaneSettings, PageRequest, Reachability, RetryAfterHold, Timer};
use super::pacing::{Gcra, Quota, local_fault_pause, probe_interval};
use super::queue::{Bounds, FIRST_DUE, LOOK_AHEAD, QueueFront, RetryQueue, after};
use super::wheel::Wheel;
use crate::model::{AccountNo, Seq, Timestamp, WebhookNo};
use crate::store::{Due, NextAttempt};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A moment that has always passed.
const NEVER: Timestamp = Timestamp::from_ms(0);

/// What a lane does when it is its turn.
pub(crate) enum Pick<H> {
    /// It starts this attempt.
    Start { seq: Seq, kind: AttemptKind, payload: Option<H> },
    /// It starts nothing before this moment.
    NotBefore(Timestamp),
    /// It starts nothing until something happens to it.
    Nothing,
}

/// A notification whose attempt is in flight, or has ended without its outcome being recorded yet.
#[derive(Clone, Copy, Debug)]
struct Busy {
    in_flight: bool,
    /// Whether the store has reported meanwhile that its first attempt is due. The message that ends this attempt may
    /// be the older one, if it found nothing to attempt just before the notification was released in its order.
    became_untried: bool,
    /// How often the lane had been renewed when the attempt began. One that began before the last time says nothing of
    /// the present target.
    renewals: u32,
    /// Whether it went to a target that the webhook no longer has: it counts against none of the present one's limits.
    elsewhere: bool,
}

/// Why a lane starts nothing by itself, and until when. Moments that have passed have no meaning.
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

/// One webhook's lane.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of which excludes another")]
pub(crate) struct Lane<H> {
    pub(crate) no: WebhookNo,
    /// Whether it stands in the scheduler's ring.
    pub(crate) in_ring: bool,
    /// Whether its webhook was deleted: it waits for its attempts in flight and starts no more.
    pub(crate) removed: bool,
    /// When the scheduler serves it again without any input.
    pub(crate) wake: Option<Timestamp>,
    settings: LaneSettings,
    bounds: Bounds,
    /// Counts how often the queues were emptied to be read again: pages that were requested before are void.
    epoch: u64,
    untried: QueueFront<Seq, Option<H>>,
    retries: RetryQueue,
    manual: QueueFront<Due, ()>,
    /// Manual attempts that a person waits for. `manual` holds them as well, unless they stand behind what it has
    /// loaded.
    at_once: BTreeMap<Seq, Due>,
    /// Attempts in flight, and those that ended without their outcomes being recorded yet.
    busy: HashMap<Seq, Busy>,
    in_flight: usize,
    /// How many of those went to a target that the webhook no longer has.
    elsewhere: usize,
    /// How often its webhook was given another target or was set ACTIVE again.
    renewals: u32,
    /// How many attempts in a row failed for a fault of this machine.
    local_faults: u32,
    /// How many attempts in a row did not reach the target; none since it last answered. While there are any, one
    /// attempt at a time finds out when it can be reached.
    unreached: u32,
    /// When the next of them may leave.
    probe_at: Timestamp,
    held_until: Timestamp,
    manual_held_until: Timestamp,
    rate: Gcra,
    at_once_rate: Gcra,
    /// Whether the last automatic attempt was to be a retry: the other kind is preferred next.
    retry_next: bool,
    /// Whether the last attempt was manual, so that an automatic one comes next.
    automatic_next: bool,
}

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
            untried: QueueFront::unread(Seq(0), bounds.untried),
            retries: RetryQueue::unread(no, bounds),
            manual: QueueFront::unread(FIRST_DUE, bounds.held),
            at_once: BTreeMap::new(),
            busy: HashMap::new(),
            in_flight: 0,
            elsewhere: 0,
            renewals: 0,
            local_faults: 0,
            unreached: 0,
            probe_at: NEVER,
            held_until: NEVER,
            manual_held_until: NEVER,
            rate: Gcra::default(),
            at_once_rate: Gcra::default(),
            retry_next: false,
            automatic_next: false,
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

    /// How many notifications and timers take up memory.
    pub(crate) fn held(&self) -> usize {
        self.untried.held() + self.retries.held() + self.manual.len() + self.at_once.len() + self.busy.len()
    }

    /// Its webhook was deleted: nothing is pending any more. Attempts in flight still count against the limits.
    pub(crate) fn remove(&mut self) {
        self.removed = true;
        self.settings.active = false;
        self.at_once.clear();
        self.read_again();
    }

    /// Forgets the store's rows and reads them again.
    fn read_again(&mut self) {
        self.untried = QueueFront::unread(Seq(0), self.bounds.untried);
        self.retries = RetryQueue::unread(self.no, self.bounds);
        self.manual = QueueFront::unread(FIRST_DUE, self.bounds.held);
        self.epoch += 1;
    }

    pub(crate) fn has_work(&self) -> bool {
        let manual = !(self.manual.is_empty() && self.at_once.is_empty());
        manual || (self.settings.active && self.has_automatic())
    }

    fn has_automatic(&self) -> bool {
        !self.untried.is_empty() || self.retries.has_ready()
    }

    pub(crate) fn change(&mut self, settings: LaneSettings, now: Timestamp) {
        if self.settings.active && !settings.active {
            // The new epoch voids the page of manual attempts as well, so that queue begins anew too.
            self.read_again();
        }
        let before = self.quota();
        self.settings = settings;
        self.rate.change(before, self.quota(), now);
    }

    /// Its webhook has another target, or was set ACTIVE again: nothing that was learned of the target holds any more.
    /// Attempts in flight say nothing of it either, and those to another target (`moved`) count against none of its
    /// limits.
    pub(crate) fn renew(&mut self, moved: bool) {
        self.renewals = self.renewals.wrapping_add(1);
        self.held_until = NEVER;
        self.manual_held_until = NEVER;
        self.probe_at = NEVER;
        self.unreached = 0;
        self.local_faults = 0;
        if moved {
            for busy in self.busy.values_mut().filter(|busy| busy.in_flight) {
                busy.elsewhere = true;
            }
            self.elsewhere = self.in_flight;
        }
    }

    /// Why it starts nothing by itself, as far as that may last.
    pub(crate) fn standstill(&self) -> Standstill {
        Standstill {
            held_until: self.held_until,
            rate_limited_until: self.quota().map_or(NEVER, |quota| self.rate.next(quota)),
            paused_until: if self.local_faults > 0 { self.probe_at } else { NEVER },
            unreached: self.unreached > 0,
        }
    }

    /// The wall clock has jumped from `before` to `now`. Timers are set anew; what is left of a `Retry-After` stays,
    /// and the lane's own waits, which are short, begin anew.
    pub(crate) fn reset_clock(&mut self, before: Timestamp, now: Timestamp) {
        self.retries = RetryQueue::unread(self.no, self.bounds);
        self.epoch += 1;
        self.untried.abandon_page();
        self.manual.abandon_page();
        let left = |until: Timestamp| if until > before { now.plus(until.since(before)) } else { NEVER };
        self.held_until = left(self.held_until);
        self.manual_held_until = left(self.manual_held_until);
        self.probe_at = NEVER;
        self.rate = Gcra::default();
        self.at_once_rate = Gcra::default();
    }

    // ---- what is pending ----

    /// The first automatic attempt of a notification is due.
    pub(crate) fn offer_untried(&mut self, seq: Seq, payload: Option<H>) {
        match self.busy.get_mut(&seq) {
            Some(busy) => busy.became_untried = true,
            None if self.settings.active => self.untried.offer(seq, payload),
            None => {}
        }
    }

    /// A manual attempt was requested; `at_once` where a person waits for it.
    pub(crate) fn offer_manual(&mut self, due: Due, at_once: bool) {
        if self.removed {
            return;
        }
        // Requested again, it has this row alone. With an earlier one, held for as long as it is busy, the queue would
        // look better filled than it is, and its next page would not be read.
        self.manual.retain(|row| row.seq != due.seq);
        self.manual.offer(due, ());
        if let Some(waiting) = self.at_once.get_mut(&due.seq) {
            *waiting = due;
        } else if at_once && self.at_once.len() < self.bounds.held {
            // One that finds no place waits its turn with the other manual ones.
            self.at_once.insert(due.seq, due);
        }
    }

    /// Its due time was changed in the store. Of what is being attempted, the outcome says what comes next.
    pub(crate) fn reschedule(&mut self, due: Due, now: Timestamp, wheel: &mut Wheel<Timer>) {
        if !self.busy.contains_key(&due.seq) {
            self.retries.forget(due.seq);
            self.offer_retry(due, now, wheel);
        }
    }

    pub(crate) fn offer_retry(&mut self, due: Due, now: Timestamp, wheel: &mut Wheel<Timer>) {
        if self.settings.active && !self.busy.contains_key(&due.seq) {
            self.retries.offer(due, now, wheel);
        }
    }

    /// A timer has fired; returns whether it was still valid.
    pub(crate) fn fired(&mut self, due: Due) -> bool {
        self.retries.fired(due)
    }

    /// Nothing of the notification is pending any more.
    pub(crate) fn forget(&mut self, seq: Seq) {
        self.untried.remove(&seq);
        self.manual.retain(|due| due.seq != seq);
        self.at_once.remove(&seq);
        self.retries.forget(seq);
    }

    // ---- attempts ----

    /// Starts the next attempt, if it may.
    pub(crate) fn pick(&mut self, now: Timestamp) -> Pick<H> {
        let in_flight = self.in_flight - self.elsewhere;
        if in_flight >= self.settings.max_in_flight || self.busy.len() - self.in_flight >= self.bounds.settling {
            return Pick::Nothing;
        }
        let mut not_before: Option<Timestamp> = None;
        let mut wait_until = |at: Timestamp| not_before = Some(not_before.map_or(at, |other| other.min(at)));
        if let Some(due) = self.next_at_once() {
            match self.at_once_rate.limited_until(Quota::at_once(), now) {
                None => {
                    self.at_once_rate.start(Quota::at_once(), now);
                    return self.start_manual(due, now);
                }
                Some(at) => wait_until(at),
            }
        }
        // One attempt at a time finds out when the target can be reached, and when this machine can make attempts.
        if in_flight > 0 && (self.unreached > 0 || self.local_faults > 0) {
            return not_before.map_or(Pick::Nothing, Pick::NotBefore);
        }
        if let Some(at) = self.quota().and_then(|quota| self.rate.limited_until(quota, now)) {
            if self.has_work() {
                wait_until(at);
            }
            return not_before.map_or(Pick::Nothing, Pick::NotBefore);
        }
        // Manual attempts come first, but a bulk resend must not keep the automatic ones waiting for hours.
        let manual = self.next_manual();
        let manual_from = self.manual_held_until.max(self.probe_at);
        let manual_may = manual.is_some() && now >= manual_from;
        if manual.is_some() && !manual_may {
            wait_until(manual_from);
        }
        if let Some(due) = manual.filter(|_| manual_may && !self.automatic_next) {
            return self.start_manual(due, now);
        }
        if self.settings.active && self.has_automatic() {
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
                if let Some((seq, kind, payload)) = picked {
                    self.automatic_next = false;
                    return self.start(seq, kind, payload, now);
                }
            }
        }
        if let Some(due) = manual.filter(|_| manual_may) {
            return self.start_manual(due, now);
        }
        not_before.map_or(Pick::Nothing, Pick::NotBefore)
    }

    fn next_manual(&self) -> Option<Due> {
        self.manual.keys().find(|due| !self.busy.contains_key(&due.seq)).copied()
    }

    fn next_at_once(&self) -> Option<Due> {
        self.at_once.values().find(|due| !self.busy.contains_key(&due.seq)).copied()
    }

    fn start_manual(&mut self, due: Due, now: Timestamp) -> Pick<H> {
        self.manual.take(&due);
        self.at_once.remove(&due.seq);
        self.automatic_next = true;
        self.start(due.seq, AttemptKind::Manual, None, now)
    }

    fn pick_retry(&mut self) -> Option<(Seq, AttemptKind, Option<H>)> {
        while let Some(due) = self.retries.pop_ready() {
            // During a manual attempt it is left out: after that outcome, the store says what is due next.
            if !self.busy.contains_key(&due.seq) {
                return Some((due.seq, AttemptKind::Retry(due.at), None));
            }
        }
        None
    }

    fn pick_untried(&mut self) -> Option<(Seq, AttemptKind, Option<H>)> {
        while let Some((seq, payload)) = self.untried.pop_first() {
            if !self.busy.contains_key(&seq) {
                return Some((seq, AttemptKind::Untried, payload));
            }
        }
        None
    }

    fn start(&mut self, seq: Seq, kind: AttemptKind, payload: Option<H>, now: Timestamp) -> Pick<H> {
        let busy = Busy { in_flight: true, became_untried: false, renewals: self.renewals, elsewhere: false };
        self.busy.insert(seq, busy);
        self.in_flight += 1;
        if let Some(quota) = self.quota() {
            self.rate.start(quota, now);
        }
        Pick::Start { seq, kind, payload }
    }

    fn quota(&self) -> Option<Quota> {
        self.settings.rate_limit.map(Quota::of)
    }

    /// Returns whether a slot was freed.
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
            // Any complete answer shows that the target can be reached.
            Reachability::Confirmed | Reachability::Answered => {
                (self.unreached, self.local_faults) = (0, 0);
                self.probe_at = NEVER;
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
            let until = now.plus(hold.span);
            self.held_until = self.held_until.max(until);
            if hold.manual {
                self.manual_held_until = self.manual_held_until.max(until);
            }
        }
        true
    }

    /// The store has recorded the outcome of an attempt and says what automatic attempt is due next. A manual one that
    /// was requested meanwhile is a row of its own.
    pub(crate) fn outcome_recorded(&mut self, seq: Seq, next: NextAttempt, now: Timestamp, wheel: &mut Wheel<Timer>) {
        let became_untried = self.busy.remove(&seq).is_some_and(|busy| busy.became_untried);
        self.untried.remove(&seq);
        self.retries.forget(seq);
        match next {
            // If its first attempt is not due after all, the attempt that reads it again finds that out.
            NextAttempt::Nothing if became_untried => self.offer_untried(seq, None),
            NextAttempt::Nothing => {}
            NextAttempt::First => self.offer_untried(seq, None),
            NextAttempt::Retry(at) => self.offer_retry(Due { at, seq }, now, wheel),
        }
    }

    /// It was not attempted because it could not be read, and a while has passed since. What is due stands in the
    /// store.
    pub(crate) fn unreadable(&mut self, seq: Seq) {
        if self.busy.get(&seq).is_some_and(|busy| !busy.in_flight) {
            self.busy.remove(&seq);
            self.read_again();
        }
    }

    // ---- pages ----

    /// Requests the pages of queues that run low.
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
        if let Some(from) = self.retries.next_page(now) {
            let request = PageRequest { lane, account, epoch, from, limit };
            out.push(Action::LoadRetries(request, now.plus(LOOK_AHEAD)));
        }
    }

    /// When retries have to be read again, as far as time decides that.
    pub(crate) fn refill_at(&self) -> Option<Timestamp> {
        if self.settings.active { self.retries.next_page_at() } else { None }
    }

    pub(crate) fn untried_page(&mut self, request: &PageRequest<Seq>, rows: &[Seq], durable: Seq) {
        if request.epoch != self.epoch || !self.untried.takes_page_from(request.from) {
            return;
        }
        // A row that is not known to be durable was visible too early. The store sends it once it is durable, and all
        // rows behind it too.
        let known = rows.partition_point(|seq| *seq <= durable);
        let ends = known < rows.len() || rows.len() < request.limit;
        let next = rows.last().filter(|_| !ends).map(|last| Seq(last.0 + 1));
        let busy = &mut self.busy;
        let mut is_busy = |seq: &Seq| busy.get_mut(seq).map(|busy| busy.became_untried = true).is_some();
        let rows = rows[..known].iter().filter(|seq| !is_busy(seq)).map(|seq| (*seq, None));
        self.untried.page(rows, next);
    }

    pub(crate) fn manual_page(&mut self, request: &PageRequest<Due>, rows: &[Due]) {
        if request.epoch != self.epoch || !self.manual.takes_page_from(request.from) {
            return;
        }
        let next = rows.last().filter(|_| rows.len() >= request.limit).map(|last| after(*last));
        // Of a notification that was requested again meanwhile, the page may have the earlier row. If it has a later
        // one, that is on its way as well.
        let again: HashSet<Seq> = self.manual.late_arrivals().map(|due| due.seq).collect();
        let rows = rows.iter().filter(|due| !again.contains(&due.seq));
        self.manual.page(rows.map(|due| (*due, ())), next);
    }

    pub(crate) fn retry_page(
        &mut self,
        request: &PageRequest<Due>,
        until: Timestamp,
        rows: Vec<Due>,
        now: Timestamp,
        wheel: &mut Wheel<Timer>,
    ) {
        if request.epoch != self.epoch {
            return;
        }
        let next = match rows.last() {
            Some(last) if rows.len() >= request.limit => after(*last),
            _ => Due { at: until, seq: Seq(0) },
        };
        let busy = &self.busy;
        self.retries.page((request.from, next), rows, |seq| busy.contains_key(&seq), now, wheel);
    }

    // ---- audit ----

    pub(crate) fn lacks_untried(&self, seq: Seq) -> bool {
        self.untried.lacks(&seq) && !self.busy.contains_key(&seq)
    }

    pub(crate) fn lacks_retry(&self, due: Due) -> bool {
        self.retries.lacks(due) && !self.busy.contains_key(&due.seq)
    }

    pub(crate) fn lacks_manual(&self, due: Due) -> bool {
        self.manual.lacks(&due) && !self.busy.contains_key(&due.seq)
    }
}
