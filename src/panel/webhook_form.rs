//! The form that makes and changes a webhook. What can't be taken is said beside its field, and what was typed stays.

use super::exchange::{Fields, page, see};
use super::layout::{Place, framed, pretty};
use super::texts::{Lang, fill};
use super::{Answer, Refusal, View};
use crate::model::{
    Authorization, MAX_DESCRIPTION_BYTES, Pattern, PatternSet, RateLimit, TargetUrl, Webhook, WebhookId, WebhookPatch,
};
use crate::service::{Error, WebhookDraft};
use bytes::Bytes;
use http::{Response, StatusCode};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// What the fields hold, as typed.
#[derive(Default)]
struct Typed {
    target: String,
    patterns: BTreeSet<String>,
    more: String,
    description: String,
    ordered: bool,
    max_in_flight: String,
    rate_limit: String,
    remove_authorization: bool,
}

type Problems = BTreeMap<&'static str, String>;

impl Typed {
    fn of_form(form: &Fields) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        Self {
            target: text("target"),
            patterns: form.all("event").map(str::to_owned).collect(),
            more: text("more"),
            description: text("description"),
            ordered: form.get("ordered").is_some(),
            max_in_flight: text("max_in_flight"),
            rate_limit: text("rate_limit"),
            remove_authorization: form.get("remove_authorization").is_some(),
        }
    }

    fn of_webhook(view: &View<'_>, webhook: &Webhook) -> Self {
        let offered = offered(view);
        let (patterns, more): (BTreeSet<String>, Vec<String>) = webhook.events.iter().map(Pattern::to_string).fold(
            (BTreeSet::new(), Vec::new()),
            |(mut ticked, mut more), pattern| {
                if offered.contains(&pattern) {
                    let _ = ticked.insert(pattern);
                } else {
                    more.push(pattern);
                }
                (ticked, more)
            },
        );
        Self {
            target: webhook.target.to_string(),
            patterns,
            more: more.join("\n"),
            description: webhook.description.clone().unwrap_or_default(),
            ordered: webhook.ordered,
            max_in_flight: webhook.max_in_flight.map(|max| max.to_string()).unwrap_or_default(),
            rate_limit: webhook.rate_limit.map(|rate| rate.as_f64().to_string()).unwrap_or_default(),
            remove_authorization: false,
        }
    }

    /// What is meant, or what is wrong with it.
    async fn read(
        &self,
        view: &View<'_>,
        authorization: Option<&str>,
        before: Option<&Webhook>,
    ) -> Result<WebhookDraft, Problems> {
        let t = view.t;
        let mut problems = Problems::new();
        let target = TargetUrl::parse(&self.target).ok();
        match &target {
            None => drop(problems.insert("target", t.bad_target.to_owned())),
            // As the service does, whose sentence has one language: one that stays is not looked at.
            Some(target) if before.is_none_or(|before| before.target != *target) => {
                if let Some(refusal) = view.service.refusal(target).await {
                    problems.insert(
                        "target",
                        match view.lang {
                            Lang::Pt => refusal.message_pt,
                            Lang::En => refusal.message,
                        },
                    );
                }
            }
            Some(_) => {}
        }
        let authorization = match authorization {
            None if self.remove_authorization => Some(None),
            None => None,
            Some(text) => {
                let parsed = Authorization::parse(text);
                if parsed.is_none() {
                    problems.insert("authorization", t.bad_authorization.to_owned());
                }
                Some(parsed)
            }
        };
        let written = self.more.split([',', '\n', ' ']).map(str::trim).filter(|text| !text.is_empty());
        let mut patterns = Vec::new();
        for text in self.patterns.iter().map(String::as_str).chain(written) {
            if let Some(pattern) = Pattern::parse(&text.to_ascii_uppercase()) {
                patterns.push(pattern);
            } else {
                let shown: String = text.chars().take(100).collect();
                problems.insert("events", fill(t.bad_pattern, &[&shown]));
            }
        }
        let events = PatternSet::new(patterns);
        if events.is_none() {
            problems.entry("events").or_insert_with(|| t.no_patterns.to_owned());
        }
        if self.description.len() > MAX_DESCRIPTION_BYTES {
            problems.insert("description", t.bad_description.to_owned());
        }
        let max_in_flight = match self.max_in_flight.as_str() {
            "" => None,
            text => {
                let max = text.parse::<u16>().ok().filter(|max| (1..=1000).contains(max));
                if max.is_none() {
                    problems.insert("max_in_flight", t.bad_max_in_flight.to_owned());
                }
                max
            }
        };
        let rate_limit = match self.rate_limit.as_str() {
            "" => None,
            text => {
                let rate = text.replace(',', ".").parse().ok().and_then(RateLimit::per_second);
                if rate.is_none() {
                    problems.insert("rate_limit", t.bad_rate_limit.to_owned());
                }
                rate
            }
        };
        let (Some(target), Some(events), true) = (target, events, problems.is_empty()) else {
            return Err(problems);
        };
        let description = Some(self.description.clone()).filter(|text| !text.is_empty());
        let rest = WebhookPatch {
            authorization,
            description: Some(description),
            max_in_flight: Some(max_in_flight),
            rate_limit: Some(rate_limit),
            ordered: Some(self.ordered),
            ..WebhookPatch::default()
        };
        Ok(WebhookDraft { target, events, rest })
    }
}

