//! The daemon under test: the release binary as its users run it, with a data folder of its own.

use super::child::{Guarded, in_role};
use super::http::Caller;
use super::procfs::{Usage, pss_mib};
use super::scratch::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const CARTEIRO: &str = env!("CARGO_BIN_EXE_carteiro");

/// How long a start or a stop may take, also that of a store with millions of events.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Daemon {
    child: Option<Guarded>,
    scratch: Scratch,
    pub(crate) address: String,
    admin: String,
    /// What events are recorded with.
    pub(crate) token: String,
}

impl Daemon {
    /// On an empty store, with what a user would set and nothing else: where it listens, where its data is, that
    /// targets on loopback are wanted, that it only logs what is wrong.
    pub(crate) fn start() -> Self {
        let mut daemon = Self::unstarted();
        daemon.spawn();
        let admin = fs::read_to_string(daemon.data().join("admin-token")).unwrap();
        admin.trim().clone_into(&mut daemon.admin);
        daemon.token = daemon.make_token();
        daemon
    }

    pub(crate) fn unstarted() -> Self {
        let scratch = Scratch::new();
        // The daemon says on which port it listens in its log, which is to be quiet; so the port is chosen here.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let config = format!(
            "server.listen = \"{address}\"\nstore.path = \"{}\"\negress.allow = [\"127.0.0.0/8\"]\n\
             log.level = \"warn\"\n",
            scratch.file("data").display()
        );
        fs::write(scratch.file("carteiro.toml"), config).unwrap();
        Self { child: None, scratch, address, admin: String::new(), token: String::new() }
    }

    /// Starts it, and tells how long it took to be ready.
    pub(crate) fn spawn(&mut self) -> Duration {
        let mut command = in_role("run");
        command.arg(CARTEIRO);
        self.spawn_by(command)
    }

    /// Likewise without a helping hand in between, whose own start would be counted: for when that is what is measured.
    pub(crate) fn spawn_directly(&mut self) -> Duration {
        self.spawn_by(Command::new(CARTEIRO))
    }

    fn spawn_by(&mut self, mut command: Command) -> Duration {
        let log = File::options().create(true).append(true).open(self.scratch.file("log")).unwrap();
        command.args(["serve", "--config"]).arg(self.scratch.file("carteiro.toml"));
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let start = Instant::now();
        self.child = Some(Guarded::spawn(&mut command));
        while !self.is_ready() {
            let ended = self.child.as_mut().unwrap().0.try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < PATIENCE, "the daemon did not start: {}", self.log());
            std::thread::sleep(Duration::from_micros(200));
        }
        start.elapsed()
    }

    fn is_ready(&self) -> bool {
        let answer = Caller::connect(&self.address, "").and_then(|mut caller| caller.call("GET", "/readyz", ""));
        answer.is_ok_and(|(status, _)| status == 200)
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let start = Instant::now();
        while child.0.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "the daemon did not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn make_token(&self) -> String {
        let mut command = Command::new(CARTEIRO);
        command.args(["token", "create", "--name", "bench", "--scope", "ingest", "--config"]);
        let made = command.env_clear().arg(self.scratch.file("carteiro.toml")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::connect(&self.address, &self.admin).unwrap()
    }

    /// Registers a webhook; gives its id.
    pub(crate) fn register(&self, target: &str, pattern: &str) -> String {
        let webhook =
            json!({ "webhook": { "target": target, "events": [pattern], "authorization": "token-of-the-shop" } });
        let made = self.caller().expect("POST", "/api/webhooks", &webhook.to_string());
        made["data"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("the daemon runs").id()
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.id())
    }

    pub(crate) fn pss_mib(&self) -> f64 {
        pss_mib(self.id())
    }

    /// What its data takes up on the disk.
    pub(crate) fn disk_mib(&self) -> f64 {
        fn bytes(folder: &Path) -> u64 {
            use std::os::unix::fs::MetadataExt as _;
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let sizes = entries.filter_map(|entry| {
                let about = entry.metadata().ok()?;
                // In blocks of 512 bytes, whatever the filesystem's are.
                Some(if about.is_dir() { bytes(&entry.path()) } else { about.blocks() * 512 })
            });
            sizes.sum()
        }
        bytes(&self.data()) as f64 / (1024.0 * 1024.0)
    }

    fn data(&self) -> std::path::PathBuf {
        self.scratch.file("data")
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    /// Before its folder goes: it would write into it.
    fn drop(&mut self) {
        self.child = None;
        let log = self.log();
        if !log.is_empty() && !std::thread::panicking() {
            eprintln!("the daemon logged:\n{log}");
        }
    }
}
