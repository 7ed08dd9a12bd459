//! Histórico de alterações, for admins: who changed what, newest first.

use super::audit_words as words;
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
    Actor, AuditAction, AuditFilter, AuditNote, AuditRow, AuditSubject, AuditedField, Listing, Through, WebhookId,
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
            td.what { span.t1 { (action(view.lang, note.action)) } div.t2.clip { (done_to(view, own, note, order)) } }
            td.full {
                // As high as a phone has room for; what a new webhook has is a dozen facts.
                @let told = note.fields.iter().filter(|one| words::says_something(note, one));
                @let told: Vec<&AuditedField> = told.collect();
                @let count = told.len();
                @let (shown, folded) = told.split_at(if count > FACTS { 1 } else { count });
                div.clip.told { @for changed in shown { div.clip.fact { (field(view, own, changed)) } } }
                @if !folded.is_empty() {
                    details id=(format!("f-{}", row.number)) {
                        summary { (fill(own.more, &[&folded.len()])) }
                        @for changed in folded { div { (field(view, own, changed)) } }
                    }
                }
            }
            td.full.t2 { (who(view, own, &row.actor)) span.only { " · " (when(view, row.inserted_at)) } }
            td.fit.hide.t2 { (when(view, row.inserted_at)) }
        }
    }
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
    if changed.is_open_start() {
        return html! { span.muted { (view.t.period) ": " } (view.t.any_time.to_lowercase()) };
    }
    let label = words::label(view.lang, &changed.field);
    let value = |text: &Option<String>| {
        html! {
            @if let Some(text) = text { (with_moments(view.lang, &words::shown(view.lang, &changed.field, text))) }
            @else { span.muted { (own.not_set) } }
        }
    };
    html! {
        span.muted { (label) ": " }
        @match (words::left_out(own, changed), &changed.from, &changed.to) {
            (Some(told), _, _) => (told),
            (None, None, to @ Some(_)) => (value(to)),
            (None, from, to) => { (value(from)) " → " (value(to)) }
        }
    }
}
