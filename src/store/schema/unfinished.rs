//! Rows of events whose batch is not applied yet.
//!
//! The rows of many or large new events reach the tree before the batch that records them (see `Txn::apply`). Their
//! numbers lie beyond the head's: readers stop there, and a start takes out what a crash has left of them.

use crate::model::{AccountNo, Seq};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::schema::table::Table;
use crate::store::schema::{keys, record, sets};
use std::collections::BTreeSet;

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

/// Takes out what a process left behind that ended before it had recorded all of a group, and gives the number of rows.
/// They are removed for good once the next change is durable: sled's log keeps the order.
///
/// Where the head may be an old one (`head_is_last` is false), an event beyond it that has its index row was recorded,
/// and stays.
pub(crate) fn remove(tree: &dyn Tree, last: Seq, head_is_last: bool) -> Result<usize, StoreError> {
    let next = Seq(last.0 + 1);
    let (mut found, mut recorded) = (Vec::new(), BTreeSet::new());
    for row in tree.scan(&keys::accounts()).keys() {
        let short = StoreError::Damaged { table: "account", what: "has a short key" };
        let account = AccountNo(keys::u32_at(&row?, 1).ok_or(short)?);
        let events = keys::events(account);
        for row in tree.range(&keys::event(account, next), Some(&keys::end_of(&events))) {
            let (key, value) = row?;
            let seq = Seq(keys::u64_at(&key, events.len()).unwrap_or_default());
            if !head_is_last && is_recorded(tree, account, seq, &value)? {
                recorded.insert(seq);
            } else {
                found.push((key, None));
            }
        }
    }
    let chunks = tree.range(&keys::chunks(next), None).keys();
    for key in chunks.take_while(|key| key.as_ref().map_or(true, |key| Table::of(key) == Some(Table::Chunk))) {
        let key = key?;
        if keys::u64_at(&key, 1).is_none_or(|seq| !recorded.contains(&Seq(seq))) {
            found.push((key, None));
        }
    }
    tree.write_unbatched(&found)?;
    Ok(found.len())
}

/// Whether the batch that records an event was applied. One that can't be read counts as recorded: `verify` names it.
fn is_recorded(tree: &dyn Tree, account: AccountNo, seq: Seq, value: &[u8]) -> Result<bool, StoreError> {
    let Ok((event, _)) = record::decode_event(account, seq, value) else {
        return Ok(true);
    };
    let Some(no) = number_of_type(tree, account, event.event_type.as_str())? else {
        return Ok(false);
    };
    sets::holds(tree, &keys::by_type(account, no, seq))
}

/// The number of an event type; `None` where no event of the account has had it.
pub(crate) fn number_of_type(tree: &dyn Tree, account: AccountNo, name: &str) -> Result<Option<u32>, StoreError> {
    for row in tree.scan(&keys::type_names_of(account)) {
        let (key, value) = row?;
        if record::decode_text(&value)? == name {
            return Ok(keys::u32_at(&key, 5));
        }
    }
    Ok(None)
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
