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

/// How much a search for what isn't met may look at: each list and each object that it goes through costs its length.
/// Several searches may share one.
#[derive(Debug)]
pub struct Effort {
    /// In bytes.
    left: usize,
}

impl Effort {
    /// The effort of one request: a quarter of a second or so.
    const BYTES: usize = 64 * 1024 * 1024;

    /// Whether nothing is left: another search would say no more than that a filter isn't met.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Spent> {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.map(drop).ok_or(Spent)
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self { left: Self::BYTES }
    }
}

/// The effort was spent before anything was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent;

impl Unmet {
    /// Of a condition that a value doesn't meet; nothing is told of it without a path.
    fn at(path: Option<&str>, condition: &dyn Fn() -> String, found: Option<&str>) -> Self {
        match path {
            Some(path) => Self { path: path.to_owned(), condition: cut(&condition()), found: found.map(cut) },
            None => Self { path: String::new(), condition: String::new(), found: None },
        }
    }

    /// Of a filter as a whole, where nothing more is known.
    pub(super) fn of_whole(filter: &str) -> Self {
        Self { path: String::new(), condition: cut(filter), found: None }
    }
}

type Found = Result<Option<Unmet>, Spent>;

/// The first condition of a block that a value doesn't meet; `None` where it meets all. `value` is the text of a JSON
/// value, or nothing.
pub(super) fn unmet(block: &Block, path: &str, value: Option<&str>, effort: &mut Effort) -> Found {
    search(block, Some(path), value, effort)
}

/// Likewise. Without a path only whether something isn't met is asked: then what it tells of it is empty, since it may
/// be asked for each element of a long list.
fn search(block: &Block, path: Option<&str>, value: Option<&str>, effort: &mut Effort) -> Found {
    let elements = value.map(|text| elements(text, effort)).transpose()?.flatten();
    let Some((text, elements)) = value.zip(elements) else {
        return first(&block.0, |condition| search_condition(condition, path, value, effort));
    };
    let report = |condition: &dyn Fn() -> String| Ok(Some(Unmet::at(path, condition, Some(text))));
    let (mut some, mut every) = (Vec::new(), Vec::new());
    for condition in &block.0 {
        match condition {
            Condition::Exists(true) => {}
            Condition::Exists(false) => return report(&|| condition.to_string()),
            Condition::IsNot(_) | Condition::Not(_) => every.push(condition),
            Condition::Member(..) | Condition::Is(_) | Condition::Any(_) | Condition::All(_) => some.push(condition),
        }
    }
    for condition in every {
        for element in &elements {
            if search_condition(condition, None, Some(element), effort)?.is_some() {
                return report(&|| condition.to_string());
            }
        }
    }
    if some.is_empty() {
        return Ok(None);
    }
    for element in &elements {
        let unmet = |condition: &&Condition| search_condition(condition, None, Some(element), effort);
        if first(&some, unmet)?.is_none() {
            return Ok(None);
        }
    }
    report(&|| Block(some.iter().copied().cloned().collect()).to_string())
}

/// What isn't met of the first that isn't.
fn first<'c, T: 'c>(all: impl IntoIterator<Item = &'c T>, mut unmet: impl FnMut(&'c T) -> Found) -> Found {
    for one in all {
        if let Some(found) = unmet(one)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What a look at one condition costs, whatever it looks at.
const LOOK_BYTES: usize = 16;

/// The condition where a value that is no list doesn't meet it, or what of it isn't met.
fn search_condition(condition: &Condition, path: Option<&str>, value: Option<&str>, effort: &mut Effort) -> Found {
    effort.spend(LOOK_BYTES)?;
    let met = match condition {
        Condition::Member(name, block) => {
            let longer = |path: &str| if path.is_empty() { (**name).to_owned() } else { format!("{path}.{name}") };
            let member = value.map(|text| member(text, name, effort)).transpose()?.flatten();
            return search(block, path.map(longer).as_deref(), member, effort);
        }
        Condition::All(blocks) => return first(blocks, |block| search(block, path, value, effort)),
        Condition::Any(blocks) => {
            if let [only] = &blocks[..] {
                return search(only, path, value, effort);
            }
            let mut any = false;
            for block in blocks {
                any = any || search(block, None, value, effort)?.is_none();
            }
            any
        }
        Condition::Is(test) => test.holds(&read(value, effort)?),
        Condition::IsNot(test) => !test.holds(&read(value, effort)?),
        Condition::Exists(wanted) => value.is_some() == *wanted,
        Condition::Not(block) => search(block, None, value, effort)?.is_some(),
    };
    let told = || match condition {
        Condition::Is(Test::Equal(wanted)) => wanted.to_string(),
        other => other.to_string(),
    };
    Ok((!met).then(|| Unmet::at(path, &told, value)))
}

/// The elements of a list, those of lists in it in their places; `None` for anything else.
fn elements<'a>(text: &'a str, effort: &mut Effort) -> Result<Option<Vec<&'a str>>, Spent> {
    let is_list = |text: &str| text.trim_ascii_start().starts_with('[');
    if !is_list(text) {
        return Ok(None);
    }
    let (mut found, mut rest) = (Vec::new(), vec![text]);
    while let Some(next) = rest.pop() {
        if !is_list(next) {
            found.push(next);
            continue;
        }
        effort.spend(next.len())?;
        // What is no JSON has no elements.
        let inner = items(next, usize::MAX).map(|inner| inner.parts).unwrap_or_default();
        rest.extend(inner.into_iter().rev());
    }
    Ok(Some(found))
}

/// The first member of this name.
fn member<'a>(text: &'a str, name: &str, effort: &mut Effort) -> Result<Option<&'a str>, Spent> {
    let mut cursor = JsonCursor::new(text);
    let found = find_member(&mut cursor, text, name);
    effort.spend(cursor.at().min(text.len()))?;
    Ok(found)
}

fn find_member<'a>(cursor: &mut JsonCursor<'a>, text: &'a str, name: &str) -> Option<&'a str> {
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

fn read<'a>(value: Option<&'a str>, effort: &mut Effort) -> Result<Value<'a>, Spent> {
    let Some(text) = value else {
        return Ok(Value::Missing);
    };
    let mut cursor = JsonCursor::new(text);
    Ok(match cursor.peek() {
        Ok(b'"') => {
            effort.spend(text.len())?;
            cursor.string().map_or(Value::Missing, |written| Value::Text(written.bytes()))
        }
        Ok(b'{' | b'[') | Err(_) => Value::Object,
        Ok(_) => Value::of_word(text.trim_ascii()),
    })
}

fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}
