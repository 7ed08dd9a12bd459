//! A segment: one file of the journal, with a header, frames, and a seal once it is closed.
//!
//! The header says which segment it is and which one it follows; the file's name only keeps files apart. Its first
//! frames may be copies of its predecessor's last ones (see `recover`). A closed segment is never written
//! again, and tells by itself whether it is whole: its seal names the last commit and that frame's CRC, which by way of
//! each frame's "previous" covers all of them.

use crate::store::engine::journal::disk::{Disk, DiskFile, read_up_to, write_all};
use crate::store::engine::journal::error::RecoverError;
use crate::store::engine::journal::frame::{self, Frame, Head};
use crate::store::error::EngineError;
use std::io;

/// How the names of segments end.
pub(crate) const ENDING: &str = ".journal";
/// How the name of one ends that isn't ready.
pub(crate) const NEW_ENDING: &str = ".new";
/// How the name of one ends that was set aside when its loss was accepted.
pub(crate) const LOST_ENDING: &str = ".lost";
const MAGIC: &[u8; 8] = b"carteirj";
const VERSION: u8 = 1;
pub(crate) const HEADER_BYTES: usize = 8 + 1 + 4 + 16 + 8 + 8 + 8 + 8 + 8 + 4 + 4 + 8 + 8 + 8 + 1 + 4;
const SEAL_MAGIC: [u8; 4] = [0xc7, b'e', b'n', b'd'];
pub(crate) const SEAL_BYTES: usize = 4 + 8 + 8 + 4 + 4;
/// How much of a file is looked through at once.
const LOOK_BYTES: usize = 256 * 1024;

/// Which store the journal is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) store: [u8; 16],
    /// The format of its rows.
    pub(crate) format: u32,
}

/// What a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) identity: Identity,
    /// Its number: higher than that of every other segment before it.
    pub(crate) number: u64,
    /// How often the store was started.
    pub(crate) epoch: u64,
    /// What its CRCs begin with.
    pub(crate) salt: u64,
    /// The segment before it; 0 where there was none.
    pub(crate) predecessor: u64,
    /// The last commit that counts as the predecessor's: this one begins with the next.
    pub(crate) predecessor_last: u64,
    /// That commit's CRC, or the header's where the predecessor has no frame.
    pub(crate) predecessor_crc: u32,
    /// The CRC of the last frame up to there, in whichever segment that is; 0 where there was none.
    pub(crate) line: u32,
    /// The last commit that is a copy; durable since the segment has its name. `predecessor_last` if there is none.
    pub(crate) durable: u64,
    /// The number of the first commit behind the copies: `durable` + 1, or a higher one after a loss that was accepted,
    /// since a lost commit's number is never given to another one.
    pub(crate) next: u64,
    /// The start at which a loss was accepted last; 0 where none was.
    pub(crate) loss_epoch: u64,
    /// Whether it was begun when a loss was accepted: segments between its predecessor and itself don't count.
    pub(crate) after_loss: bool,
}

/// What a closed segment ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The segment after it.
    pub(crate) successor: u64,
    pub(crate) last: u64,
    /// The last frame's CRC, the header's where there is none.
    pub(crate) last_crc: u32,
}

/// How far one has come in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The last commit so far.
    pub(crate) last: u64,
    /// Its CRC, the header's where there is no frame yet.
    pub(crate) crc: u32,
    /// That of the last frame in this segment or before it; 0 where there was none.
    pub(crate) line: u32,
    /// Where the next frame begins.
    pub(crate) at: u64,
}

impl Place {
    /// The head of the commit that comes next.
    pub(crate) fn head(&self, body_bytes: u32, durable: u64, time_ms: u64) -> Head {
        Head { body_bytes, commit: self.last + 1, durable, time_ms, previous_crc: self.crc }
    }
}

impl Seal {
    /// Whether it is that of a segment that ends there.
    pub(crate) fn ends(&self, end: &Place) -> bool {
        (self.last, self.last_crc) == (end.last, end.crc)
    }

    /// Whether that segment may come after it: the one that it names, or one that was begun when that one was lost.
    pub(crate) const fn precedes(&self, next: &Header) -> bool {
        self.successor == next.number || next.after_loss
    }
}

