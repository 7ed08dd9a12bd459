//! Copies of segments in a folder of their own: what they have behind a commit, and whether that is whole.
//!
//! They are of one store, and may be those that were copied while it ran, those of a disk that outlived its machine, or
//! both. As in `recover`, headers say what a file is and names don't; here nothing is written, nothing has to be there
//! behind the last segment, and the marker says no more than how far the store had come.
//!
//! # The rules
//!
//! A segment follows the one that its header names, from the commit and CRC on that it names. What the earlier one has
//! behind that doesn't count, nor do segments that were left behind when a loss was accepted. Read is the last segment
//! that begins at or before the commit wanted, and all behind it.
//!
//! The last segment may be closed, or may have been open when it was copied: then it ends before its first frame that
//! isn't whole. Where a later frame of it says that this one was durable, or where it has a seal all the same, it is
//! damaged. Every other segment has to be whole up to where its successor follows.

use crate::store::engine::journal::disk::{Disk, DiskFile};
use crate::store::engine::journal::error::RecoverError;
use crate::store::engine::journal::frame::{self, Frame};
use crate::store::engine::journal::marker::{self, Found};
use crate::store::engine::journal::segment::{
    self, Beginning, ENDING, Header, Identity, Place, SEAL_BYTES, Seal, Step,
};
use std::io;
use std::path::Path;

/// Why copies of segments can't be used, or not from some place on.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The folder can't be read.
    Folder(io::Error),
    /// A file of it can't.
    File { name: String, error: io::Error },
    /// There is no segment in it.
    Empty,
    /// A segment of another store.
    AnotherStore { name: String },
    /// One of another format.
    Format { name: String, found: u32 },
    /// A file with a segment's name that doesn't begin as one.
    Header { name: String },
    /// Two files are the same segment.
    Twice { name: String, other: String },
    /// The oldest segment begins too late.
    TooLate { name: String, oldest: u64, after: u64 },
    /// A segment is missing.
    Missing { number: u64, named_by: String },
    /// A segment that doesn't follow the one before it.
    Apart { name: String, other: String },
    /// A frame isn't whole.
    Frame { name: String, at: u64, commit: u64 },
    /// A seal, or a successor's header, says otherwise than the segment's frames.
    Disagrees { name: String },
}

impl CopyError {
    fn file(name: &str) -> impl FnOnce(io::Error) -> Self + use<'_> {
        move |error| Self::File { name: name.to_owned(), error }
    }

    /// What is wrong in that folder, and what to do.
    pub(crate) fn sentence(&self, folder: &Path) -> String {
        let (here, path) = (folder.display(), |name: &String| folder.join(name).display().to_string());
        match self {
            Self::Folder(error) => format!("{here} can't be read: {error}: name a folder with segments of the journal"),
            Self::File { name, error } => format!("{} can't be read: {error}", path(name)),
            Self::Empty => {
                let inside = folder.join("journal");
                let meant = if inside.is_dir() { format!(", {} perhaps", inside.display()) } else { String::new() };
                format!(
                    "{here} has no segment of a journal, which is a file such as 00000001.journal: name the folder \
                     that has them{meant}"
                )
            }
            Self::AnotherStore { name } => format!(
                "{} belongs to another store than the backup, or to this one before or after a restore: take it away",
                path(name)
            ),
            Self::Format { name, found } => format!(
                "{} has format {found}, which this version doesn't read: use the version that wrote it",
                path(name)
            ),
            Self::Header { name } => {
                format!("{} doesn't begin as a segment does: copy it again, or take it away if it is none", path(name))
            }
            Self::Twice { name, other } => {
                format!("{} and {} are the same segment: take one of them away", path(other), path(name))
            }
            Self::TooLate { name, oldest, after } => format!(
                "the backup is of commit {after}, and {} begins with commit {oldest}: put the segments with what is \
                 between them beside it, or use a later backup",
                path(name)
            ),
            Self::Missing { number, named_by } => {
                format!("segment {number} is missing, which {} follows: put it beside that one", path(named_by))
            }
            Self::Apart { name, other } => format!(
                "{} doesn't follow {}, and both follow the same one: take away what the store didn't go on from",
                path(name),
                path(other)
            ),
            Self::Frame { name, at, commit } => {
                format!("commit {commit} is damaged or missing in {}, at byte {at}: copy that file again", path(name))
            }
            Self::Disagrees { name } => {
                format!(
                    "{} isn't as long, or not the one, that its end or its successor says: copy it again",
                    path(name)
                )
            }
        }
    }
}

