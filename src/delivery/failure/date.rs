//! The days of certificates, as sentences write them.

use crate::model::{Localized, Timestamp, localized};

const MONTHS: [(&str, &str); 12] = [
    ("January", "janeiro"),
    ("February", "fevereiro"),
    ("March", "março"),
    ("April", "abril"),
    ("May", "maio"),
    ("June", "junho"),
    ("July", "julho"),
    ("August", "agosto"),
    ("September", "setembro"),
    ("October", "outubro"),
    ("November", "novembro"),
    ("December", "dezembro"),
];

/// The day in UTC, as certificates count, in either language: `3 March 2026`, `3 de março de 2026`. The first
/// of a month is an ordinal in Portuguese.
pub(crate) fn date(at: Timestamp) -> Localized {
    // `2026-03-03T…`
    let text = at.to_string();
    let (year, day) = (&text[..4], text[8..10].trim_start_matches('0'));
    let (month, month_pt) = MONTHS[text[5..7].parse().unwrap_or(1_usize) - 1];
    let ordinal = if day == "1" { "º" } else { "" };
    localized!("{day} {month} {year}", "{day}{ordinal} de {month_pt} de {year}")
}
