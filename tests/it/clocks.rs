//! Clocks that step, from outside: the wall clock of the daemon's process is shifted by a library that is loaded before
//! libc.

use super::harness::{Daemon, eventually, retrying_after};
use super::preload;
use super::receiver::{Receiver, Reply};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

/// Retries long enough to step the clock in between, short enough to wait for.
fn slow() -> String {
    retrying_after("3s")
}

/// A clock that a process is started with, and how far it is shifted.
struct Shifted {
    folder: TempDir,
    library: PathBuf,
    file: File,
}

impl Shifted {
    /// `None`, and a word of it, where no such library can be built.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let library = preload::compile(test, folder.path(), include_str!("clocks.c"))?;
        let file = File::options().read(true).write(true).create_new(true).open(folder.path().join("clock")).unwrap();
        let shifted = Self { folder, library, file };
        shifted.by(0);
        Some(shifted)
    }

    /// The clock is so many seconds ahead of the right one, or behind it.
    fn by(&self, seconds: i64) {
        self.file.write_all_at(&(seconds * 1_000_000_000).to_ne_bytes(), 0).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn set_on(&self, daemon: &mut Daemon) {
        daemon.set_env("LD_PRELOAD", self.library.clone());
        daemon.set_env("CLOCK_FILE", self.folder.path().join("clock"));
    }

    fn daemon(&self, config: &str) -> Daemon {
        let mut daemon = Daemon::at(&self.data(), config);
        self.set_on(&mut daemon);
        daemon.spawn();
        daemon
    }
}

fn moment(at: &Value) -> SystemTime {
    humantime::parse_rfc3339(at.as_str().unwrap()).unwrap()
}

/// How far from the right time it is.
fn off(at: &Value) -> Duration {
    let at = moment(at);
    let now = SystemTime::now();
    now.duration_since(at).unwrap_or_else(|error| error.duration())
}

#[test]
fn what_failed_while_the_clock_was_a_year_ahead_is_retried_within_seconds_after_a_kill_as_well() {
    for is_killed in [false, true] {
        let Some(clock) = Shifted::new("clocks: a year ahead") else { return };
        let receiver = Receiver::start(&[Reply::Status(500)]);
        let mut daemon = clock.daemon(&slow());
        daemon.register(&receiver.url, &["*"]);
        clock.by(YEAR);
        let event = daemon.record("PAYMENT.PAID");
        let failed = daemon.await_status(&event, "RETRYING");
        assert!(off(&failed["next_attempt_at"]) > Duration::from_secs(360 * 24 * 3600), "{failed}");
        if is_killed {
            // The outcome of the attempt is synced within a fraction of a second.
            std::thread::sleep(Duration::from_millis(500));
            daemon.kill_9();
        }
        clock.by(0);
        receiver.now(Reply::Status(204));
        if is_killed {
            daemon.spawn();
        }
        let delivered = daemon.await_status(&event, "DELIVERED");
        assert!(off(&delivered["delivered_at"]) < Duration::from_secs(60), "{delivered}");
        assert_eq!(receiver.count(), 2);
        let (code, said, _) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn an_hour_back_delays_a_retry_by_its_gap_alone() {
    let Some(clock) = Shifted::new("clocks: an hour back") else { return };
    let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(204)]);
    let daemon = clock.daemon(&slow());
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "RETRYING");
    clock.by(-HOUR);
    daemon.await_status(&event, "DELIVERED");
    eventually("the step is told with its size", || {
        daemon
            .log()
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("put back"))
            .filter_map(|line| line.split_once("seconds=")?.1.split_whitespace().next()?.parse::<f64>().ok())
            .any(|seconds| (-3630.0..-3570.0).contains(&seconds))
            .then_some(())
    });
    assert_eq!(daemon.metric("carteiro_clock_steps_total{direction=\"back\"}"), 1);
    assert_eq!(daemon.metric("carteiro_clock_steps_total{direction=\"ahead\"}"), 0);
}

