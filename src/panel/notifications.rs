//! Notificações: across events, one by one, selected or all that match.

use super::attempts::{self, Exchanges};
use super::filters::{
    PAGING, alerts, any, csv_link, listed, period_popover, popover, read_page, select_field, set_chips, shown_period,
    text_field, type_list,
};
use super::frame::{Place, framed};
use super::jobs;
use super::layout::{at_most_counted, empty, test_mark};
use super::names;
use super::notification_filter::{asked_for, not_whole};
use super::request::page;
use super::resends;
use super::rows::{status_chips, table};
use super::texts::EventTexts;
use super::trouble::resend_waiting;
use super::view::{PageResult, ROWS, Refusal, View, done};
use crate::model::{Attempt, JobId, NotificationId, Trigger, WebhookId};
use crate::service::{NotificationDetail, NotificationHistory};
use http::StatusCode;
use maud::{Markup, html};
use std::time::{Duration, Instant};

/// How long the outcome of a resend is awaited before the page is shown.
const AWAIT_OUTCOME: Duration = Duration::from_millis(1500);
const LOOK_AGAIN: Duration = Duration::from_millis(40);

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let (filter, problems) = asked_for(view);
    let find = |listing| view.service.notifications(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let (backlog, failed) = view.service.status_counts(view.caller(), filter.webhook_id).await?;
    let aside = (!problems.is_empty()).then_some(t.not_whole_aside);
    let not_whole = aside.or(not_whole(view, &filter));
    let first_step = empty(t.no_notifications, t.no_notifications_help, Some(&super::events::first(view)), t);
    let can_resend_all = view.can_change && any(view) && !found.items.is_empty();
    let rows = html! {
        (table(view, &found.items, true))
        @if can_resend_all && let Some(why) = not_whole { p.help { (why) } }
    };
    let content = html! {
        div.head {
            div { h1 { (t.notifications) } p.sub { (t.notifications_help) } }
            div.acts {
                // Above the rows: below a page of them nobody finds it.
                @if can_resend_all && not_whole.is_none() {
                    a.btn.small href=(format!("/notifications/resend?{}", view.request.query.query(PAGING, None))) {
                        (t.resend_all)
                    }
                }
                (csv_link(view))
            }
        }
        @if listing.cursor.is_none() { (resends::late(view)) }
        div.chips #filters data-live="" { (status_chips(view, backlog, failed)) (more_filters(view)) }
        (alerts(&problems))
        (listed(view, listing, found.next, (!found.items.is_empty()).then_some(&rows), &first_step))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Notifications, t.notifications, &content)))
}

fn more_filters(view: &View<'_>) -> Markup {
    let t = view.t;
    let webhooks = view.service.all_webhooks(view.caller());
    let named: Vec<(String, String)> = webhooks.iter().map(|own| (own.id.to_string(), own.name().to_owned())).collect();
    let mut options: Vec<(&str, &str)> = vec![("", t.any)];
    options.extend(named.iter().map(|(id, name)| (&**id, &**name)));
    options[1..].sort_by_key(|(_, name)| name.to_lowercase());
    let responses = [
        ("", t.any_response),
        ("none", t.response_none),
        ("2xx", "2xx"),
        ("3xx", "3xx"),
        ("4xx", "4xx"),
        ("5xx", "5xx"),
        ("401", "401"),
        ("404", "404"),
        ("410", "410"),
        ("429", "429"),
        ("500", "500"),
        ("503", "503"),
    ];
    let job = view.request.query.get("job_id").and_then(JobId::parse).and_then(|id| jobs::find(view, id));
    let set = [
        ("webhook_id", t.webhook),
        ("period", t.period),
        ("from", t.from),
        ("to", t.to),
        ("response", t.response),
        ("type", t.event_type),
        ("event_id", t.event),
        ("job_id", job.as_ref().map_or(t.resend_job, |job| jobs::kind(t, job.kind))),
        ("undelivered", t.undelivered),
        ("q", t.search),
    ];
    let shown = |name: &str, value: &str| match name {
        "webhook_id" => WebhookId::parse(value).map_or_else(|| value.to_owned(), |id| names::webhook(view, id)),
        "response" if value == "none" => t.response_none.to_owned(),
        "undelivered" => if matches!(value, "true" | "1") { t.yes } else { t.no }.to_owned(),
        _ => shown_period(view, name, value).unwrap_or_else(|| value.to_owned()),
    };
    let more = html! {
        (select_field(view, "response", t.response, &responses))
        (text_field(view, "type", t.event_type, Some("types")))
        (type_list(view))
    };
    html! {
        (popover(
            view, "webhook-filter", t.webhook, &["webhook_id"],
            &select_field(view, "webhook_id", t.webhook, &options),
        ))
        (period_popover(view))
        (popover(view, "more-filters", t.more_filters, &["response", "type"], &more))
        (set_chips(view, &set, shown))
    }
}

