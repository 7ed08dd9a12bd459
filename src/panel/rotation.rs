//! The page that asks before what signs a webhook's notifications is replaced, its secret or its key pair.

use super::frame::{Place, framed};
use super::layout::moment;
use super::request::page;
use super::view::{PageResult, Refusal, View};
use crate::model::WebhookId;
use http::StatusCode;
use maud::html;

/// What the page says that asks before a secret or a key pair is replaced.
pub(super) struct RotationWords {
    pub(super) title: &'static str,
    pub(super) until: &'static str,
    pub(super) help: &'static str,
    pub(super) rotate: &'static str,
    pub(super) leaked_title: &'static str,
    pub(super) leaked_help: &'static str,
    pub(super) leaked_yes: &'static str,
}

/// Asks before what signs is replaced by a POST to `action` of the webhook: until when the present one goes on, or at
/// once where it has leaked.
pub(super) fn confirm_rotation(view: &View<'_>, id: WebhookId, action: &str, words: &RotationWords) -> PageResult {
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let action = format!("/webhooks/{id}/{action}");
    let back = format!("/webhooks/{id}?tab=signature");
    let until = view.now.plus(view.service.secret_overlap());
    let content = html! {
        p.crumb { a href=(back) { (webhook.name()) } }
        div.narrow {
            div.head { h1 { (words.title) } }
            form.card.pad method="post" action=(action) {
                (view.csrf())
                p { (words.until) " " b { (moment(view.lang, until)) } "." }
                p.muted { (words.help) }
                div.acts { button.main type="submit" { (words.rotate) } a.btn href=(back) { (view.t.cancel) } }
            }
            form.card.pad method="post" action=(action) {
                (view.csrf())
                h2 { (words.leaked_title) }
                p { (words.leaked_help) }
                input type="hidden" name="leaked" value="1";
                div.acts { button.danger type="submit" { (words.leaked_yes) } }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, words.title, &content)))
}
