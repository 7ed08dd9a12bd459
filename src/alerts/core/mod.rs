//! What is told to whom, and when. Pure: it takes the time and what is so, and keeps what was told; tests drive it by
//! seed. It doesn't know how anything is found out, written or sent.
//!
//! Each recipient is told of each condition apart: what one was told, another may not have been. A letter and the note
//! that it tells of something are one change of the state, and become durable together: what is told is told once, and
//! a crash repeats at most a letter that was sent and not yet noted as sent, under the same key.

pub mod rules;
pub mod sending;
#[cfg(test)]
mod tests;

use crate::gather::Gather as _;
use crate::model::{AccountNo, Alert, Book, ClockSteps, Condition, Letter, Recipient, Timestamp};
use rules::{GATHER, HOUR, REMEMBERED, Rules, gap_after, has_turn, reminders};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Since when.
    pub since: Timestamp,
    /// Whose it is; `None` for the machine's.
    pub account: Option<AccountNo>,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub condition: Condition,
    /// Whose it is; `None` for the machine's.
    pub account: Option<AccountNo>,
    /// When, first.
    pub since: Timestamp,
    /// How often.
    pub count: u64,
    /// The shop's ids of the events concerned.
    pub external_ids: Vec<String>,
    /// By how much the clock was put forward and back.
    pub steps: ClockSteps,
}

/// What is so at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What lasts.
    pub lasting: BTreeMap<Condition, Lasting>,
    /// What can't be told now: it goes on as it is.
    pub unknown: BTreeSet<Condition>,
    /// What has begun since the last look, and may be over.
    pub began: BTreeMap<Condition, Lasting>,
    /// What has happened since the last look.
    pub happened: Vec<Happened>,
}

/// What the operator was told of while nothing could be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Since when it lasts.
    pub since: Timestamp,
    /// When that was first told.
    pub told_at: Timestamp,
    /// When it was told last.
    pub last_told_at: Timestamp,
}

impl Ahead {
    /// After a clock was put back, nothing lies in the future.
    pub fn cap_at(&mut self, now: Timestamp) {
        for at in [&mut self.since, &mut self.told_at, &mut self.last_told_at] {
            *at = (*at).min(now);
        }
    }
}

/// Why a line stands in a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has begun, or happened.
    New,
    /// It still lasts.
    Lasts,
    /// It is over.
    Over,
}

/// One condition in a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub condition: Condition,
    /// Why it is told.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// When it was seen to be over.
    pub ended_at: Option<Timestamp>,
    /// How often it has happened, of what happens.
    pub count: u64,
    /// The shop's ids of the events concerned.
    pub external_ids: Vec<String>,
    /// By how much the clock was put forward and back.
    pub steps: ClockSteps,
}

impl Line {
    /// Of something that lasts.
    pub const fn new(condition: Condition, phase: Phase, since: Timestamp) -> Self {
        Self { condition, phase, since, ended_at: None, count: 0, external_ids: Vec::new(), steps: ClockSteps::NONE }
    }
}

/// A letter that is to be written: its place among the letters is taken, its body is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// To whom.
    pub recipient: Recipient,
    /// Its number, of this recipient's.
    pub number: u64,
    /// Since when what happened counts, of the summary of a day; `None` for any other letter.
    pub digest_since: Option<Timestamp>,
    /// What it tells of.
    pub lines: Vec<Line>,
}

/// What was told, and what is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What lasts or is to be told.
    pub alerts: BTreeMap<(Recipient, Condition), Alert>,
    /// What is on its way, by recipient and number.
    pub letters: BTreeMap<(Recipient, u64), Letter>,
    /// What is remembered of each recipient.
    pub books: BTreeMap<Recipient, Book>,
    /// What nobody is told of, until a moment; for good where `None`.
    pub mutes: BTreeMap<Condition, Option<Timestamp>>,
}

impl State {
    /// Takes in what is so, and begins the letters that are due: their bodies are the caller's to fill in.
    pub fn look(&mut self, now: Timestamp, rules: &Rules, seen: &Seen) -> Vec<Draft> {
        self.cap_times_at_now(now);
        self.mutes.retain(|_, until| is_ahead(*until, now));
        // The operator hears of everything, and is kept up to date without a channel too: lists show it.
        self.alerts.retain(|(recipient, _), _| is_kept(rules, *recipient));
        self.letters.retain(|(recipient, _), _| is_kept(rules, *recipient));
        self.books.retain(|recipient, _| is_kept(rules, *recipient));
        self.take_in(now, rules, seen);
        self.forget(now, rules);
        let mut drafts = Vec::new();
        for recipient in rules.channels.keys() {
            drafts.extend(self.write(now, rules, *recipient));
            drafts.extend(self.write_digest(now, rules, *recipient));
        }
        drafts
    }

    /// Takes in what is critical, of which no letter is written.
    pub fn see_critical(&mut self, now: Timestamp, seen: &Seen) {
        self.cap_times_at_now(now);
        for (condition, lasting) in &seen.lasting {
            self.open(now, Recipient::Operator, *condition, *lasting);
        }
    }

