//! Lists: every filter is a range of index rows in the order of commit, and filters combine by a zig-zag merge of
//! ranges.
//!
//! Each range answers one question, "which is your first place at or after this one?"; the merge goes round asking
//! until all name the same place. No list scans: what two filters have in common is found in steps of the sparser one.
//! Where filters hardly meet at all, or ask for what has no index of its own (deliveries, which are nearly everything),
//! a page ends after [`MAX_STEPS`] and says where to go on, short or empty rather than slow.

use crate::model::{Order, Position};
use crate::store::engine::Tree;
use crate::store::error::StoreError;
use crate::store::query::spans::Spans;
use crate::store::schema::keys;
use crate::store::schema::keys::Key;

/// How many places one page may look at before it ends short: a few milliseconds' worth.
pub(crate) const MAX_STEPS: usize = 600;

/// What follows a range's prefix in its keys.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Sequence number and webhook.
    SeqAndWebhook,
    /// The sequence number; all of them are of this webhook.
    SeqOf(u32),
    /// The sequence number; every webhook of that event is meant.
    Seq,
}

pub(crate) struct Range {
    pub(crate) prefix: Key,
    pub(crate) shape: Shape,
}

impl Range {
    /// The first place at or after `at`.
    pub(crate) fn seek(&self, tree: &dyn Tree, at: Position, order: Order) -> Result<Option<Position>, StoreError> {
        let mut bound = self.prefix.clone();
        match (self.shape, order) {
            (Shape::SeqAndWebhook, _) => {
                bound.extend_from_slice(&at.seq.to_be_bytes());
                bound.extend_from_slice(&at.webhook.to_be_bytes());
            }
            (Shape::Seq, _) => bound.extend_from_slice(&at.seq.to_be_bytes()),
            (Shape::SeqOf(webhook), Order::Newest) => {
                let Some(seq) = (if at.webhook >= webhook { Some(at.seq) } else { at.seq.checked_sub(1) }) else {
                    return Ok(None);
                };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
            (Shape::SeqOf(webhook), Order::Oldest) => {
                let seq = if at.webhook <= webhook { at.seq } else { at.seq + 1 };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
        }
        let found = match order {
            Order::Newest => tree.range_rev(&self.prefix, &bound).next(),
            Order::Oldest => tree.range(&bound, Some(&keys::end_of(&self.prefix))).next(),
        };
        let Some((key, _)) = found.transpose()? else {
            return Ok(None);
        };
        let short = StoreError::Damaged { table: "index", what: "has a short key" };
        let Some(seq) = keys::u64_at(&key, self.prefix.len()) else {
            return Err(short);
        };
        let webhook = match self.shape {
            Shape::SeqAndWebhook => keys::u32_at(&key, self.prefix.len() + 8).ok_or(short)?,
            Shape::SeqOf(webhook) => webhook,
            Shape::Seq if seq == at.seq => at.webhook,
            Shape::Seq => match order {
                Order::Newest => u32::MAX,
                Order::Oldest => 0,
            },
        };
        Ok(Some(Position { seq, webhook }))
    }
}

/// Several ranges as one: whatever any of them holds.
pub(crate) struct Union {
    /// With each range, the place it named last, if it was asked.
    ranges: Vec<(Range, Option<Option<Position>>)>,
}

impl Union {
    /// The last range is asked each time, after the others: what moves into it from one of them (an untried
    /// notification that gets its record) would else be missed if the last was asked before and the other after.
    pub(crate) fn new(ranges: Vec<Range>) -> Self {
        Self { ranges: ranges.into_iter().map(|range| (range, None)).collect() }
    }

    pub(crate) fn seek(&mut self, tree: &dyn Tree, at: Position, order: Order) -> Result<Option<Position>, StoreError> {
        let mut first: Option<Position> = None;
        let last = self.ranges.len().saturating_sub(1);
        for (nth, (range, named)) in self.ranges.iter_mut().enumerate() {
            let still_ahead = match *named {
                _ if nth == last => false,
                None => false,
                Some(None) => true,
                Some(Some(place)) => match order {
                    Order::Newest => place <= at,
                    Order::Oldest => place >= at,
                },
            };
            if !still_ahead {
                *named = Some(range.seek(tree, at, order)?);
            }
            if let Some(Some(place)) = *named {
                let earlier = match order {
                    Order::Newest => first.is_none_or(|first| place > first),
                    Order::Oldest => first.is_none_or(|first| place < first),
                };
                if earlier {
                    first = Some(place);
                }
            }
        }
        Ok(first)
    }
}

pub(crate) enum Step {
    /// Every filter has this place.
    Hit(Position),
    /// There is no further place.
    End,
    /// The page has looked at enough; this is where to go on.
    Spent(Position),
}

pub(crate) struct Merge {
    pub(crate) unions: Vec<Union>,
    pub(crate) order: Order,
    pub(crate) at: Option<Position>,
    pub(crate) last: Position,
    /// Nothing outside of them is meant.
    pub(crate) spans: Spans,
    pub(crate) steps: usize,
}

impl Merge {
    pub(crate) fn next(&mut self, tree: &dyn Tree) -> Result<Step, StoreError> {
        let Some(mut at) = self.at.and_then(|at| self.spans.enter(at, self.order)) else {
            return Ok(self.end());
        };
        let (mut agreed, mut turn) = (0, 0);
        while agreed < self.unions.len() {
            if self.steps == 0 {
                return Ok(Step::Spent(at));
            }
            self.steps -= 1;
            let Some(place) = self.unions[turn].seek(tree, at, self.order)? else {
                return Ok(self.end());
            };
            // Asked at every step: filters that don't meet would else be followed to the very end of the store.
            let past_last = match self.order {
                Order::Newest => place < self.last,
                Order::Oldest => place > self.last,
            };
            if past_last {
                return Ok(self.end());
            }
            let Some(within) = self.spans.enter(place, self.order) else {
                return Ok(self.end());
            };
            agreed = match () {
                // Nobody has named this one yet.
                () if within != place => 0,
                () if place == at => agreed + 1,
                () => 1,
            };
            at = within;
            turn = (turn + 1) % self.unions.len();
        }
        self.at = at.after(self.order);
        Ok(Step::Hit(at))
    }

    fn end(&mut self) -> Step {
        self.at = None;
        Step::End
    }
}
