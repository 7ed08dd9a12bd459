//! The config that a command works with: its file, the environment and the flags.

use super::error::CliError;
use super::exit::BAD_CONFIG;
use crate::config::{self, Loaded};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// The config file; without one, built-in defaults
    #[arg(long, value_name = "FILE", env = "CARTEIRO_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// The environment as text; a variable that isn't UTF-8 can't be one of ours (see [`load`]).
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the config, or prints every problem of it.
pub(crate) fn load(file: &ConfigArgs, flags: &[(&'static str, String)]) -> Result<Loaded, CliError> {
    let unreadable = std::env::vars_os().find(|(name, value)| {
        let ours = name.to_str().is_some_and(|name| name.starts_with("CARTEIRO_") && name.contains("__"));
        ours && value.to_str().is_none()
    });
    if let Some((name, _)) = unreadable {
        // Left out, a setting would silently be another one.
        return Err(CliError::bad_config(format_args!("the value of {} is not UTF-8 text", name.to_string_lossy())));
    }
    config::Config::load(file.config.as_deref(), environment(), flags).map_err(|problems| {
        eprintln!("{problems}");
        CliError::printed(BAD_CONFIG)
    })
}
