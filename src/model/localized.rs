//! A sentence for people, in the two languages there are: one can't be written without the other.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Arguments};

/// One sentence, or part of one, twice.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Localized {
    /// In English, the API's.
    pub en: String,
    /// In Portuguese as Brazil writes it.
    pub pt: String,
}

impl Localized {
    /// Of texts that are known beforehand.
    #[inline(never)]
    pub fn new(en: &str, pt: &str) -> Self {
        Self { en: en.to_owned(), pt: pt.to_owned() }
    }

    /// What [`localized!`] gives. Made here and not in each of some eight hundred places, which is a hundredth of
    /// the binary.
    #[inline(never)]
    pub(crate) fn of(en: Arguments<'_>, pt: Arguments<'_>) -> Self {
        Self { en: fmt::format(en), pt: fmt::format(pt) }
    }
}

/// What is counted: for one, and for any other number; in English and in Portuguese.
#[derive(Clone, Copy, Debug)]
pub struct Noun {
    en: [&'static str; 2],
    pt: [&'static str; 2],
}

impl Noun {
    /// Events.
    pub const EVENTS: Self = Self { en: ["event", "events"], pt: ["evento", "eventos"] };
    /// Notifications.
    pub const NOTIFICATIONS: Self =
        Self { en: ["notification", "notifications"], pt: ["notificação", "notificações"] };
    /// Attempts.
    pub const ATTEMPTS: Self = Self { en: ["attempt", "attempts"], pt: ["tentativa", "tentativas"] };
    /// Webhooks.
    pub const WEBHOOKS: Self = Self { en: ["webhook", "webhooks"], pt: ["webhook", "webhooks"] };
    /// Requests.
    pub const REQUESTS: Self = Self { en: ["request", "requests"], pt: ["requisição", "requisições"] };
    /// Rows of a table.
    pub const ROWS: Self = Self { en: ["row", "rows"], pt: ["linha", "linhas"] };
    /// Hours.
    pub const HOURS: Self = Self { en: ["hour", "hours"], pt: ["hora", "horas"] };

    /// "1 event", "2 events".
    pub fn counted(self, count: u64) -> Localized {
        let form = usize::from(count != 1);
        Localized { en: format!("{count} {}", self.en[form]), pt: format!("{count} {}", self.pt[form]) }
    }
}

/// A [`Localized`] of two format strings, English first, that capture their values from the scope.
macro_rules! localized {
    ($en:literal, $pt:literal $(,)?) => {
        $crate::model::Localized::of(format_args!($en), format_args!($pt))
    };
}
pub(crate) use localized;

/// `Display` of what has a `localized` sentence: the English one, as the log has it.
macro_rules! display_in_english {
    ($($type:ty),+) => {
        $(
            impl std::fmt::Display for $type {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&self.localized().en)
                }
            }
        )+
    };
}
pub(crate) use display_in_english;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_what_they_count() {
        let counted = |count| Noun::NOTIFICATIONS.counted(count);
        assert_eq!([0, 1, 2].map(|count| counted(count).en), ["0 notifications", "1 notification", "2 notifications"]);
        assert_eq!([0, 1, 2].map(|count| counted(count).pt), ["0 notificações", "1 notificação", "2 notificações"]);
    }
}
