//! What the store asks of its engine.

use crate::store::error::EngineError;
use std::time::Duration;

/// An immutable byte string; a clone shares the bytes or, where they are few, copies them without allocating.
pub(crate) type Slice = sled::IVec;

/// What a batch does to one key: its new value, or `None` where the key is deleted.
pub(crate) type RowWrite = (Slice, Option<Slice>);

/// A row that is there.
pub(crate) type Row = (Slice, Slice);

/// An ordered map of byte strings, read by many threads and written by one ([`Writer`]). A commit is seen as a whole by
/// each read, and by each step of a range.
pub(crate) trait Tree: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError>;

    /// Whether a key has a value.
    fn contains(&self, key: &[u8]) -> Result<bool, EngineError>;

    /// The rows from `from` (inclusive) to `end` (exclusive), or to the last one where there is no `end`; the lowest
    /// key first. None where `from` is not below `end`.
    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_>;

    /// The rows from `last` down to `first`, both inclusive; the highest key first.
    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_>;

    /// How many bytes it takes on disk.
    fn size_on_disk(&self) -> Result<u64, EngineError>;

    /// Reads all that its files hold, beside readers and the writer, and says what isn't as it was written, a
    /// sentence each. Blocks for as long as that takes.
    fn check(&self) -> Result<Vec<String>, EngineError>;

    /// For how long a write beside the committer's has been at one and the same step; zero while there is none.
    fn stuck_for(&self) -> Duration {
        Duration::ZERO
    }

    /// The rows whose keys start with `prefix`; the lowest key first.
    fn scan(&self, prefix: &[u8]) -> Rows<'_> {
        self.range(prefix, end_of(prefix).as_deref())
    }
}

/// The first key past all that start with `prefix`; `None` where there is none.
pub(crate) fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let length = prefix.iter().rposition(|byte| *byte < u8::MAX)? + 1;
    let mut end = prefix[..length].to_vec();
    end[length - 1] += 1;
    Some(end)
}

/// Rows in the order of their keys. Each is read when it is asked for: an error costs one row (or a block
/// of them), and the next one may be readable.
pub(crate) struct Rows<'t>(Box<dyn Iterator<Item = Result<Row, EngineError>> + 't>);

impl<'t> Rows<'t> {
    pub(crate) fn new(rows: impl Iterator<Item = Result<Row, EngineError>> + 't) -> Self {
        Self(Box::new(rows))
    }

    /// Their keys alone.
    pub(crate) fn keys(self) -> impl Iterator<Item = Result<Slice, EngineError>> + use<'t> {
        self.0.map(|row| row.map(|(key, _)| key))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
