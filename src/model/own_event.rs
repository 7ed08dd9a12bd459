//! What carteiro itself records of a webhook, for the other webhooks of its account that ask for it.

use super::{
    DisabledReason, ErrorCode, Event, EventDraft, EventType, Localized, NewEvent, NotificationId, TargetHealth,
    Timestamp, Webhook,
};
use serde::Serialize;

/// What has happened to a webhook.
#[derive(Clone, Debug)]
pub enum OwnEvent<'a> {
    /// Its target has come to fail ([`TargetHealth::has_come_to_fail`]).
    Failing(TargetHealth),
    /// Its target, which was failing since this moment, has confirmed again.
    Recovered(Timestamp),
    /// It was disabled.
    Disabled(DisabledReason),
    /// A notification for it has used up its automatic attempts.
    NotificationFailed(FailedNotification<'a>),
}

/// A notification that has failed for good.
#[derive(Clone, Debug)]
pub struct FailedNotification<'a> {
    /// Its id.
    pub id: NotificationId,
    /// The event that it is of.
    pub event: &'a Event,
    /// How many attempts were made.
    pub attempts: u16,
    /// With which status the target answered the last one, if it did.
    pub status: Option<u16>,
    /// Why that one failed.
    pub error: Option<ErrorCode>,
}

#[derive(Serialize)]
struct Resource<'a> {
    // First: its id is the resource's.
    webhook: About<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<AboutNotification<'a>>,
}

#[derive(Serialize)]
struct About<'a> {
    id: String,
    name: &'a str,
    target: &'a str,
    description: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_at: Option<String>,
    #[serde(flatten)]
    disabled: Option<AboutDisabled>,
}

#[derive(Serialize)]
struct AboutDisabled {
    #[serde(rename = "disabled_reason")]
    reason: String,
    #[serde(rename = "disabled_reason_pt")]
    reason_pt: String,
    #[serde(rename = "disabled_at")]
    at: String,
}

#[derive(Serialize)]
struct AboutNotification<'a> {
    id: String,
    event_id: String,
    event: &'a str,
    external_id: Option<&'a str>,
    attempts_count: u16,
    response_status: Option<u16>,
    error: Option<&'static str>,
}

impl OwnEvent<'_> {
    /// Its type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Failing(_) => EventType::FAILING,
            Self::Recovered(_) => EventType::RECOVERED,
            Self::Disabled(_) => EventType::DISABLED,
            Self::NotificationFailed(_) => EventType::NOTIFICATION_FAILED,
        }
    }

    /// The same, parsed.
    pub fn event_type(&self) -> EventType {
        EventType::parse(self.type_name()).expect("carteiro's own types are event types")
    }

    /// The event to record about `webhook`, at `now`, in an account whose notifications say `env`.
    pub fn about(&self, webhook: &Webhook, env: &str, now: Timestamp) -> NewEvent {
        let resource = self.resource(webhook, now);
        let draft = EventDraft {
            id: None,
            event_type: self.event_type(),
            external_id: None,
            occurred_at: Some(now),
            resource: &resource,
            trace: None,
        };
        draft.into_new(env, &[])
    }

    fn resource(&self, webhook: &Webhook, now: Timestamp) -> String {
        let about = About {
            id: webhook.id.to_string(),
            name: webhook.name(),
            target: webhook.target.as_str(),
            description: webhook.description.as_deref(),
            status: match self {
                Self::Disabled(_) => "DISABLED",
                Self::Failing(_) | Self::Recovered(_) | Self::NotificationFailed(_) => webhook.status.as_str(),
            },
            failing_since: match self {
                Self::Failing(health) => Some(health.failing_since.to_string()),
                Self::Recovered(since) => Some(since.to_string()),
                Self::Disabled(_) | Self::NotificationFailed(_) => None,
            },
            recovered_at: matches!(self, Self::Recovered(_)).then(|| now.to_string()),
            disabled: match self {
                Self::Disabled(reason) => {
                    let Localized { en, pt } = reason.localized();
                    Some(AboutDisabled { reason: en, reason_pt: pt, at: now.to_string() })
                }
                Self::Failing(_) | Self::Recovered(_) | Self::NotificationFailed(_) => None,
            },
        };
        let notification = match self {
            Self::NotificationFailed(failed) => Some(AboutNotification {
                id: failed.id.to_string(),
                event_id: failed.event.id.to_string(),
                event: failed.event.event_type.as_str(),
                external_id: failed.event.external_id(),
                attempts_count: failed.attempts,
                response_status: failed.status,
                error: failed.error.map(ErrorCode::as_str),
            }),
            Self::Failing(_) | Self::Recovered(_) | Self::Disabled(_) => None,
        };
        written(&Resource { webhook: about, notification })
    }

    /// The resource of an event of one of carteiro's own types, as the catalogue shows it: of a webhook with this id,
    /// and a notification of the event `event_id`, which happened at `at`. `None` for any other type.
    pub(crate) fn sample(
        event_type: &EventType,
        at: Timestamp,
        id: String,
        event_id: String,
        external_id: &str,
    ) -> Option<String> {
        let since = Timestamp::from_ms(at.as_ms().saturating_sub(15 * 60 * 1000)).to_string();
        let at = at.to_string();
        let mut webhook = About {
            id,
            name: "ERP",
            target: "https://loja.example/notificacoes",
            description: None,
            status: "ACTIVE",
            failing_since: None,
            recovered_at: None,
            disabled: None,
        };
        let mut notification = None;
        match event_type.as_str() {
            EventType::FAILING => webhook.failing_since = Some(since),
            EventType::RECOVERED => (webhook.failing_since, webhook.recovered_at) = (Some(since), Some(at)),
            EventType::DISABLED => {
                webhook.status = "DISABLED";
                webhook.disabled = Some(AboutDisabled {
                    reason: "Nothing was confirmed for 5 days.".to_owned(),
                    reason_pt: "Nada foi confirmado por 5 dias.".to_owned(),
                    at,
                });
            }
            EventType::NOTIFICATION_FAILED => {
                notification = Some(AboutNotification {
                    id: "00000000-0001-8000-8000-000000000001".to_owned(),
                    event_id,
                    event: "PAYMENT.PAID",
                    external_id: Some(external_id),
                    attempts_count: 20,
                    response_status: Some(500),
                    error: Some(ErrorCode::Http5xx.as_str()),
                });
            }
            _ => return None,
        }
        Some(written(&Resource { webhook, notification }))
    }
}

fn written(resource: &Resource<'_>) -> String {
    serde_json::to_string(resource).expect("texts and numbers make JSON")
}
