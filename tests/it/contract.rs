//! The document that the daemon serves of itself, held to what it answers: by a validator of our own on every answer of
//! every test, and by schemathesis, which makes up calls from it. `.ci/run` installs that into `target/libs/py`; where
//! it is not, that is said.

use super::harness::{Answer, Daemon, skipped};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/api/openapi.json")).unwrap());

/// What a reference leads to; the value itself where it is none.
fn resolved(value: &'static Value) -> &'static Value {
    let target = value["$ref"].as_str().map(|to| DOCUMENT.pointer(to.strip_prefix('#').unwrap()).expect(to));
    target.unwrap_or(value)
}

/// Says where a value departs from a schema. Knows the keywords that the document uses, and no other; patterns are left
/// to schemathesis.
fn departs(value: &Value, schema: &'static Value, at: &str) -> Option<String> {
    let schema = resolved(schema);
    let keywords = schema.as_object().expect("a schema is an object");
    keywords.iter().find_map(|(keyword, rule)| {
        let number = || rule.as_f64().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "no list here is that long")]
        let length = |length: usize| length as f64;
        let wrong = match (keyword.as_str(), value) {
            ("const", _) => (value != rule).then(|| format!("is not {rule}")),
            ("type", _) => {
                let one = |name: &Value| match name.as_str().unwrap() {
                    "null" => value.is_null(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("the type {other}"),
                };
                let good = rule.as_array().map_or_else(|| one(rule), |names| names.iter().any(one));
                (!good).then(|| format!("is no {rule}"))
            }
            ("enum", _) => (!rule.as_array().unwrap().contains(value)).then(|| format!("is none of {rule}")),
            ("oneOf", _) => {
                let fitting = rule.as_array().unwrap().iter().filter(|one| departs(value, one, at).is_none()).count();
                (fitting != 1).then(|| format!("fits {fitting} of {rule}"))
            }
            ("minimum", Value::Number(n)) => (n.as_f64().unwrap() < number()).then(|| format!("is below {rule}")),
            ("maximum", Value::Number(n)) => (n.as_f64().unwrap() > number()).then(|| format!("is above {rule}")),
            ("minLength", Value::String(text)) => {
                (length(text.chars().count()) < number()).then(|| format!("is shorter than {rule}"))
            }
            ("maxLength", Value::String(text)) => {
                (length(text.chars().count()) > number()).then(|| format!("is longer than {rule}"))
            }
            ("format", Value::String(text)) => {
                let bytes = text.as_bytes();
                let good = match rule.as_str().unwrap() {
                    "uuid" => bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-'),
                    "date-time" => bytes.len() >= 20 && bytes[10] == b'T',
                    "uri" => text.contains("://"),
                    other => panic!("the format {other}"),
                };
                (!good).then(|| format!("is no {rule}"))
            }
            ("minItems", Value::Array(items)) => {
                (length(items.len()) < number()).then(|| format!("has fewer than {rule}"))
            }
            ("maxItems", Value::Array(items)) => {
                (length(items.len()) > number()).then(|| format!("has more than {rule}"))
            }
            ("maxProperties", Value::Object(all)) => {
                (length(all.len()) > number()).then(|| format!("has more than {rule}"))
            }
            ("items", Value::Array(items)) => {
                return items.iter().enumerate().find_map(|(nth, item)| departs(item, rule, &format!("{at}[{nth}]")));
            }
            ("required", Value::Object(all)) => {
                let lacking = rule.as_array().unwrap().iter().find(|name| !all.contains_key(name.as_str().unwrap()));
                lacking.map(|name| format!("lacks {name}"))
            }
            ("properties", Value::Object(all)) => {
                // To clients a schema of an answer is open, so that a new field breaks none of them; here, what is
                // answered must stand in it.
                let free = schema.get("additionalProperties").is_some();
                if let Some(name) = all.keys().find(|name| !free && rule.get(name.as_str()).is_none()) {
                    return Some(format!("{at} has an undocumented `{name}`"));
                }
                let mut known = all.iter().filter_map(|(name, value)| Some((name, value, rule.get(name)?)));
                return known.find_map(|(name, value, rule)| departs(value, rule, &format!("{at}.{name}")));
            }
            ("additionalProperties", Value::Object(all)) => {
                let mut others = all.iter().filter(|(name, _)| schema["properties"].get(name).is_none());
                match rule {
                    Value::Bool(true) => None,
                    Value::Bool(false) => others.next().map(|(name, _)| format!("has an unknown `{name}`")),
                    rule => return others.find_map(|(name, value)| departs(value, rule, &format!("{at}.{name}"))),
                }
            }
            // What says nothing of a value of this kind, or nothing that is checked here.
            (
                "description"
                | "examples"
                | "default"
                | "pattern"
                | "propertyNames"
                | "minimum"
                | "maximum"
                | "minLength"
                | "maxLength"
                | "format"
                | "minItems"
                | "maxItems"
                | "maxProperties"
                | "items"
                | "required"
                | "properties"
                | "additionalProperties"
                | "contentMediaType"
                | "contentSchema",
                _,
            ) => None,
            (other, _) => panic!("the keyword {other}, at {at}"),
        };
        wrong.map(|wrong| format!("{at} {wrong}: {value}"))
    })
}

