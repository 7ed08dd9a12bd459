//! A connection that speaks HTTP/1.1: one request at a time, and the head of its response.
//!
//! It doesn't know how a connection is made, nor how long one stays open.

use super::stream::{Meter, Metered};
use crate::delivery::failure::{self, ClientAuth, Unanswered};
use crate::delivery::redact::Secrets;
use crate::delivery::response_head::{self, MAX_HEAD_BYTES};
use crate::model::{AttemptError, TlsVersion};
use crate::tls::ByteStream;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

pub(crate) type HttpRequest = Request<Full<Bytes>>;

/// How heads are read: status line and framing decide, and lines that are no header are passed over, as browsers and
/// curl do. Folded lines are joined (RFC 9112, 5.2) and a space before a colon is taken, so that no `Content-Length`
/// hides behind one.
pub(crate) fn http(max_head_bytes: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(response_head::MAX_LINES)
        // The buffer alone is a loose bound: a read may fill more than was asked for.
        .max_buf_size(max_head_bytes)
        .max_header_size(max_head_bytes);
    http
}

/// A connection that speaks HTTP. Dropping it ends its task and closes the socket, whatever is under way on it.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    meter: Arc<Meter>,
    /// Nothing was sent over it yet.
    is_unused: bool,
    /// Whether the target asked for a client certificate in the handshake: it may refuse what it was shown only now.
    client_auth: ClientAuth,
    pub(crate) remote_ip: IpAddr,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) born: Instant,
    _task: AbortOnDrop,
}

/// The head of a response, and its body to be read.
pub(crate) struct ResponseHead {
    pub(crate) response: http::Response<Incoming>,
    /// Whether no line of the head was passed over or joined. Else the connection must not be used again: the target
    /// may mean its body to end elsewhere.
    pub(crate) is_tidy: bool,
}

impl Connection {
    /// Begins HTTP on a connected stream. Must run inside a tokio runtime.
    pub(crate) async fn open(
        stream: Box<dyn ByteStream>,
        remote_ip: IpAddr,
        tls: Option<TlsVersion>,
        client_auth: ClientAuth,
    ) -> Result<Self, AttemptError> {
        let meter = Arc::new(Meter::default());
        let metered = Metered::new(stream, Arc::clone(&meter));
        let (sender, connection) = http(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(metered))
            .await
            .map_err(|cause| failure::no_connection(&cause))?;
        // The error that ends a connection also ends the wait for its response, which is the only one to need it.
        let task = tokio::spawn(async move { drop(connection.await) });
        let born = Instant::now();
        Ok(Self { sender, meter, is_unused: true, client_auth, remote_ip, tls, born, _task: AbortOnDrop::new(&task) })
    }
    /// Sends and waits for the head of the response, without a limit of time.
    pub(crate) async fn send(&mut self, request: HttpRequest) -> Result<ResponseHead, Unanswered> {
        // Bytes that a target sends on a new connection before any request are no response, but show what speaks there.
        if !std::mem::take(&mut self.is_unused) {
            self.meter.restart();
        }
        let secrets = Secrets::of(request.headers());
        match self.sender.try_send_request(request).await {
            Ok(response) => {
                // It takes what it was shown, or does without.
                self.client_auth.asked = false;
                Ok(ResponseHead { response, is_tidy: response_head::is_tidy(&self.meter.take_copy()) })
            }
            Err(failed) => Err(Unanswered {
                cause: failed.into_error(),
                received_any: self.meter.received_any(),
                copy: self.meter.take_copy(),
                client_auth: self.client_auth.clone(),
                is_plain: self.tls.is_none(),
                secrets,
            }),
        }
    }

    /// Waits until the next request can be sent; false when the connection won't take one.
    pub(crate) async fn wait_until_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Whether it takes a request now, as far as can be known without sending one.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

/// Ends the task when it is dropped.
pub(crate) struct AbortOnDrop(AbortHandle);

impl AbortOnDrop {
    pub(crate) fn new(task: &JoinHandle<()>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
