//! What is to be done to open a journal, once it was decided, and doing it.

use crate::store::engine::journal::closed::ClosedSegment;
use crate::store::engine::journal::disk::{Disk, DiskFile, read_up_to, write_all};
use crate::store::engine::journal::error::{Damage, RecoverError};
use crate::store::engine::journal::frame::{self, Frame};
use crate::store::engine::journal::segment::{self, Header, Identity, LOST_ENDING, Place, Step};
use crate::store::engine::reached::Reached;
use crate::store::error::EngineError;
use std::io;

/// How much of a file is copied at once.
const COPY_BYTES: usize = 256 * 1024;

/// What opening a journal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// How often the store was started, this time included.
    pub(crate) epoch: u64,
    /// The line of the journal at the last commit.
    pub(crate) line: u32,
    /// The last commit; the next one has the number after it. Where a loss was accepted, this may be higher than that
    /// of the last one replayed.
    pub(crate) last_commit: u64,
    /// How many commits were replayed.
    pub(crate) replayed: u64,
    /// How many of them weren't known to be durable, and are now.
    pub(crate) copied: u64,
    /// How many bytes behind the last commit were taken for torn.
    pub(crate) torn_bytes: u64,
    /// What was accepted to be lost.
    pub(crate) lost: Option<Damage>,
}

/// A file of the journal.
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) file: Box<dyn DiskFile>,
    pub(super) header: Header,
}

/// A segment that counts.
pub(super) struct Link {
    pub(super) segment: Segment,
    /// Where what counts of it ends.
    pub(super) end: Place,
    /// Whether it ends in a seal that says so.
    pub(super) sealed: bool,
}

/// What is to be done to open a journal.
pub(crate) struct Plan {
    pub(super) links: Vec<Link>,
    /// The last commit that is there, copies included, and where it ends in the last link.
    pub(super) last: Place,
    /// The number of the next commit.
    pub(super) next: u64,
    /// The highest number that any segment had, and the highest epoch.
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(crate) marker_slot: Option<usize>,
    /// What is to be removed, and what set aside.
    pub(super) stale: Vec<String>,
    pub(super) aside: Vec<String>,
    /// Whether the last link is to be kept a copy of before its end is cut off.
    pub(super) keep_copy: bool,
    pub(super) lost: Option<Damage>,
    pub(super) replayed: u64,
    pub(super) copied: u64,
    pub(super) torn_bytes: u64,
}

impl Plan {
    /// What is met where the journal that was found isn't the newest.
    pub(super) const fn older(&self, known: Reached) -> Damage {
        let found = Reached { epoch: self.epoch, commit: self.last.last, line: self.last.line };
        Damage::Older { found, known }
    }

    /// To begin where there is nothing, behind a commit whose rows are held elsewhere.
    pub(crate) fn of_a_new_one(position: u64) -> Self {
        Self {
            links: Vec::new(),
            last: Place { last: position, crc: 0, line: 0, at: 0 },
            next: position + 1,
            number: 0,
            epoch: 0,
            marker_slot: None,
            stale: Vec::new(),
            aside: Vec::new(),
            keep_copy: false,
            lost: None,
            replayed: 0,
            copied: 0,
            torn_bytes: 0,
        }
    }

    /// Hands over every commit behind `position`.
    pub(crate) fn replay(
        &mut self,
        position: u64,
        replay: &mut impl FnMut(Frame) -> Result<(), EngineError>,
    ) -> Result<(), RecoverError> {
        let mut body = Vec::new();
        for (nth, Link { segment, end, .. }) in self.links.iter().enumerate() {
            let until = if nth + 1 == self.links.len() { self.last } else { *end };
            let mut place = segment.header.place();
            while place.at < until.at {
                let step = read_again(segment, &mut place, &mut body);
                let head = step.map_err(RecoverError::io("read", &segment.name))?;
                if head.commit > position {
                    let rows = frame::rows(&body).map_err(RecoverError::Replay)?;
                    replay(Frame { commit: head.commit, time_ms: head.time_ms, rows }).map_err(RecoverError::Replay)?;
                    self.replayed += 1;
                }
            }
        }
        Ok(())
    }

