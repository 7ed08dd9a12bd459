//! Filters on the payload, from outside: over the API, the command line, and a kill.

use super::harness::Daemon;
use super::receiver::Receiver;
use serde_json::{Value, json};

fn paid(method: &str, cents: u64) -> Value {
    json!({"type": "PAYMENT.PAID", "resource": {"payment": {"method": method, "total_cents": cents}}})
}

fn with_filter(daemon: &Daemon, target: &str, filter: &Value) -> String {
    let webhook = daemon.register_with(json!({"target": target, "events": ["PAYMENT.*"], "filter": filter}));
    webhook["id"].as_str().unwrap().to_owned()
}

fn reason_for(daemon: &Daemon, event: &str, webhook: &str) -> String {
    let explained = daemon.get(&format!("/api/events/{event}/explain")).expect(200).data();
    let all = explained.as_array().unwrap();
    let own = all.iter().find(|one| one["webhook_id"] == webhook).unwrap();
    own["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_webhook_is_sent_what_meets_its_filter_and_an_edit_holds_from_then_on() {
    let receiver = Receiver::ok();
    let mut daemon = Daemon::quick();
    let filter = json!({"payment": {"method": "PIX", "total_cents": {"$gte": 10_000}}});
    let webhook = with_filter(&daemon, &receiver.url, &filter);
    assert_eq!(daemon.get(&format!("/api/webhooks/{webhook}")).data()["filter"], filter);

    let met = daemon.record_with(paid("PIX", 10_000));
    let unmet = daemon.record_with(paid("PIX", 9_990));
    daemon.await_status(&met, "DELIVERED");
    assert!(daemon.history(&unmet).is_empty());
    let reason = reason_for(&daemon, &unmet, &webhook);
    assert!(reason.contains("`payment.total_cents` is `9990`, which doesn't meet `{\"$gte\":10000}`"), "{reason}");
    assert_eq!(daemon.metric("carteiro_notifications_filtered_total"), 1);

    // It outlives a kill, and a change holds for what is recorded after it.
    daemon.kill_9();
    daemon.spawn();
    let path = format!("/api/webhooks/{webhook}");
    let boleto = json!({"payment": {"method": {"$in": ["BOLETO"]}}});
    daemon.patch(&path, &json!({"webhook": {"filter": boleto}})).expect(200);
    let other = daemon.record_with(paid("BOLETO", 1));
    daemon.await_status(&other, "DELIVERED");
    assert!(daemon.history(&unmet).is_empty(), "it was recorded before");
    let reason = reason_for(&daemon, &unmet, &webhook);
    assert!(reason.contains("`payment.method` is `\"PIX\"`"), "{reason}");

    // What has a notification is sent again whatever the filter says; nothing new is made of what doesn't meet it.
    let again = daemon.post(&format!("/api/events/{met}/resend"), &json!({})).expect(202).data();
    assert_eq!(again.as_array().unwrap().len(), 1);
    let none = daemon.post(&format!("/api/events/{unmet}/resend"), &json!({})).expect(202).data();
    assert!(none.as_array().unwrap().is_empty());
    daemon.patch(&path, &json!({"webhook": {"filter": null}})).expect(200);
    assert!(daemon.get(&path).data()["filter"].is_null());
    let reason = reason_for(&daemon, &unmet, &webhook);
    assert!(reason.contains("its filter did not when the event was recorded"), "{reason}");
    let one = daemon.post(&format!("/api/events/{unmet}/resend"), &json!({})).expect(202).data();
    assert_eq!(one.as_array().unwrap().len(), 1);

    daemon.patch(&path, &json!({"webhook": {"filter": filter}})).expect(200);
    let erased = daemon.record_with(paid("PIX", 1));
    daemon.delete(&format!("/api/events/{erased}/resource")).expect(204);
    assert!(reason_for(&daemon, &erased, &webhook).contains("the payload was erased"));
}

#[test]
fn a_faulty_filter_is_refused_with_its_place() {
    let daemon = Daemon::quick();
    let body = br#"{"webhook": {"target": "http://127.0.0.1:9/", "events": ["*"], "filter": {"a": {"$gt": true}}}}"#;
    let refused = daemon.send("POST", "/api/webhooks", body).refused(422, "invalid_fields");
    assert_eq!(refused["filter"][0], "`a.$gt` (line 1, column 15) must be a number or a text");
    for wrong in ["[]", "\"x\"", "{}", r#"{"a": {"$regex": "x"}}"#] {
        let body = format!(r#"{{"webhook": {{"target": "http://127.0.0.1:9/", "events": ["*"], "filter": {wrong}}}}}"#);
        let refused = daemon.send("POST", "/api/webhooks", body.as_bytes()).refused(422, "invalid_fields");
        assert!(refused["filter"].is_array(), "{refused}");
    }
}

#[test]
fn a_filter_is_tried_before_it_decides_anything() {
    let daemon = Daemon::quick();
    let webhook = with_filter(&daemon, "http://127.0.0.1:9/", &json!({"payment": {"method": "PIX"}}));
    let pix = daemon.record_with(paid("PIX", 1));
    let boleto = daemon.record_with(paid("BOLETO", 1));
    daemon.record_with(json!({"type": "ORDER.PAID", "resource": {}}));
    let path = format!("/api/webhooks/{webhook}/filter/test");
    let reading = daemon.post("/api/tokens", &json!({"token": {"name": "r", "scopes": ["read"]}})).expect(201).data();
    let reading = reading["token"].as_str().unwrap();
    let recent = daemon.call_as(reading, "POST", &path, "", b"").expect(200).data();
    assert_eq!(recent["filter"], json!({"payment": {"method": "PIX"}}));
    let results = recent["results"].as_array().unwrap();
    let said: Vec<_> = results.iter().map(|one| (one["event_id"].as_str().unwrap(), one["matches"].clone())).collect();
    assert_eq!(said, [(&*boleto, json!(false)), (&*pix, json!(true))]);
    let unmet = json!({"path": "payment.method", "condition": "\"PIX\"", "found": "\"BOLETO\""});
    assert_eq!(results[0]["unmet"], unmet);

    let one = daemon.post(&path, &json!({"event_id": pix, "filter": {"payment": {"total_cents": {"$gt": 1}}}}));
    assert_eq!(one.expect(200).data()["results"][0]["matches"], false);
    let exact = br#"{"filter": {"n": {"$gt": 9007199254740992}}, "resource": {"n": 9007199254740993}}"#;
    let exact = daemon.send("POST", &path, exact).expect(200).data();
    assert_eq!(exact["results"][0]["matches"], true);
    assert!(exact["results"][0]["event_id"].is_null());
    daemon.post(&path, &json!({"event_id": pix, "resource": {}})).refused(422, "invalid_fields");
    daemon.post(&path, &json!({"filter": {"$gt": 1}})).refused(422, "invalid_fields");
    daemon.post(&path, &json!({"event_id": webhook})).refused(404, "not_found");
    daemon.post("/api/webhooks/0193a5b0-1111-7222-8333-444455556666/filter/test", &json!({})).refused(404, "not_found");
    assert_eq!(daemon.list("/api/events").len(), 3, "nothing is recorded by it");
}

#[test]
fn the_command_line_sets_shows_tries_and_clears_it() {
    let daemon = Daemon::quick();
    let run = |arguments: &[&str]| daemon.run(&[arguments, &["--server", &daemon.address]].concat());
    let large = r#"{"n": {"$gt": 123456789012345678901234567890.5}}"#;
    let created =
        ["webhooks", "create", "--json", "--target", "http://127.0.0.1:9/", "--events", "*", "--filter", large];
    let (code, said, complained) = run(&created);
    assert_eq!(code, Some(0), "{complained}");
    assert!(said.contains(r#""filter":{"n":{"$gt":123456789012345678901234567890.5}}"#), "{said}");
    let webhook = serde_json::from_str::<Value>(&said).unwrap()["id"].as_str().unwrap().to_owned();
    let event = daemon.record_with(paid("PIX", 5));
    let (code, said, _) = run(&["webhooks", "filter-test", &webhook]);
    assert_eq!(code, Some(0));
    assert!(said.contains(&event) && said.contains("the resource has no `n`"), "{said}");
    let given = ["webhooks", "filter-test", &webhook, "--event", &event, "--filter", r#"{"payment":{"method":"PIX"}}"#];
    assert!(run(&given).1.contains("meets it"));
    let (code, _, complained) = run(&["webhooks", "change", &webhook, "--filter", r#"{"a":{"$ne":1}}"#]);
    assert_eq!(code, Some(2));
    assert!(complained.contains("`a.$ne` (line 1, column 13) is no operator"), "{complained}");
    // What contradicts itself is refused before anything is asked of the daemon.
    for (arguments, says) in [
        (["--clear", "filter", "--filter", r#"{"a":1}"#], "`filter` can't be both given and reset"),
        (["--clear", "name", "--name", "x"], "`name` can't be both given and reset"),
        (["--filter-file", "-", "--authorization-file", "-"], "both read the standard input"),
    ] {
        let (code, _, complained) = run(&[["webhooks", "change", &webhook].as_slice(), &arguments].concat());
        assert_eq!(code, Some(2), "{complained}");
        assert!(complained.contains(says) && !complained.contains("the daemon"), "{complained}");
    }
    let (code, _, complained) = run(&["webhooks", "filter-test", &webhook, "--filter-file", "-", "--resource", "-"]);
    assert_eq!(code, Some(2));
    assert!(complained.contains("--filter-file - and --resource - both read"), "{complained}");
    let file = daemon.data().with_file_name("filter.json");
    std::fs::write(&file, "{\n  \"a\": {\"$ne\": 1}\n}").unwrap();
    let (code, _, complained) = run(&["webhooks", "change", &webhook, "--filter-file", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(
        complained.contains("--filter-file, ") && complained.contains("`a.$ne` (line 2, column 16)"),
        "{complained}"
    );
    assert_eq!(run(&["webhooks", "change", &webhook, "--clear", "filter"]).0, Some(0));
    assert!(daemon.get(&format!("/api/webhooks/{webhook}")).data()["filter"].is_null());
}
