//! Makes one connection: resolve, ask the egress guard, dial, shake hands; and the connection that comes of it.
//!
//! It doesn't know what is sent over a connection, nor how long one is kept.

use super::client::ClientSettings;
use super::failure::{self, TooMuchSent, span};
use crate::model::{AttemptError, ErrorCode, TargetUrl, Timings};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How many of the addresses behind one name are looked at.
pub(super) const MAX_ADDRESSES: usize = 8;
/// How large the head of a response may grow, its blank line included. hyper's own default is six times that.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How many bytes a target may send in answer to one request: a head, the body that is read, the framing of its
/// chunks and some interim responses. It ends a flood of `100 Continue`, which hyper would swallow for ever.
pub(super) const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// How many names are resolved at once. The system's resolver blocks a thread for as long as it likes, far beyond our
/// own timeout, and the store reads on the same pool of 512 threads.
const MAX_LOOKUPS: usize = 128;

pub(super) type HttpRequest = Request<Full<Bytes>>;

/// Dials targets. One for each client, because it bounds the lookups under way.
pub(super) struct Connector {
    lookups: Arc<Semaphore>,
    http: http1::Builder,
}

/// What is known of a dial while it is under way, so that a failure half-way still tells it.
#[derive(Default)]
pub(super) struct Dial {
    pub(super) timings: Timings,
    pub(super) remote_ip: Option<IpAddr>,
}

impl Connector {
    pub(super) fn new() -> Self {
        let mut http = http1::Builder::new();
        // The number of headers stays at hyper's default of 100: setting it, even to that, costs an allocation a head.
        // The buffer alone is a loose bound: a read may fill more than was asked for.
        http.max_buf_size(MAX_HEAD_BYTES).max_header_size(MAX_HEAD_BYTES);
        Self { lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)), http }
    }

    /// A fresh connection to `target`, made within the connect timeout and before `deadline`.
    pub(super) async fn connect(
        &self,
        target: &TargetUrl,
        settings: &ClientSettings,
        deadline: Instant,
        dial: &mut Dial,
    ) -> Result<Connection, AttemptError> {
        let start = Instant::now();
        let limit = settings.connect_timeout.min(deadline.saturating_duration_since(start));
        let budget = Budget { until: start + limit, limit };
        let (host, port) = (target.host(), target.port());

        let addresses = self.resolve(host, port, budget, dial).await?;
        let (tcp, remote) = dial_allowed(&addresses, settings, budget, dial).await?;
        // Heads and bodies leave in one piece; waiting for more would only delay them. A socket that refuses the
        // option is already dead, and says so at the first write.
        tcp.set_nodelay(true).ok();
        let stream = if target.is_https() {
            let tls = handshake(host, tcp, remote, settings, budget, dial).await?;
            Stream::Tls(Box::new(tls))
        } else {
            Stream::Plain(tcp)
        };
        self.drive(stream, remote.ip()).await
    }

    async fn resolve(
        &self,
        host: &str,
        port: u16,
        budget: Budget,
        dial: &mut Dial,
    ) -> Result<Vec<SocketAddr>, AttemptError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let start = Instant::now();
        let lookup = async {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.expect("the semaphore is never closed");
            let name = host.to_owned();
            // Not tokio's `lookup_host`: the permit has to outlive this future, as the blocked thread does.
            let lookup = move || {
                let _permit = permit;
                (name.as_str(), port).to_socket_addrs().map(|found| found.take(MAX_ADDRESSES).collect::<Vec<_>>())
            };
            tokio::task::spawn_blocking(lookup).await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
        };
        let found = timeout_at(budget.until, lookup).await;
        dial.timings.dns_us = Some(elapsed_us(start));
        match found {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(failure::error(ErrorCode::DnsFailed, format!("The name {host} has no address.")))
            }
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(cause)) => Err(failure::resolving(host, &cause)),
            Err(_) => {
                let within = span(budget.limit);
                Err(failure::error(ErrorCode::DnsFailed, format!("The name {host} was not resolved within {within}.")))
            }
        }
    }

    async fn drive(&self, stream: Stream, remote_ip: IpAddr) -> Result<Connection, AttemptError> {
        let meter = Arc::new(Meter::default());
        let metered = Metered { stream, meter: Arc::clone(&meter) };
        let (sender, connection) =
            self.http.handshake(TokioIo::new(metered)).await.map_err(|cause| {
                failure::error(ErrorCode::Internal, format!("No connection could be set up: {cause}."))
            })?;
        // What ends a connection reaches whoever waits for its response; nobody else needs to hear of it.
        let task = tokio::spawn(async move { drop(connection.await) });
        let born = Instant::now();
        Ok(Connection { sender, meter, remote_ip, born, _task: Owned(task.abort_handle()) })
    }
}

/// A connection that speaks HTTP. Dropping it ends its task and closes the socket, whatever is under way on it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    meter: Arc<Meter>,
    pub(super) remote_ip: IpAddr,
    pub(super) born: Instant,
    _task: Owned,
}

