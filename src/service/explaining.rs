//! Explaining: why each webhook was or wasn't owed an event, and what becomes of it now.

use super::notifications::Webhooks;
use super::{Caller, Engine, Error, NotificationView, Service};
use crate::model::{
    Event, EventId, Notification, NotificationId, Said, Status, TEST_EVENT, Timestamp, Webhook, WebhookId,
    WebhookStatus,
};
use crate::store::Store;

/// Why a webhook was or wasn't owed an event.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Whether it was owed the event.
    pub owed: bool,
    /// Where its notification stands.
    pub status: Option<Status>,
    /// When its next attempt comes.
    pub next_attempt_at: Option<Timestamp>,
    /// All that in a sentence.
    pub reason: Said,
}

impl Service {
    /// For every webhook, why it was or wasn't owed this event.
    pub async fn explain(&self, caller: &Caller, id: EventId) -> Result<Vec<Explanation>, Error> {
        let (account, max_attempts, now) = (caller.account, self.policy().retry.max_attempts(), self.now());
        let engine = self.engine.clone();
        self.read(move |store| {
            let seq = store.event_seq(account, id)?.ok_or(Error::NotFound)?;
            let event = store.event_head(account, seq)?.ok_or(Error::NotFound)?;
            let mut webhooks = Webhooks::new(store, account);
            let mut explanations = Vec::new();
            let owed = store.notifications_of(account, seq)?;
            for notification in &owed {
                let view = webhooks.view(notification, &event, max_attempts)?;
                let reason = reason(store, &*engine, &mut webhooks, notification, &view, &event, now)?;
                explanations.push(Explanation {
                    webhook_id: view.webhook_id,
                    owed: true,
                    status: Some(view.status),
                    next_attempt_at: view.next_attempt_at,
                    reason,
                });
            }
            for webhook in store.directory().of(account) {
                if owed.iter().any(|notification| notification.key.webhook == webhook.no) {
                    continue;
                }
                explanations.push(Explanation {
                    webhook_id: webhook.id,
                    owed: false,
                    status: None,
                    next_attempt_at: None,
                    reason: explain_not_owed(webhook, &event),
                });
            }
            Ok(explanations)
        })
        .await
    }

    /// Why one notification stands where it does: its sentence of [`Service::explain`], without a look at the others of its event.
    pub async fn explain_notification(&self, caller: &Caller, id: NotificationId) -> Result<Said, Error> {
        let (account, max_attempts, now) = (caller.account, self.policy().retry.max_attempts(), self.now());
        let engine = self.engine.clone();
        self.read(move |store| {
            let key = store.notification_key(id).ok_or(Error::NotFound)?;
            let notification = store.notification(account, key)?.ok_or(Error::NotFound)?;
            let event = store.event_head(account, key.seq)?.ok_or(Error::NotFound)?;
            let mut webhooks = Webhooks::new(store, account);
            let view = webhooks.view(&notification, &event, max_attempts)?;
            reason(store, &*engine, &mut webhooks, &notification, &view, &event, now)
        })
        .await
    }
}

fn reason(
    store: &Store,
    engine: &dyn Engine,
    webhooks: &mut Webhooks<'_>,
    notification: &Notification,
    view: &NotificationView,
    event: &Event,
    now: Timestamp,
) -> Result<Said, Error> {
    if engine.is_in_flight(notification.key, notification.attempts) {
        return Ok(Said::new("An attempt is being made right now.", "Uma tentativa está sendo feita agora."));
    }
    let first = store.waits_for(notification)?;
    Ok(explain_owed(view, webhooks.is_deleted(notification)?, event, first.as_ref(), now))
}

