//! What answers requests, and a request as it is handed over.

use super::answer::{Answer, Failure};
use super::client_address::client_address;
use super::connection_slots::{Phase, Slot};
use super::ingress::Ingress;
use super::request_body::{BodyLimits, BodyOwner, RequestBody};
use super::traffic::Class;
use crate::config::Server as Settings;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::body::{Body as _, Incoming};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// Answers the requests of the paths it serves.
pub trait Handler: Send + Sync {
    /// Whether it answers what is asked for at a path with these headers.
    fn serves(&self, path: &str, headers: &HeaderMap) -> bool;
    /// What a request counts as in the metrics.
    fn class(&self, method: &Method, path: &str) -> Class;
    /// Answers a request. A failure is answered as the API's errors are.
    fn handle(
        self: Arc<Self>,
        request: InboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;
}

/// A request whose head has passed the checks that all have in common, and whose body is still to be read.
pub struct InboundRequest {
    /// Its head.
    pub head: Parts,
    /// Turns true when the daemon stops.
    pub stop: watch::Receiver<bool>,
    body: Option<Incoming>,
    peer: IpAddr,
    slot: Arc<Slot>,
    settings: Arc<Settings>,
    ingress: Arc<Ingress>,
}

impl InboundRequest {
    pub(super) fn new(
        (head, body): (Parts, Incoming),
        peer: IpAddr,
        slot: Arc<Slot>,
        settings: Arc<Settings>,
        ingress: Arc<Ingress>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { head, stop, body: Some(body), peer, slot, settings, ingress }
    }

    /// What all connections share.
    pub fn ingress(&self) -> &Arc<Ingress> {
        &self.ingress
    }

    /// Whose request it is: the peer's address, or the one that a trusted proxy names.
    pub fn client_address(&self) -> IpAddr {
        client_address(self.peer, &self.head.headers, &self.settings.trusted_proxies)
    }

    /// Whether the caller speaks TLS, to us or to a trusted proxy.
    pub fn is_secure(&self) -> bool {
        let by_proxy = self.settings.trusted_proxies.iter().any(|range| range.covers(self.peer.to_canonical()))
            && self.head.headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        by_proxy || self.ingress.certificate().is_some()
    }

    /// Whether it brings a body.
    pub fn has_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| !body.is_end_stream())
    }

    /// The longest body that is read where a route has no limit of its own, in bytes.
    pub fn max_body(&self) -> usize {
        self.settings.max_body
    }

    /// Reads the body of a caller who is known, of at most `max_bytes`. `Err` also where the connection has lost its
    /// slot meanwhile: its caller can't be answered any more, so nothing must be done.
    pub(crate) async fn read_body(&mut self, max_bytes: usize, owner: BodyOwner) -> Result<RequestBody, Failure> {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return Ok(RequestBody::default());
        };
        self.slot.enter(Phase::Body);
        let limits = BodyLimits { max_bytes, timeout: self.settings.body_timeout };
        let read = self.ingress.bodies.read(body, limits, owner).await;
        self.resume_work().and(read)
    }

    /// Reads the form of a visitor who isn't signed in; the errors are those of [`Self::read_body`].
    pub(crate) async fn read_form(&mut self) -> Result<Bytes, Failure> {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return Ok(Bytes::new());
        };
        self.slot.enter(Phase::Form);
        let read = self.ingress.bodies.read_form(body, self.settings.body_timeout).await;
        self.resume_work().and(read)
    }

    fn resume_work(&self) -> Result<(), Failure> {
        if self.slot.enter(Phase::Working) { Ok(()) } else { Err(Failure::no_slot()) }
    }
}
