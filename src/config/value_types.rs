//! The types a value can have: how each is read from a file or a variable, checked, described and printed.

use super::AllowRule;
use super::raw::{RawValue, ValueError, ValueType, quote};
use super::units::{format_size, parse_size};
use crate::model::{EventType, ProxyUrl};
use crate::model::{format_duration, parse_duration};
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A socket address with an IP, never a name: what to listen on must not hang on a resolver.
pub(super) struct Address;

impl ValueType<SocketAddr> for Address {
    fn expected(&self) -> String {
        "an IP address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<SocketAddr, Vec<ValueError>> {
        raw.text().and_then(|text| text.parse().ok()).ok_or_else(|| self.refuse(raw, ""))
    }

    fn show(&self, value: &SocketAddr) -> String {
        quote(&value.to_string())
    }
}

/// Bytes, both ends included.
pub(super) struct Size(pub(super) u64, pub(super) u64);

impl<N: Copy + TryFrom<u64> + TryInto<u64>> ValueType<N> for Size {
    fn expected(&self) -> String {
        let show = |bytes| format_size(bytes).unwrap_or_else(|| format!("{bytes} B"));
        format!("a size from {} to {}", show(self.0), show(self.1))
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<N, Vec<ValueError>> {
        let bytes = match raw.integer() {
            Some(bytes) => u64::try_from(bytes).ok(),
            None => raw.text().and_then(parse_size),
        };
        let hint = if bytes.is_none() && raw.text().is_some() {
            "; write a whole number and B, KiB, MiB, GiB, KB, MB or GB"
        } else {
            ""
        };
        bytes
            .filter(|bytes| (self.0..=self.1).contains(bytes))
            .and_then(|bytes| N::try_from(bytes).ok())
            .ok_or_else(|| ValueType::<N>::refuse(self, raw, hint))
    }

    fn show(&self, value: &N) -> String {
        let bytes = (*value).try_into().unwrap_or(u64::MAX);
        format_size(bytes).map_or_else(|| bytes.to_string(), |text| quote(&text))
    }
}

/// A whole number, both ends included.
pub(super) struct Count(pub(super) u32, pub(super) u32);

impl<N: Display + TryFrom<i128>> ValueType<N> for Count {
    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.0, self.1)
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<N, Vec<ValueError>> {
        let quoted = matches!(raw, RawValue::Text(text) if text.parse::<i128>().is_ok());
        raw.integer()
            .filter(|n| (i128::from(self.0)..=i128::from(self.1)).contains(n))
            .and_then(|n| N::try_from(n).ok())
            .ok_or_else(|| ValueType::<N>::refuse(self, raw, if quoted { "; leave the quotes out" } else { "" }))
    }

    fn show(&self, value: &N) -> String {
        value.to_string()
    }
}

/// A duration, both ends included.
pub(super) struct Span(pub(super) Duration, pub(super) Duration);

