//! The part of a webhook's page that tries a filter on the newest events. It is a form that only asks: nothing is sent
//! or saved by it. It is sent by POST all the same, since a filter may be longer than proxies let an address be.

use super::layout::{ago, empty, explained, pretty};
use super::names;
use super::texts::{fill, sentence};
use super::view::{Refusal, View};
use crate::model::{FilterError, PayloadFilter, Webhook};
use crate::service::{FilterTrial, TrialOn, TrialResult};
use http::Method;
use maud::{Markup, html};

/// A filter as it stands in a form: pretty, unless that makes it much longer, as a list of a thousand numbers is with a
/// line for each. What is shown here must be accepted when it is sent back.
pub(super) fn shown(filter: &PayloadFilter) -> String {
    let text = pretty(filter.as_str());
    if text.len() > 2 * PayloadFilter::MAX_BYTES { filter.as_str().to_owned() } else { text }
}

/// What a form's text means: no filter where it is empty.
pub(super) fn read(view: &View<'_>, text: &str) -> Result<Option<PayloadFilter>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    PayloadFilter::parse(text).map(Some).map_err(|error: FilterError| sentence(view.lang, &error.localized()))
}

pub(super) async fn tried(view: &View<'_>, webhook: &Webhook) -> Result<Markup, Refusal> {
    let t = view.t;
    let typed = if view.request.method == Method::POST {
        view.request.form.get("filter").unwrap_or_default().to_owned()
    } else {
        webhook.filter.as_ref().map(shown).unwrap_or_default()
    };
    let read = read(view, &typed);
    let trial = match &read {
        Ok(Some(filter)) => {
            let tried = view.service.try_filter(view.caller(), webhook.id, Some(filter.clone()), TrialOn::Recent);
            Some(tried.await?)
        }
        Ok(None) | Err(_) => None,
    };
    let problem = read.err();
    let described = if problem.is_some() { "filter-problem filter-help" } else { "filter-help" };
    Ok(html! {
        section.card.pad {
            form method="post" action=(format!("/webhooks/{}/filter", webhook.id)) data-typed="" {
                (view.csrf())
                div.field {
                    label for="filter" { (t.payload_filter) }
                    textarea #filter name="filter" rows="8" spellcheck="false" aria-describedby=(described)
                        aria-invalid=[problem.as_ref().map(|_| "true")] placeholder=(EXAMPLE) { (typed) }
                    @if let Some(problem) = &problem {
                        p.problem #filter-problem role="alert" { (explained(view, problem)) }
                    }
                    p.help #filter-help { (t.try_help) }
                    (operators(view))
                }
                div.acts {
                    button.main type="submit" { (t.try_filter) }
                    @if view.can_change {
                        button type="submit" formaction=(format!("/webhooks/{}/edit", webhook.id)) { (t.use_filter) }
                    }
                }
            }
        }
        @if let Some(trial) = &trial { (results(view, trial)) }
    })
}

/// How many events that don't meet a filter are shown with what they lack; the others say the same as a rule.
const UNMET_SHOWN: usize = 3;

/// The operators, each with what it asks for.
const OPERATORS: [(&str, &str); 7] = [
    (r#"{"status": "PAID"}"#, ""),
    (r#"{"method": {"$in": ["PIX", "BOLETO"]}}"#, "$in, $nin"),
    (r#"{"total_cents": {"$gte": 10000}}"#, "$gt, $gte, $lt, $lte"),
    (r#"{"status": {"$neq": "PENDING"}}"#, "$neq"),
    (r#"{"id": {"$startsWith": "pay_"}}"#, "$startsWith, $endsWith"),
    (r#"{"coupon": {"$exist": true}}"#, "$exist"),
    (r#"{"$or": [{"method": "PIX"}, {"method": "BOLETO"}]}"#, "$or, $and, $not"),
];

/// What a filter can ask for, folded below its field.
pub(super) fn operators(view: &View<'_>) -> Markup {
    let t = view.t;
    let means = [t.asks_equal, t.asks_in, t.asks_order, t.asks_other, t.asks_text, t.asks_there, t.asks_logic];
    html! {
        details #operators {
            summary { (t.operators) }
            dl.reasons {
                @for ((example, names), means) in OPERATORS.iter().zip(means) {
                    dt.code { (example) }
                    dd { (means) @if !names.is_empty() { " " span.muted { "(" (names) ")" } } }
                }
            }
        }
    }
}

/// What stands in the field where nothing is typed.
pub(super) const EXAMPLE: &str = r#"{"payment": {"method": "PIX", "total_cents": {"$gte": 10000}}}"#;

fn results(view: &View<'_>, trial: &FilterTrial) -> Markup {
    let t = view.t;
    let met = trial.results.iter().filter(|result| result.matches == Some(true)).count();
    html! {
        @if trial.results.is_empty() {
            (empty(t.no_trial_events, t.no_trial_events_help, None, t))
        } @else {
            @let (meeting, others): (Vec<_>, Vec<_>) =
                trial.results.iter().partition(|result| result.matches == Some(true));
            @let (shown, folded) = others.split_at(others.len().min(UNMET_SHOWN));
            section.card #tried {
                div.pad { h2 { (fill(t.tried, &[&met, &trial.results.len()])) } }
                table.rows {
                    caption.sr { (t.filter_tab) }
                    thead { tr { @for name in [t.event, t.result] { th scope="col" { (name) } } } }
                    tbody { @for result in meeting.iter().chain(shown) { (row(view, result)) } }
                }
                @if !folded.is_empty() {
                    @let count = u64::try_from(folded.len()).unwrap_or(u64::MAX);
                    details.pad #unmet {
                        summary { (t.others_unmet.of(count, &count, &[])) }
                        table.rows {
                            caption.sr { (t.meets_not) }
                            tbody { @for result in folded { (row(view, result)) } }
                        }
                    }
                }
            }
        }
    }
}

fn row(view: &View<'_>, result: &TrialResult) -> Markup {
    let t = view.t;
    let (tone, said) = match result.matches {
        Some(true) => ("ok", t.meets),
        Some(false) => ("idle", t.meets_not),
        None => ("idle", t.meets_unknown),
    };
    html! {
        tr {
            td.what {
                @if let Some(event) = &result.event {
                    div.clip.about {
                        a.t1 href=(format!("/events/{}", event.id)) {
                            (names::event_title(view, event.event_type.as_str()))
                        }
                        " " span.t2 { (names::about(view, &event.about())) }
                    }
                    div.t2 { (ago(view, event.inserted_at)) }
                }
                @if result.matches != Some(true) { div.t2 { (explained(view, view.lang.of(&result.reason()))) } }
            }
            td.now.fit.r { span class=(format!("pill {tone}")) { (said) } }
        }
    }
}
