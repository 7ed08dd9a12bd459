//! Why a command failed: one sentence for stderr and one exit code.

use super::exit::{BAD_CONFIG, FAILED, TRY_LATER, WRONG_ADDRESS, WRONG_USAGE, complain};
use super::language::Sentence;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Empty where stderr has it already.
    pub(crate) sentence: String,
    pub(crate) code: u8,
    /// What the daemon has refused, where it was the daemon.
    pub(crate) refusal: Option<Box<ApiRefusal>>,
}

/// What an answer of the API says of a refusal.
#[derive(Debug)]
pub(crate) struct ApiRefusal {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// Each problem with the field that it is about, in the order of their names.
    pub(crate) fields: Vec<(String, String)>,
}

impl CliError {
    pub(crate) fn new(code: u8, sentence: impl Sentence) -> Self {
        Self { sentence: sentence.said(), code, refusal: None }
    }

    pub(crate) fn failed(sentence: impl Sentence) -> Self {
        Self::new(FAILED, sentence)
    }

    pub(crate) fn usage(sentence: impl Sentence) -> Self {
        Self::new(WRONG_USAGE, sentence)
    }

    pub(crate) fn address(sentence: impl Sentence) -> Self {
        Self::new(WRONG_ADDRESS, sentence)
    }

    pub(crate) fn try_later(sentence: impl Sentence) -> Self {
        Self::new(TRY_LATER, sentence)
    }

    pub(crate) fn bad_config(sentence: impl Sentence) -> Self {
        Self::new(BAD_CONFIG, sentence)
    }

    /// Of a failure whose sentence was printed already.
    pub(crate) fn printed(code: u8) -> Self {
        Self { sentence: String::new(), code, refusal: None }
    }

    /// Prints the sentence and gives the exit code.
    pub(crate) fn report(self) -> u8 {
        if !self.sentence.is_empty() {
            complain(self.sentence);
        }
        self.code
    }
}
