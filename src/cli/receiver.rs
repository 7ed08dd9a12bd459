//! A receiver of notifications, as a merchant's system would have one: it checks authorization and signature and drops
//! repeats by id. The demo's fails now and then, on purpose.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

use crate::delivery::sign::signature;
use crate::model::SigningSecret;

/// The largest notification that is read: carteiro sends at most 256 KiB of resource.
const MAX_BODY: usize = 512 * 1024;

/// What a receiver does with a first or second attempt; later ones it always confirms.
#[derive(Clone, Copy)]
enum Mood {
    Confirm,
    Fail,
    Busy,
    HangUp,
}

/// In this order, over and over: half of the notifications go through at once.
const MOODS: [Mood; 8] =
    [Mood::Confirm, Mood::Fail, Mood::Confirm, Mood::HangUp, Mood::Confirm, Mood::Busy, Mood::Confirm, Mood::Fail];

/// From this attempt on the receiver confirms whatever its mood, so that a demo has an end.
const PATIENCE: u16 = 3;

/// What a receiver expects, and what it has seen.
pub(super) struct Receiver {
    authorization: String,
    secret: SigningSecret,
    /// Which mood each attempt met: one that is sent again over a fresh connection meets the same.
    moods: Mutex<HashMap<(String, u16), Mood>>,
    seen: Mutex<HashSet<String>>,
    rejected: AtomicU32,
}

impl Receiver {
    pub(super) fn new(authorization: String, secret: SigningSecret) -> Arc<Self> {
        Arc::new(Self {
            authorization,
            secret,
            moods: Mutex::default(),
            seen: Mutex::default(),
            rejected: AtomicU32::new(0),
        })
    }

    /// How many requests had a wrong authorization or signature.
    pub(super) fn rejected(&self) -> u32 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// How many different notifications were confirmed.
    pub(super) fn confirmed(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Serves until its task is aborted.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let receiver = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| receiver.clone().answer(request));
                // A request that is hung up on ends its connection with an error; that was the point.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (head, body) = request.into_parts();
        let reply = |status: StatusCode, text: &'static str| {
            let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
            *response.status_mut() = status;
            Ok(response)
        };
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return reply(StatusCode::PAYLOAD_TOO_LARGE, "too large");
        };
        let body = body.to_bytes();
        if !self.trusts(&head.headers, &body) {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return reply(StatusCode::UNAUTHORIZED, "wrong authorization or signature");
        }
        let attempt: u16 = text(&head.headers, "carteiro-attempt").parse().unwrap_or(1);
        let mood = self.mood(text(&head.headers, "webhook-id"), attempt);
        match mood {
            Mood::Confirm => {
                let id = text(&head.headers, "webhook-id").to_owned();
                let first = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                reply(StatusCode::OK, if first { "ok" } else { "ok, seen before" })
            }
            Mood::Fail => reply(StatusCode::INTERNAL_SERVER_ERROR, "the shop's database is locked"),
            Mood::Busy => {
                let mut response = reply(StatusCode::SERVICE_UNAVAILABLE, "come back in three seconds")?;
                response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("3"));
                Ok(response)
            }
            Mood::HangUp => Err(io::Error::other("the receiver hangs up")),
        }
    }

    fn mood(&self, id: &str, attempt: u16) -> Mood {
        if attempt >= PATIENCE {
            return Mood::Confirm;
        }
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        let next = MOODS[moods.len() % MOODS.len()];
        *moods.entry((id.to_owned(), attempt)).or_insert(next)
    }

    fn trusts(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let timestamp = text(headers, "webhook-timestamp").parse().unwrap_or(0);
        let expected = signature(std::iter::once(&self.secret), text(headers, "webhook-id"), timestamp, body);
        text(headers, "authorization") == self.authorization
            && text(headers, "webhook-signature").split(' ').any(|one| one == expected)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
