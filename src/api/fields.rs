//! Reading a request's JSON, field by field, so that every problem is found at once and has its field's name.
//!
//! serde's derived errors name one problem and a byte; a merchant needs all of them, by field.

use crate::gather::Gather as _;
use crate::http::{Failure, MAX_NAMED_FIELDS};
use crate::model::{ApiCode, Localized, Timestamp, depth, items, localized, members};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How deeply a request's JSON may be nested, its own frame included.
pub(super) const MAX_DEPTH: usize = 64;

/// The most sentences about one field.
const MAX_PROBLEMS: usize = 5;

/// The most members of an object that are looked at. No object of a request has as many fields; what is left over is
/// unknown, and errors name at most [`MAX_NAMED_FIELDS`].
const MAX_MEMBERS: usize = 2 * MAX_NAMED_FIELDS;

/// The longest text and number that are looked at, in bytes as they are written. No field takes one as long.
const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_NUMBER_BYTES: usize = 400;

/// One value, still as its text.
#[derive(Clone, Copy)]
pub(super) struct JsonValue<'a>(&'a str);

impl<'a> JsonValue<'a> {
    pub(super) fn raw(self) -> &'a str {
        self.0
    }

    fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(super) fn text(self) -> Result<Cow<'a, str>, Localized> {
        #[derive(serde::Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        if self.0.len() > MAX_TEXT_BYTES && self.0.starts_with('"') {
            return Err(localized!("is too long", "é longo demais"));
        }
        let text = serde_json::from_str::<Text<'a>>(self.0).map(|text| text.0);
        text.map_err(|_| localized!("must be a string", "deve ser um texto"))
    }

    /// A number's digits; `None` for anything else, and for more digits than a number needs.
    fn digits(self) -> Option<&'a str> {
        Some(self.0).filter(|text| text.len() <= MAX_NUMBER_BYTES)
    }

    pub(super) fn boolean(self) -> Result<bool, Localized> {
        serde_json::from_str(self.0).map_err(|_| localized!("must be true or false", "deve ser true ou false"))
    }

    pub(super) fn number(self) -> Result<f64, Localized> {
        let number = self.digits().and_then(|digits| serde_json::from_str(digits).ok());
        number.ok_or_else(|| localized!("must be a number", "deve ser um número"))
    }

    /// A whole number within a range, however it is written: to JSON Schema, and to JavaScript, `3.0` is 3.
    pub(super) fn integer(self, range: std::ops::RangeInclusive<u64>) -> Result<u64, Localized> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and not negative")]
        let whole = |number: f64| (number.fract() == 0.0 && number >= 0.0).then_some(number as u64);
        let digits = self.digits().unwrap_or_default();
        let number = serde_json::from_str(digits).ok();
        let number = number.or_else(|| serde_json::from_str(digits).ok().and_then(whole));
        let number = number.filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| {
            localized!(
                "must be a whole number from {least} to {most}",
                "deve ser um número inteiro de {least} a {most}"
            )
        })
    }

    pub(super) fn time(self) -> Result<Timestamp, Localized> {
        Timestamp::parse(&self.text()?).map_err(|_| {
            localized!(
                "must be an ISO 8601 time such as 2026-11-23T10:00:00Z",
                "deve ser um momento em ISO 8601, como 2026-11-23T10:00:00Z"
            )
        })
    }

    /// The items of a list, of which no more than one past `most` are given: a list that is too long shows by that.
    pub(super) fn list(self, most: usize) -> Result<Vec<JsonValue<'a>>, Localized> {
        let first = items(self.0, most + 1).ok_or_else(|| localized!("must be a list", "deve ser uma lista"))?;
        Ok(first.parts.into_iter().map(JsonValue).collect())
    }

    /// The members of an object, of which no more than [`MAX_MEMBERS`] are given.
    pub(super) fn members(self) -> Result<JsonMembers<'a>, Localized> {
        let first = members(self.0, MAX_MEMBERS).ok_or_else(must_be_object)?;
        let all = first.parts.into_iter().map(|(name, value)| (name, JsonValue(value))).collect();
        Ok(JsonMembers { all, more: first.more })
    }
}

/// The members of an object, in the order written.
#[derive(Default)]
pub(super) struct JsonMembers<'a> {
    pub(super) all: Vec<(Cow<'a, str>, JsonValue<'a>)>,
    /// Whether there are more than that.
    pub(super) more: bool,
}

/// What is wrong, by the field.
pub(super) type Problems = BTreeMap<String, Vec<Localized>>;

/// The fields of one object, taken one by one; what is left in the end is unknown.
pub(super) struct JsonFields<'a> {
    prefix: String,
    members: Vec<(Cow<'a, str>, JsonValue<'a>)>,
    /// Whether the object has more members than are looked at: then none is missing.
    more: bool,
    problems: Problems,
}

