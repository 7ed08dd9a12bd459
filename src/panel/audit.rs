//! Histórico de alterações, for admins: who changed what, newest first.

use super::filters::{
    alerts, asked_for, csv_link, listed, period_popover, popover, read_page, select_field, set_chips, shown_period,
};
use super::frame::{Place, framed};
use super::layout::{empty, when, with_moments};
use super::names;
use super::request::page;
use super::texts::audit::{AuditTexts, action};
use super::texts::fill;
use super::view::{PageResult, Refusal, View};
use crate::model::{
    Actor, AuditAction, AuditFilter, AuditNote, AuditRow, AuditSubject, AuditedField, HIDDEN, Listing, Through,
    Timestamp, WebhookId,
};
use http::StatusCode;
use maud::{Markup, html};

/// How many facts of a change are all shown; of more the first one, and the others folded.
const FACTS: usize = 2;

pub(super) async fn list(view: &View<'_>) -> PageResult {
    let (t, own) = (view.t, AuditTexts::of(view.lang));
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let (filter, problems) = asked_for::<AuditFilter>(view);
    let find = |listing| view.service.audit(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let abouts = view.service.audited_abouts(view.caller(), &found.items).await?;
    let rows = html! {
        div.card {
            table.rows #rows {
                caption.sr { (own.title) }
                thead { tr { @for name in [own.action, own.changes, own.who, t.when] { th scope="col" { (name) } } } }
                tbody {
                    @for one in &found.items {
                        (row(view, own, one, abouts.get(&one.number).and_then(names::reference)))
                    }
                }
            }
        }
    };
    let content = html! {
        div.head {
            div { h1 { (own.title) } p.sub { (own.help) } }
            div.acts { (csv_link(view)) }
        }
        div.chips #filters { (filters(view, own)) }
        (alerts(&problems))
        @let shown = (!found.items.is_empty()).then_some(&rows);
        (listed(view, listing, found.next, shown, &empty(own.none, own.none_help, None, t)))
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, own.title, &content)))
}

fn filters(view: &View<'_>, own: &AuditTexts) -> Markup {
    let t = view.t;
    let webhooks = view.service.all_webhooks(view.caller());
    let webhooks = webhooks.iter().map(|webhook| (webhook.id.to_string(), webhook.name().to_owned()));
    let tokens = view.service.tokens(view.caller(), Listing::newest(usize::MAX)).items.into_iter();
    let tokens: Vec<(String, String)> = tokens.map(|token| (token.id.to_string(), token.name)).collect();
    let actions = AuditAction::ALL.map(|one| (one.as_str().to_owned(), action(view.lang, one).to_owned()));
    let select = |name, label, any, named: Vec<(String, String)>| {
        let mut options: Vec<(&str, &str)> = vec![("", any)];
        options.extend(named.iter().map(|(value, text)| (&**value, &**text)));
        options[1..].sort_by_key(|(_, text)| text.to_lowercase());
        select_field(view, name, label, &options)
    };
    let set = [
        ("action", own.action),
        ("webhook_id", t.webhook),
        ("token_id", own.token),
        ("period", t.period),
        ("from", t.from),
        ("to", t.to),
    ];
    let shown = |name: &str, value: &str| match name {
        "action" => AuditAction::parse(value).map_or(value, |one| action(view.lang, one)).to_owned(),
        "webhook_id" => WebhookId::parse(value).map_or_else(|| value.to_owned(), |id| names::webhook(view, id)),
        "token_id" => tokens.iter().find(|(id, _)| id == value).map_or(value, |(_, name)| name).to_owned(),
        _ => shown_period(view, name, value).unwrap_or_else(|| value.to_owned()),
    };
    html! {
        (popover(
            view, "action-filter", own.action, &["action"],
            &select("action", own.action, own.any_action, actions.into()),
        ))
        (popover(
            view, "webhook-filter", t.webhook, &["webhook_id"],
            &select("webhook_id", t.webhook, t.any, webhooks.collect()),
        ))
        (popover(
            view, "token-filter", own.token, &["token_id"], &select("token_id", own.token, t.any, tokens.clone()),
        ))
        (period_popover(view))
        (set_chips(view, &set, shown))
    }
}

