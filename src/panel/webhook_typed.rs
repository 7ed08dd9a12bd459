//! What the form of a webhook holds, as typed, and what it means or what is wrong with it.

use super::authorization_typed::{ANSWER, Question, REMOVE};
use super::filter_page;
use super::number_typed;
use super::pattern_typed;
use super::request::FormFields;
use super::texts::authorization::AuthorizationTexts;
use super::texts::{fill, sentence};
use super::url_typed::{self, TypedUrl};
use super::view::View;
use crate::gather::Gather as _;
use crate::model::{
    Authorization, ClientCertificateName, ExpectedVersion, ExtraHeaders, Localized, MAX_AUTOMATIC_ATTEMPTS,
    MAX_DESCRIPTION_BYTES, Pattern, PatternSet, RateLimit, RetryPolicy, RetryPolicyError, Signatures, TargetUrl,
    Webhook, WebhookName, WebhookPatch, WebhookVersion, format_duration, parse_duration,
};
use crate::service::WebhookDraft;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

/// Stands for the stored value of a header, which is never shown again. No header can have this value.
const KEPT: &str = "…";

/// What the fields hold, as typed.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) patterns: BTreeSet<String>,
    pub(super) more: String,
    /// The name of one; empty for none.
    pub(super) client_certificate: String,
    pub(super) filter: String,
    pub(super) description: String,
    pub(super) ordered: bool,
    pub(super) max_in_flight: String,
    pub(super) rate_limit: String,
    pub(super) remove_authorization: bool,
    /// Whether an authorization was typed, now or, unless the stored one is to be removed, before the page was refused;
    /// its text is no part of a page.
    pub(super) has_authorization: bool,
    /// What is asked about it.
    pub(super) question: Option<Question>,
    /// Tells a form that is sent twice from two forms: the key of the registration. Empty where a webhook is changed.
    pub(super) key: String,
    /// Since when a new webhook is sent what was recorded before; empty for none of it.
    pub(super) backfill: String,
    /// The version of the settings that the form was filled from; empty where a webhook is made.
    pub(super) version: String,
    /// What the fields held when the form was filled: [`Typed::marks`].
    pub(super) marks: String,
    /// One `Name: value` a line.
    pub(super) headers: String,
    /// Gaps, separated by spaces or commas.
    pub(super) retry_schedule: String,
    pub(super) retry_attempts: String,
    /// In percent.
    pub(super) retry_jitter: String,
    /// Their identifiers, with spaces between them.
    pub(super) signatures: String,
}

/// A sentence for each field that can't be taken, by its name.
pub(super) type Problems = BTreeMap<&'static str, String>;

