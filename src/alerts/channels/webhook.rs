//! A message as JSON, to a program: signed as notifications are, by Standard Webhooks.

use super::error::ChannelError;
use super::files::{BadFile, SecretUrl, one_line};
use super::http::{Post, as_text, post};
use crate::alerts::message::{ConditionFact, Link, Message};
use crate::config::AlertWebhook;
use crate::delivery::transport::client::Client;
use crate::delivery::transport::sign::signature;
use crate::model::{SigningSecret, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use std::sync::Arc;

/// Where alerts go as JSON.
#[derive(Debug)]
pub(super) struct Webhook {
    url: SecretUrl,
    secret: Option<SigningSecret>,
}

#[derive(Serialize)]
struct Body<'a> {
    key: &'a str,
    kind: &'static str,
    severity: &'static str,
    at: Timestamp,
    language: &'static str,
    title: &'a str,
    paragraphs: &'a [String],
    links: &'a [Link],
    conditions: &'a [ConditionFact],
    conditions_left_out: u64,
}

impl Webhook {
    /// `None` where none is set.
    pub(super) fn of(config: &AlertWebhook) -> Result<Option<Self>, BadFile> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        let what = "a signing secret, whsec_ and the base64 of 24 to 64 bytes";
        let read = |file| one_line(file, what, SigningSecret::parse);
        let secret = config.secret_file.as_deref().map(read).transpose()?;
        Ok(Some(Self { url: SecretUrl(Arc::new(url.clone())), secret }))
    }

    pub(super) async fn send(&self, client: &Client, message: &Message, now: Timestamp) -> Result<(), ChannelError> {
        let body = Body {
            key: message.key.as_str(),
            kind: message.kind.as_str(),
            severity: message.severity.as_str(),
            at: message.at,
            language: message.language.tag(),
            title: message.title.as_str(),
            paragraphs: &message.paragraphs,
            links: &message.links,
            conditions: &message.conditions,
            conditions_left_out: message.conditions_left_out,
        };
        let body = serde_json::to_string(&body).expect("texts, numbers and lists make JSON");
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("keys, digits and base64 make header values");
            headers.insert(HeaderName::from_static(name), value);
        };
        set("webhook-id", message.key.to_string());
        set("webhook-timestamp", now.as_secs().to_string());
        if let Some(secret) = &self.secret {
            let id = message.key.as_str();
            set("webhook-signature", signature(std::iter::once(secret), id, now.as_secs(), body.as_bytes()));
        }
        let (server, mend) = (self.url.0.host(), "`alerts.webhook.url`");
        let secrets = self.url.secrets();
        post(client, Post { server, mend, url: &self.url.0, headers, body, read: as_text, secrets }).await
    }
}
