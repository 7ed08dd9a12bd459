//! Sizes, between text and number. Durations are the model's.

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;
pub(crate) const GIB: u64 = 1024 * MIB;

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

/// Bytes: a whole number and a unit, `KiB` 1024 and `KB` 1000, or the number alone. `None` for all else, overflow
/// included.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest binary unit that leaves a whole number, or `None` where that would be bytes.
pub(crate) fn format_size(bytes: u64) -> Option<String> {
    let binary = [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)];
    let (unit, factor) = binary.into_iter().find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))?;
    Some(format!("{} {unit}", bytes / factor))
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
}
