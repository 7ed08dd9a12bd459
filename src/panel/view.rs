//! What every page is made for and with, and why there may be none.

use super::request::{self, PanelRequest};
use super::session::{Sessions, SignedIn};
use super::texts::{Lang, Texts};
use crate::clock::Zone;
use crate::model::{KnownType, Timestamp};
use crate::service::{Caller, Error, ErrorReply, Service};
use bytes::Bytes;
use http::Response;
use maud::{Markup, html};
use std::fmt::{Display, Write as _};
use std::sync::{Arc, OnceLock};

/// How many rows a page has.
pub(super) const ROWS: usize = 50;
/// What a page is made for: the reader, the language, and the request.
pub(super) struct View<'a> {
    pub(super) service: &'a Service,
    pub(super) sessions: &'a Sessions,
    pub(super) signed_in: &'a SignedIn,
    pub(super) request: &'a PanelRequest,
    pub(super) lang: Lang,
    pub(super) t: &'static Texts,
    /// Whether buttons are shown, and obeyed.
    pub(super) can_change: bool,
    pub(super) here: String,
    pub(super) now: Timestamp,
    /// Where a day begins, and what times are shown in without a script.
    pub(super) zone: &'a Zone,
    /// What was just done.
    pub(super) note: Option<String>,
    /// Made when it is first asked for.
    pub(super) catalogue: Arc<OnceLock<Vec<KnownType>>>,
}

impl View<'_> {
    pub(super) fn caller(&self) -> &Caller {
        &self.signed_in.caller
    }

    /// The types that there are.
    pub(super) fn catalogue(&self) -> &[KnownType] {
        self.catalogue.get_or_init(|| self.service.event_types())
    }

    /// Likewise by their categories, in the order of the catalogue.
    pub(super) fn categories(&self) -> Vec<(&str, Vec<&KnownType>)> {
        let mut categories: Vec<(&str, Vec<&KnownType>)> = Vec::new();
        for known in self.catalogue() {
            let category = known.event_type.category();
            match categories.iter_mut().find(|(name, _)| *name == category) {
                Some((_, types)) => types.push(known),
                None => categories.push((category, vec![known])),
            }
        }
        categories
    }

    /// How many webhooks need somebody.
    pub(super) fn failing(&self) -> u64 {
        let counts = self.service.failing_counts(Some(self.caller().account));
        counts.failing + counts.disabled
    }

    /// What the search's field holds.
    pub(super) fn searched(&self) -> Option<&str> {
        self.request.query.get("q").filter(|_| self.request.path == "/search")
    }

    pub(super) fn csrf(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.signed_in.csrf); }
    }
}

/// Why there is no page to show.
pub(super) enum Refusal {
    NotFound,
    ReadOnly,
    Stale,
    /// A form of a page whose host isn't the one we were called by: the page's, ours.
    HostLost(String, String),
    TooLong,
    Busy,
    Of(ErrorReply),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::NotFound,
            Error::Conflict { .. } | Error::Outdated | Error::Invalid(_) | Error::Store(_) => {
                Self::Of(error.into_reply())
            }
        }
    }
}

pub(super) type PageResult = Result<Response<Bytes>, Refusal>;

/// The page that a form was sent from.
pub(super) fn back_of(request: &PanelRequest) -> &str {
    request.form.get("back").filter(|back| request::is_ours(back)).unwrap_or("/")
}

/// Back to the page that a form was sent from, with a note of what was done: its name, and what else the address says
/// of it.
pub(super) fn done(view: &View<'_>, what: &str, with: &[(&str, &dyn Display)]) -> Response<Bytes> {
    let back = back_of(view.request);
    let joint = if back.contains('?') { '&' } else { '?' };
    let mut to = format!("{back}{joint}done={what}");
    for (name, value) in with {
        // Writing to a String can't fail.
        let _ = write!(to, "&{name}={value}");
    }
    request::see(&to)
}