/// No response came.
pub(super) struct Unanswered {
    pub(super) cause: hyper::Error,
    /// Whether any byte of an answer came.
    pub(super) heard: bool,
}

impl Unanswered {
    /// Whether a kept connection can only have died while it waited: the target said nothing, or what it said came
    /// before hyper had taken the request up.
    pub(super) fn was_stale(&self) -> bool {
        !self.heard || self.cause.is_canceled()
    }
}

impl Connection {
    /// Sends and waits for the head of the response, without a limit of time.
    pub(super) async fn send(&mut self, request: HttpRequest) -> Result<http::Response<Incoming>, Unanswered> {
        self.meter.restart();
        let sent = self.sender.try_send_request(request).await;
        sent.map_err(|failed| Unanswered { cause: failed.into_error(), heard: self.meter.heard() })
    }

    /// Waits until the next request can be sent; false when the connection won't take one.
    pub(super) async fn settle(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Whether it takes a request now, as far as can be known without sending one.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

/// Ends the task when it is dropped.
struct Owned(AbortHandle);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is left of the time to connect. The phases share it.
#[derive(Clone, Copy)]
struct Budget {
    until: Instant,
    limit: Duration,
}

async fn dial_allowed(
    addresses: &[SocketAddr],
    settings: &ClientSettings,
    budget: Budget,
    dial: &mut Dial,
) -> Result<(TcpStream, SocketAddr), AttemptError> {
    let mut blocked = None;
    let mut allowed = Vec::with_capacity(addresses.len());
    for address in addresses {
        match settings.guard.check(address.ip(), address.port()) {
            Ok(()) => allowed.push(*address),
            Err(why) => blocked = Some(why),
        }
    }
    let start = Instant::now();
    let mut last = None;
    for (index, &address) in allowed.iter().enumerate() {
        // An address that swallows packets must not eat the time of those behind it, so each gets its share.
        let now = Instant::now();
        let left = u32::try_from(allowed.len() - index).unwrap_or(u32::MAX);
        let share = budget.until.saturating_duration_since(now) / left;
        dial.remote_ip = Some(address.ip());
        let dialled = timeout_at(now + share, TcpStream::connect(address)).await;
        dial.timings.connect_us = Some(elapsed_us(start));
        match dialled {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(cause)) => last = Some(failure::connecting(address, &cause)),
            Err(_) => {
                let message = format!("{address} did not answer the attempt to connect within {}.", span(budget.limit));
                last = Some(failure::error(ErrorCode::ConnectTimeout, message));
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        let message = blocked.map_or_else(|| "The target has no address.".to_owned(), |blocked| blocked.to_string());
        failure::error(ErrorCode::BlockedTarget, message)
    }))
}

async fn handshake(
    host: &str,
    tcp: TcpStream,
    remote: SocketAddr,
    settings: &ClientSettings,
    budget: Budget,
    dial: &mut Dial,
) -> Result<TlsStream<TcpStream>, AttemptError> {
    // The dot at the end of a fully qualified name belongs to the resolver; no certificate carries it.
    let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned()).map_err(|_| {
        failure::error(ErrorCode::TlsFailed, format!("{host} is no name that a certificate could be issued for."))
    })?;
    let start = Instant::now();
    let shaken = timeout_at(budget.until, TlsConnector::from(Arc::clone(&settings.tls)).connect(name, tcp)).await;
    dial.timings.tls_us = Some(elapsed_us(start));
    match shaken {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(cause)) => Err(failure::handshaking(host, remote, &cause)),
        Err(_) => {
            let within = span(budget.limit);
            let message = format!("{remote} took the connection but did not finish the TLS handshake within {within}.");
            Err(failure::error(ErrorCode::ConnectTimeout, message))
        }
    }
}

pub(super) fn elapsed_us(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Counts what a connection has received since its last request began: whether a target was silent decides whether
/// the request may go out again, and hyper's errors don't tell.
#[derive(Default)]
struct Meter(AtomicUsize);

impl Meter {
    fn restart(&self) {
        self.0.store(0, Ordering::Release);
    }

    fn heard(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        if self.0.fetch_add(bytes, Ordering::AcqRel) + bytes > MAX_RESPONSE_BYTES {
            return Err(io::Error::other(TooMuchSent));
        }
        Ok(())
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

struct Metered {
    stream: Stream,
    meter: Arc<Meter>,
}

macro_rules! with_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Plain(plain) => {
                let $stream = Pin::new(plain);
                $call
            }
            Stream::Tls(tls) => {
                let $stream = Pin::new(tls.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = self.as_mut();
        ready!(with_stream!(this, stream => stream.poll_read(cx, buf)))?;
        Poll::Ready(self.meter.add(buf.filled().len() - before))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(plain) => plain.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(cx))
    }
}
