//! `carteiro alerts`: lists what is wrong, says what nobody is to be told of, and tests the channels, through the API.

use super::client::ApiRequest;
use super::connection::ConnectionArgs;
use super::error::CliError;
use super::exit::FAILED;
use super::input::Words;
use super::language::{language, say};
use super::output::{Column, Fit, Show, Table, line, print_done, print_one, printable, short_time, spoken, text};
use crate::model::{AlertChannel, Condition, localized};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::sync::LazyLock;

#[derive(Args)]
pub(crate) struct AlertsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: AlertsCommand,
}

#[derive(Subcommand)]
enum AlertsCommand {
    /// List the open alerts, and what is muted
    List,
    /// Tell nobody of an alert
    Mute {
        /// Its key, as `carteiro alerts list` shows it
        #[arg(value_parser = KEYS, hide_possible_values = true)]
        key: String,
        /// For how long, such as 24h; until `carteiro alerts unmute` if not given
        #[arg(long = "for", value_name = "SPAN")]
        span: Option<String>,
    },
    /// Tell of an alert again
    Unmute {
        /// Its key
        #[arg(value_parser = KEYS, hide_possible_values = true)]
        key: String,
    },
    /// Send a test message by each alert channel that is set
    Test {
        /// Only this channel: email, telegram, ntfy, slack, discord or webhook
        #[arg(long, value_name = "NAME", value_parser = CHANNELS, hide_possible_values = true)]
        channel: Option<String>,
    },
}

const CHANNELS: Words = Words(|| AlertChannel::ALL.map(AlertChannel::as_str).to_vec());

/// The keys that are the same everywhere. Those of webhooks, accounts and certificates only the daemon knows.
const KEYS: Words = Words(|| {
    static OF_MACHINE: LazyLock<Vec<String>> = LazyLock::new(|| {
        let of_machine = Condition::NAMES.into_iter().filter(|condition| condition.is_of_machine());
        of_machine.map(Condition::kind).collect()
    });
    OF_MACHINE.iter().map(String::as_str).collect()
});

const COLUMNS: &[Column] = &[
    Column("KEY", Fit::Whole, Show::Text("key")),
    Column("SINCE", Fit::Whole, Show::Made(|alert| short_time(&alert["since"]))),
    Column("MUTED", Fit::Whole, Show::Made(muted)),
    Column("ALERT", Fit::Spare, Show::Made(|alert| spoken(alert, "title"))),
];

pub(crate) fn alerts(args: &AlertsArgs) -> Result<(), CliError> {
    let (daemon, json) = (args.connection.daemon()?, args.connection.json);
    match &args.command {
        AlertsCommand::List => {
            let alerts = daemon.get("/api/alerts")?;
            if json {
                line(alerts.raw());
                return Ok(());
            }
            let rows = alerts.rows();
            let rows = rows.iter().filter_map(|row| serde_json::from_str::<Value>(row.get()).ok());
            Table::new(COLUMNS, rows).print();
            Ok(())
        }
        AlertsCommand::Mute { key, span } => {
            let body = json!({ "mute": { "key": key, "for": span } });
            let muted = daemon.call(ApiRequest::post("/api/alerts/mutes").body(body.to_string()))?;
            print_one(&muted, json, |muted| {
                let (key, until) = (text(&muted["key"]), until(muted));
                line(say(localized!("{key} muted {until}", "{key} silenciado {until}")));
            });
            Ok(())
        }
        AlertsCommand::Unmute { key } => {
            let query: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
            daemon.call(ApiRequest::delete(format!("/api/alerts/mutes?key={query}")))?;
            print_done(
                json,
                &json!({ "key": key, "muted": false }),
                say(localized!("{key} will be sent again", "{key} voltará a ser enviado")),
            );
            Ok(())
        }
        AlertsCommand::Test { channel } => {
            let names = AlertChannel::ALL.map(AlertChannel::as_str);
            if let Some(channel) = channel.as_ref().filter(|channel| !names.contains(&channel.as_str())) {
                let names = names.join(", ");
                return Err(CliError::usage(localized!(
                    "`{channel}` is no alert channel; there are {names}",
                    "`{channel}` não é um canal de avisos; há {names}"
                )));
            }
            let body = json!({ "channel": channel }).to_string();
            let tests = daemon.call(ApiRequest::post("/api/alerts/test").body(body))?.value();
            let tests = tests.as_array().map(Vec::as_slice).unwrap_or_default();
            if tests.is_empty() {
                return Err(CliError::failed(localized!(
                    "no alert channel is set: write [alerts.email], or another of config.example.toml, and run \
                     `carteiro reload`",
                    "nenhum canal de avisos está configurado: escreva [alerts.email] ou outro de config.example.toml \
                     e execute `carteiro reload`",
                )));
            }
            for test in tests {
                if json { line(test) } else { line(told(test)) }
            }
            let failed = tests.iter().any(|test| test["sent"] != Value::Bool(true) || !test["left_out"].is_null());
            if failed { Err(CliError::printed(FAILED)) } else { Ok(()) }
        }
    }
}

/// One line of what became of a test.
fn told(test: &Value) -> String {
    let channel = text(&test["channel"]);
    let whose = if test["owner"] == "account" { language().pick(" of the account", " da conta") } else { "" };
    let [error, left_out] = ["error", "left_out"].map(|field| spoken(test, field));
    let (error, left_out) = (printable(&error), printable(&left_out));
    say(match (&*error, &*left_out) {
        ("", "") => localized!("{channel}{whose}: sent", "{channel}{whose}: enviado"),
        ("", _) => localized!(
            "{channel}{whose}: not sent to everybody: {left_out}",
            "{channel}{whose}: não enviado a todos: {left_out}"
        ),
        _ => localized!("{channel}{whose}: not sent: {error}", "{channel}{whose}: não enviado: {error}"),
    })
}

fn muted(alert: &Value) -> String {
    if alert["muted"] == true { until(alert) } else { String::new() }
}

fn until(alert: &Value) -> String {
    let until = short_time(&alert["muted_until"]);
    say(match &*until {
        "" => localized!("for good", "sem prazo"),
        _ => localized!("until {until}", "até {until}"),
    })
}
