//! The redo file: changes that sled may hold a part of, whole.
//!
//! sled applies a batch row by row. When that fails on the way, it cancels the batch and keeps the rows that it had
//! applied: its threads may write them before the process has ended, and the next start would take that part for all.
//! So a process whose batch has failed writes every row of it to a file beside sled's own, with those of the groups
//! before it that aren't known to be synced, and ends. The next start applies them again before it reads anything else.
//! The rows are absolute (a value, or none, for each key), so it makes no difference how many of them sled has.
//!
//! Nobody was answered for those groups. That they count all the same is what a caller's own id or idempotency key
//! finds out.

use crate::atomic_file;
use crate::store::engine::folder::sync_folder;
use crate::store::engine::{RowWrite, Slice, Tree, catch_sled_panic};
use crate::store::error::{OpenError, StoreError};
use crate::store::schema::record::{FormatV1, HeadV1};
use crate::store::schema::{keys, record};
use std::collections::VecDeque;
use std::path::Path;
use std::{fs, io};

/// The file's name in the data folder.
pub(crate) const NAME: &str = "redo";
const MAGIC: &[u8; 8] = b"ctro-rdo";
const VERSION: u8 = 1;
/// The length of a value that there is none of: the key is deleted.
const DELETED: u32 = u32::MAX;

/// Where the redo file of a group goes, and whose it is.
pub(crate) struct Redo<'a> {
    /// The group's number.
    pub(crate) commit: u64,
    pub(crate) store: [u8; 16],
    /// The data folder.
    pub(crate) folder: &'a Path,
}

/// The groups that are applied and not known to be synced, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Unsynced(VecDeque<(u64, Vec<RowWrite>)>);

impl Unsynced {
    /// A group is about to be applied.
    pub(crate) fn add(&mut self, commit: u64, rows: Vec<RowWrite>) {
        self.0.push_back((commit, rows));
    }

    /// The rows of the last group.
    pub(crate) fn last(&self) -> &[RowWrite] {
        self.0.back().map_or(&[], |(_, rows)| rows)
    }

    /// Everything up to `commit` is synced.
    pub(crate) fn forget_up_to(&mut self, commit: u64) {
        while self.0.front().is_some_and(|(first, _)| *first <= commit) {
            self.0.pop_front();
        }
    }

    /// Writes the redo file; it is durable on return.
    pub(crate) fn write(&self, folder: &Path, store: [u8; 16]) -> io::Result<()> {
        atomic_file::replace(&folder.join(NAME), &self.encode(store)).map(drop)
    }

    /// Magic, version, store id, first and last commit, the rows, checksum.
    fn encode(&self, store: [u8; 16]) -> Vec<u8> {
        let commit = |group: Option<&(u64, Vec<RowWrite>)>| group.map_or(0, |(commit, _)| *commit).to_be_bytes();
        let (first, last) = (commit(self.0.front()), commit(self.0.back()));
        let mut bytes = [&MAGIC[..], &[VERSION], &store, &first, &last].concat();
        // A row of sled's is far from 4 GiB; one that long would be taken for a deletion, and never is one.
        let length = |part: &Slice| u32::try_from(part.len()).unwrap_or(DELETED).to_be_bytes();
        for (key, value) in self.0.iter().flat_map(|(_, rows)| rows) {
            bytes.extend(length(key));
            bytes.extend_from_slice(key);
            bytes.extend(value.as_ref().map_or(DELETED.to_be_bytes(), length));
            bytes.extend_from_slice(value.as_deref().unwrap_or_default());
        }
        let sum = crc32fast::hash(&bytes);
        bytes.extend(sum.to_be_bytes());
        bytes
    }
}

/// A redo file that is whole.
#[derive(Debug, Default)]
struct Whole {
    store: [u8; 16],
    first: u64,
    last: u64,
    rows: Vec<RowWrite>,
}

const DAMAGED: StoreError = StoreError::Damaged { table: "redo", what: "is not as it was written" };

