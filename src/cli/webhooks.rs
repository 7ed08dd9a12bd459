//! `carteiro webhooks`: registered, listed, shown, changed, tested and deleted through the API.

use super::backfills::{self, BACKFILLS, BackfillArgs, BackfillId};
use super::client::{ApiAnswer, ApiClient, ApiRequest};
use super::connection::{ConnectionArgs, Extent, Filters};
use super::error::CliError;
use super::input::{Id, PATTERNS, Words, confirmed, file_name, read_secret, read_text, stdin_once};
use super::language::{language, say, tell};
use super::output::{
    Cell, Column, Fit, Screen, Show, Tone, joined, line, print_done, print_fields, print_one, printable, spoken, text,
};
use super::trigger::unknown_types;
use super::webhook_file::{self, ApplyArgs};
use crate::clock::Zone;
use crate::model::{PayloadFilter, localized};
use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct WebhooksArgs {
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
    /// Register one; its signing secret is printed once, now
    Create {
        /// Where notifications go: an http or https URL
        #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
        target: String,
        /// Subscribed event types: a type, a category such as PAYMENT.*, or *; separate several by commas
        #[arg(
            long,
            value_name = "PATTERNS",
            value_delimiter = ',',
            required = true,
            value_parser = PATTERNS,
            hide_possible_values = true
        )]
        events: Vec<String>,
        #[command(flatten)]
        settings: Box<Settings>,
        /// Register it paused
        #[arg(long)]
        paused: bool,
        /// A key for retries: a repetition within the window (24h by default) registers nothing, and prints the secret
        /// again
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Change the given settings of one
    Change {
        #[command(flatten)]
        id: Id,
        /// Where notifications go: an http or https URL
        #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
        target: Option<String>,
        /// Subscribed event types, replacing the present ones
        #[arg(
            long,
            value_name = "PATTERNS",
            value_delimiter = ',',
            value_parser = PATTERNS,
            hide_possible_values = true
        )]
        events: Option<Vec<String>>,
        #[command(flatten)]
        settings: Box<Settings>,
        /// Reset a setting to its default; can be given several times
        #[arg(long, value_name = "SETTING", value_parser = CLEARABLE)]
        clear: Vec<String>,
    },
    /// Hold its notifications; none is lost and no attempt is used up
    Pause(Id),
    /// Resume deliveries after a pause, or after it was disabled
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
    /// Try a filter, by default its own, on the latest events of its types or on one; nothing is sent or changed
    FilterTest {
        #[command(flatten)]
        id: Id,
        #[command(flatten)]
        filter: GivenFilter,
        /// The event to try it on
        #[arg(long, value_name = "ID", value_parser = super::input::id)]
        event: Option<String>,
        /// A file that holds a resource to try it on, a JSON object; - for the standard input
        #[arg(long, value_name = "FILE", conflicts_with = "event")]
        resource: Option<PathBuf>,
    },
    /// Write all of them as a file that `apply` reads, without secrets, to the standard output
    Export,
    /// Set up the webhooks of a file: create those that there aren't, change those that differ, and say how
    Apply(ApplyArgs),
    /// Create what it would have matched in a time and has no notification of, as a job; oldest events first
    Backfill(BackfillArgs),
    /// List the backfills
    Backfills,
    /// Show the progress of a backfill
    ShowBackfill(BackfillId),
    /// Cancel a backfill; notifications that it has created are still sent
    CancelBackfill(BackfillId),
    /// Create a new signing secret, printed once, now; older ones keep signing beside it until their end
    RotateSecret {
        #[command(flatten)]
        id: Id,
        /// How long the present secret keeps signing, such as 2h, at most 30days; `delivery.secret_overlap` of the
        /// config by default. 0s ends all older secrets at once: for a secret that has leaked
        #[arg(long, value_name = "SPAN")]
        overlap: Option<String>,
    },
    /// Create a new key pair, whose public key is printed; older keys keep signing beside it until their end
    RotateKey {
        #[command(flatten)]
        id: Id,
        /// How long the present key keeps signing, such as 2h, at most 30days; `delivery.secret_overlap` of the config
        /// by default. 0s ends all older keys at once
        #[arg(long, value_name = "SPAN")]
        overlap: Option<String>,
    },
}

fn path(id: &Id) -> String {
    format!("/api/webhooks/{}", id.id)
}

/// A filter that was given, if any.
type Filter = Option<Box<RawValue>>;

