//! What an attempt sent, built again, and as a command of curl; what its target answered.

use super::harness::{Daemon, eventually, skipped};
use super::receiver::{Receiver, Reply, Request};
use serde_json::{Value, json};
use std::process::Command;

const SECRETS: [&str; 3] = ["s3cr3t-token", "l0ja-secreta", "c00kie"];

fn refusing() -> Receiver {
    let body = "{\"erro\":\"token vencido\"}";
    let head = "HTTP/1.1 401 X\r\nServer: erp\r\nSet-Cookie: sid=c00kie; Path=/\r\nContent-Type: application/json\r\n";
    let answer = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    Receiver::start(&[Reply::Raw(answer.into_bytes())])
}

fn register(daemon: &Daemon, receiver: &Receiver) -> String {
    let webhook = daemon.register_with(json!({
        "target": format!("{}?loja=[1-3]&x={{a,b}}", receiver.url), "events": ["*"],
        "authorization": "Bearer s3cr3t-token", "headers": { "X-Loja": "l0ja-secreta" },
        "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    webhook["id"].as_str().unwrap().to_owned()
}

/// An event whose payload tries a shell, and its notification once it has failed.
fn record(daemon: &Daemon) -> (String, Value) {
    let resource =
        json!({ "payment": { "id": "p-1", "nota": "'; touch x; $(touch x) `touch x` @/etc/passwd \\ \n é" } });
    let event = daemon.post("/api/events", &json!({ "event": { "type": "PAYMENT.PAID", "resource": resource } }));
    let event = event.expect(201).data()["id"].as_str().unwrap().to_owned();
    let failed = daemon.await_status(&event, "FAILED");
    (event, failed)
}

fn names(request: &Request) -> Vec<String> {
    request.head.lines().skip(1).map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect()
}

#[test]
fn a_request_is_shown_as_it_was_sent_and_no_secret_with_it() {
    let (daemon, receiver) = (Daemon::quick(), refusing());
    let webhook = register(&daemon, &receiver);
    let (event, failed) = record(&daemon);
    let sent = receiver.requests().remove(0);
    let path = format!("/api/notifications/{}", failed["id"].as_str().unwrap());
    let shown = daemon.get(&path).expect(200);
    let attempt = shown.data()["attempts"][0].clone();
    let listed: Vec<String> = serde_json::from_value(attempt["request"]["headers"].clone()).unwrap();
    assert_eq!(listed, names(&sent));
    assert_eq!((&attempt["request"]["target"], &attempt["request"]["sent"]), (&failed["target"], &json!(true)));
    let headers = attempt["response_headers"].as_array().unwrap();
    assert!(headers.contains(&json!({ "name": "server", "value": "erp" })), "{headers:?}");
    assert!(headers.contains(&json!({ "name": "set-cookie", "value": "sid=[redacted]" })), "{headers:?}");

    let answer = daemon.get(&format!("{path}/request")).expect(200);
    let request = answer.data();
    assert_eq!(daemon.get(&format!("{path}/request?attempt=1")).expect(200).data(), request);
    daemon.get(&format!("{path}/request?attempt=2")).refused(404, "not_found");
    daemon.get(&format!("{path}/request?attempt=x")).refused(422, "invalid_fields");
    assert_eq!(request["body"].as_str().unwrap().as_bytes(), sent.body);
    for header in request["headers"].as_array().unwrap() {
        let name = header["name"].as_str().unwrap();
        match name {
            "authorization" | "x-loja" => assert_eq!(header["hidden"], "masked", "{header}"),
            name => assert_eq!(header["value"].as_str(), sent.header(name), "{name}"),
        }
    }
    for text in [&shown.body, &answer.body].map(|body| String::from_utf8_lossy(body).into_owned()) {
        assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
    }

    // Within its overlap the old secret is there still; once it has leaked, it is not.
    let signature = |expected: Value| {
        let request = daemon.get(&format!("{path}/request")).expect(200).data();
        let headers = request["headers"].as_array().unwrap().clone();
        let found = headers.into_iter().find(|header| header["name"] == "webhook-signature").unwrap();
        assert_eq!(found, expected);
        request["curl"].as_str().unwrap().to_owned()
    };
    let was = json!({ "name": "webhook-signature", "value": sent.header("webhook-signature") });
    daemon.post(&format!("/api/webhooks/{webhook}/rotate_secret"), &json!({ "overlap": "1h" })).expect(200);
    signature(was);
    daemon.post(&format!("/api/webhooks/{webhook}/rotate_secret"), &json!({ "overlap": "0s" })).expect(200);
    let lost = json!({ "name": "webhook-signature", "value": null, "hidden": "secret_rotated" });
    assert!(signature(lost).contains("-H 'webhook-signature: '\"${H_WEBHOOK_SIGNATURE}\""));

    daemon.delete(&format!("/api/events/{event}/resource")).expect(204);
    let erased = daemon.get(&format!("{path}/request")).expect(200).data();
    assert_eq!((&erased["body"], &erased["curl"]), (&Value::Null, &Value::Null));
    assert_eq!(daemon.get(&path).expect(200).data()["attempts"][0]["response_headers"], json!([]));
}

#[test]
fn nothing_is_shown_as_sent_that_never_left() {
    let daemon = Daemon::quick();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    daemon.register_with(json!({
        "target": format!("http://{closed}/"), "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 },
    }));
    let (_, failed) = record(&daemon);
    let request = daemon.get(&format!("/api/notifications/{}/request", failed["id"].as_str().unwrap())).expect(200);
    assert_eq!(request.data()["sent"], false);
}

#[test]
fn curl_sends_the_same_request_and_nothing_else_happens() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skipped("curl", "it is not installed");
    }
    let (daemon, receiver) = (Daemon::quick(), refusing());
    register(&daemon, &receiver);
    let (_, failed) = record(&daemon);
    let path = format!("/api/notifications/{}/request", failed["id"].as_str().unwrap());
    let command = daemon.get(&path).expect(200).data()["curl"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .env_remove("http_proxy")
        .env("AUTORIZACAO", "Bearer s3cr3t-token")
        .env("H_X_LOJA", "l0ja-secreta")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}\n{command}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{command}");
    let requests = eventually("both are there", || Some(receiver.requests()).filter(|all| all.len() == 2));
    let [sent, again] = &requests[..] else { unreachable!("two were asked for") };
    assert_eq!(sent.body, again.body);
    assert_eq!(sent.head.lines().next(), again.head.lines().next());
    let (mut first, mut second) = (names(sent), names(again));
    first.sort();
    second.sort();
    assert_eq!(first, second);
    for name in &first {
        assert_eq!(sent.header(name), again.header(name), "{name}");
    }
}

/// Every list as a file: the rows of its filters, headings of both languages, nothing that a spreadsheet would run.
#[test]
fn lists_come_as_files() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "description": "=cmd|' /C calc'!A1", "name": "ERP Bling",
    }));
    let name = "ERP Bling";
    let events: Vec<Value> = (0..1_200)
        .map(|nth| {
            let event_type = if nth % 2 == 0 { "ORDER.PAID" } else { "PAYMENT.PAID" };
            let resource = json!({ "id": format!("p;\"{nth}") });
            json!({ "type": event_type, "external_id": format!("=1+{nth}"), "resource": resource })
        })
        .collect();
    for batch in events.chunks(1000) {
        daemon.post("/api/events/batch", &json!({ "events": batch })).expect(201);
    }
    receiver.await_count(1_200);
    let file = |path: &str| {
        let answer = daemon.get(path).expect(200);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        let name = answer.header("content-disposition").unwrap().to_owned();
        assert!(name.starts_with("attachment; filename=\"") && name.ends_with(".csv\""), "{name}");
        let text = String::from_utf8(answer.body).unwrap();
        let rows: Vec<String> = text.strip_prefix('\u{feff}').unwrap().lines().map(str::to_owned).collect();
        let separator = if path.contains("lang=pt") { ';' } else { ',' };
        let cells = |row: &String| {
            let mut quoted = false;
            let ends = row.chars().filter(|char| {
                quoted ^= *char == '"';
                *char == separator && !quoted
            });
            ends.count()
        };
        assert!(rows.iter().all(|row| cells(row) == cells(&rows[0])), "{path}: {rows:?}");
        rows
    };
    let all = file("/api/events?format=csv");
    assert_eq!(all.len(), 1 + 1_200);
    assert!(all[0].starts_with("Event,Type,External id,"), "{}", all[0]);
    assert!(all[1].contains(",PAYMENT.PAID,\"'=1+1199\",\"p;\"\"1199\","), "{}", all[1]);
    let oldest = file("/api/events?format=csv&lang=pt&order=asc&type=ORDER.*");
    assert_eq!(oldest.len(), 1 + 600);
    assert!(oldest[0].starts_with("Evento;Tipo;Id externo;"), "{}", oldest[0]);
    assert!(oldest[1].contains(";ORDER.PAID;\"'=1+0\";"), "{}", oldest[1]);
    eventually("all are delivered", || {
        (file("/api/notifications?format=csv&status=DELIVERED&type=ORDER.*").len() == 601).then_some(())
    });
    assert_eq!(file("/api/notifications?format=csv&status=FAILED").len(), 1);
    let delivered = file("/api/notifications?format=csv&type=ORDER.*");
    assert!(delivered[0].contains(",Webhook,Webhook's name,URL,"), "{}", delivered[0]);
    assert!(delivered[1].contains(&format!(",{name},{},", receiver.url)), "{}", delivered[1]);
    let webhooks = file("/api/webhooks?format=csv");
    assert!(webhooks[1].starts_with(&format!("{},{name},", webhook["id"].as_str().unwrap())), "{webhooks:?}");
    assert!(webhooks[1].contains(",\"'=cmd|' /C calc'!A1\",*,,ACTIVE,"), "{webhooks:?}");
    let filter = json!({ "webhook": { "filter": { "a": { "$in": [1, "x"] } } } });
    daemon.patch(&format!("/api/webhooks/{}", webhook["id"].as_str().unwrap()), &filter).expect(200);
    let webhooks = file("/api/webhooks?format=csv");
    assert!(webhooks[0].contains(",Events,Filter,Status,"), "{webhooks:?}");
    assert!(webhooks[1].contains(r#",*,"{""a"":{""$in"":[1,""x""]}}",ACTIVE,"#), "{webhooks:?}");
    for bad in ["format=xls", "format=csv&limit=ten", "format=csv&lang=fr", "format=csv&nope=1", "lang=fr"] {
        daemon.get(&format!("/api/events?{bad}")).refused(422, "invalid_fields");
    }
}
