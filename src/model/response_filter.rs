//! Which last response is wanted, as the API, the panel and the command line write it.

use std::fmt;

/// Which last response is wanted: `500`, `5xx`, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFilter {
    /// This status.
    Status(u16),
    /// Any status that starts with this digit.
    Class(u16),
    /// Attempted without a response.
    NoResponse,
}

impl ResponseFilter {
    /// `None` for what is no status from 100 to 999, no class from `1xx` to `9xx`, and not `none`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::NoResponse);
        }
        // As digits alone: `+5xx` is not what it would be shown as.
        let number = |digits: &str| if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None };
        match text.strip_suffix("xx") {
            Some(class) => number(class).and_then(Self::from_code).filter(|it| matches!(it, Self::Class(_))),
            None => number(text).and_then(Self::from_code).filter(|it| matches!(it, Self::Status(_))),
        }
    }

    /// Whether the status of a last response matches; `None` stands for no response.
    pub const fn matches(self, status: Option<u16>) -> bool {
        match (self, status) {
            (Self::Status(wanted), Some(status)) => status == wanted,
            (Self::Class(class), Some(status)) => status / 100 == class,
            (Self::NoResponse, None) => true,
            (Self::Status(_) | Self::Class(_), None) | (Self::NoResponse, Some(_)) => false,
        }
    }

    /// One number for each, as the store keeps it: the status, the class's digit, or 0.
    pub const fn code(self) -> u16 {
        match self {
            Self::Status(number) | Self::Class(number) => number,
            Self::NoResponse => 0,
        }
    }

    /// What [`Self::code`] gave.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::NoResponse),
            1..=9 => Some(Self::Class(code)),
            100..=999 => Some(Self::Status(code)),
            _ => None,
        }
    }
}

impl fmt::Display for ResponseFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::NoResponse => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseFilter;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        for text in ["none", "1xx", "5xx", "9xx", "100", "404", "999"] {
            let filter = ResponseFilter::parse(text).unwrap();
            assert_eq!(filter.to_string(), text);
            assert_eq!(ResponseFilter::from_code(filter.code()), Some(filter));
        }
        for text in
            ["", "0", "5", "99", "1000", "0xx", "10xx", "xx", "+5xx", "+500", "-1", "5XX", "None", "500 ", "65537"]
        {
            assert_eq!(ResponseFilter::parse(text), None, "{text}");
        }
        assert_eq!((ResponseFilter::from_code(10), ResponseFilter::from_code(1000)), (None, None));
    }
}
