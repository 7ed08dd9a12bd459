//! The audit: who changed what.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{AuditFilter, AuditRow, Listing, Page};

impl Service {
    /// A page of the audit of the caller's account, in the order of commit.
    pub async fn audit(&self, caller: &Caller, filter: AuditFilter, listing: Listing) -> Result<Page<AuditRow>, Error> {
        let account = caller.account;
        self.read(move |store| Ok(store.audit(account, &filter, listing)?)).await
    }
}
