//! The store keeps its word whatever the wall clock does.

use crate::model::{
    Event, EventFilter, Listing, NotificationFilter, NotificationKey, Seq, State, Timestamp, Trigger, Verdict,
};
use crate::store::changes::idempotency::IdempotencyKey;
use crate::store::limits::Limits;
use crate::store::read::due::Due;
use crate::store::schema::{keys, record};
use crate::store::tests::rig::{Rig, START, attempt, event, paid, wait};
use crate::store::times;
use crate::store::{BeginBulkResend, RecordEvents};
use std::time::{Duration, Instant};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

impl Rig {
    /// The clock is put back, or forward, while no time passes.
    fn step(&self, ahead: bool, by: Duration) {
        let now = self.clock.now();
        let back = Timestamp::from_ms(now.as_ms().saturating_sub(crate::model::millis(by)));
        self.clock.step_to(if ahead { now.plus(by) } else { back });
    }

    /// The committer has looked at everything that a clock that was put back calls for.
    pub(crate) fn await_brought_forward(&self) {
        let kept = || self.store.shared.tree.get(&keys::meta("clock")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        // A round for the step to be noticed, two for what follows.
        (0..3).for_each(|_| self.barrier());
        while kept().is_some_and(|kept| record::decode_clock(&kept).unwrap().is_bringing_forward) {
            assert!(Instant::now() < deadline, "it does not come to an end");
            self.barrier();
        }
    }

    fn due(&self, key: NotificationKey) -> Timestamp {
        match self.notification(key).state {
            State::Retrying { due } => due,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_order_is_that_of_the_sequence_and_each_event_has_the_time_of_its_own_clock() {
    let rig = Rig::new();
    let mut recorded = vec![rig.accept(vec![paid()]).remove(0)];
    rig.step(true, YEAR);
    recorded.push(rig.accept(vec![paid()]).remove(0));
    rig.step(false, YEAR);
    recorded.push(rig.accept(vec![paid()]).remove(0));
    // Less than a second: it stands still.
    rig.step(false, Duration::from_millis(900));
    recorded.push(rig.accept(vec![paid()]).remove(0));
    let rig = rig.reopen();
    rig.step(false, HOUR);
    recorded.push(rig.accept(vec![paid()]).remove(0));
    let times: Vec<_> = recorded.iter().map(|event| event.inserted_at).collect();
    let hour_before = Timestamp::from_ms(START.as_ms() - 900 - 3_600_000);
    assert_eq!(times, [START, START.plus(YEAR), START, START, hour_before]);
    // What is sent says the same.
    for event in &recorded {
        let payload = rig.store.event(rig.account, event.seq).unwrap().unwrap().1.unwrap();
        let body = String::from_utf8(payload.body().to_vec()).unwrap();
        assert!(body.contains(&format!("\"date\":\"{}\"", event.inserted_at)), "{body}");
    }
    let ids: std::collections::BTreeSet<_> = recorded.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 5);
    assert!(recorded[2].id < recorded[3].id, "within a run they sort as they were recorded");
    let listed = |from, to| {
        let filter = EventFilter { from, to, ..EventFilter::default() };
        rig.store
            .events(rig.account, &filter, Listing::oldest(9))
            .unwrap()
            .items
            .iter()
            .map(|event| event.seq.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, None), [1, 2, 3, 4, 5]);
    assert_eq!(listed(Some(START), None), [1, 2, 3, 4]);
    assert_eq!(listed(Some(START), Some(START.plus(HOUR))), [1, 3, 4]);
    assert_eq!(listed(Some(START.plus(HOUR)), None), [2]);
    assert_eq!(listed(None, Some(START)), [5]);
    rig.check_rows();
}

#[test]
fn what_failed_while_the_clock_was_ahead_is_due_within_its_gap_once_it_is_back() {
    let gap = Duration::from_secs(3);
    for (stops, ahead) in [(false, YEAR), (true, YEAR), (false, Duration::from_secs(5)), (true, Duration::from_secs(5))]
    {
        let rig = Rig::new();
        let hook = rig.register(&["*"]);
        let before = rig.accept(vec![paid()]).remove(0);
        let key = |event: &Event| NotificationKey { seq: event.seq, webhook: hook.no };
        let fail = |event: &Event| {
            let due = rig.clock.now().plus(gap);
            rig.settle(key(event), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(due));
        };
        fail(&before);
        rig.step(true, ahead);
        let meanwhile = rig.accept((0..300).map(|_| paid()).collect());
        meanwhile.iter().for_each(fail);
        assert_eq!(rig.due(key(&meanwhile[0])), START.plus(ahead).plus(gap));
        let rig = if stops {
            let clock = rig.clock.clone();
            let dir = rig.close();
            clock.step_to(START);
            Rig::at(dir, clock)
        } else {
            rig.step(false, ahead);
            rig
        };
        rig.await_brought_forward();
        for event in meanwhile.iter().chain([&before]) {
            assert_eq!(rig.due(key(event)), START.plus(gap));
            assert_eq!(rig.notification(key(event)).last.unwrap().next_attempt_at, Some(START.plus(gap)));
        }
        let first = Due { at: Timestamp::from_ms(0), seq: Seq(0) };
        assert_eq!(rig.store.retry_page(hook.no, first, START.plus(gap + gap), 999).unwrap().len(), 301);
        assert_eq!(rig.told_sooner(), 300, "the engine hears of those that it had heard otherwise of");
        rig.check_rows();
    }
}

#[test]
fn an_hour_back_delays_a_retry_by_its_gap_and_one_that_was_asked_to_wait_longer_still_does() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let gaps = [3, 40_000].map(Duration::from_secs);
    let keys = [0, 1].map(|_| NotificationKey { seq: rig.accept(vec![paid()])[0].seq, webhook: hook.no });
    for (key, gap) in keys.into_iter().zip(gaps) {
        rig.settle(key, attempt(Trigger::Automatic, Some(503)), Verdict::RetryAt(START.plus(gap)));
    }
    rig.after(Duration::from_secs(1));
    rig.step(false, HOUR);
    rig.await_brought_forward();
    for (key, gap) in keys.into_iter().zip(gaps) {
        assert_eq!(rig.due(key), rig.clock.now().plus(gap));
    }
    rig.check_rows();
}

#[test]
fn an_idempotency_key_of_a_clock_that_was_ahead_ends_with_its_window() {
    let rig = Rig::new();
    let day = Duration::from_secs(86_400);
    rig.store.set_limits(Limits { keep_at_least: day, ..Limits::default() });
    let accept = |hash: u8| {
        let key = IdempotencyKey { hash: [hash; 16], fingerprint: [1; 16], until: rig.clock.now().plus(day) };
        wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![paid()], key: Some(key) })).unwrap()[0]
            .replayed
    };
    assert!(!accept(1));
    rig.step(true, YEAR);
    assert!(accept(1), "not forgotten for a moment's sake");
    assert!(!accept(2));
    rig.step(false, YEAR);
    rig.await_brought_forward();
    assert!(accept(1) && accept(2));
    rig.after(day);
    rig.accept(vec![paid()]);
    assert!(!accept(1) && !accept(2));
    rig.check_rows();
}

