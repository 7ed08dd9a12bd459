//! `carteiro webhooks`: subscriptions, registered, looked at, changed, tried out and deleted through the API.

use super::client::{ApiRequest, Daemon};
use super::connection::{ConnectionArgs, Extent, Filters};
use super::error::CliError;
use super::input::{Id, confirmed, read_secret};
use super::output::{Cell, Column, Fit, Show, Tone, joined, line, print_done, print_fields, print_one, text};
use super::time_zone;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct WebhooksArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Subcommand)]
enum WebhooksCommand {
    /// List the webhooks
    List,
    /// Show one
    Show(Id),
    /// Register one; its signing secret is printed this once
    Create {
        /// Where notifications go: an http or https URL
        #[arg(long, value_name = "URL")]
        target: String,
        /// What it is subscribed to: a type, a category such as PAYMENT.*, or *; several with commas between them
        #[arg(long, value_name = "PATTERNS", value_delimiter = ',', required = true)]
        events: Vec<String>,
        #[command(flatten)]
        settings: Settings,
        /// Hold notifications back from the start
        #[arg(long)]
        paused: bool,
        /// Repeating it within its window (24h by default) registers nothing twice, and prints the secret again
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Change what is given, and nothing else
    Change {
        #[command(flatten)]
        id: Id,
        /// Where notifications go: an http or https URL
        #[arg(long, value_name = "URL")]
        target: Option<String>,
        /// What it is subscribed to, in place of what it was
        #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
        events: Option<Vec<String>>,
        #[command(flatten)]
        settings: Settings,
        /// Take a setting away, so that the default holds; give it again for more
        #[arg(long, value_name = "SETTING", value_parser = CLEARABLE)]
        clear: Vec<String>,
    },
    /// Hold its notifications; nothing is lost and no attempt used up
    Pause(Id),
    /// Deliver its notifications again, also after it was disabled
    Resume(Id),
    /// Delete it; its pending notifications are cancelled, its history stays
    Delete {
        #[command(flatten)]
        id: Id,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Send it a WEBHOOK.TEST event now
    Test(Id),
    /// Give it a new signing secret, printed this once; older ones keep signing beside it, each to its own end
    RotateSecret {
        #[command(flatten)]
        id: Id,
        /// For how long the present secret keeps signing, such as 2h, at most 30days; the config's `delivery.secret_overlap`
        /// if not given. 0s ends all older ones at once: for a secret that has leaked
        #[arg(long, value_name = "SPAN")]
        overlap: Option<String>,
    },
}

fn path(id: &Id) -> String {
    format!("/api/webhooks/{}", id.id)
}

#[derive(Args)]
struct Settings {
    /// The value of the Authorization header it is sent; others see a command line, --authorization-file hides it
    #[arg(long, value_name = "VALUE")]
    authorization: Option<String>,
    /// A file that holds the value of the Authorization header; - for the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "authorization")]
    authorization_file: Option<PathBuf>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A header of its own, such as 'X-Shop: 7'; give it again for more. They replace those it had
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The most attempts at a time
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u64>,
    /// The most deliveries a second
    #[arg(long, value_name = "N")]
    rate_limit: Option<f64>,
    /// Keep the order of what is about the same resource: true or false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    ordered: Option<bool>,
    /// The gaps between attempts, such as 5s,30s,2m
    #[arg(long, value_name = "SPANS", value_delimiter = ',')]
    schedule: Option<Vec<String>>,
    /// The most automatic attempts, 1 to 20; with --schedule
    #[arg(long, value_name = "N", requires = "schedule")]
    max_attempts: Option<u64>,
    /// By which share of itself a gap is stretched at most, such as 0.1; with --schedule
    #[arg(long, value_name = "SHARE", requires = "schedule")]
    jitter: Option<f64>,
}

impl Settings {
    /// The fields of the API that were given.
    fn fields(&self) -> Result<Map<String, Value>, CliError> {
        let from_file = self.authorization_file.as_deref().map(read_secret).transpose()?;
        let mut headers = Map::new();
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                CliError::usage(format_args!("--header `{header}`: give a name, a colon and a value"))
            })?;
            headers.insert(name.trim().to_owned(), json!(value.trim()));
        }
        let retry = self.schedule.as_ref().map(|schedule| {
            let max = self.max_attempts.map(|max| ("max_attempts".to_owned(), json!(max)));
            let jitter = self.jitter.map(|jitter| ("jitter".to_owned(), json!(jitter)));
            let schedule = [("schedule".to_owned(), json!(schedule))];
            schedule.into_iter().chain(max).chain(jitter).collect::<Map<_, _>>()
        });
        let fields = [
            ("authorization", self.authorization.clone().or(from_file).map(Value::from)),
            ("description", self.description.clone().map(Value::from)),
            ("headers", (!headers.is_empty()).then_some(Value::Object(headers))),
            ("max_in_flight", self.max_in_flight.map(Value::from)),
            ("rate_limit", self.rate_limit.map(Value::from)),
            ("ordered", self.ordered.map(Value::from)),
            ("retry", retry.map(Value::Object)),
        ];
        Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// What can be taken away, by its field of the API.
const CLEARABLE: [&str; 6] = ["authorization", "description", "headers", "max_in_flight", "rate_limit", "retry"];

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::With(status)),
    Column("TARGET", Fit::Cut(16), Show::Text("target")),
    Column("EVENTS", Fit::Cut(8), Show::List("events")),
    Column("DESCRIPTION", Fit::Spare, Show::Text("description")),
];

