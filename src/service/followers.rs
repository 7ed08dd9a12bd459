//! How many follow each account, and how they learn of what verbs do.

use crate::model::AccountNo;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many may follow one account at a time.
pub const MAX_FOLLOWERS: usize = 32;
/// The places of followers, and how they learn of what verbs do, by account; those alone that anybody ever followed.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<HashMap<AccountNo, OfAccount>>);

#[derive(Debug)]
struct OfAccount {
    places: Arc<Semaphore>,
    changes: watch::Sender<()>,
}

impl Followers {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountNo, OfAccount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, unless no more than `spare` are left.
    pub(super) fn take(&self, account: AccountNo, spare: usize) -> Option<(OwnedSemaphorePermit, watch::Receiver<()>)> {
        let mut all = self.lock();
        let own = all.entry(account).or_insert_with(|| OfAccount {
            places: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
            changes: watch::Sender::new(()),
        });
        if own.places.available_permits() <= spare {
            return None;
        }
        let seat = own.places.clone().try_acquire_owned().ok()?;
        Some((seat, own.changes.subscribe()))
    }

    /// To be called by every verb that has changed something. Waits for nobody.
    pub(super) fn tell(&self, account: AccountNo) {
        if let Some(own) = self.lock().get(&account) {
            own.changes.send_replace(());
        }
    }
}
