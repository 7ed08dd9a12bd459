//! A backup of a store that changes meanwhile: the committer reads the tree, a little between two groups.

use crate::store::backup::format::{BackupError, FRAME_BYTES, GIVEN_UP, Header, Progress, Writer, put_row};
use crate::store::engine::{Tree, free_what_was_replaced};
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use std::collections::VecDeque;
use std::io::Write;
use tokio::sync::mpsc;

/// How many frames may wait for whoever writes them down.
const FRAMES_WAITING: usize = 8;
/// How many bytes of changes may wait beside them: past it the writer is too slow for the store's load.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How many rows the committer reads between two groups: a fraction of a millisecond.
const ROWS_A_STEP: usize = 256;

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
pub(crate) struct LiveBackup {
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
pub(crate) enum Stepped {
    /// There is more to do at once.
    More,
    /// The writer must catch up first.
    Blocked,
    /// It is over, well or not.
    Over,
}

impl LiveBackup {
    /// The channel that a backup's pieces come through.
    pub(crate) fn channel() -> (mpsc::Sender<Piece>, mpsc::Receiver<Piece>) {
        mpsc::channel(FRAMES_WAITING)
    }

    pub(crate) fn new(pieces: mpsc::Sender<Piece>, header: Header) -> Self {
        Self {
            pieces,
            next: Some(Vec::new()),
            waiting: VecDeque::from([Piece::Header(header)]),
            waiting_bytes: 0,
            owes: 0,
        }
    }

    /// A group is about to change these rows: those that were read before they changed must follow.
    pub(crate) fn note<'r>(&mut self, rows: impl Iterator<Item = (&'r Key, Option<&'r [u8]>)>) {
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

    /// Reads a little more, if the writer has room for it: twice as many rows as were changed since the last time, and
    /// some. Otherwise a store that is written to without pause would never be read to its end.
    pub(crate) fn step(&mut self, tree: &dyn Tree) -> Stepped {
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
