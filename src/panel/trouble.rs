//! A webhook that doesn't get its notifications through: what is wrong, what to do, and the buttons that lead there.

use super::advice::{Fix, fix};
use super::layout::{ago, at_most_counted, at_when, number, rough, span, with_moments};
use super::texts::fill;
use super::view::View;
use crate::model::{Attempt, AttemptResult, Status, Timestamp, Webhook, WebhookStatus};
use crate::service::{BacklogCounts, FailingWebhook, MAX_COUNTED, advice, attempt_error, fact};
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
        @if let Some(attempt) = &failing.attempt { (last_failure(view, attempt, is_changed_since(failing))) }
        (orders(view, failing))
        @if let Some(at) = failing.next_attempt_at { p.say { (t.next_attempt) " " (at_when(view, at)) "." } }
        @if let Some(at) = failing.health.disables_at {
            p.say { (fill(t.will_disable, &[&span(view.lang, at.since(view.now))])) }
        }
    }
}

/// Whether the webhook was altered since its last failure: what that one said may be mended.
fn is_changed_since(failing: &FailingWebhook) -> bool {
    failing.attempt.as_ref().is_some_and(|attempt| failing.webhook.updated_at > attempt.started_at)
}

/// "80 notificações de 40 pedidos aguardam.", where the orders are known.
fn orders(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let (t, waiting) = (view.t, failing.backlog.total());
    html! {
        @if let Some(orders) = failing.orders {
            p.say {
                @let of_orders = t.of_orders.of(orders, &number(view.lang, orders), &[]);
                (t.orders_wait.of(waiting, &number(view.lang, waiting), &[&of_orders]))
            }
        }
    }
}

/// How many characters of a target's own words stand on a card: about two lines.
const WORDS: usize = 200;

/// What a target said itself, in a line: often the best advice. Nothing where it is a page made for a browser.
fn own_words(attempt: &Attempt) -> Option<String> {
    let AttemptResult::Response(response) = &attempt.result else { return None };
    // Bytes enough for as many characters, whatever stands between them.
    let body = String::from_utf8_lossy(response.body.get(..WORDS * 8).unwrap_or(&response.body)).into_owned();
    let words = body.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() || line.starts_with('<') {
        return None;
    }
    let mut shown: String = line.chars().take(WORDS).collect();
    if shown.len() < line.len() || body.len() < response.body.len() {
        shown.push('…');
    }
    Some(shown)
}

/// Why the last attempt at a target failed, and what to do about it; nothing where it was confirmed.
fn last_failure(view: &View<'_>, attempt: &Attempt, changed: bool) -> Markup {
    html! {
        @if let Some(error) = attempt_error(&attempt.result) {
            p.say {
                (with_moments(view.lang, &fact(view.lang.why(&error))))
                " " span.muted { "(" (ago(view, attempt.started_at)) ")" }
            }
            @if let Some(words) = own_words(attempt) {
                p.said.clip { (view.t.target_said) " " bdi { "“" (words) "”" } }
            }
            p.do {
                b { (view.t.what_to_do) } " "
                @if changed { (view.t.changed_since) } @else {
                    (advice(error.code, attempt.result.status()).of(view.lang))
                }
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
    // What was altered is tried before it is altered again.
    let tries = is_changed_since(failing) || fix == Fix::Elsewhere;
    let corrects = if tries { "btn small" } else { "btn small main" };
    html! {
        @if view.can_change {
            @match fix {
                Fix::Authorization => a class=(corrects) href=(format!("/webhooks/{id}/edit#authorization")) {
                    (t.fix_authorization)
                },
                Fix::ClientCertificate => a class=(corrects) href=(format!("/webhooks/{id}/edit#client_certificate")) {
                    (view.lang.identity().client_certificate_fix)
                },
                Fix::Url => a class=(corrects) href=(format!("/webhooks/{id}/edit#target")) { (t.fix_url) },
                Fix::Elsewhere => {}
            }
            form method="post" action=(format!("/webhooks/{id}/test")) {
                (view.csrf())
                button.small.main[tries] type="submit" { (t.send_test) }
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
        (resend_waiting(view, &failing.webhook, failing.backlog))
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
/// more than can be counted here the page that counts them asks first. Where others wait too, it says which these are.
pub(super) fn resend_waiting(view: &View<'_>, webhook: &Webhook, backlog: BacklogCounts) -> Markup {
    let count = backlog.retrying;
    let words = if count == backlog.total() { view.t.resend_waiting } else { view.t.resend_retrying };
    let label = words.of(count, &at_most_counted(view, count), &[]);
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

/// Likewise of all webhooks, where none fails.
pub(super) fn resend_all_waiting(view: &View<'_>, count: u64) -> Markup {
    let label = view.t.resend_waiting.of(count, &at_most_counted(view, count), &[]);
    let query = format!("status={}", Status::Retrying.as_str());
    html! {
        @if view.can_change && count > 0 {
            @if count < MAX_COUNTED {
                form method="post" action="/notifications/resend-all" {
                    (view.csrf())
                    input type="hidden" name="query" value=(query);
                    input type="hidden" name="back" value=(view.here);
                    button.small type="submit" { (label) }
                }
            } @else {
                a.btn.small href=(format!("/notifications/resend?{query}")) { (label) "…" }
            }
        }
    }
}

/// The lists of what waits for it: together they have as many as the card says.
fn waiting(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let (t, backlog) = (view.t, failing.backlog);
    let parts = [
        (Status::Retrying, backlog.retrying, t.see_retrying),
        (Status::Pending, backlog.pending, t.see_pending),
        (Status::Held, backlog.held, t.see_held),
    ];
    html! {
        @for (status, count, words) in parts.into_iter().filter(|(_, count, _)| *count > 0) {
            @let words = if count == backlog.total() { t.see_waiting } else { words };
            a.btn.small href=(list_of(failing, status)) { (words.of(count, &at_most_counted(view, count), &[])) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Trigger;

    fn answered(body: &[u8]) -> Option<String> {
        let mut attempt = Attempt::bare(Trigger::Automatic, Timestamp::from_ms(1), AttemptResult::of_status(401));
        if let AttemptResult::Response(response) = &mut attempt.result {
            response.body = body.to_vec();
        }
        own_words(&attempt)
    }

    /// A target's answer "Gere um novo token no ERP" stood two clicks away from the card that told of its 401.
    #[test]
    fn a_targets_own_words_are_a_line_and_no_page() {
        assert_eq!(answered(b""), None);
        assert_eq!(answered(b" \r\n\0"), None);
        assert_eq!(answered(b"<!doctype html><title>401</title>"), None);
        assert_eq!(
            answered(b"{\n  \"erro\": \"token\x07 expirado\"\n}\n").as_deref(),
            Some("{ \"erro\": \"token expirado\" }")
        );
        let long = answered("é".repeat(5000).as_bytes()).unwrap_or_default();
        assert_eq!(long.chars().count(), WORDS + 1);
        assert!(long.ends_with('…') && long.starts_with('é'), "{long}");
    }
}
