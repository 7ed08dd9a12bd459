//! `carteiro events`: what was recorded, recorded anew, explained, re-sent and followed through the API.

use super::client::{Answer, Ask, Daemon, Problem, block_on, until_interrupted};
use super::connection::{Extent, Filters, Reach};
use super::follow::Backoff;
use super::input::{Id, confirmed, read_text, span, text};
use super::notifications;
use super::output::{Cell, Fit, Screen, Table, Tone, cut, line, pretty_json, print_fields, printable, short_time};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Subcommand)]
enum EventsCommand {
    /// List events, newest first
    List {
        #[command(flatten)]
        filters: EventFilters,
        /// Recorded at or after this time: "2026-11-28 09:00" (local), 2026-11-28, today, yesterday, "2h ago", or with an offset
        #[arg(long, value_name = "TIME", value_parser = super::time_zone::moment, allow_hyphen_values = true)]
        from: Option<String>,
        /// Recorded before this time; a day means its beginning
        #[arg(long, value_name = "TIME", value_parser = super::time_zone::moment, allow_hyphen_values = true)]
        to: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show one, with its resource
    Show(Id),
    /// Record one
    Create(CreateArgs),
    /// Show what became of one: its notifications and their attempts
    Notifications(Id),
    /// Say for every webhook why it was or wasn't owed this event
    Explain(Id),
    /// Owe it again to every webhook that matches now
    Resend(Id),
    /// Erase its resource (LGPD); what is still owed of it is cancelled
    Erase {
        #[command(flatten)]
        id: Id,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Print events as they are recorded, and miss none
    Follow {
        #[command(flatten)]
        filters: EventFilters,
        /// Go on behind this cursor; `start` for everything there is. Without it, from now on
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        /// How often the daemon is asked
        #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span)]
        every: Duration,
        /// End after so many
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}

fn path(id: &Id) -> String {
    format!("/api/events/{}", id.id)
}

#[derive(Args)]
struct EventFilters {
    /// Of a type, a category such as PAYMENT.*, or *
    #[arg(long = "type", value_name = "PATTERN")]
    event_type: Option<String>,
    /// With the shop's own id
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// About the resource with this id
    #[arg(long, value_name = "ID")]
    resource_id: Option<String>,
}

impl EventFilters {
    fn query(&self) -> Filters {
        Filters::default()
            .with("type", self.event_type.as_deref())
            .with("external_id", self.external_id.as_deref())
            .with("resource_id", self.resource_id.as_deref())
    }
}

/// What says which event is recorded; `trigger` takes the same.
#[derive(Args)]
pub(super) struct Naming {
    /// A UUID of your own: repeating it records nothing twice
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    /// The shop's own id, to find it by
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Repeating it within its window (24h by default) records nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Args)]
struct CreateArgs {
    /// What happened, such as PAYMENT.PAID
    #[arg(long = "type", value_name = "TYPE")]
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
pub(super) fn read_resource(file: &std::path::Path) -> Result<Box<RawValue>, Problem> {
    let text = read_text(file)?;
    RawValue::from_string(text.trim().to_owned())
        .map_err(|error| Problem::failed(format!("the resource in {} is no JSON: {error}", file.display())))
}

/// Records one event.
pub(super) fn record(
    daemon: &Daemon,
    event_type: &str,
    resource: &RawValue,
    occurred_at: Option<&str>,
    naming: &Naming,
) -> Result<Answer, Problem> {
    let mut fields = vec![("type", event_type)];
    fields.extend(naming.id.as_deref().map(|id| ("id", id)));
    fields.extend(naming.external_id.as_deref().map(|id| ("external_id", id)));
    fields.extend(occurred_at.map(|at| ("occurred_at", at)));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{},", json!(value))).collect();
    let mut ask = Ask::new(Method::POST, "/api/events");
    ask.body = format!(r#"{{"event":{{{}"resource":{}}}}}"#, fields.concat(), resource.get());
    ask.headers.extend(naming.idempotency_key.clone().map(|key| ("idempotency-key", key)));
    daemon.ask(ask)
}

/// Says what was recorded.
pub(super) fn print_recorded(recorded: &Answer, json: bool) {
    if json {
        line(recorded.raw());
        return;
    }
    let event = recorded.value();
    let owed = event["notifications"].as_u64().unwrap_or(0);
    line(format_args!("{} {} recorded, {}", text(&event["id"]), text(&event["type"]), notifications_owed(owed)));
    if owed == 0 {
        eprintln!("No webhook is subscribed to it; `carteiro webhooks create --help` tells how one is registered.");
    }
}

fn notifications_owed(owed: u64) -> String {
    if owed == 1 { "1 notification owed".to_owned() } else { format!("{owed} notifications owed") }
}

pub(super) fn events(args: &EventsArgs) -> u8 {
    args.reach.run(|daemon| run(daemon, &args.command, args.reach.json))
}

fn run(daemon: &Daemon, command: &EventsCommand, json: bool) -> Result<(), Problem> {
    match command {
        EventsCommand::List { filters, from, to, extent } => {
            let query = filters.query().with("from", from.as_deref()).with("to", to.as_deref());
            list(daemon, &query, extent, json)
        }
        EventsCommand::Show(id) => {
            let shown = daemon.ask(Ask::get(path(id)))?;
            if json {
                line(shown.raw());
                return Ok(());
            }
            show(&shown)?;
            Ok(())
        }
        EventsCommand::Create(args) => {
            let resource = read_resource(&args.resource)?;
            let recorded = record(daemon, &args.event_type, &resource, args.occurred_at.as_deref(), &args.naming)?;
            print_recorded(&recorded, json);
            Ok(())
        }
        EventsCommand::Notifications(id) => {
            let history = Extent::ALL.of(daemon, &format!("{}/notifications", path(id)), &Filters::default())?;
            if json {
                history.print_json();
                return Ok(());
            }
            for (at, notification) in history.values().enumerate() {
                if at > 0 {
                    line("");
                }
                notifications::show(&notification);
            }
            Ok(())
        }
        EventsCommand::Explain(id) => explain(daemon, id, json),
        EventsCommand::Resend(id) => {
            let owed = daemon.ask(Ask::new(Method::POST, format!("{}/resend", path(id))))?;
            if json {
                line(owed.raw());
            } else {
                let owed = owed.value().as_array().map_or(0, Vec::len);
                line(notifications_owed(owed.try_into().unwrap_or(u64::MAX)));
            }
            Ok(())
        }
        EventsCommand::Erase { id, yes } => {
            confirmed(*yes, || Ok(format!("Erase the resource of {}? What is still owed of it is cancelled.", id.id)))?;
            daemon.ask(Ask::new(Method::DELETE, format!("{}/resource", path(id))))?;
            if json {
                line(json!({ "id": id.id, "erased": true }));
            } else {
                line(format_args!("{} erased", id.id));
            }
            Ok(())
        }
        EventsCommand::Follow { filters, after, every, count } => {
            follow(daemon, &filters.query(), after.as_deref(), *every, *count, json)
        }
    }
}

fn list(daemon: &Daemon, query: &Filters, extent: &Extent, json: bool) -> Result<(), Problem> {
    let events = extent.of(daemon, "/api/events", query)?;
    if json {
        events.print_json();
        return Ok(());
    }
    let mut table = Table::new(&[
        ("ID", Fit::Whole),
        ("TYPE", Fit::Cut(14)),
        ("RECORDED", Fit::Spare),
        ("EXTERNAL ID", Fit::Cut(8)),
        ("OWED", Fit::Spare),
        ("RESOURCE ID", Fit::Spare),
    ]);
    for event in events.values() {
        table.row(vec![
            Cell::new(&text(&event["id"])),
            Cell::new(&text(&event["type"])),
            Cell::new(&short_time(&event["inserted_at"])),
            Cell::new(&text(&event["external_id"])),
            Cell::new(&text(&event["notifications"])),
            Cell::new(&text(&event["resource_id"])),
        ]);
    }
    table.print();
    events.say_whether_more();
    Ok(())
}

fn show(shown: &Answer) -> Result<(), Problem> {
    // The resource stays as it was written: it may hold what serde_json can't read as a number.
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(shown.raw())
        .map_err(|error| Problem::failed(format!("the daemon's answer can't be read: {error}")))?;
    let value = |name: &str| -> Value {
        fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    };
    let plain = |name: &str| Cell::new(&text(&value(name)));
    let summary = value("summary");
    let counts: Vec<String> = summary
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, count)| **count != json!(0))
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    print_fields(&[
        ("id", plain("id")),
        ("type", plain("type")),
        ("recorded", Cell::new(&short_time(&value("inserted_at")))),
        ("occurred", Cell::new(&short_time(&value("occurred_at")))),
        ("external id", plain("external_id")),
        ("resource id", plain("resource_id")),
        ("notifications", Cell::new(&if counts.is_empty() { "none".to_owned() } else { counts.join(", ") })),
        ("trace id", plain("trace_id")),
        ("erased", Cell::toned(&short_time(&value("erased_at")), Tone::Bad)),
    ]);
    if let Some(resource) = fields.get("resource").filter(|raw| raw.get() != "null") {
        line(pretty_json(resource.get()));
    }
    Ok(())
}

fn explain(daemon: &Daemon, id: &Id, json: bool) -> Result<(), Problem> {
    let explained = daemon.ask(Ask::get(format!("{}/explain", path(id))))?;
    if json {
        line(explained.raw());
        return Ok(());
    }
    let screen = Screen::stdout();
    for one in explained.value().as_array().into_iter().flatten() {
        let owed = if one["owed"] == true { ("owed", Tone::Good) } else { ("not owed", Tone::Dim) };
        let owed = screen.paint(owed.1, owed.0);
        line(format_args!(
            "{}  {owed}\n  {}",
            text(&one["webhook_id"]),
            super::time_zone::local().told(&printable(&text(&one["reason"])))
        ));
    }
    Ok(())
}

/// Polls the feed of what is committed: nothing ever appears behind its cursor, so nothing is missed.
fn follow(
    daemon: &Daemon,
    filters: &Filters,
    after: Option<&str>,
    every: Duration,
    count: Option<u64>,
    json: bool,
) -> Result<(), Problem> {
    let mut left = count.unwrap_or(u64::MAX);
    let mut cursor = after.filter(|after| *after != "start").map(str::to_owned);
    block_on(until_interrupted(async {
        if after.is_none() {
            // Nothing is that late: the page is empty, and its cursor is where the feed ends now.
            let end = filters.clone().with("order", Some("asc")).with("from", Some("9999-12-31T23:59:59Z"));
            cursor = daemon.send(Ask::get(end.on("/api/events"))).await?.next_cursor().map(str::to_owned);
        }
        let mut backoff = Backoff::new();
        while left > 0 {
            let limit = left.min(500).to_string();
            let query = filters.clone().with("order", Some("asc")).with("limit", Some(limit));
            let ask = Ask::get(query.with("cursor", cursor.as_deref()).on("/api/events"));
            let page = match daemon.send(ask).await {
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
        eprintln!("`carteiro events follow --after {cursor}` goes on from here.");
    }
    Ok(())
}

fn event_line(row: &str) -> String {
    let event: Value = serde_json::from_str(row).unwrap_or_default();
    let [time, id, event_type, external_id] =
        [short_time(&event["inserted_at"]), text(&event["id"]), text(&event["type"]), text(&event["external_id"])];
    let owed = event["notifications"].as_u64().unwrap_or(0);
    let whole = format!(
        "{time}  {id}  {event_type:<20}  {}  {external_id}",
        notifications_owed(owed),
        external_id = printable(&external_id)
    );
    // On a terminal a line is a line.
    cut(whole.trim_end(), Screen::stdout().width.unwrap_or(usize::MAX)).into_owned()
}
