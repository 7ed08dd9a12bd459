//! `?format=csv` of a list: the rows that its filters match, as a file.

use super::Panel;
use super::filters::{self, FORMAT};
use super::notification_filter;
use super::request::PanelRequest;
use super::session::SignedIn;
use super::texts::Lang;
use crate::clock::Zone;
use crate::http::Answer;
use crate::model::Order;
use crate::service::{CsvLanguage, CsvList, CsvLook};
use http::Method;

/// As people read it: in their language and their zone, with the words of the pages.
fn look(lang: Lang, zone: Zone) -> CsvLook {
    match lang {
        Lang::Pt => CsvLook {
            language: CsvLanguage::Pt,
            zone,
            status: |status| Lang::Pt.texts().status(status),
            webhook_status: |status| Lang::Pt.texts().webhook_status(status),
        },
        Lang::En => CsvLook {
            language: CsvLanguage::En,
            zone,
            status: |status| Lang::En.texts().status(status),
            webhook_status: |status| Lang::En.texts().webhook_status(status),
        },
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
            // For admins, as its page.
            "/audit" if view.can_change => {
                let (filter, problems) = filters::asked_for(&view);
                Some((CsvList::Audit(filter), problems))
            }
            "/webhooks" => Some((CsvList::Webhooks(request.query.get("q").map(str::to_owned)), Vec::new())),
            _ => None,
        }
    }
}
