//! The backup routine: made, tried, gone back to.

use super::commands;
use super::harness::Daemon;
use super::place::{Place, has};
use std::fs;

#[test]
fn a_backup_is_made_tried_and_gone_back_to() {
    if !has(&["bash", "install", "find"], "the backup routine of the README") {
        return;
    }
    let mut daemon = Daemon::quick();
    let event = daemon.record("PAYMENT.PAID");
    let place = Place::beside(&daemon);
    let [by_hand, by_night, back] = &*commands::of("a_backup_is_made_tried_and_gone_back_to") else {
        panic!("this test knows three blocks");
    };
    let said = place.run(by_hand);
    assert_eq!(said.matches("every row is as it was written").count(), 2, "{said}");

    place.write("carteiro-backup", by_night);
    fs::create_dir(place.path().join("backups")).unwrap();
    let said = place.run("bash carteiro-backup backups \"$CARTEIRO_CONFIG\"");
    assert!(said.contains("every row is as it was written"), "{said}");
    let written: Vec<_> =
        fs::read_dir(place.path().join("backups")).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &*written else {
        panic!("one file is left behind: {written:?}");
    };

    daemon.record("PAYMENT.SETTLED");
    daemon.terminate();
    // There is no other user here, and nothing to stop.
    let folder = daemon.data().display().to_string();
    let back = back
        .replace("/var/backups/carteiro/carteiro-2026-11-25.backup", &file.display().to_string())
        .replace("/var/lib/carteiro", &folder)
        .replace(" -o carteiro -g carteiro", "");
    let steered = "systemctl() { echo \"systemctl $1\"; }\nsudo() { if [ \"$1\" = -u ]; then shift 2; fi; \"$@\"; }\n";
    let said = place.run(&format!("{steered}{back}"));
    assert!(said.contains("systemctl stop") && said.contains("systemctl start"), "{said}");
    let token = daemon.token.clone();
    daemon.spawn();
    assert_eq!(daemon.token, token);
    let events = daemon.list("/api/events");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["id"], event);
}
