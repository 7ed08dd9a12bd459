//! A point in wall time, to the millisecond.

use super::words::serialize_as_text;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A span in whole milliseconds, saturating.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The text is no ISO 8601 time with a date, a time and an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampError;

/// 9999-12-31T23:59:59.999Z, the last moment that four-digit years can write.
const LAST_MS: u64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since the epoch; anything after the year 9999 is read as its last millisecond.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > LAST_MS { LAST_MS } else { ms })
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as `webhook-timestamp` states them.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment and `span` later, saturating.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self::from_ms(self.0.saturating_add(millis(span)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Reads ISO 8601 as people and shops write it: `2026-11-23T10:00:00Z`, with a fraction of a second (cut to
    /// milliseconds), or with an offset such as `-03:00`.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let (local, offset_s) = split_offset(text).ok_or(TimestampError)?;
        // humantime reads RFC 3339 in UTC alone, and would accept "2026-11-23 10:00:00" too; offsets are ours to undo.
        if local.as_bytes().get(10) != Some(&b'T') {
            return Err(TimestampError);
        }
        let at = humantime::parse_rfc3339(&format!("{local}Z")).map_err(|_| TimestampError)?;
        let ms = at.duration_since(UNIX_EPOCH).map_err(|_| TimestampError)?.as_millis();
        let ms = i64::try_from(ms).map_err(|_| TimestampError)? - offset_s * 1000;
        u64::try_from(ms).map(Self::from_ms).map_err(|_| TimestampError)
    }
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let at = text.len().checked_sub(6)?;
    let (local, offset) = (text.get(..at)?, text.get(at..)?);
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let two_digits = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok());
    let (hours, minutes) = (two_digits(hours)??, two_digits(minutes)??);
    (hours <= 23 && minutes <= 59).then_some((local, sign * (hours * 3600 + minutes * 60)))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: SystemTime = UNIX_EPOCH + Duration::from_millis(self.0);
        fmt::Display::fmt(&humantime::format_rfc3339_millis(at), f)
    }
}

serialize_as_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_undoes_offsets() {
        let at = Timestamp::from_ms(1_795_435_200_123);
        assert_eq!(at.to_string(), "2026-11-23T12:00:00.123Z");
        assert_eq!(Timestamp::parse("2026-11-23T12:00:00.123Z"), Ok(at));
        assert_eq!(Timestamp::parse("2026-11-23T09:00:00.123-03:00"), Ok(at));
        assert_eq!(Timestamp::parse("2026-11-23T12:00:00.123999Z"), Ok(at));
        assert_eq!(Timestamp::parse("2026-11-23T17:30:00.123+05:30"), Ok(at));
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "",
            "Z",
            "2026-11-23",
            "2026-11-23 12:00:00Z",
            "2026-11-23T12:00:00",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:00:00Z",
            "2026-11-23T12:00:00+3:00",
            "2026-11-23T12:00:00+25:00",
            "ééé",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_ms(u64::MAX).plus(Duration::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_ms(5).since(Timestamp::from_ms(9)), Duration::ZERO);
    }
}
