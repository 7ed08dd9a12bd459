//! What makes groups durable, beside the committer that applies them: while one group is synced the next one is
//! applied.
//!
//! A lone writer waits for no other thread: as long as nothing else waits, the committer syncs by itself. Otherwise it
//! hands the group over and goes on, and however many groups were handed over meanwhile share the next sync. Answers
//! are given, and the engine receives its updates, in the order of the groups, each after its own sync or a later one.
//!
//! Only one of the two threads ever flushes: sled's flush is known to hang with many.

use crate::model::Seq;
use crate::store::changes::change::Answer;
use crate::store::engine::ending::{end, or_end, this_thread_changes};
use crate::store::engine::marker::Marker;
use crate::store::error::StoreError;
use crate::store::state::Shared;
use crate::store::updates::{SendUpdates, StoreUpdate};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A group that is applied, and what follows once it is durable.
pub(crate) struct Applied {
    /// The number of its batch.
    pub(crate) commit: u64,
    /// The last event that was recorded by then.
    pub(crate) seq: u64,
    /// Whether what follows has to wait for a sync; outcomes of attempts haven't.
    pub(crate) sync: bool,
    pub(crate) updates: Vec<StoreUpdate>,
    pub(crate) answers: Vec<Answer>,
}

/// The files that are synced, and where updates go.
struct Files {
    shared: Arc<Shared>,
    marker: Marker,
    send_updates: SendUpdates,
}

impl Files {
    fn sync_marker(&mut self) {
        let now = self.shared.times.clock.pace();
        or_end(self.marker.sync_due(now).map_err(|error| about_the_marker(&error)));
    }

    fn finish(&mut self, groups: Vec<Applied>) {
        if let Some(last) = groups.iter().rev().find(|group| group.sync) {
            or_end(self.shared.tree.sync());
            self.shared.synced.store(last.commit, Ordering::Release);
            or_end(
                self.marker
                    .move_to(last.commit, self.shared.times.clock.pace())
                    .map_err(|error| about_the_marker(&error)),
            );
        }
        for Applied { commit: _, seq, sync, mut updates, answers } in groups {
            if sync && self.shared.durable.swap(seq, Ordering::AcqRel) != seq {
                updates.push(StoreUpdate::Durable(Seq(seq)));
            }
            if !updates.is_empty() {
                (self.send_updates)(updates);
            }
            for answer in answers {
                answer();
            }
        }
    }
}

/// A marker that falls behind would call a store whole that has lost something.
fn about_the_marker(error: &std::io::Error) -> StoreError {
    StoreError::Failed(std::io::Error::new(error.kind(), format!("its marker can't be written: {error}")))
}

/// The committer's end. A failure ends the process: a sync that failed can't be tried again, since the kernel may have
/// dropped the pages.
pub(crate) struct Syncer {
    files: Arc<Mutex<Files>>,
    /// How many groups were handed over and aren't finished.
    under_way: Arc<AtomicUsize>,
    groups: Option<Sender<Applied>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(crate) fn start(shared: Arc<Shared>, marker: Marker, send_updates: SendUpdates) -> Result<Self, StoreError> {
        let (syncer, receiver) = Self::without_thread(shared.clone(), marker, send_updates);
        let run = {
            let (files, under_way) = (syncer.files.clone(), syncer.under_way.clone());
            move || run(&shared, &files, &under_way, &receiver)
        };
        let thread = std::thread::Builder::new().name("syncer".to_owned()).spawn(run)?;
        Ok(Self { thread: Some(thread), ..syncer })
    }

    /// The holder of the receiver makes the groups durable.
    fn without_thread(shared: Arc<Shared>, marker: Marker, send_updates: SendUpdates) -> (Self, Receiver<Applied>) {
        let (groups, receiver) = channel();
        let files = Arc::new(Mutex::new(Files { shared, marker, send_updates }));
        (Self { files, under_way: Arc::default(), groups: Some(groups), thread: None }, receiver)
    }

    /// All groups go to the caller of [`Manual::begin`] and [`Manual::finish`].
    #[cfg(test)]
    pub(super) fn manual(shared: Arc<Shared>, marker: Marker, send_updates: SendUpdates) -> (Self, Manual) {
        let (syncer, groups) = Self::without_thread(shared, marker, send_updates);
        // One that never ends: the committer leaves every group to the other side.
        syncer.under_way.store(1, Ordering::Release);
        let files = syncer.files.clone();
        (syncer, Manual { files, groups, taken: Vec::new() })
    }

    /// Makes a group durable, if it has to be, and answers: by itself if that is what the caller wants and no earlier
    /// group is under way, beside it otherwise.
    pub(crate) fn finish(&self, group: Applied, on_this_thread: bool) {
        if on_this_thread && self.under_way.load(Ordering::Acquire) == 0 {
            return self.files().finish(vec![group]);
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        // Its thread lives until this hangs up.
        if self.groups.as_ref().is_none_or(|groups| groups.send(group).is_err()) {
            end("the thread that makes changes durable has ended");
        }
    }

    /// How long until the marker is to be synced; `None` when it is.
    pub(crate) fn marker_due_in(&self) -> Option<Duration> {
        self.files.try_lock().ok().and_then(|files| files.marker.sync_in(files.shared.times.clock.pace()))
    }

    /// Syncs the marker if it is time to, and nothing else is at the files.
    pub(crate) fn sync_marker(&self) {
        // Otherwise the other thread does so itself.
        if let Ok(mut files) = self.files.try_lock() {
            files.sync_marker();
        }
    }

    /// Finishes whatever is under way, then syncs the marker.
    pub(crate) fn stop(&mut self) {
        self.groups = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            end("the thread that makes changes durable has ended");
        }
        or_end(self.files().marker.sync_due(Duration::MAX).map_err(|error| about_the_marker(&error)));
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The other side of a [`Syncer`] without a thread.
#[cfg(test)]
pub(super) struct Manual {
    files: Arc<Mutex<Files>>,
    groups: Receiver<Applied>,
    taken: Vec<Applied>,
}

#[cfg(test)]
impl Manual {
    /// Takes the groups that were applied; says whether there are any, and whether they need a sync.
    pub(super) fn begin(&mut self) -> Option<bool> {
        self.taken.extend(self.groups.try_iter());
        (!self.taken.is_empty()).then(|| self.taken.iter().any(|group| group.sync))
    }

    /// What follows once they are synced.
    pub(super) fn finish(&mut self) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).finish(std::mem::take(&mut self.taken));
    }
}

fn run(shared: &Shared, files: &Mutex<Files>, under_way: &AtomicUsize, groups: &Receiver<Applied>) {
    this_thread_changes();
    while let Ok(first) = groups.recv() {
        shared.syncer_stall.begin();
        let mut together = vec![first];
        together.extend(groups.try_iter());
        let count = together.len();
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        files.finish(together);
        files.sync_marker();
        drop(files);
        shared.syncer_stall.end();
        under_way.fetch_sub(count, Ordering::AcqRel);
    }
}
