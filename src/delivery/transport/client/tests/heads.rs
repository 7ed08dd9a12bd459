//! Heads that are read, passed over in part, or refused with the reason.

use super::*;

#[tokio::test]
async fn what_is_not_http_is_a_bad_response_that_says_what_came() {
    for (garbage, says) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP/1.1; it begins with `SSH-2.0-OpenSSH_9.6`."),
        ("HTTP/9.9 200 OK\r\n\r\n", "is not HTTP/1.1; it begins with `HTTP/9.9 200 OK`."),
        ("\0\x01\x02\x03 garbage\r\n\r\n", "line 1 holds a NUL byte: `\\x00\\x01\\x02\\x03 garbage`."),
        ("HTTP/2 200\r\n\r\n", "speaks HTTP/2 only on this port"),
        ("\0\0\0\x04\0\0\0\0\0", "speaks HTTP/2 only on this port"),
        ("HTTP/1.1 200 OK\r\nx-a: 1\r\nx-b: a\0b\r\n\r\n", "line 3 holds a NUL byte: `x-b: a\\x00b`."),
        (
            "HTTP/1.1 200 OK\r\nx-b: a\rb\r\n\r\n",
            "line 2 holds a carriage return (CR) without a line feed (LF): `x-b: a\\x0db`.",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length : 2\r\ncontent-length: 3\r\n\r\nok",
            "its Content-Length is no number, or is given twice with different values: `2`, `3`.",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "it is of HTTP/1.0 and has a Transfer-Encoding",
        ),
    ] {
        let target = Target::answering(garbage).await;
        let report = client().attempt(outbound(&target.url())).await;
        let (code, message) = error(&report);
        assert!(code == ErrorCode::BadResponse && message.contains(says), "{garbage:?}: {message}");
    }
}

/// Status line and framing decide: browsers, curl, Node, Go, Java and PHP take most of these. After one of them the
/// connection is not reused, since the target may mean its body to end elsewhere.
#[tokio::test]
async fn a_200_with_an_untidy_head_confirms_and_its_connection_is_not_kept() {
    for lines in [
        "x-folded: a\r\n b\r\n\tc\r\n",
        "x-empty:\r\n folded\r\n",
        " folded at the start\r\n",
        "x-space : 1\r\n",
        "x name: 1\r\n",
        ": no name\r\n",
        "no colon\r\n",
        "no colon\r\n and folded: content-length: 7\r\n",
        "x-control: \x01\r\n",
        "nom\u{e9}: 1\r\n",
        "Transfer-Encoding\x0b: chunked\r\n",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 2\r\n\r\nok");
        let target = Target::answering(&head).await;
        let client = client();
        for _ in 0..2 {
            let report = client.attempt(outbound(&target.url())).await;
            assert_eq!(response(&report).body, b"ok", "{lines:?}");
        }
        assert_eq!((target.accepted(), client.idle()), (2, 0), "{lines:?}");
    }
}

/// What hides the framing from some must not make one answer out of two.
#[tokio::test]
async fn framing_with_a_space_before_its_colon_holds() {
    for (lines, body) in [
        ("content-length : 2", "ok"),
        ("Content-Length\t: 2", "ok"),
        ("content-length:\r\n 2", "ok"),
        ("transfer-encoding : chunked", "2\r\nok\r\n0\r\n\r\n"),
    ] {
        let target =
            Target::answering(format!("HTTP/1.1 201 Created\r\n{lines}\r\n\r\n{body}HTTP/1.1 500 No\r\n\r\n")).await;
        let client = client();
        let report = client.attempt(outbound(&target.url())).await;
        assert_eq!((response(&report).status, &*response(&report).body), (201, &b"ok"[..]), "{lines:?}");
        assert_eq!(client.idle(), 0, "{lines:?}");
    }
}

/// haproxy, Apache and Node say 408 to a connection that waited too long, at times just as it is taken up again.
#[tokio::test]
async fn a_408_on_a_kept_connection_is_stale_and_on_a_fresh_one_an_answer() {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (later, status) in [(OK, 200), (LATE, 408)] {
        let target = Target::start(move |number, mut stream| async move {
            read_request(&mut stream).await;
            if number == 0 {
                stream.write_all(OK.as_bytes()).await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(LATE.as_bytes()).await.unwrap();
            } else {
                stream.write_all(later.as_bytes()).await.unwrap();
            }
        })
        .await;
        let client = client();
        client.attempt(outbound(&target.url())).await;
        let report = client.attempt(outbound(&target.url())).await;
        assert_eq!(response(&report).status, status);
        assert!(report.timings.connect_us.is_some());
        assert_eq!(target.accepted(), 2);
    }
}

#[tokio::test]
async fn a_head_has_a_limit_of_size_and_of_headers() {
    let with_headers = |n: usize| {
        let lines = (1..n).map(|i| format!("x-{i}: y\r\n")).collect::<Vec<_>>().concat();
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{lines}\r\n")
    };
    let with_bytes = |n: usize| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: \r\n\r\n";
        head.replace("x: ", &format!("x: {}", "y".repeat(n - head.len())))
    };
    let (many, large) = (Some("it has more than 500 lines."), Some("it is larger than 64 KiB."));
    for (head, refused) in [
        (with_headers(101), None),
        (with_headers(500), None),
        (with_headers(501), many),
        (with_bytes(MAX_HEAD_BYTES - 1), None),
        (with_bytes(MAX_HEAD_BYTES), None),
        (with_bytes(MAX_HEAD_BYTES + 1), large),
        (with_bytes(1024 * 1024), large),
    ] {
        let target = Target::answering(&head).await;
        let client = client();
        let report = client.attempt(outbound(&target.url())).await;
        match refused {
            None => {
                assert!(report.result.confirms(), "{} bytes: {:?}", head.len(), report.result);
                assert_eq!(client.idle(), 1);
            }
            Some(says) => {
                let (code, message) = error(&report);
                assert!(code == ErrorCode::BadResponse && message.ends_with(says), "{} bytes: {message}", head.len());
            }
        }
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses_ends() {
    let target = Target::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000).as_slice()).await.is_ok() {}
    })
    .await;
    assert_eq!(error(&client().attempt(outbound(&target.url())).await).0, ErrorCode::BadResponse);
}
