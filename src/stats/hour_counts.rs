//! Counts of notifications by the hour in which their events were recorded, by how each stands: a page that shows them
//! reads no rows, and a list of the same time has as many. Tests are not counted, and of a deleted webhook only what
//! was delivered. The page that shows days makes them of hours, since days begin elsewhere in each time zone.
//!
//! They are statistics without a guarantee: held in memory, and written to a small file of their own now and then and
//! at a stop, so that a crash costs the last minute's counts, and a backup has none. A file that can't be read counts
//! as none.

use super::response_times::ResponseTimes;
use crate::model::{AccountNo, Notification, State, Timestamp, WebhookNo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts of that many hours are stored of each webhook: its page shows 24 of them,
const HOURS: u64 = 48;
/// and of each account: 31 days. Of a webhook's hours that are older than [`HOURS`] those are kept as well that have
/// something which its deletion takes out of its account's: as a rule they are few.
const ACCOUNT_HOURS: u64 = 31 * 24;
const HOUR_MS: u64 = 3_600_000;

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

    /// Those of several spans.
    pub fn sum(spans: &[Self]) -> Self {
        let mut sum = Self::default();
        for one in spans {
            sum.add(*one);
        }
        sum
    }

    /// Which part of what was tried is delivered, in thousandths and rounded down: 1000 means all. `None` where nothing
    /// was tried.
    pub const fn delivered_permille(self) -> Option<u64> {
        (self.confirmed * 1000).checked_div(self.tried())
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
    /// When an attempt was last confirmed.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfWebhook {
    hours: Hours,
    confirmed_ms: Option<u64>,
}

impl OfWebhook {
    fn history(&self, now: Timestamp) -> WebhookHistory {
        WebhookHistory { hours: self.hours.last(now, 24), confirmed_at: self.confirmed_ms.map(Timestamp::from_ms) }
    }

    /// What is older than [`HOURS`] is kept only as far as [`OutcomeCounter::deleted`] needs it.
    fn trim(&mut self, now: Timestamp) {
        if self.hours.0.len() as u64 > HOURS {
            let before = |hours: u64| (now.as_ms() / HOUR_MS).saturating_sub(hours);
            let (own, of_account) = (before(HOURS), before(ACCOUNT_HOURS));
            let is_needed = |counts: &HourCounts| counts.retried + counts.failed > 0;
            self.hours.0.retain(|at, counts| *at > own || *at > of_account && is_needed(counts));
        }
        trim(&mut self.hours.0, now, ACCOUNT_HOURS);
    }
}

/// Of all webhooks that an account has or had.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OfAccount {
    hours: Hours,
    /// Of confirmed attempts, by the hour in which they were made.
    #[serde(default)]
    times: BTreeMap<u64, ResponseTimes>,
}

impl OfAccount {
    /// How long the attempts took that were confirmed in the last 24 hours.
    fn times(&self, now: Timestamp) -> ResponseTimes {
        let hour = now.as_ms() / HOUR_MS;
        let mut times = ResponseTimes::default();
        for (_, one) in self.times.range(hour.saturating_sub(23)..=hour) {
            times.add(one);
        }
        times
    }

    fn trim(&mut self, now: Timestamp) {
        trim(&mut self.hours.0, now, ACCOUNT_HOURS);
        trim(&mut self.times, now, HOURS);
    }
}

/// Counts by hour, each by its number since 1970.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hours(BTreeMap<u64, HourCounts>);

impl Hours {
    /// The last `count` hours, the present one last.
    fn last(&self, now: Timestamp, count: u64) -> Vec<HourCounts> {
        let at = now.as_ms() / HOUR_MS;
        (0..count).rev().map(|back| self.0.get(&at.saturating_sub(back)).copied().unwrap_or_default()).collect()
    }
}

