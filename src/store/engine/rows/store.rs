//! The parts together: what a writer, readers and a checkpoint see of the engine.

use crate::store::engine::reached::Reached;
use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::block::StoreId;
use crate::store::engine::rows::blocks::Blocks;
use crate::store::engine::rows::checkpoint::Checkpoint;
use crate::store::engine::rows::layout::{IDENTITY, Layout, POSITION, check_row};
use crate::store::engine::rows::merge::Layers;
use crate::store::engine::rows::overlay::Entry;
#[cfg(test)]
use crate::store::engine::rows::position::Contents;
use crate::store::engine::rows::position::Position;
use crate::store::engine::tree::RowWrite;
use crate::store::error::EngineError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// How much the store may take in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What each of the two overlays may take; one group of commits may exceed it by itself.
    pub(crate) overlay_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { overlay_bytes: 8 * 1024 * 1024 }
    }
}

/// Rows over a base: what was published and isn't in it yet, and what is.
///
/// One thread publishes, one checkpoints, any number read. Nothing here is durable by itself but what a checkpoint has
/// ended with: after a crash, every commit behind [`RowStore::synced_position`] has to be published again, in order.
pub(crate) struct RowStore<B> {
    pub(crate) blocks: Blocks<B>,
    pub(crate) layers: RwLock<Layers>,
    pub(crate) checkpoint: Mutex<Checkpoint>,
    /// Held by who waits for `checkpoint`: a mutex by itself may give it to the same thread again and again.
    pub(crate) next: Mutex<()>,
    /// Held while somebody verifies; one at a time.
    pub(crate) verifying: Mutex<()>,
    pub(crate) limits: Limits,
    pub(crate) active_bytes: AtomicUsize,
    /// How often an overlay was frozen: counted under the write guard, before its checkpoint writes anything.
    pub(crate) freezes: AtomicU64,
    pub(crate) position: AtomicU64,
    pub(crate) synced_position: AtomicU64,
    /// The last commit that is durable elsewhere, and the line of the journal there; what was published behind it must
    /// not reach sled yet.
    durable: Mutex<Option<(u64, u32)>>,
}

impl<B: Base> RowStore<B> {
    /// Opens a base, or begins an empty one. A base that has rows but no position, or another store's, is damage.
    pub(crate) fn open(base: B, layout: Layout, store: StoreId, limits: Limits) -> Result<Self, EngineError> {
        let blocks = Blocks::new(base, layout, store);
        let position = match blocks.base.get(POSITION)? {
            Some(stored) => {
                let mut position = Position::decode(store, &stored)?;
                position.resolve(layout, |key| blocks.base.get(key))?;
                position
            }
            None if blocks.base.range(&[], IDENTITY).next().transpose()?.is_some() => {
                return Err(EngineError::damaged(POSITION, "it is gone: how far sled's rows go isn't known"));
            }
            None => Position::default(),
        };
        let commit = position.commit;
        let layers = Layers { frozen_commit: commit, published: commit, ..Layers::default() };
        Ok(Self {
            checkpoint: Mutex::new(Checkpoint::new(position, blocks.base.written_bytes())),
            blocks,
            layers: RwLock::new(layers),
            next: Mutex::default(),
            verifying: Mutex::default(),
            limits,
            active_bytes: AtomicUsize::new(0),
            freezes: AtomicU64::new(0),
            position: AtomicU64::new(commit),
            synced_position: AtomicU64::new(commit),
            durable: Mutex::default(),
        })
    }

    /// Whether these rows can be published: to be asked before they are made durable.
    pub(crate) fn check(&self, rows: &[RowWrite]) -> Result<(), EngineError> {
        rows.iter().try_for_each(|(key, value)| {
            check_row(self.blocks.layout, key, value.as_ref().map_or(0, |value| value.len()))
        })
    }

    /// Makes a commit visible, all of it at once; of rows with one key the last one counts. Commits follow each other
    /// without a gap, and the first one is the position's successor.
    pub(crate) fn publish(&self, commit: u64, rows: &[RowWrite]) -> Result<(), EngineError> {
        self.put(commit, rows, |published| commit == published + 1)
    }

    /// As [`RowStore::publish`], of a commit that may have any later number, or the same one again: what a journal
    /// replays after a loss, or a backup holds.
    pub(crate) fn load(&self, commit: u64, rows: &[RowWrite]) -> Result<(), EngineError> {
        self.put(commit, rows, |published| commit >= published)
    }

