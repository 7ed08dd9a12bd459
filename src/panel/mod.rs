//! The panel: the guide's own screens, rendered here and complete without a script. It knows the verbs, never the
//! store.
//!
//! A request becomes [`PanelRequest`], a session's [`View`], one verb, one page. What a form does is answered by a
//! redirect, so that a reload repeats nothing. Text that others wrote (resources, answers of targets, descriptions) is
//! escaped by the templates; the policy sent with each page lets nothing in it act but the panel's own two files.

mod advice;
mod alerts;
mod attempts;
mod audit;
mod audit_words;
mod authorization_typed;
mod backfills;
mod charts;
mod csv;
mod ended;
mod erasures;
mod event_resend;
mod event_types;
mod events;
mod filter_page;
mod filters;
mod frame;
mod jobs;
mod key_pair;
mod layout;
mod live;
mod names;
mod notes;
mod notification_filter;
mod notifications;
mod number_typed;
mod open_alerts;
mod overview;
mod pattern_typed;
mod request;
mod resends;
mod rotation;
mod routes;
mod rows;
mod search;
mod session;
mod session_file;
mod system;
mod texts;
mod tokens;
mod trouble;
mod url_typed;
mod view;
mod webhook_form;
mod webhook_merge;
mod webhook_page;
mod webhook_typed;
mod webhooks;
mod welcome;

use crate::clock::{Clock, Zone};
use crate::http::{self as http_in, Class, Failure, Handler, InboundRequest, Ingress, RequestBody};
use crate::model::{AuditAction, AuditedField, JobState, Language, Origin, Scope};
use crate::service::{Caller, Credential, Service};
use bytes::Bytes;
use ended::Carried;
use frame::{Place, bare, bare_with, framed};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use maud::{Markup, html};
pub use names::status_word;
use request::{PanelRequest, Unread};
use routes::{ALERT_ICON, ICON, PanelAccess, ROUTES, SCRIPT, STYLE};
use session::{Sessions, SignedIn};
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use texts::{Lang, fill, sentence};
use tokio::sync::watch;
use view::{PageResult, Refusal, View, back_of};

/// When a visitor should come back who met a full or stopping daemon, in seconds.
const RETRY_AFTER_S: &str = "5";

/// What the paths begin with that programs call.
const OF_PROGRAMS: [&str; 4] = ["api", "healthz", "readyz", "metrics"];

/// How often something is logged that a stranger can cause again and again.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// What the pages call a state of a job; `None` where there is no such state.
pub fn job_status_word(language: Language, code: &str) -> Option<&'static str> {
    JobState::parse(code).map(|state| jobs::state(language.texts(), state))
}

/// The word for what a row of the audit tells of; `None` for a code that there isn't.
pub fn audit_action_word(language: Language, code: &str) -> Option<&'static str> {
    AuditAction::parse(code).map(|action| texts::audit::action(language, action))
}

/// What a row of the audit says of a field, as the panel's page does, its times in this zone.
pub fn audit_change(language: Language, zone: &Zone, changed: &AuditedField) -> String {
    audit_words::change(language, zone, changed)
}

/// The pages and who is signed in.
pub struct Panel {
    service: Arc<Service>,
    sessions: Arc<Sessions>,
    tag: String,
    /// When something that a stranger can cause was last logged.
    last_logged: Mutex<Option<Instant>>,
}

impl Panel {
    /// Over the service; sessions are kept in `file`, for the store of this id alone. Blocks while it is read.
    pub fn new(service: Arc<Service>, file: &Path, store: [u8; 16], clock: Clock) -> Self {
        let hash = ring::digest::digest(&ring::digest::SHA256, &[STYLE, SCRIPT, ICON, ALERT_ICON].concat());
        let tag = hash.as_ref().iter().take(8).fold(0_u64, |tag, byte| tag << 8 | u64::from(*byte));
        let sessions = Arc::new(Sessions::of_file(file, store, clock));
        Self { service, sessions, tag: format!("\"{tag:016x}\""), last_logged: Mutex::default() }
    }

    /// Writes which sessions there are and when they were last used, so that they outlive the process.
    pub async fn save_sessions(&self) {
        self.sessions.save().await;
    }

