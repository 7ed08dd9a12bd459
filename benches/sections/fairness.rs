//! A healthy target beside fifty bad ones: what it is made to wait.
//!
//! Every event goes to all of them, so the daemon is asked for 51 times as much as when the healthy one is alone.
//! The run with fifty more healthy targets tells what of the difference is that, and what is that they are bad.

use super::delivery::posts;
use super::{Bench, events};
use crate::common::bad::Kind;
use crate::common::daemon::Daemon;
use crate::common::load::Load;
use crate::common::options::Options;
use crate::common::sink::Sink;
use crate::common::stats::Spread;
use std::time::Duration;

const BESIDE: usize = 50;
const PER_S: u64 = 100;
const SECTION: &str = "fairness";
/// The first events warm everything up, and are not counted.
const WARM_UP_S: u64 = 2;

/// How often each scene is played, all of them in turn: what else the machine does meanwhile is then no scene's own.
const ROUNDS: usize = 3;
const ALONE: &str = "alone";
const HEALTHY: &str = "beside 50 healthy";

/// What the healthy target waited for, in microseconds, over all rounds.
#[derive(Default)]
struct Waits {
    from_post_us: Vec<u64>,
    from_201_us: Vec<u64>,
    cpu_s: f64,
    lasted_s: f64,
}

/// What is beside it; nothing, if it is alone.
type Beside = Box<dyn Fn(&Sink, usize) -> Option<String>>;

pub(crate) fn show(bench: &mut Bench) {
    let Bench { options, report, sink, .. } = bench;
    report.section("A healthy target at 100 events a second, beside 50 that are sent the same");
    let mut scenes: Vec<(&str, Beside)> = vec![
        (ALONE, Box::new(|_, _| None)),
        (HEALTHY, Box::new(|sink, at| Some(sink.target(at + 1)))),
        ("bad ones of all kinds", Box::new(|sink, at| Some(bad(sink, Kind::ALL[at % Kind::ALL.len()], at)))),
    ];
    if !options.quick {
        for kind in Kind::ALL {
            scenes.push((kind.name(), Box::new(move |sink, at| Some(bad(sink, kind, at)))));
        }
    }
    let mut waits: Vec<Waits> = scenes.iter().map(|_| Waits::default()).collect();
    for _ in 0..if options.quick { 1 } else { ROUNDS } {
        for ((_, beside), waits) in scenes.iter().zip(&mut waits) {
            play(options, sink, beside, waits);
        }
    }
    let spread =
        |of: fn(&Waits) -> &Vec<u64>| waits.iter().map(|waits| Spread::of(of(waits).clone())).collect::<Vec<_>>();
    let (from_post, from_201) = (spread(|waits| &waits.from_post_us), spread(|waits| &waits.from_201_us));
    let (alone, healthy) = (from_post[0], from_post[1]);
    for (nth, (name, _)) in scenes.iter().enumerate() {
        for (of, value, alone) in
            [("p50", from_post[nth].p50_ms(), alone.p50_ms()), ("p99", from_post[nth].p99_ms(), alone.p99_ms())]
        {
            let like_svix = *name == Kind::Slow.name() && of == "p50";
            let svix = like_svix.then_some("svix 1.100 beside one such: 5.1 s, on another run");
            let figure = format!("{name}: from post to arrival, {of}");
            if nth == 0 {
                report.add(SECTION, figure, value, "ms");
            } else {
                report.against(SECTION, figure, (value, "ms"), (alone, "alone (goal: 1.5x)"), svix);
            }
        }
        if nth > 1 {
            // Nothing differs from these but that they are bad.
            let figure = format!("{name}: from post to arrival, p99");
            report.against(SECTION, figure, (from_post[nth].p99_ms(), "ms"), (healthy.p99_ms(), HEALTHY), None);
        }
        // The daemon may have delivered before its caller has read the 201: then there was nothing to wait for.
        report.add(SECTION, format!("{name}: from 201 to arrival, p99"), from_201[nth].p99_ms(), "ms");
        let share = waits[nth].cpu_s / waits[nth].lasted_s;
        report.add(SECTION, format!("{name}: the daemon's share of a processor"), share, "");
    }
}

fn bad(sink: &Sink, kind: Kind, at: usize) -> String {
    format!("http://{}/bad/{at}", sink.addresses().bad.of(kind))
}

fn play(options: &Options, sink: &mut Sink, beside: &Beside, waits: &mut Waits) {
    sink.reset();
    let daemon = Daemon::start();
    daemon.register(&sink.target(0), "*");
    for target in (0..BESIDE).map_while(|at| beside(sink, at)) {
        daemon.register(&target, "*");
    }
    let lasting_s = options.seconds(12, 5);
    let log = daemon.scratch().file("posts");
    let load = events(&daemon, 64, PER_S * lasting_s);
    let before = daemon.usage();
    Load { rate: Some(PER_S as f64), log: Some(log.clone()), ..load }.run();
    waits.cpu_s += (daemon.usage() - before).cpu_s;
    waits.lasted_s += lasting_s as f64;
    // What is pending for the healthy one comes now; the others may wait for ever.
    let deadline = std::time::Instant::now() + Duration::from_secs(if options.quick { 5 } else { 20 });
    let mut arrived = sink.arrivals(0);
    while (arrived.len() as u64) < PER_S * lasting_s && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        arrived = sink.arrivals(0);
    }
    // What has not come by now is as late as the wait was long, at least.
    let now = crate::common::clock::now_us();
    for (event, sent, answered) in posts(&log).filter(|(event, ..)| *event >= PER_S * WARM_UP_S) {
        let arrived_us = arrived.get(&event).copied().unwrap_or(now);
        waits.from_post_us.push(arrived_us.saturating_sub(sent));
        waits.from_201_us.push(arrived_us.saturating_sub(answered));
    }
}
