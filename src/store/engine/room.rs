//! How much of the data may be kept on a disk of this size, where the config leaves it to the store.

use std::path::Path;
use std::{fs, io};

/// The files take at most this share of what the disk has for them, in percent: others write to it as well, and a
/// backup beside the store needs some of it for a while.
const SHARE: u64 = 80;
/// The files take up to this many times what retention counts: deleting leaves room inside of them that only new rows
/// fill (see `docs/sizing.md`).
const FILES_TO_COUNTED: u64 = 3;
/// Never less than this is kept: 64 MiB, some ten thousands of events.
const LEAST: u64 = 64 * 1024 * 1024;

/// How many bytes, as retention counts them, may be kept so that the files of `folder` don't fill their disk: of the
/// bytes that are free now and those that the files take already, so that the store's own growth changes nothing.
pub fn retention_bytes_for(folder: &Path, min_free: u64) -> io::Result<u64> {
    Ok(kept_of(fs2::available_space(folder)?.saturating_add(bytes_below(folder)?), min_free))
}

fn kept_of(bytes_for_store: u64, min_free: u64) -> u64 {
    let files = (bytes_for_store / 100 * SHARE).saturating_sub(min_free);
    (files / FILES_TO_COUNTED).max(LEAST)
}

/// What the files below a folder take. A file that goes meanwhile takes nothing.
fn bytes_below(folder: &Path) -> io::Result<u64> {
    let (mut bytes, mut folders) = (0_u64, vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_what_is_kept_leave_a_fifth_of_the_disk_and_min_free() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for has in [2 * GIB, 20 * GIB, 500 * GIB] {
            let kept = kept_of(has, GIB / 4);
            assert!(kept * FILES_TO_COUNTED <= has / 5 * 4 - GIB / 4, "{has}");
            assert!(kept * FILES_TO_COUNTED > has / 2, "{has}: most of the disk is used");
        }
        assert_eq!(kept_of(0, GIB), LEAST);
        assert!(kept_of(u64::MAX, 0) > LEAST);
    }

    #[test]
    fn what_the_store_has_taken_already_counts_as_room_for_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journal")).unwrap();
        fs::write(folder.path().join("db"), vec![0; 3000]).unwrap();
        fs::write(folder.path().join("journal/1"), vec![0; 500]).unwrap();
        assert_eq!(bytes_below(folder.path()).unwrap(), 3500);
        assert!(retention_bytes_for(folder.path(), 0).unwrap() >= LEAST);
        assert!(retention_bytes_for(&folder.path().join("missing"), 0).is_err());
    }
}
