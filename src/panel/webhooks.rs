//! Webhooks: the list, one of them, and what its buttons do.

use super::attempts::last_failure;
use super::charts::column;
use super::filters::{listed, read_page};
use super::layout::{
    Icon, Place, action, ago, at_most_counted, curl, decimal, empty, framed, heads, icon, moment, number, span,
    with_moments,
};
use super::request::{page, see};
use super::texts::fill;
use super::view::{PageResult, Refusal, View, done};
use crate::model::{
    EventFilter, Listing, Pattern, Status, Webhook, WebhookId, WebhookPatch, WebhookStatus, format_duration,
};
use crate::service::{BacklogCounts, HourCounts, MAX_COUNTED, WebhookHistory, WebhookSummary};
use http::{Method, StatusCode};
use maud::{Markup, html};
use std::time::Duration;

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    // From memory; only the other lists wait for anything.
    let find = |listing| async move { Ok(view.service.webhooks(view.caller(), listing)) };
    let (listing, found) = read_page(view, find).await?;
    let summaries = view.service.summarize_webhooks(found.items);
    let create = html! {
        @if view.can_change {
            a.button.primary href="/webhooks/new" { (icon(Icon::Plus)) " " (t.create_webhook) }
        }
    };
    let first_step = empty(t.no_webhooks, t.no_webhooks_help, Some(&first(view)));
    let rows = html! {
        table.cards #rows {
            caption.sr { (t.webhooks) }
            (heads(&[t.target, t.status, t.events, t.last_success, t.success_rate, t.last_day]))
            tbody { @for summary in &summaries { (row(view, summary)) } }
        }
    };
    let content = html! {
        div.row { h1 { (t.webhooks) } (create) }
        (listed(view, listing, found.next, (!summaries.is_empty()).then_some(&rows), &first_step))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.webhooks, &content)))
}

/// The first webhook, as a call of the API.
pub(super) fn first(view: &View<'_>) -> String {
    let body = r#"{"webhook": {"events": ["PAYMENT.*", "ORDER.*"], "target": "https://loja.example/notificacoes"}}"#;
    curl(view, "webhooks", body)
}

fn row(view: &View<'_>, summary: &WebhookSummary) -> Markup {
    let t = view.t;
    let webhook = &summary.webhook;
    html! {
        tr id=(format!("w-{}", webhook.id)) {
            td.target data-label=(t.target) {
                a.strong.clip href=(format!("/webhooks/{}", webhook.id)) title=(webhook.target) { (webhook.target) }
                @if let Some(description) = &webhook.description { p.muted { (description) } }
            }
            td data-label=(t.status) { (state(view, summary)) }
            td.patterns data-label=(t.events) { (patterns(webhook, 4)) }
            td data-label=(t.last_success) {
                @match summary.history.confirmed_at { Some(at) => (ago(view, at)), None => span.muted { (t.never) } }
            }
            td data-label=(t.success_rate) { (rate(view, &summary.history)) }
            td data-label=(t.last_day) { (spark(view, &summary.history)) }
        }
    }
}

fn patterns(webhook: &Webhook, most: usize) -> Markup {
    let count = webhook.events.iter().count();
    html! {
        @for pattern in webhook.events.iter().take(most) { span.tag { (pattern) } " " }
        @if count > most { span.muted { "+" (count - most) } }
    }
}

fn state(view: &View<'_>, summary: &WebhookSummary) -> Markup {
    let t = view.t;
    let (class, sign, text) = match summary.webhook.status {
        WebhookStatus::Active if summary.health.since.is_some() => ("retrying", "!", t.failing),
        WebhookStatus::Active => ("delivered", "●", t.active),
        WebhookStatus::Paused => ("held", "‖", t.paused),
        WebhookStatus::Disabled { .. } => ("failed", "✕", t.disabled),
    };
    html! { span class=(format!("status {class}")) { span aria-hidden="true" { (sign) } " " (text) } }
}

fn sum(hours: &[HourCounts]) -> (u64, u64) {
    hours.iter().fold((0, 0), |(good, bad), one| (good + one.confirmed, bad + one.retried + one.failed))
}

fn rate(view: &View<'_>, history: &WebhookHistory) -> Markup {
    let (good, bad) = sum(&history.hours);
    if good + bad == 0 {
        return html! { span.muted { (view.t.no_attempts) } };
    }
    // Tenths of a percent, rounded down: 100 % means that none failed.
    let permille = good * 1000 / (good + bad);
    html! { (decimal(view.lang, &format!("{}.{}\u{a0}%", permille / 10, permille % 10))) }
}

fn spark(view: &View<'_>, history: &WebhookHistory) -> Markup {
    let (good, bad) = sum(&history.hours);
    let most = history.hours.iter().map(|one| one.tried()).max().unwrap_or(0).max(1);
    html! {
        svg.spark viewBox="0 0 240 24" preserveAspectRatio="none" role="img"
            aria-label=(fill(view.t.spark_label, &[&number(view.lang, good), &number(view.lang, bad)])) {
            @for (nth, one) in history.hours.iter().enumerate() { (column(nth, *one, most, 24.0)) }
        }
    }
}

