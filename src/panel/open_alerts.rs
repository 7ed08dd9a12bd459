//! The alerts that are open, on the page of alerts, and the buttons that mute them.

use super::layout::{ago, at_most_counted, moment};
use super::names;
use super::request::see;
use super::texts::fill;
use super::view::{PageResult, Refusal, View};
use crate::gather::Gather as _;
use crate::model::{Condition, WebhookId};
use crate::service::{AlertView, Severity};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an alert is muted for where it isn't for good.
const MUTE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wrong now, and what nobody is told of.
pub(super) async fn section(view: &View<'_>) -> Result<Markup, Refusal> {
    let t = view.lang.alerts();
    let alerts = view.service.alerts(view.caller());
    let failed = still_failed(view, &alerts).await?;
    Ok(html! {
        section #open-alerts data-live="" {
            h2.over { (t.open_alerts) }
            @if alerts.is_empty() {
                div.card.pad { p { (t.none_open) } }
            } @else {
                div.card {
                    table.rows {
                        caption.sr { (t.open_alerts) }
                        tbody { @for alert in &alerts { (row(view, alert, &failed)) } }
                    }
                }
            }
        }
    })
}

/// How many notifications of a webhook stand as failed, where an alert tells of such.
type StillFailed = BTreeMap<WebhookId, u64>;

async fn still_failed(view: &View<'_>, alerts: &[AlertView]) -> Result<StillFailed, Refusal> {
    let told = alerts.iter().filter(|alert| alert.condition.counts());
    let webhooks: Vec<WebhookId> = told.filter_map(|alert| alert.webhook).gather();
    let mut counts = StillFailed::new();
    for id in webhooks {
        counts.insert(id, view.service.status_counts(view.caller(), Some(id)).await?.1);
    }
    Ok(counts)
}

/// What an alert is called. What has failed may have been re-sent since somebody was told of it, and of what they were
/// told it is a part: how many that are now stands beside it, as the list behind it has them. What is wrong comes
/// before the name, of which a narrow screen cuts the end.
fn title(view: &View<'_>, alert: &AlertView) -> String {
    let t = view.lang.alerts();
    match (alert.condition, alert.webhook) {
        (Condition::NotificationsFailed(_), Some(id)) => fill(t.failed_of, &[&names::webhook(view, id)]),
        (Condition::WebhookFailing(_), Some(id)) => fill(t.failing_of, &[&names::webhook(view, id)]),
        _ => view.lang.of(&alert.title).to_owned(),
    }
}

/// The way to what stands as failed of a webhook, with how many that are.
fn failed_now(view: &View<'_>, webhook: WebhookId, count: u64) -> Markup {
    html! {
        @if count == 0 { (view.lang.alerts().none_failed) } @else {
            a.there href=(format!("/notifications?status=FAILED&webhook_id={webhook}&webhook_deleted=false")) {
                (view.t.see_failed.of(count, &at_most_counted(view, count), &[]))
            }
        }
    }
}

fn row(view: &View<'_>, alert: &AlertView, failed: &StillFailed) -> Markup {
    let t = view.lang.alerts();
    let title = title(view, alert);
    let count = alert.webhook.filter(|_| alert.condition.counts()).and_then(|id| Some((id, *failed.get(&id)?)));
    let is_resolved = !alert.muted && count.is_some_and(|(_, count)| count == 0);
    let is_critical = alert.severity() == Severity::Critical;
    html! {
        tr {
            td.what {
                @match alert.webhook {
                    Some(id) => { a.t1.there href=(format!("/webhooks/{id}")) { (title) } },
                    None => { span.t1 { (title) } },
                }
                div.t2 {
                    @match alert.since {
                        Some(since) => { (t.began) " " (ago(view, since)) "." },
                        None => { (t.not_open) },
                    }
                    @if let Some((id, count)) = count { " " (failed_now(view, id, count)) }
                    @if let Some(until) = alert.muted_until { " " (t.muted_until) " " (moment(view.lang, until)) "." }
                }
            }
            td {
                @if alert.muted {
                    span.pill.idle { (t.muted) }
                } @else if is_resolved {
                    span.pill.idle { (t.resolved) }
                } @else {
                    span class=(if is_critical { "pill bad" } else { "pill warn" }) {
                        (if is_critical { t.critical } else { t.open })
                    }
                }
            }
            td.full { @if view.can_change && !is_resolved { div.acts { (buttons(view, alert, &title)) } } }
        }
    }
}

fn buttons(view: &View<'_>, alert: &AlertView, title: &str) -> Markup {
    let t = view.lang.alerts();
    let form = |action: &str, span: &str, verb: &str, label: &str| {
        html! {
            form.inline method="post" action=(action) {
                (view.csrf())
                input type="hidden" name="key" value=(alert.key);
                input type="hidden" name="for" value=(span);
                button.small type="submit" {
                    @if !verb.is_empty() { span.sr { (verb) " " } }
                    (label) span.sr { ": " (title) }
                }
            }
        }
    };
    html! {
        @if alert.muted { (form("/alerts/unmute", "", "", t.unmute)) } @else {
            span.t2 aria-hidden="true" { (t.mute_verb) }
            (form("/alerts/mute", "day", t.mute_verb, t.mute_day))
            (form("/alerts/mute", "", t.mute_verb, t.mute))
        }
    }
}

pub(super) async fn mute(view: &View<'_>) -> PageResult {
    let form = &view.request.form;
    let span = (form.get("for") == Some("day")).then_some(MUTE);
    view.service.mute_alert(view.caller(), form.get("key").unwrap_or_default(), span).await?;
    Ok(see("/alerts?done=muted"))
}

pub(super) async fn unmute(view: &View<'_>) -> PageResult {
    let key = view.request.form.get("key").unwrap_or_default();
    view.service.unmute_alert(view.caller(), key).await?;
    Ok(see("/alerts?done=unmuted"))
}
