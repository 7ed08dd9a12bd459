//! Writing the webhooks of a store as a file that sets them up elsewhere. The same webhooks give the same bytes:
//! nothing in it is of this store alone, but the ids where names don't tell webhooks apart.

use super::fields::{Absent, FIELDS, Field, Kind};
use crate::cli::error::CliError;
use crate::cli::language::language;
use crate::config::{is_bare, quote};
use crate::model::{PayloadFilter, WebhookName, localized, pretty_json};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// What the file begins with.
fn head() -> &'static str {
    language().pick(
        "\
# The webhooks of a carteiro, by `carteiro webhooks export`; `carteiro webhooks apply FILE` sets them up elsewhere.
# No secret is in here: each …_env names the variable that holds one, and …_file = \"PATH\" in its place a file.
",
        "\
# Os webhooks de um carteiro, por `carteiro webhooks export`; `carteiro webhooks apply ARQUIVO` os cria em outro lugar.
# Não há segredos aqui: cada …_env indica a variável que contém um; no lugar dela, …_file = \"CAMINHO\", um arquivo.
",
    )
}

/// A webhook as the API answers it: its fields, each as the daemon wrote it.
pub(super) type Answered = BTreeMap<String, Box<RawValue>>;

/// The fields of an answer's object.
pub(super) fn answered(json: &str) -> Result<Answered, CliError> {
    serde_json::from_str(json).map_err(|error| {
        CliError::failed(localized!(
            "the daemon's answer is no webhook: {error}",
            "a resposta do daemon não é um webhook: {error}"
        ))
    })
}

/// A field's text; empty where it is none.
pub(super) fn text_of(webhook: &Answered, field: &str) -> String {
    let text = webhook.get(field).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    text.unwrap_or_default()
}

/// The file. The order of webhooks is that of their names, and among equal ones that of the list.
pub(super) fn export(mut webhooks: Vec<Answered>) -> String {
    webhooks.sort_by_cached_key(|webhook| text_of(webhook, "name"));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for webhook in &webhooks {
        *counts.entry(text_of(webhook, "name")).or_default() += 1;
    }
    let mut names: HashSet<String> = counts.keys().cloned().collect();
    let (mut met, mut variables) = (HashSet::new(), HashSet::new());
    let mut file = head().to_owned();
    for webhook in &webhooks {
        let own = text_of(webhook, "name");
        let is_first = met.insert(own.clone());
        let name = if is_first { own.clone() } else { another_name(&own, &mut names) };
        file.push_str("\n[[webhook]]\n");
        if counts.get(&own).is_some_and(|count| *count > 1) {
            // Writing to a String can't fail.
            let _ = writeln!(
                file,
                "{}",
                language().pick(
                    "# Others have this name as well: the id tells which one is meant in its own store.",
                    "# Outros têm este mesmo nome: o id diz qual deles é, no armazenamento de onde veio."
                )
            );
            let _ = writeln!(file, "id = {}", quote(&text_of(webhook, "id")));
        }
        if text_of(webhook, "status") == "DISABLED" {
            let _ = writeln!(
                file,
                "{}",
                language().pick(
                    "# carteiro has disabled it here: `carteiro webhooks show` says why.",
                    "# O carteiro o desativou aqui: `carteiro webhooks show` mostra por quê."
                )
            );
        }
        for field in FIELDS {
            write_field(&mut file, field, webhook, &name, &mut variables);
        }
    }
    file
}

/// Whether a name is one that [`export`] gives a webhook of this name, of which there are several.
pub(super) fn is_numbered(name: &str, own: &str) -> bool {
    let number = name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")?.1.parse().ok());
    number.is_some_and(|number| number > 1 && another_name_of(own, number) == name)
}

fn another_name_of(name: &str, number: usize) -> String {
    let end = format!(" ({number})");
    let start: String = name.chars().take(WebhookName::MAX_CHARS - end.len()).collect();
    format!("{}{end}", start.trim_end())
}

/// The name with a number behind it that no other webhook has.
fn another_name(name: &str, taken: &mut HashSet<String>) -> String {
    let mut number = 2;
    while !taken.insert(another_name_of(name, number)) {
        number += 1;
    }
    another_name_of(name, number)
}

