//! What stands below the blocks: an ordered map of byte strings on disk, each write atomic by itself.

use crate::clock::Clock;
use crate::store::engine::panics::catch_sled_panic;
use crate::store::engine::rows::cache_use::{CacheUse, free_what_was_replaced};
use crate::store::engine::tree::{Row, Slice};
use crate::store::error::{EngineError, OpenError, RESTORE, StoreError};
use fs2::FileExt as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The size of sled's log segments. sled writes whole tree nodes, and one that is larger than a quarter of a segment
/// goes into a file of its own (`blobs/`), which it never syncs. A leaf holds up to 17 rows between two splits (a merge
/// can make it 20). It is part of the file format: sled refuses to open a store with another size.
pub(crate) const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// How much is read at a time.
const BLOCK_BYTES: usize = 1024 * 1024;
/// The most rows that ever stand in one leaf, with some room.
const LEAF_ROWS: usize = 20;
/// The most bytes that a row's key and value may have together: a leaf full of such rows doesn't spill.
pub(crate) const MAX_SLED_ROW_BYTES: usize = (SEGMENT_BYTES / 4 - 64) / LEAF_ROWS - 1;
/// How long to wait for a lock that another process holds.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How often to ask for it.
pub(crate) const LOCK_AGAIN: Duration = Duration::from_millis(20);
/// sled's own file.
const DB: &str = "db";

/// Rows of a base, in order.
pub(crate) type BaseRows<'b> = Box<dyn Iterator<Item = Result<Row, EngineError>> + 'b>;

/// The map below. Each write is atomic and visible at once. What is written is durable once [`Base::sync`] has
/// returned; a crash before that may lose it *from some write on*: what came before that one is there.
///
/// After an error of a write nobody knows whether it happened: the process ends.
pub(crate) trait Base: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError>;

    /// The rows from `from` (inclusive) to `end` (exclusive), the lowest key first.
    fn range(&self, from: &[u8], end: &[u8]) -> BaseRows<'_>;

    /// The same rows, the highest key first.
    fn range_rev(&self, from: &[u8], end: &[u8]) -> BaseRows<'_>;

    /// Writes a row.
    fn insert(&self, key: &[u8], value: Slice) -> Result<(), EngineError>;

    /// Removes a row; one that isn't there is none.
    fn remove(&self, key: &[u8]) -> Result<(), EngineError>;

    /// Makes durable whatever is written.
    fn sync(&self) -> Result<(), EngineError>;

    /// How many bytes were written to the file that holds the rows, since whenever: all of them after a sync, before it
    /// perhaps fewer.
    fn written_bytes(&self) -> u64;

    /// How many bytes it takes on disk.
    fn size_on_disk(&self) -> Result<u64, EngineError>;
}

/// sled, with the one tree of a data folder.
pub(crate) struct SledBase {
    db: sled::Db,
    tree: sled::Tree,
    /// sled's file, for a sync of our own.
    log: File,
    /// Rows written since what they replaced was freed.
    unfreed: AtomicUsize,
    cache_use: CacheUse,
}

impl SledBase {
    /// Opens sled's files in a folder, or makes them. A segment whose beginning can't be read is an error: sled would
    /// take it for an empty one. sled panics on some kinds of damage: the panic is an error here.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        read_all(folder)?;
        Self::open_what_was_read(folder, cache_bytes)
    }

    /// As [`SledBase::open`], of files every byte of which was read a moment ago: a copy that was just made.
    pub(crate) fn open_what_was_read(folder: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        if Clock::is_before_1970() {
            // sled panics on it, which would pass for damage.
            return Err(OpenError::ClockBefore1970);
        }
        remove_half_snapshots(folder)?;
        let config = sled::Config::new()
            .path(folder)
            // sled counts what its nodes take on disk; in memory, with an allocation for each key and value, they take
            // twice that.
            .cache_capacity(cache_bytes / 2)
            // The checkpoint alone decides when to flush.
            .flush_every_ms(None)
            .segment_size(SEGMENT_BYTES)
            .mode(sled::Mode::HighThroughput);
        let began = Instant::now();
        catch_sled_panic(|| {
            let db = loop {
                match config.open() {
                    // A daemon that is just ending, or a thread of sled's that still has the file.
                    Err(sled::Error::Io(error)) if is_locked(&error) => {
                        if began.elapsed() >= LOCK_PATIENCE {
                            return Err(OpenError::Locked);
                        }
                        std::thread::sleep(LOCK_AGAIN);
                    }
                    opened => break opened.map_err(EngineError::from)?,
                }
            };
            let tree = db.open_tree("carteiro").map_err(EngineError::from)?;
            Ok(Self {
                db,
                tree,
                log: File::open(folder.join(DB))?,
                unfreed: AtomicUsize::new(0),
                cache_use: CacheUse::default(),
            })
        })
    }

    /// Counts for sled's cache what was read.
    fn count_use(&self, key: &[u8], value: &[u8], uncounted: &mut usize) {
        self.cache_use.read(key, value, uncounted, || {
            // The next read of the page meets its error.
            let _ = self.tree.contains_key(key);
        });
    }

    fn counted<'b>(&'b self, rows: impl Iterator<Item = sled::Result<Row>> + 'b) -> BaseRows<'b> {
        let mut uncounted = 0;
        Box::new(rows.map(move |row| {
            let (key, value) = row?;
            self.count_use(&key, &value, &mut uncounted);
            Ok((key, value))
        }))
    }
}

impl From<sled::Error> for EngineError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            sled::Error::Corruption { at, .. } => Self::Sled { why: error.to_string(), offset: at.map(|at| at.lid()) },
            error => Self::Sled { why: error.to_string(), offset: None },
        }
    }
}

/// sled folds the system's "would block" into a text of its own.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

