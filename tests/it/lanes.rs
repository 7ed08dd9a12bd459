//! What holds a webhook's deliveries, what lets go of them, and what a person's own attempts pass by.

use crate::harness::{Daemon, QUICK, eventually, retrying_after};
use crate::receiver::{Receiver, Reply};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What the issue calls "within a second", on a machine that does something else as well.
const AT_ONCE: Duration = Duration::from_secs(4);

fn busy(seconds: u32) -> Reply {
    Reply::Raw(format!("HTTP/1.1 503 Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

fn change(daemon: &Daemon, webhook: &str, change: Value) {
    daemon.patch(&format!("/api/webhooks/{webhook}"), &json!({ "webhook": change })).expect(200);
}

fn resend(daemon: &Daemon, notification: &Value) {
    let id = notification["id"].as_str().unwrap();
    daemon.post(&format!("/api/notifications/{id}/resend"), &json!({})).expect(202);
}

#[track_caller]
fn await_within(span: Duration, receiver: &Receiver, count: usize) {
    let start = Instant::now();
    receiver.await_count(count);
    assert!(start.elapsed() < span, "after {:?}", start.elapsed());
}

#[test]
fn another_target_or_a_status_set_active_again_ends_what_the_old_target_asked_for() {
    let daemon = Daemon::quick();
    let (old, new) = (Receiver::start(&[busy(3600)]), Receiver::ok());
    for change_of in [json!({ "target": new.url }), json!({ "status": "ACTIVE" })] {
        old.now(busy(3600));
        let (before, before_new) = (old.count(), new.count());
        let webhook = daemon.register(&old.url, &["*"]);
        let tried = daemon.record("PAYMENT.PAID");
        daemon.await_status(&tried, "RETRYING");
        let waiting = daemon.record("PAYMENT.PAID");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!((old.count(), new.count()), (before + 1, before_new), "the second waits as well");
        let patched = Instant::now();
        if change_of["status"].is_string() {
            old.now(Reply::Status(200));
        }
        change(&daemon, &webhook, change_of);
        // The one that was tried is due by the schedule again, and not in an hour.
        for event in [&tried, &waiting] {
            daemon.await_status(event, "DELIVERED");
        }
        assert!(patched.elapsed() < AT_ONCE, "after {:?}", patched.elapsed());
        daemon.delete(&format!("/api/webhooks/{webhook}")).expect(204);
    }
}

#[test]
fn attempts_in_flight_to_an_old_target_hold_nothing_back_from_the_new_one() {
    let daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"20s\""));
    let (old, new) = (Receiver::start(&[Reply::Silence]), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": old.url, "events": ["*"], "max_in_flight": 2 }));
    for _ in 0..5 {
        daemon.record("PAYMENT.PAID");
    }
    old.await_count(2);
    change(&daemon, webhook["id"].as_str().unwrap(), json!({ "target": new.url }));
    await_within(AT_ONCE, &new, 3);
    assert_eq!(old.count(), 2);
}

#[test]
fn a_test_and_an_attempt_by_hand_go_out_at_once_whatever_holds_the_lane() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[busy(3600)]);
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "rate_limit": 0.01 }));
    let test = format!("/api/webhooks/{}/test", webhook["id"].as_str().unwrap());
    for nth in 1..=3 {
        daemon.post(&test, &json!({})).expect(202);
        await_within(AT_ONCE, &receiver, nth);
    }
    // By now the target has asked even manual re-sends to stay away, and the rate limit is overdrawn.
    let event = daemon.record("PAYMENT.PAID");
    let notification = daemon.history(&event).remove(0);
    resend(&daemon, &notification);
    await_within(AT_ONCE, &receiver, 4);
    let detail = eventually("its attempt is there", || {
        let detail = daemon.history(&event).remove(0);
        (detail["attempts_count"] == 1).then_some(detail)
    });
    assert_eq!((&detail["status"], &detail["attempts"][0]["trigger"]), (&json!("PENDING"), &json!("MANUAL")));
    // Many at once, as one job, keep to what the target asked for.
    daemon.post("/api/notifications/resend", &json!({ "filter": { "type": "PAYMENT.PAID" } })).expect(202);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(receiver.count(), 4);
}

#[test]
fn a_raised_rate_limit_holds_at_once() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "rate_limit": 0.01 }));
    for _ in 0..20 {
        daemon.record("PAYMENT.PAID");
    }
    receiver.await_count(1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(receiver.count(), 1);
    change(&daemon, webhook["id"].as_str().unwrap(), json!({ "rate_limit": 100 }));
    await_within(AT_ONCE, &receiver, 20);
}

#[test]
fn a_lane_is_as_wide_as_ever_once_its_target_answers_whatever_it_answers() {
    let daemon = Daemon::start(&retrying_after("1h"));
    let receiver = Receiver::start(&[Reply::Close, Reply::Status(500)]);
    daemon.register(&receiver.url, &["*"]);
    for _ in 0..2 {
        let event = daemon.record("PAYMENT.PAID");
        daemon.await_status(&event, "RETRYING");
    }
    receiver.now(Reply::Late(Duration::from_millis(700), 500));
    for _ in 0..4 {
        daemon.record("PAYMENT.PAID");
    }
    let requests = receiver.await_count(6);
    let span = requests[5].at - requests[2].at;
    assert!(span < Duration::from_millis(650), "one after the other: {span:?}");
}

