//! Hourly figures of what came of attempts, counted as outcomes are taken in: a page that shows them walks over nothing.
//!
//! They are an account of the past, not a promise: kept in memory and written to a small file of their own now and then and at a stop,
//! so that a crash costs the last minute's counts, and a backup has none. A file that can't be read counts as none.

use super::{Store, StoreError};
use crate::model::{Timestamp, WebhookNo};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file, beside the store's own.
const NAME: &str = "tally";
/// The first line of the file; another one is another version's.
const HEAD: &str = "carteiro tally 1";
/// For so long there is a figure for each hour, and for each day.
const HOURS: u64 = 48;
const DAYS: u64 = 31;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What came of attempts in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// A 2XX came.
    pub confirmed: u64,
    /// None came, and the notification is tried again, or the attempt was made by hand.
    pub retried: u64,
    /// None came, and it was the last automatic attempt.
    pub failed: u64,
}

impl Tallied {
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
pub(super) enum Came {
    Confirmed,
    Retried,
    Failed,
}

impl Came {
    fn one(self) -> Tallied {
        let mut one = Tallied::default();
        match self {
            Self::Confirmed => one.confirmed = 1,
            Self::Retried => one.retried = 1,
            Self::Failed => one.failed = 1,
        }
        one
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct OfWebhook {
    hours: BTreeMap<u64, Tallied>,
    days: BTreeMap<u64, Tallied>,
    confirmed_at: Option<Timestamp>,
}

impl OfWebhook {
    fn trim(&mut self, now: Timestamp) {
        let keep = |map: &mut BTreeMap<u64, Tallied>, first: u64| {
            while map.first_key_value().is_some_and(|(at, _)| *at < first) {
                map.pop_first();
            }
        };
        keep(&mut self.hours, (now.as_ms() / HOUR_MS).saturating_sub(HOURS - 1));
        keep(&mut self.days, (now.as_ms() / DAY_MS).saturating_sub(DAYS - 1));
    }
}

/// The figures of every webhook that an attempt was made for.
#[derive(Debug, Default)]
pub(super) struct Tally {
    webhooks: Mutex<HashMap<WebhookNo, OfWebhook>>,
}

impl Tally {
    pub(super) fn load(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(NAME)).unwrap_or_default();
        Self { webhooks: Mutex::new(parse(&text).unwrap_or_default()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookNo, OfWebhook>> {
        self.webhooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, webhook: WebhookNo, came: Came, now: Timestamp) {
        let mut all = self.lock();
        let own = all.entry(webhook).or_default();
        own.hours.entry(now.as_ms() / HOUR_MS).or_default().add(came.one());
        own.days.entry(now.as_ms() / DAY_MS).or_default().add(came.one());
        if came == Came::Confirmed {
            own.confirmed_at = Some(now);
        }
        if own.hours.len() as u64 > HOURS || own.days.len() as u64 > DAYS {
            own.trim(now);
        }
    }

    fn forget(&self, webhook: WebhookNo) {
        self.lock().remove(&webhook);
    }
}

/// How one webhook's target has done of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Each of the last 24 hours, the present one last.
    pub hours: Vec<Tallied>,
    /// Each of the last 30 days, in UTC, today last.
    pub days: Vec<Tallied>,
    /// When a 2XX last came.
    pub confirmed_at: Option<Timestamp>,
}

impl Store {
    /// How a webhook's target has done of late. From memory.
    pub fn record_of(&self, webhook: WebhookNo, now: Timestamp) -> Record {
        let all = self.shared.tally.lock();
        let own = all.get(&webhook);
        let last = |map: Option<&BTreeMap<u64, Tallied>>, at: u64, count: u64| {
            let of = |back| map.and_then(|map| map.get(&at.saturating_sub(back))).copied().unwrap_or_default();
            (0..count).rev().map(of).collect()
        };
        Record {
            hours: last(own.map(|own| &own.hours), now.as_ms() / HOUR_MS, 24),
            days: last(own.map(|own| &own.days), now.as_ms() / DAY_MS, 30),
            confirmed_at: own.and_then(|own| own.confirmed_at),
        }
    }

    /// Writes the figures to their file, for the next start; those of webhooks that are gone are dropped. Blocks on the disk.
    pub fn keep_record(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        let gone: Vec<WebhookNo> =
            self.shared.tally.lock().keys().filter(|no| directory.by_no(**no).is_none()).copied().collect();
        for no in gone {
            self.shared.tally.forget(no);
        }
        let text = print(&self.shared.tally.lock());
        Ok(replace(self.path(), &text)?)
    }
}

/// Not synced: what a power cut takes is a picture of the past, and the file is never half of two.
fn replace(folder: &Path, text: &str) -> io::Result<()> {
    let beside = folder.join("tally.new");
    let mut file = fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(beside, folder.join(NAME))
}

fn print(all: &HashMap<WebhookNo, OfWebhook>) -> String {
    let mut text = format!("{HEAD}\n");
    for (no, own) in all {
        // Writing to a String can't fail.
        if let Some(at) = own.confirmed_at {
            let _ = writeln!(text, "{} c {}", no.0, at.as_ms());
        }
        for (kind, map) in [('h', &own.hours), ('d', &own.days)] {
            for (at, Tallied { confirmed, retried, failed }) in map {
                let _ = writeln!(text, "{} {kind} {at} {confirmed} {retried} {failed}", no.0);
            }
        }
    }
    text
}

/// `None` for what [`print`] never wrote.
fn parse(text: &str) -> Option<HashMap<WebhookNo, OfWebhook>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return None;
    }
    let mut all: HashMap<WebhookNo, OfWebhook> = HashMap::new();
    for line in lines {
        let mut words = line.split(' ');
        let own = all.entry(WebhookNo(words.next()?.parse().ok()?)).or_default();
        let kind = words.next()?;
        let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        match (kind, numbers.as_slice()) {
            ("c", [at]) => own.confirmed_at = Some(Timestamp::from_ms(*at)),
            ("h" | "d", [at, confirmed, retried, failed]) => {
                let map = if kind == "h" { &mut own.hours } else { &mut own.days };
                map.insert(*at, Tallied { confirmed: *confirmed, retried: *retried, failed: *failed });
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
            tally.note(one, if nth % 2 == 0 { Came::Confirmed } else { Came::Retried }, hour(nth));
        }
        tally.note(one, Came::Failed, hour(24 * 40 - 1));
        let printed = print(&tally.lock());
        let read = parse(&printed).unwrap();
        assert_eq!(read, *tally.lock());
        let own = &read[&one];
        assert!(own.hours.len() as u64 <= HOURS && own.days.len() as u64 <= DAYS, "{own:?}");
        assert_eq!(own.hours.last_key_value().unwrap().1, &Tallied { confirmed: 0, retried: 1, failed: 1 });
        assert_eq!(own.confirmed_at, Some(hour(24 * 40 - 2)));
        for bad in ["", "carteiro tally 2\n", &printed.replace(" h ", " x "), &format!("{printed}7 h 1 2")] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
