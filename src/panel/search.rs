//! Busca: what was found for a number or an id, by order; and the way there where it is one thing.

use super::erasures;
use super::events::rows;
use super::filters::FORMAT;
use super::frame::{Place, framed};
use super::names;
use super::request::{page, see, with_field};
use super::texts::fill;
use super::view::{PageResult, View};
use crate::model::SearchText;
use crate::service::{Found, FoundOrder};
use http::StatusCode;
use maud::{Markup, html};

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let t = view.t;
    let wanted = view.request.query.get("q").unwrap_or_default();
    let (orders, more) = match SearchText::parse(wanted) {
        None => (Vec::new(), false),
        Some(text) => match view.service.search(view.caller(), text).await? {
            Found::Event(id) => return Ok(see(&format!("/events/{id}"))),
            Found::Notification(id, _) => return Ok(see(&format!("/notifications/{id}"))),
            // One that was deleted has no page; its notifications are listed.
            Found::Webhook(id) => {
                let there = view.service.webhook(view.caller(), id).is_ok();
                let path = if there { format!("/webhooks/{id}") } else { format!("/notifications?webhook_id={id}") };
                return Ok(see(&path));
            }
            Found::Orders { orders, next } => (orders, next.is_some()),
        },
    };
    let content = html! {
        div.head {
            div { h1 { (if orders.is_empty() { t.search.to_owned() } else { fill(t.found, &[&wanted]) }) } }
            @if view.can_change && !orders.is_empty() {
                div.acts {
                    a.btn.small href=(with_field("/notifications/resend", "q", wanted)) { (t.resend_found) }
                    details.pop.end #more {
                        summary { (t.more) }
                        div.sheet {
                            a href=(erasures::address(wanted)) { (t.erase) }
                            a href=(format!("{}&{FORMAT}=csv", with_field("/events", "q", wanted))) download {
                                (t.export_csv)
                            }
                        }
                    }
                }
            }
        }
        @if orders.is_empty() {
            section.empty {
                @if !wanted.is_empty() { h2 { (fill(t.nothing_found, &[&wanted])) } }
                p { (t.search_help) }
            }
        }
        div #list data-live="rows" { @for order in &orders { (found(view, order)) } }
        @if more {
            p { a href=(with_field("/events", "q", wanted)) { (t.see_all_found) } }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, t.search, &content)))
}

/// The events of one order, the newest first.
fn found(view: &View<'_>, order: &FoundOrder) -> Markup {
    let about = names::about(view, &order.about);
    html! {
        section.card {
            @if !about.is_empty() { div.pad { h2 { (about) } } }
            (rows(view, &order.events, None))
        }
    }
}
