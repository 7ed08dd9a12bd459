//! Start, stop, reload, and config files that are wrong.

use super::harness::{Daemon, LOOPBACK, QUICK, eventually};
use super::receiver::{Receiver, Reply};
use std::time::Duration;

#[test]
fn sigterm_lets_attempts_in_flight_end_and_exits_0() {
    let receiver = Receiver::start(&[Reply::Late(Duration::from_millis(500), 200)]);
    let mut daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"20s\""));
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    receiver.await_count(1);
    assert!(daemon.terminate().success());
    daemon.spawn();
    let delivered = daemon.await_status(&event, "DELIVERED");
    assert_eq!((delivered["attempts_count"].as_u64(), receiver.count()), (Some(1), 1), "its outcome was kept");
}

#[test]
fn what_the_grace_time_cuts_off_stays_pending() {
    let receiver = Receiver::start(&[Reply::Silence, Reply::Status(200)]);
    let quick = QUICK.replace("timeout = \"1s\"", "timeout = \"30s\"");
    let mut daemon = Daemon::start(&format!("server.shutdown_grace = \"100ms\"\n{quick}"));
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    receiver.await_count(1);
    assert!(daemon.terminate().success());
    daemon.spawn();
    daemon.await_status(&event, "DELIVERED");
}

#[test]
fn a_reload_takes_what_it_can_and_a_broken_file_changes_nothing() {
    let receiver = Receiver::ok();
    // Twenty attempts a second apart: slow enough for whatever stands between them and the reload.
    let slow = "[delivery]\nschedule = [\"1s\"]\njitter = 0.0\n";
    let daemon = Daemon::start(&format!("{slow}{LOOPBACK}"));
    daemon.register(&receiver.url, &["*"]);
    daemon.reload(slow);
    let blocked = daemon.record("PAYMENT.PAID");
    daemon.await_status(&blocked, "RETRYING");
    daemon.configure(&format!("{LOOPBACK}alow = 1\n"));
    daemon.signal("-HUP");
    eventually("the broken file is refused", || daemon.log().contains("was not reloaded").then_some(()));
    daemon.logged("did you mean `allow`");
    assert_eq!(receiver.count(), 0);
    daemon.configure(&format!("store.cache = \"1 MiB\"\n[delivery]\nschedule = [\"1s\"]\n{LOOPBACK}"));
    daemon.signal("-HUP");
    eventually("the good one is taken", || daemon.log().contains("store.cache").then_some(()));
    daemon.await_status(&blocked, "DELIVERED");
}

#[test]
fn the_reload_command_says_what_became_of_it() {
    let mut daemon = Daemon::quick();
    let (code, reported, _) = daemon.run(&["reload"]);
    assert_eq!((code, reported.as_str()), (Some(0), "config reloaded\n"));
    daemon.configure(&format!("store.cache = \"1 MiB\"\n{QUICK}"));
    let (code, reported, _) = daemon.run(&["reload"]);
    assert!(code == Some(0) && reported.contains("need a restart: store.cache"), "{reported}");
    daemon.configure(&format!("{QUICK}extra_ca_file = \"none.pem\"\n"));
    let (code, _, said) = daemon.run(&["reload"]);
    assert!(code == Some(1) && said.contains("the config was not reloaded") && said.contains("none.pem"), "{said}");
    daemon.configure(&format!("{QUICK}extra_ca = \"none.pem\"\n"));
    let (code, _, said) = daemon.run(&["reload"]);
    assert!(code == Some(78) && said.contains("unknown key `egress.extra_ca`"), "{said}");
    daemon.configure(QUICK);
    assert!(daemon.terminate().success());
    let (code, _, said) = daemon.run(&["reload"]);
    assert!(code == Some(75) && said.contains("no daemon runs"), "{said}");
}

