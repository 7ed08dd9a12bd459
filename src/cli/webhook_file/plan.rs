//! What has to be done so that a store has what the file says: found by dry runs, so that everything the daemon would
//! refuse is known before anything is changed. Each step is done only if its webhook is still as it was seen.

use super::super::language::say;
use super::export::{Answered, answered, is_numbered, text_of};
use super::fields::{Absent, FIELDS, Field, Kind};
use super::file::{FileWebhook, Place, WebhookFile};
use crate::cli::client::{ApiAnswer, ApiClient, ApiRequest};
use crate::cli::connection::{Extent, Filters};
use crate::cli::error::CliError;
use crate::cli::output::text;
use crate::model::{Fingerprint, localized};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is done about a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Change,
    /// It is as the file says.
    Nothing,
    Delete,
    /// The file doesn't have it.
    Leave,
}

impl Action {
    pub(super) fn changes_something(self) -> bool {
        matches!(self, Self::Create | Self::Change | Self::Delete)
    }
}

/// A field that changes, with its values before and after as the API has them; none of what it never answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) field: &'static str,
    pub(super) values: Option<[String; 2]>,
}

/// One webhook, and what is done about it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) name: String,
    /// Of one that there is.
    pub(super) id: Option<String>,
    pub(super) target: String,
    pub(super) differences: Vec<Difference>,
    /// What else its reader should know.
    pub(super) note: Option<(&'static str, &'static str)>,
    /// What it is signed with, where the daemon has made that up now.
    pub(super) secret: Option<String>,
    /// The body of its request.
    body: String,
    /// The version that it is done to, or the key of a creation.
    condition: Option<String>,
    has_own_secret: bool,
}

const IS_DISABLED: (&str, &str) = (
    "carteiro has disabled it, and it stays so: `carteiro webhooks resume` resumes it",
    "o carteiro o desativou, e ele continua assim: `carteiro webhooks resume` o reativa",
);

/// Everything that has to be done, in turn: what the file has, in its order, then what it doesn't have.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

/// What a dry run answers.
#[derive(Deserialize)]
struct DryRun {
    changed: Vec<String>,
    webhook: BTreeMap<String, Box<RawValue>>,
}

impl Plan {
    /// Asks the daemon about everything in the file. An error names everything that is wrong.
    pub(super) fn make(daemon: &ApiClient, file: &WebhookFile, prune: bool) -> Result<Self, CliError> {
        let listed = Extent::ALL.read(daemon, "/api/webhooks", &Filters::default())?;
        // The oldest first.
        let present = listed.raw().rev().map(answered).collect::<Result<Vec<Answered>, _>>()?;
        let matched = match_up(file, &present)?;
        let (mut steps, mut problems) = (Vec::new(), Vec::new());
        for (webhook, own) in file.webhooks.iter().zip(&matched) {
            let step = match own {
                Some(own) => change(daemon, webhook, &text_of(&present[*own], "id"), is_shared(&present, *own)),
                None => create(daemon, webhook, &present),
            };
            match step {
                Ok(step) => steps.push(step),
                Err(error) => problems.extend(places_of(webhook, error)?),
            }
        }
        if !problems.is_empty() {
            return Err(file.refuse(problems));
        }
        for (at, webhook) in present.iter().enumerate() {
            if !matched.contains(&Some(at)) {
                steps.push(left_over(daemon, webhook, prune)?);
            }
        }
        Ok(Self { steps })
    }
}

/// For each webhook of the file which of the store's is meant, if any: that of its id, else the one that has its name.
fn match_up(file: &WebhookFile, present: &[Answered]) -> Result<Vec<Option<usize>>, CliError> {
    let with = |field: &str, wanted: &str| -> Vec<usize> {
        let is_it = |webhook: &&Answered| text_of(webhook, field) == wanted;
        present.iter().enumerate().filter(|(_, webhook)| is_it(webhook)).map(|(at, _)| at).collect()
    };
    let mut problems: Vec<(Place, String)> = Vec::new();
    let by_id: Vec<Option<usize>> = file
        .webhooks
        .iter()
        .map(|webhook| webhook.id.as_deref().and_then(|id| with("id", id).first().copied()))
        .collect();
    let mut matched = Vec::new();
    for (webhook, own) in file.webhooks.iter().zip(&by_id) {
        // One that another webhook of the file names by its id isn't meant by its name.
        let named = || with("name", &webhook.name).into_iter().filter(|at| !by_id.contains(&Some(*at)));
        let found: Vec<usize> = own.map_or_else(|| named().collect(), |own| vec![own]);
        if found.len() > 1 {
            let ids: Vec<String> = found.iter().map(|at| text_of(&present[*at], "id")).collect();
            let (count, ids) = (found.len(), ids.join(", "));
            let problem = say(localized!(
                "{count} webhooks of the store have this name: give the `id` of the one that is meant ({ids})",
                "{count} webhooks do armazenamento têm este nome: informe o `id` daquele que vale ({ids})"
            ));
            problems.push((webhook.place, problem));
        }
        matched.push(found.first().copied());
    }
    if problems.is_empty() { Ok(matched) } else { Err(file.refuse(problems)) }
}

