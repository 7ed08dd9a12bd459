//! Início: is anything wrong, what does it concern, what is to be done, and how deliveries do.

use super::charts::{Column, chart};
use super::frame::{Place, framed};
use super::layout::{Icon, ago, at_most_counted, icon, number, percent, span};
use super::request::page;
use super::texts::{Lang, fill};
use super::trouble;
use super::view::{PageResult, View};
use super::welcome;
use crate::model::Status;
use crate::service::{DeliveryFigures, FailingWebhook, HourCounts, Overview};
use http::StatusCode;
use maud::{Markup, html};
use std::cmp::Ordering;

/// How many cards of failing webhooks are shown unless all are asked for.
const CARDS: usize = 3;
/// A scheduled backup that is older is told of, in milliseconds.
const OLD_BACKUP_MS: u64 = 48 * 3_600_000;

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let t = view.t;
    let overview = view.service.overview(view.caller()).await?;
    let absent = view.service.absent_accounts(view.caller()).await?;
    let month = view.request.query.get("range") == Some("month");
    let first_steps = welcome::is_due(view, &overview);
    let content = html! {
        div #live data-live="" {
            @if first_steps {
                (welcome::steps(view, &overview))
            } @else {
                div.head {
                    div { h1 { (t.home) } p.sub {
                            (if month { t.last_month } else { t.last_day }) " · " (zone_name(view))
                        } }
                    @if view.can_change {
                        div.acts { a.btn.main href="/webhooks/new" { (icon(Icon::Plus)) (t.create_webhook) } }
                    }
                }
            }
            @for name in &absent { p.problem role="alert" { (fill(t.absent_account, &[name, name, name, name])) } }
            @if !first_steps || !overview.failing.is_empty() || overview.not_ready.is_some() {
                (health(view, &overview))
                (troubles(view, &overview.failing))
            }
            @if !first_steps {
                (kpis(view, &overview))
                (deliveries(view, &overview, month))
                (welcome::last_step(view))
            }
            (system(view, &overview))
        }
    };
    let title = if first_steps { t.welcome } else { t.home };
    Ok(page(StatusCode::OK, framed(view, Place::Home, title, &content)))
}

/// What people call the zone: by its IANA name, which is the setting's too, where that says it plainly enough.
fn zone_name<'a>(view: &'a View<'_>) -> &'a str {
    match view.zone.name() {
        "America/Sao_Paulo" => view.t.brasilia_time,
        name => name,
    }
}

/// The answer to "is anything wrong?", in one sentence.
fn health(view: &View<'_>, overview: &Overview) -> Markup {
    let t = view.t;
    let (failing, backlog, failed) = (view.failing(), overview.backlog.total(), overview.delivery.failed);
    let figures = &overview.figures;
    // What whoever operates carteiro has to look after is no other account's affair.
    let is_operators = view.service.is_operators(view.caller());
    let free = figures.free_bytes.filter(|_| is_operators);
    let low_disk = free.filter(|free| *free < figures.min_free_bytes.saturating_mul(2));
    let no_backup = is_operators
        && figures.backups_scheduled
        && figures.last_backup.map_or(view.service.started_at(), |at| at).as_ms() + OLD_BACKUP_MS < view.now.as_ms();
    let line = |class: &str, sign: Icon, strong: &str, rest: &str| {
        html! { p class=(format!("health {class}")) { (icon(sign)) span { strong { (strong) } " " (rest) } } }
    };
    if let Some(why) = &overview.not_ready {
        return line("bad", Icon::Alert, t.not_ready, &super::texts::sentence(view.lang, why));
    }
    if failing > 0 {
        let all = u64::try_from(overview.webhooks).unwrap_or(u64::MAX);
        let strong = t.need_attention.of(failing, &number(view.lang, failing), &[&number(view.lang, all)]);
        let waiting = match backlog {
            0 => String::new(),
            count => t.nothing_lost.of(count, &at_most_counted(view, count), &[]),
        };
        let lost = match failed {
            0 => String::new(),
            count => t.to_resend.of(count, &at_most_counted(view, count), &[]),
        };
        return line("bad", Icon::Alert, &strong, format!("{waiting} {lost}").trim());
    }
    if let Some(free) = low_disk {
        return line("warn", Icon::Alert, t.low_disk, &fill(t.low_disk_help, &[&view.lang.bytes(free)]));
    }
    if no_backup {
        return line("warn", Icon::Alert, t.old_backup, t.old_backup_help);
    }
    // A target that works again leaves what waits for its time as it is: hours, after a day of failures.
    if overview.waits_long && overview.backlog.retrying > 0 {
        return recovering(view, overview);
    }
    // All is well again, but for what goes out only when it is re-sent.
    if failed > 0 {
        let strong = t.failed_this_week.of(failed, &at_most_counted(view, failed), &[]);
        return html! {
            p.health.warn {
                (icon(Icon::Alert))
                span {
                    strong { (strong) } " " (t.failed_this_week_help) " "
                    a href=(failed_of_week(overview)) { (t.see_failed.of(failed, &at_most_counted(view, failed), &[])) }
                }
            }
        };
    }
    match overview.delivery.delivered {
        0 => line("ok", Icon::Good, t.all_well, t.all_well_none),
        count => line("ok", Icon::Good, t.all_well, &t.all_well_n.of(count, &number(view.lang, count), &[])),
    }
}

