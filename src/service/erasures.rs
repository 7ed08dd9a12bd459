//! Erasures of all events that have one key: of one order, or of a customer who asks for it (LGPD).

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{
    Actor, AuditAction, AuditFilter, AuditSubject, Erasure, ErasureCount, ErasureId, ErasureState, Listing, Page,
    SearchText,
};
use crate::store::{AuditedChange as _, BeginErasure, CancelErasure};
use std::collections::HashMap;
use std::time::Duration;

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

    /// Who has begun these erasures, as the audit has it: of those that stand among its last 10,000 rows.
    pub async fn begun_by(&self, caller: &Caller, erasures: &[Erasure]) -> Result<HashMap<ErasureId, Actor>, Error> {
        let begun = || erasures.iter().map(|erasure| erasure.inserted_at);
        let (Some(first), Some(last)) = (begun().min(), begun().max()) else {
            return Ok(HashMap::new());
        };
        let filter = AuditFilter {
            action: Some(AuditAction::ErasureStarted),
            from: Some(first),
            to: Some(last.plus(Duration::from_millis(1))),
            ..AuditFilter::default()
        };
        let rows = self.audit(caller, filter, Listing::newest(usize::MAX)).await?.items.into_iter();
        let of_erasure = |subject| match subject {
            Some(AuditSubject::Erasure(id)) => Some(id),
            _ => None,
        };
        Ok(rows.filter_map(|row| Some((of_erasure(row.note.subject)?, row.actor))).collect())
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
