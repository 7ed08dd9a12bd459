//! Asymmetric signatures, `v1a`: which are sent, who verifies them, and how the key pair is replaced.

use super::cli::{Running, carteiro};
use super::docs::blocks::english;
use super::docs::place::{Place, has};
use super::harness::{Daemon, eventually, skipped};
use super::receiver::{Receiver, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

fn public_key(webhook: &Value) -> String {
    webhook["public_key"].as_str().unwrap().to_owned()
}

fn raw(public_key: &str) -> Vec<u8> {
    STANDARD.decode(public_key.strip_prefix("whpk_").unwrap()).unwrap()
}

/// What is signed of a request.
fn signed(request: &Request) -> Vec<u8> {
    let header = |name| request.header(name).unwrap();
    [format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes(), &request.body].concat()
}

/// The signatures of a request by `v1a`.
fn asymmetric(request: &Request) -> Vec<Vec<u8>> {
    let all = request.header("webhook-signature").unwrap().split(' ');
    all.filter_map(|one| one.strip_prefix("v1a,")).map(|one| STANDARD.decode(one).unwrap()).collect()
}

fn verified_by(public_key: &str, request: &Request) -> bool {
    let (key, signed) = (UnparsedPublicKey::new(&ED25519, raw(public_key)), signed(request));
    asymmetric(request).iter().any(|signature| key.verify(&signed, signature).is_ok())
}

fn versions(request: &Request) -> Vec<&str> {
    let all = request.header("webhook-signature").unwrap().split(' ');
    all.map(|one| one.split(',').next().unwrap()).collect()
}

/// The request of an event that is recorded now, once it was confirmed.
fn delivered(daemon: &Daemon, receiver: &Receiver) -> Request {
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    let id = daemon.history(&event)[0]["id"].as_str().unwrap().to_owned();
    let own = |request: &Request| request.header("webhook-id") == Some(&*id);
    eventually("the request of the event", || receiver.requests().into_iter().find(own))
}

#[test]
fn a_webhook_says_which_signatures_it_sends() {
    let (mut daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"] }));
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    assert_eq!(webhook["signatures"], json!(["v1"]));
    assert_eq!(versions(&delivered(&daemon, &receiver)), ["v1"]);
    let key = public_key(&webhook);
    for (signatures, sent) in [(json!(["v1a", "v1"]), &["v1", "v1a"][..]), (json!(["v1a"]), &["v1a"][..])] {
        let changed = daemon.patch(&path, &json!({ "webhook": { "signatures": signatures } })).expect(200).data();
        assert_eq!((&changed["signatures"], public_key(&changed)), (&json!(sent), key.clone()));
        let request = delivered(&daemon, &receiver);
        assert_eq!(versions(&request), sent);
        assert!(verified_by(&key, &request));
    }
    // It is on the disk.
    daemon.kill_9();
    daemon.spawn();
    assert!(verified_by(&key, &delivered(&daemon, &receiver)));
    for bad in [json!([]), json!(["v1", "v1"]), json!(["v2"]), json!("v1"), json!([1]), json!(["v1", "v1a", "v1"])] {
        let fields = daemon.patch(&path, &json!({ "webhook": { "signatures": bad } })).refused(422, "invalid_fields");
        assert!(fields["signatures"][0].as_str().unwrap().contains("must be [\"v1\"], [\"v1a\"] or both"), "{fields}");
    }
    let cleared = daemon.patch(&path, &json!({ "webhook": { "signatures": null } })).expect(200).data();
    assert_eq!(cleared["signatures"], json!(["v1"]));
    let id = webhook["id"].as_str().unwrap();
    let changed = carteiro(&daemon, &["webhooks", "change", id, "--signatures", "v1,v1a"], "", &[]);
    let shown = String::from_utf8_lossy(&changed.stdout);
    assert!(shown.contains("v1, v1a") && shown.contains(&key), "{changed:?}");
    let all = daemon.get("/api/webhooks").expect(200).body;
    assert!(!String::from_utf8_lossy(&all).contains("whsk_"));
}

#[test]
fn rotated_keys_sign_beside_the_new_one_until_one_has_leaked() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let webhook = daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "signatures": ["v1a"] }));
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let rotate = |body: &str| daemon.send("POST", &format!("{path}/rotate_key"), body.as_bytes());
    let before = delivered(&daemon, &receiver);
    let mut keys = vec![public_key(&webhook)];
    for body in ["", "{}", "{\"overlap\": \"2h\"}", " "] {
        keys.push(public_key(&rotate(body).expect(200).data()));
    }
    let request = delivered(&daemon, &receiver);
    assert_eq!(asymmetric(&request).len(), 5);
    assert!(keys.iter().all(|key| verified_by(key, &request)), "each of them verifies");
    rotate("").refused(409, "too_many_keys");
    rotate("{\"overlap\": \"31days\"}").refused(422, "invalid_fields");
    daemon.send("POST", "/api/webhooks/0193a5b0-1111-4222-8333-444455556666/rotate_key", b"").refused(404, "not_found");

    // What was sent is built again by the keys that are left, under other settings too.
    let shown = |request: &Request| {
        let id = request.header("webhook-id").unwrap();
        let rebuilt = daemon.get(&format!("/api/notifications/{id}/request")).expect(200).data();
        let headers = rebuilt["headers"].as_array().unwrap().clone();
        headers.into_iter().find(|header| header["name"] == "webhook-signature").unwrap()
    };
    daemon.patch(&path, &json!({ "webhook": { "signatures": ["v1", "v1a"] } })).expect(200);
    let both = delivered(&daemon, &receiver);
    for request in [&before, &request, &both] {
        assert_eq!(shown(request)["value"].as_str(), request.header("webhook-signature"));
    }
    let id = webhook["id"].as_str().unwrap();
    let rotated = carteiro(&daemon, &["webhooks", "rotate-key", id, "--overlap", "0s"], "", &[]);
    let printed = String::from_utf8_lossy(&rotated.stdout);
    assert!(printed.contains("whpk_"), "{rotated:?}");
    let request = delivered(&daemon, &receiver);
    assert!(asymmetric(&request).len() == 1 && !keys.iter().any(|key| verified_by(key, &request)));
    assert!(verified_by(printed.trim().rsplit(' ').next().unwrap(), &request));
    assert_eq!(shown(&before)["hidden"], "secret_rotated");
}

