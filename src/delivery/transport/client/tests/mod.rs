//! Attempts against scripted targets on loopback: each test scripts the bytes of the other side.

mod certificates;
mod client_certificates;
mod guard;
mod handshake;
mod heads;
mod pooling;
mod proxy;

use super::*;
use crate::delivery::failure::Unresolved;
use crate::delivery::response_head::MAX_HEAD_BYTES;
use crate::delivery::transport::pool::{MAX_IDLE_PER_ORIGIN, MAX_IDLE_TIME};
use crate::delivery::transport::stream::MAX_RESPONSE_BYTES;
use crate::model::{ErrorCode, Timestamp};
use crate::tls::client as tls;
use handshake::{authority, tls_target};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::PrivateKeyDer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// Far beyond what any test but those about timeouts takes: whatever hangs fails with `Timeout`, by name.
const LONG: Duration = Duration::from_secs(20);
/// Long enough for loopback on a busy machine, short enough to be waited for.
const SHORT: Duration = Duration::from_millis(250);
/// A name for 127.0.0.1. Not `localhost`: a bare machine's resolver may not know it.
const NAME: &str = "loja.example";

fn settings() -> ClientSettings {
    ClientSettings::allowing(&["127.0.0.0/8"], LONG)
}

fn client() -> Client {
    Client::new(settings(), Clock::System)
}

/// A client for which [`NAME`] is the only name that leads anywhere.
fn knowing_a_name(settings: ClientSettings) -> Client {
    let look_up = |name: &str| match name {
        NAME => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
        _ => Err(Unresolved::NotFound),
    };
    Client::resolving_by(Arc::new(look_up), settings, Clock::System)
}

fn impatient() -> Client {
    Client::new(settings().within(SHORT), Clock::System)
}

