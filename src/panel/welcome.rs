//! The first steps, for as long as there is nothing to show: a webhook, a sample event sent by mouse, and alerts.

use super::events;
use super::layout::{Icon, icon};
use super::names::{event_title, types_taken_by};
use super::request::{self, see};
use super::view::{PageResult, View, back_of};
use super::webhooks;
use crate::model::{EventType, Webhook};
use crate::service::Overview;
use maud::{Markup, html};

/// By what the first steps are known to be dismissed.
const MARK: &str = "welcome";
/// By what it is known that the step which is left behind them is dismissed.
const ALERTS_MARK: &str = "alerts";
/// What a sample is of, unless another type is chosen, or no webhook takes it.
const FIRST_SAMPLE: &str = "PAYMENT.PAID";

/// Whether the first page shows the first steps.
pub(super) fn is_due(view: &View<'_>, overview: &Overview) -> bool {
    (overview.webhooks == 0 || !overview.has_events) && !is_dismissed(view, MARK)
}

fn is_dismissed(view: &View<'_>, mark: &str) -> bool {
    view.request.dismissed.iter().any(|one| one == mark)
}

fn dismiss_form(view: &View<'_>, mark: &str) -> Markup {
    html! {
        form method="post" action="/dismiss" {
            (view.csrf())
            input type="hidden" name="what" value=(mark);
            button.link type="submit" { (view.t.dismiss) }
        }
    }
}

/// The step that is left once there are events: as long as nobody is told of failures.
pub(super) fn last_step(view: &View<'_>) -> Markup {
    let is_left = !view.service.is_reached_by_alerts(view.caller()) && !is_dismissed(view, ALERTS_MARK);
    html! {
        @if is_left {
            section.card.pad #last-step {
                h2 { (view.lang.alerts().step_alerts) }
                p { (view.lang.alerts().step_alerts_help) }
                div.acts {
                    a.btn.small href="/alerts" { (view.lang.alerts().see_alerts) }
                    (dismiss_form(view, ALERTS_MARK))
                }
            }
        }
    }
}

/// The checklist.
pub(super) fn steps(view: &View<'_>, overview: &Overview) -> Markup {
    let t = view.t;
    let has_webhook = overview.webhooks > 0;
    html! {
        div.head {
            div { h1 { (t.welcome) } p.sub { (t.welcome_help) } }
            div.acts { (dismiss_form(view, MARK)) }
        }
        ol.card.steps {
            li.done { div.grow { h2 { (t.step_sign_in) } p { (t.step_sign_in_help) } } }
            li class=(if has_webhook { "done" } else { "now" }) {
                div.grow {
                    h2 { (t.step_webhook) }
                    @if has_webhook { p { (t.step_done) } } @else {
                        p { (t.step_webhook_help) }
                        @if view.can_change {
                            a.btn.main href="/webhooks/new" { (icon(Icon::Plus)) (t.create_webhook) }
                        }
                        details #webhook-api { summary { (t.by_api) } pre tabindex="0" { (webhooks::first(view)) } }
                    }
                }
            }
            li class=[has_webhook.then_some("now")] {
                div.grow {
                    h2 { (t.step_sample) }
                    p { (t.step_sample_help) }
                    @if !has_webhook { p.help { (t.step_webhook_first) } } @else if view.can_change {
                        (sample_form(view))
                    }
                    details #event-api { summary { (t.by_api) } pre tabindex="0" { (events::first(view)) } }
                }
            }
            @let is_reached = view.service.is_reached_by_alerts(view.caller());
            li class=[is_reached.then_some("done")] {
                div.grow {
                    h2 { (view.lang.alerts().step_alerts) }
                    @if is_reached { p { (t.step_done) } } @else { p { (view.lang.alerts().step_alerts_help) } }
                    a.btn.small href="/alerts" { (view.lang.alerts().see_alerts) }
                }
            }
        }
    }
}

/// The types that a sample can be of: those that a webhook takes, or the whole catalogue where none takes any.
fn sample_types<'v>(view: &'v View<'_>) -> Vec<&'v str> {
    let webhooks = view.service.all_webhooks(view.caller());
    let active: Vec<&Webhook> =
        webhooks.iter().map(|webhook| &**webhook).filter(|webhook| webhook.is_active()).collect();
    let taken = types_taken_by(view, &active);
    if taken.is_empty() {
        let known = view.catalogue().iter().map(|known| &known.event_type);
        return known.filter(|known| !known.is_own()).map(EventType::as_str).collect();
    }
    taken
}

/// Sends a sample event of a type that is chosen.
fn sample_form(view: &View<'_>) -> Markup {
    let t = view.t;
    html! {
        form.acts method="post" action="/events/sample" {
            (view.csrf())
            label.sr for="sample-type" { (t.event_type) }
            select #sample-type name="type" {
                @for name in sample_types(view) {
                    option value=(name) selected[name == FIRST_SAMPLE] { (event_title(view, name)) }
                }
            }
            button.main type="submit" { (t.send_sample) }
        }
    }
}

/// Records a sample, marked as a test, and leads to what becomes of it.
pub(super) async fn send_sample(view: &View<'_>) -> PageResult {
    let wanted = view.request.form.get("type").unwrap_or(FIRST_SAMPLE);
    let event = view.service.record_sample(view.caller(), wanted).await?;
    let is_sent = !view.service.event(view.caller(), event.id).await?.summary.is_empty();
    let done = if is_sent { "sample" } else { "sample-unsent" };
    Ok(see(&format!("/events/{}?done={done}", event.id)))
}

/// Hides what the form names, for as long as the browser is open.
#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn dismiss(view: &View<'_>) -> PageResult {
    let mut marks = view.request.dismissed.clone();
    marks.extend(view.request.form.get("what").map(str::to_owned));
    Ok(request::with_dismissed(see(back_of(view.request)), &marks, view.request.secure))
}

/// Shows again what was dismissed.
#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn recall(view: &View<'_>) -> PageResult {
    Ok(request::with_dismissed(see("/"), &[], view.request.secure))
}
