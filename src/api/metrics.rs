//! `/metrics`: figures in the text format of Prometheus. The whole daemon's for a token of the first account with the
//! scope `metrics` or `admin`; for any other, those of its own account. The figures of single webhooks are the asking
//! account's alone.

use super::call::Call;
use crate::http::{Answer, Failure};
use crate::model::{ErrorCode, Timestamp};
use crate::service::{AlertFigures, Backlog, FailingCounts};
use crate::stats::{Histogram, JobMetrics};
use std::fmt::{Display, Write as _};

/// The most webhooks that have series of their own: those that have the most pending. Each is three series that a
/// scraper keeps for weeks.
const MAX_WEBHOOKS: usize = 200;

/// The text, family by family.
#[derive(Default)]
struct MetricsText(String);

impl MetricsText {
    // Writing to a String can't fail.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            // No value of ours holds a quote, a backslash or a line break: they are words and ids.
            let _ = write!(self.0, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<u64>>) {
        if let Some(value) = value.into() {
            self.family(name, "gauge", help);
            self.sample(name, &[], value);
        }
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        let seen = histogram.snapshot();
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in seen.buckets {
            self.sample(&bucket, &[("le", &seconds(bound))], count);
        }
        self.sample(&bucket, &[("le", "+Inf")], seen.count);
        self.sample(&format!("{name}_sum"), &[], seconds(seen.sum_us));
        self.sample(&format!("{name}_count"), &[], seen.count);
    }
}

/// Exactly, whatever a float would make of it.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) async fn show(call: &Call) -> Result<Answer, Failure> {
    let service = &*call.service;
    let all = service.sees_all_figures(&call.caller);
    let mut backlogs = service.backlogs().await?;
    backlogs.retain(|debt| all || debt.account == call.caller.account);
    let now = service.now();
    let mut text = MetricsText::default();
    text.family("carteiro_build_info", "gauge", "The running version.");
    text.sample("carteiro_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let started = service.started_at().as_secs();
    text.gauge("process_start_time_seconds", "Start time of the process, in Unix time.", started);

    pending(&mut text, &backlogs, call, now);
    let of = (!all).then_some(call.caller.account);
    failing(&mut text, service.failing_counts(of));
    let name = "carteiro_jobs_running";
    text.family(name, "gauge", "Bulk resends, backfills and erasures by key that go on, by kind.");
    for (kind, count) in service.running_jobs(of) {
        text.sample(name, &[("kind", kind.as_str())], count);
    }
    if all {
        of_the_daemon(&mut text, call).await?;
    }
    Ok(Answer::text(text.0))
}

/// A row a figure: its kind, name and help, and its value.
macro_rules! figures {
    ($text:ident: $($kind:ident $name:literal $help:literal => $value:expr;)*) => {
        $($text.$kind($name, $help, $value);)*
    };
}

fn failing(text: &mut MetricsText, counts: FailingCounts) {
    figures! { text:
        gauge "carteiro_webhooks_failing"
            "Active webhooks whose targets are failing, by alerts.failing_after_attempts and alerts.failing_after."
            => counts.failing;
        gauge "carteiro_webhooks_disabling"
            "Failing webhooks that will be disabled unless their targets confirm." => counts.warned;
        gauge "carteiro_webhooks_disabled" "Webhooks that carteiro has disabled." => counts.disabled;
    }
}

fn alerts(text: &mut MetricsText, figures: &AlertFigures) {
    text.family("carteiro_alerts_open", "gauge", "Alerts that are open, by condition.");
    for (condition, count) in &figures.open {
        text.sample("carteiro_alerts_open", &[("condition", condition)], count);
    }
    figures! { text:
        gauge "carteiro_alert_messages_pending" "Messages of alerts that a channel has yet to take." => figures.pending;
        counter "carteiro_alert_messages_sent_total" "Messages of alerts that a channel has taken, since the start."
            => figures.sent;
        counter "carteiro_alert_messages_dropped_total"
            "Messages of alerts given up, as a channel has not taken them for a day or refuses them, since the start."
            => figures.dropped;
    }
}

fn jobs(text: &mut MetricsText, metrics: &JobMetrics) {
    let name = "carteiro_jobs_ended_total";
    text.family(
        name,
        "counter",
        "Bulk resends, backfills and erasures that ended, by kind and state, since the start.",
    );
    for (kind, state, count) in metrics.ends() {
        text.sample(name, &[("kind", kind.as_str()), ("state", state.as_str())], count);
    }
    let name = "carteiro_job_items_total";
    text.family(
        name,
        "counter",
        "Notifications re-sent or created and events erased by jobs, and those skipped, since the start.",
    );
    for (kind, counts) in metrics.items() {
        for (result, count) in ["done", "skipped"].into_iter().zip(counts) {
            text.sample(name, &[("kind", kind.as_str()), ("result", result)], count);
        }
    }
}