/// No webhook fails, but some notifications wait for their next attempt: that isn't mended yet.
fn recovering(view: &View<'_>, overview: &Overview) -> Markup {
    let (t, waiting, failed) = (view.t, overview.backlog.retrying, overview.delivery.failed);
    html! {
        div.health.warn {
            (icon(Icon::Alert))
            div {
                strong { (t.no_failing) } " " (t.waits_its_time.of(waiting, &at_most_counted(view, waiting), &[]))
                @if failed > 0 {
                    " " (t.to_resend.of(failed, &at_most_counted(view, failed), &[])) " "
                    a href=(failed_of_week(overview)) { (t.see_failed.of(failed, &at_most_counted(view, failed), &[])) }
                }
                div.acts { (trouble::resend_all_waiting(view, waiting)) }
            }
        }
    }
}

/// The list of what has failed this week.
fn failed_of_week(overview: &Overview) -> String {
    let (status, from) = (Status::Failed.as_str(), overview.delivery.failed_since);
    format!("/notifications?status={status}&webhook_deleted=false&from={from}")
}

/// A card for each failing webhook, but those that were dismissed.
fn troubles(view: &View<'_>, failing: &[FailingWebhook]) -> Markup {
    let t = view.t;
    let dismissed = |one: &&FailingWebhook| view.request.dismissed.contains(&trouble::mark(one));
    let hidden = u64::try_from(failing.iter().filter(dismissed).count()).unwrap_or(u64::MAX);
    let shown: Vec<&FailingWebhook> = failing.iter().filter(|one| !dismissed(one)).collect();
    let all = view.request.query.get("failing") == Some("all");
    let most = if all { shown.len() } else { CARDS };
    html! {
        @for one in shown.iter().take(most) { (trouble::card(view, one)) }
        @if shown.len() > most { p { a href="/?failing=all" { (fill(t.all_failing, &[&shown.len()])) } } }
        @if hidden > 0 {
            form.acts.muted method="post" action="/recall" {
                (view.csrf())
                span { (t.dismissed.of(hidden, &hidden, &[])) }
                button.link type="submit" { (t.show_again) }
            }
        }
    }
}

/// Five figures, each of the list that it leads to.
fn kpis(view: &View<'_>, overview: &Overview) -> Markup {
    let t = view.t;
    let (figures, retrying) = (&overview.delivery, overview.backlog.retrying);
    let kpi = |name: &str, value: &str, below: &str, href: &str, hot: bool| {
        html! {
            a class=(if hot { "kpi hot" } else { "kpi" }) href=(href) {
                span { (name) } b { (value) } em { (below) }
            }
        }
    };
    let of = |status: Status, rest: &str| format!("/notifications?status={}{rest}", status.as_str());
    let day = format!("&from={}", figures.since);
    let half = figures.half.map_or_else(|| "–".to_owned(), |half| span(view.lang, half));
    let most = figures.most.map(|most| fill(t.most_below, &[&span(view.lang, most)])).unwrap_or_default();
    html! {
        div.kpis {
            (kpi(t.delivered_many, &number(view.lang, figures.delivered), &against_yesterday(view, figures),
                &of(Status::Delivered, &day), false))
            (kpi(t.delivery_rate, &percent(view.lang, figures.delivered_permille), t.by_notification,
                &format!("/notifications?from={}", figures.since), false))
            (kpi(t.response_time, &half, &most, &of(Status::Delivered, &day), false))
            @let goes_out = if retrying > 0 { t.comes_by_itself } else { t.none_retrying };
            (kpi(t.retrying, &at_most_counted(view, retrying), goes_out,
                &of(Status::Retrying, ""), false))
            (kpi(t.failed_many, &at_most_counted(view, figures.failed), t.failed_help,
                &failed_of_week(overview), figures.failed > 0))
        }
    }
}

