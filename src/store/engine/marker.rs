//! The marker: a small file beside sled's own that says how far the store had come.
//!
//! sled opens a file whose end is missing as if that end had never been, and one whose beginning is missing as an empty
//! store, without an error either way. So after every sync the committer writes the number of the last durable commit
//! here; a store that opens behind its marker has lost something, and refuses to start.
//!
//! The number goes into one of two slots in turn, each with its checksum: a write that is cut off leaves the other. It
//! is written without a sync of its own (one per group would double the cost of every commit) and synced about once a
//! second, so only damage together with a power cut can hide what was acknowledged in the last second. It is written
//! after the store's sync: it can be behind the store, never ahead of it.

use crate::atomic_file;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

/// The marker's name in the data folder.
pub(crate) const NAME: &str = "marker";
/// How long what it says may be younger than what is durable of it.
const SYNC_EVERY: Duration = Duration::from_secs(1);
const MAGIC: &[u8; 8] = b"carteiro";
const VERSION: u8 = 1;
/// A block for each slot: a torn write spoils one of them.
const SLOT_BYTES: usize = 4096;
const SLOTS: usize = 2;
/// Magic, version, store id, commit, checksum.
const USED_BYTES: usize = 8 + 1 + 16 + 8 + 4;

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which store it belongs to.
    pub(crate) store: [u8; 16],
    /// The last commit of it that was durable.
    pub(crate) commit: u64,
}

/// The marker of an open store, to be moved on.
pub(crate) struct Marker {
    file: File,
    mark: Mark,
    next_slot: usize,
    /// Since when it says something that isn't synced, by [`crate::clock::Clock::pace`].
    unsynced: Option<Duration>,
}

/// What there is of a marker in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Mark(Mark),
    /// A file of that name, and no slot of it holds.
    Damaged,
}

/// Reads the marker of a data folder.
pub(crate) fn read(folder: &Path) -> io::Result<Found> {
    let bytes = match std::fs::read(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        read => read?,
    };
    let marks: Vec<Mark> = bytes.chunks(SLOT_BYTES).filter_map(decode).collect();
    if marks.len() != SLOTS || bytes.len() != SLOTS * SLOT_BYTES {
        tracing::warn!(
            marker = %folder.join(NAME).display(),
            slots = marks.len(),
            "the marker is not as it was written; that happens at a power cut, and else to a disk that fails"
        );
    }
    let newest = marks.into_iter().max_by_key(|mark| mark.commit);
    Ok(newest.map_or(Found::Damaged, Found::Mark))
}

impl Marker {
    /// Makes the folder's marker anew, saying this; durable on return.
    pub(crate) fn create(folder: &Path, mark: Mark) -> io::Result<Self> {
        let slots = [encode(mark); SLOTS].concat();
        let file = atomic_file::replace(&folder.join(NAME), &slots)?;
        Ok(Self { file, mark, next_slot: 0, unsynced: None })
    }

    /// One in memory, that nobody reads.
    #[cfg(test)]
    pub(crate) fn nowhere() -> io::Result<Self> {
        let file = rustix::fs::memfd_create("marker", rustix::fs::MemfdFlags::CLOEXEC)?.into();
        Ok(Self { file, mark: Mark { store: [0; 16], commit: 0 }, next_slot: 0, unsynced: None })
    }

    /// Takes up a marker that is there, as far as its own words go. It is written where it stands: that needs no room
    /// on a disk that is full.
    pub(crate) fn open(folder: &Path, mark: Mark) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(folder.join(NAME))?;
        // One after the other, each durable before the other is touched: one of them holds at any moment.
        for number in 0..SLOTS {
            file.write_all_at(&encode(mark), (number * SLOT_BYTES) as u64)?;
            file.sync_data()?;
        }
        Ok(Self { file, mark, next_slot: 0, unsynced: None })
    }

    /// Says that everything up to `commit` is durable. Survives kill -9 at once, and a power cut after
    /// [`Marker::sync_due`].
    pub(crate) fn move_to(&mut self, commit: u64, now: Duration) -> io::Result<()> {
        if commit == self.mark.commit {
            return Ok(());
        }
        self.mark.commit = commit;
        self.file.write_all_at(&encode(self.mark), (self.next_slot * SLOT_BYTES) as u64)?;
        self.next_slot = (self.next_slot + 1) % SLOTS;
        self.unsynced.get_or_insert(now);
        Ok(())
    }

    /// When it should be synced next; `None` when there is nothing to sync.
    pub(crate) fn sync_in(&self, now: Duration) -> Option<Duration> {
        self.unsynced.map(|since| SYNC_EVERY.saturating_sub(now.saturating_sub(since)))
    }

    /// Syncs it if that is due.
    pub(crate) fn sync_due(&mut self, now: Duration) -> io::Result<()> {
        if self.sync_in(now).is_some_and(|left| left.is_zero()) {
            self.file.sync_data()?;
            self.unsynced = None;
        }
        Ok(())
    }
}

fn encode(mark: Mark) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(MAGIC);
    slot[8] = VERSION;
    slot[9..25].copy_from_slice(&mark.store);
    slot[25..33].copy_from_slice(&mark.commit.to_be_bytes());
    let checksum = crc32fast::hash(&slot[..33]);
    slot[33..USED_BYTES].copy_from_slice(&checksum.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Mark> {
    let (content, checksum) = slot.get(..USED_BYTES)?.split_at(USED_BYTES - 4);
    let holds = crc32fast::hash(content).to_be_bytes() == checksum;
    if !holds || !content.starts_with(MAGIC) || content[8] != VERSION {
        return None;
    }
    Some(Mark { store: content[9..25].try_into().ok()?, commit: u64::from_be_bytes(content[25..33].try_into().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { store: [7; 16], commit: 41 };

    #[test]
    fn says_what_was_written_last_and_outlives_one_torn_slot() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Found::Nothing);
        let mut marker = Marker::create(folder.path(), MARK).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Found::Mark(MARK));
        for commit in 42..50 {
            marker.move_to(commit, Duration::ZERO).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Found::Mark(Mark { commit, ..MARK }));
        }
        marker.sync_due(Duration::MAX).unwrap();
        assert_eq!(marker.sync_in(Duration::MAX), None);
        // Either slot alone is enough, and one commit behind at worst.
        let whole = std::fs::read(folder.path().join(NAME)).unwrap();
        for slot in 0..2 {
            let mut torn = whole.clone();
            torn[slot * SLOT_BYTES + 26] ^= 1;
            std::fs::write(folder.path().join(NAME), &torn).unwrap();
            let Found::Mark(mark) = read(folder.path()).unwrap() else { panic!("one slot holds") };
            assert!(mark.commit >= 48);
        }
        std::fs::write(folder.path().join(NAME), vec![0; 8192]).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Found::Damaged);
        std::fs::write(folder.path().join(NAME), b"").unwrap();
        assert_eq!(read(folder.path()).unwrap(), Found::Damaged);
    }

    /// The bytes are part of the file format.
    #[test]
    fn golden_bytes() {
        let hex = crate::store::hex::hex(&encode(MARK)[..USED_BYTES]);
        assert_eq!(&hex[..66], format!("636172746569726f01{}0000000000000029", "07".repeat(16)));
        assert_eq!(decode(&encode(MARK)), Some(MARK));
    }
}
