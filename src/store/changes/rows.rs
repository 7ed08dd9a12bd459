//! Records as a group of changes sees them, read and staged with their index rows.
//!
//! A notification that nothing has happened to since its event was recorded has no record and no other row than its
//! entry among the untried ones, from which all of it follows. The first thing that happens to it writes the rest: a
//! target that isn't well, or a webhook that is paused, costs an event next to nothing.

use crate::model::{AccountNo, Event, EventId, Notification, NotificationKey, Payload, Seq, WebhookNo};
use crate::store::error::StoreError;
use crate::store::schema::index::notification_rows;
use crate::store::schema::keys::Key;
use crate::store::schema::record::Stored;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::collections::BTreeSet;

pub(crate) fn put_notification(txn: &mut Txn<'_>, before: &[Key], now: &Notification) {
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

/// The sequence number that ends a row of an index.
pub(crate) fn last_seq(row: &[u8]) -> Result<Seq, StoreError> {
    let seq = row.len().checked_sub(8).and_then(|at| keys::u64_at(row, at));
    seq.map(Seq).ok_or(StoreError::Damaged { table: "order", what: "has a short key" })
}

pub(crate) fn read_notification(
    txn: &Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<Notification>, StoreError> {
    Ok(find_notification(txn, account, key)?.map(|(notification, _)| notification))
}

/// A notification and the index rows it has now.
pub(crate) fn find_notification(
    txn: &Txn<'_>,
    account: AccountNo,
    key: NotificationKey,
) -> Result<Option<(Notification, Vec<Key>)>, StoreError> {
    let found = txn.read(&keys::notification(account, key), |value| record::decode_notification(account, key, value));
    let damage = match found {
        Ok(Some(notification)) => {
            let rows = notification_rows(&notification);
            return Ok(Some((notification, rows)));
        }
        Ok(None) => None,
        // An untried one had no attempt: it is taken as if it had no record, or it would be attempted for ever.
        Err(error) if error.is_damage() => Some(error),
        Err(error) => return Err(error),
    };
    let untried = keys::untried(account, key);
    if !txn.contains(&untried)? {
        return damage.map_or(Ok(None), Err);
    }
    let event = read_event_head(txn, account, key.seq)?;
    Ok(event.map(|event| (Notification::new(key, account, event.inserted_at, false), vec![untried])))
}

/// The webhooks whose notifications of an event have a record, as this group sees it.
pub(crate) fn with_record(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<BTreeSet<WebhookNo>, StoreError> {
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

/// The webhooks that have a notification of an event, as this group sees it. It asks every webhook that has anything
/// untried.
pub(crate) fn recipients_of(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let mut found = with_record(txn, account, seq)?;
    for webhook in txn.webhooks_with_untried(account)? {
        if txn.contains(&keys::untried(account, NotificationKey { seq, webhook }))? {
            found.insert(webhook);
        }
    }
    Ok(found)
}

/// Deletes the chunks of an event's payload.
pub(crate) fn delete_chunks(txn: &mut Txn<'_>, seq: Seq, stored: &Stored) {
    if let Stored::Chunked { chunks, .. } = stored {
        for number in 0..*chunks {
            txn.delete(keys::chunk(seq, number));
        }
    }
}

pub(crate) fn read_event(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<Option<(Event, Stored)>, StoreError> {
    txn.read(&keys::event(account, seq), |value| record::decode_event(account, seq, value))
}

/// Likewise without what says where its payload is.
pub(crate) fn read_event_head(txn: &Txn<'_>, account: AccountNo, seq: Seq) -> Result<Option<Event>, StoreError> {
    txn.read(&keys::event(account, seq), |value| record::decode_event_head(account, seq, value))
}

/// The payload of an event, as this group sees it.
pub(crate) fn read_payload(txn: &Txn<'_>, seq: Seq, stored: &Stored) -> Result<Option<Payload>, StoreError> {
    stored.payload(|number, body| {
        let append = |value: &[u8]| {
            body.extend_from_slice(record::decode_chunk(value)?);
            Ok(())
        };
        Ok(txn.read(&keys::chunk(seq, number), append)?.is_some())
    })
}

/// The event an id stands for, as this group sees it.
pub(crate) fn find_event(txn: &Txn<'_>, account: AccountNo, id: EventId) -> Result<Option<Event>, StoreError> {
    if let Some(seq) = txn.read(&keys::own_id(account, id), record::decode_seq)? {
        return Ok(read_event(txn, account, seq)?.map(|(event, _)| event));
    }
    let Some(seq) = id.claimed_seq() else {
        return Ok(None);
    };
    Ok(read_event(txn, account, seq)?.map(|(event, _)| event).filter(|event| event.id == id))
}
