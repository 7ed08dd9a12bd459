//! `carteiro events erase` and what belongs to it: the payload of one event, or of all that have a key.

use super::client::{ApiClient, ApiRequest};
use super::error::CliError;
use super::input::{self, confirmed};
use super::jobs::JobKind;
use super::language::say;
use super::output::{Column, Fit, Show, line, print_done, print_fields, print_one};
use super::words;
use crate::model::localized;
use clap::Args;
use serde_json::{Value, json};

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
    pub(crate) id: String,
}

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::JobStatus("status")),
    Column("EVENTS", Fit::Spare, Show::Text("events")),
    Column("ERASED", Fit::Spare, Show::Text("erased")),
    Column("BEGUN", Fit::Spare, Show::Time("inserted_at")),
];

pub(crate) const ERASURES: JobKind = JobKind {
    path: "/api/erasures",
    matched: "events",
    made: "erased",
    does: ("erase", "events"),
    begun: |id, events| {
        let events = words::events(events);
        localized!(
            "Job {id} erases {events}; Ctrl-C leaves it to the daemon.",
            "A tarefa {id} apaga {events}; Ctrl-C a deixa com o daemon."
        )
    },
    commands: ["carteiro events erasures", "carteiro events erasure", "carteiro events cancel-erasure"],
    columns: COLUMNS,
    show: show_one,
};

pub(crate) fn erase(daemon: &ApiClient, args: &EraseArgs, json: bool) -> Result<(), CliError> {
    let Some(id) = &args.id else {
        return erase_all(daemon, args, json);
    };
    confirmed(args.yes, || {
        Ok(say(localized!(
            "Erase the resource of {id}? Its pending notifications are cancelled.",
            "Apagar os dados de {id}? As notificações pendentes dele são canceladas."
        )))
    })?;
    let query = if args.external_id { "?external_id=true" } else { "" };
    daemon.call(ApiRequest::delete(format!("/api/events/{id}/resource{query}")))?;
    print_done(json, &json!({ "id": id, "erased": true }), say(localized!("{id} erased", "{id} apagado")));
    Ok(())
}

fn erase_all(daemon: &ApiClient, args: &EraseArgs, json: bool) -> Result<(), CliError> {
    let key = args.query.as_deref().unwrap_or_default();
    let request = |dry_run: bool| {
        let body = json!({ "q": key, "external_id": args.external_id, "dry_run": dry_run });
        ApiRequest::post(ERASURES.path).body(body.to_string())
    };
    let sentence = |count: &Value| {
        let count = |name: &str| count[name].as_u64().unwrap_or(0);
        let (events, notifications) = (words::events(count("events")), words::notifications(count("notifications")));
        say(localized!("key {key}: {events}, {notifications}", "chave {key}: {events}, {notifications}"))
    };
    if args.dry_run {
        print_one(&daemon.call(request(true))?, json, |count| line(sentence(count)));
        return Ok(());
    }
    confirmed(args.yes, || {
        let count = daemon.call(request(true))?.value();
        let count = sentence(&count);
        Ok(say(localized!(
            "{count}. Erase their resources? Pending notifications are cancelled.",
            "{count}. Apagar os dados deles? As notificações pendentes são canceladas."
        )))
    })?;
    ERASURES.run(daemon, request(false), !args.no_wait, json)
}

fn show_one(erasure: &Value) {
    print_fields(
        erasure,
        &[
            ("erasure", Show::Text("id")),
            ("status", Show::JobStatus("status")),
            ("events", Show::Text("events")),
            ("erased", Show::Text("erased")),
            ("ended", Show::Time("ended_at")),
        ],
    );
}
