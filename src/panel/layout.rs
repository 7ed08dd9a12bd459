//! The frame of every page, and the small pieces that pages share.

use super::texts::{Lang, Texts, fill};
use super::view::View;
use crate::clock::Zone;
use crate::model::{Status, Timestamp};
use crate::service::MAX_COUNTED;
use maud::{DOCTYPE, Markup, html};
use std::time::Duration;

/// Where a page stands in the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Webhooks,
    Events,
    Notifications,
    None,
}

fn head(lang: Lang, title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (title) " · carteiro" }
        link rel="stylesheet" href="/panel/panel.css";
        link rel="icon" type="image/svg+xml" href="/panel/icon.svg";
        script src="/panel/panel.js" defer data-lang=(lang.tag()) data-copied=(lang.texts().copied)
            data-local=(lang.texts().local_time) data-news=(lang.texts().news) data-left=(lang.texts().left)
                data-now=(lang.texts().now) data-in=(lang.texts().in_span) data-ago=(lang.texts().ago) {}
    }
}

/// `hidden`: what is typed on the page, which is shown again in the other language.
fn language_switch(lang: Lang, here: &str, hidden: &Markup) -> Markup {
    let t = lang.texts();
    html! {
        form.language method="post" action="/language" aria-label=(t.language) {
            input type="hidden" name="back" value=(here);
            (hidden)
            @for (other, name) in [(Lang::Pt, "Português"), (Lang::En, "English")] {
                button.link type="submit" name="lang" value=(other.code()) lang=(other.tag())
                    aria-pressed=(if other == lang { "true" } else { "false" }) { (name) }
            }
        }
    }
}

/// The page of someone who isn't signed in.
pub(super) fn bare(lang: Lang, title: &str, here: &str, content: &Markup) -> Markup {
    bare_with(lang, title, here, &html! {}, content)
}

/// Likewise; `hidden` is sent along when its reader switches to the other language.
pub(super) fn bare_with(lang: Lang, title: &str, here: &str, hidden: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head { (head(lang, title)) }
            body.bare {
                main #content {
                    p.brand { (icon(Icon::Logo)) span { "carteiro" } }
                    (content)
                }
                footer { (language_switch(lang, here, hidden)) }
            }
        }
    }
}

/// A page inside the menu.
pub(super) fn framed(view: &View<'_>, place: Place, title: &str, content: &Markup) -> Markup {
    let t = view.t;
    let links = [
        (Place::Overview, "/", t.overview),
        (Place::Webhooks, "/webhooks", t.webhooks),
        (Place::Events, "/events", t.events),
        (Place::Notifications, "/notifications", t.notifications),
    ];
    html! {
        (DOCTYPE)
        html lang=(view.lang.tag()) {
            head { (head(view.lang, title)) }
            body {
                a.skip href="#content" { (t.skip) }
                header {
                    p.brand { (icon(Icon::Logo)) span { "carteiro" } }
                    p.place { (t.place) " › " (t.product) }
                    nav aria-label=(t.menu) {
                        @for (own, href, name) in links {
                            a href=(href) aria-current=[(own == place).then_some("page")] { (name) }
                        }
                    }
                    div.account {
                        @if let Some(name) = view.service.account_name(view.caller()) {
                            span.tag title=(t.account) {
                                span.sr { (t.account) ": " }
                                (name)
                                @if *name != *view.caller().env { " · " (view.caller().env) }
                            }
                        }
                        @if view.can_change { a href="/tokens" { (t.tokens) } } @else { span.tag { (t.read_only) } }
                        (language_switch(view.lang, &view.here, &html! {}))
                        form method="post" action="/sign-out" {
                            (view.csrf()) button.link type="submit" { (t.sign_out) }
                        }
                    }
                }
                main #content tabindex="-1" {
                    @if let Some(note) = &view.note { p.note role="status" { (note) } }
                    (content)
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Icon {
    Logo,
    Resend,
    Plus,
}

pub(super) fn icon(icon: Icon) -> Markup {
    let path = match icon {
        Icon::Logo => "M3 6h18v12H3z M3 7l9 7 9-7",
        Icon::Resend => "M20 11a8 8 0 1 0-2.3 6.3 M20 4v7h-7",
        Icon::Plus => "M12 5v14 M5 12h14",
    };
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(path) {} } }
}

pub(super) fn status(t: &Texts, status: Status) -> Markup {
    html! {
        span class=(format!("status {}", class(status))) {
            span aria-hidden="true" { (sign(status)) } " " (t.status(status))
        }
    }
}

/// A status with how many have it, in little room.
pub(super) fn counted(view: &View<'_>, status: Status, count: u32) -> Markup {
    let t = view.t;
    html! {
        span class=(format!("status {}", class(status))) title=(t.status(status)) {
            span aria-hidden="true" { (sign(status)) }
            " " span.sr { (t.status(status)) ": " }
            (number(view.lang, u64::from(count)))
        }
    }
}

pub(super) const fn class(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Retrying => "retrying",
        Status::Held => "held",
        Status::Delivered => "delivered",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
    }
}

const fn sign(status: Status) -> &'static str {
    match status {
        Status::Pending => "…",
        Status::Retrying => "↻",
        Status::Held => "‖",
        Status::Delivered => "✓",
        Status::Failed => "✕",
        Status::Cancelled => "–",
    }
}

