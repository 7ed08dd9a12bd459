//! What a page says was just done: the thing by its name, then the result.

use super::event_resend;
use super::layout::{at_most_counted, span};
use super::names::{self, event_title};
use super::notifications::manual_after;
use super::texts::authorization::AuthorizationTexts;
use super::texts::fill;
use super::view::View;
use crate::model::{EventId, NotificationId, Status, WebhookId};
use std::time::Duration;

/// What the address says was done, in a sentence.
pub(super) async fn said(view: &View<'_>) -> Option<String> {
    let (t, query) = (view.t, &view.request.query);
    let number = |name| query.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let webhook = || query.get("n").and_then(WebhookId::parse).map(|id| names::webhook(view, id));
    let of_webhook = |text: &str| Some(fill(text, &[&webhook()?]));
    match query.get("done")? {
        "resent" => {
            let before = u16::try_from(number("ok")).unwrap_or(u16::MAX);
            resent(view, NotificationId::parse(query.get("n")?)?, before).await
        }
        "resent-event" => event_resend::said(view, EventId::parse(query.get("n")?)?, number("ok")).await,
        "sent-to" => of_webhook(t.done_sent_to),
        "saved" => saved(view, WebhookId::parse(query.get("n")?)?, "").await,
        "saved-but-authorization" => {
            saved(view, WebhookId::parse(query.get("n")?)?, AuthorizationTexts::of(view.lang).stays).await
        }
        "created" => of_webhook(t.done_created),
        "rotated" => of_webhook(t.done_rotated),
        "key-rotated" => of_webhook(view.lang.identity().done_key_rotated),
        "paused" => of_webhook(t.done_paused),
        "resumed" => of_webhook(t.done_resumed),
        "deleted" => Some(t.done_deleted.to_owned()),
        "muted" => Some(view.lang.alerts().done_muted.to_owned()),
        "unmuted" => Some(view.lang.alerts().done_unmuted.to_owned()),
        "revoked" => Some(t.done_revoked.to_owned()),
        "erased" => Some(t.done_erased.to_owned()),
        "alert-tested" => super::alerts::tested(view),
        "sample" => Some(t.done_sample.to_owned()),
        "sample-unsent" => Some(t.done_sample_unsent.to_owned()),
        "some" => {
            let (sent, not) = (number("ok"), number("not"));
            let sent = t.resent_some.of(sent, &sent, &[]);
            Some(if not > 0 { format!("{sent} {}", t.not_resent.of(not, &not, &[])) } else { sent })
        }
        "none" => Some(t.nothing_selected.to_owned()),
        _ => None,
    }
}

/// "ERP Bling: salvo.", what `aside` says of it, and where it fails what comes next: what the page says of it is of
/// before.
async fn saved(view: &View<'_>, id: WebhookId, aside: &str) -> Option<String> {
    let t = view.t;
    let failing = view.service.failing_webhook(view.caller(), id).await.ok()?;
    let saved = format!("{} {aside}", fill(t.done_saved, &[&failing.webhook.name()])).trim_end().to_owned();
    if failing.health.since.is_none() || !failing.webhook.is_active() {
        return Some(saved);
    }
    let next = match failing.backlog.retrying {
        0 => t.then_test.to_owned(),
        count => t.then_resend.of(count, &at_most_counted(view, count), &[]),
    };
    Some(format!("{saved} {next}"))
}

/// "Reenviada: pedido-11249 para ERP Bling – 200, entregue em 144 ms." Of what came after so many attempts alone: an
/// earlier one that was asked for says nothing of this one.
async fn resent(view: &View<'_>, id: NotificationId, before: u16) -> Option<String> {
    let t = view.t;
    let detail = view.service.notification(view.caller(), id).await.ok()?;
    let about = names::about(view, &detail.view.about);
    let what = if about.is_empty() { event_title(view, &detail.view.event_type) } else { about };
    let what = fill(t.what_to_webhook, &[&what, &names::webhook(view, detail.view.webhook_id)]);
    let result = match manual_after(&detail.attempts, before) {
        None if detail.view.status == Status::Held => t.resent_held.to_owned(),
        None => t.resent_soon.to_owned(),
        Some(attempt) => {
            let took = span(view.lang, Duration::from_micros(u64::from(attempt.duration_us)));
            match attempt.result.status() {
                Some(status) if attempt.result.confirms() => fill(t.resent_delivered, &[&status, &took]),
                Some(status) => fill(t.resent_refused, &[&status]),
                None => t.resent_unanswered.to_owned(),
            }
        }
    };
    Some(fill(t.resent_what, &[&what, &result]))
}
