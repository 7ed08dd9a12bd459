//! Time zones: when which offset from UTC holds.
//!
//! The system's is what `TZ` says, else `/etc/localtime`: a `TZif` file (RFC 9636) or a POSIX rule. What can't be read
//! is UTC, as libc has it. Others have names, by which the system's files are found.

use crate::model::Timestamp;
use std::sync::{Arc, OnceLock};
use tz::TimeZone;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// When which offset from UTC holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// As it was asked for; empty where nobody did.
    name: Arc<str>,
    zone: Arc<TimeZone>,
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::utc().into() }
    }

    /// The system's zone, read once.
    pub fn local() -> &'static Self {
        static LOCAL: OnceLock<Zone> = OnceLock::new();
        LOCAL.get_or_init(|| Self::of_variable(std::env::var("TZ").ok().as_deref()))
    }

    /// The zone of an IANA name such as `America/Sao_Paulo`; `None` where the system has no file of that name.
    pub fn named(name: &str) -> Option<Self> {
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
        };
        if name == "UTC" {
            return Some(Self::utc());
        }
        let good = name.len() <= 100 && name.split('/').all(part);
        let zone = if good { TimeZone::from_posix_tz(&format!(":{name}")).ok()? } else { return None };
        Some(Self { name: name.into(), zone: zone.into() })
    }

    /// What [`Zone::named`] was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone that `TZ` names; without one, the system's.
    pub fn of_variable(tz: Option<&str>) -> Self {
        let read = match tz {
            None => TimeZone::local(),
            Some(tz) => TimeZone::from_posix_tz(tz.strip_prefix(':').unwrap_or(tz)),
        };
        Self { name: "".into(), zone: read.unwrap_or_else(|_| TimeZone::utc()).into() }
    }

    /// Seconds east of UTC at a moment, in seconds since 1970.
    pub fn offset(&self, at: i64) -> i64 {
        let zone = (*self.zone).as_ref();
        let local = zone.find_local_time_type(at).unwrap_or_else(|_| {
            // Behind the last change of a file without a rule for what comes later.
            let last = zone.transitions().last().map_or(0, tz::timezone::Transition::local_time_type_index);
            &zone.local_time_types()[last]
        });
        local.ut_offset().into()
    }

    /// The day of a moment on the calendar of the zone, counted from 1970.
    pub fn day(&self, at: Timestamp) -> i64 {
        let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX / 2);
        (seconds + self.offset(seconds)).div_euclid(DAY)
    }

    /// A moment as the clocks of the zone show it: a timestamp whose text has the zone's date and time, and a `Z` that
    /// is wrong. `None` before 1970.
    pub fn shift(&self, at: Timestamp) -> Option<Timestamp> {
        let seconds = i64::try_from(at.as_secs()).ok()?;
        let local = u64::try_from(seconds.checked_add(self.offset(seconds))?).ok()?;
        Some(Timestamp::from_ms(local.checked_mul(1000)? + at.as_ms() % 1000))
    }

    /// The text of [`Zone::shift`], and before 1970 that of UTC.
    pub fn text(&self, at: Timestamp) -> String {
        self.shift(at).unwrap_or(at).to_string()
    }

    /// The moment of a local time, both in seconds since 1970; the earlier one where the clock shows it twice, and
    /// where it shows it never, what it would have been without the change.
    pub fn moment(&self, local: i64) -> i64 {
        let (before, after) = (self.offset(local - DAY), self.offset(local + DAY));
        let fits = [before, after].into_iter().find(|offset| self.offset(local - offset) == *offset);
        local - fits.unwrap_or(before)
    }

    /// A moment as tables show it: `2026-11-23 09:00:00-03:00`.
    pub fn show(&self, at: Timestamp) -> String {
        let offset = self.offset(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
        let Some(local) = self.shift(at) else {
            return at.to_string();
        };
        let text = local.to_string();
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        let second = text.get(..19).unwrap_or_default().replacen('T', " ", 1);
        format!("{second}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// A text with the moments of the API in it (`2026-11-23T12:00:00.123Z`) as [`Zone::show`] has them.
    pub fn localize(&self, text: &str) -> String {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(tz: &str) -> Zone {
        Zone { name: "".into(), zone: TimeZone::from_posix_tz(tz).unwrap().into() }
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
            assert_eq!(*Zone::of_variable(Some(bad)).zone, TimeZone::utc(), "{bad}");
        }
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
            let zone = Zone::of_variable(path.to_str());
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

    #[test]
    fn zones_have_names_and_days_of_their_own() {
        for bad in
            ["", "/etc/localtime", "../localtime", "America/../UTC", "Sao Paulo", "Nowhere/Here", "<-03>3", "a//b"]
        {
            assert_eq!(Zone::named(bad), None, "{bad}");
        }
        assert_eq!(Zone::named("UTC").unwrap().name(), "UTC");
        let recife = zone("<-03>3");
        let (late, early) = (at("2026-11-28T02:59:59Z"), at("2026-11-28T03:00:00Z"));
        assert_eq!(recife.day(early) - recife.day(late), 1);
        assert_eq!(Zone::utc().day(early), Zone::utc().day(late));
        assert_eq!(recife.shift(late), Some(at("2026-11-27T23:59:59Z")));
        assert_eq!(recife.shift(at("1970-01-01T00:00:00Z")), None);
        // Where the system has files of zones at all.
        if let Some(zone) = Zone::named("America/Sao_Paulo") {
            assert_eq!(zone.show(at("2026-11-23T12:00:00Z")), "2026-11-23 09:00:00-03:00");
        }
    }
}
