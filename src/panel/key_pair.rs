//! The key pair of a webhook: its public key, for receivers, and how it is replaced.

use super::layout::moment;
use super::request::see;
use super::rotation::{RotationWords, confirm_rotation};
use super::view::{PageResult, View};
use crate::model::{Signatures, Webhook, WebhookId};
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

/// How a receiver checks a signature by the key pair: as the guide to receivers has it, with the key in its place.
pub(super) fn verification(view: &View<'_>, webhook: &Webhook) -> Markup {
    let (t, own) = (view.t, view.lang.identity());
    let by_secret = webhook.signatures.symmetric();
    let sample = VERIFY.replace("whpk_…", &webhook.key.public().to_string());
    html! {
        section.card.pad {
            h2 { (if by_secret { own.verify_by_key } else { t.verify_title }) }
            p { (own.verify_by_key_help) }
            pre tabindex="0" { (sample) }
        }
    }
}

const VERIFY: &str = r#"import { createPublicKey, verify } from "node:crypto";

const BEFORE_KEY = Buffer.from("302a300506032b6570032100", "hex"); // of Ed25519
const PUBLIC_KEY = "whpk_…";

function isFromCarteiro(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= 300)) return false;
  const der = Buffer.concat([BEFORE_KEY, Buffer.from(PUBLIC_KEY.slice("whpk_".length), "base64")]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  const isGood = (one) => one.startsWith("v1a,") && verify(null, signed, key, Buffer.from(one.slice(4), "base64"));
  return signatures.split(" ").some(isGood);
}"#;

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn confirm_rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let own = view.lang.identity();
    let words = RotationWords {
        title: own.rotate_key_title,
        until: own.rotate_key_until,
        help: own.rotate_key_help,
        rotate: own.rotate_key,
        leaked_title: own.key_leaked_title,
        leaked_help: own.key_leaked_help,
        leaked_yes: own.key_leaked_yes,
    };
    confirm_rotation(view, id, "rotate-key", &words)
}

pub(super) async fn rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let leaked = view.request.form.get("leaked").is_some();
    view.service.rotate_key(view.caller(), id, leaked.then_some(Duration::ZERO)).await?;
    Ok(see(&format!("/webhooks/{id}?tab=signature&done=key-rotated&n={id}")))
}
