//! The progress of retention through the audit.

use crate::store::schema::keys::Key;
use std::time::Duration;

/// How long a pass rests: rows are kept for a day at least, so that an hour more is little.
const BETWEEN_PASSES: Duration = Duration::from_secs(3600);

/// The progress of retention through the audit; in memory alone, since it is found again.
#[derive(Debug, Default)]
pub(crate) struct AuditRetirement {
    /// When the next step is due; at once where `None`.
    pub(crate) next: Option<Duration>,
    /// Where the pass goes on; at the first row where `None`.
    pub(crate) at: Option<Key>,
    /// How many rows the pass has deleted.
    pub(crate) deleted: u64,
}

impl AuditRetirement {
    /// How long until there is something to do.
    pub(crate) fn due_in(&self, now: Duration) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_sub(now))
    }

    /// Between two passes: the next one begins anew.
    pub(crate) fn resting(now: Duration) -> Self {
        Self { next: Some(now + BETWEEN_PASSES), ..Self::default() }
    }
}
