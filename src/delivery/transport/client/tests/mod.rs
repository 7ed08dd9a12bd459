//! Attempts against scripted targets on loopback: each test scripts the bytes of the other side.

mod certificates;
mod guard;
mod heads;
mod proxy;

use super::*;
use crate::config::AllowRule;
use crate::delivery::egress::Guard;
use crate::delivery::head::MAX_HEAD_BYTES;
use crate::delivery::transport::pool::{MAX_IDLE_PER_ORIGIN, MAX_IDLE_TIME};
use crate::delivery::transport::stream::MAX_RESPONSE_BYTES;
use crate::model::{ErrorCode, Timestamp};
use crate::tls::client as tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::PrivateKeyDer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// Far beyond what any test but those about timeouts takes: whatever hangs fails with `Timeout`, by name.
const LONG: Duration = Duration::from_secs(20);
/// Long enough for loopback on a busy machine, short enough to be waited for.
const SHORT: Duration = Duration::from_millis(250);

fn settings() -> ClientSettings {
    /// Reading the system's certificates takes long enough to do it once.
    static TLS: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| tls::client_config(None).unwrap());
    let loopback = AllowRule::parse("127.0.0.0/8").expect("a range");
    ClientSettings {
        timeout: LONG,
        connect_timeout: LONG,
        allow_http: true,
        guard: Guard::new(vec![loopback]),
        proxy: None,
        tls: Arc::clone(&TLS),
    }
}

fn client() -> Client {
    Client::new(settings(), Clock::System)
}

fn impatient() -> Client {
    Client::new(ClientSettings { timeout: SHORT, ..settings() }, Clock::System)
}

