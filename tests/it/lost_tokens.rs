//! The way back in when the access tokens are lost: a user with access to the data folder creates a new one without
//! any.

use super::harness::{Daemon, skipped};
use super::owners::{NOBODY, give, listing};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;

const RESCUE: [&str; 6] = ["token", "create", "--name", "rescue", "--scope", "admin"];
const TWO: &str = "[[account]]\nname = \"default\"\n[[account]]\nname = \"loja-b\"\n";

/// The text of a token that a command made, which is all that it prints.
#[track_caller]
fn token((code, said, complaint): (Option<i32>, String, String)) -> String {
    assert_eq!(code, Some(0), "{said}{complaint}");
    let token = said.trim_end().to_owned();
    assert!(token.starts_with("ctr_") && !token.contains(char::is_whitespace), "{said}");
    assert!(!complaint.contains(&token), "the text goes to the standard output alone: {complaint}");
    token
}

#[track_caller]
fn holds(daemon: &Daemon, token: &str) {
    daemon.call_as(token, "GET", "/api/tokens", "", b"").expect(200);
}

#[test]
fn a_lost_token_is_replaced_beside_the_daemon_and_without_it() {
    let mut daemon = Daemon::quick();
    fs::remove_file(daemon.data().join("admin-token")).unwrap();
    // The refusals name the way.
    let lost = daemon.call_as("ctr_lost", "GET", "/api/tokens", "", b"");
    lost.refused(401, "unauthorized");
    let detail = lost.json()["errors"]["detail"].to_string();
    assert!(detail.contains("sudo carteiro token create --name rescue --scope admin"), "{detail}");
    let (code, _, complaint) = daemon.run(&["webhooks", "list", "--token", "ctr_lost", "--server", &daemon.address]);
    assert!(
        code == Some(1) && complaint.matches("sudo carteiro token create --name rescue").count() == 1,
        "{complaint}"
    );

    let (code, _, complaint) = daemon.run(&["webhooks", "list", "--server", &daemon.address]);
    assert!(code == Some(78) && complaint.contains("sudo carteiro token create --name rescue"), "{complaint}");

    let online = token(daemon.run(&RESCUE));
    holds(&daemon, &online);
    let line = daemon.logged("by a user with access to the data folder");
    assert!(line.contains("WARN") && line.contains("rescue") && line.contains("default"), "{line}");
    assert!(!daemon.log().contains(&online), "the log has no token");
    let (code, made, _) = daemon.run(&[&RESCUE[..], &["--expires", "90d", "--json"]].concat());
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((code, &made["name"], &made["scopes"][0]), (Some(0), &"rescue".into(), &"admin".into()));
    assert!(made["expires_at"].is_string() && made["id"].is_string(), "{made}");
    holds(&daemon, made["token"].as_str().unwrap());

    assert!(daemon.terminate().success());
    let (code, made, complaint) = daemon.run(&RESCUE);
    assert!(complaint.contains("no daemon runs on"), "{complaint}");
    let offline = token((code, made, complaint));
    daemon.spawn();
    for token in [&online, &offline] {
        holds(&daemon, token);
    }
    // A crash right after it was printed takes nothing back.
    daemon.kill_9();
    let (code, made, _) = daemon.run(&RESCUE);
    assert_eq!(code, Some(0));
    daemon.spawn();
    holds(&daemon, made.trim());
}

#[test]
fn what_cant_be_meant_makes_no_token() {
    let mut daemon = Daemon::start(TWO);
    let refused = |daemon: &Daemon, arguments: &[&str], says: &[&str]| {
        let (code, said, complaint) = daemon.run(&[&["token", "create"], arguments].concat());
        let told = says.iter().all(|says| complaint.contains(says));
        assert!(code == Some(1) && said.is_empty() && told, "{arguments:?}: {code:?} {said}{complaint}");
    };
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--name", "rescue", "--scope", "admin"], &["--account", "default, loja-b"]),
        (&["--name", "rescue", "--scope", "admin", "--account", "loja-c"], &["loja-c", "default, loja-b"]),
        (&["--name", "", "--scope", "admin", "--account", "default"], &["1 to 100 characters"]),
        (&["--name", "a", "--scope", "all", "--account", "default"], &["`admin`, `ingest`, `read` or `metrics`"]),
        (&["--name", "a", "--scope", "read", "--account", "default", "--expires", "11y"], &["`11y`", "10 years"]),
    ];
    for (arguments, says) in cases {
        refused(&daemon, arguments, says);
    }
    let theirs = token(daemon.run(&[&RESCUE[..], &["--account", "loja-b"]].concat()));
    holds(&daemon, &theirs);
    assert!(daemon.terminate().success());
    for (arguments, says) in cases {
        refused(&daemon, arguments, says);
    }
    // An account that has left the config: its token would be refused.
    daemon.configure("[[account]]\nname = \"default\"\n");
    refused(&daemon, &["--name", "a", "--scope", "read", "--account", "loja-b"], &["doesn't name account `loja-b`"]);
    daemon.spawn();
    refused(&daemon, &["--name", "a", "--scope", "read", "--account", "loja-b"], &["doesn't name account `loja-b`"]);
    let own = token(daemon.run(&RESCUE));
    holds(&daemon, &own);
    daemon.call_as(&theirs, "GET", "/api/tokens", "", b"").refused(401, "unauthorized");
    assert_eq!(daemon.list("/api/tokens").len(), 2, "the first start's and one more");
}

