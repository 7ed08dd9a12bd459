//! When the store's threads run: the committer on some of what waits for it, the syncer on the groups that are applied,
//! each a while after the other. Between any two of these steps the process may die.

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
        let waiting = process.store.waiting();
        let taken = if self.random.one_in(3) { 1 + self.random.index(waiting) } else { waiting };
        self.process().store.round(taken);
        self.take_batches();
        // Nobody is answered yet, or what they are answered could still be lost.
        self.answer();
        if self.may_die("applied, not synced") {
            return;
        }
        self.sync();
        let process = self.process();
        let (left, patience) = (process.store.waiting(), millis(process.store.patience()));
        if left > 0 {
            self.wake_committer(time + 1);
        } else if patience < IDLE_MS {
            // Another round that comes to nothing within the same millisecond would come for ever.
            self.wake_committer(time + patience.max(1));
        }
    }

    fn take_batches(&mut self) {
        let batches = self.process().store.take_batches(ACCOUNT);
        for batch in batches {
            self.say(|| format!("applied {batch:?}"));
            let directory = self.process().store.handle.directory().of(ACCOUNT).cloned().collect();
            let settled = self.ledger.applied(self.time, &batch, directory);
            self.unsynced.push_back(settled);
        }
    }

    /// The syncer takes what is applied, if it isn't at work.
    fn sync(&mut self) {
        let process = self.process();
        if process.syncing {
            return;
        }
        match process.store.begin_sync() {
            None => {}
            Some(false) => {
                process.store.finish_sync();
                self.tell();
            }
            Some(true) => {
                process.syncing = true;
                let at = self.time + self.random.below(self.sync_ms);
                self.put(at, Later::Synced);
            }
        }
    }

    pub(super) fn synced(&mut self) {
        let process = self.process();
        process.syncing = false;
        process.store.finish_sync();
        let left = self.tree.unsynced();
        let durable = self.unsynced.len() - left;
        for settled in self.unsynced.drain(..durable) {
            self.ledger.durable(&settled);
        }
        if self.may_die("synced, no updates sent") {
            return;
        }
        self.tell();
        if self.may_die("synced, updates sent, not answered") {
            return;
        }
        self.answer();
        self.sync();
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
