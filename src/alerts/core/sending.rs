//! Letters on their way: which is sent next by which channel, and what becomes of one that isn't taken.

use super::rules::{MAX_AGE, Rules, gap_after};
use super::{Line, Phase, State};
use crate::model::{Alert, Condition, Letter, Pending, Recipient, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A letter by one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Errand {
    /// To whom.
    pub recipient: Recipient,
    /// By which channel.
    pub channel: String,
    /// The letter's number.
    pub number: u64,
}

/// How often a channel may fail at a message before the next ones no longer wait for it.
const TRIES_IN_ORDER: u8 = 3;

/// What the messages that wait have met with since the start.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// What was tried in vain.
    tried: BTreeMap<Errand, Tried>,
    /// How many tries were in vain, of all.
    tries: u64,
    /// What its channel has refused.
    refused: BTreeSet<Errand>,
}

/// What was tried in vain.
#[derive(Clone, Debug, Default)]
struct Tried {
    /// How often.
    tries: u8,
    /// When last, counted in tries of all.
    last: u64,
}

impl Failures {
    /// Takes in what became of an errand.
    pub fn note(&mut self, errand: &Errand, delivery: Delivery) {
        self.refused.remove(errand);
        match delivery {
            Delivery::Sent | Delivery::Lost => {
                self.tried.remove(errand);
            }
            Delivery::Later(_) => {
                self.tries += 1;
                let tried = self.tried.entry(errand.clone()).or_default();
                *tried = Tried { tries: tried.tries.saturating_add(1), last: self.tries };
            }
            Delivery::Refused => {
                self.refused.insert(errand.clone());
            }
        }
        if delivery == Delivery::Sent {
            // The channel works: the others have their turns in their order.
            let others = self.tried.iter_mut();
            let own = others.filter(|(one, _)| one.recipient == errand.recipient && one.channel == errand.channel);
            own.for_each(|(_, tried)| tried.last = 0);
        }
    }

    /// Forgets what waits no more.
    pub fn keep_pending(&mut self, state: &State) {
        self.tried.retain(|errand, _| state.is_pending(errand));
        self.refused.retain(|errand| state.is_pending(errand));
    }

    /// Where it stands: the least goes first, and of equals the oldest.
    fn rank(&self, errand: &Errand, letter: &Letter) -> Rank {
        let lasts = |(condition, since): &(Condition, Option<Timestamp>)| condition.is_critical() && since.is_some();
        match self.tried.get(errand).filter(|tried| tried.tries >= TRIES_IN_ORDER) {
            // Of those that have had their tries, the one goes first that wasn't tried for longest.
            Some(tried) => Rank::Tried(tried.last),
            None if letter.told.iter().any(lasts) => Rank::Critical,
            None => Rank::InOrder,
        }
    }
}

/// Which of those that wait for a channel goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Something critical lasts.
    Critical,
    /// It has tries left.
    InOrder,
    /// It has none left, and was last tried then.
    Tried(u64),
}

/// What became of sending a letter by a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The channel has taken it.
    Sent,
    /// It hasn't; it may later, not before this.
    Later(Duration),
    /// It hasn't taken this one, and may after a change of the config or on its own side. It takes others.
    Refused,
    /// It can't be sent any more.
    Lost,
}

impl State {
    /// Puts a letter for a recipient on its way, without a body; its number. `lines` are what it tells of; a summary
    /// tells of none.
    pub(super) fn post(&mut self, now: Timestamp, rules: &Rules, recipient: Recipient, lines: &[Line]) -> u64 {
        let book = self.books.entry(recipient).or_default();
        book.last_letter += 1;
        let pending = |channel: &String| Pending { channel: channel.clone(), failed: 0, due: now };
        let pending = rules.channels_of(recipient).iter().map(pending).collect();
        let lasts = |line: &Line| line.phase != Phase::Over && !line.condition.is_momentary();
        let mut told: Vec<_> = lines.iter().map(|line| (line.condition, lasts(line).then_some(line.since))).collect();
        told.sort_unstable();
        let letter = Letter { at: now, body: Arc::default(), told, pending };
        self.letters.insert((recipient, book.last_letter), letter);
        book.last_letter
    }

