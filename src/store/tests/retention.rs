//! What the store deletes by itself or on request, and what it keeps.

use crate::model::{AccountNo, EventId, FailingRule, NewEvent, Seq, TokenId, Trigger, Verdict, Webhook};
use crate::store::changes::idempotency::IdempotencyKey;
use crate::store::limits::Limits;
use crate::store::schema::record::Token;
use crate::store::tests::keeping::{back_up, first};
use crate::store::tests::rig::{Rig, START, attempt, event, paid, wait};
use crate::store::{AddToken, DeleteWebhook, EraseEvent, RecordEvents, ResendNotification};
use std::time::{Duration, Instant};

impl Rig {
    fn limit(&self, retention: Option<Duration>, retention_bytes: Option<u64>) {
        self.store.set_limits(Limits { retention, retention_bytes, ..Limits::default() });
    }

    #[track_caller]
    fn await_events(&self, events: u64) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.store.stats().events != events {
            assert!(Instant::now() < deadline, "{:?}, not {events} events", self.store.stats());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.barrier();
    }
}

#[test]
fn a_deleted_webhook_s_rows_go_with_the_last_of_its_notifications() {
    let rig = Rig::new();
    let (kept, tried, untried) = (rig.register(&["*"]), rig.register(&["*"]), rig.register(&["*"]));
    let event = rig.accept(vec![paid()]).remove(0);
    rig.settle(first(&event, &tried), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
    for hook in [&tried, &untried] {
        assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap());
    }
    rig.finish_jobs();
    let row = |rig: &Rig, hook: &Webhook| rig.store.webhook(rig.account, hook.no).unwrap().map(|hook| hook.id);
    let by_id = |rig: &Rig, hook: &Webhook| rig.store.webhook_no(rig.account, hook.id).unwrap();
    // A sweep at the start, and history that names them: they stay.
    let rig = rig.reopen();
    rig.barrier();
    assert_eq!((row(&rig, &tried), row(&rig, &untried)), (Some(tried.id), Some(untried.id)));
    rig.settle(first(&event, &kept), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    rig.after(Duration::from_secs(3600));
    rig.limit(Some(Duration::from_secs(3600)), None);
    rig.await_events(0);
    let rig = rig.reopen();
    rig.barrier();
    for hook in [&tried, &untried] {
        assert_eq!((row(&rig, hook), by_id(&rig, hook)), (None, None));
    }
    assert_eq!(row(&rig, &kept), Some(kept.id));
    rig.check_rows();
    assert!(rig.register(&["*"]).no > untried.no, "a number is given once");
}

#[test]
fn a_token_that_ended_is_listed_for_a_month_and_then_goes() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let rig = Rig::new();
    for (byte, expires_at) in [(1, None), (2, Some(START.plus(DAY)))] {
        let token = Token {
            id: TokenId::from_bytes([byte; 16]),
            account: rig.account,
            name: "caixa".to_owned(),
            scopes: crate::model::Scopes::ADMIN,
            hash: crate::model::TokenHash::of("x"),
            inserted_at: START,
            expires_at,
            last_used_at: None,
        };
        wait(rig.store.commit(AddToken { token })).unwrap();
    }
    let mut rig = rig;
    for (days, listed) in [(30, 2), (2, 1)] {
        rig.after(DAY * days);
        rig = rig.reopen();
        rig.barrier();
        assert_eq!(rig.store.tokens(rig.account).len(), listed, "after {days} more days");
    }
    assert_eq!(rig.reopen().store.tokens(AccountNo(1)).len(), 1);
}

