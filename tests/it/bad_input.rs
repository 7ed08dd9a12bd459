//! Every mistake a caller can make gets a 4xx that says what is wrong, and changes nothing.

use super::harness::{Answer, Daemon};
use serde_json::{Value, json};

fn event_with(resource: &str) -> Vec<u8> {
    format!(r#"{{"event":{{"type":"A.B","resource":{resource}}}}}"#).into_bytes()
}

#[test]
fn what_is_no_json_or_too_much_of_it() {
    let daemon = Daemon::quick();
    let send = |body: &[u8]| -> Answer { daemon.send("POST", "/api/events", body) };
    for body in [
        "",
        " ",
        "{",
        "{]}",
        "\u{0}",
        "{'a':1}",
        "[1,]",
        "NaN",
        "{\"event\":{}} x",
        "{\"event\":{\"type\":\"\\ud800\"",
        "tru",
    ] {
        send(body.as_bytes()).refused(400, "not_json");
    }
    send(b"{\"event\":{\"type\":\"A.B\",\"resource\":{\"x\":\"\xff\xfe\"}}}").refused(400, "not_json");
    for body in [
        "[]",
        "1",
        "null",
        "\"event\"",
        "{}",
        r#"{"event":[]}"#,
        r#"{"event":null}"#,
        r#"{"event":{},"x":1}"#,
        r#"{"event":{},"event":{}}"#,
    ] {
        send(body.as_bytes()).refused(422, "invalid_fields");
    }
    let nested = |levels: usize| event_with(&format!("{}{}", "{\"a\":".repeat(levels) + "1", "}".repeat(levels)));
    // The body and the event around it are two levels more.
    send(&nested(62)).expect(201);
    send(&nested(63)).refused(422, "invalid_fields");
    send(&nested(100_000)).refused(422, "invalid_fields");
    let resource = |bytes: usize| event_with(&format!(r#"{{"p":"{}"}}"#, "x".repeat(bytes - 8)));
    send(&resource(256 * 1024)).expect(201);
    send(&resource(256 * 1024 + 1)).refused(422, "invalid_fields");
    let padded = |bytes: usize| {
        let event = event_with("{}");
        [event.clone(), vec![b' '; bytes - event.len()]].concat()
    };
    send(&padded(1024 * 1024)).expect(201);
    send(&padded(1024 * 1024 + 1)).refused(413, "body_too_large");
    daemon.send("POST", "/api/events/batch", &vec![b' '; 16 * 1024 * 1024 + 1]).refused(413, "body_too_large");
    daemon
        .call_as(&daemon.token, "POST", "/api/events", "Content-Type: text/xml\r\n", b"<a/>")
        .refused(415, "unsupported_media_type");
    assert_eq!(daemon.list("/api/events").len(), 3);
}

#[test]
fn fields_are_named_with_what_is_wrong_with_them() {
    let daemon = Daemon::quick();
    let cases = [
        ("type", json!("payment.paid")),
        ("type", json!("PAYMENT")),
        ("type", json!(7)),
        ("type", Value::Null),
        ("resource", json!([])),
        ("resource", json!("x")),
        ("id", json!("7")),
        ("id", json!("{0193a5b0-1111-7222-8333-444455556666}")),
        ("external_id", json!("")),
        ("external_id", json!("x".repeat(256))),
        ("external_id", json!(1)),
        ("occurred_at", json!("yesterday")),
        ("occurred_at", json!("2026-11-23 10:00:00Z")),
        ("resouce", json!({})),
    ];
    for (field, value) in cases {
        let mut event = json!({ "type": "A.B", "resource": {} });
        event[field] = value.clone();
        let fields = daemon.post("/api/events", &json!({ "event": event })).refused(422, "invalid_fields");
        assert!(fields[field].is_array(), "{field} {value}: {fields}");
    }
    let cases = [
        ("target", json!("ftp://a.example")),
        ("target", json!("http://u:p@a.example")),
        ("target", json!("http://a.example/#x")),
        ("target", json!(format!("http://a.example/{}", "x".repeat(2048)))),
        ("events", json!([])),
        ("events", json!("*")),
        ("events", json!(["PAYMENT.CRE*"])),
        ("events", json!((0..101).map(|n| format!("A.B{n}")).collect::<Vec<_>>())),
        ("authorization", json!("a\r\nX-Evil: 1")),
        ("authorization", json!("")),
        ("authorization", json!("x".repeat(4097))),
        ("status", json!("DISABLED")),
        ("status", json!("active")),
        ("headers.Host", json!({ "Host": "x" })),
        ("headers.X-A", json!({ "X-A": "b\nc" })),
        ("headers", json!(["X"])),
        ("max_in_flight", json!(0)),
        ("max_in_flight", json!(1.5)),
        ("rate_limit", json!(0)),
        ("rate_limit", json!(1e99)),
        ("description", json!("x".repeat(501))),
        ("retry", json!({ "schedule": [] })),
        ("retry.schedule", json!({ "schedule": ["99999999999999999999s"] })),
        ("retry.max_attempts", json!({ "schedule": ["1s"], "max_attempts": 21 })),
        ("secret", json!("whsec_x")),
    ];
    for (named, value) in cases {
        let mut webhook = json!({ "target": "http://a.example/", "events": ["*"] });
        let field = named.split('.').next().unwrap();
        webhook[field] = value.clone();
        let fields = daemon.post("/api/webhooks", &json!({ "webhook": webhook })).refused(422, "invalid_fields");
        assert!(fields[named].is_array(), "{named} {value}: {fields}");
    }
    let fields = daemon.post("/api/webhooks", &json!({ "webhook": { "nope": 1 } })).refused(422, "invalid_fields");
    assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["events", "nope", "target"], "all at once");
    assert!(daemon.list("/api/webhooks").is_empty() && daemon.list("/api/events").is_empty());
}

#[test]
fn queries_are_known_and_in_range() {
    let daemon = Daemon::quick();
    for list in ["events", "notifications"] {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "501"),
            ("limit", "-1"),
            ("limit", "x"),
            ("limit", ""),
            ("cursor", "x"),
            ("cursor", "AAAA"),
            ("order", "newest"),
            ("from", "now"),
            ("to", "2026"),
            ("type", "PAY*"),
            ("nope", "1"),
            ("limit", "1&limit=2"),
        ] {
            let fields = daemon.get(&format!("/api/{list}?{name}={value}")).refused(422, "invalid_fields");
            assert!(fields[name].is_array(), "{list} {name}={value}: {fields}");
        }
        daemon.get(&format!("/api/{list}?limit=1")).expect(200);
        daemon.get(&format!("/api/{list}?limit=500&from=2026-01-01T00:00:00%2B03:00")).expect(200);
    }
    for (name, value) in [
        ("status", "delivered"),
        ("status", "GONE"),
        ("webhook_id", "7"),
        ("event_id", ""),
        ("response_status", "99"),
        ("response_status", "0xx"),
        ("response_status", "5XX"),
    ] {
        let fields = daemon.get(&format!("/api/notifications?{name}={value}")).refused(422, "invalid_fields");
        assert!(fields[name].is_array(), "{name}={value}: {fields}");
    }
    daemon.get("/api/webhooks?limit=501").refused(422, "invalid_fields");
    daemon.get("/api/webhooks?type=A.B").refused(422, "invalid_fields");
}

