//! Walks over the rows that sled holds, through blocks and what stands beside them.

use crate::store::engine::rows::base::{Base, BaseRows};
use crate::store::engine::rows::block::{Opened, unseal};
use crate::store::engine::rows::blocks::lookup::Blocks;
use crate::store::engine::rows::layout::{Shape, beside, lowest};
use crate::store::engine::rows::overlay::Above;
use crate::store::engine::tree::{Row, Slice};
use crate::store::error::EngineError;
use std::cell::Cell;
use std::sync::Arc;

/// What a reader keeps of sled from one step to the next.
#[derive(Default)]
pub(crate) struct Held {
    /// The block that it is in, as it was in this generation.
    block: Option<(u64, Vec<u8>, Arc<Opened>)>,
    /// The last block that couldn't be read, or has lost rows, and was reported: the one is passed over, of the other
    /// the rows follow that are there. Those before it aren't met again.
    pub(crate) unreadable: Option<Vec<u8>>,
}

/// What couldn't be read, where it stands among the rows.
pub(crate) struct Unreadable {
    pub(crate) place: Place,
    pub(crate) error: EngineError,
}

/// Where something that can't be read stands.
pub(crate) enum Place {
    /// The disk failed: nowhere.
    Unknown,
    /// The row with this key.
    Row(Vec<u8>),
    /// The rows of this block, by its key in sled: those from the first bound to the second.
    Block(Vec<u8>, Vec<u8>),
}

impl From<EngineError> for Unreadable {
    fn from(error: EngineError) -> Self {
        Self { place: Place::Unknown, error }
    }
}

/// A key, and its value or that it is deleted.
pub(crate) type Merged = (Slice, Option<Slice>);

/// How many deleted rows of a block cost about as much as one that is given.
const DELETED_A_ROW: usize = 8;

/// The rows of one step, from `from` (inclusive) to `end` (exclusive), in one direction or the other. What can't be
/// read is an error in its place, after which the step is over. Of rows that an overlay has deleted it gives a few as
/// such, so that a walk over many of them gets on, and counts them all.
pub(crate) struct StoredRows<'r, B> {
    blocks: &'r Blocks<B>,
    held: &'r mut Held,
    generation: u64,
    above: Above<'r>,
    backwards: bool,
    looked_at: &'r Cell<usize>,
    from: Vec<u8>,
    end: Vec<u8>,
    /// The rows of sled that are left, from the first bound to the second; `None` until they are needed.
    rest: Option<BaseRows<'r>>,
    rest_from: Vec<u8>,
    rest_end: Vec<u8>,
    is_begun: bool,
    inside: Option<Inside<'r>>,
}

/// The block that the walk is in.
struct Inside<'r> {
    key: Vec<u8>,
    shape: Shape,
    rows: Arc<Opened>,
    /// Its rows that are left.
    low: usize,
    high: usize,
    /// Of each row whether it is deleted; nothing where none is.
    deleted: Vec<bool>,
    /// The last row that was passed over for that, if none was given since.
    passed: Option<usize>,
    beside: Option<BaseRows<'r>>,
    /// The next row beside it.
    next_beside: Option<Result<Row, Unreadable>>,
}

impl<'r, B: Base> StoredRows<'r, B> {
    /// `from` is below `end`, and `end` not above the engine's own rows.
    pub(crate) fn new(
        blocks: &'r Blocks<B>,
        held: &'r mut Held,
        generation: u64,
        above: Above<'r>,
        (from, end): (&[u8], &[u8]),
        backwards: bool,
        looked_at: &'r Cell<usize>,
    ) -> Self {
        Self {
            blocks,
            held,
            generation,
            above,
            backwards,
            looked_at,
            from: from.to_vec(),
            end: end.to_vec(),
            rest: None,
            rest_from: lowest(blocks.layout, from),
            rest_end: end.to_vec(),
            is_begun: false,
            inside: None,
        }
    }

