//! One webhook: what it delivered, what its target checks signatures with, and how it is configured; and the pages that
//! ask before its secret is replaced or it is deleted.

use super::backfills;
use super::filter_page;
use super::filters::{alerts, asked_for, listed, period_popover, read_page, set_chips, shown_period};
use super::frame::{Place, framed};
use super::key_pair;
use super::layout::{action, ago, at_most_counted, day, decimal, empty, moment, number, with_moments};
use super::names;
use super::request::{page, see, text_file};
use super::rotation::{RotationWords, confirm_rotation};
use super::rows::{status_chips, table};
use super::texts::audit::AuditTexts;
use super::texts::{EventTexts, fill};
use super::trouble;
use super::view::{PageResult, Refusal, View, back_of};
use super::webhooks::{patterns, rate, state};
use crate::model::{
    ClientCertificateName, EventFilter, Listing, NotificationFilter, Pattern, Webhook, WebhookId, WebhookStatus,
    format_duration,
};
use crate::service::{BacklogCounts, MAX_COUNTED, WebhookSummary};
use http::StatusCode;
use maud::{Markup, html};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Deliveries,
    Signature,
    Filter,
    Configuration,
}

pub(super) async fn show(view: &View<'_>, id: WebhookId) -> PageResult {
    let tab = match view.request.query.get("tab") {
        Some("signature") => Tab::Signature,
        Some("configuration") => Tab::Configuration,
        _ => Tab::Deliveries,
    };
    show_tab(view, id, tab).await
}

/// The tab with the filter has an address of its own, to which its form is sent.
pub(super) async fn filter(view: &View<'_>, id: WebhookId) -> PageResult {
    show_tab(view, id, Tab::Filter).await
}

async fn show_tab(view: &View<'_>, id: WebhookId, tab: Tab) -> PageResult {
    let t = view.t;
    let webhook = view.service.webhook(view.caller(), id)?;
    let Some(summary) = view.service.summarize_webhooks(vec![webhook.clone()]).pop() else {
        return Err(Refusal::NotFound);
    };
    let is_failing = summary.health.since.is_some() || matches!(webhook.status, WebhookStatus::Disabled { .. });
    let failing = if is_failing { Some(view.service.failing_webhook(view.caller(), id).await?) } else { None };
    let (backlog, failed) = match &failing {
        Some(failing) => (failing.backlog, failing.failed),
        None => view.service.status_counts(view.caller(), Some(id)).await?,
    };
    let unknown = unknown_patterns(view, &webhook).await?;
    let tabs = [
        (Tab::Deliveries, "", t.deliveries),
        (Tab::Signature, "?tab=signature", t.signature),
        (Tab::Filter, "/filter", t.filter_tab),
        (Tab::Configuration, "?tab=configuration", t.configuration),
    ];
    let content = html! {
        p.crumb { a href="/webhooks" { (t.webhooks) } }
        div.head {
            div {
                h1.clip { (webhook.name()) }
                div.url.clip title=(webhook.target) { (webhook.target) }
                p.meta #state data-live="" {
                    @match &failing {
                        Some(failing) => (trouble::since(view, failing)),
                        None => (state(view, &summary)),
                    }
                    span { (patterns(view, &webhook, 4)) }
                    span {
                        (t.authorization) " "
                        b { (if webhook.authorization.is_some() { t.is_set } else { t.is_not_set }) }
                    }
                }
            }
            @if view.can_change { (buttons(view, &webhook, failing.is_some())) }
        }
        (secret(view, id))
        @if !unknown.is_empty() { p.warning #unknown { (fill(t.unknown_types, &[&unknown])) } }
        div #trouble data-live="" {
            @if let Some(failing) = &failing {
                section.card.trouble {
                    (trouble::what(view, failing))
                    div.acts { (trouble::buttons(view, failing)) }
                }
            } @else if backlog.retrying > 0 && webhook.is_active() {
                section.card.pad {
                    p { (t.waits_its_time.of(backlog.retrying, &at_most_counted(view, backlog.retrying), &[])) }
                    div.acts { (trouble::resend_waiting(view, &webhook, backlog)) }
                }
            }
            @if let Some(held) = view.service.hold(&webhook) {
                p.warning { (with_moments(view.lang, view.lang.of(&held))) }
            }
            @if webhook.status == WebhookStatus::Paused { p.warning { (t.paused_help) } }
        }
        nav.tabs aria-label=(t.tabs) {
            @for (own, address, name) in tabs {
                a href=(format!("/webhooks/{id}{address}")) aria-current=[(own == tab).then_some("page")] { (name) }
            }
        }
        @match tab {
            Tab::Deliveries => (deliveries(view, id, &summary, (backlog, failed)).await?),
            Tab::Signature => (signature(view, &webhook)),
            Tab::Filter => (filter_page::tried(view, &webhook).await?),
            Tab::Configuration => (configuration(view, &webhook)),
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, webhook.name(), &content)))
}

