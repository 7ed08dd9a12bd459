//! What sled keeps in memory of what is read: no more than its cache may take, and a page for each of its lists.

#![allow(clippy::pedantic, reason = "numbers of a test")]

use super::carteiro::mix;
use crate::store::engine::rows::base::{Base as _, SledBase};
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "SLED_MEMORY_FOLDER";
const CACHE_BYTES: u64 = 4 << 20;
const ROW_BYTES: usize = 4096;
const ROWS: u64 = 24 * 1024;
/// Of 96 MiB that are read: those that aren't counted yet, and the one page that each list keeps.
const MOST: usize = 48 << 20;

fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<usize>().ok().map(|pages| pages * 4096)
}

fn key(n: u64) -> [u8; 9] {
    [&[0x11], &n.to_be_bytes()[..]].concat().try_into().unwrap()
}

/// What reading takes, in a process that does nothing else.
fn read(folder: &Path) {
    let base = SledBase::open(folder, CACHE_BYTES).unwrap();
    let grown = |what: &str, read: &dyn Fn() -> u64| {
        let before = resident().unwrap();
        assert_eq!(read(), ROWS, "{what}");
        let grown = resident().unwrap().saturating_sub(before);
        println!("{what}: {} KiB more", grown >> 10);
        assert!(grown < MOST, "{what}: {} KiB", grown >> 10);
    };
    grown("a walk", &|| base.range(&[], &[0xff]).map(Result::unwrap).count() as u64);
    grown("a walk back", &|| base.range_rev(&[], &[0xff]).map(Result::unwrap).count() as u64);
    // As `verify` does, which steps over what can't be read.
    grown("a walk in steps", &|| {
        let (mut from, mut count) = (Vec::new(), 0);
        while let Some(row) = base.range(&from, &[0xff]).next() {
            from = [&row.unwrap().0[..], &[0]].concat();
            count += 1;
        }
        count
    });
    grown("single rows", &|| (0..ROWS).filter(|n| base.get(&key(mix(*n) % ROWS)).unwrap().is_some()).count() as u64);
}

#[test]
fn reading_takes_what_the_cache_may_take_however_much_is_read() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return read(Path::new(&folder));
    }
    if resident().is_none() {
        println!("SKIPPED: this system doesn't say how much memory a process takes");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    {
        let base = SledBase::open(folder.path(), CACHE_BYTES).unwrap();
        for n in 0..ROWS {
            base.insert(&key(n), vec![mix(n) as u8; ROW_BYTES].into()).unwrap();
            if n % 128 == 0 {
                base.sync().unwrap();
            }
        }
        base.sync().unwrap();
    }
    // In a process of its own: others run in this one.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["reading_takes_what_the_cache_may_take", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("single rows"), "{said}{}", String::from_utf8_lossy(&child.stderr));
    println!("{said}");
}
