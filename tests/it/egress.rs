//! Where notifications may go, seen from outside: what can't be registered, what can't be smuggled into a request, and
//! the way through a proxy.

use super::harness::{Daemon, QUICK, eventually, knows_localhost, skipped};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

fn webhook(target: &str) -> Value {
    json!({ "webhook": { "target": target, "events": ["*"] } })
}

/// The sentence about the target.
#[track_caller]
fn refusal(fields: &Value) -> String {
    fields["target"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_target_that_is_refused_now_is_a_422_that_says_what_to_change() {
    let receiver = Receiver::ok();
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let daemon = Daemon::start("");
    let v4 = format!("127.0.0.1/32:{port}");
    for (host, address, entry) in [
        ("127.0.0.1", "127.0.0.1 is a loopback address", Some(v4.as_str())),
        ("localhost", "a loopback address", None),
        ("127.1", "127.0.0.1 is a loopback address", Some(&v4)),
        ("2130706433", "127.0.0.1 is a loopback address", Some(&v4)),
        ("0x7f000001", "127.0.0.1 is a loopback address", Some(&v4)),
        ("0177.0.0.1", "127.0.0.1 is a loopback address", Some(&v4)),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1 leads to 127.0.0.1, a loopback address", Some(&v4)),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1 leads to 127.0.0.1, a loopback address", Some(&v4)),
        ("[2002:7f00:1::]", "2002:7f00:1:: leads to 127.0.0.1, a loopback address", Some(&v4)),
        ("[::1]", "::1 is a loopback address", Some(&format!("[::1]/128:{port}"))),
        ("0", "0.0.0.0 is an unspecified address", None),
        ("10.9.8.7", "10.9.8.7 is a private address", Some(&format!("10.9.8.7/32:{port}"))),
        ("169.254.169.254", "a link-local address", Some(&format!("169.254.169.254/32:{port}"))),
        (
            "[64:ff9b::a9fe:a9fe]",
            "leads to 169.254.169.254, a link-local address",
            Some(&format!("169.254.169.254/32:{port}")),
        ),
        ("[fd00:ec2::254]", "a cloud's metadata address", Some(&format!("[fd00:ec2::254]/128:{port}"))),
        ("[2001:0:808:808::f7f7:f7f7]", "a tunnel", Some(&format!("[2001:0:808:808::f7f7:f7f7]/128:{port}"))),
        ("224.0.0.1", "a multicast address", None),
    ] {
        if host == "localhost" && !knows_localhost() {
            skipped("localhost as a target", "this machine's resolver doesn't know it");
            continue;
        }
        let answer = daemon.post("/api/webhooks", &webhook(&format!("http://{host}:{port}/hook")));
        let sentence = refusal(&answer.refused(422, "invalid_fields"));
        assert!(sentence.contains(address) && sentence.contains("`[egress] allow"), "{host}: {sentence}");
        if let Some(entry) = entry {
            assert!(sentence.contains(&format!("`[egress] allow = [\"{entry}\"]`")), "{host}: {sentence}");
        }
    }
    for odd in
        ["[fe80::1%25lo]", "[::1%lo]", "127.0.0.1%00", "%31%32%37.0.0.1", "１２７.0.0.1", "127。0。0。1", "a@127.0.0.1"]
    {
        daemon.post("/api/webhooks", &webhook(&format!("http://{odd}/"))).refused(422, "invalid_fields");
    }
    assert!(daemon.list("/api/webhooks").is_empty() && receiver.count() == 0);
    // Nobody can say today where this one leads.
    daemon.post("/api/webhooks", &webhook("http://loja.invalid/")).expect(201);

    // What the sentence says is what helps, and no more than that.
    daemon.reload(&format!("[egress]\nallow = [\"{v4}\"]\n"));
    daemon.delete(&format!("/api/webhooks/{}", daemon.list("/api/webhooks")[0]["id"].as_str().unwrap())).expect(204);
    let id = daemon.register(&format!("http://0x7f.1:{port}/hook"), &["*"]);
    daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
    daemon.post("/api/webhooks", &webhook(&format!("http://127.0.0.2:{port}/"))).refused(422, "invalid_fields");
    daemon.post("/api/webhooks", &webhook("http://127.0.0.1:1/")).refused(422, "invalid_fields");

    let path = format!("/api/webhooks/{id}");
    let moved = json!({ "webhook": { "target": "http://127.0.0.1:1/" } });
    assert!(refusal(&daemon.patch(&path, &moved).refused(422, "invalid_fields")).contains("127.0.0.1/32:1"));
    assert_eq!(daemon.get(&path).expect(200).data()["target"], format!("http://0x7f.1:{port}/hook"));
    // A webhook whose target is refused by now can still be paused, by a caller who sends all of it back too.
    daemon.reload("");
    let pause = json!({ "webhook": { "target": format!("http://0x7f.1:{port}/hook"), "status": "PAUSED" } });
    daemon.send("PUT", &path, pause.to_string().as_bytes()).expect(200);
    daemon.reload("egress.allow_http = false\n");
    let sentence =
        refusal(&daemon.post("/api/webhooks", &webhook("http://loja.example/")).refused(422, "invalid_fields"));
    assert!(sentence.contains("`[egress] allow_http = false`"), "{sentence}");
    // Another account's id is a 404 whatever the target is.
    daemon.patch("/api/webhooks/0193a5b0-1111-4222-8333-444455556666", &moved).refused(404, "not_found");
}

#[test]
fn nothing_can_be_smuggled_into_a_request() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let with = |field: &str, value: Value| {
        let mut body = json!({ "target": receiver.url, "events": ["*"] });
        body[field] = value;
        daemon.post("/api/webhooks", &json!({ "webhook": body }))
    };
    let breaks = [
        "a\r\nX-Evil: 1",
        "a\nX-Evil: 1",
        "a\rX-Evil: 1",
        "a\r\n X-Folded: 1",
        "a\n\tfolded",
        "a\0b",
        "a\u{b}b",
        "a\u{85}b",
        "a\u{2028}b",
        "a\u{7f}",
        "é",
        "a\r\n\r\nPOST / HTTP/1.1\r\n\r\n",
    ];
    for value in breaks.into_iter().chain(["", " ", " a", "a ", "\ta"]) {
        with("authorization", json!(value)).refused(422, "invalid_fields");
    }
    for value in breaks {
        with("headers", json!({ "X-Loja": value })).refused(422, "invalid_fields");
    }
    for name in [
        "Host",
        "host",
        "Content-Length",
        "Content-Type",
        "Content-Encoding",
        "content_length",
        "Transfer-Encoding",
        "transfer_encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Authorization",
        "User-Agent",
        "webhook-id",
        "webhook-signature",
        "Webhook_Signature",
        "WEBHOOK-TIMESTAMP",
        "Carteiro-Attempt",
        "",
        " ",
        "X A",
        "X-A:",
        "X-A\r\nX-Evil",
        "X-A\0",
        ":authority",
        "é",
        "X-A ",
        "\tX-A",
    ] {
        let fields = with("headers", json!({ name: "1" })).refused(422, "invalid_fields");
        assert!(fields[format!("headers.{name}")].is_array(), "{name:?} {fields}");
    }
    for target in [
        "http://127.0.0.1:9/\r\nX-Evil: 1",
        "http://127.0.0.1:9/ HTTP/1.1",
        "http://127.0.0.1:9\r\nX-Evil: 1/",
        "http://127.0.0.1:9/\0",
    ] {
        daemon.post("/api/webhooks", &webhook(target)).refused(422, "invalid_fields");
    }
    assert!(daemon.list("/api/webhooks").is_empty());

    // What is taken arrives as it is, each header once, and nothing beside it.
    let strange = "Bearer a:b,c;d\"e\"\\ X-Evil: 1 %0d%0aX-Evil:%201";
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "authorization": strange,
        "headers": { "X-Loja": "a: b, c  \"d\"", "x_trace": "1" } }));
    daemon.record("PAYMENT.PAID");
    let request = receiver.await_count(1).remove(0);
    assert_eq!(request.header("authorization"), Some(strange));
    assert_eq!(request.header("x-loja"), Some("a: b, c  \"d\""));
    let mut names: Vec<String> =
        request.head.lines().skip(1).map(|line| line.split_once(':').unwrap().0.to_ascii_lowercase()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "carteiro-attempt",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "webhook-id",
            "webhook-signature",
            "webhook-timestamp",
            "x-loja",
            "x_trace",
        ]
    );
}

