//! A single row is read without the overlays' guard: whatever happens between two reads of sled, it is one that was
//! there.

use super::model::{BUCKETS, EIGHTS, Model, PLAIN, check_all_in_sled, checkpoint, open, value};
use super::random::cases;
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::Tree;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

#[derive(Clone, Debug)]
enum Op {
    Publish(Vec<(Vec<u8>, Option<usize>)>),
    Freeze,
    Steps(u8),
}

/// What is read, and what happens before each of its reads of sled.
#[derive(Clone, Debug)]
struct Get {
    key: Vec<u8>,
    meanwhile: Vec<Vec<Op>>,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u8..10).prop_map(|seq| vec![EIGHTS, 0, seq]),
        3 => (0_u8..20).prop_map(|row| vec![BUCKETS, 0, row]),
        1 => (0_u8..4).prop_map(|row| vec![PLAIN, row]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let length =
        prop_oneof![1 => Just(None), 2 => (0_usize..4000).prop_map(Some), 2 => (8000_usize..9000).prop_map(Some)];
    prop_oneof![
        2 => proptest::collection::vec((key(), length), 1..8).prop_map(Op::Publish),
        1 => Just(Op::Freeze),
        2 => (1_u8..6).prop_map(Op::Steps),
    ]
}

fn get() -> impl Strategy<Value = Get> {
    let meanwhile = proptest::collection::vec(proptest::collection::vec(op(), 0..6), 0..4);
    (key(), meanwhile).prop_map(|(key, meanwhile)| Get { key, meanwhile })
}

fn make(op: &Op, store: &RowStore<MemoryBase>, model: &Mutex<Model>) {
    match op {
        Op::Publish(rows) => {
            let mut model = model.lock().unwrap();
            let commit = model.last() + 1;
            let rows =
                rows.iter().map(|(key, length)| (key.clone(), length.map(|length| value(commit, length, false))));
            model.publish(store, rows.collect());
        }
        Op::Freeze => drop(store.freeze()),
        Op::Steps(count) => {
            for _ in 0..*count {
                store.checkpoint_step().unwrap();
            }
        }
    }
}

fn run(rounds: Vec<(Vec<Op>, Get)>) {
    let store = Arc::new(open(MemoryBase::default()).unwrap());
    let model = Arc::new(Mutex::new(Model::default()));
    let meanwhile: Arc<Mutex<VecDeque<Vec<Op>>>> = Arc::default();
    let watcher = {
        let (store, model, meanwhile): (Weak<RowStore<_>>, _, _) =
            (Arc::downgrade(&store), model.clone(), meanwhile.clone());
        move || {
            let Some(store) = store.upgrade() else { return };
            // What is done in here reads sled too.
            let mut ops = std::mem::take(&mut *meanwhile.lock().unwrap());
            let Some(now) = ops.pop_front() else { return };
            // Read again under the guard, with which nothing of this happens.
            if store.layers.try_write().is_ok() {
                for op in &now {
                    make(op, &store, &model);
                }
                *meanwhile.lock().unwrap() = ops;
            }
        }
    };
    store.base().watch_reads(Some(Arc::new(watcher)));
    for (ops, get) in rounds {
        for op in &ops {
            make(op, &store, &model);
        }
        *meanwhile.lock().unwrap() = get.meanwhile.into();
        let before = model.lock().unwrap().last();
        let found = store.get(&get.key).unwrap().map(|value| value.to_vec());
        meanwhile.lock().unwrap().clear();
        let model = model.lock().unwrap();
        let during = model.during(&get.key, &(before..=model.last()));
        assert!(during.contains(&found), "{:?} at {before}..={}: {found:?}", get.key, model.last());
    }
    store.base().watch_reads(None);
    checkpoint(&store).unwrap();
    let model = model.lock().unwrap();
    model.check(&store);
    check_all_in_sled(&model, &store);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_row_that_is_read_while_anything_happens_is_one_that_was_there(
        rounds in proptest::collection::vec((proptest::collection::vec(op(), 0..6), get()), 1..40),
    ) {
        run(rounds);
    }
}

/// A row that stood beside its block moves into it between the two reads of who looks for it.
#[test]
fn a_row_that_moves_into_its_block_meanwhile_is_found() {
    let key = vec![EIGHTS, 0, 3];
    let beside = Op::Publish(vec![(key.clone(), Some(8500))]);
    let inside = Op::Publish(vec![(key.clone(), Some(10))]);
    let before = vec![beside, Op::Freeze, Op::Steps(20)];
    let get = Get { key, meanwhile: vec![vec![], vec![inside, Op::Freeze, Op::Steps(20)]] };
    run(vec![(before, get)]);
}