impl Header {
    /// Whether a segment follows this one, whose commits up to `end` were read.
    pub(crate) fn is_followed_by(&self, next: &Self, end: &Place) -> bool {
        next.predecessor == self.number
            && (next.predecessor_last, next.predecessor_crc, next.line) == (end.last, end.crc, end.line)
            && self.epoch <= next.epoch
    }

    /// Whether a segment with this number doesn't count any more, since it was lost when this one was begun.
    pub(crate) const fn left_behind(&self, number: u64) -> bool {
        self.after_loss && self.predecessor < number && number < self.number
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.identity.format.to_be_bytes());
        bytes.extend_from_slice(&self.identity.store);
        for number in [self.number, self.epoch, self.salt, self.predecessor, self.predecessor_last] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.predecessor_crc.to_be_bytes());
        bytes.extend_from_slice(&self.line.to_be_bytes());
        bytes.extend_from_slice(&self.durable.to_be_bytes());
        bytes.extend_from_slice(&self.next.to_be_bytes());
        bytes.extend_from_slice(&self.loss_epoch.to_be_bytes());
        bytes.push(self.after_loss.into());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    /// Of this version, and whole.
    fn decode(header: &[u8]) -> Option<Self> {
        let four = |at: usize| Some(u32::from_be_bytes(header[at..at + 4].try_into().ok()?));
        let eight = |at: usize| Some(u64::from_be_bytes(header[at..at + 8].try_into().ok()?));
        Some(Self {
            identity: Identity { format: four(9)?, store: header[13..29].try_into().ok()? },
            number: eight(29)?,
            epoch: eight(37)?,
            salt: eight(45)?,
            predecessor: eight(53)?,
            predecessor_last: eight(61)?,
            predecessor_crc: four(69)?,
            line: four(73)?,
            durable: eight(77)?,
            next: eight(85)?,
            loss_epoch: eight(93)?,
            after_loss: header[101] != 0,
        })
    }

    /// Where its frames begin.
    pub(crate) fn place(&self) -> Place {
        let bytes = self.encode();
        let crc = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        let mut place = Place { last: self.predecessor_last, crc, line: self.line, at: HEADER_BYTES as u64 };
        self.pass_over_what_was_lost(&mut place);
        place
    }

    /// The numbers of lost commits come behind the copies.
    fn pass_over_what_was_lost(&self, place: &mut Place) {
        if place.last == self.durable {
            place.last = self.next - 1;
        }
    }

    /// Behind a frame that was read or written there.
    pub(crate) fn advance(&self, place: &mut Place, head: &Head, crc: u32) {
        *place = Place { last: head.commit, crc, line: crc, at: place.at + head.frame_bytes() };
        self.pass_over_what_was_lost(place);
    }
}

impl Seal {
    fn encode(&self, salt: u64) -> [u8; SEAL_BYTES] {
        let mut seal = [0; SEAL_BYTES];
        seal[..4].copy_from_slice(&SEAL_MAGIC);
        seal[4..12].copy_from_slice(&self.successor.to_be_bytes());
        seal[12..20].copy_from_slice(&self.last.to_be_bytes());
        seal[20..24].copy_from_slice(&self.last_crc.to_be_bytes());
        let crc = frame::salted(salt, &seal[..24]).finalize();
        seal[24..].copy_from_slice(&crc.to_be_bytes());
        seal
    }

    /// The seal of this salt that stands there, if one does.
    pub(crate) fn read(file: &dyn DiskFile, at: u64, salt: u64) -> io::Result<Option<Self>> {
        let mut seal = [0; SEAL_BYTES];
        let whole = read_up_to(file, &mut seal, at)? == SEAL_BYTES;
        if !whole || frame::salted(salt, &seal[..24]).finalize().to_be_bytes() != seal[24..] {
            return Ok(None);
        }
        let eight = |at: usize| u64::from_be_bytes(seal[at..at + 8].try_into().unwrap_or_default());
        let last_crc = u32::from_be_bytes(seal[20..24].try_into().unwrap_or_default());
        Ok(seal.starts_with(&SEAL_MAGIC).then(|| Self { successor: eight(4), last: eight(12), last_crc }))
    }
}

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    Header(Header),
    /// The header of a version that this one doesn't know.
    Version(u8),
    /// No header, or not a whole one.
    Nothing,
}

