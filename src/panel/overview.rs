//! Visão geral: outcomes of attempts, what is pending, which webhooks are failing and what to do, how the daemon does.

use super::attempts::last_failure;
use super::charts::column;
use super::layout::{Place, ago, at_most_counted, bytes, empty, framed, heads, number, span, with_moments};
use super::request::page;
use super::texts::{Lang, fill};
use super::view::{PageResult, View};
use crate::model::{Status, Timestamp, WebhookStatus};
use crate::service::{FailingWebhook, HourCounts, Overview};
use http::StatusCode;
use maud::{Markup, html};

const HOUR_MS: u64 = 3_600_000;

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let t = view.t;
    let overview = view.service.overview(view.caller()).await?;
    let absent = view.service.absent_accounts(view.caller()).await?;
    let month = view.request.query.get("range") == Some("month");
    let content = html! {
        h1 { (t.overview) }
        div #live data-live="" {
            @if overview.webhooks == 0 {
                (empty(t.no_webhooks, t.no_webhooks_help, Some(&super::webhooks::first(view))))
                @if view.can_change { p { a.button.primary href="/webhooks/new" { "+ " (t.create_webhook) } } }
            } @else if !overview.has_events {
                (empty(t.no_events, t.no_events_help, Some(&super::events::first(view))))
            }
            @for name in &absent { p.problem role="alert" { (fill(t.absent_account, &[name, name, name, name])) } }
            div.tiles { (tiles(view, &overview)) }
            section.card {
                div.row {
                    h2 { (t.chart_title) }
                    nav.tabs aria-label=(t.period) {
                        a href="/" aria-current=[(!month).then_some("true")] { (t.last_day) }
                        a href="/?range=month" aria-current=[month.then_some("true")] { (t.last_month) }
                    }
                }
                (chart(view, &overview, month))
            }
            section {
                h2 { (t.failing_webhooks) }
                @if overview.failing.is_empty() { p.muted { (t.no_failing_webhooks) } }
                @for failing in &overview.failing { (failing_webhook(view, failing)) }
            }
            (system(view, &overview))
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Overview, t.overview, &content)))
}

fn tiles(view: &View<'_>, overview: &Overview) -> Markup {
    let t = view.t;
    let tile = |name: &str, count: u64, status: Status| {
        html! {
            a.tile href=(format!("/notifications?status={}", status.as_str())) {
                span.number { (at_most_counted(view, count)) } span { (name) }
            }
        }
    };
    html! {
        (tile(t.pending_many, overview.backlog.pending, Status::Pending))
        (tile(t.retrying, overview.backlog.retrying, Status::Retrying))
        (tile(t.held_many, overview.backlog.held, Status::Held))
        (tile(t.failed_many, overview.failed, Status::Failed))
        div.tile {
            span { (t.oldest_pending) }
            @match &overview.oldest {
                Some(oldest) =>
                    span.number.small {
                        a href=(format!("/notifications/{}", oldest.id)) { (ago(view, oldest.inserted_at)) }
                    },
                None => span.number.small { (t.nothing_pending) },
            }
        }
    }
}

/// Stacked columns, the present one at the right; the same in numbers below.
fn chart(view: &View<'_>, overview: &Overview, days: bool) -> Markup {
    let t = view.t;
    let columns = if days { &overview.days } else { &overview.hours };
    let mut sum = HourCounts::default();
    for one in columns {
        sum.confirmed += one.confirmed;
        sum.retried += one.retried;
        sum.failed += one.failed;
    }
    if sum.attempts() == 0 {
        return html! { p.muted { (t.nothing_yet) } };
    }
    let (width, height) = (columns.len() * 10, 100.0);
    let most = columns.iter().map(|one| one.attempts()).max().unwrap_or(0).max(1);
    let count = |count| number(view.lang, count);
    let label = fill(t.chart_label, &[&count(sum.confirmed), &count(sum.retried), &count(sum.failed)]);
    html! {
        p.scale { (fill(t.highest, &[&number(view.lang, most)])) }
        svg.chart viewBox=(format!("0 0 {width} {height}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (nth, one) in columns.iter().enumerate() { (column(nth, *one, most, height)) }
        }
        p.legend {
            span { i.delivered aria-hidden="true" {} (t.came_confirmed) " " (count(sum.confirmed)) } " "
            span { i.retrying aria-hidden="true" {} (t.came_retried) " " (count(sum.retried)) } " "
            span { i.failed aria-hidden="true" {} (t.came_failed) " " (count(sum.failed)) }
        }
        details #numbers {
            summary { (t.in_numbers) }
            table.cards {
                (heads(&[if days { t.day } else { t.hour }, t.came_confirmed, t.came_retried, t.came_failed]))
                tbody {
                    @for (nth, one) in columns.iter().enumerate().rev().filter(|(_, one)| one.attempts() > 0) {
                        tr {
                            th scope="row" { (name_of(view, overview, nth, days)) }
                            td data-label=(t.came_confirmed) { (count(one.confirmed)) }
                            td data-label=(t.came_retried) { (count(one.retried)) }
                            td data-label=(t.came_failed) { (count(one.failed)) }
                        }
                    }
                }
            }
        }
    }
}