    /// Goes into the block that this step begins in, without asking sled, if the step before was in it or it is kept.
    fn resume(&mut self) {
        let held = self.held.block.take();
        let begins_at = if self.backwards { &self.end } else { &self.from };
        let Some(shape) = begins_at.first().and_then(|table| (self.blocks.layout)(*table)) else { return };
        let Some(key) = shape.block_of(begins_at) else { return };
        let held = held.filter(|(generation, block, _)| *generation == self.generation && *block == key);
        let rows = match held {
            Some((.., rows)) => Some(rows),
            None => match self.blocks.kept(&key, self.generation) {
                Some(rows) => rows,
                None => return,
            },
        };
        if rows.as_ref().is_some_and(|rows| self.is_to_be_reported(&key, rows)) {
            return;
        }
        if self.backwards {
            self.rest_end.clone_from(&key);
        } else {
            self.rest_from = shape.next(&key);
        }
        if let Some(rows) = rows {
            self.enter(key, shape, rows);
        }
    }

    /// Whether it is to be said first that rows of this block are lost.
    fn is_to_be_reported(&self, key: &[u8], rows: &Opened) -> bool {
        rows.has_lost() && self.held.unreadable.as_deref() != Some(key)
    }

    fn enter(&mut self, key: Vec<u8>, shape: Shape, rows: Arc<Opened>) {
        let inner = shape.inner_at();
        let bound = |bound: &[u8], outside: usize| {
            if shape.is_in(&key, bound) { rows.lower_bound(&bound[inner..]) } else { outside }
        };
        let (low, high) = (bound(&self.from, 0), bound(&self.end, rows.len()));
        let rows_beside = rows.overflows().then(|| {
            let from = beside(if shape.is_in(&key, &self.from) { &self.from } else { &key });
            let end = if shape.is_in(&key, &self.end) { beside(&self.end) } else { beside(&shape.next(&key)) };
            if self.backwards { self.blocks.base.range_rev(&from, &end) } else { self.blocks.base.range(&from, &end) }
        });
        self.held.block = Some((self.generation, key.clone(), rows.clone()));
        let deleted = self.deleted(&key, shape, &rows, low, high);
        let next_beside = None;
        let mut inside =
            Inside { key, shape, rows, low, high, deleted, passed: None, beside: rows_beside, next_beside };
        inside.pass_deleted(self.backwards);
        inside.read_beside(self.blocks);
        self.inside = Some(inside);
    }

    /// Which rows of a block the overlays have deleted, of those from `low` to `high`; nothing where none is.
    fn deleted(&self, key: &[u8], shape: Shape, rows: &Opened, low: usize, high: usize) -> Vec<bool> {
        let mut deleted = Vec::new();
        if low >= high {
            return deleted;
        }
        let name = &key[..shape.inner_at()];
        let (from, end) = ([name, rows.key(low)].concat(), [name, rows.key(high - 1), &[0]].concat());
        for overlay in self.above.overlays() {
            let mut at = low;
            for tombstone in overlay.deleted(&from, &end) {
                let inner = &tombstone[shape.inner_at()..];
                while at < high && rows.key(at) < inner {
                    at += 1;
                }
                if at < high && rows.key(at) == inner {
                    deleted.resize(rows.len(), false);
                    deleted[at] = true;
                }
            }
        }
        let count = deleted.iter().filter(|is_deleted| **is_deleted).count();
        self.looked_at.set(self.looked_at.get() + count / DELETED_A_ROW);
        deleted
    }

