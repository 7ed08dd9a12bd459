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
mod lookup;
mod stored;

pub(crate) use self::change::{Changed, Op, PutAside};
pub(crate) use self::lookup::Blocks;
pub(crate) use self::stored::{Held, Merged, Place, StoredRows, Unreadable};
