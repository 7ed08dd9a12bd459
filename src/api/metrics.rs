//! `/metrics`: figures in the text format of Prometheus. The daemon's, whatever account asks.

use super::Call;
use super::answer::{Answer, Failure};
use super::query;
use std::fmt::Write as _;

/// One figure.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: Option<u64>,
}

pub(super) async fn show(call: &Call<'_>) -> Result<Answer, Failure> {
    query::none(call.query)?;
    let (figures, disk_bytes) = call.service.figures().await?;
    let troubled = call.service.troubled();
    let gauge = |name, help, value| Metric { name, kind: "gauge", help, value };
    let counter = |name, help, value| Metric { name, kind: "counter", help, value: Some(value) };
    let ((connections, dropped, refused), wrong_tokens) = (call.ingress.places.figures(), call.ingress.guesses.count());
    let metrics = [
        gauge("carteiro_events", "Events that are kept.", Some(figures.events)),
        gauge("carteiro_notifications", "Notifications that are kept.", Some(figures.notifications)),
        gauge("carteiro_payload_bytes", "Bytes of the payloads that are kept.", Some(figures.payload_bytes)),
        gauge("carteiro_store_disk_bytes", "Bytes that the store's files take on disk.", Some(disk_bytes)),
        gauge("carteiro_store_free_bytes", "Bytes that the data folder's disk has free.", figures.free_bytes),
        gauge(
            "carteiro_webhooks_failing",
            "Active webhooks whose last attempts were not confirmed.",
            Some(troubled.failing),
        ),
        gauge(
            "carteiro_webhooks_disabling",
            "Failing webhooks that will be disabled unless their targets confirm.",
            Some(troubled.warned),
        ),
        gauge("carteiro_webhooks_disabled", "Webhooks that carteiro has disabled.", Some(troubled.disabled)),
        counter("carteiro_commits_total", "Batches written since the store was made.", figures.commits),
        counter(
            "carteiro_retention_deleted_events_total",
            "Events that retention has deleted since the start.",
            figures.retired,
        ),
        gauge(
            "carteiro_last_backup_timestamp_seconds",
            "When the last scheduled backup was written, since the start.",
            figures.last_backup.map(crate::model::Timestamp::as_secs),
        ),
        gauge(
            "carteiro_certificate_expiry_timestamp_seconds",
            "When the server's certificate ends.",
            call.ingress.certificate_expiry().map(crate::model::Timestamp::as_secs),
        ),
        gauge("carteiro_connections", "Connections of callers that are open.", Some(connections)),
        counter(
            "carteiro_connections_dropped_total",
            "Slow or idle connections that were closed to make room, since the start.",
            dropped,
        ),
        counter("carteiro_connections_refused_total", "Connections that found no room, since the start.", refused),
        counter("carteiro_wrong_tokens_total", "Requests with a wrong access token, since the start.", wrong_tokens),
    ];
    let mut text = String::new();
    for Metric { name, kind, help, value } in metrics {
        if let Some(value) = value {
            // Writing to a String can't fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    }
    Ok(Answer::text(text))
}
