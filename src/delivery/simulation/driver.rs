//! The driver as a model: what `delivery/engine.rs` does between the scheduler, the store and the network, without tasks. What
//! an attempt's result means is told again here.

use super::changes::{Commit, StoreUpdate};
use super::ledger::Leaving;
use super::store::{ACCOUNT, Store};
use super::watch::Watch;
use super::world::{CachedPayload, Later, World};
use crate::delivery::schedule::message::LaneSettings;
use crate::delivery::schedule::message::{Action, AttemptKind, Input, Reachability, RetryAfterHold};
use crate::delivery::schedule::queue::Bounds;
use crate::delivery::schedule::scheduler::Scheduler;
use crate::model::{
    Attempt, AttemptResult, ErrorCode, NotificationKey, RetryPolicy, Seq, Timestamp, Timings, Trigger, Verdict,
    Webhook, WebhookNo, millis,
};
use crate::store::{Due, NextAttempt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many of a lane's first rows an audit looks at.
const AUDIT_ROWS: usize = 64;
/// How long after a failed read of a notification it is tried again.
const READ_AGAIN_MS: u64 = 15_000;

pub(super) struct Driver {
    scheduler: Scheduler<CachedPayload>,
    /// With how often each was renewed.
    lanes: BTreeMap<WebhookNo, (Arc<Webhook>, u32)>,
    inputs: Vec<Input<CachedPayload>>,
    pub(super) watch: Watch,
    bounds: Bounds,
    pub(super) stepped_at: u64,
}

/// An attempt whose notification has to be read first.
pub(super) struct Fetch {
    start: Start,
}

/// What the scheduler had started, and when: by time as it passes, and the latest that the clock had shown.
struct Start {
    key: NotificationKey,
    kind: AttemptKind,
    lane: Arc<Webhook>,
    renewals: u32,
    time: u64,
    wall: u64,
}

/// As what an attempt is made.
struct Made {
    uid: u64,
    trigger: Trigger,
    automatic: u8,
    asked_at: Option<Timestamp>,
    hot: bool,
}

/// An attempt under way.
pub(super) struct Request {
    number: u64,
    start: Start,
    made: Made,
    result: AttemptResult,
}

impl Driver {
    pub(super) fn new(wall: u64, max_in_flight: usize, durable: Seq, bounds: Bounds) -> Self {
        let scheduler = Scheduler::new(Timestamp::from_ms(wall), max_in_flight, durable).bounded(bounds);
        Self {
            scheduler,
            lanes: BTreeMap::new(),
            inputs: Vec::new(),
            watch: Watch::new(wall, max_in_flight, durable, bounds),
            bounds,
            stepped_at: 0,
        }
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.scheduler.next_wake()
    }

    pub(super) fn has_heard(&self) -> bool {
        !self.inputs.is_empty()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.scheduler.in_flight()
    }
}

impl World {
    fn driver(&mut self) -> &mut Driver {
        self.driver.as_mut().expect("only a process that runs is told anything")
    }

    // ---- what it hears ----

    pub(super) fn learn(&mut self, told: StoreUpdate) {
        let input = match told {
            StoreUpdate::Webhook(webhook) if webhook.deleted_at.is_some() => {
                self.driver().lanes.remove(&webhook.no);
                Input::LaneRemoved(webhook.no)
            }
            StoreUpdate::Webhook(webhook) => {
                let own = webhook.max_in_flight.map(usize::from);
                let settings = LaneSettings {
                    account: ACCOUNT,
                    active: webhook.is_active(),
                    max_in_flight: own.unwrap_or(self.settings.max_in_flight_per_webhook),
                    rate_limit: webhook.rate_limit,
                };
                let no = webhook.no;
                let renewals = self.driver().lanes.get(&no).map_or(0, |(_, renewals)| *renewals);
                self.driver().lanes.insert(no, (webhook, renewals));
                Input::LaneChanged { no, settings }
            }
            StoreUpdate::Untried(key, hot) => Input::Untried { key, hot },
            StoreUpdate::Manual(key, since, at_once) => Input::Manual { key, since, at_once },
            StoreUpdate::Renewed(no, moved) => {
                if let Some((_, renewals)) = self.driver().lanes.get_mut(&no) {
                    *renewals += 1;
                }
                Input::TargetRenewed { no, moved }
            }
            StoreUpdate::Rescheduled(key, due) => Input::Rescheduled { key, due },
            StoreUpdate::OutcomeRecorded(key, next_attempt) => Input::OutcomeRecorded { key, next_attempt },
            StoreUpdate::Cancelled(key) => Input::Cancelled(key),
            StoreUpdate::Durable(seq) => Input::Durable(seq),
        };
        self.hear(input);
    }

    pub(super) fn hear(&mut self, input: Input<CachedPayload>) {
        self.driver().inputs.push(input);
    }

    pub(super) fn untried(&mut self, key: NotificationKey, next_attempt: NextAttempt) {
        self.hear(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
        self.hear(Input::OutcomeRecorded { key, next_attempt });
    }

    /// The limit of attempts in flight over all webhooks changes; none while the disk has no room for outcomes.
    pub(super) fn limit(&mut self, max_in_flight: usize) {
        self.say(|| format!("at most {max_in_flight} in flight"));
        self.hear(Input::MaxInFlight(max_in_flight));
    }

    /// The config is read again: every lane is told.
    pub(super) fn reload(&mut self) {
        let webhooks: Vec<Arc<Webhook>> = self.driver().lanes.values().map(|(webhook, _)| webhook.clone()).collect();
        self.limit(self.settings.max_in_flight);
        for webhook in webhooks {
            self.learn(StoreUpdate::Webhook(webhook));
        }
    }

    // ---- what it does ----

    pub(super) fn step(&mut self) {
        let now = self.moment();
        let Some(driver) = &mut self.driver else {
            return;
        };
        driver.stepped_at = self.time;
        driver.watch.before(now);
        driver.watch.check_idle(now, &self.store, &self.ledger);
        let inputs = std::mem::take(&mut driver.inputs);
        for input in &inputs {
            watch(&mut driver.watch, input, self.time, now.wall);
        }
        if self.trace && !inputs.is_empty() {
            println!("           step {inputs:?}");
        }
        let mut actions = Vec::new();
        driver.scheduler.step(Timestamp::from_ms(now.wall), inputs, &mut actions);
        for action in actions {
            self.act(action);
        }
        let Some(driver) = &mut self.driver else {
            return;
        };
        assert_eq!(driver.scheduler.in_flight(), driver.watch.in_flight(), "slots are counted");
        // Rows, aside, by hand, timers and busy ones, each with its own cap.
        let most = driver.watch.lanes() * (4 * driver.bounds.held + driver.bounds.settling + 64);
        assert!(driver.scheduler.held() <= most, "{} held", driver.scheduler.held());
        driver.watch.check_idle(now, &self.store, &self.ledger);
        if let Some(wake) = driver.scheduler.next_wake() {
            assert!(wake.as_ms() > now.wall, "a wake in the past would spin");
        }
    }

    fn act(&mut self, action: Action<CachedPayload>) {
        match action {
            Action::Start { key, kind, hot, .. } => self.begin(key, kind, hot),
            Action::Lost(key) => panic!("held by nobody: {:?}", self.store.notifications.get(&key)),
            Action::LoadUntried(_) | Action::LoadRetries(..) | Action::LoadManual(_) | Action::Audit { .. } => {
                let at = self.time + self.delay();
                self.put(at, Later::Read(action));
            }
        }
    }

    pub(super) fn read_page(&mut self, action: &Action<CachedPayload>) {
        let store = &self.store;
        let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
        let input = match *action {
            Action::LoadUntried(ask) => {
                Input::UntriedPage { ask, rows: store.fresh_page(ask.lane, ask.from).take(ask.limit).collect() }
            }
            Action::LoadRetries(ask, until) => {
                let rows = store.retry_page(ask.lane, ask.from, until).take(ask.limit).collect();
                Input::RetryPage { ask, until, rows }
            }
            Action::LoadManual(ask) => {
                Input::ManualPage { ask, rows: store.manual_page(ask.lane, ask.from).take(ask.limit).collect() }
            }
            Action::Audit { lane, before, .. } => Input::Audited {
                lane,
                retries: store.retry_page(lane, first, before).take(AUDIT_ROWS).collect(),
                fresh: store.fresh_page(lane, Seq(0)).take(AUDIT_ROWS).collect(),
                manual: store.manual_page(lane, first).take(AUDIT_ROWS).collect(),
            },
            Action::Start { .. } | Action::Lost(_) => unreachable!("neither is a question to the store"),
        };
        let at = self.time + self.delay();
        self.put(at, Later::Learned(input));
    }

    fn begin(&mut self, key: NotificationKey, kind: AttemptKind, hot: Option<CachedPayload>) {
        self.say(|| format!("starts {key:?} {kind:?} {}", if hot.is_some() { "hot" } else { "" }));
        let now = self.moment();
        let Some(driver) = &mut self.driver else {
            return;
        };
        driver.watch.started(now, key, kind, hot.is_some(), &self.store, &self.ledger);
        let (lane, renewals) = driver.lanes[&key.webhook].clone();
        let start = Start { key, kind, lane, renewals, time: now.time, wall: driver.watch.peak };
        if let Some(uid) = hot {
            return self
                .send(start, Made { uid, trigger: Trigger::Automatic, automatic: 0, asked_at: None, hot: true });
        }
        let at = self.time + self.delay();
        self.put(at, Later::Fetch(Fetch { start }));
    }

    /// Reads a notification that is due: it leaves if it still is.
    pub(super) fn fetch(&mut self, fetch: Fetch) {
        let Fetch { start } = fetch;
        let (key, kind) = (start.key, start.kind);
        if self.unreadable && self.random.one_in(3) {
            self.say(|| format!("{key:?} can't be read"));
            self.hear(Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None });
            let at = self.time + READ_AGAIN_MS;
            return self.put(at, Later::Learned(Input::Unreadable(key)));
        }
        match read(&self.store, key, kind) {
            Ok(made) => self.send(start, made),
            Err(next_attempt) => {
                self.say(|| format!("{key:?} is not due as {kind:?} any more, but {next_attempt:?}"));
                let at = self.time + self.delay();
                self.put(at, Later::Untried(key, next_attempt));
            }
        }
    }

    fn send(&mut self, start: Start, made: Made) {
        let leaving = Leaving {
            key: start.key,
            uid: made.uid,
            trigger: made.trigger,
            hot: made.hot,
            time: self.time,
            started: (start.wall, start.time),
            steady: self.steady,
        };
        let number = self.ledger.leaves(&self.store, &leaving);
        let outcome = self.network.request(&mut self.random, start.key.webhook);
        let request = Request { number, start, made, result: outcome.result };
        self.put(self.time + outcome.span_ms, Later::Ended(Box::new(request)));
    }

    /// What a result means: the verdict for the store, the reachability and hold for the scheduler.
    pub(super) fn conclude(&mut self, request: Request) {
        let Request { number, start: Start { key, kind, lane, renewals, .. }, made, result } = request;
        let Made { trigger, automatic, asked_at, .. } = made;
        let now = Timestamp::from_ms(self.wall());
        let present = self.driver().lanes.get(&key.webhook).cloned();
        let current = present.as_ref().is_some_and(|(_, now)| *now == renewals);
        let (retry_after, reachability) = match &result {
            result if result.confirms() => (None, Reachability::Confirmed),
            AttemptResult::Response(response) => {
                let asked = response.retry_after.filter(|_| current);
                (asked.map(|span| span.min(self.settings.retry_after_cap)), Reachability::Answered)
            }
            AttemptResult::Error(error) if error.code.is_unreachable() => (None, Reachability::Unreachable),
            AttemptResult::Error(error) if error.code == ErrorCode::Internal => (None, Reachability::LocalFault),
            AttemptResult::Error(_) => (None, Reachability::Inconclusive),
        };
        let next_attempt = match kind {
            AttemptKind::Untried => Some(NextAttempt::First),
            AttemptKind::Retry(due) => Some(NextAttempt::Retry(due)),
            AttemptKind::Manual => None,
        };
        if let Some(next_attempt) = next_attempt.filter(|_| reachability == Reachability::LocalFault) {
            self.ledger.not_made(number);
            self.hear(Input::AttemptEnded { key, reachability, hold: None });
            return self.hear(Input::OutcomeRecorded { key, next_attempt });
        }
        let policy = self.policy_of(present.as_ref().map_or(&lane, |(present, _)| present)).clone();
        let failed = automatic.saturating_add(1);
        let verdict = match trigger {
            _ if reachability == Reachability::Confirmed => Verdict::Confirmed,
            Trigger::Manual | Trigger::Test => Verdict::ScheduleUnchanged,
            Trigger::Automatic => match policy.next_attempt_at(failed, key, now, retry_after) {
                Ok(at) => Verdict::RetryAt(at),
                Err(_) => Verdict::Exhausted,
            },
        };
        let next = match verdict {
            Verdict::RetryAt(due) => {
                let least = least_gap(&policy, failed, retry_after);
                check_due(&policy, least, now, due);
                Some((now.plus(least).as_ms(), self.time + millis(least)))
            }
            Verdict::Confirmed | Verdict::Exhausted | Verdict::ScheduleUnchanged => None,
        };
        self.ledger.ended(number, reachability == Reachability::Confirmed, next);
        self.say(|| format!("ended {key:?} {trigger:?} {reachability:?} {retry_after:?} {verdict:?}"));
        let manual = trigger != Trigger::Automatic;
        let hold = retry_after.map(|span| RetryAfterHold { span, manual });
        let attempt = Attempt {
            number: 0,
            trigger,
            started_at: now,
            duration_us: 0,
            timings: Timings::default(),
            remote_ip: None,
            tls: None,
            result,
            next_attempt_at: None,
        };
        self.submit(Commit::Settle { attempt_id: number, key, attempt: Box::new(attempt), verdict, asked_at });
        self.hear(Input::AttemptEnded { key, reachability, hold });
    }
}

/// What the schedule promises at least, read off it here.
fn least_gap(policy: &RetryPolicy, failed: u8, retry_after: Option<Duration>) -> Duration {
    let schedule = policy.schedule();
    let nth = usize::from(failed - 1).min(schedule.len() - 1);
    schedule[nth].max(retry_after.unwrap_or_default())
}

fn check_due(policy: &RetryPolicy, least: Duration, now: Timestamp, due: Timestamp) {
    let most = least.mul_f64(1.0 + policy.jitter()) + Duration::from_millis(1);
    let range = now.plus(least)..=now.plus(most);
    assert!(range.contains(&due), "due at {due}, not in {range:?}");
}

/// As `engine::read` does: what is still owed, or what is owed instead.
fn read(store: &Store, key: NotificationKey, kind: AttemptKind) -> Result<Made, NextAttempt> {
    let durable = store.notifications.get(&key).filter(|_| key.seq.0 <= store.durable);
    let notification = durable.ok_or(NextAttempt::Nothing)?;
    let next_attempt = NextAttempt::from(notification);
    let still = match kind {
        AttemptKind::Untried => next_attempt == NextAttempt::First,
        AttemptKind::Retry(due) => next_attempt == NextAttempt::Retry(due),
        AttemptKind::Manual => notification.manual_at.is_some(),
    };
    if !still {
        return Err(next_attempt);
    }
    let recorded = &store.events[&key.seq];
    if recorded.event.erased_at.is_some() {
        return Err(NextAttempt::Nothing);
    }
    let by_hand = kind == AttemptKind::Manual;
    Ok(Made {
        uid: recorded.uid,
        trigger: if by_hand { notification.manual_trigger() } else { Trigger::Automatic },
        automatic: notification.automatic,
        asked_at: notification.manual_at.filter(|_| by_hand),
        hot: false,
    })
}

fn watch(watch: &mut Watch, input: &Input<CachedPayload>, time: u64, wall: u64) {
    match input {
        Input::LaneChanged { no, settings } => watch.lane(*no, *settings, time),
        Input::TargetRenewed { no, moved } => watch.renewed(*no, *moved, time),
        Input::LaneRemoved(no) => watch.remove(*no),
        Input::Untried { key, .. } => watch.durable(key.seq),
        Input::Durable(seq) => watch.durable(*seq),
        Input::AttemptEnded { key, reachability, hold } => watch.ended(*key, *reachability, *hold, wall),
        Input::OutcomeRecorded { key, .. } | Input::Unreadable(key) => watch.settled(*key, time),
        Input::Cancelled(key) => watch.cancelled(*key),
        Input::MaxInFlight(max) => watch.limit(*max, time),
        Input::Manual { key, at_once: true, .. } => watch.at_once(*key, time),
        Input::Manual { at_once: false, .. }
        | Input::Rescheduled { .. }
        | Input::UntriedPage { .. }
        | Input::RetryPage { .. }
        | Input::ManualPage { .. }
        | Input::Audited { .. } => {}
    }
}
