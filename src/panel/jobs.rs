//! What the pages of bulk resends and of backfills have in common: how far a job has got.

use super::layout::{ago, moment, number};
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

fn progress(view: &View<'_>, job: &BulkJob) -> String {
    let count = |count| number(view.lang, count);
    let text = match job.kind {
        JobKind::Resend => view.t.job_progress,
        JobKind::Backfill => view.t.backfill_progress,
    };
    fill(text, &[&count(job.made), &count(job.queued), &count(job.skipped.total())])
}

/// Why some were passed over, each reason with how many.
fn why_skipped(view: &View<'_>, job: &BulkJob) -> Markup {
    html! {
        @if job.skipped.total() > 0 {
            ul.resends.muted {
                @for (reason, count) in job.skipped.iter() {
                    li { (number(view.lang, count)) " · " (view.lang.of(&reason.localized())) }
                }
            }
        }
    }
}

/// Those that go on, and the last few that have ended, as a part of a page that is live.
pub(super) fn late(view: &View<'_>, title: &str, jobs: &[BulkJob]) -> Markup {
    html! {
        div #resends data-live="" {
            @if !jobs.is_empty() {
                section.card.pad {
                    h2 { (title) }
                    ul.resends {
                        @for job in jobs {
                            li id=(format!("r-{}", job.id)) {
                                a href=(path(job)) { (state(view.t, job.state)) }
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
    let most = all.max(1);
    let value = if is_done { most } else { through.min(all) };
    html! { progress data-over=[(!running).then_some("")] max=(most) value=(value) aria-label=(name) {} }
}

/// How far a job has got, and the button that ends it. `held` says why a part of it waits, `words` what it is of.
pub(super) fn card(view: &View<'_>, job: &BulkJob, name: &str, held: &Markup, words: &Markup) -> Markup {
    let t = view.t;
    let running = job.state == JobState::Running;
    let through = job.made + job.skipped.total();
    html! {
        @if running { noscript { meta http-equiv="refresh" content="3"; } }
        section.card.pad #job data-live="" {
            p { strong { (state(t, job.state)) } " · " (moment(view.lang, job.inserted_at)) }
            (bar(name, through, job.queued, running, job.state == JobState::Done))
            p { (progress(view, job)) }
            (why_skipped(view, job))
            @if running { (held) }
            (words)
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