/// Reads a file's header. Whatever its version, it is as long as this one's and ends in a checksum: without that a
/// version that was damaged would pass for a newer one.
pub(crate) fn read_header(file: &dyn DiskFile) -> io::Result<Beginning> {
    let mut bytes = [0; HEADER_BYTES];
    let length = read_up_to(file, &mut bytes, 0)?;
    Ok(match &bytes {
        _ if length < HEADER_BYTES || !bytes.starts_with(MAGIC) => Beginning::Nothing,
        [header @ .., a, b, c, d] if crc32fast::hash(header).to_be_bytes() != [*a, *b, *c, *d] => Beginning::Nothing,
        _ if bytes[8] != VERSION => Beginning::Version(bytes[8]),
        bytes => Header::decode(bytes).map_or(Beginning::Nothing, Beginning::Header),
    })
}

/// The name of a segment as it is made.
pub(crate) fn name(number: u64) -> String {
    format!("{number:08}{ENDING}")
}

/// Makes a segment ready, with what `copy` writes behind its header; header and copies are durable before it has its
/// name, and the name is on return. A crash before that leaves nothing, or a file that isn't ready, or all of it.
pub(crate) fn begin(
    disk: &dyn Disk,
    header: &Header,
    copy: impl FnOnce(&dyn DiskFile, &mut Place) -> io::Result<()>,
) -> io::Result<(Box<dyn DiskFile>, Place)> {
    let name = name(header.number);
    let beside = format!("{name}{NEW_ENDING}");
    let file = disk.create(&beside)?;
    write_all(&*file, &header.encode(), 0)?;
    let mut place = header.place();
    copy(&*file, &mut place)?;
    file.sync()?;
    disk.rename(&beside, &name)?;
    disk.sync()?;
    Ok((file, place))
}

/// Seals a segment whose successor is there, and cuts off what follows; durable on return.
pub(crate) fn seal(file: &dyn DiskFile, salt: u64, place: &Place, successor: u64) -> io::Result<()> {
    let seal = Seal { successor, last: place.last, last_crc: place.crc };
    write_all(file, &seal.encode(salt), place.at)?;
    let length = place.at + SEAL_BYTES as u64;
    if file.len()? > length {
        file.set_len(length)?;
    }
    file.sync()
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The frame of the commit that comes next; its body was read, and the place is behind it.
    Frame(Head),
    Seal(Seal),
    /// Neither: the end, or what is torn, or damaged.
    Nothing,
}

/// Reads what stands at a place.
pub(crate) fn step(file: &dyn DiskFile, header: &Header, place: &mut Place, body: &mut Vec<u8>) -> io::Result<Step> {
    if let Some((head, crc)) = frame::read_head(file, place.at, header.salt)? {
        if head.commit != place.last + 1 || head.previous_crc != place.crc {
            return Ok(Step::Nothing);
        }
        let Some(crc) = frame::read_body(file, place.at, &head, crc, body)? else { return Ok(Step::Nothing) };
        header.advance(place, &head, crc);
        return Ok(Step::Frame(head));
    }
    Ok(Seal::read(file, place.at, header.salt)?.map_or(Step::Nothing, Step::Seal))
}

/// What the heads of frames behind a place say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The last commit that any of them calls durable.
    pub(crate) durable: u64,
    /// The last commit among them.
    pub(crate) commit: u64,
}

/// Looks for heads of this salt at and behind a place, wherever they begin.
pub(crate) fn behind(file: &dyn DiskFile, salt: u64, mut at: u64) -> io::Result<Behind> {
    let left = usize::try_from(file.len()?.saturating_sub(at)).unwrap_or(LOOK_BYTES);
    let mut bytes = vec![0; LOOK_BYTES.min(left)];
    let mut behind = Behind::default();
    loop {
        let length = read_up_to(file, &mut bytes, at)?;
        if length < frame::HEAD_BYTES {
            return Ok(behind);
        }
        for window in bytes[..length].windows(frame::HEAD_BYTES) {
            if window[0] != frame::MAGIC[0] {
                continue;
            }
            if let Some((head, _)) = window.try_into().ok().and_then(|window| Head::decode(window, salt)) {
                behind.durable = behind.durable.max(head.durable);
                behind.commit = behind.commit.max(head.commit);
            }
        }
        at += (length + 1 - frame::HEAD_BYTES) as u64;
    }
}

