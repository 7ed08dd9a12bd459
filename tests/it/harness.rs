//! A daemon of one's own: spawned, spoken to, killed, started again.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const CARTEIRO: &str = env!("CARGO_BIN_EXE_carteiro");
/// How long anything that should happen may take on a machine that is busy with everything else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Awaits a condition; fails the test with `what` when it does not come about.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "did not come about: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An answer of the daemon.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let wanted = name.to_ascii_lowercase();
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.to_ascii_lowercase() == wanted)
            .map(|(_, value)| value)
    }

    /// The status must be this; gives the answer back.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    /// The answer must be an error of this kind, in the contract's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        let errors = self.json()["errors"].clone();
        assert_eq!(errors["code"], code, "{body}");
        assert!(errors["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{body}");
        assert_eq!(errors.get("fields").is_some(), status == 422, "{body}");
        assert!(self.header("x-request-id").is_some(), "{}", self.head);
        errors["fields"].clone()
    }
}

/// A daemon with its config and data in a folder that goes away with it.
pub(crate) struct Daemon {
    folder: TempDir,
    child: Option<Child>,
    pub(crate) address: String,
    pub(crate) token: String,
    log: Arc<Mutex<String>>,
}

/// Loopback targets, and retries quick enough to see twenty of them.
pub(crate) const QUICK: &str = r#"
[delivery]
schedule = ["20ms"]
jitter = 0.0
timeout = "1s"
connect_timeout = "500ms"
[egress]
allow = ["127.0.0.0/8"]
"#;

impl Daemon {
    /// With `config` behind the address and the data folder that every test needs.
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon =
            Self { folder, child: None, address: String::new(), token: String::new(), log: Arc::default() };
        daemon.configure(config);
        daemon.spawn();
        daemon
    }

    pub(crate) fn quick() -> Self {
        Self::start(QUICK)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("carteiro.toml")
    }

    /// Writes the config file; a running daemon reads it at the next SIGHUP.
    pub(crate) fn configure(&self, config: &str) {
        let data = self.data().display().to_string();
        // Sections may stand once only: the test's own [server] and [store] keys are dotted.
        let text = format!("server.listen = \"127.0.0.1:0\"\nstore.path = \"{data}\"\n{config}");
        fs::write(self.config_file(), text).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(CARTEIRO);
        command.env_clear().current_dir(self.folder.path());
        command
    }

    pub(crate) fn spawn(&mut self) {
        let mut child =
            self.command().args(["serve", "--config"]).arg(self.config_file()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, address) = std::sync::mpsc::channel();
        let log = self.log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening address=") {
                    let _ = sender.send(address.to_owned());
                }
                writeln!(log.lock().unwrap(), "{line}").unwrap();
            }
        });
        self.child = Some(child);
        self.address = address.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("not up: {}", self.log()));
        let token = fs::read_to_string(self.data().join("admin-token")).unwrap_or_default();
        token.trim().clone_into(&mut self.token);
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// How much memory the daemon holds.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.as_ref().unwrap().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn kill_9(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        eventually("the daemon ends", || child.try_wait().unwrap())
    }

    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.wait()
    }

    // ---- calls ----

    pub(crate) fn call_as(&self, token: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = if body.is_empty() && method != "POST" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: carteiro\r\nConnection: close\r\n{authorization}{length}{headers}\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Sends bytes as they are and reads until the daemon hangs up.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // A daemon that has answered early may not take the rest.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let at = at.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&answer)));
        let head = String::from_utf8(answer[..at].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: answer[at + 4..].to_vec() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call_as(&self.token, "GET", path, "", b"")
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.call_as(&self.token, "DELETE", path, "", b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body.to_string().as_bytes())
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, body.to_string().as_bytes())
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.call_as(&self.token, method, path, "Content-Type: application/json\r\n", body)
    }

    // ---- what most tests do ----

    pub(crate) fn register(&self, target: &str, events: &[&str]) -> String {
        self.register_with(json!({ "target": target, "events": events, "authorization": "token-da-loja" }))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn register_with(&self, webhook: Value) -> Value {
        self.post("/api/webhooks", &json!({ "webhook": webhook })).expect(201).data()
    }

    pub(crate) fn record(&self, event_type: &str) -> String {
        self.record_with(json!({ "type": event_type, "resource": { "payment": { "id": "p-1" } } }))
    }

    pub(crate) fn record_with(&self, event: Value) -> String {
        self.post("/api/events", &json!({ "event": event })).expect(201).data()["id"].as_str().unwrap().to_owned()
    }

    /// The notifications of an event, with their attempts.
    pub(crate) fn history(&self, event: &str) -> Vec<Value> {
        self.get(&format!("/api/events/{event}/notifications")).expect(200).data().as_array().unwrap().clone()
    }

    /// Awaits that the event's only notification has this status; gives it back with its attempts.
    #[track_caller]
    pub(crate) fn await_status(&self, event: &str, status: &str) -> Value {
        let mut last = Value::Null;
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            last = self.history(event).first().cloned().unwrap_or_default();
            if last["status"] == status {
                return last;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("never {status}: {last}");
    }

    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        self.get(path).expect(200).data().as_array().unwrap().clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = self.log();
        if !std::thread::panicking() {
            assert!(!log.contains("panicked") && !log.contains("is a bug"), "{log}");
        }
    }
}
