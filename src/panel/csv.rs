//! `?format=csv` of a list: the rows that its filters match, as a file.

use super::Panel;
use super::audit_words;
use super::filters::{self, FORMAT};
use super::jobs;
use super::notification_filter;
use super::request::PanelRequest;
use super::session::SignedIn;
use super::texts::Lang;
use super::texts::audit::{AuditTexts, action};
use super::texts::erasures::erasure_state;
use crate::clock::Zone;
use crate::http::Answer;
use crate::model::{
    AuditAction, AuditNote, AuditSubject, ErasureState, JobState, Order, Status, Through, WebhookStatus,
};
use crate::service::{CsvLanguage, CsvList, CsvLook, CsvWords};
use http::Method;

/// As people read it: in their language and their zone, with the words of the pages.
fn look(lang: Lang, zone: Zone) -> CsvLook {
    match lang {
        Lang::Pt => CsvLook { language: CsvLanguage::Pt, zone, words: &PageWords(Lang::Pt) },
        Lang::En => CsvLook { language: CsvLanguage::En, zone, words: &PageWords(Lang::En) },
    }
}

/// The words of the pages, for files.
struct PageWords(Lang);

impl CsvWords for PageWords {
    fn status(&self, status: Status) -> &'static str {
        self.0.texts().status(status)
    }

    fn webhook_status(&self, status: &WebhookStatus) -> &'static str {
        self.0.texts().webhook_status(status)
    }

    fn job_state(&self, state: JobState) -> &'static str {
        jobs::state(self.0.texts(), state)
    }

    fn erasure_state(&self, state: ErasureState) -> &'static str {
        erasure_state(self.0, state)
    }

    fn action(&self, done: AuditAction) -> &'static str {
        action(self.0, done)
    }

    fn through(&self, through: Through) -> &'static str {
        let own = AuditTexts::of(self.0);
        match through {
            Through::Api => own.by_api,
            Through::Panel => own.by_panel,
            Through::Operator => own.operator,
            Through::Carteiro => own.carteiro,
        }
    }

    fn subject(&self, subject: &AuditSubject) -> &'static str {
        let own = AuditTexts::of(self.0);
        match subject {
            AuditSubject::Event(_) => own.event,
            AuditSubject::Notification(_) => own.notification,
            AuditSubject::BulkResend(_) => own.bulk_resend,
            AuditSubject::Backfill(_) => own.backfill,
            AuditSubject::Erasure(_) => own.erasure,
            AuditSubject::Token(..) => own.token,
            AuditSubject::Account(_) => own.account,
        }
    }

    fn changes(&self, note: &AuditNote, zone: &Zone) -> Vec<String> {
        let told = note.fields.iter().filter(|field| audit_words::says_something(note, field));
        told.map(|field| audit_words::change(self.0, zone, field)).collect()
    }
}

impl Panel {
    /// The file that an address asks for; `None` where it asks for a page, or for a list with a filter that can't be
    /// read: the page says which.
    pub(super) fn csv(&self, request: &PanelRequest) -> Option<Answer> {
        if request.method != Method::GET || request.query.get(FORMAT) != Some("csv") || !request.prefix.is_empty() {
            return None;
        }
        let signed_in = self.signed_in(request)?;
        let (list, problems) = self.csv_list(request, &signed_in)?;
        if !problems.is_empty() {
            return None;
        }
        let look = look(request.lang, self.service.time_zone());
        let language = look.language;
        let feed = self.service.csv(&signed_in.caller, list.clone(), look, Order::Newest);
        Some(Answer::csv(feed, list.name(language), self.service.now()))
    }

    fn csv_list(&self, request: &PanelRequest, signed_in: &SignedIn) -> Option<(CsvList, Vec<String>)> {
        let zone = self.service.time_zone();
        let view = self.view(request, signed_in, &zone, None);
        match &*request.path {
            "/events" => {
                let (filter, problems) = filters::asked_for(&view);
                Some((CsvList::Events(filter), problems))
            }
            "/notifications" => {
                let (filter, problems) = notification_filter::asked_for(&view);
                Some((CsvList::Notifications(filter), problems))
            }
            // For admins, as their pages.
            "/audit" if view.can_change => {
                let (filter, problems) = filters::asked_for(&view);
                Some((CsvList::Audit(filter), problems))
            }
            "/tokens" if view.can_change => Some((CsvList::Tokens, Vec::new())),
            "/erasures" => Some((CsvList::Erasures, Vec::new())),
            "/event-types" => Some((CsvList::EventTypes, Vec::new())),
            "/alerts" => Some((CsvList::Alerts, Vec::new())),
            "/webhooks" => Some((CsvList::Webhooks(request.query.get("q").map(str::to_owned)), Vec::new())),
            _ => None,
        }
    }
}
