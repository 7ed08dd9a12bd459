//! Following along: the attempts of an account as their outcomes are taken in, or merely that something of it has
//! changed.

use super::caller::Caller;
use super::error::Error;
use super::followers::MAX_FOLLOWERS;
use super::shared::{Service, off_the_async_threads};
use super::views::{NotificationView, Present, Webhooks};
use crate::model::{AccountNo, ApiCode, Attempt, NotificationFilter, Pattern, WebhookNo, localized};
use crate::stats::{Gap, OutcomePosition};
use crate::store::Store;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How many outcomes are looked at together.
const PAGE: usize = 128;

/// An attempt, and its notification as it left it.
#[derive(Clone, Debug)]
pub struct Followed {
    /// By what a follower comes back to what comes after it.
    pub place: OutcomePosition,
    /// The notification.
    pub view: NotificationView,
    /// The attempt.
    pub attempt: Attempt,
}

/// What comes next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Attempts, at least one, in the order in which their outcomes were taken in.
    Attempts(Vec<Followed>),
    /// Some attempts are no longer available: the follower reconnected too late, is too slow, or its position is of an
    /// earlier run of the daemon. The lists have those attempts. The stream continues with new ones, after a restart
    /// with those since.
    Gap,
}

/// A reader of an account's attempts. It reads stored outcomes at its own pace, and nothing waits for it.
pub struct Follower {
    store: Store,
    account: AccountNo,
    present: Present,
    /// The webhook of the filter; `Some(None)` where there is no such webhook.
    webhook: Option<Option<WebhookNo>>,
    filter: NotificationFilter,
    place: OutcomePosition,
    gap: bool,
    outcomes: watch::Receiver<()>,
    /// What verbs do.
    changes: watch::Receiver<()>,
    _seat: OwnedSemaphorePermit,
}

impl Service {
    /// Follows the caller's attempts from `after` on, or from now on. Of the filter it takes the fields of
    /// [`FilterUse::Stream`](crate::model::FilterUse::Stream). `Some(None)` stands for a place that can't be
    /// read: a gap. Refused when no more than `spare` of the account's [`MAX_FOLLOWERS`] places are left.
    pub async fn follow(
        &self,
        caller: &Caller,
        filter: NotificationFilter,
        after: Option<Option<OutcomePosition>>,
        spare: usize,
    ) -> Result<Follower, Error> {
        let account = caller.account;
        let (seat, changes) = self.followers.take(account, spare).ok_or_else(|| {
            let detail = localized!(
                "{MAX_FOLLOWERS} streams of this account are open already: close one",
                "já há {MAX_FOLLOWERS} acompanhamentos abertos nesta conta: feche um"
            );
            Error::Conflict { code: ApiCode::TooManyStreams, detail }
        })?;
        let webhook = match filter.webhook_id {
            None => None,
            Some(id) => Some(self.read(move |store| Ok(store.webhook_no(account, id)?)).await?),
        };
        let newest = self.store.newest_outcome(account);
        Ok(Follower {
            store: self.store.clone(),
            account,
            present: self.present(),
            webhook,
            filter,
            gap: after == Some(None),
            place: after.flatten().unwrap_or(newest),
            outcomes: self.store.watch_outcomes(),
            changes,
            _seat: seat,
        })
    }
}

impl Follower {
    /// Where a follower that reconnects resumes.
    pub fn place(&self) -> OutcomePosition {
        self.place
    }

    /// Waits until anything of the account has changed: an attempt has ended, whatever the filter says, or a verb was
    /// done. Nothing is read for it. May be dropped and called again.
    pub async fn changed(&mut self) {
        loop {
            let before = self.place;
            self.outcomes.borrow_and_update();
            self.place = self.store.newest_outcome(self.account);
            if self.place != before {
                return;
            }
            // Both senders live as long as the service, which the caller holds.
            tokio::select! {
                _ = self.outcomes.changed() => {}
                _ = self.changes.changed() => return,
            }
        }
    }

    /// Takes all that has happened until now as seen.
    pub fn pass(&mut self) {
        self.changes.mark_unchanged();
        self.place = self.store.newest_outcome(self.account);
    }

    /// Waits for what comes next. May be dropped and called again: nothing is lost by it.
    pub async fn next(&mut self) -> Result<Next, Error> {
        loop {
            // Before the look: what comes in between is then seen by the next one.
            self.outcomes.borrow_and_update();
            let page = self.store.outcomes_after(self.account, self.place, PAGE);
            let Ok(mut page) = page.and_then(|page| if self.gap { Err(Gap) } else { Ok(page) }) else {
                self.gap = false;
                self.place = self.store.outcomes_beyond_gap(self.account, self.place);
                return Ok(Next::Gap);
            };
            let Some(last) = page.last().map(|outcome| outcome.place) else {
                // The store lives as long as we hold it, and the sender with it.
                let _ = self.outcomes.changed().await;
                continue;
            };
            page.retain(|outcome| self.webhook.is_none_or(|only| only == Some(outcome.key.webhook)));
            let (store, account, mut present) = (self.store.clone(), self.account, self.present.clone());
            let filter = self.filter.clone();
            let read = move || {
                let mut webhooks = Webhooks::new(&store, account);
                let mut attempts = Vec::with_capacity(page.len());
                for outcome in &page {
                    let Some((event, notification, attempt)) = store.outcome(account, outcome)? else {
                        continue;
                    };
                    let means = |pattern: &Pattern| pattern.matches(&event.event_type);
                    if filter.event_id.is_some_and(|only| only != event.id)
                        || !filter.event_type.as_ref().is_none_or(means)
                    {
                        continue;
                    }
                    // As the outcome left it, and what was to come then.
                    present.now = notification.updated_at;
                    let view = webhooks.view(&notification, &event, &present)?;
                    attempts.push(Followed { place: outcome.place, view, attempt });
                }
                Ok::<_, Error>(attempts)
            };
            let attempts = off_the_async_threads(Box::new(read)).await?;
            self.place = last;
            if !attempts.is_empty() {
                return Ok(Next::Attempts(attempts));
            }
        }
    }
}