    fn open(&mut self, now: Timestamp, recipient: Recipient, condition: Condition, lasting: Lasting) {
        let new = || Alert::new(lasting.since.min(now), now);
        // It has begun again before anybody was told that it was over: it goes on.
        self.alerts.entry((recipient, condition)).or_insert_with(new).ended_at = None;
    }

    /// What the operator is to be told of at once, of what is critical, though it can't be kept that they are.
    pub fn wanted_ahead(&self, now: Timestamp, seen: &Seen, repeat: &[Duration]) -> Vec<Line> {
        let line = |condition: &Condition| {
            let is_muted = self.mutes.get(condition).is_some_and(|until| is_ahead(*until, now));
            let alert = self.alerts.get(&(Recipient::Operator, *condition)).filter(|_| !is_muted)?;
            let (phase, _) = wants(*condition, alert, now, repeat)?;
            Some(Line::new(*condition, phase, alert.since))
        };
        seen.lasting.keys().filter_map(line).collect()
    }

    /// Notes what the operator was told of while nothing could be kept. `repeat` is that of the rules.
    pub fn were_told(&mut self, ahead: &BTreeMap<Condition, Ahead>, repeat: &[Duration]) {
        for (condition, ahead) in ahead {
            let new = || Alert::new(ahead.since, ahead.told_at);
            let alert = self.alerts.entry((Recipient::Operator, *condition)).or_insert_with(new);
            let told_at = *alert.told_at.get_or_insert(ahead.told_at);
            alert.last_told_at = Some(ahead.last_told_at);
            alert.reminders = alert.reminders.max(reminders(repeat, told_at, ahead.last_told_at));
        }
    }

    /// A clock that was put back must hold nothing up: what would be in the future is now.
    fn cap_times_at_now(&mut self, now: Timestamp) {
        for alert in self.alerts.values_mut() {
            alert.since = alert.since.min(now);
            alert.seen_at = alert.seen_at.min(now);
            for at in [&mut alert.told_at, &mut alert.last_told_at, &mut alert.ended_at] {
                *at = at.map(|at| at.min(now));
            }
        }
        for letter in self.letters.values_mut() {
            letter.at = letter.at.min(now);
            for pending in &mut letter.pending {
                pending.due = pending.due.min(now.plus(gap_after(pending.failed, HOUR)));
            }
        }
        for book in self.books.values_mut() {
            book.written.iter_mut().for_each(|at| *at = (*at).min(now));
            book.digest_since = book.digest_since.map(|at| at.min(now));
        }
    }

    fn take_in(&mut self, now: Timestamp, rules: &Rules, seen: &Seen) {
        for (condition, lasting) in seen.began.iter().chain(&seen.lasting) {
            for recipient in recipients(rules, lasting.account) {
                self.open(now, recipient, *condition, *lasting);
            }
        }
        for ((_, condition), alert) in &mut self.alerts {
            let lasts = seen.lasting.contains_key(condition) || seen.unknown.contains(condition);
            if !lasts && !condition.is_momentary() {
                alert.ended_at.get_or_insert(now);
            }
        }
        for happened in &seen.happened {
            for recipient in recipients(rules, happened.account) {
                let new = || Alert::new(happened.since.min(now), now);
                let alert = self.alerts.entry((recipient, happened.condition)).or_insert_with(new);
                if alert.untold == 0 {
                    (alert.since, alert.seen_at) = (happened.since.min(now), now);
                }
                alert.untold += happened.count;
                alert.steps.add(happened.steps);
                for id in &happened.external_ids {
                    Alert::add_id(&mut alert.external_ids, id);
                }
            }
        }
    }

    /// Forgets what nobody is to be told of any more.
    fn forget(&mut self, now: Timestamp, rules: &Rules) {
        let open: BTreeSet<(Recipient, Condition)> = self.alerts.keys().copied().gather();
        let mutes = &self.mutes;
        self.alerts.retain(|(recipient, condition), alert| {
            let has_channels = !rules.channels_of(*recipient).is_empty();
            if condition.is_momentary() {
                let past = alert.last_told_at.or((!has_channels).then_some(alert.seen_at));
                let is_over = past.is_some_and(|at| at.plus(HOUR) <= now) && (alert.untold == 0 || !has_channels);
                return !is_over && !mutes.contains_key(condition);
            }
            if alert.ended_at.is_none() {
                return true;
            }
            // A webhook that was disabled is neither well again nor about to be: that it was disabled says it all.
            let is_disabled = match condition {
                Condition::WebhookFailing(no) => open.contains(&(*recipient, Condition::WebhookDisabled(*no))),
                _ => false,
            };
            has_channels && condition.tells_end() && !is_disabled && !mutes.contains_key(condition)
        });
    }

