//! What the store asks of its engine.

use crate::store::error::StoreError;

/// An immutable byte string; a clone shares the bytes or, where they are few, copies them without allocating.
pub(crate) type Slice = sled::IVec;

/// What a batch does to one key: its new value, or `None` where the key is deleted.
pub(crate) type RowWrite = (Slice, Option<Slice>);

/// An ordered map of byte strings, read by many threads and written by one.
///
/// What is applied is visible at once, each batch as a whole. It is durable once [`Tree::sync`] has returned. A crash
/// before that leaves the batches that came first, from none of them to all, and each as a whole: sled's log is
/// sequential, and a batch that failed on its way is completed by the redo file at the next start.
pub(crate) trait Tree: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError>;

    /// Whether a key has a value.
    fn contains(&self, key: &[u8]) -> Result<bool, StoreError>;

    /// The rows from `from` (inclusive) to `end` (exclusive), or to the last one where there is no `end`; the lowest
    /// key first. None where `from` is not below `end`.
    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_>;

    /// The rows from `last` down to `first`, both inclusive; the highest key first.
    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_>;

    /// Makes these changes visible, all at once. Nothing of them is durable yet. After an error a part of them may be
    /// visible.
    fn apply(&self, rows: &[RowWrite]) -> Result<(), StoreError>;

    /// Writes rows one by one, without holding all of them at once as a batch does: a crash leaves the first few of
    /// them, or an error.
    fn write_unbatched(&self, rows: &[RowWrite]) -> Result<(), StoreError>;

    /// Makes durable whatever is applied.
    fn sync(&self) -> Result<(), StoreError>;

    /// Reads what writing `key` will read, so that damage is met before anything is written.
    fn read_ahead(&self, key: &[u8]) -> Result<(), StoreError>;

    /// The error of a write that failed on a thread of the engine's own.
    fn check(&self) -> Result<(), StoreError>;

    /// How many bytes it takes on disk.
    fn size_on_disk(&self) -> Result<u64, StoreError>;

    /// The rows whose keys start with `prefix`; the lowest key first.
    fn scan(&self, prefix: &[u8]) -> Rows<'_> {
        self.range(prefix, end_of(prefix).as_deref())
    }
}

/// The first key past all that start with `prefix`; `None` where there is none.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let length = prefix.iter().rposition(|byte| *byte < u8::MAX)? + 1;
    let mut end = prefix[..length].to_vec();
    end[length - 1] += 1;
    Some(end)
}

/// Rows in the order of their keys. Each is read when it is asked for: an error costs one row, and the next one may be
/// readable.
pub(crate) struct Rows<'t>(Box<dyn Iterator<Item = Result<(Slice, Slice), StoreError>> + 't>);

impl<'t> Rows<'t> {
    pub(crate) fn new(rows: impl Iterator<Item = Result<(Slice, Slice), StoreError>> + 't) -> Self {
        Self(Box::new(rows))
    }

    /// Their keys alone.
    pub(crate) fn keys(self) -> impl Iterator<Item = Result<Slice, StoreError>> + use<'t> {
        self.0.map(|row| row.map(|(key, _)| key))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(Slice, Slice), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
