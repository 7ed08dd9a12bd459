//! Looking at a store that no daemon runs on, without writing to it.
//!
//! sled tidies up as it opens its files: it cuts off what it can't read, writes a snapshot, makes what is missing. That
//! may be more than a look is meant to do, and what root's look leaves behind belongs to root. So a copy is opened, in
//! the folder for temporary files, and the copy has no name any more as soon as it is open: however this process ends,
//! nothing is left of it.

use crate::clock::Clock;
use crate::model::Seq;
use crate::store::backup::format as backup;
use crate::store::backup::format::{BackupError, Progress};
use crate::store::backup::offline::write_tree;
use crate::store::engine::{LOCK_AGAIN, LOCK_PATIENCE, Tree, Writer, catch_sled_panic, copy_file};
use crate::store::error::{OpenError, StoreError};
use crate::store::lifecycle::files::{DB, JOURNAL, RESTORING, Taken, read_head, take_up};
use crate::store::lifecycle::verify::Report;
use crate::store::lifecycle::{offline, owner, repair, verify};
use crate::store::schema::record::{FormatV1, HeadV1};
use crate::store::schema::references::References;
use fs2::FileExt as _;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{fs, io};

/// How much room a copy needs beside its own bytes: what opening it may write.
const ROOM: u64 = 16 * 1024 * 1024;

/// A copy of a data folder's files, which goes when this is dropped.
pub(crate) struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Copies sled's files and the journal. Fails where there is no room for it, or a file can't be read.
    pub(crate) fn of(data: &Path) -> Result<Self, OpenError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        let below =
            ["blobs", JOURNAL].into_iter().flat_map(|folder| fs::read_dir(data.join(folder)).into_iter().flatten());
        for entry in fs::read_dir(data)?.chain(below) {
            let path = entry?.path();
            let name = path.strip_prefix(data).unwrap_or(&path).to_owned();
            let first = name.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
            let first = first.unwrap_or_default();
            let found = fs::metadata(&path)?;
            if found.is_file() && (matches!(&*first, DB | "conf" | "blobs" | JOURNAL) || first.starts_with("snap.")) {
                bytes += found.len();
                files.push(name);
            }
        }
        let temporary = std::env::temp_dir();
        if fs2::available_space(&temporary)? < bytes + ROOM {
            let why = format!(
                "the store is looked at in a copy, and {} has no room for its {} MiB: make room, or let TMPDIR name \
                 another folder",
                temporary.display(),
                (bytes + ROOM) >> 20
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why).into());
        }
        let folder = temporary.join(format!("carteiro-{:016x}", u64::from_be_bytes(crate::random::bytes())));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let copied = Self { folder };
        for below in ["blobs", JOURNAL] {
            DirBuilder::new().mode(0o700).create(copied.folder.join(below))?;
        }
        for name in files {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{} can't be copied: {error}", data.join(&name).display()))
            };
            copy_file(&data.join(&name), &copied.folder.join(&name)).map_err(named)?;
        }
        Ok(copied)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // What clears the folder for temporary files does it otherwise.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Keeps every daemon off a data folder for as long as the file lives, as sled itself does, and writes nothing.
pub(crate) fn lock(data: &Path) -> Result<File, OpenError> {
    let file = File::open(data.join("db"))?;
    let began = Instant::now();
    loop {
        match file.try_lock_exclusive() {
            Ok(()) => return Ok(file),
            Err(_) if began.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOCK_AGAIN),
            Err(_) => return Err(OpenError::Locked),
        }
    }
}

/// A store that no daemon runs on, held by this process for as long as this lives.
pub struct OfflineStore {
    tree: Arc<dyn Tree>,
    format: FormatV1,
    head: HeadV1,
    /// The last commit that is there.
    commit: u64,
    /// What a daemon would refuse to start on.
    refusal: Option<OpenError>,
    /// Keeps daemons off.
    _lock: File,
}

impl OfflineStore {
    /// Opens the store of a data folder; there must be one. Nothing is written there: a copy is opened, in the folder
    /// for temporary files. It is looked at as it is: the marker is not believed, and what a daemon would refuse to
    /// start on is a finding of [`OfflineStore::verify`].
    pub fn open(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, OpenError> {
        Self::look(path, cache_bytes, accept_data_loss, false).map_err(|error| owner::named(path, error))
    }

    /// As [`OfflineStore::open`], to be backed up: what an accepted loss leaves is mended in the copy, as a daemon's
    /// start does it. A backup doesn't say that it is still to be done.
    pub fn open_mended(path: &Path, cache_bytes: u64, accept_data_loss: bool) -> Result<Self, OpenError> {
        Self::look(path, cache_bytes, accept_data_loss, true).map_err(|error| owner::named(path, error))
    }

    fn look(path: &Path, cache_bytes: u64, accept_data_loss: bool, mends: bool) -> Result<Self, OpenError> {
        // Not `exists`: a folder that may not be looked into isn't an empty one.
        if !path.join(DB).try_exists()? {
            let none = format!("there is no store in {}", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, none).into());
        }
        if !path.join(JOURNAL).try_exists()? && !accept_data_loss {
            // Sled would cut off what it can't read of a half of a copy.
            return Err(OpenError::NothingVouches(path.to_owned()));
        }
        let lock = offline::lock(path)?;
        let copied = offline::Copied::of(path)?;
        let half = path.join(RESTORING).exists().then(|| OpenError::HalfRestored(path.to_owned()));
        let (taken, refusal) = match take_up(path, copied.folder(), cache_bytes, false) {
            Ok(taken) => (taken, half),
            // The copy as it was: what was refused was not touched but by sled, which would do the same again.
            Err(refusal) => match take_up(path, copied.folder(), cache_bytes, true) {
                Ok(taken) => (taken, Some(half.unwrap_or(refusal))),
                Err(_) => return Err(half.unwrap_or(refusal)),
            },
        };
        let Taken { mut writer, format, .. } = taken;
        // That of before: a journal that goes on from there has what a daemon mends.
        let commit = writer.last_commit();
        if mends && (accept_data_loss || writer.is_unrepaired()) {
            catch_sled_panic(|| -> Result<_, StoreError> {
                let mut head = read_head(&*writer.engine)?;
                repair::after_loss(&mut writer, &References::new(&format.id_key), &mut head)
            })?;
        }
        drop(copied);
        let tree: Arc<dyn Tree> = writer.into_engine();
        let head = match read_head(&*tree) {
            Err(error) if refusal.is_none() => return Err(error.into()),
            // Of a store that has lost something, verifying names what can't be read.
            head => head.unwrap_or_default(),
        };
        Ok(Self { tree, format, head, commit, refusal, _lock: lock })
    }

    /// Whether a daemon would start on it.
    pub fn refusal(&self) -> Option<&OpenError> {
        self.refusal.as_ref()
    }

    /// Writes a backup of it.
    pub fn back_up<W: io::Write>(
        &self,
        out: W,
        clock: &Clock,
        progress: impl FnMut(Progress),
    ) -> Result<W, BackupError> {
        let header = backup::Header::new(self.format.format, &self.head, clock.now());
        let mut writer = backup::Writer::new(out, &header)?;
        write_tree(&*self.tree, &mut writer, progress)?;
        writer.finish(self.commit)
    }

    /// See [`Store::verify`](crate::store::Store::verify).
    pub fn verify(&self, progress: impl FnMut(u64)) -> Report {
        let references = References::new(&self.format.id_key);
        let mut report = verify::verify(&*self.tree, &references, Seq(u64::MAX), progress);
        if let Some(refusal) = &self.refusal {
            report.wrong(refusal);
        }
        report
    }
}
