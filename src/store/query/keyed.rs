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

impl<'s> Keyed<'s> {
    /// Of the events from `first` to `last`, both inclusive, that have anything to erase: a payload, or with
    /// `external_id` the caller's own id.
    pub(crate) fn of(
        shared: &'s Shared,
        account: AccountNo,
        key: &'s SearchText,
        external_id: bool,
        (first, last): (Seq, Seq),
    ) -> Self {
        let shape = Shape::Reference(shared.references.hash(Kind::Key, key.as_str()));
        let unions = vec![Union::new(vec![Range { prefix: keys::references(account), shape }])];
        let spans = Spans { ranges: vec![(first.0.max(1), last.0)], within: None };
        let merge = Merge {
            unions,
            order: Order::Oldest,
            at: (first <= last).then_some(Position { seq: first.0.max(1), webhook: 0 }),
            last: Position { seq: last.0, webhook: u32::MAX },
            spans,
            steps: 0,
        };
        Self { shared, account, key, external_id, merge }
    }

    /// The next one, within so many steps. `None` where there is none, or none was found within them: [`Self::at`]
    /// tells.
    pub(crate) fn next(&mut self, steps: usize) -> Result<Option<Event>, StoreError> {
        self.merge.steps = steps;
        loop {
            match self.merge.next(&*self.shared.tree)? {
                Step::End => return Ok(None),
                Step::Spent(at) => {
                    self.merge.at = Some(at);
                    return Ok(None);
                }
                Step::Hit(place) => {
                    // An event is one place, whatever webhooks it was owed to.
                    self.merge.at = Position { seq: place.seq, webhook: u32::MAX }.after(Order::Oldest);
                    let event = self.shared.event_head(self.account, Seq(place.seq))?;
                    let has = |event: &Event| event.resource.keys.iter().any(|key| key == self.key.as_str());
                    let is_left =
                        |event: &Event| event.erased_at.is_none() || (self.external_id && event.external_id.is_some());
                    if let Some(event) = event.filter(|event| has(event) && is_left(event)) {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    /// Where it goes on; `None` at its end.
    pub(crate) fn at(&self) -> Option<Seq> {
        self.merge.at.map(|at| Seq(at.seq))
    }
}
