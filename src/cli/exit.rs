//! How a command ends: its exit code, and the sentence that says why.

use super::language::Sentence;

/// The command did its work.
pub(crate) const DONE: u8 = 0;
/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// Wrong usage; clap's code too.
pub(crate) const WRONG_USAGE: u8 = 2;
/// An address or URL of the command line or its variables can't be used; nothing was dialled (`EX_USAGE`).
pub(crate) const WRONG_ADDRESS: u8 = 64;
/// Try again later: the daemon can't be reached or is not ready (`EX_TEMPFAIL`).
pub(crate) const TRY_LATER: u8 = 75;
/// Bad configuration; systemd doesn't restart on it (`EX_CONFIG`).
pub(crate) const BAD_CONFIG: u8 = 78;

/// Prints why a command failed, as a sentence.
pub(crate) fn complain(problem: impl Sentence) {
    eprintln!("carteiro: {}", problem.said());
}
