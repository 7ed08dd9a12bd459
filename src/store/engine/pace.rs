//! What the committer and the checkpoint signal to each other: that there is something to move, that there is room
//! again, that it is time to end.

use crate::store::engine::stall::StallDetector;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by both.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    state: Mutex<State>,
    changed: Condvar,
    /// The checkpoint's steps.
    pub(crate) steps: StallDetector,
}

/// What is signalled.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The commit that is to be in sled soon, however little there is to move.
    pub(crate) asked: u64,
    /// Whether it waits until what is visible is durable.
    pub(crate) is_waiting: bool,
    /// Whether it can't go on: what it has to rewrite can't be read, or the disk has no room.
    pub(crate) is_stuck: bool,
    /// Whether it is to end.
    pub(crate) stops: bool,
}

impl Pace {
    /// Changes it, and wakes both.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until `done` holds, for `at_most` that long; whether it holds.
    pub(crate) fn wait(&self, at_most: Duration, mut done: impl FnMut(&mut State) -> bool) -> bool {
        let until = Instant::now() + at_most;
        let mut state = self.state();
        loop {
            if done(&mut state) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The same, or until the checkpoint is to end; whether it is.
    pub(crate) fn wait_or_stop(&self, at_most: Duration, mut done: impl FnMut(&mut State) -> bool) -> bool {
        let mut stops = false;
        self.wait(at_most, |state| {
            stops = state.stops;
            stops || done(state)
        });
        stops
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
