//! The command line: which command, with which settings, and how it ends. Every failure becomes a sentence and an exit
//! code.

mod account;
mod alerts;
mod audit;
mod backfills;
mod check_config;
mod client;
mod connection;
mod demo;
mod doctor;
mod erasures;
mod error;
mod events;
mod examples;
mod exit;
mod filters;
mod follow;
mod generate;
mod health;
mod input;
mod jobs;
mod language;
mod listen;
mod log;
mod notifications;
mod output;
mod own_daemon;
mod panel_link;
mod progress;
mod receiver;
mod refusal;
mod serve;
mod server_address;
mod settings;
mod store;
mod system_user;
mod tail;
mod time_zone;
mod token;
mod trigger;
mod usage_error;
mod webhook_file;
mod webhooks;
mod words;

use crate::config::KeptBytes;
use crate::store::retention_bytes_for;
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use error::CliError;
use exit::DONE;
use settings::{ConfigArgs, load};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 64 not an address, 75 try again later, 78 bad configuration.
Environment: CARTEIRO_CONFIG, CARTEIRO_SERVER, CARTEIRO_TOKEN and CARTEIRO_TOKEN_FILE set their flags, \
CARTEIRO_SECTION__KEY a key of the config, TZ the time zone, COLUMNS the width of the terminal; NO_COLOR turns \
colours off.";

/// With the commit that a release was made from, which `.ci/release` hands over.
const VERSION: &str = match option_env!("CARTEIRO_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Self-hosted webhook notifications: stores every event and retries until the target confirms.
#[derive(Parser)]
#[command(name = "carteiro", version = VERSION, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Run the daemon
    Serve(serve::ServeArgs),
    /// Run a daemon and a receiver in a temporary folder, with sample orders and payments
    Demo(demo::DemoArgs),
    /// Check a config file and print every problem
    CheckConfig(check_config::CheckConfigArgs),
    /// Print the settings in effect and where each comes from
    Config(ConfigArgs),
    /// Write all data into one checksummed file, with or without a running daemon
    Backup(store::BackupArgs),
    /// Fill an empty data folder from a backup
    Restore(store::RestoreArgs),
    /// Check every row and index of the store
    Verify(store::StoreArgs),
    /// Ask the daemon whether it is ready, for health checks
    Health(health::HealthArgs),
    /// Look at everything that the daemon needs, and say what to do where something is wrong
    Doctor(doctor::DoctorArgs),
    /// Apply the changed config to the running daemon
    Reload(ConfigArgs),
    /// List accounts of the store, export them, or remove one that the config lacks
    Account(account::AccountArgs),
    /// Create, list and revoke access tokens
    Token(token::TokenArgs),
    /// List who changed what: webhooks, tokens, secrets, re-sends, erasures
    Audit(audit::AuditArgs),
    /// Print a link that signs in to the panel once, within 15 minutes
    PanelLink(panel_link::PanelLinkArgs),
    /// List, show, register, change, test and delete webhooks
    Webhooks(webhooks::WebhooksArgs),
    /// List, show, record, re-send and follow events
    Events(events::EventsArgs),
    /// List, show, re-send and follow notifications
    Notifications(notifications::NotificationsArgs),
    /// List open alerts, mute them, and test the channels of alerts
    Alerts(alerts::AlertsArgs),
    /// Record a sample event
    Trigger(trigger::TriggerArgs),
    /// Print attempts as they are made
    Tail(tail::TailCommand),
    /// Receive notifications on this machine, for testing
    Listen(listen::ListenArgs),
    /// Write completions for a shell to the standard output
    Completions(generate::CompletionsArgs),
    /// Write a manual page to the standard output
    Man(generate::ManArgs),
}

/// The whole definition of the command line.
fn command() -> Command {
    examples::with_examples(Cli::command())
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    silence_expected_panics();
    // --help and wrong usage end it here, with 0 and 2.
    let cli = command()
        .try_get_matches()
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command())));
    let cli = cli.unwrap_or_else(|error| usage_error::exit(&error));
    let result = match cli.command {
        CliCommand::Serve(args) => serve::serve(&args),
        CliCommand::Demo(args) => demo::demo(&args),
        CliCommand::CheckConfig(args) => check_config::check_config(&args),
        CliCommand::Config(args) => show_config(&args),
        CliCommand::Backup(args) => store::backup(&args),
        CliCommand::Restore(args) => store::restore_backup(&args),
        CliCommand::Verify(args) => store::verify(&args),
        CliCommand::Health(args) => health::health(&args),
        CliCommand::Doctor(args) => doctor::doctor(&args),
        CliCommand::Reload(args) => store::reload(&args),
        CliCommand::Account(args) => account::account(&args),
        CliCommand::Token(args) => token::token(&args),
        CliCommand::Audit(args) => audit::audit(&args),
        CliCommand::PanelLink(args) => panel_link::panel_link(&args),
        CliCommand::Webhooks(args) => webhooks::webhooks(&args),
        CliCommand::Events(args) => events::events(&args),
        CliCommand::Notifications(args) => notifications::notifications(&args),
        CliCommand::Alerts(args) => alerts::alerts(&args),
        CliCommand::Trigger(args) => trigger::trigger(&args),
        CliCommand::Tail(args) => tail::tail(&args),
        CliCommand::Listen(args) => listen::listen(&args),
        CliCommand::Completions(args) => {
            generate::completions(&args, command());
            Ok(())
        }
        CliCommand::Man(args) => generate::man(&args, command()),
    };
    ExitCode::from(result.map_or_else(CliError::report, |()| DONE))
}

/// A panic that becomes a sentence needs no backtrace beside it.
fn silence_expected_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::store::panic_is_expected() {
            usual(panic);
        }
    }));
}

fn show_config(args: &ConfigArgs) -> Result<(), CliError> {
    let loaded = load(args)?;
    output::line(loaded.effective().trim_end_matches('\n'));
    let store = &loaded.config.store;
    if store.retention_bytes == KeptBytes::ForDisk
        && let Ok(bytes) = retention_bytes_for(&store.path, store.min_free)
    {
        let (mib, path) = (bytes >> 20, store.path.display());
        output::line(format_args!(
            "# \"auto\" of store.retention_bytes is {mib} MiB at present, with what the disk of {path} has; at a \
             start, never less than what is stored"
        ));
    }
    Ok(())
}
