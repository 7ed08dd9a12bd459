//! The time of the system's zone: read from what people type, and written with its offset.
//!
//! The zone is what `TZ` says, else `/etc/localtime`: a `TZif` file (RFC 9636) or a POSIX rule. What can't be read is
//! UTC, as libc has it.

use crate::model::Timestamp;
use std::fs;
use std::sync::OnceLock;

const DAY: i64 = 86_400;
const ZONES: &str = "/usr/share/zoneinfo";

/// When which offset from UTC holds, in seconds east.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Before the first change.
    first: i64,
    /// From which moment on (seconds since 1970) which offset holds, oldest first.
    changes: Vec<(i64, i64)>,
    /// Behind the last change.
    rule: Option<Rule>,
}

/// A rule as POSIX writes it, such as `<-03>3` or `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    from: Change,
    to: Change,
}

/// A day of the year and a time on it, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    day: Day,
    time: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    /// The nth (5: last) weekday (0: Sunday) of a month.
    Weekday { month: i64, nth: i64, weekday: i64 },
    /// From 1, the 29th of February never counted.
    Julian(i64),
    /// From 0.
    OfYear(i64),
}

/// The system's zone, read once.
pub(crate) fn local() -> &'static Zone {
    static LOCAL: OnceLock<Zone> = OnceLock::new();
    LOCAL.get_or_init(|| Zone::named(std::env::var("TZ").ok().as_deref()))
}

impl Zone {
    /// The zone that `TZ` names; without one, the system's.
    fn named(tz: Option<&str>) -> Self {
        let Some(tz) = tz else {
            return fs::read("/etc/localtime").ok().and_then(|file| Self::of_file(&file)).unwrap_or_default();
        };
        let name = tz.strip_prefix(':').unwrap_or(tz);
        let path = if name.starts_with('/') { name.to_owned() } else { format!("{ZONES}/{name}") };
        let file = || fs::read(path).ok().and_then(|file| Self::of_file(&file));
        let rule = || Rule::parse(name).map(|rule| Self { rule: Some(rule), ..Self::default() });
        if name.is_empty() { Self::default() } else { file().or_else(rule).unwrap_or_default() }
    }

    fn of_file(file: &[u8]) -> Option<Self> {
        let (version, block) = Block::read(file, 4)?;
        // From version 2 on, the same follows with 64 bits, and a rule for what comes later.
        let (block, footer) = if version == 0 {
            (block, None)
        } else {
            let (_, whole) = Block::read(block.rest, 8)?;
            let footer = std::str::from_utf8(whole.rest).ok()?.trim_matches('\n');
            (whole, Rule::parse(footer))
        };
        let mut changes = Vec::with_capacity(block.times.len());
        for (at, kind) in block.times.iter().zip(block.kinds) {
            changes.push((*at, *block.offsets.get(usize::from(*kind))?));
        }
        Some(Self { first: *block.offsets.first()?, changes, rule: footer })
    }

    /// Seconds east of UTC at a moment, in seconds since 1970.
    fn offset(&self, at: i64) -> i64 {
        let past = self.changes.partition_point(|(from, _)| *from <= at);
        match (&self.rule, past.checked_sub(1)) {
            (Some(rule), _) if past == self.changes.len() => rule.offset(at),
            (_, Some(last)) => self.changes[last].1,
            (_, None) => self.first,
        }
    }

    /// The moment of a local time, both in seconds since 1970; the earlier one where the clock shows it twice, and
    /// where it shows it never, what it would have been without the change.
    fn moment(&self, local: i64) -> i64 {
        let (before, after) = (self.offset(local - DAY), self.offset(local + DAY));
        let fits = [before, after].into_iter().find(|offset| self.offset(local - offset) == *offset);
        local - fits.unwrap_or(before)
    }

