//! Anything in any order.

use super::model::{BUCKETS, EIGHTS, Given, MANY, Model, PLAIN, check_all_in_sled, checkpoint, open, value};
use crate::store::engine::rows::memory::{Call, Fault, MemoryBase};
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::{Rows, Tree};
use proptest::prelude::*;
use std::sync::{Arc, Mutex, Weak};

#[derive(Clone, Debug)]
enum Op {
    Publish(Vec<Write>),
    Freeze,
    Steps(u8),
    /// A reader begins.
    Read(Vec<u8>, Vec<u8>, bool),
    /// The reader of that number goes on.
    Go(prop::sample::Index, u8),
    Check,
    CheckRanges(Vec<Vec<u8>>),
    /// This call of the base from now on fails, and the process ends with it; of what isn't synced, so much is there.
    Crash(u16, bool, prop::sample::Index),
}

#[derive(Clone, Debug)]
struct Write {
    key: Vec<u8>,
    length: Option<usize>,
    compressible: bool,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0_u8..2, 0_u8..24).prop_map(|(account, seq)| vec![EIGHTS, account, seq]),
        3 => (0_u8..2, 0_u8..16, any::<bool>()).prop_map(|(bucket, token, long)| {
            let mut key = vec![BUCKETS, bucket];
            key.extend(std::iter::repeat_n(token, if long { 20 } else { 1 }));
            key.push(7);
            key
        }),
        2 => (0_u8..48, 0_u8..3).prop_map(|(first, rest)| vec![MANY, first, rest]),
        3 => (0_u8..2, 0_u8..20).prop_map(|(a, b)| vec![PLAIN, a, b]),
    ]
}

/// Keys, what keys begin with, and what no key is.
fn bound() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => key(),
        1 => (key(), 0_usize..4).prop_map(|(mut key, length)| { key.truncate(length); key }),
        1 => (key(), any::<u8>()).prop_map(|(mut key, byte)| { key.push(byte); key }),
        1 => Just(vec![0xff]),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let length = prop_oneof![
        6 => Just(None),
        4 => Just(Some(0)),
        6 => (1_usize..200).prop_map(Some),
        2 => (2500_usize..3500).prop_map(Some),
        1 => (8000_usize..20_000).prop_map(Some),
    ];
    (key(), length, any::<bool>()).prop_map(|(key, length, compressible)| Write { key, length, compressible })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => proptest::collection::vec(write(), 1..12).prop_map(Op::Publish),
        2 => Just(Op::Freeze),
        6 => (1_u8..4).prop_map(Op::Steps),
        3 => (bound(), bound(), any::<bool>()).prop_map(|(a, b, backwards)| {
            let (from, to) = if a < b { (a, b) } else { (b, a) };
            Op::Read(from, to, backwards)
        }),
        6 => (any::<prop::sample::Index>(), 1_u8..12).prop_map(|(which, count)| Op::Go(which, count)),
        1 => Just(Op::Check),
        1 => proptest::collection::vec(bound(), 1..4).prop_map(Op::CheckRanges),
        2 => (0_u16..60, any::<bool>(), any::<prop::sample::Index>())
            .prop_map(|(at, after, left)| Op::Crash(at, after, left)),
    ]
}

/// Gives `count` rows more; `true` once there are no more.
fn go(rows: &mut Rows<'_>, given: &mut Given, count: usize) -> bool {
    for _ in 0..count {
        let Some(row) = rows.next() else { return true };
        let (key, value) = row.unwrap();
        given.rows.push((key.to_vec(), value.to_vec()));
    }
    false
}

