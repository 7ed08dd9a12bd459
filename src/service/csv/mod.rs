//! Lists as CSV, for a spreadsheet: page by page as the reader takes them, so that a list of millions costs no more
//! memory than one of fifty.
//!
//! A cell that a spreadsheet would run as a formula begins with an apostrophe. The text begins with a byte order mark,
//! by which Excel knows UTF-8; in Portuguese it is split by semicolons, which is what Excel expects there.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use super::views::{NotificationView, Webhooks};
use crate::clock::Zone;
use crate::http::{BodyFeed, NextPiece};
use crate::model::{
    AuditFilter, AuditRow, AuditedField, Cursor, Event, EventFilter, Listing, NotificationFilter, Order, PayloadFilter,
    Status, Timestamp, Webhook, WebhookStatus,
};
use bytes::Bytes;
use std::sync::Arc;

/// How many rows are read at once.
const ROWS: usize = 500;

/// A list that can be had as CSV.
#[derive(Clone, Debug)]
pub enum CsvList {
    /// Events.
    Events(EventFilter),
    /// Notifications, with the default of their lists ([`NotificationFilter::or_default`]).
    Notifications(NotificationFilter),
    /// The audit.
    Audit(AuditFilter),
    /// Webhooks: all, or those that this text is found in ([`Service::webhooks_named`]).
    Webhooks(Option<String>),
}

/// In which language the headings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvLanguage {
    /// English, split by commas.
    #[default]
    En,
    /// Portuguese, split by semicolons.
    Pt,
}

impl CsvList {
    /// What a file of it is called.
    pub const fn name(&self, language: CsvLanguage) -> &'static str {
        match (self, language) {
            (Self::Events(_), CsvLanguage::En) => "events",
            (Self::Events(_), CsvLanguage::Pt) => "eventos",
            (Self::Notifications(_), CsvLanguage::En) => "notifications",
            (Self::Notifications(_), CsvLanguage::Pt) => "notificacoes",
            (Self::Audit(_), CsvLanguage::En) => "audit",
            (Self::Audit(_), CsvLanguage::Pt) => "historico-de-alteracoes",
            (Self::Webhooks(_), _) => "webhooks",
        }
    }

    const fn headings(&self) -> &'static [Heading] {
        match self {
            Self::Events(_) => &EVENT,
            Self::Notifications(_) => &NOTIFICATION,
            Self::Audit(_) => &AUDIT,
            Self::Webhooks(_) => &WEBHOOK,
        }
    }
}

/// What a column is called, in English and in Portuguese.
type Heading = (&'static str, &'static str);

/// In reais, as `total_cents` of the resource says.
const AMOUNT: Heading = ("Amount (BRL)", "Valor (R$)");

const EVENT: [Heading; 10] = [
    ("Event", "Evento"),
    ("Type", "Tipo"),
    ("External id", "Id externo"),
    ("Resource id", "Id do recurso"),
    AMOUNT,
    ("Test", "Teste"),
    ("Occurred at (UTC)", "Ocorrido em (UTC)"),
    ("Recorded at (UTC)", "Registrado em (UTC)"),
    ("Notifications", "Notificações"),
    ("Payload erased at (UTC)", "Conteúdo apagado em (UTC)"),
];

const NOTIFICATION: [Heading; 17] = [
    ("Notification", "Notificação"),
    ("Event", "Evento"),
    ("Type", "Tipo"),
    ("External id", "Id externo"),
    ("Resource id", "Id do recurso"),
    AMOUNT,
    ("Webhook", "Webhook"),
    ("Webhook's name", "Nome do webhook"),
    ("URL", "URL"),
    ("Status", "Situação"),
    ("Test", "Teste"),
    ("Attempts", "Tentativas"),
    ("Last response", "Última resposta"),
    ("Next attempt at (UTC)", "Próxima tentativa em (UTC)"),
    ("Delivered at (UTC)", "Entregue em (UTC)"),
    ("Recorded at (UTC)", "Registrada em (UTC)"),
    ("Changed at (UTC)", "Alterada em (UTC)"),
];

const WEBHOOK: [Heading; 10] = [
    ("Webhook", "Webhook"),
    ("Name", "Nome"),
    ("URL", "URL"),
    ("Description", "Descrição"),
    ("Events", "Eventos"),
    ("Filter", "Filtro"),
    ("Status", "Situação"),
    ("Failing since (UTC)", "Falhando desde (UTC)"),
    ("Created at (UTC)", "Criado em (UTC)"),
    ("Changed at (UTC)", "Alterado em (UTC)"),
];