fn row(view: &View<'_>, own: &AuditTexts, row: &AuditRow, order: Option<&str>) -> Markup {
    let note = &row.note;
    html! {
        tr id=(format!("a-{}", row.number)) {
            td.what { span.t1 { (action(view.lang, note.action)) } div.t2 { (done_to(view, own, note, order)) } }
            td.full {
                // As high as a phone has room for; what a new webhook has is a dozen facts.
                @let told: Vec<&AuditedField> = note.fields.iter().filter(|one| says_something(note, one)).collect();
                @let count = told.len();
                @let (shown, folded) = told.split_at(if count > FACTS { 1 } else { count });
                @for changed in shown { div.clip.fact { (field(view, own, changed)) } }
                @if !folded.is_empty() {
                    details id=(format!("f-{}", row.number)) {
                        summary { (fill(own.more, &[&folded.len()])) }
                        @for changed in folded { div { (field(view, own, changed)) } }
                    }
                }
            }
            td.full.t2 { (who(view, own, &row.actor)) }
            td.fit.t2.r { (when(view, row.inserted_at)) }
        }
    }
}

/// Whether a field is the beginning of time, which is asked for where a period has no beginning.
fn is_open_start(field: &AuditedField) -> bool {
    let from = field.to.as_deref().and_then(|text| Timestamp::parse(text).ok());
    matches!(&*field.field, "from" | "filter.from") && from == Some(Timestamp::default())
}

/// All but the beginning of a period that has an end alone.
fn says_something(note: &AuditNote, field: &AuditedField) -> bool {
    !is_open_start(field) || !note.fields.iter().any(|other| matches!(&*other.field, "to" | "filter.to"))
}

/// The webhook, and what else it was done to, as links where they lead somewhere.
fn done_to(view: &View<'_>, own: &AuditTexts, note: &AuditNote, order: Option<&str>) -> Markup {
    html! {
        @if let Some((id, name)) = &note.webhook {
            @if view.service.webhook(view.caller(), *id).is_ok() {
                a href=(format!("/webhooks/{id}")) { (name) }
            } @else { (name) }
            @if note.subject.is_some() { " · " }
        }
        @match &note.subject {
            Some(AuditSubject::Event(id)) => a href=(format!("/events/{id}")) {
                (own.event) @if let Some(order) = order { " " (order) }
            },
            Some(AuditSubject::Notification(id)) => a href=(format!("/notifications/{id}")) {
                (own.notification) @if let Some(order) = order { " " (order) }
            },
            Some(AuditSubject::BulkResend(id)) => {
                a href=(format!("/notifications/resends/{id}")) { (own.bulk_resend) }
            },
            Some(AuditSubject::Backfill(id)) => a href=(format!("/webhooks/backfills/{id}")) { (own.backfill) },
            Some(AuditSubject::Erasure(id)) => a href=(format!("/erasures/{id}")) { (own.erasure) },
            Some(AuditSubject::Token(_, name)) => (name),
            Some(AuditSubject::Account(name)) => { (own.account) " " (name) },
            None => {},
        }
    }
}

/// Who did something, and by which way.
pub(super) fn who(view: &View<'_>, own: &AuditTexts, actor: &Actor) -> Markup {
    let address = actor.origin.address;
    let through = match actor.origin.through {
        Through::Api => Some(own.by_api),
        Through::Panel => Some(own.by_panel),
        Through::Operator | Through::Carteiro => None,
    };
    let name = match (&actor.token, actor.origin.through) {
        (Some((_, name)), _) => name.as_str(),
        (None, Through::Operator) => own.operator,
        (None, Through::Carteiro) => own.carteiro,
        (None, Through::Api | Through::Panel) => own.config_token,
    };
    html! {
        @match &actor.token {
            Some((id, _)) => a href=(format!("/audit?token_id={id}")) title=(view.t.filter) { (name) },
            None => (name),
        }
        @if let Some(through) = through { " · " (through) }
        @if let Some(address) = address { " · " span.id { (address) } }
    }
}

