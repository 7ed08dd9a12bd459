//! The filters of many webhooks, evaluated together in one pass over the text of a resource.
//!
//! The conditions of all filters are sorted by the path that they are about, so that each value that any of them looks
//! at is read once, and everything else is passed over. Nothing of the text is copied but texts with escapes that a
//! condition looks at. 50 filters of three conditions took 5 µs for a resource of 1 KiB (2 cores, 2026-11-29).

use super::condition::{Block, Condition, Test, Value};
use super::number::Decimal;
use crate::model::json_cursor::{JsonCursor, NoJson};
use std::collections::HashMap;

/// How much work a pass may do: so much for each byte of the text, beside so much for any text. One piece of work is a
/// look at one condition. Lists alone repeat work: 50 filters that ask two things of each item of a list do not reach
/// the limit where an item has 40 bytes, however many there are.
const WORK_PER_BYTE: usize = 8;
const WORK_AT_LEAST: usize = 65_536;

/// Some filters, ready to be evaluated together.
#[derive(Debug, Default)]
pub struct FilterSet {
    positions: Vec<Position>,
    blocks: Vec<Compiled>,
    /// The outermost block of each filter.
    roots: Vec<usize>,
    /// How much work all of it is, where no list repeats any.
    weight: usize,
}

/// A path from the top of the resource.
#[derive(Debug, Default)]
struct Position {
    /// The paths that are one name longer, sorted by it.
    children: Vec<(Box<str>, usize)>,
    /// The blocks about this path, each behind those that it is made of.
    blocks: Vec<usize>,
    /// Those of them that blocks of the shorter path are made of, or that are a whole filter.
    outer: Vec<usize>,
    weight: usize,
}

/// A block, as it is evaluated. What is asked of a list is asked of its elements: one of them must be `some`, and all
/// must be `every`.
#[derive(Debug)]
struct Compiled {
    some: Vec<Part>,
    every: Vec<Part>,
    exists: Option<bool>,
    /// Whether it is met where there is no value.
    by_missing: bool,
}

#[derive(Debug)]
enum Part {
    Is(Test),
    IsNot(Test),
    /// Blocks that are evaluated before this one, by their numbers.
    Met(usize),
    NotMet(usize),
    AnyMet(Vec<usize>),
    AllMet(Vec<usize>),
}

/// The positions that there are, by the shorter path and the name behind it. Sorting them in as they come would take
/// seconds for an account that has a thousand filters with names of their own.
type Known<'f> = HashMap<(usize, &'f str), usize>;

impl FilterSet {
    pub(super) fn of<'f>(filters: impl Iterator<Item = &'f Block>) -> Self {
        let mut set = Self { positions: vec![Position::default()], ..Self::default() };
        let mut known = Known::new();
        for filter in filters {
            let root = set.add(0, filter, &mut known);
            set.positions[0].outer.push(root);
            set.roots.push(root);
        }
        for position in &mut set.positions {
            position.children.sort_unstable();
        }
        set.weight = set.positions.iter().map(|position| position.weight).sum();
        set
    }

    /// How much memory it takes, in units of about a hundred bytes. Texts, and the lists of `$in` and `$nin`, don't
    /// count: they are the filters' own, which every set shares with their webhooks.
    pub fn weight(&self) -> usize {
        self.weight
    }

    fn add<'f>(&mut self, at: usize, block: &'f Block, known: &mut Known<'f>) -> usize {
        let mut compiled = Compiled { some: Vec::new(), every: Vec::new(), exists: None, by_missing: false };
        for condition in &block.0 {
            match condition {
                Condition::Member(name, inner) => {
                    let child = self.child(at, name, known);
                    let inner = self.add(child, inner, known);
                    self.positions[child].outer.push(inner);
                    compiled.some.push(Part::Met(inner));
                }
                Condition::Is(test) => compiled.some.push(Part::Is(test.clone())),
                Condition::IsNot(test) => compiled.every.push(Part::IsNot(test.clone())),
                Condition::Exists(wanted) => compiled.exists = Some(*wanted),
                Condition::Any(blocks) => {
                    let blocks = blocks.iter().map(|block| self.add(at, block, known)).collect();
                    compiled.some.push(Part::AnyMet(blocks));
                }
                Condition::All(blocks) => {
                    let blocks = blocks.iter().map(|block| self.add(at, block, known)).collect();
                    compiled.some.push(Part::AllMet(blocks));
                }
                Condition::Not(block) => compiled.every.push(Part::NotMet(self.add(at, block, known))),
            }
        }
        let missing = |block: &usize| self.blocks[*block].by_missing;
        compiled.by_missing = compiled.exists != Some(true)
            && compiled.some.iter().chain(&compiled.every).all(|part| part.holds(&Value::Missing, missing));
        let parts = compiled.some.iter().chain(&compiled.every).map(Part::weight).sum::<usize>();
        let number = self.blocks.len();
        self.blocks.push(compiled);
        let position = &mut self.positions[at];
        position.blocks.push(number);
        position.weight += 1 + parts;
        number
    }

    fn child<'f>(&mut self, at: usize, name: &'f str, known: &mut Known<'f>) -> usize {
        *known.entry((at, name)).or_insert_with(|| {
            let child = self.positions.len();
            self.positions.push(Position::default());
            self.positions[at].children.push((name.into(), child));
            child
        })
    }

    /// For each filter, in the order given, whether a resource meets it. `resource` is the text of one JSON object; of
    /// a name that an object has twice the first counts. It takes time by the length of the text and the number of
    /// conditions, and gives up where lists would make it more: then every filter counts as met, since a notification
    /// too many is better than one that is missing.
    pub fn matches(&self, resource: &str) -> Vec<bool> {
        if self.roots.is_empty() {
            return Vec::new();
        }
        let mut pass = Pass {
            set: self,
            cursor: JsonCursor::new(resource),
            met: vec![Met::default(); self.blocks.len()],
            seen: vec![false; self.positions.len()],
            work: 2 * self.weight + WORK_AT_LEAST + WORK_PER_BYTE.saturating_mul(resource.len()),
        };
        let evaluated = pass.value(0);
        self.roots.iter().map(|root| evaluated.is_err() || pass.met[*root].whole).collect()
    }
}

