//! `carteiro health`: whether the daemon is ready, as an exit code. Health checks of containers and of load balancers
//! call it, so it needs no token.

use super::client::{ApiClient, ApiRequest};
use super::error::CliError;
use super::language::language;
use super::output::line;
use super::settings::{ConfigArgs, load};
use clap::Args;

#[derive(Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The daemon's address, instead of `server.listen` of the config; https:// before the name of a proxy with TLS
    #[arg(long, value_name = "ADDRESS", env = "CARTEIRO_SERVER")]
    server: Option<String>,
}

/// Prints `ready` and ends with 0, or says what holds the daemon up and ends with 75.
pub(crate) fn health(args: &HealthArgs) -> Result<(), CliError> {
    let config = load(&args.file)?.config;
    ApiClient::of(&config, args.server.as_deref())?.call(ApiRequest::get("/readyz"))?;
    line(language().pick("ready", "pronto"));
    Ok(())
}
