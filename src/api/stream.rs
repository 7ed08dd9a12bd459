//! `GET /api/notifications/stream`: attempts as their outcomes are taken in, as Server-Sent Events.

use super::call::Call;
use super::notifications::AttemptShape;
use super::query::Query;
use crate::http::sse::{self, EventSource, RECONNECT_MS};
use crate::http::{Answer, Failure};
use crate::model::{FilterUse, Origin, localized};
use crate::service::{Followed, Follower, Next, NotificationView, OutcomePosition, Service};
use http::{HeaderValue, header};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) async fn show(call: &Call) -> Result<Answer, Failure> {
    let mut query = Query::new(call.query());
    let filter = query.filter(FilterUse::Stream);
    let after = query.optional("after", |text| {
        OutcomePosition::parse(text).ok_or_else(|| {
            localized!(
                "is not an id of ours: pass the `id` of a message on unchanged",
                "não é um id nosso: envie o `id` de uma mensagem sem mudança"
            )
        })
    });
    query.finish()?;
    let headers = &call.head.headers;
    // A browser that reconnects by itself sends the header and the same address as before: the header is the newer
    // word. Who sends it can't correct what it says, so that one we can't read is a gap and no error.
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    let after = match header {
        Some(value) => Some(value.to_str().ok().and_then(OutcomePosition::parse)),
        None => after.map(Some),
    };
    let follower = call.service.follow(&call.caller, filter, after, 0).await?;
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    let source = Attempts { follower, service: call.service.clone(), authorization, last_sent: None };
    Ok(sse::stream(source, call.stop.clone()))
}

/// A stream under way.
struct Attempts {
    follower: Follower,
    service: Arc<Service>,
    /// Asked again and again: a token that is revoked ends its streams.
    authorization: Option<HeaderValue>,
    /// The place that was sent last.
    last_sent: Option<OutcomePosition>,
}

impl EventSource for Attempts {
    fn begin(&mut self) -> String {
        // With a place to come back to before anything has happened.
        let mut text = format!(": stream of attempts\nretry: {RECONNECT_MS}\n");
        self.write_place(&mut text);
        text.push('\n');
        text
    }

    async fn next(&mut self) -> Option<String> {
        let mut text = String::new();
        match self.follower.next().await {
            Ok(Next::Attempts(attempts)) => {
                for attempt in &attempts {
                    let _ = write!(text, "id: {}\nevent: attempt\ndata: {}\n\n", attempt.place, json(attempt));
                }
                self.last_sent = attempts.last().map(|attempt| attempt.place);
            }
            Ok(Next::Gap) => {
                self.write_place(&mut text);
                text.push_str(GAP);
            }
            Err(error) => {
                // Logged where it becomes an answer; here there is none any more.
                drop(Failure::from(error));
                return None;
            }
        }
        Some(text)
    }

    fn keep_alive(&mut self) -> String {
        let mut text = ": keep-alive\n".to_owned();
        // A filter may have passed over thousands since the last message.
        if self.last_sent != Some(self.follower.place()) {
            self.write_place(&mut text);
        }
        text.push('\n');
        text
    }

    fn is_allowed(&self) -> bool {
        let caller =
            self.authorization.as_ref().and_then(|value| super::auth::caller(&self.service, value, Origin::CARTEIRO));
        caller.is_some()
    }
}

impl Attempts {
    fn write_place(&mut self, text: &mut String) {
        let place = self.follower.place();
        let _ = writeln!(text, "id: {place}");
        self.last_sent = Some(place);
    }
}

const GAP: &str = "event: gap\ndata: {\"detail\":\"attempts were missed: list notifications again, this stream goes on \
                   from here\"}\n\n";

/// On one line, as serde writes it: no line break stands in JSON unescaped.
fn json(followed: &Followed) -> String {
    #[derive(Serialize)]
    struct StreamMessage<'a> {
        notification: &'a NotificationView,
        attempt: AttemptShape<'a>,
    }
    let message = StreamMessage { notification: &followed.view, attempt: AttemptShape::of(&followed.attempt) };
    serde_json::to_string(&message).expect("the shapes of the API have string keys and no fallible parts")
}
