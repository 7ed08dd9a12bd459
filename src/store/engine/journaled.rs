//! The writer of a store: each commit goes into the journal, and becomes visible once it may.

use crate::store::engine::checkpointing;
use crate::store::engine::disk_space::Space;
use crate::store::engine::ending;
use crate::store::engine::journal::{Disk, Frame, Identity, Journal, Keep, Past, RecoverError, Recovered, Settings};
use crate::store::engine::pace::Pace;
use crate::store::engine::reached::{Held, Reached};
use crate::store::engine::rows::{Base, Layout, Limits, NO_REST, RowStore};
use crate::store::engine::tied::Engine;
use crate::store::engine::tree::RowWrite;
use crate::store::engine::writer::Writer;
use crate::store::error::EngineError;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A segment with so many bytes is closed. Closing one costs four syncs in front of a commit.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// How many bytes of the journal a backup may keep.
const HELD_BYTES: u64 = 1024 * 1024 * 1024;
/// From this pressure on a commit waits a little while a checkpoint is under way, the more the less room is left.
const SLOW_DOWN: usize = 75;
/// How long it waits for each percent above that.
const A_PERCENT: Duration = Duration::from_micros(200);

/// Why an engine wasn't opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// What sled holds can't be used.
    Rows(EngineError),
    /// The journal can't.
    Journal(RecoverError),
}

impl From<EngineError> for NotOpened {
    fn from(error: EngineError) -> Self {
        Self::Rows(error)
    }
}

impl From<RecoverError> for NotOpened {
    fn from(error: RecoverError) -> Self {
        Self::Journal(error)
    }
}

fn settings() -> Settings {
    let random = || u64::from_be_bytes(crate::random::bytes());
    Settings { segment_bytes: SEGMENT_BYTES, held_bytes: HELD_BYTES, random: Box::new(random) }
}

/// Makes the journal of a store whose rows are in a base already, as of this commit. Durable on return.
pub(crate) fn create_journal(disk: Arc<dyn Disk>, identity: Identity, position: u64) -> Result<(), RecoverError> {
    Journal::create(disk, identity, settings(), position).map(drop)
}

/// The writer of an engine's, over its journal.
pub(crate) struct JournalWriter<B> {
    pub(crate) engine: Arc<Engine<B>>,
    journal: Journal,
    /// How often the store was started.
    epoch: u64,
    /// What was appended and isn't visible yet.
    appended: Vec<(u64, Vec<RowWrite>)>,
    checkpoints: Option<JoinHandle<()>>,
}

impl<B: Base + 'static> JournalWriter<B> {
    /// Opens what a base and a journal hold together, or makes both. What was replayed is durable on return, and
    /// nothing of it is in sled yet.
    ///
    /// The base says that it goes with a journal only after there is one: from then on a journal that is missing, or
    /// older than what the base says, is damage, and before that one that holds something is another store's.
    pub(crate) fn open(
        base: B,
        disk: Arc<dyn Disk>,
        identity: Identity,
        layout: Layout,
        accept_data_loss: bool,
    ) -> Result<(Self, Recovered), NotOpened> {
        let rows = RowStore::open(base, layout, identity.store, Limits::default())?;
        let settings = settings();
        let (journal, recovered) = if rows.is_begun()? {
            // Before the journal is touched: afterwards nothing of it tells.
            let is_unrepaired = rows.is_unrepaired();
            if accept_data_loss && !is_unrepaired {
                rows.note_unrepaired(true)?;
            }
            let held = Held { is_unrepaired, ..Held::new(rows.synced_position(), rows.reached()) };
            let replay = |frame: Frame| rows.load(frame.commit, &frame.rows);
            Journal::open(disk, identity, settings, held, accept_data_loss, replay)?
        } else {
            Journal::create(disk, identity, settings, 0)?
        };
        // At every start, with its number: whichever older journal is put beside sled's files later, it is noticed.
        let Recovered { epoch, last_commit: commit, line, .. } = recovered;
        rows.note_journal(Reached { epoch, commit, line })?;
        // Behind a loss that was accepted, numbers that were given are not given again.
        rows.load(commit, &[])?;
        rows.set_durable(commit, line);
        let closed = journal.closed().clone();
        let engine = Arc::new(Engine { rows, closed, pace: Pace::default() });
        Ok((Self { engine, journal, epoch, appended: Vec::new(), checkpoints: None }, recovered))
    }

    /// What it has opened, to be looked at and written no more: the journal may go.
    pub(crate) fn into_engine(self) -> Arc<Engine<B>> {
        self.engine.closed.forget();
        self.engine
    }

    /// Whether a loss was accepted, and wasn't seen to: sled may hold rows of commits that are lost, or damaged ones.
    pub(crate) fn is_unrepaired(&self) -> bool {
        self.engine.rows.is_unrepaired()
    }

    /// Whether sled holds rows of a table, by what checkpoints say.
    pub(crate) fn has_rows_in_sled(&self, table: u8) -> bool {
        self.engine.rows.checkpoint().contents().of(table).rows > 0
    }

    /// They were looked for, and what was found of them is gone. What that took is durable.
    pub(crate) fn note_repaired(&mut self) -> Result<(), EngineError> {
        self.engine.rows.note_unrepaired(false)
    }

    /// Moves what is visible into sled if it takes too much memory, while there are no checkpoints beside it.
    pub(crate) fn make_room(&mut self) -> Result<(), EngineError> {
        let Engine { rows, closed, .. } = &*self.engine;
        if rows.pressure() < 100 {
            return Ok(());
        }
        rows.freeze();
        while !rows.checkpoint_step()?.done {}
        closed.retire(rows.synced_position(), Keep::Much).map(drop)
    }

    /// Makes visible what was appended, all of which is durable: now a checkpoint may take it.
    fn show_durable(&mut self, durable: u64) -> Result<(), EngineError> {
        let Engine { rows, pace, .. } = &*self.engine;
        rows.set_durable(durable, self.journal.line());
        for (commit, appended) in self.appended.drain(..) {
            rows.publish(commit, &appended)?;
        }
        let wanted = rows.pressure() >= 100 || pace.wait(Duration::ZERO, |state| state.is_waiting);
        if wanted && rows.freeze() {
            pace.update(|state| state.is_waiting = false);
        } else if rows.pressure() >= NO_REST {
            pace.update(|_| {});
        }
        Ok(())
    }

    /// Has checkpoints made beside it, until [`Writer::stop`]. `space` is that of the disk that sled's files are on;
    /// `name_of` says for people what the row of a key is.
    pub(crate) fn start_checkpoints(
        &mut self,
        space: Arc<Space>,
        name_of: fn(&[u8]) -> &'static str,
    ) -> std::io::Result<()> {
        let engine = Arc::clone(&self.engine);
        let run = move || checkpointing::run(&engine, &space, name_of);
        self.checkpoints = Some(std::thread::Builder::new().name("checkpoint".to_owned()).spawn(run)?);
        Ok(())
    }
}

