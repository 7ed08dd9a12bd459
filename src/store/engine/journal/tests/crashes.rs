//! A crash at every call: in a life, in the recovery after it, and in the recovery after that one.

use super::model::{Model, OPENED, Random};
use crate::store::engine::journal::disk::{Fault, MemoryDisk};
use std::sync::atomic::Ordering;

/// So many power cuts are tried at each call, besides those that take all and nothing.
const CUTS: usize = 2;

pub(super) fn rounds(default: u64) -> u64 {
    std::env::var("JOURNAL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// Every so many calls are tried; all of them where `JOURNAL_ROUNDS` asks for more than a build's tests have time for.
pub(super) fn stride() -> usize {
    if std::env::var_os("JOURNAL_ROUNDS").is_some() { 1 } else { 7 }
}

/// What a crash may have left.
pub(super) fn images(disk: &MemoryDisk, cuts: usize, random: &mut Random) -> Vec<MemoryDisk> {
    let mut images = vec![disk.kill(), disk.cut_power(|_| 0), disk.cut_power(|n| n - 1)];
    images.extend((0..cuts).map(|_| disk.cut_power(|n| random.below(n))));
    // Killed, and then the power went.
    images.extend((0..cuts / 2).map(|_| disk.kill().cut_power(|n| random.below(n))));
    images
}

/// Opens what a crash left: with a crash at each call of that (or one of so many, at random), `deep` times over, and
/// then without.
fn recover(image: &MemoryDisk, model: &Model, deep: usize, one_of: usize, random: &mut Random) {
    let whole = image.kill();
    let opened = model.open(&whole, false);
    let (mut journal, recovered, replayed) = opened.unwrap_or_else(|error| panic!("{error}"));
    model.check(&recovered, &replayed);
    let calls = whole.calls();
    let mut after = model.clone();
    after.go_on(&recovered);
    after.check_closed(&journal, &whole);
    if deep > 0 {
        for call in 0..calls {
            if random.below(one_of) > 0 {
                continue;
            }
            let cut_off = image.kill();
            cut_off.fail(call, Fault::Crash);
            assert!(model.open(&cut_off, false).is_err());
            for image in images(&cut_off, 2, random) {
                recover(&image, model, deep - 1, 5, random);
            }
        }
    }
    // What was replayed is durable now, and the journal goes on.
    let cut = whole.cut_power(|_| 0);
    let (_, recovered, replayed) = after.open(&cut, false).unwrap();
    after.check(&recovered, &replayed);
    after.append(&mut journal, 2, 30).unwrap();
    after.sync(&mut journal).unwrap();
    let cut = whole.cut_power(|n| random.below(n));
    let (_, recovered, replayed) = after.open(&cut, false).unwrap();
    after.check(&recovered, &replayed);
}

#[test]
fn a_crash_at_every_call_loses_nothing_that_was_acknowledged() {
    let before = OPENED.load(Ordering::Relaxed);
    let mut crashes = 0;
    for seed in 0..rounds(1) {
        // Two lives, so that the second one's segments follow what the first one's recovery has made.
        let segment_bytes = [300, 2000, 9000][seed as usize % 3];
        let script = |fault: Option<u64>| {
            let disk = MemoryDisk::new();
            if let Some(call) = fault {
                disk.fail(call, Fault::Crash);
            }
            let (mut model, mut random) = (Model::new(segment_bytes), Random(seed));
            let ended = model.live(&disk, 12, &mut random);
            let ended = ended.and_then(|journal| {
                drop(journal);
                if model.created { model.live(&disk, 12, &mut random) } else { Ok(None) }
            });
            (disk, model, matches!(ended, Ok(Some(_))))
        };
        let (disk, _, lived) = script(None);
        assert!(lived);
        for call in (0..disk.calls()).step_by(stride()) {
            let (disk, model, lived) = script(Some(call));
            assert!(!lived);
            crashes += 1;
            let mut random = Random(seed * 1000 + call);
            for (nth, image) in images(&disk, CUTS, &mut random).iter().enumerate() {
                // A crash in recovery at each call, for some of them.
                let deep = usize::from((nth as u64 + call).is_multiple_of(9));
                recover(image, &model, deep, 1, &mut random);
            }
        }
    }
    println!("{crashes} crashes, {} opened", OPENED.load(Ordering::Relaxed) - before);
}

#[test]
fn a_crash_in_the_recovery_of_a_recovery_loses_nothing() {
    let before = OPENED.load(Ordering::Relaxed);
    for seed in 0..rounds(1) {
        let disk = MemoryDisk::new();
        let (mut model, mut random) = (Model::new(1500), Random(seed ^ 0x5555));
        model.live(&disk, if stride() > 1 { 8 } else { 25 }, &mut random).unwrap();
        // Some that aren't synced: these are copied.
        let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
        model.go_on(&recovered);
        for _ in 0..4 {
            model.append(&mut journal, 2, 2000).unwrap();
        }
        for image in [disk.kill(), disk.cut_power(|n| n - 1), disk.cut_power(|n| random.below(n))] {
            recover(&image, &model, 2, if stride() > 1 { 20 } else { 6 }, &mut random);
        }
    }
    println!("{} opened", OPENED.load(Ordering::Relaxed) - before);
}

#[test]
fn a_long_life_of_crashes_loses_nothing() {
    let before = OPENED.load(Ordering::Relaxed);
    for seed in 0..rounds(20) {
        let mut disk = MemoryDisk::new();
        let (mut model, mut random) = (Model::new([400, 3000, 20_000][seed as usize % 3]), Random(seed << 20));
        for _ in 0..40 {
            // In a third of them it doesn't come through its recovery.
            let whole = disk.kill();
            let opened = model.open(&whole, false);
            opened.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let recovery = if random.below(3) == 0 { 0 } else { whole.calls() };
            let within = if recovery == 0 { whole.calls() as usize } else { 120 };
            disk.fail(recovery + random.below(within) as u64, Fault::Crash);
            let steps = random.below(60);
            let _ = model.live(&disk, steps, &mut random);
            disk = if random.below(3) == 0 { disk.kill() } else { disk.cut_power(|n| random.below(n)) };
        }
        let opened = model.open(&disk, false);
        let (_, recovered, replayed) = opened.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        model.check(&recovered, &replayed);
    }
    println!("{} opened", OPENED.load(Ordering::Relaxed) - before);
}
