//! `carteiro notifications`: listed, shown, re-sent and followed through the API.

use super::client::{ApiClient, ApiRequest};
use super::connection::{ConnectionArgs, Extent};
use super::error::CliError;
use super::filters::{FilterFlags, LIST, RESEND};
use super::input::{self, Id};
use super::jobs::{JobKind, print_outcomes, print_skipped};
use super::language::{language, say};
use super::output::{Column, Fit, Show, line, print_fields, print_one, printable, text};
use super::tail::{self, TailArgs};
use super::words;
use crate::model::{NotificationFilter, localized};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct NotificationsArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Subcommand)]
enum NotificationsCommand {
    /// List notifications, newest first
    List {
        #[command(flatten)]
        filters: FilterFlags<NotificationFilter, LIST>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show one, with its attempts
    Show(Id),
    /// Show what an attempt sent, or as a command of curl
    Request(RequestArgs),
    /// Re-send one, or all that the filters match as a job
    Resend(ResendArgs),
    /// List the resend jobs
    Jobs,
    /// Show the progress of a job
    Job(JobId),
    /// Cancel a job; attempts that it has requested are still made
    Cancel(JobId),
    /// Print attempts as they are made, as `carteiro tail` does
    Follow(TailArgs),
}

#[derive(Args)]
struct JobId {
    /// The job's id
    #[arg(value_parser = input::id)]
    id: String,
}

#[derive(Args)]
struct RequestArgs {
    #[command(flatten)]
    id: Id,
    /// Which attempt, instead of the last one
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    attempt: Option<u16>,
    /// As a command of curl; what isn't shown stands there as variables of the shell
    #[arg(long)]
    curl: bool,
}

#[derive(Args)]
struct ResendArgs {
    /// The id of one; without it, give a filter or --all
    #[arg(value_parser = input::id)]
    id: Option<String>,
    #[command(flatten)]
    filters: FilterFlags<NotificationFilter, RESEND>,
    /// All notifications
    #[arg(long)]
    all: bool,
    /// Also those that are delivered already: their targets receive them once more
    #[arg(long)]
    include_delivered: bool,
    /// Don't wait until the job has ended
    #[arg(long)]
    no_wait: bool,
}

/// Which order an event or a notification is about, as people call it.
pub(crate) fn order(one: &Value) -> String {
    let about = &one["about"];
    let names = ["external_id", "order_id", "payment_id"].into_iter();
    names.map(|name| text(&about[name])).find(|name| !name.is_empty()).unwrap_or_default()
}

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::Status("status")),
    Column("TYPE", Fit::Cut(12), Show::Text("type")),
    Column("ORDER", Fit::Spare, Show::Made(order)),
    Column("TRIED", Fit::Spare, Show::Made(|one| format!("{}/{}", one["attempts_count"], one["max_attempts"]))),
    Column("ANSWER", Fit::Spare, Show::Text("response_status")),
    Column("NEXT", Fit::Spare, Show::Time("next_attempt_at")),
    Column("WEBHOOK", Fit::Spare, Show::Text("webhook_name")),
    Column("TARGET", Fit::Spare, Show::Text("target")),
];

const JOB_COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::JobStatus("status")),
    Column("MATCHED", Fit::Spare, Show::Text("queued")),
    Column("RE-SENT", Fit::Spare, Show::Text("resent")),
    Column("SKIPPED", Fit::Spare, Show::Text("skipped")),
    Column("BEGUN", Fit::Spare, Show::Time("inserted_at")),
];

pub(crate) fn notifications(args: &NotificationsArgs) -> Result<(), CliError> {
    let (daemon, json) = (&args.connection.daemon()?, args.connection.json);
    match &args.command {
        NotificationsCommand::List { filters, extent } => {
            extent.read(daemon, "/api/notifications", &filters.given)?.print(json, COLUMNS);
        }
        NotificationsCommand::Show(id) => {
            print_one(&daemon.get(format!("/api/notifications/{}", id.id))?, json, show);
        }
        NotificationsCommand::Request(args) => {
            let attempt = args.attempt.map(|number| format!("?attempt={number}")).unwrap_or_default();
            let request = daemon.get(format!("/api/notifications/{}/request{attempt}", args.id.id))?;
            if args.curl && !json && request.value()["curl"].is_null() {
                return Err(CliError::failed(localized!(
                    "the payload was erased: there is nothing left to send",
                    "os dados foram apagados: não há nada para enviar",
                )));
            }
            print_one(&request, json, |request| show_request(request, args.curl));
        }
        NotificationsCommand::Resend(args) => resend(daemon, args, json)?,
        NotificationsCommand::Jobs => RESENDS.list(daemon, json)?,
        NotificationsCommand::Job(job) => RESENDS.show_one(daemon, &job.id, json)?,
        NotificationsCommand::Cancel(job) => RESENDS.cancel(daemon, &job.id, json)?,
        NotificationsCommand::Follow(args) => tail::follow(daemon, args, json)?,
    }
    Ok(())
}

