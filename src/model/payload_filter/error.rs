//! What is wrong with a filter, and where.

use crate::model::localized::{Localized, display_in_english, localized};

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The names and operators that lead to the place, joined by dots; empty at the top.
    pub path: String,
    /// The line of the text, from 1.
    pub line: usize,
    /// The character of that line, from 1.
    pub column: usize,
    /// The end of a sentence that begins with the place.
    pub problem: Localized,
}

impl FilterError {
    /// Where it is and what, such as "`payment.total_cents.$gte` (line 1, column 38) must be a number or a text".
    pub fn localized(&self) -> Localized {
        let Self { path, line, column, problem: Localized { en, pt } } = self;
        if path.is_empty() {
            return localized!("line {line}, column {column}: {en}", "linha {line}, coluna {column}: {pt}");
        }
        localized!("`{path}` (line {line}, column {column}) {en}", "`{path}` (linha {line}, coluna {column}) {pt}")
    }
}

display_in_english!(FilterError);

impl std::error::Error for FilterError {}
