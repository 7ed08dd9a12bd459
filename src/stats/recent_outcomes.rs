//! The most recent outcomes, for followers: a bounded ring for each account, in memory alone.
//!
//! An entry holds the notification's new state and nothing of the target's response: a reader fetches the rest from the
//! store. So the committer pays for a few dozen bytes an outcome and waits for nobody, a slow reader delays itself
//! alone, and nothing that is erased or deleted meanwhile stays here.

use crate::model::{AccountNo, Attempt, Notification, NotificationKey, State, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many outcomes of each account are held; about 1 MiB of memory.
pub const MAX_OUTCOMES: usize = 10_000;

/// Where a reader stands in an account's outcomes. It displays as the opaque id by which a reader comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomePosition {
    /// Tells one run of the daemon from another.
    run: u64,
    /// The last outcome it has seen; 0 before the first.
    number: u64,
}

impl OutcomePosition {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        let digits = run.len() == 16 && number.bytes().all(|byte| byte.is_ascii_digit());
        let run = u64::from_str_radix(run, 16).ok().filter(|_| digits)?;
        Some(Self { run, number: number.parse().ok()? })
    }
}

impl fmt::Display for OutcomePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.run, self.number)
    }
}

/// What follows a reader's place is not known any more: it was pushed out by later outcomes, or it is of another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap;

/// An outcome as it was taken in.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where a reader stands that has seen it.
    pub place: OutcomePosition,
    /// The notification.
    pub key: NotificationKey,
    /// The attempt's number.
    pub(crate) attempt: u16,
    pub(crate) status: Option<u16>,
    pub(crate) state: State,
    pub(crate) awaits_predecessor: bool,
    pub(crate) automatic: u8,
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
}

impl Outcome {
    /// Of a notification that has just taken in its last attempt.
    pub(crate) fn of(notification: &Notification) -> (AccountNo, Self) {
        let outcome = Self {
            place: OutcomePosition { run: 0, number: 0 },
            key: notification.key,
            attempt: notification.attempts,
            status: notification.last.as_ref().and_then(|attempt| attempt.result.status()),
            state: notification.state,
            awaits_predecessor: notification.awaits_predecessor,
            automatic: notification.automatic,
            delivered_at: notification.delivered_at,
            updated_at: notification.updated_at,
        };
        (notification.account, outcome)
    }

    /// A notification as the outcome left it, whatever has become of it since.
    pub(crate) fn left(&self, mut present: Notification, attempt: Attempt) -> Notification {
        present.state = self.state;
        present.awaits_predecessor = self.awaits_predecessor;
        present.automatic = self.automatic;
        present.attempts = self.attempt;
        present.delivered_at = self.delivered_at;
        present.updated_at = self.updated_at;
        present.last = Some(attempt);
        present
    }
}

#[derive(Debug, Default)]
struct Ring {
    /// How many outcomes there were in all.
    last: u64,
    recent: VecDeque<Outcome>,
}

/// All accounts' outcomes.
#[derive(Debug)]
pub(crate) struct Outcomes {
    run: u64,
    rings: Mutex<HashMap<AccountNo, Ring>>,
    pub(crate) changed: watch::Sender<()>,
}

impl Outcomes {
    pub(crate) fn new(run: u64) -> Self {
        Self { run, rings: Mutex::default(), changed: watch::Sender::new(()) }
    }

    fn rings(&self) -> MutexGuard<'_, HashMap<AccountNo, Ring>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is applied by now. Readers hold the lock for as long as it takes to copy a page.
    pub(crate) fn publish(&self, outcomes: &mut Vec<(AccountNo, Outcome)>) {
        if outcomes.is_empty() {
            return;
        }
        let mut rings = self.rings();
        for (account, outcome) in outcomes.drain(..) {
            let ring = rings.entry(account).or_default();
            ring.last += 1;
            if ring.recent.len() >= MAX_OUTCOMES {
                ring.recent.pop_front();
            }
            ring.recent.push_back(Outcome { place: OutcomePosition { run: self.run, number: ring.last }, ..outcome });
        }
        drop(rings);
        self.changed.send_replace(());
    }

