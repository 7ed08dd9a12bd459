//! The events that have one key, whole: a number in a key leads nowhere here.

use crate::model::{AccountNo, Event, Order, Position, SearchText, Seq};
use crate::store::error::StoreError;
use crate::store::query::merge::{Merge, Range, Shape, Step, Union};
use crate::store::query::spans::Spans;
use crate::store::schema::keys;
use crate::store::schema::references::Kind;
use crate::store::state::Shared;

/// A walk over them, the oldest first.
pub(crate) struct Keyed<'s> {
    shared: &'s Shared,
    account: AccountNo,
    key: &'s SearchText,
    external_id: bool,
    merge: Merge,
}

/// The events that may have this value, from `first` to `last`, both inclusive, the oldest first.
pub(crate) fn referring(
    shared: &Shared,
    account: AccountNo,
    (kind, value): (Kind, &str),
    (first, last): (u64, u64),
) -> Merge {
    let shape = Shape::Reference(shared.references.hash(kind, value));
    Merge {
        unions: vec![Union::new(vec![Range { prefix: keys::references(account), shape }])],
        order: Order::Oldest,
        at: Some(Position { seq: first, webhook: 0 }),
        last: Position { seq: last, webhook: u32::MAX },
        spans: Spans { ranges: vec![(first, last)], within: None },
        steps: usize::MAX,
    }
}

impl<'s> Keyed<'s> {
    /// Of the events from `first` to `last`, both inclusive, that have anything to erase: a payload, or with
    /// `external_id` the caller's own id.
    pub(crate) fn of(
        shared: &'s Shared,
        account: AccountNo,
        key: &'s SearchText,
        external_id: bool,
        (first, last): (Seq, Seq),
        steps: usize,
    ) -> Self {
        let mut merge = referring(shared, account, (Kind::Key, key.as_str()), (first.0, last.0));
        merge.steps = steps;
        Self { shared, account, key, external_id, merge }
    }

    /// The next one. `None` where there is none, or none was found within the steps: [`Self::at`] tells.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, StoreError> {
        loop {
            let place = match self.merge.next_event(&*self.shared.tree)? {
                Step::End => return Ok(None),
                Step::Spent(at) => {
                    self.merge.at = Some(at);
                    return Ok(None);
                }
                Step::Hit(place) => place,
            };
            let event = self.shared.event_head(self.account, Seq(place.seq))?;
            let has = |event: &Event| event.resource.keys.iter().any(|key| key == self.key.as_str());
            let is_left =
                |event: &Event| event.erased_at.is_none() || (self.external_id && event.external_id.is_some());
            if let Some(event) = event.filter(|event| has(event) && is_left(event)) {
                return Ok(Some(event));
            }
        }
    }

    /// Where it goes on; `None` at its end.
    pub(crate) fn at(&self) -> Option<Seq> {
        self.merge.at.map(|at| Seq(at.seq))
    }
}
