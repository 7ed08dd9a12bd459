//! The accounts of the store beside those of the config: an account that the config lacks delivers nothing until it is
//! named again or removed.

use crate::atomic_file;
use crate::model::AccountNo;
use crate::store::absent_accounts::REMOVED;
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::schema::{keys, record};
use std::path::Path;
use std::sync::PoisonError;
use std::{fs, io};

/// The file with the names of the accounts, one a line, beside the store's own: for `check-config`, which opens no
/// store.
const NAMES: &str = "accounts";

/// An account of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAccount {
    /// Its number.
    pub no: AccountNo,
    /// Its name; `None` for one that is being removed.
    pub name: Option<String>,
    /// How many events it has.
    pub events: u64,
    /// How many webhooks, deleted ones left out.
    pub webhooks: usize,
    /// How many access tokens.
    pub tokens: usize,
}

impl Store {
    /// The names of the accounts, in the order they were first seen; those that are being removed left out.
    pub fn account_names(&self) -> Result<Vec<(AccountNo, String)>, StoreError> {
        account_names(&*self.shared.tree)
    }

    /// Holds the deliveries of every account but these. Without a word of this all accounts deliver.
    pub fn hold_all_but(&self, present: &[AccountNo]) -> Result<(), StoreError> {
        let absent = account_rows(&*self.shared.tree)?
            .into_iter()
            .map(|(no, _)| no)
            .filter(|no| !present.contains(no))
            .collect();
        *self.shared.absent_accounts.0.write().unwrap_or_else(PoisonError::into_inner) = absent;
        Ok(())
    }

    /// Whether the config lacks this account, so that its deliveries are held.
    pub fn is_absent(&self, account: AccountNo) -> bool {
        self.shared.absent_accounts.has(account)
    }

    /// The accounts with what they hold, those that are being removed among them. Walks over every event: blocks, for
    /// as long as that takes.
    pub fn stored_accounts(&self) -> Result<Vec<StoredAccount>, StoreError> {
        let directory = self.directory();
        let mut found = Vec::new();
        for (no, name) in account_rows(&*self.shared.tree)? {
            let name = Some(name).filter(|name| !name.starts_with(REMOVED));
            if name.is_none() && !self.is_being_removed(no)? {
                continue;
            }
            let mut events = 0;
            for key in self.shared.tree.scan(&keys::events(no)).keys() {
                key?;
                events += 1;
            }
            let (webhooks, tokens) = (directory.of(no).count(), self.tokens(no).len());
            found.push(StoredAccount { no, name, events, webhooks, tokens });
        }
        Ok(found)
    }

    /// Whether the removal of an account has begun and not ended.
    pub fn is_being_removed(&self, account: AccountNo) -> Result<bool, StoreError> {
        for row in self.shared.tree.scan(&keys::jobs()) {
            if matches!(record::decode_job(&row?.1)?, record::Job::Remove { account: no } if no == account.0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the names down for [`names_beside`].
    pub fn keep_account_names(&self) -> Result<(), StoreError> {
        let names: Vec<String> = self.account_names()?.into_iter().map(|(_, name)| name).collect();
        Ok(keep_names(self.path(), &names)?)
    }
}

/// The names of the accounts of a store, in the order they were first seen; those that are being removed left out.
pub(crate) fn account_names(tree: &dyn Tree) -> Result<Vec<(AccountNo, String)>, StoreError> {
    let rows = account_rows(tree)?.into_iter();
    Ok(rows.filter(|(_, name)| !name.starts_with(REMOVED)).collect())
}

fn account_rows(tree: &dyn Tree) -> Result<Vec<(AccountNo, String)>, StoreError> {
    let mut found = Vec::new();
    for row in tree.scan(&keys::accounts()) {
        let (key, value) = row?;
        let short = StoreError::Damaged { table: "account", what: "has a short key" };
        found.push((AccountNo(keys::u32_at(&key, 1).ok_or(short)?), record::decode_text(&value)?));
    }
    Ok(found)
}

/// Writes names down for [`names_beside`].
pub(crate) fn keep_names(folder: &Path, names: &[String]) -> io::Result<()> {
    let lines: String = names.iter().flat_map(|name| [name, "\n"]).collect();
    atomic_file::replace_unsynced(&folder.join(NAMES), lines.as_bytes())
}

/// The names of the accounts that the store in a folder had when a daemon last started on it, or when it was restored;
/// none where there is no store.
pub fn names_beside(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_to_string(folder.join(NAMES)) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
