//! Changes on their way into one atomic batch.

use super::StoreError;
use super::keys::Key;
use std::collections::HashMap;

/// The rows of a group, staged: later commits of the group read what earlier ones wrote, and all reach the tree at once.
pub(super) struct Txn<'t> {
    tree: &'t sled::Tree,
    rows: HashMap<Key, Option<Vec<u8>>>,
}

impl<'t> Txn<'t> {
    pub(super) fn new(tree: &'t sled::Tree) -> Self {
        Self { tree, rows: HashMap::new() }
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

    pub(super) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.rows.insert(key, Some(value));
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.rows.insert(key, None);
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
        for (key, value) in self.rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(self.tree.apply_batch(batch)?)
    }
}
