//! Finding an order by whatever is at hand, through the API, the command line and the panel.

use super::cli::carteiro;
use super::harness::{Daemon, QUICK, eventually};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};

/// An order, and two payments of it.
fn order(daemon: &Daemon, number: u32) -> Vec<String> {
    let payment = |id: &str, event_type: &str| {
        json!({ "type": event_type, "external_id": format!("Pedido-{number}"), "resource": { "payment": {
            "id": format!("p-{number}-{id}"), "order_id": format!("o-{number}"), "total_cents": 35_986 } } })
    };
    let order = json!({ "type": "ORDER.PAID", "resource": { "order": { "id": format!("o-{number}"),
        "external_id": format!("pedido-{number}"), "total_cents": 35_986 } } });
    [payment("a", "PAYMENT.PENDING"), payment("b", "PAYMENT.PAID"), order].map(|one| daemon.record_with(one)).into()
}

fn ids(rows: &[Value], field: &str) -> Vec<String> {
    rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_order_is_found_by_any_of_its_ids_and_by_its_number() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "name": "ERP Bling" }));
    let (mut wanted, _) = (order(&daemon, 11_249), order(&daemon, 11_250));
    wanted.reverse();
    let events = |q: &str| ids(&daemon.list(&format!("/api/events?{q}")), "id");
    let notifications = |q: &str| ids(&daemon.list(&format!("/api/notifications?{q}")), "event_id");
    for q in ["q=11249", "q=pedido-11249", "q=PEDIDO-11249", "q=%20o-11249%20", "q=O-11249"] {
        assert_eq!((events(q), notifications(q)), (wanted.clone(), wanted.clone()), "{q}");
        assert_eq!(events(&format!("{q}&order=asc")).len(), 3, "{q}");
    }
    assert_eq!(events("q=p-11249-b"), wanted[1..2]);
    assert_eq!(events("q=11249&type=PAYMENT.*"), wanted[1..]);
    for absent in ["q=1124", "q=edido-11249", "q=pedido", "q=11251", "q=11249&to=2001-01-01T00:00:00Z"] {
        assert_eq!((events(absent), notifications(absent)), (vec![], vec![]), "{absent}");
    }
    // What a row says of it, from the record alone.
    let row = &daemon.list("/api/notifications?q=p-11249-b")[0];
    let about = json!({ "external_id": "Pedido-11249", "order_id": "o-11249", "payment_id": "p-11249-b",
        "total_cents": 35_986 });
    assert_eq!((&row["about"], &row["webhook_name"]), (&about, &json!("ERP Bling")));
    let order = &daemon.list("/api/events?q=11249&limit=1")[0];
    let about = json!({ "external_id": "pedido-11249", "order_id": "o-11249", "payment_id": null,
        "total_cents": 35_986 });
    assert_eq!(order["about"], about);
    // UUIDs.
    let id = row["id"].as_str().unwrap();
    assert_eq!(notifications(&format!("q={id}")), wanted[1..2]);
    assert_eq!(events(&format!("q={id}")), wanted[1..2]);
    assert_eq!(events(&format!("q={}", wanted[0])), wanted[..1]);
    assert_eq!(notifications(&format!("q={}", webhook["id"].as_str().unwrap())).len(), 6);
    for bad in ["q=", "q=%20", &format!("q={}", "x".repeat(129))] {
        let refused = daemon.get(&format!("/api/events?{bad}")).refused(422, "invalid_fields");
        assert!(refused["q"][0].as_str().unwrap().contains("1 to 128 bytes"), "{refused}");
    }
    // The command line and the panel.
    for list in ["events", "notifications"] {
        let out = carteiro(&daemon, &[list, "list", "--query", "11249", "--json"], "", &[]);
        let rows: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(rows.len(), 3, "{list}");
    }
    let (cookie, _) = super::panel::sign_in(&daemon, &daemon.token);
    let page = super::panel::text(&super::panel::get(&daemon, "/events?q=11249", &cookie).expect(200));
    assert!(page.contains("Pedido-11249") && !page.contains("11250"), "{page}");
}

