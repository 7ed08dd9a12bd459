//! What the store passes to the delivery engine.

use crate::model::{Notification, NotificationKey, Seq, State, Timestamp, Webhook, WebhookNo};
use crate::store::cached_payload::CachedPayload;
use std::sync::Arc;

/// When a notification's next automatic attempt is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAttempt {
    /// There is none.
    Nothing,
    /// At once: its first one.
    First,
    /// Not before this: it has failed before.
    Retry(Timestamp),
}

impl From<&Notification> for NextAttempt {
    fn from(notification: &Notification) -> Self {
        match notification.state {
            State::Pending if notification.test || notification.awaits_predecessor => Self::Nothing,
            State::Pending => Self::First,
            State::Retrying { due } => Self::Retry(due),
            State::Delivered | State::Failed | State::Cancelled => Self::Nothing,
        }
    }
}

/// A change that concerns the delivery engine, passed to it in the order of commit.
#[derive(Clone, Debug)]
pub enum StoreUpdate {
    /// A webhook was registered, changed or deleted.
    Webhook(Arc<Webhook>),
    /// A notification is due for its first attempt at once.
    Untried {
        /// The notification.
        key: NotificationKey,
        /// Its payload, where memory allowed; it needs no reading then.
        payload: Option<Arc<CachedPayload>>,
    },
    /// A manual attempt was requested.
    Manual {
        /// The notification.
        key: NotificationKey,
        /// When.
        since: Timestamp,
        /// Whether a person asked for this one alone, and waits for it.
        at_once: bool,
    },
    /// A webhook has another target, or was set ACTIVE (again): what the target so far had asked for holds no more.
    Renewed {
        /// The webhook.
        no: WebhookNo,
        /// Whether it has another target.
        moved: bool,
    },
    /// The due time of its next automatic attempt was moved.
    Rescheduled {
        /// The notification.
        key: NotificationKey,
        /// Its new due time.
        due: Timestamp,
    },
    /// An attempt's outcome was recorded.
    OutcomeRecorded {
        /// The notification.
        key: NotificationKey,
        /// Its next automatic attempt.
        next_attempt: NextAttempt,
    },
    /// Nothing of it is pending any more.
    Cancelled {
        /// The notification.
        key: NotificationKey,
    },
    /// Every event up to this one is durable.
    Durable(Seq),
}

/// Passes updates to the engine. It is called on the committer's thread, and must not wait.
pub(crate) type SendUpdates = Box<dyn FnMut(Vec<StoreUpdate>) + Send>;
