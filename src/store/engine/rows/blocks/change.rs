//! Which rows of sled a change to some rows writes.
//!
//! # What is damaged
//!
//! A block that can't be read can't be changed, and a checkpoint that waited for it would stop everything: what it
//! moves fills the memory, and then nothing is recorded any more. So the block is **put aside**: what sled holds under
//! its key goes to a key of its own ([`aside`]), and a block with the overlay's rows alone takes its place, marked as
//! one that has lost rows. A block of any table may be, records as well as indexes, since nothing is told of it that
//! isn't so: a row that isn't in such a block is no absent one, and a read of it meets the damage, as before.
//! The mark stays until the loss is accepted (`give_up`): `verify` finds it, and no backup is made of such a store.
//!
//! A row by itself, plain or beside its block, that can't be read is another matter: it is only looked at where it is
//! to be replaced or deleted, and nothing is lost by that.

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::{
    Item, MAX_IN_BLOCK_BYTES, MAX_PLAIN_BYTES, Opened, encode, plain_of, seal, unseal,
};
use crate::store::engine::rows::blocks::lookup::Blocks;
use crate::store::engine::rows::layout::{Shape, aside, beside};
use crate::store::engine::rows::overlay::Entry;
use crate::store::engine::rows::position::{Intent, Stamp};
use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;

/// One write to sled.
#[derive(Debug)]
pub(crate) struct Op {
    pub(crate) intent: Intent,
    /// `None` removes the row.
    pub(crate) value: Option<Slice>,
}

impl Op {
    /// What it stores; a row that goes, its key.
    pub(crate) fn bytes(&self) -> usize {
        self.intent.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

/// What writing some rows writes.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) ops: Vec<Op>,
    /// The block that is put aside by it, if one is, and why.
    pub(crate) put_aside: Option<PutAside>,
}

/// A block that was damaged and is put aside.
#[derive(Debug)]
pub(crate) struct PutAside {
    /// Its rows are those from here (inclusive)
    pub(crate) from: Vec<u8>,
    /// to here (exclusive).
    pub(crate) to: Vec<u8>,
    /// What is wrong with it.
    pub(crate) error: EngineError,
}

/// A row of a change that is to stand in the block, if it fits.
struct Beside<'r> {
    row: &'r Entry,
    /// The same row beside the block, as sled holds it.
    stored: Option<Slice>,
}

impl<B: Base> Blocks<B> {
    /// What writing a plain row writes: nothing where it changes nothing.
    pub(crate) fn change_plain(&self, row: &Entry) -> Result<Option<Op>, EngineError> {
        let key = row.key();
        let stored = self.base.get(key)?;
        // A damaged one is as good as any other that is to go.
        let before = stored.as_ref().map(|stored| unseal(self.store, key, stored).ok());
        if before == row.value().map(Some) {
            return Ok(None);
        }
        let value = row.value().map(|value| seal(self.store, key, value));
        Ok(Some(self.op(key.to_vec(), stored.as_deref(), value)))
    }

