//! Eventos: the list, and one event with its notification history.

use super::attempts;
use super::filters::{alerts, any, asked_for, listed, period_fields, read_page, text_field, type_list};
use super::layout::{Place, action, ago, counted, curl, empty, framed, heads, moment, pretty, with_moments};
use super::request::page;
use super::texts::fill;
use super::view::{PageResult, ROWS, Refusal, View, done};
use crate::model::{EventFilter, EventId, Listing, Page, Payload, WebhookId};
use crate::service::{EventSummary, Explanation};
use http::StatusCode;
use maud::{Markup, html};

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let (filter, problems) = asked_for::<EventFilter>(view);
    let find = |listing| view.service.summarize_events(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let filtered = any(view);
    let (rows, first_step) = (table(view, &found), empty(t.no_events, t.no_events_help, Some(&first(view))));
    let content = html! {
        h1 { (t.events) }
        (filter_form(view, filtered))
        (alerts(&problems))
        (listed(view, listing, found.next, (!found.items.is_empty()).then_some(&rows), &first_step))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Events, t.events, &content)))
}

/// The first event, as a call of the API.
pub(super) fn first(view: &View<'_>) -> String {
    curl(
        view,
        "events",
        r#"{"event": {"type": "PAYMENT.PAID", "resource": {"payment": {"id": "p-1", "status": "PAID"}}}}"#,
    )
}

fn filter_form(view: &View<'_>, filtered: bool) -> Markup {
    let t = view.t;
    html! {
        details.filters #filters open[filtered] {
            summary { (t.filter) }
            form method="get" action="/events" {
                (text_field(view, "type", t.event_type, Some("types")))
                (type_list(view))
                (text_field(view, "external_id", t.external_id, None))
                (text_field(view, "resource_id", t.resource_id, None))
                (period_fields(view))
                div.field.check {
                    input #undelivered type="checkbox" name="undelivered" value="1"
                        checked[view.request.query.get("undelivered").is_some()];
                    label for="undelivered" { (t.undelivered) }
                }
                div.buttons { button.primary type="submit" { (t.filter) } a href="/events" { (t.clear) } }
            }
        }
    }
}

fn table(view: &View<'_>, found: &Page<EventSummary>) -> Markup {
    let t = view.t;
    html! {
        table.cards #rows {
            caption.sr { (t.events) }
            (heads(&[t.event_type, t.external_id, t.resource_id, t.recorded, t.notifications]))
            tbody {
                @for (event, states) in &found.items {
                    tr id=(format!("e-{}", event.id)) {
                        td.type data-label=(t.event_type) {
                            a.strong href=(format!("/events/{}", event.id)) { (event.event_type) }
                        }
                        td.id data-label=(t.external_id) {
                            (event.external_id.as_deref().or(event.resource.external_id.as_deref()).unwrap_or("–"))
                        }
                        td.id data-label=(t.resource_id) { (event.resource.id.as_deref().unwrap_or("–")) }
                        td data-label=(t.recorded) { (ago(view, event.inserted_at)) }
                        td.states data-label=(t.notifications) {
                            @for (state, count) in states { (counted(view, *state, *count)) " " }
                            @if states.is_empty() { span.muted { (t.nobody) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn show(view: &View<'_>, id: EventId) -> PageResult {
    let t = view.t;
    let detail = view.service.event(view.caller(), id).await?;
    let history = view.service.notifications_of_event(view.caller(), id, Listing::newest(ROWS)).await?;
    let reasons = view.service.explain(view.caller(), id).await?;
    let why =
        |of: WebhookId| reasons.iter().find(|reason| reason.notified && reason.webhook_id == of).map(|it| &it.reason);
    let event = &detail.event;
    let resource = detail.payload.as_ref().map(Payload::resource);
    let resource = resource.as_deref().map(|bytes| pretty(&String::from_utf8_lossy(bytes)));
    let content = html! {
        p.crumbs { a href="/events" { (t.events) } }
        div.row {
            h1 { (event.event_type) }
            @if view.can_change && event.erased_at.is_none() {
                (action(view, &format!("/events/{id}/resend"), t.resend_event))
            }
        }
        dl.facts {
            div { dt { "Id" } dd.id { (id) } }
            div { dt { (t.recorded) } dd { (moment(view.lang, event.inserted_at)) } }
            @if let Some(at) = event.occurred_at { div { dt { (t.occurred) } dd { (moment(view.lang, at)) } } }
            @if let Some(external) = event.external_id.as_deref().or(event.resource.external_id.as_deref()) {
                div { dt { (t.external_id) } dd.id { (external) } }
            }
            @if let Some(resource) = event.resource.id.as_deref() {
                div {
                    dt { (t.resource_id) }
                    dd.id { a href=(format!("/events?{}", of_resource(resource))) { (resource) } }
                }
            }
        }
        h2 { (t.history) }
        div #history data-live="" {
            @if history.items.is_empty() { p.muted { (t.no_subscriber) } }
            @for detail in &history.items { (attempts::notification(view, detail, why(detail.view.webhook_id), false)) }
            @if let Some(next) = history.next {
                p { a href=(format!("/notifications?event_id={id}&older={next}")) { (t.older_notifications) } }
            }
        }
        (others(view, &reasons))
        h2 { (t.resource) }
        @match &resource {
            Some(text) => div.copyable {
                pre #resource tabindex="0" { (text) }
                button.copy type="button" data-copy="resource" hidden { (t.copy) }
            },
            None => p.muted { (t.resource_erased) },
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Events, event.event_type.as_str(), &content)))
}

/// The webhooks that were not notified of the event, and why each was not.
fn others(view: &View<'_>, reasons: &[Explanation]) -> Markup {
    let others: Vec<&Explanation> = reasons.iter().filter(|reason| !reason.notified).collect();
    html! {
        @if !others.is_empty() {
            details #others {
                summary { (fill(view.t.not_notified, &[&others.len()])) }
                dl.reasons {
                    @for reason in others.iter().take(ROWS) {
                        dt.target {
                            a href=(format!("/webhooks/{}", reason.webhook_id)) { (target(view, reason.webhook_id)) }
                        }
                        dd { (with_moments(view.lang, view.lang.of(&reason.reason))) }
                    }
                }
                @if others.len() > ROWS { p.muted { "+" (others.len() - ROWS) } }
            }
        }
    }
}

fn target(view: &View<'_>, id: WebhookId) -> String {
    let webhook = view.service.webhook(view.caller(), id);
    webhook.map_or_else(|_| id.to_string(), |webhook| webhook.target.to_string())
}

fn of_resource(id: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("resource_id", id).finish()
}

pub(super) async fn resend(view: &View<'_>, id: EventId) -> PageResult {
    view.service.resend_event(view.caller(), id).await.map_err(Refusal::from)?;
    Ok(done(view, "resent"))
}