impl Typed {
    pub(super) fn of_form(form: &FormFields) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        let remove_authorization = form.get(REMOVE).is_some();
        Self {
            name: text("name"),
            target: text("target"),
            patterns: form.all("event").map(str::to_owned).gather(),
            more: text("more"),
            client_certificate: text("client_certificate"),
            filter: text("filter"),
            description: text("description"),
            ordered: form.get("ordered").is_some(),
            max_in_flight: text("max_in_flight"),
            rate_limit: text("rate_limit"),
            remove_authorization,
            has_authorization: form.get("authorization").is_some()
                || (form.get("had_authorization").is_some() && !remove_authorization),
            question: None,
            key: text("key"),
            backfill: text("backfill"),
            version: text("version"),
            marks: text("marks"),
            headers: text("headers"),
            retry_schedule: text("retry_schedule"),
            retry_attempts: text("retry_attempts"),
            retry_jitter: text("retry_jitter"),
            signatures: form.get("signatures").unwrap_or("v1").to_owned(),
        }
    }

    pub(super) fn of_webhook(view: &View<'_>, webhook: &Webhook) -> Self {
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
        let mut headers = String::new();
        for (name, _) in webhook.headers.iter() {
            // Writing to a String can't fail.
            let _ = writeln!(headers, "{name}: {KEPT}");
        }
        let retry = webhook.retry.as_ref();
        let gaps = |policy: &RetryPolicy| policy.schedule().iter().copied().map(format_duration).collect::<Vec<_>>();
        let mut typed = Self {
            key: String::new(),
            backfill: String::new(),
            marks: String::new(),
            version: webhook.settings_version().to_string(),
            headers,
            retry_schedule: retry.map(|policy| gaps(policy).join(" ")).unwrap_or_default(),
            retry_attempts: retry.map(|policy| policy.max_attempts().to_string()).unwrap_or_default(),
            retry_jitter: retry
                .map(|policy| number_typed::written(view.lang, (policy.jitter() * 1000.0).round() / 10.0))
                .unwrap_or_default(),
            signatures: webhook.signatures.identifiers().join(" "),
            name: webhook.name().to_owned(),
            target: webhook.target.to_string(),
            patterns,
            more: more.join("\n"),
            client_certificate: webhook.client_certificate.as_ref().map(ToString::to_string).unwrap_or_default(),
            filter: webhook.filter.as_ref().map(filter_page::shown).unwrap_or_default(),
            description: webhook.description.clone().unwrap_or_default(),
            ordered: webhook.ordered,
            max_in_flight: webhook.max_in_flight.map(|max| max.to_string()).unwrap_or_default(),
            rate_limit: webhook
                .rate_limit
                .map(|rate| number_typed::written(view.lang, rate.as_f64()))
                .unwrap_or_default(),
            remove_authorization: false,
            has_authorization: false,
            question: None,
        };
        typed.marks = typed.marks_now(view);
        typed
    }

    /// What is to be said of the authorization on a page that never repeats it: asked about, or to be typed again.
    pub(super) fn authorization_problem(&self, view: &View<'_>) -> Option<String> {
        let own = AuthorizationTexts::of(view.lang);
        if let Some(question) = &self.question {
            return Some(question.problem(view));
        }
        let form = &view.request.form;
        // What was asked about was kept until it was answered.
        let was_kept = form.get("authorization").is_none() && form.get(ANSWER).is_some();
        let problem = match (self.remove_authorization, was_kept) {
            (true, _) => own.both,
            (false, true) => own.forgotten,
            (false, false) => view.t.authorization_again,
        };
        self.has_authorization.then(|| problem.to_owned())
    }

    /// Which version of the webhook may be changed.
    pub(super) fn expected(&self) -> ExpectedVersion {
        WebhookVersion::parse(&self.version).map_or(ExpectedVersion::Any, ExpectedVersion::Settings)
    }

    /// What is meant, or what is wrong with it.
    pub(super) async fn read(
        &mut self,
        view: &View<'_>,
        authorization: Option<&str>,
        before: Option<&Webhook>,
    ) -> Result<WebhookDraft, Problems> {
        let t = view.t;
        let mut problems = Problems::new();
        let target = match url_typed::read(&self.target) {
            TypedUrl::Wrong(error) => {
                let problem = format!("{} {}", t.address, view.lang.of(&error.localized()));
                problems.insert("target", sentence(view.lang, &Localized::new(&problem, &problem)));
                None
            }
            TypedUrl::Proposed(url) => {
                problems.insert("target", t.proposed_url.to_owned());
                self.target = url;
                None
            }
            TypedUrl::Read(target) => {
                // As the service does, whose sentence has one language: one that stays is not looked at.
                if before.is_none_or(|before| before.target != target)
                    && let Some(refusal) = view.service.refusal(&target).await
                {
                    problems.insert("target", view.lang.why(&refusal).to_owned());
                }
                Some(target)
            }
        };
        let authorization = match authorization {
            None if self.remove_authorization => Some(None),
            None => None,
            Some(_) if self.remove_authorization => {
                self.has_authorization = true;
                problems.insert("authorization", AuthorizationTexts::of(view.lang).both.to_owned());
                None
            }
            Some(text) => {
                let parsed = Authorization::parse(text);
                if parsed.is_none() {
                    problems.insert("authorization", t.bad_authorization.to_owned());
                }
                Some(parsed)
            }
        };
        let events = self.read_patterns(view, before, &mut problems);
        let filter = filter_page::read(view, &self.filter).unwrap_or_else(|problem| {
            problems.insert("filter", problem);
            None
        });
        let own_name = self.read_name(target.as_ref(), before);
        if own_name.is_err() {
            problems.insert("name", t.bad_name.to_owned());
        }
        if self.description.len() > MAX_DESCRIPTION_BYTES {
            problems.insert("description", t.bad_description.to_owned());
        }
        let max_in_flight = match self.max_in_flight.as_str() {
            "" => None,
            text => {
                let max = number_typed::whole::<u16>(view.lang, text).filter(|max| (1..=1000).contains(max));
                if max.is_none() {
                    problems.insert("max_in_flight", t.bad_max_in_flight.to_owned());
                }
                max
            }
        };
        let rate_limit = match self.rate_limit.as_str() {
            "" => None,
            text => {
                let rate = number_typed::read(view.lang, text).and_then(RateLimit::per_second);
                if rate.is_none() {
                    problems.insert("rate_limit", t.bad_rate_limit.to_owned());
                }
                rate
            }
        };
        let headers = self.read_headers(before).unwrap_or_else(|problem| {
            problems
                .insert("headers", problem.map_or_else(|| t.bad_headers.to_owned(), |why| sentence(view.lang, &why)));
            None
        });
        let retry = self.read_retry(view, &mut problems);
        let signatures = match self.signatures.as_str() {
            "" => Some(Signatures::default()),
            text => Signatures::parse(&text.split(' ').collect::<Vec<_>>()),
        };
        if signatures.is_none() {
            problems.insert("signatures", view.lang.identity().bad_signatures.to_owned());
        }
        let (Some(target), Some(events), true) = (target, events, problems.is_empty()) else {
            return Err(problems);
        };
        let description = Some(self.description.clone()).filter(|text| !text.is_empty());
        let rest = WebhookPatch {
            own_name: own_name.ok(),
            authorization,
            // What the select doesn't offer is no name; the service says which there are.
            client_certificate: Some(ClientCertificateName::parse(&self.client_certificate)),
            filter: Some(filter),
            description: Some(description),
            max_in_flight: Some(max_in_flight),
            rate_limit: Some(rate_limit),
            ordered: Some(self.ordered),
            headers,
            retry: Some(retry),
            signatures,
            ..WebhookPatch::default()
        };
        Ok(WebhookDraft { target, events, secret: None, rest })
    }

    /// The patterns that are ticked and written; each that can't be taken is told of.
    fn read_patterns(&self, view: &View<'_>, before: Option<&Webhook>, problems: &mut Problems) -> Option<PatternSet> {
        let t = view.t;
        let offered = offered(view);
        let is_known = |pattern: &Pattern| {
            offered.contains(&pattern.to_string())
                || before.is_some_and(|before| before.events.iter().any(|own| own == pattern))
        };
        let written = self.more.split([',', '\n', ' ']).map(str::trim).filter(|text| !text.is_empty());
        let (mut patterns, mut wrong) = (Vec::new(), Vec::new());
        for text in self.patterns.iter().map(String::as_str).chain(written) {
            let Some(pattern) = pattern_typed::parse(text) else {
                wrong.push(pattern_typed::refusal(view, text));
                continue;
            };
            match pattern_typed::meant(&pattern, is_known) {
                Some(meant) => wrong.push(fill(t.meant_pattern, &[&text, &meant])),
                None => patterns.push(pattern),
            }
        }
        let events = PatternSet::new(patterns);
        if !wrong.is_empty() {
            problems.insert("events", wrong.join(" "));
        } else if events.is_none() {
            problems.insert("events", t.no_patterns.to_owned());
        }
        events
    }

    /// The webhook's own name; none where nothing was typed, or the host that it is called by now or would be.
    fn read_name(&self, target: Option<&TargetUrl>, before: Option<&Webhook>) -> Result<Option<WebhookName>, ()> {
        let typed = self.name.trim();
        let is_host = |target: &TargetUrl| WebhookName::of_target(target) == typed;
        let was_host = before.is_some_and(|before| before.own_name.is_none() && is_host(&before.target));
        if typed.is_empty() || was_host || target.is_some_and(is_host) {
            return Ok(None);
        }
        WebhookName::parse(typed).map(Some).ok_or(())
    }

    /// The headers, unchanged ones with their stored values; what is wrong with them, or `None` for a line that is no
    /// header.
    fn read_headers(&self, before: Option<&Webhook>) -> Result<Option<ExtraHeaders>, Option<Localized>> {
        let mut pairs = Vec::new();
        for line in self.headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(None)?;
            let (name, value) = (name.trim(), value.trim());
            let value = if value == KEPT {
                let stored = before.into_iter().flat_map(|webhook| webhook.headers.iter());
                let mut stored =
                    stored.filter(|(own, _)| own.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value);
                stored.find_map(|value| value.to_str().ok()).ok_or(None)?
            } else {
                value
            };
            pairs.push((name, value));
        }
        ExtraHeaders::new(pairs).map(Some).map_err(Some)
    }

    fn read_retry(&self, view: &View<'_>, problems: &mut Problems) -> Option<RetryPolicy> {
        let t = view.t;
        let texts = [&self.retry_schedule, &self.retry_attempts, &self.retry_jitter];
        if texts.iter().all(|text| text.is_empty()) {
            return None;
        }
        let Some(gaps) = gaps(&self.retry_schedule).filter(|gaps| !gaps.is_empty()) else {
            problems.insert("retry_schedule", t.bad_schedule.to_owned());
            return None;
        };
        let attempts = match self.retry_attempts.as_str() {
            "" => MAX_AUTOMATIC_ATTEMPTS,
            // Refused below, as whatever is out of range.
            text => number_typed::whole(view.lang, text).unwrap_or(0),
        };
        let jitter = match self.retry_jitter.trim_end_matches('%').trim() {
            "" => 0.1,
            text => number_typed::read(view.lang, text).map_or(-1.0, |percent| percent / 100.0),
        };
        let policy = RetryPolicy::new(gaps, attempts, jitter);
        if let Err(error) = policy {
            let (field, problem) = match error {
                RetryPolicyError::Attempts => ("retry_attempts", t.bad_attempts),
                RetryPolicyError::Gaps | RetryPolicyError::Gap => ("retry_schedule", t.bad_schedule),
                RetryPolicyError::Jitter => ("retry_jitter", t.bad_jitter),
            };
            problems.insert(field, problem.to_owned());
        }
        policy.ok()
    }
}

