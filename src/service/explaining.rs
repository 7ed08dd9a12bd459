//! Explaining: why each webhook was or wasn't notified of an event, and what becomes of its notification.

use super::caller::Caller;
use super::error::Error;
use super::find::find_event;
use super::shared::Service;
use super::views::{NotificationView, Present, Webhooks};
use crate::model::{
    Effort, Event, EventId, EventType, FilterSet, Localized, Notification, Pattern, Payload, PayloadFilter, Status,
    Timestamp, Trial, Unmet, WaitReason, Webhook, WebhookId, WebhookStatus, localized,
};
use crate::store::Store;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Why a webhook was or wasn't notified of an event.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Whether it has a notification of the event.
    pub notified: bool,
    /// Where its notification stands.
    pub status: Option<Status>,
    /// When its next attempt comes.
    pub next_attempt_at: Option<Timestamp>,
    /// All that in a sentence.
    #[serde(flatten, with = "Reason")]
    pub reason: Localized,
}

/// How the API names the two languages of a reason.
#[derive(Serialize)]
#[serde(remote = "Localized")]
struct Reason {
    #[serde(rename = "reason")]
    en: String,
    #[serde(rename = "reason_pt")]
    pt: String,
}

impl Service {
    /// For every webhook, why it was or wasn't notified of this event.
    pub async fn explain(&self, caller: &Caller, id: EventId) -> Result<Vec<Explanation>, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let event = find_event(store, account, id)?;
            let notifications = store.notifications_of(account, event.seq)?;
            let payload = || Ok(store.event(account, event.seq)?.and_then(|(_, payload)| payload));
            explain_all(store, &present, &mut Webhooks::new(store, account), &event, &notifications, payload)
        })
        .await
    }
}

/// [`Service::explain`] of an event whose notifications have been read. `payload` is asked for where a filter has to do
/// with it alone: it may be large.
pub(super) fn explain_all(
    store: &Store,
    present: &Present,
    webhooks: &mut Webhooks<'_>,
    event: &Event,
    notifications: &[Notification],
    payload: impl FnOnce() -> Result<Option<Payload>, Error>,
) -> Result<Vec<Explanation>, Error> {
    let mut explanations = Vec::new();
    for notification in notifications {
        let view = webhooks.view(notification, event, present)?;
        let reason = reason(store, present, webhooks, notification, &view, event)?;
        explanations.push(Explanation {
            webhook_id: view.webhook_id,
            notified: true,
            status: Some(view.status),
            next_attempt_at: view.next_attempt_at,
            reason,
        });
    }
    let is_test = event.trial == Some(Trial::Webhook);
    let has = |webhook: &Webhook| notifications.iter().any(|notification| notification.key.webhook == webhook.no);
    let directory = store.directory();
    let others: Vec<&Arc<Webhook>> = directory.of(event.account).filter(|webhook| !has(webhook)).collect();
    let is_filtered = |webhook: &&Arc<Webhook>| webhook.filter.is_some() && webhook.subscribes_to(&event.event_type);
    let payload = if !is_test && others.iter().any(is_filtered) { payload()? } else { None };
    let resource = payload.as_ref().map(Payload::resource_text);
    let mut unmet = resource.map(|resource| unmet_filters(others.iter().copied().filter(is_filtered), resource));
    for webhook in others {
        let filtered = match &mut unmet {
            Some(unmet) => Filtered::By(unmet.remove(&webhook.id)),
            None => Filtered::Unknown,
        };
        explanations.push(Explanation {
            webhook_id: webhook.id,
            notified: false,
            status: None,
            next_attempt_at: None,
            reason: explain_not_notified(webhook, event, is_test, filtered),
        });
    }
    Ok(explanations)
}

/// What is known of a webhook's filter and an event that it wasn't notified of.
enum Filtered {
    /// What the event doesn't meet; nothing where it meets the filter, or there is none.
    By(Option<Unmet>),
    /// The payload isn't there any more.
    Unknown,
}

/// What a resource doesn't meet of each webhook's filter, for those whose filter it doesn't meet. All filters are
/// evaluated at once; where the search for the conditions would take too long, the last filters are named as a whole.
fn unmet_filters<'w>(webhooks: impl Iterator<Item = &'w Arc<Webhook>>, resource: &str) -> HashMap<WebhookId, Unmet> {
    let filters: Vec<(WebhookId, &PayloadFilter)> =
        webhooks.filter_map(|webhook| Some((webhook.id, webhook.filter.as_ref()?))).collect();
    let met = filters.iter().map(|(_, filter)| *filter).collect::<FilterSet>().matches(resource);
    let mut effort = Effort::default();
    let unmet = filters.into_iter().zip(met).filter(|(_, met)| !met);
    unmet
        .filter_map(|((id, filter), _)| {
            let found =
                if effort.is_spent() { Some(filter.unmet_whole()) } else { filter.unmet(resource, &mut effort) };
            Some((id, found?))
        })
        .collect()
}

