//! The part of a webhook's page that tries a filter on the newest events. It is a form that only asks: nothing is sent
//! or saved by it. It is sent by POST all the same, since a filter may be longer than proxies let an address be.

use super::layout::{ago, empty, pretty};
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
                    @if let Some(problem) = &problem { p.problem #filter-problem role="alert" { (problem) } }
                    p.help #filter-help { (t.try_help) }
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

/// What stands in the field where nothing is typed.
pub(super) const EXAMPLE: &str = r#"{"payment": {"method": "PIX", "total_cents": {"$gte": 10000}}}"#;

fn results(view: &View<'_>, trial: &FilterTrial) -> Markup {
    let t = view.t;
    let met = trial.results.iter().filter(|result| result.matches == Some(true)).count();
    html! {
        @if trial.results.is_empty() {
            (empty(t.no_trial_events, t.no_trial_events_help, None, t))
        } @else {
            section.card.pad #tried {
                h2 { (fill(t.tried, &[&met, &trial.results.len()])) }
                dl.reasons { @for result in &trial.results { (row(view, result)) } }
            }
        }
    }
}

fn row(view: &View<'_>, result: &TrialResult) -> Markup {
    html! {
        dt {
            @if let Some(event) = &result.event {
                a href=(format!("/events/{}", event.id)) { (names::event_title(view, event.event_type.as_str())) }
                " " span.muted { (ago(view, event.inserted_at)) }
            }
        }
        dd { (view.lang.of(&result.reason())) }
    }
}
