//! Erasing all events of one order or customer: counted before, durable, and nothing else goes with it.

use super::cli::carteiro;
use super::harness::{Daemon, QUICK, eventually};
use super::keeping::journal_files_with;
use super::panel::{get, post, sign_in, text};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};

const EMAIL: &str = "maria@cliente.example";
const NOTE: &str = "n0ta-da-cliente";

/// A shop whose customers are found by their e-mail.
fn config() -> String {
    format!("[catalogue]\nkeys = [\"email\"]\n{QUICK}")
}

fn order(daemon: &Daemon, number: u32, email: &str) -> String {
    daemon
        .record_with(json!({ "type": "ORDER.PAID", "external_id": format!("Pedido-{number}"), "resource": { "order": {
        "id": format!("o-{number}"), "email": email, "note": NOTE } } }))
}

fn erased(daemon: &Daemon, event: &str) -> bool {
    daemon.get(&format!("/api/events/{event}")).expect(200).data()["resource"].is_null()
}

fn ended(daemon: &Daemon, erasure: &Value) -> Value {
    let path = format!("/api/erasures/{}", erasure["id"].as_str().unwrap());
    eventually("the erasure ends", || {
        Some(daemon.get(&path).expect(200).data()).filter(|erasure| erasure["status"] != "RUNNING")
    })
}

#[test]
fn all_events_of_a_customer_are_erased_and_nobody_elses() {
    let daemon = Daemon::start(&config());
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["*"]);
    let [one, two] = [101, 102].map(|number| order(&daemon, number, "Maria@Cliente.example"));
    let [other, like] = [(103, "joao@cliente.example"), (104, "ana-maria@cliente.example")]
        .map(|(number, email)| order(&daemon, number, email));
    for event in [&one, &two, &other, &like] {
        daemon.await_status(event, "DELIVERED");
    }
    let count = |q: &str| daemon.post("/api/erasures", &json!({ "q": q, "dry_run": true })).expect(200).data();
    assert_eq!(count(EMAIL), json!({ "events": 2, "notifications": 2 }));
    assert_eq!(count(" MARIA@cliente.example "), json!({ "events": 2, "notifications": 2 }));
    assert_eq!(count("101"), json!({ "events": 0, "notifications": 0 }), "a number in a key is not the key");
    assert_eq!(count("pedido-101"), json!({ "events": 1, "notifications": 1 }));
    assert!(![&one, &two].into_iter().any(|event| erased(&daemon, event)), "counting erases nothing");
    assert_eq!(daemon.list("/api/erasures"), Vec::<Value>::new());

    let begun = daemon.post("/api/erasures", &json!({ "q": EMAIL })).expect(202);
    let location = begun.header("location").unwrap().to_owned();
    let done = ended(&daemon, &begun.data());
    assert_eq!(location, format!("/api/erasures/{}", done["id"].as_str().unwrap()));
    assert_eq!((&done["status"], &done["events"], &done["erased"]), (&json!("DONE"), &json!(2), &json!(2)));
    assert_eq!(done["q"], Value::Null, "what was searched for is forgotten");
    assert!([&one, &two].into_iter().all(|event| erased(&daemon, event)));
    assert!(![&other, &like].into_iter().any(|event| erased(&daemon, event)));
    assert_eq!(count(EMAIL), json!({ "events": 0, "notifications": 0 }));
    assert_eq!(daemon.history(&one)[0]["status"], "DELIVERED", "what became of it stays");
    // The shop's own id stays, unless that is asked for as well.
    assert_eq!(daemon.get(&format!("/api/events/{one}")).data()["external_id"], "Pedido-101");
    let whole = daemon.post("/api/erasures", &json!({ "q": "pedido-101", "external_id": true })).expect(202).data();
    assert_eq!(ended(&daemon, &whole)["erased"], 1);
    assert_eq!(daemon.get(&format!("/api/events/{one}")).data()["external_id"], Value::Null);
    let again = daemon.post("/api/erasures", &json!({ "q": "pedido-101", "external_id": true })).expect(202).data();
    assert_eq!(ended(&daemon, &again)["erased"], 0, "nothing of it is left");
    assert_eq!(daemon.list("/api/erasures").len(), 3);
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");

    for (body, field) in [
        (json!({}), "q"),
        (json!({ "q": " " }), "q"),
        (json!({ "q": "x".repeat(129) }), "q"),
        (json!({ "q": "x", "dry_run": 1 }), "dry_run"),
        (json!({ "q": "x", "all": true }), "all"),
    ] {
        let refused = daemon.post("/api/erasures", &body).refused(422, "invalid_fields");
        assert!(refused[field].is_array(), "{refused}");
    }
    daemon.get("/api/erasures/0193a5b0-1111-7222-8333-444455556666").refused(404, "not_found");
    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let reader = daemon.post("/api/tokens", &reader).expect(201).data()["token"].as_str().unwrap().to_owned();
    let body = json!({ "q": "x", "dry_run": true }).to_string();
    let json = "Content-Type: application/json\r\n";
    daemon.call_as(&reader, "POST", "/api/erasures", json, body.as_bytes()).refused(403, "forbidden");
}

