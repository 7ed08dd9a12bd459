//! Bodies that are long, half-sent or without sense: they cost little memory, hold up no other call, and get an answer.

use super::harness::{Daemon, eventually, request};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;
/// The longest batch.
const BATCH: usize = 16 * MIB;
/// What the budgets of bodies allow in all, and the buffers of the connections beside it.
const MOST_MIB: u64 = 64 + 32;

/// A connection that says it sends more than it does.
fn half_sent(daemon: &Daemon, head: &str, length: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
    let head = format!("{head}\r\nHost: carteiro\r\nContent-Length: {length}\r\n\r\n");
    // One that is refused early may not take it all.
    let _ = stream.write_all(&[head.as_bytes(), &vec![b' '; sent]].concat());
    stream
}

fn status_of(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

fn form(path: &str, cookie: &str, body: &str) -> Vec<u8> {
    let head = format!("Content-Type: application/x-www-form-urlencoded\r\nCookie: {cookie}\r\n");
    request("", "POST", path, &head, body.as_bytes())
}

#[test]
fn forms_of_visitors_who_are_not_signed_in_are_short_and_take_little_memory() {
    let daemon = Daemon::quick();
    // The length alone says that it is too long: nothing of it is read. People get a page.
    let mut long = half_sent(&daemon, "POST /sign-in HTTP/1.1", 64 * 1024 + 1, 0);
    let said = status_of(&mut long);
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("text/html"), "{said}");
    assert!(daemon.raw(&form("/sign-in", "", &"x".repeat(64 * 1024))).head.starts_with("HTTP/1.1 401 "));
    // A GET has no body to wait for.
    for path in ["/sign-in", "/panel/panel.css", "/webhooks/new"] {
        let said = status_of(&mut half_sent(&daemon, &format!("GET {path} HTTP/1.1"), MIB, 10));
        assert!(said.starts_with("HTTP/1.1 200 ") || said.starts_with("HTTP/1.1 303 "), "{path}: {said}");
    }
    let before = daemon.resident_mib();
    let sign_in = "POST /sign-in HTTP/1.1";
    let mut held: Vec<TcpStream> = (0..300).map(|_| half_sent(&daemon, sign_in, 64 * 1024, 60 * 1024)).collect();
    // The oldest made room for the newest.
    let said = status_of(&mut held[0]);
    assert!(
        said.starts_with("HTTP/1.1 503 ") && said.contains("retry-after: ") && said.contains("text/html"),
        "{said}"
    );
    let token = form("/sign-in", "", &format!("token={}", daemon.token));
    let answer = daemon.raw(&token).expect(303);
    assert!(answer.header("set-cookie").is_some());
    let grown = daemon.resident_mib().saturating_sub(before);
    assert!(grown < MOST_MIB, "{grown} MiB more");
}

#[test]
fn somebody_who_is_signed_in_gets_a_long_form_back() {
    let daemon = Daemon::quick();
    let answer = daemon.raw(&form("/sign-in", "", &format!("token={}", daemon.token))).expect(303);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = daemon.raw(&request("", "GET", "/webhooks/new", &format!("Cookie: {cookie}\r\n"), b""));
    let page = String::from_utf8(page.body).unwrap();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let long = format!("csrf={csrf}&target=http%3A%2F%2Fa.example%2F&description={}", "d".repeat(70_000));
    let answer = daemon.raw(&form("/webhooks", &cookie, &long)).expect(413);
    assert!(String::from_utf8(answer.body).unwrap().contains("value=\"http://a.example/\""));
}

