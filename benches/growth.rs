//! What things cost as the store grows: recording, delivering, listing, memory, disk, a restart.
//!
//! `cargo bench --bench growth` fills a store with 10,000, 100,000 and 1,000,000 events, each delivered, and measures
//! at each; that takes several minutes. After a `--`: `quick` stops at 100,000, `--full` goes on to 5,000,000;
//! `--csv FILE` and `--svg FILE` write the figures and a plot of them.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench that can't go on has failed, and its figures are far from where a cast would cut"
)]
#![expect(clippy::print_stdout, reason = "a bench prints what it has measured")]

mod common;

use common::child;
use common::daemon::Daemon;
use common::http::Caller;
use common::load::Load;
use common::options::Options;
use common::plot::{Line, Panel, plot};
use common::report::number;
use common::sink::Sink;
use common::stats::{Spread, rate};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What the one webhook subscribes to, and what it doesn't.
const SUBSCRIBED: &str = "PAYMENT.PAID";
const UNSUBSCRIBED: &str = "ORDER.CREATED";
/// How many events are posted before the sink is waited for: it holds what arrived in memory.
const FILL: u64 = 10_000;
const BATCH: u64 = 500;
/// How many events each probe has.
const PROBE: u64 = 4000;
/// How often each list is asked for.
const PAGES: u32 = 300;
/// How long the daemon is left alone before memory and disk are looked at.
const REST: Duration = Duration::from_secs(1);