/// Every pattern that has a box to tick.
fn offered(view: &View<'_>) -> BTreeSet<String> {
    let types = view.service.event_types();
    let categories = types.iter().map(|known| format!("{}.*", known.event_type.category()));
    categories.chain(types.iter().map(|known| known.event_type.to_string())).chain(["*".to_owned()]).collect()
}

pub(super) fn new(view: &View<'_>) -> Answer {
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    Ok(page(StatusCode::OK, form(view, None, &Typed::default(), &Problems::new())))
}

pub(super) fn edit(view: &View<'_>, id: WebhookId) -> Answer {
    let webhook = view.service.webhook(view.caller(), id)?;
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    Ok(page(StatusCode::OK, form(view, Some(&webhook), &Typed::of_webhook(view, &webhook), &Problems::new())))
}

fn refused(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, problems: &Problems) -> Response<Bytes> {
    page(StatusCode::UNPROCESSABLE_ENTITY, form(view, webhook, typed, problems))
}

pub(super) async fn create(view: &View<'_>) -> Answer {
    let fields = &view.asked.form;
    let typed = Typed::of_form(fields);
    let draft = match typed.read(view, fields.get("authorization"), None).await {
        Ok(draft) => draft,
        Err(problems) => return Ok(refused(view, None, &typed, &problems)),
    };
    match view.service.register(view.caller(), draft).await {
        Ok(webhook) => {
            view.sessions.put_secret(view.signed_in, webhook.id, webhook.secret.reveal());
            Ok(see(&format!("/webhooks/{}", webhook.id)))
        }
        Err(Error::Invalid(fields)) => Ok(refused(view, None, &typed, &of_service(fields))),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn change(view: &View<'_>, id: WebhookId) -> Answer {
    let before = view.service.webhook(view.caller(), id)?;
    let fields = &view.asked.form;
    let typed = Typed::of_form(fields);
    let draft = match typed.read(view, fields.get("authorization"), Some(&before)).await {
        Ok(draft) => draft,
        Err(problems) => return Ok(refused(view, Some(&before), &typed, &problems)),
    };
    let patch = WebhookPatch { target: Some(draft.target), events: Some(draft.events), ..draft.rest };
    match view.service.change(view.caller(), id, patch).await {
        Ok(_) => Ok(see(&format!("/webhooks/{id}?done=saved"))),
        Err(Error::Invalid(fields)) => Ok(refused(view, Some(&before), &typed, &of_service(fields))),
        Err(error) => Err(error.into()),
    }
}

/// What only the service could find; all of it is said beside the target, which is the one field it looks at.
fn of_service(fields: BTreeMap<String, Vec<String>>) -> Problems {
    let sentences: Vec<String> = fields.into_values().flatten().collect();
    Problems::from([("target", sentences.join("; "))])
}

fn form(view: &View<'_>, webhook: Option<&Webhook>, typed: &Typed, problems: &Problems) -> Markup {
    let t = view.t;
    let title = if webhook.is_some() { t.edit_webhook } else { t.new_webhook };
    let action = webhook.map_or_else(|| "/webhooks".to_owned(), |webhook| format!("/webhooks/{}", webhook.id));
    let kept = webhook.is_some_and(|webhook| webhook.authorization.is_some());
    let limits_open = problems.contains_key("max_in_flight")
        || problems.contains_key("rate_limit")
        || typed.ordered
        || !typed.max_in_flight.is_empty()
        || !typed.rate_limit.is_empty();
    let content = html! {
        p.crumbs { a href="/webhooks" { (t.webhooks) } }
        h1 { (title) }
        @if !problems.is_empty() { p.problem role="alert" { (t.bad_fields) } }
        form.card method="post" action=(action) novalidate {
            (view.csrf())
            (input(&Input { name: "target", label: t.url, help: t.url_help, value: &typed.target, kind: "url", placeholder: "https://loja.example/notificacoes" }, problems))
            (input(&Input { name: "authorization", label: t.authorization, help: if kept { t.authorization_keep } else { t.authorization_help }, value: "", kind: "password", placeholder: "" }, problems))
            @if kept {
                div.field.check {
                    input #remove_authorization type="checkbox" name="remove_authorization" value="1" checked[typed.remove_authorization];
                    label for="remove_authorization" { (t.authorization_remove) }
                }
            }
            (picker(view, typed, problems))
            (input(&Input { name: "description", label: t.description, help: "", value: &typed.description, kind: "text", placeholder: "" }, problems))
            details open[limits_open] {
                summary { (t.limits) }
                div.field.check {
                    input #ordered type="checkbox" name="ordered" value="1" checked[typed.ordered] aria-describedby="ordered-help";
                    label for="ordered" { (t.ordered) }
                }
                p.help #ordered-help { (t.ordered_help) }
                (input(&Input { name: "max_in_flight", label: t.max_in_flight, help: t.max_in_flight_help, value: &typed.max_in_flight, kind: "text", placeholder: "" }, problems))
                (input(&Input { name: "rate_limit", label: t.rate_limit, help: t.rate_limit_help, value: &typed.rate_limit, kind: "text", placeholder: "" }, problems))
            }
            div.buttons { button.primary type="submit" { (t.save) } a.button href=(webhook.map_or_else(|| "/webhooks".to_owned(), |webhook| format!("/webhooks/{}", webhook.id))) { (t.cancel) } }
        }
    };
    framed(view, Place::Webhooks, title, &content)
}

struct Input<'a> {
    name: &'a str,
    label: &'a str,
    help: &'a str,
    value: &'a str,
    kind: &'a str,
    placeholder: &'a str,
}

fn input(of: &Input<'_>, problems: &Problems) -> Markup {
    let problem = problems.get(of.name);
    let (help_id, problem_id) = (format!("{}-help", of.name), format!("{}-problem", of.name));
    let described = if problem.is_some() { format!("{problem_id} {help_id}") } else { help_id.clone() };
    html! {
        div.field {
            label for=(of.name) { (of.label) }
            input id=(of.name) name=(of.name) type=(of.kind) value=(of.value) placeholder=[Some(of.placeholder).filter(|text| !text.is_empty())]
                autocomplete=(if of.kind == "password" { "new-password" } else { "off" }) spellcheck="false" aria-describedby=[(problem.is_some() || !of.help.is_empty()).then_some(described)] aria-invalid=[problem.map(|_| "true")];
            @if let Some(problem) = problem { p.problem id=(problem_id) { (problem) } }
            @if !of.help.is_empty() { p.help id=(help_id) { (of.help) } }
        }
    }
}

/// Boxes by category, each with what its type means, and a field for whatever else.
fn picker(view: &View<'_>, typed: &Typed, problems: &Problems) -> Markup {
    let t = view.t;
    let catalogue = view.service.event_types();
    let mut categories: Vec<(&str, Vec<_>)> = Vec::new();
    for entry in &catalogue {
        let category = entry.event_type.category();
        match categories.iter_mut().find(|(name, _)| *name == category) {
            Some((_, entries)) => entries.push(entry),
            None => categories.push((category, vec![entry])),
        }
    }
    let tick = |pattern: &str, label: &str, help: Option<&str>| {
        let id = format!("event-{pattern}");
        html! {
            div.check {
                input id=(id) type="checkbox" name="event" value=(pattern) checked[typed.patterns.contains(pattern)];
                label for=(id) { span.strong { (label) } @if let Some(help) = help { " " span.muted { (help) } } }
            }
        }
    };
    html! {
        fieldset.field {
            legend { (t.events) }
            @if let Some(problem) = problems.get("events") { p.problem { (problem) } }
            (tick("*", t.all_events, Some("*")))
            @for (category, entries) in &categories {
                @let wildcard = format!("{category}.*");
                @let some = entries.iter().any(|known| typed.patterns.contains(known.event_type.as_str()));
                div.category {
                    (tick(&wildcard, &fill(t.all_of, &[category]), Some(&wildcard)))
                    details open[some] {
                        summary { (category) }
                        @for known in entries {
                            @let name = known.event_type.as_str();
                            @let sentence = known.sentences.as_ref().map(|both| match view.lang { Lang::Pt => &*both.pt, Lang::En => &*both.en });
                            (tick(name, name, sentence))
                            details.sample { summary { (fill(t.sample_of, &[&name])) } pre { (pretty(&known.sample)) } }
                        }
                    }
                }
            }
            label for="more" { (t.more_patterns) }
            textarea #more name="more" rows="2" spellcheck="false" aria-describedby="more-help" { (typed.more) }
            p.help #more-help { (t.more_patterns_help) }
        }
    }
}