tokio::task_local! {
    /// The zone of the pages, which is one for the whole daemon.
    static ZONE: Zone;
}

/// Makes a page whose times are in this zone.
pub(super) fn in_zone<F: Future>(zone: Zone, page: F) -> impl Future<Output = F::Output> {
    ZONE.scope(zone, page)
}

/// A moment, in the panel's zone; a script turns it into the reader's own time.
pub(super) fn moment(lang: Lang, at: Timestamp) -> Markup {
    html! { time datetime=(at) data-t="" { (written(lang, at)) } }
}

fn written(lang: Lang, at: Timestamp) -> String {
    let zone = ZONE.try_with(Zone::clone).unwrap_or_else(|_| Zone::utc());
    let text = zone.shift(at).unwrap_or(at).to_string();
    let utc = if zone == Zone::utc() { " UTC" } else { "" };
    // `2026-11-25T22:35:20.123Z`, always: a Timestamp ends with the year 9999.
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    match lang {
        Lang::Pt => format!("{}/{}/{} {}{utc}", part(8, 10), part(5, 7), part(0, 4), part(11, 19)),
        Lang::En => format!("{} {}{utc}", part(0, 10), part(11, 19)),
    }
}

/// A sentence of the service, its moments written as all others of the page are.
pub(super) fn with_moments(lang: Lang, text: &str) -> Markup {
    let mut parts = Vec::new();
    let (mut rest, mut from) = (text, 0);
    // `T` and `Z` of a moment stand 14 bytes apart, and 10 bytes follow a moment's beginning before the first.
    while let Some(at) = rest.get(from..).and_then(|text| text.find('T')).map(|at| from + at) {
        let whole = at.checked_sub(10).and_then(|begin| Some((begin, rest.get(begin..begin + 24)?)));
        match whole.and_then(|(begin, text)| Some((begin, Timestamp::parse(text).ok()?))) {
            Some((begin, moment)) => {
                parts.push((&rest[..begin], Some(moment)));
                (rest, from) = (&rest[begin + 24..], 0);
            }
            None => from = at + 1,
        }
    }
    parts.push((rest, None));
    html! { @for (text, at) in parts { (text) @if let Some(at) = at { (moment(lang, at)) } } }
}

/// How long ago, with the exact time as a tooltip.
pub(super) fn ago(view: &View<'_>, at: Timestamp) -> Markup {
    let text = fill(view.t.ago, &[&span(view.lang, view.now.since(at))]);
    html! { time datetime=(at) title=(written(view.lang, at)) data-ago="" { (text) } }
}

/// How long until then; a script counts it down.
pub(super) fn until(view: &View<'_>, at: Timestamp) -> Markup {
    let text = if at <= view.now {
        view.t.now.to_owned()
    } else {
        fill(view.t.in_span, &[&span(view.lang, at.since(view.now))])
    };
    html! { time datetime=(at) title=(written(view.lang, at)) data-until="" { (text) } }
}

/// A span as one reads it at a glance: the largest unit, and the next one where it matters.
pub(super) fn span(lang: Lang, span: Duration) -> String {
    let ms = span.as_millis();
    let s = span.as_secs();
    match s {
        0 if ms < 1000 => format!("{ms} ms"),
        1..10 => decimal(lang, &format!("{}.{} s", s, span.subsec_millis() / 100)),
        10..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// What is counted to [`MAX_COUNTED`].
pub(super) fn at_most_counted(view: &View<'_>, count: u64) -> String {
    let text = number(view.lang, count);
    if count >= MAX_COUNTED { text + "+" } else { text }
}

/// A count, its thousands set apart as the language does.
pub(super) fn number(lang: Lang, count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(match lang {
                Lang::Pt => '.',
                Lang::En => ',',
            });
        }
        text.push(digit);
    }
    text
}

pub(super) fn decimal(lang: Lang, text: &str) -> String {
    match lang {
        Lang::Pt => text.replace('.', ","),
        Lang::En => text.to_owned(),
    }
}

/// Bytes in the unit that fits.
pub(super) fn bytes(lang: Lang, bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1024, unit + 1);
    }
    decimal(lang, &format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]))
}

