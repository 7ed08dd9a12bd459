//! Backups: the whole store, as of one moment, in one checksummed file that is written and read as a stream.
//!
//! `CARTEIRO-BACKUP\n`, then frames: `[kind u8][length u32][body][crc32 of all before, u32]`, numbers big-endian.
//!
//! | kind | body |
//! |---|---|
//! | 1 header | JSON: which carteiro wrote it, the format, when, how many events and notifications |
//! | 2 rows | `[key length u16][value length u32][key][value]`, again and again (`engine::row_codec`) |
//! | 4 given up | why there is no end: its maker could not go on |
//! | 3 end | JSON: which commit it is of, how many frames came before, and the SHA-256 of all bytes up to this frame |
//!
//! A file without its end is no backup. Rows are applied in the order they stand in, each over those before it: that is
//! how a backup that is made while the store changes is still of one moment. All rows stand first, in the order of
//! their keys, and behind them the commits that were made since the first of them was read, up to the one that the end
//! names.

use crate::model::{Localized, Timestamp, display_in_english, localized};
use crate::store::engine::row_codec::{self, NotRows, RowBytes};
use crate::store::error::StoreError;
use crate::store::format::{FORMAT, of_another_format};
use crate::store::hex::hex;
use crate::store::schema::record::HeadV1;
use crate::store::schema::table::is_counted;
use ring::digest;
use serde::{Deserialize, Serialize};
use std::io;
use std::io::{Read, Write};

const MAGIC: &[u8; 16] = b"CARTEIRO-BACKUP\n";
const HEADER: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;
pub(crate) const GIVEN_UP: u8 = 4;
/// About how many bytes of rows one frame has.
pub(crate) const FRAME_BYTES: usize = 64 * 1024;
/// The longest frame that is read; those that are written end soon after [`FRAME_BYTES`].
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The carteiro that wrote it.
    pub carteiro: String,
    /// The format of its keys and records.
    pub format: u32,
    /// When it was begun, ISO 8601.
    pub created_at: String,
    /// How many events there were when it was begun.
    pub events: u64,
    /// How many notifications.
    pub notifications: u64,
}

impl Header {
    pub(crate) fn new(format: u32, head: &HeadV1, now: Timestamp) -> Self {
        Self {
            carteiro: env!("CARGO_PKG_VERSION").to_owned(),
            format,
            created_at: now.to_string(),
            events: head.events,
            notifications: head.notifications,
        }
    }

    /// How many records it counts. What a file says of itself may be anything.
    fn records(&self) -> u64 {
        self.events.saturating_add(self.notifications)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct End {
    commit: u64,
    frames: u64,
    sha256: String,
}

/// How far a backup has come: events and notifications written or read, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of the records that the header counts, how many have passed.
    pub done: u64,
    /// How many the header counts.
    pub of: u64,
    /// Bytes of the file so far.
    pub bytes: u64,
}

/// Why a file is no backup.
#[derive(Debug)]
pub enum BackupError {
    /// It could not be read or written.
    Io(io::Error),
    /// It is not what was written; the sentence says where.
    Damaged(String),
    /// It has a format that this carteiro doesn't read.
    Format {
        /// Its format.
        found: u32,
    },
    /// The store could not go on.
    Store(StoreError),
    /// Its maker gave it up; why.
    GivenUp(String),
}

impl BackupError {
    /// What went wrong, and what to do. Where a file is damaged is said in English in both.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Io(error) => localized!("{error}", "{error}"),
            Self::Damaged(what) => localized!("it is not a whole backup: {what}", "não é um backup inteiro: {what}"),
            Self::Format { found } => {
                let Localized { en, pt } = of_another_format(*found);
                localized!("it {en}", "ele {pt}")
            }
            Self::Store(error) => error.localized(),
            Self::GivenUp(why) => Localized::new(why, why),
        }
    }
}

display_in_english!(BackupError);

impl std::error::Error for BackupError {}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) fn put_row(body: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    let lengths = row_codec::lengths(key, value).expect("keys and values are far below these lengths");
    for part in [&lengths[..], key, value.unwrap_or_default()] {
        body.extend_from_slice(part);
    }
}

/// The rows of a frame's body; an error where it doesn't divide into rows.
pub(crate) fn rows(body: &[u8]) -> impl Iterator<Item = Result<RowBytes<'_>, BackupError>> {
    let damaged = |NotRows| BackupError::Damaged("a frame does not divide into rows".to_owned());
    row_codec::rows(body).map(move |row| row.map_err(damaged))
}

/// How many of the records that a header counts are among these rows.
fn counted(body: &[u8]) -> u64 {
    let counted = rows(body).filter(|row| row.as_ref().is_ok_and(|(key, value)| value.is_some() && is_counted(key)));
    counted.count() as u64
}

/// Writes the frames of one backup.
pub(crate) struct Writer<W> {
    pub(crate) out: W,
    pub(crate) hash: digest::Context,
    pub(crate) frames: u64,
    pub(crate) progress: Progress,
}

impl<W: Write> Writer<W> {
    /// Begins a backup.
    pub(crate) fn new(out: W, header: &Header) -> Result<Self, BackupError> {
        let progress = Progress { of: header.records(), ..Progress::default() };
        let mut writer = Self { out, hash: digest::Context::new(&digest::SHA256), frames: 0, progress };
        writer.put(MAGIC)?;
        writer.frame(HEADER, &serde_json::to_vec(header).map_err(io::Error::other)?)?;
        Ok(writer)
    }

