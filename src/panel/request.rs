//! One request as the pages see it, and what goes out: headers that let nothing in a page act but the panel's own
//! files.

use super::texts::Lang;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use maud::Markup;
use std::net::IpAddr;

const COOKIE: &str = "carteiro";
/// Over TLS the name itself makes a browser refuse one that was set for a whole domain or without TLS.
const SECURE_COOKIE: &str = "__Host-carteiro";
const LANGUAGE_COOKIE: &str = "carteiro-lang";
/// What its reader has dismissed, until the browser is closed.
const DISMISSED_COOKIE: &str = "carteiro-dismissed";
/// How many marks of what was dismissed are kept: as many cards as a person closes in a day.
const MAX_DISMISSED: usize = 20;
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The longest form that is obeyed, in bytes: a description, an authorization and a hundred patterns.
const MAX_FORM_BYTES: usize = 64 * 1024;
/// How many fields of a query or a form are read: more than the catalogue has boxes, and little memory.
const MAX_FIELDS: usize = 10_000;

/// The fields of a query or a form, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct FormFields(Vec<(String, String)>);

impl FormFields {
    pub(super) const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    fn parse(bytes: &[u8]) -> Self {
        let fields = form_urlencoded::parse(bytes).take(MAX_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of this name; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.trim());
        named.find(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.trim())
    }

    /// As a query, with some fields left out and one added.
    pub(super) fn query(&self, without: &[&str], with: Option<(&str, &str)>) -> String {
        let others = self.0.iter().filter(|(name, value)| !value.is_empty() && !without.contains(&&**name));
        let pairs = others.map(|(name, value)| (&**name, &**value)).chain(with);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}

/// Why a form wasn't read, where the request is answered all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than it may be.
    TooLong,
    /// As many bodies are being read as may be at once.
    Busy,
}

/// One request.
#[derive(Clone)]
pub(super) struct PanelRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: FormFields,
    pub(super) form: FormFields,
    /// How long the form is.
    pub(super) form_bytes: usize,
    /// Why the form wasn't read, if it wasn't.
    pub(super) unread: Option<Unread>,
    /// What a browser has already of the panel's files.
    pub(super) known: Option<HeaderValue>,
    pub(super) lang: Lang,
    pub(super) session: Option<String>,
    /// The marks of what was dismissed.
    pub(super) dismissed: Vec<String>,
    pub(super) from: IpAddr,
    /// Whether the browser speaks TLS, to us or to a proxy that is trusted.
    pub(super) secure: bool,
    /// The address of the page itself, to come back to.
    pub(super) here: String,
    /// Whether it was sent by a page of this very origin; `None` where the browser doesn't say.
    pub(super) own_origin: Option<bool>,
    /// The host of the page that sent a form, where it isn't the one that we were called by and nothing else tells
    /// whether it is ours: as a rule, a proxy has put another `Host` in.
    pub(super) host_lost: Option<String>,
    /// Below which path a proxy says that it publishes us; empty where it says nothing.
    pub(super) prefix: String,
    /// What it calls us.
    pub(super) host: String,
    /// Whether an open page asks by itself.
    pub(super) by_itself: bool,
}

impl PanelRequest {
    /// Whether the form is longer than what is obeyed; it is read all the same, so that what was typed can be given
    /// back.
    pub(super) fn is_too_long(&self) -> bool {
        self.form_bytes > MAX_FORM_BYTES || self.unread == Some(Unread::TooLong)
    }

    /// Whether it was sent by a page of another origin.
    pub(super) fn is_foreign(&self) -> bool {
        self.own_origin == Some(false)
    }

