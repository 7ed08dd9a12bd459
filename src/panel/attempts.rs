//! A notification with its attempts: how it stands in a sentence, what to do, and each attempt with what was sent and
//! what came. Failures that repeat themselves are told once.

use super::advice::{Fix, fix};
use super::layout::{
    LONGEST_SHOWN, at_when, decimal, explained, moment, resend_button_named, span, status, when_exactly, with_moments,
};
use super::names::{self, event_title};
use super::texts::resends::EventResendTexts;
use super::texts::{Lang, fill};
use super::view::View;
use crate::model::{
    Attempt, AttemptResult, AttemptRun, Localized, Response, Status, TargetUrl, TlsVersion, Trigger, attempt_runs,
    pretty_if_json,
};
use crate::service::{
    HeaderText, NotificationDetail, NotificationView, RebuiltRequest, RequestParts, advice, attempt_error, fact,
    request_as_curl,
};
use maud::{Markup, html};
use std::cell::Cell;
use std::fmt::Write as _;
use std::time::Duration;

/// How many attempts of one notification are shown: the newest; the API has all.
const MAX_SHOWN: usize = 40;

/// How deep JSON is indented.
const DEEPEST: usize = 40;

/// How many bytes of requests and answers a page shows or signs anew: what is older then stands behind a link.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// The requests and answers of a page, and how much more of them it may show.
pub(super) struct Exchanges<'a> {
    parts: &'a RequestParts,
    /// The number of the attempt that the page was asked for: it stands open, and alone.
    wanted: Option<u16>,
    left: Cell<usize>,
    /// Whether no attempt lies open yet because it is the newest of the first that isn't delivered.
    opens: Cell<bool>,
}

impl<'a> Exchanges<'a> {
    pub(super) const fn of(parts: &'a RequestParts, wanted: Option<u16>) -> Self {
        Self { parts, wanted, left: Cell::new(PAGE_BYTES), opens: Cell::new(true) }
    }

    fn is_wanted(&self, attempt: &Attempt) -> bool {
        self.wanted == Some(attempt.number)
    }

    fn has_room(&self, attempt: &Attempt) -> bool {
        self.left.get() > 0 || self.is_wanted(attempt)
    }

    /// Whether an attempt lies open: the one that is asked for, and of a page the newest that failed, once. What its
    /// target says is the best advice as a rule.
    fn is_open(&self, attempt: &Attempt, newest: bool) -> bool {
        self.is_wanted(attempt) || newest && self.wanted.is_none() && self.opens.replace(false)
    }

    fn take(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }
}

/// What all attempts of a card have in common.
struct Card<'a> {
    view: &'a NotificationView,
    /// The number of its newest attempt, where that one failed and nothing is delivered.
    failed: Option<u16>,
    exchanges: &'a Exchanges<'a>,
}

/// In which order the notifications of an event stand: what needs somebody first, what is delivered behind it.
pub(super) const fn urgency(status: Status) -> u8 {
    match status {
        Status::Failed => 0,
        Status::Retrying => 1,
        Status::Held => 2,
        Status::Pending => 3,
        Status::Delivered => 4,
        Status::Cancelled => 5,
    }
}

/// One notification: what needs somebody lies open, what is delivered takes a line.
pub(super) fn notification(
    view: &View<'_>,
    detail: &NotificationDetail,
    why: Option<&Localized>,
    exchanges: &Exchanges<'_>,
) -> Markup {
    let (t, own) = (view.t, &detail.view);
    let delivered = own.status == Status::Delivered;
    let failed = detail.attempts.last().filter(|attempt| !delivered && !attempt.result.confirms());
    let card = Card { view: own, failed: failed.map(|attempt| attempt.number), exchanges };
    let id = own.id.to_string();
    let name = names::webhook(view, own.webhook_id);
    let what = fill(t.what_to_webhook, &[&event_title(view, &own.event_type), &name]);
    html! {
        section.card.notification id=(format!("n-{id}")) data-live="" {
            div.pad {
                div.head {
                    div {
                        h2 { a href=(format!("/webhooks/{}", own.webhook_id)) { (name) } }
                        div.url.clip { (own.target) }
                    }
                    div.acts {
                        @if own.in_flight { span.pill.warn { (t.in_flight_now) } } @else { (status(t, own.status)) }
                        (resend_button_named(view, own, &what))
                    }
                }
                @match first_confirmed(&detail.attempts).filter(|_| delivered) {
                    Some(attempt) => p.say {
                        (confirmed(view, attempt))
                        @if let Some(again) = detail.attempts.last().filter(|last| last.number > attempt.number) {
                            " · " (sent_again(view, again))
                        }
                    },
                    None => (unconfirmed(view, detail, why)),
                }
            }
            @if !detail.attempts.is_empty() {
                @if delivered {
                    details.pad id=(format!("d-{id}")) open[exchanges.wanted.is_some()] {
                        summary { (t.see_details) } (table(view, &detail.attempts, &card))
                    }
                } @else { (table(view, &detail.attempts, &card)) }
            }
        }
    }
}

