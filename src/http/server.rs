//! Connections in: accept, bound, shake hands, serve, drain.

use super::answer::{Answer, Failure};
use super::connection_slots::{HeldSlot, NoSlot, Phase, Slot};
use super::contract_errors::ContractErrors;
use super::cors;
use super::handler::{Handler, InboundRequest};
use super::head;
use super::ingress::Ingress;
use super::response_body::ResponseBody;
use super::timed_stream::{Patience, TimedStream};
use crate::config::Server as Settings;
use crate::model::{ApiCode, Language, localized};
use crate::shutdown::{accept_until, requested};
use crate::tls::ByteStream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The most bytes of a head, and of what is read or written at once. Also what one connection can make us hold before
/// it has identified itself.
const MAX_BUFFER_BYTES: usize = 128 * 1024;
/// How long the head of a request may take that comes in while the daemon stops.
const LAST_HEAD: Duration = Duration::from_secs(1);
/// The first byte of every TLS connection: a handshake record (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;
/// How long a silent connection stays open at a stop. Hyper would close it at once, and a request already on its way to
/// it would be lost: a caller that keeps its connections busy, or has just connected, gets its answer, and
/// `Connection: close` with it.
const LINGER: Duration = Duration::from_millis(500);

/// The listener and what it serves.
pub struct Server {
    listener: TcpListener,
    ingress: Arc<Ingress>,
    handlers: Handlers,
    request_ids: Arc<RequestIds>,
}

/// The first that serves a path answers it; the last one answers what none serves.
type Handlers = Arc<[Arc<dyn Handler>]>;

/// What the requests of one connection share.
struct ServedConnection {
    ingress: Arc<Ingress>,
    handlers: Handlers,
    slot: Arc<Slot>,
    peer: IpAddr,
    /// Turns true when the daemon stops.
    stop: watch::Receiver<bool>,
    request_ids: Arc<RequestIds>,
}

/// Ids for `X-Request-Id`: a random half that tells one run of the daemon from another, and a counter.
struct RequestIds {
    run: u64,
    next: AtomicU64,
}

impl ServedConnection {
    fn handler(&self, path: &str, headers: &HeaderMap) -> &Arc<dyn Handler> {
        let serving = self.handlers.iter().find(|handler| handler.serves(path, headers));
        serving.unwrap_or(&self.handlers[self.handlers.len() - 1])
    }
}

impl RequestIds {
    fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:016x}-{number:x}", self.run)).expect("hexadecimal digits make a header value")
    }
}

impl Server {
    /// A server on a listener that is bound already. The first handler that serves a path answers it, and the last one
    /// what none serves.
    ///
    /// # Panics
    /// Without a handler.
    pub fn new(listener: TcpListener, ingress: Arc<Ingress>, handlers: Vec<Arc<dyn Handler>>) -> Self {
        assert!(!handlers.is_empty(), "a server needs a handler");
        let request_ids = RequestIds { run: u64::from_be_bytes(crate::random::bytes()), next: AtomicU64::new(1) };
        Self { listener, ingress, handlers: handlers.into(), request_ids: Arc::new(request_ids) }
    }

