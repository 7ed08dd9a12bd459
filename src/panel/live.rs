//! `GET /live`: signals to an open page that something of its account has changed, by Server-Sent Events.
//!
//! The page then loads itself again. The signal never says what has changed: there is one way to render a page, and
//! each request checks what its session may see.

use super::session::{Sessions, SignedIn};
use super::session_file::SessionKey;
use crate::http::Answer;
use crate::http::sse::{self, EventSource, RECONNECT_MS};
use crate::model::NotificationFilter;
use crate::service::{Follower, Service};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Changes within this time are sent as one: an event and the outcome of its first attempt make one refresh.
const GATHER: Duration = Duration::from_millis(250);
/// How many of an account's streams pages leave to programs: people with many tabs must not shut out a shop's own
/// follower.
const LEFT_TO_THE_API: usize = 8;
/// The minimum time between two signals to a page.
const APART: Duration = Duration::from_secs(1);
const CHANGED: &str = "event: changed\ndata: 1\n\n";

/// Opens a stream for a session; `None` where its account has all the streams it may have.
pub(super) async fn open(
    service: &Arc<Service>,
    sessions: &Arc<Sessions>,
    signed_in: &SignedIn,
    stop: watch::Receiver<bool>,
) -> Option<Answer> {
    let follower =
        service.follow(&signed_in.caller, NotificationFilter::default(), None, LEFT_TO_THE_API).await.ok()?;
    let (service, sessions, session) = (service.clone(), sessions.clone(), signed_in.key());
    let changes = Changes { follower, service, sessions, session, sent_at: Instant::now(), due_at: None };
    Some(sse::stream(changes, stop))
}

/// A stream under way.
struct Changes {
    follower: Follower,
    service: Arc<Service>,
    sessions: Arc<Sessions>,
    session: SessionKey,
    sent_at: Instant,
    /// When to send the change that was seen.
    due_at: Option<Instant>,
}

impl EventSource for Changes {
    fn begin(&mut self) -> String {
        self.sent_at = Instant::now();
        // Sends a change at once, so that a page that reconnects shows what it missed.
        format!("retry: {RECONNECT_MS}\n{CHANGED}")
    }

    async fn next(&mut self) -> Option<String> {
        let due_at = if let Some(due_at) = self.due_at {
            due_at
        } else {
            self.follower.changed().await;
            *self.due_at.insert((Instant::now() + GATHER).max(self.sent_at + APART))
        };
        tokio::time::sleep_until(due_at).await;
        self.follower.pass();
        (self.sent_at, self.due_at) = (Instant::now(), None);
        Some(CHANGED.to_owned())
    }

    fn keep_alive(&mut self) -> String {
        ": alive\n\n".to_owned()
    }

    fn is_allowed(&self) -> bool {
        self.sessions.lasts(&self.service, &self.session)
    }
}