fn run(ops: Vec<Op>) {
    let (mut model, mut base, mut ops) = (Model::default(), MemoryBase::default(), ops.into_iter());
    let mut crash = None;
    loop {
        let store = open(base).unwrap();
        model.replay(&store);
        let mut readers: Vec<(Rows<'_>, Given)> = Vec::new();
        let left = loop {
            let Some(op) = ops.next() else { break None };
            match op {
                Op::Publish(rows) => {
                    let commit = model.last() + 1;
                    let value = |write: &Write| {
                        let value = |length| value(commit / 2, length, write.compressible);
                        (write.key.clone(), write.length.map(value))
                    };
                    // Half of the time the same value as before: nothing is to be written then.
                    model.publish(&store, rows.iter().map(value).collect());
                }
                Op::Freeze => {
                    store.freeze();
                }
                Op::Steps(count) => {
                    let failed = (0..count).any(|_| store.checkpoint_step().is_err());
                    if failed {
                        assert!(crash.is_some(), "only what is told to fail does");
                        break crash.take();
                    }
                }
                Op::Read(from, to, backwards) => {
                    let rows = if backwards {
                        store.range_rev(&from, &to)
                    } else {
                        store.range(&from, Some(&[&to[..], &[0]].concat()))
                    };
                    let given = Given { rows: Vec::new(), backwards, since: model.last(), from, to };
                    readers.push((rows, given));
                }
                Op::Go(which, count) if !readers.is_empty() => {
                    store.base().fail_no_more();
                    let at = which.index(readers.len());
                    let (rows, given) = &mut readers[at];
                    if go(rows, given, count.into()) {
                        model.check_given(given, model.last());
                        readers.swap_remove(at);
                    }
                }
                Op::Go(..) => {}
                Op::Check => {
                    store.base().fail_no_more();
                    model.check(&store);
                }
                Op::CheckRanges(bounds) => {
                    store.base().fail_no_more();
                    model.check_ranges(&store, &bounds);
                }
                Op::Crash(at, after, left) => {
                    store.base().fail_after(at.into(), if after { Fault::After } else { Fault::Before });
                    crash = Some(left);
                }
            }
        };
        store.base().fail_no_more();
        for (mut rows, mut given) in readers {
            assert!(go(&mut rows, &mut given, usize::MAX));
            model.check_given(&given, model.last());
        }
        // A process that ended with a failed write still reads as it should until its last moment.
        model.check(&store);
        let Some(left) = left else {
            checkpoint(&store).unwrap();
            check_all_in_sled(&model, &store);
            return;
        };
        base = store.into_base();
        base.crash(left.index(base.unsynced() + 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn it_reads_as_a_map_whatever_is_frozen_written_read_and_lost(ops in proptest::collection::vec(op(), 1..120)) {
        run(ops);
    }
}

pub(super) fn cases() -> u32 {
    std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100)
}

/// Whoever reads between any two writes of a checkpoint sees every row as it was published.
#[test]
fn a_reader_between_any_two_writes_of_a_checkpoint_sees_every_row() {
    let store = Arc::new(open(MemoryBase::default()).unwrap());
    let model = Arc::new(Mutex::new(Model::default()));
    let seen = Arc::new(Mutex::new(0));
    let watcher = {
        let (store, model, seen): (Weak<RowStore<_>>, _, _) = (Arc::downgrade(&store), model.clone(), seen.clone());
        Arc::new(move |call: Call| {
            if let Some(store) = store.upgrade() {
                assert_ne!(call, Call::Read);
                *seen.lock().unwrap() += 1;
                model.lock().unwrap().check(&store);
            }
        })
    };
    store.base().watch(Some(watcher));
    for round in 0_u8..12 {
        let rows = (0..16).flat_map(|n| {
            let length = match (n + round) % 5 {
                0 => None,
                1 => Some(10),
                2 => Some(4000),
                3 => Some(2900),
                _ => Some(0),
            };
            let value = length.map(|length| value(u64::from(round) * 100 + u64::from(n), length, round % 3 == 0));
            [vec![EIGHTS, 1, n], vec![BUCKETS, 0, n], vec![PLAIN, n]].map(|key| (key, value.clone()))
        });
        model.lock().unwrap().publish(&store, rows.collect());
        checkpoint(&store).unwrap();
        store.base().watch(None);
        check_all_in_sled(&model.lock().unwrap(), &store);
        let again = Arc::downgrade(&store);
        let (model, seen) = (model.clone(), seen.clone());
        store.base().watch(Some(Arc::new(move |_| {
            if let Some(store) = again.upgrade() {
                *seen.lock().unwrap() += 1;
                model.lock().unwrap().check(&store);
            }
        })));
    }
    store.base().watch(None);
    assert!(*seen.lock().unwrap() > 300, "{:?}", seen.lock());
}
