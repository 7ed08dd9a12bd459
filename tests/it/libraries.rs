//! The published Standard Webhooks libraries verify our deliveries, unchanged: those of `PyPI` and of npm, both named
//! `standardwebhooks`. `.ci/run` installs them into `target/libs`; where they are not, that is said and nothing is
//! verified.

use super::harness::{Daemon, QUICK, skipped};
use super::receiver::{Receiver, Reply, Request};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const PYTHON: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook
for one in json.load(sys.stdin):
    for secret in one["secrets"]:
        assert Webhook(secret).verify(one["body"], one["headers"]) == json.loads(one["body"])
        try:
            Webhook(secret).verify(one["body"].replace("PAID", "LOST"), one["headers"])
        except Exception:
            continue
        raise SystemExit("a changed body was taken")
print("verified")
"#;

const NODE: &str = r#"
const { Webhook } = require("standardwebhooks");
const all = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const one of all) {
  for (const secret of one.secrets) {
    new Webhook(secret).verify(one.body, one.headers);
    let taken = true;
    try { new Webhook(secret).verify(one.body.replace("PAID", "LOST"), one.headers); } catch { taken = false; }
    if (taken) throw new Error("a changed body was taken");
  }
}
console.log("verified");
"#;

fn libraries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libs")
}

fn as_json(request: &Request, secrets: &[&str]) -> Value {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name.to_owned(), Value::from(request.header(name).unwrap())));
    json!({
        "headers": Value::Object(headers.into_iter().collect()),
        "body": String::from_utf8(request.body.clone()).unwrap(),
        "secrets": secrets,
    })
}

fn verifies(mut command: Command, requests: &[Value]) {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = serde_json::to_vec(requests).unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.trim() == "verified", "{said}{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn the_published_libraries_verify_deliveries_retries_and_rotations() {
    let (python, node) = (libraries().join("py/bin/python"), libraries().join("node_modules/standardwebhooks"));
    if !python.exists() && !node.exists() {
        return skipped(
            "the published Standard Webhooks libraries",
            "they are not in target/libs; .ci/run installs them",
        );
    }
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(503), Reply::Status(200)]);
    let daemon = Daemon::start(QUICK);
    // They know v1 alone, and pass over the other kind beside it.
    let fields = json!({ "target": receiver.url, "events": ["*"], "signatures": ["v1", "v1a"] });
    let webhook = daemon.register_with(fields);
    let old = webhook["secret"].as_str().unwrap();
    let event = json!({ "type": "PAYMENT.PAID", "resource": { "nome": "Açaí & Cia \u{1f4e6}", "valor": 12.90 } });
    let first = daemon.record_with(event.clone());
    daemon.await_status(&first, "DELIVERED");
    let rotate = format!("/api/webhooks/{}/rotate_secret", webhook["id"].as_str().unwrap());
    let rotated = daemon.post(&rotate, &json!({})).expect(200).data();
    let new = rotated["secret"].as_str().unwrap();
    let second = daemon.record_with(event);
    daemon.await_status(&second, "DELIVERED");
    let requests = receiver.requests();
    assert_eq!(requests.len(), 4);
    // A retry has the id of the first attempt.
    assert_eq!(requests[0].header("webhook-id"), requests[2].header("webhook-id"));
    let mut all: Vec<Value> = requests[..3].iter().map(|request| as_json(request, &[old])).collect();
    // While the secrets change over, a receiver may hold either.
    all.push(as_json(&requests[3], &[old, new]));
    if python.exists() {
        let mut command = Command::new(&python);
        command.args(["-c", PYTHON]);
        verifies(command, &all);
    }
    if node.exists() {
        let mut command = Command::new("node");
        command.args(["-e", NODE]).env("NODE_PATH", libraries().join("node_modules"));
        verifies(command, &all);
    }
}