impl Service {
    /// What holds all automatic attempts to a webhook, in a sentence; `None` where they leave, or it isn't active.
    pub fn hold(&self, webhook: &Webhook) -> Option<Localized> {
        let wait =
            self.present().wait(webhook).filter(|wait| webhook.is_active() && *wait != WaitReason::InFlightLimit)?;
        let held = held_by(wait);
        Some(Localized {
            en: format!("Automatic attempts wait: {}.", held.en),
            pt: format!("As tentativas automáticas esperam: {}.", held.pt),
        })
    }
}

/// Why one notification stands where it does.
pub(super) fn reason(
    store: &Store,
    present: &Present,
    webhooks: &mut Webhooks<'_>,
    notification: &Notification,
    view: &NotificationView,
    event: &Event,
) -> Result<Localized, Error> {
    if view.in_flight {
        return Ok(localized!("An attempt is being made right now.", "Uma tentativa está sendo feita agora."));
    }
    let first = store.waits_for(notification)?;
    let wait = webhooks.get(notification.key.webhook)?.and_then(|webhook| present.wait(&webhook));
    // A test waits for no more than a free place.
    let holds_tests =
        |wait: &WaitReason| matches!(wait, WaitReason::InFlightLimit | WaitReason::DiskFull | WaitReason::MemoryFull);
    let wait = wait.filter(|wait| !notification.test || holds_tests(wait));
    let explanation = explain_notification_of(view, event, first.as_ref(), wait);
    let manual = notification.manual_at.is_some() && !notification.test && view.status != Status::Cancelled;
    Ok(if manual { and_manual(&explanation) } else { explanation })
}

fn and_manual(explanation: &Localized) -> Localized {
    Localized {
        en: format!(
            "{} A manual resend was requested as well; its attempt is made as soon as possible.",
            explanation.en
        ),
        pt: format!("{} Um reenvio manual também foi pedido e sai assim que possível.", explanation.pt),
    }
}

/// What holds the next automatic attempt of a webhook, as the end of a sentence.
fn held_by(wait: WaitReason) -> Localized {
    match wait {
        WaitReason::RetryAfter(until) => localized!(
            "the target asked for a pause (Retry-After), and the next attempt comes at {until}; a test or a manual \
             re-send goes out at once",
            "o destino pediu uma pausa (Retry-After), e a próxima tentativa vem em {until}; um teste ou um reenvio \
             manual sai na hora"
        ),
        WaitReason::RateLimit(until) => localized!(
            "the webhook's rate limit lets the next attempt leave at {until}, and what was due before goes first",
            "o limite de envio do webhook deixa a próxima tentativa sair em {until}, e o que já estava na fila sai \
             antes"
        ),
        WaitReason::LocalFault(until) => localized!(
            "carteiro's own machine could not make the last attempt (no file descriptor, memory or port was free), \
             and tries again at {until}; that uses up no attempt",
            "a máquina do carteiro não conseguiu fazer a última tentativa (faltou descritor de arquivo, memória ou \
             porta) e tenta de novo em {until}; isso não gasta nenhuma tentativa"
        ),
        WaitReason::Unreachable => localized!(
            "the target could not be reached when it was last tried, so notifications go to it one at a time until it \
             answers",
            "o destino não pôde ser alcançado na última vez, então as notificações vão uma de cada vez até que ele \
             responda"
        ),
        WaitReason::InFlightLimit => localized!(
            "as many attempts to this webhook are in flight as it may have (max_in_flight), and it goes once one of \
             them has ended",
            "este webhook já tem tantas tentativas em andamento quantas pode ter (max_in_flight), e ela sai quando uma \
             terminar"
        ),
        WaitReason::DiskFull => localized!(
            "the disk of carteiro's machine is almost full, and nothing is sent until there is room",
            "o disco da máquina do carteiro está quase cheio, e nada é enviado até haver espaço"
        ),
        WaitReason::MemoryFull => localized!(
            "the disk of carteiro's machine can't keep up with what is recorded, and nothing is sent until it has \
             caught up; if it stays so, carteiro's log says why",
            "o disco da máquina do carteiro não está acompanhando o volume, e nada é enviado até ele dar conta; se \
             continuar assim, o log do carteiro diz por quê"
        ),
    }
}

