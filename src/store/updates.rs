//! What the delivery engine is told, in the order of commit.

use crate::model::{Notification, NotificationKey, Seq, State, Timestamp, Webhook, WebhookNo};
use crate::store::cached_payload::Hot;
use std::sync::Arc;

/// What a notification is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No automatic attempt.
    Nothing,
    /// Its first automatic attempt, at once.
    Fresh,
    /// Another automatic attempt, not before this.
    Retry(Timestamp),
}

impl From<&Notification> for Standing {
    fn from(notification: &Notification) -> Self {
        match notification.state {
            State::Pending if notification.test || notification.awaits_predecessor => Self::Nothing,
            State::Pending => Self::Fresh,
            State::Retrying { due } => Self::Retry(due),
            State::Delivered | State::Failed | State::Cancelled => Self::Nothing,
        }
    }
}

/// What the delivery engine is told, in the order of commit.
#[derive(Clone, Debug)]
pub enum Told {
    /// A webhook was registered, changed or deleted.
    Webhook(Arc<Webhook>),
    /// An event is owed to a webhook since now.
    Fresh {
        /// The notification.
        key: NotificationKey,
        /// Its payload, where memory allowed; it needs no reading then.
        hot: Option<Arc<Hot>>,
    },
    /// An attempt by hand is owed.
    Manual {
        /// The notification.
        key: NotificationKey,
        /// Since when.
        since: Timestamp,
        /// Whether a person asked for this one alone, and waits for it.
        at_once: bool,
    },
    /// A webhook has another target, or was set ACTIVE (again): what the target so far had asked for holds no more.
    Renewed {
        /// Which.
        no: WebhookNo,
        /// Whether it has another target.
        moved: bool,
    },
    /// An automatic attempt that was due later is due at this moment.
    Moved {
        /// The notification.
        key: NotificationKey,
        /// Its new due time.
        due: Timestamp,
    },
    /// An attempt's outcome was taken in.
    Settled {
        /// The notification.
        key: NotificationKey,
        /// What it is owed now.
        standing: Standing,
    },
    /// Nothing is owed of it any more.
    Cancelled {
        /// The notification.
        key: NotificationKey,
    },
    /// Every event up to this one is durable.
    Durable(Seq),
}
