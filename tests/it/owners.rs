//! What commands replace, and what they leave behind in a data folder that is not root's.

use super::harness::{Daemon, skipped};
use serde_json::json;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

pub(crate) const NOBODY: u32 = 65534;

/// Every file: its path, owner, mode, and bytes.
pub(crate) fn listing(folder: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::symlink_metadata(&path).unwrap();
            let bytes = if about.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            if about.is_dir() {
                folders.push(path.clone());
            }
            found.push((path, about.uid(), about.mode(), bytes));
        }
    }
    found.sort();
    found
}

/// Gives a folder and all that is in it to another user; an error where this process is not root's.
pub(crate) fn give(folder: &Path, to: u32) -> io::Result<()> {
    chown(folder, Some(to), Some(to))?;
    for (path, ..) in listing(folder) {
        chown(path, Some(to), Some(to)).unwrap();
    }
    Ok(())
}

#[test]
fn looking_at_a_store_offline_writes_nothing_after_a_crash_either() {
    let mut daemon = Daemon::quick();
    daemon.record_with(json!({ "type": "PAYMENT.PAID", "resource": { "n": 1 } }));
    // Not stopped: sled would have something to tidy up.
    daemon.kill_9();
    let before = listing(&daemon.data());
    let (code, said, complaint) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let file = daemon.data().with_file_name("cold.backup");
    let (code, said, complaint) = daemon.run(&["backup", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(before == listing(&daemon.data()), "names, owners, modes and bytes are as they were");
}

#[test]
fn a_backup_replaces_files_alone_follows_links_and_streams() {
    let daemon = Daemon::quick();
    daemon.record("PAYMENT.PAID");
    let at = |name: &str| daemon.data().with_file_name(name);
    let back_up = |to: &Path| daemon.run(&["backup", to.to_str().unwrap()]);
    fs::write(at("real"), "old").unwrap();
    symlink("real", at("link")).unwrap();
    assert_eq!(back_up(&at("link")).0, Some(0));
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink(), "the link stays");
    assert!(fs::read(at("real")).unwrap().starts_with(b"CARTEIRO-BACKUP\n"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    for (to, what) in [(at("socket"), "a socket"), (PathBuf::from("/dev/null"), "a device"), (at(""), "a folder")] {
        let (code, _, complaint) = back_up(&to);
        assert!(code == Some(1) && complaint.contains(what), "{complaint}");
    }
    let streamed = fs::File::create(at("streamed")).unwrap();
    let mut command = daemon.command();
    command.args(["backup", "-", "--config"]).arg(daemon.config_file()).stdout(streamed);
    assert!(command.status().unwrap().success());
    let (code, said, complaint) =
        daemon.run(&["restore", at("streamed").to_str().unwrap(), "--data", at("back").to_str().unwrap()]);
    assert!(code == Some(0) && said.contains("1 event and"), "{said}{complaint}");
}

#[test]
fn root_leaves_nothing_of_its_own_in_another_users_folder() {
    let mut daemon = Daemon::quick();
    daemon.record("PAYMENT.PAID");
    let file = daemon.data().with_file_name("shop.backup");
    assert_eq!(daemon.run(&["backup", file.to_str().unwrap()]).0, Some(0));
    assert!(daemon.terminate().success());
    if give(&daemon.data(), NOBODY).is_err() {
        return skipped("a data folder of another user's", "it needs root");
    }
    let before = listing(&daemon.data());
    // Another user who may not look into the folder: the sentence names the file, its owner and what to do.
    let mut anothers = daemon.command();
    anothers.args(["verify", "--data"]).arg(daemon.data()).uid(NOBODY - 1).gid(NOBODY - 1).current_dir("/");
    fs::set_permissions(daemon.data().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    if let Ok(output) = anothers.output() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let names = said.contains("data belongs to ") && said.contains("sudo -u ") && !said.contains("os error");
        assert!(names && !output.status.success(), "{said}");
    } else {
        skipped("another user's look", "the binary may not be run by others here");
    }
    let (code, _, complaint) = daemon.run(&["serve"]);
    assert!(code == Some(78) && complaint.contains("this process runs as root"), "{code:?} {complaint}");
    assert_eq!(daemon.run(&["verify"]).0, Some(0));
    assert!(before == listing(&daemon.data()));
    let back = daemon.data().with_file_name("back");
    fs::create_dir(&back).unwrap();
    chown(&back, Some(NOBODY), Some(NOBODY)).unwrap();
    let (code, said, complaint) = daemon.run(&["restore", file.to_str().unwrap(), "--data", back.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let restored = listing(&back);
    assert!(restored.iter().all(|(_, uid, ..)| *uid == NOBODY), "what root restores is the folder's owner's");
}

/// `sudo -u carteiro carteiro backup x` in one's own folder ended in "Permission denied", with nothing to do about it.
#[test]
fn who_may_not_write_where_a_file_is_asked_for_is_told_what_to_name() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::quick();
    let at = folder.path().join("shop.backup");
    for arguments in [vec!["man", "--all"], vec!["backup"]] {
        let mut command = daemon.command();
        command.args(&arguments).arg(if arguments.len() == 1 { &at } else { folder.path() }).uid(NOBODY);
        // The config's own folder is root's, and only its owner's: the defaults will do.
        command.env_remove("CARTEIRO_CONFIG").current_dir("/");
        let Ok(output) = command.output() else {
            return skipped("a file that may not be written", "it needs root, and a binary that all may run");
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("may not write there: name a path"), "{said}");
    }
}
