//! Webhooks that keep order: whose turn it is among the notifications of one resource.

use crate::model::{Event, Notification, NotificationKey, OrderKey, Timestamp, WebhookNo};
use crate::store::changes::ledger::Ledger;
use crate::store::changes::rows::{find_notification, last_seq, put_notification, read_notification};
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::txn::Txn;
use crate::store::updates::StoreUpdate;

impl Ledger {
    /// How a webhook is owed an event from now on, where it keeps order. Only reads.
    pub(crate) fn turn(
        txn: &Txn<'_>,
        event: &Event,
        webhook: WebhookNo,
        ordered: bool,
    ) -> Result<Option<Turn>, StoreError> {
        if !ordered {
            return Ok(None);
        }
        let order = event.order_key();
        let prefix = keys::chain(webhook, order);
        let mut from = prefix.clone();
        // Hardly ever more than one: a row that leads to nothing, or to what can't be read, takes nobody's turn.
        while let Some(row) = txn.first_from(&from, &prefix)? {
            let key = NotificationKey { seq: last_seq(&row)?, webhook };
            if read_notification(txn, event.account, key)
                .is_ok_and(|other| other.is_some_and(|other| other.needs_automatic_attempt()))
            {
                return Ok(Some(Turn { order, awaits_predecessor: true }));
            }
            from = [row.as_slice(), &[0]].concat();
        }
        Ok(Some(Turn { order, awaits_predecessor: false }))
    }

    /// A notification of an event that a webhook is owed from now on; in its turn, where there is one.
    pub(crate) fn owe(
        &mut self,
        txn: &mut Txn<'_>,
        event: &Event,
        webhook: WebhookNo,
        turn: Option<Turn>,
        now: Timestamp,
    ) -> Notification {
        let key = NotificationKey { seq: event.seq, webhook };
        let mut notification = Notification::new(key, event.account, now, false);
        if let Some(Turn { order, awaits_predecessor }) = turn {
            notification.order = Some(order);
            notification.awaits_predecessor = awaits_predecessor;
        }
        if turn.is_none() && now == event.inserted_at {
            txn.put(keys::fresh(event.account, key), Vec::new());
        } else {
            put_notification(txn, &[], &notification);
        }
        self.head.notifications += 1;
        notification
    }

    /// After a notification has changed that had its turn: if it is finished now, it is the next one's. Told once that
    /// is durable: after a crash in between the target would have the next one first.
    pub(crate) fn pass_on(&mut self, txn: &mut Txn<'_>, was_ready: bool, notification: &Notification) {
        let Some(order) = notification.order.filter(|_| was_ready && !notification.needs_automatic_attempt()) else {
            return;
        };
        if let Err(error) = self.give_turn(txn, notification, order) {
            let notification = self.shared.notification_id(notification.key);
            tracing::error!(%error, %notification, "whose turn it is after this one could not be read");
        }
    }

    fn give_turn(&mut self, txn: &mut Txn<'_>, ended: &Notification, order: OrderKey) -> Result<(), StoreError> {
        let webhook = ended.key.webhook;
        let prefix = keys::chain(webhook, order);
        let mut from = prefix.clone();
        while let Some(row) = txn.first_from(&from, &prefix)? {
            let key = NotificationKey { seq: last_seq(&row)?, webhook };
            match find_notification(txn, ended.account, key) {
                Ok(Some((mut next, before))) if next.awaits_predecessor => {
                    next.awaits_predecessor = false;
                    put_notification(txn, &before, &next);
                    self.updates.push(StoreUpdate::Untried { key: next.key, payload: None });
                    self.passed_on = true;
                    return Ok(());
                }
                // It has its turn already.
                Ok(Some(_)) => return Ok(()),
                Ok(None) => txn.delete(row.clone()),
                Err(error) => tracing::error!(%error, seq = key.seq.0, "one that waits for its turn can't be read"),
            }
            from = [row.as_slice(), &[0]].concat();
        }
        Ok(())
    }
}

/// Where in its order a notification stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    order: OrderKey,
    awaits_predecessor: bool,
}
