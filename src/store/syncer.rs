//! What makes groups durable, beside the committer that applies them: while one group is synced the next one is applied.
//!
//! A lone writer waits for no other thread: as long as nothing else waits, the committer syncs by itself. Otherwise it hands the
//! group over and goes on, and however many groups were handed over meanwhile share the next sync. Answers are given, and the
//! engine is told, in the order of the groups, each after its own sync or a later one.
//!
//! Only one of the two threads ever flushes: sled's flush is known to hang with many.

use super::committer::{Answer, Tell, Told};
use super::marker::Marker;
use super::{Shared, StoreError, sync};
use crate::model::Seq;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A group that is applied, and what follows once it is durable.
pub(super) struct Applied {
    /// The number of its batch.
    pub(super) commit: u64,
    /// The last event that was recorded by then.
    pub(super) seq: u64,
    /// Whether what follows has to wait for a sync; outcomes of attempts haven't.
    pub(super) sync: bool,
    pub(super) told: Vec<Told>,
    pub(super) answers: Vec<Answer>,
}

/// The files that are synced, and whom to tell.
struct Files {
    shared: Arc<Shared>,
    log: File,
    marker: Marker,
    tell: Tell,
}

impl Files {
    fn finish(&mut self, groups: Vec<Applied>) -> Result<(), StoreError> {
        if let Some(last) = groups.iter().rev().find(|group| group.sync) {
            // Told before the answers are dropped, so that whoever asked hears why.
            sync(&self.shared.db, &self.log).inspect_err(|_| self.shared.fail())?;
            self.marker.move_to(last.commit).inspect_err(|_| self.shared.fail())?;
        }
        for Applied { commit: _, seq, sync, mut told, answers } in groups {
            if sync && self.shared.durable.swap(seq, Ordering::AcqRel) != seq {
                told.push(Told::Durable(Seq(seq)));
            }
            if !told.is_empty() {
                (self.tell)(told);
            }
            for answer in answers {
                answer();
            }
        }
        Ok(())
    }
}

/// The committer's end.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    files: Arc<Mutex<Files>>,
    /// How many groups were handed over and aren't finished.
    under_way: Arc<AtomicUsize>,
    groups: Option<Sender<Applied>>,
    thread: Option<JoinHandle<()>>,
    error: Arc<Mutex<Option<StoreError>>>,
}

impl Syncer {
    pub(super) fn start(shared: Arc<Shared>, log: File, marker: Marker, tell: Tell) -> Result<Self, StoreError> {
        let files = Arc::new(Mutex::new(Files { shared: shared.clone(), log, marker, tell }));
        let (groups, receiver) = channel();
        let (under_way, error) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let run = {
            let (shared, files, under_way, error) = (shared.clone(), files.clone(), under_way.clone(), error.clone());
            move || run(&shared, &files, &under_way, &error, &receiver)
        };
        let thread = std::thread::Builder::new().name("syncer".to_owned()).spawn(run)?;
        Ok(Self { shared, files, under_way, groups: Some(groups), thread: Some(thread), error })
    }

    /// Makes a group durable, if it has to be, and answers: by itself if that is what the caller wants and no earlier group is
    /// under way, beside it otherwise.
    pub(super) fn finish(&self, group: Applied, here: bool) -> Result<(), StoreError> {
        if here && self.under_way.load(Ordering::Acquire) == 0 {
            return self.files().finish(vec![group]);
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let sent = self.groups.as_ref().is_some_and(|groups| groups.send(group).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// Why groups can't be made durable any more, if so.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { Err(self.failure()) } else { Ok(()) }
    }

    fn failure(&self) -> StoreError {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(StoreError::Failed)
    }

    /// How long until the marker is to be synced; `None` when it is.
    pub(super) fn marker_due_in(&self) -> Option<Duration> {
        self.files.try_lock().ok().and_then(|files| files.marker.sync_in())
    }

    /// Syncs the marker if it is time to, and nothing else is at the files.
    pub(super) fn sync_marker(&self) -> Result<(), StoreError> {
        match self.files.try_lock() {
            Ok(mut files) => Ok(files.marker.sync_due(false).inspect_err(|_| self.shared.fail())?),
            // It does so itself.
            Err(_) => Ok(()),
        }
    }

    /// Finishes whatever is under way, then syncs the marker.
    pub(super) fn stop(&mut self) -> Result<(), StoreError> {
        self.groups = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            return Err(StoreError::Failed);
        }
        if self.under_way.load(Ordering::Acquire) > 0 {
            return Err(self.failure());
        }
        Ok(self.files().marker.sync_due(true).inspect_err(|_| self.shared.fail())?)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// sled panics where others return an error: whoever waits must not be told that carteiro is merely stopping.
struct FailOnPanic<'s>(&'s Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

fn run(
    shared: &Shared,
    files: &Mutex<Files>,
    under_way: &AtomicUsize,
    error: &Mutex<Option<StoreError>>,
    groups: &Receiver<Applied>,
) {
    let _ending = FailOnPanic(shared);
    while let Ok(first) = groups.recv() {
        shared.sync_pulse.begin();
        let mut together = vec![first];
        together.extend(groups.try_iter());
        let count = together.len();
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = files.finish(together).and_then(|()| Ok(files.marker.sync_due(false)?));
        drop(files);
        shared.sync_pulse.end();
        if let Err(failed) = finished {
            // A failed sync can't be tried again, and what is under way stays so: nothing is finished after it.
            shared.fail();
            tracing::error!(error = %failed, "a change could not be made durable");
            *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
            return;
        }
        under_way.fetch_sub(count, Ordering::AcqRel);
    }
}