    /// Where a reader goes on whose place isn't known any more: one that follows too slowly with what comes from now
    /// on, since it would only lose its place again; one of an earlier run with what this run has made so far, which it
    /// can't have seen.
    pub(crate) fn beyond_gap(&self, account: AccountNo, place: OutcomePosition) -> OutcomePosition {
        let rings = self.rings();
        let (last, recent) = rings.get(&account).map_or((0, 0), |ring| (ring.last, ring.recent.len()));
        let number = if place.run == self.run { last } else { last - recent as u64 };
        OutcomePosition { run: self.run, number }
    }

    pub(crate) fn newest(&self, account: AccountNo) -> OutcomePosition {
        let number = self.rings().get(&account).map_or(0, |ring| ring.last);
        OutcomePosition { run: self.run, number }
    }

    pub(crate) fn after(&self, account: AccountNo, place: OutcomePosition, most: usize) -> Result<Vec<Outcome>, Gap> {
        let rings = self.rings();
        let (last, recent) = rings.get(&account).map_or((0, None), |ring| (ring.last, Some(&ring.recent)));
        if place.run != self.run || place.number > last {
            return Err(Gap);
        }
        let recent = recent.into_iter().flatten();
        let behind = usize::try_from(last - place.number).unwrap_or(usize::MAX);
        let held = recent.clone().count();
        let skip = held.checked_sub(behind).ok_or(Gap)?;
        Ok(recent.skip(skip).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Seq, WebhookNo};

    const ACCOUNT: AccountNo = AccountNo(1);

    fn publish(outcomes: &Outcomes, account: AccountNo, count: usize) {
        let key = NotificationKey { seq: Seq(1), webhook: WebhookNo(1) };
        let one = Notification::new(key, account, Timestamp::from_ms(1), false);
        outcomes.publish(&mut vec![Outcome::of(&one); count]);
    }

    fn numbers(found: Result<Vec<Outcome>, Gap>) -> Result<Vec<u64>, Gap> {
        found.map(|found| found.iter().map(|outcome| outcome.place.number).collect())
    }

    #[test]
    fn a_reader_comes_back_to_where_it_was_or_is_told_that_it_cannot() {
        let outcomes = Outcomes::new(7);
        let at = |number| OutcomePosition { run: 7, number };
        assert_eq!(numbers(outcomes.after(ACCOUNT, outcomes.newest(ACCOUNT), 9)), Ok(vec![]));
        publish(&outcomes, ACCOUNT, 3);
        publish(&outcomes, AccountNo(2), MAX_OUTCOMES + 5);
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(0), 9)), Ok(vec![1, 2, 3]), "another's outcomes push none out");
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(1), 1)), Ok(vec![2]));
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(3), 9)), Ok(vec![]));
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(4), 9)), Err(Gap), "it has not been yet");
        assert_eq!(
            numbers(outcomes.after(ACCOUNT, OutcomePosition { run: 8, number: 1 }, 9)),
            Err(Gap),
            "another run's"
        );
        publish(&outcomes, ACCOUNT, MAX_OUTCOMES - 2);
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(0), 1)), Err(Gap), "the first has been pushed out");
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(1), 1)), Ok(vec![2]));
        assert_eq!(outcomes.newest(ACCOUNT), at(MAX_OUTCOMES as u64 + 1));
        assert_eq!(outcomes.beyond_gap(ACCOUNT, at(0)), at(MAX_OUTCOMES as u64 + 1), "too slow");
        assert_eq!(outcomes.beyond_gap(ACCOUNT, OutcomePosition { run: 8, number: 1 }), at(1), "of another run");
        assert_eq!(numbers(outcomes.after(ACCOUNT, at(1), 1)), Ok(vec![2]));
        assert_eq!(outcomes.beyond_gap(AccountNo(3), OutcomePosition { run: 8, number: 9 }), at(0));
    }

    #[test]
    fn places_read_back_and_nothing_else_does() {
        let place = OutcomePosition { run: 0xfe, number: 12 };
        assert_eq!(OutcomePosition::parse(&place.to_string()), Some(place));
        for text in
            ["", "-", "1-2", "00000000000000fe-", "00000000000000fe-+1", "00000000000000fe-99999999999999999999"]
        {
            assert_eq!(OutcomePosition::parse(text), None, "{text}");
        }
    }
}
