//! What stands around the real driver: its inputs and what becomes of its actions, each a while later, and the network.

use super::ledger::{Expected, Leaving};
use super::requests::uid_of;
use super::watch::Watch;
use super::world::{ACCOUNT, Later, World};
use crate::delivery::schedule::driver::{
    DriverEvent, EndedAttempt, PreparedAttempt, READ_AGAIN, load, prepare_attempt,
};
use crate::delivery::schedule::message::{Action, AttemptKind, Input};
use crate::delivery::transport::client::AttemptReport;
use crate::delivery::transport::prepared_webhook::PreparedWebhook;
use crate::model::{AttemptResult, ErrorCode, NotificationKey, RetryPolicy, Timestamp, Timings, Trigger, millis};
use crate::store::{CachedPayload, StoreUpdate};
use std::sync::Arc;
use std::time::Duration;

/// An attempt that the scheduler has started, and when: by time as it passes, and the latest that the clock had shown.
pub(super) struct Start {
    key: NotificationKey,
    kind: AttemptKind,
    lane: Arc<PreparedWebhook>,
    time: u64,
    wall: u64,
}

/// An attempt under way.
pub(super) struct Sent {
    number: u64,
    start: Start,
    prepared: PreparedAttempt,
    started_at: Timestamp,
    result: AttemptResult,
}

impl World {
    // ---- what it hears ----

    pub(super) fn learn(&mut self, update: StoreUpdate) {
        let process = self.process();
        let input = process.driver.on_store_update(update);
        process.inputs.push(input);
    }

    pub(super) fn hear(&mut self, event: DriverEvent) {
        let process = self.process();
        process.driver.on_event(event, &mut process.inputs);
        // What has become of an attempt goes to the store.
        if process.store.waiting() > 0 {
            let at = self.time + self.delay() / 4;
            self.wake_committer(at);
        }
    }

    /// The limit of attempts in flight over all webhooks changes; none while the disk has no room for outcomes.
    pub(super) fn limit(&mut self, max_in_flight: usize) {
        self.say(|| format!("at most {max_in_flight} in flight"));
        self.process().inputs.push(Input::MaxInFlight(max_in_flight));
    }

    /// The config is read again: every lane hears of it.
    pub(super) fn reload(&mut self) {
        let settings = self.settings.clone();
        let process = self.process();
        process.driver.reload(settings, &mut process.inputs);
    }

    // ---- what it does ----

    pub(super) fn step(&mut self) {
        let now = self.moment();
        let Some(process) = &mut self.process else {
            return;
        };
        process.stepped_at = self.time;
        let store = &process.store.handle;
        process.watch.before(now);
        process.watch.check_idle(now, store, &self.ledger);
        for input in &process.inputs {
            watch(&mut process.watch, input, self.time, now.wall);
        }
        if self.trace && !process.inputs.is_empty() {
            println!("           step {:?}", process.inputs);
        }
        let mut actions = Vec::new();
        process.driver.step(&mut process.inputs, &mut actions);
        for action in actions {
            self.act(action);
        }
        let Some(process) = &mut self.process else {
            return;
        };
        assert_eq!(process.driver.in_flight(), process.watch.in_flight(), "slots are counted");
        // Rows, late arrivals, manual ones, timers and busy ones, each with its own cap.
        let most = process.watch.lanes() * (2 * self.bounds.untried + 2 * self.bounds.held + self.bounds.settling + 64);
        assert!(process.driver.held() <= most, "{} held", process.driver.held());
        process.watch.check_idle(now, &process.store.handle, &self.ledger);
        if let Some(wake) = process.driver.next_wake() {
            assert!(wake.as_ms() > now.wall, "a wake in the past would spin");
        }
    }

    fn act(&mut self, action: Action<Arc<CachedPayload>>) {
        match action {
            Action::Start { key, kind, payload, .. } => self.begin(key, kind, payload.as_deref()),
            Action::Lost(key) => {
                panic!("held by nobody: {:?}", self.process().store.handle.notification(ACCOUNT, key))
            }
            Action::LoadUntried(_) | Action::LoadRetries(..) | Action::LoadManual(_) | Action::Audit { .. } => {
                let at = self.time + self.delay();
                self.put(at, Later::Read(action));
            }
        }
    }

    pub(super) fn read_page(&mut self, action: &Action<Arc<CachedPayload>>) {
        let page = load(&self.process().store.handle, action).expect("the tree can be read");
        let at = self.time + self.delay();
        self.put(at, Later::Event(DriverEvent::Scheduler(page.expect("it asks for a page"))));
    }

    fn begin(&mut self, key: NotificationKey, kind: AttemptKind, hot: Option<&CachedPayload>) {
        self.say(|| format!("starts {key:?} {kind:?} {}", if hot.is_some() { "hot" } else { "" }));
        let now = self.moment();
        let Some(process) = &mut self.process else {
            return;
        };
        process.watch.started(now, key, kind, hot.is_some(), &process.store.handle, &self.ledger);
        let lane = process.driver.webhook(key.webhook).expect("a deleted lane starts nothing").clone();
        let start = Start { key, kind, lane, time: now.time, wall: process.watch.peak };
        if let Some(payload) = hot {
            return self.send(start, PreparedAttempt::untried(payload), true);
        }
        let at = self.time + self.delay();
        self.put(at, Later::Prepare(Box::new(start)));
    }

