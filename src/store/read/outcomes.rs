//! The most recent outcomes, each with its event, notification and attempt.

use crate::model::{AccountNo, Attempt, Event, Notification};
use crate::stats::{Gap, Outcome, OutcomePosition};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use tokio::sync::watch;

impl Store {
    /// Where a reader stands that has seen everything there is of an account.
    pub fn newest_outcome(&self, account: AccountNo) -> OutcomePosition {
        self.shared.outcomes.newest(account)
    }

    /// Where a reader goes on after a [`Gap`] at `place`.
    pub fn outcomes_beyond_gap(&self, account: AccountNo, place: OutcomePosition) -> OutcomePosition {
        self.shared.outcomes.beyond_gap(account, place)
    }

    /// Up to `most` outcomes of an account that follow a place, in the order in which they were taken in.
    pub fn outcomes_after(&self, account: AccountNo, place: OutcomePosition, most: usize) -> Result<Vec<Outcome>, Gap> {
        self.shared.outcomes.after(account, place, most)
    }

    /// Changes whenever there are new outcomes, of whatever account.
    pub fn watch_outcomes(&self) -> watch::Receiver<()> {
        self.shared.outcomes.changed.subscribe()
    }

    /// The event, the notification as an outcome left it, and the attempt; `None` where retention has deleted them
    /// since. Blocks on the disk.
    pub fn outcome(
        &self,
        account: AccountNo,
        outcome: &Outcome,
    ) -> Result<Option<(Event, Notification, Attempt)>, StoreError> {
        let key = outcome.key;
        let (Some(event), Some(notification)) = (self.event_head(account, key.seq)?, self.notification(account, key)?)
        else {
            return Ok(None);
        };
        let last = notification.last.clone().filter(|last| last.number == outcome.attempt);
        let attempt = match last {
            Some(last) => Some(last),
            None => self.shared.attempt(key, outcome.attempt)?,
        };
        Ok(attempt.map(|attempt| {
            debug_assert_eq!(attempt.result.status(), outcome.status, "an attempt never changes its answer");
            (event, outcome.left(notification, attempt.clone()), attempt)
        }))
    }
}