/// The value must be as this schema of the document says.
#[track_caller]
pub(crate) fn conforms(name: &str, value: &Value) {
    let schema = &DOCUMENT["components"]["schemas"][name];
    if let Some(departure) = departs(value, schema, name) {
        panic!("not as the document says: {departure}");
    }
}

/// The operation that a call is of, if it is of any.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        let same = |(wanted, given): (Option<&str>, Option<&str>)| {
            wanted == given || wanted == Some("{id}") && given.is_some()
        };
        (0..8).map(|_| (wanted.next(), given.next())).all(same)
    };
    let all = DOCUMENT["paths"].as_object().unwrap();
    // A literal path goes before one with a place for an id.
    let item = all.get(path).or_else(|| all.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))?;
    item.get(method.to_lowercase())
}

/// An answer must be as the document says of its call: the status among those there are, the body of its schema.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let json = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let Some(operation) = operation(method, path) else {
        // The panel's pages are no part of it.
        if answer.status >= 400 && json {
            conforms("Errors", &answer.json());
        }
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(!response.is_null(), "{method} {path} answered {}, of which the document says nothing", answer.status);
    let content = &resolved(response)["content"];
    let csv = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/csv"));
    if csv && !content["text/csv"].is_null() {
        return;
    }
    let described = &content["application/json"]["schema"];
    assert!(
        json || described.is_null() || method == "HEAD",
        "{method} {path}: the document says JSON: {}",
        answer.head
    );
    assert!(!content.is_null() || answer.body.is_empty(), "{method} {path}: a body, and the document says none");
    if json && !described.is_null() {
        let departure = departs(&answer.json(), described, "body");
        assert!(departure.is_none(), "{method} {path} {}: {}", answer.status, departure.unwrap_or_default());
    }
}

/// The names of all schemas that something refers to, or that those refer to.
fn schemas_below(value: &'static Value, found: &mut BTreeSet<&'static str>) {
    match value {
        Value::Object(all) => {
            let name =
                all.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/components/schemas/"));
            if let Some(name) = name.filter(|name| found.insert(name)) {
                schemas_below(&DOCUMENT["components"]["schemas"][name], found);
            }
            all.values().for_each(|value| schemas_below(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| schemas_below(value, found)),
        _ => {}
    }
}

/// A client that was generated from it goes on working when an answer gets a new field; a request's unknown field is a
/// slip.
#[test]
fn requests_are_closed_and_answers_open() {
    let text = include_str!("../../src/api/openapi.json");
    let mut sent = BTreeSet::new();
    for item in DOCUMENT["paths"].as_object().unwrap().values() {
        item.as_object().unwrap().values().for_each(|operation| schemas_below(&operation["requestBody"], &mut sent));
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        let sent = sent.contains(name.as_str());
        let closed = schema.to_string().contains("\"additionalProperties\":false");
        assert_eq!(closed, sent, "{name}");
    }
    for item in DOCUMENT["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(!operation["responses"].to_string().contains("\"additionalProperties\":false"), "{operation}");
        }
    }
    for free in [
        "\"resource\":{\"type\":\"object\",\"additionalProperties\":true",
        "\"sample\":{\"type\":\"object\",\"additionalProperties\":true",
    ] {
        assert!(text.contains(free), "{free}");
    }
}

