//! Small words of alerts: moments, spans, sizes and lists as the two languages write them.

use crate::clock::Zone;
use crate::model::{Language, Timestamp};
use std::time::Duration;

/// How many names a sentence lists.
pub(crate) const MAX_NAMES: usize = 10;

/// A moment as the zone's clocks show it: the time alone where that is today.
pub(crate) fn moment(language: Language, zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    let (text, today) = (zone.text(at), zone.text(now));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let time = part(11, 16);
    if text.get(..10) == today.get(..10) {
        return time.to_owned();
    }
    match language {
        Language::Pt => format!("{}/{} {time}", part(8, 10), part(5, 7)),
        Language::En => format!("{} {time}", part(0, 10)),
    }
}

/// A day, with its year.
pub(crate) fn day(language: Language, zone: &Zone, at: Timestamp) -> String {
    let text = zone.text(at);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    match language {
        Language::Pt => format!("{}/{}/{}", part(8, 10), part(5, 7), part(0, 4)),
        Language::En => part(0, 10).to_owned(),
    }
}

/// A span, rounded down to what matters: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. The same in both languages.
pub(crate) fn span(span: Duration) -> String {
    let s = span.as_secs();
    let two = |large: u64, unit: &str, small: u64, below: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {below}"),
    };
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// A size, in the binary unit that leaves one to four digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut left = bytes;
    while left >= 10 * 1024 && unit + 1 < UNITS.len() {
        left /= 1024;
        unit += 1;
    }
    format!("{left} {}", UNITS[unit])
}

/// Names in a sentence: the first [`MAX_NAMES`], and how many there are besides.
pub(crate) fn names(language: Language, names: &[String], all: usize) -> String {
    let listed = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = all.saturating_sub(names.len().min(MAX_NAMES));
    match (more, language) {
        (0, _) => listed,
        (more, Language::Pt) => format!("{listed} e mais {more}"),
        (more, Language::En) => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_short() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let zone = Zone::of_variable(Some("<-03>3"));
        let now = at("2026-11-29T12:00:00Z");
        assert_eq!(moment(Language::Pt, &zone, at("2026-11-29T11:30:00Z"), now), "08:30");
        assert_eq!(moment(Language::Pt, &zone, at("2026-11-29T02:30:00Z"), now), "28/11 23:30");
        assert_eq!(moment(Language::En, &zone, at("2026-11-29T02:30:00Z"), now), "2026-11-28 23:30");
        assert_eq!(day(Language::Pt, &zone, at("2026-12-01T01:00:00Z")), "30/11/2026");
        for (seconds, text) in [(59, "59 s"), (60, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (187_200, "2 d 4 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(
            [0, 10_239, 10_240, 300 << 20, 20 << 30].map(size),
            ["0 B", "10239 B", "10 KiB", "300 MiB", "20 GiB"]
        );
    }

    #[test]
    fn long_lists_end_in_a_count() {
        let all: Vec<String> = (1..=12).map(|nth| format!("p-{nth}")).collect();
        assert_eq!(names(Language::Pt, &all[..2], 2), "p-1, p-2");
        assert!(names(Language::Pt, &all, 12).ends_with("p-10 e mais 2"));
        assert!(names(Language::En, &all, 50).ends_with("p-10 and 40 more"));
    }
}
