//! The scheduler, one story each.
//!
//! Pages are read some time after they were asked for and arrive some time after they were read, and outcomes settle
//! late. `delivery/simulation` runs random histories.

mod model;

use super::*;
use crate::delivery::schedule::message::{LaneSettings, Reachability, RetryAfterHold};
use crate::delivery::schedule::pacing::MAX_PROBE_INTERVAL;
use crate::model::{
    AccountNo, Attempt, AttemptResult, MAX_AUTOMATIC_ATTEMPTS, Notification, RateLimit, RetryPolicy, State, Trigger,
    Verdict,
};
use crate::store::NextAttempt;
use model::*;
use std::collections::HashMap;

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
/// notifications due in 50 seconds, a new one's second attempt, due in five, started 45 seconds late on an idle lane.
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

/// More rows than `late_arrivals` takes arrive between the reading of a page and its arrival: the page says that it
/// ends the range, and lacks them. The rows that did not fit must be read again.
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
    assert!(sim.in_flight.len() >= 256, "half of the slots is for the lane that comes first: {}", sim.in_flight.len());
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
    let Some(Action::LoadManual(request)) = out.pop() else { panic!("{out:?}") };
    step(&mut scheduler, Input::ManualPage { request, rows: Vec::new() }, &mut out);
    let due = Due { at: Timestamp::from_ms(START_MS), seq: Seq(7) };
    let audited = || Input::Audited { lane: no, retries: vec![due], untried: vec![Seq(7)], manual: vec![due] };
    step(&mut scheduler, audited(), &mut out);
    assert!(out.is_empty(), "it may have been settled meanwhile: {out:?}");
    step(&mut scheduler, audited(), &mut out);
    let lost = NotificationKey { seq: Seq(7), webhook: no };
    assert!(
        matches!(out[..], [Action::Lost(key), Action::Start { kind: AttemptKind::Manual, .. }] if key == lost),
        "{out:?}"
    );
}

/// One audit read the row before the store reported it, the next one before the outcome of its attempt was recorded,
/// and received it after that: the row had been held all the time, and was reported as lost.
#[test]
fn what_was_settled_between_two_audits_was_held() {
    let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(START_MS), 512, Seq(0));
    let (no, mut out) = (WebhookNo(1), Vec::new());
    let key = NotificationKey { seq: Seq(7), webhook: no };
    let now = Timestamp::from_ms(START_MS);
    let settings = LaneSettings { account: ACCOUNT, active: false, max_in_flight: 8, rate_limit: None };
    scheduler.step(now, [Input::LaneChanged { no, settings }], &mut out);
    let Some(Action::LoadManual(request)) = out.pop() else { panic!("{out:?}") };
    scheduler.step(now, [Input::ManualPage { request, rows: Vec::new() }], &mut out);
    let due = Due { at: now, seq: key.seq };
    let audited = || Input::Audited { lane: no, retries: vec![], untried: vec![], manual: vec![due] };
    scheduler.step(now, [audited()], &mut out);
    scheduler.step(now, [Input::Manual { key, since: now, at_once: false }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Manual, .. }]), "{out:?}");
    out.clear();
    let ended = Input::AttemptEnded { key, reachability: Reachability::Answered, hold: None };
    scheduler.step(
        now,
        [ended, Input::OutcomeRecorded { key, next_attempt: NextAttempt::Nothing }, audited()],
        &mut out,
    );
    assert!(out.is_empty(), "{out:?}");
    // Requested again, and the lane has not received that yet: another row of the same notification.
    let again = Due { at: now.plus(Duration::from_secs(60)), seq: key.seq };
    let audited = Input::Audited { lane: no, retries: vec![], untried: vec![], manual: vec![again] };
    scheduler.step(now, [audited], &mut out);
    assert!(out.is_empty(), "{out:?}");
}

/// A lane that was paused with a manual attempt in flight read the attempt's row again, and started it once more. The
/// read found nothing pending; before the lane received that, the notification's predecessor released it. The message
/// of that arrived while the notification was busy and was dropped, and the older message, that nothing was pending,
/// took effect: no lane held it until an audit found it, minutes later.
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
            Action::LoadUntried(request) => Input::UntriedPage { request, rows: Vec::new() },
            Action::LoadManual(request) => Input::ManualPage { request, rows: Vec::new() },
            Action::LoadRetries(request, until) => Input::RetryPage { request, until, rows: Vec::new() },
            other => panic!("{other:?}"),
        };
        scheduler.step(now, [answer], &mut out);
    }
    scheduler.step(now, [Input::Manual { key, since: now, at_once: false }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Manual, .. }]), "{out:?}");
    out.clear();
    scheduler.step(now, [Input::Untried { key, payload: None }], &mut out);
    assert!(out.is_empty(), "one attempt at a time: {out:?}");
    let ended = Input::AttemptEnded { key, reachability: Reachability::NotAttempted, hold: None };
    scheduler.step(now, [ended, Input::OutcomeRecorded { key, next_attempt: NextAttempt::Nothing }], &mut out);
    assert!(matches!(out[..], [Action::Start { kind: AttemptKind::Untried, .. }]), "{out:?}");
}