/// Hyper closes silent connections at once when it is asked to stop, and a call on its way to one is lost.
#[test]
fn a_stop_answers_calls_that_are_on_their_way() {
    use std::io::{Read as _, Write as _};
    let receiver = Receiver::start(&[Reply::Late(Duration::from_millis(500), 200)]);
    let mut daemon = Daemon::start(&QUICK.replace("timeout = \"1s\"", "timeout = \"20s\""));
    daemon.register(&receiver.url, &["*"]);
    daemon.record("PAYMENT.PAID");
    receiver.await_count(1);
    let call = |end: &str| format!("GET /healthz HTTP/1.1\r\nHost: carteiro\r\n{end}\r\n");
    let connect = || std::net::TcpStream::connect(&daemon.address).unwrap();
    let mut open = connect();
    open.write_all(call("").as_bytes()).unwrap();
    let mut answer = vec![0; 4096];
    let length = open.read(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && !answer[..length].windows(5).any(|at| at == b"close"));
    let mut new = connect();
    daemon.signal("-TERM");
    eventually("it stops", || daemon.log().contains("stopping").then_some(()));
    // The attempt in flight goes on, and calls are answered until it has ended.
    daemon.get("/healthz").expect(200);
    eventually("nobody new is accepted", || std::net::TcpStream::connect(&daemon.address).is_err().then_some(()));
    for stream in [&mut open, &mut new] {
        stream.write_all(call("").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer = answer.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200") && answer.contains("connection: close"), "{answer}");
    }
    assert!(daemon.wait().success());
}

#[test]
fn check_config_looks_into_the_files_it_names() {
    let daemon = Daemon::quick();
    let token = daemon.data().join("short-token");
    std::fs::write(&token, "short").unwrap();
    daemon.configure(&format!(
        "egress.extra_ca_file = \"/nowhere.pem\"\n[[account]]\nadmin_token_file = \"{}\"\n",
        token.display()
    ));
    let checked = daemon.command().args(["check-config", "--config"]).arg(daemon.config_file()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{said}");
    assert!(said.contains("/nowhere.pem") && said.contains("short-token"), "both at once: {said}");
}

#[test]
fn one_folder_has_one_daemon() {
    let daemon = Daemon::quick();
    let second = daemon.command().args(["serve", "--config"]).arg(daemon.config_file()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another process holds this data folder"), "{said}");
    daemon.get("/readyz").expect(200);
}

#[test]
fn a_broken_config_is_named_by_line_and_column_and_exits_78() {
    let daemon = Daemon::quick();
    for (config, said) in [
        ("[delivery]\nmax_atempts = 3\n", ":4:1: "),
        ("[delivery]\nmax_atempts = 3\n", "did you mean `max_attempts`"),
        ("[delivery]\nmax_attempts = 21\n", ":4:16: "),
        ("[delivery]\ntimeout = 5\n", "unit"),
        ("[delivery\n", ":3:"),
    ] {
        daemon.configure(config);
        for command in ["check-config", "serve"] {
            let output = daemon.command().args([command, "--config"]).arg(daemon.config_file()).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(78), "{command} {config}: {stderr}");
            assert!(stderr.contains(said), "{command} {config}: {stderr}");
        }
    }
    daemon.configure(QUICK);
    assert!(daemon.command().args(["check-config", "--config"]).arg(daemon.config_file()).status().unwrap().success());
    assert_eq!(daemon.command().arg("serv").output().unwrap().status.code(), Some(2));
    let missing = daemon.command().args(["check-config", "--config", "nowhere.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(78));
}

#[test]
fn the_first_token_is_for_its_owner_alone_and_made_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut daemon = Daemon::quick();
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(daemon.data().join("admin-token")), 0o600);
    assert_eq!(mode(daemon.data()), 0o700);
    let token = daemon.token.clone();
    daemon.kill_9();
    daemon.spawn();
    assert_eq!(daemon.token, token);
    assert_eq!(daemon.list("/api/tokens").len(), 1);
}
