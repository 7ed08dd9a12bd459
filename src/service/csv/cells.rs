//! The cells of a CSV file: quoted where they must be, split and written as the language does.

use super::look::{CsvLanguage, CsvLook};
use crate::model::Timestamp;

/// What a column is called, in English and in Portuguese.
pub(super) type Heading = (&'static str, &'static str);

/// One row after the other.
pub(super) struct Rows {
    pub(super) text: String,
    pub(super) look: CsvLook,
}

impl Rows {
    /// A row under these headings: a cell for each.
    pub(super) fn under<const N: usize>(&mut self, _headings: &[Heading; N], cells: [&str; N]) {
        self.row(cells);
    }

    /// A time as spreadsheets read it; an empty cell where there is none.
    pub(super) fn time(&self, at: Option<Timestamp>) -> String {
        let text = at.map(|at| self.look.zone.text(at)).unwrap_or_default();
        text.replace('T', " ").chars().take(19).collect()
    }

    /// An amount in the language's own figures, so that a spreadsheet adds it up; an empty cell where there is none.
    pub(super) fn amount(&self, cents: Option<i64>) -> String {
        let point = match self.look.language {
            CsvLanguage::En => '.',
            CsvLanguage::Pt => ',',
        };
        let written = |cents: i64| {
            let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
            format!("{sign}{}{point}{:02}", cents / 100, cents % 100)
        };
        cents.map(written).unwrap_or_default()
    }

    pub(super) fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        let separator = match self.look.language {
            CsvLanguage::En => ',',
            CsvLanguage::Pt => ';',
        };
        for (nth, cell) in cells.into_iter().enumerate() {
            if nth > 0 {
                self.text.push(separator);
            }
            push_cell(&mut self.text, cell);
        }
        self.text.push_str("\r\n");
    }
}

/// A cell (RFC 4180), quoted where it must be. One that a spreadsheet would run is made text by an apostrophe (OWASP,
/// CSV injection).
fn push_cell(text: &mut String, cell: &str) {
    let runs = !is_amount(cell)
        && cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let quoted =
        runs || cell.contains([',', ';', '"', '\r', '\n', '\t']) || cell.starts_with(' ') || cell.ends_with(' ');
    if !quoted {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if runs {
        text.push('\'');
    }
    for char in cell.chars() {
        if char == '"' {
            text.push('"');
        }
        text.push(char);
    }
    text.push('"');
}

/// Whether a cell is a number below none, which begins as a formula does and is none.
fn is_amount(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = cell.strip_prefix('-').and_then(|number| number.split_once([',', '.']));
    parts.is_some_and(|(whole, fraction)| digits(whole) && fraction.len() == 2 && digits(fraction))
}

pub(super) fn yes(is: bool, language: CsvLanguage) -> &'static str {
    match (is, language) {
        (true, CsvLanguage::En) => "yes",
        (true, CsvLanguage::Pt) => "sim",
        (false, CsvLanguage::En) => "no",
        (false, CsvLanguage::Pt) => "não",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Zone;

    #[test]
    fn times_are_of_the_zone() {
        for (zone, expected) in
            [(Zone::utc(), "2026-11-23 12:00:00"), (Zone::of_variable(Some("<-03>3")), "2026-11-23 09:00:00")]
        {
            let rows = Rows { text: String::new(), look: CsvLook { zone, ..CsvLook::of_api(CsvLanguage::Pt) } };
            assert_eq!(rows.time(Some(Timestamp::from_ms(1_795_435_200_123))), expected);
            assert_eq!(rows.time(None), "");
        }
    }

    fn cell(text: &str) -> String {
        let mut csv = String::new();
        push_cell(&mut csv, text);
        csv
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for (text, expected) in [
            ("pedido-11249", "pedido-11249"),
            ("", ""),
            ("=1+2", "\"'=1+2\""),
            ("+55 11", "\"'+55 11\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"http://x\";\"a\")", "\"'=HYPERLINK(\"\"http://x\"\";\"\"a\"\")\""),
            ("a\"b", "\"a\"\"b\""),
            ("a;b", "\"a;b\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            (" =1", "\" =1\""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_numbers_of_the_language() {
        for (language, expected) in [(CsvLanguage::En, "-1234.05"), (CsvLanguage::Pt, "\"-1234,05\"")] {
            let rows = Rows { text: String::new(), look: CsvLook::of_api(language) };
            assert_eq!(cell(&rows.amount(Some(-123_405))), expected);
            assert_eq!(rows.amount(None), "");
        }
        assert_eq!(cell("-1,05+2"), "\"'-1,05+2\"");
    }

    #[test]
    fn languages_split_cells_by_what_spreadsheets_expect() {
        for (language, separator) in [(CsvLanguage::En, ','), (CsvLanguage::Pt, ';')] {
            let mut rows = Rows { text: String::new(), look: CsvLook::of_api(language) };
            rows.row(["a", "b;c", "d"]);
            assert_eq!(rows.text, format!("a{separator}\"b;c\"{separator}d\r\n"));
        }
    }
}
