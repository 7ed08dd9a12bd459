//! Backups: the whole store, as of one moment, in one checksummed file that is written and read as a stream.
//!
//! `CARTEIRO-BACKUP\n`, then frames: `[kind u8][length u32][body][crc32 of all before, u32]`, numbers big-endian.
//!
//! | kind | body |
//! |---|---|
//! | 1 header | JSON: which carteiro wrote it, the format, when, how many events and notifications |
//! | 2 rows | `[key length u16][value length u32][key][value]`, again and again; a length of `u32::MAX` deletes |
//! | 4 given up | why there is no end: whoever made the backup could not go on |
//! | 3 end | JSON: how many frames came before, and the SHA-256 of all bytes up to this frame |
//!
//! A file without its end is no backup. Rows are applied in the order they stand in, each over those before it: that is how a backup
//! that is made while the store changes is still of one moment. The committer reads the tree in its order, a little between two
//! groups; what a group changes *behind* that reader follows in the stream, and what it changes before it will be read there. The
//! alternative, keeping the old rows aside until they were read, needs memory for everything that changes meanwhile.

use super::StoreError;
use super::engine::{Tree, free_what_was_replaced};
use super::hex::hex;
use super::keys::{self, Key};
use super::record::HeadV1;
use crate::atomic_file;
use crate::model::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

const MAGIC: &[u8; 16] = b"CARTEIRO-BACKUP\n";
const HEADER: u8 = 1;
const ROWS: u8 = 2;
const END: u8 = 3;
const GIVEN_UP: u8 = 4;
const DELETED: u32 = u32::MAX;
/// About how many bytes of rows one frame has.
const FRAME_BYTES: usize = 64 * 1024;
/// The longest frame that is read; those that are written end soon after [`FRAME_BYTES`].
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// How many frames may wait for whoever writes them down.
const FRAMES_WAITING: usize = 8;
/// How many bytes of changes may wait beside them: past it the writer is too slow for the store's load.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How many rows the committer reads between two groups: a fraction of a millisecond.
const ROWS_A_STEP: usize = 256;

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
    pub(super) fn new(format: u32, head: &HeadV1, now: Timestamp) -> Self {
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
struct End {
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
    /// Whoever made the backup gave it up; why.
    GivenUp(String),
}

impl std::fmt::Display for BackupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged(what) => write!(f, "it is not a whole backup: {what}"),
            Self::Format { found } => write!(f, "it {}", super::of_another_format(*found)),
            Self::Store(error) => error.fmt(f),
            Self::GivenUp(why) => f.write_str(why),
        }
    }
}

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

// ---- rows in a frame -------------------------------------------------------------------------------------------------

fn put_row(body: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    const FITS: &str = "keys and values are far below these lengths";
    body.extend_from_slice(&u16::try_from(key.len()).expect(FITS).to_be_bytes());
    let length = value.map_or(DELETED, |value| u32::try_from(value.len()).expect(FITS));
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(key);
    body.extend_from_slice(value.unwrap_or_default());
}

/// A row of a frame: a key, and its value unless it was deleted.
pub(super) type Row<'b> = (&'b [u8], Option<&'b [u8]>);

/// The rows of a frame's body; an error where it doesn't divide into rows.
pub(super) fn rows(mut body: &[u8]) -> impl Iterator<Item = Result<Row<'_>, BackupError>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let row = take_row(&mut body);
        if row.is_none() {
            body = &[];
        }
        Some(row.ok_or_else(|| BackupError::Damaged("a frame does not divide into rows".to_owned())))
    })
}

fn take_row<'b>(body: &mut &'b [u8]) -> Option<Row<'b>> {
    let mut take = |length: usize| {
        let (taken, rest) = body.split_at_checked(length)?;
        *body = rest;
        Some(taken)
    };
    let key_length = u16::from_be_bytes(take(2)?.try_into().ok()?);
    let value_length = u32::from_be_bytes(take(4)?.try_into().ok()?);
    let key = take(usize::from(key_length))?;
    if value_length == DELETED {
        return Some((key, None));
    }
    Some((key, Some(take(usize::try_from(value_length).ok()?)?)))
}