    /// Takes the channels that there are no more off the letters; the errands that won't be done.
    pub fn forget_channels(&mut self, rules: &Rules) -> Vec<Errand> {
        let mut dropped = Vec::new();
        for ((recipient, number), letter) in &mut self.letters {
            let channels = rules.channels_of(*recipient);
            for gone in letter.pending.extract_if(.., |pending| !channels.contains(&pending.channel)) {
                dropped.push(Errand { recipient: *recipient, channel: gone.channel, number: *number });
            }
        }
        self.letters.retain(|_, letter| !letter.pending.is_empty());
        dropped
    }

    fn is_pending(&self, errand: &Errand) -> bool {
        let letter = self.letters.get(&(errand.recipient, errand.number));
        letter.is_some_and(|letter| letter.pending.iter().any(|pending| pending.channel == errand.channel))
    }

    /// What is to be sent now: by each channel that isn't `busy` the oldest letter that waits for it, once any of them
    /// is due; one that tells of something critical goes first. A new letter thus tries a channel that was down at
    /// once, and comes in its turn. One that was tried [`TRIES_IN_ORDER`] times in vain lets those behind it go first
    /// that [`may_pass`] it, as it may be the only one that the channel fails at. What the channel has refused
    /// waits for its own time and holds up no others.
    pub fn errands(&self, now: Timestamp, busy: &BTreeSet<(Recipient, String)>, failures: &Failures) -> Vec<Errand> {
        let mut channels: BTreeMap<(Recipient, &str), Vec<Waiting<'_>>> = BTreeMap::new();
        for ((recipient, number), letter) in &self.letters {
            for pending in &letter.pending {
                let channel = (*recipient, pending.channel.clone());
                if !busy.contains(&channel) {
                    let errand = Errand { recipient: channel.0, channel: channel.1, number: *number };
                    let waiting = Waiting { errand, letter, is_due: pending.due <= now };
                    channels.entry((*recipient, &pending.channel)).or_default().push(waiting);
                }
            }
        }
        channels.into_values().filter_map(|waiting| self.next(&waiting, failures)).collect()
    }

