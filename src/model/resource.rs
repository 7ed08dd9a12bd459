//! Looking into a resource without interpreting it: its ids, its depth.

use super::json_parts::{FirstParts, members};
use super::{Fingerprint, ResourceIds};
use std::borrow::Cow;

impl ResourceIds {
    /// Looks for `id` and `external_id` at the top of a JSON object and, for whichever is missing there, one level
    /// down, in the first object that has it.
    pub fn find(resource: &str) -> Self {
        let top = members(resource, usize::MAX).map(|top| top.parts).unwrap_or_default();
        let mut found = Self { id: member(&top, "id"), external_id: member(&top, "external_id") };
        for (_, value) in &top {
            if found.id.is_some() && found.external_id.is_some() {
                break;
            }
            if let Some(FirstParts { parts: below, .. }) = members(value, usize::MAX) {
                found.id = found.id.or_else(|| member(&below, "id"));
                found.external_id = found.external_id.or_else(|| member(&below, "external_id"));
            }
        }
        found
    }
}

/// The longest id that is looked at, in bytes: the filters' index keeps none that is longer.
const MAX_ID_BYTES: usize = 255;

fn member(members: &[(Cow<'_, str>, &str)], name: &str) -> Option<String> {
    let (_, text) = *members.iter().find(|(member, _)| member == name)?;
    let id = match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok()?,
        b'-' | b'0'..=b'9' => text.to_owned(),
        _ => return None,
    };
    (!id.is_empty() && id.len() <= MAX_ID_BYTES).then_some(id)
}

/// How deeply the objects and arrays of a JSON text are nested. The text must be valid JSON.
pub fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = json.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => rest = behind_string(behind),
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What follows the string that `text` is the inside of.
fn behind_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', text) {
        if text[at] == b'"' {
            return &text[at + 1..];
        }
        text = text.get(at + 2..).unwrap_or_default();
    }
    &[]
}

impl Fingerprint {
    /// Of some parts, each with its length before it, so that no two lists of parts run together.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finish().as_ref()[..16]);
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(resource: &str) -> (Option<String>, Option<String>) {
        let found = ResourceIds::find(resource);
        (found.id, found.external_id)
    }

    #[test]
    fn ids_are_found_at_the_top_or_one_level_down() {
        assert_eq!(find(r#"{"id":"a","external_id":"b"}"#), (Some("a".to_owned()), Some("b".to_owned())));
        assert_eq!(find(r#"{"payment":{"id":"a","external_id":"b"}}"#), (Some("a".to_owned()), Some("b".to_owned())));
        assert_eq!(
            find(r#"{"id":17,"payment":{"id":"a","external_id":"b"}}"#),
            (Some("17".to_owned()), Some("b".to_owned()))
        );
        assert_eq!(find(r#"{"note":{"x":1},"order":{"id":"o"},"payment":{"id":"p"}}"#), (Some("o".to_owned()), None));
        assert_eq!(find(r#"{"a":{"b":{"id":"too deep"}}}"#), (None, None));
        assert_eq!(find(r#"{"id":null,"external_id":["x"]}"#), (None, None));
        assert_eq!(find(r#"{"id":"\u00e9\n"}"#), (Some("é\n".to_owned()), None));
    }

    #[test]
    fn ids_have_a_longest() {
        let id = "x".repeat(MAX_ID_BYTES);
        assert_eq!(find(&format!(r#"{{"id":"{id}"}}"#)).0, Some(id.clone()));
        assert_eq!(find(&format!(r#"{{"id":"{id}x"}}"#)).0, None);
    }

    #[test]
    fn depth_ignores_what_stands_in_strings() {
        for (json, expected) in
            [("1", 0), ("{}", 1), (r#"{"a":[{}]}"#, 3), (r#"{"a":"[[[[\"{{"}"#, 1), (r#"["\\",[]]"#, 2)]
        {
            assert_eq!(depth(json), expected, "{json}");
        }
    }

    #[test]
    fn fingerprints_keep_parts_apart() {
        let of = |parts: &[&str]| Fingerprint::of(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
