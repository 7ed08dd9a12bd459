//! What it costs to keep an event, with nobody to deliver it to.

use super::limits::WRITERS;
use super::{Bench, SETTLING, events};
use crate::common::daemon::Daemon;
use crate::common::load::Load;
use crate::common::stats::rate;

/// The most events one request takes.
const BATCH: u64 = 1000;

pub(crate) fn durable(bench: &mut Bench) {
    const SECTION: &str = "durable";
    let Bench { options, report, limits, .. } = bench;
    report.section("Durable events, no webhook");
    for writers in WRITERS {
        let limit = limits.group(options, writers);
        let daemon = Daemon::start();
        let load = events(&daemon, writers, options.count(if writers == 1 { 10_000 } else { 50_000 }));
        let (per_s, cpu_s, written) = store(&daemon, &load, load.count);
        let name = format!("durable, {writers} writers");
        report.against(SECTION, name, (per_s, "events/s"), (limit, "raw group commit"), None);
        report.add(SECTION, "  CPU for 10,000 events", cpu_s, "s");
        report.against(SECTION, "  written for each event", (written, "KiB"), (1.0, "its resource"), None);
    }
}

pub(crate) fn batch(bench: &mut Bench) {
    const SECTION: &str = "batch";
    let Bench { options, report, limits, .. } = bench;
    report.section("Batches of 1,000 events, two callers, no webhook");
    let limit = limits.group(options, 256);
    let daemon = Daemon::start();
    let load = events(&daemon, 2, options.count(100));
    let load = Load { path: "/api/events/batch".to_owned(), batch: Some(BATCH), ..load };
    let (per_s, cpu_s, written) = store(&daemon, &load, load.count * BATCH);
    report.against(SECTION, "durable", (per_s, "events/s"), (limit, "raw group commit, 256 writers"), None);
    report.add(SECTION, "  CPU for 10,000 events", cpu_s, "s");
    report.against(SECTION, "  written for each event", (written, "KiB"), (1.0, "its resource"), None);
}

/// Events a second, CPU seconds for 10,000 of them, KiB written for each.
fn store(daemon: &Daemon, load: &Load, count: u64) -> (f64, f64, f64) {
    Load { count: (load.count / 10).max(1), first: 1_000_000_000, ..load.clone() }.run();
    std::thread::sleep(SETTLING);
    let before = daemon.usage();
    let posted = load.run();
    std::thread::sleep(SETTLING);
    let usage = daemon.usage() - before;
    let each = |total: f64| total / count as f64;
    (
        rate(count, posted.first_us, posted.last_us),
        each(usage.cpu_s) * 10_000.0,
        each(usage.written_bytes as f64) / 1024.0,
    )
}
