//! The form that makes and changes a webhook. Each error stands beside its field, and typed values stay.

use super::authorization_typed;
use super::backfills;
use super::filter_page;
use super::frame::{Place, framed};
use super::key_pair;
use super::layout::{coded, day, pretty};
use super::names;
use super::request::{page, see};
use super::session::random_text;
use super::texts::{Lang, fill, sentence};
use super::view::{PageResult, Refusal, View};
use super::webhook_typed::{Problems, Typed};
use crate::gather::Gather as _;
use crate::model::{ApiCode, ClientCertificateName, Localized, Signatures, Webhook, WebhookId, WebhookPatch};
use crate::service::{Error, Registered};
use bytes::Bytes;
use http::{Response, StatusCode};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn new(view: &View<'_>) -> PageResult {
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let typed = Typed { key: random_text(), ..Typed::default() };
    Ok(page(StatusCode::OK, form(view, None, &typed, &Problems::new(), view.t.bad_fields)))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn edit(view: &View<'_>, id: WebhookId) -> PageResult {
    edit_from(view, id, |_| {})
}

/// The same with a filter that was tried on the webhook's page. Nothing is saved by it.
#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn edit_with_filter(view: &View<'_>, id: WebhookId) -> PageResult {
    let tried = view.request.form.get("filter").unwrap_or_default();
    edit_from(view, id, |typed| tried.clone_into(&mut typed.filter))
}

fn edit_from(view: &View<'_>, id: WebhookId, change: impl FnOnce(&mut Typed)) -> PageResult {
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let mut typed = Typed::of_webhook(view, &webhook);
    change(&mut typed);
    Ok(page(StatusCode::OK, form(view, Some(&webhook), &typed, &Problems::new(), view.t.bad_fields)))
}

/// The form with what somebody had typed into it before they had to sign in again.
pub(super) fn again(view: &View<'_>, id: Option<WebhookId>) -> PageResult {
    let webhook = id.map(|id| view.service.webhook(view.caller(), id)).transpose()?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let typed = Typed::of_form(&view.request.form);
    let problems = Problems::from_iter(typed.authorization_problem(view).map(|problem| ("authorization", problem)));
    Ok(page(StatusCode::OK, form(view, webhook.as_deref(), &typed, &problems, view.t.bad_fields)))
}

fn refused(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, mut problems: Problems) -> Response<Bytes> {
    // The page never repeats the authorization. Without this error, the next submit would save the form without it.
    if let Some(problem) = typed.authorization_problem(view) {
        problems.entry("authorization").or_insert(problem);
    }
    let status =
        if view.request.is_too_long() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(status, form(view, webhook, typed, &problems, view.t.bad_fields))
}

/// The form again, with what makes it too long marked.
fn too_long(view: &View<'_>, before: Option<&Webhook>) -> Response<Bytes> {
    let fields = &view.request.form;
    let taken = |name: &str| fields.all(name).map(str::len).sum::<usize>();
    let longest = [
        ("name", "name"),
        ("target", "target"),
        ("authorization", "authorization"),
        ("client_certificate", "client_certificate"),
        ("filter", "filter"),
        ("description", "description"),
        ("headers", "headers"),
        ("max_in_flight", "max_in_flight"),
        ("rate_limit", "rate_limit"),
        ("retry_schedule", "retry_schedule"),
        ("retry_attempts", "retry_attempts"),
        ("retry_jitter", "retry_jitter"),
        ("event", "events"),
        ("more", "events"),
    ];
    let longest = longest.into_iter().max_by_key(|(name, _)| taken(name)).map_or("target", |(_, field)| field);
    let problems = Problems::from([(longest, view.t.too_long.to_owned())]);
    refused(view, before, &Typed::of_form(fields), problems)
}

