//! Background jobs as commands begin, await and show them: bulk resends, backfills and erasures.

use super::client::{ApiAnswer, ApiClient, ApiRequest, block_on, until_interrupted};
use super::connection::{Extent, Filters};
use super::error::CliError;
use super::follow::Backoff;
use super::language::{say, tell};
use super::output::{Column, line, print_one, text};
use super::progress::ProgressBar;
use crate::model::{JobOutcome, Localized, SkipReason, localized};
use serde_json::Value;
use std::time::Duration;

/// Interval between reads of a job's progress.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// A kind of jobs.
pub(crate) struct JobKind {
    /// Its path in the API.
    pub(crate) path: &'static str,
    /// The field that says how many matched.
    pub(crate) matched: &'static str,
    /// The field that says how many it has dealt with.
    pub(crate) made: &'static str,
    /// What it does, as its progress bar says it, and with what.
    pub(crate) does: (&'static str, &'static str),
    /// What a job with this id does with so many, as a sentence.
    pub(crate) begun: fn(&str, u64) -> Localized,
    /// The commands that list its jobs, show one and cancel one.
    pub(crate) commands: [&'static str; 3],
    /// The columns of their list.
    pub(crate) columns: &'static [Column],
    /// Prints one.
    pub(crate) show: fn(&Value),
}

impl JobKind {
    /// Begins a job and, unless it shall not `wait`, says what it does and follows it to its end.
    pub(crate) fn run(&self, daemon: &ApiClient, request: ApiRequest, wait: bool, json: bool) -> Result<(), CliError> {
        let [list, show, cancel] = self.commands;
        let mut id = String::new();
        let ended = block_on(until_interrupted(async {
            let started = daemon.send(request).await?;
            let job = started.value();
            id = text(&job["id"]);
            if !wait {
                return Ok(started);
            }
            tell((self.begun)(&id, job[self.matched].as_u64().unwrap_or_default()));
            self.await_end(daemon, &id).await
        }))?;
        let Some(ended) = ended else {
            if id.is_empty() {
                return Err(CliError::failed(localized!(
                    "interrupted before the daemon answered; `{list}` shows whether it took the job",
                    "interrompido antes da resposta do daemon; `{list}` mostra se ele aceitou a tarefa"
                )));
            }
            tell(localized!(
                "The job goes on. `{show} {id}` shows how far it has got, `{cancel} {id}` ends it.",
                "A tarefa continua. `{show} {id}` mostra até onde ela chegou, `{cancel} {id}` a encerra."
            ));
            return Ok(());
        };
        print_one(&ended, json, self.show);
        if ended.value()["status"] == "FAILED" {
            return Err(CliError::failed(localized!(
                "the job met what can't be read and gave up a part: run `carteiro verify`",
                "a tarefa encontrou dados que não podem ser lidos e desistiu de uma parte: execute `carteiro verify`",
            )));
        }
        Ok(())
    }

    /// Prints a list of them.
    pub(crate) fn list(&self, daemon: &ApiClient, json: bool) -> Result<(), CliError> {
        Extent::ALL.read(daemon, self.path, &Filters::default())?.print(json, self.columns);
        Ok(())
    }

    /// Prints how far one has got.
    pub(crate) fn show_one(&self, daemon: &ApiClient, id: &str, json: bool) -> Result<(), CliError> {
        print_one(&daemon.get(format!("{}/{id}", self.path))?, json, self.show);
        Ok(())
    }

    /// Cancels one, and prints how far it has got.
    pub(crate) fn cancel(&self, daemon: &ApiClient, id: &str, json: bool) -> Result<(), CliError> {
        print_one(&daemon.call(ApiRequest::delete(format!("{}/{id}", self.path)))?, json, self.show);
        Ok(())
    }

    /// Follows one to its end, which is what the API then answers; a daemon that restarts is waited for.
    async fn await_end(&self, daemon: &ApiClient, id: &str) -> Result<ApiAnswer, CliError> {
        let (mut bar, mut backoff) = (ProgressBar::new(), Backoff::new());
        loop {
            match daemon.send(ApiRequest::get(format!("{}/{id}", self.path))).await {
                Ok(answer) => {
                    backoff.reset();
                    let job = answer.value();
                    let count = |name: &str| job[name].as_u64().unwrap_or(0);
                    if job["status"] != "RUNNING" {
                        bar.clear();
                        return Ok(answer);
                    }
                    let (does, what) = self.does;
                    bar.show(does, count(self.made) + count("skipped"), count(self.matched), what);
                }
                Err(problem) => {
                    bar.clear();
                    backoff.after(problem).await?;
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Prints how what a job has requested or created ended, and how much of it has not.
pub(crate) fn print_outcomes(job: &Value) {
    let ended = JobOutcome::ALL.map(|outcome| (outcome.as_str(), outcome.localized()));
    for (name, words) in [("pending", JobOutcome::pending())].into_iter().chain(ended) {
        if let Some(count @ 1..) = job["outcomes"][name].as_u64() {
            line(format!("  {}: {count}", say(words)));
        }
    }
}

/// Prints why a job has skipped what it has, each reason with how many.
pub(crate) fn print_skipped(job: &Value) {
    for (reason, count) in job["skipped_by"].as_object().into_iter().flatten() {
        let known = SkipReason::parse(reason).map(|reason| say(reason.localized()));
        let why = known.as_deref().unwrap_or(reason);
        line(say(localized!("  skipped {count}: {why}", "  puladas {count}: {why}")));
    }
}