    fn put(&self, commit: u64, rows: &[RowWrite], follows: impl Fn(u64) -> bool) -> Result<(), EngineError> {
        self.check(rows)?;
        let rows: Vec<Entry> = rows.iter().map(|(key, value)| Entry::new(key, value.as_deref())).collect();
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        if !follows(layers.published) {
            let why = format!("commit {commit} can't follow {}", layers.published);
            return Err(EngineError::Refused(why));
        }
        for row in rows {
            layers.active.put(row);
        }
        layers.published = commit;
        self.active_bytes.store(layers.active.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// Whether sled says how far its rows go: not before [`RowStore::begin`], and always after it.
    pub(crate) fn is_begun(&self) -> Result<bool, EngineError> {
        Ok(self.blocks.base.get(POSITION)?.is_some())
    }

    /// Says in sled how far its rows go; durable on return.
    pub(crate) fn begin(&self) -> Result<(), EngineError> {
        self.note_journal(Reached::default())
    }

    /// Says in sled how far its rows go, and that the journal in front of it has come so far; durable on return. An
    /// older journal than that is refused from then on. What is said must be durable in the journal.
    ///
    /// After an error of it nothing may be written any more.
    pub(crate) fn note_journal(&self, reached: Reached) -> Result<(), EngineError> {
        self.checkpoint().note(&self.blocks.base, self.blocks.store, |position| position.reached = reached)
    }

    /// Says in sled whether there may be rows of commits that are lost; durable on return.
    pub(crate) fn note_unrepaired(&self, is_unrepaired: bool) -> Result<(), EngineError> {
        let change = |position: &mut Position| position.is_unrepaired = is_unrepaired;
        self.checkpoint().note(&self.blocks.base, self.blocks.store, change)
    }

    /// Whether that was said last.
    pub(crate) fn is_unrepaired(&self) -> bool {
        self.checkpoint().position.is_unrepaired
    }

    /// How far the journal in front of it had come when that was last said in sled.
    pub(crate) fn reached(&self) -> Reached {
        self.checkpoint().position.reached
    }

    /// Whether a write of a checkpoint failed: what sled holds isn't known any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.checkpoint().has_failed()
    }

    /// Whether something was published that no checkpoint has taken yet.
    pub(crate) fn has_unsaved(&self) -> bool {
        let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.published > layers.frozen_commit
    }

    /// Whether a checkpoint is under way, or may begin.
    pub(crate) fn is_frozen(&self) -> bool {
        self.layers.read().unwrap_or_else(PoisonError::into_inner).frozen.is_some()
    }

    /// Every commit up to this one is durable elsewhere, in a journal whose line is that. Before this was called all
    /// that is published counts as such.
    pub(crate) fn set_durable(&self, commit: u64, line: u32) {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = Some((commit, line));
    }

    pub(super) fn durable(&self) -> Option<(u64, u32)> {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How full the active overlay is, in percent of what it may take. From 100 on, a writer waits until the checkpoint
    /// has frozen it.
    pub(crate) fn pressure(&self) -> usize {
        self.active_bytes.load(Ordering::Relaxed) * 100 / self.limits.overlay_bytes.max(1)
    }

    /// How much memory what a checkpoint moves takes: the one that is under way, or else the next one.
    pub(crate) fn bytes_to_move(&self) -> u64 {
        let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.frozen.as_ref().map_or(layers.active.bytes(), |frozen| frozen.bytes()) as u64
    }

    /// The last commit that readers see.
    #[cfg(test)]
    pub(crate) fn published(&self) -> u64 {
        self.layers.read().unwrap_or_else(PoisonError::into_inner).published
    }

    /// The last commit that was written to sled as a whole.
    #[cfg(test)]
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// The last commit that a power cut leaves in sled: the journal may forget it and what came before.
    pub(crate) fn synced_position(&self) -> u64 {
        self.synced_position.load(Ordering::Acquire)
    }

    /// What sled holds, by table. Waits for a piece of a checkpoint that is being written.
    #[cfg(test)]
    pub(crate) fn contents(&self) -> Contents {
        self.checkpoint().contents().clone()
    }

    /// How often a checkpoint has synced since the start, and the most bytes that sled wrote between two of those: less
    /// than a segment, or what a power cut leaves may be less than it should.
    #[cfg(test)]
    pub(crate) fn syncs(&self) -> (u64, u64) {
        self.checkpoint().syncs()
    }

    /// What stands below.
    #[cfg(test)]
    pub(crate) fn base(&self) -> &B {
        &self.blocks.base
    }

    /// The base, for another start.
    #[cfg(test)]
    pub(crate) fn into_base(self) -> B {
        self.blocks.base
    }

    /// What the checkpoint works on. Of two threads that want it again and again each has it in turn.
    pub(crate) fn checkpoint(&self) -> MutexGuard<'_, Checkpoint> {
        let _next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
