//! One thing at a time.

use super::model::{
    BUCKETS, EIGHTS, LIMITS, MANY, Model, PLAIN, STORE, check_all_in_sled, checkpoint, layout, open, read, value,
};
use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::layout::{MAX_KEY_BYTES, MAX_ROW_BYTES, OVERFLOW, POSITION};
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::rows::store::{Limits, RowStore};
use crate::store::engine::tree::{Slice, Tree};
use crate::store::error::EngineError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

fn filled() -> (RowStore<MemoryBase>, Model) {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    let lengths = [0, 10, 200, 2800, 5000];
    let rows = (0..30_u8).flat_map(|n| {
        let length = lengths[usize::from(n) % 5];
        [vec![EIGHTS, 0, n], vec![BUCKETS, 0, n], vec![MANY, n, 3], vec![PLAIN, n]]
            .map(|key| (key, Some(value(u64::from(n), length, n % 2 == 0))))
    });
    model.publish(&store, rows.collect());
    checkpoint(&store).unwrap();
    check_all_in_sled(&model, &store);
    (store, model)
}

/// The rows of sled that stand beside blocks.
fn beside(store: &RowStore<MemoryBase>) -> Vec<Vec<u8>> {
    store.base().rows().into_keys().filter(|key| key[0] == OVERFLOW).collect()
}

#[test]
fn rows_move_out_of_their_block_and_back_and_leave_nothing_behind() {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    let key = vec![EIGHTS, 0, 9];
    for (commit, length) in [10, 9000, 9000, 20, 9000, 9001, 3000].into_iter().enumerate() {
        model.publish(&store, vec![(key.clone(), Some(value(commit as u64 + 1, length, false)))]);
        checkpoint(&store).unwrap();
        check_all_in_sled(&model, &store);
        assert_eq!(beside(&store).len(), usize::from(length > 3200), "{length}");
    }
    model.publish(&store, vec![(key.clone(), Some(value(99, 9000, true)))]);
    checkpoint(&store).unwrap();
    model.publish(&store, vec![(key, None)]);
    checkpoint(&store).unwrap();
    check_all_in_sled(&model, &store);
    assert_eq!(store.base().rows().len(), 1, "the position alone: {:?}", store.base().rows().keys());
}

#[test]
fn a_full_block_keeps_its_old_rows_and_the_new_ones_stand_beside_it() {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    for n in 0..40_u8 {
        model.publish(&store, vec![(vec![BUCKETS, 5, n], Some(value(u64::from(n) + 1, 2000, false)))]);
        checkpoint(&store).unwrap();
        check_all_in_sled(&model, &store);
    }
    let beside = beside(&store);
    assert_eq!(beside.first().unwrap()[..], [OVERFLOW, BUCKETS, 5, 12], "twelve of 2000 bytes fit");
    assert_eq!(beside.len(), 28);
    assert!(
        store.base().rows().values().all(|value| value.len() <= crate::store::engine::rows::base::MAX_SLED_ROW_BYTES)
    );
    // Room again: the next write of a row takes it in.
    model.publish(&store, (0..12).map(|n| (vec![BUCKETS, 5, n], None)).collect());
    model.publish(&store, (20..25).map(|n| (vec![BUCKETS, 5, n], Some(value(500, 1000, false)))).collect());
    checkpoint(&store).unwrap();
    check_all_in_sled(&model, &store);
    assert_eq!(self::beside(&store).len(), 23);
    model.publish(&store, (0..40).map(|n| (vec![BUCKETS, 5, n], None)).collect());
    checkpoint(&store).unwrap();
    assert_eq!(store.base().rows().len(), 1);
    check_all_in_sled(&model, &store);
}

#[test]
fn what_changes_nothing_writes_nothing_but_the_position() {
    let (store, mut model) = filled();
    let same: Vec<_> = model.keys().map(|key| (key.clone(), model.at(key, 1))).collect();
    let born_and_dead = [(vec![PLAIN, 200], None), (vec![MANY, 255, 255], None), (vec![EIGHTS, 9, 9], None)];
    model.publish(&store, same.into_iter().chain(born_and_dead).collect());
    let (before, written) = (store.base().rows(), store.base().written_bytes());
    checkpoint(&store).unwrap();
    let position = |rows: &mut std::collections::BTreeMap<Vec<u8>, Slice>| rows.remove(POSITION).unwrap().len() as u64;
    let (mut before, mut after) = (before, store.base().rows());
    position(&mut before);
    assert_eq!(store.base().written_bytes() - written, position(&mut after) + 1);
    assert_eq!(before, after);
    check_all_in_sled(&model, &store);
}

