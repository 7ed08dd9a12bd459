//! Alerts as they are kept: what is wrong, who is told of it, what was told already.

use super::{AccountNo, ClientCertificateName, Timestamp, WebhookNo};
use std::sync::Arc;

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// Who runs carteiro: of everything.
    Operator,
    /// Who owns an account: of its webhooks.
    Account(AccountNo),
}

impl Recipient {
    /// The account's number; `None` for the operator.
    pub const fn account(self) -> Option<u32> {
        match self {
            Self::Operator => None,
            Self::Account(AccountNo(no)) => Some(no),
        }
    }
}

/// Something that a person has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Too little of the disk is free, or soon will be.
    DiskLow,
    /// Events are refused.
    StoreRefusing,
    /// A scheduled backup failed, or is long overdue.
    BackupFailed,
    /// carteiro's own certificate ends soon.
    OwnCertificate,
    /// The wall clock was put forward or back.
    ClockStepped,
    /// An account has recorded no event for long.
    NoEvents(AccountNo),
    /// A webhook is failing ([`TargetHealth::failing`](super::TargetHealth::failing)).
    WebhookFailing(WebhookNo),
    /// A failing webhook is about to be disabled.
    WebhookDisabling(WebhookNo),
    /// A webhook was disabled because of its target.
    WebhookDisabled(WebhookNo),
    /// Notifications of a webhook have used up their automatic attempts.
    NotificationsFailed(WebhookNo),
    /// The certificate of a webhook's target ends soon.
    TargetCertificate(WebhookNo),
    /// A certificate that is shown to targets ends soon; [`ClientCertificateName::number`] says which.
    ClientCertificate(u32),
}

impl Recipient {
    /// Its number, for a key of the store: an account's own, and 0, which no account has, for the operator.
    pub const fn number(self) -> u32 {
        match self {
            Self::Operator => 0,
            Self::Account(AccountNo(no)) => no,
        }
    }

    /// The recipient of [`Recipient::number`].
    pub const fn of_number(no: u32) -> Self {
        if no == 0 { Self::Operator } else { Self::Account(AccountNo(no)) }
    }
}

