//! A message by an incoming webhook of Slack
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).

use super::error::ChannelError;
use super::files::{BadFile, SecretUrl, one_line};
use super::http::{Post, as_text, post};
use super::text::Parts;
use crate::alerts::message::Message;
use crate::config::AlertSlack;
use crate::delivery::transport::client::Client;
use http::HeaderMap;
use serde::Serialize;

/// How long a text may be, in characters, after which Slack advises to split it; it cuts at 40,000.
const MAX_TEXT_CHARS: usize = 4000;

/// An incoming webhook.
#[derive(Debug)]
pub(super) struct Slack {
    url: SecretUrl,
}

#[derive(Serialize)]
struct Payload {
    text: String,
    unfurl_links: bool,
    unfurl_media: bool,
}

impl Slack {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertSlack) -> Result<Option<Self>, BadFile> {
        let what = "the URL of an incoming webhook of Slack, such as https://hooks.slack.com/services/…";
        let read = |file| one_line(file, what, SecretUrl::parse).map(|url| Self { url });
        config.url_file.as_deref().map(read).transpose()
    }

    pub(super) async fn send(&self, client: &Client, message: &Message) -> Result<(), ChannelError> {
        let links: Vec<String> = message.links.iter().map(|link| self::link(&link.url, &link.label)).collect();
        let parts = Parts {
            head: format!("*{}*", escaped(message.title.as_str())),
            tail: links.join("\n"),
            escape: escaped,
            ..Parts::of(message)
        };
        let text = parts.within(MAX_TEXT_CHARS, message.language, |text| text.chars().count());
        let body = Payload { text, unfurl_links: false, unfurl_media: false };
        let body = serde_json::to_string(&body).expect("texts make JSON");
        let (server, mend) = ("Slack", "`alerts.slack.url_file`");
        let (headers, secrets) = (HeaderMap::new(), self.url.secrets());
        post(client, Post { server, mend, url: &self.url.0, headers, body, read: as_text, secrets }).await
    }
}

/// The three characters that mark links, mentions and entities; `<!channel>` in an order's id must wake nobody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A bar would end the address, and the label.
fn link(url: &str, label: &str) -> String {
    format!("<{}|{}>", escaped(url).replace('|', "%7C"), escaped(label).replace('|', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(link("https://c.example/?a=1&b=<|", "A|B"), "<https://c.example/?a=1&amp;b=&lt;%7C|A/B>");
    }
}
