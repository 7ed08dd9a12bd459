//! The counts of what is kept, taken anew from the rows: of a store that may have lost something.

use crate::model::{AccountNo, NotificationKey, Seq, WebhookNo};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::lifecycle::readable::each_readable_of;
use crate::store::schema::record::HeadV1;
use crate::store::schema::{keys, record};
use std::collections::BTreeSet;

/// Events, notifications and payload bytes, of what can be read; and no number that an event has is given out again.
/// The accounts that have events.
pub(crate) fn count(tree: &dyn Tree, head: &mut HeadV1) -> Result<BTreeSet<AccountNo>, StoreError> {
    (head.events, head.notifications, head.payload_bytes) = (0, 0, 0);
    let mut accounts = BTreeSet::new();
    let short = |table| StoreError::Damaged { table, what: "has a short key" };
    each_readable_of(tree, &keys::all_events(), |key, value| {
        let (Some(account), Some(seq)) = (keys::u32_at(key, 1), keys::u64_at(key, 5)) else {
            return Err(short("event"));
        };
        accounts.insert(AccountNo(account));
        head.seq = head.seq.max(seq);
        let Some((_, stored)) = readable(record::decode_event(AccountNo(account), Seq(seq), value))? else {
            return Ok(());
        };
        head.events += 1;
        head.payload_bytes += stored.payload_bytes();
        Ok(())
    })?;
    each_readable_of(tree, &keys::all_notifications(), |_, _| {
        head.notifications += 1;
        Ok(())
    })?;
    each_readable_of(tree, &keys::all_untried(), |key, _| {
        let (Some(account), Some(webhook), Some(seq)) =
            (keys::u32_at(key, 1), keys::u32_at(key, 5), keys::u64_at(key, 9))
        else {
            return Err(short("index"));
        };
        let key = NotificationKey { seq: Seq(seq), webhook: WebhookNo(webhook) };
        // One that is untried may have no record.
        let has_record = tree.contains(&keys::notification(AccountNo(account), key));
        head.notifications += u64::from(readable(has_record.map_err(StoreError::from))? == Some(false));
        Ok(())
    })?;
    Ok(accounts)
}

/// What was read, or nothing where it can't be: that isn't counted.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_lasting() => Ok(None),
        Err(error) => Err(error),
    }
}
