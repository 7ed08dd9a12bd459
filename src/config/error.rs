//! What is wrong with a configuration, and where.

use crate::model::{Localized, display_in_english, localized};
use std::fmt;
use std::path::PathBuf;

/// Where a value or a problem comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// The file as a whole.
    WholeFile(PathBuf),
    /// A place in it.
    File {
        /// As it was given, not made absolute.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
    },
    /// The environment variable of this name.
    Variable(String),
    /// The command line, for the key of this path.
    Flag(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeFile(path) => path.display().fmt(f),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            // The environment may have any names, with line breaks too.
            Self::Variable(name) => name.escape_debug().fmt(f),
            Self::Flag(path) => write!(f, "command line, {path}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Location,
    /// What, and what to do about it: one line. What the parser of TOML says is in English in both.
    pub message: Localized,
}

display_in_english!(ConfigError);

impl ConfigError {
    /// The place, and what is wrong there: one line.
    pub fn localized(&self) -> Localized {
        let (place, Localized { en, pt }) = (&self.place, &self.message);
        match place {
            Location::Flag(path) => localized!("{place}: {en}", "linha de comando, {path}: {pt}"),
            Location::WholeFile(_) | Location::File { .. } | Location::Variable(_) => {
                localized!("{place}: {en}", "{place}: {pt}")
            }
        }
    }
}

/// Everything that is wrong, never empty: the file's problems by line, then variables, then flags. Prints one line for
/// each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// `None` where there are none.
    pub(crate) fn new(mut problems: Vec<ConfigError>) -> Option<Self> {
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Each of them, in the order printed.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Finds lines and columns in a text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let after_each = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_each).collect() }
    }

    /// The line, from 1, of a byte.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line and column, each from 1, of a byte; the end of the text for one beyond it.
    pub(crate) fn locate(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts[line - 1];
        let column = self.text[start..].char_indices().take_while(|(at, _)| start + at < offset).count() + 1;
        (line, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_many_lines_is_told_in_one() {
        let place = Location::Variable("CARTEIRO_LOG__\nLEVEL".to_owned());
        assert_eq!(place.to_string(), "CARTEIRO_LOG__\\nLEVEL");
        assert_eq!(Location::Variable("CARTEIRO_LOG__LEVEL".to_owned()).to_string(), "CARTEIRO_LOG__LEVEL");
    }

    #[test]
    fn columns_count_characters() {
        let lines = Lines::of("a = 1\r\né = \"ção\" x\n\nlast");
        let at = |needle: &str| lines.locate(lines.text.find(needle).unwrap());
        assert_eq!(at("a ="), (1, 1));
        assert_eq!(at("\r"), (1, 6));
        assert_eq!(at("é"), (2, 1));
        assert_eq!(at("x"), (2, 11));
        assert_eq!(at("\nlast"), (3, 1));
        assert_eq!(at("last"), (4, 1));
        assert_eq!(lines.locate(10_000), (4, 5));
        assert_eq!(Lines::of("").locate(0), (1, 1));
        assert_eq!(Lines::of("a\n").locate(2), (2, 1));
    }
}
