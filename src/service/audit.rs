//! The audit: who changed what.

use super::caller::Caller;
use super::error::Error;
use super::find::{find_event, find_notification};
use super::shared::Service;
use crate::model::{About, AuditFilter, AuditRow, AuditSubject, Listing, Page};
use std::collections::HashMap;

impl Service {
    /// A page of the audit of the caller's account, in the order of commit.
    pub async fn audit(&self, caller: &Caller, filter: AuditFilter, listing: Listing) -> Result<Page<AuditRow>, Error> {
        let account = caller.account;
        self.read(move |store| Ok(store.audit(account, &filter, listing)?)).await
    }

    /// Which orders these rows are about, by the row's number: of those about an event or a notification that is still
    /// there.
    pub async fn audited_abouts(&self, caller: &Caller, rows: &[AuditRow]) -> Result<HashMap<u64, About>, Error> {
        let account = caller.account;
        let subjects: Vec<(u64, AuditSubject)> =
            rows.iter().filter_map(|row| Some((row.number, row.note.subject.clone()?))).collect();
        self.read(move |store| {
            let mut abouts = HashMap::new();
            for (number, subject) in subjects {
                let found = match subject {
                    AuditSubject::Event(id) => find_event(store, account, id),
                    AuditSubject::Notification(id) => find_notification(store, account, id).map(|(_, event)| event),
                    AuditSubject::BulkResend(_)
                    | AuditSubject::Backfill(_)
                    | AuditSubject::Erasure(_)
                    | AuditSubject::Token(..)
                    | AuditSubject::Account(_) => continue,
                };
                match found {
                    Ok(event) => drop(abouts.insert(number, event.about())),
                    Err(Error::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(abouts)
        })
        .await
    }
}
