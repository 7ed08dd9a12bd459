//! A healthy target beside fifty bad ones: what it is made to wait.
//!
//! Every event is owed to all of them, so the daemon is asked for 51 times as much as when the healthy one is alone. The run with
//! fifty more healthy targets tells what of the difference is that, and what is that they are bad.

use super::delivery::posts;
use super::{Bench, events};
use crate::common::bad::Kind;
use crate::common::daemon::Daemon;
use crate::common::load::Load;
use crate::common::options::Options;
use crate::common::report::Report;
use crate::common::sink::Sink;
use crate::common::stats::Spread;
use std::time::Duration;

const BESIDE: usize = 50;
const PER_S: u64 = 100;
/// The first events warm everything up, and are not counted.
const WARM_UP_S: u64 = 2;

/// Of the healthy target.
struct Waits {
    from_post: Spread,
    from_201: Spread,
    cpu_share: f64,
}

pub(crate) fn show(bench: &mut Bench) {
    const SECTION: &str = "fairness";
    let Bench { options, report, sink, .. } = bench;
    report.section("A healthy target at 100 events a second, beside 50 that are owed the same");
    let alone = run(options, sink, options.seconds(20, 5), |_, _| {});
    report.add(SECTION, "alone: from post to arrival, p50", alone.from_post.p50_ms(), "ms");
    report.add(SECTION, "alone: from post to arrival, p99", alone.from_post.p99_ms(), "ms");
    show_rest(report, "alone", &alone);
    let mut scenes: Vec<(&str, Beside, u64)> = vec![
        (HEALTHY, Box::new(|sink, at| sink.target(at + 1)), options.seconds(20, 5)),
        (
            "bad ones of all kinds",
            Box::new(|sink, at| bad(sink, Kind::ALL[at % Kind::ALL.len()], at)),
            options.seconds(40, 15),
        ),
    ];
    if !options.quick {
        for kind in Kind::ALL {
            scenes.push((kind.name(), Box::new(move |sink, at| bad(sink, kind, at)), 20));
        }
    }
    let mut healthy = None;
    for (name, target, lasting_s) in scenes {
        let waits = run(options, sink, lasting_s, |daemon, sink| {
            for at in 0..BESIDE {
                daemon.register(&target(sink, at), "*");
            }
        });
        // Against the healthy ones nothing differs but that these are bad.
        let limits = [(&alone, "alone"), (healthy.as_ref().unwrap_or(&alone), HEALTHY)];
        for (limit, what) in &limits[..if name == HEALTHY { 1 } else { 2 }] {
            for (of, value, limit) in [
                ("p50", waits.from_post.p50_ms(), limit.from_post.p50_ms()),
                ("p99", waits.from_post.p99_ms(), limit.from_post.p99_ms()),
            ] {
                let like_svix = name == Kind::Slow.name() && of == "p50" && *what == "alone";
                let svix = like_svix.then_some("svix 1.100 beside one such: 5.1 s, on another run");
                let name = format!("{name}: from post to arrival, {of}");
                report.against(SECTION, name, (value, "ms"), (limit, format!("{what} (goal: 1.5x)")), svix);
            }
        }
        show_rest(report, name, &waits);
        if name == HEALTHY {
            healthy = Some(waits);
        }
    }
    if !options.quick {
        // How far two runs of the same differ tells what the ratios above are worth.
        let again = run(options, sink, options.seconds(15, 5), |_, _| {});
        for (of, value, limit) in [
            ("p50", again.from_post.p50_ms(), alone.from_post.p50_ms()),
            ("p99", again.from_post.p99_ms(), alone.from_post.p99_ms()),
        ] {
            let name = format!("alone once more: from post to arrival, {of}");
            report.against(SECTION, name, (value, "ms"), (limit, "alone"), None);
        }
    }
}

const HEALTHY: &str = "beside 50 healthy";

/// The daemon may have delivered before its caller has read the 201: then there was nothing to wait for.
fn show_rest(report: &mut Report, name: &str, waits: &Waits) {
    for (what, value) in
        [("from 201 to arrival, p50", waits.from_201.p50_ms()), ("from 201 to arrival, p99", waits.from_201.p99_ms())]
    {
        report.add("fairness", format!("{name}: {what}"), value, "ms");
    }
    report.add("fairness", format!("{name}: the daemon's share of a processor"), waits.cpu_share, "");
}

type Beside = Box<dyn Fn(&Sink, usize) -> String>;

fn bad(sink: &Sink, kind: Kind, at: usize) -> String {
    format!("http://{}/bad/{at}", sink.addresses().bad.of(kind))
}

fn run(options: &Options, sink: &mut Sink, lasting_s: u64, beside: impl FnOnce(&Daemon, &Sink)) -> Waits {
    sink.reset();
    let daemon = Daemon::start();
    daemon.register(&sink.target(0), "*");
    beside(&daemon, sink);
    let log = daemon.room().file("posts");
    let load = events(&daemon, 64, PER_S * lasting_s);
    let before = daemon.usage();
    Load { rate: Some(PER_S as f64), log: Some(log.clone()), ..load }.run();
    let usage = daemon.usage() - before;
    // What the healthy one is still owed comes now; the others may be owed for ever.
    let deadline = std::time::Instant::now() + Duration::from_secs(if options.quick { 5 } else { 20 });
    let mut arrived = sink.arrivals(0);
    while (arrived.len() as u64) < PER_S * lasting_s && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        arrived = sink.arrivals(0);
    }
    let warm = PER_S * WARM_UP_S;
    let counted: Vec<_> = posts(&log).filter(|(event, ..)| *event >= warm).collect();
    // What has not come by now is as late as the wait was long, at least.
    let now = crate::common::clock::now_us();
    let way = |from: fn(&(u64, u64, u64)) -> u64| {
        let came = |event: u64| arrived.get(&event).copied().unwrap_or(now);
        Spread::of(counted.iter().map(|post| came(post.0).saturating_sub(from(post))).collect())
    };
    Waits {
        from_post: way(|(_, sent, _)| *sent),
        from_201: way(|(_, _, answered)| *answered),
        cpu_share: usage.cpu_s / lasting_s as f64,
    }
}
