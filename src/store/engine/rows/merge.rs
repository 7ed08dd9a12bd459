//! The layers as one map: the active overlay over the frozen one over sled. Every read goes through here.
//!
//! A **step** of a reader takes the read guard of both overlays, and reads sled under it. Whatever a checkpoint that is
//! under way has or hasn't written yet, it writes rows of the frozen overlay only, and those the overlay answers; and
//! the frozen overlay goes under the write guard. So a step sees one state of all rows. Between two steps a reader
//! holds nothing but where it is, the rows it read ahead and the block that it is in, which it decodes anew once a
//! checkpoint has ended.
//!
//! Who reads a single row that the overlays say nothing of reads sled without the guard. A checkpoint that was under
//! way by then doesn't touch that row, in or beside its block, and neither does its end. One that has begun since may
//! have, and then the row is read again, under the guard.

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::blocks::{Blocks, Held, Merged, Place, StoredRows, Unreadable};
use crate::store::engine::rows::overlay::{Above, Entry, Overlay};
use crate::store::engine::tree::{Row, Slice};
use crate::store::error::EngineError;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::{Arc, PoisonError, RwLock};

/// The most rows that a step reads ahead.
const MAX_AHEAD: usize = 64;
/// The most bytes of values that it reads ahead, and one row more.
const MAX_AHEAD_BYTES: usize = 128 * 1024;
/// The most rows and tombstones that a step looks at: a writer waits for as long as one step takes.
const MAX_LOOKED_AT: usize = 1024;

/// What sled doesn't hold yet.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) active: Overlay,
    /// What the checkpoint moves.
    pub(crate) frozen: Option<Arc<Overlay>>,
    /// The last commit in the frozen overlay, or in sled where nothing is frozen.
    pub(crate) frozen_commit: u64,
    /// The last commit that readers see.
    pub(crate) published: u64,
    /// How many checkpoints have ended: what was decoded before may be old.
    pub(crate) generation: u64,
}

impl Layers {
    /// What the overlays say of a key: nothing, that it is deleted, or its value.
    pub(crate) fn said_above(&self, key: &[u8]) -> Option<Option<Slice>> {
        self.active.get(key).or_else(|| self.frozen.as_ref().and_then(|frozen| frozen.get(key)))
    }

    /// The value of a key. Under the read guard.
    pub(crate) fn get<B: Base>(&self, blocks: &Blocks<B>, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.said_above(key).map_or_else(|| blocks.get(key, self.generation), Ok)
    }
}

/// Reads rows in order, step by step.
pub(crate) struct Reader<'s, B> {
    layers: &'s RwLock<Layers>,
    blocks: &'s Blocks<B>,
    backwards: bool,
    /// What is left: from here (inclusive) to `end` (exclusive).
    from: Vec<u8>,
    end: Vec<u8>,
    ahead: VecDeque<Result<Row, EngineError>>,
    /// How many rows the next step reads.
    count: usize,
    held: Held,
    ended: bool,
}

impl<'s, B: Base> Reader<'s, B> {
    /// `end` isn't above the engine's own rows.
    pub(crate) fn new(
        layers: &'s RwLock<Layers>,
        blocks: &'s Blocks<B>,
        from: Vec<u8>,
        end: Vec<u8>,
        backwards: bool,
    ) -> Self {
        let (ahead, held) = (VecDeque::new(), Held::default());
        Self { layers, blocks, backwards, from, end, ahead, count: 1, held, ended: false }
    }