    /// Writes rows, as [`Piece::Rows`](super::live::Piece::Rows) brings them.
    pub(crate) fn rows(&mut self, body: &[u8]) -> Result<Progress, BackupError> {
        self.frame(ROWS, body)?;
        self.progress.done += counted(body);
        Ok(self.progress)
    }

    /// Writes the end, of a backup that is of this commit; gives back what was written to.
    pub(crate) fn finish(mut self, commit: u64) -> Result<W, BackupError> {
        let end = End { commit, frames: self.frames, sha256: hex(self.hash.clone().finish().as_ref()) };
        self.frame(END, &serde_json::to_vec(&end).map_err(io::Error::other)?)?;
        self.out.flush()?;
        Ok(self.out)
    }

    pub(crate) fn frame(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let mut checksum = crc32fast::Hasher::new();
        for part in [&[kind][..], &length.to_be_bytes(), body] {
            checksum.update(part);
            self.put(part)?;
        }
        self.put(&checksum.finalize().to_be_bytes())?;
        self.frames += 1;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.progress.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Reads the frames of one backup, each of them checked.
pub(crate) struct Reader<R> {
    input: R,
    hash: digest::Context,
    frames: u64,
    pub(crate) header: Header,
    pub(crate) progress: Progress,
    /// The commit that it is of, once its end was read.
    pub(crate) commit: u64,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(mut input: R) -> Result<Self, BackupError> {
        let mut magic = [0; MAGIC.len()];
        let read = read_up_to(&mut input, &mut magic)?;
        if magic[..read] != MAGIC[..] {
            return Err(BackupError::Damaged("it does not begin as one".to_owned()));
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&magic);
        let header =
            Header { carteiro: String::new(), format: 0, created_at: String::new(), events: 0, notifications: 0 };
        let progress = Progress { bytes: magic.len() as u64, ..Progress::default() };
        let mut reader = Self { input, hash, frames: 0, header, progress, commit: 0 };
        let mut body = Vec::new();
        if reader.frame(&mut body)? != HEADER {
            return Err(BackupError::Damaged("its header is missing".to_owned()));
        }
        reader.header = serde_json::from_slice(&body)
            .map_err(|error| BackupError::Damaged(format!("its header can't be read: {error}")))?;
        if reader.header.format != FORMAT {
            return Err(BackupError::Format { found: reader.header.format });
        }
        reader.progress.of = reader.header.records();
        Ok(reader)
    }

    /// The next frame of rows, into `body`; `false` at the end, which holds and is followed by nothing.
    pub(crate) fn next_rows(&mut self, body: &mut Vec<u8>) -> Result<bool, BackupError> {
        let (frames, sha256) = (self.frames, hex(self.hash.clone().finish().as_ref()));
        match self.frame(body)? {
            ROWS => {
                self.progress.done += counted(body);
                Ok(true)
            }
            END => {
                let end: End = serde_json::from_slice(body)
                    .map_err(|error| BackupError::Damaged(format!("its end can't be read: {error}")))?;
                if end.frames != frames || end.sha256 != sha256 {
                    return Err(BackupError::Damaged(
                        "its end says that something before it is not as it was".to_owned(),
                    ));
                }
                if read_up_to(&mut self.input, &mut [0])? > 0 {
                    return Err(BackupError::Damaged("something follows its end".to_owned()));
                }
                self.commit = end.commit;
                Ok(false)
            }
            GIVEN_UP => Err(BackupError::GivenUp(String::from_utf8_lossy(body).into_owned())),
            kind => Err(BackupError::Damaged(format!("it has a frame of kind {kind}, which there is none of"))),
        }
    }

    pub(crate) fn frame(&mut self, body: &mut Vec<u8>) -> Result<u8, BackupError> {
        let at = self.progress.bytes;
        let cut = || BackupError::Damaged(format!("it ends in the middle, after byte {at}"));
        let mut head = [0; 5];
        if read_up_to(&mut self.input, &mut head)? < head.len() {
            return Err(cut());
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let wrong = || BackupError::Damaged(format!("the frame at byte {at} fails its checksum"));
        if length > MAX_FRAME_BYTES {
            return Err(wrong());
        }
        body.clear();
        // Through `take`, so that a length that lies costs no more memory than the file has bytes.
        let read = (&mut self.input).take(length as u64).read_to_end(body)?;
        let mut checksum = [0; 4];
        if read < length || read_up_to(&mut self.input, &mut checksum)? < checksum.len() {
            return Err(cut());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&head);
        hasher.update(body);
        if hasher.finalize().to_be_bytes() != checksum {
            return Err(wrong());
        }
        for part in [&head[..], body, &checksum] {
            self.hash.update(part);
            self.progress.bytes += part.len() as u64;
        }
        self.frames += 1;
        Ok(head[0])
    }
}

/// Reads a backup to its end, to be sure of every byte of it.
pub fn check(input: impl Read, mut progress: impl FnMut(Progress)) -> Result<Header, BackupError> {
    let mut reader = Reader::new(input)?;
    let mut body = Vec::new();
    while reader.next_rows(&mut body)? {
        for row in rows(&body) {
            row?;
        }
        progress(reader.progress);
    }
    Ok(reader.header)
}

fn read_up_to(input: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match input.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