    /// What is to be sent now of what waits for one channel, the oldest first.
    fn next(&self, waiting: &[Waiting<'_>], failures: &Failures) -> Option<Errand> {
        let (mut first, mut first_refused, mut is_due): (Option<(Rank, &Errand)>, _, _) = (None, None, false);
        for (nth, Waiting { errand, letter, is_due: is_own_due }) in waiting.iter().enumerate() {
            let is_held =
                || waiting[..nth].iter().any(|older| !may_pass(&self.alerts, errand.recipient, letter, older.letter));
            if failures.refused.contains(errand) {
                if *is_own_due && first_refused.is_none() && !is_held() {
                    first_refused = Some(errand);
                }
                continue;
            }
            is_due |= is_own_due;
            let rank = failures.rank(errand, letter);
            if first.is_none_or(|(least, _)| rank < least) && !is_held() {
                first = Some((rank, errand));
            }
        }
        first.filter(|_| is_due).map(|(_, errand)| errand).or(first_refused).cloned()
    }

    /// Takes in what became of an errand. Whether the letter was given up: lost, or tried for [`MAX_AGE`].
    pub fn done(&mut self, now: Timestamp, errand: &Errand, delivery: Delivery) -> bool {
        let key = (errand.recipient, errand.number);
        let Some(letter) = self.letters.get_mut(&key) else {
            return false;
        };
        let fail = |pending: &mut Pending, asked_for: Duration| {
            pending.failed = pending.failed.saturating_add(1);
            pending.due = now.plus(gap_after(pending.failed, asked_for));
        };
        let is_own = |pending: &&mut Pending| pending.channel == errand.channel;
        match delivery {
            // The channel may be down, for each of its letters: they wait, and have their own tries yet.
            Delivery::Later(asked_for) if now.since(letter.at) < MAX_AGE => {
                letter.pending.iter_mut().filter(is_own).for_each(|pending| fail(pending, asked_for));
                self.wait_behind(now, errand, asked_for);
                return false;
            }
            Delivery::Refused if now.since(letter.at) < MAX_AGE => {
                letter.pending.iter_mut().filter(is_own).for_each(|pending| fail(pending, Duration::ZERO));
                return false;
            }
            Delivery::Sent | Delivery::Later(_) | Delivery::Refused | Delivery::Lost => {}
        }
        letter.pending.retain(|pending| pending.channel != errand.channel);
        let told = letter.told.clone();
        if letter.pending.is_empty() {
            self.letters.remove(&key);
        }
        if delivery == Delivery::Sent {
            // It works, for the others too.
            self.pending_at(errand).for_each(|pending| pending.due = pending.due.min(now));
            self.withdraw(errand, &told);
        }
        delivery != Delivery::Sent
    }

    /// After a try in vain: each of the others at the channel waits by its own schedule, and for as long as the one
    /// that was tried where it may not pass it.
    fn wait_behind(&mut self, now: Timestamp, tried: &Errand, asked_for: Duration) {
        let Some(letter) = self.letters.get(&(tried.recipient, tried.number)).cloned() else { return };
        let due = letter.pending.iter().find(|pending| pending.channel == tried.channel).map_or(now, |own| own.due);
        let Self { alerts, letters, .. } = self;
        let others = letters.iter_mut().filter(|((recipient, _), _)| *recipient == tried.recipient);
        for ((_, number), other) in others {
            let is_held = *number > tried.number && !may_pass(alerts, tried.recipient, other, &letter);
            for pending in other.pending.iter_mut().filter(|pending| pending.channel == tried.channel) {
                let own = now.plus(gap_after(pending.failed.max(1), asked_for));
                pending.due = pending.due.max(if is_held { due } else { own });
            }
        }
    }

    /// Takes letters off a channel that are older than one which it has taken, where what they say would contradict
    /// what was said since: all of it is over, or was told of anew by the one that was taken.
    fn withdraw(&mut self, sent: &Errand, told: &[(Condition, Option<Timestamp>)]) {
        let Self { alerts, letters, .. } = self;
        for (_, letter) in letters.range_mut((sent.recipient, 0)..(sent.recipient, sent.number)) {
            if is_stale(alerts, sent.recipient, letter, told) {
                letter.pending.retain(|pending| pending.channel != sent.channel);
            }
        }
        letters.retain(|_, letter| !letter.pending.is_empty());
    }

    /// Tries everything at once that waits for another try, as after a change of the config that may be the remedy.
    pub fn try_now(&mut self, now: Timestamp) {
        let pending = self.letters.values_mut().flat_map(|letter| &mut letter.pending);
        pending.for_each(|pending| pending.due = pending.due.min(now));
    }

    /// All that waits for an errand's channel.
    fn pending_at<'a>(&'a mut self, errand: &'a Errand) -> impl Iterator<Item = &'a mut Pending> {
        let own = self.letters.iter_mut().filter(|((recipient, _), _)| *recipient == errand.recipient);
        own.flat_map(|(_, letter)| &mut letter.pending).filter(|pending| pending.channel == errand.channel)
    }
}

/// A letter that waits for a channel.
struct Waiting<'l> {
    errand: Errand,
    letter: &'l Letter,
    is_due: bool,
}

/// Whether a letter may be sent before an older one: they have nothing in common, or the older one is of no use once it
/// is. What is read last of a condition is then always the newest.
fn may_pass(
    alerts: &BTreeMap<(Recipient, Condition), Alert>,
    recipient: Recipient,
    letter: &Letter,
    older: &Letter,
) -> bool {
    let is_common = |&(condition, _): &(Condition, Option<Timestamp>)| {
        !condition.is_momentary() && tells_of(&letter.told, condition)
    };
    !older.told.iter().any(is_common) || is_stale(alerts, recipient, older, &letter.told)
}

/// Whether a letter is of no use to who has since been told of this. What has happened is of use always.
fn is_stale(
    alerts: &BTreeMap<(Recipient, Condition), Alert>,
    recipient: Recipient,
    letter: &Letter,
    told: &[(Condition, Option<Timestamp>)],
) -> bool {
    let is_over = |condition: Condition, since: Timestamp| {
        alerts.get(&(recipient, condition)).is_none_or(|alert| alert.since > since)
    };
    let is_stale = |&(condition, since): &(Condition, Option<Timestamp>)| {
        let told_anew = || tells_of(told, condition);
        !condition.is_momentary() && (since.is_some_and(|since| is_over(condition, since)) || told_anew())
    };
    !letter.told.is_empty() && letter.told.iter().all(is_stale)
}

fn tells_of(told: &[(Condition, Option<Timestamp>)], condition: Condition) -> bool {
    told.binary_search_by_key(&condition, |(condition, _)| *condition).is_ok()
}