/// How the last segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopiesEnd {
    /// It is closed, and this one isn't there, which follows it.
    Closed { successor: u64 },
    /// It is open, and has so many bytes behind its last whole frame.
    Open { name: String, torn_bytes: u64 },
}

/// The segments of a folder, looked at as far as their headers.
pub(crate) struct Copies<'d> {
    disk: &'d dyn Disk,
    /// From the first that is needed on, by their numbers.
    segments: Vec<(String, Header)>,
    /// The last commit that the folder's marker calls durable, where there is one of this store.
    pub(crate) acknowledged: Option<u64>,
}

impl<'d> Copies<'d> {
    /// Finds what a folder has behind a commit.
    pub(crate) fn of(disk: &'d dyn Disk, identity: Identity, after: u64) -> Result<Self, CopyError> {
        let mut segments = Vec::new();
        for name in disk.list().map_err(CopyError::Folder)?.into_iter().filter(|name| name.ends_with(ENDING)) {
            let file = disk.open(&name).map_err(CopyError::file(&name))?;
            let header = match segment::read_header(&*file).map_err(CopyError::file(&name))? {
                Beginning::Header(header) => header,
                Beginning::Version(found) => return Err(CopyError::Format { name, found: found.into() }),
                Beginning::Nothing => return Err(CopyError::Header { name }),
            };
            segment::refuse_others(&name, &header, identity).map_err(|error| match error {
                RecoverError::Format { found, .. } => CopyError::Format { name: name.clone(), found },
                _ => CopyError::AnotherStore { name: name.clone() },
            })?;
            segments.push((name, header));
        }
        let first = segments.iter().min_by_key(|(_, header)| header.predecessor_last);
        let (name, oldest) =
            first.map(|(name, first)| (name.clone(), first.predecessor_last + 1)).ok_or(CopyError::Empty)?;
        segments.sort_by_key(|(_, header)| header.number);
        if let Some(pair) = segments.windows(2).find(|pair| pair[0].1.number == pair[1].1.number) {
            return Err(CopyError::Twice { name: pair[1].0.clone(), other: pair[0].0.clone() });
        }
        let losses: Vec<Header> = segments.iter().map(|(_, header)| *header).filter(|new| new.after_loss).collect();
        segments.retain(|(_, header)| !losses.iter().any(|new| new.left_behind(header.number)));
        let needed = segments.iter().rposition(|(_, header)| header.predecessor_last <= after);
        let needed = needed.ok_or(CopyError::TooLate { name, oldest, after })?;
        segments.drain(..needed);
        let acknowledged = match marker::read(disk).map_err(CopyError::file(marker::NAME))? {
            Found::Mark(mark, _) if mark.store == identity.store => Some(mark.commit),
            Found::Mark(..) | Found::Damaged | Found::Nothing => None,
        };
        Ok(Self { disk, segments, acknowledged })
    }

    /// The frames of these segments, in order: the first of them may be of commits before the one wanted.
    pub(crate) fn frames(&self) -> Frames<'_> {
        Frames { copies: self, nth: 0, open: None, body: Vec::new(), end: None }
    }
}

/// Frames that are checked as they are read. What comes before an error is as it was written.
pub(crate) struct Frames<'c> {
    copies: &'c Copies<'c>,
    nth: usize,
    /// The segment that is being read, and how far.
    open: Option<(Box<dyn DiskFile>, Place)>,
    body: Vec<u8>,
    /// How it ended, once there was no other frame.
    pub(crate) end: Option<CopiesEnd>,
}

