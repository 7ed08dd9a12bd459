//! From the post to the target: how many a second, how soon, and for how much of a processor, beside the null relay.

use super::limits::CONNECTIONS;
use super::{Bench, deliver, events};
use crate::common::daemon::Daemon;
use crate::common::load::Load;
use crate::common::stats::Spread;

/// How many webhooks a fan-out goes to.
const FAN_OUT: usize = 10;
/// At which rate latency is measured: far from any limit, so that it is the way and not the queue that is seen.
const CALM_PER_S: u64 = 50;

pub(crate) fn one_target(bench: &mut Bench) {
    const SECTION: &str = "delivery";
    let Bench { options, report, limits, sink } = bench;
    report.section("Accepted and delivered to one target");
    for connections in CONNECTIONS {
        let count = options.count(if connections == 1 { 5000 } else { 30_000 });
        let relay = limits.relayed(sink, (connections, 1), count);
        let limit = limits.http(sink, options, connections);
        let daemon = Daemon::start();
        daemon.register(&sink.target(0), "*");
        let run = deliver(|| daemon.usage(), sink, &events(&daemon, connections, count), 1);
        let peers = match connections {
            1 => "svix 1.100: 522/s, hook0 1.0: 215/s, on another run",
            16 => "svix 1.100: 1,017/s, hook0 1.0: 215/s, on another run",
            _ => "svix 1.100: 913/s, hook0 1.0: 215/s, on another run",
        };
        let name = format!("delivered, {connections} connections");
        report.against(SECTION, name, (run.per_s, "/s"), (relay.per_s, "the null relay"), Some(peers));
        report.against(SECTION, "  the same", (run.per_s, "/s"), (limit.per_s, "load to sink"), None);
        report.against(
            SECTION,
            "  from post to 201, p50",
            (run.posted.answer.p50_ms(), "ms"),
            (limit.answer.p50_ms(), "load to sink"),
            None,
        );
        report.add(SECTION, "  from post to 201, p99", run.posted.answer.p99_ms(), "ms");
        let peers = "svix 1.100: 17.9 s, hook0 1.0: 74 s, all processes, on another run";
        report.against(
            SECTION,
            "  CPU for 10,000 deliveries",
            (run.cpu_s_per_10k(), "s"),
            (relay.cpu_s_per_10k(), "the null relay"),
            Some(peers),
        );
        let per_event = |count: u64| count as f64 / run.count as f64;
        report.add(SECTION, "  a thread waited, for each delivery", per_event(run.usage.waits), "times");
        report.against(
            SECTION,
            "  written for each event, its outcome included",
            (per_event(run.usage.written_bytes) / 1024.0, "KiB"),
            (1.0, "its resource"),
            None,
        );
    }
}

pub(crate) fn fan_out(bench: &mut Bench) {
    const SECTION: &str = "fanout";
    let Bench { options, report, limits, sink } = bench;
    report.section("Fan-out to 10 webhooks, 16 connections");
    let count = options.count(4000);
    let relay = limits.relayed(sink, (16, FAN_OUT), count);
    let daemon = Daemon::start();
    for target in 0..FAN_OUT {
        daemon.register(&sink.target(target), "*");
    }
    let run = deliver(|| daemon.usage(), sink, &events(&daemon, 16, count), FAN_OUT as u64);
    let peers = "svix 1.100: 3,073/s, hook0 1.0: 215/s, on another run";
    report.against(SECTION, "delivered", (run.per_s, "/s"), (relay.per_s, "the null relay"), Some(peers));
    report.against(
        SECTION,
        "  CPU for 10,000 deliveries",
        (run.cpu_s_per_10k(), "s"),
        (relay.cpu_s_per_10k(), "the null relay"),
        None,
    );
}

pub(crate) fn latency(bench: &mut Bench) {
    const SECTION: &str = "latency";
    let Bench { options, report, limits, sink } = bench;
    report.section("From sending the post to its arrival at the target, 50 a second");
    let (post, synced) = (limits.http(sink, options, 1).answer, limits.synced(options).spread);
    let daemon = Daemon::start();
    daemon.register(&sink.target(0), "*");
    let log = daemon.scratch().file("posts");
    let count = CALM_PER_S * options.seconds(20, 5);
    let load = events(&daemon, 16, count);
    deliver(|| daemon.usage(), sink, &Load { rate: Some(CALM_PER_S as f64), log: Some(log.clone()), ..load }, 1);
    let arrived = sink.arrivals(0);
    let way = posts(&log).filter_map(|(event, sent, _)| Some(arrived.get(&event)?.saturating_sub(sent)));
    let spread = Spread::of(way.collect());
    // The least there is to it: a request, a sync, and half of another request.
    let least = |post: f64, sync: f64| post + sync + post / 2.0;
    let what = "1.5 posts and a sync";
    let peers = "svix 1.100: 3.1 ms, hook0 1.0: 395 ms, on another run";
    let limit = least(post.p50_ms(), synced.p50_ms());
    report.against(SECTION, "p50", (spread.p50_ms(), "ms"), (limit, what), Some(peers));
    let peers = "svix 1.100: 6.1 ms, hook0 1.0: 991 ms, on another run";
    let limit = least(post.p99_ms(), synced.p99_ms());
    report.against(SECTION, "p99", (spread.p99_ms(), "ms"), (limit, what), Some(peers));
}

/// The log of a load: the number of each event, when it was sent, when it was answered.
pub(super) fn posts(log: &std::path::Path) -> impl Iterator<Item = (u64, u64, u64)> + use<> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').map(|field| field.parse().unwrap()))
        .map(|mut fields| {
            let mut next = || fields.next().unwrap();
            (next(), next(), next())
        })
        .collect();
    lines.into_iter()
}
