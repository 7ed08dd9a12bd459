//! Eventos: the list, and one event with what became of it at each webhook.

use super::attempts::{self, Exchanges};
use super::event_resend;
use super::filters::{
    alerts, asked_for, chip, csv_link, listed, period_popover, popover, read_page, set_chips, shown_period, text_field,
    toggle, type_list,
};
use super::frame::{Place, framed};
use super::layout::{
    LONGEST_SHOWN, ago, counted, curl, empty, explained, moment, number, pretty, test_mark, tone, when,
};
use super::names::{self, event_title};
use super::request::{page, see, with_field};
use super::texts::{EventTexts, fill};
use super::view::{PageResult, ROWS, Refusal, View, done};
use crate::model::{Event, EventFilter, EventId, Listing, Page, Payload, SearchText, Status, Trial, WebhookId};
use crate::service::{EventDetail, EventHistory, EventSummary, Explanation};
use bytes::Bytes;
use http::StatusCode;
use maud::{Markup, html};

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let (filter, problems) = asked_for::<EventFilter>(view);
    let find = |listing| view.service.summarize_events(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let (table, first_step) = (table(view, &found), empty(t.no_events, t.no_events_help, Some(&first(view)), t));
    let content = html! {
        div.head {
            div { h1 { (t.events) } p.sub { (t.events_help) } }
            div.acts {
                a.btn.small href="/event-types" { (t.event_types) }
                (csv_link(view))
            }
        }
        div.chips #filters { (filters(view)) }
        (alerts(&problems))
        (listed(view, listing, found.next, (!found.items.is_empty()).then_some(&table), &first_step))
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

fn filters(view: &View<'_>) -> Markup {
    let t = view.t;
    let set = [
        ("period", t.period),
        ("from", t.from),
        ("to", t.to),
        ("type", t.event_type),
        ("q", t.search),
        ("external_id", t.external_id),
        ("resource_id", t.resource_id),
    ];
    let shown = |name: &str, value: &str| shown_period(view, name, value).unwrap_or_else(|| value.to_owned());
    let more = html! {
        (text_field(view, "type", t.event_type, Some("types")))
        (type_list(view))
        (text_field(view, "external_id", t.external_id, None))
        (text_field(view, "resource_id", t.resource_id, None))
    };
    html! {
        div.strip {
            (chip(view, "undelivered", "", t.all_of_them))
            (chip(view, "undelivered", "1", t.undelivered))
            (toggle(view, "test", "true", t.tests))
        }
        (period_popover(view))
        (popover(view, "more-filters", t.more_filters, &["type", "external_id", "resource_id"], &more))
        (set_chips(view, &set, shown))
    }
}

fn table(view: &View<'_>, found: &Page<EventSummary>) -> Markup {
    html! { div.card { (rows(view, &found.items, Some("rows"))) } }
}

/// How many webhooks are named one by one.
const NAMED: usize = 5;

/// How many notifications stand so; or, where somebody has searched for the very order, which webhooks they are for.
fn standing(view: &View<'_>, status: Status, webhooks: &[WebhookId], by_name: bool) -> Markup {
    html! {
        @if by_name && webhooks.len() <= NAMED {
            div {
                span class=(format!("pill {}", tone(status))) { (view.t.status(status)) }
                @for (nth, id) in webhooks.iter().enumerate() {
                    (if nth == 0 { " " } else { ", " }) (names::webhook(view, *id))
                }
            }
        } @else { (counted(view, status, u64::try_from(webhooks.len()).unwrap_or(u64::MAX))) }
    }
}

/// What the row of an event says of its order: of what was found the amount alone, since which order it is stands above
/// all of its events.
fn about(view: &View<'_>, event: &Event, is_found: bool) -> String {
    let about = event.about();
    if is_found {
        return about.total_cents.map(|cents| names::money(view.lang, cents)).unwrap_or_default();
    }
    names::about(view, &about)
}

/// Events as rows, each with how its notifications stand.
pub(super) fn rows(view: &View<'_>, found: &[EventSummary], id: Option<&str>) -> Markup {
    let (t, is_found) = (view.t, id.is_none());
    html! {
        table.rows id=[id] {
            caption.sr { (t.events) }
            thead { tr { @for name in [t.event, t.notifications, t.when] { th scope="col" { (name) } } } }
            tbody {
                @for (event, states) in found {
                    @let title = event_title(view, event.event_type.as_str());
                    tr id=(format!("e-{}", event.id)) {
                        td.what {
                            div.clip.about {
                                a.t1 href=(format!("/events/{}", event.id)) {
                                    (title)
                                }
                                " " span.t2 { (about(view, event, is_found)) }
                                (test_mark(t, event.trial.is_some()))
                            }
                            // One that has no name is called by it.
                            @if title != event.event_type.as_str() { div.t2.code.clip { (event.event_type) } }
                        }
                        td.full {
                            div.acts.stands {
                                @for (state, webhooks) in states { (standing(view, *state, webhooks, is_found)) }
                                @if states.is_empty() { span.t2 { (t.nobody) } }
                            }
                        }
                        td.fit.t2.r { (when(view, event.inserted_at)) }
                    }
                }
            }
        }
    }
}

pub(super) async fn show(view: &View<'_>, id: EventId) -> PageResult {
    let t = view.t;
    let EventHistory { parts, notifications: mut history, reasons } =
        view.service.event_history(view.caller(), id, Listing::newest(ROWS)).await?;
    let (event, exchanges) = (parts.event(), Exchanges::of(&parts, None));
    history.items.sort_by_key(|detail| attempts::urgency(detail.view.status));
    let title = event_title(view, event.event_type.as_str());
    let is_named_test = title == EventTexts::of(view.lang).test_event;
    let resource = parts.payload().map(Payload::resource);
    let resource_len = resource.as_ref().map_or(0, Bytes::len);
    let is_long = resource_len > LONGEST_SHOWN;
    let resource = resource.filter(|_| !is_long).map(|bytes| pretty(&String::from_utf8_lossy(&bytes)));
    let about = event.about();
    let order = names::reference(&about);
    let content = html! {
        p.crumb {
            a href="/events" { (t.events) } " › " (order.unwrap_or(&title))
        }
        div.head {
            div { h1 { (title) (test_mark(t, event.trial.is_some() && !is_named_test)) } (meta(view, event)) }
            div.acts.below {
                (others_of_order(view, event, order).await?)
                @if view.can_change && event.erased_at.is_none() {
                    (event_resend::button(view, event, &history.items))
                }
                @if view.can_change && can_erase(event) {
                    a.btn href=(format!("/events/{id}/erase")) {
                        (if event.erased_at.is_none() { t.erase } else { t.erase_external_id })
                    }
                }
            }
        }
        div #history data-live="" {
            @if history.items.is_empty() {
                section.empty { h2 { (t.no_subscriber) } p { (t.no_subscriber_help) } }
            }
            @for detail in &history.items {
                @let of = detail.view.webhook_id;
                @let why = reasons.iter().find(|reason| reason.notified && reason.webhook_id == of);
                (attempts::notification(view, detail, why.map(|why| &why.reason), &exchanges))
            }
            @if let Some(next) = history.next {
                p { a href=(format!("/notifications?event_id={id}&older={next}")) { (t.older_notifications) } }
            }
        }
        (others(view, &reasons, event))
        section.card.pad {
            div.split {
                h2 { (t.resource) }
                @if resource.is_some() {
                    button.copy type="button" data-copy="resource" hidden { (t.copy_json) }
                }
            }
            @match &resource {
                Some(text) => pre #resource tabindex="0" { (text) },
                None if is_long => p {
                    (fill(t.long_resource, &[&view.lang.bytes(resource_len as u64)])) " "
                    code { "GET /api/events/" (id) }
                },
                None => p.muted { (t.resource_erased) },
            }
        }
    };
    let full = order.map_or_else(|| title.clone(), |order| format!("{title}, {order}"));
    Ok(page(StatusCode::OK, framed(view, Place::Events, &full, &content)))
}

/// What the event is, in a line: type, order, times, and its id last.
fn meta(view: &View<'_>, event: &Event) -> Markup {
    let (t, about) = (view.t, event.about());
    html! {
        p.meta {
            span.code { (event.event_type) }
            @for (name, value) in [
                (t.order, &about.external_id),
                // The shop's own number says it better.
                (t.order_id, if about.external_id.is_some() { &None } else { &about.order_id }),
                (t.payment_id, &about.payment_id),
            ] {
                @if let Some(value) = value { span { (name) " " b { (value) } } }
            }
            @if let Some(cents) = about.total_cents { span { (t.amount) " " b { (names::money(view.lang, cents)) } } }
            span {
                (t.recorded) " " b { (moment(view.lang, event.inserted_at)) } " (" (ago(view, event.inserted_at)) ")"
            }
            @if let Some(at) = event.occurred_at { span { (t.occurred) " " b { (moment(view.lang, at)) } } }
            span { "Id " span.id { (event.id) } }
        }
    }
}

/// How many other events of an order are counted; of more it says that there are more.
const MAX_OTHERS: usize = 50;

/// Leads to all that happened to the same order, with how much that is; nothing where it is this event alone.
async fn others_of_order(view: &View<'_>, event: &Event, order: Option<&str>) -> Result<Markup, Refusal> {
    let Some((order, text)) = order.and_then(|order| Some((order, SearchText::parse(order)?))) else {
        return Ok(html! {});
    };
    // The events that the link finds, this one among them.
    let same = EventFilter { q: Some(text), ..EventFilter::default() };
    let found = view.service.events(view.caller(), same, Listing::newest(MAX_OTHERS + 2)).await?.items;
    let count = found.iter().filter(|other| other.id != event.id).count();
    let more = if count > MAX_OTHERS { "+" } else { "" };
    Ok(html! {
        @if count > 0 {
            a.btn href=(with_field("/search", "q", order)) {
                (view.t.other_events) " (" (count.min(MAX_OTHERS)) (more) ")"
            }
        }
    })
}

/// The webhooks that were not notified of the event, and why each was not.
fn others(view: &View<'_>, reasons: &[Explanation], event: &Event) -> Markup {
    let others: Vec<&Explanation> = reasons.iter().filter(|reason| !reason.notified).collect();
    let count = u64::try_from(others.len()).unwrap_or(u64::MAX);
    let can_send = view.can_change && event.erased_at.is_none() && event.trial != Some(Trial::Webhook);
    html! {
        @if !others.is_empty() {
            section.card.pad {
                details #others {
                    summary { (view.t.not_notified.of(count, &count, &[])) }
                    dl.reasons {
                        @for reason in others.iter().take(ROWS) {
                            dt {
                                a href=(format!("/webhooks/{}", reason.webhook_id)) {
                                    (names::webhook(view, reason.webhook_id))
                                }
                            }
                            dd {
                                (explained(view, view.lang.of(&reason.reason)))
                                @if can_send && event.tells_of_webhook() != Some(reason.webhook_id) {
                                    " " (send_to_form(view, event.id, reason.webhook_id))
                                }
                            }
                        }
                    }
                    @if others.len() > ROWS { p.muted { "+" (others.len() - ROWS) } }
                }
            }
        }
    }
}

