//! Journal and rows tied together: what readers, the writer and the checkpoint share.

use crate::store::engine::journal::Closed;
use crate::store::engine::pace::Pace;
use crate::store::engine::rows::{Base, RowStore};
use crate::store::engine::tree::{Rows, Slice, Tree};
use crate::store::error::EngineError;
use std::time::Duration;

/// The engine of a store. What was committed is in the journal, and in the rows: above sled until a checkpoint has
/// moved it there.
pub(crate) struct Engine<B> {
    pub(crate) rows: RowStore<B>,
    pub(crate) closed: Closed,
    pub(crate) pace: Pace,
}

impl<B: Base> Tree for Engine<B> {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        self.rows.get(key)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, EngineError> {
        self.rows.contains(key)
    }

    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_> {
        self.rows.range(from, end)
    }

    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_> {
        self.rows.range_rev(first, last)
    }

    fn size_on_disk(&self) -> Result<u64, EngineError> {
        Ok(self.rows.size_on_disk()? + self.closed.bytes())
    }

    fn stuck_for(&self) -> Duration {
        self.pace.steps.stuck_for()
    }

    fn check(&self) -> Result<Vec<String>, EngineError> {
        let mut findings = self.rows.verify(|_| {})?;
        // One that goes meanwhile was moved into sled as a whole.
        findings.extend(self.closed.check());
        Ok(findings)
    }
}
