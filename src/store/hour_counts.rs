//! Hourly figures of what came of attempts, counted as outcomes are taken in: a page that shows them walks over
//! nothing.
//!
//! They are an account of the past, not a promise: kept in memory and written to a small file of their own now and then
//! and at a stop, so that a crash costs the last minute's counts, and a backup has none. A file that can't be read
//! counts as none.

use crate::model::{AccountNo, Timestamp, WebhookNo};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file, beside the store's own.
pub(crate) const NAME: &str = "tally";
/// The first line of the file; another one is another version's.
const HEAD: &str = "carteiro tally 2";
/// That of the first version, which had no lines for accounts.
const HEAD_1: &str = "carteiro tally 1";
/// For so long there is a figure for each hour, and for each day.
const HOURS: u64 = 48;
const DAYS: u64 = 31;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What came of attempts in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourCounts {
    /// A 2XX came.
    pub confirmed: u64,
    /// None came, and the notification is tried again, or the attempt was made by hand.
    pub retried: u64,
    /// None came, and it was the last automatic attempt.
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

/// What came of one attempt.
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

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OfWebhook {
    pub(crate) past: Past,
    pub(crate) confirmed_at: Option<Timestamp>,
}

/// Figures by hour and by day, each by its number since 1970.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
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

    /// Each of the last 24 hours and of the last 30 days, the present one last.
    pub(crate) fn last(&self, now: Timestamp) -> (Vec<HourCounts>, Vec<HourCounts>) {
        let last = |map: &BTreeMap<u64, HourCounts>, at: u64, count: u64| {
            (0..count).rev().map(|back| map.get(&at.saturating_sub(back)).copied().unwrap_or_default()).collect()
        };
        (last(&self.hours, now.as_ms() / HOUR_MS, 24), last(&self.days, now.as_ms() / DAY_MS, 30))
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
pub(crate) struct Tally {
    all: Mutex<All>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct All {
    pub(crate) webhooks: HashMap<WebhookNo, OfWebhook>,
    /// What webhooks had come to that were deleted since: an account's figures don't shrink with them.
    pub(crate) gone: HashMap<AccountNo, Past>,
}

impl Tally {
    pub(crate) fn load(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
        Self { all: Mutex::new(parse(&text).unwrap_or_default()) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt that ended at `now`. What is older than the `trusted` time allows for is dropped: a clock that
    /// is ahead for a moment must not drop the rest.
    pub(crate) fn note(&self, webhook: WebhookNo, came: OutcomeKind, now: Timestamp, trusted: Timestamp) {
        let mut all = self.lock();
        let own = all.webhooks.entry(webhook).or_default();
        own.past.hours.entry(now.as_ms() / HOUR_MS).or_default().add(came.one());
        own.past.days.entry(now.as_ms() / DAY_MS).or_default().add(came.one());
        if came == OutcomeKind::Confirmed {
            own.confirmed_at = Some(now);
        }
        if own.past.hours.len() as u64 > HOURS || own.past.days.len() as u64 > DAYS {
            own.past.trim(trusted);
        }
    }

    /// Nothing is left of an account; its webhooks are forgotten one by one.
    pub(crate) fn forget(&self, account: AccountNo) {
        self.lock().gone.remove(&account);
    }

    /// Nothing is left of a webhook.
    pub(crate) fn forget_webhook(&self, webhook: WebhookNo) {
        self.lock().webhooks.remove(&webhook);
    }

    /// The webhook is deleted: its figures go on in its account's alone.
    pub(crate) fn deleted(&self, account: AccountNo, webhook: WebhookNo, trusted: Timestamp) {
        let mut all = self.lock();
        if let Some(own) = all.webhooks.remove(&webhook) {
            let gone = all.gone.entry(account).or_default();
            gone.add(own.past);
            gone.trim(trusted);
        }
    }
}

/// A line begins with a webhook's number, or with `a` and an account's.
pub(crate) fn print(all: &All) -> String {
    let mut text = format!("{HEAD}\n");
    let mut past = |whose: &str, past: &Past| {
        for (kind, map) in [('h', &past.hours), ('d', &past.days)] {
            for (at, HourCounts { confirmed, retried, failed }) in map {
                // Writing to a String can't fail.
                let _ = writeln!(text, "{whose} {kind} {at} {confirmed} {retried} {failed}");
            }
        }
    };
    for (no, own) in &all.webhooks {
        past(&no.0.to_string(), &own.past);
    }
    for (account, gone) in &all.gone {
        past(&format!("a{}", account.0), gone);
    }
    for (no, own) in &all.webhooks {
        if let Some(at) = own.confirmed_at {
            let _ = writeln!(text, "{} c {}", no.0, at.as_ms());
        }
    }
    text
}

/// `None` for what [`print()`] never wrote.
fn parse(text: &str) -> Option<All> {
    let mut lines = text.lines();
    if !matches!(lines.next()?, HEAD | HEAD_1) {
        return None;
    }
    let mut all = All::default();
    for line in lines {
        let mut words = line.split(' ');
        let (whose, kind) = (words.next()?, words.next()?);
        let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        let account = whose.strip_prefix('a');
        match (kind, numbers.as_slice()) {
            ("c", [at]) => {
                all.webhooks.entry(WebhookNo(whose.parse().ok()?)).or_default().confirmed_at =
                    Some(Timestamp::from_ms(*at));
            }
            ("h" | "d", [at, confirmed, retried, failed]) => {
                let past = match account {
                    Some(account) => all.gone.entry(AccountNo(account.parse().ok()?)).or_default(),
                    None => &mut all.webhooks.entry(WebhookNo(whose.parse().ok()?)).or_default().past,
                };
                let map = if kind == "h" { &mut past.hours } else { &mut past.days };
                map.insert(*at, HourCounts { confirmed: *confirmed, retried: *retried, failed: *failed });
            }
            _ => return None,
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(nth: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + nth * HOUR_MS)
    }

    #[test]
    fn hours_and_days_are_counted_read_back_and_have_an_end() {
        let tally = Tally::default();
        let one = WebhookNo(7);
        for nth in 0..24 * 40 {
            tally.note(
                one,
                if nth % 2 == 0 { OutcomeKind::Confirmed } else { OutcomeKind::Retried },
                hour(nth),
                hour(nth),
            );
        }
        tally.note(one, OutcomeKind::Failed, hour(24 * 40 - 1), hour(24 * 40 - 1));
        let printed = print(&tally.lock());
        let read = parse(&printed).unwrap();
        assert_eq!(read, *tally.lock());
        assert_eq!(parse(&printed.replace(HEAD, HEAD_1)), Some(read));
        let all = tally.lock();
        let own = &all.webhooks[&one];
        assert!(own.past.hours.len() as u64 <= HOURS && own.past.days.len() as u64 <= DAYS, "{own:?}");
        assert_eq!(own.past.hours.last_key_value().unwrap().1, &HourCounts { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_at, Some(hour(24 * 40 - 2)));
        for bad in ["", "carteiro tally 3\n", &printed.replace(" h ", " x "), &format!("{printed}7 h 1 2")] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_drops_no_figure_and_leaves_few() {
        let (tally, one) = (Tally::default(), WebhookNo(7));
        for nth in 0..100 {
            tally.note(one, OutcomeKind::Confirmed, hour(nth), hour(nth));
        }
        for ahead in 0..1000 {
            tally.note(one, OutcomeKind::Confirmed, hour(10_000 + ahead), hour(99));
        }
        tally.note(one, OutcomeKind::Confirmed, hour(99), hour(99));
        let all = tally.lock();
        let (hours, days) = all.webhooks[&one].past.last(hour(99));
        assert_eq!(hours.iter().map(|hour| hour.confirmed).collect::<Vec<_>>(), [vec![1; 23], vec![2]].concat());
        assert_eq!(days.iter().map(|day| day.confirmed).sum::<u64>(), 101);
        assert!(all.webhooks[&one].past.hours.len() as u64 <= 2 * HOURS);
    }

    #[test]
    fn what_a_deleted_webhook_had_come_to_stays_its_accounts() {
        let (tally, account, now) = (Tally::default(), AccountNo(3), hour(5));
        for no in [7, 8] {
            tally.note(WebhookNo(no), OutcomeKind::Confirmed, now, now);
            tally.note(WebhookNo(no), OutcomeKind::Retried, now, now);
            tally.deleted(account, WebhookNo(no), now);
        }
        tally.deleted(account, WebhookNo(9), now);
        let read = parse(&print(&tally.lock())).unwrap();
        assert_eq!(read, *tally.lock());
        assert!(read.webhooks.is_empty());
        let (hours, days) = read.gone[&account].last(now);
        let both = HourCounts { confirmed: 2, retried: 2, failed: 0 };
        assert_eq!((hours[23], days[29]), (both, both));
    }
}
