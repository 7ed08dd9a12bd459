//! What a receiver of notifications does, as a merchant's system would: it checks authorization and signature and drops
//! repeats by id. The demo's fails now and then, on purpose; `listen` makes another one of the same parts.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, HashSet};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::output::Tone;
use crate::clock::Clock;
use crate::delivery::transport::sign::{signature, verifies};
use crate::model::{Language, PublicKey, SigningSecret, Timestamp};
use crate::shutdown::{accept_until, requested};

/// The largest notification that is read: carteiro sends at most 256 KiB of resource.
pub(crate) const MAX_BODY: usize = 512 * 1024;
/// How far `webhook-timestamp` may be from now, as the Standard Webhooks libraries have it.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// No expected value was given.
    NotChecked,
    Good,
    Missing,
    Wrong,
    /// The signature is right, and too old or of the future: it may be a replay.
    Stale,
}

impl Check {
    pub(crate) const fn is_passed(self) -> bool {
        matches!(self, Self::NotChecked | Self::Good)
    }

    /// As `listen --json` has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::Good => "ok",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
        }
    }

    /// What `listen` prints of it, and how.
    pub(crate) const fn shown(self, language: Language) -> (&'static str, Tone) {
        match self {
            Self::NotChecked => (language.pick("not checked", "não conferida"), Tone::Dim),
            Self::Good => ("ok", Tone::Good),
            Self::Missing => (language.pick("MISSING", "AUSENTE"), Tone::Bad),
            Self::Wrong => (language.pick("WRONG", "ERRADA"), Tone::Bad),
            Self::Stale => (
                language.pick(
                    "STALE: right, and too far from now",
                    "VENCIDA: correta, mas o horário está longe demais do atual",
                ),
                Tone::Bad,
            ),
        }
    }
}

/// What a receiver expects of a request.
pub(crate) struct Expected {
    pub(crate) authorization: Option<String>,
    pub(crate) secret: Option<SigningSecret>,
    pub(crate) public_key: Option<PublicKey>,
    pub(crate) tolerance: Duration,
}

impl Expected {
    pub(crate) fn authorization(&self, headers: &HeaderMap) -> Check {
        match (&self.authorization, headers.get(header::AUTHORIZATION)) {
            (None, _) => Check::NotChecked,
            (Some(_), None) => Check::Missing,
            (Some(expected), Some(sent)) if sent.as_bytes() == expected.as_bytes() => Check::Good,
            (Some(_), Some(_)) => Check::Wrong,
        }
    }

    /// Standard Webhooks: any one of the signatures suffices, since a secret or a key that is being replaced signs
    /// beside the new one. With a secret and a public key, there must be one of either.
    pub(crate) fn signature(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Check {
        if self.secret.is_none() && self.public_key.is_none() {
            return Check::NotChecked;
        }
        let sent = text(headers, "webhook-signature");
        if sent.is_empty() {
            return Check::Missing;
        }
        let Ok(timestamp_s) = text(headers, "webhook-timestamp").parse::<u64>() else {
            return Check::Wrong;
        };
        let id = text(headers, "webhook-id");
        let by_secret = self.secret.as_ref().is_none_or(|secret| {
            let right = signature(std::iter::once(secret), id, timestamp_s, body);
            sent.split(' ').any(|one| one == right)
        });
        let by_key = self.public_key.as_ref();
        let by_key = by_key.is_none_or(|key| sent.split(' ').any(|one| verifies(key, one, id, timestamp_s, body)));
        if !by_secret || !by_key {
            Check::Wrong
        } else if now.as_secs().abs_diff(timestamp_s) > self.tolerance.as_secs() {
            Check::Stale
        } else {
            Check::Good
        }
    }
}

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
pub(crate) struct Receiver {
    expected: Expected,
    /// The mood for each attempt: one that is sent again over a new connection gets the same.
    moods: Mutex<HashMap<(String, u16), Mood>>,
    seen: Mutex<HashSet<String>>,
    rejected: AtomicU32,
}

impl Receiver {
    pub(crate) fn new(authorization: String, secret: SigningSecret) -> Arc<Self> {
        Arc::new(Self {
            expected: Expected {
                authorization: Some(authorization),
                secret: Some(secret),
                public_key: None,
                tolerance: TOLERANCE,
            },
            moods: Mutex::default(),
            seen: Mutex::default(),
            rejected: AtomicU32::new(0),
        })
    }

