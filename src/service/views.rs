//! Notifications as the API and the panel show them: the record, its event, its webhook and what delivery does now, in
//! one.

use super::error::Error;
use super::shared::Service;
use crate::delivery;
use crate::model::{
    About, AccountNo, Attempt, Event, EventId, Notification, NotificationId, ResendContext, ResendRefusal, State,
    Status, Timestamp, WaitReason, Webhook, WebhookId, WebhookNo,
};
use crate::store::Store;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A notification as the world sees it, and as the API writes it.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own, and three are fields of the API")]
pub struct NotificationView {
    /// Its id, and its `webhook-id` on the wire.
    pub id: NotificationId,
    /// The event's id.
    pub event_id: EventId,
    /// The webhook's id.
    pub webhook_id: WebhookId,
    /// What the webhook is called; empty where it is unknown.
    pub webhook_name: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Which order its event is about.
    pub about: About,
    /// The webhook's present target.
    pub target: String,
    /// Where it stands.
    pub status: Status,
    /// Whether it comes from a test of the webhook.
    pub test: bool,
    /// Whether its webhook was deleted.
    pub webhook_deleted: bool,
    /// Whether an attempt is in flight.
    #[serde(skip)]
    pub in_flight: bool,
    /// Whether a resend would be taken now.
    pub can_resend: bool,
    /// Why it would not; `None` where it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_refusal: Option<ResendRefusal>,
    /// How many attempts were made in all.
    pub attempts_count: u16,
    /// How many of them were automatic.
    #[serde(skip)]
    pub automatic: u8,
    /// How many automatic ones there are at most.
    pub max_attempts: u8,
    /// When the next automatic attempt comes, at the earliest where others go before it; never in the past. `None`
    /// while it is held or about to leave, and when none will come.
    pub next_attempt_at: Option<Timestamp>,
    /// The status of the last response.
    pub response_status: Option<u16>,
    /// When a 2XX was first received.
    pub delivered_at: Option<Timestamp>,
    /// When it was created.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A notification and all its attempts, the first one first.
#[derive(Clone, Debug)]
pub struct NotificationDetail {
    /// The notification.
    pub view: NotificationView,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

/// What a view of a notification depends on beside the store.
#[derive(Clone)]
pub(super) struct Present {
    /// How many automatic attempts there are at most, where the webhook has no policy of its own.
    pub(super) max_attempts: u8,
    /// How many attempts may be in flight, where it has no limit of its own.
    pub(super) max_in_flight: usize,
    pub(super) delivery: delivery::DeliveryHandle,
    pub(super) now: Timestamp,
}

impl Present {
    /// What keeps automatic attempts to this webhook from leaving now.
    pub(super) fn wait(&self, webhook: &Webhook) -> Option<WaitReason> {
        self.delivery.status.wait(webhook, webhook.max_in_flight.map_or(self.max_in_flight, usize::from), self.now)
    }
}

/// The webhooks of the notifications on one page, deleted ones read once.
pub(super) struct Webhooks<'s> {
    store: &'s Store,
    account: AccountNo,
    found: HashMap<WebhookNo, Option<Arc<Webhook>>>,
}

impl<'s> Webhooks<'s> {
    pub(super) fn new(store: &'s Store, account: AccountNo) -> Self {
        Self { store, account, found: HashMap::new() }
    }

    pub(super) fn get(&mut self, no: WebhookNo) -> Result<Option<Arc<Webhook>>, Error> {
        if let Some(found) = self.found.get(&no) {
            return Ok(found.clone());
        }
        let found = self.store.webhook(self.account, no)?;
        self.found.insert(no, found.clone());
        Ok(found)
    }

    /// Those that were asked for.
    pub(super) fn into_found(self) -> impl Iterator<Item = Arc<Webhook>> {
        self.found.into_values().flatten()
    }

    pub(super) fn status(&mut self, notification: &Notification) -> Result<Status, Error> {
        Ok(status(notification, self.get(notification.key.webhook)?.as_deref()))
    }