/// What is done with a webhook. Where it fails, the card below says what to do first.
fn buttons(view: &View<'_>, webhook: &Webhook, fails: bool) -> Markup {
    let t = view.t;
    let path = |verb: &str| format!("/webhooks/{}/{verb}", webhook.id);
    html! {
        div.acts #actions data-live="" {
            form.acts method="post" action=(path("test")) {
                (view.csrf())
                (test_types(view, webhook))
                button.main[!fails] type="submit" { (t.send_test) }
            }
            a.btn href=(path("edit")) { (t.edit) }
            a.btn href=(path("backfill")) { (t.backfill) }
            @if webhook.status == WebhookStatus::Active {
                (action(view, "hold", &path("pause"), t.pause))
            } @else { (action(view, "hold", &path("resume"), t.resume)) }
        }
    }
}

/// Of which type a test is: of its own, or of one of the catalogue's that the webhook subscribes to.
fn test_types(view: &View<'_>, webhook: &Webhook) -> Markup {
    let t = view.t;
    let types = names::types_taken_by(view, &[webhook]);
    html! {
        @if !types.is_empty() {
            label.sr for="test-type" { (t.event_type) }
            select #test-type name="type" {
                option value="" { (EventTexts::of(view.lang).test_event) }
                @for name in types { option value=(name) { (names::event_title(view, name)) } }
            }
        }
    }
}

/// The signing secret, where it was just made: for some minutes, or until somebody has kept it.
fn secret(view: &View<'_>, id: WebhookId) -> Markup {
    let t = view.t;
    html! {
        @if let Some(secret) = view.sessions.secret(view.signed_in, id) {
            section.card.pad.secret {
                h2 { (t.secret_title) }
                p { (t.secret_once) }
                pre #secret tabindex="0" { (secret) }
                div.acts {
                    button.main type="button" data-copy="secret" hidden { (t.copy) }
                    a.btn href=(format!("/webhooks/{id}/secret.txt")) download { (t.download_txt) }
                    form method="post" action=(format!("/webhooks/{id}/kept")) {
                        (view.csrf())
                        input type="hidden" name="back" value=(view.here);
                        button type="submit" { (t.secret_kept) }
                    }
                }
            }
        }
    }
}

/// The signing secret as a file, for as long as its page shows it. The webhook's name and URL stand beside it, so that
/// such a file says months later what it is for.
#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn secret_file(view: &View<'_>, id: WebhookId) -> PageResult {
    let webhook = view.service.webhook(view.caller(), id)?;
    let secret = view.sessions.secret(view.signed_in, id).ok_or(Refusal::NotFound)?;
    let text = format!("{}\n{}\n{secret}\n", webhook.name(), webhook.target);
    Ok(text_file(view.t.secret_file, text))
}

/// Shows the secret no more.
#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn kept(view: &View<'_>, _id: WebhookId) -> PageResult {
    view.sessions.forget_secret(view.signed_in);
    Ok(see(back_of(view.request)))
}

