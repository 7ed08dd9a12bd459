//! What the store is compared with: every commit, and what each key was at each.

use crate::store::engine::rows::layout::Shape;
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::rows::store::{Limits, RowStore};
use crate::store::engine::tree::{RowWrite, Rows, Slice, Tree};
use crate::store::error::EngineError;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

pub(super) const STORE: [u8; 16] = *b"one of the tests";
pub(super) const LIMITS: Limits = Limits { overlay_bytes: 64 * 1024 };

/// Eight rows a block; buckets that get full; a byte that is shared between name and row; and a plain table.
pub(super) const EIGHTS: u8 = 0x10;
pub(super) const BUCKETS: u8 = 0x14;
pub(super) const MANY: u8 = 0x20;
pub(super) const PLAIN: u8 = 0x24;

pub(super) fn layout(table: u8) -> Option<Shape> {
    match table {
        EIGHTS => Some(Shape { bits: 21 }),
        BUCKETS => Some(Shape { bits: 16 }),
        MANY => Some(Shape { bits: 12 }),
        _ => None,
    }
}

/// A value that no other commit gives, incompressible if it is to be.
pub(super) fn value(commit: u64, length: usize, compressible: bool) -> Vec<u8> {
    let mut state = commit.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    if compressible { vec![byte(); length] } else { (0..length).map(|_| byte()).collect() }
}

type Value = Option<Vec<u8>>;

#[derive(Default)]
pub(super) struct Model {
    pub(super) commits: Vec<Vec<RowWrite>>,
    /// What each key became, and at which commit.
    history: BTreeMap<Vec<u8>, Vec<(u64, Value)>>,
}

impl Model {
    pub(super) fn last(&self) -> u64 {
        self.commits.len() as u64
    }

    /// Publishes another commit, in both.
    pub(super) fn publish(&mut self, store: &RowStore<MemoryBase>, rows: Vec<(Vec<u8>, Value)>) {
        let commit = self.last() + 1;
        for (key, value) in &rows {
            self.history.entry(key.clone()).or_default().push((commit, value.clone()));
        }
        self.commits.push(rows.into_iter().map(|(key, value)| (key.into(), value.map(Slice::from))).collect());
        store.publish(commit, &self.commits[self.commits.len() - 1]).unwrap();
    }

    /// What a start does with the journal.
    pub(super) fn replay(&self, store: &RowStore<MemoryBase>) {
        for commit in store.synced_position() + 1..=self.last() {
            store.publish(commit, &self.commits[usize::try_from(commit).unwrap() - 1]).unwrap();
        }
    }

    pub(super) fn at(&self, key: &[u8], commit: u64) -> Value {
        let writes = self.history.get(key)?;
        writes.iter().rev().find(|(at, _)| *at <= commit)?.1.clone()
    }

    /// What a key was at these commits.
    pub(super) fn during(&self, key: &[u8], commits: &RangeInclusive<u64>) -> BTreeSet<Value> {
        let later = self.history.get(key).into_iter().flatten().filter(|(at, _)| commits.contains(at));
        std::iter::once(self.at(key, *commits.start())).chain(later.map(|(_, value)| value.clone())).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.history.keys()
    }

    fn now(&self, within: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        let keys = self.history.keys().filter(|key| within(key));
        keys.filter_map(|key| Some((key.clone(), self.at(key, self.last())?))).collect()
    }

    /// Everything reads as it is, by every way of reading.
    pub(super) fn check(&self, store: &RowStore<MemoryBase>) {
        let expected = self.now(|_| true);
        assert_same(&read(store.range(&[], None)), &expected);
        let mut backwards = read(store.range_rev(&[], &[0xef, 0xff, 0xff, 0xff]));
        backwards.reverse();
        assert_same(&backwards, &expected);
        for key in self.keys() {
            assert_eq!(store.get(key).unwrap().map(|value| value.to_vec()), self.at(key, self.last()), "{key:02x?}");
        }
    }

    /// Some ranges, from and to whatever keys.
    pub(super) fn check_ranges(&self, store: &RowStore<MemoryBase>, bounds: &[Vec<u8>]) {
        for from in bounds {
            for end in bounds {
                let expected = self.now(|key| from[..] <= *key && *key < end[..]);
                assert_same(&read(store.range(from, Some(end))), &expected);
                let mut expected = self.now(|key| from[..] <= *key && *key <= end[..]);
                expected.reverse();
                assert_same(&read(store.range_rev(from, end)), &expected);
            }
            assert_same(&read(store.scan(from)), &self.now(|key| key.starts_with(from)));
        }
    }

    /// Rows that a reader has given, who was at work from the first of these commits to the last.
    pub(super) fn check_given(&self, reader: &Given, until: u64) {
        let commits = reader.since..=until;
        let given: BTreeMap<_, _> = reader.rows.iter().cloned().collect();
        assert_eq!(given.len(), reader.rows.len(), "none twice");
        assert!(reader.rows.is_sorted_by(|a, b| (a.0 < b.0) != reader.backwards), "in order");
        for key in self.keys().filter(|key| reader.from <= **key && **key <= reader.to) {
            let during = self.during(key, &commits);
            assert!(during.contains(&given.get(key).cloned()), "{key:02x?} in {commits:?}");
        }
        assert!(given.keys().all(|key| self.history.contains_key(key)), "rows that nobody wrote");
    }
}

fn assert_same(found: &[(Vec<u8>, Vec<u8>)], expected: &[(Vec<u8>, Vec<u8>)]) {
    if found != expected {
        let keys = |rows: &[(Vec<u8>, Vec<u8>)]| -> Vec<String> {
            rows.iter().map(|(key, value)| format!("{key:02x?}:{}", value.len())).collect()
        };
        panic!("found {:#?}, expected {:#?}", keys(found), keys(expected));
    }
}

pub(super) fn read(rows: Rows<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    rows.map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// What a reader has given so far, of the rows from `from` to `to`, both inclusive.
pub(super) struct Given {
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) backwards: bool,
    pub(super) since: u64,
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

pub(super) fn open(base: MemoryBase) -> Result<RowStore<MemoryBase>, EngineError> {
    RowStore::open(base, layout, STORE, LIMITS)
}

/// Everything into sled.
pub(super) fn checkpoint(store: &RowStore<MemoryBase>) -> Result<(), EngineError> {
    while !store.checkpoint_step()?.done {}
    store.freeze();
    while !store.checkpoint_step()?.done {}
    Ok(())
}

/// Everything is in sled, as it was published, and nothing else.
pub(super) fn check_all_in_sled(model: &Model, store: &RowStore<MemoryBase>) {
    assert_eq!((store.synced_position(), store.published()), (model.last(), model.last()));
    let findings = store.verify(|_| ()).unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    let rows: u64 = store.contents().tables().map(|(_, tally)| tally.rows).sum();
    assert_eq!(rows, model.now(|_| true).len() as u64);
    model.check(store);
}
