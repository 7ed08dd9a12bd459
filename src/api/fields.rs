//! Reading a request's JSON, field by field, so that every problem is found at once and has its field's name.
//!
//! serde's derived errors name one problem and a byte; a merchant needs all of them, by field.

use super::answer::Failure;
use crate::model::{Members, depth};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How deeply a request's JSON may be nested, its own frame included.
pub(super) const MAX_DEPTH: usize = 64;

/// The most sentences about one field.
const MAX_PROBLEMS: usize = 5;

/// One value, still as its text.
#[derive(Clone, Copy)]
pub(super) struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    pub(super) fn raw(self) -> &'a str {
        self.0
    }

    fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(super) fn text(self) -> Result<Cow<'a, str>, String> {
        #[derive(serde::Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        serde_json::from_str::<Text<'a>>(self.0).map(|text| text.0).map_err(|_| "must be a string".to_owned())
    }

    pub(super) fn boolean(self) -> Result<bool, String> {
        serde_json::from_str(self.0).map_err(|_| "must be true or false".to_owned())
    }

    pub(super) fn number(self) -> Result<f64, String> {
        serde_json::from_str(self.0).map_err(|_| "must be a number".to_owned())
    }

    /// A whole number within a range, however it is written: to JSON Schema, and to JavaScript, `3.0` is 3.
    pub(super) fn integer(self, range: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and not negative")]
        let whole = |number: f64| (number.fract() == 0.0 && number >= 0.0).then_some(number as u64);
        let number = serde_json::from_str(self.0).ok();
        let number = number.or_else(|| serde_json::from_str(self.0).ok().and_then(whole));
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }

    pub(super) fn list(self) -> Result<Vec<Value<'a>>, String> {
        let items: Vec<&RawValue> = serde_json::from_str(self.0).map_err(|_| "must be a list".to_owned())?;
        Ok(items.into_iter().map(|item| Value(item.get())).collect())
    }

    pub(super) fn members(self) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, String> {
        let Members(members) = serde_json::from_str(self.0).map_err(|_| "must be an object".to_owned())?;
        Ok(members.into_iter().map(|(name, value)| (name, Value(value.get()))).collect())
    }
}

/// The fields of one object, taken one by one; what is left in the end is unknown.
pub(super) struct Fields<'a> {
    prefix: String,
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    problems: BTreeMap<String, Vec<String>>,
}

impl<'a> Fields<'a> {
    /// The object behind the one key of a request's body: `{"webhook": {…}}`. 400 for what isn't JSON, 422 for JSON of
    /// another shape.
    pub(super) fn within(body: &'a [u8], key: &str) -> Result<Self, Failure> {
        let mut frame = Self::of_body(body)?;
        let inner = frame.required(key, Value::members);
        let mut fields = Self { prefix: String::new(), members: inner.unwrap_or_default(), problems: BTreeMap::new() };
        frame.finish()?;
        fields.refuse_repeats();
        Ok(fields)
    }

