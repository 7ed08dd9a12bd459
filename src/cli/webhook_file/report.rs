//! What was done, or would be: lines for people, or one JSON document.

use super::plan::{Action, Difference, Step};
use crate::cli::output::{Screen, Tone, line, printable};
use serde_json::{Value, json};

/// The most characters of a value that a line for people shows.
const MAX_SHOWN_CHARS: usize = 200;

pub(super) struct Report {
    json: bool,
    dry_run: bool,
    steps: Vec<Value>,
    /// How many webhooks each word was said of, in the order of the first ones.
    counts: Vec<(&'static str, usize)>,
}

impl Report {
    pub(super) fn new(json: bool, dry_run: bool) -> Self {
        Self { json, dry_run, steps: Vec::new(), counts: Vec::new() }
    }

    /// Tells of one webhook, at once where people read.
    pub(super) fn step(&mut self, step: &Step) {
        let (word, tone) = match self.word(step.action) {
            _ if step.was_made_by_another() => ("created by another apply", Tone::Dim),
            own => own,
        };
        match self.counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((word, 1)),
        }
        if self.json {
            self.steps.push(document(step));
            return;
        }
        let screen = Screen::stdout();
        let id = step.id.as_deref().map(|id| format!("  {id}")).unwrap_or_default();
        let (name, target) = (printable(&step.name), printable(&step.target));
        line(format_args!("{}  {name}  {target}{id}", screen.paint(tone, word)));
        for difference in &step.differences {
            line(format_args!("  {}", shown(difference)));
        }
        if let Some(secret) = &step.secret {
            line(format_args!("  secret  {secret}"));
            eprintln!("The secret verifies signatures and is not shown again: give it to the receiver now.");
        }
        if let Some(note) = step.note {
            line(format_args!("  {note}"));
        }
    }

    fn word(&self, action: Action) -> (&'static str, Tone) {
        match (action, self.dry_run) {
            (Action::Create, true) => ("to create", Tone::Good),
            (Action::Create, false) => ("created", Tone::Good),
            (Action::Change, true) => ("to change", Tone::Waiting),
            (Action::Change, false) => ("changed", Tone::Waiting),
            (Action::Nothing, _) => ("unchanged", Tone::Dim),
            (Action::Delete, true) => ("to delete", Tone::Bad),
            (Action::Delete, false) => ("deleted", Tone::Bad),
            (Action::Leave, _) => ("not in the file", Tone::Dim),
        }
    }

    /// Tells that this is all, or why it isn't.
    pub(super) fn end(&self, error: Option<&str>) {
        if self.json {
            return line(json!({ "dry_run": self.dry_run, "webhooks": self.steps, "error": error }));
        }
        let counts: Vec<String> = self.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        if counts.is_empty() {
            line("There is no webhook, neither in the file nor in the store.");
        } else {
            line(format_args!("{}.", counts.join(", ")));
        }
    }
}

fn shown(difference: &Difference) -> String {
    let cut = |json: &str| -> String {
        let json = printable(json);
        let mut chars = json.chars();
        let start: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
        if chars.next().is_some() { start + "…" } else { start }
    };
    match &difference.values {
        Some([before, after]) => format!("{}: {} → {}", difference.field, cut(before), cut(after)),
        None => format!("{}: another value, which isn't shown", difference.field),
    }
}

fn document(step: &Step) -> Value {
    let action = match step.action {
        Action::Create => "create",
        Action::Change => "change",
        Action::Nothing => "unchanged",
        Action::Delete => "delete",
        Action::Leave => "leave",
    };
    // A filter may hold numbers that only its text holds; nobody computes with what a report says.
    let value = |json: &String| serde_json::from_str(json).unwrap_or_else(|_| Value::from(json.as_str()));
    let changes: Vec<Value> = step
        .differences
        .iter()
        .map(|difference| match &difference.values {
            Some([before, after]) => {
                json!({ "field": difference.field, "from": value(before), "to": value(after), "hidden": false })
            }
            None => json!({ "field": difference.field, "from": null, "to": null, "hidden": true }),
        })
        .collect();
    let mut document = json!({ "action": action, "id": step.id, "name": step.name, "changes": changes });
    if let Some(note) = step.note {
        document["note"] = Value::from(note);
    }
    if let Some(secret) = &step.secret {
        document["secret"] = Value::from(secret.as_str());
    }
    document
}
