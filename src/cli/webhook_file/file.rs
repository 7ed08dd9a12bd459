//! Reading the file: what it says of each webhook, as JSON for the API, or everything that is wrong with it by line and
//! column. What only the daemon can tell is found by a dry run and told by the same places.

use super::fields::{Absent, ENV, FIELDS, FILE, Field, Kind};
use crate::cli::error::CliError;
use crate::cli::exit::BAD_CONFIG;
use crate::cli::input::{file_name, read_bytes, read_secret};
use crate::cli::language::say;
use crate::config::{Lines, RawValue, clipped, entries, plain};
use crate::model::{Localized, PayloadFilter, WebhookName, localized};
use crate::suggest::nearest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something stands: the line and the column, each from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A webhook as the file has it.
#[derive(Debug)]
pub(super) struct FileWebhook {
    pub(super) name: String,
    /// Of the webhook that is meant, in the store that the file was exported from.
    pub(super) id: Option<String>,
    pub(super) place: Place,
    /// The fields that it has, in the order of [`FIELDS`].
    pub(super) given: Vec<GivenField>,
}

#[derive(Debug)]
pub(super) struct GivenField {
    pub(super) name: &'static str,
    /// Its value for the API.
    pub(super) json: String,
    pub(super) place: Place,
    /// Where its own members stand, if it is a table.
    members: Vec<(String, Place)>,
}

impl FileWebhook {
    pub(super) fn given(&self, name: &str) -> Option<&GivenField> {
        self.given.iter().find(|given| given.name == name)
    }

    /// Where a field stands, or a member of one, such as `headers.X-Loja`; what isn't in the file is its webhook's.
    pub(super) fn place_of(&self, field: &str) -> Place {
        let (own, member) = field.split_once('.').unwrap_or((field, ""));
        let Some(given) = self.given(own) else {
            return self.place;
        };
        given.members.iter().find(|(name, _)| name == member).map_or(given.place, |(_, place)| *place)
    }
}

/// What the file says.
#[derive(Debug)]
pub(super) struct WebhookFile {
    pub(super) webhooks: Vec<FileWebhook>,
    name: String,
}

impl WebhookFile {
    /// Reads a file, `-` being the standard input, and what it refers to: variables, and files whose paths are relative
    /// to its own folder.
    pub(super) fn read(file: &Path) -> Result<Self, CliError> {
        let bytes = read_bytes(file)?;
        let name = file_name(file);
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let (line, column) = Lines::of(good).locate(good.len());
            CliError::new(BAD_CONFIG, format!("{name}:{line}:{column}: is not UTF-8: save the file in UTF-8"))
        })?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(text, name, &folder, |name| std::env::var_os(name)?.into_string().ok())
    }

    fn parse(
        text: &str,
        name: String,
        folder: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CliError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = FileReader { text, lines: Lines::of(text), folder, variable, problems: Vec::new() };
        // Behind a mistake in the syntax the parser guesses: what it reads there may mean something else.
        let webhooks = if errors.is_empty() { reader.document(table.get_ref()) } else { Vec::new() };
        for error in errors {
            let at = error.span().map_or(usize::MAX, |span| span.start);
            reader.problem(at, error.message().replace(['\r', '\n'], " "));
        }
        let problems = reader.problems;
        let own = Self { webhooks, name };
        if problems.is_empty() { Ok(own) } else { Err(own.refuse(problems)) }
    }

    /// All that is wrong, a line for each.
    pub(super) fn refuse(&self, mut problems: Vec<(Place, String)>) -> CliError {
        problems.sort();
        problems.dedup();
        let lines = problems.iter().map(|(place, problem)| {
            let Place { line, column } = place;
            format!("{}:{line}:{column}: {problem}", self.name)
        });
        CliError::new(BAD_CONFIG, lines.collect::<Vec<_>>().join("\n"))
    }
}

struct FileReader<'a, V> {
    text: &'a str,
    lines: Lines<'a>,
    folder: &'a Path,
    variable: V,
    problems: Vec<(Place, String)>,
}

const DOUBLE_BRACKETS: &str = "write [[webhook]] in double brackets, once for each webhook";

