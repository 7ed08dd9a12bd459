//! Erasing all events of one order or customer: the list of erasures, the page that asks, and how far one has got.
//! Readers see what the API tells them; who erases and who has erased is for admins.

use super::audit;
use super::filters::{csv_link, listed, read_page};
use super::frame::{Place, framed};
use super::jobs;
use super::layout::{empty, moment, number, when};
use super::request::{page, see, with_field};
use super::texts::audit::AuditTexts;
use super::texts::erasures::{ErasureTexts, erasure_state};
use super::texts::fill;
use super::view::{PageResult, Refusal, View, back_of};
use crate::model::{Actor, Erasure, ErasureId, ErasureState, SearchText};
use crate::service::{KeysLike, MAX_LOOKED_THROUGH};
use http::StatusCode;
use maud::{Markup, html};
use std::collections::HashMap;

/// How many keys are named that a part of one may mean.
const MEANT: usize = 20;

/// Those that go on, and those that ended within a week, the newest first.
pub(super) async fn list(view: &View<'_>) -> PageResult {
    let (t, own) = (view.t, ErasureTexts::of(view.lang));
    let find = |listing| async move { Ok(view.service.erasures(view.caller(), listing)) };
    let (listing, found) = read_page(view, find).await?;
    let begun_by = begun_by(view, &found.items).await?;
    let mut columns = vec![own.key, t.status];
    if view.can_change {
        columns.push(own.who);
    }
    columns.push(own.begun);
    let rows = html! {
        div.card {
            table.rows #rows {
                caption.sr { (own.list) }
                thead {
                    tr {
                        @for name in columns { th scope="col" { (name) } }
                        @if view.can_change { th scope="col" { span.sr { (own.stop) } } }
                    }
                }
                tbody { @for erasure in &found.items { (row(view, erasure, begun_by.get(&erasure.id))) } }
            }
        }
    };
    let content = html! {
        div.head {
            div { h1 { (own.list) } p.sub { (own.list_help) } }
            div.acts { (csv_link(view)) }
        }
        @let shown = (!found.items.is_empty()).then_some(&rows);
        (listed(view, listing, found.next, shown, &empty(own.nothing, own.nothing_help, None, t)))
        @if view.can_change {
            div.narrow {
                form.card.pad method="get" action="/erasures/new" {
                    h2 { (own.title) }
                    div.field {
                        label for="key" { (own.key) }
                        input #key name="q" type="text" maxlength="128" autocomplete="off" required
                            aria-describedby="key-help";
                        p.help #key-help { (own.key_help) }
                    }
                    p.help { (own.count_help) }
                    div.acts { button type="submit" { (own.count) } }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, own.list, &content)))
}

/// Who has begun them, for admins: the audit is theirs alone.
async fn begun_by(view: &View<'_>, erasures: &[Erasure]) -> Result<HashMap<ErasureId, Actor>, Refusal> {
    if !view.can_change {
        return Ok(HashMap::new());
    }
    Ok(view.service.begun_by(view.caller(), erasures).await?)
}

fn row(view: &View<'_>, erasure: &Erasure, begun_by: Option<&Actor>) -> Markup {
    let own = ErasureTexts::of(view.lang);
    let tone = match erasure.state {
        ErasureState::Running => "warn",
        ErasureState::Done => "ok",
        ErasureState::Failed => "bad",
        ErasureState::Cancelled => "idle",
    };
    html! {
        tr id=(format!("e-{}", erasure.id)) {
            td.what {
                a.t1 href=(path(erasure)) { (key(own, erasure)) }
                div.t2 { (progress(view, erasure)) }
            }
            td { span class=(format!("pill {tone}")) { (erasure_state(view.lang, erasure.state)) } }
            @if view.can_change { td.full.t2 { (who(view, begun_by)) } }
            td.fit.t2 { (when(view, erasure.inserted_at)) }
            @if view.can_change {
                td.full { @if erasure.state == ErasureState::Running { (stop_button(view, erasure)) } }
            }
        }
    }
}

fn path(erasure: &Erasure) -> String {
    format!("/erasures/{}", erasure.id)
}

/// What was searched for, as long as that is known.
fn key<'e>(own: &'static ErasureTexts, erasure: &'e Erasure) -> &'e str {
    erasure.key.as_ref().map_or(own.key_forgotten, SearchText::as_str)
}

fn progress(view: &View<'_>, erasure: &Erasure) -> String {
    let [erased, events] = [erasure.erased, erasure.events].map(|count| number(view.lang, count));
    fill(ErasureTexts::of(view.lang).progress, &[&erased, &events])
}

