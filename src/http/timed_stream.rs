//! The stream of one connection, with the time a caller may take: hyper bounds the wait for a head alone, and counts
//! the idle time before it as part of it.
//!
//! The phase of its slot says what it waits for. Timers are armed lazily: one that fires looks up when it should have,
//! and sleeps on, so that a request costs no timer.

use super::connection_slots::{Phase, Slot};
use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a caller may take. As they were when it connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header: Duration,
    pub(crate) idle: Duration,
    pub(crate) write: Duration,
}

/// A timer that is moved when it fires, not when what it waits for changes.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn new() -> Self {
        Self(Box::pin(tokio::time::sleep(Duration::MAX)))
    }

    /// Ready once `at` has passed.
    fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        if self.0.deadline() > at {
            self.0.as_mut().reset(at);
        }
        loop {
            ready!(self.0.as_mut().poll(cx));
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(at);
        }
    }
}

/// A stream that fails with `TimedOut` when its caller has been waited for too long.
pub(crate) struct TimedStream<S> {
    stream: S,
    slot: Arc<Slot>,
    patience: Patience,
    reading: Alarm,
    writing: Alarm,
    /// Since when the idle phase that began at the first of the two has been over: a byte has arrived.
    head_begun: Option<(Instant, Instant)>,
    /// Since when nothing of what is to be written was taken.
    stalled: Option<Instant>,
}

impl<S> TimedStream<S> {
    pub(crate) fn new(stream: S, slot: Arc<Slot>, patience: Patience) -> Self {
        let (reading, writing) = (Alarm::new(), Alarm::new());
        Self { stream, slot, patience, reading, writing, head_begun: None, stalled: None }
    }

    /// Until when a byte must come; `None` while none is waited for here. A body has its own time, where it is read.
    fn read_by(&self) -> Option<Instant> {
        let (phase, since) = self.slot.phase();
        match phase {
            Phase::Head => Some(since + self.patience.header),
            Phase::Idle => Some(match self.head_begun {
                Some((idle_since, begun)) if idle_since == since => begun + self.patience.header,
                _ => since + self.patience.idle,
            }),
            Phase::Handshake
            | Phase::Body
            | Phase::Form
            | Phase::Working
            | Phase::Answering
            | Phase::Streaming
            | Phase::Dropped => None,
        }
    }

    fn note_head_begun(&mut self) {
        let (phase, since) = self.slot.phase();
        if phase == Phase::Idle && self.head_begun.is_none_or(|(idle_since, _)| idle_since != since) {
            self.head_begun = Some((since, Instant::now()));
        }
    }

    /// The result of a write, or that it has been stalled for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.writing.poll(cx, since + self.patience.write));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes nothing of its answer")))
    }

    fn write_begins(&self) {
        // What goes out in the middle of a request, `100 Continue`, changes nothing.
        if self.slot.phase().0 == Phase::Idle {
            self.slot.enter(Phase::Answering);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let this = &mut *self;
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, into) {
            if into.filled().len() > before {
                this.note_head_begun();
            }
            return Poll::Ready(read);
        }
        let Some(by) = this.read_by() else {
            return Poll::Pending;
        };
        ready!(this.reading.poll(cx, by));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller took too long to send its request")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_begins();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_begins();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        let flushed = self.written(cx, flushed);
        if flushed.is_ready() && self.slot.phase().0 == Phase::Answering {
            self.slot.enter(Phase::Idle);
            // hyper may have looked for the next request before this flush, and sleeps on: the timer must be what wakes
            // it.
            if let Some(by) = self.read_by() {
                let _ = self.reading.poll(cx, by);
            }
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// hyper doesn't always read for the next request after its last flush. Nothing woke it then when the caller
    /// disconnected.
    #[tokio::test]
    async fn the_flush_of_an_answer_sets_the_timer_of_the_idle_time() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let idle = Duration::from_millis(30);
        let patience = Patience { header: Duration::from_secs(60), idle, write: Duration::from_secs(60) };
        let slot = Arc::new(Slot::new(Instant::now(), Phase::Head));
        let mut guarded = TimedStream::new(ours, slot.clone(), patience);
        assert!(slot.enter(Phase::Working) && slot.enter(Phase::Answering));
        let mut polls = 0;
        let read = poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                assert!(Pin::new(&mut guarded).poll_flush(cx).is_ready());
                return Poll::Pending;
            }
            Pin::new(&mut guarded).poll_read(cx, &mut ReadBuf::new(&mut [0; 8]))
        });
        // The time that is over wakes it too, and would hide that nothing else did.
        let (start, most) = (Instant::now(), Duration::from_secs(20));
        let read = tokio::time::timeout(most, read).await.expect("it ends");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < most, "it is woken in time");
        assert!(slot.phase().1.elapsed() >= idle);
    }
}
