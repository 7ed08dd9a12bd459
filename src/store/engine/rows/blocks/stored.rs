//! Walks over the rows that sled holds, through blocks and what stands beside them.

use crate::store::engine::rows::base::{Base, BaseRows};
use crate::store::engine::rows::block::{Opened, unseal};
use crate::store::engine::rows::blocks::lookup::Blocks;
use crate::store::engine::rows::layout::{Shape, beside, lowest};
use crate::store::engine::tree::Row;
use crate::store::error::EngineError;
use std::sync::Arc;

/// What a reader keeps of sled from one step to the next.
#[derive(Default)]
pub(crate) struct Held {
    /// The block that it is in, as it was in this generation.
    block: Option<(u64, Vec<u8>, Arc<Opened>)>,
    /// The last block that couldn't be read, and was told of: it is passed over. Those before it aren't met again.
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

/// The rows of one step, from `from` (inclusive) to `end` (exclusive), in one direction or the other. What can't be
/// read is an error in its place, after which the step is over.
pub(crate) struct StoredRows<'r, B> {
    blocks: &'r Blocks<B>,
    held: &'r mut Held,
    generation: u64,
    backwards: bool,
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
        (from, end): (&[u8], &[u8]),
        backwards: bool,
    ) -> Self {
        Self {
            blocks,
            held,
            generation,
            backwards,
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
        if self.backwards {
            self.rest_end.clone_from(&key);
        } else {
            self.rest_from = shape.next(&key);
        }
        if let Some(rows) = rows {
            self.enter(key, shape, rows);
        }
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
        let mut inside = Inside { key, shape, rows, low, high, beside: rows_beside, next_beside: None };
        inside.read_beside(self.blocks);
        self.inside = Some(inside);
    }

    fn next_row(&mut self) -> Result<Option<Row>, Unreadable> {
        if !self.is_begun {
            self.is_begun = true;
            self.resume();
        }
        loop {
            if let Some(inside) = &mut self.inside {
                if let Some(row) = inside.next(self.backwards, self.blocks) {
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
            if self.held.unreadable.as_deref() == Some(&key) {
                continue;
            }
            let store = self.blocks.store;
            let Some(shape) = (self.blocks.layout)(key[0]) else {
                return match unseal(store, &key, &stored) {
                    Ok(value) => Ok(Some((key, value.into()))),
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
                    self.enter(key.to_vec(), shape, rows);
                }
                Err(error) => {
                    return Err(Unreadable { place: Place::Block(key.to_vec(), shape.next(&key)), error });
                }
            }
        }
    }
}

impl<B: Base> Iterator for StoredRows<'_, B> {
    type Item = Result<Row, Unreadable>;

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

    fn next<B: Base>(&mut self, backwards: bool, blocks: &Blocks<B>) -> Option<Result<Row, Unreadable>> {
        let inner_at = self.shape.inner_at();
        let at = if backwards { self.high.checked_sub(1) } else { Some(self.low) };
        let at = at.filter(|_| self.low < self.high);
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
            return row;
        }
        let at = at?;
        if backwards {
            self.high = at;
        } else {
            self.low = at + 1;
        }
        let key = [&self.key[..inner_at], self.rows.key(at)].concat();
        Some(Ok((key.into(), self.rows.value(at).into())))
    }
}