fn explain_notification_of(
    view: &NotificationView,
    event: &Event,
    waits_for: Option<&Event>,
    wait: Option<WaitReason>,
) -> Localized {
    let (made, most) = (view.automatic, view.max_attempts);
    match view.status {
        Status::Pending => match (waits_for, wait.map(held_by)) {
            (Some(Event { id, .. }), _) => localized!(
                "It is pending and waits for its turn: the webhook is ordered, and event {id} about the same \
                 resource comes first; it is attempted once that one is delivered, has failed or is cancelled.",
                "Está na fila e espera a vez: o webhook mantém a ordem, e o evento {id}, sobre o mesmo recurso, \
                 vem antes; sai quando ele for entregue, falhar ou for cancelado."
            ),
            (None, Some(held)) => Localized {
                en: format!("It is pending and waits: {}.", held.en),
                pt: format!("Está na fila e espera: {}.", held.pt),
            },
            (None, None) => localized!(
                "It is pending: its first attempt is about to be made.",
                "Na fila: a primeira tentativa sai em instantes."
            ),
        },
        Status::Retrying => {
            // What holds it longer than its own due time does, and what it has to wait for once it is due.
            let held = wait.filter(|wait| match (wait.until(), view.next_attempt_at) {
                (Some(until), Some(next)) => until >= next,
                (Some(_), None) | (None, Some(_)) => false,
                (None, None) => true,
            });
            let next = match (held, view.next_attempt_at) {
                (Some(wait), _) => held_by(wait),
                (None, Some(at)) => {
                    localized!("the next one comes at {at}", "a próxima sai em {at}")
                }
                (None, None) => localized!(
                    "the next one is due and about to be made",
                    "a próxima já está na hora e será feita em instantes"
                ),
            };
            Localized {
                en: format!("Automatic attempts made: {made} of {most}, none confirmed; {}.", next.en),
                pt: format!("Tentativas automáticas: {made} de {most}, nenhuma confirmada; {}.", next.pt),
            }
        }
        Status::Held => localized!(
            "It is held, because the webhook is paused or disabled; no attempt is used up.",
            "Está em espera, porque o webhook está pausado ou desativado; nenhuma tentativa é gasta."
        ),
        Status::Delivered => match view.delivered_at {
            Some(at) => localized!(
                "It was delivered: the target confirmed at {at}.",
                "Foi entregue: o destino confirmou em {at}."
            ),
            None => localized!("It was delivered.", "Foi entregue."),
        },
        Status::Failed if view.test => {
            localized!("The target did not confirm the test.", "O destino não confirmou o teste.")
        }
        Status::Failed => {
            let Localized { en, pt } = none_confirmed(made.into(), view.attempts_count);
            if view.webhook_deleted {
                localized!(
                    "{en}. The webhook was deleted: it can't be re-sent.",
                    "{pt}. O webhook foi excluído: não dá mais para reenviar."
                )
            } else if view.can_resend {
                localized!("{en}. You can still re-send it manually.", "{pt}. Você ainda pode reenviar manualmente.")
            } else {
                localized!("{en}.", "{pt}.")
            }
        }
        Status::Cancelled if event.erased_at.is_some() => localized!(
            "It was cancelled: the event's payload was erased.",
            "Foi cancelada: o conteúdo do evento foi apagado."
        ),
        Status::Cancelled if view.webhook_deleted => {
            localized!("It was cancelled: the webhook was deleted.", "Foi cancelada: o webhook foi excluído.")
        }
        Status::Cancelled => localized!("It was cancelled.", "Foi cancelada."),
    }
}

/// That none of so many attempts was confirmed, of which so many were automatic, and the others re-sent by somebody.
fn none_confirmed(automatic: u16, all: u16) -> Localized {
    let (en, pt) = match automatic {
        0 => ("No attempt was confirmed".to_owned(), "Nenhuma tentativa foi confirmada".to_owned()),
        1 => (
            "The automatic attempt was not confirmed".to_owned(),
            "A tentativa automática não foi confirmada".to_owned(),
        ),
        many => (
            format!("None of the {many} automatic attempts was confirmed"),
            format!("As {many} tentativas automáticas não foram confirmadas"),
        ),
    };
    match all.saturating_sub(automatic) {
        others if others == 0 || automatic == 0 => Localized { en, pt },
        1 => localized!("{en}, nor was the manual re-send", "{pt}, nem o reenvio manual"),
        many => localized!("{en}, nor were the {many} manual re-sends", "{pt}, nem os {many} reenvios manuais"),
    }
}

