//! The limits of the store: how much it takes, and for how long.

use crate::config::{Config, KeptBytes};
use crate::model::FailingRule;
use std::time::Duration;

/// The most webhooks one account can have at a time: each is matched against every type once, and explained in one
/// answer.
pub const MAX_WEBHOOKS: usize = 1000;
/// The most bulk jobs and deletions one account can have under way, and the most erasures.
pub const MAX_JOBS: usize = 100;
/// The most distinct event types that one account can record beside those of the catalogue: each has a number, held in
/// memory.
pub const MAX_EVENT_TYPES: usize = 1000;
/// The most notifications that one batch of events can make. All of a batch is one atomic write, and 100,000
/// notifications in one took 2 GiB of memory and three seconds in which nobody else's event was recorded.
pub const MAX_NOTIFICATIONS_AT_ONCE: usize = 20_000;

/// How long and how much is stored, and when a target counts as failing; replaced on reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long events are stored; for ever where `None`. What is pending stays in any case.
    pub retention: Option<Duration>,
    /// About how many bytes of events and notifications are stored.
    pub retention_bytes: Option<u64>,
    /// However many bytes that is, nothing goes before it is this old: an idempotency key answers for it until then.
    pub keep_at_least: Duration,
    /// How long rows of the audit are stored; for ever where `None`.
    pub audit_keep: Option<Duration>,
    /// How many bytes of the disk must stay free for events to be taken.
    pub min_free: u64,
    /// When the target of a webhook is marked as failing.
    pub failing: FailingRule,
}

impl Limits {
    /// Whether retention has nothing new to look for by these, where it went by `earlier` ones before.
    pub(crate) fn keep_the_same_as(&self, earlier: &Self) -> bool {
        Self { failing: earlier.failing, ..*self } == *earlier
    }

    /// Those of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            retention: config.store.retention,
            retention_bytes: match config.store.retention_bytes {
                KeptBytes::AtMost(bytes) => Some(bytes),
                // How many that is for this disk, `Store::configure` says.
                KeptBytes::ForDisk | KeptBytes::All => None,
            },
            keep_at_least: config.delivery.idempotency_window,
            audit_keep: config.audit.keep,
            min_free: config.store.min_free,
            failing: config.alerts.failing_rule(),
        }
    }
}
