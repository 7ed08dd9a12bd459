//! Reading the rows, whichever layer they are in.

use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::layout::OVERFLOW;
use crate::store::engine::rows::merge::Reader;
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::{Rows, Slice, Tree};
use crate::store::error::EngineError;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl<B: Base> Tree for RowStore<B> {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        if key.first().is_none_or(|table| *table >= OVERFLOW) {
            return Ok(None);
        }
        let (freezes, generation) = {
            let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(said) = layers.said_above(key) {
                return Ok(said);
            }
            (self.freezes.load(Ordering::Acquire), layers.generation)
        };
        // Without the guard: sled may have to read its file, and a writer would wait for that.
        let found = self.blocks.get(key, generation);
        if self.freezes.load(Ordering::Acquire) == freezes {
            return found;
        }
        // Another checkpoint has begun since, and it may have moved this very row between two reads of sled.
        self.layers.read().unwrap_or_else(PoisonError::into_inner).get(&self.blocks, key)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.get(key)?.is_some())
    }

    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_> {
        self.rows(from, end.map_or_else(|| vec![OVERFLOW], <[u8]>::to_vec), false)
    }

    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_> {
        // The first key behind the last one.
        self.rows(first, [last, &[0]].concat(), true)
    }

    fn size_on_disk(&self) -> Result<u64, EngineError> {
        self.blocks.base.size_on_disk()
    }

    fn check(&self) -> Result<Vec<String>, EngineError> {
        self.verify(|_| {})
    }
}

impl<B: Base> RowStore<B> {
    fn rows(&self, from: &[u8], end: Vec<u8>, backwards: bool) -> Rows<'_> {
        let end = end.min(vec![OVERFLOW]);
        Rows::new(Reader::new(&self.layers, &self.blocks, from.to_vec(), end, backwards))
    }
}
