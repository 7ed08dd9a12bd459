//! Why the store could not do what it was asked to.

use crate::store::format::of_another_format;
use std::path::PathBuf;
use std::{fmt, io};

/// What helps when data is lost.
pub(crate) const RESTORE: &str =
    "keep a copy of the data folder, then restore the last backup into an empty one with `carteiro restore FILE`";

/// Why an open store could not do what it was asked to. Each error displays as a sentence that says what to do.
#[derive(Debug)]
pub enum StoreError {
    /// The engine failed, or the disk below it.
    Engine(EngineError),
    /// A row isn't what was written.
    Damaged {
        /// What kind of row.
        table: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The disk is almost full: nothing that makes the store grow is taken.
    Full {
        /// Bytes that may still be written.
        free: u64,
        /// Bytes that must stay free.
        min_free: u64,
    },
    /// The committer has stopped: the daemon is going down.
    Stopped,
    /// A file of the data folder could not be read or written.
    Failed(io::Error),
}

/// What the engine met.
#[derive(Clone, Debug)]
pub struct EngineError {
    pub(crate) message: String,
    /// Where in the engine's file, as far as it says so.
    pub(crate) offset: Option<u64>,
    /// The kind of the system's error, if it was one.
    pub(crate) io_kind: Option<io::ErrorKind>,
}

impl StoreError {
    /// The engine gave up, which it does over some kinds of damage.
    pub fn of_panic(why: impl fmt::Display) -> Self {
        let message = format!("the store can't be opened, it is damaged ({why}): {RESTORE}");
        Self::Engine(EngineError { message, offset: None, io_kind: None })
    }

    /// Whether something that was written could not be read back.
    pub fn is_failed_read(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::Failed(_) | Self::Damaged { .. })
    }

    /// Whether a row was read and isn't what was written: reading it again gives the same.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// The offset in the engine's file, as far as the engine says so.
    pub(crate) fn offset(&self) -> Option<u64> {
        if let Self::Engine(error) = self { error.offset } else { None }
    }

    /// The kind of the system's error.
    pub(crate) fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Engine(error) => error.io_kind,
            Self::Failed(error) => Some(error.kind()),
            Self::Damaged { .. } | Self::Full { .. } | Self::Stopped => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => f.write_str(&error.message),
            Self::Damaged { table, what } => write!(
                f,
                "the store is damaged: a {table} record {what}; `carteiro verify` tells how far it goes, and {RESTORE}"
            ),
            Self::Full { free, min_free } => write!(
                f,
                "the disk is almost full: {} MiB are free, and `store.min_free` keeps {} MiB; make room, and the \
                 daemon goes on by itself",
                free >> 20,
                min_free >> 20
            ),
            Self::Stopped => f.write_str("the store has stopped"),
            Self::Failed(error) => write!(f, "the data folder can't be used: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Why a data folder could not be opened, restored or verified.
#[derive(Debug)]
pub enum OpenError {
    /// As of a store that is open.
    Store(StoreError),
    /// Another process has the store open.
    Locked,
    /// The store has this format number, which this carteiro doesn't read.
    Format(u32),
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
    /// The system's clock shows a time before 1970.
    ClockBefore1970,
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
    /// This marker can't be read, so nothing tells whether the store is whole.
    MarkerDamaged(PathBuf),
    /// This marker beside the store is another store's.
    AnotherStore(PathBuf),
    /// There are files of a store in this folder and no marker.
    NothingVouches(PathBuf),
    /// A restore into this folder was cut off.
    HalfRestored(PathBuf),
    /// The last process on this folder ended in the middle of a change, which only a start completes.
    Unfinished(PathBuf),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Locked => f.write_str(
                "another process holds this data folder, a `carteiro serve` as a rule: stop it, or let store.path \
                     name another folder",
            ),
            Self::Format(found) => write!(f, "the store {}", of_another_format(*found)),
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
            Self::MarkerDamaged(marker) => write!(
                f,
                "{} is damaged, so nothing tells whether the store is whole: {RESTORE}; or, if `carteiro verify` finds \
                 all well, start once with `carteiro serve --accept-data-loss`",
                marker.display()
            ),
            Self::AnotherStore(marker) => write!(
                f,
                "{} belongs to another store than the `db` beside it: put back the files that belong together, or \
                 {RESTORE}",
                marker.display()
            ),
            Self::NothingVouches(folder) => write!(
                f,
                "{} holds files of a store and no `marker`, so nothing tells whether they are all and whole: if some \
                 were copied, copy all of them; {RESTORE}; or, if what is left is all you want, start once with \
                 `carteiro serve --accept-data-loss`",
                folder.display()
            ),
            Self::Unfinished(folder) => write!(
                f,
                "the daemon on {} ended in the middle of a change: start it once, so that it completes the change, \
                 then try again",
                folder.display()
            ),
            Self::HalfRestored(folder) => write!(
                f,
                "a restore into {} was cut off: run `carteiro restore FILE` again, to its end",
                folder.display()
            ),
        }
    }
}

impl OpenError {
    /// Whether trying again later may help, with nothing of the store repaired.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => {
                matches!(error, StoreError::Full { .. } | StoreError::Stopped)
                    || error.io_kind() == Some(io::ErrorKind::StorageFull)
            }
            Self::NoRoomToOpen { .. } | Self::ClockBefore1970 => true,
            Self::Locked
            | Self::Format(_)
            | Self::Behind { .. }
            | Self::MarkerDamaged(_)
            | Self::AnotherStore(_)
            | Self::NothingVouches(_)
            | Self::HalfRestored(_)
            | Self::Unfinished(_)
            | Self::NotRoots { .. }
            | Self::Anothers { .. } => false,
        }
    }
}

impl std::error::Error for OpenError {}

impl<E: Into<StoreError>> From<E> for OpenError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}
