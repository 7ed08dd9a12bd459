//! What the store asks of its engine as the one that writes it.

use crate::store::engine::journal::Past;
use crate::store::engine::tree::RowWrite;
use crate::store::error::EngineError;
use std::time::Duration;

/// The one who writes a tree. After an error the process is to end: what was written may be half there.
pub(crate) trait Writer: Send {
    /// The last commit that was appended.
    fn last_commit(&self) -> u64;

    /// The first commit that the journal still has; the one after the last where it has none.
    fn first_commit(&self) -> u64;

    /// Writes a commit, whose number is the one after the last. It is neither durable nor visible yet.
    fn append(&mut self, commit: u64, time_ms: u64, rows: Vec<RowWrite>) -> Result<(), EngineError>;

    /// Makes durable, and then visible, whatever was appended; says the last commit. `now` is the time by a clock that
    /// never steps.
    fn sync(&mut self, now: Duration) -> Result<u64, EngineError>;

    /// Makes visible whatever was appended, durable or not: what a crash takes back may have been seen.
    fn publish(&mut self) -> Result<(), EngineError>;

    /// Does what is to be done now and then behind a sync.
    fn tidy(&mut self, now: Duration) -> Result<(), EngineError>;

    /// When [`Writer::tidy`] has something to do next.
    fn tidy_in(&self, now: Duration) -> Option<Duration>;

    /// Makes durable whatever was appended, and has it stand in files that are written no more.
    fn close_segment(&mut self) -> Result<(), EngineError>;

    /// Has whatever was deleted by now go from the files where it still stands: all of it is moved into sled, and what
    /// the journal has of it goes. Doesn't wait for that.
    fn forget_deleted(&mut self) -> Result<(), EngineError>;

    /// How much memory holds of what isn't in sled yet, in percent of what it may before commits wait. Only what is
    /// durable makes room for more.
    fn pressure(&self) -> usize;

    /// Waits until there is room for another commit, as long as it takes at most; whether there is.
    fn wait_for_room(&mut self, at_most: Duration) -> bool;

    /// Keeps every commit behind the last one, for a reader.
    fn hold(&self) -> Result<Past, EngineError>;

    /// The end: all of it is durable, and nothing is written any more.
    fn stop(&mut self) -> Result<(), EngineError>;
}