impl<'a> JsonFields<'a> {
    /// The object behind the one key of a request's body: `{"webhook": {…}}`. 400 for what isn't JSON, 422 for JSON of
    /// another shape.
    pub(super) fn within(body: &'a [u8], key: &str) -> Result<Self, Failure> {
        let mut frame = Self::of_body(body)?;
        let inner = frame.required(key, JsonValue::members);
        frame.finish()?;
        Ok(Self::of_members(inner.unwrap_or_default(), String::new()))
    }

    /// Likewise where `dry_run` may stand beside the key; whether it is `true`.
    pub(super) fn within_or_dry_run(body: &'a [u8], key: &str) -> Result<(Self, bool), Failure> {
        let mut frame = Self::of_body(body)?;
        let inner = frame.required(key, JsonValue::members);
        let dry_run = frame.optional("dry_run", JsonValue::boolean);
        frame.finish()?;
        Ok((Self::of_members(inner.unwrap_or_default(), String::new()), dry_run == Some(true)))
    }

    /// The body's own members, of a body that needn't be sent: an empty one has none.
    pub(super) fn of_optional_body(body: &'a [u8]) -> Result<Self, Failure> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::of_members(JsonMembers::default(), String::new()));
        }
        Self::of_body(body)
    }

    /// The body's own members.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Failure> {
        let text = text(body)?;
        if text.trim().is_empty() {
            return Err(Failure::bad_request(
                ApiCode::NotJson,
                localized!("the body is empty: send JSON", "o corpo está vazio: envie JSON"),
            ));
        }
        // The whole text is checked once; everything below it is then known to be JSON.
        let whole: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        let text = whole.get();
        let mut problems = BTreeMap::new();
        if depth(text) > MAX_DEPTH {
            problems.insert(
                "body".to_owned(),
                vec![localized!(
                    "is nested deeper than {MAX_DEPTH} levels",
                    "tem mais de {MAX_DEPTH} níveis, um dentro do outro"
                )],
            );
            return Err(Failure::invalid(problems));
        }
        match JsonValue(text).members() {
            Ok(members) => Ok(Self::of_members(members, String::new())),
            Err(problem) => {
                problems.insert("body".to_owned(), vec![problem]);
                Err(Failure::invalid(problems))
            }
        }
    }

    /// The fields of a nested object; problems are named `prefix.field`.
    pub(super) fn of(value: JsonValue<'a>, prefix: String) -> Self {
        match value.members() {
            Ok(members) => Self::of_members(members, prefix),
            Err(problem) => {
                let problems = [(prefix.clone(), vec![problem])].into_iter().gather();
                // What isn't there isn't missing either.
                Self { prefix, members: Vec::new(), more: true, problems }
            }
        }
    }

    fn of_members(members: JsonMembers<'a>, prefix: String) -> Self {
        let JsonMembers { all, more } = members;
        let mut fields = Self { prefix, members: all, more, problems: BTreeMap::new() };
        if more {
            let whole = if fields.prefix.is_empty() { "body".to_owned() } else { fields.prefix.clone() };
            fields.problems.insert(
                whole,
                vec![localized!("has more than {MAX_MEMBERS} fields", "tem mais de {MAX_MEMBERS} campos")],
            );
        }
        fields.refuse_repeats();
        fields
    }

    /// Two members of one name: taking either would be a guess. Each name is reported once: a body with millions of
    /// them gets a short answer.
    fn refuse_repeats(&mut self) {
        // What nearly every object is: few members, each of its own name. Looking at each pair is quicker than hashing
        // then.
        const FEW: usize = 16;
        let mut before = self.members.iter().enumerate();
        if self.members.len() <= FEW
            && before.all(|(at, (name, _))| self.members[..at].iter().all(|(other, _)| other != name))
        {
            return;
        }
        let mut seen = HashSet::new();
        let repeated: BTreeSet<String> =
            self.members.iter().filter(|(name, _)| !seen.insert(name)).map(|(name, _)| shown(name)).gather();
        if repeated.is_empty() {
            return;
        }
        let mut seen = HashSet::new();
        self.members.retain(|(name, _)| seen.insert(name.clone()));
        for name in repeated {
            self.problem(&name, given_twice());
        }
    }

    fn named(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    pub(super) fn problem(&mut self, name: &str, problem: Localized) {
        let name = self.named(name);
        // Enough to correct the request by.
        if self.problems.len() >= MAX_NAMED_FIELDS && !self.problems.contains_key(&name) {
            return;
        }
        // Names that are cut to one and the same text need no more than a few sentences.
        let problems = self.problems.entry(name).or_default();
        if problems.len() < MAX_PROBLEMS {
            problems.push(problem);
        }
    }

    fn take(&mut self, name: &str) -> Option<JsonValue<'a>> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.remove(at).1)
    }

    fn parse<T>(
        &mut self,
        name: &str,
        value: JsonValue<'a>,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// A field that must be there; `None` after a problem, which [`JsonFields::finish`] will answer.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        let Some(value) = self.take(name).filter(|value| !value.is_null()) else {
            if !self.more {
                self.problem(name, localized!("is required", "é obrigatório"));
            }
            return None;
        };
        self.parse(name, value, parse)
    }

    /// A field that may be left out; `null` counts as left out.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        self.parse(name, value, parse)
    }

    /// A field that narrows what is done, and may be left out: `null` is a problem, since a caller whose variable is
    /// empty would do more than was meant.
    pub(super) fn narrowing<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        let null = || {
            localized!(
                "can't be null: leave it out to mean all",
                "não pode ser null: deixe-o de fora para valer por tudo"
            )
        };
        self.given(name, null, parse)
    }

    /// A field that may be left out and has no empty state: `null` is a problem.
    pub(super) fn changed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        let null = || {
            localized!(
                "can't be null: leave it out to keep it as it is",
                "não pode ser null: deixe-o de fora para não mudá-lo"
            )
        };
        self.given(name, null, parse)
    }

    /// A field that may be left out; what `null` is told.
    fn given<T>(
        &mut self,
        name: &str,
        null: fn() -> Localized,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<T> {
        let value = self.take(name)?;
        if value.is_null() {
            self.problem(name, null());
            return None;
        }
        self.parse(name, value, parse)
    }

    /// A field that may be left out, and that `null` clears.
    pub(super) fn clearable<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Localized>,
    ) -> Option<Option<T>> {
        let value = self.take(name)?;
        if value.is_null() { Some(None) } else { self.parse(name, value, parse).map(Some) }
    }

    /// The same for an object: its problems are named by their own fields, `name.field`.
    pub(super) fn clearable_object<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(JsonValue<'a>) -> Result<T, Problems>,
    ) -> Option<Option<T>> {
        let value = self.take(name)?;
        if value.is_null() {
            return Some(None);
        }
        match parse(value) {
            Ok(value) => Some(Some(value)),
            Err(problems) => {
                for (field, all) in problems {
                    for problem in all {
                        self.problem(&field, problem);
                    }
                }
                None
            }
        }
    }

    /// All problems found, unknown fields among them.
    pub(super) fn into_problems(mut self) -> Problems {
        for (name, _) in std::mem::take(&mut self.members) {
            self.problem(&shown(&name), localized!("is not a known field", "não é um campo conhecido"));
        }
        self.problems
    }

    /// 422 if anything was wrong.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let problems = self.into_problems();
        if problems.is_empty() { Ok(()) } else { Err(Failure::invalid(problems)) }
    }

    /// The same for a body with required fields. `required` is what [`JsonFields::required`] returned for all of them.
    pub(super) fn finish_with<T>(self, required: Option<T>) -> Result<T, Failure> {
        self.finish()?;
        let Some(required) = required else {
            unreachable!("finish() has answered for every required field that is missing");
        };
        Ok(required)
    }
}

