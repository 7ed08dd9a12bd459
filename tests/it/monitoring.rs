//! What Prometheus reads: checked by its own tool, from Debian's `prometheus`. `.ci/run` installs it; where it is not,
//! that is said.

use super::harness::{Daemon, QUICK, skipped};
use super::receiver::{Receiver, Reply};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

const TWO_ACCOUNTS: &str = "[[account]]\nname = \"default\"\n[[account]]\nname = \"other\"\n";

fn promtool(arguments: &[&str], input: &[u8]) -> Option<(bool, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/monitoring");
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        skipped("promtool", "it is not installed; .ci/run installs Debian's prometheus");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    Some((out.status.success(), [out.stdout, out.stderr].map(|said| String::from_utf8(said).unwrap()).concat()))
}

#[test]
fn the_figures_are_what_prometheus_expects_and_say_what_happened() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(200)]);
    let webhook = daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    receiver.now(Reply::Silence);
    daemon.record("PAYMENT.PAID");
    receiver.await_count(3);
    let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
    for line in [
        "carteiro_attempts_total{outcome=\"delivered\"} 1",
        "carteiro_attempts_total{outcome=\"http_5xx\"} 1",
        "carteiro_attempts_in_flight 1",
        "carteiro_events_recorded_total 2",
        "carteiro_notifications_ended_total{state=\"DELIVERED\"} 1",
        "carteiro_notifications_pending{state=\"PENDING\"} 1",
        "carteiro_delivery_duration_seconds_count 1",
        "carteiro_ingest_duration_seconds_count 2",
        "carteiro_http_requests_total{class=\"ingest\",code=\"201\"} 2",
        &format!("carteiro_webhook_notifications_pending{{webhook_id=\"{webhook}\"}} 1"),
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    if let Some((good, said)) = promtool(&["check", "metrics"], text.as_bytes()) {
        assert!(good && said.is_empty(), "{said}");
    }
}

/// A `store.min_free` under which jobs wait, and nothing else is refused but what makes the store grow.
pub(crate) fn more_than_is_free(daemon: &Daemon) -> String {
    format!("{}MiB", daemon.metric("carteiro_store_free_bytes") / (1 << 19))
}

/// The value of each series of jobs, where it isn't 0.
fn job_figures(daemon: &Daemon, token: Option<&str>) -> BTreeMap<String, u64> {
    let answer = match token {
        Some(token) => daemon.call_as(token, "GET", "/metrics", "", b""),
        None => daemon.get("/metrics"),
    };
    let text = String::from_utf8(answer.expect(200).body).unwrap();
    let figures = text.lines().filter_map(|line| line.strip_prefix("carteiro_job")?.rsplit_once(' '));
    let figures = figures.map(|(name, value)| (name.replace('"', ""), value.parse().unwrap()));
    figures.filter(|(_, value)| *value > 0).collect()
}

#[track_caller]
fn await_job_figures(daemon: &Daemon, expected: &[(&str, u64)]) {
    let expected: BTreeMap<String, u64> = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let mut last = BTreeMap::new();
    let holds = (0..2000).any(|_| {
        last = job_figures(daemon, None);
        last == expected || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    });
    assert!(holds, "{last:?} instead of {expected:?}");
}

