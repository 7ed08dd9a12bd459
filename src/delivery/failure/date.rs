//! The days of certificates, as sentences write them.

use crate::model::Timestamp;
use rustls_pki_types::UnixTime;

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

/// `3 March 2026`, in UTC as certificates count.
pub(crate) fn date(at: UnixTime) -> String {
    let (year, (month, _), day) = civil(at);
    format!("{day} {month} {year}")
}

/// `3 de março de 2026`; the first of a month is an ordinal in Portuguese.
pub(crate) fn date_pt(at: UnixTime) -> String {
    let (year, (_, month), day) = civil(at);
    let ordinal = if day == "1" { "º" } else { "" };
    format!("{day}{ordinal} de {month} de {year}")
}

fn civil(at: UnixTime) -> (String, (&'static str, &'static str), String) {
    // What is written is `2026-03-03T…`, so the calendar is humantime's.
    let text = Timestamp::from_ms(at.as_secs().saturating_mul(1000)).to_string();
    let month = text[5..7].parse().unwrap_or(1_usize);
    (text[..4].to_owned(), MONTHS[month - 1], text[8..10].trim_start_matches('0').to_owned())
}