/// Permissions that somebody has opened by mistake give nobody else a token, nor a backup.
#[test]
fn another_user_is_refused_at_the_control_socket() {
    let daemon = Daemon::quick();
    let socket = daemon.data().join("control.sock");
    for (path, mode) in [(daemon.data().parent().unwrap(), 0o755), (&daemon.data(), 0o755), (&socket, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    // The thread's own rights are those that the socket's other end is told of.
    let asked = std::thread::spawn(move || {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        if set_thread_res_gid(gid, gid, gid).and_then(|()| set_thread_res_uid(uid, uid, uid)).is_err() {
            return None;
        }
        let ask = |request: &str| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.write_all(format!("{request}\n").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        Some(["create-token {\"name\":\"a\",\"scopes\":[\"admin\"]}", "backup", "panel-link"].map(ask))
    });
    let Some(answers) = asked.join().unwrap() else {
        return skipped("another user at the control socket", "it needs root");
    };
    for answer in answers {
        assert!(answer.starts_with("refused only root and the owner of"), "{answer}");
    }
    assert_eq!(daemon.list("/api/tokens").len(), 1);
    assert!(daemon.logged("a caller of the control socket was refused").contains("WARN"));
}

/// As it is with the package: the folder is carteiro's, and sudo makes the operator root.
#[test]
fn root_makes_a_token_in_another_users_folder_and_leaves_no_file_of_its_own() {
    let mut daemon = Daemon::quick();
    assert!(daemon.terminate().success());
    if give(&daemon.data(), NOBODY).is_err() {
        return skipped("a token in another user's folder", "it needs root");
    }
    fs::set_permissions(daemon.data().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let made = token(daemon.run(&RESCUE));
    assert_eq!(fs::metadata(daemon.data()).unwrap().uid(), NOBODY);
    for (path, uid, ..) in listing(&daemon.data()) {
        assert_eq!(uid, NOBODY, "{}", path.display());
    }
    give(&daemon.data(), 0).unwrap();
    daemon.spawn();
    holds(&daemon, &made);
}

/// The store of one machine on another, whose installation has made a token of its own: that one lets nobody in any
/// more, and a user with access to the folder gets in all the same.
#[test]
fn a_store_on_a_new_machine_locks_nobody_out() {
    let old = Daemon::quick();
    let webhook = old.register("http://127.0.0.1:9/", &["ORDER.PAID"]);
    let reader = old.run(&["token", "create", "--name", "leitor", "--scope", "read"]);
    token(reader);
    let past = old.run(&["token", "create", "--name", "passado", "--scope", "admin", "--expires", "1ms"]);
    token(past);
    let mut new = Daemon::quick();
    let useless = new.token.clone();
    assert!(useless != old.token && new.terminate().success());
    let file = old.data().with_file_name("shop.backup");
    assert_eq!(old.run(&["backup", file.to_str().unwrap()]).0, Some(0));
    // As the documents say it: the fresh data away, the backup in, the file of the fresh store back by mistake.
    fs::rename(new.data(), new.data().with_file_name("fresh")).unwrap();
    let (code, said, complaint) = new.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(said.contains("account default: the admin tokens of the backup hold: `admin`\n"), "{said}");
    assert!(said.contains("sudo carteiro token create --name rescue --scope admin"), "{said}");
    fs::copy(new.data().with_file_name("fresh/admin-token"), new.data().join("admin-token")).unwrap();
    new.spawn();
    assert!(new.logged("lets nobody in").contains("admin-token"));
    new.call_as(&useless, "GET", "/api/webhooks", "", b"").refused(401, "unauthorized");
    new.call_as(&old.token, "GET", "/api/webhooks", "", b"").expect(200);
    let (code, _, complaint) = new.run(&["webhooks", "list", "--server", &new.address]);
    assert!(code == Some(1) && complaint.contains("sudo carteiro token create --name rescue"), "{complaint}");
    let made = token(new.run(&RESCUE));
    fs::write(new.data().join("admin-token"), &made).unwrap();
    let (code, said, complaint) = new.run(&["webhooks", "list", "--server", &new.address]);
    assert!(code == Some(0) && said.contains(&webhook), "{said}{complaint}");
}