impl Condition {
    /// As JSON and metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskLow => "DISK_LOW",
            Self::StoreRefusing => "STORE_REFUSING",
            Self::BackupFailed => "BACKUP_FAILED",
            Self::OwnCertificate => "OWN_CERTIFICATE",
            Self::ClockStepped => "CLOCK_STEPPED",
            Self::NoEvents(_) => "NO_EVENTS",
            Self::WebhookFailing(_) => "WEBHOOK_FAILING",
            Self::WebhookDisabling(_) => "WEBHOOK_DISABLING",
            Self::WebhookDisabled(_) => "WEBHOOK_DISABLED",
            Self::NotificationsFailed(_) => "NOTIFICATIONS_FAILED",
            Self::TargetCertificate(_) => "TARGET_CERTIFICATE",
            Self::ClientCertificate(_) => "CLIENT_CERTIFICATE",
        }
    }

    /// As keys of alerts name it, before the colon where there is one.
    pub fn kind(self) -> String {
        self.as_str().to_ascii_lowercase().replace('_', "-")
    }

    /// Whether it is of the machine, and not of a webhook, an account or a certificate among several: its kind is its
    /// key.
    pub const fn is_of_machine(self) -> bool {
        match self {
            Self::DiskLow | Self::StoreRefusing | Self::BackupFailed | Self::OwnCertificate | Self::ClockStepped => {
                true
            }
            Self::NoEvents(_)
            | Self::WebhookFailing(_)
            | Self::WebhookDisabling(_)
            | Self::WebhookDisabled(_)
            | Self::NotificationsFailed(_)
            | Self::TargetCertificate(_)
            | Self::ClientCertificate(_) => false,
        }
    }

    /// That a certificate of this name ends soon.
    pub fn client_certificate(name: &ClientCertificateName) -> Self {
        Self::ClientCertificate(name.number())
    }

    /// All of them, of a webhook, an account and a certificate of any number: for metrics.
    pub const NAMES: [Self; 12] = [
        Self::DiskLow,
        Self::StoreRefusing,
        Self::BackupFailed,
        Self::OwnCertificate,
        Self::ClockStepped,
        Self::NoEvents(AccountNo(0)),
        Self::WebhookFailing(WebhookNo(0)),
        Self::WebhookDisabling(WebhookNo(0)),
        Self::WebhookDisabled(WebhookNo(0)),
        Self::NotificationsFailed(WebhookNo(0)),
        Self::TargetCertificate(WebhookNo(0)),
        Self::ClientCertificate(0),
    ];

    /// The webhook that it is about, if it is about one.
    pub const fn webhook(self) -> Option<WebhookNo> {
        match self {
            Self::WebhookFailing(no)
            | Self::WebhookDisabling(no)
            | Self::WebhookDisabled(no)
            | Self::NotificationsFailed(no)
            | Self::TargetCertificate(no) => Some(no),
            Self::DiskLow
            | Self::StoreRefusing
            | Self::BackupFailed
            | Self::OwnCertificate
            | Self::ClockStepped
            | Self::NoEvents(_)
            | Self::ClientCertificate(_) => None,
        }
    }

    /// Whether events or data may be lost by it: nothing holds an alert of it back.
    pub const fn is_critical(self) -> bool {
        matches!(self, Self::DiskLow | Self::StoreRefusing)
    }

    /// Whether it happens and doesn't last: it is told of, counted, and never over.
    pub const fn is_momentary(self) -> bool {
        matches!(self, Self::NotificationsFailed(_) | Self::ClockStepped)
    }

    /// Whether it is a warning of what comes at a known moment.
    pub const fn is_ahead(self) -> bool {
        matches!(
            self,
            Self::WebhookDisabling(_) | Self::TargetCertificate(_) | Self::OwnCertificate | Self::ClientCertificate(_)
        )
    }

    /// Whether what has happened is counted.
    pub const fn counts(self) -> bool {
        matches!(self, Self::NotificationsFailed(_))
    }

    /// Whether its end is told. That of a warning isn't: what it warned of comes, or the webhook is well again.
    pub const fn tells_end(self) -> bool {
        !self.is_momentary() && !matches!(self, Self::WebhookDisabling(_))
    }

    /// Its code and its number, for a key of the store; [`Condition::of_code`] reads them.
    pub const fn code(self) -> (u8, u32) {
        match self {
            Self::DiskLow => (1, 0),
            Self::StoreRefusing => (2, 0),
            Self::BackupFailed => (3, 0),
            Self::OwnCertificate => (4, 0),
            Self::ClockStepped => (5, 0),
            Self::NoEvents(AccountNo(no)) => (6, no),
            Self::WebhookFailing(WebhookNo(no)) => (7, no),
            Self::WebhookDisabling(WebhookNo(no)) => (8, no),
            Self::WebhookDisabled(WebhookNo(no)) => (9, no),
            Self::NotificationsFailed(WebhookNo(no)) => (10, no),
            Self::TargetCertificate(WebhookNo(no)) => (11, no),
            Self::ClientCertificate(no) => (12, no),
        }
    }

    /// What [`Condition::code`] gave out; `None` for anything else.
    pub fn of_code(code: u8, no: u32) -> Option<Self> {
        Some(match code {
            1 => Self::DiskLow,
            2 => Self::StoreRefusing,
            3 => Self::BackupFailed,
            4 => Self::OwnCertificate,
            5 => Self::ClockStepped,
            6 => Self::NoEvents(AccountNo(no)),
            7 => Self::WebhookFailing(WebhookNo(no)),
            8 => Self::WebhookDisabling(WebhookNo(no)),
            9 => Self::WebhookDisabled(WebhookNo(no)),
            10 => Self::NotificationsFailed(WebhookNo(no)),
            11 => Self::TargetCertificate(WebhookNo(no)),
            12 => Self::ClientCertificate(no),
            _ => return None,
        })
        .filter(|condition: &Self| condition.code() == (code, no))
    }
}

