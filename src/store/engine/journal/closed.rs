//! The closed segments: which there are, who holds them, and when they go.
//!
//! A handle of it is shared by the writer, which adds to it, the checkpoint, which retires what sled holds, and readers
//! of segments: none of them waits for a write of the journal.

use crate::store::engine::journal::disk::Disk;
use crate::store::engine::journal::frame::Frame;
use crate::store::engine::journal::segment::{check_open, name, read_closed};
use crate::store::error::EngineError;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// One closed segment. It is immutable, and describes itself ([`crate::store::engine::journal::segment::read_closed`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    /// Its file in the journal's folder.
    pub(crate) name: String,
    pub(crate) number: u64,
    /// The first commit in it.
    pub(crate) first_commit: u64,
    /// The last one; one less than the first where it has none.
    pub(crate) last_commit: u64,
    pub(crate) bytes: u64,
}

/// The segment that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenSegment {
    pub(crate) number: u64,
    /// The first commit in it.
    pub(crate) first_commit: u64,
    /// Its whole frames, and what stands before them.
    pub(crate) bytes: u64,
}

/// A handle of a journal's closed segments; a clone is the same one.
#[derive(Clone)]
pub(crate) struct Closed {
    disk: Arc<dyn Disk>,
    /// How many bytes holds may keep that nothing else does.
    held_bytes: u64,
    state: Arc<Mutex<State>>,
}

struct State {
    segments: VecDeque<ClosedSegment>,
    open: OpenSegment,
    /// Whether the files are there to be read.
    is_there: bool,
    holds: Vec<Weak<Held>>,
}

struct Held {
    from: u64,
    /// Why it was broken, if it was.
    broken: OnceLock<&'static str>,
}

/// How much holds may keep that nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// As much as the journal's settings say.
    Much,
    /// No more than [`LITTLE_BYTES`] either: the disk is almost full.
    Little,
}

/// The most bytes that holds keep while the disk is almost full.
const LITTLE_BYTES: u64 = 32 * 1024 * 1024;

impl Keep {
    fn bytes(self, held_bytes: u64) -> u64 {
        match self {
            Self::Much => held_bytes,
            Self::Little => held_bytes.min(LITTLE_BYTES),
        }
    }

    /// Why a hold that kept more was broken, and what to do.
    fn sentence(self) -> &'static str {
        match self {
            Self::Much => "it was held for so long that the journal outgrew its limit; begin again, from a new backup",
            Self::Little => {
                "the disk is almost full, so that no more than 32 MiB of it are held for a backup: make room, and \
                 begin again, from a new backup"
            }
        }
    }
}

/// Keeps the segments that have a commit, and all later ones, until it is dropped or broken.
#[must_use = "it keeps nothing once it is dropped"]
pub(crate) struct Hold(Arc<Held>);

impl Hold {
    /// The first commit that it keeps.
    pub(crate) fn commit(&self) -> u64 {
        self.0.from
    }

    /// Fails where it kept more than it may, and was broken: its segments may be gone. A reader of segments asks this
    /// after reading, too.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.0.broken.get() {
            Some(why) => Err(EngineError::Gone { commit: self.0.from, why }),
            None => Ok(()),
        }
    }
}

/// What a journal has behind a commit, held for a reader.
pub(crate) struct Past {
    closed: Closed,
    hold: Hold,
}

impl Past {
    /// The frames from there on, up to a commit that stands in a closed segment. Fails where one is gone, or damaged.
    pub(crate) fn frames(&self, up_to: u64) -> impl Iterator<Item = Result<Frame, EngineError>> {
        let wanted = self.hold.commit()..=up_to;
        let segments = self.closed.segments().into_iter();
        let segments = segments.filter(move |segment| segment.last_commit >= self.hold.commit());
        let frames = segments.flat_map(|segment| {
            let (frames, error) = match read_closed(&*self.closed.disk, &segment.name) {
                Ok(frames) => (Some(frames), None),
                Err(error) => (None, Some(Err(self.hold.check().err().unwrap_or(error)))),
            };
            error.into_iter().chain(frames.into_iter().flatten())
        });
        let frames = frames.filter(move |frame| frame.as_ref().map_or(true, |frame| wanted.contains(&frame.commit)));
        frames.chain(std::iter::once_with(|| self.hold.check()).filter_map(|held| held.err().map(Err)))
    }
}

