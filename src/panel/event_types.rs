//! Tipos de evento: the catalogue, the config's own types among it, and which webhooks subscribe to each.

use super::filters::csv_link;
use super::frame::{Place, framed};
use super::layout::pretty;
use super::names::{self, event_title};
use super::request::page;
use super::texts::audit::AuditTexts;
use super::texts::{Texts, fill};
use super::view::{PageResult, View};
use crate::model::{KnownType, Webhook};
use http::StatusCode;
use maud::{Markup, html};
use std::sync::Arc;

/// How many webhooks are named; of more all but the last ones lie folded.
const NAMED: usize = 3;

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(view: &View<'_>) -> PageResult {
    let t = view.t;
    let mut webhooks = view.service.all_webhooks(view.caller());
    webhooks.sort_by_cached_key(|own| own.name().to_lowercase());
    let content = html! {
        div.head {
            div { h1 { (t.event_types) } p.sub { (t.event_types_help) } }
            div.acts { (csv_link(view)) }
        }
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
                    div.t2.desk { (sentence) }
                }
                details id=(format!("sample-{name}")) {
                    summary { (t.sample) }
                    pre tabindex="0" { (pretty(&known.sample)) }
                }
            }
            td.full {
                @if subscribers.is_empty() { span.t2 { (t.nobody) } }
                // As high as a phone has room for.
                @let count = subscribers.len();
                @let (named, folded) = subscribers.split_at(if count > NAMED { NAMED - 1 } else { count });
                (named_webhooks(t, named))
                @if !folded.is_empty() {
                    details id=(format!("who-{name}")) {
                        summary { (fill(AuditTexts::of(view.lang).more, &[&folded.len()])) }
                        (named_webhooks(t, folded))
                    }
                }
            }
        }
    }
}

/// Webhooks by their names, those that are stopped with how they stand.
fn named_webhooks(t: &Texts, webhooks: &[&Arc<Webhook>]) -> Markup {
    html! {
        div {
            @for (nth, own) in webhooks.iter().enumerate() {
                @if nth > 0 { ", " }
                a href=(format!("/webhooks/{}", own.id)) { (own.name()) }
                @if !own.is_active() { " " span.t2 { "(" (t.webhook_status(&own.status)) ")" } }
            }
        }
    }
}
