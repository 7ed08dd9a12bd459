//! When a checkpoint begins, how it rests, and what becomes of it when something can't be read or written.
//!
//! It has a thread of its own. An error of a write ends the process, as one of the committer's does. A block that is
//! damaged and has to be rewritten is put aside, and that is logged. A place that sled itself can't read is another
//! matter: ending the process would be a crash loop, since the next start meets it again. So it is logged, the store
//! goes on above it, in the journal and in memory, and once those have no more room it takes nothing that makes it
//! grow.

use crate::store::engine::disk_space::{DiskLevel, Space};
use crate::store::engine::ending;
use crate::store::engine::journal::Keep;
use crate::store::engine::pace::State;
use crate::store::engine::panics::catch_sled_panic;
use crate::store::engine::rows::{Base, NO_REST, PutAside, Step};
use crate::store::engine::tied::Engine;
use crate::store::error::StoreError;
use crate::store::hex::hex;
use std::time::{Duration, Instant};

/// How old a commit gets before it is moved into sled, however few there are.
const MAX_AGE: Duration = Duration::from_secs(30);
/// How long a checkpoint that can't read something waits until it tries again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often that is logged.
const LOG_AGAIN: Duration = Duration::from_secs(3600);

/// How much room the disk must have before each piece: a write of sled's that finds none is its last.
const ROOM: u64 = 16 * 1024 * 1024;
/// How many times what it is to move must be free besides before a checkpoint begins. sled's file has grown by more
/// than that (10 times an overlay of 8 MiB, 19 times one of 1 MiB), so each piece asks again.
const ROOM_FACTOR: u64 = 4;
/// How soon the disk is asked again.
const ROOM_AGAIN: Duration = Duration::from_secs(1);
/// From so many percent of an overlay on it begins with room for a piece: memory is what would run out next.
const MAX_PRESSURE: usize = 400;

/// What is logged again only after a while.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|logged| logged.elapsed() >= LOG_AGAIN);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

/// Makes checkpoints until it is to end. `space` is that of the disk that they need room on; `name_of` says for people
/// what the row of a key is.
pub(crate) fn run<B: Base>(engine: &Engine<B>, space: &Space, name_of: fn(&[u8]) -> &'static str) {
    ending::this_thread_changes();
    let (mut damage, mut room, mut last) = (Seldom::default(), Seldom::default(), Instant::now());
    loop {
        let stops = engine.pace.wait_or_stop(MAX_AGE.saturating_sub(last.elapsed()), |state| {
            state.asked > engine.rows.synced_position() || engine.rows.pressure() >= 100 || engine.rows.is_frozen()
        });
        if stops {
            return;
        }
        let to_move = if engine.rows.pressure() < MAX_PRESSURE { engine.rows.bytes_to_move() } else { 0 };
        if lacks_room(engine, space, ROOM + ROOM_FACTOR * to_move, &mut room) {
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
            let rest = if lacks_room(engine, space, ROOM, &mut room) {
                ROOM_AGAIN
            } else {
                match step(engine) {
                    Ok(Step { rest, put_aside, done }) => {
                        tell(&put_aside, name_of);
                        if done {
                            break;
                        }
                        if engine.pace.wait(Duration::ZERO, |state| state.is_stuck) {
                            engine.pace.update(|state| state.is_stuck = false);
                        }
                        rest
                    }
                    Err(error) if engine.rows.has_failed() => ending::end(error),
                    Err(error) => {
                        engine.pace.update(|state| state.is_stuck = true);
                        if damage.is_due() {
                            tracing::error!(
                                %error,
                                "what was recorded can't be moved into sled, since what stands there can't be read: \
                                 it is safe in the journal, and soon there will be no room for more"
                            );
                        }
                        retire(engine, space);
                        AGAIN
                    }
                }
            };
            let is_urgent = |state: &mut State| !state.is_stuck && engine.rows.pressure() >= NO_REST;
            if engine.pace.wait_or_stop(rest, is_urgent) {
                return;
            }
        }
        (damage, room) = (Seldom::default(), Seldom::default());
        retire(engine, space);
        engine.pace.update(|state| state.is_stuck = false);
    }
}

/// Lets the segments go that sled has.
fn retire<B: Base>(engine: &Engine<B>, space: &Space) {
    let keep = if space.level() == DiskLevel::Enough { Keep::Much } else { Keep::Little };
    ending::or_end(engine.closed.retire(engine.rows.synced_position(), keep));
}

/// Whether the disk has less room than is needed: then the checkpoint is stuck, the log says so, and what only backups
/// keep of the journal makes room.
fn lacks_room<B: Base>(engine: &Engine<B>, space: &Space, needed: u64, logged: &mut Seldom) -> bool {
    if space.has_for_checkpoint(needed) {
        return false;
    }
    engine.pace.update(|state| state.is_stuck = true);
    ending::or_end(engine.closed.retire(engine.rows.synced_position(), Keep::Little));
    if logged.is_due() {
        tracing::error!(
            free = space.free(),
            needed,
            "what was recorded can't be moved into sled, since the disk has no room for it: it is safe in the journal; \
             make room, and it goes on by itself"
        );
    }
    true
}

fn tell(put_aside: &[PutAside], name_of: fn(&[u8]) -> &'static str) {
    for PutAside { from, to, error } in put_aside {
        tracing::error!(
            %error,
            table = name_of(from),
            from = %hex(from),
            to = %hex(to),
            "a block of rows was damaged and is put aside, so that what is recorded can go on: its rows are lost but \
             for those of the last seconds, whatever asks for one of them fails, and no backup is made until the last \
             one is restored, or the loss accepted (`carteiro serve --accept-data-loss`, once)"
        );
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
