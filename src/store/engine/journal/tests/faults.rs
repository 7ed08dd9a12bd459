//! Every call made to fail once: the error is returned, nothing is written after it, and nothing acknowledged is lost.

use super::crashes::{images, rounds};
use super::model::{Model, Random};
use crate::store::engine::journal::Journal;
use crate::store::engine::journal::disk::{Fault, MemoryDisk};
use crate::store::error::EngineError;
use std::time::Duration;

/// Two lives; whether both went to their ends.
fn live(disk: &MemoryDisk, seed: u64) -> (Model, bool) {
    let (mut model, mut random) = (Model::new([300, 2000, 9000][seed as usize % 3]), Random(seed));
    for _ in 0..2 {
        let Ok((mut journal, recovered, replayed)) = model.open(disk, false) else { return (model, false) };
        model.check(&recovered, &replayed);
        model.go_on(&recovered);
        let mut holds = Vec::new();
        for _ in 0..14 {
            if let Err(error) = model.act(&mut journal, &mut holds, &mut random) {
                assert!(matches!(error, EngineError::Io(_)), "{error}");
                return (model, false);
            }
        }
    }
    (model, true)
}

#[test]
fn each_call_fails_once_and_nothing_acknowledged_is_lost() {
    let (mut faults, mut opened) = (0, 0);
    for seed in 0..rounds(9) {
        let disk = MemoryDisk::new();
        assert!(live(&disk, seed).1);
        for call in 0..disk.calls() {
            for fault in [Fault::Io, Fault::Full, Fault::Short] {
                let disk = MemoryDisk::new();
                disk.fail(call, fault);
                let (model, lived) = live(&disk, seed);
                assert_eq!(lived, fault == Fault::Short, "call {call}, {fault:?}");
                faults += 1;
                let mut random = Random(seed ^ (call << 8));
                for image in images(&disk, 3, &mut random) {
                    let (_, recovered, replayed) = model.open(&image, false).unwrap();
                    model.check(&recovered, &replayed);
                    opened += 1;
                }
            }
        }
    }
    println!("{faults} faults, {opened} opened after them");
}

/// A call that fails in recovery: refused, and the next start has everything.
#[test]
fn each_call_of_a_recovery_fails_once() {
    let mut faults = 0;
    for seed in 0..rounds(12) {
        let disk = MemoryDisk::new();
        let (mut model, mut random) = (Model::new(1000), Random(seed));
        let mut journal = model.live(&disk, 30, &mut random).unwrap().unwrap();
        for _ in 0..3 {
            model.append(&mut journal, 3, 3000).unwrap();
        }
        let image = disk.cut_power(|n| random.below(n));
        let whole = image.kill();
        model.open(&whole, false).unwrap();
        for call in 0..whole.calls() {
            for fault in [Fault::Io, Fault::Full, Fault::Short] {
                let failing = image.kill();
                failing.fail(call, fault);
                assert_eq!(model.open(&failing, false).is_ok(), fault == Fault::Short);
                faults += 1;
                for image in images(&failing, 3, &mut random) {
                    let (_, recovered, replayed) = model.open(&image, false).unwrap();
                    model.check(&recovered, &replayed);
                }
            }
        }
    }
    println!("{faults} faults");
}

type Action = fn(&mut Journal, &mut Model) -> Result<(), EngineError>;

/// Whatever is written, and whichever of its calls fails: no call comes after it.
#[test]
fn nothing_is_written_after_an_error() {
    let begin = |disk: &MemoryDisk| {
        let mut model = Model::new(300);
        let (mut journal, recovered, _) = model.open(disk, false).unwrap();
        model.go_on(&recovered);
        for _ in 0..3 {
            model.append(&mut journal, 2, 100).unwrap();
        }
        (journal, model)
    };
    let actions: [Action; 4] = [
        |journal, model| model.append(journal, 1, 1),
        |journal, _| journal.sync(Duration::ZERO).map(drop),
        |journal, _| journal.rotate(),
        |journal, _| journal.sync(Duration::ZERO).and_then(|_| journal.sync_marker(Duration::MAX)),
    ];
    let mut faults = 0;
    for act in actions {
        let disk = MemoryDisk::new();
        let (mut journal, mut model) = begin(&disk);
        let before = disk.calls();
        act(&mut journal, &mut model).unwrap();
        for call in before..disk.calls() {
            let disk = MemoryDisk::new();
            let (mut journal, mut model) = begin(&disk);
            disk.fail(call, Fault::Io);
            assert!(matches!(act(&mut journal, &mut model), Err(EngineError::Io(_))));
            let calls = disk.calls();
            for again in actions {
                assert!(matches!(again(&mut journal, &mut model), Err(EngineError::FailedBefore)));
            }
            assert_eq!(disk.calls(), calls);
            faults += 1;
        }
    }
    assert!(faults > 20, "{faults}");
}
