//! Erasures of all events that have one key: of one order, or of a customer who asks for it (LGPD).

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{
    Actor, AuditAction, AuditFilter, AuditSubject, Erasure, ErasureCount, ErasureId, ErasureState, Event, EventFilter,
    Listing, Page, SearchText,
};
use crate::store::{AuditedChange as _, BeginErasure, CancelErasure};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How many events are looked through for the keys that a part of one may mean: some hundredths of a second.
pub const MAX_LOOKED_THROUGH: usize = 2000;
/// How many of them are read at once.
const READ_AT_ONCE: usize = 500;

/// The keys that a part of one may mean.
#[derive(Clone, Debug, Default)]
pub struct KeysLike {
    /// Each once, that of the newest event first.
    pub keys: Vec<String>,
    /// Whether the part is a number that the search knows them by. Else it merely stands in them.
    pub is_number: bool,
    /// Whether there are events that were not looked through.
    pub has_more: bool,
}

/// The key of an event that a part of it may mean: what people call the order, if that has it. Of what was erased
/// nothing is left to erase.
fn key_with(event: &Event, part: &SearchText) -> Option<String> {
    let about = event.about();
    let names = [about.external_id, about.order_id, about.payment_id].into_iter().flatten();
    let mut keys = names.chain(event.resource.keys.iter().cloned());
    let has_part =
        |key: &String| SearchText::parse(key).is_some_and(|key| key != *part && key.as_str().contains(part.as_str()));
    keys.find(has_part).filter(|_| event.erased_at.is_none())
}

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

    /// The keys that hold this part of one, of those events that the search finds by it, or else of the newest
    /// [`MAX_LOOKED_THROUGH`]: no index knows parts that are neither a whole key nor a whole number in one.
    pub async fn keys_like(&self, caller: &Caller, part: &SearchText) -> Result<KeysLike, Error> {
        let found = EventFilter { q: Some(part.clone()), ..EventFilter::default() };
        let known = self.keys_among(caller, part, found).await?;
        if !known.keys.is_empty() {
            return Ok(KeysLike { is_number: true, ..known });
        }
        self.keys_among(caller, part, EventFilter::default()).await
    }

    async fn keys_among(&self, caller: &Caller, part: &SearchText, filter: EventFilter) -> Result<KeysLike, Error> {
        let (mut like, mut seen) = (KeysLike::default(), BTreeSet::new());
        let mut listing = Listing::newest(READ_AT_ONCE);
        for _ in 0..MAX_LOOKED_THROUGH / READ_AT_ONCE {
            let page = self.events(caller, filter.clone(), listing).await?;
            like.keys.extend(
                page.items
                    .iter()
                    .filter_map(|event| key_with(event, part))
                    .filter(|key| seen.insert(key.to_lowercase())),
            );
            let Some(next) = page.next else {
                return Ok(like);
            };
            listing = listing.at(Some(next));
        }
        Ok(KeysLike { has_more: true, ..like })
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