async fn deliveries(
    view: &View<'_>,
    id: WebhookId,
    summary: &WebhookSummary,
    (backlog, failed): (BacklogCounts, u64),
) -> Result<Markup, Refusal> {
    let t = view.t;
    let (mut filter, problems) = asked_for::<NotificationFilter>(view);
    filter.webhook_id = Some(id);
    let find = |listing| view.service.notifications(view.caller(), filter.clone(), listing);
    let (listing, found) = read_page(view, find).await?;
    let waiting = backlog.total();
    let first_step = empty(t.no_deliveries, t.no_deliveries_help, None, t);
    let rows = table(view, &found.items, false);
    let set = [("period", t.period), ("from", t.from), ("to", t.to)];
    let shown = |name: &str, value: &str| shown_period(view, name, value).unwrap_or_else(|| value.to_owned());
    Ok(html! {
        div.kpis #webhook data-live="" {
            div.kpi { span { (t.success_rate) } b { (rate(view, &summary.history)) } }
            div class=(if waiting > 0 && summary.health.since.is_some() { "kpi hot" } else { "kpi" }) {
                span { (t.waiting) } b { (at_most_counted(view, waiting)) }
            }
            div.kpi {
                span { (t.last_success) }
                b { @match summary.history.confirmed_at { Some(at) => (ago(view, at)), None => (t.never) } }
            }
        }
        div.chips #filters data-live="" {
            (status_chips(view, backlog, failed))
            (period_popover(view))
            (set_chips(view, &set, shown))
        }
        (backfills::late(view, id))
        (alerts(&problems))
        (listed(view, listing, found.next, (!found.items.is_empty()).then_some(&rows), &first_step))
    })
}

fn signature(view: &View<'_>, webhook: &Webhook) -> Markup {
    let t = view.t;
    let old: Vec<_> = webhook.old_secrets.iter().filter(|(_, until)| view.now < *until).collect();
    // A receiver that is taught the check of a signature that isn't sent would refuse everything.
    let (by_secret, by_key) = (webhook.signatures.symmetric(), webhook.signatures.asymmetric());
    html! {
        @if by_secret {
            section.card.pad {
                h2 { (t.secret_title) }
                p { (t.signature_help) }
                @if old.is_empty() { p.muted { (t.one_secret) } }
                @for (_, until) in &old { p { (t.old_secret_until) " " (moment(view.lang, *until)) "." } }
                @if view.can_change {
                    p.acts { a.btn href=(format!("/webhooks/{}/rotate", webhook.id)) { (t.rotate) } }
                }
            }
        }
        (key_pair::card(view, webhook))
        @if by_secret {
            section.card.pad {
                h2 { (if by_key { view.lang.identity().verify_by_secret } else { t.verify_title }) }
                p { (t.verify_help) }
                pre tabindex="0" { (VERIFY) }
            }
        }
        @if by_key { (key_pair::verification(view, webhook)) }
    }
}

/// How a receiver checks a signature, in the language that most of them are written in.
const VERIFY: &str = r#"import { createHmac, timingSafeEqual } from "node:crypto";