/// A target that fails is worth knowing before it is disabled.
fn status(webhook: &Value) -> Cell {
    if webhook["failing_since"].is_string() && webhook["status"] == "ACTIVE" {
        Cell::toned("FAILING", Tone::Bad)
    } else {
        Cell::status(&text(&webhook["status"]))
    }
}

pub(super) fn webhooks(args: &WebhooksArgs) -> Result<(), CliError> {
    let (daemon, json) = (&args.connection.daemon()?, args.connection.json);
    match &args.command {
        WebhooksCommand::List => {
            Extent::ALL.read(daemon, "/api/webhooks", &Filters::default())?.print(json, COLUMNS);
        }
        WebhooksCommand::Show(id) => print_one(&daemon.get(path(id))?, json, show),
        WebhooksCommand::Create { target, events, settings, paused, idempotency_key } => {
            let mut webhook = settings.fields()?;
            webhook.insert("target".to_owned(), json!(target));
            webhook.insert("events".to_owned(), json!(events));
            if *paused {
                webhook.insert("status".to_owned(), json!("PAUSED"));
            }
            create(daemon, &webhook, idempotency_key.as_deref(), json)?;
        }
        WebhooksCommand::Change { id, target, events, settings, clear } => {
            let cleared = clear.iter().map(|field| (field.clone(), Value::Null));
            let target = target.iter().map(|target| ("target".to_owned(), json!(target)));
            let events = events.iter().map(|events| ("events".to_owned(), json!(events)));
            let webhook: Map<_, _> = cleared.chain(target).chain(events).chain(settings.fields()?).collect();
            if webhook.is_empty() {
                return Err(CliError::usage(
                    "nothing to change was given; `carteiro webhooks change --help` shows what can be",
                ));
            }
            change(daemon, id, &Value::Object(webhook), json)?;
        }
        WebhooksCommand::Pause(id) => change(daemon, id, &json!({ "status": "PAUSED" }), json)?,
        WebhooksCommand::Resume(id) => change(daemon, id, &json!({ "status": "ACTIVE" }), json)?,
        WebhooksCommand::Delete { id, yes } => {
            confirmed(*yes, || {
                // Which one it is, is seen by its target and not by its id.
                let webhook = daemon.get(path(id))?.value();
                let target = text(&webhook["target"]);
                Ok(format!("Delete the webhook to {target}? Its pending notifications are cancelled."))
            })?;
            daemon.call(ApiRequest::delete(path(id)))?;
            print_done(json, &json!({ "id": id.id, "deleted": true }), format_args!("{} deleted", id.id));
        }
        WebhooksCommand::Test(id) => {
            let sent = daemon.call(ApiRequest::post(format!("{}/test", path(id))))?;
            print_one(&sent, json, |sent| super::notifications::print_sent(&text(&sent["id"])));
        }
        WebhooksCommand::RotateSecret { id, overlap } => {
            let mut request = ApiRequest::post(format!("{}/rotate_secret", path(id)));
            if let Some(overlap) = overlap {
                request = request.body(json!({ "overlap": overlap }).to_string());
            }
            print_one(&daemon.call(request)?, json, print_secret);
        }
    }
    Ok(())
}

