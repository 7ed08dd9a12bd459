//! What was done, or would be: lines for people, or one JSON document.

use super::plan::{Action, Difference, Step};
use crate::cli::language::{language, say, tell};
use crate::cli::output::{Screen, Tone, line, printable};
use crate::model::localized;
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
            _ if step.was_made_by_another() => {
                (language().pick("created by another apply", "criado por outro apply"), Tone::Dim)
            }
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
            line(format_args!("  {}  {secret}", language().pick("secret", "segredo")));
            tell(localized!(
                "The secret verifies signatures and is not shown again: give it to the receiver now.",
                "O segredo confere as assinaturas e não é mostrado de novo: entregue-o ao receptor agora."
            ));
        }
        if let Some((en, pt)) = step.note {
            line(format_args!("  {}", language().pick(en, pt)));
        }
    }

    fn word(&self, action: Action) -> (&'static str, Tone) {
        let (en, pt, tone) = match (action, self.dry_run) {
            (Action::Create, true) => ("to create", "a criar", Tone::Good),
            (Action::Create, false) => ("created", "criado", Tone::Good),
            (Action::Change, true) => ("to change", "a alterar", Tone::Waiting),
            (Action::Change, false) => ("changed", "alterado", Tone::Waiting),
            (Action::Nothing, _) => ("unchanged", "sem mudança", Tone::Dim),
            (Action::Delete, true) => ("to delete", "a excluir", Tone::Bad),
            (Action::Delete, false) => ("deleted", "excluído", Tone::Bad),
            (Action::Leave, _) => ("not in the file", "fora do arquivo", Tone::Dim),
        };
        (language().pick(en, pt), tone)
    }

    /// Tells that this is all, or why it isn't.
    pub(super) fn end(&self, error: Option<&str>) {
        if self.json {
            return line(json!({ "dry_run": self.dry_run, "webhooks": self.steps, "error": error }));
        }
        let counts: Vec<String> = self.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        if counts.is_empty() {
            line(language().pick(
                "There is no webhook, neither in the file nor in the store.",
                "Não há nenhum webhook, nem no arquivo nem no armazenamento.",
            ));
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
    let field = difference.field;
    let Some([before, after]) = &difference.values else {
        return say(localized!(
            "{field}: another value, which isn't shown",
            "{field}: outro valor, que não é mostrado"
        ));
    };
    format!("{field}: {} → {}", cut(before), cut(after))
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
    if let Some((note, _)) = step.note {
        document["note"] = Value::from(note);
    }
    if let Some(secret) = &step.secret {
        document["secret"] = Value::from(secret.as_str());
    }
    document
}
