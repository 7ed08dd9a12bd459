//! What has happened, until alerts take it in; and what is kept of alerts.

use super::rig::{Rig, START, attempt, event, wait};
use crate::model::{
    Actor, Alert, AlertFacts, AuditAction, AuditFilter, AuditNote, Book, ClockSteps, Condition, Letter, Listing,
    NotificationKey, Pending, Recipient, Trigger, Verdict, WebhookNo,
};
use crate::store::{DeleteWebhook, KeepAlerts, KeptAlerts};
use std::collections::BTreeMap;

#[test]
fn what_fails_for_good_is_counted_in_the_same_commit_until_it_is_taken_in() {
    let rig = Rig::new();
    let hook = rig.register(&["*"]);
    let order = |nth: usize| event("ORDER.PAID", &format!(r#"{{"order":{{"external_id":"p-{nth}"}}}}"#));
    let events = rig.accept((0..7).map(order).collect());
    let fail = |rig: &Rig, nth: usize, verdict| {
        let key = NotificationKey { seq: events[nth].seq, webhook: hook.no };
        rig.settle(key, attempt(Trigger::Automatic, Some(500)), verdict);
    };
    (0..4).for_each(|nth| fail(&rig, nth, Verdict::RetryAt(START)));
    assert_eq!(rig.store.alert_facts(), BTreeMap::new(), "a failed attempt is no row");
    (4..6).for_each(|nth| fail(&rig, nth, Verdict::Exhausted));
    let rig = rig.reopen();
    let seen = rig.store.alert_facts().remove(&hook.no).unwrap();
    assert_eq!((seen.failed, seen.fell_at), (2, Some(START)));
    assert_eq!(seen.external_ids, ["p-4", "p-5"]);
    fail(&rig, 6, Verdict::Exhausted);
    let taken = vec![(hook.no, seen)];
    wait(rig.store.commit(KeepAlerts { taken, ..KeepAlerts::default() })).unwrap();
    let rest = rig.store.alert_facts().remove(&hook.no).unwrap();
    assert_eq!((rest.failed, rest.external_ids), (1, vec!["p-6".to_owned()]), "what came meanwhile stays");
    rig.check_rows();
}

#[test]
fn what_is_kept_of_alerts_reads_back_whole_and_goes_row_by_row() {
    let rig = Rig::new();
    let (shop, condition) = (Recipient::Account(rig.account), Condition::WebhookFailing(WebhookNo(1)));
    let letter = Letter {
        at: START,
        body: "{}".into(),
        told: vec![(condition, Some(START))],
        pending: vec![Pending { channel: "email".to_owned(), failed: 1, due: START }],
    };
    let keep = KeepAlerts {
        alerts: vec![((shop, condition), Some(Alert::new(START, START)))],
        letters: vec![((shop, 7), Some(letter.clone()))],
        books: vec![(shop, Some(Book { last_letter: 7, ..Book::default() }))],
        mutes: vec![(condition, Some(None))],
        taken: vec![(AlertFacts::MACHINE, AlertFacts::default())],
        asked: Some((Actor::OPERATOR, AuditNote::new(rig.account, AuditAction::AlertMuted))),
    };
    wait(rig.store.commit(keep)).unwrap();
    let newest = rig.store.audit(rig.account, &AuditFilter::default(), Listing::newest(1)).unwrap().items.remove(0);
    assert_eq!((newest.actor, newest.note.action), (Actor::OPERATOR, AuditAction::AlertMuted));
    let rig = rig.reopen();
    let kept = rig.store.kept_alerts().unwrap();
    assert_eq!(kept.letters, BTreeMap::from([((shop, 7), letter)]));
    assert_eq!((kept.alerts.len(), kept.books.len(), kept.mutes), (1, 1, BTreeMap::from([(condition, None)])));
    rig.check_rows();
    let forget = KeepAlerts {
        alerts: vec![((shop, condition), None)],
        letters: vec![((shop, 7), None)],
        books: vec![(shop, None)],
        mutes: vec![(condition, None)],
        taken: Vec::new(),
        asked: None,
    };
    wait(rig.store.commit(forget)).unwrap();
    assert_eq!(rig.store.kept_alerts().unwrap(), KeptAlerts::default());
    // Nothing of a webhook outlives it.
    let hook = rig.register(&["*"]);
    wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap();
    rig.check_rows();
}

/// Nobody looks at a clock that is right again; who was to be told of the step was told nothing.
#[test]
fn a_step_of_the_clock_is_a_fact_though_nothing_else_is_written() {
    let rig = Rig::new();
    rig.barrier();
    rig.clock.step_to(START.plus(std::time::Duration::from_secs(7200)));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Some(facts) = rig.store.alert_facts().get(&AlertFacts::MACHINE) {
            assert_eq!(facts.steps, ClockSteps::one(7_200_000));
            return;
        }
        assert!(std::time::Instant::now() < deadline, "the step is not noted");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
