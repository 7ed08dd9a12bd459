//! Webhooks as a file: exported from one daemon, applied to another; shown before it is done; refused as a whole.

use super::{carteiro, complaint, done, fails, out};
use crate::harness::{Daemon, QUICK};
use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// What an export of [`full`] refers to.
const VARIABLES: [(&str, &str); 3] = [
    ("WEBHOOK_ERP_DE_S_O_PAULO_AUTHORIZATION", "Bearer da-loja"),
    ("WEBHOOK_ERP_DE_S_O_PAULO_X_LOJA", "7"),
    ("WEBHOOK_ERP_DE_S_O_PAULO_SECRET", SECRET),
];

/// A webhook with every field that the API takes.
fn full(target: &str) -> Value {
    let webhook = json!({
        "name": "ERP de São Paulo",
        "target": target,
        "events": ["PAYMENT.*", "ORDER.PAID"],
        "authorization": "Bearer da-loja",
        // It would be one of the config's, and needs TLS: tests/it/client_certificates.rs exports one.
        "client_certificate": null,
        "secret": SECRET,
        "filter": {"payment": {"method": {"$in": ["PIX", "'''"]}, "total_cents": {"$gte": 1.5e3}}},
        "description": "linha 1\n\"linha\" \\2",
        "status": "PAUSED",
        "headers": {"X-Loja": "7"},
        "max_in_flight": 3,
        "rate_limit": 2.5,
        "ordered": true,
        "retry": {"schedule": ["5s", "2m"], "max_attempts": 3, "jitter": 0.25},
        "signatures": ["v1", "v1a"],
    });
    let document: Value = serde_json::from_str(include_str!("../../../src/api/openapi.json")).unwrap();
    let taken = document.pointer("/components/schemas/NewWebhook/properties/webhook/properties").unwrap();
    let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&webhook), names(taken), "every field is set");
    webhook
}