#[derive(Args)]
struct GivenFilter {
    /// What the resource must meet besides, as JSON, such as '{"payment": {"method": "PIX"}}'
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// A file with the filter; - for the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "filter")]
    filter_file: Option<PathBuf>,
}

impl GivenFilter {
    /// It is sent as it was written: it may hold numbers that `serde_json` can't read.
    fn read(&self) -> Result<Filter, CliError> {
        let (from, text) = match (&self.filter, self.filter_file.as_deref()) {
            (Some(text), _) => ("--filter".to_owned(), text.clone()),
            (None, Some(file)) => (format!("--filter-file, {}", file_name(file)), read_text(file)?),
            (None, None) => return Ok(None),
        };
        let filter = PayloadFilter::parse(&text).map_err(|error| CliError::usage(format_args!("{from}: {error}")))?;
        RawValue::from_string(filter.as_str().to_owned()).map(Some).map_err(CliError::usage)
    }

    fn file(&self) -> (&'static str, Option<&Path>) {
        ("--filter-file", self.filter_file.as_deref())
    }
}

/// The body of a request about a webhook.
#[derive(Serialize)]
struct WebhookBody<'a> {
    webhook: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    #[serde(flatten)]
    plain: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Filter,
}

fn body(plain: &Map<String, Value>, filter: Filter) -> Result<String, CliError> {
    serde_json::to_string(&WebhookBody { webhook: Fields { plain, filter } }).map_err(CliError::failed)
}

#[derive(Args)]
struct Settings {
    #[command(flatten)]
    filter: GivenFilter,
    /// What it is called, 1 to 80 characters; the target's host by default
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Authorization header to send; visible to other users of this machine, unlike with --authorization-file
    #[arg(long, value_name = "VALUE")]
    authorization: Option<String>,
    /// A file with the Authorization header to send; - for the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "authorization")]
    authorization_file: Option<PathBuf>,
    /// The client certificate of the daemon's config to show to a target that asks for one (mTLS)
    #[arg(long, value_name = "NAME")]
    client_certificate: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A header to send, such as 'X-Shop: 7'; can be given several times. Replaces all present ones
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Maximum number of attempts in flight
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u64>,
    /// Maximum number of deliveries per second
    #[arg(long, value_name = "N")]
    rate_limit: Option<f64>,
    /// Deliver events about the same resource in order: true or false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    ordered: Option<bool>,
    /// Signatures to send: v1 (by the secret, the default), v1a (by the key pair), or both: v1,v1a
    #[arg(
        long,
        value_name = "SIGNATURES",
        value_delimiter = ',',
        value_parser = SIGNATURES,
        hide_possible_values = true
    )]
    signatures: Option<Vec<String>>,
    /// Delays between attempts, such as 5s,30s,2m
    #[arg(long, value_name = "SPANS", value_delimiter = ',')]
    schedule: Option<Vec<String>>,
    /// Maximum number of automatic attempts, 1 to 20; with --schedule
    #[arg(long, value_name = "N", requires = "schedule")]
    max_attempts: Option<u64>,
    /// Random share added to each delay, such as 0.1; with --schedule
    #[arg(long, value_name = "SHARE", requires = "schedule")]
    jitter: Option<f64>,
}

impl Settings {
    /// The fields of the API that were given, and the filter.
    fn read(&self) -> Result<(Map<String, Value>, Filter), CliError> {
        stdin_once(&[self.filter.file(), ("--authorization-file", self.authorization_file.as_deref())])?;
        Ok((self.fields()?, self.filter.read()?))
    }