#[test]
fn retention_goes_by_no_clock_that_is_ahead_for_less_than_a_day_and_by_each_event_s_own_time() {
    let rig = Rig::new();
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let kept = |rig: &Rig| rig.all_events().iter().map(|event| event.seq.0).collect::<Vec<_>>();
    let limit = |rig: &Rig| rig.store.set_limits(Limits { retention: Some(days(30)), ..Limits::default() });
    let settle_down = |rig: &Rig| {
        // Each change of the limits begins a pass at once.
        for min_free in [1, 0] {
            rig.store.set_limits(Limits { retention: Some(days(30)), min_free, ..Limits::default() });
            (0..20).for_each(|_| rig.barrier());
            std::thread::sleep(Duration::from_millis(50));
        }
        rig.barrier();
    };
    rig.accept(vec![paid(), event("A.B", "{}")]);
    limit(&rig);
    rig.step(true, days(100));
    rig.accept(vec![paid()]);
    settle_down(&rig);
    assert_eq!(kept(&rig), [1, 2, 3]);
    // Not by a restart either, nor by two.
    let rig = rig.reopen().reopen();
    settle_down(&rig);
    assert_eq!((kept(&rig), rig.store.clock_lead()), (vec![1, 2, 3], days(100)));
    rig.step(false, days(100));
    rig.accept(vec![paid()]);
    settle_down(&rig);
    assert_eq!((kept(&rig), rig.store.clock_lead()), (vec![1, 2, 3, 4], Duration::ZERO));
    // Thirty days later those of the right clock are old, and the one of the clock that was ahead is not.
    rig.after(days(30));
    settle_down(&rig);
    assert_eq!(kept(&rig), [3]);
    rig.accept(vec![paid()]);
    rig.after(days(100));
    settle_down(&rig);
    assert_eq!(kept(&rig), [] as [u64; 0]);
    // One that stays ahead is right, after a day.
    rig.accept(vec![paid()]);
    rig.step(true, days(100));
    settle_down(&rig);
    rig.after(HOUR * 23);
    settle_down(&rig);
    assert_eq!(kept(&rig).len(), 1);
    rig.after(HOUR * 2);
    settle_down(&rig);
    assert_eq!(kept(&rig).len(), 0);
    rig.check_rows();
}

