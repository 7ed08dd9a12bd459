//! The queue in front of the committer. It wakes the committer once for whatever gathers while it is awake, and for
//! what can wait only after it has had time to gather: each wake costs the sender a system call, and the committer a
//! switch of threads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The two ends of a queue.
pub(crate) fn commit_queue<T>() -> (CommitSender<T>, CommitReceiver<T>) {
    let queue = Arc::new(Queue { state: Mutex::new(State::default()), changed: Condvar::new() });
    (CommitSender(Arc::new(Senders(queue.clone()))), CommitReceiver(queue))
}

/// The end that handles have.
pub(crate) struct CommitSender<T>(Arc<Senders<T>>);

/// The end that the committer has; dropping it makes every later send fail, and drops what waits.
pub(crate) struct CommitReceiver<T>(Arc<Queue<T>>);

/// All senders together: with the last of them this is dropped.
struct Senders<T>(Arc<Queue<T>>);

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// What waits, and whether a caller waits for it.
    waiting: VecDeque<(T, bool)>,
    /// For how many of them a caller waits.
    urgent: usize,
    /// What the committer sleeps for; `None` while it is awake, or about to be.
    sleeps: Option<Sleep>,
    is_closed: bool,
    has_senders: bool,
}

#[derive(Clone, Copy)]
enum Sleep {
    /// Anything wakes it.
    Idle,
    /// What a caller waits for wakes it, or so many that wait.
    Gathering { most: usize },
}

/// How long, and up to how many, commits that nobody waits for may gather.
#[derive(Clone, Copy)]
pub(crate) struct Gather {
    pub(crate) time: Duration,
    pub(crate) most: usize,
}

/// The committer takes nothing any more.
#[derive(Debug)]
pub(crate) struct QueueClosed;

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), urgent: 0, sleeps: None, is_closed: false, has_senders: true }
    }
}

impl<T> Queue<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A panic under the lock leaves the queue as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for CommitSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> CommitSender<T> {
    /// Puts a commit behind those that wait. `is_urgent` says that a caller waits for it, so that it must not wait for
    /// company.
    pub(crate) fn send(&self, commit: T, is_urgent: bool) -> Result<(), QueueClosed> {
        let queue = &self.0.0;
        let mut state = queue.state();
        if state.is_closed {
            return Err(QueueClosed);
        }
        state.waiting.push_back((commit, is_urgent));
        state.urgent += usize::from(is_urgent);
        let wakes = match state.sleeps {
            None => false,
            Some(Sleep::Idle) => true,
            Some(Sleep::Gathering { most }) => is_urgent || state.waiting.len() >= most,
        };
        if wakes {
            // Those that are sent until it runs don't wake it again.
            state.sleeps = None;
            drop(state);
            queue.changed.notify_one();
        }
        Ok(())
    }
}

impl<T> Drop for Senders<T> {
    fn drop(&mut self) {
        self.0.state().has_senders = false;
        self.0.changed.notify_one();
    }
}

impl<T> CommitReceiver<T> {
    /// Waits until something is there, for `patience` at most; where no caller waits for any of it, until it has
    /// gathered. `false` once every sender is dropped and nothing is left.
    pub(crate) fn wait(&self, patience: Duration, gather: Gather) -> bool {
        let mut state = self.0.state();
        let mut until = Instant::now() + patience;
        let mut gathers = false;
        loop {
            if state.urgent > 0 || state.waiting.len() >= gather.most {
                return true;
            }
            if !state.has_senders {
                return !state.waiting.is_empty();
            }
            if !gathers && !state.waiting.is_empty() {
                (gathers, until) = (true, Instant::now() + gather.time);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state.sleeps = Some(if gathers { Sleep::Gathering { most: gather.most } } else { Sleep::Idle });
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.sleeps = None;
        }
    }

    /// Takes what waits, in its order, as long as `fits` says so of the next one.
    pub(crate) fn take(&self, mut fits: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut state = self.0.state();
        let mut taken = Vec::with_capacity(state.waiting.len());
        while state.waiting.front().is_some_and(|(commit, _)| fits(commit)) {
            if let Some((commit, is_urgent)) = state.waiting.pop_front() {
                state.urgent -= usize::from(is_urgent);
                taken.push(commit);
            }
        }
        taken
    }

    /// Takes those of what waits that are `wanted`, and leaves the rest in its order.
    pub(crate) fn take_those(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let mut state = self.0.state();
        let (taken, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut state.waiting).into_iter().partition(|(commit, _)| wanted(commit));
        state.waiting = left;
        state.urgent -= taken.iter().filter(|(_, is_urgent)| *is_urgent).count();
        taken.into_iter().map(|(commit, _)| commit).collect()
    }
}

impl<T> Drop for CommitReceiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Their callers learn of it by losing the other ends of their answers.
        drop(waiting);
    }
}

#[cfg(test)]
mod tests;
