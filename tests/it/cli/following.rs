//! `carteiro tail` and `events follow`: what goes on while the daemon, or the way to it, comes and goes; and to which
//! daemon a command speaks as whom.

use super::super::harness::{Daemon, QUICK, eventually, knows_localhost, skipped};
use super::super::receiver::{Receiver, read_request};
use super::running::Running;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

/// An attempt as the stream shows it.
fn attempt(number: u32) -> String {
    let notification = json!({
        "id": "0193a5b0-1111-7222-8333-444455556666", "type": "PAYMENT.PAID", "target": "http://loja.example/",
        "status": "RETRYING",
    });
    let attempt = json!({
        "number": number, "trigger": "AUTOMATIC", "started_at": "2026-11-23T12:00:00.123Z", "duration_ms": 3.5,
        "error": { "code": "http_5xx", "message": "The target answered 500." }, "response_status": 500,
        "next_attempt_at": "2026-11-23T12:00:05.000Z",
    });
    format!(
        "id: place-{number}\nevent: attempt\ndata: {}\n\n",
        json!({ "notification": notification, "attempt": attempt })
    )
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// A daemon's stream as far as a test needs one: each connection gets the next part of the script and is cut off behind
/// it.
fn fake(script: Vec<String>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, heads) = mpsc::channel();
    std::thread::spawn(move || {
        let serve = |mut stream: TcpStream, part: &str| {
            let (head, _) = read_request(&mut stream)?;
            stream.write_all(part.as_bytes()).ok()?;
            sender.send(head).ok()
        };
        for part in script {
            let Ok((stream, _)) = listener.accept() else { return };
            serve(stream, &part);
        }
    });
    (address, heads)
}

#[test]
fn tail_goes_on_where_the_connection_broke_off() {
    let daemon = Daemon::quick();
    let unavailable = "HTTP/1.1 503 X\r\nContent-Length: 51\r\nConnection: close\r\n\r\n\
                       {\"errors\":{\"code\":\"x\",\"detail\":\"carteiro is busy\"}}\n";
    let script = vec![
        // The last message isn't whole: it comes again.
        format!("{HEAD}: keep-alive\n\n{}{}{}", attempt(1), attempt(2), attempt(3).trim_end()),
        unavailable.to_owned(),
        // What nginx says while the daemon restarts behind it.
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\
         \r\n<html></html>"
            .to_owned(),
        format!("{HEAD}event: something-new\ndata: 1\n\n{}{}", attempt(3), attempt(4)),
    ];
    let (address, heads) = fake(script);
    let arguments = [
        "tail",
        "--json",
        "--type",
        "PAYMENT.*",
        "--webhook-id",
        "0193a5b0-1111-7222-8333-444455556667",
        "--count",
        "4",
    ];
    let mut tail = Running::start_at(&daemon, &address, &arguments);
    let reported: Vec<Value> = (0..4).map(|_| tail.line()["attempt"]["number"].clone()).collect();
    assert_eq!(reported, [1, 2, 3, 4].map(Value::from));
    assert_eq!(tail.wait(), 0);
    let first = heads.recv().unwrap();
    let path = "GET /api/notifications/stream?webhook_id=0193a5b0-1111-7222-8333-444455556667&type=PAYMENT.* HTTP/1.1";
    assert!(first.starts_with(path), "{first}");
    assert!(first.contains("accept: text/event-stream") && !first.contains("last-event-id"), "{first}");
    for _ in 0..3 {
        let again = heads.recv().unwrap();
        assert!(again.contains("last-event-id: place-2"), "{again}");
    }
    tail.await_complaint("ended the stream");
    tail.await_complaint("carteiro is busy");
    tail.await_complaint("answered 502 Bad Gateway: what is there can't reach the daemon");
    tail.await_complaint("carteiro tail --after place-4");
}