const AUDIT: [Heading; 13] = [
    ("Number", "Número"),
    ("Made at (UTC)", "Feita em (UTC)"),
    ("Action", "Ação"),
    ("Through", "Por onde"),
    ("Token", "Token"),
    ("Token's name", "Nome do token"),
    ("Address", "Endereço"),
    ("Webhook", "Webhook"),
    ("Webhook's name", "Nome do webhook"),
    ("Kind", "Tipo"),
    ("Id", "Id"),
    ("Name", "Nome"),
    ("Changes", "Alterações"),
];

/// How a file is written for who reads it.
#[derive(Clone)]
pub struct CsvLook {
    /// The language of its headings, which says by what cells are split as well.
    pub language: CsvLanguage,
    /// The zone of its times, which the headings name.
    pub zone: Zone,
    /// What a notification's status is called.
    pub status: fn(Status) -> &'static str,
    /// Likewise a webhook's.
    pub webhook_status: fn(&WebhookStatus) -> &'static str,
}

impl CsvLook {
    /// For programs: times in UTC, statuses by the words of the API.
    pub fn of_api(language: CsvLanguage) -> Self {
        Self { language, zone: Zone::utc(), status: Status::as_str, webhook_status: WebhookStatus::as_str }
    }
}

/// One row after the other.
struct Rows {
    text: String,
    look: CsvLook,
}

impl Rows {
    /// A row under these headings: a cell for each.
    fn under<const N: usize>(&mut self, _headings: &[Heading; N], cells: [&str; N]) {
        self.row(cells);
    }

    /// A time as spreadsheets read it; an empty cell where there is none.
    fn time(&self, at: Option<Timestamp>) -> String {
        let text = at.map(|at| self.look.zone.text(at)).unwrap_or_default();
        text.replace('T', " ").chars().take(19).collect()
    }

    /// An amount in the language's own figures, so that a spreadsheet adds it up; an empty cell where there is none.
    fn amount(&self, cents: Option<i64>) -> String {
        let point = match self.look.language {
            CsvLanguage::En => '.',
            CsvLanguage::Pt => ',',
        };
        let written = |cents: i64| {
            let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
            format!("{sign}{}{point}{:02}", cents / 100, cents % 100)
        };
        cents.map(written).unwrap_or_default()
    }

    fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        let separator = match self.look.language {
            CsvLanguage::En => ',',
            CsvLanguage::Pt => ';',
        };
        for (nth, cell) in cells.into_iter().enumerate() {
            if nth > 0 {
                self.text.push(separator);
            }
            push_cell(&mut self.text, cell);
        }
        self.text.push_str("\r\n");
    }
}

/// A cell (RFC 4180), quoted where it must be. One that a spreadsheet would run is made text by an apostrophe (OWASP,
/// CSV injection).
fn push_cell(text: &mut String, cell: &str) {
    let runs = !is_amount(cell)
        && cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let quoted =
        runs || cell.contains([',', ';', '"', '\r', '\n', '\t']) || cell.starts_with(' ') || cell.ends_with(' ');
    if !quoted {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if runs {
        text.push('\'');
    }
    for char in cell.chars() {
        if char == '"' {
            text.push('"');
        }
        text.push(char);
    }
    text.push('"');
}

/// Whether a cell is a number below none, which begins as a formula does and is none.
fn is_amount(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = cell.strip_prefix('-').and_then(|number| number.split_once([',', '.']));
    parts.is_some_and(|(whole, fraction)| digits(whole) && fraction.len() == 2 && digits(fraction))
}

fn yes(is: bool, language: CsvLanguage) -> &'static str {
    match (is, language) {
        (true, CsvLanguage::En) => "yes",
        (true, CsvLanguage::Pt) => "sim",
        (false, CsvLanguage::En) => "no",
        (false, CsvLanguage::Pt) => "não",
    }
}

fn event_row(rows: &mut Rows, event: &Event) {
    let times = [event.occurred_at, Some(event.inserted_at), event.erased_at];
    let [occurred_at, recorded_at, erased_at] = times.map(|at| rows.time(at));
    rows.under(
        &EVENT,
        [
            &event.id.to_string(),
            event.event_type.as_str(),
            event.external_id().unwrap_or_default(),
            event.resource.id.as_deref().unwrap_or_default(),
            &rows.amount(event.resource.total_cents),
            yes(event.trial.is_some(), rows.look.language),
            &occurred_at,
            &recorded_at,
            &event.notifications.to_string(),
            &erased_at,
        ],
    );
}

