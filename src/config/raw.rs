//! A value on its way from a file or a variable to its key, and what may be said against it.

use std::borrow::Cow;
use toml::Spanned;
use toml::de::DeValue;

/// A value as it was written, before its key checks it.
#[derive(Clone, Debug)]
pub(super) enum RawValue<'a> {
    /// A TOML string.
    Text(Cow<'a, str>),
    /// The text of a variable or a flag, whose type nobody has said.
    Bare(Cow<'a, str>),
    /// `None` for one beyond all bounds.
    Integer(Option<i128>),
    Float(f64),
    Boolean(bool),
    List(Vec<RawValue<'a>>),
    Datetime,
    /// In the order of the file.
    Table(Vec<Field<'a>>),
}

/// One key of a table in a list, and where it and its value begin, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) name_at: usize,
    pub(super) at: usize,
    pub(super) value: RawValue<'a>,
}

/// What is wrong with a value: a predicate, to stand after the name of its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValueError {
    /// Counted from 0, where one item of a list is meant.
    pub(super) item: Option<usize>,
    /// Where in the text it stands, in bytes, where one value of a table is meant.
    pub(super) at: Option<usize>,
    pub(super) message: String,
}

impl ValueError {
    pub(super) fn one(message: String) -> Vec<Self> {
        vec![Self { item: None, at: None, message }]
    }
}

/// A type of values: how they are read, checked, described and printed.
pub(super) trait ValueType<V> {
    /// What is expected, with its range: "a duration from 100ms to 5m".
    fn expected(&self) -> String;
    /// Reads and checks.
    fn read(&self, raw: &RawValue<'_>) -> Result<V, Vec<ValueError>>;
    /// TOML that reads as the same value.
    fn show(&self, value: &V) -> String;

    /// The fault of a value that is nothing of the kind; `hint` is empty or begins with its own punctuation.
    fn refuse(&self, raw: &RawValue<'_>, hint: &str) -> Vec<ValueError> {
        ValueError::one(format!("must be {}, not {}{hint}", self.expected(), raw.describe()))
    }
}

impl<'a> From<&'a DeValue<'_>> for RawValue<'a> {
    fn from(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(Cow::Borrowed(text)),
            DeValue::Integer(digits) => Self::Integer(i128::from_str_radix(digits.as_str(), digits.radix()).ok()),
            DeValue::Float(digits) => Self::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(yes) => Self::Boolean(*yes),
            DeValue::Datetime(_) => Self::Datetime,
            DeValue::Array(items) => Self::List(items.iter().map(|item| item.get_ref().into()).collect()),
            DeValue::Table(table) => {
                let field = |(name, value): (&'a Spanned<Cow<'_, str>>, &'a Spanned<DeValue<'_>>)| Field {
                    name: Cow::Borrowed(name.get_ref().as_ref()),
                    name_at: name.span().start,
                    at: value.span().start,
                    value: value.get_ref().into(),
                };
                let mut fields: Vec<Field<'_>> = table.iter().map(field).collect();
                fields.sort_by_key(|field| field.name_at);
                Self::Table(fields)
            }
        }
    }
}

impl RawValue<'_> {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Bare(text) => Some(text),
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) | Self::List(_) | Self::Datetime | Self::Table(_) => {
                None
            }
        }
    }

    pub(super) fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(n) => *n,
            Self::Bare(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Float(_) | Self::Boolean(_) | Self::List(_) | Self::Datetime | Self::Table(_) => None,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Text(text) | Self::Bare(text) => clipped(text),
            Self::Integer(Some(n)) => n.to_string(),
            Self::Integer(None) => "a number that large".to_owned(),
            Self::Float(number) => format!("{number:?}"),
            Self::Boolean(yes) => yes.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Datetime => "a date or time".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Quoted, on one line, and no longer than a message can bear.
pub(super) fn clipped(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut chars = text.chars();
    let mut kept: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    quote(&kept)
}

/// A TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_on_one_line_and_short() {
        assert_eq!(clipped("a\n\"b\"\\\u{1}"), "\"a\\n\\\"b\\\"\\\\\\u0001\"");
        assert_eq!(clipped(&"é".repeat(81)).chars().count(), 83);
    }
}
