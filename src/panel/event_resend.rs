//! Sending an event again to all its webhooks: asked first where one of them has confirmed it already.

use super::frame::{Place, framed};
use super::layout::{action, number};
use super::names;
use super::request::{page, see};
use super::texts::fill;
use super::texts::resends::EventResendTexts;
use super::view::{PageResult, ROWS, Refusal, View, done};
use crate::model::{Event, EventId, Listing, Status};
use crate::service::{EventHistory, NotificationDetail};
use http::StatusCode;
use maud::{Markup, html};

/// What in a form says that those are left out that have confirmed.
const UNDELIVERED: &str = "undelivered";

/// The button of an event's page: sends at once, or leads to the question.
pub(super) fn button(view: &View<'_>, event: &Event, known: &[NotificationDetail]) -> Markup {
    let path = format!("/events/{}/resend", event.id);
    html! {
        @if known.iter().any(is_delivered) { a.btn href=(path) { (view.t.resend_event) "…" } } @else {
            (action(view, "resend", &path, view.t.resend_event))
        }
    }
}

fn is_delivered(detail: &NotificationDetail) -> bool {
    detail.view.status == Status::Delivered
}

/// Asks to whom, and says what those receive who have confirmed already.
pub(super) async fn ask(view: &View<'_>, id: EventId) -> PageResult {
    let (t, own) = (view.t, EventResendTexts::of(view.lang));
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let EventHistory { parts, notifications, reasons } =
        view.service.event_history(view.caller(), id, Listing::newest(ROWS)).await?;
    let (event, back) = (parts.event(), format!("/events/{id}"));
    let known = &notifications.items;
    let delivered = known.iter().filter(|detail| is_delivered(detail)).count();
    if delivered == 0 || event.erased_at.is_some() {
        return Ok(see(&back));
    }
    let waiting = known.iter().filter(|detail| !is_delivered(detail) && detail.view.can_resend).count();
    // Those that were registered since; whether one with a filter gets it is known when it is sent.
    let added = reasons.iter().filter(|reason| !reason.notified).filter(|reason| {
        let webhook = view.service.webhook(view.caller(), reason.webhook_id);
        let subscribes = webhook.is_ok_and(|own| own.filter.is_none() && own.subscribes_to(&event.event_type));
        subscribes && event.trial.is_none() && event.tells_of_webhook() != Some(reason.webhook_id)
    });
    let others = waiting + added.count();
    let more = if notifications.next.is_some() { "+" } else { "" };
    let count = u64::try_from(delivered).unwrap_or(u64::MAX);
    let content = html! {
        (names::crumb_of(view, event, &back))
        div.narrow {
            div.head { h1 { (own.title) } }
            form.card.pad method="post" action=(format!("/events/{id}/resend")) {
                (view.csrf())
                input type="hidden" name="back" value=(back);
                (names::named(view, event))
                p { (own.confirmed.of(count, &format!("{}{more}", number(view.lang, count)), &[])) }
                p.warning { (t.again_warning) }
                div.acts {
                    @if others > 0 {
                        button.main type="submit" name=(UNDELIVERED) value="1" {
                            (own.only_others) " (" (others) (more) ")"
                        }
                    }
                    button.danger type="submit" { (own.all) }
                    a.btn href=(back) { (t.cancel) }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Events, own.title, &content)))
}

/// Sends it, and tells of it on the page that it was asked for from.
pub(super) async fn send(view: &View<'_>, id: EventId) -> PageResult {
    let undelivered = view.request.form.get(UNDELIVERED).is_some();
    let sent = view.service.resend_event(view.caller(), id, undelivered).await?.len();
    Ok(done(view, "resent-event", &[("n", &id), ("ok", &sent)]))
}

/// "Reenviado a 4 webhooks: pedido-11248 · R$ 106,85."
pub(super) async fn said(view: &View<'_>, id: EventId, sent: u64) -> Option<String> {
    let own = EventResendTexts::of(view.lang);
    let event = view.service.event(view.caller(), id).await.ok()?.event;
    let about = names::about(view, &event.about());
    let what = if about.is_empty() { names::event_title(view, event.event_type.as_str()) } else { about };
    Some(match sent {
        0 => fill(own.sent_to_none, &[&what]),
        _ => own.sent.of(sent, &number(view.lang, sent), &[&what]),
    })
}
