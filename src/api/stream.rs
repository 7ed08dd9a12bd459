//! `GET /api/notifications/stream`: attempts as their outcomes are taken in, as Server-Sent Events (the HTML standard, 9.2).

use super::Call;
use super::notifications::{AttemptShape, NotificationShape, no_uuid, webhook_id};
use super::query::Query;
use crate::http::{self as http_in, Next as NextPiece};
use crate::http::{Answer, Failure};
use crate::model::EventId;
use crate::service::{FollowFilter, Followed, Follower, Next, Service};
use crate::shutdown::asked;
use crate::store::Place;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often it is looked whether the token is still good.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client should wait before it comes back, in milliseconds.
const COME_BACK_MS: u16 = 2000;

pub(super) async fn show(
    call: &Call<'_>,
    service: &Arc<Service>,
    headers: &http::HeaderMap,
    stop: &watch::Receiver<bool>,
) -> Result<Answer, Failure> {
    let mut query = Query::new(call.query);
    let filter = FollowFilter {
        webhook_id: query.optional("webhook_id", webhook_id),
        event_id: query.optional("event_id", |text| EventId::parse(text).ok_or_else(no_uuid)),
        event_type: query.pattern("type"),
    };
    let after = query.optional("after", |text| {
        Place::parse(text).ok_or_else(|| "is not an id of ours: pass the `id` of a message on unchanged".to_owned())
    });
    query.finish()?;
    // A browser that comes back by itself sends the header and the same address as before: the header is the newer word. What it
    // says can't be mended by whoever sends it, so that one we can't read is a gap and no error.
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    let after = match header {
        Some(value) => Some(value.to_str().ok().and_then(Place::parse)),
        None => after.map(Some),
    };
    let follower = call.service.follow(&call.caller, filter, after, 0).await?;
    let feed = Feed {
        follower,
        service: service.clone(),
        authorization: headers.get(header::AUTHORIZATION).cloned(),
        stop: stop.clone(),
        begun: false,
        told: None,
        keep_alive_at: Instant::now() + KEEP_ALIVE,
    };
    let answer = Answer::stream(Box::new(feed))
        .with(header::CONTENT_TYPE, "text/event-stream")
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        // nginx would otherwise hold messages back until it has a buffer full of them.
        .with(HeaderName::from_static("x-accel-buffering"), "no")
        // When the stream has ended there is no next request to wait for.
        .with(header::CONNECTION, "close");
    Ok(answer)
}

/// A stream under way.
struct Feed {
    follower: Follower,
    service: Arc<Service>,
    /// Asked again and again: a token that is revoked ends its streams.
    authorization: Option<HeaderValue>,
    stop: watch::Receiver<bool>,
    begun: bool,
    /// The place that was told last.
    told: Option<Place>,
    keep_alive_at: Instant,
}

impl http_in::Feed for Feed {
    fn next(mut self: Box<Self>) -> NextPiece {
        Box::pin(async move { Some((self.piece().await?, self as Box<dyn http_in::Feed>)) })
    }
}

impl Feed {
    /// The next piece; `None` when the daemon stops, the token is no more, or the store can't be read.
    async fn piece(&mut self) -> Option<Bytes> {
        let mut piece = String::new();
        if !self.begun {
            self.begun = true;
            // At once: the client sees that it is let in, and has a place to come back to before anything has happened.
            let _ = write!(piece, ": stream of attempts\nretry: {COME_BACK_MS}\n");
            self.tell_place(&mut piece);
            piece.push('\n');
            return Some(piece.into());
        }
        let next = loop {
            let next = tokio::select! {
                biased;
                () = asked(&mut self.stop) => return None,
                () = tokio::time::sleep_until(self.keep_alive_at.min(Instant::now() + LOOK_EVERY)) => None,
                next = self.follower.next() => Some(next),
            };
            super::auth::caller(&self.service, self.authorization.as_ref()?)?;
            if next.is_some() || Instant::now() >= self.keep_alive_at {
                break next;
            }
        };
        match next {
            None => {
                self.keep_alive_at = Instant::now() + KEEP_ALIVE;
                piece.push_str(": keep-alive\n");
                // A filter may have passed over thousands since the last message.
                if self.told != Some(self.follower.place()) {
                    self.tell_place(&mut piece);
                }
                piece.push('\n');
            }
            Some(Ok(Next::Attempts(attempts))) => {
                for attempt in &attempts {
                    let _ = write!(piece, "id: {}\nevent: attempt\ndata: {}\n\n", attempt.place, json(attempt));
                }
                self.told = attempts.last().map(|attempt| attempt.place);
            }
            Some(Ok(Next::Gap)) => {
                self.tell_place(&mut piece);
                piece.push_str(GAP);
            }
            Some(Err(error)) => {
                // Logged where it becomes an answer; here there is none any more.
                drop(Failure::from(error));
                return None;
            }
        }
        Some(piece.into())
    }

    fn tell_place(&mut self, piece: &mut String) {
        let place = self.follower.place();
        let _ = writeln!(piece, "id: {place}");
        self.told = Some(place);
    }
}

const GAP: &str = "event: gap\ndata: {\"detail\":\"attempts were missed: list notifications again, this stream goes on from here\"}\n\n";

/// On one line, as serde writes it: no line break stands in JSON unescaped.
fn json(followed: &Followed) -> String {
    #[derive(Serialize)]
    struct Message<'a> {
        notification: NotificationShape<'a>,
        attempt: AttemptShape<'a>,
    }
    let message =
        Message { notification: NotificationShape::of(&followed.view), attempt: AttemptShape::of(&followed.attempt) };
    serde_json::to_string(&message).expect("the shapes of the API have string keys and no fallible parts")
}
