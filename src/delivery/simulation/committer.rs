//! The committer as a model: groups of commits, each applied at once and visible then, durable only after a sync that takes a
//! while; whoever asked is answered, and what is fresh is told, only after that. Outcomes wait for nobody's sync, for 100 ms at
//! most. Between any two of these steps the process may die.

use super::changes::{Answer, Apply, Commit, StoreUpdate};
use super::world::{Later, World};
use crate::model::Timestamp;
use std::collections::VecDeque;

/// As in `store/committer.rs`.
const OUTCOME_SYNC_MS: u64 = 100;

#[derive(Default)]
pub(super) struct Committer {
    waiting: VecDeque<(u64, Commit)>,
    /// When it looks at what waits next.
    awake_at: Option<u64>,
    syncing: bool,
    told: Vec<StoreUpdate>,
    answers: Vec<(u64, Answer)>,
    pub(super) jobs: VecDeque<u64>,
    unsynced_since: Option<u64>,
}

impl Committer {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.syncing && self.jobs.is_empty() && self.unsynced_since.is_none()
    }
}

impl World {
    /// Hands a commit over; returns the number it is answered by.
    pub(super) fn submit(&mut self, commit: Commit) -> u64 {
        self.requests += 1;
        self.committer.waiting.push_back((self.requests, commit));
        let at = self.time + self.delay() / 4;
        self.wake_committer(at);
        self.requests
    }

    pub(super) fn wake_committer(&mut self, at: u64) {
        if self.committer.awake_at.is_none_or(|earlier| at < earlier) {
            self.committer.awake_at = Some(at);
            self.put(at, Later::Committer);
        }
    }

    fn stamp(&mut self) -> Timestamp {
        self.store.head.time_ms = self.store.head.time_ms.max(self.wall());
        Timestamp::from_ms(self.store.head.time_ms)
    }

    pub(super) fn committer_turn(&mut self) {
        if self.committer.awake_at.is_some_and(|at| at <= self.time) {
            self.committer.awake_at = None;
        }
        if self.committer.syncing {
            return;
        }
        let waiting = self.committer.waiting.len();
        let taken = if self.random.one_in(3) { 1 + self.random.index(waiting) } else { waiting };
        let group: Vec<(u64, Commit)> = self.committer.waiting.drain(..taken.min(waiting)).collect();
        let mut passed_on = false;
        if !group.is_empty() {
            self.store.begin();
            for (number, commit) in group {
                let now = self.stamp();
                self.say(|| format!("commit {commit:?}"));
                let answer = self.apply(now, &mut passed_on, |apply| apply.commit(commit));
                self.committer.answers.extend(answer.map(|answer| (number, answer)));
            }
            self.committer.unsynced_since.get_or_insert(self.time);
            self.may_die("applied, not synced");
        }
        if !self.committer.answers.is_empty() || passed_on {
            self.sync(false);
        } else {
            self.work_on();
        }
    }

    fn apply<T>(&mut self, now: Timestamp, passed_on: &mut bool, change: impl FnOnce(&mut Apply<'_>) -> T) -> T {
        let (cold, wall) = (self.random.one_in(3), Timestamp::from_ms(self.wall()));
        change(&mut Apply {
            store: &mut self.store,
            ledger: &mut self.ledger,
            told: &mut self.committer.told,
            passed_on,
            cold,
            default: &self.settings.retry,
            now,
            wall,
            time: self.time,
        })
    }

    fn sync(&mut self, ends_turn: bool) {
        self.committer.syncing = true;
        let span = self.random.below(self.sync_ms);
        self.put(self.time + span, Later::Synced { ends_turn });
    }

    pub(super) fn synced(&mut self, ends_turn: bool) {
        self.committer.syncing = false;
        self.committer.unsynced_since = None;
        let before = self.store.durable;
        let kept = self.store.sync();
        self.ledger.kept(&kept);
        if self.store.durable != before {
            self.committer.told.push(StoreUpdate::Durable(crate::model::Seq(self.store.durable)));
        }
        if self.may_die("synced, nobody told") {
            return;
        }
        self.tell();
        if self.may_die("synced and told, not answered") {
            return;
        }
        for (number, answer) in std::mem::take(&mut self.committer.answers) {
            self.say(|| format!("answered {number} {answer:?}"));
            self.ledger.acknowledge(&answer);
            self.unanswered.retain(|(unanswered, _)| *unanswered != number);
        }
        if ends_turn { self.end_turn() } else { self.work_on() }
    }

    /// A little of a job, behind every group.
    fn work_on(&mut self) {
        if let Some(number) = self.committer.jobs.pop_front()
            && let Some(job) = self.store.jobs.get(&number).cloned()
        {
            self.store.begin();
            let (now, batch) = (self.stamp(), self.job_batch);
            // A job cancels and re-sends; neither ends what has its turn in a chain that lives on.
            let rest = self.apply(now, &mut false, |apply| apply.step(job, batch));
            if rest.is_some() {
                self.committer.jobs.push_back(number);
            }
            self.store.put_job(number, rest);
            self.committer.unsynced_since.get_or_insert(self.time);
            if self.may_die("a step of a job applied") {
                return;
            }
        }
        if self.committer.unsynced_since.is_some_and(|since| self.time >= since + OUTCOME_SYNC_MS) {
            self.sync(true);
        } else {
            self.end_turn();
        }
    }

    fn end_turn(&mut self) {
        self.tell();
        let fresh: Vec<u64> =
            self.store.jobs.keys().copied().filter(|number| !self.committer.jobs.contains(number)).collect();
        self.committer.jobs.extend(fresh);
        if !self.committer.waiting.is_empty() || !self.committer.jobs.is_empty() {
            self.wake_committer(self.time + 1);
        } else if let Some(since) = self.committer.unsynced_since {
            self.wake_committer(since + OUTCOME_SYNC_MS);
        }
    }

    /// Word to the engine: late, but in the order of commit.
    fn tell(&mut self) {
        if !self.committer.told.is_empty() {
            let told = std::mem::take(&mut self.committer.told);
            self.told_at = self.told_at.max(self.time + self.delay());
            self.put(self.told_at, Later::StoreUpdate(told));
        }
    }
}