/// Says that a notification is about to be sent.
pub(crate) fn print_sent(id: &str) {
    line(say(localized!(
        "{id} is on its way; `carteiro notifications show {id}` tells what became of it",
        "{id} está a caminho; `carteiro notifications show {id}` mostra o que aconteceu"
    )));
}

/// One notification with its attempts.
pub(crate) fn show(one: &Value) {
    print_fields(
        one,
        &[
            ("id", Show::Text("id")),
            ("status", Show::Status("status")),
            ("type", Show::Text("type")),
            ("event", Show::Text("event_id")),
            ("order", Show::Made(order)),
            ("webhook", Show::Made(|one| format!("{} {}", text(&one["webhook_id"]), text(&one["webhook_name"])))),
            ("target", Show::Text("target")),
            (
                "attempts",
                Show::Made(|one| {
                    let (made, most) = (&one["attempts_count"], &one["max_attempts"]);
                    say(localized!("{made} of at most {most}", "{made} de no máximo {most}"))
                }),
            ),
            ("next attempt", Show::Time("next_attempt_at")),
            ("delivered", Show::Time("delivered_at")),
            ("begun", Show::Time("inserted_at")),
        ],
    );
    for attempt in one["attempts"].as_array().into_iter().flatten() {
        line(tail::attempt_text(attempt));
        let body = text(&attempt["response_body"]);
        if !body.is_empty() {
            let lines: Vec<String> = body.lines().map(|line| format!("      {}", printable(line))).collect();
            line(lines.join("\n"));
        }
    }
}

/// A request as it went over the wire, but for what isn't shown.
fn show_request(request: &Value, curl: bool) {
    if curl {
        // Its text is quoted for shells and terminals alike.
        line(text(&request["curl"]).trim_end());
        return;
    }
    line(format_args!("{} {}", text(&request["method"]), printable(&text(&request["target"]))));
    for header in request["headers"].as_array().into_iter().flatten() {
        let value = match header["hidden"].as_str() {
            Some(why) => format!("[{why}]"),
            None => text(&header["value"]),
        };
        line(format_args!("{}: {}", text(&header["name"]), printable(&value)));
    }
    if request["sent"] == false {
        line(language().pick("(not sent: there was no connection)", "(não enviado: não houve conexão)"));
    }
    let body = text(&request["body"]);
    let lines: Vec<String> = body.lines().map(|line| printable(line).into_owned()).collect();
    line(format_args!("\n{}", lines.join("\n")));
}

fn resend(daemon: &ApiClient, args: &ResendArgs, json: bool) -> Result<(), CliError> {
    let given = &args.filters.given;
    if let Some(id) = &args.id {
        if args.all || args.include_delivered || !given.is_empty() {
            return Err(CliError::usage(localized!(
                "give an id, or filters, or --all: not two of them",
                "informe um id, ou filtros, ou --all: só um deles"
            )));
        }
        let sent = daemon.call(ApiRequest::post(format!("/api/notifications/{id}/resend")))?;
        print_one(&sent, json, |_| print_sent(id));
        return Ok(());
    }
    if given.is_empty() != args.all {
        return Err(CliError::usage(localized!(
            "give an id, a filter such as --status FAILED, or --all for all notifications",
            "informe um id, um filtro como --status FAILED, ou --all para todas as notificações"
        )));
    }
    let body = json!({ "filter": given.to_json(), "include_delivered": args.include_delivered });
    RESENDS.run(daemon, ApiRequest::post(RESENDS.path).body(body.to_string()), !args.no_wait, json)
}

const RESENDS: JobKind = JobKind {
    path: "/api/notifications/resend",
    matched: "queued",
    made: "resent",
    does: ("resend", "notifications"),
    begun: |id, queued| {
        let notifications = words::notifications(queued);
        localized!(
            "Job {id} re-sends {notifications}; Ctrl-C leaves it to the daemon.",
            "A tarefa {id} reenvia {notifications}; Ctrl-C a deixa com o daemon."
        )
    },
    commands: ["carteiro notifications jobs", "carteiro notifications job", "carteiro notifications cancel"],
    columns: JOB_COLUMNS,
    show: show_job,
};

fn show_job(job: &Value) {
    print_fields(
        job,
        &[
            ("job", Show::Text("id")),
            ("status", Show::JobStatus("status")),
            ("matched", Show::Text("queued")),
            ("re-sent", Show::Text("resent")),
            ("skipped", Show::Text("skipped")),
            ("ended", Show::Time("ended_at")),
        ],
    );
    print_outcomes(job);
    print_skipped(job);
}
