//! A webhook that doesn't get its notifications through: what is wrong, what to do, and the buttons that lead there.

use super::advice::{Fix, fix};
use super::layout::{ago, at_most_counted, rough, span, when, with_moments};
use super::texts::fill;
use super::view::View;
use crate::model::{Attempt, Status, Timestamp, Webhook, WebhookStatus};
use crate::service::{FailingWebhook, MAX_COUNTED, advice, attempt_error, fact};
use maud::{Markup, html};

/// By what a card is known that somebody has dismissed: when the webhook fails anew, it is another one.
pub(super) fn mark(failing: &FailingWebhook) -> String {
    let since = failing.health.since.map_or(0, Timestamp::as_ms);
    format!("{}.{since}", failing.webhook.id)
}

/// Since when it fails, as a pill.
pub(super) fn since(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let t = view.t;
    html! {
        span.pill.bad {
            @match (&failing.webhook.status, failing.health.since) {
                (WebhookStatus::Disabled { .. }, _) => (t.disabled),
                (_, Some(since)) => (fill(t.failing_for, &[&rough(view.lang, view.now.since(since))])),
                (_, None) => (t.failing_now),
            }
        }
    }
}

/// The card of the first page.
pub(super) fn card(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let (t, webhook) = (view.t, &failing.webhook);
    html! {
        article.card.trouble id=(format!("w-{}", webhook.id)) {
            div.head {
                div {
                    h2 { a href=(format!("/webhooks/{}", webhook.id)) { (webhook.name()) } }
                    div.url.clip { (webhook.target) }
                }
                (since(view, failing))
            }
            (what(view, failing))
            div.acts {
                (buttons(view, failing))
                form method="post" action="/dismiss" {
                    (view.csrf())
                    input type="hidden" name="back" value=(view.here);
                    input type="hidden" name="what" value=(mark(failing));
                    button.link type="submit" aria-label=(fill(t.dismiss_what, &[&webhook.name()])) {
                        (t.dismiss)
                    }
                }
            }
        }
    }
}

/// What is wrong and what to do.
pub(super) fn what(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let t = view.t;
    html! {
        @if let WebhookStatus::Disabled { reason, .. } = failing.webhook.status {
            p.say { (with_moments(view.lang, view.lang.of(&reason.localized()))) }
        }
        @if let Some(attempt) = &failing.attempt { (last_failure(view, attempt)) }
        @if let Some(at) = failing.next_attempt_at { p.say { (next_attempt(view, at)) } }
        @if let Some(at) = failing.health.disables_at {
            p.say { (fill(t.will_disable, &[&span(view.lang, at.since(view.now))])) }
        }
    }
}

/// "Próxima tentativa às 14:32."
fn next_attempt(view: &View<'_>, at: Timestamp) -> Markup {
    let (t, next, now) = (view.t, view.zone.text(at), view.zone.text(view.now));
    let hour = next.get(11..13).and_then(|hour| hour.parse().ok()).unwrap_or_default();
    let today = next.get(..10) == now.get(..10);
    html! {
        // Portuguese has a singular for the hours before two.
        (if today { t.next_attempt_at.of(u64::max(1, hour), &"", &[]) } else { t.next_attempt_on.to_owned() })
        " " (when(view, at)) "."
    }
}

/// Why the last attempt at a target failed, and what to do about it; nothing where it was confirmed.
fn last_failure(view: &View<'_>, attempt: &Attempt) -> Markup {
    html! {
        @if let Some(error) = attempt_error(&attempt.result) {
            p.say {
                (with_moments(view.lang, &fact(view.lang.why(&error))))
                " " span.muted { "(" (ago(view, attempt.started_at)) ")" }
            }
            p.do {
                b { (view.t.what_to_do) } " " (advice(error.code, attempt.result.status()).of(view.lang))
            }
        }
    }
}

/// Leads to where the cause is fixed: the field of the form, a test, and what waits meanwhile.
pub(super) fn buttons(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let (t, id) = (view.t, failing.webhook.id);
    let error = failing.attempt.as_ref().and_then(|attempt| attempt_error(&attempt.result));
    let status = failing.attempt.as_ref().and_then(|attempt| attempt.result.status());
    let fix = error.map_or(Fix::Elsewhere, |error| fix(error.code, status));
    let disabled = matches!(failing.webhook.status, WebhookStatus::Disabled { .. });
    html! {
        @if view.can_change {
            @match fix {
                Fix::Authorization => a.btn.small.main href=(format!("/webhooks/{id}/edit#authorization")) {
                    (t.fix_authorization)
                },
                Fix::ClientCertificate => a.btn.small.main href=(format!("/webhooks/{id}/edit#client_certificate")) {
                    (view.lang.identity().client_certificate_fix)
                },
                Fix::Url => a.btn.small.main href=(format!("/webhooks/{id}/edit#target")) { (t.fix_url) },
                Fix::Elsewhere => {}
            }
            form method="post" action=(format!("/webhooks/{id}/test")) {
                (view.csrf())
                button.small type="submit" { (t.send_test) }
            }
            @if disabled {
                form method="post" action=(format!("/webhooks/{id}/resume")) {
                    (view.csrf())
                    input type="hidden" name="back" value=(view.here);
                    button.small type="submit" { (t.resume) }
                }
            }
        }
        (waiting(view, failing))
        (resend_waiting(view, &failing.webhook, failing.backlog.retrying))
        @if failing.failed > 0 {
            a.btn.small href=(list_of(failing, Status::Failed)) {
                (t.see_failed.of(failing.failed, &at_most_counted(view, failing.failed), &[]))
            }
        }
    }
}

/// The list of its notifications that stand so.
fn list_of(failing: &FailingWebhook, status: Status) -> String {
    format!("/notifications?webhook_id={}&status={}", failing.webhook.id, status.as_str())
}

/// Sends those again at once that wait for their next attempt, which a webhook that works again leaves as it is. Of
/// more than can be counted here the page that counts them asks first.
pub(super) fn resend_waiting(view: &View<'_>, webhook: &Webhook, count: u64) -> Markup {
    let label = view.t.resend_waiting.of(count, &at_most_counted(view, count), &[]);
    let (id, status) = (webhook.id, Status::Retrying.as_str());
    html! {
        @if view.can_change && webhook.is_active() && count > 0 {
            @if count < MAX_COUNTED {
                form method="post" action=(format!("/webhooks/{id}/resend-waiting")) {
                    (view.csrf())
                    input type="hidden" name="back" value=(view.here);
                    button.small type="submit" { (label) }
                }
            } @else {
                a.btn.small href=(format!("/notifications/resend?webhook_id={id}&status={status}")) { (label) "…" }
            }
        }
    }
}

/// The list of what waits for it: of the status that most have.
fn waiting(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let backlog = failing.backlog;
    let parts =
        [(Status::Retrying, backlog.retrying), (Status::Held, backlog.held), (Status::Pending, backlog.pending)];
    let most = parts.into_iter().rev().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0);
    html! {
        @if let Some((status, count)) = most {
            a.btn.small href=(list_of(failing, status)) {
                (view.t.see_waiting.of(count, &at_most_counted(view, count), &[]))
            }
        }
    }
}
