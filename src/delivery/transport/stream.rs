//! The bytes of one connection: plain or TLS, counted as they come in.

use crate::delivery::failure::TooMuchSent;
use crate::delivery::response_head::MAX_HEAD_BYTES;
use crate::tls::ByteStream;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes a target may send in answer to one request: a head, the body that is read, the framing of its
/// chunks and some interim responses. It ends a flood of `100 Continue`, which hyper would swallow for ever.
pub(crate) const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// Counts what a connection has received since its last request began, and copies the first of it: hyper reports
/// neither. A silent target decides whether the request is sent again; the raw head, whether the connection is reused
/// and what an error message says.
#[derive(Default)]
pub(crate) struct Meter {
    received: AtomicUsize,
    copy: Mutex<ReceivedCopy>,
}

#[derive(Default)]
struct ReceivedCopy {
    /// At most [`MAX_HEAD_BYTES`].
    bytes: Vec<u8>,
    /// The head is in, and what follows of no interest.
    is_over: bool,
}

impl Meter {
    /// A request begins.
    pub(crate) fn restart(&self) {
        self.received.store(0, Ordering::Release);
        *self.copy() = ReceivedCopy::default();
    }

    /// Whether any byte was received since.
    pub(crate) fn received_any(&self) -> bool {
        self.received.load(Ordering::Acquire) > 0
    }

    /// What was received since, the head first; nothing more is copied until the next request.
    pub(crate) fn take_copy(&self) -> Vec<u8> {
        std::mem::replace(&mut *self.copy(), ReceivedCopy { bytes: Vec::new(), is_over: true }).bytes
    }

    fn add(&self, bytes: &[u8]) -> io::Result<()> {
        let mut copy = self.copy();
        if !copy.is_over {
            let room = MAX_HEAD_BYTES - copy.bytes.len();
            copy.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        drop(copy);
        if self.received.fetch_add(bytes.len(), Ordering::AcqRel) + bytes.len() > MAX_RESPONSE_BYTES {
            return Err(io::Error::other(TooMuchSent));
        }
        Ok(())
    }

    fn copy(&self) -> MutexGuard<'_, ReceivedCopy> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream whose received bytes are counted, above TLS: what TLS says to itself is no answer.
pub(crate) struct Metered {
    stream: Box<dyn ByteStream>,
    meter: Arc<Meter>,
}

impl Metered {
    pub(crate) fn new(stream: Box<dyn ByteStream>, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.meter.add(&buf.filled()[before..]))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
