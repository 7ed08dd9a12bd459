//! Erasing all events of one order or customer: the page that asks, and how far it has got. For admins.

use super::frame::{Place, framed};
use super::jobs;
use super::layout::{moment, number};
use super::request::{page, see, with_field};
use super::texts::erasures::ErasureTexts;
use super::texts::fill;
use super::view::{PageResult, Refusal, View, back_of};
use crate::model::{ErasureId, ErasureState, SearchText};
use http::StatusCode;
use maud::html;

/// The page that erases what was searched for.
pub(super) fn address(key: &str) -> String {
    with_field("/erasures/new", "q", key)
}

pub(super) async fn ask(view: &View<'_>) -> PageResult {
    let (t, own) = (view.t, ErasureTexts::of(view.lang));
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let wanted = view.request.query.get("q").unwrap_or_default();
    let key = SearchText::parse(wanted).ok_or(Refusal::NotFound)?;
    let count = view.service.count_erasure(view.caller(), key, false).await?;
    let back = with_field("/search", "q", wanted);
    let written = |count| number(view.lang, count);
    let content = html! {
        p.crumb { a href=(back) { (t.search) } }
        div.narrow {
            div.head { h1 { (own.title) } }
            @if count.events == 0 {
                section.card.pad {
                    p { (fill(own.none, &[&wanted])) }
                    div.acts { a.btn href=(back) { (t.back) } }
                }
            } @else {
                form.card.pad method="post" action="/erasures" {
                    (view.csrf())
                    input type="hidden" name="q" value=(wanted);
                    p.strong { (fill(own.question, &[&wanted])) }
                    p { (fill(own.counts, &[&written(count.events), &written(count.notifications)])) }
                    p { (own.goes) " " (own.stays) }
                    p.warning { (t.erase_help) }
                    div.check {
                        input #external_id type="checkbox" name="external_id" value="1";
                        label for="external_id" { (own.external_id) }
                    }
                    div.acts { button.danger type="submit" { (t.erase_yes) } a.btn href=(back) { (t.cancel) } }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, own.title, &content)))
}

pub(super) async fn begin(view: &View<'_>) -> PageResult {
    let form = &view.request.form;
    let key = SearchText::parse(form.get("q").unwrap_or_default()).ok_or(Refusal::NotFound)?;
    let erasure = view.service.begin_erasure(view.caller(), key, form.get("external_id").is_some()).await?;
    Ok(see(&format!("/erasures/{}", erasure.id)))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(view: &View<'_>, id: ErasureId) -> PageResult {
    let (t, own) = (view.t, ErasureTexts::of(view.lang));
    let erasure = view.service.erasure(view.caller(), id)?;
    let running = erasure.state == ErasureState::Running;
    let state = match erasure.state {
        ErasureState::Running => own.running,
        ErasureState::Done => t.job_done,
        ErasureState::Failed => own.failed,
        ErasureState::Cancelled => t.job_cancelled,
    };
    let (all, is_done) = (erasure.events.max(erasure.erased), erasure.state == ErasureState::Done);
    let content = html! {
        p.crumb { a href="/events" { (t.events) } }
        div.head { h1 { (own.title) } }
        @if running { noscript { meta http-equiv="refresh" content="3"; } }
        section.card.pad #job data-live="" {
            p { strong { (state) } " · " (moment(view.lang, erasure.inserted_at)) }
            (jobs::bar(own.title, erasure.erased, all, running, is_done))
            p {
                (fill(own.progress, &[&number(view.lang, erasure.erased), &number(view.lang, erasure.events)]))
            }
            @if running && view.can_change {
                form method="post" action=(format!("/erasures/{id}/stop")) {
                    (view.csrf())
                    input type="hidden" name="back" value=(view.here);
                    button type="submit" { (own.stop) }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Events, own.title, &content)))
}

pub(super) async fn stop(view: &View<'_>, id: ErasureId) -> PageResult {
    view.service.cancel_erasure(view.caller(), id).await?;
    Ok(see(back_of(view.request)))
}
