//! `carteiro alerts`: tests the channels of alerts through the API.

use super::client::ApiRequest;
use super::connection::ConnectionArgs;
use super::error::CliError;
use super::exit::FAILED;
use super::output::{line, printable, text};
use crate::model::AlertChannel;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct AlertsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Subcommand)]
enum AlertsCommand {
    /// Send a test message by each alert channel that is set
    Test {
        /// Only this channel: email, telegram, ntfy, slack, discord or webhook
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
    },
}

pub(crate) fn alerts(args: &AlertsArgs) -> Result<(), CliError> {
    let (daemon, json) = (args.connection.daemon()?, args.connection.json);
    match &args.command {
        AlertsCommand::Test { channel } => {
            let names = AlertChannel::ALL.map(AlertChannel::as_str);
            if let Some(channel) = channel.as_ref().filter(|channel| !names.contains(&channel.as_str())) {
                let names = names.join(", ");
                return Err(CliError::usage(format_args!("`{channel}` is no alert channel; there are {names}")));
            }
            let body = json!({ "channel": channel }).to_string();
            let tests = daemon.call(ApiRequest::post("/api/alerts/test").body(body))?.value();
            let tests = tests.as_array().map(Vec::as_slice).unwrap_or_default();
            if tests.is_empty() {
                return Err(CliError::failed(
                    "no alert channel is set: write [alerts.email], or another of config.example.toml, and run \
                     `carteiro reload`",
                ));
            }
            for test in tests {
                if json { line(test) } else { line(told(test)) }
            }
            let failed = tests.iter().any(|test| test["sent"] != Value::Bool(true));
            if failed { Err(CliError::printed(FAILED)) } else { Ok(()) }
        }
    }
}

/// One line of what became of a test.
fn told(test: &Value) -> String {
    let channel = text(&test["channel"]);
    let whose = if test["owner"] == "account" { " of the account" } else { "" };
    match test["error"].as_str() {
        None => format!("{channel}{whose}: sent"),
        Some(error) => format!("{channel}{whose}: not sent: {}", printable(error)),
    }
}