impl<'c> Frames<'c> {
    /// The next frame, and the name of the file that it stands in; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(Frame, &'c str)>, CopyError> {
        let copies = self.copies;
        loop {
            let Some((name, header)) = copies.segments.get(self.nth).filter(|_| self.end.is_none()) else {
                return Ok(None);
            };
            let (file, mut place) = match self.open.take() {
                Some(open) => open,
                None => (copies.disk.open(name).map_err(CopyError::file(name))?, header.place()),
            };
            let successor = copies.segments.get(self.nth + 1);
            if let Some(next) = successor.filter(|(_, next)| place.last >= next.predecessor_last) {
                self.pass(&*file, &mut place, next)?;
                continue;
            }
            let step = segment::step(&*file, header, &mut place, &mut self.body).map_err(CopyError::file(name))?;
            match (step, successor) {
                (Step::Frame(head), _) => {
                    let rows = frame::rows(&self.body);
                    let rows = rows.map_err(|_| CopyError::Disagrees { name: name.clone() })?;
                    self.open = Some((file, place));
                    return Ok(Some((Frame { commit: head.commit, time_ms: head.time_ms, rows }, name)));
                }
                (Step::Nothing, Some(next)) if next.1.predecessor == header.number => {
                    return Err(damaged(name, &place));
                }
                // It ends before its successor follows.
                (Step::Seal(_) | Step::Nothing, Some(next)) => return Err(self.unlike(next)),
                (Step::Seal(seal), None) => {
                    let end = place.at + SEAL_BYTES as u64;
                    let is_whole = seal.ends(&place) && file.len().map_err(CopyError::file(name))? == end;
                    if !is_whole {
                        return Err(CopyError::Disagrees { name: name.clone() });
                    }
                    self.end = Some(CopiesEnd::Closed { successor: seal.successor });
                }
                (Step::Nothing, None) => self.end = Some(open_end(name, &*file, header, &place)?),
            }
        }
    }

    /// Goes on with the successor of the segment that was read up to where that one follows.
    fn pass(&mut self, file: &dyn DiskFile, place: &mut Place, next: &(String, Header)) -> Result<(), CopyError> {
        let (name, header) = &self.copies.segments[self.nth];
        if !header.is_followed_by(&next.1, place) {
            return Err(self.unlike(next));
        }
        let step = segment::step(file, header, place, &mut self.body).map_err(CopyError::file(name))?;
        if let Step::Seal(seal) = step
            && (!seal.ends(place) || !seal.precedes(&next.1))
        {
            return Err(CopyError::Disagrees { name: name.clone() });
        }
        self.nth += 1;
        Ok(())
    }

    /// What is wrong with a segment that doesn't follow the present one.
    fn unlike(&self, next: &(String, Header)) -> CopyError {
        let (name, header) = &self.copies.segments[self.nth];
        match next.1.predecessor {
            number if number > header.number => CopyError::Missing { number, named_by: next.0.clone() },
            number if number < header.number => CopyError::Apart { name: next.0.clone(), other: name.clone() },
            _ => CopyError::Disagrees { name: name.clone() },
        }
    }
}

fn damaged(name: &str, place: &Place) -> CopyError {
    CopyError::Frame { name: name.to_owned(), at: place.at, commit: place.last + 1 }
}

/// How the last segment ends where neither a frame nor a seal follows.
fn open_end(name: &str, file: &dyn DiskFile, header: &Header, place: &Place) -> Result<CopiesEnd, CopyError> {
    let length = file.len().map_err(CopyError::file(name))?;
    let sealed = match length.checked_sub(SEAL_BYTES as u64) {
        Some(at) => Seal::read(file, at, header.salt).map_err(CopyError::file(name))?.is_some(),
        None => false,
    };
    let behind = segment::behind(file, header.salt, place.at).map_err(CopyError::file(name))?;
    if sealed || header.durable.max(behind.durable) > place.last {
        return Err(damaged(name, place));
    }
    Ok(CopiesEnd::Open { name: name.to_owned(), torn_bytes: length.saturating_sub(place.at) })
}

#[cfg(test)]
mod tests;
