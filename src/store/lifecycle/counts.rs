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
        let (key, value) = row?;
        let (account, seq) = (keys::u32_at(&key, 1), keys::u64_at(&key, 5));
        let (Some(account), Some(seq)) = (account, seq) else {
            return Err(StoreError::Damaged { table: "event", what: "has a short key" });
        };
        let (_, stored) = record::decode_event(AccountNo(account), Seq(seq), &value)?;
        head.seq = head.seq.max(seq);
        head.events += 1;
        head.payload_bytes += stored.payload_bytes();
    }
    for row in tree.scan(&keys::all_notifications()) {
        row?;
        head.notifications += 1;
    }
    head.notifications += untried_without_record(tree)?;
    Ok(())
}

fn untried_without_record(tree: &dyn Tree) -> Result<u64, StoreError> {
    let mut found = 0;
    for row in tree.scan(&keys::all_untried()).keys() {
        let row = row?;
        let short = || StoreError::Damaged { table: "index", what: "has a short key" };
        let account = AccountNo(keys::u32_at(&row, 1).ok_or_else(short)?);
        let webhook = WebhookNo(keys::u32_at(&row, 5).ok_or_else(short)?);
        let seq = Seq(keys::u64_at(&row, 9).ok_or_else(short)?);
        found += u64::from(!tree.contains(&keys::notification(account, NotificationKey { seq, webhook }))?);
    }
    Ok(found)
}
