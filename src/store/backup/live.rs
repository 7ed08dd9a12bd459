//! A backup of a store that changes meanwhile: a thread of its own reads all rows in their order, and after them the
//! commits that the journal has from the moment on when it began.
//!
//! A row is read as it is at some time between the two ends; the commits that follow hold all that changed
//! since. So it is of the last one's moment, however long it took, and keeps nothing in memory.

use crate::store::backup::format::{BackupError, FRAME_BYTES, GIVEN_UP, Header, Progress, Writer, put_row};
use crate::store::engine::Tree;
use crate::store::engine::journal::Past;
use crate::store::error::{EngineError, StoreError};
use std::io::Write;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many frames may wait for the writer of the file.
const FRAMES_WAITING: usize = 8;

/// What the reader hands to the writer of the file.
#[derive(Debug)]
pub enum Piece {
    /// The first of all.
    Header(Header),
    /// The body of a frame of rows.
    Rows(Vec<u8>),
    /// That was all: the backup is of this commit.
    End(u64),
    /// It was given up, and why.
    GivenUp(String),
}

/// A backup that has begun: what changes from here on is kept for it.
pub(crate) struct Begun {
    pub(crate) header: Header,
    pub(crate) past: Past,
    /// As long as this lives there is no other one.
    pub(crate) sign: Arc<()>,
}

impl Begun {
    /// Has a thread read it. `close` gives the last commit, once it and all before it stand in closed segments of the
    /// journal.
    pub(crate) fn read(
        self,
        tree: Arc<dyn Tree>,
        close: impl FnOnce() -> Result<u64, StoreError> + Send + 'static,
    ) -> Result<mpsc::Receiver<Piece>, StoreError> {
        let (sender, pieces) = mpsc::channel(FRAMES_WAITING);
        let read = move || {
            let Self { header, past, sign } = self;
            let mut out = Pieces { sender, body: Vec::new(), gone: false };
            out.send(Piece::Header(header));
            let last = match out.read(&*tree, &past, close) {
                Ok(commit) => Piece::End(commit),
                Err(error) => Piece::GivenUp(error.to_string()),
            };
            drop((past, sign));
            out.send(last);
        };
        std::thread::Builder::new().name("backup".to_owned()).spawn(read)?;
        Ok(pieces)
    }
}

/// The reader's end of the channel.
struct Pieces {
    sender: mpsc::Sender<Piece>,
    body: Vec<u8>,
    /// Whether nobody writes it down any more.
    gone: bool,
}

impl Pieces {
    fn send(&mut self, piece: Piece) {
        self.gone |= self.sender.blocking_send(piece).is_err();
    }

    fn row(&mut self, key: &[u8], value: Option<&[u8]>) {
        put_row(&mut self.body, key, value);
        if self.body.len() >= FRAME_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.body.is_empty() {
            let body = std::mem::take(&mut self.body);
            self.send(Piece::Rows(body));
        }
    }

    fn read(
        &mut self,
        tree: &dyn Tree,
        past: &Past,
        close: impl FnOnce() -> Result<u64, StoreError>,
    ) -> Result<u64, StoreError> {
        for row in tree.range(&[], None) {
            let (key, value) = row?;
            self.row(&key, Some(&value));
            if self.gone {
                return Err(StoreError::Stopped);
            }
        }
        let last = close()?;
        for frame in past.frames(last) {
            for (key, value) in frame?.rows {
                self.row(&key, value.as_deref());
            }
            if self.gone {
                return Err(StoreError::Stopped);
            }
        }
        self.flush();
        is_whole(tree)?;
        Ok(last)
    }
}

/// sled can drop a row in silence, and then a backup lacks it: it must not take the place of those that have it.
pub(crate) fn is_whole(tree: &dyn Tree) -> Result<(), StoreError> {
    match tree.check()?.into_iter().next() {
        Some(finding) => Err(EngineError::Damaged(finding).into()),
        None => Ok(()),
    }
}

/// Writes down what is handed over. Blocks; gives back what was written to once all of it is written.
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
            Some(Piece::End(commit)) => return writer.finish(commit),
            Some(Piece::GivenUp(why)) => {
                // So that a reader at the other end learns why.
                writer.frame(GIVEN_UP, why.as_bytes())?;
                writer.out.flush()?;
                return Err(BackupError::GivenUp(why));
            }
            Some(Piece::Header(_)) | None => return Err(gone()),
        }
    }
}

#[cfg(test)]
mod tests;