    pub(super) fn read(request: &Request<Bytes>, from: IpAddr, secure: bool) -> Self {
        let headers = request.headers();
        let query = FormFields::parse(request.uri().query().unwrap_or_default().as_bytes());
        let form =
            if *request.method() == Method::POST { FormFields::parse(request.body()) } else { FormFields::default() };
        // Portuguese, the guide's, where it likes neither.
        let accepted = || Lang::accepted(text(headers, header::ACCEPT_LANGUAGE)).unwrap_or(Lang::Pt);
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            lang: cookie(headers, LANGUAGE_COOKIE).and_then(Lang::parse).unwrap_or_else(accepted),
            session: session(headers, secure).map(str::to_owned),
            dismissed: marks(cookie(headers, DISMISSED_COOKIE).unwrap_or_default().split('_')),
            here: request.uri().path_and_query().map_or("/", |all| all.as_str()).to_owned(),
            own_origin: is_own_origin(headers),
            host_lost: origin_of(headers).filter(|_| is_own_origin(headers) == Some(false)).map(str::to_owned),
            prefix: text(headers, header::HeaderName::from_static("x-forwarded-prefix")).trim_matches('/').to_owned(),
            host: text(headers, header::HOST).to_owned(),
            // A form sent without leaving the page is somebody's doing; the page it leads to is not.
            by_itself: headers.contains_key("carteiro-live") && request.method() != Method::POST
                || request.uri().path() == "/live",
            form_bytes: request.body().len(),
            unread: None,
            known: headers.get(header::IF_NONE_MATCH).cloned(),
            query,
            form,
            from,
            secure,
        }
    }
}

/// Whether who asks reads pages, as browsers do.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT).contains("text/html")
}

/// What the session's cookie holds.
pub(super) fn session(headers: &HeaderMap, secure: bool) -> Option<&str> {
    cookie(headers, cookie_name(secure))
}

const fn cookie_name(secure: bool) -> &'static str {
    if secure { SECURE_COOKIE } else { COOKIE }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Browsers say where a request comes from in `Sec-Fetch-Site` or `Origin`; `None` of one that says neither, for which
/// only the form's token counts. A proxy that rewrites `Host` is no hindrance where the browser sends the former, which
/// it does over TLS.
fn is_own_origin(headers: &HeaderMap) -> Option<bool> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return Some(site == "same-origin" || site == "none");
    }
    headers.get(header::ORIGIN)?;
    Some(origin_of(headers).is_some_and(|authority| authority.eq_ignore_ascii_case(text(headers, header::HOST))))
}

/// The host of `Origin`, where the browser says no more than that.
fn origin_of(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key("sec-fetch-site") {
        return None;
    }
    text(headers, header::ORIGIN).split_once("://").map(|(_, authority)| authority)
}

/// Whether a path leads to a page of ours: never to another origin, whatever a link says.
pub(super) fn is_ours(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn guarded(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: browsers would call the origin of the panel's own forms "null".
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

pub(super) fn page(status: StatusCode, body: Markup) -> Response<Bytes> {
    let body = at_its_problem(body.into_string(), status.is_client_error());
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    guarded(response)
}

/// A page with the focus on the first field that has a problem or, of what was `refused` where no field is to blame, on
/// the sentence that says why: who has no mouse would begin anew at the top. It needs no script, and no form can leave
/// it out. What others wrote has no quotation mark in it that isn't escaped, so that none of it is taken for a field.
fn at_its_problem(mut html: String, refused: bool) -> String {
    const FIELD: &str = " aria-invalid=\"true\"";
    const NOTE: &str = "<p class=\"problem\" role=\"alert\"";
    if let Some(at) = html.find(FIELD) {
        html.insert_str(at, " autofocus");
    } else if let Some(at) = html.find(NOTE).filter(|_| refused) {
        html.insert_str(at + NOTE.len(), " tabindex=\"-1\" autofocus");
    }
    html
}

/// A text that a browser keeps as a file of this name.
pub(super) fn text_file(name: &str, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    guarded(response)
}

/// A file of the panel's own. Browsers ask each time whether it has changed: an update of the binary shows at once.
pub(super) fn asset(
    content_type: &'static str,
    bytes: &'static [u8],
    tag: &str,
    known: Option<&HeaderValue>,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(bytes));
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        *response.body_mut() = Bytes::new();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    guarded(response)
}

/// A status, and nothing to show.
pub(super) fn bare_status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    guarded(response)
}