    /// A moment as tables show it: `2026-11-23 09:00:00-03:00`.
    pub(crate) fn show(&self, at: Timestamp) -> String {
        let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        let offset = self.offset(seconds);
        let Some(local) = seconds.checked_add(offset).and_then(|local| u64::try_from(local).ok()) else {
            return at.to_string();
        };
        let text = Timestamp::from_ms(local.saturating_mul(1000)).to_string();
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        let second = text.get(..19).unwrap_or_default().replacen('T', " ", 1);
        format!("{second}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// A text with the moments of the API in it (`2026-11-23T12:00:00.123Z`) as [`Zone::show`] has them.
    pub(crate) fn localize(&self, text: &str) -> String {
        const LENGTH: usize = "2026-11-23T12:00:00.123Z".len();
        let (mut localized, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(one) = rest.chars().next() {
            let moment = rest.get(..LENGTH).filter(|_| one.is_ascii_digit());
            if let Some(at) = moment.and_then(|moment| Timestamp::parse(moment).ok()) {
                localized.push_str(&self.show(at));
                rest = &rest[LENGTH..];
            } else {
                localized.push(one);
                rest = &rest[one.len_utf8()..];
            }
        }
        localized
    }

    /// Reads a moment as people write it: `2026-11-28 09:00`, `2026-11-28` (its beginning), `today`, `yesterday`,
    /// `now`, `-2h`, `2h ago`, in this zone; or with an offset, `2026-11-28T09:00:00Z`.
    fn read(&self, text: &str, now: Timestamp) -> Option<Timestamp> {
        let text = text.trim();
        let since_1970 = i64::try_from(now.as_secs()).ok()?;
        let today = (since_1970 + self.offset(since_1970)).div_euclid(DAY) * DAY;
        let at = |seconds: i64| u64::try_from(seconds).ok().map(|seconds| Timestamp::from_ms(seconds * 1000));
        match text {
            "now" => return Some(now),
            "today" => return at(self.moment(today)),
            "yesterday" => return at(self.moment(today - DAY)),
            _ => {}
        }
        if let Some(span) = text.strip_prefix('-').or_else(|| text.strip_suffix("ago")) {
            let span = crate::model::parse_duration(span.trim())?;
            return Some(Timestamp::from_ms(now.as_ms().saturating_sub(crate::model::millis(span))));
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
        at(self.moment(seconds)).map(|at| Timestamp::from_ms(at.as_ms() + ms))
    }
}

/// A moment on the command line, as the API takes it.
pub(crate) fn moment(text: &str) -> Result<String, String> {
    let at = local().read(text, crate::clock::Clock::System.now());
    at.map(|at| at.to_string()).ok_or_else(|| {
        "must be a time such as \"2026-11-28 09:00\" (local), 2026-11-28, today, yesterday, \"2h ago\", or with an \
         offset, 2026-11-28T12:00:00Z"
            .to_owned()
    })
}

/// One of the blocks of a `TZif` file.
struct Block<'f> {
    times: Vec<i64>,
    kinds: &'f [u8],
    offsets: Vec<i64>,
    rest: &'f [u8],
}

impl<'f> Block<'f> {
    /// The file's version and a block whose times have so many bytes.
    fn read(file: &'f [u8], width: usize) -> Option<(u8, Self)> {
        let header = file.get(..44).filter(|header| header.starts_with(b"TZif"))?;
        let count = |nth: usize| {
            let bytes = header.get(20 + 4 * nth..24 + 4 * nth)?;
            usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
        };
        let (utc, standard, leaps) = (count(0)?, count(1)?, count(2)?);
        let (times, kinds, letters) = (count(3)?, count(4)?, count(5)?);
        let mut at = 44;
        let mut take = |length: Option<usize>| {
            let taken = file.get(at..)?.get(..length?)?;
            at += taken.len();
            Some(taken)
        };
        let moments = take(times.checked_mul(width))?;
        let of_times = take(Some(times))?;
        let all = take(kinds.checked_mul(6))?;
        take(Some(letters))?;
        take(leaps.checked_mul(width + 4))?;
        take(Some(standard))?;
        take(Some(utc))?;
        let number = |bytes: &[u8]| match bytes.len() {
            4 => bytes.try_into().ok().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
            _ => bytes.try_into().ok().map(i64::from_be_bytes),
        };
        let block = Self {
            times: moments.chunks_exact(width).map(number).collect::<Option<_>>()?,
            kinds: of_times,
            offsets: all.chunks_exact(6).map(|kind| number(&kind[..4])).collect::<Option<_>>()?,
            rest: file.get(at..)?,
        };
        Some((header[4], block))
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let rest = name(text)?;
        let (west, rest) = span(rest)?;
        if rest.is_empty() {
            return Some(Self { standard: -west, summer: None });
        }
        let rest = name(rest)?;
        let (summer, rest) = if rest.starts_with(',') { (west - 3600, rest) } else { span(rest)? };
        let (from, rest) = Change::parse(rest.strip_prefix(',')?)?;
        let (to, rest) = Change::parse(rest.strip_prefix(',')?)?;
        let summer = Summer { offset: -summer, from, to };
        rest.is_empty().then_some(Self { standard: -west, summer: Some(summer) })
    }

    fn offset(&self, at: i64) -> i64 {
        let Some(Summer { offset, from, to }) = &self.summer else {
            return self.standard;
        };
        let year = year_of((at + self.standard).div_euclid(DAY));
        let (begin, end) = (from.at(year) - self.standard, to.at(year) - offset);
        // South of the equator summer holds over the turn of the year.
        let in_summer = if begin < end { begin <= at && at < end } else { at < end || begin <= at };
        if in_summer { *offset } else { self.standard }
    }
}

impl Change {
    fn parse(text: &str) -> Option<(Self, &str)> {
        let end = text.find([',', '/']).unwrap_or(text.len());
        let (day, rest) = text.split_at(end);
        let day = if let Some(day) = day.strip_prefix('M') {
            let mut parts = day.split('.').map(|part| part.parse().ok());
            let (month, nth, weekday) = (parts.next()??, parts.next()??, parts.next()??);
            if !(1..=12).contains(&month) || !(1..=5).contains(&nth) || !(0..=6).contains(&weekday) {
                return None;
            }
            Day::Weekday { month, nth, weekday }
        } else if let Some(day) = day.strip_prefix('J') {
            Day::Julian(day.parse().ok().filter(|day| (1..=365).contains(day))?)
        } else {
            Day::OfYear(day.parse().ok().filter(|day| (0..=365).contains(day))?)
        };
        let (time, rest) = match rest.strip_prefix('/') {
            Some(time) => span(time)?,
            None => (2 * 3600, rest),
        };
        Some((Self { day, time }, rest))
    }

    /// In local seconds since 1970, by the clock that is about to change.
    fn at(&self, year: i64) -> i64 {
        let new_year = days(year, 1, 1);
        let leap = days(year + 1, 1, 1) - new_year == 366;
        let day = match self.day {
            Day::OfYear(day) => new_year + day,
            Day::Julian(day) => new_year + day - 1 + i64::from(leap && day >= 60),
            Day::Weekday { month, nth, weekday } => {
                let first = days(year, month, 1);
                let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
                // 1970 began on a Thursday.
                let mut day = first + (weekday - (first + 4)).rem_euclid(7) + 7 * (nth - 1);
                while day >= next {
                    day -= 7;
                }
                day
            }
        };
        day * DAY + self.time
    }
}

/// Passes over the name of a zone: letters, or anything in `<…>`.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let end = text.find(|one: char| !one.is_ascii_alphabetic()).unwrap_or(text.len());
    (end >= 3).then(|| &text[end..])
}

/// `[+-]hh[:mm[:ss]]` in seconds, and what follows.
fn span(text: &str) -> Option<(i64, &str)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|one: char| !one.is_ascii_digit() && one != ':').unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let mut parts = digits.split(':');
    let hours: i64 = parts.next()?.parse().ok().filter(|hours| *hours <= 167)?;
    let mut seconds = hours * 3600;
    for (part, unit) in parts.zip([60, 1]) {
        seconds += part.parse::<i64>().ok().filter(|part| *part < 60)? * unit;
    }
    Some((sign * seconds, rest))
}

