//! A value on its way from a file or a variable to its key, and what can be wrong with it.

use crate::model::{Localized, localized};
use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest text that a message shows, in characters.
const LONGEST: usize = 80;

/// A value as it was written, before its key checks it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawValue<'a> {
    /// A value of the file.
    Toml(&'a DeValue<'a>),
    /// The text of a variable or a flag, which has no type.
    Bare(&'a str),
}

/// What is wrong with a value: a predicate, to follow the name of its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    /// Counted from 0, if one item of a list is wrong.
    pub(crate) item: Option<usize>,
    /// Where in the file, in bytes, if it isn't the beginning of the value or of the item.
    pub(crate) at: Option<usize>,
    pub(crate) message: Localized,
}

impl ValueError {
    pub(crate) fn one(message: Localized) -> Vec<Self> {
        vec![Self { item: None, at: None, message }]
    }
}

/// Where nothing more can be said.
pub(crate) const NO_HINT: Localized = Localized { en: String::new(), pt: String::new() };

/// A type of values: how they are read, checked, described and printed.
pub(crate) trait ValueType<V> {
    /// What is expected, with its range: "a duration from 100ms to 5m".
    fn expected(&self) -> Localized;
    /// Reads and checks.
    fn read(&self, raw: RawValue<'_>) -> Result<V, Vec<ValueError>>;
    /// TOML that reads as the same value.
    fn show(&self, value: &V) -> String;

    /// The error of a value of another type or range; the hint is empty or begins with its own punctuation.
    fn refuse(&self, raw: RawValue<'_>, hint: Localized) -> Vec<ValueError> {
        let (must, is, hint) = (self.expected(), raw.describe(), hint);
        ValueError::one(Localized {
            en: format!("must be {}, not {}{}", must.en, is.en, hint.en),
            pt: format!("deve ser {}, e não {}{}", must.pt, is.pt, hint.pt),
        })
    }
}

impl<'a> RawValue<'a> {
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Toml(value) => value.as_str(),
            Self::Bare(text) => Some(text),
        }
    }

    /// `None` too for one beyond 128 bits.
    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Self::Toml(value) => {
                let digits = value.as_integer()?;
                i128::from_str_radix(digits.as_str(), digits.radix()).ok()
            }
            Self::Bare(text) => text.trim().parse().ok(),
        }
    }

    /// Of the whole numbers only those that fit a byte.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Toml(DeValue::Float(digits)) => digits.as_str().parse().ok(),
            Self::Toml(_) => self.integer().and_then(|n| u8::try_from(n).ok()).map(f64::from),
            Self::Bare(text) => text.trim().parse().ok(),
        }
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        match self {
            Self::Toml(value) => value.as_bool(),
            Self::Bare(text) => text.trim().parse().ok(),
        }
    }

    /// The hint for a number or boolean in quotes.
    pub(crate) fn unquote_hint<T: FromStr>(self) -> Localized {
        let quoted = matches!(self, Self::Toml(value) if value.as_str().is_some_and(|text| text.parse::<T>().is_ok()));
        if quoted { localized!("; leave the quotes out", "; tire as aspas") } else { NO_HINT }
    }

    /// Where an item of a list begins in the file, in bytes.
    pub(crate) fn item_at(self, nth: usize) -> Option<usize> {
        match self {
            Self::Toml(value) => Some(value.as_array()?.get(nth)?.span().start),
            Self::Bare(_) => None,
        }
    }

    /// The value as a problem quotes it.
    pub(crate) fn describe(self) -> Localized {
        let written = match self {
            Self::Bare(text) => clipped(&without_url_secrets(text)),
            Self::Toml(value) => match value {
                DeValue::String(text) => clipped(&without_url_secrets(text)),
                DeValue::Integer(_) => match self.integer() {
                    None => return localized!("a number that large", "um número tão grande"),
                    Some(number) => number.to_string(),
                },
                DeValue::Float(digits) => format!("{:?}", digits.as_str().parse().unwrap_or(f64::NAN)),
                DeValue::Boolean(yes) => yes.to_string(),
                DeValue::Array(_) => return localized!("a list", "uma lista"),
                DeValue::Datetime(_) => return localized!("a date or time", "uma data ou hora"),
                DeValue::Table(_) => return localized!("a table", "uma tabela"),
            },
        };
        Localized::new(&written, &written)
    }
}

/// One entry of a table: its key, the place of the key, its value.
pub(crate) type Entry<'a> = (&'a str, Range<usize>, &'a Spanned<DeValue<'a>>);

/// The entries in the order of the file, which the parser's map has lost.
pub(crate) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    entries
}

/// Whether TOML takes a name as a key without quotes.
pub(crate) fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A name as a message shows it: as it is, unless it needs quotes or is too long.
pub(crate) fn plain(name: &str) -> String {
    if is_bare(name) && name.len() <= LONGEST { name.to_owned() } else { clipped(name) }
}

/// Of a URL only its scheme and its host: its user, its password, its path and its query may be secrets, and it may
/// stand at a key that is meant for something else.
fn without_url_secrets(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Cow::Borrowed(text);
    };
    // A password may hold any other mark.
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("…@", rest));
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let port = |(host, port): (&str, &str)| (host.len(), port.bytes().all(|byte| byte.is_ascii_digit()));
    // What stands in the port's place and isn't one was meant for a password.
    let authority = match authority.rsplit_once(':').map(port) {
        Some((host, false)) if !authority.ends_with(']') => &authority[..host],
        _ => authority,
    };
    let end = if authority.len() < rest.trim_end_matches('/').len() { "/…" } else { "" };
    Cow::Owned(format!("{scheme}://{user}{authority}{end}"))
}

/// Quoted, on one line, and short enough for a message.
pub(crate) fn clipped(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => quote(&format!("{}…", &text[..end])),
        None => quote(text),
    }
}

/// A TOML basic string.
pub(crate) fn quote(text: &str) -> String {
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
    fn of_a_url_its_scheme_and_its_host_are_quoted() {
        for (text, shown) in [
            ("smtp://avisos%40loja.example:senha@smtp.example:587", "smtp://…@smtp.example:587"),
            ("smtp://avisos:se/n@h?a@smtp.example", "smtp://…@smtp.example"),
            ("smtp://avisos:senha", "smtp://avisos/…"),
            ("https://hooks.slack.example/services/T0/B0/x?y=z#w", "https://hooks.slack.example/…"),
            ("https://Loja.example/", "https://Loja.example"),
            ("http://[::1]:8080/x", "http://[::1]:8080/…"),
            ("http://[::1]", "http://[::1]"),
            ("nothing: of that@all", "nothing: of that@all"),
        ] {
            assert_eq!(without_url_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn messages_stay_on_one_line_and_short() {
        assert_eq!(clipped("a\n\"b\"\\\u{1}"), "\"a\\n\\\"b\\\"\\\\\\u0001\"");
        assert_eq!(clipped(&"é".repeat(81)).chars().count(), 83);
    }
}