#[test]
fn connections_to_what_is_sent_nothing_any_more_are_closed_soon() {
    let daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"10s\""));
    let other = Receiver::ok();
    for change_of in [json!(null), json!({ "status": "PAUSED" }), json!({ "target": other.url })] {
        let receiver = Receiver::ok();
        let webhook = daemon.register(&receiver.url, &["*"]);
        let event = daemon.record("PAYMENT.PAID");
        receiver.await_count(1);
        eventually("it is delivered", || {
            let own = |it: &Value| it["webhook_id"] == *webhook && it["status"] == "DELIVERED";
            daemon.history(&event).iter().any(own).then_some(())
        });
        assert_eq!(receiver.open(), 1, "kept");
        // And one that is in flight when it happens.
        receiver.now(Reply::Late(Duration::from_millis(500), 204));
        daemon.record("PAYMENT.PAID");
        receiver.await_count(2);
        let from = Instant::now();
        if change_of.is_null() {
            daemon.delete(&format!("/api/webhooks/{webhook}")).expect(204);
        } else {
            change(&daemon, &webhook, change_of);
        }
        eventually("both are closed", || (receiver.open() == 0).then_some(()));
        assert!(from.elapsed() < Duration::from_secs(8), "after {:?}", from.elapsed());
    }
}

/// The soft limit of open files of a running daemon.
fn limit_files(daemon: &Daemon, most: u64) {
    let process = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    // The hard limit, which it has from us, stays where it is.
    let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(process, Resource::Nofile, limit).unwrap();
}

/// One request on a connection that stays open.
fn ask(stream: &mut TcpStream, daemon: &Daemon, method: &str, path: &str, body: &str) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        daemon.address,
        daemon.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 16 * 1024];
    let read = stream.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
}

/// A daemon that had used up its file descriptors failed what was pending with `internal`, twenty times within minutes.
#[test]
fn a_fault_of_our_own_uses_up_no_attempt_and_counts_against_no_target() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let once = json!({ "schedule": ["20ms"], "max_attempts": 1 });
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "retry": once }));
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    let status = |status: &str| format!(r#"{{"webhook":{{"status":"{status}"}}}}"#);
    ask(&mut stream, &daemon, "PATCH", &path, &status("PAUSED"));
    let event = daemon.record("PAYMENT.PAID");
    limit_files(&daemon, 8);
    ask(&mut stream, &daemon, "PATCH", &path, &status("ACTIVE"));
    eventually("it says so", || daemon.log().contains("this machine could not make an attempt").then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    limit_files(&daemon, 1024);
    let delivered = daemon.await_status(&event, "DELIVERED");
    assert_eq!((&delivered["attempts_count"], receiver.count()), (&json!(1), 1));
    let said = daemon.log().matches("this machine could not make an attempt").count();
    assert_eq!(said, 1, "once a minute");
}

// ---- what is said of it ----

fn explained(daemon: &Daemon, event: &str) -> Value {
    daemon.get(&format!("/api/events/{event}/explain")).expect(200).data()[0].clone()
}

/// It was said that "its first attempt is about to be made", and the next attempt lay in the past.
#[track_caller]
fn assert_held(daemon: &Daemon, event: &str, en: &str, pt: &str) {
    let one = eventually("it is told what holds it", || {
        let one = explained(daemon, event);
        one["reason"].as_str().unwrap().contains(en).then_some(one)
    });
    let until = one["next_attempt_at"].as_str().unwrap();
    assert!(one["reason_pt"].as_str().unwrap().contains(pt), "{one}");
    for name in ["reason", "reason_pt"] {
        assert!(one[name].as_str().unwrap().contains(until), "{one}");
    }
    let now = humantime::format_rfc3339(std::time::SystemTime::now()).to_string();
    assert!(until > now.as_str(), "{until} lies before {now}");
    let notification = daemon.history(event).remove(0);
    assert_eq!(notification["next_attempt_at"], until);
    // Commands show local time, to the second; where this runs may be anywhere.
    let said = crate::cli::done(daemon, &["events", "explain", event, "--json"]);
    assert!(said.contains(until), "{said}");
    let said = crate::cli::done(daemon, &["events", "explain", event]);
    assert!(said.contains(&until[14..19]), "{said}");
}

#[test]
fn what_holds_a_notification_is_told_and_until_when() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[busy(3600)]);
    daemon.register(&receiver.url, &["*"]);
    let tried = daemon.record("PAYMENT.PAID");
    daemon.await_status(&tried, "RETRYING");
    let waiting = daemon.record("PAYMENT.PAID");
    for event in [&tried, &waiting] {
        assert_held(&daemon, event, "Retry-After", "pediu uma pausa");
    }
    let daemon = Daemon::quick();
    daemon.register_with(json!({ "target": Receiver::ok().url, "events": ["*"], "rate_limit": 0.01 }));
    let sent = daemon.record("PAYMENT.PAID");
    daemon.await_status(&sent, "DELIVERED");
    let waiting = daemon.record("PAYMENT.PAID");
    assert_held(&daemon, &waiting, "rate limit", "limite de envio");
}

