//! Small things that several commands say or ask.

use super::WRONG_USAGE;
use super::client::Problem;
use serde_json::Value;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Duration;

/// A value as text: a string without its quotes, nothing for null.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A list of strings as one text.
pub(super) fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}

/// An id on the command line: one that is no UUID would make another path of the API.
pub(super) fn id(text: &str) -> Result<String, &'static str> {
    let parsed = crate::model::EventId::parse(text).map(|id| id.to_string());
    parsed.ok_or("must be a UUID, as the `list` of the same command shows it")
}

/// The id that a command is about.
#[derive(clap::Args)]
pub(super) struct Id {
    /// Its id
    #[arg(value_parser = id)]
    pub(super) id: String,
}

/// A span on the command line.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    crate::model::parse_duration(text).ok_or_else(|| "must be a span such as 10s".to_owned())
}

/// A file's text, or for `-` that of the standard input.
pub(super) fn read_text(file: &Path) -> Result<String, Problem> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let name = if file == Path::new("-") { "the standard input".to_owned() } else { file.display().to_string() };
    read.map_err(|error| Problem::failed(format!("{name} can't be read: {error}")))
}

/// A file's text without the line end that editors leave behind it.
pub(super) fn read_secret(file: &Path) -> Result<String, Problem> {
    read_text(file).map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks before what can't be undone; where nobody can be asked, `--yes` must have been given.
pub(super) fn confirmed(yes: bool, question: impl FnOnce() -> Result<String, Problem>) -> Result<(), Problem> {
    if yes {
        return Ok(());
    }
    let usage = |sentence: &str| Err(Problem { sentence: sentence.to_owned(), code: WRONG_USAGE });
    if !io::stdin().is_terminal() {
        return usage("this can't be undone, and there is no terminal to ask at: give --yes");
    }
    eprint!("{} [y/N] ", super::output::printable(&question()?));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "s" | "sim") {
        return Ok(());
    }
    Err(Problem::failed("nothing was done"))
}
