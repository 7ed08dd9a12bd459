//! The key pair of a webhook: its public key, for receivers, and the page that asks before it is replaced.

use super::frame::{Place, framed};
use super::layout::moment;
use super::request::{page, see};
use super::view::{PageResult, Refusal, View};
use crate::model::{Signatures, Webhook, WebhookId};
use http::StatusCode;
use maud::{Markup, html};
use std::time::Duration;

/// Which signatures these are, in words.
pub(super) fn in_words(view: &View<'_>, signatures: Signatures) -> &'static str {
    let t = view.lang.identity();
    match signatures {
        Signatures::Symmetric => t.by_secret,
        Signatures::Both => t.by_both,
        Signatures::Asymmetric => t.by_key,
    }
}

/// The public key, to be copied, and which keys sign besides.
pub(super) fn card(view: &View<'_>, webhook: &Webhook) -> Markup {
    let (t, own) = (view.t, view.lang.identity());
    html! {
        section.card.pad {
            h2 { (own.public_key) }
            p { (own.public_key_help) " " (own.sent) " " b { (in_words(view, webhook.signatures)) } "." }
            pre #public-key tabindex="0" { (webhook.key.public()) }
            @for (_, until) in webhook.old_keys.iter().filter(|(_, until)| view.now < *until) {
                p { (own.old_key_until) " " (moment(view.lang, *until)) "." }
            }
            p.acts {
                button type="button" data-copy="public-key" hidden { (t.copy) }
                @if view.can_change { a.btn href=(format!("/webhooks/{}/rotate-key", webhook.id)) { (own.rotate_key) } }
            }
        }
    }
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn confirm_rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let (t, own) = (view.t, view.lang.identity());
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let action = format!("/webhooks/{id}/rotate-key");
    let back = format!("/webhooks/{id}?tab=signature");
    let until = view.now.plus(view.service.secret_overlap());
    let content = html! {
        p.crumb { a href=(back) { (webhook.name()) } }
        div.narrow {
            div.head { h1 { (own.rotate_key_title) } }
            form.card.pad method="post" action=(action) {
                (view.csrf())
                p { (own.rotate_key_until) " " b { (moment(view.lang, until)) } "." }
                p.muted { (own.rotate_key_help) }
                div.acts { button.main type="submit" { (own.rotate_key) } a.btn href=(back) { (t.cancel) } }
            }
            form.card.pad method="post" action=(action) {
                (view.csrf())
                h2 { (own.key_leaked_title) }
                p { (own.key_leaked_help) }
                input type="hidden" name="leaked" value="1";
                div.acts { button.danger type="submit" { (own.key_leaked_yes) } }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, own.rotate_key_title, &content)))
}

pub(super) async fn rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let leaked = view.request.form.get("leaked").is_some();
    view.service.rotate_key(view.caller(), id, leaked.then_some(Duration::ZERO)).await?;
    Ok(see(&format!("/webhooks/{id}?tab=signature&done=key-rotated&n={id}")))
}
