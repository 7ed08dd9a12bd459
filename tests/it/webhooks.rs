//! `/api/webhooks`: the guide's calls, and what a webhook's life does to what is pending for it.

use super::delivery::signed_by;
use super::harness::{Daemon, eventually, retrying_after};
use super::receiver::{Receiver, Reply, Request};
use serde_json::json;

#[test]
fn lists_come_in_pages() {
    let daemon = Daemon::quick();
    let ids: Vec<String> = (0..5).map(|_| daemon.register("http://127.0.0.1:9/", &["*"])).collect();
    let event = daemon.record("ORDER.PAID");
    for (list, field) in
        [("/api/webhooks".to_owned(), "id"), (format!("/api/events/{event}/notifications"), "webhook_id")]
    {
        for order in ["desc", "asc"] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = daemon.get(&format!("{list}?limit=2&order={order}{cursor}")).expect(200).json();
                assert_eq!(page["page"]["limit"], 2);
                found
                    .extend(page["data"].as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()));
                match page["page"]["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            if order == "desc" {
                found.reverse();
            }
            assert_eq!(found, ids, "{list} {order}");
        }
    }
}

#[test]
fn the_guides_registration_works_as_post_and_is_refused_as_get() {
    let daemon = Daemon::quick();
    let guide = br#"{"webhook": {"events": ["PAYMENT.*","ORDER.*"],
        "target": "https://loja.example/notificacoes", "authorization": "Bearer abc"}}"#;
    // curl names no JSON unless it is told to.
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = daemon.call_as(&daemon.token, "POST", "/api/webhooks", form, guide).expect(201);
    let webhook = answer.data();
    assert_eq!(answer.header("location"), Some(format!("/api/webhooks/{}", webhook["id"].as_str().unwrap()).as_str()));
    assert_eq!(webhook["events"], json!(["PAYMENT.*", "ORDER.*"]));
    assert_eq!((&webhook["authorization_set"], &webhook["status"]), (&json!(true), &json!("ACTIVE")));
    assert!(!String::from_utf8_lossy(&answer.body).contains("Bearer abc"), "write-only");
    let head = format!("Content-Length: {}\r\nContent-Type: application/json\r\n", guide.len());
    let refused = daemon.call_as(&daemon.token, "GET", "/api/webhooks", &head, guide);
    // `call_as` has set no length for a GET; the one above is the only one.
    refused.refused(400, "use_post");
    let listed = daemon.list("/api/webhooks");
    assert_eq!(listed.len(), 1);
    assert!(listed[0].get("secret").is_none(), "shown once");
}

#[test]
fn any_writable_field_changes_and_the_rest_stays() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://loja.example/a", &["*"]);
    let path = format!("/api/webhooks/{id}");
    for method in ["PATCH", "PUT"] {
        let body = json!({ "webhook": { "description": method, "max_in_flight": 2, "rate_limit": 1.5,
            "retry": { "schedule": ["1s", "2m"], "max_attempts": 3 } } });
        let changed = daemon.send(method, &path, body.to_string().as_bytes()).expect(200).data();
        assert_eq!((&changed["description"], &changed["max_in_flight"]), (&json!(method), &json!(2)));
        assert_eq!(changed["retry"]["schedule"], json!(["1s", "2m"]));
        assert_eq!(
            (&changed["target"], &changed["authorization_set"]),
            (&json!("http://loja.example/a"), &json!(true))
        );
    }
    let cleared = json!({ "webhook": {
        "description": null, "authorization": null, "retry": null, "target": "http://loja.example/b",
    } });
    let changed = daemon.patch(&path, &cleared).expect(200).data();
    assert!(changed["description"].is_null() && changed["retry"].is_null());
    assert_eq!((&changed["authorization_set"], &changed["target"]), (&json!(false), &json!("http://loja.example/b")));
    assert_eq!(daemon.get(&path).expect(200).data(), changed);
}

