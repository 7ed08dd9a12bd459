//! The queue of background jobs: each has a turn, and one whose webhook takes no more waits until it does. Moments are
//! those of the monotonic clock, [`crate::clock::Clock::pace`].

use crate::model::WebhookNo;
use crate::store::schema::record::Job;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How often it is looked whether a webhook takes more, beside the hints of `wake`.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Of so many outcomes of automatic attempts one has a job look whether its webhook takes more.
const OUTCOMES_A_LOOK: u32 = 16;
/// How soon a job tries again what could not be read.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// What is left of a job after its turn.
pub(crate) enum Turned {
    More(Job),
    /// It can't get on until this webhook takes more.
    Blocked(WebhookNo),
    Over,
}

/// A job that isn't done.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) number: u64,
    pub(crate) job: Job,
}

/// Jobs that aren't done, in turn.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    ready: VecDeque<Open>,
    /// By the webhook that takes no more: one of them finds out for all.
    blocked: BTreeMap<WebhookNo, VecDeque<Open>>,
    look_at: Option<Duration>,
    /// Those that met what could not be read, and when they try again.
    resting: Vec<(Duration, Open)>,
    /// How many outcomes of automatic attempts there were to webhooks that jobs wait for.
    outcomes: u32,
}

impl Jobs {
    /// To the back: one long job doesn't hold up a short one.
    pub(crate) fn add(&mut self, open: Open) {
        self.ready.push_back(open);
    }

    /// It can't get on until its webhook takes more.
    pub(crate) fn block(&mut self, open: Open, webhook: WebhookNo, now: Duration) {
        self.blocked.entry(webhook).or_default().push_back(open);
        self.look_at.get_or_insert(now + LOOK_AGAIN);
    }

    /// It met what could not be read: later.
    pub(crate) fn rest(&mut self, open: Open, now: Duration) {
        self.resting.push((now + READ_AGAIN, open));
    }

    /// A webhook may take more: one of those that wait for it has a turn.
    pub(crate) fn wake(&mut self, webhook: WebhookNo) {
        if let Some(waiting) = self.blocked.get_mut(&webhook) {
            self.ready.extend(waiting.pop_front());
            if waiting.is_empty() {
                self.blocked.remove(&webhook);
            }
        }
    }

    /// An automatic attempt to a webhook has ended: now and then it is looked whether it takes more.
    pub(crate) fn hint(&mut self, webhook: WebhookNo) {
        if self.blocked.contains_key(&webhook) {
            self.outcomes += 1;
            if self.outcomes >= OUTCOMES_A_LOOK {
                self.outcomes = 0;
                self.wake(webhook);
            }
        }
    }

    /// The one whose turn it is.
    pub(crate) fn next(&mut self, now: Duration) -> Option<Open> {
        if self.look_at.is_some_and(|at| at <= now) {
            let webhooks: Vec<WebhookNo> = self.blocked.keys().copied().collect();
            for webhook in webhooks {
                self.wake(webhook);
            }
            self.look_at = (!self.blocked.is_empty()).then(|| now + LOOK_AGAIN);
        }
        while let Some(at) = self.resting.iter().position(|(until, _)| *until <= now) {
            self.ready.push_back(self.resting.swap_remove(at).1);
        }
        self.ready.pop_front()
    }

    /// How long until there is one whose turn it is; `None` when there is none at all.
    pub(crate) fn due_in(&self, now: Duration) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let rested = self.resting.iter().map(|(until, _)| *until).min();
        self.look_at.into_iter().chain(rested).min().map(|at| at.saturating_sub(now))
    }

    /// Whether every job waits for a webhook that `is_paused`. One that waits for another webhook gets on by itself:
    /// where the job that was woken has ended, the next one has its turn within [`LOOK_AGAIN`].
    #[cfg(test)]
    pub(crate) fn wait_for_paused(&self, is_paused: impl Fn(WebhookNo) -> bool) -> bool {
        self.ready.is_empty() && self.resting.is_empty() && self.blocked.keys().all(|webhook| is_paused(*webhook))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Open> {
        let resting = self.resting.iter().map(|(_, open)| open);
        self.ready.iter().chain(self.blocked.values().flatten()).chain(resting)
    }

    /// Removes the jobs that `which` selects; returns their numbers.
    pub(crate) fn remove(&mut self, which: impl Fn(&Job) -> bool) -> Vec<u64> {
        let removed: Vec<u64> = self.all().filter(|open| which(&open.job)).map(|open| open.number).collect();
        self.ready.retain(|open| !which(&open.job));
        self.resting.retain(|(_, open)| !which(&open.job));
        for waiting in self.blocked.values_mut() {
            waiting.retain(|open| !which(&open.job));
        }
        self.blocked.retain(|_, waiting| !waiting.is_empty());
        removed
    }
}