impl Closed {
    /// What there will be behind a commit.
    pub(crate) fn past(&self, after: u64) -> Result<Past, EngineError> {
        Ok(Past { closed: self.clone(), hold: self.hold(after + 1)? })
    }

    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        held_bytes: u64,
        segments: impl IntoIterator<Item = ClosedSegment>,
        open: OpenSegment,
    ) -> Self {
        let segments = segments.into_iter().collect();
        let state = State { segments, open, is_there: true, holds: Vec::new() };
        Self { disk, held_bytes, state: Arc::new(Mutex::new(state)) }
    }

    /// Every change of it is one that a panic can't cut in two.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest commit that the journal has, or the next one where it has none.
    pub(crate) fn first_commit(&self) -> u64 {
        self.state().first_commit()
    }

    /// How many bytes the journal has, the open segment among them.
    pub(crate) fn bytes(&self) -> u64 {
        let state = self.state();
        state.open.bytes + state.segments.iter().map(|segment| segment.bytes).sum::<u64>()
    }

    /// The closed segments, the oldest first; their commits follow on one another. One may go while it is being read,
    /// unless a hold keeps it.
    pub(crate) fn segments(&self) -> Vec<ClosedSegment> {
        self.state().segments.iter().cloned().collect()
    }

    /// Knows of no segment any more: the files may go.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.segments.clear();
        state.is_there = false;
    }

    /// Reads all of them, and of the open one what was written when this began, and says what isn't as it was written.
    pub(crate) fn check(&self) -> Vec<String> {
        let (segments, open) = {
            let state = self.state();
            (state.segments.clone(), Some(state.open).filter(|_| state.is_there))
        };
        let closed = segments.into_iter().map(|segment| {
            let read =
                read_closed(&*self.disk, &segment.name).and_then(|mut frames| frames.try_for_each(|f| f.map(drop)));
            (segment.number, read)
        });
        let open = open.into_iter().map(|open| (open.number, check_open(&*self.disk, &name(open.number), open.bytes)));
        // One that went meanwhile isn't needed.
        let failed = closed.chain(open).filter_map(|(number, read)| read.err().filter(|_| self.state().has(number)));
        failed.map(|error| format!("the journal: {error}")).collect()
    }

    /// Keeps the segments that have this commit or a later one. Fails where the commit is gone.
    pub(crate) fn hold(&self, from_commit: u64) -> Result<Hold, EngineError> {
        let mut state = self.state();
        if from_commit < state.first_commit() {
            return Err(EngineError::Gone { commit: from_commit, why: "the store has let it go" });
        }
        let held = Arc::new(Held { from: from_commit, broken: OnceLock::new() });
        state.holds.retain(|hold| hold.strong_count() > 0);
        state.holds.push(Arc::downgrade(&held));
        Ok(Hold(held))
    }

    /// Removes the segments whose last commit is `position` or an older one, those that are held excepted. Where holds
    /// keep more bytes than they may, the one that keeps the oldest commit is broken, and if need be the next. Returns
    /// how many were removed; their removal is durable then. `position` must be synced.
    ///
    /// After an error files may be left that the next start removes; a crash may leave any of them.
    pub(crate) fn retire(&self, position: u64, keep: Keep) -> Result<usize, EngineError> {
        let retired = self.state().retire(position, keep.bytes(self.held_bytes), keep.sentence());
        for segment in &retired {
            match self.disk.remove(&segment.name) {
                // Somebody has moved it away, and nothing needs it any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        if !retired.is_empty() {
            self.disk.sync()?;
        }
        Ok(retired.len())
    }

    /// The writer has closed a segment and begun another one.
    pub(crate) fn add(&self, segment: ClosedSegment, open: OpenSegment) {
        let mut state = self.state();
        state.open = open;
        state.segments.push_back(segment);
    }

    /// The writer has written.
    pub(crate) fn set_open_bytes(&self, bytes: u64) {
        self.state().open.bytes = bytes;
    }
}

impl State {
    fn first_commit(&self) -> u64 {
        self.segments.front().map_or(self.open.first_commit, |segment| segment.first_commit)
    }

    fn has(&self, number: u64) -> bool {
        self.open.number == number || self.segments.iter().any(|segment| segment.number == number)
    }

    fn retire(&mut self, position: u64, held_bytes: u64, why: &'static str) -> Vec<ClosedSegment> {
        let mut holds: Vec<Arc<Held>> = self.holds.iter().filter_map(Weak::upgrade).collect();
        holds.sort_by_key(|hold| hold.from);
        let idle = self.segments.iter().take_while(|segment| segment.last_commit <= position);
        let mut idle_bytes: u64 = idle.map(|segment| segment.bytes).sum();
        let mut oldest_holds = holds.into_iter().peekable();
        let mut retired = Vec::new();
        while let Some(segment) = self.segments.front().filter(|segment| segment.last_commit <= position) {
            match oldest_holds.peek().filter(|hold| hold.from <= segment.last_commit) {
                Some(_) if idle_bytes <= held_bytes => break,
                Some(hold) => {
                    // No other one breaks it: the one that does takes it off the list.
                    let _ = hold.broken.set(why);
                    oldest_holds.next();
                }
                None => {
                    idle_bytes -= segment.bytes;
                    retired.extend(self.segments.pop_front());
                }
            }
        }
        self.holds = oldest_holds.map(|hold| Arc::downgrade(&hold)).collect();
        retired
    }
}

#[cfg(test)]
mod tests;
