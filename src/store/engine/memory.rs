//! The engine in memory, for tests: it leaves whatever a crash may leave of a store, on demand.

use crate::store::engine::tree::{RowWrite, Rows, Slice, Tree};
use crate::store::error::StoreError;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A tree that remembers, for each batch that isn't synced, what the batch replaced.
#[derive(Debug, Default)]
pub(crate) struct MemoryTree(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<Vec<u8>, Slice>,
    unsynced: Vec<Vec<RowWrite>>,
    /// How many of the batches that aren't synced the sync that is under way covers.
    covered: Option<usize>,
    /// What each batch wrote, since that was last asked for: the rows that it replaced, and those that it wrote.
    written: Option<Vec<(Vec<RowWrite>, Vec<RowWrite>)>>,
}

impl MemoryTree {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many batches a crash could take back.
    pub(crate) fn unsynced(&self) -> usize {
        self.inner().unsynced.len()
    }

    /// A sync begins: what is applied from here on isn't durable when it ends.
    pub(crate) fn begin_sync(&self) {
        let mut inner = self.inner();
        inner.covered = Some(inner.unsynced.len());
    }

    /// Whether a sync has begun and isn't over.
    pub(crate) fn is_syncing(&self) -> bool {
        self.inner().covered.is_some()
    }

    /// What each batch has written since the last call, and what it replaced, the last of its rows first.
    pub(crate) fn take_written(&self) -> Vec<(Vec<RowWrite>, Vec<RowWrite>)> {
        self.inner().written.replace(Vec::new()).unwrap_or_default()
    }

    /// The process dies, and of the batches that were not synced the disk has the first `left`.
    pub(crate) fn crash(&self, left: usize) {
        let mut inner = self.inner();
        while inner.unsynced.len() > left {
            let replaced = inner.unsynced.pop().unwrap_or_default();
            inner.write(&replaced);
        }
        inner.unsynced.clear();
        (inner.covered, inner.written) = (None, None);
    }
}

impl Inner {
    fn write(&mut self, rows: &[RowWrite]) -> Vec<RowWrite> {
        let mut replaced = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let before = match value.clone() {
                Some(value) => self.rows.insert(key.to_vec(), value),
                None => self.rows.remove(&key[..]),
            };
            replaced.push((key.clone(), before));
        }
        // A key that is there twice was first what its first change replaced.
        replaced.reverse();
        replaced
    }
}

impl Tree for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        Ok(self.inner().rows.get(key).cloned())
    }

    fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.inner().rows.contains_key(key))
    }

    /// Reads ahead, more each time: a batch that is applied meanwhile is seen only by what is read after it, as by
    /// sled's.
    fn range(&self, from: &[u8], end: Option<&[u8]>) -> Rows<'_> {
        let end = end.map(|end| end.max(from).to_vec());
        let (mut from, mut ahead, mut count) = (from.to_vec(), VecDeque::new(), 1);
        Rows::new(
            std::iter::from_fn(move || {
                if ahead.is_empty() {
                    let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                    let inner = self.inner();
                    let rows = inner.rows.range::<[u8], _>((Bound::Included(from.as_slice()), end)).take(count);
                    ahead.extend(rows.map(|(key, value)| (Slice::from(key.as_slice()), value.clone())));
                    count = (2 * count).min(64);
                    from.clear();
                    from.extend(ahead.back().into_iter().flat_map(|(key, _)| key.iter()));
                    from.push(0);
                }
                ahead.pop_front().map(Ok)
            })
            .fuse(),
        )
    }

    fn range_rev(&self, first: &[u8], last: &[u8]) -> Rows<'_> {
        let (first, mut last) = (first.to_vec(), Bound::Included(last.to_vec()));
        Rows::new(std::iter::from_fn(move || {
            if matches!(&last, Bound::Excluded(last) | Bound::Included(last) if *last < first)
                || last == Bound::Excluded(first.clone())
            {
                return None;
            }
            let bounds = (Bound::Included(first.as_slice()), last.as_ref().map(Vec::as_slice));
            let (key, value) =
                self.inner().rows.range::<[u8], _>(bounds).next_back().map(|(k, v)| (k.clone(), v.clone()))?;
            let row = (Slice::from(key.as_slice()), value);
            last = Bound::Excluded(key);
            Some(Ok(row))
        }))
    }

    fn apply(&self, rows: &[RowWrite]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let replaced = inner.write(rows);
        if let Some(written) = &mut inner.written {
            written.push((replaced.clone(), rows.to_vec()));
        }
        inner.unsynced.push(replaced);
        Ok(())
    }

    fn write_unbatched(&self, rows: &[RowWrite]) -> Result<(), StoreError> {
        rows.iter().try_for_each(|row| self.apply(std::slice::from_ref(row)))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let covered = inner.covered.take().unwrap_or(inner.unsynced.len());
        inner.unsynced.drain(..covered);
        Ok(())
    }

    fn read_ahead(&self, _key: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_what_is_synced_and_as_many_whole_batches_as_it_is_told() {
        let write = |key: &str, value: Option<&str>| (Slice::from(key), value.map(Slice::from));
        for left in 0..=4 {
            let tree = MemoryTree::default();
            tree.apply(&[write("a", Some("0")), write("b", Some("0"))]).unwrap();
            tree.sync().unwrap();
            tree.apply(&[write("a", Some("1")), write("c", Some("1")), write("a", Some("x"))]).unwrap();
            tree.apply(&[write("a", None), write("b", Some("2"))]).unwrap();
            tree.apply(&[write("b", None), write("c", None)]).unwrap();
            assert_eq!(tree.unsynced(), 3);
            tree.crash(left);
            let found = ["a", "b", "c"].map(|key| tree.get(key.as_bytes()).unwrap());
            let found = found.map(|value| value.map(|value| String::from_utf8(value.to_vec()).unwrap()));
            let found = found.each_ref().map(|value| value.as_deref());
            let expected = match left {
                0 => [Some("0"), Some("0"), None],
                1 => [Some("x"), Some("0"), Some("1")],
                2 => [None, Some("2"), Some("1")],
                _ => [None, None, None],
            };
            assert_eq!((found, tree.unsynced()), (expected, 0));
        }
    }
}
