//! A daemon of one's own: spawned, spoken to, killed, started again.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const CARTEIRO: &str = env!("CARGO_BIN_EXE_carteiro");
/// How long anything that should happen may take on a machine that is busy with everything else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Says something that shows in a log of passing tests too: what they print by macro is held back, what they write is
/// not.
pub(crate) fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Says that a test could not be made here.
pub(crate) fn skipped(what: &str, why: &str) {
    say(&format!("SKIPPED: {what}: {why}"));
    super::skips::skip(what);
}

/// Whether this machine's resolver knows `localhost`: one without `/etc/hosts` may not.
pub(crate) fn knows_localhost() -> bool {
    ("localhost", 0).to_socket_addrs().is_ok()
}

/// Sends a signal to a child that has not been waited for: by a system call, since not every machine has a `kill`.
pub(crate) fn send_signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

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

/// The bytes of a call.
pub(crate) fn request(token: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length =
        if body.is_empty() && method != "POST" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: carteiro\r\nConnection: close\r\n{authorization}{length}{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Sends bytes as they are and reads until the daemon hangs up; `Err` with the bytes, if they are no answer.
pub(crate) fn exchange(address: &str, request: &[u8]) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // A daemon that has answered early may not take the rest.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let at = at.ok_or_else(|| String::from_utf8_lossy(&answer).into_owned())?;
    let head = String::from_utf8(answer[..at].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_off(at + 4);
    let chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    Ok(Answer { status, head, body: if chunked { dechunked(&body) } else { body } })
}

/// What stands in the chunks of a body that has come to its end, or as far as it has come.
fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = String::from_utf8_lossy(&rest[..at]);
        let Some(chunk) = usize::from_str_radix(&length, 16).ok().and_then(|length| rest.get(at + 2..at + 2 + length))
        else {
            break;
        };
        body.extend_from_slice(chunk);
        rest = rest.get(at + 4 + chunk.len()..).unwrap_or_default();
    }
    body
}

