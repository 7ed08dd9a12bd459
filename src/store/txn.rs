//! Changes on their way into one commit.

use crate::model::{AccountNo, WebhookNo};
use crate::store::engine::{RowWrite, Slice, Tree, ending};
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::{keys, record, sets};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of a group, staged: later commits of the group read what earlier ones wrote, and all reach the tree at
/// once.
pub struct Txn<'t> {
    tree: &'t dyn Tree,
    rows: BTreeMap<Key, Option<Vec<u8>>>,
    /// What changes in rows of sets, until [`Txn::resolve`] makes rows of it.
    sets: BTreeMap<Key, SetChange>,
    /// How often something was staged.
    steps: u64,
    /// Whether a read that fails costs this change alone, and not the process.
    tentative: bool,
    /// Why a read of a tentative change failed, for code that takes that for no answer and goes on.
    failed: RefCell<Option<StoreError>>,
}

#[derive(Clone, Copy, Default)]
struct SetChange {
    into: u128,
    out_of: u128,
}

impl SetChange {
    fn apply(self, bits: u128) -> u128 {
        bits & !self.out_of | self.into
    }
}

impl<'t> Txn<'t> {
    /// For changes that are applied in any case: a read of theirs that fails ends the process.
    pub(crate) fn new(tree: &'t dyn Tree) -> Self {
        Self {
            tree,
            rows: BTreeMap::new(),
            sets: BTreeMap::new(),
            steps: 0,
            tentative: false,
            failed: RefCell::default(),
        }
    }

    /// For a background change, which is dropped whole if a read of it fails ([`Txn::failed`]), and tried again later.
    pub(crate) fn tentative(tree: &'t dyn Tree) -> Self {
        Self { tentative: true, ..Self::new(tree) }
    }

