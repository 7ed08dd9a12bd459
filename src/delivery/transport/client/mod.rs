//! One attempt: a POST to a target, bounded in every phase, and its result.
//!
//! An attempt never fails as a call: that a target could not be reached is data. Who is tried when, how often, and
//! what a response means for the schedule is not known here.

mod dial;
#[cfg(test)]
mod tests;

use super::charset::Charset;
use super::client_certificates::{CertificateId, ClientCertificate, ClientCertificates};
use super::connect::{Connector, Dial, elapsed_us};
use super::connection::{Connection, HttpRequest, ResponseHead};
use super::pool::{Generation, Pool};
use super::resolve::{self, LookUp, Resolver, literal};
use super::response;
use super::settings::{ClientSettings, MAX_TIMEOUT};
use crate::clock::Clock;
use crate::delivery::failure;
use crate::model::{
    AccountNo, Attempt, AttemptError, AttemptResult, ClientCertificateName, Response, SentRequest, TargetUrl,
    Timestamp, Timings, TlsVersion, Trigger, WebhookNo,
};
use crate::tls::CertificateEnd;
use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What every request of carteiro's says of its sender.
pub(crate) const AGENT: &str = concat!("carteiro/", env!("CARGO_PKG_VERSION"));
/// How long the body of a 2XX is waited for. Its head has confirmed already; the end is only wanted for the
/// connection's sake.
pub const CONFIRMED_PATIENCE: Duration = Duration::from_secs(1);
/// How many names of targets are resolved at once for attempts. With [`MAX_CHECKS`] it leaves three quarters of
/// tokio's 512 blocking threads to the store.
const MAX_LOOKUPS: usize = 120;
/// How many are resolved at once for [`Client::refusal`], beside those of attempts: many new webhooks with names that
/// hang must not fail the attempts of others.
const MAX_CHECKS: usize = 8;
/// How long [`Client::refusal`] waits for a name.
pub const CHECK_PATIENCE: Duration = Duration::from_secs(2);

/// What is to be sent. It can't be printed: the body holds what belongs in no log.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The webhook: connections are pooled per webhook, scheme, host and port.
    pub pool: WebhookNo,
    /// Where it goes.
    pub target: Arc<TargetUrl>,
    /// The certificate that the target is shown should it ask for one, and whose webhook it is. Nothing is sent unless
    /// the account may use it.
    pub client_certificate: Option<(ClientCertificateName, AccountNo)>,
    /// All headers but `Host` and `Content-Length`, which are set here whatever stands there (a GET has no length).
    /// `Accept: */*` is added unless there is one: some firewalls refuse a request without it.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl OutboundRequest {
    /// One of carteiro's own, of no webhook. It ends its connection: the next one may be hours away.
    pub(crate) fn own(target: Arc<TargetUrl>, mut headers: HeaderMap, body: Bytes) -> Self {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Self { pool: WebhookNo(0), target, client_certificate: None, headers, body }
    }
}

/// What one attempt did, and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// From the start to the end of what was read, microseconds.
    pub duration_us: u32,
    /// The phases that were reached, a failed one included; on a pooled connection `first_byte_us` alone.
    pub timings: Timings,
    /// The target's address that was spoken to, or dialled last; by way of a proxy, the one that the proxy was asked
    /// for.
    pub remote_ip: Option<IpAddr>,
    /// The version of TLS on the connection that was spoken over.
    pub tls: Option<TlsVersion>,
    /// Whether there was a connection to send the request over.
    pub sent: bool,
    /// The response, or why there is none.
    pub result: AttemptResult,
}

impl AttemptReport {
    /// The attempt as it is stored.
    pub(crate) fn into_attempt(
        self,
        number: u16,
        trigger: Trigger,
        started_at: Timestamp,
        mut request: Option<Box<SentRequest>>,
    ) -> Attempt {
        if let Some(request) = &mut request {
            request.sent = self.sent;
        }
        Attempt {
            number,
            trigger,
            started_at,
            duration_us: self.duration_us,
            timings: self.timings,
            remote_ip: self.remote_ip,
            tls: self.tls,
            request,
            result: self.result,
            next_attempt_at: None,
        }
    }
}

/// Makes attempts and keeps their connections. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    current: RwLock<Current>,
    connector: Connector,
    checks: Resolver,
    pool: Pool,
    clock: Clock,
    /// What the config calls the accounts; empty until [`Client::know_accounts`].
    accounts: RwLock<HashMap<AccountNo, String>>,
}

#[derive(Clone)]
struct Current {
    settings: Arc<ClientSettings>,
    generation: Generation,
}

