//! `carteiro webhooks backfill` and its like, and `carteiro events resend --webhook`.

use super::{carteiro, complaint, done, fails, json_of};
use crate::harness::Daemon;
use crate::receiver::Receiver;
use serde_json::json;

#[test]
fn a_webhook_is_sent_what_was_recorded_before_and_one_event_goes_to_one_webhook() {
    let (daemon, receiver, other) = (Daemon::quick(), Receiver::ok(), Receiver::ok());
    let events: Vec<String> = (0..20).map(|_| daemon.record("PAYMENT.PAID")).collect();
    let webhook = daemon.register(&receiver.url, &["PAYMENT.*"]);
    let backfill = ["webhooks", "backfill", &webhook, "--from", "7d"];
    let counted = done(&daemon, &[&backfill[..], &["--dry-run"]].concat());
    assert_eq!(counted, "20 events match; 20 notifications would be created\n");
    let counted = json_of(&daemon, &[&backfill[..], &["--dry-run"]].concat());
    assert_eq!(counted, json!({ "matched": 20, "would_create": 20, "exact": true }));
    let job = json_of(&daemon, &backfill);
    assert_eq!((&job["status"], &job["created"], &job["skipped"]), (&json!("DONE"), &json!(20), &json!(0)));
    receiver.await_count(20);
    let id = job["id"].as_str().unwrap();
    assert_eq!(json_of(&daemon, &["webhooks", "backfills"])[0]["id"], json!(id));
    assert!(done(&daemon, &["webhooks", "backfills"]).contains(id));
    assert!(done(&daemon, &["webhooks", "show-backfill", id]).contains("DONE"));
    assert!(done(&daemon, &["webhooks", "cancel-backfill", id]).contains("DONE"), "what has ended stays as it is");
    let again = done(&daemon, &[&backfill[..], &["--type", "PAYMENT.PAID", "--to", "now"]].concat());
    assert!(again.contains("skipped 20: received already"), "{again}");
    let begun = carteiro(&daemon, &[&backfill[..], &["--no-wait"]].concat(), "", &[]);
    assert_eq!(complaint(&begun), "", "nobody waits for it");

    let orders = daemon.register(&other.url, &["ORDER.*"]);
    let sent = done(&daemon, &["events", "resend", &events[0], "--webhook", &orders]);
    assert!(sent.starts_with('1'), "{sent}");
    other.await_count(1);
    fails(&daemon, &["webhooks", "backfill", &webhook, "--from", "soon"], 2, "must be a time");
    fails(&daemon, &["webhooks", "backfill", &webhook], 2, "--from");
}