#[test]
fn retention_forgets_what_is_old_and_never_what_is_owed() {
    let rig = Rig::new();
    let webhook = rig.register(&["PAYMENT.*"]);
    let big = format!(r#"{{"id":"big","pad":"{}"}}"#, "z".repeat(50_000));
    let own = NewEvent { id: Some(EventId::from_bytes([9; 16])), ..event("PAYMENT.PAID", &big) };
    let old = rig.accept(vec![own, paid(), paid(), event("ORDER.PAID", r#"{"external_id":"e"}"#)]);
    let key = |n: usize| first(&old[n], &webhook);
    rig.settle(key(0), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
    rig.settle(key(0), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    rig.settle(key(1), attempt(Trigger::Automatic, Some(500)), Verdict::RetryAt(START));
    rig.settle(key(2), attempt(Trigger::Automatic, Some(500)), Verdict::Exhausted);
    wait(rig.store.commit(ResendNotification { account: rig.account, key: key(2), in_flight: None })).unwrap();
    rig.after(Duration::from_secs(3600));
    let young = rig.accept(vec![paid()]).remove(0);
    rig.settle(first(&young, &webhook), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    rig.limit(Some(Duration::from_secs(3600)), None);
    rig.await_events(3);
    let left: Vec<Seq> = rig.all_events().iter().map(|event| event.seq).collect();
    assert_eq!(left, [old[1].seq, old[2].seq, young.seq], "owed, owed by hand, young");
    assert_eq!(rig.store.event_seq(rig.account, EventId::from_bytes([9; 16])).unwrap(), None);
    rig.check_rows();
    // What is owed no more goes as well.
    rig.settle(key(1), attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    rig.settle(key(2), attempt(Trigger::Manual, Some(500)), Verdict::ScheduleUnchanged);
    rig.limit(Some(Duration::from_secs(3600)), Some(1 << 30));
    rig.await_events(1);
    rig.check_rows();
    let again = NewEvent { id: Some(EventId::from_bytes([9; 16])), ..paid() };
    assert_eq!(rig.accept(vec![again]).len(), 1, "a forgotten id is free again");
    let rig = rig.reopen();
    rig.check_rows();
    assert_eq!(rig.store.stats().events, 2);
}

/// A reload that changed when a target counts as failing had retention begin anew, through all there is.
#[test]
fn a_pass_begins_anew_only_where_limits_of_retention_change() {
    let rig = Rig::new();
    let hour = Duration::from_secs(3600);
    rig.accept(vec![paid()]);
    rig.limit(Some(hour), None);
    // The answer to the second comes after the pass, which then rests for a minute.
    (0..2).for_each(|_| rig.barrier());
    rig.after(hour);
    let failing = FailingRule { attempts: 2, ..FailingRule::default() };
    rig.store.set_limits(Limits { retention: Some(hour), failing, ..Limits::default() });
    (0..3).for_each(|_| rig.barrier());
    assert_eq!(rig.store.stats().events, 1, "it rests");
    rig.limit(Some(hour / 2), None);
    rig.await_events(0);
}

#[test]
fn retention_by_bytes_takes_the_oldest_first() {
    let rig = Rig::new();
    rig.accept((0..1000).map(|_| event("A.B", &format!(r#"{{"p":"{}"}}"#, "x".repeat(1000)))).collect());
    rig.accept(vec![event("A.B", r#"{"id":"last"}"#)]);
    let keep = |keep_at_least| {
        rig.store.set_limits(Limits { retention_bytes: Some(500_000), keep_at_least, ..Limits::default() });
    };
    keep(Duration::from_secs(3600));
    rig.barrier();
    assert_eq!(rig.store.stats().events, 1001, "they are younger than an idempotency key may be");
    keep(Duration::ZERO);
    let deadline = Instant::now() + Duration::from_secs(30);
    let kept = || {
        let figures = rig.store.stats();
        figures.payload_bytes + 512 * figures.events
    };
    while kept() > 500_000 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
    rig.barrier();
    assert!(kept() > 490_000, "and no more than it must: {}", kept());
    assert_eq!(rig.all_events().last().unwrap().resource.id.as_deref(), Some("last"));
    rig.check_rows();
}

#[test]
fn an_idempotency_key_whose_events_are_forgotten_records_anew() {
    let rig = Rig::new();
    let key = || {
        let until = rig.clock.now().plus(Duration::from_secs(86_400));
        Some(IdempotencyKey { hash: [1; 16], fingerprint: [2; 16], until })
    };
    let accept = || {
        wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![paid(), paid()], key: key() })).unwrap()
    };
    let recorded = accept();
    rig.after(Duration::from_secs(7200));
    rig.limit(Some(Duration::from_secs(3600)), None);
    rig.await_events(0);
    let again = accept();
    assert!(!again[0].replayed && again[0].event.seq > recorded[1].event.seq && again.len() == 2);
}

#[test]
fn erasing_forgets_what_targets_echoed() {
    let rig = Rig::new();
    let webhook = rig.register(&["*"]);
    let recorded = rig.accept(vec![event("PAYMENT.PAID", r#"{"cpf":"111.444.777-35"}"#)]).remove(0);
    let key = first(&recorded, &webhook);
    let echo = |status| {
        let mut attempt = attempt(Trigger::Automatic, Some(status));
        if let crate::model::AttemptResult::Response(response) = &mut attempt.result {
            response.body = b"got 111.444.777-35".to_vec();
            response.location = Some("/111.444.777-35".to_owned());
        }
        attempt
    };
    rig.settle(key, echo(500), Verdict::RetryAt(START));
    rig.settle(key, echo(302), Verdict::RetryAt(START));
    wait(rig.store.commit(EraseEvent { account: rig.account, seq: recorded.seq, external_id: false })).unwrap();
    // One that was in flight meanwhile.
    rig.settle(key, echo(200), Verdict::Confirmed);
    let attempts = rig.store.attempts(&rig.notification(key)).unwrap();
    assert_eq!(
        attempts.iter().map(|attempt| attempt.result.status()).collect::<Vec<_>>(),
        [Some(500), Some(302), Some(200)]
    );
    let needle = b"111.444.777-35";
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!rig.rows().values().any(|value| holds(value)), "in no row");
    assert!(!holds(&back_up(&rig.store)), "and in no backup taken later");
    rig.check_rows();
}
