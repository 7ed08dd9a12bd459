//! Panics of sled, which it answers some kinds of damage with, as errors.

use crate::store::error::EngineError;
use std::cell::Cell;

thread_local! {
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread becomes an error: a panic hook can leave it out.
pub fn panic_is_expected() -> bool {
    CAUGHT.get()
}

/// sled panics on some kinds of damage: here that is an error.
pub(crate) fn catch_sled_panic<T, E: From<EngineError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let before = CAUGHT.replace(true);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    CAUGHT.set(before);
    done.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(EngineError::of_panic(why.unwrap_or("sled panicked")).into())
    })
}
