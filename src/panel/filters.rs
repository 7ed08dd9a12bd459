//! What lists are narrowed by, read from the page's address. A filter that can't be read is named and left aside.

use super::jobs;
use super::layout::{coded, moment, pager};
use super::names::event_title;
use super::pattern_typed;
use super::texts::{Texts, fill};
use super::view::{ROWS, View};
use crate::gather::Gather as _;
use crate::model::{Cursor, Filter, FilterUse, JobId, Listing, Order, Page, Timestamp};
use crate::service::Error;
use maud::{Markup, html};
use std::time::{Duration, Instant};

/// How long it is looked on for the first row of a page before an empty one is shown.
const LOOK_ON: Duration = Duration::from_millis(15);

/// What in an address asks for a file rather than a page.
pub(super) const FORMAT: &str = "format";
/// What in an address or a form says that a bulk resend takes in what was delivered already.
pub(super) const INCLUDE_DELIVERED: &str = "include_delivered";
pub(super) const PAGING: &[&str] = &["older", "newer", "done", "ok", "not", "n"];

/// The page that the address asks for.
fn asked_page(view: &View<'_>) -> Listing {
    let cursor = |name| view.request.query.get(name).and_then(Cursor::parse);
    match cursor("newer") {
        newer @ Some(_) => Listing::oldest(ROWS).at(newer),
        None => Listing::newest(ROWS).at(cursor("older")),
    }
}

/// Whether the address asks for a page by a cursor that is none; the newest is shown then.
fn has_bad_cursor(view: &View<'_>) -> bool {
    let asked = ["newer", "older"].iter().filter_map(|name| view.request.query.get(name));
    asked.into_iter().any(|text| Cursor::parse(text).is_none())
}

/// The page that is asked for, newest first, and where it stands. On the way back to the newest, a page with nothing
/// behind it is the newest one: it is read anew then, whole and with what was recorded meanwhile. Where the store has
/// ended a page early and it is empty, it is looked on for a moment before that is shown.
pub(super) async fn read_page<T, F: Future<Output = Result<Page<T>, Error>>>(
    view: &View<'_>,
    find: impl Fn(Listing) -> F,
) -> Result<(Listing, Page<T>), Error> {
    let mut listing = asked_page(view);
    let begun = Instant::now();
    loop {
        let mut found = find(listing).await?;
        let on = |next: Option<Cursor>, from: Listing| next.filter(|_| from.cursor != next).map(|_| from.at(next));
        let behind = on(found.next, listing);
        if let Some(behind) = behind
            && found.items.is_empty()
            && begun.elapsed() < LOOK_ON
        {
            listing = behind;
            continue;
        }
        if listing.order == Order::Oldest {
            if found.items.len() < ROWS {
                let more = match behind {
                    Some(behind) => {
                        let next = find(behind).await?;
                        !next.items.is_empty() || on(next.next, behind).is_some()
                    }
                    None => false,
                };
                if !more {
                    let top = Listing::newest(ROWS);
                    return Ok((top, find(top).await?));
                }
            }
            found.items.reverse();
        }
        return Ok((listing, found));
    }
}

/// Links to the newer and the older page, of a page that ended at `next`.
fn links(view: &View<'_>, listing: Listing, next: Option<Cursor>) -> (Option<String>, Option<String>) {
    let link = |name: &str, cursor: Cursor| {
        format!("{}?{}", view.request.path, view.request.query.query(PAGING, Some((name, &cursor.to_string()))))
    };
    let back = listing.cursor.and_then(|cursor| cursor.turned(listing.order));
    let (newer, older) = match listing.order {
        Order::Newest => (back, next),
        Order::Oldest => (next, back),
    };
    (newer.map(|cursor| link("newer", cursor)), older.map(|cursor| link("older", cursor)))
}