    pub(super) fn view(
        &mut self,
        notification: &Notification,
        event: &Event,
        present: &Present,
    ) -> Result<NotificationView, Error> {
        let webhook = self.get(notification.key.webhook)?;
        let id = self.store.notification_id(notification.key);
        Ok(view(id, notification, event, webhook.as_deref(), present))
    }
}

fn status(notification: &Notification, webhook: Option<&Webhook>) -> Status {
    let deleted = webhook.is_none_or(|webhook| webhook.deleted_at.is_some());
    notification.status(webhook.is_some_and(Webhook::is_active), deleted)
}

fn view(
    id: NotificationId,
    notification: &Notification,
    event: &Event,
    webhook: Option<&Webhook>,
    present: &Present,
) -> NotificationView {
    let status = status(notification, webhook);
    let webhook_deleted = webhook.is_none_or(|webhook| webhook.deleted_at.is_some());
    let in_flight = present.delivery.status.attempt_in_flight(notification.key);
    let erased = event.erased_at.is_some();
    let resend_refusal = notification.resend_refusal(ResendContext { erased, webhook_deleted, in_flight });
    let max_attempts = match webhook.and_then(|webhook| webhook.retry.as_ref()) {
        _ if notification.test => 1,
        Some(own) => own.max_attempts(),
        None => present.max_attempts,
    };
    let wait = webhook.filter(|_| matches!(status, Status::Pending | Status::Retrying));
    let held_until = wait.and_then(|webhook| present.wait(webhook)).and_then(WaitReason::until);
    let next_attempt_at = match (status, notification.state) {
        (Status::Pending, _) if notification.awaits_predecessor || notification.test => None,
        (Status::Pending, _) => held_until,
        (Status::Retrying, State::Retrying { due }) => Some(due).max(held_until),
        _ => None,
    };
    // What is due leaves as soon as it has its turn; there is no moment to name.
    let next_attempt_at = next_attempt_at.filter(|at| *at > present.now);
    NotificationView {
        id,
        event_id: event.id,
        webhook_id: webhook.map_or(WebhookId::from_bytes([0; 16]), |webhook| webhook.id),
        webhook_name: webhook.map(|webhook| webhook.name().to_owned()).unwrap_or_default(),
        event_type: event.event_type.to_string(),
        about: event.about(),
        target: webhook.map(|webhook| webhook.target.to_string()).unwrap_or_default(),
        status,
        test: notification.test,
        webhook_deleted,
        in_flight: in_flight.is_some_and(|attempt| notification.is_in_flight(attempt)),
        can_resend: resend_refusal.is_none(),
        resend_refusal,
        attempts_count: notification.attempts,
        automatic: notification.automatic,
        max_attempts,
        next_attempt_at,
        response_status: notification.last.as_ref().and_then(|attempt| attempt.result.status()),
        delivered_at: notification.delivered_at,
        inserted_at: notification.inserted_at,
        updated_at: notification.updated_at,
    }
}

impl Service {
    /// How many attempts of a webhook that says nothing of it may be in flight.
    pub fn default_max_in_flight(&self) -> u16 {
        self.config().delivery.max_in_flight_per_webhook
    }

    /// What views of notifications depend on beside the store, as of now.
    pub(super) fn present(&self) -> Present {
        let config = self.config();
        Present {
            max_attempts: config.delivery.max_attempts,
            max_in_flight: usize::from(config.delivery.max_in_flight_per_webhook),
            delivery: self.delivery.clone(),
            now: self.now(),
        }
    }

    pub(super) fn view(
        &self,
        notification: &Notification,
        event: &Event,
        webhook: Option<&Arc<Webhook>>,
    ) -> NotificationView {
        let id = self.store.notification_id(notification.key);
        view(id, notification, event, webhook.map(|webhook| &**webhook), &self.present())
    }
}
