//! Letters on their way: which is sent next by which channel, and what becomes of one that isn't taken.

use super::State;
use super::rules::{MAX_AGE, Rules, gap_after};
use crate::model::{Letter, Pending, Recipient, Timestamp};
use std::collections::BTreeSet;
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
    /// It hasn't, and never will.
    Refused,
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

    /// What is to be sent now: by each channel that isn't `busy` its oldest letter, if that is due. One that fails
    /// holds up those behind it, so that a channel that is down is tried by one of them at a time.
    pub fn errands(&self, now: Timestamp, busy: &BTreeSet<(Recipient, String)>) -> Vec<Errand> {
        let mut first: BTreeSet<(Recipient, String)> = BTreeSet::new();
        let mut errands = Vec::new();
        for ((recipient, number), letter) in &self.letters {
            for pending in &letter.pending {
                let channel = (*recipient, pending.channel.clone());
                let is_due = pending.due <= now && !busy.contains(&channel);
                if first.insert(channel) && is_due {
                    errands.push(Errand { recipient: *recipient, channel: pending.channel.clone(), number: *number });
                }
            }
        }
        errands
    }

    /// Takes in what became of an errand. Whether the letter was given up: refused, or tried for [`MAX_AGE`].
    pub fn done(&mut self, now: Timestamp, errand: &Errand, delivery: Delivery) -> bool {
        let key = (errand.recipient, errand.number);
        let Some(letter) = self.letters.get_mut(&key) else {
            return false;
        };
        match delivery {
            Delivery::Later(asked_for) if now.since(letter.at) < MAX_AGE => {
                for pending in letter.pending.iter_mut().filter(|pending| pending.channel == errand.channel) {
                    pending.failed = pending.failed.saturating_add(1);
                    pending.due = now.plus(gap_after(pending.failed, asked_for));
                }
                return false;
            }
            Delivery::Sent | Delivery::Later(_) | Delivery::Refused => {}
        }
        letter.pending.retain(|pending| pending.channel != errand.channel);
        if letter.pending.is_empty() {
            self.letters.remove(&key);
        }
        delivery != Delivery::Sent
    }
}
