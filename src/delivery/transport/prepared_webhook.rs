//! From a notification to a request: what stays the same for all attempts of a webhook, and what each adds.

use super::client::{AGENT, OutboundRequest, names_as_sent};
use super::sign::{SigningKey, signature_by};
use crate::model::{NotificationId, RetryPolicy, SentHeader, SentRequest, TargetUrl, Timestamp, TraceContext, Webhook};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::Arc;

/// A webhook made ready for its attempts; made anew whenever the webhook changes.
#[derive(Debug)]
pub(crate) struct PreparedWebhook {
    pub(crate) webhook: Arc<Webhook>,
    /// How often the webhook had been given another target or been set ACTIVE again.
    pub(crate) renewals: u32,
    target: Arc<TargetUrl>,
    headers: HeaderMap,
    /// What signs, and until when what was rotated out does.
    keys: Vec<(SigningKey, Option<Timestamp>)>,
}

impl PreparedWebhook {
    pub(crate) fn new(webhook: Arc<Webhook>, renewals: u32) -> Self {
        let mut headers = HeaderMap::with_capacity(16);
        for (name, value) in webhook.headers.iter() {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(authorization) = &webhook.authorization {
            headers.insert(header::AUTHORIZATION, authorization.to_header());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        Self {
            target: Arc::new(webhook.target.clone()),
            headers,
            keys: SigningKey::all_of(&webhook),
            webhook,
            renewals,
        }
    }

    /// The policy of its automatic attempts.
    pub(crate) fn retry<'a>(&'a self, default: &'a RetryPolicy) -> &'a RetryPolicy {
        self.webhook.retry.as_ref().unwrap_or(default)
    }

    /// The request of one attempt. Its id is the notification's, the same at every attempt; its timestamp is this
    /// attempt's (Standard Webhooks, "Webhook metadata"). The trace is its event's, and not signed: what stands between
    /// here and the target may write a parent of its own into it.
    pub(crate) fn request(
        &self,
        id: NotificationId,
        number: u16,
        now: Timestamp,
        body: Bytes,
        trace: Option<&TraceContext>,
    ) -> OutboundRequest {
        let id = id.to_string();
        let keys = self.keys.iter().filter(|(_, until)| until.is_none_or(|until| now < until)).map(|(key, _)| key);
        let signature = signature_by(keys, &id, now.as_secs(), &body);
        let mut headers = self.headers.clone();
        let mut set = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value)
                .expect("hexadecimal, decimal, base64 and visible ASCII make header values");
            headers.insert(HeaderName::from_static(name), value);
        };
        set("webhook-timestamp", now.as_secs().to_string());
        set("webhook-signature", signature);
        set("carteiro-attempt", number.to_string());
        set("webhook-id", id);
        if let Some(trace) = trace {
            set("traceparent", trace.traceparent());
            if let Some(state) = trace.tracestate() {
                set("tracestate", state.to_owned());
            }
        }
        let webhook = &*self.webhook;
        let client_certificate = webhook.client_certificate.clone().map(|name| (name, webhook.account));
        OutboundRequest { pool: webhook.no, client_certificate, target: self.target.clone(), headers, body }
    }

    /// What is kept of a request of this webhook's.
    pub(crate) fn kept(&self, request: &OutboundRequest) -> SentRequest {
        let own = |name: &HeaderName| {
            *name == header::AUTHORIZATION || self.webhook.headers.iter().any(|(own, _)| own == name)
        };
        let headers = names_as_sent(&request.headers).map(|name| SentHeader { own: own(&name), name });
        let signature = request.headers.get("webhook-signature").map(HeaderValue::as_bytes);
        SentRequest {
            target: self.target.to_string(),
            sent: false,
            headers: headers.collect(),
            user_agent: AGENT.to_owned(),
            signature_tag: SentRequest::signature_tag(signature.unwrap_or_default()),
        }
    }
}
