//! The way to pages that people look at, for whoever has some: this room reads the request and knows nothing of what is on them.

use super::answer::{Answer, Failure};
use super::ingress::{Phase, caller};
use super::server::Connection;
use super::{BodyLimits, read_body};
use crate::body::Body;
use crate::config::Server as Settings;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::pin::Pin;

/// Pages beside the API. The daemon wires them in: the rooms that have some and this one don't know each other.
pub trait Pages: Send + Sync {
    /// Whether this path is one of theirs.
    fn has(&self, path: &str) -> bool;
    /// Answers a request that came from this address; `secure` tells whether the browser speaks TLS, to us or to a trusted proxy.
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
    connection.place.enter(Phase::Body);
    let limits = BodyLimits { max_bytes: settings.max_body, timeout: settings.body_timeout };
    let body = read_body(body, limits).await?;
    if !connection.place.enter(Phase::Working) {
        // Its caller is told nothing any more, so nothing must be done.
        return Err(Failure::unavailable("every connection is taken: try again in a moment"));
    }
    Ok(Answer::of_page(pages.answer(Request::from_parts(head, body), from, secure).await))
}
