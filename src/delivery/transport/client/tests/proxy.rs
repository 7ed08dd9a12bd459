//! Attempts by way of an outbound proxy.

use super::*;
use crate::model::ProxyUrl;

/// What a proxy does with one connection.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Connects and carries bytes to and fro.
    Proper,
    /// Answers so and closes.
    Says(&'static str),
    /// Says nothing.
    Silent,
}

/// A proxy, and the heads it was sent.
pub(super) async fn proxy(manner: Manner) -> (Target, mpsc::UnboundedReceiver<String>) {
    let (sent, heads) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut stream| {
        let sent = sent.clone();
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let head = String::from_utf8(head).unwrap();
            let address = head.split(' ').nth(1).unwrap().to_owned();
            sent.send(head).unwrap();
            match manner {
                Manner::Proper => {
                    let Ok(mut there) = TcpStream::connect(&address).await else {
                        return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap();
                    };
                    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
                }
                Manner::Says(words) => stream.write_all(words.as_bytes()).await.unwrap(),
                Manner::Silent => while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {},
            }
        }
    })
    .await;
    (target, heads)
}

fn by_way_of(url: &str) -> ClientSettings {
    ClientSettings { proxy: Some(ProxyUrl::parse(url).unwrap()), ..settings() }
}

#[tokio::test]
async fn http_targets_are_reached_by_connect_to_the_address_and_connections_are_kept() {
    let (proxy, mut heads) = proxy(Manner::Proper).await;
    let (sent, mut requests) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut stream| {
        let sent = sent.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                sent.send(request).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let client = knowing_a_name(by_way_of(&format!("http://loja:s%40nha@{}", proxy.address)));
    let url = format!("http://{NAME}:{}/hook?x=1", target.address.port());
    let report = client.attempt(outbound(&url)).await;
    assert!(report.result.confirms(), "{report:?}");
    assert_eq!(report.remote_ip, Some(target.address.ip()), "the target's, not the proxy's");
    let Timings { dns_us, connect_us, tls_us, first_byte_us } = report.timings;
    assert!(dns_us.is_some() && connect_us.is_some() && tls_us.is_none() && first_byte_us.is_some());
    let head = heads.recv().await.unwrap();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), format!("CONNECT {} HTTP/1.1", target.address), "the address that was checked");
    lines.sort_unstable();
    // `loja:s@nha`; and nothing of the request but where it goes.
    assert_eq!(lines, [format!("host: {}", target.address), "proxy-authorization: Basic bG9qYTpzQG5oYQ==".to_owned()]);
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {NAME}:{}\r\n", target.address.port())), "{request}");
    assert!(!request.contains("proxy-"), "{request}");
    assert!(client.attempt(outbound(&url)).await.result.confirms());
    assert_eq!((proxy.accepted(), target.accepted()), (1, 1));
    // A pooled connection is not taken by another way than the one the config names now.
    client.replace(settings());
    assert!(client.attempt(outbound(&url)).await.result.confirms());
    assert_eq!((proxy.accepted(), target.accepted()), (1, 2));
}

#[tokio::test]
async fn https_targets_are_verified_through_the_proxy() {
    let (ca, acceptor) = authority(&[NAME]);
    let target = tls_target(acceptor).await;
    let (proxy, _heads) = proxy(Manner::Proper).await;
    let way = by_way_of(&format!("http://{}", proxy.address));
    let trusting = ClientSettings { tls: tls::client_config(Some(ca.path())).unwrap(), ..way.clone() };
    let url = format!("https://{NAME}:{}/", target.address.port());
    let report = knowing_a_name(trusting).attempt(outbound(&url)).await;
    assert!(report.result.confirms(), "{report:?}");
    assert!(report.timings.tls_us.is_some() && report.tls.is_some());
    let report = knowing_a_name(way).attempt(outbound(&url)).await;
    assert_eq!(error(&report).0, ErrorCode::TlsUntrusted);
}

#[tokio::test]
async fn the_guard_judges_before_the_proxy_hears_of_it_and_does_not_judge_the_proxy() {
    let (proxy, _heads) = proxy(Manner::Proper).await;
    let way = by_way_of(&format!("http://{}", proxy.address));
    let closed = knowing_a_name(way.without_exceptions());
    for host in ["127.0.0.1", NAME, "0x7f.1", "169.254.169.254"] {
        let report = closed.attempt(outbound(&format!("http://{host}:9/"))).await;
        assert_eq!(error(&report).0, ErrorCode::BlockedTarget, "{host}");
    }
    assert_eq!(proxy.accepted(), 0);
}

#[tokio::test]
async fn what_a_proxy_says_has_its_code_and_sentence() {
    let address = "127.0.0.1:9";
    for (manner, code, says) in [
        (
            Manner::Says("HTTP/1.1 407 Who\r\nproxy-authenticate: Basic\r\n\r\n"),
            ErrorCode::ProxyRefused,
            "check the user and the password",
        ),
        (
            Manner::Says("HTTP/1.1 403 No\r\ncontent-length: 5\r\n\r\nnever"),
            ErrorCode::ProxyRefused,
            "must allow CONNECT",
        ),
        (Manner::Says("HTTP/1.1 502 Bad\r\n\r\n"), ErrorCode::ProxyRefused, "with 502: it could not connect either"),
        (Manner::Says("HTTP/1.1 302 Found\r\nlocation: http://x/\r\n\r\n"), ErrorCode::ProxyRefused, "with 302"),
        (Manner::Says("SSH-2.0-OpenSSH\r\n"), ErrorCode::ProxyFailed, "as an HTTP proxy does"),
        (
            Manner::Says("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            ErrorCode::ProxyFailed,
            "as an HTTP proxy does",
        ),
        (Manner::Says(""), ErrorCode::ProxyFailed, "as an HTTP proxy does"),
        (Manner::Silent, ErrorCode::ProxyFailed, "did not connect to 127.0.0.1:9 within 250ms"),
        (Manner::Proper, ErrorCode::ProxyRefused, "it could not connect either"),
    ] {
        let (proxy, _heads) = proxy(manner).await;
        let way = by_way_of(&format!("http://loja:senha@{}", proxy.address));
        let limit = if matches!(manner, Manner::Silent) { SHORT } else { LONG };
        let client = Client::new(way.connecting_within(limit), Clock::System);
        let report = client.attempt(outbound(&format!("http://{address}/"))).await;
        let (found, message) = error(&report);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says) && message.contains(&proxy.address.to_string()), "{message}");
        assert!(!message.contains("senha"), "{message}");
        assert_eq!(report.remote_ip, Some(Ipv4Addr::LOCALHOST.into()));
    }
}

#[tokio::test]
async fn a_head_of_the_proxy_has_a_limit_of_size() {
    let (proxy, _heads) = proxy(Manner::Says(Box::leak(
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1024 * 1024)).into_boxed_str(),
    )))
    .await;
    let client = Client::new(by_way_of(&format!("http://{}", proxy.address)), Clock::System);
    assert_eq!(error(&client.attempt(outbound("http://127.0.0.1:9/")).await).0, ErrorCode::ProxyFailed);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_apart_from_a_target_that_is_not() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for proxy in [closed.to_string(), "proxy.invalid:3128".to_owned()] {
        let client = Client::new(by_way_of(&format!("http://{proxy}")), Clock::System);
        let report = client.attempt(outbound("http://127.0.0.1:9/")).await;
        let (code, message) = error(&report);
        assert_eq!(code, ErrorCode::ProxyFailed, "{message}");
        assert!(message.contains(&proxy), "{message}");
    }
}
