//! The panel behind a proxy that isn't set up for it: the cause is named, on the page and in the log.

use super::super::harness::{Daemon, eventually, request};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A call as a proxy sends it that puts its own idea of `Host` in.
fn sign_in(daemon: &Daemon, headers: &str) -> (u16, String) {
    let form = format!("token={}", daemon.token);
    let answer = daemon.raw(&request("", "POST", "/sign-in", &format!("{FORM}{headers}"), form.as_bytes()));
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[test]
fn a_proxy_that_keeps_the_host_to_itself_is_named() {
    let daemon = Daemon::quick();
    let (status, page) = sign_in(&daemon, "Origin: http://painel.example\r\nAccept-Language: en\r\n");
    assert_eq!(status, 403);
    for part in ["A page of painel.example", "as one to carteiro.", "proxy_set_header Host $http_host"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, page) = sign_in(&daemon, "Origin: http://painel.example\r\nAccept-Language: pt-BR\r\n");
    assert!(page.contains("Uma página de painel.example") && page.contains("ProxyPreserveHost On"), "{page}");
    // The log is read beside the test, which can be ahead of it.
    let log = eventually("it is warned of", || {
        let log = daemon.log();
        log.contains("must pass the Host header on").then_some(log)
    });
    let reported: Vec<&str> = log.lines().filter(|line| line.contains("must pass the Host header on")).collect();
    assert!(
        reported.len() == 1 && reported[0].contains("WARN") && reported[0].contains("painel.example"),
        "once a minute: {log}"
    );
    // A browser that knows better is believed, whatever the proxy has made of Host; a stranger's page is what it was.
    let (status, _) = sign_in(&daemon, "Origin: https://painel.example\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(status, 303);
    let (status, page) = sign_in(&daemon, "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n");
    assert!(status == 403 && !page.contains("evil.example"), "{page}");
}

#[test]
fn hosting_below_a_path_is_refused_with_its_cause() {
    let daemon = Daemon::quick();
    let page =
        daemon.raw(&request("", "GET", "/sign-in", "X-Forwarded-Prefix: /carteiro\r\nAccept-Language: en\r\n", b""));
    let page = String::from_utf8(page.expect(400).body).unwrap();
    assert!(
        page.contains("carteiro can&#39;t be hosted below a path") || page.contains("can't be hosted below a path"),
        "{page}"
    );
    assert!(page.contains("publishes carteiro at /carteiro."), "{page}");
    daemon.raw(&request("", "GET", "/sign-in", "X-Forwarded-Prefix: /\r\n", b"")).expect(200);
    for path in ["/carteiro/api/webhooks", "/a/b/sign-in", "/carteiro/healthz", "/carteiro/", "/carteiro/webhooks"] {
        let detail = daemon.get(path).expect(404).json()["errors"]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("can't be hosted below a path"), "{path}: {detail}");
    }
    for path in ["/carteiro", "/api/", "/metrics/x", "//"] {
        let detail = daemon.get(path).expect(404).json()["errors"]["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("below a path"), "{path}: {detail}");
    }
}