/// Lists are read by name: a webhook without one of its own is called by its host, whatever that is by now.
#[test]
fn a_webhook_has_a_name_and_without_one_its_host() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://loja.example/a", &["*"]);
    let path = format!("/api/webhooks/{id}");
    let name = |webhook: serde_json::Value| daemon.patch(&path, &json!({ "webhook": webhook })).expect(200).data();
    assert_eq!(daemon.get(&path).expect(200).data()["name"], "loja.example");
    assert_eq!(name(json!({ "target": "http://erp.example:8080/b" }))["name"], "erp.example");
    assert_eq!(name(json!({ "name": " ERP – ação 🚚 " }))["name"], "ERP – ação 🚚");
    assert_eq!(name(json!({ "target": "http://loja.example/c" }))["name"], "ERP – ação 🚚");
    let event = daemon.record("PAYMENT.PAID");
    assert_eq!(daemon.history(&event)[0]["webhook_name"], "ERP – ação 🚚");
    for bad in [String::new(), " ".to_owned(), "a\nb".to_owned(), "a\u{202e}b".to_owned(), "é".repeat(81)] {
        let refused = daemon.patch(&path, &json!({ "webhook": { "name": bad } })).refused(422, "invalid_fields");
        assert!(refused["name"][0].as_str().unwrap().contains("1 to 80 characters"), "{refused}");
    }
    assert_eq!(name(json!({ "name": "é".repeat(80) }))["name"], "é".repeat(80));
    assert_eq!(name(json!({ "name": null }))["name"], "loja.example");
}