/// Jobs under way are the store's, and outlive a restart; what has ended is counted since the start.
#[test]
fn jobs_are_counted_by_kind_as_they_go_on_and_end() {
    let config = |least: &str| format!("store.min_free = \"{least}\"\n{TWO_ACCOUNTS}{QUICK}");
    let room = config("1MiB");
    let mut daemon = Daemon::start(&room);
    let other = std::fs::read_to_string(daemon.data().join("admin-token-other")).unwrap().trim().to_owned();
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let webhook = daemon.register_with(
        json!({ "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 1 } }),
    );
    let webhook = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let set = |daemon: &Daemon, status: &str| {
        daemon.patch(&webhook, &json!({ "webhook": { "status": status } })).expect(200);
    };
    for _ in 0..3 {
        let event = daemon.record_with(json!({ "type": "ORDER.PAID", "resource": { "order_id": "o-1" } }));
        daemon.await_status(&event, "FAILED");
    }
    let begin_resend = |daemon: &Daemon| {
        let begun = daemon.post("/api/notifications/resend", &json!({ "filter": { "status": "FAILED" } })).expect(202);
        format!("/api/notifications/resend/{}", begun.data()["id"].as_str().unwrap())
    };
    let begin_backfill = |daemon: &Daemon| {
        let since = json!({ "from": "2020-01-01T00:00:00Z" });
        let begun = daemon.post(&format!("{webhook}/backfill"), &since).expect(202).data();
        format!("/api/webhooks/backfill/{}", begun["id"].as_str().unwrap())
    };
    await_job_figures(&daemon, &[]);

    set(&daemon, "PAUSED");
    let (resent, filled) = (begin_resend(&daemon), begin_backfill(&daemon));
    // Jobs wait for room on the disk.
    daemon.reload(&config(&more_than_is_free(&daemon)));
    let erased = daemon.post("/api/erasures", &json!({ "q": "o-1" })).expect(202).data();
    let erased = format!("/api/erasures/{}", erased["id"].as_str().unwrap());
    let running = [("s_running{kind=backfill}", 1), ("s_running{kind=erasure}", 1), ("s_running{kind=resend}", 1)];
    await_job_figures(&daemon, &running);
    assert_eq!(job_figures(&daemon, Some(&other)), BTreeMap::new(), "another account's are its own");
    daemon.kill_9();
    daemon.spawn();
    await_job_figures(&daemon, &running);
    for job in [&resent, &filled, &erased] {
        daemon.delete(job).expect(200);
        daemon.delete(job).expect(200);
    }
    let cancelled = [
        ("s_ended_total{kind=backfill,state=CANCELLED}", 1),
        ("s_ended_total{kind=erasure,state=CANCELLED}", 1),
        ("s_ended_total{kind=resend,state=CANCELLED}", 1),
    ];
    await_job_figures(&daemon, &cancelled);

    daemon.reload(&room);
    receiver.now(Reply::Status(200));
    set(&daemon, "ACTIVE");
    begin_resend(&daemon);
    let resent = [("s_ended_total{kind=resend,state=DONE}", 1), ("_items_total{kind=resend,result=done}", 3)];
    await_job_figures(&daemon, &[&cancelled[..], &resent].concat());
    begin_backfill(&daemon);
    let filled = [("s_ended_total{kind=backfill,state=DONE}", 1), ("_items_total{kind=backfill,result=skipped}", 3)];
    await_job_figures(&daemon, &[&cancelled[..], &resent, &filled].concat());
    daemon.post("/api/erasures", &json!({ "q": "o-1" })).expect(202);
    let erased = [("s_ended_total{kind=erasure,state=DONE}", 1), ("_items_total{kind=erasure,result=done}", 3)];
    await_job_figures(&daemon, &[&cancelled[..], &resent, &filled, &erased].concat());
    // A webhook of its own receives what was recorded before: all but what was erased.
    let second = daemon.register(&receiver.url, &["*"]);
    daemon.record("ORDER.PAID");
    let since = json!({ "from": "2020-01-01T00:00:00Z" });
    daemon.delete(&webhook).expect(204);
    daemon.post(&format!("/api/webhooks/{second}/backfill"), &since).expect(202);
    let filled = [("s_ended_total{kind=backfill,state=DONE}", 2), ("_items_total{kind=backfill,result=skipped}", 7)];
    await_job_figures(&daemon, &[&cancelled[..], &resent, &filled, &erased].concat());
    daemon.terminate();
    daemon.spawn();
    await_job_figures(&daemon, &[]);
}

#[test]
fn the_alert_rules_pass_their_tests_and_name_what_there_is() {
    if let Some((good, said)) = promtool(&["test", "rules", "carteiro-alerts-test.yml"], b"") {
        assert!(good, "{said}");
    }
    let daemon = Daemon::quick();
    let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
    let absent = [
        "carteiro_last_backup_timestamp_seconds",
        "carteiro_certificate_expiry_timestamp_seconds",
        "carteiro_client_certificate_expiry_timestamp_seconds",
    ];
    let files = ["carteiro-alerts.yml", "carteiro-dashboard.json"];
    for file in files.map(|file| std::fs::read_to_string(format!("systemd/monitoring/{file}")).unwrap()) {
        let names = file.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        let names: Vec<&str> = names.filter(|name| name.starts_with("carteiro_")).collect();
        assert!(names.len() > 8);
        for name in names {
            assert!(text.contains(name) || absent.contains(&name), "there is no {name}");
        }
    }
}