fn field(view: &View<'_>, own: &AuditTexts, changed: &AuditedField) -> Markup {
    if is_open_start(changed) {
        return html! { span.muted { (view.t.period) ": " } (view.t.any_time.to_lowercase()) };
    }
    let label = label(view, own, &changed.field);
    let value = |text: &Option<String>| {
        html! {
            @if let Some(text) = text { (with_moments(view.lang, &shown(view, own, &changed.field, text))) }
            @else { span.muted { (own.not_set) } }
        }
    };
    let is_left_out = |text: &Option<String>| text.as_ref().is_none_or(|text| text == HIDDEN);
    html! {
        span.muted { (label) ": " }
        @if changed.hidden && is_left_out(&changed.from) && is_left_out(&changed.to) {
            @match (&changed.from, &changed.to) {
                (None, _) => (own.was_set),
                (Some(_), Some(_)) => (own.was_changed),
                (Some(_), None) => (own.was_removed),
            }
        } @else if changed.from.is_none() && changed.to.is_some() {
            (value(&changed.to))
        } @else {
            (value(&changed.from)) " → " (value(&changed.to))
        }
    }
}

/// What a field is called on the other pages; its name in the API where it is on none.
fn label(view: &View<'_>, own: &AuditTexts, field: &str) -> String {
    let t = view.t;
    let known = match field {
        "filter.q" => t.search,
        "filter.webhook_id" => t.webhook,
        "filter.response_status" => t.response,
        "filter.test" => t.tests,
        "filter.from" | "from" => t.from,
        "filter.to" | "to" => t.to,
        "name" => t.name,
        "target" => t.url,
        "authorization" => t.authorization,
        "events" => t.events,
        "filter" => t.payload_filter,
        "description" => t.description,
        "status" | "filter.status" => t.status,
        "max_in_flight" => t.max_in_flight,
        "rate_limit" => t.rate_limit,
        "ordered" => t.ordered,
        "retry" => t.retry,
        "scopes" => view.lang.upkeep().token_scopes,
        "expires_at" => view.lang.upkeep().token_expires,
        "type" | "filter.type" => t.event_type,
        "secret" => own.secret,
        "overlap" => own.overlap,
        "key" => own.key,
        "client_certificate" => view.lang.identity().client_certificate,
        "signatures" => view.lang.identity().signatures,
        "notifications" => own.sent,
        "undelivered" => t.undelivered,
        "queued" => own.queued,
        "resent" => own.resent,
        "created" => own.created,
        "q" => own.searched,
        "erased" => own.erased,
        "matched" => own.matched_events,
        "external_id" => own.too,
        "alert" => own.alert,
        "muted_until" => view.lang.alerts().muted_until,
        "reason" => own.reason,
        "failing_since" => own.failing_since,
        other => {
            return match other.strip_prefix("headers.") {
                Some(name) => fill(own.header, &[&name]),
                None => other.to_owned(),
            };
        }
    };
    known.to_owned()
}

/// A value as other pages have it.
fn shown(view: &View<'_>, own: &AuditTexts, field: &str, text: &str) -> String {
    let t = view.t;
    let known = match (field, text) {
        ("status" | "filter.status", _) => names::status_word(view.lang, text).unwrap_or(text),
        ("reason", "gone") => own.gone,
        ("reason", "failing") => own.failing,
        ("ordered" | "external_id" | "filter.test" | "undelivered", "true") => t.yes,
        ("ordered" | "external_id", "false") => t.no,
        _ => text,
    };
    known.to_owned()
}
