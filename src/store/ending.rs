//! A change that fails ends the process at once: nothing is flushed, dropped or answered after it.
//!
//! sled applies a batch row by row to its pages in memory, and writes those to its log. When it fails on the way (a page can't be
//! read, a write fails), a part of the batch is applied; and when sled is then dropped, or anybody flushes, that part is written, and
//! the next start takes it for whole. So after a failed change there is no orderly stop: the process ends where it stands, as after
//! a kill -9, and the next start finds the store as it was before the change.
//!
//! A read outside a change is another matter: nothing is half done when it fails. It costs whoever asked (see `reads`).

use super::StoreError;
use std::cell::Cell;
use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// How long the last line of the log may take to be written: a pipe that nobody reads must not keep the process alive.
const LAST_WORD: Duration = Duration::from_secs(2);
/// What the process ends with: a failure, after which a service manager starts it again.
const FAILED: i32 = 1;

/// Held while a batch is applied, and while sled flushes, of which sled itself lets only one go on at a time. A batch that failed never
/// lets go: no other thread flushes a part of it while the process ends.
static WRITING: Mutex<()> = Mutex::new(());

thread_local! {
    static CHANGES: Cell<bool> = const { Cell::new(false) };
}

/// Ends the process where it stands: no destructor runs, and nothing is flushed.
pub(super) fn end(error: impl Display) -> ! {
    static ENDING: AtomicBool = AtomicBool::new(false);
    // A unit test has only its thread to lose.
    #[expect(clippy::manual_assert, reason = "an assertion of a constant is another complaint")]
    if cfg!(test) {
        panic!("the process would end: {error}");
    }
    if ENDING.swap(true, Ordering::AcqRel) {
        // Another thread is at it. This one must not go on meanwhile.
        loop {
            std::thread::park();
        }
    }
    let watch = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(LAST_WORD);
        std::process::exit(FAILED);
    });
    // Without a thread to spare, the line is written all the same.
    drop(watch);
    let what = "a change failed, and the process ends with nothing written or answered after it; what was acknowledged before is safe";
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(%error, "{what}");
    } else {
        eprintln!("carteiro: {what}: {error}");
    }
    std::process::exit(FAILED);
}

/// What a result holds; an error ends the process.
pub(super) fn or_end<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| end(error))
}

/// From now on a panic of this thread is a change that failed: the process ends before the panic has dropped anything.
pub(super) fn this_thread_changes() {
    CHANGES.set(true);
}

/// Has panics looked at before they unwind.
pub(super) fn watch_panics() {
    static ONCE: Once = Once::new();
    if cfg!(test) {
        return;
    }
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // sled's own threads write its log: one that panicked has written a part of it, and whoever waits for the rest would
            // wait for ever.
            let sleds = std::thread::current().name().is_some_and(|name| name.starts_with("sled-io"));
            if sleds || CHANGES.get() && !super::open::panic_is_expected() {
                end(format_args!("a bug: {panic}"));
            }
            usual(panic);
        }));
    });
}

/// Applies a batch: all of it is visible on return, and nothing of it is durable. A batch that fails ends the process.
///
/// `note` is a file that is made if the batch fails of a read: see `Background`.
pub(super) fn apply(db: &sled::Db, tree: &sled::Tree, batch: sled::Batch, note: Option<&Path>) {
    let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let before = CHANGES.replace(true);
    if let Err(error) = tree.apply_batch(batch) {
        if let Some(note) = note
            && db.context.global_error().is_ok()
        {
            // A read, then. Should the note not be written, the next start tries again at once.
            let _ = std::fs::write(note, "");
        }
        end(StoreError::from(error));
    }
    CHANGES.set(before);
    drop(writing);
}

/// Has sled write what is applied to its log.
pub(super) fn flush(db: &sled::Db) -> Result<(), StoreError> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    db.flush()?;
    Ok(())
}