/// A condition that lasts or has happened, as one recipient is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Since when it lasts; of one that happens, since when what is counted has happened.
    pub since: Timestamp,
    /// When it was first seen: alerts gather for a moment from then on.
    pub seen_at: Timestamp,
    /// When its recipient was first told; `None` before that.
    pub told_at: Option<Timestamp>,
    /// When its recipient was last told.
    pub last_told_at: Option<Timestamp>,
    /// How many of the reminders are past.
    pub reminders: u8,
    /// When it was seen to be over, until that is told.
    pub ended_at: Option<Timestamp>,
    /// Of one that happens: how often since its recipient was last told.
    pub untold: u64,
    /// The shop's ids of the events concerned, at most [`Alert::MAX_IDS`], of those that are untold.
    pub external_ids: Vec<String>,
    /// By how much the clock was put forward and back, in all.
    pub steps: ClockSteps,
}

/// By how much a clock was put forward and back: the sum of each, since one doesn't make up for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSteps {
    /// Forward, in milliseconds.
    pub forward_ms: u64,
    /// Back, in milliseconds.
    pub back_ms: u64,
}

impl ClockSteps {
    /// Of none.
    pub const NONE: Self = Self { forward_ms: 0, back_ms: 0 };

    /// Of one: below zero, back.
    pub const fn one(by_ms: i64) -> Self {
        let by = by_ms.unsigned_abs();
        if by_ms < 0 { Self { back_ms: by, ..Self::NONE } } else { Self { forward_ms: by, ..Self::NONE } }
    }

    /// Those and others.
    pub fn add(&mut self, others: Self) {
        self.forward_ms = self.forward_ms.saturating_add(others.forward_ms);
        self.back_ms = self.back_ms.saturating_add(others.back_ms);
    }

    /// Those without some of them.
    #[must_use]
    pub const fn without(self, some: Self) -> Self {
        Self {
            forward_ms: self.forward_ms.saturating_sub(some.forward_ms),
            back_ms: self.back_ms.saturating_sub(some.back_ms),
        }
    }

    /// The larger of both, in milliseconds.
    pub fn largest_ms(self) -> u64 {
        self.forward_ms.max(self.back_ms)
    }
}

impl Alert {
    /// Most order ids that one alert names: a person reads no more, and a message has to fit.
    pub const MAX_IDS: usize = 20;

    /// Adds an id to those that are named, each once, up to [`Alert::MAX_IDS`].
    pub fn add_id(ids: &mut Vec<String>, id: &str) {
        if ids.len() < Self::MAX_IDS && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }

    /// One that lasts, or has come to happen, since a moment, and was seen at another.
    pub const fn new(since: Timestamp, seen_at: Timestamp) -> Self {
        Self {
            since,
            seen_at,
            told_at: None,
            last_told_at: None,
            reminders: 0,
            ended_at: None,
            untold: 0,
            external_ids: Vec::new(),
            steps: ClockSteps::NONE,
        }
    }
}

/// A message on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// When it was written.
    pub at: Timestamp,
    /// What it says, as JSON: what writes and sends letters knows its form.
    pub body: Arc<str>,
    /// What it tells of, sorted, and since when that lasts; `None` of what has happened or is over. Empty of a summary.
    pub told: Vec<(Condition, Option<Timestamp>)>,
    /// The channels that it is still to go by.
    pub pending: Vec<Pending>,
}

/// A channel that a letter is still to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The channel's name, as the config has it.
    pub channel: String,
    /// How often sending has failed.
    pub failed: u8,
    /// Not before this.
    pub due: Timestamp,
}

/// What is remembered of a recipient between letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// The number of the last letter.
    pub last_letter: u64,
    /// When the last letters were written that were neither critical nor digests, the newest last.
    pub written: Vec<Timestamp>,
    /// The day of the last digest, counted from 1970 in the panel's time zone; `None` before the first.
    pub digest_day: Option<i64>,
    /// Since when what happens counts for the next digest.
    pub digest_since: Option<Timestamp>,
}

