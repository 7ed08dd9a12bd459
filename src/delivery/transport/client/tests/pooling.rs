//! Connections that are used again, and those that must not be.

use super::*;

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let target = Target::answering(OK).await;
    let client = knowing_a_name(settings());
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
    client.attempt(outbound(&format!("http://{NAME}:{}/", target.address.port()))).await;
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
    for (bytes, pooled) in [(Response::READ_BODY_BYTES, 1), (Response::READ_BODY_BYTES + 1, 0)] {
        let answer = format!("HTTP/1.1 500 Oops\r\ncontent-length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
        let target = Target::answering(answer).await;
        let client = client();
        // Together more than one response may send: the count starts anew with each request.
        for _ in 0..2 * MAX_RESPONSE_BYTES / bytes {
            let report = client.attempt(outbound(&target.url())).await;
            assert_eq!(response(&report).body.len(), Response::KEPT_BODY_BYTES);
            assert_eq!(client.idle(), pooled, "{bytes}");
        }
        assert_eq!(target.accepted() == 1, pooled == 1);
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
    assert!(client.inner.pool.take(WebhookNo(1), &url, None, Generation::default(), late).is_none());
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
