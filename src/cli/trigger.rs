//! `carteiro trigger`: a sample event of any type, as the shop would record it.

use super::client::{Ask, Daemon, Problem};
use super::connection::Reach;
use super::events::{Naming, print_recorded, read_resource, record};
use super::output::{Cell, Fit, Table, line};
use super::{FAILED, WRONG_USAGE};
use crate::model::{CATALOGUE, EventType, Sample};
use clap::Args;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// From here on, two types are told apart by more than a slip of the keyboard (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.85;

/// What is shown of a type.
#[derive(serde::Deserialize)]
struct Known {
    #[serde(rename = "type")]
    name: String,
    description: Sentences,
}

#[derive(serde::Deserialize)]
struct Sentences {
    en: String,
    pt: String,
}

#[derive(Args)]
pub(super) struct TriggerArgs {
    #[command(flatten)]
    reach: Reach,
    /// What happens, such as PAYMENT.PAID
    #[arg(value_name = "TYPE", required_unless_present = "list")]
    event_type: Option<String>,
    /// List the types that there are samples of, the config's own among them
    #[arg(long, conflicts_with_all = ["event_type", "resource", "set"])]
    list: bool,
    /// A file that holds the resource, instead of the sample; - for the standard input
    #[arg(long, value_name = "FILE")]
    resource: Option<PathBuf>,
    /// Change a value of the resource, such as `payment.total_cents=990`; what is no JSON is text. Give it again for more
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    naming: Naming,
}

pub(super) fn trigger(args: &TriggerArgs) -> u8 {
    args.reach.run(|daemon| match &args.event_type {
        Some(event_type) => record_sample(daemon, args, event_type),
        None => list(daemon, args.reach.json),
    })
}

fn list(daemon: &Daemon, json: bool) -> Result<(), Problem> {
    let types = daemon.ask(Ask::get("/api/event_types"))?;
    if json {
        line(types.raw());
        return Ok(());
    }
    let mut table = Table::new(&[("TYPE", Fit::Whole), ("MEANS", Fit::Cut(12)), ("EM PORTUGUÊS", Fit::Spare)]);
    for row in types.rows() {
        // Without the sample: that of a shop's own may hold numbers that no f64 can.
        let Ok(one) = serde_json::from_str::<Known>(row.get()) else { continue };
        table.row(vec![Cell::new(&one.name), Cell::new(&one.description.en), Cell::new(&one.description.pt)]);
    }
    table.print();
    Ok(())
}

fn record_sample(daemon: &Daemon, args: &TriggerArgs, name: &str) -> Result<(), Problem> {
    let usage = |sentence: String| Problem { sentence, code: WRONG_USAGE };
    let event_type = EventType::parse(name).ok_or_else(|| {
        let near = nearest(name, CATALOGUE.iter().map(|entry| entry.event_type.to_owned()));
        usage(format!("`{name}` is no event type{near}; `carteiro trigger --list` shows those there are"))
    })?;
    if event_type.category() == EventType::OWN_CATEGORY {
        return Err(usage(format!(
            "{name} is recorded by carteiro itself alone; `carteiro webhooks test ID` sends one webhook a WEBHOOK.TEST"
        )));
    }
    let mut resource =
        if let Some(file) = &args.resource { read_resource(file)? } else { sample(daemon, &event_type)? };
    if !args.set.is_empty() {
        let read = serde_json::from_str(resource.get());
        let mut value: Value =
            read.map_err(|error| Problem::failed(format!("the resource can't be changed: {error}")))?;
        for change in &args.set {
            set(&mut value, change).map_err(usage)?;
        }
        resource = serde_json::value::to_raw_value(&value)
            .map_err(|error| Problem::failed(format!("the resource can't be written: {error}")))?;
    }
    print_recorded(&record(daemon, name, &resource, None, &args.naming)?, args.reach.json);
    Ok(())
}

/// The daemon's sample, since its config may have its own. A type that it doesn't know is a slip of the keyboard, unless it comes
/// with a resource.
fn sample(daemon: &Daemon, event_type: &EventType) -> Result<Box<RawValue>, Problem> {
    let types = match daemon.ask(Ask::get("/api/event_types")) {
        Ok(types) => types,
        // A token that may only record can't ask; the daemon will say whether it takes the type.
        Err(problem) if problem.code == FAILED => {
            return RawValue::from_string(Sample::default().resource(event_type))
                .map_err(|error| Problem::failed(format!("the sample can't be made: {error}")));
        }
        Err(problem) => return Err(problem),
    };
    let mut others = Vec::new();
    for row in types.rows() {
        // The sample stays as it was written: it may hold what serde_json can't read as a number.
        let mut known: BTreeMap<String, Box<RawValue>> = serde_json::from_str(row.get())
            .map_err(|error| Problem::failed(format!("the daemon's answer can't be read: {error}")))?;
        let name = known.get("type").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).unwrap_or_default();
        match known.remove("sample") {
            Some(sample) if name == event_type.as_str() => return Ok(sample),
            _ => others.push(name),
        }
    }
    let near = nearest(event_type.as_str(), others.into_iter());
    Err(Problem {
        sentence: format!(
            "{event_type} is not in the catalogue{near}; `catalogue.extra` of the config adds it, or give it a --resource of its own"
        ),
        code: WRONG_USAGE,
    })
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    let name = name.to_ascii_uppercase();
    let alike = known.map(|known| (strsim::jaro_winkler(&name, &known), known)).filter(|(alike, _)| *alike >= ALIKE);
    let nearest = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map_or_else(String::new, |(_, known)| format!(" (did you mean {known}?)"))
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
    use serde_json::json;

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
        let expected = json!({ "payment": { "total_cents": 990, "items": [{ "sku": "B=C" }], "card": { "brand": "VISA" }, "id": "7" }, "x": null });
        assert_eq!(value, expected);
        assert!(set(&mut value, "payment").unwrap_err().contains("PATH=VALUE"));
        assert!(set(&mut value, "payment.items.1.sku=x").unwrap_err().contains("below 1"));
    }

    #[test]
    fn a_slip_is_told_from_a_stranger() {
        let known = || CATALOGUE.iter().map(|entry| entry.event_type.to_owned());
        assert_eq!(nearest("PAYMENT.PIAD", known()), " (did you mean PAYMENT.PAID?)");
        assert_eq!(nearest("payment.paid", known()), " (did you mean PAYMENT.PAID?)");
        assert_eq!(nearest("SHIPMENT.SENT", known()), "");
    }
}
