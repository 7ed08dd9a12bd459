//! The config that a command works with: its file, the environment and the flags.

use super::error::CliError;
use super::exit::BAD_CONFIG;
use super::language::{configure, language, say};
use crate::config::{self, Loaded};
use crate::model::localized;
use clap::Args;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the package has the daemon's config.
pub(crate) const INSTALLED_CONFIG: &str = "/etc/carteiro/carteiro.toml";
/// Where the package has the binary.
const INSTALLED_BINARIES: &str = "/usr/bin";

#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// The config file; without one, the installed daemon's for /usr/bin/carteiro, else built-in defaults
    #[arg(long, value_name = "FILE", env = "CARTEIRO_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgs {
    /// The file that is named; else, for the installed binary, the installed daemon's, so that nobody has to name it at
    /// each call. A binary from elsewhere, one just built say, never takes the installed daemon for its own.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(installed_config)
    }
}

/// The installed daemon's config, where this is the installed binary.
pub(crate) fn installed_config() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    is_installed(&own, Path::new(INSTALLED_CONFIG)).then(|| PathBuf::from(INSTALLED_CONFIG))
}

/// The environment as text; a variable that isn't UTF-8 can't be one of ours (see [`load`]).
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the config that a command means (see [`ConfigArgs::file`]), or prints every problem of it.
pub(crate) fn load(args: &ConfigArgs) -> Result<Loaded, CliError> {
    load_file(args.file().as_deref(), &[])
}

/// The same of exactly this file, the built-in defaults where there is none, and with flags.
pub(crate) fn load_file(file: Option<&Path>, flags: &[(&'static str, String)]) -> Result<Loaded, CliError> {
    let unreadable = std::env::vars_os().find(|(name, value)| {
        let ours = name.to_str().is_some_and(|name| name.starts_with("CARTEIRO_") && name.contains("__"));
        ours && value.to_str().is_none()
    });
    if let Some((name, _)) = unreadable {
        let name = name.to_string_lossy();
        // Left out, a setting would silently be another one.
        return Err(CliError::bad_config(localized!(
            "the value of {name} is not UTF-8 text",
            "o valor de {name} não é texto UTF-8"
        )));
    }
    let loaded = config::Config::load(file, environment(), flags).map_err(|problems| {
        for problem in problems.iter() {
            eprintln!("{}", say(problem.localized()));
        }
        CliError::printed(BAD_CONFIG)
    })?;
    configure(loaded.config.cli.language);
    Ok(loaded)
}

fn is_installed(own: &Path, config: &Path) -> bool {
    own.parent() == Some(Path::new(INSTALLED_BINARIES)) && config.exists()
}

/// What to do about a file that can't be read or a socket that can't be reached, behind the system's own words; empty
/// where only those help.
pub(crate) fn remedy(error: &std::io::Error) -> &'static str {
    if error.kind() == ErrorKind::PermissionDenied {
        language().pick(
            "; run the command with sudo, or as the daemon's user",
            "; execute o comando com sudo, ou como o usuário do daemon",
        )
    } else {
        ""
    }
}

/// An error with the place of the config that it comes from, if it comes from one.
pub(crate) fn located(loaded: &Loaded, error: &crate::daemon::Error) -> String {
    let told = say(error.localized());
    match error.key().and_then(|key| loaded.source(key)) {
        Some(place) => format!("{place}: {told}"),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_installed_binary_means_the_installed_daemon() {
        let config = tempfile::NamedTempFile::new().unwrap();
        assert!(is_installed(Path::new("/usr/bin/carteiro"), config.path()));
        assert!(!is_installed(Path::new("/root/carteiro/target/release/carteiro"), config.path()));
        assert!(!is_installed(Path::new("/usr/bin/carteiro"), &config.path().with_extension("missing")));
    }

    #[test]
    fn permission_denied_has_a_remedy_and_a_missing_file_none() {
        assert!(remedy(&ErrorKind::PermissionDenied.into()).contains("sudo"));
        assert_eq!(remedy(&ErrorKind::NotFound.into()), "");
    }
}