/// The figures at one size, in the order they are read in.
#[derive(Default)]
struct Row(Vec<(&'static str, f64)>);

impl Row {
    fn insert(&mut self, name: &'static str, value: f64) {
        self.0.push((name, value));
    }

    fn get(&self, name: &str) -> f64 {
        self.0.iter().find(|(other, _)| *other == name).expect("every row has every figure").1
    }
}

struct Growth {
    daemon: Daemon,
    sink: Sink,
    webhook: String,
    /// How many events are stored, and so the number of the next.
    stored: u64,
}

fn main() {
    if child::played_a_role() {
        return;
    }
    let options = Options::read(&[], &["quick", "--full", "--svg", "--csv"]);
    common::scratch::clean_up_at_signals();
    let sink = Sink::start();
    let daemon = Daemon::start();
    let webhook = daemon.register(&sink.target(0), "PAYMENT.*");
    let mut growth = Growth { daemon, sink, webhook, stored: 0 };
    let mut rows = Vec::new();
    let sizes: &[u64] = match (options.quick, options.full) {
        (true, _) => &[10_000, 100_000],
        (false, false) => &[10_000, 100_000, 1_000_000],
        (false, true) => &[10_000, 100_000, 1_000_000, 5_000_000],
    };
    for size in sizes {
        let start = Instant::now();
        growth.fill(*size);
        println!("\n{} events stored and delivered, after {} s", number(*size as f64), start.elapsed().as_secs());
        let row = growth.measure();
        for (name, value) in &row.0 {
            println!("  {name:<44}{:>12}", number(*value));
        }
        rows.push((*size, row));
    }
    if let Some(path) = &options.csv {
        std::fs::write(path, csv(&rows)).unwrap();
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, plot(&panels(&rows))).unwrap();
    }
}

impl Growth {
    fn load(&self, event_type: &str, count: u64) -> Load {
        Load {
            address: self.daemon.address.clone(),
            path: "/api/events".to_owned(),
            token: self.daemon.token.clone(),
            event_type: event_type.to_owned(),
            connections: 16,
            count,
            batch: None,
            rate: None,
            first: self.stored,
            log: None,
        }
    }

    fn fill(&mut self, size: u64) {
        while self.stored < size {
            let count = FILL.min(size - self.stored).next_multiple_of(BATCH);
            let load = self.load(SUBSCRIBED, count / BATCH);
            self.sink.reset();
            Load { path: "/api/events/batch".to_owned(), batch: Some(BATCH), connections: 2, ..load }.run();
            self.sink.wait_for(count);
            self.stored += count;
        }
    }

    fn measure(&mut self) -> Row {
        let mut row = Row::default();
        let (per_s, cpu_s) = self.probe(UNSUBSCRIBED);
        row.insert("recorded, events/s", per_s);
        row.insert("recorded, CPU s for 10,000", cpu_s);
        let (per_s, cpu_s) = self.probe(SUBSCRIBED);
        row.insert("delivered, events/s", per_s);
        row.insert("delivered, CPU s for 10,000", cpu_s);
        self.lists(&mut row);
        std::thread::sleep(REST);
        row.insert("memory, MiB", self.daemon.pss_mib());
        row.insert("disk, MiB", self.daemon.disk_mib());
        row.insert("disk, KiB an event", self.daemon.disk_mib() * 1024.0 / self.stored as f64);
        let start = Instant::now();
        self.daemon.stop();
        row.insert("stop, ms", start.elapsed().as_secs_f64() * 1000.0);
        row.insert("start, ms", self.daemon.spawn_directly().as_secs_f64() * 1000.0);
        std::thread::sleep(REST);
        row.insert("memory after a start, MiB", self.daemon.pss_mib());
        row
    }

    /// Events a second, to their arrival where they are pending, and CPU seconds of the daemon for 10,000.
    fn probe(&mut self, event_type: &str) -> (f64, f64) {
        self.sink.reset();
        let before = self.daemon.usage();
        let posted = self.load(event_type, PROBE).run();
        self.stored += PROBE;
        let last_us = if event_type == SUBSCRIBED { self.sink.wait_for(PROBE).last_us } else { posted.last_us };
        std::thread::sleep(Duration::from_millis(300));
        let cpu_s = (self.daemon.usage() - before).cpu_s;
        (rate(PROBE, posted.first_us, last_us), cpu_s * 10_000.0 / PROBE as f64)
    }

    fn lists(&self, row: &mut Row) {
        let mut caller = self.daemon.caller();
        let middle = format!("p-{:010}", self.stored / 2);
        let found = caller.expect("GET", &format!("/api/events?resource_id={middle}"), "");
        let at = found["data"][0]["inserted_at"].as_str().unwrap().to_owned();
        let until = caller.expect("GET", &format!("/api/events?limit=50&to={at}"), "");
        let cursor = until["page"]["next_cursor"].as_str().unwrap().to_owned();
        let lists = [
            ("first page, p50 ms", "first page, p99 ms", "/api/events?limit=50".to_owned()),
            ("deep page, p50 ms", "deep page, p99 ms", format!("/api/events?limit=50&to={at}&cursor={cursor}")),
            ("by type, p50 ms", "by type, p99 ms", format!("/api/events?limit=50&type={UNSUBSCRIBED}")),
            ("by resource, p50 ms", "by resource, p99 ms", format!("/api/events?resource_id={middle}")),
            (
                "history of a webhook, p50 ms",
                "history of a webhook, p99 ms",
                format!("/api/notifications?limit=50&webhook_id={}", self.webhook),
            ),
            ("what failed, p50 ms", "what failed, p99 ms", "/api/notifications?limit=50&status=FAILED".to_owned()),
        ];
        for (p50, p99, path) in lists {
            let spread = time(&mut caller, &path);
            row.insert(p50, spread.p50_ms());
            row.insert(p99, spread.p99_ms());
        }
    }
}

fn time(caller: &mut Caller, path: &str) -> Spread {
    let samples = (0..PAGES).map(|_| {
        let start = Instant::now();
        caller.expect("GET", path, "");
        start.elapsed().as_micros() as u64
    });
    Spread::of(samples.collect())
}

fn csv(rows: &[(u64, Row)]) -> String {
    let mut text = String::from("stored");
    for (name, _) in rows.first().map_or(&[][..], |(_, row)| &row.0) {
        write!(text, ",\"{name}\"").unwrap();
    }
    text.push('\n');
    for (size, row) in rows {
        write!(text, "{size}").unwrap();
        for (_, value) in &row.0 {
            write!(text, ",{value:.4}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn panels(rows: &[(u64, Row)]) -> Vec<Panel> {
    let line = |label: &'static str, name: &str| Line {
        label,
        points: rows.iter().map(|(size, row)| (*size as f64, row.get(name))).collect(),
    };
    let panel = |title: &'static str, lines: Vec<Line>| Panel { title, lines };
    vec![
        panel(
            "Events a second",
            vec![line("recorded", "recorded, events/s"), line("delivered", "delivered, events/s")],
        ),
        panel(
            "CPU s for 10,000 events",
            vec![line("recorded", "recorded, CPU s for 10,000"), line("delivered", "delivered, CPU s for 10,000")],
        ),
        panel(
            "A page of 50, median, ms",
            vec![
                line("first", "first page, p50 ms"),
                line("deep", "deep page, p50 ms"),
                line("by type", "by type, p50 ms"),
                line("by webhook", "history of a webhook, p50 ms"),
            ],
        ),
        panel(
            "A page of 50, 99th percentile, ms",
            vec![
                line("first", "first page, p99 ms"),
                line("deep", "deep page, p99 ms"),
                line("by type", "by type, p99 ms"),
                line("by webhook", "history of a webhook, p99 ms"),
            ],
        ),
        panel("Memory, MiB", vec![line("at work", "memory, MiB"), line("after a start", "memory after a start, MiB")]),
        panel("Disk, KiB an event", vec![line("", "disk, KiB an event")]),
        panel("Start, ms", vec![line("", "start, ms")]),
        panel("Stop, ms", vec![line("", "stop, ms")]),
    ]
}