/// How many of the records that a header counts are among these rows.
fn counted(body: &[u8]) -> u64 {
    let counted =
        rows(body).filter(|row| row.as_ref().is_ok_and(|(key, value)| value.is_some() && keys::is_counted(key)));
    counted.count() as u64
}

// ---- writing ---------------------------------------------------------------------------------------------------------

/// Writes the frames of one backup.
pub(super) struct Writer<W> {
    out: W,
    hash: digest::Context,
    frames: u64,
    progress: Progress,
}

impl<W: Write> Writer<W> {
    /// Begins a backup.
    pub(super) fn new(out: W, header: &Header) -> Result<Self, BackupError> {
        let progress = Progress { of: header.records(), ..Progress::default() };
        let mut writer = Self { out, hash: digest::Context::new(&digest::SHA256), frames: 0, progress };
        writer.put(MAGIC)?;
        writer.frame(HEADER, &serde_json::to_vec(header).map_err(io::Error::other)?)?;
        Ok(writer)
    }

    /// Writes rows, as [`Piece::Rows`] brings them.
    pub(super) fn rows(&mut self, body: &[u8]) -> Result<Progress, BackupError> {
        self.frame(ROWS, body)?;
        self.progress.done += counted(body);
        Ok(self.progress)
    }

    /// Writes the end; gives back what was written to.
    pub(super) fn finish(mut self) -> Result<W, BackupError> {
        let end = End { frames: self.frames, sha256: hex(self.hash.clone().finish().as_ref()) };
        self.frame(END, &serde_json::to_vec(&end).map_err(io::Error::other)?)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
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

/// Fails once a disk has less room than must stay free: a backup beside the store must not be what fills its disk.
#[derive(Clone, Debug)]
struct Room {
    folder: PathBuf,
    min_free: u64,
    unchecked: u64,
}

impl Room {
    /// After how many bytes the disk is looked at again.
    const LOOK_AFTER: u64 = 4 * 1024 * 1024;

    /// For files in `folder`, on whose disk `min_free` bytes must stay free.
    fn new(folder: &Path, min_free: u64) -> Self {
        Self { folder: folder.to_owned(), min_free, unchecked: Self::LOOK_AFTER }
    }

    /// So many bytes are about to be written.
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        self.unchecked += bytes as u64;
        if self.unchecked < Self::LOOK_AFTER {
            return Ok(());
        }
        self.unchecked = 0;
        let free = fs2::available_space(&self.folder)?;
        if free < self.min_free.saturating_add(Self::LOOK_AFTER) {
            let why = format!(
                "its disk would be left with less than the {} MiB that `store.min_free` keeps",
                self.min_free >> 20
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        Ok(())
    }
}

/// A file that appears under its name only once it is whole and durable.
pub struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: Option<File>,
    room: Room,
}

impl NewFile {
    /// Begins a file that only its owner can read; one of that name that is there already stays until this one is whole. A link is
    /// followed; what is no regular file is refused. It is given up when its disk is left with less than `min_free` bytes.
    pub fn create(path: &Path, min_free: u64) -> io::Result<Self> {
        let path = &super::destination::of_file(path)?;
        // A name of its own: two who write the same file must not write into each other's.
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{:08x}.part", u32::from_be_bytes(crate::random::bytes())));
        let part = PathBuf::from(part);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut room = Room::new(folder, min_free);
        room.take(0)?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        Ok(Self { path: path.to_owned(), part, file: Some(file), room })
    }

    /// Gives it its name; durable on return.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        fs::rename(&self.part, &self.path)?;
        self.file = None;
        atomic_file::sync_folder(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room.take(bytes.len())?;
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Given up half-way: what is left of it is of use to nobody.
            let _ = fs::remove_file(&self.part);
        }
    }
}

pub(super) fn write_tree<W: Write>(
    tree: &dyn Tree,
    writer: &mut Writer<W>,
    mut progress: impl FnMut(Progress),
) -> Result<(), BackupError> {
    let mut body = Vec::with_capacity(FRAME_BYTES * 2);
    for row in tree.range(&[], None) {
        let (key, value) = row?;
        put_row(&mut body, &key, Some(&value));
        if body.len() >= FRAME_BYTES {
            progress(writer.rows(&body)?);
            free_what_was_replaced(body.len() / 64);
            body.clear();
        }
    }
    if !body.is_empty() {
        progress(writer.rows(&body)?);
    }
    Ok(())
}

// ---- from a store that changes meanwhile -----------------------------------------------------------------------------

/// What the committer hands to whoever writes a backup down.
#[derive(Debug)]
pub enum Piece {
    /// The first of all.
    Header(Header),
    /// The body of a frame of rows.
    Rows(Vec<u8>),
    /// That was all: the backup is of this moment.
    End,
    /// It was given up, and why.
    GivenUp(String),
}

/// A backup under way, in the committer's hands.
pub(super) struct Hot {
    pieces: mpsc::Sender<Piece>,
    /// The first key that is not read yet; `None` when all are.
    next: Option<Key>,
    /// What found no place in the channel, in order.
    waiting: VecDeque<Piece>,
    waiting_bytes: usize,
    /// How many rows to read before the next group, so that the reader outruns whatever changes behind it.
    owes: usize,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// There is more to do at once.
    More,
    /// The writer must catch up first.
    Blocked,
    /// It is over, well or not.
    Over,
}

impl Hot {
    /// The channel that a backup's pieces come through.
    pub(super) fn channel() -> (mpsc::Sender<Piece>, mpsc::Receiver<Piece>) {
        mpsc::channel(FRAMES_WAITING)
    }