    /// The tree as it is without this group.
    pub(crate) fn tree(&self) -> &'t dyn Tree {
        self.tree
    }

    /// The value as this group sees it, given to `read`.
    pub(crate) fn read<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.rows.get(key) {
            Some(Some(value)) => read(value).map(Some),
            Some(None) => Ok(None),
            None => self.noted(self.tree.get(key))?.map(|value| read(&value)).transpose(),
        }
    }

    pub(crate) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.steps += 1;
        if let Some((row, bit)) = keys::in_set(&key) {
            let change = self.sets.entry(row).or_default();
            (change.into, change.out_of) = (change.into | bit, change.out_of & !bit);
        } else {
            self.rows.insert(key, Some(value));
        }
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.steps += 1;
        if let Some((row, bit)) = keys::in_set(&key) {
            let change = self.sets.entry(row).or_default();
            (change.into, change.out_of) = (change.into & !bit, change.out_of | bit);
        } else {
            self.rows.insert(key, None);
        }
    }

    /// Deletes a row as it stands in the tree, one of a set too. Only beside changes to no set.
    pub(crate) fn delete_row(&mut self, row: Key) {
        self.rows.insert(row, None);
    }

    /// Whether an entry is in its set, as this group sees it.
    pub(crate) fn is_in_set(&self, entry: &[u8]) -> Result<bool, StoreError> {
        let Some((row, bit)) = keys::in_set(entry) else {
            return Ok(false);
        };
        let change = self.sets.get(&row).copied().unwrap_or_default();
        if (change.into | change.out_of) & bit != 0 {
            return Ok(change.into & bit != 0);
        }
        Ok(self.noted(sets::bits(self.tree, &row))? & bit != 0)
    }

    /// The webhooks of an account that have anything untried, as this group sees it; some of them may have no more of
    /// it.
    pub(crate) fn webhooks_with_untried(&self, account: AccountNo) -> Result<BTreeSet<WebhookNo>, StoreError> {
        let prefix = keys::untried_of_account(account);
        let mut found = self.noted(sets::webhooks_below(self.tree, &prefix))?;
        let staged = self.sets.range(prefix.clone()..).take_while(|(row, _)| row.starts_with(&prefix));
        found.extend(staged.filter_map(|(row, _)| keys::u32_at(row, prefix.len()).map(WebhookNo)));
        Ok(found)
    }

    /// Makes rows of what was staged for sets; a set's row that holds nothing any more goes.
    pub(crate) fn resolve(&mut self) -> Result<(), StoreError> {
        for (row, change) in std::mem::take(&mut self.sets) {
            let before = self.noted(sets::bits(self.tree, &row))?;
            let bits = change.apply(before);
            if bits != before {
                self.rows.insert(row, (bits != 0).then(|| record::encode_set(bits)));
            }
        }
        Ok(())
    }

    /// How many rows are staged.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.sets.len()
    }

    /// About how many bytes are staged.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// The first key from `from` on that starts with `prefix`, as this group sees it.
    pub(crate) fn first_from(&self, from: &[u8], prefix: &[u8]) -> Result<Option<Key>, StoreError> {
        let staged = self.rows.range(from.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let staged = staged.filter(|(_, value)| value.is_some()).map(|(key, _)| key.clone()).next();
        for key in self.tree.range(from, Some(&keys::end_of(prefix))).keys() {
            let key = self.noted(key)?;
            // What the group has deleted is still in the tree.
            if !matches!(self.rows.get(&key[..]), Some(None)) {
                return Ok(Some(staged.map_or_else(|| key.to_vec(), |staged| staged.min(key.to_vec()))));
            }
        }
        Ok(staged)
    }

    /// The first key from `from` to before `end`, as the *tree* has them; see [`Txn::scan`].
    pub(crate) fn first(&self, from: &[u8], end: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.noted(self.tree.range(from, Some(end)).keys().next().transpose())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.sets.is_empty()
    }

    /// The staged keys that start with `prefix` and have a value.
    pub(crate) fn staged(&self, prefix: &[u8]) -> impl Iterator<Item = &Key> {
        let below = self.rows.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix));
        below.filter(|(_, value)| value.is_some()).map(|(key, _)| key)
    }

    /// The keys that start with `prefix`, as the *tree* has them. Only for a transaction that has staged nothing below
    /// it.
    pub(crate) fn scan(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Slice, StoreError>> + use<'t> {
        self.tree.scan(prefix).keys().map(|key| Ok(key?))
    }

    /// What was read. A read that failed ends the process, or is remembered by a tentative change.
    fn noted<T, E: Into<StoreError>>(&self, read: Result<T, E>) -> Result<T, StoreError> {
        match read.map_err(Into::into) {
            Err(StoreError::Engine(error)) if self.tentative => {
                self.failed.borrow_mut().get_or_insert(StoreError::Engine(error.clone()));
                Err(StoreError::Engine(error))
            }
            // What is damaged stays so at the next start: it costs whoever asked for it.
            Err(error @ StoreError::Engine(_)) if !error.is_damage() => ending::end(error),
            read => read,
        }
    }

    /// A moment of this group.
    pub(crate) fn moment(&self) -> u64 {
        self.steps
    }

    /// A change of this group that began at `moment` failed. Rows that were read and are damaged cost its caller alone
    /// while nothing of it is staged; after that a part of the change may be, and the process ends.
    pub(crate) fn end_unless_harmless(&self, moment: u64, error: &StoreError) {
        if !error.is_damage() || self.steps != moment {
            ending::end(error);
        }
    }

    /// Why a read of this tentative change failed, if one did since this was asked last.
    pub(crate) fn failed(&self) -> Option<StoreError> {
        self.failed.take()
    }

    /// Reads what [`Txn::resolve`] will read, so that what can't be read is met while nothing is changed yet.
    pub(crate) fn read_sets(&self) -> Result<(), StoreError> {
        self.sets.keys().try_for_each(|row| self.noted(sets::bits(self.tree, row)).map(drop))
    }

    /// The rows, in the order of their keys.
    pub(crate) fn into_rows(self) -> Vec<RowWrite> {
        self.rows.into_iter().map(|(key, value)| (key.into(), value.map(Slice::from))).collect()
    }
}