fn explain_not_notified(webhook: &Webhook, event: &Event, is_test: bool, filtered: Filtered) -> Localized {
    let event_type = &event.event_type;
    if is_test || event_type.as_str() == EventType::TEST {
        return localized!(
            "Not notified: a test goes to the tested webhook alone.",
            "Não foi notificado: um teste vai só para o webhook testado."
        );
    }
    if event.tells_of_webhook() == Some(webhook.id) {
        return localized!(
            "Not notified: the event tells the other webhooks about this one.",
            "Não foi notificado: o evento avisa os outros webhooks sobre este."
        );
    }
    let pattern = webhook.events.matching(event_type);
    if pattern.is_some()
        && webhook.filter.is_some()
        && let Some(filtered) = explain_filtered(webhook.registered_after < event.seq, filtered)
    {
        return filtered;
    }
    match pattern {
        None if event_type.is_own() && webhook.events.iter().any(|pattern| *pattern == Pattern::Everything) => {
            localized!(
                "Not notified: `*` doesn't mean carteiro's own types; subscribe to `{event_type}` or to `WEBHOOK.*`.",
                "Não foi notificado: `*` não inclui os tipos do próprio carteiro; assine `{event_type}` ou `WEBHOOK.*`."
            )
        }
        None => {
            let patterns: Vec<String> = webhook.events.iter().map(|pattern| format!("`{pattern}`")).collect();
            let patterns = patterns.join(", ");
            localized!(
                "Not notified: none of its patterns ({patterns}) matches `{event_type}`.",
                "Não foi notificado: nenhum dos seus padrões ({patterns}) corresponde a `{event_type}`."
            )
        }
        // The advice to re-send is for this case: a resend goes only to webhooks that match the event.
        Some(_) if webhook.registered_after >= event.seq => {
            let (at, id) = (webhook.inserted_at, event.id);
            localized!(
                "Not notified: the webhook was registered at {at}, after the event; POST /api/events/{id}/resend \
                 sends it.",
                "Não foi notificado: o webhook foi criado em {at}, depois do evento; “Reenviar a todos” (POST \
                 /api/events/{id}/resend) envia também a ele."
            )
        }
        Some(pattern) => {
            let changed = webhook.updated_at;
            let (note, note_pt) = match &webhook.status {
                WebhookStatus::Active => ("", ""),
                WebhookStatus::Paused | WebhookStatus::Disabled { .. } => {
                    (" (it is not active now)", " (não está ativo agora)")
                }
            };
            localized!(
                "Not notified: `{pattern}` matches `{event_type}` now{note}, but the webhook's patterns or its filter \
                 did not when the event was recorded; it was last changed at {changed}.",
                "Não foi notificado: `{pattern}` corresponde a `{event_type}` agora{note_pt}, mas os padrões ou o \
                 filtro do webhook não correspondiam quando o evento foi registrado; ele foi alterado pela última \
                 vez em {changed}."
            )
        }
    }
}

/// What the webhook's filter has to do with it; `None` where the event meets it. `was_there` tells whether the webhook
/// was registered when the event was recorded.
fn explain_filtered(was_there: bool, filtered: Filtered) -> Option<Localized> {
    match filtered {
        Filtered::Unknown => was_there.then(|| {
            localized!(
                "Not notified: it has a filter, and whether the event met it can't be told any more: the payload was \
                 erased.",
                "Não foi notificado: o webhook tem um filtro, e não há mais como dizer se o evento atendia a ele: o \
                 conteúdo foi apagado."
            )
        }),
        Filtered::By(unmet) => {
            let Localized { en, pt } = unmet?.localized();
            Some(localized!(
                "Not notified: the event doesn't meet its filter: {en}.",
                "Não foi notificado: o evento não atende ao seu filtro: {pt}."
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::none_confirmed;

    /// "Nenhuma das 1 tentativas foi confirmada" stood above a list of three.
    #[test]
    fn attempts_are_counted_as_the_list_shows_them() {
        for (automatic, all, en, pt) in [
            (0, 1, "No attempt was confirmed", "Nenhuma tentativa foi confirmada"),
            (1, 1, "The automatic attempt was not confirmed", "A tentativa automática não foi confirmada"),
            (
                1,
                2,
                "The automatic attempt was not confirmed, nor was the manual re-send",
                "A tentativa automática não foi confirmada, nem o reenvio manual",
            ),
            (
                20,
                22,
                "None of the 20 automatic attempts was confirmed, nor were the 2 manual re-sends",
                "As 20 tentativas automáticas não foram confirmadas, nem os 2 reenvios manuais",
            ),
        ] {
            let told = none_confirmed(automatic, all);
            assert_eq!((&*told.en, &*told.pt), (en, pt));
        }
    }
}
