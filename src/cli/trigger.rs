//! `carteiro trigger`: a sample event of any type, as the shop would record it.

use super::client::ApiClient;
use super::connection::ConnectionArgs;
use super::error::CliError;
use super::events::{Naming, print_recorded, read_resource, record};
use super::exit::FAILED;
use super::input::TYPES;
use super::language::say;
use super::output::{Column, Fit, Show, Table, line, text};
use crate::model::{CATALOGUE, EventType, Sample, localized};
use crate::suggest::nearest;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is shown of a type. Without the sample: that of a shop's own may hold numbers that no f64 can.
#[derive(Deserialize, Serialize)]
struct ListedType {
    #[serde(rename = "type")]
    name: String,
    description: Value,
}

const COLUMNS: &[Column] = &[
    Column("TYPE", Fit::Whole, Show::Text("type")),
    Column("MEANS", Fit::Cut(12), Show::Made(|one| text(&one["description"]["en"]))),
    Column("EM PORTUGUÊS", Fit::Spare, Show::Made(|one| text(&one["description"]["pt"]))),
];

#[derive(Args)]
pub(crate) struct TriggerArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The event's type, such as PAYMENT.PAID
    #[arg(
        value_name = "TYPE",
        required_unless_present = "list",
        value_parser = TYPES,
        hide_possible_values = true
    )]
    event_type: Option<String>,
    /// List the types with samples, including those of the config
    #[arg(long, conflicts_with_all = ["event_type", "resource", "set"])]
    list: bool,
    /// A file with the resource, instead of the sample; - for the standard input
    #[arg(long, value_name = "FILE")]
    resource: Option<PathBuf>,
    /// Change a value of the resource, such as `payment.total_cents=990`; text if it is no JSON. Can be given several
    /// times
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    naming: Naming,
}

pub(crate) fn trigger(args: &TriggerArgs) -> Result<(), CliError> {
    let daemon = args.connection.daemon()?;
    match &args.event_type {
        Some(event_type) => record_sample(&daemon, args, event_type),
        None => list(&daemon, args.connection.json),
    }
}

fn list(daemon: &ApiClient, json: bool) -> Result<(), CliError> {
    let types = daemon.get("/api/event_types")?;
    if json {
        line(types.raw());
        return Ok(());
    }
    let rows = types.rows();
    let known = rows.iter().filter_map(|row| serde_json::from_str::<ListedType>(row.get()).ok());
    Table::new(COLUMNS, known.map(|one| json!(one))).print();
    Ok(())
}

fn record_sample(daemon: &ApiClient, args: &TriggerArgs, name: &str) -> Result<(), CliError> {
    let event_type = EventType::parse(name).ok_or_else(|| {
        let hint = did_you_mean(name, CATALOGUE.iter().map(|entry| entry.event_type));
        CliError::usage(localized!(
            "`{name}` is no event type{hint}; `carteiro trigger --list` shows those there are",
            "`{name}` não é um tipo de evento{hint}; `carteiro trigger --list` mostra os que existem"
        ))
    })?;
    if event_type.is_own() {
        return Err(CliError::usage(localized!(
            "{name} is recorded by carteiro itself alone; `carteiro webhooks test ID` sends one webhook a WEBHOOK.TEST",
            "só o próprio carteiro registra {name}; `carteiro webhooks test ID` envia um WEBHOOK.TEST a um webhook"
        )));
    }
    let mut resource =
        if let Some(file) = &args.resource { read_resource(file)? } else { sample(daemon, &event_type)? };
    if !args.set.is_empty() {
        let read = serde_json::from_str(resource.get());
        let mut value: Value = read.map_err(|error| {
            CliError::failed(localized!(
                "the resource can't be changed: {error}",
                "não foi possível alterar o recurso: {error}"
            ))
        })?;
        for change in &args.set {
            set(&mut value, change).map_err(CliError::usage)?;
        }
        resource = serde_json::value::to_raw_value(&value).map_err(|error| {
            CliError::failed(localized!(
                "the resource can't be written: {error}",
                "não foi possível montar o recurso: {error}"
            ))
        })?;
    }
    print_recorded(&record(daemon, name, &resource, None, &args.naming)?, args.connection.json);
    Ok(())
}

