//! The engine below the store: one ordered map of byte strings, with atomic batches and a sync that outlives a power
//! cut.
//!
//! [`Tree`] is all that the rest of the store knows of it. [`SledTree`] is the engine of every data folder; the tests'
//! `MemoryTree` crashes on demand. The engine knows no keys, no records and no change. Beside it stand the disk below,
//! the marker that says how far the store has come, and the end of a process whose change failed.

pub(crate) mod disk_space;
pub(crate) mod ending;
pub(crate) mod failed_reads;
pub(crate) mod folder;
pub(crate) mod marker;
#[cfg(test)]
pub(crate) mod memory;
mod sled;
pub(crate) mod stall;
mod tree;

pub use self::sled::panic_is_expected;
pub(crate) use self::sled::{
    LOCK_AGAIN, LOCK_PATIENCE, MAX_ROW_BYTES, SledTree, catch_sled_panic, free_what_was_replaced,
};
pub(crate) use self::tree::{RowWrite, Slice, Tree};
