//! Reading single rows, and the blocks that are kept decoded for it and for walks that begin in them.

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::{Block, Malformed, Opened, StoreId, unseal};
use crate::store::engine::rows::layout::{Layout, beside};
use crate::store::engine::tree::Slice;
use crate::store::error::EngineError;
use std::sync::{Arc, Mutex, PoisonError};

/// How many decoded blocks are kept; each is at most 24 KiB, and what says where its rows are. Who reads events one by
/// one reads them in their order, eight of a block; and who merges ranges begins one walk after the other in the same
/// blocks.
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
    block: Option<Arc<Opened>>,
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
        if let Some(value) = block.get(inner) {
            return Ok(Some(value.into()));
        }
        let found = if block.overflows() { self.plain(&beside(key), key)? } else { None };
        if found.is_none() && block.has_lost() {
            return Err(EngineError::lost(&block_key, &shape.next(&block_key)));
        }
        Ok(found)
    }

    /// The value of a row of sled that isn't a block.
    pub(super) fn plain(&self, sled_key: &[u8], key: &[u8]) -> Result<Option<Slice>, EngineError> {
        debug_assert!(sled_key.ends_with(key));
        let Some(stored) = self.base.get(sled_key)? else { return Ok(None) };
        // Copied: a part of sled's row would keep all of the page that it stands in.
        Ok(Some(unseal(self.store, sled_key, &stored)?.into()))
    }

    /// The block with this key in sled.
    fn cached(&self, key: &[u8], generation: u64) -> Result<Option<Arc<Opened>>, EngineError> {
        if let Some(kept) = self.kept(key, generation) {
            return Ok(kept);
        }
        let block = match self.base.get(key)? {
            Some(stored) => Some(Arc::new(self.decode(key, &stored)?)),
            None => None,
        };
        self.keep(key, generation, block.clone());
        Ok(block)
    }

    /// What sled holds under the key of a block.
    pub(crate) fn decode(&self, key: &[u8], stored: &[u8]) -> Result<Opened, EngineError> {
        Block::decode(self.store, key, stored)?.open().map_err(Malformed::of(key))
    }

    /// The block with this key, or that there is none, if that is kept.
    pub(super) fn kept(&self, key: &[u8], generation: u64) -> Option<Option<Arc<Opened>>> {
        let slot = self.slot(key).lock().unwrap_or_else(PoisonError::into_inner);
        let kept = slot.as_ref().filter(|kept| kept.generation == generation && kept.key == key);
        kept.map(|kept| kept.block.clone())
    }

    pub(super) fn keep(&self, key: &[u8], generation: u64, block: Option<Arc<Opened>>) {
        let kept = Cached { generation, key: key.to_vec(), block };
        *self.slot(key).lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    fn slot(&self, key: &[u8]) -> &Mutex<Option<Cached>> {
        let hash = key.iter().fold(0_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        // The upper bits, which all bytes have gone into.
        &self.cache[(hash >> 32) as usize % CACHED]
    }
}
