//! `carteiro webhooks backfill` and what goes with it: a webhook receives what it has not.

use super::client::{ApiClient, ApiRequest};
use super::error::CliError;
use super::input::{self, Id, PATTERNS};
use super::jobs::{JobKind, print_outcomes, print_skipped};
use super::language::say;
use super::output::{Column, Fit, Show, line, print_fields, print_one, short_time};
use super::time_zone;
use super::words;
use crate::model::{Localized, Noun, Timestamp, localized};
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    id: Id,
    /// Events recorded at or after this time: 7d (ago), 2026-11-28 (its beginning), "2026-11-28 09:00" (local),
    /// yesterday, or with an offset
    #[arg(long, value_name = "TIME", value_parser = time_zone::moment, allow_hyphen_values = true)]
    from: String,
    /// Events recorded before this time; without it, those that are recorded by now
    #[arg(long, value_name = "TIME", value_parser = time_zone::moment, allow_hyphen_values = true)]
    to: Option<String>,
    /// Of this type, or category such as PAYMENT.*, alone; of those that it subscribes to
    #[arg(long = "type", value_name = "PATTERN", value_parser = PATTERNS, hide_possible_values = true)]
    event_type: Option<String>,
    /// Say how many that would be, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't wait until the job has ended
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
}

#[derive(Args)]
pub(crate) struct BackfillId {
    /// The backfill's id
    #[arg(value_parser = input::id)]
    pub(crate) id: String,
}

pub(crate) const BACKFILLS: JobKind = JobKind {
    path: "/api/webhooks/backfill",
    matched: "matched",
    made: "created",
    does: ("backfill", "events"),
    begun: |id, matched| {
        let events = words::events(matched);
        localized!(
            "Job {id} looks at {events}; Ctrl-C leaves it to the daemon.",
            "A tarefa {id} verifica {events}; Ctrl-C a deixa com o daemon."
        )
    },
    commands: ["carteiro webhooks backfills", "carteiro webhooks show-backfill", "carteiro webhooks cancel-backfill"],
    columns: COLUMNS,
    show,
};

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("STATUS", Fit::Whole, Show::JobStatus("status")),
    Column("WEBHOOK", Fit::Spare, Show::Text("webhook_id")),
    Column("FROM", Fit::Spare, Show::Made(from)),
    Column("MATCHED", Fit::Spare, Show::Text("matched")),
    Column("CREATED", Fit::Spare, Show::Text("created")),
    Column("SKIPPED", Fit::Spare, Show::Text("skipped")),
    Column("BEGUN", Fit::Spare, Show::Time("inserted_at")),
];

/// Begins one, or counts what it would do.
pub(crate) fn backfill(daemon: &ApiClient, args: &BackfillArgs, json: bool) -> Result<(), CliError> {
    let mut body = json!({ "from": args.from });
    let given = [("to", &args.to), ("type", &args.event_type)];
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        body[name] = json!(value);
    }
    let path = format!("/api/webhooks/{}/backfill", args.id.id);
    if args.dry_run {
        body["dry_run"] = json!(true);
        let counted = daemon.call(ApiRequest::post(path).body(body.to_string()))?;
        print_one(&counted, json, |count| {
            let number = |name: &str| count[name].as_u64().unwrap_or_default();
            let (matched, created) = (number("matched"), number("would_create"));
            let (events, new) = (Noun::EVENTS.counted(matched), Noun::NOTIFICATIONS.counted(created));
            let (at_most, no_maximo) = if count["exact"] == true { ("", "") } else { ("at most ", "no máximo ") };
            let verb = if matched == 1 { "matches" } else { "match" };
            let seriam = if created == 1 { "seria criada" } else { "seriam criadas" };
            let (en, pt) = (&events.en, &events.pt);
            line(say(Localized {
                en: format!("{en} {verb}; {at_most}{} would be created", new.en),
                pt: format!("{pt} no período; {no_maximo}{} {seriam}", new.pt),
            }));
        });
        return Ok(());
    }
    BACKFILLS.run(daemon, ApiRequest::post(path).body(body.to_string()), !args.no_wait, json)
}

/// Since when events are taken in; the beginning of time is how a period without a beginning is asked for.
fn from(job: &Value) -> String {
    let at = job["from"].as_str().and_then(|text| Timestamp::parse(text).ok());
    if at == Some(Timestamp::default()) {
        return say(localized!("the beginning", "o início"));
    }
    short_time(&job["from"])
}

fn show(job: &Value) {
    print_fields(
        job,
        &[
            ("job", Show::Text("id")),
            ("status", Show::JobStatus("status")),
            ("webhook", Show::Text("webhook_id")),
            ("from", Show::Made(from)),
            ("to", Show::Time("to")),
            ("type", Show::Text("type")),
            ("matched", Show::Text("matched")),
            ("created", Show::Text("created")),
            ("skipped", Show::Text("skipped")),
            ("ended", Show::Time("ended_at")),
        ],
    );
    print_outcomes(job);
    print_skipped(job);
}