/// The daemon's sample, since its config may have its own. A type that it doesn't know is a slip of the keyboard,
/// unless it comes with a resource.
fn sample(daemon: &ApiClient, event_type: &EventType) -> Result<Box<RawValue>, CliError> {
    let types = match daemon.get("/api/event_types") {
        Ok(types) => types,
        // A token that may only record can't ask; the daemon will say whether it takes the type.
        Err(problem) if problem.code == FAILED => {
            return RawValue::from_string(Sample::default().resource(event_type)).map_err(|error| {
                CliError::failed(localized!(
                    "the sample can't be made: {error}",
                    "não foi possível criar o exemplo: {error}"
                ))
            });
        }
        Err(problem) => return Err(problem),
    };
    let mut others = Vec::new();
    for row in types.rows() {
        // The sample stays as it was written: it may hold what serde_json can't read as a number.
        let mut known: BTreeMap<String, Box<RawValue>> = serde_json::from_str(row.get()).map_err(|error| {
            CliError::failed(localized!(
                "the daemon's answer can't be read: {error}",
                "não foi possível ler a resposta do daemon: {error}"
            ))
        })?;
        let name = known.get("type").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).unwrap_or_default();
        match known.remove("sample") {
            Some(sample) if name == event_type.as_str() => return Ok(sample),
            _ => others.push(name),
        }
    }
    let hint = did_you_mean(event_type.as_str(), others.iter().map(String::as_str));
    Err(CliError::usage(localized!(
        "{event_type} is not in the catalogue{hint}; `catalogue.extra` of the config adds it, or give it a --resource \
         of its own",
        "{event_type} não está no catálogo{hint}; `catalogue.extra` da configuração o acrescenta, ou informe --resource"
    )))
}

/// Those of these types that the daemon's catalogue doesn't have, with what may be meant; none where it can't be asked.
pub(crate) fn unknown_types<'t>(daemon: &ApiClient, types: impl Iterator<Item = &'t str>) -> Vec<(&'t str, String)> {
    let mut types = types.peekable();
    if types.peek().is_none() {
        return Vec::new();
    }
    let Ok(listed) = daemon.get("/api/event_types") else { return Vec::new() };
    let rows = listed.rows();
    let known: Vec<ListedType> = rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect();
    let known = || known.iter().map(|one| one.name.as_str());
    types.filter(|name| known().all(|one| one != *name)).map(|name| (name, did_you_mean(name, known()))).collect()
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known)
        .map_or_else(String::new, |known| say(localized!(" (did you mean {known}?)", " (seria {known}?)")))
}

/// `payment.items.0.sku=X`: objects by name, made where there are none; lists by number.
fn set(resource: &mut Value, change: &str) -> Result<(), String> {
    let (path, value) = change
        .split_once('=')
        .ok_or_else(|| format!("`{change}` says no value: write PATH=VALUE, such as payment.total_cents=990"))?;
    let mut place = resource;
    for name in path.split('.') {
        place = match place {
            Value::Array(items) => {
                let count = items.len();
                let item = name.parse().ok().and_then(|at: usize| items.get_mut(at));
                item.ok_or_else(|| {
                    format!("`{path}`: `{name}` must be a number below {count}, the length of the list")
                })?
            }
            Value::Object(members) => members.entry(name).or_insert(Value::Null),
            other => {
                *other = Value::Object(serde_json::Map::new());
                let Value::Object(members) = other else { unreachable!("an object was put there") };
                members.entry(name).or_insert(Value::Null)
            }
        };
    }
    *place = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_by_path() {
        let mut value = json!({ "payment": { "total_cents": 1, "items": [{ "sku": "A" }] } });
        for change in [
            "payment.total_cents=990",
            "payment.items.0.sku=B=C",
            "payment.card.brand=VISA",
            "payment.id=\"7\"",
            "x=null",
        ] {
            set(&mut value, change).unwrap();
        }
        let card = json!({ "brand": "VISA" });
        let payment = json!({ "total_cents": 990, "items": [{ "sku": "B=C" }], "card": card, "id": "7" });
        let expected = json!({ "payment": payment, "x": null });
        assert_eq!(value, expected);
        assert!(set(&mut value, "payment").unwrap_err().contains("PATH=VALUE"));
        assert!(set(&mut value, "payment.items.1.sku=x").unwrap_err().contains("below 1"));
    }

    #[test]
    fn a_slip_is_told_from_a_stranger() {
        let hint = |name| did_you_mean(name, CATALOGUE.iter().map(|entry| entry.event_type));
        assert_eq!(hint("PAYMENT.PIAD"), " (did you mean PAYMENT.PAID?)");
        assert_eq!(hint("payment.paid"), " (did you mean PAYMENT.PAID?)");
        assert_eq!(hint("SHIPMENT.SENT"), "");
    }
}
