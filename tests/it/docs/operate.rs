//! Everyday tasks, and a certificate's way from certbot's folder.

use super::blocks::english;
use super::commands;
use super::nginx::certificate;
use super::place::{Place, has};
use crate::harness::{Daemon, QUICK, eventually, retrying_after};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// What the documents print for the package, for a daemon that runs elsewhere and as ourselves.
fn moved(text: &str, daemon: &Daemon) -> String {
    text.replace(" -o carteiro -g carteiro", "")
        .replace("chown -R carteiro:carteiro", "chown -R \"$(id -u):$(id -g)\"")
        .replace("/var/lib/carteiro", &daemon.data().display().to_string())
        .replace("/etc/carteiro/carteiro.toml", &daemon.config_file().display().to_string())
}

#[test]
fn everyday_tasks_are_done_as_printed() {
    if !has(&["bash"], "the everyday tasks of the documents") {
        return;
    }
    let daemon = Daemon::start(&QUICK.replace("[delivery]", "[delivery]\nmax_attempts = 1"));
    let webhook = daemon.register("http://127.0.0.1:9/", &["*"]);
    let place = Place::beside(&daemon).without_root().with("WEBHOOK_ID", &webhook);
    let [link, erase, pause, again] = &*commands::of("everyday_tasks_are_done_as_printed") else {
        panic!("this test knows four blocks");
    };
    assert!(place.run(link).contains("/sign-in/link#"));

    place.run("carteiro trigger PAYMENT.PAID");
    let event = daemon.list("/api/events")[0]["id"].as_str().unwrap().to_owned();
    daemon.await_status(&event, "FAILED");
    let said = place.run(again);
    assert!(said.contains("pedido-1042") && said.contains("re-sent  1"), "{said}");
    eventually("it is sent again", || daemon.history(&event)[0]["attempts"].get(1).cloned());

    let (pause, resume) = pause.split_once('\n').unwrap();
    place.run(pause);
    assert_eq!(daemon.list("/api/webhooks")[0]["status"], "PAUSED");
    place.run(resume);
    assert_eq!(daemon.list("/api/webhooks")[0]["status"], "ACTIVE");

    // It asks, and there is no terminal here to ask at.
    let said = place.run(&erase.replace("events erase", "events erase --yes"));
    assert!(said.contains("key pedido-1042: 1 event,") && said.contains("DONE"), "{said}");
    assert!(daemon.get(&format!("/api/events/{event}")).expect(200).data()["resource"].is_null());
}

#[test]
fn a_lost_admin_token_is_replaced() {
    if !has(&["bash", "install"], "the replacement of a lost token in the documents") {
        return;
    }
    let daemon = Daemon::quick();
    daemon.register("http://127.0.0.1:9/", &["ORDER.PAID"]);
    fs::remove_file(daemon.data().join("admin-token")).unwrap();
    let place = Place::beside(&daemon).without_root();
    let [make] = &*commands::of("a_lost_admin_token_is_replaced") else {
        panic!("one block makes the new token, and writes it");
    };
    let said = place.run(&format!("{}carteiro webhooks list", moved(make, &daemon)));
    assert!(said.contains("ORDER.PAID") && !said.contains("ctr_"), "{said}");
}

/// What was pending on the old machine is on the new one, and the old token is the one that is good there.
#[test]
fn a_new_machine_takes_over() {
    if !has(&["bash", "chown", "id"], "a new machine in the documents") {
        return;
    }
    let config = retrying_after("1h");
    let (mut old, mut new) = (Daemon::start(&config), Daemon::start(&config));
    old.register("http://127.0.0.1:9/", &["*"]);
    let event = old.record("PAYMENT.PAID");
    old.await_status(&event, "RETRYING");
    let [leave, arrive] = &*commands::of("a_new_machine_takes_over") else {
        panic!("one block for each machine");
    };
    old.terminate();
    new.terminate();
    let place = Place::beside(&old).without_root();
    place.run(&moved(leave, &old));
    fs::copy(old.data().join("move.backup"), place.path().join("move.backup")).unwrap();
    fs::copy(old.data().join("admin-token"), place.path().join("admin-token")).unwrap();
    fs::copy(new.config_file(), place.path().join("carteiro.toml")).unwrap();
    let (arrive, look) = arrive.trim_end().rsplit_once('\n').unwrap();
    let said = place.run(&moved(arrive, &new));
    assert!(said.contains("systemctl stop") && said.contains("systemctl start"), "{said}");
    new.spawn();
    assert_eq!(new.token, old.token);
    assert!(Place::beside(&new).without_root().run(look).contains("127.0.0.1:9"));
    assert_eq!(new.list("/api/events")[0]["id"], event);
    new.await_status(&event, "RETRYING");
    assert!(new.data().with_extension("empty").is_dir(), "the new machine's own data is put aside");
}

#[test]
fn a_sandbox_has_an_account_of_its_own() {
    if !has(&["bash"], "a sandbox in the documents") {
        return;
    }
    let document = english();
    let snippet = document.of("toml").into_iter().find(|block| block.text.contains("\"sandbox\"")).unwrap();
    let daemon = Daemon::start(&snippet.text);
    daemon.register("https://loja.example/", &["*"]);
    let place = Place::beside(&daemon).without_root();
    let [look] = &*commands::of("a_sandbox_has_an_account_of_its_own") else {
        panic!("one block looks at the sandbox");
    };
    let said = place.run(look);
    assert!(said.contains("no problems") && !said.contains("loja.example"), "{said}");
    place.run("carteiro trigger PAYMENT.PAID --account sandbox");
    assert!(daemon.list("/api/events").is_empty(), "the sandbox's events are its own");
}

#[test]
fn the_hook_of_certbot_brings_a_certificate() {
    if !has(&["bash", "install"], "certbot's hook of the documents") {
        return;
    }
    let daemon = Daemon::quick();
    let place = Place::beside(&daemon).without_root();
    certificate(&place);
    let [hook] = &*commands::of("the_hook_of_certbot_brings_a_certificate") else {
        panic!("one block is the hook");
    };
    let (here, tls) = (place.path().display().to_string(), place.path().join("tls"));
    let hook = hook
        .replace(" -o root -g carteiro", "")
        .replace("/etc/letsencrypt/live/carteiro.loja.example", &here)
        .replace("/etc/carteiro/tls", &tls.display().to_string());
    place.write("hook", &hook);
    let said = place.run("RENEWED_LINEAGE=/etc/letsencrypt/live/another.example sh hook");
    assert!(said.is_empty() && !tls.exists(), "another name's certificate is none of ours: {said}");
    let said = place.run(&format!("RENEWED_LINEAGE={here} sh hook"));
    assert!(said.contains("systemctl reload carteiro"), "{said}");
    eventually("it is reloaded", || daemon.log().contains("config reloaded").then_some(()));
    for file in ["fullchain.pem", "privkey.pem"] {
        assert_eq!(fs::read(tls.join(file)).unwrap(), fs::read(place.path().join(file)).unwrap());
        assert_eq!(fs::metadata(tls.join(file)).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
