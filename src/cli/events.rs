//! `carteiro events`: listed, shown, recorded, explained, re-sent and followed through the API.

use super::client::{ApiAnswer, ApiClient, ApiRequest, block_on, until_interrupted};
use super::connection::{ConnectionArgs, Extent, Filters};
use super::erasures::{self, ERASURES};
use super::error::CliError;
use super::filters::{FilterFlags, LIST, STREAM};
use super::follow::Backoff;
use super::input::{Id, TYPES, read_text, span};
use super::language::{language, say, tell};
use super::notifications;
use super::output::{
    Cell, Column, Fit, Screen, Show, Tone, cut, line, pretty_json, print_fields, print_one, printable, short_time,
    spoken, text,
};
use super::words;
use crate::clock::Zone;
use crate::model::{EventFilter, localized};
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Subcommand)]
enum EventsCommand {
    /// List events, newest first
    List {
        #[command(flatten)]
        filters: FilterFlags<EventFilter, LIST>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show one, with its resource
    Show(Id),
    /// Record one
    Create(CreateArgs),
    /// Show the notifications of one, and their attempts
    Notifications(Id),
    /// Show for every webhook why it was notified of this event or wasn't
    Explain(Id),
    /// Send it again to every webhook that matches now, or to one
    Resend {
        #[command(flatten)]
        id: Id,
        /// To this webhook alone, whatever its types and its filter say
        #[arg(long, value_name = "ID", value_parser = super::input::id)]
        webhook: Option<String>,
        /// Only to those that have not confirmed it
        #[arg(long, conflicts_with = "webhook")]
        undelivered: bool,
    },
    /// Erase the resource of one, or of all that have a key (LGPD); pending notifications are cancelled
    Erase(erasures::EraseArgs),
    /// List the erasures of keys
    Erasures,
    /// Show the progress of an erasure
    Erasure(erasures::ErasureId),
    /// Cancel an erasure; what is erased stays so
    CancelErasure(erasures::ErasureId),
    /// Print events as they are recorded, without missing any
    Follow {
        #[command(flatten)]
        filters: FilterFlags<EventFilter, STREAM>,
        /// Start after this cursor, or with `start` from the first event. Without it, from now on
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        /// Interval between requests to the daemon
        #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span)]
        every: Duration,
        /// Exit after this many events
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}

fn path(id: &Id) -> String {
    format!("/api/events/{}", id.id)
}

/// The ids of an event to record; `trigger` takes the same.
#[derive(Args)]
pub(crate) struct Naming {
    /// A UUID of your own: a repetition with it records nothing
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    /// The shop's own id for it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// A key for retries: a repetition within the window (24h by default) records nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Args)]
struct CreateArgs {
    /// What happened, such as PAYMENT.PAID
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES, hide_possible_values = true)]
    event_type: String,
    /// A file that holds the resource, a JSON object; - for the standard input
    #[arg(long, value_name = "FILE")]
    resource: PathBuf,
    /// When it happened, such as 2026-11-23T10:00:00-03:00
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
    #[command(flatten)]
    naming: Naming,
}

/// Reads a resource, which is sent byte for byte.
pub(crate) fn read_resource(file: &std::path::Path) -> Result<Box<RawValue>, CliError> {
    let text = read_text(file)?;
    RawValue::from_string(text.trim().to_owned()).map_err(|error| {
        let file = file.display();
        CliError::failed(localized!(
            "the resource in {file} is no JSON: {error}",
            "o recurso em {file} não é JSON: {error}"
        ))
    })
}

/// Records one event.
pub(crate) fn record(
    daemon: &ApiClient,
    event_type: &str,
    resource: &RawValue,
    occurred_at: Option<&str>,
    naming: &Naming,
) -> Result<ApiAnswer, CliError> {
    let mut fields = vec![("type", event_type)];
    fields.extend(naming.id.as_deref().map(|id| ("id", id)));
    fields.extend(naming.external_id.as_deref().map(|id| ("external_id", id)));
    fields.extend(occurred_at.map(|at| ("occurred_at", at)));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{},", json!(value))).collect();
    let body = format!(r#"{{"event":{{{}"resource":{}}}}}"#, fields.concat(), resource.get());
    let request = ApiRequest::post("/api/events").body(body);
    daemon.call(request.header("idempotency-key", naming.idempotency_key.as_deref()))
}

/// Says what was recorded.
pub(crate) fn print_recorded(recorded: &ApiAnswer, json: bool) {
    print_one(recorded, json, |event| {
        let count = event["notifications"].as_u64().unwrap_or(0);
        let (id, event_type, notified) = (text(&event["id"]), text(&event["type"]), words::notifications(count));
        line(say(localized!("{id} {event_type} recorded, {notified}", "{id} {event_type} registrado, {notified}")));
        if count == 0 {
            tell(localized!(
                "No webhook is subscribed to it; `carteiro webhooks create --help` tells how to register one.",
                "Nenhum webhook o assina; `carteiro webhooks create --help` mostra como criar um."
            ));
        }
    });
}

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("TYPE", Fit::Cut(14), Show::Text("type")),
    Column("RECORDED", Fit::Spare, Show::Time("inserted_at")),
    Column("EXTERNAL ID", Fit::Cut(8), Show::Text("external_id")),
    Column("NOTIFICATIONS", Fit::Spare, Show::Text("notifications")),
    Column("RESOURCE ID", Fit::Spare, Show::Text("resource_id")),
];

pub(crate) fn events(args: &EventsArgs) -> Result<(), CliError> {
    let (daemon, json) = (&args.connection.daemon()?, args.connection.json);
    match &args.command {
        EventsCommand::List { filters, extent } => {
            extent.read(daemon, "/api/events", &filters.given)?.print(json, COLUMNS);
        }
        EventsCommand::Show(id) => {
            let event = daemon.get(path(id))?;
            if json { line(event.raw()) } else { show(&event)? }
        }
        EventsCommand::Create(args) => {
            let resource = read_resource(&args.resource)?;
            let recorded = record(daemon, &args.event_type, &resource, args.occurred_at.as_deref(), &args.naming)?;
            print_recorded(&recorded, json);
        }
        EventsCommand::Notifications(id) => {
            let rows = Extent::ALL.read(daemon, &format!("{}/notifications", path(id)), &Filters::default())?;
            if json {
                rows.print_json();
                return Ok(());
            }
            for (at, notification) in rows.values().enumerate() {
                if at > 0 {
                    line("");
                }
                notifications::show(&notification);
            }
        }
        EventsCommand::Explain(id) => {
            let explained = daemon.get(format!("{}/explain", path(id)))?;
            print_one(&explained, json, |webhooks| webhooks.as_array().into_iter().flatten().for_each(explain));
        }
        EventsCommand::Resend { id, webhook, undelivered } => {
            let mut request = ApiRequest::post(format!("{}/resend", path(id)));
            if let Some(webhook) = webhook {
                request = request.body(json!({ "webhook_id": webhook }).to_string());
            } else if *undelivered {
                request = request.body(json!({ "undelivered": true }).to_string());
            }
            let created = daemon.call(request)?;
            print_one(&created, json, |created| {
                let count = created.as_array().map_or(0, Vec::len);
                line(words::notifications(count.try_into().unwrap_or(u64::MAX)));
            });
        }
        EventsCommand::Erase(args) => erasures::erase(daemon, args, json)?,
        EventsCommand::Erasures => ERASURES.list(daemon, json)?,
        EventsCommand::Erasure(id) => ERASURES.show_one(daemon, &id.id, json)?,
        EventsCommand::CancelErasure(id) => ERASURES.cancel(daemon, &id.id, json)?,
        EventsCommand::Follow { filters, after, every, count } => {
            follow(daemon, &filters.given, after.as_deref(), *every, *count, json)?;
        }
    }
    Ok(())
}

fn show(shown: &ApiAnswer) -> Result<(), CliError> {
    // The resource stays as it was written: it may hold what serde_json can't read as a number.
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(shown.raw()).map_err(|error| {
        CliError::failed(localized!(
            "the daemon's answer can't be read: {error}",
            "não foi possível ler a resposta do daemon: {error}"
        ))
    })?;
    let resource = fields.remove("resource");
    let event = fields.iter().map(|(name, raw)| (name.clone(), serde_json::from_str(raw.get()).unwrap_or_default()));
    print_fields(
        &Value::Object(event.collect()),
        &[
            ("id", Show::Text("id")),
            ("type", Show::Text("type")),
            ("recorded", Show::Time("inserted_at")),
            ("occurred", Show::Time("occurred_at")),
            ("external id", Show::Text("external_id")),
            ("resource id", Show::Text("resource_id")),
            ("notifications", Show::Made(counts)),
            ("trace id", Show::Text("trace_id")),
            ("erased at", Show::Painted(|event| Cell::toned(&short_time(&event["erased_at"]), Tone::Bad))),
        ],
    );
    if let Some(resource) = resource.filter(|raw| raw.get() != "null") {
        line(pretty_json(resource.get()));
    }
    Ok(())
}

/// How many notifications of an event have which status.
fn counts(event: &Value) -> String {
    let summary = event["summary"].as_object().into_iter().flatten().filter(|(_, count)| **count != json!(0));
    let counts: Vec<String> =
        summary.map(|(status, count)| format!("{count} {}", super::words::status(status))).collect();
    if counts.is_empty() { language().pick("none", "nenhuma").to_owned() } else { counts.join(", ") }
}

/// Why one webhook gets an event or doesn't.
fn explain(webhook: &Value) {
    let (notified, tone) = if webhook["notified"] == true {
        (language().pick("notified", "notificado"), Tone::Good)
    } else {
        (language().pick("not notified", "não notificado"), Tone::Dim)
    };
    let reason = Zone::local().localize(&printable(&spoken(webhook, "reason")));
    line(format_args!("{}  {}\n  {reason}", text(&webhook["webhook_id"]), Screen::stdout().paint(tone, notified)));
}

/// Polls the list of committed events: none ever appears before its cursor, so none is missed.
fn follow(
    daemon: &ApiClient,
    filters: &Filters,
    after: Option<&str>,
    every: Duration,
    count: Option<u64>,
    json: bool,
) -> Result<(), CliError> {
    let mut left = count.unwrap_or(u64::MAX);
    let mut cursor = after.filter(|after| *after != "start").map(str::to_owned);
    block_on(until_interrupted(async {
        if after.is_none() {
            // Nothing is that late: the page is empty, and its cursor is the present end of the list.
            let end = filters.clone().with("order", Some("asc")).with("from", Some("9999-12-31T23:59:59Z"));
            cursor = daemon.send(ApiRequest::get(end.on("/api/events"))).await?.next_cursor().map(str::to_owned);
        }
        let mut backoff = Backoff::new();
        while left > 0 {
            let limit = left.min(500).to_string();
            let query = filters.clone().with("order", Some("asc")).with("limit", Some(limit));
            let request = ApiRequest::get(query.with("cursor", cursor.as_deref()).on("/api/events"));
            let page = match daemon.send(request).await {
                Ok(page) => page,
                Err(problem) => {
                    backoff.after(problem).await?;
                    continue;
                }
            };
            backoff.reset();
            let rows = page.rows();
            for row in &rows {
                line(if json { row.get().to_owned() } else { event_line(row.get()) });
                left -= 1;
            }
            if let Some(next) = page.next_cursor() {
                cursor = Some(next.to_owned());
            }
            if rows.is_empty() && left > 0 {
                tokio::time::sleep(every).await;
            }
        }
        Ok(())
    }))?;
    if let Some(cursor) = cursor {
        tell(localized!(
            "`carteiro events follow --after {cursor}` goes on from here.",
            "`carteiro events follow --after {cursor}` continua a partir daqui."
        ));
    }
    Ok(())
}

fn event_line(row: &str) -> String {
    let event: Value = serde_json::from_str(row).unwrap_or_default();
    let [time, id, event_type, external_id] =
        [short_time(&event["inserted_at"]), text(&event["id"]), text(&event["type"]), text(&event["external_id"])];
    let count = event["notifications"].as_u64().unwrap_or(0);
    let whole = format!(
        "{time}  {id}  {event_type:<20}  {}  {external_id}",
        words::notifications(count),
        external_id = printable(&external_id)
    );
    // On a terminal a line is a line.
    cut(whole.trim_end(), Screen::stdout().width.unwrap_or(usize::MAX)).into_owned()
}