impl<B: Base + 'static> Writer for JournalWriter<B> {
    fn last_commit(&self) -> u64 {
        self.journal.last_commit()
    }

    fn first_commit(&self) -> u64 {
        self.engine.closed.first_commit()
    }

    fn append(&mut self, commit: u64, time_ms: u64, rows: Vec<RowWrite>) -> Result<(), EngineError> {
        // Before it is durable: what can't be published must not be replayed at every start.
        self.engine.rows.check(&rows)?;
        self.journal.append(commit, time_ms, &rows)?;
        self.appended.push((commit, rows));
        Ok(())
    }

    fn sync(&mut self, now: Duration) -> Result<u64, EngineError> {
        let durable = self.journal.sync(now)?;
        self.show_durable(durable)?;
        Ok(durable)
    }

    fn publish(&mut self) -> Result<(), EngineError> {
        for (commit, rows) in self.appended.drain(..) {
            self.engine.rows.publish(commit, &rows)?;
        }
        if self.engine.rows.pressure() >= 100 {
            self.engine.pace.update(|_| {});
        }
        Ok(())
    }

    fn tidy(&mut self, now: Duration) -> Result<(), EngineError> {
        self.journal.sync_marker(now)
    }

    fn tidy_in(&self, now: Duration) -> Option<Duration> {
        self.journal.sync_marker_in(now)
    }

    fn close_segment(&mut self) -> Result<(), EngineError> {
        self.journal.rotate()?;
        self.show_durable(self.journal.last_commit())
    }

    fn forget_deleted(&mut self) -> Result<(), EngineError> {
        self.close_segment()?;
        // What is in sled already, whose checkpoint a crash cut off behind that.
        self.engine.closed.retire(self.engine.rows.synced_position(), Keep::Much)?;
        let last = self.journal.last_commit();
        self.engine.pace.update(|state| state.asked = last);
        Ok(())
    }

    fn pressure(&self) -> usize {
        self.engine.rows.pressure()
    }

    fn wait_for_room(&mut self, at_most: Duration) -> bool {
        let Engine { rows, pace, .. } = &*self.engine;
        let pressure = rows.pressure();
        if pressure >= 100 {
            return pace.wait(at_most, |state| state.is_stuck || rows.pressure() < 100) && rows.pressure() < 100;
        }
        if let Some(above) = pressure.checked_sub(SLOW_DOWN).filter(|_| rows.is_frozen()) {
            let wait = A_PERCENT * u32::try_from(above).unwrap_or(0);
            pace.wait(wait.min(at_most), |_| rows.pressure() < SLOW_DOWN);
        }
        true
    }

    fn hold(&self) -> Result<Past, EngineError> {
        self.engine.closed.past(self.journal.last_commit())
    }

    fn stop(&mut self) -> Result<(), EngineError> {
        self.engine.pace.update(|state| state.stops = true);
        if let Some(thread) = self.checkpoints.take()
            && thread.join().is_err()
        {
            ending::end("the thread that makes checkpoints has ended");
        }
        let durable = self.journal.sync(Duration::ZERO)?;
        self.show_durable(durable)?;
        self.journal.sync_marker(Duration::MAX)?;
        // Last: a stopped store is what people copy.
        self.engine.rows.note_journal(Reached { epoch: self.epoch, commit: durable, line: self.journal.line() })
    }
}

#[cfg(test)]
mod tests;
