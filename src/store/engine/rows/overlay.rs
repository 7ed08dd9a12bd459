//! Rows that sled doesn't hold yet: a sorted map in memory that knows what it really takes.

use crate::store::engine::tree::Slice;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

/// What a row takes in the tree besides its own bytes: 24 bytes in a leaf that is six elevenths full (keys mostly
/// ascend, and the library splits such leaves so), with the leaf's own fields and its share of the nodes above.
const ROW_BYTES: usize = 56;
/// What the allocator adds to an allocation, and what it rounds to.
const ALLOCATION_BYTES: usize = 16;

/// A row in one allocation, the key first. A deleted one is a tombstone, kept until its checkpoint is done: sled may
/// hold the row, or get it from a checkpoint that was cut off.
#[derive(Debug)]
pub(crate) struct Entry {
    bytes: Box<[u8]>,
    key_bytes: u32,
    is_tombstone: bool,
}

impl Entry {
    /// The key is at most [`crate::store::engine::rows::layout::MAX_KEY_BYTES`] long.
    pub(crate) fn new(key: &[u8], value: Option<&[u8]>) -> Self {
        let key_bytes = u32::try_from(key.len()).expect("a key is short");
        Self { bytes: [key, value.unwrap_or_default()].concat().into(), key_bytes, is_tombstone: value.is_none() }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.bytes[..self.key_bytes as usize]
    }

    /// Its value, or `None` for a tombstone.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        (!self.is_tombstone).then(|| &self.bytes[self.key_bytes as usize..])
    }

    /// What it takes in memory.
    fn memory(&self) -> usize {
        ROW_BYTES + (self.bytes.len() + 8).next_multiple_of(ALLOCATION_BYTES).max(2 * ALLOCATION_BYTES)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

impl Borrow<[u8]> for Entry {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

/// The rows of some commits, the last write of each. Tombstones stand by themselves: most are of rows that came and
/// went in this overlay and that nothing below has, and who reads rows in order meets none of those. A row that comes
/// back leaves its tombstone where it is.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    rows: BTreeSet<Entry>,
    tombstones: BTreeSet<Entry>,
    bytes: usize,
}

impl Overlay {
    /// What it takes in memory, within a few percent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.tombstones.is_empty()
    }

    pub(crate) fn put(&mut self, row: Entry) {
        self.bytes += row.memory();
        let before = if row.is_tombstone {
            let before = self.rows.take(row.key());
            self.bytes -= before.map_or(0, |before| before.memory());
            self.tombstones.replace(row)
        } else {
            self.rows.replace(row)
        };
        self.bytes -= before.map_or(0, |before| before.memory());
    }

    /// What it says of a key: nothing, that it is deleted, or its value.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<Slice>> {
        match self.rows.get(key) {
            Some(row) => Some(row.value().map(Slice::from)),
            None => self.deletes(key).then_some(None),
        }
    }

    /// Whether it has a tombstone of a key: what stands below is no row, and where it has one itself, that is later.
    pub(crate) fn deletes(&self, key: &[u8]) -> bool {
        self.tombstones.contains(key)
    }

    /// Its rows from `from` (inclusive) to `end` (exclusive), `from` being below `end`; tombstones are none.
    pub(crate) fn range(&self, from: &[u8], end: &[u8]) -> impl DoubleEndedIterator<Item = &Entry> {
        self.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(end)))
    }

    /// The keys of its tombstones from `from` (inclusive) to `end` (exclusive), `from` being below `end`.
    pub(crate) fn deleted(&self, from: &[u8], end: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.tombstones.range::<[u8], _>((Bound::Included(from), Bound::Excluded(end))).map(Entry::key)
    }

    /// Its rows and tombstones behind a key, or all of them.
    pub(crate) fn behind<'o>(&'o self, key: Option<&[u8]>) -> impl Iterator<Item = &'o Entry> + use<'o> {
        let bounds = (key.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut rows = self.rows.range::<[u8], _>(bounds).peekable();
        let mut tombstones = self.tombstones.range::<[u8], _>(bounds).peekable();
        std::iter::from_fn(move || {
            let order = match (rows.peek(), tombstones.peek()) {
                (Some(row), Some(tombstone)) => row.cmp(tombstone),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order.is_eq() {
                tombstones.next();
            }
            if order.is_le() { rows.next() } else { tombstones.next() }
        })
    }
}

/// What stands above sled.
#[derive(Clone, Copy)]
pub(crate) struct Above<'o> {
    pub(crate) active: &'o Overlay,
    pub(crate) frozen: Option<&'o Overlay>,
}

impl<'o> Above<'o> {
    pub(crate) fn overlays(self) -> impl Iterator<Item = &'o Overlay> {
        std::iter::once(self.active).chain(self.frozen)
    }

    /// Whether one of them has a tombstone of a key: what sled has of it is no row, whatever the other says.
    pub(crate) fn deletes(self, key: &[u8]) -> bool {
        self.overlays().any(|overlay| overlay.deletes(key))
    }
}