fn first_confirmed(attempts: &[Attempt]) -> Option<&Attempt> {
    attempts.iter().find(|attempt| attempt.result.confirms())
}

/// "Confirmou na 1ª tentativa, às 12:03 (200, 144 ms)."
fn confirmed(view: &View<'_>, attempt: &Attempt) -> Markup {
    let t = view.t;
    let status = attempt.result.status().unwrap_or_default();
    html! {
        (fill(t.confirmed_at, &[&attempt.number])) " · "
        (when_exactly(view, attempt.started_at))
        " " span.muted { "(" (status) ", " (short(view.lang, attempt.duration_us)) ")" }
    }
}

/// "reenviada às 01:08, confirmada (200)", of what was delivered before.
fn sent_again(view: &View<'_>, attempt: &Attempt) -> Markup {
    let own = EventResendTexts::of(view.lang);
    let text = if attempt.result.confirms() { own.again_confirmed } else { own.again_not };
    let came = attempt.result.status().map_or_else(|| view.t.no_response.to_owned(), |status| status.to_string());
    let mut parts = text.splitn(2, "{}");
    let (before, behind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    html! { (before) (at_when(view, attempt.started_at)) (fill(behind, &[&came])) }
}

/// Why it isn't delivered, when it goes on, and what to do.
fn unconfirmed(view: &View<'_>, detail: &NotificationDetail, why: Option<&Localized>) -> Markup {
    let t = view.t;
    let last = detail.attempts.last().filter(|_| detail.view.status != Status::Cancelled);
    let error = last.and_then(|attempt| attempt_error(&attempt.result));
    html! {
        @if let Some(error) = &error {
            p.say.bad { (with_moments(view.lang, &fact(view.lang.why(error)))) }
        }
        @if let Some(why) = why { p.say { (explained(view, view.lang.of(why))) } }
        @if let Some(error) = &error {
            @let status = last.and_then(|attempt| attempt.result.status());
            @let edit = format!("/webhooks/{}/edit", detail.view.webhook_id);
            p.do {
                b { (t.what_to_do) } " " (advice(error.code, status).of(view.lang)) " "
                @if view.can_change {
                    @match fix(error.code, status) {
                        Fix::Authorization => a href=(format!("{edit}#authorization")) { (t.fix_authorization) },
                        Fix::ClientCertificate => a href=(format!("{edit}#client_certificate")) {
                            (view.lang.identity().client_certificate_fix)
                        },
                        Fix::Url => a href=(format!("{edit}#target")) { (t.fix_url) },
                        Fix::Elsewhere => {}
                    }
                }
            }
        }
    }
}

/// Attempts in a row that failed alike, each as one; the newest first, and alone, as is the one that is asked for: they
/// are looked at.
fn runs<'a>(attempts: &'a [Attempt], exchanges: &Exchanges<'_>) -> Vec<AttemptRun<'a>> {
    let (older, newest) = attempts.split_at(attempts.len().saturating_sub(1));
    let at = older.iter().position(|attempt| exchanges.is_wanted(attempt)).unwrap_or(older.len());
    let (before, rest) = older.split_at(at);
    let (wanted, behind) = rest.split_at(rest.len().min(1));
    let mut runs: Vec<AttemptRun<'_>> = [before, wanted, behind, newest].into_iter().flat_map(attempt_runs).collect();
    runs.reverse();
    runs
}

fn table(view: &View<'_>, attempts: &[Attempt], card: &Card<'_>) -> Markup {
    let t = view.t;
    let shown = &attempts[attempts.len().saturating_sub(MAX_SHOWN)..];
    html! {
        table.rows.attempts {
            caption.sr { (t.attempts) }
            thead {
                tr {
                    th scope="col" { (t.attempt) }
                    th scope="col" { (t.when) }
                    th scope="col" { (t.response) }
                    th.num scope="col" { (t.took) }
                    th scope="col" { (t.result) }
                }
            }
            tbody {
                @for run in runs(shown, card.exchanges) {
                    @if run.len() == 1 { (single(view, run.last(), card)) } @else { (joined(view, run, card)) }
                }
            }
        }
    }
}

fn by(view: &View<'_>, attempt: &Attempt) -> Option<&'static str> {
    match attempt.trigger {
        Trigger::Automatic => None,
        Trigger::Manual => Some(view.t.manual),
        Trigger::Test => Some(view.t.by_test),
    }
}

fn answered(view: &View<'_>, attempt: &Attempt) -> Markup {
    html! {
        @match attempt.result.status() {
            Some(code) => span class=(if attempt.result.confirms() { "code good" } else { "code bad" }) { (code) },
            None => span.code.bad { (view.t.no_response) },
        }
    }
}

fn single(view: &View<'_>, attempt: &Attempt, card: &Card<'_>) -> Markup {
    let (t, id) = (view.t, card.view.id);
    let error = attempt_error(&attempt.result);
    let why = error.as_deref().map_or_else(|| t.confirmed.to_owned(), |error| fact(view.lang.why(error)));
    html! {
        tr.attempt id=(format!("a-{id}-{}", attempt.number)) {
            td.t1 { (attempt.number) @if let Some(by) = by(view, attempt) { " " span.tag { (by) } } }
            td.r { (when_exactly(view, attempt.started_at)) }
            td { (answered(view, attempt)) }
            td.num.r { (short(view.lang, attempt.duration_us)) }
            @let kind = if error.is_some() { "full why bad" } else { "full why good" };
            td class=(kind) { (with_moments(view.lang, &why)) }
        }
        tr id=(format!("o-{id}-{}", attempt.number)) {
            td.full.open colspan="5" {
                @if card.exchanges.has_room(attempt) {
                    @let opens = card.exchanges.is_open(attempt, card.failed == Some(attempt.number));
                    details id=(format!("b-{id}-{}", attempt.number)) open[opens] {
                        summary { (fill(t.exchange_of, &[&attempt.number])) }
                        (exchange(view, attempt, card))
                    }
                } @else { (link_to(view, attempt, card)) }
            }
        }
    }
}

/// "1–4 · 401", with each of them behind it.
fn joined(view: &View<'_>, run: AttemptRun<'_>, card: &Card<'_>) -> Markup {
    let (t, id) = (view.t, card.view.id);
    let (first, last) = (run.first(), run.last());
    let count = u64::try_from(run.len()).unwrap_or(u64::MAX);
    let why = attempt_error(&last.result).map(|error| fact(view.lang.why(&error)));
    html! {
        tr.attempt id=(format!("a-{id}-{}-{}", first.number, last.number)) {
            td.t1 {
                (first.number) "–" (last.number)
                @if let Some(by) = by(view, last) { " " span.tag { (by) } }
            }
            td.r { (when_exactly(view, first.started_at)) " – " (when_exactly(view, last.started_at)) }
            td { (answered(view, last)) }
            td.num.r {}
            td.full.why.bad { @if let Some(why) = why { (with_moments(view.lang, &why)) } }
        }
        tr id=(format!("o-{id}-{}-{}", first.number, last.number)) {
            td.full.open colspan="5" {
                details id=(format!("r-{id}-{}-{}", first.number, last.number)) {
                    summary { (t.show_each.of(count, &count, &[])) }
                    @for attempt in run.attempts.iter().rev() {
                        h3 {
                            (fill(t.attempt_n, &[&attempt.number])) " · " (moment(view.lang, attempt.started_at))
                            " · " (short(view.lang, attempt.duration_us))
                        }
                        @if attempt.number == last.number && card.exchanges.has_room(attempt) {
                            (exchange(view, attempt, card))
                        } @else { p { (link_to(view, attempt, card)) } }
                    }
                }
            }
        }
    }
}

/// Leads to the page of the notification where this attempt's request and answer lie open.
fn link_to(view: &View<'_>, attempt: &Attempt, card: &Card<'_>) -> Markup {
    let (id, number) = (card.view.id, attempt.number);
    html! {
        a href=(format!("/notifications/{id}?attempt={number}#b-{id}-{number}")) {
            (fill(view.t.exchange_of, &[&number]))
        }
    }
}

/// What was sent, and what came, side by side.
fn exchange(view: &View<'_>, attempt: &Attempt, card: &Card<'_>) -> Markup {
    let t = view.t;
    let parts = card.exchanges.parts;
    let sent = parts.rebuild(card.view.id, card.view.webhook_id, attempt);
    let is_long = parts.body_len() > LONGEST_SHOWN;
    let request = sent.as_ref().map(|sent| request_text(view, sent, is_long));
    let curl = sent.as_ref().filter(|_| !is_long).and_then(request_as_curl);
    let answer = match &attempt.result {
        AttemptResult::Response(response) => Some(answer_text(response)),
        AttemptResult::Error(_) => None,
    };
    let texts = [&request, &curl, &answer].into_iter().flatten().map(String::len).sum::<usize>();
    card.exchanges.take(texts + parts.body_len());
    let of = |part: &str| format!("{part}-{}-{}", card.view.id, attempt.number);
    html! {
        div.two {
            div {
                div.split {
                    h3 { (t.request) }
                    @if curl.is_some() {
                        button.copy type="button" data-copy=(of("curl")) hidden { (t.copy_curl) }
                    }
                }
                @match &request {
                    Some(request) => {
                        pre tabindex="0" { (request) }
                        @if let Some(curl) = &curl { pre id=(of("curl")) hidden { (curl) } }
                        @if is_long {
                            p.help {
                                (fill(t.long_body, &[&view.lang.bytes(parts.body_len() as u64)])) " "
                                code {
                                    "GET /api/notifications/" (card.view.id) "/request?attempt=" (attempt.number)
                                }
                            }
                        }
                    }
                    None => p.muted { (t.no_request) },
                }
            }
            div {
                div.split {
                    h3 {
                        (t.response)
                        @if let Some(status) = attempt.result.status() { " · " (status) }
                        " · " (short(view.lang, attempt.duration_us))
                    }
                    @if answer.is_some() {
                        button.copy type="button" data-copy=(of("answer")) hidden { (t.copy) }
                    }
                }
                @match &answer {
                    Some(answer) => pre id=(of("answer")) tabindex="0" { (answer) },
                    None => p.muted { (t.no_body) },
                }
                p.t2 { (timings(view, attempt)) }
            }
        }
    }
}

/// The request as it went out, its body unless it is long; what is masked or not known any more is said, never shown as
/// sent.
fn request_text(view: &View<'_>, sent: &RebuiltRequest, is_long: bool) -> String {
    let path = TargetUrl::restored(&sent.target);
    let path = path.as_ref().map_or(sent.target.as_str(), |target| target.path_and_query());
    let mut text = format!("{} {path} HTTP/1.1\n", sent.method);
    for header in &sent.headers {
        let value = match &header.value {
            HeaderText::Sent(value) => value.clone(),
            HeaderText::Masked => view.t.masked.to_owned(),
            HeaderText::Lost(why) => format!("({})", view.lang.of(&why.localized())),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "{}: {value}", header.name);
    }
    if is_long {
        return text;
    }
    text.push('\n');
    match &sent.body {
        Some(body) => text.push_str(&body_text(body)),
        None => text.push_str(view.t.resource_erased),
    }
    text
}

/// What came: the head as far as it is kept, and the body.
fn answer_text(response: &Response) -> String {
    let mut text = format!("HTTP/1.1 {}\n", response.status);
    for (name, value) in &response.head.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    if response.head.cut {
        text.push_str("…\n");
    }
    if !response.body.is_empty() {
        text.push('\n');
        text.push_str(&body_text(&response.body));
    }
    text
}

/// A body as one reads it: JSON indented, all else as it came.
fn body_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    pretty_if_json(&text, DEEPEST).unwrap_or_else(|| text.into_owned())
}

/// "DNS 3 ms · conexão 12 ms · espera 49 ms · total 64 ms · 203.0.113.7 · TLS 1.3".
fn timings(view: &View<'_>, attempt: &Attempt) -> String {
    let (t, timings) = (view.t, &attempt.timings);
    let phases = [
        (t.dns, timings.dns_us),
        (t.connect, timings.connect_us),
        (t.tls, timings.tls_us),
        (t.first_byte, timings.first_byte_us),
        (t.total, Some(attempt.duration_us)),
    ];
    let mut parts: Vec<String> =
        phases.into_iter().filter_map(|(name, us)| Some(format!("{name} {}", short(view.lang, us?)))).collect();
    parts.extend(attempt.remote_ip.map(|ip| ip.to_string()));
    parts.extend(attempt.tls.map(TlsVersion::as_str).map(|version| format!("TLS {version}")));
    parts.join(" · ")
}

fn short(lang: Lang, us: u32) -> String {
    match us {
        0..1000 => "< 1 ms".to_owned(),
        1000..10_000 => decimal(lang, &format!("{}.{} ms", us / 1000, us % 1000 / 100)),
        _ => span(lang, Duration::from_micros(u64::from(us))),
    }
}
