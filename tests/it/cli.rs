//! The command line, as an operator types it: each command once for real, its JSON, its tables, its exit codes.

mod backfills;
mod doctor;
mod following;
mod languages;
mod listen;
mod running;
mod webhook_file;

pub(crate) use running::Running;

use super::harness::{CARTEIRO, Daemon, QUICK, eventually};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Runs a command against a daemon; it finds its token through the config.
pub(crate) fn carteiro(daemon: &Daemon, arguments: &[&str], input: &str, environment: &[(&str, &str)]) -> Output {
    let mut child = daemon
        .command()
        .args(arguments)
        .env("CARTEIRO_CONFIG", daemon.config_file())
        .env("CARTEIRO_SERVER", &daemon.address)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a command that must work prints.
#[track_caller]
pub(crate) fn done(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = carteiro(daemon, arguments, "", &[]);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", complaint(&output));
    assert!(!out(&output).contains('\x1b'), "colours are for terminals: {arguments:?}");
    out(&output)
}

/// The JSON of a command that must work.
#[track_caller]
fn json_of(daemon: &Daemon, arguments: &[&str]) -> Value {
    let printed = done(daemon, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {printed}"))
}

#[track_caller]
fn keys(value: &Value, expected: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let missing: Vec<&&str> = expected.iter().filter(|key| !object.contains_key(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} of {value}");
}

/// The command must fail with this code and say this.
#[track_caller]
fn fails(daemon: &Daemon, arguments: &[&str], code: i32, says: &str) {
    let output = carteiro(daemon, arguments, "", &[]);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), complaint(&output));
    assert!(complaint(&output).contains(says), "{arguments:?}: {}", complaint(&output));
    assert_eq!(out(&output), "", "{arguments:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_webhook_for_a_type_that_the_catalogue_lacks_is_told_of() {
    let daemon = Daemon::quick();
    let (target, events) = (Receiver::ok().url, "PAYMENT.PIAD,PAYMENT.PAID,WEBHOOK.FAILING,ORDER.*");
    let create = ["webhooks", "create", "--target", &target, "--events", events, "--server", &daemon.address];
    let (code, _, said) = daemon.run(&create);
    assert!(code == Some(0) && said.contains("PAYMENT.PIAD is not in the catalogue (did you mean PAYMENT.PAID?)"));
    assert_eq!(said.matches("not in the catalogue").count(), 1, "{said}");
}

#[test]
fn webhooks_are_made_changed_tried_and_deleted() {
    let daemon = Daemon::quick();
    let receiver = Receiver::ok();
    assert_eq!(done(&daemon, &["webhooks", "list"]), "");
    let create = ["webhooks", "create", "--target", &receiver.url, "--events", "PAYMENT.*,ORDER.PAID"];
    let made = json_of(
        &daemon,
        &[
            create.as_slice(),
            &[
                "--name",
                "ERP Bling",
                "--authorization",
                "token-da-loja",
                "--description",
                "ERP",
                "--header",
                "X-Shop: 7",
                "--ordered",
            ],
            &["--max-in-flight", "3", "--rate-limit", "2.5", "--schedule", "1s,2s", "--max-attempts", "3", "--paused"],
        ]
        .concat(),
    );
    keys(&made, &["id", "target", "events", "status", "secret", "authorization_set", "headers", "ordered", "retry"]);
    assert_eq!(made["events"], json!(["PAYMENT.*", "ORDER.PAID"]));
    assert_eq!(
        (&made["status"], &made["ordered"], &made["max_in_flight"]),
        (&json!("PAUSED"), &json!(true), &json!(3))
    );
    assert_eq!((&made["name"], &made["retry"]["schedule"]), (&json!("ERP Bling"), &json!(["1s", "2s"])));
    let id = text(&made["id"]);

    let listed = json_of(&daemon, &["webhooks", "list"]);
    assert_eq!(listed[0]["id"], made["id"]);
    assert!(listed[0].get("secret").is_none());
    let shown = done(&daemon, &["webhooks", "show", &id]);
    assert!(shown.contains("authorization        set") && shown.contains("1s, 2s; at most 3 attempts"), "{shown}");

    assert_eq!(json_of(&daemon, &["webhooks", "resume", &id])["status"], "ACTIVE");
    assert_eq!(json_of(&daemon, &["webhooks", "pause", &id])["status"], "PAUSED");
    let change =
        ["webhooks", "change", &id, "--events", "*", "--ordered=false", "--clear", "retry", "--clear", "headers"];
    let changed = json_of(&daemon, &change);
    assert_eq!(
        (&changed["events"], &changed["ordered"], &changed["retry"]),
        (&json!(["*"]), &json!(false), &Value::Null)
    );
    assert_eq!((&changed["description"], &changed["headers"]), (&json!("ERP"), &json!({})));
    fails(&daemon, &["webhooks", "change", &id], 2, "nothing to change");

    // From a file, without the line end behind it.
    let file = daemon.data().with_file_name("authorization");
    std::fs::write(&file, "Bearer do arquivo\n").unwrap();
    done(&daemon, &["webhooks", "change", &id, "--authorization-file", file.to_str().unwrap()]);
    done(&daemon, &["webhooks", "resume", &id]);
    let sent = json_of(&daemon, &["webhooks", "test", &id]);
    keys(&sent, &["id", "event_id", "status"]);
    assert_eq!(receiver.await_count(1)[0].header("authorization"), Some("Bearer do arquivo"));
    let rotated = json_of(&daemon, &["webhooks", "rotate-secret", &id]);
    assert!(text(&rotated["secret"]).starts_with("whsec_") && rotated["secret"] != made["secret"]);
    let leaked = json_of(&daemon, &["webhooks", "rotate-secret", &id, "--overlap", "0s"]);
    assert_ne!(leaked["secret"], rotated["secret"]);

    fails(&daemon, &["webhooks", "delete", &id], 2, "--yes");
    assert_eq!(json_of(&daemon, &["webhooks", "delete", &id, "--yes"]), json!({ "id": id, "deleted": true }));
    fails(&daemon, &["webhooks", "show", &id], 1, "`carteiro webhooks list` shows what there is");
}

#[test]
fn events_are_recorded_found_explained_resent_and_erased() {
    let daemon = Daemon::quick();
    let receiver = Receiver::ok();
    daemon.register(&receiver.url, &["PAYMENT.*"]);
    // What no float holds is recorded and shown as it was written.
    let resource = "{\"payment\": {\"id\": \"p-9\", \"total\": 12.90, \"huge\": 1e400}}";
    let create = ["events", "create", "--type", "PAYMENT.PAID", "--resource", "-", "--external-id", "pedido-9"];
    let create = [create.as_slice(), &["--idempotency-key", "k-1", "--json"]].concat();
    let output = carteiro(&daemon, &create, resource, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    let recorded: Value = serde_json::from_str(&out(&output)).unwrap();
    keys(&recorded, &["id", "type", "external_id", "resource_id", "inserted_at", "notifications"]);
    assert_eq!((&recorded["external_id"], &recorded["notifications"]), (&json!("pedido-9"), &json!(1)));
    let again: Value = serde_json::from_str(&out(&carteiro(&daemon, &create, resource, &[]))).unwrap();
    assert_eq!(again["id"], recorded["id"]);
    let id = text(&recorded["id"]);
    daemon.await_status(&id, "DELIVERED");

    assert!(done(&daemon, &["events", "show", &id, "--json"]).contains(resource));
    let shown = done(&daemon, &["events", "show", &id]);
    assert!(shown.contains("\"total\": 12.90,\n    \"huge\": 1e400\n"), "{shown}");
    assert!(shown.contains("notifications  1 DELIVERED"), "{shown}");
    for filter in [["--type", "PAYMENT.*"], ["--external-id", "pedido-9"], ["--resource-id", "p-9"]] {
        assert_eq!(json_of(&daemon, &[["events", "list"], filter].concat())[0]["id"], recorded["id"], "{filter:?}");
    }
    assert_eq!(json_of(&daemon, &["events", "list", "--type", "ORDER.*"]), json!([]));
    let explained = json_of(&daemon, &["events", "explain", &id]);
    keys(&explained[0], &["webhook_id", "notified", "status", "reason"]);
    assert!(done(&daemon, &["events", "explain", &id]).contains("confirmed"));
    let history = json_of(&daemon, &["events", "notifications", &id]);
    keys(&history[0], &["id", "status", "attempts"]);
    assert!(done(&daemon, &["events", "notifications", &id]).contains("#1 204 confirmed"));
    assert_eq!(json_of(&daemon, &["events", "resend", &id]).as_array().unwrap().len(), 1);
    receiver.await_count(2);
    fails(&daemon, &["events", "erase", &id], 2, "--yes");
    assert_eq!(json_of(&daemon, &["events", "erase", &id, "--yes"]), json!({ "id": id, "erased": true }));
    assert!(!done(&daemon, &["events", "show", &id]).contains("p-9"));

    // Pages are put together, and what is left out is said.
    let events: Vec<Value> = (0..600).map(|n| json!({ "type": "A.B", "resource": { "id": n } })).collect();
    daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    assert_eq!(json_of(&daemon, &["events", "list", "--all"]).as_array().unwrap().len(), 601);
    assert_eq!(json_of(&daemon, &["events", "list", "--limit", "520"]).as_array().unwrap().len(), 520);
    let some = carteiro(&daemon, &["events", "list"], "", &[]);
    assert!(out(&some).lines().count() == 51 && complaint(&some).contains("--all"), "{}", complaint(&some));
    let broken = carteiro(&daemon, &["events", "create", "--type", "A.B", "--resource", "-"], "{\"a\": }", &[]);
    assert!(broken.status.code() == Some(1) && complaint(&broken).contains("no JSON"), "{}", complaint(&broken));
}

#[test]
fn notifications_are_listed_shown_and_resent_one_or_many() {
    let daemon = Daemon::quick();
    let receiver = Receiver::start(&[Reply::Raw(
        b"HTTP/1.1 500 X\r\nContent-Length: 8\r\nConnection: close\r\n\r\n\x1b[2Jabcd".to_vec(),
    )]);
    daemon.register_with(json!({
        "target": receiver.url, "events": ["*"], "retry": { "schedule": ["20ms"], "max_attempts": 2 },
    }));
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "FAILED");
    let list = ["notifications", "list", "--status", "FAILED", "--event-id", &event, "--response-status", "5xx"];
    let listed = json_of(&daemon, &list);
    keys(
        &listed[0],
        &["id", "event_id", "webhook_id", "type", "target", "status", "attempts_count", "next_attempt_at"],
    );
    let id = text(&listed[0]["id"]);
    let shown = json_of(&daemon, &["notifications", "show", &id]);
    keys(&shown["attempts"][0], &["number", "trigger", "started_at", "duration_ms", "timings", "error"]);
    let shown = done(&daemon, &["notifications", "show", &id]);
    assert!(shown.contains("2 of at most 2") && shown.contains("#2 http_5xx"), "{shown}");
    assert!(shown.contains("\u{fffd}[2Jabcd"), "what a target answers moves no cursor: {shown}");

    receiver.now(Reply::Status(204));
    assert_eq!(json_of(&daemon, &["notifications", "resend", &id])["id"], json!(id));
    daemon.await_status(&event, "DELIVERED");
    let job = json_of(&daemon, &["notifications", "resend", "--type", "PAYMENT.*"]);
    assert_eq!(job["queued"], 0, "it is delivered already");
    let job = json_of(&daemon, &["notifications", "resend", "--type", "PAYMENT.*", "--include-delivered"]);
    keys(&job, &["id", "status", "filter", "queued", "resent", "outcomes", "skipped", "skipped_by", "ended_at"]);
    assert_eq!((&job["status"], &job["queued"]), (&json!("DONE"), &json!(1)));
    assert_eq!(json_of(&daemon, &["notifications", "jobs"])[0]["id"], job["id"]);
    let job_id = text(&job["id"]);
    let shown = eventually("how it ended is known", || {
        Some(done(&daemon, &["notifications", "job", &job_id])).filter(|shown| shown.contains("delivered: 1"))
    });
    assert!(shown.contains("DONE") && !shown.contains("still trying"), "{shown}");
    for (arguments, says) in [
        (vec!["resend"], "--status FAILED"),
        (vec!["resend", &id, "--all"], "not two of them"),
        (vec!["resend", "--all", "--status", "FAILED"], "--all for all"),
        (vec!["show", "7"], "must be a UUID"),
        (vec!["job", "7"], "must be a UUID"),
    ] {
        fails(&daemon, &[["notifications"].as_slice(), &arguments].concat(), 2, says);
    }
}

/// The job is the daemon's: the command that watched it may end.
#[test]
fn a_bulk_resend_goes_on_when_its_watcher_goes() {
    let daemon = Daemon::quick();
    let receiver = Receiver::ok();
    daemon.register_with(json!({ "target": receiver.url, "events": ["*"], "rate_limit": 40 }));
    let events: Vec<Value> = (0..200).map(|_| json!({ "type": "ORDER.PAID", "resource": {} })).collect();
    daemon.post("/api/events/batch", &json!({ "events": events })).expect(201);
    let every = ["notifications", "resend", "--all", "--include-delivered"];
    let mut watcher = Running::start(&daemon, &every);
    let reported = watcher.await_complaint("re-sends 200 notifications");
    let id = reported.split(' ').nth(1).unwrap().to_owned();
    watcher.interrupt();
    assert_eq!(watcher.wait(), 0);
    watcher.await_complaint(&format!("carteiro notifications cancel {id}"));
    assert_eq!(json_of(&daemon, &["notifications", "job", &id])["status"], "RUNNING");
    assert_eq!(json_of(&daemon, &["notifications", "cancel", &id])["status"], "CANCELLED");
}

#[test]
fn every_type_can_be_triggered_and_slips_are_named() {
    let described = "{ type = \"SHIPMENT.LATE\", pt = \"O envio atrasou.\", en = \"It is late.\", \
                     sample = '{\"envio\": {\"id\": \"e-7\"}}' }";
    let daemon = Daemon::start(&format!("[catalogue]\nstrict = true\nextra = [\"SHIPMENT.SENT\", {described}]\n"));
    let types = json_of(&daemon, &["trigger", "--list"]);
    assert_eq!(types.as_array().unwrap().len(), 25);
    assert!(done(&daemon, &["trigger", "--list"]).contains("O envio atrasou."));
    for one in types.as_array().unwrap() {
        keys(one, &["type", "description", "sample"]);
        let name = text(&one["type"]);
        if name.starts_with("WEBHOOK.") {
            fails(&daemon, &["trigger", &name], 2, "carteiro webhooks test");
            continue;
        }
        let recorded = json_of(&daemon, &["trigger", &name]);
        assert_eq!(recorded["type"], one["type"]);
        let shown = json_of(&daemon, &["events", "show", &text(&recorded["id"])]);
        assert_eq!(shown["resource"], one["sample"]);
    }
    let set = ["trigger", "PAYMENT.PAID", "--set", "payment.total_cents=990", "--set", "payment.id=p-7"];
    let id = text(&json_of(&daemon, &[set.as_slice(), &["--external-id", "pedido-7"]].concat())["id"]);
    let shown = json_of(&daemon, &["events", "show", &id]);
    assert_eq!((&shown["resource"]["payment"]["total_cents"], &shown["resource_id"]), (&json!(990), &json!("p-7")));
    assert_eq!(shown["external_id"], "pedido-7");
    let own = carteiro(&daemon, &["trigger", "ORDER.PAID", "--resource", "-"], "{\"order\": {\"id\": \"o-1\"}}", &[]);
    assert!(own.status.success() && out(&own).contains("recorded, 0 notifications"), "{}", out(&own));
    fails(&daemon, &["trigger", "PAYMENT.PIAD"], 2, "did you mean PAYMENT.PAID?");
    fails(&daemon, &["trigger", "payment.paid"], 2, "did you mean PAYMENT.PAID?");
    fails(&daemon, &["trigger", "PAYMENT.PAID", "--set", "payment"], 2, "PATH=VALUE");
    fails(&daemon, &["trigger"], 2, "TYPE");
    // A number that no f64 holds stays as it was written.
    let huge = r#"[{ type = "ROCKET.SENT", pt = "Foi longe.", en = "It went far.", sample = '{"f": 1e400}' }]"#;
    let daemon = Daemon::start(&format!("catalogue.extra = {huge}\n"));
    assert!(done(&daemon, &["trigger", "--list"]).contains("Foi longe."));
}

#[test]
fn tables_fit_and_are_cut_nowhere_in_a_pipe() {
    let daemon = Daemon::quick();
    let description = "O sistema de estoque 漢字 da loja, que lê tudo o que acontece e mais um pouco";
    let webhook = daemon.register_with(json!({
        "target": "https://loja.example/um/caminho/bastante/comprido/ate/as/notificacoes?loja=7", "events": ["*"],
        "description": description, "status": "PAUSED",
    }));
    daemon.record("PAYMENT.PRE_AUTHORIZED");
    for list in
        [["webhooks", "list"], ["events", "list"], ["notifications", "list"], ["token", "list"], ["trigger", "--list"]]
    {
        for width in [40, 80, 200] {
            let columns = width.to_string();
            let printed = out(&carteiro(&daemon, &list, "", &[("COLUMNS", &columns)]));
            assert!(!printed.is_empty());
            for line in printed.lines() {
                // The two CJK letters take two columns each, the two small ñ-like letters one.
                let wide = line.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
                assert!(line.chars().count() + wide <= width, "{list:?} at {width}: {line}");
            }
        }
    }
    let piped = done(&daemon, &["webhooks", "list"]);
    assert!(piped.contains(description) && piped.contains("?loja=7"), "{piped}");
    let narrow = out(&carteiro(&daemon, &["webhooks", "list"], "", &[("COLUMNS", "40")]));
    assert!(narrow.contains(&text(&webhook["id"])), "an id is there to be copied: {narrow}");
}

#[test]
fn failures_have_their_exit_codes_and_the_next_step() {
    let daemon = Daemon::quick();
    let list = ["webhooks", "list"];
    let with = |arguments: &[&'static str]| [list.as_slice(), arguments].concat();
    fails(&daemon, &with(&["--server", "127.0.0.1:1"]), 75, "is `carteiro serve` running?");
    fails(&daemon, &with(&["--server", "not an address"]), 64, "host:port");
    for wrong in
        ["http://127.0.0.1:99999", "http://127.0.0.1:28001x", "https://127.0.0.1:-1", "localhost:x", "127.0.0.1:+80"]
    {
        fails(&daemon, &with(&["--server", wrong]), 64, "a number from 1 to 65535");
        let out = carteiro(&daemon, &list, "", &[("CARTEIRO_SERVER", wrong)]);
        assert_eq!(out.status.code(), Some(64), "{wrong}");
        let forward = if wrong.contains("://") { wrong.to_owned() } else { format!("http://{wrong}/") };
        fails(&daemon, &["listen", "--port", "0", "--forward", &forward], 64, "a port from 1 to 65535");
    }
    fails(&daemon, &with(&["--server", "http://loja:senha@127.0.0.1:1"]), 64, "user name or password");
    fails(&daemon, &["listen", "--forward", "http://loja:senha@127.0.0.1:1"], 64, "user name or password");
    fails(&daemon, &["listen", "--host", "localhost:9000"], 64, "--port");
    fails(&daemon, &with(&["--token", "ctr_wrong"]), 1, "--token-file");
    fails(&daemon, &with(&["--token-file", "/nonexistent"]), 78, "/nonexistent can't be read");
    fails(&daemon, &with(&["--account", "nobody"]), 78, "default");
    fails(&daemon, &with(&["--config", "/nonexistent"]), 78, "/nonexistent");
    fails(&daemon, &with(&["--nope"]), 2, "--nope");
    fails(&daemon, &["webhooks", "show", "7"], 2, "must be a UUID");
    fails(&daemon, &["listen", "--status", "99"], 2, "200 to 999");
    fails(&daemon, &["listen", "--secret", "whsec_x"], 2, "24 to 64 bytes");
    fails(&daemon, &["listen", "--forward", "ftp://x"], 64, "http or https URL");
    let create = ["webhooks", "create", "--target", "ftp://x", "--events", "PAY*"];
    fails(&daemon, &create, 1, "target must be an http or https URL");
    fails(&daemon, &create, 1, "events `PAY*` must be");
    fails(&daemon, &["events", "list", "--from", "next week"], 2, "2026-11-28 09:00");

    // Without the right scope, and with a token given in each of the ways.
    let made = json_of(&daemon, &["token", "create", "--name", "r", "--scope", "read"]);
    keys(&made, &["id", "name", "scopes", "expires_at", "token"]);
    let token = text(&made["token"]);
    fails(&daemon, &["trigger", "ORDER.PAID", "--token", &token], 1, "carteiro token create --scope");
    let file = daemon.data().with_file_name("read-token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    let allowed = |environment: (&str, &str)| carteiro(&daemon, &["trigger", "ORDER.PAID"], "", &[environment]);
    for environment in [("CARTEIRO_TOKEN", &*token), ("CARTEIRO_TOKEN_FILE", file)] {
        let output = allowed(environment);
        assert!(output.status.code() == Some(1) && complaint(&output).contains("403"), "{}", complaint(&output));
    }
    let revoked = json_of(&daemon, &["token", "revoke", &text(&made["id"])]);
    assert_eq!(revoked, json!({ "id": made["id"], "revoked": true }));
    fails(&daemon, &with(&["--token-file", Box::leak(file.to_owned().into_boxed_str())]), 1, "401");

    // Somebody else, or a daemon that is full.
    let stranger = Receiver::start(&[Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_vec())]);
    let address = stranger.url.trim_start_matches("http://").trim_end_matches("/notificacoes").to_owned();
    fails(&daemon, &["webhooks", "list", "--server", &address], 1, "is that carteiro?");
    let body = r#"{"errors":{"code":"unavailable","detail":"the disk is full"}}"#;
    let full = format!("HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stranger.now(Reply::Raw(full.into_bytes()));
    fails(&daemon, &["webhooks", "list", "--server", &address], 75, "the disk is full (try again in 7 s)");
}

#[test]
fn completions_and_manual_pages_are_whole() {
    let run = |arguments: &[&str]| {
        let output = Command::new(CARTEIRO).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", complaint(&output));
        out(&output)
    };
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert!(script.contains("rotate-secret") && script.contains("fail-first"), "{shell}");
        // Values, too: of a field of a filter, a scope, an alert channel, signatures, and types of events.
        for word in ["RETRYING", "WEBHOOK_REGISTERED", "ingest", "telegram", "PAYMENT.IN_ANALYSIS", "5xx", "v1a"] {
            let offered = script.split(|c: char| !c.is_alphanumeric() && !"_.".contains(c)).any(|each| each == word);
            assert!(offered, "{shell} offers no {word}");
        }
        // Of what has no flag in front fish is told nothing.
        assert!(shell == "fish" || script.contains("disk-low"), "{shell}: keys of alerts");
        assert!(!script.contains("webhook-failing"), "{shell}: which there are, only the daemon knows");
        let file = folder.path().join(shell);
        std::fs::write(&file, script).unwrap();
        // Read by the shell itself, where there is one.
        if let Ok(output) = Command::new(shell).arg("-n").arg(&file).output() {
            assert!(output.status.success(), "{shell}: {}", complaint(&output));
        }
    }
    // Behind a comma, the next one of a list.
    let typed = "source ./bash; COMP_WORDS=(carteiro token create --scope ''); COMP_CWORD=4; \
                 _carteiro_lists carteiro admin,re --scope; echo ${COMPREPLY[*]}";
    if let Ok(output) = Command::new("bash").args(["-c", typed]).current_dir(folder.path()).output() {
        assert!(out(&output).contains("admin,read"), "{}{}", out(&output), complaint(&output));
    }
    let page = run(&["man"]);
    assert!(page.contains(".TH carteiro 1") && page.contains("75 try again later"), "{page}");
    assert!(run(&["man", "webhooks", "create"]).contains("carteiro webhooks create"));
    run(&["man", "--all", folder.path().to_str().unwrap()]);
    for name in ["carteiro", "carteiro-webhooks", "carteiro-webhooks-rotate-secret"] {
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
    }
    let output = Command::new(CARTEIRO).args(["man", "webhook"]).output().unwrap();
    assert!(output.status.code() == Some(2) && complaint(&output).contains("webhooks"), "{}", complaint(&output));
}

/// What containers and load balancers ask, which have no token.
#[test]
fn health_is_an_exit_code_and_takes_no_token() {
    let daemon = Daemon::quick();
    let health = |address: &str| Command::new(CARTEIRO).args(["health", "--server", address]).output().unwrap();
    let ready = health(&daemon.address);
    assert_eq!((ready.status.code(), out(&ready)), (Some(0), "ready\n".to_owned()), "{}", complaint(&ready));
    let body = r#"{"errors":{"code":"unavailable","detail":"the disk is full"}}"#;
    let full = format!("HTTP/1.1 503 X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let unready = Receiver::start(&[Reply::Raw(full.into_bytes())]);
    let full = health(unready.url.trim_start_matches("http://").trim_end_matches("/notificacoes"));
    assert!(full.status.code() == Some(75) && complaint(&full).contains("the disk is full"), "{}", complaint(&full));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(health(&nobody.to_string()).status.code(), Some(75));
}

/// `carteiro events list | head -1`: a reader that has seen enough is no error.
#[test]
fn a_closed_pipe_is_the_end_and_no_panic() {
    let daemon = Daemon::quick();
    let mut child =
        daemon.command().args(["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), complaint(&output)), (Some(0), String::new()));
}

/// Every command that asks a daemon works over TLS and with the daemon's own certificate: see `ingress_tls`.
#[test]
fn a_daemon_is_found_through_its_config_alone() {
    let daemon = Daemon::start(QUICK);
    let config =
        format!("server.listen = \"{}\"\nstore.path = \"{}\"\n{QUICK}", daemon.address, daemon.data().display());
    let file = daemon.data().with_file_name("other.toml");
    std::fs::write(&file, config).unwrap();
    let output = daemon.command().args(["webhooks", "list", "--json", "--config"]).arg(&file).output().unwrap();
    assert_eq!((output.status.code(), out(&output)), (Some(0), "[]\n".to_owned()), "{}", complaint(&output));
}

#[test]
fn times_are_taken_and_shown_in_the_systems_zone_and_json_stays_utc() {
    let daemon = Daemon::quick();
    daemon.record("PAYMENT.PAID");
    let at = daemon.list("/api/events")[0]["inserted_at"].as_str().unwrap().to_owned();
    let events = |arguments: &[&str], zone: &str| {
        let output = carteiro(&daemon, &[&["events", "list"], arguments].concat(), "", &[("TZ", zone)]);
        assert!(output.status.success(), "{arguments:?}: {}", complaint(&output));
        out(&output)
    };
    assert!(events(&[], "<+05>-5").contains("+05:00") && events(&[], "<-03>3").contains("-03:00"));
    assert!(events(&[], "UTC0").contains(&format!("{}+00:00", at[..19].replacen('T', " ", 1))));
    let lists = |arguments: &[&str], zone: &str| events(arguments, zone).contains("PAYMENT.PAID");
    for from in ["today", "yesterday", "-2h", "2h ago", "2026-01-01", "2026-01-01 09:00", "2026-01-01T09:00:00-03:00"] {
        // A day may end while this runs.
        assert!(from == "today" || lists(&["--from", from], "<-03>3"), "{from}");
    }
    assert!(
        !lists(&["--from", "now"], "UTC0") && lists(&["--to", "now"], "UTC0") && !lists(&["--to", "1h ago"], "UTC0")
    );
    // The same words mean another moment in another zone: here the event lies ahead of them, there behind.
    let local = at[..16].replacen('T', " ", 1);
    assert!(lists(&["--from", &local], "UTC0") && !lists(&["--to", &local], "UTC0"));
    assert!(lists(&["--from", &local], "<+05>-5") && !lists(&["--from", &local], "<-03>3"));
    assert!(events(&["--json"], "<-03>3").contains(&at), "JSON is what the API says");
}
