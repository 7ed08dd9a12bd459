//! Webhooks: their list, those that need somebody first, and what the buttons of one do.

use super::charts::spark;
use super::filters::csv_link;
use super::frame::{Place, framed};
use super::layout::{Icon, ago, curl, empty, icon, number, pager, percent};
use super::names;
use super::request::{page, see};
use super::texts::fill;
use super::view::{PageResult, ROWS, View, done};
use crate::model::{EventType, NotificationFilter, Pattern, Status, Webhook, WebhookId, WebhookPatch, WebhookStatus};
use crate::service::{HourCounts, WebhookHistory, WebhookSummary};
use http::StatusCode;
use maud::{Markup, html};

/// A list of more has a field to search it by.
const SEARCHABLE_FROM: usize = 8;
/// How many patterns a row names.
const PATTERNS: usize = 2;

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let count = view.service.all_webhooks(view.caller()).len();
    let found = view.service.webhooks_named(view.caller(), view.request.query.get("q"));
    let mut summaries = view.service.summarize_webhooks(found);
    summaries.sort_by_cached_key(|one| (urgency(one), one.webhook.name().to_lowercase(), one.webhook.no.0));
    let asked = view.request.query.get("page").map(|text| text.parse::<usize>().unwrap_or(0));
    let pages = summaries.len().div_ceil(ROWS).max(1);
    let bad_page = asked.is_some_and(|nth| !(1..=pages).contains(&nth));
    let nth = asked.filter(|_| !bad_page).unwrap_or(1);
    let begin = (nth - 1) * ROWS;
    let shown = &summaries[begin..summaries.len().min(begin + ROWS)];
    let link = |nth: usize| {
        let query = view.request.query.query(&["page", "done", "ok", "not", "n"], Some(("page", &nth.to_string())));
        format!("/webhooks?{query}")
    };
    let newer = (nth > 1).then(|| link(nth - 1));
    let older = (begin + ROWS < summaries.len()).then(|| link(nth + 1));
    let content = html! {
        p.crumb { (t.place) " › " (t.product) " › " (t.webhooks) }
        div.head {
            div { h1 { (t.webhooks) } p.sub { (t.webhooks_help) } }
            div.acts {
                @if count > 0 { (csv_link(view)) }
                @if view.can_change { a.btn.main href="/webhooks/new" { (icon(Icon::Plus)) (t.create_webhook) } }
            }
        }
        @if count > SEARCHABLE_FROM {
            form.chips method="get" action="/webhooks" role="search" {
                div.with {
                    input type="search" name="q" aria-label=(t.find_webhook) placeholder=(t.find_webhook)
                        value=[view.request.query.get("q")];
                    button type="submit" { (t.find) }
                }
            }
        }
        @if bad_page { p.problem role="alert" { (t.bad_page) } }
        div #list data-live="rows" {
            @if count == 0 {
                (empty(t.no_webhooks, t.no_webhooks_help, Some(&first(view)), t))
            } @else if shown.is_empty() { p.muted { (t.nothing_matches) } } @else { (table(view, shown)) }
            (pager(view, newer.as_deref(), older.as_deref()))
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.webhooks, &content)))
}

/// Failing ones first, then those that somebody has stopped.
fn urgency(summary: &WebhookSummary) -> u8 {
    match summary.webhook.status {
        WebhookStatus::Disabled { .. } => 0,
        WebhookStatus::Active if summary.health.since.is_some() => 0,
        WebhookStatus::Paused => 1,
        WebhookStatus::Active => 2,
    }
}

/// The first webhook, as a call of the API.
pub(super) fn first(view: &View<'_>) -> String {
    let body = r#"{"webhook": {"events": ["PAYMENT.*", "ORDER.*"], "target": "https://loja.example/notificacoes"}}"#;
    curl(view, "webhooks", body)
}

fn table(view: &View<'_>, summaries: &[WebhookSummary]) -> Markup {
    let t = view.t;
    html! {
        div.card {
            table.rows #rows {
                caption.sr { (t.webhooks) }
                thead {
                    tr {
                        @for name in [t.name_and_url, t.status, t.events, t.last_day_short, t.last_success] {
                            th scope="col" { (name) }
                        }
                    }
                }
                tbody { @for summary in summaries { (row(view, summary)) } }
            }
        }
    }
}

