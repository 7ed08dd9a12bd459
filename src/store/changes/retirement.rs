//! The progress of retention through the events.

use crate::model::{AccountNo, Seq, Timestamp, millis};
use crate::store::limits::Limits;
use std::collections::BTreeSet;
use std::time::Duration;

/// The least time between two steps, so that a caller who records events meanwhile waits behind few of them.
pub(crate) const BETWEEN_STEPS: Duration = Duration::from_millis(5);
/// The longest rest between two passes.
pub(crate) const BETWEEN_PASSES: Duration = Duration::from_secs(60);
/// The shortest; a pass that took longer rests twenty times as long as it took, so that what is pending and has to
/// be passed over each time takes a twentieth of the time at most.
pub(crate) const SHORTEST_REST: Duration = Duration::from_secs(2);
const REST_FOR_PASS: u32 = 20;

/// The progress of retention; in memory alone, since it is found again.
#[derive(Debug, Default)]
pub(crate) struct Retirement {
    /// In each account that has any, the next event to look at, by the order of commit over all of them.
    pub(crate) heads: BTreeSet<(Seq, AccountNo)>,
    pub(crate) begun: Option<Duration>,
    pub(crate) next: Option<Duration>,
    /// How long it takes at least until something of what was looked at, and stays, is old enough.
    stays_for: Option<Duration>,
    pub(crate) deleted: Deleted,
    /// Whether a step of this pass met what can't be read: from then on each looks at one event.
    pub(crate) careful: bool,
}

/// What a pass has deleted so far.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    pub(crate) events: u64,
    /// How many of those were not too old yet, and were deleted because there were too many bytes.
    pub(crate) for_room: u64,
}

impl Deleted {
    /// One line for each pass that deleted anything.
    pub(crate) fn log(&self, limits: &Limits, now: Timestamp) {
        if self.events == 0 {
            return;
        }
        let Self { events, for_room } = self;
        let span_ms = limits.retention.map_or(0, millis);
        let older_than = limits.retention.map(|_| Timestamp::from_ms(now.as_ms().saturating_sub(span_ms)));
        let older_than = older_than.map(tracing::field::display);
        tracing::info!(events, older_than, for_retention_bytes = for_room, "retention deleted events");
    }
}

impl Retirement {
    /// How long until there is something to do.
    pub(crate) fn due_in(&self, now: Duration) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_sub(now))
    }

    /// The step from `heads` on met what can't be read, and nothing of it is applied. It is made again event by event,
    /// and the event that can't be read is left to `carteiro verify`: what is behind it isn't held up.
    pub(crate) fn step_over(&mut self, heads: BTreeSet<(Seq, AccountNo)>) {
        if !self.careful {
            self.heads = heads;
        }
        self.careful = true;
    }

    /// Ends the pass; the next one begins anew.
    pub(crate) fn rest(&mut self, now: Duration) {
        let took = self.begun.map_or(BETWEEN_PASSES, |begun| now.saturating_sub(begun));
        let span = (took * REST_FOR_PASS).max(self.stays_for.unwrap_or_default()).max(SHORTEST_REST);
        let (next, deleted) = (now + span.min(BETWEEN_PASSES), std::mem::take(&mut self.deleted));
        *self = Self { next: Some(next), deleted, ..Self::default() };
    }

    pub(crate) fn stay_for(&mut self, span: Duration) {
        self.stays_for = Some(self.stays_for.map_or(span, |other| other.min(span)));
    }

    /// Whether the pass is over.
    pub(crate) fn rests(&self) -> bool {
        self.begun.is_none()
    }

    /// Begins anew at once: the limits have changed.
    pub(crate) fn restart(&mut self) {
        *self = Self { deleted: std::mem::take(&mut self.deleted), ..Self::default() };
    }
}
