//! Lists: every filter is a range of index rows in the order of commit, and filters combine by a zig-zag merge of
//! ranges.
//!
//! Each range answers one question, "which is your first place at or after this one?"; the merge goes round asking
//! until all name the same place. No list scans: what two filters have in common is found in steps of the sparser one.
//! Where filters hardly meet at all, ask for what has no index of its own (deliveries, which are nearly everything), or
//! for a reference that very many partitions lack, a page ends after [`MAX_STEPS`] and says where to go on, short or
//! empty rather than slow.

use crate::model::{Order, Position, Seq};
use crate::store::engine::{Slice, Tree};
use crate::store::error::StoreError;
use crate::store::query::spans::Spans;
use crate::store::schema::keys;
use crate::store::schema::keys::{Key, ReferenceHash};

/// How many places one page may look at before it ends short: a few milliseconds' worth.
pub(crate) const MAX_STEPS: usize = 600;
/// How many places a page of a search may look at that is narrowed by other filters as well: what is searched for is
/// seldom in many places, and its finder expects to see all of it.
pub(crate) const MAX_SEARCH_STEPS: usize = 10_000;

/// What follows a range's prefix in its keys.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Sequence number and webhook.
    SeqAndWebhook,
    /// The sequence number; all of them are of this webhook.
    SeqOf(u32),
    /// The sequence number; every webhook of that event is meant.
    Seq,
    /// Partition, hash, and the rest of the sequence number: the events that may have the value of this hash, every
    /// webhook of each.
    Reference(ReferenceHash),
    /// Nothing: this one place is meant, or of an event every webhook.
    Only { seq: u64, webhook: Option<u32> },
}

/// What a range, or several as one, say of where they go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// At this place.
    At(Position),
    /// Nowhere.
    Nowhere,
    /// Not before this place; more isn't known yet.
    NotBefore(Position),
}

impl Sought {
    const fn place(self) -> Option<Position> {
        match self {
            Self::At(place) | Self::NotBefore(place) => Some(place),
            Self::Nowhere => None,
        }
    }

    /// The one that comes first.
    fn or_earlier(self, other: Self, order: Order) -> Self {
        let (Some(own), Some(others)) = (self.place(), other.place()) else {
            return if self == Self::Nowhere { other } else { self };
        };
        let is_earlier = match order {
            Order::Newest => others > own,
            Order::Oldest => others < own,
        };
        // Of two at one place the one that is known to be there.
        if is_earlier || (others == own && matches!(other, Self::At(_))) { other } else { self }
    }
}

pub(crate) struct Range {
    pub(crate) prefix: Key,
    pub(crate) shape: Shape,
}