fn outbound(url: &str) -> OutboundRequest {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("host", HeaderValue::from_static("not.this"));
    OutboundRequest {
        pool: WebhookNo(1),
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
    assert_eq!(response(&report), &Response { status: 200, body: b"ok".to_vec(), retry_after: None, location: None });
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
    // RFC 6761: nothing under `invalid` ever resolves. Where there is no resolver to say so, it fails; the two are told
    // apart in the tests of `failure`.
    let report = client().attempt(outbound("http://loja.invalid/")).await;
    let (code, message) = error(&report);
    assert!(matches!(code, ErrorCode::DnsNotFound | ErrorCode::DnsFailed), "{code:?} {message}");
    assert!(message.contains("loja.invalid"), "{message}");
    assert!(report.timings.dns_us.is_some() && report.remote_ip.is_none());
}

#[tokio::test]
async fn a_name_is_resolved_and_every_address_guarded() {
    let target = Target::answering(OK).await;
    let url = format!("http://localhost:{}/", target.address.port());
    let report = client().attempt(outbound(&url)).await;
    assert!(report.result.confirms() && report.timings.dns_us.is_some());
    let closed = Client::new(ClientSettings { guard: Guard::default(), ..settings() }, Clock::System);
    // Spellings that a resolver reads as 127.0.0.1, and that a check of the text would let through.
    for host in ["localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "127.0.0.1"] {
        let report = closed.attempt(outbound(&format!("http://{host}:{}/", target.address.port()))).await;
        let (code, message) = error(&report);
        assert_eq!(code, ErrorCode::BlockedTarget, "{host}: {message}");
        // Many machines know `localhost` by its IPv6 address first.
        let opens = ["127.0.0.1/32:", "[::1]/128:"].map(|entry| format!("`[egress] allow = [\"{entry}"));
        let opened = message.contains(&opens[0]) || host == "localhost" && message.contains(&opens[1]);
        assert!(message.contains("a loopback address") && opened, "{message}");
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn plain_http_can_be_forbidden() {
    let target = Target::answering(OK).await;
    let strict = Client::new(ClientSettings { allow_http: false, ..settings() }, Clock::System);
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
        // A fresh connection is never redialled.
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
    for (head, kept) in [
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
                let block = if kept { "x".repeat(16) } else { "4\r\nxxxx\r\n".to_owned() }.repeat(4096);
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

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let target = Target::answering(OK).await;
    let client = client();
    let first = client.attempt(outbound(&target.url())).await;
    assert!(first.timings.connect_us.is_some());
    for _ in 0..50 {
        assert_eq!(client.idle(), 1);
        let report = client.attempt(outbound(&target.url())).await;
        let Timings { dns_us, connect_us, tls_us, first_byte_us } = report.timings;
        assert!(report.result.confirms() && first_byte_us.is_some());
        assert_eq!((dns_us, connect_us, tls_us), (None, None, None));
        assert_eq!(report.remote_ip, Some(target.address.ip()));
    }
    assert_eq!(target.accepted(), 1);

    // Another webhook has its own, and so has another name for the same place.
    client.attempt(OutboundRequest { pool: WebhookNo(2), ..outbound(&target.url()) }).await;
    client.attempt(outbound(&format!("http://localhost:{}/", target.address.port()))).await;
    assert_eq!((target.accepted(), client.idle()), (3, 3));
    client.forget(WebhookNo(1));
    assert_eq!(client.idle(), 1);

    // A reload starts anew.
    client.replace(settings());
    assert_eq!(client.idle(), 0);
    client.attempt(OutboundRequest { pool: WebhookNo(2), ..outbound(&target.url()) }).await;
    assert_eq!((target.accepted(), client.idle()), (4, 1));
}

/// On several workers a response may be read before hyper's task has come to rest; giving back must wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_kept_on_several_workers() {
    let target = Target::answering(OK).await;
    let client = client();
    for _ in 0..500 {
        assert!(client.attempt(outbound(&target.url())).await.result.confirms());
        assert_eq!(client.idle(), 1);
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn a_connection_is_kept_when_its_body_was_read_whole() {
    for (bytes, kept) in [(Response::READ_BODY_BYTES, 1), (Response::READ_BODY_BYTES + 1, 0)] {
        let answer = format!("HTTP/1.1 500 Oops\r\ncontent-length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
        let target = Target::answering(answer).await;
        let client = client();
        // Together more than one response may send: the count starts anew with each request.
        for _ in 0..2 * MAX_RESPONSE_BYTES / bytes {
            let report = client.attempt(outbound(&target.url())).await;
            assert_eq!(response(&report).body.len(), Response::KEPT_BODY_BYTES);
            assert_eq!(client.idle(), kept, "{bytes}");
        }
        assert_eq!(target.accepted() == 1, kept == 1);
    }
}

#[tokio::test]
async fn a_large_request_arrives_whole() {
    let target = Target::answering(OK).await;
    let client = client();
    for _ in 0..3 {
        let request = OutboundRequest { body: vec![b'x'; 300 * 1024].into(), ..outbound(&target.url()) };
        assert!(client.attempt(request).await.result.confirms());
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn a_response_may_forbid_to_keep_the_connection() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let target = Target::answering(answer).await;
        let client = client();
        for _ in 0..2 {
            assert!(client.attempt(outbound(&target.url())).await.result.confirms());
            assert_eq!(client.idle(), 0);
        }
        assert_eq!(target.accepted(), 2);
    }
}

#[tokio::test]
async fn at_most_eight_idle_connections_are_kept_to_an_origin() {
    // Nobody is answered before all have connected, so that there are ten connections at once.
    let all = Arc::new(tokio::sync::Barrier::new(10));
    let target = Target::start(move |_, mut stream| {
        let all = Arc::clone(&all);
        async move {
            while read_request(&mut stream).await.is_some() {
                all.wait().await;
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let client = client();
    let attempts: Vec<_> = (0..10)
        .map(|_| {
            let (client, request) = (client.clone(), outbound(&target.url()));
            tokio::spawn(async move { client.attempt(request).await })
        })
        .collect();
    for attempt in attempts {
        assert!(attempt.await.unwrap().result.confirms());
    }
    assert_eq!(client.idle(), MAX_IDLE_PER_ORIGIN);
}

#[tokio::test]
async fn idle_connections_are_dropped_after_thirty_seconds() {
    let target = Target::answering(OK).await;
    let client = client();
    client.attempt(outbound(&target.url())).await;
    client.sweep();
    assert_eq!(client.idle(), 1);
    let given = Instant::now();
    let late = given + MAX_IDLE_TIME;
    // Too old to be taken, even where nobody sweeps.
    let url = TargetUrl::parse(&target.url()).unwrap();
    assert!(client.inner.pool.take(WebhookNo(1), &url, Generation::default(), late).is_none());
    assert_eq!(client.idle(), 0);
    client.attempt(outbound(&target.url())).await;
    assert_eq!((target.accepted(), client.idle()), (2, 1));
    client.inner.pool.sweep(Instant::now() + MAX_IDLE_TIME);
    assert_eq!(client.idle(), 0);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_redialled_once() {
    // The first connection answers once and closes when it sees the second request; later ones answer.
    let target = Target::start(|number, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        while read_request(&mut stream).await.is_some() && number > 0 {
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let client = client();
    client.attempt(outbound(&target.url())).await;
    let report = client.attempt(outbound(&target.url())).await;
    assert!(report.result.confirms() && report.timings.connect_us.is_some());
    assert_eq!(target.accepted(), 2);
}

#[tokio::test]
async fn a_redial_is_not_repeated_and_not_made_once_an_answer_has_begun() {
    for (last_words, dials) in [("", 2), ("HTTP/1.1 2", 1)] {
        let target = Target::start(move |number, mut stream| async move {
            read_request(&mut stream).await;
            if number == 0 {
                stream.write_all(OK.as_bytes()).await.unwrap();
                read_request(&mut stream).await;
            }
            stream.write_all(last_words.as_bytes()).await.unwrap();
        })
        .await;
        let client = client();
        client.attempt(outbound(&target.url())).await;
        assert_eq!(error(&client.attempt(outbound(&target.url())).await).0, ErrorCode::Reset);
        assert_eq!(target.accepted(), dials);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_that_is_closed_while_it_waits_is_never_a_failure() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let client = client();
    for _ in 0..200 {
        assert!(client.attempt(outbound(&target.url())).await.result.confirms());
    }
}

#[tokio::test]
async fn a_silent_kept_connection_times_out_and_is_not_redialled() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        while read_request(&mut stream).await.is_some() {}
    })
    .await;
    let client = impatient();
    client.attempt(outbound(&target.url())).await;
    assert_eq!(error(&client.attempt(outbound(&target.url())).await).0, ErrorCode::Timeout);
    assert_eq!((target.accepted(), client.idle()), (1, 0));
}

#[tokio::test]
async fn an_attempt_that_is_dropped_closes_its_connection() {
    let (asked, was_asked) = oneshot::channel();
    let (closed, was_closed) = oneshot::channel();
    let script = std::sync::Mutex::new(Some((asked, closed)));
    let target = Target::start(move |_, mut stream| {
        let (asked, closed) = script.lock().unwrap().take().unwrap();
        async move {
            read_request(&mut stream).await;
            asked.send(()).unwrap();
            read_request(&mut stream).await;
            closed.send(()).unwrap();
        }
    })
    .await;
    let client = client();
    let attempt = client.attempt(outbound(&target.url()));
    tokio::select! {
        report = attempt => panic!("{report:?}"),
        asked = was_asked => asked.unwrap(),
    }
    timeout(LONG, was_closed).await.unwrap().unwrap();
}

/// A certificate authority in a file, and an acceptor for 127.0.0.1 and localhost under it.
fn authority(names: &[&str]) -> (tempfile::NamedTempFile, TlsAcceptor) {
    authority_for(names, |_| {})
}

/// The same, with a say in what the certificate holds.
fn authority_for(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (tempfile::NamedTempFile, TlsAcceptor) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Autoridade da Loja");
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut leaf = CertificateParams::new(names).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca.pem()).unwrap();
    (file, acceptor(&leaf, &key))
}

fn acceptor(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    acceptor_of(certificate, key, rustls::ALL_VERSIONS, rustls::crypto::ring::ALL_CIPHER_SUITES)
}

fn acceptor_of(
    certificate: &rcgen::Certificate,
    key: &KeyPair,
    versions: &[&'static rustls::SupportedProtocolVersion],
    ciphers: &[rustls::SupportedCipherSuite],
) -> TlsAcceptor {
    let provider = rustls::crypto::ring::default_provider();
    let provider = rustls::crypto::CryptoProvider { cipher_suites: ciphers.to_vec(), ..provider };
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn tls_target(acceptor: TlsAcceptor) -> Target {
    async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        while read_request(stream).await.is_some() {
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
    Target::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                serve(&mut stream).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn tls_is_spoken_with_an_extra_authority_to_names_and_addresses() {
    let (ca, acceptor) = authority(&["127.0.0.1", "localhost"]);
    let target = tls_target(acceptor).await;
    let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
    let client = Client::new(trusting, Clock::System);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}/", target.address.port());
        let report = client.attempt(outbound(&url)).await;
        assert!(report.result.confirms(), "{host}: {:?}", report.result);
        assert!(report.timings.tls_us.is_some());
        assert_eq!(report.tls, Some(TlsVersion::V1_3));
        let again = client.attempt(outbound(&url)).await;
        assert!(again.result.confirms() && again.timings.tls_us.is_none());
        assert_eq!(again.tls, Some(TlsVersion::V1_3), "known of a kept connection too");
    }
    assert_eq!(target.accepted(), 2);
}

#[tokio::test]
async fn certificates_of_strangers_and_other_names_are_refused() {
    let (ca, acceptor) = authority(&["outra.example"]);
    let target = tls_target(acceptor).await;
    let url = format!("https://{}/", target.address);
    let report = client().attempt(outbound(&url)).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsUntrusted);
    assert_eq!(
        message,
        "The certificate of 127.0.0.1 was issued by \"Autoridade da Loja\", which is not a trusted authority, or \
         the server does not send the intermediate certificates; an authority of your own goes into the file that \
         `[egress] extra_ca_file` in the config names."
    );
    assert_eq!(report.tls, None);
    let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
    let report = Client::new(trusting, Clock::System).attempt(outbound(&url)).await;
    assert_eq!(
        error(&report),
        (ErrorCode::TlsNameMismatch, "The certificate at 127.0.0.1 was made for outra.example, and not for 127.0.0.1.")
    );
}

#[tokio::test]
async fn a_certificate_outside_its_time_is_told_with_the_day() {
    for (from, to, code, says, says_pt) in [
        (
            (2019, 3, 3),
            (2020, 3, 3),
            ErrorCode::TlsExpired,
            "expired on 3 March 2020.",
            "expirou em 3 de março de 2020.",
        ),
        ((2098, 5, 1), (2099, 5, 1), ErrorCode::TlsNotYetValid, "from 1 May 2098:", "a partir de 1º de maio de 2098:"),
    ] {
        let (ca, acceptor) = authority_for(&["127.0.0.1"], |leaf| {
            leaf.not_before = date_time_ymd(from.0, from.1, from.2);
            leaf.not_after = date_time_ymd(to.0, to.1, to.2);
        });
        let target = tls_target(acceptor).await;
        let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..settings() };
        let report =
            Client::new(trusting, Clock::System).attempt(outbound(&format!("https://{}/", target.address))).await;
        let AttemptResult::Error(failed) = &report.result else { panic!("{report:?}") };
        assert_eq!(failed.code, code, "{failed:?}");
        assert!(failed.message.contains(says) && failed.message_pt.contains(says_pt), "{failed:?}");
    }
}

#[tokio::test]
async fn tls_1_2_is_spoken_and_recorded() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let old = [&rustls::version::TLS12];
    let target = tls_target(acceptor_of(&certificate, &key, &old, rustls::crypto::ring::ALL_CIPHER_SUITES)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();
    let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
    let client = Client::new(trusting, Clock::System);
    for _ in 0..2 {
        let report = client.attempt(outbound(&format!("https://{}/", target.address))).await;
        assert!(report.result.confirms(), "{report:?}");
        assert_eq!(report.tls, Some(TlsVersion::V1_2));
    }
    assert_eq!(target.accepted(), 1);
}

#[tokio::test]
async fn a_server_without_a_cipher_or_version_of_ours_is_told_apart() {
    use rustls::crypto::ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    // Its certificate is for ECDSA, its one cipher for RSA: it can't take what the client offers.
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (old, rsa) = ([&rustls::version::TLS12], [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]);
    let target = tls_target(acceptor_of(&certificate, &key, &old, &rsa)).await;
    let report = client().attempt(outbound(&format!("https://{}/", target.address))).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsNoCommonCipher, "{message}");
    assert!(message.contains("no TLS cipher in common"), "{message}");
    // What a server answers that speaks TLS 1.1 at most: the alert `protocol_version`.
    let ancient = Target::start(|_, mut stream| async move {
        stream.readable().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(&[21, 3, 2, 0, 2, 2, 70]).await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let report = client().attempt(outbound(&format!("https://{}/", ancient.address))).await;
    assert_eq!(error(&report), (ErrorCode::TlsNoCommonCipher, "127.0.0.1 speaks neither TLS 1.2 nor TLS 1.3."));
}

/// What `openssl req -x509` makes: a certificate that is its own authority. webpki never takes one for a server's, so
/// naming it in `extra_ca_file` did not help, and the message was a Rust enum's.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_taken_when_the_config_names_it() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let target = tls_target(acceptor(&certificate, &key)).await;
    let url = format!("https://{}/", target.address);
    let report = client().attempt(outbound(&url)).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::TlsUntrusted);
    assert!(message.contains("is its own authority") && message.contains("extra_ca_file"), "{message}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();
    let trusting = ClientSettings { tls: tls::client_config(Some(file.path())).unwrap(), ..settings() };
    let client = Client::new(trusting, Clock::System);
    assert_eq!(response(&client.attempt(outbound(&url)).await).status, 200);
    let other_name = url.replace("127.0.0.1", "localhost");
    let report = client.attempt(outbound(&other_name)).await;
    let (_, message) = error(&report);
    assert!(message.contains("made for 127.0.0.1, and not for localhost"), "{message}");
}

#[tokio::test]
async fn a_tls_handshake_that_fails_or_never_ends_is_told_apart() {
    let plain = Target::start(|_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let report = client().attempt(outbound(&format!("https://{}/", plain.address))).await;
    assert_eq!(
        error(&report),
        (ErrorCode::TlsFailed, "What 127.0.0.1 answered is not TLS: is this port a plain http one?")
    );
    let closing = Target::start(|_, stream| async move { stream.readable().await.unwrap() }).await;
    let report = client().attempt(outbound(&format!("https://{}/", closing.address))).await;
    assert_eq!(error(&report).0, ErrorCode::TlsFailed);
    let silent =
        Target::start(
            |_, mut stream| async move { while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} },
        )
        .await;
    let impatient = Client::new(ClientSettings { connect_timeout: SHORT, ..settings() }, Clock::System);
    let report = impatient.attempt(outbound(&format!("https://{}/", silent.address))).await;
    assert_eq!(error(&report).0, ErrorCode::ConnectTimeout);
    assert!(report.timings.connect_us.is_some() && report.timings.tls_us.is_some_and(|us| us > 0));
}
