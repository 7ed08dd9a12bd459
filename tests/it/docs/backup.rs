//! The backup routine: made, tried, gone back to.

use super::commands;
use super::place::{Place, has};
use crate::harness::Daemon;
use std::fs;

#[test]
fn a_backup_is_made_tried_and_gone_back_to() {
    if !has(&["bash", "install", "find"], "the backup routine of the documents") {
        return;
    }
    let mut daemon = Daemon::quick();
    let event = daemon.record("PAYMENT.PAID");
    let place = Place::beside(&daemon).without_root();
    let [by_hand, by_night, installed, back, clean] = &*commands::of("a_backup_is_made_tried_and_gone_back_to") else {
        panic!("this test knows five blocks");
    };
    let said = place.run(by_hand);
    assert_eq!(said.matches("every row is as it was written").count(), 2, "{said}");
    assert!(!place.path().join("restored-data").exists(), "no copy of customers' data is left behind");

    place.write("carteiro-backup", by_night);
    // There is no other user here, and only one folder is ours.
    let (here, data) = (place.path().display().to_string(), daemon.data().display().to_string());
    let config = daemon.config_file().display().to_string();
    let moved = |text: &str| {
        let text = text.replace(" -o carteiro -g carteiro", "").replace("/var/lib/carteiro", &data);
        let text = text.replace("/etc/carteiro/carteiro.toml", &config);
        ["/var/backups/carteiro", "/usr/local/sbin", "/etc/cron.d"]
            .into_iter()
            .fold(text, |text, folder| text.replace(folder, &format!("{here}/{}", folder.rsplit('/').next().unwrap())))
    };
    for folder in ["sbin", "cron.d"] {
        fs::create_dir(place.path().join(folder)).unwrap();
    }
    place.run(&moved(installed));
    let crontab = fs::read_to_string(place.path().join("cron.d/carteiro")).unwrap();
    let command = crontab.trim().strip_prefix("30 3 * * * carteiro ").unwrap();
    // From a folder that its user can't go back to, as root's is for carteiro: `find` would fail.
    let nowhere = "mkdir gone; cd gone; rmdir ../gone";
    let said = place.run(&format!("{nowhere}\n{command} {here}/carteiro \"$CARTEIRO_CONFIG\" 2>&1"));
    let said: Vec<&str> = said.lines().filter(|line| !line.contains("getcwd")).collect();
    assert!(said.is_empty(), "cron mails what is said: {said:?}");
    let written: Vec<_> =
        fs::read_dir(place.path().join("carteiro")).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &*written else {
        panic!("one file is left behind: {written:?}");
    };

    daemon.record("PAYMENT.SETTLED");
    daemon.terminate();
    let back = back.replace("/var/backups/carteiro/carteiro-2026-11-25.backup", &file.display().to_string());
    let said = place.run(&moved(&back));
    assert!(said.contains("systemctl stop") && said.contains("systemctl start"), "{said}");
    let token = daemon.token.clone();
    daemon.spawn();
    assert_eq!(daemon.token, token);
    assert!(daemon.data().with_extension("old").is_dir());
    place.run(&moved(clean));
    assert!(!daemon.data().with_extension("old").exists(), "nor of the old store");
    let events = daemon.list("/api/events");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["id"], event);
}
