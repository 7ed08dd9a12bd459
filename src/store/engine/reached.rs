//! How far a journal had come, as sled remembers it.
//!
//! The *line* of a journal at a commit is the CRC of the last frame up to there. Two copies of a store that were both
//! started write the same commits' numbers, and other lines: salts are random.

/// A journal that hasn't come so far is an older one, whatever its own marker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// How often the store had been started.
    pub(crate) epoch: u64,
    /// A commit that was durable.
    pub(crate) commit: u64,
    /// The line of the journal there; 0 where nothing is known of it.
    pub(crate) line: u32,
}

/// What is held elsewhere, and synced there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The last commit whose rows are.
    pub(crate) position: u64,
    /// How far the journal had come when that was last written down; not before `position`.
    pub(crate) reached: Reached,
    /// Whether a loss was accepted at an earlier start, and not seen to: what was lost may still be in `reached`.
    pub(crate) is_unrepaired: bool,
}

impl Held {
    pub(crate) fn new(position: u64, reached: Reached) -> Self {
        // What is known of another commit says nothing of this one.
        let reached =
            if reached.commit < position { Reached { commit: position, line: 0, ..reached } } else { reached };
        Self { position, reached, is_unrepaired: false }
    }

    /// Where no more than the position is known.
    #[cfg(test)]
    pub(crate) fn at(position: u64) -> Self {
        Self::new(position, Reached::default())
    }
}
