//! The stream of one connection, on which every refusal is spoken in the contract's words.
//!
//! hyper answers what it can't read as HTTP by itself: a bare status line, without a body and without an
//! `X-Request-Id`. Every answer of ours carries that header, so a head without one is hyper's own, and is replaced by
//! the error of the contract.
//!
//! To HTTP/2 without TLS ("prior knowledge") hyper says nothing at all and closes: the beginning of such a connection
//! is seen here, and made into a head that hyper refuses.

use super::answer::Failure;
use crate::model::{ApiCode, localized};
use http::{HeaderValue, StatusCode};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 connection begins with (RFC 9113, 3.4). No method of HTTP/1.1 is called so.
const HTTP2: &[u8] = b"PRI * HTTP/2.0";

pub(crate) struct ContractErrors<S> {
    stream: S,
    /// How far the connection has begun as HTTP/2; `None` once it has begun otherwise.
    http2: Option<usize>,
    /// What goes into `X-Request-Id` of a refusal.
    request_id: HeaderValue,
    /// What is left to write of a refusal.
    refusal: Vec<u8>,
}

impl<S> ContractErrors<S> {
    fn is_http2(&self) -> bool {
        self.http2 == Some(HTTP2.len())
    }
}

impl<S: AsyncWrite + Unpin> ContractErrors<S> {
    pub(crate) fn new(stream: S, request_id: HeaderValue) -> Self {
        Self { stream, http2: Some(0), request_id, refusal: Vec::new() }
    }

    /// Writes what is left of a refusal.
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.refusal))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.refusal.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The refusal that says what hyper's own answer, of which this is the beginning, leaves out; `None` for an answer of
/// ours.
fn refusal(head: &[u8], http2: bool, request_id: &HeaderValue) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let status = StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)?;
    if head.windows(12).any(|name| name.eq_ignore_ascii_case(b"x-request-id")) {
        return None;
    }
    let (code, detail) = match status {
        StatusCode::URI_TOO_LONG => (
            ApiCode::UriTooLong,
            localized!("the path and query are too long", "o caminho e os parâmetros são longos demais"),
        ),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            ApiCode::HeadTooLarge,
            localized!(
                "the request's headers are too many or too large",
                "os cabeçalhos da requisição são muitos ou grandes demais"
            ),
        ),
        _ if http2 => (
            ApiCode::BadRequest,
            localized!(
                "the connection begins as HTTP/2: send HTTP/1.1, without HTTP/2 prior knowledge",
                "a conexão começa como HTTP/2: envie HTTP/1.1, sem conhecimento prévio de HTTP/2"
            ),
        ),
        _ => (
            ApiCode::BadRequest,
            localized!(
                "the request is not HTTP/1.1 that can be read: look at its request line, headers and lengths",
                "a requisição não é um HTTP/1.1 legível: confira a primeira linha, os cabeçalhos e os tamanhos"
            ),
        ),
    };
    let (head, body) = Failure::unread(status, code, detail).into_answer().into_bytes(request_id);
    Some([head.as_bytes(), &body].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for ContractErrors<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let this = &mut *self;
        ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        if let Some(at) = this.http2.filter(|at| *at < HTTP2.len()) {
            let new = &mut into.filled_mut()[before..];
            let rest = &HTTP2[at..];
            let length = rest.len().min(new.len());
            let same = new[..length] == rest[..length];
            this.http2 = same.then_some(at + length);
            if this.is_http2() {
                // No version that hyper knows.
                new[length - 1] = b'x';
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ContractErrors<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(context))?;
        if let Some(refusal) = refusal(bytes, self.is_http2(), &self.request_id) {
            // Taken whole; it goes out with the flush that follows.
            self.refusal = refusal;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.first() {
            Some(first) if slices.len() == 1 => self.poll_write(context, first),
            _ => {
                ready!(self.poll_refusal(context))?;
                // hyper's own refusals have no body, and so no second slice.
                Pin::new(&mut self.stream).poll_write_vectored(context, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hyper_says_by_itself_is_replaced_and_nothing_else() {
        let id = HeaderValue::from_static("run-1");
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"] {
            let bare = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let answer = String::from_utf8(refusal(bare.as_bytes(), false, &id).unwrap()).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {}", &status[..3])), "{answer}");
            assert!(answer.contains("x-request-id: run-1\r\n") && answer.contains("connection: close\r\n"), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
            assert!(body.starts_with(r#"{"errors":{"code":""#), "{answer}");
        }
        for ours in [
            "HTTP/1.1 404 Not Found\r\nX-Request-Id: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "{\"data\"",
            "",
        ] {
            assert_eq!(refusal(ours.as_bytes(), false, &id), None, "{ours}");
        }
    }
}
