//! `/api/events`: recording once, listing, the feed, erasing, explaining.

use super::harness::{Daemon, eventually, retrying_after};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn paid(extra: Value) -> Value {
    let mut event = json!({ "type": "PAYMENT.PAID", "resource": { "payment": { "id": "p-1", "external_id": "o-1" } } });
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({ "event": event })
}

#[test]
fn repeating_an_id_or_a_key_answers_the_first_event_again_and_delivers_nothing_twice() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*"]);
    let id = "0193a5b0-1111-7222-8333-444455556666";
    let first = daemon.post("/api/events", &paid(json!({ "id": id }))).expect(201);
    assert_eq!(first.data()["id"], id);
    let again = daemon.post("/api/events", &paid(json!({ "id": id }))).expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.data(), first.data());
    daemon.post("/api/events", &paid(json!({ "id": id, "external_id": "other" }))).refused(409, "id_taken");

    let keyed = |key: &str, body: &Value| {
        let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {key}\r\n");
        daemon.call_as(&daemon.token, "POST", "/api/events", &headers, body.to_string().as_bytes())
    };
    let first = keyed("pedido-1", &paid(json!({}))).expect(201);
    let again = keyed("pedido-1", &paid(json!({}))).expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.data()), (Some("true"), first.data()));
    keyed("pedido-1", &paid(json!({ "external_id": "x" }))).refused(409, "idempotency_key_taken");
    assert_ne!(keyed("pedido-2", &paid(json!({}))).expect(201).data()["id"], first.data()["id"]);
    keyed(&"k".repeat(256), &paid(json!({}))).refused(400, "bad_idempotency_key");
    keyed(&"k".repeat(255), &paid(json!({}))).expect(201);
    assert_eq!(daemon.list("/api/events").len(), 4);
    receiver.await_count(4);
    eventually("all settled", || (daemon.list("/api/notifications?status=PENDING").is_empty()).then_some(()));
    assert_eq!(receiver.count(), 4);
}

#[test]
fn a_batch_is_all_or_none_and_errors_are_named_by_index() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*"]);
    let event = |n: usize| json!({ "type": "ORDER.CREATED", "external_id": format!("o-{n}"), "resource": {} });
    let batch = |n: usize| json!({ "events": (0..n).map(event).collect::<Vec<_>>() });
    let recorded = daemon.post("/api/events/batch", &batch(1000)).expect(201).data();
    assert_eq!(recorded.as_array().unwrap().len(), 1000);
    assert_eq!(recorded[999]["external_id"], "o-999");
    daemon.post("/api/events/batch", &batch(1001)).refused(422, "invalid_fields");
    daemon.post("/api/events/batch", &batch(0)).refused(422, "invalid_fields");
    let mixed = json!({ "events": [event(1), { "type": "bad", "resource": {} }, { "type": "A.B", "resource": 1 }] });
    let fields = daemon.post("/api/events/batch", &mixed).refused(422, "invalid_fields");
    assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["events[1].type", "events[2].resource"]);
    let id = "0193a5b0-1111-7222-8333-444455556666";
    let with_id = |n: usize| json!({ "type": "A.B", "id": id, "resource": { "n": n } });
    daemon.post("/api/events/batch", &json!({ "events": [with_id(1), with_id(2)] })).refused(409, "id_taken");
    daemon.get(&format!("/api/events/{id}")).refused(404, "not_found");
    let twice = daemon.post("/api/events/batch", &json!({ "events": [with_id(1), with_id(1)] })).expect(201).data();
    assert_eq!(twice[0], twice[1]);
    receiver.await_count(1001);
}

#[test]
fn filters_find_each_alone_and_together() {
    let daemon = Daemon::quick();
    let mut ids = Vec::new();
    for (n, event_type) in ["ORDER.CREATED", "ORDER.PAID", "PAYMENT.PAID", "PAYMENT.PAID"].into_iter().enumerate() {
        ids.push(daemon.record_with(json!({
            "type": event_type, "external_id": format!("own-{n}"),
            "resource": { "payment": { "id": n / 2, "external_id": "o-1" } },
        })));
    }
    let found = |query: &str| -> Vec<usize> {
        let listed = daemon.list(&format!("/api/events?{query}"));
        listed.iter().map(|event| ids.iter().position(|id| event["id"] == id.as_str()).unwrap()).collect()
    };
    assert_eq!(found(""), [3, 2, 1, 0]);
    assert_eq!(found("order=asc"), [0, 1, 2, 3]);
    assert_eq!(found("type=ORDER.*"), [1, 0]);
    assert_eq!(found("type=PAYMENT.PAID"), [3, 2]);
    assert_eq!(found("type=*"), [3, 2, 1, 0]);
    assert_eq!(found("type=NOTHING.HERE"), Vec::<usize>::new());
    assert_eq!(found("external_id=own-2"), [2]);
    assert_eq!(found("external_id=o-1"), [3, 2, 1, 0]);
    assert_eq!(found("resource_id=0"), [1, 0]);
    assert_eq!(found("resource_id=1&type=PAYMENT.*&external_id=own-3"), [3]);
    assert_eq!(found("resource_id=1&type=ORDER.*"), Vec::<usize>::new());
    let at = daemon.get(&format!("/api/events/{}", ids[2])).data()["inserted_at"].as_str().unwrap().to_owned();
    assert!(found(&format!("from={at}")).contains(&2) && !found(&format!("to={at}")).contains(&2));
    assert_eq!(found("from=2999-01-01T00:00:00-03:00"), Vec::<usize>::new());
    assert_eq!(found("to=2001-01-01T00:00:00Z"), Vec::<usize>::new());
}

