//! Alerts: the channels by which people are told, how each does, and a button that tries it.

use super::filters::csv_link;
use super::frame::{Place, framed};
use super::layout::{ago, when, with_moments};
use super::open_alerts;
use super::request::page;
use super::texts::fill;
use super::view::{PageResult, View, done};
use crate::model::AlertChannel;
use crate::service::{ChannelOwner, ChannelView};
use http::StatusCode;
use maud::{Markup, html};

/// The first channel, as a part of the config.
const SAMPLE: &str = "[alerts.email]\nsmtp = \"smtps://avisos%40loja.example@smtp.example:465\"\n\
                      password_file = \"/etc/carteiro/smtp-password\"\nfrom = \"avisos@loja.example\"\n\
                      to = [\"voce@loja.example\"]";

pub(super) async fn show(view: &View<'_>) -> PageResult {
    let a = view.lang.alerts();
    let channels = view.service.alert_channels(view.caller());
    let content = html! {
        div.head { div { h1 { (a.alerts) } p.sub { (a.alerts_help) } } div.acts { (csv_link(view)) } }
        (open_alerts::section(view).await?)
        @if channels.is_empty() {
            section.empty {
                h2 { (a.no_channels) }
                p { (a.no_channels_help) }
                pre tabindex="0" { (SAMPLE) }
            }
        } @else {
            h2.over { (a.channels) }
            (table(view, &channels))
        }
    };
    Ok(page(StatusCode::OK, framed(view, Place::None, a.alerts, &content)))
}

fn table(view: &View<'_>, channels: &[ChannelView]) -> Markup {
    let (t, a) = (view.t, view.lang.alerts());
    html! {
        div.card #channels data-live="rows" {
            table.rows {
                caption.sr { (a.channels) }
                thead {
                    tr {
                        @for name in [a.channel, t.status, a.last_sent] { th scope="col" { (name) } }
                        th scope="col" { span.sr { (a.test) } }
                    }
                }
                tbody { @for channel in channels { (row(view, channel)) } }
            }
        }
    }
}

fn row(view: &View<'_>, of: &ChannelView) -> Markup {
    let (a, name) = (view.lang.alerts(), of.channel.title());
    let whose = match of.owner {
        ChannelOwner::Operator => a.of_operator,
        ChannelOwner::Account => a.of_account,
    };
    let (is_failing, sent_at, left_out) = (of.state.is_failing, of.state.sent_at, &of.state.left_out);
    let (tone, state) = match (is_failing, sent_at, left_out) {
        (true, ..) => ("bad", a.failing),
        (false, Some(_), Some(_)) => ("warn", a.leaves_out),
        (false, Some(_), None) => ("ok", a.works),
        (false, None, _) => ("idle", a.untried),
    };
    let key = format!("{}-{}", of.owner.as_str(), of.channel.as_str());
    html! {
        tr id=(format!("c-{key}")) {
            td.what {
                div.who { span.t1 { (name) } " " span.t2 { (whose) } }
                @if let Some((at, error)) = of.state.failed.as_ref().filter(|_| is_failing) {
                    (told(&key, &html! {
                        (with_moments(view.lang, view.lang.of(error))) " " span.muted { "(" (ago(view, *at)) ")" }
                    }))
                } @else if let Some(left_out) = left_out {
                    (told(&key, &with_moments(view.lang, view.lang.of(left_out))))
                }
            }
            td.now.r { span class=(format!("pill {tone}")) { (state) } }
            td.full.t2 {
                span.only { (a.last_sent) ": " }
                // Nothing of a channel is kept over a start, least of all that it was never used.
                @match sent_at {
                    Some(at) => (ago(view, at)),
                    None => {
                        (a.none_since) " " (when(view, view.service.started_at())) span.desk { ", " (a.started) }
                    }
                }
            }
            td.full {
                @if view.can_change {
                    form.inline method="post" action="/alerts/test" {
                        (view.csrf())
                        input type="hidden" name="back" value="/alerts";
                        input type="hidden" name="channel" value=(of.channel.as_str());
                        input type="hidden" name="owner" value=(of.owner.as_str());
                        button.small type="submit" { (a.test) span.sr { " " (name) ", " (whose) } }
                    }
                }
            }
        }
    }
}

/// What went wrong, which may be long: on a phone as much of it as its row has room for, and the rest on a tap.
fn told(key: &str, what: &Markup) -> Markup {
    html! { details.reason id=(format!("why-{key}")) { summary { span.problem { (what) } } } }
}

/// Sends a test by one channel, waits for its end, and shows the page again.
pub(super) async fn test(view: &View<'_>) -> PageResult {
    let form = &view.request.form;
    let channel = form.get("channel").and_then(AlertChannel::parse);
    let owner = form.get("owner").and_then(ChannelOwner::parse);
    let tests = view.service.test_alert_channels(view.caller(), channel, owner).await?;
    let name = channel.map_or("", AlertChannel::as_str);
    let reached = if tests.iter().any(|test| test.error.is_some()) {
        "nobody"
    } else if tests.iter().any(|test| test.left_out.is_some()) {
        "some"
    } else {
        "all"
    };
    Ok(done(view, "alert-tested", &[("n", &name), ("reached", &reached)]))
}

/// What the page says after a test.
pub(super) fn tested(view: &View<'_>) -> Option<String> {
    let (a, query) = (view.lang.alerts(), &view.request.query);
    let channel = query.get("n").and_then(AlertChannel::parse)?;
    let text = match query.get("reached") {
        Some("all") => a.tested,
        Some("some") => a.test_left_out,
        _ => a.test_failed,
    };
    Some(fill(text, &[&channel.title()]))
}
