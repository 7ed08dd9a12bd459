//! sled: the engine of every data folder.

use crate::clock::Clock;
use crate::store::engine::tree::{RowWrite, Rows, Slice, Tree};
use crate::store::error::{EngineError, OpenError, RESTORE, StoreError};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The size of sled's log segments. sled writes whole tree nodes, and one that is larger than a quarter of a segment
/// goes into a file of its own (`blobs/`), which it never syncs: a payload would be acknowledged and then lost with the
/// power. A leaf holds up to 17 rows between two splits (a merge can make it 20), so at sled's default of 512 KiB eight
/// chunks of 16 KiB were enough to spill. It is part of the file format: sled refuses to open a store with another
/// size.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// More than what sled writes at the beginning of a segment, and at the beginning of what is in it.
const SEGMENT_HEAD_BYTES: usize = 512;
/// The most rows that ever stand in one leaf, with some room.
const LEAF_ROWS: usize = 20;
/// The most bytes that a row's key and value may have together: a leaf full of such rows doesn't spill.
pub(crate) const MAX_ROW_BYTES: usize = (SEGMENT_BYTES / 4 - 64) / LEAF_ROWS - 1;
/// How long to wait for a lock that another process holds.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How often to ask for it.
pub(crate) const LOCK_AGAIN: Duration = Duration::from_millis(20);
/// After so many bytes that are written without a batch, sled's threads are waited for.
const MAX_UNWRITTEN_BYTES: usize = 2 * 1024 * 1024;
/// How many rows one turn of freeing what they replaced is good for.
const ROWS_A_TURN: usize = 64;
/// sled's own file.
const DB: &str = "db";

/// The one tree of a data folder's sled.
pub(crate) struct SledTree {
    db: sled::Db,
    tree: sled::Tree,
    /// sled's file, for a sync of our own.
    log: File,
}

impl SledTree {
    /// Opens sled's files in a folder, or makes them. sled cuts off what it can't read and panics on some kinds of
    /// damage: the panic is an error here.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        if Clock::is_before_1970() {
            // sled panics on it, which would pass for damage.
            return Err(OpenError::ClockBefore1970);
        }
        let config = sled::Config::new()
            .path(folder)
            // sled counts what its nodes take on disk; in memory, with an allocation for each key and value, they take
            // twice that.
            .cache_capacity(cache_bytes / 2)
            // The committer alone decides when to flush.
            .flush_every_ms(None)
            .segment_size(SEGMENT_BYTES)
            .mode(sled::Mode::HighThroughput);
        read_segment_heads(&folder.join(DB))?;
        let began = Instant::now();
        catch_sled_panic(|| {
            let db = loop {
                match config.open() {
                    // A daemon that is just ending, or a thread of sled's that has not let go yet.
                    Err(sled::Error::Io(error)) if is_locked(&error) => {
                        if began.elapsed() >= LOCK_PATIENCE {
                            return Err(OpenError::Locked);
                        }
                        std::thread::sleep(LOCK_AGAIN);
                    }
                    opened => break opened.map_err(failed)?,
                }
            };
            let tree = db.open_tree("carteiro").map_err(failed)?;
            Ok(Self { db, tree, log: File::open(folder.join(DB))? })
        })
    }
}

impl Tree for SledTree {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.tree.get(key).map_err(failed)
    }

    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.tree.contains_key(key).map_err(failed)
    }

    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_> {
        // sled takes a range that ends before it starts for a mistake.
        let end = end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.max(from)));
        Rows::new(self.tree.range::<&[u8], _>((Bound::Included(from), end)).map(|row| row.map_err(failed)))
    }

    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_> {
        Rows::new(self.tree.range(first..=last).rev().map(|row| row.map_err(failed)))
    }

    fn apply(&self, rows: &[RowWrite]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            // Shared, not copied.
            match value.clone() {
                Some(value) => batch.insert(key.clone(), value),
                None => batch.remove(key.clone()),
            }
        }
        self.tree.apply_batch(batch).map_err(failed)?;
        free_what_was_replaced(rows.len());
        Ok(())
    }

    /// sled keeps the buffers of a batch's log until the batch is over, about two and a half times its bytes; here its
    /// threads, which write the log behind this one, are waited for now and then.
    fn write_unbatched(&self, rows: &[RowWrite]) -> Result<(), StoreError> {
        let mut unwritten = 0;
        for (key, value) in rows {
            match value.clone() {
                Some(value) => self.tree.insert(key, value),
                None => self.tree.remove(key),
            }
            .map_err(failed)?;
            unwritten += value.as_ref().map_or(0, |value| value.len());
            if unwritten > MAX_UNWRITTEN_BYTES {
                self.tree.flush().map_err(failed)?;
                free_what_was_replaced(ROWS_A_TURN);
                unwritten = 0;
            }
        }
        Ok(())
    }

    /// sled's own flush writes the log but, on Linux, asks the disk for nothing that survives a power cut
    /// (`sync_file_range`); the `fdatasync` behind it does.
    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(failed)?;
        self.log.sync_data()?;
        Ok(())
    }

    /// The row's own page, and the one in front of it, which sled merges a page into that has become small.
    fn read_ahead(&self, key: &[u8]) -> Result<(), StoreError> {
        self.tree.get(key).and_then(|_| self.tree.get_lt(key)).map_err(failed)?;
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        self.db.context.global_error().map_err(failed)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.db.size_on_disk().map_err(failed)
    }
}