impl Client {
    /// A client without connections. `clock` is what a date in `Retry-After` is measured from.
    pub fn new(settings: ClientSettings, clock: Clock) -> Self {
        Self::resolving_by(Arc::new(resolve::system), settings, clock)
    }

    pub(crate) fn resolving_by(look_up: Arc<LookUp>, settings: ClientSettings, clock: Clock) -> Self {
        let current = Current { settings: Arc::new(settings), generation: Generation::default() };
        let connector = Connector::new(Resolver::new(look_up.clone(), MAX_LOOKUPS), clock.clone());
        let (checks, pool) = (Resolver::new(look_up, MAX_CHECKS), Pool::default());
        let (current, accounts) = (RwLock::new(current), RwLock::default());
        Self { inner: Arc::new(Inner { current, connector, checks, pool, clock, accounts }) }
    }

    /// Attempts from now on follow `settings`, on connections made under them. Those under way end as they began.
    pub fn replace(&self, settings: ClientSettings) {
        let mut current = self.inner.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { settings: Arc::new(settings), generation: current.generation.next() };
        self.inner.pool.renew(current.generation);
    }

    /// What the config calls its accounts, whose names its client certificates have. Until this is known, no
    /// certificate that is for some accounts alone is shown to anybody.
    pub fn know_accounts(&self, accounts: impl IntoIterator<Item = (AccountNo, String)>) {
        *self.inner.accounts.write().unwrap_or_else(PoisonError::into_inner) = accounts.into_iter().collect();
    }

    /// The client certificates in use, of all accounts.
    pub fn client_certificates(&self) -> ClientCertificates {
        self.current().settings.client_certificates.clone()
    }

    /// Whether webhooks of this account may use the client certificate.
    pub fn permits(&self, certificate: &ClientCertificate, account: AccountNo) -> bool {
        self.inner.permits(certificate, account)
    }

    /// Has `make` make a client certificate anew, from TLS as it is spoken without one, and takes it up; returns it
    /// unless a reload has replaced `old` meanwhile. Connections that were made with the old one serve no more.
    pub(super) fn renew_certificate(
        &self,
        old: &Arc<ClientCertificate>,
        make: impl FnOnce(&rustls::ClientConfig) -> Option<ClientCertificate>,
    ) -> Option<Arc<ClientCertificate>> {
        let mut current = self.inner.current.write().unwrap_or_else(PoisonError::into_inner);
        let present = &current.settings.client_certificates;
        if !present.get(&old.name).is_some_and(|present| Arc::ptr_eq(present, old)) {
            return None;
        }
        let new = Arc::new(make(&current.settings.tls)?);
        let client_certificates = present.renewed(&new);
        current.settings = Arc::new(ClientSettings { client_certificates, ..ClientSettings::clone(&current.settings) });
        Some(new)
    }