fn write_field(
    file: &mut String,
    field: &Field,
    webhook: &Answered,
    webhook_name: &str,
    variables: &mut HashSet<String>,
) {
    let name = field.name;
    let json = webhook.get(name).map_or("null", |value| value.get());
    let is_default = matches!(field.absent, Absent::Default(default) if default == json);
    // Writing to a String can't fail.
    let _ = match field.kind {
        Kind::Plain if name == "name" => writeln!(file, "name = {}", quote(webhook_name)),
        // It isn't the merchant's own; elsewhere the webhook begins active.
        Kind::Plain if name == "status" && json == "\"DISABLED\"" => writeln!(file, "status = \"ACTIVE\""),
        Kind::Plain | Kind::Filter | Kind::Values if json == "null" || is_default => Ok(()),
        Kind::Plain => writeln!(file, "{name} = {}", toml(&serde_json::from_str(json).unwrap_or_default())),
        Kind::Filter => writeln!(file, "{name} = {}", filter(json)),
        Kind::Secret => match webhook.get(&format!("{name}_set")).map(|set| set.get()) {
            Some("true") => {
                let variable = variable(&[webhook_name, name], variables);
                writeln!(file, "{name}_env = \"{variable}\"")
            }
            _ => Ok(()),
        },
        Kind::FirstSecret => {
            let variable = variable(&[webhook_name, name], variables);
            let what = language().pick(
                "for a new webhook: what it is signed with; else it gets a new one",
                "em um webhook novo: com o que ele assina; sem isto, recebe um novo",
            );
            writeln!(file, "# {name}_env = \"{variable}\" # {what}")
        }
        Kind::Values => {
            let values: Value = serde_json::from_str(json).unwrap_or_default();
            for (of, _) in values.as_object().into_iter().flatten() {
                let variable = variable(&[webhook_name, of], variables);
                let _ = writeln!(file, "{name}.{} = {{ env = \"{variable}\" }}", key(of));
            }
            Ok(())
        }
    };
}

/// The name of a variable for what these words name; none is given twice.
fn variable(words: &[&str], taken: &mut HashSet<String>) -> String {
    let mut name = "WEBHOOK".to_owned();
    for word in words.iter().flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric())) {
        if !word.is_empty() {
            name.push('_');
            name.push_str(&word.to_ascii_uppercase());
        }
    }
    let numbered = |number: usize| if number == 1 { name.clone() } else { format!("{name}_{number}") };
    let mut number = 1;
    while !taken.insert(numbered(number)) {
        number += 1;
    }
    numbered(number)
}

fn key(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { quote(name) }
}

/// A filter laid out as people read it, unless TOML can't hold it like that, or it gets longer than what is read again.
fn filter(json: &str) -> String {
    let pretty = pretty_json(json, usize::MAX);
    let fits = pretty.len() <= 2 * PayloadFilter::MAX_BYTES
        && !pretty.contains("'''")
        && !pretty.chars().any(|c| c.is_control() && c != '\n');
    if fits { format!("'''\n{pretty}\n'''") } else { quote(json) }
}

/// TOML that says what a value says; `null` can't be in one.
fn toml(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quote(text),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(more: &str) -> Answered {
        let json = format!(r#"{{"target":"https://a.example/","events":["*"],"status":"ACTIVE",{more}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn every_name_is_unique_and_so_is_every_variable() {
        let file = export(vec![
            webhook(r#""id":"1","name":"a-b","authorization_set":true"#),
            webhook(r#""id":"2","name":"a b","authorization_set":true,"headers":{"x-y":"…","x.y":"…"}"#),
            webhook(r#""id":"3","name":"é","status":"DISABLED""#),
            webhook(r#""id":"4","name":"a b""#),
            webhook(r#""id":"5","name":"a b (2)""#),
        ]);
        let lines = |start: &str| file.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
        let names = ["a b", "a b (3)", "a b (2)", "a-b", "é"].map(|name| format!("name = \"{name}\""));
        assert_eq!(lines("name"), names);
        assert_eq!(lines("id"), ["id = \"2\"", "id = \"4\""]);
        let variables = ["WEBHOOK_A_B_AUTHORIZATION", "WEBHOOK_A_B_AUTHORIZATION_2"];
        assert_eq!(lines("authorization_env"), variables.map(|name| format!("authorization_env = \"{name}\"")));
        assert_eq!(lines("headers.x-y"), ["headers.x-y = { env = \"WEBHOOK_A_B_X_Y\" }"]);
        assert_eq!(lines("headers.\"x.y\""), ["headers.\"x.y\" = { env = \"WEBHOOK_A_B_X_Y_2\" }"]);
        assert_eq!(lines("status"), ["status = \"ACTIVE\""; 5]);
        assert!(file.contains("# carteiro has disabled it here"));
    }

    #[test]
    fn a_name_stays_as_short_as_it_may_be() {
        let long = "x".repeat(WebhookName::MAX_CHARS);
        let name = another_name(&long, &mut HashSet::new());
        assert_eq!((name.chars().count(), name.ends_with("x (2)")), (WebhookName::MAX_CHARS, true));
        assert!(is_numbered(&name, &long) && is_numbered("ERP (3)", "ERP"));
        for other in ["ERP", "ERP (1)", "ERP (x)", "ERP 2 (2)", "CRM (2)", "ERP(2)"] {
            assert!(!is_numbered(other, "ERP"), "{other}");
        }
    }

    #[test]
    fn what_a_literal_text_cant_hold_is_escaped() {
        assert_eq!(filter(r#"{"a":1}"#), "'''\n{\n  \"a\": 1\n}\n'''");
        assert_eq!(filter("{\"a\":\"'''\"}"), r#""{\"a\":\"'''\"}""#);
        assert_eq!(filter("{\"a\":\"\u{7f}\"}"), r#""{\"a\":\"\u007F\"}""#);
    }
}
