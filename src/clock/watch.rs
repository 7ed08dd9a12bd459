//! A wall clock that is watched: its steps, and how far it can be trusted.
//!
//! What can't be undone (deleting what is old, forgetting what has ended, disabling a webhook) must not follow a clock
//! that is ahead for a moment: a restored machine, a dead battery. It goes by the *trusted* time: the wall clock, but
//! no further ahead than a wall clock has stayed for [`PROBATION`]. A clock that is behind is trusted at once: it only
//! makes such things wait.

use super::reading::Reading;
use crate::model::{Timestamp, millis};
use std::time::Duration;

/// How long the wall clock must stay ahead of the monotonic one until it is trusted.
const PROBATION: Duration = Duration::from_secs(24 * 60 * 60);
/// A change of the wall clock against the monotonic one that is a step; clocks that are only adjusted change by less.
const STEP_MS: i64 = 500;
/// How far ahead of what is trusted a clock may be without waiting: what adjusting it may add up to.
const SLACK_MS: i64 = 60_000;
/// Likewise at a start, when nothing may have been stored for a while.
const SLACK_AT_START_MS: i64 = 60 * 60 * 1000;
/// The most levels that are remembered: each is a minute ahead of the one before it.
const MAX_LEVELS: usize = 100;

/// A step of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// By how many milliseconds: negative for one back.
    pub by_ms: i64,
}

/// What a daemon keeps for the next one of a clock that it doesn't trust yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The trusted time.
    pub at: Timestamp,
    /// For how long the wall clock has stayed ahead of it.
    pub ahead_for: Duration,
}

/// The watch over a wall clock. Look at least once a second.
#[derive(Debug)]
pub struct Watch {
    offset_ms: i64,
    trusted_ms: i64,
    /// Since when the clock has stayed at least so far ahead: each with the monotonic time, in milliseconds (before the
    /// start of this process for one that an earlier process saw), and the offset. Both rise.
    ahead: Vec<(i64, i64)>,
}

impl Watch {
    /// Begins to watch. `before` is what an earlier process stored: at a start, a clock that is far ahead of it may be
    /// wrong.
    pub fn new(now: Reading, before: Option<Trust>) -> Self {
        let offset_ms = now.offset_ms();
        let Some(Trust { at, ahead_for }) = before else {
            return Self { offset_ms, trusted_ms: offset_ms, ahead: Vec::new() };
        };
        let mut watch =
            Self { offset_ms, trusted_ms: Reading { wall: at, ..now }.offset_ms().min(offset_ms), ahead: Vec::new() };
        let slack_ms = if ahead_for.is_zero() { SLACK_AT_START_MS } else { SLACK_MS };
        if offset_ms > watch.trusted_ms + slack_ms {
            watch.ahead.push((signed_ms(now.ran) - signed_ms(ahead_for), offset_ms));
        } else {
            watch.trusted_ms = offset_ms;
        }
        watch
    }

    /// Looks at the clocks; says whether the wall clock has stepped since the last look.
    pub fn look(&mut self, now: Reading) -> Option<Step> {
        let (offset, ran) = (now.offset_ms(), signed_ms(now.ran));
        let by_ms = offset - self.offset_ms;
        // Small changes add up to no step: they are taken in at each look.
        self.offset_ms = offset;
        // It has come back from levels further ahead: nothing of them is trusted.
        while self.ahead.last().is_some_and(|(_, level)| *level > offset + SLACK_MS) {
            self.ahead.pop();
        }
        if offset <= self.trusted_ms + SLACK_MS {
            self.ahead.clear();
        } else if self.ahead.last().is_none_or(|(_, level)| offset > level + SLACK_MS) && self.ahead.len() < MAX_LEVELS
        {
            self.ahead.push((ran, offset));
        }
        let lasted = self.ahead.iter().take_while(|(since, _)| ran - since >= signed_ms(PROBATION)).count();
        if let Some((_, level)) = self.ahead.drain(..lasted).next_back() {
            self.trusted_ms = level;
        }
        // What is adjusted forwards is followed slowly, what is put back at once.
        if self.ahead.is_empty() {
            self.trusted_ms = offset;
        }
        (by_ms.abs() >= STEP_MS).then_some(Step { by_ms })
    }

    /// The time to go by where a wrong clock would do lasting harm; never after the wall clock.
    pub fn trusted(&self, now: Reading) -> Timestamp {
        let latest = self.trusted_ms.saturating_add(SLACK_MS).saturating_add(signed_ms(now.ran));
        now.wall.min(Timestamp::from_ms(u64::try_from(latest).unwrap_or(0)))
    }

    /// How far the wall clock was ahead of the trusted time at the last look; zero where it is trusted.
    pub fn lead(&self) -> Duration {
        if self.ahead.is_empty() {
            return Duration::ZERO;
        }
        Duration::from_millis(u64::try_from(self.offset_ms - self.trusted_ms).unwrap_or(0))
    }

