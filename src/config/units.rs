//! Sizes and durations, between text and number.

use super::{GIB, KIB, MIB};
use std::time::Duration;

const UNITS: [(&str, u64); 9] = [
    ("GiB", GIB),
    ("MiB", MIB),
    ("KiB", KIB),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("kB", 1000),
    ("B", 1),
    ("", 1),
];

/// Bytes: a whole number and a unit, `KiB` 1024 and `KB` 1000, or the number alone. `None` for all else, overflow included.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest binary unit that leaves a whole number, or `None` where that would be bytes.
pub(super) fn format_size(bytes: u64) -> Option<String> {
    let binary = [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)];
    let (unit, factor) = binary.into_iter().find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))?;
    Some(format!("{} {unit}", bytes / factor))
}

/// humantime's form, `"2h 30m"`; a bare number is no duration, not even `0`, which humantime would take.
///
/// A run of more than eleven digits and a text of more than 64 bytes are refused before humantime sees them: 2.4.0 panics
/// where whole seconds are at `u64::MAX` and the rest adds one more, and no duration anyone means is near that.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if longest > 11 || longest == text.trim().len() || text.len() > 64 {
        return None;
    }
    humantime::parse_duration(text).ok()
}

/// In one unit where a whole number of it will do, as people write limits: `"24h"` and `"90s"`, not `"1day"` and `"1m 30s"`.
pub(super) fn format_duration(span: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [("days", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let ms = span.as_millis();
    let whole = span.subsec_nanos().is_multiple_of(1_000_000) && ms != 0;
    // One day is better known as 24h.
    let fits =
        |(unit, factor): &(&str, u128)| whole && ms.is_multiple_of(*factor) && (*unit != "days" || ms >= 2 * factor);
    match UNITS.iter().find(|unit| fits(unit)) {
        Some((unit, factor)) => format!("{}{unit}", ms / factor),
        None => humantime::format_duration(span).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("1 B", 1),
            ("256 KiB", 262_144),
            ("1 MiB", 1_048_576),
            ("64MiB", 67_108_864),
            ("2 GiB", 2_147_483_648),
            ("500 KB", 500_000),
            ("500 kB", 500_000),
            (" 3 MB ", 3_000_000),
            ("1 GB", 1_000_000_000),
            ("18446744073709551615", u64::MAX),
            ("17179869183 GiB", u64::MAX - (GIB - 1)),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "+1",
            "1.5 GiB",
            "1 mib",
            "1 TiB",
            "1 M",
            "1 Mb",
            "1 MiB x",
            "18446744073709551616",
            "17179869184 GiB",
            "1\u{a0}é",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_print_as_they_read() {
        for (bytes, text) in [(1024, "1 KiB"), (64 * MIB, "64 MiB"), (1025 * KIB, "1025 KiB"), (GIB, "1 GiB")] {
            assert_eq!(format_size(bytes).as_deref(), Some(text));
            assert_eq!(parse_size(text), Some(bytes));
        }
        assert_eq!(format_size(500_000), None);
        assert_eq!(format_size(0), None);
    }

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
        ] {
            let span = Duration::from_nanos(ns);
            assert_eq!(format_duration(span), text);
            assert_eq!(parse_duration(text), Some(span));
        }
    }
}