/// The problems of a webhook with the places of the fields that they are about. Whatever isn't about fields ends all.
fn places_of(webhook: &FileWebhook, error: CliError) -> Result<Vec<(Place, String)>, CliError> {
    let fields = error.refusal.as_ref().map(|refusal| refusal.fields.clone()).unwrap_or_default();
    if fields.is_empty() {
        return Err(CliError { sentence: format!("{}: {}", webhook.name, error.sentence), ..error });
    }
    let placed = |(field, problem): (String, String)| {
        // What begins with a name in backticks is a sentence of its own.
        let joint = if problem.starts_with('`') { ":" } else { "" };
        (webhook.place_of(&field), format!("`{field}`{joint} {problem}"))
    };
    Ok(fields.into_iter().map(placed).collect())
}

/// `{"webhook": {…}}`, tried or done.
fn body<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>, dry_run: bool) -> String {
    let fields: Vec<String> = fields.map(|(name, json)| format!("\"{name}\":{json}")).collect();
    let end = if dry_run { ",\"dry_run\":true" } else { "" };
    format!("{{\"webhook\":{{{}}}{end}}}", fields.join(","))
}

/// The path of a webhook in the API.
fn path(id: &str) -> String {
    format!("/api/webhooks/{id}")
}

/// The answer to a dry run, as the daemon wrote its values.
fn read_dry_run(answer: &ApiAnswer) -> Result<DryRun, CliError> {
    serde_json::from_str(answer.raw()).map_err(|_| {
        CliError::failed(localized!(
            "the daemon knows no dry run of webhooks: it is of an older release than this command",
            "o daemon não conhece a simulação de webhooks: ele é de uma versão mais antiga que este comando"
        ))
    })
}

fn create(daemon: &ApiClient, webhook: &FileWebhook, present: &[Answered]) -> Result<Step, CliError> {
    let given = || webhook.given.iter().map(|given| (given.name, given.json.as_str()));
    let request = ApiRequest::post("/api/webhooks").body(body(given(), true));
    let tried = read_dry_run(&daemon.call(request)?)?;
    // Who applies the same file to the same store at the same time creates the same webhook, not a second one. Later
    // the store is another one, and so is the key.
    let seen = present.iter().flat_map(|own| [text_of(own, "id"), text_of(own, "name")]);
    let parts: Vec<String> = seen.chain([webhook.name.clone()]).collect();
    let Fingerprint(key) = Fingerprint::of(parts.iter().map(String::as_bytes));
    Ok(Step {
        action: Action::Create,
        name: webhook.name.clone(),
        id: None,
        target: text_of(&tried.webhook, "target"),
        differences: Vec::new(),
        note: None,
        secret: None,
        body: body(given(), false),
        condition: Some(format!("webhooks-apply-{:032x}", u128::from_be_bytes(key))),
        has_own_secret: webhook.given("secret").is_some(),
    })
}

/// Whether another webhook of the store has this one's name.
fn is_shared(present: &[Answered], at: usize) -> bool {
    let name = text_of(&present[at], "name");
    present.iter().filter(|webhook| text_of(webhook, "name") == name).count() > 1
}

fn change(daemon: &ApiClient, webhook: &FileWebhook, id: &str, is_shared: bool) -> Result<Step, CliError> {
    let shown = daemon.get(path(id))?;
    let present = answered(shown.raw())?;
    let is_disabled = text_of(&present, "status") == "DISABLED";
    // An export numbers the names that several webhooks have. In its own store each keeps the one it has.
    let keeps_name = is_shared && is_numbered(&webhook.name, &text_of(&present, "name"));
    let wanted = |field: &Field| match webhook.given(field.name) {
        _ if field.kind == Kind::FirstSecret => None,
        _ if field.name == "name" && keeps_name => None,
        // What carteiro has disabled is not resumed by a file that says no more than that it isn't paused.
        Some(given) if field.name == "status" && is_disabled && given.json == "\"ACTIVE\"" => None,
        Some(given) => Some(given.json.clone()),
        None => match field.absent {
            Absent::Default(json) => Some(json.to_owned()),
            Absent::Refused | Absent::Kept => None,
        },
    };
    let wanted: Vec<(&Field, String)> =
        FIELDS.iter().filter_map(|field| wanted(field).map(|json| (field, json))).collect();
    let all = wanted.iter().map(|(field, json)| (field.name, json.as_str()));
    let request = ApiRequest::patch(path(id)).body(body(all, true)).header("if-match", shown.etag.as_deref());
    let tried = read_dry_run(&daemon.call(request)?)?;
    let differences: Vec<Difference> =
        wanted.iter().filter_map(|(field, _)| difference(field, &present, &tried)).collect();
    let is_changed = |field: &Field| differences.iter().any(|difference| difference.field == field.name);
    let changed = wanted.iter().filter(|(field, _)| is_changed(field)).map(|(field, json)| (field.name, json.as_str()));
    Ok(Step {
        action: if differences.is_empty() { Action::Nothing } else { Action::Change },
        name: webhook.name.clone(),
        id: Some(id.to_owned()),
        target: text_of(&tried.webhook, "target"),
        body: body(changed, false),
        differences,
        note: is_disabled.then_some(IS_DISABLED).filter(|_| text_of(&tried.webhook, "status") == "DISABLED"),
        secret: None,
        condition: shown.etag,
        has_own_secret: true,
    })
}