fn notification_row(rows: &mut Rows, view: &NotificationView, event: &Event) {
    let language = rows.look.language;
    let times = [view.next_attempt_at, view.delivered_at, Some(view.inserted_at), Some(view.updated_at)];
    let [next_attempt_at, delivered_at, recorded_at, changed_at] = times.map(|at| rows.time(at));
    rows.under(
        &NOTIFICATION,
        [
            &view.id.to_string(),
            &view.event_id.to_string(),
            &view.event_type,
            event.external_id().unwrap_or_default(),
            event.resource.id.as_deref().unwrap_or_default(),
            &rows.amount(event.resource.total_cents),
            &view.webhook_id.to_string(),
            &view.webhook_name,
            &view.target,
            (rows.look.status)(view.status),
            yes(view.test, language),
            &view.attempts_count.to_string(),
            &view.response_status.map(|status| status.to_string()).unwrap_or_default(),
            &next_attempt_at,
            &delivered_at,
            &recorded_at,
            &changed_at,
        ],
    );
}

fn webhook_row(rows: &mut Rows, webhook: &Webhook, failing_since: Option<Timestamp>) {
    let times = [failing_since, Some(webhook.inserted_at), Some(webhook.updated_at)];
    let [failing_since, created_at, changed_at] = times.map(|at| rows.time(at));
    let patterns: Vec<String> = webhook.events.iter().map(ToString::to_string).collect();
    rows.under(
        &WEBHOOK,
        [
            &webhook.id.to_string(),
            webhook.name(),
            webhook.target.as_str(),
            webhook.description.as_deref().unwrap_or_default(),
            &patterns.join(" "),
            webhook.filter.as_ref().map(PayloadFilter::as_str).unwrap_or_default(),
            (rows.look.webhook_status)(&webhook.status),
            &failing_since,
            &created_at,
            &changed_at,
        ],
    );
}

fn audit_row(rows: &mut Rows, row: &AuditRow) {
    let made_at = rows.time(Some(row.inserted_at));
    let (actor, note) = (&row.actor, &row.note);
    let (token, token_name) = actor.token.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (webhook, webhook_name) = note.webhook.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (kind, id, name) = match &note.subject {
        Some(subject) => (subject.kind(), subject.id().unwrap_or_default(), subject.name().unwrap_or_default()),
        None => Default::default(),
    };
    let changes: Vec<String> = note.fields.iter().map(AuditedField::to_string).collect();
    rows.under(
        &AUDIT,
        [
            &row.number.to_string(),
            &made_at,
            note.action.as_str(),
            actor.origin.through.as_str(),
            &token,
            token_name,
            &actor.origin.address.map(|address| address.to_string()).unwrap_or_default(),
            &webhook,
            webhook_name,
            kind,
            &id,
            name,
            &changes.join("\n"),
        ],
    );
}

/// A list under way.
struct CsvFeed {
    service: Arc<Service>,
    caller: Caller,
    list: CsvList,
    look: CsvLook,
    listing: Listing,
    begun: bool,
}

impl BodyFeed for CsvFeed {
    fn next(self: Box<Self>) -> NextPiece {
        Box::pin(self.piece())
    }
}

/// Behind the last row.
struct Ended;

impl BodyFeed for Ended {
    fn next(self: Box<Self>) -> NextPiece {
        Box::pin(async { None })
    }
}

impl CsvFeed {
    async fn piece(mut self: Box<Self>) -> Option<(Bytes, Box<dyn BodyFeed>)> {
        let mut rows = Rows { text: String::new(), look: self.look.clone() };
        if !self.begun {
            self.begun = true;
            rows.text.push('\u{feff}');
            let pick = |(en, pt): &(&'static str, &'static str)| match self.look.language {
                CsvLanguage::En => *en,
                CsvLanguage::Pt => *pt,
            };
            let named = |heading| pick(heading).replace("(UTC)", &format!("({})", self.look.zone.name()));
            let headings: Vec<String> = self.list.headings().iter().map(named).collect();
            rows.row(headings.iter().map(String::as_str));
        }
        loop {
            match self.page(&mut rows).await {
                Ok(Some(next)) if rows.text.is_empty() => self.listing.cursor = Some(next),
                Ok(Some(next)) => {
                    self.listing.cursor = Some(next);
                    return Some((rows.text.into(), self));
                }
                Ok(None) if rows.text.is_empty() => return None,
                Ok(None) => return Some((rows.text.into(), Box::new(Ended))),
                Err(error) => {
                    // The status has been sent: who reads it must learn that rows are missing.
                    let detail = error.into_reply().detail;
                    let (prefix, detail) = match self.look.language {
                        CsvLanguage::En => ("INCOMPLETE", detail.en),
                        CsvLanguage::Pt => ("INCOMPLETO", detail.pt),
                    };
                    rows.row([format!("{prefix}: {detail}").as_str()]);
                    return Some((rows.text.into(), Box::new(Ended)));
                }
            }
        }
    }

