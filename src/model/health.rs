//! How a webhook's target does, while it doesn't do well.

use super::{DisabledReason, Timestamp};
use std::time::Duration;

/// What is known of a target since its last confirmation, or since its webhook was made, changed its target or was set to ACTIVE.
/// There is none for one whose last attempt was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// When the first automatic attempt failed.
    pub failing_since: Timestamp,
    /// Whether a notification has used up its automatic attempts since then.
    pub exhausted: bool,
    /// Whether it has answered 410 Gone.
    pub gone: bool,
    /// When it was told that the webhook is about to be disabled.
    pub warned_at: Option<Timestamp>,
}

/// When a webhook is disabled for its target's sake. Never, by default: the guide has no such rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisableRule {
    /// How long nothing must have been confirmed; a notification must have used up its attempts as well.
    pub after: Option<Duration>,
    /// Whether a 410 Gone is enough.
    pub on_gone: bool,
}

/// What the rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing.
    None,
    /// To tell that it will be disabled at this moment, if nothing is confirmed until then.
    Warn(Timestamp),
    /// To disable it.
    Disable(DisabledReason),
}

impl DisableRule {
    /// How long before it is disabled a webhook is warned of: a day, and half of a rule shorter than two.
    fn notice(after: Duration) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        DAY.min(after / 2)
    }

    /// When a webhook that was warned of will be disabled: never before the notice is over, whatever the clock did.
    pub fn disables_at(self, health: &Health) -> Option<Timestamp> {
        let (after, warned_at) = (self.after?, health.warned_at?);
        Some(health.failing_since.plus(after).max(warned_at.plus(Self::notice(after))))
    }

    /// What is to be done about a target at `now`.
    pub fn judge(self, health: &Health, now: Timestamp) -> Ruling {
        if self.on_gone && health.gone {
            return Ruling::Disable(DisabledReason::Gone);
        }
        let Some(after) = self.after.filter(|_| health.exhausted) else {
            return Ruling::None;
        };
        let since = health.failing_since;
        match self.disables_at(health) {
            Some(at) if at <= now => Ruling::Disable(DisabledReason::Failing { since }),
            Some(_) => Ruling::None,
            None => {
                let notice = Self::notice(after);
                if since.plus(after.saturating_sub(notice)) > now {
                    return Ruling::None;
                }
                Ruling::Warn(since.plus(after).max(now.plus(notice)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    fn at(days: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + days * DAY_MS)
    }

    fn failing(exhausted: bool, warned_at: Option<Timestamp>) -> Health {
        Health { failing_since: at(0), exhausted, gone: false, warned_at }
    }

    const FIVE_DAYS: DisableRule = DisableRule { after: Some(Duration::from_millis(5 * DAY_MS)), on_gone: false };

    #[test]
    fn both_conditions_and_a_days_notice() {
        assert_eq!(FIVE_DAYS.judge(&failing(false, None), at(90)), Ruling::None);
        assert_eq!(FIVE_DAYS.judge(&failing(true, None), at(3)), Ruling::None);
        assert_eq!(FIVE_DAYS.judge(&failing(true, None), at(4)), Ruling::Warn(at(5)));
        assert_eq!(FIVE_DAYS.judge(&failing(true, Some(at(4))), at(4)), Ruling::None);
        let disable = Ruling::Disable(DisabledReason::Failing { since: at(0) });
        assert_eq!(FIVE_DAYS.judge(&failing(true, Some(at(4))), at(5)), disable);
        // Exhausted only long after, or a clock that leapt: the notice is given all the same.
        assert_eq!(FIVE_DAYS.judge(&failing(true, None), at(30)), Ruling::Warn(at(31)));
        assert_eq!(FIVE_DAYS.judge(&failing(true, Some(at(30))), at(30)), Ruling::None);
        assert_eq!(FIVE_DAYS.judge(&failing(true, Some(at(30))), at(31)), disable);
    }

    #[test]
    fn off_by_default_and_gone_only_where_asked_for() {
        let gone = Health { gone: true, ..failing(true, Some(at(1))) };
        assert_eq!(DisableRule::default().judge(&gone, at(90)), Ruling::None);
        let rule = DisableRule { on_gone: true, ..DisableRule::default() };
        assert_eq!(rule.judge(&gone, at(0)), Ruling::Disable(DisabledReason::Gone));
        assert_eq!(rule.judge(&failing(true, None), at(90)), Ruling::None);
    }
}
