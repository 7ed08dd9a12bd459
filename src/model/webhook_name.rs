//! What a shop calls a webhook.

use super::TargetUrl;
use super::shell::is_invisible;
use std::fmt;

/// A webhook's name: 1 to 80 characters, none of them a control character, no space at its ends. Two webhooks may have
/// the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookName(String);

impl WebhookName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 80;

    /// Takes spaces off the ends; `None` unless what is left has the form above.
    pub fn parse(text: &str) -> Option<Self> {
        // Before it is looked at: it may have a mebibyte.
        let text = Some(text.trim()).filter(|text| text.len() <= 4 * Self::MAX_CHARS)?;
        let good = (1..=Self::MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(is_invisible);
        good.then(|| Self(text.to_owned()))
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a webhook without a name of its own is called: the host of its target, cut to the longest name.
    pub fn of_target(target: &TargetUrl) -> &str {
        let host = target.host();
        host.char_indices().nth(Self::MAX_CHARS).map_or(host, |(end, _)| &host[..end])
    }
}

impl fmt::Display for WebhookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_at_most_80_characters() {
        let longest = "ã".repeat(WebhookName::MAX_CHARS);
        for good in ["ERP Bling", "1", "ação 🚚", &longest] {
            assert_eq!(WebhookName::parse(&format!("  {good} ")).unwrap().as_str(), good);
        }
        for bad in ["", "  ", "a\nb", "a\u{7f}b", "a\u{202e}b", "a\u{85}b", &format!("{longest}x")] {
            assert!(WebhookName::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_long_host_is_cut() {
        let target = |host: &str| TargetUrl::parse(&format!("https://{host}:8443/x")).unwrap();
        assert_eq!(WebhookName::of_target(&target("loja.example")), "loja.example");
        assert_eq!(WebhookName::of_target(&target("[::1]")), "::1");
        let long = format!("{}.{}.example", "a".repeat(50), "b".repeat(50));
        assert_eq!(WebhookName::of_target(&target(&long)), &long[..80]);
    }
}
