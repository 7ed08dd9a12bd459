//! Counts of notifications by the hour and day in which their events were recorded, by how each stands: a page that
//! shows them reads no rows, and a list of the same time has as many. Tests are not counted, and of a deleted webhook
//! only what was delivered.
//!
//! They are statistics without a guarantee: held in memory, and written to a small file of their own now and then and
//! at a stop, so that a crash costs the last minute's counts, and a backup has none. A file that can't be read counts
//! as none.

use super::response_times::ResponseTimes;
use crate::model::{AccountNo, Notification, State, Timestamp, WebhookNo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts of that many hours, and of that many days, are stored.
const HOURS: u64 = 48;
const DAYS: u64 = 31;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How the notifications of one span of time stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourCounts {
    /// Delivered.
    #[serde(rename = "c")]
    pub confirmed: u64,
    /// Tried, and to be tried again.
    #[serde(rename = "r")]
    pub retried: u64,
    /// Failed.
    #[serde(rename = "f")]
    pub failed: u64,
}

impl HourCounts {
    /// All that were tried.
    pub const fn tried(self) -> u64 {
        self.confirmed + self.retried + self.failed
    }

    /// And those of another span.
    pub fn add(&mut self, other: Self) {
        self.confirmed += other.confirmed;
        self.retried += other.retried;
        self.failed += other.failed;
    }

    /// The counts of those that stand so.
    fn of(&mut self, counted: Counted) -> &mut u64 {
        match counted {
            Counted::Delivered => &mut self.confirmed,
            Counted::Retrying => &mut self.retried,
            Counted::Failed => &mut self.failed,
        }
    }

    fn change(&mut self, from: Option<Counted>, to: Option<Counted>) {
        // What a crash has lost the count of may come back.
        if let Some(from) = from {
            let count = self.of(from);
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.of(to) += 1;
        }
    }
}

/// How a notification that was tried stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Delivered,
    Retrying,
    Failed,
}

impl Counted {
    /// `None` for one that isn't counted: a test, or one that was not tried or is cancelled.
    pub(crate) fn of(notification: &Notification) -> Option<Self> {
        match notification.state {
            _ if notification.test => None,
            State::Delivered => Some(Self::Delivered),
            State::Retrying { .. } => Some(Self::Retrying),
            State::Failed => Some(Self::Failed),
            State::Pending | State::Cancelled => None,
        }
    }
}

/// How the notifications of one webhook stand that were recorded of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookHistory {
    /// Each of the last 24 hours, the present one last.
    pub hours: Vec<HourCounts>,
    /// All of the 24 hours before those.
    pub before: HourCounts,
    /// Each of the last 30 days, in UTC, today last.
    pub days: Vec<HourCounts>,
    /// When an attempt was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// How long the attempts took that were confirmed in the last 24 hours.
    pub times: ResponseTimes,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfWebhook {
    past: Past,
    confirmed_ms: Option<u64>,
}

impl OfWebhook {
    fn trim(&mut self, trusted: Timestamp) {
        let Past { hours, days, times } = &self.past;
        if hours.len() as u64 > HOURS || days.len() as u64 > DAYS || times.len() as u64 > HOURS {
            self.past.trim(trusted);
        }
    }
}

/// Figures by hour and by day, each by its number since 1970.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    hours: BTreeMap<u64, HourCounts>,
    days: BTreeMap<u64, HourCounts>,
    /// Of confirmed attempts, by the hour in which they were made.
    #[serde(default)]
    times: BTreeMap<u64, ResponseTimes>,
}

impl Past {
    fn add(&mut self, other: Self) {
        for (at, one) in other.hours {
            self.hours.entry(at).or_default().add(one);
        }
        for (at, one) in other.days {
            self.days.entry(at).or_default().add(one);
        }
        for (at, one) in other.times {
            self.times.entry(at).or_default().add(&one);
        }
    }

    fn history(&self, now: Timestamp, confirmed_ms: Option<u64>) -> WebhookHistory {
        let last = |map: &BTreeMap<u64, HourCounts>, at: u64, count: u64| -> Vec<HourCounts> {
            (0..count).rev().map(|back| map.get(&at.saturating_sub(back)).copied().unwrap_or_default()).collect()
        };
        let hour = now.as_ms() / HOUR_MS;
        let mut before = HourCounts::default();
        for one in last(&self.hours, hour.saturating_sub(24), 24) {
            before.add(one);
        }
        let mut times = ResponseTimes::default();
        for (_, one) in self.times.range(hour.saturating_sub(23)..=hour) {
            times.add(one);
        }
        WebhookHistory {
            hours: last(&self.hours, hour, 24),
            before,
            times,
            days: last(&self.days, now.as_ms() / DAY_MS, 30),
            confirmed_at: confirmed_ms.map(Timestamp::from_ms),
        }
    }

