//! What copies of the journal have behind a backup, up to their end or to a moment.
//!
//! A moment is rounded to whole commits: up to the last one whose time isn't later. Times are those of the wall clock,
//! and may go back; it is the order of commits that counts.
//!
//! Damage, and a segment that is missing, is refused, unless a moment is given that isn't later than the last commit
//! before it: the sentence names that moment, so that it is asked for.

use crate::model::{AccountNo, EventId, Localized, Seq, Timestamp, display_in_english, localized};
use crate::store::backup::format::Progress;
use crate::store::engine::Tree;
use crate::store::engine::journal::{Copies, CopiesEnd, CopyError, FolderDisk, Frame, Identity};
use crate::store::error::StoreError;
use crate::store::format::FORMAT;
use crate::store::schema::table::Table;
use crate::store::schema::{keys, record};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Which copies of the journal are to be replayed behind a backup, and how far.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The folder that holds them.
    pub folder: PathBuf,
    /// Up to this moment; to their end where there is none.
    pub to: Option<Timestamp>,
}

/// What came from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The commit that the backup is of.
    pub backup: u64,
    /// The last commit that was replayed; the backup's where none was.
    pub last: u64,
    /// What is behind it; `None` where no more was wanted.
    pub end: Option<JournalEnd>,
    /// The events whose payloads were erased later than that, as far as the copies say so, and are back.
    pub unerased: Vec<EventId>,
}

/// What is known of what the copies don't have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEnd {
    /// As far as can be seen they have all there was.
    Whole,
    /// The store had acknowledged commits up to this one.
    Acknowledged(u64),
    /// The segment with this number follows.
    Successor(u64),
    /// This file has an end that isn't whole.
    Torn(PathBuf),
}

/// Why copies of the journal can't be used.
#[derive(Debug)]
pub enum NotReplayed {
    /// They can't be read, aren't the backup's, or aren't whole; a sentence that says what to do.
    Journal(String),
    /// The backup is of a later moment than the one that was asked for.
    TooEarly {
        /// The moment that was asked for.
        to: Timestamp,
        /// The backup's.
        backup: Timestamp,
    },
    /// A row of theirs can't be read.
    Store(StoreError),
}

impl From<StoreError> for NotReplayed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl NotReplayed {
    /// What went wrong, and what to do. What is wrong with a file of the journal is said in English in both.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Journal(sentence) => Localized::new(sentence, sentence),
            Self::Store(error) => error.localized(),
            Self::TooEarly { to, backup } => localized!(
                "the backup is of {backup}, which is after {to}: restore an earlier one",
                "o backup é de {backup}, depois de {to}: restaure um anterior"
            ),
        }
    }
}

display_in_english!(NotReplayed);

impl std::error::Error for NotReplayed {}

/// What a backup was found to be of.
pub(crate) struct Backup {
    pub(crate) store: [u8; 16],
    pub(crate) commit: u64,
    /// When that commit was made.
    pub(crate) time_ms: u64,
}

/// The commits that are to be replayed, each of which was read as a whole.
pub(crate) struct Behind<'r> {
    replay: &'r Replay,
    backup: &'r Backup,
    /// The last one.
    pub(crate) last: u64,
    end: Option<JournalEnd>,
    /// The events that were erased later than the moment wanted, each with the commit.
    erased: BTreeMap<(AccountNo, Seq), u64>,
}

/// Of one commit what matters where it may be the last one.
#[derive(Clone, Copy)]
struct Moment {
    commit: u64,
    time_ms: u64,
}

