//! The check of one cut: carteiro is started on the disk that was left, and what it has is held against what shops and
//! target know.
//!
//! What had become of a notification at the moment of the cut is not read but deduced: the daemon begins to deliver
//! before it can be asked. The target's answers follow from names, so it is known how many attempts a notification
//! takes in all; those that the target did not hear now must have been on the disk.

use super::disk::Taken;
use super::load::{Attempt, Book, Call, HOOKS, Tally, attempts_of, events_of, is_large, resource};
use super::{CONFIG, Cut, Known, Lab};
use crate::harness::{Daemon, eventually, say};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long before a cut an attempt must have been answered for its outcome to be on the disk, the time of the slowest
/// call put on top. The README says about 100 ms from when the daemon takes it in; ten times that, because on two busy
/// cores a while can pass between the target's write and the daemon's read. The slowest call is there for disks that
/// are busy with something else, where a sync alone can take longer. Every run prints how old an outcome was really
/// lost.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// How many events of each cut are read back whole, and of how many of them large ones.
const READ_BACK: usize = 8;
const READ_BACK_LARGE: usize = 4;
/// How many problems of one kind are spelled out for one cut.
const SPELLED_OUT: usize = 5;

/// What was done and found, over all cuts.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) cuts: usize,
    /// Cuts whose disk was cut once more during the start after it.
    pub(super) cut_again: usize,
    /// Events that shops recorded.
    pub(super) recorded: usize,
    /// Events looked for.
    pub(super) events: usize,
    lost: usize,
    listed_twice: usize,
    /// The slowest call of a shop.
    pub(super) slowest: Duration,
    /// Outcomes older than the window that were looked for.
    pub(super) outcomes: usize,
    outcomes_lost: usize,
    /// Attempts that were made again because their outcome was younger than the window.
    repeated: usize,
    /// The age of the oldest outcome that was not on the disk.
    oldest: Duration,
    pub(super) problems: Vec<String>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cuts, {} of them cut again while recovering; ", self.cuts, self.cut_again)?;
        write!(f, "{} events recorded, {} looked for: ", self.recorded, self.events)?;
        write!(f, "{} lost, {} listed twice; ", self.lost, self.listed_twice)?;
        write!(f, "{} outcomes older than {WINDOW:?} and the slowest call ({:.0?}): ", self.outcomes, self.slowest)?;
        write!(f, "{} lost, ", self.outcomes_lost)?;
        write!(f, "{} younger ones repeated, the oldest {:.0?} old; ", self.repeated, self.oldest)?;
        write!(f, "{} problems", self.problems.len())
    }
}

impl Figures {
    pub(super) fn expect(&mut self, cut: &str, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(format!("{cut}: {}", otherwise()));
        }
    }

    fn expect_none(&mut self, cut: &str, what: &str, found: &[String]) {
        let some = &found[..found.len().min(SPELLED_OUT)];
        self.expect(cut, found.is_empty(), || format!("{} {what}: {}", found.len(), some.join(", ")));
    }

    pub(super) fn expect_a_clean_log(&mut self, cut: &str, log: &str) {
        let bad = |line: &&str| line.contains(" ERROR ") || line.contains("panicked") || line.contains("is a bug");
        let bad: Vec<String> = log.lines().filter(bad).map(str::to_owned).collect();
        self.expect_none(cut, "bad lines in the log", &bad);
    }

    pub(super) fn expect_nothing_wrong(&mut self, cut: &str, book: &Book) {
        self.expect_none(cut, "wrong deliveries", &book.wrong.lock().unwrap());
    }
}

/// Says which cut it was when a panic ends its check.
struct AtHand<'a>(&'a str);

impl Drop for AtHand<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("Power cuts: the one at hand was {}", self.0));
        }
    }
}