fn row(view: &View<'_>, summary: &WebhookSummary) -> Markup {
    let t = view.t;
    let webhook = &summary.webhook;
    html! {
        tr id=(format!("w-{}", webhook.id)) {
            td.what {
                a.t1.clip href=(format!("/webhooks/{}", webhook.id)) { (webhook.name()) }
                div.url.clip title=(webhook.target) { (webhook.target) }
            }
            td.now.r { (state(view, summary)) }
            td.full {
                // A phone has room for one.
                div.clip.desk { (patterns(view, webhook, PATTERNS)) }
                div.clip.only { (patterns(view, webhook, 1)) }
            }
            td.hide { div.acts { (spark_of(view, &summary.history)) (rate(view, &summary.history)) } }
            td.full.t2 {
                span.only { (t.last_success) ": " }
                @match summary.history.confirmed_at { Some(at) => (ago(view, at)), None => (t.never) }
                @if HourCounts::sum(&summary.history.hours).delivered_permille().is_some() {
                    span.only { " · " span.whole { (t.last_day_short) ": " (rate(view, &summary.history)) } }
                }
            }
        }
    }
}

pub(super) fn patterns(view: &View<'_>, webhook: &Webhook, most: usize) -> Markup {
    let told = told(webhook.events.iter());
    let count = told.len();
    html! {
        @for (nth, pattern) in told.into_iter().take(most).enumerate() {
            @if nth > 0 { ", " }
            span title=(pattern) { (names::pattern(view, pattern)) }
        }
        @if count > most { " " span.muted { "+" (count - most) } }
    }
}

/// The patterns without those that another one means already: `*` means every type but carteiro's own.
fn told<'w>(patterns: impl Iterator<Item = &'w Pattern>) -> Vec<&'w Pattern> {
    let mut told: Vec<&Pattern> = patterns.collect();
    let is_own = |pattern: &Pattern| match pattern {
        Pattern::Everything => false,
        Pattern::Category(name) => **name == *EventType::OWN_CATEGORY,
        Pattern::Exactly(event_type) => event_type.is_own(),
    };
    if told.iter().any(|pattern| **pattern == Pattern::Everything) {
        told.retain(|pattern| **pattern == Pattern::Everything || is_own(pattern));
    }
    told
}

pub(super) fn state(view: &View<'_>, summary: &WebhookSummary) -> Markup {
    let t = view.t;
    let (tone, text) = match summary.webhook.status {
        WebhookStatus::Active if summary.health.since.is_some() => ("bad", t.failing_now),
        WebhookStatus::Active => ("ok", t.active),
        WebhookStatus::Paused => ("idle", t.paused),
        WebhookStatus::Disabled { .. } => ("bad", t.disabled),
    };
    html! { span class=(format!("pill {tone}")) { (text) } }
}

/// Which part of the last day's is delivered.
pub(super) fn rate(view: &View<'_>, history: &WebhookHistory) -> String {
    percent(view.lang, HourCounts::sum(&history.hours).delivered_permille())
}

fn spark_of(view: &View<'_>, history: &WebhookHistory) -> Markup {
    let day = HourCounts::sum(&history.hours);
    let bad = day.tried() - day.confirmed;
    let label = fill(view.t.spark_label, &[&number(view.lang, day.confirmed), &number(view.lang, bad)]);
    spark(&history.hours, &label)
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
    Ok(done(view, note, &[("n", &id)]))
}

/// Sends again what waits for its next attempt, now and as a job that is watched.
pub(super) async fn resend_waiting(view: &View<'_>, id: WebhookId) -> PageResult {
    let webhook = view.service.webhook(view.caller(), id)?;
    let (webhook_id, status) = (Some(webhook.id), Some(Status::Retrying));
    let waiting = NotificationFilter { webhook_id, status, ..NotificationFilter::default() };
    let job = view.service.resend_many(view.caller(), waiting, false).await?;
    Ok(see(&format!("/notifications/resends/{}", job.id)))
}

/// Sends a test and shows what became of it.
pub(super) async fn test(view: &View<'_>, id: WebhookId) -> PageResult {
    let sent = match view.request.form.get("type") {
        Some(event_type) => view.service.test_with(view.caller(), id, event_type).await?,
        None => view.service.test(view.caller(), id).await?,
    };
    Ok(see(&format!("/notifications/{}", sent.id)))
}

pub(super) async fn delete(view: &View<'_>, id: WebhookId) -> PageResult {
    view.service.delete(view.caller(), id).await?;
    Ok(see("/webhooks?done=deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Todos os eventos, Pedidos: todos, Pagamentos: todos" took three lines of a phone to say one thing.
    #[test]
    fn what_everything_means_is_not_told_again() {
        let shown = |patterns: &[&str]| {
            let patterns: Vec<Pattern> = patterns.iter().filter_map(|text| Pattern::parse(text)).collect();
            told(patterns.iter()).into_iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["ORDER.*", "*", "PAYMENT.PAID"]), ["*"]);
        assert_eq!(shown(&["*", "WEBHOOK.*", "ORDER.PAID"]), ["*", "WEBHOOK.*"], "carteiro's own are apart");
        assert_eq!(shown(&["ORDER.*", "PAYMENT.PAID"]), ["ORDER.*", "PAYMENT.PAID"]);
    }
}