fn explain_owed(
    view: &NotificationView,
    webhook_deleted: bool,
    event: &Event,
    waits_for: Option<&Event>,
    now: Timestamp,
) -> Said {
    let (made, most) = (view.automatic, view.max_attempts);
    match view.status {
        Status::Pending => match waits_for {
            Some(Event { id, .. }) => Said {
                en: format!(
                    "It is owed and waits for its turn: the webhook keeps order, and event {id} about the same resource comes \
                     first; it goes once that one is delivered, has failed or is cancelled."
                ),
                pt: format!(
                    "Está a entregar e espera a sua vez: o webhook mantém a ordem, e o evento {id}, sobre o mesmo recurso, vem \
                     antes; sai quando esse for entregue, falhar de vez ou for cancelado."
                ),
            },
            None => Said::new(
                "It is owed and its first attempt is about to be made.",
                "Está a entregar, e a primeira tentativa será feita em instantes.",
            ),
        },
        Status::Retrying => match view.next_attempt_at {
            Some(at) if at > now => Said {
                en: format!("Attempts made without a 2XX: {made} of {most}; the next one comes at {at}."),
                pt: format!("Tentativas feitas sem um 2XX: {made} de {most}; a próxima vem em {at}."),
            },
            _ => Said {
                en: format!(
                    "Attempts made without a 2XX: {made} of {most}; the next one is due, and is made once the webhook has room: \
                     a target that fails is sent one at a time."
                ),
                pt: format!(
                    "Tentativas feitas sem um 2XX: {made} de {most}; a próxima já está na hora, e é feita assim que o webhook \
                     tiver vaga: a um destino que falha envia-se uma de cada vez."
                ),
            },
        },
        Status::Held => Said::new(
            "It is owed and held back, because the webhook is paused or disabled; no attempt is used up.",
            "Está a entregar e fica retida, porque o webhook está pausado ou desativado; nenhuma tentativa é gasta.",
        ),
        Status::Delivered => match view.delivered_at {
            Some(at) => Said {
                en: format!("It was delivered: the target confirmed at {at}."),
                pt: format!("Foi entregue: o destino confirmou em {at}."),
            },
            None => Said::new("It was delivered.", "Foi entregue."),
        },
        Status::Failed => Said {
            en: format!("All {most} attempts ended without a 2XX; it can still be re-sent by hand."),
            pt: format!("Todas as {most} tentativas terminaram sem um 2XX; ainda pode ser reenviada à mão."),
        },
        Status::Cancelled if event.erased_at.is_some() => Said::new(
            "It is no longer owed: the event's payload was erased.",
            "Não é mais devida: o conteúdo do evento foi apagado.",
        ),
        Status::Cancelled if webhook_deleted => {
            Said::new("It is no longer owed: the webhook was deleted.", "Não é mais devida: o webhook foi excluído.")
        }
        Status::Cancelled => Said::new("It is no longer owed: it was cancelled.", "Não é mais devida: foi cancelada."),
    }
}

fn explain_not_owed(webhook: &Webhook, event: &Event) -> Said {
    let event_type = &event.event_type;
    if event_type.as_str() == TEST_EVENT {
        return Said::new(
            "It was not owed: a test goes to the webhook that is tested, and to no other.",
            "Não era devida: um teste vai só para o webhook que é testado.",
        );
    }
    if event.tells_of_webhook() == Some(webhook.id) {
        return Said::new(
            "It was not owed: it tells the other webhooks that this one was disabled.",
            "Não era devida: conta aos outros webhooks que este foi desativado.",
        );
    }
    match webhook.events.matching(event_type) {
        None => {
            let patterns: Vec<String> = webhook.events.iter().map(|pattern| format!("`{pattern}`")).collect();
            let patterns = patterns.join(", ");
            Said {
                en: format!("It was not owed: none of its patterns ({patterns}) means `{event_type}`."),
                pt: format!("Não era devida: nenhum dos seus padrões ({patterns}) corresponde a `{event_type}`."),
            }
        }
        // Re-sending owes it to what matches alone.
        Some(_) if webhook.registered_after >= event.seq => {
            let (at, id) = (webhook.inserted_at, event.id);
            Said {
                en: format!(
                    "It was not owed: the webhook was registered at {at}, after the event; POST /api/events/{id}/resend would owe it."
                ),
                pt: format!(
                    "Não era devida: o webhook foi criado em {at}, depois do evento; “Reenviar a todos” (POST /api/events/{id}/resend) a enviaria também a ele."
                ),
            }
        }
        Some(pattern) => {
            let changed = webhook.updated_at;
            let (note, note_pt) = match &webhook.status {
                WebhookStatus::Active => ("", ""),
                WebhookStatus::Paused | WebhookStatus::Disabled { .. } => {
                    (" (it is not active now)", " (não está ativo agora)")
                }
            };
            Said {
                en: format!(
                    "It was not owed: `{pattern}` means `{event_type}` now{note}, but did not when the event was recorded; the webhook was last changed at {changed}."
                ),
                pt: format!(
                    "Não era devida: `{pattern}` corresponde a `{event_type}` agora{note_pt}, mas não correspondia quando o evento foi registrado; o webhook foi alterado pela última vez em {changed}."
                ),
            }
        }
    }
}
