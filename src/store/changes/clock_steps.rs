//! What the committer knows of the wall clock: it notices a step, says in the log what follows from it, and writes down
//! what the next start must know. How far [`bring_forward`](super::bring_forward), which mends what a wrong clock has
//! set, has got since the clock was put back stands here too.

use crate::clock::{Clock, Reading, Step};
use crate::model::Timestamp;
use crate::store::schema::keys::Key;
use crate::store::schema::record::ClockV1;
use crate::store::schema::{keys, record};
use crate::store::state::Shared;
use crate::store::txn::Txn;
use std::time::Duration;

/// How far ahead of what is trusted the wall clock must be for the log to say that retention waits: in a running
/// process, and at a start, before which nothing may have happened for long.
const FAR: Duration = Duration::from_secs(60 * 60);
const FAR_AT_START: Duration = Duration::from_secs(24 * 60 * 60);
/// How often what is known of a clock that isn't trusted is written down.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// What is looked at next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The first retry that wasn't looked at.
    Retries(Key),
    Windows,
}

/// What the committer knows of the clock's steps.
#[derive(Debug)]
pub(crate) struct ClockSteps {
    pub(crate) at: Option<At>,
    /// Whether the clock's record is to be written with the next batch.
    pub(crate) is_to_be_written: bool,
    /// When that was done last while the clock wasn't trusted.
    written: Option<Duration>,
    /// By how much the clock was put forward (below zero: back) and when, since alerts were last told of it.
    stepped: Option<(i64, Timestamp)>,
    /// Whether the log says that retention waits.
    is_logged: bool,
    started: Duration,
}

impl ClockSteps {
    /// At a start: `is_behind` says whether the clock is behind the store's last change.
    pub(crate) fn at_start(record: Option<&ClockV1>, is_behind: bool, pace: Duration) -> Self {
        let is_due = is_behind || record.is_some_and(|record| record.is_bringing_forward);
        Self {
            at: is_due.then(|| At::Retries(keys::all_retries())),
            is_to_be_written: false,
            written: record.and_then(|record| record.trust).map(|_| pace),
            stepped: None,
            is_logged: false,
            started: pace,
        }
    }

    /// Looks at everything, from the beginning: the clock was put back.
    pub(crate) fn begin(&mut self) {
        self.at = Some(At::Retries(keys::all_retries()));
        self.is_to_be_written = true;
    }

    /// Whether there is something left to look at.
    pub(crate) fn is_under_way(&self) -> bool {
        self.at.is_some()
    }

    /// Reads the clocks and notices a step of the wall clock.
    pub(crate) fn read(&mut self, clock: &Clock, shared: &Shared) -> Reading {
        let now = clock.read();
        let (step, lead, trust) = {
            let mut watch = shared.times.watch();
            (watch.look(now), watch.lead(), watch.to_keep(now))
        };
        if let Some(Step { by_ms }) = step {
            shared.meters.clock_stepped(by_ms > 0);
            let before = self.stepped.map_or(0, |(before, _)| before);
            self.stepped = Some((before.saturating_add(by_ms), now.wall));
            let (seconds, now) = (in_seconds(by_ms), now.wall);
            if by_ms < 0 {
                tracing::warn!(%seconds, %now, "the wall clock was put back: what is due is brought forward by as \
                                                much");
                self.begin();
            } else {
                tracing::warn!(%seconds, %now, "the wall clock was put forward, or this machine was suspended");
            }
        }
        let is_due = self.written.is_none_or(|at| clock.pace().saturating_sub(at) >= WRITE_EVERY);
        if (trust.is_some() && is_due) || (trust.is_none() && self.written.is_some()) {
            self.is_to_be_written = true;
        }
        self.log_lead(lead, clock.pace());
        now
    }

    fn log_lead(&mut self, lead: Duration, pace: Duration) {
        let far = if pace.saturating_sub(self.started) < Duration::from_secs(2) { FAR_AT_START } else { FAR };
        if lead >= far && !self.is_logged {
            self.is_logged = true;
            tracing::warn!(
                ahead = %humantime::format_duration(Duration::from_secs(lead.as_secs())),
                "the wall clock is far ahead of what this store has seen: until that has lasted 24 hours, retention \
                 goes by the time it knows; if the clock is wrong, put it right"
            );
        } else if lead.is_zero() && self.is_logged {
            self.is_logged = false;
            tracing::info!("the wall clock is trusted again: retention goes by it");
        }
    }

    /// Whether there is a step that alerts have not been told of.
    pub(crate) fn has_step(&self) -> bool {
        self.stepped.is_some()
    }

    /// That step: by how much, and when. It is told now.
    pub(crate) fn take_step(&mut self) -> Option<(i64, Timestamp)> {
        self.stepped.take()
    }

    /// Writes the clock's record along with whatever changes, if it must be.
    pub(crate) fn write_if_due(&mut self, clock: &Clock, shared: &Shared, txn: &mut Txn<'_>) {
        if !std::mem::take(&mut self.is_to_be_written) {
            return;
        }
        let record = shared.times.record(self.is_under_way());
        self.written = record.trust.map(|_| clock.pace());
        txn.put(keys::meta("clock"), record::encode_clock(&record));
    }
}

/// Milliseconds as seconds with their sign: `-3600.250`.
fn in_seconds(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {

    #[test]
    fn steps_are_logged_in_seconds() {
        let text = [-3_600_250, 500, -1].map(super::in_seconds);
        assert_eq!(text, ["-3600.250", "+0.500", "-0.001"]);
    }
}
