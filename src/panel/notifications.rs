//! Notificações: across events, one by one, selected or all that match.

use super::attempts::{self, response};
use super::filters::{PAGING, alerts, any, listed, period_fields, read_page, select_field, text_field, type_list};
use super::layout::{Place, ago, class, empty, framed, resend_button, status, until};
use super::notification_filter::{asked_for, not_whole};
use super::request::{page, see};
use super::resends;
use super::view::{PageResult, ROWS, View, back_of, done};
use crate::model::{NotificationId, Status};
use crate::service::NotificationView;
use http::StatusCode;
use maud::{Markup, html};

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let (filter, problems) = asked_for(view);
    let find = |listing| view.service.notifications(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let filtered = any(view);
    let aside = (!problems.is_empty()).then_some(t.not_whole_aside);
    let not_whole = aside.or(not_whole(view, &filter));
    let first_step = empty(t.no_notifications, t.no_notifications_help, Some(&super::events::first(view)));
    let rows = html! {
        @if view.can_change {
            form #many method="post" action="/notifications/resend" {
                (view.csrf())
                input type="hidden" name="back" value=(view.here);
                div.buttons {
                    label.check hidden data-select-all="" { input type="checkbox"; " " (t.select_page) }
                    button type="submit" { (t.resend_selected) }
                    @if not_whole.is_none() {
                        a.button href=(format!("/notifications/resend?{}", view.request.query.query(PAGING, None))) {
                            (t.resend_all)
                        }
                    }
                }
                @if let Some(why) = not_whole { p.help { (why) } }
            }
        }
        (table(view, &found.items))
    };
    let content = html! {
        h1 { (t.notifications) }
        @if listing.cursor.is_none() { (resends::late(view)) }
        (filter_form(view, filtered))
        (alerts(&problems))
        (listed(view, listing, found.next, (!found.items.is_empty()).then_some(&rows), &first_step))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Notifications, t.notifications, &content)))
}

fn filter_form(view: &View<'_>, filtered: bool) -> Markup {
    let t = view.t;
    let statuses: Vec<(&str, &str)> =
        std::iter::once(("", t.any)).chain(Status::ALL.map(|status| (status.as_str(), t.status(status)))).collect();
    let webhooks = view.service.all_webhooks(view.caller());
    let named: Vec<(String, String)> =
        webhooks.iter().map(|webhook| (webhook.id.to_string(), webhook.target.to_string())).collect();
    let mut options: Vec<(&str, &str)> = vec![("", t.any)];
    options.extend(named.iter().map(|(id, target)| (&**id, &**target)));
    let request = view.request.query.get("webhook_id").unwrap_or_default();
    if !request.is_empty() && named.iter().all(|(id, _)| id != request) {
        // One that was deleted can still be asked for.
        options.push((request, request));
    }
    let responses = [
        ("", t.any),
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
    html! {
        details.filters #filters open[filtered] {
            summary { (t.filter) }
            form method="get" action="/notifications" {
                (select_field(view, "status", t.status, &statuses))
                (select_field(view, "webhook_id", t.webhook, &options))
                (select_field(view, "response", t.response, &responses))
                (text_field(view, "type", t.event_type, Some("types")))
                (type_list(view))
                (period_fields(view))
                div.buttons { button.primary type="submit" { (t.filter) } a href="/notifications" { (t.clear) } }
            }
        }
    }
}

fn table(view: &View<'_>, items: &[NotificationView]) -> Markup {
    let t = view.t;
    let columns = [t.event_type, t.target, t.response, t.status, t.next_attempt, t.recorded];
    html! {
        table.cards #rows {
            caption.sr { (t.notifications) }
            thead {
                tr {
                    // Its boxes need less room than its name.
                    @if view.can_change { th scope="col" { span.sr { (t.select) } } }
                    @for name in columns { th scope="col" { (name) } }
                }
            }
            tbody { @for item in items { (row(view, item)) } }
        }
    }
}

fn row(view: &View<'_>, item: &NotificationView) -> Markup {
    let t = view.t;
    let id = item.id.to_string();
    html! {
        tr id=(format!("n-{id}")) class=(class(item.status)) {
            @if view.can_change {
                td.pick data-label=(t.select) {
                    input type="checkbox" name="id" form="many" value=(id)
                        aria-label=(format!("{} {} {}", t.select, item.event_type, item.target))
                            disabled[!item.can_resend];
                }
            }
            td.type data-label=(t.event_type) { a.strong href=(format!("/notifications/{id}")) { (item.event_type) } }
            td.target data-label=(t.target) { span.clip title=(item.target) { (item.target) } }
            td data-label=(t.response) {
                (response(view, item)) @if item.attempts_count > 1 { " " span.muted { (item.attempts_count) "×" } }
            }
            td data-label=(t.status) {
                div.state {
                    (status(t, item.status))
                    (resend_button(view, item))
                }
            }
            td data-label=(t.next_attempt) {
                @if let Some(at) = item.next_attempt_at { (until(view, at)) } @else { "–" }
            }
            td data-label=(t.recorded) { (ago(view, item.inserted_at)) }
        }
    }
}

pub(super) async fn show(view: &View<'_>, id: NotificationId) -> PageResult {
    let t = view.t;
    let detail = view.service.notification(view.caller(), id).await?;
    let reason = view.service.explain_notification(view.caller(), id).await?;
    let content = html! {
        p.crumbs {
            a href="/notifications" { (t.notifications) }
            " › " a href=(format!("/events/{}", detail.view.event_id)) { (detail.view.event_type) }
        }
        h1 { (t.notification) }
        (attempts::notification(view, &detail, Some(&reason), true))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Notifications, t.notification, &content)))
}

pub(super) async fn resend(view: &View<'_>, id: NotificationId) -> PageResult {
    view.service.resend(view.caller(), id).await?;
    Ok(done(view, "resent"))
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
        return Ok(done(view, "none"));
    }
    let back = back_of(view.request);
    let joint = if back.contains('?') { '&' } else { '?' };
    Ok(see(&format!("{back}{joint}done=some&ok={sent}&not={not}")))
}