fn decode(bytes: &[u8]) -> Option<Whole> {
    let (bytes, sum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(bytes) != u32::from_be_bytes(*sum) {
        return None;
    }
    let mut rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
    let store = *take(&mut rest, 16)?.first_chunk()?;
    let mut number = || Some(u64::from_be_bytes(*take(&mut rest, 8)?.first_chunk()?));
    let (first, last) = (number()?, number()?);
    let mut redo = Whole { store, first, last, ..Whole::default() };
    while !rest.is_empty() {
        let length = u32_of(&mut rest)?;
        let key = take(&mut rest, length as usize)?.into();
        let value = match u32_of(&mut rest)? {
            DELETED => None,
            length => Some(take(&mut rest, length as usize)?.into()),
        };
        redo.rows.push((key, value));
    }
    Some(redo)
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*take(rest, 4)?.first_chunk()?))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// Whether the last process ended in a change that the next start has to complete.
pub(crate) fn is_waiting(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Completes the change that the last process ended in, if it did; what it wrote is durable on return. Gives the head
/// that the store has then. `accept` leaves a file aside that can't be used.
pub(crate) fn complete(
    folder: &Path,
    tree: &dyn Tree,
    (format, head): (Option<&FormatV1>, HeadV1),
    accept: bool,
) -> Result<HeadV1, OpenError> {
    let path = folder.join(NAME);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(head),
        bytes => bytes?,
    };
    let redo = decode(&bytes).filter(|redo| format.is_some_and(|format| format.store_id() == redo.store));
    let Some(redo) = redo else {
        if !accept {
            return Err(DAMAGED.into());
        }
        tracing::warn!(file = %path.display(), "the rest of a change that was cut off can't be read, and is left out");
        removed(folder, &path)?;
        return Ok(head);
    };
    if head.commit > redo.last {
        // It was completed, and the file outlived a crash.
        removed(folder, &path)?;
        return Ok(head);
    }
    if head.commit + 1 < redo.first && !accept {
        let (found, acknowledged) = (Some(head.commit), redo.first - 1);
        return Err(OpenError::Behind { folder: folder.to_owned(), found, acknowledged });
    }
    let head = catch_sled_panic(|| -> Result<_, StoreError> {
        tree.apply(&redo.rows)?;
        tree.sync()?;
        Ok(tree.get(&keys::meta("head"))?.map(|value| record::decode_head(&value)).transpose()?.unwrap_or_default())
    })?;
    tracing::warn!(
        commit = head.commit,
        rows = redo.rows.len(),
        "the change that the last process ended in was completed"
    );
    removed(folder, &path)?;
    Ok(head)
}

fn removed(folder: &Path, path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path)?;
    Ok(sync_folder(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lifecycle::files::Files;

    fn row(key: &str, value: Option<&str>) -> RowWrite {
        (key.into(), value.map(Into::into))
    }

    fn head(commit: u64) -> RowWrite {
        let head = HeadV1 { commit, ..HeadV1::default() };
        (keys::meta("head").into(), Some(record::encode_head(&head).into()))
    }

    /// A store at commit 7 in which the two groups behind it are applied in part, and the redo file of both.
    fn torn(folder: &Path) -> [u8; 16] {
        let files = Files::open(folder, 1 << 20, false).unwrap();
        files.tree.apply(&[head(7), row("gone", Some("old")), row("b", Some("of a part"))]).unwrap();
        let store = files.format.store_id();
        let mut unsynced = Unsynced::default();
        unsynced.add(7, vec![row("never", Some("it is synced"))]);
        unsynced.add(8, vec![row("a", Some("1")), row("gone", None), head(8)]);
        unsynced.add(9, vec![row("a", Some("2")), row("b", Some("")), head(9)]);
        unsynced.forget_up_to(7);
        unsynced.write(folder, store).unwrap();
        store
    }

    fn value(files: &Files, key: &str) -> Option<String> {
        files.tree.get(key.as_bytes()).unwrap().map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn a_change_that_was_cut_off_is_completed_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        torn(folder.path());
        for _ in 0..2 {
            let files = Files::open(folder.path(), 1 << 20, false).unwrap();
            assert_eq!(files.head.commit, 9);
            assert_eq!(value(&files, "a").as_deref(), Some("2"));
            assert_eq!(value(&files, "b").as_deref(), Some(""));
            assert_eq!((value(&files, "gone"), value(&files, "never")), (None, None));
            assert!(!is_waiting(folder.path()));
        }
    }

    #[test]
    fn one_that_was_completed_already_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        torn(folder.path());
        let redo = fs::read(folder.path().join(NAME)).unwrap();
        let files = Files::open(folder.path(), 1 << 20, false).unwrap();
        files.tree.apply(&[head(10), row("a", Some("3"))]).unwrap();
        drop(files);
        fs::write(folder.path().join(NAME), redo).unwrap();
        let files = Files::open(folder.path(), 1 << 20, false).unwrap();
        assert_eq!((files.head.commit, value(&files, "a").as_deref()), (10, Some("3")));
        assert!(!is_waiting(folder.path()));
    }

    /// It is synced before it has its name: a part of one is a damaged disk's, never a crash's.
    #[test]
    fn one_that_is_damaged_or_another_stores_is_refused_and_left_out_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let store = torn(folder.path());
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        assert_eq!(decode(&whole).unwrap().store, store);
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(decode(&flipped).is_none(), "{at}");
        }
        let mut foreign = Unsynced::default();
        foreign.add(8, vec![head(8)]);
        for bytes in [whole[1..].to_vec(), Vec::new(), foreign.encode([1; 16])] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(
                Files::open(folder.path(), 1 << 20, false),
                Err(OpenError::Store(StoreError::Damaged { .. }))
            ));
        }
        let files = Files::open(folder.path(), 1 << 20, true).unwrap();
        assert_eq!(value(&files, "b").as_deref(), Some("of a part"));
        assert!(!path.exists());
    }

    #[test]
    fn a_store_that_lost_what_came_before_is_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = torn(folder.path());
        let mut unsynced = Unsynced::default();
        unsynced.add(9, vec![head(9)]);
        unsynced.write(folder.path(), store).unwrap();
        let opened = Files::open(folder.path(), 1 << 20, false);
        assert!(matches!(opened, Err(OpenError::Behind { found: Some(7), acknowledged: 8, .. })));
    }
}