    /// Answers one request.
    async fn respond(&self, mut inbound: InboundRequest) -> Result<http_in::Answer, Failure> {
        let (from, secure) = (inbound.client_address(), inbound.is_secure());
        let method = &inbound.head.method;
        let read = if method == Method::GET || method == Method::HEAD {
            // Nothing in it would be looked at; hyper closes the connection behind what isn't read.
            Ok(Bytes::new())
        } else if let Some(caller) = self.caller(&inbound.head.headers, from, secure) {
            let max = inbound.max_body();
            inbound.read_body(max, caller.body_owner()).await.map(RequestBody::into_bytes)
        } else {
            inbound.read_form().await
        };
        let (body, unread) = match read {
            Ok(body) => (body, None),
            // People read a page.
            Err(failure) => match failure.status() {
                StatusCode::PAYLOAD_TOO_LARGE => (Bytes::new(), Some(Unread::TooLong)),
                StatusCode::SERVICE_UNAVAILABLE => (Bytes::new(), Some(Unread::Busy)),
                _ => return Err(failure),
            },
        };
        let (ingress, stop) = (inbound.ingress().clone(), inbound.stop);
        let mut request = PanelRequest::read(&Request::from_parts(inbound.head, body), from, secure);
        request.unread = unread;
        let answer = if request.path == "/live" && request.method == Method::GET {
            self.live(&request, stop).await
        } else if let Some(file) = self.csv(&request) {
            file
        } else {
            let page = self.page(&request, &ingress);
            http_in::Answer::of_page(layout::in_zone(self.service.time_zone(), page).await)
        };
        // What is left of the body is not read.
        Ok(if unread.is_some() { answer.with(header::CONNECTION, "close") } else { answer })
    }

    /// Who sent a request with these headers, if signed in. It is no use of the session.
    fn caller(&self, headers: &HeaderMap, from: IpAddr, secure: bool) -> Option<Caller> {
        let cookie = request::session(headers, secure)?;
        Some(self.sessions.find(&self.service, cookie, from, true)?.caller)
    }

    /// A browser's `EventSource` comes back for anything but what says that there is nothing for it.
    async fn live(&self, request: &PanelRequest, stop: watch::Receiver<bool>) -> http_in::Answer {
        let stream = match self.signed_in(request).filter(|_| !request.is_foreign()) {
            Some(signed_in) => live::open(&self.service, &self.sessions, &signed_in, stop).await,
            None => None,
        };
        stream.unwrap_or_else(|| http_in::Answer::of_page(request::bare_status(StatusCode::NO_CONTENT)))
    }

    /// Why a form that isn't of our own origin is refused; its cause stands in the log too, now and then.
    fn foreign(&self, request: &PanelRequest) -> Refusal {
        let Some(page) = &request.host_lost else {
            return Refusal::Stale;
        };
        if self.may_log() {
            tracing::warn!(
                page_host = page,
                called_as = request.host,
                address = %request.from,
                "a form of the panel was refused: its page's host is not the one that carteiro was called by; a proxy \
                 in front must pass the Host header on (nginx: proxy_set_header Host $http_host;)"
            );
        }
        Refusal::HostLost(page.clone(), request.host.clone())
    }

    /// Whether something that a stranger can cause again and again may be logged now.
    fn may_log(&self) -> bool {
        let mut last_logged = self.last_logged.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last_logged.is_none_or(|at| at.elapsed() >= LOG_EVERY);
        if may {
            *last_logged = Some(Instant::now());
        }
        may
    }

    /// No link of a page would lead anywhere below a path.
    fn below_a_path(&self, request: &PanelRequest) -> Response<Bytes> {
        let (t, prefix) = (request.lang.texts(), format!("/{}", request.prefix));
        if self.may_log() {
            tracing::warn!(
                prefix,
                address = %request.from,
                "the panel can't be hosted below a path (X-Forwarded-Prefix): give carteiro a host name of its own"
            );
        }
        let content = html! { h1 { (t.prefix_title) } p.problem { (fill(t.prefix, &[&prefix])) } };
        request::page(StatusCode::BAD_REQUEST, bare(request.lang, t.prefix_title, "/", &content))
    }