/// A list that is live: its rows, or what stands where there are none, and the ways to the pages beside it.
pub(super) fn listed(
    view: &View<'_>,
    listing: Listing,
    next: Option<Cursor>,
    rows: Option<&Markup>,
    first_step: &Markup,
) -> Markup {
    let t = view.t;
    let (newer, older) = links(view, listing, next);
    let top = listing.cursor.is_none();
    html! {
        @if has_bad_cursor(view) { p.problem role="alert" { (t.bad_cursor) } }
        div #list data-live=(if top { "list" } else { "rows" }) {
            @match rows {
                Some(rows) => (rows),
                None if next.is_some() => p.muted { (t.keep_looking) },
                None if any(view) || !top => p.muted { (t.nothing_matches) },
                None => (first_step),
            }
            (pager(view, newer.as_deref(), older.as_deref()))
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const SPANS: [(&str, Duration); 4] = [
    ("1h", HOUR),
    ("24h", Duration::from_secs(24 * 3600)),
    ("7d", Duration::from_secs(7 * 24 * 3600)),
    ("30d", Duration::from_secs(30 * 24 * 3600)),
];

/// What a list is narrowed to, and what of the address can't be read, a sentence each.
pub(super) fn asked_for<F: Filter>(view: &View<'_>) -> (F, Vec<String>) {
    let query = &view.request.query;
    let (mut filter, mut problems) = (F::default(), Vec::new());
    let period = query.get("period").map(|text| {
        let span = SPANS.iter().find(|(name, _)| *name == text).map(|(_, span)| *span);
        if span.is_none() {
            problems.push(unreadable(view, text));
        }
        span.map(|span| Timestamp::from_ms(view.now.as_ms().saturating_sub(crate::model::millis(span))))
    });
    if let Some(tz) = query.get("tz")
        && west(view).is_none()
    {
        problems.push(unreadable(view, tz));
    }
    let between = [FROM, TO].map(|name| query.get(name).and_then(|text| moment_of(view, text)));
    if let [Some(from), Some(to)] = between
        && from > to
    {
        problems.push(view.t.from_after_to.to_owned());
    }
    if query.get("period").is_some() && (query.get(FROM).is_some() || query.get(TO).is_some()) {
        problems.push(view.t.period_and_moments.to_owned());
    }
    for field in F::fields(FilterUse::Panel) {
        if let (FROM, Some(from)) = (field.name, period.flatten()) {
            let _ = field.set(&mut filter, &from.to_string());
        }
        let Some(text) = query.get(parameter(field.name)) else {
            continue;
        };
        let value = match field.name {
            FROM | TO => moment_of(view, text).map(|at| at.to_string()),
            "type" => Some(text.to_ascii_uppercase()),
            _ => Some(text.to_owned()),
        };
        if value.is_none_or(|value| field.set(&mut filter, &value).is_err()) {
            problems.push(match field.name {
                "type" => fill(view.t.bad_filter, &[&pattern_typed::refusal(view, text)]),
                _ => unreadable(view, text),
            });
        }
    }
    (filter, problems)
}

const FROM: &str = "from";
const TO: &str = "to";

/// The name of a filter's field in the panel's addresses.
pub(super) fn parameter(field: &str) -> &str {
    if field == "response_status" { "response" } else { field }
}

/// That a part of the address can't be read and is left aside.
pub(super) fn unreadable(view: &View<'_>, text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    fill(view.t.bad_filter, &[&shown])
}

pub(super) fn alerts(problems: &[String]) -> Markup {
    html! { @for problem in problems { p.problem role="alert" { (coded(problem)) } } }
}

/// Minutes west of UTC, as browsers count them; without a script the fields are in the panel's zone, and say so.
fn west(view: &View<'_>) -> Option<i64> {
    view.request.query.get("tz")?.parse().ok().filter(|west: &i64| west.abs() <= 16 * 60)
}

/// A moment of the address: one that says its offset, as the panel's own links have it, or a browser's local time,
/// `2026-11-25T22:35`, as far west of UTC as it says; of the panel's zone where it doesn't.
fn moment_of(view: &View<'_>, text: &str) -> Option<Timestamp> {
    if let Ok(at) = Timestamp::parse(text) {
        return Some(at);
    }
    let seconds = if text.len() == 16 { ":00" } else { "" };
    let ms = i64::try_from(Timestamp::parse(&format!("{text}{seconds}Z")).ok()?.as_ms()).ok()?;
    let ms = match west(view) {
        Some(west) => ms + west * 60_000,
        None => view.zone.moment(ms.div_euclid(1000)) * 1000 + ms.rem_euclid(1000),
    };
    u64::try_from(ms).ok().map(Timestamp::from_ms)
}

pub(super) fn text_field(view: &View<'_>, name: &str, label: &str, list: Option<&str>) -> Markup {
    let value = view.request.query.get(name).unwrap_or_default();
    html! {
        div.field {
            label for=(name) { (label) } input id=(name) name=(name) value=(value) list=[list] autocomplete="off";
        }
    }
}

pub(super) fn select_field(view: &View<'_>, name: &str, label: &str, options: &[(&str, &str)]) -> Markup {
    let value = view.request.query.get(name).unwrap_or_default();
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (option, text) in options { option value=(option) selected[*option == value] { (text) } }
            }
        }
    }
}

/// The spans of the period, with what they are called.
fn spans(t: &Texts) -> [(&'static str, &'static str); 5] {
    [("", t.any_time), ("1h", t.last_hour), ("24h", t.last_day), ("7d", t.last_week), ("30d", t.last_month)]
}

/// The period: a span back from now, or two moments.
pub(super) fn period_fields(view: &View<'_>) -> Markup {
    let t = view.t;
    html! {
        (select_field(view, "period", t.period, &spans(t)))
        @for (name, label) in [(FROM, t.from), (TO, t.to)] {
            @let at = view.request.query.get(name).and_then(|text| moment_of(view, text));
            @let local = at.map(|at| view.zone.text(at)).unwrap_or_default();
            div.field {
                label for=(name) { (label) " · " span.zone { (view.zone.name()) } }
                // A script has the field in the reader's own zone.
                input id=(name) name=(name) type="datetime-local" value=(local.get(..16).unwrap_or_default())
                    data-at=[at];
            }
        }
        // Without a script the fields are in the panel's zone, whatever the address says of theirs.
        input type="hidden" name="tz" value="";
    }
}

