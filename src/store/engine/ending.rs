//! A change that fails ends the process at once: nothing is flushed, dropped or answered after it.
//!
//! sled applies a batch row by row to its pages in memory, and writes those to its log. When it fails on the way (a
//! page can't be read, a write fails), a part of the batch is applied; and when sled is then dropped, or anybody
//! flushes, that part is written, and the next start takes it for whole. So after a failed change there is no orderly
//! stop: the process ends where it stands, as after a kill -9. What sled's threads write in that instant is out of our
//! hands; the redo file (see `redo`) makes a whole of it.
//!
//! A read outside a change is another matter: nothing is half done when it fails. It costs its caller (see
//! `failed_reads`).

use crate::store::engine::{catch_sled_panic, panic_is_expected};
use crate::store::error::StoreError;
use std::cell::Cell;
use std::fmt::Display;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// How long the last line of the log may take to be written: a pipe that nobody reads must not keep the process alive.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Held while a batch is applied, and for good by one that failed: another thread that ends the process lets the redo
/// file be written.
static APPLYING: Mutex<()> = Mutex::new(());
/// What the process ends with: a failure, after which a service manager starts it again.
const FAILED: i32 = 1;

thread_local! {
    static CHANGES: Cell<bool> = const { Cell::new(false) };
}

/// Ends the process where it stands: no destructor runs, and nothing is flushed.
pub(crate) fn end(error: impl Display) -> ! {
    watch_the_end();
    end_here(error, APPLYING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ends the process in a moment, whatever holds this thread up until then.
fn watch_the_end() {
    if cfg!(test) {
        return;
    }
    let watch = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(LAST_WORD);
        std::process::exit(FAILED);
    });
    // Without a thread to spare there is no such limit.
    drop(watch);
}

/// Likewise, by the thread that has the lock: every other one that comes to its end waits for this one's.
fn end_here(error: impl Display, _applying: MutexGuard<'_, ()>) -> ! {
    // A unit test has only its thread to lose.
    #[expect(clippy::manual_assert, reason = "an assertion of a constant is another complaint")]
    if cfg!(test) {
        panic!("the process would end: {error}");
    }
    let what = "a change failed, and the process ends with nothing written or answered after it; what was acknowledged \
                before is safe";
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(%error, "{what}");
    } else {
        eprintln!("carteiro: {what}: {error}");
    }
    std::process::exit(FAILED);
}

/// What a result holds; an error ends the process.
pub(crate) fn or_end<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| end(error))
}

/// From now on a panic of this thread is a change that failed: the process ends before the panic has dropped anything.
pub(crate) fn this_thread_changes() {
    CHANGES.set(true);
}

/// Has panics looked at before they unwind.
pub(crate) fn watch_panics() {
    static ONCE: Once = Once::new();
    if cfg!(test) {
        return;
    }
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // sled's own threads write its log: one that panicked has written a part of it, and a thread that waits for
            // the rest would wait for ever.
            let sleds = std::thread::current().name().is_some_and(|name| name.starts_with("sled-io"));
            if sleds || CHANGES.get() && !panic_is_expected() {
                end(format_args!("a bug: {panic}"));
            }
            usual(panic);
        }));
    });
}

/// Applies a change: all of it is visible on return, and nothing of it is durable. A change that fails ends the
/// process, once `redo` has written down what the next start is to complete.
pub(crate) fn apply(change: impl FnOnce() -> Result<(), StoreError>, redo: impl FnOnce() -> io::Result<()>) {
    let applying = APPLYING.lock().unwrap_or_else(PoisonError::into_inner);
    let Err(error) = catch_sled_panic(change) else {
        return;
    };
    if let Err(failed) = redo() {
        tracing::error!(error = %failed, "the change that failed could not be written down; `carteiro verify` tells if \
                                          a part is left");
    }
    watch_the_end();
    end_here(error, applying)
}
