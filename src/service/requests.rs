//! The request of an attempt, built again from its event and its webhook: what was sent, and what can't be said of it
//! any more. A value that may be another than the one that was sent is never shown as if it were.

use super::caller::Caller;
use super::error::Error;
use super::find::find_notification;
use super::shared::Service;
use crate::delivery::transport::sign::{SigningKey, signature_by};
use crate::gather::Gather as _;
use crate::model::{
    Attempt, Event, Localized, NotificationId, Payload, SentRequest, TargetUrl, Webhook, WebhookId, localized,
};
use bytes::Bytes;
use http::{HeaderName, header};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The request of one attempt. It can't be printed: the body holds what belongs in no log.
#[derive(Clone)]
pub struct RebuiltRequest {
    /// Which attempt of its notification.
    pub attempt: u16,
    /// Always POST.
    pub method: &'static str,
    /// The URL, as the webhook had it then.
    pub target: String,
    /// Whether there was a connection to send it over.
    pub sent: bool,
    /// Its headers, in the order in which they were sent.
    pub headers: Vec<RebuiltHeader>,
    /// Its body; `None` where the payload was erased.
    pub body: Option<Bytes>,
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuiltHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderText,
}

/// What is known of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    /// As it was sent.
    Sent(String),
    /// One of the webhook's own: it is never shown.
    Masked,
    /// It can't be built again.
    Lost(LostReason),
}

/// Why a header's value can't be built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LostReason {
    /// The secret that signed has been rotated out since.
    SecretRotated,
    /// The payload that it depends on was erased.
    Erased,
    /// Another carteiro wrote it.
    Unknown,
}

impl LostReason {
    /// The word that the API has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretRotated => "secret_rotated",
            Self::Erased => "erased",
            Self::Unknown => "unknown",
        }
    }

    /// In a sentence.
    pub fn localized(self) -> Localized {
        match self {
            Self::SecretRotated => localized!(
                "not known any more: the secret that signed was rotated since",
                "não é mais conhecida: o segredo que assinou foi trocado depois"
            ),
            Self::Erased => {
                localized!("not known any more: the payload was erased", "não é mais conhecido: o conteúdo foi apagado")
            }
            Self::Unknown => localized!("not known", "desconhecido"),
        }
    }
}

/// What the requests of an event's attempts are built from.
#[derive(Clone)]
pub struct RequestParts {
    event: Event,
    payload: Option<Payload>,
    webhooks: BTreeMap<WebhookId, Arc<Webhook>>,
}

impl RequestParts {
    /// Of an event with its payload, and the webhooks that its notifications are of.
    pub(super) fn of(event: Event, payload: Option<Payload>, webhooks: impl IntoIterator<Item = Arc<Webhook>>) -> Self {
        Self { event, payload, webhooks: webhooks.into_iter().map(|webhook| (webhook.id, webhook)).gather() }
    }