fn written(daemon: &Daemon, text: &str) -> PathBuf {
    let file = daemon.data().with_file_name("webhooks.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn apply(daemon: &Daemon, text: &str, flags: &[&str], environment: &[(&str, &str)]) -> Output {
    let file = written(daemon, text);
    carteiro(daemon, &[["webhooks", "apply", file.to_str().unwrap()].as_slice(), flags].concat(), "", environment)
}

#[track_caller]
fn applied(daemon: &Daemon, text: &str, flags: &[&str], environment: &[(&str, &str)]) -> String {
    let output = apply(daemon, text, flags, environment);
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    out(&output)
}

#[test]
fn a_webhook_with_every_field_is_the_same_on_another_machine() {
    let receiver = Receiver::ok();
    let (first, second) = (Daemon::quick(), Daemon::quick());
    first.register_with(full(&receiver.url));
    first.register_with(json!({"target": "http://127.0.0.1:9/x", "events": ["*"]}));
    let file = done(&first, &["webhooks", "export"]);
    assert!(!file.contains("da-loja") && !file.contains(SECRET), "{file}");

    // Nothing is done before everything that it refers to is there.
    let with_secret = file.replace("# secret_env = \"WEBHOOK_ERP", "secret_env = \"WEBHOOK_ERP");
    let output = apply(&second, &with_secret, &[], &VARIABLES[..1]);
    assert_eq!(output.status.code(), Some(78));
    let said = complaint(&output);
    for (variable, _) in &VARIABLES[1..] {
        assert!(said.contains(&format!("the environment has no variable \"{variable}\": set it")), "{said}");
    }
    assert!(second.list("/api/webhooks").is_empty());

    let said = applied(&second, &with_secret, &[], &VARIABLES);
    assert!(said.contains("created  ERP de São Paulo  ") && said.ends_with("2 created.\n"), "{said}");
    assert_eq!(said.matches("  secret  whsec_").count(), 1, "of the other one, which brought none along: {said}");
    assert_eq!(done(&second, &["webhooks", "export"]), file);
    let said = applied(&second, &with_secret, &[], &VARIABLES);
    assert!(said.ends_with("\n2 unchanged.\n"), "{said}");

    // What no answer tells is there as well.
    let own = second.list("/api/webhooks").into_iter().find(|own| own["name"] == "ERP de São Paulo").unwrap();
    done(&second, &["webhooks", "test", own["id"].as_str().unwrap()]);
    let sent = receiver.await_count(1).remove(0);
    assert_eq!(sent.header("authorization"), Some("Bearer da-loja"));
    assert_eq!(sent.header("x-loja"), Some("7"));
    let repeated = second.post("/api/webhooks", &json!({"webhook": full(&receiver.url)})).expect(201).data();
    assert_eq!(repeated["secret"], SECRET);
}

#[test]
fn differences_are_shown_then_made_and_nothing_else_is_touched() {
    let daemon = Daemon::quick();
    let one = "[[webhook]]\nname = \"um\"\ntarget = \"http://127.0.0.1:9/a\"\nevents = [\"*\"]\n";
    let hidden = format!("{one}authorization_env = \"T\"\nheaders.x-a = {{ env = \"T\" }}\nordered = true\n");
    let left = daemon.register_with(json!({"target": "http://127.0.0.1:9/y", "events": ["*"], "name": "outro"}));
    applied(&daemon, &hidden, &[], &[("T", "1")]);
    let id = daemon.list("/api/webhooks").into_iter().find(|own| own["name"] == "um").unwrap()["id"].clone();
    let path = format!("/api/webhooks/{}", id.as_str().unwrap());

    let said = applied(&daemon, &hidden, &["--dry-run"], &[("T", "2")]);
    assert!(said.contains("to change  um") && said.contains("not in the file  outro"), "{said}");
    for field in ["authorization", "headers"] {
        assert!(said.contains(&format!("  {field}: another value, which isn't shown\n")), "{said}");
    }
    let before = daemon.get(&path).data();
    assert!(applied(&daemon, &hidden, &[], &[("T", "1")]).contains("unchanged  um"), "a dry run does nothing");
    assert_eq!(daemon.get(&path).data()["updated_at"], before["updated_at"]);

    let changed =
        one.replace("/a", "/b").replace("[\"*\"]", "[\"A.*\"]") + "filter = '{\"n\": 1}'\nmax_in_flight = 2\n";
    let planned = applied(&daemon, &changed, &["--dry-run"], &[]);
    let said = applied(&daemon, &changed, &[], &[]);
    assert_eq!(planned.replace("to change", "changed"), said);
    for line in [
        "target: \"http://127.0.0.1:9/a\" → \"http://127.0.0.1:9/b\"",
        "events: [\"*\"] → [\"A.*\"]",
        "authorization: \"set\" → null",
        "headers: {\"x-a\":\"…\"} → {}",
        "ordered: true → false",
        "filter: null → {\"n\":1}",
        "max_in_flight: null → 2",
    ] {
        assert!(said.contains(&format!("  {line}\n")), "{line}: {said}");
    }
    assert_eq!(said.matches(" → ").count(), 7, "{said}");
    let now = daemon.get(&path).data();
    assert_eq!((&now["filter"], &now["authorization_set"]), (&json!({"n": 1}), &json!(false)));

    // By its id it is found whatever it is called; a status that the file doesn't have stays.
    done(&daemon, &["webhooks", "pause", id.as_str().unwrap()]);
    let renamed = changed.replace("\"um\"", "\"dois\"") + &format!("id = {id}\n");
    assert!(applied(&daemon, &renamed, &[], &[]).contains("  name: \"um\" → \"dois\"\n"));
    assert_eq!(daemon.get(&path).data()["status"], "PAUSED");
    let active = renamed.clone() + "status = \"ACTIVE\"\n";
    assert!(applied(&daemon, &active, &[], &[]).contains("  status: \"PAUSED\" → \"ACTIVE\"\n"));

    // For programs.
    let said = applied(&daemon, &renamed, &["--json", "--dry-run"], &[]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let actions: Vec<&Value> = report["webhooks"].as_array().unwrap().iter().map(|step| &step["action"]).collect();
    assert_eq!(actions, ["unchanged", "leave"]);

    // What the file doesn't have is deleted where that is asked for, and confirmed.
    let output = apply(&daemon, &renamed, &["--prune"], &[]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""));
    assert_eq!(daemon.list("/api/webhooks").len(), 2);
    let output = apply(&daemon, "# nothing\n", &["--prune", "--yes"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(applied(&daemon, &renamed, &["--prune", "--dry-run"], &[]).contains("to delete  outro"));
    assert!(applied(&daemon, &renamed, &["--prune", "--yes"], &[]).contains("deleted  outro"));
    daemon.get(&format!("/api/webhooks/{}", left["id"].as_str().unwrap())).expect(404);
    fails(&daemon, &["webhooks", "export", "--json"], 2, "the file is TOML");
}

#[test]
fn nothing_is_done_where_anything_is_wrong() {
    // Of addresses that aren't allowed only the daemon knows.
    let daemon = Daemon::start(&QUICK.replace("127.0.0.0/8", "127.0.0.1/32"));
    let webhook =
        |name: &str, target: &str| format!("[[webhook]]\nname = \"{name}\"\ntarget = \"{target}\"\nevents = [\"*\"]\n");
    let good = webhook("um", "http://127.0.0.1:9/");
    for (bad, says) in [
        (webhook("dois", "http://127.0.0.2:9/"), ":7:10: `target` is refused: "),
        (webhook("dois", "ftp://127.0.0.1/"), ":7:10: `target` "),
        (webhook("dois", "http://127.0.0.1:9/") + "events = 3\n", ":9:1: duplicate key"),
        (
            webhook("dois", "http://127.0.0.1:9/") + "retry = { schedule = [\"x\"] }\n",
            ":9:11: `retry.schedule` must be",
        ),
        (webhook("dois", "http://127.0.0.1:9/") + "headers.host = \"x\"\n", ":9:9: `headers.host`: `host` is set by"),
        (
            webhook("dois", "http://127.0.0.1:9/") + "headers.ok = \"x\"\nheaders.\"bad name\" = \"x\"\n",
            ":10:9: `headers.bad name`: `bad name` is no header name",
        ),
        (
            webhook("dois", "http://127.0.0.1:9/") + "headers.\"bad name\" = \"x\"\nheaders.te = \"x\"\n",
            ":10:9: `headers.te`: `te` is set by carteiro",
        ),
        (webhook("um", "http://127.0.0.1:9/"), ":6:8: `name` must be unique in the file"),
    ] {
        let output = apply(&daemon, &format!("{good}{bad}"), &[], &[]);
        assert_eq!(output.status.code(), Some(78), "{bad}");
        assert!(complaint(&output).contains(&format!("webhooks.toml{says}")), "{says}: {}", complaint(&output));
        assert!(daemon.list("/api/webhooks").is_empty() && out(&output).is_empty());
    }
    for _ in 0..2 {
        daemon.register_with(json!({"target": "http://127.0.0.1:9/", "events": ["*"], "name": "um"}));
    }
    let output = apply(&daemon, &good, &[], &[]);
    assert!(complaint(&output).contains(":1:1: 2 webhooks of the store have this name: give the `id`"), "{output:?}");
    // An export tells them apart, by names of which their own store needs none: applied to it, it changes nothing.
    let file = done(&daemon, &["webhooks", "export"]);
    assert!(file.contains("name = \"um (2)\"\n"), "{file}");
    assert!(applied(&daemon, &file, &[], &[]).ends_with("\n2 unchanged.\n"), "{file}");
    let renamed = file.replace("um (2)", "outro");
    assert!(applied(&daemon, &renamed, &[], &[]).contains("  name: \"um\" → \"outro\"\n"), "{file}");
}

/// Between the dry run and the change somebody else changed the webhook, and was overwritten.
#[test]
fn what_somebody_else_has_changed_meanwhile_is_not_overwritten() {
    let daemon = Daemon::quick();
    let file = |path: &str| {
        ["um", "dois"].map(|name| {
            format!("[[webhook]]\nname = \"{name}\"\ntarget = \"http://127.0.0.1:9/{path}\"\nevents = [\"*\"]\n")
        })
    };
    applied(&daemon, &file("a").concat(), &[], &[]);
    let second = daemon.list("/api/webhooks").into_iter().find(|own| own["name"] == "dois").unwrap()["id"].clone();
    let path = format!("/api/webhooks/{}", second.as_str().unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let environment = [("CARTEIRO_SERVER", proxy.as_str()), ("CARTEIRO_TOKEN", daemon.token.as_str())];
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut changes = 0;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                if request.is_empty() {
                    return;
                }
                if request.starts_with("PATCH") && !request.contains("\"dry_run\":true") {
                    changes += 1;
                    if changes == 2 {
                        daemon.patch(&path, &json!({"webhook": {"description": "de outra pessoa"}})).expect(200);
                    }
                }
                let mut upstream = TcpStream::connect(&daemon.address).unwrap();
                upstream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).unwrap();
                std::io::copy(&mut upstream, &mut stream).unwrap();
            }
        });
        let output = apply(&daemon, &file("b").concat(), &[], &environment);
        // The end for the proxy.
        drop(TcpStream::connect(&proxy).unwrap());
        output
    });
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = complaint(&output);
    assert!(said.contains("dois: somebody has changed it meanwhile"), "{said}");
    assert!(said.contains("done before: 1 of 2"), "{said}");
    assert!(out(&output).starts_with("changed  um"), "{output:?}");
    assert_eq!(daemon.get(&path).data()["target"], "http://127.0.0.1:9/a");
    let said = applied(&daemon, &file("b").concat(), &[], &[]);
    assert!(said.contains("unchanged  um") && said.contains("description: \"de outra pessoa\" → null"), "{said}");
}

/// Head and body of a request; nothing where the connection ends before one.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece).unwrap();
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if count == 0 {
            return text;
        }
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}
