//! Recording events.

use super::rig::{Rig, START, event, idempotency_key, paid, reply, wait, webhook};
use crate::model::AccountNo;
use crate::model::Authorization;
use crate::model::EventId;
use crate::model::ExtraHeaders;
use crate::model::NewEvent;
use crate::model::NotificationKey;
use crate::model::Pattern;
use crate::model::PatternSet;
use crate::model::PayloadFilter;
use crate::model::Seq;
use crate::model::TargetUrl;
use crate::model::Webhook;
use crate::model::WebhookId;
use crate::model::WebhookPatch;
use crate::model::{EventFilter, Listing};
use crate::store::changes::events::AcceptRefusal;
use crate::store::limits::{Limits, MAX_EVENT_TYPES, MAX_NOTIFICATIONS_AT_ONCE};
use crate::store::schema::keys;
use crate::store::updates::StoreUpdate;
use crate::store::{ChangeWebhook, RecordEvents, Registration, ResendEvent};
use std::time::Duration;
use std::time::Instant;

#[test]
fn an_event_is_owed_to_what_matches_at_that_instant_and_told_once_it_is_durable() {
    let rig = Rig::new();
    let all = rig.register(&["*", "PAYMENT.PAID"]);
    let orders = rig.register(&["ORDER.*"]);
    let recorded = rig.accept(vec![paid()]).remove(0);
    assert_eq!(recorded.notifications, 1);
    let key = NotificationKey { seq: recorded.seq, webhook: all.no };
    assert_eq!(rig.store.untried_page(rig.account, all.no, Seq(0), 10).unwrap(), vec![recorded.seq]);
    assert_eq!(rig.store.untried_page(rig.account, orders.no, Seq(0), 10).unwrap(), vec![]);
    assert!(rig.store.durable() >= recorded.seq);
    let told = rig.told.lock().unwrap();
    let fresh =
        told.iter().position(|told| matches!(told, StoreUpdate::Untried { key: told, .. } if *told == key)).unwrap();
    let durable =
        told.iter().position(|told| matches!(told, StoreUpdate::Durable(seq) if *seq >= recorded.seq)).unwrap();
    assert!(fresh < durable, "a page that is read in between holds the row back until it is told");
    drop(told);
    let (_, payload) = rig.store.event(rig.account, recorded.seq).unwrap().unwrap();
    assert_eq!(&payload.unwrap().resource()[..], b"{}");
    rig.check_rows();
}

