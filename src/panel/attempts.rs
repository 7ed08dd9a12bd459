//! The attempts of a notification: time, phases as a bar, response, and why it failed.

use super::advice;
use super::charts::rect;
use super::layout::{ago, decimal, moment, resend_button, span, status, until, with_moments};
use super::texts::{Lang, fill};
use super::view::View;
use crate::model::{Attempt, AttemptResult, Localized, TlsVersion, Trigger, pretty_if_json};
use crate::service::{NotificationDetail, NotificationView, attempt_error};
use maud::{Markup, html};
use std::time::Duration;

/// How many attempts of one notification are shown: the newest; the API has all.
const MAX_SHOWN: usize = 40;

/// The status of the last response, as a word.
pub(super) fn response(view: &View<'_>, notification: &NotificationView) -> Markup {
    html! {
        @match notification.response_status {
            Some(code) => span.code { (code) },
            None if notification.attempts_count > 0 => span.muted { (view.t.no_response) },
            None => span.muted { "–" },
        }
    }
}

/// One notification: its status, the icon right of it, when it is tried next and why, and its attempts.
pub(super) fn notification(
    view: &View<'_>,
    detail: &NotificationDetail,
    why: Option<&Localized>,
    with_event: bool,
) -> Markup {
    let (t, own) = (view.t, &detail.view);
    let id = own.id.to_string();
    let in_flight = view.service.is_in_flight(view.caller(), own);
    html! {
        section.card.notification id=(format!("n-{id}")) data-live="" {
            div.row {
                h3.target.clip title=(own.target) { (own.target) }
                div.state {
                    (status(t, own.status))
                    (resend_button(view, own))
                }
            }
            dl.facts {
                div { dt { (t.response) } dd { (response(view, own)) } }
                div { dt { (t.attempts) } dd { (fill(t.of_attempts, &[&own.automatic, &own.max_attempts])) } }
                @if in_flight {
                    div { dt { (t.next_attempt) } dd { (t.in_flight_now) } }
                } @else if let Some(at) = own.next_attempt_at {
                    div { dt { (t.next_attempt) } dd { (until(view, at)) } }
                }
                @if with_event {
                    div { dt { (t.event) } dd { a href=(format!("/events/{}", own.event_id)) { (own.event_type) } } }
                    div {
                        dt { (t.webhook) } dd { a href=(format!("/webhooks/{}", own.webhook_id)) { (own.webhook_id) } }
                    }
                }
                div { dt { "Id" } dd.id { (id) } }
            }
            @if let Some(why) = why { p { (with_moments(view.lang, view.lang.of(why))) } }
            @if !detail.attempts.is_empty() {
                ol.attempts {
                    @for attempt in detail.attempts.iter().rev().take(MAX_SHOWN) {
                        li id=(format!("a-{id}-{}", attempt.number)) { (one(view, attempt, &id)) }
                    }
                }
            }
        }
    }
}

fn one(view: &View<'_>, attempt: &Attempt, id: &str) -> Markup {
    let t = view.t;
    let by = match attempt.trigger {
        Trigger::Automatic => t.by_schedule,
        Trigger::Manual => t.manual,
        Trigger::Test => t.by_test,
    };
    let error = attempt_error(&attempt.result);
    let why = error.as_deref().map(|error| view.lang.why(error));
    html! {
        div.row {
            h4 { (fill(t.attempt_n, &[&attempt.number])) " · " (by) }
            span {
                @match attempt.result.status() {
                    Some(code) => span
                        class=(if attempt.result.confirms() { "code good" } else { "code bad" }) { (code) },
                    None => span.code.bad { (t.no_response) },
                }
            }
        }
        p.when {
            (moment(view.lang, attempt.started_at))
            @if let Some(ip) = attempt.remote_ip { " · " (ip) }
            @if let Some(tls) = attempt.tls.map(TlsVersion::as_str) { " · TLS " (tls) }
        }
        p class=(if why.is_none() { "why good" } else { "why bad" }) {
            (with_moments(view.lang, why.unwrap_or(t.confirmed)))
        }
        (phases(view, attempt))
        @if let AttemptResult::Response(response) = &attempt.result {
            @if !response.body.is_empty() {
                details id=(format!("b-{id}-{}", attempt.number)) {
                    summary { (t.response_body) } pre tabindex="0" { (body_text(&response.body)) }
                }
            }
        }
    }
}

/// The body of a response: laid out where it is JSON.
fn body_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    pretty_if_json(&text, 40).unwrap_or_else(|| text.into_owned())
}

/// Why the last attempt at a target failed, and what to do about it; nothing where it was confirmed.
pub(super) fn last_failure(view: &View<'_>, attempt: &Attempt) -> Markup {
    let t = view.t;
    html! {
        @if let Some(error) = attempt_error(&attempt.result) {
            p {
                strong { (t.last_failure) ": " }
                (with_moments(view.lang, view.lang.why(&error)))
                " " span.muted { "(" (ago(view, attempt.started_at)) ")" }
            }
            p { strong { (t.what_to_do) ": " } (advice::on(view.lang, error.code)) }
        }
    }
}

/// How long each phase took, as a bar and in words.
fn phases(view: &View<'_>, attempt: &Attempt) -> Markup {
    let (t, timings) = (view.t, &attempt.timings);
    let known = [
        (t.dns, "dns", timings.dns_us),
        (t.connect, "connect", timings.connect_us),
        (t.tls, "tls", timings.tls_us),
        (t.first_byte, "wait", timings.first_byte_us),
    ];
    let sum: u32 = known.iter().filter_map(|(_, _, us)| *us).fold(0, u32::saturating_add);
    let rest = Some(attempt.duration_us.saturating_sub(sum)).filter(|us| *us > 0 && attempt.result.status().is_some());
    let parts: Vec<_> = known
        .into_iter()
        .chain([(t.rest, "rest", rest)])
        .filter_map(|(name, class, us)| Some((name, class, us?)))
        .collect();
    let total = f64::from(attempt.duration_us.max(sum).max(1));
    let mut at = 0.0;
    let bars: Vec<(f64, f64, &str)> = parts
        .iter()
        .map(|(_, class, us)| {
            let (x, width) = (at, 100.0 * f64::from(*us) / total);
            at += width;
            (x, width, *class)
        })
        .collect();
    html! {
        svg.phases viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            (rect(0.0, 0.0, 100.0, 4.0, "track"))
            @for (x, width, class) in bars { (rect(x, 0.0, width, 4.0, class)) }
        }
        p.legend {
            @for (name, class, us) in &parts {
                span { i class=(class) aria-hidden="true" {} (name) " " (short(view.lang, *us)) } " "
            }
            span { (t.total) " " (short(view.lang, attempt.duration_us)) }
        }
    }
}

fn short(lang: Lang, us: u32) -> String {
    if us < 10_000 {
        return decimal(lang, &format!("{}.{} ms", us / 1000, us % 1000 / 100));
    }
    span(lang, Duration::from_micros(u64::from(us)))
}