/// "▲ 8 % que ontem".
fn against_yesterday(view: &View<'_>, figures: &DeliveryFigures) -> String {
    let t = view.t;
    let (now, before) = (figures.delivered, figures.delivered_before);
    if before == 0 {
        return t.in_last_day.to_owned();
    }
    let percent = now.abs_diff(before).saturating_mul(100) / before;
    match now.cmp(&before) {
        Ordering::Equal => t.as_yesterday.to_owned(),
        Ordering::Greater => fill(t.more_than_yesterday, &[&number(view.lang, percent)]),
        Ordering::Less => fill(t.less_than_yesterday, &[&number(view.lang, percent)]),
    }
}

fn deliveries(view: &View<'_>, overview: &Overview, month: bool) -> Markup {
    let t = view.t;
    let counts = if month { &overview.days } else { &overview.hours };
    let columns: Vec<Column> = (0..counts.len()).map(|nth| column(view, overview, nth, month)).collect();
    let all = HourCounts::sum(counts);
    let count = |count| number(view.lang, count);
    let title = if month { t.by_day } else { t.by_hour };
    html! {
        section.card.pad {
            div.head {
                h2 { (title) }
                nav.acts aria-label=(t.period) {
                    a.chip href="/" aria-current=[(!month).then_some("true")] { (t.hours_24) }
                    a.chip href="/?range=month" aria-current=[month.then_some("true")] { (t.days_30) }
                }
            }
            @if all.tried() == 0 { p.muted { (t.nothing_yet) } } @else {
                div.scroll tabindex="0" role="region" aria-label=(title) { (chart(view, &columns, title)) }
                p.key {
                    span { i.dot.ok aria-hidden="true" {} (t.delivered_many) " " b { (count(all.confirmed)) } }
                    span { i.dot.warn aria-hidden="true" {} (t.retried_many) " " b { (count(all.retried)) } }
                    span { i.dot.bad aria-hidden="true" {} (t.failed_many) " " b { (count(all.failed)) } }
                }
                details #numbers { summary { (t.in_numbers) } (numbers(view, &columns, month)) }
            }
        }
    }
}

/// The same in a table, the newest first.
fn numbers(view: &View<'_>, columns: &[Column], month: bool) -> Markup {
    let t = view.t;
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (if month { t.day } else { t.hour }) }
                    @for name in [t.delivered_many, t.retried_many, t.failed_many] { th.num scope="col" { (name) } }
                }
            }
            tbody {
                @for one in columns.iter().rev().filter(|one| one.counts.tried() > 0) {
                    tr {
                        th scope="row" { (one.name) }
                        @for count in [one.counts.confirmed, one.counts.retried, one.counts.failed] {
                            td.num { (number(view.lang, count)) }
                        }
                    }
                }
            }
        }
    }
}

/// An hour or a day of the panel's zone.
fn column(view: &View<'_>, overview: &Overview, nth: usize, days: bool) -> Column {
    let counts = if days { &overview.days } else { &overview.hours };
    let back = (counts.len() - 1).saturating_sub(nth);
    let (from, to) = if days { overview.day(nth) } else { overview.hour(nth) };
    let text = view.zone.text(from);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let name = match (view.lang, days) {
        (Lang::Pt, true) => format!("{}/{}", part(8, 10), part(5, 7)),
        (Lang::Pt, false) => format!("{}h", part(11, 13)),
        (Lang::En, true) => part(5, 10),
        (Lang::En, false) => format!("{}:00", part(11, 13)),
    };
    let labelled =
        if days { back.is_multiple_of(5) } else { part(11, 13).parse().is_ok_and(|hour: u32| hour.is_multiple_of(3)) };
    Column { counts: counts.get(nth).copied().unwrap_or_default(), from, to, name, labelled }
}

/// How the daemon does, in a line; of its machine only what its operator may know.
fn system(view: &View<'_>, overview: &Overview) -> Markup {
    let (t, figures) = (view.t, &overview.figures);
    let all = if view.service.account_name(view.caller()).is_some() { t.kept_in_all } else { t.kept_events };
    html! {
        section.card.pad {
            h2 { (t.system) }
            p.meta {
                span { (t.taking_events) " " b { (if overview.not_ready.is_none() { t.taken } else { t.not_taken }) } }
                @if view.service.is_operators(view.caller()) {
                    span { (all) " " b { (number(view.lang, figures.events)) } }
                    span { (t.disk_used) " " b { (view.lang.bytes(overview.disk_bytes)) } }
                    @if let Some(free) = figures.free_bytes {
                        span { (t.disk_free) " " b { (view.lang.bytes(free)) } }
                    }
                    span {
                        (t.last_backup) " "
                        b { @match figures.last_backup { Some(at) => (ago(view, at)), None => (t.no_backup) } }
                    }
                }
                @if view.can_change { span { a href="/system" { (t.see_details) } } }
            }
        }
    }
}
