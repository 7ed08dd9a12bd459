//! Blocks that are damaged below, and that a checkpoint has to change.

use super::model::{BUCKETS, EIGHTS, MANY, Model, PLAIN, checkpoint, open, read, value};
use crate::store::engine::rows::block::unseal;
use crate::store::engine::rows::layout::{ASIDE, OVERFLOW, aside};
use crate::store::engine::rows::memory::{Fault, MemoryBase};
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::{Slice, Tree};
use std::collections::BTreeMap;

type Write = (Vec<u8>, Option<Vec<u8>>);

fn row(key: &[u8], commit: u64, length: usize) -> Write {
    (key.to_vec(), Some(value(commit, length, false)))
}

/// Blocks of each table, some with rows beside them, all in sled.
fn rig() -> (RowStore<MemoryBase>, Model) {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    let blocks = (0..24).map(|n| row(&[EIGHTS, 0, n], 1, if n == 3 { 5000 } else { 300 }));
    let buckets = (0..10).map(|n| row(&[BUCKETS, 1, n], 1, 2800));
    let many = (0..40).map(|n| row(&[MANY, n, 1], 1, 0));
    let plain = (0..9).map(|n| row(&[PLAIN, n], 1, 20));
    model.publish(&store, blocks.chain(buckets).chain(many).chain(plain).collect());
    checkpoint(&store).unwrap();
    (store, model)
}

/// What is recorded afterwards: in each block a row that comes, one that changes, one that goes.
fn change() -> Vec<Write> {
    vec![
        row(&[EIGHTS, 0, 1], 2, 40),
        (vec![EIGHTS, 0, 2], None),
        row(&[EIGHTS, 0, 9], 2, 40),
        row(&[EIGHTS, 0, 17], 2, 4000),
        row(&[EIGHTS, 0, 30], 2, 40),
        row(&[BUCKETS, 1, 2], 2, 10),
        (vec![BUCKETS, 1, 3], None),
        row(&[BUCKETS, 1, 77], 2, 2900),
        row(&[MANY, 5, 1], 2, 1),
        (vec![MANY, 21, 1], None),
        row(&[PLAIN, 2], 2, 7),
        (vec![PLAIN, 3], None),
    ]
}

/// Sled's rows that hold any.
fn stored(store: &RowStore<MemoryBase>) -> BTreeMap<Vec<u8>, Slice> {
    let mut rows = store.base().rows();
    rows.retain(|key, _| key[0] <= OVERFLOW);
    rows
}

fn flipped(stored: &[u8], at: usize) -> Slice {
    let mut damaged = stored.to_vec();
    damaged[at] ^= 0x11;
    damaged.into()
}

/// What each key may be read as after the damage of a row of sled: what it is, or an error where it is lost.
fn check(store: &RowStore<MemoryBase>, model: &Model, damaged: &[u8]) -> usize {
    let mut lost = 0;
    for key in model.keys() {
        match store.get(key) {
            Ok(value) => assert_eq!(value.map(|value| value.to_vec()), model.at(key, model.last()), "{key:02x?}"),
            Err(error) => {
                assert!(error.is_damage(), "{error}");
                assert!(key[0] == damaged[0] || damaged[0] == OVERFLOW && key[..] == damaged[1..], "{key:02x?}");
                lost += 1;
            }
        }
    }
    // Walks say so once, in the one direction and the other, and give everything else.
    for backwards in [false, true] {
        let rows = if backwards { store.range_rev(&[], &[0xef, 0xff]) } else { store.range(&[], None) };
        let (given, errors): (Vec<_>, Vec<_>) = rows.partition(Result::is_ok);
        assert!(errors.len() <= 1 && errors.len() >= lost.min(1), "{errors:?}");
        let given: BTreeMap<Vec<u8>, Vec<u8>> =
            given.into_iter().flatten().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let readable = model.keys().filter_map(|key| Some((key.clone(), store.get(key).ok()??.to_vec())));
        assert_eq!(given, readable.collect());
    }
    lost
}