#[test]
fn rows_have_limits_and_commits_an_order() {
    let store = open(MemoryBase::default()).unwrap();
    let row = |key: &[u8], length: usize| [(Slice::from(key), Some(vec![0; length].into()))];
    let refused = |commit, rows: &[_]| matches!(store.publish(commit, rows), Err(EngineError::Refused(_)));
    assert!(refused(1, &row(&[PLAIN, 1], MAX_ROW_BYTES - 1)));
    assert!(refused(1, &row(&[PLAIN; MAX_KEY_BYTES + 1], 0)));
    assert!(refused(1, &row(&[EIGHTS, 1], 0)), "shorter than its block's name");
    assert!(refused(1, &row(&[OVERFLOW, 1], 0)) && refused(1, &row(&[], 0)));
    assert!(refused(2, &row(&[PLAIN, 1], 0)) && refused(0, &row(&[PLAIN, 1], 0)));
    store.publish(1, &row(&[PLAIN, 1], MAX_ROW_BYTES - 2)).unwrap();
    store.publish(2, &row(&[EIGHTS, 1, 1], MAX_ROW_BYTES - 3)).unwrap();
    store.publish(3, &row(&[PLAIN; MAX_KEY_BYTES], 0)).unwrap();
    checkpoint(&store).unwrap();
    assert_eq!(read(store.range(&[], None)).len(), 3);
    assert!(store.verify(|_| ()).unwrap().is_empty());
    assert!(
        store
            .base()
            .rows()
            .iter()
            .all(|(k, v)| k.len() + v.len() <= crate::store::engine::rows::base::MAX_SLED_ROW_BYTES)
    );
    assert_eq!(store.get(&[0xff]).unwrap(), None, "the position is no row");
    assert_eq!(store.get(&[EIGHTS]).unwrap(), None);
}

#[test]
fn a_row_that_is_damaged_is_an_error_that_names_it_and_the_others_are_read() {
    let (store, model) = filled();
    for (key, stored) in store.base().rows() {
        if key == POSITION {
            continue;
        }
        let name = crate::store::hex::hex(&key);
        for at in [0, stored.len() / 2, stored.len() - 1] {
            let mut damaged = stored.to_vec();
            damaged[at] ^= 0x20;
            store.base().damage(&key, Some(damaged.into()));
            // What is cached of the row is from before.
            store.layers.write().unwrap().generation += 1;
            for backwards in [false, true] {
                let rows = if backwards { store.range_rev(&[], &[0xef]) } else { store.range(&[], None) };
                let (mut given, mut errors) = (Vec::new(), Vec::new());
                for row in rows {
                    match row {
                        Ok((key, value)) => given.push((key.to_vec(), value.to_vec())),
                        Err(error) => errors.push(error.to_string()),
                    }
                }
                assert!(matches!(&errors[..], [error] if error.contains(&name)), "{name} {errors:?}");
                let missing = model.keys().count() - given.len();
                assert!(0 < missing && missing <= 30, "{missing}");
                assert!(given.iter().all(|(key, value)| model.at(key, 1).as_ref() == Some(value)));
            }
            for key in model.keys() {
                match store.get(key) {
                    Ok(value) => assert_eq!(value.map(|value| value.to_vec()), model.at(key, 1)),
                    Err(error) => assert!(error.to_string().contains(&name), "{error}"),
                }
            }
            let findings = store.verify(|_| ()).unwrap();
            assert!(findings.iter().any(|finding| finding.contains(&name)), "{name} {findings:?}");
            store.base().damage(&key, Some(stored.clone()));
        }
        // Gone in silence.
        store.base().damage(&key, None);
        let findings = store.verify(|_| ()).unwrap();
        assert!(findings.iter().any(|finding| finding.contains("isn't what was written")), "{name} {findings:?}");
        // Or as it was long ago, with a checksum that is right.
        store.base().damage(&key, Some(stored));
        store.layers.write().unwrap().generation += 1;
    }
    check_all_in_sled(&model, &store);
}

#[test]
fn an_old_version_of_a_block_is_found() {
    let (store, mut model) = filled();
    let old = store.base().rows();
    let rows: Vec<_> = model.keys().map(|key| (key.clone(), Some(value(7, 30, false)))).collect();
    model.publish(&store, rows);
    checkpoint(&store).unwrap();
    for (key, new) in store.base().rows() {
        let Some(old) = old.get(&key).filter(|old| **old != new && key != POSITION) else { continue };
        store.base().damage(&key, Some(old.clone()));
        assert!(!store.verify(|_| ()).unwrap().is_empty(), "{key:?}");
        store.base().damage(&key, Some(new));
    }
    check_all_in_sled(&model, &store);
}