#[test]
fn what_is_found_by_id_survives_a_crash_and_an_erasure_takes_it_away() {
    let mut daemon = Daemon::quick();
    let wanted = order(&daemon, 11_249);
    daemon.kill_9();
    daemon.spawn();
    let found = |daemon: &Daemon, q: &str| daemon.list(&format!("/api/events?q={q}")).len();
    assert_eq!((found(&daemon, "11249"), found(&daemon, "p-11249-a")), (3, 1));
    let resource = format!("/api/events/{}/resource", wanted[0]);
    daemon.delete(&resource).expect(204);
    assert_eq!((found(&daemon, "11249"), found(&daemon, "p-11249-a"), found(&daemon, "o-11249")), (3, 0, 2));
    let about = daemon.get(&format!("/api/events/{}", wanted[0])).data()["about"].clone();
    let own = json!({ "external_id": "Pedido-11249", "order_id": null, "payment_id": null, "total_cents": null });
    assert_eq!(about, own);
    let refused = daemon.delete(&format!("{resource}?external_id=yes")).refused(422, "invalid_fields");
    assert!(refused["external_id"].is_array(), "{refused}");
    daemon.delete(&format!("{resource}?external_id=true")).expect(204);
    daemon.kill_9();
    daemon.spawn();
    assert_eq!((found(&daemon, "11249"), found(&daemon, "pedido-11249")), (2, 2));
    let erased = daemon.get(&format!("/api/events/{}", wanted[0])).expect(200);
    assert!(!String::from_utf8_lossy(&erased.body).contains("11249"));
}

#[test]
fn a_tax_number_is_found_only_where_its_field_is_named() {
    let daemon = Daemon::quick();
    let record = || {
        let customer = json!({ "tax_id": "529.982.247-25", "customer_id": "52998224725", "number": "NF-900" });
        daemon.record_with(json!({ "type": "ORDER.PAID", "resource": { "customer": customer } }));
    };
    let found = |q: &str| daemon.list(&format!("/api/events?q={q}")).len();
    record();
    assert_eq!(["52998224725", "529.982.247-25", "900"].map(found), [0; 3]);
    daemon.reload(&format!("catalogue.keys = [\"tax_id\", \"customer_id\", \"number\"]\n{QUICK}"));
    record();
    assert_eq!(["52998224725", "529.982.247-25", "900"].map(found), [1; 3], "in events recorded from then on");
}

#[test]
fn a_bulk_resend_sends_what_a_search_finds() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    let (wanted, others) = (order(&daemon, 11_249), order(&daemon, 11_250));
    wanted.iter().chain(&others).for_each(|event| drop(daemon.await_status(event, "FAILED")));
    let body = json!({ "filter": { "q": "11249", "status": "FAILED" } });
    let job = daemon.post("/api/notifications/resend", &body).expect(202).data();
    assert_eq!((&job["queued"], &job["filter"]["q"]), (&json!(3), &json!("11249")));
    let path = format!("/api/notifications/resend/{}", job["id"].as_str().unwrap());
    eventually("it is done", || (daemon.get(&path).data()["status"] == "DONE").then_some(()));
    let attempts = |event: &String| daemon.history(event)[0]["attempts_count"].as_u64().unwrap();
    eventually("they are attempted again", || wanted.iter().all(|event| attempts(event) == 2).then_some(()));
    assert!(others.iter().all(|event| attempts(event) == 1));
}

#[test]
fn whatever_stands_in_a_resource_is_taken_and_found_by_what_can_be_read() {
    let daemon = Daemon::quick();
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let many: String = (0..5000).map(|n| format!(r#""k{n}_id":"{n}-many","#)).collect();
    let resources = [
        format!(r#"{{"a":{deep},"b":{{"id":"hostil-100"}}}}"#),
        r#"{"id":"\ud800","order_id":"hostil-101","order_id":"hostil-102"}"#.to_owned(),
        r#"{"\u0069d":"hostil-\u0031\u0030\u0033","x":{"\ud83d_id":"y","y_id":12345678901234567890123}}"#.to_owned(),
        format!(r#"{{{many}"id":"hostil-104"}}"#),
        format!(r#"{{"id":"{}","x_id":"hostil-105"}}"#, "9".repeat(200)),
    ];
    for resource in &resources {
        let body = format!(r#"{{"event":{{"type":"ORDER.PAID","resource":{resource}}}}}"#);
        daemon.send("POST", "/api/events", body.as_bytes()).expect(201);
    }
    let found = |q: &str| daemon.list(&format!("/api/events?q={q}")).len();
    assert_eq!(["100", "101", "102", "103", "104", "105"].map(found), [1; 6]);
    assert_eq!(["0-many", "4999-many", "12345678901234567890123"].map(found), [1, 0, 1]);
}
