//! A form that was sent after its session had ended. What it holds is carried through signing in and shown again;
//! nothing is done with it until somebody presses its button. Else a page of somebody else's could have a form sent by
//! the next person who signs in, and so it is carried for forms of the panel's own pages alone. An authorization is
//! never carried.

use super::authorization_typed;
use super::frame::{Place, framed};
use super::request::{self, FormFields, PanelRequest};
use super::routes::{PanelAccess, ROUTES};
use super::session;
use super::texts::erasures::ErasureTexts;
use super::texts::fill;
use super::view::{PageResult, View, back_of};
use super::webhook_form;
use crate::model::WebhookId;
use http::{Method, StatusCode};
use maud::{Markup, html};

/// What the names of its fields begin with while they are carried.
const MARK: &str = "kept.";
/// The most that is carried, in bytes: with the token it must fit into a form of someone who isn't signed in.
const MAX_BYTES: usize = 56 * 1024;

/// What a form held, and where it was sent to.
pub(super) struct Carried {
    path: String,
    fields: FormFields,
}

impl Carried {
    /// Of a form that was just sent, if it is one that can be shown again.
    pub(super) fn of_form(request: &PanelRequest) -> Option<Self> {
        let had = request.form.get("authorization").is_some();
        // Nor is that the stored one is to be removed, beside a new one: the two are refused.
        let is_left_out = |name: &str| name == "authorization" || (had && name == authorization_typed::REMOVE);
        let mut fields: Vec<(String, String)> =
            request.form.iter().filter(|(name, _)| !is_left_out(name)).cloned().collect();
        if had {
            fields.push(("had_authorization".to_owned(), "1".to_owned()));
        }
        Self { path: request.path.clone(), fields: FormFields::of(fields) }.if_it_may_be(request)
    }

    /// Of the page that asks its sender to sign in.
    pub(super) fn of_sign_in(request: &PanelRequest) -> Option<Self> {
        let path = request.form.get("kept")?.to_owned();
        let kept =
            request.form.iter().filter_map(|(name, value)| Some((name.strip_prefix(MARK)?.to_owned(), value.clone())));
        Self { path, fields: FormFields::of(kept.collect()) }.if_it_may_be(request)
    }

    /// Only what a page of our own has sent: as the browser says, or as the form's token does, which is that of the
    /// cookie.
    fn if_it_may_be(self, request: &PanelRequest) -> Option<Self> {
        let of_cookie = || {
            let csrf = self.fields.get("csrf").unwrap_or_default();
            request.session.as_deref().is_some_and(|cookie| session::owns(cookie, csrf))
        };
        let is_own = request.own_origin.unwrap_or_else(of_cookie);
        let size: usize = self.fields.iter().map(|(name, value)| MARK.len() + name.len() + 2 + encoded(value)).sum();
        (is_own && size <= MAX_BYTES && self.access().is_some()).then_some(self)
    }

    /// What its button does, and the id in its path.
    fn access(&self) -> Option<(&'static PanelAccess, [u8; 16])> {
        let (route, id) = ROUTES.find(&Method::POST, &self.path).ok()?;
        matches!(route.answer, PanelAccess::Form(_) | PanelAccess::Change(_)).then_some((&route.answer, id))
    }

    /// The fields of the page that asks its sender to sign in.
    pub(super) fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="kept" value=(self.path);
            @for (name, value) in self.fields.iter() {
                input type="hidden" name=(format!("{MARK}{name}")) value=(value);
            }
        }
    }

    /// The page that it was filled in on.
    pub(super) fn page(&self) -> String {
        let edited = self.path.strip_prefix("/webhooks/").filter(|rest| !rest.contains('/'));
        match (self.path.as_str(), edited) {
            ("/webhooks", _) => "/webhooks/new".to_owned(),
            (path, Some(_)) => format!("{path}/edit"),
            (path, None) if has_own_page(path) => path.to_owned(),
            _ => self.fields.get("back").filter(|back| request::is_ours(back)).unwrap_or("/").to_owned(),
        }
    }

    /// The request that its sender makes by signing in: for the page that it was filled in on, with what it held.
    pub(super) fn into_request(self, sign_in: &PanelRequest) -> PanelRequest {
        PanelRequest { here: self.page(), path: self.path, form: self.fields, ..sign_in.clone() }
    }
}

/// How many bytes a value has in a form.
fn encoded(value: &str) -> usize {
    form_urlencoded::byte_serialize(value.as_bytes()).map(str::len).sum()
}

/// Whether a form stands on a page of its own, which explains what it does.
fn has_own_page(path: &str) -> bool {
    ["/rotate", "/backfill", "/delete", "/revoke", "/erase"].iter().any(|end| path.ends_with(end))
}

/// A carried form, as its sender sees it after signing in.
pub(super) fn show(view: &View<'_>) -> PageResult {
    let request = view.request;
    let Ok((route, id)) = ROUTES.find(&Method::POST, &request.path) else {
        return Ok(request::see("/"));
    };
    match route.answer {
        PanelAccess::Form(_) if request.path == "/webhooks" => webhook_form::again(view, None),
        PanelAccess::Form(_) => webhook_form::again(view, Some(WebhookId::from_bytes(id))),
        _ if has_own_page(&request.path) => Ok(request::see(&request.path)),
        _ => Ok(request::page(StatusCode::OK, framed(view, Place::None, view.t.ended_title, &confirmation(view)))),
    }
}

/// What was asked for, with a button.
fn confirmation(view: &View<'_>) -> Markup {
    let (t, request) = (view.t, view.request);
    let selected = request.form.all("id").count();
    let what = match request.path.rsplit('/').next() {
        Some("pause") => t.pause,
        Some("resume") => t.resume,
        Some("test") => t.send_test,
        Some("stop") if request.path.starts_with("/webhooks/") => t.stop_backfill,
        Some("stop") if request.path.starts_with("/erasures/") => ErasureTexts::of(view.lang).stop,
        Some("stop") => t.stop_resend,
        Some("send-to") => t.send_to,
        Some("resend-waiting") => t.resend_waiting_all,
        Some("resend-all") => t.resend_all,
        _ if request.path == "/notifications/resend" => t.resend_selected,
        _ if request.path == "/tokens" => view.lang.upkeep().token_create,
        _ if request.path == "/erasures" => t.erase_yes,
        _ => t.resend,
    };
    let kept = request.form.iter().filter(|(name, _)| name != "csrf");
    html! {
        div.head { h1 { (t.ended_title) } }
        p { (fill(t.ended_action, &[&what])) @if selected > 0 { " (" (selected) ")" } }
        form.card.pad method="post" action=(request.path) {
            (view.csrf())
            @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
            div.acts {
                button.main type="submit" { (what) }
                a.btn href=(back_of(request)) { (t.cancel) }
            }
        }
    }
}