#[test]
fn a_block_that_can_t_be_read_stops_the_checkpoint_that_needs_it_and_is_written_by_nobody() {
    let (store, mut model) = filled();
    let key = [EIGHTS, 0, 8];
    let stored = store.base().rows()[&key[..]].clone();
    store.base().fail_reads_of(Some(&key));
    model.publish(&store, vec![(vec![EIGHTS, 0, 9], None), (vec![PLAIN, 3], None)]);
    store.freeze();
    let error = store.checkpoint_step().unwrap_err();
    assert!(matches!(&error, EngineError::Io(_)), "{error}");
    assert_eq!(store.base().rows()[&key[..]], stored);
    store.base().fail_reads_of(None);
    checkpoint(&store).unwrap();
    check_all_in_sled(&model, &store);
}

#[test]
fn a_base_of_another_store_or_without_its_position_is_refused() {
    let (store, _) = filled();
    let base = store.into_base();
    let rows = base.rows();
    let error = RowStore::open(base, layout, [1; 16], LIMITS).err().unwrap();
    assert!(matches!(error, EngineError::Damaged(_)), "{error}");
    let base = MemoryBase::default();
    for (key, value) in rows.into_iter().filter(|(key, _)| key != POSITION) {
        base.damage(&key, Some(value));
    }
    assert!(matches!(open(base).err().unwrap(), EngineError::Damaged(_)));
}

#[test]
fn pieces_are_bounded_and_rest_until_the_overlay_fills() {
    let limits = Limits { overlay_bytes: 1 << 20 };
    let store = RowStore::open(MemoryBase::default(), layout, STORE, limits).unwrap();
    let mut model = Model::default();
    let rows = |from: u16, count: u16| -> Vec<_> {
        (from..from + count)
            .map(|n| {
                let [high, low] = n.to_be_bytes();
                (vec![PLAIN, high, low], Some(value(u64::from(n), if n % 3 == 0 { 20_000 } else { 10 }, false)))
            })
            .collect()
    };
    model.publish(&store, rows(0, 30));
    assert!((19..24).contains(&store.pressure()), "{}", store.pressure());
    assert!(store.checkpoint_step().unwrap().done, "nothing is frozen, and nothing has to be");
    model.publish(&store, rows(30, 120));
    assert!(store.pressure() < 100);
    model.publish(&store, rows(150, 30));
    assert!(store.pressure() >= 100);
    let mut pieces = 0;
    loop {
        let before = (store.base().written_bytes(), store.base().rows().len());
        let step = store.checkpoint_step().unwrap();
        assert_eq!(store.base().unsynced(), 0);
        let (bytes, count) = (store.base().written_bytes() - before.0, store.base().rows().len() - before.1);
        assert!(bytes <= 512 * 1024 + 10_000 && count <= 64, "{bytes} {count}");
        if step.done {
            break;
        }
        pieces += 1;
        match store.pressure() {
            0 if pieces == 2 => model.publish(&store, rows(200, 120)),
            0 => assert!(step.rest > Duration::ZERO),
            pressure => assert!(pressure >= 75 && step.rest == Duration::ZERO, "{pressure}"),
        }
    }
    assert!((3..8).contains(&pieces), "{pieces}");
    checkpoint(&store).unwrap();
    check_all_in_sled(&model, &store);
}

/// A commit that has no rows still moves the position, so that the journal can go.
#[test]
fn empty_commits_count() {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    assert!(!store.freeze(), "nothing was published");
    model.publish(&store, vec![]);
    checkpoint(&store).unwrap();
    assert_eq!((store.position(), store.synced_position()), (1, 1));
    assert!(!store.freeze());
}

/// More damage than a reader remembers, in both directions: it ends all the same.
#[test]
fn a_reader_comes_through_any_amount_of_damage() {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    let rows = (0..3000_u16).map(|n| ([&[PLAIN][..], &n.to_be_bytes()].concat(), Some(vec![1])));
    model.publish(&store, rows.collect());
    checkpoint(&store).unwrap();
    for (key, _) in store.base().rows() {
        if key[0] == PLAIN && key != [PLAIN, 0x0b, 0xb7] {
            store.base().damage(&key, Some(Slice::from(&[0; 9])));
        }
    }
    for backwards in [false, true] {
        let rows = if backwards { store.range_rev(&[], &[0xef]) } else { store.range(&[], None) };
        let (good, bad): (Vec<_>, Vec<_>) = rows.take(20_000).partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (1, 2999));
    }
}

