//! A timer wheel of one level: one tick a slot, no rounds.
//!
//! It needs no second level because what is due past its horizon stays in the store's sorted index, which is the
//! overflow list. `tokio_util::time::DelayQueue` would do as well, but it lives on tokio's clock: dues here are wall
//! times that were stored, and tests set the time themselves.

use crate::model::Timestamp;

const TICK_MS: u64 = 16;
const SLOTS: u64 = 4096;
const WORDS: usize = 64;

/// Timers over the next [`Wheel::HORIZON_MS`]. Fires within a tick after the due time, never before it.
#[derive(Debug)]
pub struct Wheel<T> {
    slots: Vec<Vec<T>>,
    /// A bit for each slot that holds something, so that the next one is found without walking 4,096 of them.
    occupied: [u64; WORDS],
    /// The last tick that was expired.
    tick: u64,
    len: usize,
}

impl<T> Wheel<T> {
    /// How far ahead a timer can be set, in milliseconds: about a minute.
    pub const HORIZON_MS: u64 = (SLOTS - 2) * TICK_MS;

    /// An empty wheel that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { slots, occupied: [0; WORDS], tick: now.as_ms() / TICK_MS, len: 0 }
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a timer; gives `entry` back when it is due past the horizon. One that is overdue fires with the next tick.
    pub fn insert(&mut self, due: Timestamp, entry: T) -> Result<(), T> {
        let tick = due.as_ms().div_ceil(TICK_MS).max(self.tick + 1);
        if tick - self.tick >= SLOTS {
            return Err(entry);
        }
        let slot = slot_of(tick);
        self.slots[slot].push(entry);
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.len += 1;
        Ok(())
    }

    /// Moves on to `now` and hands out what fell due, a tick at a time. A clock that ran back fires nothing: the wheel
    /// waits until time has caught up with it (or is cleared by its owner).
    pub fn expire(&mut self, now: Timestamp, mut fire: impl FnMut(T)) {
        let now_tick = now.as_ms() / TICK_MS;
        // Past a whole turn every slot has been met once; walking further would only go round again.
        let until = now_tick.min(self.tick.saturating_add(SLOTS));
        while self.tick < until && self.len > 0 {
            self.tick += 1;
            let slot = slot_of(self.tick);
            if self.occupied[slot / 64] & (1 << (slot % 64)) != 0 {
                self.occupied[slot / 64] &= !(1 << (slot % 64));
                self.len -= self.slots[slot].len();
                self.slots[slot].drain(..).for_each(&mut fire);
                // One busy tick must not keep its memory for ever.
                self.slots[slot].shrink_to(16);
            }
        }
        self.tick = self.tick.max(now_tick);
    }

    /// When the next timer fires; `None` when there is none.
    pub fn next(&self) -> Option<Timestamp> {
        if self.len == 0 {
            return None;
        }
        let start = slot_of(self.tick + 1);
        // The first word is met twice: from its bit `start` on at first, and up to it at last.
        for step in 0..=WORDS {
            let word = (start / 64 + step) % WORDS;
            let mask = match step {
                0 => u64::MAX << (start % 64),
                WORDS => !(u64::MAX << (start % 64)),
                _ => u64::MAX,
            };
            let bits = self.occupied[word] & mask;
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (slot + slot_count() - start) % slot_count();
                return Some(Timestamp::from_ms((self.tick + 1 + ahead as u64) * TICK_MS));
            }
        }
        None
    }

    /// Drops every timer and stands at `now`, which may be before where the wheel stood.
    pub fn clear(&mut self, now: Timestamp) {
        *self = Self::new(now);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "4096")]
const fn slot_count() -> usize {
    SLOTS as usize
}

fn slot_of(tick: u64) -> usize {
    usize::try_from(tick % SLOTS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u64),
        Move(i64),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            (0..70_000_u64).prop_map(Op::Insert),
            (-5_000..40_000_i64).prop_map(Op::Move),
            (0..100_i64).prop_map(Op::Move),
            Just(Op::Move(200_000)),
        ];
        prop::collection::vec(op, 1..200)
    }

    proptest! {
        /// Against a sorted map: nothing fires early, nothing is lost, all that is due has fired once the clock has
        /// been past it by a tick, `next` is the truth, whether the clock runs forwards or backwards.
        #[test]
        fn agrees_with_a_sorted_map(start in 1_000_000..2_000_000_u64, ops in ops()) {
            let mut now = start;
            let mut latest = start;
            let mut wheel = Wheel::new(Timestamp::from_ms(now));
            let mut model: BTreeSet<(u64, usize)> = BTreeSet::new();
            for (id, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Insert(ahead) => {
                        let due = now + ahead;
                        let taken = wheel.insert(Timestamp::from_ms(due), (due, id)).is_ok();
                        if due <= latest + Wheel::<()>::HORIZON_MS { prop_assert!(taken); }
                        if taken { model.insert((due, id)); }
                    }
                    Op::Move(by) => {
                        now = now.saturating_add_signed(by);
                        latest = latest.max(now);
                        let mut fired = Vec::new();
                        wheel.expire(Timestamp::from_ms(now), |entry| fired.push(entry));
                        for entry in fired {
                            prop_assert!(entry.0 <= now, "early by {}", entry.0 - now);
                            prop_assert!(model.remove(&entry), "fired twice or never set");
                        }
                        if now == latest {
                            // An overdue timer waits for the tick after the one it was set in.
                            prop_assert!(model.iter().all(|(due, _)| due + 2 * TICK_MS > now));
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                prop_assert_eq!(wheel.next().is_some(), !model.is_empty());
                if let (Some(next), Some((due, _))) = (wheel.next(), model.first()) {
                    prop_assert!(next.as_ms() + TICK_MS > *due);
                    prop_assert!(next.as_ms() < (due.max(&latest)) + 2 * TICK_MS);
                }
            }
        }
    }

    #[test]
    fn the_horizon_holds_at_its_end_and_not_past_it() {
        let now = Timestamp::from_ms(160_000);
        let mut wheel = Wheel::new(now);
        assert!(wheel.insert(Timestamp::from_ms(160_000 + Wheel::<u8>::HORIZON_MS), 1).is_ok());
        assert_eq!(wheel.insert(Timestamp::from_ms(160_000 + Wheel::<u8>::HORIZON_MS + 2 * TICK_MS), 2), Err(2));
        let mut fired = Vec::new();
        wheel.expire(Timestamp::from_ms(10_000_000), |entry| fired.push(entry));
        assert_eq!((fired, wheel.is_empty()), (vec![1], true));
    }
}
