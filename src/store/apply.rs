//! What each change is, in rows.
//!
//! The index rows of a record are derived from the record, in one place ([`notification_rows`], [`event_rows`]): a change
//! takes away the rows of what was and puts the rows of what is, so that no transition can forget one.
//!
//! A notification that is owed since its event was recorded, and that nothing has happened to, has no record and no other row than
//! its entry among the fresh ones, which says all there is to say of it. The first thing that happens to it writes the rest: a
//! target that isn't well, or a webhook that is paused, costs an event next to nothing.

mod accounts;
mod events;
mod forward;
mod gone;
mod idempotency;
mod jobs;
mod notifications;
mod retention;
mod webhooks;

pub(super) use gone::{Gone, GoneWebhooks};
pub(super) use jobs::sweep_idempotency_keys;
pub(super) use retention::Retirement;

use super::StoreError;
use super::committer::{Committer, Told};
use super::keys::{self, Key, Reference};
use super::record::{self, Stored};
use super::txn::Txn;
use crate::model::{
    AccountNo, Event, EventId, Notification, NotificationKey, OrderKey, Seq, State, Timestamp, WebhookNo,
};
use std::collections::BTreeSet;

/// What a notification is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No automatic attempt.
    Nothing,
    /// Its first automatic attempt, at once.
    Fresh,
    /// Another automatic attempt, not before this.
    Retry(Timestamp),
}

impl From<&Notification> for Standing {
    fn from(notification: &Notification) -> Self {
        match notification.state {
            State::Pending if notification.test || notification.awaits_predecessor => Self::Nothing,
            State::Pending => Self::Fresh,
            State::Retrying { due } => Self::Retry(due),
            State::Delivered | State::Failed | State::Cancelled => Self::Nothing,
        }
    }
}

/// Every index row a notification has.
pub(super) fn notification_rows(notification: &Notification) -> Vec<Key> {
    let (account, key) = (notification.account, notification.key);
    let mut rows = Vec::with_capacity(5);
    rows.push(keys::by_webhook(key));
    match Standing::from(notification) {
        Standing::Nothing => {}
        Standing::Fresh => rows.push(keys::fresh(account, key)),
        Standing::Retry(due) => rows.push(keys::retry(due, key)),
    }
    if let Some(since) = notification.manual_at {
        rows.push(keys::manual(since, key));
    }
    if let Some(state) = keys::state_byte(notification.state) {
        rows.push(keys::by_state(account, state, key));
    } else if notification.awaits_predecessor {
        rows.push(keys::by_state(account, keys::WAITING, key));
    } else if notification.state == State::Pending && notification.test {
        // A test is pending without being fresh: it has no automatic attempt to come.
        rows.push(keys::by_state(account, keys::PENDING_TEST, key));
    }
    if let Some(order) = notification.order.filter(|_| notification.needs_automatic_attempt()) {
        rows.push(keys::order(order, key));
    }
    if let Some(attempt) = notification.last.as_ref().filter(|attempt| !attempt.result.confirms()) {
        rows.push(keys::by_response(account, attempt.result.status().unwrap_or(0), key));
    }
    rows
}

/// Every index row an event has, given the number of its type.
pub(super) fn event_rows(event: &Event, type_no: u32) -> Vec<Key> {
    let (account, seq) = (event.account, event.seq);
    let mut rows = vec![keys::by_type(account, type_no, seq)];
    let resource = &event.resource;
    let external = [event.external_id.as_deref(), resource.external_id.as_deref()];
    rows.extend(
        external.into_iter().flatten().filter_map(|id| keys::by_reference(account, Reference::ExternalId, id, seq)),
    );
    rows.extend(resource.id.as_deref().and_then(|id| keys::by_reference(account, Reference::ResourceId, id, seq)));
    rows
}

