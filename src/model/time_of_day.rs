//! Times that come every day, as the clock on the wall shows them; in which zone is not known here.

use std::fmt;

/// A minute of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    const MINUTES: u16 = 24 * 60;

    /// Reads `08:00`, from `00:00` to `23:59`.
    pub fn parse(text: &str) -> Option<Self> {
        let two_digits = |text: &str, end: u16| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| digits && *number < end)
        };
        let (hours, minutes) = text.split_once(':')?;
        Some(Self(two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?))
    }

    /// The minute that so many seconds after midnight lie in, whatever the day.
    pub fn of_seconds(seconds: i64) -> Self {
        let minutes = seconds.div_euclid(60).rem_euclid(Self::MINUTES.into());
        Self(u16::try_from(minutes).unwrap_or_default())
    }

    /// Minutes since midnight, below 1,440.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours of every day, from one minute to before another, over midnight where the end is the smaller of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl QuietHours {
    /// Reads `22:00-07:00`; a beginning that is the end too is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let hours = Self { from: TimeOfDay::parse(from)?, to: TimeOfDay::parse(to)? };
        (hours.from != hours.to).then_some(hours)
    }

    /// Their first minute.
    pub const fn from(self) -> TimeOfDay {
        self.from
    }

    /// The first minute after them.
    pub const fn to(self) -> TimeOfDay {
        self.to
    }

    /// Whether a minute is among them.
    pub fn contain(self, minute: TimeOfDay) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_two_pairs_of_digits() {
        for good in ["00:00", "08:05", "23:59"] {
            assert_eq!(TimeOfDay::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "8:00", "24:00", "00:60", "08:0", "+8:00", "08:00:00", "0800", "08:-1", "٠٨:٠٠"] {
            assert_eq!(TimeOfDay::parse(bad), None, "{bad}");
        }
        assert_eq!(TimeOfDay::of_seconds(-1).to_string(), "23:59");
        assert_eq!(TimeOfDay::of_seconds(86_400 + 3_661).to_string(), "01:01");
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_end_before_their_end() {
        let contain = |hours: &str, at: &str| QuietHours::parse(hours).unwrap().contain(TimeOfDay::parse(at).unwrap());
        for (hours, at, expected) in [
            ("22:00-07:00", "21:59", false),
            ("22:00-07:00", "22:00", true),
            ("22:00-07:00", "00:00", true),
            ("22:00-07:00", "06:59", true),
            ("22:00-07:00", "07:00", false),
            ("12:00-13:30", "13:29", true),
            ("12:00-13:30", "13:30", false),
            ("12:00-13:30", "11:59", false),
        ] {
            assert_eq!(contain(hours, at), expected, "{hours} {at}");
        }
        for bad in ["", "22:00", "22:00-22:00", "22:00–07:00", "22:00 - 07:00", "25:00-07:00"] {
            assert_eq!(QuietHours::parse(bad), None, "{bad}");
        }
    }
}
