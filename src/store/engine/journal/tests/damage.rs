//! Damage to one file: it is refused, or it is harmless; never is a journal opened that has less than what was
//! acknowledged. And the limit of that, after a power cut.

use super::crashes::rounds;
use super::model::{Model, Random};
use crate::store::engine::journal::disk::{Disk as _, Fault, MemoryDisk};
use crate::store::engine::journal::error::RecoverError;
use crate::store::engine::journal::marker;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Count {
    harmless: u64,
    refused: u64,
}

/// Opens a folder that somebody has done something to.
fn open(model: &Model, image: &MemoryDisk, count: &mut Count) {
    match model.open(image, false) {
        Ok((_, recovered, replayed)) => {
            model.check(&recovered, &replayed);
            count.harmless += 1;
        }
        Err(error) => {
            assert!(!matches!(error, RecoverError::Io { .. } | RecoverError::Replay(_)), "{error}");
            assert!(error.to_string().len() > 60);
            count.refused += 1;
        }
    }
}

/// The folder of a store that has lived, every state that each of its files has had, and what it must have.
fn lived(seed: u64) -> (MemoryDisk, BTreeMap<String, BTreeSet<Vec<u8>>>, Model) {
    let disk = MemoryDisk::new();
    let (mut model, mut random) = (Model::new(600), Random(seed));
    let mut states: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for _ in 0..3 {
        let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
        model.go_on(&recovered);
        let mut holds = Vec::new();
        for _ in 0..12 {
            model.act(&mut journal, &mut holds, &mut random).unwrap();
            for name in disk.list().unwrap() {
                states.entry(name.clone()).or_default().insert(disk.contents(&name).unwrap());
            }
        }
    }
    (disk, states, model)
}

fn with(disk: &MemoryDisk, name: &str, contents: Option<Vec<u8>>) -> MemoryDisk {
    let image = disk.kill();
    image.put(name, contents);
    image
}

#[test]
fn damage_to_one_file_is_refused_or_harmless() {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for seed in 0..rounds(3) {
        let (disk, states, model) = lived(seed + 100);
        let names = disk.list().unwrap();
        for name in &names {
            let whole = disk.contents(name).unwrap();
            for at in 0..whole.len() {
                // The marker's blocks are empty but for their beginnings.
                if name == marker::NAME && at % marker::SLOT_BYTES > 64 && at % 211 != 0 {
                    continue;
                }
                for flip in [1 << (at % 8), 0xff] {
                    let mut flipped = whole.clone();
                    flipped[at] ^= flip;
                    open(&model, &with(&disk, name, Some(flipped)), counts.entry("flipped").or_default());
                }
            }
            for length in (0..whole.len()).filter(|length| name != marker::NAME || length % 53 == 0 || *length < 100) {
                let cut = with(&disk, name, Some(whole[..length].to_vec()));
                open(&model, &cut, counts.entry("cut off").or_default());
            }
            let mut longer = whole.clone();
            longer.extend_from_slice(&whole);
            open(&model, &with(&disk, name, Some(longer)), counts.entry("longer").or_default());
            open(&model, &with(&disk, name, None), counts.entry("missing").or_default());
            for other in &names {
                let image = with(&disk, name, disk.contents(other));
                open(&model, &image, counts.entry("twice").or_default());
                image.put(other, Some(whole.clone()));
                open(&model, &image, counts.entry("swapped").or_default());
            }
            open(&model, &with(&disk, "00000077.journal", Some(whole)), counts.entry("copied").or_default());
        }
        for (name, states) in &states {
            for state in states {
                let image = with(&disk, name, Some(state.clone()));
                open(&model, &image, counts.entry("an old state").or_default());
            }
        }
    }
    println!("{counts:?}");
    assert!(counts.iter().all(|(what, count)| count.refused > 0 || *what == "longer"));
}

/// What the paragraph "What can't be seen" of [`crate::store::engine::journal::recover`] says.
#[test]
fn after_a_power_cut_damage_hides_what_the_last_second_acknowledged_and_no_more() {
    let (mut refused, mut opened_as_less, mut harmless) = (0, 0, 0);
    for seed in 0..rounds(6) {
        let disk = MemoryDisk::new();
        let (mut model, mut random) = (Model::new(100_000), Random(seed));
        let (mut journal, recovered, _) = model.open(&disk, false).unwrap();
        model.go_on(&recovered);
        let mut marked = 0;
        let mut before_the_last_sync = 0;
        for round in 0..12 {
            for _ in 0..=random.below(3) {
                model.append(&mut journal, 1, 40).unwrap();
            }
            before_the_last_sync = model.acknowledged;
            // Synced with the sixth round: due by then.
            model.now += std::time::Duration::from_millis(if round == 5 { 2000 } else { 1 });
            model.sync(&mut journal).unwrap();
            if round == 5 {
                marked = model.acknowledged;
            }
        }
        drop(journal);
        let cut = disk.cut_power(|_| 0);
        let (_, recovered, _) = model.open(&cut.kill(), false).unwrap();
        assert_eq!(recovered.last_commit, model.acknowledged);
        let name = "00000001.journal";
        let whole = cut.contents(name).unwrap();
        let mut try_it = |contents: Vec<u8>, least: u64| match model.open(&with(&cut, name, Some(contents)), false) {
            Ok((_, recovered, replayed)) => {
                model.check_from(least, &recovered, &replayed);
                if recovered.last_commit < model.acknowledged { opened_as_less += 1 } else { harmless += 1 }
            }
            Err(_) => refused += 1,
        };
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << random.below(8);
            try_it(flipped, before_the_last_sync);
            try_it(whole[..at].to_vec(), marked);
        }
        // Killed, there is no limit: the marker says what was acknowledged last.
        for at in 0..whole.len() {
            let killed = with(&disk, name, Some(whole[..at].to_vec()));
            assert!(model.open(&killed, false).is_err());
        }
    }
    println!("{refused} refused, {opened_as_less} opened as less, within the limit, {harmless} harmless");
    assert!(refused > 0 && opened_as_less > 0);
}

/// After a power cut that takes some of what wasn't synced, a missing or old file is still refused or harmless.
#[test]
fn a_file_that_is_missing_after_a_power_cut_is_refused_or_harmless() {
    let mut count = Count::default();
    for seed in 0..rounds(20) {
        let (disk, _, mut model) = lived(seed + 1000);
        let mut random = Random(seed);
        let calls = disk.calls();
        disk.fail(calls + 12 + random.below(60) as u64, Fault::Crash);
        let _ = model.live(&disk, 20, &mut random);
        for _ in 0..5 {
            let image = disk.cut_power(|n| random.below(n));
            for name in image.list().unwrap() {
                open(&model, &with(&image, &name, None), &mut count);
            }
        }
    }
    println!("{count:?}");
}