    fn fields(&self) -> Result<Map<String, Value>, CliError> {
        let from_file = self.authorization_file.as_deref().map(read_secret).transpose()?;
        let mut headers = Map::new();
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                CliError::usage(localized!(
                    "--header `{header}`: give a name, a colon and a value",
                    "--header `{header}`: informe um nome, dois-pontos e um valor"
                ))
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
            ("name", self.name.clone().map(Value::from)),
            ("authorization", self.authorization.clone().or(from_file).map(Value::from)),
            ("client_certificate", self.client_certificate.clone().map(Value::from)),
            ("description", self.description.clone().map(Value::from)),
            ("headers", (!headers.is_empty()).then_some(Value::Object(headers))),
            ("max_in_flight", self.max_in_flight.map(Value::from)),
            ("rate_limit", self.rate_limit.map(Value::from)),
            ("ordered", self.ordered.map(Value::from)),
            ("retry", retry.map(Value::Object)),
            ("signatures", self.signatures.clone().map(Value::from)),
        ];
        Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

const SIGNATURES: Words = Words(|| vec!["v1", "v1a"]);

/// What can be taken away, by its field of the API.
const CLEARABLE: [&str; 10] = [
    "name",
    "authorization",
    "client_certificate",
    "filter",
    "description",
    "headers",
    "max_in_flight",
    "rate_limit",
    "retry",
    "signatures",
];

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::Painted(status)),
    Column("TARGET", Fit::Cut(16), Show::Text("target")),
    Column("EVENTS", Fit::Cut(8), Show::List("events")),
    Column("NAME", Fit::Spare, Show::Text("name")),
    Column("DESCRIPTION", Fit::Spare, Show::Text("description")),
];

/// A target that fails is worth knowing before it is disabled.
fn status(webhook: &Value) -> Cell {
    if webhook["failing_since"].is_string() && webhook["status"] == "ACTIVE" {
        Cell::toned(&super::words::status("FAILING"), Tone::Bad)
    } else {
        Cell::status(&text(&webhook["status"]))
    }
}

pub(crate) fn webhooks(args: &WebhooksArgs) -> Result<(), CliError> {
    let (daemon, json) = (&args.connection.daemon()?, args.connection.json);
    match &args.command {
        WebhooksCommand::List => {
            Extent::ALL.read(daemon, "/api/webhooks", &Filters::default())?.print(json, COLUMNS);
        }
        WebhooksCommand::Show(id) => print_one(&daemon.get(path(id))?, json, show),
        WebhooksCommand::Create { target, events, settings, paused, idempotency_key } => {
            let (mut webhook, filter) = settings.read()?;
            webhook.insert("target".to_owned(), json!(target));
            webhook.insert("events".to_owned(), json!(events));
            if *paused {
                webhook.insert("status".to_owned(), json!("PAUSED"));
            }
            create(daemon, body(&webhook, filter)?, idempotency_key.as_deref(), json)?;
        }
        WebhooksCommand::Change { id, target, events, settings, clear } => {
            let (given, filter) = settings.read()?;
            let is_given = |field: &&String| given.contains_key(*field) || (*field == "filter" && filter.is_some());
            if let Some(field) = clear.iter().find(is_given) {
                return Err(CliError::usage(localized!(
                    "`{field}` can't be both given and reset: leave out --clear {field}, or the flag that gives it",
                    "`{field}` não pode ser informado e removido: tire --clear {field}, ou a opção que o informa"
                )));
            }
            let cleared = clear.iter().map(|field| (field.clone(), Value::Null));
            let target = target.iter().map(|target| ("target".to_owned(), json!(target)));
            let events = events.iter().map(|events| ("events".to_owned(), json!(events)));
            let webhook: Map<_, _> = cleared.chain(target).chain(events).chain(given).collect();
            if webhook.is_empty() && filter.is_none() {
                return Err(CliError::usage(localized!(
                    "nothing to change was given; `carteiro webhooks change --help` shows what can be",
                    "falta dizer o que alterar; `carteiro webhooks change --help` mostra o que pode ser",
                )));
            }
            change(daemon, id, body(&webhook, filter)?, json)?;
        }
        WebhooksCommand::Pause(id) => change(daemon, id, status_body("PAUSED"), json)?,
        WebhooksCommand::Resume(id) => change(daemon, id, status_body("ACTIVE"), json)?,
        WebhooksCommand::Delete { id, yes } => {
            confirmed(*yes, || {
                // People recognise a webhook by its name and target, not by its id.
                let webhook = daemon.get(path(id))?.value();
                let (name, target) = (text(&webhook["name"]), text(&webhook["target"]));
                Ok(say(localized!(
                    "Delete the webhook {name} ({target})? Its pending notifications are cancelled.",
                    "Excluir o webhook {name} ({target})? As notificações pendentes dele são canceladas."
                )))
            })?;
            daemon.call(ApiRequest::delete(path(id)))?;
            let id = &id.id;
            print_done(json, &json!({ "id": id, "deleted": true }), say(localized!("{id} deleted", "{id} excluído")));
        }
        WebhooksCommand::Test(id) => {
            let sent = daemon.call(ApiRequest::post(format!("{}/test", path(id))))?;
            print_one(&sent, json, |sent| super::notifications::print_sent(&text(&sent["id"])));
        }
        WebhooksCommand::FilterTest { id, filter, event, resource } => {
            stdin_once(&[filter.file(), ("--resource", resource.as_deref())])?;
            let resource = resource.as_deref().map(read_text).transpose()?;
            let resource = resource.map(|text| RawValue::from_string(text.trim().to_owned())).transpose();
            let resource = resource.map_err(|error| {
                CliError::usage(localized!("--resource: no JSON: {error}", "--resource: não é JSON: {error}"))
            })?;
            let trial = Trial { filter: filter.read()?, event_id: event.as_deref(), resource };
            let request = ApiRequest::post(format!("{}/filter/test", path(id)));
            let tried = serde_json::to_string(&trial).map_err(CliError::failed)?;
            print_one(&daemon.call(request.body(tried))?, json, print_trial);
        }
        WebhooksCommand::Export if json => {
            return Err(CliError::usage(localized!(
                "the file is TOML: leave out --json; `carteiro webhooks list --json` has JSON",
                "o arquivo é TOML: tire --json; `carteiro webhooks list --json` dá JSON"
            )));
        }
        WebhooksCommand::Export => line(webhook_file::export(daemon)?.trim_end_matches('\n')),
        WebhooksCommand::Apply(args) => webhook_file::apply(daemon, args, json)?,
        WebhooksCommand::Backfill(args) => backfills::backfill(daemon, args, json)?,
        WebhooksCommand::Backfills => BACKFILLS.list(daemon, json)?,
        WebhooksCommand::ShowBackfill(of) => BACKFILLS.show_one(daemon, &of.id, json)?,
        WebhooksCommand::CancelBackfill(of) => BACKFILLS.cancel(daemon, &of.id, json)?,
        WebhooksCommand::RotateSecret { id, overlap } => {
            print_one(&rotate(daemon, id, "rotate_secret", overlap.as_deref())?, json, print_secret);
        }
        WebhooksCommand::RotateKey { id, overlap } => {
            print_one(&rotate(daemon, id, "rotate_key", overlap.as_deref())?, json, |webhook| {
                line(format_args!("public key  {}", text(&webhook["public_key"])));
                tell(localized!(
                    "The public key verifies v1a signatures: give it to the receiver now.",
                    "A chave pública confere as assinaturas v1a: entregue-a ao receptor agora."
                ));
            });
        }
    }
    Ok(())
}