impl<V: Fn(&str) -> Option<String>> FileReader<'_, V> {
    fn place(&self, at: usize) -> Place {
        let (line, column) = self.lines.locate(at);
        Place { line, column }
    }

    fn problem(&mut self, at: usize, problem: impl Into<String>) {
        self.problems.push((self.place(at), problem.into()));
    }

    fn document(&mut self, table: &DeTable<'_>) -> Vec<FileWebhook> {
        let mut webhooks: Vec<FileWebhook> = Vec::new();
        for (key, span, value) in entries(table) {
            match value.get_ref() {
                _ if key != "webhook" => {
                    self.problem(span.start, format!("unknown key `{}`; the file has [[webhook]] alone", plain(key)));
                }
                DeValue::Array(items) => {
                    for item in items {
                        match item.get_ref() {
                            DeValue::Table(table) => webhooks.extend(self.webhook(&item.span(), table)),
                            _ => self.problem(item.span().start, DOUBLE_BRACKETS),
                        }
                    }
                }
                _ => self.problem(span.start, DOUBLE_BRACKETS),
            }
        }
        self.refuse_repeats(&webhooks);
        webhooks
    }

    /// By its name a webhook is known.
    fn refuse_repeats(&mut self, webhooks: &[FileWebhook]) {
        let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for webhook in webhooks {
            let name_at = webhook.given("name").map_or(webhook.place, |given| given.place);
            let first: Place = *names.entry(&webhook.name).or_insert(name_at);
            if first != name_at {
                let (name, line) = (clipped(&webhook.name), first.line);
                let problem = format!("`name` must be unique in the file, and {name} stands in line {line} already");
                self.problems.push((name_at, problem));
            }
            let Some(id) = &webhook.id else { continue };
            let first: Place = *ids.entry(id).or_insert(webhook.place);
            if first != webhook.place {
                let line = first.line;
                let problem = format!("`id` must be unique in the file, and the webhook of line {line} has it already");
                self.problems.push((webhook.place, problem));
            }
        }
    }

    fn webhook(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Option<FileWebhook> {
        let before = self.problems.len();
        let place = self.place(span.start);
        let known: Vec<String> = FIELDS.iter().flat_map(Field::keys).chain(["id".to_owned()]).collect();
        for (key, span, _) in entries(table) {
            if !known.iter().any(|known| known == key) {
                let hint = unknown_hint(key, &known);
                self.problem(span.start, format!("unknown key `{}`{hint}", plain(key)));
            }
        }
        let id = table.get("id").and_then(|value| {
            let id = value.get_ref().as_str().and_then(|text| crate::cli::input::id(text).ok());
            if id.is_none() {
                self.problem(value.span().start, "`id` must be a UUID in quotes; leave it out to go by the name");
            }
            id
        });
        let mut given = Vec::new();
        for field in FIELDS {
            if let Some((json, at)) = self.field(field, table) {
                let table = table.get(field.name).and_then(|value| value.get_ref().as_table());
                let members = table.map(entries).unwrap_or_default();
                let members = members.iter().map(|(name, span, _)| ((*name).to_owned(), self.place(span.start)));
                let (place, members) = (self.place(at), members.collect());
                given.push(GivenField { name: field.name, json, place, members });
            } else if field.absent == Absent::Refused && !table.contains_key(field.name) {
                self.problem(span.start, format!("`{}` is missing: each [[webhook]] must have it", field.name));
            }
        }
        // As the daemon keeps it, or it would not be found again.
        let name = table.get("name").and_then(|value| {
            let name = value.get_ref().as_str().and_then(WebhookName::parse);
            if name.is_none() {
                let most = WebhookName::MAX_CHARS;
                self.problem(
                    value.span().start,
                    format!("`name` must be a text in quotes of 1 to {most} characters, all on one line"),
                );
            }
            name
        });
        let name = name?.as_str().to_owned();
        (self.problems.len() == before).then_some(FileWebhook { name, id, place, given })
    }

    /// The value of a field for the API, and where it stands; `None` where there is none, or none that can be read.
    fn field(&mut self, field: &Field, table: &DeTable<'_>) -> Option<(String, usize)> {
        match field.kind {
            Kind::Plain => {
                let value = table.get(field.name)?;
                let json = self.json(field.name, value)?;
                Some((json, value.span().start))
            }
            Kind::Filter => {
                let value = table.get(field.name)?;
                Some((self.filter(value)?, value.span().start))
            }
            Kind::Secret | Kind::FirstSecret => {
                let [by_env, by_file] = [ENV, FILE].map(|end| table.get(format!("{}_{end}", field.name).as_str()));
                if let (Some(_), Some(file)) = (by_env, by_file) {
                    let name = field.name;
                    self.problem(file.span().start, format!("give `{name}_env` or `{name}_file`, not both"));
                    return None;
                }
                let (value, end) = by_env.map(|value| (value, ENV)).or_else(|| by_file.map(|value| (value, FILE)))?;
                let text = self.referred(&format!("{}_{end}", field.name), value, end)?;
                Some((Value::from(text).to_string(), value.span().start))
            }
            Kind::Values => {
                let value = table.get(field.name)?;
                Some((self.values(field.name, value)?, value.span().start))
            }
        }
    }

    /// The text that a reference leads to.
    fn referred(&mut self, key: &str, value: &Spanned<DeValue<'_>>, by: &str) -> Option<String> {
        let at = value.span().start;
        let Some(name) = value.get_ref().as_str().filter(|name| !name.is_empty()) else {
            let what = if by == ENV { "the name of a variable" } else { "the path of a file" };
            self.problem(at, format!("`{key}` must be {what}, in quotes"));
            return None;
        };
        let text = if by == ENV {
            (self.variable)(name).ok_or_else(|| {
                let name = clipped(name);
                format!(
                    "the environment has no variable {name}: set it (`sudo {name}=... carteiro ...`: sudo keeps none)"
                )
            })
        } else {
            let path: PathBuf = self.folder.join(name);
            read_secret(&path).map_err(|error| error.sentence)
        };
        match text {
            Ok(text) if text.is_empty() => {
                self.problem(at, format!("`{key}`: {} is empty", clipped(name)));
                None
            }
            Ok(text) => Some(text),
            Err(problem) => {
                self.problem(at, format!("`{key}`: {problem}"));
                None
            }
        }
    }

    /// Texts by name, each given or referred to.
    fn values(&mut self, field: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(value.span().start, format!("`{field}` must be a table of names and values"));
            return None;
        };
        let mut pairs = Vec::new();
        for (name, span, value) in entries(table) {
            let key = format!("{field}.{}", plain(name));
            let reference = value.get_ref().as_table().map(entries);
            let text = match (value.get_ref(), reference.as_deref()) {
                (DeValue::String(text), _) => Some(text.to_string()),
                (_, Some([(by @ (ENV | FILE), _, from)])) => self.referred(&format!("{key}.{by}"), from, by),
                _ => {
                    let must = "must be a text, { env = \"VARIABLE\" } or { file = \"PATH\" }";
                    self.problem(span.start, format!("`{key}` {must}"));
                    None
                }
            };
            pairs.push(text.map(|text| format!("{}:{}", Value::from(name), Value::from(text))));
        }
        let pairs: Option<Vec<String>> = pairs.into_iter().collect();
        Some(format!("{{{}}}", pairs?.join(",")))
    }

    /// A filter's faults are told by their own places, as far as its text stands in the file as it is.
    fn filter(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let start = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.problem(start, "`filter` must be JSON as a text, as in '{\"payment\": {\"method\": \"PIX\"}}'");
            return None;
        };
        let error = match PayloadFilter::parse(text) {
            Ok(filter) => return Some(filter.as_str().to_owned()),
            Err(error) => error,
        };
        match self.text.get(value.span()).and_then(|written| written.find(text)) {
            Some(inside) => {
                let before: usize = text.split_inclusive('\n').take(error.line - 1).map(str::len).sum();
                let line = text.get(before..).unwrap_or_default();
                let column = line.char_indices().nth(error.column - 1).map_or(line.len(), |(at, _)| at);
                let of = if error.path.is_empty() { String::new() } else { format!(" `{}`", error.path) };
                self.problem(start + inside + before + column, format!("`filter`:{of} {}", error.problem.en));
            }
            None => self.problem(start, format!("`filter`: {error}")),
        }
        None
    }

    /// JSON that says what a value says.
    fn json(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let raw = RawValue::Toml(value.get_ref());
        let json = match value.get_ref() {
            DeValue::String(text) => Some(Value::from(text.as_ref()).to_string()),
            DeValue::Integer(_) => raw.integer().map(|number| number.to_string()),
            DeValue::Float(digits) => {
                let number = digits.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                number.map(|number| number.to_string())
            }
            DeValue::Boolean(yes) => Some(yes.to_string()),
            DeValue::Array(items) => {
                let items: Option<Vec<String>> = items.iter().map(|item| self.json(key, item)).collect();
                return Some(format!("[{}]", items?.join(",")));
            }
            DeValue::Table(table) => {
                let members = entries(table).into_iter().map(|(name, _, value)| {
                    let value = self.json(&format!("{key}.{}", plain(name)), value)?;
                    Some(format!("{}:{value}", Value::from(name)))
                });
                let members: Option<Vec<String>> = members.collect();
                return Some(format!("{{{}}}", members?.join(",")));
            }
            DeValue::Datetime(_) => None,
        };
        if json.is_none() {
            let Localized { en, pt } = raw.describe();
            let problem = localized!(
                "`{key}` can't be {en}: no field of a webhook is like that",
                "`{key}` não pode ser {pt}: nenhum campo de um webhook é assim"
            );
            self.problem(value.span().start, say(problem));
        }
        json
    }
}

