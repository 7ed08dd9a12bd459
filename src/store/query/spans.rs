//! Which sequence numbers a filter by time can mean.

use crate::model::{AccountNo, Seq, Timestamp};
use crate::model::{Order, Position};
use crate::store::error::StoreError;
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use std::time::Duration;

/// The sequence numbers that a filter by time can mean.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    /// First and last, the lowest first; none overlaps another.
    pub(crate) ranges: Vec<(u64, u64)>,
    /// What each event's own time must be looked at for, where the ranges may hold others.
    pub(crate) within: Option<(Option<Timestamp>, Option<Timestamp>)>,
}

impl Spans {
    /// The first and the last sequence number; `None` where there is none.
    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        Some((self.ranges.first()?.0, self.ranges.last()?.1))
    }

    /// Whether events' own times have to be looked at.
    pub(crate) fn are_wider(&self) -> bool {
        self.within.is_some()
    }

    /// Whether an event of this time is meant, if its number is.
    pub(crate) fn mean(&self, at: Timestamp) -> bool {
        self.within.is_none_or(|(from, to)| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to))
    }

    /// The first place at or after `at`, in this order, that is within; `None` where there is none.
    pub(crate) fn enter(&self, at: Position, order: Order) -> Option<Position> {
        match order {
            Order::Newest => {
                let (low, high) = *self.ranges.iter().rev().find(|(low, _)| *low <= at.seq)?;
                debug_assert!(low <= high, "an empty range is none");
                Some(if at.seq <= high { at } else { Position { seq: high, webhook: u32::MAX } })
            }
            Order::Oldest => {
                let (low, _) = *self.ranges.iter().find(|(_, high)| *high >= at.seq)?;
                Some(if at.seq >= low { at } else { Position { seq: low, webhook: 0 } })
            }
        }
    }
}

impl Shared {
    /// The sequence numbers of what was recorded from `from` until before `to`, among what is durable. Two binary
    /// searches in each run that holds one of the two moments.
    pub(crate) fn spans(
        &self,
        account: AccountNo,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        durable: u64,
    ) -> Result<Spans, StoreError> {
        if from.is_none() && to.is_none() {
            return Ok(Spans { ranges: vec![(1, durable)], within: None });
        }
        let mut spans = Spans { ranges: Vec::new(), within: None };
        // After `durable` was read: an event up to it has no run that isn't here.
        for (run, last) in self.times.runs().until(durable) {
            let (first, disorder) = (run.start.max(1), Duration::from_millis(run.disorder_ms));
            if first > last {
                continue;
            }
            let begins = from.filter(|from| run.first_ms < from.as_ms());
            let ends = to.filter(|to| run.last_ms >= to.as_ms());
            let low = match begins {
                Some(from) => {
                    let earlier = Timestamp::from_ms(from.as_ms().saturating_sub(run.disorder_ms));
                    self.first_seq_at(account, earlier, first, last)?
                }
                None => first,
            };
            let high = match ends {
                Some(to) => self.first_seq_at(account, to.plus(disorder), first, last)?.saturating_sub(1),
                None => last,
            };
            if low > high || begins.is_some_and(|from| run.last_ms < from.as_ms()) {
                continue;
            }
            if run.disorder_ms > 0 && (begins.is_some() || ends.is_some()) {
                spans.within = Some((from, to));
            }
            spans.ranges.push((low, high));
        }
        Ok(spans)
    }

    /// The first sequence number from `first` to `last` whose event was recorded at or after `at`; one past the last
    /// where there is none. A binary search: times rise between the two, or nearly.
    fn first_seq_at(&self, account: AccountNo, at: Timestamp, first: u64, last: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (first, last + 1);
        let end = keys::end_of(&keys::events(account));
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.tree.range(&keys::event(account, Seq(middle)), Some(&end)).next().transpose()?;
            let Some((key, value)) = row else {
                high = middle;
                continue;
            };
            let seq = keys::u64_at(&key, 5).ok_or(StoreError::Damaged { table: "event", what: "has a short key" })?;
            // Past `last` stands what is of another run, or could still be lost: to this search it isn't there.
            if seq > last || record::decode_event_head(account, Seq(seq), &value)?.inserted_at >= at {
                high = middle;
            } else {
                low = seq + 1;
            }
        }
        Ok(low)
    }
}
