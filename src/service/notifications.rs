//! Notifications: list, read, re-send one or many.

use super::events::{erased, in_flight};
use super::{Caller, Engine, Error, MAX_COUNTED, Service};
use crate::model::{
    AccountNo, Attempt, BulkResend, Event, EventId, Localized, Notification, NotificationId, Pattern, ResendFilter,
    ResendId, ResendRefusal, ResendState, ResponseFilter, State, Status, Timestamp, WaitReason, Webhook, WebhookId,
    WebhookNo,
};
use crate::store::{Cursor, MAX_JOBS, NotificationQuery, Order, Page, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// A notification as the world sees it.
#[derive(Clone, Debug)]
pub struct NotificationView {
    /// Its id, and its `webhook-id` on the wire.
    pub id: NotificationId,
    /// The event's id.
    pub event_id: EventId,
    /// The webhook's id.
    pub webhook_id: WebhookId,
    /// The event's type.
    pub event_type: String,
    /// The webhook's present target.
    pub target: String,
    /// Where it stands.
    pub status: Status,
    /// How many attempts were made in all.
    pub attempts_count: u16,
    /// How many of them were automatic.
    pub automatic: u8,
    /// How many automatic ones there are at most.
    pub max_attempts: u8,
    /// When the next automatic attempt comes, at the earliest where others go before it; never in the past. `None` while it is held or
    /// about to leave, and when none will come.
    pub next_attempt_at: Option<Timestamp>,
    /// The status of the last response.
    pub response_status: Option<u16>,
    /// When a 2XX first came.
    pub delivered_at: Option<Timestamp>,
    /// When it was first owed.
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

/// Which notifications are meant, in the world's terms.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Owed to this webhook, deleted or not.
    pub webhook_id: Option<WebhookId>,
    /// Of this event.
    pub event_id: Option<EventId>,
    /// With this status.
    pub status: Option<Status>,
    /// Of events of these types.
    pub event_type: Option<Pattern>,
    /// With this last response.
    pub response: Option<ResponseFilter>,
    /// Of events recorded at or after this.
    pub from: Option<Timestamp>,
    /// Of events recorded before this.
    pub to: Option<Timestamp>,
}

/// A bulk resend as the world sees it.
#[derive(Clone, Debug)]
pub struct ResendView {
    /// The bulk resend.
    pub resend: BulkResend,
    /// The webhook of its filter.
    pub webhook_id: Option<WebhookId>,
}

fn resend_view(store: &Store, resend: BulkResend) -> Result<ResendView, Error> {
    let webhook = match resend.filter.webhook {
        Some(no) => store.webhook(resend.account, no)?,
        None => None,
    };
    Ok(ResendView { webhook_id: webhook.map(|webhook| webhook.id), resend })
}

/// What a bulk resend asks for in the store's terms, or why it can't be.
fn resendable(store: &Store, account: AccountNo, filter: NotificationFilter) -> Result<NotificationQuery, Error> {
    match filter.status {
        Some(Status::Cancelled) => {
            let why = Localized::new(
                "CANCELLED notifications can't be re-sent",
                "notificações canceladas não podem ser reenviadas",
            );
            return Err(Error::invalid("filter.status", why));
        }
        Some(Status::Held) => {
            let why = Localized::new(
                "HELD notifications leave by themselves once their webhook's status is ACTIVE",
                "notificações retidas saem sozinhas quando o webhook volta a ficar ativo",
            );
            return Err(Error::invalid("filter.status", why));
        }
        Some(Status::Pending | Status::Retrying | Status::Delivered | Status::Failed) | None => {}
    }
    let named = filter.webhook_id.is_some();
    let query = filter.resolve(store, account)?;
    let alive = |query: &NotificationQuery| {
        query.webhook.is_none_or(|no| store.directory().by_no(no).is_some_and(|it| it.account == account))
    };
    query.filter(alive).ok_or_else(|| {
        debug_assert!(named, "nothing else of a bulk resend's filter can name what isn't there");
        Error::invalid(
            "filter.webhook_id",
            Localized::new(
                "names no webhook; what a deleted one was owed is CANCELLED and can't be re-sent",
                "este webhook não existe; o que era devido a um excluído está cancelado e não pode ser reenviado",
            ),
        )
    })
}

/// How many notifications it would owe an attempt by hand: neither what is cancelled, nor what a deleted webhook was owed. It looks
/// little further than `most` of them.
fn count_resendable(
    store: &Store,
    account: AccountNo,
    query: &NotificationQuery,
    most: u64,
) -> Result<u64, StoreError> {
    let mut count: u64 = 0;
    for webhook in store.directory().of(account) {
        if query.webhook.is_some_and(|only| only != webhook.no) {
            continue;
        }
        let of_it = NotificationQuery { webhook: Some(webhook.no), ..query.clone() };
        let cancelled = if query.status.is_none() {
            store
                .count_notifications(account, &NotificationQuery { status: Some(Status::Cancelled), ..of_it.clone() })?
        } else {
            0
        };
        let matching = store.count_at_most(account, &of_it, (most - count).saturating_add(cancelled))?;
        count += matching.saturating_sub(cancelled);
        if count >= most {
            break;
        }
    }
    Ok(count)
}

impl NotificationFilter {
    /// The filter in the store's terms; `None` when an id names nothing of this account's, so that nothing can match.
    pub(super) fn resolve(self, store: &Store, account: AccountNo) -> Result<Option<NotificationQuery>, Error> {
        let webhook = match self.webhook_id {
            None => None,
            Some(id) => match store.webhook_no(account, id)? {
                None => return Ok(None),
                found => found,
            },
        };
        let event = match self.event_id {
            None => None,
            Some(id) => match store.event_seq(account, id)? {
                None => return Ok(None),
                found => found,
            },
        };
        Ok(Some(NotificationQuery {
            webhook,
            event,
            status: self.status,
            event_type: self.event_type,
            response: self.response,
            from: self.from,
            to: self.to,
            ..NotificationQuery::default()
        }))
    }
}

impl Service {
    /// A page of notifications.
    pub async fn notifications(
        &self,
        caller: &Caller,
        filter: NotificationFilter,
        order: Order,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<NotificationView>, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let Some(query) = filter.resolve(store, account)? else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            let page = store.notifications(account, &NotificationQuery { order, cursor, limit, ..query })?;
            let mut webhooks = Webhooks::new(store, account);
            let views = page.items.iter().map(|(notification, event)| webhooks.view(notification, event, &present));
            Ok(Page { items: views.collect::<Result<_, _>>()?, next: page.next })
        })
        .await
    }

    /// One notification with its attempts.
    pub async fn notification(&self, caller: &Caller, id: NotificationId) -> Result<NotificationDetail, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let key = store.notification_key(id).ok_or(Error::NotFound)?;
            let notification = store.notification(account, key)?.ok_or(Error::NotFound)?;
            let event = store.event_head(account, key.seq)?.ok_or(Error::NotFound)?;
            let view = Webhooks::new(store, account).view(&notification, &event, &present)?;
            Ok(NotificationDetail { view, attempts: store.attempts(&notification)? })
        })
        .await
    }

    /// Owes one attempt by hand, now: to the webhook's present target, with the original body, using none of the 20 up.
    pub async fn resend(&self, caller: &Caller, id: NotificationId) -> Result<NotificationView, Error> {
        let account = caller.account;
        let (key, attempts, event) = self
            .read(move |store| {
                let key = store.notification_key(id).ok_or(Error::NotFound)?;
                let attempts = store.notification(account, key)?.ok_or(Error::NotFound)?.attempts;
                Ok((key, attempts, store.event_head(account, key.seq)?.ok_or(Error::NotFound)?))
            })
            .await?;
        if event.erased_at.is_some() {
            return Err(erased());
        }
        if self.engine.is_in_flight(key, attempts) {
            return Err(in_flight());
        }
        let resent = self.store.resend(account, key).await?.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        match resent {
            Ok(notification) => Ok(self.view(&notification, &event, self.store.directory().by_no(key.webhook))),
            Err(ResendRefusal::Cancelled) => Err(Error::Conflict {
                code: "cancelled",
                detail: Localized::new(
                    "the notification is CANCELLED: its webhook was deleted or its payload erased",
                    "a notificação está cancelada: o webhook foi excluído ou o conteúdo, apagado",
                ),
            }),
            Err(ResendRefusal::TooManyAttempts) => {
                let kept = crate::model::MAX_ATTEMPTS_KEPT;
                let detail = Localized {
                    en: format!("the notification has {kept} attempts, and keeps no more"),
                    pt: format!("a notificação já tem {kept} tentativas, e não guarda mais"),
                };
                Err(Error::Conflict { code: "too_many_attempts", detail })
            }
        }
    }

    /// Begins a bulk resend: owes an attempt by hand to everything the filter matches but what is cancelled. It is durable on return.
    /// The work is done in the background, the oldest events first, at each webhook's own pace, and survives a restart.
    pub async fn resend_many(&self, caller: &Caller, filter: NotificationFilter) -> Result<ResendView, Error> {
        let account = caller.account;
        let (query, count) = self
            .read(move |store| {
                let query = resendable(store, account, filter)?;
                let count = count_resendable(store, account, &query, u64::MAX)?;
                Ok((query, count))
            })
            .await?;
        let filter = ResendFilter {
            webhook: query.webhook,
            status: query.status,
            event_type: query.event_type,
            response: query.response,
            from: query.from,
            to: query.to,
        };
        let resend = self.store.resend_many(account, filter, count).await?.ok_or_else(|| {
            let detail = Localized {
                en: format!("{MAX_JOBS} bulk resends or deletions are under way already: wait for one of them to end"),
                pt: format!("{MAX_JOBS} reenvios ou exclusões já estão em andamento: espere um deles terminar"),
            };
            Error::Conflict { code: "too_many_jobs", detail }
        })?;
        self.followers.tell(account);
        self.read(move |store| resend_view(store, resend)).await
    }

    /// How many notifications [`Self::resend_many`] would owe an attempt by hand, counted to [`MAX_COUNTED`]; its errors where it would
    /// refuse.
    pub async fn count_resend(&self, caller: &Caller, filter: NotificationFilter) -> Result<u64, Error> {
        let account = caller.account;
        self.read(move |store| {
            let query = resendable(store, account, filter)?;
            Ok(count_resendable(store, account, &query, MAX_COUNTED)?.min(MAX_COUNTED))
        })
        .await
    }

    /// The caller's bulk resends that go on, and the last few that have ended, the newest first. From memory.
    pub fn late_resends(&self, caller: &Caller, ended: usize) -> Vec<BulkResend> {
        let mut left = ended;
        let mut resends = self.store.resends(caller.account);
        resends.reverse();
        resends.retain(|resend| {
            let room = left > 0;
            resend.state == ResendState::Running || {
                left = left.saturating_sub(1);
                room
            }
        });
        resends
    }

    /// A page of the caller's bulk resends: those that go on, and for a week those that have ended.
    pub async fn resends(
        &self,
        caller: &Caller,
        order: Order,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<ResendView>, Error> {
        let account = caller.account;
        self.read(move |store| {
            let all = store.resends(account).into_iter().map(|resend| ((resend.number, 0), resend)).collect();
            let page = Page::cut(all, order, cursor, limit);
            let views = page.items.into_iter().map(|resend| resend_view(store, resend));
            Ok(Page { items: views.collect::<Result<_, _>>()?, next: page.next })
        })
        .await
    }

    /// How far a bulk resend has got.
    pub async fn bulk_resend(&self, caller: &Caller, id: ResendId) -> Result<ResendView, Error> {
        let account = caller.account;
        self.read(move |store| {
            let resend = store.resends(account).into_iter().find(|resend| resend.id == id).ok_or(Error::NotFound)?;
            resend_view(store, resend)
        })
        .await
    }

    /// Ends a bulk resend where it stands: what has been owed an attempt by hand until now, at most 64 for each webhook
    /// that haven't been made, still gets it. One that has ended stays as it is.
    pub async fn cancel_resend(&self, caller: &Caller, id: ResendId) -> Result<ResendView, Error> {
        let view = self.bulk_resend(caller, id).await?;
        let ended = self.store.cancel_resend(caller.account, view.resend.number).await?;
        self.followers.tell(caller.account);
        match ended {
            Some(resend) => Ok(ResendView { resend, ..view }),
            // It has ended in between.
            None => self.bulk_resend(caller, id).await,
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

/// What a view of a notification depends on beside the store.
#[derive(Clone)]
pub(super) struct Present {
    /// How many automatic attempts there are at most, where the webhook has no policy of its own.
    pub(super) max_attempts: u8,
    /// How many attempts may be in flight, where it has no limit of its own.
    pub(super) max_in_flight: usize,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) now: Timestamp,
}

impl Present {
    /// What keeps automatic attempts to this webhook from leaving now.
    pub(super) fn wait(&self, webhook: &Webhook) -> Option<WaitReason> {
        self.engine.wait(webhook, webhook.max_in_flight.map_or(self.max_in_flight, usize::from), self.now)
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

    pub(super) fn is_deleted(&mut self, notification: &Notification) -> Result<bool, Error> {
        Ok(self.get(notification.key.webhook)?.is_none_or(|webhook| webhook.deleted_at.is_some()))
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
        event_type: event.event_type.to_string(),
        target: webhook.map(|webhook| webhook.target.to_string()).unwrap_or_default(),
        status,
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
