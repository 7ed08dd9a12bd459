//! The small pieces that pages share.

use super::texts::{Lang, Texts, fill, sentence};
use super::view::View;
use crate::clock::Zone;
use crate::model::{Status, Timestamp};
use crate::service::{MAX_COUNTED, NotificationView, refusal_in_words};
use maud::{Markup, html};
use std::time::Duration;

#[derive(Clone, Copy)]
pub(super) enum Icon {
    Logo,
    Resend,
    Plus,
    Good,
    Alert,
}

pub(super) fn icon(icon: Icon) -> Markup {
    let path = match icon {
        Icon::Logo => "M3 6h18v12H3z M3 7l9 7 9-7",
        Icon::Resend => "M20 11a8 8 0 1 0-2.3 6.3 M20 4v7h-7",
        Icon::Plus => "M12 5v14 M5 12h14",
        Icon::Good => "M4 12.5l5 5L20 6.5",
        Icon::Alert => "M12 3.5L2.5 20h19z M12 10v4.5 M12 17.3v.2",
    };
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(path) {} } }
}

/// A status, told by a word and a colour: red is for what needs somebody.
pub(super) fn status(t: &Texts, status: Status) -> Markup {
    html! { span class=(format!("pill {}", tone(status))) { (t.status(status)) } }
}

/// How many notifications have a status.
pub(super) fn counted(view: &View<'_>, status: Status, count: u64) -> Markup {
    let text = view.t.of_status(status).of(count, &number(view.lang, count), &[]);
    html! { span class=(format!("pill {}", tone(status))) { (text) } }
}

/// That something is a test, behind what it is called.
pub(super) fn test_mark(t: &Texts, is_test: bool) -> Markup {
    html! { @if is_test { " " span.tag { (t.test_word) } } }
}