/// A button that sends the event to one webhook, whatever its types and its filter say.
fn send_to_form(view: &View<'_>, event: EventId, webhook: WebhookId) -> Markup {
    let t = view.t;
    html! {
        form.inline method="post" action=(format!("/events/{event}/send-to")) {
            (view.csrf())
            input type="hidden" name="webhook_id" value=(webhook);
            input type="hidden" name="back" value=(view.here);
            button.small type="submit" aria-label=(format!("{}: {}", t.send_to, names::webhook(view, webhook))) {
                (t.send_to)
            }
        }
    }
}

pub(super) async fn send_to(view: &View<'_>, id: EventId) -> PageResult {
    let webhook = view.request.form.get("webhook_id").and_then(WebhookId::parse).ok_or(Refusal::NotFound)?;
    view.service.resend_event_to(view.caller(), id, webhook).await?;
    Ok(done(view, "sent-to", &[("n", &webhook)]))
}

/// Whether something is left of an event that can be erased.
fn can_erase(event: &Event) -> bool {
    event.erased_at.is_none() || event.external_id.is_some()
}

/// Asks before an event's payload is erased, and says what goes and what stays.
pub(super) async fn confirm_erase(view: &View<'_>, id: EventId) -> PageResult {
    let t = view.t;
    let EventDetail { event, summary, .. } = view.service.event(view.caller(), id).await?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let back = format!("/events/{id}");
    if !can_erase(&event) {
        return Ok(see(&back));
    }
    let erased = event.erased_at.is_some();
    let title = if erased { t.erase_external_id_title } else { t.erase_title };
    let pending = [Status::Pending, Status::Retrying, Status::Held].iter().filter_map(|status| summary.get(status));
    let pending: u64 = pending.copied().map(u64::from).sum();
    let own_id = event.external_id.as_deref();
    let content = html! {
        (names::crumb_of(view, &event, &back))
        div.narrow {
            div.head { h1 { (title) } }
            form.card.pad method="post" action=(format!("/events/{id}/erase")) {
                (view.csrf())
                input type="hidden" name="back" value=(back);
                (names::named(view, &event))
                @if erased { p { (t.erase_external_id_help) } } @else {
                    p { (t.erase_goes) }
                    @if pending > 0 { p.strong { (t.delete_pending.of(pending, &number(view.lang, pending), &[])) } }
                    p { (t.erase_stays) }
                }
                @if let Some(own_id) = own_id {
                    @if erased {
                        p.strong { (own_id) }
                        input type="hidden" name=(EXTERNAL_ID) value="1";
                    } @else {
                        div.check {
                            input #erase-id type="checkbox" name=(EXTERNAL_ID) value="1"
                                aria-describedby="erase-id-help";
                            label for="erase-id" { (fill(t.erase_external_id_too, &[&own_id])) }
                        }
                        p.help #erase-id-help { (t.erase_external_id_stays) }
                    }
                }
                p.help { (t.erase_help) }
                div.acts { button.danger type="submit" { (t.erase_yes) } a.btn href=(back) { (t.cancel) } }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Events, title, &content)))
}

/// What in a form says that the caller's own id for the event goes as well.
const EXTERNAL_ID: &str = "external_id";

pub(super) async fn erase(view: &View<'_>, id: EventId) -> PageResult {
    let external_id = view.request.form.get(EXTERNAL_ID).is_some();
    view.service.erase(view.caller(), id, external_id).await?;
    Ok(see(&format!("/events/{id}?done=erased")))
}
