//! A scene in which everything happens once, cut off at every call of the base; and what follows cut off again.

use super::model::{BUCKETS, EIGHTS, MANY, Model, PLAIN, check_all_in_sled, checkpoint, open, value};
use crate::store::engine::rows::memory::{Fault, MemoryBase};
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::Tree;
use crate::store::error::EngineError;

type Write = (Vec<u8>, Option<Vec<u8>>);

/// The commits of the scene: rows that come, change, go, and move in and out of their blocks.
fn scene() -> Vec<Vec<Write>> {
    let row = |key: &[u8], commit: u64, length: usize| (key.to_vec(), Some(value(commit, length, false)));
    let gone = |key: &[u8]| (key.to_vec(), None);
    let mut commits = vec![
        // Everything anew; a bucket that is full at once.
        (0..6).map(|n| row(&[EIGHTS, 0, n], 1, 500)).chain((0..10).map(|n| row(&[BUCKETS, 1, n], 1, 2800))).collect(),
        (0..9).map(|n| row(&[PLAIN, n], 2, 20)).chain((0..40).map(|n| row(&[MANY, n, 1], 2, 0))).collect(),
        // Out of the block, into it, and back.
        vec![row(&[EIGHTS, 0, 1], 3, 5000), row(&[EIGHTS, 0, 2], 3, 9000), gone(&[BUCKETS, 1, 3]), gone(&[PLAIN, 4])],
        vec![row(&[EIGHTS, 0, 1], 4, 50), gone(&[EIGHTS, 0, 2]), row(&[BUCKETS, 1, 9], 4, 10)],
    ];
    // What dies young; what is deleted and never was; a block that goes as a whole.
    commits.push(vec![row(&[PLAIN, 77], 5, 3), gone(&[MANY, 200, 0]), row(&[EIGHTS, 3, 1], 5, 4000)]);
    commits.push(vec![gone(&[PLAIN, 77]), gone(&[EIGHTS, 3, 1]), row(&[EIGHTS, 0, 1], 5, 6000)]);
    commits.push((0..6).map(|n| gone(&[EIGHTS, 0, n])).chain([row(&[PLAIN, 1], 7, 0)]).collect());
    commits
}

/// Plays the scene: a checkpoint after every second commit. An error is that of a step.
fn play(store: &RowStore<MemoryBase>, model: &mut Model) -> Result<(), EngineError> {
    let scene = scene();
    for (nth, rows) in scene.iter().enumerate().skip(model.commits.len()) {
        model.publish(store, rows.clone());
        if nth % 2 == 1 {
            store.freeze();
            store.checkpoint_step()?;
        }
    }
    checkpoint(store)
}

/// Starts again over what a crash left, replays, and plays on.
fn start_again(base: MemoryBase, left: usize, model: &Model) -> RowStore<MemoryBase> {
    base.crash(left);
    let store = open(base).unwrap();
    model.replay(&store);
    store
}

/// How much of what wasn't synced a crash leaves: nothing, all, and some in between.
fn lefts(unsynced: usize) -> Vec<usize> {
    let mut lefts = vec![0, unsynced / 3, unsynced / 2, unsynced.saturating_sub(1), unsynced];
    lefts.dedup();
    lefts
}

fn calls_of_the_scene() -> u64 {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    let before = store.base().calls();
    play(&store, &mut model).unwrap();
    let calls = store.base().calls() - before;
    check_all_in_sled(&model, &store);
    calls
}

#[test]
fn any_call_that_fails_ends_the_process_and_the_next_start_has_everything() {
    let calls = calls_of_the_scene();
    assert!(calls > 60, "{calls}");
    let mut crashes = 0;
    for call in 0..calls {
        for fault in [Fault::Before, Fault::After] {
            for nth_left in 0..5 {
                let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
                store.base().fail_after(call, fault);
                assert!(play(&store, &mut model).is_err(), "call {call} isn't a call of a step");
                model.check(&store);
                let unsynced = store.base().unsynced();
                let Some(left) = lefts(unsynced).get(nth_left).copied() else { break };
                let store = start_again(store.into_base(), left, &model);
                model.check(&store);
                play(&store, &mut model).unwrap();
                check_all_in_sled(&model, &store);
                crashes += 1;
            }
        }
    }
    assert!(crashes > 2 * calls, "{crashes}");
}