#[test]
fn listen_checks_by_the_public_key() {
    let daemon = Daemon::quick();
    let fields = json!({ "target": "http://127.0.0.1:9/", "events": ["*"], "status": "PAUSED", "signatures": ["v1a"] });
    let webhook = daemon.register_with(fields);
    let path = format!("/api/webhooks/{}", webhook["id"].as_str().unwrap());
    let listening = ["listen", "--port", "0", "--count", "1", "--json", "--public-key"];
    let received = |key: &str| {
        let mut listener = Running::start(&daemon, &[&listening[..], &[key]].concat());
        let target = json!({ "webhook": { "target": listener.listening(), "status": "ACTIVE" } });
        daemon.patch(&path, &target).expect(200);
        daemon.record("PAYMENT.PAID");
        let line = listener.line();
        (line["signature"].as_str().unwrap().to_owned(), listener.wait())
    };
    assert_eq!(received(&public_key(&webhook)), ("ok".to_owned(), 0));
    let strange = public_key(&daemon.register_with(json!({ "target": "http://127.0.0.1:9/", "events": ["X.Y"] })));
    assert_eq!(received(&strange), ("wrong".to_owned(), 1));
    let refused = carteiro(&daemon, &["listen", "--public-key", "whsec_AAAA"], "", &[]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("must be whpk_ and 32 bytes"), "{refused:?}");
}

