//! Looking at a store that no daemon runs on, without writing to it.
//!
//! sled tidies up as it opens its files: it cuts off what it can't read, writes a snapshot, makes what is missing. That may be more
//! than whoever looks wants, and what root's look leaves behind belongs to root. So a copy is opened, in the folder for temporary files,
//! and the copy has no name any more as soon as it is open: however this process ends, nothing is left of it.

use super::StoreError;
use super::engine::{LOCK_AGAIN, LOCK_PATIENCE};
use fs2::FileExt as _;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How much room a copy needs beside its own bytes: what opening it may write.
const ROOM: u64 = 16 * 1024 * 1024;

/// A copy of a data folder's files, which goes when this is dropped.
pub(super) struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Copies what sled needs. Fails where there is no room for it, or a file can't be read.
    pub(super) fn of(data: &Path) -> Result<Self, StoreError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for entry in fs::read_dir(data)?.chain(match fs::read_dir(data.join("blobs")) {
            Ok(blobs) => blobs.collect(),
            Err(_) => Vec::new(),
        }) {
            let path = entry?.path();
            let name = path.strip_prefix(data).unwrap_or(&path).to_owned();
            let first = name.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
            let first = first.unwrap_or_default();
            let found = fs::metadata(&path)?;
            if found.is_file() && (matches!(&*first, "db" | "conf" | "blobs") || first.starts_with("snap.")) {
                bytes += found.len();
                files.push(name);
            }
        }
        let temporary = std::env::temp_dir();
        if fs2::available_space(&temporary)? < bytes + ROOM {
            let why = format!(
                "the store is looked at in a copy, and {} has no room for its {} MiB: make room, or let TMPDIR name another folder",
                temporary.display(),
                (bytes + ROOM) >> 20
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why).into());
        }
        let folder = temporary.join(format!("carteiro-{:016x}", u64::from_be_bytes(crate::random::bytes())));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let copied = Self { folder };
        DirBuilder::new().mode(0o700).create(copied.folder.join("blobs"))?;
        for name in files {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{} can't be copied: {error}", data.join(&name).display()))
            };
            fs::copy(data.join(&name), copied.folder.join(&name)).map_err(named)?;
        }
        Ok(copied)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // Whoever clears the folder for temporary files does it otherwise.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Keeps every daemon off a data folder for as long as the file lives, as sled itself does, and writes nothing.
pub(super) fn lock(data: &Path) -> Result<File, StoreError> {
    let file = File::open(data.join("db"))?;
    let began = Instant::now();
    loop {
        match file.try_lock_exclusive() {
            Ok(()) => return Ok(file),
            Err(_) if began.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOCK_AGAIN),
            // In the words by which sled says the same.
            Err(error) => {
                let why = io::Error::other(format!("could not acquire lock on {}: {error}", data.display()));
                return Err(sled::Error::Io(why).into());
            }
        }
    }
}