    /// What the next process must know; `None` where the clock is trusted.
    pub fn to_keep(&self, now: Reading) -> Option<Trust> {
        let (since, _) = self.ahead.first()?;
        let at = u64::try_from(self.trusted_ms.saturating_add(signed_ms(now.ran))).unwrap_or(0);
        let ahead_for = Duration::from_millis(u64::try_from(signed_ms(now.ran) - since).unwrap_or(0));
        Some(Trust { at: Timestamp::from_ms(at), ahead_for })
    }
}

fn signed_ms(span: Duration) -> i64 {
    i64::try_from(millis(span)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const START: Timestamp = Timestamp::from_ms(1_795_435_200_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn watched() -> (Clock, Watch) {
        let clock = Clock::manual(START);
        let watch = Watch::new(clock.read(), None);
        (clock, watch)
    }

    fn trusted(clock: &Clock, watch: &mut Watch) -> Timestamp {
        watch.look(clock.read());
        watch.trusted(clock.read())
    }

    #[test]
    fn every_step_is_noticed_with_its_size_and_time_that_passes_is_none() {
        let (clock, mut watch) = watched();
        clock.pass(HOUR * 1000);
        assert_eq!(watch.look(clock.read()), None);
        for by_ms in [500, -500, 3_600_000, -3_600_000, -86_400_000, 10_000_000_000] {
            clock.step_to(Timestamp::from_ms(clock.now().as_ms().checked_add_signed(by_ms).unwrap()));
            assert_eq!(watch.look(clock.read()), Some(Step { by_ms }));
            assert_eq!(watch.look(clock.read()), None);
        }
        clock.step_to(clock.now().plus(Duration::from_millis(499)));
        assert_eq!(watch.look(clock.read()), None);
    }

    #[test]
    fn a_clock_that_is_ahead_is_trusted_once_that_has_lasted_a_day() {
        let (clock, mut watch) = watched();
        clock.step_to(START.plus(HOUR * 2400));
        assert!(trusted(&clock, &mut watch) <= START.plus(Duration::from_secs(60)));
        assert_eq!(watch.lead(), HOUR * 2400);
        clock.pass(HOUR * 23);
        assert!(trusted(&clock, &mut watch) <= START.plus(HOUR * 23 + Duration::from_secs(60)));
        clock.pass(HOUR);
        assert_eq!(trusted(&clock, &mut watch), clock.now());
        assert_eq!((watch.lead(), watch.to_keep(clock.read())), (Duration::ZERO, None));
    }

    #[test]
    fn one_that_comes_back_begins_anew_and_one_that_is_put_back_is_trusted_at_once() {
        let (clock, mut watch) = watched();
        for _ in 0..5 {
            clock.step_to(clock.now().plus(HOUR * 100));
            assert!(trusted(&clock, &mut watch) < clock.now());
            clock.pass(HOUR * 20);
            assert!(trusted(&clock, &mut watch) < clock.now());
            clock.step_to(Timestamp::from_ms(clock.now().as_ms() - 360_000_000));
            assert_eq!(trusted(&clock, &mut watch), clock.now());
        }
        clock.step_to(Timestamp::from_ms(1_000));
        assert_eq!(trusted(&clock, &mut watch), clock.now());
        // Put right again, it is ahead of what is trusted by now.
        clock.step_to(START);
        assert!(trusted(&clock, &mut watch) < START);
    }

    #[test]
    fn a_machine_that_sleeps_each_night_is_a_day_behind_and_no_more() {
        let (clock, mut watch) = watched();
        for day in 0..20 {
            clock.step_to(clock.now().plus(HOUR * 8));
            watch.look(clock.read());
            clock.pass(HOUR * 16);
            let behind = clock.now().since(trusted(&clock, &mut watch));
            assert!(behind <= HOUR * 16, "on day {day}: {behind:?}");
        }
    }

    #[test]
    fn a_start_goes_on_where_the_process_before_it_ended() {
        let clock = Clock::manual(START);
        let stored = Some(Trust { at: START, ahead_for: Duration::ZERO });
        assert_eq!(Watch::new(clock.read(), stored).lead(), Duration::ZERO);
        clock.step_to(START.plus(HOUR * 2400));
        let mut watch = Watch::new(clock.read(), stored);
        assert_eq!(watch.lead(), HOUR * 2400);
        for _ in 0..4 {
            clock.pass(HOUR * 7);
            trusted(&clock, &mut watch);
            let stored = watch.to_keep(clock.read());
            watch = Watch::new(clock.read(), stored);
        }
        assert_eq!(trusted(&clock, &mut watch), clock.now(), "28 hours in all");
        // One that is behind what was stored is right as far as anybody can know.
        clock.step_to(START);
        assert_eq!(Watch::new(clock.read(), stored).lead(), Duration::ZERO);
    }

    #[test]
    fn small_adjustments_are_followed() {
        let (clock, mut watch) = watched();
        for _ in 0..1000 {
            clock.pass(Duration::from_secs(1));
            clock.step_to(clock.now().plus(Duration::from_millis(400)));
            assert_eq!(trusted(&clock, &mut watch), clock.now());
        }
        assert_eq!(watch.lead(), Duration::ZERO);
    }
}