impl Range {
    /// The first place at or after `at`. It takes a step of `steps` for each look into another partition, and gives up
    /// where none is left.
    pub(crate) fn seek(
        &self,
        tree: &dyn Tree,
        at: Position,
        order: Order,
        steps: &mut usize,
    ) -> Result<Sought, StoreError> {
        let mut bound = self.prefix.clone();
        match (self.shape, order) {
            (Shape::Reference(hash), _) => return self.seek_reference(tree, hash, at, order, steps),
            (Shape::Only { seq, webhook }, _) => return Ok(only(seq, webhook, at, order)),
            (Shape::SeqAndWebhook, _) => {
                bound.extend_from_slice(&at.seq.to_be_bytes());
                bound.extend_from_slice(&at.webhook.to_be_bytes());
            }
            (Shape::Seq, _) => bound.extend_from_slice(&at.seq.to_be_bytes()),
            (Shape::SeqOf(webhook), Order::Newest) => {
                let Some(seq) = (if at.webhook >= webhook { Some(at.seq) } else { at.seq.checked_sub(1) }) else {
                    return Ok(Sought::Nowhere);
                };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
            (Shape::SeqOf(webhook), Order::Oldest) => {
                let seq = if at.webhook <= webhook { at.seq } else { at.seq + 1 };
                bound.extend_from_slice(&seq.to_be_bytes());
            }
        }
        let Some(key) = self.first(tree, &bound, order)? else {
            return Ok(Sought::Nowhere);
        };
        let seq = keys::u64_at(&key, self.prefix.len()).ok_or(SHORT)?;
        Ok(Sought::At(match self.shape {
            Shape::SeqAndWebhook => Position { seq, webhook: keys::u32_at(&key, self.prefix.len() + 8).ok_or(SHORT)? },
            Shape::SeqOf(webhook) => Position { seq, webhook },
            Shape::Seq | Shape::Reference(_) | Shape::Only { .. } => at_or_first_of(Seq(seq), at, order),
        }))
    }

    /// A look into each partition that has anything, until one has the hash.
    fn seek_reference(
        &self,
        tree: &dyn Tree,
        hash: ReferenceHash,
        at: Position,
        order: Order,
        steps: &mut usize,
    ) -> Result<Sought, StoreError> {
        let mut seq = Seq(at.seq);
        loop {
            let bound = keys::reference_below(&self.prefix, hash, seq);
            let Some(key) = self.first(tree, &bound, order)? else {
                return Ok(Sought::Nowhere);
            };
            let (found, of) = keys::reference_parts(&key).ok_or(SHORT)?;
            if found == hash {
                return Ok(Sought::At(at_or_first_of(of, at, order)));
            }
            // Of another value: behind it in this partition there is nothing of this one; or it is the first of the
            // next partition that has anything.
            let ((low, high), (next_low, next_high)) = (keys::partition_of(seq), keys::partition_of(of));
            let next = match order {
                Order::Newest if next_low == low => low.0.checked_sub(1),
                Order::Newest => Some(next_high.0),
                Order::Oldest if next_low == low => high.0.checked_add(1),
                Order::Oldest => Some(next_low.0),
            };
            let Some(next) = next else {
                return Ok(Sought::Nowhere);
            };
            seq = Seq(next);
            let Some(left) = steps.checked_sub(1) else {
                return Ok(Sought::NotBefore(at_or_first_of(seq, at, order)));
            };
            *steps = left;
        }
    }

    fn first(&self, tree: &dyn Tree, bound: &[u8], order: Order) -> Result<Option<Slice>, StoreError> {
        let mut rows = match order {
            Order::Newest => tree.range_rev(&self.prefix, bound),
            Order::Oldest => tree.range(bound, Some(&keys::end_of(&self.prefix))),
        };
        Ok(rows.next().transpose()?.map(|(key, _)| key))
    }
}

const SHORT: StoreError = StoreError::Damaged { table: "index", what: "has a short key" };

/// `at`, if it is of this event; else the event's first place.
fn at_or_first_of(seq: Seq, at: Position, order: Order) -> Position {
    let webhook = match order {
        _ if seq.0 == at.seq => at.webhook,
        Order::Newest => u32::MAX,
        Order::Oldest => 0,
    };
    Position { seq: seq.0, webhook }
}

/// A place that is known, unless it lies behind.
fn only(seq: u64, webhook: Option<u32>, at: Position, order: Order) -> Sought {
    let place = webhook.map_or_else(|| at_or_first_of(Seq(seq), at, order), |webhook| Position { seq, webhook });
    let lies_behind = match order {
        Order::Newest => place > at,
        Order::Oldest => place < at,
    };
    if lies_behind { Sought::Nowhere } else { Sought::At(place) }
}

/// Several ranges as one: whatever any of them holds.
pub(crate) struct Union {
    /// With each range, what it said last, if it was asked.
    ranges: Vec<(Range, Option<Sought>)>,
}

impl Union {
    /// The last range is asked each time, after the others: what moves into it from one of them (an untried
    /// notification that gets its record) would else be missed if the last was asked before and the other after.
    pub(crate) fn new(ranges: Vec<Range>) -> Self {
        Self { ranges: ranges.into_iter().map(|range| (range, None)).collect() }
    }

    fn seek(&mut self, tree: &dyn Tree, at: Position, order: Order, steps: &mut usize) -> Result<Sought, StoreError> {
        let mut first = Sought::Nowhere;
        let last = self.ranges.len().saturating_sub(1);
        for (nth, (range, said)) in self.ranges.iter_mut().enumerate() {
            let still_holds = match *said {
                _ if nth == last => false,
                None | Some(Sought::NotBefore(_)) => false,
                Some(Sought::Nowhere) => true,
                Some(Sought::At(place)) => match order {
                    Order::Newest => place <= at,
                    Order::Oldest => place >= at,
                },
            };
            let sought = match *said {
                Some(sought) if still_holds => sought,
                _ => range.seek(tree, at, order, steps)?,
            };
            *said = Some(sought);
            first = first.or_earlier(sought, order);
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
            let sought = self.unions[turn].seek(tree, at, self.order, &mut self.steps)?;
            let Some(place) = sought.place() else {
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
            if matches!(sought, Sought::NotBefore(_)) {
                return Ok(Step::Spent(within));
            }
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

    /// The next event: all of its places are passed over at once.
    pub(crate) fn next_event(&mut self, tree: &dyn Tree) -> Result<Step, StoreError> {
        let step = self.next(tree)?;
        if let Step::Hit(place) = &step {
            let webhook = match self.order {
                Order::Newest => 0,
                Order::Oldest => u32::MAX,
            };
            self.at = Position { seq: place.seq, webhook }.after(self.order);
        }
        Ok(step)
    }

    fn end(&mut self) -> Step {
        self.at = None;
        Step::End
    }
}