pub(super) async fn create(view: &View<'_>) -> PageResult {
    if view.request.is_too_long() {
        return Ok(too_long(view, None));
    }
    let fields = &view.request.form;
    let mut typed = Typed::of_form(fields);
    let draft = match typed.read(view, fields.get("authorization"), None).await {
        Ok(draft) => draft,
        Err(problems) => return Ok(refused(view, None, &typed, problems)),
    };
    let key = format!("panel {}", typed.key);
    let key = Some(&*key).filter(|_| !typed.key.is_empty());
    let registered = match view.service.register(view.caller(), draft.clone(), key).await {
        // From a form that was filled in again after going back: another webhook is meant.
        Err(Error::Conflict { code: ApiCode::IdempotencyKeyTaken, .. }) => {
            view.service.register(view.caller(), draft, None).await
        }
        registered => registered,
    };
    match registered {
        Ok(Registered { webhook, has_first_secret, replayed }) => {
            if has_first_secret {
                view.sessions.put_secret(view.signed_in, webhook.id, webhook.secret.reveal());
            }
            if !replayed && backfills::begin_for_new(view, webhook.id, &typed.backfill).await.is_err() {
                // It is registered all the same: that page says what is wrong when it is asked for again.
                return Ok(see(&format!("/webhooks/{}/backfill", webhook.id)));
            }
            Ok(see(&format!("/webhooks/{}?done=created&n={}", webhook.id, webhook.id)))
        }
        Err(Error::Invalid(fields)) => Ok(refused(view, None, &typed, of_service(view.lang, &fields))),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn change(view: &View<'_>, id: WebhookId) -> PageResult {
    let before = view.service.webhook(view.caller(), id)?;
    if view.request.is_too_long() {
        return Ok(too_long(view, Some(&before)));
    }
    let fields = &view.request.form;
    let (mut typed, authorization) = (Typed::of_form(fields), authorization_typed::read(view, &before));
    // One was typed before and is gone, and the field was left empty since.
    let stays = typed.has_authorization && authorization.value.is_none();
    let is_open = authorization.is_forgotten || (authorization.value.is_none() && authorization.question.is_some());
    typed.question = authorization.question;
    let draft = match typed.read(view, authorization.value.as_deref(), Some(&before)).await {
        Ok(draft) if !is_open => draft,
        Ok(_) => return Ok(refused(view, Some(&before), &typed, Problems::new())),
        Err(problems) => return Ok(refused(view, Some(&before), &typed, problems)),
    };
    let patch = WebhookPatch { target: Some(draft.target), events: Some(draft.events), ..draft.rest };
    match view.service.change_if(view.caller(), id, patch, typed.expected()).await {
        Ok(_) => {
            view.sessions.forget_typed_authorization(view.signed_in);
            let done = if stays { "saved-but-authorization" } else { "saved" };
            Ok(see(&format!("/webhooks/{id}?done={done}&n={id}")))
        }
        Err(Error::Outdated) => outdated(view, id, typed),
        Err(Error::Invalid(fields)) => Ok(refused(view, Some(&before), &typed, of_service(view.lang, &fields))),
        Err(error) => Err(error.into()),
    }
}

/// The form again, with what somebody has saved since in the fields that nobody touched here, and below those that
/// somebody did. Sent once more, it replaces that.
fn outdated(view: &View<'_>, id: WebhookId, mut typed: Typed) -> PageResult {
    let now = view.service.webhook(view.caller(), id)?;
    let stored = Typed::of_webhook(view, &now);
    typed.take_untouched(view, &stored);
    let mut instead = typed.stored_instead(view, &stored);
    if instead.is_empty() && !typed.has_authorization && !typed.remove_authorization {
        // Somebody has saved the very same.
        return Ok(see(&format!("/webhooks/{id}?done=saved&n={id}")));
    }
    instead.extend(typed.authorization_problem(view).map(|problem| ("authorization", problem)));
    (typed.version, typed.marks) = (stored.version, stored.marks);
    Ok(page(StatusCode::CONFLICT, form(view, Some(&now), &typed, &instead, view.t.outdated)))
}

/// Errors that only the service finds: of the client certificate, else of the target, the other field it checks.
fn of_service(lang: Lang, fields: &BTreeMap<String, Vec<Localized>>) -> Problems {
    let of_field = |(field, problems): (&String, &Vec<Localized>)| {
        let field = if field == "client_certificate" { "client_certificate" } else { "target" };
        let sentences: Vec<String> = problems.iter().map(|problem| sentence(lang, problem)).collect();
        (field, sentences.join(" "))
    };
    fields.iter().map(of_field).gather()
}

/// `summary` says what the problems are, if there are any.
fn form(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, problems: &Problems, summary: &str) -> Markup {
    let t = view.t;
    let title = if webhook.is_some() { t.edit_webhook } else { t.new_webhook };
    let action = webhook.map_or_else(|| "/webhooks".to_owned(), |webhook| format!("/webhooks/{}", webhook.id));
    let has_authorization = webhook.is_some_and(|webhook| webhook.authorization.is_some());
    let authorization_note = match &typed.question {
        // An empty field means what was typed before: nothing of "as it is" beside that.
        Some(_) => "",
        None if has_authorization => t.authorization_keep,
        None => t.authorization_help,
    };
    let field = |name: &'static str, label: &str, help: &str, value: &str, kind: &str, placeholder: &str| {
        input(view, &FormField { name, label, help, value, kind, placeholder }, problems)
    };
    let content = html! {
        p.crumb {
            a href="/webhooks" { (t.webhooks) }
            @if let Some(own) = webhook {
                " › " a href=(format!("/webhooks/{}", own.id)) { (own.name()) }
            }
        }
        div.narrow {
            div.head { h1 { (title) } }
            @if !problems.is_empty() { p.problem role="alert" { (summary) } }
            form.card.pad method="post" action=(action) novalidate data-typed="" {
                (view.csrf())
                @if !typed.key.is_empty() { input type="hidden" name="key" value=(typed.key); }
                @if !typed.version.is_empty() { input type="hidden" name="version" value=(typed.version); }
                @if !typed.marks.is_empty() { input type="hidden" name="marks" value=(typed.marks); }
                (field("name", t.name, t.name_help, &typed.name, "text", "ERP"))
                (field("target", t.url, t.url_help, &typed.target, "url", "https://loja.example/notificacoes"))
                @if typed.has_authorization { input type="hidden" name="had_authorization" value="1"; }
                (field("authorization", t.authorization, authorization_note, "", "password", ""))
                @if let Some(question) = &typed.question { (question.answers(view)) }
                @if has_authorization {
                    div.field.check {
                        input #remove_authorization type="checkbox" name="remove_authorization" value="1"
                            checked[typed.remove_authorization];
                        label for="remove_authorization" { (t.authorization_remove) }
                    }
                }
                (client_certificates(view, webhook, typed, problems))
                (picker(view, typed, problems))
                @if webhook.is_none() { (backfills::offered(view, &typed.backfill)) }
                details #payload-filter open[!typed.filter.is_empty() || problems.contains_key("filter")] {
                    summary { (t.payload_filter) }
                    (field(
                        "filter", t.payload_filter, t.payload_filter_help, &typed.filter, "area", filter_page::EXAMPLE,
                    ))
                    (filter_page::operators(view))
                }
                (advanced(view, webhook, typed, problems))
                div.acts {
                    button.main type="submit" { (if webhook.is_some() { t.save } else { t.create_webhook }) }
                    a.btn href=(webhook.map_or_else(|| "/webhooks".to_owned(), |own| format!("/webhooks/{}", own.id))) {
                        (t.cancel)
                    }
                }
            }
        }
    };
    framed(view, Place::Webhooks, title, &content)
}

