//! The checkpoint's steps: freezing what was published, and moving it into sled a piece at a time.

use crate::store::engine::reached::Reached;
use crate::store::engine::rows::base::Base;
use crate::store::engine::rows::checkpoint::{Checkpoint, MAX_REST, NO_REST, Run, Step, take_piece};
use crate::store::engine::rows::layout::POSITION;
use crate::store::engine::rows::merge::Layers;
use crate::store::engine::rows::store::RowStore;
use crate::store::error::EngineError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

impl<B: Base> RowStore<B> {
    /// Freezes the active overlay for a checkpoint. `false` where one is frozen already, nothing was published since
    /// the last one, or something was that isn't durable: a power cut could take it from the journal, and leave a part
    /// of it in sled.
    pub(crate) fn freeze(&self) -> bool {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let is_durable = self.durable().is_none_or(|(durable, _)| layers.published <= durable);
        let is_new = is_durable
            && layers.frozen.is_none()
            && (layers.published > layers.frozen_commit || !layers.active.is_empty());
        if is_new {
            let Layers { active, frozen, frozen_commit, published, .. } = &mut *layers;
            *frozen = Some(Arc::new(std::mem::take(active)));
            *frozen_commit = *published;
            self.active_bytes.store(0, Ordering::Relaxed);
            self.freezes.fetch_add(1, Ordering::Release);
        }
        is_new
    }

    /// Writes one piece of the frozen overlay; freezes the active one where it is full. After an error of a read it may
    /// be called again; after one of a write it refuses.
    pub(crate) fn checkpoint_step(&self) -> Result<Step, EngineError> {
        let began = Instant::now();
        let mut checkpoint = self.checkpoint();
        if checkpoint.has_failed {
            return Err(EngineError::FailedBefore);
        }
        if checkpoint.run.is_none() {
            if self.pressure() >= 100 {
                self.freeze();
            }
            let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
            checkpoint.run = layers.frozen.clone().map(|frozen| Run::new(frozen, layers.frozen_commit));
        }
        let Some(run) = &mut checkpoint.run else {
            return Ok(Step { rest: Duration::ZERO, put_aside: Vec::new(), done: true });
        };
        run.read(&self.blocks)?;
        let (piece, put_aside) = (take_piece(&mut run.pending), std::mem::take(&mut run.put_aside));
        let done = piece.is_empty() && run.is_read;
        if let Some((commit, line)) = self.durable() {
            checkpoint.position.reached = Reached { commit, line, ..checkpoint.position.reached };
        }
        checkpoint.change(|checkpoint| {
            if done {
                self.end(checkpoint)
            } else if piece.is_empty() {
                Ok(())
            } else {
                checkpoint.write(&self.blocks.base, piece, self.blocks.store)
            }
        })?;
        let rest = if done || self.pressure() >= NO_REST { Duration::ZERO } else { began.elapsed().min(MAX_REST) };
        Ok(Step { rest, put_aside, done })
    }

    /// Everything is in sled: says so, and lets the frozen overlay go.
    fn end(&self, checkpoint: &mut Checkpoint) -> Result<(), EngineError> {
        let base = &self.blocks.base;
        let Some(run) = checkpoint.run.take() else { return Ok(()) };
        checkpoint.position.commit = run.commit;
        base.insert(POSITION, checkpoint.position.encode(self.blocks.store))?;
        self.position.store(run.commit, Ordering::Release);
        checkpoint.sync(base)?;
        self.synced_position.store(run.commit, Ordering::Release);
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let frozen = layers.frozen.take();
        layers.generation += 1;
        // Freeing megabytes of rows takes a while: nobody waits for it.
        drop(layers);
        drop(frozen);
        Ok(())
    }
}
