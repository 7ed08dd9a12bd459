//! Rows of events whose batch is not applied yet.
//!
//! The rows of many or large new events reach the tree before the batch that records them (see [`super::txn::Txn::apply`]). Their
//! numbers lie beyond the head's: readers stop there, and a start takes out what a crash has left of them.

use crate::model::{AccountNo, Seq};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::schema::table::Table;
use crate::store::schema::{keys, record};

/// Whether a key is that of an event or of a chunk of its payload, with a number beyond `last`.
pub(crate) fn is_beyond(key: &[u8], last: Seq) -> bool {
    let seq = match Table::of(key) {
        Some(Table::Event) => keys::u64_at(key, 5),
        Some(Table::Chunk) => keys::u64_at(key, 1),
        _ => None,
    };
    seq.is_some_and(|seq| seq > last.0)
}

/// The number of the last event that is recorded.
pub(crate) fn last_recorded(tree: &dyn Tree) -> Result<Seq, StoreError> {
    let head = tree.get(&keys::meta("head"))?.map(|value| record::decode_head(&value)).transpose()?;
    Ok(Seq(head.unwrap_or_default().seq))
}

/// Takes out what a process left behind that ended before it had recorded all of a group. Only for a store whose head is known to be
/// the last one. Gives the number of rows. They are gone for good once the next change is: sled's log keeps the order.
pub(crate) fn remove(tree: &dyn Tree, last: Seq) -> Result<usize, StoreError> {
    let next = Seq(last.0 + 1);
    let mut found = Vec::new();
    for row in tree.scan(&keys::accounts()).keys() {
        let short = StoreError::Damaged { table: "account", what: "has a short key" };
        let account = AccountNo(keys::u32_at(&row?, 1).ok_or(short)?);
        let events = keys::events(account);
        for key in tree.range(&keys::event(account, next), Some(&keys::end_of(&events))).keys() {
            found.push((key?, None));
        }
    }
    let chunks = tree.range(&keys::chunks(next), None).keys();
    for key in chunks.take_while(|key| key.as_ref().map_or(true, |key| Table::of(key) == Some(Table::Chunk))) {
        found.push((key?, None));
    }
    tree.write_unbatched(&found)?;
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lifecycle::files::Files;

    #[test]
    fn a_start_takes_out_what_lies_beyond_the_head_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Files::open(folder.path(), 1 << 20, false).unwrap();
        let (account, other) = (AccountNo(1), AccountNo(2));
        let files = open();
        let rows = [
            (keys::account(account), true),
            (keys::account(other), true),
            (keys::event(account, Seq(7)), true),
            (keys::event(account, Seq(8)), false),
            (keys::event(other, Seq(6)), true),
            (keys::event(other, Seq(9)), false),
            (keys::chunk(Seq(7), 3), true),
            (keys::chunk(Seq(8), 0), false),
            (keys::chunk(Seq(u64::MAX), 1), false),
            (keys::own_id(account, crate::model::EventId::from_bytes([9; 16])), true),
        ];
        let head = record::HeadV1 { seq: 7, ..files.head };
        let mut written: Vec<_> = rows.iter().map(|(key, _)| (key.as_slice().into(), Some("row".into()))).collect();
        written.push((keys::meta("head").into(), Some(record::encode_head(&head).into())));
        files.tree.apply(&written).unwrap();
        drop(files);
        for _ in 0..2 {
            let files = open();
            for (key, stays) in &rows {
                assert_eq!(files.tree.contains(key).unwrap(), *stays, "{key:?}");
                assert_eq!(is_beyond(key, Seq(7)), !stays, "{key:?}");
            }
        }
    }
}
