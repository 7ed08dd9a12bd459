//! The beginnings of a lane's queues, which stand in the store as sorted ranges of rows.
//!
//! Each is loaded up to some row. **Invariant:** every committed row before that one is held here, in flight, or on its
//! way through the engine's channel. Rows behind it are read when the queue runs low.

use super::message::Timer;
use super::wheel::Wheel;
use crate::model::{Seq, Timestamp, WebhookNo, millis};
use crate::store::Due;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How far ahead retries are read. Within the wheel's horizon, with room for the time that a page takes.
pub(crate) const LOOK_AHEAD: Duration = Duration::from_secs(60);

/// The first row of every range that is sorted by due times.
pub(crate) const FIRST_DUE: Due = Due { at: Timestamp::from_ms(0), seq: Seq(0) };

/// How much a lane holds in memory. A field and not a constant, so that a simulation meets every bound with few rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many rows of each queue but the untried ones, and how many timers.
    pub(crate) held: usize,
    /// How many notifications that were never tried: more, because those that are just recorded bring their payloads
    /// along, and one that finds no place here has to be read from the store. The payloads have a bound of their own,
    /// for all lanes together.
    pub(crate) untried: usize,
    /// How many attempts may have ended without the store having recorded their outcomes yet: this holds a lane back
    /// if the committer falls behind.
    pub(crate) settling: usize,
}

impl Bounds {
    /// A few hundred KiB a lane at worst.
    pub(crate) const DEFAULT: Self = Self { held: 1024, untried: 8192, settling: 1024 };

    /// With fewer timers, the next page is read.
    pub(crate) const fn low(self) -> usize {
        self.held / 4
    }

    /// How many rows a page has.
    pub(crate) const fn page(self) -> usize {
        self.held / 2
    }
}

/// The row behind this one.
pub(crate) fn after(due: Due) -> Due {
    Due { at: due.at, seq: Seq(due.seq.0 + 1) }
}

/// The beginning of a sorted range.
#[derive(Debug)]
pub(crate) struct QueueFront<K, V> {
    /// How many rows it holds; as many late arrivals.
    most: usize,
    rows: BTreeMap<K, V>,
    /// The first row that may not be held; `None` when all are.
    loaded_until: Option<K>,
    loading: bool,
    /// Rows behind `loaded_until` that arrived while a page was read: the page may lack them.
    late_arrivals: BTreeMap<K, V>,
    /// The first row that found no place in `late_arrivals`: it has to be read.
    overflow: Option<K>,
}