#[test]
fn what_waits_for_a_place_or_for_a_target_to_be_reached_is_not_said_to_be_about_to_leave() {
    let daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"20s\""));
    let silent = Receiver::start(&[Reply::Silence]);
    daemon.register_with(json!({ "target": silent.url, "events": ["*"], "max_in_flight": 1 }));
    let first = daemon.record("PAYMENT.PAID");
    silent.await_count(1);
    assert!(explained(&daemon, &first)["reason"].as_str().unwrap().contains("being made right now"));
    let second = daemon.record("PAYMENT.PAID");
    let one = explained(&daemon, &second);
    assert!(one["reason"].as_str().unwrap().contains("max_in_flight"), "{one}");
    assert_eq!(one["next_attempt_at"], Value::Null);
}

/// Between the moment an outcome could be read and the moment its lane knew of it, a notification was DELIVERED,
/// in flight, and not to be re-sent.
#[test]
fn what_is_delivered_is_never_said_to_be_under_way() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    daemon.register(&receiver.url, &["*"]);
    for _ in 0..60 {
        let event = daemon.record("PAYMENT.PAID");
        let one = eventually("it is delivered", || {
            let one = explained(&daemon, &event);
            (one["status"] == "DELIVERED").then_some(one)
        });
        assert!(one["reason"].as_str().unwrap().contains("It was delivered"), "{one}");
        resend(&daemon, &daemon.history(&event)[0]);
    }
}

// ---- what the log says ----

#[test]
fn a_target_that_fails_is_told_once_and_so_is_that_it_is_well_again() {
    let mut daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register_with(json!({
        "target": format!("{}?chave=segredo", receiver.url), "events": ["*"],
        "retry": { "schedule": ["20ms"], "max_attempts": 4 },
    }));
    let id = webhook["id"].as_str().unwrap();
    let host = receiver.url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let failing =
        |daemon: &Daemon| daemon.get(&format!("/api/webhooks/{id}")).expect(200).data()["failing_since"].clone();
    let event = daemon.record("PAYMENT.PAID");
    let failed = daemon.await_status(&event, "FAILED");
    assert_eq!(failing(&daemon), Value::Null, "four attempts are not five");
    let line = |daemon: &Daemon, says: &str| daemon.logged(says);
    let reported = line(&daemon, "notification FAILED");
    let expected = [
        " WARN ",
        failed["id"].as_str().unwrap(),
        &event,
        id,
        host,
        "PAYMENT.PAID",
        "attempts=4",
        "status=500",
        "http_5xx",
    ];
    for part in expected {
        assert!(reported.contains(part), "{part}: {reported}");
    }
    daemon.record("PAYMENT.PAID");
    eventually("it fails", || failing(&daemon).is_string().then_some(()));
    daemon.record("PAYMENT.PAID");
    let reported = line(&daemon, "the webhook's target is failing");
    assert!(reported.contains(" WARN ") && reported.contains(id) && reported.contains(host), "{reported}");
    daemon.kill_9();
    daemon.spawn();
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "FAILED");
    receiver.now(Reply::Status(200));
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    let reported = line(&daemon, "is well again");
    assert!(reported.contains(" INFO ") && reported.contains(id) && reported.contains(host), "{reported}");
    assert_eq!(failing(&daemon), Value::Null);
    let log = daemon.log();
    assert_eq!(log.matches("the webhook's target is failing").count(), 1, "once, a restart or not: {log}");
    assert!(!log.contains("segredo"), "{log}");
}

#[test]
fn who_changed_webhooks_tokens_and_secrets_is_told() {
    let daemon = Daemon::quick();
    let new = json!({ "token": { "name": "caixa 2", "scopes": ["admin"] } });
    let made = daemon.post("/api/tokens", &new).expect(201).data();
    let (token, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    let as_them = |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        daemon.call_as(token, method, path, "Content-Type: application/json\r\n", body.as_bytes())
    };
    let webhook = json!({ "webhook": { "target": Receiver::ok().url, "events": ["*"] } });
    let webhook = as_them("POST", "/api/webhooks", webhook).expect(201).data();
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    as_them("PATCH", &path, json!({ "webhook": { "status": "PAUSED" } })).expect(200);
    as_them("POST", &format!("{path}/rotate_secret"), json!(null)).expect(200);
    as_them("DELETE", &path, json!(null)).expect(204);
    as_them("DELETE", &format!("/api/tokens/{id}"), json!(null)).expect(204);
    let says =
        ["webhook registered", "webhook changed", "signing secret rotated", "webhook deleted", "access token revoked"];
    for says in says {
        let line = daemon.logged(says);
        assert!(line.contains(&format!("by=token {id} \"caixa 2\"")), "{line}");
    }
    assert!(!daemon.log().contains(token), "the token itself is told nowhere");
    daemon.reload(QUICK);
    daemon.logged("config reloaded by=\"SIGHUP\"");
}
