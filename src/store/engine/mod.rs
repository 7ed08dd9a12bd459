//! The engine below the store: one ordered map of byte strings, whose commits are durable in a journal first and are
//! moved into sled behind it.
//!
//! [`Tree`] and [`Writer`] are all that the rest of the store knows of it. A commit is one frame of the `journal`; the
//! `rows` hold it in memory until a checkpoint has moved it into sled, in blocks whose keys are computed. The engine
//! knows no keys, no records and no change. Beside it stand the disk below and the end of a process whose change
//! failed.

mod checkpointing;
pub(crate) mod disk_space;
pub(crate) mod ending;
pub(crate) mod failed_reads;
pub(crate) mod folder;
pub(crate) mod journal;
mod journaled;
mod pace;
mod panics;
mod reached;
pub(crate) mod room;
pub(crate) mod row_codec;
pub(crate) mod rows;
pub(crate) mod stall;
mod tied;
mod tree;
mod writer;

pub(crate) use self::journaled::{JournalWriter, NotOpened, create_journal};
pub(crate) use self::panics::catch_sled_panic;
pub use self::panics::panic_is_expected;
pub(crate) use self::rows::{
    Base, IDENTITY, LOCK_AGAIN, LOCK_PATIENCE, Limits, MAX_ROW_BYTES, RowStore, Shape, SledBase, copy_file,
};
pub(crate) use self::tree::{RowWrite, Slice, Tree};
pub(crate) use self::writer::Writer;
