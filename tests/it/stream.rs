//! `GET /api/notifications/stream`: attempts as they happen, for readers that stay, come back, or are not let in.

use super::harness::{DEADLINE, Daemon, QUICK, eventually, request};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One message, or a comment.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    id: Option<String>,
    pub(super) event: Option<String>,
    data: Value,
    comment: Option<String>,
}

impl Message {
    fn attempt(&self) -> &Value {
        assert_eq!(self.event.as_deref(), Some("attempt"), "{self:?}");
        super::contract::conforms("StreamedAttempt", &self.data);
        &self.data
    }
}

/// A reader of Server-Sent Events that takes nothing but what the contract says.
pub(super) struct Reader {
    head: String,
    body: BufReader<TcpStream>,
    line: String,
}

impl Reader {
    fn open(daemon: &Daemon, token: &str, query: &str, headers: &str) -> Self {
        Self::at(daemon, token, &format!("/api/notifications/stream{query}"), headers)
    }

    /// Whatever streams at this path.
    pub(super) fn at(daemon: &Daemon, token: &str, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(&daemon.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(&request(token, "GET", path, headers, b"")).unwrap();
        let mut reader = Self { head: String::new(), body: BufReader::new(stream), line: String::new() };
        while !reader.head.ends_with("\r\n\r\n") {
            assert!(reader.body.read_line(&mut reader.head).unwrap() > 0, "{}", reader.head);
        }
        assert!(reader.head.starts_with("HTTP/1.1 200"), "{}", reader.head);
        assert!(reader.head.to_lowercase().contains("content-type: text/event-stream\r\n"), "{}", reader.head);
        reader
    }

    /// With the place it stands at.
    fn follow(daemon: &Daemon, query: &str, headers: &str) -> (Self, String) {
        let mut reader = Self::open(daemon, &daemon.token, query, headers);
        let first = reader.next().unwrap();
        assert!(first.comment.is_some(), "{first:?}");
        (reader, first.id.unwrap())
    }

    /// A line of the text inside the chunks; `None` at the end.
    fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.line.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.line = rest;
                return Some(line);
            }
            let mut size = String::new();
            self.body.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            if size == 0 {
                return None;
            }
            let mut chunk = vec![0; size + 2];
            std::io::Read::read_exact(&mut self.body, &mut chunk).unwrap();
            chunk.truncate(size);
            self.line.push_str(&String::from_utf8(chunk).unwrap());
        }
    }

    pub(super) fn next(&mut self) -> Option<Message> {
        let mut message = Message::default();
        loop {
            let line = self.read_line()?;
            match line.split_once(": ") {
                None if line.is_empty() => return Some(message),
                Some(("", comment)) => message.comment = Some(comment.to_owned()),
                Some(("id", id)) => message.id = Some(id.to_owned()),
                Some(("event", event)) => message.event = Some(event.to_owned()),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                Some(("retry", ms)) => assert!(ms.parse::<u64>().unwrap() >= 1000),
                _ => panic!("{line:?}"),
            }
        }
    }

    /// The next one that is no comment.
    pub(super) fn message(&mut self) -> Message {
        loop {
            let message = self.next().expect("the stream goes on");
            if message.event.is_some() {
                return message;
            }
        }
    }
}

/// Whether there is a place at this path.
pub(super) fn lets_in(daemon: &Daemon, token: &str, path: &str, headers: &str) -> bool {
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    stream.write_all(&request(token, "GET", path, headers, b"")).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.contains(" 200 ")
}

