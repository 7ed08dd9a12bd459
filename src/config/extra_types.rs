//! The value type of `catalogue.extra`: a name alone, or a table with what people read of the type and a sample of it.

use super::value::{Entry, RawValue, ValueError, ValueType, clipped, entries, quote};
use super::value_types::{EVENT_TYPE, List};
use crate::model::{ExtraType, Localized, Sample, Sentences, localized};
use crate::suggest::nearest;
use std::collections::HashMap;
use toml::de::DeValue;

/// A list of up to so many types. One that is described may be in it once.
pub(crate) struct Types(pub(crate) usize);

impl Types {
    const fn list(&self) -> List<OneType> {
        List { min: 0, max: self.0, item: OneType }
    }
}

impl ValueType<Vec<ExtraType>> for Types {
    fn expected(&self) -> Localized {
        self.list().expected()
    }

    fn read(&self, raw: RawValue<'_>) -> Result<Vec<ExtraType>, Vec<ValueError>> {
        let types = self.list().read(raw)?;
        let mut seen: HashMap<&str, (usize, bool)> = HashMap::new();
        for (nth, one) in types.iter().enumerate() {
            let described = one.sentences.is_some() || one.sample.is_some();
            let (first, before) = *seen.entry(one.event_type.as_str()).or_insert((nth, described));
            // A bare name twice says nothing new.
            if first != nth && (described || before) {
                let (event_type, first) = (&one.event_type, first + 1);
                let message = localized!(
                    "is {event_type}, as item {first} is already; describe it once",
                    "é {event_type}, como já é o item {first}; descreva-o uma vez só"
                );
                return Err(vec![ValueError { item: Some(nth), at: None, message }]);
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
    fn expected(&self) -> Localized {
        let (Localized { en, pt }, fields) = (EVENT_TYPE.expected(), FIELDS.join(", "));
        localized!("{en}, or a table of {fields}", "{pt}, ou uma tabela de {fields}")
    }

    fn read(&self, raw: RawValue<'_>) -> Result<ExtraType, Vec<ValueError>> {
        match raw {
            RawValue::Toml(DeValue::Table(fields)) => described(&entries(fields)),
            raw => EVENT_TYPE.read(raw).map(|event_type| ExtraType { event_type, sentences: None, sample: None }),
        }
    }

    fn show(&self, value: &ExtraType) -> String {
        let name = EVENT_TYPE.show(&value.event_type);
        let (pt, en) = value.sentences.as_ref().map(|both| (&*both.pt, &*both.en)).unzip();
        let rest = [("pt", pt), ("en", en), ("sample", value.sample.as_deref())];
        let rest: String =
            rest.iter().filter_map(|(field, text)| Some(format!(", {field} = {}", quote((*text)?)))).collect();
        if rest.is_empty() { name } else { format!("{{ type = {name}{rest} }}") }
    }
}

/// Of a key that a table doesn't have, which takes these.
pub(super) fn unknown_field(name: &str, fields: &[&'static str]) -> Localized {
    let (named, all) = (clipped(name), fields.join(", "));
    match nearest(name, fields.iter().copied()) {
        Some(near) => localized!(
            "has the unknown key {named}; did you mean `{near}`?",
            "tem a chave desconhecida {named}; seria `{near}`?"
        ),
        None => localized!(
            "has the unknown key {named}; there are {all}",
            "tem a chave desconhecida {named}; existem {all}"
        ),
    }
}

fn described(fields: &[Entry<'_>]) -> Result<ExtraType, Vec<ValueError>> {
    let mut errors = Vec::new();
    let mut error = |at: Option<usize>, message: Localized| errors.push(ValueError { item: None, at, message });
    for (name, span, _) in fields.iter().filter(|(name, ..)| !FIELDS.contains(name)) {
        error(Some(span.start), unknown_field(name, &FIELDS));
    }
    let find = |wanted: &str| {
        let (_, _, value) = fields.iter().find(|(name, ..)| *name == wanted)?;
        Some((RawValue::Toml(value.get_ref()), value.span().start))
    };
    let mut event_type = None;
    match find("type").map(|(raw, at)| (EVENT_TYPE.read(raw), at)) {
        None => error(
            None,
            localized!(
                "has no `type`: write type = \"SHIPMENT.SENT\"",
                "não tem `type`: escreva type = \"SHIPMENT.SENT\""
            ),
        ),
        Some((Ok(read), _)) => event_type = Some(read),
        Some((Err(found), at)) => {
            for one in found {
                let Localized { en, pt } = one.message;
                error(Some(at), localized!("has a `type` that {en}", "tem um `type` que {pt}"));
            }
        }
    }
    let mut text = |name: &str, check: &dyn Fn(&str) -> Result<(), Localized>| -> Option<String> {
        let (raw, at) = find(name)?;
        let checked = match raw.text() {
            None => {
                let Localized { en, pt } = raw.describe();
                Err(localized!("must be a text in quotes, not {en}", "deve ser um texto entre aspas, e não {pt}"))
            }
            Some(text) => check(text).map(|()| text.to_owned()),
        };
        let which = |Localized { en, pt }| localized!("has `{name}`, which {en}", "tem `{name}`, que {pt}");
        checked.map_err(|why| error(Some(at), which(why))).ok()
    };
    let (pt, en) = (text("pt", &Sentences::check), text("en", &Sentences::check));
    let sample = text("sample", &Sample::check);
    for (has, lacks) in [("pt", "en"), ("en", "pt")] {
        if let (Some((_, at)), None) = (find(has), find(lacks)) {
            let message = localized!(
                "has `{has}` without `{lacks}`: people read either language",
                "tem `{has}` sem `{lacks}`: as pessoas leem um idioma ou o outro"
            );
            error(Some(at), message);
        }
    }
    let sentences = pt.zip(en).map(|(pt, en)| Sentences { pt: pt.into(), en: en.into() });
    match event_type {
        Some(event_type) if errors.is_empty() => Ok(ExtraType { event_type, sentences, sample }),
        _ => Err(errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<ExtraType>, Vec<String>> {
        let found = Types(9).read(RawValue::Bare(text));
        found.map_err(|faults| faults.into_iter().map(|fault| fault.message.en).collect())
    }

    #[test]
    fn a_described_type_reads_back_as_it_is_shown() {
        let text = concat!(
            r#"["A.B", { type = "SHIPMENT.SENT", pt = "O pedido \"saiu\".", en = "It left.", "#,
            r#"sample = '{"shipment": {"id": 1e400}}' }, {type="A.C",sample="{}"}]"#,
        );
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
