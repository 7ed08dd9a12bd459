//! What must not be seen.

use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// A value that no formatter prints and that is wiped from memory when it is dropped. Copies that others have made of
/// it, a header on its way or the store's cache, are not.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