#[test]
fn an_erasure_outlives_a_crash_and_cancels_what_is_pending() {
    let mut daemon = Daemon::start(&config());
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let hook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "ordered": true,
        "retry": { "schedule": ["1h"] } }));
    let event = |n: u32| {
        json!({ "type": "ORDER.PAID", "resource": { "order": { "id": format!("o-{n}"), "email": EMAIL,
            "note": NOTE } } })
    };
    for from in [0, 300] {
        let events: Vec<Value> = (from..from + 300).map(event).collect();
        daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    }
    assert!(!journal_files_with(&daemon, NOTE).is_empty(), "it is there before");
    let begun = daemon.post("/api/erasures", &json!({ "q": EMAIL })).expect(202).data();
    daemon.kill_9();
    daemon.spawn();
    let done = ended(&daemon, &begun);
    assert_eq!((&done["status"], &done["erased"]), (&json!("DONE"), &json!(600)), "{done}");
    assert_eq!(
        daemon.list(&format!("/api/notifications?status=CANCELLED&webhook_id={}", hook["id"].as_str().unwrap())).len(),
        50
    );
    // Neither the payloads nor the key that was asked for, in no file that what is lost after a crash is read from.
    for text in [EMAIL, NOTE] {
        eventually("no file of the journal has it", || journal_files_with(&daemon, text).is_empty().then_some(()));
    }
    let later = daemon.record_with(event(9999));
    assert!(!erased(&daemon, &later), "what is recorded later stays");
    daemon.delete(&format!("/api/events/{later}/resource")).expect(204);
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
}

#[test]
fn the_command_line_and_the_panel_count_before_they_erase() {
    let daemon = Daemon::start(&config());
    let [one, two] = [201, 202].map(|number| order(&daemon, number, EMAIL));
    let run = |arguments: &[&str]| {
        let out = carteiro(&daemon, &[&["events"], arguments].concat(), "", &[]);
        (out.status.code(), String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap())
    };
    let (code, said) = run(&["erase", "--query", EMAIL, "--dry-run"]);
    assert_eq!((code, said.contains("2 events, 0 notifications")), (Some(0), true), "{said}");
    let (code, said) = run(&["erase", "--query", EMAIL]);
    assert_eq!((code, said.contains("--yes")), (Some(2), true), "{said}");
    let (code, said) = run(&["erase"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&["erase", &one, "--query", EMAIL]);
    assert_eq!(code, Some(2), "{said}");
    assert!(!erased(&daemon, &one));

    let (cookie, csrf) = sign_in(&daemon, &daemon.token);
    let found = text(&get(&daemon, &format!("/search?q={EMAIL}"), &cookie).expect(200));
    assert!(found.contains("href=\"/erasures/new?q=maria%40cliente.example\""), "{found}");
    let asks = text(&get(&daemon, &format!("/erasures/new?q={EMAIL}"), &cookie).expect(200));
    assert!(asks.contains("Eventos: 2 · notificações deles: 0"), "{asks}");
    assert!(asks.contains("Sem marcar, eles ficam"), "{asks}");
    // A part of a key is led on to the key where it means one alone, else to those that it may mean.
    let led = get(&daemon, "/erasures/new?q=202", &cookie).expect(303);
    assert_eq!(led.header("location"), Some("/erasures/new?q=Pedido-202"));
    daemon.record_with(json!({ "type": "ORDER.PAID", "external_id": "troca-202", "resource": {} }));
    let none = text(&get(&daemon, "/erasures/new?q=202", &cookie).expect(200));
    assert!(none.contains("não basta") && !none.contains("action=\"/erasures\""), "{none}");
    for key in ["Pedido-202", "troca-202"] {
        assert!(none.contains(&format!("<a href=\"/erasures/new?q={key}\">{key}</a>")), "{key}: {none}");
    }
    let nothing = text(&get(&daemon, "/erasures/new?q=99999", &cookie).expect(200));
    assert!(nothing.contains("não basta") && !nothing.contains("quis dizer"), "{nothing}");
    let answer = post(&daemon, "/erasures", &cookie, &[("csrf", &csrf), ("q", EMAIL)]).expect(303);
    let page = answer.header("location").unwrap().to_owned();
    eventually("both are erased", || (erased(&daemon, &one) && erased(&daemon, &two)).then_some(()));
    let shown = eventually("the page says so", || {
        Some(text(&get(&daemon, &page, &cookie).expect(200))).filter(|page| page.contains("Concluído"))
    });
    assert!(shown.contains("Apagados: 2 de 2"), "{shown}");

    let three = order(&daemon, 203, EMAIL);
    let (code, said) = run(&["erase", "--query", "o-203", "--yes", "--external-id"]);
    assert_eq!((code, said.contains("DONE")), (Some(0), true), "{said}");
    assert!(erased(&daemon, &three));
    let (code, said) = run(&["erasures"]);
    assert_eq!((code, said.matches("DONE").count()), (Some(0), 2), "{said}");
    let four = order(&daemon, 204, EMAIL);
    let (code, said) = run(&["erase", &four, "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(erased(&daemon, &four));

    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let reader = daemon.post("/api/tokens", &reader).expect(201).data()["token"].as_str().unwrap().to_owned();
    let (cookie, csrf) = sign_in(&daemon, &reader);
    get(&daemon, &format!("/erasures/new?q={EMAIL}"), &cookie).expect(403);
    post(&daemon, "/erasures", &cookie, &[("csrf", &csrf), ("q", EMAIL)]).expect(403);
}
