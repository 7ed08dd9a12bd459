//! A sentence for people, in the two languages there are: one can't be written without the other.

/// One sentence, or part of one, twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Localized {
    /// In English, the API's.
    pub en: String,
    /// In Portuguese as Brazil writes it.
    pub pt: String,
}

impl Localized {
    /// Of texts that are known beforehand.
    pub fn new(en: &str, pt: &str) -> Self {
        Self { en: en.to_owned(), pt: pt.to_owned() }
    }
}

/// A [`Localized`] of two format strings, English first, that capture their values from the scope.
macro_rules! localized {
    ($en:literal, $pt:literal $(,)?) => {
        $crate::model::Localized { en: format!($en), pt: format!($pt) }
    };
}
pub(crate) use localized;
