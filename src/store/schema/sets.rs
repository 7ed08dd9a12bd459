//! Reading sets: indexes whose rows stand for 128 sequence numbers each (see `keys`).

use crate::model::WebhookNo;
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::{keys, record};
use std::collections::BTreeSet;

/// Which sequence numbers of a row are in; none where there is no row.
pub(crate) fn bits(tree: &dyn Tree, row: &[u8]) -> Result<u128, StoreError> {
    tree.get(row)?.map_or(Ok(0), |value| record::decode_set(&value))
}

/// Whether an entry is in its set.
pub(crate) fn holds(tree: &dyn Tree, entry: &[u8]) -> Result<bool, StoreError> {
    match keys::in_set(entry) {
        Some((row, bit)) => Ok(bits(tree, &row)? & bit != 0),
        None => Ok(tree.contains(entry)?),
    }
}

/// The first sequence number of a set at or after `from`.
pub(crate) fn first_from(tree: &dyn Tree, prefix: &[u8], from: u64) -> Result<Option<u64>, StoreError> {
    let start = keys::set_row(prefix, from);
    for row in tree.range(&start, Some(&keys::end_of(prefix))) {
        let (row, value) = row?;
        let found = seqs(&row, &value)?.find(|seq| *seq >= from);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The last sequence number of a set at or before `from`.
pub(crate) fn last_to(tree: &dyn Tree, prefix: &[u8], from: u64) -> Result<Option<u64>, StoreError> {
    let end = keys::set_row(prefix, from);
    for row in tree.range_rev(prefix, &end) {
        let (row, value) = row?;
        let found = seqs(&row, &value)?.rfind(|seq| *seq <= from);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Up to `limit` sequence numbers of a set, the lowest first, from `from` on.
pub(crate) fn page(tree: &dyn Tree, prefix: &[u8], from: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    for row in tree.range(&keys::set_row(prefix, from), Some(&keys::end_of(prefix))) {
        let (row, value) = row?;
        found.extend(seqs(&row, &value)?.filter(|seq| *seq >= from));
        if found.len() >= limit {
            found.truncate(limit);
            break;
        }
    }
    Ok(found)
}

/// The sequence numbers that a row holds, the lowest first.
pub(crate) fn seqs(row: &[u8], value: &[u8]) -> Result<impl DoubleEndedIterator<Item = u64> + use<>, StoreError> {
    let first = keys::first_of_row(row).ok_or(StoreError::Damaged { table: "set", what: "has a short key" })?;
    Ok(keys::seqs_of_row(first, record::decode_set(value)?))
}

/// The webhooks whose number follows `prefix` in any key: from one webhook's first row straight to the next one's.
pub(crate) fn webhooks_below(tree: &dyn Tree, prefix: &[u8]) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let mut found = BTreeSet::new();
    let (mut from, end): (Key, Key) = (prefix.to_vec(), keys::end_of(prefix));
    while let Some(key) = tree.range(&from, Some(&end)).keys().next().transpose()? {
        let Some(no) = keys::u32_at(&key, prefix.len()) else {
            return Err(StoreError::Damaged { table: "index", what: "has a short key" });
        };
        found.insert(WebhookNo(no));
        from = keys::end_of(&key[..prefix.len() + 4]);
    }
    Ok(found)
}
