//! Why the store could not do what it was asked to.

mod sentences;

use crate::store::hex::hex;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// What was recorded can't be moved into sled, since the disk has no room for that: nothing that makes the store
    /// grow is taken.
    NoRoom {
        /// Bytes that may still be written.
        free: u64,
        /// Bytes that must be free for it.
        needed: u64,
    },
    /// What was recorded isn't moved into sled fast enough: nothing that makes the store grow is taken until it is.
    Busy,
    /// The committer has stopped: the daemon is going down.
    Stopped,
    /// A file of the data folder could not be read or written.
    Failed(io::Error),
}

/// What the engine met. After one in a write the process ends; one in a read costs its caller.
#[derive(Clone, Debug)]
pub enum EngineError {
    /// The disk or the system refused.
    Io(Arc<io::Error>),
    /// sled refused, or panicked.
    Sled {
        /// Its message.
        why: String,
        /// Where in its file, as far as it says so.
        offset: Option<u64>,
    },
    /// What a file holds isn't what was written; it is named.
    Damaged(String),
    /// What was asked for can't be done, and nothing was: a row that is too large, say.
    Refused(String),
    /// A write failed before, and nothing is written after it, since nobody knows what is on the disk.
    FailedBefore,
    /// A commit with another number than the next one: a mistake in the code.
    OutOfOrder {
        /// The number that comes next.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// A group of changes larger than a commit can be; nothing was written.
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// These commits are no longer in the journal.
    Gone {
        /// The commit that was asked for.
        commit: u64,
        /// Why it isn't there.
        why: &'static str,
    },
}

impl EngineError {
    /// A row of sled's that isn't what was written.
    pub(crate) fn damaged(key: &[u8], why: impl fmt::Display) -> Self {
        Self::Damaged(format!("row {} of sled is damaged: {why}", hex(key)))
    }

    /// What may have been among the rows of a block, from one key to another, that were damaged and are put aside.
    pub(crate) fn lost(from: &[u8], to: &[u8]) -> Self {
        let (from, to) = (hex(from), hex(to));
        Self::Damaged(format!("rows from {from} to {to} were damaged, and what was left of them is put aside"))
    }

    /// sled gave up, which it does over some kinds of damage.
    pub fn of_panic(why: impl fmt::Display) -> Self {
        Self::Sled { why: why.to_string(), offset: None }
    }

    /// Whether what was read isn't what was written: reading it again gives the same.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// What is wrong, for a report of `verify`: without the advice to run it.
    pub(crate) fn finding(&self) -> String {
        match self {
            Self::Damaged(why) => why.clone(),
            Self::Sled { why, .. } => format!("sled can't read it: {why}"),
            _ => self.to_string(),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl StoreError {
    /// Whether something that was written could not be read back.
    pub fn is_failed_read(&self) -> bool {
        matches!(self, Self::Engine(_) | Self::Failed(_) | Self::Damaged { .. })
    }

    /// Whether a row was read and isn't what was written: reading it again gives the same.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Engine(error) => error.is_damage(),
            Self::Full { .. } | Self::NoRoom { .. } | Self::Busy | Self::Stopped | Self::Failed(_) => false,
        }
    }

    /// What is wrong, for a report of `verify`: without the advice to run it.
    pub(crate) fn finding(&self) -> String {
        match self {
            Self::Damaged { table, what } => format!("a {table} record {what}"),
            Self::Engine(error) => error.finding(),
            _ => self.to_string(),
        }
    }

    /// Whether the next start meets the same: damage, or a place that sled itself can't read.
    pub(crate) fn is_lasting(&self) -> bool {
        self.is_damage() || matches!(self, Self::Engine(EngineError::Sled { .. }))
    }

    /// The offset in the engine's file, as far as the engine says so.
    pub(crate) fn offset(&self) -> Option<u64> {
        if let Self::Engine(EngineError::Sled { offset, .. }) = self { *offset } else { None }
    }

    /// The kind of the system's error.
    pub(crate) fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Engine(EngineError::Io(error)) => Some(error.kind()),
            Self::Failed(error) => Some(error.kind()),
            Self::Engine(_)
            | Self::Damaged { .. }
            | Self::Full { .. }
            | Self::NoRoom { .. }
            | Self::Busy
            | Self::Stopped => None,
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
    /// The journal can't be used; why, and what to do.
    Journal {
        /// The data folder.
        folder: PathBuf,
        /// The sentence.
        why: String,
        /// Whether trying again later may help.
        is_passing: bool,
    },
}

impl OpenError {
    /// Whether trying again later may help, with nothing of the store repaired.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => {
                let is_refusal = matches!(
                    error,
                    StoreError::Full { .. } | StoreError::NoRoom { .. } | StoreError::Busy | StoreError::Stopped
                );
                is_refusal || error.io_kind() == Some(io::ErrorKind::StorageFull)
            }
            Self::NoRoomToOpen { .. } | Self::ClockBefore1970 => true,
            Self::Journal { is_passing, .. } => *is_passing,
            Self::Locked
            | Self::Format(_)
            | Self::Behind { .. }
            | Self::MarkerDamaged(_)
            | Self::AnotherStore(_)
            | Self::NothingVouches(_)
            | Self::HalfRestored(_)
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