/// A reader held a block as it was before a checkpoint moved one of its rows out, and read what stands beside the block
/// as it was after: the row came from both, and of the two only one was covered by the overlay. It was given twice.
#[test]
fn a_row_that_moves_out_of_a_block_that_a_reader_holds_is_given_once() {
    for backwards in [false, true] {
        let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
        let key = |n: u8| vec![EIGHTS, 0, n];
        model.publish(&store, [8, 9, 10, 11].map(|n| (key(n), Some(vec![n; if n == 9 { 5000 } else { 5 }]))).to_vec());
        checkpoint(&store).unwrap();
        let mut rows = if backwards { store.range_rev(&[], &[0xef]) } else { store.range(&[], None) };
        let first = rows.next().unwrap().unwrap().0;
        assert_eq!(first, key(if backwards { 11 } else { 8 }));
        model.publish(&store, vec![(key(10), Some(vec![1; 6000]))]);
        store.freeze();
        assert!(!store.checkpoint_step().unwrap().done);
        assert_eq!(beside(&store).len(), 2);
        let mut rest: Vec<_> = rows.map(|row| row.unwrap()).map(|(key, value)| (key[2], value.len())).collect();
        rest.sort_unstable();
        assert_eq!(rest, if backwards { [(8, 5), (9, 5000), (10, 6000)] } else { [(9, 5000), (10, 6000), (11, 5)] });
    }
}

/// A checkpoint once waited for all of a verification.
#[test]
fn a_checkpoint_goes_on_beside_a_verification_and_neither_misses_anything() {
    let store = open(MemoryBase::default()).unwrap();
    let mut model = Model::default();
    let row = |n: u32, commit: u64| ([&[PLAIN], &n.to_be_bytes()[..]].concat(), Some(value(commit, 100, true)));
    for commit in 1..=30_u64 {
        model.publish(&store, (0..40).map(|n| row(u32::try_from(commit).unwrap() * 40 + n, commit)).collect());
        checkpoint(&store).unwrap();
    }
    let mut turns = 0;
    let findings = store.verify(|_| {
        turns += 1;
        // Before and behind the place that it has come to.
        let rows = [turns, 600, 1100 + turns].map(|n| row(n, u64::from(turns) + 100));
        let gone = [80 + turns, 900 + turns].map(|n| ([&[PLAIN], &n.to_be_bytes()[..]].concat(), None));
        model.publish(&store, rows.into_iter().chain(gone).collect());
        checkpoint(&store).unwrap();
    });
    assert_eq!(findings.unwrap(), Vec::<String>::new());
    assert!(turns > 3, "{turns}");
    store.base().damage(&row(700, 0).0, None);
    assert_eq!(store.verify(|_| {}).unwrap().len(), 1);
}

/// A mutex gives itself to the thread that has just let go of it: a checkpoint once got no turn until a verification
/// had ended.
#[test]
fn a_checkpoint_has_every_other_turn_beside_a_verification() {
    let store = open(MemoryBase::default()).unwrap();
    let row = |n: u32| ([&[PLAIN], &n.to_be_bytes()[..]].concat(), Some(value(1, 100, true)));
    let mut model = Model::default();
    for thousand in 0..20 {
        model.publish(&store, (0..1000).map(|n| row(thousand * 1000 + n)).collect());
        checkpoint(&store).unwrap();
    }
    let (ended, steps, mut turns) = (AtomicBool::new(false), AtomicU64::new(0), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                drop(store.checkpoint());
                steps.fetch_add(1, Ordering::Relaxed);
            }
        });
        while steps.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        let before = steps.load(Ordering::Relaxed);
        let findings = store.verify(|_| turns += 1);
        let steps = steps.load(Ordering::Relaxed) - before;
        ended.store(true, Ordering::Relaxed);
        assert_eq!(findings.unwrap(), Vec::<String>::new());
        assert!(turns > 50 && steps >= turns / 2, "{steps} steps beside {turns} turns");
    });
}

/// Outcomes are visible before they are durable. A checkpoint took them along, the power went in the midst of it, the
/// journal had lost the commit, and sled held a part of it.
#[test]
fn what_is_visible_and_not_durable_reaches_no_checkpoint() {
    let (store, mut model) = filled();
    store.set_durable(1, 0);
    model.publish(&store, vec![(vec![PLAIN, 1], Some(vec![2]))]);
    assert!(!store.freeze() && store.has_unsaved());
    assert!(store.checkpoint_step().unwrap().done);
    assert_eq!(store.position(), 1);
    store.set_durable(2, 0);
    assert!(store.freeze());
    checkpoint(&store).unwrap();
    assert_eq!(store.synced_position(), 2);
    check_all_in_sled(&model, &store);
}