/// Two editors of one webhook: the second undid what the first had saved, and neither was told.
#[test]
fn a_change_of_a_webhook_that_was_changed_since_is_refused() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/a", &["*"]);
    let path = format!("/api/webhooks/{id}");
    let read = || daemon.get(&path).expect(200).header("etag").unwrap().to_owned();
    let change = |method: &str, tag: &str, body: &str| {
        daemon.call_as(&daemon.token, method, &path, &format!("If-Match: {tag}\r\n"), body.as_bytes())
    };
    let first = read();
    assert_eq!((first.len(), &first), (34, &read()), "it is a quoted tag, and stays");
    let changed = change("PATCH", &first, r#"{"webhook":{"description":"um"}}"#).expect(200);
    let second = changed.header("etag").unwrap().to_owned();
    assert_eq!((second == first, second == read()), (false, true));
    for (method, body) in
        [("PUT", r#"{"webhook":{"description":"dois"}}"#), ("PATCH", "{\"webhook\":{}}"), ("DELETE", "")]
    {
        change(method, &first, body).refused(412, "outdated");
        // Neither weak ones nor what carteiro never gave.
        for strange in [&*format!("W/{second}"), "\"x\"", "", &second.replace('"', "")] {
            change(method, strange, body).refused(412, "outdated");
        }
    }
    // A target is not even looked at for a change that nobody makes.
    change("PATCH", &first, r#"{"webhook":{"target":"http://10.0.0.1/"}}"#).refused(412, "outdated");
    assert_eq!(daemon.get(&path).data()["description"], "um");
    for any in ["*", &format!("{first}, {second}")] {
        change("PATCH", any, r#"{"webhook":{"description":"um"}}"#).expect(200);
        assert_eq!(read(), second, "nothing is different");
    }
    for body in [r#"{"webhook":{"status":"PAUSED"}}"#, r#"{"webhook":{"authorization":"Bearer a"}}"#] {
        let before = read();
        change("PATCH", &before, body).expect(200);
        assert_ne!(read(), before, "{body}");
    }
    let before = read();
    daemon.send("POST", &format!("{path}/rotate_secret"), b"").expect(200);
    assert_ne!(read(), before);
    let id = "0193a5b0-1111-7222-8333-444455556666";
    let absent = daemon.call_as(&daemon.token, "PATCH", &format!("/api/webhooks/{id}"), "If-Match: *\r\n", b"{}");
    absent.refused(404, "not_found");
    change("DELETE", &read(), "").expect(204);
}

#[test]
fn patterns_that_overlap_owe_once_and_webhooks_that_overlap_owe_each() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*", "PAYMENT.*", "PAYMENT.PAID"]);
    daemon.register(&receiver.url, &["PAYMENT.PAID"]);
    daemon.register(&receiver.url, &["PAYMENT.PENDING", "ORDER.*"]);
    let event = daemon.record("PAYMENT.PAID");
    assert_eq!(daemon.history(&event).len(), 2);
    assert_eq!(daemon.history(&daemon.record("SHIPMENT.SENT")).len(), 1);
    receiver.await_count(3);
}

#[test]
fn a_pause_holds_what_is_pending_and_resuming_releases_it() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let id = daemon.register(&receiver.url, &["*"]);
    let path = format!("/api/webhooks/{id}");
    daemon.patch(&path, &json!({ "webhook": { "status": "PAUSED" } })).expect(200);
    let events: Vec<String> = (0..5).map(|_| daemon.record("PAYMENT.PAID")).collect();
    let held = daemon.await_status(&events[0], "HELD");
    assert_eq!((&held["attempts_count"], &held["next_attempt_at"]), (&json!(0), &serde_json::Value::Null));
    assert_eq!(daemon.list("/api/notifications?status=HELD").len(), 5);
    assert_eq!(daemon.list("/api/notifications?status=PENDING").len(), 0);
    // A test is a person's wish, and goes out all the same, to this webhook alone.
    let test = daemon.send("POST", &format!("{path}/test"), b"").expect(202).data();
    eventually("the test is delivered", || {
        let got = daemon.get(&format!("/api/notifications/{}", test["id"].as_str().unwrap())).data();
        (got["status"] == "DELIVERED").then(|| assert_eq!(got["attempts"][0]["trigger"], "TEST"))
    });
    assert_eq!(receiver.requests()[0].json()["event"], "WEBHOOK.TEST");
    assert_eq!(receiver.count(), 1);
    daemon.patch(&path, &json!({ "webhook": { "status": "ACTIVE" } })).expect(200);
    for event in &events {
        assert_eq!(daemon.await_status(event, "DELIVERED")["attempts_count"], 1);
    }
}

#[test]
fn deleting_cancels_what_is_pending_and_keeps_the_history() {
    let (daemon, receiver) = (Daemon::start(&retrying_after("1h")), Receiver::start(&[Reply::Status(500)]));
    let id = daemon.register(&receiver.url, &["*"]);
    let events: Vec<String> = (0..300).map(|_| daemon.record("PAYMENT.PAID")).collect();
    let failed_once = daemon.await_status(&events[0], "RETRYING");
    daemon.delete(&format!("/api/webhooks/{id}")).expect(204);
    daemon.delete(&format!("/api/webhooks/{id}")).refused(404, "not_found");
    for event in &events {
        daemon.await_status(event, "CANCELLED");
    }
    let of_webhook = format!("/api/notifications?webhook_id={id}&limit=500");
    eventually("the index says so too", || {
        (daemon.list(&format!("{of_webhook}&status=CANCELLED")).len() == 300).then_some(())
    });
    assert_eq!(daemon.list(&of_webhook).len(), 300);
    let path = format!("/api/notifications/{}", failed_once["id"].as_str().unwrap());
    assert!(!daemon.get(&path).expect(200).data()["attempts"].as_array().unwrap().is_empty());
    daemon.send("POST", &format!("{path}/resend"), b"").refused(409, "webhook_deleted");
    let said = daemon.get(&path).expect(200).data();
    assert_eq!((&said["can_resend"], &said["resend_refusal"]), (&json!(false), &json!("webhook_deleted")));
    assert_eq!(daemon.list(&format!("{of_webhook}&webhook_deleted=false")).len(), 0);
    assert_eq!(daemon.history(&daemon.record("PAYMENT.PAID")).len(), 0);
}

/// The first request that a receiver got of an event's only notification.
fn delivery_of(receiver: &Receiver, daemon: &Daemon, event: &str) -> Request {
    let notification = daemon.history(event)[0]["id"].as_str().unwrap().to_owned();
    let own = |request: &Request| request.header("webhook-id") == Some(&*notification);
    eventually("a request of the event", || receiver.requests().into_iter().find(own))
}

/// The second rotation took away the secret that the receiver still held.
#[test]
fn rotated_secrets_sign_beside_the_new_one_until_one_has_leaked() {
    let (mut daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"] }));
    let rotate = format!("/api/webhooks/{}/rotate_secret", webhook["id"].as_str().unwrap());
    let secret = |webhook: &serde_json::Value| webhook["secret"].as_str().unwrap().to_owned();
    let mut secrets = vec![secret(&webhook)];
    for body in ["", "{}", "{\"overlap\": \"2h\"}", " "] {
        secrets.push(secret(&daemon.send("POST", &rotate, body.as_bytes()).expect(200).data()));
    }
    let before = daemon.record("PAYMENT.PAID");
    daemon.kill_9();
    daemon.spawn();
    let after = daemon.record("PAYMENT.PAID");
    // The first may come twice: its outcome may not have been durable.
    for event in [&before, &after] {
        let request = delivery_of(&receiver, &daemon, event);
        assert_eq!(request.header("webhook-signature").unwrap().split(' ').count(), 5);
        assert!(secrets.iter().all(|secret| signed_by(secret, &request)), "each of them verifies");
        daemon.await_status(event, "DELIVERED");
    }
    let refused = daemon.send("POST", &rotate, b"").refused(409, "too_many_secrets");
    assert!(refused.is_null(), "{refused}");
    for overlap in ["\"31days\"", "\"soon\"", "1"] {
        let body = format!("{{\"overlap\": {overlap}}}");
        let fields = daemon.send("POST", &rotate, body.as_bytes()).refused(422, "invalid_fields");
        assert!(fields["overlap"].is_array(), "{overlap}: {fields}");
    }
    daemon.send("POST", &rotate, b"{\"overlaps\": \"0s\"}").refused(422, "invalid_fields");

    let last = secret(&daemon.send("POST", &rotate, b"{\"overlap\": \"0s\"}").expect(200).data());
    let event = daemon.record("PAYMENT.PAID");
    let request = delivery_of(&receiver, &daemon, &event);
    assert!(signed_by(&last, &request) && !secrets.iter().any(|secret| signed_by(secret, &request)));
    assert_eq!(request.header("webhook-signature").unwrap().split(' ').count(), 1);
}

/// What a receiver saw of one resource: the numbers of its events, in the order of arrival.
fn seen(receiver: &Receiver, resource: &str) -> Vec<u64> {
    let requests = receiver.requests();
    let of = requests.iter().map(super::receiver::Request::json).filter(|body| body["resource"]["id"] == resource);
    of.map(|body| body["resource"]["n"].as_u64().unwrap()).collect()
}

fn of_a_resource(resource: &str, n: u64) -> serde_json::Value {
    json!({ "type": "ORDER.UPDATED", "resource": { "id": resource, "n": n } })
}

#[test]
fn an_ordered_webhook_gets_each_resource_in_order_and_others_pass_by() {
    // The first request of all, which is of resource a, fails twice.
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(500), Reply::Status(200)]);
    let daemon = Daemon::start(&retrying_after("400ms"));
    let webhook = daemon.register_with(
        json!({ "target": receiver.url, "events": ["*"], "ordered": true, "max_in_flight": 8, "status": "PAUSED" }),
    );
    assert_eq!(webhook["ordered"], true);
    let id = webhook["id"].as_str().unwrap();
    let recorded: Vec<String> = (1..=5).map(|n| daemon.record_with(of_a_resource("a", n))).collect();
    let last = &recorded[4];
    daemon.patch(&format!("/api/webhooks/{id}"), &json!({ "webhook": { "status": "ACTIVE" } })).expect(200);
    receiver.await_count(1);
    let other = daemon.record_with(of_a_resource("b", 1));
    // b's first request is answered with the second 500, so that both resources retry side by side.
    let explained = daemon.list(&format!("/api/events/{last}/explain"));
    assert!(explained[0]["reason"].as_str().unwrap().contains("waits for its turn"), "{explained:?}");
    daemon.await_status(last, "DELIVERED");
    daemon.await_status(&other, "DELIVERED");
    assert_eq!(seen(&receiver, "a"), [1, 1, 2, 3, 4, 5]);
    assert_eq!(seen(&receiver, "b"), [1, 1]);
}

#[test]
fn order_survives_kill_9() {
    let receiver = Receiver::start(&[Reply::Status(200), Reply::Status(500), Reply::Status(200), Reply::Status(503)]);
    let mut daemon = Daemon::quick();
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "ordered": true, "max_in_flight": 8 }));
    let mut last = Vec::new();
    for round in 0..6 {
        for n in 1..=10 {
            for resource in ["a", "b", "c"] {
                last.push(daemon.record_with(of_a_resource(resource, round * 10 + n)));
            }
        }
        daemon.kill_9();
        daemon.spawn();
    }
    receiver.now(Reply::Status(200));
    for event in &last[last.len() - 3..] {
        daemon.await_status(event, "DELIVERED");
    }
    for resource in ["a", "b", "c"] {
        let seen = seen(&receiver, resource);
        // A crash may repeat the one that was under way, and no other.
        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1), "{resource}: {seen:?}");
        assert_eq!((seen[0], *seen.last().unwrap()), (1, 60));
    }
}