    /// Serves until `stop` turns true; then accepts nobody new, lets requests finish for at most `grace`, and returns.
    pub async fn run(self, mut stop: watch::Receiver<bool>, grace: Duration) {
        let stopping = stop.clone();
        let serve = |accepted: io::Result<(TcpStream, SocketAddr)>, connections: &mut JoinSet<()>| match accepted {
            Ok((stream, peer)) => self.admit(stream, peer.ip().to_canonical(), connections, &stopping),
            Err(error) => self.ingress.slots.make_room(&error),
        };
        let mut connections = accept_until(requested(&mut stop), || self.listener.accept(), serve).await;
        drop(self.listener);
        let drained = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(connections = connections.len(), "connections were cut off at the end of the grace time");
        }
    }

    fn admit(&self, stream: TcpStream, peer: IpAddr, connections: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        let settings = self.ingress.settings();
        let tls = self.ingress.certificate().map(|certificate| TlsAcceptor::from(certificate.tls()));
        let phase = if tls.is_some() { Phase::Handshake } else { Phase::Head };
        // Behind a proxy all callers have its address.
        let counted =
            !peer.is_loopback() && !settings.trusted_proxies.iter().any(|range| range.covers(peer.to_canonical()));
        let of_address = counted.then_some(settings.max_connections_per_address as usize);
        let taken = match self.ingress.slots.take(peer, phase, settings.max_connections as usize, of_address) {
            Ok(taken) => taken,
            // A handshake only to say no would cost more than the no is worth.
            Err(_) if tls.is_some() => return,
            Err(refused) => return refuse(&stream, refused, &self.request_ids.next()),
        };
        let connection = Arc::new(ServedConnection {
            ingress: self.ingress.clone(),
            handlers: self.handlers.clone(),
            slot: taken.slot.clone(),
            peer,
            stop: stop.clone(),
            request_ids: self.request_ids.clone(),
        });
        connections.spawn(converse(stream, tls, settings, connection, taken));
    }
}

/// Answers in one write, without waiting: what the system's buffer of a new connection doesn't take is not worth a
/// slot.
fn refuse(stream: &TcpStream, refused: NoSlot, request_id: &HeaderValue) {
    let failure = match refused {
        NoSlot::Full => Failure::no_slot(),
        NoSlot::TooManyOfAddress => Failure::unavailable(localized!(
            "this address has all the connections it may have",
            "este endereço já tem todas as conexões que pode ter"
        )),
    };
    let (head, body) = failure.into_answer().with(header::CONNECTION, "close").into_bytes(request_id);
    let _ = stream.try_write(&[head.as_bytes(), &body].concat());
}

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    settings: Arc<Settings>,
    connection: Arc<ServedConnection>,
    taken: HeldSlot,
) {
    let mut stop = connection.stop.clone();
    // Answers are one write each; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    tokio::select! {
        () = taken.slot.dropped() => {}
        () = async {
            let stream = match tls {
                None => Some(Box::new(stream) as Box<dyn ByteStream>),
                Some(tls) => tokio::select! {
                    // A request may follow it all the same.
                    () = async { requested(&mut stop).await; tokio::time::sleep(LINGER).await } => None,
                    shaken = tokio::time::timeout(
                        settings.handshake_timeout,
                        shake_hands(stream, tls, &connection),
                    ) => {
                        // Without TLS the first head is awaited since the connection was accepted.
                        shaken.ok().flatten().filter(|_| connection.slot.enter(Phase::Head))
                    }
                },
            };
            if let Some(stream) = stream {
                serve(stream, &settings, connection).await;
            }
        } => {}
    }
}

/// The TLS handshake; `None` for a peer that speaks no TLS, or none of ours. One that speaks HTTP gets an HTTP error.
async fn shake_hands(
    mut stream: TcpStream,
    tls: TlsAcceptor,
    connection: &ServedConnection,
) -> Option<Box<dyn ByteStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first[0] != HANDSHAKE_RECORD {
        let failure = Failure::unread(
            StatusCode::BAD_REQUEST,
            ApiCode::TlsRequired,
            localized!("this port speaks TLS: call it by https://", "esta porta fala TLS: chame-a por https://"),
        );
        let (head, body) = failure.into_answer().into_bytes(&connection.request_ids.next());
        // Its request is taken first: to close on bytes that were never read would take the answer back.
        let _ = stream.try_read(&mut [0; 4096]);
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        return None;
    }
    match tls.accept(stream).await {
        Ok(stream) => Some(Box::new(stream)),
        Err(error) => {
            tracing::debug!(%error, peer = %connection.peer, "a TLS handshake failed");
            None
        }
    }
}