#[test]
fn tail_is_readable_and_ends_by_ctrl_c() {
    let daemon = Daemon::quick();
    let (address, heads) = fake(vec![format!("{HEAD}{}", attempt(1)), String::new()]);
    let arguments =
        ["notifications", "follow", "--after", "place-0", "--event-id", "0193a5b0-1111-7222-8333-444455556667"];
    let mut follow = Running::start_at(&daemon, &address, &arguments);
    let head = heads.recv().unwrap();
    assert!(head.contains("last-event-id: place-0") && head.contains("event_id=0193a5b0"), "{head}");
    follow.await_complaint("trying again");
    follow.interrupt();
    assert_eq!(follow.wait(), 0);
    let printed = follow.everything();
    let expected = "12:00:00  0193a5b0-1111-7222-8333-444455556666  PAYMENT.PAID          \
        #1 http_5xx, 3.5 ms: The target answered 500. Again at 12:00:05.  http://loja.example/\n";
    assert_eq!(printed, expected);
}

#[test]
fn tail_doesnt_wait_for_what_will_not_come() {
    let daemon = Daemon::quick();
    let mut nobody = Running::start_at(&daemon, "127.0.0.1:1", &["tail"]);
    assert_eq!(nobody.wait(), 75);
    nobody.await_complaint("is `carteiro serve` running?");
    let (address, _) = fake(vec!["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned()]);
    let mut stranger = Running::start_at(&daemon, &address, &["tail"]);
    assert_eq!(stranger.wait(), 1);
    stranger.await_complaint("is that carteiro?");
}

#[test]
fn events_are_followed_through_a_restart() {
    let mut daemon = on_a_port_of_its_own("");
    daemon.record("ORDER.CREATED");
    let mut follow = Running::start(&daemon, &["events", "follow", "--json", "--every", "20ms", "--after", "start"]);
    assert_eq!(follow.line()["type"], "ORDER.CREATED");
    let first = daemon.record("PAYMENT.PAID");
    assert_eq!(follow.line()["id"], json!(first));
    daemon.terminate();
    follow.await_complaint("trying again");
    daemon.spawn();
    let second = daemon.record("PAYMENT.PAID");
    assert_eq!(follow.line()["id"], json!(second));
    follow.interrupt();
    assert_eq!(follow.wait(), 0);
    let place = follow.await_complaint("carteiro events follow --after ");
    let place = place.split(' ').nth(4).unwrap().trim_end_matches('`').to_owned();
    let third = daemon.record("ORDER.PAID");
    let arguments = ["events", "follow", "--after", &place, "--count", "1", "--json"];
    let mut again = Running::start(&daemon, &arguments);
    assert_eq!(again.line()["id"], json!(third));
    assert_eq!(again.wait(), 0);
    // Without a place it begins now: what was recorded before is not shown.
    let mut from_now = Running::start(&daemon, &["events", "follow", "--every", "20ms", "--count", "1", "--json"]);
    // Whatever is recorded before it has asked where the feed ends is not shown either, so something is until it is
    // told.
    let reported = eventually("an event is told", || {
        let id = daemon.record("ORDER.UPDATED");
        from_now.try_line().map(|reported| (reported, id))
    });
    assert_eq!(reported.0["type"], "ORDER.UPDATED");
}

/// A daemon on an address that stays the same when it comes back.
fn on_a_port_of_its_own(config: &str) -> Daemon {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut daemon = Daemon::quick();
    daemon.terminate();
    let config =
        format!("store.path = \"{}\"\nserver.listen = \"127.0.0.1:{port}\"\n{config}", daemon.data().display());
    std::fs::write(daemon.config_file(), config).unwrap();
    daemon.spawn();
    daemon
}

/// The real stream, through a crash: what was shown is shown once, what the new daemon does is shown from its first
/// attempt on, and the gap between is said.
#[test]
fn tail_follows_the_daemon_through_kill_9() {
    let mut daemon = on_a_port_of_its_own(QUICK);
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["PAYMENT.*"]);
    let mut tail = Running::start(&daemon, &["tail", "--json"]);
    // It is let in when the first one is shown: what was before isn't.
    let reported = eventually("tail tells", || {
        daemon.record("PAYMENT.PAID");
        tail.try_line()
    });
    assert_eq!(reported["attempt"]["response_status"], 204);
    let marked = daemon.record_with(json!({ "type": "PAYMENT.REFUNDED", "resource": {} }));
    // Attempts at the same time may end in any order.
    let until_told = |tail: &mut Running, events: &[String]| {
        let mut awaited: BTreeSet<&str> = events.iter().map(String::as_str).collect();
        while !awaited.is_empty() {
            awaited.remove(tail.line()["notification"]["event_id"].as_str().unwrap());
        }
    };
    until_told(&mut tail, std::slice::from_ref(&marked));
    daemon.await_status(&marked, "DELIVERED");
    daemon.kill_9();
    tail.await_complaint("trying again");
    daemon.spawn();
    // Before tail is back, as likely as not; shown all the same.
    let after: Vec<String> = (0..5).map(|_| daemon.record("PAYMENT.SETTLED")).collect();
    until_told(&mut tail, &after);
    tail.await_complaint("attempts may be missing");
    tail.interrupt();
    assert_eq!(tail.wait(), 0);
    let place = tail.await_complaint("carteiro tail --after ");
    let place = place.split(' ').nth(3).unwrap().trim_end_matches('`').to_owned();
    let missed = daemon.record("PAYMENT.PAID");
    daemon.await_status(&missed, "DELIVERED");
    let mut again = Running::start(&daemon, &["tail", "--after", &place, "--count", "1", "--json"]);
    assert_eq!(again.line()["notification"]["event_id"], json!(missed));
    assert_eq!(again.wait(), 0);
}

/// The token that opens everything here is for the daemon here; a person who types another address brings a token for
/// it.
#[test]
fn the_local_admin_token_goes_to_the_local_daemon_alone() {
    let daemon = on_a_port_of_its_own("");
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    for arguments in [["webhooks", "list"], ["token", "list"], ["trigger", "PAYMENT.PAID"]] {
        let mut refused = Running::start_at(&daemon, &address, &arguments);
        assert_eq!(refused.wait(), 78);
        let said = refused.await_complaint("no token was given");
        assert!(said.contains(&address) && said.contains("--token-file"), "{said}");
    }
    for foreign in ["192.0.2.1:80", "https://loja.example", "http://loja.example/"] {
        let mut refused = Running::start_at(&daemon, foreign, &["events", "list"]);
        assert_eq!(refused.wait(), 78, "{foreign}");
        refused.await_complaint("no token was given");
    }
    assert!(stranger.accept().is_err(), "nobody came");
    if knows_localhost() {
        let named = daemon.address.replace("127.0.0.1", "localhost");
        assert_eq!(Running::start_at(&daemon, &named, &["webhooks", "list"]).wait(), 0);
    } else {
        skipped("localhost as the daemon's address", "this machine's resolver doesn't know it");
    }
    // Brought for it, a token is sent to it.
    let (address, heads) = fake(vec!["HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\n{}".to_owned()]);
    let mut brought = Running::start_at(&daemon, &address, &["webhooks", "list", "--token", "another"]);
    assert_eq!(brought.wait(), 1);
    let head = heads.recv().unwrap();
    assert!(head.contains("authorization: Bearer another"), "{head}");
}

/// An erasure that was left to the daemon ended with code 1, where a resend and a backfill ended with 0.
#[test]
fn a_job_that_is_left_to_the_daemon_is_no_failure() {
    let daemon = Daemon::quick();
    let id = "0193a5b0-1111-7222-8333-444455556666";
    let body = json!({ "data": { "id": id, "status": "RUNNING", "events": 7, "erased": 3 } }).to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let (address, heads) = fake(vec![answer; 1000]);
    let mut erasing = Running::start_at(&daemon, &address, &["events", "erase", "--query", "o-1", "--yes"]);
    erasing.await_complaint("erases 7 events");
    let asked_for_progress = |head: String| head.starts_with(&format!("GET /api/erasures/{id} "));
    eventually("it asks how far the job has got", || heads.try_recv().is_ok_and(asked_for_progress).then_some(()));
    erasing.interrupt();
    erasing.await_complaint(&format!("`carteiro events cancel-erasure {id}` ends it"));
    assert_eq!(erasing.wait(), 0);
}
