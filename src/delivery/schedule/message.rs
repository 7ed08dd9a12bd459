//! What the scheduler takes in, and what it asks for.

use crate::model::{AccountNo, NotificationKey, RateLimit, Seq, Timestamp, WebhookNo};
use crate::store::{Due, NextAttempt};
use std::time::Duration;

/// The limits of a webhook's lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// The account of the webhook.
    pub account: AccountNo,
    /// Whether automatic attempts are made.
    pub active: bool,
    /// How many attempts may be in flight at a time.
    pub max_in_flight: usize,
    /// How many attempts may start in a second.
    pub rate_limit: Option<RateLimit>,
}

/// What the scheduler takes in. `H` is the payload that an untried notification brings along, which spares a read.
#[derive(Debug)]
pub enum Input<H> {
    /// A webhook was registered or changed.
    LaneChanged {
        /// The webhook.
        no: WebhookNo,
        /// Its limits from now on.
        settings: LaneSettings,
    },
    /// A webhook has another target, or was set ACTIVE again: nothing learned of its target holds any more.
    TargetRenewed {
        /// The webhook.
        no: WebhookNo,
        /// Whether it has another target: attempts in flight then count against none of its limits.
        moved: bool,
    },
    /// A webhook was deleted.
    LaneRemoved(WebhookNo),
    /// The first automatic attempt of a notification is due. Its event is durable.
    Untried {
        /// The notification.
        key: NotificationKey,
        /// Its payload, if that is still in memory.
        payload: Option<H>,
    },
    /// A manual attempt was requested.
    Manual {
        /// The notification.
        key: NotificationKey,
        /// When it was requested.
        since: Timestamp,
        /// Whether a person waits for it: it leaves at once, whatever holds the lane.
        at_once: bool,
    },
    /// The due time of its next automatic attempt was moved.
    Rescheduled {
        /// The notification.
        key: NotificationKey,
        /// Its new due time.
        due: Timestamp,
    },
    /// A notification could not be read some time ago, and was not attempted.
    Unreadable(NotificationKey),
    /// An attempt has ended; its outcome is on its way to the store.
    AttemptEnded {
        /// The notification.
        key: NotificationKey,
        /// What the attempt says of the target.
        reachability: Reachability,
        /// The pause that the target asked for.
        hold: Option<RetryAfterHold>,
    },
    /// The store has recorded an outcome.
    OutcomeRecorded {
        /// The notification.
        key: NotificationKey,
        /// The automatic attempt that is due next.
        next_attempt: NextAttempt,
    },
    /// No attempt of the notification is due any more.
    Cancelled(NotificationKey),
    /// Every event up to this one is durable.
    Durable(Seq),
    /// The answer to [`Action::LoadUntried`].
    UntriedPage {
        /// The request.
        request: PageRequest<Seq>,
        /// The rows from there on, sorted.
        rows: Vec<Seq>,
    },
    /// The answer to [`Action::LoadRetries`].
    RetryPage {
        /// The request.
        request: PageRequest<Due>,
        /// Rows due at this moment or later were left out.
        until: Timestamp,
        /// The rows from there on, sorted.
        rows: Vec<Due>,
    },
    /// The answer to [`Action::LoadManual`].
    ManualPage {
        /// The request.
        request: PageRequest<Due>,
        /// The rows from there on, sorted.
        rows: Vec<Due>,
    },
    /// The answer to [`Action::Audit`]: the first rows of each of a lane's queues.
    Audited {
        /// The lane's webhook.
        lane: WebhookNo,
        /// Its overdue retries.
        retries: Vec<Due>,
        /// Its first untried rows.
        untried: Vec<Seq>,
        /// Its first requests of manual attempts.
        manual: Vec<Due>,
    },
    /// The limit of attempts in flight over all lanes has changed.
    MaxInFlight(usize),
}

/// A page of a queue that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The lane's webhook.
    pub lane: WebhookNo,
    /// The account of the webhook.
    pub account: AccountNo,
    /// The lane's epoch at the time of the request: an answer from an earlier one is void.
    pub epoch: u64,
    /// The first row of the page.
    pub from: K,
    /// How many rows at most.
    pub limit: usize,
}

/// What an attempt says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It confirmed.
    Confirmed,
    /// It answered, but did not confirm.
    Answered,
    /// An error that shows neither that the target is reachable nor that it is not.
    Inconclusive,
    /// It could not be reached.
    Unreachable,
    /// This machine could not make the attempt; it says nothing of the target.
    LocalFault,
    /// No attempt was made after all.
    NotAttempted,
}

/// A pause that a target asked for with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterHold {
    /// How long it lasts from the end of the attempt on. A span, so that a clock that jumps changes nothing about it.
    pub span: Duration,
    /// Whether a manual attempt got this answer: then manual attempts wait too. A pause that was asked of an automatic
    /// one doesn't bind a person.
    pub manual: bool,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action<H> {
    /// Make an attempt.
    Start {
        /// The notification.
        key: NotificationKey,
        /// Its account.
        account: AccountNo,
        /// What must still be due of the notification when it is read again; otherwise the timer is stale.
        kind: AttemptKind,
        /// Its payload, which spares a read.
        payload: Option<H>,
    },
    /// Read untried rows.
    LoadUntried(PageRequest<Seq>),
    /// Read retries that are due before a moment.
    LoadRetries(PageRequest<Due>, Timestamp),
    /// Read requests of manual attempts.
    LoadManual(PageRequest<Due>),
    /// Read the first rows of each of a lane's queues.
    Audit {
        /// The lane's webhook.
        lane: WebhookNo,
        /// The account of the webhook.
        account: AccountNo,
        /// Retries due before this.
        before: Timestamp,
    },
    /// Two audits have found an overdue row that no lane holds: a bug. It is taken up again.
    Lost(NotificationKey),
}

/// Which of a notification's attempts is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptKind {
    /// The first automatic one.
    Untried,
    /// An automatic one that fell due at this moment.
    Retry(Timestamp),
    /// One that was requested.
    Manual,
}

/// A timer of the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) lane: WebhookNo,
    pub(crate) due: Due,
}