async fn serve(stream: Box<dyn ByteStream>, settings: &Settings, connection: Arc<ServedConnection>) {
    let patience =
        Patience { header: settings.header_timeout, idle: settings.idle_timeout, write: settings.write_timeout };
    let slot = connection.slot.clone();
    let stream = TimedStream::new(stream, slot.clone(), patience);
    let stream = ContractErrors::new(stream, connection.request_ids.next());
    let mut stop = connection.stop.clone();
    let answer = service_fn(move |request| answer(connection.clone(), request));
    let served = http1::Builder::new()
        // The stream has timers of its own, which know idle from slow.
        .header_read_timeout(None)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(served);
    tokio::select! {
        // A peer that goes away, or speaks no HTTP, is its own affair.
        _ = served.as_mut() => {}
        () = requested(&mut stop) => {
            if tokio::time::timeout(LINGER, served.as_mut()).await.is_ok() {
                return;
            }
            served.as_mut().graceful_shutdown();
            tokio::select! {
                _ = served => {}
                () = asks_nothing(&slot) => {}
            }
        }
    }
}

/// Resolves when the caller hasn't a whole head to show though the daemon stops: hyper waits for a head that has begun,
/// which would hold up the stop to the end of the grace time.
async fn asks_nothing(slot: &Slot) {
    loop {
        tokio::time::sleep(LAST_HEAD).await;
        if matches!(slot.phase().0, Phase::Head | Phase::Idle) {
            return;
        }
    }
}

async fn answer(
    connection: Arc<ServedConnection>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let id = connection.request_ids.next();
    if !connection.slot.enter(Phase::Working) {
        // It has lost its slot in this very moment; nothing of the request was done, and nobody will read this.
        return Ok(Failure::no_slot().into_answer().into_response(id));
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let language = head::language(request.headers());
    let handler = connection.handler(request.uri().path(), request.headers()).clone();
    let (class, begun) = (handler.class(request.method(), request.uri().path()), Instant::now());
    let head_alone = request.method() == Method::HEAD;
    let settings = connection.ingress.settings();
    // In a task of its own: a panic costs the request and not the connection, and a peer that goes away in the middle
    // of a commit doesn't leave it half done.
    let (own, of) = (connection.clone(), settings.clone());
    let answer = tokio::spawn(async move { handle(&own, of, handler, request, language).await }).await;
    let answer = answer.unwrap_or_else(|error| {
        if error.is_cancelled() {
            // The process ends, or the connection has been given up: nobody reads this.
            let detail = localized!(
                "carteiro is stopping: try again in a moment",
                "o carteiro está parando: tente de novo em instantes"
            );
            return Failure::unavailable(detail).into_answer_in(language);
        }
        tracing::error!(%error, "a request's handler panicked; this is a bug");
        Answer::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            r#"{"errors":{"code":"internal","detail":"carteiro met a bug of its own; the daemon's log says more"}}"#,
        )
    });
    connection.ingress.traffic.answered(class, answer.status(), begun.elapsed());
    let streams = answer.goes_on() && !head_alone;
    let mut response = answer.into_response(id);
    cors::allow(&settings.cors_origins, origin.as_ref(), response.headers_mut());
    if *connection.stop.borrow() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    connection.slot.enter(if streams { Phase::Streaming } else { Phase::Answering });
    Ok(response)
}

/// Checks what all requests have in common, and has the rest answered.
async fn handle(
    connection: &ServedConnection,
    settings: Arc<Settings>,
    handler: Arc<dyn Handler>,
    request: Request<Incoming>,
    language: Language,
) -> Answer {
    let request = request.into_parts();
    if let Err(failure) = head::check(&request.0) {
        return failure.into_answer_in(language);
    }
    if let Some(answer) = cors::preflight(&settings.cors_origins, &request.0) {
        return answer;
    }
    let ServedConnection { ingress, slot, peer, stop, .. } = connection;
    let request = InboundRequest::new(request, *peer, slot.clone(), settings, ingress.clone(), stop.clone());
    handler.handle(request).await.unwrap_or_else(|failure| failure.into_answer_in(language))
}
