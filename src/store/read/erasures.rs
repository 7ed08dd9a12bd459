//! Erasures, and what one would erase.

use crate::model::{AccountNo, Erasure, ErasureCount, SearchText, Seq};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::query::keyed::Keyed;

impl Store {
    /// The account's erasures, the oldest first: those that go on, and those that ended within a week. From memory.
    pub fn erasures(&self, account: AccountNo) -> Vec<Erasure> {
        self.shared.erasures_of(account)
    }

    /// What an erasure of this key would erase now. Blocks on the disk, for as long as it takes to look at all of it.
    pub fn count_erasure(
        &self,
        account: AccountNo,
        key: &SearchText,
        external_id: bool,
    ) -> Result<ErasureCount, StoreError> {
        let mut found = Keyed::of(&self.shared, account, key, external_id, (Seq(0), self.durable()), usize::MAX);
        let mut count = ErasureCount::default();
        while let Some(event) = found.next()? {
            count.events += 1;
            count.notifications += u64::from(event.notifications);
        }
        Ok(count)
    }
}
