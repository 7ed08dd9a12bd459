//! What the pages of bulk resends and of backfills have in common: how far a job has got.

use super::layout::{ago, coded, moment, number};
use super::names;
use super::texts::{Texts, fill};
use super::view::View;
use crate::model::{BulkJob, JobId, JobKind, JobOutcome, JobState};
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

pub(super) const fn kind(t: &Texts, kind: JobKind) -> &'static str {
    match kind {
        JobKind::Resend => t.resend_job,
        JobKind::Backfill => t.backfills,
    }
}

/// The job of either kind with this id.
pub(super) fn find(view: &View<'_>, id: JobId) -> Option<BulkJob> {
    let kinds = [JobKind::Resend, JobKind::Backfill];
    kinds.into_iter().find_map(|kind| view.service.bulk_job(view.caller(), kind, id).ok())
}

/// The list of what a job was the last to send.
fn list_of(job: &BulkJob, only_undelivered: bool) -> String {
    let webhook = job.filter.webhook_id.map(|id| format!("&webhook_id={id}")).unwrap_or_default();
    let test = if job.filter.test == Some(true) { "&test=true" } else { "" };
    let undelivered = if only_undelivered { "&undelivered=true" } else { "" };
    format!("/notifications?job_id={}{webhook}{test}{undelivered}", job.id)
}

/// How the bar of a job looks: that everything was sent says nothing of what came of it.
fn tone(job: &BulkJob) -> &'static str {
    let delivered = job.outcomes.of(JobOutcome::Delivered);
    match job.state {
        JobState::Running => "",
        _ if delivered < job.made => "warn",
        JobState::Done if delivered > 0 => "ok",
        JobState::Done | JobState::Failed | JobState::Cancelled => "idle",
    }
}

/// How those that were sent or created ended, and how many of them have not.
fn outcomes(view: &View<'_>, job: &BulkJob) -> Option<String> {
    let t = view.t;
    let of = |outcome| job.outcomes.of(outcome);
    let counts = [
        (t.outcome_delivered, of(JobOutcome::Delivered)),
        (t.outcome_pending, job.pending()),
        (t.outcome_failed, of(JobOutcome::Failed)),
        (t.outcome_cancelled, of(JobOutcome::Cancelled)),
        (t.outcome_replaced, of(JobOutcome::Replaced)),
        (t.outcome_lost, of(JobOutcome::Lost)),
    ];
    let there = counts.into_iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = there.map(|(text, count)| text.of(count, &number(view.lang, count), &[])).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// How far a job has got; of one that has ended, what came of it.
fn progress(view: &View<'_>, job: &BulkJob) -> String {
    let t = view.t;
    let count = |count| number(view.lang, count);
    let (made, queued, skipped) = (count(job.made), count(job.queued), job.skipped.total());
    let (what, passed_over) = match job.kind {
        JobKind::Resend => (t.job_resent, t.job_skipped),
        JobKind::Backfill => (t.backfill_created, t.backfill_skipped),
    };
    let sent = match outcomes(view, job).filter(|_| job.state != JobState::Running) {
        Some(outcomes) => format!("{}: {outcomes}", what.of(job.made, &made, &[])),
        None if job.kind == JobKind::Backfill => fill(t.backfill_progress, &[&made, &queued]),
        None => fill(t.job_progress, &[&made, &queued]),
    };
    if skipped == 0 { sent } else { format!("{sent}; {}", passed_over.of(skipped, &count(skipped), &[])) }
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

/// The ways to what it has sent.
fn ways(view: &View<'_>, job: &BulkJob) -> Markup {
    let t = view.t;
    // What was delivered before stays delivered, whatever became of it when it was sent again.
    let again = job.kind == JobKind::Resend && job.includes_delivered();
    let has_undelivered = !again && job.outcomes.of(JobOutcome::Delivered) < job.made;
    html! {
        div.acts {
            @if has_undelivered { a.btn.small.main href=(list_of(job, true)) { (t.see_undelivered) } }
            @if job.made > 0 {
                a.btn.small href=(list_of(job, false)) {
                    @match job.kind { JobKind::Resend => (t.see_resent), JobKind::Backfill => (t.see_created) }
                }
            }
            @if let Some(id) = job.filter.webhook_id {
                a.btn.small href=(format!("/webhooks/{id}")) { (t.see_webhook) }
            }
        }
    }
}

/// How far a job has got and what came of it, and the button that ends it. `held` says why a part of it waits, and
/// `asked_for` what it is of.
pub(super) fn card(view: &View<'_>, job: &BulkJob, name: &str, held: &Markup, asked_for: &Markup) -> Markup {
    let t = view.t;
    let running = job.state == JobState::Running;
    let through = job.made + job.skipped.total();
    html! {
        @if running { noscript { meta http-equiv="refresh" content="3"; } }
        section.card.pad #job data-live="" {
            p { strong { (state(t, job.state)) } " · " (moment(view.lang, job.inserted_at)) }
            (toned_bar(name, tone(job), (through, job.queued), running, job.state == JobState::Done))
            @if running {
                p { (progress(view, job)) }
                @if let Some(outcomes) = outcomes(view, job) { p { (outcomes) } }
            } @else {
                p.strong { (progress(view, job)) }
            }
            (why_skipped(view, job))
            @if running || job.pending() > 0 { (held) }
            @if !running && job.made > 0 { p.help { (t.outcome_help) } }
            // Of what it was begun with, and not how things stand now.
            h2.over { (t.job_asked_for) }
            (asked_for)
            (ways(view, job))
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
