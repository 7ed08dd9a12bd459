//! The fields of a webhook: how each stands in the file and in the API. A field of the API that isn't in this table
//! fails a test.

/// One field, by its name in the API.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
}

/// How it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As in the API.
    Plain,
    /// As a text that holds JSON: TOML has no `null`, and no numbers of any size.
    Filter,
    /// Not at all: the API never answers it. `…_env` and `…_file` name where it is; the API tells in `…_set` whether
    /// there is one.
    Secret,
    /// Likewise, for a new webhook alone.
    FirstSecret,
    /// Texts by name, of which the API answers only the names. Each is a text, or names where it is: `{ env = "…" }` or
    /// `{ file = "…" }`.
    Values,
}

/// What it means where the file doesn't have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// The file must have it.
    Refused,
    /// This value of the API, as JSON.
    Default(&'static str),
    /// It stays as it is; a new webhook has the API's default.
    Kept,
}

const fn field(name: &'static str, kind: Kind, absent: Absent) -> Field {
    Field { name, kind, absent }
}

/// All of them, in the order in which an export writes them.
pub(super) const FIELDS: &[Field] = &[
    field("name", Kind::Plain, Absent::Refused),
    field("target", Kind::Plain, Absent::Refused),
    field("events", Kind::Plain, Absent::Refused),
    field("status", Kind::Plain, Absent::Kept),
    field("description", Kind::Plain, Absent::Default("null")),
    field("authorization", Kind::Secret, Absent::Default("null")),
    field("client_certificate", Kind::Plain, Absent::Default("null")),
    field("secret", Kind::FirstSecret, Absent::Kept),
    field("max_in_flight", Kind::Plain, Absent::Default("null")),
    field("rate_limit", Kind::Plain, Absent::Default("null")),
    field("ordered", Kind::Plain, Absent::Default("false")),
    field("retry", Kind::Plain, Absent::Default("null")),
    field("signatures", Kind::Plain, Absent::Default("[\"v1\"]")),
    field("headers", Kind::Values, Absent::Default("null")),
    field("filter", Kind::Filter, Absent::Default("null")),
];

/// What the key of a reference ends in, or what it is called in a table.
pub(super) const ENV: &str = "env";
pub(super) const FILE: &str = "file";

impl Field {
    /// The keys that the file may have for it.
    pub(super) fn keys(&self) -> Vec<String> {
        match self.kind {
            Kind::Plain | Kind::Filter | Kind::Values => vec![self.name.to_owned()],
            Kind::Secret | Kind::FirstSecret => [ENV, FILE].map(|end| format!("{}_{end}", self.name)).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// A field that is missing here would be reset by an export that is applied elsewhere.
    #[test]
    fn it_has_every_field_that_the_api_takes_and_answers() {
        let document: Value = serde_json::from_str(include_str!("../../api/openapi.json")).unwrap();
        let schema = |path: &str| document.pointer(&format!("/components/schemas/{path}/properties")).unwrap();
        let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
        let own: BTreeSet<String> = FIELDS.iter().map(|field| field.name.to_owned()).collect();
        assert_eq!(own, names(schema("NewWebhook/properties/webhook")));
        let with_first_secret = |mut names: BTreeSet<String>| {
            names.insert("secret".to_owned());
            names
        };
        assert_eq!(own, with_first_secret(names(schema("WebhookChange/properties/webhook"))));
        let answered = |field: &Field| match field.kind {
            Kind::Secret => Some(format!("{}_set", field.name)),
            Kind::FirstSecret => None,
            Kind::Plain | Kind::Filter | Kind::Values => Some(field.name.to_owned()),
        };
        let settings: BTreeSet<String> = FIELDS.iter().filter_map(answered).collect();
        assert_eq!(settings, names(schema("WebhookPlan/properties/webhook")));
        assert!(settings.is_subset(&names(schema("Webhook"))));
    }
}