/// The certificates that may be shown to the target; nothing where there is none to choose, and none was chosen.
fn client_certificates(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, problems: &Problems) -> Markup {
    let (t, chosen) = (view.lang.identity(), typed.client_certificate.as_str());
    let offered = view.service.client_certificates(view.caller());
    let own = webhook.and_then(|webhook| webhook.client_certificate.as_ref()).map(ClientCertificateName::as_str);
    let is_offered = |wanted: &str| offered.iter().any(|(name, _)| name.as_str() == wanted);
    // Those that the config has no more stay as they are, until somebody chooses otherwise.
    let gone: BTreeSet<&str> = [own.unwrap_or_default(), chosen].into_iter().gather();
    let gone: Vec<&str> = gone.into_iter().filter(|name| !name.is_empty() && !is_offered(name)).collect();
    let problem = problems.get("client_certificate");
    let described = if problem.is_some() {
        "client_certificate-problem client_certificate-help"
    } else {
        "client_certificate-help"
    };
    html! {
        @if !offered.is_empty() || !gone.is_empty() || problem.is_some() {
            div.field {
                label for="client_certificate" { (t.client_certificate) }
                select #client_certificate name="client_certificate" aria-describedby=(described)
                    aria-invalid=[problem.map(|_| "true")] {
                    option value="" { (t.client_certificate_none) }
                    @for (name, end) in &offered {
                        option value=(name) selected[name.as_str() == chosen] {
                            (fill(t.client_certificate_until, &[name, &day(view.lang, end.at)]))
                        }
                    }
                    @for name in gone {
                        option value=(name) selected[name == chosen] { (fill(t.client_certificate_gone, &[&name])) }
                    }
                }
                @if let Some(problem) = problem { p.problem #client_certificate-problem { (problem) } }
                p.help #client_certificate-help { (t.client_certificate_help) }
            }
        }
    }
}

/// What few webhooks need, folded unless something stands in it.
fn advanced(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, problems: &Problems) -> Markup {
    let t = view.t;
    let field = |name: &'static str, label: &str, help: &str, value: &str, kind: &str, placeholder: &str| {
        input(view, &FormField { name, label, help, value, kind, placeholder }, problems)
    };
    let values = [
        &typed.description,
        &typed.max_in_flight,
        &typed.rate_limit,
        &typed.retry_schedule,
        &typed.retry_attempts,
        &typed.retry_jitter,
        &typed.headers,
    ];
    let names =
        ["description", "ordered", "max_in_flight", "rate_limit", "retry_schedule", "retry_attempts", "retry_jitter"];
    let open = typed.ordered
        || !matches!(typed.signatures.as_str(), "" | "v1")
        || problems.contains_key("signatures")
        || values.iter().any(|value| !value.is_empty())
        || names.iter().chain(&["headers"]).any(|name| problems.contains_key(name));
    let in_flight_help = fill(t.max_in_flight_help, &[&view.service.default_max_in_flight()]);
    let headers_help = if webhook.is_some() { t.headers_keep } else { t.headers_help };
    html! {
        details #advanced open[open] {
            summary { (t.advanced) }
            (field("description", t.description, "", &typed.description, "text", ""))
            div.field {
                div.check {
                    input #ordered type="checkbox" name="ordered" value="1" checked[typed.ordered]
                        aria-describedby="ordered-help" aria-invalid=[problems.get("ordered").map(|_| "true")];
                    label for="ordered" { (t.ordered) }
                }
                @if let Some(problem) = problems.get("ordered") { p.problem #ordered-problem { (problem) } }
                p.help #ordered-help { (t.ordered_help) }
            }
            div.groups {
                (field("max_in_flight", t.max_in_flight, &in_flight_help, &typed.max_in_flight, "short", ""))
                (field("rate_limit", t.rate_limit, t.rate_limit_help, &typed.rate_limit, "short", ""))
            }
            h2 { (t.retry) }
            p.help { (t.retry_help) }
            (field(
                "retry_schedule", t.retry_schedule, t.retry_schedule_help, &typed.retry_schedule, "text",
                "5s 30s 1m 5m 30m 2h 12h",
            ))
            div.groups {
                (field("retry_attempts", t.retry_attempts, t.retry_attempts_help, &typed.retry_attempts, "short", ""))
                (field("retry_jitter", t.retry_jitter, t.retry_jitter_help, &typed.retry_jitter, "short", ""))
            }
            (signatures(view, typed, problems))
            (field("headers", t.headers, headers_help, &typed.headers, "area", "X-Loja: 42"))
        }
    }
}