/// Every example in it, of a body, an answer or a value, is as the schema beside it says.
#[test]
fn examples_are_as_their_schemas_say() {
    fn walk(value: &'static Value, at: &str, found: &mut usize) {
        if let Some(example) = value.get("example").filter(|_| value.get("schema").is_some()) {
            *found += 1;
            assert_eq!(departs(example, &value["schema"], at), None);
        }
        // A schema has a type; elsewhere `examples` would be a property's name.
        let of_schema = value.get("examples").and_then(Value::as_array).filter(|_| value.get("type").is_some());
        for example in of_schema.into_iter().flatten() {
            *found += 1;
            assert_eq!(departs(example, value, at), None);
        }
        match value {
            Value::Object(all) => all
                .iter()
                .filter(|(name, _)| !["example", "examples"].contains(&name.as_str()))
                .for_each(|(name, value)| walk(value, &format!("{at}/{name}"), found)),
            Value::Array(all) => all.iter().for_each(|value| walk(value, at, found)),
            _ => {}
        }
    }
    let mut found = 0;
    walk(&DOCUMENT, "", &mut found);
    assert!(found > 40, "{found} examples");
    // What is answered is shown whole.
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        let sent = name.starts_with("New") || name == "WebhookChange";
        assert!(sent || schema["examples"].is_array(), "{name} has no example");
    }
}

#[test]
fn schemathesis_finds_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemathesis = root.join("target/libs/py/bin/schemathesis");
    if !schemathesis.exists() {
        return skipped("the API against its document", "there is no schemathesis in target/libs/py");
    }
    // It makes up targets: no connection leaves this machine, whatever they are, since nothing listens where the proxy
    // should.
    let config = "server.trusted_proxies = [\"127.0.0.1/32\"]\negress.proxy = \"http://127.0.0.1:1\"\n";
    let daemon = Daemon::start(config);
    let folder = tempfile::tempdir().unwrap();
    let out = Command::new(schemathesis)
        .arg("--no-color")
        .arg("--config-file")
        .arg(root.join("tests/contract/schemathesis.toml"))
        .args(["run", "--generation-database", "none"])
        .arg(format!("http://{}/api/openapi.json", daemon.address))
        .current_dir(&folder)
        .env("SCHEMATHESIS_HOOKS", root.join("tests/contract/hooks.py"))
        .env("CARTEIRO_TOKEN", &daemon.token)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    let clipped: Vec<String> = said.lines().map(|line| line.chars().take(500).collect()).collect();
    assert!(out.status.success(), "{}\n{}", clipped.join("\n"), String::from_utf8_lossy(&out.stderr));
    // All there are but the document itself and those that the settings name.
    let methods = |path: &Value| path.as_object().unwrap().keys().filter(|name| *name != "parameters").count();
    let operations = DOCUMENT["paths"].as_object().unwrap().values().map(methods).sum::<usize>() - 1;
    let settings = std::fs::read_to_string(root.join("tests/contract/schemathesis.toml")).unwrap();
    let left_out = settings.lines().filter(|line| *line == "enabled = false").count();
    let selected = format!("Selected: {}/{operations}", operations - left_out);
    assert!(said.contains("No issues found") && said.contains(&selected), "{selected}: {said}");
}