    /// The header of the segment to begin.
    pub(crate) fn header(&self, identity: Identity, salt: u64) -> Header {
        let before = self.links.last();
        Header {
            identity,
            number: self.number + 1,
            epoch: self.epoch + 1,
            salt,
            predecessor: before.map_or(0, |link| link.segment.header.number),
            predecessor_last: before.map_or(self.last.last, |link| link.end.last),
            predecessor_crc: before.map_or(0, |link| link.end.crc),
            line: before.map_or(0, |link| link.end.line),
            durable: self.last.last,
            next: self.next,
            loss_epoch: match &self.lost {
                Some(_) => self.epoch + 1,
                None => before.map_or(0, |link| link.segment.header.loss_epoch),
            },
            after_loss: self.lost.is_some(),
        }
    }

    /// Copies the frames that aren't known to be durable into a new segment.
    pub(crate) fn copy(
        &mut self,
        header: &Header,
        to: &dyn DiskFile,
        place: &mut Place,
        piece: &mut Vec<u8>,
    ) -> io::Result<()> {
        let Some(Link { segment, end, .. }) = self.links.last() else { return Ok(()) };
        let (mut from, mut body) = (*end, Vec::new());
        while from.at < self.last.at {
            let old = read_again(segment, &mut from, &mut body)?;
            let head = frame::Head { durable: header.predecessor_last, previous_crc: place.crc, ..old };
            let crc = frame::write_body(to, place.at, header.salt, &head, &body, piece)?;
            header.advance(place, &head, crc);
            self.copied += 1;
        }
        Ok(())
    }

    /// Keeps a copy of the segment that an accepted loss cuts off. Before anything else is done: it changes nothing.
    pub(crate) fn keep_copy(&self, disk: &dyn Disk) -> Result<(), RecoverError> {
        let Some(Link { segment, sealed: false, .. }) = self.links.last().filter(|_| self.keep_copy) else {
            return Ok(());
        };
        let name = format!("{}{LOST_ENDING}", segment.name);
        let copied = || {
            let (copy, mut piece, mut at) = (disk.create(&name)?, vec![0; COPY_BYTES], 0);
            loop {
                let length = read_up_to(&*segment.file, &mut piece, at)?;
                if length == 0 {
                    copy.sync()?;
                    return disk.sync();
                }
                write_all(&*copy, &piece[..length], at)?;
                at += length as u64;
            }
        };
        copied().map_err(RecoverError::io("written", &name))
    }

    /// Seals what isn't sealed; the closed segments.
    pub(crate) fn close(&self, successor: u64) -> Result<Vec<ClosedSegment>, RecoverError> {
        let mut closed = Vec::new();
        for (nth, Link { segment, end, sealed }) in self.links.iter().enumerate() {
            let header = &segment.header;
            let successor = self.links.get(nth + 1).map_or(successor, |next| next.segment.header.number);
            if !sealed {
                let done = segment::seal(&*segment.file, header.salt, end, successor);
                done.map_err(RecoverError::io("written", &segment.name))?;
            }
            closed.push(ClosedSegment {
                name: segment.name.clone(),
                number: header.number,
                first_commit: header.predecessor_last + 1,
                last_commit: end.last,
                bytes: end.at + segment::SEAL_BYTES as u64,
            });
        }
        Ok(closed)
    }

    /// Sets aside what was lost, and removes what isn't needed.
    pub(crate) fn tidy(&self, disk: &dyn Disk) -> Result<(), RecoverError> {
        for name in &self.aside {
            let done = disk.rename(name, &format!("{name}{LOST_ENDING}"));
            done.map_err(RecoverError::io("renamed", name))?;
        }
        for name in &self.stale {
            match disk.remove(name) {
                // The new segment has taken its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done.map_err(RecoverError::io("removed", name))?,
            }
        }
        if self.aside.is_empty() && self.stale.is_empty() {
            return Ok(());
        }
        disk.sync().map_err(RecoverError::io("synced", "folder"))
    }

    pub(crate) fn recovered(&self, header: &Header, place: &Place) -> Recovered {
        Recovered {
            epoch: header.epoch,
            line: place.line,
            last_commit: place.last,
            replayed: self.replayed,
            copied: self.copied,
            torn_bytes: self.torn_bytes,
            lost: self.lost.clone(),
        }
    }
}

/// Reads a frame that was there a moment ago.
fn read_again(segment: &Segment, place: &mut Place, body: &mut Vec<u8>) -> io::Result<frame::Head> {
    match segment::step(&*segment.file, &segment.header, place, body)? {
        Step::Frame(head) => Ok(head),
        Step::Seal(_) | Step::Nothing => Err(io::Error::other("it has changed since it was read a moment ago")),
    }
}
