//! Reads everything that sled holds, and says what isn't as it should be.

use crate::gather::Gather as _;
use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::{Block, Malformed, unseal};
use crate::store::engine::rows::checkpoint::{MAX_PIECE_BYTES, MAX_PIECE_ROWS, Watch};
use crate::store::engine::rows::layout::{ASIDE, IDENTITY, OVERFLOW, POSITION};
use crate::store::engine::rows::position::{Contents, Position, Stamp, Tally, table_of};
use crate::store::engine::rows::store::RowStore;
use crate::store::error::EngineError;
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// After so many findings it goes on counting, and names no more of them.
const MAX_FINDINGS: usize = 1000;

/// How many rows of sled are read, at most, while a checkpoint has to wait.
const ROWS_A_TURN: usize = 256;
/// How many bytes of them, and one row more.
const BYTES_A_TURN: usize = 2 * 1024 * 1024;
// Between two turns a checkpoint writes one piece: it can't add rows as fast as they are read.
const _: () = assert!(ROWS_A_TURN >= 4 * MAX_PIECE_ROWS && BYTES_A_TURN >= 4 * MAX_PIECE_BYTES);

impl<B: Base> RowStore<B> {
    /// Reads every row of sled, checks it, and compares what is there with what the checkpoints wrote: a row that sled
    /// has dropped in silence is found by it. `progress` is given how many rows of sled were read. Readers and writers
    /// don't wait, a checkpoint does for a few rows at a time: it says what it changes behind the place that was come
    /// to. It ends under any load, since a checkpoint has to wait for four times as much as it writes itself. What is
    /// found are sentences that name rows.
    ///
    /// Errors: the base failed, or a write did before.
    pub(crate) fn verify(&self, mut progress: impl FnMut(u64)) -> Result<Vec<String>, EngineError> {
        let _alone = self.verifying.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint().watch = Some(Watch::default());
        let findings = self.verify_in_turns(&mut progress);
        self.checkpoint().watch = None;
        findings
    }

    fn verify_in_turns(&self, progress: &mut impl FnMut(u64)) -> Result<Vec<String>, EngineError> {
        let (mut findings, mut read, mut from) = (Findings::default(), 0, Vec::new());
        loop {
            let mut checkpoint = self.checkpoint();
            if checkpoint.has_failed() {
                return Err(EngineError::FailedBefore);
            }
            let mut watch = checkpoint.watch.take().unwrap_or_default();
            let (mut count, mut bytes) = (0, 0);
            for row in self.blocks.base.range(&from.clone(), &[u8::MAX, u8::MAX]).take(ROWS_A_TURN) {
                let (key, stored) = row?;
                self.look(&key, &stored, &mut watch.found, &mut findings);
                from = [&key[..], &[0]].concat();
                count += 1;
                bytes += key.len() + stored.len();
                if bytes >= BYTES_A_TURN {
                    break;
                }
            }
            if count == 0 {
                compare(&watch.found, checkpoint.contents(), &mut findings);
                return Ok(findings.into_sentences());
            }
            watch.up_to.clone_from(&from);
            checkpoint.watch = Some(watch);
            drop(checkpoint);
            read += count;
            progress(read);
        }
    }

    fn look(&self, key: &[u8], stored: &[u8], found: &mut Contents, findings: &mut Findings) {
        if key == POSITION {
            findings.note(Position::decode(self.blocks.store, stored).map(drop));
        } else if key.first() == Some(&ASIDE) {
            // The block that took its place tells of it.
            findings.note(unseal(self.blocks.store, key, stored).map(drop));
            found.change(key, None, Some(Stamp::of(self.blocks.layout, key, stored)));
        } else if key != IDENTITY {
            match table_of(key).filter(|table| *table < OVERFLOW) {
                None => findings.note(Err(EngineError::damaged(key, "no table has such a key"))),
                Some(table) => {
                    findings.note(self.check_stored(table, key, stored));
                    found.change(key, None, Some(Stamp::of(self.blocks.layout, key, stored)));
                }
            }
        }
    }

    pub(super) fn check_stored(&self, table: u8, key: &[u8], stored: &[u8]) -> Result<(), EngineError> {
        let blocks = &self.blocks;
        let shape = (blocks.layout)(table);
        let is_beside = key[0] == OVERFLOW;
        match shape {
            Some(shape) if is_beside => {
                unseal(blocks.store, key, stored)?;
                let block_key = shape.block_of(&key[1..]);
                let block = block_key.as_ref().map(|block| blocks.base.get(block)).transpose()?.flatten();
                let block =
                    block_key.zip(block).and_then(|(key, block)| Block::decode(blocks.store, &key, &block).ok());
                match block {
                    Some(block) if block.overflows => {
                        let inner = &key[1 + shape.inner_at()..];
                        match block.get(inner).map_err(Malformed::of(key))? {
                            None => Ok(()),
                            Some(_) => Err(EngineError::damaged(key, "it is in its block too")),
                        }
                    }
                    _ => Err(EngineError::damaged(key, "its block is gone, or doesn't know of it")),
                }
            }
            Some(shape) if key.len() == shape.key_bytes() && shape.block_of(key).as_deref() == Some(key) => {
                let block = Block::decode(blocks.store, key, stored)?.open().map_err(Malformed::of(key))?;
                if block.has_lost() {
                    return Err(EngineError::lost(key, &shape.next(key)));
                }
                if block.len() == 0 && !block.overflows() {
                    return Err(EngineError::damaged(key, "it is an empty block"));
                }
                Ok(())
            }
            None if !is_beside => unseal(blocks.store, key, stored).map(drop),
            _ => Err(EngineError::damaged(key, "its table has no such row of sled")),
        }
    }
}

fn compare(found: &Contents, expected: &Contents, findings: &mut Findings) {
    let tables = found.tables().chain(expected.tables()).map(|(table, _)| table);
    for table in tables.gather::<BTreeSet<_>>() {
        let (found, expected) = (found.of(table), expected.of(table));
        if found != expected {
            let Tally { rows, sled_rows, .. } = expected;
            findings.add(format!(
                "table {table:#04x} isn't what was written: rows that were, {rows} (of sled {sled_rows}); that are \
                 there, {} (of sled {})",
                found.rows, found.sled_rows,
            ));
        }
    }
}

#[derive(Default)]
struct Findings {
    sentences: Vec<String>,
    unnamed: usize,
}

impl Findings {
    fn note(&mut self, checked: Result<(), EngineError>) {
        if let Err(error) = checked {
            self.add(error.finding());
        }
    }

    fn add(&mut self, sentence: String) {
        if self.sentences.len() < MAX_FINDINGS {
            self.sentences.push(sentence);
        } else {
            self.unnamed += 1;
        }
    }

    fn into_sentences(mut self) -> Vec<String> {
        if self.unnamed > 0 {
            self.sentences.push(format!("and {} more", self.unnamed));
        }
        self.sentences
    }
}