/// Which signatures are sent.
fn signatures(view: &View<'_>, typed: &Typed, problems: &Problems) -> Markup {
    let t = view.lang.identity();
    let problem = problems.get("signatures");
    html! {
        div.field {
            label for="signatures" { (t.signatures) }
            select #signatures name="signatures" aria-describedby="signatures-help"
                aria-invalid=[problem.map(|_| "true")] {
                @for one in Signatures::ALL {
                    @let value = one.identifiers().join(" ");
                    option value=(value) selected[typed.signatures == value] { (key_pair::in_words(view, one)) }
                }
            }
            @if let Some(problem) = problem { p.problem #signatures-problem { (problem) } }
            p.help #signatures-help { (t.signatures_help) }
        }
    }
}

struct FormField<'a> {
    name: &'a str,
    label: &'a str,
    help: &'a str,
    value: &'a str,
    kind: &'a str,
    placeholder: &'a str,
}

fn input(view: &View<'_>, of: &FormField<'_>, problems: &Problems) -> Markup {
    let t = view.t;
    let problem = problems.get(of.name);
    let (help_id, problem_id) = (format!("{}-help", of.name), format!("{}-problem", of.name));
    let described = match (problem.is_some(), of.help.is_empty()) {
        (true, true) => Some(problem_id.clone()),
        (true, false) => Some(format!("{problem_id} {help_id}")),
        (false, false) => Some(help_id.clone()),
        (false, true) => None,
    };
    let invalid = problem.map(|_| "true");
    let placeholder = Some(of.placeholder).filter(|text| !text.is_empty());
    let secret = of.kind == "password";
    let kind = if of.kind == "short" { "text" } else { of.kind };
    html! {
        div.field {
            label for=(of.name) { (of.label) }
            @if of.kind == "area" {
                textarea id=(of.name) name=(of.name) rows="3" placeholder=[placeholder] spellcheck="false"
                    aria-describedby=[described] aria-invalid=[invalid] { (of.value) }
            } @else {
                div.with {
                    input.short[of.kind == "short"] id=(of.name) name=(of.name) type=(kind) value=(of.value)
                        placeholder=[placeholder] autocomplete=(if secret { "new-password" } else { "off" })
                            spellcheck="false" aria-describedby=[described] aria-invalid=[invalid];
                    @if secret {
                        button type="button" data-show=(of.name) data-hide-text=(t.hide) aria-pressed="false" hidden {
                            (t.show)
                        }
                    }
                }
            }
            @if let Some(problem) = problem { p.problem id=(problem_id) { (coded(problem)) } }
            @if !of.help.is_empty() { p.help id=(help_id) { (of.help) } }
        }
    }
}