fn difference(field: &Field, present: &Answered, tried: &DryRun) -> Option<Difference> {
    let json = |of: &Answered, name: &str| of.get(name).map_or("null", |value| value.get()).to_owned();
    let values = |name: &str| [json(present, name), json(&tried.webhook, name)];
    let is_changed = tried.changed.iter().any(|name| name == field.name);
    match field.kind {
        // By what is shown: a name that is the host's and one that was given as such are one to people.
        Kind::Plain | Kind::Filter => {
            let [before, after] = values(field.name);
            let is_other = before != after;
            is_other.then_some(Difference { field: field.name, values: Some([before, after]) })
        }
        Kind::Secret | Kind::FirstSecret => {
            let [before, after] = values(&format!("{}_set", field.name));
            let word = |set: &str| if set == "true" { "\"set\"" } else { "null" }.to_owned();
            let values = (before != after).then(|| [word(&before), word(&after)]);
            is_changed.then_some(Difference { field: field.name, values })
        }
        Kind::Values => {
            let [before, after] = values(field.name);
            let values = (before != after).then_some([before, after]);
            is_changed.then_some(Difference { field: field.name, values })
        }
    }
}

fn left_over(daemon: &ApiClient, webhook: &Answered, prune: bool) -> Result<Step, CliError> {
    let id = text_of(webhook, "id");
    let condition = if prune { daemon.get(path(&id))?.etag } else { None };
    Ok(Step {
        action: if prune { Action::Delete } else { Action::Leave },
        name: text_of(webhook, "name"),
        target: text_of(webhook, "target"),
        id: Some(id),
        differences: Vec::new(),
        note: None,
        secret: None,
        body: String::new(),
        condition,
        has_own_secret: true,
    })
}

impl Step {
    /// Whether the same file, applied by somebody else at the same time, has created it: no other creation has a note.
    pub(super) fn was_made_by_another(&self) -> bool {
        self.action == Action::Create && self.note.is_some()
    }

    /// Does it, if its webhook is still as it was seen.
    pub(super) fn perform(&mut self, daemon: &ApiClient) -> Result<(), CliError> {
        let condition = self.condition.as_deref();
        let own = || path(self.id.as_deref().unwrap_or_default());
        let request = match self.action {
            Action::Create => ApiRequest::post("/api/webhooks").body(&*self.body).header("idempotency-key", condition),
            Action::Change => ApiRequest::patch(own()).body(&*self.body).header("if-match", condition),
            Action::Delete => ApiRequest::delete(own()).header("if-match", condition),
            Action::Nothing | Action::Leave => return Ok(()),
        };
        let done = daemon.call(request).map_err(|error| self.explain(error))?;
        if self.action == Action::Create {
            let made = done.value();
            self.id = Some(text(&made["id"]));
            self.secret = Some(text(&made["secret"])).filter(|secret| !self.has_own_secret && !secret.is_empty());
            self.note = done.replayed.then_some((
                "somebody else has just created it by the same file",
                "outra pessoa acabou de criá-lo pelo mesmo arquivo",
            ));
        }
        Ok(())
    }

    fn explain(&self, error: CliError) -> CliError {
        let status = error.refusal.as_ref().map(|refusal| refusal.status);
        let sentence = match (status, self.action) {
            (Some(412), _) => say(localized!(
                "somebody has changed it meanwhile, so nothing of it was changed",
                "alguém o alterou enquanto isso, por isso nada dele foi alterado"
            )),
            (Some(404), Action::Change) => {
                say(localized!("somebody has deleted it meanwhile", "alguém o excluiu enquanto isso"))
            }
            (Some(409), Action::Create) => {
                let sentence = &error.sentence;
                say(localized!(
                    "{sentence}\nPerhaps somebody else creates webhooks by another file just now.",
                    "{sentence}\nTalvez outra pessoa esteja criando webhooks por outro arquivo agora."
                ))
            }
            _ => error.sentence.clone(),
        };
        CliError { sentence, ..error }
    }
}