pub(super) const fn tone(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Held | Status::Cancelled => "idle",
        Status::Retrying => "warn",
        Status::Delivered => "ok",
        Status::Failed => "bad",
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

/// The day of a moment.
pub(super) fn day(lang: Lang, at: Timestamp) -> String {
    written(lang, at).split(' ').next().unwrap_or_default().to_owned()
}

fn written(lang: Lang, at: Timestamp) -> String {
    let zone = ZONE.try_with(Zone::clone).unwrap_or_else(|_| Zone::utc());
    let text = zone.text(at);
    let utc = if zone == Zone::utc() { " UTC" } else { "" };
    // `2026-11-25T22:35:20.123Z`, always: a Timestamp ends with the year 9999.
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    match lang {
        Lang::Pt => format!("{}/{}/{} {}{utc}", part(8, 10), part(5, 7), part(0, 4), part(11, 19)),
        Lang::En => format!("{} {}{utc}", part(0, 10), part(11, 19)),
    }
}

/// A sentence of the service, its moments written as all others of the page are, and what it quotes in backticks as
/// code.
pub(super) fn with_moments(lang: Lang, text: &str) -> Markup {
    quoting(
        text,
        |part| html! { @for (text, at) in moments(part) { (text) @if let Some(at) = at { (moment(lang, at)) } } },
    )
}

/// A sentence without moments, what it quotes in backticks as code.
pub(super) fn coded(text: &str) -> Markup {
    quoting(text, |part| html! { (part) })
}

fn quoting(text: &str, plain: impl Fn(&str) -> Markup) -> Markup {
    html! {
        @for (nth, part) in text.split('`').enumerate() {
            @if nth.is_multiple_of(2) { (plain(part)) } @else { code { (part) } }
        }
    }
}

/// A text in parts, each with the moment that follows it.
pub(super) fn moments(text: &str) -> Vec<(&str, Option<Timestamp>)> {
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
    parts
}

/// A sentence of the service that explains something: as [`with_moments`], what is of today by its time alone, and what
/// it quotes in backticks as code.
pub(super) fn explained(view: &View<'_>, text: &str) -> Markup {
    quoting(text, |part| of_today(view, part))
}

/// As [`with_moments`], but of today's the time alone, before which Portuguese has another preposition.
fn of_today(view: &View<'_>, text: &str) -> Markup {
    html! {
        @for (text, at) in moments(text) {
            @match at {
                Some(at) if is_today(view, at) => {
                    @match text.strip_suffix(" em ").filter(|_| view.lang == Lang::Pt) {
                        Some(text) => { (text) " " (at_when(view, at)) },
                        None => { (text) (when(view, at)) },
                    }
                }
                Some(at) => { (text) (moment(view.lang, at)) }
                None => (text),
            }
        }
    }
}

/// How long ago, with the exact time as a tooltip.
pub(super) fn ago(view: &View<'_>, at: Timestamp) -> Markup {
    let since = view.now.since(at);
    let text = if since.as_secs() == 0 { view.t.now.to_owned() } else { fill(view.t.ago, &[&rough(view.lang, since)]) };
    html! { time datetime=(at) title=(written(view.lang, at)) data-ago="" { (text) } }
}

/// When it was, short: the time of today, else the day as well. The whole of it is a tooltip, and shown on a tap.
pub(super) fn when(view: &View<'_>, at: Timestamp) -> Markup {
    short_moment(view, at, 16)
}

/// Likewise in a sentence: "às 14:32", "em 28/11 14:32". Of one o'clock too, as everybody writes it where hours are
/// digits: which hour it is depends on the zone of whoever reads.
pub(super) fn at_when(view: &View<'_>, at: Timestamp) -> Markup {
    let preposition = if is_today(view, at) { view.t.at_hour } else { view.t.on_day };
    html! { (preposition) " " (when(view, at)) }
}

fn is_today(view: &View<'_>, at: Timestamp) -> bool {
    written(view.lang, at).get(..10) == written(view.lang, view.now).get(..10)
}

/// Likewise, to the second.
pub(super) fn when_exactly(view: &View<'_>, at: Timestamp) -> Markup {
    short_moment(view, at, 19)
}

fn short_moment(view: &View<'_>, at: Timestamp, end: usize) -> Markup {
    let (text, today) = (written(view.lang, at), written(view.lang, view.now));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let short = match (text.get(..10) == today.get(..10), view.lang) {
        (true, _) => part(11, end).to_owned(),
        (false, Lang::Pt) => format!("{} {}", part(0, 5), part(11, end)),
        (false, Lang::En) => format!("{} {}", part(5, 10), part(11, end)),
    };
    html! { time datetime=(at) title=(text) data-when=(if end > 16 { "s" } else { "" }) { (short) } }
}

/// How long until then; a script counts it down.
pub(super) fn until(view: &View<'_>, at: Timestamp) -> Markup {
    let text = if at.since(view.now).as_secs() == 0 {
        view.t.now.to_owned()
    } else {
        fill(view.t.in_span, &[&rough(view.lang, at.since(view.now))])
    };
    html! { time datetime=(at) title=(written(view.lang, at)) data-until="" { (text) } }
}

/// Likewise, in whole seconds: what a script counts on from.
pub(super) fn rough(lang: Lang, of: Duration) -> String {
    match of.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s => span(lang, Duration::from_secs(s)),
    }
}