/// What has happened to a webhook, or to the machine, that alerts have not taken in yet. It is written in the change
/// that makes it so, and thus as durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFacts {
    /// How many notifications have used up their automatic attempts.
    pub failed: u64,
    /// When the first of them did.
    pub failed_since: Option<Timestamp>,
    /// The shop's ids of their events, at most [`Alert::MAX_IDS`], each once.
    pub external_ids: Vec<String>,
    /// When the target began to fail: it may be well again.
    pub fell_at: Option<Timestamp>,
    /// Whether the webhook was given another target or status: then it counts as not failing, and that is no recovery.
    pub begins_anew: bool,
    /// By how much the clock was put forward and back, in all.
    pub steps: ClockSteps,
    /// When the clock was put forward or back, first.
    pub stepped_at: Option<Timestamp>,
}

impl AlertFacts {
    /// Stands for the machine among webhooks: no webhook has this number.
    pub const MACHINE: WebhookNo = WebhookNo(0);

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A notification has failed for good.
    pub fn add_failed(&mut self, at: Timestamp, external_id: Option<&str>) {
        self.failed += 1;
        self.failed_since.get_or_insert(at);
        if let Some(id) = external_id {
            Alert::add_id(&mut self.external_ids, id);
        }
    }

    /// The clock was put forward or back.
    pub fn add_step(&mut self, at: Timestamp, by_ms: i64) {
        self.steps.add(ClockSteps::one(by_ms));
        self.stepped_at.get_or_insert(at);
    }

    /// What has come since these facts were `taken` in.
    #[must_use]
    pub fn without(self, taken: &Self) -> Self {
        let failed = self.failed.saturating_sub(taken.failed);
        let fell_at = self.fell_at.filter(|_| self.fell_at != taken.fell_at);
        let steps = self.steps.without(taken.steps);
        Self {
            failed,
            failed_since: self.failed_since.filter(|_| failed > 0),
            external_ids: self.external_ids.into_iter().filter(|id| !taken.external_ids.contains(id)).collect(),
            fell_at,
            begins_anew: self.begins_anew && !taken.begins_anew,
            steps,
            stepped_at: self.stepped_at.filter(|_| steps != ClockSteps::NONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn a_condition_is_read_as_it_was_written() {
        let names: std::collections::BTreeSet<_> = Condition::NAMES.iter().map(|one| one.as_str()).collect();
        let codes: std::collections::BTreeSet<_> = Condition::NAMES.iter().map(|one| one.code().0).collect();
        assert_eq!((names.len(), codes.len()), (Condition::NAMES.len(), Condition::NAMES.len()));
        for condition in
            Condition::NAMES.into_iter().chain([Condition::NoEvents(AccountNo(3)), Condition::ClientCertificate(9)])
        {
            let (code, no) = condition.code();
            assert_eq!(Condition::of_code(code, no), Some(condition));
        }
        assert_eq!((Condition::of_code(1, 1), Condition::of_code(0, 0), Condition::of_code(13, 0)), (None, None, None));
    }

    #[test]
    fn facts_that_were_taken_in_are_counted_once() {
        let mut facts = AlertFacts::default();
        for (nth, id) in [Some("a"), Some("b"), Some("a"), None].into_iter().enumerate() {
            facts.add_failed(at(nth as u64 + 1), id);
        }
        facts.fell_at = Some(at(2));
        facts.add_step(at(3), -5);
        let taken = facts.clone();
        assert!(facts.clone().without(&taken).is_empty());
        facts.add_failed(at(9), Some("c"));
        facts.add_step(at(9), 7);
        let rest = facts.without(&taken);
        assert_eq!((rest.failed, rest.external_ids, rest.steps), (1, vec!["c".to_owned()], ClockSteps::one(7)));
        assert_eq!((rest.fell_at, rest.failed_since), (None, Some(at(1))));
    }

    #[test]
    fn as_many_ids_are_kept_as_a_person_reads() {
        let mut facts = AlertFacts::default();
        for nth in 0..=Alert::MAX_IDS {
            facts.add_failed(at(1), Some(&format!("p-{nth}")));
        }
        assert_eq!((facts.external_ids.len(), facts.failed), (Alert::MAX_IDS, Alert::MAX_IDS as u64 + 1));
    }
}
