//! When a message may leave: the settings of alerts, and the pace that keeps a storm from being told blow by blow.

use crate::clock::Zone;
use crate::model::{QuietHours, Recipient, RetryPolicy, TimeOfDay, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long what is new gathers, so that webhooks that fail together are one message.
pub const GATHER: Duration = Duration::from_secs(5);
/// How long what happens is gathered into one alert for each webhook.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long a message is tried by a channel that fails.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after the message before it one leaves, by how many have left within an hour: the first ones at once, and
/// no more than about six in an hour, however many things begin and end. Critical alerts don't wait for it.
const SPACING: [Duration; 5] = [
    Duration::ZERO,
    Duration::ZERO,
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
];

/// What the config says of alerts, and who has which channels.
#[derive(Clone, Debug)]
pub struct Rules {
    /// When an alert is repeated, counted from the first one; ascending.
    pub repeat: Vec<Duration>,
    /// When nothing is sent that isn't critical.
    pub quiet: Option<QuietHours>,
    /// When the summary of a day is sent.
    pub digest: Option<TimeOfDay>,
    /// In which zone both are.
    pub zone: Zone,
    /// The channels of each recipient that has any.
    pub channels: BTreeMap<Recipient, Vec<String>>,
}

impl Rules {
    /// The channels of a recipient.
    pub fn channels_of(&self, recipient: Recipient) -> &[String] {
        self.channels.get(&recipient).map(Vec::as_slice).unwrap_or_default()
    }

    /// The minute of the day, as the zone's clocks show it.
    pub fn minute(&self, now: Timestamp) -> TimeOfDay {
        let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
        TimeOfDay::of_seconds(seconds + self.zone.offset(seconds))
    }

    /// Whether what isn't critical waits.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet.is_some_and(|hours| hours.contain(self.minute(now)))
    }
}

/// How many reminders are past at `now`, of an alert that was first told at a moment.
pub fn reminders(repeat: &[Duration], told_at: Timestamp, now: Timestamp) -> u8 {
    let past = repeat.iter().filter(|span| told_at.plus(**span) <= now).count();
    u8::try_from(past).unwrap_or(u8::MAX)
}

/// Whether one more message may leave now, after those that were `written`, the newest last.
pub fn has_turn(written: &[Timestamp], now: Timestamp) -> bool {
    let recent = written.iter().filter(|at| now.since(**at) < HOUR).count();
    let spacing = SPACING[recent.min(REMEMBERED)];
    written.last().is_none_or(|last| last.plus(spacing) <= now)
}

/// How many of the messages that were written the pace looks at.
pub const REMEMBERED: usize = SPACING.len() - 1;

/// How long until a message is tried again after so many failures: the gaps that notifications have by default, or what
/// the channel asks for where that is longer, up to an hour.
pub fn gap_after(failed: u8, asked_for: Duration) -> Duration {
    let policy = RetryPolicy::default();
    let nth = usize::from(failed.saturating_sub(1)).min(policy.schedule().len() - 1);
    policy.schedule()[nth].max(asked_for.min(HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_ms(1_795_435_200_000 + minutes * 60_000)
    }

    #[test]
    fn a_storm_is_told_ever_more_slowly() {
        let (mut written, mut now) = (Vec::new(), at(0));
        let mut count = 0;
        while now < at(60) {
            if has_turn(&written, now) {
                written.push(now);
                count += 1;
            }
            now = now.plus(Duration::from_secs(1));
        }
        assert!((6..=8).contains(&count), "{count}");
        assert!(has_turn(&written, at(200)), "a calm hour begins anew");
    }

    #[test]
    fn quiet_hours_and_days_are_those_of_the_zone() {
        let rules = Rules {
            repeat: vec![HOUR, 2 * HOUR],
            quiet: QuietHours::parse("22:00-07:00"),
            digest: None,
            zone: Zone::of_variable(Some("<-03>3")),
            channels: BTreeMap::new(),
        };
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for (text, quiet) in [
            ("2026-11-29T00:59:59Z", false),
            ("2026-11-29T01:00:00Z", true),
            ("2026-11-29T09:59:59Z", true),
            ("2026-11-29T10:00:00Z", false),
        ] {
            assert_eq!(rules.is_quiet(at(text)), quiet, "{text}");
        }
        let told = at("2026-11-29T10:00:00Z");
        assert_eq!(reminders(&rules.repeat, told, told.plus(HOUR)), 1);
        assert_eq!(reminders(&rules.repeat, told, told.plus(5 * HOUR)), 2);
    }

    #[test]
    fn retries_come_as_those_of_notifications_do() {
        assert_eq!(gap_after(1, Duration::ZERO), Duration::from_secs(5));
        assert_eq!(gap_after(1, Duration::from_secs(90)), Duration::from_secs(90), "what the channel asks for");
        assert_eq!(gap_after(1, 9 * MAX_AGE), HOUR);
        assert!(gap_after(200, Duration::ZERO) < MAX_AGE);
    }
}
