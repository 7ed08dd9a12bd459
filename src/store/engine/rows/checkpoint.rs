//! Moves the frozen overlay into sled, piece by piece.
//!
//! A piece is at most [`MAX_PIECE_ROWS`] rows of sled and [`MAX_PIECE_BYTES`] stored bytes. It is written after the
//! position row that names it, and made durable before the next one begins: sled takes for stable what it has only
//! asked the system to write, and reuses segments by it, so what stands between two syncs has to be less than a
//! segment. After the last piece the position row says the commit, and is made durable too; only then does the frozen
//! overlay go, and may the journal.
//!
//! Everything that is written is absolute: a checkpoint that a crash cut off anywhere is done again by the next one,
//! over what is there of it.

use crate::store::engine::rows::base::{Base, SEGMENT_BYTES};
use crate::store::engine::rows::block::StoreId;
use crate::store::engine::rows::blocks::{Blocks, Changed, Op, PutAside};
use crate::store::engine::rows::layout::POSITION;
use crate::store::engine::rows::overlay::{Entry, Overlay};
use crate::store::engine::rows::position::{Contents, Intent, MAX_INTENT_BYTES, Position};
use crate::store::error::EngineError;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The most rows of sled in a piece, its position row among them, however small they are: each may have sled's cleaning
/// move a node of 17 blocks. (With 256 rows of 200 bytes 1.6 MB were written, with 64 at most 0.9.)
pub(crate) const MAX_PIECE_ROWS: usize = 64;
/// The most bytes stored in a piece.
pub(crate) const MAX_PIECE_BYTES: usize = 512 * 1024;
/// The most rows of the overlay that a step looks at without finding anything to write.
const MAX_LOOKED_AT: usize = 4096;
/// How full the active overlay may be before a checkpoint rests no more, in percent.
pub(crate) const NO_REST: usize = 75;
/// The longest rest.
pub(super) const MAX_REST: Duration = Duration::from_millis(250);

/// What is to be done after a step.
#[derive(Debug)]
pub(crate) struct Step {
    /// How long to wait before the next one.
    pub(crate) rest: Duration,
    /// The damaged blocks that were met in it, and are put aside by it or the next ones.
    pub(crate) put_aside: Vec<PutAside>,
    /// Whether nothing is frozen any more.
    pub(crate) done: bool,
}

/// How far the checkpoint is.
pub(crate) struct Checkpoint {
    /// What sled holds, with no intents.
    pub(super) position: Position,
    pub(super) run: Option<Run>,
    /// What is being verified.
    pub(super) watch: Option<Watch>,
    /// A write failed: what sled holds isn't known any more.
    pub(super) has_failed: bool,
    /// How many bytes sled had written at the last sync.
    synced_bytes: u64,
    most_between_syncs: u64,
    syncs: u64,
    /// How many bytes were stored since.
    unsynced_bytes: u64,
    /// How many sled is expected to write for them.
    expected_bytes: u64,
    /// How many bytes sled writes, at most, for a hundred that are stored: nodes that it writes as a whole, and its
    /// cleaning.
    amplification: u64,
}

/// What sled was found to hold, as far as it was looked at.
#[derive(Default)]
pub(super) struct Watch {
    /// The first key that wasn't.
    pub(super) up_to: Vec<u8>,
    pub(super) found: Contents,
}

/// How much of a segment sled is expected to write between two syncs, at most: the rest is for what is worse.
const EXPECTED_BYTES: u64 = SEGMENT_BYTES as u64 * 5 / 8;
/// What sled writes in front of each row.
const ROW_HEAD_BYTES: usize = 64;
/// What sled is expected to write for a hundred bytes stored, before that was seen.
const FIRST_AMPLIFICATION: u64 = 600;
/// From this size on single rows matter: each may be the one for which a node of 17 such rows is written anew, or
/// split.
const LARGE_ROW_BYTES: usize = 8 * 1024;
/// What sled is expected to write for a hundred bytes of such a row.
const LARGE_AMPLIFICATION: u64 = 2000;
/// Below so many stored bytes what sled wrote says nothing of how much it writes for each.
const TOO_FEW_BYTES: u64 = 32 * 1024;

/// A checkpoint that is under way.
pub(super) struct Run {
    frozen: Arc<Overlay>,
    pub(super) commit: u64,
    /// The last row of the overlay that was looked at.
    last: Option<Vec<u8>>,
    /// Whether that was the last one of all.
    pub(super) is_read: bool,
    /// What is to be written next.
    pub(super) pending: VecDeque<Op>,
    /// The blocks that are put aside by what is pending, until that was said.
    pub(super) put_aside: Vec<PutAside>,
}

impl Checkpoint {
    pub(crate) fn new(position: Position, written_bytes: u64) -> Self {
        Self {
            position,
            run: None,
            watch: None,
            has_failed: false,
            synced_bytes: written_bytes,
            most_between_syncs: 0,
            syncs: 0,
            unsynced_bytes: 0,
            expected_bytes: 0,
            amplification: FIRST_AMPLIFICATION,
        }
    }