    /// Reads a notification that is due: it leaves if it still is.
    pub(super) fn prepare(&mut self, start: Start) {
        let (key, kind) = (start.key, start.kind);
        if self.unreadable && self.random.one_in(3) {
            self.say(|| format!("{key:?} can't be read"));
            self.hear(DriverEvent::Unreadable(key));
            let at = self.time + millis(READ_AGAIN);
            return self.put(at, Later::Event(DriverEvent::Scheduler(Input::Unreadable(key))));
        }
        match prepare_attempt(&self.process().store.handle, ACCOUNT, key, kind).expect("the tree can be read") {
            Ok(prepared) => self.send(start, prepared, false),
            Err(next_attempt) => {
                self.say(|| format!("{key:?} no longer needs {kind:?}, but {next_attempt:?}"));
                let at = self.time + self.delay();
                self.put(at, Later::Event(DriverEvent::Skipped { key, next_attempt }));
            }
        }
    }

    fn send(&mut self, start: Start, prepared: PreparedAttempt, hot: bool) {
        let leaving = Leaving {
            key: start.key,
            uid: uid_of(&prepared.body),
            trigger: prepared.trigger,
            attempt: prepared.number,
            hot,
            time: self.time,
            started: (start.wall, start.time),
            steady: self.steady,
        };
        let store = self.process().store.handle.clone();
        let number = self.ledger.leaves(&store, &leaving);
        let outcome = self.network.request(&mut self.random, start.key.webhook);
        let started_at = Timestamp::from_ms(self.wall());
        let sent = Sent { number, start, prepared, started_at, result: outcome.result };
        self.put(self.time + outcome.span_ms, Later::Ended(Box::new(sent)));
    }

    /// The result of an attempt: the driver takes it in, and the ledger what is promised of it.
    pub(super) fn conclude(&mut self, sent: Sent) {
        let Sent { number, start: Start { key, kind, lane, .. }, prepared, started_at, result } = sent;
        let PreparedAttempt { trigger, automatic, requested_at, .. } = prepared;
        self.say(|| format!("ended {number} {key:?} {trigger:?} {result:?}"));
        if kind != AttemptKind::Manual && ErrorCode::of(&result) == Some(ErrorCode::Internal) {
            self.ledger.not_made(number);
        } else {
            let expected = self.expected(&lane, trigger, automatic, &result);
            self.ledger.ended(number, expected);
        }
        let report = AttemptReport {
            // By which the ledger knows it again.
            duration_us: u32::try_from(number).expect("few attempts"),
            timings: Timings::default(),
            remote_ip: None,
            tls: None,
            sent: true,
            result,
        };
        self.hear(DriverEvent::AttemptEnded(Box::new(EndedAttempt {
            key,
            prepared: lane,
            kind,
            trigger,
            automatic,
            requested_at,
            started_at,
            request: None,
            report,
        })));
    }

    /// What an outcome has to become, read off schedule and answer here.
    fn expected(
        &mut self,
        lane: &PreparedWebhook,
        trigger: Trigger,
        automatic: u8,
        result: &AttemptResult,
    ) -> Expected {
        let (now, time) = (Timestamp::from_ms(self.wall()), self.time);
        let cap = self.settings.retry_after_cap;
        let default = self.settings.retry();
        let present = self.process().driver.webhook(lane.webhook.no).cloned();
        let confirms = matches!(result, AttemptResult::Response(response) if (200..300).contains(&response.status));
        if confirms || trigger != Trigger::Automatic {
            return Expected { confirms, next: None, gap: Duration::ZERO };
        }
        let is_current = present.as_ref().is_some_and(|present| present.renewals == lane.renewals);
        let retry_after = match result {
            AttemptResult::Response(response) if is_current => response.retry_after.map(|span| span.min(cap)),
            AttemptResult::Response(_) | AttemptResult::Error(_) => None,
        };
        let webhook = present.as_ref().map_or(&lane.webhook, |present| &present.webhook);
        let policy = webhook.retry.as_ref().unwrap_or(&default);
        let failed = automatic + 1;
        if failed >= policy.max_attempts() {
            return Expected { confirms, next: None, gap: Duration::ZERO };
        }
        let least = least_gap(policy, failed, retry_after);
        let most = least.mul_f64(1.0 + policy.jitter()) + Duration::from_millis(1);
        let next = Some((now.plus(least), now.plus(most), time + millis(least)));
        Expected { confirms, next, gap: most }
    }
}

/// What the schedule promises at least, read off it here.
fn least_gap(policy: &RetryPolicy, failed: u8, retry_after: Option<Duration>) -> Duration {
    let schedule = policy.schedule();
    let nth = usize::from(failed - 1).min(schedule.len() - 1);
    schedule[nth].max(retry_after.unwrap_or_default())
}

fn watch(watch: &mut Watch, input: &Input<Arc<CachedPayload>>, time: u64, wall: u64) {
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