/// A manual attempt was requested twice, one attempt began for both, and during it a bulk resend requested another.
/// The lane still held the first request's row: as long as that attempt lasted, two rows that could not start made the
/// queue look well filled, and the rest of the bulk resend, which was to be read, waited for it to end.
#[test]
fn a_notification_requested_again_has_one_row_in_its_lane() {
    let bounds = Bounds { held: 8, ..Bounds::DEFAULT };
    let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(START_MS), 512, Seq(0)).bounded(bounds);
    let (no, mut out) = (WebhookNo(1), Vec::new());
    let now = Timestamp::from_ms(START_MS);
    let settings = LaneSettings { account: ACCOUNT, active: false, max_in_flight: 64, rate_limit: None };
    let manual = |seq, ms, at_once| Input::Manual {
        key: NotificationKey { seq: Seq(seq), webhook: no },
        since: now.plus(Duration::from_millis(ms)),
        at_once,
    };
    let started = |out: &[Action<()>]| -> Vec<u64> {
        let started = out.iter().filter_map(|action| match action {
            Action::Start { key, kind: AttemptKind::Manual, .. } => Some(key.seq.0),
            _ => None,
        });
        started.collect()
    };
    scheduler.step(now, [Input::LaneChanged { no, settings }], &mut out);
    let Some(Action::LoadManual(request)) = out.pop() else { panic!("{out:?}") };
    // The page was read before the second request.
    let rows = vec![Due { at: now, seq: Seq(7) }];
    scheduler.step(now, [manual(7, 1, true), Input::ManualPage { request, rows }], &mut out);
    assert_eq!(started(&out), [7], "{out:?}");
    out.clear();
    scheduler.step(now, [manual(7, 2, true), manual(7, 3, true)], &mut out);
    assert!(out.is_empty(), "one attempt at a time: {out:?}");
    // The bulk resend, of which as much is held as finds a place.
    scheduler.step(now, (7..=20).map(|seq| manual(seq, 4, false)), &mut out);
    assert_eq!(started(&out), [8, 9, 10, 11, 12, 13, 14]);
    let from = Due { at: now.plus(Duration::from_millis(4)), seq: Seq(15) };
    let read = out.iter().any(|action| matches!(action, Action::LoadManual(request) if request.from == from));
    assert!(read, "the rest is read: {out:?}");
    out.clear();
    let key = NotificationKey { seq: Seq(7), webhook: no };
    let over = || {
        let ended = Input::AttemptEnded { key, reachability: Reachability::Answered, hold: None };
        [ended, Input::OutcomeRecorded { key, next_attempt: NextAttempt::Nothing }]
    };
    scheduler.step(now, over(), &mut out);
    assert_eq!(started(&out), [7], "another attempt for what was requested during the first");
    out.clear();
    scheduler.step(now, over(), &mut out);
    assert_eq!(started(&out), [0; 0], "{out:?}");
}

/// A clock that jumped made every lane forget its target's `Retry-After`, and a clock set back by a year would have
/// stretched one by as much.
#[test]
fn a_hold_is_as_long_after_the_clock_was_set_as_before() {
    let no = WebhookNo(1);
    let key = NotificationKey { seq: Seq(1), webhook: no };
    let settings = LaneSettings { account: ACCOUNT, active: true, max_in_flight: 1, rate_limit: None };
    for (before, after) in [(START_MS, START_MS - 86_400_000), (START_MS - 86_400_000, START_MS)] {
        let mut scheduler: Scheduler<()> = Scheduler::new(Timestamp::from_ms(before), 8, key.seq);
        let mut out = Vec::new();
        scheduler.step(Timestamp::from_ms(before), [Input::LaneChanged { no, settings }], &mut out);
        let asked = out.drain(..).find_map(|action| match action {
            Action::LoadUntried(request) => Some(Input::UntriedPage { request, rows: vec![key.seq] }),
            _ => None,
        });
        scheduler.step(Timestamp::from_ms(before), asked, &mut out);
        assert!(out.iter().any(|action| matches!(action, Action::Start { .. })));
        let hold = Some(RetryAfterHold { span: Duration::from_secs(60), manual: false });
        let ended = Input::AttemptEnded { key, reachability: Reachability::Answered, hold };
        scheduler.step(Timestamp::from_ms(before), [ended], &mut out);
        scheduler.step(Timestamp::from_ms(after), [], &mut out);
        let held_until = scheduler.standstill(no).unwrap().held_until;
        assert_eq!(held_until, Timestamp::from_ms(after + 60_000));
    }
}