/// Boxes in a group for each category, with what each type means, and a field for whatever else.
fn picker(view: &View<'_>, typed: &Typed, problems: &Problems) -> Markup {
    let t = view.t;
    let problem = problems.get("events");
    // Written by hand where anything is, else none is ticked.
    let by_hand = !typed.more.is_empty();
    let first = |pattern: &str| problem.filter(|_| pattern == "*" && !by_hand);
    let tick = |pattern: &str, label: &str, help: Option<&str>| {
        let id = format!("event-{pattern}");
        html! {
            div.check {
                input id=(id) type="checkbox" name="event" value=(pattern) checked[typed.patterns.contains(pattern)]
                    aria-invalid=[first(pattern).map(|_| "true")]
                    aria-describedby=[first(pattern).map(|_| "events-problem")];
                label for=(id) title=[help] { (label) }
            }
        }
    };
    let more_open = by_hand || problem.is_some();
    let more_wrong = problem.filter(|_| by_hand);
    let more_described = if more_wrong.is_some() { "events-problem more-help" } else { "more-help" };
    html! {
        fieldset #events {
            legend { (t.events) }
            @if let Some(problem) = problem { p.problem #events-problem { (problem) } }
            div.group-all {
                div.strong { (tick("*", t.all_events, Some("*"))) }
                p.help { (t.all_events_help) }
            }
            div.groups {
                @for (category, entries) in &view.categories() {
                    @let wildcard = format!("{category}.*");
                    @let all_of = fill(t.all_of, &[&names::category(view.lang, category)]);
                    div {
                        div.group-all.strong {
                            (tick(&wildcard, &all_of, Some(&wildcard)))
                        }
                        @for known in entries {
                            @let name = known.event_type.as_str();
                            (tick(name, &names::event_title(view, name), Some(name)))
                        }
                    }
                }
            }
            details #samples {
                summary { (t.samples) }
                @for known in view.catalogue() {
                    @let name = known.event_type.as_str();
                    details.sample id=(format!("sample-{name}")) {
                        summary { (names::event_title(view, name)) " " span.t2.code { (name) } }
                        pre tabindex="0" { (pretty(&known.sample)) }
                    }
                }
            }
            details #more-patterns open[more_open] {
                summary { (t.more_patterns) }
                label.sr for="more" { (t.more_patterns) }
                textarea #more name="more" rows="2" spellcheck="false" aria-describedby=(more_described)
                    aria-invalid=[more_wrong.map(|_| "true")] { (typed.more) }
                p.help #more-help { (t.more_patterns_help) }
            }
        }
    }
}
