//! Letters on their way: which is sent next by which channel, and what becomes of one that isn't taken.

use super::State;
use super::rules::{MAX_AGE, Rules, gap_after};
use crate::model::{Letter, Pending, Recipient, Timestamp};
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
    /// Puts a letter for a recipient on its way, without a body; its number.
    pub(super) fn post(&mut self, now: Timestamp, rules: &Rules, recipient: Recipient) -> u64 {
        let book = self.books.entry(recipient).or_default();
        book.last_letter += 1;
        let pending = |channel: &String| Pending { channel: channel.clone(), failed: 0, due: now };
        let pending = rules.channels_of(recipient).iter().map(pending).collect();
        self.letters.insert((recipient, book.last_letter), Letter { at: now, body: Arc::default(), pending });
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

    /// What is to be sent now: by each channel that isn't `busy` the oldest letter that waits for it, once any of them
    /// is due. A new letter thus tries a channel that was down at once, and comes in its turn. What the channel has
    /// `refused` waits for its own time and holds up nothing.
    pub fn errands(
        &self,
        now: Timestamp,
        busy: &BTreeSet<(Recipient, String)>,
        refused: &BTreeSet<Errand>,
    ) -> Vec<Errand> {
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
                if !refused.contains(&errand) {
                    waiting.is_due |= is_due;
                    waiting.oldest.get_or_insert(errand);
                } else if is_due {
                    waiting.refused.get_or_insert(errand);
                }
            }
        }
        channels.into_values().filter_map(|one| one.oldest.filter(|_| one.is_due).or(one.refused)).collect()
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
        }
        delivery != Delivery::Sent
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
    /// The first that the channel hasn't refused.
    oldest: Option<Errand>,
    /// Whether any such is due.
    is_due: bool,
    /// The first that it has refused and that is due again.
    refused: Option<Errand>,
}