function isFromCarteiro(headers, body, secret) {
  const timestamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= 300)) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers["webhook-id"]}.${timestamp}.${body}`;
  const own = createHmac("sha256", key).update(signed).digest();
  return headers["webhook-signature"].split(" ").some((one) => {
    const theirs = Buffer.from(one.replace("v1,", ""), "base64");
    return theirs.length === own.length && timingSafeEqual(theirs, own);
  });
}"#;

fn configuration(view: &View<'_>, webhook: &Webhook) -> Markup {
    let t = view.t;
    html! {
        section.card.pad {
            dl.facts {
                div.wide { dt { (t.url) } dd.code { (webhook.target) } }
                @if let Some(description) = &webhook.description {
                    div.wide { dt { (t.description) } dd { (description) } }
                }
                div.wide {
                    dt { (t.events) }
                    dd {
                        @for pattern in webhook.events.iter() {
                            span.tag title=(names::pattern(view, pattern)) { (pattern) } " "
                        }
                    }
                }
                @if let Some(filter) = &webhook.filter {
                    div.wide { dt { (t.payload_filter) } dd { pre tabindex="0" { (filter_page::shown(filter)) } } }
                }
                div {
                    dt { (t.authorization) }
                    dd { (if webhook.authorization.is_some() { t.is_set } else { t.is_not_set }) }
                }
                @if let Some(name) = &webhook.client_certificate {
                    div { dt { (view.lang.identity().client_certificate) } dd { (client_certificate(view, name)) } }
                }
                div { dt { (t.ordered) } dd { (if webhook.ordered { t.yes } else { t.no }) } }
                @if let Some(max) = webhook.max_in_flight { div { dt { (t.max_in_flight) } dd { (max) } } }
                @if let Some(rate) = webhook.rate_limit {
                    div { dt { (t.rate_limit) } dd { (decimal(view.lang, &rate.as_f64().to_string())) } }
                }
                @if let Some(retry) = &webhook.retry {
                    div {
                        dt { (t.retry_schedule) }
                        dd { (retry.schedule().iter().copied().map(format_duration).collect::<Vec<_>>().join(" ")) }
                    }
                    div { dt { (t.retry_attempts) } dd { (retry.max_attempts()) } }
                }
                div {
                    dt { (view.lang.identity().signatures) } dd { (key_pair::in_words(view, webhook.signatures)) }
                }
                @if webhook.headers.iter().next().is_some() {
                    div {
                        dt { (t.headers) } dd { @for (name, _) in webhook.headers.iter() { span.tag { (name) } " " } }
                    }
                }
                div { dt { (t.created_at) } dd { (moment(view.lang, webhook.inserted_at)) } }
                div { dt { "Id" } dd.id { (webhook.id) } }
            }
            @if view.can_change {
                div.acts {
                    a.btn href=(format!("/webhooks/{}/edit", webhook.id)) { (t.edit) }
                    a.btn href=(format!("/audit?webhook_id={}", webhook.id)) { (AuditTexts::of(view.lang).title) }
                    a.btn href=(format!("/webhooks/{}/delete", webhook.id)) { (t.delete_webhook) }
                }
            }
        }
    }
}

/// A client certificate, and until when it is good; or that it is not there any more.
fn client_certificate(view: &View<'_>, name: &ClientCertificateName) -> String {
    let offered = view.service.client_certificates(view.caller());
    match offered.iter().find(|(own, _)| own == name) {
        Some((name, end)) => fill(view.lang.identity().client_certificate_until, &[name, &day(view.lang, end.at)]),
        None => fill(view.lang.identity().client_certificate_gone, &[name]),
    }
}

/// The patterns that match no type of the catalogue and no stored event: likely typing errors.
async fn unknown_patterns(view: &View<'_>, webhook: &Webhook) -> Result<String, Refusal> {
    let known = |pattern: &Pattern| view.catalogue().iter().any(|entry| pattern.matches(&entry.event_type));
    let mut unknown = Vec::new();
    for pattern in webhook.events.iter().filter(|pattern| !known(pattern)) {
        let of_it = EventFilter { event_type: Some(pattern.clone()), ..EventFilter::default() };
        if view.service.summarize_events(view.caller(), of_it, Listing::newest(1)).await?.items.is_empty() {
            unknown.push(pattern.to_string());
        }
    }
    Ok(unknown.join(", "))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn confirm_rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let t = view.t;
    let words = RotationWords {
        title: t.rotate_title,
        until: t.rotate_until,
        help: t.rotate_help,
        rotate: t.rotate,
        leaked_title: t.leaked_title,
        leaked_help: t.leaked_help,
        leaked_yes: t.leaked_yes,
    };
    confirm_rotation(view, id, "rotate", &words)
}

pub(super) async fn rotate(view: &View<'_>, id: WebhookId) -> PageResult {
    let leaked = view.request.form.get("leaked").is_some();
    let webhook = view.service.rotate_secret(view.caller(), id, leaked.then_some(Duration::ZERO)).await?;
    view.sessions.put_secret(view.signed_in, id, webhook.secret.reveal());
    Ok(see(&format!("/webhooks/{id}?tab=signature&done=rotated&n={id}")))
}

pub(super) async fn confirm_delete(view: &View<'_>, id: WebhookId) -> PageResult {
    let t = view.t;
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let pending = view.service.status_counts(view.caller(), Some(id)).await?.0.total();
    let sentence = match pending {
        0 => t.delete_pending_none.to_owned(),
        1..MAX_COUNTED => t.delete_pending.of(pending, &pending, &[]),
        _ => fill(t.delete_pending_many, &[&number(view.lang, pending)]),
    };
    let back = format!("/webhooks/{id}");
    let content = html! {
        p.crumb { a href=(back) { (webhook.name()) } }
        div.narrow {
            div.head { h1 { (t.delete_title) } }
            form.card.pad method="post" action=(format!("/webhooks/{id}/delete")) {
                (view.csrf())
                p.strong { (webhook.name()) }
                div.url { (webhook.target) }
                p.strong { (sentence) }
                p.help { (t.delete_help) }
                div.acts { button.danger type="submit" { (t.delete_yes) } a.btn href=(back) { (t.cancel) } }
            }
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::Webhooks, t.delete_title, &content)))
}