    async fn page(&self, request: &PanelRequest, ingress: &Ingress) -> Response<Bytes> {
        let found = match ROUTES.find(&request.method, &request.path) {
            Ok((route, id)) => Some((&route.answer, id)),
            Err(allowed) if allowed.is_empty() => match without_slash(request) {
                Some(own) => return request::moved(&own),
                None => None,
            },
            Err(allowed) => return request::method_not_allowed(&allowed),
        };
        if let Some((PanelAccess::Asset(content_type, bytes), _)) = found {
            return request::asset(content_type, bytes, &self.tag, request.known.as_ref());
        }
        if !request.prefix.is_empty() {
            return self.below_a_path(request);
        }
        if request.unread == Some(Unread::Busy) {
            return Self::refuse(request, &Refusal::Busy);
        }
        match found {
            Some((PanelAccess::SignInPage, _)) => self.sign_in_page(request, StatusCode::OK, None, None),
            Some((PanelAccess::SignIn, _)) => self.sign_in(request, ingress).await,
            Some((PanelAccess::LinkPage, _)) => link_page(request, StatusCode::OK, None),
            Some((PanelAccess::SignInByLink, _)) => self.sign_in_by_link(request, ingress).await,
            Some((PanelAccess::Language, _)) => {
                let lang = request.form.get("lang").and_then(Lang::parse).unwrap_or(request.lang);
                let page = match Carried::of_sign_in(request) {
                    None => request::see(back_of(request)),
                    carried => {
                        let (again, problem) = (PanelRequest { lang, ..request.clone() }, lang.texts().ended);
                        self.sign_in_page(&again, StatusCode::UNAUTHORIZED, Some(problem), carried.as_ref())
                    }
                };
                request::with_language(page, lang, request.secure)
            }
            _ => self.inside(request, found).await,
        }
    }