    /// What writing these rows of one block writes, in an order that may be cut off anywhere (see the module): nothing
    /// where they change nothing. `rows` are in the order of their keys, none twice, and in the overlay, from which
    /// alone a row may be missing in between.
    pub(crate) fn change_block(&self, key: &[u8], shape: Shape, rows: &[&Entry]) -> Result<Changed, EngineError> {
        let stored = self.base.get(key)?;
        let (mut old, mut put_aside) = (None, None);
        match stored.as_ref().map(|stored| self.decode(key, stored)).transpose() {
            Ok(block) => old = block,
            Err(error) => put_aside = Some(PutAside { from: key.to_vec(), to: shape.next(key), error }),
        }
        let is_damaged = put_aside.is_some();
        // There may be rows beside one that can't say so.
        let was_flagged = is_damaged || old.as_ref().is_some_and(Opened::overflows);
        let has_lost = is_damaged || old.as_ref().is_some_and(Opened::has_lost);

        // The rows of the block as they are to be, those of the change that go into it, and those that go beside it.
        let mut items = Vec::with_capacity(old.as_ref().map_or(0, Opened::len) + rows.len());
        let (mut is_altered, mut is_flagged) = (false, false);
        let (mut moved_in, mut outside, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        for row in rows {
            let inner = &row.key()[shape.inner_at()..];
            let mut before = None;
            if let Some(old) = &old {
                while at < old.len() && old.key(at) < inner {
                    items.push(Item { inner: old.key(at), value: old.value(at), is_new: false });
                    at += 1;
                }
                if at < old.len() && old.key(at) == inner {
                    before = Some(old.value(at));
                    at += 1;
                }
            }
            let beside_key = beside(row.key());
            let stored = if was_flagged { self.base.get(&beside_key)? } else { None };
            let outside_before = stored.as_ref().and_then(|stored| unseal(self.store, &beside_key, stored).ok());
            match row.value() {
                Some(value) if before == Some(value) => {
                    items.push(Item { inner, value, is_new: false });
                    gone.extend(stored.map(|stored| Beside { row, stored: Some(stored) }));
                }
                Some(value) if before.is_none() && outside_before == Some(value) => is_flagged = true,
                Some(value) if inner.len() + value.len() > MAX_IN_BLOCK_BYTES => {
                    is_altered |= before.is_some();
                    outside.push(Beside { row, stored });
                }
                Some(value) => {
                    is_altered |= before.is_some();
                    items.push(Item { inner, value, is_new: true });
                    moved_in.push(Beside { row, stored });
                }
                None => {
                    is_altered |= before.is_some();
                    gone.extend(stored.map(|stored| Beside { row, stored: Some(stored) }));
                }
            }
        }
        if let Some(old) = &old {
            items.extend((at..old.len()).map(|at| Item { inner: old.key(at), value: old.value(at), is_new: false }));
        }

        let (plain, evicted) = fit(&mut items);
        is_altered |= items.iter().any(|item| item.is_new);
        for row in moved_in {
            if evicted.binary_search(&&row.row.key()[shape.inner_at()..]).is_ok() {
                outside.push(row);
            } else if row.stored.is_some() {
                gone.push(row);
            }
        }
        is_flagged |= !outside.is_empty();
        if was_flagged && !is_flagged {
            is_flagged = self.has_others_beside(key, shape, &mut gone)?;
        }

        let mut ops: Vec<Op> =
            gone.iter().map(|row| self.op(beside(row.row.key()), row.stored.as_deref(), None)).collect();
        if let Some(stored) = stored.as_ref().filter(|_| is_damaged) {
            let aside_key = aside(key, stored);
            let before = self.base.get(&aside_key)?;
            let value = seal(self.store, &aside_key, stored);
            ops.push(self.op(aside_key, before.as_deref(), Some(value)));
        }
        if items.is_empty() && !is_flagged && !has_lost {
            if old.is_some() {
                ops.push(self.op(key.to_vec(), stored.as_deref(), None));
            }
        } else if is_altered || is_flagged != was_flagged || is_damaged {
            let value = encode(self.store, key, &plain, items.len(), is_flagged, has_lost);
            ops.push(self.op(key.to_vec(), stored.as_deref(), Some(value)));
        }
        ops.extend(outside.iter().map(|row| {
            let beside_key = beside(row.row.key());
            let value = seal(self.store, &beside_key, row.row.value().unwrap_or_default());
            self.op(beside_key, row.stored.as_deref(), Some(value))
        }));
        Ok(Changed { ops, put_aside })
    }

    /// Whether rows stand beside a block other than those that go.
    fn has_others_beside(&self, key: &[u8], shape: Shape, gone: &mut [Beside<'_>]) -> Result<bool, EngineError> {
        gone.sort_by(|a, b| a.row.key().cmp(b.row.key()));
        let mut gone = gone.iter().map(|row| row.row.key());
        for row in self.base.range(&beside(key), &beside(&shape.next(key))) {
            // Both are in order: the first that isn't the next one that goes, stays.
            if gone.next() != Some(&row?.0[1..]) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row of sled as a position counts it.
    pub(crate) fn stamp(&self, key: &[u8], stored: &[u8]) -> Stamp {
        Stamp::of(self.layout, key, stored)
    }

    pub(crate) fn op(&self, key: Vec<u8>, old: Option<&[u8]>, value: Option<Slice>) -> Op {
        let stamp = |stored: &[u8]| self.stamp(&key, stored);
        let (old, new) = (old.map(stamp), value.as_deref().map(stamp));
        Op { intent: Intent { key, old, new }, value }
    }
}

/// Takes new rows out, the largest first, until the rest fit in a block. The rest in bytes, and the inner keys of what
/// was taken out, sorted.
fn fit<'r>(items: &mut Vec<Item<'r>>) -> (Vec<u8>, Vec<&'r [u8]>) {
    let mut evicted = Vec::new();
    loop {
        let (plain, counted) = plain_of(items);
        let Some(excess) = counted.checked_sub(MAX_PLAIN_BYTES + 1).map(|excess| excess + 1) else {
            evicted.sort_unstable();
            return (plain, evicted);
        };
        let size = |item: &Item<'_>| item.inner.len() + item.value.len();
        let mut new: Vec<usize> = (0..items.len()).filter(|at| items[*at].is_new).collect();
        new.sort_by_key(|at| std::cmp::Reverse(size(&items[*at])));
        let mut freed = 0;
        new.retain(|at| {
            let is_out = freed < excess;
            freed += if is_out { size(&items[*at]) } else { 0 };
            is_out
        });
        assert!(!new.is_empty(), "rows that were in a block before fit in it");
        new.sort_unstable();
        let mut at = 0;
        items.retain(|item| {
            let is_out = new.binary_search(&at).is_ok();
            at += 1;
            if is_out {
                evicted.push(item.inner);
            }
            !is_out
        });
    }
}
