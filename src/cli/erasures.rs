//! `carteiro events erase` and what belongs to it: the payload of one event, or of all that have a key.

use super::client::{ApiAnswer, ApiClient, ApiRequest, block_on, until_interrupted};
use super::connection::{Extent, Filters};
use super::error::CliError;
use super::follow::Backoff;
use super::input::{self, confirmed};
use super::output::{Column, Fit, Show, line, print_done, print_fields, print_one, text};
use super::progress::ProgressBar;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Interval between reads of an erasure's progress.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct EraseArgs {
    /// The id of one; without it, give --query
    #[arg(value_parser = input::id)]
    id: Option<String>,
    /// All that have this key, whole: an order's id, a payment's, or the value of a field in catalogue.keys
    #[arg(long, value_name = "KEY", conflicts_with = "id", required_unless_present = "id")]
    query: Option<String>,
    /// Erase the shop's own id for it as well
    #[arg(long)]
    external_id: bool,
    /// Print how many events and notifications a key has, and erase nothing
    #[arg(long, conflicts_with = "id")]
    dry_run: bool,
    /// Don't wait until all are erased
    #[arg(long, conflicts_with = "id")]
    no_wait: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(crate) struct ErasureId {
    /// The erasure's id
    #[arg(value_parser = input::id)]
    id: String,
}

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::Status("status")),
    Column("EVENTS", Fit::Spare, Show::Text("events")),
    Column("ERASED", Fit::Spare, Show::Text("erased")),
    Column("CREATED", Fit::Spare, Show::Time("inserted_at")),
];

const ERASURES: &str = "/api/erasures";

pub(crate) fn erase(daemon: &ApiClient, args: &EraseArgs, json: bool) -> Result<(), CliError> {
    let Some(id) = &args.id else {
        return erase_all(daemon, args, json);
    };
    confirmed(args.yes, || Ok(format!("Erase the resource of {id}? Its pending notifications are cancelled.")))?;
    let query = if args.external_id { "?external_id=true" } else { "" };
    daemon.call(ApiRequest::delete(format!("/api/events/{id}/resource{query}")))?;
    print_done(json, &json!({ "id": id, "erased": true }), format_args!("{id} erased"));
    Ok(())
}

fn erase_all(daemon: &ApiClient, args: &EraseArgs, json: bool) -> Result<(), CliError> {
    let key = args.query.as_deref().unwrap_or_default();
    let request = |dry_run: bool| {
        let body = json!({ "q": key, "external_id": args.external_id, "dry_run": dry_run });
        ApiRequest::post(ERASURES).body(body.to_string())
    };
    let sentence =
        |count: &Value| format!("key {key}: {} events, {} notifications", count["events"], count["notifications"]);
    if args.dry_run {
        print_one(&daemon.call(request(true))?, json, |count| line(sentence(count)));
        return Ok(());
    }
    confirmed(args.yes, || {
        let count = daemon.call(request(true))?.value();
        Ok(format!("{}. Erase their resources? Pending notifications are cancelled.", sentence(&count)))
    })?;
    let mut id = String::new();
    let ended = block_on(until_interrupted(async {
        let started = daemon.send(request(false)).await?;
        id = text(&started.value()["id"]);
        if args.no_wait {
            return Ok(started);
        }
        await_end(daemon, &id).await
    }))?;
    let Some(ended) = ended else {
        let hint = if id.is_empty() { "`carteiro events erasures` shows whether it was taken" } else { "it goes on" };
        return Err(CliError::failed(format_args!("interrupted: {hint}")));
    };
    print_one(&ended, json, show_one);
    if ended.value()["status"] == "FAILED" {
        return Err(CliError::failed("the erasure met what can't be read and was given up: run `carteiro verify`"));
    }
    Ok(())
}

async fn await_end(daemon: &ApiClient, id: &str) -> Result<ApiAnswer, CliError> {
    let (mut bar, mut backoff) = (ProgressBar::new(), Backoff::new());
    loop {
        match daemon.send(ApiRequest::get(format!("{ERASURES}/{id}"))).await {
            Ok(answer) => {
                backoff.reset();
                let erasure = answer.value();
                if erasure["status"] != "RUNNING" {
                    bar.clear();
                    return Ok(answer);
                }
                let count = |name: &str| erasure[name].as_u64().unwrap_or(0);
                bar.show("erase", count("erased"), count("events"), "events");
            }
            Err(problem) => {
                bar.clear();
                backoff.after(problem).await?;
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

pub(crate) fn list(daemon: &ApiClient, json: bool) -> Result<(), CliError> {
    Extent::ALL.read(daemon, ERASURES, &Filters::default())?.print(json, COLUMNS);
    Ok(())
}

pub(crate) fn show(daemon: &ApiClient, id: &ErasureId, json: bool) -> Result<(), CliError> {
    print_one(&daemon.get(format!("{ERASURES}/{}", id.id))?, json, show_one);
    Ok(())
}

pub(crate) fn cancel(daemon: &ApiClient, id: &ErasureId, json: bool) -> Result<(), CliError> {
    print_one(&daemon.call(ApiRequest::delete(format!("{ERASURES}/{}", id.id)))?, json, show_one);
    Ok(())
}

fn show_one(erasure: &Value) {
    print_fields(
        erasure,
        &[
            ("erasure", Show::Text("id")),
            ("status", Show::Status("status")),
            ("events", Show::Text("events")),
            ("erased", Show::Text("erased")),
            ("ended", Show::Time("ended_at")),
        ],
    );
}