/// Days from 1970 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years from March on end with the day that is sometimes there.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The year that a day since 1970 is in.
fn year_of(day: i64) -> i64 {
    let mut year = 1970 + day.div_euclid(366);
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    year
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(tz: &str) -> Zone {
        Zone { rule: Some(Rule::parse(tz).unwrap()), ..Zone::default() }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    #[test]
    fn rules_of_posix_give_the_offset() {
        for (tz, moment, shown) in [
            ("<-03>3", "2026-11-23T12:00:00Z", "2026-11-23 09:00:00-03:00"),
            ("UTC0", "2026-11-23T12:00:00Z", "2026-11-23 12:00:00+00:00"),
            ("IST-5:30", "2026-11-23T20:00:00Z", "2026-11-24 01:30:00+05:30"),
            (BERLIN, "2026-03-29T00:59:59Z", "2026-03-29 01:59:59+01:00"),
            (BERLIN, "2026-03-29T01:00:00Z", "2026-03-29 03:00:00+02:00"),
            (BERLIN, "2026-10-25T00:59:59Z", "2026-10-25 02:59:59+02:00"),
            (BERLIN, "2026-10-25T01:00:00Z", "2026-10-25 02:00:00+01:00"),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-07-01T12:00:00Z", "2026-07-01 08:00:00-04:00"),
            // Summer over the turn of the year, and the years before and behind a leap day.
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", "2026-01-01 11:00:00+11:00"),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", "2026-07-01 10:00:00+10:00"),
            ("AAA0BBB,J60/0,J61/0", "2028-03-01T12:00:00Z", "2028-03-01 13:00:00+01:00"),
            ("AAA0BBB,59/0,60/0", "2028-02-29T12:00:00Z", "2028-02-29 13:00:00+01:00"),
        ] {
            assert_eq!(zone(tz).show(at(moment)), shown, "{tz} {moment}");
        }
        for bad in [
            "",
            "A",
            "CET",
            "CET-1CEST",
            "CET-1CEST,M3",
            "CET-1CEST,M13.1.0,M10.5.0",
            "<-03",
            "CET-1CEST,M3.5.0,M10.5.0x",
        ] {
            assert_eq!(Rule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_people_type_is_a_moment_of_their_own_day() {
        let now = at("2026-11-28T01:30:00Z");
        let recife = zone("<-03>3");
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
            ("-2h", "2026-11-27T23:30:00Z"),
            ("2h ago", "2026-11-27T23:30:00Z"),
            ("1h 30m ago", "2026-11-28T00:00:00Z"),
            ("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"),
            ("2026-11-28 09:00Z", "2026-11-28T09:00:00Z"),
            ("2026-11-28 09:00-03:00", "2026-11-28T12:00:00Z"),
            ("2026-11-28T09:00:00+05:30", "2026-11-28T03:30:00Z"),
        ] {
            assert_eq!(recife.read(text, now), Some(at(moment)), "{text}");
        }
        for bad in
            ["", "tomorrow", "28/11/2026", "2026-11-31", "2026-11-28 25:00", "2026-11-28 9", "ago", "-", "-x", "09:00"]
        {
            assert_eq!(recife.read(bad, now), None, "{bad}");
        }
        // Shown twice, the first; shown never, as if the clock had not changed yet.
        let berlin = zone(BERLIN);
        assert_eq!(berlin.read("2026-10-25 02:30", now), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(berlin.read("2026-03-29 02:30", now), Some(at("2026-03-29T01:30:00Z")));
    }

    /// A file as `zic` writes it: version 2, the first block empty.
    fn file(changes: &[(i64, u8)], offsets: &[i32], footer: &str) -> Vec<u8> {
        let header = |times: usize, kinds: usize| {
            let mut header = b"TZif2".to_vec();
            header.resize(20, 0);
            for count in [0, 0, 0, times, kinds, 4] {
                header.extend(u32::try_from(count).unwrap().to_be_bytes());
            }
            header
        };
        let mut file = header(0, 1);
        file.extend([0; 6 + 4]);
        file.extend(header(changes.len(), offsets.len()));
        file.extend(changes.iter().flat_map(|(at, _)| at.to_be_bytes()));
        file.extend(changes.iter().map(|(_, kind)| kind));
        for offset in offsets {
            file.extend(offset.to_be_bytes());
            file.extend([0, 0]);
        }
        file.extend(*b"LMT\0");
        file.extend(format!("\n{footer}\n").bytes());
        file
    }

    #[test]
    fn a_file_of_the_system_is_read_and_a_broken_one_is_none() {
        let whole = file(&[(0, 1), (1_000_000, 0)], &[-11_188, -7200], "<-03>3");
        let zone = Zone::of_file(&whole).unwrap();
        assert_eq!([-1, 0, 999_999, 1_000_000].map(|at| zone.offset(at)), [-11_188, -7200, -7200, -10_800]);
        for length in 0..whole.len() - "<-03>3\n".len() {
            // Nothing of a part is believed, and none brings the process down.
            let cut = Zone::of_file(&whole[..length]);
            assert!(cut.is_none_or(|zone| zone.rule.is_none()), "{length}");
        }
        let mut huge = whole;
        huge[32..36].fill(0xff);
        assert_eq!(Zone::of_file(&huge), None);
    }

    #[test]
    fn moments_inside_a_sentence_are_local_too() {
        let localized = zone("<-03>3").localize("A próxima: 2026-11-23T12:00:00.123Z; 2026-11-23, não.");
        assert_eq!(localized, "A próxima: 2026-11-23 09:00:00-03:00; 2026-11-23, não.");
    }
}