/// For a path that takes other methods; no page or form of the panel's own asks so.
pub(super) fn method_not_allowed(allowed: &[&str]) -> Response<Bytes> {
    let mut response = bare_status(StatusCode::METHOD_NOT_ALLOWED);
    if let Ok(allow) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// To the same page under its own address, by the same method.
pub(super) fn moved(path: &str) -> Response<Bytes> {
    let mut response = see(path);
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
}

/// An address with one field in its query.
pub(super) fn with_field(path: &str, name: &str, value: &str) -> String {
    format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish())
}

/// To another page, by GET.
pub(super) fn see(path: &str) -> Response<Bytes> {
    let mut response = bare_status(StatusCode::SEE_OTHER);
    let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, path);
    response
}

fn set_cookie(response: &mut Response<Bytes>, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Sets the session's cookie; an empty one takes it away.
pub(super) fn with_session(mut response: Response<Bytes>, session: &str, secure: bool) -> Response<Bytes> {
    let (name, flag) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    let age = if session.is_empty() { "; Max-Age=0" } else { "" };
    set_cookie(&mut response, &format!("{name}={session}; Path=/; HttpOnly; SameSite=Strict{flag}{age}"));
    response
}

/// The marks that can stand in a cookie: of letters, digits, hyphens and dots.
fn marks<'a>(marks: impl Iterator<Item = &'a str>) -> Vec<String> {
    let good = |mark: &&str| {
        (1..=64).contains(&mark.len())
            && mark.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    marks.filter(good).map(str::to_owned).take(2 * MAX_DISMISSED).collect()
}

/// Remembers what was dismissed, the newest marks alone.
pub(super) fn with_dismissed(mut response: Response<Bytes>, all: &[String], secure: bool) -> Response<Bytes> {
    let flag = if secure { "; Secure" } else { "" };
    let kept = marks(all.iter().map(String::as_str));
    let value = kept[kept.len().saturating_sub(MAX_DISMISSED)..].join("_");
    let age = if value.is_empty() { "; Max-Age=0" } else { "" };
    set_cookie(&mut response, &format!("{DISMISSED_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{flag}{age}"));
    response
}

pub(super) fn with_language(mut response: Response<Bytes>, lang: Lang, secure: bool) -> Response<Bytes> {
    let flag = if secure { "; Secure" } else { "" };
    let code = lang.code();
    set_cookie(
        &mut response,
        &format!("{LANGUAGE_COOKIE}={code}; Path=/; HttpOnly; SameSite=Lax{flag}; Max-Age=31536000"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_focus_is_where_the_problem_is() {
        let (field, note) = ("<input id=\"a\" aria-invalid=\"true\">", "<p class=\"problem\" role=\"alert\">não</p>");
        let focused = "<input id=\"a\" autofocus aria-invalid=\"true\">";
        let said = "<p class=\"problem\" role=\"alert\" tabindex=\"-1\" autofocus>não</p>";
        for (html, refused, expected) in [
            (format!("{note}{field}{field}"), true, format!("{note}{focused}{field}")),
            (field.to_owned(), false, focused.to_owned()),
            (format!("{note}{note}"), true, format!("{said}{note}")),
            // A list with a filter that can't be read is the list all the same.
            (note.to_owned(), false, note.to_owned()),
        ] {
            assert_eq!(at_its_problem(html, refused), expected);
        }
    }

    #[test]
    fn links_lead_nowhere_else() {
        for good in ["/", "/events?type=PAYMENT.*", "/webhooks/new"] {
            assert!(is_ours(good), "{good}");
        }
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "javascript:1", "/ã"] {
            assert!(!is_ours(bad), "{bad}");
        }
    }

    #[test]
    fn forms_of_other_pages_are_known_by_what_the_browser_says() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("painel.example:8443"));
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_own_origin(&headers)
        };
        assert_eq!(of(&[]), None);
        for own in [("origin", "https://painel.example:8443"), ("sec-fetch-site", "same-origin")] {
            assert_eq!(of(&[own]), Some(true), "{own:?}");
        }
        for bad in
            ["null", "https://evil.example", "https://painel.example", "https://painel.example:8443.evil.example"]
        {
            assert_eq!(of(&[("origin", bad)]), Some(false), "{bad}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(of(&[("sec-fetch-site", site)]), Some(false), "{site}");
        }
    }
}
