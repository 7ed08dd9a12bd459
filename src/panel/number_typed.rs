//! Numbers as people type them: in Portuguese `1.000,5` and in English `1,000.5`, and in either with a point alone, as
//! programs write them, where that can't be meant to set thousands apart.

use super::layout::decimal;
use super::texts::Lang;
use std::str::FromStr;

/// What a text means; `None` where it is no number, or its thousands are set apart at the wrong places.
pub(super) fn read(lang: Lang, text: &str) -> Option<f64> {
    plain(lang, text.trim())?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Likewise, of a whole number.
pub(super) fn whole<T: FromStr>(lang: Lang, text: &str) -> Option<T> {
    plain(lang, text.trim())?.parse().ok()
}

/// As the language writes it, without setting thousands apart: [`read`] gives it back.
pub(super) fn written(lang: Lang, number: f64) -> String {
    decimal(lang, &number.to_string())
}

/// The number with a point before its fraction and nothing between its thousands.
fn plain(lang: Lang, text: &str) -> Option<String> {
    let (thousands, point) = match lang {
        Lang::Pt => ('.', ','),
        Lang::En => (',', '.'),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    if fraction.is_some_and(|fraction| !is_number(fraction)) {
        return None;
    }
    let mut groups = whole.split(thousands);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let whole = if rest.is_empty() {
        is_number(first).then(|| first.to_owned())
    } else if is_number(first)
        && first.len() <= 3
        && !first.starts_with('0')
        && rest.iter().all(|group| is_number(group) && group.len() == 3)
    {
        Some(first.to_owned() + &rest.concat())
    } else {
        // The other language's point: `1.5` in Portuguese.
        let other = rest.first().filter(|_| rest.len() == 1 && fraction.is_none())?;
        return (is_number(first) && is_number(other)).then(|| format!("{first}.{other}"));
    }?;
    Some(fraction.map_or_else(|| whole.clone(), |fraction| format!("{whole}.{fraction}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1.000` was taken as 1.
    #[test]
    fn numbers_are_read_as_the_language_writes_them() {
        for (lang, text, number) in [
            (Lang::Pt, "1.000", Some(1000.0)),
            (Lang::Pt, "1.000,5", Some(1000.5)),
            (Lang::Pt, "1.234.567", Some(1_234_567.0)),
            (Lang::Pt, "1,5", Some(1.5)),
            (Lang::Pt, "1,000", Some(1.0)),
            (Lang::Pt, "1.5", Some(1.5)),
            (Lang::Pt, "0.125", Some(0.125)),
            (Lang::Pt, " 0,01 ", Some(0.01)),
            (Lang::Pt, "10000", Some(10_000.0)),
            (Lang::En, "1,000", Some(1000.0)),
            (Lang::En, "1,000.5", Some(1000.5)),
            (Lang::En, "1.000", Some(1.0)),
            (Lang::En, "1,5", Some(1.5)),
            (Lang::Pt, "1.00.000", None),
            (Lang::Pt, "1.0000.5", None),
            (Lang::Pt, "1,000,5", None),
            (Lang::Pt, "1.000.5", None),
            (Lang::Pt, "", None),
            (Lang::Pt, ",5", None),
            (Lang::Pt, "5,", None),
            (Lang::Pt, "-1", None),
            (Lang::Pt, "1e3", None),
            (Lang::Pt, "inf", None),
        ] {
            assert_eq!(read(lang, text), number, "{lang:?} {text:?}");
        }
        assert_eq!((whole::<u16>(Lang::Pt, "1.000"), whole::<u16>(Lang::Pt, "1,5")), (Some(1000), None));
        assert_eq!(whole::<u8>(Lang::Pt, "1.000"), None);
        for number in [0.125, 1.0, 1000.0, 12.5, 1234.567] {
            for lang in [Lang::Pt, Lang::En] {
                assert_eq!(read(lang, &written(lang, number)), Some(number), "{lang:?} {number}");
            }
        }
    }
}
