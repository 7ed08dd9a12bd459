//! A bulk job: something done to everything that a filter matches, a few at a time. A *bulk resend* requests a manual
//! attempt of each notification, a *backfill* creates the notifications that a webhook has not received.

use super::words::words;
use super::{
    AccountNo, JobId, JobOutcomes, Localized, NotificationFilter, ResendRefusal, Status, Timestamp, localized,
};
use std::collections::BTreeMap;

/// What a bulk job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// It requests a manual attempt of each notification that its filter matches.
    Resend,
    /// It creates a notification for each event that its filter's webhook would have matched and has none of.
    Backfill,
}

words! {
    /// A kind of the jobs that somebody begins, as figures tell them apart.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum CountedJob {
        /// A bulk resend.
        Resend = "resend",
        /// A backfill.
        Backfill = "backfill",
        /// An erasure by key.
        Erasure = "erasure",
    }
}

impl From<JobKind> for CountedJob {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Resend => Self::Resend,
            JobKind::Backfill => Self::Backfill,
        }
    }
}

words! {
    /// Whether a bulk job goes on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum JobState {
        /// In progress, oldest events first, as fast as each webhook's attempts are made.
        Running = "RUNNING",
        /// Everything that matched was dealt with: sent again or created, or skipped.
        Done = "DONE",
        /// It met what can't be read and gave up a part; `carteiro verify` tells what that is.
        Failed = "FAILED",
        /// Cancelled; what it requested or created until then is still sent. A backfill whose webhook was deleted is
        /// cancelled as well, with what it created.
        Cancelled = "CANCELLED",
    }
}

words! {
    /// Why a bulk job has skipped a notification, or an event.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum SkipReason {
        /// It didn't match any more when its turn came: delivered or tried again meanwhile, as a rule.
        Changed = "changed",
        /// Its webhook was deleted meanwhile.
        WebhookDeleted = "webhook_deleted",
        /// Its payload was erased.
        Erased = "erased",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// It has as many attempts as are stored.
        TooManyAttempts = "too_many_attempts",
        /// Its webhook keeps order, and it leaves by itself once it is its turn.
        InOrder = "in_order",
        /// The webhook has a notification of it already.
        HasNotification = "has_notification",
        /// It doesn't meet the webhook's filter.
        Filtered = "filtered",
        /// It was recorded to try something out: a test of a webhook, or a sample.
        Test = "test",
        /// It tells of the webhook itself.
        AboutWebhook = "about_webhook",
        /// It was deleted meanwhile, or the webhook no longer asks for its type.
        Gone = "gone",
        /// It could not be read.
        Unreadable = "unreadable",
    }
}

impl SkipReason {
    /// In a few words, after a number.
    pub fn localized(self) -> Localized {
        match self {
            Self::Changed => {
                localized!("delivered or changed meanwhile", "entregues ou alteradas nesse meio-tempo")
            }
            Self::WebhookDeleted => localized!("the webhook was deleted", "o webhook foi excluído"),
            Self::Erased => localized!("the payload was erased", "o conteúdo foi apagado"),
            Self::Cancelled => localized!("cancelled", "canceladas"),
            Self::TooManyAttempts => localized!("no room for another attempt", "não cabe outra tentativa"),
            Self::InOrder => localized!(
                "the webhook keeps order, and they leave in their turn",
                "o webhook mantém a ordem, e elas saem na sua vez"
            ),
            Self::HasNotification => localized!("received already", "já recebidos"),
            Self::Filtered => localized!("kept out by the webhook's filter", "barrados pelo filtro do webhook"),
            Self::Test => localized!("tests", "testes"),
            Self::AboutWebhook => localized!("about the webhook itself", "sobre o próprio webhook"),
            Self::Gone => localized!(
                "deleted meanwhile, or of types that the webhook no longer asks for",
                "excluídos nesse meio-tempo, ou de tipos que o webhook não pede mais"
            ),
            Self::Unreadable => {
                localized!("could not be read: run `carteiro verify`", "não puderam ser lidas: rode `carteiro verify`")
            }
        }
    }
}

