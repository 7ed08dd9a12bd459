//! A change that fails ends the process at once: nothing is flushed, dropped or answered after it.
//!
//! Nobody knows what a write that failed has left, in the journal or in sled, and what is written after it would be
//! believed by the next start. So after a failed change there is no orderly stop: the process ends where it stands, as
//! after a kill -9, and the next start finds out from the journal what counts.
//!
//! A read outside a change is another matter: nothing is half done when it fails. It costs its caller (see
//! `failed_reads`).

use crate::store::engine::panics::panic_is_expected;
use std::cell::Cell;
use std::fmt::Display;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// How long the last line of the log may take to be written: a pipe that nobody reads must not keep the process alive.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Held for good by the thread that ends the process: every other one that comes to its end waits for it.
static ENDING: Mutex<()> = Mutex::new(());
/// What the process ends with: a failure, after which a service manager starts it again.
const FAILED: i32 = 1;

thread_local! {
    static CHANGES: Cell<bool> = const { Cell::new(false) };
}

/// Ends the process where it stands: no destructor runs, and nothing is flushed.
pub(crate) fn end(error: impl Display) -> ! {
    watch_the_end();
    let _ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
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
