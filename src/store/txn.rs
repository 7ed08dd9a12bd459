//! Changes on their way into one commit.

use crate::model::{AccountNo, JobOutcome, JobOutcomes, WebhookNo};
use crate::store::engine::{RowWrite, Slice, Tree, ending};
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::{keys, seqs};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of a group, staged: later commits of the group read what earlier ones wrote, and all reach the tree at
/// once.
pub struct Txn<'t> {
    tree: &'t dyn Tree,
    rows: BTreeMap<Key, Option<Vec<u8>>>,
    /// How what belongs to bulk jobs ended, by account and number of the job: see [`Txn::take_outcomes`].
    outcomes: BTreeMap<(AccountNo, u64), JobOutcomes>,
    /// How often something was staged.
    steps: u64,
    /// Whether a read that fails costs this change alone, and not the process.
    tentative: bool,
    /// Why a read of a tentative change failed, for code that takes that for no answer and goes on.
    failed: RefCell<Option<StoreError>>,
}

impl<'t> Txn<'t> {
    /// For changes that are applied in any case: a read of theirs that fails ends the process.
    pub(crate) fn new(tree: &'t dyn Tree) -> Self {
        let (rows, outcomes) = (BTreeMap::new(), BTreeMap::new());
        Self { tree, rows, outcomes, steps: 0, tentative: false, failed: RefCell::default() }
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

    /// Whether there is such a row, as this group sees it.
    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        match self.rows.get(key) {
            Some(staged) => Ok(staged.is_some()),
            None => self.noted(self.tree.contains(key)),
        }
    }

    pub(crate) fn put(&mut self, key: Key, value: Vec<u8>) {
        self.steps += 1;
        self.rows.insert(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.steps += 1;
        self.rows.insert(key, None);
    }

    /// The webhooks of an account that have anything untried, as this group sees it; some of them may have no more of
    /// it.
    pub(crate) fn webhooks_with_untried(&self, account: AccountNo) -> Result<BTreeSet<WebhookNo>, StoreError> {
        let prefix = keys::untried_of_account(account);
        let mut found = self.noted(seqs::webhooks_below(self.tree, &prefix))?;
        found.extend(self.staged(&prefix).filter_map(|row| keys::u32_at(row, prefix.len()).map(WebhookNo)));
        Ok(found)
    }

    /// Takes down what a notification says to its bulk job ([`Notification::tell_job`]), for this group.
    ///
    /// [`Notification::tell_job`]: crate::model::Notification::tell_job
    pub(crate) fn note_outcome(&mut self, account: AccountNo, said: Option<(u64, JobOutcome)>) {
        if let Some((job, outcome)) = said {
            self.outcomes.entry((account, job)).or_default().add(outcome, 1);
        }
    }

    /// What was taken down, which goes into the rows of the jobs as the group is committed: once a job, however many
    /// of its notifications have ended.
    pub(crate) fn take_outcomes(&mut self) -> BTreeMap<(AccountNo, u64), JobOutcomes> {
        std::mem::take(&mut self.outcomes)
    }

    /// How many rows are staged.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
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
        self.rows.is_empty()
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
            // What is damaged stays so at the next start: it costs its caller.
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

    /// The rows, in the order of their keys.
    pub(crate) fn into_rows(self) -> Vec<RowWrite> {
        self.rows.into_iter().map(|(key, value)| (key.into(), value.map(Slice::from))).collect()
    }
}
