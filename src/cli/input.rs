//! What several commands read of the command line, of files and of the terminal.

use super::error::CliError;
use super::language::{language, say};
use crate::gather::Gather as _;
use crate::model::CATALOGUE;
use crate::model::localized;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

/// An id on the command line: one that is no UUID would make another path of the API.
pub(crate) fn id(text: &str) -> Result<String, String> {
    let parsed = crate::model::EventId::parse(text).map(|id| id.to_string());
    parsed.ok_or_else(|| {
        say(localized!(
            "must be a UUID, as the `list` of the same command shows it",
            "deve ser um UUID, como o `list` do mesmo comando o mostra"
        ))
    })
}

/// The id that a command is about.
#[derive(clap::Args)]
pub(crate) struct Id {
    /// Its id
    #[arg(value_parser = id)]
    pub(crate) id: String,
}

/// Text for which completions offer these words. The daemon judges it: it may know others, and it says what is wrong.
#[derive(Clone, Copy)]
pub(crate) struct Words(pub(crate) fn() -> Vec<&'static str>);

/// The types of the catalogue. Those of the config aside, which only the daemon knows.
pub(crate) const TYPES: Words = Words(|| CATALOGUE.iter().map(|entry| entry.event_type).collect());
/// The same, and their categories: `PAYMENT.*`. Not `*`, of which a shell would make files.
pub(crate) const PATTERNS: Words = Words(|| {
    static CATEGORIES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let of = |event_type: &str| event_type.split_once('.').map(|(category, _)| format!("{category}.*"));
        CATALOGUE.iter().filter_map(|entry| of(entry.event_type)).gather()
    });
    CATEGORIES.iter().map(String::as_str).chain(CATALOGUE.iter().map(|entry| entry.event_type)).collect()
});

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        flag: Option<&clap::Arg>,
        text: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, flag, text)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// A span on the command line.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let span = crate::model::parse_duration(text);
    span.ok_or_else(|| say(localized!("must be a span such as 10s", "deve ser um prazo como 10s")))
}

/// What stands for the standard input in place of a file.
const STDIN: &str = "-";

/// Refuses to read the standard input for two flags: what the first one reads isn't there for the second. Each is given
/// with its flag, as far as it was given.
pub(crate) fn stdin_once(files: &[(&str, Option<&Path>)]) -> Result<(), CliError> {
    let of_stdin: Vec<&str> =
        files.iter().filter(|(_, file)| *file == Some(Path::new(STDIN))).map(|(flag, _)| *flag).collect();
    if of_stdin.len() < 2 {
        return Ok(());
    }
    let flags = of_stdin.join(" - and ");
    Err(CliError::usage(localized!(
        "{flags} - both read the standard input: give a file to one of them",
        "{flags} -: os dois leem a entrada padrão; informe um arquivo em um deles"
    )))
}

/// A file's text, or for `-` that of the standard input.
pub(crate) fn read_text(file: &Path) -> Result<String, CliError> {
    let not_text = |_| {
        let file = file_name(file);
        CliError::failed(localized!(
            "{file} can't be read: it is not UTF-8",
            "não foi possível ler {file}: não é UTF-8"
        ))
    };
    String::from_utf8(read_bytes(file)?).map_err(not_text)
}

/// What a file holds, or for `-` the standard input.
pub(crate) fn read_bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    let read = if file == Path::new(STDIN) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| {
        let file = file_name(file);
        CliError::failed(localized!("{file} can't be read: {error}", "não foi possível ler {file}: {error}"))
    })
}

/// What people call a file whose text was read.
pub(crate) fn file_name(file: &Path) -> String {
    let stdin = language().pick("the standard input", "a entrada padrão");
    if file == Path::new(STDIN) { stdin.to_owned() } else { file.display().to_string() }
}

/// A file's text without the line end that editors leave behind it.
pub(crate) fn read_secret(file: &Path) -> Result<String, CliError> {
    read_text(file).map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks before what can't be undone; where nobody can be asked, `--yes` must have been given.
pub(crate) fn confirmed(yes: bool, question: impl FnOnce() -> Result<String, CliError>) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::usage(localized!(
            "this can't be undone, and there is no terminal to ask at: give --yes",
            "isto não pode ser desfeito, e não há terminal para perguntar: informe --yes",
        )));
    }
    let choice = language().pick("[y/N]", "[s/N]");
    eprint!("{} {choice} ", super::output::printable(&question()?));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "s" | "sim") {
        return Ok(());
    }
    Err(CliError::failed(localized!("nothing was done", "nada foi feito")))
}
