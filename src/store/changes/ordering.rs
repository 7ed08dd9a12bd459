//! Webhooks that keep order: a notification leaves once its predecessor of the same resource is finished.

use crate::model::{AccountNo, Event, Notification, NotificationKey, OfJob, OrderKey, Timestamp, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, last_seq, put_notification, read_notification};
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;

/// Where a new notification of an event stands in the order of its webhook, if that keeps any. Only reads.
pub(crate) fn position(
    txn: &Txn<'_>,
    event: &Event,
    webhook: WebhookNo,
    ordered: bool,
) -> Result<Option<OrderPosition>, StoreError> {
    if !ordered {
        return Ok(None);
    }
    let order = event.order_key();
    let prefix = keys::chain(webhook, order);
    let mut from = prefix.clone();
    // Hardly ever more than one: a row that leads to nothing, or to what can't be read, holds nobody up.
    while let Some(row) = txn.first_from(&from, &prefix)? {
        let key = NotificationKey { seq: last_seq(&row)?, webhook };
        if read_notification(txn, event.account, key)
            .is_ok_and(|other| other.is_some_and(|other| other.needs_automatic_attempt()))
        {
            return Ok(Some(OrderPosition { order, awaits_predecessor: true }));
        }
        from = [row.as_slice(), &[0]].concat();
    }
    Ok(Some(OrderPosition { order, awaits_predecessor: false }))
}

/// Adds a notification of an event, which belongs to the bulk job that has created it.
pub(crate) fn add_notification(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    event: &Event,
    webhook: WebhookNo,
    position: Option<OrderPosition>,
    job: Option<u64>,
    now: Timestamp,
) -> Notification {
    let key = NotificationKey { seq: event.seq, webhook };
    let mut notification = Notification::new(key, event.account, now, false);
    notification.job = job.map(|number| OfJob { number, counted: false });
    if let Some(OrderPosition { order, awaits_predecessor }) = position {
        notification.order = Some(order);
        notification.awaits_predecessor = awaits_predecessor;
    }
    if position.is_none() && job.is_none() && now == event.inserted_at {
        txn.put(keys::untried(event.account, key), Vec::new());
    } else {
        put_notification(txn, &[], &notification);
    }
    ledger.head.notifications += 1;
    notification
}

/// Adds a notification of an event that was recorded before, to a webhook that keeps order or doesn't; delivery learns
/// of it. The event counts it, and the caller puts the event's row. An error finds nothing staged.
pub(crate) fn add_to_event(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    event: &mut Event,
    (webhook, ordered): (WebhookNo, bool),
    job: Option<u64>,
    now: Timestamp,
) -> Result<Notification, StoreError> {
    let notification = if event.trial.is_some() {
        add_test(ledger, txn, event.account, NotificationKey { seq: event.seq, webhook }, now)
    } else {
        let position = position(txn, event, webhook, ordered)?;
        let notification = add_notification(ledger, txn, event, webhook, position, job, now);
        if !notification.awaits_predecessor {
            ledger.updates.push(StoreUpdate::Untried { key: notification.key, payload: None });
            ledger.to_be_durable = true;
        }
        notification
    };
    event.notifications += 1;
    Ok(notification)
}

/// Adds the notification of an event that tries something out: it has one attempt, at once, and waits for nothing.
pub(crate) fn add_test(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
    now: Timestamp,
) -> Notification {
    let notification = Notification::new(key, account, now, true);
    put_notification(txn, &[], &notification);
    ledger.head.notifications += 1;
    ledger.updates.push(StoreUpdate::Manual { key, since: now, at_once: true });
    notification
}

/// Releases the successor of a notification that has changed, if that one is finished now. Delivery learns of it once
/// it is durable: after a crash in between the target would receive the successor first.
pub(crate) fn release_next(ledger: &mut Ledger, txn: &mut Txn<'_>, was_ready: bool, notification: &Notification) {
    let Some(order) = notification.order.filter(|_| was_ready && !notification.needs_automatic_attempt()) else {
        return;
    };
    if let Err(error) = release_after(ledger, txn, notification, order) {
        let notification = ledger.shared.notification_id(notification.key);
        tracing::error!(%error, %notification, "the successor of this one could not be read");
    }
}

fn release_after(
    ledger: &mut Ledger,
    txn: &mut Txn<'_>,
    ended: &Notification,
    order: OrderKey,
) -> Result<(), StoreError> {
    let webhook = ended.key.webhook;
    let prefix = keys::chain(webhook, order);
    let mut from = prefix.clone();
    while let Some(row) = txn.first_from(&from, &prefix)? {
        let key = NotificationKey { seq: last_seq(&row)?, webhook };
        match find_notification(txn, ended.account, key) {
            Ok(Some((mut next, before))) if next.awaits_predecessor => {
                next.awaits_predecessor = false;
                put_notification(txn, &before, &next);
                ledger.updates.push(StoreUpdate::Untried { key: next.key, payload: None });
                ledger.to_be_durable = true;
                return Ok(());
            }
            // It was released before.
            Ok(Some(_)) => return Ok(()),
            Ok(None) => txn.delete(row.clone()),
            Err(error) => tracing::error!(%error, seq = key.seq.0, "one that waits for its predecessor can't be read"),
        }
        from = [row.as_slice(), &[0]].concat();
    }
    Ok(())
}

/// The order that a notification is part of, and whether one before it is unfinished.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderPosition {
    order: OrderKey,
    awaits_predecessor: bool,
}
