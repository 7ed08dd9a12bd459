//! Why a journal isn't opened: sentences that say what to do.

use crate::store::engine::reached::Reached;
use crate::store::error::{EngineError, RESTORE};
use std::fmt;
use std::io;

/// What else there is to do.
const ACCEPT: &str = "or, to go on with what is left, start once with `carteiro serve --accept-data-loss`";

/// Why a journal isn't opened. Nothing was touched, and nothing replayed unless it is [`RecoverError::Replay`] or an
/// error of a write ([`RecoverError::Io`]).
#[derive(Debug)]
pub(crate) enum RecoverError {
    /// A file can't be read or written.
    Io {
        /// What was being done, and to which file.
        doing: String,
        /// What came of it.
        error: io::Error,
    },
    /// A file of another store.
    AnotherStore {
        /// Its name.
        name: String,
    },
    /// A file of another format.
    Format {
        /// Its name.
        name: String,
        /// The format it has.
        found: u32,
    },
    /// A journal was to be made where one is.
    NotEmpty {
        /// The file that holds something.
        name: String,
    },
    /// Something is missing, or isn't what was written.
    Damage(Damage),
    /// The receiver of the frames refused one.
    Replay(EngineError),
}

/// What is missing, or isn't what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// There is no segment at all.
    JournalGone,
    /// There are segments, and no marker.
    MarkerGone,
    /// No slot of the marker holds.
    MarkerDamaged,
    /// The marker says that more was durable than there is.
    MarkerAhead {
        /// The last commit that is there.
        found: u64,
        /// The last commit that was durable.
        acknowledged: u64,
    },
    /// It is an older one than that which the rows of the store go with, or has lost its end.
    Older {
        /// How far it has come.
        found: Reached,
        /// How far it had, by what is held with the rows.
        known: Reached,
    },
    /// It is that of a copy of the store, which was started by itself.
    Apart {
        /// The commit up to which the rows are of another journal.
        commit: u64,
    },
    /// A segment whose header isn't whole.
    Header {
        /// Its file.
        name: String,
    },
    /// A frame that was durable isn't whole.
    Frame {
        /// Its file.
        name: String,
        /// Where it begins.
        at: u64,
        /// Its commit.
        commit: u64,
    },
    /// Two files hold the same segment.
    Twice {
        /// One of them.
        name: String,
        /// Which segment.
        number: u64,
    },
    /// A segment is missing.
    Missing {
        /// Which one.
        number: u64,
        /// The file that names it.
        named_by: String,
    },
    /// A seal, or a successor's header, says otherwise than the segment's frames.
    Disagrees {
        /// The segment.
        name: String,
        /// What says otherwise.
        with: &'static str,
    },
    /// The oldest commit that is there isn't the one after the last that the rows are of.
    TooOld {
        /// The oldest commit that is there.
        oldest: u64,
        /// The last commit that the rows are of.
        position: u64,
    },
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, error } if error.kind() == io::ErrorKind::StorageFull => {
                write!(f, "{doing}: the disk is full ({error}): make room, and start again; nothing is lost")
            }
            Self::Io { doing, error } => {
                write!(f, "{doing}: {error}: look at the disk (`dmesg`) and start again; if it stays so, {RESTORE}")
            }
            Self::AnotherStore { name } => write!(
                f,
                "the journal's {name} belongs to another store: put back the files that belong together, or {RESTORE}"
            ),
            Self::Format { name, found } => write!(
                f,
                "the journal's {name} has format {found}, which this version doesn't read: start the version that \
                 wrote it"
            ),
            Self::NotEmpty { name } => write!(
                f,
                "a new store was to be made, and {name} holds the journal of one: put back the files that belong to \
                 it, or {RESTORE}"
            ),
            Self::Damage(damage) => write!(f, "{damage}. {RESTORE}; {ACCEPT}"),
            Self::Replay(error) => write!(f, "a commit of the journal can't be taken over: {error}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JournalGone => f.write_str("the journal is gone: no segment of it is there"),
            Self::MarkerGone => f.write_str(
                "the journal has segments and no `marker`, so nothing tells whether they are all and whole: if some \
                 files were copied, copy all of them",
            ),
            Self::MarkerDamaged => {
                f.write_str("the journal's `marker` is damaged, so nothing tells whether the journal is whole")
            }
            Self::MarkerAhead { found, acknowledged } => write!(
                f,
                "the journal has lost what was acknowledged: it had come to commit {acknowledged}, and stands at \
                 {found}"
            ),
            Self::Older { found, known } => write!(
                f,
                "the journal is older than the `db` beside it, or has lost its end: by what `db` says, it had come to \
                 commit {} in start {}, and it stands at commit {} of start {}; if files were copied, put back the \
                 `journal` folder of the same moment as `db`",
                known.commit, known.epoch, found.commit, found.epoch
            ),
            Self::Apart { commit } => write!(
                f,
                "the journal isn't that of the `db` beside it, but of a copy of this store that was started elsewhere: \
                 by what `db` says, commit {commit} was another one; put back the `journal` folder that belongs to `db`"
            ),
            Self::Header { name } => write!(f, "the beginning of the journal's {name} is damaged"),
            Self::Frame { name, at, commit } => write!(
                f,
                "commit {commit} was acknowledged, and is damaged or missing in the journal's {name}, at byte {at}"
            ),
            Self::Twice { name, number } => write!(
                f,
                "the journal has segment {number} twice, once as {name}: take away the file that was copied there"
            ),
            Self::Missing { number, named_by } => {
                write!(f, "segment {number} of the journal is missing, which {named_by} names: put it back")
            }
            Self::Disagrees { name, with } => write!(f, "the journal's {name} isn't what {with} says it is"),
            Self::TooOld { oldest, position } => write!(
                f,
                "the store's rows are those of commit {position}, and the journal begins with {oldest}: what is \
                 between them is missing; if files were copied, copy all of them at one time"
            ),
        }
    }
}

impl std::error::Error for RecoverError {}

impl RecoverError {
    /// For `map_err`: what was being done to which file.
    pub(crate) fn io(doing: &'static str, name: &str) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("the journal's {name} can't be {doing}");
        move |error| Self::Io { doing, error }
    }
}
