//! Notifications: list, read, re-send one or many.

use super::caller::Caller;
use super::error::Error;
use super::explaining::reason;
use super::find::find_notification;
use super::requests::RequestParts;
use super::shared::Service;
use super::views::{NotificationDetail, NotificationView, Webhooks};
use crate::model::{
    AccountNo, BulkJob, Listing, Localized, NotificationFilter, NotificationId, Page, Status, localized,
};
use crate::store::{AuditedChange as _, BeginBulkResend, ResendNotification, Store, StoreError};

/// A notification with what became of it.
#[derive(Clone)]
pub struct NotificationHistory {
    /// The notification with its attempts.
    pub detail: NotificationDetail,
    /// Why it stands where it does: its sentence of [`Service::explain`].
    pub reason: Localized,
    /// What the requests of its attempts are built from.
    pub parts: RequestParts,
}

/// Why what a filter matches can't be re-sent, if it can't.
fn check_resendable(
    store: &Store,
    account: AccountNo,
    filter: &NotificationFilter,
    include_delivered: bool,
) -> Result<(), Error> {
    match filter.status {
        Some(Status::Delivered) if !include_delivered => {
            let why = localized!(
                "must be true for notifications that are DELIVERED already: their targets receive them once more",
                "deve ser true para notificações já entregues: os destinos as recebem mais uma vez"
            );
            return Err(Error::invalid("include_delivered", why));
        }
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
    if filter.webhook_id.is_some_and(|id| store.directory().by_id(account, id).is_none()) {
        return Err(Error::invalid(
            "filter.webhook_id",
            localized!(
                "names no webhook; the notifications of a deleted one are CANCELLED and can't be re-sent",
                "este webhook não existe; as notificações de um excluído estão canceladas e não podem ser reenviadas"
            ),
        ));
    }
    Ok(())
}

/// How many notifications would get a manual attempt: neither those cancelled, nor those of a deleted webhook.
fn count_resendable(store: &Store, account: AccountNo, filter: &NotificationFilter) -> Result<u64, StoreError> {
    let mut count: u64 = 0;
    for webhook in store.directory().of(account) {
        if filter.webhook_id.is_some_and(|only| only != webhook.id) {
            continue;
        }
        let of_it = NotificationFilter { webhook_id: Some(webhook.id), ..filter.clone() };
        let cancelled = if filter.status.is_none() && filter.undelivered != Some(true) {
            let cancelled = NotificationFilter { status: Some(Status::Cancelled), ..of_it.clone() };
            store.count_notifications(account, &cancelled, u64::MAX)?
        } else {
            0
        };
        let matching = store.count_notifications(account, &of_it, u64::MAX)?;
        count += matching.saturating_sub(cancelled);
    }
    Ok(count)
}

/// What a bulk resend is of, with its defaults, and how many notifications that is now.
fn resendable(
    store: &Store,
    account: AccountNo,
    filter: NotificationFilter,
    include_delivered: bool,
) -> Result<(NotificationFilter, u64), Error> {
    let mut filter = filter.or_default();
    check_resendable(store, account, &filter, include_delivered)?;
    if filter.status.is_none() && !include_delivered {
        filter.undelivered = Some(true);
    }
    let count = count_resendable(store, account, &filter)?;
    Ok((filter, count))
}

impl Service {
    /// A page of notifications.
    pub async fn notifications(
        &self,
        caller: &Caller,
        filter: NotificationFilter,
        listing: Listing,
    ) -> Result<Page<NotificationView>, Error> {
        let (account, present, filter) = (caller.account, self.present(), filter.or_default());
        self.read(move |store| {
            let page = store.notifications(account, &filter, listing)?;
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
            let (key, event) = find_notification(store, account, id)?;
            let notification = store.notification(account, key)?.ok_or(Error::NotFound)?;
            let view = Webhooks::new(store, account).view(&notification, &event, &present)?;
            Ok(NotificationDetail { view, attempts: store.attempts(&notification)? })
        })
        .await
    }

    /// All that one notification's page shows: itself, why it stands where it does, and what its requests are built
    /// from. Everything is read once.
    pub async fn notification_history(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<NotificationHistory, Error> {
        let (account, present) = (caller.account, self.present());
        self.read(move |store| {
            let key = store.notification_key(id).ok_or(Error::NotFound)?;
            let notification = store.notification(account, key)?.ok_or(Error::NotFound)?;
            let (event, payload) = store.event(account, key.seq)?.ok_or(Error::NotFound)?;
            let mut webhooks = Webhooks::new(store, account);
            let view = webhooks.view(&notification, &event, &present)?;
            let reason = reason(store, &present, &mut webhooks, &notification, &view, &event)?;
            let detail = NotificationDetail { view, attempts: store.attempts(&notification)? };
            let parts = RequestParts::of(event, payload, webhooks.into_found());
            Ok(NotificationHistory { detail, reason, parts })
        })
        .await
    }

    /// Requests one manual attempt, now: to the webhook's present target, with the original body, using none of the 20
    /// up.
    pub async fn resend(&self, caller: &Caller, id: NotificationId) -> Result<NotificationView, Error> {
        let account = caller.account;
        let (key, event) = self.read(move |store| find_notification(store, account, id)).await?;
        let in_flight = self.delivery.status.attempt_in_flight(key);
        let change = ResendNotification { account, key, in_flight }.by(caller.actor());
        let resent = self.store.commit(change).await?.ok_or(Error::NotFound)?;
        self.followers.tell(account);
        Ok(self.view(&resent, &event, self.store.directory().by_no(key.webhook)))
    }

    /// Begins a bulk resend: a manual attempt for everything the filter matches but what is cancelled and, unless it is
    /// asked for, what is delivered. It is durable on return. The work is done in the background, the oldest events
    /// first, at each webhook's own pace, and survives a restart.
    pub async fn resend_many(
        &self,
        caller: &Caller,
        filter: NotificationFilter,
        include_delivered: bool,
    ) -> Result<BulkJob, Error> {
        let account = caller.account;
        let (filter, queued) = self.read(move |store| resendable(store, account, filter, include_delivered)).await?;
        let resend = self.store.commit(BeginBulkResend { account, filter, queued }.by(caller.actor())).await?;
        self.followers.tell(account);
        Ok(resend)
    }

    /// How many notifications [`Self::resend_many`] would give a manual attempt now; its errors where it would refuse.
    pub async fn count_resend(
        &self,
        caller: &Caller,
        filter: NotificationFilter,
        include_delivered: bool,
    ) -> Result<u64, Error> {
        let account = caller.account;
        self.read(move |store| Ok(resendable(store, account, filter, include_delivered)?.1)).await
    }
}
