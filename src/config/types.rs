//! The value type of `catalogue.extra`: a name alone, or a table with what people read of the type and a sample of it.

use super::raw::{Field, RawValue, ValueError, ValueType, quote};
use super::suggest::nearest;
use super::value_types::{List, Type};
use crate::model::{ExtraType, Sample, Sentences};
use std::collections::HashMap;

/// A list of up to so many types. One that is described stands in it once.
pub(super) struct Types(pub(super) usize);

impl Types {
    const fn list(&self) -> List<OneType> {
        List { min: 0, max: self.0, item: OneType }
    }
}

impl ValueType<Vec<ExtraType>> for Types {
    fn expected(&self) -> String {
        self.list().expected()
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<Vec<ExtraType>, Vec<ValueError>> {
        let types = self.list().read(raw)?;
        let mut seen: HashMap<&str, (usize, bool)> = HashMap::new();
        for (nth, one) in types.iter().enumerate() {
            let described = one.sentences.is_some() || one.sample.is_some();
            match seen.get(one.event_type.as_str()) {
                // A bare name twice says nothing new, and was always taken.
                Some((first, before)) if described || *before => {
                    let message = format!("is {}, as item {} is already; describe it once", one.event_type, first + 1);
                    return Err(vec![ValueError { item: Some(nth), at: None, message }]);
                }
                Some(_) => {}
                None => drop(seen.insert(one.event_type.as_str(), (nth, described))),
            }
        }
        Ok(types)
    }

    fn show(&self, value: &Vec<ExtraType>) -> String {
        self.list().show(value)
    }
}

struct OneType;

const FIELDS: [&str; 4] = ["type", "pt", "en", "sample"];

impl ValueType<ExtraType> for OneType {
    fn expected(&self) -> String {
        format!("{}, or a table of {}", Type.expected(), FIELDS.join(", "))
    }

    fn read(&self, raw: &RawValue<'_>) -> Result<ExtraType, Vec<ValueError>> {
        match raw {
            RawValue::Table(fields) => described(fields),
            raw => Type.read(raw).map(|event_type| ExtraType { event_type, sentences: None, sample: None }),
        }
    }

    fn show(&self, value: &ExtraType) -> String {
        let name = Type.show(&value.event_type);
        let (pt, en) = value.sentences.as_ref().map(|both| (&*both.pt, &*both.en)).unzip();
        let rest = [("pt", pt), ("en", en), ("sample", value.sample.as_deref())];
        let rest: String =
            rest.iter().filter_map(|(field, text)| Some(format!(", {field} = {}", quote((*text)?)))).collect();
        if rest.is_empty() { name } else { format!("{{ type = {name}{rest} }}") }
    }
}

fn described(fields: &[Field<'_>]) -> Result<ExtraType, Vec<ValueError>> {
    let mut faults = Vec::new();
    let mut fault = |at: Option<usize>, message: String| faults.push(ValueError { item: None, at, message });
    for field in fields.iter().filter(|field| !FIELDS.contains(&&*field.name)) {
        let hint = nearest(&field.name, FIELDS)
            .map_or_else(|| format!("; there are {}", FIELDS.join(", ")), |near| format!("; did you mean `{near}`?"));
        fault(Some(field.name_at), format!("has the unknown key {}{hint}", super::raw::clipped(&field.name)));
    }
    let find = |name: &str| fields.iter().find(|field| field.name == name);
    let event_type = match find("type") {
        None => {
            fault(None, "has no `type`: write type = \"SHIPMENT.SENT\"".to_owned());
            None
        }
        Some(field) => match Type.read(&field.value) {
            Ok(event_type) => Some(event_type),
            Err(found) => {
                for one in found {
                    fault(Some(field.at), format!("has a `type` that {}", one.message));
                }
                None
            }
        },
    };
    let mut text = |name: &str, check: &dyn Fn(&str) -> Result<(), String>| -> Option<String> {
        let field = find(name)?;
        let checked = match field.value.text() {
            None => Err(format!("must be a text in quotes, not {}", field.value.describe())),
            Some(text) => check(text).map(|()| text.to_owned()),
        };
        checked.map_err(|why| fault(Some(field.at), format!("has `{name}`, which {why}"))).ok()
    };
    let (pt, en) = (text("pt", &Sentences::check), text("en", &Sentences::check));
    let sample = text("sample", &Sample::check);
    for (has, lacks) in [("pt", "en"), ("en", "pt")] {
        if let (Some(field), None) = (find(has), find(lacks)) {
            fault(Some(field.at), format!("has `{has}` without `{lacks}`: people read either language"));
        }
    }
    let sentences = pt.zip(en).map(|(pt, en)| Sentences { pt: pt.into(), en: en.into() });
    match event_type {
        Some(event_type) if faults.is_empty() => Ok(ExtraType { event_type, sentences, sample }),
        _ => Err(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<ExtraType>, Vec<String>> {
        let found = Types(9).read(&RawValue::Bare(text.into()));
        found.map_err(|faults| faults.into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn a_described_type_reads_back_as_it_is_shown() {
        let text = r#"["A.B", { type = "SHIPMENT.SENT", pt = "O pedido \"saiu\".", en = "It left.", sample = '{"shipment": {"id": 1e400}}' }, {type="A.C",sample="{}"}]"#;
        let types = read(text).unwrap();
        assert_eq!(types[1].sentences.as_ref().unwrap().pt, "O pedido \"saiu\".");
        assert_eq!(types[1].sample.as_deref(), Some(r#"{"shipment": {"id": 1e400}}"#));
        assert_eq!(read(&Types(9).show(&types)).unwrap(), types);
        assert_eq!(read("A.B, A.C").unwrap(), read("[\"A.B\", { type = 'A.C' }]").unwrap());
        assert!(read("[\"A.B\", \"A.B\"]").is_ok());
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        for (text, expected) in [
            ("[{ pt = 'Oi.', en = 'Hi.' }]", "has no `type`"),
            ("[{ type = 'a.b' }]", "has a `type` that must be an event type"),
            ("[{ type = 'WEBHOOK.X' }]", "carteiro's own category"),
            ("[{ type = 'A.B', tpye = 1 }]", "has the unknown key \"tpye\"; did you mean `type`?"),
            ("[{ type = 'A.B', colour = 1 }]", "there are type, pt, en, sample"),
            ("[{ type = 'A.B', pt = 'Oi.' }]", "has `pt` without `en`"),
            ("[{ type = 'A.B', en = 'Hi.' }]", "has `en` without `pt`"),
            ("[{ type = 'A.B', en = 1, pt = 'Oi.' }]", "must be a text in quotes, not 1"),
            ("[{ type = 'A.B', en = '', pt = 'Oi.' }]", "has `en`, which must have 1 to"),
            ("[{ type = 'A.B', en = \"a\\nb\", pt = 'Oi.' }]", "must be one line"),
            ("[{ type = 'A.B', sample = '[]' }]", "must be a JSON object"),
            ("[{ type = 'A.B', sample = '{\"a\":}' }]", "is no JSON: line 1, column 6"),
            ("[{ type = 'A.B', sample = { a = 1 } }]", "must be a text in quotes, not a table"),
            ("[{ type = 'A.B', sample = '{}' }, 'A.B']", "is A.B, as item 1 is already"),
            ("['A.B', { type = 'A.B', sample = '{}' }]", "is A.B, as item 1 is already"),
        ] {
            let faults = read(text).unwrap_err();
            assert!(faults.len() == 1 && faults[0].contains(expected), "{text}: {faults:?}");
        }
    }
}