pub(super) async fn show(view: &View<'_>, id: NotificationId) -> PageResult {
    let t = view.t;
    let NotificationHistory { detail, reason, parts } = view.service.notification_history(view.caller(), id).await?;
    let title = names::event_title(view, &detail.view.event_type);
    let wanted = view.request.query.get("attempt").and_then(|text| text.parse().ok());
    let exchanges = Exchanges::of(&parts, wanted);
    let is_named_test = title == EventTexts::of(view.lang).test_event;
    let content = html! {
        p.crumb {
            a href="/notifications" { (t.notifications) }
            " › " a href=(format!("/events/{}", detail.view.event_id)) {
                (names::reference(&detail.view.about).unwrap_or(&title))
            }
        }
        div.head {
            div {
                h1 {
                    // "Teste teste" says it twice.
                    (title) (test_mark(t, detail.view.test && !is_named_test)) " "
                    span.sub { (names::about(view, &detail.view.about)) }
                }
                p.meta {
                    span.code { (detail.view.event_type) }
                    span { a href=(format!("/events/{}", detail.view.event_id)) { (t.see_event) } }
                    span { (t.notification) " " span.id { (id) } }
                }
            }
        }
        div #waiting data-live="" { (still_waiting(view, &detail).await?) }
        (attempts::notification(view, &detail, Some(&reason), &exchanges))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Notifications, &title, &content)))
}

/// What waits for its time at a webhook whose target has just confirmed what somebody has sent it: a test, or one that
/// was sent again.
async fn still_waiting(view: &View<'_>, detail: &NotificationDetail) -> Result<Markup, Refusal> {
    let last = detail.attempts.last();
    if !last.is_some_and(|attempt| attempt.trigger != Trigger::Automatic && attempt.result.confirms()) {
        return Ok(html! {});
    }
    let Ok(webhook) = view.service.webhook(view.caller(), detail.view.webhook_id) else {
        return Ok(html! {});
    };
    let backlog = view.service.status_counts(view.caller(), Some(webhook.id)).await?.0;
    let count = backlog.retrying;
    Ok(html! {
        @if count > 0 && webhook.is_active() {
            section.card.pad {
                p.say {
                    strong { (view.t.target_confirmed) } " "
                    (view.t.waits_its_time.of(count, &at_most_counted(view, count), &[]))
                }
                div.acts { (resend_waiting(view, &webhook, backlog)) }
            }
        }
    })
}

pub(super) async fn resend(view: &View<'_>, id: NotificationId) -> PageResult {
    let before = view.service.resend(view.caller(), id).await?.attempts_count;
    // As a rule it has ended before anybody could have looked: the page then says how.
    let begun = Instant::now();
    while begun.elapsed() < AWAIT_OUTCOME {
        tokio::time::sleep(LOOK_AGAIN).await;
        if manual_after(&view.service.notification(view.caller(), id).await?.attempts, before).is_some() {
            break;
        }
    }
    Ok(done(view, "resent", &[("n", &id), ("ok", &before)]))
}

/// The attempt that was asked for when that many had been made; `None` while it isn't recorded. An automatic one may
/// have ended before it.
pub(super) fn manual_after(attempts: &[Attempt], before: u16) -> Option<&Attempt> {
    attempts.iter().find(|attempt| attempt.number > before && attempt.trigger == Trigger::Manual)
}

pub(super) async fn resend_selected(view: &View<'_>) -> PageResult {
    let (mut sent, mut not) = (0_u32, 0_u32);
    // More than a page's rows can be ticked, where some stayed that are listed no more: those past the limit are
    // reported as not re-sent.
    for (nth, id) in view.request.form.all("id").enumerate() {
        let resent = match NotificationId::parse(id) {
            Some(id) if nth < 2 * ROWS => view.service.resend(view.caller(), id).await.is_ok(),
            Some(_) | None => false,
        };
        if resent { sent += 1 } else { not += 1 }
    }
    if sent + not == 0 {
        return Ok(done(view, "none", &[]));
    }
    Ok(done(view, "some", &[("ok", &sent), ("not", &not)]))
}
