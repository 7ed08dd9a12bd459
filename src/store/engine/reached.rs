//! How far a journal had come, as sled remembers it.

/// A journal that hasn't come so far is an older one, whatever its own marker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// How often the store had been started.
    pub(crate) epoch: u64,
    /// A commit that was durable.
    pub(crate) commit: u64,
}

/// What is held elsewhere, and synced there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The last commit whose rows are.
    pub(crate) position: u64,
    /// How far the journal had come when that was last written down; not before `position`.
    pub(crate) reached: Reached,
}

impl Held {
    pub(crate) fn new(position: u64, reached: Reached) -> Self {
        Self { position, reached: Reached { commit: reached.commit.max(position), ..reached } }
    }

    /// Where no more than the position is known.
    #[cfg(test)]
    pub(crate) fn at(position: u64) -> Self {
        Self::new(position, Reached::default())
    }
}
