//! The marker: a small file beside the journal's segments that says how far they had come.
//!
//! A frame that is damaged at the journal's end looks like one that a crash has torn. So after every sync the number of
//! the last durable commit is written here, with that of the segment being written; a journal that is opened behind its
//! marker has lost something, and is refused.
//!
//! Both numbers go into one of two slots in turn, each with its checksum: a write that is cut off leaves the other. It
//! is written without a sync of its own (one per group would double the cost of every commit) and synced about once a
//! second, so only damage together with a power cut can hide what was acknowledged in the last second. It is written
//! after the journal's sync: it can be behind the journal, never ahead of it.

use crate::store::engine::journal::disk::{Disk, DiskFile, read_up_to, write_all};
use std::io;
use std::time::Duration;

/// The marker's name in the journal's folder.
pub(crate) const NAME: &str = "marker";
/// How long what it says may be younger than what is durable of it.
const SYNC_EVERY: Duration = Duration::from_secs(1);
const MAGIC: &[u8; 8] = b"carteiro";
const VERSION: u8 = 2;
/// A block for each slot: a torn write spoils one of them.
pub(crate) const SLOT_BYTES: usize = 4096;
const SLOTS: usize = 2;
/// Magic, version, store id, commit, segment, checksum.
const USED_BYTES: usize = 8 + 1 + 16 + 8 + 8 + 4;

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which store it belongs to.
    pub(crate) store: [u8; 16],
    /// The last commit of it that was durable.
    pub(crate) commit: u64,
    /// The segment that was being written.
    pub(crate) segment: u64,
}

/// The marker of an open journal, to be moved on.
pub(crate) struct Marker {
    file: Box<dyn DiskFile>,
    mark: Mark,
    next_slot: usize,
    /// Since when it says something that isn't synced.
    unsynced: Option<Duration>,
}

/// What there is of a marker in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// What it says, and the slot that says so.
    Mark(Mark, usize),
    /// A file of that name, and no slot of it holds.
    Damaged,
}

/// Reads the marker of a folder.
pub(crate) fn read(disk: &dyn Disk) -> io::Result<Found> {
    let file = match disk.open(NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        file => file?,
    };
    let mut bytes = [0; SLOT_BYTES * SLOTS];
    let length = read_up_to(&*file, &mut bytes, 0)?;
    let marks = bytes[..length].chunks(SLOT_BYTES).enumerate();
    let marks = marks.filter_map(|(slot, bytes)| Some((decode(bytes)?, slot)));
    let newest = marks.max_by_key(|(mark, _)| (mark.commit, mark.segment));
    Ok(newest.map_or(Found::Damaged, |(mark, slot)| Found::Mark(mark, slot)))
}

impl Marker {
    /// Makes the folder's marker anew, saying this; durable on return.
    pub(crate) fn create(disk: &dyn Disk, mark: Mark) -> io::Result<Self> {
        let beside = format!("{NAME}{}", crate::store::engine::journal::segment::NEW_ENDING);
        let file = disk.create(&beside)?;
        write_all(&*file, &[encode(mark); SLOTS].concat(), 0)?;
        file.sync()?;
        disk.rename(&beside, NAME)?;
        disk.sync()?;
        Ok(Self { file, mark, next_slot: 0, unsynced: None })
    }

    /// Takes up a marker that is there, one of whose slots held. It is written where it stands: that needs no room on a
    /// disk that is full.
    pub(crate) fn open(disk: &dyn Disk, mark: Mark, held: usize) -> io::Result<Self> {
        let file = disk.open(NAME)?;
        // One after the other, each durable before the other is touched, and the one that held last: one of them holds
        // at any moment.
        for slot in [(held + 1) % SLOTS, held] {
            write_all(&*file, &encode(mark), (slot * SLOT_BYTES) as u64)?;
            file.sync()?;
        }
        Ok(Self { file, mark, next_slot: 0, unsynced: None })
    }

    /// Says that everything up to `commit` is durable, `segment` being the one that is written. Survives kill -9 at
    /// once, and a power cut after [`Marker::sync_due`].
    pub(crate) fn move_to(&mut self, commit: u64, segment: u64, now: Duration) -> io::Result<()> {
        if (commit, segment) == (self.mark.commit, self.mark.segment) {
            return Ok(());
        }
        self.mark = Mark { commit, segment, ..self.mark };
        write_all(&*self.file, &encode(self.mark)[..USED_BYTES], (self.next_slot * SLOT_BYTES) as u64)?;
        self.next_slot = (self.next_slot + 1) % SLOTS;
        self.unsynced.get_or_insert(now);
        Ok(())
    }

    /// When it should be synced next; `None` when there is nothing to sync.
    pub(crate) fn sync_in(&self, now: Duration) -> Option<Duration> {
        self.unsynced.map(|since| SYNC_EVERY.saturating_sub(now.saturating_sub(since)))
    }

    /// Syncs it if that is due; whether it did.
    pub(crate) fn sync_due(&mut self, now: Duration) -> io::Result<bool> {
        let due = self.sync_in(now).is_some_and(|left| left.is_zero());
        if due {
            self.file.sync()?;
            self.unsynced = None;
        }
        Ok(due)
    }
}

fn encode(mark: Mark) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(MAGIC);
    slot[8] = VERSION;
    slot[9..25].copy_from_slice(&mark.store);
    slot[25..33].copy_from_slice(&mark.commit.to_be_bytes());
    slot[33..41].copy_from_slice(&mark.segment.to_be_bytes());
    let checksum = crc32fast::hash(&slot[..USED_BYTES - 4]);
    slot[USED_BYTES - 4..USED_BYTES].copy_from_slice(&checksum.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Mark> {
    let (mark, checksum) = slot.get(..USED_BYTES)?.split_at(USED_BYTES - 4);
    let holds = crc32fast::hash(mark).to_be_bytes() == checksum;
    if !holds || !mark.starts_with(MAGIC) || mark[8] != VERSION {
        return None;
    }
    let number = |at: usize| Some(u64::from_be_bytes(mark[at..at + 8].try_into().ok()?));
    Some(Mark { store: mark[9..25].try_into().ok()?, commit: number(25)?, segment: number(33)? })
}

#[cfg(test)]
mod tests;