fn create(daemon: &ApiClient, webhook: String, idempotency_key: Option<&str>, json: bool) -> Result<(), CliError> {
    let request = ApiRequest::post("/api/webhooks").body(webhook);
    let created = daemon.call(request.header("idempotency-key", idempotency_key))?;
    print_one(&created, json, |webhook| {
        show(webhook);
        if webhook["secret"].is_string() {
            print_secret(webhook);
        } else {
            tell(localized!(
                "It was registered before, and its secret was rotated since: the new one is not shown again.",
                "Ele já tinha sido criado, e o segredo foi trocado depois: o novo não é mostrado de novo."
            ));
        }
        tell_of_unknown_types(daemon, &webhook["events"]);
        let id = text(&webhook["id"]);
        tell(localized!(
            "`carteiro webhooks test {id}` sends it a first notification.",
            "`carteiro webhooks test {id}` envia a ele uma primeira notificação."
        ));
    });
    Ok(())
}

/// Names the types that the daemon's catalogue doesn't have: a slip of the keyboard, or the shop's own.
fn tell_of_unknown_types(daemon: &ApiClient, patterns: &Value) {
    let exact = patterns.as_array().into_iter().flatten().filter_map(Value::as_str).filter(|one| !one.ends_with('*'));
    for (name, hint) in unknown_types(daemon, exact) {
        tell(localized!(
            "{name} is not in the catalogue{hint}: only events that the shop records under this very type reach the \
             webhook; `carteiro trigger --list` shows the types there are.",
            "{name} não está no catálogo{hint}: só os eventos que a loja registrar exatamente com esse tipo chegam ao \
             webhook; `carteiro trigger --list` mostra os tipos que existem."
        ));
    }
}

