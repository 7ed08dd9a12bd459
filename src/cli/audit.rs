//! `carteiro audit`: who changed what, read through the API.

use super::connection::{ConnectionArgs, Extent};
use super::error::CliError;
use super::filters::{FilterFlags, LIST};
use super::language::language;
use super::output::{Column, Fit, Show, text};
use super::words;
use crate::clock::Zone;
use crate::model::{AuditFilter, AuditedField, Language};
use crate::panel;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    filters: FilterFlags<AuditFilter, LIST>,
    #[command(flatten)]
    extent: Extent,
}

const COLUMNS: &[Column] = &[
    Column("TIME", Fit::Whole, Show::Time("inserted_at")),
    Column("ACTION", Fit::Whole, Show::Made(|row| words::audit_action(&text(&row["action"])))),
    Column("BY", Fit::Cut(12), Show::Made(by)),
    Column("ON", Fit::Cut(16), Show::Made(on)),
    Column("CHANGES", Fit::Spare, Show::Made(changes)),
];

pub(crate) fn audit(args: &AuditArgs) -> Result<(), CliError> {
    let (daemon, json) = (args.connection.daemon()?, args.connection.json);
    args.extent.read(&daemon, "/api/audit", &args.filters.given)?.print(json, COLUMNS);
    Ok(())
}

/// The token's name, else what made the change; and from where.
fn by(row: &Value) -> String {
    let (name, through) = (text(&row["token_name"]), text(&row["through"]));
    let who = match (&*name, &*through) {
        ("", "OPERATOR") => language().pick("operator", "operador").to_owned(),
        ("", "CARTEIRO") => "carteiro".to_owned(),
        ("", _) => format!("admin_token_file, {through}"),
        _ => format!("{name}, {through}"),
    };
    match &*text(&row["address"]) {
        "" => who,
        address => format!("{who}, {address}"),
    }
}

/// The webhook, and what else it was done to: by its name, else by its id.
fn on(row: &Value) -> String {
    let subject = &row["subject"];
    let named = |one: &Value, name: &str, id: &str| match text(&one[name]) {
        name if name.is_empty() => text(&one[id]),
        name => name,
    };
    let parts = [named(row, "webhook_name", "webhook_id"), named(subject, "name", "id")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn changes(row: &Value) -> String {
    let given = |value: &Value| value.as_str().map(str::to_owned);
    let fields = row["changes"].as_array().into_iter().flatten().map(|changed| AuditedField {
        field: text(&changed["field"]),
        from: given(&changed["from"]),
        to: given(&changed["to"]),
        hidden: changed["hidden"] == true,
    });
    // A period without a beginning has none to tell of.
    let said = |field: AuditedField| match language() {
        // As scripts read it.
        Language::En => field.to_string(),
        Language::Pt => panel::audit_change(Language::Pt, Zone::local(), &field),
    };
    fields.filter(|field| !field.is_open_start()).map(said).collect::<Vec<_>>().join("; ")
}
