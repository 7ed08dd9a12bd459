//! Where the commands are run: a folder with the binary on its path, beside a daemon or before there is one.

use crate::harness::{CARTEIRO, Daemon, eventually, skipped};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A folder that a reader's shell could be in.
pub(crate) struct Place {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let built = folder.path().join("target/release");
        fs::create_dir_all(&built).unwrap();
        symlink(CARTEIRO, built.join("carteiro")).unwrap();
        Self { folder, variables: Vec::new() }
    }

    /// The folder that a release's archive was unpacked into.
    pub(crate) fn unpacked() -> Self {
        let place = Self::new();
        symlink(CARTEIRO, place.path().join("carteiro")).unwrap();
        place
    }

    /// Beside a daemon: its data folder stands here, and commands find it by its config and where it listens.
    pub(crate) fn beside(daemon: &Daemon) -> Self {
        let place = Self::new();
        symlink(daemon.data(), place.path().join("carteiro-data")).unwrap();
        let config = daemon.config_file().display().to_string();
        place.with("CARTEIRO_CONFIG", &config).with("CARTEIRO_SERVER", &format!("http://{}", daemon.address))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With programs in the place of those that need root or a booted system: `sudo` runs what it is given, `systemctl`
    /// says what it was asked, and reloads as the unit does.
    pub(crate) fn without_root(self) -> Self {
        let programs = [
            ("sudo", "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec env \"$@\"\n"),
            ("systemctl", "#!/bin/sh\necho systemctl \"$@\"\nif [ \"$1\" = reload ]; then exec carteiro reload; fi\n"),
        ];
        for (name, text) in programs {
            let file = self.path().join("target/release").join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", script]).current_dir(self.path());
        shell.env("PATH", format!("{}:{path}", self.path().join("target/release").display()));
        shell.env_remove("JOURNAL_STREAM").envs(self.variables.iter().cloned());
        shell
    }

    /// Runs a script to its end, which must be a good one; what it printed.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> String {
        let out = self.shell(script).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{script}\n{text}\n{}", String::from_utf8_lossy(&out.stderr));
        text
    }

    /// Runs a script that doesn't end by itself.
    pub(crate) fn start(&self, script: &str) -> Running {
        let mut shell = self.shell(&format!("exec 2>&1\n{script}"));
        let mut child = shell.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (output, collected) = (BufReader::new(child.stdout.take().unwrap()), lines.clone());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                collected.lock().unwrap().push(line);
            }
        });
        Running { child, lines }
    }
}

/// A script under way, with all that it started. It ends with its owner.
pub(crate) struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Awaits a line with this in it.
    #[track_caller]
    pub(crate) fn await_line(&self, wanted: &str) -> String {
        let what = format!("a line with {wanted:?}");
        eventually(&what, || self.lines().into_iter().find(|line| line.contains(wanted)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
pub(crate) fn await_port(port: u16) {
    eventually("something listens", || TcpStream::connect(("127.0.0.1", port)).ok());
}

/// Where `.ci/run` puts libraries.
pub(crate) fn libraries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/libs")
}

/// Whether all of these programs are there; says so where one is not.
pub(crate) fn has(programs: &[&str], what: &str) -> bool {
    let missing = programs.iter().find(|program| {
        let found = Command::new("bash").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    });
    if let Some(program) = missing {
        skipped(what, &format!("{program} is not installed"));
    }
    missing.is_none()
}
