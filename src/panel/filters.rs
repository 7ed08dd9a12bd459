//! What lists are narrowed by, read from the page's address. A filter that can't be read is named and left aside.

use super::layout::pager;
use super::texts::fill;
use super::view::{ROWS, View};
use crate::model::{Pattern, Timestamp};
use crate::service::Error;
use crate::service::{Cursor, Order, Page};
use maud::{Markup, html};
use std::time::{Duration, Instant};

/// How long it is looked on for the first row of a page before an empty one is shown.
const LOOK_ON: Duration = Duration::from_millis(15);

/// Where in a list a page begins, and which way it reads.
#[derive(Clone, Copy)]
pub(super) struct Paging {
    pub(super) order: Order,
    pub(super) cursor: Option<Cursor>,
}

pub(super) const PAGING: &[&str] = &["older", "newer", "done", "ok", "not"];

impl Paging {
    pub(super) fn of(view: &View<'_>) -> Self {
        let cursor = |name| view.request.query.get(name).and_then(Cursor::parse);
        match cursor("newer") {
            Some(cursor) => Self { order: Order::Oldest, cursor: Some(cursor) },
            None => Self { order: Order::Newest, cursor: cursor("older") },
        }
    }

    pub(super) const fn top() -> Self {
        Self { order: Order::Newest, cursor: None }
    }

    /// The page that is asked for, newest first, and where it stands. On the way back to the newest, a page with
    /// nothing behind it is the newest one: it is read anew then, whole and with what came meanwhile. Where the store
    /// has ended a page early and it is empty, it is looked on for a moment before that is shown.
    pub(super) async fn read<T, F: Future<Output = Result<Page<T>, Error>>>(
        view: &View<'_>,
        find: impl Fn(Self) -> F,
    ) -> Result<(Self, Page<T>), Error> {
        let mut paging = Self::of(view);
        let begun = Instant::now();
        loop {
            let mut found = find(paging).await?;
            let on = |next: Option<Cursor>, from: Self| {
                next.filter(|next| from.cursor != Some(*next)).map(|cursor| Self { cursor: Some(cursor), ..from })
            };
            let behind = on(found.next, paging);
            if let Some(behind) = behind
                && found.items.is_empty()
                && begun.elapsed() < LOOK_ON
            {
                paging = behind;
                continue;
            }
            if paging.order == Order::Oldest {
                if found.items.len() < ROWS {
                    let more = match behind {
                        Some(behind) => {
                            let next = find(behind).await?;
                            !next.items.is_empty() || on(next.next, behind).is_some()
                        }
                        None => false,
                    };
                    if !more {
                        return Ok((Self::top(), find(Self::top()).await?));
                    }
                }
                found.items.reverse();
            }
            return Ok((paging, found));
        }
    }

    /// Links to the newer and the older page, of a page that ended at `next`.
    pub(super) fn links(self, view: &View<'_>, next: Option<Cursor>) -> (Option<String>, Option<String>) {
        let link = |name: &str, cursor: Cursor| {
            format!("{}?{}", view.request.path, view.request.query.query(PAGING, Some((name, &cursor.to_string()))))
        };
        match self.order {
            Order::Newest => {
                let newer = self.cursor.and_then(|cursor| cursor.turned(Order::Newest));
                (newer.map(|cursor| link("newer", cursor)), next.map(|cursor| link("older", cursor)))
            }
            Order::Oldest => {
                let older = self.cursor.and_then(|cursor| cursor.turned(Order::Oldest));
                (next.map(|cursor| link("newer", cursor)), older.map(|cursor| link("older", cursor)))
            }
        }
    }
}