/// A new secret or key; the answer.
fn rotate(daemon: &ApiClient, id: &Id, verb: &str, overlap: Option<&str>) -> Result<ApiAnswer, CliError> {
    let mut request = ApiRequest::post(format!("{}/{verb}", path(id)));
    if let Some(overlap) = overlap {
        request = request.body(json!({ "overlap": overlap }).to_string());
    }
    daemon.call(request)
}

/// The body of a trial of a filter.
#[derive(Serialize)]
struct Trial<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Filter,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Box<RawValue>>,
}

fn print_trial(trial: &Value) {
    if trial["filter"].is_null() {
        tell(localized!(
            "The webhook has no filter, and none was given: every event meets it.",
            "O webhook não tem filtro, e nenhum foi informado: todo evento atende."
        ));
    }
    let results = trial["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    if results.is_empty() {
        tell(localized!(
            "No event of its types is among the latest: give one with --event, or a resource with --resource.",
            "Nenhum dos eventos mais recentes é dos tipos dele: informe um com --event, ou um recurso com --resource."
        ));
    }
    for result in results {
        let (word, tone) = match result["matches"].as_bool() {
            Some(true) => (language().pick("meets it", "atende"), Tone::Good),
            Some(false) => (language().pick("doesn't meet it", "não atende"), Tone::Dim),
            None => (language().pick("unknown", "não se sabe"), Tone::Waiting),
        };
        let event = [text(&result["event_id"]), text(&result["type"])].join("  ");
        line(format_args!("{}  {}", printable(event.trim()), Screen::stdout().paint(tone, word)));
        if result["matches"] != true {
            line(format_args!("  {}", printable(&spoken(result, "reason"))));
        }
    }
}

fn status_body(status: &str) -> String {
    json!({ "webhook": { "status": status } }).to_string()
}

fn change(daemon: &ApiClient, id: &Id, webhook: String, json: bool) -> Result<(), CliError> {
    let changed = daemon.call(ApiRequest::patch(path(id)).body(webhook))?;
    print_one(&changed, json, show);
    Ok(())
}

fn print_secret(webhook: &Value) {
    line(format_args!("{}  {}", language().pick("secret", "segredo"), text(&webhook["secret"])));
    tell(localized!(
        "The secret verifies signatures and is not shown again: give it to the receiver now.",
        "O segredo confere as assinaturas e não é mostrado de novo: entregue-o ao receptor agora."
    ));
}

fn show(webhook: &Value) {
    print_fields(
        webhook,
        &[
            ("id", Show::Text("id")),
            ("name", Show::Text("name")),
            ("status", Show::Status("status")),
            ("disabled because", Show::Made(|webhook| Zone::local().localize(&spoken(webhook, "disabled_reason")))),
            ("failing since", Show::Time("failing_since")),
            ("is disabled at", Show::Time("disables_at")),
            ("target", Show::Text("target")),
            ("events", Show::List("events")),
            ("filter", Show::Text("filter")),
            (
                "authorization",
                Show::Made(|webhook| {
                    let (en, pt) =
                        if webhook["authorization_set"] == true { ("set", "definida") } else { ("none", "nenhuma") };
                    language().pick(en, pt).to_owned()
                }),
            ),
            ("client certificate", Show::Text("client_certificate")),
            ("description", Show::Text("description")),
            ("headers", Show::Made(header_names)),
            ("max in flight", Show::Text("max_in_flight")),
            ("deliveries a second", Show::Text("rate_limit")),
            (
                "ordered",
                Show::Made(|webhook| {
                    if webhook["ordered"] == true { language().pick("yes", "sim").to_owned() } else { String::new() }
                }),
            ),
            ("retry", Show::Made(retry)),
            ("signatures", Show::List("signatures")),
            ("public key", Show::Text("public_key")),
            ("registered", Show::Time("inserted_at")),
            ("changed", Show::Time("updated_at")),
        ],
    );
}

fn header_names(webhook: &Value) -> String {
    let names: Vec<&str> = webhook["headers"].as_object().into_iter().flatten().map(|(name, _)| &**name).collect();
    names.join(", ")
}

fn retry(webhook: &Value) -> String {
    let retry = &webhook["retry"];
    if retry.is_null() {
        return String::new();
    }
    let schedule = joined(&retry["schedule"]);
    let (most, jitter) = (&retry["max_attempts"], &retry["jitter"]);
    say(localized!(
        "{schedule}; at most {most} attempts, jitter {jitter}",
        "{schedule}; no máximo {most} tentativas, jitter {jitter}"
    ))
}
