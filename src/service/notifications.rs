//! Notifications: list, read, re-send one or many.

use super::caller::Caller;
use super::error::Error;
use super::handle::Service;
use super::summary::MAX_COUNTED;
use super::views::{NotificationDetail, NotificationView, Webhooks};
use crate::model::{
    AccountNo, BulkResend, NotificationFilter, NotificationId, ResendFilter, ResendId, ResendState, Status, WebhookId,
    localized,
};
use crate::store::{BeginBulkResend, CancelBulkResend, ResendNotification};
use crate::store::{Cursor, NotificationQuery, Order, Page, Store, StoreError};

/// A bulk resend as the world sees it.
#[derive(Clone, Debug)]
pub struct ResendView {
    /// The bulk resend.
    pub resend: BulkResend,
    /// The webhook of its filter.
    pub webhook_id: Option<WebhookId>,
}

impl ResendView {
    /// What was asked for.
    pub fn filter(&self) -> NotificationFilter {
        let filter = self.resend.filter.clone();
        NotificationFilter {
            webhook_id: self.webhook_id,
            event_id: None,
            status: filter.status,
            event_type: filter.event_type,
            response: filter.response,
            from: filter.from,
            to: filter.to,
        }
    }
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
            let why = localized!(
                "CANCELLED notifications can't be re-sent",
                "notificações canceladas não podem ser reenviadas"
            );
            return Err(Error::invalid("filter.status", why));
        }
        Some(Status::Held) => {
            let why = localized!(
                "HELD notifications are attempted once their webhook's status is ACTIVE",
                "notificações em espera saem sozinhas quando o webhook volta a ficar ativo"
            );
            return Err(Error::invalid("filter.status", why));
        }
        Some(Status::Pending | Status::Retrying | Status::Delivered | Status::Failed) | None => {}
    }
    let named = filter.webhook_id.is_some();
    let query = resolve(filter, store, account)?;
    let alive = |query: &NotificationQuery| {
        query.webhook.is_none_or(|no| store.directory().by_no(no).is_some_and(|it| it.account == account))
    };
    query.filter(alive).ok_or_else(|| {
        debug_assert!(named, "nothing else of a bulk resend's filter can name what isn't there");
        Error::invalid(
            "filter.webhook_id",
            localized!(
                "names no webhook; the notifications of a deleted one are CANCELLED and can't be re-sent",
                "este webhook não existe; as notificações de um excluído estão canceladas e não podem ser reenviadas"
            ),
        )
    })
}

/// How many notifications would get a manual attempt: neither those cancelled, nor those of a deleted webhook. It looks
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

/// The filter in the store's terms; `None` when an id names nothing of this account's, so that nothing can match.
fn resolve(filter: NotificationFilter, store: &Store, account: AccountNo) -> Result<Option<NotificationQuery>, Error> {
    let webhook = match filter.webhook_id {
        None => None,
        Some(id) => match store.webhook_no(account, id)? {
            None => return Ok(None),
            found => found,
        },
    };
    let event = match filter.event_id {
        None => None,
        Some(id) => match store.event_seq(account, id)? {
            None => return Ok(None),
            found => found,
        },
    };
    Ok(Some(NotificationQuery {
        webhook,
        event,
        status: filter.status,
        event_type: filter.event_type,
        response: filter.response,
        from: filter.from,
        to: filter.to,
        ..NotificationQuery::default()
    }))
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
            let Some(query) = resolve(filter, store, account)? else {
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

    /// Requests one manual attempt, now: to the webhook's present target, with the original body, using none of the 20
    /// up.
    pub async fn resend(&self, caller: &Caller, id: NotificationId) -> Result<NotificationView, Error> {
        let account = caller.account;
        let (key, event) = self
            .read(move |store| {
                let key = store.notification_key(id).ok_or(Error::NotFound)?;
                Ok((key, store.event_head(account, key.seq)?.ok_or(Error::NotFound)?))
            })
            .await?;
        let in_flight = self.delivery.status.attempt_in_flight(key);
        let resent = self.store.commit(ResendNotification { account, key, in_flight }).await?.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        Ok(self.view(&resent, &event, self.store.directory().by_no(key.webhook)))
    }

    /// Begins a bulk resend: a manual attempt for everything the filter matches but what is cancelled. It is durable on
    /// return. The work is done in the background, the oldest events first, at each webhook's own pace, and survives a
    /// restart.
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
        let resend = self.store.commit(BeginBulkResend { account, filter, queued: count }).await?;
        self.followers.tell(account);
        self.read(move |store| resend_view(store, resend)).await
    }

    /// How many notifications [`Self::resend_many`] would give a manual attempt, counted to [`MAX_COUNTED`]; its errors
    /// where it would refuse.
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

    /// Ends a bulk resend where it stands: the manual attempts requested until now, at most 64 for each webhook
    /// that haven't been made, still gets it. One that has ended stays as it is.
    pub async fn cancel_resend(&self, caller: &Caller, id: ResendId) -> Result<ResendView, Error> {
        let view = self.bulk_resend(caller, id).await?;
        let ended = self.store.commit(CancelBulkResend { account: caller.account, number: view.resend.number }).await?;
        self.followers.tell(caller.account);
        match ended {
            Some(resend) => Ok(ResendView { resend, ..view }),
            // It has ended in between.
            None => self.bulk_resend(caller, id).await,
        }
    }
}