/// A proxy that knows CONNECT and one password; the heads it was sent.
fn proxy(credentials: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            std::thread::spawn(move || carry(stream, credentials, &seen));
        }
    });
    (address, heads)
}

fn carry(mut near: TcpStream, credentials: &str, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        near.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    seen.lock().unwrap().push(head.clone());
    if !head.to_ascii_lowercase().contains(&format!("proxy-authorization: {}\r\n", credentials.to_ascii_lowercase())) {
        let _ = near.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
        return None;
    }
    let far = TcpStream::connect(head.split(' ').nth(1)?).ok()?;
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut near_in, mut far_out) = (near.try_clone().ok()?, far.try_clone().ok()?);
    let (mut far_in, mut near_out) = (far, near);
    std::thread::spawn(move || std::io::copy(&mut near_in, &mut far_out));
    std::io::copy(&mut far_in, &mut near_out).ok()?;
    None
}

#[test]
fn targets_are_reached_through_the_proxy_of_a_file() {
    let receiver = Receiver::ok();
    // `loja:segredo`.
    let (address, heads) = proxy("Basic bG9qYTpzZWdyZWRv");
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = QUICK.replace("[egress]", &format!("[egress]\nproxy_file = \"{}\"", file.path().display()));
    std::fs::write(file.path(), format!("http://loja:segredo@{address}\n")).unwrap();
    let daemon = Daemon::start(&config);
    daemon.register(&receiver.url, &["*"]);
    let delivered = daemon.await_status(&daemon.record("PAYMENT.PAID"), "DELIVERED");
    assert_eq!(delivered["attempts"][0]["remote_ip"], "127.0.0.1");
    assert_eq!(receiver.requests()[0].header("authorization"), Some("token-da-loja"));
    let head = heads.lock().unwrap().concat();
    assert!(head.starts_with("CONNECT 127.0.0.1:") && !head.contains("token-da-loja"), "{head}");

    // Another password is taken up by a reload, and its refusal reported as the proxy's.
    std::fs::write(file.path(), format!("http://loja:errado@{address}\n")).unwrap();
    daemon.reload(&config);
    let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
    let error = &failed["attempts"][0]["error"];
    assert_eq!(error["code"], "proxy_refused");
    assert!(error["message"].as_str().unwrap().contains("with 407: check the user and the password"), "{error}");
    assert!(error["message_pt"].as_str().unwrap().contains("confira o usuário e a senha"), "{error}");

    std::fs::write(file.path(), "socks5://x:errado@127.0.0.1:1080\n").unwrap();
    daemon.signal("-HUP");
    eventually("the broken file is refused", || daemon.log().contains("was not reloaded").then_some(()));
    let (code, _, complaint) = daemon.run(&["check-config"]);
    assert_eq!(code, Some(78));
    assert!(complaint.contains("must hold an http:// URL") && !complaint.contains("errado"), "{complaint}");
}

