//! The parts of a JSON text, no more of them than are asked for: a list of millions costs no memory for its items.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The first parts, in the order written, each value still as its text.
pub(crate) struct FirstParts<T> {
    pub(crate) parts: Vec<T>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// The first `most` members of an object; `None` for anything else.
pub(crate) fn members(json: &str, most: usize) -> Option<FirstParts<(Cow<'_, str>, &str)>> {
    read(json, b'{', most)
}

/// The first `most` items of a list; `None` for anything else.
pub(crate) fn items(json: &str, most: usize) -> Option<FirstParts<&str>> {
    read(json, b'[', most)
}

fn read<'a, T: Part<'a>>(json: &'a str, opening: u8, most: usize) -> Option<FirstParts<T>> {
    if json.trim_start().as_bytes().first() != Some(&opening) {
        return None;
    }
    let mut first = FirstParts { parts: Vec::new(), more: false };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // The error is our own stop, once there are enough.
    let read = Gather { into: &mut first, most }.deserialize(&mut deserializer);
    (read.is_ok() || first.more).then_some(first)
}

/// What an object or a list is made of.
trait Part<'a>: Sized {
    fn of_map<A: MapAccess<'a>>(_: &mut A) -> Result<Option<Self>, A::Error> {
        Err(A::Error::custom("no list"))
    }

    fn of_list<A: SeqAccess<'a>>(_: &mut A) -> Result<Option<Self>, A::Error> {
        Err(A::Error::custom("no object"))
    }
}

impl<'a> Part<'a> for (Cow<'a, str>, &'a str) {
    fn of_map<A: MapAccess<'a>>(map: &mut A) -> Result<Option<Self>, A::Error> {
        /// Borrowed unless it was written with escapes (`Cow` alone would always be copied).
        #[derive(serde::Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        let member = map.next_entry::<Name<'a>, &'a RawValue>()?;
        Ok(member.map(|(name, value)| (name.0, value.get())))
    }
}

impl<'a> Part<'a> for &'a str {
    fn of_list<A: SeqAccess<'a>>(list: &mut A) -> Result<Option<Self>, A::Error> {
        Ok(list.next_element::<&'a RawValue>()?.map(RawValue::get))
    }
}

struct Gather<'f, T> {
    into: &'f mut FirstParts<T>,
    most: usize,
}

impl<T> Gather<'_, T> {
    fn all<E: serde::de::Error>(self, mut next: impl FnMut() -> Result<Option<T>, E>) -> Result<(), E> {
        while let Some(part) = next()? {
            if self.into.parts.len() == self.most {
                self.into.more = true;
                return Err(E::custom("enough"));
            }
            self.into.parts.push(part);
        }
        Ok(())
    }
}

impl<'a, T: Part<'a>> DeserializeSeed<'a> for Gather<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, T: Part<'a>> Visitor<'a> for Gather<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        self.all(|| T::of_map(&mut map))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        self.all(|| T::of_list(&mut list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_parts_are_read_and_more_are_told_of() {
        let first = members(r#" {"a": [1], "b\n":2,"a":3} "#, 3).unwrap();
        assert_eq!(first.parts, [("a".into(), "[1]"), ("b\n".into(), "2"), ("a".into(), "3")]);
        assert!(!first.more && members(r#"{"a":1,"b":2}"#, 1).unwrap().more);
        assert_eq!(items(r#"[1, {"x":[]}]"#, 2).unwrap().parts, ["1", r#"{"x":[]}"#]);
        assert!(items("[1,2]", 1).unwrap().more && items("[]", 0).unwrap().parts.is_empty());
        assert!(items("{}", 1).is_none() && members("[]", 1).is_none() && members("1", 1).is_none());
        assert!(members("{\"a\"", 9).is_none());
    }
}
