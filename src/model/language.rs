//! The languages of the texts for people.

use super::localized::Localized;

/// In which language a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Portuguese as Brazil writes it.
    Pt,
    /// English.
    En,
}

impl Language {
    /// As settings and addresses name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pt => "pt",
            Self::En => "en",
        }
    }

    /// As the attribute `lang` and the header `Content-Language` name it (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Pt => "pt-BR",
            Self::En => "en",
        }
    }

    /// The one of this [`Language::code`].
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Pt, Self::En].into_iter().find(|language| language.code() == code)
    }

    /// The one of the two that an `Accept-Language` likes better (RFC 9110, 12.5.4); `None` where it likes neither.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best = (0.0, None);
        for item in header.split(',') {
            let (range, rest) = item.split_once(';').unwrap_or((item, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(language) = Self::parse(&primary).filter(|_| weight > best.0) {
                best = (weight, Some(language));
            }
        }
        best.1
    }

    /// Bytes in the unit that fits.
    pub fn bytes(self, bytes: u64) -> String {
        const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
        let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, 0);
        // "1,0 MB" rather than "1000,2 KB": nobody counts to 1024.
        while tenths >= 10_000 && unit + 1 < UNITS.len() {
            (tenths, unit) = ((tenths + 512) / 1024, unit + 1);
        }
        format!("{}{}{} {}", tenths / 10, self.pick(".", ","), tenths % 10, UNITS[unit])
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'a>(self, en: &'a str, pt: &'a str) -> &'a str {
        match self {
            Self::Pt => pt,
            Self::En => en,
        }
    }

    /// The text in this language.
    pub fn of(self, text: &Localized) -> &str {
        self.pick(&text.en, &text.pt)
    }
}