    /// The body's own members.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Failure::bad_request("not_json", "the body must be JSON in UTF-8"))?;
        if text.trim().is_empty() {
            return Err(Failure::bad_request("not_json", "the body is empty: send JSON"));
        }
        // The whole text is checked once; everything below it is then known to be JSON.
        let whole: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        let text = whole.get();
        let mut problems = BTreeMap::new();
        if depth(text) > MAX_DEPTH {
            problems.insert("body".to_owned(), vec![format!("is nested deeper than {MAX_DEPTH} levels")]);
            return Err(Failure::invalid(problems));
        }
        match Value(text).members() {
            Ok(members) => {
                let mut fields = Self { prefix: String::new(), members, problems };
                fields.refuse_repeats();
                Ok(fields)
            }
            Err(problem) => {
                problems.insert("body".to_owned(), vec![problem]);
                Err(Failure::invalid(problems))
            }
        }
    }

    /// The fields of a nested object; problems are named `prefix.field`.
    pub(super) fn of(value: Value<'a>, prefix: String) -> Self {
        let mut fields = Self { prefix, members: Vec::new(), problems: BTreeMap::new() };
        match value.members() {
            Ok(members) => fields.members = members,
            Err(problem) => {
                fields.problems.insert(fields.prefix.clone(), vec![problem]);
            }
        }
        fields.refuse_repeats();
        fields
    }

    /// Two members of one name: whichever was meant, taking the other would be a guess. Each name is told once, however often
    /// it comes: a body of millions of them is answered in a line.
    fn refuse_repeats(&mut self) {
        let mut seen = HashSet::new();
        let repeated: BTreeSet<String> =
            self.members.iter().filter(|(name, _)| !seen.insert(name)).map(|(name, _)| shown(name)).collect();
        if repeated.is_empty() {
            return;
        }
        let mut kept = HashSet::new();
        self.members.retain(|(name, _)| kept.insert(name.clone()));
        for name in repeated {
            self.problem(&name, "is given twice");
        }
    }

    fn named(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    pub(super) fn problem(&mut self, name: &str, problem: impl Into<String>) {
        let name = self.named(name);
        // Names that are cut to one and the same text need no more than a few sentences.
        let told = self.problems.entry(name).or_default();
        if told.len() < MAX_PROBLEMS {
            told.push(problem.into());
        }
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.remove(at).1)
    }

    fn parse<T>(
        &mut self,
        name: &str,
        value: Value<'a>,
        parse: impl FnOnce(Value<'a>) -> Result<T, String>,
    ) -> Option<T> {
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// A field that must be there; `None` after a problem, which [`Fields::finish`] will answer.
    pub(super) fn required<T>(&mut self, name: &str, parse: impl FnOnce(Value<'a>) -> Result<T, String>) -> Option<T> {
        let Some(value) = self.take(name).filter(|value| !value.is_null()) else {
            self.problem(name, "is required");
            return None;
        };
        self.parse(name, value, parse)
    }

    /// A field that may be left out; `null` counts as left out.
    pub(super) fn optional<T>(&mut self, name: &str, parse: impl FnOnce(Value<'a>) -> Result<T, String>) -> Option<T> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        self.parse(name, value, parse)
    }

    /// A field that may be left out and has no empty state: `null` is a problem.
    pub(super) fn changed<T>(&mut self, name: &str, parse: impl FnOnce(Value<'a>) -> Result<T, String>) -> Option<T> {
        let value = self.take(name)?;
        if value.is_null() {
            self.problem(name, "can't be null: leave it out to keep it as it is");
            return None;
        }
        self.parse(name, value, parse)
    }

    /// A field that may be left out, and that `null` clears.
    pub(super) fn clearable<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value<'a>) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let value = self.take(name)?;
        if value.is_null() { Some(None) } else { self.parse(name, value, parse).map(Some) }
    }

    /// All problems found, unknown fields among them.
    pub(super) fn into_problems(mut self) -> BTreeMap<String, Vec<String>> {
        for (name, _) in std::mem::take(&mut self.members) {
            self.problem(&shown(&name), "is not a known field");
        }
        self.problems
    }

    /// 422 if anything was wrong. After it, what [`Fields::required`] gave is there.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let problems = self.into_problems();
        if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
    }
}

/// A caller's own text, cut to what fits a line.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}

fn not_json(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure::bad_request("not_json", format!("the body is not JSON: line {line}, column {column} can't be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_limited_at_its_value_and_past_it() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(Fields::of_body(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(Fields::of_body(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(Fields::of_body(nested(200_000).as_bytes()).is_err(), "and no stack is blown");
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let mut fields =
            Fields::within(br#"{"webhook":{"a":1,"b":"x","c":null,"c":2,"d":true}}"#, "webhook").ok().unwrap();
        assert_eq!(fields.required("a", |v| v.text().map(Cow::into_owned)), None);
        assert_eq!(fields.optional("b", |v| v.integer(1..=9)), None);
        assert_eq!(fields.required("e", |v| v.text().map(Cow::into_owned)), None);
        let _ = fields.optional("c", |v| v.integer(1..=9));
        let problems = fields.into_problems();
        assert_eq!(problems.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    }
}
