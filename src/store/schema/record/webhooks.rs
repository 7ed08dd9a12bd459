//! Webhooks, and how their targets do.

use crate::model::{
    AccountNo, Authorization, ClientCertificateName, DisabledReason, ExtraHeaders, Notice, Pattern, PatternSet,
    PayloadFilter, PrivateKey, RateLimit, RetryPolicy, Seq, Signatures, SigningSecret, TargetHealth, TargetUrl,
    Timestamp, Webhook, WebhookId, WebhookName, WebhookNo, WebhookStatus, millis,
};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct WebhookV1 {
    no: u32,
    account: u32,
    id: [u8; 16],
    own_name: Option<String>,
    target: String,
    authorization: Option<String>,
    client_certificate: Option<String>,
    events: Vec<String>,
    filter: Option<String>,
    description: Option<String>,
    status: u8,
    disabled: Option<DisabledV1>,
    headers: Vec<(String, String)>,
    max_in_flight: Option<u16>,
    rate_limit_millis: Option<u32>,
    ordered: bool,
    retry: Option<RetryV1>,
    secret: Vec<u8>,
    old_secrets: Vec<(Vec<u8>, u64)>,
    signatures: u8,
    key: [u8; 32],
    old_keys: Vec<([u8; 32], u64)>,
    registered_after: u64,
    inserted_ms: u64,
    updated_ms: u64,
    deleted_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct DisabledV1 {
    at_ms: u64,
    /// `None` for a target that said it is gone.
    failing_since_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct RetryV1 {
    gaps_ms: Vec<u64>,
    max_attempts: u8,
    jitter_permille: u16,
}

pub(crate) fn encode_webhook(webhook: &Webhook) -> Vec<u8> {
    let (status, disabled) = match webhook.status {
        WebhookStatus::Active => (0, None),
        WebhookStatus::Paused => (1, None),
        WebhookStatus::Disabled { reason, at } => {
            let failing_since_ms = match reason {
                DisabledReason::Gone => None,
                DisabledReason::Failing { since } => Some(since.as_ms()),
            };
            (2, Some(DisabledV1 { at_ms: at.as_ms(), failing_since_ms }))
        }
    };
    let record = WebhookV1 {
        no: webhook.no.0,
        account: webhook.account.0,
        id: webhook.id.to_bytes(),
        own_name: webhook.own_name.as_ref().map(WebhookName::to_string),
        target: webhook.target.as_str().to_owned(),
        authorization: webhook.authorization.as_ref().map(|value| value.expose().to_owned()),
        client_certificate: webhook.client_certificate.as_ref().map(|name| name.as_str().to_owned()),
        events: webhook.events.iter().map(Pattern::to_string).collect(),
        filter: webhook.filter.as_ref().map(|filter| filter.as_str().to_owned()),
        description: webhook.description.clone(),
        status,
        disabled,
        headers: webhook
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
        max_in_flight: webhook.max_in_flight,
        rate_limit_millis: webhook.rate_limit.map(RateLimit::as_millis),
        ordered: webhook.ordered,
        retry: webhook.retry.as_ref().map(retry_record),
        secret: webhook.secret.expose().to_vec(),
        old_secrets: webhook
            .old_secrets
            .iter()
            .map(|(secret, until)| (secret.expose().to_vec(), until.as_ms()))
            .collect(),
        signatures: match webhook.signatures {
            Signatures::Symmetric => 0,
            Signatures::Asymmetric => 1,
            Signatures::Both => 2,
        },
        key: *webhook.key.expose(),
        old_keys: webhook.old_keys.iter().map(|(key, until)| (*key.expose(), until.as_ms())).collect(),
        registered_after: webhook.registered_after.0,
        inserted_ms: webhook.inserted_at.as_ms(),
        updated_ms: webhook.updated_at.as_ms(),
        deleted_ms: webhook.deleted_at.map(Timestamp::as_ms),
    };
    seal(&record, &[])
}

fn retry_record(policy: &RetryPolicy) -> RetryV1 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "jitter is 0 to 1")]
    let jitter_permille = (policy.jitter() * 1000.0).round() as u16;
    let gaps_ms = policy.schedule().iter().map(|gap| millis(*gap)).collect();
    RetryV1 { gaps_ms, max_attempts: policy.max_attempts(), jitter_permille }
}

