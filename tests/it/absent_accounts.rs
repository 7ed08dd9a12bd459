//! An account that has left the config: its deliveries are held, people hear of it, and it comes back, is exported or
//! removed.

use super::accounts::TWO;
use super::harness::{Daemon, eventually, request};
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const ONE: &str = "
[delivery]
schedule = [\"20ms\"]
jitter = 0.0
[egress]
allow = [\"127.0.0.0/8\"]
[[account]]
name = \"producao\"
";

pub(crate) fn both() -> String {
    format!("{ONE}[[account]]\nname = \"sandbox\"\nenv = \"sandbox\"\n")
}

pub(crate) fn token(daemon: &Daemon, name: &str) -> String {
    std::fs::read_to_string(daemon.data().join(format!("admin-token-{name}"))).unwrap().trim().to_owned()
}

fn post(daemon: &Daemon, token: &str, path: &str, body: Value) -> Value {
    let json = "Content-Type: application/json\r\n";
    daemon.call_as(token, "POST", path, json, body.to_string().as_bytes()).expect(201).data()
}

fn event(daemon: &Daemon, token: &str, n: u64) {
    let resource = json!({ "payment": { "id": format!("p-{n}"), "note": "x".repeat(20_000) } });
    let event = json!({ "type": "PAYMENT.PAID", "external_id": format!("e-{n}"), "resource": resource });
    post(daemon, token, "/api/events", json!({ "event": event }));
}

fn listed(daemon: &Daemon) -> Value {
    let (code, out, said) = daemon.run(&["account", "list", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn another_account_moves_no_token_file() {
    let mut daemon = Daemon::start("");
    let first = daemon.token.clone();
    let works = |daemon: &Daemon, arguments: &[&str]| {
        let (code, _, said) = daemon.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    };
    works(&daemon, &["webhooks", "list", "--server", &daemon.address]);
    daemon.terminate();
    daemon.configure("[[account]]\nname = \"default\"\n[[account]]\nname = \"loja-b\"\n");
    daemon.spawn();
    assert_eq!(daemon.token, first);
    works(&daemon, &["webhooks", "list", "--server", &daemon.address]);
    works(&daemon, &["webhooks", "list", "--server", &daemon.address, "--account", "loja-b"]);
    // A named account alone has the file that it has beside others.
    daemon.terminate();
    daemon.configure("[[account]]\nname = \"loja-b\"\n");
    daemon.spawn();
    works(&daemon, &["webhooks", "list", "--server", &daemon.address]);
}

#[test]
fn an_account_that_left_the_config_is_held_told_and_comes_back_whole() {
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let mut daemon = Daemon::start(&both().replace("\"20ms\"", "\"300ms\""));
    let (mine, theirs) = (token(&daemon, "producao"), token(&daemon, "sandbox"));
    for token in [&mine, &theirs] {
        let webhook = json!({ "target": receiver.url, "events": ["*"] });
        post(&daemon, token, "/api/webhooks", json!({ "webhook": webhook }));
    }
    event(&daemon, &theirs, 1);
    receiver.await_count(1);
    assert!(daemon.terminate().success());
    let before = receiver.count();
    receiver.now(Reply::Status(200));

    daemon.configure(ONE);
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(0) && said.contains("account `sandbox` that the config doesn't name"), "{said}");
    daemon.spawn();
    let line = daemon.logged("account `sandbox` that the config doesn't name");
    assert!(line.contains("WARN"), "{line}");
    daemon.call_as(&theirs, "GET", "/api/events", "", b"").refused(401, "unauthorized");
    // The other account's deliveries leave, and long after this one's next attempt was due it has made none.
    event(&daemon, &mine, 2);
    receiver.await_count(before + 1);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(receiver.count(), before + 1);
    let metrics = daemon.raw(&request(&mine, "GET", "/metrics", "", b""));
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("carteiro_notifications_pending{state=\"HELD\"} 1"), "{metrics}");
    let page = overview(&daemon, &mine);
    assert!(page.contains("a conta sandbox, que a configuração não cita"), "{page}");
    let reader = json!({ "token": { "name": "leitor", "scopes": ["read"] } });
    let reader = post(&daemon, &mine, "/api/tokens", reader)["token"].as_str().unwrap().to_owned();
    assert!(!overview(&daemon, &reader).contains("sandbox"), "who may not change anything learns of no other account");
    assert_eq!(
        listed(&daemon)[1],
        json!({ "name": "sandbox", "state": "held", "events": 1, "webhooks": 1, "tokens": 1 })
    );

    daemon.terminate();
    daemon.configure(&both());
    daemon.spawn();
    assert!(!daemon.log().rsplit("store open").next().unwrap().contains("doesn't name"), "{}", daemon.log());
    receiver.await_count(before + 2);
    daemon.call_as(&theirs, "GET", "/api/events", "", b"").expect(200);
}

/// The overview in Portuguese, as the owner of this token sees it.
fn overview(daemon: &Daemon, token: &str) -> String {
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = daemon.raw(&request("", "POST", "/sign-in", headers, form.as_bytes())).expect(303);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = daemon.raw(&request("", "GET", "/", &format!("Cookie: {cookie}\r\n"), b"")).expect(200);
    String::from_utf8(page.body).unwrap()
}

/// Fills the account `sandbox` with delivered, retrying and never tried events, and takes it out of the config.
fn left_behind(config: &str) -> (Daemon, String) {
    let receiver = Receiver::ok();
    let mut daemon = Daemon::start(&both());
    let (mine, theirs) = (token(&daemon, "producao"), token(&daemon, "sandbox"));
    event(&daemon, &mine, 0);
    for (target, status) in
        [(&*receiver.url, "ACTIVE"), ("http://127.0.0.1:9/", "ACTIVE"), ("http://127.0.0.1:9/p", "PAUSED")]
    {
        let webhook = json!({ "target": target, "events": ["*"], "status": status });
        post(&daemon, &theirs, "/api/webhooks", json!({ "webhook": webhook }));
    }
    for n in 0..60 {
        event(&daemon, &theirs, n);
    }
    receiver.await_count(60);
    let keyed = json!({ "event": { "type": "A.B", "resource": {} } }).to_string();
    let headers = "Content-Type: application/json\r\nIdempotency-Key: uma-vez\r\n";
    daemon.call_as(&theirs, "POST", "/api/events", headers, keyed.as_bytes()).expect(201);
    let keyed = json!({ "webhook": { "target": "http://127.0.0.1:9/once", "events": ["Z.Z"] } }).to_string();
    daemon.call_as(&theirs, "POST", "/api/webhooks", headers, keyed.as_bytes()).expect(201);
    assert!(daemon.terminate().success());
    daemon.configure(config);
    (daemon, theirs)
}

fn is_gone(daemon: &Daemon) {
    let accounts = listed(daemon);
    let [only] = accounts.as_array().unwrap().as_slice() else { panic!("{accounts}") };
    assert_eq!((&only["name"], &only["events"]), (&json!("producao"), &json!(1)));
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
    // What is left is the other account's: an event whose payload takes chunks, and no webhook.
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.trim().splitn(2, "  ").collect()).collect();
    let count = |kind: &str| rows.iter().find(|row| row.get(1) == Some(&kind)).map_or("0", |row| row[0]);
    for (kind, left) in
        [("event", "1"), ("payload chunk", "2"), ("index by type", "1"), ("event type", "1"), ("token", "1")]
    {
        assert_eq!(count(kind), left, "{kind}: {out}");
    }
    let erased = [
        "webhook",
        "webhook id",
        "notification",
        "attempt",
        "index by webhook",
        "index by state",
        "index by response",
        "due: untried",
        "due: retry",
        "due: manual",
        "order",
        "health",
        "job",
        "idempotency key",
        "idempotency end",
        "own event id",
        "bulk job",
        "erasure",
    ];
    for kind in erased {
        assert_eq!(count(kind), "0", "{kind}: {out}");
    }
    let (code, _, said) = daemon.run(&["account", "remove", "sandbox", "--yes"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the store has no account `sandbox`; it has producao"), "{said}");
}

#[test]
fn an_account_is_exported_and_removed_beside_a_running_daemon() {
    let (mut daemon, _) = left_behind(&both());
    daemon.spawn();
    let (code, _, said) = daemon.run(&["account", "remove", "sandbox", "--yes"]);
    assert!(code == Some(1) && said.contains("the config names account `sandbox`: take its [[account]] out"), "{said}");
    daemon.terminate();
    daemon.configure(ONE);
    daemon.spawn();
    let (code, _, said) = daemon.run(&["account", "remove", "sandbox"]);
    assert!(code == Some(2) && said.contains("give --yes"), "{said}");

    let (code, out, said) = daemon.run(&["account", "export", "sandbox"]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["end"], json!({ "account": "sandbox", "webhooks": 4, "events": 61 }));
    assert_eq!(lines.iter().filter(|line| line.get("webhook").is_some()).count(), 4);
    let first = &lines[4]["event"];
    assert_eq!((&first["external_id"], &first["resource"]["payment"]["id"]), (&json!("e-0"), &json!("p-0")));
    let statuses: Vec<&Value> = first["notifications"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert!(statuses.contains(&&json!("DELIVERED")) && statuses.contains(&&json!("HELD")), "{first}");
    assert!(!out.contains("whsec_"));
    // As `| head` leaves it, and with a full disk.
    let export = |out: std::process::Stdio| {
        let mut command = daemon.command();
        command.args(["account", "export", "sandbox", "--config"]).arg(daemon.config_file());
        let ended =
            command.stdout(out).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    assert_eq!(export(write.into()), (Some(0), String::new()));
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let (code, said) = export(full.into());
        assert!(code == Some(1) && said.contains("nothing can be written to the standard output"), "{said}");
    }

    let (code, out, said) = daemon.run(&["account", "remove", "sandbox", "--yes"]);
    assert_eq!((code, out.as_str()), (Some(0), "sandbox removed\n"), "{said}");
    is_gone(&daemon);
    assert!(!daemon.data().join("admin-token-sandbox").exists());
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(0) && !said.contains("sandbox"), "{said}");
    // Named again it is a new one, and empty.
    daemon.terminate();
    daemon.configure(&both());
    daemon.spawn();
    assert_eq!(listed(&daemon)[1]["events"], 0);
    let new = token(&daemon, "sandbox");
    assert_eq!(daemon.call_as(&new, "GET", "/api/webhooks", "", b"").expect(200).data(), json!([]));
    daemon.terminate();
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
}

#[test]
fn an_account_is_exported_and_removed_where_no_daemon_runs() {
    let (mut daemon, _) = left_behind(ONE);
    assert_eq!(listed(&daemon)[1]["state"], "held");
    let (code, out, said) = daemon.run(&["account", "export", "sandbox"]);
    assert!(code == Some(0) && out.lines().count() == 4 + 61 + 1, "{said}");
    let (code, out, said) = daemon.run(&["account", "remove", "sandbox", "--yes"]);
    assert_eq!((code, out.as_str()), (Some(0), "sandbox removed\n"), "{said}");
    is_gone(&daemon);
    daemon.spawn();
    assert!(!daemon.log().contains("doesn't name"), "{}", daemon.log());
}

#[test]
fn a_kill_in_the_middle_of_a_removal_leaves_a_sound_store_and_the_rest_goes_at_the_next_start() {
    let (mut daemon, theirs) = left_behind(ONE);
    daemon.spawn();
    let config = daemon.config_file();
    let mut removing =
        daemon.command().args(["account", "remove", "sandbox", "--yes", "--config"]).arg(config).spawn().unwrap();
    eventually("the removal begins", || daemon.log().contains("the account is being removed").then_some(()));
    daemon.kill_9();
    removing.wait().unwrap();
    let (code, out, said) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}{said}");
    daemon.spawn();
    daemon.call_as(&theirs, "GET", "/api/events", "", b"").refused(401, "unauthorized");
    eventually("the rest is removed", || (listed(&daemon).as_array().unwrap().len() == 1).then_some(()));
    is_gone(&daemon);
}

#[test]
fn two_accounts_know_nothing_of_one_that_left() {
    let daemon = Daemon::start(TWO);
    assert!(!daemon.log().contains("doesn't name"));
    let (code, out, _) = daemon.run(&["account", "list"]);
    assert!(code == Some(0) && out.contains("producao  in use"), "{out}");
}

/// Nothing else tells before the next start, and from then on its deliveries are held.
#[test]
fn a_restore_names_the_accounts_that_the_config_lacks() {
    let (mut daemon, _) = left_behind(&both());
    daemon.spawn();
    let backup = daemon.data().with_file_name("shop.backup");
    let (code, _, said) = daemon.run(&["backup", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    daemon.terminate();
    let restore = |name: &str| {
        let to = daemon.data().with_file_name(name);
        let (code, out, said) = daemon.run(&["restore", backup.to_str().unwrap(), "--data", to.to_str().unwrap()]);
        assert!(code == Some(0) && out.contains("62 events"), "{out}{said}");
        (to, said)
    };
    assert_eq!(restore("both").1, "", "none is lacking");
    daemon.configure(ONE);
    let (to, said) = restore("one");
    let lines: Vec<&str> = said.lines().collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(line.starts_with("carteiro: the store has an account `sandbox` that the config doesn't name: "), "{said}");
    assert!(line.contains("Name it again ([[account]] name = \"sandbox\")"), "{said}");
    // So does what looks at the config alone.
    let restored = Daemon::at(&to, ONE);
    let (code, _, said) = restored.run(&["check-config"]);
    assert!(code == Some(0) && said.contains("account `sandbox` that the config doesn't name"), "{said}");
    // Without a config it isn't known which accounts there will be.
    let to = daemon.data().with_file_name("none");
    let mut command = daemon.command();
    let without = command.arg("restore").arg(&backup).arg("--data").arg(&to).output().unwrap();
    assert!(without.status.success() && without.stderr.is_empty(), "{without:?}");
}