/// A daemon with its config in a folder that goes away with it, and its data there too unless a test puts it elsewhere.
pub(crate) struct Daemon {
    folder: TempDir,
    data: PathBuf,
    child: Option<Child>,
    pub(crate) address: String,
    pub(crate) token: String,
    accepting: bool,
    env: Vec<(&'static str, PathBuf)>,
    /// Folders that go away with it.
    folders: Vec<TempDir>,
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

/// [`QUICK`], but that so much time is between two attempts.
pub(crate) fn retrying_after(gap: &str) -> String {
    QUICK.replace("20ms", gap)
}

/// Loopback targets, and every other setting at its default.
pub(crate) const LOOPBACK: &str = "[egress]\nallow = [\"127.0.0.0/8\"]\n";

impl Daemon {
    /// With `config` behind the address and the data folder that every test needs.
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::start_in(folder, data, config)
    }

    /// With its data in a folder that outlives it, on a disk of the test's own.
    pub(crate) fn start_on(data: &Path, config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), data.to_owned(), config)
    }

    /// Likewise, not started yet.
    pub(crate) fn at(data: &Path, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, token) = (String::new(), String::new());
        let (child, accepting, env, folders, log) = Default::default();
        let daemon = Self { folder, data: data.to_owned(), child, address, token, accepting, env, folders, log };
        daemon.configure(config);
        daemon
    }

    /// A folder that goes away with the daemon.
    pub(crate) fn keep(&mut self, folder: TempDir) {
        self.folders.push(folder);
    }

    /// How it has ended, if it has by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        self.child = None;
        Some(status)
    }

    /// Starts on a store that nothing vouches for, once: `serve --accept-data-loss`.
    pub(crate) fn accept(&mut self) {
        self.accepting = true;
    }

    /// From now on it is started with this variable.
    pub(crate) fn set_env(&mut self, name: &'static str, value: PathBuf) {
        self.env.push((name, value));
    }

    fn serve(&self) -> Command {
        super::a_deadline::watch();
        let mut command = self.command();
        command.args(["serve", "--config"]).arg(self.config_file());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if self.accepting {
            command.arg("--accept-data-loss");
        }
        command
    }

    /// Likewise, where it may refuse to start: then what it said.
    pub(crate) fn try_on(data: &Path, config: &str) -> Result<Self, String> {
        let mut daemon = Self::at(data, config);
        daemon.try_spawn().map(|()| daemon)
    }

    /// Starts it and kills it, however far it has come when `moment` is over.
    pub(crate) fn spawn_and_kill(&self, moment: impl FnOnce()) {
        let mut child = self.serve().stderr(Stdio::null()).spawn().unwrap();
        moment();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What its log says is not looked at in the end: it was given something to complain of.
    pub(crate) fn forgive(&self) {
        self.log.lock().unwrap().clear();
    }

    fn start_in(folder: TempDir, data: PathBuf, config: &str) -> Self {
        let mut daemon = Self {
            folder,
            data,
            child: None,
            address: String::new(),
            token: String::new(),
            accepting: false,
            env: Vec::new(),
            folders: Vec::new(),
            log: Arc::default(),
        };
        daemon.configure(config);
        daemon.spawn();
        daemon
    }

    pub(crate) fn quick() -> Self {
        Self::start(QUICK)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
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

    /// Writes the config file and has it read again; returns when it was taken.
    #[track_caller]
    pub(crate) fn reload(&self, config: &str) {
        let reloads = || self.log().matches("config reloaded").count();
        let before = reloads();
        self.configure(config);
        self.signal("-HUP");
        eventually("the config is reloaded", || (reloads() > before).then_some(()));
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(CARTEIRO);
        // Times are shown in the system's zone, and tests know what to expect.
        command.env_clear().env("TZ", "UTC0").current_dir(self.folder.path());
        command
    }

    pub(crate) fn spawn(&mut self) {
        if let Err(said) = self.try_spawn() {
            panic!("not up: {said}");
        }
    }

    /// Starts it; `Err` with what it said if it ends before it listens.
    pub(crate) fn try_spawn(&mut self) -> Result<(), String> {
        let mut child = self.serve().stderr(Stdio::piped()).spawn().unwrap();
        self.accepting = false;
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
        let Ok(address) = address.recv_timeout(DEADLINE) else {
            let mut child = self.child.take().unwrap();
            let _ = child.kill();
            child.wait().unwrap();
            let said = self.log();
            self.forgive();
            return Err(said);
        };
        self.address = address;
        let token = fs::read_to_string(self.data().join("admin-token")).unwrap_or_default();
        token.trim().clone_into(&mut self.token);
        Ok(())
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first line of its log that contains `says`; what the daemon writes is read beside the test, so it waits for
    /// it.
    pub(crate) fn logged(&self, says: &str) -> String {
        let line = || self.log().lines().find(|line| line.contains(says)).map(str::to_owned);
        eventually(&format!("the log says `{says}`"), line)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let signal = match signal {
            "-HUP" => Signal::HUP,
            "-TERM" => Signal::TERM,
            other => panic!("{other} is not a signal that tests send"),
        };
        send_signal(self.child.as_ref().unwrap(), signal);
    }

    /// How much memory the daemon holds.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.as_ref().unwrap().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Runs a command of the binary on this daemon's config: its code, what it printed, what it complained of.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let out = self.command().args(arguments).arg("--config").arg(self.config_file()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
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
        let answer = self.raw(&request(token, method, path, headers, body));
        super::contract::check(method, path, &answer);
        answer
    }

    /// Sends bytes as they are and reads until the daemon hangs up.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        exchange(&self.address, request).unwrap_or_else(|came| panic!("no answer: {came:?}"))
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

    /// The value of a metric; labels belong to its name.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.get("/metrics").expect(200).body).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name}: {text}"))
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
