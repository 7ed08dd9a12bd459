//! One pass over the text of a JSON object: its members, and those of the objects that are its members' values.
//!
//! A caller decides what stands in an event, so the pass takes time by the length of the text alone, however
//! deep it is nested and whatever it repeats, and allocates for names and values that were written with escapes only.

use super::json_cursor::{JsonCursor, NoJson, Written};
use std::borrow::Cow;

/// The longest name and text with escapes that is read, in bytes as written: no name or id that is looked for is longer
/// where each of its characters is an escape.
const MAX_ESCAPED_BYTES: usize = 6 * 256;

/// A member with a value that can be an id or an amount.
pub(super) struct Member<'a> {
    /// The name of the member of the top whose object it stands in; `None` for a member of the top.
    pub(super) of: Option<Cow<'a, str>>,
    /// Which object it stands in: 0 for the top, and those below it by their order.
    pub(super) object: usize,
    pub(super) name: Cow<'a, str>,
    pub(super) value: Value<'a>,
}

pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// Its digits, as written.
    Number(&'a str),
    /// Anything else: `true`, an object, a text that is too long or is none.
    Other,
}

impl<'a> Value<'a> {
    /// A text, or a number's digits.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(digits) => Some(Cow::Borrowed(digits)),
            Self::Other => None,
        }
    }
}

/// Gives the members of a JSON object and of the objects right below it, in the order written. Of a text that is no
/// JSON it gives what stands before the first fault it meets.
pub(super) fn scan<'a>(json: &'a str, mut take: impl FnMut(Member<'a>)) {
    let mut scan = Scan { cursor: JsonCursor::new(json), objects: 0 };
    // The error has nobody to be told: what is recorded was checked to be JSON before.
    let _ = scan.top(&mut take);
}

struct Scan<'a> {
    cursor: JsonCursor<'a>,
    /// How many objects below the top were met.
    objects: usize,
}

impl<'a> Scan<'a> {
    fn top(&mut self, take: &mut impl FnMut(Member<'a>)) -> Result<(), NoJson> {
        self.cursor.expect(b'{')?;
        while let Some(name) = self.cursor.name()? {
            if self.cursor.peek()? != b'{' {
                let value = self.value()?;
                if let Some(name) = read(&name) {
                    take(Member { of: None, object: 0, name, value });
                }
                continue;
            }
            self.cursor.pass();
            self.objects += 1;
            // Of a member whose name can't be read, the object counts all the same.
            let of = read(&name).unwrap_or_default();
            while let Some(name) = self.cursor.name()? {
                let value = self.value()?;
                if let Some(name) = read(&name) {
                    take(Member { of: Some(of.clone()), object: self.objects, name, value });
                }
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'a>, NoJson> {
        Ok(match self.cursor.peek()? {
            b'"' => read(&self.cursor.string()?).map_or(Value::Other, Value::Text),
            b'{' | b'[' => {
                self.cursor.container()?;
                Value::Other
            }
            b'-' | b'0'..=b'9' => Value::Number(self.cursor.word()?),
            _ => {
                self.cursor.word()?;
                Value::Other
            }
        })
    }
}

fn read<'a>(written: &Written<'a>) -> Option<Cow<'a, str>> {
    written.read(MAX_ESCAPED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scanned(json: &str) -> Vec<String> {
        let mut found = Vec::new();
        scan(json, |member| {
            let Member { of, object, name, value } = member;
            let value = value.into_text().unwrap_or("–".into());
            found.push(format!("{object} {} {name}={value}", of.unwrap_or("".into())));
        });
        found
    }

    /// The same by serde's own reading.
    fn by_serde(json: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut objects = 0;
        let text = |value: &str| match value.as_bytes()[0] {
            b'"' => serde_json::from_str(value).unwrap_or_else(|_| "–".to_owned()),
            b'-' | b'0'..=b'9' => value.to_owned(),
            _ => "–".to_owned(),
        };
        for (name, value) in crate::model::members(json, usize::MAX).map(|top| top.parts).unwrap_or_default() {
            let Some(below) = crate::model::members(value, usize::MAX) else {
                found.push(format!("0  {name}={}", text(value)));
                continue;
            };
            objects += 1;
            found.extend(below.parts.iter().map(|(own, value)| format!("{objects} {name} {own}={}", text(value))));
        }
        found
    }

    #[test]
    fn the_top_and_one_level_below_it_are_given() {
        let json = r#" { "id" : 17 , "a\u0062" : {"id":"x\n","b":{"id":"too deep"},"c":[{"id":"no"}],"d":-1.5e3} ,
            "t":true,"l":["x",{"id":"]}"}],"e":{},"\"":"" , "s":"\\" } "#;
        let expected = [
            "0  id=17",
            "1 ab id=x\n",
            "1 ab b=–",
            "1 ab c=–",
            "1 ab d=-1.5e3",
            "0  t=–",
            "0  l=–",
            "0  \"=",
            "0  s=\\",
        ];
        assert_eq!(scanned(json), expected);
        assert_eq!(by_serde(json), expected);
    }

    #[test]
    fn what_is_hostile_is_passed_over() {
        let deep = format!(r#"{{"a":{}1{},"id":"x"}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(scanned(&deep), ["0  a=–", "0  id=x"]);
        let half = r#"{"id":"\ud800","b":{"\udc00":1,"external_id":"\ud83d\ude00"},"c":"\ud800x"}"#;
        assert_eq!(scanned(half), ["0  id=–", "1 b external_id=😀", "0  c=–"]);
        let long = format!(r#"{{"id":"{}","b":1}}"#, "\\n".repeat(1000));
        assert_eq!(scanned(&long), ["0  id=–", "0  b=1"]);
        let repeated = format!("{{{}\"id\":1}}", "\"id\":2,".repeat(1000));
        assert_eq!(scanned(&repeated).len(), 1001);
        for broken in
            ["", "[", "{", r#"{"a"#, r#"{"a":"#, r#"{"a":"\"#, r#"{"a":{"b":1"#, r#"{"a":1]}"#, "{,,}", "{a:1}"]
        {
            assert!(scanned(broken).len() < 2, "{broken}");
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "0|[1-9][0-9]{0,11}",
            Just("-0.5e+3".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
            prop_oneof!["\\PC{0,6}", "[\"\\\\\u{1}\n{}\\[\\],:]{0,6}"]
                .prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just(r#""\u00e9\ud83d\ude00\/""#.to_owned()),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            let name = prop_oneof![Just("id"), Just("order_id"), Just("\\u0069d"), Just("a"), Just("é\\\"")];
            let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                (prop::collection::vec((name, space, inner), 0..5)).prop_map(|members| {
                    let members =
                        members.iter().map(|(name, space, value)| format!("\"{name}\"{space}:{value}{space}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_as_serde_does(json in json()) {
            prop_assert_eq!(scanned(&json), by_serde(&json));
        }

        #[test]
        fn no_text_makes_it_panic(
            json in "[{}\\[\\]\",:\\\\a1u ]{0,40}",
            cut in any::<prop::sample::Index>(),
            whole in json(),
        ) {
            scan(&json, |_| {});
            let mut end = cut.index(whole.len() + 1);
            while !whole.is_char_boundary(end) { end -= 1; }
            scan(&whole[..end], |_| {});
        }
    }
}