/// From how many bytes a target may not fit its two lines as a title, and stands whole among the facts.
const CLIPPED_FROM: usize = 60;

pub(super) async fn show(view: &View<'_>, id: WebhookId) -> PageResult {
    let t = view.t;
    let webhook = view.service.webhook(view.caller(), id)?;
    let failing = view.service.failing_webhook(view.caller(), id).await?;
    let Some(summary) = view.service.summarize_webhooks(vec![webhook.clone()]).pop() else {
        return Err(Refusal::NotFound);
    };
    let is_failing = summary.health.since.is_some() || matches!(webhook.status, WebhookStatus::Disabled { .. });
    let failure = failing.attempt.filter(|_| is_failing);
    let unknown = unknown_patterns(view, &webhook).await?;
    // Not for an open page that refreshes itself, nor for a HEAD: it is shown once, and nobody would have seen it.
    let is_seen = view.request.method == Method::GET && !view.request.by_itself;
    let secret = is_seen.then(|| view.sessions.take_secret(view.signed_in, id)).flatten();
    let is_active = webhook.status == WebhookStatus::Active;
    let path = |verb: &str| format!("/webhooks/{id}/{verb}");
    let content = html! {
        p.crumbs { a href="/webhooks" { (t.webhooks) } }
        h1.target.clip title=(webhook.target) { (webhook.target) }
        @if let Some(secret) = &secret {
            section.card.secret role="status" {
                h2 { (t.secret_title) }
                div.copyable {
                    pre #secret tabindex="0" { (secret) }
                    button.copy type="button" data-copy="secret" hidden { (t.copy) }
                }
                p { (t.secret_once) }
            }
        }
        @if view.can_change {
            div.buttons #actions data-live="" {
                a.button href=(path("edit")) { (t.edit) }
                @if is_active { (action(view, &path("pause"), t.pause)) } @else {
                    (action(view, &path("resume"), t.resume))
                }
                form.inline method="post" action=(path("test")) { (view.csrf()) button type="submit" { (t.test) } }
                a.button href=(path("rotate")) { (t.rotate) }
                a.button.danger href=(path("delete")) { (t.delete) }
            }
        }
        section.card #webhook data-live="" {
            dl.facts {
                div { dt { (t.status) } dd { (state(view, &summary)) } }
                div { dt { (t.backlog) } dd { (backlog_links(view, id, failing.backlog)) } }
                div {
                    dt { (t.last_success) }
                    dd {
                        @match summary.history.confirmed_at {
                            Some(at) => (ago(view, at)), None => span.muted { (t.never) }
                        }
                    }
                }
                div { dt { (t.success_rate) } dd { (rate(view, &summary.history)) } }
                div { dt { (t.events) } dd { (patterns(&webhook, 100)) } }
                div {
                    dt { (t.authorization) }
                    dd { (if webhook.authorization.is_some() { t.is_set } else { t.is_not_set }) }
                }
                @if let Some(description) = &webhook.description { div { dt { (t.description) } dd { (description) } } }
                @if webhook.ordered { div { dt { (t.ordered) } dd { "✓" } } }
                @if let Some(max) = webhook.max_in_flight { div { dt { (t.max_in_flight) } dd { (max) } } }
                @if let Some(rate) = webhook.rate_limit {
                    div { dt { (t.rate_limit) } dd { (decimal(view.lang, &rate.as_f64().to_string())) } }
                }
                @if let Some(retry) = &webhook.retry {
                    div {
                        dt { (t.retry_schedule) }
                        dd { (retry.schedule().iter().copied().map(format_duration).collect::<Vec<_>>().join(" ")) }
                    }
                    div { dt { (t.retry_attempts) } dd { (retry.max_attempts()) } }
                }
                @if webhook.headers.iter().next().is_some() {
                    div {
                        dt { (t.headers) } dd { @for (name, _) in webhook.headers.iter() { span.tag { (name) } " " } }
                    }
                }
                div { dt { (t.created_at) } dd { (moment(view.lang, webhook.inserted_at)) } }
                div { dt { "Id" } dd.id { (id) } }
                @if webhook.target.as_str().len() > CLIPPED_FROM { div.wide { dt { (t.url) } dd { (webhook.target) } } }
            }
            @if !unknown.is_empty() { p.warn #unknown { (fill(t.unknown_types, &[&unknown])) } }
            @if let WebhookStatus::Disabled { reason, .. } = webhook.status {
                p.why.bad { (with_moments(view.lang, view.lang.of(&reason.localized()))) }
            }
            @if let Some(attempt) = &failure { (last_failure(view, attempt)) }
            @if let Some(held) = view.service.hold(&webhook) {
                p.why { (with_moments(view.lang, view.lang.of(&held))) }
            }
            @if let Some(since) = summary.health.since {
                p.why.bad { (fill(t.failing_since, &[&span(view.lang, view.now.since(since))])) }
            }
            @if let Some(at) = summary.health.disables_at {
                p.why.bad { (fill(t.will_disable, &[&span(view.lang, at.since(view.now))])) }
            }
            h2 { (t.hourly) }
            (spark(view, &summary.history))
        }
        p { a href=(format!("/notifications?webhook_id={id}")) { (t.see_notifications) } }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, webhook.target.as_str(), &content)))
}

