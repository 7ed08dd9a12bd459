//! The end of a test process that hangs: it ends by itself, which libtest doesn't see to.
//!
//! Every test binary has this module, under a name that sorts first, since libtest starts tests by name.
#![allow(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

use rustix::process::{Pid, Signal, getpid, kill_process};
use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

/// How long one test binary may run: several times what a debug build takes on two slow cores.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// And how long where a variable asks for a run of hours.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// The variables that do.
const ASK_FOR_LONG: [&str; 6] =
    ["POWER_CUTS", "FAULT_ROUNDS", "FAULT_SWEEP", "CRASH_ROUNDS", "SEEDS", "CARTEIRO_TEST_SYSTEMD"];
/// Another limit, in seconds.
const VARIABLE: &str = "CARTEIRO_TEST_DEADLINE";
/// What the process that a hanging one was made of was started for.
const HANG: &str = "CARTEIRO_TEST_HANGS";

/// Ends this process at its deadline. Called by whatever many tests begin with, since a filter may leave out the test
/// below.
pub(crate) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let given = std::env::var(VARIABLE).ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
        let long = ASK_FOR_LONG.iter().any(|name| std::env::var_os(name).is_some());
        let limit = given.unwrap_or(if long { LONG } else { LIMIT });
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            end(limit);
        });
    });
}

/// Ends the daemons that tests have started, and this process; nothing that a hanging test holds can stop that.
fn end(limit: Duration) {
    let _ = std::io::stderr().write_all(
        format!(
            "\nthis test process has run for {} s and is ended: a test hangs (libtest names those that run for over \
             60 s). \
             {VARIABLE} sets another limit, in seconds.\n",
            limit.as_secs()
        )
        .as_bytes(),
    );
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)) {
            let _ = kill_process(child, Signal::KILL);
        }
    }
    let _ = kill_process(getpid(), Signal::KILL);
}

/// This binary again, for one test of a module alone.
pub(crate) fn again(module: &str, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // The first part is the crate's name, which libtest leaves out.
    let module = module.split_once("::").unwrap().1;
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    command
}

#[test]
fn a_process_that_hangs_is_ended() {
    watch();
    if std::env::var_os(HANG).is_some() {
        loop {
            std::thread::park();
        }
    }
    let mut hanging = again(module_path!(), "a_process_that_hangs_is_ended");
    let out = hanging.env(HANG, "1").env(VARIABLE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code().is_none() && said.contains("a test hangs"), "{:?} {said}", out.status);
}
