//! The journal: what makes a commit durable, in one append and one `fdatasync`.
//!
//! It is a row of segments, of which the last one is open. A group of commits is one frame in it. The journal knows
//! numbers of commits and rows of bytes, and neither what the rows mean nor where they go afterwards: once they
//! are held elsewhere ([`Closed::retire`]), segments go. It has one writer.
//!
//! Nothing is written after an error: each later call fails, and the process is to end. Nobody knows what a failed
//! write left, and a sync that failed once says nothing when it succeeds the next time.

mod closed;
mod copies;
mod disk;
mod error;
mod frame;
mod marker;
mod recover;
mod segment;

pub(crate) use self::closed::{Closed, ClosedSegment, Keep, OpenSegment, Past};
pub(crate) use self::copies::{Copies, CopiesEnd, CopyError};
#[cfg(test)]
pub(crate) use self::disk::MemoryDisk;
pub(crate) use self::disk::{Disk, FolderDisk};
pub(crate) use self::error::{Damage, RecoverError};
pub(crate) use self::frame::Frame;
pub(crate) use self::marker::{Found, Mark, NAME as MARKER, read as read_marker};
pub(crate) use self::recover::Recovered;
pub(crate) use self::segment::{ENDING as SEGMENT_ENDING, Identity};

use crate::store::engine::journal::disk::DiskFile;
use crate::store::engine::journal::marker::Marker;
use crate::store::engine::journal::segment::{Header, Place};
use crate::store::engine::reached::Held;
use crate::store::engine::tree::RowWrite;
use crate::store::error::EngineError;
use std::sync::Arc;
use std::time::Duration;

/// How large things may get, and where random numbers come from.
pub(crate) struct Settings {
    /// A segment that has so many bytes is closed with the next commit.
    pub(crate) segment_bytes: u64,
    /// How many bytes holds may keep that nothing else does.
    pub(crate) held_bytes: u64,
    /// A random number each time: salts, which nobody who sends events may know.
    pub(crate) random: Box<dyn FnMut() -> u64 + Send>,
}

/// An open journal.
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    settings: Settings,
    header: Header,
    file: Box<dyn DiskFile>,
    place: Place,
    /// The last commit that is durable.
    durable: u64,
    marker: Marker,
    closed: Closed,
    /// Whether a write failed, or is being done.
    failed: bool,
    piece: Vec<u8>,
}