    pub(crate) fn contents(&self) -> &Contents {
        &self.position.contents
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// How often it synced, and how many bytes sled wrote between two of those at most.
    #[cfg(test)]
    pub(crate) fn syncs(&self) -> (u64, u64) {
        (self.syncs, self.most_between_syncs)
    }

    /// Writes the position row alone, with something else that it is to say, and makes it durable.
    pub(super) fn note<B: Base>(
        &mut self,
        base: &B,
        store: StoreId,
        change: impl FnOnce(&mut Position),
    ) -> Result<(), EngineError> {
        self.change(|checkpoint| {
            change(&mut checkpoint.position);
            base.insert(POSITION, checkpoint.position.encode(store))?;
            checkpoint.sync(base)
        })
    }

    /// Writes something; whatever comes of it but a success, nothing is written any more.
    pub(super) fn change<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        if self.has_failed {
            return Err(EngineError::FailedBefore);
        }
        self.has_failed = true;
        let written = write(self)?;
        self.has_failed = false;
        Ok(written)
    }

    pub(super) fn write<B: Base>(&mut self, base: &B, piece: Vec<Op>, store: StoreId) -> Result<(), EngineError> {
        self.position.intents = piece.iter().map(|op| op.intent.clone()).collect();
        base.insert(POSITION, self.position.encode(store))?;
        for op in piece {
            // Before too much is written, as far as that can be known.
            let stored = (op.bytes() + ROW_HEAD_BYTES) as u64;
            let factor = if op.bytes() < LARGE_ROW_BYTES { self.amplification } else { LARGE_AMPLIFICATION };
            let expected = stored * factor / 100;
            if (self.expected_bytes + expected).max(base.written_bytes() - self.synced_bytes) > EXPECTED_BYTES {
                self.sync(base)?;
            }
            self.unsynced_bytes += stored;
            self.expected_bytes += expected;
            let Intent { key, old, new } = op.intent;
            match op.value {
                Some(value) => base.insert(&key, value)?,
                None => base.remove(&key)?,
            }
            self.position.contents.change(&key, old, new);
            if let Some(watch) = self.watch.as_mut().filter(|watch| key < watch.up_to) {
                watch.found.change(&key, old, new);
            }
        }
        self.position.intents.clear();
        self.sync(base)
    }

    pub(super) fn sync<B: Base>(&mut self, base: &B) -> Result<(), EngineError> {
        base.sync()?;
        self.syncs += 1;
        let written = base.written_bytes() - self.synced_bytes;
        self.synced_bytes += written;
        self.most_between_syncs = self.most_between_syncs.max(written);
        let stored = std::mem::take(&mut self.unsynced_bytes);
        self.expected_bytes = 0;
        if stored > TOO_FEW_BYTES {
            // The most of late.
            self.amplification = (written * 100 / stored).max(self.amplification * 31 / 32).max(100);
        }
        Ok(())
    }
}

impl Run {
    pub(super) fn new(frozen: Arc<Overlay>, commit: u64) -> Self {
        Self { commit, is_read: frozen.is_empty(), frozen, last: None, pending: VecDeque::new(), put_aside: Vec::new() }
    }

    /// Reads on until there is a piece to write, or nothing is left. After an error it can be done again.
    pub(super) fn read<B: Base>(&mut self, blocks: &Blocks<B>) -> Result<(), EngineError> {
        let (mut looked_at, mut bytes) = (0, 0);
        let frozen = self.frozen.clone();
        while !self.is_read
            && self.pending.len() < MAX_PIECE_ROWS
            && bytes < MAX_PIECE_BYTES
            && looked_at < MAX_LOOKED_AT
        {
            let mut rows = frozen.behind(self.last.as_deref());
            let Some(first) = rows.next() else {
                self.is_read = true;
                break;
            };
            let block = (blocks.layout)(first.key()[0]).and_then(|shape| Some((shape, shape.block_of(first.key())?)));
            let (Changed { ops, put_aside }, last) = if let Some((shape, block)) = block {
                let rest = rows.take_while(|row| shape.is_in(&block, row.key()));
                let rows: Vec<&Entry> = std::iter::once(first).chain(rest).collect();
                looked_at += rows.len();
                (blocks.change_block(&block, shape, &rows)?, rows[rows.len() - 1].key().to_vec())
            } else {
                looked_at += 1;
                let ops = blocks.change_plain(first)?.into_iter().collect();
                (Changed { ops, put_aside: None }, first.key().to_vec())
            };
            bytes += ops.iter().map(Op::bytes).sum::<usize>();
            self.last = Some(last);
            self.pending.extend(ops);
            self.put_aside.extend(put_aside);
        }
        Ok(())
    }
}

/// As much of what is pending as one piece may be.
pub(super) fn take_piece(pending: &mut VecDeque<Op>) -> Vec<Op> {
    let (mut rows, mut bytes, mut intents) = (1, 0, 0);
    let fits = |op: &&Op| {
        rows += 1;
        bytes += op.bytes();
        intents += op.intent.bytes();
        rows <= MAX_PIECE_ROWS && bytes <= MAX_PIECE_BYTES && intents <= MAX_INTENT_BYTES
    };
    let count = pending.iter().take_while(fits).count();
    pending.drain(..count).collect()
}
