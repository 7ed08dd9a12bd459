//! Counts of attempts by hour, by how each attempt ended: a page that shows them reads no rows. Days are made of hours
//! by whoever shows them, since they begin elsewhere in each time zone.
//!
//! They are statistics without a guarantee: held in memory, and written to a small file of their own now and then and
//! at a stop, so that a crash costs the last minute's counts, and a backup has none. A file that can't be read counts
//! as none.

use crate::model::{AccountNo, Timestamp, WebhookNo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts of that many hours are stored of each webhook,
const HOURS: u64 = 48;
/// and of each account: 31 days.
const ACCOUNT_HOURS: u64 = 31 * 24;
const HOUR_MS: u64 = 3_600_000;

/// How the attempts of one span of time ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourCounts {
    /// With a 2XX.
    #[serde(rename = "c")]
    pub confirmed: u64,
    /// Without one, and the notification is tried again, or the attempt was manual.
    #[serde(rename = "r")]
    pub retried: u64,
    /// Without one, and it was the last automatic attempt.
    #[serde(rename = "f")]
    pub failed: u64,
}

impl HourCounts {
    /// All attempts.
    pub const fn attempts(self) -> u64 {
        self.confirmed + self.retried + self.failed
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.confirmed += other.confirmed;
        self.retried += other.retried;
        self.failed += other.failed;
    }
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutcomeKind {
    Confirmed,
    Retried,
    Failed,
}

impl OutcomeKind {
    fn one(self) -> HourCounts {
        let mut one = HourCounts::default();
        match self {
            Self::Confirmed => one.confirmed = 1,
            Self::Retried => one.retried = 1,
            Self::Failed => one.failed = 1,
        }
        one
    }
}

/// How the attempts of one webhook ended of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookHistory {
    /// Each of the last 24 hours, the present one last.
    pub hours: Vec<HourCounts>,
    /// When an attempt was last confirmed.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfWebhook {
    hours: Hours,
    confirmed_ms: Option<u64>,
}

/// Counts by hour, each by its number since 1970.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hours(BTreeMap<u64, HourCounts>);

impl Hours {
    /// Those of the last `count` hours, the present one last.
    fn last(&self, now: Timestamp, count: u64) -> Vec<HourCounts> {
        let at = now.as_ms() / HOUR_MS;
        (0..count).rev().map(|back| self.0.get(&at.saturating_sub(back)).copied().unwrap_or_default()).collect()
    }

    /// Counts one of the hour of `now`, and drops what is `most` hours older than the `trusted` time.
    fn note(&mut self, one: HourCounts, now: Timestamp, trusted: Timestamp, most: u64) {
        self.0.entry(now.as_ms() / HOUR_MS).or_default().add(one);
        if self.0.len() as u64 <= most {
            return;
        }
        let trusted = trusted.as_ms() / HOUR_MS;
        while self.0.first_key_value().is_some_and(|(at, _)| *at <= trusted.saturating_sub(most)) {
            self.0.pop_first();
        }
        // Of a clock that was ahead, again and again.
        while self.0.len() as u64 > 2 * most {
            self.0.pop_last();
        }
    }
}

/// The figures of every webhook that an attempt was made for.
#[derive(Debug, Default)]
pub(crate) struct OutcomeCounter {
    all: Mutex<All>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct All {
    webhooks: HashMap<WebhookNo, OfWebhook>,
    /// Of all webhooks that an account has or had: its counts don't shrink with them.
    accounts: HashMap<AccountNo, Hours>,
}

impl OutcomeCounter {
    /// Goes on from what [`Self::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Self {
        Self { all: Mutex::new(serde_json::from_str(text).unwrap_or_default()) }
    }

    /// The figures as a text, after dropping those of webhooks that don't exist any more.
    pub(crate) fn to_text(&self, exists: impl Fn(WebhookNo) -> bool) -> String {
        let mut all = self.lock();
        all.webhooks.retain(|no, _| exists(*no));
        serde_json::to_string(&*all).unwrap_or_default()
    }

    /// How the attempts of a webhook ended.
    pub(crate) fn of_webhook(&self, webhook: WebhookNo, now: Timestamp) -> WebhookHistory {
        let all = self.lock();
        let none = OfWebhook::default();
        let own = all.webhooks.get(&webhook).unwrap_or(&none);
        WebhookHistory { hours: own.hours.last(now, 24), confirmed_at: own.confirmed_ms.map(Timestamp::from_ms) }
    }

