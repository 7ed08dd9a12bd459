//! The limits of the machine, measured in the same run as what is held against them; each once, when it is first asked
//! for.

use super::{Bench, Delivered, PAID, deliver, posts};
use crate::common::disk::{Synced, append_and_sync, group_commit};
use crate::common::load::Load;
use crate::common::options::Options;
use crate::common::relay::Relay;
use crate::common::sink::{Sink, path};
use crate::common::stats::{Spread, rate};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const CONNECTIONS: [usize; 3] = [1, 16, 64];
pub(crate) const WRITERS: [usize; 3] = [1, 16, 256];

/// The load straight at the sink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http {
    pub(crate) per_s: f64,
    pub(crate) answer: Spread,
    /// Of load and sink together: one request sent and one received, which is the least an event can cost.
    pub(crate) cpu_s_per_10k: f64,
}

#[derive(Default)]
pub(crate) struct Limits {
    http: BTreeMap<usize, Http>,
    /// By connections and targets.
    relayed: BTreeMap<(usize, usize), Delivered>,
    group: BTreeMap<usize, f64>,
    synced: Option<Synced>,
}

impl Limits {
    pub(crate) fn http(&mut self, sink: &mut Sink, options: &Options, connections: usize) -> Http {
        *self.http.entry(connections).or_insert_with(|| straight(sink, options, connections))
    }

    /// The null relay under the load that the daemon gets.
    pub(crate) fn relayed(&mut self, sink: &mut Sink, (connections, targets): (usize, usize), count: u64) -> Delivered {
        let relay = || {
            let relay = Relay::start(sink.addresses().good, (0..targets).map(path).collect());
            let load = posts(&relay.address, "none", connections, count);
            deliver(|| relay.usage(), sink, &load, targets as u64)
        };
        self.relayed.entry((connections, targets)).or_insert_with(relay).clone()
    }

    /// Events a second.
    pub(crate) fn group(&mut self, options: &Options, writers: usize) -> f64 {
        let lasting = Duration::from_millis(if options.quick { 500 } else { 2000 });
        *self.group.entry(writers).or_insert_with(|| {
            group_commit(writers, lasting / 10);
            group_commit(writers, lasting)
        })
    }

    pub(crate) fn synced(&mut self, options: &Options) -> Synced {
        let lasting = Duration::from_millis(if options.quick { 500 } else { 2000 });
        *self.synced.get_or_insert_with(|| {
            append_and_sync(lasting / 10);
            append_and_sync(lasting)
        })
    }
}

fn straight(sink: &mut Sink, options: &Options, connections: usize) -> Http {
    let load = Load {
        address: sink.addresses().good.to_string(),
        path: path(0),
        token: "none".to_owned(),
        event_type: PAID.to_owned(),
        connections,
        count: options.count(if connections == 1 { 20_000 } else { 100_000 }),
        batch: None,
        rate: None,
        first: 0,
        log: None,
    };
    Load { count: load.count / 10, ..load.clone() }.run();
    sink.reset();
    let before = sink.usage();
    let posted = load.run();
    let tally = sink.wait_for(load.count);
    let cpu_s = posted.cpu_s + (sink.usage() - before).cpu_s;
    Http {
        per_s: rate(load.count, posted.first_us, tally.last_us),
        answer: posted.answer,
        cpu_s_per_10k: cpu_s * 10_000.0 / load.count as f64,
    }
}

pub(crate) fn show(bench: &mut Bench) {
    const SECTION: &str = "limits";
    let Bench { options, report, limits, sink } = bench;
    report.section("Limits of this machine, in this run");
    for connections in CONNECTIONS {
        let http = limits.http(sink, options, connections);
        report.add(SECTION, format!("1 KiB POST, load to sink, {connections} connections"), http.per_s, "/s");
        report.add(SECTION, "  from request to answer, p50", http.answer.p50_ms(), "ms");
        report.add(SECTION, "  from request to answer, p99", http.answer.p99_ms(), "ms");
        report.add(SECTION, "  CPU of both ends for 10,000", http.cpu_s_per_10k, "s");
    }
    let synced = limits.synced(options);
    report.add(SECTION, "append 1 KiB + fdatasync, one writer", synced.per_s, "/s");
    report.add(SECTION, "  p50", synced.spread.p50_ms(), "ms");
    report.add(SECTION, "  p99", synced.spread.p99_ms(), "ms");
    for writers in WRITERS {
        let per_s = limits.group(options, writers);
        report.add(SECTION, format!("raw group commit, {writers} writers"), per_s, "events/s");
    }
}