/// A few filters behind a button, as a form of their own; it keeps all the others.
pub(super) fn popover(view: &View<'_>, id: &str, label: &str, names: &[&str], fields: &Markup) -> Markup {
    let left_out = |name: &str| names.contains(&name) || PAGING.contains(&name);
    html! {
        details.pop id=(id) {
            summary { (label) }
            form.sheet method="get" action=(view.request.path) {
                @for (name, value) in view.request.query.iter() {
                    @if !value.is_empty() && !left_out(name) { input type="hidden" name=(name) value=(value); }
                }
                (fields)
                button.main.small type="submit" { (view.t.filter) }
            }
        }
    }
}

pub(super) fn period_popover(view: &View<'_>) -> Markup {
    popover(view, "period-filter", view.t.period, &["period", "from", "to", "tz"], &period_fields(view))
}

/// A chip that leads to this page with another query.
pub(super) fn chip_to(view: &View<'_>, query: &str, current: bool, label: &str, count: Option<&str>) -> Markup {
    html! {
        a.chip href=(address(&view.request.path, query)) aria-current=[current.then_some("true")] {
            (label) @if let Some(count) = count { " " b { (count) } }
        }
    }
}

/// A chip that narrows the list to one value of a field, or with an empty one to none.
pub(super) fn chip(view: &View<'_>, name: &str, value: &str, label: &str) -> Markup {
    let without: Vec<&str> = PAGING.iter().copied().chain([name]).collect();
    let query = view.request.query.query(&without, Some((name, value)).filter(|_| !value.is_empty()));
    chip_to(view, &query, view.request.query.get(name).unwrap_or_default() == value, label, None)
}

/// A chip that sets a field, and where it is set takes it away.
pub(super) fn toggle(view: &View<'_>, name: &str, value: &str, label: &str) -> Markup {
    let without: Vec<&str> = PAGING.iter().copied().chain([name]).collect();
    let is_set = view.request.query.get(name) == Some(value);
    let query = view.request.query.query(&without, Some((name, value)).filter(|_| !is_set));
    chip_to(view, &query, is_set, label, None)
}

/// A link to all that the list's filters match, as a file for a spreadsheet.
pub(super) fn csv_link(view: &View<'_>) -> Markup {
    let query = view.request.query.query(PAGING, Some((FORMAT, "csv")));
    html! { a.btn.small href=(address(&view.request.path, &query)) download { (view.t.export_csv) } }
}

fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// What the list is narrowed by beside its chips, each as a chip that takes it away.
pub(super) fn set_chips(view: &View<'_>, fields: &[(&str, &str)], shown: impl Fn(&str, &str) -> String) -> Markup {
    let t = view.t;
    let set: Vec<(&str, &str, &str)> =
        fields.iter().filter_map(|(name, label)| Some((*name, *label, view.request.query.get(name)?))).collect();
    html! {
        @for (name, label, value) in &set {
            @let without: Vec<&str> = PAGING.iter().copied().chain([*name]).collect();
            @let at = match *name {
                FROM | TO => moment_of(view, value),
                // A job has no name but when it began.
                "job_id" => JobId::parse(value).and_then(|id| jobs::find(view, id)).map(|job| job.inserted_at),
                _ => None,
            };
            a.chip.set href=(address(&view.request.path, &view.request.query.query(&without, None))) {
                // Who speaks to the machine says what they see: that has to be a part of the name.
                span.sr { (t.remove_filter) " " }
                (label) ": " @match at { Some(at) => (moment(view.lang, at)), None => (shown(name, value)) }
                " " span aria-hidden="true" { "×" }
            }
        }
        @if set.len() > 1 { a.chip.set href=(view.request.path) { (t.clear) } }
    }
}

/// What the span of the period is shown as.
pub(super) fn shown_period(view: &View<'_>, name: &str, value: &str) -> Option<String> {
    let text = || spans(view.t).iter().find(|(span, _)| *span == value).map(|(_, text)| (*text).to_owned());
    (name == "period").then(text).flatten()
}

/// Offers the types of the catalogue to a text field.
pub(super) fn type_list(view: &View<'_>) -> Markup {
    let types = view.catalogue();
    let categories: std::collections::BTreeSet<&str> = types.iter().map(|known| known.event_type.category()).gather();
    html! {
        datalist #types {
            @for category in categories { option value=(format!("{category}.*")) {} }
            @for known in types {
                option value=(known.event_type.as_str()) { (event_title(view, known.event_type.as_str())) }
            }
        }
    }
}

/// Whether the list is narrowed at all.
pub(super) fn any(view: &View<'_>) -> bool {
    let aside = |name: &str| matches!(name, "tz" | "tab") || PAGING.contains(&name);
    view.request.query.iter().any(|(name, value)| !value.is_empty() && !aside(name))
}