impl<K: Ord + Copy, V> QueueFront<K, V> {
    /// A range from `first` on, of which nothing was read yet. It holds at most so many rows, and reads on when a
    /// quarter of that is left.
    pub(crate) fn unread(first: K, most: usize) -> Self {
        Self {
            most,
            rows: BTreeMap::new(),
            loaded_until: Some(first),
            loading: false,
            late_arrivals: BTreeMap::new(),
            overflow: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows take up memory.
    pub(crate) fn held(&self) -> usize {
        self.rows.len() + self.late_arrivals.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.keys()
    }

    /// Those that have arrived since the page was asked for that is on its way.
    pub(crate) fn late_arrivals(&self) -> impl Iterator<Item = &K> {
        self.late_arrivals.keys()
    }

    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        self.rows.pop_first()
    }

    /// A row that was committed just now.
    pub(crate) fn offer(&mut self, key: K, value: V) {
        if self.loaded_until.is_none_or(|end| key < end) {
            self.rows.insert(key, value);
            self.trim();
        } else if self.loading {
            self.late_arrivals.insert(key, value);
            if self.late_arrivals.len() > self.most {
                let last = self.late_arrivals.pop_last().map(|(last, _)| last);
                self.overflow = earlier(self.overflow, last);
            }
        }
    }

    /// Takes a row that is attempted now.
    pub(crate) fn take(&mut self, key: &K) {
        self.rows.remove(key);
    }

    /// Forgets a row, a late arrival too.
    pub(crate) fn remove(&mut self, key: &K) {
        self.rows.remove(key);
        self.late_arrivals.remove(key);
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.rows.retain(|key, _| keep(key));
        self.late_arrivals.retain(|key, _| keep(key));
    }

    fn trim(&mut self) {
        while self.rows.len() > self.most {
            if let Some((last, _)) = self.rows.pop_last() {
                // Never forwards: rows of a page may stand behind an end that an overflow has set.
                self.loaded_until = earlier(self.loaded_until, Some(last));
            }
        }
    }

    /// The first row to read now, if the queue runs low. A page is then expected, or [`Self::abandon_page`].
    pub(crate) fn next_page(&mut self) -> Option<K> {
        let from = self.loaded_until.filter(|_| !self.loading && self.rows.len() < self.most / 4)?;
        self.loading = true;
        self.overflow = None;
        self.late_arrivals.clear();
        Some(from)
    }

    /// The page that was asked for won't come.
    pub(crate) fn abandon_page(&mut self) {
        self.loading = false;
    }

    /// Whether a page from this row on still joins what is held. Rows that were evicted while it was read may have
    /// moved the end back; then it begins too late, and is abandoned.
    pub(crate) fn takes_page_from(&mut self, from: K) -> bool {
        let joins = self.loaded_until == Some(from);
        self.loading &= joins;
        joins
    }

    /// Takes a page in. `next` is the row behind its last where there may be more, `None` where it ends the range.
    pub(crate) fn page(&mut self, rows: impl Iterator<Item = (K, V)>, next: Option<K>) {
        self.loading = false;
        let late_arrivals = std::mem::take(&mut self.late_arrivals);
        for (key, value) in rows {
            self.rows.entry(key).or_insert(value);
        }
        self.loaded_until = earlier(next, self.overflow.take());
        for (key, value) in late_arrivals {
            if self.loaded_until.is_none_or(|end| key < end) {
                // A late arrival brings its payload along; the page's row for it doesn't.
                self.rows.insert(key, value);
            }
        }
        self.trim();
    }

    /// Whether the row must be among those held.
    pub(crate) fn lacks(&self, key: &K) -> bool {
        self.loaded_until.is_none_or(|end| *key < end) && !self.rows.contains_key(key)
    }
}

fn earlier<K: Ord>(a: Option<K>, b: Option<K>) -> Option<K> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The retries that fall due soon: each has a timer in the wheel, or is ready.
#[derive(Debug)]
pub(crate) struct RetryQueue {
    lane: WebhookNo,
    bounds: Bounds,
    /// Those whose time has come.
    ready: BTreeSet<Due>,
    /// Those in the wheel or ready, by event. A timer that is not among them is stale.
    timers: HashMap<Seq, Timestamp>,
    /// The first retry that may not be held.
    loaded_until: Due,
    loading: bool,
    /// Those behind `loaded_until` that arrived while a page was read.
    late_arrivals: Vec<Due>,
}

impl RetryQueue {
    /// The retries of a webhook, of which nothing was read yet.
    pub(crate) fn unread(lane: WebhookNo, bounds: Bounds) -> Self {
        Self {
            lane,
            bounds,
            ready: BTreeSet::new(),
            timers: HashMap::new(),
            loaded_until: FIRST_DUE,
            loading: false,
            late_arrivals: Vec::new(),
        }
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many timers take up memory.
    pub(crate) fn held(&self) -> usize {
        self.timers.len()
    }

    /// The retry that has been due for the longest.
    pub(crate) fn pop_ready(&mut self) -> Option<Due> {
        let due = self.ready.pop_first()?;
        self.timers.remove(&due.seq);
        Some(due)
    }

    /// A retry that was committed just now, or was read.
    pub(crate) fn offer(&mut self, due: Due, now: Timestamp, wheel: &mut Wheel<Timer>) {
        if due >= self.loaded_until {
            if self.loading {
                self.late_arrivals.push(due);
            }
            return;
        }
        if self.timers.len() >= self.bounds.held && !self.timers.contains_key(&due.seq) {
            // The latest makes room: it stays in the store, and `loaded_until` says so. If the new one gave way
            // instead, it would wait until most of the later ones had been attempted. Looking through all of them is
            // rare, since `loaded_until` moves back each time.
            let latest = self.timers.iter().map(|(seq, at)| Due { at: *at, seq: *seq }).max();
            let latest = latest.filter(|latest| *latest > due).unwrap_or(due);
            self.loaded_until = self.loaded_until.min(latest);
            if latest == due {
                return;
            }
            self.forget(latest.seq);
        }
        match self.timers.insert(due.seq, due.at) {
            Some(at) if at == due.at => return,
            Some(at) => {
                self.ready.remove(&Due { at, seq: due.seq });
            }
            None => {}
        }
        if due.at <= now {
            self.ready.insert(due);
        } else if wheel.insert(due.at, Timer { lane: self.lane, due }).is_err() {
            // Past the horizon: not for memory yet.
            self.timers.remove(&due.seq);
            self.loaded_until = self.loaded_until.min(due);
        }
    }

    /// A timer has fired; returns whether it was still valid.
    pub(crate) fn fired(&mut self, due: Due) -> bool {
        self.timers.get(&due.seq) == Some(&due.at) && self.ready.insert(due)
    }

    pub(crate) fn forget(&mut self, seq: Seq) {
        if let Some(at) = self.timers.remove(&seq) {
            self.ready.remove(&Due { at, seq });
        }
        self.late_arrivals.retain(|due| due.seq != seq);
    }

    /// The first row to read now, if the queue runs low and the row may be due soon. A page is then expected.
    pub(crate) fn next_page(&mut self, now: Timestamp) -> Option<Due> {
        if !self.may_load() || self.loaded_until.at > now.plus(LOOK_AHEAD / 2) {
            return None;
        }
        self.loading = true;
        self.late_arrivals.clear();
        Some(self.loaded_until)
    }

    /// When [`Self::next_page`] has a row to read, as far as time decides that.
    pub(crate) fn next_page_at(&self) -> Option<Timestamp> {
        let ahead_ms = millis(LOOK_AHEAD / 2);
        self.may_load().then(|| Timestamp::from_ms(self.loaded_until.at.as_ms().saturating_sub(ahead_ms)))
    }

    fn may_load(&self) -> bool {
        !self.loading && self.timers.len() < self.bounds.low()
    }

    /// Takes a page in that was read from `from` on. `next` is the row behind its last. What `is_busy` is left out.
    pub(crate) fn page(
        &mut self,
        (from, next): (Due, Due),
        rows: Vec<Due>,
        is_busy: impl Fn(Seq) -> bool,
        now: Timestamp,
        wheel: &mut Wheel<Timer>,
    ) {
        self.loading = false;
        if self.loaded_until != from {
            return;
        }
        self.loaded_until = next;
        for due in std::mem::take(&mut self.late_arrivals).into_iter().chain(rows) {
            // A late arrival is the newer message about its notification.
            if !self.timers.contains_key(&due.seq) && !is_busy(due.seq) {
                self.offer(due, now, wheel);
            }
        }
    }

    /// Whether the row must be among those held.
    pub(crate) fn lacks(&self, due: Due) -> bool {
        due < self.loaded_until && !self.timers.contains_key(&due.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page arrived after more rows during its reading than `late_arrivals` takes: `loaded_until` stands at the first
    /// row that found no place, the page's rows behind it. Making room must not move it past rows that nobody holds.
    #[test]
    fn making_room_never_moves_the_end_over_rows_that_nobody_holds() {
        let mut head: QueueFront<u64, ()> = QueueFront::unread(0, Bounds::DEFAULT.held);
        let from = head.next_page().unwrap();
        let offered = 1_500_u64;
        (1..=offered).for_each(|row| head.offer(row, ()));
        let page = 10_000..10_000 + Bounds::DEFAULT.page() as u64;
        assert_eq!(from, 0);
        head.page(page.clone().map(|row| (row, ())), Some(page.end));
        let end = head.loaded_until.expect("there is more than fits");
        let unheld = (1..=offered).chain(page).find(|row| *row < end && !head.rows.contains_key(row));
        assert_eq!(unheld, None, "loaded until {end}");
        assert!(head.rows.len() <= Bounds::DEFAULT.held);
    }
}