/// Gaps as people write them: `5s`, and `2 h` or `30 dias` as well.
fn gaps(text: &str) -> Option<Vec<Duration>> {
    let words = text.split([',', ';', ' ', '\n', '\r']).filter(|word| !word.is_empty());
    let mut written: Vec<String> = Vec::new();
    for word in words {
        // A number alone waits for its unit.
        match written.last_mut().filter(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(number) => number.push_str(word),
            None => written.push(word.to_owned()),
        }
    }
    let in_english = |gap: &String| {
        let (number, unit) = gap.split_at(gap.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(gap.len()));
        let unit = match unit.to_lowercase().as_str() {
            "dia" | "dias" => "days",
            "hora" | "horas" => "h",
            "minuto" | "minutos" | "min" => "m",
            "segundo" | "segundos" | "seg" => "s",
            _ => unit,
        };
        parse_duration(&format!("{number}{unit}"))
    };
    written.iter().map(in_english).collect()
}

/// Every pattern that has a box to tick.
fn offered(view: &View<'_>) -> BTreeSet<String> {
    let types = view.catalogue();
    let categories = types.iter().map(|known| format!("{}.*", known.event_type.category()));
    categories.chain(types.iter().map(|known| known.event_type.to_string())).chain(["*".to_owned()]).gather()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_read_as_people_write_them() {
        let seconds = |text: &str| gaps(text).map(|gaps| gaps.iter().map(Duration::as_secs).collect::<Vec<_>>());
        assert_eq!(seconds("5s, 2 h 30 dias;1 minuto"), Some(vec![5, 7200, 30 * 86_400, 60]));
        assert_eq!(seconds("5s 1 fortnight"), None);
        assert_eq!(seconds("7"), None);
    }
}