impl Journal {
    /// Makes the journal of a new store, whose rows are those of commit `position` (0 but for a restored one). Durable
    /// on return, and cut off before that it can be done again. Fails where there is a journal that holds something, or
    /// one of another store.
    ///
    /// The caller notes that the store has a journal after it has returned, and calls [`Journal::open`] from then
    /// on: a journal that was there once and isn't is damage.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        identity: Identity,
        settings: Settings,
        position: u64,
    ) -> Result<(Self, Recovered), RecoverError> {
        recover::clear(&*disk, identity, position)?;
        // Before the first segment: segments without a marker are damage.
        let mark = Mark { store: identity.store, commit: position, segment: 0 };
        Marker::create(&*disk, mark)
            .map_err(RecoverError::io("written", crate::store::engine::journal::marker::NAME))?;
        let plan = recover::Plan::of_a_new_one(position);
        Self::begin(disk, identity, settings, plan)
    }

    /// Opens a journal: replays every commit behind the position of `held`, in order and each once, and begins a new
    /// segment. The rules are those of [`crate::store::engine::journal::recover`].
    ///
    /// What was replayed is durable only on return: until then it may be kept in memory, but be shown to nobody and
    /// written nowhere else. With `accept_data_loss` what is damaged or missing costs the commits from there on,
    /// and the files that hold them are set aside (`.lost`); without it, nothing is touched or replayed then.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        identity: Identity,
        settings: Settings,
        held: Held,
        accept_data_loss: bool,
        mut replay: impl FnMut(Frame) -> Result<(), EngineError>,
    ) -> Result<(Self, Recovered), RecoverError> {
        let mut plan = recover::survey(&*disk, identity, held, accept_data_loss)?;
        plan.replay(held.position, &mut replay)?;
        Self::begin(disk, identity, settings, plan)
    }

    /// Does what recovery found to be done. The order is what makes a crash in it harmless: the new segment with all
    /// that counts on it comes first, and what it replaces goes last.
    fn begin(
        disk: Arc<dyn Disk>,
        identity: Identity,
        mut settings: Settings,
        mut plan: recover::Plan,
    ) -> Result<(Self, Recovered), RecoverError> {
        // The names that were found may be those of a moment before a kill: what follows them must not outlive them.
        disk.sync().map_err(RecoverError::io("synced", "folder"))?;
        plan.keep_copy(&*disk)?;
        let header = plan.header(identity, (settings.random)());
        let name = segment::name(header.number);
        let mut piece = Vec::new();
        let begun = segment::begin(&*disk, &header, |file, place| plan.copy(&header, file, place, &mut piece));
        let (file, place) = begun.map_err(RecoverError::io("written", &name))?;
        let closed = plan.close(header.number)?;
        plan.tidy(&*disk)?;
        // Last: it is never ahead of what is there.
        let mark = Mark { store: identity.store, commit: place.last, segment: header.number };
        let marker = match plan.marker_slot {
            Some(slot) => Marker::open(&*disk, mark, slot),
            None => Marker::create(&*disk, mark),
        };
        let marker = marker.map_err(RecoverError::io("written", crate::store::engine::journal::marker::NAME))?;
        let open = OpenSegment { number: header.number, first_commit: header.predecessor_last + 1, bytes: place.at };
        let closed = Closed::new(Arc::clone(&disk), settings.held_bytes, closed, open);
        let recovered = plan.recovered(&header, &place);
        let durable = place.last;
        Ok((Self { disk, settings, header, file, place, durable, marker, closed, failed: false, piece }, recovered))
    }

    /// Writes one group of commits behind all others; it isn't durable yet. `commit` is the number after the last one,
    /// `time_ms` the time on the wall. Fails, and nothing was written, with another number, and with more than
    /// [`frame::MAX_BODY_BYTES`].
    pub(crate) fn append(&mut self, commit: u64, time_ms: u64, rows: &[RowWrite]) -> Result<(), EngineError> {
        self.check()?;
        let expected = self.place.last + 1;
        if commit != expected {
            return Err(EngineError::OutOfOrder { expected, got: commit });
        }
        let body_bytes = frame::body_bytes(rows)?;
        if self.place.at >= self.settings.segment_bytes {
            self.rotate()?;
        }
        self.write(|journal| {
            let head = journal.place.head(body_bytes, journal.durable, time_ms);
            let (file, at) = (&*journal.file, journal.place.at);
            let crc = frame::write(file, at, journal.header.salt, &head, rows, &mut journal.piece)?;
            journal.header.advance(&mut journal.place, &head, crc);
            journal.closed.set_open_bytes(journal.place.at);
            Ok(())
        })
    }

    /// Makes durable whatever was appended, moves the marker, and says the last commit, which may be acknowledged now.
    /// `now` is the time by a clock that never steps. After acknowledging it call [`Journal::sync_marker`]: what
    /// syncs the marker about once a second isn't to be waited for.
    pub(crate) fn sync(&mut self, now: Duration) -> Result<u64, EngineError> {
        self.check()?;
        self.write(|journal| {
            journal.sync_segment()?;
            journal.marker.move_to(journal.durable, journal.header.number, now)?;
            Ok(journal.durable)
        })
    }

    /// When [`Journal::sync_marker`] has something to do next; `None` when the marker is synced.
    pub(crate) fn sync_marker_in(&self, now: Duration) -> Option<Duration> {
        self.marker.sync_in(now)
    }

    /// Syncs the marker if that is due: behind each [`Journal::sync`], and after [`Journal::sync_marker_in`] where
    /// there is no other one.
    pub(crate) fn sync_marker(&mut self, now: Duration) -> Result<(), EngineError> {
        self.check()?;
        self.write(|journal| journal.marker.sync_due(now).map(drop))
    }

    /// Closes the segment and begins another one, unless it has no commit. What was appended is durable then, and may
    /// be acknowledged after the next [`Journal::sync`], which costs no more than the marker's write.
    ///
    /// The old segment is synced before its successor says how it ends, and sealed only once the successor is there: a
    /// sealed segment always has one, and a crash between leaves a successor without commits.
    pub(crate) fn rotate(&mut self) -> Result<(), EngineError> {
        self.check()?;
        if self.place == self.header.place() {
            return Ok(());
        }
        self.write(|journal| {
            journal.sync_segment()?;
            let old = (journal.header, journal.place);
            let header = Header {
                number: old.0.number + 1,
                salt: (journal.settings.random)(),
                predecessor: old.0.number,
                predecessor_last: old.1.last,
                predecessor_crc: old.1.crc,
                line: old.1.line,
                durable: old.1.last,
                next: old.1.last + 1,
                after_loss: false,
                ..old.0
            };
            let (file, place) = segment::begin(&*journal.disk, &header, |_, _| Ok(()))?;
            segment::seal(&*journal.file, old.0.salt, &old.1, header.number)?;
            let closed = ClosedSegment {
                name: segment::name(old.0.number),
                number: old.0.number,
                first_commit: old.0.predecessor_last + 1,
                last_commit: old.1.last,
                bytes: old.1.at + segment::SEAL_BYTES as u64,
            };
            let open = OpenSegment { number: header.number, first_commit: closed.last_commit + 1, bytes: place.at };
            journal.closed.add(closed, open);
            (journal.header, journal.file, journal.place) = (header, file, place);
            Ok(())
        })
    }

    /// The closed segments; reading and retiring them doesn't need the journal.
    pub(crate) fn closed(&self) -> &Closed {
        &self.closed
    }

    /// The last commit that was appended.
    pub(crate) fn last_commit(&self) -> u64 {
        self.place.last
    }

    /// The line at that commit.
    pub(crate) fn line(&self) -> u32 {
        self.place.line
    }

    /// Where the open segment is, for a copy of a journal that is being written: its number and whole bytes.
    #[cfg(test)]
    pub(crate) fn open_segment(&self) -> (u64, u64) {
        (self.header.number, self.place.at)
    }

    fn sync_segment(&mut self) -> std::io::Result<()> {
        if self.durable < self.place.last {
            self.file.sync()?;
            self.durable = self.place.last;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.failed { Err(EngineError::FailedBefore) } else { Ok(()) }
    }

    /// Does something that writes; neither an error nor a panic in it is followed by another write.
    fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> std::io::Result<T>) -> Result<T, EngineError> {
        self.failed = true;
        let done = work(self)?;
        self.failed = false;
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