impl From<ResendRefusal> for SkipReason {
    fn from(refusal: ResendRefusal) -> Self {
        match refusal {
            ResendRefusal::Erased => Self::Erased,
            ResendRefusal::WebhookDeleted => Self::WebhookDeleted,
            ResendRefusal::Cancelled => Self::Cancelled,
            ResendRefusal::TooManyAttempts => Self::TooManyAttempts,
            // Jobs don't know of attempts in flight.
            ResendRefusal::InFlight => Self::Changed,
        }
    }
}

/// How many notifications were skipped, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(pub BTreeMap<SkipReason, u64>);

impl Skipped {
    /// One more.
    pub fn count(&mut self, reason: SkipReason) {
        self.add(reason, 1);
    }

    /// So many more; none leave the reason as a mark.
    pub fn add(&mut self, reason: SkipReason, count: u64) {
        *self.0.entry(reason).or_default() += count;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The reasons there were, each with how many.
    pub fn iter(&self) -> impl Iterator<Item = (SkipReason, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count)).filter(|(_, count)| *count > 0)
    }
}

/// A bulk job, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkJob {
    /// Its number in the store; numbers rise.
    pub number: u64,
    /// Whose it is.
    pub account: AccountNo,
    /// Its public id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it matches. Of a backfill: the webhook, the span of time, and a type.
    pub filter: NotificationFilter,
    /// Whether it goes on.
    pub state: JobState,
    /// How many notifications, or of a backfill events, matched when it was requested.
    pub queued: u64,
    /// Number of manual attempts requested, or of notifications created, so far.
    pub made: u64,
    /// Of a backfill: how many of these newer events of the same resources have brought with them, and the backfill has
    /// not come to itself.
    pub ahead: u64,
    /// How those it has requested or created ended; the rest of them is pending.
    pub outcomes: JobOutcomes,
    /// How many of what matched it skipped, and why.
    pub skipped: Skipped,
    /// How many webhooks it has not finished.
    pub open: u32,
    /// Whether a part of it was given up.
    pub broken: bool,
    /// When it was requested.
    pub inserted_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
    /// When it was done or cancelled.
    pub ended_at: Option<Timestamp>,
}

impl BulkJob {
    /// How many of those it has requested or created have not ended.
    pub fn pending(&self) -> u64 {
        self.made.saturating_sub(self.outcomes.total())
    }

    /// Whether what was delivered already is sent again.
    pub fn includes_delivered(&self) -> bool {
        match self.filter.status {
            None => self.filter.undelivered != Some(true),
            Some(status) => status == Status::Delivered,
        }
    }

    /// Takes in that it has come to so many that it or a newer event has created, or somebody else since it began: what
    /// was brought is counted already.
    pub fn come_to(&mut self, known: u64) {
        let brought = known.min(self.ahead);
        self.ahead -= brought;
        if known > brought {
            self.skipped.add(SkipReason::HasNotification, known - brought);
        }
    }

    /// Ends it, if no part is left open; what no longer matched when its turn came was passed over as well. Returns
    /// whether it has ended.
    pub fn end_if_through(&mut self, now: Timestamp) -> bool {
        if self.open > 0 {
            return false;
        }
        let unseen = self.queued.saturating_sub(self.made).saturating_sub(self.skipped.total());
        let deleted = self.skipped.0.contains_key(&SkipReason::WebhookDeleted);
        self.ahead = 0;
        self.state = match self.kind {
            _ if self.broken => JobState::Failed,
            JobKind::Backfill if deleted => JobState::Cancelled,
            JobKind::Backfill | JobKind::Resend => JobState::Done,
        };
        let why = match (self.broken, deleted) {
            (true, _) => SkipReason::Unreadable,
            (false, true) => SkipReason::WebhookDeleted,
            (false, false) if self.kind == JobKind::Backfill => SkipReason::Gone,
            (false, false) => SkipReason::Changed,
        };
        if unseen > 0 {
            self.skipped.add(why, unseen);
        }
        self.ended_at = Some(now);
        true
    }
}
