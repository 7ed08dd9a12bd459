//! A command that goes on until it is told to end, beside the test.

use super::super::harness::{DEADLINE, Daemon, eventually, send_signal};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;

/// Its lines come one by one; it ends with its owner.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    complaints: mpsc::Receiver<String>,
}

fn lines(of: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(of).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

impl Running {
    pub(crate) fn start(daemon: &Daemon, arguments: &[&str]) -> Self {
        Self::start_at(daemon, &daemon.address, arguments)
    }

    /// Against another address than the daemon's.
    pub(crate) fn start_at(daemon: &Daemon, server: &str, arguments: &[&str]) -> Self {
        let mut command = daemon.command();
        command.args(arguments).env("CARTEIRO_CONFIG", daemon.config_file());
        if arguments[0] != "listen" {
            command.env("CARTEIRO_SERVER", server);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, lines: lines(out), complaints: lines(err) }
    }

    pub(crate) fn await_complaint(&self, holding: &str) -> String {
        loop {
            let line = self.complaints.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("nobody said {holding:?}"));
            if line.contains(holding) {
                return line;
            }
        }
    }

    pub(crate) fn listening(&self) -> String {
        let line = self.await_complaint("listening on ");
        line.trim_start_matches("listening on ").split(';').next().unwrap().to_owned()
    }

    /// The next line of JSON.
    pub(crate) fn line(&mut self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line comes");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// A line of JSON, if one comes soon.
    pub(crate) fn try_line(&mut self) -> Option<Value> {
        let line = self.lines.recv_timeout(std::time::Duration::from_millis(100)).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// All that it prints until it ends.
    pub(crate) fn everything(self) -> String {
        let mut text = String::new();
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    pub(crate) fn interrupt(&self) {
        send_signal(&self.child, Signal::INT);
    }

    pub(crate) fn wait(&mut self) -> i32 {
        let status = eventually("the command ends", || self.child.try_wait().unwrap());
        status.code().expect("it ended by itself")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