/// The frames of a closed segment, checked one by one; its seal is checked at the end, so that what comes before an
/// error may be used and is not all. Nothing comes after an error.
pub(crate) struct ClosedFrames {
    file: Box<dyn DiskFile>,
    header: Header,
    place: Place,
    body: Vec<u8>,
    name: String,
    over: bool,
}

fn header_of(file: &dyn DiskFile, name: &str) -> Result<Header, EngineError> {
    match read_header(file)? {
        Beginning::Header(header) => Ok(header),
        _ => Err(EngineError::Damaged(format!("{name} doesn't begin as a segment does"))),
    }
}

fn no_commit(name: &str, place: &Place) -> EngineError {
    let Place { last, at, .. } = place;
    EngineError::Damaged(format!("commit {} is damaged or missing in {name}, at byte {at}", last + 1))
}

/// Reads the frames of a segment that is being written, up to the end of one. Fails where they aren't whole.
pub(crate) fn check_open(disk: &dyn Disk, name: &str, end: u64) -> Result<(), EngineError> {
    let file = disk.open(name)?;
    let header = header_of(&*file, name)?;
    let (mut place, mut body) = (header.place(), Vec::new());
    while place.at < end {
        match step(&*file, &header, &mut place, &mut body)? {
            Step::Frame(_) => drop(frame::rows(&body)?),
            Step::Seal(_) | Step::Nothing => return Err(no_commit(name, &place)),
        }
    }
    Ok(())
}

/// Opens a closed segment for reading, by itself, without the journal it is of. Fails where it isn't sealed.
pub(crate) fn read_closed(disk: &dyn Disk, name: &str) -> Result<ClosedFrames, EngineError> {
    let file = disk.open(name)?;
    let header = header_of(&*file, name)?;
    let sealed = match file.len()?.checked_sub(SEAL_BYTES as u64) {
        Some(at) => Seal::read(&*file, at, header.salt)?.is_some(),
        None => false,
    };
    if !sealed {
        return Err(EngineError::Damaged(format!("{name} isn't closed, or its end is missing")));
    }
    Ok(ClosedFrames { file, header, place: header.place(), body: Vec::new(), name: name.to_owned(), over: false })
}

impl ClosedFrames {
    /// What the segment says of itself.
    #[cfg(test)]
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Frame>, EngineError> {
        let damaged = |what: String| Err(EngineError::Damaged(what));
        match step(&*self.file, &self.header, &mut self.place, &mut self.body)? {
            Step::Frame(head) => {
                let rows = frame::rows(&self.body)?;
                Ok(Some(Frame { commit: head.commit, time_ms: head.time_ms, rows }))
            }
            Step::Seal(seal) if seal.ends(&self.place) => {
                let end = self.place.at + SEAL_BYTES as u64;
                if self.file.len()? == end {
                    return Ok(None);
                }
                damaged(format!("{} goes on behind its seal", self.name))
            }
            Step::Seal(_) => damaged(format!("{} isn't what its seal says it is", self.name)),
            Step::Nothing => Err(no_commit(&self.name, &self.place)),
        }
    }
}

impl Iterator for ClosedFrames {
    type Item = Result<Frame, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read().transpose();
        self.over = !matches!(read, Some(Ok(_)));
        read
    }
}

/// Why a header isn't this journal's.
pub(crate) fn refuse_others(name: &str, header: &Header, identity: Identity) -> Result<(), RecoverError> {
    if header.identity.store != identity.store {
        return Err(RecoverError::AnotherStore { name: name.to_owned() });
    }
    if header.identity.format != identity.format {
        return Err(RecoverError::Format { name: name.to_owned(), found: header.identity.format });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
