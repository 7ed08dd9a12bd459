//! Event types: which of them the cap counts, and which are forgotten.
//!
//! A type gets a number when its first event is recorded, and is forgotten when its last event is deleted. Its number
//! may then be given to another type: no index row of the old one is left, and a page that is being read ends at what
//! was durable before the new type's first event.

use crate::model::AccountNo;
use crate::store::changes::ledger::Ledger;
use crate::store::engine::catch_sled_panic;
use crate::store::error::StoreError;
use crate::store::schema::keys;
use crate::store::state::Shared;
use crate::store::txn::Txn;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;

impl Shared {
    /// Whether no event of an account has this type any more.
    fn is_unused(&self, account: AccountNo, type_no: u32) -> Result<bool, StoreError> {
        let mut rows = self.tree.scan(&keys::events_of_type(account, type_no)).keys();
        Ok(rows.next().transpose()?.is_none())
    }
}

impl Ledger {
    /// The types that may have lost their last event, all of them at a start.
    pub(crate) fn all_types(shared: &Shared) -> BTreeSet<(AccountNo, String)> {
        let types = shared.types.read().unwrap_or_else(PoisonError::into_inner);
        types.iter().flat_map(|(account, known)| known.keys().map(|name| (*account, name.clone()))).collect()
    }

    /// Forgets the types that no event has any more, of those that may have lost their last one. Call it when every
    /// change so far is applied.
    pub(crate) fn forget_types(&mut self, txn: &mut Txn<'_>) {
        for (account, name) in std::mem::take(&mut self.maybe_unused_types) {
            let number = |types: &HashMap<AccountNo, BTreeMap<String, u32>>| types.get(&account)?.get(&name).copied();
            let Some(no) = number(&self.shared.types.read().unwrap_or_else(PoisonError::into_inner)) else {
                continue;
            };
            match catch_sled_panic(|| self.shared.is_unused(account, no)) {
                Ok(false) => {}
                Ok(true) => {
                    let mut types = self.shared.types.write().unwrap_or_else(PoisonError::into_inner);
                    types.get_mut(&account).map(|known| known.remove(&name));
                    drop(types);
                    txn.delete(keys::type_name(account, no));
                    self.matches.retain(|(of, event_type), _| *of != account || event_type.as_str() != name);
                    tracing::info!(event_type = name, "no event has this type any more: it is forgotten");
                }
                // It stays known, which harms nobody; the next start asks again.
                Err(error) => tracing::error!(%error, event_type = name, "the index of a type could not be read"),
            }
        }
    }
}