/// Reads `[{"headers", "body", "keys", "strange"}]`: each key must verify it, and the strange one not.
const NODE: &str = r#"
import { readFileSync } from "node:fs";
import { isFromCarteiro } from "./v1a.mjs";
for (const { headers, body, keys, strange } of JSON.parse(readFileSync(0, "utf8"))) {
  for (const key of keys) {
    if (!isFromCarteiro(headers, body, key)) throw new Error("not verified");
    if (isFromCarteiro(headers, body.replace("PAID", "LOST"), key)) throw new Error("a changed body was taken");
    if (isFromCarteiro({ ...headers, "webhook-timestamp": "1" }, body, key)) throw new Error("an old time was taken");
  }
  if (isFromCarteiro(headers, body, strange)) throw new Error("a strange key was taken");
}
console.log("verified");
"#;

const PHP: &str = r#"
foreach (json_decode(stream_get_contents(STDIN), true) as $one) {
    $signed = "{$one['headers']['webhook-id']}.{$one['headers']['webhook-timestamp']}.{$one['body']}";
    foreach ($one['keys'] as $key) {
        $key = base64_decode(substr($key, 5));
        $good = array_filter(explode(' ', $one['headers']['webhook-signature']), fn($signature) =>
            str_starts_with($signature, 'v1a,')
            && sodium_crypto_sign_verify_detached(base64_decode(substr($signature, 4)), $signed, $key));
        if (!$good) exit(1);
    }
}
echo "verified";
"#;

/// The key in the form that OpenSSL reads: RFC 8410.
fn spki(public_key: &str) -> Vec<u8> {
    [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &raw(public_key)].concat()
}

#[test]
fn others_verify_what_carteiro_signs() {
    let (daemon, receiver) = (Daemon::quick(), Receiver::ok());
    let fields = json!({ "target": receiver.url, "events": ["*"], "signatures": ["v1", "v1a"] });
    let webhook = daemon.register_with(fields);
    let resource = json!({ "nome": "Açaí & Cia \u{1f4e6}", "valor": 12.90 });
    let first = daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": resource }));
    daemon.await_status(&first, "DELIVERED");
    let rotate = format!("/api/webhooks/{}/rotate_key", webhook["id"].as_str().unwrap());
    let rotated = daemon.post(&rotate, &json!({})).expect(200).data();
    delivered(&daemon, &receiver);
    let requests = receiver.requests();
    let (old, new) = (public_key(&webhook), public_key(&rotated));
    let strange = public_key(&daemon.register_with(json!({ "target": receiver.url, "events": ["X.Y"] })));
    let as_json = |request: &Request, keys: &[&String]| {
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers = names.map(|name| (name.to_owned(), Value::from(request.header(name).unwrap())));
        let body = String::from_utf8(request.body.clone()).unwrap();
        let headers = Value::Object(headers.into_iter().collect());
        json!({ "headers": headers, "body": body, "keys": keys, "strange": strange })
    };
    let all = json!([as_json(&requests[0], &[&old]), as_json(&requests[1], &[&old, &new])]);
    let place = Place::new();
    place.write("all.json", &all.to_string());
    if has(&["node"], "v1a verified by node as the documents say") {
        let document = english();
        let printed = document.of("js").into_iter().find(|block| block.text.contains("whpk_")).unwrap();
        place.write("v1a.mjs", &printed.text);
        place.write("check.mjs", NODE);
        assert_eq!(place.run("node check.mjs < all.json").trim(), "verified");
    }
    if has(&["php"], "v1a verified by PHP") {
        if place.run("php -m").lines().any(|module| module == "sodium") {
            place.write("check.php", &format!("<?php\n{PHP}"));
            assert_eq!(place.run("php check.php < all.json").trim(), "verified");
        } else {
            skipped("v1a verified by PHP", "its extension sodium is not there");
        }
    }
    if has(&["openssl"], "v1a verified by OpenSSL") {
        let write = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
        write("signed", &signed(&requests[1]));
        for (nth, key) in [&new, &old].into_iter().enumerate() {
            write("key.der", &spki(key));
            write("signature", &asymmetric(&requests[1])[nth]);
            let verify =
                "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in signed -sigfile signature";
            assert!(place.run(verify).contains("Verified Successfully"));
        }
    }
    // Those who know v1 alone take what has both.
    assert_eq!(versions(&requests[1]), ["v1", "v1a", "v1a"]);
}