#[test]
fn attempts_come_as_they_happen_with_what_the_lists_say_of_them() {
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(200)]);
    let daemon = Daemon::quick();
    let webhook = daemon.register(&receiver.url, &["PAYMENT.*"]);
    let (mut reader, start) = Reader::follow(&daemon, "", "");
    let event = daemon.record("PAYMENT.PAID");
    let (first, second) = (reader.message(), reader.message());
    assert!(first.id != second.id && first.id != Some(start.clone()));
    let delivered = daemon.await_status(&event, "DELIVERED");
    for (message, number, status) in [(&first, 0, "RETRYING"), (&second, 1, "DELIVERED")] {
        let reported = message.attempt();
        assert_eq!(reported["attempt"], delivered["attempts"][number], "as the history has it");
        let notification = reported["notification"].as_object().unwrap();
        let reported =
            (&notification["id"], &notification["event_id"], &notification["webhook_id"], &notification["type"]);
        assert_eq!(reported, (&delivered["id"], &json!(event), &json!(webhook), &json!("PAYMENT.PAID")));
        assert_eq!(notification["status"], status, "as it was then");
        assert_eq!(notification["attempts_count"], json!(number + 1));
        assert!(!notification.contains_key("attempts"));
    }
    let mut whole = delivered;
    whole.as_object_mut().unwrap().remove("attempts");
    assert_eq!(second.attempt()["notification"], whole);
    // From the beginning, from the first on by either name, from the last on.
    let (mut again, _) = Reader::follow(&daemon, "", &format!("Last-Event-ID: {start}\r\n"));
    assert_eq!([again.message().data, again.message().data], [first.data.clone(), second.data.clone()]);
    let from = first.id.unwrap();
    let (mut again, _) = Reader::follow(&daemon, &format!("?after={from}"), "");
    assert_eq!(again.message().data, second.data);
    let (mut again, _) = Reader::follow(&daemon, &format!("?after={start}"), &format!("Last-Event-ID: {from}\r\n"));
    assert_eq!(again.message().data, second.data, "a browser's own word is newer than its address");
    let (mut again, at) = Reader::follow(&daemon, "", &format!("Last-Event-ID: {}\r\n", second.id.unwrap()));
    daemon.record("PAYMENT.REFUNDED");
    let third = again.message();
    assert_eq!(third.attempt()["notification"]["type"], "PAYMENT.REFUNDED");
    assert_ne!(third.id, Some(at));
}

#[test]
fn what_is_asked_for_comes_and_nothing_else() {
    let daemon = Daemon::quick();
    let (one, two) = (Receiver::ok(), Receiver::ok());
    let webhook = daemon.register(&one.url, &["*"]);
    daemon.register(&two.url, &["*"]);
    let own = "0193a5b0-1111-4222-8333-444455556666";
    let (mut by_webhook, _) = Reader::follow(&daemon, &format!("?webhook_id={webhook}"), "");
    let (mut by_event, _) = Reader::follow(&daemon, &format!("?event_id={own}"), "");
    let (mut by_type, _) = Reader::follow(&daemon, "?type=ORDER.*", "");
    for (event_type, id) in [("PAYMENT.PAID", None), ("PAYMENT.PENDING", Some(&own)), ("ORDER.PAID", None)] {
        daemon.record_with(json!({ "type": event_type, "id": id, "resource": {} }));
        // One after the other: attempts at the same time may end in any order.
        let reported = by_webhook.message();
        let notification = &reported.attempt()["notification"];
        assert_eq!((&notification["webhook_id"], &notification["type"]), (&json!(webhook), &json!(event_type)));
    }
    for _ in 0..2 {
        assert_eq!(by_event.message().attempt()["notification"]["event_id"], own);
        assert_eq!(by_type.message().attempt()["notification"]["type"], "ORDER.PAID");
    }
    for bad in ["after=nonsense", "webhook_id=7", "type=pay", "limit=5", "event_id=x"] {
        daemon.get(&format!("/api/notifications/stream?{bad}")).refused(422, "invalid_fields");
    }
}

#[test]
fn a_reader_of_an_earlier_run_is_told_of_the_gap() {
    let mut daemon = Daemon::quick();
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["*"]);
    let (mut reader, _) = Reader::follow(&daemon, "", "");
    daemon.record("PAYMENT.PAID");
    let place = reader.message().id.unwrap();
    daemon.kill_9();
    daemon.spawn();
    for header in [place.as_str(), "nonsense"] {
        let (mut again, _) = Reader::follow(&daemon, "", &format!("Last-Event-ID: {header}\r\n"));
        let gap = again.message();
        assert_eq!(gap.event.as_deref(), Some("gap"));
        assert!(gap.data["detail"].is_string() && gap.id.is_some_and(|id| id != place));
        let event = daemon.record("PAYMENT.PAID");
        // Outcomes of before the crash that were not durable come again.
        let mut reported = again.message();
        while reported.attempt()["notification"]["event_id"] != event {
            reported = again.message();
        }
    }
}

