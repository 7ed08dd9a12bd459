//! A message by a bot of Telegram: `sendMessage` of the Bot API (<https://core.telegram.org/bots/api#sendmessage>).

use super::error::ChannelError;
use super::files::{BadFile, SecretUrl, secret};
use super::http::{Post, Said, post};
use super::redact::Secrets;
use super::text::{Parts, utf16};
use crate::alerts::message::{Message, Severity};
use crate::config::AlertTelegram;
use crate::delivery::transport::client::Client;
use crate::model::Secret;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

const API_BASE: &str = "https://api.telegram.org";
/// The longest text that is taken, in UTF-16 units, which entities are counted in too.
const MAX_TEXT: usize = 4096;

/// A bot and the chat that it writes to.
#[derive(Debug)]
pub(super) struct Telegram {
    url: SecretUrl,
    token: Secret<String>,
    chat_id: String,
}

#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: &'a str,
    text: &'a str,
    /// Rather than `parse_mode`, which would have to be escaped.
    entities: [Entity; 1],
    link_preview_options: LinkPreviewOptions,
    disable_notification: bool,
}

#[derive(Serialize)]
struct Entity {
    #[serde(rename = "type")]
    kind: &'static str,
    offset: usize,
    length: usize,
}

#[derive(Serialize)]
struct LinkPreviewOptions {
    is_disabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    description: String,
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Telegram {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertTelegram) -> Result<Option<Self>, BadFile> {
        let (Some(file), Some(chat_id)) = (&config.token_file, &config.chat_id) else {
            return Ok(None);
        };
        let token = token(file)?;
        let base = config.api_base.as_ref().map_or(API_BASE, |base| base.as_str().trim_end_matches('/'));
        let url = SecretUrl::parse(&format!("{base}/bot{}/sendMessage", token.expose()))
            .ok_or_else(|| BadFile::at(file, "the token of a Telegram bot, short enough for a URL"))?;
        Ok(Some(Self { url, token, chat_id: chat_id.clone() }))
    }

    pub(super) async fn send(&self, client: &Client, message: &Message) -> Result<(), ChannelError> {
        let text = Parts::of(message).within(MAX_TEXT, message.language, utf16);
        let body = SendMessage {
            chat_id: &self.chat_id,
            text: &text,
            entities: [Entity { kind: "bold", offset: 0, length: utf16(message.title.as_str()) }],
            link_preview_options: LinkPreviewOptions { is_disabled: true },
            disable_notification: message.severity == Severity::Info,
        };
        let body = serde_json::to_string(&body).expect("texts and numbers make JSON");
        let post_to = Post {
            server: "Telegram",
            mend: "`alerts.telegram`",
            url: &self.url.0,
            headers: HeaderMap::new(),
            body,
            read: said,
            // The part behind the colon is what lets in.
            secrets: Secrets::of_url(self.token.expose()),
        };
        post(client, post_to).await
    }
}

/// `123456:ABC…`, as `@BotFather` gives it out.
fn token(file: &Path) -> Result<Secret<String>, BadFile> {
    secret(file, "the token of a Telegram bot, such as 123456789:AA…", |line| {
        line.split_once(':').is_some_and(|(id, key)| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && !key.is_empty() && key.bytes().all(good)
        })
    })
}

fn said(body: &[u8]) -> Said {
    let Ok(Refusal { description, parameters }) = serde_json::from_slice::<Refusal>(body) else {
        return super::http::as_text(body);
    };
    let moved = parameters.migrate_to_chat_id.map(|id| format!(" (the group's new chat_id is \"{id}\")"));
    Said { text: description + &moved.unwrap_or_default(), wait: parameters.retry_after.map(Duration::from_secs) }
}
