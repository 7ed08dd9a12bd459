//! The README, run as printed: its calls against a daemon, its receiver in Python, its commands.
//!
//! Only addresses and the data folder are replaced, since tests pick free ports. Needs `curl` and `python3`; where they are
//! missing it says so and runs what it can.

#![allow(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const CARTEIRO: &str = env!("CARGO_BIN_EXE_carteiro");
const DEADLINE: Duration = Duration::from_secs(20);

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The code blocks of one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut found = Vec::new();
    let mut inside: Option<String> = None;
    for line in readme.lines() {
        match (&mut inside, line.strip_prefix("```")) {
            (None, Some(opened)) => inside = Some(if opened == language { String::new() } else { "-".to_owned() }),
            (Some(block), Some(_)) => {
                if !block.starts_with('-') {
                    found.push(std::mem::take(block));
                }
                inside = None;
            }
            (Some(block), None) if !block.starts_with('-') => {
                block.push_str(line);
                block.push('\n');
            }
            (_, None) => {}
        }
    }
    found
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed, so the README's calls are not run");
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Lines of a process's output, as they come.
fn lines(output: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn await_line(lines: &mpsc::Receiver<String>, wanted: &str) -> String {
    let start = Instant::now();
    loop {
        let left = DEADLINE.saturating_sub(start.elapsed());
        let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with {wanted:?} came"));
        if line.contains(wanted) {
            return line;
        }
    }
}

/// The daemon as the README starts it, with the README's own `[egress]` snippet, on a free port.
fn serve(folder: &Path) -> (Running, String) {
    let egress = blocks("toml").concat();
    fs::write(folder.join("carteiro.toml"), format!("[server]\nlisten = \"127.0.0.1:0\"\n{egress}")).unwrap();
    let mut child = Command::new(CARTEIRO)
        .args(["serve", "--config", "carteiro.toml"])
        .current_dir(folder)
        .env_remove("JOURNAL_STREAM")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = lines(child.stderr.take().unwrap());
    let listening = await_line(&log, "listening address=");
    let address = listening.rsplit_once("address=").unwrap().1.to_owned();
    (Running(child), address)
}

fn shell(folder: &Path, script: &str) -> Output {
    Command::new("bash").args(["-euc", script]).current_dir(folder).output().unwrap()
}

fn run(folder: &Path, script: &str) -> String {
    let output = shell(folder, script);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{script}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn the_guides_calls_work_as_printed() {
    if !(is_installed("curl") && is_installed("python3")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, address) = serve(folder.path());
    let port = free_port();
    let program = blocks("python").concat().replace("9000", &port.to_string());
    let mut python = Command::new("python3").args(["-c", &program]).stdout(Stdio::piped()).spawn().unwrap();
    let received = lines(python.stdout.take().unwrap());
    let _python = Running(python);

    let calls: Vec<String> = blocks("sh")
        .into_iter()
        .filter(|block| block.contains("curl") || block.contains("TOKEN="))
        .map(|block| {
            block
                .replace("127.0.0.1:8080", &address)
                .replace("127.0.0.1:9000", &format!("127.0.0.1:{port}"))
                .replace("curl ", "curl -sS --fail-with-body -w '\\n' ")
        })
        .collect();
    let [token, register, record, look] = calls.as_slice() else {
        panic!("the README has {} blocks of calls; this test knows four", calls.len());
    };
    let registered = run(folder.path(), &format!("{token}{register}"));
    assert!(registered.contains("\"secret\":\"whsec_"), "{registered}");
    let recorded = run(folder.path(), &format!("{token}{record}"));
    let event: serde_json::Value = serde_json::from_str(recorded.trim()).unwrap();
    let event_id = event["data"]["id"].as_str().unwrap();
    assert_eq!(event["data"]["notifications"], 1);
    // Python takes a moment to listen; until then the schedule does its work.
    let line = await_line(&received, "PAYMENT.PAID");
    let notification_id = line.split(' ').next().unwrap();
    let names = format!("export EVENT_ID={event_id} NOTIFICATION_ID={notification_id}\n");
    let looked = run(folder.path(), &format!("{token}{names}{look}"));
    // In the lists by status, by resource, and in the history.
    assert!(looked.matches(event_id).count() >= 3, "{looked}");
    assert!(await_line(&received, "PAYMENT.PAID").starts_with(notification_id), "re-sent under the same id");
}

#[test]
fn the_demo_shows_attempts_and_cleans_up() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(CARTEIRO).args(["demo", "--for", "4s"]).env("TMPDIR", folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("200 confirmed") && text.contains("again in") && text.contains("attempt 2"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_commands_of_the_text_work() {
    let folder = tempfile::tempdir().unwrap();
    let (_daemon, address) = serve(folder.path());
    let example = fs::canonicalize("config.example.toml").unwrap();
    let carteiro = |arguments: &[&str]| {
        let output = Command::new(CARTEIRO).args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    carteiro(&["check-config", "--config", "carteiro.toml"]);
    carteiro(&["check-config", "--config", example.to_str().unwrap()]);
    assert!(carteiro(&["config"]).contains("delivery.max_attempts = 20"));
    let made =
        carteiro(&["token", "create", "--name", "erp", "--scope", "ingest", "--expires", "90d", "--server", &address]);
    assert!(made.starts_with("ctr_"), "{made}");
    assert!(carteiro(&["token", "list", "--server", &address]).contains("erp"));
    let keep: Vec<String> = blocks("sh").into_iter().filter(|block| block.contains("carteiro backup")).collect();
    let said = run(folder.path(), &format!("carteiro() {{ {CARTEIRO} \"$@\"; }}\n{}", keep.concat()));
    assert_eq!(said.matches("every row is as it was written").count(), 2, "{said}");
}
