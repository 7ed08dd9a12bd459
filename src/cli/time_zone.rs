//! The time of the system's zone: read from what people type, and written with its offset.
//!
//! The zone is what `TZ` says, else `/etc/localtime`: a `TZif` file (RFC 9636) or a POSIX rule. What can't be read is
//! UTC, as libc has it.

use crate::model::Timestamp;
use std::sync::OnceLock;
use tz::TimeZone;

const DAY: i64 = 86_400;

/// When which offset from UTC holds.
#[derive(Debug)]
pub(crate) struct Zone(TimeZone);

/// The system's zone, read once.
pub(crate) fn local() -> &'static Zone {
    static LOCAL: OnceLock<Zone> = OnceLock::new();
    LOCAL.get_or_init(|| Zone::named(std::env::var("TZ").ok().as_deref()))
}

impl Zone {
    /// The zone that `TZ` names; without one, the system's.
    fn named(tz: Option<&str>) -> Self {
        let read = match tz {
            None => TimeZone::local(),
            Some(tz) => TimeZone::from_posix_tz(tz.strip_prefix(':').unwrap_or(tz)),
        };
        Self(read.unwrap_or_else(|_| TimeZone::utc()))
    }

    /// Seconds east of UTC at a moment, in seconds since 1970.
    fn offset(&self, at: i64) -> i64 {
        let zone = self.0.as_ref();
        let local = zone.find_local_time_type(at).unwrap_or_else(|_| {
            // Behind the last change of a file without a rule for what comes later.
            let last = zone.transitions().last().map_or(0, tz::timezone::Transition::local_time_type_index);
            &zone.local_time_types()[last]
        });
        local.ut_offset().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(tz: &str) -> Zone {
        Zone(TimeZone::from_posix_tz(tz).unwrap())
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
        for bad in
            ["", "A", "CET-1CEST", "CET-1CEST,M3", "CET-1CEST,M13.1.0,M10.5.0", "<-03", "CET-1CEST,M3.5.0,M10.5.0x"]
        {
            assert_eq!(Zone::named(Some(bad)).0, TimeZone::utc(), "{bad}");
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

    /// A file as `zic` writes it: version 2, the first block empty. From the epoch on -02, from 1,000,000 s on -03.
    fn file(footer: &str) -> Vec<u8> {
        let header = |times: u32, kinds: u32, names: u32| {
            let mut header = b"TZif2".to_vec();
            header.resize(20, 0);
            header.extend([0, 0, 0, times, kinds, names].into_iter().flat_map(u32::to_be_bytes));
            header
        };
        let mut file = header(0, 1, 4);
        file.extend([0; 6 + 4]);
        file.extend(header(2, 3, 12));
        file.extend([0_i64, 1_000_000].into_iter().flat_map(i64::to_be_bytes));
        file.extend([1, 2]);
        for (offset, name) in [(-11_188_i32, 0), (-7200, 4), (-10_800, 8)] {
            file.extend(offset.to_be_bytes());
            file.extend([0, name]);
        }
        file.extend(*b"LMT\0-02\0-03\0");
        file.extend(format!("\n{footer}\n").bytes());
        file
    }

    #[test]
    fn a_file_of_the_system_is_read_and_a_broken_one_is_utc() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        let offsets = |file: &[u8]| {
            std::fs::write(&path, file).unwrap();
            let zone = Zone::named(path.to_str());
            [-1, 0, 999_999, 1_000_000].map(|at| zone.offset(at))
        };
        let whole = file("<-03>3");
        assert_eq!(offsets(&whole), [-11_188, -7200, -7200, -10_800]);
        // The file ends here: the last offset stays in force.
        assert_eq!(offsets(&file("")), [-11_188, -7200, -7200, -10_800]);
        for length in 0..whole.len() - "\n<-03>3\n".len() {
            // Nothing of a part is believed, and none brings the process down.
            assert_eq!(offsets(&whole[..length]), [0; 4], "{length}");
        }
        let mut huge = whole;
        huge[32..36].fill(0xff);
        assert_eq!(offsets(&huge), [0; 4]);
    }

    #[test]
    fn moments_inside_a_sentence_are_local_too() {
        let localized = zone("<-03>3").localize("A próxima: 2026-11-23T12:00:00.123Z; 2026-11-23, não.");
        assert_eq!(localized, "A próxima: 2026-11-23 09:00:00-03:00; 2026-11-23, não.");
    }
}