    /// The event.
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// Its payload; `None` where it was erased.
    pub const fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// How many bytes the body of each request has.
    pub fn body_len(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.body().len())
    }

    /// The request of an attempt, given the id of its notification and its webhook's; `None` where nothing was kept of
    /// it. Signing hashes the whole body once for each secret that the webhook has, and twice for each key that could
    /// have signed.
    pub fn rebuild(
        &self,
        notification: NotificationId,
        webhook: WebhookId,
        attempt: &Attempt,
    ) -> Option<RebuiltRequest> {
        let kept = attempt.request.as_deref()?;
        let webhook = self.webhooks.get(&webhook).map(|webhook| &**webhook);
        let body = self.payload.as_ref().map(|payload| payload.body().clone());
        let value = |name: &HeaderName| self.value(name, notification, webhook, attempt, kept);
        let headers = kept.headers.iter().map(|header| RebuiltHeader {
            value: if header.own { HeaderText::Masked } else { value(&header.name) },
            name: header.name.clone(),
        });
        Some(RebuiltRequest {
            attempt: attempt.number,
            method: "POST",
            target: kept.target.clone(),
            sent: kept.sent,
            headers: headers.collect(),
            body,
        })
    }

    fn value(
        &self,
        name: &HeaderName,
        notification: NotificationId,
        webhook: Option<&Webhook>,
        attempt: &Attempt,
        kept: &SentRequest,
    ) -> HeaderText {
        let or_lost = |value: Option<String>, why| value.map_or(HeaderText::Lost(why), HeaderText::Sent);
        let trace = self.event.trace.as_deref();
        let timestamp = attempt.started_at.as_secs();
        if *name == header::HOST {
            let host = TargetUrl::restored(&kept.target).ok().map(|target| target.host_header());
            return or_lost(host, LostReason::Unknown);
        }
        match name.as_str() {
            "accept" => HeaderText::Sent("*/*".to_owned()),
            "content-type" => HeaderText::Sent("application/json".to_owned()),
            "user-agent" => HeaderText::Sent(kept.user_agent.clone()),
            "webhook-id" => HeaderText::Sent(notification.to_string()),
            "webhook-timestamp" => HeaderText::Sent(timestamp.to_string()),
            "carteiro-attempt" => HeaderText::Sent(attempt.number.to_string()),
            "content-length" => {
                or_lost(self.payload.as_ref().map(|payload| payload.body().len().to_string()), LostReason::Erased)
            }
            "traceparent" => or_lost(trace.map(crate::model::TraceContext::traceparent), LostReason::Erased),
            "tracestate" => or_lost(trace.and_then(|trace| trace.tracestate()).map(str::to_owned), LostReason::Erased),
            "webhook-signature" => match &self.payload {
                None => HeaderText::Lost(LostReason::Erased),
                Some(payload) => {
                    let found = webhook.and_then(|webhook| {
                        signed(webhook, &notification.to_string(), timestamp, payload.body(), kept)
                    });
                    or_lost(found, LostReason::SecretRotated)
                }
            },
            _ => HeaderText::Lost(LostReason::Unknown),
        }
    }
}

/// The signature that was sent, if what the webhook still has gives it. Of the secrets, those that signed stand next to
/// each other, and so of the keys, behind them; which they were, the tag decides. That the webhook has other kinds of
/// signatures by now changes nothing.
fn signed(webhook: &Webhook, id: &str, timestamp_s: u64, body: &[u8], kept: &SentRequest) -> Option<String> {
    let sign = |key: SigningKey| signature_by(std::iter::once(key), id, timestamp_s, body);
    let secrets = std::iter::once(&webhook.secret).chain(webhook.old_secrets.iter().map(|(secret, _)| secret));
    let symmetric = runs(&secrets.map(|secret| sign(SigningKey::new(secret))).collect::<Vec<_>>());
    let is_it = |signature: &&String| SentRequest::signature_tag(signature.as_bytes()) == kept.signature_tag;
    if let Some(found) = symmetric.iter().find(is_it) {
        return Some(found.clone());
    }
    // A private key takes much longer, and few webhooks have used theirs.
    let keys = std::iter::once(&webhook.key).chain(webhook.old_keys.iter().map(|(key, _)| key));
    let asymmetric = runs(&keys.map(|key| sign(SigningKey::of_private(key))).collect::<Vec<_>>());
    let both = symmetric.iter().flat_map(|one| asymmetric.iter().map(move |other| format!("{one} {other}")));
    asymmetric.iter().cloned().chain(both).find(|signature| is_it(&signature))
}

/// Every run of neighbours, as the header has them.
fn runs(each: &[String]) -> Vec<String> {
    let runs = (0..each.len()).flat_map(|from| (from + 1..=each.len()).map(move |to| from..to));
    runs.map(|run| each[run].join(" ")).collect()
}

impl Service {
    /// The request of one attempt of a notification, or of the last one. [`Error::NotFound`] where there is no such
    /// attempt, or nothing was kept of it.
    pub async fn rebuilt_request(
        &self,
        caller: &Caller,
        id: NotificationId,
        attempt: Option<u16>,
    ) -> Result<RebuiltRequest, Error> {
        let account = caller.account;
        self.read(move |store| {
            let (key, _) = find_notification(store, account, id)?;
            let notification = store.notification(account, key)?.ok_or(Error::NotFound)?;
            let number = attempt.unwrap_or(notification.attempts);
            let attempts = store.attempts(&notification)?;
            let attempt = attempts.iter().find(|attempt| attempt.number == number).ok_or(Error::NotFound)?;
            let (event, payload) = store.event(account, key.seq)?.ok_or(Error::NotFound)?;
            let webhook = store.webhook(account, key.webhook)?.ok_or(Error::NotFound)?;
            let parts = RequestParts::of(event, payload, [webhook.clone()]);
            parts.rebuild(id, webhook.id, attempt).ok_or(Error::NotFound)
        })
        .await
    }
}
