//! Rows in computed blocks over sled, an overlay of what sled doesn't hold yet, and a paced checkpoint between them.
//!
//! [`RowStore`] ties the parts together: a reader sees `active ‖ frozen ‖ blocks` as one ordered map, a writer
//! publishes groups of commits, and a checkpoint moves the frozen overlay into sled, piece by piece. What makes a
//! commit durable isn't here: the journal in front of it, which replays into [`RowStore::load`].

mod base;
mod block;
mod blocks;
mod cache_use;
mod checkpoint;
mod give_up;
mod layout;
#[cfg(test)]
pub(crate) mod memory;
mod merge;
mod overlay;
mod position;
mod read;
mod step;
mod store;
mod verify;

pub(crate) use self::base::{Base, LOCK_AGAIN, LOCK_PATIENCE, SledBase, copy_file};
pub(crate) use self::blocks::PutAside;
#[cfg(test)]
pub(crate) use self::checkpoint::MAX_PIECE_ROWS;
pub(crate) use self::checkpoint::{NO_REST, Step};
pub(crate) use self::layout::{IDENTITY, Layout, MAX_ROW_BYTES, Shape};
pub(crate) use self::store::{Limits, RowStore};