fn unknown_hint(key: &str, known: &[String]) -> String {
    if let Some(field) = FIELDS.iter().find(|field| field.name == key) {
        return format!(
            ": the secret itself doesn't stand in this file; name where it is, with `{0}_env` or `{0}_file`",
            field.name
        );
    }
    match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; a [[webhook]] has {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<WebhookFile, String> {
        let variable = |name: &str| match name {
            "SET" => Some("Bearer x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        WebhookFile::parse(text, "w.toml".to_owned(), Path::new("/nowhere"), variable).map_err(|error| error.sentence)
    }

    const PLAIN: &str = "[[webhook]]\nname = \"a\"\ntarget = \"https://a.example/\"\nevents = [\"*\"]\n";

    #[test]
    fn values_become_json_and_references_what_they_lead_to() {
        let file = parse(&format!(
            "{PLAIN}id = \"0193A5B0-1111-7222-8333-444455556666\"\nauthorization_env = \"SET\"\nrate_limit = 2.5\n\
             max_in_flight = 0x10\nordered = true\nheaders.X-Loja = \"7\"\nheaders.\"x.y\" = {{ env = \"SET\" }}\n\
             retry = {{ schedule = [\"5s\"], jitter = 0 }}\nfilter = '''\n{{\"n\": 1e99}}'''\n"
        ));
        let file = file.unwrap();
        let webhook = &file.webhooks[0];
        assert_eq!((&*webhook.name, webhook.id.as_deref()), ("a", Some("0193a5b0-1111-7222-8333-444455556666")));
        let json = |name: &str| webhook.given(name).map(|given| given.json.as_str());
        assert_eq!(json("events"), Some("[\"*\"]"));
        assert_eq!(json("authorization"), Some("\"Bearer x\""));
        assert_eq!(json("rate_limit"), Some("2.5"));
        assert_eq!(json("max_in_flight"), Some("16"));
        assert_eq!(json("headers"), Some(r#"{"X-Loja":"7","x.y":"Bearer x"}"#));
        assert_eq!(json("retry"), Some(r#"{"schedule":["5s"],"jitter":0}"#));
        assert_eq!(json("filter"), Some(r#"{"n":1e99}"#));
        assert_eq!(webhook.given("filter").unwrap().place, Place { line: 13, column: 10 });
        assert_eq!(webhook.place_of("headers.x.y"), Place { line: 11, column: 9 });
        assert_eq!(webhook.place_of("retry.schedule"), Place { line: 12, column: 11 });
        assert_eq!(webhook.place_of("retry"), webhook.given("retry").unwrap().place);
        assert_eq!(webhook.place_of("description"), webhook.place);
        assert!(parse("").unwrap().webhooks.is_empty());
    }

    #[test]
    fn a_file_in_another_encoding_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, b"[[webhook]]\nname = \"Pre\xe7os\"\n").unwrap();
        let error = WebhookFile::read(&path).unwrap_err();
        assert!(error.sentence.ends_with("w.toml:2:12: is not UTF-8: save the file in UTF-8"), "{}", error.sentence);
        assert_eq!(error.code, BAD_CONFIG);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("webhook = 1", "w.toml:1:1: write [[webhook]] in double brackets"),
            ("[webhook]\nname = \"a\"", "w.toml:1:2: write [[webhook]] in double brackets"),
            ("[[hook]]", "w.toml:1:3: unknown key `hook`; the file has [[webhook]] alone"),
            ("[[webhook]]\nname = \"a\"\ntarget = \"x", "w.toml:3:"),
            ("[[webhook]]\nname = \"a\"", "w.toml:1:1: `events` is missing"),
            (&format!("{PLAIN}evnts = 1"), "w.toml:5:1: unknown key `evnts`; did you mean `events`?"),
            (&format!("{PLAIN}authorization = \"x\""), "w.toml:5:1: unknown key `authorization`: the secret itself"),
            (
                &format!("{PLAIN}authorization_env = \"NONE\""),
                "w.toml:5:21: `authorization_env`: the environment has no",
            ),
            (&format!("{PLAIN}authorization_env = \"EMPTY\""), "w.toml:5:21: `authorization_env`: \"EMPTY\" is empty"),
            (&format!("{PLAIN}secret_file = \"s\""), "w.toml:5:15: `secret_file`: /nowhere/s can't be read"),
            (&format!("{PLAIN}secret_file = 1"), "w.toml:5:15: `secret_file` must be the path of a file, in quotes"),
            (
                &format!("{PLAIN}secret_env = \"SET\"\nsecret_file = \"s\""),
                "w.toml:6:15: give `secret_env` or `secret_file`, not both",
            ),
            (&format!("{PLAIN}headers = 1"), "w.toml:5:11: `headers` must be a table"),
            (&format!("{PLAIN}headers.x = 1"), "w.toml:5:9: `headers.x` must be a text, { env = "),
            (&format!("{PLAIN}headers.x = {{ env = \"NONE\" }}"), "w.toml:5:21: `headers.x.env`: the environment"),
            (&format!("{PLAIN}rate_limit = inf"), "w.toml:5:14: `rate_limit` can't be inf"),
            (&format!("{PLAIN}max_in_flight = 2026-01-01"), "w.toml:5:17: `max_in_flight` can't be a date or time"),
            (&format!("{PLAIN}id = \"a\""), "w.toml:5:6: `id` must be a UUID"),
            (&format!("{PLAIN}filter = 1"), "w.toml:5:10: `filter` must be JSON as a text"),
            (&format!("{PLAIN}filter = '{{\"a\":{{\"$ne\":1}}}}'"), "w.toml:5:23: `filter`: `a.$ne` is no operator"),
            (&format!("{PLAIN}filter = '''\n{{\n \"é\": }}'''"), "w.toml:7:7: `filter`: the filter is no JSON here"),
            (&format!("{PLAIN}filter = \"{{\\\"a\\\":[]}}\""), "w.toml:5:10: `filter`: `a` (line 1, column 6)"),
            (&format!("{PLAIN}{PLAIN}"), "w.toml:6:8: `name` must be unique in the file, and \"a\" stands in line 2"),
            (
                "[[webhook]]\nname = 1\ntarget = \"x\"\nevents = []",
                "w.toml:2:8: `name` must be a text in quotes of 1 to 80 characters",
            ),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(expected), "{text}:\n{problem}\n{expected}");
        }
    }
}
