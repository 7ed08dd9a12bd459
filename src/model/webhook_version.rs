//! Which settings of a webhook somebody has seen, so that their change doesn't overwrite one made since.

use super::{Fingerprint, Pattern, RetryPolicy, Webhook};
use std::fmt;

/// Stands for the settings of a webhook: equal for equal ones, different for others. It tells nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookVersion([u8; 16]);

impl WebhookVersion {
    /// `None` for a text that carteiro never printed.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| good)?;
        Some(Self(number.to_be_bytes()))
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for WebhookVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Which versions of a webhook a change may be applied to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Every one.
    #[default]
    Any,
    /// One whose [`Webhook::version`] is among these.
    OneOf(Vec<WebhookVersion>),
    /// One of these settings, whatever its status: carteiro disables a webhook while somebody edits it.
    Settings(WebhookVersion),
}

impl ExpectedVersion {
    /// Whether a change of this webhook may be applied.
    pub fn allows(&self, webhook: &Webhook) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&webhook.version()),
            Self::Settings(version) => *version == webhook.settings_version(),
        }
    }
}

/// A webhook is no longer as its caller has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outdated;

impl Webhook {
    /// The version of all that a caller can change, the status included.
    pub fn version(&self) -> WebhookVersion {
        self.hash(self.status.as_str())
    }

    /// The version of all of that but the status.
    pub fn settings_version(&self) -> WebhookVersion {
        self.hash("")
    }

    /// Its signing secret is part of it: a token that may only read could otherwise guess an authorization and compare.
    fn hash(&self, status: &str) -> WebhookVersion {
        let settings = self.settings();
        let parts = [b"version".as_slice(), self.secret.expose(), status.as_bytes()];
        WebhookVersion(Fingerprint::of(parts.into_iter().chain(settings.iter().map(|(_, text)| text.as_bytes()))).0)
    }

    /// All that a caller can change but the status: each field of the API with its value as a text, in an order of its
    /// own; a field of several parts is several times there. A value that is given and one that is the default are the
    /// same.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n");
        let number = |number: Option<u128>| number.map(|number| number.to_string()).unwrap_or_default();
        let retry = self.retry.as_ref();
        // In any order they are the same.
        let mut headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii())).collect();
        headers.sort();
        let schedule =
            list(&mut retry.into_iter().flat_map(RetryPolicy::schedule).map(|gap| gap.as_millis().to_string()));
        vec![
            ("name", self.own_name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default()),
            ("target", self.target.as_str().to_owned()),
            ("events", list(&mut self.events.iter().map(Pattern::to_string))),
            ("filter", self.filter.as_ref().map(|filter| filter.as_str().to_owned()).unwrap_or_default()),
            ("authorization", self.authorization.as_ref().map(|value| value.expose().to_owned()).unwrap_or_default()),
            ("client_certificate", self.client_certificate.as_ref().map(ToString::to_string).unwrap_or_default()),
            // Distinguishes an empty description from an absent one, as the webhook does.
            ("description", self.description.as_ref().map(|text| format!("={text}")).unwrap_or_default()),
            ("headers", headers.join("\n")),
            ("max_in_flight", number(self.max_in_flight.map(u128::from))),
            ("rate_limit", self.rate_limit.map(|limit| limit.as_f64().to_string()).unwrap_or_default()),
            ("ordered", self.ordered.to_string()),
            ("retry", schedule),
            ("retry", number(retry.map(|retry| retry.max_attempts().into()))),
            ("retry", retry.map(|retry| retry.jitter().to_string()).unwrap_or_default()),
            ("signatures", list(&mut self.signatures.identifiers().iter().map(ToString::to_string))),
        ]
    }

    /// The fields of the API in which another webhook differs, of those that a caller can change; of secret ones no
    /// more is told.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (own, others) = (self.settings(), other.settings());
        let differing = own.iter().zip(&others).filter(|(own, other)| own.1 != other.1).map(|(own, _)| own.0);
        let status = (self.status.as_str() != other.status.as_str()).then_some("status");
        let mut fields: Vec<&'static str> = differing.chain(status).collect();
        fields.dedup();
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_what_they_print() {
        let version = WebhookVersion([0x0f; 16]);
        assert_eq!(version.to_string(), "0f".repeat(16));
        assert_eq!(WebhookVersion::parse(&version.to_string()), Some(version));
        for bad in ["", "0f", &"0F".repeat(16), &"0f".repeat(17), &format!("+{}", &"0f".repeat(16)[1..])] {
            assert_eq!(WebhookVersion::parse(bad), None, "{bad}");
        }
    }
}
