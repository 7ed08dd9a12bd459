//! Callers that are slow, many, wrong or foreign.

use super::harness::{DEADLINE, Daemon, QUICK, eventually, request, skipped};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const JSON: &str = "Content-Type: application/json\r\n";

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// How long the daemon took to hang up, having said nothing.
pub(crate) fn hung_up_after(mut stream: TcpStream, since: Instant) -> Duration {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    let took = since.elapsed();
    assert!(took < DEADLINE, "it never hung up");
    took
}

fn keep_alive(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: carteiro\r\n\r\n").into_bytes()
}

fn answered(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn a_head_has_its_time_and_an_idle_connection_another() {
    let (header, idle) = (Duration::from_millis(300), Duration::from_millis(1200));
    let daemon = Daemon::start("server.header_timeout = \"300ms\"\nserver.idle_timeout = \"1200ms\"\n");
    let start = Instant::now();
    assert!(hung_up_after(connect(&daemon.address), start) >= header, "silent");
    let (mut slow, start) = (connect(&daemon.address), Instant::now());
    slow.write_all(b"GET /heal").unwrap();
    assert!(hung_up_after(slow, start) >= header, "half a head");
    // A byte now and then wins no time.
    let (mut trickling, start) = (connect(&daemon.address), Instant::now());
    trickling.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    eventually("a trickle is cut off", || {
        let closed = trickling.write_all(b"x").is_err();
        (closed || matches!(trickling.read(&mut [0]), Ok(0))).then_some(())
    });
    assert!(start.elapsed() >= header);
    // Between two requests there is more time, and the head behind it has its own again.
    let mut stream = connect(&daemon.address);
    for _ in 0..2 {
        stream.write_all(&keep_alive("/healthz")).unwrap();
        assert!(answered(&mut stream).starts_with("HTTP/1.1 200"));
        stream.set_read_timeout(Some(header * 2)).unwrap();
        assert!(stream.read(&mut [0]).is_err(), "still open after twice the time of a head");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
    }
    let start = Instant::now();
    stream.write_all(b"GET").unwrap();
    let took = hung_up_after(stream, start);
    assert!(took >= header);
    let mut stream = connect(&daemon.address);
    let start = Instant::now();
    stream.write_all(&keep_alive("/healthz")).unwrap();
    assert!(answered(&mut stream).starts_with("HTTP/1.1 200"));
    assert!(hung_up_after(stream, start) >= idle, "idle");
}

#[test]
fn a_body_that_doesnt_come_is_answered() {
    let daemon = Daemon::start("server.body_timeout = \"300ms\"\nserver.header_timeout = \"100ms\"\n");
    let mut whole = request(&daemon.token, "POST", "/api/events", JSON, &[b' '; 100]);
    whole.truncate(whole.len() - 50);
    daemon.raw(&whole).refused(408, "body_timeout");
}

/// A caller that asks and never reads once held its connection for as long as it liked.
#[test]
fn an_answer_that_nobody_takes_is_given_up() {
    let daemon = Daemon::start("server.write_timeout = \"300ms\"\n");
    let authorization = format!("Authorization: Bearer {}\r\n", daemon.token);
    let ask = format!("GET /api/event_types HTTP/1.1\r\nHost: carteiro\r\n{authorization}\r\n").repeat(100);
    let mut stream = connect(&daemon.address);
    // Until the daemon, whose answers fill every buffer on the way, takes no more.
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut asked = 0;
    while stream.write_all(ask.as_bytes()).is_ok() {
        asked += 1;
        assert!(asked < 10_000, "somebody takes these answers");
    }
    eventually("the connection is given up", || (daemon.metric("carteiro_connections") == 1).then_some(()));
}

/// A client can't see when its connection becomes idle: the daemon notes it after the answer has left. So the
/// connection that is to be closed sends nothing, and the answer to one that was accepted behind it proves that it is
/// waited for already.
#[test]
fn the_slowest_makes_room_for_the_newest() {
    let daemon = Daemon::start("server.max_connections = 3\n");
    let ask = |stream: &mut TcpStream| {
        stream.write_all(&keep_alive("/healthz")).unwrap();
        assert!(answered(stream).starts_with("HTTP/1.1 200"));
    };
    let mut oldest = connect(&daemon.address);
    ask(&mut oldest);
    let mut silent = connect(&daemon.address);
    let mut third = connect(&daemon.address);
    ask(&mut third);
    ask(&mut oldest);
    let mut newest = connect(&daemon.address);
    ask(&mut newest);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it had been waited for the longest");
    for stream in [&mut oldest, &mut third, &mut newest] {
        ask(stream);
    }
    drop((oldest, third, newest));
    assert!(daemon.metric("carteiro_connections_dropped_total") >= 1);
}

/// A caller that had begun a head once held up a stop to the end of the grace time.
#[test]
fn half_a_head_doesnt_hold_up_a_stop() {
    let mut daemon = Daemon::start("server.shutdown_grace = \"25s\"\nserver.header_timeout = \"5m\"\n");
    let (mut half, silent) = (connect(&daemon.address), connect(&daemon.address));
    half.write_all(b"GET /heal").unwrap();
    let mut idle = connect(&daemon.address);
    idle.write_all(&keep_alive("/healthz")).unwrap();
    assert!(answered(&mut idle).starts_with("HTTP/1.1 200"));
    let start = Instant::now();
    assert!(daemon.terminate().success());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    drop((half, silent, idle));
}

/// The 1,025th of them once waited in the system's queue until one of the others gave up, and so did every honest
/// caller behind it.
#[test]
fn two_thousand_slow_connections_dont_stop_service() {
    const EACH: usize = 500;
    const NEEDED: u64 = 4 * EACH as u64 + 200;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|limit| limit < NEEDED)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(NEEDED), maximum }).is_err()
    {
        return skipped("2,000 slow connections", "this process may not have so many open files; raise `ulimit -Hn`");
    }
    let daemon = Daemon::start(QUICK);
    let mut body = request(&daemon.token, "POST", "/api/events", JSON, &[b' '; 100]);
    body.truncate(body.len() - 50);
    let kinds: [&[u8]; 4] = [b"", b"GET /healthz HTTP/1.1\r\nHost: c\r\nX-Slow: ", &keep_alive("/healthz"), &body];
    let mut slow = Vec::new();
    let mut longest = Duration::ZERO;
    for nth in 0..EACH {
        for kind in kinds {
            let mut stream = connect(&daemon.address);
            let _ = stream.write_all(kind);
            slow.push(stream);
        }
        if nth % 25 == 0 {
            let start = Instant::now();
            daemon.record("PAYMENT.PAID");
            daemon.get("/api/webhooks").expect(200);
            longest = longest.max(start.elapsed());
        }
    }
    for _ in 0..20 {
        // Bytes that trickle in make nobody quicker.
        for stream in &mut slow {
            let _ = stream.write(b" ");
        }
        let start = Instant::now();
        daemon.record("PAYMENT.PAID");
        longest = longest.max(start.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "an honest caller waited {longest:?}");
    assert!(daemon.metric("carteiro_connections") <= 1024);
    assert!(daemon.metric("carteiro_connections_dropped_total") >= 900);
    assert_eq!(daemon.metric("carteiro_connections_refused_total"), 0);
}