/// Pages under writers: newest first neither skips nor repeats what was there, and the feed loses nothing that comes.
#[test]
fn paging_and_the_feed_hold_under_concurrent_writers() {
    let daemon = Daemon::quick();
    let before: Vec<String> = (0..120).map(|_| daemon.record("PAYMENT.PAID")).collect();
    let mut written = BTreeSet::new();
    let mut fed = BTreeSet::new();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..60).map(|_| daemon.record("ORDER.PAID")).collect::<Vec<String>>()))
            .collect();
        let pages = scope.spawn(|| {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = daemon.get(&format!("/api/events?limit=7{cursor}")).expect(200).json();
                seen.extend(
                    page["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()),
                );
                match page["page"]["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => return seen,
                }
            }
        });
        let mut cursor = String::new();
        let mut next_page = |fed: &mut BTreeSet<String>| {
            let page = daemon.get(&format!("/api/events?order=asc&limit=13{cursor}")).expect(200).json();
            for event in page["data"].as_array().unwrap() {
                assert!(fed.insert(event["id"].as_str().unwrap().to_owned()), "nothing comes twice");
            }
            cursor = format!("&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
            page["data"].as_array().unwrap().len()
        };
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            next_page(&mut fed);
        }
        for writer in writers {
            written.extend(writer.join().unwrap());
        }
        while next_page(&mut fed) > 0 {}
        let seen = pages.join().unwrap();
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "no repetition");
        assert!(before.iter().all(|id| distinct.contains(id)), "no gap");
    });
    written.extend(before);
    assert_eq!(fed, written);
}

#[test]
fn erasing_takes_the_payload_away_and_cancels_what_is_pending() {
    let daemon = Daemon::start(&retrying_after("1h"));
    let receiver = Receiver::start(&[Reply::Status(500)]);
    daemon.register(&receiver.url, &["*"]);
    let event =
        daemon.record_with(json!({ "type": "ORDER.PAID", "resource": { "id": "o-9", "cpf": "111.444.777-35" } }));
    daemon.await_status(&event, "RETRYING");
    daemon.delete(&format!("/api/events/{event}/resource")).expect(204);
    let erased = daemon.get(&format!("/api/events/{event}")).expect(200);
    assert!(!String::from_utf8_lossy(&erased.body).contains("111.444"));
    assert!(erased.data()["resource"].is_null() && erased.data()["erased_at"].is_string());
    let notification = daemon.await_status(&event, "CANCELLED");
    assert_eq!(notification["attempts"].as_array().unwrap().len(), 1, "the history stays");
    daemon.send("POST", &format!("/api/events/{event}/resend"), b"").refused(409, "erased");
    assert_eq!(daemon.list("/api/events?resource_id=o-9").len(), 0);
}

#[test]
fn explain_says_why() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let matching = daemon.register(&receiver.url, &["PAYMENT.*"]);
    let other = daemon.register(&receiver.url, &["ORDER.*"]);
    let event = daemon.record("PAYMENT.PAID");
    let late = daemon.register(&receiver.url, &["*"]);
    daemon.await_status(&event, "DELIVERED");
    let explained = daemon.list(&format!("/api/events/{event}/explain"));
    let of = |id: &str| explained.iter().find(|one| one["webhook_id"] == id).unwrap();
    assert!(of(&matching)["notified"] == true && of(&matching)["reason"].as_str().unwrap().contains("confirmed"));
    assert!(of(&other)["notified"] == false && of(&other)["reason"].as_str().unwrap().contains("`ORDER.*`"));
    assert!(of(&late)["reason"].as_str().unwrap().contains("registered at"));
}

