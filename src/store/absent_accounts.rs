//! The accounts that the config lacks: their deliveries are held.

use crate::model::AccountNo;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

/// What the name of an account begins with that is being removed, or was: no name of a config has this character. The
/// row stays, so that no later account gets the number.
pub(crate) const REMOVED: char = '\0';

/// The accounts whose deliveries are held.
#[derive(Debug, Default)]
pub(crate) struct AbsentAccounts(pub(crate) RwLock<BTreeSet<AccountNo>>);

impl AbsentAccounts {
    pub(crate) fn has(&self, account: AccountNo) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&account)
    }
}
