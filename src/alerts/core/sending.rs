//! Letters on their way: which is sent next by which channel, and what becomes of one that isn't taken.

use super::rules::{MAX_AGE, Rules, gap_after};
use super::{Line, Phase, State};
use crate::model::{Condition, Letter, Pending, Recipient, Timestamp};
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
#[derive(Debug, Default)]
pub struct Failures {
    /// What was tried in vain.
    tried: BTreeMap<Errand, Tried>,
    /// How many tries were in vain, of all.
    tries: u64,
    /// What its channel has refused.
    refused: BTreeSet<Errand>,
}

/// What was tried in vain.
#[derive(Debug, Default)]
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
            // The channel works: each of the others has one more try before the ones behind it.
            let others = self.tried.iter_mut();
            let own = others.filter(|(one, _)| one.recipient == errand.recipient && one.channel == errand.channel);
            own.for_each(|(_, tried)| tried.tries = tried.tries.min(TRIES_IN_ORDER - 1));
        }
    }

    /// Forgets what waits no more.
    pub fn keep_pending(&mut self, state: &State) {
        self.tried.retain(|errand, _| state.is_pending(errand));
        self.refused.retain(|errand| state.is_pending(errand));
    }

    /// Where it stands: the least goes first, and of equals the oldest.
    fn rank(&self, errand: &Errand) -> u64 {
        // Of those that have had their tries, the one goes first that wasn't tried for longest.
        self.tried.get(errand).filter(|tried| tried.tries >= TRIES_IN_ORDER).map_or(0, |tried| tried.last)
    }
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
    /// Puts a letter for a recipient on its way, without a body; its number. `lines` are those of one that is of no use
    /// once all that it tells of is over.
    pub(super) fn post(&mut self, now: Timestamp, rules: &Rules, recipient: Recipient, lines: &[Line]) -> u64 {
        let book = self.books.entry(recipient).or_default();
        book.last_letter += 1;
        let pending = |channel: &String| Pending { channel: channel.clone(), failed: 0, due: now };
        let pending = rules.channels_of(recipient).iter().map(pending).collect();
        let only_lasts = lines.iter().all(|line| line.phase != Phase::Over && !line.condition.is_momentary());
        let told = lines.iter().filter(|_| only_lasts).map(|line| (line.condition, line.since));
        let letter = Letter { at: now, body: Arc::default(), lasting: told.collect(), pending };
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
    /// is due. A new letter thus tries a channel that was down at once, and comes in its turn. One that was tried
    /// [`TRIES_IN_ORDER`] times in vain lets those behind it go first, as it may be the only one that the channel fails
    /// at. What the channel has refused waits for its own time and holds up nothing.
    pub fn errands(&self, now: Timestamp, busy: &BTreeSet<(Recipient, String)>, failures: &Failures) -> Vec<Errand> {
        let mut channels: BTreeMap<(Recipient, &str), Waiting> = BTreeMap::new();
        for ((recipient, number), letter) in &self.letters {
            for pending in &letter.pending {
                let channel = (*recipient, pending.channel.clone());
                if busy.contains(&channel) {
                    continue;
                }
                let errand = Errand { recipient: channel.0, channel: channel.1, number: *number };
                let waiting = channels.entry((*recipient, &pending.channel)).or_default();
                let is_due = pending.due <= now;
                if !failures.refused.contains(&errand) {
                    waiting.is_due |= is_due;
                    let rank = failures.rank(&errand);
                    if waiting.first.as_ref().is_none_or(|(least, _)| rank < *least) {
                        waiting.first = Some((rank, errand));
                    }
                } else if is_due {
                    waiting.refused.get_or_insert(errand);
                }
            }
        }
        let next = |one: Waiting| one.first.filter(|_| one.is_due).map(|(_, errand)| errand).or(one.refused);
        channels.into_values().filter_map(next).collect()
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
        match delivery {
            // The channel is down, for each of its letters.
            Delivery::Later(asked_for) if now.since(letter.at) < MAX_AGE => {
                self.pending_at(errand).for_each(|pending| fail(pending, asked_for));
                return false;
            }
            Delivery::Refused if now.since(letter.at) < MAX_AGE => {
                let own = letter.pending.iter_mut().filter(|pending| pending.channel == errand.channel);
                own.for_each(|pending| fail(pending, Duration::ZERO));
                return false;
            }
            Delivery::Sent | Delivery::Later(_) | Delivery::Refused | Delivery::Lost => {}
        }
        letter.pending.retain(|pending| pending.channel != errand.channel);
        if letter.pending.is_empty() {
            self.letters.remove(&key);
        }
        if delivery == Delivery::Sent {
            // It works, for the others too.
            self.pending_at(errand).for_each(|pending| pending.due = pending.due.min(now));
            self.withdraw(errand);
        }
        delivery != Delivery::Sent
    }

    /// Takes letters that are older than one which was sent off its channel where all that they tell of is over: they
    /// would contradict what was said since.
    fn withdraw(&mut self, sent: &Errand) {
        let Self { alerts, letters, .. } = self;
        let is_over = |(condition, since): &(Condition, Timestamp)| {
            alerts.get(&(sent.recipient, *condition)).is_none_or(|alert| alert.since > *since)
        };
        for (_, letter) in letters.range_mut((sent.recipient, 0)..(sent.recipient, sent.number)) {
            if !letter.lasting.is_empty() && letter.lasting.iter().all(is_over) {
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

/// What waits for a channel.
#[derive(Default)]
struct Waiting {
    /// Of those that the channel hasn't refused the first of the least rank, with its rank.
    first: Option<(u64, Errand)>,
    /// Whether any such is due.
    is_due: bool,
    /// The first that it has refused and that is due again.
    refused: Option<Errand>,
}