    /// How the attempts of an account's webhooks ended in each of the last [`ACCOUNT_HOURS`], the present one last.
    pub(crate) fn of_account(&self, account: AccountNo, now: Timestamp) -> Vec<HourCounts> {
        self.lock().accounts.get(&account).unwrap_or(&Hours::default()).last(now, ACCOUNT_HOURS)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt that ended at `now`. What is older than the `trusted` time allows for is dropped: a clock that
    /// is ahead for a moment must not drop the rest.
    pub(crate) fn note(
        &self,
        account: AccountNo,
        webhook: WebhookNo,
        outcome: OutcomeKind,
        now: Timestamp,
        trusted: Timestamp,
    ) {
        let mut all = self.lock();
        all.accounts.entry(account).or_default().note(outcome.one(), now, trusted, ACCOUNT_HOURS);
        let own = all.webhooks.entry(webhook).or_default();
        own.hours.note(outcome.one(), now, trusted, HOURS);
        if outcome == OutcomeKind::Confirmed {
            own.confirmed_ms = Some(now.as_ms());
        }
    }

    /// Nothing is left of an account; its webhooks are forgotten one by one.
    pub(crate) fn forget(&self, account: AccountNo) {
        self.lock().accounts.remove(&account);
    }

    /// Nothing is left of a webhook but what its account has of it.
    pub(crate) fn forget_webhook(&self, webhook: WebhookNo) {
        self.lock().webhooks.remove(&webhook);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(nth: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + nth * HOUR_MS)
    }

    #[test]
    fn hours_are_counted_read_back_and_have_an_end() {
        let (counter, account, one) = (OutcomeCounter::default(), AccountNo(3), WebhookNo(7));
        for nth in 0..24 * 40 {
            let kind = if nth % 2 == 0 { OutcomeKind::Confirmed } else { OutcomeKind::Retried };
            counter.note(account, one, kind, hour(nth), hour(nth));
        }
        let last = hour(24 * 40 - 1);
        counter.note(account, one, OutcomeKind::Failed, last, last);
        let text = counter.to_text(|_| true);
        assert_eq!(*OutcomeCounter::from_text(&text).lock(), *counter.lock());
        let hours = counter.of_account(account, last);
        assert_eq!(hours.len() as u64, ACCOUNT_HOURS);
        assert_eq!(hours.iter().map(|hour| hour.attempts()).sum::<u64>(), ACCOUNT_HOURS + 1);
        let all = counter.lock();
        let own = &all.webhooks[&one];
        assert!(own.hours.0.len() as u64 <= HOURS && all.accounts[&account].0.len() as u64 <= ACCOUNT_HOURS, "{own:?}");
        assert_eq!(own.hours.0.last_key_value().unwrap().1, &HourCounts { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_ms, Some(hour(24 * 40 - 2).as_ms()));
        for bad in ["", "{}", &text.replace("hours", "x"), &text[1..]] {
            assert_eq!(*OutcomeCounter::from_text(bad).lock(), All::default(), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_drops_no_figure_and_leaves_few() {
        let (counter, account, one) = (OutcomeCounter::default(), AccountNo(3), WebhookNo(7));
        for nth in 0..100 {
            counter.note(account, one, OutcomeKind::Confirmed, hour(nth), hour(nth));
        }
        for ahead in 0..2000 {
            counter.note(account, one, OutcomeKind::Confirmed, hour(10_000 + ahead), hour(99));
        }
        counter.note(account, one, OutcomeKind::Confirmed, hour(99), hour(99));
        let hours = counter.of_webhook(one, hour(99)).hours;
        assert_eq!(hours.iter().map(|hour| hour.confirmed).collect::<Vec<_>>(), [vec![1; 23], vec![2]].concat());
        assert_eq!(counter.of_account(account, hour(99)).iter().map(|hour| hour.confirmed).sum::<u64>(), 101);
        let all = counter.lock();
        assert!(all.webhooks[&one].hours.0.len() as u64 <= 2 * HOURS);
        assert!(all.accounts[&account].0.len() as u64 <= 2 * ACCOUNT_HOURS);
    }

    #[test]
    fn what_a_deleted_webhook_had_come_to_stays_its_accounts() {
        let (counter, account, now) = (OutcomeCounter::default(), AccountNo(3), hour(5));
        for no in [7, 8] {
            counter.note(account, WebhookNo(no), OutcomeKind::Confirmed, now, now);
            counter.note(account, WebhookNo(no), OutcomeKind::Retried, now, now);
            counter.forget_webhook(WebhookNo(no));
        }
        counter.forget_webhook(WebhookNo(9));
        let read = OutcomeCounter::from_text(&counter.to_text(|_| true));
        assert_eq!(*read.lock(), *counter.lock());
        assert!(read.lock().webhooks.is_empty());
        let both = HourCounts { confirmed: 2, retried: 2, failed: 0 };
        assert_eq!(read.of_account(account, now).last(), Some(&both));
        read.forget(account);
        assert_eq!(read.of_account(account, now).last(), Some(&HourCounts::default()));
    }
}
