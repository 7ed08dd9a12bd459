//! What a path names, found in the store: [`Error::NotFound`] where it is nothing of the account's.

use super::error::Error;
use crate::model::{AccountNo, Event, EventId, NotificationId, NotificationKey};
use crate::store::Store;

/// An account's event, without the payload.
pub(super) fn find_event(store: &Store, account: AccountNo, id: EventId) -> Result<Event, Error> {
    let seq = store.event_seq(account, id)?.ok_or(Error::NotFound)?;
    store.event_head(account, seq)?.ok_or(Error::NotFound)
}

/// The key of an account's notification, and its event without the payload.
pub(super) fn find_notification(
    store: &Store,
    account: AccountNo,
    id: NotificationId,
) -> Result<(NotificationKey, Event), Error> {
    let key = store.notification_key(id).ok_or(Error::NotFound)?;
    Ok((key, store.event_head(account, key.seq)?.ok_or(Error::NotFound)?))
}