    fn next_row(&mut self) -> Result<Option<Merged>, Unreadable> {
        if !self.is_begun {
            self.is_begun = true;
            self.resume();
        }
        loop {
            if let Some(inside) = &mut self.inside {
                if let Some(row) = inside.next(self.backwards, self.blocks, self.above) {
                    return row.map(Some);
                }
                self.inside = None;
            }
            if self.rest.is_none() {
                let rest = if self.backwards {
                    self.blocks.base.range_rev(&self.rest_from, &self.rest_end)
                } else {
                    self.blocks.base.range(&self.rest_from, &self.rest_end)
                };
                self.rest = Some(rest);
            }
            let Some(row) = self.rest.as_mut().and_then(Iterator::next) else { return Ok(None) };
            let (key, stored) = row?;
            let store = self.blocks.store;
            let Some(shape) = (self.blocks.layout)(key[0]) else {
                if self.above.deletes(&key) {
                    return Ok(Some((key, None)));
                }
                return match unseal(store, &key, &stored) {
                    Ok(value) => Ok(Some((key, Some(value.into())))),
                    Err(error) => Err(Unreadable { place: Place::Row(key.to_vec()), error }),
                };
            };
            let rows = if key.len() == shape.key_bytes() {
                match self.blocks.kept(&key, self.generation) {
                    Some(Some(rows)) => Ok(rows),
                    _ => self.blocks.decode(&key, &stored).map(Arc::new),
                }
            } else {
                Err(EngineError::damaged(&key, "its key isn't that of a block"))
            };
            match rows {
                Ok(rows) => {
                    self.blocks.keep(&key, self.generation, Some(rows.clone()));
                    if self.is_to_be_reported(&key, &rows) {
                        let end = shape.next(&key);
                        return Err(Unreadable {
                            error: EngineError::lost(&key, &end),
                            place: Place::Block(key.to_vec(), end),
                        });
                    }
                    self.enter(key.to_vec(), shape, rows);
                }
                // It was said.
                Err(_) if self.held.unreadable.as_deref() == Some(&key) => {}
                Err(error) => {
                    return Err(Unreadable { place: Place::Block(key.to_vec(), shape.next(&key)), error });
                }
            }
        }
    }
}

impl<B: Base> Iterator for StoredRows<'_, B> {
    type Item = Result<Merged, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

impl Inside<'_> {
    fn read_beside<B: Base>(&mut self, blocks: &Blocks<B>) {
        let row = self.beside.as_mut().and_then(Iterator::next);
        self.next_beside = row.map(|row| {
            let (key, stored) = row?;
            match unseal(blocks.store, &key, &stored) {
                Ok(value) => Ok((key[1..].into(), value.into())),
                Err(error) => Err(Unreadable { place: Place::Row(key[1..].to_vec()), error }),
            }
        });
    }

    /// Goes to the next row of the block that isn't deleted.
    fn pass_deleted(&mut self, backwards: bool) {
        self.passed = None;
        while self.low < self.high {
            let at = if backwards { self.high - 1 } else { self.low };
            if !self.deleted.get(at).is_some_and(|is_deleted| *is_deleted) {
                self.passed = None;
                return;
            }
            self.passed = Some(at);
            self.step_over(at, backwards);
        }
    }

    const fn step_over(&mut self, at: usize, backwards: bool) {
        if backwards {
            self.high = at;
        } else {
            self.low = at + 1;
        }
    }

    fn next<B: Base>(
        &mut self,
        backwards: bool,
        blocks: &Blocks<B>,
        above: Above<'_>,
    ) -> Option<Result<Merged, Unreadable>> {
        let inner_at = self.shape.inner_at();
        let is_row = self.low < self.high;
        let at = if !is_row {
            self.passed
        } else if backwards {
            Some(self.high - 1)
        } else {
            Some(self.low)
        };
        let beside = self.next_beside.as_ref().map(|row| match row {
            Ok((key, _)) => Some(&key[inner_at..]),
            Err(Unreadable { place: Place::Row(key), .. }) => Some(&key[inner_at..]),
            Err(_) => None,
        });
        let takes_beside = match (beside, at) {
            (None, _) => false,
            (Some(Some(beside)), Some(at)) => (beside < self.rows.key(at)) != backwards,
            (Some(_), _) => true,
        };
        if takes_beside {
            let row = self.next_beside.take();
            self.read_beside(blocks);
            return Some(match row? {
                Ok((key, _)) if above.deletes(&key) => Ok((key, None)),
                Err(Unreadable { place: Place::Row(key), .. }) if above.deletes(&key) => Ok((key.into(), None)),
                row => row.map(|(key, value)| (key, Some(value))),
            });
        }
        let at = at?;
        let key = [&self.key[..inner_at], self.rows.key(at)].concat().into();
        if !is_row {
            self.passed = None;
            return Some(Ok((key, None)));
        }
        let value = self.rows.value(at).into();
        self.step_over(at, backwards);
        self.pass_deleted(backwards);
        Some(Ok((key, Some(value))))
    }
}