#[test]
fn a_target_that_prints_its_request_does_not_publish_the_authorization() {
    let echo = "HTTP/1.1 500 Oops\r\nLocation: http://x/?t=s3gredo-da-loja\r\nConnection: close\r\n\r\n\
                authorization: Bearer s3gredo-da-loja; x-chave: ch4ve-da-loja";
    let receiver = Receiver::start(&[Reply::Raw(echo.as_bytes().to_vec())]);
    let daemon = Daemon::quick();
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "authorization": "Bearer s3gredo-da-loja",
        "headers": { "X-Chave": "ch4ve-da-loja" } }));
    let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
    assert_eq!(failed["attempts"][0]["response_body"], "authorization: [redacted]; x-chave: [redacted]");
    assert!(!failed.to_string().contains("-da-loja"), "{failed}");
}

#[test]
fn a_sentence_that_quotes_a_target_does_not_publish_a_part_of_the_authorization() {
    // Longer than what is quoted of a line, so that the quotation ends within it.
    let secret = "s3gredo".repeat(30);
    let echo = format!("HTTP/1.1 200 OK\r\nX-Echo: Bearer {secret}\0\r\n\r\n");
    let receiver = Receiver::start(&[Reply::Raw(echo.into_bytes())]);
    let daemon = Daemon::quick();
    let authorization = format!("Bearer {secret}");
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "authorization": authorization }));
    let failed = daemon.await_status(&daemon.record("PAYMENT.PAID"), "FAILED");
    let message = failed["attempts"][0]["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("line 2 holds a NUL byte: `X-Echo: [redacted]\\x00`."), "{message}");
    assert!(!failed.to_string().contains("s3gredo"), "{failed}");
}