/// A button that is a form of its own.
pub(super) fn action(view: &View<'_>, path: &str, label: &str) -> Markup {
    html! {
        form.inline method="post" action=(path) data-quiet="" {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            button type="submit" { (label) }
        }
    }
}

/// The icon right of a status that sends again.
pub(super) fn resend_button(view: &View<'_>, id: &str, target: &str) -> Markup {
    let label = fill(view.t.resend_to, &[&target]);
    html! {
        form.inline method="post" action=(format!("/notifications/{id}/resend")) data-quiet="" {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            button.round type="submit" title=(view.t.resend) aria-label=(label) { (icon(Icon::Resend)) }
        }
    }
}

/// The first step, for a list that is empty.
pub(super) fn empty(title: &str, help: &str, curl: Option<&str>) -> Markup {
    html! {
        section.empty {
            h2 { (title) }
            p { (help) }
            @if let Some(curl) = curl { pre tabindex="0" { (curl) } }
        }
    }
}

/// A call of the API, ready to be pasted.
pub(super) fn curl(view: &View<'_>, path: &str, body: &str) -> String {
    let (scheme, host) = (if view.request.secure { "https" } else { "http" }, &view.request.host);
    format!(
        "curl -X POST {scheme}://{host}/api/{path} \\\n  -H \"Authorization: Bearer $TOKEN\" \
         -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )
}

/// The head of a table.
pub(super) fn heads(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

/// JSON, indented as far as a page is wide.
pub(super) fn pretty(json: &str) -> String {
    crate::model::pretty_json(&json.replace('\r', ""), 40)
}

/// Links to the pages before and after.
pub(super) fn pager(view: &View<'_>, newer: Option<&str>, older: Option<&str>) -> Markup {
    let t = view.t;
    // Portuguese tells what is listed by its gender.
    let (newer_ones, older_ones) = if view.request.path == "/notifications" {
        (t.newer_notifications, t.older_notifications)
    } else {
        (t.newer, t.older)
    };
    html! {
        @if newer.is_some() || older.is_some() {
            nav.pager aria-label=(t.pages) {
                @if let Some(newer) = newer { a rel="prev" href=(newer) { "← " (newer_ones) } } @else { span {} }
                @if let Some(older) = older { a rel="next" href=(older) { (older_ones) " →" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_in_it_changes() {
        let json = r#"{"a":{"total":1e2,"empty":{},"list":[1,"x, {y}: \"z\""]},"b":null}"#;
        let expected = "{\n  \"a\": {\n    \"total\": 1e2,\n    \"empty\": {},\n    \"list\": [\n      1,\n      \
                        \"x, {y}: \\\"z\\\"\"\n    ]\n  },\n  \"b\": null\n}";
        assert_eq!(pretty(json), expected);
        assert_eq!(pretty(r#"["\\"]"#), "[\n  \"\\\\\"\n]");
        assert!(pretty(&"[".repeat(10_000)).len() < 2_000_000);
    }

    #[test]
    fn spans_and_sizes_read_at_a_glance() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1234, "1,2 s"),
            (59_000, "59 s"),
            (60_000, "1 min"),
            (5_400_000, "1 h 30 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Lang::Pt, Duration::from_millis(ms)), text);
        }
        let sentence = "TET <b> T desde 2026-11-23T12:00:00.123Z, Tá; em 2026-11-23T12:00:00.123Z";
        let shown = "<time datetime=\"2026-11-23T12:00:00.123Z\" data-t=\"\">23/11/2026 12:00:00 UTC</time>";
        assert_eq!(
            with_moments(Lang::Pt, sentence).into_string(),
            format!("TET &lt;b&gt; T desde {shown}, Tá; em {shown}")
        );
        assert_eq!([0, 999, 1000, 1_000_297].map(|count| number(Lang::Pt, count)), ["0", "999", "1.000", "1.000.297"]);
        assert_eq!(number(Lang::En, 1_000_297), "1,000,297");
        assert_eq!(bytes(Lang::En, 1536), "1.5 KiB");
        assert_eq!(bytes(Lang::Pt, 3 << 30), "3,0 GiB");
        assert_eq!(written(Lang::Pt, Timestamp::from_ms(1_795_435_200_123)), "23/11/2026 12:00:00 UTC");
    }

    #[tokio::test]
    async fn times_are_those_of_the_panels_zone() {
        let at = Timestamp::from_ms(1_795_435_200_123);
        let recife = Zone::of_variable(Some("<-03>3"));
        let shown = in_zone(recife, async { [Lang::Pt, Lang::En].map(|lang| written(lang, at)) }).await;
        assert_eq!(shown, ["23/11/2026 09:00:00", "2026-11-23 09:00:00"]);
    }
}
