//! On real sled: what stands in its file, and what damage of it does.

#![allow(clippy::pedantic, reason = "numbers of a test")]

use super::carteiro::{carteiro_layout, event, group, key, mix};
use crate::store::engine::rows::base::SledBase;
use crate::store::engine::rows::store::Limits;
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::RowWrite;
use crate::store::engine::tree::Slice;
use crate::store::engine::tree::Tree;
use crate::store::error::EngineError;
use std::collections::BTreeMap;
use std::path::Path;

fn open(folder: &Path) -> Result<RowStore<SledBase>, EngineError> {
    let base = SledBase::open(folder, 4 << 20).map_err(EngineError::of_panic)?;
    RowStore::open(base, carteiro_layout, [5; 16], Limits { overlay_bytes: 1 << 20 })
}

fn checkpoint(store: &RowStore<SledBase>) {
    while !store.checkpoint_step().unwrap().done {}
    store.freeze();
    while !store.checkpoint_step().unwrap().done {}
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| mix(seed << 20 | n) as u8).collect()
}

fn blobs(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("blobs")).map_or(0, Iterator::count)
}

/// Blocks full of what doesn't compress, in every order, rows of the largest size in and beside them: none of it goes
/// into a file that sled doesn't sync, and never more than a segment is written between two syncs.
#[test]
fn nothing_spills_into_files_that_are_never_synced() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for commit in 1..=200_u64 {
        let mut rows: Vec<RowWrite> = Vec::new();
        for n in 0..40 {
            let random = mix(commit * 1000 + n);
            let seq = if random.is_multiple_of(3) { commit * 20 + n % 20 } else { random >> 8 & 0x3ff };
            let length = match random >> 20 & 7 {
                0 => 24_000,
                1 => 16_384,
                2 => 3_300,
                _ => 2_900,
            };
            let key = if n % 10 == 0 { key(0x11, &[&seq.to_be_bytes(), &[0, 0]]) } else { event(seq) };
            if random >> 30 & 15 == 0 {
                expected.remove(&key);
                rows.push((key.into(), None));
            } else {
                let value = noise(random, length);
                expected.insert(key.clone(), value.clone());
                rows.push((key.into(), Some(value.into())));
            }
        }
        store.publish(commit, &rows).unwrap();
        while store.pressure() >= 100 {
            store.checkpoint_step().unwrap();
        }
    }
    checkpoint(&store);
    assert_eq!(blobs(folder.path()), 0);
    println!("most between two syncs: {} KiB", store.syncs().1 >> 10);
    let found: BTreeMap<Vec<u8>, Vec<u8>> =
        store.range(&[], None).map(|row| row.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert!(found == expected);
    assert!(store.verify(|_| ()).unwrap().is_empty());
    assert!(store.syncs().1 <= crate::store::engine::rows::base::SEGMENT_BYTES as u64, "{}", store.syncs().1);
    drop(store);
    let store = open(folder.path()).unwrap();
    assert!(store.verify(|_| ()).unwrap().is_empty());
    assert_eq!(store.synced_position(), 200);
}

/// Bytes of sled's file are damaged: the start refuses, or a row is an error, or `verify` misses it; what is read is
/// never wrong.
#[test]
fn damage_of_the_file_is_found_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected: BTreeMap<Slice, Slice> = BTreeMap::new();
    {
        let store = open(folder.path()).unwrap();
        for commit in 1..=60 {
            let rows = group((commit - 1) * 32, 32, 2, 320);
            for (key, value) in &rows {
                match value {
                    Some(value) => expected.insert(key.clone(), value.clone()),
                    None => expected.remove(key),
                };
            }
            store.publish(commit, &rows).unwrap();
        }
        checkpoint(&store);
    }
    let good = std::fs::read(folder.path().join("db")).unwrap();
    let conf = std::fs::read(folder.path().join("conf")).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut refused, mut older, mut erred, mut missed, mut unused) = (0, 0, 0, 0, 0);
    let mut positions: BTreeMap<u64, usize> = BTreeMap::new();
    let rounds: u64 = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    for round in 0..rounds {
        let mut damaged = good.clone();
        // The first round damages nothing.
        let at = mix(round) as usize % used;
        let bytes = if round == 0 { 0 } else { 1 + mix(!round) as usize % 40 };
        let end = (at + bytes).min(used);
        damaged[at..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("db"), &damaged).unwrap();
        std::fs::write(folder.path().join("conf"), &conf).unwrap();
        let looked = std::panic::catch_unwind(|| {
            let Ok(store) = open(folder.path()) else { return None };
            let (mut wrong, mut bad) = (0, 0);
            for row in store.range(&[], None) {
                match row {
                    Ok((key, value)) => {
                        wrong += usize::from(expected.get(&key) != Some(&value));
                    }
                    Err(_) => bad += 1,
                }
            }
            let findings = store.verify(|_| ());
            Some((wrong, bad, store.synced_position(), findings))
        });
        if let Ok(Some((.., position, _))) = &looked {
            *positions.entry(*position).or_default() += 1;
            assert!(round > 0 || *position == 60);
        }
        match looked {
            Err(_) | Ok(None) => refused += 1,
            // Cut off behind an older position: the journal is asked for the rest.
            Ok(Some((_, 0, position, Ok(findings)))) if findings.is_empty() && position < 60 => older += 1,
            Ok(Some((wrong, 0, _, Ok(findings)))) if findings.is_empty() => {
                assert_eq!(wrong, 0, "round {round}");
                unused += 1;
            }
            // Old versions of rows, which nothing but the contents gives away, or rows that are gone.
            Ok(Some((_, 0, _, _))) => missed += 1,
            Ok(Some((wrong, ..))) => {
                assert_eq!(wrong, 0, "round {round}");
                erred += 1;
            }
        }
    }
    println!("positions {positions:?}");
    println!("refused {refused}, older {older}, errors {erred}, only verify found it {missed}, unused bytes {unused}");
}