    pub(super) fn new(pieces: mpsc::Sender<Piece>, header: Header) -> Self {
        Self {
            pieces,
            next: Some(Vec::new()),
            waiting: VecDeque::from([Piece::Header(header)]),
            waiting_bytes: 0,
            owes: 0,
        }
    }

    /// A group is about to change these rows: those that were read before they changed must follow.
    pub(super) fn note<'r>(&mut self, rows: impl Iterator<Item = (&'r Key, Option<&'r [u8]>)>) {
        let Some(next) = &self.next else {
            return;
        };
        let mut body = Vec::new();
        let changed = rows.inspect(|_| self.owes += 2);
        for (key, value) in changed.filter(|(key, _)| *key < next) {
            put_row(&mut body, key, value);
            if body.len() >= FRAME_BYTES {
                self.waiting_bytes += body.len();
                self.waiting.push_back(Piece::Rows(std::mem::take(&mut body)));
            }
        }
        if !body.is_empty() {
            self.waiting_bytes += body.len();
            self.waiting.push_back(Piece::Rows(body));
        }
    }

    /// Reads a little more, if the writer has room for it: twice as many rows as were changed since the last time, and some.
    /// Otherwise a store that is written to without pause would never be read to its end.
    pub(super) fn step(&mut self, tree: &dyn Tree) -> Stepped {
        loop {
            let stepped = self.step_once(tree);
            self.owes = self.owes.saturating_sub(ROWS_A_STEP);
            if stepped != Stepped::More || self.owes == 0 {
                return stepped;
            }
        }
    }

    fn step_once(&mut self, tree: &dyn Tree) -> Stepped {
        while let Some(piece) = self.waiting.pop_front() {
            let last = matches!(piece, Piece::End | Piece::GivenUp(_));
            let bytes = if let Piece::Rows(body) = &piece { body.len() } else { 0 };
            match self.pieces.try_send(piece) {
                Ok(()) if last => return Stepped::Over,
                Ok(()) => self.waiting_bytes -= bytes,
                Err(mpsc::error::TrySendError::Closed(_)) => return Stepped::Over,
                Err(mpsc::error::TrySendError::Full(piece)) => {
                    self.waiting.push_front(piece);
                    if self.waiting_bytes > MAX_WAITING_BYTES {
                        let why =
                            "what was being written could not keep up with the changes: try again, onto a faster disk";
                        self.give_up(why.to_owned());
                    }
                    return Stepped::Blocked;
                }
            }
        }
        if let Err(error) = self.read(tree) {
            self.give_up(error.to_string());
        }
        Stepped::More
    }

