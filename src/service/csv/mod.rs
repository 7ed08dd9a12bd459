//! Lists as CSV, for a spreadsheet: page by page as the reader takes them, so that a list of millions costs no more
//! memory than one of fifty.
//!
//! A cell that a spreadsheet would run as a formula begins with an apostrophe. The text begins with a byte order mark,
//! by which Excel knows UTF-8; in Portuguese it is split by semicolons, which is what Excel expects there.

mod cells;
mod look;
mod rows;

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use super::views::Webhooks;
use crate::http::{BodyFeed, NextPiece};
use crate::model::{AuditFilter, Cursor, EventFilter, JobKind, Listing, NotificationFilter, Order};
use bytes::Bytes;
use cells::{Heading, Rows};
pub use look::{CsvLanguage, CsvLook, CsvWords};
use rows::{
    ALERT, AUDIT, BACKFILL, ERASURE, EVENT, EVENT_TYPE, NOTIFICATION, RESEND, TOKEN, WEBHOOK, alert_row, audit_row,
    backfill_row, erasure_row, event_row, event_type_row, notification_row, resend_row, token_row, webhook_row,
};
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
    /// Access tokens.
    Tokens,
    /// Bulk jobs of a kind: those that go on, and for a week those that have ended.
    Jobs(JobKind),
    /// Erasures by key, likewise.
    Erasures,
    /// The catalogue, with who subscribes to each type.
    EventTypes,
    /// Alerts that are open or muted ([`Service::alerts`]).
    Alerts,
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
            (Self::Tokens, _) => "tokens",
            (Self::Jobs(JobKind::Resend), CsvLanguage::En) => "bulk-resends",
            (Self::Jobs(JobKind::Resend), CsvLanguage::Pt) => "reenvios-em-massa",
            (Self::Jobs(JobKind::Backfill), CsvLanguage::En) => "backfills",
            (Self::Jobs(JobKind::Backfill), CsvLanguage::Pt) => "envios-de-eventos-anteriores",
            (Self::Erasures, CsvLanguage::En) => "erasures",
            (Self::Erasures, CsvLanguage::Pt) => "apagamentos",
            (Self::EventTypes, CsvLanguage::En) => "event-types",
            (Self::EventTypes, CsvLanguage::Pt) => "tipos-de-evento",
            (Self::Alerts, CsvLanguage::En) => "alerts",
            (Self::Alerts, CsvLanguage::Pt) => "avisos",
        }
    }

    const fn headings(&self) -> &'static [Heading] {
        match self {
            Self::Events(_) => &EVENT,
            Self::Notifications(_) => &NOTIFICATION,
            Self::Audit(_) => &AUDIT,
            Self::Webhooks(_) => &WEBHOOK,
            Self::Tokens => &TOKEN,
            Self::Jobs(JobKind::Resend) => &RESEND,
            Self::Jobs(JobKind::Backfill) => &BACKFILL,
            Self::Erasures => &ERASURE,
            Self::EventTypes => &EVENT_TYPE,
            Self::Alerts => &ALERT,
        }
    }
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
            CsvList::Tokens => {
                let page = self.service.tokens(&self.caller, listing);
                for token in &page.items {
                    token_row(rows, token);
                }
                Ok(ends(page.next, &listing, page.items.len()))
            }
            CsvList::Jobs(kind) => {
                let page = self.service.bulk_jobs(&self.caller, *kind, listing);
                for job in &page.items {
                    match kind {
                        JobKind::Resend => resend_row(rows, job),
                        JobKind::Backfill => backfill_row(rows, job),
                    }
                }
                Ok(ends(page.next, &listing, page.items.len()))
            }
            CsvList::Erasures => {
                let page = self.service.erasures(&self.caller, listing);
                for erasure in &page.items {
                    erasure_row(rows, erasure);
                }
                Ok(ends(page.next, &listing, page.items.len()))
            }
            CsvList::EventTypes => {
                let webhooks = self.service.all_webhooks(&self.caller);
                for known in self.service.event_types() {
                    event_type_row(rows, &known, &webhooks);
                }
                Ok(None)
            }
            CsvList::Alerts => {
                for alert in self.service.alerts(&self.caller) {
                    let webhook = alert.webhook.and_then(|id| self.service.webhook(&self.caller, id).ok());
                    alert_row(rows, &alert, webhook.as_deref());
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
