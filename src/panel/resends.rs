//! Bulk resends: asked before, listed, watched, cancelled.

use super::filters::{INCLUDE_DELIVERED, PAGING, alerts};
use super::frame::{Place, framed};
use super::jobs::{self, MAX_ENDED};
use super::layout::{moment, number};
use super::names;
use super::notification_filter::{asked_for, not_whole};
use super::request::{PanelRequest, page, see};
use super::texts::{Texts, fill};
use super::view::{PageResult, Refusal, View, back_of};
use crate::model::{JobId, JobKind, NotificationFilter, ResponseFilter, Status, WebhookId};
use http::StatusCode;
use maud::{Markup, html};

/// What in a form says that the page before it has told how many that are.
const CONFIRMED: &str = "confirmed";
/// Of more than these the number has to be typed: nobody re-sends thousands by a slip.
const TYPED_FROM: u64 = 1000;
/// What in a form says how many its page has counted, where the number has to be typed,
const COUNT: &str = "count";
/// and what was typed.
const TYPED: &str = "typed";

/// Asks before a bulk resend, and says how many it is about.
pub(super) async fn confirm(view: &View<'_>) -> PageResult {
    ask(view, false).await
}

/// Likewise; `wrong` where a number was typed that isn't theirs.
async fn ask(view: &View<'_>, wrong: bool) -> PageResult {
    let t = view.t;
    let (mut filter, problems) = asked_for(view);
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let back = format!("/notifications?{}", view.request.query.query(PAGING, None));
    let not_whole = not_whole(view, &filter);
    let filter_webhook = filter.webhook_id;
    // Whether what was delivered is sent again: said in so many words, and counted before.
    let asked = view.request.query.get(INCLUDE_DELIVERED).is_some();
    let again = asked || filter.status == Some(Status::Delivered);
    let can_add = filter.status.is_none() && !again;
    if can_add {
        filter.undelivered = Some(true);
    }
    // What would be re-sent must be what was meant.
    let asking = if problems.is_empty() && not_whole.is_none() {
        let words = in_words(view, &filter);
        let count = view.service.count_resend(view.caller(), filter, again).await?;
        Some((count, words))
    } else {
        None
    };
    let content = html! {
        p.crumb { a href=(back) { (t.notifications) } }
        div.head { h1 { (t.resend_job) } }
        (alerts(&problems))
        @if let Some((count, words)) = &asking {
            form.card.pad method="post" action="/notifications/resend-all" {
                (view.csrf())
                input type="hidden" name="query" value=(view.request.query.query(PAGING, None));
                input type="hidden" name="back" value=(back);
                p.strong {
                    @match *count {
                        0 => (t.nothing_matches),
                        _ => (t.confirm_all.of(*count, &number(view.lang, *count), &[])),
                    }
                }
                (words)
                @if *count > 0 {
                    (some_paused(view, filter_webhook))
                    p.help { (t.confirm_all_help) }
                }
                @if wrong && *count <= TYPED_FROM {
                    p.problem role="alert" { (fill(t.count_changed, &[&number(view.lang, *count)])) }
                }
                @if *count > TYPED_FROM {
                    input type="hidden" name=(COUNT) value=(count);
                    div.field {
                        label for="typed" { (fill(t.type_the_count, &[&number(view.lang, *count)])) }
                        input #typed name=(TYPED) type="text" inputmode="numeric" autocomplete="off" required
                            aria-describedby=[wrong.then_some("typed-problem")] aria-invalid=[wrong.then_some("true")];
                        @if wrong { p.problem #typed-problem role="alert" { (t.count_differs) } }
                    }
                }
                @if *count == 0 && can_add {
                    input type="hidden" name=(INCLUDE_DELIVERED) value="1";
                    p.help { (t.again_warning) }
                } @else if again {
                    input type="hidden" name=(INCLUDE_DELIVERED) value="1";
                    input type="hidden" name=(CONFIRMED) value="1";
                    p.warning { (t.again_warning) }
                } @else if can_add {
                    div.check {
                        input #again type="checkbox" name=(INCLUDE_DELIVERED) value="1";
                        label for="again" { (t.include_delivered) }
                    }
                    p.help { (t.again_warning) }
                }
                div.acts {
                    @if again && *count > 0 {
                        button.danger type="submit" { (t.resend_again_yes) }
                    } @else if *count > 0 { button.main type="submit" { (t.resend_yes) } } @else if can_add {
                        button type="submit" { (t.count_delivered) }
                    }
                    a.btn href=(back) { (t.cancel) }
                }
            }
        } @else {
            p { (not_whole.unwrap_or(t.not_whole_aside)) }
            p { a.btn href=(back) { (t.back) } }
        }
    };
    let status = if asking.is_some() && !wrong { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(page(status, framed(view, Place::Notifications, t.resend_job, &content)))
}

pub(super) async fn resend_all(view: &View<'_>) -> PageResult {
    // The form carries the filter as a query string.
    let uri = format!("/notifications?{}", view.request.form.get("query").unwrap_or_default());
    let request = http::Request::builder().uri(uri).body(bytes::Bytes::new()).map_err(|_| Refusal::NotFound)?;
    let request = PanelRequest::read(&request, view.request.from, view.request.secure);
    let of_query =
        View { request: &request, here: String::new(), note: None, catalogue: view.catalogue.clone(), ..*view };
    let (filter, problems) = asked_for(&of_query);
    let again = view.request.form.get(INCLUDE_DELIVERED).is_some();
    if again && view.request.form.get(CONFIRMED).is_none() {
        let query = request.query.query(PAGING, Some((INCLUDE_DELIVERED, "1")));
        return Ok(see(&format!("/notifications/resend?{query}")));
    }
    if !problems.is_empty() || not_whole(view, &filter).is_some() {
        return Err(Refusal::NotFound);
    }
    let digits = |name| view.request.form.get(name).map(|text| text.replace(|char: char| !char.is_ascii_digit(), ""));
    if view.request.form.get(COUNT).is_some() && digits(TYPED) != digits(COUNT) {
        return ask(&of_query, true).await;
    }
    let job = view.service.resend_many(view.caller(), filter, again).await?;
    Ok(see(&format!("/notifications/resends/{}", job.id)))
}

/// That a part of it will wait, where it is about this webhook or, without one, all there are.
fn some_paused(view: &View<'_>, webhook: Option<WebhookId>) -> Markup {
    let all = view.service.all_webhooks(view.caller());
    let waits = all.iter().any(|one| webhook.is_none_or(|only| only == one.id) && !one.is_active());
    html! { @if waits { p.help { (view.t.some_paused) } } }
}

fn status_in_words(t: &'static Texts, filter: &NotificationFilter) -> &'static str {
    match filter.status {
        Some(status) => t.status(status),
        None if filter.undelivered == Some(true) => t.undelivered_status,
        None => t.any_status,
    }
}

/// What a bulk resend takes in, in words.
fn in_words(view: &View<'_>, filter: &NotificationFilter) -> Markup {
    let t = view.t;
    html! {
        dl.facts {
            @if let Some(text) = &filter.q { div { dt { (t.search) } dd { (text) } } }
            @if let Some(job) = filter.job_id.and_then(|id| jobs::find(view, id)) {
                div {
                    dt { (jobs::kind(t, job.kind)) }
                    dd { a href=(jobs::path(&job)) { (moment(view.lang, job.inserted_at)) } }
                }
            }
            div { dt { (t.status) } dd { (status_in_words(t, filter)) } }
            div {
                dt { (t.webhook) }
                dd {
                    @match filter.webhook_id {
                        Some(id) => (names::webhook(view, id)), None => (t.any)
                    }
                }
            }
            @if let Some(pattern) = &filter.event_type { div { dt { (t.event_type) } dd { (pattern) } } }
            @if let Some(response) = filter.response {
                div {
                    dt { (t.response) }
                    dd { @if response == ResponseFilter::NoResponse { (t.response_none) } @else { (response) } }
                }
            }
            @if let Some(from) = filter.from { div { dt { (t.recorded_from) } dd { (moment(view.lang, from)) } } }
            @if let Some(to) = filter.to { div { dt { (t.recorded_to) } dd { (moment(view.lang, to)) } } }
        }
    }
}

/// Those that go on, and the last few that have ended, above the list of notifications.
pub(super) fn late(view: &View<'_>) -> Markup {
    let found = view.service.late_jobs(view.caller(), JobKind::Resend, None, MAX_ENDED);
    jobs::late(view, view.t.resend_jobs, &found)
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn job(view: &View<'_>, id: JobId) -> PageResult {
    let t = view.t;
    let job = view.service.bulk_job(view.caller(), JobKind::Resend, id)?;
    let (held, words) = (some_paused(view, job.filter.webhook_id), in_words(view, &job.filter));
    let content = html! {
        p.crumb {
            a href="/notifications" { (t.notifications) }
            @if let Some(id) = job.filter.webhook_id {
                " › " a href=(format!("/webhooks/{id}")) { (names::webhook(view, id)) }
            }
        }
        div.head { h1 { (t.resend_job) } }
        (jobs::card(view, &job, t.resend_job, &held, &words))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Notifications, t.resend_job, &content)))
}

pub(super) async fn stop(view: &View<'_>, id: JobId) -> PageResult {
    view.service.cancel_job(view.caller(), JobKind::Resend, id).await?;
    Ok(see(back_of(view.request)))
}
