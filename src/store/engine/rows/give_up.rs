//! Gives up what is damaged in sled, for somebody who accepts the loss.
//!
//! Afterwards it is as if the rows that were lost had never been: a damaged block is empty, one that has lost rows says
//! so no more, what was put aside goes, and so does a row by itself whose checksum doesn't fit. What the checkpoints
//! say of what is there is said anew. Making the rest agree with that is up to who knows what the rows mean.

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::{Item, encode, plain_of, unseal};
use crate::store::engine::rows::blocks::Op;
use crate::store::engine::rows::checkpoint::{MAX_PIECE_BYTES, MAX_PIECE_ROWS, take_piece};
use crate::store::engine::rows::layout::{ASIDE, IDENTITY, OVERFLOW, Shape, beside};
use crate::store::engine::rows::position::{Contents, table_of};
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::{Slice, Tree as _};
use crate::store::error::EngineError;
use std::collections::VecDeque;
use std::sync::PoisonError;

impl<B: Base> RowStore<B> {
    /// Gives up every damaged row of sled but those of tables that are `kept`, since nothing could be made of the rest
    /// without them. `tell` hears what was wrong with each; the number is returned, and all of it is durable then. Cut
    /// off, it can be done again.
    ///
    /// Nothing else may be written meanwhile, and no checkpoint be under way. Where sled itself can't read on, it ends.
    ///
    /// Errors: a table that is kept has lost rows, or the base failed.
    pub(crate) fn give_up_damaged(
        &self,
        kept: fn(u8) -> bool,
        mut tell: impl FnMut(&EngineError),
    ) -> Result<u64, EngineError> {
        let (mut found, mut given_up, mut from) = (Contents::default(), 0, Vec::new());
        let mut checkpoint = self.checkpoint();
        loop {
            let (mut ops, mut bytes, mut is_over) = (VecDeque::<Op>::new(), 0, true);
            for row in self.blocks.base.range(&from.clone(), IDENTITY) {
                let (key, stored) = match row {
                    Ok(row) => row,
                    // Whatever stands behind is neither read nor counted.
                    Err(EngineError::Sled { .. }) => return Ok(given_up),
                    Err(error) => return Err(error),
                };
                // What stands beside a block is looked at once that is written.
                let was_before = ops.back().is_some_and(|op| op.intent.key[0] < OVERFLOW);
                if was_before && key[0] >= OVERFLOW {
                    is_over = false;
                    break;
                }
                from = [&key[..], &[0]].concat();
                match self.check_or_replace(&key, &stored)? {
                    Checked::Sound => found.change(&key, None, Some(self.blocks.stamp(&key, &stored))),
                    // What the journal has of it counts.
                    Checked::Damaged { error, .. }
                        if table_of(&key).is_some_and(kept) && !self.contains(&key).is_ok_and(|is_there| is_there) =>
                    {
                        return Err(error);
                    }
                    Checked::Damaged { error, instead } => {
                        tell(&error);
                        given_up += 1;
                        let op = self.blocks.op(key.to_vec(), Some(&stored), instead);
                        found.change(&key, None, op.intent.new);
                        bytes += op.bytes();
                        ops.push_back(op);
                    }
                }
                if ops.len() >= MAX_PIECE_ROWS || bytes >= MAX_PIECE_BYTES {
                    is_over = false;
                    break;
                }
            }
            while !ops.is_empty() {
                let piece = take_piece(&mut ops);
                checkpoint.change(|checkpoint| checkpoint.write(&self.blocks.base, piece, self.blocks.store))?;
            }
            if is_over {
                break;
            }
        }
        for (table, expected) in checkpoint.contents().tables().filter(|(table, _)| kept(*table)) {
            if found.of(table).rows != expected.rows {
                let why = format!("table {table:#04x} of sled has lost rows, and nothing can be made of the rest");
                return Err(EngineError::Damaged(why));
            }
        }
        if *checkpoint.contents() != found {
            checkpoint.note(&self.blocks.base, self.blocks.store, |position| position.contents = found)?;
            given_up = given_up.max(1);
        }
        // Whatever was decoded before is another generation's.
        self.layers.write().unwrap_or_else(PoisonError::into_inner).generation += 1;
        Ok(given_up)
    }

    fn check_or_replace(&self, key: &[u8], stored: &[u8]) -> Result<Checked, EngineError> {
        let blocks = &self.blocks;
        let Some(table) = table_of(key).filter(|table| *table < OVERFLOW && key[0] <= OVERFLOW) else {
            let why = if key[0] == ASIDE { "it is put aside" } else { "no table has such a key" };
            return Ok(Checked::Damaged { error: EngineError::damaged(key, why), instead: None });
        };
        let shape = (blocks.layout)(table).filter(|shape| key[0] == table && key.len() == shape.key_bytes());
        let Err(error) = self.check_stored(table, key, stored) else { return Ok(Checked::Sound) };
        let instead = match shape {
            Some(shape) => self.without_what_is_lost(key, shape, stored)?,
            // Of two that stand in for each other the block's counts.
            None => None,
        };
        Ok(Checked::Damaged { error, instead })
    }

    /// A block with the rows that are left of it; `None` where there is none, and none beside it.
    fn without_what_is_lost(&self, key: &[u8], shape: Shape, stored: &[u8]) -> Result<Option<Slice>, EngineError> {
        let blocks = &self.blocks;
        let opened = blocks.decode(key, stored).ok();
        let items = opened.iter().flat_map(|rows| {
            (0..rows.len()).map(|at| Item { inner: rows.key(at), value: rows.value(at), is_new: false })
        });
        let items: Vec<Item<'_>> = items.collect();
        let mut is_flagged = false;
        for row in blocks.base.range(&beside(key), &beside(&shape.next(key))) {
            let (key, stored) = row?;
            is_flagged |= unseal(blocks.store, &key, &stored).is_ok();
        }
        if items.is_empty() && !is_flagged {
            return Ok(None);
        }
        let (plain, _) = plain_of(&items);
        Ok(Some(encode(blocks.store, key, &plain, items.len(), is_flagged, false)))
    }
}

enum Checked {
    Sound,
    /// What is wrong with a row of sled, and what is to stand there.
    Damaged {
        error: EngineError,
        instead: Option<Slice>,
    },
}