/// What is pending for a webhook, each part with a link to the list of just that.
fn backlog_links(view: &View<'_>, id: WebhookId, backlog: BacklogCounts) -> Markup {
    let parts =
        [(Status::Pending, backlog.pending), (Status::Retrying, backlog.retrying), (Status::Held, backlog.held)];
    html! {
        @if backlog == BacklogCounts::default() { "0" }
        @for (nth, (status, count)) in parts.into_iter().filter(|(_, count)| *count > 0).enumerate() {
            @if nth > 0 { " · " }
            a href=(format!("/notifications?webhook_id={id}&status={}", status.as_str())) {
                (view.t.status(status)) ": " (at_most_counted(view, count))
            }
        }
    }
}

/// The patterns that match no type of the catalogue and no stored event: likely typing errors.
async fn unknown_patterns(view: &View<'_>, webhook: &Webhook) -> Result<String, Refusal> {
    let catalogue = view.service.event_types();
    let known = |pattern: &Pattern| catalogue.iter().any(|entry| pattern.matches(&entry.event_type));
    let mut unknown = Vec::new();
    for pattern in webhook.events.iter().filter(|pattern| !known(pattern)) {
        let of_it = EventFilter { event_type: Some(pattern.clone()), ..EventFilter::default() };
        if view.service.summarize_events(view.caller(), of_it, Listing::newest(1)).await?.items.is_empty() {
            unknown.push(pattern.to_string());
        }
    }
    Ok(unknown.join(", "))
}

pub(super) async fn pause(view: &View<'_>, id: WebhookId) -> PageResult {
    set_status(view, id, WebhookStatus::Paused, "paused").await
}

pub(super) async fn resume(view: &View<'_>, id: WebhookId) -> PageResult {
    set_status(view, id, WebhookStatus::Active, "resumed").await
}

async fn set_status(view: &View<'_>, id: WebhookId, status: WebhookStatus, note: &str) -> PageResult {
    let patch = WebhookPatch { status: Some(status), ..WebhookPatch::default() };
    view.service.change(view.caller(), id, patch).await?;
    Ok(done(view, note))
}

/// Sends a test and shows what became of it.
pub(super) async fn test(view: &View<'_>, id: WebhookId) -> PageResult {
    let sent = view.service.test(view.caller(), id).await?;
    Ok(see(&format!("/notifications/{}", sent.id)))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn confirm_rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let t = view.t;
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let action = format!("/webhooks/{id}/rotate");
    let back = format!("/webhooks/{id}");
    let content = html! {
        p.crumbs { a.clip href=(back) { (webhook.target) } }
        h1 { (t.rotate_title) }
        form.card method="post" action=(action) {
            (view.csrf())
            p.target.strong { (webhook.target) }
            p { (t.rotate_help) }
            div.buttons { button.primary type="submit" { (t.rotate) } a.button href=(back) { (t.cancel) } }
        }
        form.card method="post" action=(action) {
            (view.csrf())
            h2 { (t.leaked_title) }
            p { (t.leaked_help) }
            input type="hidden" name="leaked" value="1";
            div.buttons { button.danger type="submit" { (t.leaked_yes) } }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.rotate_title, &content)))
}

pub(super) async fn rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let leaked = view.request.form.get("leaked").is_some();
    let webhook = view.service.rotate_secret(view.caller(), id, leaked.then_some(Duration::ZERO)).await?;
    view.sessions.put_secret(view.signed_in, id, webhook.secret.reveal());
    Ok(see(&format!("/webhooks/{id}")))
}

pub(super) async fn confirm_delete(view: &View<'_>, id: WebhookId) -> PageResult {
    let t = view.t;
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let pending = view.service.failing_webhook(view.caller(), id).await?.backlog.total();
    let sentence = match pending {
        0 => t.delete_pending_none.to_owned(),
        1 => t.delete_pending_one.to_owned(),
        2..MAX_COUNTED => fill(t.delete_pending, &[&pending]),
        _ => fill(t.delete_pending_many, &[&number(view.lang, pending)]),
    };
    let content = html! {
        p.crumbs { a.clip href=(format!("/webhooks/{id}")) { (webhook.target) } }
        h1 { (t.delete_title) }
        form.card method="post" action=(format!("/webhooks/{id}/delete")) {
            (view.csrf())
            p.target.strong { (webhook.target) }
            p.strong { (sentence) }
            p.help { (t.delete_help) }
            div.buttons {
                button.danger type="submit" { (t.delete_yes) } a.button href=(format!("/webhooks/{id}")) { (t.cancel) }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.delete_title, &content)))
}

pub(super) async fn delete(view: &View<'_>, id: WebhookId) -> PageResult {
    view.service.delete(view.caller(), id).await?;
    Ok(see("/webhooks?done=deleted"))
}
