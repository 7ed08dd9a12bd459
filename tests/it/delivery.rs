//! From a recorded event to a confirmed notification, or to twenty attempts.

use super::harness::{Daemon, LOOPBACK, QUICK, eventually, retrying_after};
use super::receiver::{Receiver, Reply, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn signed_by(secret: &str, request: &Request) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let (id, timestamp) = (request.header("webhook-id").unwrap(), request.header("webhook-timestamp").unwrap());
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body].concat();
    request.header("webhook-signature").unwrap().split(' ').any(|one| {
        let tag = STANDARD.decode(one.strip_prefix("v1,").unwrap()).unwrap();
        ring::hmac::verify(&key, &signed, &tag).is_ok()
    })
}

#[test]
fn the_target_gets_what_the_contract_says_byte_for_byte() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::start(&[Reply::Status(500), Reply::Status(200)]));
    let webhook = daemon.register_with(json!({
        "target": receiver.url, "events": ["PAYMENT.*"], "authorization": "Basic dG9rZW4=", "headers": {"X-Shop": "7"},
    }));
    // What a JSON library would write otherwise: odd spaces, escapes, exponents, order, a repeated name.
    let resource = "{ \"payment\":{\"id\":\"p\\u00e9\", \"total_cents\": 1e2,\n\t\"b\":1,\"a\":[ ],\"a\":{} } }";
    let body = format!(r#"{{"event":{{"type":"PAYMENT.PAID","resource":{resource}}}}}"#);
    let event = daemon.send("POST", "/api/events", body.as_bytes()).expect(201).data();
    let id = event["id"].as_str().unwrap();
    let notification = daemon.await_status(id, "DELIVERED");
    let date = event["inserted_at"].as_str().unwrap();
    let expected =
        format!(r#"{{"id":"{id}","event":"PAYMENT.PAID","env":"production","date":"{date}","resource":{resource}}}"#);
    let requests = receiver.await_count(2);
    for (number, request) in (1..).zip(&requests) {
        assert_eq!(String::from_utf8_lossy(&request.body), expected);
        let first = format!(
            "POST /notificacoes HTTP/1.1\r\nhost: {}\r\n",
            receiver.url["http://".len()..].trim_end_matches("/notificacoes")
        );
        assert!(request.head.starts_with(&first), "{}", request.head);
        assert_eq!(request.header("accept"), Some("*/*"));
        assert_eq!(request.header("authorization"), Some("Basic dG9rZW4="));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("user-agent").unwrap().starts_with("carteiro/"));
        assert_eq!(request.header("x-shop"), Some("7"));
        assert_eq!(request.header("webhook-id"), notification["id"].as_str());
        assert_eq!(request.header("carteiro-attempt"), Some(number.to_string().as_str()));
        assert!(signed_by(webhook["secret"].as_str().unwrap(), request));
    }
    let whole = daemon.get(&format!("/api/events/{id}")).expect(200);
    assert!(String::from_utf8_lossy(&whole.body).contains(resource), "kept byte for byte");
}

