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
pub struct Retirement {
    /// In each account that has any, the next event to look at, by the order of commit over all of them.
    pub heads: BTreeSet<(Seq, AccountNo)>,
    pub begun: Option<Duration>,
    pub next: Option<Duration>,
    /// How long nothing can become old enough of what was looked at and stays.
    stays_for: Option<Duration>,
    pub deleted: Deleted,
    /// Whether a step of this pass met what can't be read: from then on each looks at one event.
    pub careful: bool,
}

/// What a pass has deleted so far.
#[derive(Debug, Default)]
pub struct Deleted {
    pub events: u64,
    /// Of those, how many that are not too old: there were too many bytes.
    pub for_room: u64,
}

impl Deleted {
    /// One line for each pass that deleted anything.
    pub fn log(&self, limits: &Limits, now: Timestamp) {
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
    pub fn due_in(&self, now: Duration) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_sub(now))
    }

    /// What the step from `heads` on met can't be read, and nothing of the step is applied. It is made again event by
    /// event, and the one that it was is left to `carteiro verify`: what is behind it isn't held up.
    pub fn step_over(&mut self, heads: BTreeSet<(Seq, AccountNo)>) {
        if !self.careful {
            self.heads = heads;
        }
        self.careful = true;
    }

    /// Ends the pass; the next one begins anew.
    pub fn rest(&mut self, now: Duration) {
        let took = self.begun.map_or(BETWEEN_PASSES, |begun| now.saturating_sub(begun));
        let span = (took * REST_FOR_PASS).max(self.stays_for.unwrap_or_default()).max(SHORTEST_REST);
        let (next, deleted) = (now + span.min(BETWEEN_PASSES), std::mem::take(&mut self.deleted));
        *self = Self { next: Some(next), deleted, ..Self::default() };
    }

    pub fn stay_for(&mut self, span: Duration) {
        self.stays_for = Some(self.stays_for.map_or(span, |other| other.min(span)));
    }

    /// Whether the pass is over.
    pub fn rests(&self) -> bool {
        self.begun.is_none()
    }

    /// Begins anew at once: the limits have changed.
    pub fn restart(&mut self) {
        *self = Self { deleted: std::mem::take(&mut self.deleted), ..Self::default() };
    }
}
