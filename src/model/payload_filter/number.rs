//! Numbers as JSON writes them, compared exactly: by their digits and the place of the point, which costs nothing
//! however large the exponent is.

use std::cmp::Ordering;

/// A number, as a view of its text. Exponents that 64 bits can't hold count as the largest one that they can.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// From its first digit that isn't zero to its last one; the point may stand among them. Empty for zero.
    digits: &'a str,
    /// The number is 0.`digits` times ten to the power of this.
    magnitude: i64,
}

impl<'a> Decimal<'a> {
    /// Reads what has the form of a JSON number; of any other text it makes some number.
    pub(super) fn read(text: &'a str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
        let from_first = mantissa.trim_start_matches(['0', '.']);
        let first = mantissa.len() - from_first.len();
        let point = mantissa.find('.').unwrap_or(mantissa.len());
        let places = if first <= point { length(point - first) } else { 1 - length(first - point) };
        Self {
            negative,
            digits: from_first.trim_end_matches(['0', '.']),
            magnitude: places.saturating_add(read_exponent(exponent)),
        }
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// How it stands to another one. It takes time by the digits of the shorter one.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = self.sign();
        let by_sign = sign.cmp(&other.sign());
        if by_sign != Ordering::Equal || sign == 0 {
            return by_sign;
        }
        let digits = |of: &Self| of.digits.bytes().filter(|byte| *byte != b'.');
        // Neither ends with a zero, so that of two with the same beginning the longer one is the larger one.
        let absolute = self.magnitude.cmp(&other.magnitude).then_with(|| digits(self).cmp(digits(other)));
        if self.negative { absolute.reverse() } else { absolute }
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn read_exponent(text: &str) -> i64 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compare(a: &str, b: &str) -> Ordering {
        let forth = Decimal::read(a).compare(&Decimal::read(b));
        assert_eq!(Decimal::read(b).compare(&Decimal::read(a)), forth.reverse(), "{a} {b}");
        forth
    }

    #[test]
    fn numbers_are_compared_by_value_however_they_are_written() {
        let equal = [
            ["1", "1.0"],
            ["100", "1e2"],
            ["100", "1E+2"],
            ["0.001", "1e-3"],
            ["0.0100", "100e-4"],
            ["-0", "0e999999999999999999999"],
            ["0.0", "-0.00e-5"],
            ["12345678901234567890.5", "1234567890123456789050e-2"],
            ["1e999999999", "10e999999998"],
            ["-1.20", "-12e-1"],
        ];
        for [a, b] in equal {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
        let rising = [
            "-1e99999999999999999999",
            "-1e999999999",
            "-9007199254740993",
            "-9007199254740992",
            "-1.01",
            "-1",
            "-0.1",
            "-1e-999999999",
            "0",
            "1e-99999999999999999999",
            "1e-999999999",
            "0.099",
            "0.1",
            "0.10000000001",
            "1",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.1",
            "1e999999999",
            "1.1e999999999",
            "1e99999999999999999999",
        ];
        for (at, a) in rising.iter().enumerate() {
            for b in &rising[at + 1..] {
                assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
            }
        }
    }

    /// All digits of a number of few places, as a whole number of units of the smallest of them.
    fn expanded(text: &str) -> i128 {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let units: i128 = format!("{whole}{part}").parse().unwrap();
        let power = 12 + exponent.parse::<i32>().unwrap() - i32::try_from(part.len()).unwrap();
        units * 10_i128.pow(power.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn it_compares_as_expanded_numbers_do(
            a in "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?(e-?[0-6])?",
            b in "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?(e-?[0-6])?",
        ) {
            prop_assert_eq!(compare(&a, &b), expanded(&a).cmp(&expanded(&b)));
        }

        #[test]
        fn no_text_makes_it_panic(a in "[-+.eE0-9x]{0,12}", b in "[-+.eE0-9x]{0,12}") {
            let _ = Decimal::read(&a).compare(&Decimal::read(&b));
        }
    }
}