    fn sign_in_page(
        &self,
        request: &PanelRequest,
        status: StatusCode,
        problem: Option<&str>,
        carried: Option<&Carried>,
    ) -> Response<Bytes> {
        if status == StatusCode::OK && self.signed_in(request).is_some() {
            return request::see(next_of(request));
        }
        let t = request.lang.texts();
        let hidden = carried.map(Carried::hidden).unwrap_or_default();
        let next = carried.map_or_else(|| next_of(request).to_owned(), Carried::page);
        let content = html! {
            h1 { (t.sign_in) }
            form.card method="post" action="/sign-in" {
                // Password managers file what they keep by a name.
                input.sr type="text" name="account" value="carteiro" autocomplete="username" readonly tabindex="-1"
                    aria-hidden="true";
                input type="hidden" name="next" value=(next);
                (hidden)
                label for="token" { (t.access_token) }
                input #token name="token" type="password" autocomplete="current-password" required
                    autofocus[problem.is_none()]
                    aria-describedby=(if problem.is_some() { "token-problem token-help" } else { "token-help" })
                        aria-invalid=[problem.map(|_| "true")];
                @if let Some(problem) = problem { p.problem #token-problem role="alert" { (problem) } }
                p.help #token-help { (t.sign_in_help) }
                div.acts { button.main type="submit" { (t.sign_in) } }
            }
        };
        // A switch of language comes back here by GET.
        request::page(status, bare_with(request.lang, t.sign_in, "/sign-in", &hidden, &content))
    }

    async fn sign_in(&self, request: &PanelRequest, ingress: &Ingress) -> Response<Bytes> {
        let t = request.lang.texts();
        if request.is_foreign() {
            return Self::refuse(request, &self.foreign(request));
        }
        if request.is_too_long() {
            return Self::refuse(request, &Refusal::TooLong);
        }
        let token = request.form.get("token").unwrap_or_default();
        let carried = Carried::of_sign_in(request);
        let Some(caller) = self.service.authenticate(token, Origin::panel(request.from)) else {
            let page = |status, problem: &str| self.sign_in_page(request, status, Some(problem), carried.as_ref());
            return wrong(request, ingress, t.wrong_token, page);
        };
        if !caller.scopes.allows(Scope::Read) {
            return self.sign_in_page(request, StatusCode::FORBIDDEN, Some(t.no_read_scope), carried.as_ref());
        }
        if let Err(error) = self.service.note_sign_in(&caller, false).await {
            return Self::refuse(request, &error.into());
        }
        let session = self.sessions.begin(caller.account, Credential::of(token));
        self.sessions.save().await;
        tracing::info!(address = %request.from, "signed in to the panel");
        let page = match (carried, self.sessions.find(&self.service, &session, request.from, false)) {
            (Some(carried), Some(signed_in)) => self.again(&carried.into_request(request), &signed_in),
            _ => request::see(next_of(request)),
        };
        request::with_session(page, &session, request.secure)
    }

    /// Spends a link. A look at its page doesn't: messengers look at what people send one another.
    async fn sign_in_by_link(&self, request: &PanelRequest, ingress: &Ingress) -> Response<Bytes> {
        let t = request.lang.texts();
        if request.is_foreign() {
            return Self::refuse(request, &self.foreign(request));
        }
        let used = self.service.use_panel_link(request.form.get("link").unwrap_or_default());
        let origin = Origin::panel(request.from);
        let admitted = used
            .and_then(|(account, credential)| Some((account, credential, self.service.admit(&credential, origin)?)));
        let Some((account, credential, caller)) = admitted else {
            return wrong(request, ingress, t.wrong_link, |status, problem| link_page(request, status, Some(problem)));
        };
        if let Err(error) = self.service.note_sign_in(&caller, true).await {
            return Self::refuse(request, &error.into());
        }
        let session = self.sessions.begin(account, credential);
        self.sessions.save().await;
        tracing::info!(address = %request.from, "signed in to the panel by a link");
        request::with_session(request::see("/"), &session, request.secure)
    }

    /// A form that was sent after its session had ended, shown again to the person who has signed in since.
    fn again(&self, request: &PanelRequest, signed_in: &SignedIn) -> Response<Bytes> {
        let zone = self.service.time_zone();
        let view = self.view(request, signed_in, &zone, Some(request.lang.texts().ended_form.to_owned()));
        let shown = if view.can_change { ended::show(&view) } else { Err(Refusal::ReadOnly) };
        shown.unwrap_or_else(|refusal| Self::refuse_inside(&view, &refusal))
    }

    fn view<'a>(
        &'a self,
        request: &'a PanelRequest,
        signed_in: &'a SignedIn,
        zone: &'a Zone,
        note: Option<String>,
    ) -> View<'a> {
        View {
            service: &self.service,
            sessions: &self.sessions,
            can_change: signed_in.caller.scopes.allows(Scope::Admin),
            signed_in,
            request,
            lang: request.lang,
            t: request.lang.texts(),
            here: without_note(request),
            now: self.service.now(),
            zone,
            note,
            catalogue: Arc::default(),
        }
    }

    fn signed_in(&self, request: &PanelRequest) -> Option<SignedIn> {
        self.sessions.find(&self.service, request.session.as_deref()?, request.from, request.by_itself)
    }

    /// Somebody who has to sign in first. What they sent is not done, and not lost either.
    fn outside(&self, request: &PanelRequest, found: Option<(&PanelAccess, [u8; 16])>) -> Response<Bytes> {
        match found {
            None => Self::not_found(request),
            Some((PanelAccess::Form(_) | PanelAccess::Change(_), _)) if !request.is_foreign() => {
                let (carried, t) = (Carried::of_form(request), request.lang.texts());
                self.sign_in_page(request, StatusCode::UNAUTHORIZED, Some(t.ended), carried.as_ref())
            }
            Some((PanelAccess::Page(_) | PanelAccess::Own(_), _)) if request.here != "/" && is_page(&request.path) => {
                request::see(&request::with_field("/sign-in", "next", &request.here))
            }
            Some(_) => request::see("/sign-in"),
        }
    }

    async fn inside(&self, request: &PanelRequest, found: Option<(&PanelAccess, [u8; 16])>) -> Response<Bytes> {
        let Some(signed_in) = self.signed_in(request) else {
            return self.outside(request, found);
        };
        let zone = self.service.time_zone();
        let mut view = self.view(request, &signed_in, &zone, None);
        view.note = notes::said(&view).await;
        match self.dispatch(&view, found).await {
            Ok(page) => page,
            Err(refusal) => Self::refuse_inside(&view, &refusal),
        }
    }

    /// Answers a request of the session by its route. What changes something has to be a form of the session's own
    /// pages.
    async fn dispatch(&self, view: &View<'_>, found: Option<(&PanelAccess, [u8; 16])>) -> PageResult {
        let request = view.request;
        if request.method != Method::POST {
            return match found {
                Some((PanelAccess::Page(page), id)) => page(view, id).await,
                _ => Err(Refusal::NotFound),
            };
        }
        if request.is_foreign() {
            return Err(self.foreign(request));
        }
        if !view.signed_in.owns(request.form.get("csrf").unwrap_or_default()) {
            return Err(Refusal::Stale);
        }
        let (change, id) = match found {
            Some((PanelAccess::SignOut, _)) => {
                self.sessions.end(view.signed_in);
                self.sessions.save().await;
                return Ok(request::with_session(request::see("/sign-in"), "", request.secure));
            }
            Some((PanelAccess::Own(change), id)) => return change(view, id).await,
            _ if !view.can_change => return Err(Refusal::ReadOnly),
            Some((PanelAccess::Form(change), id)) => (change, id),
            _ if request.is_too_long() => return Err(Refusal::TooLong),
            Some((PanelAccess::Change(change), id)) => (change, id),
            _ => return Err(Refusal::NotFound),
        };
        change(view, id).await
    }

    /// Nothing is here, for somebody who isn't signed in.
    fn not_found(request: &PanelRequest) -> Response<Bytes> {
        let t = request.lang.texts();
        let content = html! {
            h1 { (t.not_found_title) }
            p { (t.not_found) }
            @if let Some(prefix) = below(&request.path) { p.help { (fill(t.below_a_path, &[&prefix])) } }
            p { a href="/" { (t.to_the_start) } }
        };
        request::page(StatusCode::NOT_FOUND, bare(request.lang, t.not_found_title, "/", &content))
    }

    fn refuse(request: &PanelRequest, refusal: &Refusal) -> Response<Bytes> {
        let t = request.lang.texts();
        let (status, title, sentence) = refusal_texts(request.lang, refusal);
        let content = html! { h1 { (title) } p { (sentence) } p { a href="/" { (t.back) } } };
        refused_page(status, bare(request.lang, title, "/", &content))
    }

    fn refuse_inside(view: &View<'_>, refusal: &Refusal) -> Response<Bytes> {
        let (status, title, sentence) = refusal_texts(view.lang, refusal);
        let back = back_of(view.request);
        let content = html! {
            div.head { h1 { (title) } }
            p.problem role="alert" { (sentence) }
            p { a href=(back) { (view.t.back) } }
        };
        refused_page(status, framed(view, Place::None, title, &content))
    }
}

