//! Erasures of all events that have one key: of one order, or of a customer who asks for it (LGPD).

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{Erasure, ErasureCount, ErasureId, ErasureState, Listing, Page, SearchText};
use crate::store::{AuditedChange as _, BeginErasure, CancelErasure};

impl Service {
    /// What [`Self::begin_erasure`] would erase now.
    pub async fn count_erasure(
        &self,
        caller: &Caller,
        key: SearchText,
        external_id: bool,
    ) -> Result<ErasureCount, Error> {
        let account = caller.account;
        self.read(move |store| Ok(store.count_erasure(account, &key, external_id)?)).await
    }

    /// Begins to erase the payload of every event that has this key, whole, and what was found in it; with
    /// `external_id` the caller's own id of each as well. Their pending notifications are cancelled. It is durable on
    /// return; the work is done in the background, the oldest events first, and survives a restart. Events recorded
    /// later are not erased.
    pub async fn begin_erasure(&self, caller: &Caller, key: SearchText, external_id: bool) -> Result<Erasure, Error> {
        let account = caller.account;
        let events = self.count_erasure(caller, key.clone(), external_id).await?.events;
        let erasure = BeginErasure { account, key, external_id, events };
        let erasure = self.store.commit(erasure.by(caller.actor())).await?;
        self.followers.tell(account);
        Ok(erasure)
    }

    /// A page of the caller's erasures: those that go on, and for a week those that have ended. From memory.
    pub fn erasures(&self, caller: &Caller, listing: Listing) -> Page<Erasure> {
        let all = self.store.erasures(caller.account).into_iter();
        Page::cut(all.map(|erasure| ((erasure.number, 0), erasure)).collect(), listing)
    }

    /// How far an erasure has got. From memory.
    pub fn erasure(&self, caller: &Caller, id: ErasureId) -> Result<Erasure, Error> {
        self.store.erasures(caller.account).into_iter().find(|erasure| erasure.id == id).ok_or(Error::NotFound)
    }

    /// Ends an erasure where it stands; what was erased stays so. One that has ended stays as it is.
    pub async fn cancel_erasure(&self, caller: &Caller, id: ErasureId) -> Result<Erasure, Error> {
        let erasure = self.erasure(caller, id)?;
        if erasure.state != ErasureState::Running {
            return Ok(erasure);
        }
        let cancel = CancelErasure { account: caller.account, number: erasure.number };
        let ended = self.store.commit(cancel.by(caller.actor())).await?;
        self.followers.tell(caller.account);
        match ended {
            Some(erasure) => Ok(erasure),
            // It has ended in between.
            None => self.erasure(caller, id),
        }
    }
}