impl Lab<'_> {
    /// Checks a cut. Gives back its disk, recovered, everything on it delivered, and what is known to be on it; `None`
    /// if the daemon does not come up.
    pub(super) fn check(&mut self, taken: Taken, mut cut: Cut) -> Option<(PathBuf, Known)> {
        self.figures.cuts += 1;
        self.figures.events += acknowledged(&cut).count();
        let name = cut.name.clone();
        let _at_hand = AtHand(&name);
        let mut disk = self.put_back(taken, &name);
        if self.random.below(4) == 0 {
            disk = self.cut_again(&disk, &mut cut);
        }
        let plugged = self.rack.plug_in(&disk).unwrap();
        let book = self.target.new_book();
        let mut daemon = match Daemon::try_on(&plugged.path().join("data"), CONFIG) {
            Ok(daemon) => daemon,
            Err(said) => {
                self.figures.lost += acknowledged(&cut).count();
                self.figures.expect(&name, false, || format!("the daemon does not come up: {said}"));
                drop(plugged);
                self.rack.discard(&disk);
                return None;
            }
        };

        let webhooks = daemon.list("/api/webhooks").len();
        self.figures.expect(&name, webhooks == cut.known.webhooks, || format!("{webhooks} webhooks"));
        let found = events(&daemon);
        self.expect_events(&cut, &found);
        let calls = self.repeat(&cut, &daemon, &found);
        eventually("nothing is pending any more", || {
            let pending = |status| !daemon.list(&format!("/api/notifications?status={status}&limit=1")).is_empty();
            (!pending("PENDING") && !pending("RETRYING")).then_some(())
        });
        let listed = events(&daemon);
        self.expect_once_each(&name, &calls, &listed);
        let notifications = self.expect_delivered(&cut, &daemon, &listed);
        let on_disk = self.expect_taken_up(&cut, &notifications, &book);
        self.expect_outcomes(&cut, &on_disk);
        self.read_back(&name, &daemon, &listed);

        let exit = daemon.terminate();
        self.figures.expect(&name, exit.success(), || format!("the daemon stopped with {exit}"));
        self.figures.expect_a_clean_log(&name, &daemon.log());
        self.figures.expect_nothing_wrong(&name, &book);
        drop((daemon, plugged));
        Some((disk, Known { calls, webhooks }))
    }

    /// Whatever was acknowledged is there; of what was not, only what was under way, a batch whole or not at all.
    fn expect_events(&mut self, cut: &Cut, found: &Events) {
        let known = acknowledged(cut).count();
        let lost: Vec<String> = acknowledged(cut).filter(|own| !found.contains_key(own)).collect();
        self.figures.lost += lost.len();
        self.figures.expect_none(&cut.name, "acknowledged events are lost", &lost);
        let mut in_doubt = 0;
        for (shop, number) in under_way(cut) {
            let own = Call { shop, number }.events();
            let there = own.iter().filter(|own| found.contains_key(*own)).count();
            in_doubt += there;
            self.figures.expect(&cut.name, there == 0 || there == own.len(), || {
                format!("of the batch {shop}-{number}, {there} of {} events are there", own.len())
            });
            // A shop makes its next call when the one before has been answered.
            let later = Call { shop, number: number + 1 }.events();
            self.figures.expect(&cut.name, there > 0 || !later.iter().any(|own| found.contains_key(own)), || {
                format!("{shop}-{number} is not there, and the call after it is")
            });
        }
        let answered = cut.received[0].0.answered.lock().unwrap().clone();
        let before = answered.iter().filter(|(_, at)| *at < cut.at).map(|(attempt, _)| &attempt.own);
        let reported: Vec<String> = before.filter(|own| !found.contains_key(*own)).cloned().collect();
        self.figures.expect_none(&cut.name, "attempts were made for events that are not there", &reported);
        self.figures.expect(&cut.name, found.len() == known - lost.len() + in_doubt, || {
            format!("{} events are listed; {known} were known, and {in_doubt} were under way", found.len())
        });
    }

    /// What a shop does whose power is back: it repeats what it has no answer to, and one call that it has. Then
    /// something new. Gives back all calls that are answered by now.
    fn repeat(&mut self, cut: &Cut, daemon: &Daemon, found: &Events) -> Tally {
        let mut calls = cut.known.calls.clone();
        let last = cut.acknowledged.iter().filter(|(_, calls)| **calls > 0).map(|(shop, calls)| (shop, calls - 1));
        for (shop, number) in last.chain(under_way(cut)) {
            let call = Call { shop, number };
            let expected = if found.contains_key(&call.events()[0]) { 200 } else { 201 };
            let status = call.make(&daemon.address, &daemon.token);
            self.figures.expect(&cut.name, status == Some(expected), || {
                format!("{shop}-{number} repeated is answered {status:?} and not {expected}")
            });
            calls.insert(shop.clone(), number + 1);
        }
        let shop = format!("n{}", cut.name);
        let status = Call { shop: &shop, number: 0 }.make(&daemon.address, &daemon.token);
        self.figures.expect(&cut.name, status == Some(201), || format!("a new call is answered {status:?}"));
        calls.insert(shop, 1);
        calls
    }

    fn expect_once_each(&mut self, name: &str, calls: &Tally, listed: &Events) {
        let twice: Vec<String> = listed.iter().filter(|(_, ids)| ids.len() > 1).map(|(own, _)| own.clone()).collect();
        self.figures.listed_twice += twice.len();
        self.figures.expect_none(name, "events are listed twice", &twice);
        let missing: Vec<String> = events_of(calls).filter(|own| !listed.contains_key(own)).collect();
        self.figures.expect_none(name, "events are missing in the end", &missing);
        let count = events_of(calls).count();
        self.figures.expect(name, listed.len() == count, || format!("{} events in the end, not {count}", listed.len()));
    }

    /// Every event is sent to every webhook once, and delivered by as many attempts as it takes: these, by
    /// notification.
    fn expect_delivered(&mut self, cut: &Cut, daemon: &Daemon, listed: &Events) -> Attempts {
        let owns = listed.iter().flat_map(|(own, ids)| ids.iter().map(move |id| (id.as_str(), own.as_str())));
        let own_of: BTreeMap<&str, &str> = owns.collect();
        let (mut notifications, mut bad) = (Attempts::new(), Vec::new());
        for row in pages(daemon, "/api/notifications?limit=500") {
            let text = |field: &str| row[field].as_str().unwrap();
            let own = own_of.get(text("event_id")).copied().unwrap_or("nobody's").to_owned();
            let hook = text("target").rsplit('/').next().unwrap().to_owned();
            let attempts = attempts_of(&own, &hook);
            if text("status") != "DELIVERED" || row["attempts_count"] != attempts || row["response_status"] != 204 {
                bad.push(format!("{own}/{hook} should be delivered by attempt {attempts}: {row}"));
            }
            if notifications.insert((own, hook), attempts).is_some() {
                bad.push(format!("twice: {row}"));
            }
        }
        let expected = listed.len() * cut.known.webhooks;
        if notifications.len() != expected {
            bad.push(format!("there are {}, and should be {expected}", notifications.len()));
        }
        self.figures.expect_none(&cut.name, "notifications are not as they should be", &bad);
        notifications
    }

    /// Each notification went on where it stood: no attempt was left out, and none was made that had not been due.
    /// Gives back how many attempts the disk knew of.
    fn expect_taken_up(&mut self, cut: &Cut, notifications: &Attempts, book: &Book) -> Attempts {
        let mut received_now: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for Attempt { own, hook, number } in book.received.lock().unwrap().iter().cloned() {
            received_now.entry((own, hook)).or_default().push(number);
        }
        let mut received_before = Attempts::new();
        for (book, so_far) in &cut.received {
            for Attempt { own, hook, number } in book.received.lock().unwrap()[..*so_far].iter().cloned() {
                let highest = received_before.entry((own, hook)).or_default();
                *highest = number.max(*highest);
            }
        }
        let known: BTreeSet<String> = events_of(&cut.known.calls).collect();
        let (mut on_disk, mut bad) = (Attempts::new(), Vec::new());
        for (key, all) in notifications {
            let mut now = received_now.remove(key).unwrap_or_default();
            now.sort_unstable();
            let taken_in = all.saturating_sub(now.len());
            let before = received_before.get(key).copied().unwrap_or(0);
            let possible = if known.contains(&key.0) { *all..=*all } else { 0..=before };
            if !now.iter().copied().eq(taken_in + 1..=*all) || !possible.contains(&taken_in) {
                bad.push(format!(
                    "{key:?} takes {all} attempts, of which {possible:?} can have been taken in: {now:?}"
                ));
            }
            on_disk.insert(key.clone(), taken_in);
        }
        bad.extend(received_now.into_keys().map(|key| format!("{key:?} is not listed")));
        self.figures.expect_none(&cut.name, "notifications were not taken up where they stood", &bad);
        on_disk
    }

    /// What the target had answered long enough before the cut is on the disk.
    fn expect_outcomes(&mut self, cut: &Cut, on_disk: &Attempts) {
        let mut lost = Vec::new();
        for (Attempt { own, hook, number }, answered) in cut.received[0].0.answered.lock().unwrap().iter() {
            let Some(age) = cut.at.checked_duration_since(*answered) else {
                continue;
            };
            let is_lost = on_disk.get(&(own.clone(), hook.clone())).is_none_or(|taken_in| taken_in < number);
            let is_old = age > WINDOW + cut.slowest;
            self.figures.outcomes += usize::from(is_old);
            self.figures.repeated += usize::from(is_lost && !is_old);
            if is_lost {
                self.figures.oldest = self.figures.oldest.max(age);
            }
            if is_lost && is_old {
                lost.push(format!("attempt {number} of {own}/{hook}, answered {age:.1?} before"));
            }
        }
        self.figures.outcomes_lost += lost.len();
        self.figures.expect_none(&cut.name, "outcomes older than the window are lost", &lost);
    }

    /// Some events whole, some of them large, through every way that leads to one; and a history with its failures.
    fn read_back(&mut self, name: &str, daemon: &Daemon, listed: &Events) {
        let all: Vec<(&String, &String)> = listed.iter().map(|(own, ids)| (own, &ids[0])).collect();
        let mut some: Vec<_> = (0..READ_BACK.min(all.len())).map(|_| all[self.random.below(all.len())]).collect();
        let large: Vec<_> = all.iter().filter(|(own, _)| is_large(own)).collect();
        some.extend((0..READ_BACK_LARGE.min(large.len())).map(|_| *large[self.random.below(large.len())]));
        for (own, id) in some {
            let answer = daemon.get(&format!("/api/events/{id}"));
            let whole = String::from_utf8_lossy(&answer.body).contains(&resource(own));
            self.figures.expect(name, answer.status == 200 && whole, || format!("{own} does not read back whole"));
            for filter in ["external_id", "resource_id"] {
                let by = daemon.list(&format!("/api/events?{filter}={own}"));
                let found = by.len() == 1 && by[0]["id"] == **id;
                self.figures.expect(name, found, || format!("{own} by {filter}: {by:?}"));
            }
        }
        let failed = all.iter().find(|(own, _)| attempts_of(own, HOOKS[0]) > 1);
        if let Some((own, id)) = failed.filter(|_| !daemon.list("/api/webhooks").is_empty()) {
            let history = daemon.history(id);
            let of_hook = history.iter().find(|row| row["target"].as_str().unwrap().ends_with(HOOKS[0])).unwrap();
            let statuses: Vec<&Value> =
                of_hook["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["response_status"]).collect();
            self.figures.expect(name, statuses == [500, 500, 204], || format!("{own} was answered {statuses:?}"));
        }
    }
}

