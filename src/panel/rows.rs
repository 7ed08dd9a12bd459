//! Notifications as rows: what happened to which order, on its way to which webhook, how it stands, and the icon that
//! sends it again.

use super::filters::{PAGING, chip_to, toggle};
use super::layout::{at_most_counted, resend_button, status, test_mark, until, when};
use super::names::{self, event_title};
use super::texts::fill;
use super::view::View;
use crate::model::Status;
use crate::service::{BacklogCounts, NotificationView};
use maud::{Markup, html};
use std::fmt::Write as _;

/// The parameter that leaves out what was for webhooks deleted since.
const WEBHOOK_DELETED: &str = "webhook_deleted";

/// The statuses to choose from, with how many there are of those that want to be looked at.
pub(super) fn status_chips(view: &View<'_>, backlog: BacklogCounts, failed: u64) -> Markup {
    let t = view.t;
    let one = |status: Status, label: &str, count: Option<u64>| {
        let count = count.map(|count| at_most_counted(view, count));
        status_chip(view, Some(status), label, count.as_deref())
    };
    html! {
        div.strip {
            (status_chip(view, None, t.all_notifications, None))
            (one(Status::Failed, t.failed_many, Some(failed)))
            (one(Status::Retrying, t.retrying, Some(backlog.retrying)))
            @if backlog.pending > 0 || view.request.query.get("status") == Some(Status::Pending.as_str()) {
                (one(Status::Pending, t.pending_many, Some(backlog.pending)))
            }
            (one(Status::Held, t.held, Some(backlog.held)))
            (one(Status::Delivered, t.delivered_many, None))
            (toggle(view, "test", "true", t.tests))
        }
    }
}

/// The chip of a status, or of all. Of failed ones it leads to those that can still be re-sent, which it counts: what
/// has failed for a webhook deleted since could never be brought to none.
fn status_chip(view: &View<'_>, status: Option<Status>, label: &str, count: Option<&str>) -> Markup {
    let query = &view.request.query;
    let without: Vec<&str> = PAGING.iter().copied().chain(["status", WEBHOOK_DELETED]).collect();
    let mut link = query.query(&without, status.map(|status| ("status", status.as_str())));
    if status == Some(Status::Failed) {
        let _ = write!(link, "&{WEBHOOK_DELETED}=false");
    }
    let current = query.get("status").unwrap_or_default() == status.map_or("", |status| status.as_str());
    chip_to(view, &link, current, label, count)
}

/// The rows, and below them what is done with those that are ticked.
pub(super) fn table(view: &View<'_>, items: &[NotificationView], with_webhook: bool) -> Markup {
    let t = view.t;
    let first = if with_webhook { t.event_and_webhook } else { t.event };
    html! {
        div.card {
            table.rows.picks[view.can_change] #rows {
                caption.sr { (t.notifications) }
                thead {
                    tr {
                        @if view.can_change {
                            th.fit.pick scope="col" {
                                span.sr { (t.select) }
                                input type="checkbox" aria-label=(t.select_page) data-select-all="" hidden;
                            }
                        }
                        th scope="col" { (first) }
                        @for name in [t.status, t.response, t.when] { th scope="col" { (name) } }
                    }
                }
                tbody { @for item in items { (row(view, item, with_webhook)) } }
            }
            @if view.can_change { (selection(view)) }
        }
    }
}

/// What is done with the ticked rows; it sticks to the window's lower edge.
fn selection(view: &View<'_>) -> Markup {
    let t = view.t;
    html! {
        form.bar #many method="post" action="/notifications/resend" {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            span #picked {}
            button.main.small type="submit" { (t.resend_selected) }
        }
    }
}

fn row(view: &View<'_>, item: &NotificationView, with_webhook: bool) -> Markup {
    let t = view.t;
    let id = item.id.to_string();
    let title = event_title(view, &item.event_type);
    let about = names::about(view, &item.about);
    let webhook = names::webhook(view, item.webhook_id);
    let what = if about.is_empty() { title.clone() } else { format!("{title} {about}") };
    let to_whom = fill(t.what_to_webhook, &[&what, &webhook]);
    html! {
        tr id=(format!("n-{id}")) {
            @if view.can_change {
                td.fit.pick {
                    input type="checkbox" name="id" form="many" value=(id)
                        aria-label=(fill(t.select_what, &[&to_whom])) disabled[!item.can_resend];
                }
            }
            td.what {
                div.clip.about {
                    a.t1 href=(format!("/notifications/{id}")) { (title) } " " span.t2 { (about) }
                    (test_mark(t, item.test))
                }
                @if with_webhook { div.t2.clip { (webhook) } }
            }
            td.now.r {
                div.state {
                    (status(t, item.status))
                    (resend_button(view, item, &to_whom))
                }
            }
            td.full {
                (response(view, item)) " " span.t2 { (how_far(view, item)) }
                span.t2.only { " · " (moment(view, item)) }
            }
            td.fit.hide.t2 { (moment(view, item)) }
        }
    }
}

/// When it goes on, or was recorded.
fn moment(view: &View<'_>, item: &NotificationView) -> Markup {
    item.next_attempt_at.map_or_else(|| when(view, item.inserted_at), |at| until(view, at))
}

/// How many of its attempts are used up, where that says something.
fn how_far(view: &View<'_>, item: &NotificationView) -> String {
    let t = view.t;
    match item.status {
        _ if item.test => String::new(),
        Status::Held => t.held_until_resumed.to_owned(),
        Status::Retrying => fill(t.of_attempts, &[&item.automatic, &item.max_attempts]),
        // Those that somebody asked for as well: no more come by themselves.
        Status::Failed => t.attempts_n.of(item.attempts_count.into(), &item.attempts_count, &[]),
        Status::Pending | Status::Delivered | Status::Cancelled => String::new(),
    }
}

/// The status of the last response, as a word.
pub(super) fn response(view: &View<'_>, notification: &NotificationView) -> Markup {
    html! {
        @match notification.response_status {
            Some(code) => span.code { (code) },
            None if notification.attempts_count > 0 => span.muted { (view.t.no_response) },
            None => span.muted { "–" },
        }
    }
}
