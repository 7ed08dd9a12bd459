//! When a checkpoint begins, how it rests, and what becomes of it when something can't be read or written.
//!
//! It has a thread of its own. An error of a write ends the process, as one of the committer's does. A block that is
//! damaged and has to be rewritten is another matter: ending the process would be a crash loop, since the next start
//! meets it again. So it is logged, the store goes on above it, in the journal and in memory, and once those
//! have no more room it takes nothing that makes it grow.

use crate::store::engine::disk_space::Space;
use crate::store::engine::ending;
use crate::store::engine::pace::State;
use crate::store::engine::panics::catch_sled_panic;
use crate::store::engine::rows::{Base, NO_REST, Step};
use crate::store::engine::tied::Engine;
use crate::store::error::StoreError;
use std::time::{Duration, Instant};

/// How old a commit gets before it is moved into sled, however few there are.
const MAX_AGE: Duration = Duration::from_secs(30);
/// How long a checkpoint that can't read something waits until it tries again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often that is logged.
const LOG_AGAIN: Duration = Duration::from_secs(3600);

/// How much room the disk must have before a checkpoint begins, beside twice what it is to move: sled writes a multiple
/// of what it is given, and a write of it that finds no room is its last.
const ROOM: u64 = 8 * 1024 * 1024;
/// How soon the disk is asked again.
const ROOM_AGAIN: Duration = Duration::from_secs(1);
/// From so many percent of an overlay on it is tried all the same: memory is what would run out next.
const MAX_PRESSURE: usize = 400;

/// Makes checkpoints until it is to end. `space` is that of the disk that they need room on.
pub(crate) fn run<B: Base>(engine: &Engine<B>, space: &Space) {
    ending::this_thread_changes();
    let (mut logged, mut last) = (None::<Instant>, Instant::now());
    loop {
        let stops = engine.pace.wait_or_stop(MAX_AGE.saturating_sub(last.elapsed()), |state| {
            state.asked > engine.rows.synced_position() || engine.rows.pressure() >= 100 || engine.rows.is_frozen()
        });
        if stops {
            return;
        }
        // A disk that can't be asked is not a full one.
        let needed = ROOM + 2 * engine.rows.active_bytes();
        let is_full = space.ask().is_ok_and(|free| free < needed);
        if is_full && engine.rows.pressure() < MAX_PRESSURE {
            engine.pace.update(|state| state.is_stuck = true);
            if engine.pace.wait_or_stop(ROOM_AGAIN, |_| false) {
                return;
            }
            continue;
        }
        last = Instant::now();
        if !engine.rows.freeze() && !engine.rows.is_frozen() && engine.rows.has_unsaved() {
            // Something is visible that isn't durable yet: the next sync freezes it, within a moment.
            engine.pace.update(|state| state.is_waiting = true);
            if engine.pace.wait_or_stop(MAX_AGE, |_| engine.rows.freeze() || engine.rows.is_frozen()) {
                return;
            }
        }
        // There is room again.
        engine.pace.update(|state| state.is_waiting = false);
        loop {
            let rest = match step(engine) {
                Ok(Step { done: true, .. }) => break,
                Ok(Step { rest, .. }) => rest,
                Err(error) if engine.rows.has_failed() => ending::end(error),
                Err(error) => {
                    engine.pace.update(|state| state.is_stuck = true);
                    if logged.is_none_or(|logged| logged.elapsed() >= LOG_AGAIN) {
                        logged = Some(Instant::now());
                        tracing::error!(
                            %error,
                            "what was recorded can't be moved into sled, since what stands there can't be read: it is \
                             safe in the journal, and soon there will be no room for more"
                        );
                    }
                    AGAIN
                }
            };
            let is_urgent = |state: &mut State| !state.is_stuck && engine.rows.pressure() >= NO_REST;
            if engine.pace.wait_or_stop(rest, is_urgent) {
                return;
            }
        }
        logged = None;
        ending::or_end(engine.closed.retire(engine.rows.synced_position()));
        engine.pace.update(|state| state.is_stuck = false);
    }
}

/// One step; a panic of sled's is an error.
fn step<B: Base>(engine: &Engine<B>) -> Result<Step, StoreError> {
    engine.pace.steps.begin();
    let step = catch_sled_panic(|| Ok(engine.rows.checkpoint_step()?));
    engine.pace.steps.end();
    step
}

#[cfg(test)]
mod tests;