    /// How many requests had a wrong authorization or signature.
    pub(crate) fn rejected(&self) -> u32 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// How many different notifications were confirmed.
    pub(crate) fn confirmed(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Serves until its task is aborted.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let never = watch::Sender::new(false);
        serve(&listener, &never, move |request| self.clone().answer(request)).await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return Ok(reply(StatusCode::PAYLOAD_TOO_LARGE, "too large"));
        };
        let body = body.to_bytes();
        if !self.trusts(&head.headers, &body) {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Ok(reply(StatusCode::UNAUTHORIZED, "wrong authorization or signature"));
        }
        let attempt: u16 = text(&head.headers, "carteiro-attempt").parse().unwrap_or(1);
        let mood = self.mood(text(&head.headers, "webhook-id"), attempt);
        match mood {
            Mood::Confirm => {
                let id = text(&head.headers, "webhook-id").to_owned();
                let first = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                Ok(reply(StatusCode::OK, if first { "ok" } else { "ok, seen before" }))
            }
            Mood::Fail => Ok(reply(StatusCode::INTERNAL_SERVER_ERROR, "the shop's database is locked")),
            Mood::Busy => {
                let mut response = reply(StatusCode::SERVICE_UNAVAILABLE, "come back in three seconds");
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
        let signature = self.expected.signature(headers, body, Clock::System.now());
        self.expected.authorization(headers).is_passed() && signature.is_passed()
    }
}

/// Answers requests until `ended` turns true; returns the connections whose answers are in progress then. One for which
/// `answer` gives an error is hung up on.
pub(crate) async fn serve<F>(
    listener: &TcpListener,
    ended: &watch::Sender<bool>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> JoinSet<()>
where
    F: Future<Output = io::Result<Response<Full<Bytes>>>> + Send + 'static,
{
    let connection = |stream: TcpStream, mut ended: watch::Receiver<bool>| {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer.clone()));
        async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // The sender may hang up at any time.
                _ = connection.as_mut() => return,
                () = requested(&mut ended) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        }
    };
    let spawn = |accepted: io::Result<(TcpStream, _)>, connections: &mut JoinSet<()>| {
        if let Ok((stream, _)) = accepted {
            connections.spawn(connection(stream, ended.subscribe()));
        }
    };
    accept_until(requested(&mut ended.subscribe()), || listener.accept(), spawn).await
}

/// A response with a text of ours.
pub(crate) fn reply(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::transport::sign::{SigningKey, signature_by};
    use crate::model::PrivateKey;

    #[test]
    fn a_signature_must_be_there_right_and_recent() {
        let secret = SigningSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let expected =
            Expected { authorization: None, secret: Some(secret.clone()), public_key: None, tolerance: TOLERANCE };
        let signed = signature(std::iter::once(&secret), "msg", 1_000_000, b"{}");
        let headers = |signature: &str, timestamp: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("webhook-id", "msg"), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
            {
                headers.insert(name, value.parse().unwrap());
            }
            headers
        };
        let at = |seconds: u64| Timestamp::from_ms(seconds * 1000);
        let check =
            |signature: &str, timestamp: &str, now| expected.signature(&headers(signature, timestamp), b"{}", now);
        let both = format!("v1,AAAA {signed}");
        assert_eq!(check(&both, "1000000", at(1_000_000)), Check::Good);
        assert_eq!(check(&signed, "1000000", at(1_000_300)), Check::Good);
        assert_eq!(check(&signed, "1000000", at(1_000_301)), Check::Stale);
        assert_eq!(check(&signed, "1000000", at(999_699)), Check::Stale);
        assert_eq!(check(&signed, "1000001", at(1_000_000)), Check::Wrong);
        assert_eq!(check("v1,AAAA", "1000000", at(1_000_000)), Check::Wrong);
        assert_eq!(check(&signed, "soon", at(1_000_000)), Check::Wrong);
        assert_eq!(expected.signature(&HeaderMap::new(), b"{}", at(1)), Check::Missing);
        assert_eq!(expected.signature(&headers(&signed, "1000000"), b"{ }", at(1_000_000)), Check::Wrong);

        // By a public key, alone and beside the secret.
        let private = PrivateKey::from_bytes([7; 32]);
        let by_key = signature_by([SigningKey::of_private(&private)].iter(), "msg", 1_000_000, b"{}");
        let expecting = |secret: Option<&SigningSecret>| Expected {
            authorization: None,
            secret: secret.cloned(),
            public_key: Some(private.public()),
            tolerance: TOLERANCE,
        };
        let both = format!("{signed} {by_key}");
        for (expected, sent, check) in [
            (expecting(None), &by_key, Check::Good),
            (expecting(None), &both, Check::Good),
            (expecting(None), &signed, Check::Wrong),
            (expecting(Some(&secret)), &both, Check::Good),
            (expecting(Some(&secret)), &by_key, Check::Wrong),
        ] {
            assert_eq!(expected.signature(&headers(sent, "1000000"), b"{}", at(1_000_000)), check, "{sent}");
        }
    }

    #[test]
    fn an_authorization_is_compared_whole() {
        let expected = |text: Option<&str>| Expected {
            authorization: text.map(str::to_owned),
            secret: None,
            public_key: None,
            tolerance: TOLERANCE,
        };
        let mut headers = HeaderMap::new();
        assert_eq!(expected(Some("Bearer a")).authorization(&headers), Check::Missing);
        headers.insert(header::AUTHORIZATION, "Bearer a".parse().unwrap());
        assert_eq!(expected(Some("Bearer a")).authorization(&headers), Check::Good);
        assert_eq!(expected(Some("a")).authorization(&headers), Check::Wrong);
        assert_eq!(expected(None).authorization(&headers), Check::NotChecked);
    }
}
