//! Properties of what targets are and of what they answer: whatever a target sends, an attempt ends with a result that
//! can be stored.

use super::delivery_handle::DeliveryHandle;
use super::egress::Guard;
use super::schedule::engine_status::EngineStatus;
use super::transport::client::{Client, OutboundRequest, http_request};
use super::transport::prepared_webhook::PreparedWebhook;
use super::transport::response;
use super::transport::settings::ClientSettings;
use super::why;
use crate::clock::Clock;
use crate::model::{
    AttemptError, AttemptResult, NotificationId, NotificationKey, Response, RetryPolicy, Seq, TargetUrl, Timestamp,
    Trigger, Webhook, WebhookNo,
};
use crate::store::fuzzing::keeps_attempt;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Body as _;
use rustls::CertificateError;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const NOW: Timestamp = Timestamp::from_ms(1_795_435_200_123);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The value of a `Retry-After`: seconds, a date, or as good as none; never before the schedule, never past the cap.
pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let mut head = http::Response::new(()).into_parts().0;
    head.headers.insert(header::RETRY_AFTER, value);
    for status in [200, 301, 429, 500, 503] {
        head.status = http::StatusCode::from_u16(status).expect("a status");
        let read = response::from_head(&head, || NOW);
        let text = std::str::from_utf8(data).ok().map(str::trim).filter(|text| text.is_ascii());
        let digits = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        let expected = match (digits, text.map(httpdate::parse_http_date)) {
            _ if !matches!(status, 429 | 503) => None,
            (Some(digits), _) => Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX))),
            (None, Some(Ok(moment))) => {
                let now = UNIX_EPOCH + Duration::from_millis(NOW.as_ms());
                Some(moment.duration_since(now).unwrap_or_default())
            }
            (None, _) => None,
        };
        assert_eq!(read.retry_after, expected, "{data:?}");
        let policy = RetryPolicy::default();
        let key = NotificationKey { seq: Seq(1), webhook: WebhookNo(1) };
        for failed in 1..policy.max_attempts() {
            let gap = policy.gap_after(failed, key).expect("an attempt is left");
            let capped = read.retry_after.map(|span| span.min(DAY));
            let at = policy.next_attempt_at(failed, key, NOW, capped).expect("an attempt is left");
            assert!(at >= NOW.plus(gap) && at <= NOW.plus(gap.max(DAY)));
            // Without a cap it ends with the calendar.
            assert!(policy.next_attempt_at(failed, key, NOW, read.retry_after).expect("an attempt is left") >= at);
        }
    }
}

/// What a target sends as a certificate: what is read from it and reported about it is short and clean.
pub fn certificate(data: &[u8]) {
    let Some(facts) = crate::tls::x509::read(data) else {
        return;
    };
    assert!(facts.names.len() <= 5);
    let texts = facts.names.iter().chain([&facts.issuer, &facts.subject]).chain(&facts.unknown_critical);
    for text in texts {
        assert!(text.len() <= 4 * 256 && !text.contains(char::is_control), "{text:?}");
    }
    let claimed = facts.not_after.map_or(DAY, |at| Duration::from_millis(at.as_ms()));
    let now = rustls_pki_types::UnixTime::since_unix_epoch(claimed);
    for error in [
        CertificateError::UnknownIssuer,
        CertificateError::BadSignature,
        CertificateError::NotValidForName,
        CertificateError::ExpiredContext { time: now, not_after: now },
        CertificateError::Other(rustls::OtherError(Arc::new(webpki::Error::UnsupportedCertVersion))),
        CertificateError::Other(rustls::OtherError(Arc::new(webpki::Error::UnsupportedCriticalExtension))),
        CertificateError::Other(rustls::OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity))),
    ] {
        for chain in [vec![facts.clone()], vec![facts.clone(), facts.clone()]] {
            let explained = super::failure::refused("loja.example", &error, &chain);
            is_clean_explanation(&explained);
        }
    }
}

fn is_clean_explanation(reason: &AttemptError) {
    for sentence in [&reason.message, &reason.message_pt] {
        assert!((1..=AttemptError::MAX_MESSAGE_BYTES).contains(&sentence.len()), "{reason:?}");
        assert!(!sentence.contains(char::is_control), "{reason:?}");
    }
}

/// A target's URL: what is taken is a request line and a `Host` header without anything between the lines.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(target) = TargetUrl::parse(text) else {
        return;
    };
    assert_eq!(target.as_str(), text);
    assert_eq!(TargetUrl::parse(&target.to_string()).as_ref(), Ok(&target));
    assert!(target.port() > 0 && !target.host().is_empty());
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    let outbound = OutboundRequest {
        pool: WebhookNo(1),
        client_certificate: None,
        target: Arc::new(target),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    is_whole(outbound);
}

/// The request that the wire gets can be made, and its host and path are the target's.
fn is_whole(outbound: OutboundRequest) {
    let (target, length) = (outbound.target.clone(), outbound.body.len());
    let request = http_request(http::Method::POST, outbound).expect("a target that was taken makes a request");
    assert_eq!(request.headers()[header::HOST], target.host_header());
    assert_eq!(request.headers().keys().next(), Some(&header::HOST));
    assert_eq!(request.headers()[header::CONTENT_LENGTH], length.to_string());
    assert_eq!(request.body().size_hint().exact(), Some(length as u64));
    let line = request.uri().to_string();
    assert!(line.starts_with('/') && line.bytes().all(|byte| byte.is_ascii_graphic()), "{line:?}");
    for (name, value) in request.headers() {
        let clean = value.as_bytes().iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic());
        assert!(clean, "{name}: {value:?}");
    }
    if let Ok(ip) = target.host().parse::<IpAddr>() {
        // Whatever it says, it says it of every address.
        let closed = Guard::default().check(ip, target.port()).is_err();
        assert!(closed || !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast()), "{ip}");
    }
}