/// W3C Trace Context: what the shop is in when it records an event, its targets receive at every attempt, unchanged.
#[test]
fn a_trace_reaches_the_target_at_every_attempt_and_after_a_crash() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut daemon = Daemon::start(&format!("log.level = \"debug\"\n{QUICK}"));
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(200)]);
    daemon.register(&receiver.url, &["PAYMENT.*"]);
    let record = |daemon: &Daemon, path: &str, headers: &str, body: Value| {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        daemon.call_as(&daemon.token, "POST", path, &headers, body.to_string().as_bytes()).expect(201).data()
    };
    let event = |pad: usize| json!({ "type": "PAYMENT.PAID", "resource": { "pad": "x".repeat(pad) } });
    let traced = format!("traceparent: {PARENT}\r\ntracestate: congo=t61\r\nTraceState: rojo=00f\r\n");

    let first = record(&daemon, "/api/events", &traced, json!({ "event": event(10) }));
    assert_eq!(first["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let first = first["id"].as_str().unwrap();
    let notification = daemon.await_status(first, "DELIVERED");
    for request in receiver.await_count(2) {
        assert_eq!(request.header("traceparent"), Some(PARENT));
        assert_eq!(request.header("tracestate"), Some("congo=t61,rojo=00f"));
    }
    eventually("an attempt's line names its trace", || {
        let id = notification["id"].as_str().unwrap();
        let log = daemon.log();
        let lines = log.lines().filter(|line| line.contains("attempt ended") && line.contains(id));
        let traced: Vec<bool> = lines.map(|line| line.contains("trace=0af7651916cd43dd8448eb211c80319c")).collect();
        (!traced.is_empty() && traced.iter().all(|traced| *traced)).then_some(())
    });

    // More than a row of the store holds, and several at once.
    let batch = record(&daemon, "/api/events/batch", &traced, json!({ "events": [event(40_000), event(0)] }));
    for event in batch.as_array().unwrap() {
        daemon.await_status(event["id"].as_str().unwrap(), "DELIVERED");
    }
    // What is no context is no error; a second one makes both void.
    for headers in ["", "traceparent: 00-nonsense\r\n", &format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n")]
    {
        let plain = record(&daemon, "/api/events", headers, json!({ "event": event(1) }));
        assert!(plain.get("trace_id").is_none(), "{plain}");
        daemon.await_status(plain["id"].as_str().unwrap(), "DELIVERED");
    }
    let requests = receiver.await_count(7);
    assert!(requests[2..4].iter().all(|request| request.header("traceparent") == Some(PARENT)));
    assert!(requests[4..].iter().all(|request| request.header("traceparent").is_none()));

    daemon.kill_9();
    daemon.spawn();
    let id = notification["id"].as_str().unwrap();
    daemon.post(&format!("/api/notifications/{id}/resend"), &json!({})).expect(202);
    // The crash may have repeated another's delivery meanwhile.
    let resent = eventually("it is re-sent", || {
        let own = |request: &Request| request.header("webhook-id") == Some(id);
        receiver.requests().into_iter().filter(own).nth(2)
    });
    assert_eq!(resent.header("traceparent"), Some(PARENT));
    eventually("the attempt is settled", || (daemon.history(first)[0]["attempts_count"] == 3).then_some(()));
    daemon.delete(&format!("/api/events/{first}/resource")).expect(204);
    assert!(daemon.get(&format!("/api/events/{first}")).expect(200).data().get("trace_id").is_none());
    let (code, printed, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{printed}{said}");
}

#[test]
fn every_2xx_confirms_and_ends_it() {
    let daemon = Daemon::quick();
    for status in [200, 201, 202, 204, 206, 226, 299] {
        let receiver = Receiver::start(&[Reply::Status(status)]);
        let category = format!("OK{status}");
        daemon.register(&receiver.url, &[&format!("{category}.*")]);
        let event = daemon.record(&format!("{category}.X"));
        let notification = daemon.await_status(&event, "DELIVERED");
        assert_eq!((&notification["attempts_count"], &notification["response_status"]), (&json!(1), &json!(status)));
        assert!(notification["delivered_at"].is_string() && notification["next_attempt_at"].is_null());
        assert_eq!(receiver.count(), 1);
    }
}

/// Every answer that is no 2XX and every failure of the transport, each with the error it is recorded as.
#[test]
fn everything_else_is_tried_twenty_times_and_not_once_more() {
    // A 410 disables the webhook otherwise.
    let daemon = Daemon::start(&QUICK.replace("[egress]", "disable_on_gone = false\n[egress]"));
    let statuses = [300, 301, 304, 307, 400, 401, 403, 404, 409, 410, 422, 429, 499, 500, 502, 503, 599];
    let mut cases: Vec<(Reply, Option<u16>, &str)> =
        statuses.into_iter().map(|status| (Reply::Status(status), Some(status), "")).collect();
    cases.push((Reply::Close, None, "reset"));
    cases.push((Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), None, "bad_response"));
    let huge_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    cases.push((Reply::Raw(huge_head.into_bytes()), None, "bad_response"));
    let mut pending = Vec::new();
    for (index, (reply, status, code)) in cases.into_iter().enumerate() {
        let receiver = Receiver::start(&[reply]);
        daemon.register(&receiver.url, &[&format!("CASE{index}.*")]);
        pending.push((daemon.record(&format!("CASE{index}.X")), receiver, status, code));
    }
    // Nothing listens on a port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    daemon.register(&format!("http://{closed}/"), &["GONE.*"]);
    let refused = daemon.record("GONE.X");

    for (event, receiver, status, code) in &pending {
        let notification = daemon.await_status(event, "FAILED");
        let attempts = notification["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 20, "{status:?} {code}");
        assert_eq!(receiver.count(), 20, "{status:?} {code}");
        for attempt in attempts {
            assert_eq!(attempt["response_status"].as_u64(), status.map(u64::from), "{attempt}");
            let code = match status {
                None => *code,
                Some(300..400) => "redirect",
                Some(400..500) => "http_4xx",
                Some(_) => "http_5xx",
            };
            assert_eq!(attempt["error"]["code"], code, "{attempt}");
            let sentence = |name: &str| attempt["error"][name].as_str().unwrap().to_owned();
            let (message, message_pt) = (sentence("message"), sentence("message_pt"));
            assert!(message.ends_with('.') && message_pt.ends_with('.') && message != message_pt, "{attempt}");
            if let Some(status) = status {
                assert!(message.starts_with(&format!("The target answered {status}")), "{attempt}");
                assert!(message_pt.starts_with(&format!("O destino respondeu {status}")), "{attempt}");
            }
            assert_eq!((attempt.get("tls_version"), attempt.get("hint")), (Some(&Value::Null), None), "{attempt}");
            assert_eq!(attempt["timings"]["total_ms"], attempt["duration_ms"], "{attempt}");
        }
        assert!(attempts[18]["next_attempt_at"].is_string() && attempts[19]["next_attempt_at"].is_null());
        assert!(receiver.requests().iter().all(|request| request.header("authorization") == Some("token-da-loja")));
    }
    let refused = daemon.await_status(&refused, "FAILED");
    assert_eq!(
        refused["attempts"][19]["error"],
        json!({
            "code": "connect_refused",
            "message": format!("Nothing is listening at {closed} (connection refused)."),
            "message_pt": format!("Nada atende em {closed} (conexão recusada)."),
        })
    );
    // Time passes, other notifications come and go: no twenty-first.
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["LATER.*"]);
    for _ in 0..20 {
        let event = daemon.record("LATER.X");
        daemon.await_status(&event, "DELIVERED");
    }
    assert!(pending.iter().all(|(_, receiver, ..)| receiver.count() == 20));
}

#[test]
fn a_hostile_target_costs_one_bounded_attempt() {
    let daemon = Daemon::start(&retrying_after("1h"));
    let cases = [
        (Reply::Silence, "timeout", Value::Null),
        (Reply::Trickle, "timeout", Value::Null),
        (Reply::Endless(500), "", json!(500)),
        (Reply::Endless(200), "", json!(200)),
    ];
    for (index, (reply, code, status)) in cases.into_iter().enumerate() {
        let receiver = Receiver::start(&[reply]);
        daemon.register(&receiver.url, &[&format!("CASE{index}.*")]);
        let event = daemon.record(&format!("CASE{index}.X"));
        let wanted = if status == json!(200) { "DELIVERED" } else { "RETRYING" };
        let attempt = daemon.await_status(&event, wanted)["attempts"][0].clone();
        assert!(attempt["duration_ms"].as_f64().unwrap() < 2000.0, "{attempt}");
        assert_eq!(attempt["response_status"], status, "{attempt}");
        if code.is_empty() {
            assert_eq!(attempt["response_body"].as_str().unwrap().len(), 1024, "the rest is not kept");
        } else {
            assert_eq!(attempt["error"]["code"], code, "{attempt}");
        }
        assert_eq!(receiver.count(), 1);
    }
}

#[test]
fn a_redirect_is_shown_and_never_followed() {
    let elsewhere = Receiver::ok();
    let daemon = Daemon::start(&retrying_after("1h"));
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
    let receiver = Receiver::start(&[Reply::Raw(redirect.into_bytes())]);
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let attempt = daemon.await_status(&event, "RETRYING")["attempts"][0].clone();
    assert_eq!((&attempt["response_status"], &attempt["location"]), (&json!(302), &json!(elsewhere.url)));
    let error = &attempt["error"];
    assert_eq!(error["code"], "redirect");
    for (name, says) in [("message", "change the webhook's target"), ("message_pt", "mude o destino do webhook")] {
        let sentence = error[name].as_str().unwrap();
        assert!(sentence.contains(&elsewhere.url) && sentence.contains(says), "{attempt}");
    }
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn retry_after_is_honoured_and_holds_the_whole_lane() {
    let daemon = Daemon::quick();
    let busy = Reply::Raw(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n".to_vec());
    let receiver = Receiver::start(&[busy, Reply::Status(200)]);
    daemon.register(&receiver.url, &["*"]);
    let first = daemon.record("PAYMENT.PAID");
    daemon.await_status(&first, "RETRYING");
    let second = daemon.record("PAYMENT.PAID");
    let requests = receiver.await_count(3);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(2), "later of the two, for all of the lane");
    daemon.await_status(&first, "DELIVERED");
    daemon.await_status(&second, "DELIVERED");
}

#[test]
fn connections_are_kept_and_a_dead_one_costs_nothing() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*"]);
    for _ in 0..5 {
        let event = daemon.record("PAYMENT.PAID");
        daemon.await_status(&event, "DELIVERED");
    }
    assert!(receiver.requests().iter().all(|request| request.connection == 1), "one connection for all");
    receiver.now(Reply::Close);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "FAILED");
}

#[test]
fn a_slow_target_delays_nobody_else() {
    let daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"10s\""));
    let (slow, healthy) = (Receiver::start(&[Reply::Silence]), Receiver::ok());
    daemon.register(&slow.url, &["*"]);
    daemon.register(&healthy.url, &["*"]);
    for _ in 0..40 {
        daemon.record("PAYMENT.PAID");
    }
    healthy.await_count(40);
    assert!(slow.count() <= 8, "and has no more in flight than its lane allows");
}

