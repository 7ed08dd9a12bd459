//! How much room the disk has: who may still write, and from when on nobody.
//!
//! sled does not survive a disk that is full: its first failed write is its last. So the store stops taking what makes
//! it grow while there is still room for what must still be written: outcomes, cancellations, the last sync.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a look at the disk is good for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After how many staged bytes it is looked at again, however soon that is. sled writes a multiple of what it is given.
const LOOK_AFTER_BYTES: usize = 4 * 1024 * 1024;

/// What may still be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskLevel {
    /// Everything.
    Enough,
    /// Nothing that makes the store grow: what is pending is delivered, and its outcomes are recorded.
    Low,
    /// No attempts either: there is a quarter left of what outcomes live on.
    Critical,
}

/// How many bytes may still be written to a disk.
type FreeBytes = dyn Fn() -> io::Result<u64> + Send + Sync;

/// The room on a disk, and the last look at it, for everybody.
pub(crate) struct Space {
    ask: Box<FreeBytes>,
    free: AtomicU64,
    min_free: AtomicU64,
    /// How many bytes must be free for a checkpoint that finds fewer; 0 where none does.
    lacking: AtomicU64,
}

impl Space {
    /// Of the disk that a folder is on.
    pub(crate) fn of(folder: &Path, min_free: u64) -> Self {
        let folder = folder.to_owned();
        Self::asking(move || fs2::available_space(&folder), min_free)
    }

    /// Of a disk that says by itself how many bytes are free.
    pub(crate) fn asking(ask: impl Fn() -> io::Result<u64> + Send + Sync + 'static, min_free: u64) -> Self {
        let (free, min_free, lacking) = (AtomicU64::new(u64::MAX), AtomicU64::new(min_free), AtomicU64::new(0));
        Self { ask: Box::new(ask), free, min_free, lacking }
    }

    /// Asks the disk, for everybody: bytes that may still be written now.
    pub(crate) fn ask(&self) -> io::Result<u64> {
        let free = (self.ask)()?;
        self.free.store(free, Ordering::Relaxed);
        Ok(free)
    }

    /// Bytes that may still be written, as of the last look.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// How many bytes must be free for a checkpoint that waits for them; `None` where none does.
    pub(crate) fn lacking(&self) -> Option<u64> {
        Some(self.lacking.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Whether a checkpoint has these bytes free, as far as the disk can be asked; those who ask why nothing is taken
    /// are told so.
    pub(crate) fn has_for_checkpoint(&self, needed: u64) -> bool {
        // A disk that can't be asked is not a full one.
        let lacks = self.ask().is_ok_and(|free| free < needed);
        self.lacking.store(if lacks { needed } else { 0 }, Ordering::Relaxed);
        !lacks
    }

    pub(crate) fn min_free(&self) -> u64 {
        self.min_free.load(Ordering::Relaxed)
    }

    pub(crate) fn set_min_free(&self, bytes: u64) {
        self.min_free.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn level(&self) -> DiskLevel {
        let (free, min_free) = (self.free(), self.min_free());
        if free >= min_free {
            DiskLevel::Enough
        } else if free >= min_free / 4 {
            DiskLevel::Low
        } else {
            DiskLevel::Critical
        }
    }
}

/// When to look again; the committer's.
#[derive(Debug)]
pub(crate) struct DiskMonitor {
    last: Option<Instant>,
    staged: usize,
    /// What the log says may be done.
    logged: DiskLevel,
}

impl Default for DiskMonitor {
    fn default() -> Self {
        Self { last: None, staged: 0, logged: DiskLevel::Enough }
    }
}

impl DiskMonitor {
    /// So many bytes have been staged since.
    pub(crate) fn staged(&mut self, bytes: usize) {
        self.staged += bytes;
    }

    /// Looks at the disk if the last look is too old, and says so in the log when what may be done has changed.
    pub(crate) fn look(&mut self, space: &Space) {
        let recent = self.last.is_some_and(|last| last.elapsed() < LOOK_EVERY) && self.staged < LOOK_AFTER_BYTES;
        if recent {
            return;
        }
        if let Err(error) = space.ask() {
            // A disk that can't be asked is not a full one; should it be broken, the next write says so.
            tracing::warn!(%error, "the free space of the data folder's disk can't be read");
        }
        (self.last, self.staged) = (Some(Instant::now()), 0);
        let (now, free, min_free) = (space.level(), space.free(), space.min_free());
        if now != self.logged {
            self.logged = now;
            match now {
                DiskLevel::Enough => tracing::info!(free, "there is room on the disk again: events are taken"),
                DiskLevel::Low => {
                    tracing::error!(
                        free,
                        min_free,
                        "the disk is almost full: nothing new is taken until there is room"
                    );
                }
                DiskLevel::Critical => {
                    tracing::error!(
                        free,
                        min_free,
                        "the disk is nearly full: no attempts are made until there is room"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends_at_its_marks_and_not_above_them() {
        let space = Space::asking(|| Ok(0), 100);
        for (free, room) in [
            (u64::MAX, DiskLevel::Enough),
            (100, DiskLevel::Enough),
            (99, DiskLevel::Low),
            (25, DiskLevel::Low),
            (24, DiskLevel::Critical),
            (0, DiskLevel::Critical),
        ] {
            space.free.store(free, Ordering::Relaxed);
            assert_eq!(space.level(), room, "{free}");
        }
        space.set_min_free(0);
        assert_eq!(space.level(), DiskLevel::Enough, "0 looks away");
    }

    #[test]
    fn a_look_finds_what_the_disk_has() {
        let folder = tempfile::tempdir().unwrap();
        let (space, mut looks) = (Space::of(folder.path(), 1), DiskMonitor::default());
        looks.look(&space);
        assert!(space.free() < u64::MAX && space.level() == DiskLevel::Enough);
        space.free.store(0, Ordering::Relaxed);
        looks.look(&space);
        assert_eq!(space.free(), 0, "the last look is still good");
        looks.staged(LOOK_AFTER_BYTES);
        looks.look(&space);
        assert!(space.free() > 0);
    }
}