/// Attempts can be made of this webhook, signed and with its headers.
pub(crate) fn can_be_sent(webhook: &Webhook) {
    let id = NotificationId::from_bytes([7; 16]);
    let outbound =
        PreparedWebhook::new(Arc::new(webhook.clone()), 0).request(id, 1, NOW, Bytes::from_static(b"{}"), None);
    if let Some(authorization) = &webhook.authorization {
        assert!(outbound.headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(outbound.headers[header::AUTHORIZATION], authorization.expose());
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "carteiro-attempt", "user-agent"] {
        assert_eq!(outbound.headers.get_all(name).iter().count(), 1, "{name}");
    }
    is_whole(outbound);
}

/// How many attempts one input answers at most.
const MAX_ATTEMPTS: usize = 3;
/// A whole attempt; a target that leaves its connection open after its last word would be waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a target waits for the next request before it hangs up.
const HANG_UP: Duration = Duration::from_millis(1);
/// How much is sent where the input asks for a flood.
const FLOOD_BYTES: usize = 600 * 1024;

/// What a hostile target sends, to the real client over loopback. A byte of `0xff` ends the answer to one request, one
/// of `0xfe` a write; after a first byte of `0xfd`, the last answer is repeated to a flood.
pub fn response(data: &[u8]) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be started")
    });
    RUNTIME.block_on(attempts(data));
}

async fn attempts(data: &[u8]) {
    let (flood, data) = data.strip_prefix(&[0xfd]).map_or((false, data), |rest| (true, rest));
    let answers: Vec<Vec<u8>> = data.split(|byte| *byte == 0xff).take(MAX_ATTEMPTS).map(<[u8]>::to_vec).collect();
    let count = answers.len();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback can be listened on");
    let address = listener.local_addr().expect("a listener has an address");
    let script = tokio::spawn(script(listener, answers, flood));
    let settings = ClientSettings::allowing(&["127.0.0.0/8"], PATIENCE);
    let client = Client::new(settings, Clock::manual(NOW));
    let target = TargetUrl::parse(&format!("http://{address}/notificacoes")).expect("an address makes a target");
    let target = Arc::new(target);
    for _ in 0..count {
        let body = Bytes::from_static(b"{}");
        let outbound = OutboundRequest {
            pool: WebhookNo(1),
            client_certificate: None,
            target: target.clone(),
            headers: HeaderMap::new(),
            body,
        };
        let attempt = client.attempt(outbound).await.into_attempt(1, Trigger::Automatic, NOW, None);
        is_bounded(&attempt.result);
        keeps_attempt(&attempt);
    }
    script.abort();
}

/// Delivery that attempts nothing and refuses no target.
pub(crate) fn idle() -> DeliveryHandle {
    let settings = ClientSettings::allowing(&["0.0.0.0/0", "::/0"], PATIENCE);
    let look_up = |_: &str| Ok(vec![Ipv4Addr::LOCALHOST.into()]);
    let client = Client::resolving_by(Arc::new(look_up), settings, Clock::System);
    DeliveryHandle { status: Arc::new(EngineStatus::new()), client }
}

async fn script(listener: TcpListener, answers: Vec<Vec<u8>>, flood: bool) {
    let last = answers.len().saturating_sub(1);
    let mut answers = answers.into_iter().enumerate();
    while let Ok((mut stream, _)) = listener.accept().await {
        // No port is left waiting behind thousands of runs a second.
        stream.set_zero_linger().ok();
        while let Ok(true) = tokio::time::timeout(HANG_UP, read_request(&mut stream)).await {
            let Some((nth, answer)) = answers.next() else {
                return;
            };
            for piece in answer.split(|byte| *byte == 0xfe) {
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            if nth == last {
                let mut sent = 0;
                while flood && !answer.is_empty() && sent < FLOOD_BYTES {
                    if stream.write_all(&answer).await.is_err() {
                        break;
                    }
                    sent += answer.len();
                }
                break;
            }
        }
        stream.shutdown().await.ok();
        // The side that hangs up first with bytes unread resets; the client is to read to the end.
        let _ = tokio::time::timeout(HANG_UP, stream.read(&mut [0; 64])).await;
    }
}

/// Whether a whole request was received.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n{}") {
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

/// Whatever a target does, what is stored of it is small and can be explained.
fn is_bounded(result: &AttemptResult) {
    match result {
        AttemptResult::Response(response) => {
            assert!((100..1000).contains(&response.status));
            assert!(response.body.len() <= Response::KEPT_BODY_BYTES);
            // Each byte that is no UTF-8 becomes three.
            assert!(response.location.as_ref().is_none_or(|location| location.len() <= 3 * 500));
            assert!(response.location.is_none() || (300..400).contains(&response.status));
            assert!(response.retry_after.is_none() || matches!(response.status, 429 | 503));
        }
        AttemptResult::Error(error) => assert_ne!(error.code.as_str(), "internal", "{error:?}"),
    }
    let reason = why(result);
    assert_eq!(reason.is_none(), result.confirms());
    if let Some(reason) = reason {
        is_clean_explanation(&reason);
    }
}
