//! `carteiro webhooks`: subscriptions, registered, looked at, changed, tried out and deleted through the API.

use super::client::{Ask, Daemon, Problem};
use super::connection::{Extent, Filters, Reach};
use super::input::{Id, confirmed, read_secret, text, words};
use super::output::{Cell, Fit, Table, Tone, line, print_fields, print_one, short_time};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct WebhooksArgs {
    #[command(flatten)]
    reach: Reach,
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
    /// Hold back what it is owed; nothing is lost and no attempt used up
    Pause(Id),
    /// Let out what it is owed, also after it was disabled
    Resume(Id),
    /// Delete it; what it is owed is cancelled, its history stays
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
    fn put_into(&self, webhook: &mut Map<String, Value>) -> Result<(), Problem> {
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                webhook.insert(name.to_owned(), value);
            }
        };
        let from_file = self.authorization_file.as_deref().map(read_secret).transpose()?;
        put("authorization", self.authorization.clone().or(from_file).map(Value::from));
        put("description", self.description.clone().map(Value::from));
        let mut headers = Map::new();
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| Problem {
                sentence: format!("--header `{header}`: give a name, a colon and a value"),
                code: super::WRONG_USAGE,
            })?;
            headers.insert(name.trim().to_owned(), json!(value.trim()));
        }
        put("headers", (!headers.is_empty()).then_some(Value::Object(headers)));
        put("max_in_flight", self.max_in_flight.map(Value::from));
        put("rate_limit", self.rate_limit.map(Value::from));
        put("ordered", self.ordered.map(Value::from));
        put(
            "retry",
            self.schedule.as_ref().map(|schedule| {
                let mut retry = json!({ "schedule": schedule });
                if let Some(max) = self.max_attempts {
                    retry["max_attempts"] = json!(max);
                }
                if let Some(jitter) = self.jitter {
                    retry["jitter"] = json!(jitter);
                }
                retry
            }),
        );
        Ok(())
    }
}

/// What can be taken away, by its field of the API.
const CLEARABLE: [&str; 6] = ["authorization", "description", "headers", "max_in_flight", "rate_limit", "retry"];

pub(super) fn webhooks(args: &WebhooksArgs) -> u8 {
    args.reach.run(|daemon| run(daemon, &args.command, args.reach.json))
}

fn run(daemon: &Daemon, command: &WebhooksCommand, json: bool) -> Result<(), Problem> {
    match command {
        WebhooksCommand::List => list(daemon, json),
        WebhooksCommand::Show(id) => {
            let shown = daemon.ask(Ask::get(path(id)))?;
            print_one(&shown, json, show);
            Ok(())
        }
        WebhooksCommand::Create { target, events, settings, paused, idempotency_key } => {
            let mut webhook = Map::new();
            webhook.insert("target".to_owned(), json!(target));
            webhook.insert("events".to_owned(), json!(events));
            if *paused {
                webhook.insert("status".to_owned(), json!("PAUSED"));
            }
            settings.put_into(&mut webhook)?;
            let mut ask = Ask::new(Method::POST, "/api/webhooks").body(&json!({ "webhook": webhook }));
            ask.headers.extend(idempotency_key.clone().map(|key| ("idempotency-key", key)));
            let made = daemon.ask(ask)?;
            if json {
                line(made.raw());
                return Ok(());
            }
            let made = made.value();
            show(&made);
            if made["secret"].is_string() {
                print_secret(&made);
            } else {
                eprintln!(
                    "It was registered before, and its secret was rotated since: the new one is not shown again."
                );
            }
            eprintln!("`carteiro webhooks test {}` sends it a first notification.", text(&made["id"]));
            Ok(())
        }
        WebhooksCommand::Change { id, target, events, settings, clear } => {
            let mut webhook = Map::new();
            for field in clear {
                webhook.insert(field.clone(), Value::Null);
            }
            if let Some(target) = target {
                webhook.insert("target".to_owned(), json!(target));
            }
            if let Some(events) = events {
                webhook.insert("events".to_owned(), json!(events));
            }
            settings.put_into(&mut webhook)?;
            if webhook.is_empty() {
                let sentence = "nothing to change was given; `carteiro webhooks change --help` shows what can be";
                return Err(Problem { sentence: sentence.to_owned(), code: super::WRONG_USAGE });
            }
            change(daemon, id, &Value::Object(webhook), json)
        }
        WebhooksCommand::Pause(id) => change(daemon, id, &json!({ "status": "PAUSED" }), json),
        WebhooksCommand::Resume(id) => change(daemon, id, &json!({ "status": "ACTIVE" }), json),
        WebhooksCommand::Delete { id, yes } => {
            confirmed(*yes, || {
                // Which one it is, is seen by its target and not by its id.
                let webhook = daemon.ask(Ask::get(path(id)))?.value();
                Ok(format!("Delete the webhook to {}? What it is owed is cancelled.", text(&webhook["target"])))
            })?;
            daemon.ask(Ask::new(Method::DELETE, path(id)))?;
            if json {
                line(json!({ "id": id.id, "deleted": true }));
            } else {
                line(format_args!("{} deleted", id.id));
            }
            Ok(())
        }
        WebhooksCommand::Test(id) => {
            let sent = daemon.ask(Ask::new(Method::POST, format!("{}/test", path(id))))?;
            if json {
                line(sent.raw());
            } else {
                let id = text(&sent.value()["id"]);
                line(format_args!("{id} is on its way; `carteiro notifications show {id}` tells what became of it"));
            }
            Ok(())
        }
        WebhooksCommand::RotateSecret { id, overlap } => {
            let mut ask = Ask::new(Method::POST, format!("{}/rotate_secret", path(id)));
            if let Some(overlap) = overlap {
                ask = ask.body(&json!({ "overlap": overlap }));
            }
            let webhook = daemon.ask(ask)?;
            print_one(&webhook, json, print_secret);
            Ok(())
        }
    }
}

