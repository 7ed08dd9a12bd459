//! Server-Sent Events (the HTML standard, 9.2): an answer that goes on until its source, its reader's permission or the
//! daemon ends.

use super::answer::Answer;
use super::response_body::{BodyFeed, NextPiece};
use crate::shutdown::requested;
use http::{HeaderName, header};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Interval between checks whether the reader may still read.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// Interval between signs of life while nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client should wait before it reconnects, in milliseconds.
pub(crate) const RECONNECT_MS: u16 = 2000;

/// Where a stream's messages come from. Each text is sent as it is: whole messages, each with its empty line.
pub(crate) trait EventSource: Send + 'static {
    /// What is sent at once, so that the reader sees that it is let in.
    fn begin(&mut self) -> String;
    /// Waits for the next messages; `None` ends the stream. May be dropped and called again: nothing may be lost by it.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
    /// What is sent after a while of silence.
    fn keep_alive(&mut self) -> String;
    /// Whether the reader may still read. Called every half a second, and before anything is sent.
    fn is_allowed(&self) -> bool;
}

/// The answer that sends what `source` has, until `stop` turns true.
pub(crate) fn stream(source: impl EventSource, stop: watch::Receiver<bool>) -> Answer {
    let stream = Stream { source, stop, begun: false, keep_alive_at: Instant::now() + KEEP_ALIVE };
    Answer::stream(Box::new(stream))
        .with(header::CONTENT_TYPE, "text/event-stream")
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        // nginx would otherwise hold messages back until it has a buffer full of them.
        .with(HeaderName::from_static("x-accel-buffering"), "no")
        // When the stream has ended there is no next request to wait for.
        .with(header::CONNECTION, "close")
}

struct Stream<S> {
    source: S,
    stop: watch::Receiver<bool>,
    begun: bool,
    keep_alive_at: Instant,
}

impl<S: EventSource> BodyFeed for Stream<S> {
    fn next(mut self: Box<Self>) -> NextPiece {
        Box::pin(async move { Some((self.piece().await?.into(), self as Box<dyn BodyFeed>)) })
    }
}

impl<S: EventSource> Stream<S> {
    async fn piece(&mut self) -> Option<String> {
        if !self.begun {
            self.begun = true;
            return Some(self.source.begin());
        }
        loop {
            let next = tokio::select! {
                biased;
                () = requested(&mut self.stop) => return None,
                () = tokio::time::sleep_until(self.keep_alive_at.min(Instant::now() + CHECK_EVERY)) => None,
                next = self.source.next() => Some(next?),
            };
            if !self.source.is_allowed() {
                return None;
            }
            if next.is_some() {
                return next;
            }
            if Instant::now() >= self.keep_alive_at {
                self.keep_alive_at = Instant::now() + KEEP_ALIVE;
                return Some(self.source.keep_alive());
            }
        }
    }
}
