//! Moments as people type them on the command line.

use super::language::say;
use crate::clock::{Clock, Zone};
use crate::model::{Timestamp, localized};
use std::time::Duration;

const DAY: i64 = 86_400;

/// A moment on the command line, as the API takes it.
pub(crate) fn moment(text: &str) -> Result<String, String> {
    let at = read(Zone::local(), text, Clock::System.now());
    at.map(|at| at.to_string()).ok_or_else(|| {
        say(localized!(
            "must be a time such as \"2026-11-28 09:00\" (local), 2026-11-28, today, yesterday, \"2h ago\", or with an \
             offset, 2026-11-28T12:00:00Z",
            "deve ser um momento como \"2026-11-28 09:00\" (local), 2026-11-28, today (hoje), yesterday (ontem), \
             \"2h ago\" (há 2h), ou com a diferença, 2026-11-28T12:00:00Z"
        ))
    })
}

/// Reads a moment as people write it: `2026-11-28 09:00`, `2026-11-28` (its beginning), `today`, `yesterday`,
/// `now`, `2h`, `-2h` and `2h ago`, in this zone; or with an offset, `2026-11-28T09:00:00Z`.
fn read(zone: &Zone, text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let today = zone.day(now) * DAY;
    let at = |seconds: i64| u64::try_from(seconds).ok().map(|seconds| Timestamp::from_ms(seconds * 1000));
    match text {
        "now" => return Some(now),
        "today" => return at(zone.moment(today)),
        "yesterday" => return at(zone.moment(today - DAY)),
        _ => {}
    }
    if let Some(span) = text.strip_prefix('-').or_else(|| text.strip_suffix("ago")) {
        return Some(before(now, crate::model::parse_duration(span.trim())?));
    }
    if let Some(span) = crate::model::parse_duration(text) {
        return Some(before(now, span));
    }
    let text = text.replacen(' ', "T", 1);
    if let Ok(at) = Timestamp::parse(&text) {
        return Some(at);
    }
    let (date, time) = text.split_once('T').unwrap_or((&text, "00:00:00"));
    // Without seconds too, and then with an offset perhaps.
    let (clock, offset) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let clock = if clock.find(':') == Some(1) { format!("0{clock}") } else { clock.to_owned() };
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    if !offset.is_empty() {
        return Timestamp::parse(&format!("{date}T{clock}{seconds}{offset}")).ok();
    }
    let local = Timestamp::parse(&format!("{date}T{clock}{seconds}Z")).ok()?;
    let (seconds, ms) = (i64::try_from(local.as_secs()).ok()?, local.as_ms() % 1000);
    at(zone.moment(seconds)).map(|at| Timestamp::from_ms(at.as_ms() + ms))
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_ms(now.as_ms().saturating_sub(crate::model::millis(span)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn what_people_type_is_a_moment_of_their_own_day() {
        let now = at("2026-11-28T01:30:00Z");
        let recife = Zone::of_variable(Some("<-03>3"));
        for (text, moment) in [
            ("2026-11-28 09:00", "2026-11-28T12:00:00Z"),
            ("2026-11-28 9:00", "2026-11-28T12:00:00Z"),
            ("2026-11-28T09:00", "2026-11-28T12:00:00Z"),
            ("2026-11-28 09:00:30.5", "2026-11-28T12:00:30.500Z"),
            ("2026-11-28", "2026-11-28T03:00:00Z"),
            // Here it is still the 27th.
            ("today", "2026-11-27T03:00:00Z"),
            ("yesterday", "2026-11-26T03:00:00Z"),
            ("now", "2026-11-28T01:30:00Z"),
            ("2h", "2026-11-27T23:30:00Z"),
            ("-2h", "2026-11-27T23:30:00Z"),
            ("2h ago", "2026-11-27T23:30:00Z"),
            ("1h 30m ago", "2026-11-28T00:00:00Z"),
            ("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
            ("2026-11-28 09:00Z", "2026-11-28T09:00:00Z"),
            ("2026-11-28 09:00-03:00", "2026-11-28T12:00:00Z"),
            ("2026-11-28T09:00:00+05:30", "2026-11-28T03:30:00Z"),
        ] {
            assert_eq!(read(&recife, text, now), Some(at(moment)), "{text}");
        }
        for bad in
            ["", "tomorrow", "28/11/2026", "2026-11-31", "2026-11-28 25:00", "2026-11-28 9", "ago", "-", "-x", "09:00"]
        {
            assert_eq!(read(&recife, bad, now), None, "{bad}");
        }
        // Shown twice, the first; shown never, as if the clock had not changed yet.
        let berlin = Zone::of_variable(Some("CET-1CEST,M3.5.0,M10.5.0/3"));
        assert_eq!(read(&berlin, "2026-10-25 02:30", now), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(read(&berlin, "2026-03-29 02:30", now), Some(at("2026-03-29T01:30:00Z")));
    }
}