#[test]
fn the_catalogue_has_both_languages_and_may_be_strict() {
    let daemon = Daemon::start("[catalogue]\nstrict = true\nextra = [\"SHIPMENT.SENT\"]\n");
    let types = daemon.list("/api/event_types");
    assert_eq!(types.len(), 24);
    let paid = types.iter().find(|one| one["type"] == "PAYMENT.PAID").unwrap();
    assert!(paid["description"]["pt"].is_string() && paid["description"]["en"].is_string());
    assert_eq!(paid["sample"]["payment"]["status"], "PAID");
    let own = types.iter().find(|one| one["type"] == "SHIPMENT.SENT").unwrap();
    assert!(own["description"].is_null() && own["sample"]["shipment"]["status"] == "SENT");
    daemon.record("SHIPMENT.SENT");
    daemon.reload(
        r#"
[catalogue]
strict = true
extra = [
    "SHIPMENT.SENT",
    { type = "SHIPMENT.LATE", pt = "O envio atrasou.", en = "The shipment is late.", sample = '{"envio": {"id": 7}}' },
    { type = "PAYMENT.PAID", sample = '{"pagamento": {"id": "p-1", "valor": 1.50}}' },
]
"#,
    );
    let types = daemon.list("/api/event_types");
    let of = |name: &str| types.iter().find(|one| one["type"] == name).unwrap();
    assert_eq!(types.len(), 25);
    let late = json!({ "pt": "O envio atrasou.", "en": "The shipment is late." });
    assert_eq!(
        (&of("SHIPMENT.LATE")["description"], &of("SHIPMENT.LATE")["sample"]["envio"]["id"]),
        (&late, &json!(7))
    );
    assert_eq!(of("PAYMENT.PAID")["description"], paid["description"]);
    let answer = daemon.get("/api/event_types").expect(200).body;
    assert!(String::from_utf8_lossy(&answer).contains(r#"{"pagamento": {"id": "p-1", "valor": 1.50}}"#), "as written");
    daemon.record("SHIPMENT.LATE");
    let unknown = json!({ "event": { "type": "SHIPMENT.LOST", "resource": {} } });
    assert!(daemon.post("/api/events", &unknown).refused(422, "invalid_fields")["type"].is_array());
}

/// What a batch replaced in sled's memory was freed a few hundred nodes at a time, and an idle daemon freed nothing:
/// ten batches of a thousand events took 200 MB for good, two hundred took five gigabytes.
#[test]
fn batches_leave_no_memory_behind() {
    let daemon = Daemon::start("store.cache = \"8 MiB\"\negress.allow = [\"127.0.0.1:9\"]\n");
    daemon.register_with(json!({ "target": "http://127.0.0.1:9/", "events": ["*"], "status": "PAUSED" }));
    let batch = json!({ "events": vec![json!({ "type": "A.B", "resource": { "pad": "x".repeat(100) } }); 1000] });
    let before = daemon.resident_mib();
    for _ in 0..20 {
        daemon.post("/api/events/batch", &batch).expect(201);
    }
    let grown = daemon.resident_mib() - before;
    assert!(grown < 120, "{grown} MiB");
}

/// A type that was recorded for the first time while a page was being read had no range on that page, and the page's
/// cursor stood behind its first event all the same: a caller that polled never saw it.
#[test]
fn a_feed_never_misses_the_first_event_of_a_type() {
    let daemon = Daemon::quick();
    let types = 150;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..types).for_each(|n| drop(daemon.record(&format!("NEW.T{n}")))));
        let (mut found, mut cursor) = (0, String::new());
        eventually("every type is met", || {
            let page = daemon.get(&format!("/api/events?order=asc&type=NEW.*{cursor}")).expect(200).json();
            found += page["data"].as_array().unwrap().len();
            cursor = format!("&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
            (found == types).then_some(())
        });
    });
}

#[test]
fn a_test_is_sent_to_whom_it_names_and_to_nobody_by_subscription() {
    let (daemon, receiver, other) = (Daemon::quick(), Receiver::ok(), Receiver::ok());
    let tested = daemon.register(&receiver.url, &["ORDER.*"]);
    daemon.register(&other.url, &["*"]);
    let sent = daemon.post(&format!("/api/webhooks/{tested}/test"), &json!({})).expect(202).data();
    let event = sent["event_id"].as_str().unwrap();
    daemon.await_status(event, "DELIVERED");
    let again = daemon.post(&format!("/api/events/{event}/resend"), &json!({})).expect(202).data();
    assert_eq!(again.as_array().unwrap().len(), 1);
    receiver.await_count(2);
    assert_eq!((daemon.history(event).len(), other.count()), (1, 0));
    let own = json!({ "event": { "type": "WEBHOOK.TEST", "resource": {} } });
    assert!(daemon.post("/api/events", &own).refused(422, "invalid_fields")["type"].is_array());
}

/// A thousand events for a hundred webhooks each once took two gigabytes and seconds of everybody's time.
#[test]
fn a_batch_that_would_owe_too_much_is_refused_whole() {
    let daemon = Daemon::quick();
    for _ in 0..21 {
        daemon.register_with(json!({ "target": "http://127.0.0.1:9/", "events": ["*"], "status": "PAUSED" }));
    }
    let batch = |n: usize| json!({ "events": vec![json!({ "type": "A.B", "resource": {} }); n] });
    let fields = daemon.post("/api/events/batch", &batch(953)).refused(422, "invalid_fields");
    assert!(fields["events"][0].as_str().unwrap().contains("20000"));
    assert!(daemon.list("/api/events").is_empty());
    daemon.post("/api/events/batch", &batch(952)).expect(201);
}
