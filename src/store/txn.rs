//! Changes on their way into one atomic batch.

use super::StoreError;
use super::keys::Key;
use std::collections::BTreeMap;

/// The rows of a group, staged: later commits of the group read what earlier ones wrote, and all reach the tree at once.
pub(super) struct Txn<'t> {
    tree: &'t sled::Tree,
    rows: BTreeMap<Key, Option<Vec<u8>>>,
}

impl<'t> Txn<'t> {
    pub(super) fn new(tree: &'t sled::Tree) -> Self {
        Self { tree, rows: BTreeMap::new() }
    }

    /// The value as this group sees it, given to `read`.
    pub(super) fn read<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.rows.get(key) {
            Some(Some(value)) => read(value).map(Some),
            Some(None) => Ok(None),
            None => self.tree.get(key)?.map(|value| read(&value)).transpose(),
        }
    }

    /// Whether there is such a row, as this group sees it.
    pub(super) fn holds(&self, key: &[u8]) -> Result<bool, StoreError> {
        match self.rows.get(key) {
            Some(staged) => Ok(staged.is_some()),
            None => Ok(self.tree.contains_key(key)?),
        }
    }

    pub(super) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.rows.insert(key, Some(value));
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.rows.insert(key, None);
    }

    /// How many rows are staged.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// About how many bytes are staged.
    pub(super) fn bytes(&self) -> usize {
        self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// The rows that are staged.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Key, Option<&[u8]>)> {
        self.rows.iter().map(|(key, value)| (key, value.as_deref()))
    }

    /// The first key from `from` on that starts with `prefix`, as this group sees it.
    pub(super) fn first_from(&self, from: &[u8], prefix: &[u8]) -> Result<Option<Key>, StoreError> {
        let staged = self.rows.range(from.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let staged = staged.filter(|(_, value)| value.is_some()).map(|(key, _)| key.clone()).next();
        for key in self.tree.range(from..).keys() {
            let key = key?;
            if !key.starts_with(prefix) {
                break;
            }
            // What the group has deleted is still in the tree.
            if !matches!(self.rows.get(&key[..]), Some(None)) {
                return Ok(Some(staged.map_or_else(|| key.to_vec(), |staged| staged.min(key.to_vec()))));
            }
        }
        Ok(staged)
    }

    /// The first key from `from` to before `end`, as the *tree* has them; see [`Txn::scan`].
    pub(super) fn first(&self, from: &[u8], end: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        Ok(self.tree.range(from..end).keys().next().transpose()?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The keys that start with `prefix`, as the *tree* has them. Only for a transaction that has staged nothing below it.
    pub(super) fn scan(&self, prefix: &[u8]) -> impl Iterator<Item = Result<sled::IVec, StoreError>> + use<> {
        self.tree.scan_prefix(prefix).keys().map(|key| Ok(key?))
    }

    /// Makes the changes visible, all at once. Nothing of them is durable yet.
    pub(super) fn apply(self) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let rows = self.rows.len();
        for (key, value) in self.rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.apply_batch(batch)?;
        free_what_was_replaced(rows);
        Ok(())
    }
}

/// Has the memory freed that a batch of so many rows replaced.
///
/// sled copies a node for every row that it writes and leaves the old one to crossbeam's epochs, which free a few hundred of them
/// each time a thread has entered an epoch 128 times. A batch enters one once, however many rows it has: with batches of a
/// thousand events what was replaced grew by 200 MB for every ten of them, and an idle daemon never gave it back.
pub(super) fn free_what_was_replaced(rows: usize) {
    // Each turn frees up to eight bags of 64 objects, once two epochs have passed over them.
    const ROWS_A_TURN: usize = 64;
    for _ in 0..3 + rows / ROWS_A_TURN {
        crossbeam_epoch::pin().flush();
    }
}
