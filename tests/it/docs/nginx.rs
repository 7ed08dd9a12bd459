//! nginx in front, with the config as printed.

use super::blocks::english;
use super::place::{Place, await_port, free_port, has};
use crate::harness::{Daemon, LOOPBACK};
use serde_json::json;

/// Writes a certificate for the documents' host, and its key.
pub(crate) fn certificate(place: &Place) {
    let made = rcgen::generate_simple_self_signed(vec!["carteiro.loja.example".to_owned()]).unwrap();
    place.write("fullchain.pem", &made.cert.pem());
    place.write("privkey.pem", &made.signing_key.serialize_pem());
}

#[test]
fn nginx_stands_in_front() {
    if !has(&["nginx", "curl", "bash"], "nginx in front of carteiro") {
        return;
    }
    let document = english();
    let trusted = document.of("toml").into_iter().find(|block| block.text.contains("trusted_proxies")).unwrap();
    let daemon = Daemon::start(&format!(
        "{}{LOOPBACK}",
        trusted.text.replace("[server]\n", "server.").replace("[panel]\n", "panel.")
    ));
    let place = Place::beside(&daemon);
    certificate(&place);
    let (folder, port) = (place.path().display().to_string(), free_port());
    let site = document.of("nginx")[0]
        .text
        .replace("listen 443", &format!("listen 127.0.0.1:{port}"))
        .replace("/etc/letsencrypt/live/carteiro.loja.example", &folder)
        .replace("127.0.0.1:8080", &daemon.address);
    place.write("site.conf", &site);
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {folder}/{of};"));
    place.write(
        "nginx.conf",
        &format!(
            "user root; pid {folder}/nginx.pid; daemon off; events {{}}\n\
             http {{ access_log off; {} include {folder}/site.conf; }}\n",
            temporary.join(" ")
        ),
    );
    let _nginx = place.start("exec nginx -c $PWD/nginx.conf -e stderr");
    await_port(port);
    let place = place.with("TOKEN", &daemon.token);
    let curl = format!(
        "curl -sS --fail-with-body --cacert fullchain.pem --resolve carteiro.loja.example:{port}:127.0.0.1 \
         -H \"Authorization: Bearer $TOKEN\""
    );
    let url = format!("https://carteiro.loja.example:{port}");
    assert!(place.run(&format!("{curl} {url}/readyz")).contains("ready"));

    // A batch larger than nginx lets through by itself, and attempts as they happen.
    daemon.register("http://127.0.0.1:9/", &["ORDER.*"]);
    let stream = place.start(&format!("exec {curl} -N {url}/api/notifications/stream"));
    stream.await_line("stream of attempts");
    let note = "n".repeat(200 * 1024);
    let events = vec![json!({ "type": "ORDER.PAID", "resource": { "order": { "id": "1", "note": note } } }); 10];
    place.write("batch.json", &json!({ "events": events }).to_string());
    let batch = format!("{curl} {url}/api/events/batch -H 'Content-Type: application/json' -d @batch.json");
    assert!(place.run(&batch).contains("inserted_at"));
    stream.await_line("ORDER.PAID");

    // The panel knows its own pages behind it.
    let signing_in = curl
        .replace("--fail-with-body", "-o answer -w '%{http_code}'")
        .replace("-H \"Authorization: Bearer $TOKEN\"", "");
    let form = format!("{signing_in} -H 'Origin: {url}' --data-urlencode \"token=$TOKEN\" {url}/sign-in");
    assert_eq!(place.run(&form), "303");

    // Wrong tokens are counted against the caller that nginx names.
    let guess = |from: &str| {
        let wrong = curl.replace("--fail-with-body", "-o answer -w '%{http_code}'").replace("$TOKEN", "wrong");
        place.run(&format!("{wrong} --interface {from} {url}/api/events"))
    };
    assert_eq!(guess("127.0.0.2"), "401");
    assert!((0..60).any(|_| guess("127.0.0.2") == "429"), "nobody counts");
    assert_eq!(guess("127.0.0.3"), "401");
}