impl Part {
    fn holds(&self, value: &Value<'_>, met: impl Fn(&usize) -> bool) -> bool {
        match self {
            Self::Is(test) => test.holds(value),
            Self::IsNot(test) => !test.holds(value),
            Self::Met(block) => met(block),
            Self::NotMet(block) => !met(block),
            Self::AnyMet(blocks) => blocks.iter().any(met),
            Self::AllMet(blocks) => blocks.iter().all(met),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Is(_) | Self::IsNot(_) | Self::Met(_) | Self::NotMet(_) => 1,
            Self::AnyMet(blocks) | Self::AllMet(blocks) => blocks.len(),
        }
    }
}

/// Whether the last value met a block, and its two halves.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    whole: bool,
    some: bool,
    every: bool,
}

/// The text isn't JSON, or the pass would be too long.
struct GivenUp;

impl From<NoJson> for GivenUp {
    fn from(_: NoJson) -> Self {
        Self
    }
}

struct Pass<'s, 'a> {
    set: &'s FilterSet,
    cursor: JsonCursor<'a>,
    /// By block.
    met: Vec<Met>,
    /// By position: whether the object at hand has had this member.
    seen: Vec<bool>,
    /// How much work may still be done.
    work: usize,
}

impl Pass<'_, '_> {
    /// Evaluates the blocks of a position by the value that comes next.
    fn value(&mut self, at: usize) -> Result<(), GivenUp> {
        if self.cursor.peek()? == b'[' { self.list(at) } else { self.single(at) }
    }

    fn list(&mut self, at: usize) -> Result<(), GivenUp> {
        let outer = &self.set.positions[at].outer;
        let mut lists: Vec<Met> = vec![Met { whole: false, some: false, every: true }; outer.len()];
        let mut depth = 0_usize;
        loop {
            match self.cursor.peek()? {
                b'[' => depth += 1,
                b']' => depth = depth.checked_sub(1).ok_or(GivenUp)?,
                b',' => {}
                _ => {
                    self.single(at)?;
                    for (list, block) in lists.iter_mut().zip(outer) {
                        let element = self.met[*block];
                        list.some |= element.some;
                        list.every &= element.every;
                    }
                    continue;
                }
            }
            self.cursor.pass();
            if depth == 0 {
                break;
            }
        }
        for (list, number) in lists.into_iter().zip(outer) {
            let block = &self.set.blocks[*number];
            let some = list.some || block.some.is_empty();
            self.met[*number].whole = some && list.every && block.exists != Some(false);
        }
        Ok(())
    }

    /// A value that is no list.
    fn single(&mut self, at: usize) -> Result<(), GivenUp> {
        let position = &self.set.positions[at];
        self.work = self.work.checked_sub(position.weight + 1).ok_or(GivenUp)?;
        for (_, child) in &position.children {
            self.seen[*child] = false;
            let outer = &self.set.positions[*child].outer;
            self.work = self.work.checked_sub(outer.len()).ok_or(GivenUp)?;
            for block in outer {
                self.met[*block].whole = self.set.blocks[*block].by_missing;
            }
        }
        let value = match self.cursor.peek()? {
            b'{' if position.children.is_empty() => {
                self.cursor.container()?;
                Value::Object
            }
            b'{' => {
                self.members(position)?;
                Value::Object
            }
            b'"' => Value::Text(self.cursor.string()?.bytes()),
            _ => Value::of_word(self.cursor.word()?),
        };
        for number in &position.blocks {
            let block = &self.set.blocks[*number];
            let met = |block: &usize| self.met[*block].whole;
            let some = block.some.iter().all(|part| part.holds(&value, met));
            let every = block.every.iter().all(|part| part.holds(&value, met));
            self.met[*number] = Met { whole: some && every && block.exists != Some(false), some, every };
        }
        Ok(())
    }

    fn members(&mut self, position: &Position) -> Result<(), GivenUp> {
        self.cursor.expect(b'{')?;
        while let Some(name) = self.cursor.name()? {
            let name = name.bytes();
            let found = position.children.binary_search_by(|(own, _)| own.as_bytes().cmp(&name));
            let child = found.ok().map(|place| position.children[place].1);
            match child {
                Some(child) if !self.seen[child] => {
                    self.seen[child] = true;
                    self.value(child)?;
                }
                _ => self.cursor.skip()?,
            }
        }
        Ok(())
    }
}

impl<'a> Value<'a> {
    /// What stands without quotation marks.
    pub(super) fn of_word(word: &'a str) -> Self {
        match word {
            "null" => Self::Null,
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            digits => Self::Number(Decimal::read(digits)),
        }
    }
}
