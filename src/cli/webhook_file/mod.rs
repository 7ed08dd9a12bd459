//! Webhooks as a file: `carteiro webhooks export` writes those of a store, and `carteiro webhooks apply` sets up what
//! such a file says, over the API. A webhook is known by its id where the store has it, else by its name.

mod export;
mod fields;
mod file;
mod plan;
mod report;

use super::client::ApiClient;
use super::connection::{Extent, Filters};
use super::error::CliError;
use super::input::confirmed;
use crate::model::localized;
use clap::Args;
use file::WebhookFile;
use plan::{Action, Plan};
use report::Report;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct ApplyArgs {
    /// The file; - for the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check all of it and show what would be done; do nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete the webhooks that the file doesn't have
    #[arg(long)]
    prune: bool,
    /// Don't ask before something is deleted
    #[arg(long)]
    yes: bool,
}

/// The webhooks of a store as a file.
pub(crate) fn export(daemon: &ApiClient) -> Result<String, CliError> {
    let listed = Extent::ALL.read(daemon, "/api/webhooks", &Filters::default())?;
    let webhooks = listed.raw().rev().map(export::answered).collect::<Result<Vec<_>, _>>()?;
    Ok(export::export(webhooks))
}

/// Sets up what a file says. Everything is checked before anything is changed.
pub(crate) fn apply(daemon: &ApiClient, args: &ApplyArgs, json: bool) -> Result<(), CliError> {
    let file = WebhookFile::read(&args.file)?;
    if file.webhooks.is_empty() && args.prune {
        return Err(CliError::usage(localized!(
            "the file has no [[webhook]], and --prune would delete every webhook",
            "o arquivo não tem [[webhook]], e --prune excluiria todos os webhooks"
        )));
    }
    let mut plan = Plan::make(daemon, &file, args.prune)?;
    let mut report = Report::new(json, args.dry_run);
    if args.dry_run {
        plan.steps.iter().for_each(|step| report.step(step));
        report.end(None);
        return Ok(());
    }
    let deleted: Vec<&str> =
        plan.steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.name.as_str()).collect();
    if !deleted.is_empty() {
        confirmed(args.yes, || {
            Ok(format!("Delete {}? Their pending notifications are cancelled.", deleted.join(", ")))
        })?;
    }
    let most = plan.steps.iter().filter(|step| step.action.changes_something()).count();
    let mut done = 0;
    for step in &mut plan.steps {
        match step.perform(daemon) {
            Ok(()) => {
                done += usize::from(step.action.changes_something());
                report.step(step);
            }
            Err(error) => {
                let sentence = format!(
                    "{}: {}\ndone before: {done} of {most}; once that is fixed, the same command goes on",
                    step.name, error.sentence
                );
                report.end(Some(&sentence));
                return Err(CliError { sentence, ..error });
            }
        }
    }
    report.end(None);
    Ok(())
}