/// What belongs to no account: store, connections, attempts to all targets.
async fn of_the_daemon(text: &mut MetricsText, call: &Call) -> Result<(), Failure> {
    let service = &*call.service;
    let (figures, disk_bytes) = service.figures().await?;
    figures! { text:
        gauge "carteiro_events" "Events stored." => figures.events;
        counter "carteiro_events_recorded_total" "Events recorded since the store was created." => figures.recorded;
        gauge "carteiro_notifications" "Notifications stored." => figures.notifications;
    }
    let metrics = service.store_metrics();
    text.family(
        "carteiro_notifications_ended_total",
        "counter",
        "Notifications that ended, by state, since the start.",
    );
    for (state, count) in metrics.ends() {
        text.sample("carteiro_notifications_ended_total", &[("state", state.as_str())], count);
    }
    figures! { text:
        counter "carteiro_notifications_filtered_total"
            "Notifications not made, as the event does not meet the webhook's filter, since the start."
            => metrics.filtered_total();
    }

    jobs(text, &metrics.jobs);
    alerts(text, &service.alert_figures().unwrap_or_default());

    let name = "carteiro_audit_rows_total";
    text.family(name, "counter", "Rows of the audit written, by action, since the start.");
    for (action, count) in metrics.audited_by_action() {
        text.sample(name, &[("action", action.as_str())], count);
    }
    let attempts = service.attempts();
    text.family("carteiro_attempts_total", "counter", "Attempts that have ended, by outcome, since the start.");
    for (outcome, count) in attempts.by_outcome() {
        let outcome = outcome.map_or("delivered", ErrorCode::as_str);
        text.sample("carteiro_attempts_total", &[("outcome", outcome)], count);
    }
    figures! { text:
        gauge "carteiro_attempts_in_flight" "Attempts in flight." => service.in_flight() as u64;
        histogram "carteiro_ingest_duration_seconds"
            "Duration of recording an event or a batch, from the head of the request to the response."
            => &call.ingress.traffic.ingest;
        histogram "carteiro_commit_duration_seconds"
            "Time until a change was durable, from its submission to the store." => &metrics.commits;
        histogram "carteiro_attempt_duration_seconds" "Duration of an attempt, whatever its outcome." => &attempts.took;
        histogram "carteiro_delivery_duration_seconds"
            "Time until a target confirmed, from the creation of the notification." => &metrics.deliveries;
        counter "carteiro_commits_total" "Commits since the store was created." => figures.commits;
    }
    text.family("carteiro_commit_stalled_seconds", "gauge", "How long the commit in progress has taken so far.");
    text.sample("carteiro_commit_stalled_seconds", &[], service.stalled().as_secs_f64());
    figures! { text:
        counter "carteiro_store_failed_reads_total"
            "Failed reads of the store that did not end the process, since the start." => figures.failed_reads;
        gauge "carteiro_payload_bytes" "Size of the stored payloads." => figures.payload_bytes;
        gauge "carteiro_store_disk_bytes" "Size of the store's files on disk." => disk_bytes;
        gauge "carteiro_store_free_bytes" "Free space on the data folder's disk." => figures.free_bytes;
        gauge "carteiro_store_min_free_bytes"
            "Free space below which events are refused: store.min_free." => figures.min_free_bytes;
        counter "carteiro_retention_deleted_events_total"
            "Events deleted by retention since the start." => figures.retired;
        gauge "carteiro_last_backup_timestamp_seconds"
            "Time of the last scheduled backup, in Unix time; 0 if there is none."
            => figures.last_backup.map(Timestamp::as_secs).or(figures.backups_scheduled.then_some(0));
        gauge "carteiro_certificate_expiry_timestamp_seconds"
            "Expiry of the server's certificate, in Unix time."
            => call.ingress.certificate().map(|certificate| certificate.end().at.as_secs());
    }
    client_certificates(text, call);
    let ((connections, dropped, refused), wrong_tokens) = (call.ingress.slots.figures(), call.ingress.throttle.count());
    figures! { text:
        gauge "carteiro_connections" "Open connections of clients." => connections;
        counter "carteiro_connections_dropped_total"
            "Slow or idle connections closed to make room for new ones, since the start." => dropped;
        counter "carteiro_connections_refused_total"
            "Connections refused for lack of room, since the start." => refused;
    }
    let name = "carteiro_alert_sends_total";
    text.family(name, "counter", "Tries to send an alert, by channel and result, since the start.");
    for (channel, counts) in service.alert_sends().sends() {
        for (result, count) in ["ok", "error"].into_iter().zip(counts) {
            text.sample(name, &[("channel", channel.as_str()), ("result", result)], count);
        }
    }
    let (held, without_room) = call.ingress.bodies.figures();
    figures! { text:
        gauge "carteiro_body_bytes" "Memory reserved for request bodies in progress." => held;
        counter "carteiro_bodies_refused_total"
            "Request bodies refused for lack of memory, since the start." => without_room;
    }
    text.family("carteiro_http_requests_total", "counter", "Requests answered, by class and status, since the start.");
    for (class, status, count) in call.ingress.traffic.counts() {
        let labels = [("class", class), ("code", &*status.to_string())];
        text.sample("carteiro_http_requests_total", &labels, count);
    }
    let name = "carteiro_clock_steps_total";
    text.family(name, "counter", "Steps of the wall clock noticed since the start.");
    for (direction, count) in ["back", "ahead"].into_iter().zip(metrics.clock_steps()) {
        text.sample(name, &[("direction", direction)], count);
    }
    figures! { text:
        gauge "carteiro_clock_ahead_seconds"
            "How far the wall clock is ahead of the time that retention uses; 0 if it is trusted."
            => service.clock_lead().as_secs();
        counter "carteiro_wrong_tokens_total" "Requests with a wrong access token, since the start." => wrong_tokens;
    }
    Ok(())
}

