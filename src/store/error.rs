//! Why the store could not do what was asked of it.

use crate::store::format::of_another_format;
use std::path::PathBuf;
use std::{fmt, io};

/// Whether sled could not have the lock of a store; it wraps the system's error into a text.
pub(crate) fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Why the store could not do what was asked of it.
#[derive(Debug)]
pub enum StoreError {
    /// sled failed, or the disk below it.
    Engine(sled::Error),
    /// The data folder could not be read or written.
    Io(io::Error),
    /// A row isn't what was written.
    Damaged {
        /// What kind of row.
        table: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store has a format that this carteiro doesn't read.
    Format {
        /// Its format number.
        found: u32,
    },
    /// The process runs as root, and the folder is another user's.
    NotRoots {
        /// The data folder.
        folder: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// A file is another user's, and may not be read or written.
    Anothers {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        owner: String,
        /// The data folder.
        folder: PathBuf,
        /// Who this process runs as.
        user: String,
    },
    /// The committer has stopped: the daemon is going down.
    Stopped,
    /// The system's clock shows a time before 1970.
    ClockBefore1970,
    /// sled gave up while opening: the data is damaged.
    OpenFailed(String),
    /// The disk is almost full: nothing that makes the store grow is taken.
    Full {
        /// Bytes that may still be written.
        free: u64,
        /// Bytes that must stay free.
        min_free: u64,
    },
    /// The disk has no room for what opening the store may write; nothing was touched.
    NoRoomToOpen {
        /// The data folder.
        folder: PathBuf,
        /// How many bytes it takes.
        needed: u64,
    },
    /// The store has less than it had acknowledged.
    Behind {
        /// The data folder.
        folder: PathBuf,
        /// The last commit it has; `None` where nothing is left of it.
        found: Option<u64>,
        /// The last commit it had made durable.
        acknowledged: u64,
    },
    /// The marker can't be read, so nothing tells whether the store is whole.
    MarkerDamaged {
        /// The marker.
        marker: PathBuf,
    },
    /// The marker beside the store is another store's.
    AnotherStore {
        /// The marker.
        marker: PathBuf,
    },
    /// There are files of a store and no marker.
    NothingVouches {
        /// The data folder.
        folder: PathBuf,
    },
    /// A restore into the folder was cut off.
    HalfRestored {
        /// The data folder.
        folder: PathBuf,
    },
    /// The last process ended in the middle of a change, which only a start completes.
    Unfinished {
        /// The data folder.
        folder: PathBuf,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(sled::Error::Io(error)) if is_locked(error) => f.write_str(
                "another process holds this data folder, a `carteiro serve` as a rule: stop it, or let store.path \
                     name another folder",
            ),
            Self::Engine(sled::Error::Io(error)) if error.kind() == io::ErrorKind::StorageFull => {
                f.write_str("the disk of the data folder is full to its last byte: make room, and start again")
            }
            Self::Engine(error @ sled::Error::Io(_)) => write!(f, "the store failed: {error}"),
            Self::Engine(error) => write!(f, "the store is damaged ({error}): {RESTORE}"),
            Self::Io(error) => write!(f, "the data folder can't be used: {error}"),
            Self::Damaged { table, what } => write!(
                f,
                "the store is damaged: a {table} record {what}; `carteiro verify` tells how far it goes, and {RESTORE}"
            ),
            Self::Format { found } => write!(f, "the store {}", of_another_format(*found)),
            Self::ClockBefore1970 => f.write_str(
                "the clock of this machine is wrong, it shows a time before 1970: set it (`timedatectl`), and start \
                 again; the store was not touched",
            ),
            Self::NotRoots { folder, owner } => write!(
                f,
                "{} belongs to {owner}, and this process runs as root: {owner} could not read what root writes there; \
                 run it as {owner}: `systemctl start carteiro`, or `sudo -u {owner} carteiro ...`",
                folder.display()
            ),
            Self::Anothers { file, owner, folder, user } => write!(
                f,
                "{} belongs to {owner}, and {user} may not use it: run this as {owner} (`sudo -u {owner} carteiro \
                 ...`), or, if the store is {user}'s, give it all of it: `sudo chown -R {user}: {}`",
                file.display(),
                folder.display()
            ),
            Self::Stopped => f.write_str("the store has stopped"),
            Self::OpenFailed(why) => write!(f, "the store can't be opened, it is damaged ({why}): {RESTORE}"),
            Self::Full { free, min_free } => write!(
                f,
                "the disk is almost full: {} MiB are free, and `store.min_free` keeps {} MiB; make room, and the \
                 daemon goes on by itself",
                free >> 20,
                min_free >> 20
            ),
            Self::NoRoomToOpen { folder, needed } => write!(
                f,
                "the disk of {} is full: opening the store takes {} MiB; make room, and start again",
                folder.display(),
                needed >> 20
            ),
            Self::Behind { folder, found, acknowledged } => {
                let left = found.map_or("nothing is left".to_owned(), |found| format!("it stands at {found}"));
                write!(
                    f,
                    "the store in {} has lost what it had acknowledged: it had come to commit {acknowledged}, and \
                     {left}. {RESTORE}; or, to go on with what is left, start once with `carteiro serve \
                     --accept-data-loss`",
                    folder.display(),
                )
            }
            Self::MarkerDamaged { marker } => write!(
                f,
                "{} is damaged, so nothing tells whether the store is whole: {RESTORE}; or, if `carteiro verify` finds \
                 all well, start once with `carteiro serve --accept-data-loss`",
                marker.display()
            ),
            Self::AnotherStore { marker } => write!(
                f,
                "{} belongs to another store than the `db` beside it: put back the files that belong together, or \
                 {RESTORE}",
                marker.display()
            ),
            Self::NothingVouches { folder } => write!(
                f,
                "{} holds files of a store and no `marker`, so nothing tells whether they are all and whole: if some \
                 were copied, copy all of them; {RESTORE}; or, if what is left is all you want, start once with \
                 `carteiro serve --accept-data-loss`",
                folder.display()
            ),
            Self::Unfinished { folder } => write!(
                f,
                "the daemon on {} ended in the middle of a change: start it once, so that it completes the change, \
                 then try again",
                folder.display()
            ),
            Self::HalfRestored { folder } => write!(
                f,
                "a restore into {} was cut off: run `carteiro restore FILE` again, to its end",
                folder.display()
            ),
        }
    }
}

/// What helps when data is lost.
pub(crate) const RESTORE: &str =
    "keep a copy of the data folder, then restore the last backup into an empty one with `carteiro restore FILE`";

impl StoreError {
    /// Whether it may well be better in a moment, without anybody mending the store.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine(sled::Error::Io(error)) | Self::Io(error) => error.kind() == io::ErrorKind::StorageFull,
            Self::Full { .. } | Self::NoRoomToOpen { .. } | Self::ClockBefore1970 | Self::Stopped => true,
            Self::Engine(_)
            | Self::Damaged { .. }
            | Self::Format { .. }
            | Self::OpenFailed(_)
            | Self::Behind { .. }
            | Self::MarkerDamaged { .. }
            | Self::AnotherStore { .. }
            | Self::NothingVouches { .. }
            | Self::HalfRestored { .. }
            | Self::Unfinished { .. }
            | Self::NotRoots { .. }
            | Self::Anothers { .. } => false,
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl StoreError {
    /// Whether something that was written could not be read back.
    pub fn is_failed_read(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::Io(_) | Self::Damaged { .. } | Self::OpenFailed(_))
    }

    /// Whether a row was read and isn't what was written: reading it again gives the same.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Where in sled's file it stands, as far as sled says so.
    pub(crate) fn offset(&self) -> Option<u64> {
        match self {
            Self::Engine(sled::Error::Corruption { at: Some(at), .. }) => Some(at.lid()),
            _ => None,
        }
    }
}
