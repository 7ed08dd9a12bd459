//! This machine's own daemon, asked over the control socket in its data folder. Commands also learn from it how it is
//! reached: its certificate may be a secret that only the service manager hands out, or be renewed while a command
//! reads the files.

use super::error::CliError;
use super::language::say;
use crate::control::{self, Endpoint};
use crate::model::localized;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the daemon has for an answer that costs it nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the daemon on a data folder says of itself. `None` where none runs, or this user may not ask it: then the
/// config is all that is known.
pub(crate) fn endpoint(data: &Path) -> Option<Endpoint> {
    let stream = control::connect(data).ok()??;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let answer = request(data, stream, "endpoint").ok()?;
    serde_json::from_str(&rest(answer).ok()?).ok()
}

/// Asks the daemon on a data folder; `None` where none runs. What follows the `ok` is still to be read.
pub(crate) fn ask(data: &Path, word: &str) -> Result<Option<BufReader<UnixStream>>, CliError> {
    connect(data)?.map(|stream| request(data, stream, word)).transpose()
}

pub(crate) fn cannot_ask(data: &Path, error: &dyn std::fmt::Display) -> CliError {
    let data = data.display();
    CliError::try_later(localized!(
        "the daemon on {data} can't be asked: {error}",
        "não foi possível falar com o daemon em {data}: {error}"
    ))
}

pub(crate) fn connect(data: &Path) -> Result<Option<UnixStream>, CliError> {
    control::connect(data).map_err(|error| cannot_ask(data, &say(crate::store::of_folder(data, error).localized())))
}

/// Sends a request to the daemon on a data folder. What follows the `ok` is still to be read.
pub(crate) fn request(data: &Path, mut stream: UnixStream, word: &str) -> Result<BufReader<UnixStream>, CliError> {
    writeln!(stream, "{word}").map_err(|error| cannot_ask(data, &error))?;
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut line = String::new();
    stream.read_line(&mut line).map_err(|error| cannot_ask(data, &error))?;
    if line.trim_end() == "ok" {
        return Ok(stream);
    }
    line.push_str(&rest(stream)?);
    let line = line.trim_end();
    Err(match (line.strip_prefix("refused "), line.strip_prefix("error ")) {
        // It would be refused again.
        (Some(why), _) => CliError::failed(why),
        (None, Some(why)) => CliError::try_later(why),
        (None, None) => CliError::try_later(localized!("the daemon hung up", "o daemon encerrou a conexão")),
    })
}

/// What is left of an answer, without the last line end.
pub(crate) fn rest(mut stream: BufReader<UnixStream>) -> Result<String, CliError> {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    read.map_err(|error| {
        CliError::failed(localized!("the daemon broke off: {error}", "o daemon interrompeu a resposta: {error}"))
    })?;
    text.truncate(text.trim_end().len());
    Ok(text)
}