fn client_certificates(text: &mut MetricsText, call: &Call) {
    let certificates = call.service.certificates(&call.ingress);
    let mut certificates = certificates.iter().filter_map(|one| Some((one.client.as_ref()?, one.end.at))).peekable();
    if certificates.peek().is_some() {
        let name = "carteiro_client_certificate_expiry_timestamp_seconds";
        text.family(name, "gauge", "Expiry of each client certificate of the config, in Unix time.");
        for (certificate, at) in certificates {
            text.sample(name, &[("name", certificate.as_str())], at.as_secs());
        }
    }
}

/// Pending notifications: of all webhooks together, and of those of the caller's account that have the most.
fn pending(text: &mut MetricsText, backlogs: &[Backlog], call: &Call, now: Timestamp) {
    let sum = |of: &dyn Fn(&Backlog) -> u64| backlogs.iter().map(of).sum::<u64>();
    let name = "carteiro_notifications_pending";
    text.family(name, "gauge", "Pending notifications, by status; see carteiro_notifications_pending_uncounted.");
    text.sample(name, &[("state", "PENDING")], sum(&|debt| if debt.active { debt.pending } else { 0 }));
    text.sample(name, &[("state", "RETRYING")], sum(&|debt| if debt.active { debt.retrying } else { 0 }));
    text.sample(name, &[("state", "HELD")], sum(&|debt| if debt.active { 0 } else { debt.pending + debt.retrying }));
    figures! { text:
        gauge "carteiro_notifications_pending_uncounted"
            "Webhooks with more pending notifications than were counted." => sum(&|debt| u64::from(debt.more));
    }
    let age = |debt: &Backlog| debt.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
    let oldest = backlogs.iter().filter(|debt| debt.active).map(age).max().unwrap_or(0);
    figures! { text:
        gauge "carteiro_oldest_pending_age_seconds"
            "Age of the oldest pending notification of an active webhook." => oldest;
    }
    let mut own: Vec<(&Backlog, String)> = backlogs
        .iter()
        .filter(|debt| debt.account == call.caller.account && debt.oldest.is_some())
        .map(|debt| (debt, debt.webhook.to_string()))
        .collect();
    own.sort_by_key(|(debt, _)| std::cmp::Reverse(debt.pending + debt.retrying));
    own.truncate(MAX_WEBHOOKS);
    let name = "carteiro_webhook_notifications_pending";
    text.family(name, "gauge", "Pending notifications per webhook of the token's account.");
    for (debt, webhook) in &own {
        text.sample(name, &[("webhook_id", webhook)], debt.pending + debt.retrying);
    }
    let name = "carteiro_webhook_oldest_pending_age_seconds";
    text.family(name, "gauge", "Age of the oldest pending notification per webhook of the token's account.");
    for (debt, webhook) in &own {
        text.sample(name, &[("webhook_id", webhook)], age(debt));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_become_seconds_exactly() {
        for (us, text) in
            [(0, "0"), (500, "0.0005"), (1_000_000, "1"), (2_500_000, "2.5"), (86_400_000_001, "86400.000001")]
        {
            assert_eq!(seconds(us), text);
        }
    }
}