#[test]
fn a_damaged_block_is_put_aside_and_told_of_and_what_is_recorded_goes_on() {
    let (mut put_aside, mut replaced) = (0, 0);
    let (store, _) = rig();
    for (key, whole) in stored(&store) {
        for at in [0, 2, whole.len() / 2, whole.len() - 5] {
            let (store, mut model) = rig();
            let damaged = flipped(&whole, at);
            store.base().damage(&key, Some(damaged.clone()));
            model.publish(&store, change());
            let before = check(&store, &model, &key);
            store.freeze();
            let mut said = Vec::new();
            loop {
                let step = store.checkpoint_step().unwrap();
                said.extend(step.put_aside);
                if step.done {
                    break;
                }
            }
            assert_eq!(store.synced_position(), 2);
            let lost = check(&store, &model, &key);
            assert!(lost <= before + 2, "{key:02x?}: {before} before, {lost}");
            let kept: Vec<_> = store.base().rows().into_iter().filter(|(key, _)| key[0] == ASIDE).collect();
            let findings = store.verify(|_| ()).unwrap();
            if said.is_empty() {
                // It was replaced, or isn't touched by the change: then it is as damaged as it was.
                assert!(kept.is_empty() && lost == before.min(lost));
                replaced += usize::from(lost == 0);
                assert!(lost == 0 || !findings.is_empty());
                continue;
            }
            put_aside += 1;
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].from, key);
            let [(aside_key, sealed)] = &kept[..] else { panic!("{kept:?}") };
            assert_eq!(*aside_key, aside(&key, &damaged));
            assert_eq!(unseal(super::model::STORE, aside_key, sealed).unwrap(), &damaged[..]);
            // What counts rows may be what was damaged.
            assert!(findings.len() == 1 || at < 3 && findings.len() == 2, "{findings:?}");
            assert!(findings[0].contains("put aside") && !findings[0].contains("carteiro verify"), "{findings:?}");

            // It stays so over a start and whatever is recorded, and a row that comes again is there again.
            let store = open(store.into_base()).unwrap();
            assert_eq!(check(&store, &model, &key), lost);
            model.publish(&store, change());
            checkpoint(&store).unwrap();
            assert_eq!(check(&store, &model, &key), lost);
            let again: Vec<Write> =
                model.keys().map(|key| row(key, 4, 20)).filter(|(other, _)| other[0] == key[0]).collect();
            model.publish(&store, again);
            checkpoint(&store).unwrap();
            assert_eq!(check(&store, &model, &key), 0, "all are there again");
            assert!(!store.verify(|_| ()).unwrap().is_empty(), "and what was lost is still told of");
        }
    }
    assert!(put_aside > 20 && replaced > 3, "{put_aside} {replaced}");
}

/// The process ends at any call of it, and what isn't synced is lost from some write on.
#[test]
fn a_crash_while_a_block_is_put_aside_keeps_its_bytes_and_what_was_recorded() {
    let (store, _) = rig();
    let (key, whole) = stored(&store).into_iter().find(|(key, _)| key[0] == EIGHTS).unwrap();
    let damaged = flipped(&whole, whole.len() / 2);
    for call in 0.. {
        let mut ended = false;
        for left in 0..4 {
            let (store, mut model) = rig();
            store.base().damage(&key, Some(damaged.clone()));
            model.publish(&store, change());
            let fault = if left % 2 == 0 { Fault::Before } else { Fault::After };
            store.base().fail_after(call, fault);
            if checkpoint(&store).is_ok() {
                ended = true;
                break;
            }
            let base = store.into_base();
            let unsynced = base.unsynced();
            base.crash(unsynced * left / 3);
            let store = open(base).unwrap();
            model.replay(&store);
            check(&store, &model, &key);
            checkpoint(&store).unwrap();
            check(&store, &model, &key);
            let kept: Vec<_> = store.base().rows().into_iter().filter(|(key, _)| key[0] == ASIDE).collect();
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].0, aside(&key, &damaged));
            let findings = store.verify(|_| ()).unwrap();
            assert_eq!(findings.len(), 1, "{findings:?}");
        }
        if ended {
            assert!(call > 20, "{call}");
            break;
        }
    }
}

/// Writes without a block's rows of its own: it is there all the same, empty, and says that it has lost some.
#[test]
fn a_block_of_which_nothing_is_left_still_says_so() {
    let (store, mut model) = rig();
    let (key, whole) = stored(&store).into_iter().find(|(key, _)| key[0] == MANY).unwrap();
    store.base().damage(&key, Some(flipped(&whole, whole.len() / 2)));
    let gone: Vec<Write> = (0..16).map(|n| (vec![MANY, n, 1], None)).collect();
    model.publish(&store, gone);
    checkpoint(&store).unwrap();
    assert!(store.get(&[MANY, 3, 1]).unwrap_err().to_string().contains("put aside"));
    assert!(store.range(&[MANY, 0], Some(&[MANY, 16])).all(|row| row.unwrap_err().is_damage()));
    assert_eq!(read(store.range(&[MANY, 16], Some(&[MANY, 40]))).len(), 24);
}