/// Of what is no object and has to be one.
pub(super) fn must_be_object() -> Localized {
    localized!("must be an object", "deve ser um objeto")
}

/// Of what is no UUID and has to be one.
pub(super) fn must_be_uuid() -> Localized {
    localized!("must be a UUID", "deve ser um UUID")
}

/// Of what is named more than once.
pub(super) fn given_twice() -> Localized {
    localized!("is given twice", "aparece duas vezes")
}

/// A caller's own text, cut to what fits a line.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}

/// The text of a body. A byte order mark before it, which some editors and languages write, is passed over (RFC 8259,
/// 8.1).
fn text(body: &[u8]) -> Result<&str, Failure> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|_| {
        let utf16 = body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff");
        let detail = if utf16 {
            localized!("the body is UTF-16: send JSON in UTF-8", "o corpo é UTF-16: envie JSON em UTF-8")
        } else {
            localized!("the body must be JSON in UTF-8", "o corpo deve ser JSON em UTF-8")
        };
        Failure::bad_request(ApiCode::NotJson, detail)
    })
}

/// Whether a body is an object with a member of this name among its first.
pub(super) fn has_member(body: &[u8], name: &str) -> bool {
    let members = text(body).ok().and_then(|text| members(text, MAX_MEMBERS));
    members.is_some_and(|members| members.parts.iter().any(|(own, _)| own == name))
}

fn not_json(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let detail = localized!(
        "the body is not JSON: line {line}, column {column} can't be read",
        "o corpo não é JSON: não foi possível ler a linha {line}, coluna {column}"
    );
    Failure::bad_request(ApiCode::NotJson, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_limited_at_its_value_and_past_it() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(JsonFields::of_body(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(JsonFields::of_body(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(JsonFields::of_body(nested(200_000).as_bytes()).is_err(), "and no stack is blown");
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let mut fields =
            JsonFields::within(br#"{"webhook":{"a":1,"b":"x","c":null,"c":2,"d":true}}"#, "webhook").ok().unwrap();
        assert_eq!(fields.required("a", |v| v.text().map(Cow::into_owned)), None);
        assert_eq!(fields.optional("b", |v| v.integer(1..=9)), None);
        assert_eq!(fields.required("e", |v| v.text().map(Cow::into_owned)), None);
        let _ = fields.optional("c", |v| v.integer(1..=9));
        let problems = fields.into_problems();
        assert_eq!(problems.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    }
}
