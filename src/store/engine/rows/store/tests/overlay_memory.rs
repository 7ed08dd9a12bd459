//! What an overlay counts is what it takes.

#![allow(clippy::pedantic, reason = "numbers of a test")]

use super::carteiro::{carteiro_layout, group, mix};
use crate::store::engine::rows::memory::MemoryBase;
use crate::store::engine::rows::store::Limits;
use crate::store::engine::rows::store::RowStore;
use crate::store::engine::tree::RowWrite;

fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn fill(what: &str, rows: impl Fn(u64) -> Vec<RowWrite>) {
    const LIMIT: usize = 48 << 20;
    let limits = Limits { overlay_bytes: LIMIT };
    let store = RowStore::open(MemoryBase::default(), carteiro_layout, [0; 16], limits).unwrap();
    let (before, mut count) = (resident(), 0);
    for commit in 1.. {
        let rows = rows(commit);
        count += rows.len();
        store.publish(commit, &rows).unwrap();
        if store.pressure() >= 100 {
            break;
        }
    }
    let taken = (resident() - before) / LIMIT as f64;
    println!("{what}: {count} rows, {:.0} bytes each, {taken:.2} of what is counted", LIMIT as f64 / count as f64);
    assert!((0.75..1.15).contains(&taken));
    // Not given back to the others in this process.
    std::mem::forget(store);
}

#[test]
#[ignore = "it measures this process, in which others run too"]
fn an_overlay_takes_what_it_counts() {
    fill("events and their rows", |commit| group(commit * 64, 64, 3, 1000));
    let plain =
        |key: [u8; 24]| ([&[0x24], &key[..]].concat().into(), Some(crate::store::engine::tree::Slice::default()));
    let key = |n: u64| -> [u8; 24] { [n, 1, n].map(u64::to_be_bytes).concat().try_into().unwrap() };
    fill("25-byte keys, ascending", |commit| (0..100).map(|n| plain(key(commit * 100 + n))).collect());
    fill("25-byte keys, scattered", |commit| (0..100).map(|n| plain(key(mix(commit * 100 + n)))).collect());
    fill("25-byte keys, deleted", |commit| (0..100).map(|n| (plain(key(mix(commit * 100 + n))).0, None)).collect());
}
