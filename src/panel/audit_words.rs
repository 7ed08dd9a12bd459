//! The audit in words, for its page and its CSV file alike.

use super::layout::moments;
use super::names;
use super::texts::audit::{AuditTexts, condition_word};
use super::texts::{Lang, fill};
use crate::clock::Zone;
use crate::model::{AuditNote, AuditedField, Condition, HIDDEN, Scope};
use std::borrow::Cow;
use std::fmt::Write as _;

/// "Situação: Ativo → Pausado".
pub(super) fn change(lang: Lang, zone: &Zone, changed: &AuditedField) -> String {
    let own = AuditTexts::of(lang);
    if changed.is_open_start() {
        return format!("{}: {}", lang.texts().period, lang.texts().any_time.to_lowercase());
    }
    let value = |text: &Option<String>| {
        let shown = text.as_ref().map(|text| shown(lang, &changed.field, text));
        shown.map_or_else(|| own.not_set.to_owned(), |text| in_zone(zone, &text))
    };
    let told = match (left_out(own, changed), &changed.from, &changed.to) {
        (Some(told), _, _) => told.to_owned(),
        (None, None, to @ Some(_)) => value(to),
        (None, from, to) => format!("{} → {}", value(from), value(to)),
    };
    format!("{}: {told}", label(lang, &changed.field))
}

/// A text, its moments as the other columns have them.
fn in_zone(zone: &Zone, text: &str) -> String {
    let mut told = String::new();
    for (before, at) in moments(text) {
        told.push_str(before);
        if let Some(at) = at {
            // Writing to a String can't fail.
            let _ = write!(told, "{}", zone.text(at).replace('T', " ").get(..19).unwrap_or_default());
        }
    }
    told
}

/// What is told of a value that the audit doesn't keep.
pub(super) fn left_out(own: &AuditTexts, changed: &AuditedField) -> Option<&'static str> {
    let is_left_out = |text: &Option<String>| text.as_ref().is_none_or(|text| text == HIDDEN);
    (changed.hidden && is_left_out(&changed.from) && is_left_out(&changed.to)).then_some(
        match (&changed.from, &changed.to) {
            (None, _) => own.was_set,
            (Some(_), Some(_)) => own.was_changed,
            (Some(_), None) => own.was_removed,
        },
    )
}

/// All but the beginning of a period that has an end alone.
pub(super) fn says_something(note: &AuditNote, field: &AuditedField) -> bool {
    !field.is_open_start() || !note.fields.iter().any(|other| matches!(&*other.field, "to" | "filter.to"))
}

/// What a field is called on the other pages; its name in the API where it is on none.
pub(super) fn label(lang: Lang, field: &str) -> String {
    let (t, own) = (lang.texts(), AuditTexts::of(lang));
    let known = match field {
        "filter.q" => t.search,
        "filter.webhook_id" => t.webhook,
        "filter.job_id" => t.resend_job,
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
        "status" => t.status,
        // Not how the job stands.
        "filter.status" => own.only_status,
        "max_in_flight" => t.max_in_flight,
        "rate_limit" => t.rate_limit,
        "ordered" => t.ordered,
        "retry" => t.retry,
        "scopes" => lang.upkeep().token_scopes,
        "expires_at" => lang.upkeep().token_expires,
        "type" | "filter.type" => t.event_type,
        "secret" => own.secret,
        "overlap" => own.overlap,
        "key" => own.key,
        "client_certificate" => lang.identity().client_certificate,
        "signatures" => lang.identity().signatures,
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
        "muted_until" => lang.alerts().muted_until,
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
pub(super) fn shown<'t>(lang: Lang, field: &str, text: &'t str) -> Cow<'t, str> {
    let (t, own) = (lang.texts(), AuditTexts::of(lang));
    let word = match (field, text) {
        ("scopes", _) => return Cow::Owned(scopes(lang, text.split(", "))),
        ("alert", _) => return Cow::Owned(alert(lang, text)),
        ("status" | "filter.status", _) => names::status_word(lang, text).unwrap_or(text),
        ("reason", "gone") => own.gone,
        ("reason", "failing") => own.failing,
        ("ordered" | "external_id" | "filter.test" | "undelivered", "true") => t.yes,
        ("ordered" | "external_id", "false") => t.no,
        _ => text,
    };
    Cow::Borrowed(word)
}

/// What a token allows: "Ver tudo, sem alterar nada; Registrar eventos".
fn scopes<'s>(lang: Lang, names: impl Iterator<Item = &'s str>) -> String {
    let word = |name| Scope::parse(name).map_or(name, |scope| lang.upkeep().scope(scope));
    names.map(word).collect::<Vec<_>>().join("; ")
}

/// What an alert of this key tells of. Whose webhook it is stands beside it.
fn alert(lang: Lang, key: &str) -> String {
    let (kind, of) = key.split_once(':').unwrap_or((key, ""));
    let Some(condition) = Condition::NAMES.into_iter().find(|condition| condition.kind() == kind) else {
        return key.to_owned();
    };
    let told = condition_word(lang, condition);
    if condition.webhook().is_some() || of.is_empty() { told.to_owned() } else { format!("{told} ({of})") }
}