pub(crate) fn decode_webhook(value: &[u8]) -> Result<Webhook, StoreError> {
    let (record, _) = open("webhook", value)?;
    webhook_from(record).ok_or_else(|| invalid("webhook"))
}

fn webhook_from(record: WebhookV1) -> Option<Webhook> {
    let patterns: Option<Vec<Pattern>> = record.events.iter().map(|text| Pattern::parse(text)).collect();
    Some(Webhook {
        no: WebhookNo(record.no),
        account: AccountNo(record.account),
        id: WebhookId::from_bytes(record.id),
        own_name: match record.own_name {
            Some(text) => Some(WebhookName::parse(&text)?),
            None => None,
        },
        target: TargetUrl::restored(&record.target).ok()?,
        authorization: match record.authorization {
            Some(text) => Some(Authorization::parse(&text)?),
            None => None,
        },
        client_certificate: match record.client_certificate {
            Some(text) => Some(ClientCertificateName::parse(&text)?),
            None => None,
        },
        events: PatternSet::new(patterns?)?,
        filter: match record.filter {
            Some(text) => Some(PayloadFilter::parse(&text).ok()?),
            None => None,
        },
        description: record.description,
        status: match record.status {
            0 => WebhookStatus::Active,
            1 => WebhookStatus::Paused,
            2 => {
                let disabled = record.disabled?;
                let since = disabled.failing_since_ms.map(Timestamp::from_ms);
                let reason = since.map_or(DisabledReason::Gone, |since| DisabledReason::Failing { since });
                WebhookStatus::Disabled { reason, at: Timestamp::from_ms(disabled.at_ms) }
            }
            _ => return None,
        },
        headers: ExtraHeaders::restored(record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .ok()?,
        max_in_flight: record.max_in_flight,
        rate_limit: match record.rate_limit_millis {
            Some(millis) => Some(RateLimit::from_millis(millis)?),
            None => None,
        },
        ordered: record.ordered,
        retry: match record.retry {
            Some(retry) => {
                let schedule = retry.gaps_ms.into_iter().map(Duration::from_millis).collect();
                Some(RetryPolicy::new(schedule, retry.max_attempts, f64::from(retry.jitter_permille) / 1000.0).ok()?)
            }
            None => None,
        },
        secret: SigningSecret::from_bytes(record.secret)?,
        old_secrets: record
            .old_secrets
            .into_iter()
            .map(|(secret, until)| Some((SigningSecret::from_bytes(secret)?, Timestamp::from_ms(until))))
            .collect::<Option<_>>()?,
        signatures: match record.signatures {
            0 => Signatures::Symmetric,
            1 => Signatures::Asymmetric,
            2 => Signatures::Both,
            _ => return None,
        },
        key: PrivateKey::from_bytes(record.key),
        old_keys: record
            .old_keys
            .into_iter()
            .map(|(key, until)| (PrivateKey::from_bytes(key), Timestamp::from_ms(until)))
            .collect(),
        registered_after: Seq(record.registered_after),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        updated_at: Timestamp::from_ms(record.updated_ms),
        deleted_at: record.deleted_ms.map(Timestamp::from_ms),
    })
}

// ---- how targets do -------------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct HealthV1 {
    failing_since_ms: u64,
    failures: u8,
    failing: bool,
    exhausted: bool,
    gone: bool,
    notice_ends_ms: Option<u64>,
}

pub(crate) fn encode_health(health: &TargetHealth) -> Vec<u8> {
    let record = HealthV1 {
        failing_since_ms: health.failing_since.as_ms(),
        failures: health.failures,
        failing: health.failing,
        exhausted: health.exhausted,
        gone: health.gone,
        notice_ends_ms: health.notice.map(|notice| notice.ends_at.as_ms()),
    };
    seal(&record, &[])
}

pub(crate) fn decode_health(value: &[u8]) -> Result<TargetHealth, StoreError> {
    let (record, _) = open::<HealthV1>("health", value)?;
    Ok(TargetHealth {
        failing_since: Timestamp::from_ms(record.failing_since_ms),
        failures: record.failures,
        failing: record.failing,
        exhausted: record.exhausted,
        gone: record.gone,
        // Of this run of the daemon nothing is proven yet.
        notice: record.notice_ends_ms.map(|ends| Notice { ends_at: Timestamp::from_ms(ends), proven: false }),
    })
}
