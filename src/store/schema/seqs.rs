//! Reading index rows whose keys end in a webhook and a sequence number, or in the latter alone.

use crate::model::WebhookNo;
use crate::store::engine::Tree;
use crate::store::error::{EngineError, StoreError};
use crate::store::schema::keys;
use std::collections::BTreeSet;

/// Up to `limit` sequence numbers that follow `prefix` in keys, the lowest first, from `from` on. What is damaged is
/// handed to `damaged` and passed over: what is behind it is to get on.
pub(crate) fn page(
    tree: &dyn Tree,
    prefix: &[u8],
    from: u64,
    limit: usize,
    mut damaged: impl FnMut(EngineError),
) -> Result<Vec<u64>, StoreError> {
    let start = [prefix, &from.to_be_bytes()].concat();
    let rows = tree.range(&start, Some(&keys::end_of(prefix))).keys().filter_map(|row| match row {
        Err(error) if error.is_damage() => {
            damaged(error);
            None
        }
        row => Some(row),
    });
    rows.take(limit).map(|row| keys::u64_at(&row?, prefix.len()).ok_or(SHORT)).collect()
}

/// The webhooks whose number follows `prefix` in any key: from one webhook's first row straight to the next one's.
pub(crate) fn webhooks_below(tree: &dyn Tree, prefix: &[u8]) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let mut found = BTreeSet::new();
    let (mut from, end) = (prefix.to_vec(), keys::end_of(prefix));
    while let Some(key) = tree.range(&from, Some(&end)).keys().next().transpose()? {
        let no = keys::u32_at(&key, prefix.len()).ok_or(SHORT)?;
        found.insert(WebhookNo(no));
        from = keys::end_of(&key[..prefix.len() + 4]);
    }
    Ok(found)
}

const SHORT: StoreError = StoreError::Damaged { table: "index", what: "has a short key" };