    /// Why an attempt at `target` would be refused if it were made now. `None` also for a name that leads nowhere at
    /// present, or not within [`CHECK_PATIENCE`]: it may lead somewhere when there is something to send.
    ///
    /// What is found out here is never dialled: each attempt resolves and judges anew.
    pub async fn refusal(&self, target: &TargetUrl) -> Option<AttemptError> {
        let settings = self.current().settings;
        if !target.is_https() && !settings.allows_http() {
            return Some(failure::not_https(target));
        }
        let found = match literal(target.host()) {
            Some(ip) => vec![ip],
            None => timeout(CHECK_PATIENCE, self.inner.checks.look_up(target.host())).await.ok()?.ok()?,
        };
        let addresses: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, target.port())).collect();
        settings.guard().admit(&addresses).err().map(|blocked| failure::blocked(&blocked))
    }

    /// When the certificate ends that a target showed at its last handshake; `None` where there was none since the
    /// start.
    pub fn certificate_of(&self, target: &TargetUrl) -> Option<CertificateEnd> {
        self.inner.connector.certificates.of(target)
    }

    fn current(&self) -> Current {
        self.inner.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// POSTs once, follows no redirect, and ends within the timeout; one that is dropped takes its connection along.
    ///
    /// A 2XX counts as soon as its head is in. A body that is broken, slow or too long shortens what is stored of it
    /// and costs the connection, never the response. A pooled connection that turns out to be dead before a byte of the
    /// response is received is replaced by a new one, once, within the same timeout; the target may see the request
    /// twice, as delivery at least once allows. Must run inside a tokio runtime with I/O and time.
    pub async fn attempt(&self, request: OutboundRequest) -> AttemptReport {
        self.request(Method::POST, request).await
    }

    /// Likewise with GET, and without a body.
    pub async fn get(&self, request: OutboundRequest) -> AttemptReport {
        self.request(Method::GET, OutboundRequest { body: Bytes::new(), ..request }).await
    }

    async fn request(&self, method: Method, request: OutboundRequest) -> AttemptReport {
        let start = Instant::now();
        let current = self.current();
        let deadline = start + current.settings.delivery.timeout.min(MAX_TIMEOUT);
        let target = Arc::clone(&request.target);

        let mut progress = Progress::default();
        let outcome = timeout_at(deadline, self.inner.run(method, request, &current, deadline, &mut progress)).await;
        let result = match (progress.response, outcome) {
            (Some(mut response), _) => {
                let body = std::mem::take(&mut response.body);
                response.body = progress.charset.decode(body, Response::KEPT_BODY_BYTES);
                AttemptResult::Response(response)
            }
            (None, Ok(Err(error))) => AttemptResult::Error(error),
            (None, Err(_)) => AttemptResult::Error(failure::silent(target.host(), current.settings.delivery.timeout)),
            (None, Ok(Ok(()))) => unreachable!("a run that ends well has left its response"),
        };
        AttemptReport {
            duration_us: progress.duration_us.unwrap_or_else(|| elapsed_us(start)),
            timings: progress.dial.timings,
            remote_ip: progress.dial.remote_ip,
            tls: progress.dial.tls,
            sent: progress.sent,
            result,
        }
    }

    /// Drops the connections that have waited too long. To be called every few seconds; nothing breaks when it is not.
    pub fn sweep(&self) {
        self.inner.pool.sweep(Instant::now());
    }

    /// Drops the pooled connections of a webhook: it was deleted, or its target changed.
    pub fn forget(&self, webhook: WebhookNo) {
        self.inner.pool.forget(webhook);
    }

    /// How many connections wait for their next attempt.
    pub fn idle(&self) -> usize {
        self.inner.pool.len()
    }
}

/// What an attempt has come to know so far; it outlives the run, which a timeout may cut off anywhere.
#[derive(Default)]
struct Progress {
    dial: Dial,
    /// Whether there was a connection to send the request over.
    sent: bool,
    response: Option<Response>,
    /// What its body is written in.
    charset: Charset,
    /// Set when the body has ended, so that giving the connection back isn't measured.
    duration_us: Option<u32>,
}

/// Where a request goes, and as whom.
#[derive(Clone, Copy)]
struct Destination<'a> {
    webhook: WebhookNo,
    target: &'a TargetUrl,
    certificate: Option<&'a ClientCertificate>,
}

impl Destination<'_> {
    fn certificate_id(self) -> Option<CertificateId> {
        self.certificate.map(|certificate| certificate.id)
    }
}

impl Inner {
    fn permits(&self, certificate: &ClientCertificate, account: AccountNo) -> bool {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        certificate.settings().permits(accounts.get(&account).map_or("", String::as_str))
    }

    /// The certificate that a webhook wants shown. It is the target's business whether it asks for one, but without TLS
    /// it can't.
    fn certificate(
        &self,
        current: &Current,
        (name, account): &(ClientCertificateName, AccountNo),
        target: &TargetUrl,
    ) -> Result<Arc<ClientCertificate>, AttemptError> {
        let certificate = current.settings.client_certificates.get(name);
        let certificate = certificate.ok_or_else(|| failure::no_client_certificate(name))?;
        if !self.permits(certificate, *account) {
            return Err(failure::foreign_client_certificate(name));
        }
        if !target.is_https() {
            return Err(failure::not_https_for_certificate(target, name));
        }
        Ok(certificate.clone())
    }

