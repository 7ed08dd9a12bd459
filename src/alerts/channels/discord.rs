//! A message by a webhook of Discord (<https://discord.com/developers/docs/resources/webhook#execute-webhook>).

use super::error::ChannelError;
use super::files::{BadFile, SecretUrl, one_line};
use super::http::{Post, Said, as_text, post};
use super::text::{Parts, utf16};
use crate::alerts::message::Message;
use crate::config::AlertDiscord;
use crate::delivery::transport::client::Client;
use crate::model::TargetUrl;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest content that is taken, in UTF-16 units.
const MAX_CONTENT: usize = 2000;
/// Keeps the previews of links away.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

/// A webhook.
#[derive(Debug)]
pub(super) struct Discord {
    url: SecretUrl,
}

#[derive(Serialize)]
struct Execute {
    content: String,
    allowed_mentions: AllowedMentions,
    flags: u32,
}

/// An empty list: nobody is mentioned, whatever the content says.
#[derive(Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
    /// Seconds, with a fraction.
    #[serde(default)]
    retry_after: Option<f64>,
}

impl Discord {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertDiscord) -> Result<Option<Self>, BadFile> {
        let what = "the URL of a webhook of Discord, such as https://discord.com/api/webhooks/…";
        let read = |file| one_line(file, what, waiting).map(|url| Self { url });
        config.url_file.as_deref().map(read).transpose()
    }

    pub(super) async fn send(&self, client: &Client, message: &Message) -> Result<(), ChannelError> {
        let links: Vec<String> =
            message.links.iter().map(|link| format!("{}: <{}>", escaped(&link.label), link.url)).collect();
        let head = format!("**{}**", escaped(message.title.as_str()));
        let parts = Parts { head, tail: links.join("\n"), escape: escaped, ..Parts::of(message) };
        let content = parts.within(MAX_CONTENT, message.language, utf16);
        let body = Execute { content, allowed_mentions: AllowedMentions { parse: [] }, flags: SUPPRESS_EMBEDS };
        let body = serde_json::to_string(&body).expect("texts and numbers make JSON");
        let (server, mend) = ("Discord", "`alerts.discord.url_file`");
        let (headers, secrets) = (HeaderMap::new(), self.url.secrets());
        post(client, Post { server, mend, url: &self.url.0, headers, body, read: said, secrets }).await
    }
}

/// The URL with `wait=true`: without it, a message that is not kept is no error.
fn waiting(url: &str) -> Option<SecretUrl> {
    let target = TargetUrl::parse(url).ok()?;
    let joint = if target.path_and_query().contains('?') { '&' } else { '?' };
    SecretUrl::parse(&format!("{url}{joint}wait=true"))
}

/// Without what Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut begins_line = true;
    for c in text.chars() {
        let marks = matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '@');
        if marks || begins_line && matches!(c, '#' | '-' | '+') {
            escaped.push('\\');
        }
        escaped.push(c);
        begins_line = c == '\n';
    }
    escaped
}

fn said(body: &[u8]) -> Said {
    let Ok(Refusal { message, retry_after }) = serde_json::from_slice(body) else {
        return as_text(body);
    };
    // Rounded up: a moment too early is refused again.
    let wait = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds.ceil()).ok());
    Said { text: message, wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("# a_b*c*\n- <@1> @everyone"), "\\# a\\_b\\*c\\*\n\\- \\<\\@1\\> \\@everyone");
        assert_eq!(escaped("a - b # c"), "a - b # c");
    }

    #[test]
    fn the_server_is_asked_to_wait_until_the_message_is_kept() {
        let url = |text: &str| waiting(text).unwrap().0.to_string();
        assert_eq!(url("https://discord.com/api/webhooks/1/x"), "https://discord.com/api/webhooks/1/x?wait=true");
        assert_eq!(url("https://d.example/w?thread_id=1"), "https://d.example/w?thread_id=1&wait=true");
    }

    #[test]
    fn a_wait_in_the_body_is_rounded_up() {
        let wait = |body: &str| said(body.as_bytes()).wait;
        assert_eq!(
            wait(r#"{"message": "slow down", "retry_after": 0.64, "global": false}"#),
            Some(Duration::from_secs(1))
        );
        assert_eq!(wait(r#"{"message": "x", "retry_after": -1.5}"#), None);
        assert_eq!(wait(r#"{"message": "x", "retry_after": 1e300}"#), None);
        assert_eq!((wait("<html>"), said(b"<html>").text), (None, "<html>".to_owned()));
    }
}
