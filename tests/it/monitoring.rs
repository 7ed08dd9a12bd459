//! What Prometheus reads: checked by its own tool, from Debian's `prometheus`. `.ci/run` installs it; where it is not,
//! that is said.

use super::harness::{Daemon, skipped};
use super::receiver::{Receiver, Reply};
use std::io::Write as _;
use std::process::{Command, Stdio};

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
