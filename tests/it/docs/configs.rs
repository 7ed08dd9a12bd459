//! Snippets of configuration, ours and Prometheus's.

use super::blocks::english;
use super::commands;
use super::nginx::certificate;
use super::place::{Place, has};
use crate::harness::{Daemon, eventually};
use std::fs;

#[test]
fn every_snippet_of_the_config_is_taken() {
    let place = Place::new();
    let folder = place.path().display().to_string();
    certificate(&place);
    let document = english();
    let mut snippets = document.of("toml");
    snippets.retain(|block| !block.text.contains("[[webhook]]"));
    assert_eq!(snippets.len(), 12);
    fs::write(place.path().join("smtp-password"), "senha\n").unwrap();
    fs::write(place.path().join("telegram-token"), "123456789:AAtoken\n").unwrap();
    for snippet in snippets {
        let text = snippet
            .text
            .replace("/etc/carteiro/tls", &folder)
            .replace("/etc/carteiro/pix.pem", &format!("{folder}/fullchain.pem"))
            .replace("/etc/carteiro/pix.key", &format!("{folder}/privkey.pem"))
            .replace("/etc/carteiro/alerts", &folder)
            .replace("/var/backups/carteiro", &folder);
        place.write("carteiro.toml", &text);
        let said = place.run("carteiro check-config --config carteiro.toml");
        assert!(said.contains("no problems"), "{said}");
    }
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml"), place.path().join("carteiro.toml")).unwrap();
    place.run("carteiro check-config --config carteiro.toml");
}

/// systemd's socket listens in the place of the daemon, and commands find the daemon by the config: both say the same.
#[test]
fn the_socket_and_the_config_name_the_same_address() {
    let document = english();
    let config = document.of("toml").into_iter().find(|block| block.text.contains("tls_cert")).unwrap();
    let listen = config.text.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"');
    let socket = document.of("ini")[0];
    assert_eq!(socket.text, format!("[Socket]\nListenStream=\nListenStream={listen}\n"));
    assert_eq!(document.of("ini").len(), 1);
}

#[test]
fn a_type_of_the_shops_own_is_known() {
    let document = english();
    let snippet = document.of("toml").into_iter().find(|block| block.text.contains("catalogue")).unwrap();
    let daemon = Daemon::start(&snippet.text);
    let place = Place::beside(&daemon);
    place.run("carteiro trigger SHIPMENT.SENT");
    let event = daemon.list("/api/events")[0]["id"].as_str().unwrap().to_owned();
    let recorded = daemon.get(&format!("/api/events/{event}")).expect(200).data();
    assert_eq!(recorded["resource"]["shipment"]["id"], "s-1");
    let types = daemon.list("/api/event_types");
    let sent = types.iter().find(|one| one["type"] == "SHIPMENT.SENT").unwrap();
    assert_eq!(sent["description"]["pt"], "O pedido foi enviado.");
    assert_eq!(sent["description"]["en"], "The order was sent.");
}

#[test]
fn webhooks_are_carried_from_one_machine_to_another() {
    let daemon = Daemon::quick();
    let place = Place::beside(&daemon);
    let document = english();
    let snippet = document.of("toml").into_iter().find(|block| block.text.contains("[[webhook]]")).unwrap();
    place.write("webhooks.toml", &snippet.text);
    place.write("erp-key", "chave\n");
    place.run("WEBHOOK_ERP_AUTHORIZATION='Bearer x' carteiro webhooks apply webhooks.toml");
    assert_eq!(daemon.list("/api/webhooks")[0]["name"], "ERP");
    let [carried] = &*commands::of("webhooks_are_carried_from_one_machine_to_another") else {
        panic!("one block exports and applies");
    };
    let variables = "export WEBHOOK_ERP_AUTHORIZATION='Bearer x' WEBHOOK_ERP_X_SHOP=7 WEBHOOK_ERP_X_KEY=chave";
    let said = place.run(&format!("{variables}\n{carried}"));
    assert_eq!(said.matches("1 unchanged.").count(), 2, "{said}");
}

#[test]
fn an_installed_daemon_is_found_by_its_config() {
    let daemon = Daemon::quick();
    daemon.register("http://127.0.0.1:9/", &["ORDER.PAID"]);
    let place = Place::beside(&daemon).without_root();
    let blocks = commands::of("an_installed_daemon_is_found_by_its_config").concat();
    let said = place.run(&blocks.replace("/etc/carteiro/carteiro.toml", "$CARTEIRO_CONFIG"));
    assert!(said.contains("no problems") && said.contains("systemctl reload") && said.contains("ORDER.PAID"), "{said}");
    eventually("it is reloaded", || daemon.log().contains("config reloaded").then_some(()));
}

#[test]
fn prometheus_is_let_in_and_its_config_is_good() {
    let daemon = Daemon::quick();
    let place = Place::beside(&daemon);
    let [create] = &*commands::of("prometheus_is_let_in_and_its_config_is_good") else {
        panic!("one block makes its token");
    };
    let token = place.run(create);
    let metrics = daemon.call_as(token.trim(), "GET", "/metrics", "", b"").expect(200);
    assert!(String::from_utf8(metrics.body).unwrap().contains("carteiro_events "));
    if has(&["promtool"], "Prometheus's config in the documents") {
        place.write("prometheus.yml", &english().of("yaml")[0].text);
        place.run("promtool check config --syntax-only prometheus.yml");
    }
}
