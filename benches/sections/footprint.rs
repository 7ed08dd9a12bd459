//! What the daemon takes up: memory, the time of a start, its own size.

use super::{Bench, events};
use crate::common::daemon::{CARTEIRO, Daemon};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn show(bench: &mut Bench) {
    const SECTION: &str = "footprint";
    let Bench { options, report, sink, .. } = bench;
    report.section("Footprint");
    let daemon = Daemon::start();
    daemon.register(&sink.target(0), "*");
    std::thread::sleep(Duration::from_secs(2));
    let peers = "svix 1.100: 78 MiB, hook0 1.0: 92 MiB, all processes, on another run";
    report.beside(SECTION, "memory, idle", (daemon.pss_mib(), "MiB"), peers);
    sink.reset();
    let load = events(&daemon, 64, options.count(60_000));
    let mut running = load.start();
    let mut most = 0.0_f64;
    while !running.is_over() {
        most = most.max(daemon.pss_mib());
        std::thread::sleep(Duration::from_millis(100));
    }
    running.finish();
    sink.wait_for(load.count);
    report.add(SECTION, "memory, the most under load, 64 connections", most, "MiB");
    report.add(SECTION, "memory, after it", daemon.pss_mib(), "MiB");
    drop(daemon);

    let least = median((0..options.seconds(9, 5)).map(|_| version_ms()).collect());
    let starts = (0..options.seconds(9, 5)).map(|_| Daemon::unstarted().spawn_directly().as_secs_f64() * 1000.0);
    let start = median(starts.collect());
    report.against(SECTION, "start on an empty store, to ready", (start, "ms"), (least, "carteiro --version"), None);
    report.add(SECTION, "the binary", size_mib(), "MiB");
}

fn size_mib() -> f64 {
    std::fs::metadata(CARTEIRO).unwrap().len() as f64 / (1024.0 * 1024.0)
}

fn version_ms() -> f64 {
    let start = Instant::now();
    assert!(Command::new(CARTEIRO).arg("--version").output().unwrap().status.success());
    start.elapsed().as_secs_f64() * 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
