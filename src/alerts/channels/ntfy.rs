//! A message on a topic of ntfy, published as JSON (<https://docs.ntfy.sh/publish/#publish-as-json>): its headers take
//! ASCII alone.

use super::error::ChannelError;
use super::files::{BadFile, secret};
use super::http::{Post, Said, as_text, post};
use super::redact::Secrets;
use super::text::Parts;
use crate::alerts::message::{Kind, Message, Severity};
use crate::config::AlertNtfy;
use crate::delivery::transport::client::Client;
use crate::model::{Secret, TargetUrl};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The longest message that stays one, in bytes: a longer one becomes an attachment.
const MAX_MESSAGE_BYTES: usize = 4096;
/// Most buttons that one message may have.
const MAX_ACTIONS: usize = 3;

/// A topic, and who may publish there.
#[derive(Debug)]
pub(super) struct Ntfy {
    server: Arc<TargetUrl>,
    topic: Secret<String>,
    token: Option<Secret<String>>,
}

#[derive(Serialize)]
struct Publish<'a> {
    topic: &'a str,
    title: &'a str,
    message: &'a str,
    priority: u8,
    tags: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Button<'a>>,
}

#[derive(Serialize)]
struct Button<'a> {
    action: &'static str,
    label: &'a str,
    url: &'a str,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Ntfy {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertNtfy) -> Result<Option<Self>, BadFile> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        let server = Arc::new(url.server().clone());
        let token = |file| secret(file, "an access token of ntfy, such as tk_…", str::is_ascii);
        let token = config.token_file.as_deref().map(token).transpose()?;
        Ok(Some(Self { server, topic: Secret::new(url.topic().to_owned()), token }))
    }

    pub(super) async fn send(&self, client: &Client, message: &Message) -> Result<(), ChannelError> {
        let parts = Parts { head: String::new(), tail: String::new(), ..Parts::of(message) };
        let text = parts.within(MAX_MESSAGE_BYTES, message.language, str::len);
        let (priority, tag) = match (message.kind, message.severity) {
            (_, Severity::Critical) => (5, "rotating_light"),
            (_, Severity::Warning) => (4, "warning"),
            (Kind::Over, Severity::Info) => (3, "white_check_mark"),
            (Kind::Opened | Kind::Reminder | Kind::Digest | Kind::Test, Severity::Info) => (3, "mailbox"),
        };
        let actions = message.links.iter().take(MAX_ACTIONS);
        let body = Publish {
            topic: self.topic.expose(),
            title: message.title.as_str(),
            message: &text,
            priority,
            tags: [tag],
            click: message.links.first().map(|link| link.url.as_str()),
            actions: actions.map(|link| Button { action: "view", label: &link.label, url: &link.url }).collect(),
        };
        let body = serde_json::to_string(&body).expect("texts and numbers make JSON");
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .expect("ASCII without control characters makes a header value");
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let secrets = [Some(&self.topic), self.token.as_ref()].into_iter().flatten();
        let secrets = Secrets::of(secrets.map(|secret| secret.expose().as_str()));
        let (server, mend) = ("ntfy", "`alerts.ntfy`");
        post(client, Post { server, mend, url: &self.server, headers, body, read: said, secrets }).await
    }
}

fn said(body: &[u8]) -> Said {
    serde_json::from_slice(body).map_or_else(|_| as_text(body), |Refusal { error }| Said { text: error, wait: None })
}