#[test]
fn a_bulk_resend_of_a_span_of_time_leaves_out_what_another_clock_recorded_in_between() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let key = |event: &Event| NotificationKey { seq: event.seq, webhook: hook.no };
    let mut events = Vec::new();
    for ahead in [false, true, false, true, false] {
        if ahead {
            rig.step(true, YEAR);
        }
        events.extend(rig.accept((0..3).map(|_| paid()).collect()));
        if ahead {
            rig.step(false, YEAR);
        }
    }
    for event in &events {
        rig.settle(key(event), attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    }
    let filter = NotificationFilter { from: Some(START), to: Some(START.plus(HOUR)), ..NotificationFilter::default() };
    assert_eq!(rig.store.count_notifications(rig.account, &filter, u64::MAX).unwrap(), 9);
    wait(rig.store.commit(BeginBulkResend { account: rig.account, filter, queued: 9 })).unwrap();
    let rig = rig.reopen();
    rig.finish_jobs();
    let resent = events.iter().filter(|event| rig.notification(key(event)).manual_at.is_some());
    let resent: Vec<u64> = resent.map(|event| event.seq.0).collect();
    assert_eq!(resent, [1, 2, 3, 7, 8, 9, 13, 14, 15]);
    rig.check_rows();
}

#[test]
fn a_filter_by_time_is_exact_and_quick_after_more_steps_than_are_remembered() {
    let rig = Rig::new();
    for nth in 0..200_u64 {
        rig.accept((0..20).map(|_| paid()).collect());
        rig.after(Duration::from_secs(600));
        if nth % 2 == 1 {
            rig.step(false, Duration::from_secs(660 + nth));
        }
    }
    let all = rig.all_events();
    let kept = rig.store.shared.tree.get(&keys::meta("clock")).unwrap().unwrap();
    assert_eq!(record::decode_clock(&kept).unwrap().runs.len(), times::MAX_RUNS);
    let mut slowest = Duration::ZERO;
    for nth in (0..all.len()).step_by(37) {
        let (from, to) = (all[nth].inserted_at, all[nth].inserted_at.plus(HOUR));
        let wanted = all.iter().filter(|event| (from..to).contains(&event.inserted_at)).map(|event| event.seq);
        let filter = EventFilter { from: Some(from), to: Some(to), ..EventFilter::default() };
        let begun = Instant::now();
        let page = rig.store.events(rig.account, &filter, Listing::newest(500)).unwrap();
        slowest = slowest.max(begun.elapsed());
        let mut found: Vec<Seq> = page.items.iter().map(|event| event.seq).collect();
        found.reverse();
        assert_eq!(found, wanted.collect::<Vec<_>>());
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    rig.check_rows();
}
