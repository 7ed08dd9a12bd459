//! The command line: which command, with which settings, and how it ends. Every failure becomes a sentence and an exit
//! code.

mod account;
mod client;
mod connection;
mod demo;
mod error;
mod events;
mod follow;
mod generate;
mod input;
mod listen;
mod log;
mod notifications;
mod output;
mod progress;
mod receiver;
mod serve;
mod store;
mod tail;
mod time_zone;
mod token;
mod trigger;
mod webhooks;

use crate::config::{self, Loaded};
use crate::daemon;
use clap::{Args, Parser, Subcommand};
use error::CliError;
use std::path::PathBuf;
use std::process::ExitCode;

/// The command did its work.
const DONE: u8 = 0;
/// The command failed.
const FAILED: u8 = 1;
/// Wrong usage; clap's code too.
const WRONG_USAGE: u8 = 2;
/// An address or URL of the command line or its variables can't be used; nothing was dialled (`EX_USAGE`).
const WRONG_ADDRESS: u8 = 64;
/// Try again later: the daemon can't be reached or is not ready (`EX_TEMPFAIL`).
const TRY_LATER: u8 = 75;
/// Bad configuration; systemd doesn't restart on it (`EX_CONFIG`).
const BAD_CONFIG: u8 = 78;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 64 not an address, 75 try again later, 78 bad configuration.
Environment: CARTEIRO_CONFIG, CARTEIRO_SERVER, CARTEIRO_TOKEN and CARTEIRO_TOKEN_FILE set their flags, \
CARTEIRO_SECTION__KEY a key of the config, TZ the time zone, COLUMNS the width of the terminal; NO_COLOR turns \
colours off.";

/// Self-hosted webhook notifications: stores every event and retries until the target confirms.
#[derive(Parser)]
#[command(name = "carteiro", version, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Serve(ServeArgs),
    /// Run a daemon and a receiver in a temporary folder, with sample orders and payments
    Demo(demo::DemoArgs),
    /// Check a config file and print every problem
    CheckConfig(ConfigArgs),
    /// Print the settings in effect and where each comes from
    Config(ConfigArgs),
    /// Write all data into one checksummed file, with or without a running daemon
    Backup(store::BackupArgs),
    /// Fill an empty data folder from a backup
    Restore(store::RestoreArgs),
    /// Check every row and index of the store
    Verify(store::StoreArgs),
    /// Apply the changed config to the running daemon
    Reload(ConfigArgs),
    /// List accounts of the store, export them, or remove one that the config lacks
    Account(account::AccountArgs),
    /// Create, list and revoke access tokens
    Token(token::TokenArgs),
    /// List, show, register, change, test and delete webhooks
    Webhooks(webhooks::WebhooksArgs),
    /// List, show, record, re-send and follow events
    Events(events::EventsArgs),
    /// List, show, re-send and follow notifications
    Notifications(notifications::NotificationsArgs),
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

#[derive(Args)]
struct ConfigArgs {
    /// The config file; without one, built-in defaults
    #[arg(long, value_name = "FILE", env = "CARTEIRO_CONFIG", global = true)]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct ServeArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The address to listen on, instead of `server.listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Start on a store that has lost data, and go on with what is left; give it for one start only
    #[arg(long)]
    accept_data_loss: bool,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    silence_expected_panics();
    // clap answers --help and wrong usage itself, with 0 and 2.
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(args) => serve::serve(&args),
        Command::Demo(args) => demo::demo(&args),
        Command::CheckConfig(args) => check_config(&args),
        Command::Config(args) => show_config(&args),
        Command::Backup(args) => store::backup(&args),
        Command::Restore(args) => store::restore_backup(&args),
        Command::Verify(args) => store::verify(&args),
        Command::Reload(args) => store::reload(&args),
        Command::Account(args) => account::account(&args),
        Command::Token(args) => token::token(&args),
        Command::Webhooks(args) => webhooks::webhooks(&args),
        Command::Events(args) => events::events(&args),
        Command::Notifications(args) => notifications::notifications(&args),
        Command::Trigger(args) => trigger::trigger(&args),
        Command::Tail(args) => tail::tail(&args),
        Command::Listen(args) => listen::listen(&args),
        Command::Completions(args) => {
            generate::completions(&args);
            Ok(())
        }
        Command::Man(args) => generate::man(&args),
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

/// The environment as text; a variable that isn't UTF-8 can't be one of ours (see [`load`]).
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the config, or prints every problem of it.
fn load(file: &ConfigArgs, flags: &[(&'static str, String)]) -> Result<Loaded, CliError> {
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

fn check_config(args: &ConfigArgs) -> Result<(), CliError> {
    let config = load(args, &[])?.config;
    let problems = daemon::check_files(&config);
    if !problems.is_empty() {
        problems.iter().for_each(complain);
        return Err(CliError::printed(BAD_CONFIG));
    }
    // One that can't be read is among the problems.
    let certificate = crate::http::Certificate::of(&config.server).ok().flatten();
    let now = crate::clock::Clock::System.now();
    let warnings = daemon::warnings(&config, certificate.as_ref(), config.server.listen, now);
    for warning in warnings.into_iter().chain(daemon::absent_accounts(&config)) {
        complain(format_args!("warning: {warning}"));
    }
    match &args.config {
        Some(file) => println!("{}: no problems", file.display()),
        None => println!("the built-in defaults: no problems"),
    }
    Ok(())
}

fn show_config(args: &ConfigArgs) -> Result<(), CliError> {
    output::line(load(args, &[])?.effective().trim_end_matches('\n'));
    Ok(())
}

/// Prints why a command failed, as a sentence.
fn complain(problem: impl std::fmt::Display) {
    eprintln!("carteiro: {problem}");
}