#[test]
fn paths_and_methods() {
    let daemon = Daemon::quick();
    for path in [
        "/nothing",
        "//",
        "/api",
        "/api/nothing",
        "/api/events/7",
        "/api/webhooks/x/test",
        "/api/notifications/0193a5b0-1111-8222-8333-444455556666",
        "/api/events/0193A5B0-1111-7222-8333-444455556666",
    ] {
        daemon.get(path).refused(404, "not_found");
    }
    for (method, path, allow) in [
        ("DELETE", "/api/webhooks", "GET, POST"),
        ("GET", "/api/events/batch", "POST"),
        ("PUT", "/api/events", "GET, POST"),
        ("POST", "/healthz", "GET"),
        ("OPTIONS", "/api/event_types", "GET"),
    ] {
        let answer = daemon.call_as(&daemon.token, method, path, "", b"");
        answer.refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    let head = daemon.call_as(&daemon.token, "HEAD", "/api/webhooks", "", b"").expect(200);
    assert!(head.body.is_empty());
    daemon.raw(b"GET\r\n\r\n").refused(400, "bad_request");
    daemon.raw(b"POST /api/events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n").refused(400, "bad_request");
    daemon.raw(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).as_bytes()).refused(414, "uri_too_long");
    let many: String = (0..200).fold(String::new(), |text, n| format!("{text}X-{n}: 1\r\n"));
    assert_eq!(
        daemon.call_as(&daemon.token, "GET", "/api/webhooks", &many, b"").refused(431, "head_too_large"),
        Value::Null
    );
    daemon.get("/readyz").expect(200);
}

/// A batch body of one name, millions of times over, was answered with a sentence for each: 108 MB, and 437 MB of
/// memory.
#[test]
fn names_that_are_repeated_without_end_are_told_once() {
    let daemon = Daemon::quick();
    let body = format!("{{{}\"events\":[]}}", "\"a\":1,".repeat(500_000));
    let answer = daemon.send("POST", "/api/events/batch", body.as_bytes());
    let fields = answer.refused(422, "invalid_fields");
    assert!(fields["a"].as_array().unwrap().len() <= 2, "{fields}");
    assert!(answer.body.len() < 1000);
}

#[test]
fn what_takes_no_body_says_so_instead_of_looking_away() {
    let daemon = Daemon::quick();
    let id = daemon.register("http://127.0.0.1:9/", &["*"]);
    let test = format!("/api/webhooks/{id}/test");
    daemon.send("POST", &test, b"x").refused(400, "not_json");
    let fields = daemon.post(&test, &json!({ "now": true })).refused(422, "invalid_fields");
    assert!(fields["now"].is_array());
    daemon.post(&test, &json!({})).expect(202);
    for (field, value) in [("target", Value::Null), ("events", Value::Null), ("status", Value::Null)] {
        let fields = daemon.patch(&format!("/api/webhooks/{id}"), &json!({ "webhook": { field: value } }));
        assert!(fields.refused(422, "invalid_fields")[field].is_array(), "{field}");
    }
}