/// Numbers of attempts, by event and webhook.
type Attempts = BTreeMap<(String, String), usize>;

/// The ids of the events listed, by what their shop calls them.
type Events = BTreeMap<String, Vec<String>>;

fn events(daemon: &Daemon) -> Events {
    let mut found = Events::new();
    for row in pages(daemon, "/api/events?order=asc&limit=500") {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        found.entry(text("external_id")).or_default().push(text("id"));
    }
    found
}

/// All rows of a list.
fn pages(daemon: &Daemon, path: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("{path}{cursor}")).expect(200).json();
        let some = page["data"].as_array().unwrap();
        rows.extend(some.iter().cloned());
        // A feed goes on for ever: its end is a page with nothing on it.
        match page["page"]["next_cursor"].as_str() {
            Some(next) if !some.is_empty() => cursor = format!("&cursor={next}"),
            _ => return rows,
        }
    }
}

/// The events that must be there.
fn acknowledged(cut: &Cut) -> impl Iterator<Item = String> {
    events_of(&cut.known.calls).chain(events_of(&cut.acknowledged))
}

/// The calls that may or may not have been in when the power went.
fn under_way(cut: &Cut) -> impl Iterator<Item = (&String, usize)> {
    let first = |shop: &String| cut.acknowledged.get(shop).copied().unwrap_or(0);
    cut.answered.iter().flat_map(move |(shop, answered)| (first(shop)..=*answered).map(move |number| (shop, number)))
}
