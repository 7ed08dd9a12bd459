//! Counts of attempts by hour and day, by how each attempt ended: a page that shows them reads no rows.
//!
//! They are statistics without a guarantee: held in memory, and written to a small file of their own now and then and
//! at a stop, so that a crash costs the last minute's counts, and a backup has none. A file that can't be read counts
//! as none.

use crate::model::{AccountNo, Timestamp, WebhookNo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts of that many hours, and of that many days, are stored.
const HOURS: u64 = 48;
const DAYS: u64 = 31;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

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

    fn add(&mut self, other: Self) {
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
    /// Each of the last 30 days, in UTC, today last.
    pub days: Vec<HourCounts>,
    /// When an attempt was last confirmed.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfWebhook {
    past: Past,
    confirmed_ms: Option<u64>,
}

/// Figures by hour and by day, each by its number since 1970.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    hours: BTreeMap<u64, HourCounts>,
    days: BTreeMap<u64, HourCounts>,
}

impl Past {
    fn add(&mut self, other: Self) {
        for (at, one) in other.hours {
            self.hours.entry(at).or_default().add(one);
        }
        for (at, one) in other.days {
            self.days.entry(at).or_default().add(one);
        }
    }

    fn history(&self, now: Timestamp, confirmed_ms: Option<u64>) -> WebhookHistory {
        let last = |map: &BTreeMap<u64, HourCounts>, at: u64, count: u64| {
            (0..count).rev().map(|back| map.get(&at.saturating_sub(back)).copied().unwrap_or_default()).collect()
        };
        WebhookHistory {
            hours: last(&self.hours, now.as_ms() / HOUR_MS, 24),
            days: last(&self.days, now.as_ms() / DAY_MS, 30),
            confirmed_at: confirmed_ms.map(Timestamp::from_ms),
        }
    }

    fn trim(&mut self, now: Timestamp) {
        let keep = |map: &mut BTreeMap<u64, HourCounts>, now: u64, most: u64| {
            while map.first_key_value().is_some_and(|(at, _)| *at <= now.saturating_sub(most)) {
                map.pop_first();
            }
            // Of a clock that was ahead, again and again.
            while map.len() as u64 > 2 * most {
                map.pop_last();
            }
        };
        keep(&mut self.hours, now.as_ms() / HOUR_MS, HOURS);
        keep(&mut self.days, now.as_ms() / DAY_MS, DAYS);
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
    /// Those of webhooks that were deleted since: an account's counts don't shrink with them.
    deleted: HashMap<AccountNo, Past>,
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
        own.past.history(now, own.confirmed_ms)
    }

    /// How the attempts of an account's deleted webhooks ended.
    pub(crate) fn of_deleted(&self, account: AccountNo, now: Timestamp) -> WebhookHistory {
        self.lock().deleted.get(&account).unwrap_or(&Past::default()).history(now, None)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt that ended at `now`. What is older than the `trusted` time allows for is dropped: a clock that
    /// is ahead for a moment must not drop the rest.
    pub(crate) fn note(&self, webhook: WebhookNo, outcome: OutcomeKind, now: Timestamp, trusted: Timestamp) {
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        own.past.hours.entry(now.as_ms() / HOUR_MS).or_default().add(outcome.one());
        own.past.days.entry(now.as_ms() / DAY_MS).or_default().add(outcome.one());
        if outcome == OutcomeKind::Confirmed {
            own.confirmed_ms = Some(now.as_ms());
        }
        if own.past.hours.len() as u64 > HOURS || own.past.days.len() as u64 > DAYS {
            own.past.trim(trusted);
        }
    }

    /// Nothing is left of an account; its webhooks are forgotten one by one.
    pub(crate) fn forget(&self, account: AccountNo) {
        self.lock().deleted.remove(&account);
    }

    /// Nothing is left of a webhook.
    pub(crate) fn forget_webhook(&self, webhook: WebhookNo) {
        self.lock().webhooks.remove(&webhook);
    }

    /// The webhook is deleted: its figures go on in its account's alone.
    pub(crate) fn deleted(&self, account: AccountNo, webhook: WebhookNo, trusted: Timestamp) {
        let mut all = self.lock();
        if let Some(own) = all.webhooks.remove(&webhook) {
            let past = all.deleted.entry(account).or_default();
            past.add(own.past);
            past.trim(trusted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(nth: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + nth * HOUR_MS)
    }

    #[test]
    fn hours_and_days_are_counted_read_back_and_have_an_end() {
        let counter = OutcomeCounter::default();
        let one = WebhookNo(7);
        for nth in 0..24 * 40 {
            counter.note(
                one,
                if nth % 2 == 0 { OutcomeKind::Confirmed } else { OutcomeKind::Retried },
                hour(nth),
                hour(nth),
            );
        }
        counter.note(one, OutcomeKind::Failed, hour(24 * 40 - 1), hour(24 * 40 - 1));
        let text = counter.to_text(|_| true);
        assert_eq!(*OutcomeCounter::from_text(&text).lock(), *counter.lock());
        let all = counter.lock();
        let own = &all.webhooks[&one];
        assert!(own.past.hours.len() as u64 <= HOURS && own.past.days.len() as u64 <= DAYS, "{own:?}");
        assert_eq!(own.past.hours.last_key_value().unwrap().1, &HourCounts { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_ms, Some(hour(24 * 40 - 2).as_ms()));
        for bad in ["", "{}", &text.replace("hours", "x"), &text[1..]] {
            assert_eq!(*OutcomeCounter::from_text(bad).lock(), All::default(), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_drops_no_figure_and_leaves_few() {
        let (counter, one) = (OutcomeCounter::default(), WebhookNo(7));
        for nth in 0..100 {
            counter.note(one, OutcomeKind::Confirmed, hour(nth), hour(nth));
        }
        for ahead in 0..1000 {
            counter.note(one, OutcomeKind::Confirmed, hour(10_000 + ahead), hour(99));
        }
        counter.note(one, OutcomeKind::Confirmed, hour(99), hour(99));
        let all = counter.lock();
        let WebhookHistory { hours, days, .. } = all.webhooks[&one].past.history(hour(99), None);
        assert_eq!(hours.iter().map(|hour| hour.confirmed).collect::<Vec<_>>(), [vec![1; 23], vec![2]].concat());
        assert_eq!(days.iter().map(|day| day.confirmed).sum::<u64>(), 101);
        assert!(all.webhooks[&one].past.hours.len() as u64 <= 2 * HOURS);
    }

    #[test]
    fn what_a_deleted_webhook_had_come_to_stays_its_accounts() {
        let (counter, account, now) = (OutcomeCounter::default(), AccountNo(3), hour(5));
        for no in [7, 8] {
            counter.note(WebhookNo(no), OutcomeKind::Confirmed, now, now);
            counter.note(WebhookNo(no), OutcomeKind::Retried, now, now);
            counter.deleted(account, WebhookNo(no), now);
        }
        counter.deleted(account, WebhookNo(9), now);
        let read = OutcomeCounter::from_text(&counter.to_text(|_| true));
        let read = read.lock();
        assert_eq!(*read, *counter.lock());
        assert!(read.webhooks.is_empty());
        let WebhookHistory { hours, days, .. } = read.deleted[&account].history(now, None);
        let both = HourCounts { confirmed: 2, retried: 2, failed: 0 };
        assert_eq!((hours[23], days[29]), (both, both));
    }
}
