//! When the store's threads run: the committer on some of what waits for it, which takes a while where it syncs, and
//! the checkpoint now and then. Between any two of these steps, and in them, the process may die.

use super::world::{ACCOUNT, Later, World};
use crate::model::millis;
use crate::store::StoreUpdate;

/// As long the committer waits that has nothing to do.
const IDLE_MS: u64 = 1_000;

impl World {
    pub(super) fn wake_committer(&mut self, at: u64) {
        let process = self.process();
        if process.awake_at.is_none_or(|earlier| at < earlier) {
            process.awake_at = Some(at);
            self.put(at, Later::Committer);
        }
    }

    pub(super) fn committer_turn(&mut self) {
        let time = self.time;
        let process = self.process();
        if process.awake_at.is_some_and(|at| at <= time) {
            process.awake_at = None;
        }
        if process.syncing {
            // It comes back by itself.
            return;
        }
        let waiting = process.store.waiting();
        let taken = if self.random.one_in(3) { 1 + self.random.index(waiting) } else { waiting };
        let dies = self.may_die("appended, not synced");
        self.process().store.round(taken, dies);
        self.take_batches();
        if dies {
            return;
        }
        if self.random.one_in(20) {
            self.checkpoint();
        }
        if self.is_dying() {
            return;
        }
        let process = self.process();
        let (durable, synced) = process.store.take_synced();
        let ended = self.unsynced.partition_point(|(commit, _)| *commit <= durable);
        for (_, settled) in self.unsynced.drain(..ended) {
            self.ledger.durable(&settled);
        }
        if synced {
            self.process().syncing = true;
            let at = self.time + self.random.below(self.sync_ms);
            self.put(at, Later::Synced);
        } else {
            self.tell();
            self.come_back();
        }
    }

    /// When there is more to do.
    fn come_back(&mut self) {
        let time = self.time;
        let process = self.process();
        let (left, patience) = (process.store.waiting(), millis(process.store.patience()));
        if left > 0 {
            self.wake_committer(time + 1);
        } else if patience < IDLE_MS {
            // Another round that comes to nothing within the same millisecond would come for ever.
            self.wake_committer(time + patience.max(1));
        }
    }

    /// The checkpoint moves into sled what there is, or dies on the way.
    fn checkpoint(&mut self) {
        let dies = self.may_die("in a checkpoint");
        let calls = if dies { 1 + self.random.index(60) } else { 0 };
        self.process().store.checkpoint(calls);
    }

    fn take_batches(&mut self) {
        let batches = self.process().store.take_batches(ACCOUNT);
        for batch in batches {
            self.say(|| format!("applied {batch:?}"));
            let directory = self.process().store.handle.directory().of(ACCOUNT).cloned().collect();
            let settled = self.ledger.applied(self.time, &batch, directory);
            self.unsynced.push_back((batch.commit, settled));
        }
    }

    /// The sync has ended.
    pub(super) fn synced(&mut self) {
        self.process().syncing = false;
        if self.may_die("synced, no updates sent") {
            return;
        }
        self.tell();
        if self.may_die("synced, updates sent, not answered") {
            return;
        }
        self.answer();
        self.come_back();
    }

    /// Word to the engine: late, but in the order of commit.
    fn tell(&mut self) {
        let mut updates = self.process().store.take_updates();
        if updates.is_empty() {
            return;
        }
        for update in &mut updates {
            // Now and then memory is short, and a payload has to be read again.
            if let StoreUpdate::Untried { payload, .. } = update
                && self.random.one_in(3)
            {
                *payload = None;
            }
        }
        self.told_at = self.told_at.max(self.time + self.delay());
        self.put(self.told_at, Later::Updates(updates));
    }
}
