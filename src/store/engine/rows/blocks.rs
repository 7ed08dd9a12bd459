//! Rows in blocks: how one is read, and which rows of sled a change to some of them writes.
//!
//! A table's rows are plain (a row of the tree is a row of sled) or in blocks. A row that doesn't fit in its block
//! stands **beside** it, as a row of sled under [`layout::beside`], and the block is flagged. Three things hold after
//! each single write to sled, and so after a crash that cuts the writes off anywhere:
//!
//! - a row stands in one place, at most: rows beside a block that are to go, go first; then the block is written; then
//!   rows that are to stand beside it are written;
//! - a block that has rows beside it is there and flagged (the reverse may fail: a flag says that there *may* be some);
//! - a row that the overlay doesn't hold is neither moved nor missing. One that it holds may be missing in between:
//!   the overlay answers for it, and after a crash the journal.
//!
//! [`layout::beside`]: crate::store::engine::rows::layout::beside

mod change;
mod stored;

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::{Block, Malformed, StoreId, unseal};
use crate::store::engine::rows::layout::{Layout, beside};
use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use self::change::Op;
pub(crate) use self::stored::{Held, Place, StoredRows, Unreadable};

/// How many decoded blocks are kept for point reads; each is at most 24 KiB. Who reads events one by one reads them in
/// their order, eight of a block.
const CACHED: usize = 64;

/// The rows that sled holds.
pub(crate) struct Blocks<B> {
    pub(crate) base: B,
    pub(crate) layout: Layout,
    pub(crate) store: StoreId,
    cache: [Mutex<Option<Cached>>; CACHED],
}

struct Cached {
    generation: u64,
    key: Vec<u8>,
    /// `None` where there is no such block.
    block: Option<Arc<Block>>,
}

impl<B: Base> Blocks<B> {
    pub(crate) fn new(base: B, layout: Layout, store: StoreId) -> Self {
        Self { base, layout, store, cache: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The value of a key. `generation` is the one that the reader's guard shows: a block that was decoded in another
    /// is decoded anew.
    pub(crate) fn get(&self, key: &[u8], generation: u64) -> Result<Option<Slice>, EngineError> {
        let Some(shape) = key.first().and_then(|table| (self.layout)(*table)) else {
            return self.plain(key, key);
        };
        let Some(block_key) = shape.block_of(key) else { return Ok(None) };
        let Some(block) = self.cached(&block_key, generation)? else { return Ok(None) };
        let inner = &key[shape.inner_at()..];
        if let Some(value) = block.get(inner).map_err(Malformed::of(&block_key))? {
            return Ok(Some(value.into()));
        }
        if block.overflows { self.plain(&beside(key), key) } else { Ok(None) }
    }

    /// The value of a row of sled that isn't a block.
    fn plain(&self, sled_key: &[u8], key: &[u8]) -> Result<Option<Slice>, EngineError> {
        debug_assert!(sled_key.ends_with(key));
        let Some(stored) = self.base.get(sled_key)? else { return Ok(None) };
        // Copied: a part of sled's row would keep all of the page that it stands in.
        Ok(Some(unseal(self.store, sled_key, &stored)?.into()))
    }

    fn cached(&self, key: &[u8], generation: u64) -> Result<Option<Arc<Block>>, EngineError> {
        let slot = key.iter().fold(0_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        // The upper bits, which all bytes have gone into.
        let slot = &self.cache[(slot >> 32) as usize % CACHED];
        if let Some(cached) = &*slot.lock().unwrap_or_else(PoisonError::into_inner)
            && cached.generation == generation
            && cached.key == key
        {
            return Ok(cached.block.clone());
        }
        let stored = self.base.get(key)?;
        let block = stored.map(|stored| Block::decode(self.store, key, &stored)).transpose()?.map(Arc::new);
        let cached = Cached { generation, key: key.to_vec(), block: block.clone() };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
        Ok(block)
    }
}