    /// Begins a recipient's next letter, if one is due.
    fn write(&mut self, now: Timestamp, rules: &Rules, recipient: Recipient) -> Option<Draft> {
        let (mut critical, mut others) = (Vec::new(), Vec::new());
        for ((_, condition), alert) in self.alerts_of(recipient) {
            if self.mutes.contains_key(condition) {
                continue;
            }
            if let Some((phase, since)) = wants(*condition, alert, now, &rules.repeat) {
                let is_critical = condition.is_critical() && phase != Phase::Over;
                let list = if is_critical { &mut critical } else { &mut others };
                list.push((*condition, phase, since));
            }
        }
        let is_due = |wanted: &[(Condition, Phase, Timestamp)]| wanted.iter().any(|(.., at)| at.plus(GATHER) <= now);
        let is_quiet = rules.is_quiet(now);
        let has_turn = has_turn(self.books.get(&recipient).map_or(&[][..], |book| &book.written[..]), now);
        let others_leave = !is_quiet && has_turn && is_due(&others);
        if !others_leave && !is_due(&critical) {
            return None;
        }
        if !is_quiet {
            critical.extend(others);
        }
        let mut lines = Vec::with_capacity(critical.len());
        for (condition, phase, _) in critical {
            lines.extend(self.tell(now, rules, recipient, (condition, phase)));
        }
        let number = self.post(now, rules, recipient, &lines);
        if others_leave {
            let book = self.books.entry(recipient).or_default();
            book.written.push(now);
            let surplus = book.written.len().saturating_sub(REMEMBERED);
            book.written.drain(..surplus);
        }
        Some(Draft { recipient, number, digest_since: None, lines })
    }

    fn alerts_of(&self, recipient: Recipient) -> impl Iterator<Item = (&(Recipient, Condition), &Alert)> {
        self.alerts.range((recipient, Condition::DiskLow)..).take_while(move |((of, _), _)| *of == recipient)
    }

    /// Notes that a recipient is told of a condition now; what the letter says of it.
    fn tell(
        &mut self,
        now: Timestamp,
        rules: &Rules,
        recipient: Recipient,
        (condition, phase): (Condition, Phase),
    ) -> Option<Line> {
        let alert = self.alerts.get_mut(&(recipient, condition))?;
        let line = Line {
            condition,
            phase,
            since: alert.since,
            ended_at: alert.ended_at,
            count: std::mem::take(&mut alert.untold),
            external_ids: std::mem::take(&mut alert.external_ids),
            steps: std::mem::take(&mut alert.steps),
        };
        let past = reminders(&rules.repeat, *alert.told_at.get_or_insert(now), now);
        alert.last_told_at = Some(now);
        if phase == Phase::Lasts {
            // Those that a quiet night has held are one.
            alert.reminders = past;
        }
        if phase == Phase::Over {
            self.alerts.remove(&(recipient, condition));
        }
        Some(line)
    }

    /// Begins the summary of the past day, once its time has come.
    fn write_digest(&mut self, now: Timestamp, rules: &Rules, recipient: Recipient) -> Option<Draft> {
        let time = rules.digest?;
        let today = rules.zone.day(now);
        let due_day = if rules.minute(now) >= time { today } else { today - 1 };
        let book = self.books.entry(recipient).or_default();
        let last = book.digest_day.replace(due_day.max(book.digest_day.unwrap_or(due_day)).min(today));
        // The first one counts from now on.
        let Some(last) = last else {
            book.digest_since = Some(now);
            return None;
        };
        if last >= due_day {
            return None;
        }
        let digest_since = book.digest_since.replace(now).unwrap_or(now);
        let open = self.alerts_of(recipient).filter(|((_, condition), alert)| {
            alert.ended_at.is_none() && !condition.is_momentary() && !self.mutes.contains_key(condition)
        });
        let lines = open.map(|((_, condition), alert)| Line::new(*condition, Phase::Lasts, alert.since)).collect();
        let number = self.post(now, rules, recipient, &[]);
        Some(Draft { recipient, number, digest_since: Some(digest_since), lines })
    }
}

/// Whether the end of a mute is still to come; one for good has none.
pub fn is_ahead(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| until > now)
}

/// Whether what was told to a recipient is still of use.
fn is_kept(rules: &Rules, recipient: Recipient) -> bool {
    recipient == Recipient::Operator || rules.channels.contains_key(&recipient)
}

/// Who is told of what is an account's, or the machine's.
fn recipients(rules: &Rules, account: Option<AccountNo>) -> impl Iterator<Item = Recipient> {
    let own = account.map(Recipient::Account).filter(|own| rules.channels.contains_key(own));
    [Recipient::Operator].into_iter().chain(own)
}

/// Whether a recipient is to be told of a condition, why, and since when that waits.
fn wants(condition: Condition, alert: &Alert, now: Timestamp, repeat: &[Duration]) -> Option<(Phase, Timestamp)> {
    if condition.is_momentary() {
        let again = alert.last_told_at.map_or(alert.seen_at, |last| last.plus(HOUR).max(alert.seen_at));
        return (alert.untold > 0 && again <= now).then_some((Phase::New, again));
    }
    if let Some(ended_at) = alert.ended_at {
        return Some((Phase::Over, ended_at));
    }
    let Some(told_at) = alert.told_at else {
        return Some((Phase::New, alert.seen_at));
    };
    let past = reminders(repeat, told_at, now);
    (past > alert.reminders).then_some((Phase::Lasts, told_at))
}