    fn step(&mut self) {
        if self.from >= self.end {
            self.ended = true;
            return;
        }
        let guard = self.layers.read().unwrap_or_else(PoisonError::into_inner);
        let (from, end) = (&self.from[..], &self.end[..]);
        let above = Above { active: &guard.active, frozen: guard.frozen.as_deref() };
        let looked_at = Cell::new(0);
        let range = (from, end);
        let stored =
            StoredRows::new(self.blocks, &mut self.held, guard.generation, above, range, self.backwards, &looked_at);
        let active = in_order(guard.active.range(from, end), self.backwards);
        let frozen = guard.frozen.iter().flat_map(|frozen| in_order(frozen.range(from, end), self.backwards));
        let mut rows = Merge {
            active: active.peekable(),
            frozen: frozen.peekable(),
            stored: stored.peekable(),
            above,
            backwards: self.backwards,
        };
        let (mut bytes, mut last, mut unreadable) = (0, None::<Slice>, None);
        self.ended = loop {
            if self.ahead.len() >= self.count || bytes > MAX_AHEAD_BYTES || looked_at.get() >= MAX_LOOKED_AT {
                break false;
            }
            looked_at.set(looked_at.get() + 1);
            match rows.next() {
                None => break true,
                Some(Ok((key, value))) => {
                    if let Some(value) = value {
                        bytes += key.len() + value.len();
                        self.ahead.push_back(Ok((key.clone(), value)));
                    }
                    last = Some(key);
                }
                Some(Err(Unreadable { place, error })) => {
                    self.ahead.push_back(Err(error));
                    match place {
                        Place::Unknown => break true,
                        Place::Row(key) => last = Some(key.into()),
                        Place::Block(block, _) => unreadable = Some(block),
                    }
                    break false;
                }
            }
        };
        drop(rows);
        drop(guard);
        if let Some(last) = last {
            if self.backwards {
                self.end = last.to_vec();
            } else {
                self.from = last.to_vec();
                self.from.push(0);
            }
        }
        if unreadable.is_some() {
            // Its rows that the overlays hold follow.
            self.held.unreadable = unreadable;
        }
        self.count = (2 * self.count).min(MAX_AHEAD);
    }
}

impl<B: Base> Iterator for Reader<'_, B> {
    type Item = Result<Row, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ahead.is_empty() && !self.ended {
            self.step();
        }
        self.ahead.pop_front()
    }
}

fn in_order<'e>(
    rows: impl DoubleEndedIterator<Item = &'e Entry> + 'e,
    backwards: bool,
) -> Box<dyn Iterator<Item = &'e Entry> + 'e> {
    if backwards { Box::new(rows.rev()) } else { Box::new(rows) }
}

/// Three layers in one order; of rows with the same key the upper layer's.
struct Merge<'o, A: Iterator, F: Iterator, S: Iterator> {
    active: Peekable<A>,
    frozen: Peekable<F>,
    stored: Peekable<S>,
    above: Above<'o>,
    backwards: bool,
}

impl<'e, A, F, S> Merge<'_, A, F, S>
where
    A: Iterator<Item = &'e Entry>,
    F: Iterator<Item = &'e Entry>,
    S: Iterator<Item = Result<Merged, Unreadable>>,
{
    fn next(&mut self) -> Option<Result<Merged, Unreadable>> {
        let (active, frozen) = (self.active.peek().copied(), self.frozen.peek().copied());
        let upper = match (active, frozen) {
            (Some(active), Some(frozen)) if order(self.backwards, active.key(), frozen.key()).is_gt() => Some(frozen),
            (active, frozen) => active.or(frozen),
        };
        let stored = match (upper, self.stored.peek()) {
            (None, _) => Ordering::Less,
            (Some(upper), Some(stored)) => stored_order(self.backwards, stored, upper.key()),
            (Some(_), None) => Ordering::Greater,
        };
        let Some(upper) = upper.filter(|_| stored.is_ge()) else {
            return self.stored.next();
        };
        // More than one, where the block was read before a checkpoint moved the row, and what stands beside it after.
        while self.stored.next_if(|row| stored_order(self.backwards, row, upper.key()).is_eq()).is_some() {}
        let is_active = self.active.next_if(|row| row.key() == upper.key()).is_some();
        self.frozen.next_if(|row| row.key() == upper.key());
        let is_row = is_active || !self.above.active.deletes(upper.key());
        Some(Ok((upper.key().into(), upper.value().filter(|_| is_row).map(Slice::from))))
    }
}

/// Where a row of sled stands to a row above it. What can't be read comes before the rows that it would hold, and a
/// single row that can't is as good as any other where the overlay has it.
fn stored_order(backwards: bool, stored: &Result<Merged, Unreadable>, upper: &[u8]) -> Ordering {
    match stored {
        Ok((key, _)) => order(backwards, key, upper),
        Err(Unreadable { place, .. }) => match place {
            Place::Unknown => Ordering::Less,
            Place::Row(key) => order(backwards, key, upper),
            Place::Block(_, end) if backwards => {
                if upper >= &end[..] {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            Place::Block(begin, _) => {
                if upper < &begin[..] {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
        },
    }
}

fn order(backwards: bool, a: &[u8], b: &[u8]) -> Ordering {
    if backwards { b.cmp(a) } else { a.cmp(b) }
}
