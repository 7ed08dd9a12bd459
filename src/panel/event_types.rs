//! Tipos de evento: the catalogue, the config's own types among it, and which webhooks subscribe to each.

use super::frame::{Place, framed};
use super::layout::pretty;
use super::names::{self, event_title};
use super::request::page;
use super::view::{PageResult, View};
use crate::model::{KnownType, Webhook};
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let mut webhooks = view.service.all_webhooks(view.caller());
    webhooks.sort_by_cached_key(|own| own.name().to_lowercase());
    let content = html! {
        div.head { div { h1 { (t.event_types) } p.sub { (t.event_types_help) } } }
        @for (category, types) in &view.categories() {
            section.card {
                div.pad { h2 { (names::category(view.lang, category)) } }
                table.rows {
                    caption.sr { (names::category(view.lang, category)) }
                    thead { tr { @for name in [t.event_type, t.subscribers] { th scope="col" { (name) } } } }
                    tbody { @for known in types { (row(view, known, &webhooks)) } }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, t.event_types, &content)))
}

fn row(view: &View<'_>, known: &KnownType, webhooks: &[Arc<Webhook>]) -> Markup {
    let (t, name) = (view.t, known.event_type.as_str());
    let title = event_title(view, name);
    let sentence = known.sentences.as_ref().map(|sentences| view.lang.pick(&sentences.en, &sentences.pt));
    let subscribers: Vec<&Arc<Webhook>> = webhooks.iter().filter(|own| own.subscribes_to(&known.event_type)).collect();
    html! {
        tr id=(format!("t-{name}")) {
            td.what {
                div.clip.about { span.t1 { (title) } }
                @if title != name { div.t2.code { (name) } }
                @if let Some(sentence) = sentence.filter(|text| text.trim_end_matches('.') != title) {
                    div.t2 { (sentence) }
                }
                details id=(format!("sample-{name}")) {
                    summary { (t.sample) }
                    pre tabindex="0" { (pretty(&known.sample)) }
                }
            }
            td.full {
                @if subscribers.is_empty() { span.t2 { (t.nobody) } }
                @for (nth, own) in subscribers.iter().enumerate() {
                    @if nth > 0 { ", " }
                    a href=(format!("/webhooks/{}", own.id)) { (own.name()) }
                    @if !own.is_active() { " " span.t2 { "(" (t.webhook_status(&own.status)) ")" } }
                }
            }
        }
    }
}