    fn trim(&mut self, now: Timestamp) {
        fn keep<T>(map: &mut BTreeMap<u64, T>, now: u64, most: u64) {
            while map.first_key_value().is_some_and(|(at, _)| *at <= now.saturating_sub(most)) {
                map.pop_first();
            }
            // Of a clock that was ahead, again and again.
            while map.len() as u64 > 2 * most {
                map.pop_last();
            }
        }
        keep(&mut self.hours, now.as_ms() / HOUR_MS, HOURS);
        keep(&mut self.days, now.as_ms() / DAY_MS, DAYS);
        keep(&mut self.times, now.as_ms() / HOUR_MS, HOURS);
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

    /// Counts that a notification whose event was recorded at `recorded_at` stands otherwise than before. What is older
    /// than the `trusted` time allows for is dropped: a clock that is ahead for a moment must not drop the rest.
    pub(crate) fn note(
        &self,
        webhook: WebhookNo,
        recorded_at: Timestamp,
        (from, to): (Option<Counted>, Option<Counted>),
        trusted: Timestamp,
    ) {
        if from == to {
            return;
        }
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        own.past.hours.entry(recorded_at.as_ms() / HOUR_MS).or_default().change(from, to);
        own.past.days.entry(recorded_at.as_ms() / DAY_MS).or_default().change(from, to);
        own.trim(trusted);
    }

    /// Counts an attempt that was confirmed at `now` after so many microseconds.
    pub(crate) fn note_confirmed(&self, webhook: WebhookNo, duration_us: u32, now: Timestamp, trusted: Timestamp) {
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        own.confirmed_ms = Some(now.as_ms());
        own.past.times.entry(now.as_ms() / HOUR_MS).or_default().note(duration_us);
        own.trim(trusted);
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
        if let Some(mut own) = all.webhooks.remove(&webhook) {
            // Nobody has to look after the others any more.
            for one in own.past.hours.values_mut().chain(own.past.days.values_mut()) {
                *one = HourCounts { confirmed: one.confirmed, ..HourCounts::default() };
            }
            let past = all.deleted.entry(account).or_default();
            past.add(own.past);
            past.trim(trusted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Counted::{Delivered, Failed, Retrying};

    fn hour(nth: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + nth * HOUR_MS)
    }

    fn came(counter: &OutcomeCounter, no: u32, to: Counted, at: Timestamp, trusted: Timestamp) {
        counter.note(WebhookNo(no), at, (None, Some(to)), trusted);
        if to == Delivered {
            counter.note_confirmed(WebhookNo(no), 50_000, at, trusted);
        }
    }

    #[test]
    fn hours_and_days_are_counted_read_back_and_have_an_end() {
        let counter = OutcomeCounter::default();
        let one = WebhookNo(7);
        for nth in 0..24 * 40 {
            came(&counter, 7, if nth % 2 == 0 { Delivered } else { Retrying }, hour(nth), hour(nth));
        }
        came(&counter, 7, Failed, hour(24 * 40 - 1), hour(24 * 40 - 1));
        let text = counter.to_text(|_| true);
        assert_eq!(*OutcomeCounter::from_text(&text).lock(), *counter.lock());
        let all = counter.lock();
        let own = &all.webhooks[&one];
        assert!(own.past.hours.len() as u64 <= HOURS && own.past.days.len() as u64 <= DAYS, "{own:?}");
        assert!(own.past.times.len() as u64 <= HOURS, "{own:?}");
        assert_eq!(own.past.hours.last_key_value().unwrap().1, &HourCounts { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_ms, Some(hour(24 * 40 - 2).as_ms()));
        let history = own.past.history(hour(24 * 40 - 1), None);
        assert_eq!((history.before.confirmed, history.before.retried, history.times.count()), (12, 12, 12));
        for bad in ["", "{}", &text.replace("hours", "x"), &text[1..]] {
            assert_eq!(*OutcomeCounter::from_text(bad).lock(), All::default(), "{bad}");
        }
    }

    #[test]
    fn a_notification_counts_once_wherever_it_stands_and_in_the_hour_of_its_event() {
        let (counter, no) = (OutcomeCounter::default(), WebhookNo(7));
        let steps = [None, Some(Retrying), Some(Retrying), Some(Failed), Some(Delivered), Some(Delivered)];
        for pair in steps.windows(2) {
            counter.note(no, hour(3), (pair[0], pair[1]), hour(20));
        }
        let hours = counter.of_webhook(no, hour(20)).hours;
        let there: Vec<usize> = (0..24).filter(|nth| hours[*nth].tried() > 0).collect();
        assert_eq!((there, hours[6]), (vec![6], HourCounts { confirmed: 1, retried: 0, failed: 0 }));
        counter.note(no, hour(3), (Some(Retrying), None), hour(20));
        assert_eq!(counter.of_webhook(no, hour(20)).hours[6].tried(), 1, "one that was never counted");
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_drops_no_figure_and_leaves_few() {
        let (counter, one) = (OutcomeCounter::default(), WebhookNo(7));
        for nth in 0..100 {
            came(&counter, 7, Delivered, hour(nth), hour(nth));
        }
        for ahead in 0..1000 {
            came(&counter, 7, Delivered, hour(10_000 + ahead), hour(99));
        }
        came(&counter, 7, Delivered, hour(99), hour(99));
        let all = counter.lock();
        let WebhookHistory { hours, days, .. } = all.webhooks[&one].past.history(hour(99), None);
        assert_eq!(hours.iter().map(|hour| hour.confirmed).collect::<Vec<_>>(), [vec![1; 23], vec![2]].concat());
        assert_eq!(days.iter().map(|day| day.confirmed).sum::<u64>(), 101);
        assert!(all.webhooks[&one].past.hours.len() as u64 <= 2 * HOURS);
    }

    #[test]
    fn what_a_deleted_webhook_had_delivered_stays_its_accounts() {
        let (counter, account, now) = (OutcomeCounter::default(), AccountNo(3), hour(5));
        for no in [7, 8] {
            for to in [Delivered, Retrying, Failed] {
                came(&counter, no, to, now, now);
            }
            counter.deleted(account, WebhookNo(no), now);
        }
        counter.deleted(account, WebhookNo(9), now);
        let read = OutcomeCounter::from_text(&counter.to_text(|_| true));
        let read = read.lock();
        assert_eq!(*read, *counter.lock());
        assert!(read.webhooks.is_empty());
        let WebhookHistory { hours, days, .. } = read.deleted[&account].history(now, None);
        let both = HourCounts { confirmed: 2, retried: 0, failed: 0 };
        assert_eq!((hours[23], days[29]), (both, both));
    }
}