/// The beginning of a column, in the panel's zone.
fn name_of(view: &View<'_>, overview: &Overview, nth: usize, days: bool) -> String {
    let hours_back = (overview.hours.len() - 1).saturating_sub(nth) as u64;
    let hour = Timestamp::from_ms((view.now.as_ms() / HOUR_MS).saturating_sub(hours_back) * HOUR_MS);
    let begin = if days { overview.day_begins.get(nth).copied().unwrap_or(hour) } else { hour };
    let at = view.zone.shift(begin).unwrap_or(begin).to_string();
    let part = |from: usize, to: usize| at.get(from..to).unwrap_or_default().to_owned();
    match (view.lang, days) {
        (Lang::Pt, true) => format!("{}/{}/{}", part(8, 10), part(5, 7), part(0, 4)),
        (Lang::Pt, false) => format!("{}/{} {}h", part(8, 10), part(5, 7), part(11, 13)),
        (Lang::En, true) => part(0, 10),
        (Lang::En, false) => format!("{} {}:00", part(5, 10), part(11, 13)),
    }
}

fn failing_webhook(view: &View<'_>, failing: &FailingWebhook) -> Markup {
    let t = view.t;
    let webhook = &failing.webhook;
    html! {
        article.card.trouble {
            div.row {
                h3.target {
                    a.clip href=(format!("/webhooks/{}", webhook.id)) title=(webhook.target) { (webhook.target) }
                }
                span { (fill(t.still_pending, &[&at_most_counted(view, failing.backlog.total())])) }
            }
            @if let WebhookStatus::Disabled { reason, .. } = webhook.status {
                p { (with_moments(view.lang, view.lang.of(&reason.localized()))) }
            }
            @if let Some(since) = failing.health.since {
                p { (fill(t.failing_since, &[&span(view.lang, view.now.since(since))])) }
            }
            @if let Some(at) = failing.health.disables_at {
                p { (fill(t.will_disable, &[&span(view.lang, at.since(view.now))])) }
            }
            @if let Some(attempt) = &failing.attempt { (last_failure(view, attempt)) }
        }
    }
}

fn system(view: &View<'_>, overview: &Overview) -> Markup {
    let (t, figures) = (view.t, &overview.figures);
    html! {
        section.card {
            h2 { (t.system) }
            dl.facts {
                div {
                    dt { (t.status) }
                    dd {
                        @match &overview.not_ready {
                            None => span.good { (t.ready) }, Some(why) => span.bad {
                                (t.not_ready) ": " (view.lang.of(why))
                            }
                        }
                    }
                }
                div {
                    dt {
                        (t.kept_events)
                        @if view.service.account_name(view.caller()).is_some() { " " (t.in_all_accounts) }
                    }
                    dd { (number(view.lang, figures.events)) }
                }
                div { dt { (t.disk_used) } dd { (bytes(view.lang, overview.disk_bytes)) } }
                @if let Some(free) = figures.free_bytes { div { dt { (t.disk_free) } dd { (bytes(view.lang, free)) } } }
                div {
                    dt { (t.last_backup) }
                    dd { @match figures.last_backup { Some(at) => (ago(view, at)), None => (t.no_backup) } }
                }
                div { dt { (t.version) } dd { (env!("CARGO_PKG_VERSION")) } }
            }
        }
    }
}