fn change(daemon: &Daemon, id: &Id, webhook: &Value, json: bool) -> Result<(), Problem> {
    let changed = daemon.ask(Ask::new(Method::PATCH, path(id)).body(&json!({ "webhook": webhook })))?;
    print_one(&changed, json, show);
    Ok(())
}

fn print_secret(webhook: &Value) {
    line(format_args!("secret  {}", text(&webhook["secret"])));
    eprintln!("The secret verifies signatures and is not shown again: give it to the receiver now.");
}

fn list(daemon: &Daemon, json: bool) -> Result<(), Problem> {
    let webhooks = Extent::ALL.of(daemon, "/api/webhooks", &Filters::default())?;
    if json {
        webhooks.print_json();
        return Ok(());
    }
    let mut table = Table::new(&[
        ("ID", Fit::Whole),
        ("STATUS", Fit::Whole),
        ("TARGET", Fit::Cut(16)),
        ("EVENTS", Fit::Cut(8)),
        ("DESCRIPTION", Fit::Spare),
    ]);
    for webhook in webhooks.values() {
        // A target that fails is worth knowing before it is disabled.
        let status = if webhook["failing_since"].is_string() && webhook["status"] == "ACTIVE" {
            Cell::toned("FAILING", Tone::Bad)
        } else {
            Cell::status(&text(&webhook["status"]))
        };
        table.row(vec![
            Cell::new(&text(&webhook["id"])),
            status,
            Cell::new(&text(&webhook["target"])),
            Cell::new(&words(&webhook["events"])),
            Cell::new(&text(&webhook["description"])),
        ]);
    }
    table.print();
    Ok(())
}

fn show(webhook: &Value) {
    let plain = |name: &str| Cell::new(&text(&webhook[name]));
    let time = |name: &str| Cell::new(&short_time(&webhook[name]));
    let headers: Vec<&str> = webhook["headers"].as_object().into_iter().flatten().map(|(name, _)| &**name).collect();
    let retry = &webhook["retry"];
    let retry = if retry.is_object() {
        format!("{}; at most {} attempts, jitter {}", words(&retry["schedule"]), retry["max_attempts"], retry["jitter"])
    } else {
        String::new()
    };
    print_fields(&[
        ("id", plain("id")),
        ("status", Cell::status(&text(&webhook["status"]))),
        ("disabled because", Cell::new(&super::time_zone::local().told(&text(&webhook["disabled_reason"])))),
        ("failing since", time("failing_since")),
        ("is disabled at", time("disables_at")),
        ("target", plain("target")),
        ("events", Cell::new(&words(&webhook["events"]))),
        ("authorization", Cell::new(if webhook["authorization_set"] == true { "set" } else { "none" })),
        ("description", plain("description")),
        ("headers", Cell::new(&headers.join(", "))),
        ("max in flight", Cell::new(&text(&webhook["max_in_flight"]))),
        ("deliveries a second", Cell::new(&text(&webhook["rate_limit"]))),
        ("ordered", Cell::new(if webhook["ordered"] == true { "yes" } else { "" })),
        ("retry", Cell::new(&retry)),
        ("registered", time("inserted_at")),
        ("changed", time("updated_at")),
    ]);
}