/// A read that fails costs the step and nothing else.
#[test]
fn a_step_whose_read_fails_can_be_done_again() {
    let calls = calls_of_the_scene();
    let mut again = 0;
    for call in 0..calls {
        let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
        store.base().fail_after(call, Fault::Before);
        let mut failed = false;
        while let Err(error) = play(&store, &mut model) {
            failed |= matches!(error, EngineError::FailedBefore);
            if failed {
                break;
            }
            again += 1;
            while store.checkpoint_step().is_ok_and(|step| !step.done) {}
        }
        if !failed {
            check_all_in_sled(&model, &store);
        }
    }
    assert!(again > 50, "{again}");
}

/// The recovery of a crash is cut off by another one, at every call, and that is recovered from.
#[test]
fn a_crash_in_the_recovery_of_a_crash_loses_nothing() {
    let calls = calls_of_the_scene();
    let step = if super::random::cases() > 100 { 1 } else { 9 };
    for call in (0..calls).step_by(step) {
        let first = |left: usize| {
            let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
            store.base().fail_after(call, Fault::After);
            assert!(play(&store, &mut model).is_err());
            let left = left.min(store.base().unsynced());
            (start_again(store.into_base(), left, &model), model)
        };
        for left in [0, 3, usize::MAX] {
            for second in (0..).step_by(step) {
                let (store, mut model) = first(left);
                store.base().fail_after(second, Fault::Before);
                if play(&store, &mut model).is_ok() {
                    break;
                }
                let unsynced = store.base().unsynced();
                let store = start_again(store.into_base(), usize::try_from(second).unwrap() % (unsynced + 1), &model);
                play(&store, &mut model).unwrap();
                check_all_in_sled(&model, &store);
            }
        }
    }
}

/// A start whose reads fail is an error, and the next one has everything.
#[test]
fn an_open_that_fails_can_be_done_again() {
    for at in 0..40 {
        let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
        store.base().fail_after(calls_of_the_scene() - 12, Fault::After);
        assert!(play(&store, &mut model).is_err());
        let base = store.into_base();
        base.crash(usize::MAX);
        base.fail_after(at, Fault::Before);
        let rows = base.rows();
        let Err(error) = open(base) else { return };
        assert!(matches!(error, EngineError::Io(_)), "{error}");
        let base = MemoryBase::default();
        for (key, value) in rows {
            base.damage(&key, Some(value));
        }
        let store = open(base).unwrap();
        model.replay(&store);
        play(&store, &mut model).unwrap();
        check_all_in_sled(&model, &store);
    }
}

/// A reader that meets a failing disk says so; whoever asks again is answered.
#[test]
fn a_read_that_fails_is_an_error_once() {
    let (store, mut model) = (open(MemoryBase::default()).unwrap(), Model::default());
    play(&store, &mut model).unwrap();
    for call in 0..3 {
        for key in model.keys() {
            store.base().fail_after(call, Fault::Before);
            let _ = store.get(key);
            store.base().fail_no_more();
            assert_eq!(store.get(key).unwrap().map(|value| value.to_vec()), model.at(key, model.last()));
        }
    }
    let (all, mut seen) = (store.range(&[], None).count(), 0);
    for call in 0..200 {
        for backwards in [false, true] {
            store.base().fail_after(call, Fault::Before);
            let rows = if backwards { store.range_rev(&[], &[0xef]) } else { store.range(&[], None) };
            let (given, errors): (Vec<_>, Vec<_>) = rows.partition(Result::is_ok);
            store.base().fail_no_more();
            // A row that was only looked ahead at is read again when it is its turn.
            assert!(errors.len() <= 1 && (!errors.is_empty() || given.len() == all), "{call}");
            seen += errors.len();
        }
    }
    assert!(seen > 20, "{seen}");
    model.check(&store);
}