fn who(view: &View<'_>, begun_by: Option<&Actor>) -> Markup {
    let unknown = || html! { span.muted { (ErasureTexts::of(view.lang).unknown) } };
    begun_by.map_or_else(unknown, |actor| audit::who(view, AuditTexts::of(view.lang), actor))
}

fn stop_button(view: &View<'_>, erasure: &Erasure) -> Markup {
    html! {
        form.inline method="post" action=(format!("{}/stop", path(erasure))) {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            button.small type="submit" { (ErasureTexts::of(view.lang).stop) }
        }
    }
}

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
    let Some(key) = SearchText::parse(wanted) else {
        return Ok(see("/erasures"));
    };
    let count = view.service.count_erasure(view.caller(), key.clone(), false).await?;
    let meant =
        if count.events == 0 { view.service.keys_like(view.caller(), &key).await? } else { KeysLike::default() };
    if let ([key], true) = (meant.keys.as_slice(), meant.is_number && !meant.has_more) {
        return Ok(see(&address(key)));
    }
    let back = with_field("/search", "q", wanted);
    let written = |count| number(view.lang, count);
    let content = html! {
        p.crumb { a href="/erasures" { (own.list) } }
        div.narrow {
            div.head { h1 { (own.title) } }
            @if count.events == 0 {
                section.card.pad {
                    p { (fill(own.none, &[&wanted])) }
                    (choices(view, &meant))
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
                        input #external_id type="checkbox" name="external_id" value="1"
                            aria-describedby="external_id-help";
                        label for="external_id" { (own.external_id) }
                    }
                    p.help #external_id-help { (own.external_id_stays) }
                    div.acts { button.danger type="submit" { (t.erase_yes) } a.btn href=(back) { (t.cancel) } }
                }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, own.title, &content)))
}

/// The keys to choose from, and how many more there are.
fn choices(view: &View<'_>, meant: &KeysLike) -> Markup {
    let own = ErasureTexts::of(view.lang);
    let more = u64::try_from(meant.keys.len().saturating_sub(MEANT)).unwrap_or(u64::MAX);
    let written = |count| number(view.lang, count);
    html! {
        @if !meant.keys.is_empty() {
            p { (own.meant) }
            ul { @for key in meant.keys.iter().take(MEANT) { li { a href=(address(key)) { (key) } } } }
            @if more > 0 { p.muted { (own.meant_more.of(more, &written(more), &[])) } }
            @if meant.has_more { p.help { (fill(own.meant_among, &[&written(MAX_LOOKED_THROUGH as u64)])) } }
        }
    }
}

pub(super) async fn begin(view: &View<'_>) -> PageResult {
    let form = &view.request.form;
    let key = SearchText::parse(form.get("q").unwrap_or_default()).ok_or(Refusal::NotFound)?;
    let erasure = view.service.begin_erasure(view.caller(), key, form.get("external_id").is_some()).await?;
    Ok(see(&format!("/erasures/{}", erasure.id)))
}

pub(super) async fn show(view: &View<'_>, id: ErasureId) -> PageResult {
    let (t, own) = (view.t, ErasureTexts::of(view.lang));
    let erasure = view.service.erasure(view.caller(), id)?;
    let begun_by = begun_by(view, std::slice::from_ref(&erasure)).await?;
    let running = erasure.state == ErasureState::Running;
    let (all, is_done) = (erasure.events.max(erasure.erased), erasure.state == ErasureState::Done);
    let content = html! {
        p.crumb { a href="/erasures" { (own.list) } }
        div.head { h1 { (own.title) } }
        @if running { noscript { meta http-equiv="refresh" content="3"; } }
        section.card.pad #job data-live="" {
            p { strong { (erasure_state(view.lang, erasure.state)) } " · " (moment(view.lang, erasure.inserted_at)) }
            (jobs::bar(own.title, erasure.erased, all, running, is_done))
            p { (progress(view, &erasure)) }
            dl.facts {
                div { dt { (own.key) } dd { (key(own, &erasure)) } }
                div { dt { (AuditTexts::of(view.lang).too) } dd { (if erasure.external_id { t.yes } else { t.no }) } }
                @if view.can_change { div { dt { (own.who) } dd { (who(view, begun_by.get(&id))) } } }
                @if let Some(ended) = erasure.ended_at { div { dt { (own.ended) } dd { (moment(view.lang, ended)) } } }
            }
            @if running && view.can_change { (stop_button(view, &erasure)) }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, own.title, &content)))
}

pub(super) async fn stop(view: &View<'_>, id: ErasureId) -> PageResult {
    view.service.cancel_erasure(view.caller(), id).await?;
    Ok(see(back_of(view.request)))
}