impl<'r> Behind<'r> {
    /// Reads the copies through.
    pub(crate) fn of(
        replay: &'r Replay,
        backup: &'r Backup,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, NotReplayed> {
        let to = replay.to.unwrap_or(Timestamp::from_ms(u64::MAX));
        let to_ms = to.as_ms();
        let began = Moment { commit: backup.commit, time_ms: backup.time_ms };
        let mut wanted = (backup.time_ms <= to_ms).then_some(began);
        let (mut erased, mut done) = (BTreeMap::new(), Progress::default());
        let disk = FolderDisk::of_copies(&replay.folder);
        let copies = copies(&disk, replay, backup)?;
        let (mut frames, mut last) = (copies.frames(), began);
        let broken = loop {
            let frame = match frames.next() {
                Ok(Some((frame, _))) => frame,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if frame.commit == backup.commit && frame.time_ms != backup.time_ms {
                let why = "it comes from a copy of the store that went another way before the backup: use a backup of \
                           the store that it is of";
                return Err(refused(replay, why));
            }
            if frame.commit <= backup.commit {
                continue;
            }
            last = Moment { commit: frame.commit, time_ms: frame.time_ms };
            if frame.time_ms <= to_ms {
                wanted = Some(last);
            } else {
                note_erased(&frame, &mut erased)?;
            }
            done.done += 1;
            done.bytes += bytes_of(&frame);
            progress(done);
        };
        let reached = wanted.is_some_and(|wanted| wanted.commit == last.commit);
        if let Some(error) = broken {
            // A moment before it needs none of it.
            if to_ms > last.time_ms {
                return Err(not_whole(replay, &error, (last.commit > backup.commit).then_some(last)));
            }
        }
        let wanted = wanted.ok_or(NotReplayed::TooEarly { to, backup: Timestamp::from_ms(backup.time_ms) })?;
        let end = frames.end.filter(|_| reached);
        let end = end.map(|end| end_of(replay, end, copies.acknowledged, last.commit));
        Ok(Self { replay, backup, last: wanted.commit, end, erased })
    }

    /// Hands over each commit, in order.
    pub(crate) fn replay(
        &self,
        mut take: impl FnMut(Frame, Progress) -> Result<(), StoreError>,
    ) -> Result<(), NotReplayed> {
        let disk = FolderDisk::of_copies(&self.replay.folder);
        let copies = copies(&disk, self.replay, self.backup)?;
        let mut frames = copies.frames();
        let mut done = Progress { of: self.last - self.backup.commit, ..Progress::default() };
        let mut next = self.backup.commit;
        while next < self.last {
            let frame = frames.next().map_err(|error| refused(self.replay, error.sentence(&self.replay.folder)))?;
            let Some((frame, _)) = frame else {
                return Err(refused(self.replay, "it changed while it was read: run this again"));
            };
            if frame.commit > self.backup.commit {
                next = frame.commit;
                done.done = next - self.backup.commit;
                done.bytes += bytes_of(&frame);
                take(frame, done)?;
            }
        }
        Ok(())
    }

    /// The lines to print; `tree` is the restored store.
    pub(crate) fn replayed(&self, tree: &dyn Tree) -> Result<Replayed, StoreError> {
        let mut unerased = Vec::new();
        for ((account, seq), commit) in &self.erased {
            let row = tree.get(&keys::event(*account, *seq))?.filter(|_| *commit > self.last);
            let event = row.map(|row| record::decode_event_head(*account, *seq, &row)).transpose()?;
            unerased.extend(event.filter(|event| event.erased_at.is_none()).map(|event| event.id));
        }
        Ok(Replayed { backup: self.backup.commit, last: self.last, end: self.end.clone(), unerased })
    }
}

fn copies<'d>(disk: &'d FolderDisk, replay: &Replay, backup: &Backup) -> Result<Copies<'d>, NotReplayed> {
    let identity = Identity { store: backup.store, format: FORMAT };
    Copies::of(disk, identity, backup.commit).map_err(|error| not_whole(replay, &error, None))
}

fn refused(replay: &Replay, why: impl fmt::Display) -> NotReplayed {
    NotReplayed::Journal(format!("the journal in {} can't be used: {why}", replay.folder.display()))
}

/// What is wrong with the copies, and how to do without what is behind the last good commit, if there is one.
fn not_whole(replay: &Replay, error: &CopyError, last: Option<Moment>) -> NotReplayed {
    let why = error.sentence(&replay.folder);
    match (last, error) {
        (Some(Moment { time_ms, .. }), _) => {
            let to = Timestamp::from_ms(time_ms);
            refused(replay, format_args!("{why}; or restore what comes before that, with `--to {to}`"))
        }
        (None, CopyError::Frame { .. } | CopyError::Missing { .. } | CopyError::Disagrees { .. }) => {
            refused(replay, format_args!("{why}; or restore the backup alone, without `--journal`"))
        }
        (None, _) => refused(replay, why),
    }
}

fn end_of(replay: &Replay, end: CopiesEnd, acknowledged: Option<u64>, last: u64) -> JournalEnd {
    match (acknowledged, end) {
        (Some(acknowledged), _) if acknowledged > last => JournalEnd::Acknowledged(acknowledged),
        (_, CopiesEnd::Closed { successor }) => JournalEnd::Successor(successor),
        // The marker is written after each sync: behind it nothing was acknowledged.
        (None, CopiesEnd::Open { name, torn_bytes: 1.. }) => JournalEnd::Torn(replay.folder.join(name)),
        (_, CopiesEnd::Open { .. }) => JournalEnd::Whole,
    }
}

/// About how much of the journal a frame takes.
fn bytes_of(frame: &Frame) -> u64 {
    frame.rows.iter().map(|(key, value)| (key.len() + value.as_ref().map_or(0, |value| value.len())) as u64).sum()
}

/// Finds the events that a commit erases.
fn note_erased(frame: &Frame, erased: &mut BTreeMap<(AccountNo, Seq), u64>) -> Result<(), StoreError> {
    for (key, value) in &frame.rows {
        let Some(value) = value.as_ref().filter(|_| Table::of(key) == Some(Table::Event)) else { continue };
        let (Some(account), Some(seq)) = (keys::u32_at(key, 1), keys::u64_at(key, 5)) else { continue };
        let (account, seq) = (AccountNo(account), Seq(seq));
        if record::decode_event_head(account, seq, value)?.erased_at.is_some() {
            erased.insert((account, seq), frame.commit);
        }
    }
    Ok(())
}
