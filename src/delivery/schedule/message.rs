//! What the scheduler takes in, and what it asks for.

use crate::model::{AccountNo, NotificationKey, RateLimit, Seq, Timestamp, WebhookNo};
use crate::store::{Due, Standing};

/// What a webhook asks of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Whose webhook it is.
    pub account: AccountNo,
    /// Whether automatic attempts leave.
    pub active: bool,
    /// How many attempts may be in flight at a time.
    pub max_in_flight: usize,
    /// How many attempts may start in a second.
    pub rate_limit: Option<RateLimit>,
}

/// What the scheduler learns. `H` is what a fresh notification brings along to spare a read.
#[derive(Debug)]
pub enum Input<H> {
    /// A webhook was registered or changed.
    LaneChanged {
        /// Which.
        no: WebhookNo,
        /// What it asks for now.
        settings: LaneSettings,
    },
    /// A webhook has another target, or was set ACTIVE again: what was learned of its target so far holds no more.
    TargetRenewed {
        /// Which.
        no: WebhookNo,
        /// Whether it has another target: attempts in flight then take up none of its places.
        moved: bool,
    },
    /// A webhook was deleted.
    LaneRemoved(WebhookNo),
    /// An event is owed since now, and durable.
    Untried {
        /// The notification.
        key: NotificationKey,
        /// What spares a read.
        hot: Option<H>,
    },
    /// An attempt by hand is owed.
    Manual {
        /// The notification.
        key: NotificationKey,
        /// Since when.
        since: Timestamp,
        /// Whether a person waits for it: it leaves at once, whatever holds the lane.
        at_once: bool,
    },
    /// An automatic attempt that was due later is due at this moment.
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
        /// What it says of the target.
        reachability: Reachability,
        /// How long the target asked to be left alone.
        hold: Option<RetryAfterHold>,
    },
    /// The store has taken an outcome in.
    OutcomeRecorded {
        /// The notification.
        key: NotificationKey,
        /// What it is owed now.
        standing: Standing,
    },
    /// Nothing is owed of it any more.
    Cancelled(NotificationKey),
    /// Every event up to this one is durable.
    Durable(Seq),
    /// What [`Action::LoadUntried`] asked for.
    UntriedPage {
        /// What was asked.
        ask: PageRequest<Seq>,
        /// What was found.
        rows: Vec<Seq>,
    },
    /// What [`Action::LoadRetries`] asked for.
    RetryPage {
        /// What was asked.
        ask: PageRequest<Due>,
        /// Up to when.
        until: Timestamp,
        /// What was found.
        rows: Vec<Due>,
    },
    /// What [`Action::LoadManual`] asked for.
    ManualPage {
        /// What was asked.
        ask: PageRequest<Due>,
        /// What was found.
        rows: Vec<Due>,
    },
    /// The first rows of each of a lane's queues that should long be held, as [`Action::Audit`] asked.
    Audited {
        /// Which lane.
        lane: WebhookNo,
        /// Its overdue retries.
        retries: Vec<Due>,
        /// Its first fresh rows.
        fresh: Vec<Seq>,
        /// What it is owed by hand.
        manual: Vec<Due>,
    },
    /// The limit of attempts in flight over all lanes has changed.
    MaxInFlight(usize),
}

/// A page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Of which lane.
    pub lane: WebhookNo,
    /// Whose webhook it is.
    pub account: AccountNo,
    /// The lane's epoch when it was asked: an answer from an earlier one is void.
    pub epoch: u64,
    /// The first row wanted.
    pub from: K,
    /// How many rows at most.
    pub limit: usize,
}

/// What an attempt says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It confirmed.
    Confirmed,
    /// It answered something else.
    Answered,
    /// What came back was no answer: it neither shows that the target can be spoken to nor that it can't.
    Inconclusive,
    /// It could not be spoken to.
    Unreachable,
    /// This machine could not make the attempt; it says nothing of the target.
    LocalFault,
    /// No attempt was made after all.
    NotAttempted,
}

/// A pause that a target asked for with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterHold {
    /// Until when.
    pub until: Timestamp,
    /// Whether an attempt by hand was told so: then those wait too. A pause told to the schedule doesn't bind a person.
    pub manual: bool,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action<H> {
    /// Make an attempt.
    Start {
        /// The notification.
        key: NotificationKey,
        /// Whose it is.
        account: AccountNo,
        /// What the notification must still be owed when it is read again; otherwise the timer is stale.
        kind: AttemptKind,
        /// What spares a read.
        hot: Option<H>,
    },
    /// Read fresh rows.
    LoadUntried(PageRequest<Seq>),
    /// Read retries that are due before a moment.
    LoadRetries(PageRequest<Due>, Timestamp),
    /// Read what is owed by hand.
    LoadManual(PageRequest<Due>),
    /// Read the first rows of a lane that should long be held.
    Audit {
        /// Which lane.
        lane: WebhookNo,
        /// Whose webhook it is.
        account: AccountNo,
        /// Retries due before this.
        before: Timestamp,
    },
    /// An overdue row that nobody held was found twice: a bug. It is taken up again.
    Lost(NotificationKey),
}

/// As what a notification is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptKind {
    /// Its first automatic attempt.
    Untried,
    /// An automatic attempt that fell due at this moment.
    Retry(Timestamp),
    /// An attempt by hand.
    Manual,
}

/// A timer of the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) lane: WebhookNo,
    pub(crate) due: Due,
}
