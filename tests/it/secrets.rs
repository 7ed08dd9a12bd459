//! Secrets, sought in everything that is said: logs at their most talkative, answers, errors, what commands print.

use super::harness::{Daemon, eventually};
use super::receiver::{Receiver, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;

const AUTHORIZATION: &str = "Bearer 4uth0riz4cao-muito-secreta";
const HEADER: &str = "ch4ve-muito-secreta";
const PROXY_PASSWORD: &str = "s3nha-do-proxy-muito-secreta";
const ADMIN: &str = "t0ken-de-administrador-muito-secreto";

/// Everything that was said, and who said it.
#[derive(Default)]
struct Observed(String);

impl Observed {
    fn add(&mut self, who: &str, said: impl AsRef<[u8]>) {
        writeln!(self.0, "== {who}\n{}", String::from_utf8_lossy(said.as_ref())).unwrap();
    }

    #[track_caller]
    fn must_not_hold(&self, what: &str, secret: &str) {
        let Some(at) = self.0.find(secret) else { return };
        let who = self.0[..at].rfind("== ").map_or("", |start| self.0[start..].lines().next().unwrap());
        let line = self.0[..at].rfind('\n').map_or(&*self.0, |start| self.0[start + 1..].lines().next().unwrap());
        panic!("{what} was told by {who}: {line}");
    }
}

#[test]
fn no_secret_is_told_by_anything() {
    // Once with a proxy that refuses, once without; each with failures of every kind.
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, ADMIN).unwrap();
    let refusing = Receiver::start(&[Reply::Raw(b"HTTP/1.1 407 Who\r\n\r\n".to_vec())]);
    let proxy =
        refusing.url.trim_end_matches("/notificacoes").replace("http://", &format!("http://loja:{PROXY_PASSWORD}@"));
    let config = |egress: &str| {
        format!(
            "[log]\nlevel = \"trace\"\n[delivery]\nschedule = [\"5ms\"]\nmax_attempts = 2\ntimeout = \"300ms\"\n\
             connect_timeout = \"300ms\"\n\
             [egress]\n{egress}\n[[account]]\nadmin_token_file = \"{}\"\n",
            token_file.display()
        )
    };
    let open = "allow = [\"127.0.0.0/8\"]";
    let mut daemon = Daemon::start(&config(open));
    ADMIN.clone_into(&mut daemon.token);
    let mut observed = Observed::default();
    let mut secrets = vec![
        ("the authorization", AUTHORIZATION.split(' ').nth(1).unwrap().to_owned()),
        ("a header's value", HEADER.to_owned()),
        ("the proxy's password", PROXY_PASSWORD.to_owned()),
        ("the proxy's credentials", STANDARD.encode(format!("loja:{PROXY_PASSWORD}"))),
        ("the admin token", ADMIN.to_owned()),
    ];

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let echo =
        format!("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nAuthorization: {AUTHORIZATION}\r\nX-Chave: {HEADER}");
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://x/?{HEADER}\r\nConnection: close\r\n\r\n");
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let not_tls = format!("https://{}/", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let targets = [
        format!("http://{closed}/"),
        "http://loja.invalid/".to_owned(),
        not_tls,
        Receiver::start(&[Reply::Raw(echo.into_bytes())]).url,
        Receiver::start(&[Reply::Raw(moved.into_bytes())]).url,
        Receiver::start(&[Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec())]).url,
        Receiver::start(&[Reply::Close]).url,
        Receiver::start(&[Reply::Silence]).url,
        Receiver::ok().url,
    ];
    let mut ids = Vec::new();
    for target in &targets {
        let webhook = daemon.register_with(json!({ "target": target, "events": ["*"], "authorization": AUTHORIZATION,
            "headers": { "X-Chave": HEADER } }));
        let secret = webhook["secret"].as_str().unwrap().to_owned();
        let raw = secret.trim_start_matches("whsec_").to_owned();
        secrets.push(("a signing secret", raw));
        ids.push(webhook["id"].as_str().unwrap().to_owned());
    }
    let rotated = daemon.send("POST", &format!("/api/webhooks/{}/rotate_secret", ids[0]), b"").expect(200).data();
    secrets.push(("a rotated secret", rotated["secret"].as_str().unwrap().trim_start_matches("whsec_").to_owned()));
    let made = json!({ "token": { "name": "erp", "scopes": ["read"] } });
    let made = daemon.post("/api/tokens", &made).expect(201).data();
    let token = made["token"].as_str().or(made["text"].as_str()).unwrap_or_else(|| panic!("{made}")).to_owned();
    secrets.push(("a token", token.clone()));

    let settled = |daemon: &Daemon, event: &str| {
        eventually("every attempt is made", || {
            let history = daemon.history(event);
            let done = |one: &serde_json::Value| one["status"] == "FAILED" || one["status"] == "DELIVERED";
            (!history.is_empty() && history.iter().all(done)).then_some(())
        });
    };
    let mut events = vec![daemon.record("PAYMENT.PAID")];
    settled(&daemon, &events[0]);
    for way in [format!("{open}\nproxy = \"{proxy}\""), String::new()] {
        daemon.reload(&config(&way));
        let (_, printed, complained) = daemon.run(&["config"]);
        observed.add("carteiro config", printed + &complained);
        events.push(daemon.record("PAYMENT.PAID"));
        settled(&daemon, events.last().unwrap());
    }
    assert!(refusing.count() >= 2, "the proxy was asked");

    // Callers who put a secret where it doesn't belong, or a wrong one where one belongs.
    for (field, value) in [
        ("authorization", json!(format!("{AUTHORIZATION}\n"))),
        ("headers", json!({ "X-A": format!("{HEADER}\n") })),
        ("headers", json!({ "Host": HEADER })),
        ("secret", json!(HEADER)),
        ("authorization", json!([AUTHORIZATION])),
    ] {
        let mut webhook = json!({ "target": "http://loja.invalid/", "events": ["*"] });
        webhook[field] = value;
        observed.add(
            "a refused registration",
            daemon.post("/api/webhooks", &json!({ "webhook": webhook })).expect(422).body,
        );
    }
    let broken = format!(r#"{{"webhook": {{"authorization": "{AUTHORIZATION}", }}"#);
    observed.add("broken JSON", daemon.send("POST", "/api/webhooks", broken.as_bytes()).expect(400).body);
    for near in [format!("{ADMIN}x"), ADMIN[1..].to_owned(), format!("{token}x")] {
        let answer = daemon.call_as(&near, "GET", "/api/webhooks", "", b"").expect(401);
        observed.add("a refused token", [answer.head.as_bytes(), &answer.body].concat());
    }
    let answer =
        daemon.call_as(&token, "POST", "/api/webhooks", "Content-Type: application/json\r\n", b"{}").expect(403);
    observed.add("a token without the scope", [answer.head.as_bytes(), &answer.body].concat());
    observed.add("a token in the query", daemon.get(&format!("/api/events?access_token={ADMIN}")).expect(422).body);

    let mut paths =
        ["/api/webhooks", "/api/events", "/api/notifications?limit=500", "/api/tokens", "/metrics", "/readyz"]
            .map(str::to_owned)
            .to_vec();
    paths.extend(ids.iter().map(|id| format!("/api/webhooks/{id}")));
    for event in &events {
        paths.extend(["", "/notifications", "/explain"].map(|what| format!("/api/events/{event}{what}")));
        paths.extend(
            daemon.history(event).iter().map(|one| format!("/api/notifications/{}", one["id"].as_str().unwrap())),
        );
    }
    for path in &paths {
        let answer = daemon.get(path).expect(200);
        observed.add(path, [answer.head.as_bytes(), &answer.body].concat());
    }

    let backup = folder.path().join("all.backup").display().to_string();
    let list = ["token", "list", "--server", &daemon.address, "--token", ADMIN];
    for command in [&["check-config"][..], &list, &["backup", &backup], &["verify"]] {
        let (code, printed, complained) = daemon.run(command);
        assert_eq!(code, Some(0), "{command:?} {printed}{complained}");
        observed.add(&format!("carteiro {}", command[0]), printed + &complained);
    }
    assert!(daemon.terminate().success());
    observed.add("the log", daemon.log());
    assert!(observed.0.contains("[redacted]"), "what was looked through holds what it should");
    for code in [
        "connect_refused",
        "dns_",
        "tls_failed",
        "http_5xx",
        "redirect",
        "bad_response",
        "reset",
        "timeout",
        "proxy_refused",
        "blocked_target",
    ] {
        assert!(observed.0.contains(code), "no attempt failed with {code}");
    }
    for (what, secret) in &secrets {
        observed.must_not_hold(what, secret);
    }
}
