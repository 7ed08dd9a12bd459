//! What a webhook has not received of what was recorded before: asked before, begun, watched, cancelled.

use super::filters::{alerts, asked_for, period_fields, text_field, type_list, unreadable};
use super::frame::{Place, framed};
use super::jobs::{self, MAX_ENDED};
use super::layout::{moment, number};
use super::names;
use super::pattern_typed;
use super::request::{page, see};
use super::texts::fill;
use super::view::{PageResult, Refusal, View, back_of};
use crate::model::{
    BulkJob, JobId, JobKind, Localized, NotificationFilter, Pattern, Timestamp, Webhook, WebhookId, millis,
    parse_duration,
};
use crate::service::{BackfillCount, BackfillDraft, Error};
use bytes::Bytes;
use http::{Response, StatusCode};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The spans that the form of a new webhook offers, and what stands for all there is.
const OFFERED: [&str; 3] = ["24h", "7d", "30d"];
const EVERYTHING: &str = "all";

/// Asks since when, and then says how many notifications that is.
pub(super) async fn ask(view: &View<'_>, id: WebhookId) -> PageResult {
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let (filter, mut problems) = asked_for::<NotificationFilter>(view);
    // All fields of the form may be empty: from the beginning, and of every type.
    let is_asked = ["asked", "period", "from", "to"].iter().any(|name| view.request.query.get(name).is_some());
    let draft = BackfillDraft { from: filter.from.unwrap_or_default(), to: filter.to, event_type: filter.event_type };
    let mut count = None;
    if is_asked && problems.is_empty() {
        match view.service.count_backfill(view.caller(), id, draft.clone()).await {
            Ok(counted) => count = Some(counted),
            Err(Error::Invalid(fields)) => problems = told(view, &fields),
            Err(error) => return Err(error.into()),
        }
    }
    let counted = html! { @if let Some(count) = count { (confirm(view, &webhook, &draft, count)) } };
    Ok(asking(view, &webhook, &problems, &counted))
}

/// What is wrong, each problem with the name of its field.
fn told(view: &View<'_>, fields: &BTreeMap<String, Vec<Localized>>) -> Vec<String> {
    let label = |field: &str| match field {
        "from" => view.t.from.to_owned(),
        "to" => view.t.to.to_owned(),
        other => other.to_owned(),
    };
    let problems = fields.iter().flat_map(|(field, problems)| problems.iter().map(move |problem| (field, problem)));
    problems.map(|(field, problem)| format!("{}: {}.", label(field), view.lang.of(problem))).collect()
}

/// The form, with what is wrong with what it was sent, or `counted`, what came of it.
fn asking(view: &View<'_>, webhook: &Webhook, problems: &[String], counted: &Markup) -> Response<Bytes> {
    let (t, path) = (view.t, format!("/webhooks/{}/backfill", webhook.id));
    let has_counted = !counted.0.is_empty();
    let back = format!("/webhooks/{}", webhook.id);
    let content = html! {
        p.crumb { a href="/webhooks" { (t.webhooks) } " › " a href=(back) { (webhook.name()) } }
        div.narrow {
            div.head { h1 { (t.backfill) } }
            p { (t.backfill_help) }
            (alerts(problems))
            form.card.pad method="get" action=(path) {
                input type="hidden" name="asked" value="1";
                (period_fields(view))
                (text_field(view, "type", t.event_type, Some("types")))
                p.help { (t.backfill_type_help) }
                (type_list(view))
                div.acts { button.main[!has_counted] type="submit" { (t.backfill_ask) } }
            }
            (counted)
        }
    };
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(status, framed(view, Place::Webhooks, t.backfill, &content))
}

/// How many that is, with the button that begins it.
fn confirm(view: &View<'_>, webhook: &Webhook, draft: &BackfillDraft, count: BackfillCount) -> Markup {
    let t = view.t;
    let created = number(view.lang, count.would_create);
    let sentence = match (count.would_create, count.exact) {
        (0, _) => t.backfill_none.to_owned(),
        (many, true) => t.backfill_count.of(many, &created, &[]),
        (many, false) => t.backfill_at_most.of(many, &created, &[]),
    };
    html! {
        form.card.pad method="post" action=(format!("/webhooks/{}/backfill", webhook.id)) {
            (view.csrf())
            input type="hidden" name="from" value=(draft.from);
            @if let Some(to) = draft.to { input type="hidden" name="to" value=(to); }
            @if let Some(pattern) = &draft.event_type { input type="hidden" name="type" value=(pattern); }
            p.strong { (sentence) }
            p.muted { (fill(t.backfill_matched, &[&number(view.lang, count.matched)])) }
            @let others = count.matched.saturating_sub(count.would_create);
            @if count.exact && others > 0 {
                p.muted { (t.backfill_others.of(others, &number(view.lang, others), &[])) }
            }
            @if count.would_create > 0 {
                @if !webhook.is_active() { p.help { (t.backfill_waits) } }
                div.acts {
                    button.main type="submit" { (t.backfill_yes) }
                    a.btn href=(format!("/webhooks/{}", webhook.id)) { (t.cancel) }
                }
            }
        }
    }
}

