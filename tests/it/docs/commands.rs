//! Every command that the documents print, and what becomes of it here: none is skipped without a word.

use super::blocks::english;
use super::place::Place;
use crate::harness::Daemon;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What becomes of a block of commands.
pub(crate) enum How {
    /// The test of this name runs it.
    By(&'static str),
    /// It isn't run, because.
    Not(&'static str),
}

use How::{By, Not};

const SYSTEMD: &str = "it installs or steers a service; tests/it/systemd.rs does the same in a booted Debian";
const NETWORK: &str = "it fetches from a registry; .ci/run has done so before the tests";

const RELEASE: &str = "it needs the files of a release; CONTRIBUTING.md has it done by hand before each";
const ELSEWHERE: &str = "it needs another machine, or a name that the world knows";

/// The blocks in the order of the documents, by their first lines. They are the same in both languages.
pub(crate) const COMMANDS: &[(&str, How)] = &[
    // README.md
    ("tar -xzf carteiro-0.1.0-x86_64-linux-musl.tar.gz", Not(RELEASE)),
    ("sudo apt update && sudo apt install ./carteiro_0.1.0-1_amd64.deb", Not(RELEASE)),
    ("docker load -i carteiro-0.1.0-oci.tar", Not(RELEASE)),
    ("./carteiro demo", By("the_demo_shows_attempts_and_cleans_up")),
    ("CARTEIRO_EGRESS__ALLOW=127.0.0.0/8 ./carteiro serve", By("a_first_webhook_of_ones_own")),
    ("./carteiro listen --port 9000 --authorization token-da-loja", By("a_first_webhook_of_ones_own")),
    (
        "./carteiro webhooks create --target http://127.0.0.1:9000/ --events '*' --authorization token-da-loja",
        By("a_first_webhook_of_ones_own"),
    ),
    ("curl -X POST http://127.0.0.1:8080/api/events \\", By("a_first_webhook_of_ones_own")),
    ("cargo run -- demo", Not("cargo has built what is tested here, in its own profile, and runs this")),
    // install.md
    ("sha256sum --ignore-missing -c SHA256SUMS", Not(RELEASE)),
    ("sudo apt update && sudo apt install ./carteiro_0.1.0-1_amd64.deb", Not(RELEASE)),
    ("sudo install -d -o carteiro -g carteiro -m 700 /var/lib/carteiro", Not(RELEASE)),
    ("sudo carteiro reload", Not("a_first_webhook_of_ones_own does the same in an unpacked folder")),
    (
        "sudo carteiro webhooks create --target http://127.0.0.1:9000/ --events '*' --authorization token-da-loja",
        Not("a_first_webhook_of_ones_own does the same in an unpacked folder"),
    ),
    (
        "sudo carteiro check-config --config /etc/carteiro/carteiro.toml",
        By("an_installed_daemon_is_found_by_its_config"),
    ),
    ("sudo carteiro webhooks list", By("an_installed_daemon_is_found_by_its_config")),
    ("sudo systemctl stop carteiro.socket carteiro.service", Not(SYSTEMD)),
    ("tar -xzf carteiro-0.1.0-x86_64-linux-musl.tar.gz", Not(RELEASE)),
    ("docker load -i carteiro-0.1.0-oci.tar", Not(RELEASE)),
    // operate.md
    ("ssh -N -L 8080:127.0.0.1:8080 ana@servidor.loja.example", Not(ELSEWHERE)),
    ("sudo carteiro panel-link", By("everyday_tasks_are_done_as_printed")),
    ("sudo carteiro token create --name rescue --scope admin |", By("a_lost_admin_token_is_replaced")),
    ("sudo systemctl disable --now carteiro.socket carteiro.service", By("a_new_machine_takes_over")),
    ("sudo systemctl stop carteiro.socket carteiro.service", By("a_new_machine_takes_over")),
    ("sudo rm -rf /var/lib/carteiro.empty move.backup admin-token*", Not(SYSTEMD)),
    ("sudo carteiro check-config", By("a_sandbox_has_an_account_of_its_own")),
    ("sudo carteiro events erase --query pedido-1042 --dry-run", By("everyday_tasks_are_done_as_printed")),
    ("sudo carteiro webhooks pause \"$WEBHOOK_ID\"", By("everyday_tasks_are_done_as_printed")),
    (
        "sudo carteiro notifications list --status FAILED --from \"2 days ago\"",
        By("everyday_tasks_are_done_as_printed"),
    ),
    // events.md
    ("export TOKEN=$(cat carteiro-data/admin-token)", By("the_guides_calls_work_as_printed")),
    ("curl -X POST http://127.0.0.1:8080/api/webhooks \\", By("the_guides_calls_work_as_printed")),
    ("curl -X POST http://127.0.0.1:8080/api/events \\", By("the_guides_calls_work_as_printed")),
    (
        "export EVENT_ID=$(curl -s -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/events?q=p-1' | sed \
         's/.*\"data\":\\[{\"id\":\"//; s/\".*//')",
        By("the_guides_calls_work_as_printed"),
    ),
    // receivers.md
    (
        "export SECRET=$(carteiro webhooks create --target http://127.0.0.1:9000/ --events '*' --authorization \
         token-da-loja | sed -n 's/^secret *//p')",
        By("the_secret_is_kept_for_the_receiver"),
    ),
    ("sudo apt install python3-venv", Not(NETWORK)),
    (
        "export INBOX=inbox.db WEBHOOK_AUTHORIZATION=token-da-loja WEBHOOK_SECRET=$SECRET",
        By("the_receiver_in_python_is_good"),
    ),
    ("npm install standardwebhooks", Not(NETWORK)),
    (INBOX, By("the_receiver_in_node_is_good")),
    ("sudo apt install php-cli php-sqlite3", Not(NETWORK)),
    (
        "export INBOX=$PWD/inbox.db WEBHOOK_AUTHORIZATION=token-da-loja WEBHOOK_SECRET=$SECRET",
        By("the_receiver_in_php_is_good"),
    ),
    ("export INBOX=$PWD/inbox.db", By("the_receiver_in_php_is_good")),
    (INBOX, By("the_receiver_in_go_is_good")),
    (INBOX, By("the_receiver_in_java_is_good")),
    // outbox.md
    (WORKER, By("triggers_fill_the_outbox_and_the_worker_empties_it")),
    (WORKER, By("the_outbox_loses_nothing_and_delivers_nothing_twice")),
    // network.md
    ("sudo apt install nginx certbot python3-certbot-nginx", Not(ELSEWHERE)),
    ("sudo nginx -t", Not("nginx_stands_in_front starts nginx with this config")),
    ("#!/bin/sh", By("the_hook_of_certbot_brings_a_certificate")),
    ("sudo apt install certbot", Not(ELSEWHERE)),
    ("sudo carteiro check-config", Not(SYSTEMD)),
    // backups.md
    ("carteiro verify", By("a_backup_is_made_tried_and_gone_back_to")),
    ("#!/bin/bash", By("a_backup_is_made_tried_and_gone_back_to")),
    (
        "sudo install -d -o carteiro -g carteiro -m 700 /var/backups/carteiro",
        By("a_backup_is_made_tried_and_gone_back_to"),
    ),
    ("sudo apt install restic", Not(ELSEWHERE)),
    ("sudo systemctl stop carteiro.socket carteiro.service", By("a_backup_is_made_tried_and_gone_back_to")),
    ("sudo rm -rf /var/lib/carteiro.old", By("a_backup_is_made_tried_and_gone_back_to")),
    // The others.
    ("carteiro --version", Not(SYSTEMD)),
    ("carteiro token create --name prometheus --scope metrics", By("prometheus_is_let_in_and_its_config_is_good")),
    ("carteiro alerts list", Not("tests/it/telling.rs lists alerts, mutes and unmutes them")),
    ("carteiro webhooks export > webhooks.toml", By("webhooks_are_carried_from_one_machine_to_another")),
    (".ci/release deb", Not(RELEASE)),
    ("CRASH_ROUNDS=1000 cargo test crash", Not("hours of tests and benches; what they name is looked for instead")),
];

const INBOX: &str = "export INBOX=inbox WEBHOOK_AUTHORIZATION=token-da-loja WEBHOOK_SECRET=$SECRET";
const WORKER: &str = "export CARTEIRO_TOKEN=$(carteiro token create --name shop --scope ingest)";

/// The blocks that a test runs, in order.
pub(crate) fn of(test: &str) -> Vec<String> {
    let blocks = english().blocks.into_iter().filter(|block| matches!(block.language.as_str(), "sh" | "bash"));
    let mine = blocks.zip(COMMANDS).filter(|(_, (_, how))| matches!(how, By(name) if *name == test));
    let mine: Vec<String> = mine.map(|(block, _)| block.text).collect();
    assert!(!mine.is_empty(), "{test} runs no block");
    mine
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/docs");
    let tests: String =
        fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let document = english();
    let blocks = document.blocks.iter().filter(|block| matches!(block.language.as_str(), "sh" | "bash"));
    let printed: Vec<&str> = blocks.map(super::blocks::Block::first_line).collect();
    assert_eq!(printed, COMMANDS.iter().map(|(first, _)| *first).collect::<Vec<_>>());
    for (first, how) in COMMANDS {
        match how {
            By(test) => assert!(tests.contains(&format!("#[test]\nfn {test}()")), "no test {test} runs {first:?}"),
            Not(because) => assert!(because.len() > 20, "{first:?}"),
        }
    }
}

/// Languages of blocks that are no commands, and the tests that look at them.
#[test]
fn every_other_block_is_of_a_language_that_is_looked_at() {
    for block in english().blocks {
        let known = ["sh", "bash", "text", "toml", "json", "yaml", "nginx", "ini", "python", "js"];
        assert!(known.contains(&block.language.as_str()), "nothing looks at {:?}", block.language);
    }
}

/// Commands inside sentences; `ID` stands for the event's or the notification's, `TYPE` for a type.
const INSIDE: &[(&str, How)] = &[
    ("apply FILE --dry-run", Not(LISTED)),
    ("backfill ID --from 7d", Not(LISTED)),
    ("apt purge", Not(SYSTEMD)),
    ("apt remove", Not(SYSTEMD)),
    ("carteiro --version", Not("it says one line; of the commit, only in a release")),
    ("carteiro account", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro account export NAME", Not(ACCOUNTS)),
    ("carteiro account remove NAME", Not(ACCOUNTS)),
    ("carteiro alerts", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro alerts test", Not("it needs channels; tests/it/alerts.rs runs it against some on loopback")),
    ("carteiro audit", By("")),
    ("carteiro backup", Not("it names a command whose arguments stand in a block")),
    ("carteiro check-config", By("")),
    ("carteiro completions bash", By("")),
    ("carteiro config", By("")),
    ("carteiro demo --port 8080", Not("it doesn't end; first.rs runs it at a port that is free")),
    ("carteiro doctor", Not("it judges the machine that it runs on; tests/it/cli/doctor.rs runs it")),
    ("carteiro events", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro events explain ID", By("")),
    ("carteiro health", Not("says one word")),
    ("carteiro listen", Not("it doesn't end; a_first_webhook_of_ones_own runs it")),
    ("carteiro listen --public-key KEY", Not("it doesn't end; tests/it/signatures.rs runs it")),
    ("carteiro man webhooks create", By("")),
    ("carteiro notifications", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro notifications show ID", By("")),
    ("carteiro panel-link", By("")),
    ("carteiro reload", Not("an_installed_daemon_is_found_by_its_config runs it, as the unit does")),
    ("carteiro restore FILE --journal FOLDER", Not("tests/it/journals.rs runs it on what is left of a lost store")),
    ("carteiro serve", Not("it doesn't end; a_first_webhook_of_ones_own runs it")),
    ("carteiro serve --accept-data-loss", Not("tests/it/keeping.rs starts damaged stores with it")),
    ("carteiro tail", Not("it doesn't end; tests/it/cli_following.rs runs it")),
    ("carteiro token", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro token create", Not("a_lost_admin_token_is_replaced runs it, from a block")),
    ("carteiro token create --name erp --scope ingest --expires 90d", By("")),
    ("carteiro token list", By("")),
    ("carteiro token revoke", Not("it needs an id; tests/it/cli revokes tokens")),
    ("carteiro trigger SHIPMENT.SENT", Not("it needs a config; a_type_of_the_shops_own_is_known runs it")),
    ("carteiro trigger TYPE", By("")),
    ("carteiro verify", Not("it looks at a store that is damaged; tests/it/keeping.rs runs it")),
    ("carteiro webhooks", Not("it names a command with commands of its own; tables.rs asks for its help")),
    ("carteiro webhooks apply", Not("it names a command whose arguments stand in a block")),
    ("carteiro webhooks export", Not("it names a command whose arguments stand in a block")),
    ("carteiro webhooks rotate-key", Not("it needs an id; tests/it/signatures.rs runs it")),
    ("cargo bench --bench end_to_end", Not("see what_is_said_of_cargo_exists")),
    ("cargo bench --bench growth -- --full", Not("see what_is_said_of_cargo_exists")),
    ("cargo bench --bench growth -- --full --svg benches/growth.svg", Not("see what_is_said_of_cargo_exists")),
    ("cargo bench --bench parts", Not("see what_is_said_of_cargo_exists")),
    ("cargo build", Not("cargo has built what is tested here, in its own profile")),
    ("cargo deny check", Not("it fetches the newest advisories; a person runs it before a release")),
    ("cargo test", Not("it is what runs this, and would run itself")),
    ("create --target URL --events 'PAYMENT.*'", Not(LISTED)),
    ("create --type T --resource FILE", Not(LISTED)),
    ("docker exec carteiro carteiro token create --name me --scope admin", Not(RELEASE)),
    ("erase --query KEY", Not(LISTED)),
    ("erase --query KEY --dry-run", Not(LISTED)),
    ("erase ID", Not(LISTED)),
    ("export NAME", Not(LISTED)),
    (
        "export TOKEN=$(sudo cat /var/lib/carteiro/admin-token)",
        Not("a_lost_admin_token_is_replaced writes that file, and has it read"),
    ),
    ("git archive", Not("it names what a host of git does for each tag")),
    ("journalctl -u carteiro", Not("it needs a system's journal; tests/it/systemd/machine.rs reads it so")),
    ("kill -9", Not("tests/it/crash.rs does so in every phase")),
    ("lintian target/release-files/*.deb", Not(RELEASE)),
    ("list --query 11249", Not(LISTED)),
    ("man carteiro-webhooks-create", Not("it needs the installed package; tests/it/cli.rs writes all pages")),
    ("php -S", Not("it is short for what the_receiver_in_php_is_good runs")),
    ("promtool test rules", Not("tests/it/monitoring.rs runs it")),
    ("remove NAME", Not(LISTED)),
    ("request ID", Not(LISTED)),
    ("request ID --curl", Not(LISTED)),
    ("resend --all --include-delivered", Not(LISTED)),
    ("resend --response-status 5xx …", Not(LISTED)),
    ("resend --status FAILED …", Not(LISTED)),
    ("resend ID", Not(LISTED)),
    ("resend ID --webhook ID", Not(LISTED)),
    ("restic restore latest --target /srv/move", Not(ELSEWHERE)),
    ("resolvectl query NAME", Not("it asks the machine's resolver, and tests leave the machine alone")),
    ("sha256sum --ignore-missing -c SHA256SUMS", Not(RELEASE)),
    ("sudo carteiro", Not("it stands for the beginning of the commands in a block")),
    ("sudo carteiro doctor", Not("it judges the machine that it runs on; tests/it/cli/doctor.rs runs it")),
    ("sudo carteiro panel-link", Not("everyday_tasks_are_done_as_printed runs it, from a block")),
    ("sudo carteiro token list", Not("it is run without sudo")),
    ("sudo carteiro webhooks list", Not("an_installed_daemon_is_found_by_its_config runs it, from a block")),
    ("sudo systemctl edit carteiro.socket", Not("it opens an editor")),
    ("sudo systemctl start carteiro.service", Not(SYSTEMD)),
    ("systemctl edit", Not("it opens an editor")),
    ("systemctl restart carteiro", Not(SYSTEMD)),
    ("systemd-analyze security", Not("tests/it/systemd.rs runs it, and holds the unit to the rating")),
    ("mute KEY", Not(LISTED)),
    ("test --channel email", Not(LISTED)),
    ("unmute KEY", Not(LISTED)),
    ("timedatectl", Not("it needs a booted system; systemd's own, without an argument")),
];

const ACCOUNTS: &str = "tests/it/absent_accounts.rs runs it";
const LISTED: &str = "it stands in the table of commands, which tables.rs holds to their help";

/// Whether it is to be typed: several words of which the first could be a program's name, or one of those that need no
/// second.
fn is_command(span: &str) -> bool {
    let named = |word: &str| {
        word.starts_with(|one: char| one.is_ascii_lowercase())
            && word.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-')
    };
    // `allow = […]` is a setting.
    span == "timedatectl" || span.split_once(' ').is_some_and(|(first, rest)| named(first) && !rest.starts_with("= "))
}

#[test]
fn every_command_inside_a_sentence_is_run_or_says_why_not() {
    let document = english();
    let printed: BTreeSet<&str> = document.spans().into_iter().filter(|span| is_command(span)).collect();
    let known: BTreeSet<&str> = INSIDE.iter().map(|(command, _)| *command).collect();
    assert_eq!(printed, known);
    let daemon = Daemon::quick();
    daemon.register("http://127.0.0.1:9/", &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    let notification = daemon.history(&event)[0]["id"].as_str().unwrap().to_owned();
    let place = Place::beside(&daemon);
    for (command, how) in INSIDE {
        if matches!(how, By(_)) {
            let id = if command.contains("notifications") { &notification } else { &event };
            let said = place.run(&command.replace(" ID", &format!(" {id}")).replace(" TYPE", " PAYMENT.PAID"));
            assert!(said.len() > 20, "{command}: {said}");
        }
    }
    assert!(place.run("carteiro token list").contains("erp"));
}

/// What `cargo` is told to run is there: benches with their sections and flags, tests with their variables.
#[test]
fn what_is_said_of_cargo_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let document = english();
    let blocks: Vec<&str> = document.of("sh").iter().flat_map(|block| block.text.lines()).collect();
    let mut seen = 0;
    for line in document.spans().into_iter().chain(blocks) {
        let Some((before, command)) = line.split_once("cargo ").filter(|(_, command)| !command.contains('`')) else {
            continue;
        };
        let words: Vec<&str> = command.split(' ').collect();
        if let ["bench", "--bench", bench, ..] = *words {
            assert!(manifest.contains(&format!("[[bench]]\nname = \"{bench}\"")), "no bench {bench}");
            let code = fs::read_to_string(root.join(format!("benches/{bench}.rs"))).unwrap();
            for word in words.iter().skip(4).filter(|word| !word.contains('/')) {
                assert!(
                    code.contains(&format!("`{word}`")) || code.contains(&format!("`{word} ")),
                    "{bench} has no {word}"
                );
            }
            seen += 1;
        } else if let ["test", module] = *words {
            let folders = ["tests/it", "src/delivery"];
            let files = folders.iter().flat_map(|at| [format!("{at}/{module}.rs"), format!("{at}/{module}/mod.rs")]);
            let code = files.into_iter().find_map(|file| fs::read_to_string(root.join(file)).ok()).unwrap();
            let variable = before.split('=').next().unwrap();
            assert!(!variable.is_empty() && code.contains(&format!("\"{variable}\"")), "{module} has no {variable}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}
