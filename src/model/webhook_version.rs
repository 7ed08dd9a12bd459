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
        WebhookVersion(Fingerprint::of(parts.into_iter().chain(settings.iter().map(String::as_bytes))).0)
    }

    /// All that a caller can change but the status, each as a text, in an order of its own. A value that is given and
    /// one that is the default are the same.
    pub fn settings(&self) -> Vec<String> {
        let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n");
        let number = |number: Option<u128>| number.map(|number| number.to_string()).unwrap_or_default();
        let retry = self.retry.as_ref();
        vec![
            self.own_name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            self.target.as_str().to_owned(),
            list(&mut self.events.iter().map(Pattern::to_string)),
            self.filter.as_ref().map(|filter| filter.as_str().to_owned()).unwrap_or_default(),
            self.authorization.as_ref().map(|value| value.expose().to_owned()).unwrap_or_default(),
            // Distinguishes an empty description from an absent one, as the webhook does.
            self.description.as_ref().map(|text| format!("={text}")).unwrap_or_default(),
            list(&mut self.headers.iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))),
            number(self.max_in_flight.map(u128::from)),
            self.rate_limit.map(|limit| limit.as_f64().to_string()).unwrap_or_default(),
            self.ordered.to_string(),
            list(&mut retry.into_iter().flat_map(RetryPolicy::schedule).map(|gap| gap.as_millis().to_string())),
            number(retry.map(|retry| retry.max_attempts().into())),
            retry.map(|retry| retry.jitter().to_string()).unwrap_or_default(),
        ]
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
