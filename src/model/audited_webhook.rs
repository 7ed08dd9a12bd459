//! What the audit keeps of a webhook's fields.

use super::audit::{AuditedField, HIDDEN, cut};
use super::{Noun, Pattern, RetryPolicy, Webhook, format_duration};
use std::collections::BTreeSet;

/// A field: its name, what is kept of its value, and the whole value, by which a change of it is found.
#[derive(Clone, Default)]
struct Field {
    name: String,
    shown: Option<String>,
    whole: Option<String>,
    hidden: bool,
}

impl Field {
    fn shown(name: &str, value: Option<String>) -> Self {
        Self { name: name.to_owned(), shown: value.clone(), whole: value, hidden: false }
    }

    fn hidden(name: &str, value: Option<String>) -> Self {
        let shown = value.as_ref().map(|_| HIDDEN.to_owned());
        Self { name: name.to_owned(), shown, whole: value, hidden: true }
    }
}

/// The fields that were changed from one state of a webhook to another; `None` stands for one that there isn't. Of the
/// query of its target, its authorization and the values of its headers they say that they were changed.
pub fn changed_fields(before: Option<&Webhook>, after: Option<&Webhook>) -> Vec<AuditedField> {
    let [before, after] = [before, after].map(|webhook| webhook.map(fields).unwrap_or_default());
    let find = |all: &[Field], name: &str| all.iter().find(|field| field.name == name).cloned().unwrap_or_default();
    let names: Vec<&str> = before.iter().chain(&after).map(|field| &*field.name).collect();
    let mut seen = BTreeSet::new();
    let mut changed = Vec::new();
    for name in names.into_iter().filter(|name| seen.insert(*name)) {
        let (from, to) = (find(&before, name), find(&after, name));
        if from.whole != to.whole {
            let kept = |shown: Option<String>| shown.map(|text| cut(&text));
            let (field, hidden) = (name.to_owned(), from.hidden || to.hidden);
            changed.push(AuditedField { field, from: kept(from.shown), to: kept(to.shown), hidden });
        }
    }
    changed
}

/// All that can be changed of a webhook. Its signing secrets are changed by a verb of their own.
fn fields(webhook: &Webhook) -> Vec<Field> {
    let Webhook {
        no: _,
        account: _,
        id: _,
        own_name,
        target,
        authorization,
        client_certificate,
        events,
        filter,
        description,
        status,
        headers,
        max_in_flight,
        rate_limit,
        ordered,
        retry,
        secret: _,
        old_secrets: _,
        signatures,
        key: _,
        old_keys: _,
        registered_after: _,
        inserted_at: _,
        updated_at: _,
        deleted_at: _,
    } = webhook;
    let (place, query) = match target.as_str().split_once('?') {
        Some((place, _)) => (format!("{place}?{HIDDEN}"), true),
        None => (target.as_str().to_owned(), false),
    };
    let mut patterns: Vec<String> = events.iter().map(Pattern::to_string).collect();
    let shown = patterns.join(", ");
    // Their order means nothing: the same ones in another order are no change.
    patterns.sort();
    let mut fields = vec![
        Field::shown("name", own_name.as_ref().map(|name| name.as_str().to_owned())),
        Field { name: "target".to_owned(), shown: Some(place), whole: Some(target.as_str().to_owned()), hidden: query },
        Field::hidden("authorization", authorization.as_ref().map(|value| value.expose().to_owned())),
        Field::shown("client_certificate", client_certificate.as_ref().map(ToString::to_string)),
        Field { whole: Some(patterns.join(", ")), ..Field::shown("events", Some(shown)) },
        Field::shown("filter", filter.as_ref().map(|filter| filter.as_str().to_owned())),
        Field::shown("description", description.clone()),
        Field::shown("status", Some(status.as_str().to_owned())),
        Field::shown("max_in_flight", max_in_flight.map(|most| most.to_string())),
        Field::shown("rate_limit", rate_limit.map(|limit| limit.as_f64().to_string())),
        Field::shown("ordered", Some(ordered.to_string())),
        Field::shown("signatures", Some(signatures.identifiers().join(", "))),
        Field::shown("retry", retry.as_ref().map(retry_text)),
    ];
    fields.extend(headers.iter().map(|(name, value)| {
        Field::hidden(&format!("headers.{name}"), Some(value.as_bytes().escape_ascii().to_string()))
    }));
    fields
}

/// A policy on one line: its gaps, attempts and jitter.
fn retry_text(retry: &RetryPolicy) -> String {
    let gaps: Vec<String> = retry.schedule().iter().map(|gap| format_duration(*gap)).collect();
    let attempts = Noun::ATTEMPTS.counted(retry.max_attempts().into()).en;
    format!("{}; {attempts}; jitter {}", gaps.join(" "), retry.jitter())
}
