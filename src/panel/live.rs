//! `GET /live`: word to an open page that something of its account has changed, as Server-Sent Events (the HTML standard, 9.2).
//!
//! A page is told that it is to look again and never what has changed: there is one way to render a page, and what it may show is
//! asked of the session each time.

use super::session::{Key, Sessions, SignedIn};
use crate::http::{Feed, Next, ResponseBody};
use crate::service::{FollowFilter, Follower, Service};
use crate::shutdown::asked;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often it is looked whether the session goes on.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What happens within this time of a change is told with it: an event and the outcome of its first attempt are one look.
const GATHER: Duration = Duration::from_millis(250);
/// How many of an account's streams pages leave to programs: people with many tabs must not shut out a shop's own follower.
const LEFT_TO_THE_API: usize = 8;
/// A page is told no more often than this, however much happens.
const APART: Duration = Duration::from_secs(1);
/// How long a browser waits before it comes back, in milliseconds; sent once, and an event of its own so that the page looks at
/// what it missed.
const BEGIN: &str = "retry: 2000\nevent: changed\ndata: 1\n\n";
const CHANGED: &str = "event: changed\ndata: 1\n\n";
const ALIVE: &str = ": alive\n\n";

/// Opens a stream for a session; `None` where its account has all the streams it may have.
pub(super) async fn open(
    service: &Arc<Service>,
    sessions: &Arc<Sessions>,
    signed_in: &SignedIn,
    stop: &watch::Receiver<bool>,
) -> Option<Response<ResponseBody>> {
    let follower = service.follow(&signed_in.caller, FollowFilter::default(), None, LEFT_TO_THE_API).await.ok()?;
    let live = Live {
        follower,
        service: service.clone(),
        sessions: sessions.clone(),
        session: signed_in.key(),
        stop: stop.clone(),
        told_at: None,
    };
    let mut response = Response::new(ResponseBody::feed(Box::new(live)));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // nginx would otherwise hold messages back until it has a buffer full of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        // When the stream has ended there is no next request to wait for.
        (header::CONNECTION, "close"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// A stream under way.
struct Live {
    follower: Follower,
    service: Arc<Service>,
    sessions: Arc<Sessions>,
    session: Key,
    stop: watch::Receiver<bool>,
    told_at: Option<Instant>,
}

impl Feed for Live {
    fn next(mut self: Box<Self>) -> Next {
        Box::pin(async move { Some((Bytes::from_static(self.piece().await?.as_bytes()), self as Box<dyn Feed>)) })
    }
}

impl Live {
    /// What is to be sent next; `None` when the daemon stops or the session is over.
    async fn piece(&mut self) -> Option<&'static str> {
        let Some(told_at) = self.told_at else {
            self.told_at = Some(Instant::now());
            return Some(BEGIN);
        };
        let alive_at = Instant::now() + KEEP_ALIVE;
        let piece = loop {
            tokio::select! {
                biased;
                () = asked(&mut self.stop) => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.follower.changed() => break CHANGED,
            }
            if !self.sessions.lasts(&self.service, &self.session) {
                return None;
            }
            if Instant::now() >= alive_at {
                break ALIVE;
            }
        };
        if piece == CHANGED {
            let at = (Instant::now() + GATHER).max(told_at + APART);
            tokio::select! {
                biased;
                () = asked(&mut self.stop) => return None,
                () = tokio::time::sleep_until(at) => {}
            }
            self.follower.pass();
            self.told_at = Some(Instant::now());
        }
        self.sessions.lasts(&self.service, &self.session).then_some(piece)
    }
}
