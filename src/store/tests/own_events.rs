//! What carteiro itself records about webhooks: when, for whom, and never in a circle.

use super::rig::{Rig, attempt, event, webhook};
use crate::model::{
    AccountNo, CATALOGUE, DisabledReason, ErrorCode, Event, EventId, EventType, FailedNotification, Fingerprint,
    NotificationId, NotificationKey, OwnEvent, ResourceFacts, Sample, Seq, TargetHealth, Timestamp, Trigger, Verdict,
    WebhookId, WebhookNo,
};
use crate::store::tests::rig::START;
use serde_json::Value;

/// The events of carteiro's own that were recorded, each with the webhooks that it goes to.
fn told(rig: &Rig) -> Vec<(String, Vec<WebhookNo>)> {
    let own = rig.all_events().into_iter().filter(|event| event.event_type.is_own());
    own.map(|event| {
        let to = rig.store.notifications_of(rig.account, event.seq).unwrap();
        (event.event_type.to_string(), to.iter().map(|one| one.key.webhook).collect())
    })
    .collect()
}

fn fail(rig: &Rig, event: &Event, no: WebhookNo, verdict: Verdict) {
    rig.settle(NotificationKey { seq: event.seq, webhook: no }, attempt(Trigger::Automatic, Some(500)), verdict);
}

#[test]
fn a_target_that_comes_to_fail_and_recovers_is_told_to_the_others_that_ask_for_it() {
    let rig = Rig::new();
    let (bad, other) = (rig.register(&["*", "WEBHOOK.*"]), rig.register(&["WEBHOOK.*"]));
    let (_all, _deaf) = (rig.register(&["*"]), rig.register(&["PAYMENT.*"]));
    let events = rig.accept((0..7).map(|_| event("ORDER.PAID", r#"{"order":{"external_id":"p-1"}}"#)).collect());
    for event in &events[..5] {
        assert_eq!(told(&rig), []);
        fail(&rig, event, bad.no, Verdict::RetryAt(START));
    }
    let failing = (EventType::FAILING.to_owned(), vec![other.no]);
    assert_eq!(told(&rig), std::slice::from_ref(&failing), "not to itself, nor to one that asks for everything");
    fail(&rig, &events[5], bad.no, Verdict::Exhausted);
    let failed = (EventType::NOTIFICATION_FAILED.to_owned(), vec![other.no]);
    assert_eq!(told(&rig), [failing.clone(), failed.clone()], "failing is told once");
    let key = NotificationKey { seq: events[6].seq, webhook: bad.no };
    rig.settle(key, attempt(Trigger::Automatic, Some(200)), Verdict::Confirmed);
    let recovered = (EventType::RECOVERED.to_owned(), vec![other.no]);
    assert_eq!(told(&rig), [failing, failed, recovered]);
    let about = rig.all_events().into_iter().find(|event| event.event_type.as_str() == EventType::NOTIFICATION_FAILED);
    let about = about.unwrap();
    assert_eq!((about.external_id(), about.tells_of_webhook()), (Some("p-1"), Some(bad.id)));
    rig.check_rows();
}

/// Two webhooks that are both down would tell each other so for ever.
#[test]
fn what_becomes_of_a_word_about_a_webhook_is_told_to_nobody() {
    let rig = Rig::new();
    let (bad, other) = (rig.register(&["ORDER.*", "WEBHOOK.*"]), rig.register(&["WEBHOOK.*"]));
    let events = rig.accept((0..5).map(|_| event("ORDER.PAID", "{}")).collect());
    for event in &events {
        fail(&rig, event, bad.no, Verdict::Exhausted);
    }
    let words: Vec<Event> = rig.all_events().into_iter().filter(|event| event.event_type.is_own()).collect();
    assert_eq!(words.len(), 6, "one for each notification, and one for the webhook");
    for word in &words {
        fail(&rig, word, other.no, Verdict::Exhausted);
    }
    assert!(rig.store.health(other.no).unwrap().failing, "that it fails is known all the same");
    let key = NotificationKey { seq: words[0].seq, webhook: other.no };
    rig.settle(key, attempt(Trigger::Manual, Some(200)), Verdict::Confirmed);
    assert_eq!(rig.store.health(other.no), None);
    assert_eq!(told(&rig).len(), 6);
    rig.check_rows();
}

/// A target that is down would fill the store with words that nobody reads.
#[test]
fn nothing_is_recorded_that_no_other_webhook_asks_for() {
    let rig = Rig::new();
    let bad = rig.register(&["*", "WEBHOOK.*"]);
    for event in rig.accept((0..5).map(|_| event("ORDER.PAID", "{}")).collect()) {
        fail(&rig, &event, bad.no, Verdict::Exhausted);
    }
    assert!(rig.store.health(bad.no).unwrap().failing);
    assert_eq!(told(&rig), []);
}

#[test]
fn what_is_recorded_names_the_webhook_first_and_is_as_the_catalogue_shows_it() {
    let now = Timestamp::from_ms(1_795_435_200_000);
    let webhook = webhook(AccountNo(1), &["*"]);
    let event = Event {
        seq: Seq(1),
        account: AccountNo(1),
        id: EventId::from_bytes([7; 16]),
        event_type: EventType::parse("PAYMENT.PAID").unwrap(),
        external_id: Some("pedido-11249".to_owned()),
        resource: ResourceFacts::default(),
        occurred_at: None,
        inserted_at: now,
        fingerprint: Fingerprint([0; 16]),
        notifications: 1,
        erased_at: None,
        trace: None,
        trial: None,
    };
    let failed = FailedNotification {
        id: NotificationId::from_bytes([8; 16]),
        event: &event,
        attempts: 3,
        status: Some(500),
        error: Some(ErrorCode::Http5xx),
    };
    let health = TargetHealth { failing: true, ..TargetHealth::first_failure(now) };
    for own in [
        OwnEvent::Failing(health),
        OwnEvent::Recovered(now),
        OwnEvent::Disabled(DisabledReason::Gone),
        OwnEvent::NotificationFailed(failed),
    ] {
        let new = own.about(&webhook, "production", now);
        assert!(new.event_type.is_own() && CATALOGUE.iter().any(|entry| entry.event_type == own.type_name()));
        assert_eq!(new.resource.id.as_deref().and_then(WebhookId::parse), Some(webhook.id));
        let resource: Value = serde_json::from_str(new.body.resource()).unwrap();
        assert_eq!(resource["webhook"]["target"], webhook.target.as_str());
        let sample: Value = serde_json::from_str(&Sample::default().resource(&new.event_type)).unwrap();
        let names = |of: &Value| of.as_object().map(|of| of.keys().cloned().collect::<Vec<_>>());
        assert_eq!(names(&sample), names(&resource));
        for object in ["webhook", "notification"] {
            assert_eq!(names(&sample[object]), names(&resource[object]), "{object}");
        }
        if resource["notification"].is_object() {
            assert_eq!(new.resource.external_id.as_deref(), Some("pedido-11249"));
            assert!(new.resource.keys.iter().any(|key| key == "pedido-11249"), "it is found by its order");
        }
    }
}
