//! Looking into a resource: its ids and amount, what people find it by, its depth.

use super::business_keys::{Keys, MAX_KEYS};
use super::json_scan::{Member, Value, scan};
use super::{Fingerprint, ResourceFacts};
use std::borrow::Cow;

impl ResourceFacts {
    /// Looks at the top of a JSON object and one level below it, in one pass. Of a name that an object has twice the
    /// first one counts. `external_id` is the caller's own id for the event, `key_fields` are the fields whose values
    /// are keys whatever they look like.
    pub fn find(external_id: Option<&str>, resource: &str, key_fields: &[String]) -> Self {
        let mut found = Found::default();
        scan(resource, |member| found.take(member, key_fields));
        let Found { id, external_id: own, order_id, payment_id, total_cents, order, payment, named, others } = found;
        let mut facts = Self {
            id: id.text(),
            external_id: own.text(),
            order_id: order_id.text().or_else(|| order.text()),
            payment_id: payment_id.text().or_else(|| payment.text()),
            total_cents: total_cents.found().and_then(|digits| digits.parse().ok()),
            keys: Vec::new(),
        };
        let mut keys = Keys::default();
        // What the shop asks for goes before what is found by its name alone: an erasure relies on it.
        if let Some(own) = external_id {
            keys.add(own, is_named(key_fields, "external_id"));
        }
        for text in &named {
            keys.add(text, true);
        }
        let first = [
            (facts.external_id.as_deref(), "external_id"),
            (facts.id.as_deref(), "id"),
            (facts.order_id.as_deref(), "order_id"),
            (facts.payment_id.as_deref(), "payment_id"),
        ];
        for (text, name) in first {
            if let Some(text) = text {
                keys.add(text, is_named(key_fields, name));
            }
        }
        for text in &others {
            keys.add(text, false);
        }
        facts.keys = keys.0;
        facts
    }
}

fn is_named(fields: &[String], name: &str) -> bool {
    fields.iter().any(|field| field == name)
}

/// The longest id that is looked at, in bytes: the filters' index keeps none that is longer.
const MAX_ID_BYTES: usize = 255;

/// What a pass has found so far.
#[derive(Default)]
struct Found<'a> {
    id: First<'a>,
    external_id: First<'a>,
    order_id: First<'a>,
    payment_id: First<'a>,
    total_cents: First<'a>,
    /// The ids of the objects that are called so.
    order: First<'a>,
    payment: First<'a>,
    /// The values of the fields that are named as keys, in the order written.
    named: Vec<Cow<'a, str>>,
    /// What else may be keys, in the order written.
    others: Vec<Cow<'a, str>>,
}

impl<'a> Found<'a> {
    fn take(&mut self, member: Member<'a>, key_fields: &[String]) {
        let Member { of, object, name, value } = member;
        let asked_for = is_named(key_fields, &name);
        let is_id = name == "id" || name.ends_with("_id");
        if !is_id && !asked_for && name != "total_cents" {
            return;
        }
        if name == "total_cents" {
            // One that is no number hides those of other objects: no amount is better than another one's.
            let digits = if let Value::Number(digits) = value { digits } else { "" };
            self.total_cents.take(object, Some(&Cow::Borrowed(digits)));
        }
        let text = value.into_text();
        let text = text.filter(|text| !text.is_empty() && text.len() <= MAX_ID_BYTES);
        match &*name {
            "id" => {
                self.id.take(object, text.as_ref());
                match of.as_deref() {
                    Some("order") => self.order.take(object, text.as_ref()),
                    Some("payment") => self.payment.take(object, text.as_ref()),
                    _ => {}
                }
            }
            "external_id" => self.external_id.take(object, text.as_ref()),
            "order_id" => self.order_id.take(object, text.as_ref()),
            "payment_id" => self.payment_id.take(object, text.as_ref()),
            _ => {}
        }
        let is_tax_id = name == "tax_id" || name.ends_with("_tax_id");
        let list = if asked_for { &mut self.named } else { &mut self.others };
        if (asked_for || (is_id && !is_tax_id)) && list.len() < 2 * MAX_KEYS {
            list.extend(text);
        }
    }
}

/// A field at the top or, where it is missing there, in the first object one level down that has it.
#[derive(Default)]
struct First<'a> {
    top: Option<Option<Cow<'a, str>>>,
    below: Option<Cow<'a, str>>,
    /// The last object below the top that had it, whatever its value.
    last: usize,
}

impl<'a> First<'a> {
    fn take(&mut self, object: usize, value: Option<&Cow<'a, str>>) {
        if object == 0 {
            self.top.get_or_insert_with(|| value.cloned());
        } else if self.last != object {
            self.last = object;
            if self.below.is_none() {
                self.below = value.cloned();
            }
        }
    }

    fn found(self) -> Option<Cow<'a, str>> {
        self.top.flatten().or(self.below)
    }

    fn text(self) -> Option<String> {
        self.found().map(Cow::into_owned)
    }
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
        let found = ResourceFacts::find(None, resource, &[]);
        (found.id, found.external_id)
    }

    fn facts(resource: &str) -> ResourceFacts {
        ResourceFacts::find(Some("Pedido-1042"), resource, &[])
    }

    #[test]
    fn a_row_can_say_which_order_and_how_much() {
        let of = |found: ResourceFacts| (found.order_id, found.payment_id, found.total_cents);
        let both = r#"{"payment":{"id":"p","order_id":"o","total_cents":35986}}"#;
        assert_eq!(of(facts(both)), (Some("o".to_owned()), Some("p".to_owned()), Some(35986)));
        let order = r#"{"order":{"id":7,"total_cents":"35986"},"payment":{"id":"p","total_cents":1}}"#;
        assert_eq!(of(facts(order)), (Some("7".to_owned()), Some("p".to_owned()), None));
        for no_integer in ["359.86", "1e2", "\"1\"", "null", "99999999999999999999"] {
            assert_eq!(facts(&format!(r#"{{"total_cents":{no_integer}}}"#)).total_cents, None, "{no_integer}");
        }
        assert_eq!(of(facts(r#"{"order_id":"o","total_cents":-5}"#)), (Some("o".to_owned()), None, Some(-5)));
    }

    #[test]
    fn ids_at_the_top_and_one_level_down_are_keys() {
        let json = r#"{"id":17,"payment":{"method_id":"M-1","external_id":"pedido-1042","order_id":"O-9","tax_id":"1",
            "customer_tax_id":"2","note":"x","number":"NF-1","card":{"id":"deep"}},"customer":{"id":"52998224725"}}"#;
        assert_eq!(facts(json).keys, ["pedido-1042", "17", "o-9", "m-1"]);
        let named: Vec<String> = ["tax_id", "number", "id"].map(str::to_owned).into();
        let found = ResourceFacts::find(None, json, &named);
        assert_eq!(found.keys, ["17", "1", "nf-1", "52998224725", "pedido-1042", "o-9", "m-1"]);
        let many: Vec<String> = (0..40).map(|n| format!(r#""a{n}_id":{n}"#)).collect();
        assert_eq!(facts(&format!("{{{}}}", many.join(","))).keys.len(), MAX_KEYS);
        // An erasure of a customer has to find what the shop named, however many ids stand before it.
        let last = format!(r#"{{{},"customer":{{"email":"Ana@loja.example"}}}}"#, many.join(","));
        let found = ResourceFacts::find(Some("own"), &last, &["email".to_owned()]);
        assert_eq!(found.keys[..2], ["own", "ana@loja.example"]);
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
