//! The health of a webhook's target since it last confirmed, and the rule that disables webhooks.

use super::{DisabledReason, Timestamp};
use std::time::Duration;

/// When a target counts as failing: the one rule that the log, the API, the panel, the metrics, the alerts and
/// `disable_after` go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailingRule {
    /// How many automatic attempts in a row must fail.
    pub attempts: u8,
    /// How long it must have confirmed nothing, with something pending, to count as failing all the same.
    pub after: Duration,
}

impl Default for FailingRule {
    fn default() -> Self {
        Self { attempts: 5, after: Duration::from_secs(15 * 60) }
    }
}

/// What is known of a target since its last confirmation, or since its webhook was made, changed its target or was set
/// to ACTIVE. There is none for one whose last attempt was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// When the first automatic attempt failed.
    pub failing_since: Timestamp,
    /// How many have failed in a row, counted to [`FailingRule::attempts`].
    pub failures: u8,
    /// Whether it counts as failing, by [`FailingRule`].
    pub failing: bool,
    /// Whether a notification has used up its automatic attempts since then.
    pub exhausted: bool,
    /// Whether its last answer was 410 Gone.
    pub gone: bool,
    /// The warning that the webhook is about to be disabled, once it was given.
    pub notice: Option<Notice>,
}

impl TargetHealth {
    /// Of a target whose first automatic attempt has failed at `now`, before that is counted.
    pub const fn first_failure(now: Timestamp) -> Self {
        Self { failing_since: now, failures: 0, failing: false, exhausted: false, gone: false, notice: None }
    }

    /// When a target begins to fail: so many attempts have failed with none confirmed in between, or it has confirmed
    /// nothing for so long while something is `pending`. It fails until it confirms, whatever becomes of the rule.
    pub fn has_come_to_fail(&self, rule: FailingRule, now: Timestamp, pending: bool) -> bool {
        self.failures >= rule.attempts || (pending && self.failing_since.plus(rule.after) <= now)
    }
}

/// The warning that a webhook is about to be disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Not before this.
    pub ends_at: Timestamp,
    /// Whether an automatic attempt has failed since the warning, and since the daemon was started: a target that was
    /// not attempted meanwhile may have been fixed. Not stored.
    pub proven: bool,
}

/// When a webhook is disabled because of its target. The guide has no such rule; Standard Webhooks asks for the one of
/// [`DisableRule::on_gone`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisableRule {
    /// How long nothing must have been confirmed; it must be failing, and a notification must have used up its attempts
    /// as well.
    pub after: Option<Duration>,
    /// Whether a 410 Gone is enough.
    pub on_gone: bool,
}

/// What a [`DisableRule`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisableDecision {
    /// Nothing.
    None,
    /// To warn that it will be disabled at this moment, unless its target confirms before.
    Warn(Timestamp),
    /// To withdraw the warning.
    Withdraw,
    /// To disable it.
    Disable(DisabledReason),
}

