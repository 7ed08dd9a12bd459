//! The way to pages that people look at, for whoever has some: this room reads the request and knows nothing of what is on them.

use super::answer::{Answer, Failure};
use super::bodies::BodyLimits;
use super::ingress::{Phase, caller};
use super::server::Connection;
use crate::body::{Body, Unread};
use crate::config::Server as Settings;
use crate::service::Caller;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::pin::Pin;

/// Pages beside the API. The daemon wires them in: the rooms that have some and this one don't know each other.
pub trait Pages: Send + Sync {
    /// Whether this path is one of theirs.
    fn has(&self, path: &str) -> bool;
    /// Who asks, if signed in; `secure` as below.
    fn knows(&self, head: &Parts, secure: bool) -> Option<Caller>;
    /// Answers a request that came from this address; `secure` tells whether the browser speaks TLS, to us or to a trusted proxy.
    /// A body that wasn't read is empty, and its [`Unread`] stands among the request's extensions.
    fn answer<'a>(
        &'a self,
        request: Request<Bytes>,
        from: IpAddr,
        secure: bool,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;
}

pub(super) async fn answer(
    connection: &Connection,
    settings: &Settings,
    pages: &dyn Pages,
    head: Parts,
    body: Incoming,
) -> Result<Answer, Failure> {
    let from = caller(connection.peer, &head.headers, &settings.trusted_proxies);
    let by_proxy = settings.trusted_proxies.iter().any(|range| range.contains(connection.peer))
        && head.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = by_proxy || connection.ingress.certificate().is_some();
    let bodies = &connection.ingress.bodies;
    let read = if head.method == Method::GET || head.method == Method::HEAD {
        // Nothing in it would be looked at; hyper closes the connection behind what isn't read.
        Ok(Bytes::new())
    } else if let Some(caller) = pages.knows(&head, secure) {
        connection.place.enter(Phase::Body);
        let limits = BodyLimits { max_bytes: settings.max_body, timeout: settings.body_timeout };
        bodies.read(body, limits, super::room::holder(&caller)).await.map(super::bodies::Body::into_bytes)
    } else {
        connection.place.enter(Phase::Form);
        bodies.read_form(body, settings.body_timeout).await
    };
    if !connection.place.enter(Phase::Working) {
        // Its caller is told nothing any more, so nothing must be done.
        return Err(Failure::unavailable("every connection is taken: try again in a moment"));
    }
    let (body, unread) = match read {
        Ok(body) => (body, None),
        // People read a page.
        Err(failure) => match failure.status() {
            StatusCode::PAYLOAD_TOO_LARGE => (Bytes::new(), Some(Unread::TooLong)),
            StatusCode::SERVICE_UNAVAILABLE => (Bytes::new(), Some(Unread::Busy)),
            _ => return Err(failure),
        },
    };
    let mut request = Request::from_parts(head, body);
    if let Some(unread) = unread {
        request.extensions_mut().insert(unread);
    }
    let answer = Answer::of_page(pages.answer(request, from, secure).await);
    // What is left of the body is not read.
    Ok(if unread.is_some() { answer.with(header::CONNECTION, "close") } else { answer })
}