#[test]
fn wrong_tokens_are_told_to_wait_and_the_right_one_is_not() {
    let daemon = Daemon::start("server.trusted_proxies = [\"127.0.0.1\"]\n");
    let from = |address: &str, token: &str| {
        let forwarded = format!("X-Forwarded-For: 203.0.113.200, {address}\r\n");
        daemon.call_as(token, "GET", "/api/webhooks", &forwarded, b"")
    };
    for _ in 0..20 {
        from("192.0.2.1", "wrong").refused(401, "unauthorized");
    }
    let reported = from("192.0.2.1", "wrong");
    reported.refused(429, "too_many_wrong_tokens");
    assert!(matches!(reported.header("retry-after").unwrap().parse(), Ok(1..=6)), "{}", reported.head);
    from("192.0.2.1", &daemon.token).expect(200);
    from("192.0.2.1", "").refused(401, "unauthorized");
    from("192.0.2.2", "wrong").refused(401, "unauthorized");
    assert_eq!(daemon.metric("carteiro_wrong_tokens_total"), 22);
    daemon.logged("192.0.2.1");
    assert!(!daemon.log().contains("203.0.113.200"), "{}", daemon.log());
}

#[test]
fn other_peoples_pages_are_let_in_only_where_they_are_named() {
    const ASK: &str = "Origin: https://loja.example\r\nAccess-Control-Request-Method: POST\r\n\
                       Access-Control-Request-Headers: authorization,content-type\r\n";
    let daemon = Daemon::quick();
    let asked = |headers: &str| daemon.call_as("", "OPTIONS", "/api/events", headers, b"");
    let off = asked(ASK);
    off.refused(405, "method_not_allowed");
    let plain =
        daemon.call_as(&daemon.token, "GET", "/api/events", "Origin: https://loja.example\r\n", b"").expect(200);
    for header in ["access-control-allow-origin", "vary"] {
        assert_eq!((off.header(header), plain.header(header)), (None, None));
    }
    assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(plain.header("cache-control"), Some("no-store"));

    daemon.configure("server.cors_origins = [\"https://loja.example\"]\n");
    daemon.signal("-HUP");
    eventually("the reload", || daemon.log().contains("config reloaded").then_some(()));
    let on = asked(ASK).expect(204);
    assert_eq!(on.header("access-control-allow-origin"), Some("https://loja.example"));
    assert!(on.header("access-control-allow-methods").unwrap().contains("PATCH"));
    assert_eq!(
        on.header("access-control-allow-headers"),
        Some("Authorization, Content-Type, Idempotency-Key, If-Match, Traceparent, Tracestate")
    );
    assert_eq!(on.header("vary"), Some("Origin"));
    let refused = daemon.call_as("", "GET", "/api/events", "Origin: https://loja.example\r\n", b"");
    refused.refused(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://loja.example"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
    let other = asked(&ASK.replace("loja", "ladrao"));
    other.refused(405, "method_not_allowed");
    assert_eq!((other.header("access-control-allow-origin"), other.header("vary")), (None, Some("Origin")));
}

#[test]
fn json_as_deep_as_its_body_is_refused_everywhere() {
    let daemon = Daemon::quick();
    let deep = |open: &str, close: &str, levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
    let lists = deep("[", "]", 400_000);
    let objects = deep("{\"a\":", "}", 140_000);
    for path in ["/api/webhooks", "/api/events", "/api/notifications/resend", "/api/tokens"] {
        for body in [&lists, &objects] {
            daemon.send("POST", path, body.as_bytes()).refused(422, "invalid_fields");
            daemon.send("POST", path, &body.as_bytes()[..body.len() / 2]).refused(400, "not_json");
        }
    }
    let batch = format!("{{\"events\":[{{\"type\":\"A.B\",\"resource\":{objects}}}]}}");
    daemon.send("POST", "/api/events/batch", batch.as_bytes()).refused(422, "invalid_fields");
    daemon.send("GET", "/api/webhooks", objects.as_bytes()).expect(200);
    daemon.send("GET", "/api/webhooks", lists.as_bytes()).expect(200);
}

#[test]
fn a_token_of_the_command_line_ends_is_seen_in_use_and_revoked_at_once() {
    let mut daemon = Daemon::quick();
    let run = |daemon: &Daemon, arguments: &[&str]| {
        let (code, out, complaint) = daemon.run(&[&["token", "--server", &daemon.address], arguments].concat());
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{out}");
        out
    };
    let made = run(&daemon, &["create", "--name", "erp", "--scope", "ingest", "--expires", "90d"]);
    let event = json!({ "event": { "type": "A.B", "resource": {} } }).to_string();
    let post = |daemon: &Daemon| daemon.call_as(made.trim(), "POST", "/api/events", JSON, event.as_bytes());
    let erp = |daemon: &Daemon| {
        let all = daemon.list("/api/tokens");
        all.into_iter().find(|token| token["name"] == "erp").unwrap()
    };
    assert_eq!(erp(&daemon)["last_used_at"], json!(null));
    post(&daemon).expect(201);
    let used = erp(&daemon)["last_used_at"].clone();
    assert!(used.is_string());
    let shown = used.as_str().unwrap()[..19].replace('T', " ");
    assert!(run(&daemon, &["list"]).contains(&shown), "{shown}");
    assert!(daemon.terminate().success());
    daemon.spawn();
    assert_eq!(erp(&daemon)["last_used_at"], used, "it outlives a stop");
    let id = erp(&daemon)["id"].as_str().unwrap().to_owned();
    run(&daemon, &["revoke", &id]);
    post(&daemon).refused(401, "unauthorized");
}

#[test]
fn plain_http_for_the_network_is_warned_of_loudly() {
    let daemon = Daemon::quick();
    let checked = daemon
        .command()
        .args(["check-config", "--config"])
        .arg(daemon.config_file())
        .env("CARTEIRO_SERVER__LISTEN", "0.0.0.0:8080")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.contains("warning: ANYONE ON THE NETWORK CAN READ TOKENS"), "{said}");
    assert!(!daemon.log().contains("ANYONE"), "loopback is nobody's business");
}
