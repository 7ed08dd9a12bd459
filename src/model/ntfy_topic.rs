//! A topic of ntfy.

use super::target::TargetUrl;
use super::{Localized, localized};

/// The URL of a topic: that of its server, a slash, and 1 to 64 letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtfyTopic {
    text: String,
    server: TargetUrl,
    topic: String,
}

impl NtfyTopic {
    /// What is taken, in words that stand after "must be".
    pub fn form() -> Localized {
        localized!(
            "the http:// or https:// URL of a topic, such as \"https://ntfy.sh/loja-avisos-x7k2\"",
            "a URL http:// ou https:// de um tópico, como \"https://ntfy.sh/loja-avisos-x7k2\""
        )
    }
    /// The longest topic, in bytes.
    const MAX_TOPIC_BYTES: usize = 64;

    /// Parses and checks.
    pub fn parse(text: &str) -> Option<Self> {
        let (server, topic) = text.rsplit_once('/')?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_topic = (1..=Self::MAX_TOPIC_BYTES).contains(&topic.len()) && topic.bytes().all(good);
        let server = TargetUrl::parse(server).ok().filter(|_| is_topic && !server.contains('?'))?;
        Some(Self { text: text.to_owned(), server, topic: topic.to_owned() })
    }

    /// Where messages are published.
    pub fn server(&self) -> &TargetUrl {
        &self.server
    }

    /// The topic's name, which on a public server is as good as a password.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_server_and_a_name() {
        for (text, server) in [
            ("https://ntfy.sh/loja-avisos_X7", "https://ntfy.sh"),
            ("http://127.0.0.1:8090/ntfy/loja-avisos_X7", "http://127.0.0.1:8090/ntfy"),
        ] {
            let topic = NtfyTopic::parse(text).unwrap();
            assert_eq!((topic.server().as_str(), topic.topic()), (server, "loja-avisos_X7"));
        }
        for bad in [
            "",
            "loja",
            "https://ntfy.sh",
            "https://ntfy.sh/",
            "https://ntfy.sh/a b",
            "https://ntfy.sh/a?x=1",
            "https://ntfy.sh?x=/a",
            "https://u:p@ntfy.sh/a",
            "ftp://ntfy.sh/a",
        ] {
            assert_eq!(NtfyTopic::parse(bad), None, "{bad}");
        }
        let url = |bytes: usize| format!("https://ntfy.sh/{}", "x".repeat(bytes));
        assert!(NtfyTopic::parse(&url(NtfyTopic::MAX_TOPIC_BYTES)).is_some());
        assert_eq!(NtfyTopic::parse(&url(NtfyTopic::MAX_TOPIC_BYTES + 1)), None);
    }
}
