//! Which condition of a filter a resource doesn't meet, for people: one filter, evaluated value by value.

use super::condition::{Block, Condition, Test, Value};
use crate::model::json_cursor::JsonCursor;
use crate::model::json_parts::items;
use crate::model::localized::{Localized, localized};

/// The most characters of a value, or of a condition, that are shown.
const MAX_SHOWN_CHARS: usize = 120;

/// The first condition of a filter that a resource doesn't meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The names that lead to the value, joined by dots; empty for the resource as a whole.
    pub path: String,
    /// What is asked of it, as JSON, perhaps cut.
    pub condition: String,
    /// What stands there, as JSON, perhaps cut; `None` where nothing does.
    pub found: Option<String>,
}

impl Unmet {
    /// A clause such as "`payment.total_cents` is `9990`, which doesn't meet `{"$gte":10000}`".
    pub fn localized(&self) -> Localized {
        let Self { path, condition, found } = self;
        match found {
            _ if path.is_empty() => {
                localized!("the resource doesn't meet `{condition}`", "o recurso não atende a `{condition}`")
            }
            None => localized!(
                "the resource has no `{path}`, which would have to meet `{condition}`",
                "o recurso não tem `{path}`, que teria de atender a `{condition}`"
            ),
            Some(found) => localized!(
                "`{path}` is `{found}`, which doesn't meet `{condition}`",
                "`{path}` é `{found}`, o que não atende a `{condition}`"
            ),
        }
    }
}

/// `None` where the block is met. `value` is the text of a JSON value, or nothing.
pub(super) fn unmet(block: &Block, path: &str, value: Option<&str>) -> Option<Unmet> {
    let Some((text, elements)) = value.and_then(|text| Some((text, elements(text)?))) else {
        return block.0.iter().find_map(|condition| unmet_condition(condition, path, value));
    };
    let report = |condition: String| Some(Unmet { path: path.to_owned(), condition, found: Some(cut(text)) });
    let (mut some, mut every) = (Vec::new(), Vec::new());
    for condition in &block.0 {
        match condition {
            Condition::Exists(true) => {}
            Condition::Exists(false) => return report(cut(&condition.to_string())),
            Condition::IsNot(_) | Condition::Not(_) => every.push(condition),
            Condition::Member(..) | Condition::Is(_) | Condition::Any(_) | Condition::All(_) => some.push(condition),
        }
    }
    let is_met = |condition: &Condition, element: &str| unmet_condition(condition, path, Some(element)).is_none();
    for condition in every {
        if !elements.iter().all(|element| is_met(condition, element)) {
            return report(cut(&condition.to_string()));
        }
    }
    let found =
        some.is_empty() || elements.iter().any(|element| some.iter().all(|condition| is_met(condition, element)));
    if found { None } else { report(cut(&Block(some.into_iter().cloned().collect()).to_string())) }
}

/// The condition where a value that is no list doesn't meet it, or what of it isn't met.
fn unmet_condition(condition: &Condition, path: &str, value: Option<&str>) -> Option<Unmet> {
    let holds = |test: &Test| test.holds(&read(value));
    let is_met = |block: &Block| unmet(block, path, value).is_none();
    let met = match condition {
        Condition::Member(name, block) => {
            let longer = if path.is_empty() { (**name).to_owned() } else { format!("{path}.{name}") };
            return unmet(block, &longer, value.and_then(|text| member(text, name)));
        }
        Condition::All(blocks) => return blocks.iter().find_map(|block| unmet(block, path, value)),
        Condition::Any(blocks) => match &blocks[..] {
            [only] => return unmet(only, path, value),
            _ => blocks.iter().any(is_met),
        },
        Condition::Is(test) => holds(test),
        Condition::IsNot(test) => !holds(test),
        Condition::Exists(wanted) => value.is_some() == *wanted,
        Condition::Not(block) => !is_met(block),
    };
    (!met).then(|| {
        let condition = match condition {
            Condition::Is(Test::Equal(wanted)) => wanted.to_string(),
            other => other.to_string(),
        };
        Unmet { path: path.to_owned(), condition: cut(&condition), found: value.map(cut) }
    })
}

/// The elements of a list, those of lists in it in their places; `None` for anything else.
fn elements(text: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest: Vec<&str> = items(text, usize::MAX)?.parts;
    rest.reverse();
    while let Some(next) = rest.pop() {
        match items(next, usize::MAX) {
            Some(inner) => rest.extend(inner.parts.into_iter().rev()),
            None => found.push(next),
        }
    }
    Some(found)
}

/// The first member of this name.
fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut cursor = JsonCursor::new(text);
    cursor.expect(b'{').ok()?;
    while let Some(written) = cursor.name().ok()? {
        cursor.peek().ok()?;
        let from = cursor.at();
        cursor.skip().ok()?;
        if *written.bytes() == *name.as_bytes() {
            return text.get(from..cursor.at());
        }
    }
    None
}

fn read(value: Option<&str>) -> Value<'_> {
    let Some(text) = value else {
        return Value::Missing;
    };
    let mut cursor = JsonCursor::new(text);
    match cursor.peek() {
        Ok(b'"') => cursor.string().map_or(Value::Missing, |written| Value::Text(written.bytes())),
        Ok(b'{' | b'[') | Err(_) => Value::Object,
        Ok(_) => Value::of_word(text.trim_ascii()),
    }
}

fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}
