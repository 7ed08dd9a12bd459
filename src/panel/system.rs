//! Sistema, for admins: what is kept and for how long, the disk, the backups, the versions. It only tells: the settings
//! stand in the config file, where whoever operates carteiro changes them.

use super::frame::{Place, framed};
use super::layout::{ago, moment, number, span};
use super::request::page;
use super::view::{PageResult, Refusal, View};
use crate::service::{Machine, Upkeep};
use http::StatusCode;
use maud::{Markup, html};
use std::time::Duration;

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let (t, u) = (view.t, view.lang.upkeep());
    if !view.can_change {
        return Err(Refusal::ReadOnly);
    }
    let upkeep = view.service.upkeep(view.caller()).await?;
    let content = html! {
        div.head { div { h1 { (t.system) } p.sub { (u.system_help) } } }
        (kept(view, &upkeep))
        @match &upkeep.machine {
            Some(machine) => { (disk(view, machine)) (backups(view, machine)) (versions(view, machine)) }
            None => p.muted { (u.system_of_operator) },
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, t.system, &content)))
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn kept(view: &View<'_>, upkeep: &Upkeep) -> Markup {
    let u = view.lang.upkeep();
    let time = upkeep.retention.map_or_else(|| u.no_limit.to_owned(), |retention| long(view, retention));
    let size = upkeep.retention_bytes.map_or_else(|| u.no_limit.to_owned(), |most| view.lang.bytes(most));
    html! {
        section.card.pad {
            h2 { (u.retention) }
            dl.facts { (fact(u.retention_time, &html! { (time) })) (fact(u.retention_size, &html! { (size) })) }
            p.help { (u.retention_help) }
        }
    }
}

fn disk(view: &View<'_>, machine: &Machine) -> Markup {
    let (t, u, figures) = (view.t, view.lang.upkeep(), &machine.figures);
    let size = |of: u64| html! { (view.lang.bytes(of)) };
    let count = |of: u64| html! { (number(view.lang, of)) };
    let events = if view.service.account_name(view.caller()).is_some() { t.kept_in_all } else { t.kept_events };
    html! {
        section.card.pad {
            h2 { (u.disk) }
            dl.facts {
                (fact(t.disk_used, &size(machine.disk_bytes)))
                @if let Some(free) = figures.free_bytes { (fact(t.disk_free, &size(free))) }
                (fact(u.disk_reserve, &size(figures.min_free_bytes)))
                (fact(events, &count(figures.events)))
                (fact(u.kept_notifications, &count(figures.notifications)))
                (fact(u.kept_payloads, &size(figures.payload_bytes)))
                div.wide { dt { (u.folder) } dd.code { (machine.folder.display()) } }
            }
        }
    }
}

fn backups(view: &View<'_>, machine: &Machine) -> Markup {
    let (t, u, figures) = (view.t, view.lang.upkeep(), &machine.figures);
    html! {
        section.card.pad {
            h2 { (u.backups) }
            @if let Some(failed) = &machine.failed_backup {
                p.problem {
                    (u.backup_failed) " " (moment(view.lang, failed.at)) ": " (failed.error)
                }
            }
            @match &machine.schedule {
                None => p.warning { (u.no_schedule) },
                Some((folder, every, keep)) => {
                    dl.facts {
                        (fact(t.last_backup, &html! {
                            @match figures.last_backup {
                                Some(at) => { (moment(view.lang, at)) " (" (ago(view, at)) ")" }
                                None => (t.no_backup),
                            }
                        }))
                        @if let Some(size) = figures.last_backup_bytes {
                            (fact(u.backup_size, &html! { (view.lang.bytes(size)) }))
                        }
                        (fact(u.backup_every, &html! { (long(view, *every)) }))
                        (fact(u.backups_kept, &html! { (keep) }))
                        div.wide { dt { (u.folder) } dd.code { (folder.display()) } }
                    }
                }
            }
        }
    }
}

fn versions(view: &View<'_>, machine: &Machine) -> Markup {
    let u = view.lang.upkeep();
    html! {
        section.card.pad {
            h2 { (u.versions) }
            dl.facts {
                (fact("carteiro", &html! { (env!("CARGO_PKG_VERSION")) }))
                (fact(u.store_format, &html! { (machine.format) }))
                (fact(u.platform, &html! { (std::env::consts::OS) " " (std::env::consts::ARCH) }))
                (fact(u.running_since, &moment(view.lang, machine.started_at)))
            }
        }
    }
}

/// A span as a setting has it: days or hours where it is whole ones.
fn long(view: &View<'_>, of: Duration) -> String {
    let (u, seconds) = (view.lang.upkeep(), of.as_secs());
    let whole = |unit: u64| (seconds > 0 && seconds.is_multiple_of(unit)).then(|| seconds / unit);
    match (whole(86_400), whole(3600)) {
        (Some(days), _) => u.days_n.of(days, &number(view.lang, days), &[]),
        (None, Some(hours)) => u.hours_n.of(hours, &hours, &[]),
        (None, None) => span(view.lang, of),
    }
}
