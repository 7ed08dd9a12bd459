//! A frame: one group of commits as bytes.
//!
//! ```text
//! magic 4 | body's length 4 | commit 8 | durable 8 | time 8 | previous frame's CRC 4 | CRC of the head 4
//! body: the rows, as of `row_codec`
//! CRC 4
//! ```
//! All numbers are big-endian. Both CRCs begin with the segment's random salt, so that what lay on the disk before, or
//! what a customer puts into a payload, is no frame of this segment; the last one covers head and body. The previous
//! frame's CRC stands in the head: a frame follows that one and no other, and yet can be checked without it, so that
//! what stands behind a damaged frame can be believed. The head has a CRC of its own: behind a frame that is torn it is
//! enough to know that a later one was begun, and no length is believed, nor memory taken for it, without a check.

use crate::store::engine::journal::disk::{DiskFile, read_up_to, write_all};
use crate::store::engine::row_codec::{self, LENGTHS_BYTES, NotRows, RowBytes};
use crate::store::engine::tree::{RowWrite, Slice};
use crate::store::error::EngineError;
use std::io;

pub(crate) const MAGIC: [u8; 4] = [0xc7, b'f', b'r', b'm'];
pub(crate) const HEAD_BYTES: usize = 40;
pub(crate) const CRC_BYTES: usize = 4;
/// The most bytes that a body may have: twice what a group of commits may.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The most bytes that are written at once, and the most that are copied.
const PIECE_BYTES: usize = 256 * 1024;

/// A group of commits, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its number.
    pub(crate) commit: u64,
    /// When it was written, by the clock on the wall.
    pub(crate) time_ms: u64,
    /// What it changes, in its order.
    pub(crate) rows: Vec<RowWrite>,
}

/// What stands in front of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) body_bytes: u32,
    pub(crate) commit: u64,
    /// The last commit that was known to be durable when this one was written.
    pub(crate) durable: u64,
    pub(crate) time_ms: u64,
    pub(crate) previous_crc: u32,
}

impl Head {
    /// How many bytes the frame takes.
    pub(crate) fn frame_bytes(&self) -> u64 {
        (HEAD_BYTES + CRC_BYTES) as u64 + u64::from(self.body_bytes)
    }

    /// The head, and its CRC to go on with.
    fn encode(&self, salt: u64) -> ([u8; HEAD_BYTES], crc32fast::Hasher) {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[4..8].copy_from_slice(&self.body_bytes.to_be_bytes());
        head[8..16].copy_from_slice(&self.commit.to_be_bytes());
        head[16..24].copy_from_slice(&self.durable.to_be_bytes());
        head[24..32].copy_from_slice(&self.time_ms.to_be_bytes());
        head[32..36].copy_from_slice(&self.previous_crc.to_be_bytes());
        let crc = salted(salt, &head[..36]);
        head[36..].copy_from_slice(&crc.clone().finalize().to_be_bytes());
        (head, crc)
    }

    /// A head of this salt, if that is one.
    pub(crate) fn decode(head: &[u8; HEAD_BYTES], salt: u64) -> Option<(Self, crc32fast::Hasher)> {
        if head[..4] != MAGIC {
            return None;
        }
        let crc = salted(salt, &head[..36]);
        let body_bytes = u32::from_be_bytes(head[4..8].try_into().ok()?);
        if crc.clone().finalize().to_be_bytes() != head[36..] || body_bytes as usize > MAX_BODY_BYTES {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(head[at..at + 8].try_into().ok()?));
        let previous_crc = u32::from_be_bytes(head[32..36].try_into().ok()?);
        let head = Self { body_bytes, commit: number(8)?, durable: number(16)?, time_ms: number(24)?, previous_crc };
        Some((head, crc))
    }
}

/// A CRC that has begun with the segment's salt.
pub(crate) fn salted(salt: u64, bytes: &[u8]) -> crc32fast::Hasher {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_be_bytes());
    crc.update(bytes);
    crc
}

/// How many bytes these rows take. Fails where a frame can't hold them.
pub(crate) fn body_bytes(rows: &[RowWrite]) -> Result<u32, EngineError> {
    let mut bytes = 0;
    for (key, value) in rows {
        let row = LENGTHS_BYTES + key.len() + value.as_ref().map_or(0, |value| value.len());
        if row_codec::lengths(key, value.as_deref()).is_none() {
            return Err(EngineError::TooLarge { bytes: row });
        }
        bytes += row;
    }
    match u32::try_from(bytes) {
        Ok(fits) if bytes <= MAX_BODY_BYTES => Ok(fits),
        Ok(_) | Err(_) => Err(EngineError::TooLarge { bytes }),
    }
}

