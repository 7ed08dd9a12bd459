//! Busca: what was found for a number or an id, and the way there where it is one thing.

use super::frame::{Place, framed};
use super::request::{page, see};
use super::texts::fill;
use super::view::{PageResult, View};
use crate::model::{EventFilter, EventId, Listing, NotificationId, WebhookId};
use http::StatusCode;
use maud::html;

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let t = view.t;
    let wanted = view.request.query.get("q").unwrap_or_default();
    if let Some(id) = EventId::parse(wanted)
        && view.service.event(view.caller(), id).await.is_ok()
    {
        return Ok(see(&format!("/events/{id}")));
    }
    if let Some(id) = NotificationId::parse(wanted)
        && view.service.notification(view.caller(), id).await.is_ok()
    {
        return Ok(see(&format!("/notifications/{id}")));
    }
    if let Some(id) = WebhookId::parse(wanted)
        && view.service.webhook(view.caller(), id).is_ok()
    {
        return Ok(see(&format!("/webhooks/{id}")));
    }
    for name in ["external_id", "resource_id"] {
        let filter = match name {
            "external_id" => EventFilter { external_id: Some(wanted.to_owned()), ..EventFilter::default() },
            _ => EventFilter { resource_id: Some(wanted.to_owned()), ..EventFilter::default() },
        };
        if !wanted.is_empty() && !view.service.events(view.caller(), filter, Listing::newest(1)).await?.items.is_empty()
        {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, wanted).finish();
            return Ok(see(&format!("/events?{query}")));
        }
    }
    let content = html! {
        div.head { h1 { (t.search) } }
        section.empty {
            @if wanted.is_empty() { p { (t.search_help) } } @else {
                h2 { (fill(t.nothing_found, &[&wanted])) }
                p { (t.search_help) }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, t.search, &content)))
}