    /// Writes a page, and returns where the next one begins.
    async fn page(&self, rows: &mut Rows) -> Result<Option<Cursor>, Error> {
        let (account, listing) = (self.caller.account, self.listing);
        match &self.list {
            CsvList::Events(filter) => {
                let page = self.service.events(&self.caller, filter.clone(), listing).await?;
                for event in &page.items {
                    event_row(rows, event);
                }
                Ok(ends(page.next, &listing, page.items.len()))
            }
            CsvList::Notifications(filter) => {
                let (filter, present) = (filter.clone().or_default(), self.service.present());
                let page = self.service.read(move |store| {
                    let page = store.notifications(account, &filter, listing)?;
                    let mut webhooks = Webhooks::new(store, account);
                    let mut items = Vec::with_capacity(page.items.len());
                    for (notification, event) in page.items {
                        items.push((webhooks.view(&notification, &event, &present)?, event));
                    }
                    Ok((items, page.next))
                });
                let (items, next) = page.await?;
                for (view, event) in &items {
                    notification_row(rows, view, event);
                }
                Ok(ends(next, &listing, items.len()))
            }
            CsvList::Audit(filter) => {
                let page = self.service.audit(&self.caller, filter.clone(), listing).await?;
                for row in &page.items {
                    audit_row(rows, row);
                }
                Ok(ends(page.next, &listing, page.items.len()))
            }
            CsvList::Webhooks(named) => {
                for webhook in self.service.webhooks_named(&self.caller, named.as_deref()) {
                    webhook_row(rows, &webhook, self.service.health(&webhook).since);
                }
                Ok(None)
            }
        }
    }
}

/// Where to go on. A feed has a cursor behind its end: it ends with a page that isn't full and moves no further.
fn ends(next: Option<Cursor>, listing: &Listing, found: usize) -> Option<Cursor> {
    let at_end = listing.order == Order::Oldest && found == 0 && next == listing.cursor;
    next.filter(|_| !at_end)
}

impl Service {
    /// A list as CSV, the newest first unless asked otherwise. Rows are read as they are sent; what is recorded
    /// meanwhile may be among them in a list that begins with the oldest. One that can't be read to its end says so in
    /// its last row.
    pub fn csv(self: &Arc<Self>, caller: &Caller, list: CsvList, look: CsvLook, order: Order) -> Box<dyn BodyFeed> {
        let listing = Listing { order, cursor: None, limit: ROWS };
        let (service, caller) = (self.clone(), caller.clone());
        Box::new(CsvFeed { service, caller, list, look, listing, begun: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_zone() {
        for (zone, expected) in
            [(Zone::utc(), "2026-11-23 12:00:00"), (Zone::of_variable(Some("<-03>3")), "2026-11-23 09:00:00")]
        {
            let rows = Rows { text: String::new(), look: CsvLook { zone, ..CsvLook::of_api(CsvLanguage::Pt) } };
            assert_eq!(rows.time(Some(Timestamp::from_ms(1_795_435_200_123))), expected);
            assert_eq!(rows.time(None), "");
        }
    }

    fn cell(text: &str) -> String {
        let mut csv = String::new();
        push_cell(&mut csv, text);
        csv
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for (text, expected) in [
            ("pedido-11249", "pedido-11249"),
            ("", ""),
            ("=1+2", "\"'=1+2\""),
            ("+55 11", "\"'+55 11\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"http://x\";\"a\")", "\"'=HYPERLINK(\"\"http://x\"\";\"\"a\"\")\""),
            ("a\"b", "\"a\"\"b\""),
            ("a;b", "\"a;b\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            (" =1", "\" =1\""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_numbers_of_the_language() {
        for (language, expected) in [(CsvLanguage::En, "-1234.05"), (CsvLanguage::Pt, "\"-1234,05\"")] {
            let rows = Rows { text: String::new(), look: CsvLook::of_api(language) };
            assert_eq!(cell(&rows.amount(Some(-123_405))), expected);
            assert_eq!(rows.amount(None), "");
        }
        assert_eq!(cell("-1,05+2"), "\"'-1,05+2\"");
    }

    #[test]
    fn languages_split_cells_by_what_spreadsheets_expect() {
        for (language, separator) in [(CsvLanguage::En, ','), (CsvLanguage::Pt, ';')] {
            let mut rows = Rows { text: String::new(), look: CsvLook::of_api(language) };
            rows.row(["a", "b;c", "d"]);
            assert_eq!(rows.text, format!("a{separator}\"b;c\"{separator}d\r\n"));
        }
    }
}