    async fn run(
        &self,
        method: Method,
        outbound: OutboundRequest,
        current: &Current,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<(), AttemptError> {
        let start = Instant::now();
        let (webhook, target) = (outbound.pool, Arc::clone(&outbound.target));
        let certificate = outbound.client_certificate.as_ref();
        let certificate = certificate.map(|wanted| self.certificate(current, wanted, &target)).transpose()?;
        let to = Destination { webhook, target: &target, certificate: certificate.as_deref() };
        if !target.is_https() && !current.settings.allows_http() {
            return Err(failure::not_https(&target));
        }
        let request = http_request(method, outbound)?;
        let (mut connection, answer) = self.exchange(to, request, current, deadline, progress).await?;

        let ResponseHead { response: answer, is_tidy } = answer;
        let (head, mut body) = answer.into_parts();
        let response = progress.response.insert(response::from_head(&head, || self.clock.now()));
        progress.charset = Charset::of(head.headers.get(CONTENT_TYPE));
        let reusable = is_tidy && response::allows_reuse(&head);
        let finish = async {
            if read_to_end(&mut body, &mut response.body).await {
                progress.duration_us = Some(elapsed_us(start));
                if reusable && connection.wait_until_ready().await {
                    self.pool.give(webhook, target.clone(), to.certificate_id(), connection, current.generation);
                }
            }
        };
        if head.status.is_success() {
            // Either way it has confirmed.
            timeout(CONFIRMED_PATIENCE, finish).await.ok();
        } else {
            finish.await;
        }
        Ok(())
    }

    /// Sends the request over a pooled connection or a new one, and waits for the head of the response.
    async fn exchange(
        &self,
        to: Destination<'_>,
        request: HttpRequest,
        current: &Current,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<(Connection, ResponseHead), AttemptError> {
        let Destination { webhook, target, certificate } = to;
        let (generation, now) = (current.generation, Instant::now());
        if let Some(mut pooled) = self.pool.take(webhook, target, to.certificate_id(), generation, now) {
            progress.dial.remote_ip = Some(pooled.remote_ip);
            progress.dial.tls = pooled.tls;
            progress.sent = true;
            let sent = Instant::now();
            match pooled.send(request.clone()).await {
                // Sent to a connection that had waited too long, as it was taken up again: an answer to no request
                // (RFC 9110, 15.5.9). On a new one it is an answer.
                Ok(answer) if answer.response.status() == StatusCode::REQUEST_TIMEOUT => {
                    progress.dial = Dial::default();
                }
                Ok(answer) => {
                    progress.dial.timings.first_byte_us = Some(elapsed_us(sent));
                    return Ok((pooled, answer));
                }
                // The request goes out once more, as Go's client does for one that carries an idempotency key: ours
                // carries `webhook-id`.
                Err(unanswered) if unanswered.was_stale() => progress.dial = Dial::default(),
                Err(unanswered) => return Err(failure::exchanging(target.host(), &unanswered)),
            }
        }
        let settings = &current.settings;
        let connected = self.connector.connect(target, certificate, settings, deadline, &mut progress.dial);
        let mut connection = connected.await?;
        progress.sent = true;
        let sent = Instant::now();
        let answer =
            connection.send(request).await.map_err(|unanswered| failure::exchanging(target.host(), &unanswered))?;
        progress.dial.timings.first_byte_us = Some(elapsed_us(sent));
        Ok((connection, answer))
    }
}

/// The names of all headers of a request, in the order in which [`http_request`] sends them.
pub(crate) fn names_as_sent(own: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let is_set_here = |name: &&HeaderName| [HOST, ACCEPT, CONTENT_LENGTH].contains(name);
    let between = own.keys().filter(move |name| !is_set_here(name)).cloned();
    [HOST, ACCEPT].into_iter().chain(between).chain([CONTENT_LENGTH])
}

pub(crate) fn http_request(method: Method, outbound: OutboundRequest) -> Result<HttpRequest, AttemptError> {
    let OutboundRequest { pool: _, client_certificate: _, target, headers: own, body } = outbound;
    let path = target.path_and_query();
    // `https://loja.example?x=1` has a query and no path, which a request line must not lack.
    let path = if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) };
    let (Ok(path), Ok(host)) = (PathAndQuery::try_from(path.as_ref()), HeaderValue::try_from(target.host_header()))
    else {
        return Err(failure::no_request(&target));
    };
    let mut headers = HeaderMap::with_capacity(own.len() + 3);
    // First, as RFC 9110, 7.2 asks; a map keeps the order of what was inserted first.
    headers.insert(HOST, host.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.extend(own);
    headers.insert(HOST, host);
    // A GET that has one is no usual request, and some firewalls refuse it.
    if method == Method::GET {
        headers.remove(CONTENT_LENGTH);
    } else {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(path);
    *request.headers_mut() = headers;
    Ok(request)
}

/// Reads on to the end, or until [`Response::READ_BODY_BYTES`] are in, and returns whether that was all. `prefix` grows
/// as bytes arrive, so that a caller that times out has what was received.
async fn read_to_end(body: &mut Incoming, prefix: &mut Vec<u8>) -> bool {
    let mut read = 0;
    while !body.is_end_stream() {
        let data = match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let wanted = Response::KEPT_BODY_BYTES - prefix.len();
        prefix.extend_from_slice(&data[..data.len().min(wanted)]);
        read += data.len();
        if read > Response::READ_BODY_BYTES || (read == Response::READ_BODY_BYTES && !body.is_end_stream()) {
            return false;
        }
    }
    true
}