impl Base for SledBase {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        let value = self.tree.get(key)?;
        if let Some(value) = &value {
            self.count_use(key, value, &mut 0);
        }
        Ok(value)
    }

    fn range(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        // sled takes a range that ends before it starts for a mistake.
        self.counted(self.tree.range(from..end.max(from)))
    }

    fn range_rev(&self, from: &[u8], end: &[u8]) -> BaseRows<'_> {
        self.counted(self.tree.range(from..end.max(from)).rev())
    }

    fn insert(&self, key: &[u8], value: Slice) -> Result<(), EngineError> {
        self.unfreed.fetch_add(1, Ordering::Relaxed);
        self.tree.insert(key, value)?;
        Ok(())
    }

    fn remove(&self, key: &[u8]) -> Result<(), EngineError> {
        self.unfreed.fetch_add(1, Ordering::Relaxed);
        self.tree.remove(key)?;
        Ok(())
    }

    /// sled's own flush writes the log but, on Linux, asks the disk for nothing that survives a power cut
    /// (`sync_file_range`); the `fdatasync` behind it does.
    fn sync(&self) -> Result<(), EngineError> {
        self.db.flush()?;
        self.log.sync_data()?;
        // An error of sled's own threads.
        self.db.context.global_error()?;
        free_what_was_replaced(self.unfreed.swap(0, Ordering::Relaxed));
        Ok(())
    }

    /// How far sled's log has come: whatever it writes, rows, nodes and what its cleaning moves, is appended to it.
    fn written_bytes(&self) -> u64 {
        u64::try_from(self.db.context.pagecache.log.stable_offset()).unwrap_or(0)
    }

    fn size_on_disk(&self) -> Result<u64, EngineError> {
        Ok(self.db.size_on_disk()?)
    }
}

/// Removes what sled was writing of a snapshot when a kill, a full disk or a power cut ended it. sled means to pass
/// over such a file, but looks for another name; it reads it as a snapshot, and calls the store corrupted. The snapshot
/// before it is there until the new one is whole, and sled's log has all that is in either.
fn remove_half_snapshots(folder: &Path) -> io::Result<()> {
    // A daemon that runs may just be writing one; it has sled's lock, which is asked for again behind this.
    let lock = File::open(folder.join(DB));
    if lock.as_ref().is_ok_and(|lock| lock.try_lock_exclusive().is_err()) {
        return Ok(());
    }
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Reads all of sled's files. sled takes what it can't read at a start for the end of its log, or for an empty segment,
/// and writes over it: a disk that fails for a moment would cost what was acknowledged. So a start that meets such a
/// place is refused. What is read stays in the system's cache, where sled finds it.
fn read_all(folder: &Path) -> Result<(), StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_sled_s = name == DB || name == "conf" || name.to_string_lossy().starts_with("snap.");
        if is_sled_s && entry.file_type()?.is_file() {
            read_file(&entry.path())?;
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<(), StoreError> {
    let file = File::open(path)?;
    let mut block = vec![0; BLOCK_BYTES];
    each_block(|at| file.read_at(&mut block, at)).map_err(|(at, error)| {
        let why = format!(
            "{} can't be read at byte {at} ({error}), and nothing was touched: look at the disk (`dmesg`) and start \
             again; if it stays so, {RESTORE}",
            path.display(),
        );
        io::Error::new(error.kind(), why).into()
    })
}

/// Copies a file, every byte of which is read on the way: the system's own copy may share what lies on the disk. An
/// error says at which byte.
pub(crate) fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let (from, mut to) = (File::open(from)?, File::create_new(to)?);
    let mut block = vec![0; BLOCK_BYTES];
    let copied = each_block(|at| {
        let bytes = from.read_at(&mut block, at)?;
        to.write_all(&block[..bytes])?;
        Ok(bytes)
    });
    copied.map_err(|(at, error)| io::Error::new(error.kind(), format!("byte {at}: {error}")))
}

/// Reads on behind what was read, until nothing is left.
fn each_block(mut read: impl FnMut(u64) -> io::Result<usize>) -> Result<(), (u64, io::Error)> {
    let mut at = 0;
    loop {
        match read(at) {
            Ok(0) => return Ok(()),
            Ok(bytes) => at += bytes as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((at, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_reads_every_byte_and_names_the_one_that_cannot_be_read() {
        let file: Vec<u8> = (0..100_u8).collect();
        let (mut seen, mut interrupted) = (Vec::new(), false);
        let read = |at| {
            if at == 30 && !std::mem::replace(&mut interrupted, true) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let rest = &file[usize::try_from(at).unwrap()..];
            let bytes = rest.len().min(30);
            seen.extend_from_slice(&rest[..bytes]);
            Ok(bytes)
        };
        each_block(read).unwrap();
        assert!(interrupted && seen == file);
        let read = |at| if at == 60 { Err(io::Error::from_raw_os_error(5)) } else { Ok(30) };
        let (at, error) = each_block(read).unwrap_err();
        assert_eq!((at, error.raw_os_error()), (60, Some(5)));

        let folder = tempfile::tempdir().unwrap();
        read_all(&folder.path().join("there is none")).unwrap();
        read_all(folder.path()).unwrap();
        std::fs::write(folder.path().join(DB), &file).unwrap();
        read_all(folder.path()).unwrap();
        let (from, to) = (folder.path().join(DB), folder.path().join("copy"));
        std::fs::write(&from, vec![7; 2 * BLOCK_BYTES + 1]).unwrap();
        copy_file(&from, &to).unwrap();
        assert!(std::fs::read(&to).unwrap() == vec![7; 2 * BLOCK_BYTES + 1]);
        assert!(copy_file(&from, &to).is_err(), "it replaces nothing");
    }
}
