//! The engine below the store: one ordered map of byte strings, with atomic batches and a sync that outlives a power cut.
//!
//! [`Tree`] is all that the rest of the store knows of it. [`SledTree`] is the engine of every data folder; the tests' `MemoryTree`
//! crashes on demand. The engine knows no keys, no records and no change.

#[cfg(test)]
pub(crate) mod memory;
mod sled;
mod tree;

pub use self::sled::panic_is_expected;
pub(crate) use self::sled::{
    LOCK_AGAIN, LOCK_PATIENCE, MAX_ROW_BYTES, SledTree, catch_sled_panic, free_what_was_replaced, is_locked,
};
pub(crate) use self::tree::{RowWrite, Slice, Tree};