impl DisableRule {
    /// How long before it is disabled a webhook is warned of: a day, and half of a rule shorter than two.
    fn notice(after: Duration) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        DAY.min(after / 2)
    }

    /// When a webhook with a warning will be disabled, at the earliest: not before the announced moment, even if the
    /// rule has become stricter since.
    pub fn disables_at(self, health: &TargetHealth) -> Option<Timestamp> {
        let (after, notice) = (self.after?, health.notice?);
        Some(health.failing_since.plus(after).max(notice.ends_at))
    }

    /// What the rule asks for at `now`.
    pub fn evaluate(self, health: &TargetHealth, now: Timestamp) -> DisableDecision {
        if self.on_gone && health.gone {
            return DisableDecision::Disable(DisabledReason::Gone);
        }
        let (Some(after), true) = (self.after, health.failing && health.exhausted) else {
            return if health.notice.is_some() { DisableDecision::Withdraw } else { DisableDecision::None };
        };
        let since = health.failing_since;
        match (health.notice, self.disables_at(health)) {
            (Some(notice), Some(at)) if notice.proven && at <= now => {
                DisableDecision::Disable(DisabledReason::Failing { since })
            }
            (Some(_), _) => DisableDecision::None,
            (None, _) => {
                let notice = Self::notice(after);
                if since.plus(after.saturating_sub(notice)) > now {
                    return DisableDecision::None;
                }
                DisableDecision::Warn(since.plus(after).max(now.plus(notice)))
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

    fn failing(exhausted: bool, notice: Option<Notice>) -> TargetHealth {
        TargetHealth { exhausted, failing: true, notice, ..TargetHealth::first_failure(at(0)) }
    }

    #[test]
    fn five_in_a_row_or_a_quarter_of_an_hour_with_something_pending_is_failing() {
        let (mut health, rule) = (TargetHealth::first_failure(at(0)), FailingRule::default());
        let quarter = at(0).plus(rule.after);
        assert!(!health.has_come_to_fail(rule, Timestamp::from_ms(quarter.as_ms() - 1), true));
        assert!(health.has_come_to_fail(rule, quarter, true));
        assert!(!health.has_come_to_fail(rule, at(9), false), "nothing is pending");
        health.failures = rule.attempts - 1;
        assert!(!health.has_come_to_fail(rule, at(0), true));
        health.failures += 1;
        assert!(health.has_come_to_fail(rule, at(0), false));
        let patient = FailingRule { attempts: 20, after: Duration::from_secs(3600) };
        assert!(!health.has_come_to_fail(patient, quarter, true), "it goes by the rule it is given");
        let tried_once = TargetHealth { exhausted: true, ..TargetHealth::first_failure(at(0)) };
        assert_eq!(days(5).evaluate(&tried_once, at(90)), DisableDecision::None, "it goes by the same rule");
    }

    fn warned_until(days: u64, proven: bool) -> Notice {
        Notice { ends_at: at(days), proven }
    }

    const fn days(days: u64) -> DisableRule {
        DisableRule { after: Some(Duration::from_millis(days * DAY_MS)), on_gone: false }
    }

    #[test]
    fn both_conditions_and_a_days_notice() {
        let rule = days(5);
        assert_eq!(rule.evaluate(&failing(false, None), at(90)), DisableDecision::None);
        assert_eq!(rule.evaluate(&failing(true, None), at(3)), DisableDecision::None);
        assert_eq!(rule.evaluate(&failing(true, None), at(4)), DisableDecision::Warn(at(5)));
        assert_eq!(rule.evaluate(&failing(true, Some(warned_until(5, true))), at(4)), DisableDecision::None);
        let disable = DisableDecision::Disable(DisabledReason::Failing { since: at(0) });
        assert_eq!(rule.evaluate(&failing(true, Some(warned_until(5, true))), at(5)), disable);
        // Exhausted only long after: the notice is given all the same.
        assert_eq!(rule.evaluate(&failing(true, None), at(30)), DisableDecision::Warn(at(31)));
    }

    /// The daemon was down, or nothing was pending: the target may have been fixed meanwhile.
    #[test]
    fn nothing_is_disabled_that_was_not_tried_since_the_notice() {
        assert_eq!(days(5).evaluate(&failing(true, Some(warned_until(5, false))), at(90)), DisableDecision::None);
    }

    #[test]
    fn what_was_told_holds_whatever_becomes_of_the_rule() {
        let warned = failing(true, Some(warned_until(5, true)));
        assert_eq!(days(3).evaluate(&warned, at(4)), DisableDecision::None, "stricter");
        assert_eq!(days(9).evaluate(&warned, at(5)), DisableDecision::None, "milder");
        assert_eq!(days(9).disables_at(&warned), Some(at(9)));
        assert_eq!(DisableRule::default().evaluate(&warned, at(90)), DisableDecision::Withdraw);
        assert_eq!(DisableRule::default().disables_at(&warned), None);
    }

    #[test]
    fn gone_is_enough_where_the_rule_says_so() {
        let gone = TargetHealth { gone: true, ..failing(true, None) };
        assert_eq!(DisableRule::default().evaluate(&gone, at(90)), DisableDecision::None);
        let rule = DisableRule { on_gone: true, ..DisableRule::default() };
        assert_eq!(rule.evaluate(&gone, at(0)), DisableDecision::Disable(DisabledReason::Gone));
        assert_eq!(rule.evaluate(&failing(true, None), at(90)), DisableDecision::None);
    }
}