pub(super) fn put_notification(txn: &mut Txn<'_>, before: &[Key], now: &Notification) {
    let after = notification_rows(now);
    for row in before.iter().filter(|row| !after.contains(row)) {
        txn.delete(row.clone());
    }
    for row in after {
        if !before.contains(&row) {
            txn.put(row, Vec::new());
        }
    }
    txn.put(keys::notification(now.account, now.key), record::encode_notification(now));
}

impl Committer {
    /// How a webhook is owed an event from now on, where it keeps order. Only reads.
    pub(super) fn turn(
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
    pub(super) fn owe(
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

    /// After a notification has changed that had its turn: if it is finished now, it is the next one's. Told once that is durable:
    /// after a crash in between the target would have the next one first.
    pub(super) fn pass_on(&mut self, txn: &mut Txn<'_>, was_ready: bool, notification: &Notification) {
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
                    self.told.push(Told::Fresh { key: next.key, hot: None });
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
pub(super) struct Turn {
    order: OrderKey,
    awaits_predecessor: bool,
}

/// The sequence number that ends a row of an index.
fn last_seq(row: &[u8]) -> Result<Seq, StoreError> {
    let seq = row.len().checked_sub(8).and_then(|at| keys::u64_at(row, at));
    seq.map(Seq).ok_or(StoreError::Damaged { table: "order", what: "has a short key" })
}

fn read_notification(
    txn: &Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<Notification>, StoreError> {
    Ok(find_notification(txn, account, key)?.map(|(notification, _)| notification))
}

/// A notification and the index rows it has now.
pub(super) fn find_notification(
    txn: &Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<(Notification, Vec<Key>)>, StoreError> {
    let found =
        txn.read(&keys::notification(account, key), |value| record::decode_notification(account, key, value))?;
    if let Some(notification) = found {
        let rows = notification_rows(&notification);
        return Ok(Some((notification, rows)));
    }
    let fresh = keys::fresh(account, key);
    if !txn.is_in_set(&fresh)? {
        return Ok(None);
    }
    let inserted_at = |value: &[u8]| record::decode_event_head(account, key.seq, value).map(|event| event.inserted_at);
    let recorded = txn.read(&keys::event(account, key.seq), inserted_at)?;
    Ok(recorded.map(|at| (Notification::new(key, account, at, false), vec![fresh])))
}

/// The webhooks whose notifications of an event have a record, as this group sees it.
fn with_record(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let prefix = keys::notifications_of(account, seq);
    let webhook = |row: &[u8]| {
        let short = StoreError::Damaged { table: "notification", what: "has a short key" };
        keys::u32_at(row, prefix.len()).map(WebhookNo).ok_or(short)
    };
    let mut found = BTreeSet::new();
    for row in txn.scan(&prefix) {
        found.insert(webhook(&row?)?);
    }
    for row in txn.staged(&prefix) {
        found.insert(webhook(row)?);
    }
    Ok(found)
}

/// The webhooks that an event is owed to, or was, as this group sees it. It asks every webhook that has anything fresh.
fn owed_to(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let mut found = with_record(txn, account, seq)?;
    for webhook in txn.webhooks_with_fresh(account)? {
        if txn.is_in_set(&keys::fresh(account, NotificationKey { seq, webhook }))? {
            found.insert(webhook);
        }
    }
    Ok(found)
}

fn read_event(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<Option<(Event, Stored)>, StoreError> {
    txn.read(&keys::event(account, seq), |value| record::decode_event(account, seq, value))
}

/// The event an id stands for, as this group sees it.
fn find_event(txn: &Txn<'_>, account: AccountNo, id: EventId) -> Result<Option<Event>, StoreError> {
    if let Some(seq) = txn.read(&keys::own_id(account, id), record::decode_seq)? {
        return Ok(read_event(txn, account, seq)?.map(|(event, _)| event));
    }
    let Some(seq) = id.claimed_seq() else {
        return Ok(None);
    };
    Ok(read_event(txn, account, seq)?.map(|(event, _)| event).filter(|event| event.id == id))
}