#[test]
fn a_target_that_is_no_longer_allowed_is_blocked_at_its_attempts() {
    let receiver = Receiver::ok();
    let closed = "[delivery]\nschedule = [\"1h\"]\n";
    let daemon = Daemon::start(&format!("{closed}{LOOPBACK}"));
    daemon.register(&receiver.url, &["*"]);
    daemon.reload(closed);
    let event = daemon.record("PAYMENT.PAID");
    let attempt = daemon.await_status(&event, "RETRYING")["attempts"][0].clone();
    assert_eq!(attempt["error"]["code"], "blocked_target");
    for (name, says) in [("message", "a loopback address"), ("message_pt", "um endereço da própria máquina")] {
        let sentence = attempt["error"][name].as_str().unwrap();
        assert!(sentence.contains("egress") && sentence.contains(says), "{attempt}");
    }
    assert_eq!(receiver.count(), 0);
}

/// A target that answers every POST over TLS with a 204: its certificate, in a file, and its URL.
fn https_target(params: rcgen::CertificateParams) -> (tempfile::NamedTempFile, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), certificate.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("https://127.0.0.1:{}/hook", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(mut connection) = rustls::ServerConnection::new(config.clone()) else { continue };
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let mut request = [0; 4096];
            if std::io::Read::read(&mut tls, &mut request).is_ok() {
                let _ = std::io::Write::write_all(&mut tls, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            }
        }
    });
    (ca, target)
}

