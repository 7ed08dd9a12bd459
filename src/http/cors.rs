//! Calls from other people's pages: what a browser must know before it lets them through (the Fetch standard's
//! CORS). Off unless `server.cors_origins` names somebody. Cookies play no part, so credentials are never allowed.

use super::answer::Answer;
use crate::config::Origin;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// How long a browser may keep the answer to its question, in seconds: what Chromium takes at most is two hours.
const MAX_AGE_S: &str = "7200";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, Traceparent, Tracestate";
/// What a page may read of an answer's head.
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id, Location, ETag, Idempotent-Replayed, Retry-After");

/// The answer to a browser that asks whether a call would be let through; `None` for anything else. It needs no token:
/// a browser sends none with its question.
pub(crate) fn preflight(origins: &[Origin], head: &Parts) -> Option<Answer> {
    let asks = head.method == Method::OPTIONS && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let origin = head.headers.get(header::ORIGIN)?;
    if !asks || !is_allowed(origins, origin) {
        return None;
    }
    let answer = Answer::empty(StatusCode::NO_CONTENT)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS)
        .with(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    Some(answer)
}

/// Says on an answer, whatever it is, who may read it.
pub(crate) fn allow(origins: &[Origin], origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if origins.is_empty() {
        return;
    }
    // For caches: another page gets another one.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|origin| is_allowed(origins, origin)) {
        let everyone = origins.iter().any(Origin::is_everyone);
        let allowed = if everyone { HeaderValue::from_static("*") } else { origin.clone() };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn is_allowed(origins: &[Origin], origin: &HeaderValue) -> bool {
    origins.iter().any(|one| one.is_everyone() || one.as_str().as_bytes() == origin.as_bytes())
}