#[test]
fn a_filter_is_met_by_the_resource_as_the_webhook_is_at_that_instant() {
    let rig = Rig::new();
    let large = |n: usize| format!(r#"{{"n":{n},"padding":"{}"}}"#, "x".repeat(40_000));
    let filter = |text: &str| Some(PayloadFilter::parse(text).unwrap());
    let [few, many, all] = [r#"{"n":{"$lt":3}}"#, r#"{"n":{"$gte":3}}"#, ""].map(|text| {
        let filter = if text.is_empty() { None } else { filter(text) };
        let hook = Webhook { filter, ..webhook(rig.account, &["PAYMENT.*"]) };
        wait(rig.store.commit(Registration::from(hook))).unwrap().webhook
    });
    let owed = |seq| {
        let notifications = rig.store.notifications_of(rig.account, seq).unwrap();
        notifications.iter().map(|notification| notification.key.webhook).collect::<Vec<_>>()
    };
    let recorded = rig.accept(vec![event("PAYMENT.PAID", &large(2)), event("PAYMENT.PAID", r#"{"n":3.0}"#)]);
    assert_eq!((owed(recorded[0].seq), recorded[0].notifications), (vec![few.no, all.no], 2));
    assert_eq!((owed(recorded[1].seq), recorded[1].notifications), (vec![many.no, all.no], 2));
    assert_eq!(rig.store.shared.meters.filtered_total(), 2);

    // It was counted before the batch was refused, and at each repetition of the request.
    let batch = vec![event("PAYMENT.PAID", r#"{"n":1}"#); MAX_NOTIFICATIONS_AT_ONCE / 2 + 1];
    for _ in 0..2 {
        let events = RecordEvents { account: rig.account, events: batch.clone(), key: None };
        let refused = reply(wait(rig.store.commit(events)));
        assert!(matches!(refused, Err(AcceptRefusal::TooManyNotifications)), "{refused:?}");
    }
    assert_eq!(rig.store.shared.meters.filtered_total(), 2);

    // A change holds for what is recorded after it; what is owed stays owed.
    let patch = WebhookPatch { filter: Some(filter(r#"{"n":9}"#)), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: few.id, patch })).unwrap().unwrap();
    let after = rig.accept(vec![event("PAYMENT.PAID", r#"{"n":1}"#), event("PAYMENT.PAID", r#"{"n":9}"#)]);
    assert_eq!((owed(after[0].seq), owed(after[1].seq)), (vec![all.no], vec![few.no, many.no, all.no]));
    assert_eq!(owed(recorded[0].seq), [few.no, all.no]);

    // Sent again, an event goes to what it has a notification for, and to what it matches now.
    let resend = |seq| {
        let resend = ResendEvent { account: rig.account, seq, undelivered: false, in_flight: vec![] };
        let sent = reply(wait(rig.store.commit(resend))).unwrap().unwrap();
        sent.iter().map(|notification| notification.key.webhook).collect::<Vec<_>>()
    };
    assert_eq!(resend(recorded[0].seq), [few.no, all.no]);
    let patch = WebhookPatch { filter: Some(filter(r#"{"padding":{"$exist":true}}"#)), ..WebhookPatch::default() };
    wait(rig.store.commit(ChangeWebhook { account: rig.account, id: many.id, patch })).unwrap().unwrap();
    assert_eq!(resend(recorded[0].seq), [few.no, many.no, all.no]);
    assert_eq!(resend(after[0].seq), [all.no]);
    rig.check_rows();
    let rig = rig.reopen();
    assert_eq!(rig.store.directory().by_no(few.no).unwrap().filter, filter(r#"{"n":9}"#));
}

/// A batch is refused by what it would make, not by what its filters leave out.
#[test]
fn what_filters_leave_out_is_not_counted_against_a_batch() {
    let rig = Rig::new();
    let filter = PayloadFilter::parse(r#"{"x":1}"#).unwrap();
    for _ in 0..30 {
        let hook = Webhook { filter: Some(filter.clone()), ..webhook(rig.account, &["*"]) };
        wait(rig.store.commit(Registration::from(hook))).unwrap();
    }
    let events = |x: usize| (0..700).map(|_| event("PAYMENT.PAID", &format!(r#"{{"x":{x}}}"#))).collect();
    let accept = |events| reply(wait(rig.store.commit(RecordEvents { account: rig.account, events, key: None })));
    assert_eq!(accept(events(1)).unwrap_err(), AcceptRefusal::TooManyNotifications);
    assert!(accept(events(2)).unwrap().iter().all(|accepted| accepted.event.notifications == 0));
}

/// Explaining why an event was not owed once compared times: a webhook registered in the event's own millisecond then
/// seemed to have been there, and to match, and the answer said that it had been changed since.
#[test]
fn within_one_millisecond_the_order_of_commit_tells_whether_a_webhook_was_there() {
    let rig = Rig::new();
    let before = rig.register(&["*"]);
    let recorded = rig.accept(vec![paid()]).remove(0);
    let after = rig.register(&["*"]);
    assert!(before.inserted_at == recorded.inserted_at && after.inserted_at == recorded.inserted_at);
    assert!(before.registered_after < recorded.seq && after.registered_after >= recorded.seq);
    let rig = rig.reopen();
    assert_eq!(rig.store.directory().by_no(after.no).unwrap().registered_after, recorded.seq);
}

#[test]
fn an_id_given_again_replays_and_with_another_body_is_refused_and_a_batch_is_all_or_none() {
    let rig = Rig::new();
    rig.register(&["*"]);
    let id = EventId::from_bytes([5; 16]);
    let with_id = |event: NewEvent| NewEvent { id: Some(id), ..event };
    let accept = |events| reply(wait(rig.store.commit(RecordEvents { account: rig.account, events, key: None })));
    let twice = accept(vec![with_id(paid()), with_id(paid()), paid()]).unwrap();
    assert_eq!(twice.iter().map(|accepted| accepted.replayed).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(twice[0].event, twice[1].event);
    let again = accept(vec![with_id(paid())]).unwrap();
    assert!(again[0].replayed && again[0].event == twice[0].event);
    let before = rig.rows();
    let other = || with_id(event("PAYMENT.PAID", r#"{"x":1}"#));
    assert_eq!(accept(vec![paid(), other()]).unwrap_err(), AcceptRefusal::IdTaken { index: 1 });
    let fresh_id = NewEvent { id: Some(EventId::from_bytes([6; 16])), ..paid() };
    let changed = NewEvent { id: Some(EventId::from_bytes([6; 16])), ..event("PAYMENT.PAID", r#"{"x":2}"#) };
    assert_eq!(accept(vec![fresh_id, changed]).unwrap_err(), AcceptRefusal::IdTaken { index: 1 });
    assert_eq!(rig.rows(), before, "a refused batch leaves nothing behind");
    // An id that we made is found without an index row, and one that only looks like it isn't.
    let ours = twice[2].event.id;
    assert!(accept(vec![NewEvent { id: Some(ours), ..paid() }]).unwrap()[0].replayed);
    assert_eq!(rig.store.event_seq(rig.account, ours).unwrap(), Some(twice[2].event.seq));
    assert_eq!(rig.store.event_seq(AccountNo(99), ours).unwrap(), None);
    let claimed = EventId::compose(0, twice[2].event.seq, 1);
    assert_eq!(rig.store.event_seq(rig.account, claimed).unwrap(), None);
}

#[test]
fn types_have_an_end_that_names_the_first_one_too_many() {
    let rig = Rig::new();
    let nth = |n: usize| event(&format!("A.B{n}"), "{}");
    assert_eq!(rig.accept((0..MAX_EVENT_TYPES).map(nth).collect()).len(), MAX_EVENT_TYPES);
    let refused = reply(wait(rig.store.commit(RecordEvents {
        account: rig.account,
        events: vec![nth(0), nth(MAX_EVENT_TYPES)],
        key: None,
    })));
    assert_eq!(refused.unwrap_err(), AcceptRefusal::TooManyTypes { index: 1 });
    // The catalogue is never kept out: the guide's types, the config's, and carteiro's own.
    let listed = event("SHIPMENT.SENT", "{}");
    assert!(
        reply(wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![listed.clone()], key: None })))
            .is_err()
    );
    rig.store.shared.catalogue_types.set_extra([listed.event_type.clone()].into());
    rig.accept(vec![listed.clone(), paid(), event("WEBHOOK.TEST", "{}")]);
    let refused = reply(wait(rig.store.commit(RecordEvents {
        account: rig.account,
        events: vec![paid(), listed, nth(MAX_EVENT_TYPES)],
        key: None,
    })));
    assert_eq!(refused.unwrap_err(), AcceptRefusal::TooManyTypes { index: 2 });
}

#[test]
fn a_type_that_no_event_has_any_more_makes_room_for_another() {
    let rig = Rig::new();
    let nth = |n: usize| event(&format!("A.B{n}"), "{}");
    rig.accept((0..MAX_EVENT_TYPES).map(nth).collect());
    rig.after(Duration::from_secs(3600));
    rig.accept(vec![nth(7)]);
    assert!(
        reply(wait(rig.store.commit(RecordEvents {
            account: rig.account,
            events: vec![nth(MAX_EVENT_TYPES)],
            key: None
        })))
        .is_err()
    );
    rig.store.set_limits(Limits { retention: Some(Duration::from_secs(3600)), ..Limits::default() });
    let known = || rig.store.shared.types.read().unwrap()[&rig.account].len();
    let deadline = Instant::now() + Duration::from_secs(30);
    while known() != 1 {
        assert!(Instant::now() < deadline, "{} types are left", known());
        std::thread::sleep(Duration::from_millis(2));
    }
    rig.accept((MAX_EVENT_TYPES..2 * MAX_EVENT_TYPES - 1).map(nth).collect());
    rig.check_rows();
    let of = |rig: &Rig, n: usize| {
        let event_type = Pattern::parse(&format!("A.B{n}"));
        rig.store
            .events(rig.account, &EventFilter { event_type, ..EventFilter::default() }, Listing::newest(9))
            .unwrap()
            .items
            .len()
    };
    // 0 of a type that is forgotten, 1 of those that are known, after a restart too.
    for rig in [rig.reopen()].map(Rig::reopen) {
        assert_eq!([0, 7, MAX_EVENT_TYPES, 2 * MAX_EVENT_TYPES - 2].map(|n| of(&rig, n)), [0, 1, 1, 1]);
        assert!(
            reply(wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![nth(0)], key: None })))
                .is_err()
        );
        rig.check_rows();
    }
}

#[test]
fn an_idempotency_key_answers_within_its_window_and_leaves_nothing_behind_it() {
    let rig = Rig::new();
    let day = Duration::from_secs(86_400);
    let accept = |fingerprint| {
        let key = idempotency_key(1, fingerprint, rig.clock.now().plus(day));
        reply(wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![paid()], key: Some(key) })))
    };
    let first = accept(1).unwrap();
    rig.after(Duration::from_millis(86_400_000 - 1));
    let again = accept(1).unwrap();
    assert!(again[0].replayed && again[0].event == first[0].event);
    assert_eq!(accept(2).unwrap_err(), AcceptRefusal::KeyTaken);
    rig.after(Duration::from_millis(1));
    let second = accept(2).unwrap();
    assert!(!second[0].replayed && second[0].event.seq > first[0].event.seq);
    let ends = |rig: &Rig| rig.store.shared.tree.scan(&keys::idempotency_ends()).count();
    assert_eq!(ends(&rig), 1, "the row of the first window went with it");
    rig.after(day);
    rig.accept(vec![paid()]);
    let rig = rig.reopen();
    rig.barrier();
    assert_eq!(ends(&rig), 0);
    assert!(!rig.rows().contains_key(&keys::idempotency(rig.account, [1; 16])));
}

/// The store's own time once never ran back. While it stood ahead of a wall clock that had been put right, every
/// idempotency window (set by the wall clock) was over before it began: a repeated request was recorded twice.
#[test]
fn a_clock_that_ran_ahead_for_a_while_breaks_no_window() {
    let rig = Rig::new();
    let day = Duration::from_secs(86_400);
    rig.after(day * 3);
    rig.accept(vec![paid()]);
    rig.clock.set(START);
    let accept = || {
        let key = idempotency_key(1, 1, rig.clock.now().plus(day));
        wait(rig.store.commit(RecordEvents { account: rig.account, events: vec![paid()], key: Some(key) })).unwrap()
    };
    assert!(!accept()[0].replayed);
    assert!(accept()[0].replayed);
}

/// sled writes whole tree nodes, and puts one that is larger than a quarter of a segment into a file of its own, which
/// it never syncs. At its default of 512 KiB a segment, eight neighbouring chunks of 16 KiB were such a node: a batch
/// of large events was acknowledged with most of its payloads in hundreds of unsynced files.
#[test]
fn nothing_spills_into_files_that_are_never_synced() {
    let rig = Rig::new();
    let resource = |bytes: usize| format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes - 8));
    for _ in 0..3 {
        rig.accept((0..63).map(|_| event("PAYMENT.PAID", &resource(256 * 1024))).collect());
    }
    // As large as an event can be in one row, and just past it.
    for bytes in [16 * 1024 - 130, 16 * 1024 + 1] {
        rig.accept((0..300).map(|_| event("PAYMENT.PAID", &resource(bytes))).collect());
    }
    let values = "v".repeat(ExtraHeaders::MAX_TOTAL_BYTES / ExtraHeaders::MAX - "x-99".len());
    let names: Vec<String> = (0..ExtraHeaders::MAX).map(|n| format!("x-{n}")).collect();
    let patterns = (0..PatternSet::MAX).map(|n| Pattern::parse(&format!("A.{}{n:03}", "B".repeat(95))).unwrap());
    let large = Webhook {
        authorization: Authorization::parse(&"a".repeat(Authorization::MAX_BYTES)),
        events: PatternSet::new(patterns.collect()).unwrap(),
        filter: PayloadFilter::parse(&format!(r#"{{"a":"{}"}}"#, "f".repeat(PayloadFilter::MAX_BYTES - 8))).ok(),
        headers: ExtraHeaders::new(names.iter().map(|name| (name.as_str(), values.as_str()))).unwrap(),
        target: TargetUrl::parse(&format!("https://loja.example/{}", "x".repeat(2000))).unwrap(),
        ..webhook(rig.account, &["*"])
    };
    for _ in 0..40 {
        let id = WebhookId::from_random(crate::random::bytes());
        wait(rig.store.commit(Registration::from(Webhook { id, ..large.clone() }))).unwrap();
        let patch = WebhookPatch { description: Some(Some("d".repeat(500))), ..WebhookPatch::default() };
        wait(rig.store.commit(ChangeWebhook { account: rig.account, id, patch })).unwrap().unwrap();
    }
    assert_eq!(rig.blobs(), 0);
    let rig = rig.reopen();
    assert_eq!(rig.blobs(), 0);
    let (_, payload) = rig.store.event(rig.account, Seq(1)).unwrap().unwrap();
    assert_eq!(payload.unwrap().resource().len(), 256 * 1024);
}