fn create(
    daemon: &Daemon,
    webhook: &Map<String, Value>,
    idempotency_key: Option<&str>,
    json: bool,
) -> Result<(), CliError> {
    let request = ApiRequest::post("/api/webhooks").body(json!({ "webhook": webhook }).to_string());
    let created = daemon.call(request.header("idempotency-key", idempotency_key))?;
    print_one(&created, json, |webhook| {
        show(webhook);
        if webhook["secret"].is_string() {
            print_secret(webhook);
        } else {
            eprintln!("It was registered before, and its secret was rotated since: the new one is not shown again.");
        }
        eprintln!("`carteiro webhooks test {}` sends it a first notification.", text(&webhook["id"]));
    });
    Ok(())
}

fn change(daemon: &Daemon, id: &Id, webhook: &Value, json: bool) -> Result<(), CliError> {
    let changed = daemon.call(ApiRequest::patch(path(id)).body(json!({ "webhook": webhook }).to_string()))?;
    print_one(&changed, json, show);
    Ok(())
}

fn print_secret(webhook: &Value) {
    line(format_args!("secret  {}", text(&webhook["secret"])));
    eprintln!("The secret verifies signatures and is not shown again: give it to the receiver now.");
}

fn show(webhook: &Value) {
    print_fields(
        webhook,
        &[
            ("id", Show::Text("id")),
            ("status", Show::Status("status")),
            (
                "disabled because",
                Show::With(|webhook| Cell::new(&time_zone::local().localize(&text(&webhook["disabled_reason"])))),
            ),
            ("failing since", Show::Time("failing_since")),
            ("is disabled at", Show::Time("disables_at")),
            ("target", Show::Text("target")),
            ("events", Show::List("events")),
            (
                "authorization",
                Show::With(|webhook| Cell::new(if webhook["authorization_set"] == true { "set" } else { "none" })),
            ),
            ("description", Show::Text("description")),
            ("headers", Show::With(header_names)),
            ("max in flight", Show::Text("max_in_flight")),
            ("deliveries a second", Show::Text("rate_limit")),
            ("ordered", Show::With(|webhook| Cell::new(if webhook["ordered"] == true { "yes" } else { "" }))),
            ("retry", Show::With(retry)),
            ("registered", Show::Time("inserted_at")),
            ("changed", Show::Time("updated_at")),
        ],
    );
}

fn header_names(webhook: &Value) -> Cell {
    let names: Vec<&str> = webhook["headers"].as_object().into_iter().flatten().map(|(name, _)| &**name).collect();
    Cell::new(&names.join(", "))
}

fn retry(webhook: &Value) -> Cell {
    let retry = &webhook["retry"];
    if retry.is_null() {
        return Cell::new("");
    }
    let schedule = joined(&retry["schedule"]);
    Cell::new(&format!("{schedule}; at most {} attempts, jitter {}", retry["max_attempts"], retry["jitter"]))
}