#[test]
fn an_event_of_a_clock_that_was_ahead_dates_no_later_one() {
    let Some(clock) = Shifted::new("clocks: dates") else { return };
    let receiver = Receiver::ok();
    let mut daemon = clock.daemon(&slow());
    daemon.register(&receiver.url, &["*"]);
    let recorded: Vec<String> = [0, YEAR, 0, -HOUR, 0]
        .into_iter()
        .map(|shift| {
            clock.by(shift);
            daemon.record("PAYMENT.PAID")
        })
        .collect();
    let listed =
        |daemon: &Daemon, filter: &str| -> Vec<Value> { daemon.list(&format!("/api/events?limit=50{filter}")) };
    let ids = |events: &[Value]| -> Vec<String> {
        events.iter().rev().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    for _ in 0..2 {
        let events = listed(&daemon, "");
        assert_eq!(ids(&events), recorded, "in the order in which they were recorded");
        for (nth, event) in events.iter().rev().enumerate() {
            assert_eq!(off(&event["inserted_at"]) < Duration::from_secs(60), [0, 2, 4].contains(&nth), "{event}");
        }
        let hour = |hours: i64| {
            let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let at =
                SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.checked_add_signed(hours * HOUR / 2).unwrap());
            humantime::format_rfc3339_seconds(at).to_string()
        };
        let (before, after) = (hour(-1), hour(1));
        let of = |numbers: &[usize]| numbers.iter().map(|nth| recorded[*nth].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&listed(&daemon, &format!("&from={after}"))), of(&[1]));
        assert_eq!(ids(&listed(&daemon, &format!("&to={before}"))), of(&[3]));
        assert_eq!(ids(&listed(&daemon, &format!("&from={before}&to={after}"))), of(&[0, 2, 4]));
        daemon.kill_9();
        daemon.spawn();
    }
    // What was delivered just before a kill comes again, the same.
    let distinct = || {
        let dates =
            receiver.requests().iter().map(|request| request.json()["date"].to_string()).collect::<BTreeSet<_>>();
        (dates.len() == 5).then_some(dates)
    };
    let dates = eventually("all are delivered", distinct);
    let right = dates.iter().filter(|date| off(&serde_json::from_str(date).unwrap()) < Duration::from_secs(60));
    assert_eq!(right.count(), 3);
}

#[test]
fn a_hundred_days_ahead_delete_nothing_and_people_are_told() {
    let Some(clock) = Shifted::new("clocks: retention") else { return };
    let mut daemon = clock.daemon(&format!("store.retention = \"30days\"\n{}", slow()));
    let before = daemon.record("PAYMENT.PAID");
    clock.by(100 * 24 * HOUR);
    let meanwhile = daemon.record("PAYMENT.PAID");
    let reported = |daemon: &Daemon| {
        daemon.log().lines().any(|line| line.contains("WARN") && line.contains("retention goes by the time it knows"))
    };
    eventually("that retention waits is told", || reported(&daemon).then_some(()));
    assert!(daemon.metric("carteiro_clock_ahead_seconds") > 99 * 24 * 3600);
    // A pass of retention begins every two seconds; a start begins one at once.
    std::thread::sleep(Duration::from_secs(5));
    daemon.kill_9();
    daemon.spawn();
    std::thread::sleep(Duration::from_secs(3));
    let both_are_there = |daemon: &Daemon| {
        for event in [&before, &meanwhile] {
            daemon.get(&format!("/api/events/{event}")).expect(200);
        }
    };
    both_are_there(&daemon);
    clock.by(0);
    eventually("the clock is trusted", || (daemon.metric("carteiro_clock_ahead_seconds") == 0).then_some(()));
    both_are_there(&daemon);
    assert!(!daemon.log().contains("retention deleted"));
}

#[test]
fn a_start_before_1970_says_that_the_clock_is_wrong() {
    let Some(clock) = Shifted::new("clocks: before 1970") else { return };
    let mut daemon = clock.daemon(&slow());
    daemon.record("PAYMENT.PAID");
    daemon.kill_9();
    clock.by(-60 * YEAR);
    for word in ["serve", "verify"] {
        let mut command = daemon.command();
        command.args([word, "--config"]).arg(daemon.config_file());
        command.env("LD_PRELOAD", &clock.library);
        command.env("CLOCK_FILE", clock.folder.path().join("clock"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{word}: {said}");
        assert!(said.contains("the clock of this machine is wrong") && !said.contains("damaged"), "{word}: {said}");
        assert!(!said.contains("panicked"), "{word}: {said}");
    }
    clock.by(0);
    daemon.spawn();
    assert_eq!(daemon.list("/api/events").len(), 1);
    assert!(fs::metadata(clock.data()).unwrap().is_dir());
}
