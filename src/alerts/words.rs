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

/// A moment that is to come, as it stands behind a verb.
pub(crate) fn at_moment(language: Language, zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    let text = moment(language, zone, at, now);
    match (text.split_once(' '), language) {
        (Some((day, time)), Language::Pt) => format!("em {day} às {time}"),
        (None, Language::Pt) => format!("às {text}"),
        (Some((day, time)), Language::En) => format!("on {day} at {time}"),
        (None, Language::En) => format!("at {text}"),
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

/// A number with what is counted, in its singular or plural.
pub(crate) fn counted(count: u64, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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
        assert_eq!(at_moment(Language::Pt, &zone, at("2026-11-29T11:30:00Z"), now), "às 08:30");
        assert_eq!(at_moment(Language::Pt, &zone, at("2026-11-30T11:30:00Z"), now), "em 30/11 às 08:30");
        assert_eq!(at_moment(Language::En, &zone, at("2026-11-30T11:30:00Z"), now), "on 2026-11-30 at 08:30");
        assert_eq!(day(Language::Pt, &zone, at("2026-12-01T01:00:00Z")), "30/11/2026");
        for (seconds, text) in [(59, "59 s"), (60, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (187_200, "2 d 4 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        let sizes = [0, 1536, 300 << 20, 20 << 30].map(|bytes| Language::Pt.bytes(bytes));
        assert_eq!(sizes, ["0,0 KB", "1,5 KB", "300,0 MB", "20,0 GB"]);
        assert_eq!([1, 2].map(|count| counted(count, ["falhou", "falharam"])), ["1 falhou", "2 falharam"]);
    }

    #[test]
    fn long_lists_end_in_a_count() {
        let all: Vec<String> = (1..=12).map(|nth| format!("p-{nth}")).collect();
        assert_eq!(names(Language::Pt, &all[..2], 2), "p-1, p-2");
        assert!(names(Language::Pt, &all, 12).ends_with("p-10 e mais 2"));
        assert!(names(Language::En, &all, 50).ends_with("p-10 and 40 more"));
    }
}