/// Frees the memory that so many reads or writes of rows replaced.
///
/// sled copies a node for every row that it writes and leaves the old one to crossbeam's epochs, which free a few
/// hundred of them each time a thread has entered an epoch 128 times. A batch enters one once, however many rows it
/// has: with batches of a thousand events what was replaced grew by 200 MB for every ten of them, and an idle daemon
/// never gave it back.
pub(crate) fn free_what_was_replaced(rows: usize) {
    // Each turn frees up to eight bags of 64 objects, once two epochs have passed over them.
    for _ in 0..3 + rows / ROWS_A_TURN {
        crossbeam_epoch::pin().flush();
    }
}

/// Reads the beginning of each segment of sled's file. sled takes a segment whose beginning it can't read for an empty
/// one, and writes over it: a disk that fails for a moment at a start would cost what was acknowledged. So a start that
/// meets one is refused.
fn read_segment_heads(db: &Path) -> Result<(), StoreError> {
    let file = match File::open(db) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let length = file.metadata()?.len();
    let mut block = [0; SEGMENT_HEAD_BYTES];
    each_segment(length, |at| file.read_at(&mut block, at).map(drop)).map_err(|(at, error)| {
        let why = format!(
            "{} can't be read at byte {at} ({error}), and nothing was touched: look at the disk (`dmesg`) and start \
             again; if it stays so, {RESTORE}",
            db.display(),
        );
        io::Error::new(error.kind(), why).into()
    })
}

fn each_segment(length: u64, mut look: impl FnMut(u64) -> io::Result<()>) -> Result<(), (u64, io::Error)> {
    (0..length).step_by(SEGMENT_BYTES).try_for_each(|at| look(at).map_err(|error| (at, error)))
}

fn failed(error: sled::Error) -> StoreError {
    let message = match &error {
        sled::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            "the disk of the data folder is full to its last byte: make room, and start again".to_owned()
        }
        sled::Error::Io(_) => format!("the store failed: {error}"),
        _ => format!("the store is damaged ({error}): {RESTORE}"),
    };
    let (offset, io_kind) = match error {
        sled::Error::Corruption { at, .. } => (at.map(|at| at.lid()), None),
        sled::Error::Io(error) => (None, Some(error.kind())),
        _ => (None, None),
    };
    StoreError::Engine(EngineError { message, offset, io_kind })
}

/// Whether sled could not have the lock of a store; it wraps the system's error into a text.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread becomes an error: a panic hook can leave it out.
pub fn panic_is_expected() -> bool {
    CAUGHT.get()
}

/// sled panics on some kinds of damage: here that is an error.
pub(crate) fn catch_sled_panic<T, E: From<StoreError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let before = CAUGHT.replace(true);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    CAUGHT.set(before);
    done.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(StoreError::of_panic(why.unwrap_or("sled panicked")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::memory::MemoryTree;

    #[test]
    fn a_start_reads_every_segment_and_names_the_one_that_cannot_be_read() {
        let length = 3 * SEGMENT_BYTES as u64 + 1;
        let mut looked_at = Vec::new();
        let look = |at| {
            looked_at.push(at);
            Ok(())
        };
        each_segment(length, look).unwrap();
        assert_eq!(looked_at, [0, 1, 2, 3].map(|nth| nth * SEGMENT_BYTES as u64));
        each_segment(0, |_| Err(io::Error::other("there is none"))).unwrap();
        let second = SEGMENT_BYTES as u64;
        let look = |at| if at == second { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) };
        let (at, error) = each_segment(length, look).unwrap_err();
        assert_eq!((at, error.raw_os_error()), (second, Some(5)));

        let folder = tempfile::tempdir().unwrap();
        read_segment_heads(&folder.path().join(DB)).unwrap();
    }

    fn read(rows: Rows<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        rows.map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    }

    /// The simulation of the store stands on it.
    #[test]
    fn the_memory_tree_reads_as_sled_does() {
        let folder = tempfile::tempdir().unwrap();
        let (sled, memory) = (SledTree::open(folder.path(), 1 << 20).unwrap(), MemoryTree::default());
        let keys: Vec<Vec<u8>> = (0..40_usize).map(|n| vec![[0, 1, 255][n % 3]; 1 + n % 4]).chain([vec![]]).collect();
        for (nth, key) in keys.iter().enumerate() {
            let value = (nth % 7 != 6).then(|| nth.to_string().as_bytes().into());
            let rows =
                [(key.as_slice().into(), value), (Slice::from(nth.to_string().as_str()), Some(Slice::from("x")))];
            for tree in [&sled as &dyn Tree, &memory] {
                tree.apply(&rows).unwrap();
            }
            for from in &keys {
                assert_eq!(sled.get(from).unwrap(), memory.get(from).unwrap());
                assert_eq!(sled.contains(from).unwrap(), memory.contains(from).unwrap());
                assert_eq!(read(sled.scan(from)), read(memory.scan(from)));
                assert_eq!(read(sled.range(from, None)), read(memory.range(from, None)));
                assert_eq!(read(sled.range(from, Some(key))), read(memory.range(from, Some(key))));
                if from <= key {
                    assert_eq!(read(sled.range_rev(from, key)), read(memory.range_rev(from, key)));
                }
            }
        }
        sled.sync().unwrap();
        sled.check().unwrap();
    }
}