fn outbound(url: &str) -> OutboundRequest {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("host", HeaderValue::from_static("not.this"));
    OutboundRequest {
        pool: WebhookNo(1),
        client_certificate: None,
        target: Arc::new(TargetUrl::parse(url).unwrap()),
        headers,
        body: Bytes::from_static(br#"{"id":1}"#),
    }
}

fn response(report: &AttemptReport) -> &Response {
    match &report.result {
        AttemptResult::Response(response) => response,
        AttemptResult::Error(error) => panic!("{error:?}"),
    }
}

fn error(report: &AttemptReport) -> (ErrorCode, &str) {
    match &report.result {
        AttemptResult::Response(response) => panic!("{response:?}"),
        AttemptResult::Error(error) => (error.code, &error.message),
    }
}

/// A target that runs a script for every connection it accepts.
struct Target {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Target {
    /// `script` gets the number of the connection, from 0, and the connection.
    async fn start<F: Future<Output = ()> + Send>(
        script: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::serving(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    fn serving<F: Future<Output = ()> + Send>(
        listener: TcpListener,
        script: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (count, script) = (Arc::clone(&accepted), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (number, script) = (count.fetch_add(1, Ordering::SeqCst), Arc::clone(&script));
                tokio::spawn(async move { script(number, stream).await });
            }
        });
        Self { address, accepted }
    }

    /// A target that answers every request with these bytes and leaves the connection open.
    async fn answering(bytes: impl AsRef<[u8]>) -> Self {
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        Self::start(move |_, mut stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                while read_request(&mut stream).await.is_some() {
                    stream.write_all(&bytes).await.ok();
                }
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/notificacoes?loja=1", self.address)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// One request, head and body; `None` when the connection ends first.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_2xx_confirms_and_the_request_is_what_was_asked_for() {
    let (sent, mut requests) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut stream| {
        let sent = sent.clone();
        async move {
            sent.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let report = client().attempt(outbound(&target.url())).await;
    assert!(report.result.confirms());
    let Response { status, body, retry_after, location, head } = response(&report);
    assert_eq!((*status, &**body, *retry_after, location.as_deref()), (200, b"ok".as_slice(), None, None));
    assert!(!head.headers.is_empty() && report.sent, "{head:?}");
    assert_eq!((report.remote_ip, report.tls), (Some(target.address.ip()), None));
    let Timings { dns_us, connect_us, tls_us, first_byte_us } = report.timings;
    assert!(dns_us.is_none() && connect_us.is_some() && tls_us.is_none() && first_byte_us.is_some());
    assert!(report.duration_us >= connect_us.unwrap() + first_byte_us.unwrap());

    let request = requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lines: Vec<_> = head.split("\r\n").collect();
    let host = format!("host: {}", target.address);
    let request_line = "POST /notificacoes?loja=1 HTTP/1.1";
    assert_eq!(lines, [request_line, &host, "accept: */*", "webhook-id: msg_1", "content-length: 8"]);
    assert_eq!(body, r#"{"id":1}"#);
}

#[tokio::test]
async fn a_query_without_a_path_gets_one() {
    let (sent, mut requests) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut stream| {
        let sent = sent.clone();
        async move { sent.send(read_request(&mut stream).await.unwrap()).unwrap() }
    })
    .await;
    client().attempt(outbound(&format!("http://{}?x=1", target.address))).await;
    assert!(requests.recv().await.unwrap().starts_with("POST /?x=1 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_error_status_is_a_response_with_its_body() {
    let target = Target::answering("HTTP/1.1 500 Oops\r\ncontent-length: 5\r\n\r\nwrong").await;
    let report = client().attempt(outbound(&target.url())).await;
    assert!(!report.result.confirms());
    assert_eq!((response(&report).status, response(&report).body.as_slice()), (500, b"wrong".as_slice()));
}

#[tokio::test]
async fn a_redirect_is_recorded_and_never_followed() {
    let elsewhere = Target::answering(OK).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let target = Target::answering(moved).await;
    let report = client().attempt(outbound(&target.url())).await;
    assert_eq!(response(&report).status, 302);
    assert_eq!(response(&report).location, Some(elsewhere.url()));
    assert_eq!((target.accepted(), elsewhere.accepted()), (1, 0));
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    // 2026-11-23T12:00:00Z
    let clock = Clock::manual(Timestamp::from_ms(1_795_435_200_000));
    let client = Client::new(settings(), clock);
    for (value, expected) in [("120", 120), ("Mon, 23 Nov 2026 12:00:45 GMT", 45)] {
        let head = format!("HTTP/1.1 503 Busy\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n");
        let report = client.attempt(outbound(&Target::answering(head).await.url())).await;
        assert_eq!(response(&report).retry_after, Some(Duration::from_secs(expected)));
    }
}

#[tokio::test]
async fn interim_responses_are_passed_over_and_101_is_a_response() {
    let target = Target::answering(format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{OK}")).await;
    assert!(client().attempt(outbound(&target.url())).await.result.confirms());
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let target = Target::answering(upgrade).await;
    let client = client();
    assert_eq!(response(&client.attempt(outbound(&target.url())).await).status, 101);
    assert_eq!(client.idle(), 0);
}

#[tokio::test]
async fn nothing_listening_is_refused() {
    // The port was free a moment ago, and the system doesn't hand the same one out again so soon.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let report = client().attempt(outbound(&format!("http://{address}/"))).await;
    let sentence = format!("Nothing is listening at {address} (connection refused).");
    assert_eq!(error(&report), (ErrorCode::ConnectRefused, sentence.as_str()));
    assert_eq!(report.remote_ip, Some(address.ip()));
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    // RFC 6761: nothing under `invalid` ever resolves. Without a resolver the lookup fails. The tests of `failure`
    // distinguish the two.
    let report = client().attempt(outbound("http://loja.invalid/")).await;
    let (code, message) = error(&report);
    assert!(matches!(code, ErrorCode::DnsNotFound | ErrorCode::DnsFailed), "{code:?} {message}");
    assert!(message.contains("loja.invalid"), "{message}");
    assert!(report.timings.dns_us.is_some() && report.remote_ip.is_none());
}

#[tokio::test]
async fn a_name_is_resolved_and_every_address_guarded() {
    let target = Target::answering(OK).await;
    let url = format!("http://{NAME}:{}/", target.address.port());
    let report = knowing_a_name(settings()).attempt(outbound(&url)).await;
    assert!(report.result.confirms() && report.timings.dns_us.is_some());
    let closed = knowing_a_name(settings().without_exceptions());
    // Spellings that a resolver reads as 127.0.0.1, and that a check of the text would let through.
    for host in [NAME, "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "127.0.0.1"] {
        let report = closed.attempt(outbound(&format!("http://{host}:{}/", target.address.port()))).await;
        let (code, message) = error(&report);
        assert_eq!(code, ErrorCode::BlockedTarget, "{host}: {message}");
        let opens = message.contains("`[egress] allow = [\"127.0.0.1/32:");
        assert!(message.contains("a loopback address") && opens, "{message}");
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn plain_http_can_be_forbidden() {
    let target = Target::answering(OK).await;
    let strict = Client::new(settings().https_only(), Clock::System);
    assert_eq!(error(&strict.attempt(outbound(&target.url())).await).0, ErrorCode::BlockedTarget);
    assert_eq!(target.accepted(), 0);
}

#[tokio::test]
async fn a_target_that_never_answers_times_out() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        // Held open until the client gives up.
        read_request(&mut stream).await;
    })
    .await;
    let report = impatient().attempt(outbound(&target.url())).await;
    assert_eq!(error(&report), (ErrorCode::Timeout, "No response from 127.0.0.1 within 250ms."));
    assert!(report.duration_us >= 250_000 && report.timings.first_byte_us.is_none());
}

#[tokio::test]
async fn a_head_that_trickles_times_out() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.set_nodelay(true).unwrap();
        for byte in OK.as_bytes() {
            tokio::time::sleep(SHORT / 10).await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    assert_eq!(error(&impatient().attempt(outbound(&target.url())).await).0, ErrorCode::Timeout);
}

#[tokio::test]
async fn a_body_that_trickles_still_leaves_the_error_status() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\npart").await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    let report = impatient().attempt(outbound(&target.url())).await;
    assert_eq!((response(&report).status, response(&report).body.as_slice()), (500, b"part".as_slice()));
    assert!(report.duration_us >= 250_000);
}

#[tokio::test]
async fn a_2xx_whose_body_never_ends_confirms_after_a_second() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    })
    .await;
    let client = client();
    let report = client.attempt(outbound(&target.url())).await;
    assert!(report.result.confirms());
    assert_eq!(response(&report).body, b"part");
    assert!((1_000_000..LONG.as_micros()).contains(&u128::from(report.duration_us)), "{}", report.duration_us);
    assert_eq!(client.idle(), 0);
}

#[tokio::test]
async fn a_broken_body_after_a_head_still_leaves_the_response() {
    for head in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 500 Oops\r\n"] {
        for rest in ["content-length: 100\r\n\r\npart", "transfer-encoding: chunked\r\n\r\n4\r\npart\r\nnonsense\r\n"] {
            let target = Target::start(move |_, mut stream| async move {
                read_request(&mut stream).await;
                stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
            })
            .await;
            let client = client();
            assert_eq!(response(&client.attempt(outbound(&target.url())).await).body, b"part");
            assert_eq!(client.idle(), 0);
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_head_does_is_a_reset() {
    for sent in ["", "HTTP/1.1 200 OK\r\nx: "] {
        let target = Target::start(move |_, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(sent.as_bytes()).await.unwrap();
        })
        .await;
        let report = client().attempt(outbound(&target.url())).await;
        assert_eq!(error(&report).0, ErrorCode::Reset);
        assert_eq!(error(&report).1.contains("if this port speaks https"), sent.is_empty());
        // A new connection is never redialled.
        assert_eq!(target.accepted(), 1);
    }
    let target = Target::start(|_, stream| async move {
        // Closing a socket whose bytes were not read makes the system send RST.
        stream.readable().await.unwrap();
    })
    .await;
    assert_eq!(error(&client().attempt(outbound(&target.url())).await).0, ErrorCode::Reset);
}

#[tokio::test]
async fn of_a_gigabyte_a_kibibyte_is_kept_and_little_is_read() {
    for (head, reused) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 1073741824\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false),
    ] {
        let (sent, mut written) = mpsc::unbounded_channel();
        let target = Target::start(move |_, mut stream| {
            let sent = sent.clone();
            async move {
                read_request(&mut stream).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                let block = if reused { "x".repeat(16) } else { "4\r\nxxxx\r\n".to_owned() }.repeat(4096);
                let mut total = 0;
                while total < 1 << 30 && stream.write_all(block.as_bytes()).await.is_ok() {
                    total += block.len();
                }
                sent.send(total).unwrap();
            }
        })
        .await;
        let client = client();
        let report = client.attempt(outbound(&target.url())).await;
        assert_eq!(response(&report).body, [b'x'; Response::KEPT_BODY_BYTES]);
        assert_eq!(client.idle(), 0);
        // What the kernel buffers of a loopback connection is a few MiB.
        assert!(written.recv().await.unwrap() < 1 << 26);
    }
}