/// Writes a frame with these rows at an offset, and says its CRC. The head's length is the rows'
/// ([`body_bytes`]). It is written piece by piece and never held as a whole; `piece` is a buffer to use again. After an
/// error any part of it may be written.
pub(crate) fn write(
    file: &dyn DiskFile,
    at: u64,
    salt: u64,
    head: &Head,
    rows: &[RowWrite],
    piece: &mut Vec<u8>,
) -> io::Result<u32> {
    let mut writer = Writer::begin(file, at, salt, head, piece);
    for (key, value) in rows {
        // They fit: `body_bytes` has looked.
        let lengths = row_codec::lengths(key, value.as_deref()).ok_or(io::ErrorKind::InvalidInput)?;
        writer.put(&lengths)?;
        writer.put(key)?;
        writer.put(value.as_deref().unwrap_or_default())?;
    }
    writer.end()
}

/// The same of a body that was read.
pub(crate) fn write_body(
    file: &dyn DiskFile,
    at: u64,
    salt: u64,
    head: &Head,
    body: &[u8],
    piece: &mut Vec<u8>,
) -> io::Result<u32> {
    let mut writer = Writer::begin(file, at, salt, head, piece);
    writer.put(body)?;
    writer.end()
}

struct Writer<'w> {
    file: &'w dyn DiskFile,
    at: u64,
    crc: crc32fast::Hasher,
    piece: &'w mut Vec<u8>,
    /// How much of the piece the CRC has: it takes long stretches several times faster than a row's small parts.
    covered: usize,
}

impl<'w> Writer<'w> {
    fn begin(file: &'w dyn DiskFile, at: u64, salt: u64, head: &Head, piece: &'w mut Vec<u8>) -> Self {
        let (bytes, crc) = head.encode(salt);
        piece.clear();
        piece.extend_from_slice(&bytes);
        Self { file, at, crc, piece, covered: HEAD_BYTES }
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.piece.len() + bytes.len() > PIECE_BYTES {
            let (now, later) = bytes.split_at(PIECE_BYTES - self.piece.len());
            self.piece.extend_from_slice(now);
            self.cover();
            self.flush()?;
            bytes = later;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn cover(&mut self) {
        self.crc.update(&self.piece[self.covered..]);
        self.covered = self.piece.len();
    }

    fn flush(&mut self) -> io::Result<()> {
        write_all(self.file, self.piece, self.at)?;
        self.at += self.piece.len() as u64;
        self.piece.clear();
        self.covered = 0;
        Ok(())
    }

    fn end(mut self) -> io::Result<u32> {
        self.cover();
        let crc = self.crc.clone().finalize();
        // A few bytes more than a piece has, rather than one more write.
        self.piece.extend_from_slice(&crc.to_be_bytes());
        self.flush()?;
        Ok(crc)
    }
}

/// Reads the head of a frame at an offset; `None` where there is no head of this salt.
pub(crate) fn read_head(file: &dyn DiskFile, at: u64, salt: u64) -> io::Result<Option<(Head, crc32fast::Hasher)>> {
    let mut head = [0; HEAD_BYTES];
    if read_up_to(file, &mut head, at)? < HEAD_BYTES {
        return Ok(None);
    }
    Ok(Head::decode(&head, salt))
}

/// Reads the body behind a head into `body`, and says the frame's CRC; `None` where the frame isn't whole.
pub(crate) fn read_body(
    file: &dyn DiskFile,
    at: u64,
    head: &Head,
    mut crc: crc32fast::Hasher,
    body: &mut Vec<u8>,
) -> io::Result<Option<u32>> {
    // The file's length first: a frame that was cut off is a matter of course, memory for what isn't there isn't.
    if file.len()? < at + head.frame_bytes() {
        return Ok(None);
    }
    body.resize(head.body_bytes as usize + CRC_BYTES, 0);
    if read_up_to(file, body, at + HEAD_BYTES as u64)? < body.len() {
        return Ok(None);
    }
    let written: [u8; CRC_BYTES] = body.split_off(head.body_bytes as usize).try_into().unwrap_or_default();
    crc.update(body);
    let crc = crc.finalize();
    Ok((crc.to_be_bytes() == written).then_some(crc))
}

/// The rows of a body whose CRC holds.
pub(crate) fn rows(body: &[u8]) -> Result<Vec<RowWrite>, EngineError> {
    let owned = |(key, value): RowBytes<'_>| (Slice::from(key), value.map(Slice::from));
    let rows: Result<_, NotRows> = row_codec::rows(body).map(|row| row.map(owned)).collect();
    rows.map_err(|NotRows| EngineError::Damaged("a commit whose rows aren't what they should be".into()))
}

#[cfg(test)]
mod tests;