/// A span as one reads it at a glance: the largest unit, and the next one where it matters.
pub(super) fn span(lang: Lang, span: Duration) -> String {
    let ms = span.as_millis();
    let s = span.as_secs();
    match s {
        0 if ms == 0 => "< 1 ms".to_owned(),
        0 => format!("{ms} ms"),
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

/// A part in thousandths as hundredths and tenths, as the language writes them; a dash where there is none.
pub(super) fn percent(lang: Lang, permille: Option<u64>) -> String {
    let written = |permille: u64| decimal(lang, &format!("{}.{}\u{a0}%", permille / 10, permille % 10));
    permille.map_or_else(|| "–".to_owned(), written)
}

/// One of several answers, of which one holds.
pub(super) fn radio(name: &str, value: &str, checked: bool, label: &str) -> Markup {
    let id = format!("{name}-{value}");
    html! {
        div.check {
            input id=(id) type="radio" name=(name) value=(value) checked[checked];
            label for=(id) { (label) }
        }
    }
}

/// A button that is a form of its own. What undoes it takes its place under the same id, and keeps the focus.
pub(super) fn action(view: &View<'_>, id: &str, path: &str, label: &str) -> Markup {
    html! {
        form.inline id=(id) method="post" action=(path) data-quiet="" {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            button type="submit" { (label) }
        }
    }
}

/// The icon right of a status that sends again, active only if a click would be taken: else it says why not. `what`
/// says which notification, and to whom.
pub(super) fn resend_button(view: &View<'_>, item: &NotificationView, what: &str) -> Markup {
    let label = fill(view.t.resend_what, &[&what]);
    let refused = item.resend_refusal.map(|refusal| refusal_in_words(refusal).1);
    html! {
        @match refused.as_ref().map(|why| sentence(view.lang, why)) {
            _ if !view.can_change => {}
            Some(why) => button.again type="button" aria-disabled="true" title=(why)
                aria-label=(format!("{label}: {why}")) { (icon(Icon::Resend)) },
            None => (resend_form(view, item, &html! {
                button.again type="submit" title=(view.t.resend) aria-label=(label) { (icon(Icon::Resend)) }
            })),
        }
    }
}

fn resend_form(view: &View<'_>, item: &NotificationView, button: &Markup) -> Markup {
    html! {
        form.inline method="post" action=(format!("/notifications/{}/resend", item.id)) data-quiet="" {
            (view.csrf())
            input type="hidden" name="back" value=(view.here);
            (button)
        }
    }
}

/// Likewise, with its word beside the icon; nothing where a click would not be taken.
pub(super) fn resend_button_named(view: &View<'_>, item: &NotificationView, what: &str) -> Markup {
    let t = view.t;
    html! {
        @if view.can_change && item.can_resend {
            (resend_form(view, item, &html! {
                button.small.resend type="submit" title=(fill(t.resend_what, &[&what])) {
                    (icon(Icon::Resend)) (t.resend_now) span.sr { " " (what) }
                }
            }))
        }
    }
}

/// What stands in place of a list that is empty.
pub(super) fn empty(title: &str, help: &str, curl: Option<&str>, t: &Texts) -> Markup {
    html! {
        section.empty {
            h2 { (title) }
            p { (help) }
            @if let Some(curl) = curl { details #api { summary { (t.by_api) } pre tabindex="0" { (curl) } } }
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

/// The longest payload that a page shows, in bytes; of a longer one it says which call of the API answers it.
pub(super) const LONGEST_SHOWN: usize = 64 * 1024;

/// JSON, indented as far as a page is wide.
pub(super) fn pretty(json: &str) -> String {
    crate::model::pretty_json(&json.replace('\r', ""), 40)
}

/// Links to the pages before and after.
pub(super) fn pager(view: &View<'_>, newer: Option<&str>, older: Option<&str>) -> Markup {
    let t = view.t;
    // Portuguese tells what is listed by its gender; webhooks stand in no order of time.
    let (newer_ones, older_ones) = match &*view.request.path {
        "/notifications" => (t.newer_notifications, t.older_notifications),
        "/webhooks" => (t.previous, t.next),
        _ => (t.newer, t.older),
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
            (0, "< 1 ms"),
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
        assert_eq!(Lang::En.bytes(1536), "1.5 KB");
        assert_eq!(Lang::Pt.bytes(1_024_205), "1,0 MB", "not 1000,2 KB");
        let shown = [None, Some(0), Some(999), Some(1000)].map(|permille| percent(Lang::Pt, permille));
        assert_eq!(shown, ["–", "0,0\u{a0}%", "99,9\u{a0}%", "100,0\u{a0}%"]);
        assert_eq!(Lang::Pt.bytes(3 << 30), "3,0 GB");
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
