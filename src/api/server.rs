//! Connections in: accept, bound, serve, drain.

use super::answer::Answer;
use super::spoken::Spoken;
use super::{BodyLimits, handle};
use crate::service::Service;
use crate::shutdown::asked;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How long to wait before accepting again when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a silent connection is kept at a stop. Hyper would close it at once, and a request already on its way to it would be
/// lost: a caller that keeps its connections busy, or has just connected, gets its answer, and `Connection: close` with it.
const LINGER: Duration = Duration::from_millis(500);

/// What bounds a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at a time; the next one waits in the system's queue.
    pub max_connections: usize,
    /// The largest body of a request, in bytes, the batch's excepted.
    pub max_body: usize,
    /// How long a request's head may take, the wait for its first byte on a kept-alive connection included.
    pub header_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
}

/// The listener and what it serves.
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
    limits: Limits,
    request_ids: Arc<RequestIds>,
}

/// Ids for `X-Request-Id`: a random half that tells one run of the daemon from another, and a counter.
struct RequestIds {
    run: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:016x}-{number:x}", self.run)).expect("hexadecimal digits make a header value")
    }
}

impl Server {
    /// A server on a listener that is bound already.
    pub fn new(listener: TcpListener, service: Arc<Service>, limits: Limits) -> Self {
        let request_ids = RequestIds { run: u64::from_be_bytes(crate::random::bytes()), next: AtomicU64::new(1) };
        Self { listener, service, limits, request_ids: Arc::new(request_ids) }
    }

    /// Serves until `stop` turns true; then accepts nobody new, lets requests finish for at most `grace`, and returns.
    pub async fn run(self, mut stop: watch::Receiver<bool>, grace: Duration) {
        let places = Arc::new(Semaphore::new(self.limits.max_connections));
        let mut connections = JoinSet::new();
        loop {
            let place = tokio::select! {
                () = asked(&mut stop) => break,
                // The semaphore is never closed; if it were, there would be nobody to serve.
                place = places.clone().acquire_owned() => match place { Ok(place) => place, Err(_) => break },
            };
            let accepted = tokio::select! {
                () = asked(&mut stop) => break,
                accepted = self.listener.accept() => accepted,
            };
            // Those that have ended are joined as we go.
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => {
                    let (service, limits, ids, stop) =
                        (self.service.clone(), self.limits, self.request_ids.clone(), stop.clone());
                    connections.spawn(async move {
                        serve(stream, service, limits, ids, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // A peer that gave up, or no descriptors left: neither is a reason to stop serving the others.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let drained = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(connections = connections.len(), "connections were cut off at the end of the grace time");
        }
    }
}

async fn serve(
    stream: TcpStream,
    service: Arc<Service>,
    limits: Limits,
    ids: Arc<RequestIds>,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are one write each; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let stream = Spoken::new(stream, ids.next());
    let stopping = stop.clone();
    let answer = service_fn(move |request| {
        let answered = answer(service.clone(), limits, ids.clone(), request);
        let stopping = stopping.clone();
        async move {
            let mut answered = answered.await;
            if let Ok(response) = &mut answered
                && *stopping.borrow()
            {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answered
        }
    });
    let connection = http1::Builder::new()
        // Without a timer, the header timeout does nothing at all.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    tokio::select! {
        // A peer that goes away, or speaks no HTTP, is its own affair.
        _ = connection.as_mut() => {}
        () = asked(&mut stop) => {
            if tokio::time::timeout(LINGER, connection.as_mut()).await.is_err() {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

async fn answer(
    service: Arc<Service>,
    limits: Limits,
    ids: Arc<RequestIds>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let id = ids.next();
    let body = BodyLimits { max_bytes: limits.max_body, timeout: limits.body_timeout };
    // In a task of its own: a panic costs the request and not the connection, and a peer that goes away in the middle of a
    // commit doesn't leave it half told.
    let handled = tokio::spawn(async move { handle(&service, body, request).await }).await;
    let answer = handled.unwrap_or_else(|error| {
        tracing::error!(%error, "a request's handler panicked; this is a bug");
        Answer::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            r#"{"errors":{"code":"internal","detail":"carteiro met a bug of its own; the daemon's log says more"}}"#,
        )
    });
    Ok(answer.into_response(id))
}
