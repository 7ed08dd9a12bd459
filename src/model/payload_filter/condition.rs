//! What a filter is made of, and how it is written.

use super::number::Decimal;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Display as _};
use std::sync::Arc;

/// Conditions that a value meets if it meets all of them. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block(pub(super) Vec<Condition>);

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// The member of this name meets it.
    Member(Box<str>, Block),
    Is(Test),
    IsNot(Test),
    /// Whether there is a value at all.
    Exists(bool),
    Any(Vec<Block>),
    All(Vec<Block>),
    Not(Block),
}

/// What is asked of one value that is neither an object nor a list. A set of filters has copies of it for each type of
/// event: they share what may be large.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Equal(Scalar),
    In(Arc<Scalars>),
    /// With a number or a text.
    Compare(Comparison, Scalar),
    StartsWith(Arc<str>),
    EndsWith(Arc<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A value that is neither an object nor a list, as a filter has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// As it was written.
    Number(Arc<str>),
    Text(Arc<str>),
}

/// The values of a list, each once, in the order of [`Scalar::order`]. They stand in one text: a filter may have more
/// than a thousand, and an account a thousand filters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalars {
    text: Box<str>,
    items: Box<[Item]>,
}

/// One of them: what it is, and where it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Item {
    kind: ItemKind,
    from: u16,
    to: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ItemKind {
    Null,
    Bool(bool),
    Number,
    Text,
}

/// A value of an event, as far as tests look at it.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Missing,
    Null,
    Bool(bool),
    Number(Decimal<'a>),
    /// The bytes of its characters. Half of a character, which JSON can write, is none that a filter could have.
    Text(Cow<'a, [u8]>),
    /// An object. Lists are looked into before any test.
    Object,
}

impl Scalar {
    /// Their order among themselves: by kind, then by value.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.value().order_to(&other.value())
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(digits) => Value::Number(Decimal::read(digits)),
            Self::Text(text) => Value::Text(Cow::Borrowed(text.as_bytes())),
        }
    }

    /// How it stands to a value of the same kind; `None` for one of another kind.
    fn compare(&self, value: &Value<'_>) -> Option<Ordering> {
        self.value().compare(value)
    }

    fn equals(&self, value: &Value<'_>) -> bool {
        self.compare(value) == Some(Ordering::Equal)
    }
}

impl Scalars {
    /// Of values in any order. Together they have at most 64 KiB, since a filter has at most
    /// [`MAX_BYTES`](super::PayloadFilter::MAX_BYTES).
    pub(super) fn of(mut scalars: Vec<Scalar>) -> Self {
        scalars.sort_by(Scalar::order);
        scalars.dedup_by(|a, b| a.order(b).is_eq());
        let mut text = String::new();
        let place = |text: &str| u16::try_from(text.len()).expect("the values of a filter have less than 64 KiB");
        let item = |scalar: &Scalar| {
            let from = place(&text);
            let kind = match scalar {
                Scalar::Null => ItemKind::Null,
                Scalar::Bool(value) => ItemKind::Bool(*value),
                Scalar::Number(own) => {
                    text.push_str(own);
                    ItemKind::Number
                }
                Scalar::Text(own) => {
                    text.push_str(own);
                    ItemKind::Text
                }
            };
            Item { kind, from, to: place(&text) }
        };
        let items = scalars.iter().map(item).collect();
        Self { text: text.into(), items }
    }

    fn text_of(&self, item: Item) -> &str {
        self.text.get(usize::from(item.from)..usize::from(item.to)).unwrap_or_default()
    }

    fn value(&self, item: Item) -> Value<'_> {
        match item.kind {
            ItemKind::Null => Value::Null,
            ItemKind::Bool(value) => Value::Bool(value),
            ItemKind::Number => Value::Number(Decimal::read(self.text_of(item))),
            ItemKind::Text => Value::Text(Cow::Borrowed(self.text_of(item).as_bytes())),
        }
    }

    fn contain(&self, value: &Value<'_>) -> bool {
        self.items.binary_search_by(|item| self.value(*item).order_to(value)).is_ok()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, item: Item) -> fmt::Result {
        match item.kind {
            ItemKind::Null => f.write_str("null"),
            ItemKind::Bool(value) => value.fmt(f),
            ItemKind::Number => f.write_str(self.text_of(item)),
            ItemKind::Text => write_text(f, self.text_of(item)),
        }
    }
}