#[test]
fn nobody_follows_another_accounts_attempts_nor_without_the_scope() {
    let accounts =
        "[[account]]\nname = \"a\"\nadmin_token_file = \"a\"\n[[account]]\nname = \"b\"\nadmin_token_file = \"b\"\n";
    let tokens = ["a-token-of-twenty-letters", "b-token-of-twenty-letters"];
    let folder = tempfile::tempdir().unwrap();
    let mut config = format!("{QUICK}{accounts}");
    for (name, token) in ["a", "b"].into_iter().zip(tokens) {
        let file = folder.path().join(name);
        std::fs::write(&file, token).unwrap();
        config = config.replace(&format!("file = \"{name}\""), &format!("file = \"{}\"", file.display()));
    }
    let daemon = Daemon::start(&config);
    let receiver = Receiver::ok();
    let call = |token: &str, path: &str, body: Value| {
        let answer =
            daemon.call_as(token, "POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes());
        answer.expect(201).data()
    };
    for token in tokens {
        call(token, "/api/webhooks", json!({ "webhook": { "target": receiver.url, "events": ["*"] } }));
    }
    let mut reader = Reader::open(&daemon, tokens[1], "", "");
    let event = |name: &str| json!({ "event": { "type": name, "resource": {} } });
    call(tokens[0], "/api/events", event("OF.A"));
    receiver.await_count(1);
    call(tokens[1], "/api/events", event("OF.B"));
    assert_eq!(reader.message().attempt()["notification"]["type"], "OF.B");
    let ingest = call(tokens[0], "/api/tokens", json!({ "token": { "name": "i", "scopes": ["ingest"] } }));
    let path = "/api/notifications/stream";
    daemon.call_as(ingest["token"].as_str().unwrap(), "GET", path, "", b"").refused(403, "forbidden");
    daemon.call_as("", "GET", path, "", b"").refused(401, "unauthorized");
    daemon.call_as(tokens[0], "POST", path, "", b"").refused(405, "method_not_allowed");
    let head = daemon.call_as(tokens[0], "HEAD", path, "", b"").expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), (Some("text/event-stream"), 0));
    // One after the other, so many that none may be left open by the ones before.
    let open: Vec<Reader> = (0..32).map(|_| Reader::open(&daemon, tokens[0], "", "")).collect();
    daemon.call_as(tokens[0], "GET", path, "", b"").refused(409, "too_many_streams");
    Reader::open(&daemon, tokens[1], "", "");
    drop(open);
    eventually("places are given back", || lets_in(&daemon, tokens[0], path, "").then_some(()));
}

/// Longer than a connection may idle, in a daemon whose other connections are taken: until its token is revoked.
#[test]
fn a_stream_stays_open_while_its_token_lives_and_ends_at_once_with_the_daemon() {
    let patience = "server.idle_timeout = \"1s\"\nserver.write_timeout = \"1s\"\nserver.max_connections = 16\n";
    let mut daemon = Daemon::start(&format!("{patience}{QUICK}"));
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["*"]);
    let made = daemon.post("/api/tokens", &json!({ "token": { "name": "t", "scopes": ["read"] } })).expect(201).data();
    let mut revoked = Reader::open(&daemon, made["token"].as_str().unwrap(), "", "");
    let (mut stays, _) = Reader::follow(&daemon, "", "");
    let crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&daemon.address).unwrap()).collect();
    assert!(revoked.next().unwrap().comment.is_some());
    daemon.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    let start = Instant::now();
    assert!(revoked.next().is_none(), "a stream ends with its token");
    // Within a second; the machine may be busy with everything else. It was up to fifteen.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(stays.next().unwrap().comment.as_deref(), Some("keep-alive"));
    daemon.record("PAYMENT.PAID");
    assert_eq!(stays.message().attempt()["notification"]["status"], "DELIVERED");
    drop(crowd);
    let start = Instant::now();
    daemon.signal("-TERM");
    assert!(stays.next().is_none());
    assert!(daemon.wait().success());
    assert!(start.elapsed() < Duration::from_secs(10), "nobody waits for the grace time: {:?}", start.elapsed());
}