    fn give_up(&mut self, why: String) {
        self.next = None;
        self.waiting_bytes = 0;
        self.waiting = VecDeque::from([Piece::GivenUp(why)]);
    }

    fn read(&mut self, tree: &dyn Tree) -> Result<(), StoreError> {
        let Some(from) = &self.next else {
            return Ok(());
        };
        free_what_was_replaced(ROWS_A_STEP);
        let mut body = Vec::new();
        let mut last = None;
        for row in tree.range(from, None).take(ROWS_A_STEP) {
            let (key, value) = row?;
            put_row(&mut body, &key, Some(&value));
            last = Some(key);
            if body.len() >= FRAME_BYTES {
                break;
            }
        }
        if let Some(last) = last {
            self.waiting_bytes += body.len();
            self.waiting.push_back(Piece::Rows(body));
            // The first key behind it.
            self.next = Some([&last[..], &[0]].concat());
        } else {
            self.next = None;
            self.waiting.push_back(Piece::End);
        }
        Ok(())
    }
}

/// Writes down what the committer hands over. Blocks; gives back what was written to once all of it is written.
pub fn write_pieces<W: Write>(
    mut pieces: mpsc::Receiver<Piece>,
    out: W,
    mut progress: impl FnMut(Progress),
) -> Result<W, BackupError> {
    let gone = || BackupError::GivenUp("the daemon stopped before the backup was whole".to_owned());
    let Some(Piece::Header(header)) = pieces.blocking_recv() else {
        return Err(gone());
    };
    let mut writer = Writer::new(out, &header)?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Rows(body)) => progress(writer.rows(&body)?),
            Some(Piece::End) => return writer.finish(),
            Some(Piece::GivenUp(why)) => {
                // So that whoever reads along hears why.
                writer.frame(GIVEN_UP, why.as_bytes())?;
                writer.out.flush()?;
                return Err(BackupError::GivenUp(why));
            }
            Some(Piece::Header(_)) | None => return Err(gone()),
        }
    }
}

// ---- reading ---------------------------------------------------------------------------------------------------------

/// Reads the frames of one backup, each of them checked.
pub(super) struct Reader<R> {
    input: R,
    hash: digest::Context,
    frames: u64,
    pub(super) header: Header,
    pub(super) progress: Progress,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(mut input: R) -> Result<Self, BackupError> {
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
        let mut reader = Self { input, hash, frames: 0, header, progress };
        let mut body = Vec::new();
        if reader.frame(&mut body)? != HEADER {
            return Err(BackupError::Damaged("its header is missing".to_owned()));
        }
        reader.header = serde_json::from_slice(&body)
            .map_err(|error| BackupError::Damaged(format!("its header can't be read: {error}")))?;
        if reader.header.format != super::open::FORMAT {
            return Err(BackupError::Format { found: reader.header.format });
        }
        reader.progress.of = reader.header.records();
        Ok(reader)
    }

    /// The next frame of rows, into `body`; `false` at the end, which holds and is followed by nothing.
    pub(super) fn next_rows(&mut self, body: &mut Vec<u8>) -> Result<bool, BackupError> {
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
                Ok(false)
            }
            GIVEN_UP => Err(BackupError::GivenUp(String::from_utf8_lossy(body).into_owned())),
            kind => Err(BackupError::Damaged(format!("it has a frame of kind {kind}, which there is none of"))),
        }
    }

    fn frame(&mut self, body: &mut Vec<u8>) -> Result<u8, BackupError> {
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
