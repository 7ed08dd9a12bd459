//! What the pages of bulk resends and of backfills have in common: how far a job has got.

use super::layout::{ago, at_most_counted, coded, moment, number};
use super::names;
use super::texts::{Texts, fill};
use super::view::View;
use crate::model::{BulkJob, JobKind, JobState};
use maud::{Markup, html};

/// How many jobs that have ended are listed.
pub(super) const MAX_ENDED: usize = 3;

pub(super) const fn state(t: &Texts, state: JobState) -> &'static str {
    match state {
        JobState::Running => t.job_running,
        JobState::Done => t.job_done,
        JobState::Failed => t.job_failed,
        JobState::Cancelled => t.job_cancelled,
    }
}

/// The page of a job.
pub(super) fn path(job: &BulkJob) -> String {
    match job.kind {
        JobKind::Resend => format!("/notifications/resends/{}", job.id),
        JobKind::Backfill => format!("/webhooks/backfills/{}", job.id),
    }
}

/// What is to be told of a bulk resend beside how far it has got; by default nothing.
#[derive(Default)]
pub(super) struct Outcome {
    /// How many that its filter finds are not delivered now; `None` where it has re-sent what was delivered already, of
    /// which nothing tells how it went this time.
    pub(super) left: Option<u64>,
    /// The list of these.
    pub(super) list: String,
}

impl Outcome {
    /// How the bar looks: that everything was sent says nothing of what came of it.
    fn tone(&self, job: &BulkJob) -> &'static str {
        match self.left {
            Some(0) if job.state == JobState::Done => "ok",
            Some(1..) => "warn",
            Some(0) | None => "idle",
        }
    }
}

fn progress(view: &View<'_>, job: &BulkJob) -> String {
    let count = |count| number(view.lang, count);
    let (made, queued, skipped) = (count(job.made), count(job.queued), job.skipped.total());
    match job.kind {
        JobKind::Backfill => fill(view.t.backfill_progress, &[&made, &queued, &count(skipped)]),
        JobKind::Resend if skipped == 0 => fill(view.t.job_progress, &[&made, &queued]),
        JobKind::Resend => {
            let sent = fill(view.t.job_progress, &[&made, &queued]);
            format!("{sent}; {}", fill(view.t.job_skipped, &[&count(skipped)]))
        }
    }
}

/// What came of it, as far as that is known, and the ways to it.
fn outcome(view: &View<'_>, job: &BulkJob, outcome: &Outcome) -> Markup {
    let t = view.t;
    html! {
        @match outcome.left {
            Some(0) => p.strong { (t.outcome_none) },
            Some(left) => p.strong { (t.outcome_left.of(left, &at_most_counted(view, left), &[])) },
            None => {}
        }
        p.help { (t.outcome_unknown) }
        div.acts {
            @if let Some(left @ 1..) = outcome.left {
                a.btn.small.main href=(outcome.list) { (t.see_undelivered.of(left, &at_most_counted(view, left), &[])) }
            }
            @if let Some(id) = job.filter.webhook_id {
                a.btn.small href=(format!("/webhooks/{id}")) { (t.see_webhook) }
            }
        }
    }
}

/// Why some were passed over, each reason with how many.
fn why_skipped(view: &View<'_>, job: &BulkJob) -> Markup {
    html! {
        @if job.skipped.total() > 0 {
            ul.resends.muted {
                @for (reason, count) in job.skipped.iter() {
                    li { (number(view.lang, count)) " · " (coded(view.lang.of(&reason.localized()))) }
                }
            }
        }
    }
}

/// Those that go on, and the last few that have ended, as a part of a page that is live. They lie folded where none
/// goes on.
pub(super) fn late(view: &View<'_>, title: &str, jobs: &[BulkJob]) -> Markup {
    html! {
        div #resends data-live="" {
            @if !jobs.is_empty() {
                details.card.pad #late-jobs open[jobs.iter().any(|job| job.state == JobState::Running)] {
                    summary { (title) " (" (jobs.len()) ")" }
                    ul.resends {
                        @for job in jobs {
                            li id=(format!("r-{}", job.id)) {
                                a href=(path(job)) { (state(view.t, job.state)) }
                                @if let Some(id) = job.filter.webhook_id { " · " (names::webhook(view, id)) }
                                " · " (ago(view, job.inserted_at)) " · " (progress(view, job))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How far something has got, `through` of `all`. Of what was ended early the bar stays where it stood.
pub(super) fn bar(name: &str, through: u64, all: u64, running: bool, is_done: bool) -> Markup {
    toned_bar(name, "", (through, all), running, is_done)
}

fn toned_bar(name: &str, tone: &str, (through, all): (u64, u64), running: bool, is_done: bool) -> Markup {
    let most = all.max(1);
    let value = if is_done { most } else { through.min(all) };
    let over = (!running).then_some("");
    html! { progress class=(tone) data-over=[over] max=(most) value=(value) aria-label=(name) {} }
}

/// How far a job has got, and the button that ends it. `held` says why a part of it waits, `words` what it is of, and
/// `came` what came of it.
pub(super) fn card(
    view: &View<'_>,
    job: &BulkJob,
    name: &str,
    held: &Markup,
    words: &Markup,
    came: Option<&Outcome>,
) -> Markup {
    let t = view.t;
    let running = job.state == JobState::Running;
    let through = job.made + job.skipped.total();
    let tone = came.map_or("", |came| came.tone(job));
    html! {
        @if running { noscript { meta http-equiv="refresh" content="3"; } }
        section.card.pad #job data-live="" {
            p { strong { (state(t, job.state)) } " · " (moment(view.lang, job.inserted_at)) }
            (toned_bar(name, tone, (through, job.queued), running, job.state == JobState::Done))
            p { (progress(view, job)) }
            (why_skipped(view, job))
            @if running { (held) }
            (words)
            @if let Some(came) = came { (outcome(view, job, came)) }
            @if running && view.can_change {
                form method="post" action=(format!("{}/stop", path(job))) {
                    (view.csrf())
                    input type="hidden" name="back" value=(view.here);
                    button type="submit" { (t.cancel) }
                }
            }
        }
    }
}