/// Begins one.
pub(super) async fn begin(view: &View<'_>, id: WebhookId) -> PageResult {
    let form = &view.request.form;
    let Some(from) = form.get("from").and_then(|text| Timestamp::parse(text).ok()) else {
        return Ok(see(&format!("/webhooks/{id}/backfill")));
    };
    let to = form.get("to").map(|text| Timestamp::parse(text).map_err(|_| unreadable(view, text))).transpose();
    let pattern = |text: &str| Pattern::parse(text).ok_or_else(|| pattern_typed::refusal(view, text));
    let (to, event_type) = match (to, form.get("type").map(pattern).transpose()) {
        (Ok(to), Ok(event_type)) => (to, event_type),
        (Err(problem), _) | (_, Err(problem)) => {
            let webhook = view.service.webhook(view.caller(), id)?;
            return Ok(asking(view, &webhook, &[problem], &html! {}));
        }
    };
    let job = view.service.backfill(view.caller(), id, BackfillDraft { from, to, event_type }).await?;
    Ok(see(&jobs::path(&job)))
}

/// What the form of a new webhook offers: whether it receives what was recorded before as well.
pub(super) fn offered(view: &View<'_>, chosen: &str) -> Markup {
    let t = view.t;
    let spans = [("", t.backfill_no), ("24h", t.last_day), ("7d", t.last_week), ("30d", t.last_month)];
    html! {
        div.field {
            label for="backfill" { (t.backfill_new) }
            select #backfill name="backfill" aria-describedby="backfill-help" {
                @for (value, text) in spans.into_iter().chain([(EVERYTHING, t.all_of_them)]) {
                    option value=(value) selected[value == chosen] { (text) }
                }
            }
            p.help #backfill-help { (t.backfill_help) }
        }
    }
}

/// Begins what was chosen there for a webhook that was just registered; where the rest of its page leads to.
pub(super) async fn begin_for_new(view: &View<'_>, id: WebhookId, chosen: &str) -> Result<(), Refusal> {
    let from = match chosen {
        EVERYTHING => Timestamp::default(),
        span if OFFERED.contains(&span) => {
            let span = parse_duration(span).map_or(0, millis);
            Timestamp::from_ms(view.now.as_ms().saturating_sub(span))
        }
        _ => return Ok(()),
    };
    view.service.backfill(view.caller(), id, BackfillDraft { from, to: None, event_type: None }).await?;
    Ok(())
}

/// Those of a webhook, above what it was sent.
pub(super) fn late(view: &View<'_>, id: WebhookId) -> Markup {
    let found = view.service.late_jobs(view.caller(), JobKind::Backfill, Some(id), MAX_ENDED);
    jobs::late(view, view.t.backfills, &found)
}

/// What one is of, in words.
fn words(view: &View<'_>, job: &BulkJob) -> Markup {
    let t = view.t;
    let from = job.filter.from.filter(|from| *from > Timestamp::default());
    html! {
        dl.facts {
            @if let Some(id) = job.filter.webhook_id {
                div { dt { (t.webhook) } dd { a href=(format!("/webhooks/{id}")) { (names::webhook(view, id)) } } }
            }
            @if from.is_none() && job.filter.to.is_none() { div { dt { (t.period) } dd { (t.any_time) } } }
            @if let Some(from) = from { div { dt { (t.recorded_from) } dd { (moment(view.lang, from)) } } }
            @if let Some(to) = job.filter.to { div { dt { (t.recorded_to) } dd { (moment(view.lang, to)) } } }
            @if let Some(pattern) = &job.filter.event_type { div { dt { (t.event_type) } dd { (pattern) } } }
        }
    }
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn job(view: &View<'_>, id: JobId) -> PageResult {
    let t = view.t;
    let job = view.service.bulk_job(view.caller(), JobKind::Backfill, id)?;
    let webhook = job.filter.webhook_id.and_then(|id| view.service.webhook(view.caller(), id).ok());
    let waits = webhook.as_ref().is_some_and(|webhook| !webhook.is_active());
    let held = html! { @if waits { p.warning { (t.backfill_waits) } } };
    let content = html! {
        p.crumb {
            a href="/webhooks" { (t.webhooks) }
            @if let Some(webhook) = &webhook {
                " › " a href=(format!("/webhooks/{}", webhook.id)) { (webhook.name()) }
            }
        }
        div.head { h1 { (t.backfills) } }
        (jobs::card(view, &job, t.backfills, &held, &words(view, &job)))
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.backfills, &content)))
}

pub(super) async fn stop(view: &View<'_>, id: JobId) -> PageResult {
    view.service.cancel_job(view.caller(), JobKind::Backfill, id).await?;
    Ok(see(back_of(view.request)))
}