/// A daemon that takes this authority's word.
fn trusting(ca: &tempfile::NamedTempFile) -> Daemon {
    Daemon::start(&QUICK.replace("[egress]", &format!("[egress]\nextra_ca_file = \"{}\"", ca.path().display())))
}

#[test]
fn https_needs_a_certificate_that_is_trusted() {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let (ca, target) = https_target(rcgen::CertificateParams::new(names).unwrap());
    let trusting = trusting(&ca);
    trusting.register(&target, &["*"]);
    let event = trusting.record("PAYMENT.PAID");
    let attempt = trusting.await_status(&event, "DELIVERED")["attempts"][0].clone();
    assert!(attempt["timings"]["tls_ms"].is_number() && attempt["error"].is_null(), "{attempt}");
    assert_eq!(attempt["tls_version"], "1.3");
    let wary = Daemon::quick();
    wary.register(&target, &["*"]);
    let event = wary.record("PAYMENT.PAID");
    let attempt = wary.await_status(&event, "FAILED")["attempts"][0].clone();
    assert_eq!((&attempt["error"]["code"], &attempt["tls_version"]), (&json!("tls_untrusted"), &Value::Null));
    for (name, says) in [("message", "is self-signed"), ("message_pt", "é autoassinado")] {
        assert!(attempt["error"][name].as_str().unwrap().contains(says), "{attempt}");
    }
}

/// The question a shop owner asks first, and the answer the issue asked for word by word.
#[test]
fn an_expired_certificate_is_told_with_its_day_in_both_languages() {
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2025, 3, 3);
    params.not_after = rcgen::date_time_ymd(2026, 3, 3);
    let (ca, target) = https_target(params);
    let daemon = trusting(&ca);
    daemon.register(&target, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let attempt = daemon.await_status(&event, "FAILED")["attempts"][0].clone();
    assert_eq!(
        attempt["error"],
        json!({
            "code": "tls_expired",
            "message": "The certificate of 127.0.0.1 expired on 3 March 2026.",
            "message_pt": "O certificado de 127.0.0.1 expirou em 3 de março de 2026.",
        })
    );
    assert_eq!(attempt["remote_ip"], "127.0.0.1");
    assert!(attempt["timings"]["tls_ms"].is_number() && attempt["timings"]["first_byte_ms"].is_null(), "{attempt}");
}

#[test]
fn a_rate_limit_spreads_deliveries() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "rate_limit": 10 }));
    for _ in 0..20 {
        daemon.record("PAYMENT.PAID");
    }
    let requests = receiver.await_count(20);
    let span = requests[19].at - requests[0].at;
    assert!(span >= Duration::from_millis(800), "ten at once, the other ten a tenth of a second apart: {span:?}");
}

#[test]
fn the_largest_payloads_leave_nothing_outside_the_log() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*"]);
    let pad = "x".repeat(256 * 1024 - r#"{"pad":""}"#.len());
    let events: Vec<Value> = (0..60).map(|_| json!({ "type": "PAYMENT.PAID", "resource": { "pad": pad } })).collect();
    daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    let requests = receiver.await_count(60);
    assert!(requests.iter().all(|request| request.json()["resource"]["pad"] == pad.as_str()));
    eventually("the store is quiet", || daemon.list("/api/notifications?status=PENDING").is_empty().then_some(()));
    assert_eq!(std::fs::read_dir(daemon.data().join("blobs")).unwrap().count(), 0);
}