#[test]
fn half_sent_batches_take_a_bounded_part_of_memory_and_leave_events_their_way() {
    let daemon = Daemon::quick();
    let before = daemon.resident_mib();
    let batch_head = format!("POST /api/events/batch HTTP/1.1\r\nAuthorization: Bearer {}", daemon.token);
    let mut held: Vec<TcpStream> = std::thread::scope(|scope| {
        let sent = (0..12).map(|_| scope.spawn(|| half_sent(&daemon, &batch_head, BATCH, 64 * 1024)));
        sent.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });
    daemon.record("A.B");
    let grown = daemon.resident_mib().saturating_sub(before);
    assert!(grown < MOST_MIB, "{grown} MiB more");
    // Those that were refused are told when to come back; three are still awaited.
    let refused = eventually("nine are refused", || {
        let count = daemon.get("/metrics").body;
        let count = String::from_utf8(count).unwrap();
        let count = count.lines().find_map(|line| line.strip_prefix("carteiro_bodies_refused_total "))?.to_owned();
        (count == "9").then_some(9)
    });
    let mut reported = 0;
    for stream in &mut held {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let said = status_of(stream);
        reported += usize::from(said.starts_with("HTTP/1.1 503 ") && said.contains("retry-after: 5"));
    }
    assert_eq!(reported, refused);
    drop(held);
    // Their memory is free again.
    let event = r#"{"type":"A.B","resource":{}}"#;
    let batch = format!(r#"{{"events":[{event}{}]}}"#, " ".repeat(BATCH - 100));
    daemon.send("POST", "/api/events/batch", batch.as_bytes()).expect(201);
}

#[test]
fn bodies_that_are_begun_and_not_sent_keep_nobody_out() {
    let daemon = Daemon::quick();
    let to = |path: &str| format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {}", daemon.token);
    let (events, batches) = (to("/api/events"), to("/api/events/batch"));
    // More than the budgets hold, of both kinds, and nothing of them comes.
    let mut held: Vec<TcpStream> = (0..400).map(|_| half_sent(&daemon, &events, 64 * 1024, 0)).collect();
    held.extend((0..20).map(|_| half_sent(&daemon, &batches, BATCH, 0)));
    let begun = Instant::now();
    for length in [10, 100_000] {
        daemon.record_with(serde_json::json!({ "type": "A.B", "resource": { "note": "x".repeat(length) } }));
    }
    // Below what a body waits for memory at most.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let said = status_of(&mut held[0]);
    assert!(
        said.starts_with("HTTP/1.1 503 ") && said.contains("retry-after: ") && said.contains("too slowly"),
        "{said}"
    );
}

#[test]
fn long_bodies_without_sense_are_answered_soon_and_cost_no_more_than_three_times_their_length() {
    let daemon = Daemon::quick();
    let filled = |unit: &str, around: (&str, &str)| {
        format!("{}{}{}", around.0, unit.repeat((BATCH - 200) / unit.len()), around.1)
    };
    let mut members = String::from("{");
    for nth in 0.. {
        let _ = write!(members, "\"m{nth:x}\":1,");
        if members.len() > BATCH - 200 {
            break;
        }
    }
    members.push_str("\"z\":1}");
    let bad = filled(r#"{"q":1},"#, (r#"{"events":["#, "{}]}"));
    let few_bad = format!(r#"{{"events":[{}{{}}]}}"#, r#"{"q":1},"#.repeat(999));
    let inner = format!("{{{}\"z\":1}}", "\"a\":1,".repeat(2700));
    let inner = format!(r#"{{"events":[{}{inner}]}}"#, format!("{inner},").repeat(999));
    let bodies = [
        ("unknown members", members),
        ("one name", filled("\"a\":1,", ("{", "\"z\":1}"))),
        ("items", filled("1,", ("{\"events\":[", "1]}"))),
        ("depth", format!("{}{}", "[".repeat(BATCH / 2 - 1), "]".repeat(BATCH / 2 - 1))),
        ("digits", filled("1", ("{\"events\":", "}"))),
        ("escapes", filled("\\u0041", ("{\"events\":[{\"type\":\"", "\",\"resource\":{}}]}"))),
        ("a name of escapes", filled("\\u0041", ("{\"", "\":1}"))),
        ("bad events", bad),
        ("a thousand bad events", few_bad),
        ("events of unknown members", inner),
    ];
    for (what, body) in &bodies {
        let base = daemon.resident_mib();
        let begun = Instant::now();
        let (mut slowest, mut most) = (Duration::ZERO, 0);
        let answer = std::thread::scope(|scope| {
            let sending = scope.spawn(|| daemon.send("POST", "/api/events/batch", body.as_bytes()));
            while !sending.is_finished() {
                let asked = Instant::now();
                daemon.call_as("", "GET", "/healthz", "", b"").expect(200);
                slowest = slowest.max(asked.elapsed());
                most = most.max(daemon.resident_mib());
            }
            sending.join().unwrap()
        });
        let fields = answer.refused(422, "invalid_fields");
        let reported = fields.as_object().map_or(0, serde_json::Map::len);
        assert!((1..=100).contains(&reported) && answer.body.len() < 64 * 1024, "{what}: {reported} fields");
        assert!(!fields.as_object().unwrap().values().any(Value::is_null), "{what}");
        // A debug build on a machine that is busy with everything else.
        assert!(slowest < Duration::from_secs(5) && begun.elapsed() < Duration::from_secs(20), "{what}: {slowest:?}");
        let grown = most.saturating_sub(base);
        assert!(grown <= 3 * 16, "{what}: {grown} MiB more");
    }
    let before = daemon.resident_mib();
    daemon.send("POST", "/api/events/batch", bodies[0].1.as_bytes()).refused(422, "invalid_fields");
    eventually("the memory is given back", || (daemon.resident_mib() < before + 8).then_some(()));
}

#[test]
fn queries_and_bodies_of_too_many_parts_say_so() {
    let daemon = Daemon::quick();
    let query: String = (0..10_000).fold(String::new(), |text, n| format!("{text}&p{n}=1"));
    let fields = daemon.get(&format!("/api/events?{}", &query[1..60_000])).refused(422, "invalid_fields");
    assert_eq!(fields["query"][0], "has more than 200 parameters");
    assert!(fields.as_object().unwrap().len() <= 100);
    let members: String = (0..300).fold(String::new(), |text, n| format!("{text}\"p{n}\":1,"));
    // `type` and `resource` come last, and aren't said to be missing.
    let body = format!(r#"{{"event":{{{members}"type":"A.B","resource":{{}}}}}}"#);
    let fields = daemon.send("POST", "/api/events", body.as_bytes()).refused(422, "invalid_fields");
    assert_eq!(fields["body"][0], "has more than 200 fields");
    assert!(fields.get("type").is_none() && fields.get("resource").is_none(), "{fields}");
}