/// Figures by hour are kept for `most` hours.
fn trim<T>(map: &mut BTreeMap<u64, T>, now: Timestamp, most: u64) {
    if map.len() as u64 <= most {
        return;
    }
    let now = now.as_ms() / HOUR_MS;
    while map.first_key_value().is_some_and(|(at, _)| *at <= now.saturating_sub(most)) {
        map.pop_first();
    }
    // Of a clock that was ahead, again and again.
    while map.len() as u64 > 2 * most {
        map.pop_last();
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
    /// What was delivered stays counted when a webhook is deleted.
    accounts: HashMap<AccountNo, OfAccount>,
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
        all.webhooks.get(&webhook).unwrap_or(&none).history(now)
    }

    /// How the notifications of an account stand that were recorded in each of the last [`ACCOUNT_HOURS`], the present
    /// one last, and how long the last day's confirmed attempts took.
    pub(crate) fn of_account(&self, account: AccountNo, now: Timestamp) -> (Vec<HourCounts>, ResponseTimes) {
        let all = self.lock();
        let none = OfAccount::default();
        let own = all.accounts.get(&account).unwrap_or(&none);
        (own.hours.last(now, ACCOUNT_HOURS), own.times(now))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts that a notification whose event was recorded at `recorded_at` stands otherwise than before. What is older
    /// than the `trusted` time allows for is dropped: a clock that is ahead for a moment must not drop the rest.
    pub(crate) fn note(
        &self,
        (account, webhook): (AccountNo, WebhookNo),
        recorded_at: Timestamp,
        (from, to): (Option<Counted>, Option<Counted>),
        trusted: Timestamp,
    ) {
        if from == to {
            return;
        }
        let hour = recorded_at.as_ms() / HOUR_MS;
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        let before = own.hours.0.len();
        own.hours.0.entry(hour).or_default().change(from, to);
        // Only a new hour makes them too many.
        if own.hours.0.len() > before {
            own.trim(trusted);
        }
        let of_all = all.accounts.entry(account).or_default();
        of_all.hours.0.entry(hour).or_default().change(from, to);
        of_all.trim(trusted);
    }

    /// Counts an attempt that was confirmed at `now` after so many microseconds.
    pub(crate) fn note_confirmed(
        &self,
        (account, webhook): (AccountNo, WebhookNo),
        duration_us: u32,
        now: Timestamp,
        trusted: Timestamp,
    ) {
        let hour = now.as_ms() / HOUR_MS;
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        own.confirmed_ms = Some(now.as_ms());
        let of_all = all.accounts.entry(account).or_default();
        of_all.times.entry(hour).or_default().note(duration_us);
        of_all.trim(trusted);
    }

    /// Nothing is left of an account; its webhooks are forgotten one by one.
    pub(crate) fn forget(&self, account: AccountNo) {
        self.lock().accounts.remove(&account);
    }

    /// Nothing is left of a webhook.
    pub(crate) fn forget_webhook(&self, webhook: WebhookNo) {
        self.lock().webhooks.remove(&webhook);
    }

    /// The webhook is deleted: what it has delivered stays its account's, and nobody has to look after the rest.
    pub(crate) fn deleted(&self, account: AccountNo, webhook: WebhookNo) {
        let mut all = self.lock();
        let Some(own) = all.webhooks.remove(&webhook) else {
            return;
        };
        let of_all = all.accounts.entry(account).or_default();
        for (at, one) in own.hours.0 {
            if let Some(sum) = of_all.hours.0.get_mut(&at) {
                sum.retried = sum.retried.saturating_sub(one.retried);
                sum.failed = sum.failed.saturating_sub(one.failed);
            }
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

    const SHOP: AccountNo = AccountNo(3);

    fn came(counter: &OutcomeCounter, no: u32, to: Counted, at: Timestamp, trusted: Timestamp) {
        let of = (SHOP, WebhookNo(no));
        counter.note(of, at, (None, Some(to)), trusted);
        if to == Delivered {
            counter.note_confirmed(of, 50_000, at, trusted);
        }
    }

    #[test]
    fn hours_are_counted_read_back_and_have_an_end() {
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
        // Every second hour has some that are to be tried again; the older ones among the others are gone.
        assert!(own.hours.0.len() as u64 <= u64::midpoint(ACCOUNT_HOURS, HOURS));
        assert!(all.accounts[&SHOP].hours.0.len() as u64 <= ACCOUNT_HOURS);
        assert!(all.accounts[&SHOP].times.len() as u64 <= HOURS);
        assert_eq!(own.hours.0.last_key_value().unwrap().1, &HourCounts { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_ms, Some(hour(24 * 40 - 2).as_ms()));
        let history = own.history(hour(24 * 40 - 1));
        let times = all.accounts[&SHOP].times(hour(24 * 40 - 1));
        assert_eq!((history.hours.len(), times.count()), (24, 12));
        for bad in ["", "{}", &text.replace("hours", "x"), &text[1..]] {
            assert_eq!(*OutcomeCounter::from_text(bad).lock(), All::default(), "{bad}");
        }
    }

    #[test]
    fn a_notification_counts_once_wherever_it_stands_and_in_the_hour_of_its_event() {
        let (counter, no) = (OutcomeCounter::default(), WebhookNo(7));
        let steps = [None, Some(Retrying), Some(Retrying), Some(Failed), Some(Delivered), Some(Delivered)];
        for pair in steps.windows(2) {
            counter.note((SHOP, no), hour(3), (pair[0], pair[1]), hour(20));
        }
        let hours = counter.of_webhook(no, hour(20)).hours;
        let there: Vec<usize> = (0..24).filter(|nth| hours[*nth].tried() > 0).collect();
        assert_eq!((there, hours[6]), (vec![6], HourCounts { confirmed: 1, retried: 0, failed: 0 }));
        counter.note((SHOP, no), hour(3), (Some(Retrying), None), hour(20));
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
        let hours = all.webhooks[&one].hours.last(hour(99), 24);
        assert_eq!(hours.iter().map(|hour| hour.confirmed).collect::<Vec<_>>(), [vec![1; 23], vec![2]].concat());
        let of_all = all.accounts[&SHOP].hours.last(hour(99), ACCOUNT_HOURS);
        assert_eq!(of_all.iter().map(|hour| hour.confirmed).sum::<u64>(), 101);
        assert!(all.webhooks[&one].hours.0.len() as u64 <= 2 * ACCOUNT_HOURS);
    }

    #[test]
    fn what_a_deleted_webhook_had_delivered_stays_its_accounts() {
        let (counter, now) = (OutcomeCounter::default(), hour(5));
        for no in [7, 8, 9] {
            for to in [Delivered, Retrying, Failed] {
                came(&counter, no, to, now, now);
            }
        }
        for no in [7, 8, 10] {
            counter.deleted(SHOP, WebhookNo(no));
        }
        let read = OutcomeCounter::from_text(&counter.to_text(|_| true));
        assert_eq!(*read.lock(), *counter.lock());
        assert_eq!(read.lock().webhooks.len(), 1);
        let (hours, times) = read.of_account(SHOP, now);
        let expected = HourCounts { confirmed: 3, retried: 1, failed: 1 };
        assert_eq!((hours.len(), hours.last(), times.count()), (744, Some(&expected), 3));
    }
    /// What was older than two days stayed in the chart of the month.
    #[test]
    fn what_a_deleted_webhook_had_not_delivered_leaves_every_hour_of_its_accounts() {
        let counter = OutcomeCounter::default();
        let now = hour(24 * 30);
        for nth in 0..24 * 30 {
            for (no, to) in [(7, Delivered), (8, Delivered)] {
                came(&counter, no, to, hour(nth), hour(nth));
            }
            if nth % 50 == 0 {
                came(&counter, 7, Failed, hour(nth), hour(nth));
                came(&counter, 7, Retrying, hour(nth), hour(nth));
            }
        }
        assert!(counter.lock().webhooks[&WebhookNo(7)].hours.0.len() as u64 <= HOURS + 24 * 30 / 50 + 1);
        assert!(counter.lock().webhooks[&WebhookNo(8)].hours.0.len() as u64 <= HOURS);
        counter.deleted(SHOP, WebhookNo(7));
        let (hours, _) = counter.of_account(SHOP, now);
        assert_eq!(HourCounts::sum(&hours), HourCounts { confirmed: 2 * 24 * 30, retried: 0, failed: 0 });
    }
}
