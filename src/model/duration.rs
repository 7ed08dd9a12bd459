//! Spans of time, between text and number.

use std::time::Duration;

/// The longest run of digits that is read.
const MAX_DIGITS: usize = 11;

/// humantime's form, `"2h 30m"`; a bare number is no duration, not even `0`, which humantime would take.
///
/// A run of more than eleven digits and a text of more than 64 bytes are refused before humantime sees them: 2.4.0
/// panics where whole seconds are at `u64::MAX` and the rest adds one more, and no duration anyone means is near that.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if longest > MAX_DIGITS || longest == text.trim().len() || text.len() > 64 {
        return None;
    }
    humantime::parse_duration(text).ok()
}

/// In one unit where a whole number of it will do, as people write limits: `"24h"` and `"90s"`, not `"1day"` and `"1m
/// 30s"`.
pub fn format_duration(span: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [("days", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let ms = span.as_millis();
    let whole = span.subsec_nanos().is_multiple_of(1_000_000) && ms != 0;
    let readable = |number: u128| number.to_string().len() <= MAX_DIGITS;
    let fits = |(unit, factor): &(&str, u128)| {
        // One day is better known as 24h.
        let usual = *unit != "days" || ms >= 2 * factor;
        whole && usual && ms.is_multiple_of(*factor) && readable(ms / factor)
    };
    match UNITS.iter().find(|unit| fits(unit)) {
        Some((unit, factor)) => format!("{}{unit}", ms / factor),
        None => humantime::format_duration(span).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_never_panic() {
        assert_eq!(parse_duration("2h 30m"), Some(Duration::from_secs(9000)));
        assert_eq!(parse_duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        for text in ["", "30", "0", "-1s", "1 fortnight", "s", "18446744073709551615s 1000ms", "999999999999s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_print_as_they_read() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500_000, "1ms 500us"),
            (1_000_000, "1ms"),
            (75_000_000_000, "75s"),
            (300_000_000_000, "5m"),
            (86_400_000_000_000, "24h"),
            (172_800_000_000_000, "2days"),
            (2_592_000_000_000_000, "30days"),
            (2_592_001_000_000_000, "2592001s"),
            (99_999_999_999_000_000, "99999999999ms"),
            // Found by fuzzing: 157788000001ms would be more digits than are read.
            (157_788_000_001_000_000, "5years 1ms"),
        ] {
            let span = Duration::from_nanos(ns);
            assert_eq!(format_duration(span), text);
            assert_eq!(parse_duration(text), Some(span));
        }
    }
}
