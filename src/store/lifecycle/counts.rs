//! The counts of what is kept, taken anew from the rows: of a store that may have lost something.

use crate::model::{AccountNo, NotificationKey, Seq, WebhookNo};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::schema::record::HeadV1;
use crate::store::schema::{keys, record};

/// Events, notifications and payload bytes; and no number that an event has is given out again.
pub(crate) fn count(tree: &dyn Tree, head: &mut HeadV1) -> Result<(), StoreError> {
    (head.events, head.notifications, head.payload_bytes) = (0, 0, 0);
    for row in tree.scan(&keys::all_events()) {
        let Some((key, value)) = readable(row.map_err(StoreError::from))? else { continue };
        let (account, seq) = (keys::u32_at(&key, 1), keys::u64_at(&key, 5));
        let (Some(account), Some(seq)) = (account, seq) else {
            return Err(StoreError::Damaged { table: "event", what: "has a short key" });
        };
        head.seq = head.seq.max(seq);
        let Some((_, stored)) = readable(record::decode_event(AccountNo(account), Seq(seq), &value))? else { continue };
        head.events += 1;
        head.payload_bytes += stored.payload_bytes();
    }
    for row in tree.scan(&keys::all_notifications()) {
        head.notifications += u64::from(readable(row.map_err(StoreError::from))?.is_some());
    }
    head.notifications += untried_without_record(tree)?;
    Ok(())
}

/// What was read, or nothing where it can't be: that isn't counted.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_lasting() => Ok(None),
        Err(error) => Err(error),
    }
}

fn untried_without_record(tree: &dyn Tree) -> Result<u64, StoreError> {
    let mut found = 0;
    for row in tree.scan(&keys::all_untried()).keys() {
        let Some(row) = readable(row.map_err(StoreError::from))? else { continue };
        let short = || StoreError::Damaged { table: "index", what: "has a short key" };
        let account = AccountNo(keys::u32_at(&row, 1).ok_or_else(short)?);
        let webhook = WebhookNo(keys::u32_at(&row, 5).ok_or_else(short)?);
        let seq = Seq(keys::u64_at(&row, 9).ok_or_else(short)?);
        let has_record = tree.contains(&keys::notification(account, NotificationKey { seq, webhook }));
        found += u64::from(readable(has_record.map_err(StoreError::from))? == Some(false));
    }
    Ok(found)
}