/// A list that is live: its rows, or what stands where there are none, and the ways to the pages beside it.
pub(super) fn listed(
    view: &View<'_>,
    paging: Paging,
    next: Option<Cursor>,
    rows: Option<&Markup>,
    first_step: &Markup,
) -> Markup {
    let t = view.t;
    let (newer, older) = paging.links(view, next);
    let top = paging.cursor.is_none();
    html! {
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

/// From when to when, and problems of what was asked for.
#[derive(Default)]
pub(super) struct Narrowed {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) event_type: Option<Pattern>,
    pub(super) problems: Vec<String>,
}

const HOUR: Duration = Duration::from_secs(3600);
const SPANS: [(&str, Duration); 4] = [
    ("1h", HOUR),
    ("24h", Duration::from_secs(24 * 3600)),
    ("7d", Duration::from_secs(7 * 24 * 3600)),
    ("30d", Duration::from_secs(30 * 24 * 3600)),
];

impl Narrowed {
    pub(super) fn of(view: &View<'_>) -> Self {
        let query = &view.request.query;
        let mut narrowed = Self::default();
        if let Some(text) = query.get("type") {
            narrowed.event_type = Pattern::parse(&text.to_ascii_uppercase());
            if narrowed.event_type.is_none() {
                narrowed.aside(view, text);
            }
        }
        if let Some(text) = query.get("period") {
            let span = SPANS.iter().find(|(name, _)| *name == text).map(|(_, span)| *span);
            if span.is_none() {
                narrowed.aside(view, text);
            }
            let ms = span.map(|span| view.now.as_ms().saturating_sub(crate::model::millis(span)));
            narrowed.from = ms.map(Timestamp::from_ms);
        }
        // Minutes west of UTC, as browsers count them; without a script the fields are in UTC, and say so.
        let tz = query.get("tz").unwrap_or("0");
        let west: Option<i64> = tz.parse().ok().filter(|west: &i64| west.abs() <= 16 * 60);
        if west.is_none() {
            narrowed.aside(view, tz);
        }
        let west = west.unwrap_or(0);
        for (name, to) in [("from", false), ("to", true)] {
            let Some(text) = query.get(name) else {
                continue;
            };
            match local(text, west) {
                Some(at) if to => narrowed.to = Some(at),
                Some(at) => narrowed.from = Some(at),
                None => narrowed.aside(view, text),
            }
        }
        narrowed
    }

    pub(super) fn aside(&mut self, view: &View<'_>, text: &str) {
        let shown: String = text.chars().take(60).collect();
        self.problems.push(fill(view.t.bad_filter, &[&shown]));
    }

    pub(super) fn said(&self) -> Markup {
        html! { @for problem in &self.problems { p.problem role="alert" { (problem) } } }
    }
}

/// A browser's local time, `2026-11-25T22:35`, as far west of UTC as it says.
fn local(text: &str, west_minutes: i64) -> Option<Timestamp> {
    let seconds = if text.len() == 16 { ":00" } else { "" };
    let at = Timestamp::parse(&format!("{text}{seconds}Z")).or_else(|_| Timestamp::parse(text)).ok()?;
    let ms = i64::try_from(at.as_ms()).ok()? + west_minutes * 60_000;
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

/// The period: a span back from now, or two moments.
pub(super) fn period_fields(view: &View<'_>) -> Markup {
    let t = view.t;
    let spans =
        [("", t.any_time), ("1h", t.last_hour), ("24h", t.last_day), ("7d", t.last_week), ("30d", t.last_month)];
    html! {
        (select_field(view, "period", t.period, &spans))
        @for (name, label) in [("from", t.from), ("to", t.to)] {
            div.field {
                label for=(name) { (label) " " span.zone { (t.utc) } }
                input id=(name) name=(name) type="datetime-local"
                    value=(view.request.query.get(name).unwrap_or_default());
            }
        }
        input type="hidden" name="tz" value=(view.request.query.get("tz").unwrap_or("0"));
    }
}

/// Offers the types of the catalogue to a text field.
pub(super) fn type_list(view: &View<'_>) -> Markup {
    let types = view.service.event_types();
    let categories: std::collections::BTreeSet<&str> = types.iter().map(|known| known.event_type.category()).collect();
    html! {
        datalist #types {
            @for category in categories { option value=(format!("{category}.*")) {} }
            @for known in &types { option value=(known.event_type.as_str()) {} }
        }
    }
}

/// Whether the list is narrowed at all.
pub(super) fn any(view: &View<'_>) -> bool {
    view.request.query.iter().any(|(name, value)| !value.is_empty() && name != "tz" && !PAGING.contains(&&**name))
}
