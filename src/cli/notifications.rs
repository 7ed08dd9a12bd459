//! `carteiro notifications`: what is owed and what became of it, one at a time or many, through the API.

use super::client::{Answer, Ask, Daemon, Problem, block_on, until_interrupted};
use super::connection::{Extent, Filters, Reach};
use super::follow::Backoff;
use super::input::{self, Id, text};
use super::output::{Cell, Fit, Table, line, print_fields, print_one, printable, short_time};
use super::progress::ProgressBar;
use super::tail::{self, TailArgs};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How often a bulk resend is looked at.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(super) struct NotificationsArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Subcommand)]
enum NotificationsCommand {
    /// List notifications, newest first
    List {
        #[command(flatten)]
        filters: NotificationFilters,
        /// Of this event
        #[arg(long, value_name = "ID")]
        event_id: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
    /// Show one, with its attempts
    Show(Id),
    /// Re-send one, or all that the filters match, as one job
    Resend(ResendArgs),
    /// List the jobs that re-send many
    Jobs,
    /// Show how far a job has got
    Job(JobId),
    /// Cancel a job; what it has given out by then is still sent
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
struct NotificationFilters {
    /// Whose status is PENDING, RETRYING, HELD, DELIVERED, FAILED or CANCELLED
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Owed to this webhook
    #[arg(long, value_name = "ID")]
    webhook_id: Option<String>,
    /// Of a type, a category such as PAYMENT.*, or *
    #[arg(long = "type", value_name = "PATTERN")]
    event_type: Option<String>,
    /// Whose last answer was such as 500, 5xx, or none
    #[arg(long, value_name = "STATUS")]
    response_status: Option<String>,
    /// Of events recorded at or after this time: "2026-11-28 09:00" (local), 2026-11-28, today, yesterday, "2h ago", or with an offset
    #[arg(long, value_name = "TIME", value_parser = super::time_zone::moment, allow_hyphen_values = true)]
    from: Option<String>,
    /// Of events recorded before this time; a day means its beginning
    #[arg(long, value_name = "TIME", value_parser = super::time_zone::moment, allow_hyphen_values = true)]
    to: Option<String>,
}

impl NotificationFilters {
    fn given(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("status", &self.status),
            ("webhook_id", &self.webhook_id),
            ("type", &self.event_type),
            ("response_status", &self.response_status),
            ("from", &self.from),
            ("to", &self.to),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

#[derive(Args)]
struct ResendArgs {
    /// The id of one; without it, give a filter or --all
    #[arg(value_parser = input::id)]
    id: Option<String>,
    #[command(flatten)]
    filters: NotificationFilters,
    /// Everything there is
    #[arg(long)]
    all: bool,
    /// Don't wait for the job's end
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn notifications(args: &NotificationsArgs) -> u8 {
    args.reach.run(|daemon| run(daemon, &args.command, args.reach.json))
}

fn run(daemon: &Daemon, command: &NotificationsCommand, json: bool) -> Result<(), Problem> {
    match command {
        NotificationsCommand::List { filters, event_id, extent } => {
            let mut query = Filters::default().with("event_id", event_id.as_deref());
            for (name, value) in filters.given() {
                query.add(name, Some(value));
            }
            list(daemon, &query, extent, json)
        }
        NotificationsCommand::Show(id) => {
            let shown = daemon.ask(Ask::get(format!("/api/notifications/{}", id.id)))?;
            print_one(&shown, json, show);
            Ok(())
        }
        NotificationsCommand::Resend(args) => resend(daemon, args, json),
        NotificationsCommand::Jobs => {
            let jobs = Extent::ALL.of(daemon, "/api/notifications/resend", &Filters::default())?;
            if json {
                jobs.print_json();
            } else {
                print_jobs(jobs.values());
            }
            Ok(())
        }
        NotificationsCommand::Job(id) => {
            let job = daemon.ask(Ask::get(format!("/api/notifications/resend/{}", id.id)))?;
            print_one(&job, json, show_job);
            Ok(())
        }
        NotificationsCommand::Cancel(id) => {
            let ask = Ask::new(Method::DELETE, format!("/api/notifications/resend/{}", id.id));
            print_one(&daemon.ask(ask)?, json, show_job);
            Ok(())
        }
        NotificationsCommand::Follow(args) => tail::follow(daemon, args, json),
    }
}

fn list(daemon: &Daemon, query: &Filters, extent: &Extent, json: bool) -> Result<(), Problem> {
    let notifications = extent.of(daemon, "/api/notifications", query)?;
    if json {
        notifications.print_json();
        return Ok(());
    }
    let mut table = Table::new(&[
        ("ID", Fit::Whole),
        ("STATUS", Fit::Whole),
        ("TYPE", Fit::Cut(12)),
        ("TRIED", Fit::Spare),
        ("ANSWER", Fit::Spare),
        ("NEXT", Fit::Spare),
        ("TARGET", Fit::Spare),
    ]);
    for one in notifications.values() {
        table.row(vec![
            Cell::new(&text(&one["id"])),
            Cell::status(&text(&one["status"])),
            Cell::new(&text(&one["type"])),
            Cell::new(&format!("{}/{}", one["attempts_count"], one["max_attempts"])),
            Cell::new(&text(&one["response_status"])),
            Cell::new(&short_time(&one["next_attempt_at"])),
            Cell::new(&text(&one["target"])),
        ]);
    }
    table.print();
    notifications.say_whether_more();
    Ok(())
}

/// One notification with its attempts.
pub(super) fn show(one: &Value) {
    let plain = |name: &str| Cell::new(&text(&one[name]));
    let time = |name: &str| Cell::new(&short_time(&one[name]));
    print_fields(&[
        ("id", plain("id")),
        ("status", Cell::status(&text(&one["status"]))),
        ("type", plain("type")),
        ("event", plain("event_id")),
        ("webhook", plain("webhook_id")),
        ("target", plain("target")),
        ("attempts", Cell::new(&format!("{} of at most {}", one["attempts_count"], one["max_attempts"]))),
        ("next attempt", time("next_attempt_at")),
        ("delivered", time("delivered_at")),
        ("owed since", time("inserted_at")),
    ]);
    for attempt in one["attempts"].as_array().into_iter().flatten() {
        line(tail::attempt_text(attempt));
        let body = text(&attempt["response_body"]);
        if !body.is_empty() {
            let lines: Vec<String> = body.lines().map(|line| format!("      {}", printable(line))).collect();
            line(lines.join("\n"));
        }
    }
}

fn resend(daemon: &Daemon, args: &ResendArgs, json: bool) -> Result<(), Problem> {
    let given = args.filters.given();
    let usage = |sentence: &str| Err(Problem { sentence: sentence.to_owned(), code: super::WRONG_USAGE });
    if let Some(id) = &args.id {
        if args.all || !given.is_empty() {
            return usage("give an id, or filters, or --all: not two of them");
        }
        let sent = daemon.ask(Ask::new(Method::POST, format!("/api/notifications/{id}/resend")))?;
        if json {
            line(sent.raw());
        } else {
            line(format_args!("{id} is on its way; `carteiro notifications show {id}` tells what became of it"));
        }
        return Ok(());
    }
    if given.is_empty() != args.all {
        return usage("give an id, a filter such as --status FAILED, or --all for everything there is");
    }
    let filter: Map<String, Value> = given.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let ask = Ask::new(Method::POST, "/api/notifications/resend").body(&json!({ "filter": filter }));
    let mut id = String::new();
    let ended = block_on(until_interrupted(async {
        let started = daemon.send(ask).await?;
        let job = started.value();
        id = text(&job["id"]);
        if args.no_wait {
            return Ok(started);
        }
        eprintln!("Job {id} re-sends {} notifications; Ctrl-C leaves it to the daemon.", job["queued"]);
        await_end(daemon, &id).await
    }))?;
    let Some(ended) = ended else {
        if id.is_empty() {
            return Err(Problem::failed(
                "broken off before the daemon had answered; `carteiro notifications jobs` shows whether it took the job",
            ));
        }
        eprintln!(
            "The job goes on. `carteiro notifications job {id}` shows how far it has got, `carteiro notifications cancel {id}` ends it."
        );
        return Ok(());
    };
    print_one(&ended, json, show_job);
    match ended.value()["status"].as_str() {
        Some("FAILED") => {
            Err(Problem::failed("the job met what can't be read and gave up a part: run `carteiro verify`"))
        }
        _ => Ok(()),
    }
}

async fn await_end(daemon: &Daemon, id: &str) -> Result<Answer, Problem> {
    let (mut bar, mut backoff) = (ProgressBar::new(), Backoff::new());
    loop {
        match daemon.send(Ask::get(format!("/api/notifications/resend/{id}"))).await {
            Ok(answer) => {
                backoff.reset();
                let job = answer.value();
                let count = |name: &str| job[name].as_u64().unwrap_or(0);
                if job["status"] != "RUNNING" {
                    bar.clear();
                    return Ok(answer);
                }
                bar.show("resend", count("resent") + count("skipped"), count("queued"), "notifications");
            }
            Err(problem) => {
                bar.clear();
                backoff.after(problem).await?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn show_job(job: &Value) {
    print_fields(&[
        ("job", Cell::new(&text(&job["id"]))),
        ("status", Cell::status(&text(&job["status"]))),
        ("matched", Cell::new(&text(&job["queued"]))),
        ("re-sent", Cell::new(&text(&job["resent"]))),
        ("passed over", Cell::new(&text(&job["skipped"]))),
        ("ended", Cell::new(&short_time(&job["ended_at"]))),
    ]);
}

fn print_jobs(jobs: impl Iterator<Item = Value>) {
    let mut table = Table::new(&[
        ("ID", Fit::Whole),
        ("STATUS", Fit::Whole),
        ("MATCHED", Fit::Spare),
        ("RE-SENT", Fit::Spare),
        ("PASSED OVER", Fit::Spare),
        ("ASKED FOR", Fit::Spare),
    ]);
    for job in jobs {
        table.row(vec![
            Cell::new(&text(&job["id"])),
            Cell::status(&text(&job["status"])),
            Cell::new(&text(&job["queued"])),
            Cell::new(&text(&job["resent"])),
            Cell::new(&text(&job["skipped"])),
            Cell::new(&short_time(&job["inserted_at"])),
        ]);
    }
    table.print();
}
