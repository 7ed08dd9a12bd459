//! Requests that proxies and servers could read in two ways, and those that say what they are and aren't JSON over
//! HTTP/1.1.

use super::harness::{Daemon, exchange};
use serde_json::{Value, json};

#[test]
fn one_host_and_one_way_to_frame_a_body() {
    let daemon = Daemon::quick();
    let token = &daemon.token;
    for (head, detail) in [
        ("GET /healthz HTTP/1.1\r\n", "no Host header"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "more than one Host header"),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: a\r\n", "more than one Host header"),
        ("GET /sign-in HTTP/1.1\r\n", "no Host header"),
        ("GET /healthz HTTP/1.1\r\nHost: a b\r\n", "must be a host"),
        ("GET /healthz HTTP/1.1\r\nHost: a@b\r\n", "must be a host"),
    ] {
        let answer = daemon.raw(format!("{head}\r\n").as_bytes());
        answer.refused(400, "bad_request");
        assert!(answer.json()["errors"]["detail"].as_str().unwrap().contains(detail), "{head}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // The health check of haproxy.
    daemon.raw(b"OPTIONS /healthz HTTP/1.0\r\n\r\n").refused(405, "method_not_allowed");
    daemon.raw(b"GET /healthz HTTP/1.0\r\n\r\n").expect(200);
    daemon.raw(b"GET http://a/healthz HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n").expect(200);
    for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked", "chunked\r\nTransfer-Encoding: chunked"] {
        let head = format!(
            "POST /api/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: {coding}\r\n\
             \r\n0\r\n\r\n"
        );
        daemon.raw(head.as_bytes()).refused(400, "bad_request");
    }
    assert!(daemon.list("/api/events").is_empty());
}

#[test]
fn http2_without_tls_is_told_what_is_spoken() {
    let daemon = Daemon::quick();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = exchange(&daemon.address, preface).unwrap();
    answer.refused(400, "bad_request");
    assert!(answer.json()["errors"]["detail"].as_str().unwrap().contains("HTTP/2"), "{answer:?}");
    // One that merely offers to go over to it is served as it is.
    let upgrade = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    daemon.raw(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").as_bytes()).expect(200);
}

#[test]
fn a_compressed_body_is_refused_by_name_and_a_byte_order_mark_is_passed_over() {
    let daemon = Daemon::quick();
    let event = json!({ "event": { "type": "A.B", "resource": {} } }).to_string();
    let send = |headers: &str, body: &[u8]| {
        daemon.call_as(
            &daemon.token,
            "POST",
            "/api/events",
            &format!("Content-Type: application/json\r\n{headers}"),
            body,
        )
    };
    for coding in ["gzip", "br", "identity, deflate"] {
        let answer = send(&format!("Content-Encoding: {coding}\r\n"), b"\x1f\x8b\x08");
        answer.refused(415, "unsupported_content_encoding");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        let named = coding.rsplit(' ').next().unwrap();
        assert!(answer.json()["errors"]["detail"].as_str().unwrap().contains(named), "{answer:?}");
    }
    send("Content-Encoding: identity\r\n", event.as_bytes()).expect(201);
    send("", &[b"\xef\xbb\xbf", event.as_bytes()].concat()).expect(201);
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(event.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let answer = send("", &utf16);
    answer.refused(400, "not_json");
    assert!(answer.json()["errors"]["detail"].as_str().unwrap().contains("UTF-16"), "{answer:?}");
}

#[test]
fn a_cursor_is_good_for_its_own_list_filters_and_order() {
    let daemon = Daemon::quick();
    for nth in 0..4 {
        daemon.register(&format!("http://127.0.0.1:9/{nth}"), &["A.*"]);
        daemon.record("A.B");
    }
    let next = |path: &str| daemon.get(path).expect(200).json()["page"]["next_cursor"].as_str().unwrap().to_owned();
    let cursor = next("/api/events?type=A.*&limit=1");
    // The limit may change, and the bounds of time; an order that is said may be left out.
    for good in [
        "/api/events?type=A.*&limit=2",
        "/api/events?order=desc&type=A.*",
        "/api/events?type=A.*&from=2020-01-01T00:00:00Z&to=9999-01-01T00:00:00Z",
    ] {
        daemon.get(&format!("{good}&cursor={cursor}")).expect(200);
    }
    for bad in [
        "/api/events?limit=1",
        "/api/events?type=A.B",
        "/api/events?type=A.*&order=asc",
        "/api/events?type=A.*&external_id=x",
        "/api/notifications?type=A.*",
        "/api/webhooks?limit=1",
    ] {
        let fields = daemon.get(&format!("{bad}&cursor={cursor}")).refused(422, "invalid_fields");
        assert!(fields["cursor"][0].as_str().unwrap().contains("another list"), "{bad}: {fields}");
    }
    let (webhooks, tokens) = (next("/api/webhooks?limit=1"), next("/api/notifications?limit=1"));
    for (list, cursor) in [("webhooks", &tokens), ("notifications", &webhooks), ("tokens", &webhooks)] {
        daemon.get(&format!("/api/{list}?cursor={cursor}")).refused(422, "invalid_fields");
    }
    for broken in [&cursor[1..], &cursor[..cursor.len() - 1], &format!("{cursor}A"), "é"] {
        daemon.get(&format!("/api/events?type=A.*&cursor={broken}")).refused(422, "invalid_fields");
    }
}

#[test]
fn hosts_that_can_not_exist_are_refused_with_what_is_wrong_with_them() {
    let daemon = Daemon::quick();
    let refusal = |target: &str| {
        let body = json!({ "webhook": { "target": target, "events": ["*"] } });
        let fields = daemon.post("/api/webhooks", &body).refused(422, "invalid_fields");
        fields["target"][0].as_str().unwrap().to_owned()
    };
    let long = format!("http://{}.example/", "a".repeat(64));
    for (target, said) in [
        ("http://../", "two dots"),
        ("http://loja..example/", "two dots"),
        ("http://-/", "hyphen"),
        ("http://0x/", "IPv4"),
        ("http://127.0.0.256/", "IPv4"),
        ("http://127.0.0.1./", "dot behind"),
        (&long, "63 bytes"),
        ("http:///x", "must have a host"),
        ("https://", "must have a host"),
        ("http://loja .example/", "spaces"),
        (" http://loja.example/", "spaces"),
    ] {
        let reported = refusal(target);
        assert!(reported.contains(said), "{target}: {reported}");
    }
    // A name may end in a dot; one that leads nowhere yet is taken.
    let body = json!({ "webhook": { "target": "http://loja.invalid./x", "events": ["*"] } });
    daemon.post("/api/webhooks", &body).expect(201);
    assert_eq!(daemon.list("/api/webhooks").len(), 1);
}

#[test]
fn a_type_that_is_too_long_is_told_its_length() {
    let daemon = Daemon::quick();
    let long = format!("A.{}", "B".repeat(99));
    let said = |fields: &Value, field: &str| fields[field][0].as_str().unwrap().to_owned();
    let event = json!({ "event": { "type": long, "resource": {} } });
    let reported = said(&daemon.post("/api/events", &event).refused(422, "invalid_fields"), "type");
    assert_eq!(reported, "must be at most 100 bytes, not 101");
    let webhook = json!({ "webhook": { "target": "http://a.example/", "events": [long] } });
    let reported = said(&daemon.post("/api/webhooks", &webhook).refused(422, "invalid_fields"), "events");
    assert!(reported.ends_with("must be at most 100 bytes, not 101"), "{reported}");
    let reported = said(&daemon.get(&format!("/api/events?type={long}")).refused(422, "invalid_fields"), "type");
    assert_eq!(reported, "must be at most 100 bytes, not 101");
}