impl ValueType<Duration> for Span {
    fn expected(&self) -> String {
        format!("a duration from {} to {}", format_duration(self.0), format_duration(self.1))
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Duration, Vec<ValueError>> {
        if let Some(n) = raw.integer() {
            return Err(self.refuse(raw, &format!("; write its unit, as in \"{n}s\"")));
        }
        let span = raw.text().and_then(parse_duration);
        let hint = if span.is_none() { "; write it like \"30s\" or \"2h 30m\"" } else { "" };
        span.filter(|span| (self.0..=self.1).contains(span)).ok_or_else(|| self.refuse(raw, hint))
    }

    fn show(&self, value: &Duration) -> String {
        quote(&format_duration(*value))
    }
}

/// 0 to 1.
pub(super) struct Fraction;

impl ValueType<f64> for Fraction {
    fn expected(&self) -> String {
        "a number from 0 to 1".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<f64, Vec<ValueError>> {
        let number = match raw {
            RawValue::Float(number) => Some(*number),
            RawValue::Integer(Some(0)) => Some(0.0),
            RawValue::Integer(Some(1)) => Some(1.0),
            RawValue::Bare(text) => text.trim().parse().ok(),
            RawValue::Integer(_)
            | RawValue::Text(_)
            | RawValue::Boolean(_)
            | RawValue::List(_)
            | RawValue::Datetime
            | RawValue::Table(_) => None,
        };
        let quoted = matches!(raw, RawValue::Text(text) if text.parse::<f64>().is_ok());
        number
            .filter(|number| (0.0..=1.0).contains(number))
            .ok_or_else(|| self.refuse(raw, if quoted { "; leave the quotes out" } else { "" }))
    }

    fn show(&self, value: &f64) -> String {
        format!("{value:?}")
    }
}

/// Yes or no.
pub(super) struct Switch;

impl ValueType<bool> for Switch {
    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<bool, Vec<ValueError>> {
        match raw {
            RawValue::Boolean(yes) => Ok(*yes),
            RawValue::Bare(text) => text.trim().parse().map_err(|_| self.refuse(raw, "")),
            RawValue::Text(text) if text.parse::<bool>().is_ok() => Err(self.refuse(raw, "; leave the quotes out")),
            RawValue::Text(_)
            | RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::List(_)
            | RawValue::Datetime
            | RawValue::Table(_) => Err(self.refuse(raw, "")),
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// One of a few words.
pub(super) struct Choice<V: 'static>(pub(super) &'static [(&'static str, V)]);

impl<V: Copy + PartialEq> ValueType<V> for Choice<V> {
    fn expected(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(word, _)| quote(word)).collect();
        match words.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => words.concat(),
        }
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<V, Vec<ValueError>> {
        let found = raw.text().and_then(|text| self.0.iter().find(|(word, _)| *word == text));
        found.map(|(_, value)| *value).ok_or_else(|| self.refuse(raw, ""))
    }

    fn show(&self, value: &V) -> String {
        quote(self.0.iter().find(|(_, other)| other == value).expect("every value has its word").0)
    }
}

/// A path; whether anything stands there is for its user to find out.
pub(super) struct FilePath;

impl ValueType<PathBuf> for FilePath {
    fn expected(&self) -> String {
        "a path".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<PathBuf, Vec<ValueError>> {
        let good = raw.text().filter(|text| !text.is_empty() && !text.contains('\0'));
        good.map(PathBuf::from).ok_or_else(|| self.refuse(raw, ""))
    }

    fn show(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}

/// A path, or the empty string for none: TOML has no word for nothing, and a variable must be able to undo the file.
pub(super) struct MaybePath;

impl ValueType<Option<PathBuf>> for MaybePath {
    fn expected(&self) -> String {
        "a path, or \"\" for none".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Option<PathBuf>, Vec<ValueError>> {
        match raw.text() {
            Some("") => Ok(None),
            Some(text) if !text.contains('\0') => Ok(Some(PathBuf::from(text))),
            _ => Err(self.refuse(raw, "")),
        }
    }

    fn show(&self, value: &Option<PathBuf>) -> String {
        quote(&value.as_ref().map(|path| path.to_string_lossy()).unwrap_or_default())
    }
}

/// The URL of a proxy, or the empty string for none. What it may hold of a password is shown to nobody.
pub(super) struct MaybeProxy;

impl ValueType<Option<ProxyUrl>> for MaybeProxy {
    fn expected(&self) -> String {
        format!("{}, or \"\" for none", ProxyUrl::FORM)
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Option<ProxyUrl>, Vec<ValueError>> {
        match raw.text() {
            Some("") => Ok(None),
            Some(text) => ProxyUrl::parse(text).map(Some).map_err(|_| self.refuse(raw, "")),
            None => Err(self.refuse(raw, "")),
        }
    }

    fn show(&self, value: &Option<ProxyUrl>) -> String {
        quote(&value.as_ref().map(|proxy| format!("http://{proxy}")).unwrap_or_default())
    }
}

/// Another form, or "none".
pub(super) struct OrNone<F>(pub(super) F);

impl<V, F: ValueType<V>> ValueType<Option<V>> for OrNone<F> {
    fn expected(&self) -> String {
        format!("{}, or \"none\"", self.0.expected())
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Option<V>, Vec<ValueError>> {
        if raw.text() == Some("none") { Ok(None) } else { self.0.read(raw).map(Some) }
    }

    fn show(&self, value: &Option<V>) -> String {
        value.as_ref().map_or_else(|| quote("none"), |value| self.0.show(value))
    }
}

/// A text that a function accepts, and the words for what it accepts.
pub(super) struct Name(pub(super) &'static str, pub(super) fn(&str) -> bool);

impl ValueType<String> for Name {
    fn expected(&self) -> String {
        self.0.to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<String, Vec<ValueError>> {
        raw.text().filter(|text| (self.1)(text)).map(str::to_owned).ok_or_else(|| self.refuse(raw, ""))
    }

    fn show(&self, value: &String) -> String {
        quote(value)
    }
}

/// An entry of `egress.allow`.
pub(super) struct Rule;

impl ValueType<AllowRule> for Rule {
    fn expected(&self) -> String {
        "a range of addresses with an optional port, such as \"192.168.0.0/16\" or \"127.0.0.1/32:3000\"".to_owned()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<AllowRule, Vec<ValueError>> {
        let text = raw.text().ok_or_else(|| self.refuse(raw, ""))?;
        AllowRule::parse(text).map_err(|error| ValueError::one(format!("can't be {}: {error}", raw.describe())))
    }

    fn show(&self, value: &AllowRule) -> String {
        quote(&value.to_string())
    }
}

/// An event type.
pub(super) struct Type;

impl ValueType<EventType> for Type {
    fn expected(&self) -> String {
        format!("an event type such as \"SHIPMENT.SENT\", of at most {} bytes", EventType::MAX_BYTES)
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<EventType, Vec<ValueError>> {
        let hint = "; capitals, digits and _, in words joined by dots, each beginning with a letter; WEBHOOK is carteiro's own category";
        let own = |event_type: &EventType| event_type.category() == EventType::OWN_CATEGORY;
        raw.text().and_then(EventType::parse).filter(|it| !own(it)).ok_or_else(|| self.refuse(raw, hint))
    }

    fn show(&self, value: &EventType) -> String {
        quote(value.as_str())
    }
}

/// A list of from `min` to `max` items. A variable holds it as a TOML array, or separated by commas.
pub(super) struct List<F> {
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) item: F,
}

impl<V, F: ValueType<V>> ValueType<Vec<V>> for List<F> {
    fn expected(&self) -> String {
        let Self { min, max, item } = self;
        format!("a list of {min} to {max} items, each {}", item.expected())
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Vec<V>, Vec<ValueError>> {
        match raw {
            RawValue::List(items) => self.read_items(items),
            RawValue::Bare(text) if text.trim_start().starts_with('[') => match DeValue::parse(text.trim()) {
                Ok(array) => self.read(&array.get_ref().into()),
                Err(error) => Err(ValueError::one(format!("is not a TOML array: {}", error.message()))),
            },
            RawValue::Bare(text) if text.trim().is_empty() => self.read_items(&[]),
            RawValue::Bare(text) => {
                let items: Vec<RawValue<'_>> = text.split(',').map(|item| RawValue::Bare(item.trim().into())).collect();
                self.read_items(&items)
            }
            RawValue::Text(_) => Err(self.refuse(raw, "; put it in square brackets")),
            RawValue::Integer(_)
            | RawValue::Float(_)
            | RawValue::Boolean(_)
            | RawValue::Datetime
            | RawValue::Table(_) => Err(self.refuse(raw, "")),
        }
    }

    fn show(&self, value: &Vec<V>) -> String {
        let items: Vec<String> = value.iter().map(|value| self.item.show(value)).collect();
        format!("[{}]", items.join(", "))
    }
}

impl<F> List<F> {
    fn read_items<V>(&self, items: &[RawValue<'_>]) -> Result<Vec<V>, Vec<ValueError>>
    where
        F: ValueType<V>,
    {
        let Self { min, max, item } = self;
        if !(*min..=*max).contains(&items.len()) {
            return Err(ValueError::one(format!("must have {min} to {max} items, not {}", items.len())));
        }
        let (mut values, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
        for (at, raw) in items.iter().enumerate() {
            match item.read(raw) {
                Ok(value) => values.push(value),
                Err(found) => faults.extend(found.into_iter().map(|fault| ValueError { item: Some(at), ..fault })),
            }
        }
        if faults.is_empty() { Ok(values) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KIB;

    fn message<V: std::fmt::Debug>(format: &impl ValueType<V>, raw: &RawValue<'_>) -> String {
        format.read(raw).unwrap_err().remove(0).message
    }

    #[test]
    fn a_number_without_unit_is_no_duration() {
        let span = Span(Duration::from_secs(1), Duration::from_secs(60));
        for raw in [RawValue::Integer(Some(30)), RawValue::Bare("30".into())] {
            assert!(message(&span, &raw).ends_with("; write its unit, as in \"30s\""), "{raw:?}");
        }
        let text = RawValue::Text("30".into());
        assert_eq!(
            message(&span, &text),
            "must be a duration from 1s to 1m, not \"30\"; write it like \"30s\" or \"2h 30m\""
        );
    }

    #[test]
    fn a_quoted_number_is_told_from_a_number() {
        let count = Count(1, 20);
        assert_eq!(ValueType::<u8>::read(&count, &RawValue::Bare("20".into())), Ok(20));
        assert!(message::<u8>(&count, &RawValue::Text("20".into())).ends_with("; leave the quotes out"));
        assert!(message::<u8>(&count, &RawValue::Integer(None)).ends_with("not a number that large"));
        assert!(message(&Switch, &RawValue::Text("true".into())).ends_with("; leave the quotes out"));
        assert!(message(&Fraction, &RawValue::Text("0.1".into())).ends_with("; leave the quotes out"));
    }

    #[test]
    fn fractions_end_at_0_and_1() {
        let read = |text: &'static str| Fraction.read(&RawValue::Bare(text.into())).ok();
        assert_eq!((read("0"), read("1"), read("0.25")), (Some(0.0), Some(1.0), Some(0.25)));
        assert_eq!((read("-0.001"), read("1.001"), read("nan"), read("inf")), (None, None, None, None));
        assert!(
            Fraction.read(&RawValue::Integer(Some(1))).is_ok() && Fraction.read(&RawValue::Integer(Some(2))).is_err()
        );
    }

    #[test]
    fn lists_of_a_variable_are_arrays_or_separated_by_commas() {
        let list = List { min: 0, max: 2, item: Name("a word", |text| !text.is_empty()) };
        let read = |text: &'static str| list.read(&RawValue::Bare(text.into()));
        assert_eq!(read("[\"a\", 'b']").unwrap(), ["a", "b"]);
        assert_eq!(read(" a , b ").unwrap(), ["a", "b"]);
        assert_eq!(read("").unwrap(), [""; 0]);
        assert_eq!(read("a,").unwrap_err()[0].item, Some(1));
        assert!(read("a,b,c").is_err());
        assert!(read("[\"a\"").unwrap_err()[0].message.starts_with("is not a TOML array: "));
    }

    #[test]
    fn sizes_end_where_they_say() {
        let size = Size(KIB, 2 * KIB);
        assert_eq!(ValueType::<u64>::read(&size, &RawValue::Integer(Some(2048))), Ok(2048));
        assert_eq!(
            message::<u64>(&size, &RawValue::Integer(Some(2049))),
            "must be a size from 1 KiB to 2 KiB, not 2049"
        );
        assert!(message::<u64>(&size, &RawValue::Text("2 KiBs".into())).contains("; write a whole number and B, KiB"));
        assert!(message::<u64>(&size, &RawValue::Integer(Some(-1))).ends_with("not -1"));
    }
}