/// The page again, for a token or a link that signs nobody in: it says so, or how long its sender has to wait after
/// too many of them.
fn wrong(
    request: &PanelRequest,
    ingress: &Ingress,
    problem: &str,
    page: impl FnOnce(StatusCode, &str) -> Response<Bytes>,
) -> Response<Bytes> {
    let Err(wait) = ingress.wrong_token(request.from) else {
        return page(StatusCode::UNAUTHORIZED, problem);
    };
    let seconds = wait.as_secs() + 1;
    let mut page = page(StatusCode::TOO_MANY_REQUESTS, &fill(request.lang.texts().too_many_tokens, &[&seconds]));
    page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    page
}

/// Where a link leads that signs in: a button. The link's secret stands behind the `#` of the address, where a script
/// finds it; without one, its reader pastes the link.
fn link_page(request: &PanelRequest, status: StatusCode, problem: Option<&str>) -> Response<Bytes> {
    let t = request.lang.texts();
    let content = html! {
        h1 { (t.sign_in) }
        form.card method="post" action="/sign-in/link" {
            div.field #link-field {
                label for="link" { (t.link) }
                input #link name="link" type="password" autocomplete="off" required
                    aria-describedby=(if problem.is_some() { "link-problem link-help" } else { "link-help" })
                        aria-invalid=[problem.map(|_| "true")];
                p.help #link-help { (t.link_help) }
            }
            @if let Some(problem) = problem { p.problem #link-problem role="alert" { (problem) } }
            // A script shows it where the address had the link.
            p #link-ready hidden { (t.link_ready) }
            div.acts { button.main #link-go type="submit" { (t.sign_in) } }
        }
        p { a href="/sign-in" { (t.with_a_token) } }
    };
    request::page(status, bare(request.lang, t.sign_in, "/sign-in/link", &content))
}

/// A page that says why not, and when to come back where that is a matter of time.
fn refused_page(status: StatusCode, content: Markup) -> Response<Bytes> {
    let mut page = request::page(status, content);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    page
}

impl Handler for Panel {
    /// Its own paths; and whatever is nobody's where a person asks, who reads a page.
    fn serves(&self, path: &str, headers: &HeaderMap) -> bool {
        let of_programs = || first(path).is_some_and(|first| OF_PROGRAMS.contains(&first));
        // One that begins with two slashes begins as `/` does, and is nobody's.
        let ours = !path.starts_with("//") && begins_as_ours(path);
        ours || request::wants_page(headers) && !of_programs()
    }

    fn class(&self, _method: &Method, _path: &str) -> Class {
        Class::Other
    }

    fn handle(
        self: Arc<Self>,
        request: InboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<http_in::Answer, Failure>> + Send>> {
        Box::pin(async move { self.respond(request).await })
    }
}

fn first(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}

/// Whether a path begins as one of the panel's does.
fn begins_as_ours(path: &str) -> bool {
    ROUTES.0.iter().any(|route| first(route.path) == first(path))
}

/// Whether a page can be had at a path, as one that a form is sent to may not be.
fn is_page(path: &str) -> bool {
    ROUTES.find(&Method::GET, path).is_ok()
}

/// What stands before a path of the panel's own, where a proxy publishes carteiro below a path.
fn below(path: &str) -> Option<&str> {
    let rest = path.get(1 + first(path)?.len()..)?;
    let is_ours = rest == "/" || rest.len() > 1 && ROUTES.find(&Method::GET, rest).is_ok();
    (is_ours && !begins_as_ours(path)).then(|| path.strip_suffix(rest)).flatten()
}

/// The address without a slash at its end, where that makes it one of the panel's own.
fn without_slash(request: &PanelRequest) -> Option<String> {
    let path = request.path.strip_suffix('/').filter(|path| !path.is_empty())?;
    let is_ours = ROUTES.0.iter().any(|route| route.matches(path).is_some());
    let own = is_ours.then(|| path.to_owned() + request.here.get(request.path.len()..).unwrap_or_default());
    own.filter(|own| request::is_ours(own))
}

/// Where someone wanted to go before they had to sign in.
fn next_of(request: &PanelRequest) -> &str {
    let next = request.form.get("next").or_else(|| request.query.get("next"));
    next.filter(|next| request::is_ours(next)).unwrap_or("/")
}

/// The page's own address, without the note of what was done. Of one that a link would lead elsewhere by, home's.
fn without_note(request: &PanelRequest) -> String {
    if !request::is_ours(&request.path) {
        return "/".to_owned();
    }
    let query = request.query.query(&["done", "ok", "not", "n"], None);
    if query.is_empty() { request.path.clone() } else { format!("{}?{query}", request.path) }
}

fn refusal_texts(lang: Lang, refusal: &Refusal) -> (StatusCode, &'static str, String) {
    let t = lang.texts();
    match refusal {
        Refusal::NotFound => (StatusCode::NOT_FOUND, t.not_found_title, t.not_found.to_owned()),
        Refusal::ReadOnly => (StatusCode::FORBIDDEN, t.forbidden_title, t.forbidden.to_owned()),
        Refusal::HostLost(page, host) => (StatusCode::FORBIDDEN, t.host_lost_title, fill(t.host_lost, &[page, host])),
        Refusal::Stale => (StatusCode::FORBIDDEN, t.stale_title, t.stale.to_owned()),
        Refusal::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, t.cant_title, t.too_long.to_owned()),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, t.cant_title, t.busy.to_owned()),
        Refusal::Of(reply) => (reply.status, t.cant_title, sentence(lang, &reply.detail)),
    }
}