impl Value<'_> {
    /// How it stands to a value of the same kind; `None` for one of another kind, and between what no filter has.
    fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Null, Value::Null) => Ordering::Equal,
            (Self::Bool(own), Value::Bool(other)) => own.cmp(other),
            (Self::Number(own), Value::Number(other)) => own.compare(other),
            (Self::Text(own), Value::Text(other)) => own.cmp(other),
            _ => return None,
        })
    }

    /// Its place before or behind another one: by kind, then by value.
    fn order_to(&self, other: &Value<'_>) -> Ordering {
        self.compare(other).unwrap_or_else(|| self.kind().cmp(&other.kind()))
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Missing | Self::Object => 4,
        }
    }
}

impl Test {
    /// Whether a value is what is asked for. A missing one never is, nor one of another kind.
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Equal(wanted), _) => wanted.equals(value),
            (Self::In(wanted), _) => wanted.contain(value),
            // The bound stands first in the comparison below.
            (Self::Compare(comparison, bound), _) => bound.compare(value).is_some_and(|order| match comparison {
                Comparison::Greater => order.is_lt(),
                Comparison::GreaterOrEqual => order.is_le(),
                Comparison::Less => order.is_gt(),
                Comparison::LessOrEqual => order.is_ge(),
            }),
            (Self::StartsWith(start), Value::Text(text)) => text.starts_with(start.as_bytes()),
            (Self::EndsWith(end), Value::Text(text)) => text.ends_with(end.as_bytes()),
            (Self::StartsWith(_) | Self::EndsWith(_), _) => false,
        }
    }
}

impl Block {
    /// The one value that it asks for, where that is all it does.
    fn as_scalar(&self) -> Option<&Scalar> {
        match &self.0[..] {
            [Condition::Is(Test::Equal(scalar))] => Some(scalar),
            _ => None,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => write_text(f, text),
        }
    }
}

/// JSON that is read as the same block again.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scalar) = self.as_scalar() {
            return scalar.fmt(f);
        }
        write_list(f, ['{', '}'], self.0.iter().map(|condition| move |f: &mut fmt::Formatter<'_>| condition.write(f)))
    }
}

/// JSON of an object that has this condition alone.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        self.write(f)?;
        f.write_str("}")
    }
}

impl Condition {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name, block) => {
                write_text(f, name)?;
                write!(f, ":{block}")
            }
            Self::Is(test) => test.write(f, false),
            Self::IsNot(test) => test.write(f, true),
            Self::Exists(wanted) => write!(f, "\"$exist\":{wanted}"),
            Self::Any(blocks) => {
                f.write_str("\"$or\":")?;
                write_blocks(f, blocks)
            }
            Self::All(blocks) => {
                f.write_str("\"$and\":")?;
                write_blocks(f, blocks)
            }
            Self::Not(block) => write!(f, "\"$not\":{block}"),
        }
    }
}

impl Test {
    fn write(&self, f: &mut fmt::Formatter<'_>, negated: bool) -> fmt::Result {
        match self {
            Self::Equal(scalar) => write!(f, "\"{}\":{scalar}", if negated { "$neq" } else { "$eq" }),
            Self::In(scalars) => {
                write!(f, "\"{}\":", if negated { "$nin" } else { "$in" })?;
                let items = scalars.items.iter();
                write_list(f, ['[', ']'], items.map(|item| move |f: &mut fmt::Formatter<'_>| scalars.write(f, *item)))
            }
            Self::Compare(comparison, bound) => {
                let operator = match comparison {
                    Comparison::Greater => "$gt",
                    Comparison::GreaterOrEqual => "$gte",
                    Comparison::Less => "$lt",
                    Comparison::LessOrEqual => "$lte",
                };
                write!(f, "\"{operator}\":{bound}")
            }
            Self::StartsWith(text) => {
                f.write_str("\"$startsWith\":")?;
                write_text(f, text)
            }
            Self::EndsWith(text) => {
                f.write_str("\"$endsWith\":")?;
                write_text(f, text)
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

fn write_blocks(f: &mut fmt::Formatter<'_>, blocks: &[Block]) -> fmt::Result {
    write_list(f, ['[', ']'], blocks.iter().map(|block| move |f: &mut fmt::Formatter<'_>| block.fmt(f)))
}

fn write_list(
    f: &mut fmt::Formatter<'_>,
    [opening, closing]: [char; 2],
    items: impl Iterator<Item = impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result>,
) -> fmt::Result {
    write!(f, "{opening}")?;
    for (at, write) in items.enumerate() {
        if at > 0 {
            f.write_str(",")?;
        }
        write(f)?;
    }
    write!(f, "{closing}")
}
