//! A file that appears under its name only once it is whole and durable.

use crate::atomic_file;
use crate::store::backup::destination::of_file;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Fails once a disk has less room than must stay free: a backup beside the store must not be what fills its disk.
#[derive(Clone, Debug)]
struct FreeSpaceGuard {
    folder: PathBuf,
    min_free: u64,
    unchecked: u64,
}

impl FreeSpaceGuard {
    /// After how many bytes the disk is looked at again.
    const LOOK_AFTER: u64 = 4 * 1024 * 1024;

    /// For files in `folder`, on whose disk `min_free` bytes must stay free.
    fn new(folder: &Path, min_free: u64) -> Self {
        Self { folder: folder.to_owned(), min_free, unchecked: Self::LOOK_AFTER }
    }

    /// So many bytes are about to be written.
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        self.unchecked += bytes as u64;
        if self.unchecked < Self::LOOK_AFTER {
            return Ok(());
        }
        self.unchecked = 0;
        let free = fs2::available_space(&self.folder)?;
        if free < self.min_free.saturating_add(Self::LOOK_AFTER) {
            let why = format!(
                "its disk would be left with less than the {} MiB that `store.min_free` keeps",
                self.min_free >> 20
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        Ok(())
    }
}

/// A file that appears under its name only once it is whole and durable.
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: Option<File>,
    room: FreeSpaceGuard,
}

impl NewFile {
    /// Begins a file that only its owner can read; one of that name that is there already stays until this one is
    /// whole. A link is followed; what is no regular file is refused. It is given up when its disk is left with less
    /// than `min_free` bytes.
    pub fn create(path: &Path, min_free: u64) -> io::Result<Self> {
        let path = &of_file(path)?;
        // A name of its own: two who write the same file must not write into each other's.
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{:08x}.part", u32::from_be_bytes(crate::random::bytes())));
        let part = PathBuf::from(part);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut room = FreeSpaceGuard::new(folder, min_free);
        room.take(0)?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        Ok(Self { path: path.to_owned(), part, file: Some(file), room })
    }

    /// Gives it its name; durable on return.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        fs::rename(&self.part, &self.path)?;
        self.file = None;
        atomic_file::sync_folder(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.take(bytes.len())?;
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Given up half-way: what is left of it is of use to nobody.
            let _ = fs::remove_file(&self.part);
        }
    }
}
